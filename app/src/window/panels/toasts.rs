//! Messages in the corner.

use egui::{Align, Align2, Area, Button, Frame, Id, Layout, Order, RichText, Stroke, Ui, vec2};

use crate::window::app::App;
use crate::window::icons;
use crate::window::state::toasts::{Kind, Toast};

/// Shows the messages.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let (toasts, next) = app.toasts.current(app.now);
    if toasts.is_empty() {
        return;
    }
    let toasts: Vec<Toast> = toasts.to_vec();
    if let Some(seconds) = next {
        ui.request_repaint_after(std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default());
    }
    let mut closed = None;
    let right = if app.layout.features { look.size.right } else { 0.0 };
    let offset = vec2(-(right + look.size.pad), -(look.size.status_bar + look.size.tab_bar + look.size.pad));
    let area =
        Area::new(Id::unique("toasts")).order(Order::Foreground).anchor(Align2::RIGHT_BOTTOM, offset).fade_in(false);
    area.show(ui.ctx(), |ui| {
        ui.set_max_width(look.size.toast_width);
        for toast in &toasts {
            let (icon, ink) = match toast.kind {
                Kind::News => (icons::INFO, look.colour.accent),
                Kind::Warning => (icons::WARNING, look.colour.warning),
                Kind::Error => (icons::ERROR, look.colour.error),
            };
            let frame = Frame::new()
                .fill(look.colour.raised)
                .stroke(Stroke::new(look.size.stroke, ink))
                .corner_radius(look.size.radius)
                .inner_margin(look.size.pad);
            frame.show(ui, |ui| {
                ui.set_width(look.size.toast_width);
                ui.horizontal(|ui| {
                    ui.label(RichText::new(format!("{icon}  {}", toast.title)).color(ink));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let close = ui.add(Button::new(icons::CLOSE).frame_when_inactive(false));
                        if close.on_hover_text("Close").accessible_name(format!("close message {}", toast.id)).clicked()
                        {
                            closed = Some(toast.id);
                        }
                        let copy = ui.add(Button::new(icons::COPY).frame_when_inactive(false));
                        if copy.on_hover_text("Copy").accessible_name(format!("copy message {}", toast.id)).clicked() {
                            ui.copy_text(format!("{}\n{}", toast.title, toast.text));
                        }
                    });
                });
                ui.add(egui::Label::new(RichText::new(&toast.text).small()).wrap());
            });
        }
    });
    if let Some(id) = closed {
        app.toasts.close(id);
    }
}
