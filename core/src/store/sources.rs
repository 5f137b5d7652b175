//! Where the rows of a finished store come from: the segments of a run, or the files of finished shards.
//!
//! In: segments or tables. Out: [`Source`]s for [`super::assemble`], each with little in memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::merging::Source;
use super::rows::{Activation, FilmActivation, LatentLine, film_activations};
use super::segment::Segment;
use super::table::Table;
use crate::error::Result;

/// Memory of the activations that all segments hold at a time, in rows: 48 MB.
const ROWS_IN_MEMORY: usize = 3 << 20;

/// Activations of one segment, in batches.
pub(super) struct SegmentActivations {
    segment: Arc<Segment>,
    position: u64,
    batch: usize,
}

impl SegmentActivations {
    /// For one of `segments` that are read side by side.
    pub(super) fn new(segment: Arc<Segment>, segments: usize) -> Self {
        Self { segment, position: 0, batch: (ROWS_IN_MEMORY / segments.max(1)).clamp(64, 1 << 16) }
    }
}

impl Source<Activation> for SegmentActivations {
    fn next_batch(&mut self) -> Result<Vec<Activation>> {
        if self.position == self.segment.counts().2 {
            return Ok(Vec::new());
        }
        let rows = self.segment.activations(self.position, self.batch)?;
        self.position += rows.len() as u64;
        Ok(rows)
    }

    fn path(&self) -> PathBuf {
        self.segment.path().to_path_buf()
    }
}

/// What a segment gives at once.
type Load<'a, R> = Box<dyn Fn(&Segment) -> Result<Vec<R>> + Send + 'a>;

/// Segments one after the other, for rows that are in film order: the films of a segment follow those of the one before.
pub(super) struct Chained<'a, R> {
    segments: VecDeque<Arc<Segment>>,
    load: Load<'a, R>,
    path: PathBuf,
}

impl<'a, R> Chained<'a, R> {
    pub(super) fn new(segments: &[Arc<Segment>], load: impl Fn(&Segment) -> Result<Vec<R>> + Send + 'a) -> Self {
        let path = segments.first().map(|segment| segment.path().to_path_buf()).unwrap_or_default();
        Self { segments: segments.iter().cloned().collect(), load: Box::new(load), path }
    }
}

impl<R> Source<R> for Chained<'_, R> {
    fn next_batch(&mut self) -> Result<Vec<R>> {
        while let Some(segment) = self.segments.pop_front() {
            self.path = segment.path().to_path_buf();
            let rows = (self.load)(&segment)?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// Film activations of a segment.
pub(super) fn segment_film_features(segment: &Segment) -> Result<Vec<FilmActivation>> {
    Ok(film_activations(&segment.activations(0, usize::MAX)?))
}

/// Latents of all segments, a film at a time.
pub(super) struct SegmentLatents {
    segments: VecDeque<Arc<Segment>>,
    film: u64,
    tokens: usize,
    length: usize,
}

impl SegmentLatents {
    pub(super) fn new(segments: &[Arc<Segment>], tokens: u32, length: u32) -> Self {
        Self { segments: segments.iter().cloned().collect(), film: 0, tokens: tokens as usize, length: length as usize }
    }
}

impl Source<LatentLine> for SegmentLatents {
    fn next_batch(&mut self) -> Result<Vec<LatentLine>> {
        while let Some(segment) = self.segments.front() {
            if self.film < segment.counts().0 {
                let (film, floats) = segment.latent(self.film, self.tokens * self.length)?;
                self.film += 1;
                let tokens = floats.chunks_exact(self.length.max(1)).zip(0..);
                return Ok(tokens.map(|(latent, token)| LatentLine { film, token, latent: latent.to_vec() }).collect());
            }
            self.segments.pop_front();
            self.film = 0;
        }
        Ok(Vec::new())
    }

    fn path(&self) -> PathBuf {
        self.segments.front().map(|segment| segment.path().to_path_buf()).unwrap_or_default()
    }
}

/// How rows are read from a table.
type ReadRows<'a, R> = Box<dyn Fn(Range<u64>) -> Result<Vec<R>> + Send + 'a>;

/// Rows of a finished file, in batches.
pub(super) struct TableRows<'a, R> {
    table: &'a Table,
    position: u64,
    batch: u64,
    read: ReadRows<'a, R>,
}

impl<'a, R> TableRows<'a, R> {
    pub(super) fn new(table: &'a Table, batch: u64, read: impl Fn(Range<u64>) -> Result<Vec<R>> + Send + 'a) -> Self {
        Self { table, position: 0, batch, read: Box::new(read) }
    }
}

impl<R> Source<R> for TableRows<'_, R> {
    fn next_batch(&mut self) -> Result<Vec<R>> {
        let end = (self.position + self.batch).min(self.table.rows());
        let rows = if self.position < end { (self.read)(self.position..end)? } else { Vec::new() };
        self.position = end;
        Ok(rows)
    }

    fn path(&self) -> PathBuf {
        self.table.path().to_path_buf()
    }
}
