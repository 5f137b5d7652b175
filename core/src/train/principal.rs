//! Principal components of film patches: the linear autoencoder that training starts from.
//!
//! Of all linear maps from a patch to `k` numbers and back, the `k` first principal components lose least squared error
//! (Pearson 1901). On phantoms, 48 of them for each 16 x 16 patch already reach 33.8 dB.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;

use crate::engine::IntoFloats;
use crate::error::{Error, Result};
use crate::models::weights::Weights;

/// Rounds of the orthogonal iteration; what is left then are components of nearly equal variance, whose order is of no
/// consequence.
const ROUNDS: usize = 60;

/// Mean, components and variances of patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Mean patch, `[n]`.
    pub mean: Vec<f64>,
    /// Unit components, `[k][n]`, by falling variance.
    pub components: Vec<Vec<f64>>,
    /// Variance along each component, `[k]`.
    pub variances: Vec<f64>,
}

impl Principal {
    /// The first `count` components of `patches`, `[rows, n]`.
    ///
    /// # Errors
    /// When the device fails, or a patch has fewer than `count` pixels.
    pub fn of(patches: &Tensor<2>, count: usize) -> Result<Self> {
        let [rows, n] = patches.dims();
        if count == 0 || count > n {
            return Err(Error::Invalid(format!("{count} components of patches of {n} pixels")));
        }
        let mean = patches.clone().mean_dim(0);
        let centred = patches.clone() - mean.clone();
        let covariance = centred.clone().transpose().matmul(centred).div_scalar(rows.max(2) as f32 - 1.0);
        let floats = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        let covariance = floats(covariance.into_floats().map_err(Error::Invalid)?);
        let mean = floats(mean.into_floats().map_err(Error::Invalid)?);
        let (components, variances) = leading(&covariance, n, count);
        Ok(Self { mean, components, variances })
    }

    /// Weights of an autoencoder's two shortcuts. Each number of a token is scaled by its variance to the power -1/4,
    /// half-way to equal variances: the broad shapes still lead, and an SAE also pays for the fine ones. Their mean
    /// square is 1.
    pub fn shortcuts(&self) -> Weights {
        let (n, k) = (self.mean.len(), self.components.len());
        let largest = self.variances.first().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        let variances: Vec<f64> = self.variances.iter().map(|v| v.max(largest * 1e-6)).collect();
        let together = (variances.iter().map(|v| v.sqrt()).sum::<f64>() / k as f64).sqrt();
        let scales: Vec<f64> = variances.iter().map(|v| v.powf(-0.25) / together).collect();
        let mut encoder = Vec::with_capacity(k * n);
        let mut offset = Vec::with_capacity(k);
        let mut decoder = vec![0.0_f32; n * k];
        for (index, (component, scale)) in self.components.iter().zip(&scales).enumerate() {
            encoder.extend(component.iter().map(|v| (v * scale) as f32));
            offset.push((-scale * dot(component, &self.mean)) as f32);
            for (pixel, v) in component.iter().enumerate() {
                decoder[pixel * k + index] = (v / scale) as f32;
            }
        }
        let mean: Vec<f32> = self.mean.iter().map(|&v| v as f32).collect();
        BTreeMap::from([
            ("encoder.shortcut.weight".into(), TensorData::new(encoder, [k, n, 1, 1])),
            ("encoder.shortcut.bias".into(), TensorData::new(offset, [k])),
            ("decoder.shortcut.weight".into(), TensorData::new(decoder, [n, k, 1, 1])),
            ("decoder.shortcut.bias".into(), TensorData::new(mean, [n])),
        ])
    }
}

