//! What a source is: its tensors' names, and the configuration beside it, say whose model it holds. Each family is one
//! importer; here they are asked in turn.

use serde_json::Value as Json;

use super::classifier::ImportedClassifier;
use super::compose::{Found, FoundDecoder, FoundEncoder};
use super::source::Source;
use super::vit::{Family, Given};
use super::{ImportOptions, chexnet, clip, jfhealthcare, sae, vit, words, xrv};
use crate::bundle::manifest::{ClassifierPart, DecoderKind, EncoderKind, Label, LatentShape, SaeKind, SaePart};
use crate::bundle::save::prefixed;
use crate::models::vit::Tokens;
use crate::preprocess::{
    Fit, Preprocess, Resize, TransformersBackend, from_open_clip, from_transformers, from_transformers_as,
};

/// What SAEs, which are read first, say about the encoder that follows.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    /// Block whose output the SAE reads, from 0, or from -1 backwards.
    layer: Option<i64>,
    /// Whether it reads class tokens alone.
    class_token_only: Option<bool>,
}

/// The parts of a source.
pub struct Recognised {
    /// What it holds.
    pub found: Vec<Found>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// Configuration files of SAEs, in the order in which libraries look for them.
const SAE_CONFIGS: [&str; 2] = ["cfg.json", "config.json"];

/// The configuration under which the source is an SAE: the file beside it, what the weights' own file says, or none.
fn sae_config(source: &Source) -> Option<Option<Json>> {
    let beside = source.config(&SAE_CONFIGS).ok().flatten();
    [beside, source.plain.clone(), None]
        .into_iter()
        .find(|config| sae::recognise(&source.tensors, config.as_ref()).is_some())
}

/// Whether the source is an SAE.
#[must_use]
pub fn is_sae(source: &Source) -> bool {
    sae_config(source).is_some()
}

/// Operating point of a label whose authors published none: the sigmoid's own middle.
const NO_OPERATING_POINT: f32 = 0.5;

/// The parts of a source, with all its tensors used.
///
/// # Errors
/// In words, when it is of no known family, or not what its family saves.
pub fn parts(mut source: Source, options: &ImportOptions, hint: &mut Hint) -> Result<Recognised, String> {
    if let Some(config) = sae_config(&source) {
        // A file that is no JSON is worth an error only where it would have been needed.
        source.config(&SAE_CONFIGS).map_err(|error| error.to_string())?;
        return sparse(source, config.as_ref(), hint);
    }
    let name = options.weights.clone().unwrap_or_else(|| source.file_name());
    if xrv::is_xrv_autoencoder(&source.tensors) {
        let imported = xrv::autoencoder(source.tensors)?;
        let (encoder, decoder) = (EncoderKind::ResNet(imported.config.clone()), DecoderKind::ResNet(imported.config));
        let preprocess = Preprocess::torchxrayvision(encoder.side());
        let [tokens, dim] = encoder.latent();
        let latent = LatentShape { tokens, dim, grid: encoder.grid() };
        let encoder = FoundEncoder { kind: encoder, weights: imported.encoder, preprocess: preprocess.clone(), latent };
        let decoder = FoundDecoder { kind: decoder, weights: imported.decoder, preprocess };
        return Ok(Recognised { found: vec![Found::Autoencoder(encoder, decoder)], notes: imported.notes });
    }
    if xrv::is_xrv_densenet(&source.tensors) {
        let imported = xrv::densenet(source.tensors, &name)?;
        let preprocess = Preprocess::torchxrayvision(imported.side);
        return Ok(classifier(imported, preprocess));
    }
    if xrv::is_xrv_resnet(&source.tensors) {
        let imported = xrv::resnet(source.tensors, &name)?;
        let preprocess = Preprocess::torchxrayvision(imported.side);
        return Ok(classifier(imported, preprocess));
    }
    if chexnet::is_chexnet(&source.tensors) {
        let imported = chexnet::chexnet(source.tensors)?;
        let preprocess = if imported.side == Preprocess::arnoweng_chexnet().size {
            Preprocess::arnoweng_chexnet()
        } else {
            Preprocess::reproduce_chexnet()
        };
        return Ok(classifier(imported, preprocess));
    }
    if jfhealthcare::is_jfhealthcare(&source.tensors) {
        return Ok(classifier(jfhealthcare::jfhealthcare(source.tensors)?, Preprocess::jfhealthcare()));
    }
    vit::settle_names(&mut source.tensors);
    if let Some(family) = vit::recognise(&source.tensors) {
        return transformer(source, family, options, hint);
    }
    if source.tensors.keys().any(|name| name == "W_enc" || name == "W_dec" || name.ends_with("dictionary._weights")) {
        let config = source.config(&SAE_CONFIGS).map_err(|error| error.to_string())?.or(source.plain);
        return Err(sae::import(source.tensors, config.as_ref()).err().unwrap_or_default());
    }
    let some: Vec<&str> = source.tensors.keys().take(3).map(String::as_str).collect();
    let class = source.class.as_ref().map_or_else(String::new, |class| format!(" of a {class}"));
    Err(format!(
        "not a model that Fluoro knows: {} tensors{class} such as {}; fluoro import --help lists what it knows",
        source.tensors.len(),
        some.join(", ")
    ))
}

/// A classifier as a part of a bundle.
fn classifier(imported: ImportedClassifier, preprocess: Preprocess) -> Recognised {
    let ImportedClassifier { architecture, side: _, weights, labels, mut notes } = imported;
    if labels.iter().all(|label| label.operating_point.is_none()) {
        notes.push(
            "no operating points are published for it, so 0.5 of a score is the network's own sigmoid of 0.5".into(),
        );
    }
    let labels = labels
        .into_iter()
        .map(|label| Label {
            name: label.name,
            operating_point: label.operating_point.unwrap_or(NO_OPERATING_POINT),
            positives: 0,
            base_rate: label.base_rate,
            auc: None,
        })
        .collect();
    let part = ClassifierPart { architecture, labels, preprocess: None };
    Recognised { found: vec![Found::Classifier(part, weights, preprocess)], notes }
}

/// An SAE as a part of a bundle, not measured yet.
fn sparse(source: Source, config: Option<&Json>, hint: &mut Hint) -> Result<Recognised, String> {
    let imported = sae::import(source.tensors, config)?;
    let mut notes = imported.notes;
    let hook = imported.hook;
    hint.class_token_only = hook.class_token_only;
    let name = hook.name.as_deref().unwrap_or("hook_resid_post");
    hint.layer = if name.contains("resid_post") {
        hook.layer
    } else if name.contains("resid_pre") {
        hook.layer.map(|layer| layer - 1)
    } else {
        if hook.layer.is_some() {
            notes.push(format!(
                "the SAE was trained at {name}, which is not the residual stream after a block; name the block with --layer \
                 if you know better"
            ));
        }
        None
    };
    if let Some(network) = &hook.network {
        notes.push(format!(
            "the SAE was trained on {network}{}",
            hook.name.map_or(String::new(), |at| format!(", {at}"))
        ));
    }
    let part = SaePart {
        architecture: SaeKind::Dictionary(imported.config),
        features: Vec::new(),
        explained_variance: f32::NAN,
        active_per_token: f32::NAN,
        suppressed: Vec::new(),
    };
    Ok(Recognised { found: vec![Found::Sae(part, prefixed("sae", imported.weights))], notes })
}

/// Configuration files of transformers, open_clip and timm.
const ENCODER_CONFIGS: [&str; 2] = ["open_clip_config.json", "config.json"];

/// A vision transformer, with its text tower where there is one.
fn transformer(mut source: Source, family: Family, options: &ImportOptions, hint: &Hint) -> Result<Recognised, String> {
    let read = |names: &[&str]| source.config(names).map_err(|error| error.to_string());
    let is_open_clip = matches!(family, Family::Clip | Family::ClipTimm);
    let config = if is_open_clip { read(&ENCODER_CONFIGS)? } else { read(&ENCODER_CONFIGS[1..])? };
    let preprocessor = read(&["preprocessor_config.json"])?;
    let bert = read(&["bert_config.json", "text_config.json"])?;
    let given = Given { config: config.as_ref(), preprocessor: preprocessor.as_ref(), heads: None };
    let (imported, text) = if family.has_words() {
        let imported = clip::import(&mut source.tensors, given, bert.as_ref())?;
        (imported.vision, imported.text)
    } else {
        (vit::import(&mut source.tensors, given)?, None)
    };
    let mut notes: Vec<String> = imported.assumed.into_iter().map(|text| format!("assumed: {text}")).collect();
    let mut sizes = imported.config;
    let of_sae = if hint.class_token_only == Some(false) { Tokens::All } else { Tokens::Class };
    sizes.tokens = options.tokens.unwrap_or(of_sae);
    sizes.after = match (options.layer, hint.layer) {
        (Some(layer), _) => Some(layer),
        (None, Some(layer)) if layer < 0 => usize::try_from(layer + sizes.layers as i64).ok(),
        (None, Some(layer)) => usize::try_from(layer).ok(),
        (None, None) => None,
    };
    if let Some(layer) = sizes.after {
        if layer >= sizes.layers {
            return Err(format!("the encoder has blocks 0 to {}, not {layer}; change --layer", sizes.layers - 1));
        }
        if options.layer.is_none() {
            notes.push(format!("the latent is what the SAE reads: the residual stream after block {layer}"));
        }
    }
    sizes.check()?;
    let backend = if options.pillow { TransformersBackend::Pil } else { TransformersBackend::Torchvision };
    let stated = Stated { config: config.as_ref(), preprocessor: preprocessor.as_ref(), backend };
    let preprocess = prepared(&source, family, sizes.image, &stated, &mut notes)?;
    if preprocess.size != sizes.image {
        return Err(format!(
            "the preprocessing makes films of {0} x {0} pixels, the encoder reads {1} x {1}; give the configuration of these \
             weights",
            preprocess.size, sizes.image
        ));
    }
    let kind = EncoderKind::Vit(sizes);
    let [tokens, dim] = kind.latent();
    let latent = LatentShape { tokens, dim, grid: kind.grid() };
    let mut found = vec![Found::Encoder(FoundEncoder { kind, weights: imported.weights, preprocess, latent })];
    if let Some(text) = text {
        notes.extend(text.assumed.iter().map(|text| format!("assumed: {text}")));
        match words::tokenizer(&source, &text.config)? {
            Some((tokenizer, files)) => found.push(words::part(text, tokenizer, files)),
            None => notes.push(
                "the text tower is left out: its tokenizer is not beside it (vocab.json and merges.txt, tokenizer.json, \
                 vocab.txt, or bpe_simple_vocab_16e6.txt.gz)"
                    .into(),
            ),
        }
    }
    Ok(Recognised { found, notes })
}

/// What the files beside an encoder say of its films.
struct Stated<'a> {
    config: Option<&'a Json>,
    preprocessor: Option<&'a Json>,
    backend: TransformersBackend,
}

