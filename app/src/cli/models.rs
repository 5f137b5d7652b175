//! `fluoro models`: known published weights, and fetching them.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};
use fluoro_core::catalogue::fetch::{Fetched, fetch};
use fluoro_core::catalogue::options::Options;
use fluoro_core::catalogue::{Entry, entries, find, folder, text};
use fluoro_core::engine::{Progress, Step};
use fluoro_core::import::{ImportJob, ImportOptions, ImportReport};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, import, output};

/// What to do with known weights.
#[derive(Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Say everything that is known of one
    About {
        /// Name in the list
        name: String,
    },
    /// Download one from its authors' host, and import it
    Get(GetArgs),
}

#[derive(Args)]
struct GetArgs {
    /// Name in the list
    name: String,
    /// Folder of the new bundle [default: the name, in the current folder]
    #[arg(short, long, value_name = "BUNDLE", conflicts_with = "download_only")]
    output: Option<PathBuf>,
    /// Download the files and make no bundle
    #[arg(long)]
    download_only: bool,
    /// Take a file although it is not the one that was downloaded before
    #[arg(long)]
    accept_changed: bool,
}

#[derive(Serialize)]
struct List<'a> {
    folder: PathBuf,
    models: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    /// Whether its files are on this machine.
    is_here: bool,
}

#[derive(Serialize)]
struct Got<'a> {
    name: &'a str,
    files: &'a [Fetched],
    imported: Option<ImportReport>,
}

/// Lists, describes or fetches.
///
/// # Errors
/// When there is no such model, its host cannot be reached or sends something else, or it cannot be imported. What has come
/// of a file stays for the next call.
pub fn run(args: &ModelsArgs, global: &Global) -> Result<(), Failure> {
    let place = folder::default_folder()?;
    match &args.what {
        None => {
            let is_here = |entry: &Entry| folder::is_here(&place, entry);
            let models = entries().map(|entry| Listed { entry, is_here: is_here(entry) }).collect();
            let words = text::list(entries(), is_here)
                + "fluoro models about NAME says more; fluoro models get NAME downloads and imports";
            output::answer(global, &List { folder: place.clone(), models }, &words)
        }
        Some(What::About { name }) => {
            let entry = find(name)?;
            output::answer(global, &Listed { entry, is_here: folder::is_here(&place, entry) }, &text::describe(entry))
        }
        Some(What::Get(args)) => get(args, &place, global),
    }
}

fn get(args: &GetArgs, place: &std::path::Path, global: &Global) -> Result<(), Failure> {
    let entry = find(&args.name)?;
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    // Nothing sets it: an interrupt ends the process, and what has come of a file is taken up by the next call.
    let cancelled = AtomicBool::new(false);
    let progress = Progress::new(&report, &cancelled);
    let options = Options { accepts_changed: args.accept_changed, ..Options::from_environment()? };
    let files = fetch(entry, place, &options, &progress)?;
    let imported = if args.download_only || entry.encoder.is_some() {
        None
    } else {
        let source = match &files[..] {
            [one] => one.path.clone(),
            _ => place.join(entry.name),
        };
        let job = ImportJob {
            sources: vec![source],
            output: args.output.clone().unwrap_or_else(|| PathBuf::from(entry.name)),
            options: ImportOptions { weights: entry.labels.map(str::to_owned), ..ImportOptions::default() },
            films: Vec::new(),
            device: global.compute_device()?,
            progress: Progress::new(&report, &cancelled),
        };
        Some(job.run()?)
    };
    drop(meter);
    let mut words = text::fetched(entry, &files);
    match &imported {
        Some(imported) => words += &import::words(imported),
        None if args.download_only => {}
        None => {
            words += &format!(
                "an SAE needs the encoder that it reads: fluoro import {} ENCODER -o BUNDLE\n",
                place.join(entry.name).display()
            );
        }
    }
    output::answer(global, &Got { name: entry.name, files: &files, imported }, &words)
}
