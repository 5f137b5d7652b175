//! A classifier without its last layer as an encoder: one token, the vector that the last layer reads.
//!
//! In: films in grey levels `[b, 1, s, s]`; out: `[b, 1, d]`. torchxrayvision calls it `features`, timm the pooled output;
//! an SAE on it finds what the classifier tells apart. It has no place in the film.

use std::sync::Arc;

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Classifier, Encoder};

/// Which classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkConfig<C> {
    /// Its architecture.
    pub classifier: C,
    /// Side of the film that it reads, in pixels.
    pub side: usize,
}

/// The encoder.
pub struct Trunk {
    classifier: Arc<dyn Classifier>,
}

impl Trunk {
    /// Of a classifier that has [`Classifier::pooled`].
    pub fn new(classifier: Arc<dyn Classifier>) -> Self {
        Self { classifier }
    }
}

impl Encoder for Trunk {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        let [b, ..] = film.dims();
        match self.classifier.pooled(film) {
            Some(pooled) => {
                let [_, dim] = pooled.dims();
                pooled.reshape([b, 1, dim])
            }
            // A bundle with such a classifier does not open: see `ClassifierKind::pooled`.
            None => Tensor::zeros([b, 1, 1], &Device::default()),
        }
    }
}
