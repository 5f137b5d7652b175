//! Products with a sparse matrix of activations `[n, m]`: what a step costs where few features are active.
//!
//! With `a` activations in all, each product takes `a * d` multiplications instead of `n * m * d`. Where activations are
//! not few (gated and JumpReLU dictionaries at their start) the dense product is faster, and is taken. Sums run in an
//! order that does not depend on the number of threads.

use std::mem;
use std::ops::Range;

use burn::prelude::*;
use burn::tensor::TensorData;
use rayon::prelude::*;

use crate::engine::IntoFloats;
use crate::error::{Error, Result};

/// Above one activation in so many entries the dense product is taken. An estimate of how many more multiplications a
/// second it makes than the sparse one (blocked, with wider instructions); not measured.
const DENSE_ONE_IN: usize = 16;

/// Bytes of a dense piece `[rows, m]`.
const PIECE_BYTES: usize = 1 << 26;

/// Rows of `[.., m]` that are made dense at a time.
pub(super) fn piece_rows(features: usize) -> usize {
    (PIECE_BYTES / 4 / features.max(1)).clamp(1, 4096)
}

/// Runs `with` on `values` as a tensor `shape`. The memory goes there and comes back without a copy.
pub(super) fn lend<R>(
    values: &mut Vec<f32>,
    shape: [usize; 2],
    with: impl FnOnce(&Tensor<2>) -> Result<R>,
) -> Result<R> {
    let tensor = Tensor::<2>::from_data(TensorData::new(mem::take(values), shape), &Device::flex());
    let result = with(&tensor);
    *values = tensor.into_floats().map_err(Error::Invalid)?;
    result
}

/// `vectors [n, d]` times `matrix [m, d]` transposed: `[n, m]`.
pub(super) fn project(vectors: &[f32], matrix: &mut Vec<f32>, dim: usize) -> Result<Vec<f32>> {
    let shape = [matrix.len() / dim, dim];
    let vectors =
        Tensor::<2>::from_data(TensorData::new(vectors.to_vec(), [vectors.len() / dim, dim]), &Device::flex());
    lend(matrix, shape, |matrix| vectors.matmul(matrix.clone().transpose()).into_floats().map_err(Error::Invalid))
}

/// Dot product in sixteen running sums, which the compiler makes vector instructions of.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// `into += factor * row`.
pub(super) fn add_scaled(into: &mut [f32], factor: f32, row: &[f32]) {
    into.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
}

/// Entries of a matrix `[n, m]`, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entries {
    /// Where each row begins, and where the last ends.
    offsets: Vec<usize>,
    /// Column of each entry.
    pub columns: Vec<u32>,
    /// Value of each entry.
    pub values: Vec<f32>,
}

