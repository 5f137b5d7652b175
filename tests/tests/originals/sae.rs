//! SAEs that their own libraries saved, imported and run on both of burn's backends, against what those libraries
//! compute.
//!
//! The files are `parity/sae/CASE/`, the numbers `parity/sae_reference.safetensors`, both made by the script beside
//! them. wgpu runs on whatever adapter there is, a software one in CI; its absence is a failure, not a skip.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::import::sae::{self, ImportedSae, SaeFormat};
use fluoro_core::models::SparseAutoencoder;
use fluoro_core::models::dictionary::{DictionaryActivation, DictionarySae, TokenNormalisation};
use fluoro_core::models::weights::{self, Weights};
use fluoro_core::torch::{TorchFile, Value, named_tensors};
use serde::Deserialize;

/// Largest difference allowed, relative to the largest magnitude of the reference.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    library: String,
    weights: String,
    config: Option<String>,
    layer: Option<i64>,
    hook: Option<String>,
    class_token_only: Option<bool>,
    expected_active: Option<f32>,
    #[serde(default)]
    beside: Vec<String>,
}

fn parity() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("parity")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(parity().join("sae_reference.json")).expect("the list of cases");
    let reference: Reference = serde_json::from_str(&text).expect("the list of cases is readable");
    assert!(reference.cases.len() >= 35);
    reference.cases
}

/// Tensors of a safetensors file of 32-bit floats (and one 64-bit number).
fn safetensors(bytes: &[u8]) -> Weights {
    let size = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + size]).expect("a header");
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__").map(|(name, entry)| {
        let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
        let [start, end] = [&entry["data_offsets"][0], &entry["data_offsets"][1]].map(number);
        let shape: Vec<usize> = entry["shape"].as_array().expect("a shape").iter().map(number).collect();
        let data = &bytes[8 + size..][start..end];
        let values: Vec<f32> = match entry["dtype"].as_str() {
            Some("F32") => data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
            Some("F64") => data.as_chunks().0.iter().map(|&eight| f64::from_le_bytes(eight) as f32).collect(),
            other => panic!("{name} is of {other:?}"),
        };
        (name, TensorData::new(values, shape))
    });
    tensors.collect()
}

/// Tensors of a PyTorch file, and the config beside them.
fn torch(bytes: &[u8]) -> (Weights, Option<serde_json::Value>) {
    let file = TorchFile::read(bytes).expect("a PyTorch file");
    let named = named_tensors(&file.root)
        .expect("names")
        .into_iter()
        .map(|(name, tensor)| (name, TensorData::new(file.to_f32(&tensor).expect("elements"), tensor.shape.clone())));
    (named.collect(), sae::config_of_torch_file(&file))
}

fn tensor_alone(bytes: &[u8]) -> TensorData {
    let file = TorchFile::read(bytes).expect("a PyTorch file");
    let Value::Tensor(tensor) = &file.root else { panic!("a tensor and nothing else") };
    TensorData::new(file.to_f32(tensor).expect("elements"), tensor.shape.clone())
}

/// What a case's folder holds, as the importer takes it.
fn files(case: &Case) -> (Weights, Option<serde_json::Value>) {
    let folder = parity().join("sae").join(&case.name);
    let bytes = std::fs::read(folder.join(&case.weights)).expect("the weights");
    let (mut tensors, inner) =
        if case.weights.ends_with(".safetensors") { (safetensors(&bytes), None) } else { torch(&bytes) };
    for name in &case.beside {
        tensors
            .insert(name.clone(), tensor_alone(&std::fs::read(folder.join(format!("{name}.pt"))).expect("a tensor")));
    }
    let config = case.config.as_ref().map(|name| {
        let text = std::fs::read_to_string(folder.join(name)).expect("the config");
        sae::parse_config(&text).expect("JSON")
    });
    (tensors, config.or(inner))
}

fn import(name: &str) -> ImportedSae {
    let case = cases().into_iter().find(|case| case.name == name).expect("a case of that name");
    let (tensors, config) = files(&case);
    sae::import(tensors, config.as_ref()).unwrap_or_else(|reason| panic!("{name}: {reason}"))
}

fn filled(imported: &ImportedSae, device: &Device) -> DictionarySae {
    let mut left = imported.weights.clone();
    let sae =
        weights::apply(DictionarySae::new(&imported.config, device), &mut left, device).expect("names and shapes");
    assert!(left.is_empty(), "unused: {:?}", left.keys());
    sae
}

fn floats(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("floats")
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs())) / scale
}

/// Activations that may be negative as the importer has them: the positive side, then the negative one turned round.
fn mirrored(activations: &[f32], features: usize) -> Vec<f32> {
    let rows = activations.chunks_exact(features);
    rows.flat_map(|row| row.iter().map(|v| v.max(0.0)).chain(row.iter().map(|v| (-v).max(0.0)))).collect()
}

/// A software GPU takes long for each new size of matrix: there, one of each kind.
const OF_EACH_KIND: [&str; 6] =
    ["saelens_standard_norm", "saelens_gated", "saelens_jumprelu", "saelens_topk", "dl_batchtopk", "prisma_topk"];

