//! A small language for phrases, and the search for many of them in a sentence.
//!
//! Enters a phrase such as `enlarged|large cardi*|heart`, leaves the places where a sentence has it. Words are separated
//! by spaces; `a|b` is either, `opaci*` any word that begins so, `a|` (an empty choice) may be missing, `..` stands for up
//! to [`GAP`] words without a mark between them. A word of four letters or more also matches its plural in `s` or `es`.

use std::collections::HashMap;
use std::ops::Range;

use super::prose::Prose;

/// Most words that `..` stands for.
pub const GAP: usize = 4;
/// Most pieces of a phrase, so that a search stays cheap whatever a file says.
const MOST_PIECES: usize = 12;
const MOST_GAPS: usize = 2;

#[derive(Clone, Debug)]
enum Piece {
    Word { choices: Vec<Choice>, may_miss: bool },
    Gap,
}

#[derive(Clone, Debug)]
enum Choice {
    Whole(String),
    Begin(String),
}

impl Choice {
    fn matches(&self, word: &str) -> bool {
        match self {
            Self::Begin(begin) => word.starts_with(begin.as_str()),
            Self::Whole(whole) => match word.strip_prefix(whole.as_str()) {
                Some(rest) => rest.is_empty() || (whole.len() >= 4 && (rest == "s" || rest == "es")),
                None => false,
            },
        }
    }
}

/// A phrase that a sentence can have.
#[derive(Clone, Debug)]
pub struct Phrase(Vec<Piece>);

