//! What the methods learn before they are measured: which feature and which unit stand for a factor, and its direction.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::Case;
use super::method::{Method, Walk};
use super::{FeatureOfFactor, Film};
use crate::engine::analysis::film_activations;
use crate::engine::{Analysis, Edit, Engine, IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::metrics;
use crate::phantom::Factor;
use crate::probe::TokenProbe;
use crate::radiograph::Radiograph;

/// Features of the group.
const GROUP: usize = 8;
/// Steps along directions; 1 is the distance between the mean latents of films with and without the factor, for the
/// probe what brings its logit down.
const STEPS: [f32; 10] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0];
/// Share of a feature's activation that is taken away.
const CUTS: [f32; 4] = [0.25, 0.5, 0.75, 1.0];
/// Entries of a difference of means that lie below this many standard errors are noise, and are left out.
const LEAST_T: f32 = 3.0;
const BATCH: usize = 16;
/// Fewest films with a factor, and without, to learn it from.
pub(super) const FEWEST: usize = 2;
const BOOTSTRAPS: usize = 500;

/// What was learnt of one factor.
struct OfFactor {
    factor: Factor,
    label: usize,
    /// Features by AUC, best first.
    features: Vec<usize>,
    /// Linear probe on tokens.
    probe: TokenProbe,
    /// Mean latent without the factor less mean latent with it, `[1, n, d]`.
    means: Tensor<3>,
    /// Its length.
    length: f32,
    /// The token's unit that tells the factor best, as the same difference with all other units left out.
    unit: usize,
    unit_step: Tensor<3>,
}

pub(super) struct Fitted {
    factors: Vec<OfFactor>,
}

/// Latents and film activations of some films.
struct Encoded {
    /// `[films][n * d]`.
    latents: Vec<Vec<f32>>,
    /// `[films][m]`; empty lists without an SAE.
    activations: Vec<Vec<f32>>,
    /// The classifier's scores, `[films][labels]`; empty without a classifier.
    scores: Vec<Vec<f32>>,
    tokens: usize,
    dim: usize,
}

impl Encoded {
    fn of(engine: &Engine, films: &[Film], progress: &Progress<'_>) -> Result<Self> {
        let encoder = engine.bundle.encoder.as_ref().ok_or_else(|| engine.bundle.missing("encoder", "faithfulness"))?;
        let (mut latents, mut activations, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tokens, mut dim) = (0, 0);
        for (done, batch) in films.chunks(BATCH).enumerate() {
            progress.step("encoding phantoms", done * BATCH, films.len())?;
            let inputs = batch
                .iter()
                .map(|(path, _)| Ok(engine.film_tensor(&engine.manifest().preprocess.apply(&Radiograph::open(path)?))))
                .collect::<Result<Vec<_>>>()?;
            let inputs = Tensor::cat(inputs, 0);
            if let Some(classifier) = &engine.bundle.classifier {
                let logits = classifier.logits(inputs.clone());
                let labels = logits.dims()[1];
                let of_batch = engine.read(engine.scores(logits).into_floats())?;
                scores.extend(of_batch.chunks_exact(labels).map(<[f32]>::to_vec));
            }
            let latent = encoder.encode(inputs);
            let [count, n, d] = latent.dims();
            (tokens, dim) = (n, d);
            if let Some(sae) = &engine.bundle.sae {
                let at_tokens = engine.read(sae.activations(latent.clone().reshape([count * n, d])).into_floats())?;
                let features = engine.feature_count();
                activations.extend(at_tokens.chunks_exact(n * features).map(|film| film_activations(film, features)));
            }
            latents.extend(engine.read(latent.into_floats())?.chunks_exact(n * d).map(<[f32]>::to_vec));
        }
        activations.resize(films.len(), Vec::new());
        Ok(Self { latents, activations, scores, tokens, dim })
    }
}

impl Fitted {
    /// Learns from `films`.
    pub fn on(engine: &Engine, films: &[Film], factors: &[(Factor, usize)], progress: &Progress<'_>) -> Result<Self> {
        let encoded = Encoded::of(engine, films, progress)?;
        let device = engine.device.tensor_device();
        let learn = |&(factor, label): &(Factor, usize)| -> Result<OfFactor> {
            let present: Vec<bool> = films.iter().map(|(_, phantom)| phantom.settings.get(factor).present).collect();
            let count = present.iter().filter(|&&p| p).count();
            if count < FEWEST || present.len() - count < FEWEST {
                return Err(Error::Invalid(format!(
                    "{} of the {} films fitted on show {}; a comparison needs {FEWEST} with and {FEWEST} without, draw \
                     more phantoms",
                    count,
                    films.len(),
                    factor.label()
                )));
            }
            let (means, length) = difference(&encoded.latents, &present);
            let unit = best_unit(&encoded, &present)?;
            let unit_step: Vec<f32> =
                means.iter().enumerate().map(|(i, &v)| if i % encoded.dim == unit { v } else { 0.0 }).collect();
            let shape = [1, encoded.tokens, encoded.dim];
            let tensor = |data: Vec<f32>| Tensor::<3>::from_data(TensorData::new(data, shape), device);
            let features = ranked_features(&encoded.activations, &present)?;
            Ok(OfFactor {
                factor,
                label,
                features,
                probe: TokenProbe::fit(&encoded.latents, &present, encoded.dim),
                means: tensor(means),
                length,
                unit,
                unit_step: tensor(unit_step),
            })
        };
        Ok(Self { factors: factors.iter().map(learn).collect::<Result<_>>()? })
    }

