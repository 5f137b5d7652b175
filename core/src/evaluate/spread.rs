//! Mean, standard deviation and interval of a measure over films.

use serde::Serialize;

use crate::metrics::mean_bootstrap;

/// A measure over films.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation over films (n - 1); 0 of a single film.
    pub sd: f64,
    /// 95 % percentile bootstrap interval of the mean over films.
    pub ci: [f64; 2],
}

/// The spread of values; none of nothing.
pub(super) fn spread(values: &[f64]) -> Option<Spread> {
    let estimate = mean_bootstrap(values)?;
    let squares: f64 = values.iter().map(|v| (v - estimate.value).powi(2)).sum();
    let sd = (squares / (values.len().max(2) - 1) as f64).sqrt();
    Some(Spread { mean: estimate.value, sd, ci: [estimate.low, estimate.high] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_mean_and_sample_deviation() {
        let found = spread(&[1.0, 2.0, 3.0, 4.0]).expect("values");
        assert!((found.mean - 2.5).abs() < 1e-12 && (found.sd - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!(found.ci[0] < 2.5 && found.ci[1] > 2.5);
        assert_eq!(spread(&[2.0]).map(|s| s.sd), Some(0.0));
        assert!(spread(&[]).is_none());
    }
}
