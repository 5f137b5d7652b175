//! The numbers that are learned, their start, and what becomes of them after training.
//!
//! Both matrices lie feature by feature, `[m, d]`: a step changes few features, and each is then one run of memory.

use std::f32::consts::TAU;

use burn::tensor::TensorData;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::latents::Centring;
use super::options::{DictionaryOptions, Objective};
use crate::models::dictionary::{DictionaryActivation, DictionarySaeConfig, TokenNormalisation};
use crate::models::weights::Weights;

/// Weights of a dictionary in training, or anything that has a number for each of them: gradients, Adam's moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Token size `d`.
    pub input: usize,
    /// Features `m`.
    pub features: usize,
    /// Encoder, `[m, d]`.
    pub encoder: Vec<f32>,
    /// Decoder, `[m, d]`.
    pub decoder: Vec<f32>,
    /// Subtracted from tokens and added to reconstructions, `[d]`.
    pub decoder_bias: Vec<f32>,
    /// Encoder bias, a gated dictionary's gate bias, `[m]`.
    pub bias: Vec<f32>,
    /// Logarithm of JumpReLU thresholds, `[m]`; empty in other kinds.
    pub log_threshold: Vec<f32>,
    /// Logarithm of a gated dictionary's magnitude factors `r_mag`, `[m]`; empty in other kinds.
    pub magnitude_scale: Vec<f32>,
    /// A gated dictionary's magnitude biases, `[m]`; empty in other kinds.
    pub magnitude_bias: Vec<f32>,
}

/// Names of the tensors, in the order that [`Parameters::tensors`] has.
pub(super) const NAMES: [&str; 7] =
    ["encoder", "decoder", "decoder_bias", "bias", "log_threshold", "magnitude_scale", "magnitude_bias"];

impl Parameters {
    /// Random unit decoder rows, the encoder their transpose, biases 0 but for closed gates; a function of the options' seed alone.
    #[must_use]
    pub fn untrained(options: &DictionaryOptions, dim: usize) -> Self {
        let m = options.features;
        let mut decoder = vec![0.0_f32; m * dim];
        decoder.par_chunks_mut(dim).enumerate().for_each(|(feature, row)| {
            let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
            rng.set_stream(feature as u64);
            for value in row.iter_mut() {
                // Box and Muller's normal numbers; 1 - u is never 0.
                let (u, angle) = (1.0 - rng.random::<f32>(), TAU * rng.random::<f32>());
                *value = (-2.0 * u.ln()).sqrt() * angle.cos();
            }
            let norm = length(row).max(f32::MIN_POSITIVE);
            row.iter_mut().for_each(|v| *v /= norm);
        });
        let only = |of: bool, value: f32| if of { vec![value; m] } else { Vec::new() };
        let is_gated = matches!(options.objective, Objective::Gated { .. });
        Self {
            input: dim,
            features: m,
            encoder: decoder.clone(),
            decoder,
            decoder_bias: vec![0.0; dim],
            bias: vec![start_bias(&options.objective); m],
            log_threshold: match options.objective {
                Objective::JumpRelu { threshold, .. } => vec![threshold.ln(); m],
                _ => Vec::new(),
            },
            magnitude_scale: only(is_gated, 0.0),
            magnitude_bias: only(is_gated, 0.0),
        }
    }

