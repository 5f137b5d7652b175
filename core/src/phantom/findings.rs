//! Diseases: air that is replaced, collapsed or displaced, and opacities added.
//!
//! Each has streams of its own and draws the same numbers whether it is present or not, so that it lies at the same
//! place in every film of a patient.

use super::anatomy::{AIR_GAIN, SOFT};
use super::body::{APEX, Body, SULCUS};
use super::canvas::{Blend, Canvas, Look};
use super::detector::mix;
use super::factors::{Factor, Settings, Side};
use super::projection::{Point, Row, View, curve, smoothstep};
use super::random::Stream;

const EFFUSION: u64 = 64;
const NODULE: u64 = 65;
const CONSOLIDATION: u64 = 66;
const ATELECTASIS: u64 = 67;
const EDEMA: u64 = 68;
const PNEUMOTHORAX: u64 = 69;

/// A change of the air at a place: pixel's x and y in the plane z = 0 (mm) and its lung thickness in, new thickness out.
type Change<'a> = Box<dyn Fn(f64, f64, f32) -> f32 + 'a>;

/// Takes air out of the lungs, or moves it, before it is taken off the attenuation.
pub fn fill(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    let mut changes: Vec<Change> = Vec::new();
    let of = |factor| Some(settings.get(factor)).filter(|s| s.present);
    if let Some(s) = of(Factor::Consolidation) {
        changes.extend(sides(s.side).map(|side| consolidation(seed, side, f64::from(s.strength), body)));
    }
    if let Some(s) = of(Factor::Atelectasis) {
        changes.extend(sides(s.side).map(|side| band(seed, side, f64::from(s.strength), body)));
    }
    if let Some(s) = of(Factor::Edema) {
        changes.push(haze(seed, f64::from(s.strength), body));
    }
    if let Some(s) = of(Factor::Effusion) {
        changes.extend(sides(s.side).map(|side| fluid(seed, side, f64::from(s.strength), body)));
    }
    let collapse = of(Factor::Pneumothorax).map(|s| Collapse::new(seed, s.side, s.strength, body));
    if changes.is_empty() && collapse.is_none() {
        return;
    }
    let view = canvas.view.clone();
    for y in 0..view.side {
        let row = view.row(y);
        for x in 0..view.side {
            let i = y * view.side + x;
            let before = canvas.lung[i];
            if before <= 0.0 {
                continue;
            }
            let (px, py) = middle_plane(&view, &row, x);
            let mut mm = before;
            for change in &changes {
                mm = change(px, py, mm);
            }
            if let Some(beyond) = collapse.as_ref().map(|c| c.beyond(px, py)) {
                // Air without lung in it attenuates still less, and has no vessels.
                canvas.attenuation[i] -= AIR_GAIN * 1.28 * mm * beyond;
                mm *= 1.0 - beyond;
            }
            canvas.lung[i] = mm;
        }
    }
}

/// Adds what is denser than its surroundings: nodule, pleural line, septal lines.
pub fn draw(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    let nodule = settings.get(Factor::Nodule);
    if nodule.present {
        for side in sides(nodule.side) {
            round(seed, side, f64::from(nodule.strength), body, canvas);
        }
    }
    let air = settings.get(Factor::Pneumothorax);
    if air.present {
        for line in Collapse::new(seed, air.side, air.strength, body).lines() {
            canvas.chain(&line, Look::solid(0.22));
        }
        canvas.flush(Blend::Add, 1.0);
    }
    if settings.get(Factor::Edema).present {
        septa(seed, f64::from(settings.get(Factor::Edema).strength), body, canvas);
    }
}

fn sides(side: Side) -> impl Iterator<Item = f64> {
    let both = side == Side::Both;
    [(-1.0, both || side == Side::Right), (1.0, both || side == Side::Left)].into_iter().filter(|s| s.1).map(|s| s.0)
}

/// A stream for one side, so that both sides of one finding are not mirror images.
fn stream(seed: u64, purpose: u64, side: f64) -> Stream {
    Stream::new(seed, purpose + if side < 0.0 { 0 } else { 256 })
}

fn middle_plane(view: &View, row: &Row, x: usize) -> (f64, f64) {
    let d = row.direction(x);
    let t = -view.source[2] / d[2];
    (view.source[0] + t * d[0], view.source[1] + t * d[1])
}

fn dome_top(body: &Body, side: f64) -> f64 {
    let dome = body.domes[usize::from(side > 0.0)];
    dome.centre[1] - 1.0 / dome.to_unit[1][1].max(1e-6)
}

fn fluid<'a>(seed: u64, side: f64, strength: f64, body: &'a Body) -> Change<'a> {
    let mut stream = stream(seed, EFFUSION, side);
    let level = dome_top(body, side).min(76.0) + 16.0 - 58.0 * strength + f64::from(stream.between(-4.0, 4.0));
    let rise = f64::from(stream.between(30.0, 42.0));
    Box::new(move |x, y, mm| {
        if x * side < 0.0 {
            return mm;
        }
        let (lateral, ..) = body.cage(y, side);
        let share = (x * side / lateral).clamp(0.0, 1.0);
        let surface = level - rise * share * share * share;
        mm * (1.0 - 0.96 * smoothstep(-10.0, 9.0, y - surface) as f32)
    })
}

