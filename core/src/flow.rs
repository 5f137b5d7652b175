//! Optical flow: which way and how far things move along a shift.
//!
//! Enter frames of one size; leaves a vector for every pixel, in pixels, and the arrows worth drawing. The solver is that
//! of `skimage.registration.optical_flow_ilk` with its defaults: iterative Lucas-Kanade (Le Besnerais and Champagnat
//! 2005, "Dense optical flow by iterative local window registration", table 2) from coarse to fine, in f64 throughout.
//! [`shift_flow`] and [`arrows`] are the view of gifsplanation's `gif-generate-opticalflow`. Knows nothing of models.

use crate::difference::{gaussian_kernel, percentile};
use crate::error::{Error, Result};
use crate::plane::Plane;
use rayon::prelude::*;

/// Arrows for each side of the picture, about, in gifsplanation's figures.
pub const ARROWS_PER_SIDE: usize = 35;
/// How many times as long as the motion gifsplanation's figures draw an arrow (matplotlib's `scale=0.25`).
pub const ARROW_STRETCH: f32 = 4.0;

/// Pixels on each side of the window in which all is taken to move together.
const RADIUS: usize = 7;
/// How often the second picture is moved onto the first at each size.
const WARPS: usize = 10;
/// No picture of the pyramid is made from one that is not more than twice this small.
const SMALLEST: usize = 16;
/// Pictures in the pyramid, at most.
const SIZES: usize = 10;
/// A window whose determinant is smaller says nothing about motion.
const SINGULAR: f64 = 1e-14;
/// Arrows whose strength is not above this percentile are left out.
const KEEP_ABOVE: f32 = 98.0;

/// A motion for every pixel, in pixels: what lies at (x, y) in the first picture lies at (x + u, y + v) in the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Motion to the right.
    pub u: Plane,
    /// Motion down.
    pub v: Plane,
}

/// One vector of a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrow {
    /// The pixel that moves: its column.
    pub x: usize,
    /// Its row.
    pub y: usize,
    /// Motion to the right, in pixels.
    pub u: f32,
    /// Motion down, in pixels.
    pub v: f32,
}

/// The motion from `first` to `second`. Where a window shows nothing at all the motion is zero; where all its edges run
/// one way, the motion along them is unknown and what comes out is chance, as in skimage.
///
/// # Errors
/// When the sizes differ, a side is a single pixel, or a sample is not a number.
pub fn optical_flow(first: &Plane, second: &Plane) -> Result<Flow> {
    let (width, height) = (first.width(), first.height());
    for plane in [first, second] {
        if (plane.width(), plane.height()) != (width, height) {
            return Err(Error::Shape {
                what: "second frame of an optical flow".into(),
                expected: format!("{width} x {height}"),
                found: format!("{} x {}", plane.width(), plane.height()),
            });
        }
        if width < 2 || height < 2 {
            return Err(Error::Invalid(format!("{width} x {height} pixels are too few for an optical flow")));
        }
        if plane.data().iter().any(|v| !v.is_finite()) {
            return Err(Error::Invalid("an optical flow needs frames of finite samples".into()));
        }
    }
    let (first, second) = (pyramid(first), pyramid(second));
    let mut flow: Option<Motion> = None;
    for (first, second) in first.iter().zip(&second).rev() {
        let start = match flow {
            Some(coarse) => coarse.resized(first.width, first.height),
            None => Motion::none(first.width, first.height),
        };
        flow = Some(refine(first, second, start));
    }
    let Motion { u, v } = flow.unwrap_or_else(|| Motion::none(width, height));
    Ok(Flow { u: u.into_plane()?, v: v.into_plane()? })
}

/// The motion of a shift: for each pixel the largest `u` and the largest `v` over the pairs of neighbouring frames, as
/// gifsplanation takes it. Both are signed, so the largest of leftward motions is the shortest.
///
/// # Errors
/// When there are fewer than two frames, or as [`optical_flow`].
pub fn shift_flow(frames: &[Plane]) -> Result<Flow> {
    let flows: Vec<Flow> = frames.par_windows(2).map(|w| optical_flow(&w[0], &w[1])).collect::<Result<_>>()?;
    flows
        .into_iter()
        .map(Ok)
        .reduce(|most, next| {
            let (most, next) = (most?, next?);
            Ok(Flow { u: most.u.zip(&next.u, f32::max)?, v: most.v.zip(&next.v, f32::max)? })
        })
        .unwrap_or_else(|| Err(Error::Invalid("an optical flow needs at least two frames".into())))
}

