//! `fluoro encode` and `fluoro merge`: a dataset becomes an activation store.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::encode::{self, EncodeReport, EncodeRequest};
use fluoro_core::engine::{Progress, Step};
use fluoro_core::store::Shard;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// Failed films that are named in words; JSON has them all.
const NAMED: usize = 5;

/// What to encode.
#[derive(Args)]
pub struct EncodeArgs {
    /// Folder of films, with a table or without
    dataset: PathBuf,
    /// New folder for the store
    #[arg(short, long, value_name = "STORE")]
    output: PathBuf,
    /// Encode part I of N only, 1 to N; `fluoro merge` joins the parts
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Go on with a run that was interrupted
    #[arg(long)]
    resume: bool,
    /// Leave the latents out: a smaller store, on which no SAE can be trained
    #[arg(long)]
    no_latents: bool,
}

/// What to join.
#[derive(Args)]
pub struct MergeArgs {
    /// Stores of the parts
    #[arg(required = true)]
    stores: Vec<PathBuf>,
    /// New folder for the whole
    #[arg(short, long, value_name = "STORE")]
    output: PathBuf,
}

fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || format!("\"{text}\" is no part; write I/N, such as 1/4");
    let (index, count) = text.split_once('/').ok_or_else(wrong)?;
    let (index, count): (u32, u32) = (index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
    if index == 0 || index > count {
        return Err(format!("\"{text}\" is no part; of {count} parts, name one from 1 to {count}"));
    }
    Ok(Shard { index, count })
}

/// Encodes a dataset.
///
/// # Errors
/// When the dataset, the bundle or the store cannot be used, or the device fails; what was encoded then waits for
/// `--resume`.
pub fn run(args: &EncodeArgs, global: &Global) -> Result<(), Failure> {
    let request = EncodeRequest {
        dataset: args.dataset.clone(),
        output: args.output.clone(),
        shard: args.shard,
        resume: args.resume,
        latents: !args.no_latents,
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    // Nothing sets it: an interrupt ends the process, and what is in the store stays whole.
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let engine = fluoro_core::engine::Engine::open(&global.source()?, global.compute_device()?)?;
    let encoded = encode::encode(&engine, &request, &progress)?;
    drop(meter);
    output::answer(global, &encoded, &words(&encoded))
}

/// Joins stores.
///
/// # Errors
/// When they do not belong together, cannot be read, or the whole cannot be written; then nothing is written.
pub fn merge(args: &MergeArgs, global: &Global) -> Result<(), Failure> {
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let merged = encode::merge(&args.stores, &args.output, &Progress::new(&report, &never))?;
    drop(meter);
    output::answer(global, &merged, &words(&merged))
}

fn words(report: &EncodeReport) -> String {
    let EncodeReport { store, films, failed, features, nonzero, films_per_second } = report;
    let each = *nonzero as f64 / (*films).max(1) as f64;
    let mut text = format!("{store}: {films} films, {nonzero} activations of {features} features, {each:.1} a film\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {films_per_second:.1} films a second");
    if !failed.is_empty() {
        let _ = writeln!(text, "  {} films could not be read:", failed.len());
    }
    for film in failed.iter().take(NAMED) {
        let _ = writeln!(text, "    {}: {}", film.file, film.error);
    }
    if failed.len() > NAMED {
        let _ = writeln!(text, "    and {} more, all in failed.parquet", failed.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!(shard("1/4"), Ok(Shard { index: 1, count: 4 }));
        assert_eq!(shard("4/4"), Ok(Shard { index: 4, count: 4 }));
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
