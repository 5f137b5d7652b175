//! Published weights to a bundle.
//!
//! In: files and folders as their authors publish them ([`source`]). Each is recognised by the names and shapes of its
//! tensors and the configuration beside it ([`recognise`]), its parts are put together ([`compose`]), written, opened again
//! and, where there is an SAE, measured on sample films. Nothing in a file is executed, and nothing is guessed: what is not
//! recognised to the last tensor is refused.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::{LatentShape, SaePart};
use crate::bundle::{Bundle, BundleFiles, BundleSource, FilmKind, load, manifest, save};
use crate::device::ComputeDevice;
use crate::engine::{IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::models::vit::Tokens;
use crate::preprocess::Preprocess;
use crate::radiograph::{Radiograph, Study};
use crate::samples;

mod bundle;
pub mod chexnet;
pub mod classifier;
pub mod clip;
pub mod compose;
mod densenet;
mod fold;
pub mod jfhealthcare;
mod json;
pub mod labels;
mod mover;
pub mod recognise;
pub mod sae;
pub mod source;
pub mod tensors;
pub mod text;
pub mod vit;
mod words;
pub mod xrv;

use compose::{Composed, Part};
use source::Source;

/// What the user can say about sources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// Tokens that a vision transformer's latent keeps; its class token where neither this nor an SAE says otherwise.
    pub tokens: Option<Tokens>,
    /// Block of a vision transformer whose output is the latent, from 0; the last, after the final norm, where neither this
    /// nor an SAE says otherwise.
    pub layer: Option<usize>,
    /// Whether films are resized as PIL does where a file asks for an image processor of transformers; as torchvision does
    /// otherwise, which transformers takes since 5 where it is installed.
    #[serde(default)]
    pub pillow: bool,
    /// Published name of the weights, for labels and operating points that files do not carry, such as
    /// `densenet121-res224-all`; the file's name decides otherwise.
    pub weights: Option<String>,
    /// Take the classifier's trunk as the encoder: its latent is what the classifier's last layer reads.
    #[serde(default)]
    pub trunk: bool,
}

/// One import.
pub struct ImportJob<'a> {
    /// Files and folders of weights, and bundles.
    pub sources: Vec<PathBuf>,
    /// Folder of the new bundle.
    pub output: PathBuf,
    /// What the user says about the sources.
    pub options: ImportOptions,
    /// Films and folders of films that an SAE is measured on; the sample films when empty.
    pub films: Vec<PathBuf>,
    /// Device that measures.
    pub device: ComputeDevice,
    /// Who listens, and who may cancel.
    pub progress: Progress<'a>,
}

/// A finished import.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Bundle folder.
    pub bundle: String,
    /// What it holds.
    pub parts: Vec<ImportedPart>,
    /// How a film becomes a frame.
    pub preprocess: Preprocess,
    /// What the encoder returns.
    pub latent: LatentShape,
    /// Labels of the classifier.
    pub labels: Vec<String>,
    /// How well the SAE reads sample films.
    pub sae: Option<SaeMeasure>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// One part of an import.
#[derive(Clone, Debug, Serialize)]
pub struct ImportedPart {
    /// Encoder, autoencoder, classifier, SAE, text tower.
    pub part: &'static str,
    /// The source that it came from.
    pub source: String,
    /// Numbers in its tensors.
    pub parameters: usize,
}

/// An SAE on the tokens of sample films.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SaeMeasure {
    /// Features.
    pub features: usize,
    /// Tokens that it was measured on.
    pub tokens: usize,
    /// Films that they are of.
    pub films: usize,
    /// Share of the tokens' variance that its reconstruction explains; not a number for a single token.
    pub explained_variance: f64,
    /// Mean number of active features of a token.
    pub active: f64,
    /// What is wrong, in words, when the numbers are out of range.
    pub warning: Option<String>,
}

/// Sample films that an SAE is measured on when none are named.
const SAMPLE_FILMS: usize = 8;
/// Tokens that an SAE is measured on at most, over all films.
const MOST_TOKENS: usize = 4096;

