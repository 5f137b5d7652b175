//! `bundle.ron`: what a bundle is, in words and sizes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::architecture::{ClassifierKind, DecoderKind, EncoderKind, SaeKind, TextKind, TokenizerKind};
use super::film_kind::FilmKind;
use super::load::{SAE_ENCODER_FILE, SAE_FILE, hex};
use crate::preprocess::Preprocess;

/// The newest manifest version that this program reads.
pub const NEWEST: u32 = 3;
/// The version that bundles are written in.
pub const VERSION: u32 = 2;
/// The version that a bundle with suppressed features is written in: an older program, which would not suppress them, must
/// not read it.
pub const SUPPRESSED_VERSION: u32 = 3;
/// The manifest's file name.
pub const FILE: &str = "bundle.ron";

/// Everything a bundle says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version.
    pub version: u32,
    /// Short name.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// What it was trained on.
    #[serde(default)]
    pub films: FilmKind,
    /// How a film becomes a frame: what the decoder draws, and what each part is fed that says nothing else.
    pub preprocess: Preprocess,
    /// How a film becomes the encoder's input, where that is not a frame.
    #[serde(default)]
    pub encoder_preprocess: Option<Preprocess>,
    /// What the encoder returns.
    pub latent: LatentShape,
    /// Film to latent.
    #[serde(default)]
    pub encoder: Option<EncoderKind>,
    /// Latent to frame.
    #[serde(default)]
    pub decoder: Option<DecoderKind>,
    /// Frame to scores.
    #[serde(default)]
    pub classifier: Option<ClassifierPart>,
    /// Tokens to features.
    #[serde(default)]
    pub sae: Option<SaePart>,
    /// The encoder whose tokens the SAE reads, where it is not the one whose latent the decoder draws. Its features are
    /// seen on a film, and cannot be edited.
    #[serde(default)]
    pub sae_encoder: Option<SaeEncoder>,
    /// Words to places in the space that the encoder shares with them.
    #[serde(default)]
    pub text: Option<TextPart>,
    /// Linear probes on tokens.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// SHA-256 of every other file of the bundle, in hex.
    pub files: BTreeMap<String, String>,
    /// Films that come with the bundle, in the order in which they are shown.
    #[serde(default)]
    pub gallery: Vec<GalleryFilm>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A film that comes with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GalleryFilm {
    /// Path inside the bundle, such as `gallery/01.png`.
    pub file: String,
    /// What to look at, in a few words.
    pub caption: String,
}

/// Size of a latent: `tokens x dim`, and the grid when tokens have positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatentShape {
    /// Tokens of a film.
    pub tokens: usize,
    /// Numbers in a token.
    pub dim: usize,
    /// Rows and columns of the token grid; none for a class token.
    pub grid: Option<[usize; 2]>,
}

/// A text tower, `text.safetensors`, with the files of its tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextPart {
    /// Network.
    pub architecture: TextKind,
    /// How words become tokens.
    pub tokenizer: TokenizerKind,
    /// Files of the tokenizer inside the bundle.
    pub files: Vec<String>,
}

/// An encoder for an SAE alone, `sae_encoder.safetensors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaeEncoder {
    /// Network.
    pub architecture: EncoderKind,
    /// How a film becomes its input.
    pub preprocess: Preprocess,
    /// What it returns.
    pub latent: LatentShape,
}

/// A classifier and what its outputs mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierPart {
    /// Network.
    pub architecture: ClassifierKind,
    /// Output labels in order.
    pub labels: Vec<Label>,
    /// How a film becomes its input, where that is not a frame. Frames of another size are resized on the way in.
    #[serde(default)]
    pub preprocess: Option<Preprocess>,
}

/// One output of a classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Name shown and used on the command line.
    pub name: String,
    /// Operating point on the network's sigmoid output, 0 to 1, exclusive. Scores are normalised so that it lands on
    /// 0.5 (torchxrayvision `op_norm`).
    pub operating_point: f32,
    /// Training films with the label; zero where the bundle does not know.
    pub positives: usize,
    /// Share of the training films that have the label, of those where it is known; none where the bundle does not say.
    #[serde(default)]
    pub base_rate: Option<f32>,
    /// AUC on held-out patients, with its 95 % interval; none when too few films had the label.
    pub auc: Option<[f32; 3]>,
}

/// A linear probe on tokens, `probes.safetensors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The table's column that it tells.
    pub name: String,
    /// Training films with it.
    pub positives: usize,
    /// AUC on held-out patients; none when too few films had it.
    pub auc: Option<f32>,
}

/// An SAE and what its features mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaePart {
    /// Network.
    pub architecture: SaeKind,
    /// One entry for each feature, in order; empty where nothing is known of any.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Share of token variance explained on held-out films, or on the sample films of an import; not a number where it was
    /// not measured.
    pub explained_variance: f32,
    /// Mean number of active features of a token on the same films.
    pub active_per_token: f32,
    /// Features whose part of the latent no prediction may rest on: it is taken out of the latent before anything reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<usize>,
}

/// What is known about one feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// A name, when a column of the training data tracks it.
    pub label: Option<String>,
    /// Spearman correlation between that column and the film activation on training films.
    pub correlation: f32,
    /// The same on held-out films.
    pub held_out_correlation: f32,
    /// Share of training films on which the feature fires at all; zero is a dead feature.
    pub firing_rate: f32,
}

/// Where a bundle comes from and how to make it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Data it was trained on, with the attribution its licence asks for.
    pub data: String,
    /// Licence of the weights.
    pub licence: String,
    /// What it may not be used for, and its known limits.
    pub limits: String,
    /// The training recipe of each part, as RON, with seed, sizes and measured results.
    pub recipes: BTreeMap<String, String>,
}

impl Manifest {
    /// How a film becomes the encoder's input.
    #[must_use]
    pub fn encoder_input(&self) -> &Preprocess {
        self.encoder_preprocess.as_ref().unwrap_or(&self.preprocess)
    }

    /// SHA-256 over all that decides the latent that the SAE reads, in hex: how a film is prepared, and the encoder.
    #[must_use]
    pub fn latent_hash(&self) -> String {
        let mut hash = Sha256::new();
        let own = self.sae_encoder.as_ref();
        let preprocess = own.map_or(self.encoder_input(), |part| &part.preprocess);
        let encoder = own.map(|part| &part.architecture).or(self.encoder.as_ref());
        hash.update(ron::to_string(&(preprocess, encoder)).unwrap_or_default());
        let encoder_file = if own.is_some() { Some(SAE_ENCODER_FILE) } else { encoder.map(EncoderKind::file) };
        hash.update(encoder_file.and_then(|file| self.files.get(file)).map_or("", String::as_str));
        hex(&hash.finalize())
    }

    /// [`Self::latent_hash`], a dash, and the hash of the SAE's file if there is one: together they decide a film's
    /// activations.
    #[must_use]
    pub fn encoding_hash(&self) -> String {
        let sae = self.sae.as_ref().and_then(|_| self.files.get(SAE_FILE));
        format!("{}-{}", self.latent_hash(), sae.map_or("none", String::as_str))
    }

    /// What the SAE reads.
    #[must_use]
    pub fn sae_latent(&self) -> LatentShape {
        self.sae_encoder.as_ref().map_or(self.latent, |part| part.latent)
    }
}
