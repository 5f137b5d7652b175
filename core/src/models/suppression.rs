//! Features whose part of the latent is taken out before anything reads it, and classifiers that read films so.
//!
//! In: latents `[b, n, d]` or films. Out: latents without `sum_j f_j d_j` over the suppressed features `j`, everything
//! else, the SAE's error included, as it was; and logits of such latents. Activations `f_j` are read from the latent as it
//! came, all at once, so the order of the features leaves no trace.

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;

use super::{Classifier, Decoder, Encoder, SparseAutoencoder};

/// Suppressed features of an SAE.
pub struct Suppression {
    sae: Arc<dyn SparseAutoencoder>,
    features: Vec<usize>,
    /// Their numbers, `[k]`.
    indices: Tensor<1, Int>,
    /// Their decoder rows, `[k, d]`.
    rows: Tensor<2>,
}

impl Suppression {
    /// Of `features`, which the SAE has.
    pub fn new(sae: Arc<dyn SparseAutoencoder>, features: &[usize], device: &Device) -> Self {
        let numbers: Vec<i64> = features.iter().map(|&feature| feature as i64).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(numbers, [features.len()]), device);
        let rows = sae.rows().select(0, indices.clone());
        Self { sae, features: features.to_vec(), indices, rows }
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &[usize] {
        &self.features
    }

    /// Latents `[b, n, d]` without what these features put there. Differentiable where the SAE is; with a TopK SAE, whose
    /// choice is made in host memory, what is taken away counts as constant.
    pub fn apply(&self, latent: Tensor<3>) -> Tensor<3> {
        let [films, tokens, dim] = latent.dims();
        let read = latent.clone().reshape([films * tokens, dim]);
        let part = self.sae.activations(read.clone()).select(1, self.indices.clone()).matmul(self.rows.clone());
        // An SAE that normalises tokens moves each of them by its own measure.
        let part = match self.sae.row_scale(&read) {
            Some(scale) => part * scale,
            None => part,
        };
        latent - part.reshape([films, tokens, dim])
    }

    /// Sets the suppressed features' columns of activations `[.., m]` to zero.
    pub fn silence(&self, activations: &mut [f32], features: usize) {
        for token in activations.chunks_exact_mut(features.max(1)) {
            self.features.iter().for_each(|&feature| token[feature] = 0.0);
        }
    }
}

/// A classifier whose last layer reads its own pooled vector without the suppressed features.
pub struct WithoutInHead {
    /// The classifier as it was.
    pub classifier: Arc<dyn Classifier>,
    /// Film to the pooled vector, `[b, 1, d]`: the same network without its last layer.
    pub trunk: Arc<dyn Encoder>,
    /// What is taken out.
    pub suppression: Arc<Suppression>,
}

impl Classifier for WithoutInHead {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        let pooled = self.suppression.apply(self.trunk.encode(frame)).squeeze_dim::<2>(1);
        let [films, _] = pooled.dims();
        // A bundle is opened with this only where there is such a layer; were there none, no number may pass for a logit.
        let nothing = Tensor::full([films, 1], f32::NAN, &pooled.device());
        self.classifier.logits_of_pooled(pooled).unwrap_or(nothing)
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        self.classifier.last_maps(frame)
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        self.logits_of_pooled(self.pooled_of_maps(maps)?)
    }

    /// Without the suppressed features already.
    fn pooled_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.suppression.apply(self.classifier.pooled_of_maps(maps)?.unsqueeze_dim(1)).squeeze_dim::<2>(1))
    }

    fn logits_of_pooled(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        self.classifier.logits_of_pooled(pooled)
    }
}

/// A classifier that reads the frame decoded from a film's latent without the suppressed features.
pub struct WithoutInFrame {
    /// The classifier as it was: it reads frames.
    pub classifier: Arc<dyn Classifier>,
    /// Film to latent.
    pub encoder: Arc<dyn Encoder>,
    /// Latent to frame.
    pub decoder: Arc<dyn Decoder>,
    /// What is taken out.
    pub suppression: Arc<Suppression>,
}

impl Classifier for WithoutInFrame {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        self.classifier.logits(self.decoder.decode(self.suppression.apply(self.encoder.encode(frame))))
    }
}
