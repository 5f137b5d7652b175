//! Resampling of 8-bit pictures in whole numbers, bit for bit as Pillow and torch do it. In: brightness 0 to 1. Out:
//! the grey level that the caller has for each of the 256 results.

use std::ops::Range;

use rayon::prelude::*;

use super::float::View;
use super::taps::{Axis, Filter, Taps};
use crate::plane::Plane;

/// How weights become whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    /// Pillow's `PRECISION_BITS`: 22 bits after the point.
    Pillow,
    /// torch's `_compute_index_ranges_int16_weights`: as many bits as let the axis's largest weight fit into an `i16`.
    Torch,
}

/// Weights repeat along an axis: of more outputs than a film has, the first ones hold the largest weight.
const REPEATS: usize = 1 << 16;

/// Weights of one axis in units of `1 / 2^bits`.
struct Fixed {
    taps: Taps<i32>,
    bits: u32,
}

impl Fixed {
    fn new(axis: Axis, filter: Filter, arithmetic: Arithmetic) -> Self {
        let mut taps = Taps::with_capacity(axis.count);
        if axis.input == axis.output {
            axis.wanted().for_each(|position| taps.push(position, [1]));
            return Self { taps, bits: 0 };
        }
        let mut weights = Vec::new();
        let bits = match arithmetic {
            Arithmetic::Pillow => 32 - 8 - 2,
            Arithmetic::Torch => {
                let mut largest = 0.0_f64;
                for position in 0..axis.output.min(REPEATS) {
                    filter.at(axis, position, &mut weights);
                    largest = weights.iter().copied().fold(largest, f64::max);
                }
                (0..22).find(|&bits| whole(largest, bits + 1) >= 1 << 15).unwrap_or(22)
            }
        };
        for position in axis.wanted() {
            let first = filter.at(axis, position, &mut weights);
            taps.push(first, weights.iter().map(|&weight| whole(weight, bits)));
        }
        Self { taps, bits }
    }

    /// Half of one grey level, so that the shift of a sum rounds.
    fn half(&self) -> i32 {
        (1 << self.bits) >> 1
    }

    fn level(&self, sum: i32) -> u8 {
        (sum >> self.bits).clamp(0, 255) as u8
    }
}

