//! How a bundle's classifier can be asked about a latent, and what suppressed features do to what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::load::{CLASSIFIER_FILE, ENCODER_FILE, SAE_ENCODER_FILE, hex};
use super::manifest::{self, EncoderKind, Manifest, SUPPRESSED_VERSION};
use super::save::Beside;
use super::tensors::Opened;
use super::{Bundle, BundleFiles, BundleSource, load};
use crate::device::ComputeDevice;
use crate::error::{Error, Result};
use crate::label::stored::FILE as LABELS_FILE;
use crate::models::Classifier;
use crate::models::suppression::{Suppression, WithoutInFrame, WithoutInHead};

/// How an edited latent becomes a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Straight through the classifier's last layer, which reads the latent: exact.
    Head,
    /// Through the decoder; the classifier reads the frame, with all that the decoder loses.
    Decoder,
}

impl Manifest {
    /// Whether, by its sizes, the latent that the SAE reads is what the classifier's last layer reads of the same picture.
    /// That the weights are the same too is for [`Opened`] to find.
    pub(super) fn reads_a_trunk(&self) -> bool {
        let own = self.sae_encoder.as_ref();
        let encoder = own.map(|part| &part.architecture).or(self.encoder.as_ref());
        let fed = own.map_or(self.encoder_input(), |part| &part.preprocess);
        match (encoder, &self.classifier) {
            (Some(EncoderKind::Trunk(trunk)), Some(part)) => {
                trunk.classifier == part.architecture
                    && part.architecture.has_head()
                    && fed == part.preprocess.as_ref().unwrap_or(&self.preprocess)
            }
            _ => false,
        }
    }

    /// Features of the SAE that are suppressed.
    #[must_use]
    pub fn suppressed(&self) -> &[usize] {
        self.sae.as_ref().map(|part| part.suppressed.as_slice()).unwrap_or_default()
    }
}

/// Whether the encoder's weights are the classifier's.
///
/// `fluoro import --trunk` writes one network into two files, under the names `encoder.*` and `classifier.*`: the files
/// differ, their tensors do not.
pub(super) fn is_trunk(opened: &mut Opened<'_>, manifest: &Manifest) -> Result<bool> {
    if !manifest.reads_a_trunk() {
        return Ok(false);
    }
    let file = if manifest.sae_encoder.is_some() { SAE_ENCODER_FILE } else { ENCODER_FILE };
    opened.same([(file, "encoder"), (CLASSIFIER_FILE, "classifier")])
}

impl Bundle {
    /// Whether features are suppressed and latents go through a decoder, so that a film's latent loses them at once.
    pub(crate) fn latent_suppression(&self) -> Option<&Arc<Suppression>> {
        self.suppression.as_ref().filter(|_| !self.is_trunk)
    }

    /// How an edited latent, one that the SAE reads, becomes a prediction; straight where both ways are open.
    ///
    /// # Errors
    /// When neither is open: what is missing, and how to get it.
    pub fn route(&self) -> Result<Route> {
        if self.frame_reader.is_none() {
            return Err(self.missing("classifier", "asking what a feature does to predictions"));
        }
        if self.is_trunk {
            return Ok(Route::Head);
        }
        if self.decoder.is_some() && self.encoder.is_some() && self.sae_encoder.is_none() {
            return Ok(Route::Decoder);
        }
        Err(Error::Invalid(format!(
            "the classifier of bundle \"{}\" reads films, and nothing leads from the latent of its features to a prediction: \
             either import the classifier with fluoro import --trunk and train an SAE on that, or give the latent a decoder \
             (fluoro train decoder)",
            self.manifest.name
        )))
    }

    /// The same bundle without what `features` put into latents, in memory.
    ///
    /// # Errors
    /// When the bundle suppresses features already, has no SAE or no way from the latent to a prediction.
    pub fn suppressing(&self, features: &[usize], device: &ComputeDevice) -> Result<Self> {
        if !self.manifest.suppressed().is_empty() {
            let reason = format!("\"{}\" suppresses features already", self.manifest.name);
            return Err(Error::Invalid(reason));
        }
        let mut bundle = self.clone();
        let manifest = Arc::make_mut(&mut bundle.manifest);
        let sae = manifest.sae.as_mut().ok_or(self.missing("SAE", "suppressing a feature"))?;
        sae.suppressed = features.to_vec();
        bundle.settle(device.tensor_device())?;
        Ok(bundle)
    }

