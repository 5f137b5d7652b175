//! Difference of two groups' mean maps, cell by cell. In: films' cells with patient and group. Out: first minus second, with
//! intervals that resample patients: a patient with films in both groups is drawn into both.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::metrics::Estimate;

const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// Estimates of every cell; none where a group is empty. The same films give the same intervals on any number of threads.
pub(super) fn of_groups(films: &[(usize, usize, &[f32])], cells: usize) -> Option<Vec<Estimate>> {
    let patients = films.iter().map(|&(patient, ..)| patient + 1).max()?;
    // Count, then a sum for each cell, of each group of each patient.
    let stride = cells + 1;
    let mut sums = vec![0.0; patients * 2 * stride];
    for &(patient, group, values) in films {
        let own = &mut sums[(patient * 2 + group.min(1)) * stride..][..stride];
        own[0] += 1.0;
        own[1..].iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let known: Vec<usize> = (0..patients).filter(|p| sums[p * 2 * stride] + sums[(p * 2 + 1) * stride] > 0.0).collect();
    let difference = |times: &[u32]| -> Option<Vec<f64>> {
        let mut totals = vec![0.0; 2 * stride];
        for (&patient, &times) in known.iter().zip(times).filter(|(_, times)| **times > 0) {
            let own = &sums[patient * 2 * stride..][..2 * stride];
            totals.iter_mut().zip(own).for_each(|(total, value)| *total += f64::from(times) * value);
        }
        let (first, second) = totals.split_at(stride);
        let counted = first[0] > 0.0 && second[0] > 0.0;
        counted.then(|| (1..stride).map(|c| first[c] / first[0] - second[c] / second[0]).collect())
    };
    let value = difference(&vec![1; known.len()])?;
    let draw = |stream: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        random.set_stream(stream as u64);
        let mut times = vec![0; known.len()];
        (0..known.len()).for_each(|_| times[random.random_range(0..known.len())] += 1);
        difference(&times)
    };
    let drawn: Vec<Vec<f64>> = (0..RESAMPLES).into_par_iter().filter_map(draw).collect();
    let interval = |cell: usize| {
        let mut values: Vec<f64> = drawn.iter().map(|map| map[cell]).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| quantile(&values, q).unwrap_or(f64::NAN);
        let tail = (1.0 - LEVEL) / 2.0;
        Estimate { value: value[cell], low: at(tail), high: at(1.0 - tail) }
    };
    Some((0..cells).into_par_iter().map(interval).collect())
}

/// Quantile (0 to 1) of ascending values, linear between neighbours.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = q * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    Some(low + (high - low) * rank.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_differs_is_told_from_one_that_does_not() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let films: Vec<(usize, usize, Vec<f32>)> = (0..200)
            .map(|i| {
                let group = i % 2;
                let noise = |random: &mut ChaCha8Rng| random.random_range(-1.0..1.0);
                let gap = if group == 0 { 1.0 } else { 0.0 };
                (i / 2 * 2 + group, group, vec![noise(&mut random), gap + noise(&mut random)])
            })
            .collect();
        let rows: Vec<_> = films.iter().map(|(p, g, v)| (*p, *g, v.as_slice())).collect();
        let found = of_groups(&rows, 2).expect("two groups");
        assert!(found[0].low < 0.0 && found[0].high > 0.0, "{found:?}");
        assert!(found[1].low > 0.7 && found[1].high < 1.3 && found[1].low < found[1].value, "{found:?}");
        assert!(of_groups(&rows[..1], 2).is_none());
    }
}
