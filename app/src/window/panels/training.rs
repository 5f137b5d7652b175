//! The curves of an SAE's training, over the window: loss, active features, explained variance, features alive, while it
//! runs and when it is over.

use egui::{Frame, Id, Modal, Rect, RichText, TextStyle, Ui, pos2, vec2};
use fluoro_core::train::dictionary::CurvePoint;
use fluoro_core::train::log::{Curves, Ending};

use crate::window::app::{App, Cover};
use crate::window::state::job::Step;
use crate::window::state::training::Watch;
use crate::window::tokens::Look;
use crate::window::widgets::plot::{Line, Plot};
use crate::window::widgets::{number, states, text};

/// Share of the window's height.
const HEIGHT: f32 = 0.6;
/// A log that did not grow for so many seconds may be that of a training that was killed.
const LONG_SILENCE: u64 = 120;

/// One of the plots.
struct Curve {
    name: &'static str,
    hint: &'static str,
    value: fn(&CurvePoint) -> f64,
    /// The top of the plot; none where the values say it.
    top: Option<f32>,
    words: fn(f32) -> String,
}

const CURVES: [Curve; 4] = [
    Curve {
        name: "loss",
        hint: "All terms of the training loss, mean since the point before",
        value: |point| point.loss,
        top: None,
        words: number::short,
    },
    Curve {
        name: "active features of a token",
        hint: "L0: how many features speak at one place of a film",
        value: |point| point.active,
        top: None,
        words: number::short,
    },
    Curve {
        name: "explained variance",
        hint: "Share of the tokens' variance that the features give back; 1 is all of it",
        value: |point| point.explained_variance,
        top: Some(1.0),
        words: number::score,
    },
    Curve {
        name: "features alive",
        hint: "Share of the features that fired within the dead window",
        value: |point| point.alive_share,
        top: Some(1.0),
        words: number::score,
    },
];

/// Shows the curves, and says what comes after.
pub fn show(app: &mut App, ui: &mut Ui, watch: Watch) -> Cover {
    let look = app.look;
    let frame = Frame::popup(ui.style()).inner_margin(2.0 * look.size.pad);
    let modal = Modal::new(Id::unique("training")).backdrop_color(look.colour.backdrop).frame(frame);
    let modal = modal.show(ui.ctx(), |ui| {
        ui.set_width(look.size.dialog_width);
        let height = (ui.ctx().content_rect().height() * HEIGHT).floor();
        ui.horizontal(|ui| {
            ui.heading("Training of an SAE");
            let name = watch.folder.file_name().unwrap_or_default().to_string_lossy();
            let label = egui::Label::new(RichText::new(name).color(look.colour.secondary)).truncate();
            ui.add(label).on_hover_text(watch.folder.display().to_string());
        });
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            match watch.seen() {
                None => {
                    states::working(ui, &look, &step("reading the log"), false);
                }
                Some(Ok(None)) => {
                    let words = "waiting for the training's first line; fluoro train sae STORE -o BUNDLE writes it";
                    states::working(ui, &look, &step(words), false);
                }
                Some(Err(problem)) => {
                    states::failed(ui, &look, &problem, None);
                }
                Some(Ok(Some(curves))) => full(ui, &look, &curves),
            }
        });
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() { Cover::Nothing } else { Cover::Training(watch) }
}

fn step(stage: &str) -> Step {
    Step { stage: stage.to_owned(), ..Step::default() }
}

fn full(ui: &mut Ui, look: &Look, curves: &Curves) {
    head(ui, look, curves);
    if curves.points.iter().all(Vec::is_empty) {
        states::empty(ui, look, "No point of the curves yet: the first follows after a few steps.", None);
        return;
    }
    ui.add_space(look.size.pad);
    let whole = ui.available_rect_before_wrap();
    let half = (whole.size() - vec2(2.0 * look.size.pad, look.size.pad)) / 2.0;
    for (place, curve) in CURVES.iter().enumerate() {
        let [column, row] = [place % 2, place / 2].map(|at| at as f32);
        let offset = vec2(column * (half.x + 2.0 * look.size.pad), row * (half.y + look.size.pad));
        plot(ui, look, Rect::from_min_size(whole.min + offset, half), curve, curves);
    }
    ui.advance_cursor_after_rect(whole);
}

