//! A grey picture in memory: the one pixel container that every stage outside the compute device uses.

use crate::error::{Error, Result};

/// A row-major grey image of `f32` samples. What the samples mean (modality units, model grey levels, a difference) is
/// said by whoever holds it; (0, 0) is the top left pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl Plane {
    /// A plane from samples in row order.
    ///
    /// # Errors
    /// When `data` does not hold `width * height` samples, or a side is zero.
    pub fn new(width: usize, height: usize, data: Vec<f32>) -> Result<Self> {
        if width == 0 || height == 0 || data.len() != width * height {
            return Err(Error::Shape {
                what: "image".into(),
                expected: format!("{width} x {height} samples, neither side zero"),
                found: format!("{} samples", data.len()),
            });
        }
        Ok(Self { width, height, data })
    }

    /// A plane of one value. A side of zero becomes one.
    #[must_use]
    pub fn filled(width: usize, height: usize, value: f32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width, height, data: vec![value; width * height] }
    }

    /// Builds a plane by asking for every pixel.
    #[must_use]
    pub fn from_fn(width: usize, height: usize, mut sample: impl FnMut(usize, usize) -> f32) -> Self {
        let mut plane = Self::filled(width, height, 0.0);
        for y in 0..plane.height {
            for x in 0..plane.width {
                plane.data[y * plane.width + x] = sample(x, y);
            }
        }
        plane
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Samples in row order.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Samples in row order, for change in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The samples themselves.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// One sample; coordinates beyond the border take the nearest pixel inside.
    #[must_use]
    pub fn get(&self, x: usize, y: usize) -> f32 {
        self.data[y.min(self.height - 1) * self.width + x.min(self.width - 1)]
    }

    /// A plane of the same size with `f` applied to every sample.
    #[must_use]
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self { width: self.width, height: self.height, data: self.data.iter().map(|&v| f(v)).collect() }
    }

    /// A plane of the same size from two planes, pixel by pixel.
    ///
    /// # Errors
    /// When the two differ in size.
    pub fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Result<Self> {
        if (self.width, self.height) != (other.width, other.height) {
            return Err(Error::Shape {
                what: "second image".into(),
                expected: format!("{} x {}", self.width, self.height),
                found: format!("{} x {}", other.width, other.height),
            });
        }
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| f(a, b)).collect();
        Ok(Self { width: self.width, height: self.height, data })
    }

    /// Smallest and largest finite sample; `(0, 0)` when none is finite.
    #[must_use]
    pub fn min_max(&self) -> (f32, f32) {
        let (lo, hi) = self
            .data
            .iter()
            .filter(|v| v.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        if lo > hi { (0.0, 0.0) } else { (lo, hi) }
    }
}
