//! Changing keys, in the list of keys: click a command's keys, press others. A chord that another command has is told
//! before it is taken.

use egui::{Align, Button, Event, Key, KeyboardShortcut, Layout, Modifiers, RichText, Ui};

use crate::window::app::App;
use crate::window::command::{Command, chord_text};

/// Keys that keep their meaning.
const FIXED: [Key; 2] = [Key::B, Key::Tab];

/// What is being changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum KeyEditor {
    /// Nothing.
    #[default]
    Rests,
    /// The next chord is this command's.
    Listens(Command),
    /// The chord that was pressed belongs to another command.
    Asks(Command, KeyboardShortcut, Command),
    /// The chord that was pressed cannot be changed.
    Refuses(Command, KeyboardShortcut),
}

/// The line above the list: what to do, or what was pressed.
pub fn head(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    listen(app, ui);
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        match app.key_editor {
            KeyEditor::Rests => {
                ui.label(RichText::new("Click keys to change them.").color(look.colour.secondary));
                let usual = Button::new("Usual keys");
                let hint = "Every command gets the keys back that it has at first";
                if ui.add_enabled(!app.keymap.is_usual(), usual).on_hover_text(hint).clicked() {
                    app.change_keys(|keymap| *keymap = Default::default());
                }
            }
            KeyEditor::Listens(command) => {
                let words = format!("{}: press keys, Delete for none, Escape to leave them.", command.text());
                ui.label(RichText::new(words).color(look.colour.accent));
            }
            KeyEditor::Asks(command, keys, owner) => {
                let words = format!("{} is {}.", ui.ctx().format_shortcut(&keys), owner.text());
                ui.label(RichText::new(words).color(look.colour.warning));
                if ui.button(format!("Give it to {}", command.text())).clicked() {
                    app.change_keys(|keymap| keymap.give(command, keys));
                    app.key_editor = KeyEditor::Rests;
                }
                if ui.button("Leave it").clicked() {
                    app.key_editor = KeyEditor::Rests;
                }
            }
            KeyEditor::Refuses(command, keys) => {
                let words = format!("{} keeps its meaning. {}: press other keys.", chord_text(&keys), command.text());
                ui.label(RichText::new(words).color(look.colour.warning));
            }
        }
    });
}

/// Takes the chord that was pressed.
fn listen(app: &mut App, ui: &Ui) {
    let (KeyEditor::Listens(command) | KeyEditor::Refuses(command, _)) = app.key_editor else { return };
    let pressed = ui.input_mut(|input| {
        let found = input.events.iter().find_map(|event| match event {
            Event::Key { key, pressed: true, modifiers, .. } => Some((*key, *modifiers)),
            // Systems turn these chords into events of their own.
            Event::Copy => Some((Key::C, Modifiers::COMMAND)),
            Event::Cut => Some((Key::X, Modifiers::COMMAND)),
            Event::Paste(_) => Some((Key::V, Modifiers::COMMAND)),
            _ => None,
        });
        // Escape would close the list, and an arrow would move the focus.
        input.events.retain(|event| !matches!(event, Event::Key { .. } | Event::Text(_)));
        found
    });
    let Some((key, modifiers)) = pressed else { return };
    let plain = Modifiers {
        alt: modifiers.alt,
        shift: modifiers.shift,
        command: modifiers.command || modifiers.ctrl,
        ..Modifiers::NONE
    };
    let keys = KeyboardShortcut::new(plain, key);
    let is_plain = plain == Modifiers::NONE;
    app.key_editor = match key {
        Key::Escape if is_plain => KeyEditor::Rests,
        Key::Delete | Key::Backspace if is_plain => {
            app.change_keys(|keymap| keymap.clear(command));
            KeyEditor::Rests
        }
        key if is_plain && FIXED.contains(&key) => KeyEditor::Refuses(command, keys),
        _ => match app.keymap.owner(keys).filter(|owner| *owner != command) {
            Some(owner) => KeyEditor::Asks(command, keys, owner),
            None => {
                app.change_keys(|keymap| keymap.give(command, keys));
                KeyEditor::Rests
            }
        },
    };
}

/// One command and its keys, to click.
pub fn row(app: &mut App, ui: &mut Ui, command: Command) {
    let look = app.look;
    ui.horizontal(|ui| {
        let is_own = app.keymap.is_own(command);
        let keys = command.keys_text(ui.ctx());
        let is_bare = keys.is_none() && !is_own;
        let ink = if is_bare { look.colour.secondary } else { look.colour.text };
        ui.label(RichText::new(command.text()).color(ink));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let listens = app.key_editor == KeyEditor::Listens(command);
            let words = match (&keys, listens) {
                (_, true) => "press keys".to_owned(),
                (Some(keys), false) => keys.clone(),
                (None, false) => "none".to_owned(),
            };
            let ink = match (listens || is_own, is_bare) {
                (true, _) => look.colour.accent,
                (false, true) => look.colour.disabled,
                (false, false) => look.colour.secondary,
            };
            let button = Button::new(RichText::new(words).color(ink)).frame_when_inactive(false);
            let button = ui.add(button.min_size(egui::vec2(0.0, look.size.body + look.size.gap)));
            let button = button.on_hover_text(command.hint());
            if button.accessible_name(format!("keys of {}", command.text())).clicked() {
                app.key_editor = KeyEditor::Listens(command);
            }
        });
    });
}
