//! A slider for an activation or a finding: the film's own value is marked, values never seen are in warning colour.
//!
//! In: value, range, own value, ticks. Out: the response, changed when the hand, the wheel or the keyboard moved it.

use egui::accesskit::{Action, ActionData};
use egui::{EventFilter, Key, Rect, Response, Sense, Stroke, Ui, WidgetInfo, pos2};

use crate::window::tokens::Look;

/// Points within which the handle snaps to the film's own value.
const SNAP: f32 = 4.0;
/// Steps of the keyboard from one end to the other.
const KEY_STEPS: f32 = 50.0;
/// Of these steps, how many PageUp and PageDown take; with Shift the arrows take a tenth of one.
const PAGE: f32 = 5.0;
const FINE: f32 = 0.1;
/// Points of the wheel for one of these steps.
const POINTS_FOR_STEP: f32 = 25.0;
/// Seconds without a turn after which the wheel is still.
const WHEEL_REST: f32 = 0.3;

/// One slider.
pub struct Slider<'a> {
    /// Its accessible name.
    pub label: &'a str,
    /// First and last value.
    pub range: [f32; 2],
    /// The film's own value: the fill starts here and the handle snaps to it.
    pub origin: f32,
    /// Values above this were never seen.
    pub seen: Option<f32>,
}

/// What a slider of a list has besides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// Values that are marked below the track, such as quantiles of a dataset.
    pub ticks: &'a [f32],
    /// A wheel that begins to turn while the hand rests on the slider turns it; see [`holds_wheel`].
    pub wheel: bool,
}

/// The slider on which the hand rested when the wheel was last still, and in which frame; and that frame.
#[derive(Clone, Copy, Default)]
struct WheelRest {
    slider: Option<(egui::Id, u64)>,
    still: u64,
}

fn wheel_key() -> egui::Id {
    egui::Id::unique("slider wheel")
}

/// Whether the wheel turns a slider now, so that a list holds still. A panel asks before it shows its list, once a frame.
pub fn holds_wheel(ui: &Ui) -> bool {
    let is_still = ui.input(|input| !input.is_scrolling() && input.time_since_last_scroll() > WHEEL_REST);
    let pass = ui.ctx().cumulative_pass_nr();
    ui.data_mut(|data| {
        let rest = data.get_temp_mut_or_default::<WheelRest>(wheel_key());
        if is_still {
            rest.still = pass;
        }
        !is_still && rest.slider.is_some_and(|(_, seen)| seen == rest.still)
    })
}

/// Whether a slider has the keyboard: then PageUp and PageDown are its own.
pub fn has_keyboard(ctx: &egui::Context) -> bool {
    let focused = ctx.memory(egui::Memory::focused);
    focused.is_some() && ctx.data(|data| data.get_temp::<egui::Id>(egui::Id::unique("slider focus"))) == focused
}

