//! ViT-Prisma (Prisma-Multimodal/ViT-Prisma): `weights.pt` and `config.json`, or one older `.pt` with `cfg` and
//! `state_dict`.
//!
//! SAELens' equations of the time with other defaults: tokens are layer-normalised unless the config says otherwise,
//! and `b_dec` is always subtracted. Sources: `src/vit_prisma/sae/sae.py`, `config.py`.

use serde_json::Value;

use super::config::Config;
use super::parts::{Kind, Layout, Source};
use super::pickled::CLASS;
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

/// Keys that no other library's config has.
const MARKS: [&str; 5] =
    ["cls_token_only", "layer_subtype", "vit_model_cfg", "initialization_method", "use_patches_only"];

const LAYOUTS: [Layout; 2] = [Layout::InOut, Layout::InOut];

pub(super) fn recognise(tensors: &Weights, config: Option<&Value>) -> bool {
    let config = Config::new(config);
    let class = config.get(CLASS).and_then(Value::as_str).unwrap_or_default();
    tensors.contains_key("W_enc") && (class.starts_with("vit_prisma.") || MARKS.iter().any(|key| config.has(key)))
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (mut source, config, mut notes) = (Source::new(tensors), Config::new(config), Vec::new());
    if config.truth("is_transcoder")?.unwrap_or(false) {
        return Err(
            "this is a transcoder, which does not reconstruct its own input; take a sparse autoencoder".to_owned()
        );
    }
    let architecture = config.text("architecture")?.unwrap_or("standard");
    let activation = activation(architecture, config)?;
    let parts = match activation {
        DictionaryActivation::Gated => {
            let mut parts = source.parts(["W_enc", "b_gate", "W_dec", "b_dec"], LAYOUTS)?;
            parts.magnitude = Some((source.vector("r_mag", parts.features)?, source.vector("b_mag", parts.features)?));
            // Made for every SAE, used by the standard one.
            source.drop_unused(&["b_enc"]);
            parts
        }
        _ => source.parts(["W_enc", "b_enc", "W_dec", "b_dec"], LAYOUTS)?,
    };
    source.finish()?;
    config.agrees("d_in", parts.input)?;
    config.agrees("d_sae", parts.features)?;
    let normalisation = match config.text("normalize_activations")? {
        Some("layer_norm") => TokenNormalisation::LayerNorm,
        Some("constant_norm_rescale") => TokenNormalisation::ConstantNorm,
        Some("none") => TokenNormalisation::None,
        Some(other) => return Err(format!("normalize_activations \"{other}\" is not known")),
        None => {
            notes.push(
                "Its config does not say how tokens are normalised; layer_norm is the library's default.".to_owned(),
            );
            TokenNormalisation::LayerNorm
        }
    };
    let expected_active = if let DictionaryActivation::TopK { k, .. } = activation { Some(k as f32) } else { None };
    let kind = Kind { activation, subtract_decoder_bias: true, normalisation, expected_active };
    let (built, weights) = parts.finish(kind, &mut notes)?;
    Ok(ImportedSae { format: SaeFormat::Prisma, config: built, weights, hook: hook(config)?, notes })
}

fn activation(architecture: &str, config: Config<'_>) -> Result<DictionaryActivation, String> {
    let arguments = config.part("activation_fn_kwargs");
    let unknown = |name: &str| {
        format!(
            "activation \"{name}\" of a {architecture} Prisma SAE is not known; relu is, and topk of a standard one"
        )
    };
    match (architecture, config.text("activation_fn_str")?.unwrap_or("relu")) {
        ("standard", "relu") => Ok(DictionaryActivation::Relu),
        ("gated", "relu") => Ok(DictionaryActivation::Gated),
        ("standard", "topk") => {
            let after = arguments.part("postact_fn").get(CLASS).and_then(Value::as_str);
            let after_is_known = after.map_or(!arguments.has("postact_fn"), |class| class.ends_with(".ReLU"));
            if !after_is_known || arguments.keys().any(|key| key != "k" && key != "postact_fn" && key != CLASS) {
                return Err("the config's activation_fn_kwargs asks for more than k and a ReLU".to_owned());
            }
            let k = arguments.count("k")?.ok_or("the config's activation_fn_kwargs names no k")?;
            Ok(DictionaryActivation::TopK { k, relu_first: false })
        }
        ("standard" | "gated", other) => Err(unknown(other)),
        _ => Err(format!("Prisma architecture \"{architecture}\" is not known; standard and gated are")),
    }
}

fn hook(config: Config<'_>) -> Result<Hook, String> {
    // A sweep leaves a list of one layer.
    let layer = match config.get("hook_point_layer") {
        Some(Value::Array(layers)) => layers.first().and_then(Value::as_i64),
        _ => config.whole("hook_point_layer")?,
    };
    let name = match (config.text("hook_point")?, layer, config.text("layer_subtype")?) {
        (Some(name), ..) => Some(name.to_owned()),
        (None, Some(layer), Some(place)) => Some(format!("blocks.{layer}.{place}")),
        _ => None,
    };
    Ok(Hook {
        network: config.text("model_name")?.map(str::to_owned),
        name,
        layer,
        class_token_only: config.truth("cls_token_only")?,
    })
}
