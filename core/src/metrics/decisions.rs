//! How good probabilities are as probabilities, and what comes of cutting them at an operating point.
//!
//! In: probabilities of the network, 0 to 1, and whether each film has the finding. Out: single numbers and counts.

use serde::{Deserialize, Serialize};

use super::same_length;
use crate::error::{Error, Result};

/// Mean squared distance between probability and truth (Brier 1950; scikit-learn's `brier_score_loss`), 0 to 1, 0 the best.
///
/// # Errors
/// When the lengths differ, there is nothing, or a probability does not lie in 0 to 1.
pub fn brier(probabilities: &[f32], truth: &[bool]) -> Result<f64> {
    check(probabilities, truth)?;
    let squares = probabilities.iter().zip(truth).map(|(&p, &t)| (f64::from(p) - f64::from(u8::from(t))).powi(2));
    Ok(squares.sum::<f64>() / truth.len() as f64)
}

/// Expected calibration error (Naeini et al. 2015; Guo et al. 2017): over `bins` bins of equal width, the distance between
/// mean probability and share of positives, weighted by the bin's films. A bin holds its lower edge; the last holds 1 too.
///
/// # Errors
/// As [`brier`]; also when there are no bins.
pub fn expected_calibration_error(probabilities: &[f32], truth: &[bool], bins: usize) -> Result<f64> {
    check(probabilities, truth)?;
    if bins == 0 {
        return Err(Error::Invalid("a calibration error needs at least one bin".into()));
    }
    let mut distance = vec![0.0_f64; bins];
    for (&p, &t) in probabilities.iter().zip(truth) {
        let bin = ((f64::from(p) * bins as f64) as usize).min(bins - 1);
        distance[bin] += f64::from(p) - f64::from(u8::from(t));
    }
    Ok(distance.iter().map(|sum| sum.abs()).sum::<f64>() / truth.len() as f64)
}

fn check(probabilities: &[f32], truth: &[bool]) -> Result<()> {
    same_length("truth", probabilities.len(), truth.len())?;
    if truth.is_empty() {
        return Err(Error::Invalid("calibration needs at least one film".into()));
    }
    match probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        Some(p) => Err(Error::Invalid(format!("{p} is not a probability, which lies between 0 and 1"))),
        None => Ok(()),
    }
}

/// Films by what is so and what is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// With the finding, at or above the operating point.
    pub true_positives: usize,
    /// Without it, at or above.
    pub false_positives: usize,
    /// Without it, below.
    pub true_negatives: usize,
    /// With it, below.
    pub false_negatives: usize,
}

impl Confusion {
    /// Counts films at an operating point, which itself counts as said.
    pub fn at(point: f32, films: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut counts = Self::default();
        for (probability, is_so) in films {
            let place = match (is_so, probability >= point) {
                (true, true) => &mut counts.true_positives,
                (false, true) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (true, false) => &mut counts.false_negatives,
            };
            *place += 1;
        }
        counts
    }

    /// Films with the finding.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.true_positives + self.false_negatives
    }

    /// Films without it.
    #[must_use]
    pub fn negatives(&self) -> usize {
        self.true_negatives + self.false_positives
    }

    /// Share of the films with the finding that are said to have it; none without such films.
    #[must_use]
    pub fn true_positive_rate(&self) -> Option<f64> {
        share(self.true_positives, self.positives())
    }

    /// Share of the films without the finding that are said to have it; none without such films.
    #[must_use]
    pub fn false_positive_rate(&self) -> Option<f64> {
        share(self.false_positives, self.negatives())
    }

    /// Share of films of which the right thing is said; none of no films.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        share(self.true_positives + self.true_negatives, self.positives() + self.negatives())
    }
}

fn share(part: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// Films whose probability crosses an operating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flips {
    /// From below to at or above.
    pub up: usize,
    /// From at or above to below.
    pub down: usize,
}

impl Flips {
    /// Both.
    #[must_use]
    pub fn all(&self) -> usize {
        self.up + self.down
    }
}

/// Counts films whose probability crosses `point` from before to after.
pub fn flips(point: f32, films: impl IntoIterator<Item = (f32, f32)>) -> Flips {
    films.into_iter().fold(Flips::default(), |mut flips, (before, after)| {
        flips.up += usize::from(before < point && after >= point);
        flips.down += usize::from(before >= point && after < point);
        flips
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        before: Vec<f32>,
        after: Vec<f32>,
        truth: Vec<bool>,
        group: Vec<usize>,
        point: f32,
        brier: f64,
        ece15: f64,
        ece1: f64,
        confusion: Confusion,
        tpr_gap: f64,
        fpr_gap: f64,
        flips: Flips,
    }

    #[test]
    fn numbers_are_those_of_scikit_learn_and_numpy() {
        let text = include_str!("../../../tests/parity/usage_reference.json");
        let Reference { cases } = serde_json::from_str(text).expect("the reference is JSON");
        assert!(cases.len() >= 4);
        for case in cases {
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
            close(brier(&case.before, &case.truth).expect("valid"), case.brier);
            close(expected_calibration_error(&case.before, &case.truth, 15).expect("valid"), case.ece15);
            close(expected_calibration_error(&case.before, &case.truth, 1).expect("valid"), case.ece1);
            let films = || case.before.iter().copied().zip(case.truth.iter().copied());
            assert_eq!(Confusion::at(case.point, films()), case.confusion);
            let of = |group: usize| {
                Confusion::at(case.point, films().zip(&case.group).filter(|(_, g)| **g == group).map(|(film, _)| film))
            };
            let [a, b] = [of(0), of(1)];
            let gap = |rate: fn(&Confusion) -> Option<f64>| (rate(&a).expect("films") - rate(&b).expect("films")).abs();
            close(gap(Confusion::true_positive_rate), case.tpr_gap);
            close(gap(Confusion::false_positive_rate), case.fpr_gap);
            assert_eq!(flips(case.point, case.before.into_iter().zip(case.after)), case.flips);
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        assert!(brier(&[1.5], &[true]).is_err() && brier(&[], &[]).is_err() && brier(&[0.5], &[]).is_err());
        assert!(expected_calibration_error(&[f32::NAN], &[true], 15).is_err());
        assert!(expected_calibration_error(&[0.5], &[true], 0).is_err());
        assert_eq!(Confusion::default().accuracy(), None);
        // The last bin holds 1.
        assert_eq!(expected_calibration_error(&[1.0, 0.0], &[true, false], 15).expect("valid"), 0.0);
    }
}
