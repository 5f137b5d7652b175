//! How well a label is told before and after an edit, over all films and in every group.

use super::rows::Seen;
use super::table::{Gaps, GroupScores, Performance, Scores};
use crate::error::Result;
use crate::metrics::{self, Confusion};

/// Bins of the expected calibration error.
const BINS: usize = 15;
/// Coverage of an AUC's interval.
const LEVEL: f64 = 0.95;

/// Probability of a logit.
pub(super) fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// Performance where the truth is known of some film.
pub(super) fn of(
    films: &[Seen],
    groups: &[String],
    point: f32,
    bootstrap: (usize, u64),
) -> Result<Option<Performance>> {
    let known: Vec<(Seen, bool)> = films.iter().filter_map(|film| Some((*film, film.truth?))).collect();
    if known.is_empty() {
        return Ok(None);
    }
    let positives = known.iter().filter(|(_, truth)| *truth).count();
    let mut of_groups = Vec::with_capacity(groups.len());
    for (number, group) in groups.iter().enumerate() {
        let own: Vec<(Seen, bool)> = known.iter().filter(|(film, _)| film.group == number).copied().collect();
        let [before, after] = [scores(&own, 0, point, bootstrap)?, scores(&own, 1, point, bootstrap)?];
        of_groups.push(GroupScores { group: group.clone(), before, after });
    }
    Ok(Some(Performance {
        positives,
        negatives: known.len() - positives,
        before: scores(&known, 0, point, bootstrap)?,
        after: scores(&known, 1, point, bootstrap)?,
        gaps_before: gaps(&of_groups, |group| group.before),
        gaps_after: gaps(&of_groups, |group| group.after),
        groups: of_groups,
    }))
}

fn scores(films: &[(Seen, bool)], when: usize, point: f32, (resamples, seed): (usize, u64)) -> Result<Scores> {
    // Ranked by logit: a sigmoid is flat where a network is sure.
    let logits: Vec<f32> = films.iter().map(|(film, _)| film.logits[when]).collect();
    let probabilities: Vec<f32> = logits.iter().map(|&logit| sigmoid(logit) as f32).collect();
    let truth: Vec<bool> = films.iter().map(|(_, truth)| *truth).collect();
    let patients: Vec<usize> = films.iter().map(|(film, _)| film.patient).collect();
    let decisions = Confusion::at(point, probabilities.iter().copied().zip(truth.iter().copied()));
    let both = decisions.positives() > 0 && decisions.negatives() > 0;
    // Of a single patient there is nothing to resample: then there is no interval and no AUC.
    let auc = if both { metrics::auc_bootstrap(&logits, &truth, &patients, resamples, LEVEL, seed).ok() } else { None };
    let some = !films.is_empty();
    Ok(Scores {
        decisions,
        auc,
        brier: some.then(|| metrics::brier(&probabilities, &truth)).transpose()?,
        calibration_error: some
            .then(|| metrics::expected_calibration_error(&probabilities, &truth, BINS))
            .transpose()?,
        true_positive_rate: decisions.true_positive_rate(),
        false_positive_rate: decisions.false_positive_rate(),
        accuracy: decisions.accuracy(),
    })
}

fn gaps(groups: &[GroupScores], of: impl Fn(&GroupScores) -> Scores) -> Gaps {
    let range = |number: &dyn Fn(&Scores) -> Option<f64>| {
        let all: Vec<f64> = groups.iter().filter_map(|group| number(&of(group))).collect();
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        (all.len() > 1).then_some(most - least)
    };
    let worst = |number: &dyn Fn(&Scores) -> Option<f64>| {
        let all = groups.iter().filter_map(|group| Some((group.group.clone(), number(&of(group))?)));
        all.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| groups.len() > 1)
    };
    Gaps {
        true_positive_rate: range(&|scores| scores.true_positive_rate),
        false_positive_rate: range(&|scores| scores.false_positive_rate),
        worst_auc: worst(&|scores| scores.auc.map(|auc| auc.value)),
        worst_accuracy: worst(&|scores| scores.accuracy),
    }
}
