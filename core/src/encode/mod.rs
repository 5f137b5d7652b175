//! Encoding: every film of a dataset through encoder and SAE, into an activation store.
//!
//! In: a folder of films, with a table or without, and an [`Engine`]. Out: a [`crate::store`]. Threads decode films beside
//! the device. A film that cannot be read is recorded with its error, and the others go on. Films are taken in batches of
//! fixed numbers (by their place in the dataset), so that a run that was resumed, or is one shard of many,
//! computes each film in the same company and gives the same numbers to the last bit.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, FilmRecord};
use crate::engine::{Engine, IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::store::{FilmEncoding, Shard, Store, StoreInfo, StoreWriter, merge as merge_stores};

mod reading;

/// Films that the encoder gets at once.
const BATCH: usize = 16;
/// Activations that are computed at once, at most: 128 MiB.
const MOST_ACTIVATIONS: usize = 1 << 25;

/// What to encode.
#[derive(Clone, Debug)]
pub struct EncodeRequest {
    /// A folder of films.
    pub dataset: PathBuf,
    /// Folder of the store.
    pub output: PathBuf,
    /// The part of the films that this run encodes; all of none.
    pub shard: Option<Shard>,
    /// Go on with a run that was interrupted.
    pub resume: bool,
    /// Keep the latents too: an SAE is trained on them.
    pub latents: bool,
}

/// What `fluoro encode` and `fluoro merge` print.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodeReport {
    /// Folder of the store.
    pub store: String,
    /// Films in it.
    pub films: usize,
    /// Films that could not be read.
    pub failed: Vec<FailedFilm>,
    /// Features of the SAE.
    pub features: usize,
    /// Activations in the store.
    pub nonzero: u64,
    /// Films encoded in this run, for each second of it.
    pub films_per_second: f64,
}

/// A film that is not in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFilm {
    /// Its file.
    pub file: String,
    /// Why.
    pub error: String,
}

