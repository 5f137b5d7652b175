//! A bundle: a folder, or files compiled into the binary, that hold one explorable model.
//!
//! In: `bundle.ron` (what it is), safetensors files (weights) and the films of its gallery. Out: the parts of
//! [`crate::models`], ready on a device, each checked: version, hash of every file, names, shapes, finite values. Nothing
//! is used unchecked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::prelude::*;

use crate::error::{Error, Result};
use crate::models::suppression::Suppression;
use crate::models::{Classifier, Decoder, Encoder, SparseAutoencoder, TextEmbedder};
use crate::probe::TokenProbe;

mod architecture;
pub mod check;
pub mod embedded;
pub mod files;
pub mod film_kind;
pub mod gallery;
pub mod load;
pub mod manifest;
mod route;
pub mod save;
mod tensors;
pub mod words;

pub use files::BundleFiles;
pub use film_kind::{FilmKind, Mismatch};
pub use manifest::Manifest;
pub use route::{Route, suppress};

/// Where a bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleSource {
    /// One of the bundles compiled into the binary.
    Embedded(String),
    /// A folder.
    Folder(PathBuf),
}

impl BundleSource {
    /// Reads `--bundle NAME|PATH`: the name of an embedded bundle, or a path.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self> {
        if embedded::names().contains(&text) {
            return Ok(Self::Embedded(text.to_owned()));
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        if text.contains(std::path::MAIN_SEPARATOR) || path.exists() {
            return Err(Error::bundle(path, "not a bundle; a bundle is a folder that holds bundle.ron"));
        }
        Err(Error::unknown("bundle", text, embedded::names()))
    }
}

impl BundleSource {
    /// The bundle for whoever names neither bundle nor film.
    #[must_use]
    pub fn showcase() -> Self {
        Self::Embedded(embedded::SHOWCASE.to_owned())
    }
}

impl Default for BundleSource {
    fn default() -> Self {
        Self::Embedded(embedded::DEFAULT.to_owned())
    }
}

/// Statistics of one dataset's activations that a bundle carries for its SAE.
#[derive(Clone, Debug, Default)]
pub struct FeatureStatistics {
    /// For each feature, film activations at [`QUANTILES`] equal steps of the training films' distribution, `[m, q]`.
    pub quantiles: Vec<f32>,
    /// For each feature, its mean activation at each token over the films where it fires, scaled to a maximum of one,
    /// `[m, n]`: where the feature goes when it is raised on a film on which it is silent.
    pub typical_maps: Vec<f32>,
}

/// Entries of a feature's quantile table: 0 %, 5 %, .. 100 %.
pub const QUANTILES: usize = 21;

impl FeatureStatistics {
    /// Share of the training films whose activation of `feature` lies below `value`, 0 to 1, interpolated; `None`
    /// without statistics.
    #[must_use]
    pub fn quantile(&self, feature: usize, value: f32) -> Option<f32> {
        let table = self.table(feature)?;
        let steps = (QUANTILES - 1) as f32;
        let above = table.partition_point(|&q| q < value);
        Some(match above {
            0 => 0.0,
            QUANTILES => 1.0,
            i => {
                let (lo, hi) = (table[i - 1], table[i]);
                let inside = if hi > lo { (value - lo) / (hi - lo) } else { 1.0 };
                (i as f32 - 1.0 + inside) / steps
            }
        })
    }

    /// Largest film activation of `feature` among the training films.
    #[must_use]
    pub fn largest(&self, feature: usize) -> Option<f32> {
        self.table(feature).and_then(|table| table.last().copied())
    }

    fn table(&self, feature: usize) -> Option<&[f32]> {
        self.quantiles.get(feature * QUANTILES..(feature + 1) * QUANTILES)
    }
}

/// A bundle opened on a device.
#[derive(Clone)]
pub struct Bundle {
    /// What the bundle says it is.
    pub manifest: Arc<Manifest>,
    /// Its files, for what is read when it is asked for.
    pub files: BundleFiles,
    /// Film to latent.
    pub encoder: Option<Arc<dyn Encoder>>,
    /// Latent to frame.
    pub decoder: Option<Arc<dyn Decoder>>,
    /// Film to scores, without suppressed features; its labels are the manifest's.
    pub classifier: Option<Arc<dyn Classifier>>,
    /// Decoded frame to scores: the classifier as it was trained, unless suppression is its own last layer's.
    pub frame_reader: Option<Arc<dyn Classifier>>,
    /// What is taken out of latents before predictions.
    pub suppression: Option<Arc<Suppression>>,
    /// Whether the latent that the SAE reads is what the classifier's last layer reads, with the same weights.
    pub is_trunk: bool,
    /// Tokens to features.
    pub sae: Option<Arc<dyn SparseAutoencoder>>,
    /// Film to the tokens that the SAE reads, where those are not the latent that the decoder draws.
    pub sae_encoder: Option<Arc<dyn Encoder>>,
    /// Words to places in the space that the encoder shares with them.
    pub text: Option<Arc<dyn TextEmbedder>>,
    /// Linear probes on tokens, in the manifest's order.
    pub probes: Arc<[TokenProbe]>,
    /// Activation statistics of the SAE.
    pub statistics: FeatureStatistics,
}