    /// Puts suppression between a film and its predictions.
    ///
    /// # Errors
    /// When features are suppressed and no way leads from the latent to a prediction.
    pub(super) fn settle(&mut self, device: &Device) -> Result<()> {
        let suppressed = self.manifest.suppressed();
        self.classifier.clone_from(&self.frame_reader);
        self.suppression = None;
        if suppressed.is_empty() {
            return Ok(());
        }
        let route = self.route()?;
        let sae = self.sae.clone().ok_or(self.missing("SAE", "suppressed features"))?;
        let suppression = Arc::new(Suppression::new(sae, suppressed, device));
        let classifier = self.frame_reader.clone().ok_or(self.missing("classifier", "suppressed features"))?;
        let missing = || self.missing("encoder", "suppressed features");
        let reader: Arc<dyn Classifier> = match route {
            Route::Head => {
                let trunk = self.sae_encoder.clone().or_else(|| self.encoder.clone()).ok_or_else(missing)?;
                Arc::new(WithoutInHead { classifier, trunk, suppression: Arc::clone(&suppression) })
            }
            Route::Decoder => {
                self.check_one_preparation()?;
                let encoder = self.encoder.clone().ok_or_else(missing)?;
                let decoder = self.decoder.clone().ok_or(self.missing("decoder", "suppressed features"))?;
                Arc::new(WithoutInFrame { classifier, encoder, decoder, suppression: Arc::clone(&suppression) })
            }
        };
        if route == Route::Head {
            // Of a trunk every picture can be read without the features, a decoded frame like a film.
            self.frame_reader = Some(Arc::clone(&reader));
        }
        self.classifier = Some(reader);
        self.suppression = Some(suppression);
        Ok(())
    }

    /// Suppression goes through encoder and decoder: it needs a film that encoder and classifier prepare alike.
    fn check_one_preparation(&self) -> Result<()> {
        let manifest = &self.manifest;
        let own = manifest.classifier.as_ref().and_then(|part| part.preprocess.as_ref());
        if own.is_none_or(|own| own == manifest.encoder_input()) {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "bundle \"{}\" prepares films for its classifier in another way than for its encoder, so features cannot be \
             suppressed through its decoder; import the classifier with fluoro import --trunk instead",
            manifest.name
        )))
    }

    /// What no prediction of this bundle rests on.
    #[must_use]
    pub fn is_suppressed(&self, feature: usize) -> bool {
        self.manifest.suppressed().contains(&feature)
    }
}

/// Writes a bundle like `source` that suppresses `features` besides those that it suppresses already, as the folder
/// `output`. Weights stay as they are, and so does the hash that stores are known by: they hold what features are on films,
/// which suppression does not change, so stores of `source` open with both.
///
/// # Errors
/// When `source` cannot be opened, a feature does not exist or none is named, nothing leads from the latent to a prediction,
/// or the folder cannot be written; then nothing is left behind, and a bundle that was there is still whole.
pub fn suppress(source: &BundleSource, features: &[usize], output: &std::path::Path) -> Result<Manifest> {
    let files = BundleFiles::open(source)?;
    let mut manifest = load::manifest(&files)?;
    let name = manifest.name.clone();
    let missing = Error::MissingPart { bundle: name.clone(), part: "SAE", needed_for: "suppressing a feature" };
    let part = manifest.sae.as_mut().ok_or(missing)?;
    if features.is_empty() {
        return Err(Error::Invalid("name at least one feature to suppress".into()));
    }
    let count = part.architecture.features();
    if let Some(unknown) = features.iter().find(|&&feature| feature >= count) {
        let last = count.saturating_sub(1);
        return Err(Error::Invalid(format!("feature {unknown} does not exist; this bundle has features 0 to {last}")));
    }
    part.suppressed.extend(features);
    part.suppressed.sort_unstable();
    part.suppressed.dedup();
    let all: Vec<String> = part.suppressed.iter().map(ToString::to_string).collect();
    manifest.version = manifest.version.max(SUPPRESSED_VERSION);
    manifest.name = output.file_name().map_or_else(|| name.clone(), |own| own.to_string_lossy().into_owned());
    let recipe = format!(
        "features {} of bundle \"{name}\" (bundle.ron sha256 {}) are taken out of the latent before predictions; weights \
         unchanged",
        all.join(", "),
        hex(&Sha256::digest(files.read(manifest::FILE)?))
    );
    manifest.provenance.recipes.insert("suppressed".into(), recipe);
    let beside = Beside::new(output)?;
    let mut copied: BTreeMap<String, String> = manifest.files.clone();
    // Labels of features, which no manifest lists.
    if files.read(LABELS_FILE).is_ok() {
        copied.insert(LABELS_FILE.into(), String::new());
    }
    for file in copied.keys() {
        let bytes = files.read(file)?;
        if manifest.files.contains_key(file) {
            load::check_hash(&files, &manifest, file, &bytes)?;
        }
        let path = beside.folder().join(file);
        let failed = |e: std::io::Error| Error::write(output.join(file), &e);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&path, &bytes).map_err(failed)?;
    }
    beside.manifest(&manifest)?;
    // Opened before it is put in place: what cannot be used is not left behind.
    let device = crate::device::ComputeDevice::cpu();
    Bundle::open(&BundleSource::Folder(beside.folder().to_path_buf()), device.tensor_device())?;
    beside.finish()?;
    Ok(manifest)
}
