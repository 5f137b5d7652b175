//! DenseNet classifiers: torchxrayvision's, those of the CheXNet reproductions of Zech and of arnoweng.
//!
//! In: films `[b, 1, s, s]` in grey levels; out: logits, and what attribution methods ask for. The last ReLU, after the
//! last normalisation, is a function and not a module in all originals, so guided backpropagation treats it as an
//! ordinary one. arnoweng's network answers with the mean of the sigmoids of ten crops; its logit here is that mean's.

use std::sync::Arc;

use burn::module::{Initializer, Module};
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::{log_sigmoid, relu};
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::convolution::{Layer, mean_of_pixels, with_layers_of};
use super::dense_features::{DenseFeatures, DenseFeaturesConfig};
use super::intake::Intake;
use super::layers::pull_back;
use super::trunk::Pooled;
use super::weights;

/// Which parts of the plane are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Crops {
    /// All of it, once.
    #[default]
    One,
    /// Four corners and the centre, each 7/8 of the side (224 of 256), and their mirror images
    /// (`torchvision.transforms.TenCrop`).
    Ten,
}

/// Sizes of a DenseNet classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenseNetConfig {
    /// The convolutional part; its inputs are the intake's channels.
    pub features: DenseFeaturesConfig,
    /// Outputs.
    pub labels: usize,
    /// How it takes a film.
    pub intake: Intake,
    /// Which parts of it.
    #[serde(default)]
    pub crops: Crops,
}

/// A DenseNet classifier.
#[derive(Module, Debug)]
pub struct DenseNet {
    features: DenseFeatures,
    head: Linear,
    #[module(skip)]
    config: DenseNetConfig,
}

/// Seed of the weights that a randomised network gets.
pub(super) const RANDOMISED_SEED: u64 = 7;

/// A classifying layer with weights as PyTorch draws them before training.
pub(super) fn head(inputs: usize, labels: usize, device: &Device) -> Linear {
    let reach = 1.0 / (inputs.max(1) as f64).sqrt();
    LinearConfig::new(inputs, labels).with_initializer(Initializer::Uniform { min: -reach, max: reach }).init(device)
}

impl DenseNet {
    /// An untrained classifier.
    pub fn new(config: &DenseNetConfig, device: &Device) -> Self {
        Self {
            features: DenseFeatures::new(&config.features, device),
            head: head(config.features.outputs(), config.labels, device),
            config: config.clone(),
        }
    }

    /// What the network reads of each film, `[crops * b, channels, s, s]`: all first crops come first.
    fn views(&self, frame: Tensor<4>) -> Tensor<4> {
        let x = self.config.intake.apply(frame);
        match self.config.crops {
            Crops::One => x,
            Crops::Ten => ten_crops(x),
        }
    }

    /// Maps after the last ReLU.
    fn maps(&self, views: Tensor<4>) -> Tensor<4> {
        relu(self.features.forward(views))
    }

    fn logits_of_views(&self, maps: Tensor<4>) -> Tensor<2> {
        self.head.forward(mean_of_pixels(maps))
    }

    /// Logits of views to logits of films.
    fn combine(&self, logits: Tensor<2>) -> Tensor<2> {
        match self.config.crops {
            Crops::One => logits,
            Crops::Ten => logit_of_mean(logits),
        }
    }

    fn named_layers(&self) -> Vec<Layer> {
        let inner = self.features.layers().into_iter();
        let inner = inner.map(|layer| Layer { path: format!("features.{}", layer.path), ..layer });
        std::iter::once(Layer::new("classifier", "head.")).chain(inner).collect()
    }
}

