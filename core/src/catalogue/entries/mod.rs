//! The list itself, as constants: a wrong field is a compile error, and no list is read at run time.
//!
//! Rules: addresses are those that the authors' code or page names. Where a host keeps revisions, the address holds the
//! revision, so that the file cannot change. `bytes` and `sha256` are recorded where others have published them for
//! their own download; a page's rounded size is `about_bytes`. What nobody states is `None`.

mod encoders;
mod films;
mod saes;

pub use encoders::ENTRIES as ENCODERS;
pub use films::ENTRIES as FILMS;
pub use saes::ENTRIES as SAES;

use super::RemoteFile;

/// A file of unknown size.
const fn file(name: &'static str, url: &'static str) -> RemoteFile {
    RemoteFile { name, url, bytes: None, about_bytes: None, sha256: None }
}

impl RemoteFile {
    const fn bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    const fn about(self, about_bytes: u64) -> Self {
        Self { about_bytes: Some(about_bytes), ..self }
    }

    const fn sha256(self, sha256: &'static str) -> Self {
        Self { sha256: Some(sha256), ..self }
    }
}
