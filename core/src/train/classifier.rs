//! Training of the classifier: binary cross-entropy over the labels that are known, softened by a published network's
//! opinion where the dataset ships one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Distribution, TensorData};

use super::autoencoder::stack;
use super::checkpoint::{Checkpoints, Position};
use super::data::TrainingData;
use super::films::Films;
use super::{TrainJob, TrainReport, augment, bundle_path, recipe_text, schedule};
use crate::bundle::load::{self, AUTOENCODER_FILE, CLASSIFIER_FILE};
use crate::bundle::manifest::{ClassifierKind, ClassifierPart, Label, LatentShape, Manifest};
use crate::bundle::{Bundle, BundleFiles, BundleSource, save};
use crate::dataset::FilmRecord;
use crate::engine::IntoFloats;
use crate::error::{Error, Result};
use crate::metrics;
use crate::models::classifier::{ClassifierConfig, ConvClassifier};
use crate::models::weights;
use crate::models::{Classifier, Decoder, Encoder};

const NAME: &str = "classifier";
/// Weight of the published network's probability against the label, where there is one.
const TEACHER_SHARE: f32 = 0.5;
/// Noise on the latents that films are redrawn from, in standard deviations of the batch's latents.
const LATENT_NOISE: f32 = 0.1;
/// Fewest held-out films with a label, and without, for an AUC to be said.
const FEWEST: usize = 5;
const BOOTSTRAPS: usize = 2000;

