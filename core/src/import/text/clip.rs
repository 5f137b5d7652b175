//! CLIP's text transformer under transformers', OpenAI's and open_clip's names.

use super::{GivenText, ImportedText};
use crate::bundle::manifest::TextKind;
use crate::import::json::{agree, find, number, size, switch, text};
use crate::import::mover::{Fused, Mover, nothing_left};
use crate::import::tensors::{count, shape};
use crate::import::vit::{activation, heads};
use crate::models::activations::Activation;
use crate::models::text::{ClipTextConfig, EndOfText};
use crate::models::weights::Weights;

/// What the tensors are called.
pub struct Names {
    words: String,
    positions: String,
    /// Start of the blocks' names, before their index.
    blocks: String,
    norm: String,
    projection: String,
    /// transformers' names, not OpenAI's.
    hf: bool,
    /// Starts of all names of the tower.
    own: Vec<String>,
}

/// The names of the text tower in `source`, if it has one.
pub fn recognise(source: &Weights) -> Option<Names> {
    // A whole model, a text model with projection; a text model alone as transformers 5 saves it.
    for prefix in ["text_model.", ""] {
        let words = format!("{prefix}embeddings.token_embedding.weight");
        if source.contains_key(&words) {
            let start = if prefix.is_empty() { "embeddings.|encoder.|final_layer_norm." } else { prefix };
            return Some(Names {
                words,
                positions: format!("{prefix}embeddings.position_embedding.weight"),
                blocks: format!("{prefix}encoder.layers."),
                norm: format!("{prefix}final_layer_norm"),
                projection: "text_projection.weight".to_owned(),
                hf: true,
                own: start.split('|').chain(["text_projection."]).map(str::to_owned).collect(),
            });
        }
    }
    // open_clip's `CLIP` has the text tower's parts at the top, its `CustomTextCLIP` under `text.`.
    let prefix =
        ["", "text."].into_iter().find(|prefix| source.contains_key(&format!("{prefix}token_embedding.weight")))?;
    let name = |part: &str| format!("{prefix}{part}");
    let own = ["token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection"];
    Some(Names {
        words: name("token_embedding.weight"),
        positions: name("positional_embedding"),
        blocks: name("transformer.resblocks."),
        norm: name("ln_final"),
        projection: name("text_projection"),
        hf: false,
        own: if prefix.is_empty() { own.map(str::to_owned).to_vec() } else { vec![prefix.to_owned()] },
    })
}

/// Takes the tower out of `source`.
pub fn import(source: &mut Weights, given: GivenText<'_>, names: &Names) -> Result<ImportedText, String> {
    let mut assumed = Vec::new();
    let config = configuration(source, given, names, &mut assumed)?;
    config.check()?;
    let weights = moved(source, names, &config)?;
    let owned = |name: &str| names.own.iter().any(|start| name.starts_with(start.as_str()));
    let harmless = |name: &str| name.ends_with("position_ids") || name.ends_with("attn_mask");
    nothing_left(source.keys().filter(|name| owned(name) && !harmless(name)))?;
    source.retain(|name, _| !owned(name));
    Ok(ImportedText { config: TextKind::Clip(config), weights, assumed })
}

