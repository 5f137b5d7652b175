//! DICOM films. In: the file's bytes, with or without preamble and file meta group. Out: grey in modality units with
//! bright as dense (PS3.3 C.7.6.3, C.11.1, C.11.2), and metadata. The patient's name reaches neither errors nor logs.

use crate::fence::fenced;
use std::borrow::Cow;
use std::io::{Cursor, Read};
use std::path::Path;

use dicom_core::Tag;
use dicom_core::value::Value;
use dicom_dictionary_std::{tags, uids};
use dicom_object::file::ReadPreamble;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, OpenFileOptions};
use flate2::read::DeflateDecoder;
use rayon::prelude::*;

use super::codec::{self, Encoding, Layout};
use super::grey::{GreyScale, StoredBits};
use super::guard::{self, Reason};
use super::lengths::{self, Writing};
use super::metadata::{self, Metadata};
use super::{Radiograph, StoredSamples, raster};
use crate::error::{Error, Result};
use crate::plane::Plane;

/// Deflated Explicit VR Little Endian, PS3.5 A.5.
pub(super) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// What stands before the file meta group, PS3.10 7.1.
const MAGIC: &[u8] = b"DICM";

/// Whether these first bytes (160 are enough) are those of a DICOM file or of a data set without its file header.
pub(super) fn looks_like(head: &[u8]) -> bool {
    has_magic(head) || bare_syntax(head).is_some() || is_meta_group(head)
}

/// Whether a preamble and the magic word of PS3.10 7.1 come first.
pub(super) fn has_magic(head: &[u8]) -> bool {
    head.get(128..132) == Some(MAGIC)
}

/// Reads a film; see [`Radiograph::from_bytes`].
pub(super) fn open(path: &Path, bytes: &[u8]) -> Result<Radiograph> {
    read(path, bytes).map_err(|reason| Error::film(path, reason))
}

/// The decoded samples; see [`Radiograph::stored`].
pub(super) fn stored(path: &Path, bytes: &[u8]) -> Result<StoredSamples> {
    let samples = || {
        let file = DicomFile::parse(bytes)?;
        let film = Film::describe(&file)?;
        let data = film.samples(&file)?.into_owned();
        let Layout { width, height, sample_bytes, .. } = film.layout;
        Ok(StoredSamples { width, height, bits_allocated: 8 * sample_bytes as u16, data })
    };
    samples().map_err(|reason: Reason| Error::film(path, reason))
}

fn read(path: &Path, bytes: &[u8]) -> Result<Radiograph, Reason> {
    let file = DicomFile::parse(bytes)?;
    let film = Film::describe(&file)?;
    let mut metadata = metadata::read(&file.object);
    let modality = metadata.modality.as_deref().map(|m| format!(" {m}")).unwrap_or_default();
    metadata.format = format!("DICOM{modality}, {}, {}-bit", film.syntax, film.bits.count);
    if film.frames > 1 {
        metadata.warnings.push(format!("The file holds {} pictures; the first is shown.", film.frames));
    }
    let data = film.samples(&file)?;
    let (samples, range) = film.grey(&file.object, &data, &mut metadata)?;
    let pixels = Plane::new(film.layout.width, film.layout.height, samples)
        .map_err(|_| "the picture is empty; export the film again".to_owned())?;
    Ok(Radiograph { path: path.to_path_buf(), pixels, range, metadata })
}

/// A parsed data set and the transfer syntax it came in.
pub(super) struct DicomFile {
    pub(super) object: InMemDicomObject,
    pub(super) syntax: String,
}

impl DicomFile {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        // The parser's own messages can quote the data set, so they are not passed on.
        let damaged = || "the DICOM file is damaged or truncated; copy or export it again".to_owned();
        let (syntax, body) = match bare_syntax(bytes) {
            Some(syntax) if !has_magic(bytes) => (syntax.to_owned(), bytes),
            _ => {
                let content = if has_magic(bytes) { &bytes[132..] } else { bytes };
                let (end, syntax) = lengths::meta_group(content).ok_or_else(damaged)?;
                (syntax, &content[end..])
            }
        };
        let (body, written_as) = match syntax.as_str() {
            DEFLATED => (Cow::Owned(inflate(body).ok_or_else(damaged)?), uids::EXPLICIT_VR_LITTLE_ENDIAN),
            other => (Cow::Borrowed(body), other),
        };
        if !lengths::fit(&body, Writing::of(written_as)) {
            return Err(damaged());
        }
        // A syntax without a decoder is an error of its own, told later; its elements are written like this one's.
        let known = codec::syntax(written_as).map_or(uids::EXPLICIT_VR_LITTLE_ENDIAN, |_| written_as);
        let object = fenced(|| {
            let content = Cursor::new(file_header(known)?).chain(Cursor::new(&*body));
            let file = OpenFileOptions::new().read_preamble(ReadPreamble::Never).from_reader(content).ok()?;
            Some(file.into_inner())
        })?;
        Ok(Self { object: object.ok_or_else(damaged)?, syntax })
    }
}

