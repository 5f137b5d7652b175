//! Numbers that say how alike two pictures, two masks or two rankings are.
//!
//! Enter planes, masks, scores or rows; leave single numbers, summed in f64. Random parts take a seed and give the same
//! answer on any number of threads.

mod correlation;
mod decisions;
mod interval;
mod precision;

pub use correlation::spearman;
pub use decisions::{Confusion, Flips, brier, expected_calibration_error, flips};
pub use interval::{mean_bootstrap, ratio_bootstrap, share_wilson};
pub use precision::average_precision;

use crate::difference::{gaussian_kernel, percentile};
use crate::error::{Error, Result};
use crate::plane::Plane;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// The range of torchxrayvision grey levels, -1024 to 1024: the peak of [`psnr`] and the range of [`ssim`].
pub const GREY_RANGE: f64 = 2048.0;

/// Mean absolute error, in the planes' own unit.
///
/// # Errors
/// When the sizes differ.
pub fn mae(a: &Plane, b: &Plane) -> Result<f64> {
    let distance = |a: f32, b: f32| (f64::from(a) - f64::from(b)).abs();
    Ok(sum_of_pairs(a, b, distance)? / a.data().len() as f64)
}

/// Peak signal-to-noise ratio in dB, 10 log10(peak^2 / mean squared error); infinite for equal planes.
///
/// # Errors
/// When the sizes differ.
pub fn psnr(a: &Plane, b: &Plane, peak: f64) -> Result<f64> {
    let mse = sum_of_pairs(a, b, |a, b| (f64::from(a) - f64::from(b)).powi(2))? / a.data().len() as f64;
    Ok(10.0 * (peak * peak / mse).log10())
}

/// Structural similarity (Wang et al. 2004), 1 for equal planes.
///
/// Gaussian window of 11 pixels (sigma 1.5), data range [`GREY_RANGE`], mean over all whole windows: the number of
/// skimage's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=2048)`.
///
/// # Errors
/// When the sizes differ or a side is under 11 pixels.
pub fn ssim(a: &Plane, b: &Plane) -> Result<f64> {
    const RADIUS: usize = 5;
    const SIDE: usize = 2 * RADIUS + 1;
    same_size(a, b)?;
    let (width, height) = (a.width(), a.height());
    if width < SIDE || height < SIDE {
        return Err(Error::Shape {
            what: "image for structural similarity".into(),
            expected: format!("at least {SIDE} x {SIDE}"),
            found: format!("{width} x {height}"),
        });
    }
    let kernel = gaussian_kernel(1.5, RADIUS);
    let smooth = |f: &dyn Fn(f64, f64) -> f64| {
        let data: Vec<f64> = a.data().iter().zip(b.data()).map(|(&a, &b)| f(a.into(), b.into())).collect();
        whole_windows(&data, width, height, &kernel)
    };
    let (mean_a, mean_b) = (smooth(&|a, _| a), smooth(&|_, b| b));
    let (square_a, square_b, product) = (smooth(&|a, _| a * a), smooth(&|_, b| b * b), smooth(&|a, b| a * b));
    let (c1, c2) = ((0.01 * GREY_RANGE).powi(2), (0.03 * GREY_RANGE).powi(2));
    let total: f64 = (0..mean_a.len())
        .map(|i| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let (va, vb, cov) = (square_a[i] - ma * ma, square_b[i] - mb * mb, product[i] - ma * mb);
            (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
        })
        .sum();
    Ok(total / mean_a.len() as f64)
}

/// Separable filter over the windows that lie whole inside.
fn whole_windows(data: &[f64], width: usize, height: usize, kernel: &[f64]) -> Vec<f64> {
    let inner = width + 1 - kernel.len();
    let rows: Vec<f64> = data
        .chunks_exact(width)
        .flat_map(|row| row.windows(kernel.len()).map(|w| w.iter().zip(kernel).map(|(v, k)| v * k).sum::<f64>()))
        .collect();
    (0..height + 1 - kernel.len())
        .flat_map(|y| (0..inner).map(move |x| (x, y)))
        .map(|(x, y)| kernel.iter().enumerate().map(|(i, k)| k * rows[(y + i) * inner + x]).sum())
        .collect()
}

/// Intersection over union of two masks, 0 to 1. Two empty masks agree: 1.
///
/// # Errors
/// When the lengths differ.
pub fn iou(a: &[bool], b: &[bool]) -> Result<f64> {
    same_length("second mask", a.len(), b.len())?;
    let both = a.iter().zip(b).filter(|&(&a, &b)| a && b).count();
    let either = a.iter().zip(b).filter(|&(&a, &b)| a || b).count();
    Ok(if either == 0 { 1.0 } else { both as f64 / either as f64 })
}

