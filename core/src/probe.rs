//! A linear probe on single tokens: a film shows a factor as much as the token that shows it most.
//!
//! Logistic regression on the largest token logit of each film (multiple-instance learning with a maximum), by Adam on
//! standardised tokens. To take the factor away, tokens that show it are moved along the probe's pattern, the direction
//! in which tokens really vary with the logit (Haufe et al. 2014: covariance times weight), until their logit is that of
//! tokens without it.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const EPOCHS: usize = 40;
const BATCH: usize = 32;
const RATE: f64 = 0.02;
const DECAY: f64 = 1e-4;
/// Tokens whose logit lies above this share of those on films without the factor show it.
const UNUSUAL: f64 = 0.98;

/// A fitted probe.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenProbe {
    /// Logit of a token `z`: `weight . z + bias`, `[d]`.
    pub weight: Vec<f32>,
    /// See [`Self::weight`].
    pub bias: f32,
    /// `weight . pattern = 1`, `[d]`.
    pub pattern: Vec<f32>,
    /// Mean logit of tokens on films without the factor.
    pub quiet: f32,
    /// Logit above which a token shows the factor.
    pub loud: f32,
}

impl TokenProbe {
    /// Fits a probe on films' tokens `[n * d]` each; `present` says which films show the factor. Both kinds are needed.
    pub fn fit(films: &[Vec<f32>], present: &[bool], dim: usize) -> Self {
        let (mean, deviation) = moments(films, dim);
        let standard: Vec<Vec<f64>> = films
            .iter()
            .map(|film| {
                film.iter().enumerate().map(|(i, &v)| (f64::from(v) - mean[i % dim]) / deviation[i % dim]).collect()
            })
            .collect();
        let (weight, bias) = regress(&standard, present, dim);
        let raw: Vec<f64> = weight.iter().zip(&deviation).map(|(w, s)| w / s).collect();
        let bias = bias - raw.iter().zip(&mean).map(|(w, m)| w * m).sum::<f64>();
        let pattern = pattern(films, &raw, &mean, dim);
        let raw: Vec<f32> = raw.into_iter().map(|w| w as f32).collect();
        let mut probe = Self { weight: raw, bias: bias as f32, pattern, quiet: 0.0, loud: 0.0 };
        let mut without: Vec<f32> = films
            .iter()
            .zip(present)
            .filter(|&(_, &is_present)| !is_present)
            .flat_map(|(film, _)| film.chunks_exact(dim).map(|token| probe.logit(token)).collect::<Vec<_>>())
            .collect();
        without.sort_unstable_by(f32::total_cmp);
        probe.quiet = without.iter().sum::<f32>() / without.len().max(1) as f32;
        let at = (UNUSUAL * without.len().saturating_sub(1) as f64) as usize;
        probe.loud = without.get(at).copied().unwrap_or(probe.quiet);
        probe
    }

    /// Logit of a film's tokens `[n * d]`: that of the token that shows it most.
    #[must_use]
    pub fn film_logit(&self, film: &[f32]) -> f32 {
        film.chunks_exact(self.weight.len()).map(|token| self.logit(token)).fold(f32::NEG_INFINITY, f32::max)
    }

    /// Which way a film's tokens `[n * d]` go for more of it: the pattern at every token that shows it, as much as it does; at
    /// the token nearest to it on a film that does not.
    #[must_use]
    pub fn direction(&self, film: &[f32]) -> Vec<f32> {
        let dim = self.weight.len();
        let logits: Vec<f32> = film.chunks_exact(dim).map(|token| self.logit(token)).collect();
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let share = |logit: f32| {
            if logit > self.loud {
                logit - self.quiet
            } else {
                f32::from(u8::from(logit == highest && highest <= self.loud))
            }
        };
        logits.iter().flat_map(|&logit| self.pattern.iter().map(move |p| p * share(logit))).collect()
    }

    fn logit(&self, token: &[f32]) -> f32 {
        self.bias + self.weight.iter().zip(token).map(|(w, z)| w * z).sum::<f32>()
    }

    /// How a film's tokens `[n * d]` change for the factor to be gone.
    pub fn removal(&self, film: &[f32]) -> Vec<f32> {
        let step = |token: &[f32]| {
            let logit = self.logit(token);
            let size = if logit > self.loud { self.quiet - logit } else { 0.0 };
            self.pattern.iter().map(move |p| p * size).collect::<Vec<f32>>()
        };
        film.chunks_exact(self.weight.len()).flat_map(step).collect()
    }
}

/// Mean and standard deviation of every dimension over all tokens.
fn moments(films: &[Vec<f32>], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let count = films.iter().map(|film| film.len() / dim).sum::<usize>().max(1) as f64;
    let (mut mean, mut square) = (vec![0.0; dim], vec![0.0; dim]);
    for token in films.iter().flat_map(|film| film.chunks_exact(dim)) {
        for (d, &v) in token.iter().enumerate() {
            mean[d] += f64::from(v) / count;
            square[d] += f64::from(v).powi(2) / count;
        }
    }
    let deviation = square.iter().zip(&mean).map(|(s, m)| (s - m * m).max(1e-12).sqrt()).collect();
    (mean, deviation)
}

