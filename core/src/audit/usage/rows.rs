//! From logits before and after to the rows of the table.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::edit::Target;
use super::measure::{Groups, UsageRequest};
use super::model::UsageModel;
use super::performance::{self, sigmoid};
use super::state::{State, TRUTHS, truth_place};
use super::table::{Change, Contrast, ControlKind, Controls, EditSize, GroupChange, Place, UsageRow, UsageTable};
use crate::engine::Progress;
use crate::error::Result;
use crate::metrics::{self, Estimate, quantile};

/// Resamples of a contrast.
const RESAMPLES: usize = 1000;

/// One measured film and one label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Number of the patient.
    pub patient: usize,
    /// Number of the group; one more than the last for none.
    pub group: usize,
    /// Whether it has the label.
    pub truth: Option<bool>,
    /// Logit before and after.
    pub logits: [f32; 2],
    /// Whether the edit changes its latent.
    pub changed: bool,
}

impl Seen {
    fn by_logit(self) -> f64 {
        f64::from(self.logits[1]) - f64::from(self.logits[0])
    }

    fn by_probability(self) -> f64 {
        sigmoid(self.logits[1]) - sigmoid(self.logits[0])
    }
}

/// All rows.
pub(super) fn table(
    model: &UsageModel<'_>,
    request: &UsageRequest<'_>,
    groups: &Groups,
    state: &State,
    progress: &Progress<'_>,
) -> Result<UsageTable> {
    let per_film = state.sizes.per_film();
    let record = |film: usize| &state.films[film * per_film..(film + 1) * per_film];
    let measured: Vec<usize> = (0..state.finished).filter(|&film| record(film)[0].is_finite()).collect();
    let mut patients: BTreeMap<&str, usize> = BTreeMap::new();
    for &film in &measured {
        let next = patients.len();
        patients.entry(&request.films[film].patient).or_insert(next);
    }
    let (labels, edits) = (state.sizes.labels, state.sizes.edits);
    let all: Vec<(usize, usize)> = (0..edits).flat_map(|edit| (0..labels).map(move |label| (edit, label))).collect();
    progress.step("statistics", 0, all.len())?;
    let row = |&(edit, label): &(usize, usize)| -> Result<UsageRow> {
        progress.silenced().step("statistics", 0, 0)?;
        let seen: Vec<Seen> = measured
            .iter()
            .map(|&film| Seen {
                patient: patients[request.films[film].patient.as_str()],
                group: groups.of_film[film],
                truth: request.films[film].truth(label),
                logits: [record(film)[label], record(film)[labels * (1 + edit) + label]],
                changed: record(film)[labels * (1 + edits) + edit] >= 0.0,
            })
            .collect();
        let lengths: Vec<f32> = measured.iter().map(|&film| record(film)[labels * (1 + edits) + edit]).collect();
        let asked = &model.labels[label];
        let point = asked.operating_point;
        let of_group = |group: usize| seen.iter().copied().filter(|film| film.group == group).collect::<Vec<_>>();
        let shown = request.shown.as_ref().and_then(|shown| groups.names.iter().position(|name| name == shown));
        let contrast = shown.and_then(|shown| contrast(&seen, shown, groups.names.len(), request.seed));
        Ok(UsageRow {
            edit: request.edits[edit].name.clone(),
            features: match &request.edits[edit].target {
                Target::Features(features) => features.clone(),
                Target::Direction(_) => Vec::new(),
            },
            label: asked.name.clone(),
            operating_point: point,
            overall: change(&seen, point),
            groups: (0..groups.names.len())
                .map(|group| GroupChange {
                    group: groups.names[group].clone(),
                    change: change(&of_group(group), point),
                })
                .collect(),
            controls: controls(&seen, state, (edit, label), groups.names.len(), shown, contrast.as_ref()),
            contrast,
            performance: performance::of(&seen, &groups.names, point, (request.resamples, request.seed))?,
            size: size(&lengths),
            residual: state.survey.residual,
        })
    };
    let rows = all.par_iter().map(row).collect::<Result<Vec<UsageRow>>>()?;
    Ok(UsageTable {
        kind: "usage",
        route: model.route,
        column: request.column.clone(),
        shown: request.shown.clone(),
        films: request.films.len(),
        measured: measured.len(),
        patients: patients.len(),
        left_out: state.survey.left_out.clone(),
        residual: state.survey.residual,
        seed: request.seed,
        rows,
    })
}

