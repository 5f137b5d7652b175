//! What characters are and what they are made of, as far as tokenizers ask: letters, marks, punctuation, decomposition.
//!
//! The tables lie in `unicode.txt`, which says whose they are. Composition follows Unicode Standard Annex 15; Hangul
//! (chapter 3.12 of the standard) is arithmetic.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Ranges of characters in order, each with a number.
type Ranges = Vec<(u32, u32, u8)>;

struct Tables {
    control: Ranges,
    mark: Ranges,
    punctuation: Ranges,
    alphabetic_no_letter: Ranges,
    combining: Ranges,
    parts: HashMap<char, Vec<char>>,
    wholes: HashMap<(char, char), char>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| read(include_str!("unicode.txt")));

/// Whether a character is a letter, `\p{L}` of regular expressions.
pub fn is_letter(c: char) -> bool {
    c.is_alphabetic() && (c.is_ascii() || !within(&TABLES.alphabetic_no_letter, c))
}

/// Whether a character is a number, `\p{N}`.
pub fn is_number(c: char) -> bool {
    c.is_numeric()
}

/// Whether BERT makes a word of its own of a character.
pub fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { within(&TABLES.punctuation, c) }
}

/// Whether BERT strips a character as an accent.
pub fn is_mark(c: char) -> bool {
    !c.is_ascii() && within(&TABLES.mark, c)
}

/// Whether BERT drops a character.
pub fn is_dropped(c: char) -> bool {
    within(&TABLES.control, c)
}

/// Normalisation form D: every character taken apart, marks in their order.
pub fn decomposed(text: &str) -> Vec<char> {
    let mut parts = Vec::with_capacity(text.len());
    text.chars().for_each(|c| take_apart(c, &mut parts));
    let mut from = 0;
    while from < parts.len() {
        let marks = parts[from..].iter().take_while(|&&c| class(c) != 0).count();
        parts[from..from + marks].sort_by_key(|&c| class(c));
        from += marks + 1;
    }
    parts
}

/// Normalisation form C: taken apart and put together again as far as the standard says.
pub fn composed(text: &str) -> String {
    // Nothing before U+0300 is ever put together with what follows, or is not yet.
    if text.chars().all(|c| c < '\u{300}') {
        return text.to_owned();
    }
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut starter: Option<usize> = None;
    let mut before = 0;
    for c in decomposed(text) {
        let class = class(c);
        // A character in between hides the starter if it is of no lower class.
        let open = starter.is_some_and(|at| at + 1 == out.len() || before < class);
        if let Some(at) = starter.filter(|_| open)
            && let Some(whole) = whole(out[at], c)
        {
            out[at] = whole;
            continue;
        }
        if class == 0 {
            starter = Some(out.len());
        }
        before = class;
        out.push(c);
    }
    out.into_iter().collect()
}

/// First syllable, first, second and third letters of Hangul, and their numbers.
const SYLLABLE: u32 = 0xAC00;
const LEADING: u32 = 0x1100;
const VOWEL: u32 = 0x1161;
const TRAILING: u32 = 0x11A7;
const LEADINGS: u32 = 19;
const VOWELS: u32 = 21;
const TRAILINGS: u32 = 28;

fn take_apart(c: char, parts: &mut Vec<char>) {
    let code = u32::from(c);
    if c.is_ascii() {
        parts.push(c);
    } else if (SYLLABLE..SYLLABLE + LEADINGS * VOWELS * TRAILINGS).contains(&code) {
        let index = code - SYLLABLE;
        let letters =
            [LEADING + index / (VOWELS * TRAILINGS), VOWEL + index / TRAILINGS % VOWELS, TRAILING + index % TRAILINGS];
        let written = if index.is_multiple_of(TRAILINGS) { 2 } else { 3 };
        parts.extend(letters.into_iter().take(written).filter_map(char::from_u32));
    } else {
        match TABLES.parts.get(&c) {
            Some(inner) => inner.iter().for_each(|&c| take_apart(c, parts)),
            None => parts.push(c),
        }
    }
}

/// What two characters make together, if anything.
fn whole(first: char, second: char) -> Option<char> {
    let (a, b) = (u32::from(first), u32::from(second));
    if (LEADING..LEADING + LEADINGS).contains(&a) && (VOWEL..VOWEL + VOWELS).contains(&b) {
        return char::from_u32(SYLLABLE + ((a - LEADING) * VOWELS + (b - VOWEL)) * TRAILINGS);
    }
    let open =
        (SYLLABLE..SYLLABLE + LEADINGS * VOWELS * TRAILINGS).contains(&a) && (a - SYLLABLE).is_multiple_of(TRAILINGS);
    if open && (TRAILING + 1..TRAILING + TRAILINGS).contains(&b) {
        return char::from_u32(a + b - TRAILING);
    }
    TABLES.wholes.get(&(first, second)).copied()
}

