//! JPEG-LS (ITU-T T.87), lossless and near-lossless, one component: DICOM transfer syntaxes 1.2.840.10008.1.2.4.80 and
//! .81. Letters (A, B, C, N, J, RItype) are those of the standard.

use super::bits::{Bits, Stuffing};
use super::{Layout, Reason, be16, guard};

/// Run length orders, T.87 A.2.1.
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of single samples; two more for what ends a run follow them.
const CONTEXTS: usize = 365;

/// Decodes one frame; see [`super::decode`].
pub(super) fn decode(data: &[u8], layout: &Layout) -> Result<Vec<u8>, Reason> {
    let damaged = || "the JPEG-LS data is damaged; copy or export the film again".to_owned();
    let header = Header::read(data).ok_or_else(damaged)?;
    layout.check(header.width, header.height, header.components)?;
    if header.components != 1 {
        return Err("JPEG-LS in colour is not supported; export the film in grey or uncompressed".into());
    }
    if header.bits as usize > 8 * layout.sample_bytes {
        return Err(format!(
            "the compressed picture has {} bits, more than the header allows; export it again",
            header.bits
        ));
    }
    guard::check_ratio(layout.frame_bytes() as u64 / 64, data.len())?;
    let coding = Coding::new(&header).ok_or_else(damaged)?;
    let mut scan = Scan::new(coding, data.get(header.scan..).unwrap_or_default());
    let mut samples = Vec::with_capacity(layout.width * layout.height);
    // One sample of border on either side of the line; the left one of `above` is the start of the line before it.
    let (mut above, mut line) = (vec![0_i32; layout.width + 2], vec![0_i32; layout.width + 2]);
    for _ in 0..layout.height {
        above[layout.width + 1] = above[layout.width];
        line[0] = above[1];
        scan.line(&above, &mut line).ok_or_else(damaged)?;
        if scan.bits.overrun() {
            return Err("the JPEG-LS data ends early; copy or export the film again".into());
        }
        samples.extend(line[1..=layout.width].iter().map(|&v| (v << header.point_transform) as u16));
        std::mem::swap(&mut above, &mut line);
    }
    Ok(layout.pack(samples.into_iter()))
}

/// Frame header, preset parameters and scan header, T.87 C.2.
#[derive(Default)]
struct Header {
    bits: u32,
    width: usize,
    height: usize,
    components: usize,
    near: i32,
    point_transform: u32,
    /// MAXVAL, T1, T2, T3, RESET; zero where the default holds.
    preset: [i32; 5],
    /// Where the entropy-coded data begins.
    scan: usize,
}

impl Header {
    fn read(data: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut at = 2;
        if !data.starts_with(&[0xFF, 0xD8]) {
            return None;
        }
        loop {
            if *data.get(at)? != 0xFF {
                return None;
            }
            let marker = *data.get(at + 1)?;
            if marker == 0xFF {
                at += 1;
                continue;
            }
            let length = be16(data, at + 2)?;
            let body = data.get(at + 4..at + 2 + length)?;
            at += 2 + length;
            match marker {
                0xF7 => {
                    header.bits = u32::from(*body.first()?);
                    (header.height, header.width) = (be16(body, 1)?, be16(body, 3)?);
                    header.components = usize::from(*body.get(5)?);
                }
                0xF8 if body.first() == Some(&1) => {
                    for (i, value) in header.preset.iter_mut().enumerate() {
                        *value = be16(body, 1 + 2 * i)? as i32;
                    }
                }
                0xDA => {
                    let [near, _, transform] = body.get(body.len().checked_sub(3)?..)? else { return None };
                    (header.near, header.point_transform) = (i32::from(*near), u32::from(transform & 15));
                    header.scan = at;
                    return ((2..=16).contains(&header.bits) && header.point_transform < header.bits).then_some(header);
                }
                _ => {}
            }
        }
    }
}

/// Constants of a scan, T.87 A.2.1 and C.2.4.1.1.
struct Coding {
    maxval: i32,
    near: i32,
    /// Quantisation step: `2 * NEAR + 1`.
    step: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    reset: i32,
    /// Context part of every gradient from `-maxval` to `maxval`.
    regions: Vec<i8>,
}

