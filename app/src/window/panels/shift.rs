//! The Shift panel: what to change and how, then the film walked along that direction, frame by frame.

use egui::{Align, Button, DragValue, Layout, Rect, RichText, Sense, TextStyle, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use fluoro_core::difference::MapMethod;
use fluoro_core::shift::{Preset, StopRule, Target};

use crate::window::app::{App, Source};
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::shift::{Done, SPEEDS, Speed};
use crate::window::widgets::plot::{Line, Plot};
use crate::window::widgets::{states, text};

/// Width of the settings, in rows.
const SETTINGS_WIDTH: f32 = 12.5;
/// Room that all export buttons need, in rows; with less they share a menu.
const EXPORTS_WIDTH: f32 = 13.0;
/// Least change of another score that is listed.
const LEAST_MOVED: f32 = 0.02;
/// Features offered as targets: those with the largest activation.
const TARGETS: usize = 24;

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let whole = ui.available_rect_before_wrap();
    let width = (SETTINGS_WIDTH * look.size.row).min(whole.width() * 0.45);
    let left = whole.with_max_x(whole.left() + width);
    let right = whole.with_min_x(left.right() + 2.0 * look.size.pad);
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| settings(app, ui));
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| result(app, ui));
}

fn settings(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let name = |ui: &mut Ui, words: &str, hint: &str| {
        ui.label(RichText::new(words).color(look.colour.secondary)).on_hover_text(hint);
    };
    ui.horizontal(|ui| {
        name(
            ui,
            "target",
            "What the shift changes: a finding along the gradient of its score, a feature along its own direction, or a linear probe",
        );
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if app.shift.job.working.is_some() {
                if ui.button("Cancel").clicked() {
                    app.run(Command::Cancel);
                }
            } else {
                ui.add_enabled_ui(app.can(Command::ComputeShift), |ui| {
                    if states::primary(ui, &look, "Compute").clicked() {
                        app.run(Command::ComputeShift);
                    }
                });
            }
            target(app, ui);
        });
    });
    let settings = &mut app.shift.settings;
    ui.horizontal(|ui| {
        name(ui, "preset", "Whose rules the search for both ends follows");
        let width = 3.0 * look.size.row;
        let combo = egui::ComboBox::from_id_salt("preset").width(width).selected_text(settings.preset.name()).show_ui(
            ui,
            |ui| {
                for preset in Preset::ALL {
                    ui.selectable_value(&mut settings.preset, preset, preset.name()).on_hover_text(preset.about());
                }
            },
        );
        combo.response.accessible_name("preset").on_hover_text(settings.preset.about());
        ui.add_space(look.size.pad);
        name(ui, "map", "How the difference map of the whole shift is made from its frames");
        let combo = egui::ComboBox::from_id_salt("map")
            .width(width)
            .selected_text(settings.map.unwrap_or(settings.preset.map()).name())
            .show_ui(ui, |ui| {
                for method in MapMethod::ALL {
                    ui.selectable_value(&mut settings.map, Some(method), method.name());
                }
            });
        combo.response.accessible_name("difference map");
    });
    ui.horizontal(|ui| {
        ui.checkbox(&mut settings.fixed, "fixed range")
            .on_hover_text(
                "First and last λ, instead of the preset's search: in standard deviations of the latent (fluoro), or in multiples \
                 of the raw gradient (published presets)",
            );
        let [low, high] = &mut settings.range;
        ui.add_enabled_ui(settings.fixed, |ui| {
            let step = if settings.preset.is_published() { 1.0 } else { 0.1 };
            let below = *high - step;
            ui.add(DragValue::new(low).speed(step).range(-10_000.0..=below)).accessible_name("first lambda");
            ui.label("to");
            let above = *low + step;
            ui.add(DragValue::new(high).speed(step).range(above..=10_000.0)).accessible_name("last lambda");
        });
    });
    ui.horizontal(|ui| {
        ui.checkbox(&mut settings.counted, "own number of frames")
            .on_hover_text("Evenly spaced, instead of the preset's own");
        let field = DragValue::new(&mut settings.frames).range(2..=200);
        ui.add_enabled(settings.counted, field).accessible_name("number of frames");
    });
    if let Some(done) = app.shift.job.value.clone().filter(|_| app.shift.job.working.is_none()) {
        remarks(app, ui, &done);
    }
}

