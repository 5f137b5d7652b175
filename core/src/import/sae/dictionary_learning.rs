//! dictionary_learning (saprmarks/dictionary_learning): `ae.pt` and `config.json`.
//!
//! Seven classes by `trainer.dict_class`; `Linear` weights are `[out, in]`, `W_enc` and `W_dec` `[in, out]`. Sources:
//! `dictionary.py`, `trainers/top_k.py`, `trainers/batch_top_k.py`, `trainers/matryoshka_batch_top_k.py` and
//! `utils.load_dictionary` of version 0.1.0.

use serde_json::Value;

use super::config::Config;
use super::parts::{Kind, Layout, Parts, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

const LINEAR: [Layout; 2] = [Layout::OutIn, Layout::OutIn];
const MATRICES: [Layout; 2] = [Layout::InOut, Layout::InOut];

/// A class of the library.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    AutoEncoder,
    AutoEncoderNew,
    Gated,
    JumpRelu,
    TopK,
    BatchTopK,
    Matryoshka,
}

impl Class {
    const ALL: [(Self, &str); 7] = [
        (Self::AutoEncoder, "AutoEncoder"),
        (Self::AutoEncoderNew, "AutoEncoderNew"),
        (Self::Gated, "GatedAutoEncoder"),
        (Self::JumpRelu, "JumpReluAutoEncoder"),
        (Self::TopK, "AutoEncoderTopK"),
        (Self::BatchTopK, "BatchTopKSAE"),
        (Self::Matryoshka, "MatryoshkaBatchTopKSAE"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, name)| *name)
    }

    fn named(name: &str) -> Result<Self, String> {
        let last = name.rsplit('.').next().unwrap_or(name);
        let found = Self::ALL.iter().find(|(_, known)| *known == last).map(|(class, _)| *class);
        found.ok_or_else(|| {
            format!(
                "dictionary_learning class \"{name}\" is not known; known are {}",
                Self::ALL.map(|(_, n)| n).join(", ")
            )
        })
    }

    /// The class that alone has such tensors.
    fn of_tensors(tensors: &Weights) -> Result<Self, String> {
        let has = |name: &str| tensors.contains_key(name);
        if has("gate_bias") && has("decoder_bias") {
            Ok(Self::Gated)
        } else if has("group_sizes") && has("W_enc") {
            Ok(Self::Matryoshka)
        } else if has("encoder.bias") && has("bias") {
            Ok(Self::AutoEncoder)
        } else if has("encoder.bias") && has("decoder.bias") {
            Ok(Self::AutoEncoderNew)
        } else {
            Err("AutoEncoderTopK and BatchTopKSAE have the same tensors but fire differently: put config.json beside \
                 the file, with {\"trainer\": {\"dict_class\": .., \"k\": ..}}"
                .to_owned())
        }
    }
}

