//! A file that is not complete yet: its bytes in `FILE.part`, where they come from in `FILE.part.ron`.
//!
//! Bytes enter, a complete file with its SHA-256 leaves. The note beside the part is written before the first byte, and
//! the part is emptied before the note changes: a part is never longer than what its note vouches for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::request::Head;
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

/// How a file that Git keeps elsewhere begins.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Largest note that is read, in bytes.
const MOST_NOTE_BYTES: u64 = 1 << 16;
/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// Where the bytes of a part come from.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Where the authors keep the file, also when it comes from a mirror.
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Size of the whole in bytes, when the host said it.
    pub(super) total: Option<u64>,
}

impl Origin {
    /// Of an answer that holds the whole file.
    pub(super) fn of(head: &Head, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            etag: head.etag.clone(),
            last_modified: head.last_modified.clone(),
            total: head.length,
        }
    }

    /// What `If-Range` may hold (RFC 9110, 13.1.5): a strong tag, else a date.
    pub(super) fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

/// A file on its way.
pub(super) struct Part {
    place: PathBuf,
    path: PathBuf,
    note: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    received: u64,
    origin: Origin,
}

impl Part {
    /// The part of the file at `place`, which has come from `url`: what an earlier run left, or nothing. What is there
    /// is read once for its hash; `step` hears of it.
    pub(super) fn open(place: &Path, url: &str, step: impl FnMut(u64, u64) -> Result<()>) -> Result<Self> {
        let (path, note) = (beside(place, ".part"), beside(place, ".part.ron"));
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|e| Error::write(&path, &e))?;
        let length = file.metadata().map_err(|e| Error::write(&path, &e))?.len();
        let origin = read_note(&note).filter(|origin| {
            origin.url == url && origin.validator().is_some() && origin.total.is_none_or(|total| length <= total)
        });
        let mut part = Self {
            place: place.to_path_buf(),
            hasher: Sha256::new(),
            length,
            received: 0,
            origin: Origin::default(),
            path,
            note,
            file,
        };
        match origin {
            Some(origin) if length > 0 => {
                let (hasher, read) = hash(&mut part.file, length, step).map_err(|e| e.at(&part.path))?;
                if read != length {
                    return Err(Error::Invalid(format!("another program writes to {}", part.path.display())));
                }
                part.hasher = hasher;
                part.origin = origin;
            }
            _ => part.empty()?,
        }
        Ok(part)
    }

    /// Bytes here.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes that this run has brought.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The first missing byte and the validator of those before it, when there is something to go on from.
    pub(super) fn rest(&self) -> Option<(u64, String)> {
        let validator = self.origin.validator()?;
        (self.length > 0).then(|| (self.length, validator.to_owned()))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.length > 0 && self.origin.total == Some(self.length)
    }

    /// Forgets what is here; the next bytes are the first of a file from `origin`.
    pub(super) fn restart(&mut self, origin: Origin) -> Result<()> {
        self.empty()?;
        let text = ron::to_string(&origin).map_err(|e| Error::write(&self.note, &io::Error::other(e)))?;
        write_atomic(&self.note, |out| out.write_all(text.as_bytes()))?;
        self.origin = origin;
        Ok(())
    }

    /// Forgets what is here.
    pub(super) fn empty(&mut self) -> Result<()> {
        if self.length > 0 {
            self.file.set_len(0).map_err(|e| Error::write(&self.path, &e))?;
        }
        self.file.seek(SeekFrom::Start(0)).map_err(|e| Error::write(&self.path, &e))?;
        self.hasher = Sha256::new();
        self.length = 0;
        self.origin = Origin::default();
        Ok(())
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::write(&self.path, &e))?;
        self.hasher.update(bytes);
        let count = bytes.len() as u64;
        self.length = self.length.saturating_add(count);
        self.received = self.received.saturating_add(count);
        Ok(())
    }

    /// The whole is `total` bytes long, as a later answer or the end of the body says.
    pub(super) fn set_total(&mut self, total: u64) {
        self.origin.total = Some(total);
    }

    /// SHA-256 of what is here, in lower-case hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", self.hasher.clone().finalize())
    }

    /// Whether this is Git's note of a large file instead of the file.
    pub(super) fn is_pointer(&mut self) -> Result<bool> {
        let mut start = Vec::new();
        let failed = |e: io::Error| Error::write(&self.path, &e);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        (&self.file).take(POINTER.len() as u64).read_to_end(&mut start).map_err(failed)?;
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(start == POINTER)
    }

    /// Makes the part lasting, before anything vouches for it.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::write(&self.path, &e))
    }

    /// Puts the file at its place.
    pub(super) fn finish(self) -> Result<()> {
        fs::rename(&self.path, &self.place).map_err(|e| Error::write(&self.place, &e))?;
        // A note without its part is ignored, so a failure here is without harm.
        let _ = fs::remove_file(&self.note);
        Ok(())
    }

    /// Removes what is here.
    pub(super) fn discard(self) -> Result<()> {
        let _ = fs::remove_file(&self.note);
        fs::remove_file(&self.path).map_err(|e| Error::write(&self.path, &e))
    }
}

/// SHA-256 and size of a file.
pub(super) fn sha256_of(path: &Path, step: impl FnMut(u64, u64) -> Result<()>) -> Result<(String, u64)> {
    let at = |e: HashError| e.at(path);
    let mut file = File::open(path).map_err(|e| at(e.into()))?;
    let length = file.metadata().map_err(|e| at(e.into()))?.len();
    let (hasher, read) = hash(&mut file, length, step).map_err(at)?;
    Ok((format!("{:x}", hasher.finalize()), read))
}

/// Why hashing stopped.
enum HashError {
    Read(io::Error),
    Stopped(Error),
}

impl From<io::Error> for HashError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl HashError {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Read(e) => Error::Invalid(format!("cannot be read ({e}): {}", path.display())),
            Self::Stopped(error) => error,
        }
    }
}

fn hash(
    file: &mut File,
    length: u64,
    mut step: impl FnMut(u64, u64) -> Result<()>,
) -> Result<(Sha256, u64), HashError> {
    let (mut hasher, mut done, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        step(done, length).map_err(HashError::Stopped)?;
        let count = match file.read(&mut chunk) {
            Ok(0) => return Ok((hasher, done)),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        hasher.update(chunk.get(..count).unwrap_or_default());
        done = done.saturating_add(count as u64);
    }
}

/// `FILE` with more behind its name.
fn beside(place: &Path, suffix: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The note, or nothing when it is missing or damaged: then the download starts over.
fn read_note(path: &Path) -> Option<Origin> {
    let size = fs::metadata(path).ok()?.len();
    let text = (size <= MOST_NOTE_BYTES).then(|| fs::read_to_string(path).ok()).flatten()?;
    ron::from_str(&text).ok()
}
