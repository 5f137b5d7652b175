//! `fluoro report`: a film in sentences, each tied to its features and its region.

use std::path::{Path, PathBuf};

use clap::Args;
use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Engine, FilmReport};
use fluoro_core::export::atomic;
use fluoro_core::label::Labels;
use fluoro_core::label::stored::FILE;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::report::compose::Sentence;
use fluoro_core::report::labeler::Labeler;
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::{Global, output};

/// Which film, and whose labels.
#[derive(Args)]
pub struct ReportArgs {
    /// A film
    file: PathBuf,
    /// A store that was labelled, or a file of labels [default: those in the bundle's folder]
    #[arg(long, value_name = "STORE|LABELS.ron")]
    labels: Option<PathBuf>,
    /// Write the report: .txt as text, .json with the features of each sentence, .dcm.txt as text that DICOM's UT and LT take
    #[arg(short, long, value_name = "OUT.txt|OUT.json|OUT.dcm.txt")]
    output: Option<PathBuf>,
}

/// Labels that a command was pointed to.
pub fn labels(named: Option<&Path>, source: &BundleSource) -> Result<Labels> {
    let path = match (named, source) {
        (Some(path), _) if path.is_dir() => path.join(FILE),
        (Some(path), _) => path.to_path_buf(),
        (None, BundleSource::Folder(folder)) if folder.join(FILE).is_file() => folder.join(FILE),
        (None, _) => {
            let reason =
                "the bundle has no labels; name a labelled store with --labels (fluoro encode, then fluoro label)";
            return Err(Error::Invalid(reason.into()));
        }
    };
    Labels::read(&path)
}

/// A sentence as JSON has it.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    sentence: &'a Sentence,
    /// Boxes x, y, width, height of its region, in the film's own pixels, largest first.
    boxes: Vec<[u32; 4]>,
}

#[derive(Serialize)]
struct Report<'a> {
    film: String,
    bundle: String,
    acquisition: Vec<Said<'a>>,
    findings: Vec<Said<'a>>,
    impression: Vec<Said<'a>>,
    outputs: Vec<String>,
}

/// Words a film.
///
/// # Errors
/// When the film, the bundle or the labels cannot be used, or the report cannot be written; then nothing is written.
pub fn run(args: &ReportArgs, global: &Global) -> Result<(), Failure> {
    if let Some(path) = &args.output {
        output::check_distinct(&[path], &args.file)?;
        atomic::check_file(path)?;
        if !["txt", "json"].contains(&output::extension(path).as_str()) {
            let reason = "a report is written as .txt, .json or .dcm.txt".into();
            return Err(Error::Write { path: path.clone(), reason }.into());
        }
    }
    let film = Radiograph::open(&args.file)?;
    let source = global.source()?;
    let labels = labels(args.labels.as_deref(), &source)?;
    let labeler = Labeler::new(labels.vocabulary.clone())?;
    let (worded, name, size) = global.with_engine(|engine| {
        let analysis = engine.analyze(&film)?;
        let worded = engine.report(&analysis, &labels, &labeler, true)?;
        let boxes = boxes_of(engine, &worded, &film);
        Ok((worded, engine.manifest().name.clone(), boxes))
    })?;
    let text = worded.report.to_text();
    let report = Report {
        film: output::shown(&args.file),
        bundle: name,
        acquisition: said(&worded.report.acquisition, &size, 0),
        findings: said(&worded.report.findings, &size, worded.report.acquisition.len()),
        impression: said(
            &worded.report.impression,
            &size,
            worded.report.acquisition.len() + worded.report.findings.len(),
        ),
        outputs: args.output.iter().map(|path| output::shown(path)).collect(),
    };
    if let Some(path) = &args.output {
        let bytes = match output::extension(path).as_str() {
            "json" => serde_json::to_string_pretty(&report).map_err(|e| Error::Invalid(e.to_string()))?,
            _ if path.to_string_lossy().ends_with(".dcm.txt") => worded.report.to_dicom_text(),
            _ => text.clone(),
        };
        atomic::write_atomic(path, |out| out.write_all(bytes.as_bytes()))?;
    }
    output::answer(global, &report, &format!("{text}\n{}", output::written(&report.outputs)))
}

fn said<'a>(sentences: &'a [Sentence], boxes: &[Vec<[u32; 4]>], first: usize) -> Vec<Said<'a>> {
    let boxes_of = |place: usize| boxes.get(first + place).cloned().unwrap_or_default();
    sentences.iter().enumerate().map(|(place, sentence)| Said { sentence, boxes: boxes_of(place) }).collect()
}

/// Boxes of every sentence in the film's own pixels.
fn boxes_of(engine: &Engine, worded: &FilmReport, film: &Radiograph) -> Vec<Vec<[u32; 4]>> {
    let preprocess = &engine.manifest().preprocess;
    let of = |region: &Option<_>| {
        region.as_ref().map(|region| super::segment::on_film(region, preprocess, film).boxes).unwrap_or_default()
    };
    worded.regions.iter().map(of).collect()
}
