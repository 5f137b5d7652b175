//! Use, on networks whose answers are known, and on bundles of both routes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::prelude::*;
use burn::tensor::{Distribution, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::bundle::load::{CLASSIFIER_FILE, ENCODER_FILE, SAE_FILE};
use crate::bundle::manifest::{ClassifierKind, ClassifierPart, Label, SaeKind, SaePart};
use crate::bundle::{BundleSource, Route, save, suppress};
use crate::device::ComputeDevice;
use crate::engine::{Edit, Engine, Progress};
use crate::error::Result;
use crate::import::compose::{Found, Part, compose, trunk};
use crate::metrics::Estimate;
use crate::models::classifier::{ClassifierConfig, ConvClassifier};
use crate::models::dictionary::{DictionaryActivation, DictionarySae, DictionarySaeConfig, TokenNormalisation};
use crate::models::weights::{self, Weights};
use crate::preprocess::Preprocess;
use crate::samples;

/// A linear head on latents.
struct Linear(Vec<f32>);

impl LatentReader for Linear {
    fn logits(&self, latents: &[f32], films: usize) -> Result<Vec<f32>> {
        let of = |latent: &[f32]| latent.iter().zip(&self.0).map(|(z, w)| z * w).sum();
        Ok(latents.chunks_exact(latents.len() / films).map(of).collect())
    }
}

const DIM: usize = 24;

/// Films whose first number shows the confounder, whose second the label; both go together on `share` of the films.
fn films(count: usize, share: f64) -> Vec<AuditedFilm> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    (0..count)
        .map(|film| {
            let truth = film % 2 == 0;
            let shown = truth == random.random_bool(share);
            let mut latent: Vec<f32> = (0..DIM).map(|_| random.random_range(-1.0..1.0)).collect();
            latent[0] += if shown { 3.0 } else { 0.0 };
            latent[1] += if truth { 1.5 } else { 0.0 };
            AuditedFilm {
                name: format!("{film}"),
                source: FilmSource::Latent(latent),
                patient: format!("{}", film / 3),
                group: Some(if shown { "1" } else { "0" }.into()),
                truth: vec![Some(truth)],
            }
        })
        .collect()
}

fn linear(confounder: f32) -> UsageModel<'static> {
    // It reads every number a little, as a fitted head does.
    let mut weight: Vec<f32> = (0..DIM).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
    (weight[0], weight[1]) = (confounder, 2.0);
    let label = AskedLabel { name: "Label".into(), operating_point: 0.5 };
    UsageModel::with_reader([1, DIM], vec![label], None, format!("{confounder}"), Box::new(Linear(weight)))
}

fn request(films: Vec<AuditedFilm>) -> UsageRequest<'static> {
    let mut axis = vec![0.0; DIM];
    axis[0] = 2.0;
    let direction = Direction::orthogonal(&axis).expect("a direction");
    let edit =
        UsageEdit { name: "confounder".into(), target: Target::Direction(direction), operation: Operation::Remove };
    let mut request = UsageRequest::new(films, vec![edit]);
    (request.column, request.shown) = (Some("Sticker".into()), Some("1".into()));
    request
}

fn json(table: &UsageTable) -> String {
    serde_json::to_string(table).expect("plain numbers")
}

#[test]
fn use_is_found_where_it_is_and_not_where_it_is_not() {
    let told = Estimate { value: 0.99, low: 0.98, high: 1.0 };
    for (weight, share, verdict) in [
        (1.0, 0.9, Verdict::Both),
        (-1.0, 0.5, Verdict::Both),
        (0.0, 0.9, Verdict::Detected),
        (0.02, 0.5, Verdict::Detected),
    ] {
        let table = measure(&linear(weight), &request(films(900, share)), &Progress::silent()).expect("measured");
        let row = &table.rows[0];
        let judged = is_used(row, Some(told), &VerdictRule::default());
        assert_eq!(judged.verdict, verdict, "{weight} {share} {judged:?}");
        let contrast = row.contrast.expect("both kinds");
        // Of a linear head the contrast is what the head reads along the axis.
        assert!((contrast.logit.value + 3.0 * f64::from(weight)).abs() < 0.2 * f64::from(weight.abs()) + 0.02);
        assert_eq!((row.overall.films, table.patients, contrast.shown + contrast.others), (900, 300, 900));
        let untold = is_used(row, Some(Estimate { value: 0.5, low: 0.45, high: 0.55 }), &VerdictRule::default());
        assert_eq!(untold.verdict, if weight.abs() == 1.0 { Verdict::Used } else { Verdict::Neither });
    }
}

