//! From attenuation to grey levels: scatter, quantum noise, the detector's curve and the border.

use super::anatomy::body_share;
use super::body::Body;
use super::factors::{Factor, Settings};
use super::random::Stream;

const EXPOSURE: u64 = 40;
const SITE: u64 = 41;
const NOISE: u64 = 42;
/// Attenuation beyond which the curve does not change, and steps of the tables per unit of it.
const LIMIT: f32 = 12.0;
const STEPS: f32 = 64.0;
/// Size of the logarithm's table.
const LOG_BITS: u32 = 9;
const LOG_STEPS: usize = 1 << LOG_BITS;
/// Scatter behind the grid as a share of the primary around it.
const SCATTER: f32 = 0.07;
/// Cells of the scatter's grid along a side.
const CELLS: usize = 32;

/// The response of one film system to one patient.
#[derive(Clone, Debug)]
pub struct Detector {
    /// Grey level and standard deviation of its noise, by attenuation.
    response: Vec<(f32, f32)>,
    primary: Vec<f32>,
    log: Vec<f32>,
    border: Option<(f32, f32)>,
    key: u64,
}

impl Detector {
    /// Exposure and curve depend on the patient's build and on the site, never on what the film shows: a film that
    /// differs in one finding is exposed alike.
    #[must_use]
    pub fn new(seed: u64, settings: &Settings, body: &Body) -> Self {
        let mut stream = Stream::new(seed, EXPOSURE);
        let exposure = stream.between(0.94, 1.06);
        let contrast = stream.between(2.25, 2.6);
        let site = settings.get(Factor::Site);
        let mut other = Stream::new(seed, SITE);
        let frame = (other.between(0.018, 0.034), if other.chance(0.5) { 250.0 } else { 2.0 });
        let (power, fog, peak) = if site.present {
            (contrast * (0.80 - 0.16 * site.strength), 10.0 + 12.0 * site.strength, 244.0 - 14.0 * site.strength)
        } else {
            (contrast, 3.0, 255.0)
        };
        // 1 is the attenuation of the mediastinum of this patient.
        let unit = 3.75 * body.frame[2] as f32 * exposure;
        let half = libm::powf(0.80, power) * 0.385;
        let count = (LIMIT * STEPS) as usize + 2;
        let at = |i: usize| i as f32 / STEPS;
        let grey: Vec<f32> = (0..count)
            .map(|i| {
                let v = libm::powf(at(i) / unit, power);
                fog + (peak - fog) * v / (v + half)
            })
            .collect();
        let response = (0..count)
            .map(|i| {
                let slope = (grey[(i + 1).min(count - 1)] - grey[i]) * STEPS;
                (grey[i], (0.011 * libm::expf(at(i) * 0.5) * slope).clamp(1.4, 2.3))
            })
            .collect();
        let primary = (0..count).map(|i| libm::expf(-at(i))).collect();
        let log = (0..=LOG_STEPS).map(|i| libm::logf(1.0 + i as f32 / LOG_STEPS as f32)).collect();
        Self { response, primary, log, border: site.present.then_some(frame), key: mix(seed ^ mix(NOISE)) }
    }

    /// Grey levels of the film, before rounding. `scatter` is [`Self::scatter`]'s.
    #[must_use]
    pub fn develop(&self, attenuation: &[f32], scatter: &[f32], side: usize) -> Vec<f32> {
        let mut film = Vec::with_capacity(attenuation.len());
        let columns: Vec<_> = (0..side).map(|x| cell(x, side)).collect();
        let mut here = [0.0f32; CELLS];
        for y in 0..side {
            let (row, below, v) = cell(y, side);
            for (x, level) in here.iter_mut().enumerate() {
                *level = lerp(scatter[row * CELLS + x], scatter[below * CELLS + x], v);
            }
            let line = y * side;
            for (x, (&a, &(column, right, u))) in attenuation[line..line + side].iter().zip(&columns).enumerate() {
                let primary = look(&self.primary, a.clamp(0.0, LIMIT));
                let seen = self.minus_ln(primary + lerp(here[column], here[right], u)).clamp(0.0, LIMIT);
                let at = seen * STEPS;
                let low = at as usize;
                let (from, to, t) = (self.response[low], self.response[low + 1], at - low as f32);
                let noise = gauss(self.key, (line + x) as u64);
                film.push(lerp(from.0, to.0, t) + lerp(from.1, to.1, t) * noise);
            }
        }
        if let Some((share, level)) = self.border {
            let edge = (share * side as f32).max(1.0) as usize;
            for y in 0..side {
                for x in 0..side {
                    if x < edge || y < edge || x + edge >= side || y + edge >= side {
                        film[y * side + x] = level;
                    }
                }
            }
        }
        film
    }

