//! What lies over the window: the palette, the keys, the bundle, the program.

use egui::{Frame, Id, Modal, RichText, ScrollArea, Ui, vec2};

use super::{key_editor, leaving, palette, settings, tags, training};
use crate::window::app::{App, Cover};
use crate::window::command::{Command, MENUS};
use crate::window::tokens::Look;
use crate::window::widgets::number;

/// Gestures of the hand, beside the keys.
const GESTURES: [(&str, &str); 13] = [
    ("Window width and level", "drag left"),
    ("The same finer, or coarser", "Shift, or Ctrl"),
    ("Move", "drag right or middle"),
    ("Zoom at the pointer", "wheel"),
    ("This picture alone, and back", "double click"),
    ("Before the change", "hold B"),
    ("Slider back to the film's own value", "double click"),
    ("Slider by a fiftieth", "arrow keys"),
    ("Slider reset", "Delete"),
    ("Slider by a tenth", "PageUp, PageDown"),
    ("Slider: type a number", "Enter, or click the number"),
    ("Slider by the wheel", "wheel, once the hand rests on it"),
    ("Open films, a folder, a bundle, a session", "drop files"),
];

/// Shows it.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let cover = std::mem::take(&mut app.cover);
    let next = match cover {
        Cover::Nothing => Cover::Nothing,
        Cover::Palette(state) => palette::show(app, ui, state),
        Cover::Keys => dialog(ui, &look, "keys", Cover::Keys, |ui| keys(app, ui, &look)),
        Cover::Settings => dialog(ui, &look, "settings", Cover::Settings, |ui| settings::show(app, ui)),
        Cover::Bundle => dialog(ui, &look, "bundle", Cover::Bundle, |ui| bundle(app, ui)),
        Cover::About => dialog(ui, &look, "about", Cover::About, |ui| about(ui, &look)),
        Cover::Tags(state) => tags::show(app, ui, state),
        Cover::Training(watch) => training::show(app, ui, watch),
        Cover::Leaving(what) => leaving::show(app, ui, what),
    };
    if !matches!(next, Cover::Keys) {
        app.key_editor = key_editor::KeyEditor::Rests;
    }
    // A command in the palette may have opened another cover.
    if matches!(app.cover, Cover::Nothing) {
        app.cover = next;
    }
}

fn dialog(ui: &mut Ui, look: &Look, name: &'static str, same: Cover, content: impl FnOnce(&mut Ui)) -> Cover {
    let frame = Frame::popup(ui.style()).inner_margin(2.0 * look.size.pad);
    let modal = Modal::new(Id::unique(name)).backdrop_color(look.colour.backdrop).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(look.size.dialog_width);
        let height = ui.ctx().content_rect().height() * 0.84;
        ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height)
            .auto_shrink([false, true])
            .show(ui, content);
        ui.add_space(look.size.pad);
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() { Cover::Nothing } else { same }
}

fn keys(app: &mut App, ui: &mut Ui, look: &Look) {
    ui.heading("Keys and gestures");
    key_editor::head(app, ui);
    // Rows as low as their text: this is a page to read, nothing to aim at.
    ui.spacing_mut().interact_size.y = look.size.body + look.size.gap;
    ui.spacing_mut().item_spacing.x = 4.0 * look.size.pad;
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        for (i, (menu, groups)) in MENUS.iter().enumerate() {
            let ui = if i < 3 { &mut *left } else { &mut *right };
            ui.add_space(look.size.gap);
            ui.label(RichText::new(*menu).color(look.colour.accent));
            for command in groups.iter().flat_map(|group| group.iter()) {
                key_editor::row(app, ui, *command);
            }
        }
        right.add_space(look.size.gap);
        right.label(RichText::new("Hand").color(look.colour.accent));
        for (meaning, gesture) in GESTURES {
            pair(right, look, meaning, gesture);
        }
    });
}

fn pair(ui: &mut Ui, look: &Look, left: &str, right: &str) {
    ui.horizontal(|ui| {
        ui.label(left);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            // As far from the edge as the buttons above have their words.
            ui.add_space(look.size.pad);
            ui.label(RichText::new(right).color(look.colour.secondary));
        });
    });
}

fn bundle(app: &App, ui: &mut Ui) {
    let look = &app.look;
    let Some(manifest) = app.manifest() else { return };
    ui.heading(format!("Bundle {}", manifest.name));
    ui.label(&manifest.description);
    ui.add_space(look.size.pad);
    let latent = &manifest.latent;
    let place = latent.grid.map(|[rows, columns]| format!(", {rows} × {columns} places")).unwrap_or_default();
    let mut facts = vec![
        ("trained on", manifest.films.to_string()),
        ("latent", format!("{} tokens of {} numbers{place}", latent.tokens, latent.dim)),
    ];
    if let Some(sae) = &manifest.sae {
        let mut words = format!("{} features", sae.architecture.features());
        if sae.explained_variance.is_finite() {
            let explained = number::percent(sae.explained_variance);
            words += &format!(", {:.1} active at a place, {explained} of the variance explained", sae.active_per_token);
        }
        facts.push(("SAE", words));
    }
    let provenance = &manifest.provenance;
    facts.push(("data", provenance.data.clone()));
    facts.push(("licence", provenance.licence.clone()));
    facts.push(("limits", provenance.limits.clone()));
    egui::Grid::new("bundle").num_columns(2).spacing(vec2(2.0 * look.size.pad, look.size.gap)).show(ui, |ui| {
        for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
            let name = egui::Label::new(RichText::new(name).color(look.colour.secondary)).extend();
            ui.vertical(|ui| ui.add(name));
            ui.vertical(|ui| ui.add(egui::Label::new(value).wrap()));
            ui.end_row();
        }
    });
    let Some(classifier) = &manifest.classifier else { return };
    ui.add_space(look.size.pad);
    egui::Grid::new("labels")
        .num_columns(3)
        .striped(false)
        .spacing(vec2(3.0 * look.size.pad, look.size.gap / 2.0))
        .show(ui, |ui| {
            for head in ["finding", "training films", "AUC, held-out patients (95 %)"] {
                ui.label(RichText::new(head).small().color(look.colour.secondary));
            }
            ui.end_row();
            for label in &classifier.labels {
                ui.label(&label.name);
                ui.label(label.positives.to_string());
                ui.label(label.auc.map_or_else(
                    || "too few films".to_owned(),
                    |[auc, low, high]| format!("{auc:.2} ({low:.2} to {high:.2})"),
                ));
                ui.end_row();
            }
        });
}

fn about(ui: &mut Ui, look: &Look) {
    ui.heading(format!("Fluoro {}", env!("CARGO_PKG_VERSION")));
    ui.label("A viewer in which a chest X-ray's learned features become sliders.");
    ui.add_space(look.size.pad);
    ui.label(RichText::new("Not for diagnosis.").color(look.colour.warning));
    ui.label(
        "Scores are not calibrated. Reconstructions and counterfactuals are made by a model; they show what the model has \
         learned, which need not be true.",
    );
    ui.add_space(look.size.pad);
    ui.label(format!(
        "Nothing is sent anywhere. The list of recent files stays here: File, {}.",
        Command::ForgetRecent.text()
    ));
    ui.label(
        RichText::new("MIT or Apache-2.0. Fonts: Inter (SIL OFL 1.1), Phosphor Icons (MIT).")
            .color(look.colour.secondary),
    );
}