pub(super) fn train(job: &TrainJob<'_>) -> Result<TrainReport> {
    let start = Instant::now();
    let options = &job.options;
    let data = TrainingData::read(job)?;
    let (training, held_out) = (&data.training, &data.held_out);
    let labels: Vec<&str> = data.labels.iter().map(String::as_str).collect();
    let config = ClassifierConfig::new(labels.len());
    let plain = job.tensor_device().clone();
    let device = plain.clone().autodiff();
    let no_latent = LatentShape { tokens: 0, dim: 0, grid: None };
    let manifest = job.manifest(no_latent, &data.sources)?;
    let side = manifest.preprocess.size;
    let held_out_inputs = held_out.inputs(&manifest.preprocess)?;
    let redraw = Redraw::of(job, &manifest, &plain)?;

    device.seed(options.seed);
    let untrained = ConvClassifier::new(&config, &device);
    let untrained = match &job.start {
        Some(source) => started_from(source, &untrained, &config, &labels, &device)?,
        None => untrained,
    };
    let model =
        weights::apply(untrained.clone(), &mut weights::collect(&untrained), &device).map_err(Error::Invalid)?;
    let optimizer = AdamWConfig::new().with_weight_decay(options.weight_decay).init();
    let checkpoints = Checkpoints::new(job.checkpoint_folder(NAME));
    let beginning = Position {
        epochs_done: 0,
        options: options.clone(),
        inputs: format!("{} {}", training.fingerprint(), redraw.as_ref().map_or("", |redraw| redraw.hash.as_str())),
        history: Vec::new(),
    };
    let (mut model, mut optimizer, mut position) =
        checkpoints.begin(job.resume, model, optimizer, beginning, &device)?;

    let steps_per_epoch = training.len().div_ceil(options.batch);
    let steps = steps_per_epoch * options.epochs;
    for epoch in position.epochs_done..options.epochs {
        let mut rng = schedule::epoch_rng(options.seed, epoch);
        device.seed(options.seed.wrapping_add(epoch as u64 + 1));
        let mut loss_sum = 0.0;
        for (index, batch) in schedule::batches(training.len(), options.batch, &mut rng).iter().enumerate() {
            let step = epoch * steps_per_epoch + index;
            let films = data.batch(batch, &augment::CLASSIFIER, side, &mut rng);
            let (targets, known) = targets(batch.iter().map(|&i| &training.records[i]), &labels, &device);
            let films = half_redrawn(stack(&films, side, &plain), redraw.as_ref());
            let mut loss = Tensor::<1>::zeros([1], &device);
            for logits in model.training_logits(films.autodiff()) {
                loss = loss + cross_entropy(logits, targets.clone(), known.clone());
            }
            loss_sum += f64::from(loss.clone().into_floats().map_err(Error::Invalid)?[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let rate = schedule::learning_rate(options.learning_rate, step, steps);
            model = optimizer.step(rate, model, gradients);
            let stage = format!("classifier, loss {:.4}", loss_sum / (index + 1) as f64);
            job.progress.step(&stage, step + 1, steps)?;
        }
        position.epochs_done = epoch + 1;
        let mean_loss = loss_sum / steps_per_epoch as f64;
        if (epoch + 1) % 5 == 0 || epoch + 1 == options.epochs {
            let copy = weights::copied_to(&model, &plain).map_err(Error::Invalid)?;
            let scores = scores(&copy, &held_out_inputs, side, &plain)?;
            let aucs: Vec<f64> =
                (0..labels.len()).filter_map(|label| plain_auc(&scores, held_out, label, labels[label])).collect();
            let (mean, least) =
                (aucs.iter().sum::<f64>() / aucs.len().max(1) as f64, aucs.iter().copied().fold(1.0, f64::min));
            tracing::info!(epoch = epoch + 1, loss = mean_loss, mean, least, "classifier: AUC over labels");
            position.history.push(vec![mean_loss, mean, least]);
        }
        checkpoints.write(&model, &optimizer, &position)?;
    }

    let model = weights::copied_to(&model, &plain).map_err(Error::Invalid)?;
    let scores = scores(&model, &held_out_inputs, side, &plain)?;
    let mut results = BTreeMap::new();
    let mut described = Vec::new();
    for (index, &label) in labels.iter().enumerate() {
        let estimate = label_auc(&scores, held_out, &labels, label);
        let known = training.records.iter().filter_map(|r| r.columns.get(label));
        let (known, positives) = known.fold((0, 0), |(all, with), &value| (all + 1, with + usize::from(value == 1.0)));
        if let Some(estimate) = &estimate {
            results.insert(format!("auc {label}"), estimate.value);
        }
        described.push(Label {
            name: label.to_owned(),
            operating_point: operating_point(&scores, held_out, index, label),
            positives,
            base_rate: (known > 0).then(|| positives as f32 / known as f32),
            auc: estimate.map(|e| [e.value as f32, e.low as f32, e.high as f32]),
        });
    }
    let report = TrainReport {
        bundle: bundle_path(&job.output),
        part: NAME.into(),
        films: [training.len(), held_out.len()],
        patients: [training.patients(), held_out.patients()],
        parameters: weights::parameter_count(&model),
        results,
        seconds: start.elapsed().as_secs_f64(),
    };
    // Read again: another part may have been trained in the meantime.
    let mut manifest = job.manifest(no_latent, &data.sources)?;
    manifest.classifier =
        Some(ClassifierPart { architecture: ClassifierKind::Conv(config), labels: described, preprocess: None });
    let redrawn = redraw.as_ref().map_or(String::new(), |redraw| {
        format!(
            "half of each batch drawn again by the autoencoder of {} (sha256 {}) with latent noise of 0.1 sd; ",
            redraw.name, redraw.hash
        )
    });
    let started = job.start.as_ref().map(start_note).transpose()?.unwrap_or_default();
    let note = format!(
        "fluoro train classifier; {started} binary cross-entropy over known labels; half of the target from \
                chexnet_preds.csv where a film has it; {redrawn}operating points: Youden's J on held-out films"
    );
    manifest.provenance.recipes.insert(NAME.into(), recipe_text(options, &report, job.device.name(), &note)?);
    let tensors = save::prefixed("classifier", weights::collect(&model));
    save::part(&job.output, &mut manifest, CLASSIFIER_FILE, &tensors)?;
    checkpoints.remove();
    Ok(report)
}

/// The classifier of a bundle, to go on from.
fn started_from(
    source: &BundleSource,
    untrained: &ConvClassifier,
    config: &ClassifierConfig,
    labels: &[&str],
    device: &Device,
) -> Result<ConvClassifier> {
    // Opened whole once, for its checks.
    let bundle = Bundle::open(source, &device.clone().inner())?;
    let own = ClassifierKind::Conv(config.clone());
    let its = bundle.manifest.classifier.as_ref().map(|part| &part.architecture);
    if its != Some(&own) || !bundle.labels().eq(labels.iter().copied()) {
        return Err(Error::Shape {
            what: format!("the classifier of \"{}\"", bundle.manifest.name),
            expected: format!("{own:?} of {}", labels.join(", ")),
            found: its.map_or_else(
                || "none".into(),
                |its| format!("{its:?} of {}", bundle.labels().collect::<Vec<_>>().join(", ")),
            ),
        });
    }
    let files = BundleFiles::open(source)?;
    let failed = |reason: String| Error::bundle(files.path(CLASSIFIER_FILE), reason);
    let named = load::weights_from_bytes(&files.read(CLASSIFIER_FILE)?).map_err(failed)?;
    let mut tensors = named
        .into_iter()
        .filter_map(|(name, data)| Some((name.strip_prefix("classifier.")?.to_owned(), data)))
        .collect();
    weights::apply(untrained.clone(), &mut tensors, device).map_err(failed)
}

/// What a recipe says of the classifier that training started from.
fn start_note(source: &BundleSource) -> Result<String> {
    let its = load::manifest(&BundleFiles::open(source)?)?;
    let hash = its.files.get(CLASSIFIER_FILE).map_or("", String::as_str);
    let recipe = its.provenance.recipes.get(NAME).map_or("", String::as_str);
    Ok(format!("started from the classifier of {} (sha256 {hash}), whose recipe is: {recipe}; ", its.name))
}

/// The bundle's autoencoder, to show the classifier films as they come out of it.
struct Redraw {
    encoder: Arc<dyn Encoder>,
    decoder: Arc<dyn Decoder>,
    /// SHA-256 of its weights, in hex.
    hash: String,
    /// The bundle's name.
    name: String,
}

impl Redraw {
    /// That of the bundle asked for, or of the one being trained; none while that has no autoencoder.
    fn of(job: &TrainJob<'_>, manifest: &Manifest, device: &Device) -> Result<Option<Self>> {
        let source = match &job.redraw {
            Some(source) => source.clone(),
            None if manifest.encoder.is_none() || manifest.decoder.is_none() => return Ok(None),
            None => BundleSource::Folder(job.output.clone()),
        };
        let bundle = Bundle::open(&source, device)?;
        if bundle.encoder.is_none() || bundle.decoder.is_none() {
            return Err(bundle.missing("autoencoder", "drawing films again"));
        }
        if bundle.manifest.preprocess != manifest.preprocess {
            return Err(Error::Shape {
                what: format!("the film that the autoencoder of \"{}\" reads", bundle.manifest.name),
                expected: format!("{:?}", manifest.preprocess),
                found: format!("{:?}", bundle.manifest.preprocess),
            });
        }
        let name = bundle.manifest.name.clone();
        let hash = bundle.manifest.files.get(AUTOENCODER_FILE).cloned().unwrap_or_default();
        Ok(bundle.encoder.zip(bundle.decoder).map(|(encoder, decoder)| Self { encoder, decoder, hash, name }))
    }
}

/// The batch with its first half drawn again by the autoencoder from latents blurred with noise: a classifier that reads
/// frames must know their look, or it reads the blur; and one that does not mind noise in the latent has a gradient there
/// that points at more than noise.
fn half_redrawn(films: Tensor<4>, redraw: Option<&Redraw>) -> Tensor<4> {
    let [count, _, _, _] = films.dims();
    let half = count / 2;
    match redraw {
        Some(redraw) if half > 0 => {
            let latent = redraw.encoder.encode(films.clone().narrow(0, 0, half));
            let [b, n, d] = latent.dims();
            let spread = latent.clone().reshape([b * n, d]).var(0).sqrt().mul_scalar(LATENT_NOISE).reshape([1, 1, d]);
            let noise = latent.random_like(Distribution::Normal(0.0, 1.0)) * spread;
            let drawn = redraw.decoder.decode(latent + noise);
            Tensor::cat(vec![drawn, films.narrow(0, half, count - half)], 0)
        }
        _ => films,
    }
}

/// Targets and which of them are known, `[b, labels]` each.
pub(super) fn targets<'a>(
    records: impl Iterator<Item = &'a FilmRecord>,
    labels: &[&str],
    device: &Device,
) -> (Tensor<2>, Tensor<2>) {
    let (mut values, mut known, mut films) = (Vec::new(), Vec::new(), 0);
    for record in records {
        films += 1;
        for &label in labels {
            let own = record.columns.get(label);
            let value = match (own, record.teacher.get(label)) {
                (Some(&own), Some(&teacher)) => own * (1.0 - TEACHER_SHARE) + teacher * TEACHER_SHARE,
                (Some(&own), None) => own,
                (None, _) => 0.0,
            };
            values.push(value);
            known.push(f32::from(u8::from(own.is_some())));
        }
    }
    let tensor = |data: Vec<f32>| Tensor::from_data(TensorData::new(data, [films, labels.len()]), device);
    (tensor(values), tensor(known))
}

/// Mean binary cross-entropy over known entries, in the form that cannot overflow:
/// `max(x, 0) - x t + ln(1 + exp(-|x|))`.
pub(super) fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>, known: Tensor<2>) -> Tensor<1> {
    let losses =
        logits.clone().clamp_min(0.0) - logits.clone() * targets + logits.abs().neg().exp().add_scalar(1.0).log();
    (losses * known.clone()).sum() / known.sum().clamp_min(1.0)
}

