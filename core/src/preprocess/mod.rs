//! From film to model input: a radiograph enters, a square plane in the model's grey levels leaves, resampled as the
//! model's own library does it. Knows nothing of models beyond the size, fit, resampling and range that a bundle
//! states.
//!
//! `fit` says which part of the film is kept, `taps` holds filter weights; `float`, `eight_bit` and `skimage` resample;
//! [`recipes`] names what is published, `transformers` and `open_clip` read it from files; `seen` tells what a crop
//! cuts off.

mod eight_bit;
mod fit;
mod float;
mod open_clip;
mod reading;
pub mod recipes;
mod same_part;
mod seen;
mod skimage;
mod taps;
mod transformers;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use fit::{CropStart, Fit, MAX_EDGE};
pub use open_clip::from_open_clip;
pub use reading::Published;
pub use seen::{CutOff, SeenRegion};
pub use transformers::{TransformersBackend, from_transformers, from_transformers_as};

use crate::plane::Plane;
use crate::radiograph::Radiograph;
use eight_bit::Arithmetic;
use float::View;
use taps::{Axis, Filter, Taps};

/// Smallest and largest side of a model's input, in pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 16..=1024;

/// How samples are interpolated. The kinds of 8 bits work on whole grey levels 0..=255, as pictures do in the libraries
/// they are named for: brightness is rounded to them first, and again after each of the two passes, columns and rows.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// A triangle filter that widens with the reduction, in `f32`: PIL's `BILINEAR` of mode F, and torch's
    /// `interpolate(mode="bilinear", antialias=True, align_corners=False)`.
    #[default]
    BilinearAntialias,
    /// The four nearest pixels whatever the reduction, in `f32`: torch's `interpolate(mode="bilinear",
    /// align_corners=False)`, which torchxrayvision's models used before 2025 (pull request 161).
    Bilinear,
    /// Pillow's `BILINEAR` of 8-bit pictures (`src/libImaging/Resample.c`), weights in 22-bit fixed point. As Pillow
    /// 13: before, rows were never resized first, which shows, by one level, only on films that are very high or
    /// stretched.
    PillowBilinear,
    /// Pillow's `BICUBIC` of 8-bit pictures, a = -0.5: the image processors of transformers on PIL, and open_clip.
    PillowBicubic,
    /// torchvision's antialiased bilinear resize of 8-bit tensors on a CPU (torch's `UpSampleKernel.cpp`), weights in
    /// 15 bits: one grey level from [`Resize::PillowBilinear`] in 0.1 % of the pixels.
    TorchvisionBilinear,
    /// torchvision's antialiased bicubic resize of 8-bit tensors on a CPU, which transformers 5 takes where torchvision
    /// is installed: one grey level, seldom two, from [`Resize::PillowBicubic`] in 0.5 % of the pixels.
    TorchvisionBicubic,
    /// scikit-image's `transform.resize(order=1, mode="constant", preserve_range=True)`, as torchxrayvision's
    /// `XRayResizer` calls it: a Gaussian blur before a reduction, grey level 0 beyond the film's border (the middle of
    /// `[-1024, 1024]`, which the outermost pixels lean to), values kept within the film's own.
    Skimage,
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
        self.apply_unit(&film.to_unit())
    }

    /// The model input of a film given as brightness, 0 (black) to 1 (white) of every pixel: `size` x `size` samples
    /// within `range`. Where [`Preprocess::check`] fails because the edge is shorter than the input, the rest is black.
    #[must_use]
    pub fn apply_unit(&self, unit: &Plane) -> Plane {
        let size = self.size.max(1);
        let [x, y] = self.fit.along(unit.width(), unit.height(), size);
        let (columns, rows) = (x.axis(), y.axis());
        let film = View::new(unit, [x.start, y.start], [x.length, y.length]);
        let [lo, hi] = self.range;
        let kept = match self.resize {
            Resize::BilinearAntialias | Resize::Bilinear => {
                let resized = float::separable(film, &self.resize.taps(columns), &self.resize.taps(rows));
                in_range(resized, self.range)
            }
            Resize::Skimage => {
                let levels = in_range(film.to_plane(), self.range);
                skimage::resize(View::whole(&levels), columns, rows)
            }
            Resize::PillowBilinear
            | Resize::PillowBicubic
            | Resize::TorchvisionBilinear
            | Resize::TorchvisionBicubic => {
                let grey: [f32; 256] = std::array::from_fn(|level| lo + level as f32 / 255.0 * (hi - lo));
                eight_bit::resize(film, [columns, rows], self.resize.filter(), self.resize.arithmetic(), &grey)
            }
        };
        if (x.count, y.count) == (size, size) {
            return kept;
        }
        let mut padded = Plane::filled(size, size, lo);
        let lines = padded.data_mut().chunks_exact_mut(size).skip(y.before).zip(kept.data().chunks_exact(x.count));
        lines.for_each(|(line, kept)| line[x.before..x.before + x.count].copy_from_slice(kept));
        padded
    }

    /// Brightness of a model grey level: 0 at the lower end of `range`, 1 at the upper, not clamped.
    #[must_use]
    pub fn to_unit(&self, model: f32) -> f32 {
        let [lo, hi] = self.range;
        (model - lo) / (hi - lo)
    }

    /// Which rectangle of a film of `width` x `height` pixels reaches the model.
    #[must_use]
    pub fn seen(&self, width: usize, height: usize) -> SeenRegion {
        SeenRegion::new(self.fit, self.size.max(1), width.max(1), height.max(1))
    }

    /// The same part of the film, averaged without rounding, blur or rim: for masks that go the way of their film.
    #[must_use]
    pub fn for_masks(&self) -> Self {
        Self { resize: Resize::BilinearAntialias, ..self.clone() }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// A reason in words: a side that is not within [`SIDES`], an edge shorter than the side or longer than
    /// [`MAX_EDGE`], a range that is empty or not finite.
    pub fn check(&self) -> Result<(), String> {
        if !SIDES.contains(&self.size) {
            return Err(format!("films of {} pixels are not between {} and {}", self.size, SIDES.start(), SIDES.end()));
        }
        let [lo, hi] = self.range;
        if !(lo.is_finite() && hi.is_finite() && lo < hi) {
            return Err(format!("grey range {:?} is not two finite numbers, the smaller first", self.range));
        }
        match self.fit {
            Fit::ShortestEdge { edge, .. } if edge < self.size || edge > MAX_EDGE => Err(format!(
                "a shortest edge of {edge} pixels is not between the model's input of {} and {MAX_EDGE}",
                self.size
            )),
            _ => Ok(()),
        }
    }
}