fn size(lengths: &[f32]) -> EditSize {
    let changed: Vec<f64> = lengths.iter().filter(|&&length| length >= 0.0).map(|&length| f64::from(length)).collect();
    let sum: f64 = changed.iter().sum();
    EditSize {
        relative_norm: sum / lengths.len().max(1) as f64,
        relative_norm_where_changed: (!changed.is_empty()).then(|| sum / changed.len() as f64),
        changed: changed.len(),
        films: lengths.len(),
    }
}

/// How films change.
fn change(films: &[Seen], point: f32) -> Change {
    let mut patients: BTreeMap<usize, [f64; 3]> = BTreeMap::new();
    for film in films {
        let sums = patients.entry(film.patient).or_default();
        [film.by_logit(), film.by_probability(), 1.0].into_iter().enumerate().for_each(|(at, v)| sums[at] += v);
    }
    let mean = |at: usize| {
        let pairs: Vec<[f64; 2]> = patients.values().map(|sums| [sums[at], sums[2]]).collect();
        metrics::ratio_bootstrap(&pairs)
    };
    let changed = films.iter().filter(|film| film.changed).count();
    let flips = metrics::flips(point, films.iter().map(|film| (probability(film, 0), probability(film, 1))));
    Change {
        films: films.len(),
        patients: patients.len(),
        changed,
        share_changed: metrics::share_wilson(changed, films.len()),
        logit: mean(0),
        probability: mean(1),
        logit_quantiles: quantiles(films.iter().map(|film| film.by_logit())),
        probability_quantiles: quantiles(films.iter().map(|film| film.by_probability())),
        flips,
        flip_rate: metrics::share_wilson(flips.all(), films.len()),
    }
}

fn probability(film: &Seen, when: usize) -> f32 {
    sigmoid(film.logits[when]) as f32
}

/// 5, 25, 50, 75 and 95 %; zeros of nothing.
fn quantiles(values: impl Iterator<Item = f64>) -> [f64; 5] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() { [0.0; 5] } else { [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| quantile(&sorted, q)) }
}

/// Sums by stratum and kind (0 others, 1 shown): logit changes, probability changes, films.
type Cells = [[[f64; 3]; 2]; 2];

/// Weighted differences of the means of two kinds over strata; none where no stratum has both.
fn differences(cells: &Cells) -> Option<[f64; 2]> {
    let (mut sums, mut weights) = ([0.0; 2], 0.0);
    for [others, shown] in cells {
        let (a, b) = (shown[2], others[2]);
        if a > 0.0 && b > 0.0 {
            let weight = a * b / (a + b);
            weights += weight;
            (0..2).for_each(|at| sums[at] += weight * (shown[at] / a - others[at] / b));
        }
    }
    (weights > 0.0).then(|| sums.map(|sum| sum / weights))
}

/// Whether films are compared within truth, and a film's stratum and kind.
fn stratum(film: &Seen, shown: usize, known: usize, within: bool) -> Option<(usize, usize)> {
    let stratum = if within { usize::from(film.truth?) } else { 0 };
    (film.group < known).then(|| (stratum, usize::from(film.group == shown)))
}

