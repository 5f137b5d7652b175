//! The study: its films, and what the file of the one on the light box says.

use egui::{Align, Label, Rect, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::heading;
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::state::films::Film;
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
        if app.study.searching.is_none()
            && !app.study.waits_for_bundle
            && states::empty(ui, &look, "No films are open. Drop some on the window.", Some("Open films…"))
        {
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
    let area = ScrollArea::vertical().id_salt("films").max_height(height).auto_shrink([false, true]);
    area.show_rows(ui, look.size.study_row, count, |ui, rows| {
        for index in rows {
            let Some(film) = app.study.films.get(index) else { continue };
            if row(ui, &look, film, index, index == current) {
                chosen = Some(index);
            }
        }
    });
    if let Some(index) = chosen.filter(|index| *index != current) {
        app.show_film(index);
    }
}

fn row(ui: &mut Ui, look: &Look, film: &Film, index: usize, is_current: bool) -> bool {
    let (colour, size) = (&look.colour, &look.size);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size.study_row), Sense::hover());
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
            ui.painter().image(texture.id(), picture, uv, egui::Color32::WHITE);
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
        (Some(facts), Some(_)) if film.thumbnail.is_some() => (format!("{facts} · not analysed"), colour.warning),
        (_, Some(_)) => ("cannot be read".to_owned(), colour.error),
        (Some(facts), None) if !film.history.current().is_empty() => (format!("{facts} · edited"), colour.accent),
        (Some(facts), None) => (facts.clone(), colour.secondary),
        (None, None) => ("not opened yet".to_owned(), colour.secondary),
    };
    text::put(ui, lower, Align::Min, &note, TextStyle::Small.resolve(ui.style()), ink);
    response.on_hover_text(format!("{}\n{note}", film.name)).clicked()
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
    });
    let Some(film) = &app.film else { return };
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
