//! A classifier without its last layer as an encoder: one token, the vector that the last layer reads.
//!
//! In: films in grey levels `[b, 1, s, s]`; out: `[b, 1, d]`. torchxrayvision calls it `features`, timm the pooled output;
//! an SAE on it finds what the classifier tells apart. It has no place in the film.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::Encoder;

/// A classifier that makes one vector of a film before its last layer.
pub trait Pooled: Send + Sync {
    /// That vector, `[b, d]`, of films `[b, 1, s, s]`.
    fn pooled(&self, frame: Tensor<4>) -> Tensor<2>;
}

/// Which classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkConfig<C> {
    /// Its architecture.
    pub classifier: C,
    /// Side of the film that it reads, in pixels.
    pub side: usize,
}

/// The encoder of a classifier.
pub struct Trunk<C>(pub C);

impl<C: Pooled> Encoder for Trunk<C> {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        self.0.pooled(film).unsqueeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::models::Classifier;
    use crate::models::classifier::{ClassifierConfig, ConvClassifier, Pooling};
    use crate::models::dense_features::DenseFeaturesConfig;
    use crate::models::densenet::{Crops, DenseNet, DenseNetConfig};
    use crate::models::intake::Intake;
    use crate::models::resnet::{ResNet, ResNetConfig, StageConfig};

    fn check(network: &(impl Pooled + Classifier), side: usize) {
        let device = Device::flex();
        let film = Tensor::<4>::random([3, 1, side, side], Distribution::Normal(0.0, 500.0), &device);
        let floats = |logits: Tensor<2>| logits.into_data().try_into_vec::<f32>().expect("floats");
        let whole = floats(network.logits(film.clone()));
        let head = floats(network.logits_of_pooled(network.pooled(film.clone())).expect("a head"));
        let maps = network.last_maps(film).expect("maps");
        let of_maps = network.pooled_of_maps(maps).expect("a vector");
        let again = floats(network.logits_of_pooled(of_maps).expect("a head"));
        assert!(whole.iter().any(|v| v.abs() > 1e-4), "{whole:?}");
        for (logit, parts) in whole.iter().zip(head.iter().zip(&again)) {
            assert!((logit - parts.0).abs() < 1e-5 && (logit - parts.1).abs() < 1e-5, "{logit} {parts:?}");
        }
    }

    #[test]
    fn the_head_of_the_pooled_vector_is_the_whole_network() {
        let device = Device::flex();
        device.seed(4);
        for (pooling, sharp, members) in [(Pooling::MeanAndMax, true, 1), (Pooling::Mean, false, 3)] {
            let config =
                ClassifierConfig { channels: [4, 6, 8, 10], members, pooling, sharp, ..ClassifierConfig::new(3) };
            check(&ConvClassifier::new(&config, &device), 64);
        }
        let features = DenseFeaturesConfig { inputs: 1, initial: 4, growth: 2, bn_size: 2, blocks: vec![2, 1] };
        let one = DenseNetConfig { features, labels: 3, intake: Intake::grey(), crops: Crops::One };
        check(&DenseNet::new(&one, &device), 64);
        let stages = [1, 1].map(|blocks| StageConfig { blocks, inner: 3, outer: 6 }).to_vec();
        check(&ResNet::new(&ResNetConfig { initial: 4, stages, labels: 2, intake: Intake::grey() }, &device), 64);

        let ten = DenseNet::new(&DenseNetConfig { crops: Crops::Ten, ..one }, &device);
        let pooled = ten.pooled(Tensor::zeros([1, 1, 64, 64], &device));
        assert!(ten.logits_of_pooled(pooled).is_none(), "ten crops have no single head");
    }
}
