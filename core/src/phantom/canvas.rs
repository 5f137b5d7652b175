//! The film in the making: attenuation, body and lung thickness of every ray, and tubes drawn on them.

use super::projection::{Point, Spot, View};

/// What the rays have passed, per pixel.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// Geometry.
    pub view: View,
    /// Line integral of attenuation, without unit.
    pub attenuation: Vec<f32>,
    /// Millimetres of aerated lung.
    pub lung: Vec<f32>,
    scratch: Vec<f32>,
    dirty: Option<Bounds>,
}

/// Pixel rectangle, ends excluded.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// What a tube is made of.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Attenuation of the wall, per mm.
    pub wall: f32,
    /// Attenuation of the core, per mm.
    pub core: f32,
    /// Radius of the core as a share of the tube's.
    pub hollow: f32,
    /// Depth of the section along the ray as a share of its height on the film.
    pub flat: f32,
}

impl Look {
    /// The same all through.
    #[must_use]
    pub fn solid(attenuation: f32) -> Self {
        Self { wall: attenuation, core: attenuation, hollow: 0.0, flat: 1.0 }
    }

    /// The same shape of another density.
    #[must_use]
    pub fn times(self, factor: f32) -> Self {
        Self { wall: self.wall * factor, core: self.core * factor, ..self }
    }
}

/// How a layer of tubes goes on to the film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blend {
    /// Added everywhere.
    Add,
    /// Only where there is lung around it: pulmonary vessels.
    InLung,
}

impl Canvas {
    /// An empty film.
    #[must_use]
    pub fn new(view: View) -> Self {
        let pixels = view.side * view.side;
        Self { view, attenuation: vec![0.0; pixels], lung: vec![0.0; pixels], scratch: vec![0.0; pixels], dirty: None }
    }

    /// Puts a chain of points with radii in mm on the current layer. Within a layer the thickest counts, so that the
    /// joints of a chain do not show.
    pub fn chain(&mut self, points: &[(Point, f64)], look: Look) {
        for pair in points.windows(2) {
            self.segment(pair[0], pair[1], look);
        }
    }

    fn segment(&mut self, from: (Point, f64), to: (Point, f64), look: Look) {
        let (a, b) = (self.view.project(from.0), self.view.project(to.0));
        let pixel = |spot: Spot, radius: f64| (radius * spot.scale) as f32;
        let (ra, rb) = (pixel(a, from.1), pixel(b, to.1));
        let side = self.view.side as f32;
        let pad = ra.max(rb) + 1.0;
        let (ax, ay, bx, by) = (a.x as f32, a.y as f32, b.x as f32, b.y as f32);
        let bounds = Bounds {
            left: (ax.min(bx) - pad).clamp(0.0, side) as usize,
            top: (ay.min(by) - pad).clamp(0.0, side) as usize,
            right: (ax.max(bx) + pad).clamp(0.0, side).ceil() as usize,
            bottom: (ay.max(by) + pad).clamp(0.0, side).ceil() as usize,
        };
        if bounds.left >= bounds.right || bounds.top >= bounds.bottom {
            return;
        }
        self.dirty = Some(self.dirty.map_or(bounds, |d| d.join(bounds)));
        // Seen along its axis a tube is longer than wide; the ray's share of the axis says by how much.
        let (dx, dy) = (bx - ax, by - ay);
        let flat_length = (dx * dx + dy * dy).sqrt() / (a.scale as f32).max(1e-6);
        let d = [to.0[0] - from.0[0], to.0[1] - from.0[1], to.0[2] - from.0[2]];
        let length = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt() as f32;
        let stretch = (length / flat_length.max(length * 0.6).max(1e-6)).max(1.0);
        let to_mm = stretch * look.flat / (a.scale as f32).max(1e-6);
        let inverse = 1.0 / (dx * dx + dy * dy).max(1e-9);
        for y in bounds.top..bounds.bottom {
            let py = y as f32 + 0.5 - ay;
            let line = y * self.view.side;
            // Steep tubes cover a short piece of each row.
            let (from, to) = if dy.abs() > 0.3 * dx.abs() {
                let (middle, reach) = (ax + dx * py / dy, (pad + 1.0) * (1.0 + (dx / dy) * (dx / dy)).sqrt());
                ((middle - reach).clamp(0.0, side) as usize, (middle + reach).clamp(0.0, side) as usize)
            } else {
                (bounds.left, bounds.right)
            };
            for x in bounds.left.max(from)..bounds.right.min(to) {
                let px = x as f32 + 0.5 - ax;
                let t = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
                let (ex, ey) = (px - t * dx, py - t * dy);
                let off = ex * ex + ey * ey;
                if off >= pad * pad {
                    continue;
                }
                let radius = ra + (rb - ra) * t;
                // A tube thinner than a pixel is drawn wider and fainter, so that its area stays right.
                let (r2, soft) = (radius * radius, radius * radius + 0.3);
                if off >= soft {
                    continue;
                }
                let mut value = look.wall * 2.0 * (soft - off).sqrt() * (r2 / soft);
                if look.hollow > 0.0 {
                    let inner = r2 * look.hollow * look.hollow + 0.1;
                    if off < inner {
                        value -= (look.wall - look.core) * 2.0 * (inner - off).sqrt() * (r2 / soft);
                    }
                }
                let cell = &mut self.scratch[line + x];
                *cell = cell.max(value * to_mm);
            }
        }
    }

    /// Puts the layer on the film, `factor` times, and starts the next.
    pub fn flush(&mut self, blend: Blend, factor: f32) {
        let Some(bounds) = self.dirty.take() else { return };
        for y in bounds.top..bounds.bottom {
            let line = y * self.view.side;
            for i in line + bounds.left..line + bounds.right {
                let value = self.scratch[i];
                if value > 0.0 {
                    self.scratch[i] = 0.0;
                    let share = match blend {
                        Blend::Add => 1.0,
                        Blend::InLung => (self.lung[i] / 45.0).min(1.0),
                    };
                    self.attenuation[i] += value * factor * share;
                }
            }
        }
    }

    /// Takes the layer's values instead of putting them on the film.
    pub fn take_layer(&mut self, mut each: impl FnMut(usize, f32)) {
        let Some(bounds) = self.dirty.take() else { return };
        for y in bounds.top..bounds.bottom {
            let line = y * self.view.side;
            for i in line + bounds.left..line + bounds.right {
                if self.scratch[i] > 0.0 {
                    each(i, self.scratch[i]);
                    self.scratch[i] = 0.0;
                }
            }
        }
    }
}

impl Bounds {
    fn join(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}
