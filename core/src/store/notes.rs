//! What people wrote about features, in `notes.ron` beside a store's tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

/// The file inside a store.
pub const FILE: &str = "notes.ron";
/// Longest file that is read.
const LONGEST: u64 = 64 << 20;

/// Notes by feature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    notes: BTreeMap<u32, String>,
}

impl Notes {
    /// Those of a store; none yet where there is no file.
    ///
    /// # Errors
    /// When the file is damaged: it is then left as it is.
    pub fn read(store: &Path) -> Result<Self> {
        let path = place(store);
        let broken =
            |reason: String| Error::store(&path, format!("notes cannot be read ({reason}); move the file away"));
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(broken(error.to_string())),
            Ok(file) if file.len() > LONGEST => return Err(broken(format!("{} bytes", file.len()))),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|e| broken(e.to_string()))?;
        ron::from_str(&text).map_err(|e| broken(e.to_string()))
    }

    /// The note of a feature; empty where nobody wrote one.
    #[must_use]
    pub fn of(&self, feature: u32) -> &str {
        self.notes.get(&feature).map_or("", String::as_str)
    }

    /// Sets the note of a feature; an empty one takes it away.
    pub fn set(&mut self, feature: u32, note: &str) {
        if note.trim().is_empty() {
            self.notes.remove(&feature);
        } else {
            self.notes.insert(feature, note.to_owned());
        }
    }

    /// Writes them into a store, whole or not at all.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, store: &Path) -> Result<()> {
        let path = place(store);
        let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .map_err(|e| Error::store(&path, format!("notes cannot be written ({e})")))?;
        write_atomic(&path, |out| out.write_all(text.as_bytes()))
    }
}

fn place(store: &Path) -> PathBuf {
    store.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_damage_is_said() {
        let folder = tempfile::tempdir().expect("folder");
        let mut notes = Notes::read(folder.path()).expect("none yet");
        assert_eq!(notes, Notes::default());
        notes.set(7, "fires on \"PORTABLE\"\nnot on AP");
        notes.set(8, "x");
        notes.set(8, "  ");
        notes.write(folder.path()).expect("written");
        let again = Notes::read(folder.path()).expect("readable");
        assert_eq!((again.of(7), again.of(8)), ("fires on \"PORTABLE\"\nnot on AP", ""));
        std::fs::write(folder.path().join(FILE), "(notes: {").expect("damaged");
        let error = Notes::read(folder.path()).expect_err("damaged").to_string();
        assert!(error.contains(FILE) && !error.contains('\n'), "{error}");
    }
}
