//! Findings: one slider for each label of the classifier, with its score before and after.

use egui::{Align, Popup, Rect, RichText, ScrollArea, Sense, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2};
use fluoro_core::bundle::manifest::Label;

use super::heading;
use crate::window::app::App;
use crate::window::icons;
use crate::window::state::findings::{FindingSort, Shown};
use crate::window::tokens::Look;
use crate::window::widgets::slider::{Extras, Slider, holds_wheel};
use crate::window::widgets::{bar, number, text};

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
    heading(ui, &look, "Findings", |ui| tools(app, ui));
    columns(app, ui, &look);
    let (before, after) = (app.scores_before().to_vec(), app.scores_after());
    let edit = app.edit();
    let enabled = app.can_edit() && app.analysis().is_some_and(|analysis| analysis.reconstruction.is_some());
    let mut wish = None;
    let height = ui.available_height() * SHARE;
    let scores = |index: usize| [&before, &after].map(|scores| scores.get(index).copied().unwrap_or(f32::NAN));
    let order = app.findings.order(&labels, scores);
    let source = egui::scroll_area::ScrollSource { mouse_wheel: !holds_wheel(ui), ..Default::default() };
    let area = ScrollArea::vertical().id_salt("findings").max_height(height).auto_shrink([false, true]);
    area.scroll_source(source).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if order.is_empty() {
            ui.label(RichText::new("No finding is called so.").color(look.colour.secondary));
        } else if let Some(words) = why_no_scores(app) {
            ui.label(RichText::new(words).small().color(look.colour.secondary));
            ui.add_space(look.size.gap);
        }
        ui.add_enabled_ui(enabled, |ui| {
            for index in order {
                let label = &labels[index];
                let own = edit.findings.get(&index).copied().unwrap_or(0.0);
                let shown = app.findings.shown(label, scores(index));
                if let Some(value) = row(ui, &look, index, label, own, shown) {
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

/// Why the findings have no scores; none where they have.
fn why_no_scores(app: &App) -> Option<&'static str> {
    if app.analysis().is_some() {
        return None;
    }
    let has_failed = app.study.film().is_some_and(|film| film.problem.is_some());
    Some(match (app.study.pending.is_some(), has_failed) {
        (true, _) => "Scores follow once the film is read.",
        (false, true) => "No scores: the film could not be read.",
        (false, false) => "Open a film for its scores.",
    })
}

/// Places of a row's columns: name, slider, step, bar, score.
fn places(rect: Rect, look: &Look) -> [Rect; 5] {
    let mut x = rect.left();
    // Room for the scroll bar at the right.
    let width = rect.width() - look.size.pad;
    [0.33, 0.235, 0.095, 0.095, 0.245].map(|share| {
        let part = Rect::from_min_max(pos2(x, rect.top()), pos2(x + width * share - look.size.gap, rect.bottom()));
        x += width * share;
        part
    })
}

/// Search, order and unit, at the right of the heading.
fn tools(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let response = ui.add(egui::Button::new(icons::LIST).frame_when_inactive(false)).on_hover_text("Order and unit");
    let response = response.accessible_name("findings options");
    Popup::menu(&response).show(|ui| {
        for sort in FindingSort::ALL {
            if ui.selectable_label(app.findings.sort == sort, sort.name()).clicked() {
                app.findings.sort = sort;
            }
        }
        ui.separator();
        let words = "scores as the network gives them";
        if ui.selectable_label(app.findings.raw, words).on_hover_text(UNIT).clicked() {
            app.findings.raw = !app.findings.raw;
        }
    });
    let hint = format!("{}  finding", icons::SEARCH);
    let field = TextEdit::singleline(&mut app.findings.search).hint_text(hint).desired_width(4.5 * look.size.row);
    let field = ui.add(field).accessible_name("search findings");
    if field.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        app.findings.search.clear();
    }
}

/// What the two units of a score are.
const UNIT: &str = "Either the network's own output, with each label's own operating point as the tick in its bar; or moved \
                    so that every operating point lies at 0.5, as torchxrayvision does.";

fn columns(app: &mut App, ui: &mut Ui, look: &Look) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), look.size.small + look.size.gap), Sense::hover());
    let [name, track, step, bars, score] = places(rect, look);
    let small = TextStyle::Small.resolve(ui.style());
    text::put(ui, track.union(step), Align::Max, "step %", small.clone(), look.colour.secondary);
    let score_name = if app.findings.raw { "raw score" } else { "score" };
    let heads = [
        (name, Align::Min, "finding", FindingSort::Name, "Click to sort by name"),
        (bars, Align::Min, "change", FindingSort::Change, "Click to sort by how much the score changed"),
        (score, Align::Max, score_name, FindingSort::Score, "Click to sort by the score now"),
    ];
    for (place, align, words, sort, about) in heads {
        let head = ui.interact(place, egui::Id::unique(("sort findings", words)), Sense::click());
        head.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("sort findings {}", sort.name())));
        let is_on = app.findings.sort == sort;
        let ink = match (head.hovered() || head.has_focus(), is_on) {
            (true, _) => look.colour.accent,
            (false, true) => look.colour.text,
            (false, false) => look.colour.secondary,
        };
        let arrow = match (is_on, sort) {
            (false, _) => "",
            (true, FindingSort::Name) => icons::CARET_UP,
            (true, _) => icons::CARET_DOWN,
        };
        let words = if align == Align::Min { format!("{words} {arrow}") } else { format!("{arrow} {words}") };
        // A head may be wider than its column.
        let wide = if align == Align::Min { place.with_max_x(place.right() + look.size.row) } else { place };
        text::put(ui, wide, align, words.trim(), small.clone(), ink);
        if head.on_hover_text(format!("{about}; again for the bundle's own order")).clicked() {
            app.findings.sort = if is_on { FindingSort::Bundle } else { sort };
        }
    }
    response.on_hover_text(
        "Drag a finding to give the film more or less of what the classifier calls so. The step is in percent of the \
         latent's length. Scores are 0 to 1; the tick in the bar is the label's operating point. They are not calibrated \
         probabilities.",
    );
}

