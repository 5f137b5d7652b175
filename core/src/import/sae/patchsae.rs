//! PatchSAE (dynamical-inference/patchsae) and its forerunner HugoFry/mats_sae_training_for_ViTs: one `.pt` with `cfg`
//! (or `config`) and `state_dict`.
//!
//! `relu((x - b_dec) W_enc + b_enc) W_dec + b_dec`; nothing is normalised. Source:
//! `src/sae_training/sparse_autoencoder.py` (`forward_standard`), `tasks/utils.py` (`load_sae`).

use serde_json::Value;

use super::config::Config;
use super::parts::{Kind, Layout, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

/// Keys that no other library's config has.
const MARKS: [&str; 4] = ["gated_sae", "block_layer", "mse_cls_coefficient", "max_batch_size_for_vit_forward_pass"];

pub(super) fn recognise(tensors: &Weights, config: Option<&Value>) -> bool {
    let config = Config::new(config);
    tensors.contains_key("W_enc") && MARKS.iter().any(|key| config.has(key))
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (mut source, config, mut notes) = (Source::new(tensors), Config::new(config), Vec::new());
    if config.truth("gated_sae")?.unwrap_or(false) {
        return Err("this PatchSAE is gated, which its own library never finished; take a standard one".to_owned());
    }
    let parts = source.parts(["W_enc", "b_enc", "W_dec", "b_dec"], [Layout::InOut, Layout::InOut])?;
    source.finish()?;
    config.agrees("d_in", parts.input)?;
    config.agrees("d_sae", parts.features)?;
    let kind = Kind {
        activation: DictionaryActivation::Relu,
        subtract_decoder_bias: true,
        normalisation: TokenNormalisation::None,
        expected_active: None,
    };
    let (built, weights) = parts.finish(kind, &mut notes)?;
    // Its `class_token` says whether the class token was among the tokens of training, not whether it was alone.
    let hook = Hook {
        network: config.text("model_name")?.map(str::to_owned),
        name: config.text("module_name")?.map(str::to_owned),
        layer: config.whole("block_layer")?,
        class_token_only: None,
    };
    Ok(ImportedSae { format: SaeFormat::PatchSae, config: built, weights, hook, notes })
}
