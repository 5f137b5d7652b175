//! The legacy stream of PyTorch 0.1.10 to 1.5, and later on request: four pickles, the keys of the storages, then for
//! each storage the number of elements and the elements.
//!
//! Source: `torch/serialization.py` (`_legacy_save`, `_legacy_load`), `torch/csrc/generic/serialization.cpp`.

use std::collections::HashMap;

use super::cursor::{Cursor, damaged, shown, unsupported};
use super::node::Outside;
use super::{Dtype, Storage, Value, machine};
use crate::Result;

/// The first pickle.
const MAGIC: i128 = 0x1950_A86A_20F9_469C_FC6C;

/// The second pickle.
const PROTOCOL: i64 = 1001;

const WHERE: &str = "the file";

/// The tree and storages of a stream.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<Storage<'_>>)> {
    let mut cursor = Cursor::new(bytes, 0, WHERE);
    let mut outside = Outside::default();
    if !matches!(machine::run(&mut cursor, &mut outside)?, Value::Int(MAGIC)) {
        return Err(unsupported("a pickle that torch.save did not write"));
    }
    let version = machine::run(&mut cursor, &mut outside)?;
    if version.as_i64() != Some(PROTOCOL) {
        return Err(unsupported(format_args!("a legacy file of another version than {PROTOCOL}")));
    }
    // What machine wrote it. The elements are little endian all the same.
    machine::run(&mut cursor, &mut outside)?;

    let root = machine::run(&mut cursor, &mut outside)?;
    let keys = machine::run(&mut cursor, &mut outside)?;
    let found = elements(&mut cursor, &keys, &outside)?;
    let storages = outside.resolve(|storage| match found.get(storage.key.as_str()) {
        Some(data) if storage.whole.checked_mul(storage.dtype.size()) == Some(data.len()) => Ok(*data),
        Some(data) => {
            let (key, bytes_found) = (shown(&storage.key), data.len());
            let what = format_args!("storage {key} has {bytes_found} bytes instead of {} elements", storage.whole);
            Err(damaged(what, bytes.len(), WHERE))
        }
        None => Err(damaged(format_args!("storage {} is missing", shown(&storage.key)), bytes.len(), WHERE)),
    })?;
    Ok((root, storages))
}

/// Elements of every storage in the order of `keys`, by key.
fn elements<'a>(cursor: &mut Cursor<'a>, keys: &Value, outside: &Outside) -> Result<HashMap<String, &'a [u8]>> {
    let dtypes: HashMap<&str, Dtype> = outside.storages.iter().map(|s| (s.key.as_str(), s.dtype)).collect();
    let keys = keys.as_items().ok_or_else(|| cursor.damaged("the storages have no list of keys"))?;
    let mut found = HashMap::new();
    for key in keys {
        let key = match key {
            Value::Text(key) => key.to_string(),
            Value::Int(key) => key.to_string(),
            _ => return Err(cursor.damaged("a storage's key is no text")),
        };
        let Some(&dtype) = dtypes.get(key.as_str()) else {
            return Err(cursor.damaged(format_args!("storage {} belongs to no tensor", shown(&key))));
        };
        found.insert(key, counted(cursor, dtype)?);
    }
    Ok(found)
}

/// The number of elements, then the elements.
pub(super) fn counted<'a>(cursor: &mut Cursor<'a>, dtype: Dtype) -> Result<&'a [u8]> {
    let count = cursor.u64()?;
    cursor.take_long(count.saturating_mul(dtype.size() as u64))
}
