//! Sizes of a vision transformer, what of it leaves, and the check that both make sense.

use serde::{Deserialize, Serialize};

use crate::models::activations::Activation;
use crate::models::intake::Intake;
use crate::models::transformer::BlockSizes;

/// Largest side of a film in pixels.
const SIDE: usize = 1024;
/// Most patches of a film.
const PATCHES: usize = 16 * 1024;
/// Largest size of a token, and of what it is projected to.
const HIDDEN: usize = 4096;
/// Largest width between the two layers of a branch.
const MLP: usize = 4 * HIDDEN;
/// Most blocks.
const LAYERS: usize = 64;
/// Most register tokens.
const REGISTERS: usize = 64;

/// A vision transformer; part of a bundle's description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VitConfig {
    /// Side of the square film in pixels.
    pub image: usize,
    /// Side of a patch in pixels, a divisor of `image`.
    pub patch: usize,
    /// How grey levels become channels.
    pub intake: Intake,
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
    /// Whether the patch embedding has a bias: not in CLIP.
    pub patch_bias: bool,
    /// Whether tokens are normalised before the first block, as CLIP does.
    pub pre_norm: bool,
    /// Whether each branch is scaled by a vector, as DINOv2 does.
    pub layer_scale: bool,
    /// Register tokens, which take part after the class token and never leave (Darcet et al. 2023).
    #[serde(default)]
    pub registers: usize,
    /// Which tokens the last normalisation reaches.
    #[serde(default)]
    pub final_norm: FinalNorm,
    /// Size of the class token's projection into the space of words, in CLIP.
    #[serde(default)]
    pub projection: Option<usize>,
    /// Tokens that leave.
    #[serde(default)]
    pub tokens: Tokens,
    /// Where they leave: after the last block and the last normalisation, or the residual stream after this block, counted
    /// from 0 and not normalised.
    #[serde(default)]
    pub after: Option<usize>,
}

/// Tokens that leave a vision transformer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tokens {
    /// The class token, `[b, 1, d]`.
    #[default]
    Class,
    /// One for each patch, row by row, `[b, g * g, d]`.
    Patches,
    /// The class token and then the patches, `[b, 1 + g * g, d]`.
    All,
}

/// Tokens that the last normalisation reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinalNorm {
    /// All, as in DINOv2, timm and open_clip.
    #[default]
    All,
    /// The class token; patches leave as the last block made them. OpenAI's and transformers' CLIP.
    Class,
}

impl VitConfig {
    /// Patches along a side; 0 where the patch is.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image.checked_div(self.patch).unwrap_or(0)
    }

    /// Tokens that leave for each film.
    #[must_use]
    pub fn leaving(&self) -> usize {
        let patches = self.grid().saturating_mul(self.grid());
        match self.tokens {
            Tokens::Class => 1,
            Tokens::Patches => patches,
            Tokens::All => patches.saturating_add(1),
        }
    }

    /// Numbers of one patch, over all channels; call [`Self::check`] first.
    #[must_use]
    pub fn patch_numbers(&self) -> usize {
        self.intake.channels() * self.patch * self.patch
    }

    /// Sizes of each block.
    #[must_use]
    pub fn block(&self) -> BlockSizes {
        BlockSizes {
            hidden: self.hidden,
            heads: self.heads,
            mlp: self.mlp,
            activation: self.activation,
            epsilon: self.epsilon,
            layer_scale: self.layer_scale,
        }
    }

    /// Whether a network of these sizes can be made.
    ///
    /// # Errors
    /// The first size that makes no sense, and its limits.
    pub fn check(&self) -> Result<(), String> {
        within("image", self.image, 1, SIDE)?;
        within("patch", self.patch, 1, self.image)?;
        divides("patch", self.patch, "image", self.image)?;
        // The side is at most 1024, so the square cannot overflow.
        within("number of patches", self.grid() * self.grid(), 1, PATCHES)?;
        within("number of channels", self.intake.mean.len(), 1, 4)?;
        check_intake(&self.intake)?;
        check_block(&self.block())?;
        within("number of layers", self.layers, 1, LAYERS)?;
        within("number of register tokens", self.registers, 0, REGISTERS)?;
        if let Some(projection) = self.projection {
            within("projection", projection, 1, HIDDEN)?;
        }
        match self.after {
            Some(block) if block >= self.layers => {
                Err(format!("tokens cannot leave after block {block} of 0 to {}", self.layers - 1))
            }
            _ => Ok(()),
        }
    }
}

