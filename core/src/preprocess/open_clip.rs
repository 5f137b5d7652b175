//! Reads an open_clip model's `open_clip_config.json`. In: its JSON. Out: preprocessing, means and deviations, or a
//! reason in words. Source: open_clip `transform.py` (`PreprocessCfg`, `image_transform`) and `factory.py`
//! (`create_model`).

use serde_json::Value;

use super::reading::{Fields, Published, channels, field, normalisation, object, pixels, square, text};
use super::recipes::{OPENAI_MEAN, OPENAI_STD};
use super::{CropStart, Fit, Preprocess, Resize};

/// Side of a vision tower whose file does not state it.
const DEFAULT_SIDE: usize = 224;

/// Preprocessing of `open_clip_config.json`, whole as it lies beside the weights: `preprocess_cfg`, and the side from
/// `model_cfg.vision_cfg.image_size`, which open_clip puts above that of `preprocess_cfg`.
///
/// # Errors
/// A reason in words: `resize_mode` is `longest` (the film would be padded) or unknown, the input is not square or not
/// within [`super::SIDES`], the picture's mode is not RGB, a field is not what it should be.
pub fn from_open_clip(config: &Value) -> Result<Published, String> {
    let fields = object(config, "the open_clip configuration")?;
    let empty = Fields::new();
    let part = |name: &str| field(fields, name).map_or(Ok(&empty), |value| object(value, name));
    let (preprocess, model) = (part("preprocess_cfg")?, part("model_cfg")?);
    if preprocess.is_empty() && model.is_empty() {
        return Err("this is no open_clip configuration: it has neither preprocess_cfg nor model_cfg".into());
    }
    if let Some(mode) = text(preprocess, "mode")?.filter(|&mode| mode != "RGB") {
        return Err(format!("preprocess_cfg.mode is \"{mode}\"; open_clip knows RGB only"));
    }
    let size = match (field(model, "vision_cfg"), field(preprocess, "size")) {
        (None, None) => DEFAULT_SIDE,
        (None, Some(size)) => side(size, "preprocess_cfg.size")?,
        (Some(vision), _) => match field(object(vision, "vision_cfg")?, "image_size") {
            Some(size) => side(size, "vision_cfg.image_size")?,
            None => DEFAULT_SIDE,
        },
    };
    let resize = match text(preprocess, "interpolation")?.unwrap_or("bicubic") {
        // "random" is for training; open_clip takes bicubic otherwise.
        "bicubic" | "random" => Resize::PillowBicubic,
        "bilinear" => Resize::PillowBilinear,
        other => return Err(format!("interpolation \"{other}\" is not one of bicubic, bilinear")),
    };
    let fit = match text(preprocess, "resize_mode")?.unwrap_or("shortest") {
        "shortest" => Fit::ShortestEdge { edge: size, crop: CropStart::HalfEven },
        "squash" => Fit::Stretch,
        "longest" => return Err("resize_mode \"longest\" pads films; only shortest and squash are read".into()),
        other => return Err(format!("resize_mode \"{other}\" is not one of shortest, squash")),
    };
    let mean = channels(preprocess, "mean", &OPENAI_MEAN)?;
    let (mean, std) = normalisation(mean, channels(preprocess, "std", &OPENAI_STD)?, 1.0)?;
    let preprocess = Preprocess { size, fit, resize, ..Preprocess::default() };
    preprocess.check()?;
    Ok((preprocess, mean, std))
}

fn side(value: &Value, name: &str) -> Result<usize, String> {
    match value.as_array().map(Vec::as_slice) {
        Some([side]) => pixels(side, name),
        Some([height, width]) => square(height, width, name),
        _ => pixels(value, name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn biomedclip_is_the_published_recipe() {
        let config = json!({
            "model_cfg": {
                "embed_dim": 512,
                "vision_cfg": {"timm_model_name": "vit_base_patch16_224", "image_size": 224}
            },
            "preprocess_cfg": {
                "mean": [0.48145466, 0.4578275, 0.40821073],
                "std": [0.26862954, 0.26130258, 0.27577711]
            }
        });
        let (preprocess, mean, std) = from_open_clip(&config).unwrap();
        assert_eq!(preprocess, Preprocess::open_clip(224));
        assert_eq!((mean.as_slice(), std.as_slice()), (OPENAI_MEAN.as_slice(), OPENAI_STD.as_slice()));
    }

    #[test]
    fn the_model_states_the_side_and_squash_stretches() {
        let config = json!({
            "model_cfg": {"vision_cfg": {"image_size": [384, 384]}},
            "preprocess_cfg": {"size": 224, "mean": 0.5, "std": [0.5, 0.5, 0.5], "interpolation": "bilinear",
                "resize_mode": "squash", "fill_color": 0}
        });
        let (preprocess, mean, _) = from_open_clip(&config).unwrap();
        assert_eq!((preprocess.size, preprocess.fit, preprocess.resize), (384, Fit::Stretch, Resize::PillowBilinear));
        assert_eq!(mean, [0.5; 3]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        let with = |preprocess: Value| from_open_clip(&json!({"preprocess_cfg": preprocess})).unwrap_err();
        assert!(with(json!({"resize_mode": "longest"})).contains("longest"));
        assert!(with(json!({"resize_mode": "other"})).contains("other"));
        assert!(with(json!({"interpolation": "nearest"})).contains("nearest"));
        assert!(with(json!({"mode": "L"})).contains("mode"));
        assert!(with(json!({"size": [224, 336]})).contains("224 x 336"));
        assert!(with(json!({"size": 2048})).contains("2048"));
        assert!(with(json!({"size": -1})).contains("size"));
        assert!(with(json!({"std": [0.2, 0.0, 0.2]})).contains("deviation"));
        assert!(with(json!({"mean": [0.1, 0.2]})).contains("mean"));
        assert!(from_open_clip(&json!({})).unwrap_err().contains("neither"));
        assert!(from_open_clip(&json!([1])).unwrap_err().contains("a list"));
    }
}
