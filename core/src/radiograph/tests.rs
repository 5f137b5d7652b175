//! Films made here, written as files of every format, and read back; and what must not be accepted.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use dicom_core::value::{PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, Rgba};

use super::*;

fn open(bytes: &[u8]) -> Result<Radiograph> {
    Radiograph::from_bytes(Path::new("film"), bytes)
}

fn reason(bytes: &[u8]) -> String {
    let message = open(bytes).expect_err("a bad film").to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

fn grey8() -> ImageBuffer<Luma<u8>, Vec<u8>> {
    ImageBuffer::from_fn(16, 9, |x, y| Luma([(x * 9 + y * 12) as u8]))
}

fn grey16() -> ImageBuffer<Luma<u16>, Vec<u16>> {
    ImageBuffer::from_fn(16, 9, |x, y| Luma([(x * 3000 + y * 17) as u16]))
}

#[test]
fn grey_pictures_of_every_format_keep_their_levels() {
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp] {
        let film = open(&encode(grey8(), format)).expect("opens");
        assert_eq!((film.pixels.width(), film.pixels.height(), film.range), (16, 9, [0.0, 255.0]));
        let expected: Vec<f32> = grey8().into_raw().into_iter().map(f32::from).collect();
        assert_eq!(film.pixels.data(), expected, "{format:?}");
        assert_eq!(film.default_window().to_grey8(&film.pixels, false), grey8().into_raw());
    }
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let film = open(&encode(grey16(), format)).expect("opens");
        let expected: Vec<f32> = grey16().into_raw().into_iter().map(f32::from).collect();
        assert_eq!((film.pixels.data(), film.range), (expected.as_slice(), [0.0, 65535.0]), "{format:?}");
        assert!(film.metadata.format.ends_with(", 16-bit grey"), "{}", film.metadata.format);
    }
    let jpeg = open(&encode(grey8(), ImageFormat::Jpeg)).expect("opens");
    let error =
        jpeg.pixels.data().iter().zip(grey8().into_raw()).map(|(a, b)| (a - f32::from(b)).abs()).fold(0.0, f32::max);
    assert!(error < 12.0 && jpeg.metadata.warnings.is_empty(), "{error}");
}

#[test]
fn grey_content_in_colour_files_is_exact_and_alpha_is_ignored() {
    let rgb8 = ImageBuffer::from_fn(16, 16, |x, y| Rgb([(16 * y + x) as u8; 3]));
    let rgba8 = ImageBuffer::from_fn(16, 16, |x, y| {
        Rgba([(16 * y + x) as u8, (16 * y + x) as u8, (16 * y + x) as u8, x as u8])
    });
    let rgb16 = ImageBuffer::from_fn(16, 16, |x, y| Rgb([(257 * (16 * y + x)) as u16; 3]));
    let plain: Vec<f32> = (0..256).map(|v| v as f32).collect();
    for (bytes, factor) in [
        (encode(rgb8.clone(), ImageFormat::Png), 1.0),
        (encode(rgb8, ImageFormat::Bmp), 1.0),
        (encode(rgba8, ImageFormat::Png), 1.0),
        (encode(rgb16, ImageFormat::Png), 257.0),
    ] {
        let film = open(&bytes).expect("opens");
        let expected: Vec<f32> = plain.iter().map(|v| v * factor).collect();
        assert_eq!(film.pixels.data(), expected, "{}", film.metadata.format);
    }
    let green = ImageBuffer::from_pixel(2, 2, Rgb([0_u8, 100, 0]));
    assert!((open(&encode(green, ImageFormat::Png)).expect("opens").pixels.get(0, 0) - 58.7).abs() < 1e-4);
}

fn text(tag: Tag, vr: VR, value: &str) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn number(tag: Tag, value: u16) -> InMemElement {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

/// A 4 x 2 film of 12 bits in 16: 0, 1, 100, 1000, 2048, 4000, 4094, 4095; later elements replace earlier ones.
fn film(more: Vec<InMemElement>) -> InMemDicomObject {
    let samples = [0_u16, 1, 100, 1000, 2048, 4000, 4094, 4095];
    let mut object = InMemDicomObject::from_element_iter([
        text(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE),
        text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.7"),
        text(tags::MODALITY, VR::CS, "DX"),
        text(tags::PATIENT_NAME, VR::PN, "Secret^Person"),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        number(tags::SAMPLES_PER_PIXEL, 1),
        number(tags::ROWS, 2),
        number(tags::COLUMNS, 4),
        number(tags::BITS_ALLOCATED, 16),
        number(tags::BITS_STORED, 12),
        number(tags::HIGH_BIT, 11),
        number(tags::PIXEL_REPRESENTATION, 0),
        DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.as_slice().into())),
    ]);
    for element in more {
        object.put(element);
    }
    object
}

fn file(object: InMemDicomObject, syntax: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(syntax);
    let mut bytes = Vec::new();
    object.with_meta(meta).expect("meta").write_all(&mut bytes).expect("writes");
    bytes
}

