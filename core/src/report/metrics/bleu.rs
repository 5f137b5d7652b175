//! BLEU-1 to BLEU-4 over a corpus (Papineni et al. 2002), as pycocoevalcap's `bleu_scorer.py` computes it.
//!
//! Enter words of references and candidates, leave four scores. Its choices: counts are summed over the corpus before
//! the division, the brevity penalty takes the closest reference length (of two equally close the shorter), 1e-15 and
//! 1e-9 keep the logarithm's arguments from zero.

use std::collections::HashMap;

use super::{check_length, numbered};
use crate::error::{Error, Result};

/// Longest n-gram.
pub const LONGEST: usize = 4;
const TINY: f64 = 1e-15;
const SMALL: f64 = 1e-9;

/// Sums over the candidates seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bleu {
    correct: [u64; LONGEST],
    guessed: [u64; LONGEST],
    candidate_words: u64,
    reference_words: u64,
}

impl Bleu {
    /// Nothing seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts of one candidate against its references. Add the returned value of each pair to sum up a corpus.
    ///
    /// # Errors
    /// When there is no reference, or a text is longer than [`super::MOST_WORDS`].
    pub fn of(references: &[&[String]], candidate: &[String]) -> Result<Self> {
        check_length("candidate", candidate.len())?;
        let mut known = HashMap::new();
        let guesses = counts(&numbered(candidate, &mut known));
        let mut most: HashMap<[u32; LONGEST], u64> = HashMap::new();
        let mut closest = None;
        for reference in references {
            check_length("reference", reference.len())?;
            for (gram, count) in counts(&numbered(reference, &mut known)) {
                let entry = most.entry(gram).or_default();
                *entry = count.max(*entry);
            }
            let distance = (reference.len().abs_diff(candidate.len()), reference.len());
            closest = Some(closest.map_or(distance, |best: (usize, usize)| best.min(distance)));
        }
        let Some((_, reference_words)) = closest else {
            return Err(Error::Invalid("BLEU needs at least one reference for each candidate".into()));
        };
        let mut sums = Self {
            candidate_words: candidate.len() as u64,
            reference_words: reference_words as u64,
            guessed: std::array::from_fn(|n| candidate.len().saturating_sub(n) as u64),
            correct: [0; LONGEST],
        };
        for (gram, count) in guesses {
            let length = gram.iter().filter(|&&word| word != u32::MAX).count();
            sums.correct[length - 1] += count.min(most.get(&gram).copied().unwrap_or(0));
        }
        Ok(sums)
    }

    /// Counts another candidate, or another corpus, as well.
    pub fn add(&mut self, other: &Self) {
        for n in 0..LONGEST {
            self.correct[n] += other.correct[n];
            self.guessed[n] += other.guessed[n];
        }
        self.candidate_words += other.candidate_words;
        self.reference_words += other.reference_words;
    }

    /// BLEU-1 to BLEU-4, each 0 to 1.
    #[must_use]
    pub fn scores(&self) -> [f64; LONGEST] {
        let ratio = (self.candidate_words as f64 + TINY) / (self.reference_words as f64 + SMALL);
        let brevity = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        let mut product = 1.0;
        std::array::from_fn(|n| {
            product *= (self.correct[n] as f64 + TINY) / (self.guessed[n] as f64 + SMALL);
            product.powf(1.0 / (n as f64 + 1.0)) * brevity
        })
    }
}

/// How often each n-gram of 1 to [`LONGEST`] words occurs; shorter ones are filled up with `u32::MAX`.
fn counts(words: &[u32]) -> HashMap<[u32; LONGEST], u64> {
    let mut counts = HashMap::with_capacity(words.len() * LONGEST);
    for start in 0..words.len() {
        let mut gram = [u32::MAX; LONGEST];
        for (n, &word) in words[start..].iter().take(LONGEST).enumerate() {
            gram[n] = word;
            *counts.entry(gram).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::words::plain;
    use super::*;

    fn bleu(reference: &str, candidate: &str) -> [f64; LONGEST] {
        Bleu::of(&[&plain(reference)], &plain(candidate)).expect("one reference").scores()
    }

    #[test]
    fn a_copy_scores_one_and_a_stranger_nothing() {
        let text = "there is no pleural effusion on the left";
        assert!(bleu(text, text).iter().all(|score| (score - 1.0).abs() < 1e-6));
        assert!(bleu(text, "spinal rods").iter().all(|&score| score < 1e-3));
    }

    #[test]
    fn words_count_no_more_often_than_the_reference_has_them() {
        // Papineni et al. 2002, example 2: modified unigram precision 2/7, no brevity penalty beyond 7 to 6.
        let scores = bleu("the cat is on the mat", "the the the the the the the");
        assert!((scores[0] - 2.0 / 7.0).abs() < 1e-6, "{scores:?}");
    }

    #[test]
    fn the_closest_reference_sets_the_length() {
        let (short, long, candidate) = (plain("a b"), plain("a b c d e f"), plain("a b c"));
        let sums = Bleu::of(&[&long, &short], &candidate).expect("two references");
        assert_eq!(sums.reference_words, 2);
        assert!(Bleu::of(&[], &candidate).is_err());
    }

    #[test]
    fn nothing_is_no_crash() {
        assert!(bleu("", "").iter().all(|score| score.is_finite()));
        let endless = vec!["a".to_owned(); super::super::MOST_WORDS + 1];
        assert!(Bleu::of(&[&endless], &endless).expect_err("too long").to_string().contains("words"));
    }
}
