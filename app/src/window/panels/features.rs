//! Features of the film: searchable, sortable, pinned ones on top, each with a slider.

use egui::{Align, Key, Rect, RichText, ScrollArea, Sense, TextEdit, TextStyle, Ui, WidgetInfo, pos2, vec2};
use fluoro_core::bundle::FeatureStatistics;
use fluoro_core::bundle::manifest::Feature;

use super::heading;
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::features::Sort;
use crate::window::state::job::Step;
use crate::window::tokens::Look;
use crate::window::widgets::{number, slider::Slider, states, text};

/// What a row asks for.
enum Wish {
    Set(usize, f32),
    Pin(usize),
}

/// Everything that a row shows.
struct Row<'a> {
    index: usize,
    about: Option<&'a Feature>,
    /// The film's own activation.
    own: f32,
    /// The activation asked for.
    value: f32,
    /// Largest activation ever seen.
    seen: Option<f32>,
    quantile: Option<f32>,
    is_pinned: bool,
}

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let Some(analysis) = app.analysis().cloned() else { return without(app, ui) };
    let Some(model) = app.model.view.clone() else { return without(app, ui) };
    let Some(sae) = &model.manifest.sae else {
        heading(ui, &look, "Features", |_| {});
        let purpose = if model.manifest.classifier.is_some() && model.manifest.decoder.is_some() {
            "This bundle has no SAE, so there are no features to drag. Findings still work."
        } else {
            "This bundle has no SAE, so there are no features to show. fluoro import BUNDLE SAE -o NEW adds one."
        };
        if states::empty(ui, &look, purpose, Some("Open bundle…")) {
            app.run(Command::OpenBundle);
        }
        return;
    };
    let active = analysis.activations.iter().filter(|a| **a > 0.0).count();
    heading(ui, &look, "Features", |ui| {
        let words = format!("{active} of {} active", sae.architecture.features());
        let quality = analysis.sae.map(|sae| {
            // One token has no variance to explain.
            let explained = if sae.explained_variance.is_finite() {
                format!("explain {:.0} % of", 100.0 * sae.explained_variance)
            } else {
                "stand for a part of".to_owned()
            };
            format!(
                "A feature is one direction that the model learned to see. On this film {:.0} are active at a place on \
                 average, and they {explained} what the latent holds; the rest is kept as it is.",
                sae.active
            )
        });
        ui.label(RichText::new(words).small().color(look.colour.secondary)).on_hover_text(quality.unwrap_or_default());
    });
    tools(app, ui);
    columns(ui, &look);
    let version = app.film.as_ref().map_or(0, |film| film.version);
    let mut list = std::mem::take(&mut app.features);
    let pins = list.pins.clone();
    let named = std::sync::Arc::clone(&app.named);
    let order = list.order(version, &analysis.activations, &named);
    if order.is_empty() {
        app.features = list;
        if states::empty(ui, &look, "No feature has this number or label.", Some("Clear the search")) {
            app.features.search.clear();
        }
        return;
    }
    let (edit, mut wish) = (app.edit(), None);
    let enabled = app.can_edit() && analysis.reconstruction.is_some();
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().id_salt("features").auto_shrink([false, false]);
    area.show_rows(ui, look.size.row, order.len(), |ui, rows| {
        ui.add_enabled_ui(enabled, |ui| {
            for &index in &order[rows] {
                let own = analysis.activations.get(index).copied().unwrap_or(0.0);
                let value = edit.features.get(&index).copied().unwrap_or(own);
                let statistics: &FeatureStatistics = &model.statistics;
                let row = Row {
                    index,
                    about: named.get(index),
                    own,
                    value,
                    seen: statistics.largest(index),
                    quantile: statistics.quantile(index, value),
                    is_pinned: pins.contains(&index),
                };
                wish = row.show(ui, &look).or(wish.take());
            }
        });
    });
    app.features = list;
    match wish {
        Some(Wish::Set(index, value)) => app.set_feature(index, value),
        Some(Wish::Pin(index)) if app.features.pins.remove(&index) => {}
        Some(Wish::Pin(index)) => {
            app.features.pins.insert(index);
        }
        None => {}
    }
}

/// The panel without features: why.
fn without(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    heading(ui, &look, "Features", |_| {});
    if let Some(problem) = app.dead.clone() {
        states::failed(ui, &look, &problem, None);
    } else if let Some(problem) = app.model.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Open bundle…")) {
            app.run(Command::OpenBundle);
        }
    } else if app.model.pending.is_some() || app.study.pending.is_some() {
        let stage = if app.model.pending.is_some() { "opening the bundle" } else { "reading the film" };
        states::working(ui, &look, &Step { stage: stage.to_owned(), ..Step::default() }, false);
    } else {
        states::empty(ui, &look, "What the model sees in a film appears here, as sliders.", None);
    }
}

fn tools(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    ui.horizontal(|ui| {
        let width = ui.available_width() - 4.5 * look.size.row;
        let hint = format!("{}  number or label", icons::SEARCH);
        let field = TextEdit::singleline(&mut app.features.search).hint_text(hint).desired_width(width);
        let field = ui.add(field).accessible_name("search features");
        if std::mem::take(&mut app.features.wants_focus) {
            field.request_focus();
        }
        if field.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
            app.features.search.clear();
        }
        let combo =
            egui::ComboBox::from_id_salt("sort").selected_text(app.features.sort.name()).width(ui.available_width());
        let combo = combo.show_ui(ui, |ui| {
            for sort in Sort::ALL {
                ui.selectable_value(&mut app.features.sort, sort, sort.name());
            }
        });
        combo.response.on_hover_text("Order of the list").accessible_name("sort features by");
    });
}

