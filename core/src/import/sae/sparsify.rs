//! Sparsify (EleutherAI/sparsify, before that EleutherAI/sae): `sae.safetensors` and `cfg.json`.
//!
//! `relu((x - b_dec) encoder^T + b)`, the `k` largest of it, times `W_dec` `[m, d]`, plus `b_dec`. With `signed`
//! (versions before 1.0) no ReLU and a choice by magnitude. Sources: `sparsify/sparse_coder.py` and `fused_encoder.py`
//! of eai-sparsify 1.3.3, `sae/sae.py` of the older one.

use serde_json::Value;

use super::config::Config;
use super::fold::mirrored_note;
use super::parts::{Kind, Layout, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

pub(super) fn recognise(tensors: &Weights) -> bool {
    ["encoder.weight", "W_dec", "b_dec"].iter().all(|name| tensors.contains_key(*name))
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (mut source, config, mut notes) = (Source::new(tensors), Config::new(config), Vec::new());
    for (key, what) in [("transcode", "a transcoder"), ("skip_connection", "a coder with a skip connection")] {
        if config.truth(key)?.unwrap_or(false) {
            return Err(format!("this is {what}, which does not reconstruct its own input; take a sparse autoencoder"));
        }
    }
    match config.text("activation")? {
        None | Some("topk") => {}
        Some(other) => return Err(format!("Sparsify activation \"{other}\" is not known; topk is")),
    }
    let k = config.count("k")?.ok_or("the config names no k: put Sparsify's cfg.json beside the file")?;
    let names = ["encoder.weight", "encoder.bias", "W_dec", "b_dec"];
    let mut parts = source.parts(names, [Layout::OutIn, Layout::InOut])?;
    source.finish()?;
    config.agrees("d_in", parts.input)?;
    match config.count("num_latents")? {
        None | Some(0) => {
            let factor = config.count("expansion_factor")?;
            if let Some(factor) = factor.filter(|&factor| parts.input.checked_mul(factor) != Some(parts.features)) {
                return Err(format!(
                    "the config says expansion_factor = {factor}, but the tensors have {} inputs and {} features: \
                     they do not belong together",
                    parts.input, parts.features
                ));
            }
        }
        Some(_) => config.agrees("num_latents", parts.features)?,
    }
    let signed = config.truth("signed")?.unwrap_or(false);
    if signed {
        notes.push(mirrored_note(parts.features));
        parts.mirror()?;
    }
    let kind = Kind {
        activation: DictionaryActivation::TopK { k, relu_first: !signed },
        subtract_decoder_bias: true,
        normalisation: TokenNormalisation::None,
        expected_active: Some(k as f32),
    };
    let (config, weights) = parts.finish(kind, &mut notes)?;
    Ok(ImportedSae { format: SaeFormat::Sparsify, config, weights, hook: Hook::default(), notes })
}
