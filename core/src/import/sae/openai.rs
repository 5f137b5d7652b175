//! OpenAI's sparse_autoencoder and SDXL-unbox, which descends from it: a state dict of `pre_bias`, `encoder.weight`,
//! `latent_bias`, `decoder.weight`.
//!
//! `act((norm(x) - pre_bias) encoder^T + latent_bias) decoder^T + pre_bias`, normalisation undone. OpenAI's file says
//! `activation` ("ReLU", "TopK") and `activation_state_dict`, and normalises each token exactly when it is TopK;
//! SDXL-unbox has `config.json` with `k` and never normalises. Sources: `sparse_autoencoder/model.py`
//! (openai/sparse_autoencoder), `SAE/sae.py` and `scripts/get_best_pics.py` (wendlerc/sdxl-unbox).

use serde_json::Value;

use super::config::Config;
use super::parts::{Kind, Layout, Parts, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

/// Counts that training keeps.
const STATISTICS: [&str; 3] = ["stats_last_nonzero", "latents_activation_frequency", "latents_mean_square"];

pub(super) fn recognise(tensors: &Weights) -> bool {
    ["pre_bias", "latent_bias", "encoder.weight"].iter().all(|name| tensors.contains_key(*name))
}

/// `tensors` may hold the numbers of `mean.pt` and `std.pt` as `mean` and `std`.
pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (mut source, config, mut notes) = (Source::new(tensors), Config::new(config), Vec::new());
    let names = ["encoder.weight", "latent_bias", "decoder.weight", "pre_bias"];
    let mut parts = source.parts(names, [Layout::OutIn, Layout::OutIn])?;
    source.drop_unused(&STATISTICS);
    config.agrees("d_model", parts.input)?;
    config.agrees("n_dirs_local", parts.features)?;
    let (activation, normalisation) = match (config.text("activation")?, config.count("k")?) {
        (Some("ReLU"), _) => (DictionaryActivation::Relu, TokenNormalisation::None),
        (Some("TopK"), _) => (top(config.part("activation_state_dict"))?, TokenNormalisation::LayerNorm),
        (Some(other), _) => return Err(format!("activation \"{other}\" is not known; ReLU and TopK are")),
        (None, Some(k)) => (DictionaryActivation::TopK { k, relu_first: false }, TokenNormalisation::None),
        (None, None) => {
            return Err("the file does not say its activation: put config.json beside it, with {\"k\": ..} for \
                        SDXL-unbox, or with {\"activation\": \"ReLU\"} or {\"activation\": \"TopK\", \
                        \"activation_state_dict\": {\"k\": ..}} for OpenAI's"
                .to_owned());
        }
    };
    if config.has("n_dirs_local") {
        notes
            .push("SDXL-unbox trains on what a block adds (its output minus its input), not on its output.".to_owned());
    }
    standardise(&mut source, &mut parts, &mut notes)?;
    source.finish()?;
    let expected_active = if let DictionaryActivation::TopK { k, .. } = activation { Some(k as f32) } else { None };
    let kind = Kind { activation, subtract_decoder_bias: true, normalisation, expected_active };
    let (config, weights) = parts.finish(kind, &mut notes)?;
    Ok(ImportedSae { format: SaeFormat::OpenAi, config, weights, hook: Hook::default(), notes })
}

fn top(state: Config<'_>) -> Result<DictionaryActivation, String> {
    match state.text("postact_fn")? {
        None | Some("ReLU") => {}
        Some(other) => {
            return Err(format!("a TopK with {other} may be negative, which is not known here; with ReLU it is"));
        }
    }
    let k = state.count("k")?.ok_or("the file's activation_state_dict names no k")?;
    Ok(DictionaryActivation::TopK { k, relu_first: false })
}

/// SDXL-unbox's `mean.pt` and `std.pt` are of activations, `[m]`, and no part of the SAE; `[d]` numbers are of tokens.
fn standardise(source: &mut Source, parts: &mut Parts, notes: &mut Vec<String>) -> Result<(), String> {
    if !source.has("mean") && !source.has("std") {
        return Ok(());
    }
    let of = |source: &Source, size: usize| {
        ["mean", "std"].iter().all(|name| !source.has(name) || source.is_shaped(name, &[size]))
    };
    if of(source, parts.features) {
        source.drop_unused(&["mean", "std"]);
        notes.push("mean.pt and std.pt are statistics of its activations and not needed to compute them.".to_owned());
        return Ok(());
    }
    let (mean, std) = (source.vector("mean", parts.input)?, source.vector("std", parts.input)?);
    if let Some(at) = std.iter().position(|std| std.is_nan() || *std <= 0.0) {
        return Err(format!("std.pt holds {} (number {at}); a standard deviation is above 0", std[at]));
    }
    parts.standardise(&mean, &std);
    notes.push("Tokens are standardised by mean.pt and std.pt; that is part of its matrices.".to_owned());
    Ok(())
}
