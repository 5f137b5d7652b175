//! DICOM Secondary Capture: pictures that Fluoro made, as an object that every archive takes.
//!
//! Enter colour pictures of one size and what they are in words; leave the bytes of a DICOM file: Secondary Capture Image
//! Storage (PS3.3 A.8.1) for one picture, Multi-frame True Color Secondary Capture (A.8.5) for several. RGB of 8 bits,
//! `DERIVED\SECONDARY`, identifiers of its own, and no attribute of the source besides those that the caller hands over.
//! No pixel spacing is written: nobody should measure what a model drew. Same input, same bytes: identifiers are made from
//! the content (PS3.5 B.2, with the UUID of RFC 9562 5.8), and there are no dates.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use sha2::{Digest, Sha256};

use super::{COMMENT, SOFTWARE};
use crate::error::{Error, Result};
use crate::radiograph::Origin;
use crate::render::Canvas;

/// Most bytes of all pictures: the length of an element has 32 bits, and readers have limits of their own.
const MOST_BYTES: usize = 1 << 31;
/// Longest Derivation Description, PS3.5 6.2 (ST).
const LONGEST_TEXT: usize = 1024;

/// What the pictures are.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// How they were made: bundle, edit or shift in words. Shortened to 1024 bytes.
    pub derivation: &'a str,
    /// Whose they are; `None` leaves everything out that names a person or an examination.
    pub origin: Option<&'a Origin>,
    /// Whether the source went through a lossy coder.
    pub is_lossy: bool,
    /// Time of a picture in milliseconds, where there are several.
    pub delay_ms: u32,
    /// Whether words that may be the patient's stay in the pixels.
    pub keeps_words: bool,
}

