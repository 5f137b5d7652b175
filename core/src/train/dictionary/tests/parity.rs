//! Losses and gradients against those of the libraries, from `tests/parity/sae_training_reference.py`.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use burn::prelude::*;

use super::super::adam::Moments;
use super::super::learner::{Compute, Learner};
use super::super::options::{DictionaryOptions, L0Penalty, Objective};
use super::super::parameters::{Gradients, NAMES, Parameters, length};
use super::super::pass::{Batch, Pass, run};
use super::super::tensors::DeviceLearner;

const REFERENCE: &[u8] = include_bytes!("../../../../../tests/parity/sae_training_reference.safetensors");

/// Tensors of one case.
pub(super) struct Case {
    pub parameters: Parameters,
    pub tokens: Vec<f32>,
    pub dead: Vec<bool>,
    pub tensors: BTreeMap<String, Vec<f32>>,
}

pub(super) fn case(name: &str) -> Case {
    let file = SafeTensors::deserialize(REFERENCE).expect("the reference is readable");
    let prefix = format!("{name}.");
    let mut tensors: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut sizes = [0, 0];
    for (key, view) in file.tensors() {
        if let Some(key) = key.strip_prefix(&prefix) {
            if key == "encoder" {
                sizes = [view.shape()[0], view.shape()[1]];
            }
            let bytes = view.data().chunks_exact(4);
            tensors.insert(key.to_owned(), bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect());
        }
    }
    let [features, input] = sizes;
    let take = |key: &str| tensors.get(key).cloned().unwrap_or_default();
    let dead = tensors.get("dead").map_or(vec![false; features], |dead| dead.iter().map(|&d| d > 0.0).collect());
    let parameters = Parameters {
        input,
        features,
        encoder: take("encoder"),
        decoder: take("decoder"),
        decoder_bias: take("decoder_bias"),
        bias: take("bias"),
        log_threshold: take("log_threshold"),
        magnitude_scale: take("magnitude_scale"),
        magnitude_bias: take("magnitude_bias"),
    };
    Case { parameters, tokens: take("tokens"), dead, tensors }
}

/// Names of the cases and what was trained in each.
pub(super) fn cases() -> Vec<(&'static str, DictionaryOptions)> {
    let (top, batch) = (Objective::TopK { k: 3 }, Objective::BatchTopK { k: 3 });
    let nested = Objective::Matryoshka { k: 3, groups: vec![8, 16, 40] };
    let gated = Objective::Gated { sparsity: 0.7 };
    let jump = |penalty| Objective::JumpRelu { penalty, bandwidth: 0.3, threshold: 0.1 };
    let step = jump(L0Penalty::Weight(0.9));
    let target = jump(L0Penalty::Target { target: 8.0, weight: 0.9 });
    [
        ("topk", top.clone()),
        ("topk_dead", top),
        ("batchtopk", batch.clone()),
        ("batchtopk_dead", batch),
        ("matryoshka", nested.clone()),
        ("matryoshka_dead", nested),
        ("gated_unit", gated.clone()),
        ("gated", gated),
        ("jumprelu", step),
        ("jumprelu_target", target),
    ]
    .map(|(name, objective)| {
        // The library's own number of auxiliary features, d / 2.
        (name, DictionaryOptions { auxiliary_features: Some(10), ..DictionaryOptions::new(objective, 64, 10) })
    })
    .into()
}

/// A pass and its gradients against the library's.
pub(super) fn compare(name: &str, pass: &Pass, mut gradients: Parameters, case: &Case) {
    let expected = f64::from(case.tensors["loss"][0]);
    assert!((pass.loss / expected - 1.0).abs() < 1e-5, "{name}: loss {} instead of {expected}", pass.loss);
    if let Some(smallest) = case.tensors.get("smallest").filter(|_| !name.starts_with("topk")) {
        assert!((pass.smallest_kept.unwrap() - smallest[0]).abs() < 1e-5, "{name}");
    }
    if let Some(active) = case.tensors.get("l0") {
        assert!((pass.active - f64::from(active[0])).abs() < 1e-4, "{name}: {} {}", pass.active, active[0]);
    }
    for (key, found) in NAMES.into_iter().zip(gradients.tensors_mut()).filter(|(_, found)| !found.is_empty()) {
        let mut wanted = case.tensors[&format!("gradient.{key}")].clone();
        if name == "gated_unit" && key == "decoder" {
            // Norms in the sparsity pull along the rows alone, which the library projects out.
            let dim = case.parameters.input;
            for gradient in [&mut wanted, &mut *found] {
                for (gradient, row) in gradient.chunks_mut(dim).zip(case.parameters.decoder.chunks(dim)) {
                    let along = gradient.iter().zip(row).map(|(g, r)| g * r).sum::<f32>() / length(row).powi(2);
                    gradient.iter_mut().zip(row).for_each(|(g, r)| *g -= along * r);
                }
            }
        }
        let largest = wanted.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        let off = found.iter().zip(&wanted).fold(0.0_f32, |a, (f, w)| a.max((f - w).abs()));
        assert!(largest > 0.0 && off <= 1e-4 * largest, "{name}: gradient of {key} off by {off} of {largest}");
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_libraries() {
    for (name, options) in cases() {
        let mut case = case(name);
        let mut gradients = Gradients::zeros(&case.parameters);
        let batch = Batch { tokens: &case.tokens, dead: &case.dead, sparsity_share: 1.0 };
        let pass = run(&options, &mut case.parameters, &batch, &mut gradients).unwrap();
        compare(name, &pass, gradients.values, &case);
    }
}

#[test]
fn a_device_computes_what_the_processor_does() {
    on_device(&Device::flex());
}

/// The kernels of a GPU, or of the software one that CI installs.
#[test]
fn a_gpu_computes_what_the_processor_does() {
    let device = crate::device::ComputeDevice::any_wgpu().expect("a Vulkan adapter, hardware or software");
    on_device(device.tensor_device());
}

fn on_device(device: &Device) {
    for (name, options) in cases() {
        let case = case(name);
        let batch = Batch { tokens: &case.tokens, dead: &case.dead, sparsity_share: 1.0 };
        let moments = Moments::new(&case.parameters);
        let learner = DeviceLearner::new(&case.parameters, &moments, device);
        let (pass, gradients) = learner.pass(&options, &batch).unwrap();
        let gradients = learner.read_gradients(&gradients).unwrap();
        compare(name, &pass, gradients, &case);
        // Three steps of Adam: the same weights.
        let start = case.parameters.clone();
        let mut learners = [
            Learner::new(&Compute::Device(device.clone()), start.clone(), moments.clone()),
            Learner::new(&Compute::Processor, start, moments),
        ];
        let [on_device, in_memory] = learners.each_mut().map(|learner| {
            for step in 0..3 {
                learner.step(&options, &batch, 1e-3, step).unwrap();
            }
            learner.look(|parameters, _| Ok(parameters.clone())).unwrap()
        });
        for (name_of, (a, b)) in NAMES.iter().zip(on_device.tensors().into_iter().zip(in_memory.tensors())) {
            assert_eq!(a.len(), b.len());
            // Adam takes the sign of gradients that are nearly 0: few entries may differ by a step.
            let off = a.iter().zip(b).filter(|(a, b)| (**a - **b).abs() > 2e-5).count();
            assert!(off * 100 <= a.len(), "{name}: {off} of {} numbers of {name_of} differ", a.len());
        }
    }
}
