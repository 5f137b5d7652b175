//! Training of the gated SAE on the tokens of a bundle's own encoder, and the names of its features.
//!
//! Loss (sums over dimensions and features, means over tokens; Rajamanoharan et al. 2024, with SAE-Rad's free
//! decoder norms weighting the sparsity):
//! `|x - x_hat|^2 + lambda sum_i relu(pi_i) |W_dec,i| + |x - x_hat_gate|^2`. After training the gates are tightened until
//! no more features fire than are wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::Rng;

use super::autoencoder::stack;
use super::checkpoint::{Checkpoints, Position};
use super::data::TrainingData;
use super::films::Films;
use super::{TrainJob, TrainReport, augment, bundle_path, default_preprocess, recipe_text, schedule};
use crate::bundle::load::{QUANTILES_TENSOR, SAE_FILE, TYPICAL_MAPS_TENSOR};
use crate::bundle::manifest::{Feature, SaeKind, SaePart};
use crate::bundle::{Bundle, BundleSource, QUANTILES, save};
use crate::dataset::columns::{AP_VIEW, MALE};
use crate::engine::IntoFloats;
use crate::engine::analysis::film_activations;
use crate::error::{Error, Result};
use crate::metrics::{self, spearman};
use crate::models::sae::{GatedSae, GatedSaeConfig};
use crate::models::{Encoder, SparseAutoencoder, weights};

const NAME: &str = "sae";
/// Features for each token dimension, and fewest features.
const EXPANSION: usize = 8;
const FEWEST_FEATURES: usize = 512;
/// Weight of the sparsity term at the end of its ramp.
const LAMBDA: f64 = 3.0;
/// Steps over which the sparsity term grows to its weight.
const RAMP: usize = 500;
/// Views of each training film whose tokens are trained on, the plain one included.
const VIEWS: usize = 4;
const STEPS_PER_EPOCH: usize = 1000;
/// Least rank correlation, on training and on held-out films, for a column to name a feature.
const NAMING_CORRELATION: f32 = 0.2;
/// A feature that fired on fewer tokens of an epoch than this is given a new start.
const DEAD_TOKENS: f32 = 20.0;

