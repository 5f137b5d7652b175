//! Which pre-activations become activations: the largest of a token, the largest of a batch, or all above a bound.
//!
//! Only positive values are ever taken, since what is not positive is cut to 0 and neither adds to a reconstruction nor
//! has a gradient. Among equal values the earlier wins, whatever the number of threads.

use rayon::prelude::*;

use super::sparse::Entries;

/// Values looked at together: most blocks hold nothing worth taking, and one comparison says so.
const BLOCK: usize = 32;

/// The largest values seen so far, with their places; never much more of them than wanted.
#[derive(Clone)]
pub(super) struct Largest {
    wanted: usize,
    /// Nothing at or below this is among the largest.
    bound: f32,
    kept: Vec<(f32, u64)>,
}

impl Largest {
    /// Looks for the `wanted` largest positive values.
    pub fn new(wanted: usize) -> Self {
        Self { wanted, bound: 0.0, kept: Vec::new() }
    }

    /// Looks at a row of `pre + bias`, the first of which has place `start`; with `only`, at those features alone. Rows
    /// come in the order of their places.
    pub fn look(&mut self, pre: &[f32], bias: &[f32], only: Option<&[bool]>, start: u64) {
        let room = self.wanted.saturating_mul(4).max(4 * BLOCK);
        for (block, (values, biases)) in pre.chunks(BLOCK).zip(bias.chunks(BLOCK)).enumerate() {
            let mut sums = [0.0_f32; BLOCK];
            let mut largest = f32::NEG_INFINITY;
            for ((sum, value), bias) in sums.iter_mut().zip(values).zip(biases) {
                *sum = value + bias;
                largest = if *sum > largest { *sum } else { largest };
            }
            if largest <= self.bound {
                continue;
            }
            let first = block * BLOCK;
            for (at, &sum) in sums.iter().enumerate().take(values.len()) {
                if sum > self.bound && only.is_none_or(|only| only[first + at]) {
                    self.kept.push((sum, start + (first + at) as u64));
                }
            }
            if self.kept.len() >= room {
                self.cut();
            }
        }
    }

    /// Adds what another found in later places.
    fn merge(&mut self, other: Self) {
        let bound = self.bound;
        self.kept.extend(other.kept.into_iter().filter(|(value, _)| *value > bound));
        self.cut();
    }

    fn cut(&mut self) {
        if self.wanted == 0 {
            self.kept.clear();
        } else if self.kept.len() > self.wanted {
            self.kept.select_nth_unstable_by(self.wanted - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            self.kept.truncate(self.wanted);
            self.bound = self.kept[self.wanted - 1].0;
        }
    }

    /// The largest, in the order of their places.
    pub fn finish(mut self) -> Vec<(f32, u64)> {
        self.cut();
        self.kept.sort_unstable_by_key(|&(_, place)| place);
        self.kept
    }
}

/// The `k` largest of each row of `pre [n, m] + bias`, of the features in `only` where given.
pub(super) fn largest_of_rows(pre: &[f32], bias: &[f32], k: usize, only: Option<&[bool]>) -> Vec<Vec<(f32, u32)>> {
    let find = |row: &[f32]| {
        let mut largest = Largest::new(k);
        largest.look(row, bias, only, 0);
        largest.finish().into_iter().map(|(value, place)| (value, place as u32)).collect()
    };
    pre.par_chunks(bias.len()).map(find).collect()
}

/// Looks at rows `pre [n, m] + bias` of a batch, the first of which is row `first_row`.
pub(super) fn look_at_batch(largest: &mut Largest, pre: &[f32], bias: &[f32], first_row: usize) {
    const ROWS: usize = 32;
    let m = bias.len();
    let empty = Largest { kept: Vec::new(), ..largest.clone() };
    let found: Vec<Largest> = pre
        .par_chunks(m * ROWS)
        .enumerate()
        .map(|(group, rows)| {
            let mut own = empty.clone();
            for (row, values) in rows.chunks(m).enumerate() {
                own.look(values, bias, None, ((first_row + group * ROWS + row) * m) as u64);
            }
            own
        })
        .collect();
    found.into_iter().for_each(|own| largest.merge(own));
}

/// The largest of a batch as entries of a matrix `[rows, m]`.
pub(super) fn batch_entries(largest: Largest, rows: usize, features: usize) -> Entries {
    let mut of_rows = vec![Vec::new(); rows];
    for (value, place) in largest.finish() {
        of_rows[(place / features as u64) as usize].push((value, (place % features as u64) as u32));
    }
    Entries::from_rows(of_rows)
}

/// All of each row of `pre [n, m] + bias` that lie above the feature's bound.
pub(super) fn above(pre: &[f32], bias: &[f32], bounds: &[f32]) -> Entries {
    let rows: Vec<Vec<(f32, u32)>> = pre
        .par_chunks(bias.len())
        .map(|row| {
            let sums = row.iter().zip(bias).map(|(value, bias)| value + bias);
            sums.zip(bounds).zip(0_u32..).filter(|((sum, bound), _)| sum > bound).map(|((s, _), at)| (s, at)).collect()
        })
        .collect();
    Entries::from_rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<f32> {
        // Few different values, so that there are ties at every border.
        (0..count as u64).map(|i| (crate::train::dictionary::order::mix(i) % 23) as f32 / 4.0 - 2.0).collect()
    }

    /// The plain way: sort by value, then place.
    fn plain(values: &[f32], k: usize, allowed: impl Fn(usize) -> bool) -> Vec<(f32, u32)> {
        let mut all: Vec<(f32, u32)> = values.iter().copied().zip(0..).collect();
        all.retain(|&(value, at)| value > 0.0 && allowed(at as usize));
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all.sort_by_key(|e| e.1);
        all
    }

    #[test]
    fn rows_keep_their_largest() {
        let (m, values) = (1000, values(7000));
        let bias: Vec<f32> = (0..m).map(|i| (i % 3) as f32 * 0.25).collect();
        let only: Vec<bool> = (0..m).map(|i| i % 5 < 2).collect();
        for k in [1, 7, 300, 1000] {
            for mask in [None, Some(only.as_slice())] {
                for (row, found) in values.chunks(m).zip(largest_of_rows(&values, &bias, k, mask)) {
                    let sums: Vec<f32> = row.iter().zip(&bias).map(|(v, b)| v + b).collect();
                    assert_eq!(found, plain(&sums, k, |at| mask.is_none_or(|mask| mask[at])));
                }
            }
        }
    }

    #[test]
    fn a_batch_in_pieces_keeps_its_largest() {
        let (m, rows) = (200, 100);
        let (values, bias) = (values(m * rows), vec![0.0; m]);
        for k in [1, 150, 5000, 20_000] {
            let mut largest = Largest::new(k);
            for (piece, pre) in values.chunks(m * 40).enumerate() {
                look_at_batch(&mut largest, pre, &bias, piece * 40);
            }
            assert_eq!(batch_entries(largest, rows, m), {
                let mut of_rows = vec![Vec::new(); rows];
                for (value, at) in plain(&values, k, |_| true) {
                    of_rows[at as usize / m].push((value, at % m as u32));
                }
                Entries::from_rows(of_rows)
            });
        }
    }
}
