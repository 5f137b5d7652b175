//! A finished store, opened.
//!
//! In: a folder. Out: rows of one feature, and [`super::films`] for films, read page by page. Opening reads the manifest
//! and the files' footers, no rows. Several threads may ask at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parquet::basic::Type as Kind;
use parquet::data_type::{DoubleType, FloatType, Int32Type, Int64Type};

use super::blocks::digests_of;
use super::films::FILM_COLUMNS;
use super::info::{Manifest, StoreInfo};
use super::statistics::{BINS, FeatureStatistics, QUANTILES};
use super::table::Table;
use super::{ACTIVATIONS, BLOCKS, FAILED, FEATURES, FILM_FEATURES, FILMS, LATENTS};
use crate::error::{Error, Result};

/// A store on disk.
pub struct Store {
    folder: PathBuf,
    manifest: Manifest,
    pub(super) activations: Table,
    pub(super) film_features: Table,
    pub(super) films: Table,
    pub(super) failed: Table,
    pub(super) latents: Option<Table>,
    features: Table,
    pub(super) columns: Vec<String>,
    summaries: OnceLock<Vec<FeatureSummary>>,
}

/// Activations of one feature, by film and token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureRows {
    /// Films, ascending.
    pub films: Vec<u32>,
    /// Tokens, ascending within a film.
    pub tokens: Vec<u32>,
    /// Values, above 0.
    pub values: Vec<f32>,
}

impl FeatureRows {
    /// Token and value of the activations on one film.
    pub fn of(&self, film: u32) -> impl Iterator<Item = (u32, f32)> {
        let range =
            self.films.partition_point(|&other| other < film)..self.films.partition_point(|&other| other <= film);
        self.tokens[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

/// A feature in a list of all: what [`FeatureStatistics`] says in single numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FeatureSummary {
    /// Its first row in `activations.parquet`.
    pub first_row: u64,
    /// Its rows there.
    pub rows: u64,
    /// Films on which it fires.
    pub films: u64,
    /// Strongest film activation.
    pub max: f32,
    /// Mean film activation where it fires.
    pub mean: f64,
    /// Length of the vector of film activations.
    pub norm: f64,
}

impl Store {
    /// Whether a finished store is in this folder, by its manifest.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join(super::MANIFEST).is_file()
    }

    /// Opens a finished store.
    ///
    /// # Errors
    /// When there is none, it is unfinished, of another version, or a file is missing, foreign or damaged. Damage inside
    /// a file is found when its page is read.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_as(folder, true)
    }

