//! A shift on one page: original, reconstruction, both ends, and where it changed.
//!
//! Enter five planes, a segmentation and their numbers; leaves a canvas or a PNG. The order is that of figure 3 of
//! SAE-Rad (Abdulaal et al. 2024).

use super::moving::two_digits;
use super::{MARK, Made, SOFTWARE, canvas_png};
use crate::error::Result;
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Heat, Resample, colour};
use crate::segmentation::Segmentation;

/// What stands on a sheet. Build it with [`Sheet::new`] and set what differs.
#[derive(Clone, Debug)]
pub struct Sheet<'a> {
    /// The film as the model gets it, -1024 to 1024.
    pub original: &'a Plane,
    /// The film as the model gives it back.
    pub reconstruction: &'a Plane,
    /// The frame with less of it.
    pub minus: &'a Plane,
    /// The frame with more of it.
    pub plus: &'a Plane,
    /// The difference map, signed or absolute, of the same framing as the original.
    pub map: &'a Plane,
    /// The map's segmentation.
    pub segmentation: &'a Segmentation,
    /// What the sheet shows, in the corner: the target.
    pub heading: &'a str,
    /// How it was made, beside the heading: film, bundle, preset.
    pub caption: &'a str,
    /// Above each panel.
    pub titles: [&'a str; 5],
    /// What is predicted, under the first four panels.
    pub label: &'a str,
    /// The predictions (0 to 1) of the first four panels; none leaves the place empty.
    pub predictions: [Option<f32>; 4],
    /// A small line under each of the first four panels, such as "SSIM 0.91" or "λ −80".
    pub notes: [&'a str; 4],
    /// The unit of the map.
    pub unit: &'a str,
    /// Size of everything, at least 1. Panels are 224 times this wide.
    pub scale: u32,
}

const MARGIN: u32 = 16;
const GAP: u32 = 8;
const PANEL: u32 = 224;
/// Tops and baselines, in steps of 4 from the top edge of the sheet.
const HEADING: u32 = 28;
const TITLE: u32 = 60;
const FILMS: u32 = 68;
const NUMBERS: u32 = FILMS + PANEL + 20;
const BARS: u32 = FILMS + PANEL + 28;
const FOOT: u32 = BARS + 52;

impl<'a> Sheet<'a> {
    /// A sheet with the usual titles, without numbers.
    #[must_use]
    pub fn new(
        [original, reconstruction, minus, plus]: [&'a Plane; 4],
        map: &'a Plane,
        segmentation: &'a Segmentation,
        label: &'a str,
    ) -> Self {
        Self {
            original,
            reconstruction,
            minus,
            plus,
            map,
            segmentation,
            heading: label,
            caption: "",
            titles: ["Original", "Reconstruction", "Less", "More", "What changed"],
            label,
            predictions: [None; 4],
            notes: [""; 4],
            unit: "grey levels",
            scale: 2,
        }
    }

    /// The sheet as a PNG, marked as made by a model.
    ///
    /// # Errors
    /// When the scale makes it too large.
    pub fn png(&self) -> Result<Vec<u8>> {
        canvas_png(&self.draw()?, Made::ByModel)
    }

    /// Draws the sheet. Panels keep the proportions of their planes.
    ///
    /// # Errors
    /// When the font inside the program is broken.
    pub fn draw(&self) -> Result<Canvas> {
        let font = Font::inter()?;
        let scale = self.scale.clamp(1, 16);
        let px = |units: u32| units * scale;
        let (heading, words, small) = (15.0 * scale as f32, 13.0 * scale as f32, 11.0 * scale as f32);
        let (width, height) = (px(2 * MARGIN + 5 * PANEL + 4 * GAP), px(FOOT + 12));
        let (left, right) = (px(MARGIN) as f32, (width - px(MARGIN)) as f32);
        let mut canvas = Canvas::new(width, height, colour::BACKGROUND);

        canvas.text(&font, heading, left, px(HEADING) as f32, colour::TEXT, self.heading);
        let room = right - left - font.width(self.heading, heading) - px(2 * GAP) as f32;
        let caption = font.elide(self.caption, small, room);
        canvas.text_right(&font, small, right, px(HEADING) as f32, colour::SECONDARY, &caption);

        let films = [self.original, self.reconstruction, self.minus, self.plus, self.original];
        for (i, film) in films.into_iter().enumerate() {
            let x = px(MARGIN + i as u32 * (PANEL + GAP));
            canvas.text(&font, words, x as f32, px(TITLE) as f32, colour::TEXT, self.titles[i]);
            let panel = Area { x, y: px(FILMS), width: px(PANEL), height: px(PANEL) };
            let area = panel.fit(film.width(), film.height());
            canvas.grey(film, area, GREY_LEVELS, Resample::Smooth);
            let below = Area { x, y: px(BARS), width: px(PANEL), height: px(4) };
            let end = (x + px(PANEL)) as f32;
            if i < 4 {
                self.film_numbers(&mut canvas, &font, i, below, scale);
            } else {
                let heat = Heat::of(self.map, 0.7);
                canvas.heat(self.map, area, heat);
                let size = (self.segmentation.width, self.segmentation.height);
                canvas.outline(&self.segmentation.outline(), size, area, 1.5 * scale as f32);
                let (share, regions) = segmentation_words(self.segmentation);
                canvas.text(&font, small, x as f32, px(NUMBERS) as f32, colour::SECONDARY, &regions);
                canvas.text_right(&font, small, end, px(NUMBERS) as f32, colour::TEXT, &share);
                canvas.colour_bar(below, Heat { opacity: 1.0, ..heat }, &font, small, self.unit);
            }
        }
        canvas.text(&font, small, left, px(FOOT) as f32, colour::SECONDARY, MARK);
        canvas.text_right(&font, small, right, px(FOOT) as f32, colour::SECONDARY, SOFTWARE);
        Ok(canvas)
    }

    /// What stands above and under one of the first four panels; `bar` is the place of its prediction bar.
    fn film_numbers(&self, canvas: &mut Canvas, font: &Font, panel: usize, bar: Area, scale: u32) {
        let small = 11.0 * scale as f32;
        let (x, end) = (bar.x as f32, (bar.x + bar.width) as f32);
        if panel > 0 {
            canvas.text_right(font, small, end, (TITLE * scale) as f32, colour::SECONDARY, "made by a model");
        }
        let baseline = (NUMBERS * scale) as f32;
        if let Some(prediction) = self.predictions[panel] {
            let number = two_digits(prediction);
            let room = bar.width as f32 - font.width(&number, small) - (8 * scale) as f32;
            canvas.text(font, small, x, baseline, colour::SECONDARY, &font.elide(self.label, small, room));
            canvas.text_right(font, small, end, baseline, colour::TEXT, &number);
            canvas.bar(bar, prediction, self.predictions[1]);
        }
        let note = font.elide(self.notes[panel], small, bar.width as f32);
        canvas.text(font, small, x, (bar.y + bar.height) as f32 + small * 1.25, colour::SECONDARY, &note);
    }
}

/// Share of the film and number of regions, in words.
fn segmentation_words(segmentation: &Segmentation) -> (String, String) {
    let percent = segmentation.area_fraction * 100.0;
    let share = if percent > 0.0 && percent < 0.1 { "< 0.1".into() } else { format!("{percent:.1}") };
    let regions = match segmentation.boxes.len() {
        0 => "no region".into(),
        1 => "1 region".into(),
        n => format!("{n} regions"),
    };
    (format!("{share} % of the film"), regions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmentation::{Threshold, segment};

    #[test]
    fn a_sheet_shows_each_film_in_its_place() {
        let films = [-1024.0, -512.0, 0.0, 512.0].map(|v| Plane::filled(32, 32, v));
        let map = Plane::from_fn(32, 32, |x, y| if (8..16).contains(&x) && y > 20 { 300.0 } else { 0.0 });
        let found = segment(&map, Threshold::Otsu);
        let mut sheet = Sheet::new([&films[0], &films[1], &films[2], &films[3]], &map, &found, "Mass");
        sheet.scale = 1;
        sheet.predictions = [Some(0.1), Some(0.2), Some(0.0), Some(f32::NAN)];
        let canvas = sheet.draw().unwrap();
        let at = |x: u32, y: u32| canvas.rgb()[((y * canvas.width() + x) * 3) as usize..][..3].to_vec();
        let middles: Vec<u8> = (0..4).map(|i| at(MARGIN + i * (PANEL + GAP) + 112, FILMS + 40)[0]).collect();
        assert_eq!(middles, [0, 64, 128, 191]);
        let changed = at(MARGIN + 4 * (PANEL + GAP) + 84, FILMS + 190);
        assert!(changed[0] > changed[1] && changed[2] > changed[1], "violet: {changed:?}");
        assert_eq!(at(2, 2), colour::BACKGROUND.to_vec());
        assert_eq!(sheet.png().unwrap(), sheet.png().unwrap());
        let back = image::load_from_memory(&sheet.png().unwrap()).unwrap();
        assert_eq!((back.width(), back.height()), (canvas.width(), canvas.height()));
    }

    #[test]
    fn words_for_small_and_empty_segmentations() {
        let none = segment(&Plane::filled(9, 9, 0.0), Threshold::Otsu);
        assert_eq!(segmentation_words(&none), ("0.0 % of the film".into(), "no region".into()));
        let mut small = none;
        small.area_fraction = 1e-4;
        assert_eq!(segmentation_words(&small).0, "< 0.1 % of the film");
    }
}
