//! Folding against arithmetic, and one clear reason for each way in which a file can be wrong. What the libraries
//! themselves compute is in `tests/tests/sae.rs`.

use burn::prelude::*;
use burn::tensor::TensorData;
use serde_json::{Value, json};

use super::*;
use crate::models::SparseAutoencoder;
use crate::models::dictionary::DictionarySae;
use crate::models::weights;
use crate::torch::TorchFile;

const D: usize = 4;
const M: usize = 6;

/// Numbers that are all different and of both signs.
fn tensor(shape: &[usize]) -> TensorData {
    let count: usize = shape.iter().product();
    TensorData::new((0..count).map(|i| ((i * 37 + 11) % 23) as f32 / 10.0 - 1.1).collect(), shape.to_vec())
}

fn named(shapes: &[(&str, &[usize])]) -> Weights {
    shapes.iter().map(|(name, shape)| ((*name).to_owned(), tensor(shape))).collect()
}

fn matrices() -> Weights {
    named(&[("W_enc", &[D, M]), ("W_dec", &[M, D]), ("b_enc", &[M]), ("b_dec", &[D])])
}

fn gated() -> Weights {
    named(&[
        ("W_enc", &[D, M]),
        ("W_dec", &[M, D]),
        ("b_gate", &[M]),
        ("r_mag", &[M]),
        ("b_mag", &[M]),
        ("b_dec", &[D]),
    ])
}

fn linear(more: &[(&str, &[usize])]) -> Weights {
    let mut weights = named(&[("encoder.weight", &[M, D]), ("encoder.bias", &[M]), ("decoder.weight", &[D, M])]);
    weights.extend(named(more));
    weights
}

fn openai() -> Weights {
    named(&[("pre_bias", &[D]), ("encoder.weight", &[M, D]), ("latent_bias", &[M]), ("decoder.weight", &[D, M])])
}

fn with(mut weights: Weights, name: &str, data: TensorData) -> Weights {
    weights.insert(name.to_owned(), data);
    weights
}

fn without(mut weights: Weights, name: &str) -> Weights {
    weights.remove(name).expect("it was there");
    weights
}

fn number(value: f32) -> TensorData {
    TensorData::new(vec![value], Vec::<usize>::new())
}

fn saelens(more: Value) -> Value {
    let mut config = json!({
        "architecture": "standard", "d_in": D, "d_sae": M, "apply_b_dec_to_input": true,
        "normalize_activations": "none",
        "metadata": {"sae_lens_version": "6.54.12", "hook_name": "blocks.9.hook_resid_post"},
    });
    config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    config
}

fn trainer(class: &str, k: Option<usize>) -> Value {
    json!({"trainer": {"dict_class": class, "k": k, "activation_dim": D, "dict_size": M}})
}

/// The one line that an importer refuses with.
fn refusal(weights: Weights, config: Option<Value>) -> String {
    let reason = import(weights, config.as_ref()).map(|sae| sae.config).expect_err("it must be refused");
    assert!(!reason.contains('\n') && reason.len() < 400, "{reason}");
    reason
}

fn filled(imported: &ImportedSae) -> DictionarySae {
    let device = Device::flex();
    let mut weights = imported.weights.clone();
    weights::apply(DictionarySae::new(&imported.config, &device), &mut weights, &device).expect("names and shapes fit")
}

