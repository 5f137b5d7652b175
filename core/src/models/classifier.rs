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
    /// How the last channels become one vector.
    #[serde(default)]
    pub pooling: Pooling,
}

/// How the last channels `[b, c, h, w]` become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pooling {
    /// Their means, `[b, c]`.
    #[default]
    Mean,
    /// Their means and their maxima, `[b, 2 c]`: a small thing such as a ring of metal is lost in a mean.
    MeanAndMax,
}

impl ClassifierConfig {
    /// The shipped size for `labels` outputs.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self { channels: [16, 32, 64, 128], labels, dropout: 0.3, members: 1, pooling: Pooling::MeanAndMax }
    }
}

/// One network of the ensemble.
#[derive(Module, Debug)]
pub struct ConvMember {
    down: Vec<Conv2d>,
    blocks: Vec<ResBlock>,
    dropout: Dropout,
    out: Linear,
    #[module(skip)]
    pooling: Pooling,
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
            pooling: config.pooling,
            out: LinearConfig::new(config.pooling.width(c[3]), config.labels)
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.01 })
                .init(device),
        }
    }

    /// Half-resolution film `[b, 1, s / 2, s / 2]` in units of 1024 grey levels to pooled channels.
    fn pooled(&self, half: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.down[0].forward(half));
        for (down, block) in self.down[1..].iter().zip(&self.blocks) {
            x = block.forward(relu(down.forward(x)));
        }
        let mean = x.clone().mean_dims(&[2, 3]).squeeze_dims(&[2, 3]);
        match self.pooling {
            Pooling::Mean => mean,
            Pooling::MeanAndMax => {
                let [b, c, h, w] = x.dims();
                let max = x.reshape([b, c, h * w]).max_dim(2).squeeze_dim::<2>(2);
                Tensor::cat(vec![mean, max], 1)
            }
        }
    }
}

impl Pooling {
    /// Numbers that come of `channels`.
    #[must_use]
    pub fn width(self, channels: usize) -> usize {
        match self {
            Self::Mean => channels,
            Self::MeanAndMax => channels * 2,
        }
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

/// Moves each label's operating point to 0.5 (torchxrayvision `op_norm`): `p / 2t` up to `t`, `1 - (1 - p) / 2(1 - t)`
/// above it. `[b, labels]` probabilities and `[1, labels]` points between 0 and 1.
pub fn op_norm(probabilities: Tensor<2>, points: Tensor<2>) -> Tensor<2> {
    let below = probabilities.clone() / points.clone().mul_scalar(2.0);
    let above = (probabilities.clone() - 1.0) / (points.clone().neg() + 1.0).mul_scalar(2.0) + 1.0;
    let is_above = probabilities.greater(points.expand(below.dims()));
    below.mask_where(is_above, above)
}

fn half_resolution(frame: Tensor<4>) -> Tensor<4> {
    avg_pool2d(frame.div_scalar(GREY_SCALE), AvgPoolOptions::new([2, 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_norm_moves_the_point_to_a_half_and_keeps_the_ends() {
        let device = Device::flex();
        let points = Tensor::<2>::from_floats([[0.1, 0.0022]], &device);
        for (probability, expected) in [
            ([0.0, 0.0], [0.0, 0.0]),
            ([0.1, 0.0022], [0.5, 0.5]),
            ([0.05, 0.0011], [0.25, 0.25]),
            ([0.55, 0.5011], [0.75, 0.75]),
            ([1.0, 1.0], [1.0, 1.0]),
        ] {
            let p = Tensor::<2>::from_floats([probability], &device);
            let scores =
                op_norm(p, points.clone()).try_into_data().expect("read").try_into_vec::<f32>().expect("floats");
            for (score, wanted) in scores.iter().zip(expected) {
                assert!((score - wanted).abs() < 1e-5, "{probability:?}: {scores:?}");
            }
        }
    }

    #[test]
    fn op_norm_has_the_published_slopes() {
        let device = Device::flex();
        let t = 0.2_f32;
        for (at, slope) in [(0.1, 1.0 / (2.0 * t)), (0.6, 1.0 / (2.0 * (1.0 - t)))] {
            let p = Tensor::<2>::from_floats([[at]], &device).autodiff().require_grad();
            let gradients = op_norm(p.clone(), Tensor::from_floats([[t]], &device)).sum().backward();
            let found = p.grad(&gradients).expect("a gradient").into_scalar::<f32>();
            assert!((found - slope).abs() < 1e-4, "at {at}: {found}, not {slope}");
        }
    }
}
