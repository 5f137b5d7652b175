//! Soft tissue and lungs: how much body and how much aerated lung each ray passes.

use super::body::Body;
use super::canvas::{Blend, Canvas, Look};
use super::projection::{Point, Row, View, smoothstep};
use super::solids::{Ellipsoid, Spans, row_height};

/// Attenuation of soft tissue per mm at the quality of chest films.
pub const SOFT: f32 = 0.0178;
/// What aerated lung attenuates less than soft tissue, per mm.
pub const AIR_GAIN: f32 = SOFT * 0.76;

/// Fills the canvas with the body's thickness times [`SOFT`], and with the aerated lung's thickness. The lung's air is
/// not yet taken off the attenuation: findings decide how much of it there is.
pub fn expose(body: &Body, canvas: &mut Canvas) {
    arms(body, canvas);
    let view = canvas.view.clone();
    let mut rows = Rows::new(&view, body);
    for y in 0..view.side {
        let line = y * view.side;
        let range = line..line + view.side;
        rows.trace(&view, body, y, &mut canvas.attenuation[range.clone()], &mut canvas.lung[range]);
    }
}

/// Leaves millimetres of arm in the attenuation, for [`expose`] to join with the trunk.
fn arms(body: &Body, canvas: &mut Canvas) {
    let [sx, sy, _] = body.scale;
    for side in [-1.0, 1.0] {
        let at = |x: f64, y: f64, z: f64| -> Point { [side * (x * sx + body.arm_gap), y * sy, z] };
        let chain = [
            (at(172.0, -112.0, -8.0), 50.0),
            (at(192.0, -40.0, -8.0), 46.0),
            (at(208.0, 60.0, -6.0), 41.0),
            (at(218.0, 200.0, 0.0), 36.0),
        ];
        canvas.chain(&chain, Look::solid(1.0));
    }
    let mut arm = core::mem::take(&mut canvas.attenuation);
    canvas.take_layer(|i, value| arm[i] = value);
    canvas.attenuation = arm;
}

struct Rows {
    trunk: [Spans; 3],
    lungs: [Spans; 2],
    blocks: Vec<Spans>,
    solids: Vec<Ellipsoid>,
    extra: Spans,
    rays: Vec<f32>,
    near: Vec<usize>,
}

impl Rows {
    fn new(view: &View, body: &Body) -> Self {
        let empty = || Spans::new(view.side);
        let solids: Vec<Ellipsoid> = body.heart.iter().chain(&body.domes).copied().collect();
        Self {
            trunk: [empty(), empty(), empty()],
            lungs: [empty(), empty()],
            blocks: (0..solids.len() + 2).map(|_| empty()).collect(),
            solids,
            extra: empty(),
            rays: vec![0.0; view.side],
            near: Vec::new(),
        }
    }

    fn trace(&mut self, view: &View, body: &Body, y: usize, attenuation: &mut [f32], lung: &mut [f32]) {
        let row = view.row(y);
        let height = row_height(view, &row, 0.0);
        for (section, spans) in
            [body.trunk(height), body.shoulders(height), body.neck(height)].iter().zip(&mut self.trunk)
        {
            section.cross(view, &row, spans);
        }
        for (side, spans) in [-1.0, 1.0].into_iter().zip(&mut self.lungs) {
            match body.lung(height, side) {
                Some(section) => section.cross(view, &row, spans),
                None => (spans.first, spans.end) = (0, 0),
            }
        }
        let any_lung = self.lungs.iter().any(|l| l.end > l.first);
        if any_lung {
            let (sections, solids) = self.blocks.split_at_mut(2);
            body.mediastinum(height).cross(view, &row, &mut sections[0]);
            super::skeleton::column(body, height).cross(view, &row, &mut sections[1]);
            for (solid, spans) in self.solids.iter().zip(solids) {
                solid.cross(view, &row, spans);
            }
        }
        self.near.clear();
        if any_lung {
            self.near.extend((0..self.blocks.len()).filter(|&b| self.blocks[b].end > self.blocks[b].first));
        }
        for x in 0..view.side {
            let ray = ray_length(&row, x);
            self.rays[x] = ray;
            let mut fourth = attenuation[x] * attenuation[x];
            fourth *= fourth;
            for spans in &self.trunk {
                let mm = spans.inside(x) * ray;
                fourth += mm * mm * mm * mm;
            }
            // The fourth root of the sum of fourth powers: the larger thickness, with skin folds rounded off.
            attenuation[x] = fourth.sqrt().sqrt() * SOFT;
            if any_lung {
                lung[x] = self.lungs.iter().map(|l| self.free(l, x)).sum::<f32>() * ray;
            }
        }
        for breast in &body.breasts {
            breast.cross(view, &row, &mut self.extra);
            // Skin runs evenly from the collar bone to the breast: only its lower border stands out.
            let tall = 1.0 / breast.to_unit[1][1].abs().max(1e-6);
            let level = (row_height(view, &row, breast.centre[2]) - breast.centre[1]) / tall;
            let share = 0.54 * smoothstep(-1.0, 0.3, level) as f32;
            add(&self.extra, &self.rays, SOFT * share, attenuation);
        }
        if let Some(stomach) = body.stomach {
            stomach.cross(view, &row, &mut self.extra);
            add(&self.extra, &self.rays, -SOFT * 0.7, attenuation);
        }
    }

