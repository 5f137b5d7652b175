//! The tools above the viewports.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align, Button, Layout, PopupCloseBehavior, RichText, Ui, vec2};

use fluoro_core::display::ColourMap;

use super::{Arrangement, OverlayStyle, Pane};
use crate::window::app::App;
use crate::window::command::{Command, WINDOWS};
use crate::window::icons;
use crate::window::tokens::Look;
use crate::window::widgets::slider::Slider;

/// Room of the overlay's two sliders with their names, and of what stands at the right end, in rows.
const OVERLAY_ROOM: f32 = 11.5;
const RIGHT_ROOM: f32 = 8.0;

/// Shows the tools.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        for (command, icon) in
            [(Command::ArrangeFour, icons::FOUR), (Command::ArrangeTwo, icons::TWO), (Command::ArrangeOne, icons::ONE)]
        {
            tool(app, ui, &look, command, icon);
        }
        if app.light_box.kept.arrangement == Arrangement::One {
            choose_pane(app, ui);
        }
        ui.add_space(look.size.pad);
        tool(app, ui, &look, Command::ResetView, icons::FIT);
        tool(app, ui, &look, Command::Invert, icons::INVERT);
        left_hand(app, ui, &look);
        reading(app, ui, &look);
        before(app, ui, &look);
        ui.add_space(look.size.pad);
        overlay(app, ui, &look);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            tool(app, ui, &look, Command::Redo, icons::REDO);
            tool(app, ui, &look, Command::Undo, icons::UNDO);
            let reset = Button::new(format!("{}  Reset all", icons::RESET)).frame_when_inactive(false);
            let response =
                ui.add_enabled(app.can(Command::ResetEdits), reset).on_hover_text(hint(ui, Command::ResetEdits));
            if response.clicked() {
                app.run(Command::ResetEdits);
            }
        });
    });
}

fn hint(ui: &Ui, command: Command) -> String {
    match command.keys_text(ui.ctx()) {
        Some(keys) => format!("{} ({keys})\n{}", command.text(), command.hint()),
        None => format!("{}\n{}", command.text(), command.hint()),
    }
}

/// A button with a picture on it.
pub fn tool(app: &mut App, ui: &mut Ui, look: &Look, command: Command, icon: &str) {
    let on = app.is_on(command).unwrap_or(false);
    let ink = if on { look.colour.accent } else { look.colour.text };
    let button = Button::selectable(on, RichText::new(icon).color(ink).size(look.size.heading))
        .min_size(vec2(look.size.row + look.size.gap, look.size.row));
    let response = ui.add_enabled(app.can(command), button).on_hover_text(hint(ui, command));
    let response = response.accessible_name(command.text());
    if response.clicked() {
        app.run(command);
    }
}

fn choose_pane(app: &mut App, ui: &mut Ui) {
    let name = app.light_box.kept.single.name();
    let combo = egui::ComboBox::from_id_salt("pane").selected_text(name).show_ui(ui, |ui| {
        for pane in Pane::ALL {
            ui.selectable_value(&mut app.light_box.kept.single, pane, pane.name()).on_hover_text(pane.hint());
        }
    });
    combo.response.accessible_name("picture in the viewport");
}

/// What the left button does.
fn left_hand(app: &mut App, ui: &mut Ui, look: &Look) {
    for (command, icon) in
        [(Command::DragWindow, icons::WINDOW), (Command::DragPan, icons::HAND), (Command::DragMeasure, icons::RULER)]
    {
        tool(app, ui, look, command, icon);
    }
}

