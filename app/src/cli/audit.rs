//! `fluoro audit`: which features follow a column of metadata, and what taking them away does to predictions.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::audit::injection::Marker;
use fluoro_core::audit::{Audit, AuditFiles, AuditRequest, ColumnAudit, Judged, audit, carriers};
use fluoro_core::bundle::suppress;
use fluoro_core::engine::{Engine, Progress, Step};
use fluoro_core::export::atomic;
use fluoro_core::label::Labels;
use fluoro_core::store::Store;
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::gallery::{find, maker};
use super::progress::Meter;
use super::{Global, output};

/// Stands for the features that carry what a column is used for.
const USED: &str = "used";
/// Features that are printed in words.
const PRINTED: usize = 5;

/// What to audit.
#[derive(Args)]
pub struct AuditArgs {
    /// An activation store
    store: PathBuf,
    /// A table with a column that names the films [default: the columns that the store has]
    #[arg(long, value_name = "CSV")]
    metadata: Option<PathBuf>,
    /// Column to audit; may be given several times
    #[arg(long = "column", value_name = "NAME", required = true)]
    columns: Vec<String>,
    /// Compare within films with and without this finding too: a column of yes and no
    #[arg(long, value_name = "NAME")]
    finding: Option<String>,
    /// A table of published predictions by film [default: those of the bundle's classifier]
    #[arg(long, value_name = "CSV")]
    predictions: Option<PathBuf>,
    /// Draw a marker onto films and see what the model does: portable, L, R, arrow, white-border:0.04, inversion, gamma:0.7,
    /// portable@0.1,0.08:0.03 (place and height as shares of the film); may be given several times
    #[arg(long = "marker", value_name = "MARKER")]
    markers: Vec<Marker>,
    /// Move each marker over a grid of N by N places (and the usual corners) of twelve films, and see where it works
    #[arg(long, value_name = "N", requires = "markers", value_parser = clap::value_parser!(u8).range(1..=24))]
    sweep: Option<u8>,
    /// Most films that pixels and networks are read of, for each column
    #[arg(long, value_name = "N", default_value_t = 400)]
    films: usize,
    /// Strongest features of a column whose use is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    features: usize,
    /// Seed of draws
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Write a bundle whose predictions do not rest on these features, by index or label, with --into; "used" stands for all
    /// that carry what the first column is used for: then every feature that follows it is measured
    #[arg(long, value_name = "FEATURE,..", value_delimiter = ',', requires = "into")]
    suppress: Vec<String>,
    /// New folder for that bundle
    #[arg(long, value_name = "BUNDLE", requires = "suppress")]
    into: Option<PathBuf>,
    /// The report; all numbers are written beside it as JSON and CSV. A stopped audit goes on from what lies beside it
    #[arg(short, long, value_name = "REPORT.html")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Effect<'a> {
    label: &'a str,
    edit: &'a str,
    /// Change of the logit.
    delta: Option<f64>,
    /// Mean change by controls.
    control: Option<f64>,
    used: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    index: u32,
    label: Option<&'a str>,
    auc: Option<f64>,
    ci: Option<[f64; 2]>,
    q: f64,
    effects: Vec<Effect<'a>>,
}

#[derive(Serialize)]
struct Report<'a> {
    column: &'a str,
    films: usize,
    groups: Vec<&'a str>,
    verdict: &'a str,
    rows: Vec<Row<'a>>,
    audit: &'a Audit,
    outputs: Vec<String>,
}

