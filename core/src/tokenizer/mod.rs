//! Sentences to the numbers that text towers take: CLIP's byte-pair encoding and BERT's word pieces.
//!
//! In: text, and a vocabulary in one of the forms that come with published weights. Out: as many numbers as a tower's context
//! has places. Knows no towers and no files. Checked number by number against Hugging Face's tokenizers and open_clip.

mod bert;
mod clip;
mod merges;
mod unicode;

use std::collections::HashMap;

use serde_json::Value;

pub use bert::BertTokenizer;
pub use clip::ClipTokenizer;

/// Sentences to numbers.
pub trait Tokenizer: Send + Sync {
    /// The numbers of a sentence between the marks of its start and end: cut so that the end's mark still fits, then filled up
    /// to the context.
    fn encode(&self, text: &str) -> Vec<u32>;
}

/// Numbers of a vocabulary: an object of texts and whole numbers, as in `vocab.json`.
fn vocabulary(object: &Value) -> Result<HashMap<String, u32>, String> {
    let entries = object.as_object().filter(|entries| !entries.is_empty());
    let entries = entries.ok_or("the vocabulary is not an object of tokens and their numbers")?;
    let number = |(token, number): (&String, &Value)| {
        let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
        Ok((token.clone(), number.ok_or_else(|| format!("the number of token \"{token}\" is none"))?))
    };
    entries.iter().map(number).collect()
}

/// Tokens of a `tokenizer.json` that stand for themselves wherever they are written, longest first.
fn special_tokens(file: &Value) -> Vec<(String, u32)> {
    let added = file.get("added_tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let special = |token: &Value| {
        let plain = token.get("normalized").and_then(Value::as_bool) != Some(true);
        let text = token.get("content")?.as_str().filter(|text| plain && !text.is_empty())?;
        Some((text.to_owned(), u32::try_from(token.get("id")?.as_u64()?).ok()?))
    };
    sorted(added.iter().filter_map(special).collect())
}

/// Longest first, so that a token is not taken for another that starts it.
fn sorted(mut tokens: Vec<(String, u32)>) -> Vec<(String, u32)> {
    tokens.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    tokens
}

/// A part of a text.
enum Part<'a> {
    Text(&'a str),
    Special(u32),
}

/// A text cut at special tokens.
fn cut_at_special<'a>(text: &'a str, special: &[(String, u32)]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let first =
            special.iter().filter_map(|(token, number)| Some((rest.find(token.as_str())?, token.len(), *number)));
        // The first in the text; of several there the longest, which `min_by_key` meets first.
        match first.min_by_key(|&(at, _, _)| at) {
            Some((at, length, number)) => {
                parts.extend([Part::Text(&rest[..at]), Part::Special(number)]);
                rest = &rest[at + length..];
            }
            None => {
                parts.push(Part::Text(rest));
                return parts;
            }
        }
    }
}

/// Numbers between the marks of start and end, cut and filled up to `context`.
fn framed(numbers: impl Iterator<Item = u32>, marks: [u32; 2], padding: u32, context: usize) -> Vec<u32> {
    let [start, end] = marks;
    let inner = numbers.take(context.saturating_sub(2));
    let framed = std::iter::once(start).chain(inner).chain([end]);
    framed.chain(std::iter::repeat(padding)).take(context).collect()
}