pub(super) fn recognise(tensors: &Weights, config: Option<&Value>) -> bool {
    let has = |names: &[&str]| names.iter().all(|name| tensors.contains_key(*name));
    let linear = has(&["encoder.weight", "decoder.weight"]);
    Config::new(config).part("trainer").has("dict_class")
        || has(&["W_enc", "group_sizes"])
        || (linear && (has(&["gate_bias"]) || has(&["encoder.bias"])))
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let trainer = Config::new(config).part("trainer");
    let mut notes = Vec::new();
    let class = match trainer.text("dict_class")? {
        Some(name) => Class::named(name)?,
        None => {
            let class = Class::of_tensors(&tensors)?;
            notes.push(format!(
                "Without config.json it is taken for {} of dictionary_learning, by its tensors' names.",
                class.name()
            ));
            class
        }
    };
    let mut source = Source::new(tensors);
    let mut parts = parts(class, &mut source)?;
    trainer.agrees("activation_dim", parts.input)?;
    trainer.agrees("dict_size", parts.features)?;
    let k = top(class, &mut source, trainer)?;
    let activation = match (class, k) {
        (Class::TopK, Some(k)) => {
            source.drop_unused(&["threshold"]);
            DictionaryActivation::TopK { k, relu_first: true }
        }
        (Class::TopK, None) => {
            return Err("neither the file nor config.json names k: add {\"trainer\": {\"k\": ..}}".to_owned());
        }
        (Class::BatchTopK | Class::Matryoshka, _) => {
            parts.threshold = Some(vec![threshold(&mut source)?; parts.features]);
            DictionaryActivation::JumpRelu
        }
        (Class::JumpRelu, _) => {
            parts.threshold = Some(source.vector("threshold", parts.features)?);
            DictionaryActivation::JumpRelu
        }
        (Class::Gated, _) => {
            parts.magnitude =
                Some((source.vector("r_mag", parts.features)?, source.vector("mag_bias", parts.features)?));
            DictionaryActivation::Gated
        }
        (Class::AutoEncoder, _) => {
            unit_rows(&mut parts, &mut notes);
            DictionaryActivation::Relu
        }
        (Class::AutoEncoderNew, _) => DictionaryActivation::Relu,
    };
    if class == Class::Matryoshka {
        check_groups(&mut source, parts.features)?;
    }
    source.finish()?;
    let kind = Kind {
        activation,
        subtract_decoder_bias: !matches!(class, Class::AutoEncoderNew | Class::JumpRelu),
        normalisation: TokenNormalisation::None,
        expected_active: k.map(|k| k as f32),
    };
    let (config, weights) = parts.finish(kind, &mut notes)?;
    let hook = Hook {
        network: trainer.text("lm_name")?.map(str::to_owned),
        name: trainer.text("submodule_name")?.map(str::to_owned),
        layer: trainer.whole("layer")?,
        class_token_only: None,
    };
    Ok(ImportedSae { format: SaeFormat::DictionaryLearning, config, weights, hook, notes })
}

fn parts(class: Class, source: &mut Source) -> Result<Parts, String> {
    let linear = |bias, decoder_bias| ["encoder.weight", bias, "decoder.weight", decoder_bias];
    match class {
        Class::AutoEncoder => source.parts(linear("encoder.bias", "bias"), LINEAR),
        Class::AutoEncoderNew => source.parts(linear("encoder.bias", "decoder.bias"), LINEAR),
        Class::Gated => source.parts(linear("gate_bias", "decoder_bias"), LINEAR),
        Class::TopK | Class::BatchTopK => source.parts(linear("encoder.bias", "b_dec"), LINEAR),
        Class::JumpRelu | Class::Matryoshka => source.parts(["W_enc", "b_enc", "W_dec", "b_dec"], MATRICES),
    }
}

/// `k` of the file and of the config, which must agree where there are both.
fn top(class: Class, source: &mut Source, trainer: Config<'_>) -> Result<Option<usize>, String> {
    if !matches!(class, Class::TopK | Class::BatchTopK | Class::Matryoshka) {
        return Ok(None);
    }
    match (source.count("k")?, trainer.count("k")?) {
        (Some(saved), Some(said)) if saved != said => {
            Err(format!("config.json says k = {said}, the file {saved}: they do not belong together"))
        }
        (saved, said) => Ok(saved.or(said)),
    }
}

fn threshold(source: &mut Source) -> Result<f32, String> {
    let threshold =
        source.scalar("threshold")?.ok_or("tensor \"threshold\" is missing: it is not known which features fire")?;
    if threshold >= 0.0 {
        return Ok(threshold);
    }
    Err(format!(
        "the threshold of this BatchTopK SAE is {threshold}, which means that training never set it: every positive \
         feature would fire; train past threshold_start_step, or set the threshold from data"
    ))
}

fn check_groups(source: &mut Source, features: usize) -> Result<(), String> {
    let groups = source.numbers("group_sizes")?.unwrap_or_default();
    let sum: f64 = groups.iter().map(|&size| f64::from(size)).sum();
    if sum == features as f64 {
        return Ok(());
    }
    Err(format!("the groups of this Matryoshka SAE have {sum} features together, the tensors {features}"))
}

/// `AutoEncoder.from_pretrained` gives every decoder row length 1, and its activations what the row gave up.
fn unit_rows(parts: &mut Parts, notes: &mut Vec<String>) {
    if parts.decoder_norms().iter().any(|norm| (norm - 1.0).abs() > 1e-5) {
        parts.rescale_by_decoder_norms();
        notes.push(
            "Decoder rows have length 1 and activations are scaled to match, as the library does on loading."
                .to_owned(),
        );
    }
}