pub(super) fn train(job: &TrainJob<'_>) -> Result<TrainReport> {
    let start = Instant::now();
    let options = &job.options;
    let plain = job.tensor_device().clone();
    let device = plain.clone().autodiff();
    let bundle = Bundle::open(&BundleSource::Folder(job.output.clone()), &plain)?;
    let encoder = bundle.encoder.clone().ok_or(bundle.missing("encoder", "SAE training"))?;
    let manifest = Arc::clone(&bundle.manifest);
    let fed = manifest.encoder_input();
    let side = fed.size;
    let dim = manifest.latent.dim;
    let config = GatedSaeConfig { input: dim, features: (dim * EXPANSION).max(FEWEST_FEATURES) };

    let data = TrainingData::read(job)?;
    let (training, held_out) = (&data.training, &data.held_out);
    let training_tokens = encode_all(&*encoder, &training.inputs(fed)?, side, &plain, job)?;
    let held_out_tokens = encode_all(&*encoder, &held_out.inputs(fed)?, side, &plain, job)?;
    let mut tokens = training_tokens.clone();
    // Views of a film that is not varied would all be the film itself; those of an encoder that sees another part of the
    // film, or more of its detail, cannot be made from the films in memory.
    let is_varied = options.augment && *fed == default_preprocess();
    for view in 1..if is_varied { VIEWS } else { 1 } {
        let mut rng = schedule::epoch_rng(options.seed, view);
        let films: Vec<usize> = (0..training.len()).collect();
        for batch in films.chunks(32) {
            let varied = data.batch(batch, &augment::AUTOENCODER, side, &mut rng);
            tokens.extend(encode_all(&*encoder, &varied, side, &plain, job)?);
        }
    }
    let (mean, scale) = mean_and_scale(&tokens, dim);
    for value in &mut tokens {
        *value /= scale;
    }
    let rows = tokens.len() / dim;

    device.seed(options.seed);
    let scaled_mean: Vec<f32> = mean.iter().map(|m| m / scale).collect();
    let untrained = GatedSae::new(&config, Tensor::from_data(TensorData::new(scaled_mean, [dim]), &device), &device);
    let model =
        weights::apply(untrained.clone(), &mut weights::collect(&untrained), &device).map_err(Error::Invalid)?;
    let optimizer = AdamWConfig::new().with_weight_decay(options.weight_decay).init();
    let checkpoints = Checkpoints::new(job.checkpoint_folder(NAME));
    let beginning = Position {
        epochs_done: 0,
        options: options.clone(),
        inputs: format!(
            "{} {}",
            training.fingerprint(),
            manifest.encoder.as_ref().and_then(|kind| manifest.files.get(kind.file())).map_or("", String::as_str)
        ),
        history: Vec::new(),
    };
    let (mut model, mut optimizer, mut position) =
        checkpoints.begin(job.resume, model, optimizer, beginning, &device)?;

    let steps = STEPS_PER_EPOCH * options.epochs;
    for epoch in position.epochs_done..options.epochs {
        let mut rng = schedule::epoch_rng(options.seed ^ 0x5ae, epoch);
        device.seed(options.seed.wrapping_add(epoch as u64 + 1));
        let mut fired = vec![0.0_f32; config.features];
        let (mut error_sum, mut active_sum) = (0.0, 0.0);
        for index in 0..STEPS_PER_EPOCH {
            let step = epoch * STEPS_PER_EPOCH + index;
            let picked: Vec<f32> = (0..options.batch)
                .flat_map(|_| {
                    let row = rng.random_range(0..rows);
                    tokens[row * dim..(row + 1) * dim].iter().copied()
                })
                .collect();
            let x = Tensor::<2>::from_data(TensorData::new(picked, [options.batch, dim]), &device);
            let pass = model.training_pass(x.clone());
            let per_token = 1.0 / options.batch as f32;
            let error = (pass.reconstruction - x.clone()).powi_scalar(2).sum().mul_scalar(per_token);
            let sparsity = (pass.gate * pass.row_norms).sum().mul_scalar(per_token);
            let auxiliary = (pass.auxiliary - x).powi_scalar(2).sum().mul_scalar(per_token);
            let lambda = LAMBDA * (step as f64 / RAMP as f64).min(1.0);
            let loss = error.clone() + sparsity.mul_scalar(lambda as f32) + auxiliary;
            let firing = pass.activations.inner().greater_elem(0.0).float().sum_dim(0);
            let counts = firing.into_floats().map_err(Error::Invalid)?;
            let active = f64::from(counts.iter().sum::<f32>()) / options.batch as f64;
            for (total, count) in fired.iter_mut().zip(&counts) {
                *total += count;
            }
            error_sum += f64::from(error.inner().into_floats().map_err(Error::Invalid)?[0]);
            active_sum += active;
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let rate = schedule::learning_rate(options.learning_rate, step, steps);
            model = optimizer.step(rate, model, gradients);
            if index % 50 == 49 {
                let stage = format!("SAE, {:.1} active, error {:.3}", active, error_sum / (index + 1) as f64);
                job.progress.step(&stage, step + 1, steps)?;
            }
        }
        let alive = fired.iter().filter(|&&count| count >= DEAD_TOKENS).count();
        // Late restarts would have no time left to learn.
        if epoch + 2 < options.epochs {
            model = restart_dead(model, &fired, &tokens, dim, &mut rng, &device)?;
        }
        let (error, active) = (error_sum / STEPS_PER_EPOCH as f64, active_sum / STEPS_PER_EPOCH as f64);
        tracing::info!(epoch = epoch + 1, error, active, alive, "SAE");
        position.history.push(vec![error, active, alive as f64]);
        position.epochs_done = epoch + 1;
        checkpoints.write(&model, &optimizer, &position)?;
    }

    let model = weights::copied_to(&model, &plain).map_err(Error::Invalid)?.folded(scale);
    let model = at_most_wanted(model, &training_tokens, dim, options.active, &plain)?;
    let (explained_variance, film_explained, active) =
        quality(&model, &held_out_tokens, manifest.latent.tokens, dim, &plain)?;
    let of_training = activations(&model, &training_tokens, manifest.latent.tokens, dim, &plain)?;
    let of_held_out = activations(&model, &held_out_tokens, manifest.latent.tokens, dim, &plain)?;
    let features = name_features(&data.labels, &of_training.films, training, &of_held_out.films, held_out);
    let alive = features.iter().filter(|f| f.firing_rate > 0.0).count() as f64 / features.len() as f64;
    let named = features.iter().filter(|f| f.label.is_some()).count() as f64;
    let report = TrainReport {
        bundle: bundle_path(&job.output),
        part: NAME.into(),
        films: [training.len(), held_out.len()],
        patients: [training.patients(), held_out.patients()],
        parameters: weights::parameter_count(&model),
        results: BTreeMap::from([
            ("explained_variance".to_owned(), explained_variance),
            ("explained_variance within film".to_owned(), film_explained),
            ("active_per_token".to_owned(), active),
            ("alive share".to_owned(), alive),
            ("named features".to_owned(), named),
        ]),
        seconds: start.elapsed().as_secs_f64(),
    };
    // Read again: another part may have been trained in the meantime.
    let mut manifest = job.manifest(manifest.latent, &data.sources)?;
    manifest.sae = Some(SaePart {
        architecture: SaeKind::Gated(config.clone()),
        features,
        explained_variance: explained_variance as f32,
        active_per_token: active as f32,
        suppressed: Vec::new(),
    });
    let note = "fluoro train sae; gated, decoder norms free and weighting the sparsity, folded after training; lambda 3; \
                all gates tightened alike to the wanted active features a token; names: Spearman correlation with the table's columns, at least \
                0.2 on training and on held-out films";
    manifest.provenance.recipes.insert(NAME.into(), recipe_text(options, &report, job.device.name(), note)?);
    let mut tensors = save::prefixed("sae", weights::collect(&model));
    let quantiles = quantile_table(&of_training.films, config.features);
    tensors.insert(QUANTILES_TENSOR.into(), TensorData::new(quantiles, [config.features, QUANTILES]));
    let shape = [config.features, manifest.latent.tokens];
    tensors.insert(TYPICAL_MAPS_TENSOR.into(), TensorData::new(of_training.typical_maps, shape));
    save::part(&job.output, &mut manifest, SAE_FILE, &tensors)?;
    checkpoints.remove();
    Ok(report)
}

