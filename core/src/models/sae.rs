//! The gated sparse autoencoder (Rajamanoharan et al. 2024), with the decoder norms free in training as in SAE-Rad.
//!
//! Row vectors, `d` = token size, `m` = features. `xc = x - b_dec`; gate path `pi = xc W_enc + b_gate`, open where
//! `pi > 0`; magnitude path `relu(xc (W_enc * exp(r_mag)) + b_mag)`; `f = gate * magnitude`; `x_hat = f W_dec + b_dec`.

use burn::module::{Module, Param};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::SparseAutoencoder;

/// Sizes of a gated SAE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatedSaeConfig {
    /// Token size `d`.
    pub input: usize,
    /// Features `m`.
    pub features: usize,
}

/// Gated SAE.
#[derive(Module, Debug)]
pub struct GatedSae {
    w_enc: Param<Tensor<2>>,
    b_gate: Param<Tensor<1>>,
    r_mag: Param<Tensor<1>>,
    b_mag: Param<Tensor<1>>,
    w_dec: Param<Tensor<2>>,
    b_dec: Param<Tensor<1>>,
}

/// What the gated training loss needs of one forward pass.
pub struct GatedPass {
    /// Features `[n, m]`.
    pub activations: Tensor<2>,
    /// `relu(pi)`, `[n, m]`: the path that carries the sparsity penalty.
    pub gate: Tensor<2>,
    /// `f W_dec + b_dec`, `[n, d]`.
    pub reconstruction: Tensor<2>,
    /// `relu(pi) W_dec + b_dec` with the decoder held constant, `[n, d]`.
    pub auxiliary: Tensor<2>,
    /// L2 norms of the decoder rows, `[1, m]`.
    pub row_norms: Tensor<2>,
}

impl GatedSae {
    /// An untrained SAE around the token mean `[d]`: unit decoder rows, encoder their transpose.
    pub fn new(config: &GatedSaeConfig, mean: Tensor<1>, device: &Device) -> Self {
        let rows = Tensor::<2>::random([config.features, config.input], Distribution::Normal(0.0, 1.0), device);
        let rows = rows.clone() / row_norms(rows);
        Self {
            w_enc: Param::from_tensor(rows.clone().transpose()),
            b_gate: Param::from_tensor(Tensor::zeros([config.features], device)),
            r_mag: Param::from_tensor(Tensor::zeros([config.features], device)),
            b_mag: Param::from_tensor(Tensor::zeros([config.features], device)),
            w_dec: Param::from_tensor(rows),
            b_dec: Param::from_tensor(mean),
        }
    }

    /// Forward pass with everything that the training loss reads.
    pub fn training_pass(&self, tokens: Tensor<2>) -> GatedPass {
        let (pi, activations) = self.paths(tokens.clone());
        let gate = relu(pi);
        let frozen_rows = self.w_dec.val().detach();
        let frozen_bias = self.b_dec.val().detach().unsqueeze::<2>();
        GatedPass {
            reconstruction: self.reconstruct(activations.clone(), &tokens),
            auxiliary: gate.clone().matmul(frozen_rows) + frozen_bias,
            row_norms: row_norms(self.w_dec.val()).transpose(),
            activations,
            gate,
        }
    }

    /// The same function with unit decoder rows, so that activations of different features share one scale: the encoder
    /// column, both biases and the activation take the norm, the row gives it up. Inputs are divided by `scale` first
    /// (training runs on scaled tokens); that factor is folded in as well.
    #[must_use]
    pub fn folded(self, scale: f32) -> Self {
        let norms = row_norms(self.w_dec.val()); // [m, 1]
        let columns = norms.clone().transpose(); // [1, m]
        let flat = columns.clone().squeeze_dim::<1>(0).mul_scalar(scale);
        Self {
            w_enc: Param::from_tensor(self.w_enc.val() * columns),
            b_gate: Param::from_tensor(self.b_gate.val() * flat.clone()),
            r_mag: self.r_mag,
            b_mag: Param::from_tensor(self.b_mag.val() * flat),
            w_dec: Param::from_tensor(self.w_dec.val() / norms),
            b_dec: Param::from_tensor(self.b_dec.val().mul_scalar(scale)),
        }
    }

    /// The same SAE with every gate harder to open by `amount` of pre-activation.
    #[must_use]
    pub fn with_stricter_gates(self, amount: f32) -> Self {
        Self { b_gate: Param::from_tensor(self.b_gate.val().sub_scalar(amount)), ..self }
    }

    /// Gate pre-activation and activations.
    fn paths(&self, tokens: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let projected = (tokens - self.b_dec.val().unsqueeze::<2>()).matmul(self.w_enc.val());
        let pi = projected.clone() + self.b_gate.val().unsqueeze::<2>();
        let magnitude = relu(projected * self.r_mag.val().exp().unsqueeze::<2>() + self.b_mag.val().unsqueeze::<2>());
        let activations = magnitude * pi.clone().greater_elem(0.0).float();
        (pi, activations)
    }
}

fn row_norms(rows: Tensor<2>) -> Tensor<2> {
    rows.powi_scalar(2).sum_dim(1).sqrt()
}

impl SparseAutoencoder for GatedSae {
    fn activations(&self, tokens: Tensor<2>) -> Tensor<2> {
        self.paths(tokens).1
    }

    fn reconstruct(&self, activations: Tensor<2>, _tokens: &Tensor<2>) -> Tensor<2> {
        activations.matmul(self.w_dec.val()) + self.b_dec.val().unsqueeze::<2>()
    }

    fn rows(&self) -> Tensor<2> {
        self.w_dec.val()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_scales_activations_and_keeps_the_function() {
        let device = Device::flex();
        device.seed(3);
        let config = GatedSaeConfig { input: 6, features: 10 };
        let mean = Tensor::<1>::from_floats([0.3, -0.2, 0.1, 0.0, 0.5, -0.4], &device);
        let mut sae = GatedSae::new(&config, mean, &device);
        let stretch = Tensor::<2>::random([10, 1], Distribution::Uniform(0.5, 3.0), &device);
        sae.w_dec = Param::from_tensor(sae.w_dec.val() * stretch);
        sae.r_mag = Param::from_tensor(Tensor::random([10], Distribution::Normal(0.0, 0.3), &device));
        sae.b_mag = Param::from_tensor(Tensor::random([10], Distribution::Normal(0.0, 0.3), &device));
        let scale = 2.5_f32;
        let tokens = Tensor::<2>::random([32, 6], Distribution::Normal(0.0, 1.0), &device);
        let trained = sae.reconstruct(sae.activations(tokens.clone()), &tokens).mul_scalar(scale);
        let folded = sae.folded(scale);
        let raw = tokens.mul_scalar(scale);
        let output = folded.reconstruct(folded.activations(raw.clone()), &raw);
        let error = (output - trained).abs().max().into_scalar::<f32>();
        assert!(error < 1e-4, "{error}");
        let norms = row_norms(folded.rows());
        assert!((norms - 1.0).abs().max().into_scalar::<f32>() < 1e-5);
    }
}
