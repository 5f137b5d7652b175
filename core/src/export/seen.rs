//! What each part of a bundle sees of a film: the film with the part that is kept, and every input as the network gets it.

use super::{Made, SOFTWARE, canvas_png};
use crate::engine::View;
use crate::error::Result;
use crate::plane::Plane;
use crate::preprocess::SeenRegion;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Resample, colour};

const PANEL: u32 = 448;
const GAP: u32 = 16;
const MARGIN: u32 = 24;
const TOP: u32 = 76;
const FOOT: u32 = 64;

/// A sheet of the film (`unit`: brightness, 0 to 1) and of what `views` make of it, as a PNG. The film's own pixels are not
/// drawn by a model, and the file does not say so.
///
/// # Errors
/// When the font inside the program is broken, or there are too many views for a picture.
pub fn seen_png(name: &str, unit: &Plane, views: &[View]) -> Result<Vec<u8>> {
    let font = Font::inter()?;
    let panels = views.len() as u32 + 1;
    let (width, height) = (2 * MARGIN + panels * PANEL + (panels - 1) * GAP, TOP + PANEL + FOOT);
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    canvas.text(&font, 18.0, MARGIN as f32, 32.0, colour::TEXT, name);
    let place = |index: u32| Area { x: MARGIN + index * (PANEL + GAP), y: TOP, width: PANEL, height: PANEL };
    let title = |canvas: &mut Canvas, area: Area, text: &str| {
        canvas.text(&font, 15.0, area.x as f32, (area.y - 12) as f32, colour::TEXT, text);
    };
    let below = |canvas: &mut Canvas, area: Area, text: &str| {
        let text = font.elide(text, 13.0, area.width as f32);
        canvas.text(&font, 13.0, area.x as f32, (area.y + PANEL + 22) as f32, colour::SECONDARY, &text);
    };
    let whole = place(0);
    title(&mut canvas, whole, "film");
    let film = whole.fit(unit.width(), unit.height());
    canvas.grey(unit, film, [0.0, 1.0], Resample::Smooth);
    below(&mut canvas, whole, &format!("{} x {} pixels", unit.width(), unit.height()));
    for (index, view) in views.iter().enumerate() {
        outline(&mut canvas, film, &view.seen);
        let area = place(index as u32 + 1);
        title(&mut canvas, area, &view.parts.join(", "));
        canvas.grey(&view.input, area, GREY_LEVELS, Resample::Nearest);
        let cut = view.seen.cut().map_or_else(|| "the whole film".to_owned(), |cut| format!("cut off: {cut}"));
        below(&mut canvas, area, &format!("{0} x {0} pixels; {cut}", view.input.width()));
    }
    let foot = (height - 14) as f32;
    canvas.text(&font, 13.0, MARGIN as f32, foot, colour::SECONDARY, "what the model sees; not for diagnosis");
    canvas.text_right(&font, 13.0, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByXray)
}

/// The border of what is seen, and a veil over the rest; nothing where the whole film is seen.
fn outline(canvas: &mut Canvas, film: Area, seen: &SeenRegion) {
    if seen.cut().is_none() {
        return;
    }
    let [width, height] = seen.film.map(|side| side.max(1) as f64);
    let across = |x: f64| (x / width * f64::from(film.width)).round() as u32;
    let down = |y: f64| (y / height * f64::from(film.height)).round() as u32;
    let (left, right) = (across(seen.x), across(seen.x + seen.width));
    let (top, bottom) = (down(seen.y), down(seen.y + seen.height));
    let inside = |x: u32, y: u32| (left..right).contains(&x) && (top..bottom).contains(&y);
    canvas.paint(film, |x, y| (colour::BACKGROUND, if inside(x, y) { 0.0 } else { 0.45 }));
    let rim = |x: u32, y: u32| inside(x, y) && (x < left + 2 || x + 2 >= right || y < top + 2 || y + 2 >= bottom);
    canvas.paint(film, |x, y| (colour::OUTLINE, if rim(x, y) { 1.0 } else { 0.0 }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{Fit, Preprocess};

    #[test]
    fn what_is_cut_off_is_veiled_and_the_rest_is_framed() {
        let film = Plane::filled(400, 200, 1.0);
        let preprocess = Preprocess { size: 64, fit: Fit::CentreCrop, ..Preprocess::default() };
        let view =
            View { parts: vec!["encoder"], input: Plane::filled(64, 64, 1024.0), seen: preprocess.seen(400, 200) };
        let png = seen_png("film.png", &film, &[view]).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (2 * MARGIN + 2 * PANEL + GAP, TOP + PANEL + FOOT));
        let middle = TOP + PANEL / 2;
        let at = |x: u32| picture.get_pixel(MARGIN + x, middle).0;
        // 400 x 200 in a panel of 448: a quarter of the width is cut off on each side.
        assert!(at(20)[0] < 200 && at(224)[0] == 255 && at(440)[0] < 200);
        assert_eq!(at(112), colour::OUTLINE);
        assert!(!png.windows(7).any(|w| w == b"Comment"));
    }
}
