//! JPEG extended sequential with 12-bit samples (ITU-T T.81 process 4), one component: what DICOM's transfer syntax
//! 1.2.840.10008.1.2.4.51 holds for films deeper than 8 bits and no common decoder reads.

use std::f32::consts::PI;

use super::bits::{Bits, Stuffing};
use super::jpeg::Segments;
use super::{Layout, Reason, be16};

/// Position in the block of the n-th coefficient, T.81 figure A.6.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Decodes one frame; see [`super::decode`]. Samples agree with other decoders to the rounding of the transform.
pub(super) fn decode(data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let damaged = || "the 12-bit JPEG data is damaged; copy or export the film again".to_owned();
    if layout.components != 1 {
        return Err("12-bit JPEG in colour is not supported; export the film in grey".into());
    }
    let mut segments = Segments::new(data).ok_or_else(damaged)?;
    let mut tables = Tables::default();
    for (marker, body) in segments.by_ref() {
        tables.read(marker, body).ok_or_else(damaged)?;
    }
    let (dc, ac) = (tables.dc().ok_or_else(damaged)?, tables.ac().ok_or_else(damaged)?);
    let quantisation = tables.quantisation().ok_or_else(damaged)?;
    let center = f32::from(1_u16 << (tables.bits.clamp(1, 15) - 1));
    let top = 2.0 * center - 1.0;
    let transform = Transform::new();
    let mut bits = Bits::new(segments.rest(), Stuffing::Byte);
    let mut samples = vec![0_u16; layout.width * layout.height];
    let (mut predictor, mut until_restart) = (0_i32, tables.restart_interval);
    for top_row in (0..layout.height).step_by(8) {
        for left in (0..layout.width).step_by(8) {
            if tables.restart_interval > 0 {
                if until_restart == 0 {
                    if !bits.restart() {
                        return Err(damaged());
                    }
                    (predictor, until_restart) = (0, tables.restart_interval);
                }
                until_restart -= 1;
            }
            let mut block = [0.0_f32; 64];
            predictor = predictor.wrapping_add(coefficient(&mut bits, dc).ok_or_else(damaged)?.1);
            block[0] = predictor as f32 * quantisation[0];
            let mut index = 1;
            while index < 64 {
                let (zeros, value) = coefficient(&mut bits, ac).ok_or_else(damaged)?;
                if value == 0 && zeros != 15 {
                    break;
                }
                index += zeros;
                *block.get_mut(*ZIGZAG.get(index).ok_or_else(damaged)?).ok_or_else(damaged)? =
                    value as f32 * quantisation[index];
                index += 1;
            }
            if bits.overrun() {
                return Err("the 12-bit JPEG data ends early; copy or export the film again".into());
            }
            transform.inverse(&mut block);
            let rows = samples.chunks_exact_mut(layout.width).skip(top_row);
            for (row, line) in rows.zip(block.chunks_exact(8)) {
                for (sample, value) in row[left..].iter_mut().zip(line) {
                    *sample = (value + center).round().clamp(0.0, top) as u16;
                }
            }
        }
    }
    Ok(layout.pack(samples.into_iter()))
}

/// One Huffman-coded coefficient: the zeros before it and its value, T.81 F.2.2.
fn coefficient(bits: &mut Bits<'_>, table: &Huffman) -> Option<(usize, i32)> {
    let symbol = table.decode(bits)?;
    let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    if size == 0 {
        return Some((zeros, 0));
    }
    let raw = bits.take(size) as i32;
    let negative = raw < 1 << (size - 1);
    Some((zeros, if negative { raw - (1 << size) + 1 } else { raw }))
}

/// What the segments before the scan define.
#[derive(Default)]
struct Tables {
    /// In zigzag order.
    quantisation: [Option<[f32; 64]>; 4],
    /// DC tables, then AC tables.
    huffman: [Option<Huffman>; 8],
    restart_interval: usize,
    bits: u32,
    quantisation_id: usize,
    dc_id: usize,
    ac_id: usize,
}

impl Tables {
    /// Takes one segment in; `None` when it is damaged.
    fn read(&mut self, marker: u8, body: &[u8]) -> Option<()> {
        match marker {
            0xDB => self.read_quantisation(body),
            0xC4 => self.read_huffman(body),
            0xDD => {
                self.restart_interval = be16(body, 0)?;
                Some(())
            }
            0xC1 => {
                self.bits = u32::from(*body.first()?);
                self.quantisation_id = usize::from(*body.get(8)?);
                Some(())
            }
            0xDA => {
                let ids = *body.get(2)?;
                (self.dc_id, self.ac_id) = (usize::from(ids >> 4), usize::from(ids & 15));
                Some(())
            }
            _ => Some(()),
        }
    }

