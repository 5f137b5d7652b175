//! A length on the film. In: two film points. Out: a line with its length, in every viewport.

use egui::{Align2, Painter, Pos2, Rect, Stroke, TextStyle, Ui, vec2};

use super::pane::transform;
use crate::window::app::App;
use crate::window::widgets::text;

/// Draws the ruler, if something was measured.
pub fn show(app: &App, ui: &Ui, rect: Rect, pixels: [usize; 2]) {
    let (Some(ruler), Some(film)) = (app.light_box.kept.ruler, &app.film) else { return };
    let (look, view, scale) = (&app.look, transform(app, pixels, false), ui.pixels_per_point());
    let place = |point: [f32; 2]| {
        let [x, y] = view.to_screen(point, pixels);
        rect.min + vec2(x / scale, y / scale)
    };
    let (from, to) = (place(ruler.from), place(ruler.to));
    let painter = ui.painter_at(rect);
    for (width, ink) in [(2.0 * look.size.outline, look.colour.halo), (look.size.outline, look.colour.accent)] {
        line(&painter, from, to, look.size.handle, Stroke::new(width, ink));
    }
    let words = ruler.length(film.view.radiograph.metadata.spacing_mm).to_string();
    let right = if from.x > to.x { from } else { to };
    let at = right + vec2(look.size.pad, 0.0);
    let font = TextStyle::Body.resolve(ui.style());
    // Near the right edge the words stand left of the line's end.
    let width = painter.layout_no_wrap(words.clone(), font.clone(), look.colour.accent).size().x;
    let (at, anchor) = if at.x + width > rect.right() {
        (right - vec2(0.0, 2.0 * look.size.pad), Align2::RIGHT_BOTTOM)
    } else {
        (at, Align2::LEFT_CENTER)
    };
    text::on_film(&painter, at, anchor, &words, font, look.colour.on_film, look.colour.halo);
}

/// A line with a tick across each end.
fn line(painter: &Painter, from: Pos2, to: Pos2, tick: f32, stroke: Stroke) {
    painter.line_segment([from, to], stroke);
    let across = (to - from).normalized().rot90() * tick;
    for end in [from, to] {
        painter.line_segment([end - across, end + across], stroke);
    }
}
