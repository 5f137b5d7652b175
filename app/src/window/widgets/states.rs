//! The four states of a panel besides full: empty, working, failed. (Full is the panel itself.)

use egui::{Align, Layout, RichText, Ui};

use crate::window::icons;
use crate::window::state::job::Step;
use crate::window::state::problem::Problem;
use crate::window::tokens::Look;

/// Nothing is here: what the panel is for, and the one action that fills it. True when that was clicked.
pub fn empty(ui: &mut Ui, look: &Look, purpose: &str, action: Option<&str>) -> bool {
    middle(ui, look, |ui| {
        ui.label(RichText::new(purpose).color(look.colour.secondary));
        action.is_some_and(|action| {
            ui.add_space(look.size.pad);
            primary(ui, look, action).clicked()
        })
    })
}

/// Work goes on: what, how far. True when Cancel was clicked.
pub fn working(ui: &mut Ui, look: &Look, step: &Step, can_cancel: bool) -> bool {
    middle(ui, look, |ui| {
        ui.label(RichText::new(&step.stage).color(look.colour.secondary));
        progress(ui, look, step.share());
        can_cancel && ui.button("Cancel").clicked()
    })
}

/// Something failed: what, why, what to do; copyable. True when `action` was clicked.
pub fn failed(ui: &mut Ui, look: &Look, problem: &Problem, action: Option<&str>) -> bool {
    middle(ui, look, |ui| {
        ui.label(RichText::new(format!("{}  {}", icons::ERROR, problem.what)).color(look.colour.error).heading());
        ui.label(RichText::new(&problem.why).color(look.colour.text));
        ui.label(RichText::new(&problem.todo).color(look.colour.secondary));
        ui.add_space(look.size.pad);
        let buttons = |ui: &mut Ui| {
            let copy = ui.button(format!("{}  Copy these lines", icons::COPY));
            if copy.clicked() {
                ui.copy_text(problem.text());
            }
            action.is_some_and(|action| primary(ui, look, action).clicked())
        };
        ui.horizontal(buttons).inner
    })
}

/// A button for the one thing to do.
pub fn primary(ui: &mut Ui, look: &Look, text: &str) -> egui::Response {
    let words = RichText::new(text).color(look.colour.on_accent);
    ui.add(egui::Button::new(words).fill(look.colour.accent))
}

/// A thin line that fills up; without a share it only says that something happens.
pub fn progress(ui: &mut Ui, look: &Look, share: Option<f32>) {
    let width = ui.available_width().min(look.size.reading_width);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(width, look.size.pad), egui::Sense::hover());
    progress_line(ui, look, rect, share);
}

/// The same in a given place.
pub fn progress_line(ui: &Ui, look: &Look, rect: egui::Rect, share: Option<f32>) {
    let line = egui::Rect::from_center_size(rect.center(), egui::vec2(rect.width(), look.size.tick));
    ui.painter().rect_filled(line, 0.0, look.colour.line);
    let part = match share {
        Some(share) => line.with_max_x(egui::lerp(line.x_range(), share.clamp(0.0, 1.0))),
        None => {
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(50));
            let phase = (ui.input(|i| i.time) * 0.6).fract() as f32;
            let start = egui::lerp(line.left() - line.width() / 4.0..=line.right(), phase);
            line.intersect(egui::Rect::from_x_y_ranges(start..=start + line.width() / 4.0, line.y_range()))
        }
    };
    if part.is_positive() {
        ui.painter().rect_filled(part, 0.0, look.colour.accent);
    }
}

/// A column of readable width in the middle of what is free.
fn middle<R>(ui: &mut Ui, look: &Look, content: impl FnOnce(&mut Ui) -> R) -> R {
    let free = ui.available_rect_before_wrap();
    let width = (free.width() - 2.0 * look.size.pad).min(look.size.reading_width).max(look.size.row);
    let top = free.top() + (free.height() * 0.3).min(free.height() / 2.0 - 2.0 * look.size.row).max(look.size.pad);
    let left = free.center().x - width / 2.0;
    let rect = egui::Rect::from_min_max(egui::pos2(left, top), egui::pos2(left + width, free.bottom()));
    let builder = egui::UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min));
    let mut column = ui.new_child(builder);
    column.spacing_mut().item_spacing.y = look.size.pad;
    let result = content(&mut column);
    ui.advance_cursor_after_rect(free);
    result
}
