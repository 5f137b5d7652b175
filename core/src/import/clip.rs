//! A whole CLIP: both towers of one source.

use serde_json::Value;

use super::mover::nothing_left;
use super::text::{self, GivenText, ImportedText};
use super::vit::{self, Given, ImportedVit};
use crate::models::weights::Weights;

/// Both towers.
#[derive(Debug)]
pub struct ImportedClip {
    /// The vision tower.
    pub vision: ImportedVit,
    /// The text tower, where the source has one.
    pub text: Option<ImportedText>,
}

/// Takes everything out of `source`; `bert` is the configuration of the BERT that open_clip's names.
///
/// # Errors
/// As [`vit::import`] and [`text::import`], and when tensors are left.
pub fn import(source: &mut Weights, given: Given<'_>, bert: Option<&Value>) -> Result<ImportedClip, String> {
    let vision = vit::import(source, given)?;
    let text = text::import(source, GivenText { config: given.config, bert, heads: None })?;
    // What cosines are multiplied by before a softmax, which nothing here takes.
    source.remove("logit_scale");
    // OpenAI's own files state sizes as tensors; the others are buffers of old versions.
    const HARMLESS: [&str; 6] =
        ["input_resolution", "context_length", "vocab_size", "logit_bias", "attn_mask", "position_ids"];
    nothing_left(source.keys().filter(|name| !HARMLESS.iter().any(|end| name.ends_with(end))))?;
    source.clear();
    Ok(ImportedClip { vision, text })
}
