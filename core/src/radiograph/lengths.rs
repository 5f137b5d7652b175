//! A walk along the elements of a DICOM data set that reads no values: it finds where the file meta group ends, and
//! refuses lengths beyond the end of the data, for which the parser would set memory aside (up to 4 GiB each).

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};

/// Length of an element that ends with a delimiter, PS3.5 7.1.
const UNDEFINED: u32 = u32::MAX;

/// Marks of sequences, PS3.5 7.5.
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are written, PS3.5 7.1 and 7.3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    ExplicitLittle,
    ExplicitBig,
    ImplicitLittle,
}

impl Writing {
    /// Of a transfer syntax; all but two are explicit and little endian.
    pub fn of(syntax: &str) -> Self {
        match syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => Self::ImplicitLittle,
            "1.2.840.10008.1.2.2" => Self::ExplicitBig,
            _ => Self::ExplicitLittle,
        }
    }
}

/// End of the file meta group at the start of `data`, and the transfer syntax it names; `None` when damaged.
pub(super) fn meta_group(data: &[u8]) -> Option<(usize, String)> {
    let (mut at, mut syntax) = (0, None);
    while let Some(header) = Header::read(data.get(at..)?, Writing::ExplicitLittle).filter(|h| h.tag.group() == 2) {
        let value = data.get(at + header.bytes..(at + header.bytes).checked_add(header.length as usize)?)?;
        if header.tag == tags::TRANSFER_SYNTAX_UID {
            syntax = Some(std::str::from_utf8(value).ok()?.trim_end_matches(['\0', ' ']).to_owned());
        }
        at += header.bytes + value.len();
    }
    Some((at, syntax?))
}

/// Values of some elements at the outermost level, before the pixels; a data set that is cut short gives what comes before
/// the cut.
pub(super) fn find(data: &[u8], writing: Writing, wanted: &[Tag]) -> Vec<(Tag, String)> {
    let (mut at, mut depth, mut found) = (0_usize, 0_usize, Vec::new());
    while let Some(header) = data.get(at..).and_then(|rest| Header::read(rest, writing)) {
        at += header.bytes;
        if header.tag == tags::PIXEL_DATA || found.len() >= wanted.len() {
            break;
        }
        match header.tag {
            SEQUENCE_END => depth = depth.saturating_sub(1),
            ITEM | ITEM_END => {}
            _ if header.length == UNDEFINED => depth += 1,
            tag => {
                let end = at.saturating_add(header.length as usize);
                if let (true, Some(value)) = (depth == 0 && wanted.contains(&tag), data.get(at..end)) {
                    let text = String::from_utf8_lossy(value);
                    found.push((tag, text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()));
                }
                at = end;
            }
        }
    }
    found
}

/// Whether every element of a data set ends within it.
pub(super) fn fit(data: &[u8], writing: Writing) -> bool {
    let (mut at, mut in_fragments) = (0, false);
    while let Some(header) = data.get(at..).and_then(|rest| Header::read(rest, writing)) {
        at += header.bytes;
        match header.tag {
            ITEM if in_fragments => at = at.saturating_add(header.length as usize),
            SEQUENCE_END => in_fragments = false,
            ITEM | ITEM_END => {}
            _ if header.vr == VR::SQ => {}
            // A sequence of a type the file does not tell is implicit within; the parser finds its end by itself.
            _ if header.length == UNDEFINED && header.vr == VR::UN => return true,
            _ if header.length == UNDEFINED => in_fragments = true,
            _ => at = at.saturating_add(header.length as usize),
        }
        if at > data.len() {
            return false;
        }
    }
    true
}

struct Header {
    tag: Tag,
    vr: VR,
    length: u32,
    /// Bytes of the header itself.
    bytes: usize,
}

impl Header {
    fn read(data: &[u8], writing: Writing) -> Option<Self> {
        let short = |at: usize| {
            let pair = [*data.get(at)?, *data.get(at + 1)?];
            Some(if writing == Writing::ExplicitBig { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
        };
        let long = |at: usize| {
            let bytes = data.get(at..at + 4)?.try_into().ok()?;
            Some(if writing == Writing::ExplicitBig { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
        };
        let tag = Tag(short(0)?, short(2)?);
        if tag.group() == 0xFFFE {
            return Some(Self { tag, vr: VR::UN, length: long(4)?, bytes: 8 });
        }
        if writing == Writing::ImplicitLittle {
            let vr = StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed());
            return Some(Self { tag, vr, length: long(4)?, bytes: 8 });
        }
        let vr = VR::from_binary([*data.get(4)?, *data.get(5)?]).unwrap_or(VR::UN);
        match vr {
            VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV => Some(Self { tag, vr, length: long(8)?, bytes: 12 }),
            _ => Some(Self { tag, vr, length: u32::from(short(6)?), bytes: 8 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_end_are_found_at_every_depth() {
        let mut nested = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF".to_vec();
        nested.extend_from_slice(b"\x08\0\x50\x11UI\x02\x001\0\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0");
        assert!(fit(&nested, Writing::ExplicitLittle));
        nested[26] = 200;
        assert!(!fit(&nested, Writing::ExplicitLittle));
        let huge = b"\xE0\x7F\x10\0OW\0\0\xFE\xFF\xFF\xFFab";
        assert!(!fit(huge, Writing::ExplicitLittle));
        assert!(!fit(b"\x08\0\x05\0\x0A\0\0\x40ISO", Writing::ImplicitLittle));
        assert!(!fit(b"\0\x08\0\x60CS\0\x09DX", Writing::ExplicitBig));
        assert!(fit(b"\0\x08\0\x60CS\0\x02DX", Writing::ExplicitBig));
    }

    #[test]
    fn fragments_are_stepped_over() {
        let mut pixels =
            b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\x04\0\0\0abcd".to_vec();
        pixels.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        assert!(fit(&pixels, Writing::ExplicitLittle));
        pixels[24] = 100;
        assert!(!fit(&pixels, Writing::ExplicitLittle));
    }

    #[test]
    fn the_meta_group_ends_where_the_data_set_begins() {
        let file = b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0\x08\0\x60\0CS\x02\0DX";
        assert_eq!(meta_group(file), Some((28, "1.2.840.10008.1.2.1".into())));
        assert_eq!(meta_group(&file[..20]), None);
        assert_eq!(meta_group(&file[28..]), None);
    }
}
