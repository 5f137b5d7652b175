//! The columns of each file of a store.
//!
//! In: a group of rows. Out: their columns, written. One [`Layout`] a file.
//!
//! Pages are small, because a gallery reads single pages. Whole numbers are delta-packed, values are plain: neither
//! shrinks further, and neither needs a dictionary that every lookup would have to read.

use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, Repetition, Type as Kind};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::rows::{Activation, FailedLine, FilmActivation, FilmLine, LatentLine};
use super::statistics::FeatureStatistics;
use super::table_writer::{Group, Layout};

/// Floats of latents in a row group.
const LATENT_FLOATS: usize = 1 << 22;

fn field(name: &str, kind: Kind, repetition: Repetition) -> parquet::errors::Result<TypePtr> {
    Type::primitive_type_builder(name, kind).with_repetition(repetition).build().map(Arc::new)
}

fn required(name: &str, kind: Kind) -> parquet::errors::Result<TypePtr> {
    field(name, kind, Repetition::REQUIRED)
}

fn text(name: &str) -> parquet::errors::Result<TypePtr> {
    Type::primitive_type_builder(name, Kind::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String))
        .with_converted_type(ConvertedType::UTF8)
        .build()
        .map(Arc::new)
}

/// A list as the format's own rules shape it, so that every reader takes it for one.
fn list(name: &str, kind: Kind) -> parquet::errors::Result<TypePtr> {
    let inner = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![required("element", kind)?])
        .build()?;
    Type::group_type_builder(name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_converted_type(ConvertedType::LIST)
        .with_fields(vec![Arc::new(inner)])
        .build()
        .map(Arc::new)
}

fn message(name: &str, fields: Vec<TypePtr>) -> parquet::errors::Result<Type> {
    Type::group_type_builder(name).with_fields(fields).build()
}

fn column<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<(&[i16], Option<&[i16]>)>,
) -> parquet::errors::Result<()> {
    let mut writer = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".into()))?;
    let (definition, repetition) = levels.map_or((None, None), |(d, r)| (Some(d), r));
    writer.typed::<T>().write_batch(values, definition, repetition)?;
    writer.close()
}

fn integers<R>(group: &mut Group<'_>, rows: &[R], value: impl Fn(&R) -> u32) -> parquet::errors::Result<()> {
    let values: parquet::errors::Result<Vec<i32>> =
        rows.iter().map(|row| i32::try_from(value(row)).map_err(ParquetError::from)).collect();
    column::<Int32Type>(group, &values?, None)
}

fn texts<R>(group: &mut Group<'_>, rows: &[R], value: impl Fn(&R) -> &str) -> parquet::errors::Result<()> {
    let values: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(value(row))).collect();
    column::<ByteArrayType>(group, &values, None)
}

fn lists<T: DataType>(group: &mut Group<'_>, rows: &[&[T::T]]) -> parquet::errors::Result<()> {
    let mut repetition = Vec::new();
    let mut definition = Vec::new();
    for row in rows {
        repetition.extend((0..row.len().max(1)).map(|i| i16::from(i > 0)));
        definition.extend(std::iter::repeat_n(i16::from(!row.is_empty()), row.len().max(1)));
    }
    column::<T>(group, &rows.concat(), Some((&definition, Some(&repetition))))
}

impl Layout for Activation {
    type Shape = ();

    fn schema((): &()) -> parquet::errors::Result<Type> {
        let integer = |name| required(name, Kind::INT32);
        let value = required("value", Kind::FLOAT)?;
        message("activations", vec![integer("feature")?, integer("film")?, integer("token")?, value])
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        packed(builder.set_data_page_row_count_limit(4096), &["feature", "film", "token"])
    }

    fn group_rows((): &()) -> usize {
        1 << 20
    }

    fn write(rows: &[Self], group: &mut Group<'_>, (): &()) -> parquet::errors::Result<()> {
        integers(group, rows, |row| row.feature)?;
        integers(group, rows, |row| row.film)?;
        integers(group, rows, |row| row.token)?;
        column::<FloatType>(group, &rows.iter().map(|row| row.value).collect::<Vec<_>>(), None)
    }
}

impl Layout for FilmActivation {
    type Shape = ();

    fn schema((): &()) -> parquet::errors::Result<Type> {
        let integer = |name| required(name, Kind::INT32);
        let value = required("value", Kind::FLOAT)?;
        message("film_features", vec![integer("film")?, integer("feature")?, integer("token")?, value])
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        packed(builder.set_data_page_row_count_limit(2048), &["film", "feature", "token"])
    }

    fn group_rows((): &()) -> usize {
        1 << 20
    }

    fn write(rows: &[Self], group: &mut Group<'_>, (): &()) -> parquet::errors::Result<()> {
        integers(group, rows, |row| row.0.film)?;
        integers(group, rows, |row| row.0.feature)?;
        integers(group, rows, |row| row.0.token)?;
        column::<FloatType>(group, &rows.iter().map(|row| row.0.value).collect::<Vec<_>>(), None)
    }
}

impl Layout for FilmLine {
    /// Names of the columns.
    type Shape = Vec<String>;

