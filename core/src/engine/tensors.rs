//! Everything that a bundle computes of a film, as named tensors: for checks against other programs and for notebooks.

use burn::prelude::*;
use burn::tensor::TensorData;

use super::{Engine, IntoFloats};
use crate::bundle::save;
use crate::error::Result;
use crate::models::intake::Intake;
use crate::models::weights::Weights;
use crate::plane::Plane;
use crate::radiograph::Radiograph;

impl Engine {
    /// A safetensors file of what the bundle makes of a film; `F32`, and only the tensors whose parts it has:
    ///
    /// - `frame` `[s, s]`: the film as frames are drawn, in grey levels -1024 to 1024;
    /// - `encoder.input`, `sae_encoder.input`, `classifier.input` `[c, s, s]`: what each network computes with, its own mean
    ///   and deviation taken off;
    /// - `latent`, `sae_encoder.latent` `[n, d]`: tokens;
    /// - `embedding` `[e]`: the film's place in the space of texts, of length 1;
    /// - `activations` `[n, m]`: of every feature at every token; `restored` `[n, d]`: the tokens that these stand for;
    /// - `reconstruction` `[s, s]`: the decoded latent;
    /// - `logits`, `scores` `[labels]`: of the film, and its scores after operating points.
    ///
    /// # Errors
    /// When the bundle has neither encoder nor classifier, or the device fails.
    pub fn tensors(&self, film: &Radiograph) -> Result<Vec<u8>> {
        let bundle = &self.bundle;
        if bundle.encoder.is_none() && bundle.classifier.is_none() {
            return Err(bundle.missing("encoder or classifier", "tensors"));
        }
        let inputs = self.inputs(film);
        let mut made = Made { engine: self, tensors: Weights::new() };
        made.plane("frame", &inputs.frame);
        let mut tokens = None;
        if let (Some(encoder), Some(kind)) = (&bundle.encoder, &bundle.manifest.encoder) {
            let film = made.input("encoder.input", inputs.encoder.as_ref().unwrap_or(&inputs.frame), &kind.intake())?;
            let latent = encoder.encode(film.clone());
            made.squeezed("latent", latent.clone())?;
            if let Some(embedding) = encoder.embed(film) {
                made.keep("embedding", embedding.squeeze_dim::<1>(0))?;
            }
            if let Some(decoder) = &bundle.decoder {
                let frame = decoder.decode(latent.clone());
                let [_, _, height, width] = frame.dims();
                made.keep("reconstruction", frame.reshape([height, width]))?;
            }
            tokens = Some(latent);
        }
        if let (Some(encoder), Some(part)) = (&bundle.sae_encoder, &bundle.manifest.sae_encoder) {
            let fed = inputs.sae_encoder.as_ref().unwrap_or(&inputs.frame);
            let film = made.input("sae_encoder.input", fed, &part.architecture.intake())?;
            let latent = encoder.encode(film.clone());
            made.squeezed("sae_encoder.latent", latent.clone())?;
            if let Some(embedding) = encoder.embed(film) {
                made.keep("embedding", embedding.squeeze_dim::<1>(0))?;
            }
            tokens = Some(latent);
        }
        if let (Some(sae), Some(latent)) = (&bundle.sae, tokens) {
            let [_, count, dim] = latent.dims();
            let tokens = latent.reshape([count, dim]);
            let activations = sae.activations(tokens.clone());
            made.keep("restored", sae.reconstruct(activations.clone(), &tokens))?;
            made.keep("activations", activations)?;
        }
        if let (Some(classifier), Some(part)) = (&bundle.classifier, &bundle.manifest.classifier) {
            let fed = inputs.classifier.as_ref().unwrap_or(&inputs.frame);
            let film = made.input("classifier.input", fed, &part.architecture.intake())?;
            let logits = classifier.logits(film);
            made.keep("scores", self.scores(logits.clone()).squeeze_dim::<1>(0))?;
            made.keep("logits", logits.squeeze_dim::<1>(0))?;
        }
        save::to_safetensors(&made.tensors)
    }
}

struct Made<'a> {
    engine: &'a Engine,
    tensors: Weights,
}

impl Made<'_> {
    fn plane(&mut self, name: &str, plane: &Plane) {
        let data = TensorData::new(plane.data().to_vec(), [plane.height(), plane.width()]);
        self.tensors.insert(name.to_owned(), data);
    }

    /// Keeps what a network computes with, and gives the film in grey levels that it is made from.
    fn input(&mut self, name: &str, plane: &Plane, intake: &Intake) -> Result<Tensor<4>> {
        let film = self.engine.film_tensor(plane);
        self.keep(name, intake.apply(film.clone()).squeeze_dim::<3>(0))?;
        Ok(film)
    }

    /// Tokens `[1, n, d]` as `[n, d]`.
    fn squeezed(&mut self, name: &str, tokens: Tensor<3>) -> Result<()> {
        self.keep(name, tokens.squeeze_dim::<2>(0))
    }

    fn keep<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) -> Result<()> {
        let shape = tensor.dims();
        let values = self.engine.read(tensor.into_floats())?;
        self.tensors.insert(name.to_owned(), TensorData::new(values, shape));
        Ok(())
    }
}
