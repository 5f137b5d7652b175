//! Datasets: folders of films with a table that says what is on them.
//!
//! In: a folder. Out: [`Dataset`], one [`FilmRecord`] a film, with what the table knows of it. A new table format is one
//! file here and one line in [`Dataset::open`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::bundle::FilmKind;
use crate::bundle::load::hex;
use crate::error::{Error, Result};
use crate::radiograph::Study;

pub mod columns;
mod nih;
pub mod regions;
pub mod reports;

pub use columns::{NIH_FINDINGS, TRAINED_LABELS};

/// One film of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmRecord {
    /// The picture.
    pub path: PathBuf,
    /// Patient the film is of; splits keep a patient on one side.
    pub patient: String,
    /// What is known of the film by column name: 1 present, 0 absent; a column that is not known is not in the map.
    pub columns: BTreeMap<String, f32>,
    /// Another network's probabilities by label, where the dataset ships them.
    pub teacher: BTreeMap<String, f32>,
}

/// Films with their table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Films, in the table's order.
    pub films: Vec<FilmRecord>,
    /// Columns that a classifier is trained on, in output order.
    pub labels: Vec<String>,
    /// What the films are and whom to thank for them; of several folders, of each kind once.
    pub sources: Vec<Source>,
}

/// What a folder's films are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// NIH ChestX-ray14, patients.
    Nih,
    /// Phantoms drawn by [`crate::phantom`].
    Phantoms,
}

impl Source {
    /// What kind of films they are.
    #[must_use]
    pub fn kind(self) -> FilmKind {
        match self {
            Self::Nih => FilmKind::Patients,
            Self::Phantoms => FilmKind::Phantoms,
        }
    }

    /// What a bundle trained on it says of its data: attribution, then what to keep in mind.
    #[must_use]
    pub fn provenance(self) -> [&'static str; 2] {
        match self {
            Self::Nih => [
                "NIH ChestX-ray14 (NIH Clinical Center): Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: \
                 Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised Classification and Localization \
                 of Common Thorax Diseases. CVPR 2017, 3462-3471. https://nihcc.app.box.com/v/ChestXray-NIHCC. The films' \
                 own terms ask for this attribution.",
                "Trained on few films with text-mined labels; scores are not calibrated probabilities.",
            ],
            Self::Phantoms => [
                "Phantoms drawn by fluoro phantom; no patient's film.",
                "Trained on drawn films alone: what it says of a patient's film means nothing.",
            ],
        }
    }
}

/// Part of a patient split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights are fitted on these.
    Training,
    /// Looked at only to report.
    HeldOut,
}

impl Dataset {
    /// Opens one folder, or several as one dataset.
    ///
    /// # Errors
    /// When a folder has no known table, the table lacks a column, or names films that are not there.
    pub fn open(folders: &[PathBuf]) -> Result<Self> {
        let mut all = Self::default();
        for folder in folders {
            let one = open_folder(folder)?;
            all.films.extend(one.films);
            all.labels.extend(one.labels.into_iter().filter(|label| !all.labels.contains(label)).collect::<Vec<_>>());
            all.sources
                .extend(one.sources.into_iter().filter(|source| !all.sources.contains(source)).collect::<Vec<_>>());
        }
        if all.films.is_empty() {
            return Err(Error::Invalid("the dataset has no films; name at least one folder".into()));
        }
        Ok(all)
    }

    /// One folder as it is, for reading film after film: with a known table, or all films below it without one; files
    /// that are missing or broken show when they are read.
    ///
    /// # Errors
    /// When there is no such folder, its table cannot be read, or nothing in it looks like a film.
    pub fn listed(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::dataset(folder, "not a folder; a dataset is a folder of films"));
        }
        if let Some(dataset) = nih::open(folder, Missing::Listed)? {
            return Ok(dataset);
        }
        let films = Study::open(&[folder.to_path_buf()])?.films;
        let film = |path: PathBuf| FilmRecord {
            // Nothing says which films are of one patient; each stands for its own.
            patient: path.strip_prefix(folder).unwrap_or(&path).display().to_string(),
            path,
            columns: BTreeMap::new(),
            teacher: BTreeMap::new(),
        };
        Ok(Self { films: films.into_iter().map(film).collect(), ..Self::default() })
    }

    /// SHA-256 over the films' paths inside `folder`, their patients and columns, in hex: two lists with the same hash
    /// number the same films alike.
    #[must_use]
    pub fn hash(&self, folder: &Path) -> String {
        let mut hash = Sha256::new();
        for film in &self.films {
            let path = film.path.strip_prefix(folder).unwrap_or(&film.path);
            hash.update(format!("{}\n{}\n{:?}\n", path.display(), film.patient, film.columns));
        }
        hex(&hash.finalize())
    }

    /// Films of one part of the split.
    #[must_use]
    pub fn part(&self, split: &PatientSplit, part: Part) -> Self {
        let films = self.films.iter().filter(|film| split.part(&film.patient) == part).cloned().collect();
        Self { films, ..self.clone() }
    }
}

/// What to do about films that a table names and that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// The dataset cannot be used.
    Refused,
    /// They are listed all the same.
    Listed,
}

fn open_folder(folder: &Path) -> Result<Dataset> {
    if !folder.is_dir() {
        return Err(Error::dataset(folder, "not a folder; a dataset is a folder of films with a table"));
    }
    if let Some(dataset) = nih::open(folder, Missing::Refused)? {
        return Ok(dataset);
    }
    Err(Error::dataset(folder, format!("no known table in this folder; known: {}", nih::DESCRIPTION)))
}

/// Splits by patient, the same way on every machine.
#[derive(Clone, Debug, PartialEq)]
pub struct PatientSplit {
    /// Changes the draw.
    pub seed: u64,
    /// Share of patients held out, 0 to 1.
    pub held_out: f64,
}

impl PatientSplit {
    /// Side of a patient: a hash of seed and name against the share.
    #[must_use]
    pub fn part(&self, patient: &str) -> Part {
        let digest = Sha256::digest(format!("{}:{patient}", self.seed));
        let draw = u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ]);
        if (draw as f64) < self.held_out * u64::MAX as f64 { Part::HeldOut } else { Part::Training }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_keeps_patients_together_and_hits_its_share() {
        let split = PatientSplit { seed: 7, held_out: 0.2 };
        let held = (0..5000).filter(|p| split.part(&p.to_string()) == Part::HeldOut).count();
        assert!((900..1100).contains(&held), "{held}");
        assert_eq!(split.part("12"), split.part("12"));
        let other = PatientSplit { seed: 8, held_out: 0.2 };
        assert!((0..100).any(|p| split.part(&p.to_string()) != other.part(&p.to_string())));
    }
}
