//! Reads a transformers model's `preprocessor_config.json`. In: its JSON. Out: preprocessing, means and deviations, or
//! a reason in words. Source: transformers `image_processing_utils.py` (`_standardize_kwargs`, `get_size_dict`),
//! `image_processing_backends.py` and the processors under `models/{clip,bit,vit,siglip}`.

use serde_json::Value;

use super::reading::{Fields, Published, channels, field, flag, normalisation, number, object, pixels, square, text};
use super::recipes::{OPENAI_MEAN, OPENAI_STD};
use super::{CropStart, Fit, Preprocess, Resize};

/// Which of the two implementations of an image processor is followed; they differ in how 8-bit pictures are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformersBackend {
    /// PIL pictures: the only one until 2024 (`CLIPImageProcessor` of transformers 4, `..Pil` of transformers 5).
    Pil,
    /// Tensors and torchvision: `..Fast` of transformers 4 and what transformers 5 takes where torchvision is
    /// installed.
    Torchvision,
}

/// What a processor does where its file says nothing.
struct Defaults {
    /// Name without `ImageProcessor` or `FeatureExtractor`.
    name: &'static str,
    bicubic: bool,
    /// Centre crop of 224.
    crop: bool,
    /// Whether a single number for the size is both sides rather than the shorter one; the size without any is 224 of
    /// the same kind, but for SigLIP, whose is square.
    int_is_square: bool,
    square: bool,
    mean: [f32; 3],
    std: [f32; 3],
}

const HALF: [f32; 3] = [0.5; 3];

const KNOWN: [Defaults; 4] = [
    Defaults {
        name: "CLIP",
        bicubic: true,
        crop: true,
        int_is_square: false,
        square: false,
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
    },
    Defaults {
        name: "Bit",
        bicubic: true,
        crop: true,
        int_is_square: false,
        square: false,
        mean: OPENAI_MEAN,
        std: OPENAI_STD,
    },
    Defaults { name: "ViT", bicubic: false, crop: false, int_is_square: true, square: true, mean: HALF, std: HALF },
    Defaults { name: "Siglip", bicubic: true, crop: false, int_is_square: false, square: true, mean: HALF, std: HALF },
];

/// Switches that change nothing on a grey film.
const HARMLESS: [&str; 2] = ["do_convert_rgb", "do_flip_channel_order"];

/// The size a film is brought to before the crop.
#[derive(Clone, Copy)]
enum Target {
    Square(usize),
    ShortestEdge(usize),
}

/// Preprocessing of `preprocessor_config.json` (or of `processor_config.json`, whose `image_processor` is taken), as
/// transformers 5 runs it where torchvision is installed: on torchvision, unless the file names a `..Pil` processor.
///
/// # Errors
/// As [`from_transformers_as`].
pub fn from_transformers(config: &Value) -> Result<Published, String> {
    let pil = processor_name(fields(config)?)?.ends_with("Pil");
    from_transformers_as(config, if pil { TransformersBackend::Pil } else { TransformersBackend::Torchvision })
}

