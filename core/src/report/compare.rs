//! Whether one system's reports are better than another's, or only luckier.
//!
//! Enter the reports of two systems on the same films, leaves for each measure the difference and its p-value by paired
//! approximate randomisation (Noreen 1989; Riezler and Maxwell 2005), as RadEval's `compare_systems` does: the two systems'
//! reports of a film are exchanged at random, many times.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::evaluate::{Options, PairScores, counts, score_pairs, total_bleu};
use super::labeler::{Labeler, Vocabulary};
use super::metrics::labels::{macro_f1, micro_f1};
use crate::error::{Error, Result};

/// Most exchanges that may be asked for.
pub const MOST_TRIALS: usize = 1_000_000;
/// The measures that are compared.
pub const MEASURES: [&str; 6] =
    ["BLEU-4", "ROUGE-L (beta 1.2)", "ROUGE-L (beta 1)", "METEOR (exact, stem)", "macro F1", "micro F1"];

/// One measure of two systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its name.
    pub measure: String,
    /// Score of the first system.
    pub first: f64,
    /// Score of the second system.
    pub second: f64,
    /// Second less first.
    pub difference: f64,
    /// Share of exchanges whose difference is at least as large, (r + 1) / (trials + 1); two-sided.
    pub p: f64,
}

/// Compares two systems: `reports[i]` is the reference and both candidates of film i.
///
/// # Errors
/// When there is no film, `trials` is 0 or above [`MOST_TRIALS`], or a text cannot be scored.
pub fn compare<S: AsRef<str> + Sync>(
    reports: &[[S; 3]],
    vocabulary: &Vocabulary,
    trials: usize,
    options: &Options,
) -> Result<Vec<Comparison>> {
    if !(1..=MOST_TRIALS).contains(&trials) {
        return Err(Error::Invalid(format!("{trials} trials: choose 1 to {MOST_TRIALS}, 10000 are usual")));
    }
    let labeler = Labeler::new(vocabulary.clone())?;
    let pairs = |side: usize| reports.iter().map(|r| (r[0].as_ref(), r[side].as_ref())).collect::<Vec<_>>();
    let (first, second) = (score_pairs(&pairs(1), &labeler, options)?, score_pairs(&pairs(2), &labeler, options)?);
    let of = |scores: &[PairScores]| measures(&scores.iter().collect::<Vec<_>>());
    let (of_first, of_second) = (of(&first), of(&second));
    // Every trial has a stream of its own, so that the answer does not hang on the number of threads.
    let at_least = (0..trials)
        .into_par_iter()
        .map(|trial| {
            let mut random = ChaCha8Rng::seed_from_u64(options.seed);
            random.set_stream(trial as u64 + 1);
            let (mut a, mut b) = (Vec::with_capacity(first.len()), Vec::with_capacity(first.len()));
            for (x, y) in first.iter().zip(&second) {
                let (x, y) = if random.random_bool(0.5) { (y, x) } else { (x, y) };
                a.push(x);
                b.push(y);
            }
            let (a, b) = (measures(&a), measures(&b));
            // Sums in another order differ in their last digits.
            std::array::from_fn(|m| u64::from((b[m] - a[m]).abs() >= (of_second[m] - of_first[m]).abs() - 1e-12))
        })
        .reduce(|| [0; MEASURES.len()], |a: [u64; 6], b| std::array::from_fn(|m| a[m] + b[m]));
    Ok((0..MEASURES.len())
        .map(|m| Comparison {
            measure: MEASURES[m].to_owned(),
            first: of_first[m],
            second: of_second[m],
            difference: of_second[m] - of_first[m],
            p: (at_least[m] + 1) as f64 / (trials + 1) as f64,
        })
        .collect())
}

fn measures(scores: &[&PairScores]) -> [f64; MEASURES.len()] {
    let mean = |of: fn(&PairScores) -> f64| scores.iter().map(|pair| of(pair)).sum::<f64>() / scores.len() as f64;
    let counts = counts(scores.iter().copied());
    [
        total_bleu(scores.iter().copied()).scores()[3],
        mean(|pair| pair.rouge_l_coco),
        mean(|pair| pair.rouge_l_google),
        mean(|pair| pair.meteor),
        macro_f1(&counts),
        micro_f1(&counts),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::labeler::chexpert;
    use super::*;

    const REFERENCE: &str = "Small left pleural effusion. No pneumothorax.";
    const GOOD: &str = "There is a small left pleural effusion without pneumothorax.";
    const BAD: &str = "The spine is straight. Cardiomegaly.";

    #[test]
    fn a_real_difference_is_seen_and_none_is_not() {
        let better: Vec<[&str; 3]> = (0..20).map(|_| [REFERENCE, BAD, GOOD]).collect();
        let found = compare(&better, &chexpert(), 200, &Options::default()).expect("compared");
        let micro = found.last().expect("micro F1");
        assert!(micro.difference > 0.9 && micro.p < 0.01, "{micro:?}");
        let alike: Vec<[&str; 3]> =
            (0..20).map(|i| if i % 2 == 0 { [REFERENCE, BAD, GOOD] } else { [REFERENCE, GOOD, BAD] }).collect();
        let found = compare(&alike, &chexpert(), 200, &Options::default()).expect("compared");
        assert!(found.iter().all(|comparison| comparison.p > 0.5), "{found:?}");
    }

    #[test]
    fn odd_requests_are_refused() {
        assert!(compare(&[[REFERENCE; 3]], &chexpert(), 0, &Options::default()).is_err());
        assert!(compare::<&str>(&[], &chexpert(), 10, &Options::default()).is_err());
    }
}
