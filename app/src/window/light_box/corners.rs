//! The words in a viewport's corners, and the colour bar. Top left what it is, top right view and side, bottom left
//! window and zoom, bottom right what changed.

use egui::{Align2, Color32, Mesh, Pos2, Rect, Shape, TextStyle, Ui, pos2, vec2};
use fluoro_core::display::{ColourMap, Extent, value_at};
use fluoro_core::shift::Target;

use super::content::{ON_FILM_HINT, PERCENT};
use super::pane::transform;
use super::{Arrangement, Pane};
use crate::window::app::App;
use crate::window::state::prior::apart;
use crate::window::tokens::Look;
use crate::window::widgets::{number, text};

/// Changes named in a corner; more are counted.
const MOST_CHANGES: usize = 3;

/// Paints the corners of one viewport.
pub fn show(app: &App, ui: &Ui, rect: Rect, pane: Pane, has_overlay: bool) {
    let look = &app.look;
    let inner = rect.shrink(look.size.pad);
    let mut lines =
        Lines { ui, look, painter: ui.painter_at(rect), fade: if app.light_box.dragging { 0.3 } else { 1.0 } };
    let is_first =
        matches!(pane, Pane::Original | Pane::FirstMap) || app.light_box.kept.arrangement == Arrangement::One;

    let before = app.light_box.before && pane == Pane::Counterfactual;
    let on_film = pane == Pane::Counterfactual && app.shows_change_on_film();
    let name = match (before, on_film) {
        (true, true) => "before (original)",
        (true, false) => "before (reconstruction)",
        (false, _) => pane.name(),
    };
    let mut top = vec![(name.to_owned(), true)];
    match pane {
        Pane::Counterfactual if on_film && before => {}
        Pane::Counterfactual if on_film => top.push(("original + change made by a model".to_owned(), false)),
        Pane::Counterfactual => top.push(("made by a model".to_owned(), false)),
        Pane::Reconstruction => top.push(("made by a model".to_owned(), false)),
        Pane::Difference => top.push((
            (if app.shows_whole_shift() { "over the whole shift" } else { "after − before" }).to_owned(),
            false,
        )),
        Pane::FirstMap | Pane::SecondMap => top = map_lines(app, pane),
        Pane::Prior => top.extend(prior_words(app).into_iter().map(|words| (words, false))),
        Pane::Original => {}
    }
    let hint = if on_film { ON_FILM_HINT } else { pane.hint() };
    let title = Rect::from_min_max(inner.left_top(), lines.down(inner.left_top(), Align2::LEFT_TOP, top));
    ui.interact(title, egui::Id::unique(("title", pane.index())), egui::Sense::hover()).on_hover_text(hint);
    let words = if is_first { film_lines(app) } else { Vec::new() };
    let end = lines.down(inner.right_top(), Align2::RIGHT_TOP, words);
    // Sides that are swapped must not be overlooked in any viewport.
    if let Some(turned) = app.light_box.kept.turn.words() {
        let at = pos2(inner.right(), if is_first { end.y + 1.0 } else { inner.top() });
        lines.warning(at, Align2::RIGHT_TOP, turned);
    }
    if pane == Pane::Prior {
        lines.down(inner.right_top(), Align2::RIGHT_TOP, prior_film_lines(app));
    }
    if pane == Pane::Reconstruction {
        lines.up(inner.right_bottom(), Align2::RIGHT_BOTTOM, quality_lines(app));
    }
    if pane == Pane::Counterfactual && !before {
        lines.up(inner.right_bottom(), Align2::RIGHT_BOTTOM, change_lines(app));
    }
    // The numbers that a drag changes stay.
    lines.fade = 1.0;
    let mut low = pointer_lines(app, pane);
    if is_first || !app.light_box.kept.linked {
        low.extend(view_lines(app, ui, rect, pane));
    }
    lines.up(inner.left_bottom(), Align2::LEFT_BOTTOM, low);
    if is_first && app.light_box.kept.colours != ColourMap::Grey {
        film_scale(app, rect, pane, &lines);
    }
    if has_overlay {
        scale(&Scale::of(app, pane), app, ui, rect, &lines);
    }
}

/// A word below a small picture.
pub fn caption(ui: &Ui, look: &Look, rect: Rect, words: &str) {
    let at = rect.left_top() + vec2(look.size.gap, look.size.gap);
    let font = TextStyle::Small.resolve(ui.style());
    text::on_film(ui.painter(), at, Align2::LEFT_TOP, words, font, look.colour.on_film, look.colour.halo);
}

struct Lines<'a> {
    ui: &'a Ui,
    look: &'a Look,
    painter: egui::Painter,
    fade: f32,
}