impl Bundle {
    /// Opens and checks a bundle.
    ///
    /// # Errors
    /// One line that names the file, the tensor and what is wrong with it.
    pub fn open(source: &BundleSource, device: &Device) -> Result<Self> {
        load::bundle(&BundleFiles::open(source)?, device)
    }

    /// This bundle with the classifier of another.
    ///
    /// # Errors
    /// When the other has none, or one without suppressed features, or it reads films that are prepared in another way than this bundle's frames.
    pub fn with_classifier_of(mut self, other: &Self, device: &Device) -> Result<Self> {
        if other.suppression.is_some() {
            let name = &other.manifest.name;
            return Err(Error::Invalid(format!(
                "the classifier of \"{name}\" reads films without the features that its own SAE knows; name the bundle that \
                 it was made from"
            )));
        }
        let (Some(classifier), Some(part)) = (&other.classifier, &other.manifest.classifier) else {
            return Err(other.missing("classifier", "reading films with it"));
        };
        let (own, its) = (&self.manifest.preprocess, &other.manifest.preprocess);
        if own != its {
            return Err(Error::Shape {
                what: format!("the film that the classifier of \"{}\" reads", other.manifest.name),
                expected: format!("{own:?}"),
                found: format!("{its:?}"),
            });
        }
        let name = format!("{} with the classifier of {}", self.manifest.name, other.manifest.name);
        self.manifest = Arc::new(Manifest { name, classifier: Some(part.clone()), ..(*self.manifest).clone() });
        self.frame_reader = Some(Arc::clone(classifier));
        self.is_trunk = false;
        self.settle(device)?;
        Ok(self)
    }

    /// Names of the classifier's labels, in output order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.manifest.classifier.iter().flat_map(|c| c.labels.iter().map(|l| l.name.as_str()))
    }

    /// Index of a label, by name, without regard to case.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names.
    pub fn label_index(&self, name: &str) -> Result<usize> {
        self.labels()
            .position(|label| label.eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::unknown("label", name, self.labels()))
    }

    /// Index of a feature, given as a number or as its label.
    ///
    /// # Errors
    /// When there is no SAE, the number is too large, or no feature has that label.
    pub fn feature_index(&self, name: &str) -> Result<usize> {
        let sae = self.manifest.sae.as_ref().ok_or(self.missing("SAE", "a feature"))?;
        if let Ok(index) = name.parse::<usize>() {
            let count = sae.architecture.features();
            return if index < count {
                Ok(index)
            } else {
                Err(Error::Invalid(format!(
                    "feature {index} does not exist; this bundle has features 0 to {}",
                    count.saturating_sub(1)
                )))
            };
        }
        sae.features
            .iter()
            .position(|f| f.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case(name)))
            .ok_or_else(|| Error::unknown("feature", name, sae.features.iter().filter_map(|f| f.label.as_deref())))
    }

    /// Index of a probe, by name, without regard to case.
    ///
    /// # Errors
    /// When the bundle has none, or [`Error::Unknown`] with the nearest names.
    pub fn probe_index(&self, name: &str) -> Result<usize> {
        let names = || self.manifest.probes.iter().map(|probe| probe.name.as_str());
        if self.probes.is_empty() {
            return Err(self.missing("probes (fluoro train probes makes some)", "this target"));
        }
        names().position(|own| own.eq_ignore_ascii_case(name)).ok_or_else(|| Error::unknown("probe", name, names()))
    }

    /// An [`Error::MissingPart`] for this bundle.
    #[must_use]
    pub fn missing(&self, part: &'static str, needed_for: &'static str) -> Error {
        Error::MissingPart { bundle: self.manifest.name.clone(), part, needed_for }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_stay_within_their_table() {
        let quantiles = (0..QUANTILES).map(|i| (i as f32 - 10.0).max(0.0)).collect();
        let statistics = FeatureStatistics { quantiles, typical_maps: Vec::new() };
        let quantile = |value| statistics.quantile(0, value).expect("feature 0 has a table");
        assert_eq!((quantile(0.0), quantile(10.0), quantile(99.0)), (0.0, 1.0, 1.0));
        assert!((quantile(5.0) - 0.75).abs() < 1e-6 && (quantile(5.5) - 0.775).abs() < 1e-6);
        assert_eq!((statistics.quantile(1, 0.0), statistics.largest(0)), (None, Some(10.0)));
    }
}
