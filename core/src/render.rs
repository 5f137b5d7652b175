//! Drawing for exports, without a window: grey films, heat, outlines, bars and text on an RGBA canvas.
//!
//! Enter planes, outlines and words; leaves 8-bit RGBA pixels. Every colour of an export is named in [`colour`]; the
//! window has its own tokens with the same values. Same input, same pixels.

use crate::difference::percentile;
use crate::error::{Error, Result};
use crate::plane::Plane;
use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _};
use colour::Rgb;

mod resample;

pub(crate) use resample::catmull_rom;
pub use resample::{Resample, resize};

/// Torchxrayvision's grey levels: the range in which films and frames are shown.
pub const GREY_LEVELS: [f32; 2] = [-1024.0, 1024.0];

/// The colours of every export (the dark theme).
pub mod colour {
    /// Red, green, blue in sRGB.
    pub type Rgb = [u8; 3];
    /// Around and between films.
    pub const BACKGROUND: Rgb = [0x08, 0x09, 0x0B];
    /// Behind a value that is not reached: the empty part of a bar.
    pub const LINE: Rgb = [0x27, 0x2C, 0x35];
    /// Words and numbers.
    pub const TEXT: Rgb = [0xE7, 0xEA, 0xEE];
    /// Words beside the matter.
    pub const SECONDARY: Rgb = [0x9A, 0xA3, 0xAF];
    /// The filled part of a bar.
    pub const ACCENT: Rgb = [0x56, 0xB6, 0xC2];
    /// Brighter than before.
    pub const ADDED: Rgb = [0xFF, 0x8A, 0x3D];
    /// Darker than before.
    pub const REMOVED: Rgb = [0x4D, 0xA3, 0xFF];
    /// Changed, when a map does not say in which direction.
    pub const CHANGED: Rgb = [0xD9, 0x8C, 0xFF];
    /// Outline of a segmentation.
    pub const OUTLINE: Rgb = [0xC6, 0xF0, 0x4A];
    /// Around lines and letters that lie on a film.
    pub const HALO: Rgb = [0x00, 0x00, 0x00];
}

/// A rectangle of pixels on a canvas; what lies beyond the canvas is not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Area {
    /// The largest area with the proportions of `width` to `height` that fits inside, centred.
    #[must_use]
    pub fn fit(self, width: usize, height: usize) -> Self {
        let scale = (f64::from(self.width) / width.max(1) as f64).min(f64::from(self.height) / height.max(1) as f64);
        let side = |length: usize, most: u32| ((length as f64 * scale).round() as u32).clamp(1, most.max(1));
        let (w, h) = (side(width, self.width), side(height, self.height));
        let middle = |from: u32, room: u32, length: u32| from + room.saturating_sub(length) / 2;
        Self { x: middle(self.x, self.width, w), y: middle(self.y, self.height, h), width: w, height: h }
    }
}

/// What the strength of a heat overlay stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heat {
    /// The change that is drawn in full strength, in the map's unit; zero draws nothing.
    pub limit: f32,
    /// Whether the map has larger changes than the limit, which the bar then says.
    pub beyond: bool,
    /// Whether the map knows directions: added and removed, else only changed.
    pub signed: bool,
    /// Strength at the limit, 0 to 1.
    pub opacity: f32,
}

impl Heat {
    /// A heat for a map: in full strength for the largest 0.5 % of changes, so that single pixels do not make the rest
    /// pale; signed when the map has negative values.
    #[must_use]
    pub fn of(map: &Plane, opacity: f32) -> Self {
        let (low, high) = map.min_max();
        let most = high.max(-low);
        let limit = match percentile(map.map(f32::abs).data(), 99.5) {
            common if common > 0.0 => common,
            _ => most,
        };
        Self { limit, beyond: limit < most, signed: low < 0.0, opacity }
    }

    /// Colour and strength of one value; nothing is transparent.
    fn shade(&self, value: f32) -> (Rgb, f32) {
        let alpha = if self.limit > 0.0 { (value.abs() / self.limit).min(1.0) * self.opacity } else { 0.0 };
        match (self.signed, value < 0.0) {
            (false, _) => (colour::CHANGED, alpha),
            (true, true) => (colour::REMOVED, alpha),
            (true, false) => (colour::ADDED, alpha),
        }
    }
}