/// The lung edge of a pneumothorax.
struct Collapse<'a> {
    body: &'a Body,
    sides: Vec<f64>,
    drop: f64,
    rim: f64,
}

impl<'a> Collapse<'a> {
    fn new(seed: u64, side: Side, strength: f32, body: &'a Body) -> Self {
        let mut stream = Stream::new(seed, PNEUMOTHORAX);
        let strength = f64::from(strength);
        let drop = 24.0 + 30.0 * strength + f64::from(stream.between(-3.0, 3.0));
        let rim = 13.0 + 30.0 * strength + f64::from(stream.between(-2.0, 2.0));
        Self { body, sides: sides(side).collect(), drop, rim }
    }

    /// Medial and lateral edge of the collapsed lung at height `y`, as distances from the midline.
    fn edges(&self, y: f64, side: f64) -> Option<(f64, f64)> {
        let sy = self.body.scale[1];
        let (top, bottom) = ((APEX + self.drop) * sy, SULCUS * sy);
        if y < top {
            return None;
        }
        let full = APEX * sy + (y - top) * (bottom - APEX * sy) / (bottom - top);
        let section = self.body.lung(full, side)?;
        let rim = self.rim * (1.0 - 0.75 * smoothstep(-110.0, 110.0, y)) / 100.0;
        let medial = section.x * side - section.width;
        // The collapsed lung draws in its apex: rounder than the full one.
        let t = ((full - APEX * sy) / 75.0).clamp(0.0, 1.0);
        let round = 0.55 + 0.45 * (t * (2.0 - t)).sqrt();
        Some((medial, medial + 2.0 * section.width * (1.0 - rim) * round))
    }

    fn beyond(&self, x: f64, y: f64) -> f32 {
        let Some(&side) = self.sides.iter().find(|s| *s * x > 0.0) else { return 0.0 };
        if y > (SULCUS - 2.0) * self.body.scale[1] {
            return 0.0;
        }
        let Some((medial, lateral)) = self.edges(y, side) else { return 1.0 };
        let off = x * side;
        (1.0 - smoothstep(-1.0, 1.0, lateral - off) * smoothstep(-1.0, 1.0, off - medial)) as f32
    }

    fn lines(&self) -> Vec<Vec<(Point, f64)>> {
        let sy = self.body.scale[1];
        let top = (APEX + self.drop) * sy;
        let at = |side: f64, y: f64, medial: bool| {
            self.edges(y, side).map(|(m, l)| ([side * if medial { m } else { l }, y, 0.0], 0.8))
        };
        let mut lines = Vec::new();
        for &side in &self.sides {
            // Dense near the apex, where the outline turns.
            let heights = |k: i32| top + 0.02 + 0.06 * f64::from(k * k);
            let mut line: Vec<_> = (0..18).rev().filter_map(|k| at(side, heights(k), true)).collect();
            line.extend((0..48).filter_map(|k| at(side, heights(k), false)));
            lines.push(line);
        }
        lines
    }
}

/// Smooth noise of mean 0.5, about one bump per `grain` mm.
fn clouds(key: u64, x: f64, y: f64, grain: f64) -> f64 {
    let (u, v) = (x / grain + 512.0, y / grain + 512.0);
    let (iu, iv) = (u.floor(), v.floor());
    let corner = |du: f64, dv: f64| {
        let cell = ((iu + du) as u64).wrapping_mul(0x1_0001).wrapping_add((iv + dv) as u64);
        (mix(key ^ mix(cell)) >> 40) as f64 / 16_777_216.0
    };
    let (s, t) = (smoothstep(0.0, 1.0, u - iu), smoothstep(0.0, 1.0, v - iv));
    let top = corner(0.0, 0.0) * (1.0 - s) + corner(1.0, 0.0) * s;
    let bottom = corner(0.0, 1.0) * (1.0 - s) + corner(1.0, 1.0) * s;
    top * (1.0 - t) + bottom * t
}

fn consolidation<'a>(seed: u64, side: f64, strength: f64, body: &'a Body) -> Change<'a> {
    let mut stream = stream(seed, CONSOLIDATION, side);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let (x, y) = (vary(58.0, 84.0) * body.scale[0], vary(-70.0, 42.0) * body.scale[1]);
    let size = 0.85 + 0.45 * strength;
    let (w, h) = (vary(36.0, 46.0) * size, vary(30.0, 42.0) * size);
    let lean = vary(-0.4, 0.4);
    let density = 0.50 + 0.28 * strength;
    let key = mix(seed ^ mix(CONSOLIDATION + u64::from(side > 0.0)));
    Box::new(move |px, py, mm| {
        if px * side < 0.0 {
            return mm;
        }
        let (dx, dy) = (px * side - x, py - y);
        let (u, v) = ((dx + lean * dy) / w, (dy - lean * dx) / h);
        let from_middle = (u * u + v * v).sqrt();
        if from_middle > 1.4 {
            return mm;
        }
        let rough = 0.75 * clouds(key, px, py, 24.0) + 0.25 * clouds(key ^ 1, px, py, 11.0);
        let share = smoothstep(0.0, 1.0, 1.25 - from_middle + 0.8 * (rough - 0.5));
        mm * (1.0 - (density * share * (0.65 + 0.7 * rough)).min(0.95) as f32)
    })
}

