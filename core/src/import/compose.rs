//! From parts of several sources to one manifest: who reads what, and whether they fit. Knows nothing of files.

use std::collections::BTreeMap;

use super::ImportedPart;
use crate::bundle::check;
use crate::bundle::film_kind::FilmKind;
use crate::bundle::load::{CLASSIFIER_FILE, SAE_ENCODER_FILE, SAE_FILE, TEXT_FILE};
use crate::bundle::manifest::{
    ClassifierPart, DecoderKind, EncoderKind, LatentShape, Manifest, Provenance, SUPPRESSED_VERSION, SaeEncoder,
    SaePart, TextPart, VERSION,
};
use crate::bundle::save::prefixed;
use crate::bundle::words::TokenizerFile;
use crate::error::{Error, Result};
use crate::models::trunk::TrunkConfig;
use crate::models::weights::Weights;
use crate::preprocess::Preprocess;

/// An encoder that was found.
pub struct FoundEncoder {
    /// Network.
    pub kind: EncoderKind,
    /// Its tensors, without prefix.
    pub weights: Weights,
    /// How films are prepared for it.
    pub preprocess: Preprocess,
    /// What it returns.
    pub latent: LatentShape,
}

/// A decoder that was found beside its encoder.
pub struct FoundDecoder {
    /// Network.
    pub kind: DecoderKind,
    /// Its tensors, without prefix.
    pub weights: Weights,
    /// How a film becomes a frame.
    pub preprocess: Preprocess,
}

/// A part of a source.
#[expect(clippy::large_enum_variant, reason = "a handful of these lives for the time of an import")]
pub enum Found {
    /// An encoder alone.
    Encoder(FoundEncoder),
    /// Encoder and decoder of one latent.
    Autoencoder(FoundEncoder, FoundDecoder),
    /// A classifier; `preprocess` of the part says how films are prepared for it.
    Classifier(ClassifierPart, Weights, Preprocess),
    /// An SAE with the tensors of its file.
    Sae(SaePart, Weights),
    /// A text tower with the tensors and the other files that it needs.
    Text(TextPart, Weights, Vec<TokenizerFile>),
}

impl Found {
    /// What it is, in a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Encoder(_) => "encoder",
            Self::Autoencoder(..) => "autoencoder",
            Self::Classifier(..) => "classifier",
            Self::Sae(..) => "SAE",
            Self::Text(..) => "text tower",
        }
    }
}

/// A part and the source that it is from.
pub struct Part {
    /// The part.
    pub found: Found,
    /// The source, as the user named it.
    pub source: String,
}

/// Takes the trunk of the classifier among `parts` as the encoder, beside the classifier itself. What reads or draws
/// another latent stays behind.
///
/// # Errors
/// When there is no classifier.
pub fn trunk(parts: Vec<Part>) -> Result<Vec<Part>> {
    let is_classifier = |part: &Part| matches!(part.found, Found::Classifier(..));
    let mut kept: Vec<Part> = parts.into_iter().filter(is_classifier).collect();
    let [Part { found: Found::Classifier(part, weights, preprocess), source }] = &kept[..] else {
        return Err(Error::Invalid("a trunk is that of one classifier, and the sources have none, or several".into()));
    };
    let config = TrunkConfig { classifier: part.architecture.clone(), side: preprocess.size };
    let kind = EncoderKind::Trunk(config);
    let [tokens, dim] = kind.latent();
    let found = Found::Encoder(FoundEncoder {
        kind,
        weights: weights.clone(),
        preprocess: preprocess.clone(),
        latent: LatentShape { tokens, dim, grid: None },
    });
    let source = source.clone();
    kept.push(Part { found, source });
    Ok(kept)
}

