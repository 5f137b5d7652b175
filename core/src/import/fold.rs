//! Batch normalisation of published weights: into the convolution before it, or as scale and shift of each channel.
//!
//! In: PyTorch's tensors by name; out: tensors under our paths, as [`crate::models::convolution`]'s layers read them. The
//! arithmetic is in `f64`, so that folding costs no accuracy.

use burn::tensor::TensorData;

use super::tensors::{take, values};
use crate::models::weights::Weights;

/// PyTorch's default, which all of these networks have.
const EPSILON: f64 = 1e-5;

/// Longest side of any tensor; sizes below it can be added and multiplied in pairs without a check.
const LONGEST: usize = 1 << 20;

/// What a normalisation does after training: `x * scale + shift`.
pub(super) struct Normalisation {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// The kinds of convolution, by which axis of the weight counts the channels out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[out, in, ..]`.
    Plain,
    /// `[in, out, ..]`.
    Transposed,
}

/// Refuses tensors whose sizes no network has, before any size is used.
pub(super) fn check_sizes(source: &Weights) -> Result<(), String> {
    let strange = |data: &TensorData| data.shape().as_slice().iter().any(|&side| side == 0 || side > LONGEST);
    match source.iter().find(|(_, data)| strange(data)) {
        None => Ok(()),
        Some((name, data)) => {
            Err(format!("tensor \"{name}\" has shape {:?}; no such network is known", data.shape().as_slice()))
        }
    }
}

/// Removes what PyTorch counts in training and nothing reads.
pub(super) fn drop_counters(source: &mut Weights) {
    source.retain(|name, _| !name.ends_with(".num_batches_tracked"));
}

/// Nothing may be left that was not understood.
pub(super) fn check_empty(source: &Weights) -> Result<(), String> {
    let mut names = source.keys();
    match (names.next(), source.len()) {
        (None, _) => Ok(()),
        (Some(name), 1) => Err(format!("tensor \"{name}\" belongs to no layer of this network")),
        (Some(name), count) => {
            Err(format!("tensor \"{name}\" and {} others belong to no layer of this network", count - 1))
        }
    }
}

/// The batch normalisation `name` over `channels`.
pub(super) fn normalisation(source: &mut Weights, name: &str, channels: usize) -> Result<Normalisation, String> {
    let mut part = |part| take(source, &format!("{name}.{part}"), &[channels]);
    let (weight, bias) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let (mut scale, mut shift) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
    let rows = values(&weight)?.iter().zip(values(&bias)?).zip(values(&mean)?.iter().zip(values(&variance)?));
    for ((&weight, &bias), (&mean, &variance)) in rows {
        let factor = f64::from(weight) / (f64::from(variance) + EPSILON).sqrt();
        let rest = f64::from(bias) - f64::from(mean) * factor;
        if !factor.is_finite() || !rest.is_finite() {
            return Err(format!("normalisation \"{name}\" has a variance below zero or a number that is none"));
        }
        scale.push(factor);
        shift.push(rest);
    }
    Ok(Normalisation { scale, shift })
}

impl Normalisation {
    /// Under `path` as an `Affine`.
    pub(super) fn put_affine(&self, into: &mut Weights, path: &str) {
        into.insert(format!("{path}.scale"), vector(&self.scale));
        into.insert(format!("{path}.shift"), vector(&self.shift));
    }

    /// Weights and offset of one linear output that reads what is normalised, so that it reads what is not.
    pub(super) fn before(&self, weights: &[f32], offset: f64) -> (Vec<f32>, f32) {
        let each = || weights.iter().map(|&weight| f64::from(weight));
        let shifted: f64 = each().zip(&self.shift).map(|(weight, shift)| weight * shift).sum();
        (each().zip(&self.scale).map(|(weight, scale)| (weight * scale) as f32).collect(), (offset + shifted) as f32)
    }
}

