//! What the user sets for good: the theme, the size of the interface, keys, panels.

use egui::{RichText, Ui};

use crate::window::app::{App, Cover};
use crate::window::command::Command;

/// Sizes of the interface to choose from, in percent of the usual.
const SCALES: [u32; 7] = [80, 90, 100, 125, 150, 200, 250];

/// Shows the settings.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.heading("Settings");
    ui.add_space(look.size.pad);
    let secondary = |words: &str| RichText::new(words.to_owned()).color(look.colour.secondary);
    let grid = egui::Grid::new("settings").num_columns(2).spacing([4.0 * look.size.pad, look.size.pad]);
    grid.show(ui, |ui| {
        ui.label(secondary("panels"));
        ui.horizontal(|ui| {
            let theme = ui.ctx().theme();
            for (name, wanted) in [("dark", egui::Theme::Dark), ("light", egui::Theme::Light)] {
                if ui.selectable_label(theme == wanted, name).clicked() {
                    app.set_theme(wanted);
                }
            }
        });
        ui.end_row();

        ui.label(secondary("size"));
        ui.horizontal(|ui| {
            let now = (app.ctx.zoom_factor() * 100.0).round() as u32;
            for percent in SCALES {
                if ui.selectable_label(now == percent, format!("{percent} %")).clicked() {
                    app.set_scale(percent as f32 / 100.0);
                }
            }
        });
        ui.end_row();

        ui.label(secondary("left drag"));
        ui.horizontal(|ui| {
            for command in [Command::DragWindow, Command::DragPan, Command::DragMeasure] {
                let on = app.is_on(command).unwrap_or(false);
                if ui
                    .selectable_label(on, command.text().trim_start_matches("Left drag: "))
                    .on_hover_text(command.hint())
                    .clicked()
                {
                    app.run(command);
                }
            }
        });
        ui.end_row();

        ui.label(secondary("keys"));
        if ui.button(Command::Keys.text()).on_hover_text("Shows them, to be changed").clicked() {
            app.cover = Cover::Keys;
        }
        ui.end_row();

        ui.label(secondary("layout"));
        if ui.button(Command::ResetLayout.text()).on_hover_text(Command::ResetLayout.hint()).clicked() {
            app.run(Command::ResetLayout);
        }
        ui.end_row();

        ui.label(secondary("patient names"));
        ui.label("hidden at every start, whatever was chosen before");
        ui.end_row();
    });
    ui.add_space(look.size.pad);
    ui.label(secondary("Settings are kept on this computer. Ctrl and + or − change the size from anywhere."));
}
