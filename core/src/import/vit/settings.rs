//! What a vision transformer's tensors cannot tell: from the configuration that lies beside them, or as its family has it.

use serde_json::Value;

use super::scheme::Family;
use crate::import::json::{agree, find, number, numbers, size, switch, text};
use crate::models::activations::Activation;
use crate::models::intake::Intake;
use crate::preprocess::recipes::{OPENAI_MEAN, OPENAI_STD};

/// What comes with the weights. Nothing is needed where the family's usual values hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// `config.json` of transformers or timm, `open_clip_config.json`.
    pub config: Option<&'a Value>,
    /// `preprocessor_config.json` of transformers.
    pub preprocessor: Option<&'a Value>,
    /// Attention heads, if the user knows better.
    pub heads: Option<usize>,
}

/// What was found, and what was assumed for want of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Side of the film in pixels, if it is stated.
    pub image: Option<usize>,
    /// Attention heads.
    pub heads: usize,
    /// Function between the wide layers.
    pub activation: Activation,
    /// Added to the variance.
    pub epsilon: f64,
    /// Mean and deviation of the channels.
    pub intake: Intake,
    /// Assumptions in words, each worth showing to the user.
    pub assumed: Vec<String>,
}

/// Sizes that the tensors tell.
pub struct Seen {
    /// Size of a token.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Width between the wide layers.
    pub mlp: usize,
    /// Side of a patch.
    pub patch: usize,
    /// Whether tokens are normalised before the first block.
    pub pre_norm: bool,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When the configuration contradicts the tensors, or states what this architecture does not have.
    pub fn read(family: Family, given: Given<'_>, seen: &Seen) -> Result<Self, String> {
        match family {
            Family::Dinov2Hf | Family::VitHf | Family::ClipHf => Self::of_transformers(family, given, seen),
            Family::Clip | Family::ClipTimm => Self::of_open_clip(family, given, seen),
            Family::Dinov2 | Family::Timm => Self::of_timm(family, given, seen),
        }
    }

    fn of_transformers(family: Family, given: Given<'_>, seen: &Seen) -> Result<Self, String> {
        let config = find(given.config, &["vision_config"]).or(given.config);
        agree(config, &["hidden_size"], seen.hidden)?;
        agree(config, &["num_hidden_layers"], seen.layers)?;
        agree(config, &["intermediate_size"], seen.mlp)?;
        agree(config, &["patch_size"], seen.patch)?;
        let mut assumed = Vec::new();
        let usual = if family == Family::ClipHf { Activation::QuickGelu } else { Activation::Gelu };
        let epsilon = match family {
            Family::ClipHf => 1e-5,
            Family::VitHf => 1e-12,
            _ => 1e-6,
        };
        Ok(Self {
            image: size(config, &["image_size"])?,
            heads: heads(given.heads.or(size(config, &["num_attention_heads"])?), seen.hidden, &mut assumed)?,
            activation: activation(text(config, &["hidden_act"]))?.unwrap_or(usual),
            epsilon: number(config, &["layer_norm_eps"])?.unwrap_or(epsilon),
            intake: intake_of_preprocessor(family, given.preprocessor, &mut assumed)?,
            assumed,
        })
    }

    fn of_open_clip(family: Family, given: Given<'_>, seen: &Seen) -> Result<Self, String> {
        let model = find(given.config, &["model_cfg"]).or(given.config);
        let vision = find(model, &["vision_cfg"]);
        let mut assumed = Vec::new();
        let timm = family == Family::ClipTimm;
        if !timm {
            agree(vision, &["width"], seen.hidden)?;
            agree(vision, &["layers"], seen.layers)?;
            agree(vision, &["patch_size"], seen.patch)?;
            for (name, usual) in [("pool_type", "tok"), ("pos_embed_type", "learnable")] {
                match text(vision, &[name]) {
                    Some(other) if other != usual => return Err(format!("{name} \"{other}\" is not supported")),
                    _ => {}
                }
            }
        }
        let head = size(vision, &["head_width"])?.filter(|&width| width > 0);
        let stated = head.filter(|_| !timm).map(|width| seen.hidden / width);
        let activation = match (timm, model) {
            (true, _) => Activation::Gelu,
            (false, Some(_)) if find(vision, &["act_kwargs", "approximate"]).is_some() => {
                return Err("GELU by tanh is not supported".to_owned());
            }
            (false, Some(_)) if switch(model, &["quick_gelu"]) => Activation::QuickGelu,
            (false, Some(_)) => Activation::Gelu,
            (false, None) => {
                assumed.push("quick GELU, as in OpenAI's weights; open_clip_config.json would tell".to_owned());
                Activation::QuickGelu
            }
        };
        let usual = if timm && !seen.pre_norm { 1e-6 } else { 1e-5 };
        let [mean, std] = ["mean", "std"].map(|name| numbers(given.config, &["preprocess_cfg", name]));
        Ok(Self {
            image: size(vision, &["image_size"])?,
            heads: heads(given.heads.or(stated), seen.hidden, &mut assumed)?,
            activation,
            epsilon: number(vision, &["norm_kwargs", "eps"])?.unwrap_or(usual),
            intake: intake(family, mean?, std?, None, &mut assumed)?,
            assumed,
        })
    }