impl Slider<'_> {
    /// Shows the slider in `rect`.
    pub fn show(&self, ui: &mut Ui, look: &Look, rect: Rect, id: egui::Id, value: &mut f32) -> Response {
        self.show_with(ui, look, rect, id, value, Extras::default())
    }

    /// Shows the slider in `rect`, with ticks and the wheel. A value outside the range, which was typed, stays until the
    /// slider is moved.
    pub fn show_with(
        &self,
        ui: &mut Ui,
        look: &Look,
        rect: Rect,
        id: egui::Id,
        value: &mut f32,
        extras: Extras<'_>,
    ) -> Response {
        let sense = if ui.is_enabled() { Sense::click_and_drag() } else { Sense::hover() };
        let mut response = ui.interact(rect, id, sense);
        let inner = rect.x_range().shrink(look.size.handle + look.size.focus);
        let before = *value;
        let held = response.is_pointer_button_down_on() && ui.input(|input| input.pointer.primary_down());
        if let Some(hand) = response.interact_pointer_pos().filter(|_| held) {
            let own = self.x(self.origin, inner);
            *value = if (hand.x - own).abs() <= SNAP { self.origin } else { self.value_at(hand.x, inner) };
        }
        self.keys(ui, &response, value);
        if extras.wheel {
            self.wheel(ui, &response, value);
        }
        if *value != before {
            *value = value.clamp(self.range[0], self.range[1]);
            response.mark_changed();
        }
        if ui.is_rect_visible(rect) {
            self.ticks(ui, look, rect, inner, extras.ticks);
            self.paint(ui, look, rect, &response, inner, *value);
        }
        self.describe(ui, &response, *value);
        response
    }

    fn x(&self, value: f32, inner: egui::Rangef) -> f32 {
        egui::remap_clamp(value, self.range[0]..=self.range[1], inner.min..=inner.max)
    }

    fn value_at(&self, x: f32, inner: egui::Rangef) -> f32 {
        egui::remap_clamp(x, inner.min..=inner.max, self.range[0]..=self.range[1])
    }

    fn keys(&self, ui: &Ui, response: &Response, value: &mut f32) {
        let step = (self.range[1] - self.range[0]) / KEY_STEPS;
        let mut steps = 0.0;
        if response.has_focus() {
            let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
            ui.data_mut(|data| data.insert_temp(egui::Id::unique("slider focus"), response.id));
            ui.input(|input| {
                let arrows = input.num_presses(Key::ArrowRight) as f32 - input.num_presses(Key::ArrowLeft) as f32;
                let pages = input.num_presses(Key::PageUp) as f32 - input.num_presses(Key::PageDown) as f32;
                steps += PAGE * pages + arrows * if input.modifiers.shift { FINE } else { 1.0 };
                if input.key_pressed(Key::Home) || input.key_pressed(Key::Delete) || input.key_pressed(Key::Backspace) {
                    *value = self.origin;
                }
            });
        }
        ui.input(|input| {
            steps += input.num_accesskit_action_requests(response.id, Action::Increment) as f32;
            steps -= input.num_accesskit_action_requests(response.id, Action::Decrement) as f32;
            for request in input.accesskit_action_requests(response.id, Action::SetValue) {
                if let Some(ActionData::NumericValue(wanted)) = request.data {
                    *value = wanted as f32;
                }
            }
        });
        *value += steps * step;
    }

    /// Turns with the wheel, if the hand rested here when it began.
    fn wheel(&self, ui: &Ui, response: &Response, value: &mut f32) {
        if !response.hovered() || !ui.is_enabled() {
            return;
        }
        let holds = holds_wheel(ui);
        let pass = ui.ctx().cumulative_pass_nr();
        let is_own = ui.data_mut(|data| {
            let rest = data.get_temp_mut_or_default::<WheelRest>(wheel_key());
            if rest.still == pass {
                rest.slider = Some((response.id, pass));
            }
            holds && rest.slider.is_some_and(|(id, _)| id == response.id)
        });
        if is_own {
            let (turned, is_fine) = ui.input(|input| {
                let delta = input.smooth_scroll_delta();
                (delta.x + delta.y, input.modifiers.shift)
            });
            let step = (self.range[1] - self.range[0]) / KEY_STEPS;
            *value += turned / POINTS_FOR_STEP * step * if is_fine { FINE } else { 1.0 };
        }
    }

    fn ticks(&self, ui: &Ui, look: &Look, rect: Rect, inner: egui::Rangef, ticks: &[f32]) {
        let top = rect.center().y + look.size.track;
        for tick in ticks.iter().filter(|tick| (self.range[0]..=self.range[1]).contains(*tick)) {
            let line = Stroke::new(look.size.stroke, look.colour.disabled);
            ui.painter().vline(self.x(*tick, inner), top..=top + look.size.gap, line);
        }
    }

    fn describe(&self, ui: &Ui, response: &Response, value: f32) {
        let [low, high] = self.range.map(f64::from);
        response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), f64::from(value), self.label));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(low);
            node.set_max_numeric_value(high);
            node.set_numeric_value(f64::from(value));
            node.set_numeric_value_step((high - low) / f64::from(KEY_STEPS));
            node.add_action(Action::SetValue);
            node.add_action(Action::Increment);
            node.add_action(Action::Decrement);
        });
    }

    fn paint(&self, ui: &Ui, look: &Look, rect: Rect, response: &Response, inner: egui::Rangef, value: f32) {
        let (colour, size) = (&look.colour, &look.size);
        let painter = ui.painter();
        let y = rect.center().y;
        let bar = |from: f32, to: f32| {
            Rect::from_min_max(pos2(from.min(to), y - size.track / 2.0), pos2(from.max(to), y + size.track / 2.0))
        };
        let radius = size.track / 2.0;
        painter.rect_filled(bar(inner.min, inner.max), radius, colour.line);
        let limit = self.seen.map(|seen| self.x(seen, inner)).filter(|x| *x < inner.max);
        if let Some(limit) = limit {
            painter.rect_filled(bar(limit, inner.max), radius, colour.warning.gamma_multiply(0.45));
        }
        let (own, at) = (self.x(self.origin, inner), self.x(value, inner));
        let edited = value != self.origin;
        if edited {
            let (low, high) = (own.min(at), own.max(at));
            painter.rect_filled(bar(low, high.min(limit.unwrap_or(high)).max(low)), radius, colour.accent);
            if let Some(limit) = limit.filter(|limit| high > *limit) {
                painter.rect_filled(bar(limit.max(low), high), radius, colour.warning);
            }
        }
        painter.vline(own, y - size.handle..=y + size.handle, Stroke::new(size.stroke, colour.secondary));
        let unseen = self.seen.is_some_and(|seen| value > seen);
        let ink = match (ui.is_enabled(), unseen, edited) {
            (false, ..) => colour.disabled,
            (_, true, _) => colour.warning,
            (_, _, true) => colour.accent,
            _ => colour.secondary,
        };
        let grown = if response.hovered() || response.dragged() { 1.0 } else { 0.0 };
        painter.circle_filled(pos2(at, y), size.handle - 1.0 + grown, ink);
        painter.circle_stroke(pos2(at, y), size.handle - 1.0 + grown, Stroke::new(size.stroke, colour.panel));
        if response.has_focus() {
            painter.circle_stroke(pos2(at, y), size.handle + size.focus, Stroke::new(size.focus, colour.accent));
        }
    }
}