fn dicom(more: Vec<InMemElement>) -> Vec<u8> {
    file(film(more), uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

#[test]
fn every_uncompressed_syntax_gives_the_same_film() {
    let expected = [0.0, 1.0, 100.0, 1000.0, 2048.0, 4000.0, 4094.0, 4095.0];
    for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.2"] {
        let opened = open(&file(film(vec![]), syntax)).expect(syntax);
        assert_eq!((opened.pixels.data(), opened.range), (expected.as_slice(), [0.0, 4095.0]), "{syntax}");
    }
    let whole = dicom(vec![]);
    assert_eq!(open(&whole[132..]).expect("no preamble").pixels.data(), expected);
    let meta_bytes = 12 + u32::from_le_bytes([whole[140], whole[141], whole[142], whole[143]]) as usize;
    assert_eq!(open(&whole[132 + meta_bytes..]).expect("no header").pixels.data(), expected);
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("2.25.7")
        .transfer_syntax("1.2.840.10008.1.2.1.99");
    let mut deflated = [[0; 128].as_slice(), b"DICM"].concat();
    meta.build().expect("meta").write(&mut deflated).expect("writes");
    let mut packed = flate2::read::DeflateEncoder::new(&whole[132 + meta_bytes..], flate2::Compression::fast());
    packed.read_to_end(&mut deflated).expect("packs");
    assert_eq!(open(&deflated).expect("deflated").pixels.data(), expected);
    assert!(reason(&deflated[..deflated.len() - 20]).contains("truncated"));
}

#[test]
fn monochrome1_is_the_same_picture_upside_down() {
    let window = || vec![text(tags::WINDOW_CENTER, VR::DS, "1500"), text(tags::WINDOW_WIDTH, VR::DS, "2000")];
    let plain = open(&dicom(window())).expect("opens");
    let mut inverse = window();
    inverse.push(text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1"));
    inverse.push(text(tags::PRESENTATION_LUT_SHAPE, VR::CS, "INVERSE"));
    let inverse = open(&dicom(inverse)).expect("opens");
    assert_eq!((inverse.pixels.get(0, 0), inverse.pixels.get(3, 1)), (4095.0, 0.0));
    for (a, b) in plain.to_unit().data().iter().zip(inverse.to_unit().data()) {
        assert!((a + b - 1.0).abs() < 1e-6, "{a} {b}");
    }
    assert!(inverse.metadata.warnings.is_empty() && inverse.metadata.photometric.as_deref() == Some("MONOCHROME1"));
}

#[test]
fn signed_samples_are_rescaled_and_windowed() {
    let samples = [-1000_i16, -1, 0, 1, 500, 1000, 2000, 32767];
    let opened = open(&dicom(vec![
        number(tags::BITS_STORED, 16),
        number(tags::HIGH_BIT, 15),
        number(tags::PIXEL_REPRESENTATION, 1),
        text(tags::RESCALE_SLOPE, VR::DS, "0.5"),
        text(tags::RESCALE_INTERCEPT, VR::DS, "10"),
        text(tags::WINDOW_CENTER, VR::DS, "10\\300"),
        text(tags::WINDOW_WIDTH, VR::DS, "101\\600"),
        DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.iter().map(|&v| v as u16).collect())),
    ]))
    .expect("opens");
    assert_eq!(opened.pixels.data(), [-490.0, 9.5, 10.0, 10.5, 260.0, 510.0, 1010.0, 16393.5]);
    assert_eq!((opened.range, opened.metadata.windows.len()), ([-16374.0, 16393.5], 2));
    let unit = opened.to_unit();
    assert_eq!((unit.get(0, 0), unit.get(1, 0), unit.get(0, 1)), (0.0, 0.5, 1.0));
    assert_eq!(opened.metadata.format, "DICOM DX, uncompressed, 16-bit");
}

#[test]
fn colour_and_several_pictures() {
    let colour = |photometric: &str, planar: u16, bytes: &[u8]| {
        let pixels = DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(bytes.to_vec()));
        let mut object = film(vec![
            text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric),
            number(tags::SAMPLES_PER_PIXEL, 3),
            number(tags::PLANAR_CONFIGURATION, planar),
            number(tags::ROWS, 1),
            number(tags::COLUMNS, 2),
            number(tags::BITS_ALLOCATED, 8),
            number(tags::BITS_STORED, 8),
            number(tags::HIGH_BIT, 7),
        ]);
        object.put(pixels);
        open(&file(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)).expect("opens").pixels.into_data()
    };
    assert_eq!(colour("RGB", 0, &[9, 9, 9, 200, 200, 200]), [9.0, 200.0]);
    assert_eq!(colour("RGB", 1, &[9, 200, 9, 200, 9, 200]), [9.0, 200.0]);
    assert_eq!(colour("YBR_FULL", 0, &[9, 128, 128, 200, 1, 2]), [9.0, 200.0]);
    assert_eq!(colour("YBR_FULL_422", 0, &[9, 200, 128, 128]), [9.0, 200.0]);
    let two = open(&dicom(vec![text(tags::NUMBER_OF_FRAMES, VR::IS, "2"), number(tags::ROWS, 1)])).expect("opens");
    assert_eq!((two.pixels.height(), two.metadata.warnings.len()), (1, 1));
}

