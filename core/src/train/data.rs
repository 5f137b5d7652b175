//! What a run learns from and what it is measured on: the films of both sides of the patient split, and batches of them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::augment::{self, Augmentation};
use super::films::{Films, VARIED_SIDE};
use super::{TrainJob, default_preprocess};
use crate::bundle::save;
use crate::dataset::{Dataset, Part, Source};
use crate::error::{Error, Result};

/// The films of a run.
pub(super) struct TrainingData {
    /// Weights are fitted on these.
    pub training: Films,
    /// Looked at only to report.
    pub held_out: Films,
    /// Columns of the table, in a classifier's output order.
    pub labels: Vec<String>,
    /// What the films are.
    pub sources: Vec<Source>,
    is_varied: bool,
}

impl TrainingData {
    /// Reads and splits a job's films.
    ///
    /// # Errors
    /// When they cannot be read, or there are too few patients to split.
    pub fn read(job: &TrainJob<'_>) -> Result<Self> {
        let is_varied = job.options.augment;
        let known = save::existing_manifest(&job.output)?;
        let model_side = known.map_or_else(|| default_preprocess().size, |manifest| manifest.preprocess.size);
        let side = if is_varied { VARIED_SIDE } else { model_side };
        let dataset = Dataset::open(&job.datasets)?;
        let split = job.options.split();
        let films = |part| Films::read(dataset.part(&split, part).films, side, &job.progress);
        let (training, held_out) = (films(Part::Training)?, films(Part::HeldOut)?);
        if training.is_empty() || held_out.is_empty() {
            return Err(Error::Invalid("too few patients for a split into training and held-out films".into()));
        }
        Ok(Self { training, held_out, labels: dataset.labels, sources: dataset.sources, is_varied })
    }

    /// Model inputs of a batch of training films, `side` squared each: varied as `how` says where the job asks for it.
    /// A film's variation depends on its place in the run alone, not on threads.
    pub fn batch(&self, films: &[usize], how: &Augmentation, side: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
        let seeds: Vec<u64> = films.iter().map(|_| rng.next_u64()).collect();
        films
            .par_iter()
            .zip(seeds)
            .map(|(&film, seed)| {
                let pixels = self.training.pixels(film);
                if self.is_varied {
                    how.apply(pixels, self.training.side(), side, &mut ChaCha8Rng::seed_from_u64(seed))
                } else {
                    augment::plain(pixels)
                }
            })
            .collect()
    }
}