/// A bundle that is not written yet.
pub struct Composed {
    /// What it says of itself; hashes of files are still missing.
    pub manifest: Manifest,
    /// Tensors by file.
    pub tensors: Vec<(&'static str, Weights)>,
    /// Other files by name.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the reader should know, in words.
    pub notes: Vec<String>,
}

/// Parts in their places, at most one of each.
#[derive(Default)]
struct Places {
    encoder: Option<(FoundEncoder, String)>,
    autoencoder: Option<(FoundEncoder, FoundDecoder, String)>,
    classifier: Option<(ClassifierPart, Weights, Preprocess, String)>,
    sae: Option<(SaePart, Weights, String)>,
    text: Option<(TextPart, Weights, Vec<TokenizerFile>, String)>,
}

impl Places {
    fn of(parts: Vec<Part>) -> Result<Self> {
        let mut places = Self::default();
        for Part { found, source } in parts {
            let name = found.name();
            let earlier = match found {
                Found::Encoder(encoder) => places.encoder.replace((encoder, source.clone())).map(|was| was.1),
                Found::Autoencoder(encoder, decoder) => {
                    places.autoencoder.replace((encoder, decoder, source.clone())).map(|was| was.2)
                }
                Found::Classifier(part, weights, preprocess) => {
                    places.classifier.replace((part, weights, preprocess, source.clone())).map(|was| was.3)
                }
                Found::Sae(part, weights) => places.sae.replace((part, weights, source.clone())).map(|was| was.2),
                Found::Text(part, weights, files) => {
                    places.text.replace((part, weights, files, source.clone())).map(|was| was.3)
                }
            };
            if let Some(earlier) = earlier {
                return Err(Error::Invalid(format!(
                    "two sources give a bundle's {name}: {earlier} and {source}; name one of them"
                )));
            }
        }
        Ok(places)
    }
}

/// Puts parts together.
///
/// # Errors
/// When two sources give the same part, or two parts do not fit: then both shapes are named.
pub fn compose(name: &str, parts: Vec<Part>) -> Result<Composed> {
    let Places { encoder, autoencoder, classifier, sae, text } = Places::of(parts)?;
    let frame = match (&autoencoder, &encoder, &classifier) {
        (Some((_, decoder, _)), ..) => decoder.preprocess.clone(),
        (None, Some((encoder, _)), _) => encoder.preprocess.clone(),
        (None, None, Some((_, _, preprocess, _))) => preprocess.clone(),
        (None, None, None) => {
            let reason =
                "the sources give neither an encoder nor a classifier; an SAE and a text tower need their encoder";
            return Err(Error::Invalid(reason.into()));
        }
    };
    let mut composed =
        Composed { manifest: blank(name, frame.clone()), tensors: Vec::new(), files: Vec::new(), notes: Vec::new() };
    let Composed { manifest, tensors, files, notes } = &mut composed;
    let own = |preprocess: Preprocess| (preprocess != frame).then_some(preprocess);
    let mut reader = String::new();
    if let Some((encoder, decoder, source)) = autoencoder {
        manifest.latent = encoder.latent;
        manifest.encoder_preprocess = own(encoder.preprocess);
        let mut both = prefixed("encoder", encoder.weights);
        both.extend(prefixed("decoder", decoder.weights));
        tensors.push((encoder.kind.file(), both));
        (manifest.encoder, manifest.decoder) = (Some(encoder.kind), Some(decoder.kind));
        reader = source;
    }
    if let Some((encoder, source)) = encoder {
        let (architecture, latent, preprocess) = (encoder.kind, encoder.latent, encoder.preprocess);
        let weights = prefixed("encoder", encoder.weights);
        if manifest.encoder.is_none() {
            tensors.push((architecture.file(), weights));
            (manifest.encoder, manifest.latent) = (Some(architecture), latent);
        } else {
            notes.push(format!(
                "frames are drawn from the latent of {reader}, features are read from that of {source}: they are seen on a \
                 film and cannot be edited (fluoro train decoder, on a bundle without the autoencoder, makes them editable)"
            ));
            tensors.push((SAE_ENCODER_FILE, weights));
            manifest.sae_encoder = Some(SaeEncoder { architecture, preprocess, latent });
        }
        reader = source;
    }
    if let Some((part, weights, preprocess, source)) = classifier {
        let (seen, drawn) = (preprocess.resized(frame.size).fit, frame.resized(frame.size).fit);
        if manifest.decoder.is_some() && seen != drawn {
            return Err(Error::Shape {
                what: format!("the part of the film that the classifier of {source} reads"),
                expected: format!("{drawn:?}, as frames are drawn"),
                found: format!("{seen:?}"),
            });
        }
        tensors.push((CLASSIFIER_FILE, prefixed("classifier", weights)));
        manifest.classifier = Some(ClassifierPart { preprocess: own(preprocess), ..part });
    }
    if let Some((part, weights, source)) = sae {
        let (input, read) = (part.architecture.input(), manifest.sae_latent());
        if manifest.encoder.is_none() {
            return Err(Error::Invalid(format!(
                "the SAE of {source} reads tokens of {input} numbers, and no source gives the encoder that makes them; name \
                 it too"
            )));
        }
        if input != read.dim {
            return Err(Error::Shape {
                what: format!("a token of {reader} for the SAE of {source}"),
                expected: format!("[.., {input}]"),
                found: format!("[{}, {}]", read.tokens, read.dim),
            });
        }
        tensors.push((SAE_FILE, weights));
        if !part.suppressed.is_empty() {
            manifest.version = SUPPRESSED_VERSION;
        }
        manifest.sae = Some(part);
    }
    if let Some((part, weights, beside, source)) = text {
        let embeds = |kind: &EncoderKind| kind.shared_space() == Some(part.architecture.embedding());
        let of_sae = manifest.sae_encoder.as_ref().map(|part| &part.architecture);
        if !manifest.encoder.iter().chain(of_sae).any(embeds) {
            return Err(Error::Invalid(format!(
                "the text tower of {source} needs the encoder that it was trained with, and that encoder's final class token; \
                 name both in one source, without --layer and with --tokens class"
            )));
        }
        tensors.push((TEXT_FILE, prefixed("text", weights)));
        files.extend(beside);
        manifest.text = Some(part);
    }
    check::parts(&composed.manifest).map_err(Error::Invalid)?;
    Ok(composed)
}

/// A manifest without parts.
fn blank(name: &str, preprocess: Preprocess) -> Manifest {
    Manifest {
        version: VERSION,
        name: name.to_owned(),
        description: String::new(),
        films: FilmKind::Patients,
        preprocess,
        encoder_preprocess: None,
        latent: LatentShape { tokens: 0, dim: 0, grid: None },
        encoder: None,
        decoder: None,
        classifier: None,
        sae: None,
        sae_encoder: None,
        text: None,
        probes: Vec::new(),
        files: BTreeMap::new(),
        gallery: Vec::new(),
        provenance: Provenance::default(),
    }
}

impl Part {
    /// The part as a report lists it.
    #[must_use]
    pub fn listed(&self) -> ImportedPart {
        let count = |weights: &Weights| weights.values().map(|data| data.shape().num_elements()).sum::<usize>();
        let parameters = match &self.found {
            Found::Encoder(encoder) => count(&encoder.weights),
            Found::Autoencoder(encoder, decoder) => count(&encoder.weights) + count(&decoder.weights),
            Found::Classifier(_, weights, _) | Found::Sae(_, weights) | Found::Text(_, weights, _) => count(weights),
        };
        ImportedPart { part: self.found.name(), source: self.source.clone(), parameters }
    }
}
