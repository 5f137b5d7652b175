//! Findings: one slider for each label of the classifier, with its score before and after.

use egui::{Align, Rect, ScrollArea, Sense, TextStyle, Ui, pos2, vec2};
use fluoro_core::bundle::manifest::Label;

use super::heading;
use crate::window::app::App;
use crate::window::tokens::Look;
use crate::window::widgets::{bar, number, slider::Slider, text};

/// A finding's slider goes this far to both sides, in percent of the latent's length.
const REACH: f32 = 30.0;
/// Share of the panel for findings at most.
const SHARE: f32 = 0.46;

/// Shows the findings; nothing when the bundle has no classifier.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let labels = app.manifest().and_then(|m| m.classifier.as_ref()).map(|part| part.labels.clone()).unwrap_or_default();
    if labels.is_empty() {
        return;
    }
    heading(ui, &look, "Findings", |_| {});
    columns(ui, &look);
    let (before, after) = (app.scores_before().to_vec(), app.scores_after());
    let edit = app.edit();
    let enabled = app.can_edit() && app.analysis().is_some_and(|analysis| analysis.reconstruction.is_some());
    let mut wish = None;
    let height = ui.available_height() * SHARE;
    ScrollArea::vertical().id_salt("findings").max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.add_enabled_ui(enabled, |ui| {
            for (index, label) in labels.iter().enumerate() {
                let score = |scores: &[f32]| scores.get(index).copied().unwrap_or(f32::NAN);
                let scores = [score(&before), score(&after)];
                let own = edit.findings.get(&index).copied().unwrap_or(0.0);
                if let Some(value) = row(ui, &look, index, label, own, scores) {
                    wish = Some((index, value));
                }
            }
        });
    });
    if let Some((index, value)) = wish {
        app.set_finding(index, value);
    }
    ui.add_space(look.size.pad);
}

/// Places of a row's columns: name, slider, step, bar, score.
fn places(rect: Rect, look: &Look) -> [Rect; 5] {
    let mut x = rect.left();
    // Room for the scroll bar at the right.
    let width = rect.width() - look.size.pad;
    [0.35, 0.245, 0.075, 0.095, 0.235].map(|share| {
        let part = Rect::from_min_max(pos2(x, rect.top()), pos2(x + width * share - look.size.gap, rect.bottom()));
        x += width * share;
        part
    })
}

fn columns(ui: &mut Ui, look: &Look) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), look.size.small + look.size.gap), Sense::hover());
    let [name, track, step, _, score] = places(rect, look);
    for (place, align, words) in
        [(name, Align::Min, "finding"), (track.union(step), Align::Max, "step %"), (score, Align::Max, "score")]
    {
        text::put(ui, place, align, words, TextStyle::Small.resolve(ui.style()), look.colour.secondary);
    }
    response.on_hover_text(
        "Drag a finding to give the film more or less of what the classifier calls so. The step is in percent of the \
         latent's length. Scores are 0 to 1; the tick in the bar is the operating point, 0.5. They are not calibrated \
         probabilities.",
    );
}

/// One finding; returns its new value when it moved.
fn row(ui: &mut Ui, look: &Look, index: usize, label: &Label, own: f32, [before, after]: [f32; 2]) -> Option<f32> {
    let (colour, size) = (&look.colour, &look.size);
    let (rect, hover) = ui.allocate_exact_size(vec2(ui.available_width(), size.row), Sense::hover());
    let [name, track, step, bars, score] = places(rect, look);
    let (body, small) = (TextStyle::Body.resolve(ui.style()), TextStyle::Small.resolve(ui.style()));
    let is_strong = after >= bar::OPERATING_POINT;
    text::put(ui, name, Align::Min, &label.name, body, if is_strong { colour.text } else { colour.secondary });
    let mut value = own;
    let slider = Slider { label: &label.name, range: [-REACH, REACH], origin: 0.0, seen: None };
    let response = slider.show(ui, look, track, egui::Id::unique(("finding", index)), &mut value);
    if response.double_clicked() {
        value = 0.0;
    }
    if value != 0.0 {
        text::put(ui, step, Align::Max, &number::signed(value), small.clone(), colour.accent);
    }
    if before.is_finite() {
        bar::score(ui.painter(), look, bars, before, after);
        let moved = (after - before).abs() >= 0.005;
        let words = if moved {
            format!("{} → {}", number::score(before), number::score(after))
        } else {
            number::score(after)
        };
        text::put(ui, score, Align::Max, &words, small, if is_strong { colour.text } else { colour.secondary });
    }
    hover.on_hover_text(about(label, before, after));
    (value != own).then_some(value)
}

fn about(label: &Label, before: f32, after: f32) -> String {
    let quality = match label.auc {
        Some([auc, low, high]) => format!("AUC {auc:.2} (95 % {low:.2} to {high:.2}) on held-out patients"),
        None => "too few held-out films had it to measure an AUC".to_owned(),
    };
    format!(
        "{}: score {} before, {} now. 0.5 is the operating point; the score is not a calibrated probability.\n{} training \
         films had it; {quality}.\nDouble click takes the change back.",
        label.name,
        number::score(before),
        number::score(after),
        label.positives,
    )
}
