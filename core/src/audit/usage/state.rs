//! What an audit has found so far, and its checkpoint: a line of JSON, numbers, a digest; written beside and renamed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::survey::Survey;
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

/// Version of the checkpoint's layout.
const VERSION: u32 = 1;
/// Time between two checkpoints.
const PAUSE: Duration = Duration::from_secs(20);
/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// Sizes of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub labels: usize,
    pub edits: usize,
    /// Control variants of all edits.
    pub controls: usize,
    pub groups: usize,
}

impl Sizes {
    /// Numbers that a film leaves behind: logits before and after each edit, and each edit's relative length; less than 0
    /// where the latent did not change.
    pub fn per_film(self) -> usize {
        self.labels * (1 + self.edits) + self.edits
    }

    /// Sums that the controls leave behind: by control, label, group and truth.
    pub fn sums(self) -> usize {
        self.controls * self.labels * self.groups * TRUTHS
    }
}

/// A label is on a film, is not, or is not known to be.
pub(super) const TRUTHS: usize = 3;

/// What is known of a label, as a place in sums.
pub(super) fn truth_place(truth: Option<bool>) -> usize {
    truth.map_or(2, usize::from)
}

/// Films measured so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub sizes: Sizes,
    pub survey: Survey,
    /// Films gone through, from the first.
    pub finished: usize,
    /// `[finished, per_film]`; not a number for a film that could not be read.
    pub films: Vec<f32>,
    /// Sums of the logit's change, `[controls, labels, groups, truths]`.
    pub sums: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    fingerprint: String,
    finished: usize,
    survey: Survey,
}

impl State {
    pub fn new(sizes: Sizes, survey: Survey) -> Self {
        Self { sizes, survey, finished: 0, films: Vec::new(), sums: vec![0.0; sizes.sums()] }
    }

    /// Place of a sum.
    pub fn place(&self, control: usize, label: usize, group: usize, truth: usize) -> usize {
        ((control * self.sizes.labels + label) * self.sizes.groups + group) * TRUTHS + truth
    }
}

/// A file that an interrupted audit goes on from.
pub(super) struct Checkpoint<'a> {
    path: Option<&'a Path>,
    fingerprint: String,
    last: Instant,
}

impl<'a> Checkpoint<'a> {
    /// The file of the audit with this fingerprint, if one is wanted.
    pub fn new(path: Option<&'a Path>, fingerprint: String) -> Self {
        Self { path, fingerprint, last: Instant::now() }
    }

    fn refuse(path: &Path, reason: &str) -> Error {
        let path: PathBuf = path.to_path_buf();
        Error::Invalid(format!("{reason}; remove the checkpoint to start afresh: {}", path.display()))
    }

    /// What was found before, if anything was.
    ///
    /// # Errors
    /// When the file is damaged or of another audit.
    pub fn read(&self, sizes: impl Fn(&Survey) -> Sizes, films: usize) -> Result<Option<State>> {
        let Some(path) = self.path.filter(|path| path.exists()) else { return Ok(None) };
        let refuse = |reason: &str| Self::refuse(path, reason);
        let bytes = std::fs::read(path).map_err(|e| refuse(&format!("the checkpoint cannot be read ({e})")))?;
        let damaged = || refuse("the checkpoint is damaged");
        let end = bytes.len().checked_sub(DIGEST).ok_or_else(damaged)?;
        let (body, digest) = bytes.split_at(end);
        if Sha256::digest(body)[..] != *digest {
            return Err(damaged());
        }
        let line = body.iter().position(|&byte| byte == b'\n').ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(&body[..line]).map_err(|_| damaged())?;
        if header.version != VERSION || header.fingerprint != self.fingerprint {
            return Err(refuse("the checkpoint is of an audit of other films, edits or weights"));
        }
        let sizes = sizes(&header.survey);
        let numbers = &body[line + 1..];
        let count = header.finished.checked_mul(sizes.per_film()).ok_or_else(damaged)?;
        let cut = count.checked_mul(4).filter(|cut| *cut <= numbers.len()).ok_or_else(damaged)?;
        let (of_films, of_sums) = numbers.split_at(cut);
        let values = of_films.as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
        let sums: Vec<f64> = of_sums.as_chunks::<8>().0.iter().map(|&chunk| f64::from_le_bytes(chunk)).collect();
        if sums.len() != sizes.sums() || header.finished > films {
            return Err(damaged());
        }
        Ok(Some(State { sizes, survey: header.survey, finished: header.finished, films: values, sums }))
    }

    /// Writes what was found, if it is time.
    pub fn keep(&mut self, state: &State, now: bool) -> Result<()> {
        let Some(path) = self.path else { return Ok(()) };
        if !now && self.last.elapsed() < PAUSE {
            return Ok(());
        }
        self.last = Instant::now();
        let header = Header {
            version: VERSION,
            fingerprint: self.fingerprint.clone(),
            finished: state.finished,
            survey: state.survey.clone(),
        };
        let mut bytes =
            serde_json::to_vec(&header).map_err(|e| Error::Invalid(format!("the checkpoint cannot be made ({e})")))?;
        bytes.push(b'\n');
        bytes.extend(state.films.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend(state.sums.iter().flat_map(|value| value.to_le_bytes()));
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, &e))?;
        }
        write_atomic(path, |out| out.write_all(&bytes))
    }

    /// Removes it: the audit is finished.
    pub fn remove(&self) {
        if let Some(path) = self.path {
            // What stays does no harm: it is of a finished audit and gives the same numbers again.
            let _ = std::fs::remove_file(path);
        }
    }
}
