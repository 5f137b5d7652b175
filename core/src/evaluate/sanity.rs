//! Sanity: does a method's map change when the network forgets? (Adebayo et al. 2018; figure 5 of Gifsplanation.)
//!
//! The classifier's layers are given the weights of an untrained network, from the output down, one more each time. A map
//! that explains what was learnt loses its likeness to the first one; a map that draws the film's edges does not.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::spread::{Spread, spread};
use crate::attribution::{AttributionRequest, Attributor};
use crate::dataset::Dataset;
use crate::engine::{Analysis, Engine, Progress};
use crate::error::{Error, Result};
use crate::metrics;
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct SanityRequest {
    /// Folders of films.
    pub datasets: Vec<PathBuf>,
    /// The label; of each film the one whose score is nearest its operating point when none: a score at its limit has no
    /// gradient.
    pub label: Option<String>,
    /// Methods; all but the random one when empty.
    pub methods: Vec<String>,
    /// Films.
    pub films: usize,
}

/// One method and depth.
#[derive(Clone, Debug, Serialize)]
pub struct SanityRow {
    /// The method.
    pub method: String,
    /// Layers randomised: 0 is the trained network.
    pub depth: usize,
    /// The last layer randomised.
    pub layer: String,
    /// Films measured.
    pub films: usize,
    /// Films left out because the map is zero everywhere before or after.
    pub blank: usize,
    /// Spearman's rank correlation between the magnitudes of the maps; none where every film was left out.
    pub correlation: Option<Spread>,
}

/// All rows, and what they rest on.
#[derive(Clone, Debug, Serialize)]
pub struct SanityTable {
    /// Always `sanity`.
    pub kind: &'static str,
    /// The folders.
    pub dataset: String,
    /// The bundle.
    pub bundle: String,
    /// The label; "nearest its operating point" where each film has its own.
    pub label: String,
    /// One for each method and depth.
    pub rows: Vec<SanityRow>,
}

/// How the label of each film is chosen where none is named.
const NEAREST: &str = "nearest its operating point";
/// The control of chance knows no network.
const CHANCE: &str = "random";

/// One film with its maps by the trained network.
struct Case {
    input: Plane,
    label: usize,
    maps: Vec<Plane>,
}

/// Measures every method at every depth.
///
/// # Errors
/// When the classifier cannot be randomised, a method or label is unknown, a film cannot be read, the device fails, or it was
/// cancelled.
pub fn evaluate(engine: &Engine, request: &SanityRequest, progress: &Progress<'_>) -> Result<SanityTable> {
    if request.films == 0 {
        return Err(Error::Invalid("measure at least one film".into()));
    }
    let classifier = engine.bundle().classifier.as_ref().ok_or(engine.bundle().missing("classifier", "sanity"))?;
    let layers = classifier.layers();
    if layers.is_empty() {
        let name = &engine.manifest().name;
        return Err(Error::Invalid(format!("the classifier of \"{name}\" cannot be randomised layer by layer")));
    }
    let mut methods = super::methods(&request.methods)?;
    methods.retain(|method| method.name() != CHANCE);
    if methods.is_empty() {
        return Err(Error::Invalid(format!("{CHANCE} knows no network that could forget; name another method")));
    }
    let label = request.label.as_deref().map(|name| engine.bundle().label_index(name)).transpose()?;
    let films: Vec<_> = Dataset::open(&request.datasets)?.films.into_iter().take(request.films).collect();
    let total = films.len() * (layers.len() + 1);
    // A film's own steps are too small to be told.
    let quiet = progress.silenced();
    let maps = |engine: &Engine, analysis: &Analysis, label: usize| -> Result<Vec<Plane>> {
        let of = |method: &&'static dyn Attributor| {
            let request = AttributionRequest { method: method.name().to_owned(), label };
            Ok(engine.attribute(analysis, &request, &quiet)?.strength())
        };
        methods.iter().map(of).collect()
    };
    let mut cases = Vec::with_capacity(films.len());
    for (done, film) in films.iter().enumerate() {
        progress.step("trained network", done, total)?;
        let analysis = engine.analyze(&Radiograph::open(&film.path)?)?;
        let distance = |label: usize| (analysis.predictions[label] - 0.5).abs();
        let nearest = (0..analysis.predictions.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let label = label.or(nearest).ok_or_else(|| Error::Invalid("this bundle has no labels".into()))?;
        cases.push(Case { maps: maps(engine, &analysis, label)?, input: analysis.input.clone(), label });
    }
    let mut rows: Vec<SanityRow> =
        methods.iter().map(|method| row(method.name(), 0, "", &vec![Some(1.0); cases.len()])).collect();
    for depth in 1..=layers.len() {
        let changed = engine
            .with_randomised_layers(depth)
            .ok_or_else(|| Error::Invalid(format!("layer \"{}\" cannot be randomised", layers[depth - 1])))?;
        let mut found: Vec<Vec<Option<f64>>> = vec![Vec::new(); methods.len()];
        for (done, case) in cases.iter().enumerate() {
            progress.step(&format!("down to {}", layers[depth - 1]), depth * cases.len() + done, total)?;
            let analysis = changed.analyze_input(case.input.clone())?;
            let now = maps(&changed, &analysis, case.label)?;
            for ((found, before), after) in found.iter_mut().zip(&case.maps).zip(&now) {
                let is_blank = |map: &Plane| map.data().iter().all(|&v| v == 0.0);
                let blank = is_blank(before) || is_blank(after);
                found.push((!blank).then(|| f64::from(metrics::spearman(before.data(), after.data()))));
            }
        }
        let layer = &layers[depth - 1];
        rows.extend(methods.iter().zip(&found).map(|(method, found)| row(method.name(), depth, layer, found)));
    }
    progress.step("done", total, total)?;
    rows.sort_by_key(|row| (methods.iter().position(|method| method.name() == row.method), row.depth));
    Ok(SanityTable {
        kind: "sanity",
        dataset: super::folder_names(&request.datasets),
        bundle: engine.manifest().name.clone(),
        label: request.label.clone().unwrap_or_else(|| NEAREST.into()),
        rows,
    })
}

fn row(method: &str, depth: usize, layer: &str, films: &[Option<f64>]) -> SanityRow {
    let known: Vec<f64> = films.iter().flatten().copied().collect();
    SanityRow {
        method: method.to_owned(),
        depth,
        layer: layer.to_owned(),
        films: films.len(),
        blank: films.len() - known.len(),
        correlation: spread(&known),
    }
}

impl Engine {
    /// The same engine with a classifier whose first `depth` layers from the output down are untrained; none where that
    /// cannot be made.
    fn with_randomised_layers(&self, depth: usize) -> Option<Self> {
        let classifier = self.bundle.classifier.as_ref()?.randomised(depth, self.device.tensor_device())?;
        let mut bundle = self.bundle.clone();
        bundle.classifier = Some(Arc::clone(&classifier));
        bundle.frame_reader = Some(classifier);
        Some(Self { device: self.device.clone(), bundle })
    }
}
