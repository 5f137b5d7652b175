//! Value of interest: the window that turns modality units into brightness. In: a film's samples. Out: 0..1 or 8-bit
//! grey.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::plane::Plane;

/// Samples that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// The curve of a [`Window`], DICOM PS3.3 C.11.2.1.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum VoiFunction {
    /// Ramp over `width - 1` units round `center - 0.5`, PS3.3 C.11.2.1.2.1. The default of the standard.
    #[default]
    Linear,
    /// Ramp over exactly `width` units round `center`, PS3.3 C.11.2.1.3.2.
    LinearExact,
    /// Logistic curve with slope `4 / width`, PS3.3 C.11.2.1.3.1.
    Sigmoid,
}

/// Window centre and width in the units of the film's pixels, DICOM PS3.3 C.11.2.1.2.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// The middle, in pixel units.
    pub center: f32,
    /// The extent, in pixel units; greater than zero, and at least one for [`VoiFunction::Linear`].
    pub width: f32,
    /// The curve.
    pub function: VoiFunction,
}

impl Window {
    /// The window that maps `lo` to 0 and `hi` to 1 exactly, linear between. When the two are equal, one unit wide.
    #[must_use]
    pub fn covering(lo: f32, hi: f32) -> Self {
        let (lo, hi) = if lo <= hi { (lo, hi) } else { (hi, lo) };
        let width = if hi > lo { hi - lo } else { 1.0 };
        Self { center: lo + width / 2.0, width, function: VoiFunction::LinearExact }
    }

    /// Brightness of a sample, 0 (black) to 1 (white). A width of zero or less acts as a threshold.
    #[must_use]
    pub fn apply(&self, value: f32) -> f32 {
        match self.ramp() {
            Some((lo, hi)) => ramp(lo, hi, value),
            None => sigmoid(self.center, self.width, value),
        }
    }

    /// Brightness of every sample, 0..1.
    #[must_use]
    pub fn to_unit(&self, pixels: &Plane) -> Plane {
        let mut unit = Plane::filled(pixels.width(), pixels.height(), 0.0);
        self.map(pixels.data(), unit.data_mut(), |brightness| brightness);
        unit
    }

    /// 8-bit grey in row order for a screen or a file, 0 black to 255 white; `invert` swaps the two.
    #[must_use]
    pub fn to_grey8(&self, pixels: &Plane, invert: bool) -> Vec<u8> {
        let mut levels = vec![0; pixels.data().len()];
        let flip = if invert { u8::MAX } else { 0 };
        self.map(pixels.data(), &mut levels, |brightness| (brightness * 255.0 + 0.5) as u8 ^ flip);
        levels
    }

    /// The window of the same look on pixels mirrored by `v -> sum - v`, with black and white swapped.
    /// [`VoiFunction::Linear`] is centred half a unit off (PS3.3 C.11.2.1.2.1), which the mirror moves to the other
    /// side.
    #[must_use]
    pub fn mirrored(&self, sum: f32) -> Self {
        let center = match self.function {
            VoiFunction::Linear => sum + 1.0 - self.center,
            VoiFunction::LinearExact | VoiFunction::Sigmoid => sum - self.center,
        };
        Self { center, ..*self }
    }

    /// Writes `finish` of every sample's brightness.
    fn map<T: Send>(&self, samples: &[f32], out: &mut [T], finish: impl Fn(f32) -> T + Sync) {
        let work = |(out, samples): (&mut [T], &[f32])| {
            let pairs = out.iter_mut().zip(samples);
            match self.ramp() {
                Some((lo, hi)) => pairs.for_each(|(out, &v)| *out = finish(ramp(lo, hi, v))),
                None => pairs.for_each(|(out, &v)| *out = finish(sigmoid(self.center, self.width, v))),
            }
        };
        out.par_chunks_mut(CHUNK).zip(samples.par_chunks(CHUNK)).for_each(work);
    }