    fn schema(columns: &Self::Shape) -> parquet::errors::Result<Type> {
        let mut fields = vec![required("film", Kind::INT32)?, text("path")?, text("patient")?];
        for name in columns {
            fields.push(field(name, Kind::FLOAT, Repetition::OPTIONAL)?);
        }
        message("films", fields)
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let builder = ["path", "patient"].into_iter().map(ColumnPath::from).fold(builder, |builder, name| {
            builder.set_column_compression(name.clone(), Compression::SNAPPY).set_column_dictionary_enabled(name, false)
        });
        // Columns of zeros and ones shrink to a bit a film with a dictionary; one with more values goes without.
        let builder = builder.set_dictionary_enabled(true).set_dictionary_page_size_limit(4096);
        packed(builder.set_data_page_row_count_limit(512).set_write_batch_size(512), &["film"])
    }

    fn group_rows(_: &Self::Shape) -> usize {
        1 << 16
    }

    fn write(rows: &[Self], group: &mut Group<'_>, columns: &Self::Shape) -> parquet::errors::Result<()> {
        integers(group, rows, |row| row.film)?;
        texts(group, rows, |row| &row.path)?;
        texts(group, rows, |row| &row.patient)?;
        for index in 0..columns.len() {
            let cells = rows.iter().map(|row| row.values.get(index).copied().flatten());
            let definition: Vec<i16> = cells.clone().map(|cell| i16::from(cell.is_some())).collect();
            column::<FloatType>(group, &cells.flatten().collect::<Vec<_>>(), Some((&definition, None)))?;
        }
        Ok(())
    }
}

impl Layout for FailedLine {
    type Shape = ();

    fn schema((): &()) -> parquet::errors::Result<Type> {
        message("failed", vec![required("film", Kind::INT32)?, text("path")?, text("error")?])
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        builder.set_compression(Compression::SNAPPY)
    }

    fn group_rows((): &()) -> usize {
        1 << 16
    }

    fn write(rows: &[Self], group: &mut Group<'_>, (): &()) -> parquet::errors::Result<()> {
        integers(group, rows, |row| row.film)?;
        texts(group, rows, |row| &row.path)?;
        texts(group, rows, |row| &row.error)
    }
}

impl Layout for LatentLine {
    /// Length of a latent.
    type Shape = usize;

    fn schema(_: &usize) -> parquet::errors::Result<Type> {
        let integer = |name| required(name, Kind::INT32);
        message("latents", vec![integer("film")?, integer("token")?, list("latent", Kind::FLOAT)?])
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        packed(builder.set_data_page_row_count_limit(64).set_write_batch_size(64), &["film", "token"])
    }

    fn group_rows(length: &usize) -> usize {
        (LATENT_FLOATS / (*length).max(1)).max(1)
    }

    fn write(rows: &[Self], group: &mut Group<'_>, _: &usize) -> parquet::errors::Result<()> {
        integers(group, rows, |row| row.film)?;
        integers(group, rows, |row| row.token)?;
        lists::<FloatType>(group, &rows.iter().map(|row| row.latent.as_slice()).collect::<Vec<_>>())
    }
}

impl Layout for FeatureStatistics {
    type Shape = ();

    fn schema((): &()) -> parquet::errors::Result<Type> {
        let long = |name| required(name, Kind::INT64);
        let double = |name| required(name, Kind::DOUBLE);
        let fields = vec![
            required("feature", Kind::INT32)?,
            long("first_row")?,
            long("rows")?,
            long("films")?,
            double("firing_rate")?,
            required("max", Kind::FLOAT)?,
            double("mean")?,
            double("norm")?,
            list("quantiles", Kind::FLOAT)?,
            list("histogram", Kind::INT32)?,
        ];
        message("features", fields)
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        builder.set_data_page_row_count_limit(256).set_write_batch_size(256)
    }

    fn group_rows((): &()) -> usize {
        1 << 14
    }

    fn write(rows: &[Self], group: &mut Group<'_>, (): &()) -> parquet::errors::Result<()> {
        let long = |group: &mut Group<'_>, value: fn(&Self) -> u64| {
            let values: Result<Vec<i64>, _> = rows.iter().map(|row| i64::try_from(value(row))).collect();
            column::<Int64Type>(group, &values?, None)
        };
        let double = |group: &mut Group<'_>, value: fn(&Self) -> f64| {
            column::<DoubleType>(group, &rows.iter().map(value).collect::<Vec<_>>(), None)
        };
        integers(group, rows, |row| row.feature)?;
        long(group, |row| row.first_row)?;
        long(group, |row| row.rows)?;
        long(group, |row| row.films)?;
        double(group, |row| row.firing_rate)?;
        column::<FloatType>(group, &rows.iter().map(|row| row.max).collect::<Vec<_>>(), None)?;
        double(group, |row| row.mean)?;
        double(group, |row| row.norm)?;
        lists::<FloatType>(group, &rows.iter().map(|row| row.quantiles.as_slice()).collect::<Vec<_>>())?;
        let histograms: Result<Vec<Vec<i32>>, _> =
            rows.iter().map(|row| row.histogram.iter().map(|&count| i32::try_from(count)).collect()).collect();
        lists::<Int32Type>(group, &histograms?.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// Delta-packs columns of whole numbers.
fn packed(builder: WriterPropertiesBuilder, names: &[&str]) -> WriterPropertiesBuilder {
    names.iter().fold(builder, |builder, name| {
        let path = ColumnPath::from(*name);
        builder
            .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(path, false)
    })
}
