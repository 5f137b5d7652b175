//! Numbers that say how alike a candidate report and its reference are.
//!
//! Enter two texts, or their words, or their labels; leave scores between 0 and 1. Word overlap says little about truth:
//! a report with one negation turned around keeps nearly all of its BLEU. That is why [`labels`] is here.
//!
//! Each measure is the one of a package and carries that package's choices in its name: [`bleu`] is pycocoevalcap's
//! corpus form, [`rouge::coco`] has beta 1.2, [`rouge::google`] has beta 1, [`meteor`] is nltk's with a WordNet that knows
//! nothing. None of them cuts a text into words on its own; [`words`] offers two ways to do it.

pub mod bleu;
pub mod labels;
pub mod meteor;
pub mod porter;
pub mod rouge;
pub mod words;

use crate::error::{Error, Result};

/// Most words of one text that a measure takes. A long report has 500; the work grows with the square.
pub const MOST_WORDS: usize = 50_000;

/// The words of `text` as numbers; equal words get equal numbers across calls with the same `known`.
pub(crate) fn numbered<'a>(words: &'a [String], known: &mut std::collections::HashMap<&'a str, u32>) -> Vec<u32> {
    words
        .iter()
        .map(|word| {
            let next = known.len() as u32;
            *known.entry(word.as_str()).or_insert(next)
        })
        .collect()
}

/// Refuses a text that would take minutes.
pub(crate) fn check_length(what: &str, words: usize) -> Result<()> {
    if words > MOST_WORDS {
        return Err(Error::Invalid(format!(
            "the {what} has {words} words, a measure takes at most {MOST_WORDS}: give one report at a time"
        )));
    }
    Ok(())
}