/// The nearest whole number of `1 / 2^bits`, halves away from zero.
fn whole(weight: f64, bits: u32) -> i32 {
    (weight * f64::from(1 << bits) + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// Rows that one thread resizes side by side, in one array of bytes for each column.
const ROWS: usize = 16;

/// Part of a picture in 8-bit levels.
struct Levels {
    data: Vec<u8>,
    width: usize,
}

impl Levels {
    /// The rectangle of `columns` and `rows`.
    fn of(source: View<'_>, columns: &Range<usize>, rows: &Range<usize>) -> Self {
        let width = columns.len();
        let mut data = vec![0; width * rows.len()];
        data.par_chunks_mut(width).zip(rows.clone()).for_each(|(levels, y)| {
            let brightness = &source.row(y)[columns.clone()];
            levels.iter_mut().zip(brightness).for_each(|(level, &v)| *level = (v * 255.0 + 0.5) as u8);
        });
        Self { data, width }
    }

    /// Columns resized; the first one here is `first` of the picture.
    fn across(&self, columns: &Fixed, first: usize) -> Self {
        let width = columns.taps.len();
        let mut data = vec![0; self.data.len() / self.width * width];
        // Rows side by side share each weight and become vector code: half the time of one row after the other.
        let bands = self.data.par_chunks(ROWS * self.width);
        data.par_chunks_mut(ROWS * width).zip(bands).for_each_init(
            || vec![[0_u8; ROWS]; self.width],
            |columns_of_band, (out, band)| {
                for (row, levels) in band.chunks_exact(self.width).enumerate() {
                    columns_of_band.iter_mut().zip(levels).for_each(|(column, &v)| column[row] = v);
                }
                for (x, (start, weights)) in columns.taps.iter().enumerate() {
                    let mut sums = [columns.half(); ROWS];
                    for (&weight, column) in weights.iter().zip(&columns_of_band[start - first..]) {
                        sums.iter_mut().zip(column).for_each(|(sum, &v)| *sum += weight * i32::from(v));
                    }
                    out.iter_mut().skip(x).step_by(width).zip(sums).for_each(|(out, sum)| *out = columns.level(sum));
                }
            },
        );
        Self { data, width }
    }

    /// Rows resized; the first one here is `first` of the picture.
    fn down(&self, rows: &Fixed, first: usize) -> Self {
        let width = self.width;
        let mut data = vec![0; width * rows.taps.len()];
        data.par_chunks_mut(width).enumerate().for_each_init(
            || vec![0_i32; width],
            |sums, (y, out)| {
                sums.fill(rows.half());
                let (start, weights) = rows.taps.of(y);
                for (row, &weight) in self.data[(start - first) * width..].chunks_exact(width).zip(weights) {
                    sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += weight * i32::from(v));
                }
                out.iter_mut().zip(sums.iter()).for_each(|(out, &sum)| *out = rows.level(sum));
            },
        );
        Self { data, width }
    }
}

/// The wanted columns and rows of a resized picture, each level as it stands in `grey`.
pub(super) fn resize(
    source: View<'_>,
    [columns, rows]: [Axis; 2],
    filter: Filter,
    arithmetic: Arithmetic,
    grey: &[f32; 256],
) -> Plane {
    // Both libraries round to levels between the passes, so that their order shows.
    let rows_first = arithmetic == Arithmetic::Pillow && much_lower(columns, rows);
    let (across, down) = (Fixed::new(columns, filter, arithmetic), Fixed::new(rows, filter, arithmetic));
    let (x, y) = (across.taps.used(), down.taps.used());
    let levels = Levels::of(source, &x, &y);
    let resized = if rows_first {
        levels.down(&down, y.start).across(&across, x.start)
    } else {
        levels.across(&across, x.start).down(&down, y.start)
    };
    let mut plane = Plane::filled(columns.count, rows.count, 0.0);
    plane.data_mut().iter_mut().zip(&resized.data).for_each(|(v, &level)| *v = grey[usize::from(level)]);
    plane
}

/// Whether Pillow resizes rows first: since version 13 (pull request 9549) where more than twice as many rows go as
/// columns. Before, columns were always first. A film that keeps its shape meets this only when more than twice as high
/// as wide.
fn much_lower(columns: Axis, rows: Axis) -> bool {
    let gone = |axis: Axis| axis.input as i64 - axis.output as i64;
    gone(rows) > 0 && gone(rows) > 2 * gone(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(levels: &[u8], width: usize, filter: Filter, arithmetic: Arithmetic) -> Vec<f32> {
        let plane = Plane::from_fn(levels.len(), 1, |x, _| f32::from(levels[x]) / 255.0);
        let grey: [f32; 256] = std::array::from_fn(|level| level as f32);
        let axes = [Axis::whole(levels.len(), width), Axis::whole(1, 1)];
        resize(View::whole(&plane), axes, filter, arithmetic, &grey).into_data()
    }

    #[test]
    fn a_row_is_resized_as_by_pillow() {
        // Image.fromarray(numpy.uint8([levels])).resize((3, 1) or (11, 1), Image.BICUBIC or Image.BILINEAR)
        let levels = [0, 255, 255, 0, 0, 255, 200];
        let cubic = |width| row(&levels, width, Filter::CUBIC, Arithmetic::Pillow);
        let linear = |width| row(&levels, width, Filter::TRIANGLE, Arithmetic::Pillow);
        assert_eq!(cubic(3), [166.0, 87.0, 179.0]);
        assert_eq!(cubic(11), [0.0, 106.0, 255.0, 255.0, 170.0, 0.0, 0.0, 60.0, 243.0, 236.0, 196.0]);
        assert_eq!(linear(3), [164.0, 90.0, 181.0]);
        assert_eq!(linear(11), [0.0, 116.0, 255.0, 255.0, 162.0, 0.0, 0.0, 70.0, 232.0, 225.0, 200.0]);
        assert_eq!(row(&levels, 3, Filter::TORCH_CUBIC, Arithmetic::Torch), [166.0, 87.0, 179.0]);
    }

    #[test]
    fn every_level_survives_where_nothing_is_resized() {
        let levels: Vec<u8> = (0..=255).collect();
        let same = row(&levels, 256, Filter::CUBIC, Arithmetic::Torch);
        assert!(same.iter().zip(&levels).all(|(&found, &level)| found == f32::from(level)));
    }

    #[test]
    fn rows_come_first_only_in_much_higher_films() {
        let first = |width, height, to| much_lower(Axis::whole(width, to), Axis::whole(height, to));
        assert!(first(611, 1201, 384) && first(300, 400, 384));
        assert!(!first(1201, 611, 384) && !first(1024, 1024, 384) && !first(100, 100, 200));
    }
}
