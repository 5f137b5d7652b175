//! Features that fire together with a feature.
//!
//! In: a store, and the film activations of one feature. Out: the features whose film activations have the highest
//! cosine with it. Candidates come from the by-film file, over at most 128 films, and only the best of them that are
//! not too large are counted over all films: the time does not grow with the dataset.

use std::collections::HashMap;
use std::ops::Range;

use parquet::data_type::FloatType;
use serde::Serialize;

use super::feature_page::Peak;
use super::reader::{FeatureSummary, Store};
use super::statistics::FeatureStatistics;
use super::table::joined;
use crate::error::Result;

/// Strongest films, which are always looked at.
const STRONGEST: usize = 64;
/// Films drawn from the rest, at even distances by activation.
const DRAWN: usize = 64;
/// Films looked at that a candidate must share: one of the drawn films stands for many, and alone says nothing.
const LEAST_SEEN: u32 = 3;
/// Candidates that are counted over all films.
const COUNTED: usize = 24;
/// Most rows of a candidate that is counted; above, a sample of the feature's films meets it often enough.
const MAX_COUNTED_ROWS: u64 = 1 << 14;
/// Neighbours given.
const NEIGHBOURS: usize = 10;
/// Most activations of the films looked at: dense films are then looked at less.
const MAX_ROWS: u64 = 1 << 19;

/// A feature that fires on the same films.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The feature.
    pub feature: u32,
    /// Cosine between the two vectors of film activations over all films, 0 to 1.
    pub cosine: f64,
    /// Films on which both fire over films on which either does (Jaccard 1912), 0 to 1.
    pub jaccard: f64,
    /// Films on which both fire.
    pub films: f64,
    /// Whether the numbers are counted over all films. If not they are estimates, and only for features with more than
    /// 16,384 activations: sums over the 64 strongest films and 64 of the rest, each of these standing for its share of
    /// the rest (Horvitz and Thompson 1952, JASA 47:663).
    pub exact: bool,
}

#[derive(Clone, Copy, Default)]
struct Shared {
    seen: u32,
    films: f64,
    product: f64,
}

/// `peaks` are all film activations, strongest first.
pub(super) fn neighbours(store: &Store, statistics: &FeatureStatistics, peaks: &[Peak]) -> Result<Vec<Neighbour>> {
    let mut sample = sample(peaks);
    sample.sort_unstable_by_key(|(peak, _)| peak.film);
    let films: Vec<u32> = sample.iter().map(|(peak, _)| peak.film).collect();
    let mut rows = store.film_features.locate(&films)?;
    // A store whose SAE is not sparse: the rest of the sample is left out rather than read without end.
    let mut left = MAX_ROWS;
    let mut cut = false;
    for range in &mut rows {
        let length = range.end - range.start;
        if length > left {
            *range = 0..0;
            cut = true;
        } else {
            left -= length;
        }
    }
    let spans = joined(rows.clone());
    let features = store.film_features.indices(1, &spans)?;
    let values = store.film_features.values::<FloatType>(3, &spans)?;
    let mut cells = features.into_iter().zip(values);
    let mut shared: HashMap<u32, Shared> = HashMap::new();
    for ((peak, weight), range) in sample.iter().zip(&rows) {
        for (feature, value) in cells.by_ref().take(length(range)) {
            if feature != statistics.feature {
                let sums = shared.entry(feature).or_default();
                sums.seen += 1;
                sums.films += weight;
                sums.product += weight * f64::from(peak.value) * f64::from(value);
            }
        }
    }
    let summaries = store.summaries()?;
    let whole = sample.len() == peaks.len() && !cut;
    let measure = |feature: u32, sums: Shared, exact: bool| {
        let other = summaries.get(feature as usize)?;
        let films = sums.films.min(other.films as f64);
        let either = statistics.films as f64 + other.films as f64 - films;
        let cosine = (sums.product / (statistics.norm * other.norm)).clamp(0.0, 1.0);
        let neighbour = Neighbour { feature, cosine, jaccard: films / either, films, exact };
        (cosine.is_finite() && neighbour.jaccard.is_finite()).then_some(neighbour)
    };
    let seen = shared.into_iter().filter(|(_, sums)| whole || sums.seen >= LEAST_SEEN);
    let mut found: Vec<Neighbour> = seen.filter_map(|(feature, sums)| measure(feature, sums, whole)).collect();
    sort(&mut found);
    if !whole {
        found.truncate(COUNTED);
        let mut films: Vec<(u32, f32)> = peaks.iter().map(|peak| (peak.film, peak.value)).collect();
        films.sort_unstable_by_key(|(film, _)| *film);
        for neighbour in &mut found {
            let other = summaries.get(neighbour.feature as usize).copied().unwrap_or_default();
            if other.rows <= MAX_COUNTED_ROWS {
                let sums = count(store, &films, other)?;
                *neighbour = measure(neighbour.feature, sums, true).unwrap_or(*neighbour);
            }
        }
        sort(&mut found);
    }
    found.truncate(NEIGHBOURS);
    Ok(found)
}

fn sort(neighbours: &mut [Neighbour]) {
    neighbours.sort_unstable_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.feature.cmp(&b.feature)));
}

/// What two features share, over all films; `films` are those of the first in order.
fn count(store: &Store, films: &[(u32, f32)], other: FeatureSummary) -> Result<Shared> {
    let end = other.first_row.checked_add(other.rows).ok_or_else(|| store.damaged())?;
    let rows = store.activation_rows(other.first_row..end)?;
    let mut sums = Shared::default();
    let mut rows = rows.films.into_iter().zip(rows.values).peekable();
    while let Some((film, mut value)) = rows.next() {
        while let Some((_, again)) = rows.next_if(|(next, _)| *next == film) {
            value = value.max(again);
        }
        if let Ok(place) = films.binary_search_by_key(&film, |(film, _)| *film) {
            sums.seen += 1;
            sums.films += 1.0;
            sums.product += f64::from(films[place].1) * f64::from(value);
        }
    }
    Ok(sums)
}

/// Films to look at, each with the number of films that it stands for.
fn sample(peaks: &[Peak]) -> Vec<(Peak, f64)> {
    if peaks.len() <= STRONGEST + DRAWN {
        return peaks.iter().map(|&peak| (peak, 1.0)).collect();
    }
    let (strongest, rest) = peaks.split_at(STRONGEST);
    let weight = rest.len() as f64 / DRAWN as f64;
    let drawn = (0..DRAWN).map(|place| (rest[(2 * place + 1) * rest.len() / (2 * DRAWN)], weight));
    strongest.iter().map(|&peak| (peak, 1.0)).chain(drawn).collect()
}

fn length(range: &Range<u64>) -> usize {
    (range.end - range.start) as usize
}
