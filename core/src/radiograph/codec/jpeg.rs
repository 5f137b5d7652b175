//! JPEG (ITU-T T.81): reads the frame header, checks it against the data set, and hands the stream to the decoder for
//! its process. Baseline, 8-bit extended and lossless go to `jpeg-decoder`, 12-bit extended to [`super::jpeg12`].

use crate::fence::fenced;
use jpeg_decoder::{ColorTransform, Decoder};

use super::{Layout, Reason, be16, guard, jpeg12};

/// Decodes one frame; see [`super::decode`]. Colour that the data set calls YBR stays so.
pub(super) fn decode(data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let damaged = || "the JPEG data is damaged; copy or export the film again".to_owned();
    let header = Sof::read(data).ok_or_else(damaged)?;
    layout.check(header.width, header.height, header.components)?;
    if header.bits > 8 * layout.sample_bytes {
        return Err(format!(
            "the compressed picture has {} bits, more than the header allows; export it again",
            header.bits
        ));
    }
    guard::check_ratio(layout.frame_bytes() as u64, data.len())?;
    if header.process == 0xC1 && header.bits > 8 {
        return jpeg12::decode(data, layout);
    }
    let decoded = fenced(|| {
        let mut decoder = Decoder::new(data);
        decoder.set_max_decoding_buffer_size(2 * layout.frame_bytes() + 1024);
        if layout.ybr {
            decoder.set_color_transform(ColorTransform::None);
        }
        decoder.decode()
    })?
    .map_err(|_| damaged())?;
    if header.bits > 8 {
        let samples = decoded.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]]));
        Ok(layout.pack(samples))
    } else if layout.sample_bytes == 2 {
        let narrow = decoded.len() == layout.frame_bytes() / 2;
        let wide = decoded.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]]));
        Ok(if narrow { layout.pack(decoded.iter().map(|&v| u16::from(v))) } else { layout.pack(wide) })
    } else {
        Ok(decoded)
    }
}

/// The frame header, ITU-T T.81 B.2.2.
pub(super) struct Sof {
    /// Second byte of the marker, which names the process: 0xC0 baseline, 0xC1 extended, 0xC3 lossless.
    pub process: u8,
    /// Bits of a sample.
    pub bits: usize,
    /// Lines.
    pub height: usize,
    /// Samples per line.
    pub width: usize,
    /// Components.
    pub components: usize,
}

impl Sof {
    fn read(data: &[u8]) -> Option<Self> {
        Segments::new(data)?.find(|(marker, _)| matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7)).and_then(
            |(marker, body)| {
                Some(Self {
                    process: marker,
                    bits: usize::from(*body.first()?),
                    height: be16(body, 1)?,
                    width: be16(body, 3)?,
                    components: usize::from(*body.get(5)?),
                })
            },
        )
    }
}

/// Marker segments in order, up to and with the first scan header: the marker's second byte and the segment's body.
pub(super) struct Segments<'a> {
    data: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Segments<'a> {
    /// `None` when the data does not begin as a JPEG.
    pub fn new(data: &'a [u8]) -> Option<Self> {
        data.starts_with(&[0xFF, 0xD8]).then_some(Self { data, at: 2, done: false })
    }

    /// What follows the last segment read.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        while self.data.get(self.at)? == &0xFF && self.data.get(self.at + 1)? == &0xFF {
            self.at += 1;
        }
        let marker = (self.data[self.at] == 0xFF).then(|| self.data.get(self.at + 1).copied()).flatten()?;
        let length = be16(self.data, self.at + 2)?;
        let body = self.data.get(self.at + 4..self.at + 2 + length)?;
        self.at += 2 + length;
        self.done = marker == 0xDA;
        Some((marker, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_another_size_or_none_is_refused() {
        let layout = Layout { width: 8, height: 8, components: 1, sample_bytes: 1, ybr: false };
        let header = [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0x75, 0x30, 0x75, 0x30, 1, 1, 0x11, 0];
        let reason = decode(&header, &layout).expect_err("size differs");
        assert!(reason.contains("30000 x 30000"), "{reason}");
        for cut in 0..header.len() {
            assert!(decode(&header[..cut], &layout).is_err());
        }
    }
}
