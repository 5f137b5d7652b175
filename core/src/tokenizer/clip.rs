//! CLIP's byte-pair encoding of lower-case text.
//!
//! In: text and a vocabulary, as `vocab.json` with `merges.txt`, as Hugging Face's `tokenizer.json`, or as OpenAI's
//! `bpe_simple_vocab_16e6.txt.gz`. Text is cleaned as Hugging Face's `CLIPTokenizer` does it: composed (NFC), white space made
//! one blank, lower case. open_clip calls ftfy before, which also repairs broken encodings and straightens curly quotes; that
//! is not done here. Sources: `tokenization_clip.py` of transformers, `tokenizer.py` of open_clip.

use std::collections::HashMap;
use std::io::Read as _;

use serde_json::Value;

use super::merges::Merges;
use super::unicode::{composed, is_letter, is_number};
use super::{Part, Tokenizer, cut_at_special, framed, sorted, special_tokens, vocabulary};

/// Places that all published CLIPs have.
const CONTEXT: usize = 77;

/// Merges of OpenAI's file that are used: what with all bytes, alone and at the end of a word, and the two marks makes 49408.
const OPENAI_MERGES: usize = 49_152 - 256 - 2;

/// Most bytes of OpenAI's file once unpacked; it has 3 million.
const UNPACKED: u64 = 1 << 26;

/// What stands behind the last character of a word.
const WORD_END: &str = "</w>";

/// Sentences to CLIP's numbers.
#[derive(Debug)]
pub struct ClipTokenizer {
    /// Numbers of each byte inside a word, and of each at its end.
    bytes: Vec<[Option<u32>; 2]>,
    merges: Merges,
    /// Tokens that stand for themselves.
    special: Vec<(String, u32)>,
    marks: [u32; 2],
    padding: u32,
    context: usize,
    /// Lower case of a whole text, in which a sigma at the end of a word has its own form, and marks of start and end in any
    /// case, as Python's code does it.
    python: bool,
}

impl ClipTokenizer {
    /// From the texts of `vocab.json` and `merges.txt`; filled up with the mark of the end.
    ///
    /// # Errors
    /// When they are not those of CLIP.
    pub fn from_vocabulary(vocab: &str, merges: &str) -> Result<Self, String> {
        let vocab: Value = serde_json::from_str(vocab).map_err(|e| format!("the vocabulary is no JSON ({e})"))?;
        let numbers = vocabulary(&vocab)?;
        let lines = merges.lines().filter(|line| !line.starts_with("#version"));
        let pairs = lines.filter(|line| !line.trim().is_empty()).map(pair).collect::<Result<Vec<_>, _>>()?;
        let marks = ["<|startoftext|>", "<|endoftext|>"];
        let merges = Merges::new(pairs.into_iter(), &numbers)?;
        let special = sorted(marks.iter().filter_map(|&mark| Some((mark.to_owned(), *numbers.get(mark)?))).collect());
        Self::new(&numbers, merges, special, marks)
    }

    /// From the text of `tokenizer.json`; filled up with the mark of the end.
    ///
    /// # Errors
    /// When it is another tokenizer's.
    pub fn from_tokenizer_json(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|e| format!("tokenizer.json is no JSON ({e})"))?;
        let model = file.get("model").ok_or("tokenizer.json has no model")?;
        let states = |name: &str, wanted: &str| model.get(name).and_then(Value::as_str) == Some(wanted);
        let lowers = file.get("normalizer").is_some_and(|normalizer| normalizer.to_string().contains("Lowercase"));
        // Old files do not name the kind of their model.
        let byte_pairs = states("type", "BPE") || (model.get("type").is_none() && model.get("merges").is_some());
        if !byte_pairs || !states("end_of_word_suffix", WORD_END) || !lowers {
            return Err("tokenizer.json is not that of CLIP (byte pairs in lower case with \"</w>\")".to_owned());
        }
        let numbers = vocabulary(model.get("vocab").unwrap_or(&Value::Null))?;
        let merges = model.get("merges").and_then(Value::as_array).ok_or("tokenizer.json has no merges")?;
        let pairs = merges.iter().map(json_pair).collect::<Result<Vec<_>, _>>()?;
        let merges = Merges::new(pairs.into_iter(), &numbers)?;
        let special = special_tokens(&file);
        let mark = |names: [&'static str; 2]| names.into_iter().find(|&name| numbers.contains_key(name));
        let start =
            mark(["<|startoftext|>", "<start_of_text>"]).ok_or("the vocabulary has no mark of a text's start")?;
        let end = mark(["<|endoftext|>", "<end_of_text>"]).ok_or("the vocabulary has no mark of a text's end")?;
        Self::new(&numbers, merges, special, [start, end])
    }

