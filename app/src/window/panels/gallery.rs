//! The Gallery panel: films that come with the bundle, as thumbnails. A click puts one on the light box.

use egui::{Align, Button, Rect, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, WidgetInfo, vec2};

use super::feature_page;
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::icons;
use crate::window::light_box::rgb;
use crate::window::state::gallery::Wanted;
use crate::window::state::job::Step;
use crate::window::tokens::Look;
use crate::window::widgets::{states, text};

/// Shows the panel.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    if let Some(problem) = app.store.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Close")) {
            app.store.problem = None;
        }
        return;
    }
    if app.store.is_opening() || app.store.open.is_some() && !app.store.is_hidden {
        return feature_page::show(app, ui);
    }
    let Some(view) = app.model.view.clone() else {
        if app.model.pending.is_some() {
            states::working(ui, &look, &step("opening the bundle"), false);
        } else if states::empty(ui, &look, "A bundle may bring films to look at. None is open.", Some("Open bundle…"))
        {
            app.run(Command::OpenBundle);
        }
        return;
    };
    let films = &view.manifest.gallery;
    if films.is_empty() {
        let words = format!(
            "{} brings no films of its own. Drop yours on the window, or look at drawn ones.",
            view.manifest.name
        );
        if states::empty(ui, &look, &words, Some("Open sample films")) {
            app.run(Command::OpenSamples);
        }
        return;
    }
    let caption = look.size.row - look.size.gap;
    let side = (ui.available_height() - caption - look.size.gap - look.size.pad).max(look.size.thumbnail).floor();
    let pixels = (side * ui.pixels_per_point()).round() as usize;
    let wanted = Wanted { bundle: view.source.clone(), side: pixels, ground: rgb(look.colour.light_box) };
    let wake = ui.ctx().clone();
    app.gallery.want(wanted, films, move || wake.request_repaint());
    if app.gallery.pictures.is_empty() && app.gallery.is_busy() {
        states::working(ui, &look, &step("reading the gallery"), false);
        return;
    }
    let mut chosen = None;
    ScrollArea::horizontal().id_salt("gallery").auto_shrink([false, false]).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = look.size.pad;
            for (index, film) in films.iter().enumerate() {
                if cell(app, ui, &look, index, &film.caption, vec2(side, side + caption)) {
                    chosen = Some(index);
                }
            }
        });
    });
    if let Some(film) = chosen.and_then(|index| films.get(index)) {
        app.show_gallery_film(&view.source, film);
    }
}

/// What the panel adds to the row of tabs.
pub fn tools(app: &mut App, ui: &mut Ui) {
    let mut commands = vec![Command::OpenStore];
    if app.store.open.is_some() {
        let words = if app.store.is_hidden { "Features of the store" } else { "Films of the bundle" };
        if ui.add(Button::new(words).frame_when_inactive(false)).clicked() {
            app.store.is_hidden = !app.store.is_hidden;
        }
        if !app.store.is_hidden {
            commands.extend([Command::ExportFeatureSheet, Command::CopyFeatureLink]);
        }
    }
    for command in commands {
        // The tabs need the room.
        let words = match command {
            Command::ExportFeatureSheet => "Export sheet…",
            Command::CopyFeatureLink => "Copy link",
            other => other.text(),
        };
        let button = ui.add_enabled(app.can(command), Button::new(words).frame_when_inactive(false));
        if button.on_hover_text(command.hint()).accessible_name(command.text()).clicked() {
            app.run(command);
        }
    }
    if app.store.open.is_some() && !app.store.is_hidden {
        return;
    }
    let button = ui.add_enabled(app.can(Command::OpenGallery), Button::new("Open all").frame_when_inactive(false));
    if button.on_hover_text(Command::OpenGallery.hint()).clicked() {
        app.run(Command::OpenGallery);
    }
}

fn step(stage: &str) -> Step {
    Step { stage: stage.to_owned(), ..Step::default() }
}

/// One film. True when it was chosen.
fn cell(app: &App, ui: &mut Ui, look: &Look, index: usize, caption: &str, size: egui::Vec2) -> bool {
    let colour = &look.colour;
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let response = ui.interact(rect, egui::Id::unique(("gallery film", index)), Sense::click());
    let is_shown = app.is_gallery_film(index);
    let name = format!("gallery film {}: {caption}", index + 1);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, is_shown, &name));
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
    let problem = app.gallery.pictures.get(index).and_then(|picture| picture.as_ref().err()).cloned();
    if ui.is_rect_visible(rect) {
        let picture = Rect::from_min_size(rect.min, vec2(rect.width(), rect.width()));
        ui.painter().rect_filled(picture, 0.0, colour.light_box);
        match app.gallery.pictures.get(index) {
            Some(Ok(texture)) => {
                let uv = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
                ui.painter().image(texture.id(), picture, uv, egui::Color32::WHITE);
            }
            Some(Err(_)) => {
                let font = TextStyle::Heading.resolve(ui.style());
                text::put(ui, picture, Align::Center, icons::ERROR, font, colour.error);
            }
            None => {}
        }
        let words = rect.with_min_y(picture.bottom());
        let ink = if is_shown || response.hovered() { colour.text } else { colour.secondary };
        text::put(ui, words, Align::Min, caption, TextStyle::Small.resolve(ui.style()), ink);
        let line = match (response.has_focus(), is_shown, response.hovered()) {
            (true, ..) | (_, true, _) => Some((look.size.focus, colour.accent)),
            (.., true) => Some((look.size.stroke, colour.secondary)),
            _ => None,
        };
        if let Some((width, ink)) = line {
            ui.painter().rect_stroke(picture, 0.0, Stroke::new(width, ink), egui::StrokeKind::Inside);
        }
    }
    let response = response.on_hover_ui(|ui| {
        ui.label(caption);
        if let Some(problem) = &problem {
            ui.label(RichText::new(&problem.why).color(colour.error));
        }
    });
    response.clicked()
}
