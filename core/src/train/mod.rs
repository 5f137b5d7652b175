//! Training: a dataset becomes the parts of a bundle.
//!
//! In: folders of films with a table, and a [`TrainOptions`]. Out: a part added to a bundle folder, with its recipe and
//! its results on held-out patients inside. Every run can be cancelled and resumed from its last checkpoint; the same
//! options on the same machine give the same weights, resumed or not.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bundle::FilmKind;
use crate::bundle::manifest::{LatentShape, Manifest, Provenance, VERSION};
use crate::bundle::{BundleSource, save};
use crate::dataset::{PatientSplit, Source};
use crate::device::ComputeDevice;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::preprocess::{Fit, Preprocess, Resize};

pub mod augment;
pub mod autoencoder;
pub mod checkpoint;
pub mod classifier;
mod data;
mod decoder;
pub mod dictionary;
pub mod films;
pub mod log;
pub mod principal;
mod probes;
pub mod sae;
mod schedule;
pub mod stored;

/// The part to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainedPart {
    /// Encoder and decoder.
    Autoencoder,
    /// Labels.
    Classifier,
    /// Features of the autoencoder's latent.
    Sae,
    /// Linear probes on the autoencoder's latent.
    Probes,
    /// Frames of a class token, for an encoder that stays as it is.
    Decoder,
}

/// What the user can choose; everything has a default that made the shipped bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// Passes over the training films; for the SAE, thousands of steps.
    pub epochs: usize,
    /// Films (for the SAE: tokens) in a step.
    pub batch: usize,
    /// Largest learning rate of the warm-up and cosine schedule.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Seed of weights, order, augmentation and split.
    pub seed: u64,
    /// Share of patients held out.
    pub held_out: f64,
    /// Vary films of the training side by a little each time: place, size, contrast.
    pub augment: bool,
    /// Weight, in the autoencoder's loss, of reading the table's labels off single tokens with a linear read-out: it
    /// gives each label a direction in the latent. 0 leaves the autoencoder to itself.
    pub supervision: f32,
    /// Weight of the squared error beside the absolute one in an autoencoder's loss, both of film / 1024. The absolute error
    /// would rather lose a thin bright line than blur it; the squared error would not.
    pub squared: f32,
    /// Active features of a token that an SAE has after training, at most; SAE-Rad speaks of about fifteen for a film.
    pub active: f64,
    /// Tokens along a side of an autoencoder's grid: 7, 14 or 28.
    pub grid: usize,
    /// Numbers in a token of an autoencoder.
    pub latent: usize,
    /// Give an autoencoder linear shortcuts, started from principal components of patches: sharper films, and edits whose
    /// patches show.
    #[serde(default)]
    pub shortcut: bool,
}

impl TrainOptions {
    /// The defaults of a part.
    #[must_use]
    pub fn of(part: TrainedPart) -> Self {
        let (epochs, batch, learning_rate, weight_decay) = match part {
            TrainedPart::Autoencoder | TrainedPart::Decoder => (40, 8, 1.5e-3, 1e-5),
            TrainedPart::Classifier => (36, 16, 1.5e-3, 0.02),
            TrainedPart::Sae | TrainedPart::Probes => (4, 1024, 1e-3, 0.0),
        };
        Self {
            epochs,
            batch,
            learning_rate,
            weight_decay,
            seed: 20_261_122,
            held_out: 0.2,
            augment: true,
            supervision: 0.0,
            squared: 1.0,
            active: 16.0,
            grid: 7,
            latent: 64,
            shortcut: false,
        }
    }

    fn check(&self) -> Result<()> {
        let sensible = self.epochs > 0
            && self.batch > 0
            && self.learning_rate > 0.0
            && self.learning_rate.is_finite()
            && self.batch <= 1 << 16
            && (0.0..=10.0).contains(&self.weight_decay)
            && (0.0..1.0).contains(&self.held_out)
            && (0.0..=100.0).contains(&self.supervision)
            && (0.0..=1000.0).contains(&self.squared)
            && (1.0..=4096.0).contains(&self.active)
            && (1..=4096).contains(&self.latent);
        if sensible { Ok(()) } else { Err(Error::Invalid(format!("training options make no sense: {self:?}"))) }
    }

    fn split(&self) -> PatientSplit {
        PatientSplit { seed: self.seed, held_out: self.held_out }
    }
}

/// One training run.
pub struct TrainJob<'a> {
    /// Folders of films.
    pub datasets: Vec<PathBuf>,
    /// Bundle folder that receives the part.
    pub output: PathBuf,
    /// Bundle whose autoencoder an autoencoder's training begins with, and its classifier a classifier's; untrained weights
    /// when none.
    pub start: Option<BundleSource>,
    /// Bundle whose autoencoder draws films again for a classifier; the output's own when none.
    pub redraw: Option<BundleSource>,
    /// Continue from the last checkpoint.
    pub resume: bool,
    /// Choices.
    pub options: TrainOptions,
    /// Device that trains.
    pub device: ComputeDevice,
    /// Who listens, and who may cancel.
    pub progress: Progress<'a>,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// Bundle folder.
    pub bundle: String,
    /// Part.
    pub part: String,
    /// Films trained on and held out.
    pub films: [usize; 2],
    /// Patients trained on and held out.
    pub patients: [usize; 2],
    /// Trained numbers.
    pub parameters: usize,
    /// Results on held-out patients, by name.
    pub results: std::collections::BTreeMap<String, f64>,
    /// Wall time of this run; a resumed run counts from its resumption.
    pub seconds: f64,
}

