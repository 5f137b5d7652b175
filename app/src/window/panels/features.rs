//! Features of the film: searchable, sortable, in groups, pinned ones on top, each with a slider.

use egui::{Align, RichText, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, vec2};
use fluoro_core::engine::{Analysis, Edit};
use fluoro_core::worker::BundleView;

use super::feature_group::{self, GroupRow};
use super::feature_row::{self, Row};
use super::{feature_menu, heading, region};
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::features::{Column, Item, Shown, Sources};
use crate::window::state::job::Step;
use crate::window::tokens::Look;
use crate::window::widgets::slider::{Slider, holds_wheel};
use crate::window::widgets::{number, states, text};

/// Quantiles that are marked below a slider, as steps of the bundle's table (5 % each) and of a store's (10 % each).
const TICKS: [usize; 5] = [5, 10, 15, 18, 19];
const STORE_TICKS: [usize; 3] = [5, 8, 9];
/// Features of a store that are looked up in one frame at most.
const LOOKED_UP: usize = 2;

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
    let features = sae.architecture.features().max(analysis.activations.len());
    title(app, ui, &analysis, features);
    feature_menu::tools(app, ui);
    if app.brush.feature.is_some() {
        brush(app, ui);
    }
    region::show(app, ui);
    columns(app, ui, &look);
    let version = app.film.as_ref().map_or(0, |film| film.version);
    let sources = Sources {
        analysis: analysis.clone(),
        named: std::sync::Arc::clone(&app.named),
        statistics: std::sync::Arc::clone(&model.statistics),
        edited: app.edited_features(),
    };
    let wake = app.ctx.clone();
    let shown = app.features.update(version, &sources, move || wake.request_repaint());
    let shown = app.region.order(&shown);
    if shown.items.is_empty() {
        return nothing(app, ui);
    }
    list(app, ui, &shown, &analysis, &model);
}

fn title(app: &mut App, ui: &mut Ui, analysis: &Analysis, features: usize) {
    let look = app.look;
    let active = analysis.activations.iter().filter(|a| **a > 0.0).count();
    heading(ui, &look, "Features", |ui| {
        let words = format!("{active} of {features} active");
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
}

/// The list without a row: why.
fn nothing(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    if app.features.is_busy() {
        states::working(ui, &look, &Step { stage: "sorting the features".to_owned(), ..Step::default() }, false);
    } else if app.region.job.value.is_some() {
        let purpose = "No feature of the list is tied to the region on the film.";
        if states::empty(ui, &look, purpose, Some("All features")) {
            app.leave_region();
        }
    } else if !app.features.search.is_empty() {
        if states::empty(ui, &look, "No feature has this number or label.", Some("Clear the search")) {
            app.features.search.clear();
        }
    } else if states::empty(ui, &look, "All features are hidden, or none of them fires.", Some("Show all")) {
        (app.features.shows_hidden, app.features.only_firing) = (true, false);
    }
}

fn list(app: &mut App, ui: &mut Ui, shown: &Shown, analysis: &Analysis, model: &BundleView) {
    let look = app.look;
    let (edit, mut wish) = (app.edit(), None);
    let enabled = app.can_edit() && analysis.reconstruction.is_some();
    ui.spacing_mut().item_spacing.y = 0.0;
    let source = egui::scroll_area::ScrollSource { mouse_wheel: !holds_wheel(ui), ..Default::default() };
    let area = ScrollArea::vertical().id_salt("features").auto_shrink([false, false]).scroll_source(source);
    let mut typing = app.features.typing.take();
    area.show_rows(ui, look.size.row, shown.items.len(), |ui, rows| {
        look_up(app, ui, model, &shown.items[rows.clone()]);
        ui.add_enabled_ui(enabled, |ui| {
            for item in &shown.items[rows] {
                let new = match *item {
                    Item::Group(group) => {
                        let group_shown = &shown.groups[group];
                        let factor = app.scale_of(&edit, &group_shown.members);
                        let edited = group_shown.members.iter().any(|index| edit.features.contains_key(index));
                        let row =
                            GroupRow { place: group, group: group_shown, factor, edited, settings: &app.features };
                        feature_group::show(&row, ui, &look, &mut typing)
                    }
                    Item::Feature(index) => {
                        let id = egui::Id::unique(("feature", index));
                        row(app, model, analysis, &edit, index, id).show(ui, &look, &mut typing)
                    }
                    // In several groups one feature has several rows.
                    Item::Member(index, group) => {
                        let id = egui::Id::unique(("feature", index, group));
                        row(app, model, analysis, &edit, index, id).show(ui, &look, &mut typing)
                    }
                };
                wish = new.or(wish.take());
            }
        });
    });
    app.features.typing = typing;
    if let Some(wish) = wish {
        feature_row::grant(app, wish);
    }
}

fn row<'a>(
    app: &'a App,
    model: &'a BundleView,
    analysis: &Analysis,
    edit: &Edit,
    index: usize,
    id: egui::Id,
) -> Row<'a> {
    let own = analysis.activations.get(index).copied().unwrap_or(0.0);
    let value = edit.features.get(&index).copied().unwrap_or(own);
    let statistics = &model.statistics;
    let stored = app.features.store_ticks.get(&index);
    Row {
        id,
        index,
        about: app.named.get(index),
        own,
        value,
        seen: statistics.largest(index).or_else(|| stored.and_then(|ticks| ticks.last().copied())),
        quantile: statistics.quantile(index, value),
        ticks: ticks(model, stored, index),
        is_pinned: app.features.pins.contains(&index),
        is_hidden: app.features.hidden.contains(&index),
        is_chosen: app.features.chosen.contains(&index),
        region: edit.regions.get(&index).map(fluoro_core::engine::EditRegion::len),
        is_brushed: app.brush.feature == Some(index),
        has_positions: model.manifest.latent.grid.is_some(),
        list: &app.features,
    }
}