impl Entries {
    /// From the entries of each row.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<(f32, u32)>>) -> Self {
        let mut entries = Self { offsets: vec![0], ..Self::default() };
        for row in rows {
            entries.columns.extend(row.iter().map(|&(_, column)| column));
            entries.values.extend(row.iter().map(|&(value, _)| value));
            entries.offsets.push(entries.columns.len());
        }
        entries
    }

    /// Rows `n`.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Entries whose column lies in `range`.
    pub fn within(&self, range: &Range<usize>) -> Self {
        Self::from_rows(
            (0..self.rows())
                .map(|row| self.row(row).filter(|(_, column)| range.contains(&(*column as usize))).collect::<Vec<_>>()),
        )
    }

    fn row(&self, row: usize) -> impl Iterator<Item = (f32, u32)> {
        let at = self.offsets[row]..self.offsets[row + 1];
        self.values[at.clone()].iter().copied().zip(self.columns[at].iter().copied())
    }

    fn is_crowded(&self, features: usize) -> bool {
        self.len().saturating_mul(DENSE_ONE_IN) > self.rows().saturating_mul(features)
    }

    /// The entries with `values` as a dense piece of some rows.
    fn dense(&self, values: &[f32], rows: Range<usize>, features: usize) -> Tensor<2> {
        let mut dense = vec![0.0_f32; rows.len() * features];
        dense.par_chunks_mut(features).zip(rows.clone()).for_each(|(out, row)| {
            for at in self.offsets[row]..self.offsets[row + 1] {
                out[self.columns[at] as usize] = values[at];
            }
        });
        Tensor::from_data(TensorData::new(dense, [rows.len(), features]), &Device::flex())
    }

    /// Pieces of rows that fit a dense piece.
    fn pieces(&self, features: usize) -> Vec<Range<usize>> {
        let size = piece_rows(features);
        (0..self.rows()).step_by(size).map(|start| start..(start + size).min(self.rows())).collect()
    }

    /// The matrix of `values` times `matrix [m, d]`: `[n, d]`.
    pub fn combine(&self, values: &[f32], matrix: &mut Vec<f32>, dim: usize) -> Result<Vec<f32>> {
        let features = matrix.len() / dim;
        if self.is_crowded(features) {
            return lend(matrix, [features, dim], |matrix| {
                let mut all = Vec::with_capacity(self.rows() * dim);
                for rows in self.pieces(features) {
                    let product = self.dense(values, rows, features).matmul(matrix.clone());
                    all.extend(product.into_floats().map_err(Error::Invalid)?);
                }
                Ok(all)
            });
        }
        let mut out = vec![0.0_f32; self.rows() * dim];
        let matrix = &*matrix;
        out.par_chunks_mut(dim).enumerate().for_each(|(row, sum)| {
            let at = self.offsets[row]..self.offsets[row + 1];
            for (&column, &value) in self.columns[at.clone()].iter().zip(&values[at]) {
                let start = column as usize * dim;
                add_scaled(sum, value, &matrix[start..start + dim]);
            }
        });
        Ok(out)
    }

    /// For each entry the dot product of its row of `vectors [n, d]` with its column's row of `matrix [m, d]`.
    pub fn dots(&self, vectors: &[f32], matrix: &mut Vec<f32>, dim: usize) -> Result<Vec<f32>> {
        let features = matrix.len() / dim;
        if self.is_crowded(features) {
            let mut all = Vec::with_capacity(self.len());
            for rows in self.pieces(features) {
                let products = project(&vectors[rows.start * dim..rows.end * dim], matrix, dim)?;
                for (row, dense) in rows.zip(products.chunks_exact(features)) {
                    all.extend(self.row(row).map(|(_, column)| dense[column as usize]));
                }
            }
            return Ok(all);
        }
        let matrix = &*matrix;
        let rows: Vec<Vec<f32>> = (0..self.rows())
            .into_par_iter()
            .map(|row| {
                let vector = &vectors[row * dim..(row + 1) * dim];
                let of = |column: u32| dot(vector, &matrix[column as usize * dim..(column as usize + 1) * dim]);
                self.row(row).map(|(_, column)| of(column)).collect()
            })
            .collect();
        Ok(rows.concat())
    }

    /// The same entries ordered by column.
    pub fn by_column(&self, features: usize) -> Columns<'_> {
        let mut offsets = vec![0_usize; features + 1];
        for &column in &self.columns {
            offsets[column as usize + 1] += 1;
        }
        for column in 0..features {
            offsets[column + 1] += offsets[column];
        }
        if self.is_crowded(features) {
            return Columns { entries: self, offsets, order: Vec::new() };
        }
        let mut next = offsets.clone();
        let mut order = vec![(0_u32, 0_u32); self.len()];
        for row in 0..self.rows() {
            for at in self.offsets[row]..self.offsets[row + 1] {
                let place = &mut next[self.columns[at] as usize];
                order[*place] = (at as u32, row as u32);
                *place += 1;
            }
        }
        Columns { entries: self, offsets, order }
    }
}

/// Entries in the order of their columns, for sums over tokens.
pub(super) struct Columns<'a> {
    entries: &'a Entries,
    offsets: Vec<usize>,
    /// Entry and its row; not made where the dense product is taken.
    order: Vec<(u32, u32)>,
}