/// Places of a row's columns: number or pin, name, slider, value, quantile.
fn places(rect: Rect, look: &Look) -> [Rect; 5] {
    let gap = look.size.gap;
    let (index, number) = (look.size.row + gap, look.size.row * 1.75);
    let rest = rect.width() - index - 2.0 * number - 4.0 * gap;
    let mut x = rect.left();
    [index, rest * 0.57, rest * 0.43, number, number].map(|width| {
        let place = Rect::from_min_max(pos2(x, rect.top()), pos2(x + width, rect.bottom()));
        x += width + gap;
        place
    })
}

fn columns(ui: &mut Ui, look: &Look) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), look.size.small + look.size.gap), Sense::hover());
    let [_, name, _, value, quantile] = places(rect.with_max_x(rect.right() - look.size.pad), look);
    for (place, align, words) in
        [(name, Align::Min, "feature"), (value, Align::Max, "activation"), (quantile, Align::Max, "quantile")]
    {
        let wide = if align == Align::Max { place.with_min_x(place.left() - look.size.row) } else { place };
        text::put(ui, wide, align, words, TextStyle::Small.resolve(ui.style()), look.colour.secondary);
    }
    response.on_hover_text(
        "Activation: how strongly the feature fires, at the place where it fires most. Quantile: the share of training films \
         on which it fires less. The light tick on a slider is the film's own value; the part in warning colour was never \
         seen on a training film.",
    );
}

impl Row<'_> {
    fn show(&self, ui: &mut Ui, look: &Look) -> Option<Wish> {
        let (colour, size) = (&look.colour, &look.size);
        let (rect, hover) = ui.allocate_exact_size(vec2(ui.available_width(), size.row), Sense::hover());
        let [pin, name, track, value_place, quantile] = places(rect.with_max_x(rect.right() - size.pad), look);
        let mut wish = None;
        if self.pin(ui, look, pin) {
            wish = Some(Wish::Pin(self.index));
        }
        let small = TextStyle::Small.resolve(ui.style());
        let label = self.about.and_then(|about| about.label.as_deref());
        let title = label.unwrap_or("no label");
        let edited = self.value != self.own;
        let ink = match (edited, label) {
            (true, _) => colour.accent,
            (false, Some(_)) => colour.text,
            (false, None) => colour.secondary,
        };
        text::put(ui, name, Align::Min, title, TextStyle::Body.resolve(ui.style()), ink);

        let top = (2.0 * self.own).max(self.seen.unwrap_or(0.0));
        let top = if top > 0.0 { top } else { 1.0 };
        let spoken = format!("feature {} {}", self.index, label.unwrap_or_default());
        let slider = Slider { label: spoken.trim_end(), range: [0.0, top], origin: self.own, seen: self.seen };
        let mut value = self.value;
        let response = slider.show(ui, look, track, egui::Id::unique(("feature", self.index)), &mut value);
        if response.double_clicked() {
            value = self.own;
        }
        let unseen = self.seen.is_some_and(|seen| self.value > seen);
        let number_ink = if unseen {
            colour.warning
        } else if edited {
            colour.accent
        } else {
            colour.text
        };
        text::put(ui, value_place, Align::Max, &number::short(self.value), small.clone(), number_ink);
        let share = self.quantile.map_or_else(|| "–".to_owned(), number::percent);
        text::put(ui, quantile, Align::Max, &share, small, colour.secondary);
        hover.on_hover_ui(|ui| self.about(ui, look));
        if value != self.value { Some(Wish::Set(self.index, value)) } else { wish }
    }

    /// The feature's number; under the hand, or when it is pinned, a pin.
    fn pin(&self, ui: &mut Ui, look: &Look, rect: Rect) -> bool {
        let response = ui.interact(rect, egui::Id::unique(("pin", self.index)), Sense::click());
        response.widget_info(|| {
            WidgetInfo::selected(
                egui::Role::Button,
                ui.is_enabled(),
                self.is_pinned,
                format!("pin feature {}", self.index),
            )
        });
        if self.is_pinned || response.hovered() || response.has_focus() {
            let ink = if self.is_pinned { look.colour.accent } else { look.colour.text };
            text::put(ui, rect, Align::Max, icons::PIN, TextStyle::Body.resolve(ui.style()), ink);
        } else {
            let small = TextStyle::Small.resolve(ui.style());
            text::put(ui, rect, Align::Max, &self.index.to_string(), small, look.colour.secondary);
        }
        response.on_hover_text(format!("Feature {}; click to keep it on top", self.index)).clicked()
    }

    fn about(&self, ui: &mut Ui, look: &Look) {
        let Some(about) = self.about else { return };
        let mut lines = vec![format!("Feature {}: {} on this film", self.index, number::short(self.own))];
        match &about.label {
            Some(label) => lines.push(format!(
                "Named \"{label}\" because it goes with that column of the training data: correlation {} there, {} on held-out films.",
                number::short(about.correlation),
                number::short(about.held_out_correlation)
            )),
            None => lines.push("No column of the training data goes with it.".to_owned()),
        }
        lines.push(format!("Fires on {} of the training films.", number::percent(about.firing_rate)));
        for line in lines {
            ui.label(line);
        }
        if let Some(seen) = self.seen {
            ui.label(format!("Largest activation ever seen: {}.", number::short(seen)));
            if self.value > seen {
                let words = "This value was never seen on a training film; the picture may be no chest at all.";
                ui.label(RichText::new(words).color(look.colour.warning));
            }
        }
        if self.value != self.own {
            ui.label("Double click on the slider takes the change back.");
        }
    }
}
