//! Markers drawn onto films of the dataset: what predictions do, where on the film they do it, and how well taking features
//! away undoes it.
//!
//! In: films, markers, the bundle's engine, the features that follow the audited columns. Out: [`DrawnMarkers`]. Where a marker
//! is what a column tells, [`weigh`] lets it speak on that column's verdict: drawing it is the most direct proof of use.

use serde::Serialize;

use super::injection::{
    Ablation, EngineReader, InjectionReport, LabelResponse, Marker, MarkerResponse, PositionSweep, Reader as _,
    Recovery, RecoveryRequest, SweepRequest, recovery, respond, sweep,
};
use super::result::{ColumnAudit, NotDone};
use super::usage::{Verdict, VerdictRule};
use super::words::interval;
use crate::dataset::FilmRecord;
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::radiograph::Radiograph;

/// Films of a sweep: each is read twice for every place.
const SWEPT: usize = 12;
/// Films of a recovery.
const UNDONE: usize = 24;
/// Logits that a marker must move a label by for its undoing to be a ratio worth stating.
const LEAST: f64 = 0.1;

/// What drawn markers do.
#[derive(Clone, Debug, Serialize)]
pub struct DrawnMarkers {
    /// Predictions and features, by marker.
    #[serde(flatten)]
    pub response: InjectionReport,
    /// The same by place on the film, of markers that have one; empty unless asked for.
    pub sweeps: Vec<PositionSweep>,
    /// For each marker, how well taking away the features that follow the columns undoes what it does to the label that it
    /// moves most.
    pub recoveries: Vec<Recovery>,
    /// Parts that were not done.
    pub not_done: Vec<NotDone>,
}

/// What is drawn and asked.
pub(super) struct Asked<'a> {
    pub markers: &'a [Marker],
    /// Features that follow the columns.
    pub features: &'a [usize],
    /// Labels that say what a column says: a marker may move them.
    pub own: &'a [String],
    /// Places on a side of a sweep's grid; no sweep without.
    pub grid: Option<usize>,
    pub seed: u64,
}

/// Draws markers onto films.
///
/// # Errors
/// When no film can be used, a marker means nothing, the model fails, or it was cancelled. A sweep or a recovery that cannot
/// be done leaves the rest.
pub(super) fn draw(
    engine: &Engine,
    films: &[FilmRecord],
    asked: &Asked<'_>,
    progress: &Progress<'_>,
) -> Result<DrawnMarkers> {
    let reader = EngineReader::new(engine, asked.features)?;
    let response = respond(films, asked.markers, &reader, asked.seed, progress)?;
    let mut not_done = Vec::new();
    let mut sweeps = Vec::new();
    if let Some(side) = asked.grid {
        let plain = EngineReader::new(engine, &[])?;
        for marker in asked.markers.iter().filter(|marker| marker.spot().is_some()) {
            let request = SweepRequest { grid: [side, side], seed: asked.seed };
            let some = &films[..films.len().min(SWEPT)];
            let part = format!("{marker} moved over the film");
            sweeps.extend(super::run::kept(&mut not_done, &part, || sweep(some, marker, &plain, request, progress))?);
        }
    }
    let recoveries = match (asked.features.is_empty(), engine.bundle().suppressing(asked.features, engine.device())) {
        (true, _) => Vec::new(),
        (false, Err(error)) => {
            not_done.push(NotDone::new("undoing markers by taking features away", &error.to_string()));
            Vec::new()
        }
        (false, Ok(bundle)) => {
            let edited = Engine::of_bundle(bundle, engine.device().clone());
            let mut found = Vec::new();
            for (marker, response) in asked.markers.iter().zip(&response.markers) {
                let part = format!("undoing {marker}");
                let work = || undo(engine, &edited, films, marker, response, asked.own, progress);
                found.extend(super::run::kept(&mut not_done, &part, work)?);
            }
            found
        }
    };
    Ok(DrawnMarkers { response, sweeps, recoveries, not_done })
}

