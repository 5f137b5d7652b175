//! What the unedited film has to say: latent, activations, reconstruction, predictions, and how good they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::prelude::*;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Engine, Inputs, IntoFloats};
use crate::error::Result;
use crate::metrics;
use crate::plane::Plane;

/// A film as the bundle sees it.
#[derive(Clone)]
pub struct Analysis {
    /// The film as model input, grey levels of the bundle's range.
    pub input: Plane,
    /// Scores of the film itself, 0 to 1, one for each label; 0.5 is the operating point. Empty without a classifier.
    pub predictions: Vec<f32>,
    /// Film activation of every feature: its maximum over tokens; 0 of a suppressed one. Empty without an SAE.
    pub activations: Vec<f32>,
    /// Decoded unedited latent with its scores; none without a decoder.
    pub reconstruction: Option<Frame>,
    /// How well the reconstruction matches the film.
    pub quality: Option<ReconstructionQuality>,
    /// How well the SAE matches the latent.
    pub sae: Option<SaeQuality>,
    /// Time from radiograph to here.
    pub milliseconds: f32,
    /// Tokens `[1, n, d]` that the decoder draws, without suppressed features; none without an encoder.
    pub(crate) latent: Option<Tensor<3>>,
    /// The tokens as the encoder made them, where suppression changed them: what an SAE measures tokens by.
    pub(crate) read: Option<Tensor<3>>,
    /// Activations at every token `[n, m]`; empty without an SAE.
    pub(crate) token_activations: Vec<f32>,
    /// Gradients of label scores at the latent, kept once taken: a finding's slider asks for the same one all the time.
    pub(crate) gradients: Arc<Mutex<BTreeMap<usize, Tensor<3>>>>,
}

/// A decoded picture and what the classifier reads in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Grey levels of the bundle's range, not clipped.
    pub pixels: Plane,
    /// Scores, one for each label; empty without a classifier.
    pub predictions: Vec<f32>,
}

/// One label's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Label.
    pub label: String,
    /// Score normalised so that the operating point is at `threshold`; not a calibrated probability.
    pub probability: f32,
    /// Operating point.
    pub threshold: f32,
    /// The network's own sigmoid output, 0 to 1, before the operating point was moved to `threshold`.
    #[serde(default)]
    pub raw: f32,
    /// Operating point of `raw`; 0.5 where the network's authors published none.
    #[serde(default)]
    pub operating_point: f32,
}

/// Film against reconstruction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconstructionQuality {
    /// Mean absolute difference in grey levels (range 2048).
    pub mae: f64,
    /// Peak signal to noise ratio in dB, peak 2048.
    pub psnr: f64,
    /// Structural similarity, 11-pixel Gaussian window, sigma 1.5.
    pub ssim: f64,
}

/// Latent against its sparse code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaeQuality {
    /// Mean number of active features of a token.
    pub active: f64,
    /// Share of the variance of this film's tokens about their own mean that is explained; not a number for a class
    /// token, which has no variance within a film. (The bundle's figure is over the tokens of many films.)
    pub explained_variance: f64,
}

impl Engine {
    /// [`Engine::analyze`] from a frame alone; a part that is fed another size gets the frame resized.
    pub(crate) fn analyze_input(&self, input: Plane) -> Result<Analysis> {
        self.analyze_inputs(Inputs { frame: input, encoder: None, classifier: None, sae_encoder: None })
    }

    /// [`Engine::analyze`] from what each part is fed.
    pub(crate) fn analyze_inputs(&self, inputs: Inputs) -> Result<Analysis> {
        let film = |own: &Option<Plane>| self.film_tensor(own.as_ref().unwrap_or(&inputs.frame));
        let latent = self.bundle.encoder.as_ref().map(|encoder| encoder.encode(film(&inputs.encoder)));
        let tokens = match &self.bundle.sae_encoder {
            Some(encoder) => Some(encoder.encode(film(&inputs.sae_encoder))),
            None => latent.clone(),
        };
        let (token_activations, sae) = match tokens {
            Some(tokens) => self.sparse_code(tokens)?,
            None => (Vec::new(), None),
        };
        let (latent, read) = match (self.bundle.latent_suppression(), latent) {
            (Some(suppression), Some(latent)) => (Some(suppression.apply(latent.clone())), Some(latent)),
            (_, latent) => (latent, None),
        };
        let reconstruction = match (&self.bundle.decoder, &latent) {
            (Some(_), Some(latent)) => self.decode(latent.clone())?.pop(),
            _ => None,
        };
        let predictions = match (&self.bundle.classifier, self.bundle.latent_suppression(), &reconstruction) {
            // What is suppressed is gone from the decoded latent, and from nothing else.
            (Some(_), Some(_), Some(frame)) => frame.predictions.clone(),
            (Some(classifier), ..) => {
                self.read(self.scores(classifier.logits(film(&inputs.classifier))).into_floats())?
            }
            (None, ..) => Vec::new(),
        };
        let input = inputs.frame;
        let quality = match &reconstruction {
            Some(frame) => Some(ReconstructionQuality {
                mae: metrics::mae(&input, &frame.pixels)?,
                psnr: metrics::psnr(&input, &frame.pixels, metrics::GREY_RANGE)?,
                ssim: metrics::ssim(&input, &frame.pixels)?,
            }),
            None => None,
        };
        let activations = film_activations(&token_activations, self.feature_count());
        Ok(Analysis {
            input,
            predictions,
            activations,
            reconstruction,
            quality,
            sae,
            milliseconds: 0.0,
            latent,
            read,
            token_activations,
            gradients: Arc::default(),
        })
    }