    fn of(&self, factor: Factor) -> Option<&OfFactor> {
        self.factors.iter().find(|known| known.factor == factor)
    }

    /// Where a method goes on a film to take a factor away; none when the bundle cannot do it. `seed` is the film's: it
    /// decides the random direction.
    pub fn walk(
        &self,
        engine: &Engine,
        (analysis, seed): (&Analysis, u64),
        method: Method,
        factor: Factor,
    ) -> Result<Option<Walk>> {
        let Some(known) = self.of(factor) else { return Ok(None) };
        let latent = engine.latent(analysis)?;
        let straight = |direction: Tensor<3>| Walk::Latents(Box::new(along(latent, direction)));
        Ok(Some(match method {
            Method::Truth => Walk::True { reencoded: false },
            Method::Reencoded => Walk::True { reencoded: true },
            Method::Nothing => Walk::Stay,
            Method::Feature | Method::Features => {
                let count = if method == Method::Feature { 1 } else { GROUP };
                let chosen = &known.features[..known.features.len().min(count)];
                if chosen.is_empty() {
                    return Ok(None);
                }
                let cut = |share: f32| {
                    let features = chosen.iter().map(|&f| (f, analysis.activations[f] * (1.0 - share))).collect();
                    engine.edited_latent(analysis, &Edit { features, ..Edit::default() })
                };
                Walk::Latents(Box::new(Tensor::cat(CUTS.into_iter().map(cut).collect::<Result<Vec<_>>>()?, 0)))
            }
            Method::Probe => {
                let tokens = engine.read(latent.clone().into_floats())?;
                let removal = TensorData::new(known.probe.removal(&tokens), latent.dims());
                straight(Tensor::from_data(removal, engine.device.tensor_device()))
            }
            Method::Means => straight(known.means.clone()),
            Method::Unit => straight(known.unit_step.clone()),
            Method::Shift => {
                let step = engine.unit_direction(analysis, known.label)?;
                straight(scaled(engine, step.neg(), known.length)?)
            }
            Method::Random => {
                // Drawn on the CPU, so that every device and every choice of factors has the same.
                let shape = latent.dims();
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                random.set_stream(factor as u64);
                // Uniform is as good as normal here: in thousands of dimensions only the length matters, which is set.
                let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
                let random = Tensor::from_data(TensorData::new(values, shape), engine.device.tensor_device());
                straight(scaled(engine, random, known.length)?)
            }
        }))
    }

    /// The step that each method takes for a factor: the first one of those that bring the factor's score, on average over
    /// films of the fitted half, nearest to what it is without the factor.
    pub fn steps(&self, engine: &Engine, cases: &[Case], factor: Factor) -> Result<BTreeMap<Method, usize>> {
        let mut chosen = BTreeMap::new();
        for method in Method::ALL {
            let mut sums: Vec<f32> = Vec::new();
            for case in cases {
                let Some(walk) = self.walk(engine, (&case.analysis, case.phantom.seed), method, factor)? else {
                    continue;
                };
                let distances = case.distances(engine, &walk)?;
                sums.resize(distances.len(), 0.0);
                sums.iter_mut().zip(distances).for_each(|(sum, distance)| *sum += distance);
            }
            // Without a film to fit on, the step of 1.
            let usual = STEPS.iter().position(|&step| step == 1.0).unwrap_or(0);
            let best = (0..sums.len()).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(usual);
            chosen.insert(method, best);
        }
        Ok(chosen)
    }

    /// What a method moves, in words.
    pub fn detail(&self, method: Method, factor: Factor) -> String {
        let Some(known) = self.of(factor) else { return String::new() };
        let first = |count: usize| {
            let names: Vec<String> = known.features.iter().take(count).map(usize::to_string).collect();
            names.join(" ")
        };
        match method {
            Method::Feature => first(1),
            Method::Features => first(GROUP),
            Method::Unit => known.unit.to_string(),
            _ => String::new(),
        }
    }

    /// How well the chosen features tell their factors on films that they were not chosen on.
    pub fn features_on(
        &self,
        engine: &Engine,
        films: &[Film],
        factors: &[(Factor, usize)],
        progress: &Progress<'_>,
    ) -> Result<Vec<FeatureOfFactor>> {
        let encoded = Encoded::of(engine, films, progress)?;
        let mut rows = Vec::new();
        for &(factor, label) in factors {
            let Some(&feature) = self.of(factor).and_then(|known| known.features.first()) else { continue };
            let present: Vec<bool> = films.iter().map(|(_, phantom)| phantom.settings.get(factor).present).collect();
            let patients: Vec<usize> = (0..films.len()).collect();
            let auc = |values: &[f32]| metrics::auc_bootstrap(values, &present, &patients, BOOTSTRAPS, 0.95, 1);
            let activations: Vec<f32> = encoded.activations.iter().map(|film| film[feature]).collect();
            let of_label: Vec<f32> = encoded.scores.iter().map(|film| film[label]).collect();
            let Ok(own) = auc(&activations) else { continue };
            rows.push(FeatureOfFactor {
                factor: factor.label().into(),
                feature,
                auc: own,
                classifier_auc: auc(&of_label).ok(),
            });
        }
        Ok(rows)
    }
}

