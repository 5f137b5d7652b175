//! The Audit panel: a column of metadata against the features of the open store, and what they do to predictions.

use egui::{Align, Button, RichText, ScrollArea, Sense, Stroke, TextEdit, TextStyle, Ui, UiBuilder, WidgetInfo, vec2};
use fluoro_core::audit::ColumnAudit;
use fluoro_core::audit::outcome::DetectionRow;

use crate::window::app::{App, Tab};
use crate::window::command::Command;
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Widths of the settings and of the list of features, in rows.
const SETTINGS_WIDTH: f32 = 10.0;
const LIST_WIDTH: f32 = 19.0;

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
    let right = whole.with_min_x(whole.right() - (LIST_WIDTH * look.size.row).min(0.4 * whole.width()));
    let middle = whole.with_min_x(left.right() + 2.0 * look.size.pad).with_max_x(right.left() - 2.0 * look.size.pad);
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| settings(app, ui));
    let Some(audit) = app.audit.job.value.clone() else {
        ui.scope_builder(UiBuilder::new().max_rect(middle.union(right)), |ui| {
            states::empty(ui, &look, "Choose a column and audit it. It takes a minute or so.", None);
        });
        return;
    };
    let Some(column) = audit.columns.first() else { return };
    ui.scope_builder(UiBuilder::new().max_rect(middle), |ui| verdict(ui, &look, column));
    let mut chosen = None;
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| chosen = features(app, ui, &look, column));
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

/// The verdict with its evidence.
fn verdict(ui: &mut Ui, look: &Look, column: &ColumnAudit) {
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        ui.heading(&column.detection.column);
        ui.label(RichText::new(&column.verdict.headline).color(look.colour.accent));
    });
    ScrollArea::vertical().id_salt("audit evidence").auto_shrink([false, false]).show(ui, |ui| {
        for sentence in &column.verdict.sentences {
            ui.label(sentence);
        }
        ui.label(
            RichText::new("Plots, tables, maps and films are in the exported page.")
                .small()
                .color(look.colour.secondary),
        );
    });
}

/// Features by how closely they follow the column; one that was clicked.
fn features(app: &mut App, ui: &mut Ui, look: &Look, column: &ColumnAudit) -> Option<u32> {
    let small = TextStyle::Small.resolve(ui.style());
    let field = TextEdit::singleline(&mut app.audit.search).hint_text("number or label").desired_width(f32::INFINITY);
    ui.add(field).accessible_name("search the audit's features");
    let wanted = app.audit.search.trim().to_lowercase();
    let name = |row: &DetectionRow| column.names.get(&row.feature).map_or("no label", String::as_str).to_owned();
    let rows: Vec<&DetectionRow> = column
        .detection
        .rows
        .iter()
        .filter(|row| {
            wanted.is_empty()
                || row.feature.to_string().starts_with(&wanted)
                || name(row).to_lowercase().contains(&wanted)
        })
        .collect();
    let mut chosen = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("audit features").auto_shrink([false, false]).show_rows(
        ui,
        look.size.row,
        rows.len(),
        |ui, shown| {
            for row in &rows[shown] {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row), Sense::hover());
                let response = ui.interact(rect, egui::Id::unique(("audit feature", row.feature)), Sense::click());
                let label = name(row);
                let words = format!("feature {}: {label}", row.feature);
                response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &words));
                let number = rect.with_max_x(rect.left() + 1.75 * look.size.row);
                let auc = rect.with_min_x(rect.right() - 6.5 * look.size.row).with_max_x(rect.right() - look.size.pad);
                let title = rect.with_min_x(number.right()).with_max_x(auc.left());
                let found = row.comparison.as_ref().map(|found| found.auc).or(row.correlation);
                let figures = found.map_or_else(String::new, |found| {
                    format!("{:.2} ({:.2} to {:.2})", found.value, found.low, found.high)
                });
                let ink = if row.q < 0.05 { look.colour.text } else { look.colour.secondary };
                text::put(ui, number, Align::Min, &row.feature.to_string(), small.clone(), look.colour.secondary);
                text::put(ui, title, Align::Min, &label, small.clone(), ink);
                text::put(ui, auc, Align::Max, &figures, small.clone(), ink);
                if response.has_focus() || response.hovered() {
                    let line = if response.has_focus() { look.colour.accent } else { look.colour.line };
                    ui.painter().rect_stroke(rect, 0.0, Stroke::new(look.size.stroke, line), egui::StrokeKind::Inside);
                }
                let why = format!(
                    "How well the feature tells the column: area under the ROC curve (or Spearman's rho of numbers), with its 95 % \
                     interval; q = {:.1e}. A click shows the feature's page.",
                    row.q
                );
                if response.on_hover_text(why).clicked() {
                    chosen = Some(row.feature);
                }
            }
        },
    );
    chosen
}
