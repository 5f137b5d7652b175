//! What a sentence affirms, doubts and denies.
//!
//! Enters a sentence, leaves for each of its words the [`Assertion`] it stands under. There is no parser: a trigger word
//! reaches over the words beside it until something ends its scope (NegEx, Chapman et al. 2001; ConText, Harkema et
//! al. 2009). Any phrase can be judged so, not only those of a vocabulary.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::phrase::{Hit, Phrases};
use super::prose::Prose;
use super::triggers::{Effect, TRIGGERS};
use crate::error::{Error, Result};

/// Farthest word that a trigger reaches, in tokens.
const REACH: usize = 40;
/// Farthest word that "or" and "versus" reach.
const NEIGHBOURS: usize = 4;
const VERBS: [&str; 12] =
    ["is", "are", "was", "were", "has", "have", "there", "remains", "remain", "appears", "appear", "demonstrates"];
/// Words after "and" or a comma that begin a statement of their own when a verb came before.
const SUBJECTS: [&str; 12] =
    ["the", "there", "heart", "lungs", "no", "both", "stable", "unchanged", "persistent", "again", "this", "these"];
/// Words before "with" that make it part of a denial: "no finding consistent with".
const WITH: [&str; 8] =
    ["consistent", "compatible", "keeping", "associated", "correlate", "correlation", "line", "along"];

/// How a text stands to something it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Assertion {
    /// It is there.
    Affirmed,
    /// It may be there.
    Uncertain,
    /// It is not there.
    Negated,
    /// It was there once; nothing is said of this film.
    Past,
}

/// Judges sentences.
#[derive(Clone, Debug)]
pub struct Scopes {
    triggers: Phrases<Effect>,
}

/// A judged sentence.
#[derive(Clone, Debug)]
pub struct Judged {
    first: usize,
    assertions: Vec<Assertion>,
    ends: Vec<bool>,
    triggers: Vec<bool>,
}

impl Scopes {
    /// Compiles the triggers.
    ///
    /// # Errors
    /// Never with the triggers of this version; a wrong one would be named.
    pub fn new() -> Result<Self> {
        let triggers = Phrases::new(TRIGGERS.iter().copied()).map_err(Error::Invalid)?;
        Ok(Self { triggers })
    }

    /// Judges every word of the tokens `sentence`.
    #[must_use]
    pub fn judge(&self, prose: &Prose, sentence: &Range<usize>) -> Judged {
        let hits = self.triggers.find_apart(prose, sentence);
        let mut scope = Scope::new(prose, sentence, &hits);
        for hit in &hits {
            scope.apply(hit);
        }
        scope.judged(&hits)
    }
}

impl Judged {
    /// How the sentence stands to the words `tokens`: denied when one of them is, else doubted when one of them is.
    #[must_use]
    pub fn assertion(&self, tokens: &Range<usize>) -> Assertion {
        let here = self.assertions.get(self.place(tokens.start)..self.place(tokens.end)).unwrap_or_default();
        [Assertion::Negated, Assertion::Past, Assertion::Uncertain]
            .into_iter()
            .find(|assertion| here.contains(assertion))
            .unwrap_or(Assertion::Affirmed)
    }

    /// Whether something between the tokens `from` and `to` ends a statement.
    #[must_use]
    pub fn is_apart(&self, from: usize, to: usize) -> bool {
        self.ends.get(self.place(from)..self.place(to)).unwrap_or_default().contains(&true)
    }

    /// Whether the word at `token` belongs to a trigger, and so names nothing itself.
    #[must_use]
    pub fn is_trigger(&self, token: usize) -> bool {
        self.triggers.get(self.place(token)).copied().unwrap_or(false)
    }

    fn place(&self, token: usize) -> usize {
        token.saturating_sub(self.first).min(self.assertions.len())
    }
}

/// The marks on a sentence's tokens while it is judged; all lists begin at the sentence's first token.
struct Scope<'a> {
    prose: &'a Prose,
    first: usize,
    len: usize,
    ends: Vec<bool>,
    /// Where a denial alone ends.
    denial_ends: Vec<bool>,
    is_verb: Vec<bool>,
    denied: Vec<bool>,
    doubted: Vec<bool>,
    past: Vec<bool>,
}

