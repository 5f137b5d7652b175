//! The command line.
//!
//! In: arguments. Out: files, a table or one JSON object on standard output, and an exit code: 0 done, 2 bad usage, 1
//! anything else, with one line on standard error. A command is one file here and one line in [`Command`]. Outputs are
//! checked before long work, and appear whole or not at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use fluoro_core::bundle::{BundleSource, embedded};
use fluoro_core::device::{ComputeDevice, DeviceChoice};
use fluoro_core::engine::Engine;
use fluoro_core::{Error, Result};

mod analyze;
mod attribute;
mod audit;
mod bench;
mod capture;
mod demo;
mod edit;
mod encode;
mod evaluate;
mod failure;
mod gallery;
mod import;
mod info;
mod label;
mod models;
mod output;
mod phantom;
mod progress;
mod report;
mod segment;
mod shift;
mod shift_page;
mod target;
mod train;
mod train_stored;
mod view;

use failure::Failure;

/// Features that a vision model learned from chest X-rays, as sliders. Not for diagnosis.
#[derive(Parser)]
#[command(
    name = "fluoro",
    version,
    after_help = "Without a command: the window, on the films that come with the bundle. Not for diagnosis."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Open the window on films or folders
    View(view::ViewArgs),
    /// Say what a film or a bundle is
    Info(info::InfoArgs),
    /// Read films: predictions and top features
    Analyze(analyze::AnalyzeArgs),
    /// Change features of a film and write the counterfactual
    Edit(edit::EditArgs),
    /// Walk a film along a label or a feature: search, sweep, map, export
    Shift(shift::ShiftArgs),
    /// Show where the classifier looks, by one method or several side by side
    Attribute(attribute::AttributeArgs),
    /// Write a mask of where a shift changes the film
    Segment(segment::SegmentArgs),
    /// Encode a dataset into an activation store
    Encode(encode::EncodeArgs),
    /// Join the stores of parts of a dataset
    Merge(encode::MergeArgs),
    /// Draw a feature's contact sheet: its strongest films, and films at every level
    Gallery(gallery::GalleryArgs),
    /// Find out whether a model reads anatomy or the sticker: which features follow a column of metadata, and what they do
    Audit(audit::AuditArgs),
    /// Say what the features of a store stand for
    Label(label::LabelArgs),
    /// Word a film: sentences of its active features, each with its region
    Report(report::ReportArgs),
    /// Make a bundle of published weights
    Import(import::ImportArgs),
    /// List known published weights, and download them
    Models(models::ModelsArgs),
    /// Train a part of a bundle
    Train(train::TrainArgs),
    /// Draw a synthetic dataset with known truth
    Phantom(phantom::PhantomArgs),
    /// Measure how good explanations are
    Evaluate(evaluate::EvaluateArgs),
    /// Measure latency and throughput on this machine
    Bench,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    #[arg(long, global = true, value_name = "NAME|PATH", help = format!(
        "Model to use: the name of a built-in bundle, or a bundle's folder [default: {}]",
        embedded::DEFAULT
    ))]
    bundle: Option<String>,
    /// Where to compute: auto, gpu or cpu; auto takes a real GPU when there is one
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
    /// Print one JSON object instead of words
    #[arg(long, global = true)]
    json: bool,
}

impl Global {
    /// The bundle that was asked for.
    fn source(&self) -> Result<BundleSource> {
        self.source_or(BundleSource::default())
    }

    /// The bundle that was asked for, else `usual`.
    fn source_or(&self, usual: BundleSource) -> Result<BundleSource> {
        self.bundle.as_deref().map_or(Ok(usual), BundleSource::parse)
    }

    /// The device that was asked for, or the CPU with a warning when a GPU that nobody demanded does not work.
    fn compute_device(&self) -> Result<ComputeDevice> {
        let (device, warning) = ComputeDevice::open(self.device)?;
        if let Some(warning) = warning {
            output::warn(&warning);
        }
        Ok(device)
    }

