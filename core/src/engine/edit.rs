//! Edits: feature overrides and steps along findings, turned into a changed latent.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::{Analysis, Engine, IntoFloats};
use crate::error::{Error, Result};

/// A set of overrides on one film. Maps are ordered, so the same set always sums in the same order and the order in
/// which it was made leaves no trace in the picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// New film activation (maximum over tokens) by feature index. A value equal to the film's own is no edit.
    #[serde(default)]
    pub features: BTreeMap<usize, f32>,
    /// Step along a label's gradient by label index, in percent of the latent's length.
    #[serde(default)]
    pub findings: BTreeMap<usize, f32>,
    /// Replace the latent by the SAE's reconstruction of it before editing; the residual is kept otherwise.
    #[serde(default)]
    pub drop_residual: bool,
}

impl Edit {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.features.is_empty() && self.findings.is_empty() && !self.drop_residual
    }

    /// Without the entries that change nothing on this film.
    #[must_use]
    pub fn effective(&self, analysis: &Analysis) -> Self {
        let mut edit = self.clone();
        edit.features.retain(|&feature, value| analysis.activations.get(feature).is_none_or(|own| own != value));
        edit.findings.retain(|_, step| *step != 0.0);
        edit
    }
}

/// One feature's change, as it was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureChange {
    /// Feature.
    pub index: usize,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// Film activation before.
    pub from: f32,
    /// Film activation asked for.
    pub to: f32,
}

/// Reads `FEATURE=VALUE`: the value absolute, or relative as `x0.5` (times), `+2`, `-2` (plus, minus).
///
/// # Errors
/// When there is no `=`, or the value is no number.
pub fn parse_setting(text: &str) -> Result<(&str, Setting)> {
    let bad = || Error::Invalid(format!("\"{text}\" is not FEATURE=VALUE; examples: 41=2.5, 41=x0, 41=+2"));
    let (feature, value) = text.rsplit_once('=').ok_or_else(bad)?;
    let number = |digits: &str| digits.parse::<f32>().ok().filter(|v| v.is_finite()).ok_or_else(bad);
    let setting = if let Some(factor) = value.strip_prefix('x') {
        Setting::Times(number(factor)?)
    } else if value.starts_with(['+', '-']) {
        Setting::Plus(number(value)?)
    } else {
        Setting::To(number(value)?)
    };
    Ok((feature.trim(), setting))
}

/// A new activation, absolute or relative to the film's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// This value.
    To(f32),
    /// The film's value times this.
    Times(f32),
    /// The film's value plus this.
    Plus(f32),
}

impl Setting {
    /// The activation that it means on a film whose own is `current`; never below zero.
    #[must_use]
    pub fn resolve(self, current: f32) -> f32 {
        match self {
            Self::To(value) => value,
            Self::Times(factor) => current * factor,
            Self::Plus(step) => current + step,
        }
        .max(0.0)
    }
}

impl Engine {
    /// The changes that an edit means on a film, for reports.
    #[must_use]
    pub fn feature_changes(&self, analysis: &Analysis, edit: &Edit) -> Vec<FeatureChange> {
        let features = self.bundle.manifest.sae.as_ref().map(|sae| sae.features.as_slice()).unwrap_or_default();
        edit.features
            .iter()
            .filter_map(|(&index, &to)| {
                let from = *analysis.activations.get(index)?;
                Some(FeatureChange { index, label: features.get(index).and_then(|f| f.label.clone()), from, to })
            })
            .collect()
    }

