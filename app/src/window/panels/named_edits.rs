//! The list of remembered edits: the sliders' edit under a name, and what was remembered before, for this film and others.

use egui::{Button, Key, Popup, PopupCloseBehavior, RichText, ScrollArea, TextEdit, Ui};

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;

/// Names listed without scrolling.
const ROWS: f32 = 8.0;

/// What a row of the list asks for.
enum Wish {
    Apply,
    ApplyToAll,
    Rename,
    Export,
    Forget,
}

/// The button that opens the list, and the list.
pub fn button(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let ink = if app.named_edits.is_open { look.colour.accent } else { look.colour.text };
    let response = ui.add(Button::selectable(app.named_edits.is_open, RichText::new(icons::TAG).color(ink)));
    let response = response.on_hover_text(Command::RememberedEdits.hint());
    let response = response.accessible_name(Command::RememberedEdits.text());
    if response.clicked() {
        app.run(Command::RememberedEdits);
    }
    let mut is_open = app.named_edits.is_open;
    let popup = Popup::from_response(&response).open_bool(&mut is_open);
    let popup =
        popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).width(look.size.right - 4.0 * look.size.pad);
    popup.show(|ui| {
        ui.set_width(look.size.right - 4.0 * look.size.pad);
        content(app, ui);
    });
    // What was clicked inside may have closed or opened it.
    app.named_edits.is_open &= is_open;
}

fn content(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Remembered edits").strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.add_enabled(app.can(Command::ImportEdit), Button::new("Import…")).clicked() {
                app.run(Command::ImportEdit);
            }
        });
    });
    remember(app, ui);
    ui.separator();
    let hash = app.manifest().map(|manifest| manifest.encoding_hash()).unwrap_or_default();
    let list = app.named_edits.list().to_vec();
    if list.is_empty() {
        let words = "Move some sliders, give the edit a name such as \"no pacemaker\", and it can be applied to other films: \
                     relative to each film's own activations.";
        ui.label(RichText::new(words).color(look.colour.secondary));
        return;
    }
    let mut wish = None;
    let height = ROWS * (look.size.row + look.size.gap);
    ScrollArea::vertical().id_salt("remembered edits").max_height(height).show(ui, |ui| {
        for known in &list {
            // Findings go by their label, features by the model that they were found in.
            let fits = known.edit.encoding_hash == hash || known.edit.features.is_empty() && !known.edit.drop_residual;
            let asked = row(app, ui, &known.name, fits, &known.edit.bundle, || known.edit.words());
            wish = asked.map(|asked| (known.name.clone(), asked)).or(wish.take());
        }
    });
    let Some((name, wish)) = wish else { return };
    match wish {
        Wish::Apply => app.apply_named(&name),
        Wish::ApplyToAll => {
            if let Some(edit) = app.named_edits.get(&name).cloned() {
                app.apply_to_all(&edit);
            }
        }
        Wish::Rename => app.named_edits.renaming = Some((name.clone(), name)),
        Wish::Export => app.ask_export_edit(&name),
        Wish::Forget => app.forget_edit(&name),
    }
}

/// The sliders' edit, to be named.
fn remember(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let edit = app.relative_edit();
    ui.horizontal(|ui| {
        let width = ui.available_width() - 4.5 * look.size.row;
        let field = TextEdit::singleline(&mut app.named_edits.name).hint_text("name of this edit").desired_width(width);
        let field = ui.add(field).accessible_name("name of this edit");
        if std::mem::take(&mut app.named_edits.wants_focus) {
            field.request_focus();
        }
        let is_named = !app.named_edits.name.trim().is_empty();
        let enter = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let keep = ui.add_enabled(edit.is_some() && is_named, Button::new("Remember"));
        let keep = keep.on_disabled_hover_text("Move a slider, and give the edit a name");
        if (keep.clicked() || enter) && edit.is_some() && is_named {
            app.remember_edit();
        }
    });
    let words = edit.map_or_else(|| "Nothing is changed now.".to_owned(), |edit| edit.words());
    ui.add(egui::Label::new(RichText::new(words).small().color(look.colour.secondary)).truncate());
}

/// One remembered edit.
fn row(app: &mut App, ui: &mut Ui, name: &str, fits: bool, bundle: &str, words: impl Fn() -> String) -> Option<Wish> {
    let look = app.look;
    let mut wish = None;
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        if let Some((old, new)) = app.named_edits.renaming.clone().filter(|(old, _)| old == name) {
            return rename(app, ui, &old, new);
        }
        let can_apply = fits && app.can_edit() && app.analysis().is_some();
        let width = ui.available_width() - 8.5 * look.size.row;
        let apply = Button::new(name).frame_when_inactive(false).truncate();
        let apply = ui.scope(|ui| {
            ui.set_max_width(width);
            ui.add_enabled(can_apply, apply)
        });
        let apply = apply.inner;
        let why = format!("Made with bundle {bundle}: the open bundle's features are other features.");
        let apply = apply.on_hover_text(format!("{}\nClick to apply it to this film.", words()));
        let apply = if fits { apply } else { apply.on_disabled_hover_text(why) };
        if apply.accessible_name(format!("apply {name}")).clicked() {
            wish = Some(Wish::Apply);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = look.size.gap;
            let mut tool = |ui: &mut Ui, icon: &str, about: &str, enabled: bool, asked: Wish| {
                let button = ui.add_enabled(enabled, Button::new(icon).frame_when_inactive(false));
                if button.on_hover_text(about).accessible_name(format!("{about}: {name}")).clicked() {
                    wish = Some(asked);
                }
            };
            tool(ui, icons::CLOSE, "Forget", true, Wish::Forget);
            tool(ui, icons::EXPORT, "Export as a recipe", fits && app.host.dialogs, Wish::Export);
            tool(ui, "Rename", "Rename", true, Wish::Rename);
            tool(ui, "All films", "Apply to all films", can_apply, Wish::ApplyToAll);
        });
    });
    wish
}

fn rename(app: &mut App, ui: &mut Ui, old: &str, mut new: String) {
    let field = ui.add(TextEdit::singleline(&mut new).desired_width(ui.available_width()));
    let field = field.accessible_name("another name");
    let is_done = field.lost_focus();
    if !field.has_focus() && !is_done {
        field.request_focus();
    }
    app.named_edits.renaming = (!is_done).then(|| (old.to_owned(), new.clone()));
    if is_done && ui.input(|input| input.key_pressed(Key::Enter)) {
        app.rename_edit(old, &new);
    }
}
