//! The wording of a grounded report: every sentence names the features it stands on.
//!
//! Enter the active features with their labels and numbers, and the classes whose absence a reader expects to be told;
//! leave sentences in the order of a report. Nothing is invented: a sentence is a label's own words, "possible" before them
//! where the evidence is thin, or "no" before a class that no active feature names.

mod export;
mod merge;

use serde::{Deserialize, Serialize};

pub use export::{LONGEST_LINE, MOST_CHARACTERS, NOT_FOR_DIAGNOSIS, dicom_lines};

use super::labeler::{Label, Labeler};
use crate::error::{Error, Result};
use crate::label::endpoint::clean;

/// Below this quantile of its activations over the data a feature is only "possible".
pub const AFFIRMED_QUANTILE: f32 = 0.75;
/// Below this balanced accuracy of its label on held-out films a feature is only "possible"; so it is when unknown.
pub const AFFIRMED_DETECTION: f64 = 0.7;
/// Below this balanced accuracy a label is little better than a coin, and its feature is left out.
pub const TRUSTED_DETECTION: f64 = 0.55;
/// Most findings in the impression.
pub const MOST_IMPRESSIONS: usize = 5;
/// Most features that are worded.
pub const MOST_FEATURES: usize = 10_000;
const MOST_TEXT: usize = 200;

/// What a label is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LabelKind {
    /// Disease or injury.
    Finding,
    /// Lines, tubes, wires, pacemakers.
    Device,
    /// How the film was taken: view, portable, rotation.
    Acquisition,
    /// The absence of something.
    Normal,
}

/// A feature that is active on the film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActiveFeature {
    /// Its index in the SAE.
    pub index: usize,
    /// Its label: a short noun phrase.
    pub text: String,
    /// What the label is about.
    pub kind: LabelKind,
    /// A whole sentence that says it, if somebody wrote one.
    pub statement: Option<String>,
    /// Its activation.
    pub activation: f32,
    /// Where that lies among its activations over the data, 0 to 1.
    pub quantile: f32,
    /// Balanced accuracy of the label on held-out films, 0 to 1, if measured.
    pub detection: Option<f64>,
    /// Box or region on the film.
    pub region: Option<String>,
}

/// How sure a sentence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// It is there.
    Affirmed,
    /// It may be there.
    Uncertain,
    /// It is not there.
    Negative,
}

/// A sentence and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// The words, with a full stop.
    pub text: String,
    /// Indices of the features, strongest first; none for the absence of any.
    pub features: Vec<usize>,
    /// How sure it is.
    pub certainty: Certainty,
    /// Box or region of the strongest feature that has one.
    pub region: Option<String>,
}

/// A report whose sentences name their features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroundedReport {
    /// How the film was taken.
    pub acquisition: Vec<Sentence>,
    /// Findings, then devices, strongest first, then what is absent.
    pub findings: Vec<Sentence>,
    /// What matters.
    pub impression: Vec<Sentence>,
    /// Features whose labels are not trusted ([`TRUSTED_DETECTION`]) or have no words.
    pub left_out: Vec<usize>,
}

impl GroundedReport {
    /// All sentences: acquisition, findings, impression.
    pub fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.acquisition.iter().chain(&self.findings).chain(&self.impression)
    }
}