#[test]
fn every_wrong_saelens_file_gets_its_reason() {
    let nan = TensorData::new(vec![0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0], [M]);
    for (weights, more, words) in [
        (without(matrices(), "W_dec"), json!({}), "tensor \"W_dec\" is missing"),
        (without(matrices(), "b_enc"), json!({}), "tensor \"b_enc\" is missing"),
        (with(matrices(), "b_dec", tensor(&[M])), json!({}), "\"b_dec\" has shape [6], the model needs [4]"),
        (with(matrices(), "W_enc", tensor(&[D * M])), json!({}), "the encoder of an SAE is a matrix"),
        (with(matrices(), "W_dec", tensor(&[D, M])), json!({}), "\"W_dec\" lies the other way round"),
        (with(matrices(), "b_enc", nan), json!({}), "b_enc holds NaN (number 1)"),
        (with(matrices(), "W_skip", tensor(&[D, D])), json!({}), "does not use: W_skip"),
        (
            named(&[("W_enc", &[0, M]), ("W_dec", &[M, 0]), ("b_enc", &[M]), ("b_dec", &[0])]),
            json!({"d_in": 0}),
            "0 inputs and 6 features makes no sense",
        ),
        (matrices(), json!({"d_sae": 7}), "the config says d_sae = 7, but the tensors have 6"),
        (matrices(), json!({"d_in": "four"}), "d_in must be a whole number, it is \"four\""),
        (matrices(), json!({"architecture": "jumprelu"}), "tensor \"threshold\" is missing"),
        (matrices(), json!({"architecture": "transcoder"}), "architecture \"transcoder\" is no sparse autoencoder"),
        (matrices(), json!({"architecture": "temporal"}), "architecture \"temporal\" is no sparse autoencoder"),
        (matrices(), json!({"architecture": null}), "names no architecture"),
        (matrices(), json!({"architecture": "topk"}), "names no k"),
        (matrices(), json!({"architecture": "topk", "k": 7}), "k = 7 active features of 6 cannot be"),
        (matrices(), json!({"architecture": "topk", "k": 0}), "k = 0"),
        (matrices(), json!({"architecture": "topk", "k": 2.5}), "k must be a whole number, it is 2.5"),
        (matrices(), json!({"architecture": "topk", "k": -1}), "k must be a whole number, it is -1"),
        (matrices(), json!({"architecture": "batchtopk", "k": 2}), "\"topk_threshold\" is missing"),
        (matrices(), json!({"activation_fn_str": "tanh-relu"}), "activation \"tanh-relu\""),
        (matrices(), json!({"activation_fn_str": "topk"}), "names no k"),
        (
            gated(),
            json!({"architecture": "gated", "activation_fn": "topk", "k": 2}),
            "activation \"topk\" of a gated SAE",
        ),
        (
            matrices(),
            json!({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 2, "postact_fn": "x"}}),
            "has postact_fn, which is not known",
        ),
        (matrices(), json!({"normalize_activations": "expected_average_only_in"}), "has no norm_scaling_factor"),
        (matrices(), json!({"normalize_activations": true}), "has no norm_scaling_factor"),
        (
            matrices(),
            json!({"normalize_activations": "expected_average_only_in", "norm_scaling_factor": 0}),
            "it must be above 0",
        ),
        (matrices(), json!({"normalize_activations": "covariance_whitening"}), "matrices are not in this file"),
        (matrices(), json!({"normalize_activations": "softmax"}), "normalize_activations \"softmax\" is not known"),
        (matrices(), json!({"reshape_activations": "hook_z"}), "heads of an attention layer"),
        (matrices(), json!({"metadata": {"hook_name": "blocks.3.attn.hook_z"}}), "heads of an attention layer"),
        (matrices(), json!({"hook_head_index": 2}), "heads of an attention layer"),
        (with(matrices(), "scaling_factor", tensor(&[M])), json!({}), "finetuning_scaling_factor is false"),
    ] {
        let reason = refusal(weights, Some(saelens(more)));
        assert!(reason.contains(words), "\"{words}\" is not in: {reason}");
    }
    let reason = refusal(matrices(), None);
    assert!(reason.contains("put the library's cfg.json or config.json beside them"), "{reason}");
}

