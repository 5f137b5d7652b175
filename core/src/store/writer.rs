//! Writes a store film by film, and goes on after a kill.
//!
//! In: [`FilmEncoding`]s in ascending order of films. Out: a finished store. Until then the folder holds `parts/` with
//! `run.ron` (what is encoded) and whole segments; a kill loses the films of the open segment alone. The end merges the
//! segments into `parts/finished/`, moves the files up, writes `store.ron`, and removes `parts/`: a kill before
//! `store.ron` repeats the merge, one after it leaves rubbish that the next start removes. What the store holds depends
//! on the films alone, because segments are cut by film number and merged by key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assemble::{Inputs, assemble};
use super::info::{Manifest, StoreInfo, read_sealed, sync_folder_of, write_sealed};
use super::rows::{Activation, FailedLine, FilmLine};
use super::segment::{OpenSegment, Segment, films_per_segment, segment_path};
use super::sources::{Chained, SegmentActivations, SegmentLatents, segment_film_features};
use super::{MANIFEST, PARTS};
use crate::engine::Progress;
use crate::error::{Error, Result};

/// Says which run the parts belong to.
const RUN: &str = "run.ron";
/// Held while a process writes.
const LOCK: &str = "lock";
/// Where the end is prepared.
const FINISHED: &str = "finished";
/// Columns that every film table has.
const RESERVED: [&str; 3] = ["film", "path", "patient"];

/// What one film gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilmEncoding {
    /// Position in the dataset's list.
    pub film: u32,
    /// The picture, as the dataset names it.
    pub path: String,
    /// Patient the film is of.
    pub patient: String,
    /// What is known of the film by column name.
    pub columns: BTreeMap<String, f32>,
    /// (token, feature, value) in any order; values that are not above 0 are left out.
    pub active: Vec<(u32, u32, f32)>,
    /// Latent `[n, d]` in row order, where the store keeps latents.
    pub latent: Option<Vec<f32>>,
}

/// A store that is being written.
pub struct StoreWriter {
    folder: PathBuf,
    info: StoreInfo,
    segment_films: u32,
    done: BTreeSet<u32>,
    open: Option<(u32, OpenSegment)>,
    last_film: Option<u32>,
    complete: bool,
    _lock: Option<File>,
}

impl StoreWriter {
    /// Begins a store in a new or empty folder; with `resume`, also goes on with an unfinished one of the same run.
    ///
    /// # Errors
    /// When the folder holds anything else, a run with other options, or another process writes to it.
    pub fn create(folder: &Path, info: &StoreInfo, resume: bool) -> Result<Self> {
        info.check(folder)?;
        let refused = |reason: String| Err(Error::store(folder, reason));
        let parts = folder.join(PARTS);
        fs::create_dir_all(folder).map_err(|e| Error::write(folder, &e))?;
        let mut writer = Self {
            folder: folder.to_path_buf(),
            info: info.clone(),
            segment_films: films_per_segment(info.tokens),
            done: BTreeSet::new(),
            open: None,
            last_film: None,
            complete: folder.join(MANIFEST).exists(),
            _lock: None,
        };
        let run = parts.join(RUN);
        if !resume && (writer.complete || run.exists()) {
            return refused("the folder holds a store already; resume it or choose a new folder".into());
        }
        let earlier: Option<StoreInfo> = if writer.complete {
            Some(Manifest::read(folder)?.info)
        } else if run.exists() {
            Some(read_sealed(&run)?)
        } else {
            None
        };
        match earlier {
            Some(earlier) => {
                if let Some(difference) = info.difference(&earlier) {
                    return refused(format!(
                        "the store in this folder is of another run ({difference}); give the same options or a new folder"
                    ));
                }
            }
            None => refuse_foreign(folder)?,
        }
        if writer.complete {
            // A kill after the manifest was written leaves parts that nobody needs.
            remove(&parts)?;
            return Ok(writer);
        }
        fs::create_dir_all(&parts).map_err(|e| Error::write(&parts, &e))?;
        writer._lock = lock(&parts)?;
        if !run.exists() {
            write_sealed(&run, info)?;
        }
        writer.done = finished_segments(&parts)?;
        Ok(writer)
    }

    /// Whether the store is finished: then there is nothing to encode.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether a film was encoded before the run was cut off, or its failure noted.
    #[must_use]
    pub fn is_done(&self, film: u32) -> bool {
        self.complete || self.done.contains(&(film / self.segment_films))
    }

