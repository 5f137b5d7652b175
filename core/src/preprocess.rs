//! From film to model input: a radiograph enters, a square plane in the model's grey levels leaves. Knows nothing of
//! models beyond the size, fit and range that a bundle states.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// How a film that is not square becomes square.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// The whole film, its sides stretched to the square.
    #[default]
    Stretch,
    /// The largest square in the middle of the film, as torchxrayvision's `XRayCenterCrop`.
    CentreCrop,
}

/// How samples are interpolated.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// A triangle filter that widens with the reduction: PIL's `BILINEAR`, and torch's
    /// `interpolate(mode="bilinear", antialias=True, align_corners=False)`.
    #[default]
    BilinearAntialias,
}

/// How a bundle turns a film into model input; part of `bundle.ron`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Preprocess {
    /// Side of the square input, in pixels.
    pub size: usize,
    /// How the film becomes square.
    pub fit: Fit,
    /// How it is resampled.
    pub resize: Resize,
    /// The model's grey levels of black and white, `[-1024, 1024]` for torchxrayvision.
    pub range: [f32; 2],
}

impl Default for Preprocess {
    fn default() -> Self {
        Self { size: 224, fit: Fit::default(), resize: Resize::default(), range: [-1024.0, 1024.0] }
    }
}

impl Preprocess {
    /// The model input of a film at its default window: `size` x `size` samples within `range`.
    #[must_use]
    pub fn apply(&self, film: &Radiograph) -> Plane {
        let unit = film.to_unit();
        let square = match self.fit {
            Fit::Stretch => unit,
            Fit::CentreCrop => centre_crop(&unit),
        };
        let [lo, hi] = self.range;
        let mut input = resize(&square, self.size, self.size, self.resize);
        input.data_mut().iter_mut().for_each(|v| *v = lo + *v * (hi - lo));
        input
    }

    /// Brightness of a model grey level: 0 at the lower end of `range`, 1 at the upper, not clamped.
    #[must_use]
    pub fn to_unit(&self, model: f32) -> f32 {
        let [lo, hi] = self.range;
        (model - lo) / (hi - lo)
    }
}

/// The plane at another size. A side of zero becomes one.
#[must_use]
pub fn resize(plane: &Plane, width: usize, height: usize, how: Resize) -> Plane {
    let (width, height) = (width.max(1), height.max(1));
    if (width, height) == (plane.width(), plane.height()) {
        return plane.clone();
    }
    let (columns, rows) = match how {
        Resize::BilinearAntialias => (Taps::triangle(plane.width(), width), Taps::triangle(plane.height(), height)),
    };
    let mut resized = Plane::filled(width, height, 0.0);
    let source = plane.data();
    let stride = plane.width();
    // Rows first: whole rows are summed with one weight, which the compiler turns into vector code.
    resized.data_mut().par_chunks_mut(width).enumerate().for_each_init(
        || vec![0.0_f32; stride],
        |line, (y, out)| {
            line.fill(0.0);
            let (first, weights) = rows.of(y);
            for (&weight, row) in weights.iter().zip(source[first * stride..].chunks_exact(stride)) {
                line.iter_mut().zip(row).for_each(|(sum, &v)| *sum += weight * v);
            }
            for (x, sample) in out.iter_mut().enumerate() {
                let (first, weights) = columns.of(x);
                *sample = weights.iter().zip(&line[first..]).map(|(&weight, &v)| weight * v).sum();
            }
        },
    );
    resized
}

/// Filter weights of every output position along one axis.
struct Taps {
    /// First input position, and where its weights start and end in `weights`.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Taps {
    /// Triangle filter of PIL's `precompute_coeffs`: support of one output pixel, or one input pixel where the output
    /// is larger.
    fn triangle(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let support = scale.max(1.0);
        let mut taps = Self { spans: Vec::with_capacity(output), weights: Vec::new() };
        for position in 0..output {
            let center = (position as f64 + 0.5) * scale;
            let first = ((center - support + 0.5).max(0.0) as usize).min(input - 1);
            let end = ((center + support + 0.5) as usize).clamp(first + 1, input);
            let weight = |i: usize| (1.0 - ((i as f64 - center + 0.5) / support).abs()).max(0.0);
            let total: f64 = (first..end).map(weight).sum();
            let start = taps.weights.len();
            taps.weights.extend((first..end).map(|i| (weight(i) / total) as f32));
            taps.spans.push((first, start, taps.weights.len()));
        }
        taps
    }

    fn of(&self, position: usize) -> (usize, &[f32]) {
        let (first, start, end) = self.spans[position];
        (first, &self.weights[start..end])
    }
}

fn centre_crop(plane: &Plane) -> Plane {
    let side = plane.width().min(plane.height());
    let (left, top) = (plane.width() / 2 - side / 2, plane.height() / 2 - side / 2);
    Plane::from_fn(side, side, |x, y| plane.get(left + x, top + y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Plane {
        Plane::from_fn(width, height, |x, y| (x + 3 * y) as f32)
    }

    #[test]
    fn same_size_is_untouched_and_a_constant_stays_constant() {
        assert_eq!(resize(&ramp(7, 5), 7, 5, Resize::BilinearAntialias), ramp(7, 5));
        let flat = resize(&Plane::filled(301, 77, 0.25), 64, 224, Resize::BilinearAntialias);
        assert!(flat.data().iter().all(|v| (v - 0.25).abs() < 1e-6));
    }

    #[test]
    fn halving_is_the_triangle_average() {
        // PIL: Image.fromarray([[0, 4, 8, 12]], "F").resize((2, 1), BILINEAR) = 2.857143, 9.142858
        let plane = Plane::from_fn(4, 1, |x, _| 4.0 * x as f32);
        let half = resize(&plane, 2, 1, Resize::BilinearAntialias);
        assert!((half.get(0, 0) - 2.857_143).abs() < 1e-5 && (half.get(1, 0) - 9.142_857).abs() < 1e-5, "{half:?}");
    }

    #[test]
    fn enlarging_repeats_the_border() {
        let plane = Plane::from_fn(2, 1, |x, _| x as f32);
        let wide = resize(&plane, 4, 1, Resize::BilinearAntialias);
        assert_eq!(wide.data(), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn crop_takes_the_middle() {
        let square = centre_crop(&ramp(6, 3));
        assert_eq!((square.width(), square.height(), square.get(0, 0)), (3, 3, 2.0));
    }

    #[test]
    fn range_and_unit_are_inverse() {
        let preprocess = Preprocess::default();
        assert_eq!((preprocess.to_unit(-1024.0), preprocess.to_unit(0.0), preprocess.to_unit(1024.0)), (0.0, 0.5, 1.0));
    }

    #[test]
    fn zero_sized_targets_become_one_pixel() {
        assert_eq!(resize(&ramp(9, 9), 0, 0, Resize::BilinearAntialias).data().len(), 1);
    }
}
