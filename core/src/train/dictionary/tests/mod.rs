//! Tests that look at several files of the trainer at once.

mod learning;
mod parity;
mod runs;
mod speed;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::latents::LatentsInMemory;
use super::parameters::length;

/// Latents that a known dictionary made: unit directions, a few active in each row with strengths 0.5 to 1.5, beside a
/// mean, a scale and a little noise.
pub(super) struct Synthetic {
    pub directions: Vec<f32>,
    pub dim: usize,
    pub latents: LatentsInMemory,
    pub held_out: LatentsInMemory,
}

pub(super) fn normal(rng: &mut ChaCha8Rng) -> f32 {
    (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt() * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

pub(super) fn synthetic(dim: usize, features: usize, active: usize, rows: usize, seed: u64) -> Synthetic {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut directions: Vec<f32> = (0..dim * features).map(|_| normal(&mut rng)).collect();
    for row in directions.chunks_mut(dim) {
        let norm = length(row);
        row.iter_mut().for_each(|v| *v /= norm);
    }
    let mean: Vec<f32> = (0..dim).map(|_| 3.0 * normal(&mut rng)).collect();
    let mut make = |rows: usize| {
        let mut values = Vec::with_capacity(rows * dim);
        for _ in 0..rows {
            let mut row: Vec<f32> = (0..dim).map(|_| 0.01 * normal(&mut rng)).collect();
            for feature in rand::seq::index::sample(&mut rng, features, active) {
                let strength = rng.random_range(0.5..1.5);
                let direction = &directions[feature * dim..(feature + 1) * dim];
                row.iter_mut().zip(direction).for_each(|(v, d)| *v += strength * d);
            }
            values.extend(row.iter().zip(&mean).map(|(v, m)| 4.0 * v + m));
        }
        LatentsInMemory::new(values, dim).unwrap()
    };
    let (latents, held_out) = (make(rows), make(1000));
    Synthetic { directions, dim, latents, held_out }
}

impl Synthetic {
    /// Mean over true directions of the largest cosine with a learned row, and the share of directions above 0.9.
    pub fn recovered(&self, rows: &[f32]) -> (f64, f64) {
        let best: Vec<f32> = self
            .directions
            .chunks(self.dim)
            .map(|direction| {
                let cosine = |row: &[f32]| direction.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
                rows.chunks(self.dim).map(|row| cosine(row) / length(row).max(1e-9)).fold(-1.0, f32::max)
            })
            .collect();
        let mean = best.iter().map(|&b| f64::from(b)).sum::<f64>() / best.len() as f64;
        (mean, best.iter().filter(|&&b| b > 0.9).count() as f64 / best.len() as f64)
    }
}
