//! Words in a given place: cut with an ellipsis where they do not fit, or with a halo on a film.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Ui, vec2};

/// Words cut to a width.
pub fn cut(ui: &Ui, text: &str, font: FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, colour));
    job.wrap = TextWrapping::truncate_at_width(width);
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// Paints words in a rectangle, in the middle of its height, at its left, middle or right.
pub fn put(ui: &Ui, rect: Rect, align: egui::Align, text: &str, font: FontId, colour: Color32) {
    let galley = cut(ui, text, font, colour, rect.width());
    let place = Align2([align, egui::Align::Center]).align_size_within_rect(galley.size(), rect);
    ui.painter().galley(place.min, galley, colour);
}

/// Paints lines on a film, readable on black and on white; returns where they are.
pub fn on_film(
    painter: &Painter,
    at: Pos2,
    anchor: Align2,
    text: &str,
    font: FontId,
    ink: Color32,
    halo: Color32,
) -> Rect {
    let galley = painter.layout_no_wrap(text.to_owned(), font, ink);
    let rect = anchor.anchor_size(at, galley.size());
    let shade = halo.gamma_multiply(0.55);
    for (x, y) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)]
    {
        painter.galley_with_override_text_color(rect.min + vec2(x, y), Arc::clone(&galley), shade);
    }
    painter.galley(rect.min, galley, ink);
    rect
}