impl Lines<'_> {
    fn line(&self, at: Pos2, anchor: Align2, words: &str, strong: bool) -> Rect {
        let colour = &self.look.colour;
        let style = if strong { TextStyle::Body } else { TextStyle::Small };
        let ink = if strong { colour.on_film } else { colour.on_film_secondary };
        let ink = ink.gamma_multiply(self.fade);
        let halo = colour.halo.gamma_multiply(self.fade);
        text::on_film(&self.painter, at, anchor, words, style.resolve(self.ui.style()), ink, halo)
    }

    /// Lines from the top down; returns where the last and the longest end.
    fn down(&self, mut at: Pos2, anchor: Align2, lines: Vec<(String, bool)>) -> Pos2 {
        let mut end = at;
        for (words, strong) in lines {
            let rect = self.line(at, anchor, &words, strong);
            end = pos2(end.x.max(rect.right()), rect.bottom());
            at.y = rect.bottom() + 1.0;
        }
        end
    }

    /// A line in the colour of a warning.
    fn warning(&self, at: Pos2, anchor: Align2, words: &str) {
        let (colour, font) = (&self.look.colour, TextStyle::Body.resolve(self.ui.style()));
        text::on_film(&self.painter, at, anchor, words, font, colour.warning, colour.halo);
    }

    fn up(&self, mut at: Pos2, anchor: Align2, lines: Vec<(String, bool)>) {
        for (words, strong) in lines.into_iter().rev() {
            at.y = self.line(at, anchor, &words, strong).top() - 1.0;
        }
    }
}

fn film_lines(app: &App) -> Vec<(String, bool)> {
    let Some(film) = &app.film else { return Vec::new() };
    let metadata = &film.view.radiograph.metadata;
    let mut first = Vec::new();
    first.extend(metadata.view.as_ref().map(ToString::to_string));
    first.extend(metadata.laterality.map(|side| side.to_string()));
    let mut second = Vec::new();
    second.extend(metadata.sex.map(|sex| sex.to_string()));
    second.extend(metadata.age_years.map(|age| format!("{age:.0} years")));
    let mut lines = vec![(first.join(" · "), true), (second.join(", "), false)];
    if let Some(name) = metadata.patient.as_ref().filter(|_| !app.privacy) {
        lines.insert(0, (name.show().to_owned(), true));
    }
    lines.retain(|(words, _)| !words.is_empty());
    lines
}

fn view_lines(app: &App, ui: &Ui, rect: Rect, pane: Pane) -> Vec<(String, bool)> {
    let Some(film) = &app.film else { return Vec::new() };
    let window = app.light_box.window_of(pane).unwrap_or(film.default_window);
    let pixels = rect.size() * ui.pixels_per_point();
    let zoom = transform(app, [pixels.x as usize, pixels.y as usize], false).zoom;
    let invert = if app.light_box.kept.invert { " · inverted" } else { "" };
    let link = if app.light_box.kept.linked { "" } else { " · own window" };
    vec![
        (format!("W {}  L {}{link}", number::short(window.width), number::short(window.center)), false),
        (format!("zoom {}{invert}", number::percent(zoom)), false),
    ]
}

/// Place and values under the pointer, in the film's own pixels and stored values.
fn pointer_lines(app: &App, pane: Pane) -> Vec<(String, bool)> {
    // Its pixels are not the current film's.
    if pane == Pane::Prior {
        return Vec::new();
    }
    let Some((_, point)) = app.light_box.pointer.filter(|(here, _)| *here == pane) else { return Vec::new() };
    let Some(film) = &app.film else { return Vec::new() };
    let radiograph = &film.view.radiograph;
    let [width, height] = film.size();
    let Some(shown) = value_at(&radiograph.pixels, Extent::whole(width, height), point) else { return Vec::new() };
    // Films whose small values are bright are mirrored when they are read; the file has the value before that.
    let is_mirrored = radiograph.metadata.photometric.as_deref() == Some("MONOCHROME1");
    let stored = if is_mirrored { radiograph.range[0] + radiograph.range[1] - shown } else { shown };
    let [x, y] = point.map(|v| v.floor() as i64);
    let mut words = format!("x {x}  y {y}  value {}", number::plain((stored * 100.0).round() / 100.0));
    if let Some((value, unit)) = app.value_under(pane, point) {
        words += &format!("  ·  {} {unit}", number::short(value));
    }
    vec![(words, false)]
}

fn quality_lines(app: &App) -> Vec<(String, bool)> {
    let Some(quality) = app.analysis().and_then(|analysis| analysis.quality) else { return Vec::new() };
    vec![(format!("SSIM {:.2} · PSNR {:.1} dB", quality.ssim, quality.psnr), false)]
}