impl<'a> Scope<'a> {
    fn new(prose: &'a Prose, sentence: &Range<usize>, hits: &[Hit<Effect>]) -> Self {
        let (first, len) = (sentence.start, sentence.len());
        let no = || vec![false; len];
        let (mut ends, mut denial_ends, mut is_verb) = (no(), no(), no());
        for hit in hits.iter().filter(|hit| hit.value == Effect::Ends) {
            ends[hit.tokens.start - first] = true;
        }
        for hit in hits.iter().filter(|hit| hit.value == Effect::DoubtsNext && hit.tokens.start > first) {
            denial_ends[hit.tokens.start - first] = prose.word(hit.tokens.start - 1) == ",";
        }
        let mut has_verb = false;
        for at in 0..len {
            let word = prose.word(first + at);
            let next = prose.word(first + at + 1);
            is_verb[at] = VERBS.contains(&word);
            ends[at] |= match word {
                ";" | ":" => true,
                "and" | "," if at + 1 < len => has_verb && SUBJECTS.contains(&next),
                _ => false,
            };
            denial_ends[at] |= match word {
                "with" => at > 0 && !WITH.contains(&prose.word(first + at - 1)),
                "and" | "," if at + 1 < len => matches!(next, "stable" | "unchanged" | "persistent" | "there" | "the"),
                _ => false,
            };
            has_verb = (has_verb || is_verb[at]) && !ends[at];
        }
        Self { prose, first, len, ends, denial_ends, is_verb, denied: no(), doubted: no(), past: no() }
    }

    fn is_mark(&self, at: usize) -> bool {
        self.prose.tokens().get(self.first + at).is_some_and(|token| !token.is_word)
    }

    fn apply(&mut self, hit: &Hit<Effect>) {
        let (start, end) = (hit.tokens.start - self.first, hit.tokens.end - self.first);
        match hit.value {
            Effect::DeniesAfter => {
                let stop = self.forward(end, REACH, |scope, at| scope.ends[at] || scope.denial_ends[at]);
                self.denied[end..stop].fill(true);
            }
            Effect::DoubtsAfter => {
                let stop = self.forward(end, REACH, |scope, at| scope.ends[at]);
                self.doubted[end..stop].fill(true);
            }
            Effect::DoubtsNext => {
                let stop = self.forward(end, REACH, |scope, at| {
                    scope.ends[at] || scope.is_mark(at) || scope.prose.word(scope.first + at) == "with"
                });
                self.doubted[end..stop].fill(true);
            }
            Effect::Past => {
                let stop = self.forward(end, REACH, |scope, at| scope.ends[at] || scope.is_mark(at));
                self.past[end..stop].fill(true);
            }
            Effect::DeniesBefore => {
                let from = self.backward(start);
                self.denied[from..start].fill(true);
            }
            Effect::DoubtsBefore => {
                let from = self.backward(start);
                self.doubted[from..start].fill(true);
            }
            Effect::DoubtsBoth => {
                let stop = self.forward(end, NEIGHBOURS, |scope, at| scope.ends[at] || scope.is_mark(at));
                let mut from = start;
                while from > start.saturating_sub(NEIGHBOURS) && !self.ends[from - 1] && !self.is_mark(from - 1) {
                    from -= 1;
                }
                self.doubted[from..start].fill(true);
                self.doubted[end..stop].fill(true);
            }
            Effect::Ends | Effect::Nothing => {}
        }
    }

    fn forward(&self, from: usize, reach: usize, stops: impl Fn(&Self, usize) -> bool) -> usize {
        let last = self.len.min(from + reach);
        (from..last).find(|&at| stops(self, at)).unwrap_or(last)
    }

    /// Where a scope that reaches back from `start` begins. A verb on the way has a subject of its own: the scope then
    /// begins after the last comma behind it, or behind the verb.
    fn backward(&self, start: usize) -> usize {
        let mut comma = None;
        let lowest = start.saturating_sub(REACH);
        for at in (lowest..start).rev() {
            if self.ends[at] {
                return at + 1;
            }
            if self.is_verb[at] {
                return comma.unwrap_or(at + 1);
            }
            if comma.is_none() && self.prose.word(self.first + at) == "," {
                comma = Some(at + 1);
            }
        }
        lowest
    }

