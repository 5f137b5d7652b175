//! An SAE from the latents of an activation store, into the bundle whose encoder made them.
//!
//! In: a store that keeps latents, and a [`DictionaryOptions`], or several of them for a sweep. Out: the bundle with the new
//! SAE and its statistics. Latents are copied once into two files of plain numbers beside the bundle, one for each side of
//! the patient split, and read from there at random, so that no dataset is too large for the memory.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::TensorData;
use serde::Serialize;

use super::dictionary::{
    Compute, CurvePoint, DictionaryJob, DictionaryOptions, DictionaryQuality, DictionarySweep, Latents,
    TrainedDictionary, best_for, pareto, save_sae_lens,
};
use super::log::TrainingLog;
use super::sae::{activations, quantile_table};
use crate::bundle::load::{QUANTILES_TENSOR, SAE_FILE, TYPICAL_MAPS_TENSOR};
use crate::bundle::manifest::{Feature, SaeKind, SaePart};
use crate::bundle::{QUANTILES, save};
use crate::dataset::{Part, PatientSplit};
use crate::device::ComputeDevice;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::models::dictionary::{DictionarySae, DictionarySaeConfig};
use crate::models::weights::{self, Weights};
use crate::store::{Store, read_at};

/// Film activations that statistics are taken over, at most: 256 MiB.
const MOST_STATISTICS: usize = 1 << 26;
/// Films that statistics are taken over, at most.
const MOST_FILMS: usize = 4000;

/// A training.
pub struct StoredSaeJob<'a> {
    /// The store.
    pub store: PathBuf,
    /// Folder of the bundle that made the store's latents; it receives the SAE.
    pub output: PathBuf,
    /// What to train; of several, the one whose active features come nearest to `wanted` among those that no other beats.
    pub runs: Vec<DictionaryOptions>,
    /// Active features of a token that are wanted of a sweep.
    pub wanted: f64,
    /// Share of the patients that judge.
    pub held_out: f64,
    /// Folder for the same dictionary in SAELens's format.
    pub sae_lens: Option<PathBuf>,
    /// Go on from the last checkpoint.
    pub resume: bool,
    /// Device that trains.
    pub device: ComputeDevice,
    /// Who listens, and who may cancel.
    pub progress: Progress<'a>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct StoredSaeReport {
    /// Bundle folder.
    pub bundle: String,
    /// Kind of the dictionary.
    pub kind: String,
    /// Its features.
    pub features: usize,
    /// Tokens trained on and held out.
    pub tokens: [usize; 2],
    /// Films trained on and held out.
    pub films: [usize; 2],
    /// On held-out tokens.
    pub quality: DictionaryQuality,
    /// All runs of a sweep, in order: name, active features wanted, quality, and whether no other beats it.
    pub sweep: Vec<SweptRun>,
    /// The curves of the run that was kept.
    pub history: Vec<CurvePoint>,
    /// Wall time.
    pub seconds: f64,
    /// Folders that were written.
    pub outputs: Vec<String>,
}

/// A run of a sweep.
#[derive(Clone, Debug, Serialize)]
pub struct SweptRun {
    /// Kind.
    pub kind: String,
    /// Features.
    pub features: usize,
    /// On held-out tokens.
    pub quality: DictionaryQuality,
    /// No other run explains more with as few active features.
    pub unbeaten: bool,
}

