//! The audit's list of features: how closely each follows the column.

use egui::{Align, RichText, ScrollArea, Sense, Stroke, TextEdit, TextStyle, Ui, WidgetInfo, vec2};
use fluoro_core::audit::ColumnAudit;
use fluoro_core::audit::outcome::DetectionRow;

use crate::window::app::App;
use crate::window::tokens::Look;
use crate::window::widgets::text;

/// False discoveries among the features that are said to follow a column: the audit's own limit.
const FOLLOWS: f64 = 0.05;

/// Features by how closely they follow the column; one that was clicked.
pub fn show(app: &mut App, ui: &mut Ui, look: &Look, column: &ColumnAudit, version: usize) -> Option<u32> {
    let small = TextStyle::Small.resolve(ui.style());
    ui.horizontal(|ui| {
        let width = ui.available_width() - 4.5 * look.size.row;
        let field = TextEdit::singleline(&mut app.audit.search).hint_text("number or label").desired_width(width);
        ui.add(field).accessible_name("search the audit's features");
        let words = RichText::new("q < 0.05").small();
        let only = ui.checkbox(&mut app.audit.only_followers, words);
        only.on_hover_text("Only features that follow the column, at a rate of false discoveries below 5 %")
            .accessible_name("only features that follow the column");
    });
    let wanted = app.audit.search.trim().to_lowercase();
    let name = |row: &DetectionRow| column.names.get(&row.feature).map_or("no label", String::as_str);
    let found = &column.detection.rows;
    let only = app.audit.only_followers;
    let listed = app.audit.listed.of((wanted.clone(), only, version), || {
        let fits = |row: &DetectionRow| {
            if only && row.q >= FOLLOWS {
                return false;
            }
            wanted.is_empty()
                || row.feature.to_string().starts_with(&wanted)
                || name(row).to_lowercase().contains(&wanted)
        };
        (0..found.len()).filter(|&place| fits(&found[place])).collect()
    });
    let mut chosen = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("audit features").auto_shrink([false, false]).show_rows(
        ui,
        look.size.row,
        listed.len(),
        |ui, shown| {
            for row in listed[shown].iter().filter_map(|&place| found.get(place)) {
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
                let ink = if row.q < FOLLOWS { look.colour.text } else { look.colour.secondary };
                text::put(ui, number, Align::Min, &row.feature.to_string(), small.clone(), look.colour.secondary);
                text::put(ui, title, Align::Min, label, small.clone(), ink);
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
