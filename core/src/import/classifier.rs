//! What an importer of a classifier gives: an architecture, tensors under our paths, and what each output means.

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::tensors::{transposed, values};
use crate::bundle::manifest::ClassifierKind;
use crate::models::weights::Weights;

/// One output of an imported classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportedLabel {
    /// As the authors name it.
    pub name: String,
    /// Probability at which the authors call a film positive.
    pub operating_point: Option<f32>,
    /// Share of positive films, as the authors use it.
    pub base_rate: Option<f32>,
}

impl ImportedLabel {
    /// A label of which only the name is known.
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), operating_point: None, base_rate: None }
    }
}

/// A classifier out of a published file.
#[derive(Clone, Debug)]
pub struct ImportedClassifier {
    /// What to build.
    pub architecture: ClassifierKind,
    /// Side of the films that it was trained on, in pixels.
    pub side: usize,
    /// Tensors under our paths.
    pub weights: Weights,
    /// One for each output.
    pub labels: Vec<ImportedLabel>,
    /// What a user should know about it, in whole sentences.
    pub notes: Vec<String>,
}

/// The last linear layer under `path`: PyTorch's weight `[out, in]` and bias, of which only the outputs `kept` stay.
pub(super) fn put_linear(
    (weight, bias): (&TensorData, &TensorData),
    kept: &[usize],
    (into, path): (&mut Weights, &str),
) -> Result<(), String> {
    let [outputs, inputs] = *weight.shape().as_slice() else {
        return Err(format!("the classifying layer has a weight of shape {:?}", weight.shape().as_slice()));
    };
    let (rows, offsets) = (values(weight)?, values(bias)?);
    if offsets.len() != outputs || kept.iter().any(|&row| row >= outputs) {
        return Err(format!("the classifying layer has {outputs} outputs and {} biases", offsets.len()));
    }
    let own: Vec<f32> = kept.iter().flat_map(|&row| &rows[row * inputs..(row + 1) * inputs]).copied().collect();
    let weight = transposed(&TensorData::new(own, [kept.len(), inputs]))?;
    into.insert(format!("{path}.weight"), weight);
    let bias: Vec<f32> = kept.iter().map(|&row| offsets[row]).collect();
    into.insert(format!("{path}.bias"), TensorData::new(bias, [kept.len()]));
    Ok(())
}
