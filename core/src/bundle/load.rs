//! Opening a bundle: manifest, hashes, tensors, models, in that order; the first thing wrong is said and stops it.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::prelude::*;
use sha2::{Digest, Sha256};

pub use super::architecture::{AUTOENCODER_FILE, CLASSIFIER_FILE, DECODER_FILE, ENCODER_FILE, SAE_FILE, TEXT_FILE};
use super::manifest::{self, Manifest};
use super::tensors::{Opened, parse};
use super::{Bundle, BundleFiles, FeatureStatistics, QUANTILES, check, gallery, route, words};
use crate::error::{Error, Result};
use crate::models::weights::Weights;
use crate::probe::TokenProbe;

/// File with the tensors of an encoder for the SAE alone.
pub const SAE_ENCODER_FILE: &str = "sae_encoder.safetensors";
/// File with the tensors of the probes.
pub const PROBES_FILE: &str = "probes.safetensors";
/// Tensor of [`FeatureStatistics::quantiles`].
pub const QUANTILES_TENSOR: &str = "statistics.quantiles";
/// Tensor of [`FeatureStatistics::typical_maps`].
pub const TYPICAL_MAPS_TENSOR: &str = "statistics.typical_maps";

/// The manifest of the small built-in bundle, for tests.
#[cfg(test)]
pub(crate) fn embedded_manifest() -> Manifest {
    let files = BundleFiles::open(&super::BundleSource::Embedded("nih-small".into())).expect("it is embedded");
    manifest(&files).expect("its manifest is read")
}

/// The manifest alone, checked for its version and the names in its gallery.
///
/// # Errors
/// When it is not RON, lacks a field, is of a newer version, or names a gallery film outside the bundle.
pub fn manifest(files: &BundleFiles) -> Result<Manifest> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "Manifest")]
    struct VersionOnly {
        version: u32,
    }
    let path = files.path(manifest::FILE);
    let bytes = files.read(manifest::FILE)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::bundle(&path, "not text in UTF-8"))?;
    let unreadable = |e: ron::error::SpannedError| Error::bundle(&path, format!("not a readable manifest ({e})"));
    let VersionOnly { version } = ron::from_str(text).map_err(unreadable)?;
    if version > manifest::NEWEST {
        return Err(Error::bundle(
            &path,
            format!("bundle version {version} is newer than this program reads ({}); update Fluoro", manifest::NEWEST),
        ));
    }
    let manifest = ron::from_str(text).map_err(unreadable)?;
    gallery::check(&manifest).map_err(|reason| Error::bundle(&path, reason))?;
    Ok(manifest)
}

/// Numbers in the tensors of one file, by the part that they belong to: `encoder`, `decoder`, `statistics`.
///
/// # Errors
/// When the file cannot be read.
pub fn parameter_counts(files: &BundleFiles, name: &str) -> Result<BTreeMap<String, usize>> {
    let weights = parse(&files.read(name)?).map_err(|reason| Error::bundle(files.path(name), reason))?;
    let mut counts = BTreeMap::new();
    for (tensor, data) in weights {
        let part = tensor.split('.').next().unwrap_or_default();
        *counts.entry(part.to_owned()).or_default() += data.shape().num_elements();
    }
    Ok(counts)
}

/// Opens every part that the manifest names.
///
/// # Errors
/// See [`Bundle::open`].
pub fn bundle(files: &BundleFiles, device: &Device) -> Result<Bundle> {
    let manifest = manifest(files)?;
    let mut bundle = Bundle {
        encoder: None,
        decoder: None,
        classifier: None,
        frame_reader: None,
        suppression: None,
        is_trunk: false,
        sae: None,
        sae_encoder: None,
        text: None,
        probes: Arc::default(),
        statistics: FeatureStatistics::default(),
        manifest: Arc::new(manifest),
        files: files.clone(),
    };
    let manifest = Arc::clone(&bundle.manifest);
    check::manifest(&manifest, files)?;
    let mut opened = Opened::new(files, &manifest, device);
    bundle.is_trunk = route::is_trunk(&mut opened, &manifest)?;
    if let Some(kind) = &manifest.encoder {
        bundle.encoder = Some(kind.open(&mut opened, kind.file())?);
    }
    if let Some(kind) = &manifest.decoder {
        bundle.decoder = Some(kind.open(&mut opened)?);
    }
    if let Some(part) = &manifest.classifier {
        let side = part.preprocess.as_ref().unwrap_or(&manifest.preprocess).size;
        bundle.frame_reader = Some(part.architecture.open(&mut opened, side)?);
    }
    if let Some(part) = &manifest.sae_encoder {
        bundle.sae_encoder = Some(part.architecture.open(&mut opened, SAE_ENCODER_FILE)?);
    }
    if let Some(part) = &manifest.sae {
        let (features, tokens) = (part.architecture.features(), manifest.sae_latent().tokens);
        let mut table = |name, width| opened.optional_table(SAE_FILE, name, [features, width]);
        bundle.statistics = FeatureStatistics {
            quantiles: table(QUANTILES_TENSOR, QUANTILES)?.unwrap_or_default(),
            typical_maps: table(TYPICAL_MAPS_TENSOR, tokens)?.unwrap_or_default(),
        };
        bundle.sae = Some(part.architecture.open(&mut opened)?);
    }
    if let Some(part) = &manifest.text {
        bundle.text = Some(words::open(part, files, &manifest, &mut opened)?);
    }
    if !manifest.probes.is_empty() {
        bundle.probes = probes(&mut opened, manifest.probes.len(), manifest.latent.dim)?.into();
    }
    opened.finish()?;
    bundle.settle(device)?;
    Ok(bundle)
}

/// Names of the tensors of `count` probes of tokens with `dim` numbers, and their widths.
pub fn probe_tensors(dim: usize) -> [(&'static str, usize); 3] {
    [("probes.weight", dim), ("probes.pattern", dim), ("probes.levels", 3)]
}

/// Probes from their tables: weights `[k, d]`, patterns `[k, d]`, and `[bias, quiet, loud]` of each.
fn probes(opened: &mut Opened<'_>, count: usize, dim: usize) -> Result<Vec<TokenProbe>> {
    let mut table = |(name, width): (&str, usize)| opened.table(PROBES_FILE, name, [count, width]);
    let [weights, patterns, levels] = probe_tensors(dim);
    let (weights, patterns, levels) = (table(weights)?, table(patterns)?, table(levels)?);
    Ok((0..count)
        .map(|k| TokenProbe {
            weight: weights[k * dim..(k + 1) * dim].to_vec(),
            pattern: patterns[k * dim..(k + 1) * dim].to_vec(),
            bias: levels[k * 3],
            quiet: levels[k * 3 + 1],
            loud: levels[k * 3 + 2],
        })
        .collect())
}

/// Refuses a file that is not the one that the manifest was written for.
pub(crate) fn check_hash(files: &BundleFiles, manifest: &Manifest, name: &str, bytes: &[u8]) -> Result<()> {
    let Some(expected) = manifest.files.get(name) else {
        return Err(Error::bundle(files.path(name), format!("{} gives no hash for this file", manifest::FILE)));
    };
    let found = hex(&Sha256::digest(bytes));
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let reason = format!(
        "the file is damaged or was changed: its SHA-256 starts {}, not {}",
        &found[..12],
        expected.get(..12).unwrap_or(expected)
    );
    Err(Error::bundle(files.path(name), reason))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a checkpoint's safetensors bytes.
///
/// # Errors
/// What is wrong with them.
pub fn weights_from_bytes(bytes: &[u8]) -> Result<Weights, String> {
    parse(bytes)
}
