//! `fluoro edit`: one counterfactual, with the recipe that makes it again.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fluoro_core::engine::edit::{Setting, parse_setting};
use fluoro_core::engine::{Analysis, Edit, EditRegion, Engine, FeatureChange, Prediction, Progress};
use fluoro_core::export::capture::MadeFrame;
use fluoro_core::export::{Action, ExportJob, ExportKind, Recipe, atomic, recipe_path};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::capture::{self, CaptureOptions};
use super::failure::Failure;
use super::{Global, output};

/// What to change.
#[derive(Args)]
pub struct EditArgs {
    /// Film
    file: PathBuf,
    /// Feature by index or label, and its new activation: 41=2.5, or relative to the film's own: 41=x0, 41=+2, 41=-2
    #[arg(long = "set", value_name = "FEATURE=VALUE", num_args = 1..)]
    settings: Vec<String>,
    /// Step along a label, in percent of the latent's length: Cardiomegaly=-10
    #[arg(long = "finding", value_name = "LABEL=PERCENT", num_args = 1..)]
    findings: Vec<String>,
    /// Start from what the features explain of the film, without the rest
    #[arg(long)]
    drop_residual: bool,
    /// Change the features only there: a rectangle in film pixels, (0,0) at the top left; needs a latent with positions
    #[arg(long, value_name = "X,Y,W,H", requires = "settings", value_parser = parse_region)]
    region: Option<Rectangle>,
    /// Repeat what a recipe says; one of a named edit works on any film
    #[arg(long, value_name = "FILE", conflicts_with_all = ["settings", "findings", "drop_residual", "region"])]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    capture: CaptureOptions,
    /// Picture to write, OUT.png, or OUT.dcm for a DICOM Secondary Capture; its recipe is written beside it
    #[arg(short, long, value_name = "OUT.png|.dcm")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    film: String,
    edits: Vec<FeatureChange>,
    findings: Vec<FindingStep>,
    drop_residual: bool,
    predictions_before: Vec<Prediction>,
    predictions_after: Vec<Prediction>,
    outputs: Vec<String>,
}

#[derive(Serialize)]
struct FindingStep {
    label: String,
    percent: f32,
}

/// Edits, writes and prints.
///
/// # Errors
/// When the film, the bundle, an edit or the output cannot be used; then nothing is written.
pub fn run(args: &EditArgs, global: &Global) -> Result<(), Failure> {
    capture::check_picture(&args.output)?;
    args.capture.check(&args.output)?;
    let beside = recipe_path(&args.output);
    atomic::check_file(&beside)?;
    output::check_distinct(&[&args.output, &beside], &args.file)?;
    let film = Radiograph::open(&args.file)?;
    let given = args.recipe.as_deref().map(Recipe::read).transpose()?;
    let (job, mut report, differences) = global.with_engine(|engine| {
        let analysis = engine.analyze(&film)?;
        let edit = match &given {
            Some(Recipe { action: Action::Edit(edit), .. }) => edit.clone(),
            Some(Recipe { action: Action::Relative(edit), .. }) => {
                edit.resolve(engine.manifest(), &analysis.activations)?
            }
            Some(_) => return Err(Error::Invalid("this recipe is not one of an edit; use shift or segment".into())),
            None => args.edit(engine, &analysis, [film.pixels.width(), film.pixels.height()])?,
        };
        let after = engine.edit(&analysis, &edit)?;
        let before = analysis.reconstruction.as_ref().map(|frame| frame.predictions.as_slice()).unwrap_or_default();
        let labels: Vec<&str> = engine.bundle().labels().collect();
        let findings = edit.findings.iter().filter_map(|(&label, &percent)| {
            labels.get(label).map(|&label| FindingStep { label: label.to_owned(), percent })
        });
        let report = Report {
            film: output::shown(&args.file),
            edits: engine.feature_changes(&analysis, &edit),
            findings: findings.collect(),
            drop_residual: edit.drop_residual,
            predictions_before: engine.named_predictions(before),
            predictions_after: engine.named_predictions(&after.predictions),
            outputs: Vec::new(),
        };
        let recipe = Recipe::new(engine, &args.file, &analysis.input, Action::Edit(edit));
        let differences = given.as_ref().map(|given| given.differences(&recipe)).unwrap_or_default();
        let kind = match (capture::is_dicom(&args.output), &analysis.reconstruction) {
            (true, Some(reference)) => {
                let what = changes(&report);
                let frames = vec![MadeFrame { pixels: after.pixels, words: what.clone() }];
                let made = args.capture.capture(engine, &film, &reference.pixels, frames, &what)?;
                ExportKind::Capture(Arc::new(made))
            }
            _ => ExportKind::Picture { frame: after.pixels },
        };
        Ok((ExportJob { kind, path: args.output.clone(), recipe }, report, differences))
    })?;
    differences.iter().for_each(|difference| output::warn(difference));
    report.outputs = output::paths(&job.run(&Progress::silent())?);
    output::answer(global, &report, &words(&report))
}