/// As [`from_transformers`], on the implementation asked for.
///
/// # Errors
/// A reason in words: the processor is not CLIP's, BiT's (RAD-DINO), ViT's or SigLIP's; it pads, does not resize, crops
/// a stretched film or leaves it oblong; the resampling is neither bilinear nor bicubic; a side is not within
/// [`super::SIDES`]; a field is not what it should be.
pub fn from_transformers_as(config: &Value, backend: TransformersBackend) -> Result<Published, String> {
    let fields = fields(config)?;
    let known = defaults(processor_name(fields)?)?;
    refuse_other_switches(fields)?;
    if !flag(fields, "do_resize", true)? {
        return Err("do_resize is false: films must then have the model's size; set it to true".into());
    }
    let target = target(fields, known)?;
    let crop = match flag(fields, "do_center_crop", known.crop)? {
        true => Some(field(fields, "crop_size").map_or(Ok(224), crop_side)?),
        false => None,
    };
    let (size, fit) = match (target, crop) {
        (Target::ShortestEdge(edge), Some(size)) => (size, Fit::ShortestEdge { edge, crop: CropStart::Down }),
        (Target::Square(size), None) => (size, Fit::Stretch),
        (Target::Square(size), Some(crop)) if crop == size => (size, Fit::Stretch),
        (Target::Square(size), Some(crop)) => {
            return Err(format!("films are stretched to {size} pixels and cut to {crop}; only one of the two is read"));
        }
        (Target::ShortestEdge(_), None) => {
            return Err("do_center_crop is false with a shortest_edge: films that are not square stay oblong".into());
        }
    };
    let resize = match (bicubic(fields, known)?, backend) {
        (false, TransformersBackend::Pil) => Resize::PillowBilinear,
        (true, TransformersBackend::Pil) => Resize::PillowBicubic,
        (false, TransformersBackend::Torchvision) => Resize::TorchvisionBilinear,
        (true, TransformersBackend::Torchvision) => Resize::TorchvisionBicubic,
    };
    let (mean, std) = mean_and_std(fields, known)?;
    let preprocess = Preprocess { size, fit, resize, ..Preprocess::default() };
    preprocess.check()?;
    Ok((preprocess, mean, std))
}

fn fields(config: &Value) -> Result<&Fields, String> {
    let fields = object(config, "the preprocessor configuration")?;
    field(fields, "image_processor").map_or(Ok(fields), |nested| object(nested, "image_processor"))
}

fn processor_name(fields: &Fields) -> Result<&str, String> {
    let name = text(fields, "image_processor_type")?.or(text(fields, "feature_extractor_type")?);
    name.ok_or_else(|| "neither image_processor_type nor feature_extractor_type names the processor".into())
}

fn defaults(name: &str) -> Result<&'static Defaults, String> {
    let base = name.strip_suffix("Fast").or(name.strip_suffix("Pil")).unwrap_or(name);
    let base = base.strip_suffix("ImageProcessor").or(base.strip_suffix("FeatureExtractor")).unwrap_or(base);
    KNOWN.iter().find(|known| known.name == base).ok_or_else(|| {
        let known: Vec<_> = KNOWN.iter().map(|known| format!("{}ImageProcessor", known.name)).collect();
        format!("the image processor {name:?} is not known; known are {}", known.join(", "))
    })
}

/// A switch that is on and that nothing here follows would change the picture unseen.
fn refuse_other_switches(fields: &Fields) -> Result<(), String> {
    let followed = ["do_resize", "do_center_crop", "do_rescale", "do_normalize"];
    let others = fields.keys().filter(|name| name.starts_with("do_") && !followed.contains(&name.as_str()));
    for name in others.filter(|name| !HARMLESS.contains(&name.as_str())) {
        if flag(fields, name, false)? {
            return Err(format!("{name} is true, which is not followed"));
        }
    }
    Ok(())
}

fn target(fields: &Fields, known: &Defaults) -> Result<Target, String> {
    let Some(size) = field(fields, "size") else {
        return Ok(if known.square { Target::Square(224) } else { Target::ShortestEdge(224) });
    };
    match size {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => square(height, width, "size").map(Target::Square),
            _ => Err(format!("size is a list of {} numbers, not height and width", sides.len())),
        },
        Value::Object(sides) => match (field(sides, "shortest_edge"), field(sides, "height"), field(sides, "width")) {
            (Some(edge), None, None) if sides.len() == 1 => {
                pixels(edge, "size.shortest_edge").map(Target::ShortestEdge)
            }
            (None, Some(height), Some(width)) if sides.len() == 2 => square(height, width, "size").map(Target::Square),
            _ => {
                let names: Vec<_> = sides.keys().map(String::as_str).collect();
                Err(format!("size has {}; read are shortest_edge, or height and width", names.join(", ")))
            }
        },
        _ => {
            let side = pixels(size, "size")?;
            Ok(if known.int_is_square { Target::Square(side) } else { Target::ShortestEdge(side) })
        }
    }
}

