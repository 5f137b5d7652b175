//! Perspective: where the source, the patient and the detector are, and where a point of the patient falls on the film.

use super::factors::{Factor, Settings, Side};
use super::random::Stream;

const PURPOSE: u64 = 1;

/// A point or direction: x towards the patient's left, y towards the feet, z forwards; millimetres.
pub type Point = [f64; 3];

/// One exposure: a point source, a patient turned about the long axis, a flat square detector.
#[derive(Clone, Debug)]
pub struct View {
    /// Pixels in a row and in a column.
    pub side: usize,
    /// Millimetres of detector per pixel.
    pub pitch: f64,
    /// The source, in the patient's frame.
    pub source: Point,
    source_film: Point,
    detector_z: f64,
    cos: f64,
    sin: f64,
}

/// Where a point falls on the film.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// Column, in pixels; the middle of the first pixel is 0.5.
    pub x: f64,
    /// Row, in pixels.
    pub y: f64,
    /// Pixels per millimetre at the depth of the point.
    pub scale: f64,
}

/// The rays of one row of pixels: directions from the source to the detector, in the patient's frame.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Direction to the middle of the first pixel.
    pub first: Point,
    /// What one pixel to the right adds.
    pub step: Point,
}

impl View {
    /// The view of phantom `seed` on `side` x `side` pixels. `width` and `depth` are half the breadth and half the
    /// thickness of the chest in mm.
    #[must_use]
    pub fn new(seed: u64, settings: &Settings, side: usize, width: f64, depth: f64) -> Self {
        let mut stream = Stream::new(seed, PURPOSE);
        let (jitter_x, jitter_y) = (f64::from(stream.between(-3.0, 3.0)), f64::from(stream.between(-4.0, 4.0)));
        let zoom = f64::from(stream.between(2.36, 2.48));
        let tilt = f64::from(stream.between(60.0, 130.0));
        let lean = f64::from(stream.between(-1.5, 1.5));
        let ap = settings.get(Factor::ApView);
        let turn = settings.get(Factor::Rotation);
        let degrees = if turn.present {
            let size = 6.0 + 10.0 * f64::from(turn.strength);
            if turn.side == Side::Left { size } else { -size }
        } else {
            lean
        };
        let angle = degrees * core::f64::consts::PI / 180.0;
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        // The grid and the table keep the skin a little away from the detector. From below the clavicles an AP source
        // throws them upwards: the lordotic look.
        let gap = depth + 22.0;
        let (detector_z, source_film, field) = if ap.present {
            let distance = 1300.0 - 300.0 * f64::from(ap.strength);
            (-gap, [jitter_x, jitter_y + tilt, distance - gap], width * zoom * 1.08)
        } else {
            (gap, [jitter_x, jitter_y + 10.0, gap - 1800.0], width * zoom)
        };
        let side = side.max(1);
        let mut view = Self { side, pitch: field / side as f64, source: [0.0; 3], source_film, detector_z, cos, sin };
        view.source = view.to_patient(source_film);
        view
    }

    fn to_patient(&self, p: Point) -> Point {
        [self.cos * p[0] - self.sin * p[2], p[1], self.sin * p[0] + self.cos * p[2]]
    }

    /// The rays of row `y`.
    #[must_use]
    pub fn row(&self, y: usize) -> Row {
        let half = self.side as f64 / 2.0;
        let s = self.source_film;
        let first =
            [(0.5 - half) * self.pitch - s[0], (y as f64 + 0.5 - half) * self.pitch - s[1], self.detector_z - s[2]];
        Row { first: self.to_patient(first), step: self.to_patient([self.pitch, 0.0, 0.0]) }
    }

