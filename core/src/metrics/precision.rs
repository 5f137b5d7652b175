//! Average precision.

use super::same_length;
use crate::error::{Error, Result};

/// Average precision of `scores` against `truth` (scikit-learn's `average_precision_score`): the sum over distinct
/// thresholds, from the highest down, of precision times the gain in recall.
///
/// # Errors
/// When the lengths differ, nothing is true, or a score is not a number.
pub fn average_precision(scores: &[f32], truth: &[bool]) -> Result<f64> {
    same_length("truth", scores.len(), truth.len())?;
    if scores.iter().any(|score| score.is_nan()) {
        return Err(Error::Invalid("a score is not a number".into()));
    }
    let positives = truth.iter().filter(|&&t| t).count();
    if positives == 0 {
        return Err(Error::Invalid("average precision needs at least one positive".into()));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut found, mut counted, mut sum) = (0, 0.0, 0.0);
    for (rank, &index) in order.iter().enumerate() {
        found += usize::from(truth[index]);
        let is_last_of_its_score = order.get(rank + 1).is_none_or(|&next| scores[next] != scores[index]);
        if is_last_of_its_score {
            let recall = found as f64 / positives as f64;
            sum += found as f64 / (rank + 1) as f64 * (recall - counted);
            counted = recall;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_ranking_is_one_and_ties_count_together() {
        assert_eq!(average_precision(&[0.9, 0.8, 0.1], &[true, true, false]).expect("valid"), 1.0);
        // All alike: the precision of saying yes to everything.
        assert_eq!(average_precision(&[0.5; 4], &[true, false, false, false]).expect("valid"), 0.25);
        assert!(average_precision(&[0.5], &[false]).is_err());
    }
}
