//! A logistic head: the last layer of a network. In: latents and which of them show the finding. Out: logits.

use fluoro_core::audit::usage::LatentReader;
use fluoro_core::phantom::Factor;

use crate::films::Known;

/// Weight decay of a head on latents whose numbers have a variance of 1 on average.
const DECAY: f64 = 1e-3;

/// A logistic head on latents.
pub struct Head {
    weight: Vec<f64>,
    bias: f64,
}

impl Head {
    /// Nesterov's gradient descent with weight decay, in f64, on latents that are centred and divided by one number: as a
    /// network's last layer is trained, which knows no scale of single dimensions.
    pub fn fit(films: &[&Known], finding: Factor) -> Self {
        let dim = films[0].latent.len();
        let count = films.len() as f64;
        let mut mean = vec![0.0; dim];
        let mut deviation = vec![0.0; dim];
        for film in films {
            mean.iter_mut().zip(&film.latent).for_each(|(m, &v)| *m += f64::from(v) / count);
        }
        for film in films {
            let squares = film.latent.iter().zip(&mean).map(|(&v, m)| (f64::from(v) - m).powi(2) / count);
            deviation.iter_mut().zip(squares).for_each(|(d, square)| *d += square);
        }
        let scale = (deviation.iter().sum::<f64>() / dim as f64).sqrt().max(1e-12);
        deviation.fill(scale);
        let standard = |film: &&Known| -> Vec<f64> {
            (0..dim).map(|i| (f64::from(film.latent[i]) - mean[i]) / deviation[i]).chain([1.0]).collect()
        };
        let rows: Vec<Vec<f64>> = films.iter().map(standard).collect();
        let product = |values: &[f64]| -> Vec<f64> { rows.iter().map(|row| dot(row, values)).collect() };
        let back = |errors: &[f64]| -> Vec<f64> {
            let mut sum = vec![0.0; dim + 1];
            for (row, error) in rows.iter().zip(errors) {
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += error * v / count);
            }
            sum
        };
        // The largest curvature, by the power method.
        let mut way = vec![1.0; dim + 1];
        let mut largest = 1.0;
        for _ in 0..20 {
            way = back(&product(&way));
            largest = dot(&way, &way).sqrt();
            way.iter_mut().for_each(|w| *w /= largest);
        }
        let rate = 1.0 / (0.25 * largest * 1.05 + DECAY);
        let (mut values, mut ahead) = (vec![0.0; dim + 1], vec![0.0; dim + 1]);
        for step in 0..400 {
            let logits = product(&ahead);
            let errors: Vec<f64> = logits
                .iter()
                .zip(films)
                .map(|(logit, film)| 1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(film.has(finding))))
                .collect();
            let slope = back(&errors);
            let next: Vec<f64> = (0..=dim)
                .map(|i| ahead[i] - rate * (slope[i] + if i < dim { DECAY * ahead[i] } else { 0.0 }))
                .collect();
            let momentum = f64::from(step) / (f64::from(step) + 3.0);
            ahead = (0..=dim).map(|i| next[i] + momentum * (next[i] - values[i])).collect();
            values = next;
        }
        let weight: Vec<f64> = (0..dim).map(|i| values[i] / deviation[i]).collect();
        let bias = values[dim] - dot(&weight, &mean);
        Self { weight, bias }
    }

    /// The logit of a latent.
    pub fn logit(&self, latent: &[f32]) -> f64 {
        self.bias + latent.iter().zip(&self.weight).map(|(&v, w)| f64::from(v) * w).sum::<f64>()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl LatentReader for &Head {
    fn logits(&self, latents: &[f32], films: usize) -> fluoro_core::Result<Vec<f32>> {
        Ok(latents.chunks_exact(latents.len() / films).map(|latent| self.logit(latent) as f32).collect())
    }
}