impl ImportJob<'_> {
    /// Reads, recognises, composes, writes, opens and measures.
    ///
    /// # Errors
    /// When a source cannot be read or is not recognised, parts do not fit, or the bundle cannot be written; then nothing is
    /// left behind.
    pub fn run(&self) -> Result<ImportReport> {
        self.check_output()?;
        let count = self.sources.len() + 2;
        let mut parts: Vec<Part> = Vec::new();
        let mut recipes = Vec::new();
        let mut notes = Vec::new();
        // What bundles among the sources were trained on.
        let mut kinds: Vec<FilmKind> = Vec::new();
        let mut hint = recognise::Hint::default();
        // SAEs say which layer of an encoder they read: they come first.
        let mut opened = Vec::new();
        for (done, path) in self.sources.iter().enumerate() {
            self.progress.step("reading weights", done, count)?;
            let name = path.display().to_string();
            if path.join(manifest::FILE).is_file() {
                let source = BundleSource::Folder(path.clone());
                kinds.push(load::manifest(&BundleFiles::open(&source)?)?.films);
                parts.extend(bundle::parts(&source)?.into_iter().map(|found| Part { found, source: name.clone() }));
                recipes.push(format!("bundle {name}"));
                continue;
            }
            let source = Source::open(path)?;
            recipes.extend(source.hashes.iter().map(|(file, hash)| format!("{file} (sha256 {hash})")));
            opened.push((name, source));
        }
        opened.sort_by_key(|(_, source)| !recognise::is_sae(source));
        self.progress.step("converting weights", count - 2, count)?;
        for (name, source) in opened {
            let path = source.path.clone();
            let recognised =
                recognise::parts(source, &self.options, &mut hint).map_err(|reason| Error::bundle(&path, reason))?;
            notes.extend(recognised.notes);
            parts.extend(recognised.found.into_iter().map(|found| Part { found, source: name.clone() }));
        }
        if self.options.trunk {
            parts = compose::trunk(parts)?;
        }
        let listed: Vec<ImportedPart> = parts.iter().map(Part::listed).collect();
        let name = self.output.file_name().map_or_else(|| "bundle".into(), |n| n.to_string_lossy().into_owned());
        let mut composed = compose::compose(&name, parts)?;
        notes.append(&mut composed.notes);
        let words: Vec<String> = listed.iter().map(|part| format!("{} from {}", part.part, part.source)).collect();
        if let [films, rest @ ..] = &kinds[..]
            && kinds.len() == self.sources.len()
            && rest.iter().all(|other| other == films)
        {
            composed.manifest.films = *films;
        }
        composed.manifest.description = format!("Imported by fluoro import: {}", words.join(", "));
        let provenance = &mut composed.manifest.provenance;
        provenance.data = "What the authors of the imported weights trained on; see their publication.".into();
        provenance.licence = "That of the imported weights; fluoro models lists those of known ones.".into();
        provenance.limits = "Not for diagnosis. An encoder trained on a public dataset has seen its films.".into();
        let options = ron::to_string(&self.options).unwrap_or_default();
        provenance.recipes.insert("import".into(), format!("{}; options {options}", recipes.join(", ")));
        self.progress.step("writing the bundle", count - 1, count)?;
        let sae = self.write(&mut composed)?;
        let manifest = composed.manifest;
        Ok(ImportReport {
            bundle: self.output.display().to_string(),
            parts: listed,
            preprocess: manifest.preprocess.clone(),
            latent: manifest.latent,
            labels: manifest.classifier.iter().flat_map(|part| part.labels.iter().map(|l| l.name.clone())).collect(),
            sae,
            notes,
        })
    }

    /// Refuses a folder that holds anything else than a bundle that this import starts from.
    fn check_output(&self) -> Result<()> {
        let same = |path: &PathBuf| {
            path.canonicalize().is_ok_and(|real| self.output.canonicalize().is_ok_and(|output| output == real))
        };
        if self.output.join(manifest::FILE).is_file() && !self.sources.iter().any(same) {
            let reason = "a bundle is here already; choose another name, or name it as a source too to keep its parts";
            return Err(Error::bundle(&self.output, reason));
        }
        if self.output.is_file() {
            return Err(Error::bundle(&self.output, "a file with this name exists; name a folder for the bundle"));
        }
        let is_used = |mut entries: std::fs::ReadDir| entries.next().is_some();
        let holds_more =
            !self.output.join(manifest::FILE).is_file() && std::fs::read_dir(&self.output).is_ok_and(is_used);
        if holds_more {
            return Err(Error::bundle(&self.output, "the folder is not empty; name a new one for the bundle"));
        }
        Ok(())
    }

    /// Writes the bundle in a folder beside the output, opens it there, measures its SAE, and puts it in place.
    fn write(&self, composed: &mut Composed) -> Result<Option<SaeMeasure>> {
        let beside = save::Beside::new(&self.output)?;
        for (file, weights) in composed.tensors.drain(..) {
            check_finite(file, &weights)?;
            beside.tensors(&mut composed.manifest, file, weights)?;
            self.progress.step("writing the bundle", 1, 2)?;
        }
        for (file, bytes) in composed.files.drain(..) {
            beside.file(&mut composed.manifest, &file, &bytes)?;
        }
        beside.manifest(&composed.manifest)?;
        let opened = Bundle::open(&BundleSource::Folder(beside.folder().to_path_buf()), self.device.tensor_device())?;
        let measured = self.measure(&opened)?;
        if let (Some(measured), Some(SaePart { explained_variance, active_per_token, .. })) =
            (&measured, &mut composed.manifest.sae)
            && explained_variance.is_nan()
        {
            *explained_variance = measured.explained_variance as f32;
            *active_per_token = measured.active as f32;
            beside.manifest(&composed.manifest)?;
        }
        drop(opened);
        beside.finish()?;
        Ok(measured)
    }

    /// The SAE on tokens of films.
    fn measure(&self, bundle: &Bundle) -> Result<Option<SaeMeasure>> {
        let (Some(sae), Some(part)) = (&bundle.sae, &bundle.manifest.sae) else { return Ok(None) };
        let (encoder, fed) = match (&bundle.sae_encoder, &bundle.manifest.sae_encoder) {
            (Some(encoder), Some(part)) => (encoder, &part.preprocess),
            _ => match &bundle.encoder {
                Some(encoder) => (encoder, bundle.manifest.encoder_input()),
                None => return Ok(None),
            },
        };
        let films = self.sample_films()?;
        let dim = bundle.manifest.sae_latent().dim;
        let mut tokens: Vec<f32> = Vec::new();
        for (done, film) in films.iter().enumerate() {
            self.progress.step("measuring the SAE on sample films", done, films.len())?;
            let input = fed.apply(film);
            let film = burn::tensor::TensorData::new(input.data().to_vec(), [1, 1, input.height(), input.width()]);
            let latent = encoder.encode(burn::Tensor::from_data(film, self.device.tensor_device()));
            tokens.extend(latent.into_floats().map_err(|reason| self.failure(reason))?);
            if tokens.len() >= MOST_TOKENS * dim {
                tokens.truncate(MOST_TOKENS * dim);
                break;
            }
        }
        let rows = tokens.len() / dim.max(1);
        let sample = burn::tensor::TensorData::new(tokens.clone(), [rows, dim]);
        let sample = burn::Tensor::<2>::from_data(sample, self.device.tensor_device());
        let check = sae.check_on(&sample).map_err(|reason| self.failure(reason))?;
        Ok(Some(SaeMeasure {
            features: part.architecture.features(),
            tokens: rows,
            films: films.len(),
            explained_variance: check.explained_variance.unwrap_or(f64::NAN),
            active: check.l0,
            warning: check.warning,
        }))
    }

    fn sample_films(&self) -> Result<Vec<Radiograph>> {
        if !self.films.is_empty() {
            return Study::open(&self.films)?.films.iter().map(|path| Radiograph::open(path)).collect();
        }
        let showcase = BundleSource::showcase();
        let listed = load::manifest(&BundleFiles::open(&showcase)?)?.gallery;
        let drawn = samples::names().map(samples::open);
        let phantoms = listed.iter().map(|film| showcase.gallery_film(&film.file));
        drawn.chain(phantoms).take(SAMPLE_FILMS).collect()
    }

    fn failure(&self, reason: String) -> Error {
        Error::Device { device: self.device.name().to_owned(), reason }
    }
}

/// Refuses weights with values that are not finite: whatever they touch would be lost.
fn check_finite(file: &str, weights: &crate::models::weights::Weights) -> Result<()> {
    for (name, data) in weights {
        let values = data.as_slice::<f32>().map_err(|e| Error::Invalid(format!("tensor \"{name}\": {e}")))?;
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::Invalid(format!(
                "the imported {} holds a value that is not finite (tensor \"{name}\", position {position}); download or save \
                 the weights again",
                Path::new(file).file_stem().unwrap_or_default().to_string_lossy()
            )));
        }
    }
    Ok(())
}
