//! `fluoro evaluate iou`: every attribution method against reference regions.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use fluoro_core::evaluate::chart;
use fluoro_core::evaluate::iou::{self, IouRequest, IouRow, IouTable};
use fluoro_core::export::atomic;

use crate::cli::failure::Failure;
use crate::cli::{Global, output};

/// What to measure.
#[derive(Args)]
pub struct IouArgs {
    /// Folders of films with regions: NIH's boxes (BBox_List_2017.csv or bbox.csv), RSNA's (rsna_boxes.csv), pictures of
    /// masks (masks/LABEL/FILM.png), or phantoms
    #[arg(value_name = "DATASET", required = true)]
    datasets: Vec<PathBuf>,
    /// Label to measure; may be repeated [default: all that the classifier knows and a film has a region of]
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Method to measure; may be repeated, or separated by commas [default: all]
    #[arg(long = "method", value_name = "METHOD", value_delimiter = ',')]
    methods: Vec<String>,
    /// Most films measured for a label (81, as published)
    #[arg(long, value_name = "N", default_value_t = 81)]
    films: usize,
    /// Folder for all numbers (iou.json), the table (iou.csv) and its picture (iou.png)
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When the datasets or the bundle cannot be used, or an output cannot be written; then nothing is written.
pub fn run(args: &IouArgs, global: &Global) -> Result<(), Failure> {
    if let Some(folder) = &args.output {
        atomic::check_folder(folder)?;
    }
    let request = IouRequest {
        datasets: args.datasets.clone(),
        labels: args.labels.clone(),
        methods: args.methods.clone(),
        films: args.films,
    };
    let table = super::measured(&args.datasets, global, |engine, progress| iou::evaluate(engine, &request, progress))?;
    if let Some(folder) = &args.output {
        super::write(folder, "iou", &table, &csv(&table), &chart::iou_png(&table)?)?;
    }
    output::answer(global, &table, &words(&table))
}

fn csv(table: &IouTable) -> String {
    let mut text = String::from(
        "label,method,films,blank,iou,iou_sd,iou_low,iou_high,average_precision,average_precision_sd,average_precision_low,\
         average_precision_high,iou_by_chance,area\n",
    );
    for IouRow { label, method, films, blank, iou, average_precision: ap, by_chance, area } in &table.rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\"{label}\",{method},{films},{blank},{:.6},{:.6},{:.6},{:.6},{:.6},{:.6},{:.6},{:.6},{by_chance:.6},{area:.6}",
            iou.mean, iou.sd, iou.ci[0], iou.ci[1], ap.mean, ap.sd, ap.ci[0], ap.ci[1]
        );
    }
    text
}

fn words(table: &IouTable) -> String {
    let mut text = format!("IoU at the region's area, {} on {}\n", table.bundle, table.dataset);
    if !table.skipped.is_empty() {
        let _ = writeln!(text, "  regions of no known label: {}", table.skipped.join(", "));
    }
    if !table.without.is_empty() {
        let _ = writeln!(text, "  no film with a region: {}", table.without.join(", "));
    }
    let mut label = "";
    for row in &table.rows {
        if row.label != label {
            label = &row.label;
            let _ = writeln!(
                text,
                "\n{label}: {} films, chance {:.2}\n  {:<12} {:>5} {:>5}  {:<14} {:>5}",
                row.films, row.by_chance, "method", "IoU", "sd", "95 % interval", "AP"
            );
        }
        let interval = format!("{:.2} to {:.2}", row.iou.ci[0], row.iou.ci[1]);
        let _ = writeln!(
            text,
            "  {:<12} {:>5.2} {:>5.2}  {interval:<14} {:>5.2}",
            row.method, row.iou.mean, row.iou.sd, row.average_precision.mean
        );
    }
    text
}
