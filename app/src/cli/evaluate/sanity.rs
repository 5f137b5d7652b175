//! `fluoro evaluate sanity`: maps of a network that forgets.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use fluoro_core::evaluate::chart;
use fluoro_core::evaluate::sanity::{self, SanityRequest, SanityTable};
use fluoro_core::export::atomic;

use crate::cli::failure::Failure;
use crate::cli::{Global, output};

/// What to measure.
#[derive(Args)]
pub struct SanityArgs {
    /// Folders of films
    #[arg(value_name = "DATASET", required = true)]
    datasets: Vec<PathBuf>,
    /// Label [default: of each film the one nearest its operating point]
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Method to measure; may be repeated, or separated by commas [default: all]
    #[arg(long = "method", value_name = "METHOD", value_delimiter = ',')]
    methods: Vec<String>,
    /// Films
    #[arg(long, value_name = "N", default_value_t = 10)]
    films: usize,
    /// Folder for all numbers (sanity.json), the table (sanity.csv) and its picture (sanity.png)
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When the datasets or the bundle cannot be used, or an output cannot be written; then nothing is written.
pub fn run(args: &SanityArgs, global: &Global) -> Result<(), Failure> {
    if let Some(folder) = &args.output {
        atomic::check_folder(folder)?;
    }
    let request = SanityRequest {
        datasets: args.datasets.clone(),
        label: args.label.clone(),
        methods: args.methods.clone(),
        films: args.films,
    };
    let table =
        super::measured(&args.datasets, global, |engine, progress| sanity::evaluate(engine, &request, progress))?;
    if let Some(folder) = &args.output {
        super::write(folder, "sanity", &table, &csv(&table), &chart::sanity_png(&table)?)?;
    }
    output::answer(global, &table, &words(&table))
}

fn csv(table: &SanityTable) -> String {
    let mut text = String::from("method,depth,layer,films,blank,correlation,sd,low,high\n");
    for row in &table.rows {
        let numbers = row
            .correlation
            .map_or_else(|| ",,,".to_owned(), |c| format!("{:.6},{:.6},{:.6},{:.6}", c.mean, c.sd, c.ci[0], c.ci[1]));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{},{},{},{},{},{numbers}", row.method, row.depth, row.layer, row.films, row.blank);
    }
    text
}

fn words(table: &SanityTable) -> String {
    let mut text =
        format!("rank correlation of |map| with the trained network's, {} on {}\n", table.bundle, table.dataset);
    let layers: Vec<&str> = {
        let first = table.rows.first().map_or("", |row| &row.method);
        table.rows.iter().filter(|row| row.method == first).map(|row| row.layer.as_str()).collect()
    };
    let _ = writeln!(
        text,
        "  label: {}; layers randomised so far, left to right: {}",
        table.label,
        layers.get(1..).unwrap_or_default().join(", ")
    );
    let mut method = "";
    for row in &table.rows {
        if row.method != method {
            method = &row.method;
            let _ = write!(text, "{}  {method:<12}", if row.depth == 0 { "\n" } else { "" });
        }
        let number = row.correlation.map_or_else(|| "    -".to_owned(), |c| format!("{:>5.2}", c.mean));
        let _ = write!(text, " {number}");
    }
    text.push('\n');
    let blank: usize = table.rows.iter().map(|row| row.blank).sum();
    if blank > 0 {
        let _ = writeln!(text, "  {blank} maps were zero everywhere and are left out; the table says which (-o)");
    }
    text
}
