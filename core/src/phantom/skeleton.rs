//! Bones: spine, ribs, clavicles, shoulder blades, upper arms.

use super::body::Body;
use super::canvas::{Blend, Canvas, Look};
use super::factors::{Factor, Settings};
use super::projection::{Point, Spot, smoothstep};
use super::random::Stream;
use super::solids::{Section, Spans, row_height};

const SPINE: u64 = 16;
const RIBS: u64 = 17;
const GIRDLE: u64 = 18;

/// What ribs attenuate more than soft tissue: a hard shell, flat as ribs are.
const RIB: Look = Look { wall: 0.037, core: 0.022, hollow: 0.76, flat: 0.55 };

/// Section of the vertebral column with the muscles close to it.
#[must_use]
pub fn column(body: &Body, y: f64) -> Section {
    let [sx, sy, sz] = body.scale;
    let low = smoothstep(-140.0, 140.0, y / sy);
    Section { x: 0.0, z: -54.0 * sz, width: (17.0 + 6.0 * low) * sx, depth: 17.0 * sz }
}

/// Draws every bone.
pub fn draw(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    spine(seed, body, canvas);
    ribs(seed, body, canvas);
    girdle(seed, settings, body, canvas);
}

fn spine(seed: u64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, SPINE);
    let phase = f64::from(stream.between(0.0, 1.0));
    let sway = f64::from(stream.between(-3.0, 3.0));
    let view = canvas.view.clone();
    let mut spans = Spans::new(view.side);
    for y in 0..view.side {
        let row = view.row(y);
        let height = row_height(&view, &row, -54.0 * body.scale[2]);
        let mut section = column(body, height);
        // Vertebrae grow from 18 mm in the neck to 34 mm at the waist; a disc is a fifth of each.
        let along = height / body.scale[1];
        let level = along / 25.0 - along * along.abs() / 60_000.0 + phase;
        let part = level - level.floor();
        let disc = smoothstep(0.30, 0.42, (part - 0.5).abs());
        section.x += sway * (1.0 - along * along / 30_000.0);
        section.width *= 0.97 + 0.06 * disc;
        section.cross(&view, &row, &mut spans);
        let density = 0.0104 - 0.0066 * disc as f32;
        for x in spans.first..spans.end {
            let mm = spans.inside(x) * 1800.0f32.min(row.direction(x)[2].abs() as f32);
            canvas.attenuation[y * view.side + x] += mm * density;
        }
    }
    // Pedicles in pairs and the spinous process between them.
    for level in -7i32..=8 {
        let along = 25.0 * (f64::from(level) - phase) + 12.0;
        let y = along * body.scale[1];
        let x = sway * (1.0 - along * along / 30_000.0);
        let half = column(body, y).width * 0.62;
        for side in [-1.0, 1.0] {
            let at = |dy: f64| -> (Point, f64) { ([x + side * half, y + dy, -66.0], 4.0) };
            canvas.chain(&[at(-2.0), at(2.0)], Look { wall: 0.016, core: 0.004, hollow: 0.7, flat: 1.0 });
        }
        let tip = |dy: f64, r: f64| -> (Point, f64) { ([x, y + dy, -88.0], r) };
        canvas.chain(&[tip(4.0, 2.2), tip(14.0, 3.4)], Look { wall: 0.018, core: 0.008, hollow: 0.6, flat: 1.0 });
        canvas.flush(Blend::Add, 1.0);
    }
}

fn ribs(seed: u64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, RIBS);
    let [_, sy, sz] = body.scale;
    let slope = f64::from(stream.between(0.95, 1.05));
    let thick = f64::from(stream.between(0.9, 1.1));
    let phase = f64::from(stream.between(-2.5, 2.5));
    for side in [-1.0, 1.0] {
        for rib in 0..11 {
            let k = f64::from(rib);
            let start = (-128.0 + 23.0 * k + phase + f64::from(stream.between(-0.6, 0.6))) * sy;
            let drop = (44.0 + 9.0 * k.min(6.0)) * slope * sy;
            let last = if rib < 8 { 0.875 - 0.013 * k } else { 0.66 - 0.06 * (k - 8.0) };
            let mut chain: Vec<(Point, f64)> = Vec::with_capacity(20);
            for step in 0..=14 {
                let f = 0.045 + (last - 0.045) * f64::from(step) / 14.0;
                let angle = f * core::f64::consts::PI;
                let (sin, cos) = (libm::sin(angle), libm::cos(angle));
                let y =
                    start - 7.0 * libm::sin((f * 3.4).min(1.0) * core::f64::consts::PI) + drop * f * (0.55 + 0.75 * f);
                let (lateral, depth, z) = body.cage(y.max(-126.0 * sy), side);
                let x = side * (lateral + 1.0) * libm::pow(sin, if f < 0.5 { 0.8 } else { 0.6 });
                let thin = if f > 0.62 { 1.0 + 0.12 * smoothstep(0.62, 0.8, f) } else { 1.0 };
                chain.push(([x, y, z - (depth + 5.0 * sz) * cos], 5.2 * thick * thin));
            }
            // The front part is thinner and ends in cartilage, which does not show: it fades.
            let back = 8;
            canvas.chain(&chain[..=back], RIB);
            for (step, pair) in chain[back..].windows(2).enumerate() {
                canvas.chain(pair, RIB.times(0.80 - 0.020 * (step * step) as f32));
            }
            canvas.flush(Blend::Add, 1.0);
        }
    }
}

