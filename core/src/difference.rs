//! Difference maps: what changed between two frames, or over a whole shift.
//!
//! Enter frames in torchxrayvision grey levels; leaves one map of the same size, in grey levels. Knows nothing of models.
//! Definitions follow Cohen et al. 2021, "Gifsplanation via Latent Shift", appendix B; [`slip_map`] is what the code of
//! that paper computed instead.

use crate::error::{Error, Result};
use crate::plane::Plane;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the frames of a shift become one map.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum MapMethod {
    /// Largest distance of any frame to the reconstruction.
    Max,
    /// Mean distance of the frames to the reconstruction.
    Mean,
    /// Distance between the first and the last frame.
    Minmax,
    /// Mean distance between neighbouring frames.
    Interval,
}

impl MapMethod {
    /// Every method, in the order in which menus show them.
    pub const ALL: [Self; 4] = [Self::Max, Self::Mean, Self::Minmax, Self::Interval];

    /// The name on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Minmax => "minmax",
            Self::Interval => "interval",
        }
    }
}

impl fmt::Display for MapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for MapMethod {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let wanted = s.trim();
        Self::ALL
            .into_iter()
            .find(|m| m.name().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| Error::unknown("map method", wanted, Self::ALL.map(Self::name)))
    }
}

/// The map of a shift as the paper's appendix B defines it.
///
/// `reference` is D(z), the reconstruction; `frames` are D(z + lambda g) for ascending lambda. The result is absolute,
/// in the frames' own grey levels. A single frame gives zero for [`MapMethod::Minmax`] and [`MapMethod::Interval`].
///
/// # Errors
/// When there is no frame, or the sizes differ.
pub fn shift_map(reference: &Plane, frames: &[Plane], method: MapMethod) -> Result<Plane> {
    let (first, last) = ends(reference, frames)?;
    match method {
        MapMethod::Max => {
            let mut map = distance(reference, first)?;
            for frame in &frames[1..] {
                let further = distance(reference, frame)?;
                map = map.zip(&further, f32::max)?;
            }
            Ok(map)
        }
        MapMethod::Mean => mean_distance(reference, frames.iter().map(|f| (reference, f)), frames.len()),
        MapMethod::Minmax => distance(first, last),
        MapMethod::Interval => {
            mean_distance(reference, frames.windows(2).map(|w| (&w[0], &w[1])), frames.len().saturating_sub(1))
        }
    }
}

/// The same with its sign: positive where the film becomes brighter as lambda grows.
///
/// `origin` is the lambda of the reference; a frame below it counts with its sign turned, so that what it lost is what the
/// target adds. [`MapMethod::Max`] is
/// the difference of the largest magnitude, [`MapMethod::Mean`] the mean, [`MapMethod::Minmax`] last less first frame, and
/// [`MapMethod::Interval`] that over the number of intervals.
///
/// # Errors
/// When there is no frame, the sizes differ, or there is not one lambda for each frame.
pub fn signed_shift_map(
    reference: &Plane,
    origin: f32,
    frames: &[Plane],
    lambdas: &[f32],
    method: MapMethod,
) -> Result<Plane> {
    let (first, last) = ends(reference, frames)?;
    if lambdas.len() != frames.len() {
        return Err(Error::Shape {
            what: "list of lambdas".into(),
            expected: format!("{} values, one for each frame", frames.len()),
            found: format!("{}", lambdas.len()),
        });
    }
    let turned = |frame: &Plane, lambda: f32| -> Result<Plane> {
        let sign = if lambda < origin { -1.0 } else { 1.0 };
        reference.zip(frame, |r, f| sign * (f - r))
    };
    let mut all = frames.iter().zip(lambdas).map(|(frame, &lambda)| turned(frame, lambda));
    match method {
        MapMethod::Max => {
            let start = reference.map(|_| 0.0);
            all.try_fold(start, |map, next| map.zip(&next?, |a, b| if b.abs() > a.abs() { b } else { a }))
        }
        MapMethod::Mean => {
            let start = reference.map(|_| 0.0);
            let sum = all.try_fold(start, |map, next| map.zip(&next?, |a, b| a + b))?;
            Ok(sum.map(|v| v / frames.len() as f32))
        }
        MapMethod::Minmax => signed(first, last),
        MapMethod::Interval => {
            let intervals = frames.len().saturating_sub(1).max(1) as f32;
            Ok(signed(first, last)?.map(|v| v / intervals))
        }
    }
}

