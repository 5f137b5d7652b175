//! Training of encoder and decoder: squared plus absolute error, as torchxrayvision's "elastic" autoencoder.
//!
//! The latent is blurred with a little noise while training, so that the decoder draws sensible films beside the ones it
//! has seen: that is where edits and shifts go.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::{Distribution, TensorData};
use rayon::prelude::*;

use super::checkpoint::{Checkpoints, Position};
use super::classifier::{cross_entropy, targets};
use super::data::TrainingData;
use super::films::Films;
use super::principal::Principal;
use super::{TrainJob, TrainReport, augment, bundle_path, default_preprocess, recipe_text, schedule};
use crate::bundle::load::{self, AUTOENCODER_FILE, PROBES_FILE, SAE_FILE};
use crate::bundle::manifest::{DecoderKind, EncoderKind, LatentShape};
use crate::bundle::{Bundle, BundleFiles, BundleSource, save};
use crate::engine::IntoFloats;
use crate::error::{Error, Result};
use crate::models::autoencoder::{AutoencoderConfig, ConvDecoder, ConvEncoder};
use crate::models::layers::pixel_unshuffle;
use crate::models::weights;
use crate::models::{Decoder, Encoder};

/// Noise on the latent that is drawn, in standard deviations of the batch's latents.
const LATENT_NOISE: f32 = 0.05;
/// Noise on the latent that labels are read off: what they are read by must stand out from it, and then is worth a
/// feature of its own to an SAE.
const READ_NOISE: f32 = 0.3;
/// Training films whose patches the linear shortcut starts from.
const PRINCIPAL_FILMS: usize = 400;
/// Half of the grey range: losses are of film / 1024.
const GREY_SCALE: f32 = 1024.0;
/// Held-out films looked at after each epoch; all of them at the end.
const GLANCE: usize = 64;
const NAME: &str = "autoencoder";

#[derive(Module, Debug)]
struct Autoencoder {
    encoder: ConvEncoder,
    decoder: ConvDecoder,
    /// Token to logits of the table's labels; left behind after training.
    readout: Option<Linear>,
}

/// The labels of a batch, `[b, labels]` each.
struct Labels {
    targets: Tensor<2>,
    known: Tensor<2>,
    weight: f32,
}

impl Autoencoder {
    fn new(config: &AutoencoderConfig, labels: Option<usize>, device: &Device) -> Self {
        Self {
            encoder: ConvEncoder::new(config, device),
            decoder: ConvDecoder::new(config, device),
            readout: labels.map(|labels| LinearConfig::new(config.latent, labels).init(device)),
        }
    }

    /// The same with encoder and decoder of a bundle.
    fn started_from(self, source: &BundleSource, config: &AutoencoderConfig, device: &Device) -> Result<Self> {
        // Opened whole once, for its checks.
        let bundle = Bundle::open(source, &device.clone().inner())?;
        let own = EncoderKind::Conv(config.clone());
        match &bundle.manifest.encoder {
            Some(its) if *its == own && bundle.decoder.is_some() => {}
            its => {
                return Err(Error::Shape {
                    what: format!("the autoencoder of \"{}\"", bundle.manifest.name),
                    expected: format!("{own:?}"),
                    found: its.as_ref().map_or("none".into(), |its| format!("{its:?}")),
                });
            }
        }
        let files = BundleFiles::open(source)?;
        let failed = |reason: String| Error::bundle(files.path(AUTOENCODER_FILE), reason);
        let mut tensors = weights::collect(&self);
        tensors.extend(load::weights_from_bytes(&files.read(AUTOENCODER_FILE)?).map_err(failed)?);
        weights::apply(self, &mut tensors, device).map_err(failed)
    }

