//! Latent Shift against the programs that published it, on a small bundle of seeded weights.
//!
//! `parity/shift_reference.py` made the reference: the package preset by the latentshift package itself, the paper's and the
//! repository's by their loops written down again, scores by torchxrayvision's `op_norm`.

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::difference::MapMethod;
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::shift::{Note, Preset, ShiftRequest, StopRule, Target};
use fluoro_tests::reference::{Tensors, film};
use serde::Deserialize;

const REFERENCE: &str = include_str!("../parity/shift_reference.json");

#[derive(Deserialize)]
struct Reference {
    shift: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    film: usize,
    label: usize,
    preset: String,
    lambdas: Vec<f64>,
    scores: Vec<f64>,
    left: Side,
    right: Option<Side>,
    frames: Vec<usize>,
    maps: Vec<String>,
}

#[derive(Deserialize)]
struct Side {
    rule: String,
}

fn engine() -> Engine {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/parity/shift_bundle");
    Engine::open(&BundleSource::Folder(folder.into()), ComputeDevice::cpu()).expect("the small bundle opens")
}

/// The rule of ours that a rule of the reference is.
fn rule(name: &str, is_left: bool) -> StopRule {
    match (name, is_left) {
        ("turn", true) | ("rise", false) => StopRule::Rise,
        ("turn", false) | ("drop", true) => StopRule::Drop,
        ("bound", _) => StopRule::Bound,
        ("low", true) => StopRule::Floor,
        ("pixels", true) => StopRule::Pixels,
        other => panic!("{other:?} is no rule"),
    }
}

#[test]
fn every_published_preset_walks_as_its_program_does() {
    let reference: Reference = serde_json::from_str(REFERENCE).expect("the reference is readable");
    let tensors = Tensors::open(include_bytes!("../parity/shift_reference.safetensors"));
    let engine = engine();
    let mut seen = 0;
    for case in &reference.shift {
        // The others are variations that Fluoro does not offer; core checks its search against them.
        let Ok(preset) = case.preset.parse::<Preset>() else { continue };
        seen += 1;
        let what = format!("{preset}, film {}, label {}", case.film, case.label);
        let analysis = engine.analyze(&film(&tensors, case.film)).expect("analysed");
        let request = ShiftRequest { preset, ..ShiftRequest::of(Target::Label(case.label)) };
        let shift = engine.shift(&analysis, &request, &Progress::silent()).expect("shifted");
        let expected: Vec<f32> = case.lambdas.iter().map(|&l| l as f32).collect();
        assert_eq!(shift.lambdas.len(), expected.len(), "{what}");
        for (found, wanted) in shift.lambdas.iter().zip(&expected) {
            assert!((found - wanted).abs() <= 1e-6 * wanted.abs().max(1.0), "{what}: {found}, not {wanted}");
        }
        let squash = |p: f32| if preset == Preset::Repo { 1.0 / (1.0 + (-p).exp()) } else { p };
        for (found, &wanted) in shift.predictions.iter().zip(&case.scores) {
            let off = (f64::from(squash(*found)) - wanted).abs();
            assert!(off <= 1e-4 * wanted.max(1e-2), "{what}: score {found}, off by {off}");
        }
        assert_eq!(shift.stopped.low, rule(&case.left.rule, true), "{what}");
        let right = case.right.as_ref().map_or(StopRule::Fixed, |side| rule(&side.rule, false));
        assert_eq!(shift.stopped.high, right, "{what}");

        let name = |part: &str| format!("{preset}.{}.{}.{part}", case.film, case.label);
        tensors.assert_close(
            &name("recon"),
            &tensors.get(&format!("recon.{}", case.film)),
            shift.reference.data(),
            1e-4,
        );
        let stored: Vec<f32> = case.frames.iter().flat_map(|&i| shift.frames[i].data().to_vec()).collect();
        tensors.assert_close(&name("frames"), &tensors.get(&name("frames")), &stored, 1e-4);
        for map in case.maps.iter().filter(|map| tensors.has(&name(map))) {
            let method = match map.as_str() {
                "int" => MapMethod::Interval,
                "max" => MapMethod::Max,
                "mean" => MapMethod::Mean,
                other => panic!("{other} is no map"),
            };
            let request = ShiftRequest { map: Some(method), ..request.clone() };
            let found = engine.shift(&analysis, &request, &Progress::silent()).expect("shifted").map;
            tensors.assert_close(&name(map), &tensors.get(&name(map)), found.data(), 1e-3);
        }
        if preset != Preset::Package {
            // As coded: max = mean = |D(z) - F_0|, minmax = |F_0 - F_last|.
            let of = |method| {
                let request = ShiftRequest { map: Some(method), ..request.clone() };
                engine.shift(&analysis, &request, &Progress::silent()).expect("shifted").map
            };
            let first = shift.reference.zip(&shift.frames[0], |a, b| (a - b).abs()).expect("one size");
            assert_eq!(of(MapMethod::Max), first, "{what}");
            assert_eq!(of(MapMethod::Mean), first, "{what}");
        }
    }
    assert_eq!(seen, 18, "three presets, two films, three labels");
}

