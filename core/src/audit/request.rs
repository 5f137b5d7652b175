//! What an audit is asked.

use std::path::{Path, PathBuf};

use super::injection::Marker;

/// What to audit.
#[derive(Clone, Debug)]
pub struct AuditRequest {
    /// The store.
    pub store: PathBuf,
    /// A table of metadata; the store's own columns serve without one.
    pub metadata: Option<PathBuf>,
    /// Columns, by name.
    pub columns: Vec<String>,
    /// A finding: features are compared within films with it and without it too.
    pub finding: Option<String>,
    /// A table of predictions by film; the bundle's are taken without one.
    pub predictions: Option<PathBuf>,
    /// Most films that pixels and networks are read of, for each column.
    pub films: usize,
    /// Strongest features of a column whose use is measured.
    pub features: usize,
    /// Markers that are drawn onto films.
    pub markers: Vec<Marker>,
    /// Places on a side of the grid over which each marker is moved; not moved without.
    pub sweep: Option<usize>,
    /// Where an interrupted measurement of use is kept; nowhere when there is none.
    pub checkpoint: Option<PathBuf>,
    /// Seed of draws.
    pub seed: u64,
}

impl AuditRequest {
    /// An audit of one column with usual settings.
    #[must_use]
    pub fn new(store: &Path, column: &str) -> Self {
        Self {
            store: store.to_path_buf(),
            metadata: None,
            columns: vec![column.to_owned()],
            finding: None,
            predictions: None,
            films: 400,
            features: 5,
            markers: Vec::new(),
            sweep: None,
            checkpoint: None,
            seed: 1,
        }
    }
}