/// The convolution `name`, with its bias if it has one and `norm` after it, as weight and bias; `shape` is the weight's.
pub(super) fn folded(
    source: &mut Weights,
    name: &str,
    shape: &[usize],
    kind: Kind,
    norm: &Normalisation,
) -> Result<(TensorData, TensorData), String> {
    let weight = take(source, &format!("{name}.weight"), shape)?;
    let channels = norm.scale.len();
    // Elements of one channel out that lie side by side, and how often the channels come round.
    let together: usize = shape.iter().skip(if kind == Kind::Plain { 1 } else { 2 }).product();
    let scaled = values(&weight)?.iter().enumerate().map(|(index, &value)| {
        let channel = (index / together.max(1)) % channels.max(1);
        (f64::from(value) * norm.scale[channel]) as f32
    });
    let scaled = TensorData::new(scaled.collect::<Vec<f32>>(), shape.to_vec());
    let bias_name = format!("{name}.bias");
    let bias = if source.contains_key(&bias_name) {
        let own = take(source, &bias_name, &[channels])?;
        let own = values(&own)?.iter().zip(&norm.scale).zip(&norm.shift);
        vector(&own.map(|((&own, scale), shift)| f64::from(own) * scale + shift).collect::<Vec<f64>>())
    } else {
        vector(&norm.shift)
    };
    Ok((scaled, bias))
}

/// As [`folded`], under `path` as a module with `weight` and `bias`.
pub(super) fn put_folded(
    source: &mut Weights,
    (name, norm): (&str, &str),
    shape: &[usize],
    kind: Kind,
    (into, path): (&mut Weights, &str),
) -> Result<(), String> {
    let out = shape.get(usize::from(kind == Kind::Transposed)).copied().unwrap_or_default();
    let norm = normalisation(source, norm, out)?;
    let (weight, bias) = folded(source, name, shape, kind, &norm)?;
    into.insert(format!("{path}.weight"), weight);
    into.insert(format!("{path}.bias"), bias);
    Ok(())
}

/// As [`put_folded`] for a 1 x 1 convolution, whose weight we keep as a matrix `[out, in]`.
pub(super) fn put_folded_pointwise(
    source: &mut Weights,
    names: (&str, &str),
    [input, output]: [usize; 2],
    (into, path): (&mut Weights, &str),
) -> Result<(), String> {
    put_folded(source, names, &[output, input, 1, 1], Kind::Plain, (into, path))?;
    reshape(into, &format!("{path}.weight"), &[output, input])
}

/// Gives the tensor `name` another shape of as many elements.
pub(super) fn reshape(weights: &mut Weights, name: &str, shape: &[usize]) -> Result<(), String> {
    let data = weights.remove(name).ok_or_else(|| format!("tensor \"{name}\" is missing"))?;
    weights.insert(name.to_owned(), TensorData::new(values(&data)?.to_vec(), shape.to_vec()));
    Ok(())
}

/// A kernel `[out, in, h, w]` as a transposed convolution of stride 1 takes it: `[in, out, h, w]`, turned by half a turn.
pub(super) fn turned(kernel: &TensorData) -> Result<TensorData, String> {
    let [output, input, height, width] = *kernel.shape().as_slice() else {
        return Err(format!("a tensor of shape {:?} is no kernel", kernel.shape().as_slice()));
    };
    let (from, area) = (values(kernel)?, height * width);
    let mut to = vec![0.0_f32; from.len()];
    for (index, &value) in from.iter().enumerate() {
        let (out, rest) = (index / (input * area), index % (input * area));
        let (channel, place) = (rest / area, rest % area);
        to[(channel * output + out) * area + area - 1 - place] = value;
    }
    Ok(TensorData::new(to, [input, output, height, width]))
}

fn vector(values: &[f64]) -> TensorData {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    let length = values.len();
    TensorData::new(values, [length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_kernel_is_read_backwards_with_its_channels_exchanged() {
        let kernel = TensorData::new((0..2 * 3 * 2).map(|v| v as f32).collect::<Vec<f32>>(), [2, 3, 1, 2]);
        let turned = turned(&kernel).expect("a kernel");
        assert_eq!(turned.shape().as_slice(), [3, 2, 1, 2]);
        assert_eq!(values(&turned).expect("floats"), [1.0, 0.0, 7.0, 6.0, 3.0, 2.0, 9.0, 8.0, 5.0, 4.0, 11.0, 10.0]);
    }

    #[test]
    fn a_variance_below_zero_is_named() {
        let one = |value: f32| TensorData::new(vec![value], [1]);
        let parts = [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", -1.0)];
        let mut source: Weights = parts.map(|(part, value)| (format!("bn.{part}"), one(value))).into();
        let error = normalisation(&mut source, "bn", 1).err().expect("an error");
        assert!(error.contains("\"bn\""), "{error}");
    }
}
