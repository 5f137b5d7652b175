//! What a group does to a classifier's predictions.
//!
//! In: one prediction a film, the truth where it is known, and a column of groups. Out: how far the prediction leans on a
//! group ([`Lean`]), how it does in each ([`GroupPerformance`]), and how much better in one than in another ([`Gap`]). After
//! Zech et al., PLoS Medicine 2018: a model can rank a disease by where it is common, and fails where that does not hold.

use serde::Serialize;

use super::column::{Column, Values};
use super::ranking::{Contrast, Counts, Scratch, auc_by_patient, ranked};
use super::special::normal_two_sided;
use crate::error::{Error, Result};
use crate::metrics::{Estimate, normal_quantile};
use crate::store::Share;

/// A difference of AUCs beyond this is taken as clinically significant (Seah et al., Lancet Digital Health 2021).
pub const LARGE_GAP: f64 = 0.05;
const LEVEL: f64 = 0.95;

/// How a prediction differs between two groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lean {
    /// The predicted label.
    pub label: String,
    /// The group.
    pub group: String,
    /// The group it is held against.
    pub against: String,
    /// Chance that a film of `group` has the higher prediction, over all films.
    pub all: Option<Ranked>,
    /// The same among films with the label.
    pub with: Option<Ranked>,
    /// The same among films without: beyond 1/2 the prediction follows the group where there is nothing to predict.
    pub without: Option<Ranked>,
}

/// An AUC and its counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// The AUC with its interval over patients.
    pub auc: Estimate,
    /// Films and patients.
    pub counts: Counts,
}

/// A prediction inside and outside.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// The label.
    pub label: String,
    /// Group that counts as internal.
    pub internal: String,
    /// Group that counts as external.
    pub external: String,
    /// How well the prediction ranks the label inside; counts are films with the label and without.
    pub inside: Ranked,
    /// Outside.
    pub outside: Ranked,
    /// Inside less outside.
    pub difference: Estimate,
    /// Two-sided p of the difference.
    pub p: f64,
    /// Patients with films on both sides, whose films count together.
    pub shared_patients: usize,
    /// Whether the difference is larger than [`LARGE_GAP`] either way.
    pub is_large: bool,
    /// Whether its interval excludes 0.
    pub excludes_zero: bool,
}

impl Gap {
    /// Whether the difference is both large and sure.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.is_large && self.excludes_zero
    }
}

/// A prediction in each group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupPerformance {
    /// The label.
    pub label: String,
    /// The column.
    pub column: String,
    /// Operating point of the rates.
    pub threshold: Option<f32>,
    /// By group.
    pub groups: Vec<GroupAuc>,
    /// Group of the lowest AUC.
    pub worst: Option<String>,
}

/// A prediction in one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupAuc {
    /// The group.
    pub name: String,
    /// How well the prediction ranks the label; none with fewer than two patients on a side.
    pub ranked: Option<Ranked>,
    /// Films with the label at or above the threshold: sensitivity.
    pub true_positives: Option<Share>,
    /// Films without the label at or above it: 1 - specificity.
    pub false_positives: Option<Share>,
}

/// How a prediction differs between the two groups of a column, over all films and, where `truth` is known, with and without
/// the label. A side with fewer than two patients gives none.
///
/// # Errors
/// When the column has not two groups, sizes differ, or a score is not a number.
pub fn lean(label: &str, scores: &[f32], truth: &[Option<bool>], column: &Column, patients: &[u32]) -> Result<Lean> {
    let flags = column.flags().map_err(Error::Invalid)?;
    same_films(&[scores.len(), truth.len(), flags.len(), patients.len()])?;
    let [group, against] = two(column)?;
    let ranked = |keep: &dyn Fn(usize) -> bool| auc_where(scores, &|film| flags[film].filter(|_| keep(film)), patients);
    Ok(Lean {
        label: label.to_owned(),
        group,
        against,
        all: ranked(&|_| true)?,
        with: ranked(&|film| truth[film] == Some(true))?,
        without: ranked(&|film| truth[film] == Some(false))?,
    })
}