#[test]
fn every_other_wrong_file_gets_its_reason() {
    let topk = |threshold| {
        let weights = with(linear(&[("b_dec", &[D])]), "k", number(2.0));
        with(weights, "threshold", number(threshold))
    };
    let matryoshka = |groups: [f32; 2]| {
        let weights = with(with(matrices(), "k", number(2.0)), "threshold", number(0.5));
        with(weights, "group_sizes", TensorData::new(groups.to_vec(), [2]))
    };
    let sparsify =
        || named(&[("encoder.weight", &[M, D]), ("encoder.bias", &[M]), ("W_dec", &[M, D]), ("b_dec", &[D])]);
    let sail = |sum: f32, count: f32| {
        let names = [("model.encoder.weight", &[M, D][..]), ("model.encoder.bias", &[M]), ("model.bias", &[D])];
        let weights = with(named(&names), "model._threshold_sum", number(sum));
        with(with(weights, "model._threshold_count", number(count)), "model.inference_threshold", number(0.0))
    };
    let prisma = |more: Value| {
        let mut config = json!({"cls_token_only": true, "d_in": D, "normalize_activations": "none"});
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Some(config)
    };
    for (weights, config, words) in [
        (topk(0.5), Some(trainer("AutoEncoderTopK", Some(3))), "config.json says k = 3, the file 2"),
        (without(topk(0.5), "k"), Some(trainer("AutoEncoderTopK", None)), "neither the file nor config.json names k"),
        (topk(0.5), None, "AutoEncoderTopK and BatchTopKSAE have the same tensors"),
        (topk(-1.0), Some(trainer("BatchTopKSAE", Some(2))), "training never set it"),
        (topk(f32::NAN), Some(trainer("BatchTopKSAE", Some(2))), "training never set it"),
        (with(topk(0.5), "k", number(2.5)), Some(trainer("BatchTopKSAE", None)), "tensor \"k\" is 2.5, no count"),
        (with(topk(0.5), "k", tensor(&[2])), Some(trainer("BatchTopKSAE", None)), "\"k\" holds 2 numbers"),
        (without(topk(0.5), "threshold"), Some(trainer("BatchTopKSAE", None)), "\"threshold\" is missing"),
        (topk(0.5), Some(trainer("IdentityDict", None)), "class \"IdentityDict\" is not known"),
        (linear(&[("bias", &[D])]), Some(trainer("AutoEncoderNew", None)), "tensor \"decoder.bias\" is missing"),
        (matryoshka([2.0, 3.0]), None, "groups of this Matryoshka SAE have 5 features together, the tensors 6"),
        (sparsify(), None, "put Sparsify's cfg.json beside the file"),
        (sparsify(), Some(json!({"k": 2, "transcode": true})), "this is a transcoder"),
        (sparsify(), Some(json!({"k": 2, "skip_connection": true})), "skip connection"),
        (sparsify(), Some(json!({"k": 2, "activation": "groupmax"})), "activation \"groupmax\" is not known"),
        (sparsify(), Some(json!({"k": 2, "expansion_factor": 2})), "expansion_factor = 2"),
        (sparsify(), Some(json!({"k": 2, "num_latents": 12})), "num_latents = 12"),
        (openai(), None, "does not say its activation"),
        (openai(), Some(json!({"activation": "GELU"})), "activation \"GELU\" is not known"),
        (openai(), Some(json!({"activation": "TopK"})), "names no k"),
        (
            openai(),
            Some(json!({"activation": "TopK", "activation_state_dict": {"k": 2, "postact_fn": "Identity"}})),
            "may be negative",
        ),
        (with(openai(), "std", tensor(&[D])), Some(json!({"k": 2})), "tensor \"mean\" is missing"),
        (
            with(with(openai(), "std", tensor(&[D])), "mean", tensor(&[D])),
            Some(json!({"k": 2})),
            "a standard deviation is above 0",
        ),
        (matrices(), prisma(json!({"is_transcoder": true})), "this is a transcoder"),
        (matrices(), prisma(json!({"architecture": "jumprelu"})), "Prisma architecture \"jumprelu\""),
        (matrices(), prisma(json!({"activation_fn_str": "tanh-relu"})), "activation \"tanh-relu\" of a standard"),
        (matrices(), prisma(json!({"activation_fn_str": "topk"})), "activation_fn_kwargs names no k"),
        (
            gated(),
            prisma(json!({"architecture": "gated", "activation_fn_str": "topk"})),
            "activation \"topk\" of a gated",
        ),
        (matrices(), prisma(json!({"normalize_activations": "softmax"})), "\"softmax\" is not known"),
        (
            matrices(),
            prisma(json!({
                "activation_fn_str": "topk",
                "activation_fn_kwargs": {"k": 2, "postact_fn": {"__class__": "torch.nn.modules.activation.GELU"}}
            })),
            "more than k and a ReLU",
        ),
        (matrices(), Some(json!({"gated_sae": true, "d_in": D})), "this PatchSAE is gated"),
        (sail(0.0, 0.0), None, "has no threshold yet"),
        (
            sail(9.0, 3.0),
            Some(json!({"dictionary_sizes": [2, 8]})),
            "largest dictionary has 8 features, the tensors have 6",
        ),
        (named(&[("dictionary._weights", &[M, D])]), None, "overcomplete"),
        (
            named(&[("fc.weight", &[M, D]), ("fc.bias", &[M])]),
            None,
            "writes these tensors: fc.bias, fc.weight; known are",
        ),
        (Weights::new(), None, "no tensors"),
    ] {
        let reason = refusal(weights, config);
        assert!(reason.contains(words), "\"{words}\" is not in: {reason}");
    }
}

#[test]
fn a_config_must_be_an_object_of_json() {
    assert!(parse_config("{\"k\": 1").expect_err("cut off").contains("no JSON"));
    assert!(parse_config("").expect_err("empty").contains("no JSON"));
    assert!(parse_config("[1, 2]").expect_err("a list").contains("no object"));
    assert_eq!(parse_config("\u{feff}{\"k\": 1}"), Ok(json!({"k": 1})));
}

