//! torchxrayvision's ResNet autoencoder "101-elastic": film to 3 x 3 tokens of 512 numbers and back.
//!
//! In: films `[b, 1, 224, 224]` in grey levels, or tokens `[b, 9, 512]`, row by row. Out: tokens, none negative, or frames,
//! not clamped. Built as published, oddities included: a ReLU before every addition as well as after it, a last stride of
//! 6, and shortcuts upwards that put the mapped pixels at every sixth or second place and only a constant elsewhere.
//! Every batch normalisation follows a convolution and is folded into it.
//!
//! Source: Cohen et al., "Gifsplanation via Latent Shift" (2021), torchxrayvision's `autoencoders.py`.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::activation::relu;
use burn::tensor::module::conv_transpose2d;
use burn::tensor::ops::ConvTransposeOptions;
use serde::{Deserialize, Serialize};

use super::convolution::{Pointwise, before_training, convolution, every, max_pool};
use super::{Decoder, Encoder};

/// Sizes of the autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResNetAutoencoderConfig {
    /// Channels after the first convolution.
    pub initial: usize,
    /// Stages down, from the film; their strides are [`DOWN_STRIDES`].
    pub down: [AutoencoderStage; 4],
    /// Stages up, from the tokens; their strides are [`UP_STRIDES`].
    pub up: [AutoencoderStage; 4],
    /// Channels of the last enlargement.
    pub last: usize,
}

/// Sizes of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoencoderStage {
    /// Blocks.
    pub blocks: usize,
    /// Channels of their 3 x 3 convolutions.
    pub inner: usize,
    /// Channels that the stage gives.
    pub outer: usize,
}

/// Strides of the stages down.
pub const DOWN_STRIDES: [usize; 4] = [1, 2, 2, 6];

/// Strides of the stages up, then of the last enlargement.
pub const UP_STRIDES: [usize; 5] = [6, 2, 2, 2, 2];

impl Default for ResNetAutoencoderConfig {
    /// The published sizes.
    fn default() -> Self {
        let stage = |factor| move |(blocks, inner)| AutoencoderStage { blocks, inner, outer: inner * factor };
        Self {
            initial: 64,
            down: [(3, 64), (4, 128), (23, 256), (2, 128)].map(stage(4)),
            up: [(2, 128), (23, 64), (4, 32), (3, 16)].map(stage(2)),
            last: 64,
        }
    }
}

/// Three convolutions and a way around them.
#[derive(Module, Debug)]
struct Block {
    squeeze: Pointwise,
    middle: Conv2d,
    expand: Pointwise,
    shortcut: Option<Pointwise>,
    #[module(skip)]
    stride: usize,
}

impl Block {
    fn new(channels: [usize; 3], stride: usize, shortcut: bool, device: &Device) -> Self {
        let [input, inner, outer] = channels;
        Self {
            squeeze: Pointwise::new([input, inner], true, device),
            middle: convolution([inner, inner], 3, stride, device),
            expand: Pointwise::new([inner, outer], true, device),
            shortcut: shortcut.then(|| Pointwise::new([input, outer], true, device)),
            stride,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.squeeze.forward(x.clone()));
        let inner = relu(self.middle.forward(inner));
        let around = match &self.shortcut {
            Some(shortcut) => shortcut.forward(every(x, self.stride)),
            None => x,
        };
        relu(relu(self.expand.forward(inner)) + around)
    }
}

/// Film to tokens.
#[derive(Module, Debug)]
pub struct ResNetEncoder {
    stem: Conv2d,
    blocks: Vec<Block>,
}

impl ResNetEncoder {
    /// An untrained encoder.
    pub fn new(config: &ResNetAutoencoderConfig, device: &Device) -> Self {
        let mut input = config.initial;
        let mut blocks = Vec::new();
        for (stage, stride) in config.down.iter().zip(DOWN_STRIDES) {
            for index in 0..stage.blocks {
                let is_first = index == 0;
                let channels = [input, stage.inner, stage.outer];
                blocks.push(Block::new(channels, if is_first { stride } else { 1 }, is_first, device));
                input = stage.outer;
            }
        }
        Self { stem: convolution([1, config.initial], 7, 2, device), blocks }
    }
}

