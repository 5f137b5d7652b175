//! A feature's contact sheet: its strongest films, films at every level of activation, and its numbers.
//!
//! Enter pictures and numbers; leaves a PNG. The order is that of SAEDashboard: the top films, then ten groups of five
//! from strong to weak.

use crate::error::Result;
use crate::export::{Made, SOFTWARE, canvas_png};
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Heat, Resample, colour};
use crate::segmentation::{Threshold, segment};

/// What stands on the sheet.
#[derive(Clone, Debug, Default)]
pub struct FeatureSheet {
    /// Number and label of the feature.
    pub heading: String,
    /// Store, bundle and films that it is of.
    pub caption: String,
    /// Name and value of its numbers, in order.
    pub facts: Vec<(String, String)>,
    /// Films in equal bins of their activation, from 0 to `max`; silent films are not in it.
    pub histogram: Vec<u32>,
    /// Strongest activation.
    pub max: f32,
    /// The strongest films, strongest first.
    pub top: Vec<SheetFilm>,
    /// Groups from strong to weak, with what stands above each.
    pub groups: Vec<(String, Vec<SheetFilm>)>,
    /// What the top films have in common.
    pub profile: Vec<ProfileBar>,
    /// Features that fire with it, in words.
    pub neighbours: Vec<String>,
}

/// A film of the sheet.
#[derive(Clone, Debug)]
pub struct SheetFilm {
    /// The film, -1024 to 1024; none where it cannot be read.
    pub picture: Option<Plane>,
    /// Where the feature fires on it, where the latent has positions; of the picture's framing.
    pub places: Option<Plane>,
    /// Film activation.
    pub value: f32,
}

/// A column's share among the top films and among all.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileBar {
    /// Column.
    pub column: String,
    /// Share among the top films, 0 to 1.
    pub top: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// Share among all films.
    pub base: f64,
}

const MARGIN: u32 = 24;
const GAP: u32 = 8;
const HEAD: u32 = 72;
/// Films of the top, and in a row of it.
const TOP: usize = 20;
const COLUMNS: u32 = 5;
const LARGE: u32 = 208;
/// Room for the value below a film.
const BELOW: u32 = 20;
const SIDE: u32 = 440;
const SMALL: u32 = 142;
const IN_A_GROUP: usize = 5;
const GROUPS: usize = 10;
const HISTOGRAM: u32 = 120;
const FOOT: u32 = 40;
const BIG_TEXT: f32 = 20.0;
const TEXT: f32 = 14.0;
const SMALL_TEXT: f32 = 13.0;
/// Rows of the profile at most.
const MOST_BARS: usize = 10;
/// Heat over a film.
const OPACITY: f32 = 0.35;
/// The outline runs where the feature has half of its strength there.
const OUTLINED: f32 = 0.5;

impl FeatureSheet {
    /// The sheet as a PNG.
    ///
    /// # Errors
    /// When the font inside the program is broken.
    pub fn png(&self) -> Result<Vec<u8>> {
        let font = Font::inter()?;
        let top_rows = (self.top.len().min(TOP) as u32).div_ceil(COLUMNS).max(1);
        let left = COLUMNS * LARGE + (COLUMNS - 1) * GAP;
        let width = 2 * MARGIN + left + 3 * GAP + SIDE;
        let top_height = (top_rows * (LARGE + BELOW + GAP)).max(720);
        let groups_height = if self.groups.is_empty() { 0 } else { 48 + IN_A_GROUP as u32 * (SMALL + 4) };
        let height = HEAD + top_height + groups_height + FOOT;
        let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
        let (x, right) = (MARGIN as f32, (width - MARGIN) as f32);
        canvas.text(&font, BIG_TEXT, x, 36.0, colour::TEXT, &self.heading);
        let room = right - x - font.width(&self.heading, BIG_TEXT) - 32.0;
        canvas.text_right(&font, TEXT, right, 36.0, colour::SECONDARY, &font.elide(&self.caption, TEXT, room));
        canvas.text(
            &font,
            TEXT,
            x,
            (HEAD - 12) as f32,
            colour::SECONDARY,
            "strongest films, with the activation of each",
        );
        for (index, film) in self.top.iter().take(TOP).enumerate() {
            let (column, row) = (index as u32 % COLUMNS, index as u32 / COLUMNS);
            let area = Area {
                x: MARGIN + column * (LARGE + GAP),
                y: HEAD + row * (LARGE + BELOW + GAP),
                width: LARGE,
                height: LARGE,
            };
            draw(&mut canvas, &font, film, area, true);
        }
        self.numbers(&mut canvas, &font, Area { x: MARGIN + left + 3 * GAP, y: HEAD, width: SIDE, height: top_height });
        self.draw_groups(&mut canvas, &font, HEAD + top_height);
        let foot = (height - 14) as f32;
        canvas.text(&font, SMALL_TEXT, x, foot, colour::SECONDARY, "not for diagnosis");
        canvas.text_right(&font, SMALL_TEXT, right, foot, colour::SECONDARY, SOFTWARE);
        canvas_png(&canvas, Made::ByXray)
    }

