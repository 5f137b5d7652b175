//! F1 of labels: how well the findings of a candidate agree with those of its reference.
//!
//! Enter for each report whether each class is there on both sides, leave counts and F1 per class, their mean (macro) and
//! the F1 of the summed counts (micro). As scikit-learn with `zero_division=0`: a class that neither side names has F1 0
//! and still counts in the macro mean.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The five classes of the "F1-5" that papers report: those of the CheXpert competition.
pub const FIVE: [&str; 5] = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"];

/// How often a class was named by both sides, by the candidate only, by the reference only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Named by both.
    pub both: u64,
    /// Named by the candidate only.
    pub candidate_only: u64,
    /// Named by the reference only.
    pub reference_only: u64,
}

impl Agreement {
    /// Counts one report.
    pub fn count(&mut self, reference: bool, candidate: bool) {
        match (reference, candidate) {
            (true, true) => self.both += 1,
            (false, true) => self.candidate_only += 1,
            (true, false) => self.reference_only += 1,
            (false, false) => {}
        }
    }

    /// Adds the counts of another class or another set.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            both: self.both + other.both,
            candidate_only: self.candidate_only + other.candidate_only,
            reference_only: self.reference_only + other.reference_only,
        }
    }

    /// Share of the candidate's that the reference has too; 0 of none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.both, self.both + self.candidate_only)
    }

    /// Share of the reference's that the candidate has too; 0 of none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.both, self.both + self.reference_only)
    }

    /// Harmonic mean of both; 0 when nothing was named.
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.both, 2 * self.both + self.candidate_only + self.reference_only)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Counts of every class over all reports: `reference[i][c]` and `candidate[i][c]` say whether report i has class c.
///
/// # Errors
/// When the two sides have different numbers of reports or of classes.
pub fn agreement(reference: &[Vec<bool>], candidate: &[Vec<bool>]) -> Result<Vec<Agreement>> {
    let shape = |rows: usize, columns: usize| format!("{rows} reports of {columns} classes");
    let classes = reference.first().map_or(0, Vec::len);
    let mut counts = vec![Agreement::default(); classes];
    let odd = reference.iter().chain(candidate).find(|row| row.len() != classes);
    if odd.is_some() || reference.len() != candidate.len() {
        return Err(Error::Shape {
            what: "the candidates' labels".into(),
            expected: shape(reference.len(), classes),
            found: shape(candidate.len(), odd.map_or(classes, Vec::len)),
        });
    }
    for (reference, candidate) in reference.iter().zip(candidate) {
        for (count, (&r, &c)) in counts.iter_mut().zip(reference.iter().zip(candidate)) {
            count.count(r, c);
        }
    }
    Ok(counts)
}

/// Mean of the classes' F1; 0 of no class.
#[must_use]
pub fn macro_f1(classes: &[Agreement]) -> f64 {
    if classes.is_empty() { 0.0 } else { classes.iter().map(Agreement::f1).sum::<f64>() / classes.len() as f64 }
}

/// F1 of the summed counts; 0 of no class.
#[must_use]
pub fn micro_f1(classes: &[Agreement]) -> f64 {
    classes.iter().fold(Agreement::default(), |sum, &class| sum.plus(class)).f1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scikit_learn() {
        // sklearn.metrics.f1_score([[1,0,1],[1,1,0],[0,0,0],[1,0,0]], [[1,0,0],[0,1,1],[0,0,0],[1,1,0]], zero_division=0)
        // average="macro": 0.488889 (0.8, 0.666667, 0), average="micro": 0.6
        let reference =
            vec![vec![true, false, true], vec![true, true, false], vec![false; 3], vec![true, false, false]];
        let candidate =
            vec![vec![true, false, false], vec![false, true, true], vec![false; 3], vec![true, true, false]];
        let classes = agreement(&reference, &candidate).expect("same size");
        assert!((macro_f1(&classes) - (0.8 + 2.0 / 3.0) / 3.0).abs() < 1e-12, "{classes:?}");
        assert!((micro_f1(&classes) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn sizes_must_agree() {
        assert!(agreement(&[vec![true]], &[]).is_err());
        assert!(agreement(&[vec![true]], &[vec![true, false]]).is_err());
        assert_eq!(micro_f1(&agreement(&[], &[]).expect("nothing")), 0.0);
    }
}
