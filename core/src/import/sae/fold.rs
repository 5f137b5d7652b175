//! Steps of some libraries that are exact parts of the matrices instead, so that nothing is computed twice.

use super::parts::Parts;

impl Parts {
    /// L2 norms of the decoder rows, `[m]`, summed as doubles.
    pub fn decoder_norms(&self) -> Vec<f32> {
        let norm = |row: &[f32]| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32;
        self.decoder.chunks_exact(self.input.max(1)).map(norm).collect()
    }

    /// Multiplies every pre-activation by its feature's factor and divides the decoder row by it: the reconstruction
    /// stays, activations grow. Thresholds are not touched.
    fn scale_features(&mut self, factors: &[f32]) {
        for column in self.encoder.chunks_exact_mut(self.features.max(1)) {
            column.iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor);
        }
        self.encoder_bias.iter_mut().zip(factors).for_each(|(bias, factor)| *bias *= factor);
        for (row, factor) in self.decoder.chunks_exact_mut(self.input.max(1)).zip(factors) {
            row.iter_mut().for_each(|weight| *weight /= factor);
        }
    }

    /// Gives every decoder row length 1, and pre-activations what the row gives up. This is SAELens'
    /// `rescale_acts_by_decoder_norm` (`topk_sae.py`, `_fold_norm_topk`) and dictionary_learning's `normalize_decoder`.
    /// A row of zeros stays, and its feature is silent from here on: the libraries would divide by its length.
    pub fn rescale_by_decoder_norms(&mut self) {
        let norms = self.decoder_norms();
        let factors: Vec<f32> = norms.iter().map(|&norm| if norm == 0.0 { 1.0 } else { norm }).collect();
        self.scale_features(&factors);
        let silent: Vec<usize> = (0..norms.len()).filter(|&feature| norms[feature] == 0.0).collect();
        for feature in silent {
            self.encoder.iter_mut().skip(feature).step_by(self.features.max(1)).for_each(|weight| *weight = 0.0);
            self.encoder_bias[feature] = 0.0;
        }
    }

    /// Multiplies activations by a factor for each feature in decoding only (SAELens' `finetuning_scaling_factor`).
    pub fn scale_rows(&mut self, factors: &[f32]) {
        for (row, factor) in self.decoder.chunks_exact_mut(self.input.max(1)).zip(factors) {
            row.iter_mut().for_each(|weight| *weight *= factor);
        }
    }

    /// Tokens are multiplied by one factor first, and the reconstruction divided by it (SAELens'
    /// `fold_activation_norm_scaling_factor`).
    pub fn scale_tokens(&mut self, factor: f32) {
        self.encoder.iter_mut().for_each(|weight| *weight *= factor);
        self.decoder.iter_mut().chain(&mut self.decoder_bias).for_each(|weight| *weight /= factor);
    }

    /// Tokens are standardised first, `(x - mean) / std` with `[d]` numbers each, and that is undone last. For an SAE
    /// that subtracts its decoder bias.
    pub fn standardise(&mut self, mean: &[f32], std: &[f32]) {
        for (weights, std) in self.encoder.chunks_exact_mut(self.features.max(1)).zip(std) {
            weights.iter_mut().for_each(|weight| *weight /= std);
        }
        for row in self.decoder.chunks_exact_mut(self.input.max(1)) {
            row.iter_mut().zip(std).for_each(|(weight, std)| *weight *= std);
        }
        let bias = self.decoder_bias.iter_mut().zip(mean.iter().zip(std));
        bias.for_each(|(bias, (mean, std))| *bias = *bias * std + mean);
    }

    /// Twice as many features: behind each of the first half, feature `m + i` is what feature `i` is when negative,
    /// with the row turned round. A choice by magnitude of signed pre-activations is then a choice of the largest
    /// positive ones.
    pub fn mirror(&mut self) -> Result<(), String> {
        let doubled = self.features.checked_mul(2).ok_or("this SAE has too many features")?;
        let mut encoder = Vec::with_capacity(self.encoder.len().saturating_mul(2));
        for weights in self.encoder.chunks_exact(self.features.max(1)) {
            encoder.extend_from_slice(weights);
            encoder.extend(weights.iter().map(|weight| -weight));
        }
        self.encoder = encoder;
        for values in [&mut self.encoder_bias, &mut self.decoder] {
            let negative: Vec<f32> = values.iter().map(|value| -value).collect();
            values.extend(negative);
        }
        self.features = doubled;
        Ok(())
    }
}

/// What is said about a mirrored SAE of `features` features.
pub(super) fn mirrored_note(features: usize) -> String {
    format!(
        "Its features may be negative; each is two here: feature i + {features} is feature i when negative, with its \
         direction turned round."
    )
}
