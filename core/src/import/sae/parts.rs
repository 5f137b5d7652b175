//! Tensors of an SAE on their way from a library's names and layout to ours.

use burn::tensor::TensorData;

use super::config::as_count;
use crate::import::tensors;
use crate::models::dictionary::{DictionaryActivation, DictionarySaeConfig, TokenNormalisation};
use crate::models::weights::Weights;

/// A library's tensors, taken one by one.
pub(super) struct Source(Weights);

/// How a library lays out a matrix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Row vectors times it: `[in, out]`.
    InOut,
    /// A PyTorch `Linear`: `[out, in]`.
    OutIn,
}

/// Matrices and vectors as the module has them; `d` inputs, `m` features.
pub(super) struct Parts {
    pub input: usize,
    pub features: usize,
    /// `[d, m]`.
    pub encoder: Vec<f32>,
    /// `[m]`; the gate's in a gated SAE.
    pub encoder_bias: Vec<f32>,
    /// `[m, d]`.
    pub decoder: Vec<f32>,
    /// `[d]`.
    pub decoder_bias: Vec<f32>,
    /// `[m]`, of a JumpReLU.
    pub threshold: Option<Vec<f32>>,
    /// `r_mag` and `b_mag`, `[m]` each, of a gated SAE.
    pub magnitude: Option<(Vec<f32>, Vec<f32>)>,
}

/// What the tensors alone do not say.
pub(super) struct Kind {
    pub activation: DictionaryActivation,
    pub subtract_decoder_bias: bool,
    pub normalisation: TokenNormalisation,
    pub expected_active: Option<f32>,
}

impl Source {
    pub fn new(weights: Weights) -> Self {
        Self(weights)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a tensor has this shape.
    pub fn is_shaped(&self, name: &str, shape: &[usize]) -> bool {
        tensors::shape(&self.0, name) == Some(shape)
    }

    /// Inputs and features, as the encoder's matrix has them.
    pub fn sizes(&self, encoder: &str, layout: Layout) -> Result<[usize; 2], String> {
        let shape = tensors::shape(&self.0, encoder).ok_or_else(|| format!("tensor \"{encoder}\" is missing"))?;
        match (shape, layout) {
            (&[input, features], Layout::InOut) | (&[features, input], Layout::OutIn) => Ok([input, features]),
            _ => Err(format!("tensor \"{encoder}\" has shape {shape:?}, the encoder of an SAE is a matrix")),
        }
    }

    /// A matrix as `[input, output]`.
    pub fn matrix(&mut self, name: &str, layout: Layout, [input, output]: [usize; 2]) -> Result<Vec<f32>, String> {
        let (shape, turned) = match layout {
            Layout::InOut => ([input, output], [output, input]),
            Layout::OutIn => ([output, input], [input, output]),
        };
        if shape != turned && self.is_shaped(name, &turned) {
            return Err(format!(
                "tensor \"{name}\" lies the other way round: its shape is {turned:?}, the library writes {shape:?}"
            ));
        }
        let data = tensors::take(&mut self.0, name, &shape)?;
        floats(if layout == Layout::OutIn { tensors::transposed(&data)? } else { data })
    }

    pub fn vector(&mut self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        floats(tensors::take(&mut self.0, name, &[size])?)
    }

    /// The number that a tensor with one element holds; none where there is no such tensor.
    pub fn scalar(&mut self, name: &str) -> Result<Option<f32>, String> {
        let Some(data) = self.0.remove(name) else { return Ok(None) };
        match tensors::values(&data)? {
            [number] => Ok(Some(*number)),
            numbers => Err(format!("tensor \"{name}\" holds {} numbers, one is expected", numbers.len())),
        }
    }

    /// [`Self::scalar`] as a count.
    pub fn count(&mut self, name: &str) -> Result<Option<usize>, String> {
        let whole = |number| as_count(number).ok_or_else(|| format!("tensor \"{name}\" is {number}, no count"));
        self.scalar(name)?.map(whole).transpose()
    }

    /// All numbers of a tensor of any shape.
    pub fn numbers(&mut self, name: &str) -> Result<Option<Vec<f32>>, String> {
        self.0.remove(name).map(floats).transpose()
    }

    /// Drops tensors that are known to play no part at inference.
    pub fn drop_unused(&mut self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.0.remove(*name)));
    }

    /// The four tensors that every SAE has, under the names `[encoder, its bias, decoder, its bias]`.
    pub fn parts(&mut self, names: [&str; 4], layouts: [Layout; 2]) -> Result<Parts, String> {
        let [encoder, encoder_bias, decoder, decoder_bias] = names;
        let [input, features] = self.sizes(encoder, layouts[0])?;
        Ok(Parts {
            input,
            features,
            encoder: self.matrix(encoder, layouts[0], [input, features])?,
            encoder_bias: self.vector(encoder_bias, features)?,
            decoder: self.matrix(decoder, layouts[1], [features, input])?,
            decoder_bias: self.vector(decoder_bias, input)?,
            threshold: None,
            magnitude: None,
        })
    }

    /// Refuses tensors that nothing asked for.
    pub fn finish(self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(format!("this SAE has tensors that its kind does not use: {}", listed(self.0.keys())))
    }
}

impl Parts {
    /// Config and weights of the module, and a note where shapes could not tell the matrices' layout.
    pub fn finish(self, kind: Kind, notes: &mut Vec<String>) -> Result<(DictionarySaeConfig, Weights), String> {
        let config = DictionarySaeConfig {
            input: self.input,
            features: self.features,
            activation: kind.activation,
            subtract_decoder_bias: kind.subtract_decoder_bias,
            normalisation: kind.normalisation,
            expected_active: kind.expected_active,
        };
        config.check()?;
        let [d, m] = [config.input, config.features];
        if d == m {
            notes.push(format!(
                "It has as many features as inputs, {d}, so shapes cannot tell whether a matrix is transposed: check \
                 it on sample tokens."
            ));
        }
        let mut named = vec![
            ("w_enc", self.encoder, vec![d, m]),
            ("b_enc", self.encoder_bias, vec![m]),
            ("w_dec", self.decoder, vec![m, d]),
            ("b_dec", self.decoder_bias, vec![d]),
        ];
        named.extend(self.threshold.map(|threshold| ("threshold", threshold, vec![m])));
        if let Some((r_mag, b_mag)) = self.magnitude {
            named.extend([("r_mag", r_mag, vec![m]), ("b_mag", b_mag, vec![m])]);
        }
        let mut weights = Weights::new();
        for (name, values, shape) in named {
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                return Err(format!(
                    "the SAE's {name} holds {} (number {at}): training went wrong, or the file is damaged",
                    values[at]
                ));
            }
            weights.insert(name.to_owned(), TensorData::new(values, shape));
        }
        Ok((config, weights))
    }
}

fn floats(data: TensorData) -> Result<Vec<f32>, String> {
    data.try_into_vec::<f32>().map_err(|e| e.to_string())
}

/// Names for an error, at most six.
pub(super) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    let shown: Vec<String> = names.take(6).map(|name| name.chars().take(60).collect()).collect();
    let more = if count > shown.len() { format!(" and {} more", count - shown.len()) } else { String::new() };
    shown.join(", ") + &more
}