    /// From the bytes of OpenAI's `bpe_simple_vocab_16e6.txt.gz`; filled up with zeros, as open_clip does.
    ///
    /// # Errors
    /// When it is not such a file.
    pub fn from_openai(gzip: &[u8]) -> Result<Self, String> {
        let mut text = String::new();
        let unpacked = flate2::read::GzDecoder::new(gzip).take(UNPACKED).read_to_string(&mut text);
        unpacked.map_err(|e| format!("not OpenAI's vocabulary, a text packed by gzip ({e})"))?;
        let lines = text.lines().skip(1).take(OPENAI_MERGES).take_while(|line| !line.is_empty());
        let pairs = lines.map(pair).collect::<Result<Vec<_>, _>>()?;
        let order = printable().collect::<Vec<_>>();
        let alone = order.iter().map(|&(_, c)| c.to_string());
        let at_end = order.iter().map(|&(_, c)| format!("{c}{WORD_END}"));
        let made = pairs.iter().map(|(first, second)| format!("{first}{second}"));
        let marks = ["<start_of_text>", "<end_of_text>"];
        let names = alone.chain(at_end).chain(made).chain(marks.map(str::to_owned));
        let numbers: HashMap<String, u32> = names.zip(0..).collect();
        let merges = Merges::new(pairs.into_iter(), &numbers)?;
        let special = marks.iter().filter_map(|&mark| Some((mark.to_owned(), *numbers.get(mark)?))).collect();
        let tokenizer = Self::new(&numbers, merges, sorted(special), marks)?;
        Ok(Self { padding: 0, python: true, ..tokenizer })
    }

    fn new(
        numbers: &HashMap<String, u32>,
        merges: Merges,
        special: Vec<(String, u32)>,
        marks: [&str; 2],
    ) -> Result<Self, String> {
        let number = |mark: &str| numbers.get(mark).copied().ok_or_else(|| format!("the vocabulary has no \"{mark}\""));
        let marks = [number(marks[0])?, number(marks[1])?];
        let mut bytes = vec![[None; 2]; 256];
        for (byte, c) in printable() {
            let alone = numbers.get(&c.to_string()).copied();
            bytes[usize::from(byte)] = [alone, numbers.get(&format!("{c}{WORD_END}")).copied()];
        }
        Ok(Self { bytes, merges, special, marks, padding: marks[1], context: CONTEXT, python: false })
    }

    /// With another number of places than 77, the marks of start and end included.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self { context, ..self }
    }

    /// Numbers of a text without special tokens.
    fn numbers_of(&self, text: &str) -> Vec<u32> {
        let clean = self.cleaned(text);
        let words = if self.python { split(&clean, &[]) } else { split(&clean, &HF_MARKS) };
        words.into_iter().flat_map(|word| self.merges.apply(self.symbols(word))).collect()
    }

    fn cleaned(&self, text: &str) -> String {
        let text = composed(text);
        let text = text.split(char::is_whitespace).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if self.python { text.to_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
    }

    /// Numbers of a word's bytes; a byte that is not in the vocabulary is the mark of the end, as its authors have it.
    fn symbols(&self, word: &str) -> Vec<u32> {
        let unknown = self.marks[1];
        let last = word.chars().next_back().map_or(0, char::len_utf8);
        debug_assert!(last > 0, "no word is empty");
        let count = word.len();
        let at_end = |index: usize| usize::from(index + 1 == count);
        word.bytes()
            .enumerate()
            .map(|(at, byte)| self.bytes[usize::from(byte)][at_end(at)].unwrap_or(unknown))
            .collect()
    }
}

impl Tokenizer for ClipTokenizer {
    fn encode(&self, text: &str) -> Vec<u32> {
        // Python's code lowers the whole text first, marks included.
        let lowered = if self.python { self.cleaned(text) } else { text.to_owned() };
        let parts = cut_at_special(&lowered, &self.special);
        let numbers = parts.into_iter().flat_map(|part| match part {
            Part::Text(text) => self.numbers_of(text),
            Part::Special(number) => vec![number],
        });
        framed(numbers, self.marks, self.padding, self.context)
    }
}

/// Written in lower case or any other, these are cut off what follows by Hugging Face's pattern, and then cut again.
const HF_MARKS: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];

