//! Dead features: which they are, and a new start for those of gated and JumpReLU dictionaries.
//!
//! As Bricken et al. 2023 ("Towards Monosemanticity", appendix on neuron resampling): a dead feature takes the direction
//! of a token that is reconstructed badly, drawn with the square of its loss, and Adam forgets what it knew of the
//! feature. Unlike there it begins as all features began, encoder as long as decoder row and the same bias: a short
//! encoder with a bias of 0 would fire faintly on half of all tokens.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adam::Moments;
use super::options::{DictionaryOptions, Objective};
use super::parameters::{Parameters, length, start_bias};

/// Share of the run after which nothing is started anew: it would have no time left to learn.
const LAST_START: f64 = 0.8;

/// How long each feature has not fired.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Silence {
    /// Tokens since each feature fired, `[m]`.
    pub tokens: Vec<u64>,
}

impl Silence {
    /// After a batch.
    pub fn update(&mut self, fired: &[bool], batch: usize) {
        for (tokens, &fired) in self.tokens.iter_mut().zip(fired) {
            *tokens = if fired { 0 } else { *tokens + batch as u64 };
        }
    }

    /// Features silent for `window` tokens.
    pub fn dead(&self, window: u64) -> Vec<bool> {
        self.tokens.iter().map(|&tokens| tokens >= window).collect()
    }

    /// Share of features that are not.
    pub fn alive_share(&self, window: u64) -> f64 {
        let alive = self.tokens.iter().filter(|&&tokens| tokens < window).count();
        alive as f64 / self.tokens.len().max(1) as f64
    }
}

/// Whether dead features are started anew after this step.
pub(super) fn is_due(options: &DictionaryOptions, step: usize) -> bool {
    options.resample_every.is_some_and(|every| (step + 1).is_multiple_of(every))
        && ((step + 1) as f64) < LAST_START * options.steps as f64
        && options.objective.k().is_none()
}

/// Starts dead features anew from the tokens of a batch.
pub(super) fn restart(
    options: &DictionaryOptions,
    step: usize,
    silence: &mut Silence,
    (tokens, errors): (&[f32], &[f32]),
    parameters: &mut Parameters,
    moments: &mut Moments,
) {
    // A short run has no time to wait for the whole window.
    let since = options.resample_every.unwrap_or(1).saturating_mul(options.batch) as u64;
    let dead = silence.dead(options.dead_window.min(since));
    let dim = parameters.input;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0xdead);
    rng.set_stream(step as u64);
    // Running sum of squared losses; a draw lands in each token's part of it.
    let mut total = 0.0_f64;
    let ends: Vec<f64> = errors
        .iter()
        .map(|&error| {
            total += f64::from(error).powi(2);
            total
        })
        .collect();
    for feature in (0..dead.len()).filter(|&feature| dead[feature]) {
        let drawn = rng.random::<f64>() * total;
        let row = ends.partition_point(|&end| end <= drawn).min(ends.len().saturating_sub(1));
        let mut direction: Vec<f32> = tokens[row * dim..(row + 1) * dim].to_vec();
        direction.iter_mut().zip(&parameters.decoder_bias).for_each(|(value, bias)| *value -= bias);
        let norm = length(&direction).max(f32::MIN_POSITIVE);
        let at = feature * dim..(feature + 1) * dim;
        for (place, value) in at.clone().zip(&direction) {
            parameters.decoder[place] = value / norm;
            parameters.encoder[place] = value / norm;
        }
        parameters.bias[feature] = start_bias(&options.objective);
        if let Objective::JumpRelu { threshold, .. } = options.objective {
            parameters.log_threshold[feature] = threshold.ln();
        }
        for vector in [&mut parameters.magnitude_scale, &mut parameters.magnitude_bias] {
            vector.get_mut(feature).into_iter().for_each(|value| *value = 0.0);
        }
        for moments in [&mut moments.first, &mut moments.second] {
            for matrix in [&mut moments.encoder, &mut moments.decoder] {
                matrix[at.clone()].fill(0.0);
            }
            let Parameters { bias, log_threshold, magnitude_scale, magnitude_bias, .. } = moments;
            for vector in [bias, log_threshold, magnitude_scale, magnitude_bias] {
                vector.get_mut(feature).into_iter().for_each(|value| *value = 0.0);
            }
        }
        silence.tokens[feature] = 0;
    }
}
