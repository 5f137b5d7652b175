//! `fluoro report`: a film in sentences, each tied to its features and its region.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::report::ReportFile;
use fluoro_core::label::Labels;
use fluoro_core::label::openai::OpenAi;
use fluoro_core::label::stored::FILE;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::report::labeler::Labeler;
use fluoro_core::report::rewrite::{MOST_TOKENS, rewrite};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::label::{KEY, PATIENCE};
use super::progress::Meter;
use super::{Global, output};

/// Which film, and whose labels.
#[derive(Args)]
pub struct ReportArgs {
    /// A film
    file: PathBuf,
    /// A store that was labelled, or a file of labels [default: those in the bundle's folder]
    #[arg(long, value_name = "STORE|LABELS.ron")]
    labels: Option<PathBuf>,
    /// Let this OpenAI-compatible endpoint rewrite the report as prose, such as http://localhost:8080/v1; the report's words are
    /// sent to it, nothing else of the film. The original stays beside it, and findings that differ are told. Its key is read
    /// from FLUORO_ENDPOINT_KEY
    #[arg(long, value_name = "URL", requires = "model")]
    rewrite: Option<String>,
    /// The endpoint's model
    #[arg(long, value_name = "NAME", requires = "rewrite")]
    model: Option<String>,
    /// Write the report: .txt as text, .json with the features of each sentence, .dcm.txt as text that DICOM's UT and LT take
    #[arg(short, long, value_name = "OUT.txt|OUT.json|OUT.dcm.txt")]
    output: Option<PathBuf>,
}

/// Labels that a command was pointed to.
pub fn labels(named: Option<&Path>, source: &BundleSource) -> Result<Labels> {
    if let Some(path) = named {
        let path = if path.is_dir() { path.join(FILE) } else { path.to_path_buf() };
        return Labels::read(&path);
    }
    Labels::of_bundle(source)?.ok_or_else(|| {
        let reason = "the bundle has no labels; name a labelled store with --labels (fluoro encode, then fluoro label)";
        Error::Invalid(reason.into())
    })
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    report: ReportFile,
    outputs: Vec<String>,
}

/// Words a film.
///
/// # Errors
/// When the film, the bundle or the labels cannot be used, or the report cannot be written; then nothing is written.
pub fn run(args: &ReportArgs, global: &Global) -> Result<(), Failure> {
    if let Some(path) = &args.output {
        output::check_distinct(&[path], &args.file)?;
        ReportFile::check(path)?;
    }
    let film = Radiograph::open(&args.file)?;
    let source = global.source()?;
    let labels = labels(args.labels.as_deref(), &source)?;
    let labeler = Labeler::new(labels.vocabulary.clone())?;
    let endpoint = match (&args.rewrite, &args.model) {
        (Some(address), Some(model)) => {
            let endpoint = OpenAi::new(address, model, std::env::var(KEY).ok(), PATIENCE)?;
            Some((endpoint.with_answers_of(MOST_TOKENS), model))
        }
        _ => None,
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let (mut report, prose) = global.with_engine(|engine| {
        let worded = engine.report(&engine.analyze(&film)?, &labels, &labeler, Some(&progress))?;
        Ok((ReportFile::new(&worded, engine.manifest(), &film), worded.report.to_prose()))
    })?;
    if let Some((endpoint, model)) = &endpoint {
        progress.step("asking the endpoint", 0, 1)?;
        report = report.with_rewriting(rewrite(endpoint, model, &prose, &labeler)?);
    }
    drop(meter);
    for difference in report.rewritten.iter().flat_map(|rewriting| &rewriting.differences) {
        output::warn(&format!("the rewriting changes a finding: {}", difference.words()));
    }
    if let Some(path) = &args.output {
        report.write(path)?;
    }
    let outputs: Vec<String> = args.output.iter().map(|path| output::shown(path)).collect();
    let text = format!("{}\n{}", report.text(), output::written(&outputs));
    output::answer(global, &Report { report, outputs }, &text)
}
