//! The Report panel: the film in sentences. A sentence under the pointer is outlined on the film by its features' region.

use egui::{Align, Layout, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, UiBuilder, WidgetInfo, vec2};
use fluoro_core::report::compose::{Certainty, NOT_FOR_DIAGNOSIS, Sentence};

use crate::window::app::App;
use crate::window::command::Command;
use crate::window::state::report::Shown;
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    app.report.hovered = None;
    if app.manifest().is_some_and(|manifest| manifest.sae.is_none()) {
        let purpose = "This bundle has no SAE, so it has no features to put into words. fluoro import BUNDLE SAE -o NEW adds one.";
        states::empty(ui, &look, purpose, None);
        return;
    }
    if app.report.labels.is_none() {
        let purpose = "A report is made of labelled features, and nobody has labelled this bundle's. fluoro encode FILMS -o STORE \
                       and fluoro label STORE --reports CSV do it; open the store then.";
        if states::empty(ui, &look, purpose, Some("Open store…")) {
            app.run(Command::OpenStore);
        }
        return;
    }
    if app.analysis().is_none() {
        states::empty(ui, &look, "Open a film, and what its features stand for is worded here.", None);
        return;
    }
    if let Some((_, step)) = app.report.job.working.clone() {
        if states::working(ui, &look, &step, true) {
            app.run(Command::Cancel);
        }
        return;
    }
    if let Some(problem) = app.report.job.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Try again")) {
            app.compute_report();
        }
        return;
    }
    let Some(shown) = app.report.job.value.clone() else {
        if app.report.is_cancelled {
            if states::empty(ui, &look, "The report was cancelled.", Some("Write the report")) {
                app.compute_report();
            }
        } else if app.study.pending.is_none() {
            app.compute_report();
        }
        return;
    };
    full(app, ui, &look, &shown);
}

/// What the panel adds to the row of tabs.
pub fn tools(app: &mut App, ui: &mut Ui) {
    let can = app.can(Command::ExportReport);
    let button = ui.add_enabled(can, egui::Button::new("Export report…").frame_when_inactive(false));
    if button.on_hover_text(Command::ExportReport.hint()).clicked() {
        app.run(Command::ExportReport);
    }
}

fn full(app: &mut App, ui: &mut Ui, look: &Look, shown: &Shown) {
    let report = &shown.worded.report;
    let whole = ui.available_rect_before_wrap();
    let third = (whole.width() - 4.0 * look.size.pad) / 3.0;
    let foot = look.size.small + look.size.gap;
    let first = [0, report.acquisition.len(), report.acquisition.len() + report.findings.len()];
    let parts = [
        ("Findings", &report.findings, first[1], "Nothing that a feature of this bundle tells."),
        ("Impression", &report.impression, first[2], ""),
        ("How the film was taken", &report.acquisition, first[0], "No active feature tells."),
    ];
    for (column, (title, sentences, first, nothing)) in parts.into_iter().enumerate() {
        let left = whole.left() + column as f32 * (third + 2.0 * look.size.pad);
        let part = whole.with_min_x(left).with_max_x(left + third).with_max_y(whole.bottom() - foot);
        ui.scope_builder(UiBuilder::new().max_rect(part), |ui| {
            ui.horizontal(|ui| {
                let head = |words: &str| RichText::new(words).small().color(look.colour.secondary);
                ui.label(head(title));
                if sentences.iter().any(|sentence| !sentence.features.is_empty()) {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        ui.add_space(look.size.pad);
                        ui.label(head("features")).on_hover_text("The features that say so, by number");
                    });
                }
            });
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical().id_salt(title).auto_shrink([false, false]).show(ui, |ui| {
                for (place, sentence) in sentences.iter().enumerate() {
                    row(app, ui, look, shown, first + place, sentence);
                }
                if sentences.is_empty() && !nothing.is_empty() {
                    ui.label(RichText::new(nothing).color(look.colour.secondary));
                }
            });
        });
    }
    let words = whole.with_min_y(whole.bottom() - foot);
    ui.scope_builder(UiBuilder::new().max_rect(words).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.label(RichText::new(NOT_FOR_DIAGNOSIS).small().color(look.colour.secondary));
        if let Some((labels, origin)) = &app.report.labels {
            let words = format!("Labels: {origin}.");
            let label = egui::Label::new(RichText::new(words).small().color(look.colour.secondary)).truncate();
            ui.add(label).on_hover_text(&labels.method);
        }
    });
}

/// One sentence: pointed at, its region is outlined; clicked, it stays.
fn row(app: &mut App, ui: &mut Ui, look: &Look, shown: &Shown, place: usize, sentence: &Sentence) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row), Sense::hover());
    let response = ui.interact(rect, egui::Id::unique(("sentence", place)), Sense::click());
    let has_region = shown.outlines.get(place).is_some_and(|lines| !lines.is_empty());
    let on = app.report.chosen == Some(place);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, on, &sentence.text));
    let ink = match sentence.certainty {
        _ if on => look.colour.accent,
        Certainty::Affirmed => look.colour.text,
        Certainty::Uncertain => look.colour.warning,
        Certainty::Negative => look.colour.secondary,
    };
    let number = rect.with_min_x(rect.right() - 5.0 * look.size.row);
    let numbers = sentence.features.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let body = TextStyle::Body.resolve(ui.style());
    text::put(ui, rect.with_max_x(number.left()), Align::Min, &sentence.text, body, ink);
    let small = TextStyle::Small.resolve(ui.style());
    let words = number.with_max_x(number.right() - look.size.pad);
    text::put(ui, words, Align::Max, &numbers, small, look.colour.secondary);
    if response.hovered() || response.has_focus() {
        app.report.hovered = Some(place);
        let line = if response.has_focus() { look.colour.accent } else { look.colour.line };
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(look.size.stroke, line), egui::StrokeKind::Inside);
    }
    let why = match (sentence.certainty, sentence.features.is_empty(), has_region) {
        (Certainty::Negative, true, _) => {
            "A feature tells this finding well on other films, and none speaks here.".to_owned()
        }
        (_, _, true) => format!("Features {numbers}. The outline is what changes most when they are taken away."),
        (_, _, false) => format!("Features {numbers}. Without a decoder that draws them they have no region."),
    };
    if response.on_hover_text(why).clicked() {
        app.report.chosen = (!on).then_some(place);
        if let Some(&feature) = sentence.features.first().filter(|_| !on) {
            app.features.pins.insert(feature);
        }
    }
}
