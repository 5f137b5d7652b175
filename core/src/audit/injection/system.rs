//! Linear systems with a band, solved directly. In: rows whose entries lie near the diagonal. Out: the solution. Gaussian
//! elimination with partial pivoting within the band (Golub and Van Loan, Matrix Computations, 4.3.3).

/// A square matrix whose entries lie at most `band` from the diagonal, with its right-hand side.
pub(super) struct Banded {
    size: usize,
    band: usize,
    /// Row by row, `3 band + 1` entries: columns `row - band` to `row + 2 band`, the last ones filled by pivoting.
    rows: Vec<f64>,
    right: Vec<f64>,
}

impl Banded {
    /// Numbers that a system of this size holds; none where that is too many to count.
    pub fn numbers(size: usize, band: usize) -> Option<usize> {
        band.checked_mul(3)?.checked_add(1)?.checked_mul(size)
    }

    pub fn new(size: usize, band: usize) -> Self {
        Self { size, band, rows: vec![0.0; size * (3 * band + 1)], right: vec![0.0; size] }
    }

    fn at(&self, row: usize, column: usize) -> usize {
        row * (3 * self.band + 1) + column + self.band - row
    }

    /// Adds to an entry; `column` is at most the band away from `row`.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        let at = self.at(row, column);
        self.rows[at] += value;
    }

    /// Adds to the right-hand side.
    pub fn add_right(&mut self, row: usize, value: f64) {
        self.right[row] += value;
    }

    /// The solution; none of a singular system.
    pub fn solve(mut self) -> Option<Vec<f64>> {
        let (size, band) = (self.size, self.band);
        for column in 0..size {
            let below = column..(column + band + 1).min(size);
            let pivot = below.clone().max_by(|&a, &b| {
                let size = |row: usize| self.rows[self.at(row, column)].abs();
                size(a).total_cmp(&size(b))
            })?;
            let last = (column + 2 * band + 1).min(size);
            if pivot != column {
                for k in column..last {
                    let (a, b) = (self.at(pivot, k), self.at(column, k));
                    self.rows.swap(a, b);
                }
                self.right.swap(pivot, column);
            }
            let head = self.rows[self.at(column, column)];
            if head == 0.0 || !head.is_finite() {
                return None;
            }
            let own = self.at(column, column);
            let length = last - column;
            for row in below.skip(1) {
                let at = self.at(row, column);
                let factor = self.rows[at] / head;
                if factor != 0.0 {
                    let (upper, lower) = self.rows.split_at_mut(at);
                    let source = &upper[own..own + length];
                    lower[..length].iter_mut().zip(source).for_each(|(v, s)| *v -= factor * s);
                    self.right[row] -= factor * self.right[column];
                }
            }
        }
        let mut solution = vec![0.0; size];
        for row in (0..size).rev() {
            let last = (row + 2 * band + 1).min(size);
            let known: f64 = (row + 1..last).map(|k| self.rows[self.at(row, k)] * solution[k]).sum();
            solution[row] = (self.right[row] - known) / self.rows[self.at(row, row)];
        }
        Some(solution)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_needs_pivots_is_solved() {
        // Zeros on the diagonal: without pivoting there is no first step.
        let size = 9;
        let entry = |i: usize, j: usize| if i == j { 0.0 } else { ((i * 7 + j * 3) % 5) as f64 - 1.3 };
        let truth: Vec<f64> = (0..size).map(|i| (i as f64 - 3.0) * 0.7).collect();
        let mut system = Banded::new(size, 2);
        for i in 0..size {
            for (j, value) in truth.iter().enumerate().filter(|&(j, _)| j.abs_diff(i) <= 2) {
                system.add(i, j, entry(i, j));
                system.add_right(i, entry(i, j) * value);
            }
        }
        let found = system.solve().expect("not singular");
        assert!(found.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
        assert!(Banded::new(3, 1).solve().is_none());
    }
}
