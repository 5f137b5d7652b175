//! The study: its films, and what the file of the one on the light box says.

use egui::{Align, Label, Rect, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::heading;
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::films::Film;
use crate::window::state::job::Step;
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Share of the panel for the list at most; the rest is metadata.
const LIST_SHARE: f32 = 0.55;

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    heading(ui, &look, "Study", |ui| {
        let count = app.study.films.len();
        let words = if count == 1 { "1 film".to_owned() } else { format!("{count} films") };
        ui.label(RichText::new(words).small().color(look.colour.secondary));
    });
    if app.study.films.is_empty() {
        let stage = match (app.study.searching.is_some(), app.study.waits_for_bundle) {
            (true, _) => Some("looking for films"),
            (false, true) => Some("opening the bundle"),
            (false, false) => None,
        };
        if let Some(stage) = stage {
            states::working(ui, &look, &Step { stage: stage.to_owned(), ..Step::default() }, false);
        } else if states::empty(ui, &look, "No films are open. Drop some on the window.", Some("Open films…")) {
            app.run(Command::OpenFilms);
        }
        return;
    }
    list(app, ui);
    ui.add_space(look.size.pad);
    metadata(app, ui);
}

fn list(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let mut chosen = None;
    let (count, current) = (app.study.films.len(), app.study.current);
    let height = (ui.available_height() * LIST_SHARE).max(2.0 * look.size.study_row);
    let starts = app.study.parts();
    let head = if starts.len() > 1 { look.size.row } else { 0.0 };
    let gap = ui.spacing().item_spacing.y;
    let step = look.size.study_row + gap;
    // Where a film's row begins, counted from the first; each part has a heading above it.
    let top = |index: usize| {
        let parts = starts.partition_point(|&start| start <= index).max(1);
        index as f32 * step + parts as f32 * head
    };
    let area = ScrollArea::vertical().id_salt("films").max_height(height).auto_shrink([false, true]);
    let mut shown = 0..0;
    area.show_viewport(ui, |ui, viewport| {
        let origin = ui.max_rect().min;
        let width = ui.available_width();
        ui.set_height(top(count.saturating_sub(1)) + look.size.study_row);
        if app.study.scrolled_to != current {
            app.study.scrolled_to = current;
            let place = Rect::from_min_size(origin + vec2(0.0, top(current)), vec2(width, look.size.study_row));
            ui.scroll_to_rect(place, None);
        }
        // The first row whose end is in sight; its place among the headings is found from the top.
        let first = first_of(count, |index| top(index) + step > viewport.top());
        let end = first_of(count, |index| top(index) - head > viewport.bottom());
        shown = first..end;
        for index in first..end {
            let place = Rect::from_min_size(origin + vec2(0.0, top(index)), vec2(width, look.size.study_row));
            if head > 0.0 && starts.binary_search(&index).is_ok() {
                let above = place.with_min_y(place.top() - head).with_max_y(place.top());
                let words = app.study.heading(index, app.privacy);
                text::put(ui, above, Align::Min, &words, TextStyle::Small.resolve(ui.style()), look.colour.secondary);
            }
            let is_beside = app.study.films.get(index).is_some_and(|film| app.is_prior(film));
            let Some(film) = app.study.films.get_mut(index) else { continue };
            ensure_texture(ui, film);
            let response = row(ui, &look, film, place, (index, index == current, is_beside));
            if response.clicked() {
                chosen = Some(index);
            }
            let mut beside = false;
            response.context_menu(|ui| {
                beside = ui.add_enabled(index != current, egui::Button::new("Put beside the current film")).clicked();
            });
            if beside {
                app.show_prior(index);
            }
        }
    });
    let study = &mut app.study;
    study.thumbnails.look_at(shown, &mut study.films);
    if let Some(index) = chosen.filter(|index| *index != current) {
        app.show_film(index);
    }
}

