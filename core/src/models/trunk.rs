//! A classifier without its last layer as an encoder: one token, the vector that the last layer reads.
//!
//! In: films in grey levels `[b, 1, s, s]`; out: `[b, 1, d]`. torchxrayvision calls it `features`, timm the pooled output;
//! an SAE on it finds what the classifier tells apart. It has no place in the film.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::Encoder;

/// A classifier that makes one vector of a film before its last layer.
pub trait Pooled: Send + Sync {
    /// That vector, `[b, d]`, of films `[b, 1, s, s]`.
    fn pooled(&self, frame: Tensor<4>) -> Tensor<2>;
}

/// Which classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkConfig<C> {
    /// Its architecture.
    pub classifier: C,
    /// Side of the film that it reads, in pixels.
    pub side: usize,
}

/// The encoder of a classifier.
pub struct Trunk<C>(pub C);

impl<C: Pooled> Encoder for Trunk<C> {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        self.0.pooled(film).unsqueeze_dim(1)
    }
}
