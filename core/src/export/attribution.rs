//! Attribution maps of one film side by side, each on its own scale or, of one unit, on a common one.

use crate::attribution::Attribution;
use crate::error::Result;
use crate::export::{Made, SOFTWARE, canvas_png};
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Heat, Resample, colour};

const PANEL: u32 = 448;
const GAP: u32 = 16;
const MARGIN: u32 = 24;
const HEAD: u32 = 84;
/// Above each row of films.
const TITLE: u32 = 36;
const FOOT: u32 = 32;
/// Below each row of films: scale and words.
const BELOW: u32 = 52;
/// Films side by side.
const COLUMNS: u32 = 4;
/// The scale of log-ratios (reproduce-chexnet).
const RATIOS: f32 = 5.0;
/// Strength of the coloured cells over the film (reproduce-chexnet).
const CELL_OPACITY: f32 = 0.3;

/// The film, then each map over it, as a PNG. Maps are drawn relative to their own largest values, since methods have
/// different units; the bar below each says which.
///
/// # Errors
/// When the font inside the program is broken, or there are too many maps for a picture.
pub fn attribution_png(film: &Plane, maps: &[Attribution], score: f32) -> Result<Vec<u8>> {
    let font = Font::inter()?;
    let panels = maps.len() as u32 + 1;
    let columns = panels.min(COLUMNS);
    let rows = panels.div_ceil(COLUMNS);
    let step = PANEL + BELOW + TITLE;
    let (width, height) = (2 * MARGIN + columns * PANEL + (columns - 1) * GAP, HEAD - TITLE + rows * step + FOOT);
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    let label = maps.first().map_or("", |map| &map.label);
    canvas.text(&font, 18.0, MARGIN as f32, 32.0, colour::TEXT, &format!("{label}  {score:.2}"));
    canvas.text_right(
        &font,
        13.0,
        (width - MARGIN) as f32,
        32.0,
        colour::SECONDARY,
        "what the classifier's score rests on",
    );
    let place = |index: u32| Area {
        x: MARGIN + index % COLUMNS * (PANEL + GAP),
        y: HEAD + index / COLUMNS * step,
        width: PANEL,
        height: PANEL,
    };
    let titles = std::iter::once("film").chain(maps.iter().map(|map| map.method));
    for (index, title) in titles.enumerate() {
        let area = place(index as u32);
        canvas.text(&font, 15.0, area.x as f32, (area.y - 12) as f32, colour::TEXT, title);
        canvas.grey(film, area.fit(film.width(), film.height()), GREY_LEVELS, Resample::Smooth);
    }
    for (index, map) in maps.iter().enumerate() {
        let whole = place(index as u32 + 1);
        let area = whole.fit(film.width(), film.height());
        let below = Area { y: whole.y + PANEL + 12, height: 6, ..whole };
        match map.cells.as_ref().filter(|_| map.method == "log-ratio") {
            Some(cells) => {
                draw_cells(&mut canvas, &font, &cells.log_ratios, [cells.width, cells.height], area);
                ratio_bar(&mut canvas, &font, below, "ln(probability of the cell / base rate)");
            }
            None => {
                let heat = Heat::of(&map.map, 0.75);
                canvas.heat(&map.map, area, heat);
                bar(&mut canvas, &font, below, map, heat);
            }
        }
    }
    let foot = (height - 14) as f32;
    canvas.text(&font, 13.0, MARGIN as f32, foot, colour::SECONDARY, "made by a model, not for diagnosis");
    canvas.text_right(&font, 13.0, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByModel)
}

/// The scale of a map whose unit is its method's own.
fn bar(canvas: &mut Canvas, font: &Font, area: Area, map: &Attribution, heat: Heat) {
    if map.is_blank {
        let baseline = (area.y + area.height) as f32 + 12.0;
        canvas.text(
            font,
            13.0,
            area.x as f32,
            baseline,
            colour::SECONDARY,
            "zero everywhere: here, nothing speaks for the label",
        );
        return;
    }
    let whole = Heat { opacity: 1.0, ..heat };
    // In percent, since 0.00003 of a score for a grey level tells nobody anything.
    let unit = if map.is_signed {
        "% of its 99.5th percentile; orange for, blue against"
    } else {
        "% of its 99.5th percentile"
    };
    canvas.colour_bar(area, Heat { limit: 100.0, ..whole }, font, 13.0, unit);
}