    /// Runs `work` on the bundle. Should a GPU that nobody demanded fail on the way, the CPU does it again; so `work`
    /// computes and writes nothing.
    fn with_engine<T>(&self, work: impl Fn(&Engine) -> Result<T>) -> Result<T> {
        self.with_engine_of(self.source()?, None, work)
    }

    /// [`Global::with_engine`] on a bundle, reading films and frames with the classifier of another where one is named.
    fn with_engine_of<T>(
        &self,
        source: BundleSource,
        reader: Option<&str>,
        work: impl Fn(&Engine) -> Result<T>,
    ) -> Result<T> {
        let reader = reader.map(BundleSource::parse).transpose()?;
        let open = |device| {
            let engine = Engine::open(&source, device)?;
            match &reader {
                Some(reader) => engine.with_classifier_of(reader),
                None => Ok(engine),
            }
        };
        let device = self.compute_device()?;
        if !device.is_gpu() || self.device != DeviceChoice::Auto {
            return work(&open(device)?);
        }
        let name = device.name().to_owned();
        let attempt = catch_unwind(AssertUnwindSafe(|| work(&open(device)?)));
        let reason = match attempt {
            Ok(Err(error @ Error::Device { .. })) => error.to_string(),
            Ok(result) => return result,
            Err(_) => format!("compute device {name} failed"),
        };
        output::warn(&format!("{reason}; computing on the CPU instead"));
        work(&open(ComputeDevice::cpu())?)
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version are answers too; when nobody reads them there is nothing to do.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    output::start_log(cli.global.json);
    failure::keep_panics_quiet();
    let result = catch_unwind(AssertUnwindSafe(|| run(&cli)));
    match result.unwrap_or_else(|_| Err(Failure::panic())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match &cli.command {
        None if crate::window::has_display() => view::run(&view::ViewArgs::default(), global),
        None => demo::run(global),
        Some(Command::View(args)) => view::run(args, global),
        Some(Command::Info(args)) => info::run(args, global),
        Some(Command::Analyze(args)) => analyze::run(args, global),
        Some(Command::Edit(args)) => edit::run(args, global),
        Some(Command::Shift(args)) => shift::run(args, global),
        Some(Command::Attribute(args)) => attribute::run(args, global),
        Some(Command::Segment(args)) => segment::run(args, global),
        Some(Command::Encode(args)) => encode::run(args, global),
        Some(Command::Merge(args)) => encode::merge(args, global),
        Some(Command::Gallery(args)) => gallery::run(args, global),
        Some(Command::Audit(args)) => audit::run(args, global),
        Some(Command::Label(args)) => label::run(args, global),
        Some(Command::Report(args)) => report::run(args, global),
        Some(Command::Import(args)) => import::run(args, global),
        Some(Command::Models(args)) => models::run(args, global),
        Some(Command::Train(args)) => train::run(args, global),
        Some(Command::Phantom(args)) => phantom::run(args, global),
        Some(Command::Evaluate(args)) => evaluate::run(args, global),
        Some(Command::Bench) => bench::run(global),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_may_start_with_signs() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.command);
        let shift = parse("fluoro shift a.png --target Mass --range -40,10 -o a.gif --no-bar").unwrap();
        assert!(matches!(shift, Some(Command::Shift(_))));
        let edit = parse("fluoro edit a.png --set 1=-2 2=+3 AP=x0 --finding Mass=-4 -o a.png --json").unwrap();
        assert!(matches!(edit, Some(Command::Edit(_))));
        for wrong in [
            "fluoro shift a.png -o a.gif",
            "fluoro shift a.png --target Mass --range 10,-40 -o a.gif",
            "fluoro shift a.png --target Mass --recipe r.ron -o a.gif",
            "fluoro analyze",
            "fluoro analyze a.png --device tpu",
            "fluoro segment a.png --target Mass --otsu --percentile 4 -o a.png",
        ] {
            assert_eq!(parse(wrong).err().map(|e| e.exit_code()), Some(2), "{wrong}");
        }
    }
}