/// |D(z) - F_0|: the map that the paper-time code computed for both `max` and `mean`, through a slip of an index.
///
/// It is the map behind the published numbers, so it is kept for comparison with them.
///
/// # Errors
/// When there is no frame, or the sizes differ.
pub fn slip_map(reference: &Plane, frames: &[Plane]) -> Result<Plane> {
    let (first, _) = ends(reference, frames)?;
    distance(reference, first)
}

/// `after - before`, in grey levels: positive where something was added.
///
/// # Errors
/// When the sizes differ.
pub fn signed(before: &Plane, after: &Plane) -> Result<Plane> {
    before.zip(after, |b, a| a - b)
}

/// Gaussian blur as `skimage.filters.gaussian(mode="constant", cval=0, truncate=3.5)` does it: beyond the border lies
/// zero, and the kernel reaches to 3.5 `sigma` (in pixels). A `sigma` that is not positive changes nothing.
#[must_use]
pub fn gaussian_blur(plane: &Plane, sigma: f32) -> Plane {
    const TRUNCATE: f64 = 3.5;
    let sigma = f64::from(sigma);
    if !sigma.is_finite() || sigma <= 0.0 {
        return plane.clone();
    }
    let kernel = gaussian_kernel(sigma, (TRUNCATE * sigma + 0.5) as usize);
    let (width, height) = (plane.width(), plane.height());
    let columns = blur_lines(plane.data(), &kernel, width, height, 1, width);
    let both = blur_lines(&columns, &kernel, height, width, width, 1);
    let mut out = plane.clone();
    out.data_mut().copy_from_slice(&both);
    out
}

/// A normalised Gaussian of `2 * radius + 1` weights.
pub(crate) fn gaussian_kernel(sigma: f64, radius: usize) -> Vec<f64> {
    let weight = |i: usize| {
        let d = i as f64 - radius as f64;
        (-0.5 * d * d / (sigma * sigma)).exp()
    };
    let total: f64 = (0..=2 * radius).map(weight).sum();
    (0..=2 * radius).map(|i| weight(i) / total).collect()
}

/// Blurs `lines` lines of `length` samples; `step` lies between the samples of a line, `stride` between lines.
fn blur_lines(data: &[f32], kernel: &[f64], length: usize, lines: usize, step: usize, stride: usize) -> Vec<f32> {
    let radius = kernel.len() / 2;
    let mut out = vec![0.0; data.len()];
    for line in 0..lines {
        let at = |i: usize| line * stride + i * step;
        for i in 0..length {
            let from = i.saturating_sub(radius);
            let to = (i + radius).min(length - 1);
            let sum: f64 = (from..=to).map(|j| kernel[j + radius - i] * f64::from(data[at(j)])).sum();
            out[at(i)] = sum as f32;
        }
    }
    out
}

/// The `q`-th percentile (0 to 100), with numpy's default linear interpolation between the two nearest values.
///
/// Values that are not finite are left out; without any value the answer is 0.
#[must_use]
pub fn percentile(values: &[f32], q: f32) -> f32 {
    let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return 0.0;
    }
    let rank = f64::from(q.clamp(0.0, 100.0)) / 100.0 * (finite.len() - 1) as f64;
    let below = rank.floor() as usize;
    let (_, &mut low, above) = finite.select_nth_unstable_by(below, f32::total_cmp);
    let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    let (low, high, part) = (f64::from(low), f64::from(high), rank - below as f64);
    (low + (high - low) * part) as f32
}

