//! SAELens (decoderesearch/SAELens): `cfg.json` and `sae_weights.safetensors`.
//!
//! Row vectors, matrices `[in, out]`. `p = (norm(x) - flag * b_dec) W_enc + b_enc`, then by architecture; `f W_dec +
//! b_dec`, normalisation undone. Sources: `sae_lens/saes/*.py` and `loading/pretrained_sae_loaders.py` of 6.54
//! (`handle_pre_6_0_config` for older configs), `sae_lens/sae.py` of 5.11 (`finetuning_scaling_factor`).

use serde_json::Value;

use super::config::Config;
use super::fold::mirrored_note;
use super::parts::{Kind, Layout, Parts, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

const PARTS: [&str; 4] = ["W_enc", "b_enc", "W_dec", "b_dec"];
const LAYOUTS: [Layout; 2] = [Layout::InOut, Layout::InOut];

/// SAELens' names for its architectures that are SAEs as this program knows them.
const KNOWN: [&str; 7] = ["standard", "gated", "jumprelu", "topk", "abstopk", "batchtopk", "matryoshka_batchtopk"];

pub(super) fn recognise(tensors: &Weights, config: Option<&Value>) -> bool {
    let config = Config::new(config);
    let marks = ["architecture", "d_sae", "hook_name", "hook_point", "apply_b_dec_to_input", "activation_fn_str"];
    ["W_enc", "W_dec"].iter().any(|name| tensors.contains_key(*name)) && marks.iter().any(|key| config.has(key))
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (mut source, config, mut notes) = (Source::new(tensors), Config::new(config), Vec::new());
    let hook = hook(config)?;
    refuse_heads(config, &hook)?;
    let architecture = architecture(config)?;
    let mut parts = match architecture {
        "gated" => gated(&mut source)?,
        _ => source.parts(PARTS, LAYOUTS)?,
    };
    config.agrees("d_in", parts.input)?;
    config.agrees("d_sae", parts.features)?;
    scaling_factor(&mut source, config, &mut parts, &mut notes)?;
    let (normalisation, factor) = normalisation(config)?;
    if let Some(factor) = factor {
        parts.scale_tokens(factor);
        notes
            .push(format!("Tokens are scaled by {factor}, the average of its training; that is part of its matrices."));
    }
    let rescaled = config.truth("rescale_acts_by_decoder_norm")?.unwrap_or(false);
    if rescaled && matches!(architecture, "topk" | "abstopk" | "batchtopk" | "matryoshka_batchtopk") {
        parts.rescale_by_decoder_norms();
    }
    let details = config.part("metadata").part("training_architecture_details");
    let mut expected_active = config.number("k")?.or(details.number("k")?).map(|k| k as f32);
    let activation = match architecture {
        "gated" => DictionaryActivation::Gated,
        "jumprelu" => {
            parts.threshold = Some(source.vector("threshold", parts.features)?);
            DictionaryActivation::JumpRelu
        }
        "topk" | "abstopk" => {
            let k = top(config)?;
            expected_active = Some(k as f32);
            if architecture == "abstopk" {
                notes.push(mirrored_note(parts.features));
                parts.mirror()?;
            }
            DictionaryActivation::TopK { k, relu_first: false }
        }
        "batchtopk" | "matryoshka_batchtopk" => {
            let threshold = source.scalar("topk_threshold")?;
            let threshold = threshold
                .ok_or("tensor \"topk_threshold\" is missing: without it, it is not known which features fire")?;
            // As `BatchTopKTrainingSAE` does at export: a threshold is in units of decoder norms.
            let unit = factor.filter(|_| rescaled).unwrap_or(1.0);
            parts.threshold = Some(vec![threshold / unit; parts.features]);
            notes.push("It is a training checkpoint; its running threshold is used, as at export.".to_owned());
            DictionaryActivation::JumpRelu
        }
        _ => DictionaryActivation::Relu,
    };
    source.finish()?;
    if config.text("dtype")?.is_some_and(|dtype| dtype.contains("16")) {
        notes.push(
            "Its library computes in 16 bits; here it computes in 32, which differs in the third digit.".to_owned(),
        );
    }
    let subtract_decoder_bias = config.truth("apply_b_dec_to_input")?.unwrap_or(true);
    let kind = Kind { activation, subtract_decoder_bias, normalisation, expected_active };
    let (config, weights) = parts.finish(kind, &mut notes)?;
    Ok(ImportedSae { format: SaeFormat::SaeLens, config, weights, hook, notes })
}

/// The architecture, where an activation named beside it (before version 6) may change it.
fn architecture<'a>(config: Config<'a>) -> Result<&'a str, String> {
    let said = config.text("architecture")?;
    if said.is_none() && is_since_6(config)? {
        return Err("the config names no architecture, which SAELens 6 always does".to_owned());
    }
    let said = said.unwrap_or("standard");
    if !KNOWN.contains(&said) {
        return Err(format!(
            "SAELens architecture \"{said}\" is no sparse autoencoder that can be read; these can: {}",
            KNOWN.join(", ")
        ));
    }
    let activation = config.text("activation_fn_str")?.or(config.text("activation_fn")?);
    match (activation, said) {
        (None | Some("relu"), _) => Ok(said),
        (Some("topk"), "standard" | "topk") => Ok("topk"),
        (Some(other), _) => Err(format!(
            "activation \"{other}\" of a {said} SAE is not known; relu and topk are, and reading it as one of them \
             would give other features"
        )),
    }
}

