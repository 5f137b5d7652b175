//! How good a finished dictionary is on latents it was not trained on, read by the module that is used afterwards.

use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::latents::Latents;
use super::sparse::piece_rows;
use crate::engine::{IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::models::SparseAutoencoder;
use crate::models::dictionary::{DictionarySae, DictionarySaeConfig};
use crate::models::weights::{self, Weights};

/// Results on latents as the encoder gives them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DictionaryQuality {
    /// Tokens looked at.
    pub tokens: usize,
    /// Share of the tokens' variance about their mean that the reconstruction explains.
    pub explained_variance: f64,
    /// Mean number of active features of a token (L0).
    pub active: f64,
    /// Share of features that any of the tokens activates.
    pub alive_share: f64,
    /// Mean cosine between a token and its reconstruction, both less the dictionary's centre `b_dec`.
    pub cosine: f64,
}

/// Runs a dictionary over all of `latents`.
///
/// # Errors
/// When there are none, sizes do not fit, a number is not finite, or the device fails.
pub fn evaluate(
    config: &DictionarySaeConfig,
    weights: &Weights,
    latents: &dyn Latents,
    device: &Device,
    progress: &Progress<'_>,
) -> Result<DictionaryQuality> {
    let (rows, dim) = (latents.len(), config.input);
    if rows == 0 || latents.dim() != dim {
        return Err(Error::Shape {
            what: "latents to judge a dictionary by".into(),
            expected: format!("rows of {dim} numbers, at least one"),
            found: format!("{rows} rows of {} numbers", latents.dim()),
        });
    }
    let centre = weights.get("b_dec").and_then(|data| data.as_slice::<f32>().ok()).unwrap_or_default().to_vec();
    let sae =
        weights::apply(DictionarySae::new(config, device), &mut weights.clone(), device).map_err(Error::Invalid)?;
    let mut fired = vec![false; config.features];
    let (mut sums, mut squares) = (vec![0.0_f64; dim], 0.0_f64);
    let (mut error, mut active, mut cosine) = (0.0_f64, 0.0_f64, 0.0_f64);
    let mut tokens = Vec::new();
    for start in (0..rows).step_by(piece_rows(config.features)) {
        let end = (start + piece_rows(config.features)).min(rows);
        progress.step("judging the dictionary", start, rows)?;
        latents.fill(&(start..end).collect::<Vec<_>>(), &mut tokens)?;
        let x = Tensor::<2>::from_data(TensorData::new(tokens.clone(), [end - start, dim]), device);
        let activations = sae.activations(x.clone());
        let on = activations.clone().greater_elem(0.0).float();
        let floats = |tensor: Tensor<2>| tensor.into_floats().map_err(Error::Invalid);
        active += floats(on.clone().sum_dim(1))?.into_iter().map(f64::from).sum::<f64>();
        fired.iter_mut().zip(floats(on.max_dim(0))?).for_each(|(fired, on)| *fired |= on > 0.0);
        let rebuilt = floats(sae.reconstruct(activations, &x))?;
        for (row, rebuilt) in tokens.chunks_exact(dim).zip(rebuilt.chunks_exact(dim)) {
            let (mut along, mut of_row, mut of_rebuilt) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (at, (&value, &rebuilt)) in row.iter().zip(rebuilt).enumerate() {
                let (value, rebuilt) = (f64::from(value), f64::from(rebuilt));
                let centre = centre.get(at).map_or(0.0, |&c| f64::from(c));
                sums[at] += value;
                squares += value * value;
                error += (value - rebuilt).powi(2);
                along += (value - centre) * (rebuilt - centre);
                of_row += (value - centre).powi(2);
                of_rebuilt += (rebuilt - centre).powi(2);
            }
            cosine += along / (of_row * of_rebuilt).sqrt().max(f64::MIN_POSITIVE);
        }
    }
    let count = rows as f64;
    let variance = squares - sums.iter().map(|sum| sum * sum / count).sum::<f64>();
    if !(error.is_finite() && variance.is_finite()) {
        return Err(Error::Invalid("the dictionary's reconstruction holds something that is no finite number".into()));
    }
    Ok(DictionaryQuality {
        tokens: rows,
        explained_variance: if variance > 0.0 { 1.0 - error / variance } else { 0.0 },
        active: active / count,
        alive_share: fired.iter().filter(|&&fired| fired).count() as f64 / config.features as f64,
        cosine: cosine / count,
    })
}
