//! One step's loss with its gradients, on the processor: written out by hand instead of recorded.
//!
//! In: parameters, a batch of centred and scaled tokens, which features are dead. Out: [`Pass`], and gradients of the
//! batch's mean loss. Only active features have gradients, so that beside the one dense product of the encoder a step
//! costs `active * d` instead of `batch * m * d` several times over.

use rayon::prelude::*;

use super::options::{DictionaryOptions, Objective};
use super::parameters::{Gradients, Parameters};
use super::sparse::{Columns, dot};
use super::{gated, jump, nested};
use crate::error::Result;

/// Features whose sums are added up together, in an order that is the same for any number of threads.
const GROUP: usize = 512;

/// What a step says about its batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pass {
    /// The loss, all terms.
    pub loss: f64,
    /// `|x - x_hat|^2`, mean over tokens.
    pub error: f64,
    /// `|x - mean|^2`, mean over tokens, about the batch's own mean.
    pub variance: f64,
    /// Mean number of active features of a token.
    pub active: f64,
    /// Features that were active on any token, `[m]`.
    pub fired: Vec<bool>,
    /// `|x - x_hat|^2` of each token.
    pub token_errors: Vec<f32>,
    /// Smallest activation that a batch's choice kept; none where nothing was positive.
    pub smallest_kept: Option<f32>,
}

/// What a step learns from, beside the parameters.
pub(super) struct Batch<'a> {
    /// Centred and scaled tokens `[n, d]`.
    pub tokens: &'a [f32],
    /// Features that have not fired for long, `[m]`.
    pub dead: &'a [bool],
    /// Share of the sparsity's weight.
    pub sparsity_share: f32,
}

/// Loss of a batch; its gradients are added to `gradients`.
pub(super) fn run(
    options: &DictionaryOptions,
    parameters: &mut Parameters,
    batch: &Batch<'_>,
    gradients: &mut Gradients,
) -> Result<Pass> {
    let mut pass = match &options.objective {
        Objective::TopK { .. } | Objective::BatchTopK { .. } | Objective::Matryoshka { .. } => {
            nested::pass(options, parameters, batch, gradients)
        }
        Objective::Gated { sparsity } => gated::pass(*sparsity, parameters, batch, gradients),
        Objective::JumpRelu { penalty, bandwidth, .. } => {
            jump::pass(*penalty, *bandwidth, parameters, batch, gradients)
        }
    }?;
    let rows = batch.tokens.len() / parameters.input;
    pass.error = pass.token_errors.iter().map(|&e| f64::from(e)).sum::<f64>() / rows as f64;
    pass.variance = variance(batch.tokens, parameters.input);
    Ok(pass)
}

/// Mean squared distance of rows from their mean.
pub(super) fn variance(rows: &[f32], dim: usize) -> f64 {
    let count = (rows.len() / dim).max(1) as f64;
    let (mut sums, mut squares) = (vec![0.0_f64; dim], 0.0_f64);
    for row in rows.chunks_exact(dim) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
            squares += f64::from(value).powi(2);
        }
    }
    squares / count - sums.iter().map(|sum| (sum / count).powi(2)).sum::<f64>()
}

/// Rows less a vector.
pub(super) fn less(rows: &[f32], vector: &[f32]) -> Vec<f32> {
    rows.chunks_exact(vector.len()).flat_map(|row| row.iter().zip(vector).map(|(a, b)| a - b)).collect()
}

/// Rows less others.
pub(super) fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Rows times a number.
pub(super) fn times(rows: &[f32], factor: f32) -> Vec<f32> {
    rows.iter().map(|value| value * factor).collect()
}

/// Squared length of each row.
pub(super) fn squares(rows: &[f32], dim: usize) -> Vec<f32> {
    rows.par_chunks(dim).map(|row| dot(row, row)).collect()
}

/// Sum of numbers, in double precision.
pub(super) fn sum(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v)).sum()
}

/// Adds the rows' sum to a vector.
pub(super) fn add_row_sum(rows: &[f32], into: &mut [f32]) {
    let mut sums = vec![0.0_f64; into.len()];
    for row in rows.chunks_exact(into.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    into.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum as f32);
}

/// The decoder bias' gradient through the encoder, which reads tokens less that bias: `- sum_i of[i] * W_enc[i]`, where
/// `of` are the sums over tokens of the gradients of what the encoder gives.
pub(super) fn through_encoder(of: &[f32], encoder: &[f32], into: &mut [f32]) {
    let dim = into.len();
    let parts: Vec<Vec<f64>> = of
        .par_chunks(GROUP)
        .zip(encoder.par_chunks(GROUP * dim))
        .map(|(of, rows)| {
            let mut part = vec![0.0_f64; dim];
            for (&factor, row) in of.iter().zip(rows.chunks_exact(dim)).filter(|(factor, _)| **factor != 0.0) {
                part.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(factor * value));
            }
            part
        })
        .collect();
    for part in parts {
        into.iter_mut().zip(part).for_each(|(total, value)| *total -= value as f32);
    }
}

/// Marks the features of columns that have entries.
pub(super) fn mark(columns: &Columns<'_>, marks: &mut [bool]) {
    for (column, mark) in marks.iter_mut().enumerate() {
        *mark |= columns.is_used(column);
    }
}
