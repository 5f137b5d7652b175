//! `fluoro info`: what a film or a bundle is. A patient's name is never printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fluoro_core::bundle::load;
use fluoro_core::bundle::manifest::{self, ClassifierPart, GalleryFilm, LatentShape, Manifest, Provenance, SaePart};
use fluoro_core::bundle::{Bundle, BundleFiles, BundleSource, Mismatch, embedded};
use fluoro_core::device::ComputeDevice;
use fluoro_core::export::atomic;
use fluoro_core::export::seen::seen_png;
use fluoro_core::preprocess::Preprocess;
use fluoro_core::radiograph::{Radiograph, Window};
use fluoro_core::{Error, Result};
use serde::Serialize;

use super::failure::Failure;
use super::{Global, output};

/// Labelled features that a bundle's description in words lists.
const LISTED_FEATURES: usize = 20;

/// What to look at.
#[derive(Args)]
pub struct InfoArgs {
    /// A film, a bundle's folder or a built-in bundle; the bundle of --bundle when left out
    #[arg(value_name = "FILE|BUNDLE")]
    what: Option<PathBuf>,
    /// For a film: a picture of what each part of the bundle sees of it
    #[arg(short, long, value_name = "OUT.png")]
    output: Option<PathBuf>,
}

/// Prints what it is.
///
/// # Errors
/// When it is neither a film nor a bundle, or damaged.
pub fn run(args: &InfoArgs, global: &Global) -> Result<(), Failure> {
    if let Some(output) = &args.output {
        output::check_png(output)?;
    }
    let source = match &args.what {
        None => global.source()?,
        Some(path) if embedded::names().iter().any(|name| path == Path::new(name)) => {
            BundleSource::parse(&path.to_string_lossy())?
        }
        Some(path) if path.is_dir() => BundleSource::Folder(path.clone()),
        // A bundle's manifest stands for the bundle.
        Some(path) if path.file_name().is_some_and(|name| name == manifest::FILE) && path.is_file() => {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            BundleSource::Folder(folder.unwrap_or(Path::new(".")).to_path_buf())
        }
        Some(path) => {
            let film = Radiograph::open(path)?;
            let manifest = load::manifest(&BundleFiles::open(&global.source()?)?)?;
            let mismatch = manifest.mismatch(&film);
            output::warn_of_kind(mismatch.as_slice(), 1);
            let mut report = FilmReport::new(path, &film, &manifest, mismatch.as_ref());
            if let Some(output) = &args.output {
                output::check_distinct(&[output], path)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let png = seen_png(&name, &film.to_unit(), &manifest.views(&film))?;
                atomic::write_atomic(output, |out| out.write_all(&png))?;
                report.outputs = vec![output::shown(output)];
            }
            return output::answer(global, &report, &report.words());
        }
    };
    if args.output.is_some() {
        return Err(
            Error::Invalid("a picture is made of a film; name a film, and the bundle with --bundle".into()).into()
        );
    }
    let bundle = BundleReport::new(&source)?;
    output::answer(global, &bundle, &bundle.words())
}

#[derive(Serialize)]
struct FilmReport {
    kind: &'static str,
    file: String,
    format: String,
    width: usize,
    height: usize,
    /// Smallest and largest value that the stored bits can stand for.
    range: [f32; 2],
    view: Option<String>,
    laterality: Option<String>,
    age: Option<f32>,
    sex: Option<String>,
    /// Between rows and between columns.
    spacing_mm: Option<[f32; 2]>,
    windows: Vec<Window>,
    modality: Option<String>,
    body_part: Option<String>,
    photometric: Option<String>,
    warnings: Vec<String>,
    /// Whether the file says that it is a phantom.
    phantom: bool,
    /// What the reader should know: the film is of another kind than the bundle was trained on.
    warning: Option<String>,
    /// The bundle that `seen` is about.
    bundle: String,
    /// What its parts see of the film.
    seen: Vec<Seen>,
    outputs: Vec<String>,
}

