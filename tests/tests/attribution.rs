//! Attribution against captum and latentshift, on the small bundle of seeded weights; `parity/shift_reference.py` made the
//! reference.

use fluoro_core::attribution::{
    self, Attribution, AttributionRequest, METHODS, Subject, Wachter, grad_cam, integrated, occlusion, smooth_gradient,
};
use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Analysis, Engine, Progress};
use fluoro_core::metrics;
use fluoro_core::plane::Plane;
use fluoro_tests::reference::{Tensors, film};
use serde::Deserialize;

const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Reference {
    attribution: Vec<Case>,
    wachter: Vec<Moved>,
    overlap: Vec<Overlap>,
    spearman: Vec<Pair>,
    options: Options,
}

#[derive(Deserialize)]
struct Options {
    base_rate: f64,
}

#[derive(Deserialize)]
struct Case {
    film: usize,
    label: usize,
    logit: f64,
    grad_cam: Vec<Vec<f32>>,
    grad_cam_relu: Vec<Vec<f32>>,
    cam: Vec<Vec<f32>>,
    cam_odds: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Moved {
    film: usize,
    label: usize,
    lambda: f32,
}

#[derive(Deserialize)]
struct Overlap {
    map: String,
    #[serde(rename = "box")]
    rectangle: [usize; 4],
    both: usize,
    either: usize,
    iou: f64,
}

#[derive(Deserialize)]
struct Pair {
    maps: [String; 2],
    correlation: f64,
}

fn open() -> (Reference, Tensors, Engine) {
    let reference = serde_json::from_str(include_str!("../parity/shift_reference.json")).expect("readable");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/parity/shift_bundle");
    let engine = Engine::open(&BundleSource::Folder(folder.into()), ComputeDevice::cpu()).expect("the bundle opens");
    (reference, Tensors::open(include_bytes!("../parity/shift_reference.safetensors")), engine)
}

fn attribute(engine: &Engine, analysis: &Analysis, method: &str, label: usize) -> Attribution {
    let request = AttributionRequest { method: method.into(), label };
    engine.attribute(analysis, &request, &Progress::silent()).unwrap_or_else(|e| panic!("{method}: {e}"))
}

#[test]
fn methods_agree_with_captum_and_latentshift() {
    let (reference, tensors, engine) = open();
    let progress = Progress::silent();
    for case in &reference.attribution {
        let analysis = engine.analyze(&film(&tensors, case.film)).expect("analysed");
        let subject = Subject { engine: &engine, analysis: &analysis, label: case.label, progress: &progress };
        let name = |method: &str| format!("{method}.{}.{}", case.film, case.label);
        let close = |method: &str, found: &Plane| {
            tensors.assert_close(&name(method), &tensors.get(&name(method)), found.data(), TOLERANCE);
        };
        let magnitude: Vec<f32> = tensors.get(&name("gradient")).iter().map(|v| v.abs()).collect();
        let gradient = attribute(&engine, &analysis, "grad", case.label);
        tensors.assert_close(&name("|gradient|"), &magnitude, gradient.map.data(), TOLERANCE);
        close("guided", &attribute(&engine, &analysis, "guided", case.label).map);
        close("integrated_grey", &attribute(&engine, &analysis, "integrated", case.label).map);
        close("integrated_black", &integrated(&subject, -1024.0).expect("integrated"));
        let noise = tensors.get("noise");
        let noises: Vec<Plane> =
            noise.chunks_exact(64 * 64).map(|n| Plane::new(64, 64, n.to_vec()).expect("a noise")).collect();
        close("smooth", &smooth_gradient(&subject, &noises).expect("smoothed"));
        close("occlusion", &occlusion(&subject, 16, 8).expect("occluded"));
        close("delete", &attribute(&engine, &analysis, "delete", case.label).map);

        let flat = |cells: &[Vec<f32>]| cells.concat();
        tensors.assert_close(
            &name("grad_cam"),
            &flat(&case.grad_cam),
            grad_cam(&subject).expect("cam").data(),
            TOLERANCE,
        );
        let positive = grad_cam(&subject).expect("cam").map(|v| v.max(0.0));
        tensors.assert_close(&name("grad_cam_relu"), &flat(&case.grad_cam_relu), positive.data(), TOLERANCE);
        let cells = attribute(&engine, &analysis, "cam", case.label).cells.expect("cells");
        tensors.assert_close(&name("cam"), &flat(&case.cam), &cells.logits, TOLERANCE);
        let mean = cells.logits.iter().map(|&v| f64::from(v)).sum::<f64>() / cells.logits.len() as f64;
        assert!((mean - case.logit).abs() < 1e-4, "cells average to {mean}, the film's logit is {}", case.logit);
        // The reference has a base rate of its own.
        let shift = (f64::from(cells.base_rate) / reference.options.base_rate).ln() as f32;
        let odds: Vec<f32> = cells.log_ratios.iter().map(|v| v + shift).collect();
        tensors.assert_close(&name("cam_odds"), &flat(&case.cam_odds), &odds, TOLERANCE);
    }
    for moved in &reference.wachter {
        let analysis = engine.analyze(&film(&tensors, moved.film)).expect("analysed");
        let subject = Subject { engine: &engine, analysis: &analysis, label: moved.label, progress: &progress };
        let method = Wachter { nearness: moved.lambda, ..Wachter::PUBLISHED };
        let film = method.counterfactual(&subject).expect("moved");
        let change = film.zip(&analysis.input, |after, before| (after - before) / 1024.0).expect("one size");
        let name = format!("wachter.{}.{}", moved.film, moved.label);
        // A hundred steps of Adam, whose first ones go by the sign of gradients near zero.
        tensors.assert_close(&name, &tensors.get(&name), change.data(), 2e-2);
    }
}

#[test]
fn overlap_and_rank_correlation_are_exact() {
    let (reference, tensors, _) = open();
    for case in &reference.overlap {
        let map: Vec<f32> = tensors.get(&case.map).iter().map(|v| v.abs()).collect();
        let [x, y, w, h] = case.rectangle;
        let mask: Vec<bool> =
            (0..64 * 64).map(|i| (x..x + w).contains(&(i % 64)) && (y..y + h).contains(&(i / 64))).collect();
        let iou = metrics::iou_at_reference_area(&map, &mask).expect("sizes fit");
        assert_eq!(iou, case.both as f64 / case.either as f64, "{} in {:?}", case.map, case.rectangle);
        assert!((iou - case.iou).abs() < 1e-12);
    }
    for pair in &reference.spearman {
        let [a, b] = pair.maps.each_ref().map(|name| tensors.get(name).iter().map(|v| v.abs()).collect::<Vec<f32>>());
        let found = f64::from(metrics::spearman(&a, &b));
        assert!((found - pair.correlation).abs() < 1e-5, "{:?}: {found}, not {}", pair.maps, pair.correlation);
    }
}

#[test]
fn every_method_gives_a_finite_map_of_the_films_size() {
    let (_, tensors, engine) = open();
    let analysis = engine.analyze(&film(&tensors, 1)).expect("analysed");
    for method in METHODS {
        let found = attribute(&engine, &analysis, method.name(), 2);
        assert_eq!((found.map.width(), found.map.height()), (64, 64), "{}", method.name());
        assert!(found.map.data().iter().all(|v| v.is_finite()), "{}", method.name());
        assert!(found.is_signed || found.map.min_max().0 >= 0.0, "{} is not signed", method.name());
        assert!(!found.is_blank, "{}", method.name());
    }
    let wrong = AttributionRequest { method: "gradcamm".into(), label: 0 };
    let error = engine.attribute(&analysis, &wrong, &Progress::silent()).expect_err("unknown").to_string();
    assert!(error.contains("gradcam"), "{error}");
    let wrong = AttributionRequest { method: "grad".into(), label: 9 };
    assert!(engine.attribute(&analysis, &wrong, &Progress::silent()).is_err());
    assert_eq!(attribution::method("GRAD").expect("known").name(), "grad");
}
