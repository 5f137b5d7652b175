//! Vision transformers and text towers against the libraries that their authors use, from their own files, on both of burn's
//! backends.
//!
//! The reference is the folder `parity/vit`, made by `vit_reference.py` beside it. wgpu runs on whatever adapter there is, a
//! software one in CI; its absence is a failure, not a skip.

use std::path::PathBuf;

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::bundle::load::weights_from_bytes;
use fluoro_core::bundle::manifest::TextKind;
use fluoro_core::device::ComputeDevice;
use fluoro_core::import::clip;
use fluoro_core::import::text::ImportedText;
use fluoro_core::import::vit::{self, Family, Given, ImportedVit};
use fluoro_core::models::Encoder;
use fluoro_core::models::text::{BertConfig, BertPooling, BertText, ClipText, TextEncoder};
use fluoro_core::models::vit::{Tokens, VisionTransformer};
use fluoro_core::models::weights::{self, Weights};
use serde_json::Value;

/// Largest difference allowed, relative to the largest magnitude of the reference.
const TOLERANCE: f32 = 1e-4;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("parity/vit").join(name)
}

fn tensors(name: &str) -> Weights {
    let bytes = std::fs::read(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    weights_from_bytes(&bytes).expect("safetensors")
}

fn json(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(file(name)).ok()?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_data().expect("the device computes").try_into_vec::<f32>().expect("floats")
}

fn assert_close<const D: usize>(what: &str, found: Tensor<D>, expected: &TensorData) {
    assert_eq!(found.dims().as_slice(), expected.shape().as_slice(), "{what}");
    let found = read(found);
    let expected = expected.as_slice::<f32>().expect("floats");
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    println!("{what}: relative difference {:.1e}", worst / scale);
    assert!(worst <= TOLERANCE * scale, "{what}: differs by {worst}, the largest value is {scale}");
}

fn built(imported: ImportedVit, device: &Device) -> VisionTransformer {
    let mut own = imported.weights;
    let network = VisionTransformer::new(&imported.config, device).expect("sizes");
    let network = weights::apply(network, &mut own, device).expect("names and shapes fit");
    assert!(own.is_empty(), "unused: {:?}", own.keys());
    network
}

fn built_text(imported: ImportedText, device: &Device) -> Box<dyn TextEncoder> {
    let mut own = imported.weights;
    let tower: Box<dyn TextEncoder> = match &imported.config {
        TextKind::Clip(config) => {
            let tower = ClipText::new(config, device).expect("sizes");
            Box::new(weights::apply(tower, &mut own, device).expect("names and shapes fit"))
        }
        TextKind::Bert(config) => {
            let tower = BertText::new(config, device).expect("sizes");
            Box::new(weights::apply(tower, &mut own, device).expect("names and shapes fit"))
        }
        other => panic!("no tower here: {other:?}"),
    };
    assert!(own.is_empty(), "unused: {:?}", own.keys());
    tower
}

/// A family's files, whose network the reference has under another name where several files hold the same one.
struct Case {
    folder: &'static str,
    weights: &'static str,
    config: &'static str,
    reference: &'static str,
    family: Family,
    heads: Option<usize>,
}

impl Case {
    fn import(&self) -> ImportedVit {
        self.import_from(tensors(&format!("{}/{}", self.folder, self.weights)))
    }

    fn import_from(&self, mut source: Weights) -> ImportedVit {
        let config = json(&format!("{}/{}", self.folder, self.config));
        let preprocessor = json(&format!("{}/preprocessor_config.json", self.reference));
        let given = Given { config: config.as_ref(), preprocessor: preprocessor.as_ref(), heads: self.heads };
        let imported = vit::import(&mut source, given).unwrap_or_else(|e| panic!("{}: {e}", self.folder));
        assert_eq!(imported.family, self.family);
        println!("{}: {:?}", self.folder, imported.assumed);
        imported
    }
}

const fn case(folder: &'static str, weights: &'static str, config: &'static str, family: Family) -> Case {
    Case { folder, weights, config, reference: folder, family, heads: None }
}

const CASES: [Case; 9] = [
    case("dinov2_hf", "model.safetensors", "config.json", Family::Dinov2Hf),
    case("dinov2_registers_hf", "model.safetensors", "config.json", Family::Dinov2Hf),
    case("vit_hf", "model.safetensors", "config.json", Family::VitHf),
    case("timm", "model.safetensors", "config.json", Family::Timm),
    case("clip_hf", "model.safetensors", "config.json", Family::ClipHf),
    case("clip_openai", "open_clip_model.safetensors", "open_clip_config.json", Family::Clip),
    // Files that state no heads, or have no configuration at all.
    Case {
        heads: Some(3),
        ..case("biomedclip", "open_clip_model.safetensors", "open_clip_config.json", Family::ClipTimm)
    },
    Case {
        heads: Some(3),
        reference: "dinov2_hf",
        ..case("dinov2", "backbone_compatible.safetensors", "none", Family::Dinov2)
    },
    Case {
        heads: Some(3),
        reference: "dinov2_registers_hf",
        ..case("timm_registers", "model.safetensors", "none", Family::Dinov2)
    },
];

/// A CLIP vision model alone has the network, but not the projection, of the whole.
const VISION_ALONE: Case =
    Case { reference: "clip_hf", ..case("clip_vision_hf", "model.safetensors", "config.json", Family::ClipHf) };

fn compare_towers(device: &Device) {
    let expected = tensors("expected.safetensors");
    for case in CASES.iter().chain([&VISION_ALONE]) {
        let started = std::time::Instant::now();
        let name = |what: &str| format!("{}.{what}", case.reference);
        let film = || Tensor::<4>::from_data(expected[&name("film")].clone(), device);
        let network = built(case.import(), device);
        let all = network.read(film(), Tokens::All, None);
        assert_close(&format!("{} tokens", case.folder), all.clone(), &expected[&name("tokens")]);
        // The class token alone takes a shorter way through the last block.
        let class = network.encode(film());
        assert_close(&format!("{} class token", case.folder), class, &all.clone().narrow(1, 0, 1).into_data());
        let patches = network.read(film(), Tokens::Patches, None);
        assert_close(&format!("{} patches", case.folder), patches, &all.narrow(1, 1, 16).into_data());
        if let Some(after) = expected.get(&name("after0")) {
            let found = network.read(film(), Tokens::All, Some(0));
            assert_close(&format!("{} after block 0", case.folder), found, after);
        }
        match (expected.get(&name("embedding")), network.class_token_projected(film(), false)) {
            (Some(embedding), Some(found)) => {
                assert_close(&format!("{} embedding", case.folder), found, embedding);
                let unit = network.class_token_projected(film(), true).expect("a projection");
                let lengths = read(unit.square().sum_dim(1));
                assert!(lengths.iter().all(|length| (length - 1.0).abs() < 1e-5), "{lengths:?}");
            }
            (Some(_), None) => assert_eq!(case.folder, "clip_vision_hf"),
            (None, found) => assert!(found.is_none()),
        }
        println!("TIME {} {:?}", case.folder, started.elapsed());
    }
}

fn compare_texts(device: &Device) {
    let expected = tensors("expected.safetensors");
    let sentences = |name: &str| -> Vec<Vec<u32>> {
        let ids = &expected[name];
        let length = ids.shape().as_slice()[1];
        ids.as_slice::<f32>()
            .expect("floats")
            .chunks(length)
            .map(|row| row.iter().map(|&id| id as u32).collect())
            .collect()
    };
    for (case, ids) in [(&CASES[4], "clip.ids"), (&CASES[5], "clip.ids"), (&CASES[6], "bert.ids")] {
        let imported = whole(case);
        let tower = built_text(imported.text.expect("a text tower"), device);
        let found = tower.embed(&sentences(ids)).expect("embeddings");
        assert_close(&format!("{} words", case.folder), found, &expected[&format!("{}.words", case.folder)]);
    }
    let mut imported = whole(&CASES[6]).text.expect("a text tower");
    if let TextKind::Bert(BertConfig { pooling, .. }) = &mut imported.config {
        *pooling = BertPooling::Mean;
    }
    let found = built_text(imported, device).embed(&sentences("bert.ids")).expect("embeddings");
    assert_close("biomedclip words by their mean", found, &expected["biomedclip.mean_words"]);
}

fn whole(case: &Case) -> clip::ImportedClip {
    let config = json(&format!("{}/{}", case.folder, case.config));
    let bert = json(&format!("{}/bert_config.json", case.folder));
    let given = Given { config: config.as_ref(), heads: case.heads, ..Given::default() };
    let mut source = tensors(&format!("{}/{}", case.folder, case.weights));
    let imported = clip::import(&mut source, given, bert.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", case.folder));
    assert!(source.is_empty());
    imported
}

#[test]
fn flex_agrees_with_the_authors_libraries() {
    compare_towers(ComputeDevice::cpu().tensor_device());
    compare_texts(ComputeDevice::cpu().tensor_device());
}

#[test]
fn wgpu_agrees_with_the_authors_libraries() {
    compare_towers(&fluoro_tests::wgpu());
    compare_texts(&fluoro_tests::wgpu());
}
