//! `fluoro shift`: Latent Shift or a feature's sweep, as a GIF, a contact sheet or a folder of frames.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::difference::MapMethod;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::{Action, ExportJob, ExportKind, Recipe, atomic, recipe_path};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::shift::{Preset, Shift, Stopped, Target};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::target::ShiftOptions;
use super::{Global, output};

/// What to shift, and how it is shown.
#[derive(Args)]
pub struct ShiftArgs {
    /// Film
    file: PathBuf,
    #[command(flatten)]
    shift: ShiftOptions,
    #[command(flatten)]
    look: Look,
    /// What to write: a GIF (OUT.gif), a contact sheet (OUT.png) or a folder of frames (no extension); its recipe is
    /// written beside it
    #[arg(short, long, value_name = "OUT.gif|OUT.png|DIR")]
    output: PathBuf,
}

/// How a GIF looks.
#[derive(Args)]
struct Look {
    /// Show the prediction as a bar below the film (this is the default)
    #[arg(long, overrides_with = "no_bar", conflicts_with = "recipe")]
    bar: bool,
    /// Leave the bar out
    #[arg(long, overrides_with = "bar", conflicts_with = "recipe")]
    no_bar: bool,
    /// Time of each frame of a GIF, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 80, conflicts_with = "recipe",
        value_parser = clap::value_parser!(u32).range(20..=60_000))]
    delay: u32,
    /// Leave the original out, which otherwise stands beside the frames of a GIF
    #[arg(long, conflicts_with = "recipe")]
    alone: bool,
}

/// A shift as JSON has it.
#[derive(Serialize)]
struct Report {
    film: String,
    target: String,
    preset: Preset,
    lambdas: Vec<f32>,
    predictions: Vec<f32>,
    others: Vec<Other>,
    stopped: Stopped,
    map: Map,
    outputs: Vec<String>,
}

#[derive(Serialize)]
struct Other {
    label: String,
    predictions: Vec<f32>,
}

#[derive(Serialize)]
struct Map {
    method: MapMethod,
    max: f32,
}

/// What a range is proposed for, in percent of the latent's length.
const WIDE_PERCENT: f32 = 10.0;

/// Shifts, writes and prints.
///
/// # Errors
/// When the film, the bundle, the target or the output cannot be used; then nothing is written.
pub fn run(args: &ShiftArgs, global: &Global) -> Result<(), Failure> {
    let form = Form::of(&args.output)?;
    let beside = recipe_path(&args.output);
    atomic::check_file(&beside)?;
    output::check_distinct(&[&args.output, &beside], &args.file)?;
    let film = Radiograph::open(&args.file)?;
    let given = args.shift.recipe.as_deref().map(Recipe::read).transpose()?;
    let meter = Meter::short();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let (shift, original, recipe, stuck) = global.with_engine(|engine| {
        let action = match &given {
            Some(Recipe { action: action @ Action::Shift { .. }, .. }) => action.clone(),
            Some(_) => return Err(Error::Invalid("this recipe is not one of a shift; use edit or segment".into())),
            None => Action::Shift {
                request: args.shift.request(engine)?,
                bar: !args.look.no_bar,
                beside_original: !args.look.alone,
                delay_ms: args.look.delay,
            },
        };
        let Action::Shift { request, .. } = &action else { return Err(Error::Cancelled) };
        let analysis = engine.analyze(&film)?;
        let shift = engine.shift(&analysis, request, &progress)?;
        let stuck = match request.target {
            Target::Label(label) if shift.is_stuck() => engine.finding_lambda(&analysis, label, WIDE_PERCENT).ok(),
            _ => None,
        };
        let recipe = Recipe::new(engine, &args.file, &analysis.input, action);
        Ok((Arc::new(shift), analysis.input, recipe, stuck))
    })?;
    if let Some(lambda) = stuck {
        output::warn(&format!(
            "the score is at its limit and did not move within lambda 1000; {WIDE_PERCENT} % of the latent is --range \
             {:.0},{lambda:.0}",
            -lambda
        ));
    }
    for difference in given.iter().flat_map(|given| given.differences(&recipe)) {
        output::warn(&difference);
    }
    let kind = match (form, &recipe.action) {
        (Form::Gif, &Action::Shift { bar, beside_original, delay_ms, .. }) => {
            let original = beside_original.then_some(original);
            ExportKind::Gif { shift: Arc::clone(&shift), original, bar, delay_ms }
        }
        (Form::Sheet, _) => ExportKind::Sheet { shift: Arc::clone(&shift), original },
        _ => ExportKind::Frames { shift: Arc::clone(&shift) },
    };
    let outputs = ExportJob { kind, path: args.output.clone(), recipe }.run(&progress)?;
    drop(meter);
    let report = Report::new(&args.file, &shift, &outputs);
    output::answer(global, &report, &words(&report))
}

/// What an output's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Gif,
    Sheet,
    Frames,
}

impl Form {
    /// Reads the name, and refuses what cannot be written.
    fn of(path: &Path) -> Result<Self> {
        match output::extension(path).as_str() {
            _ if path.is_dir() => atomic::check_folder(path).map(|()| Self::Frames),
            "" => atomic::check_folder(path).map(|()| Self::Frames),
            "gif" => atomic::check_file(path).map(|()| Self::Gif),
            "png" => atomic::check_file(path).map(|()| Self::Sheet),
            other => {
                let reason = format!("a shift is written as .gif, .png or a folder of frames, not as .{other}");
                Err(Error::Write { path: path.to_path_buf(), reason })
            }
        }
    }
}

impl Report {
    fn new(film: &Path, shift: &Shift, outputs: &[PathBuf]) -> Self {
        let others = shift
            .others
            .iter()
            .map(|(label, predictions)| Other { label: label.clone(), predictions: predictions.clone() });
        Self {
            film: output::shown(film),
            target: shift.target.clone(),
            preset: shift.preset,
            lambdas: shift.lambdas.clone(),
            predictions: shift.predictions.clone(),
            others: others.collect(),
            stopped: shift.stopped,
            map: Map { method: shift.map_method, max: shift.map.min_max().1 },
            outputs: output::paths(outputs),
        }
    }
}

fn words(report: &Report) -> String {
    let mut text = format!("{}, {}\n", report.film, report.target);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "      lambda  {}", report.target);
    for (lambda, prediction) in report.lambdas.iter().zip(&report.predictions) {
        let _ = writeln!(text, "  {lambda:>10.3}  {prediction:>10.3}");
    }
    let rule = |rule: fluoro_core::shift::StopRule| format!("{rule:?}").to_lowercase();
    let (low, high) = (rule(report.stopped.low), rule(report.stopped.high));
    let _ = writeln!(text, "  search ended by: {low} below, {high} above");
    let _ = writeln!(text, "  largest change ({}): {:.0} of 2048 grey levels", report.map.method, report.map.max);
    text + &output::written(&report.outputs) + output::NOTICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_to_write() {
        let home = tempfile::tempdir().unwrap();
        let form = |name: &str| Form::of(&home.path().join(name));
        assert_eq!(form("a.GIF").unwrap(), Form::Gif);
        assert_eq!(form("a.png").unwrap(), Form::Sheet);
        assert_eq!(form("frames").unwrap(), Form::Frames);
        for wrong in ["a.jpg", "missing/a.gif", "missing/frames"] {
            assert!(form(wrong).is_err(), "{wrong}");
        }
        assert!(std::fs::read_dir(home.path()).unwrap().next().is_none(), "a check leaves no trace");
    }
}
