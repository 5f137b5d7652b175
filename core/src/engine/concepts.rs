//! Films against words, in a bundle whose encoder shares a space with a text tower: zero-shot reading.

use burn::prelude::*;
use burn::tensor::TensorData;

use super::{Engine, IntoFloats};
use crate::error::{Error, Result};
use crate::radiograph::Radiograph;

impl Engine {
    /// Places of texts in the space that they share with films, each of length 1.
    ///
    /// # Errors
    /// When the bundle has no text tower, a text has no words, or the device fails.
    pub fn text_embeddings(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let tower =
            self.bundle.text.as_ref().ok_or(self.bundle.missing("text tower", "holding films against words"))?;
        texts.iter().map(|text| self.read(tower.embed(text).map_err(Error::Invalid)?.into_floats())).collect()
    }

    /// Places of `films` films in the space that they share with texts, each of length 1, from the latents that the SAE reads:
    /// `[films, n, d]` in row order.
    ///
    /// # Errors
    /// When the latents are not of this bundle, do not lead there, or the device fails.
    pub fn latent_embeddings(&self, latents: Vec<f32>, films: usize) -> Result<Vec<Vec<f32>>> {
        let shape = self.bundle.manifest.sae_latent();
        if latents.len() != films * shape.tokens * shape.dim {
            return Err(Error::Invalid("the latents are of another bundle; encode again".into()));
        }
        if films == 0 {
            return Ok(Vec::new());
        }
        let encoder = self.bundle.sae_encoder.as_ref().or(self.bundle.encoder.as_ref());
        let encoder = encoder.ok_or(self.bundle.missing("encoder", "holding films against words"))?;
        let latents = TensorData::new(latents, [films, shape.tokens, shape.dim]);
        let latents = Tensor::<3>::from_data(latents, self.device.tensor_device());
        let places = encoder.embed_latent(latents).ok_or_else(|| {
            Error::Invalid(format!(
                "the latents of bundle \"{}\" do not lead to the space of its texts: only the class token of the last block \
                 does; import it with --tokens class or all, and without --layer, then encode again",
                self.bundle.manifest.name
            ))
        })?;
        let [_, length] = places.dims();
        Ok(self.read(places.into_floats())?.chunks_exact(length.max(1)).map(<[f32]>::to_vec).collect())
    }

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
