//! Halved copies of a plane, so that a large film can be drawn small without reading all of it.

use rayon::prelude::*;

use crate::plane::Plane;

/// Largest side below which a picture is not halved any more.
const SMALLEST_HALF: usize = 256;

/// Copies of a plane at half, quarter, .. size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pyramid {
    levels: Vec<Plane>,
}

impl Pyramid {
    /// Halves until the larger side is small; each pixel is the mean of the four (at an odd border two or one) below it.
    #[must_use]
    pub fn new(plane: &Plane) -> Self {
        let mut levels: Vec<Plane> = Vec::new();
        loop {
            let below = levels.last().unwrap_or(plane);
            if below.width().max(below.height()) < 2 * SMALLEST_HALF {
                return Self { levels };
            }
            levels.push(halved(below));
        }
    }

    /// The copies, the largest first.
    #[must_use]
    pub fn levels(&self) -> &[Plane] {
        &self.levels
    }
}

fn halved(plane: &Plane) -> Plane {
    let (width, height) = (plane.width().div_ceil(2), plane.height().div_ceil(2));
    let mut half = Plane::filled(width, height, 0.0);
    let row = |y: usize| &plane.data()[y * plane.width()..(y + 1) * plane.width()];
    half.data_mut().par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let (upper, lower) = (row(2 * y), row((2 * y + 1).min(plane.height() - 1)));
        for (x, sample) in out.iter_mut().enumerate() {
            let (left, right) = (2 * x, (2 * x + 1).min(plane.width() - 1));
            *sample = (upper[left] + upper[right] + lower[left] + lower[right]) / 4.0;
        }
    });
    half
}
