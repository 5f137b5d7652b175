//! A bundle as a source: the parts that it has, with their tensors, to be put beside parts of others.

use super::compose::{Found, FoundDecoder, FoundEncoder};
use crate::bundle::load::{self, CLASSIFIER_FILE, SAE_ENCODER_FILE, SAE_FILE, TEXT_FILE};
use crate::bundle::manifest::Manifest;
use crate::bundle::{BundleFiles, BundleSource};
use crate::error::{Error, Result};
use crate::models::weights::Weights;

/// The parts of a bundle. Its gallery and its probes stay behind: they belong to the bundle as it was.
///
/// # Errors
/// When it cannot be read.
pub fn parts(source: &BundleSource) -> Result<Vec<Found>> {
    let files = BundleFiles::open(source)?;
    let manifest = load::manifest(&files)?;
    let reader = Reader { files: &files, manifest: &manifest };
    let mut found = Vec::new();
    let frame = manifest.preprocess.clone();
    if let Some(kind) = &manifest.encoder {
        let encoder = FoundEncoder {
            kind: kind.clone(),
            weights: reader.tensors(kind.file(), "encoder")?,
            preprocess: manifest.encoder_input().clone(),
            latent: manifest.latent,
        };
        found.push(match &manifest.decoder {
            Some(kind) => {
                let weights = reader.tensors(kind.file(), "decoder")?;
                Found::Autoencoder(encoder, FoundDecoder { kind: kind.clone(), weights, preprocess: frame.clone() })
            }
            None => Found::Encoder(encoder),
        });
    }
    if let Some(part) = &manifest.sae_encoder {
        found.push(Found::Encoder(FoundEncoder {
            kind: part.architecture.clone(),
            weights: reader.tensors(SAE_ENCODER_FILE, "encoder")?,
            preprocess: part.preprocess.clone(),
            latent: part.latent,
        }));
    }
    if let Some(part) = &manifest.classifier {
        let preprocess = part.preprocess.clone().unwrap_or(frame);
        found.push(Found::Classifier(part.clone(), reader.tensors(CLASSIFIER_FILE, "classifier")?, preprocess));
    }
    if let Some(part) = &manifest.sae {
        found.push(Found::Sae(part.clone(), reader.whole(SAE_FILE)?));
    }
    if let Some(part) = &manifest.text {
        let mut beside = Vec::new();
        for name in &part.files {
            beside.push((name.clone(), files.read(name)?.into_owned()));
        }
        found.push(Found::Text(part.clone(), reader.tensors(TEXT_FILE, "text")?, beside));
    }
    Ok(found)
}

struct Reader<'a> {
    files: &'a BundleFiles,
    manifest: &'a Manifest,
}

impl Reader<'_> {
    fn whole(&self, file: &str) -> Result<Weights> {
        let bytes = self.files.read(file)?;
        load::check_hash(self.files, self.manifest, file, &bytes)?;
        load::weights_from_bytes(&bytes).map_err(|reason| Error::bundle(self.files.path(file), reason))
    }

    /// The tensors under `prefix.`, without it.
    fn tensors(&self, file: &str, prefix: &str) -> Result<Weights> {
        let dotted = format!("{prefix}.");
        let of_part = |(name, data): (String, _)| Some((name.strip_prefix(&dotted)?.to_owned(), data));
        Ok(self.whole(file)?.into_iter().filter_map(of_part).collect())
    }
}
