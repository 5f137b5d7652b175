//! A feature's page of the open store: the list of features, the films on which it fires, and its numbers.

use egui::{
    Align, Rect, RichText, ScrollArea, Sense, Stroke, TextEdit, TextStyle, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use fluoro_core::export::feature_sheet::shown;

use crate::window::app::App;
use crate::window::icons;
use crate::window::state::job::Step;
use crate::window::state::store::{OpenStore, Page};
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Widths of the list and of the numbers, in rows.
const LIST_WIDTH: f32 = 10.0;
const NUMBERS_WIDTH: f32 = 12.0;
/// Rows of films.
const ROWS: usize = 2;
/// Rows of the list at most: a search narrows it.
const MOST_LISTED: usize = 2000;
/// Heights of the histogram and of a profile's bar, in rows.
const HISTOGRAM: f32 = 2.0;
const BAR: f32 = 0.25;
/// Columns of the profile, and neighbours.
const MOST_BARS: usize = 8;

/// What a click asks for.
enum Wish {
    Feature(u32),
    Film(String),
}

/// Shows the page, or why there is none.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    if app.store.is_opening() {
        states::working(ui, &look, &step("opening the store"), false);
        return;
    }
    let Some(open) = app.store.open.take() else { return };
    let whole = ui.available_rect_before_wrap();
    let list = whole.with_max_x(whole.left() + LIST_WIDTH * look.size.row);
    let numbers = whole.with_min_x(whole.right() - NUMBERS_WIDTH * look.size.row);
    let films = whole.with_min_x(list.right() + 2.0 * look.size.pad).with_max_x(numbers.left() - 2.0 * look.size.pad);
    let mut open = open;
    let mut wish = None;
    ui.scope_builder(UiBuilder::new().max_rect(list), |ui| wish = features(app, ui, &look, &open));
    ui.scope_builder(UiBuilder::new().max_rect(films), |ui| {
        wish = strip(app, ui, &look, &open).or(wish.take());
    });
    ui.scope_builder(UiBuilder::new().max_rect(numbers), |ui| {
        wish = about(app, ui, &look, &mut open).or(wish.take());
    });
    app.store.open = Some(open);
    match wish {
        Some(Wish::Feature(feature)) => app.store.show_feature(feature),
        Some(Wish::Film(path)) => app.show_store_film(&path),
        None => {}
    }
}

fn step(stage: &str) -> Step {
    Step { stage: stage.to_owned(), ..Step::default() }
}

/// The list: features by number or label; without a search those that are active on the film, strongest first.
fn features(app: &mut App, ui: &mut Ui, look: &Look, open: &OpenStore) -> Option<Wish> {
    let hint = format!("{}  label or number", icons::SEARCH);
    let field = TextEdit::singleline(&mut app.store.search).hint_text(hint).desired_width(f32::INFINITY);
    ui.add(field).accessible_name("search the store's features");
    let film = app.film.as_ref().filter(|film| film.view.analysis.is_some()).map_or(0, |film| film.version);
    let mut kept = std::mem::take(&mut app.store.listed);
    let listed = kept.of((app.store.search.trim().to_lowercase(), film), || listed(app, open));
    app.store.listed = kept;
    let (order, what) = (&listed.0, listed.1);
    ui.label(RichText::new(what).small().color(look.colour.secondary));
    let small = TextStyle::Small.resolve(ui.style());
    let mut wish = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("store features").auto_shrink([false, false]).show_rows(
        ui,
        look.size.row,
        order.len(),
        |ui, rows| {
            for &feature in &order[rows] {
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), look.size.row), Sense::hover());
                let response = ui.interact(rect, egui::Id::unique(("store feature", feature)), Sense::click());
                let label = app.label_in(open, feature);
                let name = format!("feature {feature}: {}", label.as_deref().unwrap_or("no label"));
                let on = app.store.feature == feature;
                response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, on, &name));
                let ink = match (on, &label) {
                    (true, _) => look.colour.accent,
                    (false, Some(_)) => look.colour.text,
                    (false, None) => look.colour.secondary,
                };
                let auc = open.labels.as_ref().and_then(|labels| labels.of(feature)?.detection.auc.value);
                let number = rect.with_max_x(rect.left() + 2.0 * look.size.row);
                let score = rect.with_min_x(rect.right() - 2.0 * look.size.row).with_max_x(rect.right() - look.size.pad);
                text::put(ui, number, Align::Min, &feature.to_string(), small.clone(), look.colour.secondary);
                let words = rect.with_min_x(number.right()).with_max_x(score.left());
                text::put(ui, words, Align::Min, label.as_deref().unwrap_or("no label"), small.clone(), ink);
                if let Some(auc) = auc {
                    text::put(ui, score, Align::Max, &format!("{auc:.2}"), small.clone(), look.colour.secondary);
                }
                if response.has_focus() || response.hovered() {
                    let line = if response.has_focus() { look.colour.accent } else { look.colour.line };
                    ui.painter().rect_stroke(rect, 0.0, Stroke::new(look.size.stroke, line), egui::StrokeKind::Inside);
                }
                let hint = "The number at the right is how well the label tells where the feature fires, on films that did \
                            not choose it (area under the ROC curve).";
                if response.on_hover_text(hint).clicked() {
                    wish = Some(Wish::Feature(feature));
                }
            }
        },
    );
    wish
}