#[test]
fn removing_what_is_used_narrows_gaps_between_groups() {
    let table = measure(&linear(1.0), &request(films(900, 0.9)), &Progress::silent()).expect("measured");
    let found = table.rows[0].performance.as_ref().expect("truth");
    assert_eq!((found.positives, found.negatives), (450, 450));
    let gap = |gaps: &Gaps| gaps.false_positive_rate.expect("two groups");
    assert!(gap(&found.gaps_after) < gap(&found.gaps_before) - 0.3, "{found:?}");
    for scores in [found.before, found.after] {
        let counts = scores.decisions;
        assert_eq!(counts.positives() + counts.negatives(), 900);
        assert!(scores.auc.is_some_and(|auc| auc.low <= auc.value && auc.value <= auc.high));
    }
    let change = &table.rows[0].overall;
    assert_eq!(change.changed, 900);
    assert!(change.logit_quantiles.is_sorted() && change.flips.all() > 0);
}

#[test]
fn an_interrupted_audit_goes_on_to_the_same_numbers_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = json(&measure(&linear(1.0), &request(films(700, 0.8)), &Progress::silent()).expect("measured"));
    let path = folder.path().join("use.part");
    let wanted = UsageRequest { checkpoint: Some(path.clone()), ..request(films(700, 0.8)) };
    let cancelled = AtomicBool::new(false);
    let report = |step: crate::engine::Step<'_>| {
        if step.stage == "measuring use" && step.done >= 256 {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let stopped = measure(&linear(1.0), &wanted, &Progress::new(&report, &cancelled));
    assert!(matches!(stopped, Err(crate::Error::Cancelled)) && path.exists());
    let other = measure(&linear(0.5), &wanted, &Progress::silent()).expect_err("another model").to_string();
    assert!(other.contains("checkpoint is of an audit of other films"), "{other}");
    let seen = AtomicBool::new(false);
    let from_the_start = |step: crate::engine::Step<'_>| {
        seen.fetch_or(step.stage == "reading latents", Ordering::Relaxed);
    };
    let never = AtomicBool::new(false);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
    let resumed = threads.install(|| measure(&linear(1.0), &wanted, &Progress::new(&from_the_start, &never)));
    assert_eq!(json(&resumed.expect("measured")), whole);
    assert!(!seen.load(Ordering::Relaxed) && !path.exists());

    std::fs::write(&path, b"nonsense that is longer than a digest of thirty-two bytes").expect("written");
    let damaged = measure(&linear(1.0), &wanted, &Progress::silent()).expect_err("damaged").to_string();
    assert!(damaged.contains("damaged"), "{damaged}");
}

#[test]
fn a_place_among_controls_counts_itself() {
    let place = rows::place(-2.0, &[1.0, -2.0, 3.0, 0.0]).expect("controls");
    assert_eq!((place.as_large, place.p, place.mean, place.largest), (2, 0.6, 0.5, 3.0));
    assert!(rows::place(1.0, &[]).is_none());
    let same = rows::place(1.0, &[0.5, 0.5]).expect("controls");
    assert_eq!((same.z, same.p), (None, 1.0 / 3.0));
}

