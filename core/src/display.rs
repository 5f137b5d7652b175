//! What one viewport of the light box shows, at the viewport's own pixels.
//!
//! Enter a film of any size, a window, a view (zoom and place) and perhaps a difference map; leave RGBA pixels. Only
//! the viewport's pixels cost time: a large film brings its [`Pyramid`] of halved copies. Knows nothing of egui.
//!
//! Film coordinates are the film's own pixels, (0, 0) at the top left pixel's corner; screen coordinates are the
//! viewport's physical pixels, counted the same way.

use rayon::prelude::*;

use crate::plane::Plane;
use crate::preprocess::SeenRegion;
use crate::radiograph::Window;

/// Largest side below which a picture is not halved any more.
const SMALLEST_HALF: usize = 256;

/// Where a plane lies in film coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Extent {
    /// The extent of the film itself.
    #[must_use]
    pub fn whole(width: usize, height: usize) -> Self {
        Self { x: 0.0, y: 0.0, width: width as f32, height: height as f32 }
    }

    /// The part of a film that a model sees.
    #[must_use]
    pub fn seen(seen: &SeenRegion) -> Self {
        let [x, y, width, height] = [seen.x, seen.y, seen.width, seen.height].map(|v| v as f32);
        Self { x, y, width, height }
    }
}

/// Which part of the film a viewport shows, and how large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewTransform {
    /// The film point in the middle of the viewport.
    pub center: [f32; 2],
    /// Screen pixels for each film pixel.
    pub zoom: f32,
}

impl ViewTransform {
    /// Smallest and largest zoom that a hand can reach.
    pub const ZOOM: [f32; 2] = [0.01, 64.0];

    /// The whole film, as large as the viewport allows.
    #[must_use]
    pub fn fit(film: [usize; 2], viewport: [usize; 2]) -> Self {
        let ratio = |axis: usize| viewport[axis].max(1) as f32 / film[axis].max(1) as f32;
        Self { center: [film[0] as f32 / 2.0, film[1] as f32 / 2.0], zoom: ratio(0).min(ratio(1)) }
    }

    /// The film point under a screen point.
    #[must_use]
    pub fn to_film(&self, screen: [f32; 2], viewport: [usize; 2]) -> [f32; 2] {
        [0, 1].map(|axis| self.center[axis] + (screen[axis] - viewport[axis] as f32 / 2.0) / self.zoom)
    }

    /// The screen point of a film point.
    #[must_use]
    pub fn to_screen(&self, film: [f32; 2], viewport: [usize; 2]) -> [f32; 2] {
        [0, 1].map(|axis| (film[axis] - self.center[axis]) * self.zoom + viewport[axis] as f32 / 2.0)
    }

    /// Zoomed by `factor`, the film point under `screen` staying where it is.
    #[must_use]
    pub fn zoomed_at(&self, screen: [f32; 2], factor: f32, viewport: [usize; 2]) -> Self {
        let fixed = self.to_film(screen, viewport);
        let zoom = (self.zoom * factor).clamp(Self::ZOOM[0], Self::ZOOM[1]);
        let center = [0, 1].map(|axis| fixed[axis] - (screen[axis] - viewport[axis] as f32 / 2.0) / zoom);
        Self { center, zoom }
    }

    /// Moved with the hand by `delta` screen pixels; the middle of the viewport never leaves the film.
    #[must_use]
    pub fn panned(&self, delta: [f32; 2], film: [usize; 2]) -> Self {
        let center = [0, 1].map(|axis| (self.center[axis] - delta[axis] / self.zoom).clamp(0.0, film[axis] as f32));
        Self { center, ..*self }
    }
}

/// Copies of a plane at half, quarter, .. size, so that a large film can be drawn small without reading all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pyramid {
    levels: Vec<Plane>,
}

impl Pyramid {
    /// Halves until the larger side is small; each pixel is the mean of the four (at an odd border two or one) below it.
    #[must_use]
    pub fn new(plane: &Plane) -> Self {
        let mut levels: Vec<Plane> = Vec::new();
        loop {
            let below = levels.last().unwrap_or(plane);
            if below.width().max(below.height()) < 2 * SMALLEST_HALF {
                return Self { levels };
            }
            levels.push(halved(below));
        }
    }
}

