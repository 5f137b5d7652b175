//! An edit that means the same on every film: relative to each film's own activations. In: an edit of one film, or a
//! recipe. Out: the edit of another film.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::edit::Setting;
use super::{Edit, EditRegion};
use crate::bundle::Manifest;
use crate::error::{Error, Result};

/// An edit in relative form, with what it must find in a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelativeEdit {
    /// Name of the bundle that it was made with.
    pub bundle: String,
    /// [`Manifest::encoding_hash`] of that bundle: with another one, its features are other features.
    pub encoding_hash: String,
    /// Features.
    #[serde(default)]
    pub features: Vec<RelativeFeature>,
    /// Steps along findings by label, in percent of the latent's length.
    #[serde(default)]
    pub findings: BTreeMap<String, f32>,
    /// Drop what the features do not explain.
    #[serde(default)]
    pub drop_residual: bool,
}

/// One feature's part of a [`RelativeEdit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelativeFeature {
    /// Feature.
    pub index: usize,
    /// What it was called.
    #[serde(default)]
    pub label: Option<String>,
    /// What becomes of a film's own activation.
    pub setting: Setting,
    /// Where; everywhere when none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<EditRegion>,
}

impl RelativeEdit {
    /// The relative form of an edit of a film with these activations: a feature that was lowered is lowered by the same
    /// factor (set to zero, it stays zero), one that was raised is raised by the same step. Features at their own value
    /// are left out.
    #[must_use]
    pub fn of(manifest: &Manifest, activations: &[f32], edit: &Edit) -> Self {
        let labels = manifest.sae.as_ref().map(|sae| sae.features.as_slice()).unwrap_or_default();
        let features = edit.features.iter().filter_map(|(&index, &value)| {
            let own = *activations.get(index)?;
            let setting = match value {
                value if value == own => return None,
                value if value < own => Setting::Times(value / own),
                value => Setting::Plus(value - own),
            };
            let label = labels.get(index).and_then(|feature| feature.label.clone());
            Some(RelativeFeature { index, label, setting, region: edit.regions.get(&index).cloned() })
        });
        let names = manifest.classifier.as_ref().map(|part| part.labels.as_slice()).unwrap_or_default();
        let findings = edit.findings.iter().filter(|(_, step)| **step != 0.0);
        Self {
            bundle: manifest.name.clone(),
            encoding_hash: manifest.encoding_hash(),
            features: features.collect(),
            findings: findings.filter_map(|(&i, &step)| Some((names.get(i)?.name.clone(), step))).collect(),
            drop_residual: edit.drop_residual,
        }
    }

    /// Whether nothing would change on any film.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.features.is_empty() && self.findings.is_empty() && !self.drop_residual
    }

    /// The edit that it means on a film with these activations. Features whose value does not change there are left out.
    ///
    /// # Errors
    /// When the bundle's features are not those that it was made with, or a label does not exist there.
    pub fn resolve(&self, manifest: &Manifest, activations: &[f32]) -> Result<Edit> {
        let names_features = !self.features.is_empty() || self.drop_residual;
        if names_features && self.encoding_hash != manifest.encoding_hash() {
            return Err(Error::Invalid(format!(
                "this edit was made with bundle \"{}\"; the features of bundle \"{}\" are other features",
                self.bundle, manifest.name
            )));
        }
        let mut edit = Edit { drop_residual: self.drop_residual, ..Edit::default() };
        for feature in &self.features {
            let own = activations.get(feature.index).copied().ok_or_else(|| {
                Error::Invalid(format!("bundle \"{}\" has no feature {}", manifest.name, feature.index))
            })?;
            let value = feature.setting.resolve(own);
            if !value.is_finite() {
                return Err(Error::Invalid(format!("feature {} is set to no number", feature.index)));
            }
            if value != own {
                edit.features.insert(feature.index, value);
                edit.regions.extend(feature.region.clone().map(|region| (feature.index, region)));
            }
        }
        let labels = || manifest.classifier.iter().flat_map(|part| part.labels.iter().map(|label| label.name.as_str()));
        for (name, &step) in &self.findings {
            let index = labels().position(|label| label.eq_ignore_ascii_case(name));
            edit.findings.insert(index.ok_or_else(|| Error::unknown("label", name, labels()))?, step);
        }
        Ok(edit)
    }

    /// What it changes, by name, such as `heart size x0.5, feature 41 +2, Mass -10 %`.
    #[must_use]
    pub fn words(&self) -> String {
        let feature = |feature: &RelativeFeature| {
            let name = feature.label.clone().unwrap_or_else(|| format!("feature {}", feature.index));
            let place = if feature.region.is_some() { " in a region" } else { "" };
            format!("{name} {}{place}", feature.setting)
        };
        let features = self.features.iter().map(feature);
        let findings = self.findings.iter().map(|(name, step)| format!("{name} {step:+.0} %"));
        let rest = self.drop_residual.then(|| "without the residual".to_owned());
        features.chain(findings).chain(rest).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::load::embedded_manifest as manifest;

    #[test]
    fn it_means_the_same_on_a_film_with_other_activations() {
        let manifest = manifest();
        let mut edit = Edit::default();
        edit.features.extend([(0, 0.0), (1, 1.0), (2, 5.0), (3, 2.0), (4, 4.0)]);
        edit.findings.extend([(1, -12.0), (2, 0.0)]);
        edit.regions.insert(1, EditRegion::of_latent(&manifest).expect("positions"));
        let relative = RelativeEdit::of(&manifest, &[3.0, 2.0, 2.0, 0.0, 4.0], &edit);
        assert_eq!(relative.features.len(), 4, "feature 4 keeps its own value");
        let other = relative.resolve(&manifest, &[8.0, 4.0, 1.0, 0.5, 9.0]).expect("the same bundle");
        assert_eq!(other.features, BTreeMap::from([(0, 0.0), (1, 2.0), (2, 4.0), (3, 2.5)]));
        assert_eq!((other.findings, other.regions.len()), (BTreeMap::from([(1, -12.0)]), 1));
        let silent = relative.resolve(&manifest, &[0.0; 5]).expect("the same bundle");
        assert_eq!(silent.features, BTreeMap::from([(2, 3.0), (3, 2.0)]), "nothing is lowered below zero");
        assert!(
            relative.words().contains("x0") && relative.words().contains("Cardiomegaly -12 %"),
            "{}",
            relative.words()
        );
    }

    #[test]
    fn another_bundle_is_refused_by_name() {
        let manifest = manifest();
        let edit = Edit { features: BTreeMap::from([(0, 1.0)]), ..Edit::default() };
        let relative = RelativeEdit::of(&manifest, &[0.0], &edit);
        let mut files = manifest.files.clone();
        files.insert("sae.safetensors".to_owned(), "another".to_owned());
        let other = Manifest { name: "other".into(), files, ..manifest.clone() };
        let error = relative.resolve(&other, &[0.0]).expect_err("other features").to_string();
        assert!(error.contains("\"nih-small\"") && error.contains("\"other\""), "{error}");
        // Findings go by their label, which every bundle may have.
        let finding = Edit { findings: BTreeMap::from([(1, 5.0)]), ..Edit::default() };
        let relative = RelativeEdit::of(&manifest, &[], &finding);
        assert_eq!(relative.resolve(&other, &[]).expect("it has the label").findings[&1], 5.0);
        assert!(!relative.is_empty());
    }
}
