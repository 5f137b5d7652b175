//! What a hand does in a viewport: left drag changes the window, moves the film or measures, as chosen; right or middle
//! drag moves, the wheel zooms. Shift makes a drag of the window finer, Ctrl coarser.

use egui::{PointerButton, Rect, Response, Ui};
use fluoro_core::radiograph::Window;

use super::Pane;
use super::pane::transform;
use super::reading::{LeftHand, Ruler};
use crate::window::app::App;

/// Points of dragging that change the window by its own first width.
const POINTS_FOR_WIDTH: f32 = 400.0;
/// The same drag with Shift, and with Ctrl.
const FINE: f32 = 0.2;
const COARSE: f32 = 4.0;
/// Points of the wheel that double the zoom.
const POINTS_TO_DOUBLE: f32 = 240.0;
/// Narrowest window, as a share of the first.
const NARROWEST: f32 = 0.01;

/// Takes this frame's gestures.
pub fn take(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2], pane: Pane) {
    let left = app.light_box.left;
    if response.dragged_by(PointerButton::Primary) {
        app.light_box.dragging = true;
        match left {
            LeftHand::Window => window(app, ui, response, pane),
            LeftHand::Pan => pan(app, ui, response, pixels),
            LeftHand::Measure if pane == Pane::Prior => {}
            LeftHand::Measure => measure(app, ui, response, rect, pixels),
        }
    }
    if response.dragged_by(PointerButton::Secondary) || response.dragged_by(PointerButton::Middle) {
        app.light_box.dragging = true;
        pan(app, ui, response, pixels);
    }
    let Some(hand) = response.hover_pos() else { return };
    let scale = ui.pixels_per_point();
    let at = (hand - rect.min) * scale;
    app.light_box.pointer = Some((pane, transform(app, pixels, false).to_film([at.x, at.y], pixels)));
    let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
    let factor = (wheel / POINTS_TO_DOUBLE).exp2() * pinch;
    if factor != 1.0 {
        app.light_box.kept.transform = Some(transform(app, pixels, false).zoomed_at([at.x, at.y], factor, pixels));
    }
}

fn window(app: &mut App, ui: &Ui, response: &Response, pane: Pane) {
    let Some(film) = &app.film else { return };
    let own = film.default_window;
    let window = app.light_box.window_of(pane).unwrap_or(own);
    let pace = ui.input(|input| match (input.modifiers.shift, input.modifiers.command) {
        (true, _) => FINE,
        (false, true) => COARSE,
        (false, false) => 1.0,
    });
    let (delta, step) = (response.drag_delta(), pace * own.width / POINTS_FOR_WIDTH);
    let width = (window.width + delta.x * step).max(own.width * NARROWEST).max(f32::MIN_POSITIVE);
    // Up is brighter.
    let window = Window { center: window.center + delta.y * step, width, ..window };
    app.light_box.set_window(pane, Some(window));
}

fn pan(app: &mut App, ui: &Ui, response: &Response, pixels: [usize; 2]) {
    let delta = response.drag_delta() * ui.pixels_per_point();
    if let Some(film) = &app.film {
        let moved = transform(app, pixels, false).panned([delta.x, delta.y], film.size());
        app.light_box.kept.transform = Some(moved);
    }
}

fn measure(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) {
    let view = transform(app, pixels, false);
    let point = |hand: egui::Pos2| {
        let at = (hand - rect.min) * ui.pixels_per_point();
        view.to_film([at.x, at.y], pixels)
    };
    let origin = ui.input(|input| input.pointer.press_origin());
    if let (Some(from), Some(to)) = (origin, response.interact_pointer_pos()) {
        app.light_box.kept.ruler = Some(Ruler { from: point(from), to: point(to) });
    }
}
