//! What is above the features' list while they are searched by a region of the film: what to do, how far it is, what it found.

use egui::{Label, RichText, Ui, vec2};
use fluoro_core::engine::RegionMethod;

use crate::window::app::App;
use crate::window::icons;
use crate::window::tokens::Look;
use crate::window::widgets::states;

/// Shows the line; nothing while no region is searched.
pub fn show(app: &mut App, ui: &mut Ui) {
    if !app.region.is_open() {
        return;
    }
    let look = app.look;
    ui.horizontal(|ui| {
        ui.label(RichText::new(icons::REGION).color(look.colour.accent));
        let width = ui.available_width() - 5.5 * look.size.row;
        if let Some((_, step)) = app.region.job.working.clone() {
            let (rect, _) = ui.allocate_exact_size(vec2(width, look.size.row), egui::Sense::hover());
            states::progress_line(ui, &look, rect, step.share());
            if ui.button("Cancel").on_hover_text(step.stage).clicked() {
                app.cancel();
            }
            return;
        }
        let (words, why, ink) = said(app, &look);
        let label = Label::new(RichText::new(words).color(ink)).truncate();
        ui.add_sized(vec2(width, look.size.row), label).on_hover_text(why);
        let again = app.region.is_cancelled || app.region.job.problem.is_some();
        if again && ui.button("Try again").clicked() {
            app.search_region();
        }
        if ui.button("Done").on_hover_text("All features again; the rectangle is gone").clicked() {
            app.leave_region();
        }
    });
}

/// What there is to say, more of it, and its colour.
fn said(app: &App, look: &Look) -> (String, String, egui::Color32) {
    if let Some(problem) = &app.region.job.problem {
        return (problem.what.clone(), format!("{}\n{}", problem.why, problem.todo), look.colour.error);
    }
    if app.region.is_cancelled {
        return ("The search was cancelled.".into(), String::new(), look.colour.secondary);
    }
    let method = app.manifest().map_or(RegionMethod::Tokens, |manifest| manifest.region_method());
    let Some(found) = &app.region.job.value else {
        let why = format!("The features most tied to the rectangle are then listed first, by {}.", method.words());
        return ("Drag a rectangle on the film".into(), why, look.colour.accent);
    };
    let why = match (found.tokens, found.method) {
        (Some([inside, all]), _) => format!(
            "By {}: {inside} of {all} tokens lie inside. Drag another rectangle to search again.",
            found.method.words()
        ),
        (None, _) => format!("By {}. Drag another rectangle to search again.", found.method.words()),
    };
    match found.features.len() {
        0 => ("No feature is tied to this region.".into(), why, look.colour.secondary),
        count => (format!("{count} features tied to the region"), why, look.colour.accent),
    }
}
