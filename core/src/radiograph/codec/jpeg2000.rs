//! JPEG 2000 (ISO/IEC 15444-1) by the OpenJPEG port, after its main header was checked against the data set.

use crate::fence::fenced;
use jpeg2k::Image;

use super::{Layout, Reason, be16};

/// Decodes one frame; see [`super::decode`]. Multi-component transforms are undone, so colour comes out as RGB.
pub(super) fn decode(data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let damaged = || "the JPEG 2000 data is damaged; copy or export the film again".to_owned();
    let header = Siz::read(data).ok_or_else(damaged)?;
    layout.check(header.width, header.height, header.components)?;
    if header.bits > 8 * layout.sample_bytes {
        return Err(format!(
            "the compressed picture has {} bits, more than the header allows; export it again",
            header.bits
        ));
    }
    let image = fenced(|| Image::from_bytes(data))?.map_err(|_| damaged())?;
    let components = image.components();
    let whole = components.iter().all(|c| (c.width() as usize, c.height() as usize) == (layout.width, layout.height));
    match components {
        _ if !whole => Err("the compressed picture has reduced colour planes, which are not supported".into()),
        [grey] if layout.components == 1 => Ok(layout.pack(grey.data().iter().map(|&v| v as u16))),
        [red, green, blue] if layout.components == 3 => {
            let pixels = red.data().iter().zip(green.data()).zip(blue.data());
            Ok(layout.pack(pixels.flat_map(|((&r, &g), &b)| [r as u16, g as u16, b as u16])))
        }
        _ => Err(damaged()),
    }
}

/// The image and tile size segment, ISO/IEC 15444-1 A.5.1.
struct Siz {
    width: usize,
    height: usize,
    components: usize,
    bits: usize,
}

impl Siz {
    fn read(data: &[u8]) -> Option<Self> {
        // A JP2 wrapper around the stream, which the standard forbids and some exporters write, ends before this
        // marker.
        let start = data.windows(4).take(4096).position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])? + 4;
        let long = |at: usize| Some(be16(data, start + at)? << 16 | be16(data, start + at + 2)?);
        let components = be16(data, start + 36)?;
        let mut bits = 0;
        for component in 0..components.min(4) {
            bits = bits.max(usize::from(data.get(start + 38 + 3 * component)? & 0x7F) + 1);
        }
        let (tile_width, tile_height) = (long(20)?, long(24)?);
        if tile_width == 0 || tile_height == 0 {
            return None;
        }
        let (width, height) = (long(4)?.checked_sub(long(12)?)?, long(8)?.checked_sub(long(16)?)?);
        Some(Self { width, height, components, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_another_size_is_refused_before_decoding() {
        let mut stream = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
        for word in [30_000_u32, 30_000, 0, 0, 30_000, 30_000, 0, 0] {
            stream.extend_from_slice(&word.to_be_bytes());
        }
        stream.extend_from_slice(&[0, 1, 11, 1, 1]);
        let layout = Layout { width: 16, height: 16, components: 1, sample_bytes: 2, ybr: false };
        let reason = decode(&stream, &layout).expect_err("size differs");
        assert!(reason.contains("30000 x 30000"), "{reason}");
        assert!(decode(&stream[..20], &layout).is_err() && decode(&[], &layout).is_err());
    }
}
