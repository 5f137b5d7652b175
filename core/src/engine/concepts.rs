//! Films against words, in a bundle whose encoder shares a space with a text tower: zero-shot reading.

use burn::prelude::*;

use super::{Engine, IntoFloats};
use crate::error::{Error, Result};
use crate::radiograph::Radiograph;

impl Engine {
    /// Cosine of a film with each of some texts, -1 to 1. Only differences between texts mean anything, such as that of a
    /// finding and of a neutral sentence.
    ///
    /// # Errors
    /// When the bundle has no text tower, a text has no words, or the device fails.
    pub fn cosines(&self, film: &Radiograph, texts: &[String]) -> Result<Vec<f32>> {
        let tower = self.bundle.text.as_ref().ok_or(self.bundle.missing("text tower", "reading films by words"))?;
        let inputs = self.inputs(film);
        let tensor = |own: &Option<crate::plane::Plane>| self.film_tensor(own.as_ref().unwrap_or(&inputs.frame));
        let of = |encoder: &Option<std::sync::Arc<dyn crate::models::Encoder>>, input| {
            encoder.as_ref().and_then(|encoder| encoder.embed(tensor(input)))
        };
        let place = of(&self.bundle.encoder, &inputs.encoder)
            .or_else(|| of(&self.bundle.sae_encoder, &inputs.sae_encoder))
            .ok_or(self.bundle.missing("encoder that shares a space with texts", "reading films by words"))?;
        let words = texts.iter().map(|text| tower.embed(text)).collect::<std::result::Result<Vec<_>, _>>();
        let words = words.map_err(Error::Invalid)?;
        if words.is_empty() {
            return Ok(Vec::new());
        }
        self.read(place.matmul(Tensor::cat(words, 0).transpose()).into_floats())
    }
}