/// Inter Regular (`assets/fonts`, SIL OFL 1.1), the one copy inside the program.
pub(crate) static INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.ttf");

/// A typeface. Sizes are pixels of the em square, as everywhere on screens.
pub struct Font<'a>(FontRef<'a>);

impl Font<'static> {
    /// Inter, which Fluoro carries.
    ///
    /// # Errors
    /// When the font inside the program is broken.
    pub fn inter() -> Result<Self> {
        Self::new(INTER)
    }
}

impl<'a> Font<'a> {
    /// A typeface from the bytes of a TrueType or OpenType file.
    ///
    /// # Errors
    /// When the bytes are not a font.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        FontRef::try_from_slice(bytes).map(Self).map_err(|e| Error::Invalid(format!("not a font: {e}")))
    }

    fn scale(&self, size: f32) -> PxScale {
        PxScale::from(size * self.0.height_unscaled() / self.0.units_per_em().unwrap_or(1000.0))
    }

    /// Width of a text in pixels.
    #[must_use]
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.0.as_scaled(self.scale(size));
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// The text, or its beginning and an ellipsis where it is wider than `most` pixels.
    #[must_use]
    pub fn elide(&self, text: &str, size: f32, most: f32) -> String {
        if self.width(text, size) <= most {
            return text.to_owned();
        }
        let mut short = text.to_owned();
        while short.pop().is_some() && self.width(&short, size) + self.width("…", size) > most {}
        format!("{}…", short.trim_end())
    }

    /// Lines no wider than `most` pixels, broken at spaces; a single word may be wider.
    #[must_use]
    pub fn wrap(&self, text: &str, size: f32, most: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), size) <= most => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

/// Grey value 0 to 255 of a sample, `[lo, hi]` being black and white; what is not a number is black.
#[must_use]
pub fn grey_level(value: f32, [lo, hi]: [f32; 2]) -> u8 {
    ((value - lo) / (hi - lo) * 255.0).round() as u8
}