/// Sigmoid outputs, `[films][labels]`.
fn scores(model: &ConvClassifier, inputs: &[Vec<f32>], side: usize, device: &Device) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::with_capacity(inputs.len());
    for batch in inputs.chunks(16) {
        let logits = model.logits(stack(batch, side, device));
        let [_, labels] = logits.dims();
        let values = sigmoid(logits).into_floats().map_err(Error::Invalid)?;
        all.extend(values.chunks_exact(labels).map(<[f32]>::to_vec));
    }
    Ok(all)
}

/// Held-out scores and truths of one label where it is known.
fn known_scores(scores: &[Vec<f32>], films: &Films, index: usize, label: &str) -> (Vec<f32>, Vec<bool>, Vec<String>) {
    let mut out = (Vec::new(), Vec::new(), Vec::new());
    for (film, record) in scores.iter().zip(&films.records) {
        if let Some(&value) = record.columns.get(label) {
            out.0.push(film[index]);
            out.1.push(value > 0.5);
            out.2.push(record.patient.clone());
        }
    }
    out
}

/// AUC without an interval, where there are films enough to say.
fn plain_auc(scores: &[Vec<f32>], films: &Films, index: usize, label: &str) -> Option<f64> {
    let (scores, truths, _) = known_scores(scores, films, index, label);
    let positives = truths.iter().filter(|&&t| t).count();
    (positives >= FEWEST && truths.len() - positives >= FEWEST).then(|| metrics::auc(&scores, &truths).ok()).flatten()
}

