//! torchxrayvision's own models: DenseNet-121s, the ResNet-50, the ResNet autoencoder "101-elastic".
//!
//! In: tensors under the authors' names (a DenseNet's file is a whole pickled module, the others' are state dicts); out:
//! architectures and tensors under our paths. Sizes are read off the tensors' shapes.

use super::classifier::{ImportedClassifier, ImportedLabel, put_linear};
use super::densenet::{is_densenet, put_features, sizes};
use super::fold::{Kind, check_empty, check_sizes, drop_counters, put_folded, put_folded_pointwise, reshape};
use super::labels::{XRV_LABELS, XrvModel, numbered};
use super::tensors::{count, shape, take};
use crate::bundle::manifest::ClassifierKind;
use crate::models::densenet::{Crops, DenseNetConfig};
use crate::models::intake::Intake;
use crate::models::resnet::{ResNetConfig, StageConfig};
use crate::models::resnet_autoencoder::{AutoencoderStage, ResNetAutoencoderConfig};
use crate::models::weights::Weights;

/// The autoencoder out of its file.
#[derive(Clone, Debug)]
pub struct ImportedAutoencoder {
    /// Sizes.
    pub config: ResNetAutoencoderConfig,
    /// Tensors of [`crate::models::resnet_autoencoder::ResNetEncoder`].
    pub encoder: Weights,
    /// Tensors of [`crate::models::resnet_autoencoder::ResNetDecoder`].
    pub decoder: Weights,
    /// What a user should know about it, in whole sentences.
    pub notes: Vec<String>,
}

/// Side of the films of a DenseNet and of the autoencoder.
const SIDE: usize = 224;
/// Side of the films of the ResNet-50.
const RESNET_SIDE: usize = 512;

/// Whether these are tensors of one of torchxrayvision's DenseNets.
#[must_use]
pub fn is_xrv_densenet(source: &Weights) -> bool {
    let channels = shape(source, "features.conv0.weight").and_then(|shape| shape.get(1));
    is_densenet(source, "") && source.contains_key("classifier.weight") && channels == Some(&1)
}

/// Whether these are tensors of torchxrayvision's ResNet-50.
#[must_use]
pub fn is_xrv_resnet(source: &Weights) -> bool {
    let has = |name: &str| source.contains_key(name);
    has("conv1.weight") && has("layer1.0.conv3.weight") && has("fc.weight")
}

/// Whether these are tensors of torchxrayvision's ResNet autoencoder.
#[must_use]
pub fn is_xrv_autoencoder(source: &Weights) -> bool {
    let has = |name: &str| source.contains_key(name);
    has("conv1.weight") && has("uplayer_top.conv2.weight") && has("conv1_1.weight")
}

/// A DenseNet of torchxrayvision. `name` is the file's or the model's ("densenet121-res224-all"); it says which table
/// of operating points holds, and which outputs were trained. Without a known name the outputs have no operating points.
///
/// # Errors
/// In words, for tensors that are missing, of another shape or not known.
pub fn densenet(mut source: Weights, name: &str) -> Result<ImportedClassifier, String> {
    check_sizes(&source)?;
    drop_counters(&mut source);
    // A buffer of modules that were saved with their operating points; the tables have them.
    source.remove("op_threshs");
    let features = sizes(&source, "")?;
    if features.inputs != 1 {
        let channels = features.inputs;
        return Err(format!("the first convolution reads {channels} channels; torchxrayvision's read one"));
    }
    let mut weights = Weights::new();
    put_features(&mut source, "", &features, (&mut weights, "features"))?;
    let model = XrvModel::by_name(name).filter(|model| model.name.starts_with("densenet"));
    let (labels, notes) = put_head(&mut source, "classifier", features.outputs(), model, &mut weights)?;
    check_empty(&source)?;
    let config = DenseNetConfig { features, labels: labels.len(), intake: Intake::grey(), crops: Crops::One };
    let architecture = ClassifierKind::DenseNet(config);
    Ok(ImportedClassifier { architecture, side: SIDE, weights, labels, notes })
}

