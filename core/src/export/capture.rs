//! What a Secondary Capture of an edit or a shift shows: the film, the film as a model drew it, and where it changed.
//!
//! Enter the film at its own pixels, the frames at the model's, and words; leave colour pictures, or the DICOM file of them.
//! The change lies over the film's own pixels, so that anatomy stays sharp. Every picture says, in its pixels, that a model
//! made it; one of a shift has a picture for each frame, all with one scale of colours.

use rayon::prelude::*;

use super::secondary_capture::{About, secondary_capture};
use super::{MARK, SOFTWARE};
use crate::difference::{percentile, signed};
use crate::display::Extent;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::radiograph::Origin;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Heat, Resample, colour, resize};
use crate::segmentation::segment;

use super::job::SHIFT_THRESHOLD;

/// Longer side of a film in a picture: of a single one, and of one among many.
const MOST: [usize; 2] = [1024, 512];
/// Smallest, so that words can be read.
const LEAST: usize = 384;
/// Strength of the colours.
const OPACITY: f32 = 0.75;
/// Least end of the colour scale in grey levels of 2048, as on the light box.
const LEAST_LIMIT: f32 = 40.0;

/// What became of words that were burned into the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurnedIn {
    /// Places that were found.
    pub found: usize,
    /// Those of them that were painted over.
    pub painted: usize,
}

/// How a capture was made, for Derivation Description: bundle, edit or shift in words, and what happened to words in the
/// pixels of the source.
#[must_use]
pub fn derivation(bundle: &str, what: &str, burned_in: BurnedIn) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let BurnedIn { found, painted } = burned_in;
    let words = match (found, painted) {
        (0, _) => "no burned-in words were found in the source".to_owned(),
        (_, 0) => format!("burned-in words or markers of the source are in the pixels, in {found} places"),
        _ => format!("burned-in words or markers of the source: {found} places found, {painted} painted over"),
    };
    format!("{SOFTWARE} {version}, bundle {bundle}: {what}; {words}. {MARK}.")
}

/// A picture that a model made.
#[derive(Clone, Debug)]
pub struct MadeFrame {
    /// Grey levels, -1024 to 1024.
    pub pixels: Plane,
    /// What it is: the edit, or lambda and prediction.
    pub words: String,
}

/// An edit or a shift to be captured.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The film at its own window, 0 (black) to 1 (white).
    pub film: Plane,
    /// Where on the film the model looks.
    pub extent: Extent,
    /// The film as the model gives it back unchanged.
    pub reference: Plane,
    /// One for an edit, all of a shift.
    pub frames: Vec<MadeFrame>,
    /// Time of a frame in milliseconds.
    pub delay_ms: u32,
    /// What was done, with which bundle.
    pub derivation: String,
    /// Whose film it is, where that is to be told.
    pub origin: Option<Origin>,
    /// Whether the film went through a lossy coder.
    pub is_lossy: bool,
    /// Whether words that may be the patient's stay in the pixels.
    pub keeps_words: bool,
}

impl Capture {
    /// The DICOM file.
    ///
    /// # Errors
    /// When there is no frame, sizes differ, or the pictures are too large.
    pub fn dicom(&self) -> Result<Vec<u8>> {
        let about = About {
            derivation: &self.derivation,
            origin: self.origin.as_ref(),
            is_lossy: self.is_lossy,
            delay_ms: self.delay_ms,
            keeps_words: self.keeps_words,
        };
        secondary_capture(&self.pictures()?, &about)
    }

    /// The pictures.
    ///
    /// # Errors
    /// When there is no frame, or frames differ in size.
    pub fn pictures(&self) -> Result<Vec<Canvas>> {
        if self.frames.is_empty() {
            return Err(Error::Invalid("nothing was made that could be captured".into()));
        }
        let maps: Vec<Plane> =
            self.frames.iter().map(|frame| signed(&self.reference, &frame.pixels)).collect::<Result<_>>()?;
        let limit = |map: &Plane| percentile(map.map(f32::abs).data(), 99.5);
        let limit = maps.iter().map(limit).fold(LEAST_LIMIT, f32::max);
        let layout = Layout::new(&self.film, self.frames.len() > 1);
        let font = Font::inter()?;
        let film = resize(&self.film, layout.panel[0] as usize, layout.panel[1] as usize, Resample::Smooth);
        let drawn = self.frames.par_iter().zip(&maps);
        Ok(drawn.map(|(frame, map)| self.picture(&layout, &font, &film, frame, map, limit)).collect())
    }