/// What is odd about a finished shift, and which other scores moved with it.
fn remarks(app: &App, ui: &mut Ui, done: &Done) {
    let look = app.look;
    egui::ScrollArea::vertical().id_salt("remarks").auto_shrink(false).show(ui, |ui| {
        for note in &done.shift.notes {
            ui.label(RichText::new(note.to_string()).small().color(look.colour.warning));
        }
        let moved: Vec<_> = done.shift.alignment.iter().filter(|other| other.change.abs() >= LEAST_MOVED).collect();
        if moved.is_empty() {
            return;
        }
        let head = |ui: &mut Ui, words: &str, hint: &str| {
            ui.label(RichText::new(words).small().color(look.colour.secondary)).on_hover_text(hint);
        };
        egui::Grid::new("alignment").num_columns(3).min_row_height(0.0).show(ui, |ui| {
            head(
                ui,
                "moved with it",
                "Other scores in the frame where the target's is farthest from the reconstruction's: what the classifier ties \
                 together, not what the body does",
            );
            head(ui, "change", "Of the score, from the reconstruction on");
            head(ui, "ratio", "Change over the target's own change; none where that is below 0.3");
            ui.end_row();
            for other in moved {
                ui.label(RichText::new(&other.label).small());
                ui.label(RichText::new(format!("{:+.2}", other.change)).small());
                let ratio = other.relative.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:+.2}"));
                ui.label(RichText::new(ratio).small());
                ui.end_row();
            }
        });
    });
}

fn target(app: &mut App, ui: &mut Ui) {
    let labels = app.labels();
    let probes = app.manifest().map(|manifest| manifest.probes.clone()).unwrap_or_default();
    let top = app.analysis().map(|analysis| {
        let mut order: Vec<usize> =
            (0..analysis.activations.len()).filter(|&i| analysis.activations[i] > 0.0).collect();
        order.sort_by(|&a, &b| analysis.activations[b].total_cmp(&analysis.activations[a]));
        order.truncate(TARGETS);
        order
    });
    let chosen = app.target_name(app.shift.settings.target);
    let combo = egui::ComboBox::from_id_salt("target")
        .selected_text(chosen)
        .width(ui.available_width() - 2.0 * app.look.size.gap)
        .truncate()
        .show_ui(ui, |ui| {
            for (index, label) in labels.iter().enumerate() {
                ui.selectable_value(&mut app.shift.settings.target, Target::Label(index), label);
            }
            if !probes.is_empty() {
                ui.separator();
            }
            for (index, probe) in probes.iter().enumerate() {
                let words = format!("probe: {}", probe.name);
                ui.selectable_value(&mut app.shift.settings.target, Target::Probe(index), words);
            }
            ui.separator();
            for index in top.unwrap_or_default() {
                let name = app.feature_name(index);
                let words = if name.starts_with("feature ") { name } else { format!("feature {index}: {name}") };
                ui.selectable_value(&mut app.shift.settings.target, Target::Feature(index), words);
            }
        });
    combo.response.accessible_name("target of the shift");
}

fn result(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    if let Some((_, step)) = app.shift.job.working.clone() {
        if states::working(ui, &look, &step, true) {
            app.run(Command::Cancel);
        }
    } else if let Some(problem) = app.shift.job.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Try again")) {
            app.run(Command::ComputeShift);
        }
    } else if let Some(done) = app.shift.job.value.clone() {
        timeline(app, ui, &done);
    } else {
        let purpose = "A shift walks the film along a direction and shows what the model thinks makes the difference. Choose a target and compute.";
        states::empty(ui, &look, purpose, None);
    }
}

fn timeline(app: &mut App, ui: &mut Ui, done: &Done) {
    let look = app.look;
    ui.horizontal(|ui| {
        controls(app, ui, done);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| exports(app, ui));
    });
    let whole = ui.available_rect_before_wrap();
    // What the lines are stands above them, where no line runs through it.
    let (legend_at, rect) = whole.split_top_bottom_at_y(whole.top() + look.size.small + look.size.gap);
    let (shift, labels) = (&done.shift, app.labels());
    let is_label = labels.contains(&shift.target) || matches!(done.request.target, Target::Probe(_));
    let mut lines: Vec<Line<'_>> = shift
        .others
        .iter()
        .map(|(_, scores)| Line {
            values: scores,
            colour: look.colour.secondary.gamma_multiply(0.45),
            width: look.size.plot_faint,
        })
        .collect();
    if is_label {
        lines.push(Line { values: &shift.predictions, colour: look.colour.accent, width: look.size.plot_line });
    }
    let frame = app.shift.frame();
    let at = shift.lambdas.get(frame).copied().unwrap_or_default();
    let x_name = if is_label { "λ" } else { "activation" };
    let plot = Plot { x: &shift.lambdas, lines, y: [0.0, 1.0], x_name, is_score: true, is_count: false, at };
    let area = plot.paint(ui, &look, rect);
    scrub(app, ui, area, &shift.lambdas);
    let legend = if is_label {
        format!("score of {}; other findings faint", app.target_name(done.request.target))
    } else {
        "scores of all findings".to_owned()
    };
    let font = TextStyle::Small.resolve(ui.style());
    text::put(ui, legend_at.with_min_x(area.left()), Align::Min, &legend, font, look.colour.secondary);
}