/// Takes the classifying layer `name` out, with the outputs that `model` trained.
fn put_head(
    source: &mut Weights,
    name: &str,
    inputs: usize,
    model: Option<&XrvModel>,
    weights: &mut Weights,
) -> Result<(Vec<ImportedLabel>, Vec<String>), String> {
    let weight_name = format!("{name}.weight");
    let outputs = shape(source, &weight_name).and_then(|shape| shape.first()).copied().unwrap_or_default();
    let weight = take(source, &weight_name, &[outputs, inputs])?;
    let bias = take(source, &format!("{name}.bias"), &[outputs])?;
    let mut notes = Vec::new();
    let (kept, labels) = match model {
        Some(model) if outputs == XRV_LABELS.len() => {
            let (kept, labels): (Vec<usize>, Vec<ImportedLabel>) = model.trained().into_iter().unzip();
            let left = outputs - kept.len();
            if left > 0 {
                notes.push(format!(
                    "{left} of {outputs} outputs of {} were never trained and are left out.",
                    model.name
                ));
            }
            (kept, labels)
        }
        Some(model) => {
            let usual = XRV_LABELS.len();
            return Err(format!("the file has {outputs} outputs, {} has {usual}; check its name", model.name));
        }
        None => {
            notes.push("The file's name is none of torchxrayvision's, so its outputs have no operating points.".into());
            let named = || XRV_LABELS.into_iter().map(ImportedLabel::named).collect();
            let labels = if outputs == XRV_LABELS.len() { named() } else { numbered(outputs) };
            ((0..outputs).collect(), labels)
        }
    };
    put_linear((&weight, &bias), &kept, (weights, "head"))?;
    Ok((labels, notes))
}

/// torchxrayvision's ResNet-50, or one of other sizes with the same names. `name` as for [`densenet`].
///
/// # Errors
/// In words, for tensors that are missing, of another shape or not known.
pub fn resnet(mut source: Weights, name: &str) -> Result<ImportedClassifier, String> {
    check_sizes(&source)?;
    drop_counters(&mut source);
    let sides = |name: &str| match shape(&source, name) {
        Some(&[output, input, _, _]) => Ok([output, input]),
        Some(shape) => Err(format!("tensor \"{name}\" has shape {shape:?}; a convolution has four sizes")),
        None => Err(format!("tensor \"{name}\" is missing")),
    };
    let [initial, channels] = sides("conv1.weight")?;
    if channels != 1 {
        return Err(format!("the first convolution reads {channels} channels; torchxrayvision's reads one"));
    }
    let mut stages = Vec::new();
    for stage in 1.. {
        let blocks = count(&source, |block| format!("layer{stage}.{block}.conv3.weight"));
        if blocks == 0 {
            break;
        }
        let [outer, inner] = sides(&format!("layer{stage}.0.conv3.weight"))?;
        stages.push(StageConfig { blocks, inner, outer });
    }
    let mut weights = Weights::new();
    put_folded(&mut source, ("conv1", "bn1"), &[initial, 1, 7, 7], Kind::Plain, (&mut weights, "stem"))?;
    let mut input = initial;
    for (stage, sizes) in stages.iter().enumerate() {
        for block in 0..sizes.blocks {
            let from = format!("layer{}.{block}", stage + 1);
            let shortcut = (block == 0).then_some("downsample");
            let to = (&mut weights, &*format!("stages.{stage}.{block}"));
            put_bottleneck(&mut source, &from, [input, sizes.inner, sizes.outer], shortcut, to)?;
            input = sizes.outer;
        }
    }
    let model = XrvModel::by_name(name).filter(|model| model.name.starts_with("resnet"));
    let (labels, mut notes) = put_head(&mut source, "fc", input, model, &mut weights)?;
    check_empty(&source)?;
    if model.is_some() {
        notes.push(
            "Its published operating points look like the sigmoid of a probability, so a score of 0.5 is not its \
             operating point."
                .to_owned(),
        );
    }
    let config = ResNetConfig { initial, stages, labels: labels.len(), intake: Intake::grey() };
    let architecture = ClassifierKind::ResNet(config);
    Ok(ImportedClassifier { architecture, side: RESNET_SIDE, weights, labels, notes })
}

/// A bottleneck that keeps or shrinks the side, with its way around if it has one.
fn put_bottleneck(
    source: &mut Weights,
    from: &str,
    [input, inner, outer]: [usize; 3],
    shortcut: Option<&str>,
    (into, to): (&mut Weights, &str),
) -> Result<(), String> {
    let name = |part: &str, number: usize| format!("{from}.{part}{number}");
    let own = |part: &str| format!("{to}.{part}");
    let (conv, norm) = (name("conv", 1), name("bn", 1));
    put_folded_pointwise(source, (&conv, &norm), [input, inner], (&mut *into, &own("squeeze")))?;
    let (conv, norm) = (name("conv", 2), name("bn", 2));
    put_folded(source, (&conv, &norm), &[inner, inner, 3, 3], Kind::Plain, (&mut *into, &own("middle")))?;
    let (conv, norm) = (name("conv", 3), name("bn", 3));
    put_folded_pointwise(source, (&conv, &norm), [inner, outer], (&mut *into, &own("expand")))?;
    if let Some(shortcut) = shortcut {
        let (conv, norm) = (format!("{from}.{shortcut}.0"), format!("{from}.{shortcut}.1"));
        put_folded_pointwise(source, (&conv, &norm), [input, outer], (into, &own("shortcut")))?;
    }
    Ok(())
}