/// The arrows of gifsplanation's figures: a grid of about `per_side` vectors a side ([`ARROWS_PER_SIDE`]), of which those
/// stay whose `u * v` is above the 98th percentile of the grid. That favours slanting motion: up and left, or down and
/// right. They come row by row; draw them [`ARROW_STRETCH`] times as long as they are.
#[must_use]
pub fn arrows(flow: &Flow, per_side: usize) -> Vec<Arrow> {
    let (width, height) = (flow.u.width(), flow.u.height());
    let step = (width / per_side.max(1)).max(height / per_side.max(1)).max(1);
    let rows = (0..height).step_by(step);
    let grid: Vec<Arrow> = rows
        .flat_map(|y| (0..width).step_by(step).map(move |x| (x, y)))
        .map(|(x, y)| Arrow { x, y, u: flow.u.get(x, y), v: flow.v.get(x, y) })
        .collect();
    let strengths: Vec<f32> = grid.iter().map(|a| a.u * a.v).collect();
    let least = percentile(&strengths, KEEP_ABOVE);
    grid.into_iter().zip(strengths).filter(|&(_, strength)| strength > least).map(|(arrow, _)| arrow).collect()
}

/// Row-major samples in f64; no side is shorter than two.
#[derive(Clone)]
struct Grid {
    width: usize,
    height: usize,
    data: Vec<f64>,
}

impl Grid {
    fn filled(width: usize, height: usize, value: f64) -> Self {
        Self { width, height, data: vec![value; width * height] }
    }

    fn row(&self, y: usize) -> &[f64] {
        &self.data[y * self.width..(y + 1) * self.width]
    }

    fn into_plane(self) -> Result<Plane> {
        Plane::new(self.width, self.height, self.data.into_iter().map(|v| v as f32).collect())
    }
}

/// A flow under construction.
struct Motion {
    u: Grid,
    v: Grid,
}

impl Motion {
    fn none(width: usize, height: usize) -> Self {
        Self { u: Grid::filled(width, height, 0.0), v: Grid::filled(width, height, 0.0) }
    }

    /// The flow of a larger picture: nearest neighbour, corner on corner (`scipy.ndimage.zoom` of order 0), and longer as
    /// the picture is larger.
    fn resized(&self, width: usize, height: usize) -> Self {
        let nearest = |from: usize, to: usize| -> Vec<usize> {
            let ratio = (from - 1) as f64 / (to - 1) as f64;
            (0..to).map(|i| ((i as f64 * ratio + 0.5) as usize).min(from - 1)).collect()
        };
        let (columns, rows) = (nearest(self.u.width, width), nearest(self.u.height, height));
        let resize = |grid: &Grid, scale: f64| {
            let data = rows.iter().flat_map(|&y| columns.iter().map(move |&x| grid.row(y)[x] * scale));
            Grid { width, height, data: data.collect() }
        };
        let scale = |from: usize, to: usize| to as f64 / from as f64;
        Self { u: resize(&self.u, scale(self.u.width, width)), v: resize(&self.v, scale(self.v.height, height)) }
    }
}

/// The picture at its own size, at half of it, and so on.
fn pyramid(plane: &Plane) -> Vec<Grid> {
    let data = plane.data().iter().map(|&v| f64::from(v)).collect();
    let mut grid = Grid { width: plane.width(), height: plane.height(), data };
    let mut sizes = Vec::new();
    while sizes.len() + 1 < SIZES && grid.width.min(grid.height) > 2 * SMALLEST {
        let smaller = halved(&grid);
        sizes.push(grid);
        grid = smaller;
    }
    sizes.push(grid);
    sizes
}

