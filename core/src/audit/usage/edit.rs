//! What is done to a latent: features or a direction removed, set, or added to.
//!
//! In: one film's tokens and activations. Out: how its tokens change, `[n, d]`. Features move tokens as
//! [`Engine::edit`](crate::engine::Engine::edit) moves them: along their decoder rows, by the change of their activation,
//! and whatever the SAE does not explain stays as it was.

use serde::{Deserialize, Serialize};

use super::model::SaeView;
use crate::error::{Error, Result};
use crate::probe::TokenProbe;

/// One edit of every audited film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageEdit {
    /// Its name in tables; no two alike.
    pub name: String,
    /// What is changed.
    pub target: Target,
    /// How.
    pub operation: Operation,
}

/// What an edit changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// A feature, or several together.
    Features(Vec<usize>),
    /// A direction in latent space.
    Direction(Direction),
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Features to zero; along a direction, every token to the direction's own level.
    Remove,
    /// To this film activation, or this value along the direction.
    Set(f32),
    /// This much more; a feature's activation does not go below zero.
    Add(f32),
}

/// A direction: what is read along it, and where a token goes when that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// A token `z` has `weight . z` of it, `[d]`.
    pub weight: Vec<f32>,
    /// A step of one moves a token by this, `[d]`; `weight . pattern` is 1.
    pub pattern: Vec<f32>,
    /// Value that a token without it has; the mean over the audited films' tokens where nothing is said.
    pub level: Option<f32>,
    /// Only tokens with more than this are changed by a removal; all where nothing is said.
    pub loud: Option<f32>,
}

impl Direction {
    /// A direction that is projected out at right angles, relative to the mean: a CAV, a difference of class means.
    ///
    /// # Errors
    /// When it has no length.
    pub fn orthogonal(vector: &[f32]) -> Result<Self> {
        let square: f64 = vector.iter().map(|&v| f64::from(v).powi(2)).sum();
        if !square.is_finite() || square <= 0.0 {
            return Err(Error::Invalid("a direction needs a length above zero".into()));
        }
        let pattern = vector.iter().map(|&v| (f64::from(v) / square) as f32).collect();
        Ok(Self { weight: vector.to_vec(), pattern, level: None, loud: None })
    }

    /// The difference of the mean tokens of films with and without something, taken out until a token has of it what those
    /// without it have on average (a mass-mean probe). `films` are tokens `[n * d]`; where films with it also differ in
    /// something else that is known, there must be as many with that as without on both sides.
    ///
    /// # Errors
    /// When either kind is missing, a film is no whole number of tokens, or the two do not differ.
    pub fn between(films: &[&[f32]], shown: &[bool], dim: usize) -> Result<Self> {
        let mut sums = [vec![0.0_f64; dim], vec![0.0_f64; dim]];
        let mut counts = [0.0_f64; 2];
        for (film, &kind) in films.iter().zip(shown) {
            if dim == 0 || film.len() % dim != 0 {
                return Err(Error::Invalid(format!("a film of {} numbers has no tokens of {dim}", film.len())));
            }
            for token in film.chunks_exact(dim) {
                counts[usize::from(kind)] += 1.0;
                sums[usize::from(kind)].iter_mut().zip(token).for_each(|(sum, &v)| *sum += f64::from(v));
            }
        }
        if counts.contains(&0.0) {
            return Err(Error::Invalid("a difference of means needs films of both kinds".into()));
        }
        let [without, with] = [0, 1].map(|kind| sums[kind].iter().map(|sum| sum / counts[kind]).collect::<Vec<f64>>());
        let vector: Vec<f32> = with.iter().zip(&without).map(|(a, b)| (a - b) as f32).collect();
        let level = vector.iter().zip(&without).map(|(&v, mean)| f64::from(v) * mean).sum::<f64>() as f32;
        Ok(Self { level: Some(level), ..Self::orthogonal(&vector)? })
    }

    /// A linear probe's: tokens that show it are taken along its pattern to what tokens without it have.
    #[must_use]
    pub fn of_probe(probe: &TokenProbe) -> Self {
        Self {
            weight: probe.weight.clone(),
            pattern: probe.pattern.clone(),
            level: Some(probe.quiet - probe.bias),
            loud: Some(probe.loud - probe.bias),
        }
    }

    /// What a token has of it.
    #[must_use]
    pub fn value(&self, token: &[f32]) -> f32 {
        self.weight.iter().zip(token).map(|(w, z)| w * z).sum()
    }
}

