//! The CheXNet reproductions: Zech's reproduce-chexnet and arnoweng's CheXNet, DenseNet-121s of 14 NIH labels.
//!
//! In: tensors under the authors' names; out: the architecture and tensors under our paths. Zech's file is a dictionary
//! whose `model` is a whole pickled module, arnoweng's one whose `state_dict` has the prefix `module.densenet121.`; the
//! older ones have submodules with a dot in their names. arnoweng's network sees ten crops of a plane of 256.

use super::classifier::{ImportedClassifier, ImportedLabel, put_linear};
use super::densenet::{is_densenet, put_features, sizes, without_inner_dots};
use super::fold::{check_empty, check_sizes, drop_counters};
use super::labels::{NIH_LABELS, numbered};
use super::tensors::{shape, take};
use crate::bundle::manifest::ClassifierKind;
use crate::models::densenet::{Crops, DenseNetConfig};
use crate::models::intake::Intake;
use crate::models::weights::Weights;

/// What arnoweng's names begin with.
const ARNOWENG: &str = "module.densenet121.";

/// Sides of the planes that the two read.
const ZECH_SIDE: usize = 224;
const ARNOWENG_SIDE: usize = 256;

/// Whether these are tensors of a CheXNet reproduction.
#[must_use]
pub fn is_chexnet(source: &Weights) -> bool {
    ["", ARNOWENG]
        .iter()
        .any(|prefix| is_densenet(source, prefix) && source.contains_key(&format!("{prefix}classifier.0.weight")))
}

/// A CheXNet reproduction; the prefix of its names says whose.
///
/// # Errors
/// In words, for tensors that are missing, of another shape or not known.
pub fn chexnet(source: Weights) -> Result<ImportedClassifier, String> {
    check_sizes(&source)?;
    let is_arnowengs = source.keys().any(|name| name.starts_with(ARNOWENG));
    let (prefix, side, crops) =
        if is_arnowengs { (ARNOWENG, ARNOWENG_SIDE, Crops::Ten) } else { ("", ZECH_SIDE, Crops::One) };
    let mut source = without_inner_dots(source);
    drop_counters(&mut source);
    let intake = Intake::imagenet();
    let features = sizes(&source, prefix)?;
    if features.inputs != intake.channels() {
        return Err(format!("the first convolution reads {} channels; a CheXNet reads three", features.inputs));
    }
    let mut weights = Weights::new();
    put_features(&mut source, prefix, &features, (&mut weights, "features"))?;
    let name = format!("{prefix}classifier.0.weight");
    let outputs = shape(&source, &name).and_then(|shape| shape.first()).copied().unwrap_or_default();
    let weight = take(&mut source, &name, &[outputs, features.outputs()])?;
    let bias = take(&mut source, &format!("{prefix}classifier.0.bias"), &[outputs])?;
    put_linear((&weight, &bias), &(0..outputs).collect::<Vec<usize>>(), (&mut weights, "head"))?;
    check_empty(&source)?;
    let mut notes = Vec::new();
    let labels = if outputs == NIH_LABELS.len() {
        let label = |(name, rate)| ImportedLabel { base_rate: Some(rate), ..ImportedLabel::named(name) };
        NIH_LABELS.into_iter().map(label).collect()
    } else {
        notes.push(format!("It has {outputs} outputs and not NIH's {}, so they have no names.", NIH_LABELS.len()));
        numbered(outputs)
    };
    if crops == Crops::Ten {
        notes.push("Its answer is the mean of ten crops, so it has no map of cells.".to_owned());
    }
    let config = DenseNetConfig { features, labels: labels.len(), intake, crops };
    let architecture = ClassifierKind::DenseNet(config);
    Ok(ImportedClassifier { architecture, side, weights, labels, notes })
}
