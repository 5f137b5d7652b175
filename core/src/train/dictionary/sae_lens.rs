//! A dictionary as SAELens 6 saves it: `cfg.json` and `sae_weights.safetensors`.
//!
//! Names and keys after `sae_lens` 6.54 (`saes/sae.py` `SAEConfig`, `saes/{standard,gated,topk,jumprelu}_sae.py`). BatchTopK
//! and Matryoshka dictionaries are JumpReLU ones at inference, there as here.

use std::path::Path;

use burn::tensor::TensorData;
use serde_json::json;

use super::files;
use crate::error::{Error, Result};
use crate::export::atomic::write_folder_atomic;
use crate::models::dictionary::{DictionaryActivation, DictionarySaeConfig, TokenNormalisation};
use crate::models::weights::Weights;

const CONFIG: &str = "cfg.json";
const WEIGHTS: &str = "sae_weights.safetensors";

/// Writes a dictionary into the new or empty folder `folder`. `model` and `layer` say whose latents it reads, for the
/// file's metadata.
///
/// # Errors
/// When a tensor is missing, the dictionary normalises tokens (SAELens undoes that in another way), or the folder cannot
/// be written.
pub fn save_sae_lens(
    folder: &Path,
    config: &DictionarySaeConfig,
    weights: &Weights,
    model: &str,
    layer: &str,
) -> Result<()> {
    if config.normalisation != TokenNormalisation::None {
        return Err(Error::Invalid("a dictionary that normalises every token cannot be written for SAELens".into()));
    }
    // Ours, theirs.
    let (architecture, names): (_, &[(&str, &str)]) = match config.activation {
        DictionaryActivation::Relu => ("standard", &[("b_enc", "b_enc")]),
        DictionaryActivation::TopK { .. } => ("topk", &[("b_enc", "b_enc")]),
        DictionaryActivation::JumpRelu => ("jumprelu", &[("b_enc", "b_enc"), ("threshold", "threshold")]),
        DictionaryActivation::Gated => ("gated", &[("b_enc", "b_gate"), ("b_mag", "b_mag"), ("r_mag", "r_mag")]),
    };
    let shared = [("w_enc", "W_enc"), ("w_dec", "W_dec"), ("b_dec", "b_dec")];
    let mut tensors = Vec::new();
    for (ours, theirs) in shared.iter().chain(names) {
        let data: &TensorData =
            weights.get(*ours).ok_or_else(|| Error::Invalid(format!("the dictionary has no tensor {ours}")))?;
        let values = data.as_slice::<f32>().map_err(|e| Error::Invalid(format!("tensor {ours} ({e})")))?;
        tensors.push(((*theirs).to_owned(), data.shape().to_vec(), values));
    }
    let mut text = json!({
        "architecture": architecture,
        "d_in": config.input,
        "d_sae": config.features,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": config.subtract_decoder_bias,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "model_name": model,
            "hook_name": layer,
            "sae_lens_version": "6.54.12",
            "sae_lens_training_version": null,
            "written_by": concat!("fluoro ", env!("CARGO_PKG_VERSION")),
        },
    });
    if let DictionaryActivation::TopK { k, .. } = config.activation {
        text["k"] = json!(k);
        text["rescale_acts_by_decoder_norm"] = json!(false);
    }
    let text = format!("{text:#}\n");
    write_folder_atomic(folder, |inside| {
        files::write(&inside.join(WEIGHTS), &tensors)?;
        let path = inside.join(CONFIG);
        std::fs::write(&path, &text).map_err(|e| Error::write(&path, &e))
    })
}