    /// Film activations of a frame alone: encoder and SAE, nothing decoded. Suppressed features read 0.
    ///
    /// # Errors
    /// When a part is missing or the device fails.
    pub fn sparse_activations(&self, input: &Plane) -> Result<Vec<f32>> {
        let encoder = self.bundle.sae_encoder.as_ref().or(self.bundle.encoder.as_ref());
        let encoder = encoder.ok_or(self.bundle.missing("encoder", "activations"))?;
        let sae = self.bundle.sae.as_ref().ok_or(self.bundle.missing("SAE", "activations"))?;
        let latent = encoder.encode(self.film_tensor(input));
        let [_, tokens, dim] = latent.dims();
        let mut activations = self.read(sae.activations(latent.reshape([tokens, dim])).into_floats())?;
        if let Some(suppression) = &self.bundle.suppression {
            suppression.silence(&mut activations, self.feature_count());
        }
        Ok(film_activations(&activations, self.feature_count()))
    }

    /// Number of SAE features; zero without an SAE.
    #[must_use]
    pub fn feature_count(&self) -> usize {
        self.bundle.manifest.sae.as_ref().map_or(0, |sae| sae.architecture.features())
    }

    /// Names scores as predictions.
    #[must_use]
    pub fn named_predictions(&self, scores: &[f32]) -> Vec<Prediction> {
        let labels = self.bundle.manifest.classifier.iter().flat_map(|part| &part.labels);
        labels
            .zip(scores)
            .map(|(label, &probability)| Prediction {
                label: label.name.clone(),
                probability,
                threshold: 0.5,
                raw: raw_score(probability, label.operating_point),
                operating_point: label.operating_point,
            })
            .collect()
    }

    /// Largest film activation that a slider of `feature` should reach without a warning.
    #[must_use]
    pub fn largest_seen(&self, feature: usize) -> Option<f32> {
        self.bundle.statistics.largest(feature)
    }

    /// Quantile of an activation among the training films.
    #[must_use]
    pub fn quantile(&self, feature: usize, value: f32) -> Option<f32> {
        self.bundle.statistics.quantile(feature, value)
    }

    /// The `count` features with the largest film activation, largest first; silent ones are left out.
    #[must_use]
    pub fn top_features(&self, analysis: &Analysis, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..analysis.activations.len()).filter(|&i| analysis.activations[i] > 0.0).collect();
        order.sort_by(|&a, &b| analysis.activations[b].total_cmp(&analysis.activations[a]).then(a.cmp(&b)));
        order.truncate(count);
        order
    }

    fn sparse_code(&self, latent: Tensor<3>) -> Result<(Vec<f32>, Option<SaeQuality>)> {
        let Some(sae) = &self.bundle.sae else { return Ok((Vec::new(), None)) };
        let [_, tokens, dim] = latent.dims();
        let x = latent.reshape([tokens, dim]);
        let activations = sae.activations(x.clone());
        let restored = self.read(sae.reconstruct(activations.clone(), &x).into_floats())?;
        let x = self.read(x.into_floats())?;
        let mut activations = self.read(activations.into_floats())?;
        let active = activations.iter().filter(|&&a| a > 0.0).count() as f64 / tokens as f64;
        let explained_variance = if tokens > 1 { metrics::explained_variance(&x, &restored, dim)? } else { f64::NAN };
        if let Some(suppression) = &self.bundle.suppression {
            suppression.silence(&mut activations, self.feature_count());
        }
        Ok((activations, Some(SaeQuality { active, explained_variance })))
    }
}

/// The network's output that [`op_norm`](crate::models::classifier::op_norm) turned into `score`, for an operating point
/// between 0 and 1.
#[must_use]
pub fn raw_score(score: f32, point: f32) -> f32 {
    if score < 0.5 { score * 2.0 * point } else { 1.0 - (1.0 - score) * 2.0 * (1.0 - point) }
}

/// Maximum over tokens of `[n, m]` activations.
pub(crate) fn film_activations(token_activations: &[f32], features: usize) -> Vec<f32> {
    let mut film = vec![0.0_f32; features];
    if features > 0 {
        for token in token_activations.chunks_exact(features) {
            for (best, &a) in film.iter_mut().zip(token) {
                *best = best.max(a);
            }
        }
    }
    film
}
