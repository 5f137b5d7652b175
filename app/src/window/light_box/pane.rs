//! One viewport: its picture, its words, its states.

use egui::{Rect, Sense, Stroke, TextureOptions, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use fluoro_core::display::{ViewTransform, wipe as wipe_pictures, wipe_column};

use super::gpu::{self, Drawing};
use super::sheet::Content;
use super::{Arrangement, Drawn, Key, Pane, brush, corners, hand, prior, region, rgb, ruler, wipe as line};
use crate::window::app::App;
use crate::window::command::Command;
use crate::window::state::job::Step;
use crate::window::widgets::states;

/// Where the inset of the original keeps its texture.
const INSET: usize = Pane::COUNT;

/// Shows one viewport.
pub fn show(app: &mut App, ui: &mut Ui, rect: Rect, pane: Pane) {
    let look = app.look;
    let response = ui.interact(rect, egui::Id::unique(("viewport", pane.index())), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, format!("viewport: {}", pane.name())));
    let pixels = viewport_pixels(ui, rect);
    app.light_box.viewport = Some(pixels);
    let is_taken = if pane == Pane::Prior {
        prior::take(app, ui, &response, rect, pixels)
    } else {
        brush::take(app, ui, &response, rect, pixels) || region::take(app, ui, &response, rect, pixels)
    };
    if !is_taken {
        hand::take(app, ui, &response, rect, pixels, pane);
    }
    let wiped = line::is_on(app, pane);
    if wiped {
        line::take(app, ui, rect);
    }
    if response.double_clicked() && pane.slot().is_none() && app.brush.feature.is_none() {
        maximise(app, pane);
    }

    let has_overlay = app.light_box.has_overlay() && lies_on(app, pane);
    if has_overlay && pane.slot().is_none() {
        app.find_difference();
    }
    if pane == Pane::Counterfactual {
        app.find_change();
    }
    if !draw(app, ui, rect, pane, pixels, has_overlay, pane.index()) {
        return without_picture(app, ui, rect, pane);
    }
    if wiped {
        line::show(app, ui, rect);
    }
    // Regions and lengths are of the current film.
    if pane != Pane::Prior {
        outline(app, ui, rect, pixels);
        ruler::show(app, ui, rect, pixels);
        region::show(app, ui, rect, pixels);
        brush::show(app, ui, &response, rect, pixels);
    }
    let has_original = wiped && app.light_box.kept.wipe.with == Pane::Original;
    if app.light_box.kept.arrangement == Arrangement::One && pane.is_made() && !has_original {
        inset(app, ui, rect);
    }
    corners::show(app, ui, rect, pane, has_overlay);
    if pane == Pane::Counterfactual && app.pictures.is_old() {
        old_dot(ui, rect, look.colour.warning, look.size.handle, look.size.pad);
    }
    if let Some(problem) = app.pictures.problem.clone().filter(|_| pane == Pane::Counterfactual) {
        let panel = rect.with_min_y(rect.bottom() - rect.height() * 0.5);
        ui.painter().rect_filled(panel, 0.0, look.colour.panel);
        ui.scope_builder(UiBuilder::new().max_rect(panel), |ui| {
            if states::failed(ui, &look, &problem, Some("Undo")) {
                app.run(Command::Undo);
            }
        });
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(look.size.focus, look.colour.accent), egui::StrokeKind::Inside);
    }
}

/// Where the overlay lies: on the difference, or on the counterfactual when the difference is not on screen.
pub(super) fn lies_on(app: &App, pane: Pane) -> bool {
    match pane {
        Pane::Difference => true,
        Pane::FirstMap | Pane::SecondMap => pane.slot().is_some_and(|slot| app.attribution.jobs[slot].value.is_some()),
        Pane::Counterfactual => !app.light_box.shows_difference() && !app.light_box.before,
        Pane::Original | Pane::Reconstruction | Pane::Prior => false,
    }
}

fn maximise(app: &mut App, pane: Pane) {
    let light_box = &mut app.light_box;
    if light_box.kept.arrangement == Arrangement::One {
        light_box.kept.arrangement = Arrangement::Four;
    } else {
        (light_box.kept.arrangement, light_box.kept.single) = (Arrangement::One, pane);
    }
}

fn viewport_pixels(ui: &Ui, rect: Rect) -> [usize; 2] {
    let pixels = rect.size() * ui.pixels_per_point();
    [pixels.x.round().max(1.0) as usize, pixels.y.round().max(1.0) as usize]
}