    /// Where a point of the patient falls.
    #[must_use]
    pub fn project(&self, p: Point) -> Spot {
        let film = [self.cos * p[0] + self.sin * p[2], p[1], self.cos * p[2] - self.sin * p[0]];
        let s = self.source_film;
        let magnify = (self.detector_z - s[2]) / (film[2] - s[2]);
        let half = self.side as f64 / 2.0;
        Spot {
            x: (s[0] + (film[0] - s[0]) * magnify) / self.pitch + half,
            y: (s[1] + (film[1] - s[1]) * magnify) / self.pitch + half,
            scale: magnify / self.pitch,
        }
    }
}

impl Row {
    /// Direction to pixel `x`.
    #[must_use]
    pub fn direction(&self, x: usize) -> Point {
        let t = x as f64;
        [self.first[0] + t * self.step[0], self.first[1] + t * self.step[1], self.first[2] + t * self.step[2]]
    }
}

/// 0 below `from`, 1 above `to`, smooth between. `from` must be smaller than `to`.
#[must_use]
pub fn smoothstep(from: f64, to: f64, x: f64) -> f64 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A curve through `knots` (ascending first components), flat beyond both ends: Catmull-Rom, so that outlines have no
/// corners.
#[must_use]
pub fn curve(knots: &[(f64, f64)], x: f64) -> f64 {
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return 0.0 };
    if x <= first.0 {
        return first.1;
    }
    if x >= last.0 {
        return last.1;
    }
    let next = knots.iter().position(|k| k.0 > x).unwrap_or(knots.len() - 1).max(1);
    let (p1, p2) = (knots[next - 1], knots[next]);
    let (p0, p3) = (knots[next.saturating_sub(2)], knots[(next + 1).min(knots.len() - 1)]);
    let slope = |a: (f64, f64), b: (f64, f64)| if b.0 > a.0 { (b.1 - a.1) / (b.0 - a.0) } else { 0.0 };
    let width = p2.0 - p1.0;
    let (m1, m2) = (slope(p0, p2) * width, slope(p1, p3) * width);
    let t = (x - p1.0) / width;
    let (t2, t3) = (t * t, t * t * t);
    p1.1 * (2.0 * t3 - 3.0 * t2 + 1.0) + m1 * (t3 - 2.0 * t2 + t) + p2.1 * (3.0 * t2 - 2.0 * t3) + m2 * (t3 - t2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::FACTORS;

    #[test]
    fn rays_and_projection_agree() {
        for (seed, ap) in [(1, false), (2, true), (3, true)] {
            let settings = Settings::draw(seed, &FACTORS, |_, f, _| ap && f != Factor::Inversion);
            let view = View::new(seed, &settings, 100, 155.0, 104.0);
            for (x, y) in [(3, 90), (50, 50), (88, 20)] {
                let d = view.row(y).direction(x);
                let point = [0, 1, 2].map(|k| view.source[k] + 0.9 * d[k]);
                let spot = view.project(point);
                assert!((spot.x - x as f64 - 0.5).abs() < 1e-6 && (spot.y - y as f64 - 0.5).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn what_is_near_the_detector_is_smaller() {
        let plain = Settings::draw(1, &FACTORS, |_, _, _| false);
        let scale = |settings: &Settings, z: f64| {
            let view = View::new(1, settings, 100, 155.0, 104.0);
            view.project([0.0, 0.0, z]).scale * view.pitch
        };
        let ap = plain.with(Factor::ApView, true);
        assert!(scale(&plain, 60.0) < scale(&plain, -60.0) && scale(&ap, 60.0) > scale(&ap, -60.0));
        assert!(scale(&ap, 40.0) > scale(&plain, 40.0) && scale(&plain, 60.0) > 1.0);
    }

    #[test]
    fn a_curve_goes_through_its_knots() {
        let knots = [(0.0, 1.0), (2.0, 5.0), (3.0, 4.0)];
        for knot in knots {
            assert!((curve(&knots, knot.0) - knot.1).abs() < 1e-12);
        }
        assert_eq!((curve(&knots, -9.0), curve(&knots, 9.0), curve(&[], 1.0)), (1.0, 4.0, 0.0));
    }
}