/// A bundle of a small random classifier whose trunk is the encoder, and of a random SAE on it.
fn trunk_bundle(folder: &Path, normalisation: TokenNormalisation) -> BundleSource {
    let device = Device::flex();
    device.seed(11);
    let config = ClassifierConfig { channels: [4, 6, 8, 10], ..ClassifierConfig::new(2) };
    let mut network = weights::collect(&ConvClassifier::new(&config, &device));
    let random = |shape: Vec<usize>, deviation: f64| {
        let count: usize = shape.iter().product();
        let values = Tensor::<1>::random([count], Distribution::Normal(0.0, deviation), &device);
        TensorData::new(values.into_data().try_into_vec::<f32>().expect("floats"), shape)
    };
    let out = network.get_mut("members.0.out.weight").expect("the last layer");
    *out = random(out.shape().to_vec(), 1.0);
    let label = |name: &str, operating_point: f32| Label {
        name: name.into(),
        operating_point,
        positives: 0,
        base_rate: None,
        auc: None,
    };
    let part = ClassifierPart {
        architecture: ClassifierKind::Conv(config),
        labels: vec![label("A", 0.4), label("B", 0.6)],
        preprocess: None,
    };
    let read = Preprocess::torchxrayvision(64);
    let classifier = Part { found: Found::Classifier(part, network, read), source: "test".into() };
    let mut parts = trunk(vec![classifier]).expect("a trunk");
    let (input, features) = (20, 12);
    let sae = DictionarySaeConfig {
        input,
        features,
        activation: DictionaryActivation::Relu,
        subtract_decoder_bias: false,
        normalisation,
        expected_active: None,
    };
    let made = weights::collect(&DictionarySae::new(&sae, &device));
    let made: Weights = made.into_iter().map(|(name, data)| (name, random(data.shape().to_vec(), 0.3))).collect();
    let part = SaePart {
        architecture: SaeKind::Dictionary(sae),
        features: Vec::new(),
        explained_variance: f32::NAN,
        active_per_token: f32::NAN,
        suppressed: Vec::new(),
    };
    parts.push(Part { found: Found::Sae(part, save::prefixed("sae", made)), source: "test".into() });
    let mut composed = compose("test", parts).expect("the parts fit");
    let beside = save::Beside::new(folder).expect("a folder");
    for (file, weights) in composed.tensors {
        beside.tensors(&mut composed.manifest, file, weights).expect("written");
    }
    beside.manifest(&composed.manifest).expect("written");
    beside.finish().expect("moved");
    assert_ne!(composed.manifest.files[ENCODER_FILE], composed.manifest.files[CLASSIFIER_FILE]);
    BundleSource::Folder(folder.to_path_buf())
}

fn open(source: &BundleSource) -> Engine {
    Engine::open(source, ComputeDevice::cpu()).expect("the bundle opens")
}

/// One film as a file, and as an audited film.
fn a_film(folder: &Path) -> (crate::radiograph::Radiograph, AuditedFilm) {
    let film = samples::open(samples::names().next().expect("a sample")).expect("the sample opens");
    let path = folder.join("film.png");
    let side = 64;
    let drawn =
        crate::phantom::Phantom { seed: 3, settings: crate::phantom::Prevalence::default().draw(3).expect("drawn") };
    let png = drawn.render(side).to_png(&drawn.mark()).expect("a PNG");
    std::fs::write(&path, png).expect("written");
    drop(film);
    let film = crate::radiograph::Radiograph::open(&path).expect("a film");
    let audited = AuditedFilm {
        name: "film.png".into(),
        source: FilmSource::File(path),
        patient: "1".into(),
        group: None,
        truth: Vec::new(),
    };
    (film, audited)
}

fn removal(features: &[usize]) -> UsageEdit {
    UsageEdit { name: "removed".into(), target: Target::Features(features.to_vec()), operation: Operation::Remove }
}

/// Raw probabilities of a film.
fn raw(engine: &Engine, scores: &[f32]) -> Vec<f32> {
    engine.named_predictions(scores).into_iter().map(|prediction| prediction.raw).collect()
}

