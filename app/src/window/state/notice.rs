//! The notice that a film is of another kind than those that the bundle was trained on, and which were closed.

use std::collections::BTreeSet;

use fluoro_core::bundle::Mismatch;

/// Bundles whose notice was closed; it stays away until Fluoro ends.
#[derive(Debug, Default)]
pub struct Notices {
    closed: BTreeSet<String>,
}

impl Notices {
    /// Whether the user has not closed it yet.
    pub fn is_open(&self, mismatch: &Mismatch) -> bool {
        !self.closed.contains(&mismatch.bundle)
    }

    /// The user has read it.
    pub fn close(&mut self, mismatch: &Mismatch) {
        self.closed.insert(mismatch.bundle.clone());
    }
}

/// What the window says: the core's words, and which bundle fits.
pub fn words(mismatch: &Mismatch) -> String {
    match mismatch.proposal {
        Some(name) => format!("This bundle {}. Bundle {name} was trained on {}.", mismatch.reason(), mismatch.film),
        None => format!("This bundle {}. Its scores and features mean little here.", mismatch.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluoro_core::bundle::FilmKind;

    #[test]
    fn a_notice_that_was_closed_stays_away_from_its_bundle_alone() {
        let of = |bundle: &str, proposal| Mismatch { bundle: bundle.to_owned(), film: FilmKind::Patients, proposal };
        let (one, other) = (of("one", Some("nih-small")), of("other", None));
        let mut notices = Notices::default();
        notices.close(&one);
        assert!(!notices.is_open(&one) && notices.is_open(&other));
        assert_eq!(
            words(&one),
            "This bundle was trained on phantoms; this film is not one. Bundle nih-small was trained on films of patients."
        );
        assert!(words(&other).ends_with("mean little here."));
    }
}
