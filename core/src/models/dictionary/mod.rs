//! Published sparse autoencoders of every kind as one module: tokens enter, activations leave, and back.
//!
//! Row vectors, `d` = token size, `m` = features. `p = (normalised x - b_dec) W_enc + b_enc`; activations `f` are `p`
//! through one of [`DictionaryActivation`]; `x_hat = f W_dec + b_dec`, normalisation undone. Whatever else a format
//! does (rescaling by decoder norms, a factor on the input or on single features) an importer folds into these tensors,
//! exactly; so this file knows no format. It is for use, not for training: [`super::sae`] is what Fluoro trains.

mod check;
mod topk;

use burn::module::{Initializer, Module, Param};
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::SparseAutoencoder;

pub use check::{SaeCheck, check_on, measured};

/// Largest `d * m` that is taken: 4 GiB for each of the two matrices. SAE-Rad's 49,152 features of 768 numbers are 1/28
/// of it.
const MOST_WEIGHTS: usize = 1 << 30;

/// Added to a token's standard deviation before a token is divided by it, not when that is undone: SAELens
/// (`saes/sae.py`), OpenAI (`model.py`) and Prisma (`sae.py`) do it alike.
const LAYER_NORM_EPSILON: f32 = 1e-5;

/// Sizes and kind of a dictionary SAE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DictionarySaeConfig {
    /// Token size `d`.
    pub input: usize,
    /// Features `m`.
    pub features: usize,
    /// How pre-activations become activations.
    pub activation: DictionaryActivation,
    /// Whether `b_dec` is subtracted from the (normalised) token before `W_enc`.
    pub subtract_decoder_bias: bool,
    /// What is done to every token first, and undone last.
    #[serde(default)]
    pub normalisation: TokenNormalisation,
    /// Active features of a token that the SAE was trained for, where its file says so; for [`check_on`] only.
    #[serde(default)]
    pub expected_active: Option<f32>,
}

/// How pre-activations `p` become activations; none is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DictionaryActivation {
    /// `relu(p)`.
    Relu,
    /// `relu(p)` where `p > threshold`, a threshold for each feature. BatchTopK and Matryoshka SAEs at inference are
    /// this, with one threshold for all.
    JumpRelu,
    /// `relu(q)` where `p > 0`, with `q = (p - b_enc) * exp(r_mag) + b_mag` (Rajamanoharan et al. 2024).
    Gated,
    /// The `k` largest `p` of a token, those of them that are positive (Gao et al. 2024).
    TopK {
        /// How many.
        k: usize,
        /// Whether negative ones become 0 before the choice instead of after it. The same, but for equal positive
        /// values: see `topk`.
        relu_first: bool,
    },
}

/// What is done to each token `x` before the SAE, and undone after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenNormalisation {
    /// Nothing.
    #[default]
    None,
    /// `x * sqrt(d) / |x|`.
    ConstantNorm,
    /// `(x - mean) / (std + 1e-5)` over the token's own numbers, the unbiased standard deviation.
    LayerNorm,
}

impl DictionarySaeConfig {
    /// Whether the sizes make sense together; a config from a file must pass before [`DictionarySae::new`].
    ///
    /// # Errors
    /// What does not, in one line.
    pub fn check(&self) -> Result<(), String> {
        let Self { input, features, .. } = *self;
        match input.checked_mul(features) {
            None | Some(0) => return Err(format!("an SAE of {input} inputs and {features} features makes no sense")),
            Some(weights) if weights > MOST_WEIGHTS => {
                return Err(format!("an SAE of {input} inputs and {features} features is too large for this program"));
            }
            Some(_) => {}
        }
        if let DictionaryActivation::TopK { k, .. } = self.activation
            && (k == 0 || k > features)
        {
            return Err(format!("k = {k} active features of {features} cannot be: it must be 1 to {features}"));
        }
        if self.normalisation == TokenNormalisation::LayerNorm && input < 2 {
            return Err("layer normalisation needs tokens of at least two numbers".to_owned());
        }
        Ok(())
    }
}

/// A sparse autoencoder of any published kind.
#[derive(Module, Debug)]
pub struct DictionarySae {
    w_enc: Param<Tensor<2>>,
    b_enc: Param<Tensor<1>>,
    w_dec: Param<Tensor<2>>,
    b_dec: Param<Tensor<1>>,
    /// Of [`DictionaryActivation::JumpRelu`] alone.
    threshold: Option<Param<Tensor<1>>>,
    /// These two of [`DictionaryActivation::Gated`] alone.
    r_mag: Option<Param<Tensor<1>>>,
    b_mag: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: DictionarySaeConfig,
}