    /// Takes a film. A latent is kept only if the store has latents. Films come in ascending order, without those that [`Self::is_done`].
    ///
    /// # Errors
    /// When the film is out of order, a token or feature does not exist or comes twice, a value is not finite, the
    /// latent has the wrong length, or the disk fails.
    pub fn push(&mut self, encoding: FilmEncoding) -> Result<()> {
        let FilmEncoding { film, path, patient, columns, active, latent } = encoding;
        let wrong = |reason: String| Err(Error::Invalid(format!("film {film} cannot be stored: {reason}")));
        let (tokens, features) = (self.info.tokens, self.info.features);
        if let Some((token, feature, _)) =
            active.iter().find(|(token, feature, _)| *token >= tokens || *feature >= features)
        {
            return wrong(format!("token {token} or feature {feature} is beyond {tokens} and {features}"));
        }
        if active.iter().any(|(_, _, value)| !value.is_finite()) || columns.values().any(|value| !value.is_finite()) {
            return wrong("a value is not a finite number".into());
        }
        if let Some(name) =
            columns.keys().find(|name| name.is_empty() || RESERVED.contains(&name.to_lowercase().as_str()))
        {
            return wrong(format!("a column may not be called \"{name}\""));
        }
        let floats = tokens as usize * self.info.latent_dim as usize;
        match &latent {
            Some(latent) if self.info.latents && latent.len() != floats => {
                return wrong(format!("its latent has {} numbers, not {floats}", latent.len()));
            }
            None if self.info.latents => return wrong("it has no latent".into()),
            _ => {}
        }
        let mut rows: Vec<Activation> = active
            .into_iter()
            .filter(|(_, _, value)| *value > 0.0)
            .map(|(token, feature, value)| Activation { feature, film, token, value })
            .collect();
        rows.sort_unstable_by_key(|row| (row.feature, row.token));
        if rows.windows(2).any(|pair| (pair[0].feature, pair[0].token) == (pair[1].feature, pair[1].token)) {
            return wrong("a feature comes twice on one token".into());
        }
        let (parts, keeps_latents) = (self.folder.join(PARTS), self.info.latents);
        let (number, segment) = self.segment_of(film)?;
        if let Some(latent) = latent.filter(|_| keeps_latents) {
            segment.push_latent(&parts, number, film, &latent)?;
        }
        for name in columns.keys() {
            if !segment.columns.contains(name) {
                segment.columns.push(name.clone());
            }
        }
        let values = segment.columns.iter().map(|name| columns.get(name).copied()).collect();
        segment.films.push(FilmLine { film, path, patient, values });
        segment.activations.append(&mut rows);
        Ok(())
    }

    /// Notes a film that could not be read, and why.
    ///
    /// # Errors
    /// When the film is out of order, or the disk fails.
    pub fn push_failed(&mut self, film: u32, path: &str, error: &str) -> Result<()> {
        let line = FailedLine { film, path: path.to_owned(), error: error.to_owned() };
        self.segment_of(film)?.1.failed.push(line);
        Ok(())
    }

    /// Ends the run: merges all segments into the store. To be called only when every film of the run was pushed; a run
    /// that stops early drops the writer instead, and is resumed later. A complete store is left as it is.
    ///
    /// # Errors
    /// When the disk fails or is full, a part is damaged, or the user stops; the run can then be resumed.
    pub fn finish(mut self, progress: &Progress<'_>) -> Result<Manifest> {
        if self.complete {
            return Manifest::read(&self.folder);
        }
        self.close_segment()?;
        let parts = self.folder.join(PARTS);
        let mut segments = Vec::with_capacity(self.done.len());
        for &number in &self.done {
            segments.push(Arc::new(Segment::open(&segment_path(&parts, number))?));
        }
        let finished = parts.join(FINISHED);
        remove(&finished)?;
        fs::create_dir(&finished).map_err(|e| Error::write(&finished, &e))?;
        let manifest = assemble(&finished, &self.info, inputs(&segments, &self.info), progress)?;
        let names = manifest.files.keys().map(String::as_str).chain([super::BLOCKS]);
        for name in names {
            let target = self.folder.join(name);
            fs::rename(finished.join(name), &target).map_err(|e| Error::write(&target, &e))?;
        }
        sync_folder_of(&self.folder.join(MANIFEST));
        manifest.write(&self.folder)?;
        remove(&parts)?;
        Ok(manifest)
    }

