//! A vision transformer that covers the published families: DINOv2 and RAD-DINO with or without registers, CLIP in all its
//! forms, BiomedCLIP's trunk, timm's.
//!
//! In: film `[b, 1, s, s]` in grey levels. Out: tokens `[b, n, d]`, of the last layer or of the residual stream after any
//! block. Sources: Dosovitskiy et al. 2020; `modeling_dinov2.py` and `modeling_clip.py` of transformers,
//! `vision_transformer.py` of timm, `transformer.py` of open_clip. Where weights come from is [`crate::import::vit`]'s.

mod config;

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear, LinearConfig};
use burn::prelude::*;

use super::Encoder;
use super::transformer::{Block, drawn, norm};
pub use config::{FinalNorm, Tokens, VitConfig, check_block, within};

/// A vision transformer.
#[derive(Module, Debug)]
pub struct VisionTransformer {
    /// `[channels * p * p, d]`: a convolution whose windows do not overlap is a product.
    patch: Linear,
    class_token: Param<Tensor<1>>,
    registers: Option<Param<Tensor<2>>>,
    /// `[1 + g * g, d]`, the class token's first; registers have none.
    positions: Param<Tensor<2>>,
    pre_norm: Option<LayerNorm>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// `[d, embed]`, in CLIP.
    projection: Option<Param<Tensor<2>>>,
    #[module(skip)]
    config: VitConfig,
}

impl VisionTransformer {
    /// An untrained transformer.
    ///
    /// # Errors
    /// What of the sizes makes no sense.
    pub fn new(config: &VitConfig, device: &Device) -> Result<Self, String> {
        config.check()?;
        let (hidden, sizes) = (config.hidden, config.block());
        let patches = config.grid() * config.grid();
        let patch = LinearConfig::new(config.patch_numbers(), hidden).with_bias(config.patch_bias);
        Ok(Self {
            patch: patch.with_initializer(drawn()).init(device),
            class_token: drawn().init([hidden], device),
            registers: (config.registers > 0).then(|| drawn().init([config.registers, hidden], device)),
            positions: drawn().init([patches + 1, hidden], device),
            pre_norm: config.pre_norm.then(|| norm(&sizes, device)),
            blocks: (0..config.layers).map(|_| Block::new(&sizes, device)).collect(),
            norm: norm(&sizes, device),
            projection: config.projection.map(|embed| drawn().init([hidden, embed], device)),
            config: config.clone(),
        })
    }

    /// Its sizes.
    #[must_use]
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// `tokens` of a film `[b, 1, s, s]`, normalised at the end as the family does, or of the residual stream after block
    /// `after`; a block past the last counts as the last. Differentiable.
    pub fn read(&self, film: Tensor<4>, tokens: Tokens, after: Option<usize>) -> Tensor<3> {
        let count = after.map_or(self.blocks.len(), |block| block.saturating_add(1).min(self.blocks.len()));
        let mut x = self.embed(film);
        for (index, block) in self.blocks.iter().take(count).enumerate() {
            let class_only = tokens == Tokens::Class && index + 1 == count;
            let keep = if class_only { 1 } else { x.dims()[1] };
            x = block.forward(x, keep, None);
        }
        let class = x.clone().narrow(1, 0, 1);
        let patches = || {
            let (count, first) = (x.dims()[1], 1 + self.config.registers);
            x.clone().narrow(1, first, count - first)
        };
        let whole = after.is_none();
        let normalise = |x: Tensor<3>, reached: bool| if whole && reached { self.norm.forward(x) } else { x };
        let all_reached = self.config.final_norm == FinalNorm::All;
        match tokens {
            Tokens::Class => normalise(class, true),
            Tokens::Patches => normalise(patches(), all_reached),
            Tokens::All if all_reached && self.config.registers == 0 => normalise(x, true),
            Tokens::All => Tensor::cat(vec![normalise(class, true), normalise(patches(), all_reached)], 1),
        }
    }

    /// CLIP's image embedding `[b, embed]`: the class token after all blocks and the last normalisation, projected, and of
    /// length 1 if `unit`. `None` without a projection. Differentiable.
    pub fn class_token_projected(&self, film: Tensor<4>, unit: bool) -> Option<Tensor<2>> {
        let projection = self.projection.as_ref()?.val();
        let embedding = self.read(film, Tokens::Class, None).squeeze_dim::<2>(1).matmul(projection);
        Some(if unit { unit_length(embedding) } else { embedding })
    }

    /// Film to the tokens that enter the first block, `[b, 1 + registers + g * g, d]`.
    fn embed(&self, film: Tensor<4>) -> Tensor<3> {
        let [b, _, _, _] = film.dims();
        let (grid, side, hidden) = (self.config.grid(), self.config.patch, self.config.hidden);
        let picture = self.config.intake.apply(film);
        let channels = self.config.intake.channels();
        let patches = picture.reshape([b, channels, grid, side, grid, side]).permute([0, 2, 4, 1, 3, 5]).reshape([
            b,
            grid * grid,
            self.config.patch_numbers(),
        ]);
        let positions = self.positions.val();
        let rows = positions.clone().narrow(0, 1, grid * grid).unsqueeze::<3>();
        let first = self.class_token.val().unsqueeze::<2>() + positions.narrow(0, 0, 1);
        let mut tokens = vec![first.unsqueeze::<3>().expand([b, 1, hidden])];
        if let Some(registers) = &self.registers {
            tokens.push(registers.val().unsqueeze::<3>().expand([b, self.config.registers, hidden]));
        }
        tokens.push(self.patch.forward(patches) + rows);
        let tokens = Tensor::cat(tokens, 1);
        match &self.pre_norm {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        }
    }
}

impl Encoder for VisionTransformer {
    fn encode(&self, film: Tensor<4>) -> Tensor<3> {
        self.read(film, self.config.tokens, self.config.after)
    }

    fn embed(&self, film: Tensor<4>) -> Option<Tensor<2>> {
        self.class_token_projected(film, true)
    }

    fn embed_latent(&self, latent: Tensor<3>) -> Option<Tensor<2>> {
        let projection = self.projection.as_ref()?.val();
        let leads_there = self.config.after.is_none() && self.config.tokens != Tokens::Patches;
        leads_there.then(|| unit_length(latent.narrow(1, 0, 1).squeeze_dim::<2>(1).matmul(projection)))
    }
}

/// Rows divided by their L2 norm, which is never taken below 1e-12.
pub fn unit_length(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    rows / length
}
