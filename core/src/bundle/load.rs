//! Opening a bundle: manifest, hashes, tensors, models, in that order; the first thing wrong is said and stops it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::manifest::{self, ClassifierKind, DecoderKind, EncoderKind, Manifest, SaeKind};
use super::{Bundle, BundleFiles, FeatureStatistics, QUANTILES, gallery};
use crate::error::{Error, Result};
use crate::models::autoencoder::{ConvDecoder, ConvEncoder};
use crate::models::classifier::ConvClassifier;
use crate::models::sae::GatedSae;
use crate::models::weights::{self, Weights};
use crate::models::{Classifier, Decoder, Encoder, SparseAutoencoder};
use crate::probe::TokenProbe;

/// File with the tensors of encoder and decoder.
pub const AUTOENCODER_FILE: &str = "autoencoder.safetensors";
/// File with the tensors of the classifier.
pub const CLASSIFIER_FILE: &str = "classifier.safetensors";
/// File with the tensors and statistics of the SAE.
pub const SAE_FILE: &str = "sae.safetensors";
/// File with the tensors of the probes.
pub const PROBES_FILE: &str = "probes.safetensors";
/// Tensor of [`FeatureStatistics::quantiles`].
pub const QUANTILES_TENSOR: &str = "statistics.quantiles";
/// Tensor of [`FeatureStatistics::typical_maps`].
pub const TYPICAL_MAPS_TENSOR: &str = "statistics.typical_maps";

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
    if version > manifest::VERSION {
        return Err(Error::bundle(
            &path,
            format!("bundle version {version} is newer than this program reads ({}); update Fluoro", manifest::VERSION),
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
        sae: None,
        probes: Arc::default(),
        statistics: FeatureStatistics::default(),
        manifest: Arc::new(manifest),
        files: files.clone(),
    };
    let manifest = Arc::clone(&bundle.manifest);
    check_sizes(&manifest, files)?;
    if manifest.encoder.is_some() || manifest.decoder.is_some() {
        let mut tensors = Tensors::read(files, &manifest, AUTOENCODER_FILE)?;
        bundle.encoder = match &manifest.encoder {
            Some(EncoderKind::Conv(c)) => {
                let encoder = tensors.fill("encoder", ConvEncoder::new(c, device), device)?;
                Some(Arc::new(encoder) as Arc<dyn Encoder>)
            }
            None => None,
        };
        bundle.decoder = match &manifest.decoder {
            Some(DecoderKind::Conv(c)) => {
                let decoder = tensors.fill("decoder", ConvDecoder::new(c, device), device)?;
                Some(Arc::new(decoder) as Arc<dyn Decoder>)
            }
            None => None,
        };
        tensors.finish()?;
    }
    if let Some(part) = &manifest.classifier {
        let mut tensors = Tensors::read(files, &manifest, CLASSIFIER_FILE)?;
        let ClassifierKind::Conv(config) = &part.architecture;
        let classifier = tensors.fill("classifier", ConvClassifier::new(config, device), device)?;
        bundle.classifier = Some(Arc::new(classifier) as Arc<dyn Classifier>);
        tensors.finish()?;
    }
    if let Some(part) = &manifest.sae {
        let mut tensors = Tensors::read(files, &manifest, SAE_FILE)?;
        let SaeKind::Gated(config) = &part.architecture;
        let untrained = GatedSae::new(config, Tensor::zeros([config.input], device), device);
        bundle.statistics = FeatureStatistics {
            quantiles: tensors.table(QUANTILES_TENSOR, [config.features, QUANTILES])?,
            typical_maps: tensors.table(TYPICAL_MAPS_TENSOR, [config.features, manifest.latent.tokens])?,
        };
        let sae = tensors.fill("sae", untrained, device)?;
        bundle.sae = Some(Arc::new(sae) as Arc<dyn SparseAutoencoder>);
        tensors.finish()?;
    }
    if !manifest.probes.is_empty() {
        let mut tensors = Tensors::read(files, &manifest, PROBES_FILE)?;
        bundle.probes = probes(&mut tensors, manifest.probes.len(), manifest.latent.dim)?.into();
        tensors.finish()?;
    }
    Ok(bundle)
}

/// Names of the tensors of `count` probes of tokens with `dim` numbers, and their widths.
pub fn probe_tensors(dim: usize) -> [(&'static str, usize); 3] {
    [("probes.weight", dim), ("probes.pattern", dim), ("probes.levels", 3)]
}

/// Probes from their tables: weights `[k, d]`, patterns `[k, d]`, and `[bias, quiet, loud]` of each.
fn probes(tensors: &mut Tensors, count: usize, dim: usize) -> Result<Vec<TokenProbe>> {
    let mut table = |(name, width): (&str, usize)| tensors.table(name, [count, width]);
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

/// Sizes that make sense one by one: a damaged or hostile manifest must not ask for all memory.
fn check_limits(manifest: &Manifest) -> Result<(), String> {
    const CHANNELS: std::ops::RangeInclusive<usize> = 1..=4096;
    let preprocess = &manifest.preprocess;
    if !(32..=1024).contains(&preprocess.size) {
        return Err(format!("films of {} pixels are not between 32 and 1024", preprocess.size));
    }
    if preprocess.range != [-1024.0, 1024.0] {
        return Err(format!("grey range {:?} is not the one this version reads, [-1024, 1024]", preprocess.range));
    }
    let latent = manifest.latent;
    if latent.tokens > 65_536 || latent.dim > 65_536 {
        return Err(format!("a latent of {} tokens with {} numbers is too large", latent.tokens, latent.dim));
    }
    if latent.grid.is_some_and(|[rows, columns]| rows.checked_mul(columns) != Some(latent.tokens)) {
        return Err(format!("the latent's grid {:?} does not hold its {} tokens", latent.grid, latent.tokens));
    }
    let encoder = manifest.encoder.iter().map(|EncoderKind::Conv(c)| c);
    for c in encoder.chain(manifest.decoder.iter().map(|DecoderKind::Conv(c)| c)) {
        let channels = c.channels.iter().all(|c| CHANNELS.contains(c));
        let sides = (1..=3).contains(&c.halvings) && (32..=1024).contains(&c.size);
        if !sides || !c.size.is_multiple_of(c.token_pixels()) || !CHANNELS.contains(&c.latent) || !channels {
            return Err(format!("autoencoder sizes make no sense: {c:?}"));
        }
    }
    if let Some(part) = &manifest.classifier {
        let ClassifierKind::Conv(c) = &part.architecture;
        let channels = c.channels.iter().all(|c| CHANNELS.contains(c));
        let counts = (1..=16).contains(&c.members) && CHANNELS.contains(&c.labels);
        if !channels || !counts || !(0.0..1.0).contains(&c.dropout) {
            return Err(format!("classifier sizes make no sense: {c:?}"));
        }
        for (index, label) in part.labels.iter().enumerate() {
            if part.labels[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&label.name)) {
                return Err(format!("two labels are named \"{}\"", label.name));
            }
        }
    }
    if manifest.probes.len() > 4096 {
        return Err(format!("{} probes are too many", manifest.probes.len()));
    }
    if let Some(part) = &manifest.sae {
        let SaeKind::Gated(c) = &part.architecture;
        if !(1..=65_536).contains(&c.input) || !(1..=1 << 20).contains(&c.features) {
            return Err(format!("SAE sizes make no sense: {c:?}"));
        }
    }
    Ok(())
}

/// Sizes that two parts must share.
fn check_sizes(manifest: &Manifest, files: &BundleFiles) -> Result<()> {
    let path = files.path(manifest::FILE);
    let clash = |what: &str, a: String, b: String| Err(Error::bundle(&path, format!("{what} do not fit: {a} and {b}")));
    let latent = manifest.latent;
    check_limits(manifest).map_err(|reason| Error::bundle(&path, reason))?;
    let conv = match (&manifest.encoder, &manifest.decoder) {
        (Some(EncoderKind::Conv(e)), Some(DecoderKind::Conv(d))) if e != d => {
            return clash("encoder and decoder", format!("{e:?}"), format!("{d:?}"));
        }
        (Some(EncoderKind::Conv(c)), _) | (None, Some(DecoderKind::Conv(c))) => Some(c),
        (None, None) => None,
    };
    if let Some(c) = conv {
        if (latent.tokens, latent.dim) != (c.grid() * c.grid(), c.latent) {
            let of_encoder = format!("[{}, {}]", c.grid() * c.grid(), c.latent);
            return clash("latent and autoencoder", format!("[{}, {}]", latent.tokens, latent.dim), of_encoder);
        }
        if manifest.preprocess.size != c.size {
            return clash("preprocessing and encoder", manifest.preprocess.size.to_string(), c.size.to_string());
        }
    }
    if let Some(part) = &manifest.classifier {
        let ClassifierKind::Conv(config) = &part.architecture;
        if config.labels != part.labels.len() {
            return clash("classifier outputs and labels", config.labels.to_string(), part.labels.len().to_string());
        }
        if let Some(bad) = part.labels.iter().find(|l| l.operating_point <= 0.0 || l.operating_point >= 1.0) {
            let reason = format!("operating point of \"{}\" is {}, not between 0 and 1", bad.name, bad.operating_point);
            return Err(Error::bundle(&path, reason));
        }
    }
    if let Some(part) = &manifest.sae {
        let SaeKind::Gated(config) = &part.architecture;
        if config.input != latent.dim {
            return clash("SAE and latent", format!("[.., {}]", config.input), format!("[.., {}]", latent.dim));
        }
        if config.features != part.features.len() {
            let listed = part.features.len().to_string();
            return clash("SAE features and their list", config.features.to_string(), listed);
        }
    }
    Ok(())
}

/// Refuses a file that is not the one that the manifest was written for.
pub(super) fn check_hash(files: &BundleFiles, manifest: &Manifest, name: &str, bytes: &[u8]) -> Result<()> {
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

/// Tensors of one safetensors file on their way into modules.
struct Tensors {
    path: std::path::PathBuf,
    weights: Weights,
}

impl Tensors {
    fn read(files: &BundleFiles, manifest: &Manifest, name: &str) -> Result<Self> {
        let path = files.path(name);
        let bytes = files.read(name)?;
        let weights = parse(&bytes).map_err(|reason| Error::bundle(&path, reason))?;
        check_hash(files, manifest, name, &bytes)?;
        Ok(Self { path, weights })
    }

    /// Fills the module from the tensors under `prefix.`.
    fn fill<M: burn::module::Module>(&mut self, prefix: &str, module: M, device: &Device) -> Result<M> {
        let dotted = format!("{prefix}.");
        let mut own: Weights = Weights::new();
        let names: Vec<String> = self.weights.keys().filter(|k| k.starts_with(&dotted)).cloned().collect();
        for name in names {
            if let Some(data) = self.weights.remove(&name) {
                own.insert(name[dotted.len()..].to_owned(), data);
            }
        }
        let module = weights::apply(module, &mut own, device).map_err(|reason| Error::bundle(&self.path, reason))?;
        self.weights.extend(own.into_iter().map(|(name, data)| (format!("{dotted}{name}"), data)));
        Ok(module)
    }

    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        let data = self
            .weights
            .remove(name)
            .ok_or_else(|| Error::bundle(&self.path, format!("tensor \"{name}\" is missing")))?;
        if data.shape().as_slice() != shape {
            let reason =
                format!("tensor \"{name}\" has shape {:?}, the model needs {shape:?}", data.shape().as_slice());
            return Err(Error::bundle(&self.path, reason));
        }
        data.try_into_vec::<f32>().map_err(|e| Error::bundle(&self.path, format!("tensor \"{name}\": {e}")))
    }

    fn finish(self) -> Result<()> {
        if self.weights.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.weights.keys().map(String::as_str).collect();
        Err(Error::bundle(&self.path, format!("tensors that no part uses: {}", names.join(", "))))
    }
}

/// Reads a safetensors file into `f32` tensors and refuses values that are not finite.
fn parse(bytes: &[u8]) -> Result<Weights, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("not a readable safetensors file ({e})"))?;
    let mut weights = Weights::new();
    for (name, view) in file.tensors() {
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::F16 => {
                view.data().chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
            }
            other => return Err(format!("tensor \"{name}\" holds {other:?}; only F32 and F16 are read")),
        };
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("tensor \"{name}\" holds a value that is not finite at position {position}"));
        }
        weights.insert(name, TensorData::new(values, view.shape().to_vec()));
    }
    Ok(weights)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a checkpoint's safetensors bytes.
///
/// # Errors
/// What is wrong with them.
pub fn weights_from_bytes(bytes: &[u8]) -> Result<Weights, String> {
    parse(&Cow::Borrowed(bytes))
}
