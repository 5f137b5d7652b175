//! SAIL (pwesp/sail): a Lightning `.ckpt` of a Matryoshka SAE.
//!
//! At inference `relu((x - bias) encoder^T + b - threshold)`: the threshold is subtracted, unlike in other BatchTopK
//! SAEs, which only compare with it; so it is part of the bias here. It is the mean that training kept as a sum and a
//! count. Without `decoder.weight` the decoder is the encoder's transpose. Sources: `src/matryoshka_sae.py`
//! (`threshold_activation`, `calculate_threshold`), `scripts/compute_sparse_feature_activations.py`.

use serde_json::Value;

use super::config::Config;
use super::parts::{Kind, Layout, Parts, Source};
use super::{Hook, ImportedSae, SaeFormat};
use crate::models::dictionary::{DictionaryActivation, TokenNormalisation};
use crate::models::weights::Weights;

/// What the Lightning module puts before the SAE's own names.
const PREFIX: &str = "model.";

fn plain(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

pub(super) fn recognise(tensors: &Weights) -> bool {
    let has = |wanted: &str| tensors.keys().any(|name| plain(name) == wanted);
    has("inference_threshold") && has("encoder.weight")
}

pub(super) fn import(tensors: Weights, config: Option<&Value>) -> Result<ImportedSae, String> {
    let (config, mut notes) = (Config::new(config), Vec::new());
    let mut source = Source::new(tensors.into_iter().map(|(name, data)| (plain(&name).to_owned(), data)).collect());
    let [input, features] = source.sizes("encoder.weight", Layout::OutIn)?;
    let encoder = source.matrix("encoder.weight", Layout::OutIn, [input, features])?;
    let decoder = if source.has("decoder.weight") {
        source.matrix("decoder.weight", Layout::OutIn, [features, input])?
    } else {
        transposed(&encoder, features)
    };
    let mut parts = Parts {
        input,
        features,
        encoder,
        encoder_bias: source.vector("encoder.bias", features)?,
        decoder,
        decoder_bias: source.vector("bias", input)?,
        threshold: None,
        magnitude: None,
    };
    config.agrees("input_dim", input)?;
    let threshold = threshold(&mut source)?;
    parts.encoder_bias.iter_mut().for_each(|bias| *bias -= threshold);
    source.finish()?;
    let last = |key: &str| config.get(key).and_then(Value::as_array).and_then(|list| list.last()?.as_f64());
    if let Some(said) = last("dictionary_sizes").filter(|&said| said != features as f64) {
        return Err(format!(
            "the file says that its largest dictionary has {said} features, the tensors have {features}"
        ));
    }
    let kind = Kind {
        activation: DictionaryActivation::Relu,
        subtract_decoder_bias: true,
        normalisation: TokenNormalisation::None,
        expected_active: last("k_values").map(|k| k as f32),
    };
    let (config, weights) = parts.finish(kind, &mut notes)?;
    Ok(ImportedSae { format: SaeFormat::Sail, config, weights, hook: Hook::default(), notes })
}

fn threshold(source: &mut Source) -> Result<f32, String> {
    let (sum, count) = (source.scalar("_threshold_sum")?, source.scalar("_threshold_count")?);
    let running = source.scalar("inference_threshold")?;
    match (sum, count) {
        (Some(sum), Some(count)) if count > 0.0 => Ok(sum / count),
        // Given by hand, as the library's constructor allows.
        _ => running.filter(|&threshold| threshold > 0.0).ok_or_else(|| {
            "this SAE has no threshold yet: training stopped before it was estimated, so it is not known which \
             features fire"
                .to_owned()
        }),
    }
}

/// `[d, m]` to `[m, d]`.
fn transposed(encoder: &[f32], features: usize) -> Vec<f32> {
    let rows = (0..features).flat_map(|feature| encoder.iter().skip(feature).step_by(features.max(1)).copied());
    rows.collect()
}
