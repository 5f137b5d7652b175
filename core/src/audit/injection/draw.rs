//! A marker onto a film's own pixels. In: a film of any size, depth and polarity. Out: the same film with the marker on it,
//! and the pixels it touches.

use serde::{Deserialize, Serialize};

use super::glyphs::{self, Stamp};
use super::marker::{Marker, Shade};
use crate::difference::percentile;
use crate::error::Result;
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// A rectangle of whole pixels of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelBox {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Pixels in a row; not zero.
    pub width: usize,
    /// Rows; not zero.
    pub height: usize,
}

/// A film with a marker on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The film. Its pixels outside the boxes are untouched; its warnings say what was drawn.
    pub film: Radiograph,
    /// Every pixel that differs lies in one of these; empty where the whole film was changed.
    pub boxes: Vec<PixelBox>,
}

/// The grey levels that ink of a film has, in the units of its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    /// Of shadows and rims.
    black: f32,
    /// Of letters that the console burned in.
    white: f32,
    /// Of lead.
    lead: f32,
    /// Whether all samples are whole numbers, as stored ones are; then drawn ones are too.
    is_whole: bool,
}

impl Levels {
    /// Those of a film. Burned-in letters have the largest value that can be stored. A film that leaves the upper half of its
    /// range empty (12 bits in 16, without a window) would vanish beside that: there it is the film's own largest value, or
    /// the window's white where that is more.
    pub fn of(film: &Radiograph) -> Self {
        let [black, top] = film.range;
        let bright = percentile(film.pixels.data(), 99.5);
        let most = film.pixels.min_max().1;
        let window = film.metadata.windows.first().map_or(most, |window| window.center + window.width / 2.0);
        let white = if bright >= f32::midpoint(black, top) { top } else { most.max(window).min(top) };
        // Lead is brighter than the brightest tissue, by a twentieth of the range on films of NIH ChestX-ray14.
        let lead = (bright + 0.05 * (white - black)).min(white);
        Self { black, white, lead, is_whole: film.pixels.data().iter().all(|v| v.fract() == 0.0) }
    }
}

impl Marker {
    /// The film with the marker drawn on it. Pixels mean brightness (dense is bright) whatever the file's polarity, so a
    /// marker is white on MONOCHROME1 films too. A film of whole numbers stays one.
    ///
    /// # Errors
    /// When the marker's values mean nothing, or it is larger than the film.
    pub fn draw(&self, film: &Radiograph) -> Result<Drawn> {
        self.draw_with(film, &Levels::of(film))
    }

    /// [`Self::draw`] where the film's levels are known.
    pub(super) fn draw_with(&self, film: &Radiograph, levels: &Levels) -> Result<Drawn> {
        self.check()?;
        let size = [film.pixels.width(), film.pixels.height()];
        let mut drawn = Drawn { film: film.clone(), boxes: Vec::new() };
        match self {
            Self::Text(text) => {
                let ink = if text.lettering == super::Lettering::Lead { levels.lead } else { levels.white };
                let stamp = glyphs::words(text, size)?;
                drawn.boxes.extend(press(&mut drawn.film.pixels, &stamp, levels, ink));
            }
            Self::Arrow(spot) => {
                let stamp = glyphs::arrow(spot.x, spot.y, spot.height, size)?;
                drawn.boxes.extend(press(&mut drawn.film.pixels, &stamp, levels, levels.white));
            }
            Self::Border { shade, width } => {
                let value = if *shade == Shade::Black { levels.black } else { levels.white };
                border(&mut drawn.film.pixels, *width, value, levels);
            }
            Self::Inversion => redisplay(&mut drawn.film, |unit| 1.0 - unit, levels),
            Self::Gamma(power) => redisplay(&mut drawn.film, |unit| unit.powf(*power), levels),
            Self::Sigmoid(gain) => {
                let curve = |unit: f32| 1.0 / (1.0 + (-gain * (unit - 0.5)).exp());
                let (low, high) = (curve(0.0), curve(1.0));
                redisplay(&mut drawn.film, |unit| (curve(unit) - low) / (high - low), levels);
            }
        }
        drawn.film.metadata.warnings.push(format!("Fluoro drew a marker onto this film: {self}."));
        Ok(drawn)
    }
}

