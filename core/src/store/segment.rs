//! Segments: what a few hundred neighbouring films gave, kept until the run is finished.
//!
//! In: encodings of films `k * s` to `(k + 1) * s - 1`. Out: `parts/k.segment`, and `parts/k.latents` if latents are
//! stored. A file under its final name is whole: it is written beside, synced, then renamed. Little-endian throughout:
//! magic, length of the head and of the films as u64, both as JSON, then the activations as 16-byte rows by feature,
//! film, token.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::blocks::read_at;
use super::info::sync_folder_of;
use super::rows::{Activation, FailedLine, FilmLine, Keyed as _};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"FLUORSEG";
/// Magic and two lengths.
const PREFIX: u64 = 24;
/// Tokens that a segment's films have together, about.
const TOKENS: u32 = 1 << 16;

/// Films of a segment, from the tokens of a film: a power of two that keeps a segment's rows to some ten megabytes.
pub(super) fn films_per_segment(tokens: u32) -> u32 {
    let films = (TOKENS / tokens.max(1)).clamp(32, 512);
    1 << films.ilog2()
}

/// A finished segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    path: PathBuf,
    head: Head,
    films_at: u64,
    rows_at: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    columns: Vec<String>,
    films: u64,
    failed: u64,
    activations: u64,
}

/// Films in JSON; values as the bits of a float, which a decimal number might miss.
#[derive(Serialize, Deserialize)]
struct Lines {
    films: Vec<(u32, String, String, Vec<Option<u32>>)>,
    failed: Vec<(u32, String, String)>,
}

/// A segment that is being filled.
#[derive(Default)]
pub(super) struct OpenSegment {
    pub columns: Vec<String>,
    pub films: Vec<FilmLine>,
    pub failed: Vec<FailedLine>,
    pub activations: Vec<Activation>,
    latents: Option<BufWriter<File>>,
}

/// Name of segment `number`.
pub(super) fn segment_path(parts: &Path, number: u32) -> PathBuf {
    parts.join(format!("{number:08}.segment"))
}

impl OpenSegment {
    /// Keeps a film's latent, straight on the disk: the latents of a segment may be larger than memory should be.
    pub(super) fn push_latent(&mut self, parts: &Path, number: u32, film: u32, latent: &[f32]) -> Result<()> {
        let path = segment_path(parts, number).with_extension("latents.part");
        let failed = |e: std::io::Error| Error::write(&path, &e);
        let mut writer = match self.latents.take() {
            Some(writer) => writer,
            None => BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?),
        };
        writer.write_all(&film.to_le_bytes()).map_err(failed)?;
        for value in latent {
            writer.write_all(&value.to_le_bytes()).map_err(failed)?;
        }
        self.latents = Some(writer);
        Ok(())
    }

    /// Makes it segment `number`. The latents come into sight first: the segment's own file says that all is there.
    pub(super) fn finish(mut self, parts: &Path, number: u32) -> Result<()> {
        let path = segment_path(parts, number);
        let failed = |e: std::io::Error| Error::write(&path, &e);
        if let Some(mut latents) = self.latents.take() {
            latents.flush().and_then(|()| latents.get_ref().sync_all()).map_err(failed)?;
            fs::rename(path.with_extension("latents.part"), path.with_extension("latents")).map_err(failed)?;
        }
        self.activations.sort_unstable_by_key(|row| row.key());
        let head = Head {
            columns: self.columns,
            films: self.films.len() as u64,
            failed: self.failed.len() as u64,
            activations: self.activations.len() as u64,
        };
        let lines = Lines {
            films: self
                .films
                .into_iter()
                .map(|line| {
                    let bits = line.values.iter().map(|value| value.map(f32::to_bits)).collect();
                    (line.film, line.path, line.patient, bits)
                })
                .collect(),
            failed: self.failed.into_iter().map(|line| (line.film, line.path, line.error)).collect(),
        };
        let invalid = |e: serde_json::Error| Error::Write { path: path.clone(), reason: e.to_string() };
        let head = serde_json::to_vec(&head).map_err(invalid)?;
        let lines = serde_json::to_vec(&lines).map_err(invalid)?;
        let beside = path.with_extension("segment.part");
        let mut file = BufWriter::with_capacity(1 << 18, File::create(&beside).map_err(failed)?);
        let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(failed);
        write(MAGIC)?;
        write(&(head.len() as u64).to_le_bytes())?;
        write(&(lines.len() as u64).to_le_bytes())?;
        write(&head)?;
        write(&lines)?;
        for row in &self.activations {
            write(&row.to_bytes())?;
        }
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
        fs::rename(&beside, &path).map_err(failed)?;
        sync_folder_of(&path);
        Ok(())
    }
}

