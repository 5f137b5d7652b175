//! Pixel decoders of the DICOM transfer syntaxes. In: the compressed bytes of one frame and what the data set declares.
//! Out: its stored samples. Knows nothing of windows, polarity or metadata.

mod bits;
mod jpeg;
mod jpeg12;
mod jpeg2000;
mod jpegls;
mod rle;

use super::guard::{self, Reason};

/// What the data set declares about a frame, DICOM PS3.3 C.7.6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples per pixel, 1 or 3.
    pub components: usize,
    /// Bytes of one sample, 1 or 2.
    pub sample_bytes: usize,
    /// Colour stored as brightness and two colour differences.
    pub ybr: bool,
}

impl Layout {
    /// Bytes of the decoded frame.
    pub fn frame_bytes(&self) -> usize {
        self.width * self.height * self.components * self.sample_bytes
    }

    /// Refuses a compressed stream whose own header tells another size than the data set.
    fn check(&self, width: usize, height: usize, components: usize) -> Result<(), Reason> {
        if (width, height, components) == (self.width, self.height, self.components) {
            return Ok(());
        }
        Err(format!(
            "the compressed picture is {width} x {height} x {components}, the header says {} x {} x {}; export the film again",
            self.width, self.height, self.components
        ))
    }

    /// Bytes in little-endian order from decoded samples, at the data set's sample size.
    fn pack(&self, samples: impl Iterator<Item = u16>) -> Vec<u8> {
        if self.sample_bytes == 1 {
            samples.map(|v| v as u8).collect()
        } else {
            let mut bytes = Vec::with_capacity(self.frame_bytes());
            samples.for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
            bytes
        }
    }
}

/// How a transfer syntax stores pixels, DICOM PS3.5 section 10 and annex A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not compressed, or the whole data set is deflated.
    Native,
    Rle,
    /// Baseline, extended or lossless JPEG.
    Jpeg,
    JpegLs,
    Jpeg2000,
}

/// Transfer syntaxes by UID, with the words a reader knows them by.
const SYNTAXES: &[(&str, &str, Encoding)] = &[
    ("1.2.840.10008.1.2", "uncompressed", Encoding::Native),
    ("1.2.840.10008.1.2.1", "uncompressed", Encoding::Native),
    ("1.2.840.10008.1.2.1.99", "deflated", Encoding::Native),
    ("1.2.840.10008.1.2.2", "uncompressed big endian", Encoding::Native),
    ("1.2.840.10008.1.2.5", "RLE", Encoding::Rle),
    ("1.2.840.10008.1.2.4.50", "JPEG baseline", Encoding::Jpeg),
    ("1.2.840.10008.1.2.4.51", "JPEG extended", Encoding::Jpeg),
    ("1.2.840.10008.1.2.4.57", "JPEG lossless", Encoding::Jpeg),
    ("1.2.840.10008.1.2.4.70", "JPEG lossless", Encoding::Jpeg),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS lossless", Encoding::JpegLs),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS near-lossless", Encoding::JpegLs),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", Encoding::Jpeg2000),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000", Encoding::Jpeg2000),
];

/// Name and encoding of a transfer syntax.
///
/// # Errors
/// When there is no decoder for it.
pub(super) fn syntax(uid: &str) -> Result<(&'static str, Encoding), Reason> {
    SYNTAXES.iter().find(|(known, ..)| *known == uid).map(|&(_, name, encoding)| (name, encoding)).ok_or_else(|| {
        format!("transfer syntax {uid} is not supported; convert the film, for example with gdcmconv --raw IN OUT")
    })
}

/// Decodes one compressed frame to interleaved little-endian samples of exactly [`Layout::frame_bytes`].
///
/// # Errors
/// When the stream is damaged or contradicts the layout.
pub(super) fn decode(encoding: Encoding, data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let bytes = match encoding {
        Encoding::Native => {
            return Err("uncompressed pixels are stored as a compressed stream; export the film again".into());
        }
        Encoding::Rle => rle::decode(data, layout),
        Encoding::Jpeg => jpeg::decode(data, layout),
        Encoding::JpegLs => jpegls::decode(data, layout),
        Encoding::Jpeg2000 => jpeg2000::decode(data, layout),
    }?;
    if bytes.len() == layout.frame_bytes() {
        Ok(bytes)
    } else {
        Err("the compressed picture holds another number of pixels than its header says; export the film again".into())
    }
}

/// Big-endian 16-bit number at `at`, `None` beyond the end.
fn be16(data: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?])))
}
