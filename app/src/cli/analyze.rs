//! `fluoro analyze`: what the bundle reads in films.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fluoro_core::Error;
use fluoro_core::bundle::Mismatch;
use fluoro_core::engine::{
    Analysis, Engine, Prediction, Progress, ReconstructionQuality, RegionFeatures, RegionMethod, SaeQuality, Step,
    TiedFeature,
};
use fluoro_core::export::atomic;
use fluoro_core::radiograph::{Radiograph, Study};
use serde::Serialize;

use super::edit::{Rectangle, parse_region};
use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// What to read.
#[derive(Args)]
pub struct AnalyzeArgs {
    /// Films, or folders of films
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Features to list for each film, those with the largest activation
    #[arg(long, value_name = "N", default_value_t = 20)]
    features: usize,
    /// Words to hold each film against, in a bundle with a text tower; may be repeated
    #[arg(long, value_name = "WORDS")]
    text: Vec<String>,
    /// For one film: the features most tied to a rectangle in its pixels, (0,0) at the top left. Where tokens have positions:
    /// activation inside against outside; else: the fall of each feature when the region is greyed out
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse_region)]
    region: Option<Rectangle>,
    /// For one film: a safetensors file of everything that was computed (inputs, latent, activations, logits and more)
    #[arg(long, value_name = "OUT.safetensors")]
    tensors: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    bundle: String,
    device: String,
    films: Vec<Film>,
    outputs: Vec<String>,
}

#[derive(Serialize)]
struct Film {
    file: String,
    predictions: Vec<Prediction>,
    features: Vec<Feature>,
    /// Cosines with the words asked for.
    texts: Vec<Text>,
    sae: Option<SaeQuality>,
    reconstruction: Option<ReconstructionQuality>,
    milliseconds: f32,
    /// What the reader should know: the film is of another kind than the bundle was trained on.
    warning: Option<String>,
    /// What of the film no part of the bundle sees, in words; none where the whole film is seen.
    cut_off: Option<String>,
    /// Features tied to the region that was asked for.
    region: Option<Region>,
}

#[derive(Serialize)]
struct Region {
    /// `[x, y, width, height]` in film pixels.
    rectangle: [f64; 4],
    method: RegionMethod,
    /// Tokens inside, and in all; none of occlusion.
    tokens: Option<[usize; 2]>,
    /// Tied features in all, of which the first are listed.
    tied: usize,
    features: Vec<Tied>,
}

#[derive(Serialize)]
struct Tied {
    label: Option<String>,
    #[serde(flatten)]
    feature: TiedFeature,
}

#[derive(Serialize)]
struct Text {
    text: String,
    /// -1 to 1; only differences between texts mean anything.
    cosine: f32,
}

#[derive(Serialize)]
struct Feature {
    index: usize,
    label: Option<String>,
    activation: f32,
    /// Share of the training films in which the feature is weaker.
    quantile: Option<f32>,
}

/// Reads every film, then prints.
///
/// # Errors
/// When a film, the bundle or the device cannot be used; then nothing is printed.
pub fn run(args: &AnalyzeArgs, global: &Global) -> Result<(), Failure> {
    let study = Study::open(&args.files)?;
    let only = |option: &str| match &study.films[..] {
        [film] => Ok(film),
        films => Err(Error::Invalid(format!("{option} is for one film, these are {}", films.len()))),
    };
    if args.region.is_some() {
        only("--region")?;
    }
    if let Some(path) = &args.tensors {
        let film = only("--tensors")?;
        output::check_distinct(&[path], film)?;
        atomic::check_file(path)?;
    }
    let meter = Meter::short();
    let (mut report, mismatches, tensors) = global.with_engine(|engine| {
        let mut films = Vec::with_capacity(study.films.len());
        let mut mismatches = Vec::new();
        let mut tensors = None;
        for (done, path) in study.films.iter().enumerate() {
            meter.report(Step { stage: "reading films", done, total: study.films.len() });
            let radiograph = Radiograph::open(path)?;
            let analysis = engine.analyze(&radiograph)?;
            let mismatch = engine.manifest().mismatch(&radiograph);
            let cut = engine.manifest().cut_off(radiograph.pixels.width(), radiograph.pixels.height());
            let cut = cut.map(|(part, cut)| format!("the {part} does not see {cut}"));
            let texts = if args.text.is_empty() { Vec::new() } else { engine.cosines(&radiograph, &args.text)? };
            let texts = args.text.iter().zip(texts).map(|(text, cosine)| Text { text: text.clone(), cosine }).collect();
            let region = args.region.map(|Rectangle(rectangle)| {
                let found = engine.features_of_region(&radiograph, &analysis, rectangle, &Progress::silent())?;
                Ok::<_, Error>(region(engine, found, args.features))
            });
            let region = region.transpose()?;
            films.push(Film {
                cut_off: cut,
                texts,
                region,
                ..film(engine, path, &analysis, mismatch.as_ref(), args.features)
            });
            mismatches.extend(mismatch);
            if args.tensors.is_some() {
                tensors = Some(engine.tensors(&radiograph)?);
            }
        }
        let report = Report {
            bundle: engine.manifest().name.clone(),
            device: engine.device().name().to_owned(),
            films,
            outputs: Vec::new(),
        };
        Ok((report, mismatches, tensors))
    })?;
    drop(meter);
    if let (Some(path), Some(tensors)) = (&args.tensors, tensors) {
        atomic::write_atomic(path, |out| out.write_all(&tensors))?;
        report.outputs = vec![output::shown(path)];
    }
    output::warn_of_kind(&mismatches, report.films.len());
    output::answer(global, &report, &words(&report))
}

