//! Published convolutional networks against their own Python classes: small random weights in the authors' containers,
//! through our reader and importers, and every output, on the CPU; [`super::convolution_gpu`] compares the other device with it.
//!
//! The reference is `parity/conv_reference`, made by the script beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::bundle::manifest::ClassifierKind;
use fluoro_core::import::chexnet::{chexnet, is_chexnet};
use fluoro_core::import::classifier::ImportedClassifier;
use fluoro_core::import::jfhealthcare::{is_jfhealthcare, jfhealthcare};
use fluoro_core::import::labels::{JFHEALTHCARE_LABELS, NIH_LABELS, XRV_LABELS, XRV_MODELS, XrvModel};
use fluoro_core::import::xrv;
use fluoro_core::models::convolution::{enlarge, halve};
use fluoro_core::models::densenet::{Crops, DenseNet};
use fluoro_core::models::jfhealthcare::Jfhealthcare;
use fluoro_core::models::resnet::ResNet;
use fluoro_core::models::resnet_autoencoder::{ResNetDecoder, ResNetEncoder};
use fluoro_core::models::weights::{self, Weights};
use fluoro_core::models::{Classifier, Decoder, Encoder};
use fluoro_core::torch::{TorchFile, named_tensors};

/// Largest difference allowed, relative to the largest magnitude of the reference.
const TOLERANCE: f32 = 1e-4;

/// The label whose gradient the reference has.
const LABEL: usize = 10;

const DENSENET: &[u8] = include_bytes!("../../parity/conv_reference/pc-densenet121-small.pt");
const RESNET: &[u8] = include_bytes!("../../parity/conv_reference/pc-nih-rsna-siim-vin-resnet50-small.pt");
const AUTOENCODER: &[u8] = include_bytes!("../../parity/conv_reference/resnet_autoencoder.pt");
const JFHEALTHCARE: &[u8] = include_bytes!("../../parity/conv_reference/jfhealthcare.pth");
const ZECH: &[u8] = include_bytes!("../../parity/conv_reference/zech.pth.tar");
const ZECH_OLD: &[u8] = include_bytes!("../../parity/conv_reference/zech_old.pth.tar");
const ARNOWENG: &[u8] = include_bytes!("../../parity/conv_reference/arnoweng.pth.tar");

/// Tensors of a PyTorch file by the authors' names.
fn source(bytes: &[u8]) -> Weights {
    let file = TorchFile::read(bytes).expect("the file is readable");
    let tensors = named_tensors(&file.root).expect("the file has names");
    let data = |tensor| TensorData::new(file.to_f32(tensor).expect("the file has the elements"), tensor.shape.clone());
    tensors.iter().map(|(name, tensor)| (name.clone(), data(tensor))).collect()
}

/// The network of an architecture with its tensors.
fn opened(architecture: &ClassifierKind, tensors: &mut Weights, device: &Device) -> Arc<dyn Classifier> {
    fn filled<M: burn::module::Module>(module: M, tensors: &mut Weights, device: &Device) -> M {
        weights::apply(module, tensors, device).expect("names and shapes fit")
    }
    match architecture {
        ClassifierKind::DenseNet(config) => Arc::new(filled(DenseNet::new(config, device), tensors, device)),
        ClassifierKind::ResNet(config) => Arc::new(filled(ResNet::new(config, device), tensors, device)),
        ClassifierKind::Jfhealthcare(config) => Arc::new(filled(Jfhealthcare::new(config, device), tensors, device)),
        other => panic!("not a published classifier: {other:?}"),
    }
}

/// The reference's outputs by name.
fn outputs() -> Weights {
    let bytes = include_bytes!("../../parity/conv_reference/outputs.safetensors");
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a header");
    let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).expect("a length"));
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).expect("a header");
    let numbers = |value: &serde_json::Value| -> Vec<usize> {
        value.as_array().expect("numbers").iter().map(|n| n.as_u64().expect("a number") as usize).collect()
    };
    let tensor = |entry: &serde_json::Value| {
        let range = numbers(&entry["data_offsets"]);
        let values = data[range[0]..range[1]].as_chunks().0.iter().map(|&four| f32::from_le_bytes(four));
        TensorData::new(values.collect::<Vec<f32>>(), numbers(&entry["shape"]))
    };
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    tensors.map(|(name, entry)| (name.clone(), tensor(entry))).collect()
}

