//! Reports of films that have one: words and findings against the radiologist's, regions against the truth.
//!
//! In: a dataset with reports, and a bundle's labels. Out: [`ReportScores`], and for films whose regions are known the
//! intersection over union of each finding's region. The labels must have been made on other films.

use std::path::{Path, PathBuf};

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::spread::{Spread, spread};
use crate::dataset::regions::Regions;
use crate::dataset::reports::Reports;
use crate::dataset::{Dataset, FilmRecord};
use crate::engine::{Analysis, Engine, Progress};
use crate::error::{Error, Result};
use crate::label::Labels;
use crate::metrics::{iou, iou_at_reference_area};
use crate::radiograph::Radiograph;
use crate::report::compose::{Certainty, Sentence};
use crate::report::evaluate::{Options, ReportScores, evaluate_with};
use crate::report::labeler::Labeler;

/// What to measure.
pub struct ReportRequest<'a> {
    /// Folder of films.
    pub dataset: PathBuf,
    /// Their reports.
    pub reports: &'a Reports,
    /// What features stand for.
    pub labels: &'a Labels,
    /// What reads both sides.
    pub labeler: &'a Labeler,
    /// Most films, drawn at random.
    pub films: usize,
    /// Seed of the draw and of the bootstrap.
    pub seed: u64,
    /// Whether "possible" counts as present.
    pub uncertain_counts: bool,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct ReportEvaluation {
    /// Name of the bundle.
    pub bundle: String,
    /// The dataset.
    pub dataset: String,
    /// Words and findings.
    pub scores: ReportScores,
    /// Regions by class; empty where the dataset knows none or the bundle cannot draw.
    pub grounding: Vec<GroundingRow>,
    /// The first films with both reports, to be read by a person.
    pub examples: Vec<Example>,
}

/// Regions of one class of findings.
#[derive(Clone, Debug, Serialize)]
pub struct GroundingRow {
    /// The class.
    pub class: String,
    /// Films on which it is, is rightly reported, and has a known region.
    pub films: usize,
    /// Intersection over union of the sentence's region with the true one.
    pub iou: Spread,
    /// The same when the change is cut to the true region's area.
    pub iou_at_area: Spread,
    /// What a region of that area in a random place would give, on average: area / (2 - area).
    pub by_chance: f64,
}

/// One film with both reports.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// The film.
    pub film: String,
    /// The radiologist's words.
    pub written: String,
    /// Fluoro's.
    pub made: String,
}

/// Films shown as examples.
const EXAMPLES: usize = 5;

/// Reports a dataset's films and scores the reports.
///
/// # Errors
/// When the dataset cannot be read, no film has a report, the labels are of another bundle, or the user asked to stop.
pub fn evaluate(engine: &Engine, request: &ReportRequest<'_>, progress: &Progress<'_>) -> Result<ReportEvaluation> {
    let dataset = Dataset::listed(&request.dataset)?;
    let regions = Regions::read(&request.dataset)?;
    let mut films: Vec<&FilmRecord> =
        dataset.films.iter().filter(|film| request.reports.of(&film.path).is_some()).collect();
    if films.is_empty() {
        return Err(Error::dataset(
            &request.dataset,
            "no film of the dataset has a report; name their table with --reports",
        ));
    }
    films.shuffle(&mut ChaCha8Rng::seed_from_u64(request.seed));
    films.truncate(request.films);
    let classes: Vec<&str> = request.labeler.names().collect();
    let mut pairs = Vec::with_capacity(films.len());
    let mut overlaps: Vec<Vec<[f64; 3]>> = vec![Vec::new(); classes.len()];
    for (done, film) in films.iter().enumerate() {
        progress.step("reporting films", done, films.len())?;
        let Some(written) = request.reports.of(&film.path) else { continue };
        let analysis = engine.analyze(&Radiograph::open(&film.path)?)?;
        let made = engine.report(&analysis, request.labels, request.labeler, None)?.report;
        for sentence in made.findings.iter().filter(|sentence| sentence.certainty != Certainty::Negative) {
            let named = request.labeler.label(&sentence.text);
            for (class, _) in named.iter().enumerate().filter(|(_, label)| label.is_present(true)) {
                if let Some(found) = overlap(engine, &regions, film, &analysis, classes[class], sentence)? {
                    overlaps[class].push(found);
                }
            }
        }
        pairs.push((written.text(), made.to_text()));
    }
    let options = Options { uncertain_counts: request.uncertain_counts, seed: request.seed };
    let scores = evaluate_with(&pairs, request.labeler.vocabulary(), &options)?;
    let grounding = classes.iter().zip(&overlaps).filter_map(|(class, found)| {
        let column = |index: usize| found.iter().map(|values| values[index]).collect::<Vec<f64>>();
        Some(GroundingRow {
            class: (*class).to_owned(),
            films: found.len(),
            iou: spread(&column(0))?,
            iou_at_area: spread(&column(1))?,
            by_chance: spread(&column(2))?.mean,
        })
    });
    let grounding = grounding.collect();
    let examples = films.iter().zip(&pairs).take(EXAMPLES).map(|(film, (written, made))| Example {
        film: film.path.display().to_string(),
        written: written.clone(),
        made: made.clone(),
    });
    Ok(ReportEvaluation {
        bundle: engine.manifest().name.clone(),
        dataset: request.dataset.display().to_string(),
        scores,
        grounding,
        examples: examples.collect(),
    })
}

/// Overlap of a sentence's region with the true one of its class: as outlined, at the true area, and by chance. None where
/// the film has no such region or the bundle cannot draw.
fn overlap(
    engine: &Engine,
    regions: &Regions,
    film: &FilmRecord,
    analysis: &Analysis,
    class: &str,
    sentence: &Sentence,
) -> Result<Option<[f64; 3]>> {
    let Some(region) = regions.get(film, class) else { return Ok(None) };
    let is_drawn = engine.bundle().decoder.is_some() && engine.bundle().sae_encoder.is_none();
    if sentence.features.is_empty() || !is_drawn {
        return Ok(None);
    }
    let truth = region.mask(film, &analysis.input, &engine.manifest().preprocess)?;
    let area = truth.iter().filter(|inside| **inside).count() as f64 / truth.len().max(1) as f64;
    if area == 0.0 {
        return Ok(None);
    }
    let found = engine.feature_region(analysis, &sentence.features)?;
    let strength: Vec<f32> = found.change.data().iter().map(|value| value.abs()).collect();
    Ok(Some([iou(&found.segmentation.mask, &truth)?, iou_at_reference_area(&strength, &truth)?, area / (2.0 - area)]))
}

/// Where a dataset's reports usually lie.
#[must_use]
pub fn usual_reports(dataset: &Path) -> PathBuf {
    dataset.join("reports.csv")
}