/// Everything else about reading, in a menu.
fn reading(app: &mut App, ui: &mut Ui, look: &Look) {
    // It stays open, so that several things can be tried.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let menu = MenuButton::new(RichText::new(icons::SLIDERS).size(look.size.heading)).config(config);
    let (button, _) = menu.ui(ui, |ui| {
        ui.set_min_width(look.size.reading_menu);
        group(ui, look, "window");
        for command in WINDOWS {
            item(app, ui, command);
        }
        group(ui, look, "turn");
        for command in [Command::FlipHorizontal, Command::FlipVertical, Command::RotateRight, Command::RotateLeft] {
            item(app, ui, command);
        }
        group(ui, look, "counterfactual");
        item(app, ui, Command::ChangeOnFilm);
        item(app, ui, Command::ToggleWipe);
        ui.horizontal(|ui| {
            ui.label(RichText::new("wipe with").small().color(look.colour.secondary));
            for pane in [Pane::Original, Pane::Reconstruction] {
                ui.selectable_value(&mut app.light_box.kept.wipe.with, pane, pane.name());
            }
        });
        group(ui, look, "overlay");
        ui.horizontal(|ui| {
            for style in OverlayStyle::ALL {
                ui.selectable_value(&mut app.light_box.kept.overlay.style, style, style.name());
            }
        });
        group(ui, look, "colours of the film");
        ui.horizontal(|ui| {
            for map in ColourMap::ALL {
                ui.selectable_value(&mut app.light_box.kept.colours, map, map.name());
            }
        });
    });
    button.on_hover_text("Window presets, turn, wipe, overlay, colours").accessible_name("reading settings");
}

fn group(ui: &mut Ui, look: &Look, words: &str) {
    ui.add_space(look.size.gap);
    ui.label(RichText::new(words).small().color(look.colour.secondary));
}

/// A command as a row of the menu, with its keys.
fn item(app: &mut App, ui: &mut Ui, command: Command) {
    let keys = command.keys_text(ui.ctx()).unwrap_or_default();
    let button = Button::selectable(app.is_on(command).unwrap_or(false), command.text()).shortcut_text(keys);
    if ui.add_enabled(app.can(command), button).on_hover_text(command.hint()).clicked() {
        app.run(command);
    }
}

fn before(app: &mut App, ui: &mut Ui, look: &Look) {
    let ink = if app.light_box.before { look.colour.accent } else { look.colour.text };
    let words = RichText::new(format!("{}  Before", icons::EYE)).color(ink);
    let button = ui.add_enabled(app.film.is_some(), Button::selectable(app.light_box.before, words));
    let button = button.on_hover_text("Hold (or hold B)\nShows the picture before your change in its place");
    app.light_box.before |= button.is_pointer_button_down_on();
}

fn overlay(app: &mut App, ui: &mut Ui, look: &Look) {
    let on = app.light_box.has_overlay();
    let ink = if on { look.colour.accent } else { look.colour.text };
    let button = Button::selectable(on, RichText::new("Overlay").color(ink));
    if ui.add(button).on_hover_text(hint(ui, Command::ToggleOverlay)).clicked() {
        app.run(Command::ToggleOverlay);
    }
    if !on {
        return;
    }
    // Undo and its neighbours at the right end come first.
    if ui.available_width() >= (OVERLAY_ROOM + RIGHT_ROOM) * look.size.row {
        return overlay_sliders(app, ui, look);
    }
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (button, _) = MenuButton::new("…").config(config).ui(ui, |ui| overlay_sliders(app, ui, look));
    button.on_hover_text("How the overlay is drawn").accessible_name("overlay settings");
}

fn overlay_sliders(app: &mut App, ui: &mut Ui, look: &Look) {
    let width = 3.0 * look.size.row;
    let mut settings = app.light_box.kept.overlay;
    for (name, value, origin, high, about) in [
        ("opacity", &mut settings.opacity, 0.75, 1.0, "How strongly changes are coloured"),
        ("threshold", &mut settings.threshold, 0.08, 0.9, "Changes below this share of the colour scale are not shown"),
    ] {
        ui.label(RichText::new(name).small().color(look.colour.secondary));
        let (rect, _) = ui.allocate_exact_size(vec2(width, look.size.row), egui::Sense::hover());
        let label = format!("overlay {name}");
        let slider = Slider { label: &label, range: [0.0, high], origin, seen: None };
        slider.show(ui, look, rect, egui::Id::unique(("overlay", name)), value).on_hover_text(about);
    }
    app.light_box.kept.overlay = settings;
}