/// Quantiles of the training films, or else of the open store's films, that lie above zero.
fn ticks(model: &BundleView, stored: Option<&Vec<f32>>, index: usize) -> Vec<f32> {
    let first = index * fluoro_core::bundle::QUANTILES;
    let own = model.statistics.quantiles.get(first..first + fluoro_core::bundle::QUANTILES);
    let (table, steps): (&[f32], &[usize]) = match (own, stored) {
        (Some(table), _) => (table, &TICKS),
        (None, Some(table)) => (table, &STORE_TICKS),
        (None, None) => return Vec::new(),
    };
    steps.iter().filter_map(|step| table.get(*step).copied()).filter(|value| *value > 0.0).collect()
}

/// Looks up quantiles in the open store for features of a bundle that brings none.
fn look_up(app: &mut App, ui: &Ui, model: &BundleView, items: &[Item]) {
    if !model.statistics.quantiles.is_empty() || !app.store.is_own {
        return;
    }
    let Some(open) = &app.store.open else { return };
    let ticks = &mut app.features.store_ticks;
    let unknown = items.iter().filter_map(|item| item.feature()).filter(|index| !ticks.contains_key(index));
    let unknown: Vec<usize> = unknown.take(LOOKED_UP).collect();
    for index in &unknown {
        let found = open.store.statistics(*index as u32).map(|statistics| statistics.quantiles);
        // A store that cannot be read says so on its own panel.
        ticks.insert(*index, found.unwrap_or_default());
    }
    if !unknown.is_empty() {
        ui.ctx().request_repaint();
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

/// The heads of the columns; a click sorts.
fn columns(app: &mut App, ui: &mut Ui, look: &Look) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), look.size.small + 2.0 * look.size.gap), Sense::hover());
    let [index, name, track, value, quantile] =
        feature_row::places(rect.with_max_x(rect.right() - look.size.pad), look);
    // Heads of narrow columns reach over the one before, which is as long as it needs.
    let value = value.with_min_x(track.right() - look.size.row);
    let (sort, mut clicked) = (app.features.sort.clone(), None);
    for (column, place) in Column::ALL.into_iter().zip([index, name, value, quantile]) {
        let align = if column == Column::Label { Align::Min } else { Align::Max };
        let head = ui.interact(place, egui::Id::unique(("sort", column.name())), Sense::click());
        head.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("sort by {}", column.name())));
        let key = sort.iter().position(|key| key.column == column);
        let arrow = match key.map(|place| sort[place].falling) {
            Some(true) => icons::CARET_DOWN,
            Some(false) => icons::CARET_UP,
            None => "",
        };
        let order = key.filter(|_| sort.len() > 1).map(|place| (place + 1).to_string()).unwrap_or_default();
        let title = if column == Column::Index { "#" } else { column.name() };
        let words =
            if align == Align::Min { format!("{title} {arrow}{order}") } else { format!("{order}{arrow} {title}") };
        let ink = if head.hovered() || head.has_focus() {
            look.colour.accent
        } else if key.is_some() {
            look.colour.text
        } else {
            look.colour.secondary
        };
        text::put(ui, place, align, words.trim(), TextStyle::Small.resolve(ui.style()), ink);
        if head.on_hover_text(about(column)).clicked() {
            clicked = Some(column);
        }
    }
    response.on_hover_text(
        "The light tick on a slider is the film's own value; the marks below its track are quantiles of the training films; \
         the part in warning colour was never seen on one.",
    );
    if let Some(column) = clicked {
        let is_added = ui.input(|input| input.modifiers.shift);
        app.features.sort_by(column, is_added);
    }
}