    fn picture(
        &self,
        layout: &Layout,
        font: &Font<'_>,
        film: &Plane,
        frame: &MadeFrame,
        map: &Plane,
        limit: f32,
    ) -> Canvas {
        let Layout { panel: [wide, tall], unit, .. } = *layout;
        let (width, height) = layout.size();
        let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
        let (words, small) = (13.0 * unit, 11.0 * unit);
        let gap = (8.0 * unit) as u32;
        let placed = |plane: &Plane, outside: f32| {
            let size = [self.film.width(), self.film.height()];
            placed(plane, self.extent, size, [wide as usize, tall as usize], outside)
        };
        let areas = [0, 1, 2].map(|i| Area { x: gap + i * (wide + gap), y: layout.top, width: wide, height: tall });
        for (area, title) in areas.iter().zip(["original", "made by a model", "change over the original"]) {
            canvas.text(font, words, area.x as f32, layout.top as f32 - 8.0 * unit, colour::TEXT, title);
        }
        canvas.grey(film, areas[0], [0.0, 1.0], Resample::Nearest);
        canvas.grey(&placed(&frame.pixels, GREY_LEVELS[0]), areas[1], GREY_LEVELS, Resample::Nearest);
        canvas.grey(film, areas[2], [0.0, 1.0], Resample::Nearest);
        let change = placed(map, 0.0);
        let beyond = map.min_max().1.max(-map.min_max().0) > limit;
        let heat = Heat { limit, beyond, signed: true, opacity: OPACITY };
        canvas.heat(&change, areas[2], heat);
        let changed = segment(&change.map(f32::abs), SHIFT_THRESHOLD);
        canvas.outline(&changed.outline(), (changed.width, changed.height), areas[2], 1.5 * unit);
        // In the pixels of both pictures, so that the mark stays when one is cut out.
        for area in &areas[1..] {
            let (x, y) = (area.x as f32 + 6.0 * unit, (area.y + area.height) as f32 - 8.0 * unit);
            for (dx, dy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
                canvas.text(font, small, x + dx * unit, y + dy * unit, colour::HALO, NOTICE);
            }
            canvas.text(font, small, x, y, colour::TEXT, NOTICE);
        }
        let below = (layout.top + tall) as f32;
        let left = areas[0].x as f32;
        let room = (2 * wide + gap) as f32;
        canvas.text(font, words, left, below + 20.0 * unit, colour::TEXT, &font.elide(&frame.words, words, room));
        let foot = format!("{MARK}  ·  {SOFTWARE} {}", env!("CARGO_PKG_VERSION"));
        canvas.text(font, small, left, below + 38.0 * unit, colour::SECONDARY, &font.elide(&foot, small, room));
        let bar = Area {
            x: areas[2].x,
            y: layout.top + tall + (8.0 * unit) as u32,
            width: wide,
            height: (6.0 * unit) as u32,
        };
        canvas.colour_bar(bar, Heat { opacity: 1.0, ..heat }, font, small, "grey levels of 2048");
        canvas
    }
}

/// The mark in the pixels of every made picture.
const NOTICE: &str = "NOT FOR DIAGNOSIS: made by a model";

/// Sizes of a picture's parts in pixels.
struct Layout {
    panel: [u32; 2],
    top: u32,
    /// What a step of the design is here.
    unit: f32,
}

impl Layout {
    fn new(film: &Plane, is_moving: bool) -> Self {
        let longer = film.width().max(film.height());
        let wanted = longer.clamp(LEAST, MOST[usize::from(is_moving)]);
        let side = |length: usize| ((length * wanted).div_ceil(longer)).clamp(1, wanted) as u32;
        let panel = [side(film.width()), side(film.height())];
        let unit = (wanted as f32 / 512.0).max(1.0);
        Self { panel, top: (28.0 * unit) as u32, unit }
    }