    fn judged(self, hits: &[Hit<Effect>]) -> Judged {
        let mut triggers = vec![false; self.len];
        for hit in hits {
            triggers[hit.tokens.start - self.first..hit.tokens.end - self.first].fill(true);
        }
        let assertions = (0..self.len)
            .map(|at| match (self.denied[at], self.past[at], self.doubted[at]) {
                (true, _, _) => Assertion::Negated,
                (_, true, _) => Assertion::Past,
                (_, _, true) => Assertion::Uncertain,
                _ => Assertion::Affirmed,
            })
            .collect();
        Judged { first: self.first, assertions, ends: self.ends, triggers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under what the only sentence of `text` puts `word`.
    fn of(text: &str, word: &str) -> Assertion {
        let prose = Prose::new(text);
        let sentence = prose.sentences()[0].clone();
        let at = sentence.clone().find(|&at| prose.word(at) == word).expect("the word");
        Scopes::new().expect("triggers").judge(&prose, &sentence).assertion(&(at..at + 1))
    }

    #[test]
    fn denials_reach_over_lists_and_end_where_a_new_statement_begins() {
        for (text, word, expected) in [
            ("No focal consolidation, pleural effusion, or pneumothorax.", "pneumothorax", Assertion::Negated),
            ("No effusion but there is cardiomegaly.", "cardiomegaly", Assertion::Affirmed),
            ("There is no effusion and the heart shows cardiomegaly.", "cardiomegaly", Assertion::Affirmed),
            ("No acute findings with stable cardiomegaly.", "cardiomegaly", Assertion::Affirmed),
            ("No finding consistent with edema.", "edema", Assertion::Negated),
            ("The lungs are free of focal airspace disease.", "disease", Assertion::Negated),
            ("Pleural effusion is not seen.", "effusion", Assertion::Negated),
            ("There is cardiomegaly, pneumothorax is not seen.", "cardiomegaly", Assertion::Affirmed),
            ("There is cardiomegaly, pneumothorax is not seen.", "pneumothorax", Assertion::Negated),
            ("The effusion has resolved.", "effusion", Assertion::Negated),
            ("No significant change in effusion.", "effusion", Assertion::Affirmed),
            ("Consolidation; no effusion.", "consolidation", Assertion::Affirmed),
        ] {
            assert_eq!(of(text, word), expected, "{text} {word}");
        }
    }

    #[test]
    fn doubts_are_told_from_denials() {
        for (text, word, expected) in [
            ("Possible left effusion, cardiomegaly.", "effusion", Assertion::Uncertain),
            ("Possible left effusion, cardiomegaly.", "cardiomegaly", Assertion::Affirmed),
            ("Opacity may represent atelectasis, pneumonia.", "pneumonia", Assertion::Uncertain),
            ("Opacity may represent atelectasis, pneumonia.", "opacity", Assertion::Affirmed),
            ("Pneumonia cannot be excluded.", "pneumonia", Assertion::Uncertain),
            ("Cannot exclude a nodule.", "nodule", Assertion::Uncertain),
            ("No pneumothorax, possible small effusion.", "effusion", Assertion::Uncertain),
            ("No opacity to suggest pneumonia.", "pneumonia", Assertion::Negated),
            ("Basal atelectasis or pneumonia.", "atelectasis", Assertion::Uncertain),
            ("History of pneumothorax, now effusion.", "pneumothorax", Assertion::Past),
            ("History of pneumothorax, now effusion.", "effusion", Assertion::Affirmed),
        ] {
            assert_eq!(of(text, word), expected, "{text} {word}");
        }
    }

    #[test]
    fn every_trigger_can_be_read_and_a_long_sentence_is_judged_at_once() {
        let text = "no or may not effusion , ".repeat(200_000);
        let prose = Prose::new(&text);
        let started = std::time::Instant::now();
        let judged = Scopes::new().expect("triggers").judge(&prose, &prose.sentences()[0]);
        assert_eq!(judged.assertion(&(4..5)), Assertion::Negated);
        assert_eq!(judged.assertion(&(9_000_000..usize::MAX)), Assertion::Affirmed);
        assert!(started.elapsed().as_secs() < 5);
    }
}