impl Classifier for DenseNet {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        self.combine(self.logits_of_views(self.maps(self.views(frame))))
    }

    fn last_maps(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        // A cell of ten crops is no place of the film.
        (self.config.crops == Crops::One).then(|| self.maps(self.views(frame)))
    }

    fn logits_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        (self.config.crops == Crops::One).then(|| self.logits_of_views(maps))
    }

    fn pooled_of_maps(&self, maps: Tensor<4>) -> Option<Tensor<2>> {
        (self.config.crops == Crops::One).then(|| mean_of_pixels(maps))
    }

    fn logits_of_pooled(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        // Of ten crops the film's probability is the mean of ten, which their mean vector does not give.
        (self.config.crops == Crops::One).then(|| self.head.forward(pooled))
    }

    fn cell_logits(&self, frame: Tensor<4>) -> Option<Tensor<4>> {
        Some(linear_in_cells(&self.head, self.last_maps(frame)?))
    }

    fn guided_gradient(&self, frame: Tensor<4>, upstream: Tensor<2>) -> Option<Tensor<4>> {
        let views = self.views(frame.clone());
        let last = self.features.forward(views.clone());
        let rest = |last: Tensor<4>| self.combine(self.logits_of_views(relu(last)));
        let gradient = self.features.guided(views, pull_back(rest, last, upstream));
        Some(pull_back(|frame| self.views(frame), frame, gradient))
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

impl Pooled for DenseNet {
    /// Of ten crops their vectors' mean.
    fn pooled(&self, frame: Tensor<4>) -> Tensor<2> {
        let pooled = mean_of_pixels(self.maps(self.views(frame)));
        match self.config.crops {
            Crops::One => pooled,
            Crops::Ten => {
                let [views, width] = pooled.dims();
                pooled.reshape([TEN, views / TEN, width]).mean_dim(0).squeeze_dim(0)
            }
        }
    }
}

/// Logits `[b, labels, h, w]` of each cell of maps whose means a linear layer reads.
pub(super) fn linear_in_cells(head: &Linear, maps: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = maps.dims();
    let rows = maps.reshape([b, c, h * w]).swap_dims(1, 2).reshape([b * h * w, c]);
    let logits = head.forward(rows);
    let [_, labels] = logits.dims();
    logits.reshape([b, h * w, labels]).swap_dims(1, 2).reshape([b, labels, h, w])
}

/// `[b, c, s, s]` to `[10 b, c, s 7 / 8, s 7 / 8]`, in torchvision's order.
fn ten_crops(x: Tensor<4>) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let (rows, columns) = (h * 7 / 8, w * 7 / 8);
    let (low, right) = (h - rows, w - columns);
    let corners = [(0, 0), (0, right), (low, 0), (low, right), (low / 2, right / 2)];
    let crops = corners.map(|(y, x0)| x.clone().slice(s![.., .., y..y + rows, x0..x0 + columns]));
    let mirrored = crops.clone().map(|crop| crop.flip([3]));
    Tensor::cat(crops.into_iter().chain(mirrored).collect(), 0)
}

/// Logits `[10 b, labels]` of crops to the logit of the mean of their sigmoids, `[b, labels]`.
fn logit_of_mean(logits: Tensor<2>) -> Tensor<2> {
    let [views, labels] = logits.dims();
    let logits = logits.reshape([TEN, views / TEN, labels]);
    // ln(p / (1 - p)) from ln of both sums, each relative to its largest term: none of them can vanish.
    let log_of_sum = |terms: Tensor<3>| {
        let most = terms.clone().detach().max_dim(0);
        (terms - most.clone()).exp().sum_dim(0).log() + most
    };
    let odds = log_of_sum(log_sigmoid(logits.clone())) - log_of_sum(log_sigmoid(logits.neg()));
    odds.squeeze_dim(0)
}

/// Number of crops of [`Crops::Ten`].
const TEN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logit_of_a_mean_is_right_where_a_sigmoid_is_flat() {
        let device = Device::flex();
        let all = |value: f32| Tensor::<2>::full([TEN, 1], value, &device);
        let of = |logits| logit_of_mean(logits).into_scalar::<f32>();
        for value in [-80.0, -3.0, 0.0, 5.0, 80.0] {
            assert!((of(all(value)) - value).abs() < 1e-4 * value.abs().max(1.0), "{value}");
        }
        // One sure crop of ten: the mean is 0.1.
        let one = Tensor::cat(vec![all(-60.0).narrow(0, 0, TEN - 1), all(60.0).narrow(0, 0, 1)], 0);
        assert!((of(one) - (0.1_f32 / 0.9).ln()).abs() < 1e-5);
    }

    #[test]
    fn a_network_with_random_layers_keeps_those_below() {
        let device = Device::flex();
        let features = DenseFeaturesConfig { inputs: 1, initial: 4, growth: 2, bn_size: 2, blocks: vec![2, 1] };
        let config = DenseNetConfig { features, labels: 3, intake: Intake::grey(), crops: Crops::One };
        device.seed(1);
        let network = DenseNet::new(&config, &device);
        let names = network.layers();
        let expected = [
            "classifier",
            "norm5",
            "denseblock2.denselayer1",
            "transition1",
            "denseblock1.denselayer2",
            "denseblock1.denselayer1",
            "conv0",
        ];
        assert_eq!(names, expected);
        let film = Tensor::<4>::random([1, 1, 64, 64], burn::tensor::Distribution::Normal(0.0, 500.0), &device);
        let logits =
            |network: &dyn Classifier| network.logits(film.clone()).into_data().try_into_vec::<f32>().expect("floats");
        let own = logits(&network);
        let untouched = network.randomised(0, &device).expect("it can be randomised");
        assert_eq!(logits(&*untouched), own);
        let mut seen = vec![own];
        for count in [1, 3, 4, 5, 6, 7] {
            let random = logits(&*network.randomised(count, &device).expect("it can be randomised"));
            assert!(!seen.contains(&random), "{count} layers change nothing more");
            seen.push(random);
        }
    }
}