    fn numbers(&self, canvas: &mut Canvas, font: &Font, area: Area) {
        let (x, end) = (area.x as f32, (area.x + area.width) as f32);
        let mut y = area.y as f32 + 12.0;
        for (name, value) in &self.facts {
            canvas.text(font, TEXT, x, y, colour::SECONDARY, name);
            let room = end - x - font.width(name, TEXT) - 16.0;
            canvas.text_right(font, TEXT, end, y, colour::TEXT, &font.elide(value, TEXT, room));
            y += 24.0;
        }
        if self.histogram.iter().any(|&count| count > 0) {
            y += 16.0;
            canvas.text(font, TEXT, x, y, colour::SECONDARY, "films by activation");
            y += 12.0;
            let plot = Area { y: y as u32, height: HISTOGRAM, ..area };
            self.draw_histogram(canvas, font, plot);
            y += HISTOGRAM as f32 + 44.0;
        }
        if !self.profile.is_empty() {
            canvas.text(font, TEXT, x, y, colour::SECONDARY, "share among the top films (bar), all films (line)");
            y += 12.0;
            for bar in self.profile.iter().take(MOST_BARS) {
                y = draw_bar(canvas, font, bar, Area { y: y as u32, ..area });
            }
            y += 28.0;
        }
        if !self.neighbours.is_empty() {
            canvas.text(font, TEXT, x, y, colour::SECONDARY, "fires together with");
            for words in &self.neighbours {
                y += 22.0;
                if y < (area.y + area.height) as f32 {
                    canvas.text(font, TEXT, x, y, colour::TEXT, &font.elide(words, TEXT, area.width as f32));
                }
            }
        }
    }

    /// Bars on a scale of the root of their counts, so that a single strong film is still seen.
    fn draw_histogram(&self, canvas: &mut Canvas, font: &Font, plot: Area) {
        let most = self.histogram.iter().copied().max().unwrap_or(1).max(1);
        let bins = self.histogram.len().max(1) as u32;
        for (bin, &count) in self.histogram.iter().enumerate() {
            let (from, to) = (bin as u32 * plot.width / bins, (bin as u32 + 1) * plot.width / bins);
            let share = (f64::from(count) / f64::from(most)).sqrt();
            let tall = if count == 0 { 0 } else { ((share * f64::from(plot.height)) as u32).max(2) };
            let bar = Area {
                x: plot.x + from,
                y: plot.y + plot.height - tall,
                width: (to - from).saturating_sub(1).max(1),
                height: tall,
            };
            canvas.fill(bar, colour::ACCENT);
        }
        canvas.fill(Area { y: plot.y + plot.height, height: 1, ..plot }, colour::SECONDARY);
        let base = (plot.y + plot.height) as f32 + 18.0;
        canvas.text(font, SMALL_TEXT, plot.x as f32, base, colour::SECONDARY, "0");
        let end = (plot.x + plot.width) as f32;
        canvas.text_right(font, SMALL_TEXT, end, base, colour::SECONDARY, &shown(self.max));
        let middle = format!("highest bar {most} films, heights by square root");
        let at = plot.x as f32 + (plot.width as f32 - font.width(&middle, SMALL_TEXT)) / 2.0;
        canvas.text(font, SMALL_TEXT, at, base, colour::SECONDARY, &middle);
    }

    fn draw_groups(&self, canvas: &mut Canvas, font: &Font, top: u32) {
        for (column, (title, films)) in self.groups.iter().take(GROUPS).enumerate() {
            let x = MARGIN + column as u32 * (SMALL + GAP + 2);
            canvas.text(
                font,
                SMALL_TEXT,
                x as f32,
                (top + 28) as f32,
                colour::SECONDARY,
                &font.elide(title, SMALL_TEXT, SMALL as f32),
            );
            for (row, film) in films.iter().take(IN_A_GROUP).enumerate() {
                let area = Area { x, y: top + 40 + row as u32 * (SMALL + 4), width: SMALL, height: SMALL };
                draw(canvas, font, film, area, false);
            }
        }
    }
}

/// An activation as it is printed: three significant digits.
#[must_use]
pub fn shown(value: f32) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 4) };
    format!("{value:.*}", digits as usize)
}

