//! Fluoro's networks against PyTorch, on both of burn's backends: the same small weights, the same input, every output.
//!
//! The reference is `parity/models_reference.safetensors`, made by the script beside it. wgpu runs on whatever adapter
//! there is, a software one in CI; its absence is a failure, not a skip.

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::bundle::load::weights_from_bytes;
use fluoro_core::device::ComputeDevice;
use fluoro_core::models::autoencoder::{AutoencoderConfig, ConvDecoder, ConvEncoder};
use fluoro_core::models::classifier::{ClassifierConfig, ConvClassifier, Pooling};
use fluoro_core::models::sae::{GatedSae, GatedSaeConfig};
use fluoro_core::models::weights::{self, Weights};
use fluoro_core::models::{Classifier, Decoder, Encoder, SparseAutoencoder};

/// Largest difference allowed, relative to the largest magnitude of the reference.
const TOLERANCE: f32 = 1e-3;

struct Reference {
    weights: Weights,
    device: Device,
}

impl Reference {
    fn open(device: &Device) -> Self {
        let bytes = include_bytes!("../parity/models_reference.safetensors");
        let weights = weights_from_bytes(bytes).expect("the reference file is readable");
        Self { weights, device: device.clone() }
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.data(name), &self.device)
    }

    fn data(&self, name: &str) -> TensorData {
        self.weights[&format!("check.{name}")].clone()
    }

    fn fill<M: burn::module::Module>(&self, part: &str, module: M) -> M {
        let dotted = format!("{part}.");
        let mut own: Weights = self
            .weights
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(&dotted)?.to_owned(), data.clone())))
            .collect();
        let module = weights::apply(module, &mut own, &self.device).expect("names and shapes fit");
        assert!(own.is_empty(), "unused: {:?}", own.keys());
        module
    }
}

fn assert_close<const D: usize>(what: &str, found: Tensor<D>, expected: &TensorData) {
    let found = found.try_into_data().expect("the device computes").try_into_vec::<f32>().expect("floats");
    let expected = expected.as_slice::<f32>().expect("floats");
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst <= TOLERANCE * scale, "{what}: differs by {worst}, the largest value is {scale}");
    println!("{what}: relative difference {:.1e}", worst / scale);
}

fn compare_with_pytorch(device: &Device) {
    let reference = Reference::open(device);
    let config = AutoencoderConfig { size: 64, channels: [4, 6, 8, 8], halvings: 3, latent: 5, shortcut: false };
    let encoder = reference.fill("encoder", ConvEncoder::new(&config, device));
    let decoder = reference.fill("decoder", ConvDecoder::new(&config, device));
    let config = ClassifierConfig {
        channels: [3, 4, 5, 6],
        labels: 3,
        dropout: 0.5,
        members: 2,
        pooling: Pooling::Mean,
        sharp: false,
    };
    let classifier = reference.fill("classifier", ConvClassifier::new(&config, device));
    let usual = config;
    let wide = ClassifierConfig { pooling: Pooling::MeanAndMax, ..usual.clone() };
    let wide = reference.fill("wide.classifier", ConvClassifier::new(&wide, device));
    let sharp = ClassifierConfig { pooling: Pooling::MeanAndMax, sharp: true, ..usual };
    let sharp = reference.fill("sharp.classifier", ConvClassifier::new(&sharp, device));
    let config = AutoencoderConfig { size: 64, channels: [4, 6, 8, 8], halvings: 2, latent: 5, shortcut: false };
    let shallow_encoder = reference.fill("shallow.encoder", ConvEncoder::new(&config, device));
    let shallow_decoder = reference.fill("shallow.decoder", ConvDecoder::new(&config, device));
    let config = AutoencoderConfig { shortcut: true, ..config };
    let linear_encoder = reference.fill("linear.encoder", ConvEncoder::new(&config, device));
    let linear_decoder = reference.fill("linear.decoder", ConvDecoder::new(&config, device));
    let config = GatedSaeConfig { input: 5, features: 12 };
    let sae = reference.fill("sae", GatedSae::new(&config, Tensor::zeros([5], device), device));

    let latent = encoder.encode(reference.tensor("film"));
    assert_close("latent", latent, &reference.data("latent"));
    let frame = decoder.decode(reference.tensor("latent"));
    assert_close("frame", frame.clone(), &reference.data("frame"));
    assert_close("logits", classifier.logits(frame), &reference.data("logits"));

    let z = reference.tensor::<3>("latent").autodiff().require_grad();
    let scores = burn::tensor::activation::sigmoid(classifier.logits(decoder.decode(z.clone())));
    let gradients = scores.narrow(1, 1, 1).sum().backward();
    let gradient = z.grad(&gradients).expect("the latent has a gradient");
    assert_close("gradient", gradient, &reference.data("gradient"));

    assert_close("shallow_latent", shallow_encoder.encode(reference.tensor("film")), &reference.data("shallow_latent"));
    let z = reference.tensor::<3>("shallow_latent").autodiff().require_grad();
    let frame = shallow_decoder.decode(z.clone());
    assert_close("shallow_frame", frame.clone().inner(), &reference.data("shallow_frame"));
    let logits = wide.logits(frame);
    assert_close("wide_logits", logits.clone().inner(), &reference.data("wide_logits"));
    let gradients = burn::tensor::activation::sigmoid(logits).narrow(1, 2, 1).sum().backward();
    let gradient = z.grad(&gradients).expect("the latent has a gradient");
    assert_close("wide_gradient", gradient, &reference.data("wide_gradient"));

    assert_close("linear_latent", linear_encoder.encode(reference.tensor("film")), &reference.data("linear_latent"));
    let z = reference.tensor::<3>("linear_latent").autodiff().require_grad();
    let frame = linear_decoder.decode(z.clone());
    assert_close("linear_frame", frame.clone().inner(), &reference.data("linear_frame"));
    let logits = sharp.logits(frame.div_scalar(16.0));
    assert_close("sharp_logits", logits.clone().inner(), &reference.data("sharp_logits"));
    let gradients = burn::tensor::activation::sigmoid(logits).narrow(1, 0, 1).sum().backward();
    let gradient = z.grad(&gradients).expect("the latent has a gradient");
    assert_close("sharp_gradient", gradient, &reference.data("sharp_gradient"));

    let tokens = reference.tensor::<3>("latent").reshape([8, 5]);
    let features = sae.activations(tokens.clone());
    assert_close("features", features.clone(), &reference.data("features"));
    assert_close("restored", sae.reconstruct(features, &tokens), &reference.data("restored"));
}

#[test]
fn flex_agrees_with_pytorch() {
    compare_with_pytorch(ComputeDevice::cpu().tensor_device());
}

#[test]
fn wgpu_agrees_with_pytorch() {
    let device = ComputeDevice::any_wgpu().expect("a Vulkan adapter, hardware or software, is there for tests");
    println!("wgpu on {}", device.name());
    compare_with_pytorch(device.tensor_device());
}
