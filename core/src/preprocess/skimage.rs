//! Resampling as scikit-image's `transform.resize(order=1, mode="constant", preserve_range=True)`: model grey levels
//! enter and leave. Blur and interpolation are both sums along one axis, and so are one set of weights here.
//!
//! Source: scikit-image `transform/_warps.py` (`resize`, `_clip_warp_output`), scipy `ndimage/_filters.py`
//! (`gaussian_filter1d`) and `ndimage/_interpolation.py` (`zoom` with `grid_mode`).

use rayon::prelude::*;

use super::float::{View, separable};
use super::taps::{Axis, Taps};
use crate::plane::Plane;

/// The wanted columns and rows of the resized plane; beyond the source all is 0.
pub(super) fn resize(source: View<'_>, columns: Axis, rows: Axis) -> Plane {
    let mut resized = separable(source, &taps(columns), &taps(rows));
    let extremes =
        |data: &[f32]| data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let (mut lo, mut hi) =
        source.rows().map(extremes).reduce(|| (f32::INFINITY, f32::NEG_INFINITY), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (least, most) = extremes(resized.data());
    // `preserve_cval`: where the rim's 0 is outside the film's values but within the result's, it stays.
    if !(lo..=hi).contains(&0.0) && least <= 0.0 && 0.0 <= most {
        (lo, hi) = (lo.min(0.0), hi.max(0.0));
    }
    if lo <= hi {
        resized.data_mut().iter_mut().for_each(|v| *v = v.clamp(lo, hi));
    }
    resized
}

/// Weights of one axis. Near the border they sum to less than one: skimage translates its mode `constant` to ndimage's
/// `grid-constant`, for which all beyond the border is 0, in the blur and in the interpolation.
pub(super) fn taps(axis: Axis) -> Taps<f32> {
    let factor = axis.scale();
    let blur = gaussian((factor - 1.0) / 2.0);
    let radius = (blur.len() / 2) as i64;
    let last = axis.input as i64 - 1;
    let mut taps = Taps::with_capacity(axis.count);
    for position in axis.wanted() {
        let place = (position as f64 + 0.5) * factor - 0.5;
        let before = place.floor() as i64;
        let share = place - before as f64;
        // What the blurred sample at `sample` has of pixel `i`; it has none of itself where it lies beyond the border.
        let blurred = |i: i64, sample: i64| match usize::try_from(i - sample + radius) {
            Ok(k) if (0..=last).contains(&sample) => blur.get(k).copied().unwrap_or(0.0),
            _ => 0.0,
        };
        let first = (before - radius).clamp(0, last);
        let pixels = first..=(before + 1 + radius).clamp(first, last);
        let weights = pixels.map(|i| ((1.0 - share) * blurred(i, before) + share * blurred(i, before + 1)) as f32);
        taps.push(first as usize, weights);
    }
    taps
}

/// `gaussian_filter1d`'s kernel, cut off at four standard deviations; one weight where there is no blur.
fn gaussian(sigma: f64) -> Vec<f64> {
    if sigma <= 1e-15 {
        return vec![1.0];
    }
    let radius = (4.0 * sigma + 0.5) as i64;
    let bell = |x: i64| (-0.5 / (sigma * sigma) * (x * x) as f64).exp();
    let total: f64 = (-radius..=radius).map(bell).sum();
    (-radius..=radius).map(|x| bell(x) / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_border_is_zero() {
        // skimage.transform.resize(x, (2, 2) or (8, 8), mode="constant", preserve_range=True) of
        // x = numpy.full((4, 4), 1000, "float32"); x[1, 1] = 0
        let film = Plane::from_fn(4, 4, |x, y| if (x, y) == (1, 1) { 0.0 } else { 1000.0 });
        let half = resize(View::whole(&film), Axis::whole(4, 2), Axis::whole(4, 2));
        let expected = [696.511, 872.058, 872.058, 893.036];
        half.data().iter().zip(expected).for_each(|(v, wanted)| assert!((v - wanted).abs() < 1e-3, "{half:?}"));
        let twice = resize(View::whole(&film), Axis::whole(4, 8), Axis::whole(4, 8));
        assert_eq!((twice.get(0, 3), twice.get(6, 6), twice.get(7, 7)), (750.0, 1000.0, 562.5));
    }

    #[test]
    fn values_stay_within_the_films_own() {
        // The blur of a flat film is darker at the border, and is brought back.
        let flat = Plane::filled(4, 4, 1000.0);
        let half = resize(View::whole(&flat), Axis::whole(4, 2), Axis::whole(4, 2));
        assert!(half.data().iter().all(|&v| v == 1000.0));
    }

    #[test]
    fn the_kernel_sums_to_one() {
        assert!((gaussian(1.7857).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(gaussian(1.7857).len(), 15);
        assert_eq!((gaussian(0.0), gaussian(-0.3), gaussian(0.1)), (vec![1.0], vec![1.0], vec![1.0]));
    }
}