/// Draws the picture of a pane into `rect`, if it has one.
fn draw(app: &mut App, ui: &Ui, rect: Rect, pane: Pane, pixels: [usize; 2], overlay: bool, slot: usize) -> bool {
    let transform = transform(app, pixels, slot == INSET);
    let Some(content) = app.content(pane, overlay) else { return false };
    let wipe = app.light_box.kept.wipe;
    let left = if slot != INSET && line::is_on(app, pane) { app.content(wipe.with, false) } else { None };
    let left = left.map(|content| (content, wipe_column(wipe.at, pixels[0])));
    if app.light_box.by_shader && can_shade(&content, pixels) {
        shade(app, ui, rect, content, left, transform, pixels, slot);
        return true;
    }
    let background = app.look.colour.light_box;
    let key = Key {
        content: content.key(),
        left: left.as_ref().map(|(content, column)| (content.key(), *column)),
        transform,
        size: pixels,
        background,
    };
    let known = app.light_box.drawn[slot].as_ref().is_some_and(|drawn| drawn.key == key);
    let view = if known { None } else { content.view(transform, rgb(background)) };
    if view.is_none() && app.light_box.drawn[slot].is_none() {
        return false;
    }
    // Without a view, the last picture stays until what is on the graphics device alone is read.
    if let Some(view) = view {
        let left = left.as_ref().and_then(|(content, _)| content.view(transform, rgb(background)));
        let drawn = match &left {
            Some(left) => wipe_pictures(left, &view, wipe.at, pixels[0], pixels[1]),
            None => view.draw(pixels[0], pixels[1]),
        };
        let image = egui::ColorImage::from_rgba_premultiplied(pixels, &drawn);
        let options = TextureOptions::NEAREST;
        app.light_box.difference.draws += 1;
        match &mut app.light_box.drawn[slot] {
            Some(drawn) => {
                drawn.texture.set(image, options);
                drawn.key = key;
            }
            empty => *empty = Some(Drawn { key, texture: ui.load_texture(pane.name(), image, options) }),
        }
    }
    if let Some(drawn) = &app.light_box.drawn[slot] {
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(drawn.texture.id(), rect, uv, egui::Color32::WHITE);
    }
    true
}

/// Whether the shaders should draw a picture now: a film much larger than the viewport waits for its halved copies.
fn can_shade(content: &Content, pixels: [usize; 2]) -> bool {
    let Some(measures) = content.film.measures() else { return false };
    let is_large = measures.size[0].max(measures.size[1]) > 4 * pixels[0].max(pixels[1]);
    content.film.pyramid.is_some() || !is_large
}

/// Hands a picture, and what is left of the wipe's line, to the shaders.
#[expect(clippy::too_many_arguments, reason = "one viewport's picture and its place, used once")]
fn shade(
    app: &mut App,
    ui: &Ui,
    rect: Rect,
    content: Content,
    left: Option<(Content, usize)>,
    transform: ViewTransform,
    size: [usize; 2],
    slot: usize,
) {
    // A texture of the program's own drawing is no longer needed.
    app.light_box.drawn[slot] = None;
    let scale = ui.pixels_per_point();
    let place = [(rect.min.x * scale).round() as i32, (rect.min.y * scale).round() as i32];
    let (frame, background) = (ui.ctx().cumulative_frame_nr(), rgb(app.look.colour.light_box));
    let column = left.as_ref().map_or(0, |(_, column)| *column);
    let pictures = [Some((content, [column, size[0]])), left.map(|(content, column)| (content, [0, column]))];
    for (part, (content, columns)) in pictures.into_iter().flatten().enumerate() {
        let slot = 2 * slot + part;
        let drawing = Drawing { slot, frame, content, transform, place, size, columns, background };
        ui.painter().add(gpu::shape(ui.ctx(), rect, drawing));
    }
}

/// The region of the report's sentence that a hand points at.
fn outline(app: &App, ui: &Ui, rect: Rect, pixels: [usize; 2]) {
    let is_open = app.light_box.report;
    let (Some(lines), Some(film)) = (app.report.outline().filter(|_| is_open), &app.film) else { return };
    let (transform, extent) = (transform(app, pixels, false), film.extent);
    let scale = ui.pixels_per_point();
    let place = |[x, y]: [f32; 2]| {
        let at = transform.to_screen([extent.x + x * extent.width, extent.y + y * extent.height], pixels);
        rect.min + vec2(at[0] / scale, at[1] / scale)
    };
    let (painter, size) = (ui.painter_at(rect), app.look.size);
    // A dark halo first, so that the line is seen on white too.
    for (width, ink) in [(2.0 * size.outline, app.look.colour.halo), (size.outline, app.look.colour.outline)] {
        for line in lines {
            let points = line.iter().map(|&corner| place(corner)).collect();
            painter.add(egui::Shape::closed_line(points, Stroke::new(width, ink)));
        }
    }
}