fn halved(plane: &Plane) -> Plane {
    let (width, height) = (plane.width().div_ceil(2), plane.height().div_ceil(2));
    let mut half = Plane::filled(width, height, 0.0);
    let row = |y: usize| &plane.data()[y * plane.width()..(y + 1) * plane.width()];
    half.data_mut().par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let (upper, lower) = (row(2 * y), row((2 * y + 1).min(plane.height() - 1)));
        for (x, sample) in out.iter_mut().enumerate() {
            let (left, right) = (2 * x, (2 * x + 1).min(plane.width() - 1));
            *sample = (upper[left] + upper[right] + lower[left] + lower[right]) / 4.0;
        }
    });
    half
}

/// A plane and where it lies on the film.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    /// Samples.
    pub plane: &'a Plane,
    /// Halved copies, when there are any.
    pub pyramid: Option<&'a Pyramid>,
    /// Place.
    pub extent: Extent,
}

/// A difference map laid over the film; no change is transparent.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// The map, in any unit.
    pub map: Placed<'a>,
    /// The change that is drawn in full strength; zero draws nothing.
    pub limit: f32,
    /// Changes up to this are not drawn.
    pub threshold: f32,
    /// Strength at the limit, 0 to 1.
    pub opacity: f32,
    /// Colour of positive values.
    pub added: [u8; 3],
    /// Colour of negative values.
    pub removed: [u8; 3],
}

impl Overlay<'_> {
    /// Colour and strength of one value.
    #[must_use]
    pub fn shade(&self, value: f32) -> ([u8; 3], f32) {
        let colour = if value < 0.0 { self.removed } else { self.added };
        let above = value.abs() - self.threshold.max(0.0);
        // Strength grows from the threshold on, so that the border of what is shown is no edge. What is not a number
        // fails the comparison and stays transparent.
        if self.limit > 0.0 && above > 0.0 {
            let room = (self.limit - self.threshold).max(f32::MIN_POSITIVE);
            (colour, (above / room).min(1.0) * self.opacity.clamp(0.0, 1.0))
        } else {
            (colour, 0.0)
        }
    }
}

/// Everything that one viewport shows.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The grey picture.
    pub film: Placed<'a>,
    /// Brightness of its samples.
    pub window: Window,
    /// Black and white swapped.
    pub invert: bool,
    /// Which part, how large.
    pub transform: ViewTransform,
    /// What lies over it.
    pub overlay: Option<Overlay<'a>>,
    /// Colour beyond the film.
    pub background: [u8; 3],
}

impl View<'_> {
    /// Draws `width` x `height` pixels, RGBA, opaque.
    #[must_use]
    pub fn draw(&self, width: usize, height: usize) -> Vec<u8> {
        let [r, g, b] = self.background;
        let mut pixels = [r, g, b, 255].repeat(width * height);
        if width == 0 || height == 0 {
            return pixels;
        }
        let film = Sampler::new(&self.film, &self.transform, [width, height]);
        let overlay = self.overlay.as_ref().map(|o| (o, Sampler::new(&o.map, &self.transform, [width, height])));
        let scratch = || (Vec::new(), Vec::new());
        pixels.par_chunks_mut(width * 4).enumerate().for_each_init(scratch, |(blend, line), (y, out)| {
            let Some(first) = film.line(y, blend, line) else { return };
            for (pixel, &value) in out[first * 4..].chunks_exact_mut(4).zip(line.iter()) {
                let level = (self.window.apply(value) * 255.0).round() as u8;
                let level = if self.invert { 255 - level } else { level };
                pixel[..3].fill(level);
            }
            let Some((overlay, sampler)) = &overlay else { return };
            let Some(first) = sampler.line(y, blend, line) else { return };
            for (pixel, &value) in out[first * 4..].chunks_exact_mut(4).zip(line.iter()) {
                let (colour, alpha) = overlay.shade(value);
                for (under, over) in pixel.iter_mut().zip(colour) {
                    let (u, o) = (f32::from(*under), f32::from(over));
                    *under = (u + (o - u) * alpha).round() as u8;
                }
            }
        });
        pixels
    }
}

/// Bicubic sampling of one plane for one view: the weights of every screen column and row, found once.
struct Sampler<'a> {
    plane: &'a Plane,
    columns: Taps,
    rows: Taps,
}