fn is_since_6(config: Config<'_>) -> Result<bool, String> {
    let key = "sae_lens_version";
    let version = config.text(key)?.or(config.part("metadata").text(key)?);
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    Ok(major.is_some_and(|major| major >= 6))
}

fn top(config: Config<'_>) -> Result<usize, String> {
    let arguments = config.part("activation_fn_kwargs");
    if let Some(odd) = arguments.keys().find(|key| *key != "k") {
        return Err(format!("the config's activation_fn_kwargs has {odd}, which is not known; only k is"));
    }
    let k = config.count("k")?.or(arguments.count("k")?);
    k.ok_or_else(|| "the config names no k: a TopK SAE without it cannot be read; add \"k\" to cfg.json".to_owned())
}

fn gated(source: &mut Source) -> Result<Parts, String> {
    let mut parts = source.parts(["W_enc", "b_gate", "W_dec", "b_dec"], LAYOUTS)?;
    parts.magnitude = Some((source.vector("r_mag", parts.features)?, source.vector("b_mag", parts.features)?));
    Ok(parts)
}

/// A factor for each feature in decoding, from fine-tuning; all ones in many older files.
fn scaling_factor(
    source: &mut Source,
    config: Config<'_>,
    parts: &mut Parts,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    for name in ["scaling_factor", "finetuning_scaling_factor"] {
        if !source.has(name) {
            continue;
        }
        let factors = source.vector(name, parts.features)?;
        // As torch.allclose judges it.
        if factors.iter().all(|factor| (factor - 1.0).abs() <= 1e-5) {
            continue;
        }
        if !config.truth("finetuning_scaling_factor")?.unwrap_or(false) {
            return Err(format!(
                "tensor \"{name}\" scales features, but the config's finetuning_scaling_factor is false: they do not \
                 belong together"
            ));
        }
        parts.scale_rows(&factors);
        notes.push("Its fine-tuned scaling factors are part of the decoder rows.".to_owned());
    }
    Ok(())
}

/// What is done to each token, and the one factor on all of them where it is that.
fn normalisation(config: Config<'_>) -> Result<(TokenNormalisation, Option<f32>), String> {
    let said = match config.get("normalize_activations") {
        None | Some(Value::Bool(false)) => "none",
        Some(Value::Bool(true)) => "expected_average_only_in",
        Some(_) => config.text("normalize_activations")?.unwrap_or("none"),
    };
    match said {
        "none" => Ok((TokenNormalisation::None, None)),
        "constant_norm_rescale" => Ok((TokenNormalisation::ConstantNorm, None)),
        "layer_norm" => Ok((TokenNormalisation::LayerNorm, None)),
        "expected_average_only_in" => Ok((TokenNormalisation::None, Some(average_factor(config)?))),
        "covariance_whitening" => {
            Err("the config asks for covariance_whitening, whose matrices are not in this file; \
             save the SAE with them folded in, as at the end of training"
                .to_owned())
        }
        other => Err(format!("normalize_activations \"{other}\" is not known")),
    }
}

fn average_factor(config: Config<'_>) -> Result<f32, String> {
    let key = "norm_scaling_factor";
    let factor = config.number(key)?.or(config.part("metadata").number(key)?).ok_or(
        "the config asks for expected_average_only_in but has no norm_scaling_factor: add it to cfg.json (the \
         scaling_factor of the checkpoint's activation_scaler.json, or the square root of d_in divided by the mean \
         length of a token)",
    )? as f32;
    if factor.is_finite() && factor > 0.0 {
        Ok(factor)
    } else {
        Err(format!("the config's norm_scaling_factor is {factor}, it must be above 0"))
    }
}

fn hook(config: Config<'_>) -> Result<Hook, String> {
    let metadata = config.part("metadata");
    let first = |keys: [&str; 2]| -> Result<Option<String>, String> {
        for (part, key) in [metadata, config].iter().flat_map(|part| keys.map(|key| (part, key))) {
            if let Some(text) = part.text(key)? {
                return Ok(Some(text.to_owned()));
            }
        }
        Ok(None)
    };
    let name = first(["hook_name", "hook_point"])?;
    let layer = name.as_deref().and_then(layer_in);
    Ok(Hook { network: first(["model_name", "model_class_name"])?, name, layer, class_token_only: None })
}

/// The layer in a name such as `blocks.9.hook_resid_post` or `model.layers.15`.
pub(super) fn layer_in(name: &str) -> Option<i64> {
    name.split(['.', '_', '/']).find_map(|word| word.parse::<u16>().ok()).map(i64::from)
}

/// SAEs on the heads of attention read several vectors as one, which tokens of a layer are not.
fn refuse_heads(config: Config<'_>, hook: &Hook) -> Result<(), String> {
    let reshaped = config.text("reshape_activations")?.is_some_and(|how| how != "none");
    let on_heads = hook.name.as_deref().is_some_and(|name| name.contains("hook_z"));
    let one_head = config.has("hook_head_index")
        || config.has("hook_point_head_index")
        || config.part("metadata").has("hook_head_index");
    if reshaped || on_heads || one_head {
        return Err(
            "this SAE reads the heads of an attention layer (hook_z), not the tokens of a layer; take one of the \
                    residual stream or the MLP"
                .to_owned(),
        );
    }
    Ok(())
}