#[test]
fn tokens_with_their_own_mean_and_deviation_are_standardised() {
    let (mean, std) = ([0.5_f32, -1.0, 2.0, 0.0], [2.0_f32, 0.5, 1.5, 4.0]);
    let config = json!({"k": 2});
    let plain = import(openai(), Some(&config)).expect("it is complete");
    let statistics = with(openai(), "mean", TensorData::from(mean));
    let folded = import(with(statistics, "std", TensorData::from(std)), Some(&config)).expect("it is complete");
    assert!(folded.notes.iter().any(|note| note.contains("standardised")));
    let device = Device::flex();
    let row = |values: [f32; D]| Tensor::<2>::from_data([values], &device);
    let tokens = Tensor::<2>::from_data([[1.0_f32, 0.2, -0.7, 3.0], [-2.0, 0.9, 1.4, -0.6]], &device);
    let inner = (tokens.clone() - row(mean)) / row(std);
    let (plain, folded) = (filled(&plain), filled(&folded));
    let (f, g) = (plain.activations(inner.clone()), folded.activations(tokens.clone()));
    let expected = plain.reconstruct(f.clone(), &inner) * row(std) + row(mean);
    let off = |a: Tensor<2>, b: Tensor<2>| (a - b).abs().max().into_scalar::<f32>();
    assert!(f.clone().max().into_scalar::<f32>() > 0.5);
    assert!(off(f, g.clone()) < 1e-5 && off(folded.reconstruct(g, &tokens), expected) < 1e-5);
}

#[test]
fn a_decoder_row_of_zeros_makes_its_feature_silent() {
    let mut rows = matrices()["W_dec"].try_to_vec::<f32>().expect("floats");
    rows[2 * D..3 * D].fill(0.0);
    let weights = with(matrices(), "W_dec", TensorData::new(rows, [M, D]));
    let config = saelens(json!({"architecture": "topk", "k": M, "rescale_acts_by_decoder_norm": true}));
    let sae = filled(&import(weights, Some(&config)).expect("finite"));
    let tokens = Tensor::<2>::from_data([[3.0_f32, -1.0, 2.0, 0.5], [-3.0, 1.0, -2.0, -0.5]], &Device::flex());
    let fired = sae.activations(tokens).max_dim(0).into_data().try_into_vec::<f32>().expect("floats");
    assert!((0..M).all(|feature| (fired[feature] > 0.0) == (feature != 2)), "{fired:?}");
}

#[test]
fn ones_as_scaling_factors_are_nothing() {
    let ones = TensorData::ones::<f32, _>([M]);
    let imported = import(with(matrices(), "scaling_factor", ones), Some(&saelens(json!({})))).expect("it is complete");
    assert_eq!(imported.weights["w_dec"], matrices()["W_dec"]);
    assert!(imported.notes.is_empty());
}

#[test]
fn hooks_name_their_layer() {
    for (name, layer) in [
        ("blocks.9.hook_resid_post", Some(9)),
        ("model.layers.15", Some(15)),
        ("resid_post_layer_12", Some(12)),
        ("hook_embed", None),
    ] {
        assert_eq!(saelens::layer_in(name), layer, "{name}");
    }
    // Legacy keys.
    let config = json!({
        "d_in": D, "d_sae": M, "hook_point": "blocks.4.hook_mlp_out", "activation_fn_str": "relu",
        "hook_point_head_index": null,
    });
    let hook = import(matrices(), Some(&config)).expect("a legacy config is complete").hook;
    assert_eq!((hook.name.as_deref(), hook.layer), (Some("blocks.4.hook_mlp_out"), Some(4)));
}

#[test]
fn plain_values_beside_tensors_become_json() {
    let parity = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/sae");
    let read = |name: &str| {
        let bytes = std::fs::read(parity.join(name)).expect("the file");
        config_of_torch_file(&TorchFile::read(&bytes).expect("a PyTorch file"))
    };
    // An object under "cfg", with lists, texts, null and names of torch's own things.
    let prisma = read("prisma_one_file/weights.pt").expect("a config");
    assert_eq!(prisma["__class__"], json!("vit_prisma.sae.config.VisionModelSAERunnerConfig"));
    assert_eq!(
        (&prisma["d_in"], &prisma["cls_token_only"], &prisma["vit_model_cfg"]),
        (&json!(16), &json!(true), &json!(null))
    );
    assert_eq!((&prisma["dtype"], &prisma["activation_fn_kwargs"]), (&json!("torch.float32"), &json!({})));
    // Plain values between the tensors themselves, of which those with one element are numbers.
    let topk = read("openai_topk/sae.pt").expect("a config");
    assert_eq!(topk, json!({"activation": "TopK", "activation_state_dict": {"k": 5, "postact_fn": "ReLU"}}));
    let ae = read("dl_batchtopk/ae.pt").expect("numbers");
    assert_eq!(ae["k"], json!(5.0));
    assert_eq!(ae.get("encoder.weight"), None);
    assert_eq!(read("sdxl_unbox/mean.pt"), None);
    let sail = read("sail_tied/last.ckpt").expect("hyper-parameters");
    assert_eq!(sail["dictionary_sizes"], json!([8, 20, 40]));
}