/// A DICOM file of pictures of one size.
///
/// # Errors
/// When there is no picture, sizes differ, or they are too large for DICOM.
pub fn secondary_capture(pictures: &[Canvas], about: &About<'_>) -> Result<Vec<u8>> {
    let Some(first) = pictures.first() else {
        return Err(Error::Invalid("a DICOM object needs at least one picture".into()));
    };
    let (width, height) = (first.width(), first.height());
    if pictures.iter().any(|picture| (picture.width(), picture.height()) != (width, height)) {
        return Err(Error::Invalid("the pictures of a DICOM object must have one size".into()));
    }
    let (Ok(rows), Ok(columns)) = (u16::try_from(height), u16::try_from(width)) else {
        return Err(Error::Invalid(format!(
            "{width} x {height} pixels are too many for DICOM; the limit is 65535 a side"
        )));
    };
    let bytes = (width as usize * height as usize * 3).saturating_mul(pictures.len());
    if bytes > MOST_BYTES {
        let count = pictures.len();
        return Err(Error::Invalid(format!(
            "{count} pictures of {width} x {height} are too many for DICOM; use fewer frames"
        )));
    }
    let mut pixels: Vec<u8> = Vec::with_capacity(bytes + 1);
    pictures.iter().for_each(|picture| pixels.extend(picture.rgb()));
    let digest = content_digest(&pixels, [width, height], about);
    if pixels.len() % 2 == 1 {
        // Values have an even length, PS3.5 7.1.
        pixels.push(0);
    }

    let is_moving = pictures.len() > 1;
    let class = if is_moving {
        uids::MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE
    } else {
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE
    };
    let mut object = InMemDicomObject::new_empty();
    patient_and_study(&mut object, about, &digest);
    equipment(&mut object);
    let put = |object: &mut InMemDicomObject, tag, vr, value: PrimitiveValue| {
        object.put(DataElement::new(tag, vr, value));
    };
    let mut text = |tag: Tag, vr, value: &str| put(&mut object, tag, vr, PrimitiveValue::from(value));
    // SOP Common, PS3.3 C.12.1.
    text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    text(tags::SOP_CLASS_UID, VR::UI, class);
    text(tags::SOP_INSTANCE_UID, VR::UI, &uid("instance", &digest));
    // General Series, C.7.3.1: a series of its own, in the source's study only where that is handed over.
    text(tags::MODALITY, VR::CS, "OT");
    text(tags::SERIES_INSTANCE_UID, VR::UI, &uid("series", &digest));
    text(tags::SERIES_NUMBER, VR::IS, "");
    text(tags::SERIES_DESCRIPTION, VR::LO, "Fluoro: made by a model, not for diagnosis");
    // General Image, C.7.6.1.
    text(tags::INSTANCE_NUMBER, VR::IS, "1");
    text(tags::PATIENT_ORIENTATION, VR::CS, "");
    put(
        &mut object,
        tags::IMAGE_TYPE,
        VR::CS,
        PrimitiveValue::Strs(["DERIVED", "SECONDARY"].into_iter().map(String::from).collect()),
    );
    let mut text = |tag: Tag, vr, value: &str| put(&mut object, tag, vr, PrimitiveValue::from(value));
    text(tags::DERIVATION_DESCRIPTION, VR::ST, shortened(about.derivation, LONGEST_TEXT));
    text(tags::IMAGE_COMMENTS, VR::LT, COMMENT);
    text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, if about.is_lossy { "01" } else { "00" });
    // The marks of Fluoro are part of the pixels, and words of the source may be.
    text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    // SC Equipment, C.8.6.1: the picture comes from a workstation.
    text(tags::CONVERSION_TYPE, VR::CS, "WSD");
    // Image Pixel, C.7.6.3.
    text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 3),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, rows),
        (tags::COLUMNS, columns),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put(&mut object, tag, VR::US, PrimitiveValue::from(value));
    }
    if is_moving {
        // Multi-frame and Cine, C.7.6.6 and C.7.6.5: frames follow each other after Frame Time.
        let text = |tag, vr, value: String| DataElement::new(tag, vr, PrimitiveValue::from(value));
        object.put(text(tags::NUMBER_OF_FRAMES, VR::IS, pictures.len().to_string()));
        object.put(text(tags::FRAME_TIME, VR::DS, about.delay_ms.max(1).to_string()));
        let pointer = PrimitiveValue::Tags([tags::FRAME_TIME].into_iter().collect());
        object.put(DataElement::new(tags::FRAME_INCREMENT_POINTER, VR::AT, pointer));
    }
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));

    let failed = |reason: String| Error::Invalid(format!("the DICOM object cannot be written ({reason})"));
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut file = Vec::new();
    let object = object.with_meta(meta).map_err(|e| failed(e.to_string()))?;
    object.write_all(&mut file).map_err(|e| failed(e.to_string()))?;
    Ok(file)
}