/// The leading eigenvectors of a symmetric matrix `[n, n]`, and their eigenvalues, by orthogonal iteration.
fn leading(matrix: &[f64], n: usize, count: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    // Any start that is not orthogonal to an eigenvector will do.
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut basis: Vec<Vec<f64>> = (0..count).map(|_| (0..n).map(|_| draw()).collect()).collect();
    orthonormalise(&mut basis);
    let times = |vector: &[f64]| -> Vec<f64> { matrix.chunks_exact(n).map(|row| dot(row, vector)).collect() };
    for _ in 0..ROUNDS {
        basis = basis.iter().map(|vector| times(vector)).collect();
        orthonormalise(&mut basis);
    }
    let values: Vec<f64> = basis.iter().map(|vector| dot(vector, &times(vector))).collect();
    (basis, values)
}

/// Modified Gram-Schmidt. A vector that depends on those before it becomes a unit vector of its own.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for index in 0..basis.len() {
        let (done, rest) = basis.split_at_mut(index);
        let vector = &mut rest[0];
        for attempt in 0..=vector.len() {
            let before = dot(vector, vector).sqrt();
            // Twice, for what rounding leaves of the first pass.
            for other in done.iter().chain(done.iter()) {
                let along = dot(other, vector);
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
            }
            let length = dot(vector, vector).sqrt();
            // Less is what rounding leaves of a vector that lies in the others' span.
            if length > before * 1e-10 && length > f64::MIN_POSITIVE {
                vector.iter_mut().for_each(|v| *v /= length);
                break;
            }
            vector.fill(0.0);
            if let Some(entry) = vector.get_mut(attempt) {
                *entry = 1.0;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patches `a u + b v + mean` with known spreads along two known directions.
    fn patches() -> Tensor<2> {
        let (u, v) = ([0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]);
        let mut values = Vec::new();
        for a in [-3.0_f32, 3.0] {
            for b in [-1.0_f32, 1.0] {
                values.extend((0..3).map(|i| a * u[i] + b * v[i] + 5.0));
            }
        }
        Tensor::from_data(TensorData::new(values, [4, 3]), &Device::flex())
    }

    #[test]
    fn components_and_variances_are_those_of_the_patches() {
        let found = Principal::of(&patches(), 2).expect("components");
        assert!(found.mean.iter().all(|m| (m - 5.0).abs() < 1e-5));
        for (component, expected) in found.components.iter().zip([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]]) {
            assert!((dot(component, &expected).abs() - 1.0).abs() < 1e-6, "{component:?}");
        }
        // Four patches: sums of squares 36 and 4 over three degrees of freedom.
        assert!((found.variances[0] - 12.0).abs() < 1e-4 && (found.variances[1] - 4.0 / 3.0).abs() < 1e-4);
    }

    #[test]
    fn the_shortcuts_undo_each_other_on_what_the_components_hold() {
        let shortcuts = Principal::of(&patches(), 2).expect("components").shortcuts();
        let read = |name: &str| shortcuts[name].as_slice::<f32>().expect("floats").to_vec();
        let (encoder, offset) = (read("encoder.shortcut.weight"), read("encoder.shortcut.bias"));
        let (decoder, mean) = (read("decoder.shortcut.weight"), read("decoder.shortcut.bias"));
        let patch = [5.0 + 1.8 - 0.8, 5.0 + 2.4 + 0.6, 5.0];
        let token: Vec<f32> =
            (0..2).map(|k| offset[k] + (0..3).map(|i| encoder[k * 3 + i] * patch[i]).sum::<f32>()).collect();
        for (i, expected) in patch.iter().enumerate() {
            let restored = mean[i] + decoder[i * 2] * token[0] + decoder[i * 2 + 1] * token[1];
            assert!((restored - expected).abs() < 1e-4, "pixel {i}: {restored}, not {expected}");
        }
    }

    #[test]
    fn more_components_than_variances_are_still_orthonormal() {
        let found = Principal::of(&patches(), 3).expect("components");
        assert!((dot(&found.components[2], &[0.0, 0.0, 1.0]).abs() - 1.0).abs() < 1e-4, "{:?}", found.components);
        assert!(Principal::of(&patches(), 4).is_err());
    }
}
