//! Training of a decoder for an encoder that is kept as it is, such as a published one: class token to frame, squared plus
//! absolute error.
//!
//! Every film is encoded once, and its token kept beside the checkpoints: with a large encoder that is most of the work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::{Distribution, TensorData};

use super::autoencoder::stack;
use super::checkpoint::{Checkpoints, Position};
use super::films::Films;
use super::{TrainJob, TrainReport, bundle_path, recipe_text, schedule};
use crate::bundle::load::{self, DECODER_FILE};
use crate::bundle::manifest::{DecoderKind, Manifest};
use crate::bundle::{Bundle, BundleSource, save};
use crate::dataset::{Dataset, Part};
use crate::engine::IntoFloats;
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;
use crate::metrics;
use crate::models::token_decoder::{TokenDecoder, TokenDecoderConfig};
use crate::models::weights::{self, Weights};
use crate::models::{Decoder, Encoder};
use crate::plane::Plane;
use crate::preprocess::Preprocess;

const NAME: &str = "decoder";
/// Noise on the token that is drawn, in standard deviations of the training tokens: edits go beside them.
const TOKEN_NOISE: f64 = 0.05;
/// Half of the grey range: losses are of film / 1024.
const GREY_SCALE: f32 = 1024.0;
/// Films encoded and kept at a time.
const CHUNK: usize = 32;
/// Held-out films looked at after each epoch; all of them at the end.
const GLANCE: usize = 64;