/// Weight and bias on standardised tokens. Adam (Kingma and Ba 2015) with its usual constants.
fn regress(films: &[Vec<f64>], present: &[bool], dim: usize) -> (Vec<f64>, f64) {
    let mut values = vec![0.0; dim + 1];
    let (mut first, mut second) = (vec![0.0; dim + 1], vec![0.0; dim + 1]);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut order: Vec<usize> = (0..films.len()).collect();
    let mut steps = 0;
    for _ in 0..EPOCHS {
        order.shuffle(&mut random);
        for batch in order.chunks(BATCH) {
            let mut slope = vec![0.0; dim + 1];
            for &film in batch {
                let logit = |token: &[f64]| values[dim] + values.iter().zip(token).map(|(w, z)| w * z).sum::<f64>();
                let loudest =
                    films[film].chunks_exact(dim).map(|token| (logit(token), token)).max_by(|a, b| a.0.total_cmp(&b.0));
                let Some((logit, token)) = loudest else { continue };
                let error = 1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(present[film]));
                slope.iter_mut().zip(token).for_each(|(s, z)| *s += error * z / batch.len() as f64);
                slope[dim] += error / batch.len() as f64;
            }
            steps += 1;
            for i in 0..=dim {
                let decay = if i < dim { DECAY * values[i] } else { 0.0 };
                first[i] = 0.9 * first[i] + 0.1 * (slope[i] + decay);
                second[i] = 0.999 * second[i] + 0.001 * (slope[i] + decay).powi(2);
                let mean = first[i] / (1.0 - 0.9_f64.powi(steps));
                let spread = second[i] / (1.0 - 0.999_f64.powi(steps));
                values[i] -= RATE * mean / (spread.sqrt() + 1e-8);
            }
        }
    }
    let bias = values.pop().unwrap_or_default();
    (values, bias)
}

/// Covariance times weight, scaled so that a step of one changes the logit by one.
fn pattern(films: &[Vec<f32>], weight: &[f64], mean: &[f64], dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dim];
    for token in films.iter().flat_map(|film| film.chunks_exact(dim)) {
        let logit: f64 = token.iter().zip(mean).zip(weight).map(|((&v, m), w)| (f64::from(v) - m) * w).sum();
        sum.iter_mut().zip(token).zip(mean).for_each(|((s, &v), m)| *s += (f64::from(v) - m) * logit);
    }
    let gain: f64 = sum.iter().zip(weight).map(|(s, w)| s * w).sum();
    sum.into_iter().map(|s| if gain > 0.0 { (s / gain) as f32 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    /// Films of four tokens with three dimensions; the factor raises the second dimension of one token.
    fn films() -> (Vec<Vec<f32>>, Vec<bool>) {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        (0..200)
            .map(|i| {
                let mut film: Vec<f32> = (0..12).map(|_| random.random_range(-1.0..1.0)).collect();
                if i % 2 == 0 {
                    film[3 * random.random_range(0..4) + 1] += 5.0;
                }
                (film, i % 2 == 0)
            })
            .unzip()
    }

    #[test]
    fn a_direction_leads_up_on_films_with_and_without() {
        let (films, present) = films();
        let probe = TokenProbe::fit(&films, &present, 3);
        for (film, is_present) in films.iter().zip(&present) {
            let way = probe.direction(film);
            let moved = |step: f32| film.iter().zip(&way).map(|(z, w)| z + step * w).collect::<Vec<f32>>();
            assert!(probe.film_logit(&moved(0.5)) > probe.film_logit(film), "{is_present}");
            assert!(probe.film_logit(&moved(-0.5)) <= probe.film_logit(film), "{is_present}");
        }
    }

    #[test]
    fn a_probe_finds_the_token_and_takes_it_back_alone() {
        let (films, present) = films();
        let probe = TokenProbe::fit(&films, &present, 3);
        let (mut right, mut elsewhere) = (0, 0);
        for film in films.iter().zip(&present).filter(|(_, p)| **p).map(|(film, _)| film) {
            let step = probe.removal(film);
            let loud = (0..4).max_by(|&a, &b| film[3 * a + 1].total_cmp(&film[3 * b + 1])).expect("four tokens");
            right += usize::from(step[3 * loud + 1] < -3.0);
            elsewhere += (0..4).filter(|&t| t != loud && step[3 * t..3 * t + 3].iter().any(|v| *v != 0.0)).count();
        }
        assert!(right >= 98 && elsewhere <= 15, "{right} of 100 right, {elsewhere} of 300 elsewhere");
    }
}