impl UsageEdit {
    /// Refuses features that do not exist, values that mean nothing, directions of another size.
    pub(super) fn check(&self, sae: Option<&SaeView>, dim: usize) -> Result<()> {
        let wrong = |reason: String| Err(Error::Invalid(format!("edit \"{}\": {reason}", self.name)));
        let finite = match self.operation {
            Operation::Remove => true,
            Operation::Set(value) => value.is_finite() && (value >= 0.0 || matches!(self.target, Target::Direction(_))),
            Operation::Add(value) => value.is_finite(),
        };
        if !finite {
            return wrong(format!("{:?} is no value that it can have", self.operation));
        }
        match &self.target {
            Target::Features(features) => {
                let Some(sae) = sae else { return wrong("this bundle has no SAE and so no features".into()) };
                if features.is_empty() {
                    return wrong("it names no feature".into());
                }
                match features.iter().enumerate().find(|(at, f)| **f >= sae.features || features[..*at].contains(f)) {
                    Some((_, feature)) if *feature >= sae.features => wrong(format!(
                        "feature {feature} does not exist; this bundle has features 0 to {}",
                        sae.features - 1
                    )),
                    Some((_, feature)) => wrong(format!("it names feature {feature} twice")),
                    None => Ok(()),
                }
            }
            Target::Direction(direction) => {
                let Direction { weight, pattern, level, loud } = direction;
                if weight.len() != dim || pattern.len() != dim {
                    let found = weight.len();
                    return wrong(format!("its direction has {found} numbers, the latent's tokens have {dim}"));
                }
                let mut all = weight.iter().chain(pattern).chain(level).chain(loud);
                if all.any(|v| !v.is_finite()) {
                    return wrong("its direction holds a value that is not finite".into());
                }
                Ok(())
            }
        }
    }
}

/// One film: its tokens and what the SAE reads in them.
#[derive(Clone, Debug)]
pub(super) struct Coded {
    /// Tokens `[n, d]` that predictions are made from, without suppressed features.
    pub tokens: Vec<f32>,
    /// Activations `[n, m]` of the tokens as the encoder made them; suppressed ones are 0. Empty without an SAE.
    pub activations: Vec<f32>,
    /// What each token's decoder rows are multiplied by, `[n]`; empty where that is 1.
    pub scale: Vec<f32>,
}

impl Coded {
    fn scale(&self, token: usize) -> f32 {
        self.scale.get(token).copied().unwrap_or(1.0)
    }

    /// How much activations of `feature` change at every token, `[n]`, times the token's scale: see the engine's edits.
    fn steps(&self, sae: &SaeView, feature: usize, operation: Operation) -> Vec<f32> {
        let count = self.activations.len() / sae.features.max(1);
        let at = |token: usize| self.activations[token * sae.features + feature];
        let own = (0..count).map(at).fold(0.0_f32, f32::max);
        let value = match operation {
            Operation::Remove => 0.0,
            Operation::Set(value) => value,
            Operation::Add(step) => (own + step).max(0.0),
        };
        let typical = sae.typical.get(feature * count..(feature + 1) * count);
        let typical = typical.filter(|map| map.iter().any(|&v| v > 0.0));
        let step = |token: usize| match typical {
            _ if own > 0.0 => at(token) * (value - own) / own,
            Some(map) => map[token] * value,
            None => value,
        };
        (0..count).map(|token| step(token) * self.scale(token)).collect()
    }

    /// Change of the tokens when `features` are changed alike, `[n, d]`, and the signed length of every token's change.
    pub(super) fn of_features(&self, sae: &SaeView, features: &[usize], operation: Operation) -> (Vec<f32>, Vec<f32>) {
        let dim = sae.dim;
        let mut change = vec![0.0_f32; self.tokens.len()];
        let mut total = vec![0.0_f32; self.tokens.len() / dim.max(1)];
        for &feature in features {
            let row = &sae.rows[feature * dim..(feature + 1) * dim];
            for (token, step) in self.steps(sae, feature, operation).into_iter().enumerate() {
                if step != 0.0 {
                    let place = &mut change[token * dim..(token + 1) * dim];
                    place.iter_mut().zip(row).for_each(|(c, r)| *c += step * r);
                    total[token] += step;
                }
            }
        }
        let lengths = change.chunks_exact(dim).zip(total);
        let lengths = lengths.map(|(token, total)| norm(token) as f32 * if total < 0.0 { -1.0 } else { 1.0 }).collect();
        (change, lengths)
    }

    /// The same along a direction; `level` is where a removal leads.
    pub(super) fn of_direction(&self, direction: &Direction, level: f32, operation: Operation) -> (Vec<f32>, Vec<f32>) {
        let dim = direction.weight.len();
        let length = norm(&direction.pattern) as f32;
        let step = |token: &[f32]| {
            let value = direction.value(token);
            match operation {
                Operation::Remove if direction.loud.is_some_and(|loud| value <= loud) => 0.0,
                Operation::Remove => level - value,
                Operation::Set(wanted) => wanted - value,
                Operation::Add(step) => step,
            }
        };
        let steps: Vec<f32> = self.tokens.chunks_exact(dim).map(step).collect();
        let change = steps.iter().flat_map(|step| direction.pattern.iter().map(move |p| p * step)).collect();
        (change, steps.iter().map(|step| step * length).collect())
    }

    /// Tokens moved along one unit vector by the given lengths.
    pub(super) fn along(lengths: &[f32], unit: &[f32]) -> Vec<f32> {
        lengths.iter().flat_map(|length| unit.iter().map(move |u| u * length)).collect()
    }
}

/// Length of a vector.
pub(super) fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}