/// The data set in a deflated file, PS3.5 A.5; `None` when damaged or larger than any film.
fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    let read = DeflateDecoder::new(body).take(guard::MAX_FILE).read_to_end(&mut data).ok()?;
    ((read as u64) < guard::MAX_FILE).then_some(data)
}

/// A file meta group that says nothing but how the data set is written.
fn file_header(syntax: &str) -> Option<Vec<u8>> {
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("2.25.1")
        .transfer_syntax(syntax)
        .build()
        .ok()?;
    let mut header = MAGIC.to_vec();
    meta.write(&mut header).ok()?;
    Some(header)
}

/// Whether the bytes begin with a file meta group that has no preamble before it.
fn is_meta_group(head: &[u8]) -> bool {
    matches!(head, [2, 0, _, 0, b'U', b'L' | b'I', ..])
}

/// The transfer syntax of a data set that begins without preamble and file meta group, told from its first element,
/// which is one of group 0008, PS3.5 7.1.
pub(super) fn bare_syntax(head: &[u8]) -> Option<&'static str> {
    match head {
        [8, 0, _, 0, a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => {
            Some(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        }
        [8, 0, _, 0, length, 0..=1, 0, 0, ..] if length % 2 == 0 => Some(uids::IMPLICIT_VR_LITTLE_ENDIAN),
        [0, 8, 0, _, a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Some("1.2.840.10008.1.2.2"),
        _ => None,
    }
}

/// What a data set declares about its picture, checked.
struct Film {
    layout: Layout,
    bits: StoredBits,
    frames: usize,
    /// Colour planes one after the other, PS3.3 C.7.6.3.1.3.
    planar: bool,
    /// Two pixels share their colour differences.
    halved_colour: bool,
    syntax: &'static str,
    encoding: Encoding,
}

impl Film {
    fn describe(file: &DicomFile) -> Result<Self, Reason> {
        let object = &file.object;
        let number = |tag: Tag| metadata::text(object, tag).and_then(|n| n.parse::<u32>().ok());
        if object.get(tags::PIXEL_DATA).is_none() {
            let kind = metadata::text(object, tags::MODALITY).map(|m| format!(" (modality {m})")).unwrap_or_default();
            return Err(format!("this DICOM file{kind} holds no picture; open the image file it belongs to"));
        }
        let missing = |name: &str| format!("the DICOM file does not say its {name}; export the film again");
        let rows = number(tags::ROWS).ok_or_else(|| missing("Rows"))?;
        let columns = number(tags::COLUMNS).ok_or_else(|| missing("Columns"))?;
        guard::check_size(columns.into(), rows.into())?;
        let (syntax, encoding) = codec::syntax(&file.syntax)?;
        let allocated = number(tags::BITS_ALLOCATED).ok_or_else(|| missing("Bits Allocated"))?;
        let sample_bytes = match allocated {
            8 => 1,
            16 => 2,
            other => return Err(format!("films of {other} bits per sample are not supported; export it with 8 or 16")),
        };
        let count = number(tags::BITS_STORED).unwrap_or(allocated);
        let high = number(tags::HIGH_BIT).unwrap_or(count.saturating_sub(1));
        if count == 0 || count > allocated || high >= allocated || high + 1 < count {
            return Err(format!("{count} bits up to bit {high} do not fit into {allocated}; export the film again"));
        }
        let photometric = metadata::text(object, tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
        let components = number(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        if photometric == "PALETTE COLOR" || !matches!(components, 1 | 3) {
            return Err(
                "this DICOM file holds a colour picture of a kind films do not have; export it in grey or RGB".into()
            );
        }
        let signed = number(tags::PIXEL_REPRESENTATION) == Some(1);
        Ok(Self {
            layout: Layout {
                width: columns as usize,
                height: rows as usize,
                components: components as usize,
                sample_bytes,
                ybr: components == 3 && matches!(photometric.as_str(), "YBR_FULL" | "YBR_FULL_422" | "YBR_PARTIAL_422"),
            },
            bits: StoredBits { count, high, signed },
            frames: number(tags::NUMBER_OF_FRAMES).unwrap_or(1).max(1) as usize,
            planar: components == 3 && number(tags::PLANAR_CONFIGURATION) == Some(1),
            halved_colour: components == 3 && photometric.ends_with("_422") && encoding == Encoding::Native,
            syntax,
            encoding,
        })
    }

    /// Stored samples of the first frame, little endian. Colour is interleaved, except uncompressed colour, which is as
    /// stored.
    fn samples<'a>(&self, file: &'a DicomFile) -> Result<Cow<'a, [u8]>, Reason> {
        let element = file.object.get(tags::PIXEL_DATA).ok_or("the DICOM file holds no picture; open another")?;
        match element.value() {
            Value::PixelSequence(sequence) => {
                let stream = first_frame(sequence.fragments(), sequence.offset_table(), self.frames);
                codec::decode(self.encoding, &stream, &self.layout).map(Cow::Owned)
            }
            Value::Primitive(_) if self.encoding != Encoding::Native => {
                Err("the picture is not stored as its transfer syntax says; export the film again".into())
            }
            Value::Primitive(value) => {
                let whole = self.layout.frame_bytes();
                let needed = if self.halved_colour { whole / 3 * 2 } else { whole };
                let cut = |held: usize| {
                    (held < needed).then(|| {
                        format!("the picture ends early, {held} of {needed} bytes; the file is truncated, copy or export it again")
                    })
                };
                match value.to_bytes() {
                    Cow::Borrowed(bytes) => cut(bytes.len()).map_or_else(|| Ok(Cow::Borrowed(&bytes[..needed])), Err),
                    Cow::Owned(mut bytes) => cut(bytes.len()).map_or_else(
                        || {
                            bytes.truncate(needed);
                            Ok(Cow::Owned(bytes))
                        },
                        Err,
                    ),
                }
            }
            Value::Sequence(_) => Err("the picture is damaged; export the film again".into()),
        }
    }

    /// Grey samples and their full range.
    fn grey(
        &self,
        object: &InMemDicomObject,
        data: &[u8],
        metadata: &mut Metadata,
    ) -> Result<(Vec<f32>, [f32; 2]), Reason> {
        if self.layout.components == 3 {
            metadata.windows.clear();
            let top = ((1_u32 << self.bits.count) - 1) as f32;
            return Ok((self.colour(data), [0.0, top]));
        }
        let scale = GreyScale::new(object, self.bits, self.layout.sample_bytes, metadata)?;
        let values = scale.values.as_slice();
        let samples = if self.layout.sample_bytes == 1 {
            data.par_iter().with_min_len(1 << 14).map(|&raw| values[usize::from(raw)]).collect()
        } else {
            let pairs = data.par_chunks_exact(2).with_min_len(1 << 14);
            pairs.map(|raw| values[usize::from(u16::from_le_bytes([raw[0], raw[1]]))]).collect()
        };
        Ok((samples, scale.range))
    }

    /// Luminance of colour samples: the first of YBR, the weighted sum of RGB.
    fn colour(&self, data: &[u8]) -> Vec<f32> {
        let sample = |index: usize| match self.layout.sample_bytes {
            1 => data.get(index).map_or(0, |&v| u16::from(v)),
            _ => data.get(2 * index..2 * index + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]])),
        };
        let pixels = self.layout.width * self.layout.height;
        let planar = self.planar && self.encoding == Encoding::Native;
        let component = |pixel: usize, c: usize| sample(if planar { c * pixels + pixel } else { 3 * pixel + c });
        (0..pixels)
            .map(|pixel| match (self.halved_colour, self.layout.ybr) {
                // Y Y B R for every two pixels, PS3.3 C.7.6.3.1.2.
                (true, _) => f32::from(sample(pixel / 2 * 4 + pixel % 2)),
                (_, true) => f32::from(component(pixel, 0)),
                _ => raster::luminance([component(pixel, 0), component(pixel, 1), component(pixel, 2)]),
            })
            .collect()
    }
}

/// The compressed stream of the first frame, PS3.5 A.4: one fragment, or all up to the second frame's offset.
fn first_frame<'a>(fragments: &'a [Vec<u8>], offsets: &[u32], frames: usize) -> Cow<'a, [u8]> {
    if let ([only], _) | ([only, ..], true) = (fragments, frames > 1 && frames == fragments.len()) {
        return Cow::Borrowed(only);
    }
    let end = if frames > 1 { offsets.get(1).map_or(usize::MAX, |&o| o as usize) } else { usize::MAX };
    let mut stream = Vec::new();
    let mut offset = 0;
    for fragment in fragments {
        if offset >= end {
            break;
        }
        stream.extend_from_slice(fragment);
        offset += fragment.len() + 8;
    }
    Cow::Owned(stream)
}
