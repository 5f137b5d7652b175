//! Learning rate and order of films: functions of seed and step alone, so that a resumed run repeats what would have
//! been.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Share of the run that warms up.
const WARM_UP: f64 = 0.05;

/// Linear warm-up, then a cosine down to zero.
pub(super) fn learning_rate(largest: f64, step: usize, steps: usize) -> f64 {
    let at = step as f64 / steps.max(1) as f64;
    if at < WARM_UP {
        return largest * (step + 1) as f64 / (WARM_UP * steps as f64).max(1.0);
    }
    let along = (at - WARM_UP) / (1.0 - WARM_UP);
    largest * 0.5 * (1.0 + (std::f64::consts::PI * along).cos())
}

/// Generator of one epoch.
pub(super) fn epoch_rng(seed: u64, epoch: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch as u64 + 1);
    rng
}

/// Films of an epoch in batches, each film once.
pub(super) fn batches(films: usize, batch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..films).collect();
    order.shuffle(rng);
    order.chunks(batch).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_then_falls_to_nothing() {
        let rates: Vec<f64> = (0..1000).map(|step| learning_rate(1.0, step, 1000)).collect();
        assert!(rates[0] < 0.05 && (rates[50] - 1.0).abs() < 0.01 && rates[999] < 1e-4);
        assert!(rates[50..].windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn epochs_differ_and_repeat() {
        let epoch = |n| batches(20, 6, &mut epoch_rng(5, n));
        assert_eq!(epoch(3), epoch(3));
        assert_ne!(epoch(3), epoch(4));
        assert_eq!(epoch(0).concat().len(), 20);
    }
}
