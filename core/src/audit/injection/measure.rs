//! Films one after the other, each opened once. In: a list of films. Out: whatever is made of them, and which could not be
//! used.

use rayon::prelude::*;
use serde::Serialize;

use super::draw::Levels;
use super::statistics::{count, numbered};
use crate::dataset::FilmRecord;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::radiograph::Radiograph;

/// A film that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenFilm {
    /// Its path.
    pub path: String,
    /// Why, in words.
    pub reason: String,
}

/// What was made of the films that could be used.
pub(super) struct Measured<T> {
    /// One entry a film, in the list's order.
    pub films: Vec<T>,
    /// Their patients, numbered.
    pub patients: Vec<usize>,
    /// Those left out.
    pub broken: Vec<BrokenFilm>,
}

impl<T> Measured<T> {
    /// Different patients.
    pub fn patient_count(&self) -> usize {
        count(&self.patients)
    }
}

/// Opens every film and makes something of it; `index` counts the list. A film that cannot be read, or on which the marker has
/// no room, is left out and told; anything else that fails ends the work.
pub(super) fn each_film<T>(
    films: &[FilmRecord],
    stage: &str,
    progress: &Progress<'_>,
    make: impl Fn(usize, &FilmRecord, &Radiograph, &Levels) -> Result<T>,
) -> Result<Measured<T>> {
    let (mut made, mut patients, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (index, record) in films.iter().enumerate() {
        progress.step(stage, index, films.len())?;
        let one = Radiograph::open(&record.path).and_then(|film| make(index, record, &film, &Levels::of(&film)));
        match one {
            Ok(one) => {
                made.push(one);
                patients.push(record.patient.as_str());
            }
            Err(error @ (Error::Film { .. } | Error::Invalid(_))) => {
                broken.push(BrokenFilm { path: record.path.display().to_string(), reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    progress.step(stage, films.len(), films.len())?;
    if made.is_empty() {
        let first = broken.first().map_or("the list is empty", |film| film.reason.as_str());
        return Err(Error::Invalid(format!("none of {} films can be used: {first}", films.len())));
    }
    Ok(Measured { films: made, patients: numbered(patients), broken })
}

/// Draws several things onto one film at a time, on all cores.
pub(super) fn all_drawn<J: Sync, T: Send>(jobs: &[J], draw: impl Fn(&J) -> Result<T> + Sync + Send) -> Result<Vec<T>> {
    jobs.par_iter().map(draw).collect()
}
