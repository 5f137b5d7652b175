//! Scores of candidate reports against their references.
//!
//! Enter pairs of texts and a vocabulary, leave all measures of [`super::metrics`] and F1 of the labels that
//! [`super::labeler`] reads on both sides. The numbers are not those of papers that label with CheXbert.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::labeler::{Label, Labeler, Vocabulary};
use super::metrics::bleu::{Bleu, LONGEST};
use super::metrics::labels::{Agreement, FIVE, macro_f1, micro_f1};
use super::metrics::{meteor, rouge, words};
use crate::error::{Error, Result};

/// Draws of the bootstrap.
pub const RESAMPLES: usize = 1000;

/// How to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Whether an uncertain label counts as present, as RadEval's CheXbert F1 has it.
    pub uncertain_counts: bool,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { uncertain_counts: true, seed: 1 }
    }
}

/// F1 of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Its name.
    pub name: String,
    /// How often which side named it.
    pub counts: Agreement,
    /// Precision, recall and F1 of the counts.
    pub precision: f64,
    /// See `precision`.
    pub recall: f64,
    /// See `precision`.
    pub f1: f64,
}

/// F1 over several classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct F1 {
    /// Mean over the classes.
    pub mean_over_classes: f64,
    /// Of the summed counts.
    pub micro: f64,
}

/// Everything that is measured of a set of pairs. All scores are 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportScores {
    /// Name of the vocabulary that made the labels.
    pub vocabulary: String,
    /// Pairs.
    pub reports: usize,
    /// BLEU-1 to BLEU-4 of the corpus (pycocoevalcap), on plain words.
    pub bleu: [f64; LONGEST],
    /// Mean ROUGE-L with beta 1.2 (pycocoevalcap), on plain words.
    pub rouge_l_coco: f64,
    /// Mean ROUGE-L with beta 1 (rouge-score), on rouge-score's words.
    pub rouge_l_google: f64,
    /// Mean "METEOR (exact, stem)" (nltk without WordNet), on plain words.
    pub meteor_exact_stem: f64,
    /// Each class.
    pub classes: Vec<ClassScore>,
    /// F1 over all classes.
    pub all: F1,
    /// F1 over CheXpert's five, where the vocabulary has them.
    pub five: Option<F1>,
    /// Percentile bootstrap 95 % interval of the micro F1 over all classes, over pairs.
    pub micro_interval: [f64; 2],
}

/// What one pair adds to each measure.
#[derive(Clone, Debug)]
pub(super) struct PairScores {
    pub(super) bleu: Bleu,
    pub(super) rouge_l_coco: f64,
    pub(super) rouge_l_google: f64,
    pub(super) meteor: f64,
    /// For each class, whether the reference and whether the candidate has it.
    pub(super) present: Vec<[bool; 2]>,
}

/// Scores `pairs` of reference and candidate with the default [`Options`].
///
/// # Errors
/// When there is no pair, the vocabulary is bad, or a text is too long to measure ([`super::metrics::MOST_WORDS`]).
pub fn evaluate<A: AsRef<str> + Sync, B: AsRef<str> + Sync>(
    pairs: &[(A, B)],
    vocabulary: &Vocabulary,
) -> Result<ReportScores> {
    evaluate_with(pairs, vocabulary, &Options::default())
}