impl EditArgs {
    /// `film` is its width and height.
    fn edit(&self, engine: &Engine, analysis: &Analysis, film: [usize; 2]) -> Result<Edit> {
        let mut edit = Edit { drop_residual: self.drop_residual, ..Edit::default() };
        for text in &self.settings {
            let (feature, setting) = parse_setting(text)?;
            let index = engine.bundle().feature_index(feature)?;
            let own = analysis.activations.get(index).copied().unwrap_or(0.0);
            if edit.features.insert(index, setting.resolve(own)).is_some() {
                return Err(Error::Invalid(format!("feature {index} is set twice")));
            }
        }
        if let Some(Rectangle(rectangle)) = self.region {
            let region = EditRegion::of_rectangle(engine.manifest(), film, rectangle)?;
            edit.regions = edit.features.keys().map(|&feature| (feature, region.clone())).collect();
        }
        for text in &self.findings {
            let (label, percent) = parse_finding(text)?;
            if edit.findings.insert(engine.bundle().label_index(label)?, percent).is_some() {
                return Err(Error::Invalid(format!("finding {label} is set twice")));
            }
        }
        Ok(edit)
    }
}

/// A rectangle on a film: left, top, width and height in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle(pub [f64; 4]);

/// Reads `X,Y,W,H`.
pub(super) fn parse_region(text: &str) -> Result<Rectangle, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let rectangle = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    rectangle.map(Rectangle).ok_or_else(|| "give X,Y,W,H in film pixels, such as 120,80,200,160".to_owned())
}

/// Reads `LABEL=PERCENT`; a percentage is a step, so its sign is its direction.
fn parse_finding(text: &str) -> Result<(&str, f32)> {
    match parse_setting(text) {
        Ok((label, Setting::To(percent) | Setting::Plus(percent))) => Ok((label, percent)),
        _ => Err(Error::Invalid(format!("\"{text}\" is not LABEL=PERCENT; example: Cardiomegaly=-10"))),
    }
}

/// The edit on one line.
fn changes(report: &Report) -> String {
    let features = report.edits.iter().map(|FeatureChange { index, label, from, to, region }| {
        let name = label.clone().unwrap_or_else(|| format!("feature {index}"));
        let place = region.as_ref().map_or_else(String::new, |region| format!(" in {} cells", region.len()));
        format!("{name} {from:.2} to {to:.2}{place}")
    });
    let findings = report.findings.iter().map(|FindingStep { label, percent }| format!("{label} {percent:+} %"));
    let residual = report.drop_residual.then(|| "without the residual".to_owned());
    let all: Vec<String> = findings.chain(features).chain(residual).collect();
    if all.is_empty() { "nothing changed: the reconstruction".to_owned() } else { format!("edit: {}", all.join(", ")) }
}

fn words(report: &Report) -> String {
    let mut text = format!("{}\n", report.film);
    // Writing to a string cannot fail.
    for FeatureChange { index, label, from, to, region } in &report.edits {
        let label = label.as_deref().unwrap_or("");
        let place = region.as_ref().map_or_else(String::new, |region| format!("  in {} cells", region.len()));
        let _ = writeln!(text, "{}", format!("  feature {index}  {from:.3} -> {to:.3}  {label}{place}").trim_end());
    }
    for FindingStep { label, percent } in &report.findings {
        let _ = writeln!(text, "  {label}  {percent:+} %");
    }
    if report.edits.is_empty() && report.findings.is_empty() && !report.drop_residual {
        text.push_str("  nothing edited: the picture is the reconstruction\n");
    }
    if !report.predictions_after.is_empty() {
        let (before, after) = (&report.predictions_before, &report.predictions_after);
        text.push_str(&output::score_table(&["before", "after"], &[before, after]));
    }
    text + &output::written(&report.outputs) + output::NOTICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_four_numbers() {
        assert_eq!(parse_region("1, 2,30,4.5").unwrap(), Rectangle([1.0, 2.0, 30.0, 4.5]));
        for bad in ["", "1,2,3", "1,2,3,4,5", "a,b,c,d"] {
            assert!(parse_region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn findings_are_steps_in_percent() {
        assert_eq!(parse_finding("Mass=-10").unwrap(), ("Mass", -10.0));
        assert_eq!(parse_finding("AP view=4.5").unwrap(), ("AP view", 4.5));
        assert!(parse_finding("Mass=x2").is_err() && parse_finding("Mass").is_err());
    }
}
