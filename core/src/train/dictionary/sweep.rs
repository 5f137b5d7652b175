//! Several runs one after the other, their table, and which of them is best for a wanted number of active features.

use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::curve::CurvePoint;
use super::evaluation::DictionaryQuality;
use super::files;
use super::job::{DictionaryJob, TrainedDictionary};
use super::latents::{Centring, Latents};
use super::learner::Compute;
use super::options::DictionaryOptions;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;
use crate::models::dictionary::DictionarySaeConfig;
use crate::models::weights::Weights;

/// Runs to do on the same latents.
pub struct DictionarySweep<'a> {
    /// Options of each run.
    pub runs: Vec<DictionaryOptions>,
    /// Latents to learn from.
    pub training: &'a dyn Latents,
    /// Latents to judge by.
    pub held_out: &'a dyn Latents,
    /// What computes.
    pub compute: Compute,
    /// Folder of results and checkpoints. Runs that are finished there with the same options are not done again, and
    /// one that was stopped goes on.
    pub folder: PathBuf,
    /// Who listens, and who may cancel.
    pub progress: &'a Progress<'a>,
    /// Who is given each point of the curves, with the number of its run.
    pub on_point: &'a (dyn Fn(usize, &CurvePoint) + Sync),
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// Its options.
    pub options: DictionaryOptions,
    /// What it learned from.
    inputs: String,
    /// Sizes and kind of the dictionary.
    pub config: DictionarySaeConfig,
    /// Curves.
    pub history: Vec<CurvePoint>,
    /// Results on the held-out latents.
    pub quality: DictionaryQuality,
    /// Wall time.
    pub seconds: f64,
}

impl DictionarySweep<'_> {
    /// Does all runs that are not done yet.
    ///
    /// # Errors
    /// Of the first run that fails; those before it are kept.
    pub fn run(&self) -> Result<Vec<SweepResult>> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::write(&self.folder, &e))?;
        for (number, options) in self.runs.iter().enumerate() {
            options
                .check(self.training.dim())
                .map_err(|e| Error::Invalid(format!("run {} of the sweep: {e}", number + 1)))?;
        }
        let inputs = Centring::mean_and_scale(self.training)?.fingerprint(self.training.len());
        let mut results = Vec::with_capacity(self.runs.len());
        for (number, options) in self.runs.iter().enumerate() {
            let saved = read_result(&self.result_path(number));
            if let Some(saved) = saved.filter(|saved| saved.options == *options && saved.inputs == inputs)
                && self.weights_path(number).is_file()
            {
                saved.history.iter().for_each(|point| (self.on_point)(number, point));
                results.push(saved);
                continue;
            }
            let on_point = |point: &CurvePoint| (self.on_point)(number, point);
            let job = |resume| DictionaryJob {
                options: options.clone(),
                training: self.training,
                held_out: self.held_out,
                compute: self.compute.clone(),
                checkpoints: Some(self.folder.join(format!("run-{number:03}.checkpoint"))),
                resume,
                progress: self.progress,
                on_point: &on_point,
            };
            // A checkpoint of another sweep in the same folder is refused by the run: it must not be lost by accident.
            let trained = job(true).run()?;
            results.push(self.keep(number, options, &inputs, trained)?);
        }
        Ok(results)
    }

    /// The weights of a finished run.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn weights(&self, number: usize) -> Result<Weights> {
        let read = files::read(&self.weights_path(number))?;
        Ok(read.into_iter().map(|(name, (shape, values))| (name, TensorData::new(values, shape))).collect())
    }

    fn keep(
        &self,
        number: usize,
        options: &DictionaryOptions,
        inputs: &str,
        trained: TrainedDictionary,
    ) -> Result<SweepResult> {
        let mut tensors = Vec::new();
        for (name, data) in &trained.weights {
            let values = data.as_slice::<f32>().map_err(|e| Error::Invalid(e.to_string()))?;
            tensors.push((name.clone(), data.shape().to_vec(), values));
        }
        files::write(&self.weights_path(number), &tensors)?;
        let result = SweepResult {
            options: options.clone(),
            inputs: inputs.to_owned(),
            config: trained.config,
            history: trained.history,
            quality: trained.quality,
            seconds: trained.seconds,
        };
        let text = ron::to_string(&result).map_err(|e| Error::Invalid(format!("a result cannot be saved ({e})")))?;
        write_atomic(self.result_path(number), |out| out.write_all(text.as_bytes()))?;
        Ok(result)
    }

    fn result_path(&self, number: usize) -> PathBuf {
        self.folder.join(format!("run-{number:03}.ron"))
    }

    fn weights_path(&self, number: usize) -> PathBuf {
        self.folder.join(format!("run-{number:03}.safetensors"))
    }
}

fn read_result(path: &Path) -> Option<SweepResult> {
    ron::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Numbers of the runs that no other beats: none has at most as many active features and explains more.
#[must_use]
pub fn pareto(qualities: &[DictionaryQuality]) -> Vec<usize> {
    let beats = |a: &DictionaryQuality, b: &DictionaryQuality| {
        a.active <= b.active
            && a.explained_variance >= b.explained_variance
            && (a.active < b.active || a.explained_variance > b.explained_variance)
    };
    (0..qualities.len()).filter(|&one| !qualities.iter().any(|other| beats(other, &qualities[one]))).collect()
}

/// Number of the unbeaten run whose active features are nearest to `wanted`, by their ratio; none of no runs.
#[must_use]
pub fn best_for(qualities: &[DictionaryQuality], wanted: f64) -> Option<usize> {
    let distance = |number: &usize| (qualities[*number].active.max(1e-9) / wanted.max(1e-9)).ln().abs();
    pareto(qualities).into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The table of a sweep, a line for each run; unbeaten ones are marked.
#[must_use]
pub fn table(results: &[SweepResult]) -> String {
    let qualities: Vec<DictionaryQuality> = results.iter().map(|result| result.quality).collect();
    let unbeaten = pareto(&qualities);
    let mut text = "run  kind        features  active  explained  alive  cosine  seconds  unbeaten\n".to_owned();
    for (number, result) in results.iter().enumerate() {
        let DictionaryQuality { explained_variance, active, alive_share, cosine, .. } = result.quality;
        text += &format!(
            "{:<4} {:<11} {:>8} {active:>7.1} {explained_variance:>10.3} {alive_share:>6.2} {cosine:>7.3} {:>8.0}  {}\n",
            number + 1,
            result.options.objective.name(),
            result.options.features,
            result.seconds,
            if unbeaten.contains(&number) { "yes" } else { "" }
        );
    }
    text
}
