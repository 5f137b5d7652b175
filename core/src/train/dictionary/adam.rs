//! Adam (Kingma and Ba 2015) on all parameters in one pass over memory, with what unit decoder rows need around it.
//!
//! It is exactly Adam: features without a gradient move on by their momentum like all others. Updating only the
//! features of a batch ("lazy" or "sparse" Adam) would be faster and another method, so it is not done; what is saved is
//! reading gradients that are 0. In the order of `dictionary_learning`'s trainers: the gradient's part along its
//! decoder row is removed, the norm of all gradients is bounded, Adam steps, rows are set back to length 1.

use rayon::prelude::*;

use super::options::DictionaryOptions;
use super::parameters::{Gradients, Parameters, length};
use super::sparse::{add_scaled, dot};
use crate::error::{Error, Result};

/// Second decay, of the squared gradients.
pub(super) const SECOND_DECAY: f32 = 0.999;
/// Added to the root of the squared gradients.
pub(super) const EPSILON: f32 = 1e-8;

/// Running means of gradients and of their squares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub first: Parameters,
    pub second: Parameters,
}

impl Moments {
    pub fn new(parameters: &Parameters) -> Self {
        Self { first: parameters.zeros_like(), second: parameters.zeros_like() }
    }
}

/// What one step multiplies by.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    pub rate: f32,
    pub first_decay: f32,
    /// `1 - 0.999^t`, its root.
    pub second_correction: f32,
    /// Factor on gradients that bounds their norm.
    pub clip: f32,
}

impl Factors {
    /// Of step `step`, counted from 0.
    pub fn of(options: &DictionaryOptions, rate: f64, step: usize, gradient_norm: f64) -> Self {
        let count = i32::try_from(step.saturating_add(1)).unwrap_or(i32::MAX);
        let first_decay = options.objective.first_decay();
        // PyTorch's clip_grad_norm_ adds 1e-6 as well.
        let clip = options.clip.map_or(1.0, |most| (f64::from(most) / (gradient_norm + 1e-6)).min(1.0));
        Self {
            rate: (rate / (1.0 - f64::from(first_decay).powi(count))) as f32,
            first_decay,
            second_correction: (1.0 - f64::from(SECOND_DECAY).powi(count)).sqrt() as f32,
            clip: clip as f32,
        }
    }

    /// Moves one run of parameters; without gradients, as if they were 0.
    fn advance(&self, values: &mut [f32], first: &mut [f32], second: &mut [f32], gradients: Option<&[f32]>) {
        let Self { rate, first_decay, second_correction, clip } = *self;
        let each = |value: &mut f32, first: &mut f32, second: &mut f32, gradient: f32| {
            *first = *first * first_decay + gradient * (1.0 - first_decay);
            *second = *second * SECOND_DECAY + gradient * gradient * (1.0 - SECOND_DECAY);
            *value -= rate * *first / (second.sqrt() / second_correction + EPSILON);
        };
        let moments = first.iter_mut().zip(second);
        match gradients {
            Some(gradients) => {
                for ((value, (first, second)), gradient) in values.iter_mut().zip(moments).zip(gradients) {
                    each(value, first, second, gradient * clip);
                }
            }
            None => values.iter_mut().zip(moments).for_each(|(value, (f, s))| each(value, f, s, 0.0)),
        }
    }
}

/// Moves the parameters by the gradients, and sets the gradients back to 0.
///
/// # Errors
/// When a gradient is no finite number.
pub(super) fn step(
    options: &DictionaryOptions,
    parameters: &mut Parameters,
    moments: &mut Moments,
    gradients: &mut Gradients,
    rate: f64,
    step: usize,
) -> Result<()> {
    let (dim, unit) = (parameters.input, options.objective.has_unit_rows());
    if unit {
        project_out(parameters, gradients);
    }
    let norm = norm(gradients, dim);
    if !norm.is_finite() {
        return Err(diverged(step));
    }
    let factors = Factors::of(options, rate, step, norm);
    let Gradients { values, touched } = gradients;
    let sides = values.tensors_mut().into_iter().zip(parameters.tensors_mut());
    let moments = moments.first.tensors_mut().into_iter().zip(moments.second.tensors_mut());
    for (index, ((gradient, values), (first, second))) in sides.zip(moments).enumerate() {
        if index > 1 {
            factors.advance(values, first, second, Some(gradient));
            gradient.fill(0.0);
            continue;
        }
        let renew = unit && index == 1;
        let rows = values.par_chunks_mut(dim).zip(first.par_chunks_mut(dim)).zip(second.par_chunks_mut(dim));
        rows.zip(gradient.par_chunks_mut(dim).zip(&*touched)).with_min_len(64).for_each(
            |(((values, first), second), (gradient, &touched))| {
                factors.advance(values, first, second, touched.then_some(&*gradient));
                if renew {
                    let factor = 1.0 / (dot(values, values).sqrt() + f32::EPSILON);
                    values.iter_mut().for_each(|value| *value *= factor);
                }
                if touched {
                    gradient.fill(0.0);
                }
            },
        );
    }
    touched.fill(false);
    Ok(())
}

/// The error of a run whose numbers left what can be computed with.
pub(super) fn diverged(step: usize) -> Error {
    Error::Invalid(format!(
        "training left the finite numbers at step {step}; choose a lower learning rate or a weaker sparsity"
    ))
}

/// Takes from decoder gradients their part along the row, which would only change its length.
fn project_out(parameters: &Parameters, gradients: &mut Gradients) {
    let dim = parameters.input;
    let rows = gradients.values.decoder.par_chunks_mut(dim).zip(parameters.decoder.par_chunks(dim));
    rows.zip(&gradients.touched).filter(|(_, touched)| **touched).for_each(|((gradient, row), _)| {
        let norm = length(row) + 1e-6;
        add_scaled(gradient, -dot(gradient, row) / (norm * norm), row);
    });
}

/// Length of all gradients as one vector.
fn norm(gradients: &Gradients, dim: usize) -> f64 {
    let square = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    let values = &gradients.values;
    let small: f64 = values.tensors()[2..].iter().map(|tensor| square(tensor)).sum();
    let rows: Vec<f64> = (values.encoder.par_chunks(dim), values.decoder.par_chunks(dim), &gradients.touched)
        .into_par_iter()
        .map(
            |(encoder, decoder, &touched)| {
                if touched { f64::from(dot(encoder, encoder)) + f64::from(dot(decoder, decoder)) } else { 0.0 }
            },
        )
        .collect();
    (small + rows.iter().sum::<f64>()).sqrt()
}
