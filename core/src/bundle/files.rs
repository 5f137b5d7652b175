//! The raw files of a bundle, from a folder or from the binary itself.

use std::borrow::Cow;
use std::path::PathBuf;

use super::{BundleSource, embedded, manifest};
use crate::error::{Error, Result};

/// Read access to a bundle's files by name.
#[derive(Clone, Debug)]
pub struct BundleFiles {
    source: BundleSource,
}

impl BundleFiles {
    /// Access to a bundle that exists.
    ///
    /// # Errors
    /// When the folder holds no `bundle.ron`, or no embedded bundle has the name.
    pub fn open(source: &BundleSource) -> Result<Self> {
        let files = Self { source: source.clone() };
        match source {
            BundleSource::Folder(folder) if !folder.join(manifest::FILE).is_file() => {
                Err(Error::bundle(folder, format!("not a bundle: it holds no {}", manifest::FILE)))
            }
            BundleSource::Embedded(name) if !embedded::names().contains(&name.as_str()) => {
                Err(Error::unknown("bundle", name, embedded::names()))
            }
            _ => Ok(files),
        }
    }

    /// Bytes of one file.
    ///
    /// # Errors
    /// When it is missing or unreadable.
    pub fn read(&self, name: &str) -> Result<Cow<'static, [u8]>> {
        match &self.source {
            BundleSource::Embedded(bundle) => embedded::file(bundle, name)
                .map(Cow::Borrowed)
                .ok_or_else(|| Error::bundle(self.path(name), "the file is missing from the program")),
            BundleSource::Folder(folder) => std::fs::read(folder.join(name))
                .map(Cow::Owned)
                .map_err(|e| Error::bundle(self.path(name), format!("cannot read a file that the bundle needs ({e})"))),
        }
    }

    /// Where a file is, for messages.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        match &self.source {
            BundleSource::Embedded(bundle) => PathBuf::from(format!("built-in bundle {bundle}")).join(name),
            BundleSource::Folder(folder) => folder.join(name),
        }
    }
}