struct Reference {
    outputs: Weights,
    device: Device,
}

impl Reference {
    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.outputs[name].clone(), &self.device)
    }

    /// The script's films of whole grey levels.
    fn films(&self, side: usize, count: usize) -> Tensor<4> {
        let value = |index: usize| {
            let (n, y, x) = (index / (side * side), index / side % side, index % side);
            ((x * x * (3 + n) + y * y * 5 + x * y * 7 + n * 411) % 2049) as f32 - 1024.0
        };
        let values: Vec<f32> = (0..count * side * side).map(value).collect();
        Tensor::from_data(TensorData::new(values, [count, 1, side, side]), &self.device)
    }

    fn open(&self, imported: &ImportedClassifier) -> Arc<dyn Classifier> {
        let mut tensors = imported.weights.clone();
        let network = opened(&imported.architecture, &mut tensors, &self.device);
        assert!(tensors.is_empty(), "unused: {:?}", tensors.keys());
        assert!(!network.layers().is_empty());
        network
    }

    fn close<const D: usize>(&self, name: &str, found: Tensor<D>) {
        let expected = &self.outputs[name];
        assert_eq!(found.dims().as_slice(), expected.shape().as_slice(), "{name}");
        let found = floats(found);
        let expected = expected.as_slice::<f32>().expect("floats");
        let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let worst = found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        println!("{name}: relative difference {:.1e}", worst / scale);
        assert!(worst <= TOLERANCE * scale, "{name}: differs by {worst}, the largest value is {scale}");
    }

    /// Logits, and the gradient of one of them, plain and guided.
    fn check(&self, name: &str, network: &dyn Classifier, side: usize, label: usize) {
        let films = self.films(side, 2);
        self.close(&format!("{name}.logits"), network.logits(films.clone()));
        let film = films.narrow(0, 0, 1);
        let logits = network.logits(film.clone());
        let [_, labels] = logits.dims();
        if let Some(maps) = network.last_maps(film.clone()) {
            let again = network.logits_of_maps(maps).expect("maps have logits");
            for (a, b) in floats(again).into_iter().zip(floats(logits)) {
                assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{name}: {a} of maps, {b} of the film");
            }
        }
        let tracked = film.clone().autodiff().require_grad();
        let gradients = network.logits(tracked.clone()).narrow(1, label, 1).sum().backward();
        self.close(&format!("{name}.gradient"), tracked.grad(&gradients).expect("the film has a gradient"));
        let upstream = (0..labels).map(|index| f32::from(u8::from(index == label))).collect::<Vec<f32>>();
        let upstream = Tensor::from_data(TensorData::new(upstream, [1, labels]), &self.device);
        let guided = network.guided_gradient(film, upstream).expect("it can be guided");
        self.close(&format!("{name}.guided"), guided);
    }

    /// Cells against the reference, and their mean against the logits.
    fn check_cells(&self, name: &str, network: &dyn Classifier, side: usize) {
        let films = self.films(side, 2);
        let cells = network.cell_logits(films.clone()).expect("it has cells");
        self.close(&format!("{name}.cells"), cells.clone());
        let [b, labels, _, _] = cells.dims();
        self.close(&format!("{name}.logits"), cells.mean_dims(&[2, 3]).reshape([b, labels]));
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_data().expect("the device computes").try_into_vec::<f32>().expect("floats")
}

/// What torchxrayvision makes of a logit and an operating point (`op_norm`).
fn score(logit: f32, point: f32) -> f32 {
    let p = 1.0 / (1.0 + (-logit).exp());
    if p < point { p / (2.0 * point) } else { 1.0 - (1.0 - p) / (2.0 * (1.0 - point)) }
}

