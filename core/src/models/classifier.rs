//! The multi-label classifier: a small residual network that begins at half the film's side.
//!
//! It sees either the mean of each 2 x 2 pixels, which keeps its gradient smooth, or all four of them, which a letter or a
//! wire needs.

use std::sync::Arc;

use burn::module::{Initializer, Module};
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;
use burn::tensor::activation::relu;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::layers::{ResBlock, conv3, guide, pixel_unshuffle, pull_back};
use super::trunk::Pooled;
use super::weights;

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
    /// Whether each 2 x 2 pixels are seen as four numbers, and the first channels too get a residual block; otherwise
    /// their mean is seen.
    #[serde(default)]
    pub sharp: bool,
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
    /// The size that is trained today, for `labels` outputs.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self {
            channels: [24, 48, 96, 128],
            labels,
            dropout: 0.2,
            members: 1,
            pooling: Pooling::MeanAndMax,
            sharp: true,
        }
    }

    /// Channels of the input at half the film's side.
    fn inputs(&self) -> usize {
        if self.sharp { 4 } else { 1 }
    }

    /// How many of the channels have no residual block.
    fn plain(&self) -> usize {
        usize::from(!self.sharp)
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
        let inputs = [config.inputs(), c[0], c[1], c[2]];
        let gain = std::f64::consts::SQRT_2;
        Self {
            down: inputs.iter().zip(c).map(|(&from, to)| conv3([from, to], 2, gain, device)).collect(),
            blocks: c[config.plain()..].iter().map(|&channels| ResBlock::new(channels, device)).collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            pooling: config.pooling,
            out: LinearConfig::new(config.pooling.width(c[3]), config.labels)
                .with_initializer(Initializer::Normal { mean: 0.0, std: 0.01 })
                .init(device),
        }
    }

    /// The residual block after a halving, if it has one.
    fn block(&self, halving: usize) -> Option<&ResBlock> {
        halving.checked_sub(self.down.len() - self.blocks.len()).and_then(|index| self.blocks.get(index))
    }

    /// Half-resolution film `[b, 1 or 4, s / 2, s / 2]` in units of 1024 grey levels to the last maps `[b, c, h, w]`.
    fn maps(&self, half: Tensor<4>) -> Tensor<4> {
        self.down.iter().enumerate().fold(half, |x, (index, down)| {
            let x = relu(down.forward(x));
            self.block(index).map_or_else(|| x.clone(), |block| block.forward(x.clone()))
        })
    }

    /// Guided backpropagation from the last maps to the half-resolution film.
    fn guided(&self, half: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let mut inputs = vec![half];
        for (index, down) in self.down.iter().enumerate() {
            let x = relu(down.forward(inputs[index].clone()));
            inputs.push(self.block(index).map_or_else(|| x.clone(), |block| block.forward(x.clone())));
        }
        (0..self.down.len()).rev().fold(gradient, |gradient, index| {
            let (down, input) = (&self.down[index], inputs[index].clone());
            let before = down.forward(input.clone());
            let gradient = match self.block(index) {
                Some(block) => block.guided(relu(before.clone()), gradient),
                None => gradient,
            };
            pull_back(|x| down.forward(x), input, guide(gradient, before))
        })
    }

    /// Logits of each cell: a mean's share of a channel is its value there, a maximum's is all of it at the cell that holds
    /// it.
    fn cell_logits(&self, maps: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = maps.dims();
        let cells = h * w;
        let flat = maps.reshape([b, c, cells]);
        let shares = match self.pooling {
            Pooling::Mean => flat,
            Pooling::MeanAndMax => {
                let at = flat.clone().argmax(2);
                let most = flat.clone().max_dim(2).mul_scalar(cells as f32);
                let held = flat.zeros_like().scatter(2, at, most, IndexingUpdateOp::Add);
                Tensor::cat(vec![flat, held], 1)
            }
        };
        let [_, width, _] = shares.dims();
        let rows = shares.swap_dims(1, 2).reshape([b * cells, width]);
        let logits = self.out.forward(rows);
        let [_, labels] = logits.dims();
        logits.reshape([b, cells, labels]).swap_dims(1, 2).reshape([b, labels, h, w])
    }

    /// Last maps to pooled channels.
    fn pooled(&self, x: Tensor<4>) -> Tensor<2> {
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
    #[module(skip)]
    config: ClassifierConfig,
}

impl ConvClassifier {
    /// An untrained classifier.
    pub fn new(config: &ClassifierConfig, device: &Device) -> Self {
        Self { members: (0..config.members).map(|_| ConvMember::new(config, device)).collect(), config: config.clone() }
    }

    /// Film in grey levels to what the first convolution reads.
    fn half_resolution(&self, frame: Tensor<4>) -> Tensor<4> {
        let film = frame.div_scalar(GREY_SCALE);
        if self.config.sharp { pixel_unshuffle(film, 2) } else { avg_pool2d(film, AvgPoolOptions::new([2, 2])) }
    }

    /// Logits of every member with dropout, `[b, labels]` each: for training only. ([`Classifier::logits`] never drops
    /// anything, also not where a gradient is taken.)
    pub fn training_logits(&self, frame: Tensor<4>) -> Vec<Tensor<2>> {
        let half = self.half_resolution(frame);
        self.members.iter().map(|m| m.out.forward(m.dropout.forward(m.pooled(m.maps(half.clone()))))).collect()
    }
}

