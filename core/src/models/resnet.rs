//! ResNets of bottlenecks: torchvision's ResNet-50 with one channel, torchxrayvision's "resnet50-res512-all".
//!
//! In: films `[b, 1, s, s]` in grey levels; out: logits, and what attribution methods ask for. Every batch normalisation
//! follows a convolution and is folded into it. Every ReLU is a module in the original and guides in guided
//! backpropagation.
//!
//! Source: He et al., "Deep Residual Learning for Image Recognition" (2016), torchvision's `models/resnet.py` (the stride
//! is in the 3 x 3 convolution).

use std::sync::Arc;

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::convolution::{Layer, Pointwise, convolution, every, max_pool, mean_of_pixels, with_layers_of};
use super::dense_features::STEM_KERNEL;
use super::densenet::{RANDOMISED_SEED, head, linear_in_cells};
use super::intake::Intake;
use super::layers::{guide, pull_back};
use super::trunk::Pooled;
use super::weights;

/// Sizes of a ResNet of bottlenecks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResNetConfig {
    /// Channels after the first convolution.
    pub initial: usize,
    /// Blocks, inner channels and outer channels of each stage; every stage but the first halves the side.
    pub stages: Vec<StageConfig>,
    /// Outputs.
    pub labels: usize,
    /// How it takes a film.
    pub intake: Intake,
}

/// Sizes of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageConfig {
    /// Bottlenecks.
    pub blocks: usize,
    /// Channels of their 3 x 3 convolutions.
    pub inner: usize,
    /// Channels that they give.
    pub outer: usize,
}

impl ResNetConfig {
    /// torchvision's ResNet-50.
    #[must_use]
    pub fn resnet50(labels: usize, intake: Intake) -> Self {
        let stage = |(blocks, inner)| StageConfig { blocks, inner, outer: inner * 4 };
        let stages = [(3, 64), (4, 128), (6, 256), (3, 512)].map(stage).to_vec();
        Self { initial: 64, stages, labels, intake }
    }
}

/// Three convolutions around which the input runs.
#[derive(Module, Debug)]
struct Bottleneck {
    squeeze: Pointwise,
    middle: Conv2d,
    expand: Pointwise,
    shortcut: Option<Pointwise>,
    #[module(skip)]
    stride: usize,
}

impl Bottleneck {
    fn new(input: usize, stage: StageConfig, stride: usize, is_first: bool, device: &Device) -> Self {
        Self {
            squeeze: Pointwise::new([input, stage.inner], true, device),
            middle: convolution([stage.inner, stage.inner], 3, stride, device),
            expand: Pointwise::new([stage.inner, stage.outer], true, device),
            shortcut: is_first.then(|| Pointwise::new([input, stage.outer], true, device)),
            stride,
        }
    }

    fn around(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(every(x, self.stride)),
            None => x,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.squeeze.forward(x.clone()));
        let inner = relu(self.middle.forward(inner));
        relu(self.expand.forward(inner) + self.around(x))
    }

    fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let first = self.squeeze.forward(x.clone());
        let second = self.middle.forward(relu(first.clone()));
        let sum = self.expand.forward(relu(second.clone())) + self.around(x.clone());
        let gradient = guide(gradient, sum);
        let inner = guide(pull_back(|x| self.expand.forward(x), relu(second.clone()), gradient.clone()), second);
        let inner = guide(pull_back(|x| self.middle.forward(x), relu(first.clone()), inner), first);
        let around = pull_back(|x| self.around(x), x.clone(), gradient);
        around + pull_back(|x| self.squeeze.forward(x), x, inner)
    }
}

/// A ResNet classifier.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: Conv2d,
    stages: Vec<Vec<Bottleneck>>,
    head: Linear,
    #[module(skip)]
    config: ResNetConfig,
}

impl ResNet {
    /// An untrained classifier.
    pub fn new(config: &ResNetConfig, device: &Device) -> Self {
        let mut input = config.initial;
        let mut stages = Vec::new();
        for (index, &stage) in config.stages.iter().enumerate() {
            let block = |number| {
                let stride = if index > 0 && number == 0 { 2 } else { 1 };
                let from = if number == 0 { input } else { stage.outer };
                Bottleneck::new(from, stage, stride, number == 0, device)
            };
            stages.push((0..stage.blocks).map(block).collect());
            input = stage.outer;
        }
        Self {
            stem: convolution([config.intake.channels(), config.initial], STEM_KERNEL, 2, device),
            stages,
            head: head(input, config.labels, device),
            config: config.clone(),
        }
    }

    fn blocks(&self) -> impl DoubleEndedIterator<Item = &Bottleneck> {
        self.stages.iter().flatten()
    }

    /// Maps after the last ReLU.
    fn maps(&self, frame: Tensor<4>) -> Tensor<4> {
        let x = max_pool(relu(self.stem.forward(self.config.intake.apply(frame))));
        self.blocks().fold(x, |x, block| block.forward(x))
    }

    fn named_layers(&self) -> Vec<Layer> {
        let mut layers = vec![Layer::new("fc", "head.")];
        for (stage, blocks) in self.stages.iter().enumerate().rev() {
            let layer = |block| Layer::new(format!("layer{}.{block}", stage + 1), format!("stages.{stage}.{block}."));
            layers.extend((0..blocks.len()).rev().map(layer));
        }
        layers.push(Layer::new("conv1", "stem."));
        layers
    }
}

impl Pooled for ResNet {
    fn pooled(&self, frame: Tensor<4>) -> Tensor<2> {
        mean_of_pixels(self.maps(frame))
    }
}

impl Classifier for ResNet {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        self.head.forward(mean_of_pixels(self.maps(frame)))
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        Some(self.maps(frame))
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.head.forward(mean_of_pixels(maps)))
    }

    fn pooled_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        Some(mean_of_pixels(maps))
    }

    fn logits_of_pooled(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        Some(self.head.forward(pooled))
    }

    fn cell_logits(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        Some(linear_in_cells(&self.head, self.last_maps(frame)?))
    }

    fn guided_gradient(&self, frame: Tensor<4>, upstream: Tensor<2>) -> Option<Tensor<4>> {
        let taken = self.config.intake.apply(frame.clone());
        let first = self.stem.forward(taken.clone());
        let open = relu(first.clone());
        let mut maps = max_pool(open.clone());
        let mut inputs = Vec::new();
        for block in self.blocks() {
            let next = block.forward(maps.clone());
            inputs.push(maps);
            maps = next;
        }
        let last = pull_back(|maps| self.head.forward(mean_of_pixels(maps)), maps, upstream);
        let passed = self.blocks().rev().zip(inputs.into_iter().rev());
        let gradient = passed.fold(last, |gradient, (block, input)| block.guided(input, gradient));
        let gradient = guide(pull_back(max_pool, open, gradient), first);
        let gradient = pull_back(|x| self.stem.forward(x), taken, gradient);
        Some(pull_back(|frame| self.config.intake.apply(frame), frame, gradient))
    }

    fn layers(&self) -> Vec<String> {
        self.named_layers().into_iter().map(|layer| layer.name).collect()
    }

    fn randomised(&self, count: usize, device: &Device) -> Option<Arc<dyn Classifier>> {
        device.seed(RANDOMISED_SEED);
        let fresh = weights::collect(&Self::new(&self.config, device));
        let layers = self.named_layers();
        let mut tensors = with_layers_of(weights::collect(self), fresh, layers.iter().take(count));
        Some(Arc::new(weights::apply(Self::new(&self.config, device), &mut tensors, device).ok()?))
    }
}