    /// Opens it; unless `kept_open`, files are opened again for each read.
    pub(super) fn open_as(folder: &Path, kept_open: bool) -> Result<Self> {
        let manifest = Manifest::read(folder)?;
        let digests = read_digests(folder, &manifest)?;
        let table = |name: &str, expected: &[(&str, Kind)], more_floats: bool| {
            let lacking = || Error::store(folder, format!("the store lacks {name}; copy or encode it again"));
            let seal = manifest.files.get(name).ok_or_else(lacking)?;
            let digests = digests.get(name).ok_or_else(lacking)?;
            Table::open(&folder.join(name), seal, digests, expected, more_floats, kept_open)
        };
        let (integer, long, float, double, text) =
            (Kind::INT32, Kind::INT64, Kind::FLOAT, Kind::DOUBLE, Kind::BYTE_ARRAY);
        let films = table(FILMS, &[("film", integer), ("path", text), ("patient", text)], true)?;
        let failed = table(FAILED, &[("film", integer), ("path", text), ("error", text)], false)?;
        let activations = table(
            ACTIVATIONS,
            &[("feature", integer), ("film", integer), ("token", integer), ("value", float)],
            false,
        )?;
        let film_features = table(
            FILM_FEATURES,
            &[("film", integer), ("feature", integer), ("token", integer), ("value", float)],
            false,
        )?;
        let features = table(
            FEATURES,
            &[
                ("feature", integer),
                ("first_row", long),
                ("rows", long),
                ("films", long),
                ("firing_rate", double),
                ("max", float),
                ("mean", double),
                ("norm", double),
                ("quantiles", float),
                ("histogram", integer),
            ],
            false,
        )?;
        let latents = if manifest.info.latents {
            Some(table(LATENTS, &[("film", integer), ("token", integer), ("latent", float)], false)?)
        } else {
            None
        };
        let columns = films.names_from(FILM_COLUMNS);
        let counts = [
            (&films, manifest.films),
            (&failed, manifest.failed),
            (&activations, manifest.activations),
            (&film_features, manifest.film_features),
            (&features, u64::from(manifest.info.features)),
        ];
        if let Some((table, count)) = counts.into_iter().find(|(table, count)| table.rows() != *count) {
            let rows = table.rows();
            return Err(Error::store(table.path(), format!("has {rows} rows, its store says {count}; encode again")));
        }
        // Every activation takes four bytes in its file, so a file cannot ask for more memory than it has bytes.
        for table in [&activations, &film_features] {
            if table.rows() > table.bytes() / 4 {
                return Err(Error::store(table.path(), "the file is too short for its rows; encode again"));
            }
        }
        if !columns.iter().eq(manifest.columns.keys()) {
            return Err(Error::store(films.path(), "its columns are not those of its store; encode again"));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            activations,
            film_features,
            films,
            failed,
            latents,
            features,
            columns,
            summaries: OnceLock::new(),
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was encoded.
    #[must_use]
    pub fn info(&self) -> &StoreInfo {
        &self.manifest.info
    }

    /// Counts, columns and files.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Films without error.
    #[must_use]
    pub fn films_len(&self) -> u64 {
        self.manifest.films
    }

    /// Columns of the film table, sorted.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Statistics of one feature.
    ///
    /// # Errors
    /// When there is no such feature, or the page is damaged.
    pub fn statistics(&self, feature: u32) -> Result<FeatureStatistics> {
        if feature >= self.info().features {
            let last = self.info().features - 1;
            return Err(Error::Invalid(format!("there is no feature {feature}; the store's last is {last}")));
        }
        let row = u64::from(feature)..u64::from(feature) + 1;
        let row = [row];
        let long = |column| self.long(column, &row)?.first().copied().ok_or_else(|| self.damaged());
        let double = |column| Ok::<_, Error>(self.features.values::<DoubleType>(column, &row)?[0]);
        let statistics = FeatureStatistics {
            feature: self.features.indices(0, &row)?[0],
            first_row: long(1)?,
            rows: long(2)?,
            films: long(3)?,
            firing_rate: double(4)?,
            max: self.features.values::<FloatType>(5, &row)?[0],
            mean: double(6)?,
            norm: double(7)?,
            quantiles: self.features.cells::<FloatType>(8, &row)?.values,
            histogram: self.features.cells::<Int32Type>(9, &row)?.values.into_iter().map(|n| n.max(0) as u32).collect(),
        };
        let end = statistics.first_row.checked_add(statistics.rows);
        let sound = statistics.feature == feature
            && statistics.quantiles.len() == QUANTILES
            && statistics.histogram.len() == BINS
            && statistics.films <= statistics.rows
            && end.is_some_and(|end| end <= self.activations.rows());
        if sound { Ok(statistics) } else { Err(self.damaged()) }
    }

    /// All features in single numbers, read once and kept: 48 bytes a feature.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn summaries(&self) -> Result<&[FeatureSummary]> {
        if let Some(summaries) = self.summaries.get() {
            return Ok(summaries);
        }
        let all = 0..self.features.rows();
        let all = [all];
        let first_rows = self.long(1, &all)?;
        let rows = self.long(2, &all)?;
        let films = self.long(3, &all)?;
        let max = self.features.values::<FloatType>(5, &all)?;
        let mean = self.features.values::<DoubleType>(6, &all)?;
        let norm = self.features.values::<DoubleType>(7, &all)?;
        let places = first_rows.into_iter().zip(rows).zip(films);
        let summaries = places.zip(max).zip(mean).zip(norm);
        let summaries = summaries
            .map(|(((((first_row, rows), films), max), mean), norm)| FeatureSummary {
                first_row,
                rows,
                films,
                max,
                mean,
                norm,
            })
            .collect();
        Ok(self.summaries.get_or_init(|| summaries))
    }

    /// All activations of one feature.
    ///
    /// # Errors
    /// When there is no such feature, or a page is damaged.
    pub fn feature(&self, feature: u32) -> Result<FeatureRows> {
        self.feature_rows(&self.statistics(feature)?)
    }

    pub(super) fn feature_rows(&self, statistics: &FeatureStatistics) -> Result<FeatureRows> {
        self.activation_rows(statistics.first_row..statistics.first_row + statistics.rows)
    }

    /// Rows of `activations.parquet`.
    pub(super) fn activation_rows(&self, rows: Range<u64>) -> Result<FeatureRows> {
        let rows = [rows];
        Ok(FeatureRows {
            films: self.activations.indices(1, &rows)?,
            tokens: self.activations.indices(2, &rows)?,
            values: self.activations.values::<FloatType>(3, &rows)?,
        })
    }

    fn long(&self, column: usize, rows: &[Range<u64>]) -> Result<Vec<u64>> {
        let values = self.features.values::<Int64Type>(column, rows)?;
        values.into_iter().map(|value| u64::try_from(value).map_err(|_| self.damaged())).collect()
    }

    pub(super) fn damaged(&self) -> Error {
        Error::store(&self.folder, "the store's files contradict each other; copy or encode it again")
    }
}

/// Digests of each file, cut from `blocks.bin`.
fn read_digests(folder: &Path, manifest: &Manifest) -> Result<BTreeMap<String, Vec<u8>>> {
    let path = folder.join(BLOCKS);
    let damaged = || Error::store(&path, "the digests of the store are missing or damaged; copy or encode it again");
    let mut file = File::open(&path).map_err(|_| damaged())?;
    let mut left = file.metadata().map_err(|_| damaged())?.len();
    let mut digests = BTreeMap::new();
    for (name, seal) in &manifest.files {
        let length = digests_of(seal.bytes).ok_or_else(damaged)?;
        left = left.checked_sub(length as u64).ok_or_else(damaged)?;
        let mut own = vec![0; length];
        file.read_exact(&mut own).map_err(|_| damaged())?;
        digests.insert(name.clone(), own);
    }
    if left == 0 { Ok(digests) } else { Err(damaged()) }
}