fn girdle(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, GIRDLE);
    let [sx, sy, sz] = body.scale;
    let ap = settings.get(Factor::ApView).present;
    for side in [-1.0, 1.0] {
        let lift = f64::from(stream.between(-5.0, 5.0));
        let at = |x: f64, y: f64, z: f64, r: f64| -> (Point, f64) { ([side * x * sx, (y + lift) * sy, z * sz], r) };
        let clavicle = [
            at(17.0, -100.0, 66.0, 8.5),
            at(32.0, -104.0, 68.0, 6.5),
            at(60.0, -113.0, 60.0, 5.4),
            at(90.0, -124.0, 42.0, 5.0),
            at(118.0, -131.0, 20.0, 5.2),
            at(142.0, -133.0, 4.0, 6.6),
            at(155.0, -131.0, -2.0, 6.0),
        ];
        canvas.chain(&smooth(&clavicle), Look { wall: 0.050, core: 0.030, hollow: 0.72, flat: 0.9 });
        canvas.flush(Blend::Add, 1.0);
        // With the arms forward (PA) the blades slide off the lungs; lying on the back they stay over them.
        let slide = if ap { -22.0 } else { 6.0 };
        let blade = |x: f64, y: f64| at(x + slide, y, -78.0, 1.0).0;
        let corners = [blade(100.0, -112.0), blade(146.0, -104.0), blade(110.0, 12.0), blade(92.0, -60.0)];
        plate(canvas, &corners, 0.22);
        let edge = [
            at(146.0 + slide, -102.0, -72.0, 5.0),
            at(132.0 + slide, -62.0, -78.0, 3.6),
            at(116.0 + slide, -8.0, -80.0, 2.4),
            at(109.0 + slide, 12.0, -80.0, 1.2),
            at(100.0 + slide, -22.0, -80.0, 1.2),
            at(94.0 + slide, -66.0, -80.0, 1.2),
        ];
        canvas.chain(&smooth(&edge), Look { wall: 0.034, core: 0.020, hollow: 0.7, flat: 1.0 });
        canvas.flush(Blend::Add, 1.0);
        let ridge = [
            at(100.0 + slide, -98.0, -84.0, 2.5),
            at(140.0 + slide * 0.5, -122.0, -70.0, 4.5),
            at(168.0, -134.0, -40.0, 6.5),
        ];
        canvas.chain(&smooth(&ridge), Look { wall: 0.032, core: 0.020, hollow: 0.7, flat: 1.0 });
        canvas.flush(Blend::Add, 1.0);
        let gap = body.arm_gap * 0.5 / sx;
        let arm = [
            at(172.0 + gap, -106.0, -14.0, 22.0),
            at(177.0 + gap, -96.0, -14.0, 20.0),
            at(184.0 + gap, -74.0, -12.0, 12.5),
            at(194.0 + gap, -10.0, -10.0, 11.0),
            at(206.0 + gap, 90.0, -8.0, 11.0),
        ];
        canvas.chain(&arm, Look { wall: 0.026, core: 0.013, hollow: 0.82, flat: 0.8 });
        canvas.flush(Blend::Add, 1.0);
    }
}

/// Three points for each of a chain, on a curve through all of them.
#[must_use]
pub fn smooth(chain: &[(Point, f64)]) -> Vec<(Point, f64)> {
    let last = chain.len().saturating_sub(1);
    let mut out = Vec::with_capacity(chain.len() * 3);
    for i in 0..last {
        let [p0, p1, p2, p3] = [i.saturating_sub(1), i, i + 1, (i + 2).min(last)].map(|k| chain[k]);
        for step in 0..3 {
            let t = f64::from(step) / 3.0;
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                0.5 * (2.0 * b
                    + (c - a) * t
                    + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
                    + (3.0 * b - a - 3.0 * c + d) * t * t * t)
            };
            let point = [0, 1, 2].map(|k| mix(p0.0[k], p1.0[k], p2.0[k], p3.0[k]));
            out.push((point, (p1.1 + (p2.1 - p1.1) * t).max(0.0)));
        }
    }
    out.extend(chain.last());
    out
}

/// Adds `attenuation` inside a convex outline, given clockwise on the film for either side, with a soft border.
fn plate(canvas: &mut Canvas, corners: &[Point], attenuation: f32) {
    let spots: Vec<Spot> = corners.iter().map(|&c| canvas.view.project(c)).collect();
    let side = canvas.view.side;
    let limit = |v: f64| v.clamp(0.0, side as f64) as usize;
    let bounds = spots
        .iter()
        .fold((f64::MAX, f64::MAX, 0.0f64, 0.0f64), |b, s| (b.0.min(s.x), b.1.min(s.y), b.2.max(s.x), b.3.max(s.y)));
    let soft = 4.0 * spots.first().map_or(1.0, |s| s.scale);
    // Each border as its distance from pixel (0, 0) and what a step right and a step down add to that.
    let turn = if corners.first().is_some_and(|c| c[0] > 0.0) { 1.0 } else { -1.0 };
    let after = spots.iter().cycle().skip(1);
    let borders: Vec<[f64; 3]> = spots
        .iter()
        .zip(after)
        .map(|(a, b)| {
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let unit = turn / (dx * dx + dy * dy).max(1e-9).sqrt();
            [(dy * a.x - dx * a.y) * unit, -dy * unit, dx * unit]
        })
        .collect();
    for y in limit(bounds.1)..limit(bounds.3) {
        for x in limit(bounds.0)..limit(bounds.2) {
            let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
            let inside = borders.iter().map(|b| b[0] + b[1] * px + b[2] * py).fold(f64::MAX, f64::min);
            canvas.attenuation[y * side + x] += attenuation * smoothstep(0.0, soft, inside) as f32;
        }
    }
}