/// The paper's IoU (run_eval of gifsplanation): the map is cut at the percentile that leaves as large an area as the
/// reference mask has (strictly above), then compared with it.
///
/// # Errors
/// When the lengths differ.
pub fn iou_at_reference_area(map: &[f32], reference: &[bool]) -> Result<f64> {
    same_length("reference mask", map.len(), reference.len())?;
    let area = reference.iter().filter(|&&m| m).count() as f64 / reference.len().max(1) as f64;
    let least = percentile(map, ((1.0 - area) * 100.0) as f32);
    let mask: Vec<bool> = map.iter().map(|&v| v > least).collect();
    iou(&mask, reference)
}

/// Share of the rows' variance that a reconstruction explains: 1 - sum |x - xhat|^2 / sum |x - mean|^2.
///
/// `x` and `xhat` are `[n, dim]` row by row; the mean is over rows. 1 is perfect, 0 no better than the mean, and below 0
/// worse. Rows without any variance give 1 when met exactly, else minus infinity.
///
/// # Errors
/// When the two do not hold the same number of whole rows, or none.
pub fn explained_variance(x: &[f32], xhat: &[f32], dim: usize) -> Result<f64> {
    same_length("reconstruction", x.len(), xhat.len())?;
    if dim == 0 || x.is_empty() || !x.len().is_multiple_of(dim) {
        return Err(Error::Shape {
            what: "rows".into(),
            expected: format!("a multiple of {dim} values, at least one row"),
            found: format!("{} values", x.len()),
        });
    }
    let mut mean = vec![0.0_f64; dim];
    for row in x.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v));
    }
    let rows = (x.len() / dim) as f64;
    mean.iter_mut().for_each(|m| *m /= rows);
    let left: f64 = x.iter().zip(xhat).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
    let total: f64 =
        x.chunks_exact(dim).flat_map(|r| r.iter().zip(&mean)).map(|(&v, m)| (f64::from(v) - m).powi(2)).sum();
    Ok(if left == 0.0 { 1.0 } else { 1.0 - left / total })
}

/// A number with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number itself.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.
///
/// # Errors
/// When the lengths differ, a class is missing, or a score is not a number.
pub fn auc(scores: &[f32], labels: &[bool]) -> Result<f64> {
    let order = ranking(scores, labels)?;
    weighted_auc(scores, labels, &order, |_| 1)
        .ok_or_else(|| Error::Invalid("an AUC needs at least one positive and one negative".into()))
}

/// [`auc`] with a percentile bootstrap interval that resamples whole patients, since films of one patient are alike.
///
/// `patients` names the patient of each film; `level` is the interval's coverage, such as 0.95. Samples that miss a
/// class are drawn again. The same `seed` gives the same interval.
///
/// # Errors
/// As [`auc`]; also when `resamples` is zero, `level` is not between 0 and 1, or the patients are too few to resample.
pub fn auc_bootstrap<P: Ord>(
    scores: &[f32],
    labels: &[bool],
    patients: &[P],
    resamples: usize,
    level: f64,
    seed: u64,
) -> Result<Estimate> {
    const DRAWS: usize = 1000;
    let value = auc(scores, labels)?;
    same_length("patient list", scores.len(), patients.len())?;
    check_level(level)?;
    let order = ranking(scores, labels)?;
    let mut names: Vec<&P> = patients.iter().collect();
    names.sort_unstable();
    names.dedup();
    let patient_of: Vec<usize> = patients.iter().map(|p| names.binary_search(&p).unwrap_or(0)).collect();
    let count = names.len();
    let resample = |stream: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream as u64);
        (0..DRAWS).find_map(|_| {
            let mut times = vec![0_u32; count];
            (0..count).for_each(|_| times[random.random_range(0..count)] += 1);
            weighted_auc(scores, labels, &order, |film| times[patient_of[film]])
        })
    };
    let drawn: Option<Vec<f64>> = (0..resamples).into_par_iter().map(resample).collect();
    let mut drawn = drawn.filter(|d| !d.is_empty()).ok_or_else(|| {
        Error::Invalid("a bootstrap needs resamples, and patients of both classes that can be drawn together".into())
    })?;
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Ok(Estimate { value, low: quantile(&drawn, tail), high: quantile(&drawn, 1.0 - tail) })
}