    fn size(&self) -> (u32, u32) {
        let gap = (8.0 * self.unit) as u32;
        (3 * self.panel[0] + 4 * gap, self.top + self.panel[1] + (48.0 * self.unit) as u32)
    }
}

/// A plane that covers `extent` of a film of some size, at the pixels of a panel that shows the whole film; what lies
/// beyond the plane is `outside`.
fn placed(plane: &Plane, extent: Extent, film: [usize; 2], panel: [usize; 2], outside: f32) -> Plane {
    let along = |i: usize, axis: usize, start: f32, length: f32, samples: usize| {
        let place = (i as f32 + 0.5) * film[axis] as f32 / panel[axis] as f32;
        let sample = (place - start) / length.max(f32::MIN_POSITIVE) * samples as f32;
        (0.0..samples as f32).contains(&sample).then_some(sample - 0.5)
    };
    let columns: Vec<_> = (0..panel[0]).map(|x| along(x, 0, extent.x, extent.width, plane.width())).collect();
    let rows: Vec<_> = (0..panel[1]).map(|y| along(y, 1, extent.y, extent.height, plane.height())).collect();
    Plane::from_fn(panel[0], panel[1], |x, y| {
        let (Some(column), Some(row)) = (columns[x], rows[y]) else { return outside };
        let (left, top) = (column.max(0.0) as usize, row.max(0.0) as usize);
        let (part_x, part_y) = ((column.max(0.0)).fract(), (row.max(0.0)).fract());
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let upper = mix(plane.get(left, top), plane.get(left + 1, top), part_x);
        let lower = mix(plane.get(left, top + 1), plane.get(left + 1, top + 1), part_x);
        mix(upper, lower, part_y)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(frames: usize) -> Capture {
        let film = Plane::from_fn(600, 400, |x, _| x as f32 / 600.0);
        let reference = Plane::filled(64, 64, -200.0);
        let frame = |i: usize| {
            let inside = move |x: usize, y: usize| (16..32).contains(&x) && (16..32).contains(&y);
            let pixels = Plane::from_fn(64, 64, |x, y| if inside(x, y) { 100.0 * i as f32 } else { -200.0 });
            MadeFrame { pixels, words: format!("frame {i}") }
        };
        Capture {
            film,
            extent: Extent { x: 100.0, y: 0.0, width: 400.0, height: 400.0 },
            reference,
            frames: (0..frames).map(|i| frame(i + 3)).collect(),
            delay_ms: 80,
            derivation: "a test".into(),
            origin: None,
            is_lossy: false,
            keeps_words: false,
        }
    }

    #[test]
    fn the_change_lies_where_the_model_looked_and_the_film_stays_sharp() {
        let one = capture(1);
        let canvas = &one.pictures().unwrap()[0];
        let layout = Layout::new(&one.film, false);
        assert_eq!((canvas.width(), canvas.height()), layout.size());
        let rgba = canvas.rgba();
        let pixel = |panel: u32, x: u32, y: u32| {
            let gap = (8.0 * layout.unit) as u32;
            let at = ((layout.top + y) * canvas.width() + gap + panel * (layout.panel[0] + gap) + x) as usize * 4;
            [rgba[at], rgba[at + 1], rgba[at + 2]]
        };
        // Film pixel 300, 150 is in the changed square (200..300 x 100..200 of the film is 16..32 of the model's 64).
        let changed = pixel(2, 250, 150);
        assert!(changed[0] > changed[2], "orange where it became brighter: {changed:?}");
        let same = pixel(2, 450, 50);
        assert_eq!(same, pixel(0, 450, 50), "elsewhere the film as it is");
        assert_eq!(pixel(1, 20, 50), [0; 3], "beyond what the model saw nothing was made");
        assert_ne!(canvas.rgb(), capture(2).pictures().unwrap()[1].rgb());
    }

    #[test]
    fn a_shift_has_a_picture_for_each_frame_and_nothing_is_an_error() {
        let pictures = capture(3).pictures().unwrap();
        assert_eq!(pictures.len(), 3);
        assert!(pictures.iter().all(|picture| picture.width() == pictures[0].width()));
        assert!(capture(0).pictures().is_err());
        assert!(capture(2).dicom().unwrap().len() > 1000);
    }
}