/// torchxrayvision's ResNet autoencoder, or one of other sizes with the same names.
///
/// # Errors
/// In words, for tensors that are missing, of another shape or not known.
pub fn autoencoder(mut source: Weights) -> Result<ImportedAutoencoder, String> {
    check_sizes(&source)?;
    drop_counters(&mut source);
    let config = autoencoder_sizes(&source)?;
    let mut encoder = Weights::new();
    let stem = [config.initial, 1, 7, 7];
    put_folded(&mut source, ("conv1", "bn1"), &stem, Kind::Plain, (&mut encoder, "stem"))?;
    let (mut input, mut number) = (config.initial, 0);
    for (stage, sizes) in config.down.iter().enumerate() {
        for block in 0..sizes.blocks {
            let from = format!("layer{}.{block}", stage + 1);
            let shortcut = (block == 0).then_some("downsample");
            let to = (&mut encoder, &*format!("blocks.{number}"));
            put_bottleneck(&mut source, &from, [input, sizes.inner, sizes.outer], shortcut, to)?;
            (input, number) = (sizes.outer, number + 1);
        }
    }
    let mut decoder = Weights::new();
    for (stage, sizes) in config.up.iter().enumerate() {
        for block in 0..sizes.blocks - 1 {
            let from = format!("uplayer{}.{block}", stage + 1);
            let to = (&mut decoder, &*format!("stages.{stage}.blocks.{block}"));
            put_bottleneck(&mut source, &from, [input, sizes.inner, input], None, to)?;
        }
        let from = format!("uplayer{}.{}", stage + 1, sizes.blocks - 1);
        let to = (&mut decoder, &*format!("stages.{stage}.up"));
        put_up_block(&mut source, &from, [input, sizes.inner, sizes.outer], to)?;
        input = sizes.outer;
    }
    put_up_block(&mut source, "uplayer_top", [input, config.last, config.last], (&mut decoder, "last"))?;
    decoder.insert("out.weight".into(), take(&mut source, "conv1_1.weight", &[config.last, 1, 1, 1])?);
    // A transposed 1 x 1 convolution to one channel: the same numbers in the same order as a row.
    reshape(&mut decoder, "out.weight", &[1, config.last])?;
    check_empty(&source)?;
    let notes = vec![format!("It reads and draws films of {SIDE} x {SIDE} pixels only.")];
    Ok(ImportedAutoencoder { config, encoder, decoder, notes })
}

fn autoencoder_sizes(source: &Weights) -> Result<ResNetAutoencoderConfig, String> {
    let output = |name: &str| match shape(source, name) {
        Some(&[output, _, _, _]) => Ok(output),
        Some(shape) => Err(format!("tensor \"{name}\" has shape {shape:?}; a convolution has four sizes")),
        None => Err(format!("tensor \"{name}\" is missing")),
    };
    let stage = |part: &str, number: usize| {
        let blocks = count(source, |block| format!("{part}{number}.{block}.conv3.weight"));
        if blocks == 0 {
            return Err(format!("tensor \"{part}{number}.0.conv3.weight\" is missing"));
        }
        let last = format!("{part}{number}.{}", blocks - 1);
        let (inner, outer) = (output(&format!("{last}.conv1.weight"))?, output(&format!("{last}.conv3.weight"))?);
        Ok(AutoencoderStage { blocks, inner, outer })
    };
    let stages = |part| Ok::<_, String>([stage(part, 1)?, stage(part, 2)?, stage(part, 3)?, stage(part, 4)?]);
    Ok(ResNetAutoencoderConfig {
        initial: output("conv1.weight")?,
        down: stages("layer")?,
        up: stages("uplayer")?,
        last: output("uplayer_top.conv1.weight")?,
    })
}

/// A block that enlarges; the weights of its transposed convolutions keep PyTorch's layout.
fn put_up_block(
    source: &mut Weights,
    from: &str,
    [input, inner, outer]: [usize; 3],
    (into, to): (&mut Weights, &str),
) -> Result<(), String> {
    let name = |part: &str, number: usize| format!("{from}.{part}{number}");
    let own = |part: &str| format!("{to}.{part}");
    let (conv, norm) = (name("conv", 1), name("bn", 1));
    put_folded_pointwise(source, (&conv, &norm), [input, inner], (&mut *into, &own("squeeze")))?;
    let (conv, norm) = (name("conv", 2), name("bn", 2));
    put_folded(source, (&conv, &norm), &[inner, inner, 3, 3], Kind::Transposed, (&mut *into, &own("middle")))?;
    let (conv, norm) = (name("conv", 3), name("bn", 3));
    put_folded_pointwise(source, (&conv, &norm), [inner, outer], (&mut *into, &own("expand")))?;
    let (conv, norm) = (format!("{from}.upsample.0"), format!("{from}.upsample.1"));
    put_folded(source, (&conv, &norm), &[input, outer, 1, 1], Kind::Transposed, (into, &own("shortcut")))
}