fn xrv_densenet(reference: &Reference) {
    let tensors = source(DENSENET);
    assert!(xrv::is_xrv_densenet(&tensors) && !is_chexnet(&tensors) && !xrv::is_xrv_resnet(&tensors));
    let whole = xrv::densenet(tensors.clone(), "model.pt").expect("a DenseNet");
    assert_eq!(whole.labels.iter().map(|label| &*label.name).collect::<Vec<_>>(), XRV_LABELS);
    assert!(whole.labels.iter().all(|label| label.operating_point.is_none()));
    let network = reference.open(&whole);
    reference.check("densenet", &*network, 96, LABEL);
    reference.check_cells("densenet", &*network, 96);

    // By the file's name: only what PadChest has, scored by its points.
    let trained = xrv::densenet(tensors, "pc-densenet121-small.pt").expect("a DenseNet");
    let known = XrvModel::by_name("densenet121-res224-pc").expect("a known model").trained();
    assert_eq!(trained.labels, known.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>());
    let logits = floats(reference.open(&trained).logits(reference.films(96, 2)));
    let scores = reference.outputs["densenet.scores"].as_slice::<f32>().expect("floats");
    for (row, logits) in logits.chunks(known.len()).enumerate() {
        for (&logit, (index, label)) in logits.iter().zip(&known) {
            let found = score(logit, label.operating_point.expect("a point"));
            let expected = scores[row * XRV_LABELS.len() + index];
            assert!((found - expected).abs() < TOLERANCE, "{}: {found}, not {expected}", label.name);
        }
    }
}

fn xrv_resnet(reference: &Reference) {
    let tensors = source(RESNET);
    assert!(xrv::is_xrv_resnet(&tensors) && !xrv::is_xrv_autoencoder(&tensors));
    let network = reference.open(&xrv::resnet(tensors.clone(), "resnet.pt").expect("a ResNet"));
    reference.check("resnet", &*network, 96, LABEL);
    reference.check_cells("resnet", &*network, 96);
    let known = xrv::resnet(tensors, "pc-nih-rsna-siim-vin-resnet50-small.pt").expect("a ResNet");
    assert_eq!(known.labels.len(), 16);
    assert!(known.notes.iter().any(|note| note.contains("sigmoid of a probability")), "{:?}", known.notes);
}

fn autoencoder(device: &Device) -> (ResNetEncoder, ResNetDecoder) {
    let mut imported = xrv::autoencoder(source(AUTOENCODER)).expect("an autoencoder");
    let encoder = ResNetEncoder::new(&imported.config, device);
    let encoder = weights::apply(encoder, &mut imported.encoder, device).expect("names and shapes fit");
    let decoder = ResNetDecoder::new(&imported.config, device);
    let decoder = weights::apply(decoder, &mut imported.decoder, device).expect("names and shapes fit");
    assert!(imported.encoder.is_empty() && imported.decoder.is_empty());
    (encoder, decoder)
}

fn xrv_autoencoder(reference: &Reference) {
    let tensors = source(AUTOENCODER);
    assert!(xrv::is_xrv_autoencoder(&tensors) && !xrv::is_xrv_resnet(&tensors));
    let (encoder, decoder) = autoencoder(&reference.device);
    let latent = encoder.encode(reference.films(128, 2));
    reference.close("autoencoder.latent", latent.clone());
    reference.close("autoencoder.frame", decoder.decode(latent).narrow(0, 0, 1));

    let classifier = reference.open(&xrv::densenet(source(DENSENET), "").expect("a DenseNet"));
    let latent = reference.tensor::<3>("autoencoder.shift_latent").autodiff().require_grad();
    let logit = classifier.logits(decoder.decode(latent.clone())).narrow(1, LABEL, 1);
    reference.close("autoencoder.shift_logit", logit.clone().inner().reshape([1]));
    let gradient = latent.grad(&logit.sum().backward()).expect("the latent has a gradient");
    reference.close("autoencoder.shift_gradient", gradient);
}

