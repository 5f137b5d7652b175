//! `fluoro shift FILE.. -o PAGE.html`: the shifts of many films on one page.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::atomic::Staged;
use fluoro_core::export::job::{moving, sheet_png, still};
use fluoro_core::export::page::{PageEntry, Quantity, page};
use fluoro_core::export::{Action, Format, Look, Recipe, atomic};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::shift::{Shift, StopRule, Target};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::shift::{Report, rule};
use super::target::ShiftOptions;
use super::{Global, output};

/// Films on one page at most; a browser has to hold their pictures.
const MOST: usize = 200;

#[derive(Serialize)]
struct PageReport {
    films: Vec<Report>,
    outputs: Vec<String>,
}

struct Made {
    file: PathBuf,
    shift: Arc<Shift>,
    original: Plane,
    recipe: Recipe,
    /// The film's own activation, of a shift along a feature.
    own_activation: Option<f32>,
}

/// Shifts every film, writes the pictures and then the page.
///
/// # Errors
/// When a film, the bundle, the target or the output cannot be used; then nothing is written.
pub fn run(files: &[PathBuf], options: &ShiftOptions, look: Look, path: &Path, global: &Global) -> Result<(), Failure> {
    if options.recipe.is_some() {
        return Err(Error::Invalid("a recipe is one film's; leave out --recipe for a page".into()).into());
    }
    if files.len() > MOST {
        return Err(Error::Invalid(format!("{} films; a page holds {MOST}", files.len())).into());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder_name = format!("{stem}_files");
    let folder = path.with_file_name(&folder_name);
    atomic::check_folder(&folder)?;
    for file in files {
        output::check_distinct(&[path], file)?;
    }
    let meter = Meter::long();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let made = global.with_engine(|engine| {
        let request = options.request(engine)?;
        let quiet = progress.silenced();
        files
            .iter()
            .enumerate()
            .map(|(done, file)| {
                progress.step("shifting films", done, files.len())?;
                let analysis = engine.analyze(&Radiograph::open(file)?)?;
                let shift = Arc::new(engine.shift(&analysis, &request, &quiet)?);
                let action = Action::Shift { request: request.clone(), look };
                let recipe = Recipe::new(engine, file, &analysis.input, action);
                let own_activation = match request.target {
                    Target::Feature(feature) => analysis.activations.get(feature).copied(),
                    Target::Label(_) | Target::Probe(_) | Target::Text(_) => None,
                };
                Ok(Made { file: file.clone(), shift, original: analysis.input.clone(), recipe, own_activation })
            })
            .collect::<Result<Vec<Made>>>()
    })?;
    let mut entries = Vec::new();
    let mut pictures: Vec<(String, Vec<u8>)> = Vec::new();
    let mut recipes = Vec::new();
    for (index, made) in made.iter().enumerate() {
        progress.step("drawing", index, files.len())?;
        // Films of different folders may have one name.
        let name = format!("{:03}_{}", index + 1, made.file.file_stem().unwrap_or_default().to_string_lossy());
        pictures.push((format!("{name}.gif"), moving(&made.shift, &made.original, &look, Format::Gif)?));
        pictures.push((format!("{name}.still.png"), still(&made.shift, &made.original, &look)?));
        pictures.push((format!("{name}.sheet.png"), sheet_png(&made.shift, &made.original)?));
        recipes.push((format!("{name}.gif.recipe.ron"), &made.recipe));
        entries.push(entry(made, &folder_name, &name));
    }
    let title = made.first().map_or_else(|| stem.clone(), |made| format!("{}: shifts", made.shift.target));
    let html = page(&title, &entries);
    // Ready before the folder comes into sight, so that a full disk leaves neither.
    let staged = Staged::new(path, |out| out.write_all(html.as_bytes()))?;
    atomic::write_folder_atomic(&folder, |inside| {
        for (name, bytes) in &pictures {
            let path = inside.join(name);
            std::fs::write(&path, bytes).map_err(|e| Error::write(&path, &e))?;
        }
        recipes.iter().try_for_each(|(name, recipe)| recipe.write(&inside.join(name)))
    })?;
    staged.finish()?;
    drop(meter);
    for made in made.iter().filter(|_| !global.json) {
        for note in &made.shift.notes {
            output::warn(&format!("{}: {note}", output::shown(&made.file)));
        }
    }
    let outputs = [path.to_path_buf(), folder];
    let films = made.iter().map(|made| Report::new(&made.file, &made.shift, &[])).collect();
    let report = PageReport { films, outputs: output::paths(&outputs) };
    let words = format!("{} films\n", files.len()) + &output::written(&report.outputs) + output::NOTICE;
    output::answer(global, &report, &words)
}

fn entry(made: &Made, folder: &str, name: &str) -> PageEntry {
    let shift = &made.shift;
    let own = made.own_activation;
    let nearest = (0..shift.lambdas.len()).min_by(|&a, &b| shift.lambdas[a].abs().total_cmp(&shift.lambdas[b].abs()));
    let spread = shift.predictions.iter().fold([f32::MAX, f32::MIN], |[l, h], &p| [l.min(p), h.max(p)]);
    let words = |stop: StopRule| if stop == StopRule::Fixed { String::new() } else { rule(stop) };
    PageEntry {
        film: made.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        target: shift.target.clone(),
        quantity: if shift.is_score() { Quantity::Prediction } else { Quantity::Activation },
        prediction: own.or(nearest.map(|at| shift.predictions[at])).unwrap_or(f32::NAN),
        range: spread,
        lambdas: shift.lambdas.clone(),
        notes: shift.notes.iter().map(ToString::to_string).collect(),
        stopped: [words(shift.stopped.low), words(shift.stopped.high)],
        animation: format!("{folder}/{name}.gif"),
        sheet: Some(format!("{folder}/{name}.sheet.png")),
        still: Some(format!("{folder}/{name}.still.png")),
    }
}
