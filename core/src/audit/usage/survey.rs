//! The first look at all films: how often and how strongly features fire, what the SAE leaves out, where the mean token
//! lies. From it the controls are drawn: features of matched activation, directions of matched length.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::edit::{Coded, Target, UsageEdit, norm};
use super::films::{AuditedFilm, Latents, LeftOut};
use super::model::{SaeView, UsageModel};
use super::table::Residual;
use crate::engine::Progress;
use crate::error::{Error, Result};

/// What all films say together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Survey {
    /// Films that could be read.
    pub films: usize,
    /// The others.
    pub left_out: Vec<LeftOut>,
    /// What the SAE does not explain.
    pub residual: Option<Residual>,
    /// For each edit, where a removal along its direction leads; 0 for features.
    pub levels: Vec<f32>,
    /// For each edit, its controls' features: for features those that are edited instead, for a direction the one whose
    /// decoder row is taken instead.
    pub features: Vec<Vec<Vec<usize>>>,
    /// For each edit, its random unit directions `[k][d]`.
    pub directions: Vec<Vec<Vec<f32>>>,
}

/// Running sums over films.
struct Sums {
    films: usize,
    tokens: usize,
    /// Of tokens, `[d]`.
    mean: Vec<f64>,
    /// The same before suppression.
    raw_mean: Vec<f64>,
    /// Of every number of every token before suppression, squared.
    square: f64,
    /// Of every number that the SAE is off by, squared.
    error: f64,
    /// Of films' error lengths over latent lengths.
    relative: f64,
    fired: Vec<usize>,
    strength: Vec<f64>,
}

impl Survey {
    /// Looks at all films and draws `count` controls of each kind for each edit.
    pub fn of(
        model: &UsageModel<'_>,
        latents: &mut Latents<'_>,
        films: &[AuditedFilm],
        edits: &[UsageEdit],
        (count, seed): (usize, u64),
        progress: &Progress<'_>,
    ) -> Result<Self> {
        let dim = model.latent[1];
        let features = model.sae.as_ref().map_or(0, |sae| sae.features);
        let mut sums = Sums {
            films: 0,
            tokens: 0,
            mean: vec![0.0; dim],
            raw_mean: vec![0.0; dim],
            square: 0.0,
            error: 0.0,
            relative: 0.0,
            fired: vec![0; features],
            strength: vec![0.0; features],
        };
        let mut left_out = Vec::new();
        let batch = model.batch();
        for start in (0..films.len()).step_by(batch) {
            progress.step("reading latents", start, films.len())?;
            let places = start..films.len().min(start + batch);
            let mut read = Vec::new();
            for (at, latent) in places.clone().zip(latents.of(places)?) {
                match latent {
                    Ok(latent) => read.push(latent),
                    Err(error) => left_out.push(LeftOut { file: films[at].name.clone(), reason: error.to_string() }),
                }
            }
            sums.add(model, read)?;
        }
        if sums.films == 0 {
            let first = left_out.first().map_or_else(String::new, |film| format!("; {}: {}", film.file, film.reason));
            return Err(Error::Invalid(format!("none of {} films can be audited{first}", films.len())));
        }
        let tokens = sums.tokens as f64;
        let mean: Vec<f32> = sums.mean.iter().map(|sum| (sum / tokens) as f32).collect();
        let level = |edit: &UsageEdit| match &edit.target {
            Target::Features(_) => 0.0,
            Target::Direction(direction) => direction.level.unwrap_or_else(|| direction.value(&mean)),
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let drawn =
            edits.iter().map(|edit| sums.control_features(edit, &model.suppressed, count, &mut random)).collect();
        let directions = edits.iter().map(|_| (0..count).map(|_| unit(dim, &mut random)).collect()).collect();
        Ok(Self {
            films: sums.films,
            left_out,
            residual: model.sae.as_ref().map(|_| sums.residual()),
            levels: edits.iter().map(level).collect(),
            features: drawn,
            directions,
        })
    }
}

impl Sums {
    fn add(&mut self, model: &UsageModel<'_>, latents: Vec<Vec<f32>>) -> Result<()> {
        if latents.is_empty() {
            return Ok(());
        }
        let dim = self.mean.len();
        let raw = latents.concat();
        self.square += raw.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        for token in raw.chunks_exact(dim) {
            self.raw_mean.iter_mut().zip(token).for_each(|(sum, &v)| *sum += f64::from(v));
        }
        if let Some(sae) = &model.sae {
            let restored = sae.restored(&raw)?;
            let floats = model.floats();
            for (z, made) in raw.chunks_exact(floats).zip(restored.chunks_exact(floats)) {
                let off: f64 = z.iter().zip(made).map(|(z, m)| (f64::from(*z) - f64::from(*m)).powi(2)).sum();
                self.error += off;
                self.relative += off.sqrt() / norm(z).max(f64::MIN_POSITIVE);
            }
        }
        for film in model.code(latents)? {
            self.films += 1;
            let features = self.fired.len();
            for feature in 0..features {
                let at = film.activations.iter().skip(feature).step_by(features);
                let own = at.copied().fold(0.0_f32, f32::max);
                self.fired[feature] += usize::from(own > 0.0);
                self.strength[feature] += f64::from(own);
            }
            for token in film.tokens.chunks_exact(dim) {
                self.tokens += 1;
                self.mean.iter_mut().zip(token).for_each(|(sum, &v)| *sum += f64::from(v));
            }
        }
        Ok(())
    }