/// How much better a prediction ranks its label in the first group of a column of two than in the second. The difference is
/// DeLong's for independent samples; patients with films on both sides enter with their covariance.
///
/// # Errors
/// When the column has not two groups, sizes differ, a score is not a number, or a side has fewer than two patients with the
/// label or without.
pub fn gap(label: &str, scores: &[f32], truth: &[Option<bool>], column: &Column, patients: &[u32]) -> Result<Gap> {
    let flags = column.flags().map_err(Error::Invalid)?;
    same_films(&[scores.len(), truth.len(), flags.len(), patients.len()])?;
    let [internal, external] = two(column)?;
    let order = ranked(&scores.iter().map(|&score| f64::from(score)).collect::<Vec<_>>())?;
    let side = |is_internal: bool, name: &str| {
        let sides = (0..scores.len()).map(|film| truth[film].filter(|_| flags[film] == Some(is_internal))).collect();
        let contrast = Contrast::new(sides, patients)?;
        let found = contrast.rank(&order, &mut Scratch::default()).ok_or_else(|| {
            Error::Invalid(format!("\"{name}\" needs films of two patients with {label} and of two without it"))
        })?;
        Ok::<_, Error>((contrast, found))
    };
    let ((inside, a), (outside, b)) = (side(true, &internal)?, side(false, &external)?);
    let shifts = [inside.influence(&order, &a), outside.influence(&order, &b)];
    let shared = |patient: &usize| inside.has(*patient) && outside.has(*patient);
    let shared: Vec<usize> = (0..shifts[0].len()).filter(shared).collect();
    let covariance: f64 = shared.iter().map(|&patient| shifts[0][patient] * shifts[1][patient]).sum();
    let spread = (a.variance + b.variance - 2.0 * covariance).max(0.0).sqrt();
    let value = a.auc - b.auc;
    let reach = normal_quantile(0.5 + LEVEL / 2.0) * spread;
    let difference = Estimate { value, low: value - reach, high: value + reach };
    Ok(Gap {
        label: label.to_owned(),
        internal,
        external,
        inside: Ranked { auc: inside.interval(&a, LEVEL), counts: inside.counts() },
        outside: Ranked { auc: outside.interval(&b, LEVEL), counts: outside.counts() },
        difference,
        p: if spread > 0.0 { normal_two_sided(value / spread) } else { 1.0 },
        shared_patients: shared.len(),
        is_large: value.abs() > LARGE_GAP,
        excludes_zero: spread > 0.0 && (difference.low > 0.0 || difference.high < 0.0),
    })
}

/// How a prediction does in every group of a column; with a threshold, its rates there too.
///
/// # Errors
/// When the column holds numbers, sizes differ, or a score is not a number.
pub fn by_group(
    label: &str,
    scores: &[f32],
    truth: &[Option<bool>],
    column: &Column,
    patients: &[u32],
    threshold: Option<f32>,
) -> Result<GroupPerformance> {
    let Values::Groups { names, of } = &column.values else {
        return Err(Error::Invalid(format!("column \"{}\" holds numbers; groups are needed here", column.name)));
    };
    same_films(&[scores.len(), truth.len(), of.len(), patients.len()])?;
    let mut groups = Vec::with_capacity(names.len());
    for (group, name) in names.iter().enumerate() {
        let rate = |wanted: bool| {
            let here = |&film: &usize| of[film] == Some(group) && truth[film] == Some(wanted);
            let films: Vec<usize> = (0..scores.len()).filter(here).collect();
            let high = |threshold: f32| films.iter().filter(|&&film| scores[film] >= threshold).count() as u64;
            threshold.map(|threshold| Share::new(high(threshold), films.len() as u64))
        };
        groups.push(GroupAuc {
            name: name.clone(),
            ranked: auc_where(scores, &|film| truth[film].filter(|_| of[film] == Some(group)), patients)?,
            true_positives: rate(true),
            false_positives: rate(false),
        });
    }
    let lowest = |a: &(&str, f64), b: &(&str, f64)| a.1.total_cmp(&b.1);
    let known = groups.iter().filter_map(|group| Some((group.name.as_str(), group.ranked?.auc.value)));
    let worst = known.min_by(lowest).map(|(name, _)| name.to_owned());
    Ok(GroupPerformance { label: label.to_owned(), column: column.name.clone(), threshold, groups, worst })
}

/// AUC of the films that `of` puts on a side; none where a side has fewer than two patients.
fn auc_where(scores: &[f32], of: &dyn Fn(usize) -> Option<bool>, patients: &[u32]) -> Result<Option<Ranked>> {
    let films: Vec<usize> = (0..scores.len()).filter(|&film| of(film).is_some()).collect();
    let sides: Vec<bool> = films.iter().map(|&film| of(film).unwrap_or_default()).collect();
    let own: Vec<u32> = films.iter().map(|&film| patients[film]).collect();
    if !Contrast::new(sides.iter().map(|&side| Some(side)).collect(), &own)?.is_enough() {
        return Ok(None);
    }
    let scores: Vec<f64> = films.iter().map(|&film| f64::from(scores[film])).collect();
    let (auc, counts) = auc_by_patient(&scores, &sides, &own, LEVEL)?;
    Ok(Some(Ranked { auc, counts }))
}

pub(super) fn two(column: &Column) -> Result<[String; 2]> {
    match &column.values {
        Values::Groups { names, .. } => match &names[..] {
            [first, second] => Ok([first.clone(), second.clone()]),
            _ => Err(Error::Invalid(format!("column \"{}\" has {} groups, not two", column.name, names.len()))),
        },
        Values::Numbers(_) => Err(Error::Invalid(format!("column \"{}\" holds numbers", column.name))),
    }
}

