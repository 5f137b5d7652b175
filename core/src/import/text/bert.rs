//! BERT as open_clip's `HFTextEncoder` saves it: `text.transformer.*` and `text.proj.*`.

use super::{GivenText, ImportedText};
use crate::bundle::manifest::TextKind;
use crate::import::json::{agree, find, number, size, text};
use crate::import::mover::{Fused, Mover, nothing_left};
use crate::import::tensors::{count, shape, take, values};
use crate::import::vit::heads;
use crate::models::text::{BertConfig, BertPooling};
use crate::models::weights::Weights;
use burn::tensor::TensorData;

const PREFIX: &str = "text.";

/// Start of the names of BERT's tensors.
pub struct Names(&'static str);

/// Whether there is a BERT in `source`.
pub fn recognise(source: &Weights) -> Option<Names> {
    let start = "text.transformer.";
    source.contains_key(&format!("{start}embeddings.word_embeddings.weight")).then_some(Names(start))
}

/// Takes the tower out of `source`.
pub fn import(source: &mut Weights, given: GivenText<'_>, names: Names) -> Result<ImportedText, String> {
    let Names(start) = names;
    let mut assumed = Vec::new();
    let config = configuration(source, given, start, &mut assumed)?;
    config.check()?;
    let weights = moved(source, start, &config)?;
    // The pooler is saved by old versions although nothing reads it.
    let harmless =
        |name: &str| name.ends_with("position_ids") || name.contains(".pooler.") || name.contains("token_type_ids");
    nothing_left(source.keys().filter(|name| name.starts_with(PREFIX) && !harmless(name)))?;
    source.retain(|name, _| !name.starts_with(PREFIX));
    Ok(ImportedText { config: TextKind::Bert(config), weights, assumed })
}

fn configuration(
    source: &Weights,
    given: GivenText<'_>,
    start: &str,
    assumed: &mut Vec<String>,
) -> Result<BertConfig, String> {
    let matrix = |name: &str| match shape(source, name) {
        Some(&[rows, columns]) => Ok([rows, columns]),
        Some(shape) => Err(format!("tensor \"{name}\" has shape {shape:?}, not that of a matrix")),
        None => Err(format!("tensor \"{name}\" is missing")),
    };
    let [vocabulary, hidden] = matrix(&format!("{start}embeddings.word_embeddings.weight"))?;
    let [positions, _] = matrix(&format!("{start}embeddings.position_embeddings.weight"))?;
    let layers = count(source, |index| format!("{start}encoder.layer.{index}.output.dense.weight"));
    let [mlp, _] = matrix(&format!("{start}encoder.layer.0.intermediate.dense.weight"))?;
    let own = find(given.config, &["model_cfg", "text_cfg"]).or(find(given.config, &["text_cfg"]));
    let bert = given.bert;
    for (name, found) in [
        ("vocab_size", vocabulary),
        ("hidden_size", hidden),
        ("num_hidden_layers", layers),
        ("intermediate_size", mlp),
        ("max_position_embeddings", positions),
    ] {
        agree(bert, &[name], found)?;
    }
    for (name, usual) in [("hidden_act", "gelu"), ("position_embedding_type", "absolute"), ("model_type", "bert")] {
        match text(bert, &[name]) {
            Some(other) if other != usual => return Err(format!("BERT's {name} \"{other}\" is not supported")),
            _ => {}
        }
    }
    let padding = size(bert, &["pad_token_id"])?.unwrap_or(0);
    Ok(BertConfig {
        vocabulary,
        context: positions,
        hidden,
        layers,
        heads: heads(given.heads.or(size(bert, &["num_attention_heads"])?), hidden, assumed)?,
        mlp,
        epsilon: number(bert, &["layer_norm_eps"])?.unwrap_or(1e-12),
        padding: u32::try_from(padding).map_err(|_| "pad_token_id is beyond all limits")?,
        pooling: pooling(text(own, &["hf_pooler_type"]), assumed)?,
        projection: projection(source)?.iter().map(|&(_, [outputs, _])| outputs).collect(),
    })
}

fn pooling(name: Option<&str>, assumed: &mut Vec<String>) -> Result<BertPooling, String> {
    match name {
        Some("cls_last_hidden_state_pooler") => Ok(BertPooling::First),
        Some("cls_pooler") => Ok(BertPooling::Pooler),
        Some("mean_pooler") => Ok(BertPooling::Mean),
        Some(other) => Err(format!("the text tower's hf_pooler_type \"{other}\" is not supported")),
        None => {
            assumed.push(
                "the first token stands for the text, as in BiomedCLIP; open_clip_config.json would tell".to_owned(),
            );
            Ok(BertPooling::First)
        }
    }
}

/// The projection's layers: names and shapes `[outputs, inputs]`.
fn projection(source: &Weights) -> Result<Vec<(&'static str, [usize; 2])>, String> {
    let all = ["text.proj.weight", "text.proj.0.weight", "text.proj.2.weight"];
    let layers = all.into_iter().filter_map(|name| Some((name, shape(source, name)?)));
    layers
        .map(|(name, shape)| match shape {
            &[outputs, inputs] => Ok((name, [outputs, inputs])),
            _ => Err(format!("tensor \"{name}\" has shape {shape:?}, not that of a matrix")),
        })
        .collect()
}

fn moved(source: &mut Weights, start: &str, config: &BertConfig) -> Result<Weights, String> {
    let (d, mlp) = (config.hidden, config.mlp);
    let layers = projection(source)?;
    let types_name = format!("{start}embeddings.token_type_embeddings.weight");
    let types = shape(source, &types_name).and_then(|shape| shape.first().copied()).unwrap_or(1);
    let types = take(source, &types_name, &[types, d])?;
    let positions = take(source, &format!("{start}embeddings.position_embeddings.weight"), &[config.context, d])?;
    // Sentences are of the first type, always; its embedding goes into the positions.
    let mut sums = values(&positions)?.to_vec();
    let first = values(&types)?.get(..d).ok_or_else(|| format!("tensor \"{types_name}\" is empty"))?;
    sums.chunks_exact_mut(d).for_each(|row| row.iter_mut().zip(first).for_each(|(sum, x)| *sum += x));
    let mut mover = Mover::new(source);
    mover.insert("positions", TensorData::new(sums, [config.context, d]));
    mover.plain(&format!("{start}embeddings.word_embeddings.weight"), "words", &[config.vocabulary, d])?;
    mover.norm(&format!("{start}embeddings.LayerNorm"), "norm", d)?;
    for index in 0..config.layers {
        let from = |part: &str| format!("{start}encoder.layer.{index}.{part}");
        let to = |part: &str| format!("blocks.{index}.{part}");
        let qkv = ["query", "key", "value"].map(|name| from(&format!("attention.self.{name}")));
        mover.fused(&Fused::Layers(qkv), &to("attention.qkv"), d)?;
        mover.linear(&from("attention.output.dense"), &to("attention.out"), d, d)?;
        mover.norm(&from("attention.output.LayerNorm"), &to("norm1"), d)?;
        mover.linear(&from("intermediate.dense"), &to("mlp.up"), d, mlp)?;
        mover.linear(&from("output.dense"), &to("mlp.down"), mlp, d)?;
        mover.norm(&from("output.LayerNorm"), &to("norm2"), d)?;
    }
    if config.pooling == BertPooling::Pooler {
        mover.linear(&format!("{start}pooler.dense"), "pooler", d, d)?;
    }
    let mut inputs = d;
    for (index, (name, [outputs, _])) in layers.into_iter().enumerate() {
        mover.turned(name, &format!("projection.{index}.weight"), outputs, inputs)?;
        inputs = outputs;
    }
    Ok(mover.moved)
}