/// Features to list, and what they are.
fn listed(app: &App, open: &OpenStore) -> (Vec<u32>, &'static str) {
    let count = open.store.info().features;
    let search = app.store.search.trim().to_lowercase();
    if !search.is_empty() {
        let fits = |feature: u32| {
            feature.to_string().starts_with(&search)
                || app.label_in(open, feature).is_some_and(|label| label.to_lowercase().contains(&search))
        };
        return ((0..count).filter(|&feature| fits(feature)).take(MOST_LISTED).collect(), "found");
    }
    if let Some(analysis) = app.analysis().filter(|_| app.store.is_own) {
        let mut active: Vec<u32> =
            (0..count).filter(|&f| analysis.activations.get(f as usize).is_some_and(|value| *value > 0.0)).collect();
        active.sort_by(|&a, &b| analysis.activations[b as usize].total_cmp(&analysis.activations[a as usize]));
        return (active, "active on this film, strongest first");
    }
    ((0..count.min(MOST_LISTED as u32)).collect(), "all features")
}

/// Films: the strongest, then groups from strong to weak.
fn strip(app: &mut App, ui: &mut Ui, look: &Look, open: &OpenStore) -> Option<Wish> {
    let feature = app.store.feature;
    let label = app.label_in(open, feature);
    ui.horizontal(|ui| {
        ui.set_min_height(look.size.row);
        ui.heading(format!("{feature}  {}", label.as_deref().unwrap_or("no label")));
        let info = open.store.info();
        // A dataset is called by its folder; where that lies says the hint.
        let dataset = std::path::Path::new(&info.dataset).file_name().unwrap_or_default().to_string_lossy();
        let words = format!("{} films of {dataset}, bundle {}", open.store.films_len(), info.bundle);
        let words = RichText::new(words).small().color(look.colour.secondary);
        ui.add(egui::Label::new(words).truncate()).on_hover_text(&info.dataset);
    });
    let caption = look.size.small + look.size.gap;
    let rows = ROWS as f32;
    let height = ui.available_height() - caption - look.size.pad - rows * (caption + look.size.gap);
    let side = (height / rows).max(look.size.thumbnail).floor();
    let pixels = (side * ui.pixels_per_point()).round() as usize;
    let (manifest, wake) = (app.manifest().cloned(), ui.ctx().clone());
    app.store.want_page(open, manifest, pixels, move || wake.request_repaint());
    if let Some(problem) = app.store.page_problem.clone() {
        states::failed(ui, look, &problem, None);
        return None;
    }
    let Some(page) = app.store.page.as_ref().filter(|page| page.page.statistics.feature == feature) else {
        states::working(ui, look, &step("reading the page of this feature"), false);
        return None;
    };
    if page.page.top.is_empty() {
        let purpose = "This feature is dead: it fires on no film of the store.";
        states::empty(ui, look, purpose, None);
        return None;
    }
    let mut wish = None;
    ScrollArea::horizontal().id_salt("feature films").auto_shrink([false, false]).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = look.size.gap;
            let mut place = 0;
            let groups = page.page.groups.iter().map(|group| {
                let title = format!("{} to {}: {} films", shown(group.from), shown(group.to), group.count);
                (title, &group.films)
            });
            for (title, films) in std::iter::once(("strongest".to_owned(), &page.page.top)).chain(groups) {
                ui.vertical(|ui| {
                    let columns = films.len().div_ceil(ROWS).max(1);
                    let width = columns as f32 * (side + look.size.gap) - look.size.gap;
                    let (rect, _) = ui.allocate_exact_size(vec2(width.max(side), caption), Sense::hover());
                    text::put(
                        ui,
                        rect,
                        Align::Min,
                        &title,
                        TextStyle::Small.resolve(ui.style()),
                        look.colour.secondary,
                    );
                    ui.spacing_mut().item_spacing.y = look.size.gap;
                    for films in films.chunks(columns) {
                        ui.horizontal(|ui| {
                            for film in films {
                                if tile(ui, look, page, place, &film.path, film.value, side) {
                                    wish = Some(Wish::Film(film.path.clone()));
                                }
                                place += 1;
                            }
                        });
                    }
                });
                ui.add_space(look.size.pad);
            }
        });
    });
    wish
}

