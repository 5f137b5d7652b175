//! Parts of the body that every film shows: what is said of them, and so whether their class is there.
//!
//! Enter the hits of one sentence, leave mentions. "Normal" and "enlarged" are looked for right before the part's name, or
//! after it up to the end of the statement.

use std::ops::Range;

use super::{Label, Labeler, Role};
use crate::report::phrase::Hit;
use crate::report::prose::Prose;
use crate::report::scope::{Assertion, Judged};

/// Most words between "normal" and the name after it.
const MOST_BETWEEN: usize = 10;
/// Most words between the name and what is said of it.
const MOST_AFTER: usize = 30;

struct Said {
    tokens: Range<usize>,
    label: Label,
}

pub(super) fn read(
    labeler: &Labeler,
    prose: &Prose,
    judged: &Judged,
    hits: &[Hit<(usize, Role)>],
    tell: &mut dyn FnMut(usize, Label, Range<usize>),
) {
    let classes = labeler.vocabulary.classes.len();
    let mut said: Vec<Vec<Said>> = (0..classes).map(|_| Vec::new()).collect();
    for hit in hits {
        let (class, role) = hit.value;
        let label = match (role, judged.assertion(&hit.tokens)) {
            (Role::Abnormal, Assertion::Affirmed) => Label::Positive,
            (Role::Abnormal, Assertion::Uncertain) => Label::Uncertain,
            (Role::Abnormal, Assertion::Negated) | (Role::Normal, Assertion::Affirmed) => Label::Negative,
            (Role::Normal, Assertion::Uncertain | Assertion::Negated) => Label::Uncertain,
            _ => continue,
        };
        said[class].push(Said { tokens: hit.tokens.clone(), label });
    }
    // What may stand between: the joining words, and whatever names a part.
    let is_link = |at: usize| {
        let tokens = at..at + 1;
        let word = prose.word(at);
        matches!(word, "and" | "," | "of" | "in")
            || (word == "the" && prose.word(at.saturating_sub(1)) == "of")
            || !labeler.anatomy.find(prose, &tokens).is_empty()
    };
    let mut cursor = vec![0; classes];
    for hit in hits.iter().filter(|hit| hit.value.1 == Role::Part) {
        let class = hit.value.0;
        let said = &said[class];
        // Hits come from left to right, and so do the words said: the cursor never goes back.
        while said.get(cursor[class]).is_some_and(|entry| entry.tokens.start < hit.tokens.end) {
            cursor[class] += 1;
        }
        let before = said[..cursor[class]].iter().rev().take(3).find(|entry| {
            let between = entry.tokens.end..hit.tokens.start;
            let is_near = entry.tokens.end <= hit.tokens.start && between.len() <= MOST_BETWEEN;
            is_near
                && (entry.label == Label::Negative || !between.clone().any(|at| matches!(prose.word(at), "and" | ",")))
                && !is_predicate(prose, entry.tokens.start)
                && between.clone().all(is_link)
        });
        let after = said.get(cursor[class]).filter(|entry| {
            entry.tokens.start - hit.tokens.end <= MOST_AFTER && !judged.is_apart(hit.tokens.end, entry.tokens.start)
        });
        if let Some(entry) = before.or(after) {
            tell(class, entry.label, hit.tokens.start.min(entry.tokens.start)..hit.tokens.end.max(entry.tokens.end));
        }
    }
}

/// Whether the word at `at` is said of what came before it ("the heart is normal"), not of what follows.
fn is_predicate(prose: &Prose, at: usize) -> bool {
    (at.saturating_sub(3)..at).any(|verb| {
        let is_verb =
            matches!(prose.word(verb), "is" | "are" | "was" | "were" | "remains" | "remain" | "appears" | "appear");
        is_verb && prose.word(verb.saturating_sub(1)) != "there"
    })
}
