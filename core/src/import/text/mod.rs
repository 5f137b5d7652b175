//! Published text towers to ours: tensors under their authors' names and the configuration beside them enter, sizes and
//! tensors under our paths leave.
//!
//! Knows transformers' and OpenAI's names of CLIP's text transformer, and BERT in open_clip. Knows no files.

mod bert;
mod clip;

use serde_json::Value;

use crate::bundle::manifest::TextKind;
use crate::models::weights::Weights;

/// A text tower that was read.
#[derive(Debug)]
pub struct ImportedText {
    /// Its kind and sizes.
    pub config: TextKind,
    /// Its tensors under our names.
    pub weights: Weights,
    /// What was assumed because nothing said otherwise, in words.
    pub assumed: Vec<String>,
}

/// What comes with the weights. Nothing is needed where the family's usual values hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct GivenText<'a> {
    /// `config.json` of transformers, `open_clip_config.json`.
    pub config: Option<&'a Value>,
    /// `config.json` of the BERT that open_clip's configuration names.
    pub bert: Option<&'a Value>,
    /// Attention heads, if the user knows better.
    pub heads: Option<usize>,
}

/// Takes the text tower out of `source`; `None` where there is none.
///
/// # Errors
/// When tensors are missing, left over or of wrong shapes, the configuration contradicts them or asks for what is not
/// supported, or sizes are beyond all limits.
pub fn import(source: &mut Weights, given: GivenText<'_>) -> Result<Option<ImportedText>, String> {
    if let Some(names) = bert::recognise(source) {
        return bert::import(source, given, names).map(Some);
    }
    match clip::recognise(source) {
        Some(names) => clip::import(source, given, &names).map(Some),
        None => Ok(None),
    }
}
