//! Statistics of a feature over the films of a dataset.
//!
//! In: the feature's activations in order, and the number of films. Out: [`FeatureStatistics`].

use serde::Serialize;

use super::rows::Activation;

/// Steps of the quantiles: 0, 0.1, to 1.
pub const QUANTILES: usize = 11;
/// Bins of the histogram.
pub const BINS: usize = 50;

/// A row of `features.parquet`. A film's activation is the maximum over its tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FeatureStatistics {
    /// The feature.
    pub feature: u32,
    /// Its first row in `activations.parquet`.
    pub first_row: u64,
    /// Its rows there.
    pub rows: u64,
    /// Films on which it fires.
    pub films: u64,
    /// The same over all films without error, 0 to 1.
    pub firing_rate: f64,
    /// Strongest film activation; 0 for a dead feature.
    pub max: f32,
    /// Mean film activation of the films on which it fires; 0 for a dead feature.
    pub mean: f64,
    /// Length of the vector of film activations: what a cosine with another feature divides by.
    pub norm: f64,
    /// Quantiles of the film activation over all films, silent ones as 0, at 0, 0.1, to 1. Between two films linear, as
    /// NumPy's default (Hyndman and Fan 1996, type 7).
    pub quantiles: Vec<f32>,
    /// Films on which it fires by activation: [`BINS`] equal bins from 0 to `max`; `max` falls into the last.
    pub histogram: Vec<u32>,
}

/// Collects one feature at a time, in file order.
pub(super) struct Collector {
    /// Films without error in the whole store.
    films: u64,
    feature: u32,
    first_row: u64,
    rows: u64,
    last_film: Option<u32>,
    activations: Vec<f32>,
}

impl Collector {
    pub(super) fn new(films: u64) -> Self {
        Self { films, feature: 0, first_row: 0, rows: 0, last_film: None, activations: Vec::new() }
    }

    /// The feature that is being collected.
    pub(super) fn feature(&self) -> u32 {
        self.feature
    }

    /// Takes a row of the current feature.
    pub(super) fn push(&mut self, row: &Activation) {
        self.rows += 1;
        if self.last_film == Some(row.film) {
            if let Some(last) = self.activations.last_mut() {
                *last = last.max(row.value);
            }
        } else {
            self.last_film = Some(row.film);
            self.activations.push(row.value);
        }
    }

    /// Closes the current feature and goes on to the next.
    pub(super) fn close(&mut self) -> FeatureStatistics {
        let firing = self.activations.len() as u64;
        // Sums in film order, so that a merge adds in the order of an unsharded run.
        let sum: f64 = self.activations.iter().map(|&a| f64::from(a)).sum();
        let squares: f64 = self.activations.iter().map(|&a| f64::from(a) * f64::from(a)).sum();
        self.activations.sort_unstable_by(f32::total_cmp);
        let max = self.activations.last().copied().unwrap_or_default();
        let statistics = FeatureStatistics {
            feature: self.feature,
            first_row: self.first_row,
            rows: self.rows,
            films: firing,
            firing_rate: if self.films == 0 { 0.0 } else { firing as f64 / self.films as f64 },
            max,
            mean: if firing == 0 { 0.0 } else { sum / firing as f64 },
            norm: squares.sqrt(),
            quantiles: quantiles(&self.activations, self.films),
            histogram: histogram(&self.activations, max),
        };
        self.feature += 1;
        self.first_row += self.rows;
        self.rows = 0;
        self.last_film = None;
        self.activations.clear();
        statistics
    }
}

/// `sorted` are the activations above 0; the rest of `films` are 0.
fn quantiles(sorted: &[f32], films: u64) -> Vec<f32> {
    let silent = films.saturating_sub(sorted.len() as u64);
    let at = |place: u64| match place.checked_sub(silent) {
        Some(place) => f64::from(sorted.get(place as usize).copied().unwrap_or_default()),
        None => 0.0,
    };
    (0..QUANTILES)
        .map(|step| {
            let last = films.saturating_sub(1);
            let place = last as f64 * step as f64 / (QUANTILES - 1) as f64;
            let below = (place.floor() as u64).min(last);
            let (low, high) = (at(below), at((below + 1).min(last)));
            (low + (high - low) * (place - below as f64)) as f32
        })
        .collect()
}

fn histogram(activations: &[f32], max: f32) -> Vec<u32> {
    let mut bins = vec![0; BINS];
    for &activation in activations {
        let bin = (f64::from(activation) / f64::from(max) * BINS as f64) as usize;
        bins[bin.min(BINS - 1)] += 1;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_counted_by_film() {
        let mut collector = Collector::new(10);
        assert_eq!(collector.close().quantiles, vec![0.0; QUANTILES]);
        for (film, token, value) in [(1, 0, 1.0), (1, 3, 4.0), (1, 4, 2.0), (5, 0, 2.0), (8, 2, 3.0)] {
            collector.push(&Activation { feature: 1, film, token, value });
        }
        let found = collector.close();
        assert_eq!((found.feature, found.first_row, found.rows, found.films), (1, 0, 5, 3));
        assert_eq!((found.firing_rate, found.max, found.mean), (0.3, 4.0, 3.0));
        assert!((found.norm - 29.0_f64.sqrt()).abs() < 1e-12);
        // numpy.quantile([0] * 7 + [2, 3, 4], numpy.linspace(0, 1, 11))
        let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.6, 2.2, 3.1, 4.0];
        assert!(found.quantiles.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", found.quantiles);
        assert_eq!((found.histogram[25], found.histogram[37], found.histogram[49]), (1, 1, 1));
        assert_eq!(collector.close().first_row, 5);
    }
}