/// An opaque picture under construction, RGBA row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Canvas {
    /// A canvas of one colour. A side of zero becomes one.
    #[must_use]
    pub fn new(width: u32, height: u32, background: Rgb) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let [r, g, b] = background;
        Self { width, height, rgba: [r, g, b, 255].repeat(width as usize * height as usize) }
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, four bytes each.
    #[must_use]
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// The pixels without alpha, three bytes each.
    #[must_use]
    pub fn rgb(&self) -> Vec<u8> {
        self.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
    }

    /// Lays a colour over one pixel; `alpha` 0 to 1. Beyond the border nothing happens.
    pub fn blend(&mut self, x: i64, y: i64, colour: Rgb, alpha: f32) {
        if alpha <= 0.0 || !(0..i64::from(self.width)).contains(&x) || !(0..i64::from(self.height)).contains(&y) {
            return;
        }
        let at = (y as usize * self.width as usize + x as usize) * 4;
        for (under, over) in self.rgba[at..at + 3].iter_mut().zip(colour) {
            let (u, o) = (f32::from(*under), f32::from(over));
            *under = (u + (o - u) * alpha.min(1.0)).round() as u8;
        }
    }

    /// Fills an area.
    pub fn fill(&mut self, area: Area, colour: Rgb) {
        self.paint(area, |_, _| (colour, 1.0));
    }

    /// Asks for the colour and strength of every pixel of an area.
    pub fn paint(&mut self, area: Area, shade: impl Fn(u32, u32) -> (Rgb, f32)) {
        for y in 0..area.height {
            for x in 0..area.width {
                let (colour, alpha) = shade(x, y);
                self.blend(i64::from(area.x) + i64::from(x), i64::from(area.y) + i64::from(y), colour, alpha);
            }
        }
    }

    /// A film, stretched over the area; `[lo, hi]` are the sample values of black and white.
    pub fn grey(&mut self, plane: &Plane, area: Area, range: [f32; 2], how: Resample) {
        let film = resize(plane, area.width as usize, area.height as usize, how);
        self.paint(area, |x, y| ([grey_level(film.get(x as usize, y as usize), range); 3], 1.0));
    }

    /// A difference map over what is there, stretched over the area; no change is transparent.
    pub fn heat(&mut self, map: &Plane, area: Area, heat: Heat) {
        let map = resize(map, area.width as usize, area.height as usize, Resample::Smooth);
        self.paint(area, |x, y| heat.shade(map.get(x as usize, y as usize)));
    }

    /// Outlines of a segmentation of `size` (width, height), stretched over the area: a line `thick` pixels wide with
    /// a dark halo. The line goes through the middles of the pixel borders, which turns stairs into slopes.
    pub fn outline(&mut self, lines: &[Vec<[f32; 2]>], size: (usize, usize), area: Area, thick: f32) {
        let (sx, sy) = (area.width as f32 / size.0.max(1) as f32, area.height as f32 / size.1.max(1) as f32);
        let place = |[x, y]: [f32; 2]| [area.x as f32 + x * sx, area.y as f32 + y * sy];
        let segments: Vec<[[f32; 2]; 2]> = lines
            .iter()
            .flat_map(|line| {
                let middles = border_middles(line);
                (0..middles.len())
                    .map(|i| [place(middles[i]), place(middles[(i + 1) % middles.len()])])
                    .collect::<Vec<_>>()
            })
            .collect();
        for (reach, colour, strength) in
            [(thick / 2.0 + thick, colour::HALO, 0.55), (thick / 2.0, colour::OUTLINE, 1.0)]
        {
            let mut cover = vec![0.0_f32; self.width as usize * self.height as usize];
            segments.iter().for_each(|s| self.cover_segment(&mut cover, *s, reach));
            for (i, alpha) in cover.into_iter().enumerate().filter(|&(_, a)| a > 0.0) {
                let (x, y) = (i % self.width as usize, i / self.width as usize);
                self.blend(x as i64, y as i64, colour, alpha * strength);
            }
        }
    }

    /// A straight line `thick` pixels wide between two points, `alpha` its strength.
    pub fn line(&mut self, segment: [[f32; 2]; 2], thick: f32, colour: Rgb, alpha: f32) {
        let mut cover = vec![0.0_f32; self.width as usize * self.height as usize];
        self.cover_segment(&mut cover, segment, thick / 2.0);
        for (i, part) in cover.into_iter().enumerate().filter(|&(_, part)| part > 0.0) {
            let (x, y) = (i % self.width as usize, i / self.width as usize);
            self.blend(x as i64, y as i64, colour, part * alpha);
        }
    }

    /// Marks how much of each pixel lies within `reach` of a segment.
    fn cover_segment(&self, cover: &mut [f32], [a, b]: [[f32; 2]; 2], reach: f32) {
        let bounds = |axis: usize, most: u32| {
            let low = (a[axis].min(b[axis]) - reach - 1.0).max(0.0) as u32;
            let high = (a[axis].max(b[axis]) + reach + 1.0).max(0.0) as u32;
            low..high.saturating_add(1).min(most)
        };
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        for y in bounds(1, self.height) {
            for x in bounds(0, self.width) {
                let (px, py) = (x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let away = (px - along * dx).hypot(py - along * dy);
                let at = y as usize * self.width as usize + x as usize;
                cover[at] = cover[at].max((reach + 0.5 - away).clamp(0.0, 1.0));
            }
        }
    }

    /// Words, their left end at `x` and their baseline at `y`.
    pub fn text(&mut self, font: &Font, size: f32, x: f32, y: f32, colour: Rgb, text: &str) {
        let scale = font.scale(size);
        let scaled = font.0.as_scaled(scale);
        let mut pen = x.round();
        for c in text.chars() {
            let id = scaled.glyph_id(c);
            let glyph = id.with_scale_and_position(scale, ab_glyph::point(pen, y.round()));
            pen += scaled.h_advance(id);
            if let Some(shape) = font.0.outline_glyph(glyph) {
                let bounds = shape.px_bounds();
                let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
                shape.draw(|dx, dy, alpha| self.blend(left + i64::from(dx), top + i64::from(dy), colour, alpha));
            }
        }
    }

    /// Words that end at `x`.
    pub fn text_right(&mut self, font: &Font, size: f32, x: f32, y: f32, colour: Rgb, text: &str) {
        self.text(font, size, x - font.width(text, size), y, colour, text);
    }

    /// A bar that is filled from the left to `value` (0 to 1), with a tick at `reference`; not a number leaves it empty.
    pub fn bar(&mut self, area: Area, value: f32, reference: Option<f32>) {
        let length = |v: f32| (v.clamp(0.0, 1.0) * area.width as f32).round() as u32;
        self.fill(area, colour::LINE);
        self.fill(Area { width: length(value), ..area }, colour::ACCENT);
        if let Some(reference) = reference.filter(|r| r.is_finite()) {
            let width = (area.height / 4).max(1);
            let x = area.x + length(reference).saturating_sub(width / 2).min(area.width.saturating_sub(width));
            self.fill(Area { x, width, ..area }, colour::TEXT);
        }
    }

    /// The scale of a heat overlay: colours on the background, the ends of the range below, the unit in the middle.
    pub fn colour_bar(&mut self, area: Area, heat: Heat, font: &Font, size: f32, unit: &str) {
        let (from, span) = if heat.signed { (-heat.limit, 2.0 * heat.limit) } else { (0.0, heat.limit) };
        let most = area.width.saturating_sub(1).max(1) as f32;
        self.paint(area, |x, _| heat.shade(from + span * x as f32 / most));
        let (left, right) = (area.x as f32, (area.x + area.width) as f32);
        let baseline = (area.y + area.height) as f32 + size * 1.25;
        let size_of = if heat.limit < 9.95 { format!("{:.1}", heat.limit) } else { format!("{:.0}", heat.limit) };
        let [below, above] = if heat.beyond { ["≤ ", "≥ "] } else { ["", ""] };
        let low = if heat.signed { format!("{below}−{size_of}") } else { "0".into() };
        self.text(font, size, left, baseline, colour::SECONDARY, &low);
        self.text(font, size, (left + right - font.width(unit, size)) / 2.0, baseline, colour::SECONDARY, unit);
        self.text_right(font, size, right, baseline, colour::SECONDARY, &format!("{above}{size_of}"));
    }
}

