//! IoU: how well attribution maps meet reference regions (table 1 of Gifsplanation).
//!
//! A map's magnitude is cut at the percentile that leaves as many pixels as the region has, strictly above it, then compared
//! (`run_eval` of gifsplanation). Every film with the label and a region of it counts, whatever is predicted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::spread::{Spread, spread};
use crate::attribution::{self, AttributionRequest};
use crate::dataset::regions::Regions;
use crate::dataset::{Dataset, FilmRecord};
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::metrics::{average_precision, iou_at_reference_area};
use crate::radiograph::Radiograph;

/// Name of the rows over all labels.
pub const ALL_LABELS: &str = "all";

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct IouRequest {
    /// Folders of films with regions.
    pub datasets: Vec<PathBuf>,
    /// Labels; every one that the classifier knows and a film has a region of when empty.
    pub labels: Vec<String>,
    /// Methods; all when empty.
    pub methods: Vec<String>,
    /// Most films measured for a label.
    pub films: usize,
}

/// One label and method.
#[derive(Clone, Debug, Serialize)]
pub struct IouRow {
    /// The label; [`ALL_LABELS`] for the row over all films and labels.
    pub label: String,
    /// The method.
    pub method: String,
    /// Films measured.
    pub films: usize,
    /// Films on which the method's map is zero everywhere, which count with an IoU of 0.
    pub blank: usize,
    /// Intersection over union, 0 to 1.
    pub iou: Spread,
    /// Average precision of the map against the region; by chance it is `area`.
    pub average_precision: Spread,
    /// What a random map of as many pixels reaches.
    pub by_chance: f64,
    /// Mean share of the film that the region covers.
    pub area: f64,
}

/// All rows, and what they rest on.
#[derive(Clone, Debug, Serialize)]
pub struct IouTable {
    /// Always `iou`.
    pub kind: &'static str,
    /// The folders.
    pub dataset: String,
    /// The bundle.
    pub bundle: String,
    /// Labels with regions that the classifier does not know.
    pub skipped: Vec<String>,
    /// Labels asked for that no film both has and has a region of.
    pub without: Vec<String>,
    /// One for each label and method.
    pub rows: Vec<IouRow>,
}

/// One film of one label, by one method.
#[derive(Clone, Copy, Debug)]
struct Measured {
    iou: f64,
    precision: f64,
    area: f64,
    is_blank: bool,
}