/// [`auc`] with the interval of DeLong et al. 1988 (fast ranks of Sun and Xu 2014), cut to 0 to 1. Films count as
/// independent; with several per patient, [`auc_bootstrap`] is the honest one.
///
/// # Errors
/// As [`auc`]; also when a class has fewer than two films, or `level` is not between 0 and 1.
pub fn auc_delong(scores: &[f32], labels: &[bool], level: f64) -> Result<Estimate> {
    let value = auc(scores, labels)?;
    check_level(level)?;
    let all = midranks(scores);
    let spread = |positive: bool| {
        let films: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == positive).collect();
        let own = midranks(&films.iter().map(|&i| scores[i]).collect::<Vec<_>>());
        let others = (labels.len() - films.len()) as f64;
        // Share of the other class that lies below each film.
        let below: Vec<f64> = films.iter().zip(own).map(|(&i, own)| (all[i] - own) / others).collect();
        let count = below.len() as f64;
        let mean = below.iter().sum::<f64>() / count;
        below.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0) / count
    };
    let variance = spread(true) + spread(false);
    if !variance.is_finite() {
        return Err(Error::Invalid("DeLong's interval needs at least two positives and two negatives".into()));
    }
    let reach = normal_quantile(0.5 + level / 2.0) * variance.sqrt();
    Ok(Estimate { value, low: (value - reach).max(0.0), high: (value + reach).min(1.0) })
}

/// Films by ascending score.
fn ranking(scores: &[f32], labels: &[bool]) -> Result<Vec<usize>> {
    same_length("label list", scores.len(), labels.len())?;
    if let Some(film) = scores.iter().position(|s| s.is_nan()) {
        return Err(Error::Invalid(format!("score {film} is not a number")));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    Ok(order)
}

/// AUC where each film counts `times`; nothing when a class is missing. One pass over the ascending `order`.
fn weighted_auc(scores: &[f32], labels: &[bool], order: &[usize], times: impl Fn(usize) -> u32) -> Option<f64> {
    let (mut positives, mut negatives, mut wins) = (0.0_f64, 0.0_f64, 0.0_f64);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let weight =
            |class: bool| -> f64 { tied.iter().filter(|&&i| labels[i] == class).map(|&i| f64::from(times(i))).sum() };
        let (p, n) = (weight(true), weight(false));
        wins += p * (negatives + n / 2.0);
        positives += p;
        negatives += n;
    }
    (positives > 0.0 && negatives > 0.0).then(|| wins / (positives * negatives))
}

/// Ranks from 1, ties sharing the mean of theirs.
fn midranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&i| ranks[i] = rank);
        before += tied.len();
    }
    ranks
}

/// Quantile (0 to 1) of ascending values, at least one, linear between neighbours.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    low + (high - low) * rank.fract()
}

/// Quantile of the standard normal distribution for `p` in (0.5, 1), by bisection of its integral.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    // Integral from 0 to z by its power series (Abramowitz and Stegun 26.2.10), exact to rounding up to z = 6.
    let above_half = |z: f64| {
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= -z * z / (2.0 * n);
            sum += term / (2.0 * n + 1.0);
        }
        sum / std::f64::consts::TAU.sqrt()
    };
    let (mut low, mut high) = (0.0, 6.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if above_half(middle) < p - 0.5 { low = middle } else { high = middle }
    }
    low
}

/// Sum of `f` over the pixels of two planes of one size.
fn sum_of_pairs(a: &Plane, b: &Plane, f: impl Fn(f32, f32) -> f64) -> Result<f64> {
    same_size(a, b)?;
    Ok(a.data().iter().zip(b.data()).map(|(&a, &b)| f(a, b)).sum())
}

fn same_size(a: &Plane, b: &Plane) -> Result<()> {
    if (a.width(), a.height()) == (b.width(), b.height()) {
        return Ok(());
    }
    let size = |p: &Plane| format!("{} x {}", p.width(), p.height());
    Err(Error::Shape { what: "second image".into(), expected: size(a), found: size(b) })
}

fn same_length(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Shape { what: what.into(), expected: format!("{expected} values"), found: format!("{found}") })
}