fn compare_with_libraries(device: &Device, wanted: impl Fn(&str) -> bool) {
    let expected = safetensors(&std::fs::read(parity().join("sae_reference.safetensors")).expect("the numbers"));
    for case in cases().into_iter().filter(|case| wanted(&case.name)) {
        let name = &case.name;
        let (tensors, config) = files(&case);
        let format = sae::recognise(&tensors, config.as_ref()).unwrap_or_else(|| panic!("{name} is not recognised"));
        assert_eq!(format.name(), case.library, "{name}");
        let imported = sae::import(tensors, config.as_ref()).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert_eq!(imported.format, format);
        assert_eq!(imported.hook.layer, case.layer, "{name}");
        assert_eq!(imported.hook.class_token_only, case.class_token_only, "{name}");
        assert!(case.hook.is_none() || imported.hook.name == case.hook, "{name}: {:?}", imported.hook);
        if let Some(active) = case.expected_active {
            assert_eq!(imported.config.expected_active, Some(active), "{name}");
        }

        let saved = serde_json::to_string(&imported.config).expect("the config is data");
        assert_eq!(
            serde_json::from_str::<fluoro_core::models::dictionary::DictionarySaeConfig>(&saved).ok().as_ref(),
            Some(&imported.config)
        );

        let model = filled(&imported, device);
        let get = |what: &str| &expected[&format!("{name}.{what}")];
        let tokens = Tensor::<2>::from_data(get("tokens").clone(), device);
        let mut wanted = get("activations").as_slice::<f32>().expect("floats").to_vec();
        if wanted.iter().any(|&v| v < 0.0) {
            wanted = mirrored(&wanted, imported.config.features / 2);
        }
        let activations = model.activations(tokens.clone());
        let found = floats(activations.clone());
        let active = |values: &[f32]| values.iter().map(|&v| v != 0.0).collect::<Vec<_>>();
        assert_eq!(active(&found), active(&wanted), "{name}: other features fire");
        assert!(found.iter().all(|&v| v >= 0.0), "{name}");
        let of_activations = worst(&found, &wanted);
        let restored = floats(model.reconstruct(activations, &tokens));
        let of_restored = worst(&restored, get("restored").as_slice::<f32>().expect("floats"));
        println!("{name}: activations off by {of_activations:.1e}, reconstruction by {of_restored:.1e}");
        assert!(of_activations <= TOLERANCE && of_restored <= TOLERANCE, "{name}");
    }
}

#[test]
fn flex_agrees_with_the_libraries() {
    compare_with_libraries(&Device::flex(), |_| true);
}

#[test]
fn wgpu_agrees_with_the_libraries() {
    compare_with_libraries(&fluoro_tests::wgpu(), |name| OF_EACH_KIND.contains(&name));
}

#[test]
fn kinds_are_read_as_their_libraries_mean_them() {
    use DictionaryActivation::{Gated, JumpRelu, Relu, TopK};
    use TokenNormalisation::{ConstantNorm, LayerNorm, None};
    let top = |relu_first| TopK { k: 5, relu_first };
    for (name, activation, subtracts, normalisation) in [
        ("saelens_standard_norm", Relu, false, ConstantNorm),
        ("saelens_gated", Gated, true, LayerNorm),
        ("saelens_batchtopk", JumpRelu, true, None),
        ("saelens5_topk", top(false), true, None),
        ("dl_autoencoder_new", Relu, false, None),
        ("dl_jumprelu", JumpRelu, false, None),
        ("dl_topk", top(true), true, None),
        ("dl_matryoshka", JumpRelu, true, None),
        ("openai_topk", top(false), true, LayerNorm),
        ("sdxl_unbox", top(false), true, None),
        ("prisma_standard", Relu, true, LayerNorm),
        ("sail_tied", Relu, true, None),
    ] {
        let config = import(name).config;
        assert_eq!(
            (config.activation, config.subtract_decoder_bias, config.normalisation),
            (activation, subtracts, normalisation),
            "{name}"
        );
    }
    assert_eq!(import("sparsify_signed").config.features, 80);
    assert_eq!(import("prisma_one_file").hook.network.as_deref(), Some("open-clip:laion/CLIP-ViT-B-32"));
}

#[test]
fn what_was_changed_or_cannot_be_known_is_noted() {
    for (name, words) in [
        ("saelens_square", "shapes cannot tell whether a matrix is transposed"),
        ("saelens_abstopk", "feature i + 40 is feature i when negative"),
        ("saelens_standard_average", "scaled by 0.37"),
        ("saelens_batchtopk_checkpoint", "training checkpoint"),
        ("saelens5_finetuned", "scaling factors are part of the decoder rows"),
        ("dl_autoencoder", "Decoder rows have length 1"),
        ("sdxl_unbox", "mean.pt and std.pt are statistics of its activations"),
    ] {
        let notes = import(name).notes.join(" ");
        assert!(notes.contains(words), "{name}: {notes}");
    }
    assert!(import("saelens_standard").notes.is_empty());
}

#[test]
fn the_format_is_known_without_a_config_only_where_tensors_tell() {
    for case in cases().iter().filter(|case| case.config.is_some()) {
        let (tensors, _) = files(case);
        let without = sae::import(tensors, None);
        // In these the tensors alone say everything.
        let tells = ["dl_autoencoder", "dl_autoencoder_new", "dl_gated", "dl_matryoshka"].contains(&case.name.as_str());
        match without {
            Ok(imported) => {
                assert!(tells && imported.format == SaeFormat::DictionaryLearning, "{}", case.name);
                assert!(imported.notes.join(" ").contains("by its tensors' names"), "{}", case.name);
            }
            Err(reason) => {
                assert!(!tells && !reason.contains('\n'), "{}: {reason}", case.name);
                assert!(reason.contains("put ") && reason.contains("beside"), "{}: {reason}", case.name);
            }
        }
    }
}