    /// Zeros of the same shapes.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        let mut zeros = Self { encoder: Vec::new(), decoder: Vec::new(), ..self.clone() };
        zeros.encoder = vec![0.0; self.encoder.len()];
        zeros.decoder = vec![0.0; self.decoder.len()];
        for vector in zeros.tensors_mut() {
            vector.fill(0.0);
        }
        zeros
    }

    /// All numbers, in the order of [`NAMES`].
    #[must_use]
    pub fn tensors(&self) -> [&Vec<f32>; 7] {
        let Self { encoder, decoder, decoder_bias, bias, log_threshold, magnitude_scale, magnitude_bias, .. } = self;
        [encoder, decoder, decoder_bias, bias, log_threshold, magnitude_scale, magnitude_bias]
    }

    /// The same, to be changed.
    pub fn tensors_mut(&mut self) -> [&mut Vec<f32>; 7] {
        let Self { encoder, decoder, decoder_bias, bias, log_threshold, magnitude_scale, magnitude_bias, .. } = self;
        [encoder, decoder, decoder_bias, bias, log_threshold, magnitude_scale, magnitude_bias]
    }

    /// Shape of the tensor of a name in [`NAMES`].
    pub(super) fn shape(&self, name: &str) -> Vec<usize> {
        match name {
            "encoder" | "decoder" => vec![self.features, self.input],
            "decoder_bias" => vec![self.input],
            _ => vec![self.features],
        }
    }

    /// The dictionary as it is used: centring and scale folded in, decoder rows of length 1, and a batch's choice turned
    /// into the threshold that stands for it. On tokens as the encoder gives them it computes what the trained one does
    /// on centred ones, activations times `scale`.
    #[must_use]
    pub fn folded(
        &self,
        objective: &Objective,
        centring: &Centring,
        batch_threshold: f32,
    ) -> (DictionarySaeConfig, Weights) {
        let (d, m, scale) = (self.input, self.features, centring.scale);
        // A row without direction stays: it says nothing whatever its length.
        let norms: Vec<f32> = self.decoder.par_chunks(d).map(length).map(|n| if n > 0.0 { n } else { 1.0 }).collect();
        let mut encoder = vec![0.0_f32; d * m];
        encoder.par_chunks_mut(m).enumerate().for_each(|(input, column)| {
            for (feature, value) in column.iter_mut().enumerate() {
                *value = self.encoder[feature * d + input] * norms[feature];
            }
        });
        let mut decoder = self.decoder.clone();
        decoder.par_chunks_mut(d).zip(&norms).for_each(|(row, norm)| row.iter_mut().for_each(|v| *v /= norm));
        let scaled = |values: &[f32]| values.iter().zip(&norms).map(|(v, norm)| v * norm * scale).collect::<Vec<_>>();
        let centre = centring.mean.iter().zip(&self.decoder_bias).map(|(mean, bias)| mean + bias * scale).collect();
        let mut weights: Weights = [
            ("w_enc", TensorData::new(encoder, [d, m])),
            ("w_dec", TensorData::new(decoder, [m, d])),
            ("b_enc", TensorData::new(scaled(&self.bias), [m])),
            ("b_dec", TensorData::new::<f32, _>(centre, [d])),
        ]
        .map(|(name, data)| (name.to_owned(), data))
        .into();
        let mut add = |name: &str, values: Vec<f32>| weights.insert(name.to_owned(), TensorData::new(values, [m]));
        let activation = match objective {
            Objective::TopK { k } => DictionaryActivation::TopK { k: *k, relu_first: true },
            Objective::BatchTopK { .. } | Objective::Matryoshka { .. } => {
                add("threshold", scaled(&vec![batch_threshold; m]));
                DictionaryActivation::JumpRelu
            }
            Objective::JumpRelu { .. } => {
                add("threshold", scaled(&self.log_threshold.iter().map(|log| log.exp()).collect::<Vec<_>>()));
                DictionaryActivation::JumpRelu
            }
            Objective::Gated { .. } => {
                add("r_mag", self.magnitude_scale.clone());
                add("b_mag", scaled(&self.magnitude_bias));
                DictionaryActivation::Gated
            }
        };
        let config = DictionarySaeConfig {
            input: d,
            features: m,
            activation,
            subtract_decoder_bias: true,
            normalisation: TokenNormalisation::None,
            expected_active: objective.k().map(|k| k as f32),
        };
        (config, weights)
    }
}

/// Bias that a feature begins with. Gates begin closed but for one token in fifteen (pre-activations of scaled tokens have
/// about unit size): Adam moves a bias by no more than the learning rate a step, and thousands would pass until gates that
/// begin half open have closed.
pub(super) fn start_bias(objective: &Objective) -> f32 {
    if matches!(objective, Objective::Gated { .. }) { -1.5 } else { 0.0 }
}

/// Euclidean length.
pub(super) fn length(row: &[f32]) -> f32 {
    row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32
}

/// Gradients of all parameters. Those of features that no token touched are 0 and need no look.
pub(super) struct Gradients {
    /// The gradients.
    pub values: Parameters,
    /// Features with any gradient.
    pub touched: Vec<bool>,
}

impl Gradients {
    /// No gradient.
    pub fn zeros(parameters: &Parameters) -> Self {
        Self { values: parameters.zeros_like(), touched: vec![false; parameters.features] }
    }
}