/// Tokens of films, one after the other.
pub(super) fn encode_all(
    encoder: &dyn Encoder,
    inputs: &[Vec<f32>],
    side: usize,
    device: &Device,
    job: &TrainJob<'_>,
) -> Result<Vec<f32>> {
    let mut tokens = Vec::new();
    for (done, batch) in inputs.chunks(16).enumerate() {
        job.progress.step("encoding films", done * 16, inputs.len())?;
        tokens.extend(encoder.encode(stack(batch, side, device)).into_floats().map_err(Error::Invalid)?);
    }
    Ok(tokens)
}

/// Mean token, and the scale that gives centred tokens a mean squared entry of one.
fn mean_and_scale(tokens: &[f32], dim: usize) -> (Vec<f32>, f32) {
    let rows = (tokens.len() / dim).max(1) as f64;
    let mut mean = vec![0.0_f64; dim];
    for row in tokens.chunks_exact(dim) {
        for (m, &v) in mean.iter_mut().zip(row) {
            *m += f64::from(v) / rows;
        }
    }
    let squares: f64 =
        tokens.chunks_exact(dim).flat_map(|row| row.iter().zip(&mean).map(|(&v, m)| (f64::from(v) - m).powi(2))).sum();
    let scale = (squares / tokens.len().max(1) as f64).sqrt().max(1e-6);
    (mean.into_iter().map(|m| m as f32).collect(), scale as f32)
}

