//! Whether an imported SAE does on a film's tokens what it did on those of its authors.
//!
//! Shapes cannot tell everything: a matrix with as many rows as columns may lie the other way round, a config may name
//! the wrong activation, and an SAE may belong to another layer. All of these show on tokens, as a poor reconstruction
//! or an odd number of active features (SAELens issue 553: a TopK SAE read as plain ReLU).

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::{DictionarySae, SparseAutoencoder};

/// Below this share of explained variance something is wrong rather than weak: Prisma's SAEs of CLIP explain 0.65 to
/// 0.98.
const POOR: f64 = 0.1;

/// A transposed reading is worth telling when it explains at least this much.
const CONVINCING: f64 = 0.5;

/// How many times more or fewer features than trained for may be active.
const FAR: f64 = 4.0;

/// What an SAE does on sample tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaeCheck {
    /// Share of the tokens' variance about their mean that the reconstruction explains; below 0 is worse than the mean.
    /// None where the tokens do not vary, as a single one does not.
    pub explained_variance: Option<f64>,
    /// Mean number of active features of a token.
    pub l0: f64,
    /// Share of the features that no token activates; of a few films most are rightly silent.
    pub dead_share: f64,
    /// What looks wrong and what it may be, in words; none when nothing does.
    pub warning: Option<String>,
}

/// Runs `sae` on sample tokens `[n, d]` of the layer that it was made for.
///
/// # Errors
/// When there are no tokens, they have another size, hold something that is no number, or the device fails.
pub fn check_on(sae: &DictionarySae, tokens: &Tensor<2>) -> Result<SaeCheck, String> {
    let ([rows, size], config) = (tokens.dims(), sae.config());
    if rows == 0 || size != config.input {
        return Err(format!("{rows} tokens of {size} numbers cannot check an SAE of {} inputs", config.input));
    }
    let mut check = measured(sae, tokens)?;
    let mut warnings = Vec::new();
    if let Some(explained) = check.explained_variance.filter(|&explained| explained < POOR) {
        let what = if explained < 0.0 { "less than nothing".to_owned() } else { format!("{:.0} %", explained * 100.0) };
        warnings.push(format!(
            "the reconstruction explains {what} of the tokens' variance: a transposed matrix or a wrong activation \
             shows there, or tokens of another layer or network than the SAE was made for"
        ));
        warnings.extend(other_reading(sae, tokens)?);
    }
    warnings.extend(odd_count(check.l0, config.features, config.expected_active));
    check.warning = (!warnings.is_empty()).then(|| warnings.join("; "));
    Ok(check)
}

/// [`SaeCheck`] without a word on what may be wrong.
///
/// # Errors
/// As [`check_on`].
pub fn measured(sae: &(impl SparseAutoencoder + ?Sized), tokens: &Tensor<2>) -> Result<SaeCheck, String> {
    let [rows, _] = tokens.dims();
    let activations = sae.activations(tokens.clone());
    let active = activations.clone().greater_elem(0.0).float();
    let fired = floats(active.clone().max_dim(0))?;
    let counts = floats(active.sum_dim(1))?;
    let explained = explained_variance(&floats(tokens.clone())?, &floats(sae.reconstruct(activations, tokens))?, rows)?;
    Ok(SaeCheck {
        explained_variance: explained,
        l0: counts.iter().map(|&count| f64::from(count)).sum::<f64>() / rows as f64,
        dead_share: fired.iter().filter(|&&fired| fired == 0.0).count() as f64 / fired.len().max(1) as f64,
        warning: None,
    })
}

fn floats(tensor: Tensor<2>) -> Result<Vec<f32>, String> {
    tensor.try_into_data().map_err(|e| e.to_string())?.try_into_vec::<f32>().map_err(|e| e.to_string())
}

/// 1 - sum |x - xhat|^2 / sum |x - mean|^2 over the rows; none where `x` does not vary.
fn explained_variance(x: &[f32], xhat: &[f32], rows: usize) -> Result<Option<f64>, String> {
    if x.iter().any(|v| !v.is_finite()) {
        return Err("the sample tokens hold numbers that are infinite or none at all".to_owned());
    }
    let size = x.len() / rows;
    let mean: Vec<f64> =
        (0..size).map(|at| x.iter().skip(at).step_by(size).map(|&v| f64::from(v)).sum::<f64>() / rows as f64).collect();
    let left: f64 = x.iter().zip(xhat).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
    let total: f64 = x.iter().zip(mean.iter().cycle()).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum();
    if !left.is_finite() {
        return Err("the SAE answers the sample tokens with infinite numbers or none at all".to_owned());
    }
    Ok((total > 0.0).then(|| 1.0 - left / total))
}

/// Advice where the SAE explains the tokens with a matrix turned over, which only an SAE with `d = m` allows.
fn other_reading(sae: &DictionarySae, tokens: &Tensor<2>) -> Result<Option<String>, String> {
    let readings = [(true, false, "W_enc"), (false, true, "W_dec"), (true, true, "W_enc and W_dec")];
    let mut best: Option<(f64, &str)> = None;
    for (encoder, decoder, name) in readings {
        let Some(turned) = sae.transposed(encoder, decoder) else { return Ok(None) };
        let explained = measured(&turned, tokens)?.explained_variance.unwrap_or(f64::NEG_INFINITY);
        if best.is_none_or(|(most, _)| explained > most) {
            best = Some((explained, name));
        }
    }
    Ok(best.filter(|&(explained, _)| explained >= CONVINCING).map(|(explained, name)| {
        format!("with {name} transposed it explains {:.0} %: import it again that way", explained * 100.0)
    }))
}

/// What is odd about the number of active features, if anything.
fn odd_count(l0: f64, features: usize, expected: Option<f32>) -> Option<String> {
    let of_all = l0 / features as f64;
    let expected = expected.map(f64::from).filter(|&k| k > 0.0);
    if l0 < 0.5 {
        Some(format!(
            "hardly any feature is active ({l0:.2} of a token): thresholds of another scale, or tokens of another \
             layer"
        ))
    } else if let Some(k) = expected.filter(|&k| l0 > k * FAR || l0 < k / FAR) {
        Some(format!("{l0:.1} features of a token are active, the SAE was trained for {k}"))
    } else if of_all > 0.8 && expected.is_none_or(|k| k < 0.8 * features as f64) {
        Some(format!("{:.0} % of all features are active: this is no sparse code", of_all * 100.0))
    } else {
        None
    }
}
