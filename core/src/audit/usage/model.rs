//! What is asked: latents in, logits out, with the features that the latents are made of.
//!
//! An [`Engine`] is asked through its bundle's own way from latent to prediction ([`Route`]); any other reader of latents,
//! such as a head that was fitted for an experiment, through [`LatentReader`].

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::edit::Coded;
use crate::bundle::load::{CLASSIFIER_FILE, hex};
use crate::bundle::{Bundle, Route};
use crate::engine::{Engine, IntoFloats};
use crate::error::{Error, Result};
use crate::models::{Classifier, Decoder, SparseAutoencoder};
use crate::radiograph::Radiograph;

/// Activations that are held at once, at most: 128 MiB.
const MOST_ACTIVATIONS: usize = 1 << 25;
/// Films that a last layer is asked about at once.
const HEAD_BATCH: usize = 256;
/// Films that a decoder draws at once.
const DECODER_BATCH: usize = 16;

/// Turns latents into logits.
pub trait LatentReader: Sync {
    /// `[b, n, d]` in row order to `[b, labels]`.
    ///
    /// # Errors
    /// When the device fails.
    fn logits(&self, latents: &[f32], films: usize) -> Result<Vec<f32>>;
}

/// One output of what is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedLabel {
    /// Its name.
    pub name: String,
    /// Operating point on the sigmoid of its logit.
    pub operating_point: f32,
}

/// The features that a latent is made of.
#[derive(Clone)]
pub struct SaeView {
    pub(super) sae: Arc<dyn SparseAutoencoder>,
    /// How many.
    pub features: usize,
    /// Token size.
    pub dim: usize,
    /// Decoder rows `[m, d]`.
    pub(super) rows: Vec<f32>,
    /// Where a silent feature goes, `[m, n]`; may be empty.
    pub(super) typical: Vec<f32>,
    device: Device,
}

impl SaeView {
    /// The SAE of an open bundle.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of(engine: &Engine) -> Result<Option<Self>> {
        let bundle = engine.bundle();
        let Some(sae) = bundle.sae.clone() else { return Ok(None) };
        let rows = sae.rows();
        let [features, dim] = rows.dims();
        let rows = engine.read(rows.into_floats())?;
        let device = engine.device().tensor_device().clone();
        let typical = bundle.statistics.typical_maps.clone();
        Ok(Some(Self { sae, features, dim, rows, typical, device }))
    }
}

/// What is asked about edited latents.
pub struct UsageModel<'a> {
    /// Tokens of a latent, and numbers of a token.
    pub latent: [usize; 2],
    /// What it answers about.
    pub labels: Vec<AskedLabel>,
    /// How, where a bundle answers.
    pub route: Option<Route>,
    /// Says what answers: another answers other questions, so an interrupted audit of it cannot be gone on with.
    pub identity: String,
    pub(super) sae: Option<SaeView>,
    pub(super) suppressed: Vec<usize>,
    /// What a store of its latents is known by; none of a reader without a bundle.
    pub(super) latent_hash: Option<String>,
    reader: Box<dyn LatentReader + 'a>,
    engine: Option<&'a Engine>,
}

impl<'a> UsageModel<'a> {
    /// An open bundle, asked straight through its classifier's last layer where its encoder is the classifier's trunk, else
    /// through its decoder.
    ///
    /// # Errors
    /// When neither way is open, saying how to open one, or the device fails.
    pub fn of(engine: &'a Engine) -> Result<Self> {
        let bundle = engine.bundle();
        let route = bundle.route()?;
        let manifest = &bundle.manifest;
        let latent = manifest.sae_latent();
        let classifier = bundle.frame_reader.clone().ok_or(bundle.missing("classifier", "an audit of use"))?;
        let reader: Box<dyn LatentReader> = match route {
            Route::Head => Box::new(Head { engine, classifier, dim: latent.dim }),
            Route::Decoder => {
                let decoder = bundle.decoder.clone().ok_or(bundle.missing("decoder", "an audit of use"))?;
                Box::new(Decoded { engine, classifier, decoder, latent: [latent.tokens, latent.dim] })
            }
        };
        let labels = manifest.classifier.iter().flat_map(|part| &part.labels);
        let labels = labels.map(|l| AskedLabel { name: l.name.clone(), operating_point: l.operating_point }).collect();
        Ok(Self {
            latent: [latent.tokens, latent.dim],
            labels,
            route: Some(route),
            identity: identity(bundle, route),
            sae: SaeView::of(engine)?,
            suppressed: manifest.suppressed().to_vec(),
            latent_hash: Some(manifest.latent_hash()),
            reader,
            engine: Some(engine),
        })
    }

