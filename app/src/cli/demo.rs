//! `fluoro` alone where there is no screen: the same demo as files, of the first film that the window would show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::export::atomic::{check_folder, write_folder_atomic};
use fluoro_core::export::{Action, ExportKind, Format, Look, Recipe, recipe_path};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::shift::{ShiftRequest, Target};
use fluoro_core::{Error, Result, samples};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};
use crate::window::{self, Picture, Scene, WindowOptions};

/// Folder that the demo writes, in the working folder.
const FOLDER: &str = "fluoro-demo";
/// What is shifted, where the bundle has this label; the first sample film shows a large heart.
const LABEL: &str = "Cardiomegaly";

#[derive(Serialize)]
struct Report {
    film: String,
    target: String,
    outputs: Vec<String>,
}

/// What the demo shows.
struct Made {
    film: String,
    target: String,
    exports: Vec<(&'static str, ExportKind)>,
    recipe: Recipe,
}

/// Writes the demo and lists it.
///
/// # Errors
/// When the bundle or the device cannot be used, or the folder cannot be written; then nothing is written.
pub fn run(global: &Global) -> Result<(), Failure> {
    output::complain(&format!(
        "no display, so the demo is written to {FOLDER}/ without a window; fluoro --help lists commands"
    ));
    let folder = Path::new(FOLDER);
    check_folder(folder)?;
    let meter = Meter::short();
    let report = |step: fluoro_core::engine::Step<'_>| meter.report(step);
    let never = std::sync::atomic::AtomicBool::new(false);
    let source = global.source_or(BundleSource::showcase())?;
    let made = global.with_engine_of(source.clone(), None, |engine| make(engine, &Progress::new(&report, &never)))?;
    let picture = picture(global, source);
    drop(meter);
    let mut names: Vec<PathBuf> = Vec::new();
    write_folder_atomic(folder, |inside| {
        for (name, kind) in &made.exports {
            kind.write(&inside.join(name))?;
            made.recipe.write(&recipe_path(&inside.join(name)))?;
            names.extend([PathBuf::from(name), recipe_path(Path::new(name))]);
        }
        if let Some(png) = &picture {
            std::fs::write(inside.join("window.png"), png).map_err(|e| Error::write(folder.join("window.png"), &e))?;
            names.push("window.png".into());
        }
        Ok(())
    })?;
    let outputs: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let report = Report { film: made.film, target: made.target, outputs: output::paths(&outputs) };
    let words = format!("{}, {}\n", report.film, report.target) + &output::written(&report.outputs) + output::NOTICE;
    output::answer(global, &report, &words)
}

/// The shift of the first film, as a GIF and as a contact sheet.
fn make(engine: &Engine, progress: &Progress<'_>) -> Result<Made> {
    let (film, radiograph) = first_film(engine)?;
    let analysis = engine.analyze(&radiograph)?;
    let target = match engine.parse_target(LABEL) {
        Ok(target) => target,
        Err(_) if engine.bundle().labels().next().is_some() => Target::Label(0),
        Err(_) => Target::Feature(engine.top_features(&analysis, 1).first().copied().unwrap_or(0)),
    };
    let request = ShiftRequest::of(target);
    let shift = Arc::new(engine.shift(&analysis, &request, progress)?);
    let original = analysis.input.clone();
    let look = Look::default();
    let action = Action::Shift { request, look };
    let gif = ExportKind::Moving { shift: Arc::clone(&shift), original: original.clone(), look, format: Format::Gif };
    Ok(Made {
        target: shift.target.clone(),
        exports: vec![("shift.gif", gif), ("sheet.png", ExportKind::Sheet { shift, original })],
        recipe: Recipe::new(engine, Path::new(&film), &analysis.input, action),
        film,
    })
}

/// The first film that comes with the bundle; the first sample film where none does.
fn first_film(engine: &Engine) -> Result<(String, Radiograph)> {
    if let Some(file) = engine.bundle().gallery().next() {
        return Ok((file.to_owned(), engine.bundle().gallery_film(file)?));
    }
    let name = samples::names().next().ok_or_else(|| Error::Invalid("no sample film in this build".into()))?;
    Ok((name.to_owned(), samples::open(name)?))
}

/// The window with the same shift, as a PNG; none, with a warning, where nothing can draw it.
fn picture(global: &Global, bundle: BundleSource) -> Option<Vec<u8>> {
    let options = WindowOptions { films: Vec::new(), bundle, device: global.device, ..WindowOptions::default() };
    let png = window::screenshot(options, super::view::SIZE, Scene::Shift).map_err(Failure::from).and_then(|picture| {
        let Picture { width, height, rgba } = picture;
        Ok(fluoro_core::export::picture_png(&rgba, width, height)?)
    });
    png.map_err(|error| output::warn(&format!("no picture of the window: {error}"))).ok()
}