/// The view of a viewport of this size: the user's, or the whole film.
pub fn transform(app: &App, pixels: [usize; 2], whole: bool) -> ViewTransform {
    let turn = app.light_box.kept.turn;
    let none = ViewTransform { center: [0.0; 2], zoom: 1.0, turn };
    let fit = app.film.as_ref().map_or(none, |film| ViewTransform::fit_turned(film.size(), pixels, turn));
    let own = app.light_box.kept.transform.filter(|_| !whole);
    own.map_or(fit, |own| ViewTransform { turn, ..own })
}

/// The original, small, in the corner of a single picture that a model made.
fn inset(app: &mut App, ui: &Ui, rect: Rect) {
    let look = app.look;
    let side = (rect.size().min_elem() * look.size.inset_share).round();
    let place = Rect::from_min_size(
        rect.right_bottom() - vec2(side, side + 3.0 * look.size.row) - vec2(look.size.pad, look.size.pad),
        vec2(side, side),
    );
    let pixels = viewport_pixels(ui, place);
    if draw(app, ui, place, Pane::Original, pixels, false, INSET) {
        let line = Stroke::new(look.size.stroke, look.colour.on_film_secondary);
        ui.painter().rect_stroke(place, 0.0, line, egui::StrokeKind::Outside);
        corners::caption(ui, &look, place, "original");
    }
}

/// The mark of a picture that is not yet that of the newest slider value.
fn old_dot(ui: &Ui, rect: Rect, colour: egui::Color32, radius: f32, pad: f32) {
    let font = egui::TextStyle::Body.resolve(ui.style());
    let title = ui.painter().layout_no_wrap(Pane::Counterfactual.name().to_owned(), font, colour);
    let at = rect.min + vec2(pad + title.size().x + 2.0 * pad, pad + title.size().y / 2.0);
    ui.painter().circle_filled(at, radius - 2.0, colour);
}

/// A viewport without a picture says why.
fn without_picture(app: &mut App, ui: &mut Ui, rect: Rect, pane: Pane) {
    let look = app.look;
    let problem = app.study.film().and_then(|film| film.problem.clone());
    let beside = app.prior.as_ref().filter(|_| pane == Pane::Prior);
    let (beside_problem, beside_busy) =
        (beside.and_then(|it| it.problem()).cloned(), beside.is_some_and(|it| it.is_busy()));
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        if let Some(problem) = beside_problem {
            if states::failed(ui, &look, &problem, Some("Close")) {
                app.close_prior();
            }
        } else if beside_busy {
            let step = Step { stage: "reading the film".to_owned(), ..Step::default() };
            states::working(ui, &look, &step, false);
        } else if app.model.pending.is_some() {
            let step = Step { stage: "opening the bundle".to_owned(), ..Step::default() };
            states::working(ui, &look, &step, false);
        } else if let Some(problem) = problem.filter(|_| pane == Pane::Counterfactual) {
            if states::failed(ui, &look, &problem, Some("Open bundle…")) {
                app.run(Command::OpenBundle);
            }
        } else {
            let purpose = if app.light_box.without_decoder {
                format!(
                    "No {}: this bundle has no decoder, so it cannot draw what an edit changes. Make one from films with \
                     fluoro train decoder, or open a bundle that has one.",
                    pane.name()
                )
            } else {
                format!("No {}: the bundle could not read the film.", pane.name())
            };
            if states::empty(ui, &look, &purpose, app.light_box.without_decoder.then_some("Open bundle…")) {
                app.run(Command::OpenBundle);
            }
        }
    });
}

/// The light box without a film: empty, working or failed.
pub fn without_film(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let failed = app.study.film().and_then(|film| film.problem.clone()).filter(|_| app.study.pending.is_none());
    let step = |stage: &str| Step { stage: stage.to_owned(), ..Step::default() };
    if let Some(problem) = app.dead.clone() {
        states::failed(ui, &look, &problem, None);
    } else if app.study.searching.is_some() {
        states::working(ui, &look, &step("looking for films"), false);
    } else if let Some(problem) = failed {
        let next = app.can(Command::NextFilm).then_some("Next film");
        if states::failed(ui, &look, &problem, next) {
            app.run(Command::NextFilm);
        }
    } else if app.study.pending.is_some() || app.model.pending.is_some() {
        let what = if app.model.view.is_none() { "opening the bundle" } else { "reading the film" };
        states::working(ui, &look, &step(what), false);
    } else if let Some(problem) = app.study.problem.clone() {
        if states::failed(ui, &look, &problem, Some("Open sample films")) {
            app.run(Command::OpenSamples);
        }
    } else if states::empty(
        ui,
        &look,
        "Films go here. Drop files or a folder on the window, or open some.",
        Some("Open sample films"),
    ) {
        app.run(Command::OpenSamples);
    }
}