impl Coding {
    fn new(header: &Header) -> Option<Self> {
        let bits = header.bits - header.point_transform;
        let [maxval, t1, t2, t3, reset] = header.preset;
        let maxval = if maxval > 0 { maxval } else { (1 << bits) - 1 };
        let near = header.near;
        if near > maxval / 2 {
            return None;
        }
        let clamp = |v: i32, low: i32| if v > maxval || v < low { low } else { v };
        let given_or = |given: i32, default: i32| if given > 0 { given } else { default };
        let factor = (maxval.min(4095) + 128) / 256;
        let small = 256 / (maxval + 1);
        let default = |large: i32, plain: i32, floor: i32, near_share: i32| {
            if maxval >= 128 {
                factor * large + plain + near_share * near
            } else {
                floor.max((plain + large) / small.max(1) + near_share * near)
            }
        };
        let t1 = given_or(t1, clamp(default(1, 2, 2, 3), near + 1));
        let t2 = given_or(t2, clamp(default(4, 3, 3, 5), t1));
        let t3 = given_or(t3, clamp(default(17, 4, 4, 7), t2));
        let region = |d: i32| -> i8 {
            let size = match d.abs() {
                d if d <= near => 0,
                d if d < t1 => 1,
                d if d < t2 => 2,
                d if d < t3 => 3,
                _ => 4,
            };
            if d < 0 { -size } else { size }
        };
        let step = 2 * near + 1;
        let range = (maxval + 2 * near) / step + 1;
        let bpp = ceil_log2(maxval + 1).max(2);
        let regions = (-maxval..=maxval).map(region).collect();
        let reset = given_or(reset, 64);
        Some(Self { maxval, near, step, range, qbpp: ceil_log2(range), limit: 2 * (bpp + bpp.max(8)), reset, regions })
    }

    fn region(&self, gradient: i32) -> i32 {
        i32::from(self.regions[(gradient + self.maxval) as usize])
    }

    /// Adds a coded error to a prediction, modulo the range, T.87 A.4.4 and A.4.5.
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let mut value = prediction + error * self.step;
        if value < -self.near {
            value += self.range * self.step;
        } else if value > self.maxval + self.near {
            value -= self.range * self.step;
        }
        value.clamp(0, self.maxval)
    }
}

/// Bits needed for `values` different values.
fn ceil_log2(values: i32) -> u32 {
    u32::BITS - (values - 1).max(0).leading_zeros()
}

/// Statistics of one context.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// The state of decoding, carried from line to line.
struct Scan<'a> {
    coding: Coding,
    bits: Bits<'a>,
    contexts: Vec<Context>,
    run_index: usize,
}

impl<'a> Scan<'a> {
    fn new(coding: Coding, data: &'a [u8]) -> Self {
        let a = ((coding.range + 32) / 64).max(2);
        let contexts = vec![Context { a, b: 0, c: 0, n: 1 }; CONTEXTS + 2];
        Self { coding, bits: Bits::new(data, Stuffing::Bit), contexts, run_index: 0 }
    }

    /// Decodes one line, both with a border of one sample; `None` on data that no encoder writes.
    fn line(&mut self, above: &[i32], line: &mut [i32]) -> Option<()> {
        let end = line.len() - 1;
        let mut x = 1;
        while x < end {
            let (left, up, up_left, up_right) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
            let quantised = 81 * self.coding.region(up_right - up)
                + 9 * self.coding.region(up - up_left)
                + self.coding.region(up_left - left);
            if quantised == 0 {
                x = self.run(above, line, x, end)?;
                continue;
            }
            line[x] = self.regular(quantised, left, up, up_left);
            x += 1;
        }
        Some(())
    }

    /// One sample predicted from its neighbours, T.87 A.4 to A.6.
    fn regular(&mut self, quantised: i32, left: i32, up: i32, up_left: i32) -> i32 {
        let sign = quantised.signum();
        let context = &mut self.contexts[quantised.unsigned_abs() as usize];
        let (low, high) = (left.min(up), left.max(up));
        let edge = if up_left >= high {
            low
        } else if up_left <= low {
            high
        } else {
            left + up - up_left
        };
        let prediction = (edge + sign * context.c).clamp(0, self.coding.maxval);
        let k = golomb(context.n, context.a);
        let mapped = value(&mut self.bits, k, self.coding.limit, self.coding.qbpp);
        let folded = if self.coding.near == 0 && k == 0 && 2 * context.b <= -context.n { mapped ^ 1 } else { mapped };
        let error = if folded & 1 == 0 { folded >> 1 } else { -((folded + 1) >> 1) };
        context.b += error * self.coding.step;
        context.a = context.a.wrapping_add(error.abs());
        if context.n == self.coding.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        self.coding.reconstruct(prediction, sign * error)
    }