    /// The open segment that a film belongs to; closes the one before.
    fn segment_of(&mut self, film: u32) -> Result<(u32, &mut OpenSegment)> {
        let number = film / self.segment_films;
        if self.is_done(film) {
            return Err(Error::Invalid(format!("film {film} is in the store already; skip films that are done")));
        }
        if film > i32::MAX as u32 || self.last_film.is_some_and(|last| last >= film) {
            return Err(Error::Invalid(format!(
                "film {film} is out of order; store films in the order of the dataset"
            )));
        }
        self.last_film = Some(film);
        if self.open.as_ref().is_some_and(|(open, _)| *open != number) {
            self.close_segment()?;
        }
        let (number, segment) = self.open.get_or_insert_with(|| (number, OpenSegment::default()));
        Ok((*number, segment))
    }

    fn close_segment(&mut self) -> Result<()> {
        if let Some((number, segment)) = self.open.take() {
            segment.finish(&self.folder.join(PARTS), number)?;
            self.done.insert(number);
        }
        Ok(())
    }
}

fn inputs<'a>(segments: &[Arc<Segment>], info: &StoreInfo) -> Inputs<'a> {
    let columns: BTreeSet<&String> = segments.iter().flat_map(|segment| segment.columns()).collect();
    let columns: Vec<String> = columns.into_iter().cloned().collect();
    let for_films = columns.clone();
    Inputs {
        film_count: segments.iter().map(|segment| segment.counts().0).sum(),
        activation_count: segments.iter().map(|segment| segment.counts().2).sum(),
        activations: segments
            .iter()
            .map(|segment| Box::new(SegmentActivations::new(Arc::clone(segment), segments.len())) as _)
            .collect(),
        film_features: vec![Box::new(Chained::new(segments, segment_film_features))],
        films: vec![Box::new(Chained::new(segments, move |segment| Ok(segment.lines(&for_films)?.0)))],
        failed: vec![Box::new(Chained::new(segments, |segment| {
            if segment.counts().1 == 0 { Ok(Vec::new()) } else { Ok(segment.lines(&[])?.1) }
        }))],
        latents: vec![Box::new(SegmentLatents::new(segments, info.tokens, info.latent_dim))],
        columns,
    }
}

/// Numbers of the segments that are whole.
fn finished_segments(parts: &Path) -> Result<BTreeSet<u32>> {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(parts).map_err(|e| Error::write(parts, &e))? {
        let path = entry.map_err(|e| Error::write(parts, &e))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.extension().is_some_and(|extension| extension == "segment")
            && let Some(number) = stem.and_then(|stem| stem.parse().ok())
        {
            Segment::open(&path)?;
            numbers.insert(number);
        }
    }
    Ok(numbers)
}

/// Refuses a folder that holds anything but the beginnings of a run.
fn refuse_foreign(folder: &Path) -> Result<()> {
    let names = |folder: &Path| -> Result<Vec<String>> {
        let entries = fs::read_dir(folder).map_err(|e| Error::write(folder, &e))?;
        entries
            .map(|entry| {
                entry.map(|e| e.file_name().to_string_lossy().into_owned()).map_err(|e| Error::write(folder, &e))
            })
            .collect()
    };
    let foreign = |name: &str| {
        Error::store(
            folder,
            format!("the folder holds files that Fluoro did not write, such as {name}; choose a new folder"),
        )
    };
    for name in names(folder)? {
        if name != PARTS || !folder.join(&name).is_dir() {
            return Err(foreign(&name));
        }
    }
    // A kill right at the start leaves no more than these.
    let parts = folder.join(PARTS);
    let begun = ["lock", "run.ron.part"];
    let inside = if parts.is_dir() { names(&parts)? } else { Vec::new() };
    match inside.iter().find(|name| !begun.contains(&name.as_str())) {
        Some(name) => Err(foreign(&format!("{PARTS}/{name}"))),
        None => Ok(()),
    }
}

/// Keeps a second process out. On file systems without locks there is no such guard.
fn lock(parts: &Path) -> Result<Option<File>> {
    let path = parts.join(LOCK);
    let file = File::create(&path).map_err(|e| Error::write(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(Error::store(&path, "another process writes to this store; wait for it or choose another folder"))
        }
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::write(folder, &e)),
        _ => Ok(()),
    }
}
