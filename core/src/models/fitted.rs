//! Networks that read one size of film, made to read any: a film of another size is resized on the device, with
//! antialiasing, as torchxrayvision's networks do it themselves. Differentiable.

use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;

use super::layers::pull_back;
use super::{Classifier, Encoder};
use crate::preprocess::{Resize, resize_matrix};

/// A network behind the size that it reads.
pub struct Fitted<N: ?Sized> {
    network: Arc<N>,
    side: usize,
}

impl<N: ?Sized> Fitted<N> {
    /// `network`, which reads films of `side` pixels squared.
    pub fn new(network: Arc<N>, side: usize) -> Self {
        Self { network, side }
    }

    /// `[b, 1, s, s]` to the side that the network reads.
    fn fit(&self, film: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = film.dims();
        let film = if height == self.side { film } else { along_rows(film, self.side) };
        if width == self.side { film } else { along_rows(film.swap_dims(2, 3), self.side).swap_dims(2, 3) }
    }
}

/// Resizes `[b, 1, h, w]` to `[b, 1, side, w]`.
fn along_rows(film: Tensor<4>, side: usize) -> Tensor<4> {
    let [_, _, height, _] = film.dims();
    let taps = TensorData::new(resize_matrix(height, side, Resize::BilinearAntialias), [1, 1, side, height]);
    Tensor::<4>::from_data(taps, &film.device()).matmul(film)
}

impl Encoder for Fitted<dyn Encoder> {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        self.network.encode(self.fit(film))
    }

    fn embed(&self, film: Tensor<4>) -> Option<Tensor<2>> {
        self.network.embed(self.fit(film))
    }

    fn embed_latent(&self, latent: Tensor<3>) -> Option<Tensor<2>> {
        self.network.embed_latent(latent)
    }
}

impl Classifier for Fitted<dyn Classifier> {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        self.network.logits(self.fit(frame))
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        self.network.last_maps(self.fit(frame))
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        self.network.logits_of_maps(maps)
    }

    fn pooled_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        self.network.pooled_of_maps(maps)
    }

    fn logits_of_pooled(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        self.network.logits_of_pooled(pooled)
    }

    fn cell_logits(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        self.network.cell_logits(self.fit(frame))
    }

    fn guided_gradient(&self, frame: Tensor<4>, upstream: Tensor<2>) -> Option<Tensor<4>> {
        let gradient = self.network.guided_gradient(self.fit(frame.clone()), upstream)?;
        Some(if frame.dims() == gradient.dims() { gradient } else { pull_back(|film| self.fit(film), frame, gradient) })
    }

    fn layers(&self) -> Vec<String> {
        self.network.layers()
    }

    fn randomised(&self, count: usize, device: &Device) -> Option<Arc<dyn Classifier>> {
        let network = self.network.randomised(count, device)?;
        Some(Arc::new(Self { network, side: self.side }))
    }
}
