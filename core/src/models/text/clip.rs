//! CLIP's text transformer: every token sees those before it, and the one that ends the text stands for all.
//!
//! Sources: `modeling_clip.py` of transformers, `transformer.py` (`TextTransformer`, `text_global_pool`) of open_clip.

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::{CONTEXT, LAYERS, PROJECTION, Sentences, TextEncoder, VOCABULARY};
use crate::models::activations::Activation;
use crate::models::transformer::{Block, BlockSizes, MASKED, drawn, norm};
use crate::models::vit::{check_block, unit_length, within};

/// Sizes of CLIP's text tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipTextConfig {
    /// Tokens that it knows.
    pub vocabulary: usize,
    /// The longest sentence in tokens, marks of start and end included.
    pub context: usize,
    /// Size of a token.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads, a divisor of `hidden`.
    pub heads: usize,
    /// Width between the two layers of a block's second branch.
    pub mlp: usize,
    /// Function between them.
    pub activation: Activation,
    /// Added to the variance by each normalisation.
    pub epsilon: f64,
    /// Size of the space that it shares with images; `None` where a tower was saved without its projection.
    pub projection: Option<usize>,
    /// Which token stands for the text.
    pub end: EndOfText,
}

/// The token that stands for the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndOfText {
    /// The first of the largest number: OpenAI's and open_clip's rule; the mark of the end is the last of the vocabulary.
    #[default]
    Largest,
    /// The first of this number, the first token where there is none: transformers' rule.
    Token(u32),
}

impl ClipTextConfig {
    fn block(&self) -> BlockSizes {
        BlockSizes {
            hidden: self.hidden,
            heads: self.heads,
            mlp: self.mlp,
            activation: self.activation,
            epsilon: self.epsilon,
            layer_scale: false,
        }
    }

    /// Whether a tower of these sizes can be made.
    ///
    /// # Errors
    /// The first size that makes no sense, and its limits.
    pub fn check(&self) -> Result<(), String> {
        within("vocabulary", self.vocabulary, 1, VOCABULARY)?;
        within("context", self.context, 1, CONTEXT)?;
        within("number of layers", self.layers, 1, LAYERS)?;
        if let Some(projection) = self.projection {
            within("projection", projection, 1, PROJECTION)?;
        }
        check_block(&self.block())
    }
}

/// CLIP's text tower.
#[derive(Module, Debug)]
pub struct ClipText {
    /// `[vocabulary, d]`.
    words: Param<Tensor<2>>,
    /// `[context, d]`.
    positions: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// `[d, embed]`.
    projection: Option<Param<Tensor<2>>>,
    #[module(skip)]
    config: ClipTextConfig,
}

impl ClipText {
    /// An untrained tower.
    ///
    /// # Errors
    /// What of the sizes makes no sense.
    pub fn new(config: &ClipTextConfig, device: &Device) -> Result<Self, String> {
        config.check()?;
        let sizes = config.block();
        Ok(Self {
            words: drawn().init([config.vocabulary, config.hidden], device),
            positions: drawn().init([config.context, config.hidden], device),
            blocks: (0..config.layers).map(|_| Block::new(&sizes, device)).collect(),
            norm: norm(&sizes, device),
            projection: config.projection.map(|embed| drawn().init([config.hidden, embed], device)),
            config: config.clone(),
        })
    }

    /// Place of the token that stands for the text.
    fn end(&self, sentence: impl Iterator<Item = u32> + Clone) -> usize {
        let wanted = match self.config.end {
            EndOfText::Largest => sentence.clone().max(),
            EndOfText::Token(token) => Some(token),
        };
        sentence.into_iter().position(|token| Some(token) == wanted).unwrap_or(0)
    }
}

impl TextEncoder for ClipText {
    fn embed(&self, sentences: &[Vec<u32>]) -> Result<Tensor<2>, String> {
        // No token sees what comes after it, so nothing past the last end is needed.
        let needed = |sentence: &[u32]| self.end(sentence.iter().copied()) + 1;
        let sentences = Sentences::new(sentences, self.config.vocabulary, self.config.context, needed)?;
        let length = sentences.length;
        let words = sentences.look_up(self.words.val());
        let mut x = words + self.positions.val().narrow(0, 0, length).unsqueeze::<3>();
        let mask = causal(length, &x.device());
        for block in &self.blocks {
            x = block.forward(x, length, Some(&mask));
        }
        let ends = sentences.one_of_each(x, |row| self.end(row.iter().map(|token| token.cast_unsigned())));
        let text = self.norm.forward(ends);
        Ok(unit_length(match &self.projection {
            Some(projection) => text.matmul(projection.val()),
            None => text,
        }))
    }

    fn context(&self) -> usize {
        self.config.context
    }
}

/// A mask `[1, 1, n, n]` that hides later tokens from earlier ones.
fn causal(length: usize, device: &Device) -> Tensor<4> {
    let hidden = |index: usize| if index % length > index / length { MASKED } else { 0.0 };
    let numbers: Vec<f32> = (0..length * length).map(hidden).collect();
    Tensor::from_data(TensorData::new(numbers, [1, 1, length, length]), device)
}