/// Measures every method on every label.
///
/// # Errors
/// When nothing has a region of a known label, a method or label is unknown, a film cannot be read, the device fails, or it
/// was cancelled.
pub fn evaluate(engine: &Engine, request: &IouRequest, progress: &Progress<'_>) -> Result<IouTable> {
    if request.films == 0 {
        return Err(Error::Invalid("measure at least one film for a label".into()));
    }
    let methods = super::methods(&request.methods)?;
    let folders = request.datasets.iter().map(|f| Ok((Dataset::open(std::slice::from_ref(f))?, Regions::read(f)?)));
    let folders: Vec<(Dataset, Regions)> = folders.collect::<Result<_>>()?;
    let (labels, skipped) = labels(engine, &folders, &request.labels)?;
    let mut by_row: BTreeMap<(usize, usize), Vec<Measured>> = BTreeMap::new();
    for (position, (index, label)) in labels.iter().enumerate() {
        let shown = |film: &&FilmRecord| film.columns.get(label).is_none_or(|&v| v > 0.5);
        let films: Vec<_> = folders
            .iter()
            .flat_map(|(dataset, regions)| {
                dataset.films.iter().filter(shown).filter_map(|f| Some((f, regions.get(f, label)?)))
            })
            .take(request.films)
            .collect();
        for (done, (film, region)) in films.iter().enumerate() {
            progress.step(&format!("measuring, {label}"), done, films.len())?;
            let analysis = engine.analyze(&Radiograph::open(&film.path)?)?;
            let mask = region.mask(film, &analysis.input, &engine.manifest().preprocess)?;
            let inside = mask.iter().filter(|&&m| m).count();
            if inside == 0 || inside == mask.len() {
                continue;
            }
            for (place, method) in methods.iter().enumerate() {
                let request = AttributionRequest { method: method.name().to_owned(), label: *index };
                let quiet = progress.silenced();
                let found = engine.attribute(&analysis, &request, &quiet)?;
                let strength = found.strength();
                by_row.entry((position, place)).or_default().push(Measured {
                    iou: if found.is_blank { 0.0 } else { iou_at_reference_area(strength.data(), &mask)? },
                    precision: average_precision(strength.data(), &mask)?,
                    area: inside as f64 / mask.len() as f64,
                    is_blank: found.is_blank,
                });
            }
        }
    }
    let row = |label: &str, method: &dyn attribution::Attributor, films: &[Measured]| {
        let of = |value: &dyn Fn(&Measured) -> f64| films.iter().map(value).collect::<Vec<f64>>();
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        Some(IouRow {
            label: label.to_owned(),
            method: method.name().to_owned(),
            films: films.len(),
            blank: films.iter().filter(|m| m.is_blank).count(),
            iou: spread(&of(&|m| m.iou))?,
            average_precision: spread(&of(&|m| m.precision))?,
            by_chance: mean(of(&|m| m.area / (2.0 - m.area))),
            area: mean(of(&|m| m.area)),
        })
    };
    let mut rows = Vec::new();
    for (position, (_, label)) in labels.iter().enumerate() {
        let films = |place: usize| by_row.get(&(position, place)).map_or(&[][..], Vec::as_slice);
        rows.extend(methods.iter().enumerate().filter_map(|(place, method)| row(label, *method, films(place))));
    }
    let measured = |label: &String| rows.iter().any(|row: &IouRow| row.label == *label);
    let without: Vec<String> = labels.iter().map(|(_, label)| label).filter(|l| !measured(l)).cloned().collect();
    if labels.len() - without.len() > 1 {
        for (place, method) in methods.iter().enumerate() {
            let all: Vec<Measured> =
                by_row.iter().filter(|((_, p), _)| *p == place).flat_map(|(_, films)| films.clone()).collect();
            rows.extend(row(ALL_LABELS, *method, &all));
        }
    }
    if rows.is_empty() {
        return Err(Error::Invalid(
            "no film shows a known label and has a region of it; see fluoro evaluate iou --help".into(),
        ));
    }
    Ok(IouTable {
        kind: "iou",
        dataset: super::folder_names(&request.datasets),
        bundle: engine.manifest().name.clone(),
        skipped,
        without,
        rows,
    })
}

/// A label's index and name.
type Known = (usize, String);

/// Index and name of the labels to measure, and those that have regions but no output.
fn labels(engine: &Engine, folders: &[(Dataset, Regions)], wanted: &[String]) -> Result<(Vec<Known>, Vec<String>)> {
    let index = |name: &str| engine.bundle().label_index(name);
    let named = |name: &str| -> Result<Known> {
        let at = index(name)?;
        Ok((at, engine.bundle().labels().nth(at).unwrap_or(name).to_owned()))
    };
    if !wanted.is_empty() {
        return Ok((wanted.iter().map(|name| named(name)).collect::<Result<_>>()?, Vec::new()));
    }
    let mut with_regions: Vec<String> = folders.iter().flat_map(|(_, regions)| regions.labels()).collect();
    with_regions.sort();
    with_regions.dedup();
    if with_regions.is_empty() {
        let reason =
            "no regions here: neither BBox_List_2017.csv, bbox.csv, rsna_boxes.csv, a folder masks, nor phantoms";
        return Err(Error::Invalid(reason.into()));
    }
    let (known, skipped): (Vec<String>, Vec<String>) = with_regions.into_iter().partition(|name| index(name).is_ok());
    Ok((known.iter().map(|name| named(name)).collect::<Result<_>>()?, skipped))
}
