//! What a feature's page shows, gathered from a store.
//!
//! In: a store and a feature. Out: [`FeaturePage`]. The feature's own rows are read once, in pieces; films are looked up
//! for those shown; the rest of the store is not touched.

use std::ops::Range;

use serde::Serialize;

use super::neighbours::{Neighbour, neighbours};
use super::reader::Store;
use super::statistics::FeatureStatistics;
use super::table::joined;
use crate::error::Result;
use crate::metrics::share_wilson;

/// Films of the gallery, as SAEDashboard's `top_acts_group_size`.
const TOP: usize = 20;
/// Groups below the gallery, as SAEDashboard's `n_quantiles`.
const GROUPS: usize = 10;
/// Films of a group, as SAEDashboard's `quantile_group_size`.
const GROUP: usize = 5;
/// Films whose metadata are held against the dataset's, at most: the strongest tenth of those that fire, and not fewer
/// than are shown.
const PROFILE: usize = 100;
/// Rows of the feature read at a time.
const PIECE: u64 = 1 << 16;

/// A feature's page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeaturePage {
    /// Firing rate, maximum, histogram and quantiles.
    pub statistics: FeatureStatistics,
    /// The 20 strongest films, strongest first; ties by film.
    pub top: Vec<PageFilm>,
    /// Ten groups of up to five films spread over the films that fire, strongest group first. SAEDashboard cuts the
    /// range of values into equal intervals; here each group is a tenth of the films, so that none is empty when
    /// activations crowd near 0.
    pub groups: Vec<QuantileGroup>,
    /// Each column of zeros and ones: the 100 strongest films against the dataset.
    pub profile: Vec<MetadataShare>,
    /// Features that fire on the same films, nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A film on a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageFilm {
    /// Position in the dataset.
    pub film: u32,
    /// The picture.
    pub path: String,
    /// Patient the film is of.
    pub patient: String,
    /// Strongest token, the first of equals.
    pub token: u32,
    /// Film activation: the value there.
    pub value: f32,
}

/// Films from one tenth of those that fire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantileGroup {
    /// Weakest film activation of the tenth.
    pub from: f32,
    /// Strongest.
    pub to: f32,
    /// Films in the tenth.
    pub count: usize,
    /// Films at even distances in it, strongest first.
    pub films: Vec<PageFilm>,
}

/// How often a column is 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Films for which it is 1.
    pub present: u64,
    /// Films for which it is known: n.
    pub known: u64,
    /// `present / known`; 0 if nothing is known.
    pub share: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A column among the strongest films and in the dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetadataShare {
    /// The column.
    pub column: String,
    /// Among the strongest films.
    pub top: Share,
    /// In the whole store: the base rate.
    pub base: Share,
}

/// A film activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    pub film: u32,
    pub token: u32,
    pub value: f32,
}

impl Share {
    /// A share with Wilson's score interval (Wilson 1927, JASA 22:209), which stays inside 0 to 1 for few films.
    #[must_use]
    pub fn new(present: u64, known: u64) -> Self {
        match share_wilson(present as usize, known as usize) {
            Some(share) => Self { present, known, share: share.value, low: share.low, high: share.high },
            None => Self { present, known, share: 0.0, low: 0.0, high: 1.0 },
        }
    }
}

impl FeaturePage {
    /// Its films: the strongest, then those of each group.
    pub fn films(&self) -> impl Iterator<Item = &PageFilm> {
        self.top.iter().chain(self.groups.iter().flat_map(|group| &group.films))
    }

    /// Gathers the page of a feature. Twelve bytes of memory for each film on which it fires.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged.
    pub fn read(store: &Store, feature: u32) -> Result<Self> {
        let statistics = store.statistics(feature)?;
        let peaks = store.peaks(&statistics)?;
        let tenths = tenths(peaks.len());
        let shown: Vec<Peak> = peaks
            .iter()
            .take(TOP)
            .chain(tenths.iter().flat_map(|tenth| spread(tenth).map(|place| &peaks[place])))
            .copied()
            .collect();
        let mut films = store.page_films(&shown)?;
        let mut rest = films.split_off(TOP.min(peaks.len())).into_iter();
        let groups = tenths
            .iter()
            .map(|tenth| QuantileGroup {
                from: peaks[tenth.end - 1].value,
                to: peaks[tenth.start].value,
                count: tenth.len(),
                films: rest.by_ref().take(spread(tenth).count()).collect(),
            })
            .collect();
        Ok(Self {
            top: films,
            groups,
            profile: profile(store, &peaks[..(peaks.len() / 10).clamp(TOP, PROFILE).min(peaks.len())])?,
            neighbours: neighbours(store, &statistics, &peaks)?,
            statistics,
        })
    }
}

