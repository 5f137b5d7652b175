//! Directions in latent space: a label's gradient, a feature's decoder row.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;

use super::{Concept, Path};
use crate::engine::{Analysis, Edit, Engine, IntoFloats};
use crate::error::{Error, Result};

impl Engine {
    /// Gradient of a label's score `f(D(z))` with respect to the tokens, at the film's latent, `[1, n, d]`; taken once
    /// for each film and label.
    pub(crate) fn score_gradient(&self, analysis: &Analysis, label: usize) -> Result<Tensor<3>> {
        if let Some(known) = analysis.gradients.lock().get(&label) {
            return Ok(known.clone());
        }
        let decoder = self.bundle.decoder.as_ref().ok_or(self.bundle.missing("decoder", "Latent Shift"))?;
        let classifier = self.bundle.frame_reader.as_ref().ok_or(self.bundle.missing("classifier", "Latent Shift"))?;
        self.check_label(label)?;
        let z = self.latent(analysis)?.clone().autodiff().require_grad();
        let scores = self.scores(classifier.logits(decoder.decode(z.clone())));
        let gradients = scores.narrow(1, label, 1).sum().backward();
        let gradient = z.grad(&gradients).ok_or_else(|| self.failure("no gradient reached the latent"))?;
        analysis.gradients.lock().insert(label, gradient.clone());
        Ok(gradient)
    }

    /// The step of one standard deviation of the film's latent that raises a label's logit most, `[1, n, d]`; zero where the
    /// logit does not depend on the latent.
    ///
    /// With the logit's gradient `g` and the covariance `C` of the film's tokens about their mean, as if tokens were
    /// independent, that is `C g / sqrt(sum_n g_n' C g_n)`: of all steps of Mahalanobis length 1 the steepest, and the
    /// direction in which latents vary with the logit (Haufe et al. 2014). The logit's gradient points where the score's
    /// does and does not vanish where the score is at its limit. A latent of one token has no covariance of its own; it takes
    /// its mean square for every dimension.
    pub(crate) fn unit_direction(&self, analysis: &Analysis, label: usize) -> Result<Tensor<3>> {
        self.check_label(label)?;
        let decoder = self.bundle.decoder.as_ref().ok_or(self.bundle.missing("decoder", "Latent Shift"))?;
        let classifier = self.bundle.frame_reader.as_ref().ok_or(self.bundle.missing("classifier", "Latent Shift"))?;
        let latent = self.latent(analysis)?;
        let z = latent.clone().autodiff().require_grad();
        let logit = classifier.logits(decoder.decode(z.clone())).narrow(1, label, 1);
        let gradient = z.grad(&logit.sum().backward()).ok_or_else(|| self.failure("no gradient reached the latent"))?;
        let [_, tokens, dim] = gradient.dims();
        let rows = gradient.reshape([tokens, dim]);
        let varied = match centred_tokens(latent) {
            Some(centred) => rows.clone().matmul(centred.clone().transpose()).matmul(centred),
            None => rows.clone() * latent.clone().powi_scalar(2).mean().unsqueeze::<2>(),
        };
        let length = self.read((rows * varied.clone()).sum().sqrt().into_floats())?[0];
        let direction = if length > f32::MIN_POSITIVE { varied.div_scalar(length) } else { varied.zeros_like() };
        Ok(direction.unsqueeze::<3>())
    }