/// Blends a stamp into the pixels and gives the smallest box of what it touched.
fn press(pixels: &mut Plane, stamp: &Stamp, levels: &Levels, ink: f32) -> Option<PixelBox> {
    let (width, height) = (pixels.width(), pixels.height());
    let data = pixels.data_mut();
    let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
    for row in 0..stamp.ink.height() {
        for column in 0..stamp.ink.width() {
            let (dark, share) = (stamp.dark.get(column, row), stamp.ink.get(column, row));
            let place = (usize::try_from(stamp.left + column as i64), usize::try_from(stamp.top + row as i64));
            let (Ok(x), Ok(y)) = place else { continue };
            // Less than a four-hundredth is less than any film's step.
            if x >= width || y >= height || dark.max(share) < 0.0025 {
                continue;
            }
            let cell = &mut data[y * width + x];
            // Ink makes no film darker: lead lies before the film, and nothing is whiter than white.
            let added = (levels.black.min(*cell) - *cell) * dark + (ink.max(*cell) - *cell) * share;
            *cell = kept(*cell + added, levels);
            (low, high) = ([low[0].min(x), low[1].min(y)], [high[0].max(x), high[1].max(y)]);
        }
    }
    (low[0] <= high[0]).then(|| PixelBox {
        x: low[0],
        y: low[1],
        width: high[0] - low[0] + 1,
        height: high[1] - low[1] + 1,
    })
}

/// A sample as the film could store it.
pub(super) fn kept(value: f32, levels: &Levels) -> f32 {
    if levels.is_whole { value.round() } else { value }
}

/// A frame of one value, its inner edge as soft as a collimator's.
fn border(pixels: &mut Plane, share: f32, value: f32, levels: &Levels) {
    let (width, height) = (pixels.width(), pixels.height());
    let side = width.min(height) as f32;
    // From full to nothing within half a percent of the film, at least a pixel.
    let (reach, soft) = (share * side, (0.005 * side).max(1.0));
    for (y, row) in pixels.data_mut().chunks_exact_mut(width).enumerate() {
        for (x, cell) in row.iter_mut().enumerate() {
            let inward = x.min(y).min(width - 1 - x).min(height - 1 - y) as f32 + 0.5;
            let cover = ((reach - inward) / soft + 0.5).clamp(0.0, 1.0);
            *cell = kept(*cell + (value - *cell) * cover, levels);
        }
    }
}