/// The paper's post-processing: absolute values, then a Gaussian blur of `sigma` pixels, then everything that is not
/// above the given percentile (0 to 100) of the map becomes zero. The paper's figures use no blur and percentile 95.
#[must_use]
pub fn clean(map: &Plane, sigma: Option<f32>, keep_above_percentile: Option<f32>) -> Plane {
    let mut out = map.map(f32::abs);
    if let Some(sigma) = sigma {
        out = gaussian_blur(&out, sigma);
    }
    if let Some(q) = keep_above_percentile {
        let least = percentile(out.data(), q);
        out = out.map(|v| if v > least { v } else { 0.0 });
    }
    out
}

/// [`clean`] for a map that keeps its sign: the blur is of the signed values, the percentile of their magnitudes.
#[must_use]
pub fn clean_signed(map: &Plane, sigma: Option<f32>, keep_above_percentile: Option<f32>) -> Plane {
    let blurred = sigma.map_or_else(|| map.clone(), |sigma| gaussian_blur(map, sigma));
    let Some(q) = keep_above_percentile else { return blurred };
    let least = percentile(blurred.map(f32::abs).data(), q);
    blurred.map(|v| if v.abs() > least { v } else { 0.0 })
}

/// First and last frame, once every frame is known to fit the reference.
fn ends<'a>(reference: &Plane, frames: &'a [Plane]) -> Result<(&'a Plane, &'a Plane)> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return Err(Error::Invalid("a difference map needs at least one frame".into()));
    };
    let size = |p: &Plane| format!("{} x {}", p.width(), p.height());
    match frames.iter().position(|f| (f.width(), f.height()) != (reference.width(), reference.height())) {
        Some(i) => Err(Error::Shape { what: format!("frame {i}"), expected: size(reference), found: size(&frames[i]) }),
        None => Ok((first, last)),
    }
}

/// |a - b|.
fn distance(a: &Plane, b: &Plane) -> Result<Plane> {
    a.zip(b, |a, b| (a - b).abs())
}

