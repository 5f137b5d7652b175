//! BERT as a text tower, as open_clip's `HFTextEncoder` uses it: BiomedCLIP's BiomedBERT.
//!
//! Every token sees all others but padding. Sources: Devlin et al. 2018; `modeling_bert.py` of transformers, `hf_model.py` of
//! open_clip.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::gelu;
use serde::{Deserialize, Serialize};

use super::{CONTEXT, LAYERS, PROJECTION, Sentences, TextEncoder, VOCABULARY};
use crate::models::activations::Activation;
use crate::models::transformer::{BlockSizes, MASKED, PostNormBlock, drawn, norm};
use crate::models::vit::{check_block, unit_length, within};

/// Sizes of BERT and of the projection after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
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
    /// Width between the two layers of a block's second branch; GELU is between them.
    pub mlp: usize,
    /// Added to the variance by each normalisation.
    pub epsilon: f64,
    /// The token that fills up short sentences.
    pub padding: u32,
    /// What stands for the text.
    pub pooling: BertPooling,
    /// Sizes after each layer of the projection: none, one, or two with GELU between them.
    pub projection: Vec<usize>,
}

/// What stands for the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BertPooling {
    /// The first token of the last layer: open_clip's `cls_last_hidden_state_pooler`.
    #[default]
    First,
    /// The first token through a layer and tanh: BERT's own pooler, open_clip's `cls_pooler`.
    Pooler,
    /// The mean over all tokens but padding: open_clip's `mean_pooler`.
    Mean,
}

impl BertConfig {
    fn block(&self) -> BlockSizes {
        BlockSizes {
            hidden: self.hidden,
            heads: self.heads,
            mlp: self.mlp,
            activation: Activation::Gelu,
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
        within("number of layers of the projection", self.projection.len(), 0, 2)?;
        self.projection.iter().try_for_each(|&size| within("projection", size, 1, PROJECTION))?;
        check_block(&self.block())
    }
}

/// BERT with a projection.
#[derive(Module, Debug)]
pub struct BertText {
    /// `[vocabulary, d]`.
    words: Param<Tensor<2>>,
    /// `[context, d]`, the embedding of the first sentence's type added.
    positions: Param<Tensor<2>>,
    norm: LayerNorm,
    blocks: Vec<PostNormBlock>,
    pooler: Option<Linear>,
    projection: Vec<Linear>,
    #[module(skip)]
    config: BertConfig,
}

impl BertText {
    /// An untrained tower.
    ///
    /// # Errors
    /// What of the sizes makes no sense.
    pub fn new(config: &BertConfig, device: &Device) -> Result<Self, String> {
        config.check()?;
        let sizes = config.block();
        let widths: Vec<usize> = std::iter::once(config.hidden).chain(config.projection.iter().copied()).collect();
        let layer = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).with_bias(false).init(device);
        let pooler = LinearConfig::new(config.hidden, config.hidden);
        Ok(Self {
            words: drawn().init([config.vocabulary, config.hidden], device),
            positions: drawn().init([config.context, config.hidden], device),
            norm: norm(&sizes, device),
            blocks: (0..config.layers).map(|_| PostNormBlock::new(&sizes, device)).collect(),
            pooler: (config.pooling == BertPooling::Pooler).then(|| pooler.init(device)),
            projection: widths.windows(2).map(layer).collect(),
            config: config.clone(),
        })
    }

    /// The last layer's tokens to one vector for each sentence; `present` is `[b, n]`, 1 or 0.
    fn pool(&self, x: Tensor<3>, present: Tensor<2>) -> Tensor<2> {
        if self.config.pooling == BertPooling::Mean {
            let [b, n] = present.dims();
            let sum = (x * present.clone().reshape([b, n, 1])).sum_dim(1).squeeze_dim::<2>(1);
            return sum / present.sum_dim(1);
        }
        let first = x.narrow(1, 0, 1).squeeze_dim::<2>(1);
        match &self.pooler {
            Some(pooler) => pooler.forward(first).tanh(),
            None => first,
        }
    }
}

impl TextEncoder for BertText {
    fn embed(&self, sentences: &[Vec<u32>]) -> Result<Tensor<2>, String> {
        let padding = self.config.padding;
        let needed = |sentence: &[u32]| sentence.iter().rposition(|&token| token != padding).map_or(0, |last| last + 1);
        if sentences.iter().any(|sentence| needed(sentence) == 0) {
            return Err("a sentence of padding alone; BERT's sentences start with a mark".to_owned());
        }
        let sentences = Sentences::new(sentences, self.config.vocabulary, self.config.context, needed)?;
        let (count, length) = (sentences.count, sentences.length);
        let words = sentences.look_up(self.words.val());
        let device = words.device();
        let present: Vec<f32> =
            sentences.numbers.iter().map(|&token| f32::from(token != padding.cast_signed())).collect();
        let present = Tensor::<2>::from_data(TensorData::new(present, [count, length]), &device);
        let mask = (present.clone() - 1.0).mul_scalar(-MASKED).reshape([count, 1, 1, length]);
        let mut x = self.norm.forward(words + self.positions.val().narrow(0, 0, length).unsqueeze::<3>());
        for block in &self.blocks {
            x = block.forward(x, Some(&mask));
        }
        let mut text = self.pool(x, present);
        for (index, layer) in self.projection.iter().enumerate() {
            text = layer.forward(if index == 0 { text } else { gelu(text) });
        }
        Ok(unit_length(text))
    }

    fn context(&self) -> usize {
        self.config.context
    }
}
