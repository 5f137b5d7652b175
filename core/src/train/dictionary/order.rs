//! Which rows a step trains on: every row once in each pass, in an order that is a function of seed and position alone.
//!
//! A keyed permutation computed row by row (a Feistel network with cycle walking, Black and Rogaway 2002) instead of a
//! shuffled list: 50 million rows would need 400 MB of list, and a resumed run would shuffle again to where it was.

/// Rounds; four are enough for a permutation that looks random (Luby and Rackoff 1988).
const ROUNDS: u64 = 4;

/// The rows of one step's batch. A batch larger than the data holds rows more than once.
pub fn batch_rows(seed: u64, step: usize, batch: usize, rows: usize) -> Vec<usize> {
    let rows = rows.max(1) as u64;
    let start = step as u64 * batch as u64;
    (start..start + batch as u64).map(|at| permuted(at % rows, rows, mix(seed ^ mix(at / rows))) as usize).collect()
}

/// The place of `index` in a permutation of `0..count`.
fn permuted(index: u64, count: u64, key: u64) -> u64 {
    // Halves wide enough that their square covers the count.
    let half = (u64::BITS - (count - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut value = index;
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(key ^ (round << 56) ^ right) & mask));
        }
        value = (left << half) | right;
        if value < count {
            return value;
        }
    }
}

/// A 64-bit finaliser (splitmix64, Steele et al. 2014).
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_holds_every_row_once_and_passes_differ() {
        for count in [1_usize, 2, 3, 16, 17, 1000] {
            let pass = |n: usize| batch_rows(5, n, count, count);
            for number in 0..3 {
                let mut rows = pass(number);
                rows.sort_unstable();
                assert_eq!(rows, (0..count).collect::<Vec<_>>(), "{count} rows");
            }
            assert!(count < 16 || pass(0) != pass(1));
        }
    }

    #[test]
    fn rows_are_a_function_of_seed_and_step() {
        assert_eq!(batch_rows(1, 7, 64, 500), batch_rows(1, 7, 64, 500));
        assert_ne!(batch_rows(1, 7, 64, 500), batch_rows(2, 7, 64, 500));
        let far: Vec<usize> = batch_rows(3, 0, 500, 500);
        let neighbours = far.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
        assert!(neighbours < 20, "{neighbours} rows stay beside their neighbour");
    }
}
