//! Filter weights along one axis: sizes enter, for every wanted output position the input positions it is summed from
//! and their weights leave. Knows nothing of pixels.

use std::ops::Range;

/// A resize along one axis of which only some outputs are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Samples that are resized.
    pub input: usize,
    /// Samples after the resize.
    pub output: usize,
    /// First of them that is wanted.
    pub first: usize,
    /// How many are.
    pub count: usize,
}

impl Axis {
    /// A resize of which every output is wanted.
    pub fn whole(input: usize, output: usize) -> Self {
        Self { input, output, first: 0, count: output }
    }

    /// Input samples for each output sample.
    pub fn scale(self) -> f64 {
        self.input as f64 / self.output as f64
    }

    pub fn wanted(self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

/// An interpolation filter that widens with the reduction.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    /// How far it reaches to each side, in pixels of the coarser of input and output.
    reach: f64,
    /// Weight at a distance in input pixels, given the input pixels of one output pixel (at least one).
    weight: fn(f64, f64) -> f64,
}

impl Filter {
    /// PIL's and torch's triangle.
    pub const TRIANGLE: Self = Self { reach: 1.0, weight: |distance, scale| triangle(distance * (1.0 / scale)) };
    /// The same with one rounding less, for sums in floating point.
    pub const TRIANGLE_DIVIDED: Self = Self { reach: 1.0, weight: |distance, scale| triangle(distance / scale) };
    /// PIL's cubic, a = -0.5.
    pub const CUBIC: Self = Self { reach: 2.0, weight: |distance, scale| cubic(distance * (1.0 / scale)) };
    /// torch's, the same polynomial in another order of sums, which shows where a weight is rounded to fixed point.
    pub const TORCH_CUBIC: Self = Self { reach: 2.0, weight: |distance, scale| torch_cubic(distance * (1.0 / scale)) };

    /// First input position and the weights from there, summing to one, of an output position of `axis`: PIL's
    /// `precompute_coeffs`. Left in `weights`.
    pub fn at(self, axis: Axis, position: usize, weights: &mut Vec<f64>) -> usize {
        let scale = axis.scale();
        let widening = scale.max(1.0);
        let support = self.reach * widening;
        let center = (position as f64 + 0.5) * scale;
        let first = ((center - support + 0.5).max(0.0) as usize).min(axis.input - 1);
        let end = ((center + support + 0.5) as usize).clamp(first + 1, axis.input);
        weights.clear();
        weights.extend((first..end).map(|i| (self.weight)(i as f64 - center + 0.5, widening)));
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        first
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keys' cubic convolution with a = -0.5, in the order of sums of PIL's `bicubic_filter`.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The same in the order of sums of torch's `cubic_convolution1` and `cubic_convolution2` (`UpSample.h`).
fn torch_cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        cubic(x)
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

/// Weights of every wanted output position along one axis.
pub(super) struct Taps<W> {
    /// First input position, and where its weights start and end in `weights`.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<W>,
}

impl<W> Taps<W> {
    pub fn with_capacity(positions: usize) -> Self {
        Self { spans: Vec::with_capacity(positions), weights: Vec::new() }
    }

    /// The next output position; it has at least one weight.
    pub fn push(&mut self, first: usize, weights: impl IntoIterator<Item = W>) {
        let start = self.weights.len();
        self.weights.extend(weights);
        self.spans.push((first, start, self.weights.len()));
    }

    /// First input position and weights of a wanted output position.
    pub fn of(&self, position: usize) -> (usize, &[W]) {
        let (first, start, end) = self.spans[position];
        (first, &self.weights[start..end])
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        (0..self.len()).map(|position| self.of(position))
    }

    /// Wanted output positions.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Input positions from the first to the last that an output uses.
    pub fn used(&self) -> Range<usize> {
        let first = self.spans.iter().map(|&(first, ..)| first).min().unwrap_or(0);
        let end = self.spans.iter().map(|&(first, start, end)| first + end - start).max().unwrap_or(0);
        first..end
    }
}

impl Taps<f32> {
    /// Weights of a filter.
    pub fn filtered(axis: Axis, filter: Filter) -> Self {
        let mut taps = Self::with_capacity(axis.count);
        let mut weights = Vec::new();
        for position in axis.wanted() {
            let first = filter.at(axis, position, &mut weights);
            taps.push(first, weights.iter().map(|&weight| weight as f32));
        }
        taps
    }

    /// Linear interpolation between the two nearest samples, in torch's own `f32` (`area_pixel_compute_source_index` of
    /// `UpSample.h`): at 1000 pixels from the border a place is known to 1e-4 of a pixel, which shows in sharp edges.
    pub fn nearest_two(axis: Axis) -> Self {
        let scale = axis.input as f32 / axis.output as f32;
        let mut taps = Self::with_capacity(axis.count);
        for position in axis.wanted() {
            let place = (scale * (position as f32 + 0.5) - 0.5).max(0.0);
            let first = (place as usize).min(axis.input - 1);
            if first + 1 < axis.input {
                let share = (place - first as f32).clamp(0.0, 1.0);
                taps.push(first, [1.0 - share, share]);
            } else {
                taps.push(first, [1.0]);
            }
        }
        taps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_a_window_is_part_of_the_whole() {
        for filter in [Filter::TRIANGLE, Filter::TRIANGLE_DIVIDED, Filter::CUBIC, Filter::TORCH_CUBIC] {
            for (input, output) in [(1024, 224), (97, 518), (5, 5), (1, 40), (40, 1)] {
                let whole = Taps::filtered(Axis::whole(input, output), filter);
                for (_, weights) in whole.iter() {
                    assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                }
                let (first, count) = (output / 3, output - output / 3);
                let window = Taps::filtered(Axis { input, output, first, count }, filter);
                (0..count).for_each(|i| assert_eq!(window.of(i), whole.of(first + i)));
                assert_eq!(whole.used(), 0..input);
            }
        }
    }

    #[test]
    fn both_cubics_are_one_polynomial() {
        (0..2500).map(|i| f64::from(i) / 1000.0).for_each(|x| assert!((cubic(x) - torch_cubic(x)).abs() < 1e-14));
        assert_eq!((cubic(0.0), cubic(1.0), cubic(-1.5), cubic(2.0)), (1.0, 0.0, -0.0625, 0.0));
    }
}