/// How well the edited engine undoes a marker on the label that it moves most.
fn undo(
    plain: &Engine,
    edited: &Engine,
    films: &[FilmRecord],
    marker: &Marker,
    response: &MarkerResponse,
    own: &[String],
    progress: &Progress<'_>,
) -> Result<Recovery> {
    let [plain, edited] = [EngineReader::new(plain, &[])?, EngineReader::new(edited, &[])?];
    let labels = plain.labels();
    let moved = |label: &&LabelResponse| !own.contains(&label.label);
    let most = response.labels.iter().filter(moved).max_by(|a, b| size(a).total_cmp(&size(b)));
    let target = most.and_then(|label| labels.iter().position(|name| *name == label.label));
    let target = target.ok_or_else(|| Error::Invalid("no label besides the marker's own".into()))?;
    let read = |reader: &EngineReader<'_>, film: &Radiograph| -> Result<Vec<f32>> {
        let reading = reader.read(&[film])?.pop();
        Ok(reading.ok_or_else(|| Error::Invalid("the model returned no reading".into()))?.logits)
    };
    let ablation = Ablation { plain: &|film| read(&plain, film), edited: &|film| read(&edited, film) };
    let request = RecoveryRequest { labels, target, least: LEAST, threshold: 0.0 };
    recovery(&films[..films.len().min(UNDONE)], marker, &ablation, &request, progress)
}

fn size(label: &LabelResponse) -> f64 {
    label.logit.marker.value.abs()
}

/// Lets a drawn marker speak on the verdict of the column that tells whether a film bears it.
pub(super) fn weigh(column: &mut ColumnAudit, drawn: &DrawnMarkers) {
    let rule = VerdictRule::default();
    let name = column.detection.column.to_lowercase();
    let Some(usage) = &column.usage else { return };
    for marker in drawn.response.markers.iter().filter(|marker| tells(&name, &marker.marker)) {
        // Deviations of logits are those of the measurement of use.
        let deviation = |label: &str| {
            let row = usage.rows.iter().find(|row| row.label == label)?;
            row.contrast.map(|contrast| contrast.logit_deviation).filter(|deviation| *deviation > 0.0)
        };
        let standing = |label: &LabelResponse| -> Option<(f64, Estimate)> {
            let effect = label.logit.marker;
            let standardised = effect.value.abs() / deviation(&label.label)?;
            let is_sure = effect.low > 0.0 || effect.high < 0.0;
            (is_sure && standardised >= rule.effect_of_direction).then_some((standardised, effect))
        };
        let moved = marker.labels.iter().filter_map(|label| Some((label, standing(label)?)));
        let Some((label, (standardised, effect))) = moved.max_by(|a, b| a.1.0.total_cmp(&b.1.0)) else { continue };
        let neutral = label
            .logit
            .neutral
            .as_ref()
            .map_or_else(String::new, |words| format!(", meaningless letters in its place by {}", interval(words)));
        column.verdict.sentences.push(format!(
            "Drawing {} onto {} films moves {} by {} logits, {standardised:.1} standard deviations{neutral}.",
            marker.marker,
            drawn.response.films,
            label.label,
            interval(&effect)
        ));
        let (verdict, headline) = match column.verdict.verdict {
            Verdict::Detected => (Verdict::Both, "Detected and used: drawing it moves predictions"),
            Verdict::Neither => (Verdict::Used, "Used: drawing it moves predictions, though no feature tells it well"),
            _ => continue,
        };
        (column.verdict.verdict, column.verdict.headline) = (verdict, headline.to_owned());
    }
}

/// Whether a column by its name tells whether a film bears a marker.
fn tells(column: &str, marker: &str) -> bool {
    let marker = marker.to_lowercase();
    let kind = marker.split(['@', ':']).next().unwrap_or(&marker);
    match kind {
        "l" | "r" => column.contains("lateral"),
        "inverted" => column.contains("inver"),
        "arrow" => column.contains("arrow"),
        words => words.len() > 2 && column.contains(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_matched_to_columns_by_name() {
        for (column, marker, is_it) in [
            ("portable marker", "PORTABLE@0.12,0.1:0.022", true),
            ("portable", "portable", true),
            ("inverted", "inverted", true),
            ("laterality marker", "L@0.9,0.1", true),
            ("view position", "portable", false),
            ("cardiomegaly", "R", false),
            ("site", "gamma:0.7", false),
        ] {
            assert_eq!(tells(column, marker), is_it, "{column} {marker}");
        }
    }
}
