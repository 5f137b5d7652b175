//! The bar at the top: menus, bundle, film, device with its last time, command palette.

use egui::{Align, Button, Layout, RichText, Ui};
use fluoro_core::bundle::BundleSource;

use crate::window::app::App;
use crate::window::command::{Command, MENUS};
use crate::window::icons;
use crate::window::state::films::file_name;
use crate::window::widgets::number;
use crate::window::wishes::built_in;

/// Shows the bar.
pub fn show(app: &mut App, ui: &mut Ui) {
    egui::MenuBar::new().ui(ui, |ui| {
        for (name, groups) in MENUS {
            ui.menu_button(name, |ui| {
                for (i, group) in groups.iter().enumerate() {
                    if i > 0 {
                        ui.separator();
                    }
                    for command in *group {
                        item(app, ui, *command);
                    }
                    match (name, i) {
                        ("File", 0) => recent(app, ui),
                        ("Model", 0) => bundles(app, ui),
                        _ => {}
                    }
                }
            });
        }
        ui.add_space(app.look.size.pad);
        middle(app, ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| right(app, ui));
    });
}

fn item(app: &mut App, ui: &mut Ui, command: Command) {
    let mark = match app.is_on(command) {
        Some(true) => format!("{}  ", "✓"),
        Some(false) => "     ".to_owned(),
        None => String::new(),
    };
    let mut button = Button::new(format!("{mark}{}", app.words_of(command)));
    if let Some(keys) = command.keys_text(ui.ctx()) {
        button = button.shortcut_text(keys);
    }
    if ui.add_enabled(app.can(command), button).on_hover_text(command.hint()).clicked() {
        app.run(command);
        ui.close();
    }
}

fn recent(app: &mut App, ui: &mut Ui) {
    let paths = app.recent.paths().to_vec();
    if paths.is_empty() {
        return;
    }
    ui.menu_button("Recent", |ui| {
        for path in paths {
            if ui.button(file_name(&path)).on_hover_text(path.display().to_string()).clicked() {
                app.open_paths(vec![path]);
                ui.close();
            }
        }
    });
}

/// The bundles in the program.
fn bundles(app: &mut App, ui: &mut Ui) {
    ui.menu_button("Built-in bundles", |ui| {
        let names: Vec<_> = built_in(app).collect();
        for (name, is_open) in names {
            let mark = if is_open { "✓  " } else { "     " };
            if ui.button(format!("{mark}{name}")).clicked() {
                app.open_bundle(BundleSource::Embedded(name.to_owned()));
                ui.close();
            }
        }
    });
}

fn middle(app: &mut App, ui: &mut Ui) {
    let colour = app.look.colour;
    let bundle = match &app.model.view {
        Some(view) => view.manifest.name.clone(),
        None if app.model.pending.is_some() => "opening…".to_owned(),
        None => "none".to_owned(),
    };
    let button =
        Button::new(RichText::new(format!("bundle: {bundle}")).color(colour.secondary)).frame_when_inactive(false);
    if ui.add_enabled(app.model.view.is_some(), button).on_hover_text(Command::AboutBundle.hint()).clicked() {
        app.run(Command::AboutBundle);
    }
    ui.add_space(2.0 * app.look.size.pad);
    if let Some(film) = app.study.film() {
        let view = app.film.as_ref().and_then(|film| film.view.radiograph.metadata.view.as_ref());
        let view = view.map(|view| format!(" · {view}")).unwrap_or_default();
        let place = format!("film {} of {}", app.study.current + 1, app.study.films.len());
        ui.label(RichText::new(format!("{place}{view}")).color(colour.secondary)).on_hover_text(&film.name);
    }
}

fn right(app: &mut App, ui: &mut Ui) {
    let colour = app.look.colour;
    let keys = Command::Palette.keys_text(ui.ctx()).unwrap_or_default();
    let palette = Button::new(RichText::new(format!("{}  {keys}", icons::COMMAND)).color(colour.secondary));
    if ui.add(palette).on_hover_text(Command::Palette.hint()).accessible_name("command palette").clicked() {
        app.run(Command::Palette);
    }
    ui.add_space(app.look.size.pad);
    let time = app.performance.slider.last().map(number::milliseconds);
    if let Some(time) = time {
        let words = RichText::new(time).color(colour.text);
        ui.label(words).on_hover_text("Last time from a slider's value to its picture");
    }
    if let Some(view) = &app.model.view {
        let icon = if view.is_gpu { icons::GPU } else { icons::CPU };
        let words = RichText::new(format!("{icon}  {}", view.device)).color(colour.secondary);
        let what = if view.is_gpu { "A GPU computes." } else { "The CPU computes." };
        ui.label(words).on_hover_text(what);
    }
}