    /// A random step of the same length as [`Engine::unit_direction`]'s, `[1, n, d]`: tokens drawn with the covariance of the
    /// film's. None of a latent of one token.
    pub(crate) fn random_direction(&self, analysis: &Analysis, rng: &mut impl rand::Rng) -> Option<Tensor<3>> {
        let centred = centred_tokens(analysis.latent.as_ref()?)?;
        let [tokens, dim] = centred.dims();
        // Sums of centred tokens with independent weights have their covariance.
        let weights: Vec<f32> = (0..tokens * tokens).map(|_| rng.random_range(-1.0..1.0) * 3.0_f32.sqrt()).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [tokens, tokens]), &centred.device());
        Some(weights.matmul(centred).div_scalar(((tokens * dim) as f32).sqrt()).unsqueeze::<3>())
    }

    /// A unit direction scaled to one standard deviation of the film's latent along it, `sqrt(sum_n u_n' C u_n)`; see
    /// [`Engine::unit_direction`].
    fn one_deviation(&self, analysis: &Analysis, unit: Tensor<3>) -> Result<Tensor<3>> {
        let [_, tokens, dim] = unit.dims();
        let rows = unit.clone().reshape([tokens, dim]);
        let latent = self.latent(analysis)?;
        let spread = match centred_tokens(latent) {
            Some(centred) => rows.matmul(centred.transpose()).powi_scalar(2).sum().sqrt(),
            None => latent.clone().powi_scalar(2).mean().sqrt(),
        };
        let spread = self.read(spread.into_floats())?[0];
        Ok(if spread > f32::MIN_POSITIVE { unit.mul_scalar(spread) } else { unit })
    }

    fn check_label(&self, label: usize) -> Result<()> {
        if label < self.bundle.labels().count() {
            return Ok(());
        }
        Err(Error::Invalid(format!("label number {label} does not exist in this bundle")))
    }

    /// The path of a probe: its pattern at the tokens that show it, in standard deviations of the film's latent along that.
    pub(super) fn probe_path(&self, analysis: &Analysis, probe: usize) -> Result<Path> {
        let known = self.bundle.probes.get(probe);
        let known =
            known.ok_or_else(|| Error::Invalid(format!("probe number {probe} does not exist in this bundle")))?;
        let origin = self.latent(analysis)?;
        let way = known.direction(&self.read(origin.clone().into_floats())?);
        let length = way.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let unit: Vec<f32> = way.iter().map(|v| v / length).collect();
        let unit = Tensor::<3>::from_data(TensorData::new(unit, origin.dims()), &origin.device());
        Ok(Path::Straight { origin: origin.clone(), direction: self.one_deviation(analysis, unit)? })
    }

    /// Cosine of latents `[b, n, d]` with a concept, `[b, 1]`; differentiable.
    pub(super) fn concept_cosines(&self, latents: Tensor<3>, concept: Concept) -> Result<Tensor<2>> {
        let text = self.bundle.text.as_ref().ok_or(self.bundle.missing("text tower", "a target in words"))?;
        let encoder = self.bundle.encoder.as_ref().ok_or(self.bundle.missing("encoder", "a target in words"))?;
        let words = text.embed(concept.words()).map_err(Error::Invalid)?;
        let part = "latent in the space of its texts (import its encoder with --tokens class, without --layer)";
        let places = encoder.embed_latent(latents).ok_or(self.bundle.missing(part, "a target in words"))?;
        Ok(places.matmul(words.transpose()))
    }

    /// The path of a concept: up the gradient of the latent's cosine with it, in standard deviations of the latent.
    pub(super) fn concept_path(&self, analysis: &Analysis, concept: Concept) -> Result<Path> {
        let origin = self.latent(analysis)?.clone();
        let z = origin.clone().autodiff().require_grad();
        let cosine = self.concept_cosines(z.clone(), concept)?;
        let gradient =
            z.grad(&cosine.sum().backward()).ok_or_else(|| self.failure("no gradient reached the latent"))?;
        let length = self.read(gradient.clone().powi_scalar(2).sum().sqrt().into_floats())?[0];
        let unit = gradient.div_scalar(length.max(f32::MIN_POSITIVE));
        Ok(Path::Straight { origin, direction: self.one_deviation(analysis, unit)? })
    }

    /// The path of a feature: lambda is the film activation, so it starts where the feature is off.
    pub(super) fn feature_path(&self, analysis: &Analysis, feature: usize) -> Result<Path> {
        let at = |value: f32| {
            let edit = Edit { features: BTreeMap::from([(feature, value)]), ..Edit::default() };
            self.edited_latent(analysis, &edit)
        };
        let own = analysis.activations.get(feature).copied().unwrap_or(0.0);
        let (off, one) = (at(0.0)?, at(own + 1.0)?);
        let direction = (one - off.clone()).div_scalar(own + 1.0);
        Ok(Path::Straight { origin: off, direction })
    }

    /// Operating point of a label, before any normalisation.
    pub(super) fn operating_point(&self, label: usize) -> Option<f32> {
        self.bundle.manifest.classifier.as_ref()?.labels.get(label).map(|label| label.operating_point)
    }
}

/// A film's tokens about their mean over `sqrt(n - 1)`, `[n, d]`, whose square is their covariance; none of one token.
fn centred_tokens(latent: &Tensor<3>) -> Option<Tensor<2>> {
    let [_, tokens, dim] = latent.dims();
    let z = latent.clone().reshape([tokens, dim]);
    (tokens > 1).then(|| (z.clone() - z.mean_dim(0)).div_scalar(((tokens - 1) as f32).sqrt()))
}