fn same_films(lengths: &[usize; 4]) -> Result<()> {
    if lengths.iter().all(|length| *length == lengths[0]) {
        return Ok(());
    }
    let [scores, truth, groups, patients] = lengths;
    Err(Error::Invalid(format!(
        "scores ({scores}), labels ({truth}), groups ({groups}) and patients ({patients}) are not of the same films"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 120 films of 60 patients: inside the score follows the label, outside less; the second half is outside.
    fn films() -> (Vec<f32>, Vec<Option<bool>>, Column, Vec<u32>) {
        let noise = |film: usize| (film * 7919 % 127) as f32 / 127.0;
        let truth: Vec<bool> = (0..120).map(|film| film % 3 == 0).collect();
        let weight = |film: usize| if film < 60 { 1.0 } else { 0.1 };
        let scores = (0..120).map(|film| noise(film) + if truth[film] { weight(film) } else { 0.0 }).collect();
        let sites: Vec<Option<&str>> = (0..120).map(|film| Some(if film < 60 { "in" } else { "out" })).collect();
        let column = Column::read("Site", &sites).unwrap();
        (scores, truth.into_iter().map(Some).collect(), column, (0..120).map(|film| film / 2).collect())
    }

    #[test]
    fn a_gap_is_found_and_shared_patients_count_together() {
        let (scores, truth, column, patients) = films();
        let found = gap("Edema", &scores, &truth, &column, &patients).unwrap();
        assert!(found.is_flagged() && found.difference.value > 0.2 && found.p < 1e-3, "{found:?}");
        assert_eq!((found.shared_patients, found.internal.as_str(), found.inside.counts.films), (0, "in", 20));
        let rows = by_group("Edema", &scores, &truth, &column, &patients, Some(1.0)).unwrap();
        assert_eq!(rows.worst.as_deref(), Some("out"));
        assert_eq!(rows.groups[0].ranked, Some(found.inside));
        assert_eq!(rows.groups[1].true_positives.map(|share| share.known), Some(20));
        // Copies of the same films outside: no difference, and the interval knows it.
        let twice = |values: &[f32]| values[..60].repeat(2);
        let copies: Vec<u32> = (0..120).map(|film| film % 60 / 2).collect();
        let found = gap("Edema", &twice(&scores), &truth, &column, &copies).unwrap();
        assert_eq!((found.shared_patients, found.difference.value), (30, 0.0));
        assert!(!found.is_large && !found.excludes_zero && found.difference.high < 0.05, "{found:?}");
    }

    #[test]
    fn influences_sum_to_nothing_and_their_squares_to_the_variance() {
        let (scores, truth, _, _) = films();
        let order = ranked(&scores.iter().map(|&score| f64::from(score)).collect::<Vec<_>>()).unwrap();
        let contrast = Contrast::new(truth, &(0..120).collect::<Vec<_>>()).unwrap();
        for order in [&order[..], &order[..30]] {
            let found = contrast.rank(order, &mut Scratch::default()).unwrap();
            let shifts = contrast.influence(order, &found);
            let variance: f64 = shifts.iter().map(|shift| shift * shift).sum();
            assert!(shifts.iter().sum::<f64>().abs() < 1e-12);
            assert!((variance / found.variance - 1.0).abs() < 0.03, "{variance} {found:?}");
        }
    }

    #[test]
    fn a_prediction_leans_on_a_group() {
        let (_, truth, column, patients) = films();
        let scores: Vec<f32> = (0..120).map(|film| if film < 60 { 1.0 } else { (film % 2) as f32 }).collect();
        let found = lean("Edema", &scores, &truth, &column, &patients).unwrap();
        assert_eq!(found.all.map(|all| all.auc.value), Some(0.75));
        assert_eq!(found.without.map(|ranked| ranked.counts.films), Some(40));
        let none = lean("Edema", &scores, &[None; 120], &column, &patients).unwrap();
        assert!(none.with.is_none() && none.without.is_none() && none.all.is_some());
    }

    #[test]
    fn what_cannot_be_tested() {
        let (scores, truth, column, patients) = films();
        assert!(gap("E", &scores[1..], &truth, &column, &patients).is_err());
        let error = gap("E", &scores, &[Some(true); 120], &column, &patients).expect_err("no film without").to_string();
        assert!(error.contains("\"in\" needs films of two patients with E"), "{error}");
        let ages: Vec<String> = (0..120).map(|age| age.to_string()).collect();
        let ages = Column::read("Age", &ages.iter().map(|age| Some(age.as_str())).collect::<Vec<_>>()).unwrap();
        assert!(gap("E", &scores, &truth, &ages, &patients).is_err());
        assert!(by_group("E", &scores, &truth, &ages, &patients, None).is_err());
    }
}
