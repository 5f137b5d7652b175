//! Tests and effect sizes besides the AUC: Spearman, Kruskal-Wallis, Cohen's d, and q values over many tests.
//!
//! In: numbers or groups by film, and films with their scores as in [`super::ranking`]. Out: statistics that agree with
//! scipy, statsmodels and scikit-learn to 1e-9 (`tests/parity/audit_reference.py`). Nothing here knows a feature or a store.

use super::ranking::{Contrast, cubed_less};
use super::special::{chi_squared_above, student_two_sided};
use crate::metrics::{Estimate, normal_quantile};

/// Ranks of a column of numbers, prepared to be compared with many features.
#[derive(Clone, Debug)]
pub struct Trend {
    /// By film: rank in the column less the mean rank; none where the column is not known.
    ranks: Vec<Option<f64>>,
    films: usize,
    squares: f64,
}

/// A rank correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Spearman's rho, -1 to 1; 0 where either side is constant.
    pub rho: f64,
    /// Films.
    pub films: usize,
}

impl Trend {
    /// Prepares a column; `None` for films that are left out.
    #[must_use]
    pub fn new(values: &[Option<f64>]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).filter(|&film| values[film].is_some()).collect();
        order.sort_by(|&a, &b| values[a].unwrap_or_default().total_cmp(&values[b].unwrap_or_default()));
        let films = order.len();
        let mean = (films as f64 + 1.0) / 2.0;
        let mut ranks = vec![None; values.len()];
        let (mut before, mut ties) = (0, 0.0);
        for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
            let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
            tied.iter().for_each(|&film| ranks[film] = Some(rank - mean));
            before += tied.len();
            ties += cubed_less(tied.len() as f64);
        }
        Self { ranks, films, squares: (cubed_less(films as f64) - ties) / 12.0 }
    }

    /// Films whose value is known.
    #[must_use]
    pub fn films(&self) -> usize {
        self.films
    }

    /// Correlation with a feature: `strongest` lists films and scores, the highest first; the others share one lower score.
    #[must_use]
    pub fn correlate(&self, strongest: &[(u32, f64)]) -> Correlation {
        let all = self.films as f64;
        let mean = (all + 1.0) / 2.0;
        let known = |film: u32| self.ranks.get(film as usize).copied().flatten();
        let listed = strongest.iter().filter(|film| known(film.0).is_some()).count() as f64;
        let silent = (all - listed + 1.0) / 2.0 - mean;
        let (mut above, mut product, mut ties) = (0.0, 0.0, cubed_less(all - listed));
        for tied in strongest.chunk_by(|a, b| a.1 == b.1) {
            let here = tied.iter().filter_map(|film| known(film.0));
            let (count, sum) = here.fold((0.0, 0.0), |(count, sum), rank| (count + 1.0, sum + rank));
            let rank = all - above - (count - 1.0) / 2.0 - mean;
            // The column's ranks sum to 0, so that the silent films need not be visited.
            product += (rank - silent) * sum;
            ties += cubed_less(count);
            above += count;
        }
        let squares = (cubed_less(all) - ties) / 12.0;
        let rho = if squares <= 0.0 || self.squares <= 0.0 { 0.0 } else { product / (squares * self.squares).sqrt() };
        Correlation { rho: rho.clamp(-1.0, 1.0), films: self.films }
    }
}

impl Correlation {
    /// Two-sided p by Student's t (`scipy.stats.spearmanr`) as of `independent` films; 1 for fewer than three.
    #[must_use]
    pub fn p(&self, independent: usize) -> f64 {
        if independent < 3 {
            return 1.0;
        }
        let degrees = independent as f64 - 2.0;
        let rho = self.rho;
        student_two_sided(rho * (degrees / ((1.0 + rho) * (1.0 - rho))).sqrt(), degrees)
    }

    /// Interval by Fisher's z (Fisher 1921): tanh(atanh(rho) +- z / sqrt(n - 3)) as of `independent` films; -1 to 1 for
    /// fewer than four.
    #[must_use]
    pub fn interval(&self, independent: usize, level: f64) -> Estimate {
        if independent < 4 {
            return Estimate { value: self.rho, low: -1.0, high: 1.0 };
        }
        let reach = normal_quantile(0.5 + level / 2.0) / (independent as f64 - 3.0).sqrt();
        let place = self.rho.atanh();
        Estimate { value: self.rho, low: (place - reach).tanh(), high: (place + reach).tanh() }
    }
}

