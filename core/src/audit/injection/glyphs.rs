//! Shapes of markers: letters of Inter, rings and arrows, as the share of each pixel that they cover. In: words or an arrow,
//! its place and size in pixels. Out: [`Stamp`]s. Knows nothing of films' grey levels.

use ab_glyph::{Font as _, FontRef, GlyphId, PxScale, ScaleFont as _};

use super::marker::{Lettering, Text};
use crate::difference::gaussian_blur;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::render::INTER;

/// What is drawn: two layers over one rectangle of the film.
pub(super) struct Stamp {
    /// Left edge in pixels of the film; may be negative.
    pub left: i64,
    /// Top edge.
    pub top: i64,
    /// How much of each pixel is shadow or rim that ink does not hide, 0 to 1.
    pub dark: Plane,
    /// How much of each pixel is ink, 0 to 1; with the dark share at most 1.
    pub ink: Plane,
}

/// Height of capitals in pixels that letters are drawn with at least; smaller ones are drawn larger and averaged, since the
/// shares of ink and shadow in a pixel depend on each other.
const DRAWN_CAP: f32 = 32.0;
/// Most pixels a side that are averaged into one.
const FINEST: usize = 8;

/// How many times larger a marker is drawn.
fn fineness(cap: f32) -> usize {
    ((DRAWN_CAP / cap.max(1.0)).ceil() as usize).clamp(1, FINEST)
}

/// Shares of the film's pixels from layers that are `fine` times larger.
fn stamp(frame: &Frame, fine: usize, ink: &Plane, dark: &Plane) -> Stamp {
    let average = |value: &dyn Fn(usize, usize) -> f32| {
        Plane::from_fn(frame.size[0], frame.size[1], |x, y| {
            let cells = (0..fine * fine).map(|i| value(x * fine + i % fine, y * fine + i / fine));
            cells.sum::<f32>() / (fine * fine) as f32
        })
    };
    Stamp {
        left: frame.left,
        top: frame.top,
        ink: average(&|x, y| ink.get(x, y)),
        dark: average(&|x, y| dark.get(x, y) * (1.0 - ink.get(x, y))),
    }
}

/// How a lettering looks. Lengths are shares of the height of capitals, measured on films of NIH ChestX-ray14.
struct Look {
    /// Width of the letters, 1 as the font has them. NIH's films are narrower than they were taken.
    squeeze: f32,
    /// What is added between letters.
    tracking: f32,
    /// What is added to either side of every stroke.
    weight: f32,
    /// How far the shadow falls to the right and down.
    shadow: f32,
    /// Width of the dark rim.
    rim: f32,
    /// Strength of shadow and rim.
    darkness: f32,
    /// Blur of the edge, a standard deviation.
    blur: f32,
    /// Strength of the ink: a little of the film shows through lead.
    opacity: f32,
}

impl Lettering {
    fn look(self) -> Look {
        let screen = Look {
            squeeze: 0.83,
            tracking: 0.0,
            weight: 0.015,
            shadow: 0.05,
            rim: 0.0,
            darkness: 0.9,
            blur: 0.0,
            opacity: 1.0,
        };
        match self {
            Self::Screen | Self::Ring => screen,
            Self::Bold => Look { squeeze: 0.74, tracking: 0.04, weight: 0.03, shadow: 0.0, rim: 0.06, ..screen },
            Self::Lead => {
                Look { squeeze: 0.87, weight: 0.035, shadow: 0.0, darkness: 0.0, blur: 0.03, opacity: 0.95, ..screen }
            }
        }
    }
}

/// Axes of the ring and half its line, as shares of the height of capitals.
const RING: [f32; 2] = [0.66, 0.79];
const RING_LINE: f32 = 0.035;

/// A line of letters, placed.
struct Line<'a> {
    font: FontRef<'a>,
    scale: PxScale,
    /// Left end and baseline of each letter, in pixels from the middle of the ink.
    glyphs: Vec<(GlyphId, f32)>,
    baseline: f32,
    /// Width and height of the ink.
    size: [f32; 2],
}