#[test]
fn a_suppressed_feature_of_a_trunk_is_gone_from_predictions_and_an_audit_says_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let (film, audited) = a_film(folder.path());
    for normalisation in [TokenNormalisation::None, TokenNormalisation::LayerNorm] {
        let parent = trunk_bundle(&folder.path().join("parent"), normalisation);
        let engine = open(&parent);
        assert!(engine.bundle().is_trunk && engine.bundle().route().expect("a way") == Route::Head);
        let before = engine.analyze(&film).expect("analysed");
        let [a, b] = engine.top_features(&before, 2)[..] else { panic!("two features fire") };
        let output = folder.path().join("without");
        let manifest = suppress(&parent, &[b, a, b], &output).expect("suppressed");
        let mut sorted = vec![a, b];
        sorted.sort_unstable();
        assert_eq!(manifest.suppressed(), sorted);
        assert_eq!(manifest.encoding_hash(), engine.manifest().encoding_hash());
        assert_eq!(manifest.files[SAE_FILE], engine.manifest().files[SAE_FILE]);
        assert!(manifest.provenance.recipes["suppressed"].contains("parent") || manifest.version == 3);
        let mitigated = open(&BundleSource::Folder(output));
        let after = mitigated.analyze(&film).expect("analysed");
        assert_eq!((after.activations[a], after.activations[b]), (0.0, 0.0));

        // By hand: the latent less each feature's activation times its row.
        let latent = engine.read(before_latent(&engine, &film)).expect("a latent");
        let sae = SaeView::of(&engine).expect("read").expect("an SAE");
        let model = UsageModel::of(&engine).expect("a way");
        let coded = model.code(vec![latent.clone()]).expect("coded").pop().expect("one");
        let scale = coded.scale.first().copied().unwrap_or(1.0);
        let mut left = latent;
        for feature in [a, b] {
            let row = &sae.rows[feature * sae.dim..(feature + 1) * sae.dim];
            left.iter_mut().zip(row).for_each(|(z, r)| *z -= before.activations[feature] * scale * r);
        }
        let logits = model.logits(&left, 1).expect("logits");
        let wanted: Vec<f32> = logits.iter().map(|&logit| performance::sigmoid(logit) as f32).collect();
        let found = raw(&mitigated, &after.predictions);
        let own = raw(&engine, &before.predictions);
        assert!(wanted.iter().zip(&found).all(|(w, f)| (w - f).abs() < 1e-5), "{wanted:?} {found:?}");
        assert!(own.iter().zip(&found).any(|(o, f)| (o - f).abs() > 1e-3), "{own:?} {found:?}");

        let wish = UsageRequest::new(vec![audited.clone()], vec![removal(&[a, b])]);
        let table = measure(&model, &wish, &Progress::silent()).expect("measured");
        for (label, row) in table.rows.iter().enumerate() {
            let change = row.overall.probability.expect("one film").value;
            assert!((change - f64::from(found[label] - own[label])).abs() < 1e-5, "{row:?}");
            assert!(row.residual.is_some_and(|residual| residual.relative_norm > 0.0));
        }
        // Of a bundle without the features, removing them changes nothing.
        let table = measure(&UsageModel::of(&mitigated).expect("a way"), &wish, &Progress::silent()).expect("measured");
        assert_eq!((table.rows[0].size.changed, table.rows[0].overall.films), (0, 1));
        // Suppressing one after the other is the same.
        let one = folder.path().join("one");
        suppress(&parent, &[a], &one).expect("suppressed");
        let both = folder.path().join("both");
        suppress(&BundleSource::Folder(one), &[b], &both).expect("suppressed");
        let again = open(&BundleSource::Folder(both)).analyze(&film).expect("analysed");
        assert_eq!(again.predictions, after.predictions);
    }
}

fn before_latent(engine: &Engine, film: &crate::radiograph::Radiograph) -> std::result::Result<Vec<f32>, String> {
    use crate::engine::IntoFloats;
    let encoder = engine.bundle().encoder.clone().expect("an encoder");
    let input = engine.manifest().encoder_input().apply(film);
    encoder.encode(engine.film_tensor(&input)).into_floats()
}

