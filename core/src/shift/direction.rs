//! Directions in latent space: a label's gradient, a feature's decoder row.

use std::collections::BTreeMap;

use burn::prelude::*;

use super::{Path, Target};
use crate::engine::{Analysis, Edit, Engine};
use crate::error::{Error, Result};

impl Engine {
    /// Gradient of a label's score `f(D(z))` with respect to the tokens, at the film's latent, `[1, n, d]`; taken once
    /// for each film and label.
    pub(crate) fn score_gradient(&self, analysis: &Analysis, label: usize) -> Result<Tensor<3>> {
        if let Some(known) = analysis.gradients.lock().get(&label) {
            return Ok(known.clone());
        }
        let decoder = self.bundle.decoder.as_ref().ok_or(self.bundle.missing("decoder", "Latent Shift"))?;
        let classifier = self.bundle.classifier.as_ref().ok_or(self.bundle.missing("classifier", "Latent Shift"))?;
        if label >= self.bundle.labels().count() {
            return Err(Error::Invalid(format!("label number {label} does not exist in this bundle")));
        }
        let z = analysis.latent.clone().autodiff().require_grad();
        let scores = self.scores(classifier.logits(decoder.decode(z.clone())));
        let gradients = scores.narrow(1, label, 1).sum().backward();
        let gradient = z.grad(&gradients).ok_or_else(|| self.failure("no gradient reached the latent"))?;
        analysis.gradients.lock().insert(label, gradient.clone());
        Ok(gradient)
    }

    /// The path of a target from the film's latent, and the label it follows.
    pub(super) fn path(&self, analysis: &Analysis, target: Target) -> Result<(Path, Option<usize>)> {
        match target {
            Target::Label(label) => {
                let direction = self.score_gradient(analysis, label)?;
                Ok((Path::Straight { origin: analysis.latent.clone(), direction }, Some(label)))
            }
            Target::Feature(feature) => {
                // Lambda is the film activation, so the path starts where the feature is off.
                let at = |value: f32| {
                    let edit = Edit { features: BTreeMap::from([(feature, value)]), ..Edit::default() };
                    self.edited_latent(analysis, &edit)
                };
                let own = analysis.activations.get(feature).copied().unwrap_or(0.0);
                let (off, one) = (at(0.0)?, at(own + 1.0)?);
                let direction = (one - off.clone()).div_scalar(own + 1.0);
                Ok((Path::Straight { origin: off, direction }, None))
            }
        }
    }
}
