//! Published sparse autoencoders: tensors under their authors' names and a JSON config enter; a
//! [`DictionarySaeConfig`] and the tensors of [`crate::models::dictionary::DictionarySae`] leave.
//!
//! Each library's format is one file here, with the library's own equations; knows no files and no networks. What
//! cannot be read exactly as its library reads it is refused: an SAE with a wrong activation still answers, with other
//! features.

mod config;
mod dictionary_learning;
mod fold;
mod openai;
mod parts;
mod patchsae;
mod pickled;
mod prisma;
mod saelens;
mod sail;
mod sparsify;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::models::dictionary::DictionarySaeConfig;
use crate::models::weights::Weights;

pub use config::parse as parse_config;
pub use pickled::config_of_torch_file;

/// A library that writes SAEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaeFormat {
    /// `cfg.json` and `sae_weights.safetensors` of SAELens 2 to 6.
    SaeLens,
    /// `config.json` and `ae.pt` of dictionary_learning (saprmarks).
    DictionaryLearning,
    /// `cfg.json` and `sae.safetensors` of EleutherAI's Sparsify, once called sae.
    Sparsify,
    /// One `.pt` of OpenAI's sparse_autoencoder, or `config.json` and `state_dict.pth` of SDXL-unbox.
    OpenAi,
    /// `config.json` and `weights.pt` of ViT-Prisma, or one older `.pt`.
    Prisma,
    /// One `.pt` of PatchSAE or of its forerunner, mats_sae_training_for_ViTs.
    PatchSae,
    /// A Lightning `.ckpt` of SAIL.
    Sail,
}

impl SaeFormat {
    /// All of them, those with the most particular marks first.
    const ALL: [Self; 7] = [
        Self::Sail,
        Self::OpenAi,
        Self::DictionaryLearning,
        Self::Prisma,
        Self::PatchSae,
        Self::Sparsify,
        Self::SaeLens,
    ];

    /// The library's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SaeLens => "SAELens",
            Self::DictionaryLearning => "dictionary_learning",
            Self::Sparsify => "Sparsify",
            Self::OpenAi => "OpenAI sparse_autoencoder",
            Self::Prisma => "ViT-Prisma",
            Self::PatchSae => "PatchSAE",
            Self::Sail => "SAIL",
        }
    }

    fn recognises(self, tensors: &Weights, config: Option<&Value>) -> bool {
        match self {
            Self::SaeLens => saelens::recognise(tensors, config),
            Self::DictionaryLearning => dictionary_learning::recognise(tensors, config),
            Self::Sparsify => sparsify::recognise(tensors),
            Self::OpenAi => openai::recognise(tensors),
            Self::Prisma => prisma::recognise(tensors, config),
            Self::PatchSae => patchsae::recognise(tensors, config),
            Self::Sail => sail::recognise(tensors),
        }
    }
}

/// What an SAE's file says about the tokens that it was made for; hints, each only where the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hook {
    /// The network.
    pub network: Option<String>,
    /// The place in it, in the library's words: `blocks.9.hook_resid_post`.
    pub name: Option<String>,
    /// The layer, counted from 0, or from -1 backwards.
    pub layer: Option<i64>,
    /// Whether it was trained on class tokens alone.
    pub class_token_only: Option<bool>,
}

/// An SAE out of its library's file.
#[derive(Clone, Debug)]
pub struct ImportedSae {
    /// Whose.
    pub format: SaeFormat,
    /// Sizes and kind.
    pub config: DictionarySaeConfig,
    /// Tensors under the paths of [`crate::models::dictionary::DictionarySae`].
    pub weights: Weights,
    /// Where it belongs.
    pub hook: Hook,
    /// What was changed or could not be known, in sentences to be shown.
    pub notes: Vec<String>,
}

/// Which library wrote these tensors and this config, if any that is known.
#[must_use]
pub fn recognise(tensors: &Weights, config: Option<&Value>) -> Option<SaeFormat> {
    SaeFormat::ALL.into_iter().find(|format| format.recognises(tensors, config))
}

/// Reads an SAE of any known library. `config` is its JSON ([`parse_config`]) or what a PyTorch file holds beside the
/// tensors ([`config_of_torch_file`]).
///
/// # Errors
/// Why it cannot be read exactly, and what to do.
pub fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    match recognise(&tensors, config) {
        Some(SaeFormat::SaeLens) => saelens::import(tensors, config),
        Some(SaeFormat::DictionaryLearning) => dictionary_learning::import(tensors, config),
        Some(SaeFormat::Sparsify) => sparsify::import(tensors, config),
        Some(SaeFormat::OpenAi) => openai::import(tensors, config),
        Some(SaeFormat::Prisma) => prisma::import(tensors, config),
        Some(SaeFormat::PatchSae) => patchsae::import(tensors, config),
        Some(SaeFormat::Sail) => sail::import(tensors, config),
        None => Err(unknown(&tensors, config)),
    }
}

fn unknown(tensors: &Weights, config: Option<&Value>) -> String {
    if tensors.is_empty() {
        return "this file holds no tensors".to_owned();
    }
    if tensors.keys().any(|name| name.ends_with("dictionary._weights")) {
        return "this SAE is of overcomplete, whose files are Python modules that encode in steps of their own; save \
                its encoder and dictionary as a TopK or ReLU SAE of another library first"
            .to_owned();
    }
    if config.is_none() && ["W_enc", "W_dec", "b_dec"].iter().all(|name| tensors.contains_key(*name)) {
        return "W_enc, W_dec and biases alone do not say which activation they go with; put the library's cfg.json \
                or config.json beside them"
            .to_owned();
    }
    format!(
        "no SAE library is known that writes these tensors: {}; known are {}",
        parts::listed(tensors.keys()),
        SaeFormat::ALL.map(SaeFormat::name).join(", ")
    )
}
