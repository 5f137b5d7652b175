//! ROUGE-L: the longest common subsequence of words as an F score (Lin 2004).
//!
//! Enter words, leaves a score. Two packages weigh recall differently, so there are two functions: [`coco`] with beta 1.2
//! as in pycocoevalcap's `rouge.py`, and [`google`] with beta 1 as in `rouge-score` 0.1.2's `rougeL`.

use std::collections::HashMap;

use super::{check_length, numbered};
use crate::error::Result;

/// Weight of recall in [`coco`].
pub const COCO_BETA: f64 = 1.2;

/// ROUGE-L with beta 1.2. With several references the best precision and the best recall count, even of different ones.
/// 0 where a side has no word.
///
/// # Errors
/// When a text is longer than [`super::MOST_WORDS`].
pub fn coco(references: &[&[String]], candidate: &[String]) -> Result<f64> {
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in references {
        let [p, r] = shares(reference, candidate)?;
        precision = precision.max(p);
        recall = recall.max(r);
    }
    if precision <= 0.0 || recall <= 0.0 {
        return Ok(0.0);
    }
    let weight = COCO_BETA * COCO_BETA;
    Ok((1.0 + weight) * precision * recall / (recall + weight * precision))
}

/// ROUGE-L with beta 1, the harmonic mean of precision and recall. 0 where a side has no word.
///
/// # Errors
/// When a text is longer than [`super::MOST_WORDS`].
pub fn google(reference: &[String], candidate: &[String]) -> Result<f64> {
    let [precision, recall] = shares(reference, candidate)?;
    Ok(if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 })
}

/// Common subsequence as a share of the candidate and of the reference.
fn shares(reference: &[String], candidate: &[String]) -> Result<[f64; 2]> {
    check_length("reference", reference.len())?;
    check_length("candidate", candidate.len())?;
    if reference.is_empty() || candidate.is_empty() {
        return Ok([0.0; 2]);
    }
    let mut known = HashMap::new();
    let (a, b) = (numbered(reference, &mut known), numbered(candidate, &mut known));
    let common = longest_common(&a, &b) as f64;
    Ok([common / candidate.len() as f64, common / reference.len() as f64])
}

/// Length of the longest common subsequence, 64 words of `a` at a time (Hyyro 2004: V' = (V + (V and M)) or (V and not M),
/// zeros of V at the end).
fn longest_common(a: &[u32], b: &[u32]) -> usize {
    let blocks = a.len().div_ceil(64);
    let mut places: HashMap<u32, Vec<usize>> = HashMap::new();
    for (place, &word) in a.iter().enumerate() {
        places.entry(word).or_default().push(place);
    }
    let mut open = vec![u64::MAX; blocks];
    let mut matches = vec![0u64; blocks];
    for word in b {
        let Some(places) = places.get(word) else { continue };
        places.iter().for_each(|place| matches[place / 64] |= 1 << (place % 64));
        let mut carry = false;
        for (open, matches) in open.iter_mut().zip(&matches) {
            let (sum, over) = open.overflowing_add(*open & *matches);
            let (sum, over_too) = sum.overflowing_add(u64::from(carry));
            carry = over || over_too;
            *open = sum | (*open & !*matches);
        }
        places.iter().for_each(|place| matches[place / 64] = 0);
    }
    (0..a.len()).filter(|place| open[place / 64] >> (place % 64) & 1 == 0).count()
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    #[test]
    fn agrees_with_the_table_of_the_textbook() {
        // A fixed stream of small words, long enough to cross the 64-word blocks.
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 28
        };
        for length in [1, 63, 64, 65, 200] {
            let (a, b): (Vec<u32>, Vec<u32>) = (0..length).map(|_| (next(), next())).unzip();
            let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
            for i in 0..a.len() {
                for j in 0..b.len() {
                    table[i + 1][j + 1] =
                        if a[i] == b[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
                }
            }
            assert_eq!(longest_common(&a, &b), table[a.len()][b.len()], "{length}");
        }
    }

    #[test]
    fn the_two_betas_differ_when_precision_and_recall_do() {
        let (reference, candidate) = (plain("no pleural effusion is seen today"), plain("no effusion"));
        let (google, coco) = (google(&reference, &candidate), coco(&[&reference], &candidate));
        assert!((google.expect("short") - 0.5).abs() < 1e-12);
        let weight = 1.44;
        assert!((coco.expect("short") - (1.0 + weight) / 3.0 / (1.0 / 3.0 + weight)).abs() < 1e-12);
    }

    #[test]
    fn nothing_scores_nothing() {
        assert_eq!(google(&[], &plain("a")).expect("short"), 0.0);
        assert_eq!(coco(&[&[]], &[]).expect("short"), 0.0);
    }
}
