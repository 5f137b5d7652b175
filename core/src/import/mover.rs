//! Moving the tensors of a source, one part of a network at a time, to our names and layout.
//!
//! In: tensors under their authors' names. Out: tensors under the paths of our modules. A part that is missing or has another
//! shape is an error that names it.

use burn::tensor::TensorData;

use super::tensors::{shape, take, transposed, values};
use crate::models::weights::Weights;

/// Takes tensors out of a source and keeps them under our names.
pub struct Mover<'a> {
    /// What is left of the source.
    pub source: &'a mut Weights,
    /// What was moved.
    pub moved: Weights,
}

impl<'a> Mover<'a> {
    /// Nothing moved yet.
    pub fn new(source: &'a mut Weights) -> Self {
        Self { source, moved: Weights::new() }
    }

    /// A tensor as it is, but for leading dimensions of 1 that the source has and `wanted` has not.
    ///
    /// # Errors
    /// When it is missing, or has another shape.
    pub fn plain(&mut self, from: &str, to: &str, wanted: &[usize]) -> Result<(), String> {
        let found = shape(self.source, from).unwrap_or_default().to_vec();
        let extra = found.len().saturating_sub(wanted.len());
        let padded: Vec<usize> = std::iter::repeat_n(1, extra).chain(wanted.iter().copied()).collect();
        let data = take(self.source, from, &padded)?;
        self.insert(to, reshaped(data, wanted));
        Ok(())
    }

    /// A matrix `[rows, columns]`, turned over.
    ///
    /// # Errors
    /// When it is missing, or has another shape.
    pub fn turned(&mut self, from: &str, to: &str, rows: usize, columns: usize) -> Result<(), String> {
        let data = take(self.source, from, &[rows, columns])?;
        self.insert(to, transposed(&data)?);
        Ok(())
    }

    /// A linear layer with a bias: `from.weight` `[outputs, inputs]` and `from.bias`.
    ///
    /// # Errors
    /// When a part is missing, or has another shape.
    pub fn linear(&mut self, from: &str, to: &str, inputs: usize, outputs: usize) -> Result<(), String> {
        self.turned(&format!("{from}.weight"), &format!("{to}.weight"), outputs, inputs)?;
        self.plain(&format!("{from}.bias"), &format!("{to}.bias"), &[outputs])
    }

    /// A normalisation: `from.weight` and `from.bias`.
    ///
    /// # Errors
    /// When a part is missing, or has another shape.
    pub fn norm(&mut self, from: &str, to: &str, size: usize) -> Result<(), String> {
        self.plain(&format!("{from}.weight"), &format!("{to}.gamma"), &[size])?;
        self.plain(&format!("{from}.bias"), &format!("{to}.beta"), &[size])
    }

    /// The layer that makes queries, keys and values, `[size, 3 * size]`. A bias that the source has not is zero.
    ///
    /// # Errors
    /// When a part is missing, or has another shape.
    pub fn fused(&mut self, from: &Fused, to: &str, size: usize) -> Result<(), String> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (weight_name, bias_name) in from.names() {
            let share = 3 / from.names().len();
            let data = take(self.source, &weight_name, &[share * size, size])?;
            weight.extend_from_slice(values(&data)?);
            if self.source.contains_key(&bias_name) {
                bias.extend_from_slice(values(&take(self.source, &bias_name, &[share * size])?)?);
            } else {
                bias.resize(bias.len() + share * size, 0.0);
            }
        }
        let weight = transposed(&TensorData::new(weight, [3 * size, size]))?;
        self.insert(&format!("{to}.weight"), weight);
        self.insert(&format!("{to}.bias"), TensorData::new(bias, [3 * size]));
        Ok(())
    }

    /// Keeps a tensor under our name.
    pub fn insert(&mut self, to: &str, data: TensorData) {
        self.moved.insert(to.to_owned(), data);
    }
}

/// Where queries, keys and values come from.
pub enum Fused {
    /// One layer, `NAME.weight` and `NAME.bias`.
    Layer(String),
    /// PyTorch's `MultiheadAttention`: `NAME.in_proj_weight` and `NAME.in_proj_bias`.
    InProjection(String),
    /// Three layers: query, key, value.
    Layers([String; 3]),
}

impl Fused {
    /// Names of the weights and biases.
    fn names(&self) -> Vec<(String, String)> {
        let layer = |name: &String| (format!("{name}.weight"), format!("{name}.bias"));
        match self {
            Self::Layer(name) => vec![layer(name)],
            Self::InProjection(name) => vec![(format!("{name}.in_proj_weight"), format!("{name}.in_proj_bias"))],
            Self::Layers(names) => names.iter().map(layer).collect(),
        }
    }
}

/// The same numbers in another shape of as many.
pub fn reshaped(data: TensorData, shape: &[usize]) -> TensorData {
    let (bytes, _, kind) = data.into_parts();
    TensorData::from_bytes(bytes, shape.to_vec(), kind)
}

/// An error that names what of `source` would be left out, unless nothing is.
///
/// # Errors
/// The first names, and how many there are.
pub fn nothing_left<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    const SHOWN: usize = 4;
    let names: Vec<&str> = names.map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    let ending = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => Ok(()),
        1 => Err(format!("tensor {shown} is of a part that this architecture does not have")),
        _ => Err(format!("tensors {shown}{ending} are of parts that this architecture does not have")),
    }
}
