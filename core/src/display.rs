//! What one viewport of the light box shows, at the viewport's own pixels.
//!
//! Enter a film of any size, a window, a view (zoom, place, turn) and perhaps a difference map; leave RGBA pixels. Only
//! the viewport's pixels cost time: a large film brings its [`Pyramid`] of halved copies. Knows nothing of egui.
//!
//! This is the reference of the window's shaders (`shaders/`): they draw the same pictures on a graphics device, and are
//! tested against it.

use rayon::prelude::*;

use crate::plane::Plane;
use crate::radiograph::Window;

mod colour_map;
mod overlay;
mod place;
mod pyramid;
mod sample;
mod wipe;

pub use colour_map::ColourMap;
pub use overlay::{Outline, Overlay, OverlayLook};
pub use place::{Extent, Turn, ViewTransform};
pub use pyramid::Pyramid;
pub use sample::{Measures, Placed, Sampling, Taps};
pub use wipe::{wipe, wipe_column};

use sample::Sampler;

/// A change computed at another size, added to the film: the film keeps its own sharpness.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The change, in any unit.
    pub map: Placed<'a>,
    /// Film units for one unit of the map.
    pub gain: f32,
}

/// Everything that one viewport shows.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The grey picture.
    pub film: Placed<'a>,
    /// What is added to its samples, where it lies.
    pub change: Option<Change<'a>>,
    /// Brightness of its samples.
    pub window: Window,
    /// Black and white swapped.
    pub invert: bool,
    /// Colour of each brightness.
    pub colours: ColourMap,
    /// Which part, how large, how turned.
    pub transform: ViewTransform,
    /// What lies over it.
    pub overlay: Option<Overlay<'a>>,
    /// Colour beyond the film.
    pub background: [u8; 3],
}

impl<'a> View<'a> {
    /// A plain grey picture.
    #[must_use]
    pub fn new(film: Placed<'a>, window: Window, transform: ViewTransform, background: [u8; 3]) -> Self {
        let (invert, colours) = (false, ColourMap::Grey);
        Self { film, change: None, window, invert, colours, transform, overlay: None, background }
    }

    /// Draws `width` x `height` pixels, RGBA, opaque.
    #[must_use]
    pub fn draw(&self, width: usize, height: usize) -> Vec<u8> {
        let turn = self.transform.turn;
        let [inner_width, inner_height] = turn.upright([width, height]);
        let upright = self.draw_upright(inner_width, inner_height);
        if turn == Turn::NONE || upright.is_empty() {
            return upright;
        }
        let mut pixels = vec![0; upright.len()];
        pixels.par_chunks_mut(width * 4).enumerate().for_each(|(y, line)| {
            for (x, pixel) in line.chunks_exact_mut(4).enumerate() {
                let [from_x, from_y] = turn.source([x, y], [width, height]);
                pixel.copy_from_slice(&upright[(from_y * inner_width + from_x) * 4..][..4]);
            }
        });
        pixels
    }

    fn draw_upright(&self, width: usize, height: usize) -> Vec<u8> {
        let [r, g, b] = self.background;
        let mut pixels = [r, g, b, 255].repeat(width * height);
        if width == 0 || height == 0 {
            return pixels;
        }
        let sampler = |placed: &Placed<'a>| Sampler::new(placed, &self.transform, [width, height]);
        let film = sampler(&self.film);
        let change = self.change.as_ref().map(|change| (sampler(&change.map), change.gain));
        let overlay = self.overlay.as_ref().map(|overlay| {
            let map = sampler(&overlay.map);
            let field = overlay.look.outline.map(|outline| (outline, map.field()));
            (overlay, map, field)
        });
        let table = self.colours.table();
        let scratch = || (Vec::new(), Vec::new(), Vec::new());
        pixels.par_chunks_mut(width * 4).enumerate().for_each_init(scratch, |(blend, line, other), (y, out)| {
            let Some(first) = film.line(y, blend, line) else { return };
            if let Some((change, gain)) = &change
                && let Some(start) = change.line(y, blend, other)
            {
                // The two overlap from the later start on.
                let (skip, begin) = (first.saturating_sub(start), start.saturating_sub(first));
                let values = line.iter_mut().skip(begin).zip(other.iter().skip(skip));
                values.for_each(|(value, &change)| *value += gain * change);
            }
            for (pixel, &value) in out[first * 4..].chunks_exact_mut(4).zip(line.iter()) {
                let level = (self.window.apply(value) * 255.0).round() as u8;
                let level = if self.invert { 255 - level } else { level };
                pixel[..3].copy_from_slice(&table[usize::from(level)]);
            }
            let Some((overlay, map, field)) = &overlay else { return };
            let Some(first) = map.line(y, blend, line) else { return };
            for (x, (pixel, &value)) in out[first * 4..].chunks_exact_mut(4).zip(line.iter()).enumerate() {
                let (colour, alpha) = overlay.look.shade(value);
                lay(pixel, colour, alpha);
                if let Some((outline, field)) = field {
                    let [halo, strength] = outline.at(field, x, y, overlay.look.threshold);
                    lay(pixel, outline.halo, halo);
                    lay(pixel, outline.line, strength);
                }
            }
        });
        pixels
    }
}

/// Lays a colour over a pixel.
fn lay(pixel: &mut [u8], colour: [u8; 3], alpha: f32) {
    for (under, over) in pixel.iter_mut().zip(colour) {
        let (u, o) = (f32::from(*under), f32::from(over));
        *under = (u + (o - u) * alpha).round() as u8;
    }
}

/// The value of a plane at a film point: that of the sample whose pixel it lies in; none beyond the plane.
#[must_use]
pub fn value_at(plane: &Plane, extent: Extent, film: [f32; 2]) -> Option<f32> {
    let place = |at: f32, start: f32, length: f32, samples: usize| {
        let index = ((at - start) / length * samples as f32).floor();
        (index >= 0.0 && index < samples as f32).then_some(index as usize)
    };
    let x = place(film[0], extent.x, extent.width, plane.width())?;
    let y = place(film[1], extent.y, extent.height, plane.height())?;
    Some(plane.get(x, y))
}

#[cfg(test)]
mod tests;
