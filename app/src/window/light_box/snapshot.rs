//! The light box as a picture that can be saved: every viewport at its own pixels, drawn by the engine's reference, with its
//! words in the corners and the mark below. No name is in it.

use fluoro_core::display::{Placed, wipe_column};
use fluoro_core::export::{MARK, Made, SOFTWARE, burned_in};
use fluoro_core::plane::Plane;
use fluoro_core::render::{Area, Canvas, Font, colour};

use super::sheet::Pixels;
use super::{Pane, corners, pane, rgb, wipe};
use crate::window::app::App;
use crate::window::state::exports::Choice;

/// Pixels of a viewport that was never on screen.
const USUAL: [usize; 2] = [768, 768];
/// Sizes in pixels at a viewport of [`USUAL`]: words, small words, room, height of the foot.
const WORDS: f32 = 15.0;
const SMALL: f32 = 13.0;
const ROOM: f32 = 10.0;
const FOOT: f32 = 26.0;

/// What is on the light box, with the places of `choice` painted over, and whether a model made any of it.
///
/// # Errors
/// When a place cannot be painted over.
pub fn snapshot(app: &App, choice: &Choice) -> fluoro_core::Result<(Canvas, Made)> {
    let panes = app.light_box.panes();
    let [width, height] = app.light_box.viewport.unwrap_or(USUAL);
    let columns = if panes.len() > 1 { 2 } else { 1 };
    let rows = panes.len().div_ceil(columns);
    let gap = 2;
    let foot = FOOT as usize;
    let size = [columns * width + (columns - 1) * gap, rows * height + (rows - 1) * gap + foot];
    let mut canvas = Canvas::new(size[0] as u32, size[1] as u32, colour::BACKGROUND);
    let font = Font::inter()?;
    let film = app.film.as_ref().filter(|_| !choice.painted().is_empty());
    let film = film.map(|film| choice.pixels(&film.view.radiograph)).transpose()?;
    let mut is_made = false;
    for (index, &pane) in panes.iter().enumerate() {
        let (x, y) = ((index % columns) * (width + gap), (index / columns) * (height + gap));
        let area = Area { x: x as u32, y: y as u32, width: width as u32, height: height as u32 };
        let overlay = app.light_box.has_overlay() && pane::lies_on(app, pane);
        let painted = Painted { film: film.as_ref(), choice };
        let Some(drawn) = draw(app, area, pane, overlay, &painted)? else { continue };
        let wipe = app.light_box.kept.wipe;
        let left = if wipe::is_on(app, pane) { draw(app, area, wipe.with, false, &painted)? } else { None };
        let column = left.as_ref().map_or(0, |_| wipe_column(wipe.at, width));
        canvas.paint(area, |x, y| {
            let pixels = left.as_ref().filter(|_| (x as usize) < column).unwrap_or(&drawn);
            let at = (y as usize * width + x as usize) * 4;
            ([pixels[at], pixels[at + 1], pixels[at + 2]], 1.0)
        });
        is_made |= pane.is_made() || overlay;
        words(app, &mut canvas, area, pane, &font);
        if left.is_some() {
            line(app, &mut canvas, area, column as u32, &font);
        }
    }
    let below = (size[1] - 9) as f32;
    let mark = if is_made { MARK } else { "not for diagnosis" };
    canvas.text(&font, SMALL, ROOM, below, colour::SECONDARY, mark);
    canvas.text_right(&font, SMALL, size[0] as f32 - ROOM, below, colour::SECONDARY, SOFTWARE);
    Ok((canvas, if is_made { Made::ByModel } else { Made::ByXray }))
}

/// What is painted over in what leaves.
struct Painted<'a> {
    /// The film with it; none where nothing is.
    film: Option<&'a Plane>,
    choice: &'a Choice,
}

/// A viewport's pixels, RGBA; none when it shows nothing.
fn draw(
    app: &App,
    area: Area,
    pane: Pane,
    overlay: bool,
    &Painted { film, choice }: &Painted<'_>,
) -> fluoro_core::Result<Option<Vec<u8>>> {
    let Some(content) = app.content(pane, overlay) else { return Ok(None) };
    let is_painted = !choice.painted().is_empty();
    let is_film = matches!(content.film.pixels, Pixels::Film(_));
    // The film beside is another film, of which nobody was asked: what looks like words in it does not leave.
    let painted = match (pane, film, &app.film) {
        (Pane::Prior, ..) => match &content.film.pixels {
            Pixels::Film(prior) if !prior.is_phantom() => {
                let found = burned_in::find(prior);
                (!found.is_empty()).then(|| burned_in::paint_over(&prior.pixels, &found)).transpose()?
            }
            _ => None,
        },
        (_, _, Some(open)) if is_painted && !is_film => {
            content.film.pixels.plane().map(|plane| choice.on_frame(plane, &open.extent)).transpose()?
        }
        (_, Some(film), _) if is_painted => Some(film.clone()),
        _ => None,
    };
    let pixels = [area.width as usize, area.height as usize];
    let transform = pane::transform(app, pixels, false);
    let Some(mut view) = content.view(transform, rgb(app.look.colour.light_box)) else { return Ok(None) };
    if let Some(plane) = &painted {
        view.film = Placed { plane, pyramid: None, extent: content.film.extent };
    }
    Ok(Some(view.draw(pixels[0], pixels[1])))
}

/// The line between the two pictures of a viewport, with what is on each side of it.
fn line(app: &App, canvas: &mut Canvas, area: Area, column: u32, font: &Font<'_>) {
    let column = column.min(area.width.saturating_sub(1));
    canvas.paint(Area { x: area.x + column, width: 1, ..area }, |_, _| (colour::TEXT, 1.0));
    let y = (area.y + area.height) as f32 - ROOM;
    let x = (area.x + column) as f32;
    let wipe = app.light_box.kept.wipe;
    canvas.text_right(font, SMALL, x - ROOM, y, colour::TEXT, wipe.with.name());
    canvas.text(font, SMALL, x + ROOM, y, colour::TEXT, wipe::right_name(app));
}

/// Words in the corners.
fn words(app: &App, canvas: &mut Canvas, area: Area, pane: Pane, font: &Font<'_>) {
    let (left, right) = (area.x as f32 + ROOM, (area.x + area.width) as f32 - ROOM);
    let room = right - left;
    let mut line = |x: f32, y: f32, is_right: bool, size: f32, words: &str| {
        let words = font.elide(words, size, room);
        let x = if is_right { x - font.width(&words, size) } else { x };
        for (dx, dy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
            canvas.text(font, size, x + dx, y + dy, colour::HALO, &words);
        }
        canvas.text(font, size, x, y, colour::TEXT, &words);
    };
    let top = area.y as f32 + ROOM + WORDS;
    line(left, top, false, WORDS, pane.name());
    let second = match pane {
        Pane::Counterfactual | Pane::Reconstruction => "made by a model, not for diagnosis".to_owned(),
        Pane::Difference => "after − before, over the film".to_owned(),
        Pane::Prior => corners::prior_words(app).first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    line(left, top + SMALL + 5.0, false, SMALL, &second);
    if let Some(turned) = app.light_box.kept.turn.words() {
        line(right, top, true, WORDS, turned);
    }
    if pane == Pane::Counterfactual && !app.light_box.before {
        let lines = corners::change_lines(app);
        let bottom = (area.y + area.height) as f32 - ROOM;
        for (index, (words, _)) in lines.iter().rev().enumerate() {
            line(right, bottom - index as f32 * (SMALL + 5.0), true, SMALL, words);
        }
    }
}