/// Encodes a dataset.
///
/// # Errors
/// When the bundle has no encoder or no SAE, the dataset or the store cannot be used, the device fails, or the user asked
/// to stop; what was encoded until then is kept for a resumed run.
pub fn encode(engine: &Engine, request: &EncodeRequest, progress: &Progress<'_>) -> Result<EncodeReport> {
    let start = Instant::now();
    let dataset = Dataset::listed(&request.dataset)?;
    let info = info(engine, request, &dataset)?;
    let mut writer = StoreWriter::create(&request.output, &info, request.resume)?;
    let wanted: Vec<usize> =
        part(request.shard, dataset.films.len()).filter(|&film| !writer.is_done(film as u32)).collect();
    let mut done = 0;
    reading::films(engine, &dataset.films, &wanted, |films| {
        let mut read = Vec::with_capacity(films.len());
        let order: Vec<(usize, Option<Error>)> = films
            .into_iter()
            .map(|(film, plane)| match plane {
                Ok(plane) => {
                    read.push(plane);
                    (film, None)
                }
                Err(error) => (film, Some(error)),
            })
            .collect();
        let mut encoded = encode_batch(engine, &read, request.latents)?.into_iter();
        // The store takes films in the dataset's order, failed ones too.
        for (film, error) in order {
            let record = &dataset.films[film];
            let path = shown(request, record);
            done += 1;
            if let Some(error) = error {
                writer.push_failed(film as u32, &path, &error.to_string())?;
                continue;
            }
            let Encoded { active, latent } =
                encoded.next().ok_or_else(|| engine.failure("it returned fewer latents than films"))?;
            let (patient, columns) = (record.patient.clone(), record.columns.clone());
            writer.push(FilmEncoding { film: film as u32, path, patient, columns, active, latent })?;
        }
        progress.step("encoding films", done, wanted.len())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    writer.finish(progress)?;
    report(&request.output, done as f64 / seconds.max(1e-9))
}

/// Places of a part's films. Parts begin with a batch, so that every film is computed in the company that it has in the
/// whole.
fn part(shard: Option<Shard>, films: usize) -> Range<usize> {
    let Some(shard) = shard else { return 0..films };
    let batches = shard.films(films.div_ceil(BATCH) as u32);
    (batches.start as usize * BATCH).min(films)..(batches.end as usize * BATCH).min(films)
}

/// What there is to say of a finished store.
fn report(folder: &Path, films_per_second: f64) -> Result<EncodeReport> {
    let store = Store::open(folder)?;
    let failed = store.failed()?.into_iter().map(|film| FailedFilm { file: film.path, error: film.error });
    Ok(EncodeReport {
        store: folder.display().to_string(),
        films: store.films_len() as usize,
        failed: failed.collect(),
        features: store.info().features as usize,
        nonzero: store.manifest().activations,
        films_per_second,
    })
}

/// A film's path as the store has it: relative to the dataset's folder, which may move.
fn shown(request: &EncodeRequest, record: &FilmRecord) -> String {
    record.path.strip_prefix(&request.dataset).unwrap_or(&record.path).display().to_string()
}

struct Encoded {
    active: Vec<(u32, u32, f32)>,
    latent: Option<Vec<f32>>,
}

/// Tokens and activations of films that are encoded at once, film by film.
fn encode_batch(engine: &Engine, films: &[Plane], latents: bool) -> Result<Vec<Encoded>> {
    let Some(first) = films.first() else { return Ok(Vec::new()) };
    let bundle = engine.bundle();
    let encoder = bundle.sae_encoder.as_ref().or(bundle.encoder.as_ref());
    let encoder = encoder.ok_or(bundle.missing("encoder", "encoding"))?;
    let features = engine.feature_count();
    let (width, height) = (first.width(), first.height());
    let pixels: Vec<f32> = films.iter().flat_map(|plane| plane.data().iter().copied()).collect();
    let input = TensorData::new(pixels, [films.len(), 1, height, width]);
    let tokens = encoder.encode(Tensor::<4>::from_data(input, engine.device().tensor_device()));
    let [count, per_film, dim] = tokens.dims();
    let kept = if latents { Some(engine.read(tokens.clone().into_floats())?) } else { None };
    let rows = tokens.reshape([count * per_film, dim]);
    let mut encoded: Vec<Encoded> = (0..count)
        .map(|film| Encoded {
            active: Vec::new(),
            latent: kept.as_ref().map(|all| all[film * per_film * dim..(film + 1) * per_film * dim].to_vec()),
        })
        .collect();
    // Without an SAE, its training is what the latents are for.
    let Some(sae) = &bundle.sae else { return Ok(encoded) };
    let at_once = (MOST_ACTIVATIONS / features.max(1)).max(1);
    for Range { start, end } in portions(count * per_film, at_once) {
        let activations = engine.read(sae.activations(rows.clone().narrow(0, start, end - start)).into_floats())?;
        for (row, values) in activations.chunks_exact(features).enumerate() {
            let (film, token) = ((start + row) / per_film, (start + row) % per_film);
            let firing = values.iter().enumerate().filter(|(_, value)| **value > 0.0);
            encoded[film].active.extend(firing.map(|(feature, &value)| (token as u32, feature as u32, value)));
        }
    }
    Ok(encoded)
}

fn portions(count: usize, at_once: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(at_once).map(move |start| start..count.min(start + at_once))
}

/// What the store says of itself; runs whose stores are to be merged agree on it but for the shard.
fn info(engine: &Engine, request: &EncodeRequest, dataset: &Dataset) -> Result<StoreInfo> {
    let manifest = engine.manifest();
    let latent = manifest.sae_latent();
    let folder = request
        .dataset
        .canonicalize()
        .map_err(|e| Error::dataset(&request.dataset, format!("cannot open the folder ({e}); check the path")))?;
    Ok(StoreInfo {
        bundle: manifest.name.clone(),
        bundle_hash: manifest.encoding_hash(),
        features: engine.feature_count() as u32,
        tokens: latent.tokens as u32,
        latent_dim: latent.dim as u32,
        dataset: folder.display().to_string(),
        dataset_fingerprint: dataset.hash(&request.dataset),
        latents: request.latents,
        shard: request.shard,
    })
}

/// Joins the stores of parts of a dataset into one.
///
/// # Errors
/// When they do not belong together, cannot be read, the whole cannot be written, or the user asked to stop; then nothing
/// is written.
pub fn merge(stores: &[PathBuf], output: &Path, progress: &Progress<'_>) -> Result<EncodeReport> {
    let start = Instant::now();
    merge_stores(stores, output, progress)?;
    let merged = report(output, 0.0)?;
    let films_per_second = merged.films as f64 / start.elapsed().as_secs_f64().max(1e-9);
    Ok(EncodeReport { films_per_second, ..merged })
}
