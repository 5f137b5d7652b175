//! One writer at a time: two programs that fetch the same entry, or pin at the same moment, would write over each other.
//!
//! The lock is on an empty file that stays, because a file that is renamed or removed cannot guard itself. It ends with
//! the program, however that ends. A disk that knows no locks has none.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// Name of the lock's file.
const FILE: &str = ".lock";

/// Holds `folder` until dropped.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says that another holds it.
    pub(super) fn try_take(folder: &Path) -> Result<Self> {
        let file = open(folder)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Write {
                path: folder.to_path_buf(),
                reason: "another Fluoro is downloading this model; wait for it or stop it".to_owned(),
            }),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
        }
    }

    /// Waits for the lock; for work of milliseconds.
    pub(super) fn wait_for(folder: &Path) -> Result<Self> {
        let file = open(folder)?;
        if let Err(error) = file.lock() {
            tracing::debug!(%error, "this disk has no locks");
        }
        Ok(Self { _file: file })
    }
}

fn open(folder: &Path) -> Result<File> {
    let path = folder.join(FILE);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    opened.map_err(|e| Error::write(&path, &e))
}
