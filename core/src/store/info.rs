//! What a store says about itself: `store.ron`.
//!
//! In: the options of an encode. Out: the manifest, which is read back only if its own digest is right.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::MANIFEST;
use crate::bundle::load::hex;
use crate::error::{Error, Result};

/// Version of the layout; another is refused.
pub const VERSION: u32 = 1;
/// Largest manifest read, in bytes.
const MAX_MANIFEST: u64 = 16 << 20;
/// Most features, films and tokens: Parquet's plain 32-bit integers are signed.
const MAX_COUNT: u32 = i32::MAX as u32;
/// Stands before the digest in the manifest's last line, which RON reads as a comment.
const SEAL: &str = "// Written by Fluoro, not to be edited. SHA-256 of the lines above: ";

/// What is encoded, with what. Two runs with equal information write equal stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreInfo {
    /// Name of the bundle.
    pub bundle: String,
    /// Digest of the bundle's weights.
    pub bundle_hash: String,
    /// Features m of the SAE.
    pub features: u32,
    /// Tokens n of a film.
    pub tokens: u32,
    /// Length d of a token's latent.
    pub latent_dim: u32,
    /// Whether latents are stored too.
    pub latents: bool,
    /// What the dataset is, for people.
    pub dataset: String,
    /// Digest of the dataset's list of films.
    pub dataset_fingerprint: String,
    /// Which part of the dataset this is; `None` for all of it.
    pub shard: Option<Shard>,
}

/// One of several equal parts of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 1 to `count`.
    pub index: u32,
    /// Parts in all.
    pub count: u32,
}

impl Shard {
    /// Positions of its films in a dataset of `films`: neighbours, so that a shard reads neighbouring files.
    #[must_use]
    pub fn films(self, films: u32) -> Range<u32> {
        let edge = |index: u32| {
            let edge = u64::from(films) * u64::from(index.min(self.count)) / u64::from(self.count.max(1));
            u32::try_from(edge).unwrap_or(films)
        };
        edge(self.index.saturating_sub(1))..edge(self.index)
    }
}

/// What is known of a column of the film table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSummary {
    /// Films for which the column is known.
    pub known: u64,
    /// Films for which it is 1.
    pub present: u64,
    /// Films for which it is neither 0 nor 1; such a column has no base rate.
    pub other: u64,
}

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSeal {
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the digests of its blocks, hexadecimal.
    pub blocks: String,
}

/// The content of `store.ron`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// What was encoded.
    pub info: StoreInfo,
    /// Films without error.
    pub films: u64,
    /// Films that could not be read.
    pub failed: u64,
    /// Rows of `activations.parquet`.
    pub activations: u64,
    /// Rows of `film_features.parquet`.
    pub film_features: u64,
    /// Columns of the film table by name.
    pub columns: BTreeMap<String, ColumnSummary>,
    /// Files by name.
    pub files: BTreeMap<String, FileSeal>,
}

impl StoreInfo {
    /// Refuses sizes that the files cannot hold.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        if self.features > MAX_COUNT || self.tokens == 0 || self.tokens > MAX_COUNT {
            return Err(Error::store(
                folder,
                format!(
                    "a store takes at most {MAX_COUNT} features and 1 to as many tokens, not {} and {}",
                    self.features, self.tokens
                ),
            ));
        }
        if self.latents && self.latent_dim == 0 {
            return Err(Error::store(folder, "a store with latents needs their length; give it or leave latents out"));
        }
        match self.shard {
            Some(Shard { index, count }) if index == 0 || index > count => Err(Error::store(
                folder,
                format!("there is no shard {index}/{count}; the first is 1/{count}, the last {count}/{count}"),
            )),
            _ => Ok(()),
        }
    }

    /// The first thing in which two runs differ, in words.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let shard = |info: &Self| info.shard.map_or("none".into(), |s| format!("{}/{}", s.index, s.count));
        let pairs = [
            ("bundle", self.bundle.clone(), other.bundle.clone()),
            ("bundle digest", self.bundle_hash.clone(), other.bundle_hash.clone()),
            ("number of features", self.features.to_string(), other.features.to_string()),
            ("number of tokens", self.tokens.to_string(), other.tokens.to_string()),
            ("latent length", self.latent_dim.to_string(), other.latent_dim.to_string()),
            ("storing of latents", self.latents.to_string(), other.latents.to_string()),
            ("dataset", self.dataset.clone(), other.dataset.clone()),
            ("dataset fingerprint", self.dataset_fingerprint.clone(), other.dataset_fingerprint.clone()),
            ("shard", shard(self), shard(other)),
        ];
        pairs.into_iter().find(|(_, a, b)| a != b).map(|(what, a, b)| format!("{what}: {a}, not {b}"))
    }
}

impl Manifest {
    /// Writes `store.ron` into a folder, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        write_sealed(&folder.join(MANIFEST), self)
    }

    /// Reads `store.ron`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let manifest: Self = read_sealed(&folder.join(MANIFEST))?;
        if manifest.version != VERSION {
            let version = manifest.version;
            return Err(Error::store(
                folder,
                format!("the store has layout {version}, this Fluoro reads {VERSION}; encode again"),
            ));
        }
        manifest.info.check(folder)?;
        Ok(manifest)
    }
}

/// Writes a value as RON with its digest below it.
pub(super) fn write_sealed<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = ron::ser::to_string_pretty(value, ron::ser::PrettyConfig::default().new_line("\n"))
        .map_err(|e| Error::store(path, format!("cannot be written ({e})")))?;
    let text = format!("{text}\n{SEAL}{}\n", hex(&Sha256::digest(format!("{text}\n"))));
    let beside = path.with_extension("ron.part");
    let failed = |e: std::io::Error| Error::write(path, &e);
    let mut file = File::create(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    sync_folder_of(path);
    Ok(())
}

/// Reads what [`write_sealed`] wrote.
pub(super) fn read_sealed<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let damaged =
        |why: &str| Error::store(path, format!("not a store that Fluoro finished ({why}); encode or copy again"));
    let mut text = String::new();
    let file = File::open(path).map_err(|e| Error::store(path, format!("no activation store here ({e})")))?;
    file.take(MAX_MANIFEST).read_to_string(&mut text).map_err(|e| damaged(&e.to_string()))?;
    let (body, digest) = text.rsplit_once(SEAL).ok_or_else(|| damaged("its last line is missing"))?;
    if hex(&Sha256::digest(body)) != digest.trim_end() {
        return Err(damaged("its content does not match its digest"));
    }
    ron::from_str(body).map_err(|e| damaged(&e.to_string()))
}

/// Makes a rename lasting. Some file systems cannot sync a folder; the rename holds there all the same.
pub(super) fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_each_film_once() {
        for (films, count) in [(0, 3), (1, 4), (100, 16), (1_000_003, 7), (u32::MAX, 5)] {
            let mut next = 0;
            for index in 1..=count {
                let part = Shard { index, count }.films(films);
                assert_eq!(part.start, next);
                next = part.end;
            }
            assert_eq!(next, films);
        }
    }
}
