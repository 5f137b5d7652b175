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