fn check_level(level: f64) -> Result<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Error::Invalid(format!("a confidence level lies between 0 and 1, such as 0.95; found {level}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Plane {
        Plane::from_fn(20, 16, |x, y| (x * 60 + y * 20) as f32 - 1000.0)
    }

    #[test]
    fn pictures_equal_and_apart() {
        let a = ramp();
        let b = a.map(|v| v + 20.48);
        assert_eq!((mae(&a, &a).unwrap(), ssim(&a, &a).unwrap()), (0.0, 1.0));
        assert_eq!(psnr(&a, &a, GREY_RANGE).unwrap(), f64::INFINITY);
        assert!((mae(&a, &b).unwrap() - 20.48).abs() < 1e-4);
        assert!((psnr(&a, &b, GREY_RANGE).unwrap() - 40.0).abs() < 1e-4);
        assert!(ssim(&a.map(|v| v + 1500.0), &a.map(|v| 1000.0 - v)).unwrap() < 0.0);
        let small = Plane::filled(10, 30, 0.0);
        assert!(matches!(ssim(&small, &small), Err(Error::Shape { .. })));
        assert!(matches!(mae(&a, &small), Err(Error::Shape { .. })));
    }

    #[test]
    fn masks() {
        let (a, b) = ([true, true, false, false], [true, false, true, false]);
        assert_eq!(iou(&a, &b).unwrap(), 1.0 / 3.0);
        assert_eq!(iou(&[false; 3], &[false; 3]).unwrap(), 1.0);
        assert!(iou(&a, &[true]).is_err());
        assert_eq!(iou_at_reference_area(&[1.0, 9.0, 3.0, 4.0], &[false, true, false, true]).unwrap(), 1.0);
    }

    #[test]
    fn explained_variance_of_copy_mean_and_worse() {
        let x = [1.0, 10.0, 3.0, 20.0];
        assert_eq!(explained_variance(&x, &x, 2).unwrap(), 1.0);
        assert_eq!(explained_variance(&x, &[2.0, 15.0, 2.0, 15.0], 2).unwrap(), 0.0);
        assert!(explained_variance(&x, &[9.0; 4], 2).unwrap() < 0.0);
        assert!(explained_variance(&x, &x, 3).is_err());
        assert_eq!(explained_variance(&[5.0; 4], &[4.0; 4], 2).unwrap(), f64::NEG_INFINITY);
    }

    #[test]
    fn auc_of_known_rankings() {
        let labels = [false, false, true, true];
        assert_eq!(auc(&[0.1, 0.2, 0.3, 0.4], &labels).unwrap(), 1.0);
        assert_eq!(auc(&[0.4, 0.3, 0.2, 0.1], &labels).unwrap(), 0.0);
        assert_eq!(auc(&[0.5; 4], &labels).unwrap(), 0.5);
        assert_eq!(auc(&[0.0, -0.0, -0.0, 1.0], &labels).unwrap(), 0.75, "the two zeros are equal");
        assert!(auc(&[0.5; 4], &[true; 4]).is_err());
        assert!(auc(&[0.5, f32::NAN, 0.5, 0.5], &labels).is_err());
        assert!(auc(&[0.5], &labels).is_err());
    }

    #[test]
    fn bootstrap_is_seeded_and_wider_for_fewer_patients() {
        let scores: Vec<f32> =
            (0..200).map(|i| ((i * 37) % 101) as f32 + if i % 2 == 0 { 25.0 } else { 0.0 }).collect();
        let labels: Vec<bool> = (0..200).map(|i| i % 2 == 0).collect();
        let film: Vec<usize> = (0..200).collect();
        let patient: Vec<usize> = (0..200).map(|i| i % 10).collect();
        let by_film = auc_bootstrap(&scores, &labels, &film, 400, 0.95, 1).unwrap();
        assert_eq!(by_film, auc_bootstrap(&scores, &labels, &film, 400, 0.95, 1).unwrap());
        assert_ne!(by_film, auc_bootstrap(&scores, &labels, &film, 400, 0.95, 2).unwrap());
        assert!(by_film.low < by_film.value && by_film.value < by_film.high);
        let delong = auc_delong(&scores, &labels, 0.95).unwrap();
        assert!((by_film.low - delong.low).abs() < 0.02 && (by_film.high - delong.high).abs() < 0.02);
        // Films of one patient copied: the bootstrap by patient must not be fooled, the one by film is.
        let copies: Vec<usize> = (0..10).flat_map(|_| 0..20).collect();
        let (s, l): (Vec<f32>, Vec<bool>) = copies.iter().map(|&i| (scores[i], labels[i])).unzip();
        let honest = auc_bootstrap(&s, &l, &copies, 400, 0.95, 1).unwrap();
        let fooled = auc_bootstrap(&s, &l, &film, 400, 0.95, 1).unwrap();
        assert!(honest.high - honest.low > 2.0 * (fooled.high - fooled.low));
        assert!(auc_bootstrap(&scores, &labels, &patient, 0, 0.95, 1).is_err());
        assert!(auc_bootstrap(&scores, &labels, &patient, 10, 95.0, 1).is_err());
        assert!(auc_bootstrap(&[1.0, 2.0], &[true, false], &["a", "b"], 50, 0.9, 1).is_ok());
    }

    #[test]
    fn normal_quantiles() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_quantile(0.995) - 2.575_829_303_548_901).abs() < 1e-12);
    }

    #[test]
    fn delong_needs_two_of_each() {
        assert!(auc_delong(&[1.0, 2.0, 3.0], &[true, false, false], 0.95).is_err());
        assert!(auc_delong(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false], 1.0).is_err());
    }
}
