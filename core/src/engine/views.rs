//! What each part of a bundle is fed of a film, and how much of the film that is.

use super::Engine;
use crate::bundle::Manifest;
use crate::plane::Plane;
use crate::preprocess::{CutOff, Preprocess, SeenRegion};
use crate::radiograph::Radiograph;

/// A film as each part of a bundle is fed it, in grey levels; a part without an own picture is fed the frame.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// As the decoder draws frames, and the window shows the film beside them.
    pub frame: Plane,
    /// What the encoder sees.
    pub encoder: Option<Plane>,
    /// What the classifier sees.
    pub classifier: Option<Plane>,
    /// What the encoder sees whose latent the SAE reads, where that is not the decoder's.
    pub sae_encoder: Option<Plane>,
}

/// What some parts of a bundle see of a film.
#[derive(Clone, Debug)]
pub struct View {
    /// The parts: encoder, classifier, encoder of the SAE.
    pub parts: Vec<&'static str>,
    /// Their input, grey levels -1024 to 1024.
    pub input: Plane,
    /// Where on the film it is.
    pub seen: SeenRegion,
}

impl Manifest {
    /// How a film is prepared for each part that reads films, parts of one preparation together.
    #[must_use]
    pub fn preparations(&self) -> Vec<(Vec<&'static str>, &Preprocess)> {
        let encoder = self.encoder.as_ref().map(|_| ("encoder", self.encoder_input()));
        let classifier = self.classifier.as_ref();
        let classifier = classifier.map(|part| ("classifier", part.preprocess.as_ref().unwrap_or(&self.preprocess)));
        let of_sae = self.sae_encoder.as_ref().map(|part| ("encoder of the SAE", &part.preprocess));
        let mut prepared: Vec<(Vec<&'static str>, &Preprocess)> = Vec::new();
        for (part, how) in [encoder, classifier, of_sae].into_iter().flatten() {
            match prepared.iter_mut().find(|(_, known)| *known == how) {
                Some((parts, _)) => parts.push(part),
                None => prepared.push((vec![part], how)),
            }
        }
        prepared
    }

    /// What the parts of the bundle see of a film, each different input once.
    #[must_use]
    pub fn views(&self, film: &Radiograph) -> Vec<View> {
        let (width, height) = (film.pixels.width(), film.pixels.height());
        let view = |(parts, how): (Vec<&'static str>, &Preprocess)| View {
            parts,
            input: how.apply(film),
            seen: how.seen(width, height),
        };
        self.preparations().into_iter().map(view).collect()
    }

    /// The part of the bundle that sees least of a film of this size, and what is cut off; none where all of it is seen.
    #[must_use]
    pub fn cut_off(&self, width: usize, height: usize) -> Option<(&'static str, CutOff)> {
        let cuts = self.preparations().into_iter().filter_map(|(parts, how)| {
            Some((parts.first().copied().unwrap_or_default(), how.seen(width, height).cut()?))
        });
        cuts.max_by(|(_, a), (_, b)| a.share.total_cmp(&b.share))
    }
}

impl Engine {
    /// What each part of the bundle is fed of a film.
    #[must_use]
    pub fn inputs(&self, film: &Radiograph) -> Inputs {
        let manifest = &self.bundle.manifest;
        let own = |how: Option<&Preprocess>| how.map(|how| how.apply(film));
        Inputs {
            frame: manifest.preprocess.apply(film),
            encoder: own(manifest.encoder_preprocess.as_ref()),
            classifier: own(manifest.classifier.as_ref().and_then(|part| part.preprocess.as_ref())),
            sae_encoder: own(manifest.sae_encoder.as_ref().map(|part| &part.preprocess)),
        }
    }
}
