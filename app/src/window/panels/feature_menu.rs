//! What is above the features' list: search, filter, what the list shows, edits that were remembered, and the name of a
//! group while it is typed.

use egui::{Button, Key, Popup, RichText, TextEdit, Ui};

use super::named_edits;
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::features::{Grouping, Typing};

/// Shows the tools.
pub fn tools(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = look.size.gap;
        let width = ui.available_width() - 3.0 * (look.size.row + 2.0 * look.size.gap) - look.size.pad;
        let hint = format!("{}  number, label, a>2, q>90%", icons::SEARCH);
        let field = TextEdit::singleline(&mut app.features.search).hint_text(hint).desired_width(width);
        let field = ui.add(field).accessible_name("search features");
        if std::mem::take(&mut app.features.wants_focus) {
            field.request_focus();
        }
        if field.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
            app.features.search.clear();
        }
        field.on_hover_text(
            "Words of a label or the start of a number. #41 is feature 41 alone; a>2 asks for an activation, q>90% for a \
             quantile; several words must all hold.",
        );
        let on = app.features.only_firing;
        let ink = if on { look.colour.accent } else { look.colour.text };
        let button = Button::selectable(on, RichText::new(icons::FUNNEL).color(ink));
        let response = ui.add(button).on_hover_text(Command::OnlyFiring.hint());
        if response.accessible_name(Command::OnlyFiring.text()).clicked() {
            app.run(Command::OnlyFiring);
        }
        let response = ui.add(Button::new(icons::LIST).frame_when_inactive(false)).on_hover_text("Groups and hidden features");
        let response = response.accessible_name("list options");
        Popup::menu(&response).show(|ui| options(app, ui));
        named_edits::button(app, ui);
    });
    name(app, ui);
}

fn options(app: &mut App, ui: &mut Ui) {
    for grouping in Grouping::ALL {
        if ui.selectable_label(app.features.grouping == grouping, grouping.name()).clicked() {
            app.features.grouping = grouping;
        }
    }
    ui.separator();
    let chosen: Vec<usize> = app.features.chosen.iter().copied().collect();
    let of_chosen = Button::new(format!("New group of the {} chosen…", chosen.len()));
    if ui.add_enabled(!chosen.is_empty(), of_chosen).clicked() {
        app.features.typing = Some(Typing::NewGroup(chosen.clone(), String::new()));
    }
    let (is_searched, words) = (!app.features.search.is_empty(), app.features.search.clone());
    let found = Button::new("New group of all found…");
    if ui.add_enabled(is_searched, found).on_disabled_hover_text("Search for something first").clicked() {
        let found = app.features.listed();
        app.features.typing = Some(Typing::NewGroup(found, words));
    }
    ui.separator();
    if ui.add_enabled(!chosen.is_empty(), Button::new(format!("Hide the {} chosen", chosen.len()))).clicked() {
        app.features.hidden.extend(chosen);
    }
    let hidden = app.features.hidden.len();
    let shows = app.features.shows_hidden;
    if ui.add_enabled(hidden > 0 || shows, Button::selectable(shows, format!("List the {hidden} hidden"))).clicked() {
        app.features.shows_hidden = !shows;
    }
    if ui.add_enabled(hidden > 0, Button::new("Show all again")).clicked() {
        app.features.hidden.clear();
    }
    if let Some((milliseconds, count)) = app.features.last_time {
        ui.separator();
        let words = format!("{count} features listed in {milliseconds:.1} ms");
        ui.label(RichText::new(words).small().color(app.look.colour.secondary));
    }
}

/// The field for a group's name, while one is made or named anew.
fn name(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let Some(mut typing) = app.features.typing.take() else { return };
    let (Typing::NewGroup(_, words) | Typing::Rename(_, words)) = &mut typing else {
        app.features.typing = Some(typing);
        return;
    };
    let mut is_done = None;
    ui.horizontal(|ui| {
        let width = ui.available_width() - 6.0 * look.size.row;
        let field = TextEdit::singleline(words).hint_text("name of the group").desired_width(width);
        let field = ui.add(field).accessible_name("name of the group");
        if !field.has_focus() && !field.lost_focus() {
            field.request_focus();
        }
        let enter = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let keep = ui.add_enabled(!words.trim().is_empty(), Button::new("Keep")).clicked();
        let cancel = ui.button("Cancel").clicked() || ui.input(|input| input.key_pressed(Key::Escape));
        is_done = match (enter || keep, cancel) {
            (_, true) => Some(false),
            (true, _) => Some(true),
            _ => None,
        };
    });
    match (is_done, typing) {
        (Some(true), Typing::NewGroup(features, name)) if !name.trim().is_empty() => {
            app.features.group(name.trim(), features);
            app.features.chosen.clear();
        }
        (Some(true), Typing::Rename(old, new)) => app.features.rename_group(&old, &new),
        (None, typing) => app.features.typing = Some(typing),
        _ => {}
    }
}