/// A preprocessor's configuration that names its class; where the file does not, it is the one of the family.
fn named_processor(stated: &Json, family: Family) -> Json {
    let mut named = stated.clone();
    if let Some(fields) = named.as_object_mut()
        && !["image_processor_type", "feature_extractor_type", "image_processor"]
            .iter()
            .any(|key| fields.contains_key(*key))
    {
        let usual = match family {
            Family::ClipHf => "CLIPImageProcessor",
            Family::VitHf => "ViTImageProcessor",
            _ => "BitImageProcessor",
        };
        fields.insert("image_processor_type".into(), usual.into());
    }
    named
}

/// How films are prepared for a vision transformer: as the file beside it says, or as its family does.
fn prepared(
    source: &Source,
    family: Family,
    image: usize,
    stated: &Stated<'_>,
    notes: &mut Vec<String>,
) -> Result<Preprocess, String> {
    let bicubic = match stated.backend {
        TransformersBackend::Pil => Resize::PillowBicubic,
        TransformersBackend::Torchvision => Resize::TorchvisionBicubic,
    };
    if let Some(preprocessor) = stated.preprocessor {
        let named = named_processor(preprocessor, family);
        let (preprocess, ..) = match stated.backend {
            TransformersBackend::Pil => from_transformers_as(&named, stated.backend)?,
            TransformersBackend::Torchvision => from_transformers(&named)?,
        };
        return Ok(preprocess);
    }
    if let Some(stated) = stated.config.filter(|config| config.get("preprocess_cfg").is_some()) {
        let (mut preprocess, ..) = from_open_clip(stated)?;
        // open_clip's own configurations leave the size to the model.
        if stated.pointer("/preprocess_cfg/size").is_none() {
            let Fit::ShortestEdge { crop, .. } = preprocess.fit else { return Ok(preprocess) };
            (preprocess.size, preprocess.fit) = (image, Fit::ShortestEdge { edge: image, crop });
        }
        return Ok(preprocess);
    }
    let usual = match family {
        Family::Clip | Family::ClipTimm | Family::Dinov2 | Family::Timm => Preprocess::open_clip(image),
        Family::ClipHf | Family::Dinov2Hf | Family::VitHf => Preprocess { resize: bicubic, ..Preprocess::clip(image) },
    };
    notes.push(format!(
        "assumed: films are prepared as {} usually are, since no preprocessor_config.json lies beside {}",
        family.name(),
        source.file_name()
    ));
    Ok(usual)
}
