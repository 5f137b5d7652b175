//! Labels of a store's features, in `labels.ron` beside its tables.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::detection::Detection;
use super::endpoint::Interpretation;
use super::words::Resemblance;
use super::{Evidence, Statement};
use crate::bundle::{BundleSource, embedded};
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;
use crate::report::compose::LabelKind;
use crate::report::labeler::Vocabulary;
use crate::store::Store;

/// The file inside a store.
pub const FILE: &str = "labels.ron";
const VERSION: u32 = 2;
/// Longest file that is read.
const LONGEST: u64 = 256 << 20;

/// One feature's label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureLabel {
    /// The feature.
    pub feature: u32,
    /// A short phrase: "right pleural effusion".
    pub text: String,
    /// What it is about.
    pub kind: LabelKind,
    /// What has to hold of a film for the label to hold.
    pub statement: Statement,
    /// A sentence that says it, from the report of one of the feature's strongest films.
    pub sentence: Option<String>,
    /// Film activation above which the feature speaks, if only of what is possible: with the other features of the same
    /// finding it tells best, by F1, for which of the films that chose the labels the finding is there.
    pub threshold: f32,
    /// Film activation above which it is sure: its statement held on nine of ten such films.
    pub sure: f32,
    /// How well it does on films that did not choose it.
    pub detection: Detection,
    /// Counts among the films that chose it.
    pub evidence: Evidence,
    /// How it was found, in words.
    pub source: String,
    /// What an endpoint was sent and said, where one named the feature.
    #[serde(default)]
    pub interpretation: Option<Interpretation>,
    /// What the bundle's text tower sees on the feature's films, where it was asked.
    #[serde(default)]
    pub resemblance: Option<Resemblance>,
}

/// Labels of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    version: u32,
    /// The encoding that they are of: see [`crate::bundle::Manifest::encoding_hash`].
    pub bundle_hash: String,
    /// How they were made, in words.
    pub method: String,
    /// Findings that were looked for in reports; a report of these labels is worded with them.
    pub vocabulary: Vocabulary,
    labels: BTreeMap<u32, FeatureLabel>,
}

impl Labels {
    /// Labels of an encoding.
    #[must_use]
    pub fn new(
        bundle_hash: &str,
        method: String,
        vocabulary: Vocabulary,
        labels: impl IntoIterator<Item = FeatureLabel>,
    ) -> Self {
        let labels = labels.into_iter().map(|label| (label.feature, label)).collect();
        Self { version: VERSION, bundle_hash: bundle_hash.to_owned(), method, vocabulary, labels }
    }

    /// Those of a store; none where it has none.
    ///
    /// # Errors
    /// When the file is damaged, or of another encoding.
    pub fn of_store(store: &Store) -> Result<Option<Self>> {
        let path = store.folder().join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let labels = Self::read(&path)?;
        if labels.bundle_hash != store.info().bundle_hash {
            return Err(Error::store(&path, "these labels are of another bundle's features; run fluoro label again"));
        }
        Ok(Some(labels))
    }

    /// Those that come with a bundle; none where it has none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn of_bundle(source: &BundleSource) -> Result<Option<Self>> {
        match source {
            BundleSource::Folder(folder) if folder.join(FILE).is_file() => Self::read(&folder.join(FILE)).map(Some),
            BundleSource::Folder(_) => Ok(None),
            BundleSource::Embedded(name) => match embedded::file(name, FILE) {
                Some(bytes) => Self::parse(&String::from_utf8_lossy(bytes), Path::new(FILE)).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Reads a file of labels.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or newer than this program.
    pub fn read(path: &Path) -> Result<Self> {
        let broken = |reason: String| Error::store(path, format!("not a readable file of labels ({reason})"));
        let size = std::fs::metadata(path).map_err(|e| broken(e.to_string()))?.len();
        if size > LONGEST {
            return Err(broken(format!("{size} bytes; {LONGEST} are the limit")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| broken(e.to_string()))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let broken = |reason: String| Error::store(path, format!("not a readable file of labels ({reason})"));
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        // An older file lacks what this program needs, and would only be called damaged.
        let Versioned { version } = ron::from_str(text).map_err(|e| broken(e.to_string()))?;
        if version != VERSION {
            return Err(broken(format!("version {version}, this program reads {VERSION}; run fluoro label again")));
        }
        let labels: Self = ron::from_str(text).map_err(|e| broken(e.to_string()))?;
        Ok(labels)
    }

    /// Writes them, whole or not at all.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .map_err(|e| Error::store(path, format!("labels cannot be written ({e})")))?;
        write_atomic(path, |out| out.write_all(text.as_bytes()))
    }

    /// The label of a feature.
    #[must_use]
    pub fn of(&self, feature: u32) -> Option<&FeatureLabel> {
        self.labels.get(&feature)
    }

    /// All labels by feature.
    pub fn iter(&self) -> impl Iterator<Item = &FeatureLabel> {
        self.labels.values()
    }
}