/// Gives features that hardly fire a new direction: that of a random token from the mean.
fn restart_dead(
    model: GatedSae,
    fired: &[f32],
    tokens: &[f32],
    dim: usize,
    rng: &mut rand_chacha::ChaCha8Rng,
    device: &Device,
) -> Result<GatedSae> {
    let mut tensors = weights::collect(&model);
    let read = |tensors: &weights::Weights, name: &str| -> Result<Vec<f32>> {
        let data = tensors.get(name).ok_or_else(|| Error::Invalid(format!("the SAE has no tensor {name}")))?;
        data.as_slice::<f32>().map(<[f32]>::to_vec).map_err(|e| Error::Invalid(e.to_string()))
    };
    let features = fired.len();
    let (mut encoder, mut decoder) = (read(&tensors, "w_enc")?, read(&tensors, "w_dec")?);
    let (mut gate, mut magnitude, mut ratio) =
        (read(&tensors, "b_gate")?, read(&tensors, "b_mag")?, read(&tensors, "r_mag")?);
    let centre = read(&tensors, "b_dec")?;
    for feature in (0..features).filter(|&f| fired[f] < DEAD_TOKENS) {
        let row = rng.random_range(0..tokens.len() / dim);
        let direction: Vec<f32> = tokens[row * dim..(row + 1) * dim].iter().zip(&centre).map(|(t, c)| t - c).collect();
        let length = direction.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        for (d, value) in direction.iter().enumerate() {
            decoder[feature * dim + d] = value / length;
            encoder[d * features + feature] = 0.5 * value / length;
        }
        (gate[feature], magnitude[feature], ratio[feature]) = (0.0, 0.0, 0.0);
    }
    for (name, values, shape) in [
        ("w_enc", encoder, vec![dim, features]),
        ("w_dec", decoder, vec![features, dim]),
        ("b_gate", gate, vec![features]),
        ("b_mag", magnitude, vec![features]),
        ("r_mag", ratio, vec![features]),
    ] {
        tensors.insert(name.to_owned(), TensorData::new(values, shape));
    }
    weights::apply(model, &mut tensors, device).map_err(Error::Invalid)
}

/// Tightens all gates by one amount, until training tokens have no more active features than wanted: what training ends
/// with beyond that are faint activations, which cost little variance.
fn at_most_wanted(model: GatedSae, tokens: &[f32], dim: usize, wanted: f64, device: &Device) -> Result<GatedSae> {
    const SAMPLE: usize = 4096;
    let stride = (tokens.len() / dim).div_ceil(SAMPLE).max(1);
    let sample: Vec<f32> = tokens.chunks_exact(dim).step_by(stride).flatten().copied().collect();
    let rows = sample.len() / dim;
    let x = Tensor::<2>::from_data(TensorData::new(sample, [rows, dim]), device);
    let active = |model: &GatedSae| -> Result<f64> {
        let count =
            model.activations(x.clone()).greater_elem(0.0).float().sum().into_floats().map_err(Error::Invalid)?;
        Ok(f64::from(count[0]) / rows as f64)
    };
    if active(&model)? <= wanted {
        return Ok(model);
    }
    let (mut loose, mut strict) = (0.0_f32, 1.0_f32);
    while active(&model.clone().with_stricter_gates(strict))? > wanted && strict < 1e4 {
        (loose, strict) = (strict, strict * 2.0);
    }
    for _ in 0..20 {
        let middle = (loose + strict) / 2.0;
        if active(&model.clone().with_stricter_gates(middle))? > wanted { loose = middle } else { strict = middle }
    }
    Ok(model.with_stricter_gates(strict))
}

/// Explained variance over all tokens, its mean within single films, and active features of a token.
fn quality(model: &GatedSae, tokens: &[f32], per_film: usize, dim: usize, device: &Device) -> Result<(f64, f64, f64)> {
    let mut restored = Vec::with_capacity(tokens.len());
    let mut active = 0.0;
    for film in tokens.chunks_exact(per_film * dim) {
        let x = Tensor::<2>::from_data(TensorData::new(film.to_vec(), [per_film, dim]), device);
        let features = model.activations(x.clone());
        active += f64::from(features.clone().greater_elem(0.0).float().sum().into_floats().map_err(Error::Invalid)?[0]);
        restored.extend(model.reconstruct(features, &x).into_floats().map_err(Error::Invalid)?);
    }
    let films = tokens.chunks_exact(per_film * dim).zip(restored.chunks_exact(per_film * dim));
    let within: Vec<f64> = films.map(|(x, y)| metrics::explained_variance(x, y, dim)).collect::<Result<_>>()?;
    let mean = within.iter().sum::<f64>() / within.len().max(1) as f64;
    Ok((metrics::explained_variance(tokens, &restored, dim)?, mean, active / (tokens.len() / dim).max(1) as f64))
}

/// Activations of many films.
pub(super) struct Activations {
    /// Film activations, `[films][m]`.
    pub films: Vec<Vec<f32>>,
    /// See [`crate::bundle::FeatureStatistics::typical_maps`].
    pub typical_maps: Vec<f32>,
}

