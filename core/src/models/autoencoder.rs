//! The frugal convolutional autoencoder: 224 x 224 film to a grid of 7 x 7 or 14 x 14 tokens and back.
//!
//! The encoder folds 4 x 4 pixels into channels (56 x 56), then halves three times or twice; the decoder mirrors it with
//! 1 x 1 convolutions and pixel shuffles, so that most of its work is in small 3 x 3 blocks. No normalisation layers.
//!
//! Beside these may run a linear shortcut, patch to token and back: training begins with it at the principal components
//! of patches, and the convolutions learn what those leave over (residual autoencoding as in DC-AE, Chen et al. 2025). It
//! draws films better, thin lines most of all, but each patch by itself: far from the films that it was trained on, in an
//! edit or a shift, the patches show.

use burn::module::{Initializer, Module};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::prelude::*;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::layers::{ResBlock, conv1, conv3, pixel_shuffle, pixel_unshuffle};
use super::{Decoder, Encoder};
use crate::error::{Error, Result};

/// Half of the grey range; the network works on film / 1024.
const GREY_SCALE: f32 = 1024.0;
const FOLD: usize = 4;

/// Sizes of the autoencoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoencoderConfig {
    /// Side of the film in pixels, a multiple of [`Self::token_pixels`].
    pub size: usize,
    /// Channels at 1/4, 1/8, 1/16 and 1/32 of the side; those beyond the last halving are not used.
    pub channels: [usize; 4],
    /// How often the side is halved after the fold, 1 to 3.
    #[serde(default = "three")]
    pub halvings: usize,
    /// Numbers in a token.
    pub latent: usize,
    /// Whether a linear map from patch to token, and one back, are added to the convolutions.
    #[serde(default)]
    pub shortcut: bool,
}

/// The halvings of bundles that do not say.
fn three() -> usize {
    3
}

impl AutoencoderConfig {
    /// Tokens along one side of the grid.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.size / self.token_pixels()
    }

    /// Side of a token in pixels: the fold, then every halving.
    #[must_use]
    pub fn token_pixels(&self) -> usize {
        FOLD << self.halvings
    }

    /// The shipped size with a grid of 7, 14 or 28 tokens a side and `latent` numbers in a token.
    ///
    /// # Errors
    /// When the grid is none of these.
    pub fn with_grid(grid: usize, latent: usize) -> Result<Self> {
        let usual = Self::default();
        (1..=3)
            .map(|halvings| Self { halvings, latent, ..usual.clone() })
            .find(|config| config.grid() == grid)
            .ok_or_else(|| Error::Invalid(format!("a grid of {grid} tokens a side; choose 7, 14 or 28")))
    }

    /// Channels that are used: at the fold, then after every halving.
    fn used(&self) -> &[usize] {
        &self.channels[..=self.halvings.min(3)]
    }
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self { size: 224, channels: [24, 48, 96, 128], halvings: 3, latent: 64, shortcut: false }
    }
}

/// Film to token grid.
#[derive(Module, Debug)]
pub struct ConvEncoder {
    stem: Conv2d,
    down: Vec<Conv2d>,
    blocks: Vec<ResBlock>,
    head: Conv2d,
    /// Patch `[b, p * p, h, w]` to token.
    shortcut: Option<Conv2d>,
}

impl ConvEncoder {
    /// An untrained encoder.
    pub fn new(config: &AutoencoderConfig, device: &Device) -> Self {
        let gain = std::f64::consts::SQRT_2;
        let c = config.used();
        let last = c[c.len() - 1];
        Self {
            stem: conv3([FOLD * FOLD, c[0]], 1, gain, device),
            down: c.windows(2).map(|pair| conv3([pair[0], pair[1]], 2, gain, device)).collect(),
            blocks: c[1..].iter().map(|&channels| ResBlock::new(channels, device)).collect(),
            head: if config.shortcut {
                zero_conv([last, config.latent], 1, device)
            } else {
                conv1([last, config.latent], 1.0, device)
            },
            shortcut: config.shortcut.then(|| conv1([config.token_pixels().pow(2), config.latent], 1.0, device)),
        }
    }
}

impl Encoder for ConvEncoder {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        let film = film.div_scalar(GREY_SCALE);
        let mut x = relu(self.stem.forward(pixel_unshuffle(film.clone(), FOLD)));
        for (down, block) in self.down.iter().zip(&self.blocks) {
            x = block.forward(relu(down.forward(x)));
        }
        let mut x = self.head.forward(x);
        if let Some(shortcut) = &self.shortcut {
            x = x + shortcut.forward(pixel_unshuffle(film, FOLD << self.down.len()));
        }
        let [b, d, h, w] = x.dims();
        x.reshape([b, d, h * w]).swap_dims(1, 2)
    }
}

/// Token grid to film.
#[derive(Module, Debug)]
pub struct ConvDecoder {
    head: Conv2d,
    blocks: Vec<ResBlock>,
    up: Vec<Conv2d>,
    last: ResBlock,
    out: Conv2d,
    /// Token to patch `[b, p * p, h, w]`.
    shortcut: Option<Conv2d>,
}

impl ConvDecoder {
    /// An untrained decoder.
    pub fn new(config: &AutoencoderConfig, device: &Device) -> Self {
        let gain = std::f64::consts::SQRT_2;
        let c = config.used();
        let steps: Vec<(usize, usize)> = c.windows(2).rev().map(|pair| (pair[1], pair[0])).collect();
        Self {
            head: conv1([config.latent, c[c.len() - 1]], gain, device),
            blocks: steps.iter().map(|&(channels, _)| ResBlock::new(channels, device)).collect(),
            up: steps.iter().map(|&(from, to)| conv1([from, to * 4], gain, device)).collect(),
            last: ResBlock::new(c[0], device),
            out: if config.shortcut {
                zero_conv([c[0], FOLD * FOLD], 3, device)
            } else {
                conv3([c[0], FOLD * FOLD], 1, 0.5, device)
            },
            shortcut: config.shortcut.then(|| conv1([config.latent, config.token_pixels().pow(2)], 1.0, device)),
        }
    }
}

impl Decoder for ConvDecoder {
    fn decode(&self, latent: Tensor<3>) -> Tensor<4> {
        let [b, n, d] = latent.dims();
        let side = n.isqrt();
        let latent = latent.swap_dims(1, 2).reshape([b, d, side, side]);
        let mut x = relu(self.head.forward(latent.clone()));
        for (block, up) in self.blocks.iter().zip(&self.up) {
            x = relu(pixel_shuffle(up.forward(block.forward(x)), 2));
        }
        let mut x = pixel_shuffle(self.out.forward(self.last.forward(x)), FOLD);
        if let Some(shortcut) = &self.shortcut {
            x = x + pixel_shuffle(shortcut.forward(latent), FOLD << self.up.len());
        }
        x.mul_scalar(GREY_SCALE)
    }
}

/// A convolution that keeps the side and adds nothing until it is trained.
fn zero_conv(channels: [usize; 2], kernel: usize, device: &Device) -> Conv2d {
    let edge = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_padding(PaddingConfig2d::Explicit(edge, edge, edge, edge))
        .with_initializer(Initializer::Zeros)
        .init(device)
}