/// Half the size, rounded up, as `skimage.transform.pyramid_reduce` does it: a Gaussian of sigma 2/3, cut off at 4 sigma,
/// then linear interpolation at the middles of the new pixels.
fn halved(grid: &Grid) -> Grid {
    const BLUR: usize = 3;
    let kernel = gaussian_kernel(2.0 / 3.0, BLUR);
    // The picture repeats beyond its border, the border pixel twice (scipy's "reflect").
    let beyond = |i: usize, length: usize| if i < length { i } else { 2 * length - 1 - i };
    let at = |i: usize, k: usize, length: usize| match (i + k).checked_sub(BLUR) {
        Some(inside) => beyond(inside, length),
        None => BLUR - 1 - i - k,
    };
    let mut wide = Grid::filled(grid.width, grid.height, 0.0);
    for (y, out) in wide.data.chunks_exact_mut(grid.width).enumerate() {
        for (k, weight) in kernel.iter().enumerate() {
            out.iter_mut().zip(grid.row(at(y, k, grid.height))).for_each(|(o, s)| *o += weight * s);
        }
    }
    let mut blurred = wide.clone();
    for (out, row) in blurred.data.chunks_exact_mut(grid.width).zip(wide.data.chunks_exact(grid.width)) {
        for (x, out) in out.iter_mut().enumerate() {
            *out = kernel.iter().enumerate().map(|(k, weight)| weight * row[at(x, k, grid.width)]).sum();
        }
    }
    let middles = |from: usize| -> Vec<f64> {
        let to = from.div_ceil(2);
        (0..to).map(|i| (i as f64 + 0.5) * (from as f64 / to as f64) - 0.5).collect()
    };
    let (columns, rows) = (middles(grid.width), middles(grid.height));
    let data = rows.iter().flat_map(|&y| columns.iter().map(move |&x| (x, y))).map(|(x, y)| linear(&blurred, x, y));
    Grid { width: columns.len(), height: rows.len(), data: data.collect() }
}

/// The value between four pixels; beyond the border lies the nearest pixel.
fn linear(grid: &Grid, x: f64, y: f64) -> f64 {
    let place = |at: f64, length: usize| {
        let at = at.clamp(0.0, (length - 1) as f64);
        let low = at as usize;
        (low, (low + 1).min(length - 1), at - low as f64)
    };
    let ((left, right, across), (top, bottom, down)) = (place(x, grid.width), place(y, grid.height));
    let mix = |row: &[f64]| row[left] * (1.0 - across) + row[right] * across;
    mix(grid.row(top)) * (1.0 - down) + mix(grid.row(bottom)) * down
}

/// The solver at one size: the second picture is moved by the flow so far, and the flow made better, over and over.
fn refine(first: &Grid, second: &Grid, mut flow: Motion) -> Motion {
    let (width, height) = (first.width, first.height);
    let count = width * height;
    let mut moved = first.clone();
    // The linear system of each pixel, before and after the mean over its window: xx, xy, yy, and the right-hand sides.
    let mut terms: [Grid; 5] = std::array::from_fn(|_| Grid::filled(width, height, 0.0));
    for _ in 0..WARPS {
        for i in 0..count {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            moved.data[i] = linear(second, x + flow.u.data[i], y + flow.v.data[i]);
        }
        for i in 0..count {
            let (dx, dy) = gradient(&moved, i % width, i / width);
            let error = dx * flow.u.data[i] + dy * flow.v.data[i] + first.data[i] - moved.data[i];
            for (term, value) in terms.iter_mut().zip([dx * dx, dx * dy, dy * dy, dx * error, dy * error]) {
                term.data[i] = value;
            }
        }
        let [xx, xy, yy, bx, by] = terms.each_ref().map(|term| window_mean(term).data);
        for i in 0..count {
            let determinant = xx[i] * yy[i] - xy[i] * xy[i];
            let known = determinant.abs() >= SINGULAR;
            let solve = |value: f64| if known { value / determinant } else { 0.0 };
            flow.u.data[i] = solve(bx[i] * yy[i] - by[i] * xy[i]);
            flow.v.data[i] = solve(by[i] * xx[i] - bx[i] * xy[i]);
        }
    }
    flow
}

/// Slope to the right and down: between both neighbours, at the border between the pixel and its only neighbour
/// (`numpy.gradient`).
fn gradient(grid: &Grid, x: usize, y: usize) -> (f64, f64) {
    let (left, right) = (x.saturating_sub(1), (x + 1).min(grid.width - 1));
    let (above, below) = (y.saturating_sub(1), (y + 1).min(grid.height - 1));
    let row = grid.row(y);
    let (dx, dy) = (row[right] - row[left], grid.row(below)[x] - grid.row(above)[x]);
    (dx / (right - left) as f64, dy / (below - above) as f64)
}

