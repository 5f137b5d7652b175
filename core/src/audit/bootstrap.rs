//! Bootstrap intervals over patients, for features that are silent on most films.
//!
//! In: films with their activation, the strongest first. Out: percentile intervals. AUC by [`crate::metrics`]; Spearman's rho
//! here, with films weighted by how often their patient was drawn. The same seed gives the same interval on any number of
//! threads.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::ranking::Contrast;
use crate::error::{Error, Result};
use crate::metrics::{Estimate, auc_bootstrap, quantile};

/// [`auc_bootstrap`] of the films of two groups.
///
/// # Errors
/// As [`auc_bootstrap`].
pub fn auc(
    contrast: &Contrast,
    strongest: &[(u32, f64)],
    patients: &[u32],
    resamples: usize,
    level: f64,
    seed: u64,
) -> Result<Estimate> {
    let mut scores = vec![0.0_f32; patients.len()];
    strongest.iter().for_each(|&(film, score)| scores[film as usize] = score as f32);
    let (mut kept, mut labels, mut of) = (Vec::new(), Vec::new(), Vec::new());
    for (film, &patient) in patients.iter().enumerate() {
        if let Some(side) = contrast.side(film) {
            kept.push(scores[film]);
            labels.push(side);
            of.push(patient);
        }
    }
    auc_bootstrap(&kept, &labels, &of, resamples, level, seed)
}

/// Interval of Spearman's rho between a column of numbers and a feature; draws where either side is constant count as 0.
///
/// # Errors
/// When no film has a number, or there are no resamples.
pub fn spearman(
    values: &[Option<f64>],
    strongest: &[(u32, f64)],
    patients: &[u32],
    resamples: usize,
    level: f64,
    seed: u64,
) -> Result<Estimate> {
    let mut activations = vec![0.0_f64; values.len()];
    strongest.iter().for_each(|&(film, score)| activations[film as usize] = score);
    let known: Vec<(f64, f64, u32)> =
        (0..values.len()).filter_map(|film| Some((values[film]?, activations[film], patients[film]))).collect();
    let mut names: Vec<u32> = known.iter().map(|film| film.2).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || resamples == 0 {
        return Err(Error::Invalid("a bootstrap needs films and resamples".into()));
    }
    let patient: Vec<usize> = known.iter().map(|film| names.binary_search(&film.2).unwrap_or(0)).collect();
    let columns = [known.iter().map(|film| film.0).collect::<Vec<f64>>(), known.iter().map(|film| film.1).collect()];
    let orders = columns.each_ref().map(|column| {
        let mut order: Vec<usize> = (0..column.len()).collect();
        order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
        order
    });
    let rho = |times: &dyn Fn(usize) -> f64| {
        let ranks = [0, 1].map(|side| weighted_ranks(&columns[side], &orders[side], times));
        let (mut product, mut squares) = (0.0, [0.0; 2]);
        for (film, (x, y)) in ranks[0].iter().zip(&ranks[1]).enumerate() {
            let weight = times(film);
            product += weight * x * y;
            squares = [squares[0] + weight * x * x, squares[1] + weight * y * y];
        }
        let spread = (squares[0] * squares[1]).sqrt();
        if spread > 0.0 { product / spread } else { 0.0 }
    };
    let resample = |stream: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream as u64);
        let mut times = vec![0_u32; names.len()];
        (0..names.len()).for_each(|_| times[random.random_range(0..names.len())] += 1);
        rho(&|film| f64::from(times[patient[film]]))
    };
    let mut drawn: Vec<f64> = (0..resamples).into_par_iter().map(resample).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Ok(Estimate { value: rho(&|_| 1.0), low: quantile(&drawn, tail), high: quantile(&drawn, 1.0 - tail) })
}

/// Middle ranks of films that count `times` each, less the mean rank.
fn weighted_ranks(values: &[f64], order: &[usize], times: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let all: f64 = order.iter().map(|&film| times(film)).sum();
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let count: f64 = tied.iter().map(|&film| times(film)).sum();
        tied.iter().for_each(|&film| ranks[film] = before + count / 2.0 - all / 2.0);
        before += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::statistics::Trend;

    #[test]
    fn an_interval_of_rho_lies_around_it_and_ignores_copies() {
        let values: Vec<Option<f64>> = (0..80).map(|i| (i != 5).then(|| f64::from(i))).collect();
        let mut strongest: Vec<(u32, f64)> = (0..40).map(|i| (i * 2, f64::from(i * 17 % 23 + i + 1))).collect();
        strongest.sort_by(|a, b| b.1.total_cmp(&a.1));
        let films: Vec<u32> = (0..80).collect();
        let found = spearman(&values, &strongest, &films, 300, 0.95, 1).unwrap();
        assert!((found.value - Trend::new(&values).correlate(&strongest).rho).abs() < 1e-12, "{found:?}");
        assert!(found.low < found.value && found.value < found.high);
        assert_eq!(found, spearman(&values, &strongest, &films, 300, 0.95, 1).unwrap());
        // Copies of films of the same patients say nothing new.
        let copies: Vec<(u32, f64)> =
            strongest.iter().flat_map(|&(film, score)| [(film, score), (film + 80, score)]).collect();
        let copied = spearman(&values.repeat(2), &copies, &films.repeat(2), 300, 0.95, 1).unwrap();
        assert!((copied.low - found.low).abs() < 1e-12 && (copied.high - found.high).abs() < 1e-12, "{copied:?}");
        assert!(spearman(&[None], &[], &[0], 10, 0.95, 1).is_err());
    }
}
