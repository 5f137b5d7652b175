//! The audit of the open store: which column, and what was found.

use std::path::PathBuf;
use std::sync::Arc;

use fluoro_core::audit::{Audit, AuditRequest};

use super::job::Job;
use super::kept::Kept;

/// A part of what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Sentences.
    #[default]
    Evidence,
    /// What each removal does to each prediction.
    Effects,
    /// Films for and against.
    Films,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Evidence, Self::Effects, Self::Films];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "Evidence",
            Self::Effects => "Effects",
            Self::Films => "Films",
        }
    }

    /// What it shows.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Evidence => "The verdict in sentences, with counts and intervals",
            Self::Effects => "What taking features away does to each prediction, against random directions",
            Self::Films => {
                "Films on which the closest feature fires: of the group that is asked for, and of the others"
            }
        }
    }
}

/// What the panel asks for, and the answer.
#[derive(Default)]
pub struct AuditState {
    /// The column.
    pub column: String,
    /// A table of metadata besides the store's own columns.
    pub metadata: Option<PathBuf>,
    /// What the list of features is narrowed to.
    pub search: String,
    /// Rows of the list, found once for each search and audit.
    pub listed: Kept<(String, bool, usize), Vec<usize>>,
    /// Whether the list holds only features that follow the column.
    pub only_followers: bool,
    /// What is shown beside the list.
    pub part: Part,
    /// Pictures of the example films of an audit.
    pub pictures: Kept<usize, Vec<Option<egui::TextureHandle>>>,
    /// The audit.
    pub job: Job<Arc<Audit>>,
    /// What the audit that is shown was asked, as a command.
    pub command: String,
}

impl AuditState {
    /// The command of the same audit.
    pub fn command_of(request: &AuditRequest, bundle: &str) -> String {
        let metadata =
            request.metadata.as_ref().map(|path| format!(" --metadata '{}'", path.display())).unwrap_or_default();
        let columns: String = request.columns.iter().map(|column| format!(" --column '{column}'")).collect();
        format!("fluoro audit '{}' --bundle '{bundle}'{metadata}{columns} -o REPORT.html", request.store.display())
    }
}
