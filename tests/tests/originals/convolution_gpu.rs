//! Published convolutional networks on wgpu against the CPU, whose values `convolution.rs` holds against the authors'
//! classes. Every layer that they are made of, once, in a network as small as its kind allows: Mesa's software GPU
//! compiles a program for each shape.

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::models::dense_features::DenseFeaturesConfig;
use fluoro_core::models::densenet::{Crops, DenseNet, DenseNetConfig};
use fluoro_core::models::intake::Intake;
use fluoro_core::models::resnet_autoencoder::{AutoencoderStage, ResNetAutoencoderConfig, ResNetDecoder};
use fluoro_core::models::{Classifier, Decoder, weights};

/// Largest difference allowed, relative to the largest value on the CPU.
const TOLERANCE: f32 = 1e-3;

/// The same network on another device.
fn moved<M: Module + Clone>(network: &M, device: &Device) -> M {
    weights::copied_to(network, device).expect("it can be copied")
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_data().expect("the device computes").try_into_vec::<f32>().expect("floats")
}

fn compare(name: &str, expected: &[f32], found: &[f32]) {
    assert_eq!(expected.len(), found.len(), "{name}");
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let worst = expected.iter().zip(found).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    println!("{name}: relative difference {:.1e}", worst / scale);
    assert!(scale > 0.0 && worst <= TOLERANCE * scale, "{name}: differs by {worst}, the largest value is {scale}");
}

/// Numbers without a pattern, -1 to 1.
fn numbers(shape: &[usize], seed: usize) -> TensorData {
    let count: usize = shape.iter().product();
    let value = |index: usize| ((index * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0;
    TensorData::new((0..count).map(value).collect::<Vec<f32>>(), shape.to_vec())
}

/// Logits and the gradient of the first at the film.
fn densenet(network: &DenseNet, device: &Device) -> [Vec<f32>; 2] {
    let film = Tensor::<4>::from_data(numbers(&[1, 1, 32, 32], 1), device).mul_scalar(1024.0);
    let tracked = film.autodiff().require_grad();
    let logits = network.logits(tracked.clone());
    let gradients = logits.clone().narrow(1, 0, 1).sum().backward();
    [floats(logits.inner()), floats(tracked.grad(&gradients).expect("the film has a gradient"))]
}

#[test]
fn a_densenet_on_wgpu_agrees_with_the_cpu() {
    let features = DenseFeaturesConfig { inputs: 1, initial: 8, growth: 4, bn_size: 2, blocks: vec![1, 1] };
    let config = DenseNetConfig { features, labels: 3, intake: Intake::grey(), crops: Crops::One };
    let (cpu, gpu) = (Device::flex(), fluoro_tests::wgpu());
    cpu.seed(3);
    let network = DenseNet::new(&config, &cpu);
    let [logits, gradient] = densenet(&network, &cpu);
    let [found_logits, found_gradient] = densenet(&moved(&network, &gpu), &gpu);
    compare("densenet logits", &logits, &found_logits);
    compare("densenet gradient", &gradient, &found_gradient);
}

#[test]
fn a_resnet_decoder_on_wgpu_agrees_with_the_cpu() {
    let stage = AutoencoderStage { blocks: 1, inner: 4, outer: 8 };
    let config = ResNetAutoencoderConfig { initial: 4, down: [stage; 4], up: [stage; 4], last: 4 };
    let (cpu, gpu) = (Device::flex(), fluoro_tests::wgpu());
    cpu.seed(4);
    let network = ResNetDecoder::new(&config, &cpu);
    let decode = |network: &ResNetDecoder, device: &Device| {
        floats(network.decode(Tensor::from_data(numbers(&[1, 1, 8], 2), device)))
    };
    compare("decoder frame", &decode(&network, &cpu), &decode(&moved(&network, &gpu), &gpu));
}
