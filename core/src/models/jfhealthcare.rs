//! jfhealthcare's CheXpert classifier: a DenseNet whose last maps pass through one feature pyramid attention again and
//! again, and a small head for each label.
//!
//! In: films `[b, 1, s, s]` in grey levels; out: logits, and what attribution methods ask for. In the original's loop over
//! the labels the attention overwrites the maps that it reads, so label `i` sees it applied `i + 1` times; the weights
//! were trained with that. The heads pool means and maxima, so no cell has a logit of its own.
//!
//! Source: github.com/jfhealthcare/Chexpert (`model/classifier.py`, `model/attention_map.py`), as torchxrayvision's
//! `baseline_models/jfhealthcare` carries it; the attention is that of Li et al., "Pyramid Attention Network" (2018).

use std::sync::Arc;

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::convolution::{Layer, Pointwise, convolution, enlarge, mean_of_pixels, with_layers_of};
use super::dense_features::{DenseFeatures, DenseFeaturesConfig};
use super::densenet::{RANDOMISED_SEED, head};
use super::intake::Intake;
use super::layers::{guide, pull_back};
use super::weights;

/// Sizes of the classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JfhealthcareConfig {
    /// The convolutional part; its inputs are the intake's channels.
    pub features: DenseFeaturesConfig,
    /// Outputs.
    pub labels: usize,
    /// How it takes a film.
    pub intake: Intake,
}

/// Sides of the pyramid's kernels, from the finest level.
pub(crate) const KERNELS: [usize; 3] = [7, 5, 3];

/// Feature pyramid attention: one map of weights from three scales multiplies the maps, a global mean is added.
#[derive(Module, Debug)]
struct PyramidAttention {
    global: Pointwise,
    middle: Pointwise,
    /// Each halves the side; the first makes one map of all.
    down: Vec<Conv2d>,
    /// One map to one map at each scale.
    scale: Vec<Conv2d>,
}

/// What an attention's ReLUs and its product read, kept for guided backpropagation.
struct Pass {
    /// Before the ReLU of the global branch, `[b, c, 1, 1]`.
    global: Tensor<4>,
    /// Before the ReLU of the middle branch, `[b, c, h, w]`.
    middle: Tensor<4>,
    /// Before the ReLU of each way down.
    down: Vec<Tensor<4>>,
    /// Before the ReLU of each scale.
    scale: Vec<Tensor<4>>,
    /// The map of weights, `[b, 1, h, w]`.
    weights: Tensor<4>,
}

fn mean_map(x: Tensor<4>) -> Tensor<4> {
    x.mean_dims(&[2, 3])
}

fn enlarged_to(x: Tensor<4>, side: [usize; 2]) -> Tensor<4> {
    enlarge(x, side[0], side[1])
}

impl PyramidAttention {
    fn new(channels: usize, device: &Device) -> Self {
        let down = |(level, kernel)| convolution([if level == 0 { channels } else { 1 }, 1], kernel, 2, device);
        Self {
            global: Pointwise::new([channels, channels], true, device),
            middle: Pointwise::new([channels, channels], true, device),
            down: KERNELS.into_iter().enumerate().map(down).collect(),
            scale: KERNELS.into_iter().map(|kernel| convolution([1, 1], kernel, 1, device)).collect(),
        }
    }

    /// Sides to which a level's map is enlarged, from the finest level.
    fn sides(x: &Tensor<4>) -> [[usize; 2]; 3] {
        let [_, _, h, w] = x.dims();
        [0, 1, 2].map(|level| [h >> level, w >> level])
    }

    fn pass(&self, x: Tensor<4>) -> Pass {
        let mut down: Vec<Tensor<4>> = Vec::new();
        for layer in &self.down {
            let input = down.last().map_or_else(|| x.clone(), |above| relu(above.clone()));
            down.push(layer.forward(input));
        }
        let scale: Vec<Tensor<4>> =
            self.scale.iter().zip(&down).map(|(layer, level)| layer.forward(relu(level.clone()))).collect();
        // The coarsest level has nothing below it; every other adds what comes from below, enlarged to its own side.
        let levels = Self::sides(&x).into_iter().zip(&scale).rev();
        let weights = levels.fold(None, |below: Option<Tensor<4>>, (side, map)| {
            let own = relu(map.clone());
            Some(enlarged_to(below.map_or_else(|| own.clone(), |below| own.clone() + below), side))
        });
        let [b, _, h, w] = x.dims();
        let weights = weights.unwrap_or_else(|| Tensor::zeros([b, 1, h, w], &x.device()));
        Pass { global: self.global.forward(mean_map(x.clone())), middle: self.middle.forward(x), down, scale, weights }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pass = self.pass(x);
        relu(pass.middle) * pass.weights + relu(pass.global)
    }

