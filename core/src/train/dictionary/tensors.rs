//! The same steps on a device: dense products in pieces of rows, so that memory stays bounded.
//!
//! For 49,152 features of 768 numbers a matrix takes 151 MB; weights, two moments and gradients of both are 1.2 GB. A
//! piece `[rows, m]` takes at most 64 MiB, of which about eight live at a time. TopK kinds keep the pre-activations of the
//! whole batch in such pieces as well: 805 MB for 4,096 tokens. With the temporaries of Adam (three matrices) a step
//! stays below 3.2 GB. No sort runs on the device: the k-th largest is found by halving an interval, which counts.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::relu;

use super::adam::{EPSILON, Factors, Moments, SECOND_DECAY, diverged};
use super::jump::penalty_and_slope;
use super::nested::groups;
use super::options::{DictionaryOptions, L0Penalty, Objective};
use super::parameters::Parameters;
use super::pass::{Batch, Pass, variance};
use super::sparse::piece_rows;
use crate::engine::IntoFloats;
use crate::error::{Error, Result};

/// Halvings of the interval in which the k-th largest lies: down to neighbouring numbers.
const HALVINGS: usize = 40;

/// The parameters of [`Parameters`], or numbers for each of them, as tensors: matrices `[m, d]`, vectors `[1, m]` and
/// `[1, d]`; an empty vector is none.
pub(super) struct Tensors(Vec<Option<Tensor<2>>>);

/// Places in [`Tensors`], the order of [`super::parameters::NAMES`].
const ENCODER: usize = 0;
const DECODER: usize = 1;
const DECODER_BIAS: usize = 2;
const BIAS: usize = 3;
const LOG_THRESHOLD: usize = 4;
const MAGNITUDE_SCALE: usize = 5;
const MAGNITUDE_BIAS: usize = 6;

impl Tensors {
    fn of(parameters: &Parameters, device: &Device) -> Self {
        let (d, m) = (parameters.input, parameters.features);
        let shapes = [[m, d], [m, d], [1, d], [1, m], [1, m], [1, m], [1, m]];
        let one = |(values, shape): (&Vec<f32>, [usize; 2])| {
            (!values.is_empty()).then(|| Tensor::from_data(TensorData::new(values.clone(), shape), device))
        };
        Self(parameters.tensors().into_iter().zip(shapes).map(one).collect())
    }

    fn read(&self, shaped: &Parameters) -> Result<Parameters> {
        let mut read = Parameters { encoder: Vec::new(), decoder: Vec::new(), ..shaped.clone() };
        for (values, tensor) in read.tensors_mut().into_iter().zip(&self.0) {
            if let Some(tensor) = tensor {
                *values = floats(tensor.clone())?;
            }
        }
        Ok(read)
    }

    /// One of them. Only those of the kind are asked for.
    fn get(&self, place: usize) -> Result<Tensor<2>> {
        self.0[place].clone().ok_or_else(|| Error::Invalid("a parameter of this kind of dictionary is missing".into()))
    }
}

fn floats(tensor: Tensor<2>) -> Result<Vec<f32>> {
    tensor.into_floats().map_err(Error::Invalid)
}

fn number(tensor: Tensor<2>) -> Result<f64> {
    Ok(floats(tensor)?.iter().map(|&value| f64::from(value)).sum())
}

/// What is 1 where a condition holds and 0 elsewhere.
fn positive(values: Tensor<2>) -> Tensor<2> {
    values.greater_elem(0.0).float()
}

fn square_sum(values: Tensor<2>) -> Tensor<2> {
    values.powi_scalar(2).sum_dim(1)
}

/// Adds to a sum that may not have begun.
fn add(sum: &mut Option<Tensor<2>>, value: Tensor<2>) {
    *sum = Some(match sum.take() {
        Some(sum) => sum + value,
        None => value,
    });
}