pub(super) fn change_lines(app: &App) -> Vec<(String, bool)> {
    if let Some((shift, frame, _)) = app.shift_frame() {
        let lambda = shift.lambdas.get(frame).copied().unwrap_or_default();
        let target = app.shift.job.value.as_ref().map(|done| app.target_name(done.request.target)).unwrap_or_default();
        let score = shift.predictions.get(frame).copied().unwrap_or(f32::NAN);
        let along = app.shift.job.value.as_ref().map(|done| done.request.target);
        let is_label = !matches!(along, Some(Target::Feature(_)));
        let second = if is_label {
            format!("score {} · λ {}", number::score(score), number::short(lambda))
        } else {
            format!("activation {}", number::short(lambda))
        };
        return vec![(format!("shift: {target}"), true), (second, false)];
    }
    let Some(edit) = app.pictures.shown_edit() else {
        return vec![("no change yet: drag a slider".to_owned(), false)];
    };
    let own = |index: usize| app.analysis().and_then(|a| a.activations.get(index).copied()).unwrap_or_default();
    let labels = app.labels();
    let finding = |(label, percent): (&usize, &f32)| {
        let name = labels.get(*label).cloned().unwrap_or_default();
        format!("{name} {} %", number::signed(*percent))
    };
    let feature = |(index, to): (&usize, &f32)| {
        format!("{} {} → {}", app.feature_name(*index), number::short(own(*index)), number::short(*to))
    };
    let findings = edit.findings.iter().map(finding);
    let all: Vec<String> = findings.chain(edit.features.iter().map(feature)).collect();
    let mut lines: Vec<(String, bool)> = all.iter().take(MOST_CHANGES).map(|line| (line.clone(), true)).collect();
    if all.len() > MOST_CHANGES {
        lines.push((format!("and {} more", all.len() - MOST_CHANGES), false));
    }
    lines
}

/// What the film beside is to the current one: the time between them, its date where names are shown, and a warning when
/// it is of somebody else.
pub(super) fn prior_words(app: &App) -> Vec<String> {
    let (Some(prior), Some(film)) = (&app.prior, app.study.film()) else { return Vec::new() };
    let (own, other) = (&film.place, &prior.place);
    let mut words = vec![apart(own.study_date.as_deref(), other.study_date.as_deref())];
    if let Some(date) = other.study_date.as_ref().filter(|_| !app.privacy) {
        words.push(date.clone());
    }
    match (&own.patient_id, &other.patient_id) {
        (Some(a), Some(b)) if a == b => words.push("same patient".to_owned()),
        (Some(_), Some(_)) => words.push("another patient".to_owned()),
        _ => words.push("patient not known".to_owned()),
    }
    if !prior.is_linked {
        words.push("moves by itself".to_owned());
    }
    words
}

fn prior_film_lines(app: &App) -> Vec<(String, bool)> {
    let Some((film, _)) = app.prior.as_ref().and_then(|prior| prior.film()) else { return Vec::new() };
    let view = film.metadata.view.as_ref().map(ToString::to_string);
    let side = film.metadata.laterality.map(|side| side.to_string());
    let mut lines = vec![([view, side].into_iter().flatten().collect::<Vec<_>>().join(" · "), true)];
    if let Some(name) = film.metadata.patient.as_ref().filter(|_| !app.privacy) {
        lines.insert(0, (name.show().to_owned(), true));
    }
    lines.retain(|(words, _)| !words.is_empty());
    lines
}

/// What an attribution's viewport shows.
fn map_lines(app: &App, pane: Pane) -> Vec<(String, bool)> {
    let shown = pane.slot().and_then(|slot| app.attribution.jobs[slot].value.as_ref());
    let Some(shown) = shown else {
        return vec![(pane.name().to_owned(), true), ("nothing computed yet".to_owned(), false)];
    };
    let label = app.labels().get(shown.request.label).cloned().unwrap_or_default();
    vec![(shown.attribution.method.to_owned(), true), (label, false)]
}

/// What a colour bar says.
struct Scale {
    limit: f32,
    /// From zero up in one colour, not from negative to positive.
    one_sided: bool,
    unit: &'static str,
}

impl Scale {
    fn of(app: &App, pane: Pane) -> Self {
        match pane.slot().and_then(|slot| app.attribution.jobs[slot].value.as_ref()) {
            Some(shown) => Self { limit: 100.0, one_sided: !shown.attribution.is_signed, unit: "% of its top" },
            None => Self {
                limit: app.light_box.difference.limit * PERCENT,
                one_sided: app.shows_whole_shift(),
                unit: "% of grey range",
            },
        }
    }
}

