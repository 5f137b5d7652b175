//! Above the light box: what the reader should know of film and bundle together. One line, a way out where there is one,
//! and a cross that closes it for good.

use egui::{Align, Button, Frame, Label, Layout, Margin, Panel, RichText, Ui};

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::notice::words;

/// Shows the notice, if there is one.
pub fn show(app: &mut App, ui: &mut Ui) {
    let Some(notice) = app.notice() else { return };
    let (colour, size) = (app.look.colour, app.look.size);
    let frame = Frame::new().fill(colour.raised).inner_margin(Margin::symmetric(size.pad as i8, size.gap as i8));
    let panel = Panel::top("notice").resizable(false).min_size(size.row).frame(frame).show_separator_line(true);
    panel.show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            let close = ui.add(Button::new(icons::CLOSE).frame_when_inactive(false));
            if close.on_hover_text(hint(ui, Command::CloseNotice)).accessible_name("close notice").clicked() {
                app.run(Command::CloseNotice);
            }
            if let Some(name) = notice.proposal() {
                let button = ui.add_enabled(app.can(Command::OpenProposal), Button::new(format!("Open {name}")));
                if button.on_hover_text(hint(ui, Command::OpenProposal)).clicked() {
                    app.run(Command::OpenProposal);
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                ui.label(RichText::new(icons::WARNING).color(colour.warning));
                ui.add(Label::new(words(&notice)).wrap());
            });
        });
    });
}

fn hint(ui: &Ui, command: Command) -> String {
    match command.keys_text(ui.ctx()) {
        Some(keys) => format!("{} ({keys})", command.hint()),
        None => command.hint().to_owned(),
    }
}