    fn guided(&self, x: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        let pass = self.pass(x.clone());
        let global = guide(gradient.clone().sum_dims(&[2, 3]), pass.global);
        let middle = guide(gradient.clone() * pass.weights, pass.middle.clone());
        let mut sum = pull_back(|x| self.global.forward(mean_map(x)), x.clone(), global)
            + pull_back(|x| self.middle.forward(x), x.clone(), middle);

        let sides = Self::sides(&x);
        let mut through = (gradient * relu(pass.middle)).sum_dim(1);
        let mut at_levels = Vec::new();
        for ((layer, side), (level, map)) in self.scale.iter().zip(sides).zip(pass.down.iter().zip(&pass.scale)) {
            // An enlargement is linear: where it is taken does not matter.
            through = pull_back(|x| enlarged_to(x, side), map.clone(), through);
            at_levels.push(pull_back(|x| layer.forward(x), relu(level.clone()), guide(through.clone(), map.clone())));
        }
        let mut below: Option<Tensor<4>> = None;
        for (index, layer) in self.down.iter().enumerate().rev() {
            let own = at_levels[index].clone();
            let gradient = guide(below.map_or(own.clone(), |below| own + below), pass.down[index].clone());
            let input = if index == 0 { x.clone() } else { relu(pass.down[index - 1].clone()) };
            below = Some(pull_back(|x| layer.forward(x), input, gradient));
        }
        if let Some(first) = below {
            sum = sum + first;
        }
        sum
    }
}

/// jfhealthcare's classifier.
#[derive(Module, Debug)]
pub struct Jfhealthcare {
    features: DenseFeatures,
    attention: PyramidAttention,
    /// One output each.
    heads: Vec<Linear>,
    #[module(skip)]
    config: JfhealthcareConfig,
}

/// Means and maxima over all pixels, `[b, c, h, w]` to `[b, 2 c]`.
fn pooled(x: Tensor<4>) -> Tensor<2> {
    let [b, c, h, w] = x.dims();
    let most = x.clone().reshape([b, c, h * w]).max_dim(2).squeeze_dim::<2>(2);
    Tensor::cat(vec![mean_of_pixels(x), most], 1)
}

impl Jfhealthcare {
    /// An untrained classifier.
    pub fn new(config: &JfhealthcareConfig, device: &Device) -> Self {
        let channels = config.features.outputs();
        Self {
            features: DenseFeatures::new(&config.features, device),
            attention: PyramidAttention::new(channels, device),
            heads: (0..config.labels).map(|_| head(channels * 2, 1, device)).collect(),
            config: config.clone(),
        }
    }

    fn heads_of(&self, maps: Tensor<4>) -> Tensor<2> {
        let mut maps = maps;
        let mut logits = Vec::new();
        for head in &self.heads {
            maps = self.attention.forward(maps);
            logits.push(head.forward(pooled(maps.clone())));
        }
        Tensor::cat(logits, 1)
    }

    fn named_layers(&self) -> Vec<Layer> {
        let inner = self.features.layers().into_iter();
        let inner = inner.map(|layer| Layer { path: format!("features.{}", layer.path), ..layer });
        [Layer::new("fc", "heads."), Layer::new("attention_map", "attention.")].into_iter().chain(inner).collect()
    }
}

impl Classifier for Jfhealthcare {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        self.heads_of(relu(self.features.forward(self.config.intake.apply(frame))))
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        Some(relu(self.features.forward(self.config.intake.apply(frame))))
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        Some(self.heads_of(maps))
    }

    fn guided_gradient(&self, frame: Tensor<4>, upstream: Tensor<2>) -> Option<Tensor<4>> {
        let taken = self.config.intake.apply(frame.clone());
        let last = self.features.forward(taken.clone());
        let mut maps = vec![relu(last.clone())];
        for _ in &self.heads {
            let next = self.attention.forward(maps[maps.len() - 1].clone());
            maps.push(next);
        }
        let mut gradient = maps[0].zeros_like();
        for (index, head) in self.heads.iter().enumerate().rev() {
            let own = upstream.clone().narrow(1, index, 1);
            gradient = gradient + pull_back(|maps| head.forward(pooled(maps)), maps[index + 1].clone(), own);
            gradient = self.attention.guided(maps[index].clone(), gradient);
        }
        let gradient = self.features.guided(taken, pull_back(relu, last, gradient));
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