fn controls(app: &mut App, ui: &mut Ui, done: &Done) {
    let look = app.look;
    let icon = |ui: &mut Ui, icon: &str, name: &str| {
        let button =
            Button::new(RichText::new(icon).size(look.size.heading)).min_size(vec2(look.size.row, look.size.row));
        ui.add(button).on_hover_text(name).accessible_name(name).clicked()
    };
    let last = done.shift.frames.len().saturating_sub(1) as f32;
    if icon(ui, icons::FIRST, "first frame") {
        app.source = Source::Shift;
        app.shift.go_to(0.0);
    }
    let (play, name) = if app.shift.playing { (icons::PAUSE, "pause (P)") } else { (icons::PLAY, "play (P)") };
    if icon(ui, play, name) {
        app.run(Command::PlayPause);
    }
    if icon(ui, icons::LAST, "last frame") {
        app.source = Source::Shift;
        app.shift.go_to(last);
    }
    let speed = app.shift.speed.0;
    let combo = egui::ComboBox::from_id_salt("speed")
        .width(2.5 * look.size.row)
        .selected_text(format!("{speed}×"))
        .show_ui(ui, |ui| {
            for choice in SPEEDS {
                ui.selectable_value(&mut app.shift.speed, Speed(choice), format!("{choice}×"));
            }
        });
    combo.response.accessible_name("speed");
    let frame = app.shift.frame();
    let words = format!("frame {} of {}", frame + 1, done.shift.frames.len());
    ui.label(RichText::new(words).color(look.colour.secondary)).on_hover_text(stops(done));
    ui.add_space(look.size.pad);
    ui.checkbox(&mut app.shift.whole, "whole shift")
        .on_hover_text("The difference shows the map of the whole shift instead of this frame");
}

/// Why the search ended where it did.
fn stops(done: &Done) -> String {
    let words = |rule: StopRule, wanted: StopRule| match rule {
        StopRule::Drop | StopRule::Rise if rule != wanted => "the score turned back",
        StopRule::Drop => "the score had dropped enough",
        StopRule::Rise => "the score had risen enough",
        StopRule::Bound => "the search reached its bound",
        StopRule::Pixels => "the picture had changed enough",
        StopRule::Floor => "the score could not fall further",
        StopRule::Fixed => "the range was given",
    };
    let (low, high) = (words(done.shift.stopped.low, StopRule::Drop), words(done.shift.stopped.high, StopRule::Rise));
    format!("First frame: {low}. Last frame: {high}.")
}

fn exports(app: &mut App, ui: &mut Ui) {
    const EXPORTS: [(Command, &str); 4] = [
        (Command::ExportGif, "GIF"),
        (Command::ExportSheet, "Sheet"),
        (Command::ExportFrames, "Frames"),
        (Command::ExportPicture, "Picture"),
    ];
    let item = |app: &mut App, ui: &mut Ui, command: Command, words: &str| {
        let clicked = ui.add_enabled(app.can(command), Button::new(words)).on_hover_text(command.hint()).clicked();
        if clicked {
            app.run(command);
        }
        clicked
    };
    if ui.available_width() > EXPORTS_WIDTH * app.look.size.row {
        for (command, words) in EXPORTS.into_iter().rev() {
            item(app, ui, command, words);
        }
        ui.label(RichText::new(format!("{}  export", icons::EXPORT)).color(app.look.colour.secondary));
    } else {
        ui.menu_button(format!("{}  Export", icons::EXPORT), |ui| {
            for (command, words) in EXPORTS {
                if item(app, ui, command, words) {
                    ui.close();
                }
            }
        });
    }
}

/// The plot is the timeline: drag on it.
fn scrub(app: &mut App, ui: &Ui, area: Rect, lambdas: &[f32]) {
    let response = ui.interact(area, egui::Id::unique("timeline"), Sense::click_and_drag());
    let last = lambdas.len().saturating_sub(1);
    let frame = app.shift.frame();
    response.widget_info(|| WidgetInfo::slider(true, frame as f64, "timeline"));
    let mut wanted = None;
    if let Some(hand) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
        let (Some(&low), Some(&high)) = (lambdas.first(), lambdas.last()) else { return };
        let lambda = egui::remap_clamp(hand.x, area.x_range(), low..=high);
        let nearest = lambdas.iter().enumerate().min_by(|a, b| (a.1 - lambda).abs().total_cmp(&(b.1 - lambda).abs()));
        wanted = nearest.map(|(index, _)| index);
    }
    ui.input(|input| {
        for request in input.accesskit_action_requests(response.id, egui::accesskit::Action::SetValue) {
            if let Some(egui::accesskit::ActionData::NumericValue(value)) = request.data {
                wanted = Some((value.max(0.0).round() as usize).min(last));
            }
        }
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(last as f64);
        node.set_numeric_value(frame as f64);
        node.add_action(egui::accesskit::Action::SetValue);
    });
    if let Some(index) = wanted {
        app.source = Source::Shift;
        app.shift.go_to(index as f32);
    }
    // A mark for each frame.
    for lambda in lambdas {
        let (Some(&low), Some(&high)) = (lambdas.first(), lambdas.last()) else { return };
        let x = egui::remap_clamp(*lambda, low..=high.max(low + f32::EPSILON), area.left()..=area.right());
        let mark = [pos2(x, area.bottom() - app.look.size.gap), pos2(x, area.bottom())];
        ui.painter().line_segment(mark, egui::Stroke::new(app.look.size.stroke, app.look.colour.secondary));
    }
}
