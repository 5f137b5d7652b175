//! What a hand does in a viewport: left drag changes the window, right or middle drag moves, the wheel zooms.

use egui::{PointerButton, Rect, Response, Ui};
use fluoro_core::radiograph::Window;

use super::pane::transform;
use crate::window::app::App;

/// Points of dragging that change the window by its own first width.
const POINTS_FOR_WIDTH: f32 = 400.0;
/// Points of the wheel that double the zoom.
const POINTS_TO_DOUBLE: f32 = 240.0;
/// Narrowest window, as a share of the first.
const NARROWEST: f32 = 0.01;

/// Takes this frame's gestures.
pub fn take(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) {
    let scale = ui.pixels_per_point();
    if response.dragged_by(PointerButton::Primary) {
        let delta = response.drag_delta();
        app.light_box.dragging = true;
        if let Some(film) = &app.film {
            let own = film.default_window;
            let window = app.light_box.window.unwrap_or(own);
            let step = own.width / POINTS_FOR_WIDTH;
            let width = (window.width + delta.x * step).max(own.width * NARROWEST).max(f32::MIN_POSITIVE);
            // Up is brighter.
            let window = Window { center: window.center + delta.y * step, width, ..window };
            app.light_box.window = Some(window);
        }
    }
    if response.dragged_by(PointerButton::Secondary) || response.dragged_by(PointerButton::Middle) {
        let delta = response.drag_delta() * scale;
        app.light_box.dragging = true;
        if let Some(film) = &app.film {
            let moved = transform(app, pixels, false).panned([delta.x, delta.y], film.size());
            app.light_box.transform = Some(moved);
        }
    }
    let Some(hand) = response.hover_pos() else { return };
    let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
    let factor = (wheel / POINTS_TO_DOUBLE).exp2() * pinch;
    if factor != 1.0 {
        let at = (hand - rect.min) * scale;
        app.light_box.transform = Some(transform(app, pixels, false).zoomed_at([at.x, at.y], factor, pixels));
    }
}
