//! Means, ratios and shares with their 95 % intervals.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Estimate, normal_quantile, quantile};

const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// Mean of `values` with a percentile bootstrap interval; none of nothing. The same values give the same interval.
#[must_use]
pub fn mean_bootstrap(values: &[f64]) -> Option<Estimate> {
    ratio_bootstrap(&values.iter().map(|&value| [value, 1.0]).collect::<Vec<_>>())
}

/// Sum of the first entries over sum of the second ones, with a percentile bootstrap interval over pairs; none where the
/// second sum is zero. Second entries are not negative.
#[must_use]
pub fn ratio_bootstrap(pairs: &[[f64; 2]]) -> Option<Estimate> {
    let of = |sums: [f64; 2]| (sums[1] > 0.0).then(|| sums[0] / sums[1]);
    let add = |sums: [f64; 2], pair: &[f64; 2]| [sums[0] + pair[0], sums[1] + pair[1]];
    let value = of(pairs.iter().fold([0.0; 2], add))?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut drawn: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| of((0..pairs.len()).fold([0.0; 2], |s, _| add(s, &pairs[random.random_range(0..pairs.len())]))))
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Estimate { value, low: quantile(&drawn, tail), high: quantile(&drawn, 1.0 - tail) })
}

/// Share of `hits` among `all` with Wilson's interval (Wilson 1927), which does not shrink to nothing at 0 and 1; none of
/// nothing.
#[must_use]
pub fn share_wilson(hits: usize, all: usize) -> Option<Estimate> {
    if all == 0 {
        return None;
    }
    let (n, p) = (all as f64, hits as f64 / all as f64);
    let z = normal_quantile(0.5 + LEVEL / 2.0);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let reach = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Estimate { value: p, low: (middle - reach).max(0.0), high: (middle + reach).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_lies_in_its_interval_which_narrows_with_more_values() {
        let few: Vec<f64> = (0..10).map(f64::from).collect();
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 10)).collect();
        let (few, many) = (mean_bootstrap(&few).expect("values"), mean_bootstrap(&many).expect("values"));
        assert!((few.value - 4.5).abs() < 1e-12 && (many.value - 4.5).abs() < 1e-12);
        assert!(few.low < few.value && few.value < few.high && many.high - many.low < few.high - few.low);
        assert!(mean_bootstrap(&[]).is_none());
    }

    #[test]
    fn a_ratio_weighs_by_its_second_entries() {
        let ratio = ratio_bootstrap(&[[1.0, 1.0], [0.0, 3.0]]).expect("a sum above zero");
        assert_eq!(ratio.value, 0.25);
        assert!(ratio.low < 0.25 && ratio.high > 0.25);
        assert!(ratio_bootstrap(&[[1.0, 0.0]]).is_none());
    }

    #[test]
    fn wilson_is_that_of_scipy() {
        // scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
        for (hits, all, low, high) in [
            (20, 20, 0.838874841947, 1.000000000000),
            (0, 7, 0.000000000000, 0.354330435067),
            (3, 10, 0.107791267406, 0.603221852539),
        ] {
            let share = share_wilson(hits, all).expect("some");
            assert!((share.low - low).abs() < 1e-9 && (share.high - high).abs() < 1e-9, "{hits}/{all}: {share:?}");
        }
        assert!(share_wilson(0, 0).is_none());
    }
}