    /// A run of equal samples and the sample that ends it, T.87 A.7; returns where the line goes on.
    fn run(&mut self, above: &[i32], line: &mut [i32], start: usize, end: usize) -> Option<usize> {
        let value_of_run = line[start - 1];
        let mut x = start;
        loop {
            let length = 1 << J[self.run_index];
            let left = end - x;
            if self.bits.take(1) == 1 {
                let filled = length.min(left);
                line[x..x + filled].fill(value_of_run);
                x += filled;
                if filled == length && self.run_index < 31 {
                    self.run_index += 1;
                }
                if x == end {
                    return Some(end);
                }
            } else {
                let filled = self.bits.take(J[self.run_index]) as usize;
                if filled >= left {
                    return None;
                }
                line[x..x + filled].fill(value_of_run);
                x += filled;
                break;
            }
        }
        line[x] = self.run_end(value_of_run, above[x]);
        self.run_index = self.run_index.saturating_sub(1);
        Some(x + 1)
    }

    /// The sample that interrupts a run, T.87 A.7.2.
    fn run_end(&mut self, left: i32, up: i32) -> i32 {
        let alike = (left - up).abs() <= self.coding.near;
        let ri_type = i32::from(alike);
        let (prediction, sign) = if alike { (left, 1) } else { (up, if left > up { -1 } else { 1 }) };
        let context = &mut self.contexts[CONTEXTS + usize::from(alike)];
        let k = golomb(context.n, context.a + if alike { context.n >> 1 } else { 0 });
        let limit = self.coding.limit - J[self.run_index] - 1;
        let mapped = value(&mut self.bits, k, limit, self.coding.qbpp);
        let folded = mapped + ri_type;
        let map = folded & 1;
        let size = (folded + map) / 2;
        // `b` counts negative errors here: the Nn of the standard.
        let negative = (k != 0 || 2 * context.b >= context.n) == (map == 1);
        let error = if negative { -size } else { size };
        if error < 0 {
            context.b += 1;
        }
        context.a = context.a.wrapping_add((mapped + 1 - ri_type) >> 1);
        if context.n == self.coding.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        self.coding.reconstruct(prediction, sign * error)
    }
}

/// The Golomb order of a context, T.87 A.5.1.
fn golomb(n: i32, a: i32) -> u32 {
    let mut k = 0;
    while k < 16 && (i64::from(n) << k) < i64::from(a) {
        k += 1;
    }
    k
}

/// A limited-length Golomb code, T.87 A.5.3.
fn value(bits: &mut Bits<'_>, k: u32, limit: u32, qbpp: u32) -> i32 {
    let escape = limit.saturating_sub(qbpp + 1);
    let high = bits.zeros(limit);
    if high < escape { (high << k | bits.take(k)) as i32 } else { bits.take(qbpp) as i32 + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of T.87 H.3: 4 x 4 samples of 8 bits, lossless.
    const EXAMPLE: [u8; 25 + 19] = [
        0xFF, 0xD8, 0xFF, 0xF7, 0x00, 0x0B, 0x08, 0x00, 0x04, 0x00, 0x04, 0x01, 0x01, 0x11, 0x00, 0xFF, 0xDA, 0x00,
        0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0xC0, 0x00, 0x00, 0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0, 0x00, 0x00,
        0x57, 0x40, 0x00, 0x00, 0x6E, 0xE6, 0x00, 0x00,
    ];
    const LAYOUT: Layout = Layout { width: 4, height: 4, components: 1, sample_bytes: 1, ybr: false };

    fn example() -> Vec<u8> {
        let mut stream = EXAMPLE.to_vec();
        stream.extend([0x01, 0xBC, 0x18, 0x00, 0x00, 0x05, 0xD8, 0x00, 0x00, 0x91, 0x60, 0xFF, 0xD9]);
        stream
    }

    #[test]
    fn the_standards_example_decodes() {
        let expected = vec![0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145];
        assert_eq!(decode(&example(), &LAYOUT), Ok(expected));
    }

    #[test]
    fn truncations_are_errors_or_whole_pictures() {
        let whole = example();
        for cut in 0..whole.len() - 4 {
            if let Ok(bytes) = decode(&whole[..cut], &LAYOUT) {
                assert_eq!(bytes.len(), 16, "cut at {cut}");
            }
        }
        assert!(decode(&whole[..40], &LAYOUT).is_err());
    }
}
