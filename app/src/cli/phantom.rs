//! `fluoro phantom`: a synthetic dataset with known truth.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::phantom::{PhantomReport, PhantomRequest, Prevalence, folder, gallery};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// Which phantoms to draw.
#[derive(Args)]
#[command(after_help = AFTER)]
pub struct PhantomArgs {
    /// New or empty folder for films and tables
    #[arg(short, long, value_name = "DIR", required_unless_present = "gallery")]
    output: Option<PathBuf>,
    /// Write the films into this bundle's gallery instead, in place of those that it has
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["output", "truth", "resume"])]
    gallery: Option<PathBuf>,
    /// Films to draw
    #[arg(long, value_name = "N")]
    count: usize,
    /// Seed of everything; film I of a seed is the same whatever the count
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Width and height in pixels, 32 to 2048
    #[arg(long, value_name = "PIXELS", default_value_t = 224)]
    size: usize,
    /// Probability of a factor, alone or given another; may be repeated
    #[arg(short, long = "probability", value_name = "FACTOR[|[!]OTHER]=P")]
    probabilities: Vec<String>,
    /// Also write, for every film and factor, the film with that factor switched and the mask of the difference
    #[arg(long)]
    truth: bool,
    /// Go on with a folder whose run was interrupted, or make it larger
    #[arg(long)]
    resume: bool,
}

const AFTER: &str = "\
Factors: cardiomegaly effusion pneumothorax nodule consolidation atelectasis edema pacemaker wires line rods
piercing female ap inversion portable laterality site rotation; `all` sets every one.

A confounder is planted with two conditions:
  fluoro phantom -o confounded --count 4000 --seed 7 -p 'portable|cardiomegaly=0.95' -p 'portable|!cardiomegaly=0.05'";

#[derive(Serialize)]
struct Gallery {
    output: String,
    films: usize,
}

/// Draws phantoms and says what is on them.
///
/// # Errors
/// When a probability or size makes no sense, the folder is in use, or a file cannot be written.
pub fn run(args: &PhantomArgs, global: &Global) -> Result<(), Failure> {
    let request = PhantomRequest {
        count: args.count,
        seed: args.seed,
        side: args.size,
        prevalence: Prevalence::parse(args.probabilities.iter().map(String::as_str))?,
        truth: args.truth,
    };
    let Some(output) = &args.output else {
        let bundle = args.gallery.as_deref().unwrap_or_else(|| Path::new("."));
        let films = gallery::write(bundle, &request)?;
        let written = Gallery { output: output::shown(bundle), films };
        return output::answer(global, &written, &format!("{films} phantoms in the gallery of {}", written.output));
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    // Nothing sets it: an interrupt ends the process, and what is in the folder is whole at any moment.
    let cancelled = AtomicBool::new(false);
    let written = folder::write(output, &request, args.resume, &Progress::new(&report, &cancelled))?;
    drop(meter);
    output::answer(global, &written, &words(&written, args.truth))
}

fn words(report: &PhantomReport, truth: bool) -> String {
    let PhantomReport { output, films, factors, films_per_second, seconds } = report;
    let mut text = format!("{films} phantoms in {output}, {films_per_second:.0} films/s, {seconds:.1} s\n");
    for (label, count) in factors {
        let _ = writeln!(text, "  {label:<20} {count:>7}  {:>5.1} %", 100.0 * *count as f64 / (*films).max(1) as f64);
    }
    if !truth {
        text.push_str("  --truth writes every factor's counterfactual and mask as well\n");
    }
    text
}