/// Words the report of `features`. `expected` are classes of the labeler's vocabulary whose absence a reader expects to be
/// told, and whose detection is trusted.
///
/// # Errors
/// When there are too many features, a number is none, or an expected class is unknown.
pub fn compose(features: &[ActiveFeature], expected: &[&str], labeler: &Labeler) -> Result<GroundedReport> {
    if features.len() > MOST_FEATURES {
        let reason = format!("{} active features, a report words at most {MOST_FEATURES}", features.len());
        return Err(Error::Invalid(format!("{reason}: choose an SAE that is sparse")));
    }
    if let Some(bad) = features.iter().find(|f| {
        !f.activation.is_finite()
            || !(0.0..=1.0).contains(&f.quantile)
            || f.detection.is_some_and(|d| !(0.0..=1.0).contains(&d))
    }) {
        return Err(Error::Invalid(format!(
            "feature {}: its activation, quantile or detection is no number of its kind",
            bad.index
        )));
    }
    let names: Vec<&str> = labeler.names().collect();
    let position = |name: &&str| {
        let found = names.iter().position(|other| other == name);
        found.ok_or_else(|| Error::unknown("class", name, names.iter().copied()))
    };
    let expected = expected.iter().map(position).collect::<Result<Vec<usize>>>()?;
    let (worded, left_out): (Vec<&ActiveFeature>, Vec<&ActiveFeature>) = features.iter().partition(|feature| {
        let is_trusted = feature.detection.is_none_or(|detection| detection >= TRUSTED_DETECTION);
        is_trusted && feature.text.chars().take(MOST_TEXT).any(char::is_alphanumeric)
    });
    let groups = merge::groups(&worded, labeler);
    let mut report =
        GroundedReport { left_out: left_out.iter().map(|f| f.index).collect(), ..GroundedReport::default() };
    for group in &groups {
        match group.kind {
            LabelKind::Acquisition => report.acquisition.push(group.sentence()),
            LabelKind::Finding | LabelKind::Device => report.findings.push(group.sentence()),
            LabelKind::Normal => {}
        }
    }
    // A feature whose label is not trusted enough to be worded still speaks against the absence of what it names.
    let hinted: Vec<Vec<Label>> =
        left_out.iter().filter(|f| f.kind != LabelKind::Normal).map(|f| labeler.label(&f.text)).collect();
    let named = |class: usize| {
        groups.iter().any(|g| g.kind != LabelKind::Normal && g.classes.contains(&class))
            || hinted.iter().any(|labels| labels.get(class).is_some_and(|label| label.is_present(true)))
    };
    for group in groups.iter().filter(|group| group.kind == LabelKind::Normal) {
        if !group.classes.iter().any(|&class| named(class)) {
            report.findings.push(group.sentence());
        }
    }
    let is_denied = |class: usize| groups.iter().any(|g| g.kind == LabelKind::Normal && g.classes.contains(&class));
    let mut told = Vec::new();
    for class in expected {
        if !named(class) && !is_denied(class) && !told.contains(&class) {
            told.push(class);
            report.findings.push(Sentence {
                text: format!("No {}.", merge::spoken(names[class])),
                features: Vec::new(),
                certainty: Certainty::Negative,
                region: None,
            });
        }
    }
    let findings = groups.iter().filter(|group| group.kind == LabelKind::Finding).map(merge::Group::impression);
    report.impression = findings.take(MOST_IMPRESSIONS).collect();
    // Sure ones first; the order of strength stays among equals.
    report.impression.sort_by_key(|sentence| sentence.certainty);
    if report.impression.is_empty() {
        report.impression.push(Sentence {
            text: "No active feature names a finding.".to_owned(),
            features: Vec::new(),
            certainty: Certainty::Negative,
            region: None,
        });
    }
    Ok(report)
}

/// What a label is about, by its words: denied ones are [`LabelKind::Normal`], classes of devices and words about the view
/// decide, everything else is a finding.
#[must_use]
pub fn kind_of(text: &str, labeler: &Labeler) -> LabelKind {
    const DEVICES: [&str; 6] =
        ["Support Devices", "Pacemaker", "Sternotomy wires", "Jugular line", "Spinal rods", "Piercing"];
    const TAKING: [&str; 15] = [
        "ap",
        "pa",
        "portable",
        "rotated",
        "rotation",
        "view",
        "projection",
        "marker",
        "letter",
        "inverted",
        "supine",
        "upright",
        "exposure",
        "contrast",
        "laterality",
    ];
    let text = clean(text, MOST_TEXT, false);
    let labels = labeler.label(&text);
    let name = |index: usize| labeler.vocabulary().classes.get(index).map_or("", |class| class.name.as_str());
    let nothing = labeler.vocabulary().nothing.as_ref().map_or("", |nothing| nothing.class.as_str());
    let found: Vec<&str> =
        (0..labels.len()).filter(|&i| labels[i].is_present(true)).map(name).filter(|n| *n != nothing).collect();
    let lower = text.to_lowercase();
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric());
    let is_denied =
        found.is_empty() && (labels.contains(&Label::Negative) || lower.starts_with("no ") || lower.contains("normal"));
    if found.iter().any(|name| DEVICES.contains(name)) {
        LabelKind::Device
    } else if words.any(|word| TAKING.contains(&word)) {
        LabelKind::Acquisition
    } else if is_denied || lower.starts_with("clear") {
        LabelKind::Normal
    } else {
        LabelKind::Finding
    }
}

#[cfg(test)]
mod tests;
