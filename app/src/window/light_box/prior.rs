//! The viewport of another film: what it shows, and a hand that moves it by itself.

use std::sync::Arc;

use egui::{PointerButton, Rect, Response, Ui};
use fluoro_core::display::ViewTransform;
use fluoro_core::radiograph::Window;

use super::pane::transform;
use super::sheet::{Kind, Pixels, Sheet};
use crate::window::app::App;
use crate::window::state::films::{OpenFilm, edges};

/// Points of the wheel that double the size, as for the other viewports.
const POINTS_TO_DOUBLE: f32 = 240.0;

/// What the viewport shows, and its window; none while the film is being read.
pub fn sheet(app: &App, film: &OpenFilm, window: Window) -> Option<(Sheet, Window)> {
    let prior = app.prior.as_ref()?;
    let (radiograph, pyramid) = prior.film()?;
    let own = radiograph.default_window();
    // As bright on its film as the window on screen is on the current one.
    let window = if window == film.default_window {
        own
    } else {
        let [low, high] = edges(&own);
        film.frame_window(window, [low, high])
    };
    let sheet = Sheet {
        key: (Kind::Prior, prior.version),
        pixels: Pixels::Film(Arc::clone(radiograph)),
        on_device: None,
        pyramid: Some(Arc::clone(pyramid)),
        extent: prior.extent(radiograph, &film.view.radiograph),
    };
    Some((sheet, window))
}

/// Takes the gestures that move it by itself; false where they are those of all viewports.
pub fn take(app: &mut App, ui: &Ui, response: &Response, rect: Rect, pixels: [usize; 2]) -> bool {
    if app.prior.as_ref().is_none_or(|prior| prior.is_linked) || response.dragged_by(PointerButton::Primary) {
        return false;
    }
    let scale = ui.pixels_per_point();
    let ViewTransform { zoom, turn, .. } = transform(app, pixels, false);
    let middle = app.film.as_ref().map(|film| film.size().map(|side| side as f32 / 2.0)).unwrap_or_default();
    let hand = response.hover_pos().map(|hand| (hand - rect.min) * scale);
    let under = hand.map(|hand| transform(app, pixels, false).to_film([hand.x, hand.y], pixels));
    let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
    let Some(prior) = &mut app.prior else { return false };
    if response.dragged_by(PointerButton::Secondary) || response.dragged_by(PointerButton::Middle) {
        let delta = response.drag_delta() * scale / zoom;
        let [x, y] = turn.to_film([delta.x, delta.y]);
        prior.offset = [prior.offset[0] + x, prior.offset[1] + y];
        app.light_box.dragging = true;
    }
    if let Some(under) = under {
        let factor = ((wheel / POINTS_TO_DOUBLE).exp2() * pinch).clamp(0.05 / prior.scale, 20.0 / prior.scale);
        if factor != 1.0 {
            // What is under the pointer stays there.
            prior.offset = [0, 1].map(|axis| {
                let from_middle = under[axis] - middle[axis];
                from_middle - (from_middle - prior.offset[axis]) * factor
            });
            prior.scale *= factor;
        }
    }
    true
}