/// What some parts of a bundle see of a film.
#[derive(Serialize)]
struct Seen {
    parts: Vec<&'static str>,
    /// Side of their input in pixels.
    size: usize,
    /// Left, top, width, height on the film, in its pixels.
    region: [f64; 4],
    /// What is cut off, in words; none where the whole film is seen.
    cut_off: Option<String>,
}

impl FilmReport {
    fn new(path: &Path, film: &Radiograph, manifest: &Manifest, mismatch: Option<&Mismatch>) -> Self {
        let about = &film.metadata;
        let (width, height) = (film.pixels.width(), film.pixels.height());
        let seen = manifest.preparations().into_iter().map(|(parts, how)| {
            let region = how.seen(width, height);
            Seen {
                parts,
                size: how.size,
                region: [region.x, region.y, region.width, region.height],
                cut_off: region.cut().map(|cut| cut.to_string()),
            }
        });
        Self {
            kind: "film",
            file: output::shown(path),
            format: about.format.clone(),
            width: film.pixels.width(),
            height: film.pixels.height(),
            range: film.range,
            view: about.view.as_ref().map(ToString::to_string),
            laterality: about.laterality.map(|side| side.to_string()),
            age: about.age_years,
            sex: about.sex.map(|sex| sex.to_string()),
            spacing_mm: about.spacing_mm,
            windows: about.windows.clone(),
            modality: about.modality.clone(),
            body_part: about.body_part.clone(),
            photometric: about.photometric.clone(),
            warnings: about.warnings.clone(),
            phantom: film.is_phantom(),
            warning: mismatch.map(|mismatch| output::kind_warning(mismatch, "")),
            bundle: manifest.name.clone(),
            seen: seen.collect(),
            outputs: Vec::new(),
        }
    }

    fn words(&self) -> String {
        let mut text = format!("{}\n", self.file);
        let mut row = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {name:<12} {value}");
            }
        };
        row("format", Some(self.format.clone()));
        row("made", self.phantom.then(|| "by Fluoro: a phantom, no patient".to_owned()));
        row(
            "size",
            Some(format!("{} x {} pixels, values {} to {}", self.width, self.height, self.range[0], self.range[1])),
        );
        row("spacing", self.spacing_mm.map(|[y, x]| format!("{y} x {x} mm")));
        row("view", self.view.clone());
        row("laterality", self.laterality.clone());
        row("age", self.age.map(|years| format!("{years} years")));
        row("sex", self.sex.clone());
        row("modality", self.modality.clone());
        row("body part", self.body_part.clone());
        row("photometric", self.photometric.clone());
        for window in &self.windows {
            row("window", Some(format!("centre {}, width {}", window.center, window.width)));
        }
        for warning in &self.warnings {
            row("warning", Some(warning.clone()));
        }
        for Seen { parts, size, cut_off, .. } in &self.seen {
            let what = cut_off.as_ref().map_or_else(|| "all of it".to_owned(), |cut| format!("all but {cut}"));
            row(
                "seen",
                Some(format!("{what}, at {size} x {size}, by the {} of {}", parts.join(" and the "), self.bundle)),
            );
        }
        text.push_str(&output::written(&self.outputs));
        text
    }
}

#[derive(Serialize)]
struct BundleReport {
    kind: &'static str,
    bundle: String,
    description: String,
    version: u32,
    parts: Vec<Part>,
    bytes: usize,
    preprocess: Preprocess,
    latent: LatentShape,
    labels: Vec<Label>,
    sae: Option<Sae>,
    /// What it was trained on.
    films: &'static str,
    gallery: Vec<GalleryFilm>,
    provenance: Provenance,
}

#[derive(Serialize)]
struct Part {
    part: String,
    file: String,
    parameters: usize,
}

