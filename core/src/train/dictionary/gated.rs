//! The gated dictionary with free decoder norms, as SAE-Rad trains it.
//!
//! Rajamanoharan et al. 2024a (arXiv 2404.16014) for the two paths, SAE-Rad (2410.03334) for leaving the decoder
//! unnormalised. With `u = (x - b_dec) W_enc`: gate `pi = u + b_gate`, activation `f = [pi > 0] relu(u exp(r_mag) +
//! b_mag)`, loss `|x - x_hat|^2 + sparsity * sum_i relu(pi_i) |W_dec,i| + |x - x_hat_gate|^2` with
//! `x_hat_gate = relu(pi) W_dec + b_dec`, its decoder held still. `dictionary_learning`'s `trainers/gdm.py` is the same
//! but for the norms in the sparsity, which it does not need (its rows have length 1); `sae_lens` has the norms but lets
//! the auxiliary term move the decoder, which the paper does not.

use super::parameters::{Gradients, Parameters, length};
use super::pass::{Batch, Pass, add_row_sum, difference, less, mark, squares, sum, through_encoder, times};
use super::select::above;
use super::sparse::{add_scaled, piece_rows, project};
use crate::error::Result;
use rayon::prelude::*;

/// See [`super::pass::run`].
pub(super) fn pass(
    sparsity: f32,
    parameters: &mut Parameters,
    batch: &Batch<'_>,
    gradients: &mut Gradients,
) -> Result<Pass> {
    let (dim, m, tokens) = (parameters.input, parameters.features, batch.tokens);
    let rows = tokens.len() / dim;
    let per_token = 1.0 / rows as f32;
    let lambda = sparsity * batch.sparsity_share;
    let norms: Vec<f32> = parameters.decoder.par_chunks(dim).map(length).collect();
    let factors: Vec<f32> = parameters.magnitude_scale.iter().map(|log| log.exp()).collect();
    let closed = vec![0.0_f32; m];
    let gradient = &mut gradients.values;
    let mut gate_sums = vec![0.0_f32; m];
    // Gradients of `u`, summed over tokens.
    let mut of_projected = vec![0.0_f32; m];
    let mut pass = Pass { fired: vec![false; m], ..Pass::default() };
    let mut active = 0_usize;
    for tokens in tokens.chunks(piece_rows(m) * dim) {
        let centred = less(tokens, &parameters.decoder_bias);
        let pre = project(&centred, &mut parameters.encoder, dim)?;
        // Open gates, with `pi` as their value.
        let gates = above(&pre, &parameters.bias, &closed);
        drop(pre);
        let of = |at: usize| gates.columns[at] as usize;
        let projected = |at: usize| gates.values[at] - parameters.bias[of(at)];
        let magnitude: Vec<f32> = (0..gates.len())
            .into_par_iter()
            .map(|at| (projected(at) * factors[of(at)] + parameters.magnitude_bias[of(at)]).max(0.0))
            .collect();
        let scaled: Vec<f32> = (0..gates.len()).into_par_iter().map(|at| projected(at) * factors[of(at)]).collect();

        let left = difference(&centred, &gates.combine(&magnitude, &mut parameters.decoder, dim)?);
        let left_by_gate = difference(&centred, &gates.combine(&gates.values, &mut parameters.decoder, dim)?);
        let (errors, gate_errors) = (squares(&left, dim), squares(&left_by_gate, dim));
        pass.loss += (sum(&errors) + sum(&gate_errors)) / rows as f64;
        pass.token_errors.extend(errors);

        let upstream = times(&left, -2.0 * per_token);
        let mut back = gates.dots(&upstream, &mut parameters.decoder, dim)?;
        back.par_iter_mut().zip(&magnitude).for_each(|(value, f)| *value = if *f > 0.0 { *value } else { 0.0 });
        let mut to_gate = gates.dots(&times(&left_by_gate, -2.0 * per_token), &mut parameters.decoder, dim)?;
        to_gate
            .par_iter_mut()
            .zip(&gates.columns)
            .for_each(|(value, &column)| *value += lambda * per_token * norms[column as usize]);
        let columns = gates.by_column(m);
        columns.add_rows(&magnitude, &upstream, dim, &mut gradient.decoder)?;
        columns.add(&gates.values, &mut gate_sums);
        columns.add(&to_gate, &mut gradient.bias);
        columns.add(&back, &mut gradient.magnitude_bias);
        columns.add(&back.iter().zip(&scaled).map(|(b, s)| b * s).collect::<Vec<_>>(), &mut gradient.magnitude_scale);
        let to_projected: Vec<f32> =
            (0..gates.len()).into_par_iter().map(|at| back[at] * factors[of(at)] + to_gate[at]).collect();
        columns.add_rows(&to_projected, &centred, dim, &mut gradient.encoder)?;
        columns.add(&to_projected, &mut of_projected);
        add_row_sum(&upstream, &mut gradient.decoder_bias);
        mark(&columns, &mut gradients.touched);
        for (&column, _) in gates.columns.iter().zip(&magnitude).filter(|(_, f)| **f > 0.0) {
            pass.fired[column as usize] = true;
            active += 1;
        }
    }
    // The sparsity term: lambda / n * sum_i (sum_b relu(pi_bi)) |W_dec,i|, which also pulls at the decoder's norms.
    let weight = lambda * per_token;
    let rows_of = gradient.decoder.par_chunks_mut(dim).zip(parameters.decoder.par_chunks(dim));
    rows_of.zip(gate_sums.par_iter().zip(&norms)).for_each(|((into, row), (&sum, &norm))| {
        if sum > 0.0 && norm > 0.0 {
            add_scaled(into, weight * sum / norm, row);
        }
    });
    pass.loss +=
        gate_sums.iter().zip(&norms).map(|(s, n)| f64::from(*s) * f64::from(*n)).sum::<f64>() * f64::from(weight);
    through_encoder(&of_projected, &parameters.encoder, &mut gradient.decoder_bias);
    pass.active = active as f64 / rows as f64;
    Ok(pass)
}
