//! Labels from a text tower: which concept of a vocabulary the films of a feature resemble more than others do.
//!
//! In: a bundle whose latents lead into a space that it shares with texts, a store that keeps latents, a vocabulary. Out: of
//! films, how much nearer each lies to "chest x-ray with X" than to "chest x-ray" ([`margins`]); of a feature, how far that
//! sets its films apart from films on which it is silent ([`scores`]). After CLIP-Dissect (Oikarinen and Weng 2023), which
//! also names units by the concepts that their inputs resemble; the comparison with a neutral sentence is that of zero-shot
//! reading (Wiehe et al. 2022). No report is read: such a label says what the tower sees, right or wrong.

use serde::{Deserialize, Serialize};

use super::concepts::spoken;
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::report::labeler::Vocabulary;
use crate::store::Store;

/// What every concept is held against.
pub const NEUTRAL: &str = "chest x-ray";
/// Films whose latents are in memory at once.
const BATCH: usize = 64;
/// Fewest silent films that a feature is held against; a feature that fires almost everywhere is held against all films.
const FEWEST_SILENT: usize = 10;

/// What the text tower says of a feature, kept beside its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resemblance {
    /// The class of the vocabulary that the feature's films resemble most.
    pub class: String,
    /// The sentence that stands for it.
    pub sentence: String,
    /// The sentence that it is held against.
    pub neutral: String,
    /// See [`scores`]: in standard deviations over films.
    pub score: f64,
    /// The next best class and its score.
    pub next: Option<(String, f64)>,
    /// Films on which the feature fires that were looked at.
    pub films: usize,
}

/// A concept: a class of a vocabulary as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The class.
    pub class: String,
    /// What the text tower reads.
    pub text: String,
}

/// The classes of a vocabulary as sentences, such as "chest x-ray with pleural effusion".
#[must_use]
pub fn sentences(vocabulary: &Vocabulary) -> Vec<Sentence> {
    let of = |class: &str| Sentence { class: class.to_owned(), text: format!("{NEUTRAL} with {}", spoken(class)) };
    vocabulary.classes.iter().map(|class| of(&class.name)).collect()
}

/// Cosine of a film with each text less its cosine with the neutral one; all vectors of length 1.
#[must_use]
pub fn margins(film: &[f32], texts: &[Vec<f32>], neutral: &[f32]) -> Vec<f32> {
    let cosine = |text: &[f32]| film.iter().zip(text).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let base = cosine(neutral);
    texts.iter().map(|text| (cosine(text) - base) as f32).collect()
}

/// For each concept, the mean of its margins over films weighted by a feature's activation, less the plain mean over the films
/// on which it is silent (over all films, where fewer than ten are silent), divided by the margin's standard deviation over
/// all films. `margins[i]` are those of film `i`. A concept on which no two films differ scores 0, and so does a feature that
/// never fires.
#[must_use]
pub fn scores(margins: &[&[f32]], activations: &[f32]) -> Vec<f64> {
    let concepts = margins.first().map_or(0, |margins| margins.len());
    let films = margins.len().max(1) as f64;
    let weight: f64 = activations.iter().map(|&a| f64::from(a)).sum();
    let silent = activations.iter().filter(|&&a| a <= 0.0).count();
    let is_other = |activation: f32| activation <= 0.0 || silent < FEWEST_SILENT;
    let others = activations.iter().filter(|&&a| is_other(a)).count().max(1) as f64;
    let of = |concept: usize| {
        let values = || margins.iter().map(|margins| f64::from(margins[concept]));
        let mean = values().sum::<f64>() / films;
        let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / films).sqrt();
        if weight <= 0.0 || deviation <= f64::from(f32::EPSILON) {
            return 0.0;
        }
        let firing = values().zip(activations).map(|(value, &a)| value * f64::from(a)).sum::<f64>() / weight;
        let other = values().zip(activations).filter(|(_, a)| is_other(**a)).map(|(value, _)| value).sum::<f64>();
        (firing - other / others) / deviation
    };
    (0..concepts).map(of).collect()
}

/// The margin above which lie as many of `margins` as there are films on which the feature fires, no fewer than `fewest` and no
/// more than half; in the middle between two films.
#[must_use]
pub fn limit(margins: &[f32], firing: usize, fewest: usize) -> f32 {
    let mut sorted = margins.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let count = firing.max(fewest).min(sorted.len() / 2);
    match (count.checked_sub(1).and_then(|last| sorted.get(last)), sorted.get(count)) {
        (Some(last), Some(next)) => f32::midpoint(*last, *next),
        _ => f32::INFINITY,
    }
}

/// The best concept of a feature, if its films resemble any more than other films do.
#[must_use]
pub fn resemblance(sentences: &[Sentence], scores: &[f64], films: usize) -> Option<(usize, Resemblance)> {
    let mut order: Vec<usize> = (0..scores.len().min(sentences.len())).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let best = *order.first().filter(|&&best| scores[best] > 0.0)?;
    let next = order.get(1).map(|&next| (sentences[next].class.clone(), scores[next]));
    let Sentence { class, text } = sentences[best].clone();
    let found = Resemblance { class, sentence: text, neutral: NEUTRAL.into(), score: scores[best], next, films };
    Some((best, found))
}

/// A vocabulary read by a bundle's text tower, for the films of a store.
pub struct Words<'a> {
    engine: &'a Engine,
    store: &'a Store,
    sentences: Vec<Sentence>,
    texts: Vec<Vec<f32>>,
    neutral: Vec<f32>,
}

