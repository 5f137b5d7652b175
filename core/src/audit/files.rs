//! The files of an audit: the page, and beside it JSON and CSV.

use std::path::{Path, PathBuf};

use super::page::{detection_csv, page, usage_csv};
use super::result::Audit;
use crate::error::{Error, Result};
use crate::export::atomic::{check_file, write_atomic};

/// Ending of what is kept of an interrupted measurement of use.
pub(super) const KEPT: &str = "use";

/// Where an audit's files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFiles {
    html: PathBuf,
    json: PathBuf,
    detection: PathBuf,
    usage: PathBuf,
    /// Where an interrupted audit is kept.
    pub checkpoint: PathBuf,
}

impl AuditFiles {
    /// Beside a page, all of one name.
    ///
    /// # Errors
    /// When the page's name does not end in `.html`, or no file can be there.
    pub fn beside(html: &Path) -> Result<Self> {
        if !html.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html")) {
            return Err(Error::Write { path: html.to_path_buf(), reason: "an audit is written as .html".into() });
        }
        let with = |ending: &str| html.with_extension(ending);
        let files = Self {
            html: html.to_path_buf(),
            json: with("json"),
            detection: with("detection.csv"),
            usage: with("usage.csv"),
            checkpoint: with("checkpoint"),
        };
        [&files.html, &files.json, &files.detection, &files.usage].into_iter().try_for_each(|path| check_file(path))?;
        Ok(files)
    }

    /// Takes away what was kept of an interrupted audit, and nothing else.
    fn forget(&self) {
        for entry in std::fs::read_dir(&self.checkpoint).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == KEPT) {
                // What stays does no harm: it is of an audit that asks the same.
                let _left = std::fs::remove_file(path);
            }
        }
        let _not_empty = std::fs::remove_dir(&self.checkpoint);
    }

    /// Writes an audit that `command` made; each file whole or not at all. What was kept of an interrupted one goes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, audit: &Audit, command: &str) -> Result<Vec<PathBuf>> {
        let json = serde_json::to_vec_pretty(audit).map_err(|e| Error::Invalid(e.to_string()))?;
        let files = [
            (&self.html, page(audit, command)?.into_bytes()),
            (&self.json, json),
            (&self.detection, detection_csv(audit)?),
            (&self.usage, usage_csv(audit)?),
        ];
        for (path, bytes) in &files {
            write_atomic(path, |out| out.write_all(bytes))?;
        }
        self.forget();
        Ok(files.iter().map(|(path, _)| (*path).clone()).collect())
    }
}
