//! `fluoro shift`: Latent Shift or a feature's sweep, as a GIF, a contact sheet or a folder of frames.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Args;
use fluoro_core::difference::MapMethod;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::capture::MadeFrame;
use fluoro_core::export::{Action, ExportJob, ExportKind, Format, Look, Recipe, atomic, recipe_path};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::shift::{Alignment, Note, Preset, Shift, StopRule, Stopped};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::capture::CaptureOptions;
use super::failure::Failure;
use super::progress::Meter;
use super::target::ShiftOptions;
use super::{Global, output};

/// What to shift, and how it is shown.
#[derive(Args)]
pub struct ShiftArgs {
    /// Film; several for a page (OUT.html)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    shift: ShiftOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    capture: CaptureOptions,
    /// What to write: a GIF (OUT.gif), an animated PNG with every grey (OUT.apng), a contact sheet (OUT.png), a DICOM
    /// Secondary Capture of all frames (OUT.dcm), a folder of frames (no extension), each with its recipe beside it; or a
    /// page of all films (OUT.html, with its pictures in OUT_files)
    #[arg(short, long, value_name = "OUT.gif|.apng|.png|.dcm|.html|DIR")]
    output: PathBuf,
}

/// How a moving picture looks.
#[derive(Args)]
struct LookOptions {
    /// Show the prediction as a bar below the film (this is the default)
    #[arg(long, overrides_with = "no_bar", conflicts_with = "recipe")]
    bar: bool,
    /// Leave the bar out
    #[arg(long, overrides_with = "bar", conflicts_with = "recipe")]
    no_bar: bool,
    /// Time of each frame of a moving picture, in milliseconds [default: 80; 40 with --as-published]
    #[arg(long, value_name = "MS", conflicts_with = "recipe", value_parser = clap::value_parser!(u32).range(20..=60_000))]
    delay: Option<u32>,
    /// The same as frames per second
    #[arg(long, value_name = "N", conflicts_with_all = ["recipe", "delay"], value_parser = parse_fps)]
    fps: Option<f32>,
    /// Leave the original out, which otherwise stands beside the frames of a moving picture
    #[arg(long, conflicts_with = "recipe")]
    alone: bool,
    /// Pixels of a moving picture for each of the model's
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "recipe", value_parser = clap::value_parser!(u32).range(1..=16))]
    scale: u32,
    /// Play one way only, not there and back
    #[arg(long, conflicts_with = "recipe")]
    one_way: bool,
    /// Outline what changed most (the map's 95th percentile)
    #[arg(long, conflicts_with = "recipe")]
    outline: bool,
    /// Draw arrows that show which way things move (optical flow between frames)
    #[arg(long, conflicts_with = "recipe")]
    arrows: bool,
    /// Greys and order of frames as the preset's own program made its videos
    #[arg(long, conflicts_with = "recipe")]
    as_published: bool,
}

impl LookOptions {
    fn look(&self) -> Look {
        let usual = if self.as_published { PUBLISHED_DELAY_MS } else { Look::default().delay_ms };
        Look {
            bar: !self.no_bar,
            beside_original: !self.alone,
            delay_ms: self.fps.map_or(self.delay.unwrap_or(usual), |fps| (1000.0 / fps).round() as u32),
            scale: self.scale,
            ping_pong: !self.one_way,
            outline: self.outline,
            arrows: self.arrows,
            as_published: self.as_published,
        }
    }
}

/// Time of a frame in the published videos, at ffmpeg's 25 frames a second.
const PUBLISHED_DELAY_MS: u32 = 40;

fn parse_fps(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|fps| (0.02..=50.0).contains(fps)).ok_or("frames per second are from 0.02 to 50".into())
}