    /// The values that a straight window shows black and white; none for [`VoiFunction::Sigmoid`], which has no edges.
    #[must_use]
    pub fn ramp(&self) -> Option<(f32, f32)> {
        let (middle, half) = match self.function {
            VoiFunction::Linear => (self.center - 0.5, (self.width - 1.0) / 2.0),
            VoiFunction::LinearExact => (self.center, self.width / 2.0),
            VoiFunction::Sigmoid => return None,
        };
        let half = half.max(0.0);
        Some((middle - half, middle + half))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.width, self.center)
    }
}

#[expect(
    clippy::manual_clamp,
    reason = "makes 0/0, a sample on the edge of a threshold, black; clamp would keep the NaN"
)]
fn ramp(lo: f32, hi: f32, value: f32) -> f32 {
    ((value - lo) / (hi - lo)).max(0.0).min(1.0)
}

fn sigmoid(center: f32, width: f32, value: f32) -> f32 {
    let width = width.max(f32::MIN_POSITIVE);
    1.0 / (1.0 + (-4.0 * (value - center) / width).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(center: f32, width: f32) -> Window {
        Window { center, width, function: VoiFunction::Linear }
    }

    #[test]
    fn covering_eight_bits_is_exact_at_every_level() {
        let window = Window::covering(0.0, 255.0);
        let levels = Plane::from_fn(256, 1, |x, _| x as f32);
        assert_eq!((window.apply(0.0), window.apply(255.0)), (0.0, 1.0));
        assert_eq!(window.to_grey8(&levels, false), (0..=255).collect::<Vec<u8>>());
        assert_eq!(window.to_grey8(&levels, true), (0..=255).rev().collect::<Vec<u8>>());
    }

    #[test]
    fn linear_follows_the_standards_example() {
        // PS3.3 C.11.2.1.2.1: centre 2048, width 4096 is the identity on 12 bits; centre 2048, width 1 a threshold.
        let identity = linear(2048.0, 4096.0);
        assert_eq!((identity.apply(0.0), identity.apply(4095.0)), (0.0, 1.0));
        assert!((identity.apply(1000.0) - 1000.0 / 4095.0).abs() < 1e-6);
        let threshold = linear(2048.0, 1.0);
        assert_eq!((threshold.apply(2047.0), threshold.apply(2048.0)), (0.0, 1.0));
        let narrow = linear(0.0, 100.0);
        assert_eq!((narrow.apply(-50.0), narrow.apply(49.0)), (0.0, 1.0));
    }

    #[test]
    fn exact_and_sigmoid_follow_the_standard() {
        let exact = Window { center: 100.0, width: 50.0, function: VoiFunction::LinearExact };
        assert_eq!((exact.apply(75.0), exact.apply(100.0), exact.apply(125.0)), (0.0, 0.5, 1.0));
        let sigmoid = Window { center: 100.0, width: 50.0, function: VoiFunction::Sigmoid };
        assert_eq!(sigmoid.apply(100.0), 0.5);
        assert!((sigmoid.apply(150.0) - 1.0 / (1.0 + (-4.0_f32).exp())).abs() < 1e-6);
    }

    #[test]
    fn a_mirrored_window_shows_the_negative() {
        for function in [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid] {
            let window = Window { center: 700.0, width: 900.0, function };
            let mirrored = window.mirrored(4095.0);
            for value in [0.0, 251.0, 700.0, 1000.0, 1149.0, 4095.0] {
                let sum = window.apply(value) + mirrored.apply(4095.0 - value);
                assert!((sum - 1.0).abs() < 1e-5, "{function:?} at {value}: {sum}");
            }
        }
    }

    #[test]
    fn degenerate_windows_stay_in_range() {
        for function in [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid] {
            for width in [0.0, -5.0, f32::MIN_POSITIVE] {
                let window = Window { center: 10.0, width, function };
                assert!([9.0, 10.0, 11.0].iter().all(|&v| (0.0..=1.0).contains(&window.apply(v))), "{window:?}");
            }
        }
    }
}