/// One finding; returns its new value when it moved.
fn row(ui: &mut Ui, look: &Look, index: usize, label: &Label, own: f32, shown: Shown) -> Option<f32> {
    let (colour, size) = (&look.colour, &look.size);
    let Shown { before, after, point } = shown;
    let (rect, hover) = ui.allocate_exact_size(vec2(ui.available_width(), size.row), Sense::hover());
    let [name, track, step, bars, score] = places(rect, look);
    let (body, small) = (TextStyle::Body.resolve(ui.style()), TextStyle::Small.resolve(ui.style()));
    // Without a film, what is known is of the film before.
    let is_strong = before.is_finite() && after >= point;
    text::put(ui, name, Align::Min, &label.name, body, if is_strong { colour.text } else { colour.secondary });
    let mut value = own;
    let slider = Slider { label: &label.name, range: [-REACH, REACH], origin: 0.0, seen: None };
    let extras = Extras { wheel: true, ..Extras::default() };
    let response = slider.show_with(ui, look, track, egui::Id::unique(("finding", index)), &mut value, extras);
    if response.double_clicked() {
        value = 0.0;
    }
    if value != 0.0 {
        text::put(ui, step, Align::Max, &number::signed(value), small.clone(), colour.accent);
    }
    if before.is_finite() {
        bar::score(ui.painter(), look, bars, before, after, point);
        let moved = (after - before).abs() >= 0.005;
        let words = if moved {
            format!("{} → {}", number::score(before), number::score(after))
        } else {
            number::score(after)
        };
        text::put(ui, score, Align::Max, &words, small, if is_strong { colour.text } else { colour.secondary });
    }
    hover.on_hover_text(about(label, shown));
    (value != own).then_some(value)
}

fn about(label: &Label, Shown { before, after, point }: Shown) -> String {
    let quality = match label.auc {
        Some([auc, low, high]) => format!("AUC {auc:.2} (95 % {low:.2} to {high:.2}) on held-out patients"),
        None => "too few held-out films had it to measure an AUC".to_owned(),
    };
    let [before_words, after_words] = [before, after].map(number::score);
    let side = if after >= point { "above" } else { "below" };
    let change = if before.is_finite() && after.is_finite() {
        format!(", change {}", number::change(after - before))
    } else {
        String::new()
    };
    format!(
        "{}: score {before_words} before, {after_words} now{change}; {side} its operating point {}.\nThe network's own \
         operating point is {}; the score is not a calibrated probability.\n{} training films had it; {quality}.\nDouble \
         click takes the change back.",
        label.name,
        number::significant(point),
        number::significant(label.operating_point),
        label.positives,
    )
}
