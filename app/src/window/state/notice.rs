//! Notices about the film on the light box: it is of another kind than those that the bundle was trained on, or the bundle
//! does not see all of it. And which of them were closed.

use std::collections::BTreeSet;

use fluoro_core::bundle::Mismatch;
use fluoro_core::preprocess::CutOff;

/// What the reader should know of film and bundle together.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The film is of another kind than those that the bundle was trained on.
    Kind(Mismatch),
    /// A part of the film does not reach the model: the bundle, its part, and what is cut off.
    Cut(String, &'static str, CutOff),
}

impl Notice {
    /// What it is closed as: the same notice of the same bundle.
    fn key(&self) -> (String, bool) {
        match self {
            Self::Kind(mismatch) => (mismatch.bundle.clone(), true),
            Self::Cut(bundle, ..) => (bundle.clone(), false),
        }
    }

    /// A built-in bundle that fits the film better.
    pub fn proposal(&self) -> Option<&'static str> {
        match self {
            Self::Kind(mismatch) => mismatch.proposal,
            Self::Cut(..) => None,
        }
    }
}

/// Notices that were closed; they stay away until Fluoro ends.
#[derive(Debug, Default)]
pub struct Notices {
    closed: BTreeSet<(String, bool)>,
}

impl Notices {
    /// Whether the user has not closed it yet.
    pub fn is_open(&self, notice: &Notice) -> bool {
        !self.closed.contains(&notice.key())
    }

    /// The user has read it.
    pub fn close(&mut self, notice: &Notice) {
        self.closed.insert(notice.key());
    }
}

/// What the window says: the core's words, and which bundle fits.
pub fn words(notice: &Notice) -> String {
    match notice {
        Notice::Kind(mismatch) => match mismatch.proposal {
            Some(name) => format!("This bundle {}. Bundle {name} was trained on {}.", mismatch.reason(), mismatch.film),
            None => format!("This bundle {}. Its scores and features mean little here.", mismatch.reason()),
        },
        Notice::Cut(_, part, cut) => {
            format!("The {part} of this bundle does not see the film's edge: {cut}. Markers there do not reach it.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluoro_core::bundle::FilmKind;

    #[test]
    fn a_notice_that_was_closed_stays_away_from_its_bundle_alone() {
        let of = |bundle: &str, proposal| {
            Notice::Kind(Mismatch { bundle: bundle.to_owned(), film: FilmKind::Patients, proposal })
        };
        let (one, other) = (of("one", Some("nih-small")), of("other", None));
        let mut notices = Notices::default();
        notices.close(&one);
        assert!(!notices.is_open(&one) && notices.is_open(&other));
        assert_eq!(
            words(&one),
            "This bundle was trained on phantoms; this film is not one. Bundle nih-small was trained on films of patients."
        );
        assert!(words(&other).ends_with("mean little here."));
        let cut = CutOff { left: 60.0, top: 0.0, right: 61.0, bottom: 0.0, share: 0.12 };
        let cut = Notice::Cut("one".into(), "encoder", cut);
        assert!(notices.is_open(&cut), "another notice of the same bundle");
        assert!(words(&cut).contains("60 pixels left, 61 right (12 % of the film)"), "{}", words(&cut));
    }
}
