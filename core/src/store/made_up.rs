//! Stores of made-up activations.
//!
//! In: sizes and a seed. Out: a store of any size, written film by film as an encode writes it, with bounded memory.
//! For tests and measurements: no film, bundle or network stands behind the numbers. Low features fire often and high
//! ones rarely, as in trained SAEs: a feature's rate falls with the square root of its number. Feature 7 fires only on
//! films with "Cardiomegaly" or without the finding known, so that a page has something to find; feature 8 fires where 7
//! does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::info::{Manifest, Shard, StoreInfo};
use super::writer::{FilmEncoding, StoreWriter};
use crate::engine::Progress;
use crate::error::Result;

/// Columns and their shares of ones.
const COLUMNS: [(&str, f64); 6] = [
    ("AP view", 0.4),
    ("Cardiomegaly", 0.1),
    ("Effusion", 0.2),
    ("Male", 0.55),
    ("Nodule", 0.05),
    ("Pneumothorax", 0.02),
];
/// One film in so many cannot be read.
const FAILS: u32 = 997;

/// A made-up dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeUp {
    /// Films.
    pub films: u32,
    /// Features of the SAE.
    pub features: u32,
    /// Active features of a film; each on one token, every tenth on two.
    pub active: u32,
    /// Tokens of a film.
    pub tokens: u32,
    /// Length of a latent; 0 to store none.
    pub latent_dim: u32,
    /// Changes the draw.
    pub seed: u64,
}

impl MadeUp {
    /// Films x features with `active` each, on 197 tokens (a ViT-B/16), no latents.
    #[must_use]
    pub fn new(films: u32, features: u32, active: u32, seed: u64) -> Self {
        Self { films, features, active, tokens: 197, latent_dim: 0, seed }
    }

    /// What a store of it says of itself.
    #[must_use]
    pub fn info(&self, shard: Option<Shard>) -> StoreInfo {
        StoreInfo {
            bundle: "made-up".into(),
            bundle_hash: format!("made-up-{}-{}-{}", self.features, self.active, self.seed),
            features: self.features,
            tokens: self.tokens,
            latent_dim: self.latent_dim,
            latents: self.latent_dim > 0,
            dataset: format!("{} made-up films", self.films),
            dataset_fingerprint: format!("made-up-{}-{}", self.films, self.seed),
            shard,
        }
    }

    /// One film, always the same; `Err` for a film that cannot be read.
    ///
    /// # Errors
    /// For one film in a thousand, the reason.
    pub fn encode(&self, film: u32) -> Result<FilmEncoding, String> {
        if film % FAILS == FAILS / 2 {
            return Err("the header declares an empty picture (0 x 0); export the film again".into());
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(u64::from(film));
        let mut columns = BTreeMap::new();
        for (name, share) in COLUMNS {
            if random.random_bool(0.9) {
                columns.insert(name.to_owned(), f32::from(u8::from(random.random_bool(share))));
            }
        }
        columns.insert("Age".into(), random.random_range(1..95_u8).into());
        let mut features = BTreeSet::new();
        while features.len() < self.active.min(self.features) as usize {
            let place: f64 = random.random();
            features.insert(((place * place * f64::from(self.features)) as u32).min(self.features - 1));
        }
        if columns.get("Cardiomegaly") == Some(&0.0) {
            features.remove(&7);
        }
        if self.features > 8 {
            if features.contains(&7) {
                features.insert(8)
            } else {
                features.remove(&8)
            };
        }
        let mut active = Vec::new();
        for feature in features {
            let token = random.random_range(0..self.tokens);
            let value = -random.random_range(1e-6_f32..1.0).ln() * 2.0 + 0.01;
            active.push((token, feature, value));
            if random.random_bool(0.1) && self.tokens > 1 {
                active.push(((token + 1) % self.tokens, feature, value * 0.5));
            }
        }
        let floats = self.tokens as usize * self.latent_dim as usize;
        let latent = (floats > 0).then(|| (0..floats).map(|_| random.random_range(-1.0..1.0)).collect());
        let patient = (film / 3).to_string();
        Ok(FilmEncoding { film, path: format!("images/{film:08}.png"), patient, columns, active, latent })
    }

    /// Writes it as a store, or one shard of it.
    ///
    /// # Errors
    /// As [`StoreWriter`].
    pub fn write(
        &self,
        folder: &Path,
        shard: Option<Shard>,
        resume: bool,
        progress: &Progress<'_>,
    ) -> Result<Manifest> {
        let mut writer = StoreWriter::create(folder, &self.info(shard), resume)?;
        let films = shard.map_or(0..self.films, |shard| shard.films(self.films));
        for film in films {
            if writer.is_done(film) {
                continue;
            }
            match self.encode(film) {
                Ok(encoding) => writer.push(encoding)?,
                Err(reason) => writer.push_failed(film, &format!("images/{film:08}.png"), &reason)?,
            }
            if film % 4096 == 0 {
                progress.step("encode", film as usize, self.films as usize)?;
            }
        }
        writer.finish(progress)
    }
}
