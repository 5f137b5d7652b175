//! How well an edit undoes a marker, and what else it does. In: clean films, a marker, a model without and with the edit. Out:
//! recovery and selectivity, with the oracle (the clean film) and a filled box beside them.
//!
//! With f the prediction of the label in question, recovery is `1 - |f_edited(marked) - f(clean)| / |f(marked) - f(clean)|`: 1
//! where the edit brings back what the clean film had, 0 where it does nothing, below 0 where it overshoots or does harm.
//! Selectivity is `cause / (cause + isolation)`: cause is how far the edit moves the label on marked films, isolation how far it
//! moves the other labels on average. Detection alone says nothing of either.

use serde::Serialize;

use super::inpaint::{Texture, without_boxes};
use super::marker::Marker;
use super::measure::{BrokenFilm, each_film};
use super::statistics::{mean_by_patient, ratio_by_patient};
use crate::dataset::FilmRecord;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::radiograph::Radiograph;

/// Film to one number a label: logits or scores.
pub type Predict<'a> = dyn Fn(&Radiograph) -> Result<Vec<f32>> + 'a;

/// A model without and with an edit.
pub struct Ablation<'a> {
    /// Without.
    pub plain: &'a Predict<'a>,
    /// With.
    pub edited: &'a Predict<'a>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryRequest {
    /// Names of the labels, in the order of predictions.
    pub labels: Vec<String>,
    /// The label that the marker moves.
    pub target: usize,
    /// Films on which the marker moves it by less than this are left out of recovery: a ratio to nothing says nothing. In the
    /// unit of the predictions.
    pub least: f64,
    /// From which prediction on a label counts as present: 0.5 for scores, the operating point's logit for logits. For
    /// accuracies alone.
    pub threshold: f32,
}

/// What came of it. Means are over films; intervals of 95 % resample patients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovery {
    /// The marker in words.
    pub marker: String,
    /// The label in question.
    pub label: String,
    /// Films that were measured.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Films that could not be used.
    pub broken: Vec<BrokenFilm>,
    /// Films of those measured on which the marker moved the label too little for a recovery.
    pub left_out: usize,
    /// What the marker does to the label: marked minus clean, all films.
    pub effect: Estimate,
    /// Mean recovery of the films that are not left out; none where there are none.
    pub recovery: Option<Estimate>,
    /// Their median recovery, which single films with a small effect do not decide.
    pub median_recovery: Option<f64>,
    /// Recovery of sums: one minus the films' total distance after the edit over their total distance before it.
    pub pooled_recovery: Option<Estimate>,
    /// Pooled recovery where the marker's box is filled from around it instead of the edit; none of markers without a box.
    pub inpainted_recovery: Option<Estimate>,
    /// Pooled recovery where the clean film takes the edit's place: 1 where anything can be recovered at all.
    pub oracle_recovery: Option<f64>,
    /// How far the edit moves the label on marked films, without sign.
    pub cause: Estimate,
    /// How far it moves the other labels there, on average; zero where there are none.
    pub isolation: Estimate,
    /// Cause over cause plus isolation; none where the edit moves nothing.
    pub selectivity: Option<Estimate>,
    /// What the edit does to each label on clean films, where there is nothing to undo.
    pub off_target: Vec<LabelChange>,
}

/// What an edit does to one label on clean films.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelChange {
    /// Label.
    pub label: String,
    /// With the edit minus without.
    pub change: Estimate,
    /// The same without sign.
    pub distance: Estimate,
    /// Films whose table knows the label.
    pub known: usize,
    /// Right decisions without the edit, of those films.
    pub right_before: usize,
    /// Right decisions with it.
    pub right_after: usize,
    /// Change of the share of right decisions; none where the table knows no film.
    pub accuracy_change: Option<Estimate>,
}

/// Predictions of one film.
struct Film {
    clean: Vec<f64>,
    marked: Vec<f64>,
    edited_clean: Vec<f64>,
    edited_marked: Vec<f64>,
    inpainted: Option<Vec<f64>>,
    truth: Vec<Option<bool>>,
}