#[derive(Serialize)]
struct Label {
    label: String,
    operating_point: f32,
    positives: usize,
    auc: Option<f32>,
    /// 95 % interval.
    ci: Option<[f32; 2]>,
}

#[derive(Serialize)]
struct Sae {
    features: usize,
    /// Features that fire on no training film.
    dead: usize,
    explained_variance: Option<f32>,
    active_per_token: Option<f32>,
    labelled: Vec<LabelledFeature>,
    /// Features that no prediction rests on.
    suppressed: Vec<usize>,
}

#[derive(Serialize)]
struct LabelledFeature {
    index: usize,
    label: String,
    correlation: f32,
    held_out_correlation: f32,
    firing_rate: f32,
}

impl BundleReport {
    /// Opens the whole bundle, so that a damaged one is not described as if it could be used.
    fn new(source: &BundleSource) -> Result<Self> {
        let files = BundleFiles::open(source)?;
        let bundle = Bundle::open(source, ComputeDevice::cpu().tensor_device())?;
        let manifest: &Manifest = &bundle.manifest;
        let mut parts = Vec::new();
        let mut bytes = files.read(manifest::FILE)?.len();
        for file in manifest.files.keys() {
            if file.ends_with(".safetensors") {
                bytes += files.read(file)?.len();
                let counts: BTreeMap<String, usize> = load::parameter_counts(&files, file)?;
                let of_file = |(part, parameters)| Part { part, file: file.clone(), parameters };
                parts.extend(counts.into_iter().map(of_file));
            }
        }
        for film in bundle.gallery() {
            bytes += files.read(film)?.len();
            bundle.gallery_film(film)?;
        }
        if parts.is_empty() {
            return Err(Error::bundle(files.path(manifest::FILE), "the bundle has no parts; train one first"));
        }
        Ok(Self {
            kind: "bundle",
            bundle: manifest.name.clone(),
            description: manifest.description.clone(),
            version: manifest.version,
            parts,
            bytes,
            preprocess: manifest.preprocess.clone(),
            latent: manifest.latent,
            labels: manifest.classifier.as_ref().map(labels).unwrap_or_default(),
            sae: manifest.sae.as_ref().map(sae),
            films: manifest.films.name(),
            gallery: manifest.gallery.clone(),
            provenance: manifest.provenance.clone(),
        })
    }

    fn words(&self) -> String {
        let mut text = format!("{}: {}\n", self.bundle, self.description);
        // Writing to a string cannot fail.
        let size = self.bytes as f64 / 1e6;
        let grid = self.latent.grid.map(|[h, w]| format!(" in a grid of {h} x {w}")).unwrap_or_default();
        let _ = writeln!(text, "  version {}, {size:.1} MB", self.version);
        let _ = writeln!(text, "  films of {1} at {0} x {0} pixels", self.preprocess.size, self.films);
        let _ = writeln!(text, "  latent of {} tokens of {}{grid}", self.latent.tokens, self.latent.dim);
        for part in &self.parts {
            let _ = writeln!(text, "  {:<11} {:>10} numbers  {}", part.part, part.parameters, part.file);
        }
        text.push_str(&self.label_words());
        if let Some(sae) = &self.sae {
            let _ = write!(text, "\n  SAE: {} features", sae.features);
            if sae.dead > 0 {
                let _ = write!(text, ", {} of them dead", sae.dead);
            }
            let _ = match sae.explained_variance {
                Some(explained) => writeln!(
                    text,
                    "; {:.1} active of a token explain {explained:.3} of the variance",
                    sae.active_per_token.unwrap_or_default()
                ),
                None => writeln!(text, "; not measured yet"),
            };
        }
        if let Some(sae) = &self.sae {
            let mut labelled: Vec<&LabelledFeature> = sae.labelled.iter().collect();
            labelled.sort_by(|a, b| b.held_out_correlation.abs().total_cmp(&a.held_out_correlation.abs()));
            for LabelledFeature { index, label, held_out_correlation, .. } in labelled.iter().take(LISTED_FEATURES) {
                let _ = writeln!(text, "  feature {index:<5} {label:<24} {held_out_correlation:+.2} on films held out");
            }
            if labelled.len() > LISTED_FEATURES {
                let _ = writeln!(text, "  and {} more with a label; --json has all", labelled.len() - LISTED_FEATURES);
            }
        }
        if let Some(sae) = self.sae.as_ref().filter(|sae| !sae.suppressed.is_empty()) {
            let name = |&index: &usize| match sae.labelled.iter().find(|labelled| labelled.index == index) {
                Some(LabelledFeature { label, .. }) => format!("{index} ({label})"),
                None => index.to_string(),
            };
            let all: Vec<String> = sae.suppressed.iter().map(name).collect();
            let _ = writeln!(text, "  suppressed, no prediction rests on them: features {}", all.join(", "));
        }
        if !self.gallery.is_empty() {
            let _ = writeln!(text, "\n  gallery of {} films", self.gallery.len());
        }
        for GalleryFilm { file, caption } in &self.gallery {
            let _ = writeln!(text, "  {file}  {caption}");
        }
        let Provenance { data, licence, limits, recipes } = &self.provenance;
        for (name, value) in [("data", data), ("licence", licence), ("limits", limits)] {
            let _ = write!(text, "\n  {name}: {value}");
        }
        text.push('\n');
        for (part, recipe) in recipes {
            let _ = writeln!(text, "  recipe of {part}: {recipe}");
        }
        text
    }

