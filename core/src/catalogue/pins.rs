//! What each downloaded file was when it first came: SHA-256, size and address, kept in `pins.ron` of the folder.
//!
//! Authors publish no digests, so the first download is trusted and every later one must be the same. Knows nothing of
//! networks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ron::ser::PrettyConfig;
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

/// Name of the file in the folder of models.
pub const FILE: &str = "pins.ron";
/// Largest file that is read, in bytes: some ten thousand pins.
const MOST_BYTES: u64 = 1 << 22;

/// What a file was when it first came.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Where its authors keep it, also when it came from a mirror.
    pub url: String,
}

/// The pins of a folder, by `ENTRY/FILE`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    pins: BTreeMap<String, Pin>,
}

impl Pins {
    /// The pins of `folder`; none when there is no such file yet.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged. It is never replaced by an empty one.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let damaged = |reason: String| {
            Error::Invalid(format!("{reason}; mend it, or delete it to pin every file anew: {}", path.display()))
        };
        match fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Ok(there) if there.len() > MOST_BYTES => return Err(damaged("too large for a list of pins".to_owned())),
            _ => {}
        }
        let text = fs::read_to_string(&path).map_err(|e| damaged(format!("the pins cannot be read ({e})")))?;
        ron::from_str(&text).map_err(|e| damaged(format!("the pins are damaged ({e})")))
    }

    /// The pin of a file.
    #[must_use]
    pub fn get(&self, entry: &str, file: &str) -> Option<&Pin> {
        self.pins.get(&key(entry, file))
    }

    /// Writes the pin of one file into the list of `folder`, which is read anew, so that no other pin is lost.
    ///
    /// # Errors
    /// When the list is damaged or cannot be written; it is then as before.
    pub fn set(folder: &Path, entry: &str, file: &str, pin: Pin) -> Result<()> {
        let _lock = Lock::wait_for(folder)?;
        let mut all = Self::read(folder)?;
        if all.get(entry, file) == Some(&pin) {
            return Ok(());
        }
        all.pins.insert(key(entry, file), pin);
        let path: PathBuf = folder.join(FILE);
        let text = ron::ser::to_string_pretty(&all, PrettyConfig::default())
            .map_err(|e| Error::write(&path, &io::Error::other(e)))?;
        write_atomic(&path, |out| writeln!(out, "{text}"))
    }
}

fn key(entry: &str, file: &str) -> String {
    format!("{entry}/{file}")
}