    /// Refuses features and findings that do not exist, and values that mean nothing.
    pub(crate) fn check_edit(&self, edit: &Edit) -> Result<()> {
        let features = self.feature_count();
        if features == 0 && (!edit.features.is_empty() || edit.drop_residual) {
            return Err(self.bundle.missing("SAE", "a feature edit"));
        }
        if self.bundle.sae_encoder.is_some() && (!edit.features.is_empty() || edit.drop_residual) {
            let part = "decoder for the latent that its SAE reads (fluoro train decoder fits one)";
            return Err(self.bundle.missing(part, "a feature edit"));
        }
        if let Some((feature, value)) =
            edit.features.iter().find(|&(&f, &v)| f >= features || !v.is_finite() || v < 0.0)
        {
            return Err(Error::Invalid(format!("feature {feature} = {value} is not an activation of this bundle")));
        }
        if let Some((feature, _)) = edit.features.iter().find(|&(&f, &v)| v != 0.0 && self.bundle.is_suppressed(f)) {
            return Err(Error::Invalid(format!(
                "feature {feature} is suppressed in bundle \"{}\": no prediction may rest on it",
                self.bundle.manifest.name
            )));
        }
        let labels = self.bundle.labels().count();
        match edit.findings.iter().find(|&(&label, &step)| label >= labels || !step.is_finite()) {
            Some((label, step)) => {
                Err(Error::Invalid(format!("label number {label} by {step} % is no step of this bundle")))
            }
            None => Ok(()),
        }
    }

    /// The tokens `[1, n, d]` after an edit that [`Engine::check_edit`] lets pass.
    pub(crate) fn edited_latent(&self, analysis: &Analysis, edit: &Edit) -> Result<Tensor<3>> {
        let mut latent = self.latent(analysis)?.clone();
        let [_, tokens, dim] = latent.dims();
        if edit.drop_residual {
            let sae = self.bundle.sae.as_ref().ok_or(self.bundle.missing("SAE", "dropping the residual"))?;
            let features = self.feature_count();
            let data = TensorData::new(analysis.token_activations.clone(), [tokens, features]);
            let activations = Tensor::from_data(data, self.device.tensor_device());
            let read = self.read_tokens(analysis)?.reshape([tokens, dim]);
            latent = sae.reconstruct(activations, &read).reshape([1, tokens, dim]);
        }
        if !edit.features.is_empty() {
            latent = latent + self.feature_step(analysis, &edit.features, tokens)?;
        }
        for (&label, &percent) in &edit.findings {
            let direction = self.finding_direction(analysis, label)?;
            latent = latent + direction.mul_scalar(percent);
        }
        Ok(latent)
    }