fn region(engine: &Engine, found: RegionFeatures, count: usize) -> Region {
    let RegionFeatures { rectangle, method, tokens, features } = found;
    let tied = features.len();
    let named = |feature: TiedFeature| Tied { label: label(engine, feature.index), feature };
    Region { rectangle, method, tokens, tied, features: features.into_iter().take(count).map(named).collect() }
}

/// What the bundle calls a feature.
fn label(engine: &Engine, index: usize) -> Option<String> {
    engine.manifest().sae.as_ref()?.features.get(index)?.label.clone()
}

fn film(engine: &Engine, path: &Path, analysis: &Analysis, mismatch: Option<&Mismatch>, features: usize) -> Film {
    let features = engine.top_features(analysis, features).into_iter().map(|index| Feature {
        index,
        label: label(engine, index),
        activation: analysis.activations[index],
        quantile: engine.quantile(index, analysis.activations[index]),
    });
    Film {
        file: output::shown(path),
        predictions: engine.named_predictions(&analysis.predictions),
        features: features.collect(),
        sae: analysis.sae,
        reconstruction: analysis.quality,
        milliseconds: analysis.milliseconds,
        warning: mismatch.map(|mismatch| output::kind_warning(mismatch, "")),
        cut_off: None,
        texts: Vec::new(),
        region: None,
    }
}

fn words_of_region(region: &Region) -> String {
    let [x, y, width, height] = region.rectangle;
    let (inside, outside) = match region.method {
        RegionMethod::Tokens => ("inside", "outside"),
        RegionMethod::Occlusion => ("with it", "without"),
    };
    let tokens = region.tokens.map_or_else(String::new, |[inside, all]| format!(" ({inside} of {all} tokens inside)"));
    let mut text = format!(
        "\n  {} features tied to the region {x},{y},{width},{height}: {}{tokens}\n",
        region.tied,
        region.method.words()
    );
    // Writing to a string cannot fail.
    if !region.features.is_empty() {
        let _ = writeln!(text, "  feature       score  {inside:>10}  {outside:>10}  label");
    }
    for Tied { label, feature: TiedFeature { index, score, with, without } } in &region.features {
        let label = label.as_deref().unwrap_or("");
        let row = format!("  {index:>7}  {score:>10.3}  {with:>10.3}  {without:>10.3}  {label}");
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn words(report: &Report) -> String {
    let mut text = format!("bundle {}, {}\n", report.bundle, report.device);
    // Writing to a string cannot fail.
    for film in &report.films {
        let _ = writeln!(text, "\n{}  ({:.0} ms)", film.file, film.milliseconds);
        if let Some(cut) = &film.cut_off {
            let _ = writeln!(text, "  note: {cut}");
        }
        if let Some(quality) = film.reconstruction {
            let ReconstructionQuality { mae, psnr, ssim } = quality;
            let _ = writeln!(text, "  reconstruction  MAE {mae:.1} of 2048, PSNR {psnr:.1} dB, SSIM {ssim:.3}");
        }
        if let Some(SaeQuality { active, explained_variance }) = film.sae {
            let explained = if explained_variance.is_finite() {
                format!(", explains {explained_variance:.3}")
            } else {
                String::new()
            };
            let _ = writeln!(text, "  SAE             {active:.1} active of a token{explained}");
        }
        if !film.predictions.is_empty() {
            text.push('\n');
            text.push_str(&output::score_table(&["score"], &[&film.predictions]));
        }
        if !film.texts.is_empty() {
            let _ = writeln!(text, "\n   cosine  words");
        }
        for Text { text: words, cosine } in &film.texts {
            let _ = writeln!(text, "  {cosine:>7.3}  {words}");
        }
        if !film.features.is_empty() {
            let _ = writeln!(text, "\n  feature  activation  quantile  label");
        }
        for Feature { index, label, activation, quantile } in &film.features {
            let quantile = quantile.map_or_else(|| "-".into(), |q| format!("{:.0} %", q * 100.0));
            let label = label.as_deref().unwrap_or("");
            let _ =
                writeln!(text, "{}", format!("  {index:>7}  {activation:>10.3}  {quantile:>8}  {label}").trim_end());
        }
        if let Some(region) = &film.region {
            text.push_str(&words_of_region(region));
        }
    }
    text.push_str(&output::written(&report.outputs));
    let _ =
        writeln!(text, "\n* at its operating point (0.50) or above; scores are no probabilities. {}", output::NOTICE);
    text
}
