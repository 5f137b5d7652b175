//! Labels from the columns of a table: which values the top films have more often than random ones.
//!
//! Enter a column's values, leave a candidate or none. A column of numbers is cut at the median of the random films.

use super::odds::z_score;
use super::{CandidateKind, Evidence, LabelCandidate, Limits, Statement};

/// The values of a column for some films; `None` where the table is silent.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Yes or no.
    Flags(Vec<Option<bool>>),
    /// Numbers; those that are not finite count as silent.
    Numbers(Vec<Option<f64>>),
}

/// The label that a column gives, where one side of it stands out among the top films. A column whose two sets are not of
/// one kind gives none.
#[must_use]
pub fn candidate(column: &str, top: &Values, random: &Values, limits: &Limits) -> Option<LabelCandidate> {
    let (top, random, limit) = match (top, random) {
        (Values::Flags(top), Values::Flags(random)) => (top.clone(), random.clone(), None),
        (Values::Numbers(top), Values::Numbers(random)) => {
            let limit = median(random)?;
            let above = |values: &[Option<f64>]| values.iter().map(|v| finite(*v).map(|v| v > limit)).collect();
            (above(top), above(random), Some(limit))
        }
        _ => return None,
    };
    let best = [true, false].into_iter().map(|value| of_value(column, &top, &random, limit, value));
    let best = best.max_by(|a, b| a.weight.total_cmp(&b.weight))?;
    let share = best.evidence.top as f64 / best.evidence.top_all.max(1) as f64;
    let is_shown = best.weight >= limits.weight && best.evidence.top >= limits.fewest && share >= limits.share;
    is_shown.then_some(best)
}

fn of_value(
    column: &str,
    top: &[Option<bool>],
    random: &[Option<bool>],
    limit: Option<f64>,
    value: bool,
) -> LabelCandidate {
    let count = |values: &[Option<bool>]| values.iter().filter(|v| **v == Some(value)).count();
    let all = |values: &[Option<bool>]| values.iter().flatten().count();
    let evidence = Evidence { top: count(top), top_all: all(top), random: count(random), random_all: all(random) };
    let name = column.to_owned();
    let (text, statement) = match limit {
        Some(limit) => {
            let word = if value { "above" } else { "at most" };
            (format!("{column} {word} {limit}"), Statement::Above { column: name, limit, value })
        }
        None => {
            let text = if value { name.clone() } else { format!("no {column}") };
            (text, Statement::Flag { column: name, value })
        }
    };
    LabelCandidate { text, kind: CandidateKind::Column, weight: z_score(&evidence), evidence, statement }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// The lower median, which is one of the values, so that it is short when they are.
fn median(values: &[Option<f64>]) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter_map(finite).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_that_stands_out_is_named() {
        let flags =
            |yes: usize, no: usize| Values::Flags([vec![Some(true); yes], vec![Some(false); no], vec![None]].concat());
        let found =
            candidate("PORTABLE marker", &flags(15, 1), &flags(20, 80), &Limits::default()).expect("stands out");
        assert_eq!((found.text.as_str(), found.evidence.top, found.evidence.random_all), ("PORTABLE marker", 15, 100));
        let found = candidate("Female", &flags(0, 16), &flags(50, 50), &Limits::default()).expect("stands out");
        assert_eq!(found.text, "no Female");
        assert!(candidate("Site", &flags(8, 8), &flags(50, 50), &Limits::default()).is_none());
    }

    #[test]
    fn numbers_are_cut_at_the_random_median() {
        let random = Values::Numbers((0..100).map(|i| Some(f64::from(i))).collect());
        let top =
            Values::Numbers(vec![Some(80.0), Some(90.0), Some(70.0), Some(f64::NAN), None, Some(99.0), Some(66.0)]);
        let found = candidate("Patient Age", &top, &random, &Limits::default()).expect("stands out");
        assert_eq!((found.text.as_str(), found.evidence.top_all), ("Patient Age above 49", 5));
        assert!(candidate("Patient Age", &top, &Values::Numbers(Vec::new()), &Limits::default()).is_none());
        assert!(candidate("Patient Age", &top, &Values::Flags(vec![Some(true)]), &Limits::default()).is_none());
    }
}