/// A shift as JSON has it.
#[derive(Serialize)]
pub struct Report {
    film: String,
    target: String,
    preset: Preset,
    lambdas: Vec<f32>,
    predictions: Vec<f32>,
    others: Vec<Other>,
    stopped: Stopped,
    /// Changes of the other predictions between the reconstruction and the frame farthest from it.
    alignment: Vec<Alignment>,
    /// What is odd about this shift, in words.
    notes: Vec<String>,
    map: Map,
    /// Gradient, search, sweep and map; none where not timed.
    milliseconds: Option<f32>,
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

/// Other predictions listed in words: those that moved at least this much, and at most so many.
const LEAST_TOLD: f32 = 0.05;
const TOLD: usize = 6;

/// Shifts, writes and prints.
///
/// # Errors
/// When the film, the bundle, the target or the output cannot be used; then nothing is written.
pub fn run(args: &ShiftArgs, global: &Global) -> Result<(), Failure> {
    let form = Form::of(&args.output)?;
    args.capture.check(&args.output)?;
    if form == Form::Page {
        return super::shift_page::run(&args.files, &args.shift, args.look.look(), &args.output, global);
    }
    let [file] = &args.files[..] else {
        let reason = "several films make a page; name an output that ends in .html, or give one film".into();
        return Err(Error::Invalid(reason).into());
    };
    let beside = recipe_path(&args.output);
    atomic::check_file(&beside)?;
    output::check_distinct(&[&args.output, &beside], file)?;
    let film = Radiograph::open(file)?;
    let given = args.shift.recipe.as_deref().map(Recipe::read).transpose()?;
    let meter = Meter::short();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let (shift, original, recipe, milliseconds, captured) = global.with_engine(|engine| {
        let action = match &given {
            Some(Recipe { action: action @ Action::Shift { .. }, .. }) => action.clone(),
            Some(_) => {
                return Err(Error::Invalid("this recipe is not one of a shift; use edit, segment or attribute".into()));
            }
            None => Action::Shift { request: args.shift.request(engine)?, look: args.look.look() },
        };
        let Action::Shift { request, .. } = &action else { return Err(Error::Cancelled) };
        let analysis = engine.analyze(&film)?;
        let start = Instant::now();
        let shift = engine.shift(&analysis, request, &progress)?;
        let milliseconds = start.elapsed().as_secs_f32() * 1e3;
        let recipe = Recipe::new(engine, file, &analysis.input, action);
        let captured = match form {
            Form::Capture => {
                let what = format!("latent shift along {}, preset {}", shift.target, shift.preset);
                let mut made = args.capture.capture(engine, &film, &shift.reference, captured(&shift), &what)?;
                if let Action::Shift { look, .. } = &recipe.action {
                    made.delay_ms = look.delay_ms;
                }
                Some(Arc::new(made))
            }
            _ => None,
        };
        Ok((Arc::new(shift), analysis.input, recipe, milliseconds, captured))
    })?;
    // JSON has them as a field.
    for note in shift.notes.iter().filter(|_| !global.json) {
        output::warn(&note.to_string());
    }
    for difference in given.iter().flat_map(|given| given.differences(&recipe)) {
        output::warn(&difference);
    }
    let drawn = || match (form, &recipe.action) {
        (Form::Moving(format), &Action::Shift { look, .. }) => {
            ExportKind::Moving { shift: Arc::clone(&shift), original, look, format }
        }
        (Form::Sheet, _) => ExportKind::Sheet { shift: Arc::clone(&shift), original },
        _ => ExportKind::Frames { shift: Arc::clone(&shift) },
    };
    let kind = captured.map_or_else(drawn, ExportKind::Capture);
    let outputs = ExportJob { kind, path: args.output.clone(), recipe }.run(&progress)?;
    drop(meter);
    let report = Report { milliseconds: Some(milliseconds), ..Report::new(file, &shift, &outputs) };
    output::answer(global, &report, &words(&report))
}

/// What an output's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Moving(Format),
    Sheet,
    Capture,
    Frames,
    Page,
}

/// A shift's frames with their numbers.
fn captured(shift: &Shift) -> Vec<MadeFrame> {
    let numbers = shift.lambdas.iter().zip(&shift.predictions);
    let frames = shift.frames.iter().zip(numbers).map(|(frame, (lambda, prediction))| MadeFrame {
        pixels: frame.clone(),
        words: format!("{}: λ {lambda:.1}, {prediction:.2}", shift.target),
    });
    frames.collect()
}

impl Form {
    /// Reads the name, and refuses what cannot be written.
    fn of(path: &Path) -> Result<Self> {
        match output::extension(path).as_str() {
            _ if path.is_dir() => atomic::check_folder(path).map(|()| Self::Frames),
            "" => atomic::check_folder(path).map(|()| Self::Frames),
            "gif" => atomic::check_file(path).map(|()| Self::Moving(Format::Gif)),
            "apng" => atomic::check_file(path).map(|()| Self::Moving(Format::Apng)),
            "html" | "htm" => atomic::check_file(path).map(|()| Self::Page),
            "png" => atomic::check_file(path).map(|()| Self::Sheet),
            "dcm" | "dicom" => atomic::check_file(path).map(|()| Self::Capture),
            other => {
                let reason = format!(
                    "a shift is written as .gif, .apng, .png, .dcm, .html or a folder of frames, not as .{other}"
                );
                Err(Error::Write { path: path.to_path_buf(), reason })
            }
        }
    }
}

impl Report {
    pub fn new(film: &Path, shift: &Shift, outputs: &[PathBuf]) -> Self {
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
            alignment: shift.alignment.clone(),
            notes: shift.notes.iter().map(Note::to_string).collect(),
            map: Map { method: shift.map_method, max: shift.map.map(f32::abs).min_max().1 },
            milliseconds: None,
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
    let (low, high) = (rule(report.stopped.low), rule(report.stopped.high));
    let _ = writeln!(text, "  search ended by: {low} below, {high} above");
    let moved = report.alignment.iter().filter(|other| other.change.abs() >= LEAST_TOLD).take(TOLD);
    for (index, Alignment { label, change, relative }) in moved.enumerate() {
        let lead = if index == 0 { "moved with it:" } else { "" };
        let ratio = relative.map_or(String::new(), |ratio| format!("  ({ratio:+.2} of the target's change)"));
        let _ = writeln!(text, "  {lead:<15}{label:<22} {change:>+6.2}{ratio}");
    }
    let _ = writeln!(text, "  largest change ({}): {:.0} of 2048 grey levels", report.map.method, report.map.max);
    text + &output::written(&report.outputs) + output::NOTICE
}

/// A rule as JSON names it.
pub fn rule(rule: StopRule) -> String {
    format!("{rule:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_to_write() {
        let home = tempfile::tempdir().unwrap();
        let form = |name: &str| Form::of(&home.path().join(name));
        assert_eq!(form("a.GIF").unwrap(), Form::Moving(Format::Gif));
        assert_eq!(form("a.apng").unwrap(), Form::Moving(Format::Apng));
        assert_eq!(form("a.html").unwrap(), Form::Page);
        assert_eq!(form("a.png").unwrap(), Form::Sheet);
        assert_eq!(form("a.dcm").unwrap(), Form::Capture);
        assert_eq!(form("frames").unwrap(), Form::Frames);
        for wrong in ["a.jpg", "missing/a.gif", "missing/frames"] {
            assert!(form(wrong).is_err(), "{wrong}");
        }
        assert!(std::fs::read_dir(home.path()).unwrap().next().is_none(), "a check leaves no trace");
    }
}
