//! `fluoro attribute`: where a classifier looks, by one method or several side by side.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::attribution::{self, Attribution, AttributionRequest, Cells};
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::attribution::attribution_png;
use fluoro_core::export::{Action, Recipe, atomic, recipe_path};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// What to attribute, and how.
#[derive(Args)]
pub struct AttributeArgs {
    /// Film
    file: PathBuf,
    /// Label
    #[arg(long, value_name = "LABEL", required_unless_present = "recipe")]
    target: Option<String>,
    #[arg(long = "method", value_name = "METHOD", required_unless_present = "recipe", value_delimiter = ',', help = format!(
        "{}; several stand side by side, each on its own scale",
        attribution::METHODS.map(attribution::Attributor::name).join(", ")
    ))]
    methods: Vec<String>,
    /// Repeat what a recipe says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "methods"])]
    recipe: Option<PathBuf>,
    /// Picture to write; its recipe is written beside it
    #[arg(short, long, value_name = "OUT.png")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    film: String,
    target: String,
    /// The score of the film.
    score: f32,
    methods: Vec<Method>,
    outputs: Vec<String>,
}

#[derive(Serialize)]
struct Method {
    method: String,
    /// Largest magnitude; units differ between methods.
    max: f32,
    signed: bool,
    /// Every value is zero: the score does not depend on the film here.
    blank: bool,
    cells: Option<Cells>,
}

/// Attributes, writes and prints.
///
/// # Errors
/// When the film, the bundle, the label, a method or the output cannot be used; then nothing is written.
pub fn run(args: &AttributeArgs, global: &Global) -> Result<(), Failure> {
    output::check_png(&args.output)?;
    let beside = recipe_path(&args.output);
    atomic::check_file(&beside)?;
    output::check_distinct(&[&args.output, &beside], &args.file)?;
    for method in &args.methods {
        attribution::method(method)?;
    }
    let film = Radiograph::open(&args.file)?;
    let given = args.recipe.as_deref().map(Recipe::read).transpose()?;
    let meter = Meter::short();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let (found, score, input, recipe) = global.with_engine(|engine| {
        let requests: Vec<AttributionRequest> = match (&given, &args.target) {
            (Some(Recipe { action: Action::Attribute(requests), .. }), _) => requests.clone(),
            (Some(_), _) => {
                return Err(Error::Invalid(
                    "this recipe is not one of an attribution; use shift, edit or segment".into(),
                ));
            }
            (None, target) => {
                let label = engine.bundle().label_index(target.as_deref().unwrap_or_default())?;
                args.methods.iter().map(|method| AttributionRequest { method: method.clone(), label }).collect()
            }
        };
        let label = requests.first().map_or(0, |request| request.label);
        let analysis = engine.analyze(&film)?;
        let found: Vec<Attribution> =
            requests.iter().map(|request| engine.attribute(&analysis, request, &progress)).collect::<Result<_>>()?;
        let recipe = Recipe::new(engine, &args.file, &analysis.input, Action::Attribute(requests));
        let score = analysis.predictions.get(label).copied().unwrap_or(f32::NAN);
        Ok((found, score, analysis.input, recipe))
    })?;
    for difference in given.iter().flat_map(|given| given.differences(&recipe)) {
        output::warn(&difference);
    }
    for blank in found.iter().filter(|found| found.is_blank && !global.json) {
        let reason =
            "the map is zero everywhere: nothing in the film speaks for the label, or the score is at its limit";
        output::warn(&format!("{}: {reason}", blank.method));
    }
    let png = attribution_png(&input, &found, score)?;
    let staged = recipe.stage(&beside)?;
    atomic::write_atomic(&args.output, |out| out.write_all(&png))?;
    staged.finish()?;
    drop(meter);
    let report = Report {
        film: output::shown(&args.file),
        target: found.first().map_or_else(String::new, |found| found.label.clone()),
        score,
        methods: found
            .into_iter()
            .map(|found| Method {
                method: found.method.to_owned(),
                max: found.map.map(f32::abs).min_max().1,
                signed: found.is_signed,
                blank: found.is_blank,
                cells: found.cells,
            })
            .collect(),
        outputs: output::paths(&[args.output.clone(), beside]),
    };
    output::answer(global, &report, &words(&report))
}

fn words(report: &Report) -> String {
    let mut text = format!("{}, {} {:.3}\n", report.film, report.target, report.score);
    for method in &report.methods {
        let signed = if method.signed { ", signed" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<12} largest {:.3e}{signed}", method.method, method.max);
    }
    for path in &report.outputs {
        let _ = writeln!(text, "wrote {path}");
    }
    text + output::NOTICE
}
