//! The convolutional part of a DenseNet: channels of a film to its last maps.
//!
//! In: `[b, c, h, w]` as the network was trained on it. Out: maps after the last normalisation, before the last ReLU,
//! which belongs to whoever pools them. Batch normalisation before a convolution stays an [`Affine`]; after one it is
//! folded into it (`norm0`, every `norm2`). A transition pools before it mixes channels: both are linear and commute, and
//! the mixing then has a quarter of the pixels.
//!
//! Source: Huang et al., "Densely Connected Convolutional Networks" (2017), as torchvision's `models/densenet.py` and
//! torchxrayvision's `models.py` build it.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::convolution::{Affine, Layer, Narrowing, Pointwise, convolution, halve, max_pool};
use super::layers::{guide, pull_back};

/// Sizes of the convolutional part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseFeaturesConfig {
    /// Channels that it reads.
    pub inputs: usize,
    /// Channels after the first convolution.
    pub initial: usize,
    /// Channels that each layer adds.
    pub growth: usize,
    /// Channels between a layer's two convolutions, as a multiple of `growth`.
    pub bn_size: usize,
    /// Layers of each block.
    pub blocks: Vec<usize>,
}

impl DenseFeaturesConfig {
    /// DenseNet-121.
    #[must_use]
    pub fn densenet121(inputs: usize) -> Self {
        Self { inputs, initial: 64, growth: 32, bn_size: 4, blocks: vec![6, 12, 24, 16] }
    }

    /// Channels before and after each block.
    pub(crate) fn widths(&self) -> Vec<(usize, usize)> {
        let mut before = self.initial;
        let block = |&layers: &usize| {
            let after = before + layers * self.growth;
            let widths = (before, after);
            before = after / 2;
            widths
        };
        self.blocks.iter().map(block).collect()
    }

    /// Channels of the last maps.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.widths().last().map_or(self.initial, |widths| widths.1)
    }
}

/// One layer of a block: reads all maps before it, adds `growth` of its own.
#[derive(Module, Debug)]
struct DenseLayer {
    norm: Affine,
    squeeze: Pointwise,
    grow: Narrowing,
}

impl DenseLayer {
    fn new(input: usize, config: &DenseFeaturesConfig, device: &Device) -> Self {
        let inner = config.bn_size * config.growth;
        Self {
            norm: Affine::new(input, device),
            squeeze: Pointwise::new([input, inner], true, device),
            grow: Narrowing::new([inner, config.growth], device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.grow.forward(relu(self.squeeze.forward(relu(self.norm.forward(x)))))
    }

    fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let outer = self.norm.forward(x.clone());
        let open = relu(outer.clone());
        let inner = self.squeeze.forward(open.clone());
        let gradient = guide(pull_back(|x| self.grow.forward(x), relu(inner.clone()), gradient), inner);
        let gradient = guide(pull_back(|x| self.squeeze.forward(x), open, gradient), outer);
        pull_back(|x| self.norm.forward(x), x, gradient)
    }
}

/// Layers that see one another's maps.
#[derive(Module, Debug)]
struct DenseBlock {
    layers: Vec<DenseLayer>,
}

impl DenseBlock {
    fn new(input: usize, layers: usize, config: &DenseFeaturesConfig, device: &Device) -> Self {
        let layer = |index| DenseLayer::new(input + index * config.growth, config, device);
        Self { layers: (0..layers).map(layer).collect() }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.layers.iter().fold(x, |x, layer| {
            let new = layer.forward(x.clone());
            Tensor::cat(vec![x, new], 1)
        })
    }

