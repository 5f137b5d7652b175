//! The zip container of PyTorch 1.6 and later: `NAME/data.pkl`, `NAME/byteorder`, `NAME/data/KEY`, all uncompressed.
//!
//! Source: `torch/serialization.py` (`_save`, `_load`); PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.

use std::collections::HashMap;

use super::cursor::{Cursor, damaged, excessive, shown, unsupported};
use super::node::Outside;
use super::{Storage, Value, limits, machine};
use crate::Result;

const WHERE: &str = "the zip archive";

/// Signatures and sizes of the records, APPNOTE 4.3.7, 4.3.12, 4.3.14 to 4.3.16.
const LOCAL: u32 = 0x0403_4B50;
const CENTRAL: u32 = 0x0201_4B50;
const END64: u32 = 0x0606_4B50;
const LOCATOR64: u32 = 0x0706_4B50;
const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR64_BYTES: usize = 20;

/// Entries of an archive by name.
type Entries<'a> = HashMap<&'a str, Entry>;

#[derive(Clone, Copy)]
struct Entry {
    method: u16,
    size: u64,
    /// Where its local header starts.
    header: u64,
}

/// The tree and storages of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<Storage<'_>>)> {
    let entries = entries(bytes)?;
    let mut pickles = entries.keys().filter(|name| name.rsplit('/').next() == Some("data.pkl"));
    let (pickle, folder) = match (pickles.next(), pickles.next()) {
        (Some(&pickle), None) => (pickle, pickle.strip_suffix("data.pkl").unwrap_or_default()),
        (Some(_), Some(_)) => return Err(unsupported("a zip archive with several data.pkl")),
        _ => return Err(unsupported("a zip archive without data.pkl (if it holds files, unpack them first)")),
    };
    let named = |name: &str| format!("{folder}{name}");
    if entries.contains_key(named("constants.pkl").as_str()) {
        return Err(unsupported("a TorchScript program (torch.jit.save)"));
    }
    if let Some(order) = entries.get(named("byteorder").as_str())
        && data(bytes, order, "byteorder")? != b"little"
    {
        return Err(unsupported("a file saved on a big-endian machine"));
    }
    let mut outside = Outside::default();
    let part = shown(pickle);
    let mut cursor = Cursor::new(data(bytes, &entries[pickle], &part)?, 0, &part);
    let root = machine::run(&mut cursor, &mut outside)?;
    let storages = outside.resolve(|storage| {
        let name = named(&format!("data/{}", storage.key));
        let entry = entries.get(name.as_str());
        let entry = entry.ok_or_else(|| damaged(format_args!("{} is missing", shown(&name)), 0, WHERE))?;
        let found = data(bytes, entry, &name)?;
        let expected = storage.whole.saturating_mul(storage.dtype.size());
        if found.len() != expected {
            let what = format_args!("{} has {} bytes instead of {expected}", shown(&name), found.len());
            return Err(damaged(what, entry.header as usize, WHERE));
        }
        Ok(found)
    })?;
    Ok((root, storages))
}

/// Every entry that the central directory lists.
fn entries(bytes: &[u8]) -> Result<Entries<'_>> {
    let (count, start) = directory(bytes)?;
    if count > limits::NAMES as u64 {
        return Err(excessive(format_args!("{count} entries"), WHERE));
    }
    let mut cursor = Cursor::new(bytes, start, WHERE);
    let mut entries = Entries::new();
    for _ in 0..count {
        if cursor.u32()? != CENTRAL {
            return Err(cursor.damaged("the list of entries is broken"));
        }
        let fixed: [u8; 42] = cursor.array()?;
        let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let name = cursor.take(short(24).into())?;
        let name = std::str::from_utf8(name).map_err(|_| cursor.damaged("an entry's name is not UTF-8"))?;
        let extra = cursor.take(short(26).into())?;
        cursor.take(short(28).into())?;
        let [size, _packed, header] = wide([long(20), long(16), long(38)], extra);
        if entries.insert(name, Entry { method: short(6), size, header }).is_some() {
            return Err(excessive(format_args!("two entries called {}", shown(name)), WHERE));
        }
    }
    Ok(entries)
}

