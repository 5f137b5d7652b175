//! The brush on the pictures: left drag paints where a feature's edit applies, and the painted cells are seen. In: the hand.
//! Out: a changed edit, and an outline.

use egui::{Modifiers, PointerButton, Rect, Response, Shape, Stroke, Ui, pos2, vec2};

use super::pane::transform;
use crate::window::app::App;

/// Takes this frame's stroke; true when the left button is the brush's.
pub fn take(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) -> bool {
    if app.brush.feature.is_none() || !app.can_edit() {
        return false;
    }
    let is_down =
        response.is_pointer_button_down_on() && ui.input(|input| input.pointer.button_down(PointerButton::Primary));
    if let Some(hand) = response.interact_pointer_pos().filter(|_| is_down) {
        let place = on_film(app, ui, rect, pixels, hand);
        let modifiers: Modifiers = ui.input(|input| input.modifiers);
        app.paint(place, app.brush.erases || modifiers.shift);
    }
    is_down || response.clicked() || response.dragged_by(PointerButton::Primary)
}

/// A place on screen in film pixels.
fn on_film(app: &App, ui: &Ui, rect: Rect, pixels: [usize; 2], hand: egui::Pos2) -> [f32; 2] {
    let at = (hand - rect.min) * ui.pixels_per_point();
    transform(app, pixels, false).to_film([at.x, at.y], pixels)
}

/// Shows the cells of the brushed feature's region, and the brush under the hand.
pub fn show(app: &App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) {
    let (Some(index), Some(manifest), Some(film)) = (app.brush.feature, app.manifest(), &app.film) else { return };
    let Some([rows, columns]) = manifest.latent.grid else { return };
    let look = &app.look;
    let [width, height] = film.size();
    let seen = manifest.encoder_input().seen(width, height);
    let view = transform(app, pixels, false);
    let scale = ui.pixels_per_point();
    let place = |column: f32, row: f32| {
        let x = seen.x + f64::from(column) / columns as f64 * seen.width;
        let y = seen.y + f64::from(row) / rows as f64 * seen.height;
        let at = view.to_screen([x as f32, y as f32], pixels);
        rect.min + vec2(at[0] / scale, at[1] / scale)
    };
    let painter = ui.painter_at(rect);
    let edit = app.edit();
    if let Some(region) = edit.regions.get(&index) {
        let is_inside = |column: isize, row: isize| {
            let on_grid = (0..columns as isize).contains(&column) && (0..rows as isize).contains(&row);
            on_grid && region.contains(row as usize * columns + column as usize)
        };
        let mut lines = Vec::new();
        for row in 0..rows as isize {
            for column in (0..columns as isize).filter(|&column| is_inside(column, row)) {
                let (x, y) = (column as f32, row as f32);
                let cell = Rect::from_two_pos(place(x, y), place(x + 1.0, y + 1.0));
                painter.rect_filled(cell, 0.0, look.colour.outline.gamma_multiply(0.12));
                for (beside, from, to) in [
                    ((column, row - 1), (x, y), (x + 1.0, y)),
                    ((column, row + 1), (x, y + 1.0), (x + 1.0, y + 1.0)),
                    ((column - 1, row), (x, y), (x, y + 1.0)),
                    ((column + 1, row), (x + 1.0, y), (x + 1.0, y + 1.0)),
                ] {
                    if !is_inside(beside.0, beside.1) {
                        lines.push([place(from.0, from.1), place(to.0, to.1)]);
                    }
                }
            }
        }
        // A dark halo first, so that the line is seen on white too.
        for (line, ink) in [(2.0 * look.size.outline, look.colour.halo), (look.size.outline, look.colour.outline)] {
            painter.extend(lines.iter().map(|ends| Shape::line_segment(*ends, Stroke::new(line, ink))));
        }
    }
    if let Some(hand) = response.hover_pos() {
        let cell = place(1.0, 1.0) - place(0.0, 0.0);
        let radius = app.brush.radius * cell.x.abs().max(1.0);
        for (line, ink) in [(2.0 * look.size.stroke, look.colour.halo), (look.size.stroke, look.colour.on_film)] {
            painter.circle_stroke(pos2(hand.x, hand.y), radius, Stroke::new(line, ink));
        }
    }
}