/// English endings that are words of their own.
const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// CLIP's pattern `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`, after `marks`.
fn split<'a>(text: &'a str, marks: &[&str]) -> Vec<&'a str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(mark) = marks.iter().find(|&&mark| rest.starts_with(mark)) {
            words.extend(split(&rest[..mark.len()], &[]));
            rest = &rest[mark.len()..];
            continue;
        }
        let other = |c: char| !c.is_whitespace() && !is_letter(c) && !is_number(c);
        let run = |kind: &dyn Fn(char) -> bool| rest.find(|c| !kind(c)).unwrap_or(rest.len());
        let length = match ENDINGS.iter().find(|&&ending| rest.starts_with(ending)) {
            Some(ending) => ending.len(),
            None if is_letter(first) => run(&is_letter),
            None if is_number(first) || first.is_whitespace() => first.len_utf8(),
            None => run(&other),
        };
        if !first.is_whitespace() {
            words.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    words
}

/// Every byte and the printable character that vocabularies write for it, in OpenAI's order (`bytes_to_unicode`).
fn printable() -> impl Iterator<Item = (u8, char)> {
    let shown = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let own = (0..=255_u8).filter(shown).map(|byte| (byte, char::from(byte)));
    let hidden = (0..=255_u8).filter(move |byte| !shown(byte));
    own.chain(hidden.zip('\u{100}'..))
}

/// `FIRST SECOND` of a line.
fn pair(line: &str) -> Result<(&str, &str), String> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(first), Some(second), None) => Ok((first, second)),
        _ => Err(format!("\"{}\" is not a pair of tokens", line.chars().take(40).collect::<String>())),
    }
}

/// A pair as JSON has it: `"FIRST SECOND"` or `["FIRST", "SECOND"]`.
fn json_pair(value: &Value) -> Result<(&str, &str), String> {
    let both = value.as_array().map(Vec::as_slice);
    match (value.as_str(), both) {
        (Some(line), _) => pair(line),
        (None, Some([Value::String(first), Value::String(second)])) => Ok((first, second)),
        _ => Err("a merge of tokenizer.json is not a pair of tokens".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_the_pattern_says() {
        let cases: [(&str, &[&str]); 6] = [
            ("it's 22nd", &["it", "'s", "2", "2", "nd"]),
            ("''s 't'", &["''", "s", "'t", "'"]),
            ("a-b.. c", &["a", "-", "b", "..", "c"]),
            ("x\u{93f}y", &["x", "\u{93f}", "y"]),
            ("", &[]),
            ("'rex 'dll", &["'re", "x", "'d", "ll"]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text, &HF_MARKS), words, "{text}");
        }
        assert_eq!(split("!<|endoftext|>!", &HF_MARKS), ["!<|", "endoftext", "|>!"]);
        assert_eq!(split("a<|endoftext|>!", &HF_MARKS), ["a", "<|", "endoftext", "|>", "!"]);
    }

    #[test]
    fn every_byte_has_its_own_character() {
        let all: Vec<(u8, char)> = printable().collect();
        assert_eq!(
            (all[0], all[93], all[94], all[188], all[255]),
            ((33, '!'), (126, '~'), (0xA1, '¡'), (0, 'Ā'), (0xAD, 'Ń'))
        );
        let different: std::collections::HashSet<char> = all.iter().map(|&(_, c)| c).collect();
        assert_eq!(different.len(), 256);
    }

    #[test]
    fn other_files_are_refused_in_words() {
        let error = |result: Result<ClipTokenizer, String>| result.expect_err("refused");
        assert!(error(ClipTokenizer::from_vocabulary("[]", "")).contains("not an object"));
        assert!(error(ClipTokenizer::from_vocabulary("{", "")).contains("no JSON"));
        assert!(error(ClipTokenizer::from_vocabulary("{\"a\": -1}", "")).contains("number of token \"a\" is none"));
        assert!(error(ClipTokenizer::from_vocabulary("{\"a\": 1}", "")).contains("no \"<|startoftext|>\""));
        assert!(error(ClipTokenizer::from_vocabulary("{\"a\": 1}", "a b c")).contains("not a pair"));
        assert!(error(ClipTokenizer::from_tokenizer_json("{}")).contains("no model"));
        let word_pieces = "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}";
        assert!(error(ClipTokenizer::from_tokenizer_json(word_pieces)).contains("not that of CLIP"));
        assert!(error(ClipTokenizer::from_openai(b"hello")).contains("packed by gzip"));
    }
}