/// One film of the page. True when it was chosen.
fn tile(ui: &mut Ui, look: &Look, page: &Page, place: usize, path: &str, value: f32, side: f32) -> bool {
    let small = TextStyle::Small.resolve(ui.style());
    let below = look.size.small + look.size.gap;
    let (rect, _) = ui.allocate_exact_size(vec2(side, side + below), Sense::hover());
    let response = ui.interact(rect, egui::Id::unique(("feature film", place)), Sense::click());
    let name = format!("film {} of the feature: {path}", place + 1);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &name));
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
    if ui.is_rect_visible(rect) {
        let picture = Rect::from_min_size(rect.min, vec2(side, side));
        ui.painter().rect_filled(picture, 0.0, look.colour.light_box);
        match page.pictures.get(place) {
            Some(Some(texture)) => {
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), picture, uv, egui::Color32::WHITE);
            }
            _ => text::put(ui, picture, Align::Center, "not readable", small.clone(), look.colour.secondary),
        }
        let ink = if response.hovered() { look.colour.text } else { look.colour.secondary };
        text::put(ui, rect.with_min_y(picture.bottom()), Align::Min, &shown(value), small, ink);
        if response.has_focus() || response.hovered() {
            let line = if response.has_focus() { look.colour.accent } else { look.colour.secondary };
            ui.painter().rect_stroke(picture, 0.0, Stroke::new(look.size.focus, line), egui::StrokeKind::Inside);
        }
    }
    response.on_hover_text(format!("{path}\nA click opens it with this feature pinned.")).clicked()
}