/// Size, compressed size and place of the header; those that are all ones are in the zip64 field of `extra`, in this
/// order, APPNOTE 4.5.3.
fn wide(narrow: [u32; 3], extra: &[u8]) -> [u64; 3] {
    let mut fields = extra;
    let mut zip64: &[u8] = &[];
    while let [a, b, c, d, rest @ ..] = fields {
        let Some((field, rest)) = rest.split_at_checked(u16::from_le_bytes([*c, *d]).into()) else { break };
        if u16::from_le_bytes([*a, *b]) == 1 {
            zip64 = field;
        }
        fields = rest;
    }
    let (numbers, _) = zip64.as_chunks();
    let mut numbers = numbers.iter().map(|&number| u64::from_le_bytes(number));
    narrow.map(|value| if value == u32::MAX { numbers.next().unwrap_or(u64::MAX) } else { value.into() })
}

/// Number of entries and where the central directory starts.
fn directory(bytes: &[u8]) -> Result<(u64, usize)> {
    // The end record stands last, before a comment of up to 65535 bytes.
    let earliest = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let end = bytes[earliest..].windows(END.len()).rposition(|window| window == END).map(|at| earliest + at);
    let end = end.ok_or_else(|| damaged("it has no end, which a download that broke off lacks", bytes.len(), WHERE))?;
    let mut cursor = Cursor::new(bytes, end + 10, WHERE);
    let (count, _size, start) = (cursor.u16()?, cursor.u32()?, cursor.u32()?);
    let locator = end.checked_sub(LOCATOR64_BYTES);
    let mut locator = Cursor::new(bytes, locator.unwrap_or(bytes.len()), WHERE);
    if (count == u16::MAX || start == u32::MAX) && locator.u32().is_ok_and(|signature| signature == LOCATOR64) {
        locator.u32()?;
        let mut end64 = Cursor::new(bytes, fitting(locator.u64()?), WHERE);
        if end64.u32()? != END64 {
            return Err(end64.damaged("the zip64 end is not where it should be"));
        }
        end64.take(28)?;
        let (count, _size, start) = (end64.u64()?, end64.u64()?, end64.u64()?);
        return Ok((count, fitting(start)));
    }
    Ok((count.into(), start as usize))
}

/// A place in the file, or one that no file reaches.
fn fitting(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The bytes of an entry.
fn data<'a>(bytes: &'a [u8], entry: &Entry, name: &str) -> Result<&'a [u8]> {
    let mut cursor = Cursor::new(bytes, fitting(entry.header), WHERE);
    if entry.method != 0 {
        return Err(unsupported(format_args!("{}, which is compressed; PyTorch compresses nothing", shown(name))));
    }
    if cursor.u32()? != LOCAL {
        return Err(cursor.damaged(format_args!("{} is not where the list of entries says", shown(name))));
    }
    cursor.take(22)?;
    let skipped = usize::from(cursor.u16()?) + usize::from(cursor.u16()?);
    cursor.take(skipped)?;
    cursor.take_long(entry.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_sizes_stand_in_the_zip64_field() {
        let field = [b"\x55\x54\x01\0x".as_slice(), b"\x01\0\x10\0", &[1, 0, 0, 0, 2, 0, 0, 0], &[3; 8]].concat();
        assert_eq!(wide([u32::MAX, 7, u32::MAX], &field), [0x2_0000_0001, 7, 0x0303_0303_0303_0303]);
        assert_eq!(wide([5, 6, 7], &field), [5, 6, 7]);
        assert_eq!(wide([u32::MAX, 6, 7], b"\x01\0\xff\xff"), [u64::MAX, 6, 7]);
    }
}
