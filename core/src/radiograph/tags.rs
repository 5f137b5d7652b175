//! Everything that a film's file says, as a table. In: the file's bytes. Out: [`TagRow`]s: for DICOM one for each element,
//! those of sequences below theirs; for PNG and JPEG the texts and blocks that they carry. Each row knows whether it
//! identifies somebody, so that a switch can hide it.

use std::path::Path;

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_core::header::Header as _;
use dicom_core::value::Value;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use dicom_object::InMemDicomObject;

use super::dicom::DicomFile;
use super::identifying::is_identifying;
use super::{Kind, png_text, read, sniff};
use crate::error::{Error, Result};

/// Characters of a value that are shown.
const LONGEST_VALUE: usize = 256;
/// Rows listed; a file with more is not one to read by eye.
const MOST_ROWS: usize = 20_000;
/// Sequences in sequences that are followed.
const DEEPEST: usize = 16;
/// Blocks of a JPEG that are looked at.
const MOST_BLOCKS: usize = 64;

/// One thing that a file says.
#[derive(Clone, PartialEq, Eq)]
pub struct TagRow {
    /// Where it stands: `(0010,0010)`, or a chunk's or block's name.
    pub tag: String,
    /// What it is called: `PatientName`; empty for private ones.
    pub keyword: String,
    /// How its value is written: `PN`; empty outside DICOM.
    pub kind: String,
    /// What it says, shortened; binary values as their size.
    pub value: String,
    /// Sequences that it lies in.
    pub depth: usize,
    /// Whether it identifies somebody: hidden while privacy is on.
    pub is_identifying: bool,
}

impl std::fmt::Debug for TagRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.is_identifying { "hidden" } else { &self.value };
        write!(f, "{} {} {value}", self.tag, self.keyword)
    }
}

/// Everything that a file says about itself.
///
/// # Errors
/// When the file cannot be read, is no film, or is damaged.
pub fn tags(path: &Path) -> Result<Vec<TagRow>> {
    tags_of(path, &read(path)?)
}

/// As [`tags()`], of a file's bytes; `path` is only the name it has in errors.
///
/// # Errors
/// When the bytes are no film, or damaged.
pub fn tags_of(path: &Path, bytes: &[u8]) -> Result<Vec<TagRow>> {
    let mut rows = Vec::new();
    match sniff(path, bytes)? {
        Kind::Dicom => {
            let file = DicomFile::parse(bytes).map_err(|reason| Error::film(path, reason))?;
            rows.push(TagRow {
                tag: "(0002,0010)".into(),
                keyword: "TransferSyntaxUID".into(),
                kind: "UI".into(),
                value: file.syntax.clone(),
                depth: 0,
                is_identifying: false,
            });
            elements(&file.object, 0, false, &mut rows);
        }
        Kind::Raster if png_text::is_png(bytes) => {
            let texts = png_text::texts(bytes);
            rows.extend(texts.into_iter().map(|(keyword, text)| TagRow {
                tag: "tEXt".into(),
                // What made a file names nobody; anything else may.
                is_identifying: keyword != "Software",
                keyword,
                kind: String::new(),
                value: shortened(&text),
                depth: 0,
            }));
        }
        Kind::Raster => blocks(bytes, &mut rows),
    }
    Ok(rows)
}

fn elements(object: &InMemDicomObject, depth: usize, is_hidden: bool, rows: &mut Vec<TagRow>) {
    for element in object {
        if rows.len() >= MOST_ROWS {
            return;
        }
        let (tag, vr) = (element.tag(), element.vr());
        let is_identifying = is_hidden || is_identifying(tag, vr);
        let value = match element.value() {
            Value::Primitive(value) => match vr {
                VR::OB | VR::OW | VR::OD | VR::OF | VR::OL | VR::OV | VR::UN => {
                    format!("{} bytes", value.calculate_byte_len())
                }
                _ => shortened(&value.to_str()),
            },
            Value::Sequence(sequence) => match sequence.items().len() {
                1 => "1 item".to_owned(),
                count => format!("{count} items"),
            },
            Value::PixelSequence(pixels) => {
                let bytes: usize = pixels.fragments().iter().map(Vec::len).sum();
                format!("{bytes} bytes, compressed, in {} parts", pixels.fragments().len())
            }
        };
        rows.push(TagRow {
            tag: written(tag),
            keyword: keyword(tag),
            kind: vr.to_string().to_owned(),
            value,
            depth,
            is_identifying,
        });
        if let (Value::Sequence(sequence), true) = (element.value(), depth < DEEPEST) {
            sequence.items().iter().for_each(|item| elements(item, depth + 1, is_identifying, rows));
        }
    }
}

fn written(tag: Tag) -> String {
    format!("({:04X},{:04X})", tag.group(), tag.element())
}

fn keyword(tag: Tag) -> String {
    StandardDataDictionary.by_tag(tag).map(|entry| entry.alias().to_owned()).unwrap_or_default()
}