impl Line<'static> {
    fn new(words: &str, cap: f32, squeeze: f32, tracking: f32) -> Result<Self> {
        let font = FontRef::try_from_slice(INTER).map_err(|e| Error::Invalid(format!("not a font: {e}")))?;
        let capital = font.outline(font.glyph_id('H')).map_or(0.0, |shape| shape.bounds.height().abs());
        if capital <= 0.0 {
            return Err(Error::Invalid("the font inside the program has no capitals".into()));
        }
        let y = cap / capital * font.height_unscaled();
        let scale = PxScale { x: y * squeeze, y };
        let scaled = font.as_scaled(scale);
        let (mut pen, mut low, mut high) = (0.0_f32, f32::MAX, f32::MIN);
        let mut glyphs = Vec::new();
        for c in words.chars() {
            let id = font.glyph_id(c);
            if let Some(shape) = font.outline(id) {
                low = low.min(pen + shape.bounds.min.x * scaled.h_scale_factor());
                high = high.max(pen + shape.bounds.max.x * scaled.h_scale_factor());
                glyphs.push((id, pen));
            }
            pen += scaled.h_advance(id) + tracking * cap;
        }
        if glyphs.is_empty() {
            return Err(Error::Invalid(format!("the font inside the program has no letters for \"{words}\"")));
        }
        let middle = f32::midpoint(low, high);
        glyphs.iter_mut().for_each(|(_, left)| *left -= middle);
        Ok(Self { font, scale, glyphs, baseline: cap / 2.0, size: [high - low, cap] })
    }

    /// The share of each pixel that the letters cover when they are moved by `shift` and every stroke is `weight` pixels wider
    /// on either side; `origin` is the middle of the ink on the plane.
    fn cover(&self, plane: &mut Plane, origin: [f32; 2], shift: f32, weight: f32) {
        const AROUND: usize = 12;
        self.print(plane, [origin[0] + shift, origin[1] + shift]);
        for step in 0..AROUND {
            let angle = step as f32 / AROUND as f32 * std::f32::consts::TAU;
            if weight > 0.0 {
                let (dy, dx) = angle.sin_cos();
                self.print(plane, [origin[0] + shift + weight * dx, origin[1] + shift + weight * dy]);
            }
        }
    }

    fn print(&self, plane: &mut Plane, origin: [f32; 2]) {
        let (width, height) = (plane.width(), plane.height());
        for &(id, left) in &self.glyphs {
            let at = ab_glyph::point(origin[0] + left, origin[1] + self.baseline);
            let Some(shape) = self.font.outline_glyph(id.with_scale_and_position(self.scale, at)) else { continue };
            let bounds = shape.px_bounds();
            let (x0, y0) = (bounds.min.x as i64, bounds.min.y as i64);
            let data = plane.data_mut();
            shape.draw(|dx, dy, share| {
                let (x, y) = (x0 + i64::from(dx), y0 + i64::from(dy));
                if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y))
                    && x < width
                    && y < height
                {
                    let cell = &mut data[y * width + x];
                    *cell = cell.max(share.min(1.0));
                }
            });
        }
    }
}

/// Where the middle of something of half sizes `half` lies so that all of it is on the film, along one axis.
fn placed(share: f32, half: f32, length: usize) -> Option<f32> {
    let length = length as f32;
    (2.0 * half <= length).then(|| (share * length).clamp(half, length - half))
}

/// A rectangle of whole pixels round a middle, and the middle within it.
struct Frame {
    left: i64,
    top: i64,
    size: [usize; 2],
    middle: [f32; 2],
}

impl Frame {
    fn new(x: f32, y: f32, half: [f32; 2], film: [usize; 2]) -> Result<Self> {
        let (Some(x), Some(y)) = (placed(x, half[0], film[0]), placed(y, half[1], film[1])) else {
            let [width, height] = half.map(|half| (2.0 * half).ceil());
            return Err(Error::Invalid(format!(
                "the marker of {width} x {height} pixels is larger than the film of {} x {}; choose a smaller height",
                film[0], film[1]
            )));
        };
        let (left, top) = ((x - half[0]).floor(), (y - half[1]).floor());
        let size = [(x + half[0]).ceil() - left, (y + half[1]).ceil() - top].map(|v| v as usize + 1);
        Ok(Self { left: left as i64, top: top as i64, size, middle: [x - left, y - top] })
    }

    /// An empty layer, `fine` times larger.
    fn plane(&self, fine: usize) -> Plane {
        Plane::filled(self.size[0] * fine, self.size[1] * fine, 0.0)
    }
}

/// Words as a stamp on a film of `film` (width, height) pixels.
pub(super) fn words(text: &Text, film: [usize; 2]) -> Result<Stamp> {
    let look = text.lettering.look();
    let cap = text.at.height * film[1] as f32;
    let line = line_of(text, cap)?;
    let is_ring = text.lettering == Lettering::Ring;
    let reach = cap * (look.weight + look.shadow.max(look.rim) + 3.0 * look.blur) + 2.0;
    // The tail of a Q and the like hang below the line of the capitals.
    let half = if is_ring {
        RING.map(|axis| (axis + RING_LINE) * cap.max(line.size[0]) + 1.0)
    } else {
        [line.size[0] / 2.0 + reach, line.size[1] / 2.0 + 0.2 * cap + reach]
    };
    let frame = Frame::new(text.at.x, text.at.y, half, film)?;
    let fine = fineness(cap);
    let (scale, cap) = (fine as f32, cap * fine as f32);
    let (mut ink, mut dark) = (frame.plane(fine), frame.plane(fine));
    let middle = frame.middle.map(|v| v * scale);
    let line = line_of(text, cap)?;
    line.cover(&mut ink, middle, 0.0, look.weight * cap);
    if look.darkness > 0.0 {
        line.cover(&mut dark, middle, look.shadow * cap, (look.weight + look.rim) * cap);
    }
    if is_ring {
        let axes = RING.map(|axis| axis * cap.max(line.size[0]));
        ring(&mut ink, middle, axes, RING_LINE * cap);
        ring(&mut dark, middle.map(|v| v + look.shadow * cap), axes, RING_LINE * cap);
    }
    // Lead is never sharper than a pixel.
    let blur = if look.blur > 0.0 { (look.blur * cap).max(0.4 * scale) } else { 0.0 };
    let ink = if blur > 0.0 { gaussian_blur(&ink, blur) } else { ink };
    Ok(stamp(&frame, fine, &ink.map(|v| v * look.opacity), &dark.map(|v| v * look.darkness)))
}