impl Resize {
    /// Weights of the linear part along one axis.
    fn taps(self, axis: Axis) -> Taps<f32> {
        match self {
            Self::Bilinear => Taps::nearest_two(axis),
            Self::Skimage => skimage::taps(axis),
            _ => Taps::filtered(axis, self.filter()),
        }
    }

    fn filter(self) -> Filter {
        match self {
            Self::PillowBilinear | Self::TorchvisionBilinear => Filter::TRIANGLE,
            Self::PillowBicubic => Filter::CUBIC,
            Self::TorchvisionBicubic => Filter::TORCH_CUBIC,
            Self::BilinearAntialias | Self::Bilinear | Self::Skimage => Filter::TRIANGLE_DIVIDED,
        }
    }

    fn arithmetic(self) -> Arithmetic {
        match self {
            Self::TorchvisionBilinear | Self::TorchvisionBicubic => Arithmetic::Torch,
            _ => Arithmetic::Pillow,
        }
    }
}

/// The plane at another size. A side of zero becomes one. The kinds of 8 bits take brightness 0 to 1 and give it in
/// steps of 1/255; [`Resize::Skimage`] takes model grey levels.
#[must_use]
pub fn resize(plane: &Plane, width: usize, height: usize, how: Resize) -> Plane {
    let (width, height) = (width.max(1), height.max(1));
    let (columns, rows) = (Axis::whole(plane.width(), width), Axis::whole(plane.height(), height));
    let view = View::whole(plane);
    match how {
        Resize::PillowBilinear | Resize::PillowBicubic | Resize::TorchvisionBilinear | Resize::TorchvisionBicubic => {
            let unit: [f32; 256] = std::array::from_fn(|level| level as f32 / 255.0);
            eight_bit::resize(view, [columns, rows], how.filter(), how.arithmetic(), &unit)
        }
        _ if (width, height) == (plane.width(), plane.height()) => plane.clone(),
        Resize::Skimage => skimage::resize(view, columns, rows),
        Resize::BilinearAntialias | Resize::Bilinear => float::separable(view, &how.taps(columns), &how.taps(rows)),
    }
}

/// The resize of one axis as a matrix, row-major `[output, input]`: a model plane `X [height, width]` becomes
/// `resize_matrix(height, h, how) X resize_matrix(width, w, how)^T`. A side of zero becomes one.
///
/// Exact for [`Resize::BilinearAntialias`] and [`Resize::Bilinear`] up to the order of the sums. Of the others it is
/// the linear part, which is what a gradient goes through: the kinds of 8 bits without their rounding,
/// [`Resize::Skimage`] without its clipping (on grey levels whose middle is 0). The sides are of films and inputs: all
/// of the matrix is held.
#[must_use]
pub fn resize_matrix(input: usize, output: usize, how: Resize) -> Vec<f32> {
    let (input, output) = (input.max(1), output.max(1));
    let taps = how.taps(Axis::whole(input, output));
    let mut matrix = vec![0.0; input * output];
    for (position, row) in matrix.chunks_exact_mut(input).enumerate() {
        let (first, weights) = taps.of(position);
        row[first..first + weights.len()].copy_from_slice(weights);
    }
    matrix
}

/// Brightness to the model's grey levels.
fn in_range(mut unit: Plane, [lo, hi]: [f32; 2]) -> Plane {
    unit.data_mut().par_iter_mut().with_min_len(1 << 14).for_each(|v| *v = lo + *v * (hi - lo));
    unit
}

#[cfg(test)]
mod tests;