/// Where it stands, in words.
fn head(ui: &mut Ui, look: &Look, curves: &Curves) {
    let now = curves.points.len().saturating_sub(1);
    let done = curves.points.last().and_then(|points| points.last()).map_or(0, |point| point.step);
    let (words, ink) = match &curves.ending {
        Some(Ending::Finished(quality)) => (
            format!(
                "finished: {} of the variance explained on patients held out, {} active features, {} alive",
                number::percent(quality.explained_variance as f32),
                number::short(quality.active as f32),
                number::percent(quality.alive_share as f32)
            ),
            look.colour.text,
        ),
        Some(Ending::Stopped(why)) => (format!("stopped at step {done}: {why}"), look.colour.error),
        None if curves.silence.as_secs() > LONG_SILENCE => {
            let minutes = curves.silence.as_secs() / 60;
            (
                format!("no news for {minutes} min at step {done}: it may have been ended from outside"),
                look.colour.warning,
            )
        }
        None => {
            let steps = curves.runs.get(now).map_or(0, |run| run.steps);
            (format!("running: step {done} of {steps}"), look.colour.text)
        }
    };
    ui.add(egui::Label::new(RichText::new(words).color(ink)).wrap());
    if let Some(run) = curves.runs.get(now) {
        let of = if curves.runs.len() > 1 {
            format!("run {} of {}, the others faint; ", now + 1, curves.runs.len())
        } else {
            String::new()
        };
        let words = format!("{of}{}, {} features", run.kind, run.features);
        ui.label(RichText::new(words).small().color(look.colour.secondary));
    }
    if curves.broken > 0 {
        let words = format!("log lines that cannot be read, left out: {}", curves.broken);
        ui.label(RichText::new(words).small().color(look.colour.warning));
    }
}

fn plot(ui: &mut Ui, look: &Look, rect: Rect, curve: &Curve, curves: &Curves) {
    let (head, body) = rect.split_top_bottom_at_y(rect.top() + look.size.row);
    let values: Vec<Vec<f32>> =
        curves.points.iter().map(|points| points.iter().map(|point| (curve.value)(point) as f32).collect()).collect();
    let longest = curves.points.iter().max_by_key(|points| points.len());
    let x: Vec<f32> = longest.map(|points| points.iter().map(|point| point.step as f32).collect()).unwrap_or_default();
    let Some(last) = values.last() else { return };
    let now = last.last().copied().unwrap_or(f32::NAN);
    let response = ui.interact(rect, Id::unique(("curve", curve.name)), egui::Sense::hover());
    let name = format!("{}: {}", curve.name, (curve.words)(now));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));
    let small = TextStyle::Small.resolve(ui.style());
    let body_font = TextStyle::Body.resolve(ui.style());
    let right = head.with_min_x(head.right() - 3.0 * look.size.row).with_max_x(head.right() - look.size.pad);
    text::put(ui, head.with_max_x(right.left()), egui::Align::Min, curve.name, small, look.colour.secondary);
    text::put(ui, right, egui::Align::Max, &(curve.words)(now), body_font, look.colour.text);
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let top = curve.top.unwrap_or_else(|| nice(finite().fold(0.0, f32::max)));
    let count = values.len();
    let lines = values.iter().enumerate().map(|(run, values)| {
        let is_now = run + 1 == count;
        let colour = if is_now { look.colour.accent } else { look.colour.secondary.gamma_multiply(0.45) };
        Line { values, colour, width: if is_now { look.size.plot_line } else { look.size.plot_faint } }
    });
    let at = curves.points.last().and_then(|points| points.last()).map_or(0.0, |point| point.step as f32);
    let plot =
        Plot { x: &x, lines: lines.collect(), y: [0.0, top], x_name: "step", is_score: false, is_count: true, at };
    plot.paint(ui, look, Rect::from_min_max(pos2(body.left(), body.top()), body.max));
    response.on_hover_text(curve.hint);
}

/// The next of 1, 2, 5, 10 and so on.
fn nice(value: f32) -> f32 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let decade = 10.0_f32.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade).find(|top| *top >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_end_at_round_numbers() {
        for (value, top) in [(0.0, 1.0), (0.7, 1.0), (1.5, 2.0), (3.0, 5.0), (64.0, 100.0), (f32::NAN, 1.0)] {
            assert!((nice(value) - top).abs() < 1e-3, "{value}");
        }
    }
}