/// Scores `pairs` of reference and candidate.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with<A: AsRef<str> + Sync, B: AsRef<str> + Sync>(
    pairs: &[(A, B)],
    vocabulary: &Vocabulary,
    options: &Options,
) -> Result<ReportScores> {
    let labeler = Labeler::new(vocabulary.clone())?;
    let scores = score_pairs(pairs, &labeler, options)?;
    let counts = counts(scores.iter());
    let classes = labeler.names().zip(&counts).map(|(name, counts)| ClassScore {
        name: name.to_owned(),
        counts: *counts,
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
    });
    let of_five: Vec<Agreement> = FIVE
        .iter()
        .filter_map(|five| labeler.names().position(|name| name == *five))
        .map(|index| counts[index])
        .collect();
    let f1 = |counts: &[Agreement]| F1 { mean_over_classes: macro_f1(counts), micro: micro_f1(counts) };
    let mean = |of: fn(&PairScores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
    Ok(ReportScores {
        vocabulary: vocabulary.name.clone(),
        reports: pairs.len(),
        bleu: total_bleu(scores.iter()).scores(),
        rouge_l_coco: mean(|pair| pair.rouge_l_coco),
        rouge_l_google: mean(|pair| pair.rouge_l_google),
        meteor_exact_stem: mean(|pair| pair.meteor),
        classes: classes.collect(),
        all: f1(&counts),
        five: (of_five.len() == FIVE.len()).then(|| f1(&of_five)),
        micro_interval: micro_interval(&scores, options.seed),
    })
}

pub(super) fn score_pairs<A: AsRef<str> + Sync, B: AsRef<str> + Sync>(
    pairs: &[(A, B)],
    labeler: &Labeler,
    options: &Options,
) -> Result<Vec<PairScores>> {
    if pairs.is_empty() {
        return Err(Error::Invalid("there is no report to score".into()));
    }
    let named = |index: usize| move |error: Error| Error::Invalid(format!("pair {}: {error}", index + 1));
    pairs
        .par_iter()
        .enumerate()
        .map(|(index, (reference, candidate))| {
            score_pair(reference.as_ref(), candidate.as_ref(), labeler, options).map_err(named(index))
        })
        .collect()
}

fn score_pair(reference: &str, candidate: &str, labeler: &Labeler, options: &Options) -> Result<PairScores> {
    let (plain_reference, plain_candidate) = (words::plain(reference), words::plain(candidate));
    let is_present = |label: Label| label.is_present(options.uncertain_counts);
    let labels = labeler.label(reference).into_iter().zip(labeler.label(candidate));
    Ok(PairScores {
        bleu: Bleu::of(&[&plain_reference], &plain_candidate)?,
        rouge_l_coco: rouge::coco(&[&plain_reference], &plain_candidate)?,
        rouge_l_google: rouge::google(&words::google(reference), &words::google(candidate))?,
        meteor: meteor::meteor(&plain_reference, &plain_candidate)?,
        present: labels.map(|(r, c)| [is_present(r), is_present(c)]).collect(),
    })
}

/// Counts of every class over the pairs.
pub(super) fn counts<'a>(scores: impl Iterator<Item = &'a PairScores>) -> Vec<Agreement> {
    let mut counts = Vec::new();
    for pair in scores {
        counts.resize(pair.present.len(), Agreement::default());
        for (count, [reference, candidate]) in counts.iter_mut().zip(&pair.present) {
            count.count(*reference, *candidate);
        }
    }
    counts
}

pub(super) fn total_bleu<'a>(scores: impl Iterator<Item = &'a PairScores>) -> Bleu {
    scores.fold(Bleu::new(), |mut sum, pair| {
        sum.add(&pair.bleu);
        sum
    })
}

fn micro_interval(scores: &[PairScores], seed: u64) -> [f64; 2] {
    let sum_of = |pair| counts(std::iter::once(pair)).into_iter().fold(Agreement::default(), Agreement::plus);
    let sums: Vec<Agreement> = scores.iter().map(sum_of).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            (0..sums.len()).fold(Agreement::default(), |sum, _| sum.plus(sums[random.random_range(0..sums.len())])).f1()
        })
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
    [at(0.025), at(0.975)]
}

#[cfg(test)]
mod tests {
    use super::super::labeler::chexpert;
    use super::*;

    #[test]
    fn a_copy_is_perfect_and_a_turned_negation_keeps_its_words_but_not_its_labels() {
        let reference = "There is a left pleural effusion. The heart is enlarged. No pneumothorax.";
        let turned = "There is no left pleural effusion. The heart is not enlarged. Pneumothorax.";
        let same = evaluate(&[(reference, reference)], &chexpert()).expect("scores");
        assert!((same.bleu[3] - 1.0).abs() < 1e-6 && same.rouge_l_google == 1.0 && same.all.micro == 1.0);
        let worse = evaluate(&[(reference, turned)], &chexpert()).expect("scores");
        assert!(worse.rouge_l_google > 0.8 && worse.all.micro == 0.0, "{worse:?}");
    }

    #[test]
    fn the_interval_holds_the_value_and_hangs_on_the_seed_alone() {
        let pairs: Vec<(&str, &str)> = (0..60)
            .map(|i| ("Left pleural effusion.", if i % 3 == 0 { "Pneumothorax." } else { "Effusion on the left." }))
            .collect();
        let once = evaluate(&pairs, &chexpert()).expect("scores");
        assert_eq!(once, evaluate(&pairs, &chexpert()).expect("scores"));
        let [low, high] = once.micro_interval;
        assert!(low < once.all.micro && once.all.micro < high && high - low < 0.4, "{once:?}");
        assert!(once.five.is_some());
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        assert!(evaluate::<&str, &str>(&[], &chexpert()).is_err());
        let endless = "word ".repeat(60_000);
        let error = evaluate(&[("a", "a"), ("a", &endless)], &chexpert()).expect_err("too long").to_string();
        assert!(error.starts_with("pair 2:") && error.contains("60000"), "{error}");
        assert_eq!(evaluate(&[("", "\u{0}\u{1F4A9}")], &chexpert()).expect("no word").bleu.len(), 4);
    }
}