/// The colour bar of the picture itself: which value of the film has which colour.
fn film_scale(app: &App, rect: Rect, pane: Pane, lines: &Lines<'_>) {
    let Some(film) = &app.film else { return };
    let (look, kept) = (&app.look, &app.light_box.kept);
    let (colour, size) = (&look.colour, &look.size);
    let window = app.light_box.window_of(pane).unwrap_or(film.default_window);
    // A sigmoid has no edges; within its width lies most of the way from black to white.
    let half = window.width / 2.0;
    let (low, high) = window.ramp().unwrap_or((window.center - half, window.center + half));
    let height = size.scale_height.min(rect.height() * 0.5);
    let middle = pos2(rect.left() + size.pad + size.scale_width / 2.0, rect.center().y);
    let bar = Rect::from_center_size(middle, vec2(size.scale_width, height));
    lines.painter.rect_filled(bar.expand(1.0), 0.0, colour.halo.gamma_multiply(0.6));
    let table = kept.colours.table();
    let steps = 32;
    let mut mesh = Mesh::default();
    for step in 0..=steps {
        let share = step as f32 / steps as f32;
        let level = ((if app.light_box.kept.invert { 1.0 - share } else { share }) * 255.0) as usize;
        let y = egui::lerp(bar.bottom()..=bar.top(), share);
        for x in [bar.left(), bar.right()] {
            mesh.colored_vertex(pos2(x, y), ink(table[level.min(255)]));
        }
        if step > 0 {
            let last = 2 * step as u32;
            mesh.add_triangle(last - 2, last - 1, last);
            mesh.add_triangle(last - 1, last, last + 1);
        }
    }
    lines.painter.add(Shape::mesh(mesh));
    let right = bar.right() + size.gap;
    lines.line(pos2(right, bar.top()), Align2::LEFT_CENTER, &number::short(high), false);
    lines.line(pos2(right, bar.bottom()), Align2::LEFT_CENTER, &number::short(low), false);
    let words = format!("{}, film values", kept.colours.name());
    lines.line(pos2(bar.left(), bar.bottom() + size.pad), Align2::LEFT_TOP, &words, false);
}

#[expect(clippy::disallowed_methods, reason = "colours of a published table, not of the window")]
fn ink([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// The colour bar: what the overlay's colours stand for.
fn scale(scale: &Scale, app: &App, ui: &Ui, rect: Rect, lines: &Lines<'_>) {
    let (look, limit, whole) = (&app.look, scale.limit, scale.one_sided);
    let (colour, size) = (&look.colour, &look.size);
    let height = size.scale_height.min(rect.height() * 0.5);
    let middle = pos2(rect.right() - size.pad - size.scale_width / 2.0, rect.center().y);
    let bar = Rect::from_center_size(middle, vec2(size.scale_width, height));
    let painter = ui.painter_at(rect);
    painter.rect_filled(bar.expand(1.0), 0.0, colour.halo.gamma_multiply(0.6));
    let ground = colour.disabled;
    let blend = |over: Color32| crate::window::style::mix(ground, over, app.light_box.kept.overlay.opacity);
    let parts: Vec<(f32, f32, Color32, Color32)> = if whole {
        vec![(bar.top(), bar.bottom(), blend(colour.changed), ground)]
    } else {
        vec![
            (bar.top(), middle.y, blend(colour.added), ground),
            (middle.y, bar.bottom(), ground, blend(colour.removed)),
        ]
    };
    for (top, bottom, upper, lower) in parts {
        let mut mesh = Mesh::default();
        for (y, ink) in [(top, upper), (bottom, lower)] {
            mesh.colored_vertex(pos2(bar.left(), y), ink);
            mesh.colored_vertex(pos2(bar.right(), y), ink);
        }
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(1, 2, 3);
        painter.add(Shape::mesh(mesh));
    }
    let left = bar.left() - size.gap;
    let sign = if whole { "" } else { "+" };
    lines.line(pos2(left, bar.top()), Align2::RIGHT_CENTER, &format!("{sign}{}", number::short(limit)), false);
    if !whole {
        lines.line(pos2(left, middle.y), Align2::RIGHT_CENTER, "0", false);
    }
    let low = if whole { "0".to_owned() } else { number::short(-limit) };
    lines.line(pos2(left, bar.bottom()), Align2::RIGHT_CENTER, &low, false);
    lines.line(pos2(bar.right(), bar.bottom() + size.pad), Align2::RIGHT_TOP, scale.unit, false);
}
