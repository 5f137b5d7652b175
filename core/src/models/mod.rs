//! The parts of a bundle that compute: encoder, decoder, classifier, sparse autoencoder.
//!
//! In: film or frame tensors `[batch, 1, size, size]` in the grey levels of the bundle's preprocessing, or latents
//! `[batch, tokens, dim]`. Out: latents, frames, scores, activations. Nothing here knows files, films or the window.
//! A new architecture is one file here, its kind in [`crate::bundle::manifest`] and its opening in
//! [`crate::bundle::load`].

use burn::prelude::*;

pub mod autoencoder;
pub mod classifier;
pub mod layers;
pub mod sae;
pub mod weights;

/// Film to latent.
pub trait Encoder: Send + Sync {
    /// `[b, 1, s, s]` grey levels to `[b, n, d]` tokens.
    fn encode(&self, film: Tensor<4>) -> Tensor<3>;
}

/// Latent to frame.
pub trait Decoder: Send + Sync {
    /// `[b, n, d]` tokens to `[b, 1, s, s]` grey levels; differentiable.
    fn decode(&self, latent: Tensor<3>) -> Tensor<4>;
}

/// Frame to one logit for each label.
pub trait Classifier: Send + Sync {
    /// `[b, 1, s, s]` grey levels to `[b, labels]` logits; differentiable.
    fn logits(&self, frame: Tensor<4>) -> Tensor<2>;

    /// The last maps before pooling, `[b, c, h, w]`; none in an architecture without them.
    fn last_maps(&self, _frame: Tensor<4>) -> Option<Tensor<4>> {
        None
    }

    /// Logits of such maps; differentiable.
    fn logits_of_maps(&self, _maps: Tensor<4>) -> Option<Tensor<2>> {
        None
    }

    /// Each label's logit as each cell of the last maps alone would have it, `[b, labels, h, w]`; the mean over cells is
    /// the logit. None where pooling does not allow it.
    fn cell_logits(&self, _frame: Tensor<4>) -> Option<Tensor<4>> {
        None
    }

    /// Gradient of `sum(upstream * logits)` with respect to the frame that keeps only what is positive at every ReLU (guided
    /// backpropagation), `[b, 1, s, s]`; `upstream` is `[b, labels]`.
    fn guided_gradient(&self, _frame: Tensor<4>, _upstream: Tensor<2>) -> Option<Tensor<4>> {
        None
    }

    /// Names of the layers that hold weights, from the output down; empty where they cannot be randomised.
    fn layers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The same network with the first `count` of [`Self::layers`] as they would be before training.
    fn randomised(&self, _count: usize, _device: &Device) -> Option<std::sync::Arc<dyn Classifier>> {
        None
    }
}

/// Tokens to sparse activations; the decoder rows are the feature directions.
pub trait SparseAutoencoder: Send + Sync {
    /// `[n, d]` tokens to `[n, m]` activations, none negative.
    fn activations(&self, tokens: Tensor<2>) -> Tensor<2>;
    /// `[n, m]` activations to `[n, d]` tokens.
    fn reconstruct(&self, activations: Tensor<2>) -> Tensor<2>;
    /// Decoder rows `[m, d]`.
    fn rows(&self) -> Tensor<2>;
}
