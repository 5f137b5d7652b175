//! jfhealthcare's CheXpert classifier, as torchxrayvision distributes it: a plain state dict.
//!
//! In: tensors under the authors' names; out: the architecture and tensors under our paths. The file also holds two
//! attentions and a classifying layer that the published configuration never runs; they are dropped by name.

use burn::tensor::TensorData;

use super::classifier::{ImportedClassifier, ImportedLabel, put_linear};
use super::densenet::{is_densenet, put_features, sizes};
use super::fold::{Kind, check_empty, check_sizes, drop_counters, normalisation, put_folded, put_folded_pointwise};
use super::labels::{JFHEALTHCARE_LABELS, numbered};
use super::tensors::{count, take, values};
use crate::bundle::manifest::ClassifierKind;
use crate::models::intake::Intake;
use crate::models::jfhealthcare::{JfhealthcareConfig, KERNELS};
use crate::models::weights::Weights;

/// Side of the films that it was trained on.
const SIDE: usize = 512;

/// What the configuration `"attention_map": "FPA"` and the backbone's own use leave out.
const UNUSED: [&str; 3] =
    ["attention_map.channel_attention.", "attention_map.spatial_attention.", "backbone.classifier."];

/// Whether these are tensors of jfhealthcare's classifier.
#[must_use]
pub fn is_jfhealthcare(source: &Weights) -> bool {
    is_densenet(source, "backbone.") && source.contains_key("attention_map.pyramid_attention.mid_branch.conv.0.weight")
}

/// jfhealthcare's classifier.
///
/// # Errors
/// In words, for tensors that are missing, of another shape or not known.
pub fn jfhealthcare(mut source: Weights) -> Result<ImportedClassifier, String> {
    check_sizes(&source)?;
    drop_counters(&mut source);
    source.retain(|name, _| !UNUSED.iter().any(|unused| name.starts_with(unused)));
    // `x / 512` of grey levels in [-1024, 1024], repeated in three channels.
    let intake = Intake { mean: vec![0.5; 3], std: vec![0.25; 3] };
    let features = sizes(&source, "backbone.")?;
    if features.inputs != intake.channels() {
        return Err(format!("the first convolution reads {} channels; jfhealthcare's reads three", features.inputs));
    }
    let mut weights = Weights::new();
    put_features(&mut source, "backbone.", &features, (&mut weights, "features"))?;
    let channels = features.outputs();
    put_attention(&mut source, channels, &mut weights)?;
    let outputs = count(&source, |index| format!("fc_{index}.weight"));
    for index in 0..outputs {
        put_head(&mut source, index, channels * 2, &mut weights)?;
    }
    check_empty(&source)?;
    let mut notes = vec![
        "Each label sees the attention once more than the one before it, as in the authors' code.".to_owned(),
        "The authors equalised and blurred their films; torchxrayvision, like this, does not.".to_owned(),
    ];
    let labels = if outputs == JFHEALTHCARE_LABELS.len() {
        JFHEALTHCARE_LABELS.into_iter().map(ImportedLabel::named).collect()
    } else {
        notes.push(format!("It has {outputs} outputs and not {}, so they have no names.", JFHEALTHCARE_LABELS.len()));
        numbered(outputs)
    };
    let config = JfhealthcareConfig { features, labels: outputs, intake };
    let architecture = ClassifierKind::Jfhealthcare(config);
    Ok(ImportedClassifier { architecture, side: SIDE, weights, labels, notes })
}

fn put_attention(source: &mut Weights, channels: usize, into: &mut Weights) -> Result<(), String> {
    let names = |part: &str| {
        let start = format!("attention_map.pyramid_attention.{part}.conv");
        (format!("{start}.0"), format!("{start}.1"))
    };
    for (from, to) in [("gap_branch.1", "attention.global"), ("mid_branch", "attention.middle")] {
        let (conv, norm) = names(from);
        put_folded_pointwise(source, (&conv, &norm), [channels, channels], (&mut *into, to))?;
    }
    for (level, kernel) in KERNELS.into_iter().enumerate() {
        let input = if level == 0 { channels } else { 1 };
        for (from, to, input) in [("downsample", "down", input), ("scale", "scale", 1)] {
            let (conv, norm) = names(&format!("{from}{}", level + 1));
            let to = format!("attention.{to}.{level}");
            put_folded(source, (&conv, &norm), &[1, input, kernel, kernel], Kind::Plain, (&mut *into, &to))?;
        }
    }
    Ok(())
}

/// The head of one label: its normalisation comes before its linear layer, which takes it in.
fn put_head(source: &mut Weights, index: usize, inputs: usize, into: &mut Weights) -> Result<(), String> {
    let norm = normalisation(source, &format!("bn_{index}"), inputs)?;
    let weight = take(source, &format!("fc_{index}.weight"), &[1, inputs, 1, 1])?;
    let bias = take(source, &format!("fc_{index}.bias"), &[1])?;
    let (row, offset) = norm.before(values(&weight)?, values(&bias)?.iter().map(|&bias| f64::from(bias)).sum());
    let (row, offset) = (TensorData::new(row, [1, inputs]), TensorData::new(vec![offset], [1]));
    put_linear((&row, &offset), &[0], (into, &format!("heads.{index}")))
}
