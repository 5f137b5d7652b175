//! JumpReLU: a learned threshold for each feature.
//!
//! Rajamanoharan et al. 2024b (arXiv 2407.14435). `f = p [p > theta]` with `p = (x - b_dec) W_enc + b_enc` and
//! `theta = exp(log_threshold)`; loss `|x - x_hat|^2` plus a penalty on `L0 = sum_i [p_i > theta_i]`. A step has no
//! slope, so a rectangle kernel of width `h` stands for its derivative: with `K = [|p - theta| < h / 2]`,
//! `d f / d theta = - theta / h K` and `d L0 / d theta = - 1 / h K`; pre-activations get no gradient through the step.
//! `sae_lens` (`saes/jumprelu_sae.py`, mode "step") has the same loss with thresholds in place of their logarithms.
//! `dictionary_learning` counts its kernel on `f` instead of `p`, which sees only the upper half of the window; its
//! penalty about a target is [`L0Penalty::Target`], here with the paper's kernel.

use super::options::L0Penalty;
use super::parameters::{Gradients, Parameters};
use super::pass::{Batch, Pass, add_row_sum, difference, less, mark, squares, sum, through_encoder, times};
use super::select::above;
use super::sparse::{piece_rows, project};
use crate::error::Result;
use rayon::prelude::*;

/// See [`super::pass::run`].
pub(super) fn pass(
    penalty: L0Penalty,
    bandwidth: f32,
    parameters: &mut Parameters,
    batch: &Batch<'_>,
    gradients: &mut Gradients,
) -> Result<Pass> {
    let (dim, m, tokens) = (parameters.input, parameters.features, batch.tokens);
    let rows = tokens.len() / dim;
    let thresholds: Vec<f32> = parameters.log_threshold.iter().map(|log| log.exp()).collect();
    // Everything above the threshold, and all of the kernel's window; nothing at or below 0 is ever active, since
    // thresholds are positive.
    let bounds: Vec<f32> = thresholds.iter().map(|threshold| threshold - bandwidth / 2.0).collect();
    let gradient = &mut gradients.values;
    let mut pass = Pass { fired: vec![false; m], ..Pass::default() };
    let mut active = 0_usize;
    let mut in_window = vec![0.0_f32; m];
    let mut of_bias = vec![0.0_f32; m];
    for tokens in tokens.chunks(piece_rows(m) * dim) {
        let centred = less(tokens, &parameters.decoder_bias);
        let pre = project(&centred, &mut parameters.encoder, dim)?;
        let near = above(&pre, &parameters.bias, &bounds);
        drop(pre);
        let threshold = |at: usize| thresholds[near.columns[at] as usize];
        let activations: Vec<f32> = (0..near.len())
            .into_par_iter()
            .map(|at| if near.values[at] > threshold(at) { near.values[at] } else { 0.0 })
            .collect();
        let window: Vec<f32> = (0..near.len())
            .into_par_iter()
            .map(|at| {
                let from_threshold = (near.values[at] - threshold(at)) / bandwidth;
                if from_threshold > -0.5 && from_threshold < 0.5 { 1.0 } else { 0.0 }
            })
            .collect();
        let left = difference(&centred, &near.combine(&activations, &mut parameters.decoder, dim)?);
        let errors = squares(&left, dim);
        pass.loss += sum(&errors) / rows as f64;
        pass.token_errors.extend(errors);
        let upstream = times(&left, -2.0 / rows as f32);
        let mut back = near.dots(&upstream, &mut parameters.decoder, dim)?;
        let columns = near.by_column(m);
        columns.add(&window, &mut in_window);
        // theta d/d theta, for the gradient of the logarithm.
        let to_threshold: Vec<f32> = (0..near.len())
            .into_par_iter()
            .map(|at| -threshold(at).powi(2) / bandwidth * window[at] * back[at])
            .collect();
        columns.add(&to_threshold, &mut gradient.log_threshold);
        back.par_iter_mut().zip(&activations).for_each(|(value, f)| *value = if *f > 0.0 { *value } else { 0.0 });
        columns.add_rows(&activations, &upstream, dim, &mut gradient.decoder)?;
        columns.add_rows(&back, &centred, dim, &mut gradient.encoder)?;
        columns.add(&back, &mut of_bias);
        add_row_sum(&upstream, &mut gradient.decoder_bias);
        mark(&columns, &mut gradients.touched);
        for (&column, _) in near.columns.iter().zip(&activations).filter(|(_, f)| **f > 0.0) {
            pass.fired[column as usize] = true;
            active += 1;
        }
    }
    pass.active = active as f64 / rows as f64;
    let (value, slope) = penalty_and_slope(penalty, pass.active);
    pass.loss += value * f64::from(batch.sparsity_share);
    let slope = (slope / rows as f64) as f32 * batch.sparsity_share;
    for (feature, count) in in_window.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        gradient.log_threshold[feature] -= thresholds[feature] / bandwidth * count * slope;
    }
    gradient.bias.iter_mut().zip(&of_bias).for_each(|(total, sum)| *total += sum);
    through_encoder(&of_bias, &parameters.encoder, &mut gradient.decoder_bias);
    Ok(pass)
}

/// The penalty at a mean number of active features, and its derivative there.
pub(super) fn penalty_and_slope(penalty: L0Penalty, active: f64) -> (f64, f64) {
    match penalty {
        L0Penalty::Weight(weight) => (f64::from(weight) * active, f64::from(weight)),
        L0Penalty::Target { target, weight } => {
            let (target, weight) = (f64::from(target), f64::from(weight));
            let off = active / target - 1.0;
            (weight * off * off, 2.0 * weight * off / target)
        }
    }
}