fn label_auc(scores: &[Vec<f32>], films: &Films, labels: &[&str], label: &str) -> Option<metrics::Estimate> {
    let index = labels.iter().position(|&l| l == label)?;
    let (scores, truths, patients) = known_scores(scores, films, index, label);
    let positives = truths.iter().filter(|&&t| t).count();
    if positives < FEWEST || truths.len() - positives < FEWEST {
        return None;
    }
    metrics::auc_bootstrap(&scores, &truths, &patients, BOOTSTRAPS, 0.95, 1).ok()
}

/// The score that maximises sensitivity + specificity - 1 (Youden) on held-out films; the label's share where there are
/// too few films to say.
fn operating_point(scores: &[Vec<f32>], films: &Films, index: usize, label: &str) -> f32 {
    let (scores, truths, _) = known_scores(scores, films, index, label);
    let positives = truths.iter().filter(|&&t| t).count();
    let negatives = truths.len() - positives;
    if positives < FEWEST || negatives < FEWEST {
        return (positives as f32 / truths.len().max(1) as f32).clamp(0.01, 0.99);
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut hits, mut alarms, mut best, mut point) = (0, 0, f64::MIN, 0.5);
    for (rank, &film) in order.iter().enumerate() {
        if truths[film] {
            hits += 1
        } else {
            alarms += 1
        }
        // A threshold cannot part films of the same score.
        if order.get(rank + 1).is_some_and(|&next| scores[next] == scores[film]) {
            continue;
        }
        let youden = hits as f64 / positives as f64 - alarms as f64 / negatives as f64;
        if youden > best {
            best = youden;
            let next = order.get(rank + 1).map_or(0.0, |&n| scores[n]);
            point = (scores[film] + next) / 2.0;
        }
    }
    point.clamp(0.001, 0.999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_matches_its_definition_and_ignores_the_unknown() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[2.0, -80.0, 5.0]], &device);
        let targets = Tensor::<2>::from_floats([[1.0, 0.0, 0.0]], &device);
        let known = Tensor::<2>::from_floats([[1.0, 1.0, 0.0]], &device);
        let loss = cross_entropy(logits, targets, known).into_scalar::<f32>();
        let expected = ((1.0_f32 + (-2.0_f32).exp()).ln() + 0.0) / 2.0;
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
    }
}
