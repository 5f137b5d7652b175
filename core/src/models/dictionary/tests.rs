//! Kinds and normalisations by hand-made numbers; the libraries' own numbers are in `tests/tests/sae.rs`.

use std::collections::BTreeMap;

use burn::tensor::{Distribution, TensorData};

use super::*;
use crate::models::weights;

fn config(input: usize, features: usize, activation: DictionaryActivation) -> DictionarySaeConfig {
    DictionarySaeConfig {
        input,
        features,
        activation,
        subtract_decoder_bias: true,
        normalisation: TokenNormalisation::None,
        expected_active: None,
    }
}

/// An SAE whose encoder is the transpose of its random unit decoder rows.
fn tied(config: &DictionarySaeConfig, device: &Device) -> DictionarySae {
    let rows = Tensor::<2>::random([config.features, config.input], Distribution::Normal(0.0, 1.0), device);
    let rows = rows.clone() / rows.powi_scalar(2).sum_dim(1).sqrt();
    let mut named = BTreeMap::from([
        ("w_enc".to_owned(), rows.clone().transpose().into_data()),
        ("w_dec".to_owned(), rows.into_data()),
        ("b_enc".to_owned(), TensorData::zeros::<f32, _>([config.features])),
        ("b_dec".to_owned(), TensorData::zeros::<f32, _>([config.input])),
    ]);
    let sae = weights::apply(DictionarySae::new(config, device), &mut named, device).expect("names and shapes fit");
    assert!(named.is_empty());
    sae
}