    fn residual(&self) -> Residual {
        let centre: f64 = self.raw_mean.iter().map(|sum| sum * sum).sum::<f64>() / self.tokens as f64;
        let spread = self.square - centre;
        Residual {
            films: self.films,
            relative_norm: self.relative / self.films as f64,
            explained_variance: (spread > 0.0).then(|| 1.0 - self.error / spread),
        }
    }

    /// Firing rate, and the logarithm of the mean film activation.
    fn place(&self, feature: usize) -> [f64; 2] {
        let films = self.films.max(1) as f64;
        [self.fired[feature] as f64 / films, (self.strength[feature] / films).max(f64::MIN_POSITIVE).ln()]
    }

    /// Features that fire on some film and are neither edited nor suppressed, `count` times as many as the edit has; fewer
    /// where there are not so many.
    ///
    /// Each stands for one of the edit's and is among the `count` nearest to it in firing rate and logarithm of mean
    /// activation, each in standard deviations among the features that can be chosen. For a direction, which fires nowhere,
    /// any of them will do.
    fn control_features(
        &self,
        edit: &UsageEdit,
        suppressed: &[usize],
        count: usize,
        random: &mut ChaCha8Rng,
    ) -> Vec<Vec<usize>> {
        let edited: &[usize] = match &edit.target {
            Target::Features(features) => features,
            Target::Direction(_) => &[],
        };
        let is_free = |f: &usize| self.fired[*f] > 0 && !edited.contains(f) && !suppressed.contains(f);
        let free: Vec<usize> = (0..self.fired.len()).filter(is_free).collect();
        let Target::Features(features) = &edit.target else {
            let mut free = free;
            free.shuffle(random);
            return free.into_iter().take(count).map(|feature| vec![feature]).collect();
        };
        let places: Vec<[f64; 2]> = free.iter().map(|&feature| self.place(feature)).collect();
        let spread = [0, 1].map(|axis| {
            let count = places.len().max(1) as f64;
            let mean = places.iter().map(|p| p[axis]).sum::<f64>() / count;
            (places.iter().map(|p| (p[axis] - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-12)
        });
        let nearest = |feature: usize| -> Vec<usize> {
            let own = self.place(feature);
            let distance = |at: usize| (0..2).map(|a| ((places[at][a] - own[a]) / spread[a]).powi(2)).sum::<f64>();
            let mut order: Vec<usize> = (0..free.len()).collect();
            order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
            order.into_iter().map(|at| free[at]).collect()
        };
        if let [one] = features[..] {
            return nearest(one).into_iter().take(count).map(|feature| vec![feature]).collect();
        }
        // A control of several features has none twice; among the nearest there must be enough to choose from.
        let pools: Vec<Vec<usize>> = features
            .iter()
            .map(|&feature| nearest(feature).into_iter().take(count.max(2 * features.len())).collect())
            .collect();
        let group = |random: &mut ChaCha8Rng| -> Option<Vec<usize>> {
            pools.iter().try_fold(Vec::new(), |mut taken: Vec<usize>, pool| {
                let left: Vec<usize> = pool.iter().copied().filter(|feature| !taken.contains(feature)).collect();
                taken.push(*left.choose(random)?);
                Some(taken)
            })
        };
        (0..count).filter_map(|_| group(random)).collect()
    }
}

/// A random direction of length one, all alike likely.
fn unit(dim: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    // Box and Muller's normal numbers.
    let normal = |random: &mut ChaCha8Rng| {
        let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
        (-2.0 * libm::log(a)).sqrt() * libm::cos(std::f64::consts::TAU * b)
    };
    let values: Vec<f32> = (0..dim).map(|_| normal(random) as f32).collect();
    let length = (norm(&values) as f32).max(f32::MIN_POSITIVE);
    values.iter().map(|v| v / length).collect()
}

impl Survey {
    /// Feature controls and direction controls of an edit.
    pub fn counts(&self, at: usize) -> [usize; 2] {
        [self.features.get(at).map_or(0, Vec::len), self.directions.get(at).map_or(0, Vec::len)]
    }

    /// How the edit itself changes a film's tokens, and the signed length of every token's change.
    fn change(&self, film: &Coded, sae: Option<&SaeView>, (at, edit): (usize, &UsageEdit)) -> (Vec<f32>, Vec<f32>) {
        match (&edit.target, sae) {
            (Target::Features(features), Some(sae)) => film.of_features(sae, features, edit.operation),
            (Target::Features(_), None) => (Vec::new(), Vec::new()),
            (Target::Direction(direction), _) => film.of_direction(direction, self.levels[at], edit.operation),
        }
    }

    /// Tokens of a film after variant `variant` of an edit: 0 the edit itself, then its feature controls, then its direction
    /// controls; none where it changes nothing. With it the length of the change over that of the latent.
    pub fn variant(
        &self,
        film: &Coded,
        sae: Option<&SaeView>,
        (at, edit): (usize, &UsageEdit),
        variant: usize,
    ) -> Option<(Vec<f32>, f64)> {
        let [features, _] = self.counts(at);
        let change = match (variant.checked_sub(1), &edit.target, sae) {
            (None, ..) => self.change(film, sae, (at, edit)).0,
            (Some(control), Target::Features(_), Some(sae)) if control < features => {
                film.of_features(sae, &self.features[at][control], edit.operation).0
            }
            (Some(control), _, sae) => {
                let (_, lengths) = self.change(film, sae, (at, edit));
                match (self.features[at].get(control).map(Vec::as_slice), sae) {
                    (Some(&[row, ..]), Some(sae)) => {
                        let row = &sae.rows[row * sae.dim..(row + 1) * sae.dim];
                        let length = (norm(row) as f32).max(f32::MIN_POSITIVE);
                        Coded::along(&lengths, &row.iter().map(|r| r / length).collect::<Vec<_>>())
                    }
                    _ => Coded::along(&lengths, self.directions[at].get(control - features)?),
                }
            }
        };
        let relative = norm(&change) / norm(&film.tokens).max(f64::MIN_POSITIVE);
        let is_change = change.iter().any(|&c| c != 0.0);
        is_change.then(|| (film.tokens.iter().zip(&change).map(|(z, c)| z + c).collect(), relative))
    }
}
