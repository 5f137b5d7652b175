//! What a report affirms and denies, phrase by phrase.
//!
//! Enters a report, leaves two sets of short noun phrases and two of classes. What the report doubts or speaks of as past is
//! left out. Phrases are compared in a folded form: lower case, without the plural's s.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::lexicon::{EMPTY, INNER, JOINTS, QUALIFIERS};
use crate::report::labeler::{Label, Labeler};
use crate::report::prose::Prose;
use crate::report::scope::{Assertion, Judged, Scopes};

/// Longest phrase, in words.
pub const LONGEST: usize = 5;
/// Words of one report that are read; a long report has 500.
pub const MOST_WORDS: usize = 20_000;
/// Longest word that can be part of a label, in bytes.
const LONGEST_WORD: usize = 40;

/// What one report affirms and denies, and whether it says anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concepts {
    /// Folded phrases that are affirmed, each with the words as written.
    pub affirmed: BTreeMap<String, String>,
    /// Folded phrases that are denied, each with the words as written.
    pub denied: BTreeMap<String, String>,
    /// Classes that are positive, by index.
    pub has: BTreeSet<usize>,
    /// Classes that are negative, by index.
    pub lacks: BTreeSet<usize>,
    /// Whether the report has a word.
    pub has_words: bool,
}

/// Reads a report.
#[must_use]
pub fn read(report: &str, labeler: &Labeler) -> Concepts {
    let prose = Prose::new(report);
    let scopes: &Scopes = labeler.as_ref();
    let mut concepts = Concepts { has_words: prose.tokens().iter().any(|token| token.is_word), ..Concepts::default() };
    let mut merged = vec![Label::NotMentioned; labeler.vocabulary().classes.len()];
    for sentence in prose.sentences().iter().take_while(|sentence| sentence.end <= MOST_WORDS) {
        let judged = scopes.judge(&prose, sentence);
        labeler.read(&prose, sentence, &judged, &mut |class, label, _| merged[class] = merged[class].merge(label));
        for start in sentence.clone() {
            for tokens in phrases_from(start, sentence, &prose, &judged) {
                let set = match judged.assertion(&tokens) {
                    Assertion::Affirmed => &mut concepts.affirmed,
                    Assertion::Negated => &mut concepts.denied,
                    Assertion::Uncertain | Assertion::Past => continue,
                };
                let key = fold(&tokens.clone().map(|at| prose.word(at)).collect::<Vec<_>>().join(" "));
                set.entry(key)
                    .or_insert_with_key(|key| as_written(&report[prose.bytes(&tokens)]).unwrap_or(key.clone()));
            }
        }
    }
    for (index, label) in merged.into_iter().enumerate() {
        match label {
            Label::Positive => concepts.has.insert(index),
            Label::Negative => concepts.lacks.insert(index),
            _ => false,
        };
    }
    // A report that affirms something somewhere does not deny it elsewhere: "no effusion on the left".
    let Concepts { affirmed, denied, .. } = &mut concepts;
    denied.retain(|phrase, _| !affirmed.contains_key(phrase));
    concepts
}

/// The phrases that begin at `start`: words only, no trigger, nothing that joins, no qualifier at the end, and not
/// only words that every report has.
fn phrases_from<'a>(
    start: usize,
    sentence: &Range<usize>,
    prose: &'a Prose,
    judged: &'a Judged,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let is_part = |at: usize| {
        let word = prose.word(at);
        prose.tokens()[at].is_word
            && word.len() <= LONGEST_WORD
            && !judged.is_trigger(at)
            && !JOINTS.contains(&word)
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !is_redacted(word)
    };
    let end = sentence.end.min(start + LONGEST);
    let last = (start..end).find(|&at| !is_part(at)).unwrap_or(end);
    let is_edge = |at: usize| INNER.contains(&prose.word(at));
    (start + 1..=last)
        .filter(move |&end| !is_edge(start) && !is_edge(end - 1) && !QUALIFIERS.contains(&prose.word(end - 1)))
        .filter(move |&end| (start..end).any(|at| !EMPTY.contains(&prose.word(at))))
        .map(move |end| start..end)
}

/// "xxxx" of Open-i, "___" is no word anyway.
fn is_redacted(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|byte| byte == b'x')
}

/// The words as the report has them ("air-space", "AP view"), in small letters but for words that are all capitals. `None`
/// where something odd stands between them.
fn as_written(text: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '\'' | '.');
    text.chars().all(is_plain).then(|| spoken(text))
}

/// A name within a sentence: small letters, but for words that are all capitals ("AP view").
pub(super) fn spoken(name: &str) -> String {
    let lower = |word: &str| {
        let is_acronym = word.len() > 1 && word.chars().all(char::is_uppercase);
        if is_acronym { word.to_owned() } else { word.to_lowercase() }
    };
    name.split_whitespace().map(lower).collect::<Vec<_>>().join(" ")
}

/// Lower case, without the plural's s: "Pleural effusions" and "pleural effusion" are one phrase.
#[must_use]
pub fn fold(phrase: &str) -> String {
    let words = phrase.split_whitespace().map(|word| {
        let lower = word.to_lowercase();
        match lower.strip_suffix('s') {
            Some(stem) if lower.len() > 3 && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
            _ => lower,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::labeler::chexpert;

    fn of(report: &str) -> Concepts {
        read(report, &Labeler::new(chexpert()).expect("vocabulary"))
    }

    #[test]
    fn affirmed_and_denied_phrases_are_told_apart_and_doubt_is_left_out() {
        let found = of("Small right pleural effusions. No pneumothorax. Possible nodule. History of pneumonia.");
        assert!(found.affirmed.contains_key("right pleural effusion"), "{found:?}");
        assert_eq!(found.affirmed["pleural effusion"], "pleural effusions");
        assert_eq!(found.denied.keys().collect::<Vec<_>>(), ["pneumothorax"]);
        assert!(!found.affirmed.keys().any(|phrase| phrase.contains("nodule") || phrase.contains("pneumonia")));
        assert!(!found.affirmed.contains_key("right"), "{found:?}");
    }

    #[test]
    fn phrases_end_at_joints_and_keep_what_is_inside() {
        let found = of("Left pleural effusion with blunting of the costophrenic angle.");
        assert!(found.affirmed.contains_key("blunting of the costophrenic angle"), "{found:?}");
        assert_eq!(of("Patchy air-space opacity. AP  view.").affirmed["air space opacity"], "air-space opacity");
        assert_eq!(of("Single AP\u{7}view; AP view.").affirmed["ap view"], "ap view");
        assert!(!found.affirmed.keys().any(|phrase| phrase.contains("with") || phrase.ends_with("the")));
    }

    #[test]
    fn hostile_reports_are_cut_short() {
        let started = std::time::Instant::now();
        let many: String = (0..200_000).map(|i| format!("word{i} mass. ")).collect();
        assert!(of(&many).affirmed.len() <= MOST_WORDS * LONGEST);
        assert!(!of("\u{1F4A9}\u{0} , . ;").has_words && of("").affirmed.is_empty());
        assert!(of(&"x".repeat(1 << 20)).affirmed.is_empty());
        assert!(started.elapsed().as_secs() < 10);
    }
}
