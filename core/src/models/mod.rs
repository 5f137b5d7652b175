//! The parts of a bundle that compute: encoder, decoder, classifier, sparse autoencoder.
//!
//! In: film or frame tensors `[batch, 1, size, size]` in the grey levels of the bundle's preprocessing, or latents
//! `[batch, tokens, dim]`. Out: latents, frames, scores, activations. Nothing here knows files, films or the window.
//! A new architecture is one file here, its kind in [`crate::bundle::manifest`] and its opening in
//! [`crate::bundle::load`].

use burn::prelude::*;

pub mod activations;
pub mod attend;
pub mod autoencoder;
pub mod classifier;
pub mod convolution;
pub mod dense_features;
pub mod densenet;
pub mod dictionary;
pub mod fitted;
pub mod intake;
pub mod jfhealthcare;
pub mod layers;
pub mod resnet;
pub mod resnet_autoencoder;
pub mod sae;
pub mod sizes;
pub mod suppression;
pub mod text;
pub mod token_decoder;
pub mod transformer;
pub mod trunk;
pub mod vit;
pub mod weights;

/// Film to latent.
pub trait Encoder: Send + Sync {
    /// `[b, 1, s, s]` grey levels to `[b, n, d]` tokens.
    fn encode(&self, film: Tensor<4>) -> Tensor<3>;

    /// The film's place in the space that an encoder shares with its texts, `[b, e]` of length 1; none of an encoder without
    /// texts.
    fn embed(&self, _film: Tensor<4>) -> Option<Tensor<2>> {
        None
    }

    /// The same of a latent, where the latent leads there; differentiable.
    fn embed_latent(&self, _latent: Tensor<3>) -> Option<Tensor<2>> {
        None
    }
}

/// Words to their place in the space that they share with films.
pub trait TextEmbedder: Send + Sync {
    /// `[1, e]` of length 1.
    ///
    /// # Errors
    /// In words, when there are none or they cannot be read.
    fn embed(&self, words: &str) -> Result<Tensor<2>, String>;
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

    /// The vector of the whole film that the last layer reads, `[b, d]`, of the last maps; none where there is no single one.
    fn pooled_of_maps(&self, _maps: Tensor<4>) -> Option<Tensor<2>> {
        None
    }

    /// Logits of that vector, which is the latent of [`trunk::Trunk`]: what the last layer makes of it; differentiable. None
    /// where the logits are not those of one vector.
    fn logits_of_pooled(&self, _pooled: Tensor<2>) -> Option<Tensor<2>> {
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

/// Tokens to sparse activations and back. What comes back is linear in the activations of each token: one unit more of a
/// feature moves a token by the feature's row times the token's [`Self::row_scale`].
pub trait SparseAutoencoder: Send + Sync {
    /// `[n, d]` tokens to `[n, m]` activations, none negative.
    fn activations(&self, tokens: Tensor<2>) -> Tensor<2>;
    /// `[n, m]` activations to `[n, d]` tokens. `tokens` `[n, d]` are those that the activations were read from, changed or
    /// not: an SAE that normalises every token needs their mean and size to undo it.
    fn reconstruct(&self, activations: Tensor<2>, tokens: &Tensor<2>) -> Tensor<2>;
    /// Decoder rows `[m, d]`.
    fn rows(&self) -> Tensor<2>;
    /// What every row is multiplied by at each of the tokens `[n, d]`, as `[n, 1]`; none where that is 1.
    fn row_scale(&self, _tokens: &Tensor<2>) -> Option<Tensor<2>> {
        None
    }
    /// How it reads sample tokens `[n, d]`.
    ///
    /// # Errors
    /// When there are none, their size is wrong, or the device fails.
    fn check_on(&self, tokens: &Tensor<2>) -> Result<dictionary::SaeCheck, String> {
        dictionary::measured(self, tokens)
    }
}
