//! Solids that a ray enters and leaves once, and where it does so.

use super::projection::{Point, Row, View};

/// Where the rays of one row enter and leave one solid, as fractions of the way from the source to the detector.
#[derive(Clone, Debug)]
pub struct Spans {
    /// Fraction at which the ray of each pixel enters.
    pub enter: Vec<f32>,
    /// Fraction at which it leaves.
    pub leave: Vec<f32>,
    /// First pixel that the solid covers.
    pub first: usize,
    /// One past the last pixel that it covers; equal to `first` when it covers none.
    pub end: usize,
}

/// An ellipsoid of any orientation.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsoid {
    /// Its middle.
    pub centre: Point,
    /// Rows of the matrix that turns it, moved to the origin, into the unit ball.
    pub to_unit: [Point; 3],
}

/// The section of a loft: an ellipse across the patient, sides along x and z.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Middle of the ellipse, x.
    pub x: f64,
    /// Middle of the ellipse, z.
    pub z: f64,
    /// Half its width.
    pub width: f64,
    /// Half its depth.
    pub depth: f64,
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Spans {
    /// Room for a row of `side` pixels, covering none.
    #[must_use]
    pub fn new(side: usize) -> Self {
        Self { enter: vec![0.0; side], leave: vec![0.0; side], first: 0, end: 0 }
    }

    /// Whether the solid covers pixel `x`.
    #[must_use]
    pub fn covers(&self, x: usize) -> bool {
        (self.first..self.end).contains(&x)
    }

    /// Fraction of the way that pixel `x`'s ray spends inside.
    #[must_use]
    pub fn inside(&self, x: usize) -> f32 {
        if self.covers(x) { self.leave[x] - self.enter[x] } else { 0.0 }
    }

    /// Intersects a row with the unit ball, given the source and the rays in the ball's frame. The discriminant is a
    /// quadratic in the pixel, so its roots say which pixels are covered without asking each.
    fn unit_ball(&mut self, origin: Point, first: Point, step: Point) {
        let (a0, a1, a2) = (dot(first, first), 2.0 * dot(first, step), dot(step, step));
        let (b0, b1) = (dot(origin, first), dot(origin, step));
        let c = dot(origin, origin) - 1.0;
        let (q0, q1, q2) = (b0 * b0 - a0 * c, 2.0 * b0 * b1 - a1 * c, b1 * b1 - a2 * c);
        (self.first, self.end) = (0, 0);
        let root = q1 * q1 - 4.0 * q2 * q0;
        if !(q2 < 0.0 && root > 0.0) {
            return;
        }
        let half = root.sqrt();
        let side = self.enter.len() as f64;
        let (low, high) = ((-q1 + half) / (2.0 * q2), (-q1 - half) / (2.0 * q2));
        // A float cast saturates, so a solid beside the film covers nothing.
        self.first = low.max(0.0).min(side).ceil() as usize;
        self.end = ((high + 1.0).max(0.0).min(side).floor() as usize).max(self.first);
        for x in self.first..self.end {
            let t = x as f64;
            // The sums need 64 bits, as large numbers cancel; what is left of them does not.
            let inverse = 1.0 / (a0 + t * (a1 + t * a2)) as f32;
            let middle = -(b0 + t * b1) as f32 * inverse;
            let reach = ((q0 + t * (q1 + t * q2)) as f32).max(0.0).sqrt() * inverse;
            self.enter[x] = middle - reach;
            self.leave[x] = middle + reach;
        }
    }
}

impl Ellipsoid {
    /// With half axes `axes` mm along x, y and z, then turned in the film plane so that +x goes towards +y by
    /// `degrees`.
    #[must_use]
    pub fn new(centre: Point, axes: Point, degrees: f64) -> Self {
        let angle = degrees * core::f64::consts::PI / 180.0;
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let inverse = axes.map(|a| 1.0 / a.max(1e-3));
        Self {
            centre,
            to_unit: [
                [cos * inverse[0], sin * inverse[0], 0.0],
                [-sin * inverse[1], cos * inverse[1], 0.0],
                [0.0, 0.0, inverse[2]],
            ],
        }
    }

    /// The ellipsoid stretched by `factors` away from `anchor`.
    #[must_use]
    pub fn stretched(mut self, anchor: Point, factors: Point) -> Self {
        for k in 0..3 {
            self.centre[k] = anchor[k] + (self.centre[k] - anchor[k]) * factors[k];
            for row in &mut self.to_unit {
                row[k] /= factors[k];
            }
        }
        self
    }