/// Cells with their numbers, viridis from -5 to 5, without interpolation: the network has no more places than these.
pub(crate) fn draw_cells(canvas: &mut Canvas, font: &Font, values: &[f32], [width, height]: [usize; 2], area: Area) {
    let (w, h) = (width as u32, height as u32);
    for row in 0..h {
        for column in 0..w {
            let value = values.get((row * w + column) as usize).copied().unwrap_or(f32::NAN);
            let (left, right) = (area.x + column * area.width / w, area.x + (column + 1) * area.width / w);
            let (top, bottom) = (area.y + row * area.height / h, area.y + (row + 1) * area.height / h);
            let cell = Area { x: left, y: top, width: right - left, height: bottom - top };
            let ink = viridis(value);
            canvas.paint(cell, |_, _| (ink, CELL_OPACITY));
            let words = two_significant(value);
            let size = (cell.width as f32 * 0.28).min(15.0);
            let x = left as f32 + (cell.width as f32 - font.width(&words, size)) / 2.0;
            let y = top as f32 + cell.height as f32 / 2.0 + size * 0.36;
            // On a bright film a light number needs a dark edge.
            for (dx, dy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (1.0, 1.0), (-1.0, -1.0)] {
                canvas.text(font, size, x + dx, y + dy, colour::HALO, &words);
            }
            canvas.text(font, size, x, y, colour::TEXT, &words);
        }
    }
}

/// The scale of [`draw_cells`].
pub(crate) fn ratio_bar(canvas: &mut Canvas, font: &Font, area: Area, unit: &str) {
    let most = area.width.saturating_sub(1).max(1) as f32;
    canvas.paint(area, |x, _| (viridis(RATIOS * (2.0 * x as f32 / most - 1.0)), 1.0));
    let baseline = (area.y + area.height) as f32 + 16.0;
    let (left, right) = (area.x as f32, (area.x + area.width) as f32);
    canvas.text(font, 13.0, left, baseline, colour::SECONDARY, "−5");
    canvas.text(font, 13.0, (left + right - font.width(unit, 13.0)) / 2.0, baseline, colour::SECONDARY, unit);
    canvas.text_right(font, 13.0, right, baseline, colour::SECONDARY, "5");
}

/// Colour of a log-ratio.
fn viridis(value: f32) -> colour::Rgb {
    let colorous::Color { r, g, b } =
        colorous::VIRIDIS.eval_continuous(f64::from((value / RATIOS + 1.0) / 2.0).clamp(0.0, 1.0));
    [r, g, b]
}

/// As seaborn's annotations: two significant digits.
fn two_significant(value: f32) -> String {
    let digits = if value == 0.0 { 1 } else { (1 - value.abs().log10().floor() as i32).clamp(0, 3) };
    format!("{value:.0$}", digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Cells;

    fn attribution(method: &'static str, map: Plane, cells: Option<Cells>) -> Attribution {
        let is_blank = map.data().iter().all(|&v| v == 0.0);
        Attribution { method, label: "Mass".into(), map, is_signed: true, ranks_by_value: false, cells, is_blank }
    }

    #[test]
    fn a_picture_has_the_film_and_every_map() {
        let film = Plane::from_fn(32, 32, |x, y| (x * y) as f32 - 500.0);
        let map = Plane::from_fn(32, 32, |x, _| x as f32 - 16.0);
        let cells = Cells {
            width: 2,
            height: 2,
            logits: vec![0.0; 4],
            log_ratios: vec![-5.0, 5.0, 0.0, -0.68],
            base_rate: 0.1,
            base_rate_source: crate::attribution::BaseRate::Bundle,
        };
        let maps = [
            attribution("grad", map.clone(), None),
            attribution("log-ratio", map, Some(cells)),
            attribution("grad", Plane::filled(32, 32, 0.0), None),
        ];
        let png = attribution_png(&film, &maps, 0.7).expect("a picture");
        let back = image::load_from_memory(&png).expect("a PNG").to_rgb8();
        assert_eq!((back.width(), back.height()), (2 * MARGIN + 4 * PANEL + 3 * GAP, HEAD + PANEL + BELOW + FOOT));
        // The cell of the largest ratio is yellow, that of the smallest purple.
        let at = |x: u32, y: u32| back.get_pixel(MARGIN + 2 * (PANEL + GAP) + x, HEAD + y).0;
        let (low, high) = (at(20, 20), at(PANEL - 20, 20));
        assert!(high[1] > high[2] && low[2] > low[1], "{low:?} {high:?}");
    }

    #[test]
    fn numbers_have_two_significant_digits() {
        for (value, words) in
            [(2.24, "2.2"), (-0.087, "-0.087"), (0.46, "0.46"), (-4.31, "-4.3"), (0.0, "0.0"), (12.3, "12")]
        {
            assert_eq!(two_significant(value), words);
        }
    }
}
