//! Joins the stores of shards into one.
//!
//! In: finished stores of the same run. Out: the store that one run over all their films would have written, byte for
//! byte, whole or not at all. Rows stream through: memory does not grow with the stores.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use parquet::data_type::FloatType;

use super::assemble::{Inputs, assemble};
use super::films::texts;
use super::info::{Manifest, StoreInfo, sync_folder_of};
use super::merging::Source;
use super::reader::Store;
use super::rows::{Activation, FailedLine, FilmActivation, FilmLine, LatentLine};
use super::sources::TableRows;
use super::table::Table;
use crate::engine::Progress;
use crate::error::{Error, Result};

/// Rows of a page of activations: batches are whole pages.
const PAGE: u64 = 4096;
/// Activations in memory, of all stores: 16 MB in each order.
const ROWS_IN_MEMORY: u64 = 1 << 20;

/// Joins stores into `output`, a new or empty folder. Stores of shards must be all shards of one run, each once; stores
/// without a shard must not share films.
///
/// # Errors
/// When the stores do not belong together or are damaged, `output` holds anything, the disk fails, or the user stops:
/// then nothing is left behind.
pub fn merge(stores: &[PathBuf], output: &Path, progress: &Progress<'_>) -> Result<Manifest> {
    let empty = fs::read_dir(output).map(|mut entries| entries.next().is_none());
    if output.exists() && !empty.unwrap_or(false) {
        return Err(Error::store(output, "the output exists already; choose a new or empty folder"));
    }
    let opened = stores.iter().map(|folder| Store::open_as(folder, false)).collect::<Result<Vec<_>>>()?;
    let info = common(&opened)?;
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |e: std::io::Error| Error::write(output, &e);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fluoro-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(parent).map_err(failed)?;
    let manifest = assemble(temporary.path(), &info, inputs(&opened), progress)?;
    manifest.write(temporary.path())?;
    // An empty folder gives way to a folder of the same name.
    fs::rename(temporary.path(), output).map_err(failed)?;
    let _ = temporary.keep();
    sync_folder_of(output);
    Ok(manifest)
}

/// What the merged store is of; refuses stores that do not belong together.
fn common(stores: &[Store]) -> Result<StoreInfo> {
    let Some(first) = stores.first() else {
        return Err(Error::Invalid("there is nothing to merge; name the folders of the shards".into()));
    };
    let whole = StoreInfo { shard: None, ..first.info().clone() };
    let mut seen = BTreeSet::new();
    for store in stores {
        let other = StoreInfo { shard: None, ..store.info().clone() };
        if let Some(difference) = other.difference(&whole) {
            return Err(Error::store(
                store.folder(),
                format!("this store is of another run than the first ({difference}); merge shards of one run"),
            ));
        }
        match (store.info().shard, first.info().shard) {
            (None, None) => {}
            (Some(own), Some(shared)) if own.count == shared.count => {
                if !seen.insert(own.index) {
                    return Err(Error::store(
                        store.folder(),
                        format!("shard {}/{} is given twice", own.index, own.count),
                    ));
                }
            }
            _ => {
                return Err(Error::store(
                    store.folder(),
                    "this store is cut into other shards than the first; merge shards of one run",
                ));
            }
        }
    }
    if let Some(shard) = first.info().shard
        && let Some(missing) = (1..=shard.count).find(|index| !seen.contains(index))
    {
        return Err(Error::store(
            first.folder(),
            format!("shard {missing}/{} is missing; name all shards", shard.count),
        ));
    }
    Ok(whole)
}

fn inputs(stores: &[Store]) -> Inputs<'_> {
    let columns: BTreeSet<&String> = stores.iter().flat_map(|store| store.columns()).collect();
    let columns: Vec<String> = columns.into_iter().cloned().collect();
    let pages = (ROWS_IN_MEMORY / stores.len().max(1) as u64 / PAGE).clamp(1, 16);
    let rows = pages * PAGE;
    let lines = (rows / 16).max(512);
    Inputs {
        film_count: stores.iter().map(Store::films_len).sum(),
        activation_count: stores.iter().map(|store| store.manifest().activations).sum(),
        activations: stores
            .iter()
            .map(|store| {
                boxed(&store.activations, rows, move |range| activations(&store.activations, range, store.info()))
            })
            .collect(),
        film_features: stores
            .iter()
            .map(|store| boxed(&store.film_features, rows, move |range| film_features(store, range)))
            .collect(),
        films: stores
            .iter()
            .map(|store| {
                let names = columns.iter().map(|name| store.columns().iter().position(|own| own == name));
                let places: Vec<Option<usize>> = names.collect();
                boxed(&store.films, lines, move |range| films(store, range, &places))
            })
            .collect(),
        failed: stores.iter().map(|store| boxed(&store.failed, lines, move |range| failures(store, range))).collect(),
        latents: stores
            .iter()
            .filter_map(|store| {
                let table = store.latents.as_ref()?;
                let length = store.info().latent_dim as usize;
                Some(boxed(table, 64, move |range| latents(table, range, length)))
            })
            .collect(),
        columns,
    }
}

