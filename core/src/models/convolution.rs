//! Layers of published convolutional networks, in forms that burn's CPU backend computes quickly, also backwards.
//!
//! In and out: maps `[b, c, h, w]`; everything is differentiable. Batch normalisation is not here: an importer folds it
//! into the convolution before it, or leaves an [`Affine`].
//!
//! The forms on the CPU: a 1 x 1 convolution is a matrix product, whose gradient is one too; a 3 x 3 convolution to fewer
//! channels is a transposed one, which sums nine products of the small side instead of gathering nine copies of the large
//! one, and whose gradient gathers copies of the small side; pooling is a product with a thin matrix. On a GPU 1 x 1
//! convolutions and pooling are burn's own: every new shape of a matrix product costs seconds of tuning there.

use burn::module::{Initializer, Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::module::{avg_pool2d, conv_transpose2d, conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions};

use super::weights::Weights;

/// Weights before training as torchvision's networks have them: normal, for as much output as input under a ReLU.
pub(super) fn before_training() -> Initializer {
    Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: false }
}

/// A convolution with a bias that keeps the side (`stride` 1) or divides it, as PyTorch's `padding = kernel / 2`.
pub fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_initializer(before_training())
        .init(device)
}

/// A 1 x 1 convolution: `[b, in, h, w]` to `[b, out, h, w]`.
#[derive(Module, Debug)]
pub struct Pointwise {
    /// `[out, in]`.
    weight: Param<Tensor<2>>,
    /// `[out]`.
    bias: Option<Param<Tensor<1>>>,
}

impl Pointwise {
    /// `channels` are in and out.
    pub fn new(channels: [usize; 2], bias: bool, device: &Device) -> Self {
        let [input, output] = channels;
        Self {
            weight: before_training().init_with([output, input], Some(input), Some(output), device),
            bias: bias.then(|| Initializer::Zeros.init([output], device)),
        }
    }

    /// The convolution.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let weight = self.weight.val();
        let [output, _] = weight.dims();
        if !is_cpu(&x.device()) {
            let bias = self.bias.as_ref().map(Param::val);
            let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
            return conv2d(x, weight.reshape([output, c, 1, 1]), bias, options);
        }
        let out = weight.unsqueeze::<3>().matmul(x.reshape([b, c, h * w]));
        let out = match &self.bias {
            Some(bias) => out + bias.val().reshape([1, output, 1]),
            None => out,
        };
        out.reshape([b, output, h, w])
    }
}

/// A 3 x 3 convolution to fewer channels, without bias: `[b, in, h, w]` to `[b, out, h, w]`.
#[derive(Module, Debug)]
pub struct Narrowing {
    /// `[in, out, 3, 3]`: the kernel of the convolution turned by half a turn, as a transposed convolution takes it.
    weight: Param<Tensor<4>>,
}

impl Narrowing {
    /// `channels` are in and out.
    pub fn new(channels: [usize; 2], device: &Device) -> Self {
        let [input, output] = channels;
        let shape = [input, output, KERNEL, KERNEL];
        let area = KERNEL * KERNEL;
        Self { weight: before_training().init_with(shape, Some(input * area), Some(output * area), device) }
    }

    /// Channels out.
    pub fn outputs(&self) -> usize {
        self.weight.dims()[1]
    }

    /// The convolution.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvTransposeOptions::new([1, 1], [1, 1], [0, 0], [1, 1], 1);
        conv_transpose2d(x, self.weight.val(), None, options)
    }
}

/// Side of the kernel of a [`Narrowing`].
const KERNEL: usize = 3;

/// What batch normalisation does after training: each channel times its scale, plus its shift.
#[derive(Module, Debug)]
pub struct Affine {
    /// `[c]`.
    scale: Param<Tensor<1>>,
    /// `[c]`.
    shift: Param<Tensor<1>>,
}

