//! BERT's word pieces of lower-case text.
//!
//! In: text and a vocabulary, as `vocab.txt` or as Hugging Face's `tokenizer.json`. Text loses control characters and, with
//! capitals, accents; Chinese characters and punctuation are words of their own. Source: `normalizers/bert.rs`,
//! `pre_tokenizers/bert.rs` and `models/wordpiece` of Hugging Face's tokenizers, `tokenization_bert.py` of transformers.

use std::collections::HashMap;

use serde_json::Value;

use super::unicode::{decomposed, is_dropped, is_mark, is_punctuation};
use super::{Part, Tokenizer, cut_at_special, framed, sorted, special_tokens, vocabulary};

/// Places of BiomedCLIP.
const CONTEXT: usize = 256;

/// Longer words are unknown.
const LONGEST_WORD: usize = 100;

/// What stands before a piece that continues a word.
const CONTINUING: &str = "##";

/// Sentences to BERT's numbers.
#[derive(Debug)]
pub struct BertTokenizer {
    pieces: HashMap<String, u32>,
    /// Tokens that stand for themselves.
    special: Vec<(String, u32)>,
    unknown: u32,
    /// Numbers of `[CLS]` and `[SEP]`.
    marks: [u32; 2],
    padding: u32,
    context: usize,
    lower: bool,
    strip_accents: bool,
    split_chinese: bool,
}

impl BertTokenizer {
    /// From the text of `vocab.txt`, a piece on each line, of a model of lower-case text.
    ///
    /// # Errors
    /// When it is not BERT's.
    pub fn from_vocabulary(vocab: &str) -> Result<Self, String> {
        let lines = vocab.split_terminator('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned());
        Self::new(lines.zip(0..).collect(), None)
    }

    /// From the text of `tokenizer.json`.
    ///
    /// # Errors
    /// When it is another tokenizer's.
    pub fn from_tokenizer_json(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|e| format!("tokenizer.json is no JSON ({e})"))?;
        let states = |path: &str, wanted: Value| file.pointer(path) == Some(&wanted);
        // Old files do not name the kind of their model.
        let pieces = states("/model/type", "WordPiece".into()) || file.pointer("/model/type").is_none();
        let limit = LONGEST_WORD.into();
        let same = states("/model/continuing_subword_prefix", CONTINUING.into())
            && states("/model/max_input_chars_per_word", limit)
            && states("/normalizer/type", "BertNormalizer".into())
            && states("/normalizer/clean_text", true.into())
            && states("/pre_tokenizer/type", "BertPreTokenizer".into());
        if !pieces || !same {
            return Err("tokenizer.json is not that of BERT (word pieces with \"##\")".to_owned());
        }
        let numbers = vocabulary(file.pointer("/model/vocab").unwrap_or(&Value::Null))?;
        let tokenizer = Self::new(numbers, Some(special_tokens(&file)))?;
        let switch = |name: &str| file.pointer(&format!("/normalizer/{name}")).and_then(Value::as_bool);
        let lower = switch("lowercase").unwrap_or(true);
        Ok(Self {
            lower,
            strip_accents: switch("strip_accents").unwrap_or(lower),
            split_chinese: switch("handle_chinese_chars").unwrap_or(true),
            ..tokenizer
        })
    }

    fn new(pieces: HashMap<String, u32>, special: Option<Vec<(String, u32)>>) -> Result<Self, String> {
        let number = |token: &str| {
            let number = pieces.get(token).copied();
            number.ok_or_else(|| format!("the vocabulary has no \"{token}\"; it is not BERT's"))
        };
        let (unknown, marks, padding) = (number("[UNK]")?, [number("[CLS]")?, number("[SEP]")?], number("[PAD]")?);
        let usual = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
        let usual = || usual.iter().filter_map(|&token| Some((token.to_owned(), *pieces.get(token)?))).collect();
        let special = special.unwrap_or_else(|| sorted(usual()));
        let (lower, strip_accents, split_chinese) = (true, true, true);
        Ok(Self { special, unknown, marks, padding, context: CONTEXT, lower, strip_accents, split_chinese, pieces })
    }

    /// With another number of places than 256, the marks of start and end included.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self { context, ..self }
    }

    /// Text as BERT's normaliser leaves it.
    fn cleaned(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        for c in text.chars() {
            let blank = matches!(c, '\t' | '\n' | '\r') || (c.is_whitespace() && !is_dropped(c));
            if blank {
                clean.push(' ');
            } else if self.split_chinese && is_chinese(c) {
                clean.extend([' ', c, ' ']);
            } else if !is_dropped(c) {
                clean.push(c);
            }
        }
        if self.strip_accents {
            clean = decomposed(&clean).into_iter().filter(|&c| !is_mark(c)).collect();
        }
        if self.lower { clean.chars().flat_map(char::to_lowercase).collect() } else { clean }
    }

    /// Pieces of a word, the longest that is known first; all of it is unknown where a part is.
    fn pieces_of(&self, word: &str) -> Vec<u32> {
        if word.chars().count() > LONGEST_WORD {
            return vec![self.unknown];
        }
        let mut numbers = Vec::new();
        let mut rest = word;
        while !rest.is_empty() {
            let start = if numbers.is_empty() { "" } else { CONTINUING };
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let found =
                ends.into_iter().find_map(|end| Some((end, *self.pieces.get(&format!("{start}{}", &rest[..end]))?)));
            let Some((end, number)) = found else { return vec![self.unknown] };
            numbers.push(number);
            rest = &rest[end..];
        }
        numbers
    }
}

impl Tokenizer for BertTokenizer {
    fn encode(&self, text: &str) -> Vec<u32> {
        let numbers = cut_at_special(text, &self.special).into_iter().flat_map(|part| match part {
            Part::Text(text) => {
                let clean = self.cleaned(text);
                words(&clean).into_iter().flat_map(|word| self.pieces_of(word)).collect()
            }
            Part::Special(number) => vec![number],
        });
        framed(numbers, self.marks, self.padding, self.context)
    }
}

/// Words between white space, every punctuation mark one of its own.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for piece in text.split(char::is_whitespace) {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let length =
                if is_punctuation(first) { first.len_utf8() } else { rest.find(is_punctuation).unwrap_or(rest.len()) };
            words.push(&rest[..length]);
            rest = &rest[length..];
        }
    }
    words
}

/// Chinese characters as BERT has them; the two blocks with a gap are those of Hugging Face's tokenizers.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2A6DF | 0x2A700..=0x2B81F
        | 0x2B920..=0x2CEAF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_blanks_and_punctuation() {
        assert_eq!(words(" a-b. it's \u{2003} “x” "), ["a", "-", "b", ".", "it", "'", "s", "“", "x", "”"]);
    }

    #[test]
    fn other_files_are_refused_in_words() {
        let error = BertTokenizer::from_vocabulary("a\nb\n").expect_err("no BERT");
        assert_eq!(error, "the vocabulary has no \"[UNK]\"; it is not BERT's");
        for text in ["{", "{}", "{\"model\": {\"type\": \"BPE\"}}"] {
            let error = BertTokenizer::from_tokenizer_json(text).expect_err("no BERT");
            assert!(error.contains("tokenizer.json"), "{error}");
        }
    }
}