/// Latents at [`STEPS`] along a direction, `[k, n, d]`.
fn along(latent: &Tensor<3>, direction: Tensor<3>) -> Tensor<3> {
    let device = latent.device();
    let steps = Tensor::<3>::from_data(TensorData::new(STEPS.to_vec(), [STEPS.len(), 1, 1]), &device);
    latent.clone() + direction * steps
}

fn scaled(engine: &Engine, direction: Tensor<3>, length: f32) -> Result<Tensor<3>> {
    let own = engine.read(direction.clone().powi_scalar(2).sum().sqrt().into_floats())?[0];
    Ok(if own > f32::MIN_POSITIVE { direction.mul_scalar(length / own) } else { direction })
}

/// Mean of the films without less mean of the films with, entry by entry; entries that could be chance are zero. Beside it
/// the length of that difference with all its entries.
fn difference(latents: &[Vec<f32>], present: &[bool]) -> (Vec<f32>, f32) {
    let entries = latents.first().map_or(0, Vec::len);
    let mut sums = [vec![0.0_f64; entries], vec![0.0_f64; entries]];
    let mut squares = [vec![0.0_f64; entries], vec![0.0_f64; entries]];
    let mut counts = [0.0_f64; 2];
    for (film, &is_present) in latents.iter().zip(present) {
        let side = usize::from(is_present);
        counts[side] += 1.0;
        for (i, &v) in film.iter().enumerate() {
            sums[side][i] += f64::from(v);
            squares[side][i] += f64::from(v).powi(2);
        }
    }
    let mut length = 0.0;
    let kept = (0..entries)
        .map(|i| {
            let mean = |side: usize| sums[side][i] / counts[side];
            let error = |side: usize| (squares[side][i] / counts[side] - mean(side).powi(2)).max(0.0) / counts[side];
            let (gap, noise) = (mean(0) - mean(1), (error(0) + error(1)).sqrt());
            length += gap * gap;
            if gap.abs() >= f64::from(LEAST_T) * noise { gap as f32 } else { 0.0 }
        })
        .collect();
    (kept, length.sqrt() as f32)
}

/// Features by how well their film activation tells the factor, best first.
fn ranked_features(activations: &[Vec<f32>], present: &[bool]) -> Result<Vec<usize>> {
    let count = activations.first().map_or(0, Vec::len);
    let mut ranked = (0..count)
        .map(|feature| {
            let values: Vec<f32> = activations.iter().map(|film| film[feature]).collect();
            Ok((metrics::auc(&values, present)?, feature))
        })
        .collect::<Result<Vec<_>>>()?;
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Ok(ranked.into_iter().map(|(_, feature)| feature).collect())
}

/// The unit whose mean over tokens tells the factor best, rising or falling with it.
fn best_unit(encoded: &Encoded, present: &[bool]) -> Result<usize> {
    let mut best = (f64::MIN, 0);
    for unit in 0..encoded.dim {
        let values: Vec<f32> =
            encoded.latents.iter().map(|film| film.iter().skip(unit).step_by(encoded.dim).sum::<f32>()).collect();
        let told = (metrics::auc(&values, present)? - 0.5).abs();
        if told > best.0 {
            best = (told, unit);
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_keeps_what_is_no_chance() {
        // The first entry falls by one with the factor, the second is the same noise on both sides.
        let latents: Vec<Vec<f32>> = (0..200).map(|i| vec![1.0 - (i % 2) as f32, (i / 2 % 7) as f32]).collect();
        let present: Vec<bool> = (0..200).map(|i| i % 2 == 1).collect();
        assert_eq!(difference(&latents, &present).0, [1.0, 0.0]);
    }

    #[test]
    fn the_best_feature_and_unit_are_found() {
        let present = [true, true, false, false];
        let activations =
            [[0.0, 2.0, 1.0], [1.0, 3.0, 0.0], [0.5, 0.1, 0.0], [0.5, 0.0, 1.0]].map(|film| film.to_vec());
        assert_eq!(ranked_features(&activations, &present).expect("two classes")[0], 1);
        let latents = [[5.0, 1.0, 0.0, 1.0], [0.0, 1.0, 5.0, 1.0], [0.0, 2.0, 5.0, 2.0], [5.0, 3.0, 0.0, 1.5]];
        let encoded = Encoded {
            latents: latents.map(|l| l.to_vec()).to_vec(),
            activations: vec![],
            scores: vec![],
            tokens: 2,
            dim: 2,
        };
        assert_eq!(best_unit(&encoded, &present).expect("two classes"), 1);
    }
}
