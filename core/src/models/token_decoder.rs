//! A decoder for an encoder that gives one token a film: the token is spread over a grid, which a convolutional decoder
//! draws. It is what makes the class token of a published encoder editable.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::Decoder;
use super::autoencoder::{AutoencoderConfig, ConvDecoder};

/// Sizes of a token decoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDecoderConfig {
    /// Numbers in the token.
    pub dim: usize,
    /// The decoder of the grid that the token is spread over.
    pub grid: AutoencoderConfig,
}

impl TokenDecoderConfig {
    /// The size that is trained today: 7 x 7 tokens of 64, frames of 224 pixels.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self { dim, grid: AutoencoderConfig::default() }
    }
}

/// Class token to frame.
#[derive(Module, Debug)]
pub struct TokenDecoder {
    spread: Linear,
    draw: ConvDecoder,
    #[module(skip)]
    token: usize,
}

impl TokenDecoder {
    /// An untrained decoder.
    pub fn new(config: &TokenDecoderConfig, device: &Device) -> Self {
        let (tokens, token) = (config.grid.grid() * config.grid.grid(), config.grid.latent);
        Self {
            spread: LinearConfig::new(config.dim, tokens * token).init(device),
            draw: ConvDecoder::new(&config.grid, device),
            token,
        }
    }
}

impl Decoder for TokenDecoder {
    fn decode(&self, latent: Tensor<3>) -> Tensor<4> {
        let [b, _, d] = latent.dims();
        let grid = self.spread.forward(latent.reshape([b, d]));
        let [_, numbers] = grid.dims();
        self.draw.decode(grid.reshape([b, numbers / self.token, self.token]))
    }
}