#[test]
fn an_edit_by_rows_is_the_reconstruction_of_edited_activations() {
    let device = Device::flex();
    device.seed(11);
    let tokens = Tensor::<2>::random([5, 8], Distribution::Normal(1.5, 4.0), &device);
    for normalisation in [TokenNormalisation::None, TokenNormalisation::ConstantNorm, TokenNormalisation::LayerNorm] {
        let config = DictionarySaeConfig { normalisation, ..config(8, 20, DictionaryActivation::Relu) };
        let sae = tied(&config, &device);
        let before = sae.activations(tokens.clone());
        let step = Tensor::<2>::random([5, 20], Distribution::Uniform(0.0, 2.0), &device);
        let expected = sae.reconstruct(before.clone() + step.clone(), &tokens);
        let mut moved = step.matmul(sae.rows());
        if let Some(scale) = sae.row_scale(&tokens) {
            moved = moved * scale;
        }
        let error = (sae.reconstruct(before, &tokens) + moved - expected).abs().max().into_scalar::<f32>();
        assert!(error < 1e-4, "{normalisation:?}: {error}");
        assert_eq!(sae.row_scale(&tokens).is_none(), normalisation == TokenNormalisation::None);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let top = |k| DictionaryActivation::TopK { k, relu_first: false };
    for (bad, word) in [
        (config(0, 4, DictionaryActivation::Relu), "makes no sense"),
        (config(usize::MAX, 4, DictionaryActivation::Relu), "makes no sense"),
        (config(1 << 20, 1 << 20, DictionaryActivation::Relu), "too large"),
        (config(4, 8, top(9)), "k = 9"),
        (config(4, 8, top(0)), "k = 0"),
        (
            DictionarySaeConfig {
                normalisation: TokenNormalisation::LayerNorm,
                ..config(1, 8, DictionaryActivation::Relu)
            },
            "at least two",
        ),
    ] {
        let reason = bad.check().expect_err(word);
        assert!(reason.contains(word), "{reason}");
    }
    assert_eq!(config(4, 8, top(8)).check(), Ok(()));
}

#[test]
fn a_transposed_matrix_shows_and_is_named() {
    let device = Device::flex();
    device.seed(5);
    let config = config(24, 24, DictionaryActivation::Relu);
    // Orthonormal rows would be met by ReLU only half; positive tokens in their own span are met exactly.
    let mut sae = tied(&config, &device);
    let identity = Tensor::<2>::eye(24, &device);
    let shear = identity.clone() + Tensor::<2>::random([24, 24], Distribution::Uniform(-1.0, 1.0), &device).triu(1);
    sae.w_dec = Param::from_tensor(shear.clone());
    sae.w_enc = Param::from_tensor(inverse_of_unit_triangle(&shear));
    let codes = Tensor::<2>::random([40, 24], Distribution::Uniform(0.0, 1.0), &device);
    let tokens = codes.matmul(shear);
    let good = check_on(&sae, &tokens).expect("the CPU computes");
    assert!(good.explained_variance.expect("they vary") > 0.999, "{good:?}");
    assert!(good.warning.expect("every feature fires").contains("% of all features are active"));
    sae.w_dec = Param::from_tensor(sae.w_dec.val().transpose());
    let bad = check_on(&sae, &tokens).expect("the CPU computes");
    let warning = bad.warning.expect("it is bad");
    assert!(warning.contains("a transposed matrix or a wrong activation shows there"), "{warning}");
    assert!(warning.contains("with W_dec transposed it explains 100 %"), "{warning}");
}

/// Inverse of an upper triangle with ones on its diagonal, by back substitution.
fn inverse_of_unit_triangle(matrix: &Tensor<2>) -> Tensor<2> {
    let [size, _] = matrix.dims();
    let strict = matrix.clone() - Tensor::eye(size, &matrix.device());
    let mut inverse = Tensor::<2>::eye(size, &matrix.device());
    for _ in 0..size {
        inverse = Tensor::<2>::eye(size, &matrix.device()) - strict.clone().matmul(inverse);
    }
    inverse
}

#[test]
fn a_topk_sae_read_as_relu_is_warned_of() {
    // SAELens issue 553: the same tensors with another activation. Tokens are four of 256 directions each.
    let device = Device::flex();
    device.seed(9);
    let (directions, k) = (256, 4);
    let mut config = config(64, directions, DictionaryActivation::TopK { k, relu_first: false });
    config.expected_active = Some(k as f32);
    let mut sae = tied(&config, &device);
    let mut codes = vec![0.0_f32; 200 * directions];
    for (token, row) in codes.chunks_exact_mut(directions).enumerate() {
        (0..k).for_each(|part| row[(token * 37 + part * 71) % directions] = 2.0 + part as f32);
    }
    let codes = Tensor::<2>::from_data(TensorData::new(codes, [200, directions]), &device);
    let tokens = codes.matmul(sae.rows());
    let right = check_on(&sae, &tokens).expect("the CPU computes");
    assert_eq!((right.l0, right.warning.as_deref()), (4.0, None), "{right:?}");
    assert!(right.explained_variance.expect("they vary") > 0.7, "{right:?}");
    sae.config.activation = DictionaryActivation::Relu;
    let wrong = check_on(&sae, &tokens).expect("the CPU computes");
    let warning = wrong.warning.expect("it is wrong");
    assert!(warning.contains("less than nothing") && warning.contains("a wrong activation shows there"), "{warning}");
    assert!(warning.contains("the SAE was trained for 4"), "{warning}");
}

#[test]
fn odd_numbers_of_active_features_are_told() {
    let device = Device::flex();
    device.seed(6);
    let tokens = Tensor::<2>::random([32, 16], Distribution::Normal(0.0, 1.0), &device);
    let expecting = |expected_active| {
        let config = DictionarySaeConfig { expected_active, ..config(16, 64, DictionaryActivation::Relu) };
        check_on(&tied(&config, &device), &tokens).expect("the CPU computes")
    };
    let plain = expecting(Some(4.0));
    assert!((20.0..44.0).contains(&plain.l0) && plain.dead_share == 0.0, "{plain:?}");
    assert!(plain.warning.expect("far from 4").contains("the SAE was trained for 4"));
    assert!(!expecting(Some(30.0)).warning.unwrap_or_default().contains("trained for"));

    let mut quiet = tied(&config(16, 64, DictionaryActivation::Relu), &device);
    quiet.b_enc = Param::from_tensor(Tensor::full([64], -1e3, &device));
    let quiet = check_on(&quiet, &tokens).expect("the CPU computes");
    assert_eq!((quiet.l0, quiet.dead_share), (0.0, 1.0));
    assert!(quiet.warning.expect("nothing fires").contains("hardly any feature is active"));
}

#[test]
fn a_check_needs_fitting_tokens() {
    let device = Device::flex();
    let sae = tied(&config(4, 8, DictionaryActivation::Relu), &device);
    assert!(check_on(&sae, &Tensor::zeros([3, 5], &device)).expect_err("size").contains("5 numbers"));
    let single = check_on(&sae, &Tensor::ones([1, 4], &device)).expect("one token will do");
    assert_eq!(single.explained_variance, None);
    let broken = Tensor::full([2, 4], f32::NAN, &device);
    assert!(check_on(&sae, &broken).expect_err("no numbers").contains("none at all"));
}
