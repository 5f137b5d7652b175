//! A score before and after, as a bar with the operating point marked.

use egui::{Painter, Rect, Stroke, pos2};

use crate::window::tokens::Look;

/// Where every label's operating point lies after normalisation.
pub const OPERATING_POINT: f32 = 0.5;

/// Paints the bar: filled to the score now, the change in colour, a tick at the operating point `point`.
pub fn score(painter: &Painter, look: &Look, rect: Rect, before: f32, after: f32, point: f32) {
    let (colour, size) = (&look.colour, &look.size);
    let area = Rect::from_center_size(rect.center(), egui::vec2(rect.width(), size.bar));
    let x = |score: f32| egui::lerp(area.x_range(), if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 });
    let part =
        |from: f32, to: f32| Rect::from_min_max(pos2(from.min(to), area.top()), pos2(from.max(to), area.bottom()));
    painter.rect_filled(area, 0.0, colour.line);
    // A score above its operating point is what a reader looks for first.
    let ink = if after >= point { colour.text } else { colour.secondary };
    painter.rect_filled(part(area.left(), x(after)), 0.0, ink);
    if (after - before).abs() >= 0.005 {
        let moved = if after > before { colour.added } else { colour.removed };
        painter.rect_filled(part(x(before), x(after)), 0.0, moved);
    }
    let tick = x(point);
    painter.vline(tick, area.top() - size.tick..=area.bottom() + size.tick, Stroke::new(size.stroke, colour.warning));
}