/// Kruskal and Wallis's H (`scipy.stats.kruskal`, ties corrected) of groups of films and one feature; `groups` says of each
/// film which of `count` groups it is of. Nothing where all scores are alike or a group is empty.
#[must_use]
pub fn kruskal_wallis(groups: &[Option<usize>], count: usize, strongest: &[(u32, f64)]) -> Option<f64> {
    let mut sizes = vec![0.0_f64; count];
    groups.iter().flatten().for_each(|&group| sizes[group] += 1.0);
    let all: f64 = sizes.iter().sum();
    let of = |film: u32| groups.get(film as usize).copied().flatten();
    let mut left = sizes.clone();
    let mut sums = vec![0.0_f64; count];
    let (mut above, mut ties) = (0.0, 0.0);
    for tied in strongest.chunk_by(|a, b| a.1 == b.1) {
        let here = tied.iter().filter(|film| of(film.0).is_some()).count() as f64;
        let rank = all - above - (here - 1.0) / 2.0;
        for group in tied.iter().filter_map(|film| of(film.0)) {
            sums[group] += rank;
            left[group] -= 1.0;
        }
        ties += cubed_less(here);
        above += here;
    }
    ties += cubed_less(all - above);
    let silent = (all - above + 1.0) / 2.0;
    let middle = (all + 1.0) / 2.0;
    // Sum of n (mean rank - middle)^2, which loses no digits to a difference of large sums.
    let between: f64 = sums
        .iter()
        .zip(&left)
        .zip(&sizes)
        .map(|((sum, left), size)| size * ((sum + left * silent) / size - middle).powi(2))
        .sum();
    let h = 12.0 / (all * (all + 1.0)) * between / (1.0 - ties / cubed_less(all));
    (h.is_finite() && count > 1).then_some(h.max(0.0))
}

/// p of [`kruskal_wallis`] for `count` groups.
#[must_use]
pub fn kruskal_p(h: f64, count: usize) -> f64 {
    chi_squared_above(h, count as f64 - 1.0)
}

/// Cohen's d of two groups: difference of the means over the pooled standard deviation (n - 1). Silent films count as 0.
/// Nothing where the scores do not vary within the groups.
#[must_use]
pub fn cohens_d(contrast: &Contrast, strongest: &[(u32, f64)]) -> Option<f64> {
    let counts = contrast.counts();
    let sizes = [counts.films as f64, counts.other_films as f64];
    let mut sums = [0.0; 2];
    let mut left = sizes;
    let listed = || {
        let side = |&(film, score): &(u32, f64)| Some((usize::from(!contrast.side(film as usize)?), score));
        strongest.iter().filter_map(side)
    };
    for (side, score) in listed() {
        sums[side] += score;
        left[side] -= 1.0;
    }
    let means = [sums[0] / sizes[0], sums[1] / sizes[1]];
    let silent = left[0] * means[0] * means[0] + left[1] * means[1] * means[1];
    let squares = listed().fold(silent, |sum, (side, score)| sum + (score - means[side]).powi(2));
    let pooled = (squares / (sizes[0] + sizes[1] - 2.0)).sqrt();
    let d = (means[0] - means[1]) / pooled;
    (pooled > 0.0 && d.is_finite()).then_some(d)
}

/// Benjamini and Hochberg's q of each p (JRSS B 1995, 57:289): `scipy.stats.false_discovery_control`, statsmodels'
/// `multipletests(method="fdr_bh")`.
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let mut q = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (place, &test) in order.iter().enumerate() {
        let rank = (p.len() - place) as f64;
        least = least.min(p[test] * p.len() as f64 / rank);
        q[test] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_fall_in_with_their_neighbours() {
        let q = benjamini_hochberg(&[0.01, 0.5, 0.02, 0.9]);
        for (found, wanted) in q.iter().zip([0.04, 2.0 / 3.0, 0.04, 0.9]) {
            assert!((found - wanted).abs() < 1e-15, "{q:?}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn constant_sides_correlate_with_nothing() {
        let trend = Trend::new(&[Some(1.0), Some(2.0), None, Some(4.0)]);
        assert_eq!((trend.films(), trend.correlate(&[]).rho), (3, 0.0));
        assert_eq!(Trend::new(&[Some(1.0); 4]).correlate(&[(0, 2.0)]).rho, 0.0);
        assert_eq!(trend.correlate(&[(3, 9.0), (2, 8.0), (1, 7.0)]).rho, 1.0, "film 2 is not known");
        assert_eq!(trend.correlate(&[(0, 3.0), (1, 2.0), (3, 1.0)]).rho, -1.0);
        assert_eq!(trend.correlate(&[(3, 9.0), (1, 7.0)]).p(3), 0.0);
        assert_eq!(
            trend.correlate(&[(3, 9.0)]).interval(3, 0.95),
            Estimate { value: trend.correlate(&[(3, 9.0)]).rho, low: -1.0, high: 1.0 }
        );
    }

    #[test]
    fn groups_that_cannot_be_compared() {
        let groups = [Some(0), Some(1), Some(2), Some(0)];
        assert_eq!(kruskal_wallis(&groups, 3, &[]), None);
        assert!(kruskal_wallis(&groups, 3, &[(0, 1.0)]).is_some());
        assert_eq!(kruskal_wallis(&groups, 4, &[(0, 1.0)]), None, "a group is empty");
    }
}