    /// -ln of a positive normal number: its exponent, and a table for its mantissa.
    fn minus_ln(&self, x: f32) -> f32 {
        let bits = x.to_bits();
        let exponent = (bits >> 23) as f32 - 127.0;
        let cell = ((bits >> (23 - LOG_BITS)) as usize) & (LOG_STEPS - 1);
        let rest = (bits & (0x7f_ffff >> LOG_BITS)) as f32 / (0x80_0000 >> LOG_BITS) as f32;
        -(exponent * core::f32::consts::LN_2 + lerp(self.log[cell], self.log[cell + 1], rest))
    }

    /// Scatter on a coarse grid: the primary of the body, blurred over some 50 mm. It comes from the patient without
    /// findings and devices, whose own share of it would be less than a grey level.
    #[must_use]
    pub fn scatter(attenuation: &[f32]) -> Vec<f32> {
        let mut grid: Vec<f32> =
            attenuation.iter().map(|&a| libm::expf(-a.max(0.0)) * body_share(a) * SCATTER).collect();
        grid.resize(CELLS * CELLS, 0.0);
        for _ in 0..3 {
            for stride in [1, CELLS] {
                blur(&mut grid, stride);
            }
        }
        grid
    }

    /// Side of the film that [`Self::scatter`] expects.
    #[must_use]
    pub fn scatter_side() -> usize {
        CELLS
    }
}

/// Mean of three neighbours along rows (`stride` 1) or columns.
fn blur(grid: &mut [f32], stride: usize) {
    let source = grid.to_vec();
    for (i, value) in grid.iter_mut().enumerate() {
        let along = if stride == 1 { i % CELLS } else { i / CELLS };
        let before = if along == 0 { i } else { i - stride };
        let after = if along + 1 == CELLS { i } else { i + stride };
        *value = (source[before] + source[i] + source[after]) / 3.0;
    }
}

/// The two cells around pixel `x` and the second one's share.
fn cell(x: usize, side: usize) -> (usize, usize, f32) {
    let at = ((x as f32 + 0.5) * CELLS as f32 / side as f32 - 0.5).clamp(0.0, (CELLS - 1) as f32);
    let low = at as usize;
    (low, (low + 1).min(CELLS - 1), at - low as f32)
}

fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

fn look(table: &[f32], attenuation: f32) -> f32 {
    let at = attenuation * STEPS;
    let low = at as usize;
    lerp(table[low], table[low + 1], at - low as f32)
}

/// SplitMix64's finisher: every bit of the input changes every bit of the output.
#[must_use]
pub fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Close to a normal number of mean 0 and variance 1, from the pixel alone: noise does not move when something else on
/// the film changes.
fn gauss(key: u64, pixel: u64) -> f32 {
    let bits = mix(key ^ pixel.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    // Four uniform numbers have variance 1/3.
    (sum as u32 as f32 / 65_536.0 - 2.0) * 1.732_050_8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::FACTORS;

    fn detector() -> Detector {
        let settings = Settings::draw(1, &FACTORS, |_, _, _| false);
        Detector::new(1, &settings, &Body::new(1, &settings))
    }

    #[test]
    fn the_table_of_logarithms_is_close() {
        let detector = detector();
        for k in 1..2000 {
            let x = k as f32 * 0.0007;
            assert!((detector.minus_ln(x) + libm::logf(x)).abs() < 1e-4);
        }
    }

    #[test]
    fn more_attenuation_is_whiter() {
        let detector = detector();
        let attenuation: Vec<f32> = (0..64).map(|i| i as f32 * 0.18).collect();
        let film = detector.develop(&attenuation, &vec![0.0; CELLS * CELLS], 8);
        assert!(film[0] < 25.0 && film[63] > 225.0);
        assert!(detector.response.windows(2).all(|p| p[1].0 >= p[0].0));
    }

    #[test]
    fn noise_has_mean_zero_and_variance_one() {
        let draws: Vec<f64> = (0..20_000).map(|i| f64::from(gauss(9, i))).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|d| d * d).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn nonsense_does_not_panic() {
        let film = detector().develop(&[f32::NAN, f32::INFINITY, -5.0, 1e9], &vec![f32::NAN; CELLS * CELLS], 2);
        assert_eq!(film.len(), 4);
    }
}