fn about(column: Column) -> String {
    let what = match column {
        Column::Index => "The feature's number.",
        Column::Label => "What the feature is called; those without a name come last.",
        Column::Activation => "How strongly the feature fires on this film, at the place where it fires most.",
        Column::Quantile => "The share of training films on which it fires less.",
    };
    format!("{what}\nClick to sort, again for the other way; with Shift to sort within the columns before.")
}

/// The brush in hand: what it paints, how large it is.
fn brush(app: &mut App, ui: &mut Ui) {
    let Some(index) = app.brush.feature else { return };
    let look = app.look;
    let cells = app.edit().regions.get(&index).map_or(0, fluoro_core::engine::EditRegion::len);
    let name = app.feature_name(index);
    ui.horizontal(|ui| {
        ui.label(RichText::new(icons::REGION).color(look.colour.accent));
        let words = match cells {
            0 => format!("{name}: paint on a film"),
            _ => format!("{name}: {cells} cells"),
        };
        let width = ui.available_width() - 9.5 * look.size.row;
        let label = egui::Label::new(RichText::new(words).color(look.colour.accent)).truncate();
        ui.add_sized(vec2(width, look.size.row), label).on_hover_text(
            "Left drag on a picture paints where this feature's edit applies; with Shift it takes paint away. Then drag the \
             feature's slider. Outside the paint the activations stay as they are.",
        );
        ui.toggle_value(&mut app.brush.erases, "Erase").on_hover_text("Takes paint away (or hold Shift)");
        let (rect, _) = ui.allocate_exact_size(vec2(2.0 * look.size.row, look.size.row), Sense::hover());
        let range = crate::window::state::brush::RADII;
        let slider = Slider { label: "brush size", range, origin: 1.0, seen: None };
        let mut radius = app.brush.radius;
        let response = slider.show(ui, &look, rect, egui::Id::unique("brush size"), &mut radius);
        response.on_hover_text(format!("Radius of the brush: {} cells of the latent", number::short(radius)));
        app.brush.radius = radius;
        if ui.add_enabled(cells > 0, egui::Button::new("Clear")).on_hover_text("The edit applies everywhere").clicked() {
            app.clear_region(index);
        }
        if ui.button("Done").on_hover_text("Puts the brush away; the region stays").clicked() {
            app.take_brush(None);
        }
    });
}
