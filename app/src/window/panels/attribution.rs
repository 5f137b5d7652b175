//! The Attribution panel: a label and two methods, whose maps stand side by side on the light box.

use egui::{Align, Layout, RichText, Ui, UiBuilder};
use fluoro_core::attribution::METHODS;

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::state::attribution::SLOTS;
use crate::window::tokens::Look;
use crate::window::widgets::states;

/// Width of the settings, in rows.
const SETTINGS_WIDTH: f32 = 12.5;
/// Width of the names of fields, in rows.
const NAMES_WIDTH: f32 = 2.25;
/// Names of the two places on the light box.
const PLACES: [&str; SLOTS] = ["left", "right"];

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let whole = ui.available_rect_before_wrap();
    let width = (SETTINGS_WIDTH * look.size.row).min(whole.width() * 0.45);
    let left = whole.with_max_x(whole.left() + width);
    let right = whole.with_min_x(left.right() + 2.0 * look.size.pad);
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| settings(app, ui));
    let half = (right.width() - look.size.pad) / SLOTS as f32;
    let jobs = &app.attribution.jobs;
    if jobs.iter().all(|job| job.value.is_none() && job.working.is_none() && job.problem.is_none()) {
        let purpose =
            "Where does the classifier look? Two methods side by side on the film. Choose a finding and compute.";
        ui.scope_builder(UiBuilder::new().max_rect(right), |ui| states::empty(ui, &look, purpose, None));
        return;
    }
    for slot in 0..SLOTS {
        let from = right.left() + slot as f32 * (half + look.size.pad);
        let part = right.with_min_x(from).with_max_x(from + half);
        ui.scope_builder(UiBuilder::new().max_rect(part), |ui| answer(app, ui, slot));
    }
}

/// What a field is; all of them are as wide, so that the fields stand below each other.
fn name(ui: &mut Ui, look: &Look, words: &str) -> egui::Response {
    let layout = Layout::left_to_right(Align::Center);
    let size = egui::vec2(NAMES_WIDTH * look.size.row, look.size.row);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_size(size);
        ui.label(RichText::new(words).color(look.colour.secondary))
    })
    .inner
}

fn settings(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let labels = app.labels();
    ui.horizontal(|ui| {
        name(ui, &look, "finding").on_hover_text("The score whose grounds are looked for");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if app.attribution.is_working() {
                if ui.button("Cancel").clicked() {
                    app.run(Command::Cancel);
                }
            } else {
                ui.add_enabled_ui(app.can(Command::ComputeAttribution), |ui| {
                    if states::primary(ui, &look, "Compute").clicked() {
                        app.run(Command::ComputeAttribution);
                    }
                });
            }
            let chosen = labels.get(app.attribution.label).cloned().unwrap_or_default();
            let combo = egui::ComboBox::from_id_salt("attribution label")
                .selected_text(chosen)
                .width(ui.available_width() - 2.0 * look.size.gap)
                .truncate()
                .show_ui(ui, |ui| {
                    for (index, label) in labels.iter().enumerate() {
                        ui.selectable_value(&mut app.attribution.label, index, label);
                    }
                });
            combo.response.accessible_name("finding of the attribution");
        });
    });
    for (slot, place) in PLACES.into_iter().enumerate() {
        ui.horizontal(|ui| {
            name(ui, &look, place);
            // The field above ends at a button, and begins so much further to the right.
            ui.add_space(2.0 * look.size.gap);
            let chosen = METHODS[app.attribution.methods[slot]];
            let combo = egui::ComboBox::from_id_salt(("method", slot))
                .selected_text(chosen.name())
                .width(5.0 * look.size.row)
                .show_ui(ui, |ui| {
                    for (index, method) in METHODS.iter().enumerate() {
                        ui.selectable_value(&mut app.attribution.methods[slot], index, method.name())
                            .on_hover_text(method.about());
                    }
                });
            combo.response.accessible_name(format!("method on the {place}")).on_hover_text(chosen.about());
        });
    }
}

/// What one side found, or why it did not.
fn answer(app: &mut App, ui: &mut Ui, slot: usize) {
    let look = app.look;
    let job = app.attribution.jobs[slot].clone();
    if let Some((_, step)) = job.working {
        if states::working(ui, &look, &step, true) {
            app.run(Command::Cancel);
        }
        return;
    }
    if let Some(problem) = job.problem {
        if states::failed(ui, &look, &problem, Some("Try again")) {
            app.run(Command::ComputeAttribution);
        }
        return;
    }
    let Some(shown) = job.value else { return };
    let label = app.labels().get(shown.request.label).cloned().unwrap_or_default();
    let method = METHODS.iter().find(|method| method.name() == shown.attribution.method);
    ui.label(format!("{}: {} of {label}", PLACES[slot], shown.attribution.method));
    if let Some(method) = method {
        ui.label(RichText::new(method.about()).small().color(look.colour.secondary));
    }
    if shown.attribution.is_blank {
        let words = "Zero everywhere: nothing in the film speaks for the finding, or its score is at its limit.";
        ui.label(RichText::new(words).small().color(look.colour.warning));
    }
    if let Some(cells) = &shown.attribution.cells {
        let mean = cells.logits.iter().sum::<f32>() / cells.logits.len().max(1) as f32;
        let words = format!(
            "{} × {} cells; their mean logit {mean:.2} is the film's; base rate {:.3}",
            cells.width, cells.height, cells.base_rate
        );
        ui.label(RichText::new(words).small().color(look.colour.secondary));
    }
}