impl Classifier for ConvClassifier {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        let half = self.half_resolution(frame);
        mean(self.members.iter().map(|m| m.out.forward(m.pooled(m.maps(half.clone())))).collect())
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        let half = self.half_resolution(frame);
        Some(Tensor::cat(self.members.iter().map(|m| m.maps(half.clone())).collect(), 1))
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        let each = maps.dims()[1] / self.members.len();
        let own = |index: usize| maps.clone().narrow(1, index * each, each);
        Some(mean(self.members.iter().enumerate().map(|(i, m)| m.out.forward(m.pooled(own(i)))).collect()))
    }

    fn pooled_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        let each = maps.dims()[1] / self.members.len();
        let own = |index: usize| maps.clone().narrow(1, index * each, each);
        Some(Tensor::cat(self.members.iter().enumerate().map(|(i, m)| m.pooled(own(i))).collect(), 1))
    }

    fn logits_of_pooled(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        let each = pooled.dims()[1] / self.members.len();
        let own = |index: usize| pooled.clone().narrow(1, index * each, each);
        Some(mean(self.members.iter().enumerate().map(|(i, m)| m.out.forward(own(i))).collect()))
    }

    fn cell_logits(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        let half = self.half_resolution(frame);
        Some(mean(self.members.iter().map(|m| m.cell_logits(m.maps(half.clone()))).collect()))
    }

    fn guided_gradient(&self, frame: Tensor<4>, upstream: Tensor<2>) -> Option<Tensor<4>> {
        let half = self.half_resolution(frame.clone());
        let share = upstream.div_scalar(self.members.len() as f32);
        let of = |member: &ConvMember| {
            let maps = member.maps(half.clone());
            let gradient = pull_back(|maps| member.out.forward(member.pooled(maps)), maps, share.clone());
            member.guided(half.clone(), gradient)
        };
        let gradient = self.members.iter().map(of).reduce(|sum, next| sum + next)?;
        Some(pull_back(|frame| self.half_resolution(frame), frame, gradient))
    }

    fn layers(&self) -> Vec<String> {
        let count = self.members.first().map_or(0, |member| member.down.len());
        let mut names = vec!["output".to_owned()];
        for halving in (0..count).rev() {
            if self.members.iter().all(|member| member.block(halving).is_some()) {
                names.push(format!("block {}", halving + 1));
            }
            names.push(format!("halving {}", halving + 1));
        }
        names
    }

    fn randomised(&self, count: usize, device: &Device) -> Option<Arc<dyn Classifier>> {
        let mut tensors = weights::collect(self);
        let config = &self.config;
        device.seed(RANDOMISED_SEED);
        let mut fresh = weights::collect(&Self::new(config, device));
        for name in self.layers().into_iter().take(count) {
            let (kind, number) = name.split_once(' ').unwrap_or((&name, "0"));
            let number: usize = number.parse().ok()?;
            let part = match kind {
                "block" => format!(".blocks.{}.", number - 1 - config.plain()),
                "halving" => format!(".down.{}.", number - 1),
                _ => ".out.".to_owned(),
            };
            tensors.extend(fresh.extract_if(.., |path, _| path.contains(&part)));
        }
        Some(Arc::new(weights::apply(Self::new(config, device), &mut tensors, device).ok()?))
    }
}

impl Pooled for ConvClassifier {
    fn pooled(&self, frame: Tensor<4>) -> Tensor<2> {
        let half = self.half_resolution(frame);
        Tensor::cat(self.members.iter().map(|m| m.pooled(m.maps(half.clone()))).collect(), 1)
    }
}

/// Seed of the weights that a randomised network gets.
const RANDOMISED_SEED: u64 = 7;

/// Mean over an ensemble.
fn mean<const D: usize>(all: Vec<Tensor<D>>) -> Tensor<D> {
    let count = all.len().max(1) as f32;
    let sum = all.into_iter().reduce(|sum, next| sum + next);
    #[expect(clippy::expect_used, reason = "a classifier of no members cannot be made")]
    sum.expect("at least one member").div_scalar(count)
}

/// Moves each label's operating point to 0.5 (torchxrayvision `op_norm`): `p / 2t` up to `t`, `1 - (1 - p) / 2(1 - t)`
/// above it. `[b, labels]` probabilities and `[1, labels]` points between 0 and 1; a point that is not a number makes the
/// score 0.5 everywhere, with a gradient of zero.
pub fn op_norm(probabilities: Tensor<2>, points: Tensor<2>) -> Tensor<2> {
    let undefined = points.clone().is_nan();
    let points = points.mask_fill(undefined.clone(), 0.5);
    let below = probabilities.clone() / points.clone().mul_scalar(2.0);
    let above = (probabilities.clone() - 1.0) / (points.clone().neg() + 1.0).mul_scalar(2.0) + 1.0;
    let is_above = probabilities.greater(points.expand(below.dims()));
    let undefined = undefined.expand(below.dims());
    below.mask_where(is_above, above).mask_fill(undefined, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_norm_moves_the_point_to_a_half_and_keeps_the_ends() {
        let device = Device::flex();
        let undefined = Tensor::<2>::from_floats([[f32::NAN]], &device);
        let p = Tensor::<2>::from_floats([[0.9], [0.1]], &device).autodiff().require_grad();
        let scores = op_norm(p.clone(), undefined);
        let gradient = p.grad(&scores.clone().sum().backward()).expect("a gradient").into_data();
        assert_eq!(scores.into_data().as_slice::<f32>().expect("floats"), [0.5, 0.5]);
        assert_eq!(gradient.as_slice::<f32>().expect("floats"), [0.0, 0.0]);
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