fn jfhealthcares(reference: &Reference) {
    let tensors = source(JFHEALTHCARE);
    assert!(is_jfhealthcare(&tensors) && !xrv::is_xrv_densenet(&tensors) && !is_chexnet(&tensors));
    let imported = jfhealthcare(tensors).expect("jfhealthcare's classifier");
    assert_eq!(imported.labels.iter().map(|label| &*label.name).collect::<Vec<_>>(), JFHEALTHCARE_LABELS);
    let network = reference.open(&imported);
    reference.check("jfhealthcare", &*network, 128, 3);
    assert!(network.cell_logits(reference.films(128, 1)).is_none());
}

fn chexnets(reference: &Reference) {
    let new = source(ZECH);
    assert!(is_chexnet(&new) && !xrv::is_xrv_densenet(&new));
    let imported = chexnet(new).expect("Zech's");
    let rates: Vec<(&str, f32)> =
        imported.labels.iter().map(|label| (&*label.name, label.base_rate.expect("a rate"))).collect();
    assert_eq!(rates, NIH_LABELS);
    assert_eq!(imported.side, 224);
    let network = reference.open(&imported);
    reference.close("zech.logits", network.logits(reference.films(96, 2)));
    let probabilities = burn::tensor::activation::sigmoid(network.logits(reference.films(96, 2)));
    reference.close("zech.probabilities", probabilities);
    reference.check_cells("zech", &*network, 96);

    let old = source(ZECH_OLD);
    assert!(old.keys().any(|name| name.contains("denselayer1.norm.1.")), "the old names have dots");
    assert!(is_chexnet(&old));
    let old = chexnet(old).expect("Zech's older file");
    assert_eq!(old.architecture, imported.architecture);
    assert_eq!(old.weights, imported.weights);

    let tensors = source(ARNOWENG);
    assert!(is_chexnet(&tensors));
    let imported = chexnet(tensors).expect("arnoweng's");
    let ClassifierKind::DenseNet(config) = &imported.architecture else { panic!("not a DenseNet") };
    assert_eq!((config.crops, imported.side), (Crops::Ten, 256));
    let network = reference.open(&imported);
    reference.check("arnoweng", &*network, 128, LABEL);
    assert!(network.cell_logits(reference.films(128, 1)).is_none());
}

/// Pooling and enlargement in our form, by their definitions.
fn resampling(reference: &Reference) {
    let x = reference.films(6, 1).narrow(3, 0, 5);
    let pixels = floats(x.clone());
    let halved = floats(halve(x));
    for (index, found) in halved.iter().enumerate() {
        let (row, column) = (index / 2 * 2, index % 2 * 2);
        let expected = [0, 1, 5, 6].map(|at| pixels[row * 5 + column + at]).iter().sum::<f32>() / 4.0;
        assert!((found - expected).abs() < 1e-3, "pixel {index}: {found}, not {expected}");
    }
    let x = Tensor::<4>::from_floats([[[[0.0, 8.0], [16.0, 24.0]]]], &reference.device);
    let expected = [0.0, 2.0, 6.0, 8.0].map(|across| [0.0, 4.0, 12.0, 16.0].map(|down| across + down));
    let found = floats(enlarge(x, 4, 4));
    for (index, found) in found.iter().enumerate() {
        assert!((found - expected[index % 4][index / 4]).abs() < 1e-4, "pixel {index}: {found}");
    }
}

#[test]
fn flex_agrees_with_python() {
    let reference = Reference { outputs: outputs(), device: Device::flex() };
    resampling(&reference);
    xrv_densenet(&reference);
    xrv_resnet(&reference);
    xrv_autoencoder(&reference);
    jfhealthcares(&reference);
    chexnets(&reference);
}