/// The first number below `count` of which something is true, where it is true of all after it; else `count`.
fn first_of(count: usize, is_so: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if is_so(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Puts a film's small picture on the screen's side.
fn ensure_texture(ui: &Ui, film: &mut Film) {
    if let (None, Some(small)) = (&film.thumbnail, &film.small) {
        let image = egui::ColorImage::from_gray(small.size, &small.grey);
        film.thumbnail = Some(ui.ctx().load_texture("thumbnail", image, egui::TextureOptions::LINEAR));
    }
}

/// One film, `is_current` and `is_beside` being what it is on the light box.
fn row(
    ui: &mut Ui,
    look: &Look,
    film: &Film,
    rect: Rect,
    (index, is_current, is_beside): (usize, bool, bool),
) -> egui::Response {
    let (colour, size) = (&look.colour, &look.size);
    let response = ui.interact(rect, egui::Id::unique(("film", index)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, is_current, format!("film {}", film.name)));
    let fill = if is_current { Some(colour.accent_soft) } else { response.hovered().then_some(colour.raised) };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, size.radius, fill);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, size.radius, Stroke::new(size.focus, colour.accent), egui::StrokeKind::Inside);
    }
    let picture = Rect::from_center_size(
        pos2(rect.left() + size.gap + size.thumbnail / 2.0, rect.center().y),
        vec2(size.thumbnail, size.thumbnail),
    );
    ui.painter().rect_filled(picture, 0.0, colour.light_box);
    match (&film.thumbnail, &film.problem) {
        (None, Some(_)) => {
            text::put(ui, picture, Align::Center, icons::ERROR, TextStyle::Heading.resolve(ui.style()), colour.error)
        }
        (Some(texture), _) => {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let [width, height] = texture.size().map(|side| side as f32);
            let place =
                Rect::from_center_size(picture.center(), vec2(width, height) * (size.thumbnail / width.max(height)));
            ui.painter().image(texture.id(), place, uv, egui::Color32::WHITE);
        }
        (None, None) => text::put(
            ui,
            picture,
            Align::Center,
            icons::FILM,
            TextStyle::Heading.resolve(ui.style()),
            colour.on_film_secondary,
        ),
    }
    let words = Rect::from_min_max(
        pos2(picture.right() + size.pad, rect.top() + size.gap),
        rect.max - vec2(size.gap, size.gap),
    );
    let (upper, lower) = words.split_top_bottom_at_fraction(0.5);
    text::put(ui, upper, Align::Min, &film.name, TextStyle::Body.resolve(ui.style()), colour.text);
    let (note, ink) = match (&film.facts, &film.problem) {
        (Some(facts), None) if is_beside => (format!("{facts} · beside"), colour.accent),
        (Some(facts), Some(_)) if film.thumbnail.is_some() => (format!("{facts} · not analysed"), colour.warning),
        (_, Some(_)) => ("cannot be read".to_owned(), colour.error),
        (Some(facts), None) if !film.history.current().is_empty() => (format!("{facts} · edited"), colour.accent),
        (Some(facts), None) => (facts.clone(), colour.secondary),
        (None, None) => ("not opened yet".to_owned(), colour.secondary),
    };
    text::put(ui, lower, Align::Min, &note, TextStyle::Small.resolve(ui.style()), ink);
    response.on_hover_text(format!("{}\n{note}", film.name))
}

fn metadata(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    heading(ui, &look, "Film", |ui| {
        let icon = if app.privacy { icons::LOCKED } else { icons::UNLOCKED };
        let button = egui::Button::new(icon).selected(app.privacy).frame_when_inactive(false);
        let hint = if app.privacy {
            "Patient names are hidden. Click to show them."
        } else {
            "Patient names are shown. Click to hide them."
        };
        if ui.add(button).on_hover_text(hint).accessible_name("hide patient names").clicked() {
            app.run(Command::TogglePrivacy);
        }
        for (command, icon) in [(Command::AllTags, icons::INFO), (Command::TogglePrior, icons::TWO)] {
            let button = egui::Button::new(icon).selected(app.is_on(command) == Some(true)).frame_when_inactive(false);
            let response = ui.add_enabled(app.can(command), button);
            let keys = command.keys_text(ui.ctx()).map(|keys| format!(" ({keys})")).unwrap_or_default();
            let response = response.on_hover_text(format!("{}{keys}\n{}", command.text(), command.hint()));
            if response.accessible_name(command.text()).clicked() {
                app.run(command);
            }
        }
    });
    let Some(film) = &app.film else {
        if app.study.film().is_some_and(|film| film.problem.is_some()) {
            let words = "Nothing is known of this film: the light box says why.";
            ui.add(Label::new(RichText::new(words).small().color(look.colour.secondary)).wrap());
        }
        return;
    };
    let (radiograph, [width, height]) = (&film.view.radiograph, film.size());
    let metadata = &radiograph.metadata;
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(name) = &metadata.patient {
        rows.push(("patient", if app.privacy { "hidden".to_owned() } else { name.show().to_owned() }));
    }
    rows.extend(metadata.view.as_ref().map(|view| ("view", view.to_string())));
    rows.extend(metadata.laterality.map(|side| ("side", side.to_string())));
    rows.extend(metadata.age_years.map(|age| ("age", format!("{age:.0} years"))));
    rows.extend(metadata.sex.map(|sex| ("sex", sex.to_string())));
    if radiograph.is_phantom() {
        rows.push(("made", "by Fluoro: a phantom".to_owned()));
    }
    rows.push(("size", format!("{width} × {height} pixels")));
    rows.extend(metadata.spacing_mm.map(|[row, column]| {
        ("pixel", if row == column { format!("{row:.3} mm") } else { format!("{row:.3} × {column:.3} mm") })
    }));
    rows.extend(metadata.body_part.clone().map(|part| ("body part", part)));
    rows.push(("values", format!("{:.0} to {:.0}", radiograph.range[0], radiograph.range[1])));
    rows.push(("file", metadata.format.clone()));
    let warnings = metadata.warnings.clone();
    ScrollArea::vertical().id_salt("metadata").auto_shrink([false, false]).show(ui, |ui| {
        egui::Grid::new("facts").num_columns(2).spacing(vec2(look.size.pad, look.size.gap)).show(ui, |ui| {
            for (name, value) in rows {
                ui.label(RichText::new(name).small().color(look.colour.secondary));
                ui.add(Label::new(RichText::new(value).small()).wrap());
                ui.end_row();
            }
        });
        for warning in warnings {
            ui.add_space(look.size.gap);
            ui.add(
                Label::new(RichText::new(format!("{}  {warning}", icons::WARNING)).small().color(look.colour.warning))
                    .wrap(),
            );
        }
    });
}