/// Activations of films whose tokens, `per_film` each, follow one another.
pub(super) fn activations(
    model: &dyn SparseAutoencoder,
    tokens: &[f32],
    per_film: usize,
    dim: usize,
    device: &Device,
) -> Result<Activations> {
    let features = model.rows().dims()[0];
    let mut films = Vec::new();
    let mut maps = vec![0.0_f32; features * per_film];
    for film in tokens.chunks_exact(per_film * dim) {
        let x = Tensor::<2>::from_data(TensorData::new(film.to_vec(), [per_film, dim]), device);
        let at_tokens = model.activations(x).into_floats().map_err(Error::Invalid)?;
        for (token, row) in at_tokens.chunks_exact(features).enumerate() {
            for (feature, &a) in row.iter().enumerate() {
                maps[feature * per_film + token] += a;
            }
        }
        films.push(film_activations(&at_tokens, features));
    }
    for map in maps.chunks_exact_mut(per_film) {
        let largest = map.iter().copied().fold(0.0_f32, f32::max);
        if largest > 0.0 {
            map.iter_mut().for_each(|v| *v /= largest);
        }
    }
    Ok(Activations { films, typical_maps: maps })
}

/// Film activations at [`QUANTILES`] equal steps of their distribution, `[m, q]`.
pub(super) fn quantile_table(films: &[Vec<f32>], features: usize) -> Vec<f32> {
    let mut table = Vec::with_capacity(features * QUANTILES);
    for feature in 0..features {
        let mut values: Vec<f32> = films.iter().map(|film| film[feature]).collect();
        values.sort_by(f32::total_cmp);
        for step in 0..QUANTILES {
            let at = step as f32 / (QUANTILES - 1) as f32 * (values.len().max(1) - 1) as f32;
            let (below, above) = (at.floor() as usize, at.ceil() as usize);
            table.push(values[below] + (values[above] - values[below]) * (at - at.floor()));
        }
    }
    table
}

/// Names features after the column that tracks them best, where training and held-out films agree on it.
fn name_features(
    columns: &[String],
    training: &[Vec<f32>],
    films: &Films,
    held_out: &[Vec<f32>],
    held_films: &Films,
) -> Vec<Feature> {
    let count = training.first().map_or(0, Vec::len);
    let mut features: Vec<Feature> = (0..count)
        .map(|feature| {
            let firing = training.iter().filter(|film| film[feature] > 0.0).count() as f32 / training.len() as f32;
            let mut best = Feature { firing_rate: firing, ..Feature::default() };
            for column in columns {
                let rho = column_correlation(training, films, feature, column);
                if rho.abs() <= best.correlation.abs() {
                    continue;
                }
                let Some(name) = column_name(column, rho) else { continue };
                best.correlation = rho;
                best.held_out_correlation = column_correlation(held_out, held_films, feature, column);
                best.label = Some(name.to_owned());
            }
            let agrees = best.correlation.signum() == best.held_out_correlation.signum()
                && best.correlation.abs() >= NAMING_CORRELATION
                && best.held_out_correlation.abs() >= NAMING_CORRELATION;
            if !agrees {
                best.label = None;
            }
            best
        })
        .collect();
    number_same_names(&mut features);
    features
}

/// The best tracked feature of a name keeps it, the next ones are numbered, so that a name means one feature.
fn number_same_names(features: &mut [Feature]) {
    let mut order: Vec<usize> = (0..features.len()).filter(|&i| features[i].label.is_some()).collect();
    order.sort_by(|&a, &b| features[b].correlation.abs().total_cmp(&features[a].correlation.abs()));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for index in order {
        if let Some(label) = &mut features[index].label {
            let number = seen.entry(label.clone()).or_default();
            *number += 1;
            if *number > 1 {
                *label = format!("{label} {number}");
            }
        }
    }
}

/// What a feature that rises with a column (or falls with it) shows; a fall names only columns whose opposite is a thing
/// of its own.
fn column_name(column: &str, rho: f32) -> Option<&str> {
    match column {
        _ if rho > 0.0 => Some(column),
        AP_VIEW => Some("PA view"),
        MALE => Some("Female"),
        _ => None,
    }
}

fn column_correlation(activations: &[Vec<f32>], films: &Films, feature: usize, column: &str) -> f32 {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (film, record) in activations.iter().zip(&films.records) {
        if let Some(&value) = record.columns.get(column) {
            a.push(film[feature]);
            b.push(value);
        }
    }
    spearman(&a, &b)
}
