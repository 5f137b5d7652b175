//! What films a bundle was trained on, and whether a film is one of those. Phantoms look like films of patients, so a
//! model of one kind answers for the other as if nothing were wrong; this is what tells the reader.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Manifest, embedded};
use crate::radiograph::Radiograph;

/// A kind of films.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FilmKind {
    /// Films of patients, and everything else that is not marked as a phantom.
    #[default]
    Patients,
    /// Synthetic films that Fluoro made.
    Phantoms,
}

impl FilmKind {
    /// What a film is.
    #[must_use]
    pub fn of(film: &Radiograph) -> Self {
        if film.is_phantom() { Self::Phantoms } else { Self::Patients }
    }

    /// One word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Patients => "patients",
            Self::Phantoms => "phantoms",
        }
    }
}

impl fmt::Display for FilmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patients => "films of patients",
            Self::Phantoms => "phantoms",
        })
    }
}

/// A film of another kind than those that a bundle was trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The bundle's name.
    pub bundle: String,
    /// What the film is; the bundle was trained on the other kind.
    pub film: FilmKind,
    /// A built-in bundle that was trained on films like this one.
    pub proposal: Option<&'static str>,
}

impl Mismatch {
    /// What does not fit, to follow the bundle's name.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.film {
            FilmKind::Patients => "was trained on phantoms; this film is not one",
            FilmKind::Phantoms => "was trained on films of patients; this film is a phantom",
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bundle {} {}", self.bundle, self.reason())
    }
}

impl Manifest {
    /// Whether a film is of another kind than those that the bundle was trained on.
    #[must_use]
    pub fn mismatch(&self, film: &Radiograph) -> Option<Mismatch> {
        let film = FilmKind::of(film);
        (film != self.films).then(|| Mismatch { bundle: self.name.clone(), film, proposal: embedded::trained_on(film) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{BundleFiles, BundleSource, load};
    use crate::samples;

    #[test]
    fn a_film_of_the_other_kind_is_told_and_a_fitting_bundle_proposed() {
        let source = BundleSource::Embedded("nih-small".into());
        let mut manifest =
            BundleFiles::open(&source).and_then(|files| load::manifest(&files)).expect("nih-small opens");
        assert_eq!(manifest.films, FilmKind::Patients);
        let mut film = samples::open(samples::names().next().expect("a sample")).expect("the sample opens");
        assert_eq!(manifest.mismatch(&film), None);

        film.metadata.software = Some("fluoro phantom 0.1.0; seed 7; film 12".into());
        let told = manifest.mismatch(&film).expect("a phantom is no patient");
        assert_eq!(told.to_string(), "bundle nih-small was trained on films of patients; this film is a phantom");
        assert_eq!(told.proposal, embedded::trained_on(FilmKind::Phantoms));

        (manifest.films, manifest.name) = (FilmKind::Phantoms, "other".into());
        assert_eq!(manifest.mismatch(&film), None);
        film.metadata.software = Some("GIMP".into());
        let told = manifest.mismatch(&film).expect("a film that is no phantom");
        assert_eq!(told.to_string(), "bundle other was trained on phantoms; this film is not one");
        assert_eq!(told.proposal, Some("nih-small"));
    }
}
