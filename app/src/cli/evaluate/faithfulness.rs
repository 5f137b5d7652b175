//! `fluoro evaluate faithfulness`: on phantoms, against their truth.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::evaluate::faithfulness::{self, Evaluated, Faithfulness, FaithfulnessRequest};
use fluoro_core::export::atomic;
use fluoro_core::metrics::Estimate;
use fluoro_core::phantom::Factor;
use fluoro_core::{Error, Result};

use crate::cli::failure::Failure;
use crate::cli::progress::Meter;
use crate::cli::{Global, output};

/// What to measure.
#[derive(Args)]
pub struct FaithfulnessArgs {
    /// Folder that fluoro phantom made
    #[arg(value_name = "DATASET")]
    dataset: PathBuf,
    /// Factor to measure; may be repeated [default: all that the classifier knows]
    #[arg(long = "factor", value_name = "FACTOR")]
    factors: Vec<String>,
    /// Most films measured for a factor
    #[arg(long, value_name = "N", default_value_t = 20)]
    films: usize,
    /// Most films that features and probes are fitted on, from the half that is not measured
    #[arg(long, value_name = "N", default_value_t = 1500)]
    fit: usize,
    /// Attribution methods whose maps are held against the true mask too [default: grad,gradcam]
    #[arg(long = "map", value_name = "METHOD", value_delimiter = ',', default_values_t = ["grad".to_owned(), "gradcam".to_owned()])]
    maps: Vec<String>,
    /// Read films and frames with the classifier of this bundle instead
    #[arg(long, value_name = "NAME|PATH")]
    classifier: Option<String>,
    /// Folder for the table (faithfulness.csv), all numbers (faithfulness.json) and the pictures (films.png)
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When the dataset or the bundle cannot be used, or an output cannot be written; then nothing is written.
pub fn run(args: &FaithfulnessArgs, global: &Global) -> Result<(), Failure> {
    if let Some(folder) = &args.output {
        atomic::check_folder(folder)?;
    }
    let request = FaithfulnessRequest {
        dataset: args.dataset.clone(),
        factors: args.factors.iter().map(|text| Factor::parse(text)).collect::<Result<_>>()?,
        films: args.films,
        fit: args.fit,
        attributions: args.maps.clone(),
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let evaluated =
        global.with_engine_of(global.source_or(BundleSource::showcase())?, args.classifier.as_deref(), |engine| {
            faithfulness::evaluate(engine, &request, &progress)
        })?;
    drop(meter);
    if let Some(folder) = &args.output {
        write(folder, &evaluated)?;
    }
    output::answer(global, &evaluated.faithfulness, &words(&evaluated.faithfulness))
}

fn write(folder: &Path, evaluated: &Evaluated) -> Result<()> {
    let json = serde_json::to_vec_pretty(&evaluated.faithfulness)
        .map_err(|e| Error::Invalid(format!("the numbers cannot be written as JSON ({e})")))?;
    let table = csv(&evaluated.faithfulness);
    atomic::write_folder_atomic(folder, |inside| {
        for (name, bytes) in [
            ("faithfulness.json", json.as_slice()),
            ("faithfulness.csv", table.as_bytes()),
            ("films.png", evaluated.sheet.as_slice()),
        ] {
            let path = inside.join(name);
            std::fs::write(&path, bytes).map_err(|e| Error::write(&path, &e))?;
        }
        Ok(())
    })
}

/// The measures of a row by their column.
fn measures(row: &faithfulness::FaithfulnessRow) -> [(&'static str, Option<Estimate>); 12] {
    [
        ("validity", row.validity),
        ("agreement", row.agreement),
        ("error", row.error),
        ("nothing_error", row.nothing_error),
        ("iou", row.iou),
        ("average_precision", row.average_precision),
        ("mask_area", row.mask_area),
        ("selectivity", row.selectivity),
        ("off_target", row.off_target),
        ("off_target_accuracy", row.off_target_accuracy),
        ("recovery", row.recovery),
        ("monotonicity", row.monotonicity),
    ]
}

fn csv(faithfulness: &Faithfulness) -> String {
    let mut text = String::from("factor,method,films,detail");
    if let Some(first) = faithfulness.rows.first() {
        for (name, _) in measures(first) {
            let _ = write!(text, ",{name},{name}_low,{name}_high");
        }
    }
    text.push('\n');
    for row in &faithfulness.rows {
        // A method's name may hold a comma.
        let _ = write!(text, "{},\"{}\",{},{}", row.factor, row.method, row.films, row.detail);
        for (_, value) in measures(row) {
            match value {
                Some(Estimate { value, low, high }) => {
                    let _ = write!(text, ",{value:.6},{low:.6},{high:.6}");
                }
                None => text.push_str(",,,"),
            }
        }
        text.push('\n');
    }
    text
}

fn words(faithfulness: &Faithfulness) -> String {
    let mut text = format!("faithfulness of {} on {}\n", faithfulness.bundle, faithfulness.dataset);
    let _ = writeln!(text, "  fitted on {} films; means, 95 % intervals with --json or -o", faithfulness.fitted);
    let mut factor = "";
    for row in &faithfulness.rows {
        if row.factor != factor {
            factor = &row.factor;
            let feature = faithfulness.features.iter().find(|f| f.factor == factor);
            let told = feature
                .map_or(String::new(), |f| format!(", feature {} tells it at AUC {:.3}", f.feature, f.auc.value));
            let _ = writeln!(text, "\n{factor}: {} films{told}", row.films);
            let _ = writeln!(
                text,
                "  {:<18} {:>8} {:>9} {:>6} {:>6} {:>11} {:>8} {:>10}",
                "method", "validity", "agreement", "IoU", "AP", "selectivity", "recovery", "monotonic"
            );
        }
        let number = |value: Option<Estimate>| value.map_or("-".to_owned(), |e| format!("{:.2}", e.value));
        let _ = writeln!(
            text,
            "  {:<18} {:>8} {:>9} {:>6} {:>6} {:>11} {:>8} {:>10}",
            row.method,
            number(row.validity),
            number(row.agreement),
            number(row.iou),
            number(row.average_precision),
            number(row.selectivity),
            number(row.recovery),
            number(row.monotonicity)
        );
    }
    text
}