#[test]
fn our_own_preset_includes_the_unshifted_film_and_a_unit() {
    let tensors = Tensors::open(include_bytes!("../parity/shift_reference.safetensors"));
    let engine = engine();
    let analysis = engine.analyze(&film(&tensors, 0)).expect("analysed");
    for label in 0..3 {
        let shift =
            engine.shift(&analysis, &ShiftRequest::of(Target::Label(label)), &Progress::silent()).expect("shifted");
        let zero = shift.lambdas.iter().position(|&l| l == 0.0).expect("lambda 0 is a frame");
        assert_eq!(shift.frames[zero], shift.reference);
        assert!(zero > 0 && zero + 1 < shift.lambdas.len(), "both sides: {:?}", shift.lambdas);
        assert!(shift.lambdas.iter().all(|l| l.abs() <= 32.0));
        assert_eq!(shift.alignment.len(), 2);
    }
}

#[test]
fn odd_requests_and_odd_shifts_say_so() {
    let tensors = Tensors::open(include_bytes!("../parity/shift_reference.safetensors"));
    let engine = engine();
    let analysis = engine.analyze(&film(&tensors, 0)).expect("analysed");
    let shift = |request: ShiftRequest| engine.shift(&analysis, &request, &Progress::silent());
    let usual = ShiftRequest::of(Target::Label(0));
    for odd in [
        ShiftRequest { smooth: Some(-1.0), ..usual.clone() },
        ShiftRequest { keep_above: Some(100.0), ..usual.clone() },
        ShiftRequest { frames: Some(1), ..usual.clone() },
        ShiftRequest { range: Some([1.0, -1.0]), ..usual.clone() },
        ShiftRequest { target: Target::Label(3), ..usual.clone() },
    ] {
        assert!(shift(odd.clone()).is_err(), "{odd:?}");
    }
    let reference: Reference = serde_json::from_str(REFERENCE).expect("the reference is readable");
    for case in reference.shift.iter().filter(|case| case.film == 0 && case.preset == "paper") {
        let request = ShiftRequest { preset: Preset::Paper, ..ShiftRequest::of(Target::Label(case.label)) };
        let is_bound = |note: &Note| matches!(note, Note::BoundReached { .. });
        let notes = shift(request).expect("shifted").notes;
        assert_eq!(notes.iter().any(is_bound), case.left.rule == "bound", "label {}: {notes:?}", case.label);
    }
    let cleaned = shift(ShiftRequest { keep_above: Some(95.0), ..usual }).expect("shifted").map;
    let kept = cleaned.data().iter().filter(|&&v| v != 0.0).count() as f64 / cleaned.data().len() as f64;
    assert!((0.045..0.055).contains(&kept), "{kept}");
}
