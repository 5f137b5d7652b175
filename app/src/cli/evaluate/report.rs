//! `fluoro evaluate report`: reports that features make against those that radiologists wrote.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::dataset::reports::Reports;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::evaluate::report::{self, ReportEvaluation, ReportRequest, usual_reports};
use fluoro_core::export::atomic;
use fluoro_core::report::labeler::Labeler;

use crate::cli::failure::Failure;
use crate::cli::progress::Meter;
use crate::cli::report::labels;
use crate::cli::{Global, output};

/// What to measure.
#[derive(Args)]
pub struct ReportArgs {
    /// Folder of films with reports
    dataset: PathBuf,
    /// Their reports [default: reports.csv in the dataset]
    #[arg(long, value_name = "CSV")]
    reports: Option<PathBuf>,
    /// A store that was labelled, or a file of labels [default: those in the bundle's folder]; they must be of other films
    #[arg(long, value_name = "STORE|LABELS.ron")]
    labels: Option<PathBuf>,
    /// Films, drawn at random
    #[arg(long, value_name = "N", default_value_t = 500)]
    films: usize,
    /// Seed of the draw
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Count "possible" as absent; it counts as present otherwise
    #[arg(long)]
    sure_only: bool,
    /// File for all numbers and a few reports to read
    #[arg(short, long, value_name = "OUT.json")]
    output: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When the dataset, the labels or the bundle cannot be used, or the output cannot be written; then nothing is written.
pub fn run(args: &ReportArgs, global: &Global) -> Result<(), Failure> {
    if let Some(path) = &args.output {
        atomic::check_file(path)?;
    }
    let usual = usual_reports(&args.dataset);
    let reports = Reports::read(args.reports.as_ref().unwrap_or(&usual))?;
    let source = global.source()?;
    let labels = labels(args.labels.as_deref(), &source)?;
    let labeler = Labeler::new(labels.vocabulary.clone())?;
    let request = ReportRequest {
        dataset: args.dataset.clone(),
        reports: &reports,
        labels: &labels,
        labeler: &labeler,
        films: args.films,
        seed: args.seed,
        uncertain_counts: !args.sure_only,
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let found = global.with_engine(|engine| report::evaluate(engine, &request, &progress))?;
    drop(meter);
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(&found).map_err(|e| fluoro_core::Error::Invalid(e.to_string()))?;
        atomic::write_atomic(path, |out| out.write_all(text.as_bytes()))?;
    }
    output::answer(global, &found, &words(&found))
}

fn words(found: &ReportEvaluation) -> String {
    let scores = &found.scores;
    let [low, high] = scores.micro_interval;
    let mut text = format!(
        "{} reports of {}, bundle {}, {}\n  F1 micro {:.3} ({low:.3} to {high:.3}), macro {:.3}\n",
        scores.reports, found.dataset, found.bundle, scores.vocabulary, scores.all.micro, scores.all.mean_over_classes
    );
    // Writing to a string cannot fail.
    if let Some(five) = &scores.five {
        let _ = writeln!(text, "  of CheXpert's five: F1 micro {:.3}, macro {:.3}", five.micro, five.mean_over_classes);
    }
    let _ = writeln!(
        text,
        "  BLEU-4 {:.4}, ROUGE-L {:.4} (beta 1.2; {:.4} with beta 1), METEOR (exact, stem) {:.4}",
        scores.bleu[3], scores.rouge_l_coco, scores.rouge_l_google, scores.meteor_exact_stem
    );
    let _ = writeln!(text, "  {:<28} {:>6} {:>9} {:>7} {:>6}", "class", "films", "precision", "recall", "F1");
    for class in &scores.classes {
        let films = class.counts.both + class.counts.reference_only;
        let _ = writeln!(
            text,
            "  {:<28} {films:>6} {:>9.3} {:>7.3} {:>6.3}",
            class.name, class.precision, class.recall, class.f1
        );
    }
    if !found.grounding.is_empty() {
        let _ = writeln!(text, "  {:<28} {:>6} {:>9} {:>9} {:>7}", "region", "films", "IoU", "at area", "chance");
    }
    for row in &found.grounding {
        let _ = writeln!(
            text,
            "  {:<28} {:>6} {:>9.3} {:>9.3} {:>7.3}",
            row.class, row.films, row.iou.mean, row.iou_at_area.mean, row.by_chance
        );
    }
    if let Some(example) = found.examples.first() {
        let _ = writeln!(text, "\n{}\n  written: {}\n  made:\n{}", example.film, example.written, example.made);
    }
    text
}