/// Checks a mean and a deviation for each channel.
fn check_intake(intake: &Intake) -> Result<(), String> {
    if intake.mean.len() != intake.std.len() {
        return Err(format!("{} means and {} deviations of channels", intake.mean.len(), intake.std.len()));
    }
    let usable = |mean: &f32, std: &f32| mean.is_finite() && mean.abs() < 1e6 && *std > 1e-6 && *std < 1e6;
    match intake.mean.iter().zip(&intake.std).find(|(mean, std)| !usable(mean, std)) {
        Some((mean, std)) => Err(format!("mean {mean} and deviation {std} of a channel cannot be used")),
        None => Ok(()),
    }
}

/// Checks the sizes of a block, of a text tower too.
///
/// # Errors
/// The first size that makes no sense, and its limits.
pub fn check_block(sizes: &BlockSizes) -> Result<(), String> {
    within("hidden size", sizes.hidden, 1, HIDDEN)?;
    within("number of heads", sizes.heads, 1, sizes.hidden)?;
    divides("number of heads", sizes.heads, "hidden size", sizes.hidden)?;
    within("mlp size", sizes.mlp, 1, MLP)?;
    if sizes.epsilon > 0.0 && sizes.epsilon < 1.0 {
        return Ok(());
    }
    Err(format!("epsilon is {}, it must be above 0 and below 1", sizes.epsilon))
}

/// Checks one size.
///
/// # Errors
/// When it is outside `least..=most`.
pub fn within(what: &str, value: usize, least: usize, most: usize) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{what} is {value}, it must be {least} to {most}"))
}

fn divides(what: &str, part: usize, whole_name: &str, whole: usize) -> Result<(), String> {
    if whole.is_multiple_of(part) {
        return Ok(());
    }
    Err(format!("{what} {part} does not divide {whole_name} {whole}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> VitConfig {
        VitConfig {
            image: 518,
            patch: 14,
            intake: Intake::imagenet(),
            hidden: 768,
            layers: 12,
            heads: 12,
            mlp: 3072,
            activation: Activation::Gelu,
            epsilon: 1e-6,
            patch_bias: true,
            pre_norm: false,
            layer_scale: true,
            registers: 0,
            final_norm: FinalNorm::All,
            projection: None,
            tokens: Tokens::All,
            after: None,
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_named() {
        assert_eq!(base().check(), Ok(()));
        assert_eq!((base().grid(), base().leaving(), base().patch_numbers()), (37, 1370, 588));
        type Change = fn(&mut VitConfig);
        let cases: [(Change, &str); 16] = [
            (|c| c.image = 0, "image is 0, it must be 1 to 1024"),
            (|c| c.image = usize::MAX, "it must be 1 to 1024"),
            (|c| c.patch = 0, "patch is 0"),
            (|c| c.patch = 16, "patch 16 does not divide image 518"),
            (|c| (c.image, c.patch) = (1024, 4), "number of patches is 65536"),
            (|c| c.hidden = 5000, "hidden size is 5000"),
            (|c| c.heads = 7, "number of heads 7 does not divide hidden size 768"),
            (|c| c.heads = 0, "number of heads is 0"),
            (|c| c.mlp = usize::MAX, "mlp size is"),
            (|c| c.layers = 65, "number of layers is 65"),
            (|c| c.registers = 100, "number of register tokens is 100"),
            (|c| c.epsilon = f64::NAN, "epsilon is NaN"),
            (|c| c.after = Some(12), "after block 12 of 0 to 11"),
            (|c| c.projection = Some(0), "projection is 0"),
            (|c| c.intake.std = vec![1.0], "3 means and 1 deviations"),
            (|c| c.intake.std[1] = 0.0, "deviation 0 of a channel"),
        ];
        for (change, words) in cases {
            let mut config = base();
            change(&mut config);
            let error = config.check().expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }
}