    /// `all` are the maps at the block's end, whose first channels are those before each layer.
    fn guided(&self, all: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        self.layers.iter().rev().fold(gradient, |gradient, layer| {
            let [_, channels, _, _] = gradient.dims();
            let before = channels - layer.grow.outputs();
            let own = gradient.clone().narrow(1, before, channels - before);
            gradient.narrow(1, 0, before) + layer.guided(all.clone().narrow(1, 0, before), own)
        })
    }
}

/// Between two blocks: half the channels, half the side.
#[derive(Module, Debug)]
struct Transition {
    norm: Affine,
    mix: Pointwise,
}

impl Transition {
    fn new(input: usize, device: &Device) -> Self {
        Self { norm: Affine::new(input, device), mix: Pointwise::new([input, input / 2], false, device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.shrink(relu(self.norm.forward(x)))
    }

    fn shrink(&self, x: Tensor<4>) -> Tensor<4> {
        self.mix.forward(halve(x))
    }

    fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let outer = self.norm.forward(x.clone());
        let gradient = guide(pull_back(|x| self.shrink(x), relu(outer.clone()), gradient), outer);
        pull_back(|x| self.norm.forward(x), x, gradient)
    }
}

/// The convolutional part.
#[derive(Module, Debug)]
pub struct DenseFeatures {
    stem: Conv2d,
    blocks: Vec<DenseBlock>,
    transitions: Vec<Transition>,
    norm: Affine,
}

/// Side of the first convolution's kernel.
pub(crate) const STEM_KERNEL: usize = 7;

impl DenseFeatures {
    /// An untrained one.
    pub fn new(config: &DenseFeaturesConfig, device: &Device) -> Self {
        let widths = config.widths();
        let block = |(&(before, _), &layers)| DenseBlock::new(before, layers, config, device);
        let between = widths.len().saturating_sub(1);
        Self {
            stem: convolution([config.inputs, config.initial], STEM_KERNEL, 2, device),
            blocks: widths.iter().zip(&config.blocks).map(block).collect(),
            transitions: widths[..between].iter().map(|&(_, after)| Transition::new(after, device)).collect(),
            norm: Affine::new(config.outputs(), device),
        }
    }

    /// `[b, inputs, h, w]` to `[b, outputs, h / 32, w / 32]` (with four blocks), before the last ReLU.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = max_pool(relu(self.stem.forward(x)));
        let x = self.blocks.iter().enumerate().fold(x, |x, (index, block)| {
            let x = block.forward(x);
            self.transitions.get(index).map_or_else(|| x.clone(), |transition| transition.forward(x.clone()))
        });
        self.norm.forward(x)
    }

    /// Guided backpropagation: what is left at `x` of `gradient` at the output of [`Self::forward`]. Every ReLU in here
    /// is a module in the originals and guides.
    pub fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let first = self.stem.forward(x.clone());
        let open = relu(first.clone());
        let mut maps = max_pool(open.clone());
        let mut ends = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let end = block.forward(maps);
            maps = self.transitions.get(index).map_or_else(|| end.clone(), |next| next.forward(end.clone()));
            ends.push(end);
        }
        let gradient = pull_back(|x| self.norm.forward(x), maps, gradient);
        let gradient = self.blocks.iter().enumerate().rev().fold(gradient, |gradient, (index, block)| {
            let end = ends[index].clone();
            let gradient = match self.transitions.get(index) {
                Some(transition) => transition.guided(end.clone(), gradient),
                None => gradient,
            };
            block.guided(end, gradient)
        });
        let gradient = guide(pull_back(max_pool, open, gradient), first);
        pull_back(|x| self.stem.forward(x), x, gradient)
    }

    /// Its layers from the output down, by torchxrayvision's names; normalisation that is folded counts to its
    /// convolution.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let mut layers = vec![Layer::new("norm5", "norm.")];
        for (index, block) in self.blocks.iter().enumerate().rev() {
            if index < self.transitions.len() {
                layers.push(Layer::new(format!("transition{}", index + 1), format!("transitions.{index}.")));
            }
            layers.extend((0..block.layers.len()).rev().map(|layer| {
                let name = format!("denseblock{}.denselayer{}", index + 1, layer + 1);
                Layer::new(name, format!("blocks.{index}.layers.{layer}."))
            }));
        }
        layers.push(Layer::new("conv0", "stem."));
        layers
    }
}
