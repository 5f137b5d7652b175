//! RLE Lossless, DICOM PS3.5 annex G: one PackBits segment for each byte plane, most significant first.

use super::{Layout, Reason};

/// Bytes of the header: the number of segments and fifteen offsets.
const HEADER: usize = 64;

/// Decodes one frame; see [`super::decode`].
pub(super) fn decode(data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let damaged = || "the RLE data is damaged; copy or export the film again".to_owned();
    let word = |index: usize| -> Option<usize> {
        let bytes = data.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let planes = layout.components * layout.sample_bytes;
    if data.len() < HEADER || word(0) != Some(planes) {
        return Err(damaged());
    }
    super::guard::check_ratio(layout.frame_bytes() as u64, data.len())?;
    let mut frame = vec![0; layout.frame_bytes()];
    let pixels = layout.width * layout.height;
    for plane in 0..planes {
        let start = word(plane + 1).ok_or_else(damaged)?;
        let end = if plane + 1 < planes { word(plane + 2).ok_or_else(damaged)? } else { data.len() };
        let segment = data.get(start..end).ok_or_else(damaged)?;
        let (component, byte) = (plane / layout.sample_bytes, plane % layout.sample_bytes);
        let first = component * layout.sample_bytes + (layout.sample_bytes - 1 - byte);
        let written = unpack(segment, frame.iter_mut().skip(first).step_by(planes));
        if written < pixels {
            return Err(damaged());
        }
    }
    Ok(frame)
}

/// PackBits into `out`, PS3.5 G.3.2; returns how many bytes were written.
fn unpack<'a>(segment: &[u8], mut out: impl Iterator<Item = &'a mut u8>) -> usize {
    let (mut at, mut written) = (0, 0);
    while let Some(&control) = segment.get(at) {
        let run = match control {
            0..=127 => usize::from(control) + 1,
            128 => {
                at += 1;
                continue;
            }
            129.. => 257 - usize::from(control),
        };
        let literal = control < 128;
        for i in 0..run {
            let Some(&value) = segment.get(at + 1 + if literal { i } else { 0 }) else { return written };
            match out.next() {
                Some(slot) => *slot = value,
                None => return written,
            }
            written += 1;
        }
        at += if literal { run + 1 } else { 2 };
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut data = vec![0; HEADER];
        data[0] = segments.len() as u8;
        for (i, segment) in segments.iter().enumerate() {
            let offset = data.len() as u32;
            data[4 * (i + 1)..4 * (i + 2)].copy_from_slice(&offset.to_le_bytes());
            data.extend_from_slice(segment);
        }
        data
    }

    #[test]
    fn sixteen_bit_planes_become_little_endian_samples() {
        let layout = Layout { width: 4, height: 1, components: 1, sample_bytes: 2, ybr: false };
        // High bytes: a run of four 1s. Low bytes: the literals 10, 20, 30, then a run of one 40.
        let data = frame(&[&[253, 1], &[2, 10, 20, 30, 128, 0, 40]]);
        assert_eq!(decode(&data, &layout), Ok(vec![10, 1, 20, 1, 30, 1, 40, 1]));
    }

    #[test]
    fn short_or_lying_segments_are_errors() {
        let layout = Layout { width: 4, height: 1, components: 1, sample_bytes: 1, ybr: false };
        assert!(decode(&frame(&[&[1, 10, 20]]), &layout).is_err());
        assert!(decode(&frame(&[&[253]]), &layout).is_err());
        assert!(decode(&frame(&[&[253, 1], &[253, 1]]), &layout).is_err());
        assert!(decode(&[1, 0, 0, 0], &layout).is_err());
        let mut beyond = frame(&[&[253, 1]]);
        beyond[4] = 255;
        assert!(decode(&beyond, &layout).is_err());
    }
}