impl StoredSaeJob<'_> {
    /// Trains.
    ///
    /// # Errors
    /// When the store keeps no latents, is of another encoder than the bundle's, an option makes no sense, the device fails
    /// or the user asked to stop; the last checkpoint then remains.
    pub fn run(&self) -> Result<StoredSaeReport> {
        let log = TrainingLog::new(&self.output);
        let report = self.run_logged(&log);
        log.end(report.as_ref().map(|report| &report.quality));
        report
    }

    fn run_logged(&self, log: &TrainingLog) -> Result<StoredSaeReport> {
        let start = Instant::now();
        let store = Store::open(&self.store)?;
        let missing =
            || Error::bundle(&self.output, "no bundle here; name the folder of the bundle that encoded the store");
        let mut manifest = save::existing_manifest(&self.output)?.ok_or_else(missing)?;
        let info = store.info();
        let of_store = info.bundle_hash.split('-').next().unwrap_or_default();
        if of_store != manifest.latent_hash() {
            let reason = format!(
                "the store's latents are of bundle \"{}\" with another encoder than that of {}; encode again with it",
                info.bundle,
                self.output.display()
            );
            return Err(Error::store(&self.store, reason));
        }
        if !info.latents {
            return Err(Error::store(&self.store, "the store keeps no latents; encode again without --no-latents"));
        }
        let (dim, tokens) = (info.latent_dim as usize, info.tokens as usize);
        let folder = self.scratch();
        fs::create_dir_all(&folder).map_err(|e| Error::write(&folder, &e))?;
        let sides = self.copy_latents(&store, &folder)?;
        let [training, held_out] = &sides;
        log.start(&self.runs);
        let Kept { config, weights, quality, history, sweep } = self.train(training, held_out, &folder, log)?;

        self.progress.step("reading activations", 0, 1)?;
        let device = self.device.tensor_device();
        let sae = DictionarySae::new(&config, device);
        let sae = weights::apply(sae, &mut weights.clone(), device).map_err(Error::Invalid)?;
        let films = (MOST_STATISTICS / config.features).clamp(1, MOST_FILMS).min(training.len() / tokens.max(1));
        let step = (training.len() / tokens.max(1) / films.max(1)).max(1);
        let rows: Vec<usize> =
            (0..films).flat_map(|film| (0..tokens).map(move |token| film * step * tokens + token)).collect();
        let mut sample = Vec::new();
        training.fill(&rows, &mut sample)?;
        let seen = activations(&sae, &sample, tokens, dim, device)?;
        let firing = |feature: usize| seen.films.iter().filter(|film| film[feature] > 0.0).count() as f32;
        let features = (0..config.features)
            .map(|feature| Feature {
                firing_rate: firing(feature) / seen.films.len().max(1) as f32,
                ..Feature::default()
            })
            .collect();
        manifest.sae = Some(SaePart {
            architecture: SaeKind::Dictionary(config.clone()),
            features,
            explained_variance: quality.explained_variance as f32,
            active_per_token: quality.active as f32,
            suppressed: Vec::new(),
        });
        let recipe = format!(
            "fluoro train sae STORE; store of {} films of {}; runs {}; held out {}; device {}",
            store.films_len(),
            info.dataset,
            ron::to_string(&self.runs).unwrap_or_default(),
            self.held_out,
            self.device.name()
        );
        manifest.provenance.recipes.insert("sae".into(), recipe);
        let mut tensors = save::prefixed("sae", weights.clone());
        let quantiles = quantile_table(&seen.films, config.features);
        tensors.insert(QUANTILES_TENSOR.into(), TensorData::new(quantiles, [config.features, QUANTILES]));
        tensors.insert(TYPICAL_MAPS_TENSOR.into(), TensorData::new(seen.typical_maps, [config.features, tokens]));
        save::part(&self.output, &mut manifest, SAE_FILE, &tensors)?;
        let mut outputs = vec![self.output.display().to_string()];
        if let Some(folder) = &self.sae_lens {
            save_sae_lens(folder, &config, &weights, &manifest.name, "latent")?;
            outputs.push(folder.display().to_string());
        }
        let _left_behind = fs::remove_dir_all(&folder);
        Ok(StoredSaeReport {
            bundle: self.output.display().to_string(),
            kind: self.runs.first().map_or("", |run| run.objective.name()).to_owned(),
            features: config.features,
            tokens: [training.len(), held_out.len()],
            films: [training.len() / tokens.max(1), held_out.len() / tokens.max(1)],
            quality,
            sweep,
            history,
            seconds: start.elapsed().as_secs_f64(),
            outputs,
        })
    }

    fn train(
        &self,
        training: &StoredLatents,
        held_out: &StoredLatents,
        folder: &Path,
        log: &TrainingLog,
    ) -> Result<Kept> {
        let compute = || {
            if self.device.is_gpu() { Compute::Device(self.device.tensor_device().clone()) } else { Compute::Processor }
        };
        if let [options] = &self.runs[..] {
            let trained = DictionaryJob {
                options: options.clone(),
                training,
                held_out,
                compute: compute(),
                checkpoints: Some(folder.join("run")),
                resume: self.resume,
                progress: &self.progress,
                on_point: &|point| log.point(0, point),
            }
            .run()?;
            let TrainedDictionary { config, weights, quality, history, .. } = trained;
            return Ok(Kept { config, weights, quality, history, sweep: Vec::new() });
        }
        let sweep = DictionarySweep {
            runs: self.runs.clone(),
            training,
            held_out,
            compute: compute(),
            folder: folder.join("sweep"),
            progress: &self.progress,
            on_point: &|run, point| log.point(run, point),
        };
        let results = sweep.run()?;
        let qualities: Vec<DictionaryQuality> = results.iter().map(|run| run.quality).collect();
        let unbeaten = pareto(&qualities);
        let kept = best_for(&qualities, self.wanted).ok_or_else(|| Error::Invalid("a sweep needs a run".into()))?;
        let weights = sweep.weights(kept)?;
        let sweep = results.iter().enumerate().map(|(number, run)| SweptRun {
            kind: run.options.objective.name().to_owned(),
            features: run.options.features,
            quality: run.quality,
            unbeaten: unbeaten.contains(&number),
        });
        let sweep = sweep.collect();
        let run = results.into_iter().nth(kept).ok_or_else(|| Error::Invalid("a sweep needs a run".into()))?;
        Ok(Kept { config: run.config, weights, quality: run.quality, history: run.history, sweep })
    }

    /// Where latents and checkpoints lie while training: beside the bundle.
    fn scratch(&self) -> PathBuf {
        let mut name = self.output.file_name().unwrap_or_default().to_os_string();
        name.push(".stored-sae.checkpoint");
        self.output.with_file_name(name)
    }

    /// Latents of training and held-out patients as plain numbers.
    fn copy_latents(&self, store: &Store, folder: &Path) -> Result<[StoredLatents; 2]> {
        let info = store.info();
        let dim = info.latent_dim as usize;
        let seed = self.runs.first().map_or(0, |run| run.seed);
        let split = PatientSplit { seed, held_out: self.held_out };
        let failed: Vec<u32> = store.failed()?.into_iter().map(|film| film.film).collect();
        let all = store.films_len() as u32 + failed.len() as u32;
        let films: Vec<u32> = (0..all).filter(|film| failed.binary_search(film).is_err()).collect();
        let paths = [folder.join("training.f32"), folder.join("held-out.f32")];
        let open = |path: &PathBuf| File::create(path).map(BufWriter::new).map_err(|e| Error::write(path, &e));
        let mut files = [open(&paths[0])?, open(&paths[1])?];
        for (done, chunk) in films.chunks(256).enumerate() {
            self.progress.step("reading latents", done * 256, films.len())?;
            for entry in store.films(chunk)? {
                let side = usize::from(split.part(&entry.patient) == Part::HeldOut);
                let latent = store.latent(entry.film)?.unwrap_or_default();
                let bytes: Vec<u8> = latent.iter().flat_map(|value| value.to_le_bytes()).collect();
                files[side].write_all(&bytes).map_err(|e| Error::write(&paths[side], &e))?;
            }
        }
        for (file, path) in files.iter_mut().zip(&paths) {
            file.flush().map_err(|e| Error::write(path, &e))?;
        }
        let sides = paths.map(|path| StoredLatents::open(path, dim));
        let [training, held_out] = sides;
        let (training, held_out) = (training?, held_out?);
        if training.is_empty() || held_out.is_empty() {
            return Err(Error::Invalid("too few patients for a split into training and held-out films".into()));
        }
        Ok([training, held_out])
    }
}

