//! A Parquet file of a store, read by rows.
//!
//! In: columns and row numbers. Out: their cells, with only the pages decoded that hold them. The page index says where
//! a page lies; the index of the first column, by which every file is sorted, says where a key lies.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{DataType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMask, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::Length;
use parquet::file::serialized_reader::SerializedPageReader;

use super::blocks::CheckedFile;
use super::info::FileSeal;
use crate::error::{Error, Result};
use crate::fence;

/// An open file.
pub(super) struct Table {
    path: PathBuf,
    file: Arc<CheckedFile>,
    metadata: ParquetMetaData,
    /// First row of each row group, then the number of rows.
    starts: Vec<u64>,
    /// Pages of the first column in order.
    pages: Vec<KeyPage>,
}

/// A page of the column that the file is sorted by.
struct KeyPage {
    rows: Range<u64>,
    smallest: u32,
    largest: u32,
}

/// Cells of a column: values that are there, and the levels that say which are missing or begin a new row.
pub(super) struct Cells<T> {
    pub values: Vec<T>,
    pub definition: Vec<i16>,
    pub repetition: Vec<i16>,
}

/// A column that a file must have: name in the file, type.
pub(super) type Expected<'a> = (&'a str, Type);

impl Table {
    /// Opens a file whose columns must be `expected`, followed by any number of floats if `more_floats`.
    pub(super) fn open(
        path: &Path,
        seal: &FileSeal,
        digests: &[u8],
        expected: &[Expected<'_>],
        more_floats: bool,
        kept_open: bool,
    ) -> Result<Self> {
        let file = Arc::new(CheckedFile::open(path, seal, digests, kept_open)?);
        let metadata = fenced(path, || {
            ParquetMetaDataReader::new()
                .with_offset_index_policy(PageIndexPolicy::Required)
                .with_column_index_policy(PageIndexPolicy::Optional)
                .with_column_index_mask(ColumnChunkMask::columns([0]))
                .parse_and_finish(&*file)
        })?;
        let foreign = |what: &str| Error::store(path, format!("{what}; this is not a file of this store"));
        let columns = metadata.file_metadata().schema_descr().columns();
        let right = columns.len() >= expected.len()
            && columns.iter().zip(expected).all(|(column, (name, kind))| {
                column.path().parts().first().is_some_and(|first| first == name) && column.physical_type() == *kind
            })
            && columns[expected.len()..].iter().all(|column| more_floats && column.physical_type() == Type::FLOAT);
        if !right {
            return Err(foreign("its columns are not those that belong here"));
        }
        let mut starts = vec![0_u64];
        for group in metadata.row_groups() {
            let rows = u64::try_from(group.num_rows()).map_err(|_| foreign("its row count is negative"))?;
            let end = starts.last().copied().unwrap_or_default().checked_add(rows);
            starts.push(end.ok_or_else(|| foreign("its row count overflows"))?);
            if group.num_columns() != columns.len() {
                return Err(foreign("a row group lacks columns"));
            }
        }
        let pages = fenced(path, || key_pages(&metadata, &starts))?;
        Ok(Self { path: path.to_path_buf(), file, metadata, starts, pages })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file.
    pub(super) fn bytes(&self) -> u64 {
        Length::len(&*self.file)
    }

    /// Rows of the file.
    pub(super) fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// Names of the columns from `first` on.
    pub(super) fn names_from(&self, first: usize) -> Vec<String> {
        let columns = self.metadata.file_metadata().schema_descr().columns();
        columns.iter().skip(first).map(|column| column.name().to_owned()).collect()
    }

    /// Cells of a column in ascending ranges of rows that do not overlap.
    pub(super) fn cells<T: DataType>(&self, column: usize, ranges: &[Range<u64>]) -> Result<Cells<T::T>> {
        if ranges.iter().any(|range| range.start > range.end || range.end > self.rows()) {
            return Err(Error::store(&self.path, "rows were asked for that the file does not have; encode again"));
        }
        fenced(&self.path, || {
            let mut cells = Cells { values: Vec::new(), definition: Vec::new(), repetition: Vec::new() };
            for (group, bounds) in self.starts.windows(2).enumerate() {
                let inside = |range: &Range<u64>| range.start.max(bounds[0])..range.end.min(bounds[1]);
                let first = ranges.partition_point(|range| range.end <= bounds[0]);
                let here = ranges[first..].iter().take_while(|range| range.start < bounds[1]);
                let mut here = here.map(inside).filter(|range| !range.is_empty()).peekable();
                if here.peek().is_none() {
                    continue;
                }
                let chunk = self.metadata.row_group(group).column(column);
                let index = self.metadata.page_index_for_row_group(group);
                let locations = index.page_locations(column).cloned();
                let rows = (bounds[1] - bounds[0]) as usize;
                let pages = SerializedPageReader::new(Arc::clone(&self.file), chunk, rows, locations)?;
                let mut reader = ColumnReaderImpl::<T>::new(chunk.column_descr_ptr(), Box::new(pages));
                let mut position = bounds[0];
                for range in here {
                    reader.skip_records((range.start - position) as usize)?;
                    position = range.start;
                    while position < range.end {
                        let wanted = (range.end - position) as usize;
                        let (read, _, _) = reader.read_records(
                            wanted,
                            Some(&mut cells.definition),
                            Some(&mut cells.repetition),
                            &mut cells.values,
                        )?;
                        if read == 0 {
                            return Err(ParquetError::EOF("a column ends early".into()));
                        }
                        position += read as u64;
                    }
                }
            }
            Ok(cells)
        })
    }

    /// Values of a column without missing ones.
    pub(super) fn values<T: DataType>(&self, column: usize, ranges: &[Range<u64>]) -> Result<Vec<T::T>> {
        let cells = self.cells::<T>(column, ranges)?;
        let wanted: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        if cells.values.len() as u64 == wanted {
            Ok(cells.values)
        } else {
            Err(Error::store(&self.path, "a column lacks values; copy or encode the store again"))
        }
    }

    /// A column of whole numbers from 0 on.
    pub(super) fn indices(&self, column: usize, ranges: &[Range<u64>]) -> Result<Vec<u32>> {
        let values = self.values::<Int32Type>(column, ranges)?;
        // The writer refuses what is above i32::MAX, so a negative number is damage.
        if values.iter().any(|&value| value < 0) {
            return Err(Error::store(&self.path, "a number is negative; copy or encode the store again"));
        }
        Ok(values.into_iter().map(|value| value as u32).collect())
    }

    /// The rows of each key in the first column, empty where there are none. `keys` ascend.
    pub(super) fn locate(&self, keys: &[u32]) -> Result<Vec<Range<u64>>> {
        let mut spans: Vec<Range<u64>> = Vec::new();
        for &key in keys {
            let first = self.pages.partition_point(|page| page.largest < key);
            for page in self.pages[first..].iter().take_while(|page| page.smallest <= key) {
                match spans.last_mut() {
                    Some(last) if last.end >= page.rows.end => {}
                    Some(last) if last.end == page.rows.start => last.end = page.rows.end,
                    _ => spans.push(page.rows.clone()),
                }
            }
        }
        let values = self.indices(0, &spans)?;
        if !values.is_sorted() {
            return Err(Error::store(&self.path, "its rows are not in order; copy or encode the store again"));
        }
        let row_of = |mut place: u64| {
            for span in &spans {
                let length = span.end - span.start;
                if place < length {
                    return span.start + place;
                }
                place -= length;
            }
            self.rows()
        };
        let found = keys.iter().map(|&key| {
            let first = values.partition_point(|&value| value < key) as u64;
            let count = values[first as usize..].partition_point(|&value| value == key) as u64;
            if count == 0 {
                return 0..0;
            }
            let start = row_of(first);
            start..start + count
        });
        Ok(found.collect())
    }
}

/// Sorted ranges with neighbours joined, for [`Table::cells`].
pub(super) fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn key_pages(metadata: &ParquetMetaData, starts: &[u64]) -> parquet::errors::Result<Vec<KeyPage>> {
    let lacking = || ParquetError::General("the index of pages is missing".into());
    let mut pages = Vec::new();
    for (group, bounds) in starts.windows(2).enumerate() {
        if bounds[0] == bounds[1] {
            continue;
        }
        let index = metadata.page_index_for_row_group(group);
        let locations = index.page_locations(0).ok_or_else(lacking)?;
        let Some(ColumnIndexMetaData::INT32(keys)) = index.column_index(0) else { return Err(lacking()) };
        let rows_at = |page: usize| match locations.get(page) {
            Some(location) => u64::try_from(location.first_row_index).ok()?.checked_add(bounds[0]),
            None => Some(bounds[1]),
        };
        for page in 0..locations.len() {
            let key = |value: Option<&i32>| value.and_then(|&value| u32::try_from(value).ok()).ok_or_else(lacking);
            let rows = rows_at(page).ok_or_else(lacking)?..rows_at(page + 1).ok_or_else(lacking)?;
            if rows.start >= rows.end || rows.end > bounds[1] {
                return Err(lacking());
            }
            pages.push(KeyPage { rows, smallest: key(keys.min_value(page))?, largest: key(keys.max_value(page))? });
        }
    }
    if pages.is_sorted_by(|a, b| a.rows.end == b.rows.start && a.largest <= b.smallest) {
        Ok(pages)
    } else {
        Err(lacking())
    }
}

/// Runs the Parquet decoder: its errors, and its panics on files that somebody sealed with intent, become one error.
fn fenced<T>(path: &Path, decode: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let outcome = fence::fenced(decode).and_then(|decoded| decoded.map_err(words));
    outcome.map_err(|why| Error::store(path, format!("damaged ({why}); copy or encode the store again")))
}

/// A Parquet error in one line.
pub(super) fn words(error: ParquetError) -> String {
    let text = match error {
        ParquetError::External(inner) => inner.to_string(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}
