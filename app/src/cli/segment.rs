//! `fluoro segment`: where a shift changes the film, as a mask in the film's own pixels.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fluoro_core::engine::{Progress, Step};
use fluoro_core::export::atomic::Staged;
use fluoro_core::export::frames::mask_png;
use fluoro_core::export::{Action, Made, Recipe, atomic, canvas_png, recipe_path};
use fluoro_core::preprocess::Preprocess;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::render::{Area, Canvas, Resample, colour};
use fluoro_core::segmentation::{Segmentation, Threshold, segment};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::progress::Meter;
use super::target::ShiftOptions;
use super::{Global, output};

/// What to outline.
#[derive(Args)]
pub struct SegmentArgs {
    /// Film
    file: PathBuf,
    #[command(flatten)]
    shift: ShiftOptions,
    /// Keep what changed more than this percentile of all pixels [default: 95]
    #[arg(long, value_name = "P", group = "cut", conflicts_with = "recipe", value_parser = parse_percentile)]
    percentile: Option<f32>,
    /// Keep what changed by more than this many grey levels of 2048
    #[arg(long, value_name = "GREY", group = "cut", conflicts_with = "recipe", value_parser = parse_level)]
    threshold: Option<f32>,
    /// Keep what Otsu's method parts from the rest
    #[arg(long, group = "cut", conflicts_with = "recipe")]
    otsu: bool,
    /// Also draw the outline on the film
    #[arg(long, value_name = "OUT.png")]
    outline: Option<PathBuf>,
    /// Mask to write, 255 inside and 0 outside; its recipe is written beside it
    #[arg(short, long, value_name = "MASK.png")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    film: String,
    target: String,
    threshold: f32,
    area_fraction: f32,
    boxes: Vec<[u32; 4]>,
    outputs: Vec<String>,
}

/// Shifts, segments, writes and prints.
///
/// # Errors
/// When the film, the bundle, the target or an output cannot be used; then nothing is written.
pub fn run(args: &SegmentArgs, global: &Global) -> Result<(), Failure> {
    let beside = recipe_path(&args.output);
    for picture in [Some(&args.output), args.outline.as_ref()].into_iter().flatten() {
        output::check_png(picture)?;
    }
    atomic::check_file(&beside)?;
    let mut outputs = vec![args.output.clone()];
    outputs.extend(args.outline.clone());
    outputs.push(beside.clone());
    output::check_distinct(&outputs.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &args.file)?;
    let film = Radiograph::open(&args.file)?;
    let given = args.shift.recipe.as_deref().map(Recipe::read).transpose()?;
    let meter = Meter::short();
    let report = |step: Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let progress = Progress::new(&report, &never);
    let (target, seen, preprocess, recipe) = global.with_engine(|engine| {
        let (request, threshold) = match &given {
            Some(Recipe { action: Action::Segment { request, threshold }, .. }) => (request.clone(), *threshold),
            Some(_) => return Err(Error::Invalid("this recipe is not one of a mask; use edit or shift".into())),
            None => (args.shift.request(engine)?, args.cut()),
        };
        let analysis = engine.analyze(&film)?;
        let shift = engine.shift(&analysis, &request, &progress)?;
        let recipe = Recipe::new(engine, &args.file, &analysis.input, Action::Segment { request, threshold });
        Ok((shift.target, segment(&shift.map, threshold), engine.manifest().preprocess.clone(), recipe))
    })?;
    for difference in given.iter().flat_map(|given| given.differences(&recipe)) {
        output::warn(&difference);
    }
    let found = seen.on_film(&preprocess, film.pixels.width(), film.pixels.height());
    let mask = mask_png(&found)?;
    let mut staged = vec![Staged::new(&args.output, |out| out.write_all(&mask))?];
    if let Some(path) = &args.outline {
        let drawn = outlined(&film, &seen, &preprocess)?;
        staged.push(Staged::new(path, |out| out.write_all(&drawn))?);
    }
    staged.push(recipe.stage(&beside)?);
    staged.into_iter().try_for_each(Staged::finish)?;
    drop(meter);
    let report = Report {
        film: output::shown(&args.file),
        target,
        threshold: found.threshold,
        area_fraction: found.area_fraction,
        boxes: found.boxes,
        outputs: output::paths(&outputs),
    };
    output::answer(global, &report, &words(&report))
}

impl SegmentArgs {
    fn cut(&self) -> Threshold {
        match (self.otsu, self.threshold) {
            (true, _) => Threshold::Otsu,
            (false, Some(level)) => Threshold::Value(level),
            (false, None) => Threshold::Percentile(self.percentile.unwrap_or(95.0)),
        }
    }
}

/// The film with the outline on it, at the film's size. The lines are those of the model's own pixels, smoothed.
fn outlined(film: &Radiograph, seen: &Segmentation, preprocess: &Preprocess) -> Result<Vec<u8>> {
    let (width, height) = (film.pixels.width(), film.pixels.height());
    let whole = Area { x: 0, y: 0, width: width as u32, height: height as u32 };
    let mut canvas = Canvas::new(whole.width, whole.height, colour::BACKGROUND);
    canvas.grey(&film.to_unit(), whole, [0.0, 1.0], Resample::Nearest);
    let thick = (width.max(height) as f32 / 400.0).max(1.5);
    canvas.outline(&seen.outline(), (seen.width, seen.height), preprocess.seen(width, height).area(), thick);
    canvas_png(&canvas, Made::ByModel)
}

fn parse_percentile(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|p| (0.0..100.0).contains(p)).ok_or("a percentile is from 0 to below 100".into())
}

fn parse_level(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|v: &f32| v.is_finite() && *v >= 0.0).ok_or("grey levels are zero or more".into())
}

fn words(report: &Report) -> String {
    let share = report.area_fraction * 100.0;
    let mut text = format!(
        "{}, {}\n  {share:.1} % of the film changed by more than {:.1} of 2048 grey levels\n",
        report.film, report.target, report.threshold
    );
    for [x, y, w, h] in &report.boxes {
        text += &format!("  region at {x},{y}, {w} x {h} pixels\n");
    }
    text + &output::written(&report.outputs) + output::NOTICE
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluoro_core::Plane;
    use fluoro_core::preprocess::Fit;
    use fluoro_core::segmentation::segment_with;

    #[test]
    fn a_mask_of_a_cropped_film_lies_in_its_middle() {
        let map = Plane::from_fn(4, 4, |x, y| if x < 2 && y < 2 { 9.0 } else { 0.0 });
        let found = segment_with(&map, Threshold::Value(5.0), 1);
        let film = Radiograph {
            path: PathBuf::new(),
            pixels: Plane::filled(16, 8, 0.0),
            range: [0.0, 1.0],
            metadata: fluoro_core::radiograph::Metadata::default(),
        };
        let whole = found.on_film(&Preprocess::default(), film.pixels.width(), film.pixels.height());
        assert_eq!((whole.boxes[0], whole.area_fraction), ([0, 0, 8, 4], 0.25));
        let crop = Preprocess { fit: Fit::CentreCrop, ..Preprocess::default() };
        let cropped = found.on_film(&crop, film.pixels.width(), film.pixels.height());
        assert_eq!((cropped.boxes[0], cropped.area_fraction), ([4, 0, 4, 4], 0.125));
        assert_eq!(cropped.mask.iter().filter(|&&m| m).count(), 16);
        assert!(cropped.mask[4] && !cropped.mask[3] && !cropped.mask[8]);
    }
}