#[test]
fn a_suppressed_feature_of_a_decoder_bundle_is_gone_from_predictions() {
    let folder = tempfile::tempdir().expect("folder");
    let parent = BundleSource::Embedded("nih-small".into());
    let engine = open(&parent);
    assert_eq!(engine.bundle().route().expect("a way"), Route::Decoder);
    let (film, audited) = a_film(folder.path());
    let analysis = engine.analyze(&film).expect("analysed");
    let [a, b] = engine.top_features(&analysis, 2)[..] else { panic!("two features fire") };
    let edit = Edit { features: [(a, 0.0), (b, 0.0)].into(), ..Edit::default() };
    let edited = engine.edit(&analysis, &edit).expect("edited");
    let output = folder.path().join("without");
    suppress(&parent, &[a, b], &output).expect("suppressed");
    let mitigated = open(&BundleSource::Folder(output));
    let after = mitigated.analyze(&film).expect("analysed");
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(near(&after.predictions, &edited.predictions), "{:?} {:?}", after.predictions, edited.predictions);
    assert_eq!((after.activations[a], after.activations[b]), (0.0, 0.0));
    let frame = after.reconstruction.as_ref().expect("a decoder");
    assert_eq!(frame.predictions, after.predictions);
    // Another feature's edit starts from there.
    let other = mitigated.top_features(&after, 1)[0];
    let step = |feature: usize, value: f32| Edit { features: [(feature, value)].into(), ..Edit::default() };
    let both = Edit { features: [(a, 0.0), (b, 0.0), (other, 0.0)].into(), ..Edit::default() };
    let expected = engine.edit(&analysis, &both).expect("edited");
    assert!(near(&mitigated.edit(&after, &step(other, 0.0)).expect("edited").predictions, &expected.predictions));
    let refused = mitigated.edit(&after, &step(a, 1.0)).expect_err("suppressed").to_string();
    assert!(refused.contains("suppressed"), "{refused}");

    let wish = UsageRequest { controls: 2, ..UsageRequest::new(vec![audited], vec![removal(&[a, b])]) };
    let table = measure(&UsageModel::of(&engine).expect("a way"), &wish, &Progress::silent()).expect("measured");
    let reconstruction = analysis.reconstruction.as_ref().expect("a decoder");
    let [from, to] = [&reconstruction.predictions, &edited.predictions].map(|scores| raw(&engine, scores));
    for (label, row) in table.rows.iter().enumerate() {
        let change = row.overall.probability.expect("one film").value;
        assert!((change - f64::from(to[label] - from[label])).abs() < 1e-4, "{row:?}");
        assert_eq!(row.controls.iter().map(|controls| controls.count).collect::<Vec<_>>(), [2, 2]);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let parent = trunk_bundle(&folder.path().join("parent"), TokenNormalisation::None);
    let output = folder.path().join("out");
    for (features, reason) in
        [(&[99][..], "feature 99 does not exist; this bundle has features 0 to 11"), (&[], "at least one")]
    {
        let error = suppress(&parent, features, &output).expect_err("refused").to_string();
        assert!(error.contains(reason) && !output.exists(), "{error}");
    }
    let engine = open(&parent);
    let model = UsageModel::of(&engine).expect("a way");
    let (_, audited) = a_film(folder.path());
    let ask = |edit: UsageEdit| {
        let wish = UsageRequest::new(vec![audited.clone()], vec![edit]);
        measure(&model, &wish, &Progress::silent()).map(drop).expect_err("refused").to_string()
    };
    assert!(ask(removal(&[12])).contains("features 0 to 11"));
    assert!(ask(removal(&[1, 1])).contains("twice"));
    assert!(ask(removal(&[])).contains("names no feature"));
    let set = UsageEdit { operation: Operation::Set(-1.0), ..removal(&[1]) };
    assert!(ask(set).contains("no value"));
    let short = Target::Direction(Direction::orthogonal(&[1.0, 2.0]).expect("a direction"));
    assert!(ask(UsageEdit { target: short, ..removal(&[1]) }).contains("2 numbers"));
    let missing = AuditedFilm { source: FilmSource::File(folder.path().join("no.png")), ..audited.clone() };
    let wish = UsageRequest::new(vec![missing.clone()], vec![removal(&[1])]);
    assert!(measure(&model, &wish, &Progress::silent()).expect_err("no film").to_string().contains("none of 1"));
    // One that cannot be read leaves the others alone.
    let wish = UsageRequest::new(vec![missing, audited], vec![removal(&[1])]);
    let table = measure(&model, &wish, &Progress::silent()).expect("measured");
    assert_eq!((table.films, table.measured, table.left_out.len()), (2, 1, 1));

    // A classifier that is not the encoder's: nothing leads from the latent to its predictions.
    let mut text = std::fs::read_to_string(folder.path().join("parent/bundle.ron")).expect("a manifest");
    assert!(text.contains("suppressed") || text.contains("active_per_token"));
    text = text.replacen("dropout: 0.2", "dropout: 0.1", 1);
    std::fs::write(folder.path().join("parent/bundle.ron"), text).expect("written");
    let other = open(&parent);
    assert!(!other.bundle().is_trunk);
    let reason = UsageModel::of(&other).map(drop).expect_err("no way").to_string();
    assert!(reason.contains("--trunk") && reason.contains("train decoder"), "{reason}");
    assert!(suppress(&parent, &[1], &output).is_err() && !output.exists());
}
