//! Published weights that Fluoro knows: what they are, where their authors keep them, and how they come here.
//!
//! In: the name of an entry. Out: its files in a folder of this machine, each with a SHA-256 that is pinned, and the
//! list in words. Knows nothing of tensors: what the files hold is the importer's business.

pub mod fetch;
pub mod folder;
pub mod options;
pub mod pins;
pub mod text;

mod entries;
mod lock;
mod part;
mod request;
mod trouble;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::error::{Error, Result};

/// One published model.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Short and stable: lower-case letters, digits and hyphens. Also the name of its folder.
    pub name: &'static str,
    /// What it is, in one sentence without its full stop.
    pub what: &'static str,
    /// Parts of a bundle that it gives.
    pub gives: &'static [Part],
    /// What is fetched.
    pub files: &'static [RemoteFile],
    /// The name by which the importer chooses the labels and thresholds, which the files do not hold.
    pub labels: Option<&'static str>,
    /// For an SAE: the entry whose activations it reads. `None` when that model is not in this list.
    pub encoder: Option<&'static str>,
    /// The licence as the authors state it; `None` when they state none.
    pub licence: Option<&'static str>,
    /// Whom to cite.
    pub citation: Citation,
    /// Known limits, one sentence each without its full stop.
    pub notes: &'static [&'static str],
}

/// A part of a bundle.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Film to latent.
    Encoder,
    /// Latent to film.
    Decoder,
    /// Film to the scores of findings.
    Classifier,
    /// Latent to features and back.
    Sae,
    /// Words to the encoder's space.
    Text,
}

impl Part {
    /// The word of `bundle.ron` and of every text.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Classifier => "classifier",
            Self::Sae => "SAE",
            Self::Text => "text",
        }
    }
}

/// One file of an entry, at its authors' own host.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name here. Never taken from a server.
    pub name: &'static str,
    /// Where its authors keep it.
    pub url: &'static str,
    /// Size in bytes, where it is known to the byte. A file of another size is refused.
    pub bytes: Option<u64>,
    /// Size in bytes to about three digits: as the host's page rounds it, or four bytes for each of the model's numbers.
    /// For display.
    pub about_bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal digits, where others have published the digest of their download. It is the
    /// pin before there is one.
    pub sha256: Option<&'static str>,
}

/// Whom to cite.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Authors, as the work names them.
    pub authors: &'static str,
    /// Title of the work.
    pub title: &'static str,
    /// Where it appeared, with its number.
    pub venue: &'static str,
    /// Year, where stated.
    pub year: Option<u16>,
}

impl Entry {
    /// Size of all files in bytes, and whether it is known to the byte; `None` when that of a file is unknown.
    #[must_use]
    pub fn bytes(&self) -> Option<(u64, bool)> {
        self.files.iter().try_fold((0_u64, true), |(sum, exact), file| {
            let size = file.bytes.or(file.about_bytes)?;
            Some((sum.checked_add(size)?, exact && file.bytes.is_some()))
        })
    }
}

/// Every entry, classifiers and autoencoders first, then encoders, then SAEs.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    entries::FILMS.iter().chain(entries::ENCODERS).chain(entries::SAES)
}

/// The entry of that name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names.
pub fn find(name: &str) -> Result<&'static Entry> {
    entries()
        .find(|entry| entry.name == name)
        .ok_or_else(|| Error::unknown("model", name, entries().map(|entry| entry.name)))
}
