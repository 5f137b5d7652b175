//! `fluoro label`: what the features of a store stand for.
//!
//! In: a store, its reports, and where asked the bundle's text tower or an endpoint. Out: `labels.ron`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use fluoro_core::dataset::reports::Reports;
use fluoro_core::engine::{Engine, Progress, Step};
use fluoro_core::export::atomic;
use fluoro_core::label::endpoint::Ask;
use fluoro_core::label::openai::OpenAi;
use fluoro_core::label::stored::FILE;
use fluoro_core::label::words::Words;
use fluoro_core::label::{FeatureLabel, LabelJob, LabelOptions, Labels};
use fluoro_core::report::labeler::{Labeler, Vocabulary, chexpert, phantom};
use fluoro_core::store::Store;
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// Labels that are printed in words; JSON and the file have them all.
const PRINTED: usize = 20;
/// Where the endpoint's key is looked for; it is no argument, since other users of a machine can read those.
pub(super) const KEY: &str = "FLUORO_ENDPOINT_KEY";
/// Longest wait for an endpoint's answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Which store, and what is known of its films.
#[derive(Args)]
pub struct LabelArgs {
    /// An activation store
    store: PathBuf,
    /// Reports of its films: a CSV table with a column that names the film and columns of text; without it the film table's
    /// columns alone give labels
    #[arg(long, value_name = "CSV")]
    reports: Option<PathBuf>,
    /// Findings that are looked for in reports: chexpert, phantom, or a RON file [default: phantom where the films are
    /// phantoms, chexpert otherwise]
    #[arg(long, value_name = "NAME|FILE")]
    vocabulary: Option<String>,
    /// Where the labels are written [default: in the store]; a bundle's folder takes them for `fluoro report`
    #[arg(short, long, value_name = "LABELS.ron|BUNDLE")]
    output: Option<PathBuf>,
    /// Strongest films that propose a feature's labels
    #[arg(long, value_name = "N", default_value_t = LabelOptions::default().top)]
    top: usize,
    /// Let the text tower of the bundle that encoded the store (--bundle) name what neither reports nor columns do: the finding
    /// of the vocabulary that a feature's films resemble more than other films. The store must keep latents
    #[arg(long)]
    text: bool,
    /// Let this OpenAI-compatible endpoint word the labels, such as http://localhost:8080/v1; reports of the strongest films
    /// are sent to it. Its key is read from FLUORO_ENDPOINT_KEY
    #[arg(long, value_name = "URL", requires = "model")]
    endpoint: Option<String>,
    /// The endpoint's model
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    model: Option<String>,
}

/// The labeler that was asked for, else that for the films of `dataset`.
fn labeler(vocabulary: Option<&str>, dataset: &Path) -> Result<Labeler> {
    let usual = if dataset.join("factors.csv").is_file() { "phantom" } else { "chexpert" };
    Labeler::new(match vocabulary.unwrap_or(usual) {
        "phantom" => phantom(),
        "chexpert" => chexpert(),
        file => read_vocabulary(Path::new(file))?,
    })
}

fn read_vocabulary(path: &Path) -> Result<Vocabulary> {
    let broken = |e: &dyn std::fmt::Display| {
        Error::Invalid(format!("not a vocabulary ({e}); name chexpert, phantom or a RON file: {}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|e| broken(&e))?;
    ron::from_str(&text).map_err(|e| broken(&e))
}

#[derive(Serialize)]
struct Report<'a> {
    store: String,
    features: u32,
    labels: Vec<&'a FeatureLabel>,
    outputs: Vec<String>,
}

/// Labels a store.
///
/// # Errors
/// When the store, the reports or the endpoint cannot be used, or the labels cannot be written; then nothing is written.
pub fn run(args: &LabelArgs, global: &Global) -> Result<(), Failure> {
    let store = Store::open(&args.store)?;
    let path = match &args.output {
        None => args.store.join(FILE),
        Some(path) if path.is_dir() => path.join(FILE),
        Some(path) => path.clone(),
    };
    atomic::check_file(&path)?;
    let reports = args.reports.as_deref().map(Reports::read).transpose()?;
    let labeler = labeler(args.vocabulary.as_deref(), Path::new(&store.info().dataset))?;
    let endpoint = match (&args.endpoint, &args.model) {
        (Some(address), Some(model)) => Some(OpenAi::new(address, model, std::env::var(KEY).ok(), PATIENCE)?),
        _ => None,
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let label = |engine: Option<&Engine>| {
        let words = engine.map(|engine| Words::new(engine, &store, labeler.vocabulary())).transpose()?;
        let job = LabelJob {
            store: &store,
            reports: reports.as_ref(),
            labeler: &labeler,
            options: LabelOptions { top: args.top, ..LabelOptions::default() },
            words: words.as_ref(),
            endpoint: endpoint.as_ref().map(|endpoint| endpoint as &dyn Ask),
        };
        job.run(&Progress::new(&report, &never))
    };
    let labels = if args.text { global.with_engine(|engine| label(Some(engine)))? } else { label(None)? };
    labels.write(&path)?;
    drop(meter);
    let mut sorted: Vec<&FeatureLabel> = labels.iter().collect();
    sorted.sort_by(|a, b| auc(b).total_cmp(&auc(a)));
    let text = words(&labels, &sorted, &store, &path);
    let report = Report {
        store: output::shown(&args.store),
        features: store.info().features,
        labels: sorted,
        outputs: vec![output::shown(&path)],
    };
    output::answer(global, &report, &text)
}

fn auc(label: &FeatureLabel) -> f64 {
    label.detection.auc.value.unwrap_or(0.0)
}

fn words(labels: &Labels, sorted: &[&FeatureLabel], store: &Store, path: &Path) -> String {
    let mut text = format!("{} of {} features have a label\n", sorted.len(), store.info().features);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  feature  {:<40} {:>6} {:>9} {:>9}", "label", "AUC", "true", "covered");
    for label in sorted.iter().take(PRINTED) {
        let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let name: String = label.text.chars().take(40).collect();
        let _ = writeln!(
            text,
            "  {:>7}  {name:<40} {:>6} {:>9} {:>9}",
            label.feature,
            share(label.detection.auc.value),
            share(label.detection.recall.value),
            share(label.detection.precision.value)
        );
    }
    if sorted.len() > PRINTED {
        let _ = writeln!(text, "  and {} more", sorted.len() - PRINTED);
    }
    let _ = writeln!(
        text,
        "true: share of the films on which the feature speaks for which the label holds; covered: share of the label's films on which \
         it speaks; both and the AUC on patients that chose no label. {}",
        labels.method
    );
    text + &output::written(&[output::shown(path)])
}
