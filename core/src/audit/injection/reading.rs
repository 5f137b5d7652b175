//! What a model says of films, many at once. In: films. Out: logits, scores and the activations of chosen features. The audit
//! knows models through [`Reader`] alone, so that a test can stand in for one.

use burn::prelude::*;
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::draw::PixelBox;
use crate::engine::{Engine, IntoFloats};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::preprocess::Preprocess;
use crate::radiograph::Radiograph;

/// Films in one pass of a network.
const BATCH: usize = 8;

/// What a model says of one film.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Logit of each label.
    pub logits: Vec<f32>,
    /// Score of each label, 0 to 1; 0.5 is the operating point.
    pub scores: Vec<f32>,
    /// Activations of each chosen feature at every token, `features x tokens`.
    pub tokens: Vec<f32>,
}

impl Reading {
    /// Activations of chosen feature number `index` at every token, of `features` in all.
    #[must_use]
    pub fn feature(&self, index: usize, features: usize) -> &[f32] {
        let tokens = self.tokens.len() / features.max(1);
        self.tokens.get(index * tokens..(index + 1) * tokens).unwrap_or_default()
    }
}

/// Where the tokens of a film are.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenPlaces {
    /// Rows and columns.
    pub grid: [usize; 2],
    /// How a film becomes the encoder's input.
    pub preprocess: Preprocess,
}

impl TokenPlaces {
    /// Whether each token's cell has pixels of one of the boxes in it.
    #[must_use]
    pub fn under(&self, boxes: &[PixelBox], width: usize, height: usize) -> Vec<bool> {
        let seen = self.preprocess.seen(width, height);
        let [rows, columns] = self.grid;
        let cell = |from: f64, length: f64, index: usize, count: usize| {
            let step = length / count.max(1) as f64;
            (from + index as f64 * step, from + (index + 1) as f64 * step)
        };
        let meets =
            |(low, high): (f64, f64), from: usize, length: usize| (from as f64) < high && (from + length) as f64 > low;
        (0..rows * columns)
            .map(|i| {
                let across = cell(seen.x, seen.width, i % columns, columns);
                let down = cell(seen.y, seen.height, i / columns, rows);
                boxes.iter().any(|area| meets(across, area.x, area.width) && meets(down, area.y, area.height))
            })
            .collect()
    }
}

/// A model, as the audit sees it.
pub trait Reader {
    /// Names of the labels, in the order of logits and scores.
    fn labels(&self) -> Vec<String>;
    /// The chosen features, in the order of a reading's.
    fn features(&self) -> &[usize] {
        &[]
    }
    /// Where tokens are; none of a class token, or without features.
    fn places(&self) -> Option<TokenPlaces> {
        None
    }
    /// One reading a film.
    ///
    /// # Errors
    /// When the model fails.
    fn read(&self, films: &[&Radiograph]) -> Result<Vec<Reading>>;
}

/// A bundle's classifier, and features of its SAE.
pub struct EngineReader<'a> {
    engine: &'a Engine,
    features: Vec<usize>,
}

impl<'a> EngineReader<'a> {
    /// Reads with a bundle. `features` may be empty; without a classifier there are no labels.
    ///
    /// # Errors
    /// When a feature does not exist, or there is neither a classifier nor a feature to read.
    pub fn new(engine: &'a Engine, features: &[usize]) -> Result<Self> {
        let count = engine.feature_count();
        if let Some(feature) = features.iter().find(|&&feature| feature >= count) {
            let name = &engine.manifest().name;
            return Err(Error::Invalid(format!("feature {feature} does not exist; \"{name}\" has {count}")));
        }
        if engine.bundle().classifier.is_none() && features.is_empty() {
            return Err(engine.bundle().missing("classifier", "reading predictions"));
        }
        Ok(Self { engine, features: features.to_vec() })
    }

    fn batch(&self, films: &[&Radiograph]) -> Result<Vec<Reading>> {
        let bundle = self.engine.bundle();
        let inputs: Vec<_> = films.par_iter().map(|film| self.engine.inputs(film)).collect();
        let tensor = |own: fn(&crate::engine::Inputs) -> &Option<Plane>| {
            let films = inputs.iter().map(|input| own(input).as_ref().unwrap_or(&input.frame));
            Tensor::cat(films.map(|film| self.engine.film_tensor(film)).collect(), 0)
        };
        let mut readings = vec![Reading::default(); films.len()];
        if let Some(classifier) = &bundle.classifier {
            let logits = classifier.logits(tensor(|input| &input.classifier));
            let labels = logits.dims()[1].max(1);
            let scores = self.engine.read(self.engine.scores(logits.clone()).into_floats())?;
            let logits = self.engine.read(logits.into_floats())?;
            for (i, reading) in readings.iter_mut().enumerate() {
                reading.logits = logits[i * labels..(i + 1) * labels].to_vec();
                reading.scores = scores[i * labels..(i + 1) * labels].to_vec();
            }
        }
        if !self.features.is_empty() {
            let tokens = match (&bundle.sae_encoder, &bundle.encoder) {
                (Some(encoder), _) => encoder.encode(tensor(|input| &input.sae_encoder)),
                (None, Some(encoder)) => encoder.encode(tensor(|input| &input.encoder)),
                (None, None) => return Err(bundle.missing("encoder", "activations")),
            };
            let sae = bundle.sae.as_ref().ok_or(bundle.missing("SAE", "activations"))?;
            let chosen: Vec<i64> = self.features.iter().map(|&feature| feature as i64).collect();
            let data = TensorData::new(chosen, [self.features.len()]);
            let chosen = Tensor::<1, Int>::from_data(data, self.engine.device().tensor_device());
            for (film, reading) in tokens.split(1, 0).into_iter().zip(&mut readings) {
                let [_, count, dim] = film.dims();
                let activations = sae.activations(film.reshape([count, dim])).select(1, chosen.clone());
                reading.tokens = self.engine.read(activations.transpose().into_floats())?;
            }
        }
        Ok(readings)
    }
}

impl Reader for EngineReader<'_> {
    fn labels(&self) -> Vec<String> {
        self.engine.bundle().labels().map(str::to_owned).collect()
    }

    fn features(&self) -> &[usize] {
        &self.features
    }

    fn places(&self) -> Option<TokenPlaces> {
        let manifest = self.engine.manifest();
        let own = manifest.sae_encoder.as_ref();
        let grid = own.map_or(manifest.latent, |part| part.latent).grid?;
        let preprocess = own.map_or_else(|| manifest.encoder_input(), |part| &part.preprocess).clone();
        (!self.features.is_empty()).then_some(TokenPlaces { grid, preprocess })
    }

    fn read(&self, films: &[&Radiograph]) -> Result<Vec<Reading>> {
        let mut readings = Vec::with_capacity(films.len());
        for batch in films.chunks(BATCH) {
            readings.extend(self.batch(batch)?);
        }
        Ok(readings)
    }
}
