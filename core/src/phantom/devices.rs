//! Metal and plastic: pacemaker, wires, catheter, rods, jewellery.

use super::body::Body;
use super::canvas::{Blend, Canvas, Look};
use super::factors::{Factor, Settings, Side};
use super::projection::{Point, smoothstep};
use super::random::Stream;
use super::skeleton::smooth;

const PACEMAKER: u64 = 80;
const WIRES: u64 = 81;
const LINE: u64 = 82;
const RODS: u64 = 83;
const PIERCING: u64 = 84;

/// Draws every device that is present.
pub fn draw(seed: u64, settings: &Settings, body: &Body, canvas: &mut Canvas) {
    let of = |factor| Some(settings.get(factor)).filter(|s| s.present);
    if let Some(s) = of(Factor::Rods) {
        rods(seed, f64::from(s.strength), body, canvas);
    }
    if let Some(s) = of(Factor::SternotomyWires) {
        wires(seed, f64::from(s.strength), body, canvas);
    }
    if let Some(s) = of(Factor::JugularLine) {
        line(seed, if s.side == Side::Left { 1.0 } else { -1.0 }, f64::from(s.strength), body, canvas);
    }
    if let Some(s) = of(Factor::Pacemaker) {
        pacemaker(seed, if s.side == Side::Right { -1.0 } else { 1.0 }, f64::from(s.strength), body, canvas);
    }
    if let Some(s) = of(Factor::Piercing) {
        piercing(seed, f64::from(s.strength), body, canvas);
    }
}

fn place(body: &Body, x: f64, y: f64, z: f64) -> Point {
    [x * body.scale[0], y * body.scale[1], z * body.scale[2]]
}

/// A closed ring in the film plane.
fn ring(centre: Point, wide: f64, high: f64, wire: f64) -> Vec<(Point, f64)> {
    (0..=20)
        .map(|k| {
            let angle = f64::from(k) * core::f64::consts::PI / 10.0;
            ([centre[0] + wide * libm::cos(angle), centre[1] + high * libm::sin(angle), centre[2]], wire)
        })
        .collect()
}

/// Whether a pacemaker of a strength has a second lead, to the right atrium.
#[must_use]
pub fn has_two_leads(strength: f64) -> bool {
    strength > 0.4
}

fn pacemaker(seed: u64, side: f64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, PACEMAKER);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let (x, y) = (side * vary(92.0, 104.0), vary(-84.0, -70.0));
    let size = 21.0 + 6.0 * strength;
    let tip = (vary(34.0, 44.0), vary(58.0, 66.0));
    let can = place(body, x, y, 86.0);
    let spot = canvas.view.project(can);
    let (w, h) = (size * spot.scale, size * 0.92 * spot.scale);
    let side_px = canvas.view.side;
    let limit = |v: f64| v.clamp(0.0, side_px as f64) as usize;
    for py in limit(spot.y - h * 1.2)..limit(spot.y + h * 1.2 + 1.0) {
        for px in limit(spot.x - w * 1.2)..limit(spot.x + w * 1.2 + 1.0) {
            let (u, v) = ((px as f64 + 0.5 - spot.x) / w, (py as f64 + 0.5 - spot.y) / h);
            let q = u * u * u * u * 0.6 + v * v * v * v * 0.6 + 0.4 * (u * u + v * v);
            let edge = 1.5 / w.max(1.0);
            // Battery below, electronics above, and the plastic head with the plugs.
            let inside = smoothstep(-edge, edge, 1.0 - q);
            let battery = if v > -0.05 { 1.0 } else { 0.72 };
            let metal = if v < -0.62 { 1.2 } else { 3.8 * battery };
            canvas.attenuation[py * side_px + px] += (metal * inside) as f32;
        }
    }
    let lead = Look::solid(0.75);
    let head = |k: f64| ([can[0] - side * (4.0 + 5.0 * k), can[1] - size * 0.8, can[2]], 1.2);
    let at = |x: f64, y: f64, z: f64| (place(body, x, y, z), 1.1);
    let entry = |k: f64| {
        let mut path =
            vec![head(k), at(side * (84.0 - 4.0 * k), -108.0 - k, 70.0), at(side * (60.0 - 2.0 * k), -113.0 - k, 50.0)];
        path.push(at(side * 34.0, -107.0 - k, 30.0));
        if side > 0.0 {
            path.push(at(8.0, -96.0 - k, 24.0));
        }
        path.extend([at(-15.0 - k, -82.0, 16.0), at(-21.0 - k, -50.0, 8.0), at(-24.0 - k, -10.0, 8.0)]);
        path
    };
    let mut ventricle = entry(0.0);
    ventricle.extend([at(-19.0, 28.0, 16.0), at(-2.0, 50.0, 34.0), at(tip.0, tip.1, 50.0)]);
    canvas.chain(&smooth(&ventricle), lead);
    canvas.chain(&[at(tip.0 - 5.0, tip.1 - 1.5, 49.0), at(tip.0, tip.1, 50.0)].map(|p| (p.0, 1.7)), Look::solid(1.2));
    canvas.flush(Blend::Add, 1.0);
    if has_two_leads(strength) {
        let mut atrium = entry(2.0);
        atrium.extend([at(-26.0, 18.0, 16.0), at(-18.0, 27.0, 30.0), at(-12.0, 14.0, 38.0)]);
        canvas.chain(&smooth(&atrium), lead);
        canvas.flush(Blend::Add, 1.0);
    }
}

