//! The Audit panel: a column of metadata against the features of the open store, and what they do to predictions.

use std::sync::Arc;

use egui::{Button, Label, RichText, ScrollArea, TextEdit, Ui, UiBuilder};
use fluoro_core::audit::ColumnAudit;

use crate::window::app::{App, Tab};
use crate::window::command::Command;
use crate::window::state::audit::Part;
use crate::window::tokens::Look;
use crate::window::widgets::states;

mod effects;
mod features;
mod films;

/// Widths of the settings and of the list of features, in rows.
const SETTINGS_WIDTH: f32 = 8.0;
const LIST_WIDTH: f32 = 15.0;

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let Some(open) = &app.store.open else {
        let purpose = "Does the model read anatomy or the sticker? An audit holds the features of an activation store against a \
                       column of metadata, and measures what taking them away does. fluoro encode FILMS -o STORE makes one.";
        if states::empty(ui, &look, purpose, Some("Open store…")) {
            app.run(Command::OpenStore);
        }
        return;
    };
    if !app.store.is_own {
        let purpose = format!(
            "This store was made by the bundle {}. Open that bundle: its predictions are what an audit asks.",
            open.store.info().bundle
        );
        if states::empty(ui, &look, &purpose, Some("Open bundle…")) {
            app.run(Command::OpenBundle);
        }
        return;
    }
    if let Some((_, step)) = app.audit.job.working.clone() {
        if states::working(ui, &look, &step, true) {
            app.run(Command::Cancel);
        }
        return;
    }
    if let Some(problem) = app.audit.job.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Close")) {
            app.audit.job.problem = None;
        }
        return;
    }
    let whole = ui.available_rect_before_wrap();
    let left = whole.with_max_x(whole.left() + SETTINGS_WIDTH * look.size.row);
    let right = whole.with_min_x(whole.right() - (LIST_WIDTH * look.size.row).min(0.38 * whole.width()));
    let middle = whole.with_min_x(left.right() + 2.0 * look.size.pad).with_max_x(right.left() - 2.0 * look.size.pad);
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| settings(app, ui));
    let Some(audit) = app.audit.job.value.clone() else {
        ui.scope_builder(UiBuilder::new().max_rect(middle.union(right)), |ui| {
            states::empty(ui, &look, "Choose a column and audit it. It takes a minute or so.", None);
        });
        return;
    };
    let Some(column) = audit.columns.first() else { return };
    let version = Arc::as_ptr(&audit) as usize;
    ui.scope_builder(UiBuilder::new().max_rect(middle), |ui| {
        ui.set_clip_rect(middle.intersect(ui.clip_rect()));
        heading(app, ui, &look, column);
        match app.audit.part {
            Part::Evidence => evidence(ui, column),
            Part::Effects => effects::show(ui, &look, column),
            Part::Films => films::show(app, ui, &look, column, version),
        }
    });
    let mut chosen = None;
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| chosen = features::show(app, ui, &look, column, version));
    if let Some(feature) = chosen {
        app.store.show_feature(feature);
        app.layout.tab = Tab::Gallery;
    }
}

/// What the panel adds to the row of tabs.
pub fn tools(app: &mut App, ui: &mut Ui) {
    let button = ui.add_enabled(app.can(Command::ExportAudit), Button::new("Export audit…").frame_when_inactive(false));
    if button.on_hover_text(Command::ExportAudit.hint()).clicked() {
        app.run(Command::ExportAudit);
    }
}

fn settings(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let Some(open) = &app.store.open else { return };
    let columns: Vec<String> = open.store.columns().to_vec();
    ui.label(RichText::new("column").small().color(look.colour.secondary));
    if app.audit.metadata.is_some() {
        // Its columns are known once it is read; a wrong name is answered with the nearest ones.
        let field = TextEdit::singleline(&mut app.audit.column).hint_text("name of a column");
        ui.add(field).accessible_name("column to audit");
    } else {
        if app.audit.column.is_empty() {
            app.audit.column = columns.first().cloned().unwrap_or_default();
        }
        let combo = egui::ComboBox::from_id_salt("audit column")
            .selected_text(app.audit.column.clone())
            .width(ui.available_width() - look.size.gap)
            .truncate()
            .show_ui(ui, |ui| {
                for name in &columns {
                    ui.selectable_value(&mut app.audit.column, name.clone(), name);
                }
            });
        combo.response.accessible_name("column to audit");
    }
    let table = app.audit.metadata.as_ref().and_then(|path| path.file_name());
    let words = table.map_or_else(|| "the store's columns".to_owned(), |name| name.to_string_lossy().into_owned());
    ui.horizontal(|ui| {
        let label = egui::Label::new(RichText::new(words).small().color(look.colour.secondary)).truncate();
        ui.add(label);
        let button = Button::new(RichText::new("Table…").small()).frame_when_inactive(false);
        if ui.add_enabled(app.can(Command::OpenMetadata), button).on_hover_text(Command::OpenMetadata.hint()).clicked()
        {
            app.run(Command::OpenMetadata);
        }
    });
    ui.add_space(look.size.gap);
    ui.add_enabled_ui(app.can(Command::ComputeAudit), |ui| {
        if states::primary(ui, &look, "Audit the column").on_hover_text(Command::ComputeAudit.hint()).clicked() {
            app.run(Command::ComputeAudit);
        }
    });
}

/// The verdict, and which part of what it rests on is shown.
fn heading(app: &mut App, ui: &mut Ui, look: &Look, column: &ColumnAudit) {
    // The verdict has the whole width: it is what the panel is for.
    ui.add(Label::new(RichText::new(&column.verdict.headline).heading()).wrap());
    ui.horizontal(|ui| {
        for part in Part::ALL {
            let on = app.audit.part == part;
            let ink = if on { look.colour.accent } else { look.colour.secondary };
            let button = Button::selectable(on, RichText::new(part.name()).small().color(ink));
            if ui.add(button).on_hover_text(part.hint()).clicked() {
                app.audit.part = part;
            }
        }
    });
}

/// The evidence in words.
fn evidence(ui: &mut Ui, column: &ColumnAudit) {
    ScrollArea::vertical().id_salt("audit evidence").auto_shrink([false, false]).show(ui, |ui| {
        for sentence in &column.verdict.sentences {
            ui.add(Label::new(sentence).wrap());
        }
    });
}