impl Phrase {
    /// Reads a phrase in the language above.
    ///
    /// # Errors
    /// When it has no word, too many pieces, or begins or ends with something that may be missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces: Vec<Piece> = text.split_whitespace().map(piece).collect::<Result<_, String>>()?;
        let gaps = pieces.iter().filter(|piece| matches!(piece, Piece::Gap)).count();
        let is_firm = |piece: Option<&Piece>| matches!(piece, Some(Piece::Word { may_miss: false, .. }));
        if !is_firm(pieces.first()) || !is_firm(pieces.last()) {
            return Err(format!("the phrase \"{text}\" must begin and end with a word that may not be missing"));
        }
        if pieces.len() > MOST_PIECES || gaps > MOST_GAPS {
            return Err(format!("the phrase \"{text}\" has more than {MOST_PIECES} words or {MOST_GAPS} gaps"));
        }
        Ok(Self(pieces))
    }

    /// The token after the longest match that begins at `at`, within tokens below `end`.
    fn match_at(&self, prose: &Prose, at: usize, end: usize) -> Option<usize> {
        longest(&self.0, prose, at, end)
    }

    /// Beginnings of the words it can begin with.
    fn keys(&self) -> Vec<Key> {
        match self.0.first() {
            Some(Piece::Word { choices, .. }) => choices
                .iter()
                .map(|choice| match choice {
                    Choice::Whole(word) | Choice::Begin(word) => key(word),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn piece(text: &str) -> Result<Piece, String> {
    if text == ".." {
        return Ok(Piece::Gap);
    }
    let mut choices = Vec::new();
    for choice in text.split('|').filter(|choice| !choice.is_empty()) {
        let choice = choice.to_ascii_lowercase();
        choices.push(match choice.strip_suffix('*') {
            Some(begin) if begin.len() < 2 => return Err(format!("\"{text}\": at least two letters before *")),
            Some(begin) => Choice::Begin(begin.to_owned()),
            None => Choice::Whole(choice),
        });
    }
    if choices.is_empty() {
        return Err(format!("\"{text}\" is no word"));
    }
    let may_miss = text.split('|').any(str::is_empty);
    Ok(Piece::Word { choices, may_miss })
}

fn longest(pieces: &[Piece], prose: &Prose, at: usize, end: usize) -> Option<usize> {
    let Some((piece, rest)) = pieces.split_first() else { return Some(at) };
    match piece {
        Piece::Word { choices, may_miss } => {
            let taken = (at < end && choices.iter().any(|choice| choice.matches(prose.word(at))))
                .then(|| longest(rest, prose, at + 1, end))
                .flatten();
            taken.or_else(|| may_miss.then(|| longest(rest, prose, at, end)).flatten())
        }
        Piece::Gap => {
            let words = (0..GAP).take_while(|&n| at + n < end && prose.tokens()[at + n].is_word).count();
            (0..=words).rev().find_map(|skipped| longest(rest, prose, at + skipped, end))
        }
    }
}

/// The first two bytes of a word.
type Key = [u8; 2];

fn key(word: &str) -> Key {
    let mut bytes = word.bytes();
    [bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)]
}

/// A place where a sentence has a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<T> {
    /// Tokens of the prose.
    pub tokens: Range<usize>,
    /// What belongs to the phrase.
    pub value: T,
}

/// Many phrases, each with a value.
#[derive(Clone, Debug)]
pub struct Phrases<T> {
    phrases: Vec<(Phrase, T)>,
    by_key: HashMap<Key, Vec<usize>>,
}

impl<T: Copy> Phrases<T> {
    /// Reads every phrase.
    ///
    /// # Errors
    /// When one cannot be read ([`Phrase::parse`]).
    pub fn new<'a>(phrases: impl IntoIterator<Item = (&'a str, T)>) -> Result<Self, String> {
        let mut all = Self { phrases: Vec::new(), by_key: HashMap::new() };
        for (text, value) in phrases {
            let phrase = Phrase::parse(text)?;
            for key in phrase.keys() {
                let list: &mut Vec<usize> = all.by_key.entry(key).or_default();
                if list.last() != Some(&all.phrases.len()) {
                    list.push(all.phrases.len());
                }
            }
            all.phrases.push((phrase, value));
        }
        Ok(all)
    }

    /// Every place of every phrase in the tokens `sentence`, in the order of their beginnings.
    #[must_use]
    pub fn find(&self, prose: &Prose, sentence: &Range<usize>) -> Vec<Hit<T>> {
        let mut hits = Vec::new();
        for at in sentence.clone() {
            for &index in self.by_key.get(&key(prose.word(at))).into_iter().flatten() {
                let (phrase, value) = &self.phrases[index];
                if let Some(end) = phrase.match_at(prose, at, sentence.end) {
                    hits.push(Hit { tokens: at..end, value: *value });
                }
            }
        }
        hits
    }

    /// The longest phrase at each place, none over another, from left to right.
    #[must_use]
    pub fn find_apart(&self, prose: &Prose, sentence: &Range<usize>) -> Vec<Hit<T>> {
        let mut apart: Vec<Hit<T>> = Vec::new();
        for hit in self.find(prose, sentence) {
            match apart.last_mut() {
                Some(last) if last.tokens.start == hit.tokens.start => {
                    if hit.tokens.end > last.tokens.end {
                        *last = hit;
                    }
                }
                Some(last) if hit.tokens.start < last.tokens.end => {}
                _ => apart.push(hit),
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrase: &str, text: &str) -> Vec<Range<usize>> {
        let prose = Prose::new(text);
        let phrases = Phrases::new([(phrase, ())]).expect("phrase");
        prose.sentences().iter().flat_map(|s| phrases.find(&prose, s)).map(|hit| hit.tokens).collect()
    }

    #[test]
    fn the_language_does_what_it_says() {
        assert_eq!(found("opaci*", "Opacity, opacities and opaque"), [0..1, 2..3]);
        assert_eq!(found("mass", "mass masses massive"), [0..1, 1..2]);
        assert_eq!(found("enlarged|large the| heart|cardi*", "enlarged heart, large the cardiac"), [0..2, 3..6]);
        assert_eq!(
            found("heart .. enlarged", "heart is quite clearly enlarged. heart, enlarged. heart enlarged"),
            [0..5, 8..10]
        );
        assert_eq!(found("rod", "rods"), Vec::<Range<usize>>::new());
    }

    #[test]
    fn bad_phrases_are_refused_in_words() {
        for bad in ["", "..", "a .. ", "the| heart", "a*", "|", &"a ".repeat(20), "a .. b .. c .. d"] {
            assert!(Phrase::parse(bad).expect_err(bad).contains('"'), "{bad}");
        }
    }

    #[test]
    fn the_longest_wins_and_hides_what_it_covers() {
        let prose = Prose::new("no evidence of change");
        let phrases = Phrases::new([("no", 1), ("no evidence of", 2), ("evidence", 3)]).expect("phrases");
        let hits = phrases.find_apart(&prose, &prose.sentences()[0]);
        assert_eq!(hits, [Hit { tokens: 0..3, value: 2 }]);
    }
}
