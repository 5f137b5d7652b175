//! The panels around the light box, and how they share the window.

use egui::{CentralPanel, Frame, Margin, Panel, Stroke, Ui};

use super::app::{App, Cover};
use super::tokens::Look;

mod attribution;
mod audit;
mod covers;
mod docked;
mod feature_group;
mod feature_menu;
mod feature_page;
mod feature_row;
mod features;
mod findings;
mod gallery;
pub mod key_editor;
mod leaving;
mod log;
mod missing;
mod named_edits;
mod notice;
pub mod palette;
mod performance;
mod region;
mod report;
mod settings;
mod shift;
mod status;
mod study;
mod tags;
mod toasts;
mod top_bar;
mod training;

/// Shows the whole window.
pub fn show(app: &mut App, ui: &mut Ui) {
    let started = std::time::Instant::now();
    app.take_keys();
    take_dropped(app);
    let look = app.look;
    let size = look.size;
    bar(Panel::top("top"), &look, size.top_bar).show(ui, |ui| top_bar::show(app, ui));
    bar(Panel::bottom("status"), &look, size.status_bar).show(ui, |ui| status::show(app, ui));
    CentralPanel::no_frame().show(ui, |ui| docked::show(app, ui));

    covers::show(app, ui);
    toasts::show(app, ui);
    drop_hint(app, ui);
    app.performance.window.push(started.elapsed().as_secs_f32() * 1e3);
}

fn frame(look: &Look, x: f32, y: f32) -> Frame {
    Frame::new().fill(look.colour.panel).inner_margin(Margin::symmetric(x as i8, y as i8))
}

fn bar(panel: Panel, look: &Look, height: f32) -> Panel {
    panel.exact_size(height).frame(frame(look, look.size.pad, look.size.gap / 2.0)).show_separator_line(true)
}

/// A heading with something at its right end.
pub fn heading(ui: &mut Ui, look: &Look, words: &str, right: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        ui.heading(words);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), right);
    });
}

fn take_dropped(app: &mut App) {
    let dropped = app.ctx.input(|input| input.raw.dropped_files.clone());
    if !dropped.is_empty() {
        app.open_paths(dropped.iter().map(|file| file.path().to_path_buf()).collect());
    }
}

fn drop_hint(app: &App, ui: &Ui) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) || !matches!(app.cover, Cover::Nothing) {
        return;
    }
    let (look, rect) = (&app.look, ui.content_rect());
    let painter = ui.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    painter.rect_filled(rect, 0.0, look.colour.backdrop);
    painter.rect_stroke(
        rect.shrink(look.size.pad),
        look.size.radius,
        Stroke::new(look.size.focus, look.colour.accent),
        egui::StrokeKind::Inside,
    );
    let font = egui::TextStyle::Heading.resolve(ui.style());
    painter.text(
        rect.center(),
        egui::Align2::CENTER_CENTER,
        "Drop films, a folder of films, a bundle, or a session",
        font,
        look.colour.on_film,
    );
}