    /// Any reader of latents `[n, d]`, with the SAE of a bundle whose encoder makes them, or none. Films come as latents.
    pub fn with_reader(
        latent: [usize; 2],
        labels: Vec<AskedLabel>,
        sae: Option<SaeView>,
        identity: String,
        reader: Box<dyn LatentReader + 'a>,
    ) -> Self {
        Self {
            latent,
            labels,
            route: None,
            identity,
            sae,
            suppressed: Vec::new(),
            latent_hash: None,
            reader,
            engine: None,
        }
    }

    /// Numbers of a film's latent.
    pub(super) fn floats(&self) -> usize {
        self.latent[0] * self.latent[1]
    }

    /// Films that are worked on together. Always the same for a model, so that every film is computed in the same company.
    pub(super) fn batch(&self) -> usize {
        let own = if self.route == Some(Route::Decoder) { DECODER_BATCH } else { HEAD_BATCH };
        let activations = self.sae.as_ref().map_or(1, |sae| sae.features) * self.latent[0];
        own.min(MOST_ACTIVATIONS / activations.max(1)).max(1)
    }

    /// Logits `[b, labels]`, all finite.
    pub(super) fn logits(&self, latents: &[f32], films: usize) -> Result<Vec<f32>> {
        let logits = self.reader.logits(latents, films)?;
        if logits.len() != films * self.labels.len() {
            return Err(Error::Shape {
                what: "logits of edited latents".into(),
                expected: format!("[{films}, {}]", self.labels.len()),
                found: format!("{} numbers", logits.len()),
            });
        }
        if logits.iter().all(|v| v.is_finite()) {
            Ok(logits)
        } else {
            Err(Error::Invalid("an edit leads outside what the model can compute; choose smaller values".into()))
        }
    }

    /// Latents of film files, `[n * d]` each, or why a film cannot be read.
    pub(super) fn encode(&self, paths: &[&std::path::Path]) -> Result<Vec<Result<Vec<f32>>>> {
        let engine =
            self.engine.ok_or_else(|| Error::Invalid("films as files need a bundle that encodes them".into()))?;
        let bundle = engine.bundle();
        let encoder = bundle.sae_encoder.as_ref().or(bundle.encoder.as_ref());
        let encoder = encoder.ok_or(bundle.missing("encoder", "an audit of use"))?;
        let manifest = engine.manifest();
        let how = manifest.sae_encoder.as_ref().map_or(manifest.encoder_input(), |part| &part.preprocess);
        let seen: Vec<Result<_>> = paths.par_iter().map(|path| Ok(how.apply(&Radiograph::open(path)?))).collect();
        let mut encoded = Vec::with_capacity(seen.len());
        for plane in seen {
            encoded.push(match plane {
                Ok(plane) => Ok(engine.read(encoder.encode(engine.film_tensor(&plane)).into_floats())?),
                Err(error) => Err(error),
            });
        }
        Ok(encoded)
    }