impl<'a> Sampler<'a> {
    fn new(placed: &Placed<'a>, transform: &ViewTransform, viewport: [usize; 2]) -> Self {
        let Placed { plane, pyramid, extent } = *placed;
        // Plane pixels for each screen pixel, and the level at which that is between one and two.
        let step = plane.width() as f32 / extent.width / transform.zoom;
        let levels = pyramid.map_or(&[][..], |p| &p.levels);
        let level = (step.max(1.0).log2().floor() as usize).min(levels.len());
        let chosen = if level == 0 { plane } else { &levels[level - 1] };
        let shrink = (1_u64 << level) as f64;
        let axis = |axis: usize, size: usize, chosen: usize, start: f32, length: f32| {
            let scale = size as f64 / f64::from(length);
            let to_plane = |screen: f64| {
                let film = f64::from(transform.center[axis])
                    + (screen - viewport[axis] as f64 / 2.0) / f64::from(transform.zoom);
                (film - f64::from(start)) * scale
            };
            Taps::new(viewport[axis], size as f64, chosen, shrink, to_plane)
        };
        Self {
            plane: chosen,
            columns: axis(0, plane.width(), chosen.width(), extent.x, extent.width),
            rows: axis(1, plane.height(), chosen.height(), extent.y, extent.height),
        }
    }

    /// The samples of screen row `y`, and the first screen column they belong to; `None` beyond the plane.
    fn line(&self, y: usize, blend: &mut Vec<f32>, line: &mut Vec<f32>) -> Option<usize> {
        let (row, weights) = self.rows.at(y)?;
        let [from, to] = self.columns.source;
        if to <= from {
            return None;
        }
        blend.clear();
        blend.resize(to - from, 0.0);
        for (offset, &weight) in weights.iter().enumerate() {
            let start = (row + offset) * self.plane.width();
            let source = &self.plane.data()[start + from..start + to];
            blend.iter_mut().zip(source).for_each(|(sum, &value)| *sum += weight * value);
        }
        line.clear();
        line.extend(self.columns.spans.iter().map(|&(first, start, end)| {
            let weights = &self.columns.weights[start..end];
            weights.iter().zip(&blend[first - from..]).map(|(&weight, &value)| weight * value).sum::<f32>()
        }));
        Some(self.columns.first)
    }
}

/// For each screen pixel that lies on the plane along one axis: the samples it is made of and their weights.
struct Taps {
    /// First screen pixel on the plane.
    first: usize,
    /// First sample, and where its weights start and end.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
    /// The samples that are used at all.
    source: [usize; 2],
}

impl Taps {
    /// `to_plane` maps a screen coordinate to the plane's own; `size` is the plane's length at full size, `samples` its
    /// length at the level in use, whose pixels are `shrink` full ones long.
    fn new(screen: usize, size: f64, samples: usize, shrink: f64, to_plane: impl Fn(f64) -> f64) -> Self {
        let stretch = ((to_plane(1.0) - to_plane(0.0)) / shrink).max(1.0);
        let mut taps = Self { first: 0, spans: Vec::with_capacity(screen), weights: Vec::new(), source: [samples, 0] };
        for pixel in 0..screen {
            let place = to_plane(pixel as f64 + 0.5);
            if !(0.0..size).contains(&place) {
                if taps.spans.is_empty() {
                    taps.first = pixel + 1;
                    continue;
                }
                break;
            }
            let middle = place / shrink;
            let first = (middle - 2.0 * stretch).floor().clamp(0.0, samples as f64 - 1.0) as usize;
            let end = ((middle + 2.0 * stretch).ceil() as usize).clamp(first + 1, samples);
            let weight = |i: usize| catmull_rom((i as f64 + 0.5 - middle) / stretch);
            let total: f64 = (first..end).map(weight).sum();
            let start = taps.weights.len();
            taps.weights.extend((first..end).map(|i| (weight(i) / total) as f32));
            taps.spans.push((first, start, taps.weights.len()));
            taps.source = [taps.source[0].min(first), taps.source[1].max(end)];
        }
        taps
    }

    fn at(&self, pixel: usize) -> Option<(usize, &[f32])> {
        let &(first, start, end) = self.spans.get(pixel.checked_sub(self.first)?)?;
        Some((first, &self.weights[start..end]))
    }
}

/// The cubic convolution kernel with a = -0.5 (Keys 1981).
fn catmull_rom(distance: f64) -> f64 {
    let d = distance.abs();
    match d {
        _ if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
        _ if d < 2.0 => ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
