//! The tar container of PyTorch before 0.1.10: the members `storages` and `tensors`, numbered, and `pickle`, which names
//! tensors by number.
//!
//! Source: `legacy_load` in `torch/serialization.py`; POSIX.1-1988 ustar for the blocks of 512 bytes.

use std::collections::HashMap;
use std::sync::Arc;

use super::cursor::{Cursor, damaged, shown, unsupported};
use super::node::{Declared, Numbered, Outside};
use super::{Dtype, Storage, TensorRef, Value, legacy, limits, machine};
use crate::Result;

const BLOCK: usize = 512;

/// The tree and storages of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<Storage<'_>>)> {
    let members = members(bytes)?;
    let member = |name: &'static str| match members.get(name.as_bytes()) {
        Some(data) => Ok(Cursor::new(data, 0, name)),
        None => {
            Err(unsupported(format_args!("a tar archive without \"{name}\" (if it holds files, unpack them first)")))
        }
    };
    let mut outside = Outside::default();
    let data = storages(&mut member("storages")?, &mut outside)?;
    tensors(&mut member("tensors")?, &mut outside)?;
    let root = machine::run(&mut member("pickle")?, &mut outside)?;
    let storages = outside.resolve(|storage| match data.get(&storage.key) {
        Some(data) if storage.whole.checked_mul(storage.dtype.size()) == Some(data.len()) => Ok(*data),
        _ => Err(damaged(format_args!("storage {} is missing", shown(&storage.key)), bytes.len(), "the tar archive")),
    })?;
    Ok((root, storages))
}

/// Plain files of an archive by name.
fn members(bytes: &[u8]) -> Result<HashMap<&[u8], &[u8]>> {
    let mut cursor = Cursor::new(bytes, 0, "the tar archive");
    let mut members = HashMap::new();
    while cursor.at < bytes.len() {
        let header: [u8; BLOCK] = cursor.array()?;
        if header == [0; BLOCK] {
            break;
        }
        let name = &bytes[cursor.at - BLOCK..][..100];
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        let size = octal(&header[124..136]).ok_or_else(|| cursor.damaged("a member has no size"))?;
        let data = cursor.take(size)?;
        // The last member may lack its padding.
        cursor.at = cursor.at.next_multiple_of(BLOCK);
        if matches!(header[156], b'0' | 0) {
            members.insert(name.strip_prefix(b"./").unwrap_or(name), data);
        }
    }
    Ok(members)
}

/// A number in octal digits, padded by blanks and zeros.
fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

/// Storages: how many, then `(number, location, class)` and elements of each, then which are stretches of others.
fn storages<'a>(cursor: &mut Cursor<'a>, outside: &mut Outside) -> Result<HashMap<String, &'a [u8]>> {
    let mut data = HashMap::new();
    for _ in 0..count(cursor, outside)? {
        let entry = machine::run(cursor, outside)?;
        let (number, dtype) = match entry.as_items() {
            Some([Value::Int(number), _, Value::Name(class)]) => (*number, Dtype::of_storage(class)),
            _ => return Err(cursor.damaged("a storage is not described by three values")),
        };
        let dtype = dtype.ok_or_else(|| cursor.unsupported("a storage of an unknown type"))?;
        let elements = legacy::counted(cursor, dtype)?;
        let whole = elements.len() / dtype.size();
        let key = number.to_string();
        let declared = outside.declare(Declared { key: key.clone(), dtype, whole, view: None });
        let storage = declared.map_err(|reason| cursor.damaged(reason))?;
        outside.numbered.insert(number, Numbered::Storage(storage));
        data.insert(key, elements);
    }
    let views = machine::run(cursor, outside)?;
    for view in views.as_items().unwrap_or_default() {
        let numbers: Option<Vec<i128>> = view.as_items().map(|view| view.iter().filter_map(int).collect());
        let Some([number, root, start, count]) = numbers.as_deref() else {
            return Err(cursor.damaged("a view of a storage is not described by four numbers"));
        };
        let stretch = usize::try_from(*start).ok().zip(usize::try_from(*count).ok());
        let (Some(Numbered::Storage(root)), Some(stretch)) = (outside.numbered.get(root), stretch) else {
            return Err(cursor.damaged(format_args!("view {number} has no storage")));
        };
        let Declared { key, dtype, whole, .. } = &outside.storages[*root];
        let declared = Declared { key: key.clone(), dtype: *dtype, whole: *whole, view: Some(stretch) };
        let storage = outside.declare(declared).map_err(|reason| cursor.damaged(reason))?;
        outside.numbered.insert(*number, Numbered::Storage(storage));
    }
    Ok(data)
}

/// Tensors: how many, then `(number, storage, class)`, dimensions, shape, strides and offset of each.
fn tensors(cursor: &mut Cursor<'_>, outside: &mut Outside) -> Result<()> {
    for _ in 0..count(cursor, outside)? {
        let entry = machine::run(cursor, outside)?;
        let (number, storage) = match entry.as_items() {
            Some([Value::Int(number), Value::Int(storage), _]) => (*number, outside.numbered.get(storage)),
            _ => return Err(cursor.damaged("a tensor is not described by three values")),
        };
        let Some(&Numbered::Storage(storage)) = storage else {
            return Err(cursor.damaged(format_args!("tensor {number} has no storage")));
        };
        let dimensions = cursor.length()?;
        if dimensions > limits::DIMENSIONS {
            return Err(cursor.excessive(format_args!("a tensor of {dimensions} dimensions")));
        }
        // The number of dimensions once took 8 bytes.
        cursor.take(4)?;
        let (shape, strides) = (sizes(cursor, dimensions)?, sizes(cursor, dimensions)?);
        let offset = sizes(cursor, 1)?[0];
        let Declared { dtype, .. } = outside.storages[storage];
        let tensor = TensorRef::new(dtype, shape, strides, offset, storage, outside.storages[storage].count());
        let tensor = tensor.map_err(|reason| cursor.damaged(reason))?;
        outside.numbered.insert(number, Numbered::Tensor(Arc::new(tensor)));
    }
    Ok(())
}

fn sizes(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<usize>> {
    let size = |cursor: &mut Cursor<'_>| match isize::try_from(cursor.u64()?) {
        Ok(size) => Ok(size.unsigned_abs()),
        Err(_) => Err(cursor.damaged("a size is below 0")),
    };
    (0..count).map(|_| size(cursor)).collect()
}

/// How many entries follow.
fn count(cursor: &mut Cursor<'_>, outside: &mut Outside) -> Result<i64> {
    match machine::run(cursor, outside)?.as_i64() {
        Some(count) if count > limits::NAMES as i64 => Err(cursor.excessive(format_args!("{count} entries"))),
        Some(count) => Ok(count),
        None => Err(cursor.damaged("the number of entries is no number")),
    }
}

fn int(value: &Value) -> Option<i128> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}