impl Store {
    /// The `count` strongest films of a feature, strongest first; ties by film.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged.
    pub fn gallery(&self, feature: u32, count: usize) -> Result<Vec<PageFilm>> {
        let peaks = self.peaks(&self.statistics(feature)?)?;
        self.page_films(&peaks[..count.min(peaks.len())])
    }

    /// Every film on which a feature fires with its film activation, strongest first.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged.
    pub fn strongest(&self, feature: u32) -> Result<Vec<(u32, f32)>> {
        let peaks = self.peaks(&self.statistics(feature)?)?;
        Ok(peaks.into_iter().map(|peak| (peak.film, peak.value)).collect())
    }

    /// Film activations of a feature, strongest first.
    pub(super) fn peaks(&self, statistics: &FeatureStatistics) -> Result<Vec<Peak>> {
        let mut peaks: Vec<Peak> = Vec::new();
        let end = statistics.first_row + statistics.rows;
        let mut start = statistics.first_row;
        while start < end {
            let next = (start + PIECE).min(end);
            let rows = self.activation_rows(start..next)?;
            for ((film, token), value) in rows.films.into_iter().zip(rows.tokens).zip(rows.values) {
                match peaks.last_mut() {
                    Some(last) if last.film == film => {
                        if value > last.value {
                            (last.token, last.value) = (token, value);
                        }
                    }
                    _ => peaks.push(Peak { film, token, value }),
                }
            }
            start = next;
        }
        peaks.sort_unstable_by(|a, b| b.value.total_cmp(&a.value).then(a.film.cmp(&b.film)));
        Ok(peaks)
    }

    fn page_films(&self, peaks: &[Peak]) -> Result<Vec<PageFilm>> {
        let mut films: Vec<u32> = peaks.iter().map(|peak| peak.film).collect();
        films.sort_unstable();
        films.dedup();
        let rows = joined(self.film_rows(&films)?);
        let paths = self.film_texts(1, &rows)?;
        let patients = self.film_texts(2, &rows)?;
        let text = |texts: &[String], place: usize| texts.get(place).cloned().ok_or_else(|| self.damaged());
        peaks
            .iter()
            .map(|&Peak { film, token, value }| {
                let place = films.binary_search(&film).map_err(|_| self.damaged())?;
                Ok(PageFilm { film, path: text(&paths, place)?, patient: text(&patients, place)?, token, value })
            })
            .collect()
    }
}

/// Tenths of `count` places; fewer if there are fewer places.
fn tenths(count: usize) -> Vec<Range<usize>> {
    let edge = |group: usize| count * group / GROUPS;
    (0..GROUPS).map(|group| edge(group)..edge(group + 1)).filter(|range| !range.is_empty()).collect()
}

/// Up to five places at even distances, the middles of five equal parts.
fn spread(tenth: &Range<usize>) -> impl Iterator<Item = usize> + use<> {
    let (start, length) = (tenth.start, tenth.len());
    let count = length.min(GROUP);
    (0..count).map(move |place| start + (2 * place + 1) * length / (2 * count))
}

fn profile(store: &Store, peaks: &[Peak]) -> Result<Vec<MetadataShare>> {
    let mut films: Vec<u32> = peaks.iter().map(|peak| peak.film).collect();
    films.sort_unstable();
    films.dedup();
    let rows = joined(store.film_rows(&films)?);
    let summaries = store.columns().iter().zip(store.manifest().columns.values()).enumerate();
    summaries
        .filter(|(_, (_, summary))| summary.known > 0 && summary.other == 0)
        .map(|(place, (column, summary))| {
            let cells = store.film_column(place, &rows)?;
            let present = cells.iter().filter(|cell| **cell == Some(1.0)).count() as u64;
            let known = cells.iter().flatten().count() as u64;
            let base = Share::new(summary.present, summary.known);
            Ok(MetadataShare { column: column.clone(), top: Share::new(present, known), base })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_scipy() {
        // scipy.stats.binomtest(8, 10).proportion_ci(method="wilson")
        let share = Share::new(8, 10);
        assert!((share.low - 0.490_162_47).abs() < 1e-6 && (share.high - 0.943_317_8).abs() < 1e-6, "{share:?}");
        let (none, all) = (Share::new(0, 10), Share::new(10, 10));
        assert!(none.low.abs() < 1e-12 && (none.high - 0.277_533).abs() < 1e-5, "{none:?}");
        assert!((all.high - 1.0).abs() < 1e-12 && all.low > 0.7);
        assert_eq!((Share::new(0, 0).low, Share::new(0, 0).high), (0.0, 1.0));
    }

    #[test]
    fn groups_cover_all_films_and_pick_different_ones() {
        for count in [0, 1, 3, 9, 10, 11, 49, 1000] {
            let tenths = tenths(count);
            assert_eq!(tenths.iter().map(Range::len).sum::<usize>(), count);
            let places: Vec<usize> = tenths.iter().flat_map(spread).collect();
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]) && places.iter().all(|&place| place < count));
        }
    }
}