fn wires(seed: u64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, WIRES);
    // Seven places are drawn always, so that one wire more does not move the others.
    let count = 4 + (strength * 3.999) as usize;
    let shift = f64::from(stream.between(-3.0, 3.0));
    let gap = f64::from(stream.between(19.0, 22.0));
    let look = Look::solid(1.6);
    for k in 0..7usize {
        let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
        let (x, dy, wide, high, lean) =
            (vary(-2.0, 2.0), vary(-2.0, 2.0), vary(7.0, 9.0), vary(4.2, 5.6), vary(-2.0, 2.0));
        if k >= count {
            continue;
        }
        let centre = place(body, shift + x, -76.0 + gap * k as f64 + dy, 92.0);
        canvas.chain(&ring(centre, wide, high, 0.75), look);
        let twist = |along: f64| ([centre[0] + lean * along, centre[1] + high + 5.0 * along, centre[2]], 1.1);
        canvas.chain(&[twist(-0.2), twist(1.0)], look);
    }
    canvas.flush(Blend::Add, 1.0);
}

fn line(seed: u64, side: f64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, LINE);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let (neck, bend) = (vary(36.0, 50.0), vary(-3.0, 3.0));
    let at = |x: f64, y: f64, z: f64| (place(body, x, y, z), 1.25);
    let mut path = vec![
        at(side * (neck + 12.0), -230.0, 30.0),
        at(side * neck, -170.0, 30.0),
        at(side * (30.0 + bend), -128.0, 26.0),
    ];
    path.push(at(side * 25.0, -104.0, 24.0));
    if side > 0.0 {
        path.extend([at(12.0, -92.0, 24.0), at(-10.0, -84.0, 20.0)]);
    }
    path.extend([at(-20.0, -70.0, 14.0), at(-24.0 + 0.3 * bend, -42.0, 8.0), at(-25.0, -24.0 + 40.0 * strength, 8.0)]);
    canvas.chain(&smooth(&path), Look::solid(0.55));
    canvas.flush(Blend::Add, 1.0);
}

fn rods(seed: u64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, RODS);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let top = vary(-50.0, -30.0) - 50.0 * strength;
    let bottom = vary(56.0, 76.0) + 60.0 * strength;
    let (bow, apart) = (vary(-5.0, 5.0), vary(13.0, 16.0));
    let x = |side: f64, y: f64| side * apart + bow * (1.0 - y * y / 15_000.0);
    for side in [-1.0, 1.0] {
        let rod: Vec<_> = (0..=12)
            .map(|k| top + (bottom - top) * f64::from(k) / 12.0)
            .map(|y| (place(body, x(side, y), y, -92.0), 2.8))
            .collect();
        canvas.chain(&rod, Look::solid(0.42));
        for level in 0..9 {
            let y = -112.0 + 27.0 * f64::from(level);
            if y < top + 3.0 || y > bottom - 3.0 {
                continue;
            }
            let head = place(body, x(side, y), y, -92.0);
            let tip = place(body, x(side, y) - side * 9.0, y - 3.0, -50.0);
            canvas.chain(&[(head, 2.6), (tip, 1.8)], Look::solid(0.40));
            let wing = |d: f64| ([head[0] + d, head[1], head[2]], 3.6);
            canvas.chain(&[wing(-3.0), wing(3.0)], Look::solid(0.45));
        }
    }
    canvas.flush(Blend::Add, 1.0);
}

fn piercing(seed: u64, strength: f64, body: &Body, canvas: &mut Canvas) {
    let mut stream = Stream::new(seed, PIERCING);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let (x, y, choice) = (vary(78.0, 90.0), vary(30.0, 46.0), vary(0.0, 1.0));
    let (dx, dy) = (vary(-4.0, 4.0), vary(-4.0, 4.0));
    let radius = 6.0 + 2.5 * strength;
    let look = Look::solid(0.95);
    for (side, worn) in [(-1.0, choice < 0.75), (1.0, choice > 0.25)] {
        if worn {
            let centre = place(body, side * x + dx, y + side * dy, 108.0);
            canvas.chain(&ring(centre, radius, radius * 0.95, 1.1), look);
            let bead = |d: f64| ([centre[0] + d, centre[1] + radius, centre[2]], 2.1);
            canvas.chain(&[bead(-0.4), bead(0.4)], look);
        }
    }
    canvas.flush(Blend::Add, 1.0);
}