pub(super) fn train(job: &TrainJob<'_>) -> Result<TrainReport> {
    let start = Instant::now();
    let options = &job.options;
    let plain = job.tensor_device().clone();
    let device = plain.clone().autodiff();
    let bundle = Bundle::open(&BundleSource::Folder(job.output.clone()), &plain)?;
    let encoder = bundle.encoder.clone().ok_or(bundle.missing("encoder", "training a decoder"))?;
    let manifest = Arc::clone(&bundle.manifest);
    if manifest.latent.tokens != 1 {
        return Err(Error::Shape {
            what: format!("the latent of \"{}\"", manifest.name),
            expected: "[1, ..], a class token; import the encoder with --tokens class".into(),
            found: format!("[{}, {}]", manifest.latent.tokens, manifest.latent.dim),
        });
    }
    let config = TokenDecoderConfig::new(manifest.latent.dim);
    let side = config.grid.size;
    let fed = manifest.encoder_input().clone();
    // The same part of the film, at the decoder's size.
    let frames = fed.resized(side);

    let dataset = Dataset::open(&job.datasets)?;
    let split = options.split();
    let films = |part| Films::read(dataset.part(&split, part).films, side, &job.progress);
    let (training, held_out) = (films(Part::Training)?, films(Part::HeldOut)?);
    if training.is_empty() || held_out.is_empty() {
        return Err(Error::Invalid("too few patients for a split into training and held-out films".into()));
    }
    let hash = manifest.encoder.as_ref().and_then(|kind| manifest.files.get(kind.file())).cloned().unwrap_or_default();
    let inputs = format!("{} {hash}", training.fingerprint());
    let tokens = Tokens { folder: job.checkpoint_folder("decoder-tokens"), encoder: &*encoder, fed: &fed, job };
    let kept = tokens.of(&training, &inputs, "training")?;
    let held_out_tokens = tokens.of(&held_out, &format!("{} {hash}", held_out.fingerprint()), "held-out")?;
    let held_out_frames = held_out.inputs(&frames)?;
    let standard = Standard::of(&kept, config.dim);
    let kept = standard.apply(&kept);

    device.seed(options.seed);
    let untrained = TokenDecoder::new(&config, &device);
    let model =
        weights::apply(untrained.clone(), &mut weights::collect(&untrained), &device).map_err(Error::Invalid)?;
    let optimizer = AdamWConfig::new().with_weight_decay(options.weight_decay).init();
    let checkpoints = Checkpoints::new(job.checkpoint_folder(NAME));
    let beginning = Position { epochs_done: 0, options: options.clone(), inputs, history: Vec::new() };
    let (mut model, mut optimizer, mut position) =
        checkpoints.begin(job.resume, model, optimizer, beginning, &device)?;
    let steps_per_epoch = training.len().div_ceil(options.batch);
    let steps = steps_per_epoch * options.epochs;
    for epoch in position.epochs_done..options.epochs {
        let mut rng = schedule::epoch_rng(options.seed, epoch);
        device.seed(options.seed.wrapping_add(epoch as u64 + 1));
        let mut loss_sum = 0.0;
        for (index, batch) in schedule::batches(training.len(), options.batch, &mut rng).iter().enumerate() {
            let films = batch.iter().map(|&i| training.input(i, &frames)).collect::<Result<Vec<_>>>()?;
            let latent: Vec<f32> =
                batch.iter().flat_map(|&i| kept[i * config.dim..(i + 1) * config.dim].iter().copied()).collect();
            let latent = Tensor::<3>::from_data(TensorData::new(latent, [batch.len(), 1, config.dim]), &device);
            let noise = latent.random_like(Distribution::Normal(0.0, TOKEN_NOISE));
            let error = (model.decode(latent + noise) - stack(&films, side, &device)).div_scalar(GREY_SCALE);
            let loss = error.clone().powi_scalar(2).mean().mul_scalar(options.squared) + error.abs().mean();
            loss_sum += f64::from(loss.clone().into_floats().map_err(Error::Invalid)?[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let step = epoch * steps_per_epoch + index;
            model = optimizer.step(schedule::learning_rate(options.learning_rate, step, steps), model, gradients);
            let stage = format!("decoder, loss {:.4}", loss_sum / (index + 1) as f64);
            job.progress.step(&stage, step + 1, steps)?;
        }
        let copy = standard.folded(&model, &plain)?;
        let glance = held_out_frames.len().min(GLANCE);
        let [mae, _] = quality(&copy, &held_out_tokens, &held_out_frames[..glance], side, &plain)?;
        tracing::info!(epoch = epoch + 1, loss = loss_sum / steps_per_epoch as f64, mae, "decoder");
        position.history.push(vec![loss_sum / steps_per_epoch as f64, mae]);
        position.epochs_done = epoch + 1;
        checkpoints.write(&model, &optimizer, &position)?;
    }

    let model = standard.folded(&model, &plain)?;
    let [mae, psnr] = quality(&model, &held_out_tokens, &held_out_frames, side, &plain)?;
    let report = TrainReport {
        bundle: bundle_path(&job.output),
        part: NAME.into(),
        films: [training.len(), held_out.len()],
        patients: [training.patients(), held_out.patients()],
        parameters: weights::parameter_count(&model),
        results: BTreeMap::from([("mae".to_owned(), mae), ("psnr".to_owned(), psnr)]),
        seconds: start.elapsed().as_secs_f64(),
    };
    // Read again: another part may have been made in the meantime.
    let mut manifest = save::existing_manifest(&job.output)?.unwrap_or_else(|| Manifest::clone(&manifest));
    let own = |how: &Option<Preprocess>, was: &Preprocess| how.clone().unwrap_or_else(|| was.clone());
    let was = manifest.preprocess.clone();
    manifest.encoder_preprocess = Some(own(&manifest.encoder_preprocess, &was));
    if let Some(part) = &mut manifest.classifier {
        part.preprocess = Some(own(&part.preprocess, &was));
    }
    manifest.preprocess = frames;
    manifest.decoder = Some(DecoderKind::Token(config));
    let note = "fluoro train decoder; squared plus absolute error; token noise 0.05 sd; the encoder kept as it was";
    manifest.provenance.recipes.insert(NAME.into(), recipe_text(options, &report, job.device.name(), note)?);
    let tensors = save::prefixed(NAME, weights::collect(&model));
    save::part(&job.output, &mut manifest, DECODER_FILE, &tensors)?;
    checkpoints.remove();
    tokens.remove();
    Ok(report)
}

/// Mean absolute error in grey levels, and mean PSNR in dB with peak 2048.
fn quality(
    model: &TokenDecoder,
    tokens: &[f32],
    frames: &[Vec<f32>],
    side: usize,
    device: &Device,
) -> Result<[f64; 2]> {
    let dim = tokens.len() / frames.len().max(1);
    let (mut mae, mut psnr) = (0.0, 0.0);
    for (frame, token) in frames.iter().zip(tokens.chunks_exact(dim.max(1))) {
        let latent = Tensor::<3>::from_data(TensorData::new(token.to_vec(), [1, 1, dim]), device);
        let drawn = Plane::new(side, side, model.decode(latent).into_floats().map_err(Error::Invalid)?)?;
        let film = Plane::new(side, side, frame.clone())?;
        mae += metrics::mae(&film, &drawn)?;
        psnr += metrics::psnr(&film, &drawn, metrics::GREY_RANGE)?;
    }
    let films = frames.len().max(1) as f64;
    Ok([mae / films, psnr / films])
}

/// Mean and standard deviation of each number of the training tokens.
struct Standard {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Standard {
    fn of(tokens: &[f32], dim: usize) -> Self {
        let rows = (tokens.len() / dim).max(1) as f64;
        let (mut mean, mut square) = (vec![0.0_f64; dim], vec![0.0_f64; dim]);
        for (i, &value) in tokens.iter().enumerate() {
            mean[i % dim] += f64::from(value) / rows;
        }
        for (i, &value) in tokens.iter().enumerate() {
            square[i % dim] += (f64::from(value) - mean[i % dim]).powi(2) / rows;
        }
        // A number that never changes says nothing; it is only kept from being divided by zero.
        let deviation = square.iter().map(|s| (s.sqrt() as f32).max(1e-6)).collect();
        Self { mean: mean.into_iter().map(|m| m as f32).collect(), deviation }
    }

    fn apply(&self, tokens: &[f32]) -> Vec<f32> {
        let dim = self.mean.len();
        tokens.iter().enumerate().map(|(i, v)| (v - self.mean[i % dim]) / self.deviation[i % dim]).collect()
    }

    /// A decoder of standard tokens as one of plain tokens: the scale and the mean go into its first layer.
    fn folded(&self, model: &TokenDecoder, device: &Device) -> Result<TokenDecoder> {
        let mut tensors = weights::collect(model);
        let taken = |tensors: &Weights, name: &str| -> Result<(Vec<f32>, Vec<usize>)> {
            let data = tensors.get(name).ok_or_else(|| Error::Invalid(format!("the decoder has no tensor {name}")))?;
            let values = data.as_slice::<f32>().map_err(|e| Error::Invalid(e.to_string()))?;
            Ok((values.to_vec(), data.shape().to_vec()))
        };
        let (mut weight, shape) = taken(&tensors, "spread.weight")?;
        let (mut bias, bias_shape) = taken(&tensors, "spread.bias")?;
        for (i, row) in weight.chunks_exact_mut(bias.len()).enumerate() {
            for (value, bias) in row.iter_mut().zip(&mut bias) {
                *value /= self.deviation[i];
                *bias -= *value * self.mean[i];
            }
        }
        tensors.insert("spread.weight".into(), TensorData::new(weight, shape));
        tensors.insert("spread.bias".into(), TensorData::new(bias, bias_shape));
        weights::apply(weights::copied_to(model, device).map_err(Error::Invalid)?, &mut tensors, device)
            .map_err(Error::Invalid)
    }
}

/// The tokens of films, kept in a folder until the run is done.
struct Tokens<'a> {
    folder: PathBuf,
    encoder: &'a dyn Encoder,
    fed: &'a Preprocess,
    job: &'a TrainJob<'a>,
}

impl Tokens<'_> {
    /// Tokens of `films`, one after the other. `inputs` names films and encoder: what was kept of others is not used.
    fn of(&self, films: &Films, inputs: &str, part: &str) -> Result<Vec<f32>> {
        let path = |chunk: usize| self.folder.join(format!("{part}-{chunk:05}.safetensors"));
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::write(&self.folder, &e))?;
        let (name, count) = (format!("tokens of {inputs}"), films.len());
        let stage = format!("encoding {part} films");
        let mut tokens = Vec::new();
        for chunk in 0..count.div_ceil(CHUNK) {
            self.job.progress.step(&stage, chunk * CHUNK, count)?;
            let kept = std::fs::read(path(chunk)).ok().and_then(|bytes| load::weights_from_bytes(&bytes).ok());
            if let Some(data) = kept.and_then(|mut kept| kept.remove(&name)) {
                tokens.extend(data.try_into_vec::<f32>().map_err(|e| Error::Invalid(e.to_string()))?);
                continue;
            }
            let mut of_chunk = Vec::new();
            for film in chunk * CHUNK..((chunk + 1) * CHUNK).min(count) {
                let input = films.input(film, self.fed)?;
                let latent = self.encoder.encode(stack(&[input], self.fed.size, self.job.tensor_device()));
                of_chunk.extend(latent.into_floats().map_err(Error::Invalid)?);
                self.job.progress.step(&stage, film + 1, count)?;
            }
            let shape = [of_chunk.len()];
            let kept = Weights::from([(name.clone(), TensorData::new(of_chunk.clone(), shape))]);
            let bytes = save::to_safetensors(&kept)?;
            write_atomic(path(chunk), |out| out.write_all(&bytes))?;
            tokens.extend(of_chunk);
        }
        if tokens.iter().all(|v| v.is_finite()) {
            Ok(tokens)
        } else {
            Err(Error::Invalid("the encoder returns values that are not finite; import it again".into()))
        }
    }

    fn remove(&self) {
        // What stays is used by nobody and does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
