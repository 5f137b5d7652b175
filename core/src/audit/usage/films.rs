//! The films that are audited, and where their latents come from.

use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use super::model::UsageModel;
use crate::error::{Error, Result};
use crate::store::{FilmEntry, Store};

/// Bytes of latents that are kept in memory, at most.
const MOST_BYTES: usize = 4 << 30;

/// One audited film.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditedFilm {
    /// Its file, as tables name it.
    pub name: String,
    /// Where its latent comes from.
    pub source: FilmSource,
    /// Patient it is of: intervals resample patients.
    pub patient: String,
    /// Its value in the audited column; none where that is not known.
    pub group: Option<String>,
    /// Whether it has each of the classifier's labels; none where that is not known. May be empty.
    pub truth: Vec<Option<bool>>,
}

/// Where a latent comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum FilmSource {
    /// A file, which the bundle encodes.
    File(PathBuf),
    /// The film of this number in the audit's store.
    Stored(u32),
    /// The caller: `[n, d]` in row order, as the encoder made it.
    Latent(Vec<f32>),
}

/// A film that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// Its file.
    pub file: String,
    /// Why.
    pub reason: String,
}

impl AuditedFilm {
    /// A film of a store: grouped by `column`, with the truth of those labels that are columns too. Where the store keeps no
    /// latents, the film is read from its file, in the folder that was encoded.
    #[must_use]
    pub fn of_store(store: &Store, entry: &FilmEntry, column: Option<&str>, labels: &[&str]) -> Self {
        let source = if store.info().latents {
            FilmSource::Stored(entry.film)
        } else {
            FilmSource::File(std::path::Path::new(&store.info().dataset).join(&entry.path))
        };
        let truth = labels.iter().map(|label| match entry.columns.get(*label).copied() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        });
        Self {
            name: entry.path.clone(),
            source,
            patient: entry.patient.clone(),
            group: column.and_then(|column| entry.columns.get(column)).map(ToString::to_string),
            truth: truth.collect(),
        }
    }

    /// What is known of a label on it.
    pub(super) fn truth(&self, label: usize) -> Option<bool> {
        self.truth.get(label).copied().flatten()
    }
}

/// Latents of the audited films, each read or encoded once.
pub(super) struct Latents<'a> {
    model: &'a UsageModel<'a>,
    store: Option<&'a Store>,
    films: &'a [AuditedFilm],
    /// Those that were encoded, piece by piece; a store's are read again, which costs less than keeping them.
    kept: Vec<Option<Vec<f32>>>,
}

impl<'a> Latents<'a> {
    pub fn new(model: &'a UsageModel<'a>, store: Option<&'a Store>, films: &'a [AuditedFilm]) -> Result<Self> {
        let encoded = films.iter().filter(|film| matches!(film.source, FilmSource::File(_))).count();
        let bytes = encoded.saturating_mul(model.floats()).saturating_mul(4);
        if bytes > MOST_BYTES {
            return Err(Error::Invalid(format!(
                "the latents of {encoded} films take {:.1} GB of memory, and 4 are the most; audit fewer films, or a store \
                 that keeps latents (fluoro encode without --no-latents)",
                bytes as f64 / 1e9
            )));
        }
        if let Some(store) = store {
            let info = store.info();
            if [info.tokens as usize, info.latent_dim as usize] != model.latent {
                return Err(Error::store(
                    store.folder(),
                    "its latents are of another size than those that are asked about",
                ));
            }
            let own = info.bundle_hash.split('-').next();
            if model.latent_hash.as_deref().is_some_and(|hash| own != Some(hash)) {
                let reason = "its latents are of another encoder than the bundle's; encode again with this bundle";
                return Err(Error::store(store.folder(), reason));
            }
        } else if films.iter().any(|film| matches!(film.source, FilmSource::Stored(_))) {
            return Err(Error::Invalid("films of a store need the store".into()));
        }
        Ok(Self { model, store, films, kept: vec![None; films.len()] })
    }

    /// Latents of the films at `places`, or why there is none.
    pub fn of(&mut self, places: std::ops::Range<usize>) -> Result<Vec<Result<Vec<f32>>>> {
        let waiting: Vec<usize> = places.clone().filter(|&at| self.kept[at].is_none()).collect();
        let path = |&at: &usize| match &self.films[at].source {
            FilmSource::File(path) => Some((at, path.as_path())),
            _ => None,
        };
        let files: Vec<_> = waiting.iter().filter_map(path).collect();
        let mut failed = std::collections::BTreeMap::new();
        if !files.is_empty() {
            let paths: Vec<_> = files.iter().map(|(_, path)| *path).collect();
            for ((at, _), latent) in files.iter().zip(self.model.encode(&paths)?) {
                match latent {
                    Ok(latent) => self.kept[*at] = Some(latent),
                    Err(error) => drop(failed.insert(*at, error)),
                }
            }
        }
        let floats = self.model.floats();
        let (store, films, kept) = (self.store, self.films, &self.kept);
        let of_film = |at: usize| -> Result<Vec<f32>> {
            let latent = match (&films[at].source, &kept[at]) {
                (_, Some(latent)) => latent.clone(),
                (FilmSource::Latent(latent), _) => latent.clone(),
                (FilmSource::Stored(film), _) => store
                    .and_then(|store| store.latent(*film).transpose())
                    .unwrap_or_else(|| Err(Error::Invalid(format!("the store has no latent of film {film}"))))?,
                (FilmSource::File(_), None) => return Err(Error::Invalid("it could not be encoded".into())),
            };
            if latent.len() == floats && latent.iter().all(|v| v.is_finite()) {
                Ok(latent)
            } else {
                Err(Error::Invalid(format!("its latent of {} numbers is not {floats} finite ones", latent.len())))
            }
        };
        let mut read: Vec<Result<Vec<f32>>> = places.clone().into_par_iter().map(of_film).collect();
        for (at, error) in failed {
            read[at - places.start] = Err(error);
        }
        Ok(read)
    }
}
