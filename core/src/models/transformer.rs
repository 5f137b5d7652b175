//! What every transformer here is built of: attention with fused projections, the two wide layers, and a block of both.
//!
//! In and out: `[b, n, d]` tokens. Vision and text towers share these parts; nothing here knows pictures or words.
//! Equations: Vaswani et al. 2017; the order of normalisation before (pre) or after (post) a branch as in GPT-2 and BERT.

use burn::module::{Initializer, Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;

use super::activations::Activation;
use super::attend::attend;

/// Added to a score that must not count; its share becomes zero.
pub const MASKED: f32 = -1e30;

/// Sizes of one block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockSizes {
    /// Size of a token `d`.
    pub hidden: usize,
    /// Attention heads, a divisor of `hidden`.
    pub heads: usize,
    /// Width between the two layers of the second branch.
    pub mlp: usize,
    /// Function between them.
    pub activation: Activation,
    /// Added to the variance by each normalisation.
    pub epsilon: f64,
    /// Whether each branch's output is multiplied by a vector before it is added (LayerScale, Touvron et al. 2021).
    pub layer_scale: bool,
}

/// Multi-head attention; query, key and value come of one product.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Linear,
    out: Linear,
    #[module(skip)]
    heads: usize,
}

impl Attention {
    /// Untrained attention.
    pub fn new(sizes: &BlockSizes, device: &Device) -> Self {
        Self {
            qkv: linear(sizes.hidden, sizes.hidden * 3, device),
            out: linear(sizes.hidden, sizes.hidden, device),
            heads: sizes.heads,
        }
    }

    /// The first `keep` tokens of `[b, n, d]` attend to all, `[b, keep, d]`. `mask` is added to the scores
    /// `[b, heads, keep, n]`; its dimensions may be 1, and the third must be where `keep` is not `n`.
    pub fn forward(&self, x: Tensor<3>, keep: usize, mask: Option<&Tensor<4>>) -> Tensor<3> {
        let [_, n, d] = x.dims();
        let size = d / self.heads;
        let split = |x: Tensor<3>, parts: usize| {
            let [b, n, _] = x.dims();
            x.reshape([b, n, parts, self.heads, size]).permute([2, 0, 3, 1, 4])
        };
        let part = |x: &Tensor<5>, index: usize| x.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
        let (q, k, v) = if keep == n {
            let qkv = split(self.qkv.forward(x), 3);
            (part(&qkv, 0), part(&qkv, 1), part(&qkv, 2))
        } else {
            // Only keys and values are needed of the tokens that do not leave.
            let kv = split(self.columns(x.clone(), d, 2 * d), 2);
            let q = split(self.columns(x.narrow(1, 0, keep), 0, d), 1);
            (part(&q, 0), part(&kv, 0), part(&kv, 1))
        };
        self.out.forward(attend(q, k, v, mask))
    }

    /// The fused product's columns `from..from + count` only.
    fn columns(&self, x: Tensor<3>, from: usize, count: usize) -> Tensor<3> {
        let weight = self.qkv.weight.val().narrow(1, from, count);
        let bias = self.qkv.bias.as_ref().map(|bias| bias.val().narrow(0, from, count));
        burn::tensor::module::linear(x, weight, bias)
    }
}

/// Two layers with a function between them.
#[derive(Module, Debug)]
pub struct Mlp {
    up: Linear,
    down: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    /// Untrained layers.
    pub fn new(sizes: &BlockSizes, device: &Device) -> Self {
        Self {
            up: linear(sizes.hidden, sizes.mlp, device),
            down: linear(sizes.mlp, sizes.hidden, device),
            activation: sizes.activation,
        }
    }

    /// `[b, n, d]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.down.forward(self.activation.apply(self.up.forward(x)))
    }
}

/// A block that normalises before each branch: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Option<Param<Tensor<1>>>,
    norm2: LayerNorm,
    mlp: Mlp,
    scale2: Option<Param<Tensor<1>>>,
}

impl Block {
    /// An untrained block.
    pub fn new(sizes: &BlockSizes, device: &Device) -> Self {
        let scale = || sizes.layer_scale.then(|| Initializer::Ones.init([sizes.hidden], device));
        Self {
            norm1: norm(sizes, device),
            attention: Attention::new(sizes, device),
            scale1: scale(),
            norm2: norm(sizes, device),
            mlp: Mlp::new(sizes, device),
            scale2: scale(),
        }
    }

    /// The first `keep` tokens after the block, `[b, keep, d]`; `mask` as in [`Attention::forward`].
    pub fn forward(&self, x: Tensor<3>, keep: usize, mask: Option<&Tensor<4>>) -> Tensor<3> {
        let branch = self.attention.forward(self.norm1.forward(x.clone()), keep, mask);
        let x = if keep == x.dims()[1] { x } else { x.narrow(1, 0, keep) };
        let x = scaled(branch, self.scale1.as_ref()) + x;
        let branch = self.mlp.forward(self.norm2.forward(x.clone()));
        scaled(branch, self.scale2.as_ref()) + x
    }
}

/// A block that normalises after each sum, as BERT's: `norm(x + attention(x))`, then `norm(x + mlp(x))`.
#[derive(Module, Debug)]
pub struct PostNormBlock {
    attention: Attention,
    norm1: LayerNorm,
    mlp: Mlp,
    norm2: LayerNorm,
}

impl PostNormBlock {
    /// An untrained block; it has no LayerScale.
    pub fn new(sizes: &BlockSizes, device: &Device) -> Self {
        Self {
            attention: Attention::new(sizes, device),
            norm1: norm(sizes, device),
            mlp: Mlp::new(sizes, device),
            norm2: norm(sizes, device),
        }
    }

    /// `[b, n, d]` to the same shape; `mask` as in [`Attention::forward`].
    pub fn forward(&self, x: Tensor<3>, mask: Option<&Tensor<4>>) -> Tensor<3> {
        let count = x.dims()[1];
        let x = self.norm1.forward(self.attention.forward(x.clone(), count, mask) + x);
        self.norm2.forward(self.mlp.forward(x.clone()) + x)
    }
}

fn scaled(branch: Tensor<3>, scale: Option<&Param<Tensor<1>>>) -> Tensor<3> {
    match scale {
        Some(scale) => branch * scale.val().unsqueeze::<3>(),
        None => branch,
    }
}

/// An untrained normalisation of tokens.
pub fn norm(sizes: &BlockSizes, device: &Device) -> LayerNorm {
    LayerNormConfig::new(sizes.hidden).with_epsilon(sizes.epsilon).init(device)
}

/// An untrained layer, weights as the authors of vision transformers draw them.
fn linear(inputs: usize, outputs: usize, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs).with_initializer(drawn()).init(device)
}

/// Where untrained weights come from.
pub fn drawn() -> Initializer {
    Initializer::Normal { mean: 0.0, std: 0.02 }
}
