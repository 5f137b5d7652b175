//! A concept: a few words that a text tower turns into a direction.

use std::collections::BTreeSet;
use std::fmt;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest concept in bytes; text towers read 77 or 256 tokens.
const LONGEST: usize = 1024;

/// A few words, cheap to copy. Words stay in memory for the life of the program; they are few and short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concept(&'static str);

impl Concept {
    /// A concept of some words; none without words, or with more than any text tower reads.
    #[must_use]
    pub fn new(words: &str) -> Option<Self> {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let words = words.trim();
        if words.is_empty() || words.len() > LONGEST {
            return None;
        }
        let mut known = KNOWN.lock();
        if let Some(same) = known.get(words) {
            return Some(Self(same));
        }
        let kept: &'static str = Box::leak(words.to_owned().into_boxed_str());
        known.insert(kept);
        Some(Self(kept))
    }

    /// The words.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Concept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Concept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Concept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = String::deserialize(deserializer)?;
        Self::new(&words).ok_or_else(|| serde::de::Error::custom("a concept is a few words"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_one_concept() {
        let one = Concept::new(" a chest X-ray with a pacemaker ").unwrap();
        assert_eq!(Concept::new("a chest X-ray with a pacemaker"), Some(one));
        assert!(std::ptr::eq(one.words(), Concept::new(one.words()).unwrap().words()));
        assert_eq!(Concept::new("  "), None);
        let back: Concept = ron::from_str(&ron::to_string(&one).unwrap()).unwrap();
        assert_eq!(back, one);
    }
}
