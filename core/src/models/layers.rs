//! Building blocks that the convolutional models share.

use burn::module::{Initializer, Module};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;

/// Gain of a residual branch's last convolution at the start of training, so that an unnormalised stack of blocks
/// begins near the identity.
const BRANCH_GAIN: f64 = 0.25;

/// A 3 x 3 convolution that keeps (`stride` 1) or halves (`stride` 2) the side.
pub fn conv3(channels: [usize; 2], stride: usize, gain: f64, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_initializer(Initializer::KaimingNormal { gain, fan_out_only: false })
        .init(device)
}

/// A 1 x 1 convolution.
pub fn conv1(channels: [usize; 2], gain: f64, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, [1, 1])
        .with_initializer(Initializer::KaimingNormal { gain, fan_out_only: false })
        .init(device)
}

/// `relu(x + conv(relu(conv(x))))`, without normalisation: inference and training compute the same.
#[derive(Module, Debug)]
pub struct ResBlock {
    first: Conv2d,
    second: Conv2d,
}

impl ResBlock {
    /// A block on `channels` maps.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            first: conv3([channels, channels], 1, std::f64::consts::SQRT_2, device),
            second: conv3([channels, channels], 1, BRANCH_GAIN, device),
        }
    }

    /// `[b, c, h, w]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branch = self.second.forward(relu(self.first.forward(x.clone())));
        relu(x + branch)
    }

    /// Guided backpropagation through the block: what is left of `gradient` at its output, at its input `x`.
    pub fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let inner = self.first.forward(x.clone());
        let hidden = relu(inner.clone());
        let sum = x.clone() + self.second.forward(hidden.clone());
        let gradient = guide(gradient, sum);
        let branch = guide(pull_back(|h| self.second.forward(h), hidden, gradient.clone()), inner);
        gradient + pull_back(|x| self.first.forward(x), x, branch)
    }
}

/// Guided backpropagation through a ReLU with input `x`: what is positive, where the input was.
pub fn guide(gradient: Tensor<4>, x: Tensor<4>) -> Tensor<4> {
    relu(gradient).mask_fill(x.lower_equal_elem(0.0), 0.0)
}

/// Gradient of `sum(gradient * layer(x))` with respect to `x`.
pub fn pull_back<const D: usize>(
    layer: impl Fn(Tensor<4>) -> Tensor<D>,
    x: Tensor<4>,
    gradient: Tensor<D>,
) -> Tensor<4> {
    let x = x.autodiff().require_grad();
    let gradients = (layer(x.clone()) * gradient.autodiff()).sum().backward();
    x.grad(&gradients).unwrap_or_else(|| x.inner().zeros_like())
}

/// `[b, c * f * f, h, w]` to `[b, c, h * f, w * f]` (torch `pixel_shuffle`).
pub fn pixel_shuffle(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let out = c / (factor * factor);
    x.reshape([b, out, factor, factor, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([b, out, h * factor, w * factor])
}

/// `[b, c, h * f, w * f]` to `[b, c * f * f, h, w]` (torch `pixel_unshuffle`).
pub fn pixel_unshuffle(x: Tensor<4>, factor: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let (rows, columns) = (h / factor, w / factor);
    x.reshape([b, c, rows, factor, columns, factor]).permute([0, 1, 3, 5, 2, 4]).reshape([
        b,
        c * factor * factor,
        rows,
        columns,
    ])
}