fn boxed<'a, R: 'a>(
    table: &'a Table,
    batch: u64,
    read: impl Fn(Range<u64>) -> Result<Vec<R>> + Send + 'a,
) -> Box<dyn Source<R> + 'a> {
    Box::new(TableRows::new(table, batch, read))
}

fn activations(table: &Table, range: Range<u64>, info: &StoreInfo) -> Result<Vec<Activation>> {
    let range = [range];
    let features = table.indices(0, &range)?;
    let rows = features.into_iter().zip(table.indices(1, &range)?).zip(table.indices(2, &range)?);
    let rows: Vec<Activation> = rows
        .zip(table.values::<FloatType>(3, &range)?)
        .map(|(((feature, film), token), value)| Activation { feature, film, token, value })
        .collect();
    check(&rows, table, info)?;
    Ok(rows)
}

fn film_features(store: &Store, range: Range<u64>) -> Result<Vec<FilmActivation>> {
    let (table, range) = (&store.film_features, [range]);
    let films = table.indices(0, &range)?;
    let rows = films.into_iter().zip(table.indices(1, &range)?).zip(table.indices(2, &range)?);
    let rows: Vec<Activation> = rows
        .zip(table.values::<FloatType>(3, &range)?)
        .map(|(((film, feature), token), value)| Activation { feature, film, token, value })
        .collect();
    check(&rows, table, store.info())?;
    Ok(rows.into_iter().map(FilmActivation).collect())
}

fn check(rows: &[Activation], table: &Table, info: &StoreInfo) -> Result<()> {
    let sound = |row: &Activation| {
        row.feature < info.features && row.token < info.tokens && row.value > 0.0 && row.value.is_finite()
    };
    if rows.iter().all(sound) {
        Ok(())
    } else {
        Err(Error::store(table.path(), "a row is outside the store's sizes; encode this shard again"))
    }
}

fn films(store: &Store, range: Range<u64>, places: &[Option<usize>]) -> Result<Vec<FilmLine>> {
    let range = [range];
    let indices = store.films.indices(0, &range)?;
    let columns: Vec<Option<Vec<Option<f32>>>> = places
        .iter()
        .map(|place| place.map(|place| store.film_column(place, &range)).transpose())
        .collect::<Result<_>>()?;
    let texts = indices.into_iter().zip(store.film_texts(1, &range)?).zip(store.film_texts(2, &range)?);
    Ok(texts
        .enumerate()
        .map(|(row, ((film, path), patient))| {
            let values = columns.iter().map(|cells| *cells.as_ref()?.get(row)?).collect();
            FilmLine { film, path, patient, values }
        })
        .collect())
}

fn failures(store: &Store, range: Range<u64>) -> Result<Vec<FailedLine>> {
    let (table, range) = (&store.failed, [range]);
    let films = table.indices(0, &range)?;
    let rows = films.into_iter().zip(texts(table, 1, &range)?).zip(texts(table, 2, &range)?);
    Ok(rows.map(|((film, path), error)| FailedLine { film, path, error }).collect())
}

fn latents(table: &Table, range: Range<u64>, length: usize) -> Result<Vec<LatentLine>> {
    let range = [range];
    let films = table.indices(0, &range)?;
    let rows = films.into_iter().zip(table.indices(1, &range)?);
    let floats = table.cells::<FloatType>(2, &range)?.values;
    if floats.len() != rows.len() * length {
        return Err(Error::store(table.path(), "a latent has the wrong length; encode this shard again"));
    }
    let rows = rows.zip(floats.chunks_exact(length));
    Ok(rows.map(|((film, token), latent)| LatentLine { film, token, latent: latent.to_vec() }).collect())
}