impl Affine {
    /// The identity on `channels` maps, which it is before training.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self { scale: Initializer::Ones.init([channels], device), shift: Initializer::Zeros.init([channels], device) }
    }

    /// `[b, c, h, w]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [channels] = self.scale.dims();
        let each = |value: &Param<Tensor<1>>| value.val().reshape([1, channels, 1, 1]);
        x * each(&self.scale) + each(&self.shift)
    }
}

/// Whether burn-flex computes.
pub(super) fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// Means of 2 x 2 pixels; an odd last row or column is left out (`nn.AvgPool2d(2, 2)`).
pub fn halve(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let (rows, columns) = (h / 2, w / 2);
    if !is_cpu(&x.device()) {
        return avg_pool2d(x, AvgPoolOptions::new([2, 2]).with_stride([2, 2]));
    }
    let x = if h % 2 + w % 2 == 0 { x } else { x.slice(s![.., .., ..2 * rows, ..2 * columns]) };
    let pairs = |(row, column): (usize, usize)| if row / 2 == column { 0.25 } else { 0.0 };
    let pairs = matrix([2 * columns, columns], pairs, &x.device());
    let sums = x.reshape([b * c * rows * 2, columns * 2]).matmul(pairs).reshape([b * c * rows, 2, columns]);
    sums.sum_dim(1).reshape([b, c, rows, columns])
}

/// Bilinear enlargement with pixel centres at halves (`F.interpolate` with `align_corners=False`), of few small maps.
pub fn enlarge(x: Tensor<4>, rows: usize, columns: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let device = x.device();
    let shares = |from: usize, to: usize| {
        let share = |(target, source): (usize, usize)| {
            let at = ((target as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, from as f32 - 1.0);
            (1.0 - (at - source as f32).abs()).max(0.0)
        };
        matrix([to, from], share, &device)
    };
    // As sums of products and not as products of matrices: nothing to tune on a GPU.
    let down = shares(h, rows).reshape([1, 1, rows, h, 1]);
    let tall = (x.unsqueeze_dim::<5>(2) * down).sum_dim(3).squeeze_dim::<4>(3);
    let across = shares(w, columns).reshape([1, 1, 1, columns, w]);
    (tall.unsqueeze_dim::<5>(3) * across).sum_dim(4).squeeze_dim::<4>(4)
}

/// A small matrix by its formula of row and column.
fn matrix(shape: [usize; 2], value: impl Fn((usize, usize)) -> f32, device: &Device) -> Tensor<2> {
    let [rows, columns] = shape;
    let values: Vec<f32> = (0..rows * columns).map(|index| value((index / columns, index % columns))).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Every `stride`-th row and column from the first, what a 1 x 1 convolution with that stride reads.
pub fn every(x: Tensor<4>, stride: usize) -> Tensor<4> {
    if stride == 1 { x } else { x.slice(s![.., .., ..;stride as isize, ..;stride as isize]) }
}

/// Means over all pixels, `[b, c, h, w]` to `[b, c]`.
pub fn mean_of_pixels(x: Tensor<4>) -> Tensor<2> {
    x.mean_dims(&[2, 3]).squeeze_dims(&[2, 3])
}

/// Largest of 3 x 3 pixels at every second row and column, of maps that a ReLU made (`nn.MaxPool2d(3, 2, 1)`).
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]))
}

/// A layer by its published name, and the path under which our module holds its weights.
pub(super) struct Layer {
    /// As the authors name it.
    pub name: String,
    /// Start of our paths, with the last dot.
    pub path: String,
}

impl Layer {
    pub(super) fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self { name: name.into(), path: path.into() }
    }
}

/// `trained` with the weights of `layers` as `fresh` has them.
pub(super) fn with_layers_of<'a>(
    mut trained: Weights,
    mut fresh: Weights,
    layers: impl Iterator<Item = &'a Layer>,
) -> Weights {
    for layer in layers {
        trained.extend(fresh.extract_if(.., |path, _| path.starts_with(&layer.path)));
    }
    trained
}