/// Passes the film as displayed through a curve. The window is then part of the pixels, and all of their range is shown.
fn redisplay(film: &mut Radiograph, curve: impl Fn(f32) -> f32, levels: &Levels) {
    let [low, high] = film.range;
    film.pixels = film.to_unit().map(|unit| kept(low + curve(unit).clamp(0.0, 1.0) * (high - low), levels));
    film.metadata.windows.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::injection::Control;
    use crate::radiograph::{Metadata, VoiFunction, Window};

    /// A film with a bright middle, of a range and depth.
    fn film(range: [f32; 2], top: f32, window: Option<Window>) -> Radiograph {
        let pixels = Plane::from_fn(200, 160, |x, y| {
            let away = ((x as f32 - 100.0).hypot(y as f32 - 80.0) / 90.0).min(1.0);
            (range[0] + (top - range[0]) * (0.1 + 0.8 * (1.0 - away))).round()
        });
        let metadata = Metadata { windows: window.into_iter().collect(), ..Metadata::default() };
        Radiograph { path: "made.png".into(), pixels, range, metadata }
    }

    fn changed(a: &Radiograph, b: &Radiograph) -> Vec<(usize, usize)> {
        let width = a.pixels.width();
        let pairs = a.pixels.data().iter().zip(b.pixels.data()).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(i, _)| (i % width, i / width)).collect()
    }

    #[test]
    fn a_marker_touches_its_box_alone_and_leaves_whole_numbers() {
        let clean = film([0.0, 255.0], 240.0, None);
        for text in ["portable@0.5,0.5:0.05", "portable@0,1/bold", "L/lead", "R@1,0:0.2/ring", "arrow@0.9,0.9:0.2"] {
            let marker: Marker = text.parse().expect(text);
            let drawn = marker.draw(&clean).expect(text);
            let [area] = drawn.boxes[..] else { panic!("{text}: one box") };
            let touched = changed(&clean, &drawn.film);
            let inside = |&(x, y): &(usize, usize)| {
                (area.x..area.x + area.width).contains(&x) && (area.y..area.y + area.height).contains(&y)
            };
            assert!(touched.len() > 20 && touched.iter().all(inside), "{text}: {} pixels", touched.len());
            assert!(area.x + area.width <= 200 && area.y + area.height <= 160, "{text}: {area:?}");
            let data = drawn.film.pixels.data();
            assert!(data.iter().all(|v| v.fract() == 0.0 && (0.0..=255.0).contains(v)), "{text}");
            assert!(drawn.film.metadata.warnings[0].contains("drew a marker"), "{text}");
        }
    }

    #[test]
    fn burned_in_letters_are_white_and_lead_is_as_bright_as_bone() {
        let clean = film([0.0, 4095.0], 3000.0, None);
        let most = |text: &str| {
            let drawn = text.parse::<Marker>().and_then(|marker| marker.draw(&clean)).expect(text);
            let area = drawn.boxes[0];
            let rows = area.y..area.y + area.height;
            let inside = rows.flat_map(|y| (area.x..area.x + area.width).map(move |x| (x, y)));
            inside.map(|(x, y)| drawn.film.pixels.get(x, y)).fold(0.0, f32::max)
        };
        assert_eq!(most("portable@0.5,0.9:0.15/bold"), 4095.0);
        let (lead, bright) = (most("L@0.1,0.2:0.2"), percentile(clean.pixels.data(), 99.5));
        assert!(lead > 0.95 * bright && lead < bright + 0.06 * 4095.0, "{lead} beside {bright}");
    }

    #[test]
    fn a_film_that_leaves_its_range_empty_gets_letters_of_its_own_white() {
        let window = |top: f32| Some(Window { center: top / 2.0, width: top, function: VoiFunction::LinearExact });
        for (window, white) in [(None, 3700.0), (window(5000.0), 5000.0), (window(1000.0), 3700.0)] {
            let clean = film([0.0, 65535.0], 4095.0, window);
            let levels = Levels::of(&clean);
            assert!((levels.white - white).abs() < 60.0, "{levels:?}, not {white}");
        }
    }

    #[test]
    fn curves_keep_black_white_and_the_window() {
        let window = Window { center: 1000.0, width: 1600.0, function: VoiFunction::LinearExact };
        let clean = film([0.0, 4095.0], 2600.0, Some(window));
        let unit = clean.to_unit();
        for (text, curve) in [
            ("inverted", (|v: f32| 1.0 - v) as fn(f32) -> f32),
            ("gamma:2", |v: f32| v * v),
            ("sigmoid:8", |v: f32| {
                let curve = |v: f32| 1.0 / (1.0 + (-8.0 * (v - 0.5)).exp());
                (curve(v) - curve(0.0)) / (curve(1.0) - curve(0.0))
            }),
        ] {
            let drawn = text.parse::<Marker>().and_then(|marker| marker.draw(&clean)).expect(text);
            assert!(drawn.boxes.is_empty());
            let off = drawn
                .film
                .to_unit()
                .data()
                .iter()
                .zip(unit.data())
                .fold(0.0_f32, |m, (a, &b)| m.max((a - curve(b)).abs()));
            assert!(off < 2e-4, "{text}: {off}");
        }
        let black: Marker = "black-border:0.1".parse().expect("a marker");
        let framed = black.draw(&clean).expect("drawn").film.pixels;
        assert_eq!(
            (framed.get(0, 80), framed.get(100, 14), framed.get(100, 80)),
            (0.0, 0.0, clean.pixels.get(100, 80))
        );
        assert_eq!(framed.get(100, 18), clean.pixels.get(100, 18));
    }

    #[test]
    fn controls_fill_the_same_box_with_as_much_ink() {
        let clean = film([0.0, 255.0], 240.0, None);
        let marker: Marker = "portable@0.3,0.2:0.06".parse().expect("a marker");
        let own = marker.draw(&clean).expect("drawn");
        let total = |film: &Radiograph| film.pixels.data().iter().map(|&v| f64::from(v)).sum::<f64>();
        let added = total(&own.film) - total(&clean);
        for seed in 0..5 {
            let words = marker.neutral(seed).expect("words").expect("a text");
            let text = words.to_string();
            assert!(!text.to_uppercase().starts_with("TEXT=PORTABLE") && text.contains("~PORTABLE@"), "{text}");
            let neutral = words.draw(&clean).expect("drawn");
            let [a, b] = [own.boxes[0], neutral.boxes[0]];
            assert!(a.x.abs_diff(b.x) <= 2 && a.width.abs_diff(b.width) <= 4 && a.y.abs_diff(b.y) <= 1, "{a:?} {b:?}");
            let share = (total(&neutral.film) - total(&clean)) / added;
            assert!((0.85..1.15).contains(&share), "{text}: {share}");
            assert_eq!(marker.neutral(seed).expect("words"), Some(words));
        }
        let bar = marker.draw_control(Control::Bar, &clean).expect("drawn").expect("a bar");
        assert_eq!(bar.boxes, own.boxes);
        assert!((total(&bar.film) - total(&own.film)).abs() < 0.6 * (own.boxes[0].width * own.boxes[0].height) as f64);
        let arrow: Marker = "arrow".parse().expect("a marker");
        assert!(arrow.neutral(0).expect("no words").is_none());
        assert!(Marker::Inversion.draw_control(Control::Bar, &clean).expect("no bar").is_none());
    }

    #[test]
    fn a_marker_larger_than_the_film_is_refused() {
        let clean = film([0.0, 255.0], 240.0, None);
        let error = "portable:0.5".parse::<Marker>().and_then(|m| m.draw(&clean)).expect_err("too wide").to_string();
        assert!(error.contains("larger than the film of 200 x 160"), "{error}");
    }
}
