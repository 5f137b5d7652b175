//! Resampling in `f32`: a part of a plane and the weights of both axes enter, a plane leaves.

use rayon::prelude::*;

use super::taps::Taps;
use crate::plane::Plane;

/// A rectangle of a plane.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// From its first sample on.
    data: &'a [f32],
    /// Samples from one row to the next.
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> View<'a> {
    pub fn whole(plane: &'a Plane) -> Self {
        Self::new(plane, [0, 0], [plane.width(), plane.height()])
    }

    /// `[width, height]` pixels from `[x, y]` on, which must be within the plane.
    pub fn new(plane: &'a Plane, [x, y]: [usize; 2], [width, height]: [usize; 2]) -> Self {
        Self { data: &plane.data()[y * plane.width() + x..], stride: plane.width(), width, height }
    }

    pub fn row(&self, y: usize) -> &'a [f32] {
        &self.data[y * self.stride..][..self.width]
    }

    pub fn rows(self) -> impl IndexedParallelIterator<Item = &'a [f32]> {
        (0..self.height).into_par_iter().map(move |y| self.row(y))
    }

    pub fn to_plane(self) -> Plane {
        let mut plane = Plane::filled(self.width, self.height, 0.0);
        plane.data_mut().par_chunks_mut(self.width).zip(self.rows()).for_each(|(to, from)| to.copy_from_slice(from));
        plane
    }
}

/// Weighted sums over columns and rows: as many pixels as the two hold positions.
pub(super) fn separable(source: View<'_>, columns: &Taps<f32>, rows: &Taps<f32>) -> Plane {
    let used = columns.used();
    let mut resized = Plane::filled(columns.len(), rows.len(), 0.0);
    // Rows first: whole rows are summed with one weight, which the compiler turns into vector code.
    resized.data_mut().par_chunks_mut(columns.len()).enumerate().for_each_init(
        || vec![0.0_f32; used.len()],
        |line, (y, out)| {
            line.fill(0.0);
            let (first, weights) = rows.of(y);
            for (row, &weight) in (first..).zip(weights) {
                line.iter_mut().zip(&source.row(row)[used.clone()]).for_each(|(sum, &v)| *sum += weight * v);
            }
            for (sample, (first, weights)) in out.iter_mut().zip(columns.iter()) {
                *sample = weights.iter().zip(&line[first - used.start..]).map(|(&weight, &v)| weight * v).sum();
            }
        },
    );
    resized
}
