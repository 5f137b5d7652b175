//! What the program said: the lines of the log, by level.

use egui::{Align, Layout, RichText, ScrollArea, Ui};
use tracing::Level;

use crate::window::app::App;
use crate::window::icons;
use crate::window::state::log;
use crate::window::widgets::states;

/// Levels to choose from, with their names.
const LEVELS: [(Level, &str); 3] =
    [(Level::INFO, "everything"), (Level::WARN, "warnings and errors"), (Level::ERROR, "errors")];

/// Shows the lines, the newest at the bottom.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let lines = log::lines(app.log_level);
    if lines.is_empty() {
        states::empty(ui, &look, "What the program says while it works appears here: warnings, errors, results.", None);
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let height = look.size.body + look.size.gap;
    let area = ScrollArea::vertical().id_salt("log").auto_shrink([false, false]).stick_to_bottom(true);
    area.show_rows(ui, height, lines.len(), |ui, rows| {
        for line in lines.get(rows).unwrap_or_default() {
            let ink = match line.level {
                Level::ERROR => look.colour.error,
                Level::WARN => look.colour.warning,
                _ => look.colour.text,
            };
            let one_line = line.words().replace('\n', " · ");
            let label = egui::Label::new(RichText::new(one_line).small().color(ink)).truncate();
            ui.add_sized([ui.available_width(), height], |ui: &mut Ui| {
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(label)).inner
            })
            .on_hover_text(&line.text);
        }
    });
}

/// The tools in the bar: copy, empty, and which lines.
pub fn tools(app: &mut App, ui: &mut Ui) {
    let tool = |ui: &mut Ui, icon: &str, name: &str| {
        ui.add(egui::Button::new(icon).frame_when_inactive(false)).on_hover_text(name).accessible_name(name).clicked()
    };
    if tool(ui, icons::CLOSE, "Empty the log") {
        log::clear();
    }
    if tool(ui, icons::COPY, "Copy the log") {
        let lines: Vec<String> = log::lines(app.log_level).iter().map(log::Line::words).collect();
        ui.copy_text(lines.join("\n"));
    }
    let name = LEVELS.iter().find(|(level, _)| *level == app.log_level).map_or("", |(_, name)| name);
    let combo = egui::ComboBox::from_id_salt("log level").selected_text(name).show_ui(ui, |ui| {
        for (level, name) in LEVELS {
            ui.selectable_value(&mut app.log_level, level, name);
        }
    });
    combo.response.accessible_name("lines of the log");
}