/// Numbers, profile, neighbours, note.
fn about(app: &App, ui: &mut Ui, look: &Look, open: &mut OpenStore) -> Option<Wish> {
    let feature = app.store.feature;
    let page = app.store.page.as_ref().filter(|page| page.page.statistics.feature == feature)?;
    let small = |words: String| RichText::new(words).small();
    let secondary = look.colour.secondary;
    let mut wish = None;
    ScrollArea::vertical().id_salt("feature numbers").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = look.size.gap / 2.0;
        ui.spacing_mut().interact_size.y = look.size.small + look.size.gap;
        let pair = |ui: &mut Ui, name: &str, value: &str| {
            ui.horizontal(|ui| {
                ui.label(small(name.to_owned()).color(secondary));
                ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
                    ui.add_space(look.size.pad);
                    ui.add(egui::Label::new(small(value.to_owned())).truncate());
                });
            });
        };
        for (name, value) in &page.facts {
            pair(ui, name, value);
        }
        if let Some(label) = open.labels.as_ref().and_then(|labels| labels.of(feature)) {
            let score = |share: fluoro_core::label::detection::Share| {
                share.value.map_or("-".to_owned(), |value| format!("{value:.2} ({} films)", share.n))
            };
            pair(ui, "label's AUC", &score(label.detection.auc));
            pair(ui, "label comes from", &label.source);
        }
        histogram(ui, look, &page.page.statistics.histogram);
        if !page.profile.is_empty() {
            ui.label(small("share among its strongest films (bar), among all (line)".to_owned()).color(secondary));
        }
        for bar in page.profile.iter().take(MOST_BARS) {
            pair(ui, &bar.column, &format!("{:.0} % against {:.0} %", 100.0 * bar.top, 100.0 * bar.base));
            let height = BAR * look.size.row;
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width() - look.size.pad, height), Sense::hover());
            let x = |share: f64| egui::lerp(rect.x_range(), share.clamp(0.0, 1.0) as f32);
            ui.painter().rect_filled(rect, 0.0, look.colour.line);
            ui.painter().rect_filled(rect.with_max_x(x(bar.top)), 0.0, look.colour.accent_soft);
            ui.painter().hline(
                x(bar.interval[0])..=x(bar.interval[1]),
                rect.center().y,
                Stroke::new(look.size.stroke, look.colour.text),
            );
            ui.painter().vline(x(bar.base), rect.y_range(), Stroke::new(look.size.tick, look.colour.text));
        }
        if !page.page.neighbours.is_empty() {
            ui.label(small("fires together with".to_owned()).color(secondary));
        }
        for other in page.page.neighbours.iter().take(MOST_BARS) {
            let name = app.label_in(open, other.feature).unwrap_or_else(|| "no label".to_owned());
            let words = format!("{}  {name}, cosine {:.2}", other.feature, other.cosine);
            let button = egui::Button::new(small(words)).frame_when_inactive(false).truncate();
            if ui.add(button).clicked() {
                wish = Some(Wish::Feature(other.feature));
            }
        }
        note(app, ui, look, open);
    });
    wish
}

fn note(app: &App, ui: &mut Ui, look: &Look, open: &mut OpenStore) {
    let feature = app.store.feature;
    ui.label(RichText::new("note, kept in the store").small().color(look.colour.secondary));
    let mut words = open.notes.of(feature).to_owned();
    let field = TextEdit::multiline(&mut words).desired_rows(2).desired_width(ui.available_width() - look.size.pad);
    let field = ui.add(field).accessible_name("note on this feature");
    if field.changed() {
        open.notes.set(feature, &words);
        open.is_noted = true;
    }
    // Written once the hand leaves the field, not with every letter.
    if open.is_noted && !field.has_focus() {
        open.write_notes();
    }
    if let Some(problem) = &open.note_problem {
        ui.label(RichText::new(&problem.why).small().color(look.colour.error));
    }
}

fn histogram(ui: &mut Ui, look: &Look, bins: &[u32]) {
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    let size = vec2(ui.available_width() - look.size.pad, HISTOGRAM * look.size.row);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let width = rect.width() / bins.len().max(1) as f32;
    for (place, &count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (count as f32 / most as f32).sqrt() * rect.height();
        let left = rect.left() + place as f32 * width;
        let bar =
            Rect::from_min_max(pos2(left, rect.bottom() - height.max(1.0)), pos2(left + width - 0.5, rect.bottom()));
        ui.painter().rect_filled(bar, 0.0, look.colour.accent);
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(look.size.stroke, look.colour.line));
    let words = format!(
        "Films by activation, from 0 to the strongest; silent films are not in it. The highest bar holds {most} films; heights \
         grow with the square root of their count."
    );
    response.on_hover_text(words);
}
