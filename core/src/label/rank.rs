//! Ranking: which statements hold in the reports of a feature's top films and not in those of random ones.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::concepts::{Concepts, fold, read, spoken};
use super::odds::z_score;
use super::{CandidateKind, Evidence, LabelCandidate, Statement};
use crate::report::labeler::Labeler;

/// Candidates that are compared with each other, the heaviest ones.
const MOST_COMPARED: usize = 1000;

/// Which candidates are worth showing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Most candidates that are returned.
    pub count: usize,
    /// Fewest top reports that have to say it.
    pub fewest: usize,
    /// Smallest share of the top reports that have to say it.
    pub share: f64,
    /// Smallest z-score.
    pub weight: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { count: 10, fewest: 2, share: 0.2, weight: 1.0 }
    }
}

/// Possible labels of a feature from the reports of its `top` films and of `random` films, best first. Empty when either
/// side has no report with words, or nothing stands out.
#[must_use]
pub fn candidates(top: &[&str], random: &[&str], labeler: &Labeler, limits: &Limits) -> Vec<LabelCandidate> {
    let read_all = |reports: &[&str]| -> Vec<Concepts> {
        let all = reports.par_iter().map(|report| read(report, labeler)).collect::<Vec<_>>();
        all.into_iter().filter(|concepts| concepts.has_words).collect()
    };
    candidates_of(&read_all(top), &read_all(random), labeler, limits)
}

/// [`candidates`] from reports that were read before, all of them with words.
#[must_use]
pub(super) fn candidates_of<C: Borrow<Concepts>>(
    top: &[C],
    random: &[C],
    labeler: &Labeler,
    limits: &Limits,
) -> Vec<LabelCandidate> {
    let mut tally: BTreeMap<Key, Tally> = BTreeMap::new();
    for concepts in top {
        each(concepts.borrow(), |key, words| {
            let entry = tally.entry(key).or_default();
            entry.top += 1;
            *entry.forms.entry(words.to_owned()).or_default() += 1;
        });
    }
    // What no top report says cannot be a label: only its keys are counted in the random ones.
    let fewest = limits.fewest.max((limits.share * top.len() as f64).ceil() as usize).max(1);
    tally.retain(|_, entry| entry.top >= fewest);
    for concepts in random {
        each(concepts.borrow(), |key, _| {
            if let Some(entry) = tally.get_mut(&key) {
                entry.random += 1;
            }
        });
    }
    let mut found: Vec<(Key, LabelCandidate)> = tally
        .into_iter()
        .map(|(key, entry)| {
            let evidence =
                Evidence { top: entry.top, top_all: top.len(), random: entry.random, random_all: random.len() };
            let candidate = candidate(&key, &entry, evidence, labeler);
            (key, candidate)
        })
        .filter(|(_, candidate)| candidate.weight >= limits.weight)
        .collect();
    let words = |key: &Key| key.phrase().split(' ').count();
    found.sort_by(|(a, x), (b, y)| {
        y.weight.total_cmp(&x.weight).then_with(|| words(b).cmp(&words(a))).then_with(|| x.text.cmp(&y.text))
    });
    found.truncate(MOST_COMPARED);
    // A longer phrase that as many top reports say is the better name, though its counts weigh a little less.
    let is_covered = |key: &Key, candidate: &LabelCandidate| {
        found.iter().any(|(other, more)| more.evidence.top == candidate.evidence.top && key.is_within(other))
    };
    let mut kept: Vec<(&Key, &LabelCandidate)> = Vec::new();
    for (key, candidate) in &found {
        if kept.len() == limits.count {
            break;
        }
        let overlaps = kept
            .iter()
            .any(|(other, more)| key.is_within(other) || other.is_within(key) || more.text == candidate.text);
        if !overlaps && !is_covered(key, candidate) {
            kept.push((key, candidate));
        }
    }
    kept.into_iter().map(|(_, candidate)| candidate.clone()).collect()
}

/// What is counted: a phrase or a class, affirmed or denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Affirmed(String),
    Denied(String),
    Has(usize),
    Lacks(usize),
}

impl Key {
    fn phrase(&self) -> &str {
        match self {
            Self::Affirmed(phrase) | Self::Denied(phrase) => phrase,
            Self::Has(_) | Self::Lacks(_) => "",
        }
    }

    /// Whether both are phrases of one kind, and this one is a part of the longer other.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Affirmed(a), Self::Affirmed(b)) | (Self::Denied(a), Self::Denied(b)) => {
                a.len() < b.len() && format!(" {b} ").contains(&format!(" {a} "))
            }
            _ => false,
        }
    }
}

#[derive(Default)]
struct Tally {
    top: usize,
    random: usize,
    /// The words as written, and how often.
    forms: BTreeMap<String, usize>,
}

fn each(concepts: &Concepts, mut tell: impl FnMut(Key, &str)) {
    concepts.affirmed.iter().for_each(|(phrase, words)| tell(Key::Affirmed(phrase.clone()), words));
    concepts.denied.iter().for_each(|(phrase, words)| tell(Key::Denied(phrase.clone()), words));
    concepts.has.iter().for_each(|&class| tell(Key::Has(class), ""));
    concepts.lacks.iter().for_each(|&class| tell(Key::Lacks(class), ""));
}