    fn of_timm(family: Family, given: Given<'_>, seen: &Seen) -> Result<Self, String> {
        let config = given.config;
        agree(config, &["num_features"], seen.hidden)?;
        agree(config, &["model_args", "patch_size"], seen.patch)?;
        let pool = text(config, &["model_args", "global_pool"]).or(text(config, &["global_pool"]));
        let mut assumed = Vec::new();
        if pool.is_some_and(|pool| pool != "token") {
            assumed.push(format!("the tokens leave as they are, \"{}\" pooling is left out", pool.unwrap_or_default()));
        }
        let quick = text(config, &["architecture"]).is_some_and(|name| name.contains("quickgelu"));
        let [mean, std] = ["mean", "std"].map(|name| numbers(config, &["pretrained_cfg", name]));
        let input = find(config, &["pretrained_cfg", "input_size"]).and_then(Value::as_array);
        let input = input.and_then(|sizes| sizes.last()?.as_u64()).and_then(|side| usize::try_from(side).ok());
        Ok(Self {
            image: size(config, &["model_args", "img_size"])?.or(input),
            heads: heads(given.heads.or(size(config, &["model_args", "num_heads"])?), seen.hidden, &mut assumed)?,
            activation: if quick { Activation::QuickGelu } else { Activation::Gelu },
            epsilon: if seen.pre_norm { 1e-5 } else { 1e-6 },
            intake: match (mean?, std?) {
                (None, None) => intake_of_preprocessor(family, given.preprocessor, &mut assumed)?,
                (mean, std) => intake(family, mean, std, None, &mut assumed)?,
            },
            assumed,
        })
    }
}

/// Heads as stated, or as every published transformer of this size has them.
///
/// # Errors
/// When nothing is stated and no published transformer has this size.
pub fn heads(stated: Option<usize>, hidden: usize, assumed: &mut Vec<String>) -> Result<usize, String> {
    let usual = match hidden {
        // The sizes H, g and G.
        1280 | 1408 | 1664 => Some(16),
        _ if hidden.is_multiple_of(64) => Some(hidden / 64),
        _ => None,
    };
    match (stated, usual) {
        (Some(heads), _) => Ok(heads),
        (None, Some(heads)) => {
            assumed.push(format!("{heads} attention heads, as usual for tokens of {hidden}"));
            Ok(heads)
        }
        (None, None) => Err(format!(
            "the number of attention heads is not known for tokens of {hidden}; put the configuration beside the weights"
        )),
    }
}

/// The function that transformers knows by this name.
///
/// # Errors
/// When it is another.
pub fn activation(name: Option<&str>) -> Result<Option<Activation>, String> {
    match name {
        None => Ok(None),
        Some("gelu") => Ok(Some(Activation::Gelu)),
        Some("quick_gelu") => Ok(Some(Activation::QuickGelu)),
        Some(other) => Err(format!("the function \"{other}\" is not supported, only gelu and quick_gelu are")),
    }
}

fn intake_of_preprocessor(family: Family, file: Option<&Value>, assumed: &mut Vec<String>) -> Result<Intake, String> {
    if find(file, &["do_normalize"]).and_then(Value::as_bool) == Some(false) {
        return Ok(Intake { mean: vec![0.0; 3], std: vec![1.0; 3] });
    }
    let [mean, std] = ["image_mean", "image_std"].map(|name| numbers(file, &[name]));
    intake(family, mean?, std?, number(file, &["rescale_factor"])?, assumed)
}

/// Mean and deviation as stated, or as the family has them; `factor` makes 0 to 1 of bytes.
fn intake(
    family: Family,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
    factor: Option<f64>,
    assumed: &mut Vec<String>,
) -> Result<Intake, String> {
    if factor.is_some_and(|factor| (factor * 255.0 - 1.0).abs() > 1e-3) {
        return Err(format!("rescale_factor {} is not supported, only 1/255 is", factor.unwrap_or_default()));
    }
    match (mean, std) {
        (Some(mean), Some(std)) => Ok(Intake { mean, std }),
        (None, None) => {
            let (whose, intake) = match family {
                Family::Dinov2Hf | Family::Dinov2 => ("ImageNet", Intake::imagenet()),
                Family::VitHf | Family::Timm => ("timm", Intake { mean: vec![0.5; 3], std: vec![0.5; 3] }),
                _ => ("CLIP", Intake { mean: OPENAI_MEAN.to_vec(), std: OPENAI_STD.to_vec() }),
            };
            assumed
                .push(format!("mean {:?} and deviation {:?} of the channels, as for {whose}", intake.mean, intake.std));
            Ok(intake)
        }
        _ => Err("the configuration has only one of mean and deviation".to_owned()),
    }
}
