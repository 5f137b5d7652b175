//! Above the light box: films of the session that are not where they were, and a session that a crash left behind. Each
//! with the way out.

use egui::{Align, Button, Frame, Label, Layout, Margin, Panel, RichText, Ui};

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::films::file_name;

/// Shows the lines that are needed.
pub fn show(app: &mut App, ui: &mut Ui) {
    if app.session.keeper.left.is_some() {
        let words = "Fluoro ended without closing. What was open then can be opened again.";
        line(app, ui, "left session", words, &[Command::RestoreSession, Command::DropLeftSession]);
    }
    if let Some(first) = app.missing_film() {
        let name = file_name(&first.path);
        let words = match app.session.missing.len() {
            1 => format!("{name} is not where it was. Its edit is kept."),
            count => format!("{name} and {} more films are not where they were. Their edits are kept.", count - 1),
        };
        line(app, ui, "missing films", &words, &[Command::LocateFilm, Command::LocateFolder]);
    }
}

fn line(app: &mut App, ui: &mut Ui, id: &'static str, words: &str, commands: &[Command]) {
    let (colour, size) = (app.look.colour, app.look.size);
    let frame = Frame::new().fill(colour.raised).inner_margin(Margin::symmetric(size.pad as i8, size.gap as i8));
    let panel = Panel::top(id).resizable(false).min_size(size.row).frame(frame).show_separator_line(true);
    panel.show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            for command in commands.iter().rev() {
                let button = ui.add_enabled(app.can(*command), Button::new(command.text()));
                if button.on_hover_text(command.hint()).clicked() {
                    app.run(*command);
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                ui.label(RichText::new(icons::WARNING).color(colour.warning));
                ui.add(Label::new(words).wrap());
            });
        });
    });
}