#[test]
fn labels_and_points_are_those_of_the_installed_torchxrayvision() {
    let facts: serde_json::Value =
        serde_json::from_str(include_str!("../../parity/conv_reference/facts.json")).expect("the facts are readable");
    let texts = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().expect("texts").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(texts(&facts["pathologies"]), XRV_LABELS);
    assert_eq!(texts(&facts["jfhealthcare"]), JFHEALTHCARE_LABELS);
    let models = facts["models"].as_object().expect("models");
    assert_eq!(models.len(), XRV_MODELS.len());
    for (name, model) in models {
        let own = XrvModel::by_name(name).expect("the model is known");
        assert_eq!(own.name, name);
        let file = model["file"].as_str().expect("a file's name");
        assert_eq!(XrvModel::by_name(file).map(|model| model.name), Some(own.name), "{file}");
        let points = model["points"].as_array().expect("points");
        assert_eq!(points.len(), XRV_LABELS.len());
        for (index, (point, label)) in points.iter().zip(texts(&model["labels"])).enumerate() {
            match point.as_f64() {
                Some(point) => {
                    assert_eq!(own.points[index], point as f32, "{name}, output {index}");
                    assert_eq!(label, XRV_LABELS[index], "{name}, output {index}");
                }
                None => assert!(own.points[index].is_nan(), "{name}, output {index}"),
            }
        }
    }
}

#[test]
fn what_is_missing_or_not_known_is_named() {
    let error = |import: fn(Weights) -> Result<(), String>, mut tensors: Weights, change: fn(&mut Weights)| {
        change(&mut tensors);
        import(tensors).expect_err("an error")
    };
    let densenet = |tensors| xrv::densenet(tensors, "").map(|_| ());
    let found = error(densenet, source(DENSENET), |tensors| {
        tensors.remove("features.denseblock2.denselayer3.norm2.running_var");
    });
    assert_eq!(found, "tensor \"features.denseblock2.denselayer3.norm2.running_var\" is missing");
    let found = error(densenet, source(DENSENET), |tensors| {
        tensors.insert("features.extra.weight".into(), TensorData::new(vec![1.0_f32], [1]));
    });
    assert_eq!(found, "tensor \"features.extra.weight\" belongs to no layer of this network");
    let found = error(densenet, source(DENSENET), |tensors| {
        tensors.insert("features.conv0.weight".into(), TensorData::new(vec![0.0_f32; 98], [2, 1, 7, 7]));
    });
    assert!(found.starts_with("tensor \"features.norm0.weight\" has shape [8]"), "{found}");
    let found = error(densenet, source(DENSENET), |tensors| {
        tensors.insert("features.conv0.weight".into(), TensorData::new(Vec::<f32>::new(), [usize::MAX, 0, 7, 7]));
    });
    assert!(found.contains("no such network is known"), "{found}");
    let found = error(
        |tensors| xrv::autoencoder(tensors).map(|_| ()),
        source(AUTOENCODER),
        |tensors| {
            tensors.retain(|name, _| !name.starts_with("uplayer3."));
        },
    );
    assert_eq!(found, "tensor \"uplayer3.0.conv3.weight\" is missing");
    let found = error(
        |tensors| chexnet(tensors).map(|_| ()),
        source(ARNOWENG),
        |tensors| {
            tensors.remove("module.densenet121.classifier.0.bias");
        },
    );
    assert_eq!(found, "tensor \"module.densenet121.classifier.0.bias\" is missing");
    let found = error(
        |tensors| jfhealthcare(tensors).map(|_| ()),
        source(JFHEALTHCARE),
        |tensors| {
            tensors.remove("bn_2.running_mean");
        },
    );
    assert_eq!(found, "tensor \"bn_2.running_mean\" is missing");
    let found = error(
        |tensors| xrv::densenet(tensors, "densenet121-res224-all").map(|_| ()),
        source(DENSENET),
        |tensors| {
            tensors.insert("classifier.weight".into(), TensorData::new(vec![0.0_f32; 2 * 17], [2, 17]));
            tensors.insert("classifier.bias".into(), TensorData::new(vec![0.0_f32; 2], [2]));
        },
    );
    assert!(
        found.contains("2 outputs, densenet121-res224-all has 18") || found.contains("has shape [2, 17]"),
        "{found}"
    );
}