fn configuration(
    source: &Weights,
    given: GivenText<'_>,
    names: &Names,
    assumed: &mut Vec<String>,
) -> Result<ClipTextConfig, String> {
    let matrix = |name: &str| match shape(source, name) {
        Some(&[rows, columns]) => Ok([rows, columns]),
        Some(shape) => Err(format!("tensor \"{name}\" has shape {shape:?}, not that of a matrix")),
        None => Err(format!("tensor \"{name}\" is missing")),
    };
    let [vocabulary, hidden] = matrix(&names.words)?;
    let [context, _] = matrix(&names.positions)?;
    let first = if names.hf { "layer_norm1" } else { "ln_1" };
    let layers = count(source, |index| format!("{}{index}.{first}.weight", names.blocks));
    let up = if names.hf { "mlp.fc1" } else { "mlp.c_fc" };
    let [mlp, _] = matrix(&format!("{}0.{up}.weight", names.blocks))?;
    let projection = if source.contains_key(&names.projection) {
        let [rows, columns] = matrix(&names.projection)?;
        Some(if names.hf { rows } else { columns })
    } else {
        None
    };
    let model = if names.hf { given.config } else { find(given.config, &["model_cfg"]).or(given.config) };
    let own = find(model, &[if names.hf { "text_config" } else { "text_cfg" }]);
    let own = if names.hf { own.or(model) } else { own };
    agree(own, &["vocab_size"], vocabulary)?;
    let stated_heads = size(own, &[if names.hf { "num_attention_heads" } else { "heads" }])?;
    let (activation, epsilon, end) = if names.hf {
        for (name, found) in [("hidden_size", hidden), ("num_hidden_layers", layers), ("intermediate_size", mlp)] {
            agree(own, &[name], found)?;
        }
        // transformers wrote 2 for years although the token is another; with it the rule is OpenAI's.
        let end = match find(own, &["eos_token_id"]).and_then(serde_json::Value::as_u64) {
            None | Some(2) => EndOfText::Largest,
            Some(token) => EndOfText::Token(u32::try_from(token).map_err(|_| "eos_token_id is beyond all limits")?),
        };
        let activation = activation(text(own, &["hidden_act"]))?.unwrap_or(Activation::QuickGelu);
        (activation, number(own, &["layer_norm_eps"])?.unwrap_or(1e-5), end)
    } else {
        for (name, found) in [("width", hidden), ("layers", layers), ("context_length", context)] {
            agree(own, &[name], found)?;
        }
        refuse_other_open_clip(own)?;
        if model.is_none() {
            assumed.push("quick GELU, as in OpenAI's weights; open_clip_config.json would tell".to_owned());
        }
        let quick = model.is_none() || switch(model, &["quick_gelu"]);
        let activation = if quick { Activation::QuickGelu } else { Activation::Gelu };
        (activation, number(own, &["norm_kwargs", "eps"])?.unwrap_or(1e-5), EndOfText::Largest)
    };
    Ok(ClipTextConfig {
        vocabulary,
        context,
        hidden,
        layers,
        heads: heads(given.heads.or(stated_heads), hidden, assumed)?,
        mlp,
        activation,
        epsilon,
        projection,
        end,
    })
}

/// Refuses what other text towers of open_clip do.
fn refuse_other_open_clip(own: Option<&serde_json::Value>) -> Result<(), String> {
    for name in ["no_causal_mask", "embed_cls", "proj_bias", "final_ln_after_pool"] {
        if switch(own, &[name]) {
            return Err(format!("the text tower's {name} is not supported"));
        }
    }
    match text(own, &["pool_type"]) {
        None | Some("argmax") => Ok(()),
        Some(other) => Err(format!("the text tower's pool_type \"{other}\" is not supported, only argmax is")),
    }
}

fn moved(source: &mut Weights, names: &Names, config: &ClipTextConfig) -> Result<Weights, String> {
    let (d, mlp) = (config.hidden, config.mlp);
    let mut mover = Mover::new(source);
    mover.plain(&names.words, "words", &[config.vocabulary, d])?;
    mover.plain(&names.positions, "positions", &[config.context, d])?;
    for index in 0..config.layers {
        let from = |part: &str| format!("{}{index}.{part}", names.blocks);
        let to = |part: &str| format!("blocks.{index}.{part}");
        let parts = if names.hf {
            ["layer_norm1", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2"]
        } else {
            ["ln_1", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
        };
        let fused = if names.hf {
            Fused::Layers(["q_proj", "k_proj", "v_proj"].map(|name| from(&format!("self_attn.{name}"))))
        } else {
            Fused::InProjection(from("attn"))
        };
        let [norm1, out, norm2, up, down] = parts.map(from);
        mover.norm(&norm1, &to("norm1"), d)?;
        mover.fused(&fused, &to("attention.qkv"), d)?;
        mover.linear(&out, &to("attention.out"), d, d)?;
        mover.norm(&norm2, &to("norm2"), d)?;
        mover.linear(&up, &to("mlp.up"), d, mlp)?;
        mover.linear(&down, &to("mlp.down"), mlp, d)?;
    }
    mover.norm(&names.norm, "norm", d)?;
    match config.projection {
        Some(embed) if names.hf => mover.turned(&names.projection, "projection", embed, d)?,
        Some(embed) => mover.plain(&names.projection, "projection", &[d, embed])?,
        None => {}
    }
    Ok(mover.moved)
}