/// The mean over the window around each pixel. Beyond the border the picture repeats, the border pixel once (scipy's
/// "mirror"). Each window is summed afresh: a running sum would leave dust where there is nothing, and dust has a flow.
fn window_mean(grid: &Grid) -> Grid {
    const SIDE: usize = 2 * RADIUS + 1;
    // Where the samples of a line and RADIUS more at each end come from.
    let padded = |length: usize| -> Vec<usize> {
        let period = 2 * (length - 1);
        let place = |i: usize| {
            let at = (i + period * RADIUS - RADIUS) % period;
            at.min(period - at)
        };
        (0..length + 2 * RADIUS).map(place).collect()
    };
    let (columns, rows) = (padded(grid.width), padded(grid.height));
    let mut out = Grid::filled(grid.width, grid.height, 0.0);
    let mut sums = vec![0.0; grid.width];
    let mut line = vec![0.0; columns.len()];
    for (y, means) in out.data.chunks_exact_mut(grid.width).enumerate() {
        sums.fill(0.0);
        for &row in &rows[y..y + SIDE] {
            sums.iter_mut().zip(grid.row(row)).for_each(|(sum, v)| *sum += v);
        }
        line.iter_mut().zip(&columns).for_each(|(v, &x)| *v = sums[x]);
        for shift in 0..SIDE {
            means.iter_mut().zip(&line[shift..]).for_each(|(mean, v)| *mean += v);
        }
        means.iter_mut().for_each(|mean| *mean /= (SIDE * SIDE) as f64);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves that run both ways, moved by (dx, dy).
    fn waves(side: usize, dx: f64, dy: f64) -> Plane {
        Plane::from_fn(side, side, |x, y| {
            let (x, y) = (x as f64 - dx, y as f64 - dy);
            ((x / 5.0).sin() * (y / 7.0).cos() * 500.0 + ((x + 2.0 * y) / 11.0).cos() * 300.0) as f32
        })
    }

    #[test]
    fn a_moved_picture_moves_by_as_much() {
        for (dx, dy) in [(0.8, 0.4), (-2.5, 1.5)] {
            let flow = optical_flow(&waves(80, 0.0, 0.0), &waves(80, dx, dy)).unwrap();
            for (x, y) in [(20, 20), (40, 30), (55, 60)] {
                let (u, v) = (flow.u.get(x, y), flow.v.get(x, y));
                assert!((u - dx as f32).abs() < 0.05 && (v - dy as f32).abs() < 0.05, "{u} {v} for {dx} {dy}");
            }
        }
    }

    #[test]
    fn nothing_to_see_does_not_move() {
        let flat = Plane::filled(40, 40, -1024.0);
        let flow = optical_flow(&flat, &flat).unwrap();
        assert!(flow.u.data().iter().chain(flow.v.data()).all(|&v| v == 0.0));
        assert!(arrows(&flow, ARROWS_PER_SIDE).is_empty());
        let tiny = optical_flow(&waves(2, 0.0, 0.0), &waves(2, 0.5, 0.0)).unwrap();
        assert!(tiny.u.data().iter().all(|v| v.is_finite()));
    }

    #[test]
    fn a_shift_takes_the_largest_of_each_pixel() {
        let frames = [waves(48, 0.0, 0.0), waves(48, 1.0, 0.2), waves(48, 0.5, 1.0)];
        let pairs = [optical_flow(&frames[0], &frames[1]).unwrap(), optical_flow(&frames[1], &frames[2]).unwrap()];
        let most = shift_flow(&frames).unwrap();
        assert_eq!(most.u, pairs[0].u.zip(&pairs[1].u, f32::max).unwrap());
        assert_eq!(most.v, pairs[0].v.zip(&pairs[1].v, f32::max).unwrap());
        assert_eq!(shift_flow(&frames[..2]).unwrap(), pairs[0]);
    }

    #[test]
    fn arrows_are_the_strongest_of_the_grid() {
        let u = Plane::from_fn(70, 105, |x, y| if (x, y) == (30, 60) { -2.0 } else { 0.1 });
        let flow = Flow { v: u.clone(), u };
        assert_eq!(arrows(&flow, 35), [Arrow { x: 30, y: 60, u: -2.0, v: -2.0 }]);
        assert_eq!(arrows(&flow, 0), [], "one vector is not above itself");
    }

    #[test]
    fn frames_that_do_not_fit_are_refused() {
        let frame = waves(20, 0.0, 0.0);
        assert!(matches!(optical_flow(&frame, &Plane::filled(20, 21, 0.0)), Err(Error::Shape { .. })));
        assert!(optical_flow(&Plane::filled(1, 9, 0.0), &Plane::filled(1, 9, 0.0)).is_err());
        assert!(optical_flow(&frame, &Plane::filled(20, 20, f32::NAN)).is_err());
        assert!(shift_flow(&[frame]).is_err() && shift_flow(&[]).is_err());
    }
}