    /// Largest distance from the centre along x, for an ellipsoid turned in the film plane only.
    #[must_use]
    pub fn reach_x(&self) -> f64 {
        // The inverse of A^T A of the upper left block holds the squared extents.
        let [a, b, _] = self.to_unit;
        let (xx, xy, yy) = (a[0] * a[0] + b[0] * b[0], a[0] * a[1] + b[0] * b[1], a[1] * a[1] + b[1] * b[1]);
        (yy / (xx * yy - xy * xy)).max(0.0).sqrt()
    }

    /// Where a row's rays enter and leave.
    pub fn cross(&self, view: &View, row: &Row, spans: &mut Spans) {
        let turn = |p: Point| self.to_unit.map(|r| dot(r, p));
        let s = view.source;
        let from = [s[0] - self.centre[0], s[1] - self.centre[1], s[2] - self.centre[2]];
        spans.unit_ball(turn(from), turn(row.first), turn(row.step));
    }
}

impl Section {
    /// Where a row's rays enter and leave an upright cylinder with this section. A loft is such a cylinder for each
    /// row: rays are within a few degrees of level, so the section hardly changes along one.
    pub fn cross(&self, view: &View, row: &Row, spans: &mut Spans) {
        (spans.first, spans.end) = (0, 0);
        if self.width <= 0.0 || self.depth <= 0.0 {
            return;
        }
        let (a, b) = (1.0 / self.width, 1.0 / self.depth);
        let flat = |p: Point| [p[0] * a, 0.0, p[2] * b];
        let from = [view.source[0] - self.x, 0.0, view.source[2] - self.z];
        spans.unit_ball(flat(from), flat(row.first), flat(row.step));
    }
}

/// The height y at which a row's rays pass depth `z`.
#[must_use]
pub fn row_height(view: &View, row: &Row, z: f64) -> f64 {
    let middle = row.direction(view.side / 2);
    view.source[1] + middle[1] * (z - view.source[2]) / middle[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::{FACTORS, Settings};

    fn view() -> View {
        View::new(4, &Settings::draw(4, &FACTORS, |_, _, _| false), 64, 155.0, 104.0)
    }

    /// Longest chord of a solid over all rays, in mm.
    fn longest(cross: impl Fn(&View, &Row, &mut Spans)) -> f32 {
        let (view, mut spans, mut best) = (view(), Spans::new(64), 0.0f32);
        for y in 0..64 {
            let row = view.row(y);
            cross(&view, &row, &mut spans);
            for x in 0..64 {
                let d = row.direction(x);
                best = best.max(spans.inside(x) * dot(d, d).sqrt() as f32);
            }
        }
        best
    }

    #[test]
    fn chords_are_as_long_as_the_solid_is_thick() {
        let ball = Ellipsoid::new([5.0, -8.0, 3.0], [40.0; 3], 0.0);
        assert!((longest(|v, r, s| ball.cross(v, r, s)) - 80.0).abs() < 0.3);
        let flat = Ellipsoid::new([0.0, 0.0, 0.0], [60.0, 30.0, 12.0], 33.0);
        assert!((longest(|v, r, s| flat.cross(v, r, s)) - 24.0).abs() < 0.3);
        let section = Section { x: 0.0, z: 0.0, width: 90.0, depth: 50.0 };
        assert!((longest(|v, r, s| section.cross(v, r, s)) - 100.0).abs() < 1.5);
    }

    #[test]
    fn a_solid_beside_the_film_covers_nothing() {
        let ball = Ellipsoid::new([900.0, 0.0, 0.0], [20.0; 3], 0.0);
        assert_eq!(longest(|v, r, s| ball.cross(v, r, s)), 0.0);
        let none = Section { x: 0.0, z: 0.0, width: 0.0, depth: 50.0 };
        assert_eq!(longest(|v, r, s| none.cross(v, r, s)), 0.0);
    }

    #[test]
    fn stretching_widens_in_proportion() {
        let egg = Ellipsoid::new([10.0, 4.0, 0.0], [50.0, 20.0, 20.0], 40.0);
        let wide = egg.stretched([0.0; 3], [1.3, 1.0, 1.0]);
        assert!((wide.reach_x() - 1.3 * egg.reach_x()).abs() < 1e-9);
        assert!((wide.centre[0] - 13.0).abs() < 1e-9);
    }
}