/// Mean of |a - b| over `count` pairs, summed in f64; zero without a pair.
fn mean_distance<'a>(size: &Plane, pairs: impl Iterator<Item = (&'a Plane, &'a Plane)>, count: usize) -> Result<Plane> {
    let mut sums = vec![0.0_f64; size.data().len()];
    for (a, b) in pairs {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.data().iter().zip(b.data())) {
            *sum += f64::from((a - b).abs());
        }
    }
    let count = count.max(1) as f64;
    Plane::new(size.width(), size.height(), sums.into_iter().map(|s| (s / count) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(values: [f32; 2]) -> Plane {
        Plane::new(2, 1, values.to_vec()).unwrap()
    }

    #[test]
    fn each_method_is_its_formula() {
        let reference = flat([0.0, 10.0]);
        let frames = [flat([-8.0, 10.0]), flat([-2.0, 12.0]), flat([4.0, 7.0])];
        let map = |m| shift_map(&reference, &frames, m).unwrap().into_data();
        assert_eq!(map(MapMethod::Max), [8.0, 3.0]);
        assert_eq!(map(MapMethod::Mean), [14.0 / 3.0, 5.0 / 3.0]);
        assert_eq!(map(MapMethod::Minmax), [12.0, 3.0]);
        assert_eq!(map(MapMethod::Interval), [6.0, 3.5]);
        assert_eq!(slip_map(&reference, &frames).unwrap().into_data(), [8.0, 0.0]);
        assert_eq!(signed(&frames[0], &frames[2]).unwrap().into_data(), [12.0, -3.0]);
    }

    #[test]
    fn signed_maps_turn_what_lies_below_zero() {
        let reference = flat([0.0, 10.0]);
        let frames = [flat([-8.0, 13.0]), flat([0.0, 10.0]), flat([4.0, 12.0])];
        let lambdas = [-2.0, 0.0, 1.0];
        let map = |m| signed_shift_map(&reference, 0.0, &frames, &lambdas, m).unwrap().into_data();
        assert_eq!(map(MapMethod::Max), [8.0, -3.0]);
        assert_eq!(map(MapMethod::Mean), [4.0, -1.0 / 3.0]);
        assert_eq!(map(MapMethod::Minmax), [12.0, -1.0]);
        assert_eq!(map(MapMethod::Interval), [6.0, -0.5]);
        assert!(signed_shift_map(&reference, 0.0, &frames, &lambdas[1..], MapMethod::Max).is_err());
        // A feature's reference lies at its own activation: both frames below it lost something.
        let feature = [flat([-8.0, 10.0]), flat([-2.0, 10.0]), flat([0.0, 10.0])];
        let map = signed_shift_map(&reference, 3.0, &feature, &[0.0, 2.0, 3.0], MapMethod::Max).unwrap();
        assert_eq!(map.into_data(), [8.0, 0.0]);
        let cleaned = clean_signed(&flat([8.0, -9.0]), None, Some(50.0));
        assert_eq!(cleaned.into_data(), [0.0, -9.0]);
    }

    #[test]
    fn one_frame_moves_nothing_between_frames() {
        let (reference, frame) = (flat([0.0, 0.0]), [flat([5.0, -5.0])]);
        assert_eq!(shift_map(&reference, &frame, MapMethod::Interval).unwrap().into_data(), [0.0, 0.0]);
        assert_eq!(shift_map(&reference, &frame, MapMethod::Mean).unwrap().into_data(), [5.0, 5.0]);
    }

    #[test]
    fn missing_and_misfitting_frames_are_errors() {
        let reference = flat([0.0, 0.0]);
        assert!(matches!(shift_map(&reference, &[], MapMethod::Max), Err(Error::Invalid(_))));
        let odd = [flat([1.0, 1.0]), Plane::filled(1, 2, 0.0)];
        for method in MapMethod::ALL {
            assert!(matches!(shift_map(&reference, &odd, method), Err(Error::Shape { .. })), "{method}");
        }
        assert!(matches!(slip_map(&reference, &odd), Err(Error::Shape { .. })));
    }

    #[test]
    fn names_go_both_ways() {
        for method in MapMethod::ALL {
            assert_eq!(method.to_string().parse::<MapMethod>().unwrap(), method);
            assert_eq!(serde_json::to_string(&method).unwrap(), format!("\"{method}\""));
        }
        let error = "minmx".parse::<MapMethod>().unwrap_err();
        assert!(error.to_string().contains("nearest: minmax"), "{error}");
    }

    #[test]
    fn blur_keeps_the_sum_inside_and_loses_it_at_the_border() {
        let mut spot = Plane::filled(41, 41, 0.0);
        spot.data_mut()[20 * 41 + 20] = 100.0;
        let total = |p: &Plane| p.data().iter().map(|&v| f64::from(v)).sum::<f64>();
        assert!((total(&gaussian_blur(&spot, 3.0)) - 100.0).abs() < 1e-3);
        let corner = gaussian_blur(&Plane::filled(41, 41, 1.0), 3.0);
        assert!((corner.get(20, 20) - 1.0).abs() < 1e-6);
        assert!((0.25..0.36).contains(&corner.get(0, 0)), "{}", corner.get(0, 0));
        assert_eq!(gaussian_blur(&spot, 0.0), spot);
        assert_eq!(gaussian_blur(&Plane::filled(1, 1, 0.0), 50.0).data(), [0.0]);
    }

    #[test]
    fn percentile_interpolates_and_leaves_out_what_is_not_finite() {
        assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 50.0), 2.5);
        assert_eq!(percentile(&[4.0, 1.0, f32::NAN, 3.0, 2.0], 100.0), 4.0);
        assert_eq!(percentile(&[4.0, 1.0], 25.0), 1.75);
        assert_eq!(percentile(&[], 50.0), 0.0);
    }

    #[test]
    fn clean_keeps_what_is_strictly_above() {
        let map = Plane::new(5, 1, vec![-5.0, 1.0, 2.0, -3.0, 4.0]).unwrap();
        assert_eq!(clean(&map, None, None).data(), [5.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(clean(&map, None, Some(50.0)).data(), [5.0, 0.0, 0.0, 0.0, 4.0]);
    }
}
