//! The rectangle of a search by example: left drag draws it on the film, and it is seen in every viewport. In: the hand. Out:
//! two corners in film pixels, and a search once the hand lets go.

use egui::{PointerButton, Rect, Response, Stroke, StrokeKind, Ui, vec2};

use super::pane::transform;
use crate::window::app::App;

/// Takes this frame's drag; true when the left button draws rectangles.
pub fn take(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) -> bool {
    if !app.region.is_drawing || app.film.is_none() {
        return false;
    }
    let view = transform(app, pixels, false);
    let point = |hand: egui::Pos2| {
        let at = (hand - rect.min) * ui.pixels_per_point();
        view.to_film([at.x, at.y], pixels)
    };
    let origin = ui.input(|input| input.pointer.press_origin());
    if response.dragged_by(PointerButton::Primary)
        && let (Some(from), Some(to)) = (origin, response.interact_pointer_pos())
    {
        app.light_box.dragging = true;
        app.region.drawn = Some([point(from), point(to)]);
    }
    if response.drag_stopped_by(PointerButton::Primary) {
        app.search_region();
    }
    response.clicked()
        || response.dragged_by(PointerButton::Primary)
        || response.drag_stopped_by(PointerButton::Primary)
}

/// Shows the rectangle.
pub fn show(app: &App, ui: &Ui, rect: Rect, pixels: [usize; 2]) {
    let Some(corners) = app.region.drawn.filter(|_| app.film.is_some()) else { return };
    let (look, view, scale) = (&app.look, transform(app, pixels, false), ui.pixels_per_point());
    let [from, to] = corners.map(|point| {
        let [x, y] = view.to_screen(point, pixels);
        rect.min + vec2(x / scale, y / scale)
    });
    let painter = ui.painter_at(rect);
    for (width, ink) in [(2.0 * look.size.outline, look.colour.halo), (look.size.outline, look.colour.accent)] {
        painter.rect_stroke(Rect::from_two_pos(from, to), 0.0, Stroke::new(width, ink), StrokeKind::Middle);
    }
}