/// For each row a bound above which `k` values lie (and what ties with the last of them); 0 where fewer are positive.
fn bound_of_rows(values: &Tensor<2>, k: usize) -> Tensor<2> {
    let mut high = values.clone().max_dim(1);
    let mut low = high.zeros_like();
    for _ in 0..HALVINGS {
        let middle = (low.clone() + high.clone()).mul_scalar(0.5);
        let count = values.clone().greater(middle.clone()).float().sum_dim(1);
        let enough = count.greater_equal_elem(k as f32);
        low = low.mask_where(enough.clone(), middle.clone());
        high = middle.mask_where(enough, high);
    }
    low
}

/// The same over all pieces of a batch. All halvings are queued and read once; counts near `k`, which decide, are whole
/// numbers that f32 has while `k` is below 16 million.
fn bound_of_batch(pieces: &[Tensor<2>], k: usize) -> Result<f32> {
    let total = |each: &dyn Fn(&Tensor<2>) -> Tensor<2>| pieces.iter().map(each).reduce(|sum, one| sum + one);
    let largest = pieces.iter().map(|piece| piece.clone().max_dim(1).max_dim(0));
    let Some(mut high) = largest.reduce(Tensor::max_pair) else { return Ok(0.0) };
    let mut low = high.zeros_like();
    for _ in 0..HALVINGS {
        let middle = (low.clone() + high.clone()).mul_scalar(0.5);
        let Some(count) = total(&|piece| piece.clone().greater(middle.clone()).float().sum_dim(1).sum_dim(0)) else {
            break;
        };
        let enough = count.greater_equal_elem(k as f32);
        low = low.mask_where(enough.clone(), middle.clone());
        high = middle.mask_where(enough, high);
    }
    Ok(number(low)? as f32)
}

/// Parameters on a device.
pub(super) struct DeviceLearner {
    shaped: Parameters,
    parameters: Tensors,
    first: Tensors,
    second: Tensors,
    device: Device,
}

/// What the pieces of a batch add up to.
#[derive(Default)]
struct Sums {
    gradients: [Option<Tensor<2>>; 7],
    /// Gradients of what the encoder gives, where that is not the bias' gradient.
    of_projected: Option<Tensor<2>>,
    fired: Option<Tensor<2>>,
    active: f64,
    extra: f64,
    token_errors: Vec<f32>,
}

impl Sums {
    fn count(&mut self, activations: &Tensor<2>) -> Result<()> {
        let active = positive(activations.clone());
        self.active += number(active.clone().sum_dim(1))?;
        add(&mut self.fired, active.max_dim(0));
        Ok(())
    }
}