impl Segment {
    /// Opens a finished segment.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let damaged = || Self::damaged(path);
        let file = File::open(path).map_err(|_| damaged())?;
        let length = file.metadata().map_err(|_| damaged())?.len();
        let mut prefix = [0; PREFIX as usize];
        read_at(&file, &mut prefix, 0).map_err(|_| damaged())?;
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&prefix[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let films_at = PREFIX.checked_add(word(8)).filter(|&end| end <= length).ok_or_else(damaged)?;
        let rows_at = films_at.checked_add(word(16)).filter(|&end| end <= length).ok_or_else(damaged)?;
        let mut head = vec![0; word(8) as usize];
        read_at(&file, &mut head, PREFIX).map_err(|_| damaged())?;
        let head: Head = serde_json::from_slice(&head).map_err(|_| damaged())?;
        let bytes = head.activations.checked_mul(Activation::BYTES as u64);
        if &prefix[..8] != MAGIC || bytes.and_then(|bytes| bytes.checked_add(rows_at)) != Some(length) {
            return Err(damaged());
        }
        Ok(Self { path: path.to_path_buf(), head, films_at, rows_at })
    }

    fn damaged(path: &Path) -> Error {
        Error::store(path, "this part of an unfinished run is damaged; delete it and resume")
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Columns of its films.
    pub(super) fn columns(&self) -> &[String] {
        &self.head.columns
    }

    /// Films without error, failures and activations in it.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.head.films, self.head.failed, self.head.activations)
    }

    /// Films and failures; the films' values follow `columns`.
    pub(super) fn lines(&self, columns: &[String]) -> Result<(Vec<FilmLine>, Vec<FailedLine>)> {
        let damaged = || Self::damaged(&self.path);
        let mut bytes = vec![0; (self.rows_at - self.films_at) as usize];
        let file = File::open(&self.path).map_err(|_| damaged())?;
        read_at(&file, &mut bytes, self.films_at).map_err(|_| damaged())?;
        let lines: Lines = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let places: Vec<Option<usize>> =
            columns.iter().map(|name| self.head.columns.iter().position(|own| own == name)).collect();
        let films = lines.films.into_iter().map(|(film, path, patient, bits)| {
            let cell = |place: &Option<usize>| place.and_then(|place| *bits.get(place)?).map(f32::from_bits);
            FilmLine { film, path, patient, values: places.iter().map(cell).collect() }
        });
        let failed = lines.failed.into_iter().map(|(film, path, error)| FailedLine { film, path, error });
        Ok((films.collect(), failed.collect()))
    }

    /// Up to `count` activations from row `first` on.
    pub(super) fn activations(&self, first: u64, count: usize) -> Result<Vec<Activation>> {
        let left = usize::try_from(self.head.activations.saturating_sub(first)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(count) * Activation::BYTES];
        // Opened for each batch: a run of a million films has more segments than a process may hold open.
        File::open(&self.path)
            .and_then(|file| read_at(&file, &mut bytes, self.rows_at + first * Activation::BYTES as u64))
            .map_err(|_| Self::damaged(&self.path))?;
        Ok(bytes.as_chunks().0.iter().map(Activation::from_bytes).collect())
    }

    /// The latent of the film at place `index` among the films without error, and the film.
    pub(super) fn latent(&self, index: u64, floats: usize) -> Result<(u32, Vec<f32>)> {
        let path = self.path.with_extension("latents");
        let length = 4 + 4 * floats;
        let mut bytes = vec![0; length];
        File::open(&path)
            .and_then(|file| read_at(&file, &mut bytes, index * length as u64))
            .map_err(|_| Self::damaged(&path))?;
        let (words, _) = bytes.as_chunks();
        let film = words.first().map_or(0, |&word| u32::from_le_bytes(word));
        Ok((film, words.iter().skip(1).map(|&word| f32::from_le_bytes(word)).collect()))
    }
}