/// Patient and General Study, PS3.3 C.7.1.1 and C.7.2.1: the source's where it is handed over, else nobody's.
fn patient_and_study(object: &mut InMemDicomObject, about: &About<'_>, digest: &[u8]) {
    let mut text = |tag: Tag, vr, value: &str| {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    for (tag, vr) in [
        (tags::PATIENT_BIRTH_DATE, VR::DA),
        (tags::PATIENT_SEX, VR::CS),
        (tags::STUDY_DATE, VR::DA),
        (tags::STUDY_TIME, VR::TM),
        (tags::ACCESSION_NUMBER, VR::SH),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
        (tags::STUDY_ID, VR::SH),
    ] {
        // Required, may be empty (type 2).
        text(tag, vr, "");
    }
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    text(tags::PATIENT_NAME, VR::PN, "ANONYMOUS");
    text(tags::PATIENT_ID, VR::LO, &format!("FLUORO-{short}"));
    text(tags::STUDY_INSTANCE_UID, VR::UI, &uid("study", digest));
    let Some(origin) = about.origin else {
        // C.7.1.1: YES is of the attributes and of the pixels.
        if about.keeps_words {
            return text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO");
        }
        // PS3.15 E: nothing of the source's attributes is here.
        text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
        return text(tags::DEIDENTIFICATION_METHOD, VR::LO, "Fluoro: a new object without the source's attributes");
    };
    text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO");
    // The series number, the class and the identifier are the source's own; they become a reference below.
    let own = [
        tags::SOP_CLASS_UID,
        tags::SOP_INSTANCE_UID,
        tags::SERIES_NUMBER,
        tags::BURNED_IN_ANNOTATION,
        tags::LOSSY_IMAGE_COMPRESSION,
    ];
    let copied = origin.elements().iter().filter(|(tag, vr, value)| !own.contains(tag) && fits(*vr, value));
    for (tag, vr, value) in copied {
        text(*tag, *vr, value);
    }
    if let (Some(class), Some(instance)) = (origin.value(tags::SOP_CLASS_UID), origin.value(tags::SOP_INSTANCE_UID)) {
        // General Reference, C.12.4.
        let uid = |tag, value: &str| DataElement::new(tag, VR::UI, PrimitiveValue::from(value));
        let source = InMemDicomObject::from_element_iter([
            uid(tags::REFERENCED_SOP_CLASS_UID, class),
            uid(tags::REFERENCED_SOP_INSTANCE_UID, instance),
        ]);
        object.put(DataElement::new(tags::SOURCE_IMAGE_SEQUENCE, VR::SQ, DataSetSequence::from(vec![source])));
    }
}

/// Whether a value is as short as its type wants it, PS3.5 6.2. Sources that were pseudonymised by hashes have longer ones,
/// which archives refuse.
fn fits(vr: VR, value: &str) -> bool {
    let most = match vr {
        VR::AS => 4,
        VR::DA => 8,
        VR::IS => 12,
        VR::TM => 14,
        VR::CS | VR::SH => 16,
        // Each of three ways to write a name.
        VR::PN => return value.split('=').all(|group| group.chars().count() <= 64),
        _ => 64,
    };
    value.chars().count() <= most
}

/// General Equipment and SC Equipment, PS3.3 C.7.5.1 and C.8.6.1.
fn equipment(object: &mut InMemDicomObject) {
    for (tag, value) in [
        (tags::MANUFACTURER, SOFTWARE),
        (tags::MANUFACTURER_MODEL_NAME, SOFTWARE),
        (tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION")),
        (tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER, SOFTWARE),
        (tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER_MODEL_NAME, SOFTWARE),
        (tags::SECONDARY_CAPTURE_DEVICE_SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION")),
    ] {
        object.put(DataElement::new(tag, VR::LO, PrimitiveValue::from(value)));
    }
}

/// What an object's identifiers are made from: everything in it that could differ between two objects.
fn content_digest(pixels: &[u8], [width, height]: [u32; 2], about: &About<'_>) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(pixels);
    for number in [width, height, about.delay_ms, u32::from(about.is_lossy), u32::from(about.keeps_words)] {
        digest.update(number.to_le_bytes());
    }
    // Each text ends with a zero, which none holds: two texts are never read as another two.
    digest.update(about.derivation.as_bytes());
    digest.update([0]);
    for (tag, _, value) in about.origin.iter().flat_map(|origin| origin.elements()) {
        digest.update(tag.to_string());
        digest.update(value.as_bytes());
        digest.update([0]);
    }
    digest.finalize().to_vec()
}

/// An identifier below 2.25, PS3.5 B.2: a UUID in decimal, of version 8, made from what it names.
fn uid(what: &str, digest: &[u8]) -> String {
    let hash = Sha256::new().chain_update(what).chain_update(digest).finalize();
    let value = hash.iter().take(16).fold(0_u128, |value, &byte| value << 8 | u128::from(byte));
    let version = 8_u128 << 76;
    let variant = 2_u128 << 62;
    let value = value & !(0xF_u128 << 76) & !(3_u128 << 62) | version | variant;
    format!("2.25.{value}")
}

/// The beginning of a text, of at most so many bytes.
fn shortened(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::radiograph::{Radiograph, tags_of};
    use crate::render::{Area, colour};

    fn picture(x: u32) -> Canvas {
        let mut canvas = Canvas::new(7, 5, colour::BACKGROUND);
        canvas.fill(Area { x, y: 1, width: 2, height: 2 }, colour::ADDED);
        canvas
    }

    const ABOUT: About<'_> = About {
        derivation: "Effusion −10 %, bundle nih-small",
        origin: None,
        is_lossy: false,
        delay_ms: 80,
        keeps_words: false,
    };

    fn value(file: &[u8], keyword: &str) -> String {
        let rows = tags_of(Path::new("a.dcm"), file).expect("rows");
        let row = rows.iter().find(|row| row.keyword == keyword && row.depth == 0);
        row.map_or_else(|| "absent".to_owned(), |row| row.value.clone())
    }

    #[test]
    fn one_picture_is_a_secondary_capture_and_reads_back() {
        let file = secondary_capture(&[picture(1)], &ABOUT).expect("a file");
        assert_eq!(value(&file, "SOPClassUID"), uids::SECONDARY_CAPTURE_IMAGE_STORAGE);
        assert_eq!(value(&file, "ImageType"), "DERIVED\\SECONDARY");
        assert_eq!(value(&file, "DerivationDescription"), ABOUT.derivation);
        assert_eq!(value(&file, "PatientIdentityRemoved"), "YES");
        assert_eq!(value(&file, "NumberOfFrames"), "absent");
        assert_eq!(value(&file, "PixelSpacing"), "absent");
        let stored = Radiograph::from_bytes(Path::new("a.dcm"), &file).expect("it opens");
        assert_eq!((stored.pixels.width(), stored.pixels.height()), (7, 5));
        let red = 0.299 * 255.0 + 0.587 * 138.0 + 0.114 * 61.0;
        assert!((stored.pixels.get(1, 1) - red).abs() < 0.01, "{}", stored.pixels.get(1, 1));
        assert_eq!(file, secondary_capture(&[picture(1)], &ABOUT).expect("again"), "same input, same bytes");
    }

    #[test]
    fn several_pictures_are_frames() {
        let file = secondary_capture(&[picture(1), picture(2), picture(3)], &ABOUT).expect("a file");
        assert_eq!(value(&file, "SOPClassUID"), uids::MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE);
        assert_eq!((value(&file, "NumberOfFrames"), value(&file, "FrameTime")), ("3".into(), "80".into()));
        // 315 bytes and one more, for an even length.
        assert_eq!(value(&file, "PixelData"), "316 bytes");
        assert!(secondary_capture(&[], &ABOUT).is_err());
        assert!(secondary_capture(&[picture(1), Canvas::new(3, 3, colour::TEXT)], &ABOUT).is_err());
    }

    #[test]
    fn values_that_are_too_long_for_their_type_are_not_copied() {
        assert!(fits(VR::SH, "ACC-1") && !fits(VR::SH, &"f".repeat(56)) && !fits(VR::DA, "d14a028c2a3a"));
        assert!(fits(VR::PN, &format!("{0}={0}", "n".repeat(60))) && !fits(VR::PN, &"n".repeat(65)));
    }

    #[test]
    fn identifiers_are_uuids_of_their_own() {
        let one = secondary_capture(&[picture(1)], &ABOUT).expect("a file");
        let other = secondary_capture(&[picture(2)], &ABOUT).expect("a file");
        let names = ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"];
        let mut all: Vec<String> = names.iter().flat_map(|name| [value(&one, name), value(&other, name)]).collect();
        for uid in &all {
            let number: u128 = uid.strip_prefix("2.25.").and_then(|n| n.parse().ok()).expect("2.25 and a number");
            assert_eq!((number >> 76 & 0xF, number >> 62 & 3), (8, 2), "{uid}");
            assert!(uid.len() <= 64);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