impl DeviceLearner {
    pub fn new(parameters: &Parameters, moments: &Moments, device: &Device) -> Self {
        Self {
            parameters: Tensors::of(parameters, device),
            first: Tensors::of(&moments.first, device),
            second: Tensors::of(&moments.second, device),
            shaped: Parameters { encoder: Vec::new(), decoder: Vec::new(), ..parameters.clone() },
            device: device.clone(),
        }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Parameters and moments in memory.
    pub fn read(&self) -> Result<(Parameters, Moments)> {
        let read = |tensors: &Tensors| tensors.read(&self.shaped);
        Ok((read(&self.parameters)?, Moments { first: read(&self.first)?, second: read(&self.second)? }))
    }

    /// Gradients in memory.
    #[cfg(test)]
    pub fn read_gradients(&self, gradients: &Tensors) -> Result<Parameters> {
        gradients.read(&self.shaped)
    }

    /// See [`super::pass::run`].
    pub fn pass(&self, options: &DictionaryOptions, batch: &Batch<'_>) -> Result<(Pass, Tensors)> {
        let (d, m) = (self.shaped.input, self.shaped.features);
        let rows = batch.tokens.len() / d;
        let decoder_bias = self.parameters.get(DECODER_BIAS)?;
        let pieces: Vec<Tensor<2>> = batch
            .tokens
            .chunks(piece_rows(m) * d)
            .map(|piece| {
                let tokens = TensorData::new(piece.to_vec(), [piece.len() / d, d]);
                Tensor::<2>::from_data(tokens, &self.device) - decoder_bias.clone()
            })
            .collect();
        let mut sums = Sums::default();
        let mut smallest = None;
        match &options.objective {
            Objective::Gated { sparsity } => {
                self.gated(*sparsity * batch.sparsity_share, &pieces, rows, &mut sums)?;
            }
            Objective::JumpRelu { penalty, bandwidth, .. } => {
                self.jump(*penalty, *bandwidth, batch.sparsity_share, &pieces, rows, &mut sums)?;
            }
            _ => smallest = self.nested(options, batch.dead, &pieces, rows, &mut sums)?,
        }
        let of_projected = sums.of_projected.take().or_else(|| sums.gradients[BIAS].clone());
        if let Some(of_projected) = of_projected {
            let through = of_projected.matmul(self.parameters.get(ENCODER)?);
            add(&mut sums.gradients[DECODER_BIAS], through.neg());
        }
        let error = sums.token_errors.iter().map(|&e| f64::from(e)).sum::<f64>() / rows as f64;
        let nested = options.objective.k().is_some();
        let pass = Pass {
            loss: if nested { sums.extra } else { error + sums.extra },
            error,
            variance: variance(batch.tokens, d),
            active: sums.active / rows as f64,
            fired: match sums.fired {
                Some(fired) => floats(fired)?.into_iter().map(|count| count > 0.0).collect(),
                None => vec![false; m],
            },
            token_errors: sums.token_errors,
            smallest_kept: smallest,
        };
        Ok((pass, Tensors(sums.gradients.into())))
    }

    /// As `nested.rs`. Returns the smallest activation kept.
    fn nested(
        &self,
        options: &DictionaryOptions,
        dead: &[bool],
        pieces: &[Tensor<2>],
        rows: usize,
        sums: &mut Sums,
    ) -> Result<Option<f32>> {
        let m = self.shaped.features;
        let k = options.objective.k().unwrap_or(m);
        let (encoder, decoder, bias) =
            (self.parameters.get(ENCODER)?, self.parameters.get(DECODER)?, self.parameters.get(BIAS)?);
        let pre: Vec<Tensor<2>> =
            pieces.iter().map(|piece| relu(piece.clone().matmul(encoder.clone().transpose()) + bias.clone())).collect();
        let of_batch =
            if options.objective.has_batch_threshold() { Some(bound_of_batch(&pre, rows * k)?) } else { None };
        let groups = groups(&options.objective, m);
        let share = 1.0 / groups.len() as f32;
        let of = |matrix: &Tensor<2>, range: &Range<usize>| {
            if range.len() == m { matrix.clone() } else { matrix.clone().slice([range.clone()]) }
        };
        let mut of_groups: Vec<[Option<Tensor<2>>; 3]> = groups.iter().map(|_| [None, None, None]).collect();
        let mut remains = Vec::with_capacity(pieces.len());
        let mut smallest = f32::INFINITY;
        for (piece, pre) in pieces.iter().zip(&pre) {
            let closed = match of_batch {
                Some(bound) => pre.clone().lower_equal_elem(bound),
                None => pre.clone().lower_equal(bound_of_rows(pre, k)),
            };
            let kept = pre.clone().mask_fill(closed, 0.0);
            sums.count(&kept)?;
            if of_batch.is_some() {
                let silent = kept.clone().lower_equal_elem(0.0);
                let least = kept.clone().mask_fill(silent, f32::MAX).min_dim(1);
                smallest = floats(least)?.into_iter().fold(smallest, f32::min);
            }
            let kept_of = |range: &Range<usize>| {
                if range.len() == m { kept.clone() } else { kept.clone().slice([0..kept.dims()[0], range.clone()]) }
            };
            let mut left = piece.clone();
            let mut upstream = Vec::with_capacity(groups.len());
            let mut errors = Vec::new();
            for range in &groups {
                left = left - kept_of(range).matmul(of(&decoder, range));
                errors = floats(square_sum(left.clone()))?;
                sums.extra += errors.iter().map(|&e| f64::from(e)).sum::<f64>() / rows as f64 * f64::from(share);
                upstream.push(left.clone().mul_scalar(-2.0 * share / rows as f32));
            }
            sums.token_errors.extend(errors);
            for group in (1..groups.len()).rev() {
                upstream[group - 1] = upstream[group - 1].clone() + upstream[group].clone();
            }
            for ((range, upstream), into) in groups.iter().zip(&upstream).zip(&mut of_groups) {
                add_gradients(&kept_of(range), upstream, piece, &of(&decoder, range), into);
            }
            if let Some(first) = upstream.into_iter().next() {
                add(&mut sums.gradients[DECODER_BIAS], first.sum_dim(0));
            }
            remains.push(left);
        }
        let dead_count = dead.iter().filter(|&&dead| dead).count();
        let auxiliary = options.auxiliary_count(self.shaped.input).min(dead_count);
        let mut of_dead = [None, None, None];
        if auxiliary > 0 && options.auxiliary_weight > 0.0 {
            self.auxiliary(options, dead, auxiliary, pieces, &pre, &remains, (rows, &decoder), sums, &mut of_dead)?;
        }
        drop(pre);
        let mut joined = of_groups.into_iter().fold([Vec::new(), Vec::new(), Vec::new()], |mut all, of_group| {
            all.iter_mut().zip(of_group).for_each(|(all, one)| all.extend(one));
            all
        });
        for (place, (parts, extra)) in [DECODER, ENCODER, BIAS].into_iter().zip(joined.iter_mut().zip(of_dead)) {
            let axis = usize::from(place == BIAS);
            let parts = std::mem::take(parts);
            let whole = if parts.len() == 1 { parts.into_iter().next() } else { Some(Tensor::cat(parts, axis)) };
            sums.gradients[place] = whole;
            if let Some(extra) = extra {
                add(&mut sums.gradients[place], extra);
            }
        }
        Ok(smallest.is_finite().then_some(smallest).filter(|&least| least < f32::MAX))
    }

    /// The auxiliary loss of dead features; its gradients go to `into`.
    #[expect(clippy::too_many_arguments, reason = "everything that the pieces of one batch left behind")]
    fn auxiliary(
        &self,
        options: &DictionaryOptions,
        dead: &[bool],
        count: usize,
        pieces: &[Tensor<2>],
        pre: &[Tensor<2>],
        remains: &[Tensor<2>],
        (rows, decoder): (usize, &Tensor<2>),
        sums: &mut Sums,
        into: &mut [Option<Tensor<2>>; 3],
    ) -> Result<()> {
        let mask: Vec<f32> = dead.iter().map(|&dead| if dead { 1.0 } else { 0.0 }).collect();
        let mask = Tensor::<2>::from_data(TensorData::new(mask, [1, dead.len()]), &self.device);
        let mut left = Vec::new();
        for piece in remains {
            left.extend(floats(piece.clone())?);
        }
        let weight = f64::from(options.auxiliary_weight) / (variance(&left, self.shaped.input) * rows as f64);
        if !weight.is_finite() {
            return Ok(());
        }
        for ((piece, pre), left) in pieces.iter().zip(pre).zip(remains) {
            let silent = pre.clone() * mask.clone();
            let closed = silent.clone().lower_equal(bound_of_rows(&silent, count));
            let kept = silent.mask_fill(closed, 0.0);
            let miss = kept.clone().matmul(decoder.clone()) - left.clone();
            sums.extra += number(square_sum(miss.clone()))? * weight;
            add_gradients(&kept, &miss.mul_scalar((2.0 * weight) as f32), piece, decoder, into);
        }
        Ok(())
    }

    /// As `gated.rs`.
    fn gated(&self, lambda: f32, pieces: &[Tensor<2>], rows: usize, sums: &mut Sums) -> Result<()> {
        let get = |place| self.parameters.get(place);
        let (encoder, decoder, bias) = (get(ENCODER)?, get(DECODER)?, get(BIAS)?);
        let (factor, magnitude_bias) = (get(MAGNITUDE_SCALE)?.exp(), get(MAGNITUDE_BIAS)?);
        let norms = square_sum(decoder.clone()).sqrt(); // [m, 1]
        let per_token = 1.0 / rows as f32;
        let mut gate_sums = None;
        for piece in pieces {
            let projected = piece.clone().matmul(encoder.clone().transpose());
            let gate = relu(projected.clone() + bias.clone());
            let open = positive(gate.clone());
            let activations = relu(projected.clone() * factor.clone() + magnitude_bias.clone()) * open.clone();
            sums.count(&activations)?;
            let left = piece.clone() - activations.clone().matmul(decoder.clone());
            let left_by_gate = piece.clone() - gate.clone().matmul(decoder.clone());
            sums.token_errors.extend(floats(square_sum(left.clone()))?);
            sums.extra += number(square_sum(left_by_gate.clone()))? / rows as f64;
            let upstream = left.mul_scalar(-2.0 * per_token);
            let back = upstream.clone().matmul(decoder.clone().transpose()) * positive(activations.clone());
            let to_gate = left_by_gate.mul_scalar(-2.0 * per_token).matmul(decoder.clone().transpose())
                + norms.clone().transpose().mul_scalar(lambda * per_token);
            let to_gate = to_gate * open;
            add(&mut gate_sums, gate.sum_dim(0));
            add(&mut sums.gradients[DECODER], activations.transpose().matmul(upstream.clone()));
            add(&mut sums.gradients[DECODER_BIAS], upstream.sum_dim(0));
            add(&mut sums.gradients[BIAS], to_gate.clone().sum_dim(0));
            add(&mut sums.gradients[MAGNITUDE_BIAS], back.clone().sum_dim(0));
            let scaled = projected * factor.clone();
            add(&mut sums.gradients[MAGNITUDE_SCALE], (back.clone() * scaled).sum_dim(0));
            let to_projected = back * factor.clone() + to_gate;
            add(&mut sums.of_projected, to_projected.clone().sum_dim(0));
            add(&mut sums.gradients[ENCODER], to_projected.transpose().matmul(piece.clone()));
        }
        if let Some(gate_sums) = gate_sums {
            let weights = gate_sums.transpose().mul_scalar(lambda * per_token); // [m, 1]
            sums.extra += number(weights.clone() * norms.clone())?;
            add(&mut sums.gradients[DECODER], decoder * (weights / norms.clamp_min(f32::MIN_POSITIVE)));
        }
        Ok(())
    }

    /// As `jump.rs`.
    fn jump(
        &self,
        penalty: L0Penalty,
        bandwidth: f32,
        share: f32,
        pieces: &[Tensor<2>],
        rows: usize,
        sums: &mut Sums,
    ) -> Result<()> {
        let get = |place| self.parameters.get(place);
        let (encoder, decoder, bias) = (get(ENCODER)?, get(DECODER)?, get(BIAS)?);
        let threshold = get(LOG_THRESHOLD)?.exp();
        let mut in_window = None;
        for piece in pieces {
            let pre = piece.clone().matmul(encoder.clone().transpose()) + bias.clone();
            let closed = pre.clone().lower_equal(threshold.clone());
            let activations = pre.clone().mask_fill(closed, 0.0);
            sums.count(&activations)?;
            let window = ((pre - threshold.clone()).div_scalar(bandwidth)).abs().lower_elem(0.5).float();
            let left = piece.clone() - activations.clone().matmul(decoder.clone());
            sums.token_errors.extend(floats(square_sum(left.clone()))?);
            let upstream = left.mul_scalar(-2.0 / rows as f32);
            let back = upstream.clone().matmul(decoder.clone().transpose());
            let to_threshold = (window.clone() * back.clone()).sum_dim(0);
            add(&mut sums.gradients[LOG_THRESHOLD], to_threshold);
            add(&mut in_window, window.sum_dim(0));
            let back = back * positive(activations.clone());
            add(&mut sums.gradients[DECODER], activations.transpose().matmul(upstream.clone()));
            add(&mut sums.gradients[DECODER_BIAS], upstream.sum_dim(0));
            add(&mut sums.gradients[BIAS], back.clone().sum_dim(0));
            add(&mut sums.gradients[ENCODER], back.transpose().matmul(piece.clone()));
        }
        let (value, slope) = penalty_and_slope(penalty, sums.active / rows as f64);
        sums.extra += value * f64::from(share);
        let slope = (slope / rows as f64) as f32 * share;
        if let (Some(from_error), Some(in_window)) = (sums.gradients[LOG_THRESHOLD].take(), in_window) {
            let along = threshold.clone().powi_scalar(2) * from_error + threshold * in_window.mul_scalar(slope);
            sums.gradients[LOG_THRESHOLD] = Some(along.mul_scalar(-1.0 / bandwidth));
        }
        Ok(())
    }

    /// As [`super::adam::step`].
    pub fn advance(&mut self, options: &DictionaryOptions, gradients: Tensors, rate: f64, step: usize) -> Result<()> {
        let unit = options.objective.has_unit_rows();
        let mut gradients = gradients.0;
        if let Some(gradient) = gradients[DECODER].take_if(|_| unit) {
            let decoder = self.parameters.get(DECODER)?;
            let norms = square_sum(decoder.clone()).sqrt().add_scalar(1e-6);
            let along = (gradient.clone() * decoder.clone()).sum_dim(1) / norms.powi_scalar(2);
            gradients[DECODER] = Some(gradient - decoder * along);
        }
        let mut square = 0.0;
        for gradient in gradients.iter().flatten() {
            square += number(square_sum(gradient.clone()))?;
        }
        if !square.is_finite() {
            return Err(diverged(step));
        }
        let Factors { rate, first_decay, second_correction, clip } = Factors::of(options, rate, step, square.sqrt());
        for (place, gradient) in gradients.into_iter().enumerate() {
            let slots = (self.parameters.0[place].take(), self.first.0[place].take(), self.second.0[place].take());
            let (Some(value), Some(first), Some(second)) = slots else { continue };
            let gradient = gradient.unwrap_or_else(|| value.zeros_like()).mul_scalar(clip);
            let first = first.mul_scalar(first_decay) + gradient.clone().mul_scalar(1.0 - first_decay);
            let second = second.mul_scalar(SECOND_DECAY) + gradient.powi_scalar(2).mul_scalar(1.0 - SECOND_DECAY);
            let root = second.clone().sqrt().div_scalar(second_correction).add_scalar(EPSILON);
            let mut value = value - first.clone().mul_scalar(rate) / root;
            if unit && place == DECODER {
                let norms = square_sum(value.clone()).sqrt().add_scalar(f32::EPSILON);
                value = value / norms;
            }
            self.parameters.0[place] = Some(value);
            self.first.0[place] = Some(first);
            self.second.0[place] = Some(second);
        }
        Ok(())
    }
}

/// Adds the gradients of decoder, encoder and bias by `activations [n, g]` of a group, whose decoder is `decoder [g, d]`.
fn add_gradients(
    activations: &Tensor<2>,
    upstream: &Tensor<2>,
    centred: &Tensor<2>,
    decoder: &Tensor<2>,
    into: &mut [Option<Tensor<2>>; 3],
) {
    let back = upstream.clone().matmul(decoder.clone().transpose()) * positive(activations.clone());
    add(&mut into[0], activations.clone().transpose().matmul(upstream.clone()));
    add(&mut into[2], back.clone().sum_dim(0));
    add(&mut into[1], back.transpose().matmul(centred.clone()));
}