/// The dictionary that is saved: the only run, or a sweep's best.
struct Kept {
    config: DictionarySaeConfig,
    weights: Weights,
    quality: DictionaryQuality,
    history: Vec<CurvePoint>,
    sweep: Vec<SweptRun>,
}

/// Rows of little-endian `f32` in a file.
struct StoredLatents {
    file: File,
    path: PathBuf,
    rows: usize,
    dim: usize,
}

impl StoredLatents {
    fn open(path: PathBuf, dim: usize) -> Result<Self> {
        let unreadable = |e: std::io::Error| Error::store(&path, format!("latents cannot be read back ({e})"));
        let file = File::open(&path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len() as usize;
        let rows = bytes / (dim.max(1) * size_of::<f32>());
        Ok(Self { file, path, rows, dim })
    }
}

impl Latents for StoredLatents {
    fn len(&self) -> usize {
        self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn fill(&self, rows: &[usize], out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        let width = self.dim * size_of::<f32>();
        let mut buffer = Vec::new();
        // Rows that follow one another are read at once.
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            buffer.resize(run.len() * width, 0);
            read_at(&self.file, &mut buffer, run[0] as u64 * width as u64)
                .map_err(|e| Error::store(&self.path, format!("latents cannot be read back ({e})")))?;
            out.extend(buffer.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        }
        Ok(())
    }
}
