//! A report cut into sentences and words.
//!
//! Enters any text, hostile ones too; leaves places of words in it. One pass, so the work grows with the length only.

use std::ops::Range;

/// Bytes of a text that are read; what follows is left out. A long report has 5 thousand.
pub const MOST_BYTES: usize = 16 << 20;
/// A line shorter than this was not wrapped by a printer: a capital after it begins a sentence.
const SHORT_LINE: usize = 60;
/// A full stop after one of these ends no sentence when a small letter follows.
const ABBREVIATIONS: [&str; 9] = ["dr", "vs", "mr", "mrs", "ms", "approx", "eg", "ie", "cf"];

/// A word or a mark; its place in bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// Whether it has letters or digits; a mark is one of `, ; : ( ) / ?`.
    pub is_word: bool,
}

/// A text with its words and sentences.
#[derive(Clone, Debug)]
pub struct Prose {
    lower: String,
    tokens: Vec<Token>,
    sentences: Vec<Range<usize>>,
}

impl Prose {
    /// Cuts `text`. Hyphens separate words (`air-space` reads as `air space`), an apostrophe does not, and nor does a point
    /// between digits. Control characters count as spaces, every other sign is skipped.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut most = text.len().min(MOST_BYTES);
        while !text.is_char_boundary(most) {
            most -= 1;
        }
        // ASCII only, so that every place stays where it is in the text.
        let mut prose = Self { lower: text[..most].to_ascii_lowercase(), tokens: Vec::new(), sentences: Vec::new() };
        prose.cut(&text[..most]);
        prose
    }

    fn cut(&mut self, text: &str) {
        let mut first = 0;
        let mut line_start = 0;
        let mut letters = text.char_indices().peekable();
        while let Some((start, letter)) = letters.next() {
            if letter.is_alphanumeric() {
                let mut end = start + letter.len_utf8();
                let mut last = letter;
                while let Some(&(at, next)) = letters.peek() {
                    let mut after = text[at + next.len_utf8()..].chars();
                    let joins = match next {
                        '\'' => after.next().is_some_and(char::is_alphanumeric),
                        '.' | ',' => last.is_ascii_digit() && after.next().is_some_and(|c| c.is_ascii_digit()),
                        _ => next.is_alphanumeric(),
                    };
                    if !joins {
                        break;
                    }
                    (end, last) = (at + next.len_utf8(), next);
                    letters.next();
                }
                self.tokens.push(Token { start, end, is_word: true });
                continue;
            }
            if matches!(letter, ',' | ';' | ':' | '(' | ')' | '/' | '?') {
                self.tokens.push(Token { start, end: start + 1, is_word: false });
            }
            let ends = match letter {
                '.' => self.stops(text, start),
                '!' => true,
                '?' => starts_upper(&text[start + 1..]),
                '\n' => {
                    let is_short = start - line_start < SHORT_LINE;
                    line_start = start + 1;
                    line_ends(&text[start + 1..], is_short)
                }
                _ => false,
            };
            if ends {
                self.close(&mut first);
            }
        }
        self.close(&mut first);
    }

    fn close(&mut self, first: &mut usize) {
        if *first < self.tokens.len() {
            self.sentences.push(*first..self.tokens.len());
            *first = self.tokens.len();
        }
    }

    /// Whether the full stop at `at` ends a sentence.
    fn stops(&self, text: &str, at: usize) -> bool {
        let rest = &text[at + 1..];
        let Some(next) = rest.chars().next() else { return true };
        if !next.is_whitespace() && !next.is_uppercase() && next.is_alphanumeric() {
            return false;
        }
        let before =
            self.tokens.last().filter(|token| token.end == at).map(|token| &self.lower[token.start..token.end]);
        let is_short = before.is_some_and(|word| {
            ABBREVIATIONS.contains(&word) || (word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        });
        !is_short || starts_upper(rest)
    }

    /// The sentences, as ranges of tokens. None is empty.
    #[must_use]
    pub fn sentences(&self) -> &[Range<usize>] {
        &self.sentences
    }

    /// Every token.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The word or mark at `index`, ASCII letters in lower case; empty past the end.
    #[must_use]
    pub fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &self.lower[token.start..token.end])
    }

    /// Bytes of the text from the first to the last of `tokens`.
    #[must_use]
    pub fn bytes(&self, tokens: &Range<usize>) -> Range<usize> {
        let start = self.tokens.get(tokens.start).map_or(self.lower.len(), |token| token.start);
        let end = tokens.end.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |token| token.end);
        start..end.max(start)
    }
}

/// Only the nearest characters are looked at, or a text of spaces would take the square of its length.
fn starts_upper(rest: &str) -> bool {
    let next = rest.chars().take(8).find(|letter| !letter.is_whitespace());
    next.is_none_or(|letter| letter.is_uppercase() || letter.is_ascii_digit())
}

/// Whether a sentence ends at the end of a line.
fn line_ends(rest: &str, is_short: bool) -> bool {
    let mut letters = rest.chars().take(8).skip_while(|letter| matches!(letter, ' ' | '\t' | '\r'));
    match letters.next() {
        None | Some('\n' | '-' | '*' | '\u{2022}') => true,
        Some(digit) if digit.is_ascii_digit() => matches!(letters.next(), Some('.' | ')')),
        Some(letter) => is_short && letter.is_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<String> {
        let prose = Prose::new(text);
        let words = |range: &Range<usize>| range.clone().map(|at| prose.word(at)).collect::<Vec<_>>().join(" ");
        prose.sentences().iter().map(words).collect()
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        assert_eq!(
            sentences("A 3.5 cm air-space opacity in the apex.There is no effusion, vs. atelectasis. 2. Dr. x saw it"),
            ["a 3.5 cm air space opacity in the apex", "there is no effusion , vs atelectasis", "2", "dr x saw it"]
        );
        assert_eq!(
            sentences("IMPRESSION:\n1. Normal heart\n2. Nothing else?\nYes"),
            ["impression :", "1", "normal heart", "2", "nothing else ?", "yes"]
        );
        let wrapped =
            "There is a right-sided pleural effusion that is seen on the lateral film of\nToday and not before";
        assert_eq!(sentences(wrapped).len(), 1);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "\u{1F4A9} \u{c9}T\u{c9} Left\u{7}Effusion.";
        let prose = Prose::new(text);
        assert_eq!(&text[prose.bytes(&(1..3))], "Left\u{7}Effusion");
        assert_eq!(prose.word(1), "left");
        assert_eq!(prose.word(99), "");
    }

    #[test]
    fn hostile_texts_take_no_time() {
        for text in ["\n".repeat(10 << 20), ". ".repeat(5 << 20), "a.".repeat(5 << 20), "?".repeat(10 << 20)] {
            let started = std::time::Instant::now();
            let prose = Prose::new(&text);
            assert!(prose.tokens().len() <= text.len());
            assert!(started.elapsed().as_secs() < 5);
        }
        assert!(Prose::new("").sentences().is_empty());
        assert!(Prose::new(&"\u{e9}".repeat(MOST_BYTES)).tokens()[0].end <= MOST_BYTES);
    }
}
