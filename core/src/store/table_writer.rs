//! Writes one Parquet file of a store.
//!
//! In: rows in the order of the file. Out: a sealed file. Rows are collected to a fixed count before they become a row
//! group, so that equal rows make equal bytes wherever they came from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};

use super::blocks::{Sealed, SealingWriter};
use super::table::words;
use crate::error::{Error, Result};

/// A kind of row: its file's layout, and how many rows make a group.
pub(super) trait Layout: Sized {
    /// What the layout depends on besides the kind of row.
    type Shape;
    fn schema(shape: &Self::Shape) -> parquet::errors::Result<Type>;
    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder;
    fn group_rows(shape: &Self::Shape) -> usize;
    fn write(rows: &[Self], group: &mut Group<'_>, shape: &Self::Shape) -> parquet::errors::Result<()>;
}

pub(super) type Group<'a> = SerializedRowGroupWriter<'a, SealingWriter>;

/// Writes one file.
pub(super) struct TableWriter<R: Layout> {
    path: PathBuf,
    file: SerializedFileWriter<SealingWriter>,
    rows: Vec<R>,
    written: u64,
    shape: R::Shape,
}

impl<R: Layout> TableWriter<R> {
    pub(super) fn create(path: &Path, shape: R::Shape) -> Result<Self> {
        let failed = |e| write_error(path, e);
        let builder = WriterProperties::builder()
            .set_created_by("Fluoro".into())
            .set_dictionary_enabled(false)
            .set_compression(Compression::UNCOMPRESSED)
            .set_data_page_size_limit(64 << 20)
            .set_statistics_enabled(EnabledStatistics::Chunk);
        let schema = R::schema(&shape).map_err(failed)?;
        let mut properties = R::properties(builder);
        if let Some(first) = schema.get_fields().first() {
            // The key column: its page index is how a key is found.
            let key = ColumnPath::from(first.name());
            properties = properties.set_column_statistics_enabled(key, EnabledStatistics::Page);
        }
        let sink = SealingWriter::create(path)?;
        let file = SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties.build())).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), file, rows: Vec::new(), written: 0, shape })
    }

    pub(super) fn push(&mut self, row: R) -> Result<()> {
        self.rows.push(row);
        if self.rows.len() == R::group_rows(&self.shape) { self.write_group() } else { Ok(()) }
    }

    /// Rows so far.
    pub(super) fn written(&self) -> u64 {
        self.written + self.rows.len() as u64
    }

    /// Writes what is left and seals.
    pub(super) fn finish(mut self) -> Result<Sealed> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        let sink = self.file.into_inner().map_err(|e| write_error(&self.path, e))?;
        sink.finish().map_err(|e| Error::write(&self.path, &e))
    }

    fn write_group(&mut self) -> Result<()> {
        let failed = |e| write_error(&self.path, e);
        let mut group = self.file.next_row_group().map_err(failed)?;
        R::write(&self.rows, &mut group, &self.shape).map_err(failed)?;
        group.close().map_err(failed)?;
        self.written += self.rows.len() as u64;
        self.rows.clear();
        Ok(())
    }
}

fn write_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(inner) => Error::write(path, &inner),
            Err(inner) => Error::Write { path: path.to_path_buf(), reason: inner.to_string() },
        },
        other => Error::Write { path: path.to_path_buf(), reason: words(other) },
    }
}
