//! Pulmonary vessels: two seeded trees that taper from the hila.

use super::body::Body;
use super::canvas::{Blend, Canvas, Look};
use super::factors::{Factor, Settings};
use super::projection::Point;
use super::random::Stream;

const PURPOSE: u64 = 24;
/// Blood against aerated lung, per mm; less than the full contrast, because a film averages over breath and heart beat.
const BLOOD: f32 = 0.026;

struct Branch {
    at: Point,
    direction: Point,
    radius: f64,
    length: f64,
    order: u32,
}

/// Draws both trees.
pub fn draw(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    let edema = settings.get(Factor::Edema);
    let swell = if edema.present { 1.25 + 0.35 * f64::from(edema.strength) } else { 1.0 };
    for (number, side) in [-1.0, 1.0].into_iter().enumerate() {
        let mut stream = Stream::new(seed, PURPOSE + number as u64);
        for branch in roots(side, body) {
            grow(branch, swell, body, canvas, &mut stream);
        }
        canvas.flush(Blend::InLung, 1.0);
    }
}

/// The arteries and veins of the lobes: where they leave the hilum and where to.
fn roots(side: f64, body: &Body) -> Vec<Branch> {
    let [sx, sy, sz] = body.scale;
    let hilum = if side < 0.0 { [-32.0, -14.0, -2.0] } else { [36.0, -24.0, -2.0] };
    [
        ([0.55, -0.95, -0.1], 4.3, 26.0),
        ([0.95, -0.45, 0.5], 3.8, 24.0),
        ([0.98, 0.15, 0.3], 3.8, 26.0),
        ([0.80, 0.60, -0.5], 4.4, 26.0),
        ([0.55, 0.95, 0.1], 5.2, 28.0),
        ([0.28, 1.0, -0.4], 5.2, 28.0),
        ([0.25, -1.0, 0.3], 3.5, 24.0),
    ]
    .into_iter()
    .map(|(d, radius, length): (Point, f64, f64)| Branch {
        at: [hilum[0] * sx, hilum[1] * sy, hilum[2] * sz],
        direction: unit([d[0] * side, d[1], d[2]]),
        radius,
        length,
        order: 0,
    })
    .collect()
}

fn grow(branch: Branch, swell: f64, body: &Body, canvas: &mut Canvas, stream: &mut Stream) {
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let length = branch.length * vary(0.92, 1.12);
    let bend = [vary(-0.14, 0.14), vary(-0.12, 0.18), vary(-0.2, 0.2)];
    let turn = [vary(0.26, 0.46), vary(0.26, 0.46)];
    let spin = vary(-0.6, 0.6);
    let taper = 0.80;
    let mut chain = Vec::with_capacity(4);
    let (mut at, mut direction) = (branch.at, branch.direction);
    let pieces = if branch.order < 2 { 3 } else { 2 };
    for step in 0..=pieces {
        let share = 1.0 / f64::from(pieces);
        chain.push((at, branch.radius * swell * (1.0 - 0.165 * share * f64::from(step))));
        if step < pieces {
            direction = unit([0, 1, 2].map(|k| direction[k] + bend[k] * share));
            at = [0, 1, 2].map(|k| at[k] + direction[k] * length * share * body.scale[k]);
        }
    }
    let end = at;
    canvas.chain(&chain, Look::solid(BLOOD));
    if branch.order >= 5 {
        return;
    }
    // Both children are drawn from the stream even where they would leave the lung; the mask cuts them.
    for (k, sign) in [1.0, -1.0].into_iter().enumerate() {
        let t = turn[k] * sign;
        let d = direction;
        let turned = unit([d[0] - t * d[1], d[1] + t * d[0], d[2] + spin * t]);
        let child = Branch {
            at: end,
            direction: turned,
            radius: branch.radius * if k == 0 { taper } else { taper - 0.12 },
            length: branch.length * 0.86,
            order: branch.order + 1 + k as u32,
        };
        grow(child, swell, body, canvas, stream);
    }
}

fn unit(v: Point) -> Point {
    let length = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt().max(1e-9);
    v.map(|c| c / length)
}