/// The letters of a text at a height of capitals, as wide as the text says.
fn line_of(text: &Text, cap: f32) -> Result<Line<'static>> {
    let Look { squeeze, tracking, .. } = text.lettering.look();
    let line = Line::new(&text.words, cap, squeeze, tracking)?;
    let Some(other) = &text.as_wide_as else { return Ok(line) };
    let wanted = Line::new(other, cap, squeeze, tracking)?.size[0];
    let stretch = wanted / line.size[0].max(f32::MIN_POSITIVE);
    Line::new(&text.words, cap, squeeze * stretch, tracking * stretch)
}

/// How much ink a text takes, in squares of the height of its capitals: to choose control words that take as much.
pub(super) fn ink_of(text: &Text) -> Result<f32> {
    const CAP: f32 = 24.0;
    let line = line_of(text, CAP)?;
    let mut plane = Plane::filled(line.size[0] as usize + 8, (CAP * 1.6) as usize, 0.0);
    let middle = [plane.width() as f32 / 2.0, plane.height() as f32 / 2.0];
    line.cover(&mut plane, middle, 0.0, text.lettering.look().weight * CAP);
    Ok(plane.data().iter().sum::<f32>() / (CAP * CAP))
}

/// An ellipse of a line `half` pixels to either side.
fn ring(plane: &mut Plane, middle: [f32; 2], axes: [f32; 2], half: f32) {
    let cover = Plane::from_fn(plane.width(), plane.height(), |x, y| {
        let (dx, dy) = (x as f32 + 0.5 - middle[0], y as f32 + 0.5 - middle[1]);
        let (u, v) = (dx / axes[0], dy / axes[1]);
        let radius = u.hypot(v);
        // Distance to an ellipse to first order: the level's value over the length of its slope.
        let slope = (u / axes[0]).hypot(v / axes[1]) / radius.max(1e-6);
        let away = if radius > 1e-3 { ((radius - 1.0) / slope).abs() } else { axes[0].min(axes[1]) };
        (half + 0.5 - away).clamp(0.0, 1.0)
    });
    plane.data_mut().iter_mut().zip(cover.data()).for_each(|(cell, &share)| *cell = cell.max(share));
}

/// Corners of an arrow that points up, in shares of its height from its middle (as on NIH's films).
const ARROW: [[f32; 2]; 7] =
    [[0.0, -0.5], [0.30, -0.10], [0.12, -0.10], [0.12, 0.5], [-0.12, 0.5], [-0.12, -0.10], [-0.30, -0.10]];
/// Width of its dark rim.
const ARROW_RIM: f32 = 0.08;

/// An arrow as a stamp on a film of `film` (width, height) pixels.
pub(super) fn arrow(x: f32, y: f32, height: f32, film: [usize; 2]) -> Result<Stamp> {
    let height = height * film[1] as f32;
    let half = [0.30, 0.5].map(|share| (share + ARROW_RIM) * height + 1.0);
    let frame = Frame::new(x, y, half, film)?;
    let fine = fineness(height);
    let (scale, height) = (fine as f32, height * fine as f32);
    let corners = ARROW.map(|[x, y]| [frame.middle[0] * scale + x * height, frame.middle[1] * scale + y * height]);
    let within = |reach: f32| {
        Plane::from_fn(frame.size[0] * fine, frame.size[1] * fine, |x, y| {
            (0.5 + reach - outside(&corners, [x as f32 + 0.5, y as f32 + 0.5])).clamp(0.0, 1.0)
        })
    };
    Ok(stamp(&frame, fine, &within(0.0), &within(ARROW_RIM * height)))
}

/// Distance of a point to a polygon: how far outside it lies, negative inside.
fn outside(corners: &[[f32; 2]], [px, py]: [f32; 2]) -> f32 {
    let (mut nearest, mut is_inside) = (f32::MAX, false);
    for (i, &[ax, ay]) in corners.iter().enumerate() {
        let [bx, by] = corners[(i + 1) % corners.len()];
        let (dx, dy) = (bx - ax, by - ay);
        let along = (((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
        nearest = nearest.min((px - ax - along * dx).hypot(py - ay - along * dy));
        if (ay > py) != (by > py) && px < ax + (py - ay) / (by - ay) * dx {
            is_inside = !is_inside;
        }
    }
    if is_inside { -nearest } else { nearest }
}
