//! The films of a store.
//!
//! In: an open store and films, by their position in the dataset. Out: their lines of the film table, what is active on
//! them, their latents. Only the pages that hold them are read.

use std::collections::BTreeMap;
use std::ops::Range;

use parquet::data_type::{ByteArrayType, FloatType};

use super::reader::Store;
use super::table::{Table, joined};
use crate::error::{Error, Result};

/// Columns of the film table before those of the dataset.
pub(super) const FILM_COLUMNS: usize = 3;

/// What the film table says of a film.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmEntry {
    /// Position in the dataset.
    pub film: u32,
    /// The picture.
    pub path: String,
    /// Patient the film is of.
    pub patient: String,
    /// What is known of it, by column.
    pub columns: BTreeMap<String, f32>,
}

/// A film that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedFilm {
    /// Position in the dataset.
    pub film: u32,
    /// The picture.
    pub path: String,
    /// Why.
    pub error: String,
}

/// A feature that is active on a film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmFeature {
    /// The feature.
    pub feature: u32,
    /// Its strongest token, the first of equals.
    pub token: u32,
    /// Its film activation: the value there.
    pub value: f32,
}

impl Store {
    /// What is active on a film, by feature; empty for a film that failed.
    ///
    /// # Errors
    /// When a page is damaged.
    pub fn film_activations(&self, film: u32) -> Result<Vec<FilmFeature>> {
        let rows = self.film_features.locate(&[film])?;
        let features = self.film_features.indices(1, &rows)?;
        let tokens = self.film_features.indices(2, &rows)?;
        let values = self.film_features.values::<FloatType>(3, &rows)?;
        let rows = features.into_iter().zip(tokens).zip(values);
        Ok(rows.map(|((feature, token), value)| FilmFeature { feature, token, value }).collect())
    }

    /// Lines of the film table, in the order asked.
    ///
    /// # Errors
    /// When a film is not in the table, or a page is damaged.
    pub fn films(&self, films: &[u32]) -> Result<Vec<FilmEntry>> {
        let mut sorted = films.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let rows = self.film_rows(&sorted)?;
        let rows = joined(rows);
        let paths = self.film_texts(1, &rows)?;
        let patients = self.film_texts(2, &rows)?;
        let columns =
            (0..self.columns.len()).map(|column| self.film_column(column, &rows)).collect::<Result<Vec<_>>>()?;
        films
            .iter()
            .map(|film| {
                let place = sorted.binary_search(film).map_err(|_| self.damaged())?;
                let known = self.columns.iter().zip(&columns);
                let known =
                    known.filter_map(|(name, cells)| Some((name.clone(), cells.get(place).copied().flatten()?)));
                Ok(FilmEntry {
                    film: *film,
                    path: paths.get(place).cloned().ok_or_else(|| self.damaged())?,
                    patient: patients.get(place).cloned().ok_or_else(|| self.damaged())?,
                    columns: known.collect(),
                })
            })
            .collect()
    }

    /// The line of one film.
    ///
    /// # Errors
    /// As [`Self::films`].
    pub fn film(&self, film: u32) -> Result<FilmEntry> {
        self.films(&[film])?.pop().ok_or_else(|| self.damaged())
    }

    /// All films that could not be read.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn failed(&self) -> Result<Vec<FailedFilm>> {
        let all = 0..self.failed.rows();
        let all = [all];
        let films = self.failed.indices(0, &all)?;
        let rows = films.into_iter().zip(texts(&self.failed, 1, &all)?).zip(texts(&self.failed, 2, &all)?);
        Ok(rows.map(|((film, path), error)| FailedFilm { film, path, error }).collect())
    }

    /// The latent of a film, `[n, d]` in row order; `None` if the store keeps none or the film failed.
    ///
    /// # Errors
    /// When a page is damaged.
    pub fn latent(&self, film: u32) -> Result<Option<Vec<f32>>> {
        let Some(latents) = &self.latents else { return Ok(None) };
        let rows = latents.locate(&[film])?;
        if rows.iter().all(Range::is_empty) {
            return Ok(None);
        }
        Ok(Some(latents.cells::<FloatType>(2, &rows)?.values))
    }

    /// Row of each film in the film table; films ascend without repeats.
    pub(super) fn film_rows(&self, films: &[u32]) -> Result<Vec<Range<u64>>> {
        let rows = self.films.locate(films)?;
        match rows.iter().zip(films).find(|(rows, _)| rows.end - rows.start != 1) {
            Some((_, film)) => Err(Error::Invalid(format!("film {film} is not in the store's film table"))),
            None => Ok(rows),
        }
    }

    /// Cells of one of the dataset's columns.
    pub(super) fn film_column(&self, column: usize, rows: &[Range<u64>]) -> Result<Vec<Option<f32>>> {
        let cells = self.films.cells::<FloatType>(FILM_COLUMNS + column, rows)?;
        let mut values = cells.values.into_iter();
        Ok(cells.definition.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }

    pub(super) fn film_texts(&self, column: usize, rows: &[Range<u64>]) -> Result<Vec<String>> {
        texts(&self.films, column, rows)
    }
}

pub(super) fn texts(table: &Table, column: usize, rows: &[Range<u64>]) -> Result<Vec<String>> {
    let bytes = table.values::<ByteArrayType>(column, rows)?;
    Ok(bytes.into_iter().map(|bytes| String::from_utf8_lossy(bytes.data()).into_owned()).collect())
}
