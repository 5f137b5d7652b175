//! The line between two pictures in one viewport. In: drags and arrow keys. Out: its place, and the line itself.

use egui::accesskit::{Action, ActionData};
use egui::{Align2, CursorIcon, EventFilter, Key, Rect, Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::Pane;
use crate::window::app::App;
use crate::window::widgets::text;

/// One press of an arrow key, as a share of the viewport.
const KEY_STEP: f32 = 0.02;

/// Whether a viewport shows two pictures now.
pub fn is_on(app: &App, pane: Pane) -> bool {
    pane == Pane::Counterfactual && app.light_box.kept.wipe.on && !app.light_box.before
}

/// Takes the line's drags; before the pictures are drawn, so that they follow in the same frame.
pub fn take(app: &mut App, ui: &Ui, rect: Rect) {
    let look = app.look;
    let at = &mut app.light_box.kept.wipe.at;
    let x = egui::lerp(rect.left()..=rect.right(), *at);
    let grip = Rect::from_center_size(pos2(x, rect.center().y), vec2(2.0 * look.size.pad, rect.height()));
    let response = ui.interact(grip, egui::Id::unique("wipe"), Sense::click_and_drag());
    let response = response.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    if let Some(hand) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
        *at = ((hand.x - rect.left()) / rect.width().max(1.0)).clamp(0.0, 1.0);
        app.light_box.dragging = true;
    }
    let at = &mut app.light_box.kept.wipe.at;
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let pressed = |key| ui.input(|input| input.num_presses(key)) as f32;
        *at = (*at + KEY_STEP * (pressed(Key::ArrowRight) - pressed(Key::ArrowLeft))).clamp(0.0, 1.0);
    }
    ui.input(|input| {
        for request in input.accesskit_action_requests(response.id, Action::SetValue) {
            if let Some(ActionData::NumericValue(value)) = request.data {
                *at = (value as f32).clamp(0.0, 1.0);
            }
        }
    });
    let place = f64::from(*at);
    response.widget_info(|| WidgetInfo::slider(true, place, "wipe line"));
}

/// What is right of the line.
pub fn right_name(app: &App) -> &'static str {
    if app.shows_change_on_film() { "changed" } else { Pane::Counterfactual.name() }
}

/// Draws the line, with what is on each side of it.
pub fn show(app: &App, ui: &Ui, rect: Rect) {
    let (look, wipe) = (&app.look, app.light_box.kept.wipe);
    let painter = ui.painter_at(rect);
    let x = egui::lerp(rect.left()..=rect.right(), wipe.at);
    for (width, ink) in [(3.0 * look.size.stroke, look.colour.halo), (look.size.stroke, look.colour.accent)] {
        painter.vline(x, rect.y_range(), Stroke::new(width, ink));
    }
    painter.circle_filled(pos2(x, rect.center().y), look.size.handle, look.colour.accent);
    let font = TextStyle::Small.resolve(ui.style());
    let y = rect.bottom() - 4.0 * look.size.row;
    let names = [(-1.0, Align2::RIGHT_BOTTOM, wipe.with.name()), (1.0, Align2::LEFT_BOTTOM, right_name(app))];
    for (side, anchor, words) in names {
        let at = pos2(x + side * look.size.pad, y);
        text::on_film(&painter, at, anchor, words, font.clone(), look.colour.on_film, look.colour.halo);
    }
}
