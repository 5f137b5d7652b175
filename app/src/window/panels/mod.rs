//! The panels around the light box, and how they share the window.

use egui::{CentralPanel, Frame, Margin, Panel, Stroke, Ui};

use super::app::{App, Cover, Tab};
use super::command::Command;
use super::light_box;
use super::tokens::Look;

mod attribution;
mod audit;
mod covers;
mod feature_page;
mod features;
mod findings;
mod gallery;
mod notice;
pub mod palette;
mod performance;
mod report;
mod shift;
mod status;
mod study;
mod toasts;
mod top_bar;

/// Shows the whole window.
pub fn show(app: &mut App, ui: &mut Ui) {
    let started = std::time::Instant::now();
    app.take_keys();
    take_dropped(app);
    let look = app.look;
    let size = look.size;
    let narrow = ui.available_width() < size.narrow_below;
    let pick = |wide: f32, tight: f32| if narrow { tight } else { wide };

    bar(Panel::top("top"), &look, size.top_bar).show(ui, |ui| top_bar::show(app, ui));
    bar(Panel::bottom("status"), &look, size.status_bar).show(ui, |ui| status::show(app, ui));
    if app.layout.study {
        side(Panel::left("study"), &look, pick(size.left, size.left_narrow)).show(ui, |ui| study::show(app, ui));
    }
    if app.layout.features {
        side(Panel::right("features"), &look, pick(size.right, size.right_narrow)).show(ui, |ui| {
            findings::show(app, ui);
            features::show(app, ui);
        });
    }
    let is_page = match app.layout.tab {
        Tab::Gallery => app.store.open.is_some() && !app.store.is_hidden,
        Tab::Audit => app.audit.job.value.is_some(),
        _ => false,
    };
    let height = match (app.layout.bottom, is_page) {
        (false, _) => size.tab_bar,
        (true, false) => pick(size.bottom, size.bottom_narrow),
        (true, true) => pick(size.bottom_page, size.bottom_page_narrow),
    };
    bar(Panel::bottom("tabs"), &look, height).show(ui, |ui| tabs(app, ui));
    notice::show(app, ui);
    app.light_box.attribution = app.layout.bottom && app.layout.tab == Tab::Attribution;
    CentralPanel::no_frame().show(ui, |ui| light_box::show(app, ui));

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

fn side(panel: Panel, look: &Look, width: f32) -> Panel {
    panel.exact_size(width).resizable(false).frame(frame(look, look.size.pad, look.size.gap))
}

/// A heading with something at its right end.
pub fn heading(ui: &mut Ui, look: &Look, words: &str, right: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        ui.heading(words);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), right);
    });
}

fn tabs(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.horizontal(|ui| {
        for (tab, command) in [
            (Tab::Shift, Command::ShowShift),
            (Tab::Gallery, Command::ShowGallery),
            (Tab::Report, Command::ShowReport),
            (Tab::Attribution, Command::ShowAttribution),
            (Tab::Audit, Command::ShowAudit),
            (Tab::Performance, Command::ShowPerformance),
        ] {
            let on = app.layout.bottom && app.layout.tab == tab;
            let ink = if on { look.colour.accent } else { look.colour.secondary };
            let button = egui::Button::selectable(on, egui::RichText::new(command.text()).color(ink));
            let keys = command.keys_text(ui.ctx()).unwrap_or_default();
            if ui.add(button).on_hover_text(format!("{} ({keys})", command.hint())).clicked() {
                app.run(command);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let icon = if app.layout.bottom { super::icons::CARET_DOWN } else { super::icons::CARET_UP };
            let fold = ui.add(egui::Button::new(icon).frame_when_inactive(false)).on_hover_text("Fold or unfold");
            if fold.accessible_name("fold the panel below the films").clicked() {
                app.layout.bottom = !app.layout.bottom;
            }
            if app.layout.bottom && app.layout.tab == Tab::Gallery {
                gallery::tools(app, ui);
            }
            if app.layout.bottom && app.layout.tab == Tab::Audit {
                audit::tools(app, ui);
            }
            if app.layout.bottom && app.layout.tab == Tab::Report {
                report::tools(app, ui);
            }
        });
    });
    if !app.layout.bottom {
        return;
    }
    let line = ui.cursor().top();
    ui.painter().hline(
        ui.max_rect().expand(look.size.pad).x_range(),
        line,
        Stroke::new(look.size.stroke, look.colour.line),
    );
    ui.add_space(look.size.gap);
    match app.layout.tab {
        Tab::Shift => shift::show(app, ui),
        Tab::Attribution => attribution::show(app, ui),
        Tab::Gallery => gallery::show(app, ui),
        Tab::Report => report::show(app, ui),
        Tab::Audit => audit::show(app, ui),
        Tab::Performance => performance::show(app, ui),
    }
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
        "Drop films, a folder of films, or a bundle",
        font,
        look.colour.on_film,
    );
}