impl DictionarySae {
    /// An SAE of zeros, to be filled with [`super::weights::apply`]: `w_enc` `[d, m]`, `w_dec` `[m, d]`, `b_dec` `[d]`,
    /// `b_enc` `[m]` (a gated SAE's gate bias), and `[m]` each of `threshold` or of `r_mag` and `b_mag` where the kind
    /// has them.
    pub fn new(config: &DictionarySaeConfig, device: &Device) -> Self {
        let (d, m) = (config.input, config.features);
        let matrix = |shape: [usize; 2]| Initializer::Zeros.init::<2, _>(shape, device);
        let vector = |size: usize| Initializer::Zeros.init::<1, _>([size], device);
        let of = |kind: DictionaryActivation| (config.activation == kind).then(|| vector(m));
        Self {
            w_enc: matrix([d, m]),
            b_enc: vector(m),
            w_dec: matrix([m, d]),
            b_dec: vector(d),
            threshold: of(DictionaryActivation::JumpRelu),
            r_mag: of(DictionaryActivation::Gated),
            b_mag: of(DictionaryActivation::Gated),
            config: config.clone(),
        }
    }

    /// Its sizes and kind.
    #[must_use]
    pub fn config(&self) -> &DictionarySaeConfig {
        &self.config
    }

    /// The same SAE with a matrix read the other way round, which fits where `d = m` only.
    pub(super) fn transposed(&self, encoder: bool, decoder: bool) -> Option<Self> {
        let turn = |matrix: &Param<Tensor<2>>, turned: bool| {
            if turned { Param::from_tensor(matrix.val().transpose()) } else { matrix.clone() }
        };
        let square = self.config.input == self.config.features;
        square.then(|| Self { w_enc: turn(&self.w_enc, encoder), w_dec: turn(&self.w_dec, decoder), ..self.clone() })
    }

    /// What is subtracted from each token, and what it is then divided by (before the epsilon), `[n, 1]` each.
    fn centre_and_size(&self, tokens: &Tensor<2>) -> Option<(Tensor<2>, Tensor<2>)> {
        let d = self.config.input as f32;
        match self.config.normalisation {
            TokenNormalisation::None => None,
            TokenNormalisation::ConstantNorm => {
                let norm = tokens.clone().powi_scalar(2).sum_dim(1).sqrt();
                Some((norm.zeros_like(), norm.div_scalar(d.sqrt())))
            }
            TokenNormalisation::LayerNorm => {
                let mean = tokens.clone().mean_dim(1);
                let deviation = tokens.clone() - mean.clone();
                Some((mean, deviation.powi_scalar(2).sum_dim(1).div_scalar(d - 1.0).sqrt()))
            }
        }
    }

    /// What `W_enc` reads.
    fn intake(&self, tokens: Tensor<2>) -> Tensor<2> {
        let normalised = match (self.centre_and_size(&tokens), self.config.normalisation) {
            (None, _) => tokens,
            (Some((centre, size)), TokenNormalisation::LayerNorm) => {
                (tokens - centre) / size.add_scalar(LAYER_NORM_EPSILON)
            }
            (Some((centre, size)), _) => (tokens - centre) / size,
        };
        if self.config.subtract_decoder_bias { normalised - self.b_dec.val().unsqueeze() } else { normalised }
    }
}

impl SparseAutoencoder for DictionarySae {
    fn activations(&self, tokens: Tensor<2>) -> Tensor<2> {
        let projected = self.intake(tokens).matmul(self.w_enc.val());
        let bias = self.b_enc.val().unsqueeze::<2>();
        match (self.config.activation, &self.threshold, &self.r_mag, &self.b_mag) {
            (DictionaryActivation::TopK { k, relu_first }, ..) => topk::keep_largest(projected + bias, k, relu_first),
            (_, Some(threshold), ..) => {
                let p = projected + bias;
                let closed = p.clone().lower_equal(threshold.val().unsqueeze());
                relu(p).mask_fill(closed, 0.0)
            }
            (_, _, Some(r_mag), Some(b_mag)) => {
                let closed = (projected.clone() + bias).lower_equal_elem(0.0);
                let magnitude = projected * r_mag.val().exp().unsqueeze() + b_mag.val().unsqueeze();
                relu(magnitude).mask_fill(closed, 0.0)
            }
            _ => relu(projected + bias),
        }
    }

    fn reconstruct(&self, activations: Tensor<2>, tokens: &Tensor<2>) -> Tensor<2> {
        let inner = activations.matmul(self.w_dec.val()) + self.b_dec.val().unsqueeze();
        match self.centre_and_size(tokens) {
            Some((centre, size)) => inner * size + centre,
            None => inner,
        }
    }

    fn rows(&self) -> Tensor<2> {
        self.w_dec.val()
    }

    fn row_scale(&self, tokens: &Tensor<2>) -> Option<Tensor<2>> {
        self.centre_and_size(tokens).map(|(_, size)| size)
    }

    fn check_on(&self, tokens: &Tensor<2>) -> Result<SaeCheck, String> {
        check_on(self, tokens)
    }
}

#[cfg(test)]
mod tests;