impl TrainJob<'_> {
    /// Trains one part.
    ///
    /// # Errors
    /// When the dataset, the bundle or an option cannot be used, the device fails, or the run was cancelled; the last
    /// checkpoint then remains and `resume` goes on from it.
    pub fn run(&self, part: TrainedPart) -> Result<TrainReport> {
        self.options.check()?;
        if self.start.is_some() && !matches!(part, TrainedPart::Autoencoder | TrainedPart::Classifier) {
            return Err(Error::Invalid(
                "only an autoencoder and a classifier start from another; leave out --start".into(),
            ));
        }
        if self.redraw.is_some() && part != TrainedPart::Classifier {
            return Err(Error::Invalid("films are drawn again for a classifier alone; leave out --redraw".into()));
        }
        if self.options.supervision > 0.0 && part != TrainedPart::Autoencoder {
            return Err(Error::Invalid("only an autoencoder is supervised; leave out --supervision".into()));
        }
        match part {
            TrainedPart::Autoencoder => autoencoder::train(self),
            TrainedPart::Classifier => classifier::train(self),
            TrainedPart::Sae => sae::train(self),
            TrainedPart::Probes => probes::train(self),
            TrainedPart::Decoder => decoder::train(self),
        }
    }

    /// The manifest to add to: the bundle's own, or a new one.
    fn manifest(&self, latent: LatentShape, sources: &[Source]) -> Result<Manifest> {
        let is_phantoms = !sources.is_empty() && sources.iter().all(|source| source.kind() == FilmKind::Phantoms);
        let films = if is_phantoms { FilmKind::Phantoms } else { FilmKind::Patients };
        if let Some(manifest) = save::existing_manifest(&self.output)? {
            if manifest.films != films {
                let reason =
                    format!("this bundle was trained on {}, not on {films}; name another output", manifest.films);
                return Err(Error::bundle(&self.output, reason));
            }
            return Ok(manifest);
        }
        let name = self.output.file_name().map_or_else(|| "bundle".into(), |n| n.to_string_lossy().into_owned());
        let said = |index: usize| sources.iter().map(|source| source.provenance()[index]).collect::<Vec<_>>().join(" ");
        Ok(Manifest {
            version: VERSION,
            description: format!("Trained by fluoro train on {} folder(s) of films", self.datasets.len()),
            name,
            preprocess: default_preprocess(),
            encoder_preprocess: None,
            latent,
            encoder: None,
            decoder: None,
            classifier: None,
            sae: None,
            sae_encoder: None,
            text: None,
            probes: Vec::new(),
            films,
            files: std::collections::BTreeMap::new(),
            gallery: Vec::new(),
            provenance: Provenance {
                data: said(0),
                licence: "MIT OR Apache-2.0 for the weights".into(),
                limits: format!("Not for diagnosis. {}", said(1)),
                recipes: std::collections::BTreeMap::new(),
            },
        })
    }

    /// Where checkpoints of a part live: beside the bundle, so that the bundle itself is never half-trained.
    fn checkpoint_folder(&self, part: &str) -> PathBuf {
        let mut name = self.output.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{part}.checkpoint"));
        self.output.with_file_name(name)
    }

    fn tensor_device(&self) -> &Device {
        self.device.tensor_device()
    }
}

/// Text of a recipe in a manifest.
fn recipe_text(options: &TrainOptions, report: &TrainReport, device: &str, note: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Recipe<'a> {
        fluoro: &'a str,
        options: &'a TrainOptions,
        device: &'a str,
        note: &'a str,
        films: [usize; 2],
        patients: [usize; 2],
        parameters: usize,
        results: &'a std::collections::BTreeMap<String, f64>,
    }
    let recipe = Recipe {
        fluoro: env!("CARGO_PKG_VERSION"),
        options,
        device,
        note,
        films: report.films,
        patients: report.patients,
        parameters: report.parameters,
        results: &report.results,
    };
    ron::to_string(&recipe).map_err(|e| Error::Invalid(format!("the recipe cannot be written ({e})")))
}

/// Whole film to 224 x 224, torchxrayvision's grey range.
#[must_use]
pub fn default_preprocess() -> Preprocess {
    Preprocess { size: 224, fit: Fit::Stretch, resize: Resize::BilinearAntialias, range: [-1024.0, 1024.0] }
}

fn bundle_path(path: &Path) -> String {
    path.display().to_string()
}