impl SheetFilm {
    /// The film in a square of `side` pixels, four bytes each, with its places as heat and outline; none where it cannot be
    /// read.
    #[must_use]
    pub fn tile(&self, side: u32) -> Option<Vec<u8>> {
        let picture = self.picture.as_ref()?;
        let mut canvas = Canvas::new(side, side, colour::HALO);
        paint(&mut canvas, picture, self.places.as_ref(), Area { x: 0, y: 0, width: side, height: side });
        Some(canvas.rgba().to_vec())
    }
}

fn paint(canvas: &mut Canvas, picture: &Plane, places: Option<&Plane>, area: Area) {
    let place = area.fit(picture.width(), picture.height());
    canvas.grey(picture, place, GREY_LEVELS, Resample::Smooth);
    if let Some(places) = places {
        canvas.heat(places, place, Heat::of(places, OPACITY));
        let most = places.data().iter().copied().fold(0.0_f32, f32::max);
        let found = segment(places, Threshold::Value(most * OUTLINED));
        canvas.outline(&found.outline(), (found.width, found.height), place, 1.5);
    }
}

fn draw(canvas: &mut Canvas, font: &Font, film: &SheetFilm, area: Area, named: bool) {
    canvas.fill(area, colour::HALO);
    match &film.picture {
        Some(picture) => paint(canvas, picture, film.places.as_ref(), area),
        None => {
            let x = area.x as f32 + 8.0;
            canvas.text(font, SMALL_TEXT, x, area.y as f32 + 24.0, colour::SECONDARY, "not readable");
        }
    }
    if named {
        let base = (area.y + area.height + 16) as f32;
        canvas.text(font, SMALL_TEXT, area.x as f32, base, colour::SECONDARY, &shown(film.value));
    }
}

/// One row of the profile; the next row's top is returned.
fn draw_bar(canvas: &mut Canvas, font: &Font, bar: &ProfileBar, area: Area) -> f32 {
    let base = area.y as f32 + 16.0;
    let (x, end) = (area.x as f32, (area.x + area.width) as f32);
    let words = format!("{:.0} % against {:.0} %", 100.0 * bar.top, 100.0 * bar.base);
    canvas.text_right(font, SMALL_TEXT, end, base, colour::TEXT, &words);
    let room = end - x - font.width(&words, SMALL_TEXT) - 12.0;
    canvas.text(font, SMALL_TEXT, x, base, colour::TEXT, &font.elide(&bar.column, SMALL_TEXT, room));
    let at = |share: f64| (share.clamp(0.0, 1.0) * f64::from(area.width)) as u32;
    let y = area.y + 22;
    canvas.fill(Area { y, height: 6, ..area }, colour::HALO);
    canvas.fill(Area { y, height: 6, width: at(bar.top), ..area }, colour::ACCENT);
    let [low, high] = bar.interval;
    let whisker = Area { x: area.x + at(low), y: y + 2, width: at(high).saturating_sub(at(low)).max(1), height: 2 };
    canvas.fill(whisker, colour::TEXT);
    canvas.fill(Area { x: area.x + at(bar.base).min(area.width - 2), y: y - 3, width: 2, height: 12 }, colour::TEXT);
    (y + 14) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_have_three_digits() {
        for (value, words) in [(0.0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (1234.0, "1234")] {
            assert_eq!(shown(value), words);
        }
    }

    #[test]
    fn a_sheet_is_drawn_with_everything_and_with_nothing() {
        let film = SheetFilm {
            picture: Some(Plane::from_fn(32, 24, |x, y| (x * y) as f32)),
            places: Some(Plane::from_fn(32, 24, |x, _| if x > 20 { 1.0 } else { 0.0 })),
            value: 1.5,
        };
        let gone = SheetFilm { picture: None, places: None, value: 0.1 };
        let full = FeatureSheet {
            heading: "feature 3".into(),
            caption: "a store".into(),
            facts: vec![("fires on".into(), "3 % of films".into())],
            histogram: vec![9, 4, 0, 1],
            max: 2.0,
            top: vec![film.clone(), gone],
            groups: vec![("0.1 to 0.2".into(), vec![film])],
            profile: vec![ProfileBar { column: "AP view".into(), top: 0.9, interval: [0.8, 0.95], base: 0.3 }],
            neighbours: vec!["feature 4, 0.3".into()],
        };
        let pictures = [full.png().expect("drawn"), FeatureSheet::default().png().expect("drawn")];
        assert!(pictures.iter().all(|png| png.starts_with(b"\x89PNG")) && pictures[0].len() > pictures[1].len());
    }
}
