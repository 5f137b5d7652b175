//! Augmentation: small changes of place, size, contrast and sharpness that a film could have had.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How much is varied. All ranges are uniform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Largest rotation in degrees, either way.
    pub degrees: f32,
    /// Largest shift as a share of the side, either way.
    pub shift: f32,
    /// Largest change of size, either way.
    pub scale: f32,
    /// Largest change of contrast and of gamma, either way.
    pub contrast: f32,
    /// Largest change of brightness, either way, 0 to 1 scale.
    pub brightness: f32,
    /// Chance of a mirrored film.
    pub mirror: f64,
    /// Largest standard deviation of added noise, 0 to 1 scale.
    pub noise: f32,
}

/// For the autoencoder: it should draw every film well, also one that is off centre.
pub const AUTOENCODER: Augmentation =
    Augmentation { degrees: 4.0, shift: 0.06, scale: 0.08, contrast: 0.15, brightness: 0.06, mirror: 0.0, noise: 0.0 };

/// For the classifier: fewer films than questions, so more variety.
pub const CLASSIFIER: Augmentation =
    Augmentation { degrees: 7.0, shift: 0.07, scale: 0.12, contrast: 0.3, brightness: 0.1, mirror: 0.5, noise: 0.04 };

impl Augmentation {
    /// One varied film: `stored` squared bytes in, `side` squared values in -1024..1024 out.
    pub fn apply(&self, pixels: &[u8], stored: usize, side: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut vary = |range: f32| if range > 0.0 { rng.random_range(-range..=range) } else { 0.0 };
        let angle = vary(self.degrees).to_radians();
        let (shift_x, shift_y) = (vary(self.shift), vary(self.shift));
        let (size, aspect) = (1.0 + vary(self.scale), 1.0 + vary(self.scale * 0.4));
        let (contrast, gamma, brightness) =
            (1.0 + vary(self.contrast), (vary(self.contrast)).exp(), vary(self.brightness));
        let noise = if self.noise > 0.0 { rng.random_range(0.0..=self.noise) } else { 0.0 };
        let mirror = self.mirror > 0.0 && rng.random_bool(self.mirror);

        let tone: Vec<f32> = (0..256)
            .map(|level| {
                let unit = (level as f32 / 255.0).powf(gamma);
                ((unit - 0.5) * contrast + 0.5 + brightness).clamp(0.0, 1.0)
            })
            .collect();
        let (sin, cos) = angle.sin_cos();
        let last = (stored - 1) as f32;
        let mut out = Vec::with_capacity(side * side);
        let mut state: u32 = rng.random();
        for row in 0..side {
            let v = (row as f32 + 0.5) / side as f32 - 0.5;
            for column in 0..side {
                let mut u = (column as f32 + 0.5) / side as f32 - 0.5;
                if mirror {
                    u = -u;
                }
                let (u, v) = (u / (size * aspect), v / size * aspect);
                let x = ((u * cos - v * sin + shift_x + 0.5) * stored as f32 - 0.5).clamp(0.0, last);
                let y = ((u * sin + v * cos + shift_y + 0.5) * stored as f32 - 0.5).clamp(0.0, last);
                let mut unit = bilinear(pixels, stored, &tone, x, y);
                if noise > 0.0 {
                    unit += noise * centred_noise(&mut state);
                }
                out.push(unit.mul_add(2048.0, -1024.0));
            }
        }
        out
    }
}

fn bilinear(pixels: &[u8], stored: usize, tone: &[f32], x: f32, y: f32) -> f32 {
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(stored - 1), (y0 + 1).min(stored - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let at = |x: usize, y: usize| tone[usize::from(pixels[y * stored + x])];
    let top = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
    let bottom = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
    top * (1.0 - fy) + bottom * fy
}

/// Stored bytes as model input, unvaried.
pub fn plain(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&level| (f32::from(level) / 255.0).mul_add(2048.0, -1024.0)).collect()
}

/// Sum of four uniform bytes, scaled to unit variance: near enough to a Gaussian, and fast.
fn centred_noise(state: &mut u32) -> f32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    let sum: u32 = state.to_le_bytes().iter().map(|&b| u32::from(b)).sum();
    (sum as f32 - 510.0) / 147.8
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const STORED: usize = 256;
    const NONE: Augmentation =
        Augmentation { degrees: 0.0, shift: 0.0, scale: 0.0, contrast: 0.0, brightness: 0.0, mirror: 0.0, noise: 0.0 };

    #[test]
    fn no_augmentation_is_a_plain_resize_and_a_mirror_mirrors() {
        let pixels: Vec<u8> = (0..STORED * STORED).map(|i| (i % STORED) as u8).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let plain = NONE.apply(&pixels, STORED, STORED, &mut rng);
        for (value, &byte) in plain.iter().zip(&pixels) {
            assert!((value - (f32::from(byte) / 255.0 * 2048.0 - 1024.0)).abs() < 0.01);
        }
        let mirrored = Augmentation { mirror: 1.0, ..NONE }.apply(&pixels, STORED, STORED, &mut rng);
        assert!((mirrored[0] - plain[STORED - 1]).abs() < 0.01);
    }

    #[test]
    fn noise_has_unit_variance() {
        let mut state = 12345;
        let draws: Vec<f32> = (0..100_000).map(|_| centred_noise(&mut state)).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f32>() / draws.len() as f32;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