    fn loss(&self, films: Tensor<4>, labels: Option<Labels>, squared: f32) -> Tensor<1> {
        let latent = self.encoder.encode(films.clone());
        let noise = spread(latent.clone()) * latent.random_like(Distribution::Normal(0.0, 1.0));
        let read = self.readout.as_ref().zip(labels).map(|(readout, labels)| {
            // A film shows what any of its tokens shows, as a feature's film activation is its largest.
            let blurred = latent.clone() + noise.clone().mul_scalar(READ_NOISE);
            let logits = readout.forward(blurred).max_dim(1).squeeze_dim::<2>(1);
            cross_entropy(logits, labels.targets, labels.known).mul_scalar(labels.weight)
        });
        let error = (self.decoder.decode(latent + noise.mul_scalar(LATENT_NOISE)) - films).div_scalar(GREY_SCALE);
        let drawn = error.clone().powi_scalar(2).mean().mul_scalar(squared) + error.abs().mean();
        match read {
            Some(read) => drawn + read,
            None => drawn,
        }
    }

    /// Mean absolute error in grey levels over `films`.
    fn mae(&self, films: &[Vec<f32>], side: usize, device: &Device) -> Result<f64> {
        let mut sum = 0.0;
        for batch in films.chunks(8) {
            let x = stack(batch, side, device);
            let error = self.decoder.decode(self.encoder.encode(x.clone())) - x;
            let errors = error.abs().into_floats().map_err(Error::Invalid)?;
            sum += errors.iter().map(|&e| f64::from(e)).sum::<f64>();
        }
        Ok(sum / (films.len() * side * side).max(1) as f64)
    }
}

/// Standard deviation of each latent dimension over a batch, `[1, 1, d]`.
fn spread(latent: Tensor<3>) -> Tensor<3> {
    let latent = latent.detach();
    let [b, n, d] = latent.dims();
    latent.reshape([b * n, d]).var(0).sqrt().reshape([1, 1, d])
}

/// Principal components of the patches of some training films, spread over all of them.
fn principal_patches(films: &Films, config: &AutoencoderConfig, device: &Device) -> Result<Principal> {
    let stride = films.len().div_ceil(PRINCIPAL_FILMS).max(1);
    let some: Vec<usize> = (0..films.len()).step_by(stride).collect();
    let inputs = some.par_iter().map(|&i| films.input(i, &default_preprocess())).collect::<Result<Vec<_>>>()?;
    let folded = pixel_unshuffle(stack(&inputs, config.size, device).div_scalar(GREY_SCALE), config.token_pixels());
    let [b, n, h, w] = folded.dims();
    Principal::of(&folded.permute([0, 2, 3, 1]).reshape([b * h * w, n]), config.latent)
}