    /// Sum over features of (new - old activation) x decoder row, `[1, n, d]`.
    fn feature_step(&self, analysis: &Analysis, values: &BTreeMap<usize, f32>, tokens: usize) -> Result<Tensor<3>> {
        let sae = self.bundle.sae.as_ref().ok_or(self.bundle.missing("SAE", "a feature edit"))?;
        let mut steps = Vec::with_capacity(values.len() * tokens);
        for (&feature, &value) in values {
            steps.extend(self.token_steps(analysis, feature, value, tokens));
        }
        let device = self.device.tensor_device();
        let indices: Vec<i64> = values.keys().map(|&f| f as i64).collect();
        let chosen = indices.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [chosen]), device);
        let rows = sae.rows().select(0, indices); // [k, d]
        let steps = Tensor::<2>::from_data(TensorData::new(steps, [chosen, tokens]), device);
        let step = steps.transpose().matmul(rows);
        // An SAE that normalises tokens moves each of them by its own measure.
        let [_, _, dim] = self.latent(analysis)?.dims();
        let read = self.read_tokens(analysis)?.reshape([tokens, dim]);
        let step = match sae.row_scale(&read) {
            Some(scale) => step * scale,
            None => step,
        };
        Ok(step.unsqueeze::<3>())
    }

    /// The tokens `[1, n, d]` that the SAE read.
    fn read_tokens(&self, analysis: &Analysis) -> Result<Tensor<3>> {
        analysis.read.as_ref().map_or_else(|| self.latent(analysis), Ok).cloned()
    }

    /// How much a feature's activation changes at every token when its film activation becomes `value`: where it fires,
    /// its map is scaled; where the film has none of it, it takes its typical place.
    fn token_steps(&self, analysis: &Analysis, feature: usize, value: f32, tokens: usize) -> Vec<f32> {
        let count = self.feature_count();
        let own = analysis.activations[feature];
        if own > 0.0 {
            let factor = (value - own) / own;
            return (0..tokens).map(|n| analysis.token_activations[n * count + feature] * factor).collect();
        }
        let typical = &self.bundle.statistics.typical_maps;
        match typical.get(feature * tokens..(feature + 1) * tokens) {
            Some(map) if map.iter().any(|&v| v > 0.0) => map.iter().map(|&v| v * value).collect(),
            _ => vec![value; tokens],
        }
    }

    /// Lambda of a shift along a label's gradient that moves the latent by `percent` of its length: what a slider of that
    /// finding does at `percent`. Where a score is saturated its gradient is small, and lambda large.
    ///
    /// # Errors
    /// When the label or a part does not exist, the device fails, or the score does not depend on the latent at all.
    pub fn finding_lambda(&self, analysis: &Analysis, label: usize, percent: f32) -> Result<f32> {
        let gradient = self.score_gradient(analysis, label)?;
        let length = |t: Tensor<3>| t.powi_scalar(2).sum().sqrt();
        let latent = self.read(length(self.latent(analysis)?.clone()).into_floats())?[0];
        let slope = self.read(length(gradient).into_floats())?[0];
        let lambda = percent * latent / slope / 100.0;
        if lambda.is_finite() {
            Ok(lambda)
        } else {
            Err(Error::Invalid("the score does not depend on the latent here: its gradient is zero".into()))
        }
    }

    /// Gradient of a label's score at the film's latent, scaled to one percent of the latent's length, `[1, n, d]`; the
    /// gradient itself where it is zero.
    fn finding_direction(&self, analysis: &Analysis, label: usize) -> Result<Tensor<3>> {
        let gradient = self.score_gradient(analysis, label)?;
        Ok(match self.finding_lambda(analysis, label, 1.0) {
            Ok(lambda) => gradient.mul_scalar(lambda),
            Err(Error::Invalid(_)) => gradient,
            Err(error) => return Err(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::BundleSource;
    use crate::device::ComputeDevice;
    use crate::samples;

    #[test]
    fn the_steps_of_two_features_add_up() {
        let engine = Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu())
            .expect("the embedded bundle opens");
        let film = samples::open(samples::names().next().expect("a sample")).expect("the sample opens");
        let analysis = engine.analyze(&film).expect("the sample is analysed");
        let [a, b] = engine.top_features(&analysis, 2)[..] else { panic!("two features fire") };
        let silent = analysis.activations.iter().position(|&v| v == 0.0).expect("one is silent");
        let step = |features: &[(usize, f32)]| {
            let edit = Edit { features: features.iter().copied().collect(), ..Edit::default() };
            let moved = engine.edited_latent(&analysis, &edit).expect("the edit is valid")
                - engine.latent(&analysis).expect("the bundle has an encoder").clone();
            moved.into_floats().expect("the CPU computes")
        };
        for (first, second) in [((a, 0.0), (b, 3.0)), ((a, 9.0), (silent, 1.5))] {
            let (one, other, both) = (step(&[first]), step(&[second]), step(&[first, second]));
            let size = both.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let off = one.iter().zip(&other).zip(&both).fold(0.0_f32, |m, ((x, y), z)| m.max((x + y - z).abs()));
            assert!(size > 0.1 && off < 1e-4 * size.max(1.0), "{first:?} {second:?}: off by {off} of {size}");
        }
    }

    #[test]
    fn settings_are_absolute_or_relative() {
        for (text, current, expected) in [
            ("41=2.5", 1.0, ("41", 2.5)),
            ("41=x0", 3.0, ("41", 0.0)),
            ("heart size=x2", 3.0, ("heart size", 6.0)),
            ("a=b=+2", 1.0, ("a=b", 3.0)),
            ("7=-2", 1.0, ("7", 0.0)),
        ] {
            let (feature, setting) = parse_setting(text).expect(text);
            assert_eq!((feature, setting.resolve(current)), expected, "{text}");
        }
        for text in ["41", "41=", "41=x", "41=NaN", "41=one"] {
            assert!(parse_setting(text).is_err(), "{text}");
        }
    }
}