    fn read_quantisation(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let wide = kind >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let values = rest.get(..length)?;
            let mut table = [0.0; 64];
            for (i, entry) in table.iter_mut().enumerate() {
                *entry = if wide { be16(values, 2 * i)? as f32 } else { f32::from(values[i]) };
            }
            *self.quantisation.get_mut(usize::from(kind & 15))? = Some(table);
            body = &rest[length..];
        }
        Some(())
    }

    fn read_huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = body.split_first() {
            let counts = rest.get(..16)?;
            let total = counts.iter().map(|&c| usize::from(c)).sum::<usize>();
            let symbols = rest.get(16..16 + total)?;
            let (class, id) = (usize::from(kind >> 4), usize::from(kind & 15));
            *self.huffman.get_mut(if id < 4 { class * 4 + id } else { 8 })? = Some(Huffman::new(counts, symbols)?);
            body = &rest[16 + total..];
        }
        Some(())
    }

    fn dc(&self) -> Option<&Huffman> {
        self.huffman.get(self.dc_id.min(4)).filter(|_| self.dc_id < 4)?.as_ref()
    }

    fn ac(&self) -> Option<&Huffman> {
        self.huffman.get(4 + self.ac_id)?.as_ref()
    }

    fn quantisation(&self) -> Option<&[f32; 64]> {
        self.quantisation.get(self.quantisation_id)?.as_ref()
    }
}

/// A Huffman table, T.81 annex C, laid out for a look-up of all sixteen bits at once.
struct Huffman {
    /// Length and symbol for every 16-bit prefix; length 0 where no code begins so.
    codes: Vec<(u8, u8)>,
}

impl Huffman {
    fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut codes = vec![(0, 0); 1 << 16];
        let (mut start, mut symbols) = (0_usize, symbols.iter());
        for (length, &count) in (1_u8..).zip(counts) {
            let span = 1 << (16 - length);
            for _ in 0..count {
                codes.get_mut(start..start + span)?.fill((length, *symbols.next()?));
                start += span;
            }
        }
        Some(Self { codes })
    }

    fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (length, symbol) = self.codes[bits.peek(16) as usize];
        bits.skip(u32::from(length));
        (length > 0).then_some(symbol)
    }
}

/// The inverse cosine transform of an 8 x 8 block, T.81 A.3.3.
struct Transform {
    /// `basis[frequency][position]`
    basis: [[f32; 8]; 8],
}

impl Transform {
    fn new() -> Self {
        let mut basis = [[0.0; 8]; 8];
        for (u, row) in basis.iter_mut().enumerate() {
            let scale = if u == 0 { 0.5_f32.sqrt() } else { 1.0 } / 2.0;
            for (x, value) in row.iter_mut().enumerate() {
                *value = scale * ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos();
            }
        }
        Self { basis }
    }

    fn inverse(&self, block: &mut [f32; 64]) {
        let mut columns = [0.0_f32; 64];
        for (v, row) in block.chunks_exact(8).enumerate() {
            if row.iter().all(|&c| c == 0.0) {
                continue;
            }
            let mut line = [0.0_f32; 8];
            for (coefficient, wave) in row.iter().zip(&self.basis) {
                line.iter_mut().zip(wave).for_each(|(sum, w)| *sum += coefficient * w);
            }
            for (y, out) in columns.chunks_exact_mut(8).enumerate() {
                out.iter_mut().zip(&line).for_each(|(sum, value)| *sum += self.basis[v][y] * value);
            }
        }
        *block = columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An 8 x 8 film of one value: quantisation 1, DC code `0` of size 12 or 0, AC code `0` for the end of the block.
    fn flat(dc_bits: &[u8]) -> Vec<u8> {
        let mut data = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        data.extend([1; 64]);
        data.extend([0xFF, 0xC1, 0, 11, 12, 0, 8, 0, 8, 1, 1, 0x11, 0]);
        for class in [0x00, 0x10] {
            data.extend([0xFF, 0xC4, 0, 20, class, 1]);
            data.extend([0; 15]);
            data.push(if class == 0 { 12 } else { 0 });
        }
        data.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
        data.extend_from_slice(dc_bits);
        data.extend([0xFF, 0xD9]);
        data
    }

    const LAYOUT: Layout = Layout { width: 8, height: 8, components: 1, sample_bytes: 2, ybr: false };

    #[test]
    fn a_flat_block_is_its_dc_value() {
        // Code 0, then 2400 in 12 bits, then the end of block 0, then padding ones: 0100 1011 0000 0011
        let decoded = decode(&flat(&[0b0100_1011, 0b0000_0011]), &LAYOUT).expect("decodes");
        let expected = (2048_u16 + 2400 / 8).to_le_bytes();
        assert!(decoded.chunks_exact(2).all(|s| s == expected), "{decoded:?}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = flat(&[0b0100_1011, 0b0000_0011]);
        for cut in 0..whole.len() - 3 {
            assert!(decode(&whole[..cut], &LAYOUT).is_err(), "cut at {cut}");
        }
    }
}
