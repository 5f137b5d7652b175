//! The report of a film: its active features with their labels, worded, each sentence tied to where it lives.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Analysis, Engine, Progress};
use crate::error::{Error, Result};
use crate::label::{FeatureLabel, Labels, Statement};
use crate::report::compose::{ActiveFeature, GroundedReport, LabelKind, compose};
use crate::report::labeler::{Label, Labeler};
use crate::segmentation::Segmentation;

/// Stand for the two sides of a label's sure activation on the scale that [`compose`] reads.
const SURE_QUANTILE: f32 = 1.0;
const UNSURE_QUANTILE: f32 = 0.5;
/// Least area under the ROC curve, on films that did not choose the label, of a class whose absence is told.
const TOLD_ABSENT: f64 = 0.8;

/// A report with the region of each sentence that has one.
#[derive(Clone, Debug, Serialize)]
pub struct FilmReport {
    /// The words.
    #[serde(flatten)]
    pub report: GroundedReport,
    /// Regions by sentence, in the order acquisition, findings, impression; none of sentences without features, and in a
    /// bundle without a decoder.
    #[serde(skip)]
    pub regions: Vec<Option<Segmentation>>,
}

impl Engine {
    /// Words what `labels` say of a film. With progress to tell, every sentence's region is computed too, by taking its
    /// features away.
    ///
    /// # Errors
    /// When the labels are of another bundle's features, or the device fails.
    pub fn report(
        &self,
        analysis: &Analysis,
        labels: &Labels,
        labeler: &Labeler,
        regions: Option<&Progress<'_>>,
    ) -> Result<FilmReport> {
        let manifest = self.manifest();
        if labels.bundle_hash != manifest.encoding_hash() {
            return Err(Error::Invalid(format!(
                "these labels are of another bundle's features than those of \"{}\"; run fluoro encode and fluoro label with it",
                manifest.name
            )));
        }
        let active: Vec<ActiveFeature> = labels
            .iter()
            .filter(|label| !denies_acquisition(label) && !self.bundle.is_suppressed(label.feature as usize))
            .filter_map(|label| {
                let activation = *analysis.activations.get(label.feature as usize)?;
                (activation > label.threshold).then(|| ActiveFeature {
                    index: label.feature as usize,
                    text: label.text.clone(),
                    kind: label.kind,
                    // The label's sentence is that of another film: its side, size and ratio are not this one's.
                    statement: None,
                    activation,
                    quantile: if activation >= label.sure { SURE_QUANTILE } else { UNSURE_QUANTILE },
                    detection: label.detection.balanced_accuracy.value,
                    region: None,
                })
            })
            .collect();
        let expected = expected(labels, labeler, |feature| !self.bundle.is_suppressed(feature as usize));
        let report = compose(&active, &expected.iter().map(String::as_str).collect::<Vec<_>>(), labeler)?;
        let is_drawn = self.bundle.decoder.is_some() && self.bundle.sae_encoder.is_none();
        let Some(progress) = regions.filter(|_| is_drawn) else {
            let regions = report.sentences().map(|_| None).collect();
            return Ok(FilmReport { report, regions });
        };
        let count = report.sentences().count();
        // The impression repeats findings: their regions are known.
        let mut known: BTreeMap<Vec<usize>, Segmentation> = BTreeMap::new();
        let mut regions = Vec::with_capacity(count);
        for (done, sentence) in report.sentences().enumerate() {
            progress.step("outlining sentences", done, count)?;
            if !sentence.features.is_empty() && !known.contains_key(&sentence.features) {
                let found = self.feature_region(analysis, &sentence.features)?;
                known.insert(sentence.features.clone(), found.segmentation);
            }
            regions.push(known.get(&sentence.features).cloned());
        }
        Ok(FilmReport { report, regions })
    }
}

/// That a film was not taken in some way is no news, and several features may say it of a film that another says was.
fn denies_acquisition(label: &FeatureLabel) -> bool {
    let denies = matches!(
        label.statement,
        Statement::Flag { value: false, .. } | Statement::Denies(_) | Statement::LacksClass(_)
    );
    label.kind == LabelKind::Acquisition && denies
}

/// Classes of findings that some feature tells well: where none of its features speaks, its absence is worth a sentence.
fn expected(labels: &Labels, labeler: &Labeler, speaks: impl Fn(u32) -> bool) -> Vec<String> {
    let mut told = std::collections::BTreeSet::new();
    for label in labels.iter().filter(|label| label.kind == LabelKind::Finding && speaks(label.feature)) {
        if label.detection.auc.value.is_none_or(|auc| auc < TOLD_ABSENT) {
            continue;
        }
        let found = labeler.label(&label.text);
        told.extend(
            labeler.names().zip(found).filter(|(_, label)| *label == Label::Positive).map(|(name, _)| name.to_owned()),
        );
    }
    told.into_iter().collect()
}
