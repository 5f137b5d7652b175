//! `fluoro evaluate`: how good explanations are, in numbers.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};
use fluoro_core::bundle::{BundleSource, FilmKind};
use fluoro_core::dataset::Dataset;
use fluoro_core::engine::{Engine, Progress, Step};
use fluoro_core::export::atomic;
use fluoro_core::{Error, Result};

use super::Global;
use super::failure::Failure;
use super::progress::Meter;

mod faithfulness;
mod iou;
mod report;
mod sanity;

/// What to measure.
#[derive(Args)]
pub struct EvaluateArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// On phantoms: does an explanation do to a film what the truth does
    Faithfulness(faithfulness::FaithfulnessArgs),
    /// How well attribution maps meet boxes, masks or the truth of phantoms
    Iou(iou::IouArgs),
    /// Reports that features make against those that radiologists wrote
    Report(report::ReportArgs),
    /// Whether maps change when the classifier's layers are randomised, from the output down
    Sanity(sanity::SanityArgs),
}

/// Measures and prints.
///
/// # Errors
/// When the dataset or the bundle cannot be used, or an output cannot be written; then nothing is written.
pub fn run(args: &EvaluateArgs, global: &Global) -> Result<(), Failure> {
    match &args.kind {
        Kind::Faithfulness(args) => faithfulness::run(args, global),
        Kind::Iou(args) => iou::run(args, global),
        Kind::Report(args) => report::run(args, global),
        Kind::Sanity(args) => sanity::run(args, global),
    }
}

/// Measures with the bundle that was asked for, else with the one for films of the datasets' kind, and shows progress.
fn measured<T>(
    datasets: &[PathBuf],
    global: &Global,
    work: impl Fn(&Engine, &Progress<'_>) -> Result<T>,
) -> Result<T, Failure> {
    let source = global.source_or(usual_bundle(datasets)?)?;
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    Ok(global.with_engine_of(source, None, |engine| work(engine, &progress))?)
}

/// The bundle for whoever names none: the one that was trained on films of the datasets' kind.
fn usual_bundle(datasets: &[PathBuf]) -> Result<BundleSource> {
    let dataset = Dataset::open(datasets)?;
    let is_phantoms = dataset.sources.iter().all(|source| source.kind() == FilmKind::Phantoms);
    Ok(if is_phantoms { BundleSource::showcase() } else { BundleSource::default() })
}

/// Writes an evaluation's folder: `NAME.json`, `NAME.csv` and `NAME.png`, whole or not at all.
fn write(folder: &Path, name: &str, table: &impl serde::Serialize, csv: &str, png: &[u8]) -> Result<()> {
    let json = serde_json::to_vec_pretty(table)
        .map_err(|e| Error::Invalid(format!("the numbers cannot be written as JSON ({e})")))?;
    atomic::write_folder_atomic(folder, |inside| {
        for (ending, bytes) in [("json", json.as_slice()), ("csv", csv.as_bytes()), ("png", png)] {
            let path = inside.join(format!("{name}.{ending}"));
            std::fs::write(&path, bytes).map_err(|e| Error::write(&path, &e))?;
        }
        Ok(())
    })
}
