//! "METEOR (exact, stem)": METEOR (Lavie and Agarwal 2007) without synonyms.
//!
//! Enter words, leaves a score. It is nltk's `meteor_score` (alpha 0.9, beta 3, gamma 0.5) with a WordNet that knows
//! nothing, and must never be printed as plain METEOR. As in nltk, words are aligned from the last to the first, each with
//! the last free equal word; the paper's search for the alignment with the fewest chunks is not in nltk and not here.

use std::collections::HashMap;

use super::check_length;
use super::porter::stem;
use crate::error::Result;

/// The name under which the score is shown.
pub const NAME: &str = "METEOR (exact, stem)";
const ALPHA: f64 = 0.9;
const BETA: i32 = 3;
const GAMMA: f64 = 0.5;

/// Score of `candidate` against `reference`, 0 to 1; 0 without a common word.
///
/// # Errors
/// When a text is longer than [`super::MOST_WORDS`].
pub fn meteor(reference: &[String], candidate: &[String]) -> Result<f64> {
    check_length("reference", reference.len())?;
    check_length("candidate", candidate.len())?;
    let lower = |words: &[String]| words.iter().map(|word| word.to_lowercase()).enumerate().collect::<Vec<_>>();
    let mut pairs = Vec::new();
    let (candidates, references) = align(lower(candidate), lower(reference), &mut pairs);
    let stems = |words: Vec<(usize, String)>| words.into_iter().map(|(at, word)| (at, stem(&word))).collect::<Vec<_>>();
    align(stems(candidates), stems(references), &mut pairs);
    if pairs.is_empty() {
        return Ok(0.0);
    }
    pairs.sort_unstable();
    let breaks = pairs.windows(2).filter(|pair| pair[1].0 != pair[0].0 + 1 || pair[1].1 != pair[0].1 + 1).count();
    let matched = pairs.len() as f64;
    let (precision, recall) = (matched / candidate.len() as f64, matched / reference.len() as f64);
    let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
    let fragmentation = (breaks + 1) as f64 / matched;
    Ok((1.0 - GAMMA * fragmentation.powi(BETA)) * mean)
}

type Numbered = Vec<(usize, String)>;

/// Pairs equal words, last with last, and returns what is left of both sides.
fn align(candidate: Numbered, reference: Numbered, pairs: &mut Vec<(usize, usize)>) -> (Numbered, Numbered) {
    let mut free: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, (_, word)) in reference.iter().enumerate() {
        free.entry(word).or_default().push(index);
    }
    let mut taken = vec![false; reference.len()];
    let mut left = Vec::new();
    for (at, word) in candidate.iter().rev() {
        match free.get_mut(word.as_str()).and_then(Vec::pop) {
            Some(index) => {
                taken[index] = true;
                pairs.push((*at, reference[index].0));
            }
            None => left.push((*at, word.clone())),
        }
    }
    left.reverse();
    let rest = reference.iter().zip(taken).filter(|(_, taken)| !taken).map(|(word, _)| word.clone()).collect();
    (left, rest)
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    #[test]
    fn agrees_with_the_examples_of_nltk() {
        // nltk/translate/meteor_score.py, whose example has no synonym to offer beyond what the stems find.
        let candidate =
            plain("It is a guide to action which ensures that the military always obeys the commands of the party");
        let reference =
            plain("It is a guide to action that ensures that the military will forever heed Party commands");
        assert!((meteor(&reference, &candidate).expect("short") - 0.6944).abs() < 5e-5);
        assert_eq!(meteor(&plain("this is a cat"), &plain("non matching hypothesis")).expect("short"), 0.0);
    }

    #[test]
    fn a_stem_counts_and_order_matters() {
        let score = |a: &str, b: &str| meteor(&plain(a), &plain(b)).expect("short");
        assert!(score("pleural effusions", "pleural effusion") > 0.9);
        assert!(
            score("left pleural effusion", "left pleural effusion")
                > score("left pleural effusion", "effusion left pleural")
        );
        assert_eq!(score("", ""), 0.0);
    }
}
