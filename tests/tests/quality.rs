//! How good the shipped bundle is on films of patients that its training never saw.

use std::collections::BTreeMap;

use fluoro_core::bundle::BundleSource;
use fluoro_core::dataset::{Dataset, Part, PatientSplit};
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Analysis, Edit, Engine};
use fluoro_core::metrics::auc_bootstrap;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::samples;
use fluoro_tests::data;

/// The split that the shipped bundle was trained with.
const SPLIT: PatientSplit = PatientSplit { seed: 20_261_122, held_out: 0.2 };

fn engine() -> Engine {
    Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu()).unwrap()
}

#[test]
fn the_shipped_bundle_says_where_it_comes_from() {
    let engine = engine();
    let about = &engine.manifest().provenance;
    assert!(about.data.contains("NIH Clinical Center") && about.data.contains("CVPR 2017"), "{}", about.data);
    assert!(about.limits.contains("Not for diagnosis") && !about.licence.is_empty());
    assert_eq!(about.recipes.keys().map(String::as_str).collect::<Vec<_>>(), ["autoencoder", "classifier", "sae"]);
    let labels: Vec<&str> = engine.bundle().labels().collect();
    assert_eq!(labels.len(), 17);
    assert!(["AP view", "PORTABLE marker", "Male"].iter().all(|label| labels.contains(label)), "{labels:?}");
    let folder = fluoro_tests::repository().join("models/nih-small");
    let bytes: u64 = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 25_000_000, "{bytes} bytes");
}

#[test]
fn unseen_patients_are_read_well() {
    let Some(data) = data("quality on films of unseen patients") else { return };
    let engine = engine();
    let films = Dataset::open(&[data.join("nih"), data.join("nih_extra")]).unwrap().part(&SPLIT, Part::HeldOut).films;
    let analyses: Vec<Analysis> =
        films.iter().map(|film| engine.analyze(&Radiograph::open(&film.path).unwrap()).unwrap()).collect();
    let mean = |value: &dyn Fn(&Analysis) -> f64| analyses.iter().map(value).sum::<f64>() / analyses.len() as f64;
    let mae = mean(&|a| a.quality.unwrap().mae);
    let explained = mean(&|a| a.sae.unwrap().explained_variance);
    let active = mean(&|a| a.sae.unwrap().active);
    println!("{} films: MAE {mae:.1}, SAE explains {explained:.3} with {active:.1} active", films.len());

    let mut view = None;
    for (index, label) in engine.bundle().labels().enumerate() {
        let (mut scores, mut truth, mut patients) = (Vec::new(), Vec::new(), Vec::new());
        for (film, analysis) in films.iter().zip(&analyses) {
            if let Some(&known) = film.columns.get(label) {
                scores.push(analysis.predictions[index]);
                truth.push(known > 0.5);
                patients.push(film.patient.as_str());
            }
        }
        let positives = truth.iter().filter(|&&t| t).count();
        match auc_bootstrap(&scores, &truth, &patients, 1000, 0.95, 1) {
            Ok(auc) => {
                println!("{label:<20} AUC {:.3} ({:.3} to {:.3}), {positives} films", auc.value, auc.low, auc.high)
            }
            Err(error) => println!("{label:<20} no AUC, {positives} films: {error}"),
        }
        if label == "AP view" {
            view = fluoro_core::metrics::auc(&scores, &truth).ok();
        }
    }
    assert!(mae <= 50.0, "MAE {mae}");
    assert!(explained >= 0.85 && active <= 32.0, "SAE explains {explained} with {active} active");
    assert!(view.is_some_and(|auc| auc >= 0.97), "AP view AUC {view:?}");
}

/// Analyses of the sample films, which every machine has.
fn sample_analyses(engine: &Engine) -> Vec<Analysis> {
    samples::names().map(|name| engine.analyze(&samples::open(name).unwrap()).unwrap()).collect()
}

fn of(values: &[(usize, f32)]) -> Edit {
    Edit { features: BTreeMap::from_iter(values.iter().copied()), ..Edit::default() }
}

#[test]
fn an_unedited_slider_is_the_reconstruction() {
    let engine = engine();
    for analysis in sample_analyses(&engine) {
        let reconstruction = analysis.reconstruction.clone().unwrap();
        assert_eq!(engine.edit(&analysis, &Edit::default()).unwrap(), reconstruction);
        for feature in engine.top_features(&analysis, 3) {
            let own = of(&[(feature, analysis.activations[feature])]);
            assert_eq!(engine.edit(&analysis, &own).unwrap(), reconstruction, "feature {feature}");
        }
    }
}

#[test]
fn a_feature_to_zero_and_back_is_the_same_picture() {
    let engine = engine();
    for analysis in sample_analyses(&engine) {
        let [a, b] = engine.top_features(&analysis, 2)[..] else { panic!("two active features") };
        let before = engine.edit(&analysis, &of(&[(a, 3.0)])).unwrap();
        let off = engine.edit(&analysis, &of(&[(a, 3.0), (b, 0.0)])).unwrap();
        let back = engine.edit(&analysis, &of(&[(a, 3.0), (b, analysis.activations[b])])).unwrap();
        assert!(off != before && back == before);
        let off = engine.edit(&analysis, &of(&[(a, 0.0)])).unwrap();
        let back = engine.edit(&analysis, &of(&[(a, analysis.activations[a])])).unwrap();
        assert!(off != back && back == analysis.reconstruction.clone().unwrap());
    }
}

#[test]
fn edits_of_two_features_commute() {
    let engine = engine();
    for analysis in sample_analyses(&engine) {
        let [a, b, c] = engine.top_features(&analysis, 3)[..] else { panic!("three active features") };
        let one = engine.edit(&analysis, &of(&[(a, 0.0), (b, 5.0), (c, 1.0)])).unwrap();
        assert_eq!(one, engine.edit(&analysis, &of(&[(c, 1.0), (b, 5.0), (a, 0.0)])).unwrap());
    }
}