pub(super) fn train(job: &TrainJob<'_>) -> Result<TrainReport> {
    let start = Instant::now();
    let options = &job.options;
    let config =
        AutoencoderConfig { shortcut: options.shortcut, ..AutoencoderConfig::with_grid(options.grid, options.latent)? };
    let plain = job.tensor_device().clone();
    let device = plain.clone().autodiff();
    let preprocess = default_preprocess();
    let data = TrainingData::read(job)?;
    let (training, held_out) = (&data.training, &data.held_out);
    let held_out_inputs = held_out.inputs(&preprocess)?;

    device.seed(options.seed);
    let label_names: Vec<&str> = data.labels.iter().map(String::as_str).collect();
    let is_supervised = options.supervision > 0.0;
    let untrained = Autoencoder::new(&config, is_supervised.then_some(label_names.len()), &device);
    let untrained = match &job.start {
        Some(source) => untrained.started_from(source, &config, &device)?,
        None if !config.shortcut => untrained,
        None => {
            let mut tensors = weights::collect(&untrained);
            tensors.extend(principal_patches(training, &config, &plain)?.shortcuts());
            weights::apply(untrained, &mut tensors, &device).map_err(Error::Invalid)?
        }
    };
    let model =
        weights::apply(untrained.clone(), &mut weights::collect(&untrained), &device).map_err(Error::Invalid)?;
    let optimizer = AdamWConfig::new().with_weight_decay(options.weight_decay).init();
    let checkpoints = Checkpoints::new(job.checkpoint_folder(NAME));
    let beginning =
        Position { epochs_done: 0, options: options.clone(), inputs: training.fingerprint(), history: Vec::new() };
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
            let films = data.batch(batch, &augment::AUTOENCODER, config.size, &mut rng);
            let labels = is_supervised.then(|| {
                let (targets, known) = targets(batch.iter().map(|&i| &training.records[i]), &label_names, &device);
                Labels { targets, known, weight: options.supervision }
            });
            let loss = model.loss(stack(&films, config.size, &device), labels, options.squared);
            loss_sum += f64::from(loss.clone().into_floats().map_err(Error::Invalid)?[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let rate = schedule::learning_rate(options.learning_rate, step, steps);
            model = optimizer.step(rate, model, gradients);
            let stage = format!("autoencoder, loss {:.4}", loss_sum / (index + 1) as f64);
            job.progress.step(&stage, step + 1, steps)?;
        }
        let glance = &held_out_inputs[..held_out_inputs.len().min(GLANCE)];
        let copy = weights::copied_to(&model, &plain).map_err(Error::Invalid)?;
        let mae = copy.mae(glance, config.size, &plain)?;
        tracing::info!(epoch = epoch + 1, loss = loss_sum / steps_per_epoch as f64, mae, "autoencoder");
        position.history.push(vec![loss_sum / steps_per_epoch as f64, mae]);
        position.epochs_done = epoch + 1;
        checkpoints.write(&model, &optimizer, &position)?;
    }

    let model = weights::copied_to(&model, &plain).map_err(Error::Invalid)?;
    let mae = model.mae(&held_out_inputs, config.size, &plain)?;
    let latent = LatentShape {
        tokens: config.grid() * config.grid(),
        dim: config.latent,
        grid: Some([config.grid(), config.grid()]),
    };
    let report = TrainReport {
        bundle: bundle_path(&job.output),
        part: NAME.into(),
        films: [training.len(), held_out.len()],
        patients: [training.patients(), held_out.patients()],
        parameters: weights::parameter_count(&model.encoder) + weights::parameter_count(&model.decoder),
        results: BTreeMap::from([("mae".to_owned(), mae)]),
        seconds: start.elapsed().as_secs_f64(),
    };
    let mut manifest = job.manifest(latent, &data.sources)?;
    manifest.latent = latent;
    manifest.preprocess = preprocess;
    manifest.encoder = Some(EncoderKind::Conv(config.clone()));
    manifest.decoder = Some(DecoderKind::Conv(config));
    // An SAE of another latent would open, and be wrong.
    if manifest.sae.take().is_some() {
        tracing::warn!("the bundle's SAE belonged to the old autoencoder and was removed; train it again");
        manifest.files.remove(SAE_FILE);
        manifest.provenance.recipes.remove("sae");
    }
    if !manifest.probes.is_empty() {
        tracing::warn!("the bundle's probes belonged to the old autoencoder and were removed; fit them again");
        manifest.probes.clear();
        manifest.files.remove(PROBES_FILE);
        manifest.provenance.recipes.remove("probes");
    }
    let mut note = "fluoro train autoencoder; squared plus absolute error; latent noise 0.05 sd".to_owned();
    if options.shortcut {
        note += "; linear shortcuts started from principal components of patches";
    }
    if let Some(start) = &job.start {
        let its = load::manifest(&BundleFiles::open(start)?)?;
        let hash = its.files.get(AUTOENCODER_FILE).map_or("", String::as_str);
        let recipe = its.provenance.recipes.get(NAME).map_or("", String::as_str);
        note += &format!("; started from the autoencoder of {} (sha256 {hash}), whose recipe is: {recipe}", its.name);
    }
    if is_supervised {
        note += "; labels read off tokens with a linear read-out, largest over tokens, through noise of 0.3 sd";
    }
    manifest.provenance.recipes.insert(NAME.into(), recipe_text(options, &report, job.device.name(), &note)?);
    let mut tensors = save::prefixed("encoder", weights::collect(&model.encoder));
    tensors.extend(save::prefixed("decoder", weights::collect(&model.decoder)));
    save::part(&job.output, &mut manifest, AUTOENCODER_FILE, &tensors)?;
    checkpoints.remove();
    Ok(report)
}

/// Films `side * side` each as a tensor `[b, 1, side, side]`.
pub(super) fn stack(films: &[Vec<f32>], side: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(films.concat(), [films.len(), 1, side, side]), device)
}