/// The middles of the unit edges of a closed line of whole-number corners.
#[must_use]
pub fn border_middles(line: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let edge = |i: usize| (line[i], line[(i + 1) % line.len()]);
    let mut middles = Vec::new();
    for ([ax, ay], [bx, by]) in (0..line.len()).map(edge) {
        let steps = (bx - ax).abs().max((by - ay).abs()).round() as usize;
        let (dx, dy) = ((bx - ax) / steps.max(1) as f32, (by - ay) / steps.max(1) as f32);
        middles.extend((0..steps).map(|s| [ax + dx * (s as f32 + 0.5), ay + dy * (s as f32 + 0.5)]));
    }
    middles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(canvas: &Canvas, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * canvas.width() + x) * 4) as usize;
        [canvas.rgba()[at], canvas.rgba()[at + 1], canvas.rgba()[at + 2]]
    }

    #[test]
    fn grey_maps_the_range_and_clips() {
        let levels: Vec<u8> =
            [-1024.0, 1024.0, 0.0, -5000.0, 9e9, f32::NAN].map(|v| grey_level(v, GREY_LEVELS)).to_vec();
        assert_eq!(levels, [0, 255, 128, 0, 255, 0]);
    }

    #[test]
    fn resize_keeps_flat_and_ramps() {
        let flat = resize(&Plane::filled(7, 5, 3.5), 23, 2, Resample::Smooth);
        assert!(flat.data().iter().all(|v| (v - 3.5).abs() < 1e-5));
        let ramp = Plane::from_fn(16, 3, |x, _| x as f32);
        let double = resize(&ramp, 32, 3, Resample::Smooth);
        for x in 6..26 {
            assert!((double.get(x, 1) - (x as f32 / 2.0 - 0.25)).abs() < 1e-5, "{x}");
        }
        assert_eq!(resize(&ramp, 4, 1, Resample::Nearest).data(), [2.0, 6.0, 10.0, 14.0]);
        let stripes = Plane::from_fn(64, 2, |x, _| (x % 2) as f32);
        let small = resize(&stripes, 16, 2, Resample::Smooth);
        assert!(small.data().iter().all(|v| (v - 0.5).abs() < 0.1), "shrinking averages: {:?}", small.data());
    }

    #[test]
    fn heat_is_transparent_at_zero_and_shows_the_sign() {
        let map = Plane::new(3, 1, vec![-10.0, 0.0, 10.0]).unwrap();
        let mut canvas = Canvas::new(3, 1, [40, 40, 40]);
        let area = Area { x: 0, y: 0, width: 3, height: 1 };
        canvas.heat(&map, area, Heat::of(&map, 1.0));
        assert_eq!([0, 1, 2].map(|x| pixel(&canvas, x, 0)), [colour::REMOVED, [40; 3], colour::ADDED]);
        let nothing = Plane::filled(3, 1, 0.0);
        let before = canvas.clone();
        canvas.heat(&nothing, area, Heat::of(&nothing, 1.0));
        assert_eq!(canvas, before);
    }

    #[test]
    fn outline_follows_the_border_and_leaves_the_rest() {
        let mut canvas = Canvas::new(60, 60, [200, 200, 200]);
        let square = vec![vec![[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]];
        canvas.outline(&square, (6, 6), Area { x: 0, y: 0, width: 60, height: 60 }, 2.0);
        assert_eq!(pixel(&canvas, 30, 10), colour::OUTLINE);
        assert_eq!(pixel(&canvas, 30, 30), [200; 3]);
        assert!(pixel(&canvas, 30, 12)[0] < 120, "halo: {:?}", pixel(&canvas, 30, 12));
    }

    #[test]
    fn drawing_beyond_the_border_is_cut_off() {
        let mut canvas = Canvas::new(8, 8, colour::BACKGROUND);
        let font = Font::inter().unwrap();
        canvas.text(&font, 20.0, -30.0, 4.0, colour::TEXT, "far too wide for this");
        canvas.outline(
            &[vec![[-9.0, -9.0], [20.0, -9.0], [20.0, 20.0]]],
            (8, 8),
            Area { x: 2, y: 2, width: 8, height: 8 },
            1.5,
        );
        canvas.bar(Area { x: 0, y: 0, width: 4, height: 1 }, f32::NAN, Some(f32::NAN));
        canvas.fill(Area { x: 6, y: 6, width: 90, height: 90 }, colour::TEXT);
        assert_eq!(pixel(&canvas, 7, 7), colour::TEXT);
    }

    #[test]
    fn text_is_measured_elided_and_wrapped() {
        let font = Font::inter().unwrap();
        assert!((font.width("88", 13.0) - 2.0 * font.width("1", 13.0)).abs() < 0.01, "figures are tabular");
        let short = font.elide("Enlarged Cardiomediastinum", 11.0, 60.0);
        assert!(short.ends_with('…') && font.width(&short, 11.0) <= 60.0, "{short}");
        let lines = font.wrap("made by a model, not for diagnosis", 11.0, 90.0);
        assert!(lines.len() > 1 && lines.iter().all(|l| font.width(l, 11.0) <= 90.0), "{lines:?}");
        assert!(Font::new(b"no font").is_err());
    }

    #[test]
    fn fitted_areas_keep_proportions() {
        let frame = Area { x: 10, y: 0, width: 100, height: 100 };
        assert_eq!(frame.fit(200, 100), Area { x: 10, y: 25, width: 100, height: 50 });
        assert_eq!(frame.fit(50, 100), Area { x: 35, y: 0, width: 50, height: 100 });
    }
}