    /// Share of the ray in one lung and in nothing that lies in the lung's way.
    fn free(&self, lung: &Spans, x: usize) -> f32 {
        if !lung.covers(x) {
            return 0.0;
        }
        let (from, to) = (lung.enter[x], lung.leave[x]);
        let mut cuts = [(0.0f32, 0.0f32); 16];
        let mut count = 0;
        for block in self.near.iter().map(|&b| &self.blocks[b]) {
            if !block.covers(x) || block.leave[x] <= from || block.enter[x] >= to || count == cuts.len() {
                continue;
            }
            // Sorted by entry, so that one pass below measures the union.
            let cut = (block.enter[x].max(from), block.leave[x].min(to));
            let mut at = count;
            while at > 0 && cuts[at - 1].0 > cut.0 {
                cuts[at] = cuts[at - 1];
                at -= 1;
            }
            cuts[at] = cut;
            count += 1;
        }
        let (mut free, mut reached) = (0.0, from);
        for &(enter, leave) in &cuts[..count] {
            if enter > reached {
                free += enter - reached;
            }
            reached = reached.max(leave);
        }
        free + (to - reached).max(0.0)
    }
}

/// Adds a solid of `density` per mm to a row.
fn add(spans: &Spans, rays: &[f32], density: f32, attenuation: &mut [f32]) {
    for (x, (value, ray)) in attenuation.iter_mut().zip(rays).enumerate().take(spans.end).skip(spans.first) {
        *value += spans.inside(x) * ray * density;
    }
}

/// Millimetres from the source to pixel `x`.
fn ray_length(row: &Row, x: usize) -> f32 {
    let d = row.direction(x).map(|v| v as f32);
    (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()
}

/// Takes the air of the lungs off the attenuation.
pub fn aerate(canvas: &mut Canvas) {
    for (value, &mm) in canvas.attenuation.iter_mut().zip(&canvas.lung) {
        *value -= AIR_GAIN * mm;
    }
}

/// Windpipe with its two main bronchi: air in the middle of the neck and chest.
pub fn airways(body: &Body, canvas: &mut Canvas) {
    let [sx, sy, sz] = body.scale;
    let at = |x: f64, y: f64, z: f64, r: f64| ([x * sx, y * sy, z * sz], r);
    let look = Look::solid(1.0);
    canvas.chain(&[at(0.0, -260.0, 0.0, 9.0), at(0.0, -120.0, 0.0, 9.5), at(-2.0, -52.0, -14.0, 9.5)], look);
    canvas.chain(&[at(-2.0, -52.0, -14.0, 7.0), at(-26.0, -24.0, -16.0, 6.0), at(-36.0, -6.0, -16.0, 4.5)], look);
    canvas.chain(&[at(-2.0, -52.0, -14.0, 6.5), at(30.0, -26.0, -16.0, 5.0), at(42.0, -12.0, -16.0, 4.0)], look);
    canvas.flush(Blend::Add, -SOFT * 1.1);
}

/// How much of the neighbourhood of a ray is body, 0 to 1: none in raw beam.
#[must_use]
pub fn body_share(attenuation: f32) -> f32 {
    smoothstep(0.0, 1.5, f64::from(attenuation)) as f32
}
