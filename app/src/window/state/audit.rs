//! The audit of the open store: which column, and what was found.

use std::path::PathBuf;
use std::sync::Arc;

use fluoro_core::audit::{Audit, AuditRequest};

use super::job::Job;

/// What the panel asks for, and the answer.
#[derive(Default)]
pub struct AuditState {
    /// The column.
    pub column: String,
    /// A table of metadata besides the store's own columns.
    pub metadata: Option<PathBuf>,
    /// What the list of features is narrowed to.
    pub search: String,
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
