//! The training films in memory: decoded once, eight bits a pixel; a little larger than the model's input where they are
//! to be varied, of its own size where not.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::dataset::FilmRecord;
use crate::engine::Progress;
use crate::error::Result;
use crate::preprocess::{Preprocess, Resize, resize};
use crate::radiograph::Radiograph;

/// Side at which films are kept that are varied in training; augmentation samples from it.
pub const VARIED_SIDE: usize = 256;

/// Films of one part of a split.
pub struct Films {
    /// Table rows, in order.
    pub records: Vec<FilmRecord>,
    pixels: Vec<Vec<u8>>,
    side: usize,
}

impl Films {
    /// Reads every film, stretched to `side` pixels squared.
    ///
    /// # Errors
    /// When one cannot be read, or the run was cancelled.
    pub fn read(records: Vec<FilmRecord>, side: usize, progress: &Progress<'_>) -> Result<Self> {
        let done = AtomicUsize::new(0);
        let total = records.len();
        let pixels = records
            .par_iter()
            .map(|record| {
                let unit = Radiograph::open(&record.path)?.to_unit();
                let kept = resize(&unit, side, side, Resize::BilinearAntialias);
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_multiple_of(50) || count == total {
                    progress.step("reading films", count, total)?;
                }
                Ok(kept.data().iter().map(|v| (v * 255.0).round().clamp(0.0, 255.0) as u8).collect())
            })
            .collect::<Result<Vec<Vec<u8>>>>()?;
        Ok(Self { records, pixels, side })
    }

    /// SHA-256 over pixels, patients and table columns, in hex: two runs with the same fingerprint learn from the same.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (record, pixels) in self.records.iter().zip(&self.pixels) {
            hash.update(&record.patient);
            hash.update(format!("{:?}{:?}", record.columns, record.teacher));
            hash.update(pixels);
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Number of films.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Number of different patients.
    #[must_use]
    pub fn patients(&self) -> usize {
        self.records.iter().map(|r| &r.patient).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Width and height of the stored films.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// Stored pixels of one film, [`Self::side`] squared.
    #[must_use]
    pub fn pixels(&self, index: usize) -> &[u8] {
        &self.pixels[index]
    }

    /// Model input of one film, read from its file just as `analyze` reads it.
    ///
    /// # Errors
    /// When the file went away.
    pub fn input(&self, index: usize, preprocess: &Preprocess) -> Result<Vec<f32>> {
        let film = Radiograph::open(&self.records[index].path)?;
        Ok(preprocess.apply(&film).into_data())
    }

    /// Model inputs of all films, in order.
    ///
    /// # Errors
    /// When a file went away.
    pub fn inputs(&self, preprocess: &Preprocess) -> Result<Vec<Vec<f32>>> {
        (0..self.len()).into_par_iter().map(|i| self.input(i, preprocess)).collect()
    }
}