#[test]
fn bad_files_say_what_is_wrong() {
    assert!(reason(b"").contains("empty"));
    assert!(reason(b"patient,finding\n1,Effusion\n").contains("text file"));
    assert!(reason(&[0x7F, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0xFF]).contains("not a film"));
    let png = encode(grey8(), ImageFormat::Png);
    assert!(reason(&png[..png.len() / 2]).contains("truncated"));
    let mut huge = png;
    huge[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    assert!(reason(&huge).contains("30000 x 30000"));
    assert!(reason(&huge[..24]).contains("30000 x 30000"));
    let missing = Radiograph::open(Path::new("/nowhere/film.dcm")).expect_err("missing").to_string();
    assert!(missing.contains("cannot open"), "{missing}");
    assert!(Radiograph::open(Path::new("/")).expect_err("folder").to_string().contains("folder"));
}

#[test]
fn a_tiff_that_declares_too_much_is_refused() {
    let mut tiff = b"II*\0\x08\0\0\0\x08\0".to_vec();
    for (tag, kind, value) in [
        (256, 4, 30_000),
        (257, 4, 30_000),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, 9),
    ] {
        tiff.extend_from_slice(&(tag as u16).to_le_bytes());
        tiff.extend_from_slice(&(kind as u16).to_le_bytes());
        tiff.extend_from_slice(&1_u32.to_le_bytes());
        tiff.extend_from_slice(&(value as u32).to_le_bytes());
    }
    tiff.extend_from_slice(&[0; 4]);
    let message = reason(&tiff);
    assert!(message.contains("30000") || message.contains("limit"), "{message}");
}

#[test]
fn bad_dicom_files_say_what_is_wrong_and_name_nobody() {
    let whole = dicom(vec![]);
    for cut in [133, 140, 200, 300, whole.len() - 17, whole.len() - 1] {
        let message = reason(&whole[..cut.min(whole.len() - 1)]);
        assert!(message.contains("truncated") || message.contains("holds no picture"), "{cut}: {message}");
    }
    let with = |element| reason(&dicom(vec![element]));
    assert!(with(number(tags::ROWS, 3)).contains("ends early"));
    let mut huge = film(vec![number(tags::ROWS, 30_000), number(tags::COLUMNS, 30_000)]);
    assert!(reason(&file(huge.clone(), uids::EXPLICIT_VR_LITTLE_ENDIAN)).contains("30000 x 30000"));
    huge.remove_element(tags::PIXEL_DATA);
    huge.put(text(tags::MODALITY, VR::CS, "SR"));
    let report = reason(&file(huge, uids::EXPLICIT_VR_LITTLE_ENDIAN));
    assert!(report.contains("SR") && report.contains("no picture") && !report.contains("Secret"), "{report}");
    assert!(with(number(tags::BITS_ALLOCATED, 32)).contains("32 bits"));
    assert!(with(number(tags::BITS_STORED, 17)).contains("17 bits"));
    let mut unsized_film = film(vec![]);
    unsized_film.remove_element(tags::ROWS);
    assert!(reason(&file(unsized_film, uids::EXPLICIT_VR_LITTLE_ENDIAN)).contains("Rows"));
}

#[test]
fn damaged_compressed_pictures_are_errors() {
    for syntax in ["5", "4.50", "4.51", "4.70", "4.80", "4.90", "4.91"].map(|end| format!("1.2.840.10008.1.2.{end}")) {
        for stream in [vec![], vec![0xFF, 0xD8, 0xFF, 0xD9], vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41], vec![7; 90]] {
            let mut object = film(vec![]);
            object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PixelFragmentSequence::new_fragments(vec![stream])));
            let message = reason(&file(object, &syntax));
            assert!(message.contains("damaged"), "{syntax}: {message}");
        }
    }
    let mut odd = film(vec![]);
    odd.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PixelFragmentSequence::new_fragments(vec![vec![0_u8; 8]])));
    assert!(reason(&file(odd, "1.2.840.10008.1.2.4.110")).contains("not supported"));
}

#[test]
fn stored_samples_are_untouched() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, bytes: Vec<u8>| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        path
    };
    let inverse = dicom(vec![text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1")]);
    let stored = Radiograph::stored(&write("a.dcm", inverse)).expect("decodes");
    assert_eq!((stored.width, stored.height, stored.bits_allocated), (4, 2, 16));
    assert_eq!(stored.data, [0, 0, 1, 0, 100, 0, 0xE8, 3, 0, 8, 0xA0, 0xF, 0xFE, 0xF, 0xFF, 0xF]);
    let picture = Radiograph::stored(&write("a.png", encode(grey16(), ImageFormat::Png))).expect("decodes");
    assert_eq!(picture.data[2..4], 3000_u16.to_le_bytes());
}