fn candidate(key: &Key, entry: &Tally, evidence: Evidence, labeler: &Labeler) -> LabelCandidate {
    let commonest = entry.forms.iter().max_by_key(|(words, count)| (**count, std::cmp::Reverse(words.as_str())));
    let words = commonest.map_or("", |(words, _)| words.as_str());
    let class = |index: &usize| labeler.vocabulary().classes.get(*index).map_or("", |class| class.name.as_str());
    let (text, kind, statement) = match key {
        Key::Affirmed(phrase) => (words.to_owned(), CandidateKind::Phrase, Statement::Affirms(phrase.clone())),
        Key::Denied(phrase) => (format!("no {words}"), CandidateKind::Absence, Statement::Denies(phrase.clone())),
        Key::Has(index) => (spoken(class(index)), CandidateKind::Class, Statement::HasClass(class(index).to_owned())),
        Key::Lacks(index) => {
            let text = format!("no {}", spoken(class(index)));
            (text, CandidateKind::Absence, Statement::LacksClass(class(index).to_owned()))
        }
    };
    LabelCandidate { text, kind, weight: z_score(&evidence), evidence, statement }
}

/// Whether a report makes `statement`; `None` for a statement that no report makes, or a report without words.
#[must_use]
pub(super) fn holds(statement: &Statement, report: &str, labeler: &Labeler) -> Option<bool> {
    made_by(statement, &read(report, labeler), labeler)
}

/// [`holds`] for a report that was read before.
#[must_use]
pub(super) fn made_by(statement: &Statement, concepts: &Concepts, labeler: &Labeler) -> Option<bool> {
    let class = |name: &str| labeler.names().position(|other| other == name);
    let answer = match statement {
        Statement::Affirms(phrase) => concepts.affirmed.contains_key(&fold(phrase)),
        Statement::Denies(phrase) => concepts.denied.contains_key(&fold(phrase)),
        Statement::HasClass(name) => concepts.has.contains(&class(name)?),
        Statement::LacksClass(name) => concepts.lacks.contains(&class(name)?),
        Statement::Flag { .. } | Statement::Above { .. } | Statement::Resembles { .. } => return None,
    };
    concepts.has_words.then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::labeler::chexpert;

    const RANDOM: [&str; 6] = [
        "The heart is normal. No pleural effusion. No pneumothorax.",
        "Cardiomegaly. No pleural effusion.",
        "Small left pleural effusion. The heart is normal.",
        "Lungs are clear. No pneumothorax. Median sternotomy wires are intact.",
        "Right apical pneumothorax. No pleural effusion.",
        "Normal chest.",
    ];

    fn ranked(top: &[&str]) -> Vec<LabelCandidate> {
        let random: Vec<&str> = RANDOM.iter().copied().cycle().take(60).collect();
        let labeler = Labeler::new(chexpert()).expect("vocabulary");
        candidates(top, &random, &labeler, &Limits::default())
    }

    #[test]
    fn the_longest_phrase_that_loses_nothing_wins() {
        let top = [
            "Large right pleural effusion. No pneumothorax.",
            "There is a small right pleural effusion. Heart normal.",
        ];
        let found = ranked(&[top, top, top, top].concat());
        let phrase = found.iter().find(|candidate| candidate.kind == CandidateKind::Phrase).expect("a phrase");
        assert_eq!(phrase.text, "right pleural effusion", "{found:?}");
        assert_eq!((phrase.evidence.top, phrase.evidence.random), (8, 0));
        assert!(
            !found
                .iter()
                .any(|candidate| candidate.text == "pleural effusion" && candidate.kind == CandidateKind::Phrase)
        );
        assert!(found.iter().any(|candidate| candidate.statement == Statement::HasClass("Pleural Effusion".into())));
    }

    #[test]
    fn denied_findings_are_features_of_normality_only() {
        let found = ranked(&["No pleural effusion, consolidation or rib fracture."; 8]);
        assert!(found.iter().all(|candidate| candidate.kind == CandidateKind::Absence), "{found:?}");
        assert!(found.iter().any(|candidate| candidate.text == "no rib fracture"), "{found:?}");
    }

    #[test]
    fn doubted_findings_are_no_labels() {
        let found = ranked(&["Possible granuloma. Cannot exclude fibrosis."; 8]);
        assert!(
            !found.iter().any(|candidate| candidate.text.contains("granuloma") || candidate.text.contains("fibrosis"))
        );
    }

    #[test]
    fn nothing_gives_nothing() {
        let labeler = Labeler::new(chexpert()).expect("vocabulary");
        assert!(candidates(&[], &RANDOM, &labeler, &Limits::default()).is_empty());
        assert!(candidates(&["", "\u{1F4A9}"], &RANDOM, &labeler, &Limits::default()).is_empty());
        assert!(candidates(&RANDOM, &[], &labeler, &Limits::default()).is_empty());
    }

    #[test]
    fn a_statement_is_tried_on_other_reports() {
        let labeler = Labeler::new(chexpert()).expect("vocabulary");
        let try_on = |statement: Statement, report: &str| holds(&statement, report, &labeler);
        let effusion = || Statement::Affirms("pleural effusion".into());
        assert_eq!(try_on(effusion(), "Small pleural effusions."), Some(true));
        assert_eq!(try_on(effusion(), "No pleural effusion."), Some(false));
        assert_eq!(try_on(effusion(), ""), None);
        assert_eq!(try_on(Statement::LacksClass("Pneumothorax".into()), "No pneumothorax."), Some(true));
        assert_eq!(try_on(Statement::HasClass("Unknown".into()), "No pneumothorax."), None);
    }
}