impl<'a> Words<'a> {
    /// Reads the sentences.
    ///
    /// # Errors
    /// When the bundle has no text tower, is not the store's, or its latents do not lead to the tower's space; when the store
    /// keeps no latents; when the device fails.
    pub fn new(engine: &'a Engine, store: &'a Store, vocabulary: &Vocabulary) -> Result<Self> {
        let manifest = engine.manifest();
        if manifest.encoding_hash() != store.info().bundle_hash {
            let reason = format!(
                "its features are those of bundle \"{}\", not of \"{}\"; name the bundle that encoded it with --bundle",
                store.info().bundle,
                manifest.name
            );
            return Err(Error::store(store.folder(), reason));
        }
        let sentences = sentences(vocabulary);
        let spoken: Vec<String> =
            sentences.iter().map(|sentence| sentence.text.clone()).chain([NEUTRAL.to_owned()]).collect();
        let mut texts = engine.text_embeddings(&spoken)?;
        let neutral = texts.pop().unwrap_or_default();
        if !store.info().latents {
            let reason =
                "it keeps no latents, by which films are held against words; encode again without --no-latents";
            return Err(Error::store(store.folder(), reason));
        }
        // Whether latents lead to the texts is asked of an empty one, before any long work.
        let shape = manifest.sae_latent();
        engine.latent_embeddings(vec![0.0; shape.tokens * shape.dim], 1)?;
        Ok(Self { engine, store, sentences, texts, neutral })
    }

    /// The concepts.
    #[must_use]
    pub fn sentences(&self) -> &[Sentence] {
        &self.sentences
    }

    /// [`margins`] of films of the store, none of which failed.
    ///
    /// # Errors
    /// When the store is damaged, the bundle's latents do not lead to the space of texts, the device fails, or the user asked
    /// to stop.
    pub fn margins(&self, films: &[u32], progress: &Progress<'_>) -> Result<Vec<Vec<f32>>> {
        let mut found = Vec::with_capacity(films.len());
        for batch in films.chunks(BATCH) {
            progress.step("holding films against words", found.len(), films.len())?;
            let mut latents = Vec::new();
            for &film in batch {
                let lacking = || Error::store(self.store.folder(), format!("film {film} has no latent; encode again"));
                latents.extend(self.store.latent(film)?.ok_or_else(lacking)?);
            }
            let places = self.engine.latent_embeddings(latents, batch.len())?;
            found.extend(places.iter().map(|place| margins(place, &self.texts, &self.neutral)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::labeler::chexpert;

    #[test]
    fn the_concept_that_sets_firing_films_apart_wins() {
        // The first concept is on every film, the second on those that fire, the third on none.
        let films: Vec<Vec<f32>> = (0..40)
            .map(|film| vec![0.5, if film < 10 { 0.3 } else { 0.1 + 0.001 * film as f32 }, -0.2 - 0.001 * film as f32])
            .collect();
        let rows: Vec<&[f32]> = films.iter().map(Vec::as_slice).collect();
        let activations: Vec<f32> = (0..40).map(|film| if film < 10 { 2.0 } else { 0.0 }).collect();
        let found = scores(&rows, &activations);
        assert_eq!(found[0], 0.0, "all films alike: {found:?}");
        assert!(found[1] > 1.5 && found[1] > found[2], "{found:?}");
        let sentences = sentences(&chexpert());
        assert_eq!(sentences[4].text, "chest x-ray with lung opacity");
        let (best, kept) = resemblance(&sentences[..3], &found, 10).expect("one stands out");
        assert_eq!((best, kept.class.as_str(), kept.films), (1, "Enlarged Cardiomediastinum", 10));
        assert!(resemblance(&sentences[..3], &[-1.0, 0.0, -0.5], 10).is_none());
        assert_eq!(scores(&rows, &[0.0; 40]), [0.0; 3]);
        assert!(scores(&[], &[]).is_empty());
    }

    #[test]
    fn a_feature_that_is_never_silent_is_held_against_all_films() {
        let films: Vec<[f32; 1]> = (0..20).map(|film| [film as f32]).collect();
        let rows: Vec<&[f32]> = films.iter().map(<[f32; 1]>::as_slice).collect();
        // Weighted mean (10 * 1 * 4.5 + 10 * 3 * 14.5) / 40 = 12, mean 9.5, standard deviation sqrt(33.25).
        let activations: Vec<f32> = (0..20).map(|film| if film < 10 { 1.0 } else { 3.0 }).collect();
        assert!((scores(&rows, &activations)[0] - 2.5 / 33.25_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn as_many_films_are_called_so_as_fire() {
        let margins: Vec<f32> = (0..30).map(|film| film as f32).collect();
        assert_eq!(limit(&margins, 12, 5), 17.5);
        assert_eq!(limit(&margins, 2, 5), 24.5);
        assert_eq!(limit(&margins, 29, 5), 14.5);
        assert!(limit(&margins[..1], 1, 1).is_infinite() && limit(&[], 1, 1).is_infinite());
    }

    #[test]
    fn margins_are_differences_of_cosines() {
        let found = margins(&[0.6, 0.8], &[vec![1.0, 0.0], vec![0.0, 1.0]], &[0.8, 0.6]);
        assert!((found[0] - (0.6 - 0.96)).abs() < 1e-6 && (found[1] - (0.8 - 0.96)).abs() < 1e-6);
    }
}