impl Encoder for ResNetEncoder {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        let x = max_pool(relu(self.stem.forward(film)));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        let [b, c, h, w] = x.dims();
        x.reshape([b, c, h * w]).swap_dims(1, 2)
    }
}

/// A transposed convolution with a bias; PyTorch's `output_padding` is 1.
#[derive(Module, Debug)]
struct Enlarging {
    /// `[in, out, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
}

impl Enlarging {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        let [input, output] = channels;
        let shape = [input, output, kernel, kernel];
        let area = kernel * kernel;
        Self {
            weight: before_training().init_with(shape, Some(output * area), Some(input * area), device),
            bias: Initializer::Zeros.init([output], device),
            stride,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, kernel, _] = self.weight.dims();
        let (stride, padding) = ([self.stride; 2], [kernel / 2; 2]);
        let options = ConvTransposeOptions::new(stride, padding, [1, 1], [1, 1], 1);
        conv_transpose2d(x, self.weight.val(), Some(self.bias.val()), options)
    }
}

/// A block that enlarges, as the last of each stage up.
#[derive(Module, Debug)]
struct UpBlock {
    squeeze: Pointwise,
    middle: Enlarging,
    expand: Pointwise,
    shortcut: Enlarging,
}

impl UpBlock {
    fn new(channels: [usize; 3], stride: usize, device: &Device) -> Self {
        let [input, inner, outer] = channels;
        Self {
            squeeze: Pointwise::new([input, inner], true, device),
            middle: Enlarging::new([inner, inner], 3, stride, device),
            expand: Pointwise::new([inner, outer], true, device),
            shortcut: Enlarging::new([input, outer], 1, stride, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.squeeze.forward(x.clone()));
        let inner = relu(self.middle.forward(inner));
        relu(relu(self.expand.forward(inner)) + self.shortcut.forward(x))
    }
}

/// Blocks that keep the side, then one that enlarges.
#[derive(Module, Debug)]
struct UpStage {
    blocks: Vec<Block>,
    up: UpBlock,
}

impl UpStage {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.up.forward(self.blocks.iter().fold(x, |x, block| block.forward(x)))
    }
}

/// Tokens to frame.
#[derive(Module, Debug)]
pub struct ResNetDecoder {
    stages: Vec<UpStage>,
    last: UpBlock,
    out: Pointwise,
}

impl ResNetDecoder {
    /// An untrained decoder.
    pub fn new(config: &ResNetAutoencoderConfig, device: &Device) -> Self {
        let mut input = config.down[3].outer;
        let mut stages = Vec::new();
        for (stage, stride) in config.up.iter().zip(UP_STRIDES) {
            let block = |_| Block::new([input, stage.inner, input], 1, false, device);
            stages.push(UpStage {
                blocks: (1..stage.blocks).map(block).collect(),
                up: UpBlock::new([input, stage.inner, stage.outer], stride, device),
            });
            input = stage.outer;
        }
        let [.., stride] = UP_STRIDES;
        Self {
            stages,
            last: UpBlock::new([input, config.last, config.last], stride, device),
            out: Pointwise::new([config.last, 1], false, device),
        }
    }
}

impl Decoder for ResNetDecoder {
    fn decode(&self, latent: Tensor<3>) -> Tensor<4> {
        let [b, tokens, dim] = latent.dims();
        let side = tokens.isqrt();
        let x = latent.swap_dims(1, 2).reshape([b, dim, side, side]);
        let x = self.stages.iter().fold(x, |x, stage| stage.forward(x));
        self.out.forward(self.last.forward(x))
    }
}