    /// Activations of films' tokens as the encoder made them, and the tokens without suppressed features.
    pub(super) fn code(&self, latents: Vec<Vec<f32>>) -> Result<Vec<Coded>> {
        let Some(sae) = &self.sae else {
            let plain = |tokens| Coded { tokens, activations: Vec::new(), scale: Vec::new() };
            return Ok(latents.into_iter().map(plain).collect());
        };
        if latents.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sae.tensor(&latents.concat());
        let scale = match sae.sae.row_scale(&rows) {
            Some(scale) => sae.read(scale)?,
            None => Vec::new(),
        };
        let activations = sae.read(sae.sae.activations(rows))?;
        let tokens = self.latent[0];
        let of = |(film, own): (usize, Vec<f32>)| {
            let part = |all: &[f32], each: usize| all.get(film * each..(film + 1) * each).unwrap_or_default().to_vec();
            let activations = part(&activations, tokens * sae.features);
            let mut coded = Coded { tokens: own, activations, scale: part(&scale, tokens) };
            if !self.suppressed.is_empty() {
                let (change, _) = coded.of_features(sae, &self.suppressed, super::Operation::Remove);
                coded.tokens.iter_mut().zip(change).for_each(|(z, c)| *z += c);
                for token in coded.activations.chunks_exact_mut(sae.features) {
                    self.suppressed.iter().for_each(|&feature| token[feature] = 0.0);
                }
            }
            coded
        };
        Ok(latents.into_iter().enumerate().map(of).collect())
    }
}

impl SaeView {
    /// Tokens as `[rows, d]`.
    fn tensor(&self, tokens: &[f32]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(tokens.to_vec(), [tokens.len() / self.dim.max(1), self.dim]), &self.device)
    }

    fn read<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>> {
        let failed = |reason| Error::Device { device: "of the SAE".into(), reason };
        let values = tensor.into_floats().map_err(failed)?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(Error::Invalid("a latent leads outside what the SAE can compute".into()))
        }
    }

    /// What the SAE makes of tokens `[rows, d]` in row order.
    pub(super) fn restored(&self, tokens: &[f32]) -> Result<Vec<f32>> {
        let rows = self.tensor(tokens);
        self.read(self.sae.reconstruct(self.sae.activations(rows.clone()), &rows))
    }
}

/// A digest of all that answers depend on.
fn identity(bundle: &Bundle, route: Route) -> String {
    let manifest = &bundle.manifest;
    let mut hash = Sha256::new();
    hash.update(format!("{route:?} {:?} {:?}", manifest.suppressed(), manifest.classifier));
    hash.update(manifest.encoding_hash());
    let decoder = manifest.decoder.as_ref().map_or("", |decoder| decoder.file());
    for file in [CLASSIFIER_FILE, decoder] {
        hash.update(manifest.files.get(file).map_or("none", String::as_str));
    }
    hex(&hash.finalize())
}

/// The classifier's last layer.
struct Head<'a> {
    engine: &'a Engine,
    classifier: Arc<dyn Classifier>,
    dim: usize,
}

impl LatentReader for Head<'_> {
    fn logits(&self, latents: &[f32], films: usize) -> Result<Vec<f32>> {
        let data = TensorData::new(latents.to_vec(), [films, self.dim]);
        let pooled = Tensor::<2>::from_data(data, self.engine.device().tensor_device());
        let logits = self.classifier.logits_of_pooled(pooled);
        let logits = logits.ok_or_else(|| self.engine.failure("the classifier has no last layer of its own"))?;
        self.engine.read(logits.into_floats())
    }
}

/// The decoder, and the classifier on its frames.
struct Decoded<'a> {
    engine: &'a Engine,
    classifier: Arc<dyn Classifier>,
    decoder: Arc<dyn Decoder>,
    latent: [usize; 2],
}

impl LatentReader for Decoded<'_> {
    fn logits(&self, latents: &[f32], films: usize) -> Result<Vec<f32>> {
        let [tokens, dim] = self.latent;
        let data = TensorData::new(latents.to_vec(), [films, tokens, dim]);
        let latents = Tensor::<3>::from_data(data, self.engine.device().tensor_device());
        self.engine.read(self.classifier.logits(self.decoder.decode(latents)).into_floats())
    }
}