/// Audits, prints and writes.
///
/// # Errors
/// When the store, the table, a column or the bundle cannot be used, or an output cannot be written; then nothing is written.
pub fn run(args: &AuditArgs, global: &Global) -> Result<(), Failure> {
    let beside = args.output.as_deref().map(AuditFiles::beside).transpose()?;
    if let Some(folder) = &args.into {
        atomic::check_folder(folder)?;
    }
    let store = Store::open(&args.store)?;
    let source = maker(&store, global, "to measure use, and to see what markers do")?;
    let engine = source.as_ref().map(|source| Engine::open(source, global.compute_device()?)).transpose()?;
    let takes_used = args.suppress.iter().any(|text| text == USED);
    let mut suppressed = match (&args.into, &engine) {
        (None, _) => Vec::new(),
        (Some(_), None) => {
            return Err(Error::Invalid("a bundle is written from the one that made the store".into()).into());
        }
        (Some(_), Some(engine)) => {
            // What cannot be suppressed is said before the audit, not after it.
            engine.bundle().route()?;
            let labels = Labels::of_store(&store)?;
            let find = |text: &String| find(text, &store, labels.as_ref(), Some(engine.manifest())).map(|f| f as usize);
            args.suppress.iter().filter(|text| *text != USED).map(find).collect::<Result<Vec<_>>>()?
        }
    };
    let request = AuditRequest {
        store: args.store.clone(),
        metadata: args.metadata.clone(),
        columns: args.columns.clone(),
        finding: args.finding.clone(),
        predictions: args.predictions.clone(),
        films: args.films,
        features: if takes_used { store.info().features as usize } else { args.features },
        markers: args.markers.clone(),
        sweep: args.sweep.map(usize::from),
        checkpoint: beside.as_ref().map(|beside| beside.checkpoint.clone()),
        seed: args.seed,
    };
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let found = audit(engine.as_ref(), &request, &Progress::new(&report, &never))?;
    drop(meter);
    let mut outputs = Vec::new();
    if let Some(beside) = &beside {
        outputs = beside.write(&found, &std::env::args().collect::<Vec<_>>().join(" "))?;
    }
    if takes_used {
        let carrying = found.columns.first().map(carriers).unwrap_or_default();
        if carrying.is_empty() {
            let reason =
                "no feature carries a use of this column, so there is nothing to suppress; the report says why";
            return Err(Error::Invalid(reason.into()).into());
        }
        suppressed.extend(carrying);
        suppressed.sort_unstable();
        suppressed.dedup();
    }
    if let (Some(folder), Some(source)) = (&args.into, &source) {
        suppress(source, &suppressed, folder)?;
        outputs.push(folder.clone());
    }
    let outputs: Vec<String> = outputs.iter().map(|path| output::shown(path)).collect();
    let text = words(&found) + &output::written(&outputs);
    let first = found.columns.first().ok_or_else(|| Error::Invalid("no column was audited".into()))?;
    let report = Report {
        column: &first.detection.column,
        films: first.detection.films,
        groups: first.detection.groups.iter().map(|group| group.name.as_str()).collect(),
        verdict: &first.verdict.headline,
        rows: rows(first),
        audit: &found,
        outputs,
    };
    output::answer(global, &report, &text)
}

fn rows(column: &ColumnAudit) -> Vec<Row<'_>> {
    let usage = column.usage.as_ref().map(|usage| usage.rows.as_slice()).unwrap_or_default();
    let effects = |feature: u32| {
        let own = usage.iter().filter(|row| row.features == [feature as usize]);
        let judged = own.filter_map(|row| {
            let same = |judged: &&Judged| judged.edit == row.edit && judged.label == row.label;
            Some((row, column.judgements.iter().find(same)?))
        });
        judged
            .map(|(row, judged)| Effect {
                label: &row.label,
                edit: &row.edit,
                delta: judged.judgement.effect.map(|effect| effect.value),
                control: judged.judgement.among_features.map(|place| place.mean),
                used: judged.judgement.used,
            })
            .collect()
    };
    column
        .detection
        .rows
        .iter()
        .map(|row| {
            let found = row.comparison.as_ref().map(|found| found.auc).or(row.correlation);
            Row {
                index: row.feature,
                label: column.names.get(&row.feature).map(String::as_str),
                auc: row.comparison.as_ref().map(|found| found.auc.value),
                ci: found.map(|found| [found.low, found.high]),
                q: row.q,
                effects: effects(row.feature),
            }
        })
        .collect()
}

fn words(found: &Audit) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for column in &found.columns {
        let _ = writeln!(text, "{}: {}", column.detection.column, column.verdict.headline.to_lowercase());
        for sentence in &column.verdict.sentences {
            let _ = writeln!(text, "  {sentence}");
        }
        for row in column.detection.rows.iter().take(PRINTED) {
            let name = column.names.get(&row.feature).map_or("no label", String::as_str);
            let number = match (&row.comparison, &row.correlation) {
                (Some(found), _) => {
                    format!("AUC {:.3} ({:.3} to {:.3})", found.auc.value, found.auc.low, found.auc.high)
                }
                (None, Some(rho)) => format!("rho {:.3} ({:.3} to {:.3})", rho.value, rho.low, rho.high),
                (None, None) => String::new(),
            };
            let _ = writeln!(text, "  {:>7}  {name:<32} {number}  q {:.1e}", row.feature, row.q);
        }
    }
    if let Some(injection) = &found.injection {
        for marker in &injection.response.markers {
            let most = marker.labels.iter().max_by(|a, b| {
                let size = |of: &fluoro_core::audit::injection::LabelResponse| of.score.marker.value.abs();
                size(a).total_cmp(&size(b))
            });
            if let Some(most) = most {
                let change = most.score.marker.value;
                let _ = writeln!(text, "{} drawn onto films moves {} most, by {change:+.3}", marker.marker, most.label);
            }
        }
    }
    let _ = writeln!(text, "{} films of {} patients, {:.1} s", found.films, found.patients, found.seconds);
    text
}