/// Measures an edit on clean films and on the same films with a marker.
///
/// # Errors
/// When the label does not exist, no film can be used, a prediction has another number of labels, the model fails, or it was
/// cancelled.
pub fn recovery(
    films: &[FilmRecord],
    marker: &Marker,
    ablation: &Ablation<'_>,
    request: &RecoveryRequest,
    progress: &Progress<'_>,
) -> Result<Recovery> {
    marker.check()?;
    let (labels, target) = (&request.labels, request.target);
    let label = labels
        .get(target)
        .ok_or_else(|| Error::Invalid(format!("label number {target} does not exist; there are {}", labels.len())))?;
    let read = |predict: &Predict<'_>, film: &Radiograph| -> Result<Vec<f64>> {
        let values = predict(film)?;
        if values.len() == labels.len() {
            return Ok(values.into_iter().map(f64::from).collect());
        }
        let (expected, found) = (format!("{} labels", labels.len()), format!("{}", values.len()));
        Err(Error::Shape { what: "prediction".into(), expected, found })
    };
    let measured = each_film(films, "undoing the marker", progress, |_, record, film, levels| {
        let drawn = marker.draw_with(film, levels)?;
        let filled = if drawn.boxes.is_empty() { None } else { Some(without_boxes(&drawn, Texture::Smooth)?) };
        let known = |name: &String| record.columns.get(name).map(|&value| value > 0.5);
        Ok(Film {
            clean: read(ablation.plain, film)?,
            marked: read(ablation.plain, &drawn.film)?,
            edited_clean: read(ablation.edited, film)?,
            edited_marked: read(ablation.edited, &drawn.film)?,
            inpainted: filled.map(|film| read(ablation.plain, &film)).transpose()?,
            truth: labels.iter().map(known).collect(),
        })
    })?;
    let patients = &measured.patients;
    let mean = |value: &dyn Fn(&Film) -> f64| {
        let values: Vec<f64> = measured.films.iter().map(value).collect();
        let nothing = Estimate { value: f64::NAN, low: f64::NAN, high: f64::NAN };
        mean_by_patient(&values, patients).unwrap_or(nothing)
    };
    // Distances to the clean film, after and before, of the films that count.
    let distances = |after: &dyn Fn(&Film) -> Option<f64>| -> Vec<[f64; 2]> {
        let pair = |film: &Film| {
            let before = (film.marked[target] - film.clean[target]).abs();
            let after = after(film).map_or(f64::NAN, |value| (value - film.clean[target]).abs());
            if before >= request.least && before > 0.0 { [after, before] } else { [f64::NAN; 2] }
        };
        measured.films.iter().map(pair).collect()
    };
    let pooled = |pairs: &[[f64; 2]]| {
        let left = ratio_by_patient(pairs, patients)?;
        Some(Estimate { value: 1.0 - left.value, low: 1.0 - left.high, high: 1.0 - left.low })
    };
    let edited = distances(&|film| Some(film.edited_marked[target]));
    let each: Vec<f64> = edited.iter().map(|[after, before]| 1.0 - after / before).collect();
    let kept: Vec<f64> = each.iter().copied().filter(|v| v.is_finite()).collect();
    let others = labels.len().saturating_sub(1).max(1) as f64;
    let moved = |film: &Film, label: usize| (film.edited_marked[label] - film.marked[label]).abs();
    let aside = |film: &Film| (0..labels.len()).filter(|&l| l != target).map(|l| moved(film, l)).sum::<f64>() / others;
    let shares: Vec<[f64; 2]> =
        measured.films.iter().map(|film| [moved(film, target), moved(film, target) + aside(film)]).collect();
    Ok(Recovery {
        marker: marker.to_string(),
        label: label.clone(),
        films: measured.films.len(),
        patients: measured.patient_count(),
        left_out: measured.films.len() - kept.len(),
        effect: mean(&|film| film.marked[target] - film.clean[target]),
        recovery: mean_by_patient(&each, patients),
        median_recovery: median(kept),
        pooled_recovery: pooled(&edited),
        inpainted_recovery: pooled(&distances(&|film| film.inpainted.as_ref().map(|values| values[target]))),
        oracle_recovery: pooled(&distances(&|film| Some(film.clean[target]))).map(|estimate| estimate.value),
        cause: mean(&|film| moved(film, target)),
        isolation: mean(&aside),
        selectivity: ratio_by_patient(&shares, patients),
        off_target: (0..labels.len()).map(|label| on_clean(&measured.films, patients, label, request)).collect(),
        broken: measured.broken,
    })
}

fn on_clean(films: &[Film], patients: &[usize], label: usize, request: &RecoveryRequest) -> LabelChange {
    let nothing = Estimate { value: f64::NAN, low: f64::NAN, high: f64::NAN };
    let mean = |value: &dyn Fn(&Film) -> f64| mean_by_patient(&films.iter().map(value).collect::<Vec<_>>(), patients);
    let right =
        |film: &Film, value: f64| film.truth[label].map(|truth| truth == (value >= f64::from(request.threshold)));
    let count =
        |value: &dyn Fn(&Film) -> f64| films.iter().filter(|film| right(film, value(film)) == Some(true)).count();
    let gain = |film: &Film| match (right(film, film.edited_clean[label]), right(film, film.clean[label])) {
        (Some(after), Some(before)) => f64::from(u8::from(after)) - f64::from(u8::from(before)),
        _ => f64::NAN,
    };
    LabelChange {
        label: request.labels[label].clone(),
        change: mean(&|film| film.edited_clean[label] - film.clean[label]).unwrap_or(nothing),
        distance: mean(&|film| (film.edited_clean[label] - film.clean[label]).abs()).unwrap_or(nothing),
        known: films.iter().filter(|film| film.truth[label].is_some()).count(),
        right_before: count(&|film| film.clean[label]),
        right_after: count(&|film| film.edited_clean[label]),
        accuracy_change: mean(&gain),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    Some(if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle], values[middle + 1]) })
}
