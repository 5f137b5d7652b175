//! Writes the files of a store from sorted sources: the end of a run and the end of a merge, which therefore agree.
//!
//! In: sources of rows, and a folder to write into. Out: the files and the manifest, which the caller makes visible.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use super::blocks::{Sealed, SealingWriter};
use super::info::{ColumnSummary, Manifest, StoreInfo, VERSION};
use super::merging::{Merged, Source};
use super::rows::{Activation, FailedLine, FilmActivation, FilmLine, Keyed, LatentLine};
use super::statistics::Collector;
use super::table_writer::{Layout, TableWriter};
use super::{ACTIVATIONS, BLOCKS, FAILED, FEATURES, FILM_FEATURES, FILMS, LATENTS};
use crate::engine::Progress;
use crate::error::{Error, Result};

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 1 << 18;

/// All rows of a store.
pub(super) struct Inputs<'a> {
    /// Columns of the film table, sorted.
    pub columns: Vec<String>,
    /// Films without error in all, which the statistics need before the films are read.
    pub film_count: u64,
    /// Activations in all, for the progress.
    pub activation_count: u64,
    pub activations: Vec<Box<dyn Source<Activation> + 'a>>,
    pub film_features: Vec<Box<dyn Source<FilmActivation> + 'a>>,
    pub films: Vec<Box<dyn Source<FilmLine> + 'a>>,
    pub failed: Vec<Box<dyn Source<FailedLine> + 'a>>,
    /// Empty if the store has none.
    pub latents: Vec<Box<dyn Source<LatentLine> + 'a>>,
}

/// A written file: its name, what it is, its rows.
struct Written {
    name: &'static str,
    sealed: Sealed,
    rows: u64,
}

/// Writes everything but `store.ron` into `folder`.
pub(super) fn assemble(
    folder: &Path,
    info: &StoreInfo,
    inputs: Inputs<'_>,
    progress: &Progress<'_>,
) -> Result<Manifest> {
    let Inputs { columns, film_count, activation_count, activations, film_features, films, failed, latents } = inputs;
    let silent = progress.silenced();
    let (by_feature, by_film) = rayon::join(
        || write_activations(folder, info, film_count, activation_count, activations, progress),
        || -> Result<_> {
            let films = write_films(folder, &columns, films, &silent)?;
            let failed = copy(folder.join(FAILED).as_path(), FAILED, (), failed, &silent)?;
            let film_features = copy(folder.join(FILM_FEATURES).as_path(), FILM_FEATURES, (), film_features, &silent)?;
            let latents = if info.latents {
                let length = info.latent_dim as usize;
                Some(copy(folder.join(LATENTS).as_path(), LATENTS, length, latents, &silent)?)
            } else {
                None
            };
            Ok((films, failed, film_features, latents))
        },
    );
    let (activations, features) = by_feature?;
    let ((films, summaries), failed, film_features, latents) = by_film?;
    let mut manifest = Manifest {
        version: VERSION,
        info: info.clone(),
        films: films.rows,
        failed: failed.rows,
        activations: activations.rows,
        film_features: film_features.rows,
        columns: summaries,
        files: BTreeMap::new(),
    };
    if films.rows != film_count {
        return Err(Error::store(
            folder,
            format!("{film_count} films were counted, {} found; encode again", films.rows),
        ));
    }
    let mut digests = BTreeMap::new();
    for written in [activations, features, films, failed, film_features].into_iter().chain(latents) {
        manifest.files.insert(written.name.to_owned(), written.sealed.seal);
        digests.insert(written.name, written.sealed.digests);
    }
    // In the order of the manifest's files.
    let path = folder.join(BLOCKS);
    let mut blocks = SealingWriter::create(&path)?;
    for part in digests.values() {
        blocks.write_all(part).map_err(|e| Error::write(&path, &e))?;
    }
    blocks.finish().map_err(|e| Error::write(&path, &e))?;
    Ok(manifest)
}

fn write_activations(
    folder: &Path,
    info: &StoreInfo,
    films: u64,
    total: u64,
    sources: Vec<Box<dyn Source<Activation> + '_>>,
    progress: &Progress<'_>,
) -> Result<(Written, Written)> {
    let mut rows = TableWriter::create(&folder.join(ACTIVATIONS), ())?;
    let mut features = TableWriter::create(&folder.join(FEATURES), ())?;
    let mut collector = Collector::new(films);
    let mut merged = Merged::new(sources)?;
    while let Some(row) = merged.next()? {
        if row.feature >= info.features {
            return Err(Error::store(folder, format!("there is no feature {}; encode again", row.feature)));
        }
        while collector.feature() < row.feature {
            features.push(collector.close())?;
        }
        collector.push(&row);
        rows.push(row)?;
        if rows.written() % REPORT_EVERY == 0 {
            progress.step("sort activations", rows.written() as usize, total as usize)?;
        }
    }
    while collector.feature() < info.features {
        features.push(collector.close())?;
    }
    let (row_count, feature_count) = (rows.written(), features.written());
    Ok((
        Written { name: ACTIVATIONS, sealed: rows.finish()?, rows: row_count },
        Written { name: FEATURES, sealed: features.finish()?, rows: feature_count },
    ))
}

fn write_films(
    folder: &Path,
    columns: &[String],
    sources: Vec<Box<dyn Source<FilmLine> + '_>>,
    progress: &Progress<'_>,
) -> Result<(Written, BTreeMap<String, ColumnSummary>)> {
    let mut films = TableWriter::create(&folder.join(FILMS), columns.to_vec())?;
    let mut summaries = vec![ColumnSummary::default(); columns.len()];
    let mut merged = Merged::new(sources)?;
    while let Some(line) = merged.next()? {
        for (summary, value) in summaries.iter_mut().zip(&line.values) {
            let Some(value) = *value else { continue };
            summary.known += 1;
            summary.present += u64::from(value == 1.0);
            summary.other += u64::from(value != 0.0 && value != 1.0);
        }
        films.push(line)?;
        if films.written() % REPORT_EVERY == 0 {
            progress.step("films", 0, 0)?;
        }
    }
    let rows = films.written();
    let written = Written { name: FILMS, sealed: films.finish()?, rows };
    Ok((written, columns.iter().cloned().zip(summaries).collect()))
}

fn copy<R: Layout + Keyed>(
    path: &Path,
    name: &'static str,
    shape: R::Shape,
    sources: Vec<Box<dyn Source<R> + '_>>,
    progress: &Progress<'_>,
) -> Result<Written> {
    let mut writer = TableWriter::create(path, shape)?;
    let mut merged = Merged::new(sources)?;
    while let Some(row) = merged.next()? {
        writer.push(row)?;
        if writer.written() % REPORT_EVERY == 0 {
            progress.step(name, 0, 0)?;
        }
    }
    let rows = writer.written();
    Ok(Written { name, sealed: writer.finish()?, rows })
}