fn band<'a>(seed: u64, side: f64, strength: f64, body: &'a Body) -> Change<'a> {
    let mut stream = stream(seed, ATELECTASIS, side);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let (x, y) = (vary(66.0, 80.0) * body.scale[0], dome_top(body, side) - vary(14.0, 28.0));
    let (long, thick) = (34.0 + 14.0 * strength, 4.5 + 5.0 * strength);
    let slope = vary(-0.32, 0.12);
    Box::new(move |px, py, mm| {
        let (dx, dy) = (px * side - x, py - y);
        let across = (dy - slope * dx).abs() / thick;
        let along = dx.abs() / long;
        if across >= 1.3 || along >= 1.2 {
            return mm;
        }
        let share = smoothstep(0.0, 0.8, 1.3 - across) * smoothstep(0.0, 0.4, 1.2 - along);
        (mm - (44.0 + 30.0 * strength) as f32 * share as f32).max(mm * 0.1)
    })
}

fn haze<'a>(seed: u64, strength: f64, body: &'a Body) -> Change<'a> {
    let mut stream = Stream::new(seed, EDEMA);
    let radius = f64::from(stream.between(50.0, 62.0));
    let key = mix(seed ^ mix(EDEMA));
    let density = 0.26 + 0.28 * strength;
    Box::new(move |x, y, mm| {
        let (dx, dy) = ((x.abs() - 42.0 * body.scale[0]) / radius, (y + 2.0) / (radius * 1.25));
        let near = 1.0 / (1.0 + dx * dx + dy * dy);
        let rough = 0.6 + 0.5 * clouds(key, x, y, 15.0) + 0.3 * clouds(key ^ 1, x, y, 7.0);
        mm * (1.0 - (density * near * near * rough * 1.25).min(0.9) as f32)
    })
}

fn septa(seed: u64, strength: f64, body: &Body, canvas: &mut Canvas) {
    for side in [-1.0, 1.0] {
        let mut stream = stream(seed, EDEMA + 16, side);
        for k in 0..7 {
            let y = (2.0 + 10.0 * f64::from(k) + f64::from(stream.between(-2.0, 2.0))) * body.scale[1];
            let (lateral, ..) = body.cage(y, side);
            let length = f64::from(stream.between(13.0, 20.0));
            let droop = f64::from(stream.between(-2.0, 2.0));
            let from: Point = [side * (lateral - 3.0), y, 0.0];
            let to: Point = [side * (lateral - 3.0 - length), y + droop, 0.0];
            canvas.chain(&[(from, 0.8), (to, 0.7)], Look::solid(0.09 + 0.08 * strength as f32));
        }
    }
    canvas.flush(Blend::InLung, 1.0);
}

/// Diameter of a nodule of a strength, in millimetres: 14 is the least that stands out at 224 pixels.
#[must_use]
pub fn nodule_mm(strength: f64) -> f64 {
    14.0 + 31.0 * strength
}

fn round(seed: u64, side: f64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = stream(seed, NODULE, side);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let radius = nodule_mm(strength) / 2.0;
    let y = vary(-84.0, 12.0) * body.scale[1];
    // Beside the heart and inside the rib cage, whatever its size.
    let (lateral, ..) = body.cage(y, side);
    let inner = curve(&[(-90.0, 38.0), (-40.0, 54.0), (0.0, if side > 0.0 { 86.0 } else { 60.0 })], y);
    let outer = (lateral - radius - 6.0).max(inner);
    let centre = [side * (inner + (outer - inner) * vary(0.0, 1.0)), y, vary(-30.0, 30.0)];
    let squash = vary(0.9, 1.1);
    let spot = canvas.view.project(centre);
    let (rx, ry) = (radius * squash * spot.scale, radius / squash * spot.scale);
    let peak = 0.48 + f64::from(SOFT) * 0.9 * radius;
    let size = canvas.view.side;
    let limit = |v: f64| v.clamp(0.0, size as f64) as usize;
    for y in limit(spot.y - ry - 1.0)..limit(spot.y + ry + 2.0) {
        for x in limit(spot.x - rx - 1.0)..limit(spot.x + rx + 2.0) {
            let (dx, dy) = ((x as f64 + 0.5 - spot.x) / rx, (y as f64 + 0.5 - spot.y) / ry);
            let inside = 1.0 - dx * dx - dy * dy;
            if inside > 0.0 {
                let i = y * size + x;
                let share = (canvas.lung[i] / 40.0).min(1.0);
                canvas.attenuation[i] += (peak * smoothstep(0.0, 0.75, inside)) as f32 * share;
            }
        }
    }
}
