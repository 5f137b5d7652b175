//! Measures the store at the size of the issue: `store_measure STEP FOLDER [FILMS or FEATURE]`, one process a step, so that each
//! reports its own peak memory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use fluoro_core::engine::Progress;
use fluoro_core::error::{Error, Result};
use fluoro_core::store::{FeaturePage, MadeUp, Shard, Store, merge};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(step), Some(folder)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("store_measure whole|shards|merge|open|gallery|page|dense|films FOLDER [FILMS or FEATURE]");
        return ExitCode::FAILURE;
    };
    let films = arguments.get(2).and_then(|films| films.parse().ok()).unwrap_or(1_000_000);
    match run(step, Path::new(folder), films) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(step: &str, folder: &Path, films: u32) -> Result<()> {
    let made_up = MadeUp::new(films, 49_152, 15, 1);
    let silent = Progress::silent();
    let shards: Vec<PathBuf> = (1..=16).map(|index| folder.join(format!("shard{index}"))).collect();
    std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, &e))?;
    let start = Instant::now();
    match step {
        "whole" => drop(made_up.write(&folder.join("whole"), None, false, &silent)?),
        "shards" => {
            for (index, path) in (1..).zip(&shards) {
                made_up.write(path, Some(Shard { index, count: 16 }), false, &silent)?;
            }
        }
        "merge" => drop(merge(&shards, &folder.join("merged"), &silent)?),
        _ => read(step, &folder.join("whole"), arguments_feature(films))?,
    }
    println!("{step}: {:.3} s, peak memory {}", start.elapsed().as_secs_f64(), peak_memory());
    Ok(())
}

/// The number given, unless it is the default number of films.
fn arguments_feature(number: u32) -> Option<u32> {
    (number < 49_152).then_some(number)
}

fn read(step: &str, folder: &Path, only: Option<u32>) -> Result<()> {
    let start = Instant::now();
    let milliseconds = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
    let store = Store::open(folder)?;
    println!("open {:.1} ms", milliseconds(start));
    let features: Vec<u32> = match (step, only) {
        (_, Some(feature)) => vec![feature],
        ("dense", None) => vec![0, 1, 2],
        _ => (0..50).map(|i| 977 * i + 13).collect(),
    };
    let mut times = Vec::new();
    for &feature in &features {
        let start = Instant::now();
        match step {
            "gallery" | "dense" => drop(store.gallery(feature, 20)?),
            "page" => drop(FeaturePage::read(&store, feature)?),
            "films" => drop(store.film_activations(feature * 20 + 1)?),
            _ => {}
        }
        times.push(milliseconds(start));
    }
    if step == "dense" {
        let start = Instant::now();
        let page = FeaturePage::read(&store, 0)?;
        println!("page of feature 0, {} films: {:.1} ms", page.statistics.films, milliseconds(start));
    }
    let first = times.first().copied().unwrap_or_default();
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("first {first:.2} ms, median {:.2} ms, p90 {:.2} ms, worst {:.2} ms", at(0.5), at(0.9), at(1.0));
    Ok(())
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_owned()
}
