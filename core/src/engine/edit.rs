//! Edits: feature overrides and steps along findings, turned into a changed latent.

use std::collections::BTreeMap;
use std::fmt;

use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use super::{Analysis, EditRegion, Engine, IntoFloats};
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
    /// Where a feature's override applies, by feature index; everywhere for a feature that is not in here. Tokens outside
    /// keep their activations. Without `features`' entry of the same index it means nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<usize, EditRegion>,
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
        let regions = &self.regions;
        edit.features.retain(|feature, value| {
            analysis.activations.get(*feature).is_none_or(|own| own != value)
                && regions.get(feature).is_none_or(|region| !region.is_empty())
        });
        edit.regions.retain(|feature, _| edit.features.contains_key(feature));
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
    /// Where; everywhere when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<EditRegion>,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Setting {
    /// This value.
    To(f32),
    /// The film's value times this.
    Times(f32),
    /// The film's value plus this.
    Plus(f32),
}

impl fmt::Display for Setting {
    /// As [`parse_setting`] reads it, with three digits at most.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = |value: f32| (value * 1000.0).round() / 1000.0;
        match self {
            Self::To(value) => write!(f, "{}", rounded(*value)),
            Self::Times(factor) => write!(f, "x{}", rounded(*factor)),
            Self::Plus(step) => write!(f, "{:+}", rounded(*step)),
        }
    }
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
                let label = features.get(index).and_then(|f| f.label.clone());
                Some(FeatureChange { index, label, from, to, region: edit.regions.get(&index).cloned() })
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
        for (feature, region) in &edit.regions {
            let grid = self.bundle.manifest.latent.positions(&self.bundle.manifest.name)?;
            if region.grid() != grid {
                let ([rows, columns], [own_rows, own_columns]) = (region.grid(), grid);
                return Err(Error::Invalid(format!(
                    "the region of feature {feature} has {rows} x {columns} cells; the latent of bundle \"{}\" has \
                     {own_rows} x {own_columns}",
                    self.bundle.manifest.name
                )));
            }
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
            let stepped = latent.clone() + self.feature_step(analysis, edit, tokens)?;
            latent = match self.touched(edit, tokens) {
                // Not even the sign of a zero changes outside the regions.
                Some(touched) => latent.mask_where(touched.expand([1, tokens, dim]), stepped),
                None => stepped,
            };
        }
        for (&label, &percent) in &edit.findings {
            let direction = self.finding_direction(analysis, label)?;
            latent = latent + direction.mul_scalar(percent);
        }
        Ok(latent)
    }

    /// Sum over features of (new - old activation) x decoder row, `[1, n, d]`.
    fn feature_step(&self, analysis: &Analysis, edit: &Edit, tokens: usize) -> Result<Tensor<3>> {
        let sae = self.bundle.sae.as_ref().ok_or(self.bundle.missing("SAE", "a feature edit"))?;
        let values = &edit.features;
        let mut steps = Vec::with_capacity(values.len() * tokens);
        for (&feature, &value) in values {
            let everywhere = self.token_steps(analysis, feature, value, tokens);
            steps.extend(match edit.regions.get(&feature) {
                Some(region) => self.within(analysis, feature, value, region, everywhere),
                None => everywhere,
            });
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

    /// The tokens that an edit may change, `[1, n, 1]`; none where it may change all.
    fn touched(&self, edit: &Edit, tokens: usize) -> Option<Tensor<3, Bool>> {
        if edit.features.keys().any(|feature| !edit.regions.contains_key(feature)) {
            return None;
        }
        let regions = || edit.features.keys().filter_map(|feature| edit.regions.get(feature));
        let touched: Vec<bool> = (0..tokens).map(|token| regions().any(|region| region.contains(token))).collect();
        let data = TensorData::new(touched, [1, tokens, 1]);
        Some(Tensor::from_data(data, self.device.tensor_device()))
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

    /// The steps of [`Self::token_steps`] inside a region and zero outside. Where the feature fires inside, its map there
    /// is scaled as without a region; where it is silent in all of the region, the region is the place that it takes.
    fn within(
        &self,
        analysis: &Analysis,
        feature: usize,
        value: f32,
        region: &EditRegion,
        everywhere: Vec<f32>,
    ) -> Vec<f32> {
        let count = self.feature_count();
        let fires = |token: usize| analysis.token_activations.get(token * count + feature).is_some_and(|&a| a > 0.0);
        let is_silent = !(0..everywhere.len()).any(|token| region.contains(token) && fires(token));
        let step = |(token, step): (usize, f32)| match (region.contains(token), is_silent) {
            (false, _) => 0.0,
            // What is silent cannot be lowered.
            (true, true) if value > analysis.activations.get(feature).copied().unwrap_or(0.0) => value,
            (true, true) => 0.0,
            (true, false) => step,
        };
        everywhere.into_iter().enumerate().map(step).collect()
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
    fn outside_its_region_an_edit_changes_no_bit_of_the_latent() {
        let engine = Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu())
            .expect("the embedded bundle opens");
        let film = samples::open(samples::names().next().expect("a sample")).expect("the sample opens");
        let analysis = engine.analyze(&film).expect("the sample is analysed");
        let fires = engine.top_features(&analysis, 1)[0];
        let silent = analysis.activations.iter().position(|&v| v == 0.0).expect("one is silent");
        let latent = |edit: &Edit| {
            engine.check_edit(edit).expect("the edit is valid");
            let latent = engine.edited_latent(&analysis, edit).expect("the edit is computed");
            latent.into_floats().expect("the CPU computes")
        };
        let own = latent(&Edit::default());
        let dim = own.len() / 49;
        let mut region = EditRegion::of_latent(engine.manifest()).expect("positions");
        region.paint([1.5, 2.5], 1.0, true);
        let mut all = region.clone();
        all.paint([3.5, 3.5], 9.0, true);
        assert_eq!((region.len(), all.len()), (5, 49));
        for (feature, value) in [(fires, 0.0), (fires, 3.0 * analysis.activations[fires]), (silent, 2.0)] {
            let features = BTreeMap::from([(feature, value)]);
            let within = |region: &EditRegion| {
                let regions = BTreeMap::from([(feature, region.clone())]);
                latent(&Edit { features: features.clone(), regions, ..Edit::default() })
            };
            let (painted, everywhere) = (within(&region), within(&all));
            let mut moved = 0;
            for token in 0..49 {
                let of = |values: &[f32]| {
                    values[token * dim..(token + 1) * dim].iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                };
                let expected = if region.contains(token) { of(&everywhere) } else { of(&own) };
                // A feature that fires in the region only through some tokens is scaled there; a silent one fills it.
                assert_eq!(of(&painted), expected, "feature {feature} = {value} at token {token}");
                moved += usize::from(of(&painted) != of(&own));
            }
            assert!(feature != silent || moved == 5, "a silent feature takes the region: {moved} tokens");
            if feature == fires {
                let plain = latent(&Edit { features, ..Edit::default() });
                assert_eq!(plain, everywhere, "a region that is everywhere is none");
            }
        }
    }

    #[test]
    fn the_picture_changes_under_the_region_and_little_elsewhere() {
        let engine = Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu())
            .expect("the embedded bundle opens");
        let film = samples::open(samples::names().next().expect("a sample")).expect("the sample opens");
        let analysis = engine.analyze(&film).expect("the sample is analysed");
        let feature = engine.top_features(&analysis, 1)[0];
        let mut region = EditRegion::of_latent(engine.manifest()).expect("positions");
        // The upper left 3 x 3 of 7 x 7 cells, 32 pixels each.
        for (x, y) in (0..3).flat_map(|x| (0..3).map(move |y| (x, y))) {
            region.paint([x as f32 + 0.5, y as f32 + 0.5], 0.0, true);
        }
        let features = BTreeMap::from([(feature, 4.0 * analysis.activations[feature])]);
        let edit = Edit { features, regions: BTreeMap::from([(feature, region)]), ..Edit::default() };
        let before = engine.edit(&analysis, &Edit::default()).expect("the reconstruction").pixels;
        let after = engine.edit(&analysis, &edit).expect("the edit").pixels;
        let (mut inside, mut near, mut far) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (a, b)) in after.data().iter().zip(before.data()).enumerate() {
            let cells = (i % 224).max(i / 224) as f32 / 32.0 - 3.0;
            let part = if cells < 0.0 {
                &mut inside
            } else if cells < 1.0 {
                &mut near
            } else {
                &mut far
            };
            part.push((a - b).abs());
        }
        let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
        let largest = far.iter().fold(0.0_f32, |m, &v| m.max(v));
        let measured = (mean(&inside), mean(&near), mean(&far), largest);
        println!("grey levels of 2048: inside, within a cell, farther, largest farther: {measured:?}");
        assert!(measured.0 > 1.0, "{measured:?}");
        assert!(measured.2 < 0.02 * measured.0, "farther than a cell the picture stays: {measured:?}");
    }

    #[test]
    fn old_recipes_are_read_and_regions_are_checked() {
        let old: Edit = ron::from_str("(features:{3:1.5},findings:{},drop_residual:false)").expect("an old edit");
        assert!(old.regions.is_empty() && old.features[&3] == 1.5);
        assert!(!ron::to_string(&old).expect("text").contains("regions"), "without regions it is written as before");
        let engine = Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu())
            .expect("the embedded bundle opens");
        let regions = BTreeMap::from([(3, EditRegion::new([2, 2]).expect("a grid"))]);
        let error = engine.check_edit(&Edit { regions, ..old }).expect_err("another grid").to_string();
        assert!(error.contains("2 x 2") && error.contains("7 x 7"), "{error}");
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
