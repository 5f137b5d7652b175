//! How well a label tells where its feature is active, on films that were not used to choose it.
//!
//! After the "detection" score of automated interpretation (EleutherAI's delphi, Paulo et al. 2024): from the label alone it
//! is predicted on which films the feature is active. There a model predicts from the film; here the prediction is whether
//! the film's own report or row makes the label's statement.

use serde::{Deserialize, Serialize};

use super::{Statement, rank};
use crate::error::{Error, Result};
use crate::metrics;
use crate::report::labeler::Labeler;

/// One held-out film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Whether the label's statement holds.
    pub holds: bool,
    /// The feature's activation.
    pub activation: f32,
}

/// A share with the number of films it is a share of; `None` of no film.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// 0 to 1.
    pub value: Option<f64>,
    /// Films.
    pub n: usize,
}

/// Scores of a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Mean of the shares of active films where the statement holds and of silent films where it does not; over all films,
    /// `None` when the feature is active on all or none of them.
    pub balanced_accuracy: Share,
    /// Active films among those where the statement holds.
    pub precision: Share,
    /// Films where the statement holds among those where the feature is active.
    pub recall: Share,
    /// Chance that a film where the statement holds has the higher activation than one where it does not, ties half; over
    /// all films, `None` when it holds on all or none of them.
    pub auc: Share,
}

/// Scores a label on held-out films; the feature is active where its activation is above `threshold`.
///
/// # Errors
/// When an activation or the threshold is not a number.
pub fn detection(cases: &[Case], threshold: f32) -> Result<Detection> {
    if threshold.is_nan() || cases.iter().any(|case| case.activation.is_nan()) {
        return Err(Error::Invalid("an activation is not a number, so no label can be scored".into()));
    }
    let count = |holds: bool, active: bool| {
        cases.iter().filter(|case| case.holds == holds && (case.activation > threshold) == active).count()
    };
    let (hit, false_alarm, missed, quiet) =
        (count(true, true), count(true, false), count(false, true), count(false, false));
    let share = |part: usize, n: usize| Share { value: (n > 0).then(|| part as f64 / n as f64), n };
    let recall = share(hit, hit + missed);
    let specificity = share(quiet, quiet + false_alarm);
    let balanced = recall.value.zip(specificity.value).map(|(a, b)| f64::midpoint(a, b));
    Ok(Detection {
        balanced_accuracy: Share { value: balanced, n: cases.len() },
        precision: share(hit, hit + false_alarm),
        recall,
        auc: Share { value: auc(cases), n: cases.len() },
    })
}

/// Area under the ROC curve; none where the statement holds on all films or on none.
fn auc(cases: &[Case]) -> Option<f64> {
    let (scores, holds): (Vec<f32>, Vec<bool>) = cases.iter().map(|case| (case.activation, case.holds)).unzip();
    if holds.iter().all(|holds| *holds) || !holds.contains(&true) { None } else { metrics::auc(&scores, &holds).ok() }
}

/// Whether the report of a film makes `statement`; `None` when it says nothing, or the statement is about a column.
#[must_use]
pub fn holds(statement: &Statement, report: &str, labeler: &Labeler) -> Option<bool> {
    rank::holds(statement, report, labeler)
}

/// Whether a film's value in the statement's column makes it: yes or no as 1 or 0. `None` for a statement about a report.
#[must_use]
pub fn holds_in_column(statement: &Statement, value: f64) -> Option<bool> {
    match statement {
        Statement::Flag { value: wanted, .. } => Some((value != 0.0) == *wanted),
        Statement::Above { limit, value: wanted, .. } => Some((value > *limit) == *wanted),
        _ => None,
    }
    .filter(|_| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(of: &[(bool, f32)]) -> Vec<Case> {
        of.iter().map(|&(holds, activation)| Case { holds, activation }).collect()
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // active = [1, 1, 0, 1, 0, 0], holds = [1, 1, 1, 0, 0, 0]: balanced_accuracy_score 2/3, precision 2/3, recall 2/3;
        // roc_auc_score(holds, [3, 2, 0, 1, 0, 0]) = 7/9 (ties of zeros half)
        let found =
            detection(&cases(&[(true, 3.0), (true, 2.0), (true, 0.0), (false, 1.0), (false, 0.0), (false, 0.0)]), 0.0)
                .expect("numbers");
        for share in [found.balanced_accuracy, found.precision, found.recall] {
            assert!((share.value.expect("films") - 2.0 / 3.0).abs() < 1e-12, "{found:?}");
        }
        assert!((found.auc.value.expect("both") - 7.0 / 9.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found.auc.n, found.precision.n), (6, 3));
    }

    #[test]
    fn one_sided_films_score_nothing() {
        let found = detection(&cases(&[(true, 1.0), (true, 2.0)]), 0.0).expect("numbers");
        assert_eq!((found.auc.value, found.balanced_accuracy.value, found.recall.value), (None, None, Some(1.0)));
        assert_eq!(detection(&[], 0.0).expect("numbers").precision, Share { value: None, n: 0 });
        assert!(detection(&cases(&[(true, f32::NAN)]), 0.0).is_err());
    }

    #[test]
    fn columns_are_tried_too() {
        let above = Statement::Above { column: "Age".into(), limit: 50.0, value: true };
        assert_eq!(holds_in_column(&above, 51.0), Some(true));
        assert_eq!(holds_in_column(&above, f64::NAN), None);
        assert_eq!(holds_in_column(&Statement::Flag { column: "AP".into(), value: false }, 0.0), Some(true));
        assert_eq!(holds_in_column(&Statement::Affirms("a".into()), 1.0), None);
    }
}