/// Canonical combining class; 0 for what starts a character.
fn class(c: char) -> u8 {
    if c < '\u{300}' { 0 } else { find(&TABLES.combining, c).unwrap_or(0) }
}

fn within(ranges: &Ranges, c: char) -> bool {
    find(ranges, c).is_some()
}

fn find(ranges: &Ranges, c: char) -> Option<u8> {
    let code = u32::from(c);
    let after = ranges.partition_point(|&(first, _, _)| first <= code);
    let &(_, last, number) = ranges.get(after.checked_sub(1)?)?;
    (code <= last).then_some(number)
}

/// Reads `unicode.txt`; a test holds that every word of it is understood.
fn read(file: &str) -> Tables {
    let words = |section: &str| {
        let lines = file.lines().skip_while(move |line| line.strip_prefix('[') != Some(&format!("{section}]")));
        lines.skip(1).take_while(|line| !line.starts_with('[')).flat_map(str::split_whitespace).collect::<Vec<_>>()
    };
    let ranges = |section: &str| -> Ranges { words(section).into_iter().filter_map(range).collect() };
    let mut parts = HashMap::new();
    let mut wholes = HashMap::new();
    for word in words("decomposition") {
        let Some((whole, inner)) = decomposition(word) else { continue };
        if let (&[first, second], true) = (inner.as_slice(), word.contains(':')) {
            wholes.insert((first, second), whole);
        }
        parts.insert(whole, inner);
    }
    Tables {
        control: ranges("control"),
        mark: ranges("mark"),
        punctuation: ranges("punctuation"),
        alphabetic_no_letter: ranges("alphabetic_no_letter"),
        combining: ranges("combining"),
        parts,
        wholes,
    }
}

/// `FIRST-LAST=NUMBER`, of which last and number may be missing.
fn range(word: &str) -> Option<(u32, u32, u8)> {
    let (span, number) = word.split_once('=').unwrap_or((word, "0"));
    let (first, last) = span.split_once('-').unwrap_or((span, span));
    let code = |hex: &str| u32::from_str_radix(hex, 16).ok();
    Some((code(first)?, code(last)?, number.parse().ok()?))
}

/// `WHOLE:PART+PART`.
fn decomposition(word: &str) -> Option<(char, Vec<char>)> {
    let (whole, inner) = word.split_once([':', '!'])?;
    let character = |hex: &str| char::from_u32(u32::from_str_radix(hex, 16).ok()?);
    Some((character(whole)?, inner.split('+').map(character).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_tables_is_understood() {
        let file = include_str!("unicode.txt");
        let mut section = "";
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line;
                continue;
            }
            for word in line.split_whitespace() {
                let read =
                    if section == "[decomposition]" { decomposition(word).is_some() } else { range(word).is_some() };
                assert!(read, "{section} {word}");
            }
        }
        let counts =
            [&TABLES.control, &TABLES.mark, &TABLES.punctuation, &TABLES.alphabetic_no_letter, &TABLES.combining];
        assert_eq!(counts.map(Vec::len), [25, 266, 156, 275, 382]);
        assert_eq!((TABLES.parts.len(), TABLES.wholes.len()), (2061, 941));
        for ranges in counts {
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "in order");
        }
    }

    #[test]
    fn letters_are_fewer_than_what_is_alphabetic() {
        // Vowel signs, roman numerals and letters in circles are alphabetic, but no letters.
        for c in ['\u{93f}', 'Ⅷ', 'ⓐ', '\u{345}'] {
            assert!(c.is_alphabetic() && !is_letter(c), "{c:?}");
        }
        for c in ['a', 'ß', 'ª', '胸', 'ǅ', 'ʰ'] {
            assert!(is_letter(c), "{c:?}");
        }
        for c in ['1', '½', 'Ⅷ', '④', '٣', '²'] {
            assert!(is_number(c), "{c:?}");
        }
        assert!(!is_letter('1') && !is_letter('-') && !is_number('a'));
    }

    #[test]
    fn characters_come_apart_and_together() {
        let apart = |text: &str| decomposed(text).into_iter().collect::<String>();
        assert_eq!(apart("é\u{1e69}\u{d55c}"), "e\u{301}s\u{323}\u{307}\u{1112}\u{1161}\u{11ab}");
        assert_eq!(composed("e\u{301}s\u{307}\u{323}"), "é\u{1e69}");
        assert_eq!(composed("\u{1112}\u{1161}\u{11ab}\u{1112}\u{1161}"), "\u{d55c}\u{d558}");
        // Singletons change, excluded wholes stay apart, a mark of no lower class in between blocks.
        assert_eq!(composed("\u{212b}\u{958}"), "\u{c5}\u{915}\u{93c}");
        assert_eq!(composed("a\u{5ae}\u{300}b a\u{300}\u{5ae}b"), "\u{e0}\u{5ae}b \u{e0}\u{5ae}b");
        assert_eq!(composed("a\u{1dce}\u{328}"), "\u{105}\u{1dce}");
    }
}
