//! What a whole audit found: plain numbers, with the counts that they rest on.
//!
//! Filled by [`super::audit`]; read by the page, the window and JSON. Nothing here computes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::domain::DomainTest;
use super::drawn::DrawnMarkers;
use super::gap::{Gap, Lean};
use super::maps::DatasetMaps;
use super::outcome::DetectionTable;
use super::probe::Probe;
use super::usage::{Judgement, UsageTable};
use super::words::ColumnVerdict;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// The store's folder.
    pub store: String,
    /// The dataset that was encoded.
    pub dataset: String,
    /// The bundle that made the store.
    pub bundle: String,
    /// Device that read films; none where none were read.
    pub device: Option<String>,
    /// Films of the store.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// One entry for each column.
    pub columns: Vec<ColumnAudit>,
    /// What drawn markers do.
    pub injection: Option<DrawnMarkers>,
    /// Parts that were not done.
    pub not_done: Vec<NotDone>,
    /// What a reader should know of the films.
    pub notes: Vec<String>,
    /// Wall time.
    pub seconds: f64,
}

/// A part that was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotDone {
    /// The part.
    pub part: String,
    /// Why.
    pub reason: String,
}

/// One column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnAudit {
    /// What is said in the end, with the evidence.
    pub verdict: ColumnVerdict,
    /// Which features follow it.
    pub detection: DetectionTable,
    /// Names of features, where they have one.
    pub names: BTreeMap<u32, String>,
    /// How well pixels alone tell it.
    pub pixels: Vec<Probe>,
    /// How well metadata alone tells each label.
    pub metadata: Vec<LabelBaseline>,
    /// How well latents, features and predictions give its groups away.
    pub domain: Option<DomainTest>,
    /// How predictions differ between its groups.
    pub leans: Vec<Lean>,
    /// How much worse predictions are in one group.
    pub gaps: Vec<Gap>,
    /// What taking its features away does to predictions.
    pub usage: Option<UsageTable>,
    /// What that shows for each edit and label.
    pub judgements: Vec<Judged>,
    /// Where the classifier finds evidence, by group.
    pub maps: Option<DatasetMaps>,
    /// Films of the feature that follows it most closely: of the group that is asked for, and of the others.
    pub examples: Vec<Example>,
    /// Parts that were not done.
    pub not_done: Vec<NotDone>,
}

/// How well metadata tell a label.
#[derive(Clone, Debug, Serialize)]
pub struct LabelBaseline {
    /// The label.
    pub label: String,
    /// Each column alone, then all together.
    pub probes: Vec<Probe>,
}

/// One edit and label.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The edit's name.
    pub edit: String,
    /// Features that it takes away; none of a direction.
    pub features: Vec<usize>,
    /// The label.
    pub label: String,
    /// What the rule says of it.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// A film on which the feature fires.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// Whether it is of the group that is asked for.
    pub shows: bool,
    /// Film activation.
    pub value: f32,
    /// The film with the places where the feature fires, `side x side` pixels of four bytes; none where it cannot be read.
    #[serde(skip)]
    pub picture: Option<Vec<u8>>,
}

/// Side of an example's picture.
pub const EXAMPLE_SIDE: u32 = 160;

impl NotDone {
    /// A part, and why, without names of films: an audit is made to be passed on.
    pub(super) fn new(part: &str, reason: &str) -> Self {
        let words = reason.split(' ').map(|word| if word.contains(['/', '\\']) { "(a path)" } else { word });
        Self { part: part.to_owned(), reason: words.collect::<Vec<_>>().join(" ") }
    }
}