impl Columns<'_> {
    /// Whether a column has entries.
    pub fn is_used(&self, column: usize) -> bool {
        self.offsets[column + 1] > self.offsets[column]
    }

    /// Adds, to each column's row of `into [m, d]`, the column's entries' `values` times their rows of `vectors [n, d]`.
    pub fn add_rows(&self, values: &[f32], vectors: &[f32], dim: usize, into: &mut [f32]) -> Result<()> {
        let features = into.len() / dim;
        if self.entries.is_crowded(features) {
            for rows in self.entries.pieces(features) {
                let piece = vectors[rows.start * dim..rows.end * dim].to_vec();
                let piece = Tensor::<2>::from_data(TensorData::new(piece, [rows.len(), dim]), &Device::flex());
                let product = self.entries.dense(values, rows, features).transpose().matmul(piece);
                let product = product.into_floats().map_err(Error::Invalid)?;
                into.par_chunks_mut(dim).zip(product.par_chunks(dim)).for_each(|(sum, row)| add_scaled(sum, 1.0, row));
            }
            return Ok(());
        }
        into.par_chunks_mut(dim).enumerate().for_each(|(column, sum)| {
            for &(entry, row) in &self.order[self.offsets[column]..self.offsets[column + 1]] {
                let start = row as usize * dim;
                add_scaled(sum, values[entry as usize], &vectors[start..start + dim]);
            }
        });
        Ok(())
    }

    /// Adds each column's sum of `values` to `into [m]`.
    pub fn add(&self, values: &[f32], into: &mut [f32]) {
        if self.order.is_empty() {
            self.entries.columns.iter().zip(values).for_each(|(&column, value)| into[column as usize] += value);
            return;
        }
        for (column, sum) in into.iter_mut().enumerate() {
            for &(entry, _) in &self.order[self.offsets[column]..self.offsets[column + 1]] {
                *sum += values[entry as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of a 5 x 40 matrix, few or many, and the matrix itself.
    fn sample(one_in: usize) -> (Entries, Vec<f32>) {
        let mut dense = vec![0.0_f32; 5 * 40];
        for (at, value) in dense.iter_mut().enumerate() {
            if (at * 7 + 3) % one_in == 0 {
                *value = (at as f32 * 0.37).sin();
            }
        }
        let rows = dense.chunks(40).map(|row| row.iter().copied().zip(0..).filter(|(v, _)| *v != 0.0).collect());
        (Entries::from_rows(rows), dense)
    }

    #[test]
    fn few_and_many_entries_give_the_plain_products() {
        const DIM: usize = 19;
        for one_in in [2, 50] {
            let (entries, dense) = sample(one_in);
            assert_eq!(entries.is_crowded(40), one_in == 2);
            let mut matrix: Vec<f32> = (0..40 * DIM).map(|i| (i as f32 * 0.11).cos()).collect();
            let vectors: Vec<f32> = (0..5 * DIM).map(|i| (i as f32 * 0.23).sin()).collect();
            let combined = entries.combine(&entries.values, &mut matrix, DIM).unwrap();
            let dots = entries.dots(&vectors, &mut matrix, DIM).unwrap();
            let mut summed = vec![0.5_f32; 40 * DIM];
            let columns = entries.by_column(40);
            columns.add_rows(&entries.values, &vectors, DIM, &mut summed).unwrap();
            let mut sums = vec![0.0; 40];
            columns.add(&entries.values, &mut sums);
            let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-4, "{a} {b}");
            for n in 0..5 {
                for d in 0..DIM {
                    close(combined[n * DIM + d], (0..40).map(|m| dense[n * 40 + m] * matrix[m * DIM + d]).sum());
                }
            }
            for m in 0..40 {
                close(sums[m], (0..5).map(|n| dense[n * 40 + m]).sum());
                for d in 0..DIM {
                    let plain: f32 = (0..5).map(|n| dense[n * 40 + m] * vectors[n * DIM + d]).sum();
                    close(summed[m * DIM + d], 0.5 + plain);
                }
            }
            for n in 0..5 {
                let at = entries.offsets[n]..entries.offsets[n + 1];
                for (&m, &dot) in entries.columns[at.clone()].iter().zip(&dots[at]) {
                    let m = m as usize;
                    close(dot, (0..DIM).map(|d| vectors[n * DIM + d] * matrix[m * DIM + d]).sum());
                }
            }
        }
    }
}