fn crop_side(size: &Value) -> Result<usize, String> {
    match size {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => square(height, width, "crop_size"),
            _ => Err(format!("crop_size is a list of {} numbers, not height and width", sides.len())),
        },
        Value::Object(sides) => match (field(sides, "height"), field(sides, "width")) {
            (Some(height), Some(width)) => square(height, width, "crop_size"),
            _ => Err("crop_size has no height and width".into()),
        },
        _ => pixels(size, "crop_size"),
    }
}

/// Pillow's codes of filters, `PIL.Image.Resampling`.
fn bicubic(fields: &Fields, known: &Defaults) -> Result<bool, String> {
    let Some(code) = field(fields, "resample") else { return Ok(known.bicubic) };
    let name = match code.as_u64() {
        Some(2) => return Ok(false),
        Some(3) => return Ok(true),
        Some(0) => "nearest",
        Some(1) => "Lanczos",
        Some(4) => "box",
        Some(5) => "Hamming",
        _ => {
            return Err(format!("resample is {code}, no code of PIL's filters; read are 2 (bilinear) and 3 (bicubic)"));
        }
    };
    Err(format!("resample is {code} ({name}); read are 2 (bilinear) and 3 (bicubic)"))
}

/// Mean and deviation on brightness: the processor multiplies levels 0..=255 by its factor before it takes them.
fn mean_and_std(fields: &Fields, known: &Defaults) -> Result<(Vec<f32>, Vec<f32>), String> {
    let factor = match flag(fields, "do_rescale", true)? {
        true => number(fields, "rescale_factor", 1.0 / 255.0)?,
        false => 1.0,
    };
    if factor <= 0.0 {
        return Err(format!("rescale_factor is {factor}, not greater than zero"));
    }
    let (mean, std) = match flag(fields, "do_normalize", true)? {
        true => (channels(fields, "image_mean", &known.mean)?, channels(fields, "image_std", &known.std)?),
        false => (vec![0.0; 3], vec![1.0; 3]),
    };
    normalisation(mean, std, 255.0 * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preprocess::recipes::{RAD_DINO_MEAN, RAD_DINO_STD};

    /// microsoft/rad-dino's file.
    fn rad_dino() -> Value {
        json!({
            "crop_size": {"height": 518, "width": 518},
            "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
            "image_mean": [0.5307, 0.5307, 0.5307], "image_processor_type": "BitImageProcessor",
            "image_std": [0.2583, 0.2583, 0.2583], "resample": 3, "rescale_factor": 0.00392156862745098,
            "size": {"shortest_edge": 518}
        })
    }

    fn with(mut config: Value, name: &str, value: Value) -> Value {
        config[name] = value;
        config
    }

    fn on_pil(config: &Value) -> Published {
        from_transformers_as(config, TransformersBackend::Pil).unwrap()
    }

    #[test]
    fn rad_dino_is_the_published_recipe() {
        let (preprocess, mean, std) = on_pil(&rad_dino());
        assert_eq!(preprocess, Preprocess::rad_dino());
        assert_eq!((mean, std), (vec![RAD_DINO_MEAN; 3], vec![RAD_DINO_STD; 3]));
        let named = |class: &str| {
            let config = with(rad_dino(), "image_processor_type", json!(class));
            from_transformers(&config).unwrap().0.resize
        };
        assert_eq!(named("BitImageProcessor"), Resize::TorchvisionBicubic);
        assert_eq!(named("BitImageProcessorFast"), Resize::TorchvisionBicubic);
        assert_eq!(named("BitImageProcessorPil"), Resize::PillowBicubic);
        let nested = json!({"image_processor": rad_dino(), "processor_class": "P"});
        assert_eq!(on_pil(&nested).0, Preprocess::rad_dino());
    }

    #[test]
    fn old_files_with_bare_numbers_are_read() {
        // openai/clip-vit-base-patch32's file, and one that leaves all to the class.
        let clip = json!({
            "crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true,
            "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224
        });
        let bare = json!({"image_processor_type": "CLIPImageProcessor"});
        for config in [clip, bare] {
            let (preprocess, mean, std) = on_pil(&config);
            assert_eq!(preprocess, Preprocess::clip(224));
            assert_eq!((mean.as_slice(), std.as_slice()), (OPENAI_MEAN.as_slice(), OPENAI_STD.as_slice()));
        }
    }

    #[test]
    fn vit_stretches() {
        let config = json!({"feature_extractor_type": "ViTFeatureExtractor", "size": 384, "do_resize": true});
        let (preprocess, mean, std) = on_pil(&config);
        assert_eq!((preprocess.size, preprocess.fit, preprocess.resize), (384, Fit::Stretch, Resize::PillowBilinear));
        assert_eq!((mean, std), (vec![0.5; 3], vec![0.5; 3]));
        let siglip = json!({"image_processor_type": "SiglipImageProcessor", "size": {"height": 256, "width": 256}});
        assert_eq!(on_pil(&siglip).0.resize, Resize::PillowBicubic);
    }

    #[test]
    fn mean_and_deviation_are_of_brightness() {
        let plain = with(rad_dino(), "do_normalize", json!(false));
        let (_, mean, std) = from_transformers(&plain).unwrap();
        assert_eq!((mean, std), (vec![0.0; 3], vec![1.0; 3]));
        // Levels 0..=255 less 127.5, by 51.
        let mut levels = with(rad_dino(), "do_rescale", json!(false));
        levels["image_mean"] = json!([127.5, 127.5, 127.5]);
        levels["image_std"] = json!(51.0);
        let (_, mean, std) = from_transformers(&levels).unwrap();
        assert_eq!((mean, std), (vec![0.5; 3], vec![0.2; 3]));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        let refused = |name: &str, value: Value| from_transformers(&with(rad_dino(), name, value)).unwrap_err();
        assert!(refused("resample", json!(1)).contains("Lanczos"));
        assert!(refused("resample", json!("cubic")).contains("resample"));
        assert!(refused("do_pad", json!(true)).contains("do_pad"));
        assert!(refused("do_resize", json!(false)).contains("do_resize"));
        assert!(refused("do_center_crop", json!(false)).contains("oblong"));
        assert!(refused("do_rescale", json!(1)).contains("true or false"));
        assert!(refused("image_processor_type", json!("ConvNextImageProcessor")).contains("ConvNext"));
        assert!(refused("image_processor_type", json!(null)).contains("image_processor_type"));
        assert!(refused("size", json!({"shortest_edge": 518, "longest_edge": 700})).contains("longest_edge"));
        assert!(refused("size", json!({"height": 518, "width": 500})).contains("518 x 500"));
        assert!(refused("size", json!({"height": 600, "width": 600})).contains("600"));
        assert!(refused("size", json!({"shortest_edge": 400})).contains("400"));
        assert!(refused("size", json!({"shortest_edge": 1e300})).contains("pixels"));
        assert!(refused("size", json!({"shortest_edge": -4})).contains("pixels"));
        assert!(refused("size", json!([1, 2, 3])).contains("3 numbers"));
        assert!(refused("crop_size", json!(2000)).contains("2000"));
        assert!(refused("crop_size", json!({"shortest_edge": 518})).contains("crop_size"));
        assert!(refused("rescale_factor", json!(0.0)).contains("rescale_factor"));
        assert!(refused("image_std", json!([0.2, 0.0, 0.2])).contains("deviation"));
        assert!(refused("image_mean", json!([0.2, "x", 0.2])).contains("image_mean"));
        assert!(from_transformers(&json!(3)).unwrap_err().contains("a number"));
    }
}
