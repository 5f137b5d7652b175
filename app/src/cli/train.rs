//! `fluoro train`: a part of a bundle from folders of films.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use fluoro_core::Error;
use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::atomic;
use fluoro_core::store::Store;
use fluoro_core::train::{TrainJob, TrainOptions, TrainReport, TrainedPart};

use super::failure::Failure;
use super::progress::Meter;
use super::train_stored::StoredArgs;
use super::{Global, output, train_stored};

/// What to train on what.
#[derive(Args)]
pub struct TrainArgs {
    /// Part to train, in this order for a new bundle
    part: Part,
    /// Folders of films with their table (NIH ChestX-ray14's Data_Entry_2017.csv or metadata.csv); for the SAE also an
    /// activation store with latents
    #[arg(required = true, value_name = "DATASET")]
    datasets: Vec<PathBuf>,
    /// Bundle folder that receives the part; checkpoints lie beside it
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
    /// For the autoencoder and the classifier: bundle whose part training begins with
    #[arg(long, value_name = "BUNDLE")]
    start: Option<String>,
    /// For the classifier: bundle whose autoencoder draws half of the films again [default: the output's own]
    #[arg(long, value_name = "BUNDLE")]
    redraw: Option<String>,
    /// Go on from the last checkpoint
    #[arg(long)]
    resume: bool,
    /// Passes over the films; for the SAE, thousands of steps [default: 40, 60, 8]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Films in a step; for the SAE, tokens [default: 8, 16, 1024]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Largest learning rate [default: 0.0015, 0.0015, 0.001]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Decoupled weight decay [default: 0.00001, 0.02, 0]
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f32>,
    /// Seed of weights, order, augmentation and split [default: 20261122]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Share of patients held out [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    held_out: Option<f64>,
    /// Show films as they are; without this, training films are turned, moved and toned a little each time
    #[arg(long)]
    no_augment: bool,
    /// For the autoencoder: weight of reading the table's labels off single tokens [default: 0]
    #[arg(long, value_name = "WEIGHT")]
    supervision: Option<f32>,
    /// For the autoencoder: weight of the squared error beside the absolute one [default: 1]
    #[arg(long, value_name = "WEIGHT")]
    squared: Option<f32>,
    /// For the SAE: active features of a token, at most [default: 16]
    #[arg(long, value_name = "N")]
    active: Option<f64>,
    /// For the autoencoder: tokens along a side of its grid: 7, 14 or 28 [default: 7]
    #[arg(long, value_name = "N")]
    grid: Option<usize>,
    /// For the autoencoder: numbers in a token [default: 64]
    #[arg(long, value_name = "N")]
    latent: Option<usize>,
    /// For the autoencoder: linear shortcuts from patch to token and back; sharper films, but edits whose patches show
    #[arg(long)]
    shortcut: bool,
    #[command(flatten)]
    stored: StoredArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Encoder and decoder
    Autoencoder,
    /// Labels
    Classifier,
    /// Features of the autoencoder's latent
    Sae,
    /// Linear probes on the encoder's latent, one for each column of the table
    Probes,
    /// Frames of the class token of an encoder that was imported
    Decoder,
}

impl TrainArgs {
    fn part(&self) -> TrainedPart {
        match self.part {
            Part::Autoencoder => TrainedPart::Autoencoder,
            Part::Classifier => TrainedPart::Classifier,
            Part::Sae => TrainedPart::Sae,
            Part::Probes => TrainedPart::Probes,
            Part::Decoder => TrainedPart::Decoder,
        }
    }

    /// The part's defaults under what was asked for.
    fn options(&self) -> TrainOptions {
        let usual = TrainOptions::of(self.part());
        TrainOptions {
            epochs: self.epochs.unwrap_or(usual.epochs),
            batch: self.batch.unwrap_or(usual.batch),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            weight_decay: self.weight_decay.unwrap_or(usual.weight_decay),
            seed: self.seed.unwrap_or(usual.seed),
            held_out: self.held_out.unwrap_or(usual.held_out),
            augment: !self.no_augment,
            supervision: self.supervision.unwrap_or(usual.supervision),
            squared: self.squared.unwrap_or(usual.squared),
            active: self.active.unwrap_or(usual.active),
            grid: self.grid.unwrap_or(usual.grid),
            latent: self.latent.unwrap_or(usual.latent),
            shortcut: self.shortcut,
        }
    }

    /// Refuses a bundle folder that cannot be made, before hours of work.
    fn check_output(&self) -> fluoro_core::Result<()> {
        if self.output.file_name().is_none() {
            let reason = "this is not a folder name; name a folder for the bundle".into();
            return Err(Error::Write { path: self.output.clone(), reason });
        }
        if self.output.is_dir() {
            return atomic::check_file(&self.output.join(fluoro_core::bundle::manifest::FILE));
        }
        atomic::check_folder(&self.output)
    }
}

/// Trains one part and says how well it does on patients held out.
///
/// # Errors
/// When the dataset, the bundle or an option cannot be used, or the device fails. The last checkpoint then remains.
pub fn run(args: &TrainArgs, global: &Global) -> Result<(), Failure> {
    args.check_output()?;
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    // Nothing sets it: an interrupt ends the process, and checkpoints are whole at any moment.
    let cancelled = AtomicBool::new(false);
    if let (Part::Sae, [store]) = (args.part, &args.datasets[..])
        && Store::is_at(store)
    {
        let progress = Progress::new(&report, &cancelled);
        let trained =
            train_stored::run(&args.stored, [store, &args.output], &args.options(), args.resume, progress, global)?;
        drop(meter);
        return train_stored::answer(&trained, global);
    }
    let job = TrainJob {
        datasets: args.datasets.clone(),
        output: args.output.clone(),
        start: args.start.as_deref().map(BundleSource::parse).transpose()?,
        redraw: args.redraw.as_deref().map(BundleSource::parse).transpose()?,
        resume: args.resume,
        options: args.options(),
        device: global.compute_device()?,
        progress: Progress::new(&report, &cancelled),
    };
    let trained = job.run(args.part())?;
    drop(meter);
    output::answer(global, &trained, &words(&trained))
}

fn words(report: &TrainReport) -> String {
    let TrainReport { bundle, part, films, patients, parameters, results, seconds } = report;
    let mut text = format!(
        "{part} of {bundle}: {parameters} parameters, {seconds:.0} s\n\
         \x20 trained on {} films of {} patients, held out {} of {}\n",
        films[0], patients[0], films[1], patients[1]
    );
    for (name, value) in results {
        let _ = writeln!(text, "  {name:<32} {value:>10.4}");
    }
    text
}
