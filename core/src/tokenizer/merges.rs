//! Byte-pair encoding: neighbours are merged, the pair that was learnt first before all others, until no pair is known.
//!
//! Source: Sennrich et al. 2016; `models/bpe` of Hugging Face's tokenizers, whose order of equal pairs (left first) this has.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Known pairs of tokens: the order in which they were learnt, and the token that they make.
#[derive(Debug, Default)]
pub struct Merges(HashMap<(u32, u32), (u32, u32)>);

impl Merges {
    /// Pairs in the order of their learning. Of a pair that is given twice the last counts.
    ///
    /// # Errors
    /// When a pair or what it makes is not in the vocabulary.
    pub fn new<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        vocabulary: &HashMap<String, u32>,
    ) -> Result<Self, String> {
        let number = |token: &str| {
            let number = vocabulary.get(token).copied();
            number.ok_or_else(|| format!("token \"{token}\" of the merges is not in the vocabulary"))
        };
        let mut merges = HashMap::new();
        for (rank, (first, second)) in (0_u32..).zip(pairs) {
            let made = number(&format!("{first}{second}"))?;
            merges.insert((number(first)?, number(second)?), (rank, made));
        }
        Ok(Self(merges))
    }

    /// Tokens of a word after all merges.
    #[must_use]
    pub fn apply(&self, word: Vec<u32>) -> Vec<u32> {
        let mut chain = Chain::new(word);
        let mut waiting = BinaryHeap::new();
        let enter = |waiting: &mut BinaryHeap<_>, chain: &Chain, left: usize| {
            let Some(right) = chain.right(left) else { return };
            let pair = (chain.tokens[left], chain.tokens[right]);
            if let Some(&(rank, _)) = self.0.get(&pair) {
                waiting.push(Reverse((rank, left, pair)));
            }
        };
        (0..chain.tokens.len()).for_each(|left| enter(&mut waiting, &chain, left));
        while let Some(Reverse((_, left, pair))) = waiting.pop() {
            // Either side may have been merged with another meanwhile.
            let there = chain.alive[left].then(|| chain.right(left)).flatten();
            let Some(right) = there.filter(|&right| (chain.tokens[left], chain.tokens[right]) == pair) else {
                continue;
            };
            let Some(&(_, made)) = self.0.get(&pair) else { continue };
            chain.merge(left, right, made);
            enter(&mut waiting, &chain, left);
            if let Some(before) = chain.left(left) {
                enter(&mut waiting, &chain, before);
            }
        }
        chain.tokens.iter().zip(&chain.alive).filter_map(|(&token, &alive)| alive.then_some(token)).collect()
    }
}

/// Tokens of a word, linked to their neighbours.
struct Chain {
    tokens: Vec<u32>,
    alive: Vec<bool>,
    next: Vec<usize>,
    /// One more than the place before; 0 at the start.
    previous: Vec<usize>,
}

impl Chain {
    fn new(tokens: Vec<u32>) -> Self {
        let count = tokens.len();
        Self { tokens, alive: vec![true; count], next: (1..=count).collect(), previous: (0..count).collect() }
    }

    fn right(&self, at: usize) -> Option<usize> {
        Some(self.next[at]).filter(|&next| next < self.tokens.len())
    }

    fn left(&self, at: usize) -> Option<usize> {
        self.previous[at].checked_sub(1)
    }

    fn merge(&mut self, left: usize, right: usize, made: u32) {
        self.tokens[left] = made;
        self.alive[right] = false;
        self.next[left] = self.next[right];
        if let Some(after) = self.right(left) {
            self.previous[after] = left + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(word: &str, pairs: &[(&str, &str)]) -> String {
        let made: Vec<String> = pairs.iter().map(|(a, b)| format!("{a}{b}")).collect();
        let letters = ('a'..='e').map(String::from);
        let names: Vec<String> = letters.chain(made).collect();
        let vocabulary: HashMap<String, u32> = names.iter().cloned().zip(0..).collect();
        let merges = Merges::new(pairs.iter().copied(), &vocabulary).expect("merges");
        let tokens = word.chars().map(|c| vocabulary[&c.to_string()]).collect();
        merges.apply(tokens).into_iter().map(|token| names[token as usize].as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_was_learnt_first_is_merged_first() {
        assert_eq!(merged("abc", &[("b", "c"), ("a", "b")]), "a bc");
        assert_eq!(merged("abc", &[("a", "b"), ("b", "c")]), "ab c");
        assert_eq!(merged("aaaaa", &[("a", "a")]), "aa aa a");
        assert_eq!(merged("aaaaa", &[("a", "a"), ("aa", "aa")]), "aaaa a");
        assert_eq!(merged("abab", &[("a", "b"), ("ab", "ab")]), "abab");
        assert_eq!(merged("", &[("a", "b")]), "");
    }

    #[test]
    fn merges_outside_the_vocabulary_are_refused() {
        let vocabulary = HashMap::from([("a".to_owned(), 0), ("b".to_owned(), 1)]);
        let error = Merges::new([("a", "b")].into_iter(), &vocabulary).expect_err("no ab");
        assert_eq!(error, "token \"ab\" of the merges is not in the vocabulary");
    }
}