fn contrast(films: &[Seen], shown: usize, known: usize, seed: u64) -> Option<Contrast> {
    // Truth that is known of one kind alone compares nothing.
    let within = [false, true].into_iter().any(|truth| {
        let has = |is_shown: bool| {
            films
                .iter()
                .any(|film| film.truth == Some(truth) && film.group < known && (film.group == shown) == is_shown)
        };
        has(true) && has(false)
    });
    let mut patients: BTreeMap<usize, Cells> = BTreeMap::new();
    let mut before: Cells = Cells::default();
    let mut counts = [0; 2];
    let placed = || films.iter().filter_map(|film| Some((film, stratum(film, shown, known, within)?)));
    for (film, (stratum, kind)) in placed() {
        counts[kind] += 1;
        let cell = &mut patients.entry(film.patient).or_default()[stratum][kind];
        [film.by_logit(), film.by_probability(), 1.0].into_iter().enumerate().for_each(|(at, v)| cell[at] += v);
        let cell = &mut before[stratum][kind];
        [f64::from(film.logits[0]), 0.0, 1.0].into_iter().enumerate().for_each(|(at, v)| cell[at] += v);
    }
    let logit_before = differences(&before)?[0];
    let off = placed().map(|(film, (stratum, kind))| {
        let [sum, _, count] = before[stratum][kind];
        (f64::from(film.logits[0]) - sum / count).powi(2)
    });
    let kinds = before.as_flattened().iter().filter(|cell| cell[2] > 0.0).count();
    let deviation = (off.sum::<f64>() / (counts[0] + counts[1] - kinds).max(1) as f64).sqrt();

    let patients: Vec<Cells> = patients.into_values().collect();
    let add = |sum: &mut Cells, own: &Cells| {
        let own = own.as_flattened().as_flattened();
        sum.as_flattened_mut().as_flattened_mut().iter_mut().zip(own).for_each(|(s, v)| *s += v);
    };
    let mut all = Cells::default();
    patients.iter().for_each(|own| add(&mut all, own));
    let values = differences(&all)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let drawn: Vec<[f64; 2]> = (0..RESAMPLES)
        .filter_map(|_| {
            let mut sum = Cells::default();
            (0..patients.len()).for_each(|_| add(&mut sum, &patients[random.random_range(0..patients.len())]));
            differences(&sum)
        })
        .collect();
    let estimate = |at: usize| {
        let mut sorted: Vec<f64> = drawn.iter().map(|pair| pair[at]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let edge = |q: f64| if sorted.is_empty() { values[at] } else { quantile(&sorted, q) };
        Estimate { value: values[at], low: edge(0.025), high: edge(0.975) }
    };
    Some(Contrast {
        shown: counts[1],
        others: counts[0],
        within_truth: within,
        logit: estimate(0),
        probability: estimate(1),
        logit_before,
        logit_deviation: deviation,
    })
}

/// Where the edit stands among its controls.
fn controls(
    films: &[Seen],
    state: &State,
    (edit, label): (usize, usize),
    known: usize,
    shown: Option<usize>,
    contrast: Option<&Contrast>,
) -> Vec<Controls> {
    let first: usize = (0..edit).map(|at| state.survey.counts(at).iter().sum::<usize>()).sum();
    let mut counts = vec![[0.0_f64; TRUTHS]; known + 1];
    films.iter().for_each(|film| counts[film.group][truth_place(film.truth)] += 1.0);
    let own = films.iter().map(|film| film.by_logit()).sum::<f64>() / films.len().max(1) as f64;
    let sum = |control: usize, group: usize, truth: usize| state.sums[state.place(control, label, group, truth)];
    let mean = |control: usize| {
        let all = (0..=known).flat_map(|group| (0..TRUTHS).map(move |truth| sum(control, group, truth)));
        all.sum::<f64>() / films.len().max(1) as f64
    };
    let difference = |control: usize| -> Option<f64> {
        let within = contrast?.within_truth;
        let mut cells = Cells::default();
        for group in 0..known {
            for truth in 0..TRUTHS {
                if within && truth == truth_place(None) {
                    continue;
                }
                let cell = &mut cells[if within { truth } else { 0 }][usize::from(Some(group) == shown)];
                cell[0] += sum(control, group, truth);
                cell[2] += counts[group][truth];
            }
        }
        differences(&cells).map(|[logit, _]| logit)
    };
    let [features, directions] = state.survey.counts(edit);
    let kinds = [
        (ControlKind::Features, first..first + features),
        (ControlKind::Directions, first + features..first + features + directions),
    ];
    let of = |(kind, places): (ControlKind, std::ops::Range<usize>)| Controls {
        kind,
        count: places.len(),
        mean: place(own, &places.clone().map(mean).collect::<Vec<_>>()),
        contrast: contrast
            .and_then(|contrast| place(contrast.logit.value, &places.filter_map(difference).collect::<Vec<_>>())),
    };
    kinds.into_iter().map(of).collect()
}

/// A number among those of controls; none without controls.
pub(super) fn place(value: f64, controls: &[f64]) -> Option<Place> {
    if controls.is_empty() {
        return None;
    }
    let count = controls.len() as f64;
    let mean = controls.iter().sum::<f64>() / count;
    let deviation = (controls.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
    let as_large = controls.iter().filter(|v| v.abs() >= value.abs()).count();
    Some(Place {
        value,
        mean,
        deviation,
        largest: controls.iter().copied().fold(0.0, |most, v| if v.abs() > f64::abs(most) { v } else { most }),
        z: (deviation > 0.0).then(|| (value - mean) / deviation),
        as_large,
        p: (1 + as_large) as f64 / (count + 1.0),
    })
}
