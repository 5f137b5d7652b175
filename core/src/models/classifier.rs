//! The multi-label classifier: a small residual network on the film at half its resolution.
//!
//! Working at half resolution with average pooling keeps its gradient smooth, which is what Latent Shift walks along.

use burn::module::{Initializer, Module};
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::layers::{ResBlock, conv3};

const GREY_SCALE: f32 = 1024.0;

/// Sizes of the classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierConfig {
    /// Channels after each halving; the first works at a quarter of the film's side.
    pub channels: [usize; 4],
    /// Outputs.
    pub labels: usize,
    /// Share of pooled channels dropped in training.
    pub dropout: f64,
    /// Networks whose logits are averaged.
    pub members: usize,
}

impl ClassifierConfig {
    /// The shipped size for `labels` outputs.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self { channels: [16, 32, 64, 128], labels, dropout: 0.3, members: 1 }
    }
}

/// One network of the ensemble.
#[derive(Module, Debug)]
pub struct ConvMember {
    down: Vec<Conv2d>,
    blocks: Vec<ResBlock>,
    dropout: Dropout,
    out: Linear,
}

impl ConvMember {
    fn new(config: &ClassifierConfig, device: &Device) -> Self {
        let c = config.channels;
        let inputs = [1, c[0], c[1], c[2]];
        let gain = std::f64::consts::SQRT_2;
        Self {
            down: inputs.iter().zip(c).map(|(&from, to)| conv3([from, to], 2, gain, device)).collect(),
            blocks: c[1..].iter().map(|&channels| ResBlock::new(channels, device)).collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            out: LinearConfig::new(c[3], config.labels)
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.01 })
                .init(device),
        }
    }

    /// Half-resolution film `[b, 1, s / 2, s / 2]` in units of 1024 grey levels to pooled channels `[b, c]`.
    fn pooled(&self, half: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.down[0].forward(half));
        for (down, block) in self.down[1..].iter().zip(&self.blocks) {
            x = block.forward(relu(down.forward(x)));
        }
        x.mean_dims(&[2, 3]).squeeze_dims(&[2, 3])
    }
}

/// Film to logits: the mean over the members of the ensemble.
#[derive(Module, Debug)]
pub struct ConvClassifier {
    members: Vec<ConvMember>,
}

impl ConvClassifier {
    /// An untrained classifier.
    pub fn new(config: &ClassifierConfig, device: &Device) -> Self {
        Self { members: (0..config.members).map(|_| ConvMember::new(config, device)).collect() }
    }

    /// Logits of every member with dropout, `[b, labels]` each: for training only. ([`Classifier::logits`] never drops
    /// anything, also not where a gradient is taken.)
    pub fn training_logits(&self, frame: Tensor<4>) -> Vec<Tensor<2>> {
        let half = half_resolution(frame);
        self.members.iter().map(|m| m.out.forward(m.dropout.forward(m.pooled(half.clone())))).collect()
    }
}

impl Classifier for ConvClassifier {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        let half = half_resolution(frame);
        let all: Vec<Tensor<2>> = self.members.iter().map(|m| m.out.forward(m.pooled(half.clone()))).collect();
        let count = all.len() as f32;
        Tensor::stack::<3>(all, 0).sum_dim(0).squeeze_dim::<2>(0).div_scalar(count)
    }
}

fn half_resolution(frame: Tensor<4>) -> Tensor<4> {
    avg_pool2d(frame.div_scalar(GREY_SCALE), AvgPoolOptions::new([2, 2]))
}