/// One line of at most [`LONGEST_VALUE`] characters.
fn shortened(text: &str) -> String {
    let clean = text.trim_matches(['\0', ' ']).chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(LONGEST_VALUE + 1).collect();
    if let Some((cut, _)) = short.char_indices().nth(LONGEST_VALUE) {
        short.truncate(cut);
        short.push('…');
    }
    short
}

/// The blocks of a JPEG before its picture, ITU-T T.81 annex B: comments as text, applications' blocks as their name and
/// size. Nothing for other formats.
fn blocks(bytes: &[u8], rows: &mut Vec<TagRow>) {
    let Some(mut rest) = bytes.strip_prefix(&[0xFF, 0xD8]) else { return };
    for _ in 0..MOST_BLOCKS {
        let [0xFF, kind, high, low, ..] = *rest else { return };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // The picture itself begins at SOS.
        let Some(data) = rest.get(4..2 + length).filter(|_| kind != 0xDA) else { return };
        let name = || String::from_utf8_lossy(data.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned();
        let (keyword, value) = match kind {
            0xFE => ("Comment".to_owned(), shortened(&String::from_utf8_lossy(data))),
            0xE0..=0xEF => (shortened(&name()), format!("{} bytes", data.len())),
            _ => (String::new(), String::new()),
        };
        if !value.is_empty() {
            let tag = if kind == 0xFE { "COM".to_owned() } else { format!("APP{}", kind - 0xE0) };
            // JFIF holds the resolution; every other block may name the camera, the place or the person.
            let is_identifying = keyword != "JFIF";
            rows.push(TagRow { tag, keyword, kind: String::new(), value, depth: 0, is_identifying });
        }
        rest = rest.get(2 + length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, PrimitiveValue};
    use dicom_dictionary_std::{tags as names, uids};
    use dicom_object::FileMetaTableBuilder;

    use super::*;
    use crate::radiograph::with_png_text;
    use crate::samples;

    fn file() -> Vec<u8> {
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        let inner = InMemDicomObject::from_element_iter([text(names::CODE_MEANING, VR::LO, "of Curie")]);
        let object = InMemDicomObject::from_element_iter([
            text(names::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE),
            text(names::SOP_INSTANCE_UID, VR::UI, "2.25.7"),
            text(names::PATIENT_NAME, VR::PN, "Curie^Marie"),
            text(names::MODALITY, VR::CS, "DX"),
            text(names::WINDOW_CENTER, VR::DS, &"1\\".repeat(400)),
            text(Tag(0x0009, 0x1001), VR::LO, "private"),
            DataElement::new(names::REFERENCED_PATIENT_SEQUENCE, VR::SQ, DataSetSequence::from(vec![inner])),
            DataElement::new(names::PIXEL_DATA, VR::OB, PrimitiveValue::from(vec![0_u8; 64])),
        ]);
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let mut bytes = Vec::new();
        object.with_meta(meta).expect("a header").write_all(&mut bytes).expect("bytes");
        bytes
    }

    #[test]
    fn every_element_is_listed_with_its_name_and_long_ones_are_cut() {
        let rows = tags_of(Path::new("a.dcm"), &file()).expect("rows");
        let row = |keyword: &str| rows.iter().find(|row| row.keyword == keyword).unwrap_or_else(|| panic!("{keyword}"));
        assert_eq!((row("Modality").value.as_str(), row("Modality").tag.as_str()), ("DX", "(0008,0060)"));
        assert_eq!(row("PixelData").value, "64 bytes");
        assert!(row("WindowCenter").value.chars().count() == LONGEST_VALUE + 1);
        assert!(row("PatientName").is_identifying && !row("Modality").is_identifying);
        assert!(rows.iter().any(|row| row.tag == "(0009,1001)" && row.is_identifying));
        assert_eq!(row("CodeMeaning").depth, 1);
        assert!(!format!("{rows:?}").contains("Curie^Marie"));
    }

    #[test]
    fn texts_of_pictures_are_listed() {
        let png = samples::bytes(samples::names().next().expect("one")).expect("bytes");
        let marked = with_png_text(&with_png_text(png, "Software", "GIMP"), "Author", "Marie");
        let rows = tags_of(Path::new("a.png"), &marked).expect("rows");
        let find = |keyword: &str| rows.iter().find(|row| row.keyword == keyword).expect("a row");
        assert!(find("Author").is_identifying && find("Author").value == "Marie" && !find("Software").is_identifying);
        let mut found = Vec::new();
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x07JFIF\0\xFF\xFE\0\x05abc\xFF\xDA\0\x02";
        blocks(jpeg, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].tag.as_str(), found[1].value.as_str(), found[1].is_identifying), ("COM", "abc", true));
        for length in 0..jpeg.len() {
            blocks(&jpeg[..length], &mut Vec::new());
        }
    }
}
