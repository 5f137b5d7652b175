//! Text towers of image and text models: tokens of a sentence enter, one vector of length 1 in the space of the images leaves.
//!
//! Knows token numbers, not words: [`crate::tokenizer`] makes them.

mod bert;
mod clip;

use burn::prelude::*;
use burn::tensor::TensorData;

pub use bert::{BertConfig, BertPooling, BertText};
pub use clip::{ClipText, ClipTextConfig, EndOfText};

/// Sentences to vectors.
pub trait TextEncoder: Send + Sync {
    /// Tokens of `b` sentences, each padded to the same length, to `[b, embed]` with rows of length 1. Differentiable with
    /// respect to the weights only.
    ///
    /// # Errors
    /// When there is no sentence, lengths differ or are beyond [`Self::context`], or a token is none of the vocabulary.
    fn embed(&self, sentences: &[Vec<u32>]) -> Result<Tensor<2>, String>;

    /// The longest sentence in tokens.
    fn context(&self) -> usize;
}

/// Largest vocabulary.
const VOCABULARY: usize = 1 << 20;
/// Longest sentence.
const CONTEXT: usize = 4096;
/// Most blocks.
const LAYERS: usize = 64;
/// Largest size of a projection.
const PROJECTION: usize = 4096;

/// Token numbers of sentences that fit a tower, cut after the last token that any of them needs.
struct Sentences {
    /// Row by row.
    numbers: Vec<i32>,
    count: usize,
    length: usize,
}

impl Sentences {
    /// Checks sentences; `needed` says how many tokens of one are needed.
    fn new(
        sentences: &[Vec<u32>],
        vocabulary: usize,
        context: usize,
        needed: impl Fn(&[u32]) -> usize,
    ) -> Result<Self, String> {
        let length = sentences.first().map_or(0, Vec::len);
        if length == 0 || length > context {
            return Err(format!("a sentence of {length} tokens, the text tower takes 1 to {context}"));
        }
        if sentences.iter().any(|sentence| sentence.len() != length) {
            return Err("sentences of several lengths; pad them to one".to_owned());
        }
        let known = |&token: &u32| usize::try_from(token).is_ok_and(|token| token < vocabulary);
        if let Some(token) = sentences.iter().flatten().find(|token| !known(token)) {
            return Err(format!(
                "token {token} is not one of the text tower's {vocabulary}; the tokenizer is of another model"
            ));
        }
        let length = sentences.iter().map(|sentence| needed(sentence)).max().unwrap_or(1).clamp(1, length);
        let cut = sentences.iter().flat_map(|sentence| &sentence[..length]);
        Ok(Self { numbers: cut.map(|&token| token.cast_signed()).collect(), count: sentences.len(), length })
    }

    /// Rows of `table` `[vocabulary, d]` for all tokens, `[b, n, d]`.
    fn look_up(&self, table: Tensor<2>) -> Tensor<3> {
        let [_, d] = table.dims();
        let device = table.device();
        let numbers = TensorData::new(self.numbers.clone(), [self.numbers.len()]);
        table.select(0, Tensor::<1, Int>::from_data(numbers, &device)).reshape([self.count, self.length, d])
    }

    /// Token numbers of one sentence.
    fn row(&self, index: usize) -> &[i32] {
        &self.numbers[index * self.length..(index + 1) * self.length]
    }

    /// One token of each sentence of `x` `[b, n, d]`: `[b, d]`.
    fn one_of_each(&self, x: Tensor<3>, at: impl Fn(&[i32]) -> usize) -> Tensor<2> {
        let [b, n, d] = x.dims();
        let places = (0..b).map(|row| i32::try_from(row * n + at(self.row(row))).unwrap_or(0)).collect::<Vec<_>>();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [b]), &x.device());
        x.reshape([b * n, d]).select(0, places)
    }
}