    /// The labels with what was measured on films held out; of weights that others trained, with their operating points.
    fn label_words(&self) -> String {
        let width = self.labels.iter().map(|label| label.label.chars().count()).max().unwrap_or_default().max(20);
        let is_measured = self.labels.iter().any(|label| label.auc.is_some() || label.positives > 0);
        let mut text = match (self.labels.is_empty(), is_measured) {
            (true, _) => return String::new(),
            (false, true) => format!("\n  {:<width$}  AUC  95 % interval  positives\n", "label"),
            (false, false) => format!("\n  {:<width$}  operating point\n", "label"),
        };
        for Label { label, operating_point, auc, ci, positives } in &self.labels {
            // Writing to a string cannot fail.
            let _ = if is_measured {
                let auc = auc.map_or_else(|| "-".into(), |auc| format!("{auc:.2}"));
                let ci = ci.map_or_else(|| "too few films".into(), |[low, high]| format!("{low:.2} to {high:.2}"));
                writeln!(text, "  {label:<width$} {auc:>4}  {ci:<13} {positives:>10}")
            } else {
                writeln!(text, "  {label:<width$} {operating_point:>16.4}")
            };
        }
        text
    }
}

fn labels(part: &ClassifierPart) -> Vec<Label> {
    let one = |label: &manifest::Label| Label {
        label: label.name.clone(),
        operating_point: label.operating_point,
        positives: label.positives,
        auc: label.auc.map(|[auc, _, _]| auc),
        ci: label.auc.map(|[_, low, high]| [low, high]),
    };
    part.labels.iter().map(one).collect()
}

fn sae(part: &SaePart) -> Sae {
    let labelled = part.features.iter().enumerate().filter_map(|(index, feature)| {
        Some(LabelledFeature {
            index,
            label: feature.label.clone()?,
            correlation: feature.correlation,
            held_out_correlation: feature.held_out_correlation,
            firing_rate: feature.firing_rate,
        })
    });
    Sae {
        features: part.architecture.features(),
        dead: part.features.iter().filter(|feature| feature.firing_rate == 0.0).count(),
        explained_variance: Some(part.explained_variance).filter(|v| v.is_finite()),
        active_per_token: Some(part.active_per_token).filter(|v| v.is_finite()),
        labelled: labelled.collect(),
        suppressed: part.suppressed.clone(),
    }
}
