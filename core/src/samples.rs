//! Sample films compiled into the binary: drawn by us, not patients, for a newcomer without data.

use std::path::Path;

use crate::error::{Error, Result};
use crate::radiograph::Radiograph;

const FILMS: &[(&str, &[u8])] = &[
    ("drawn_large_heart_pa.png", include_bytes!("../../assets/films/drawn_large_heart_pa.png")),
    ("drawn_normal_pa.png", include_bytes!("../../assets/films/drawn_normal_pa.png")),
    ("drawn_portable_ap.png", include_bytes!("../../assets/films/drawn_portable_ap.png")),
    ("drawn_effusion_pa.png", include_bytes!("../../assets/films/drawn_effusion_pa.png")),
];

/// Names of the sample films; the first is the one a newcomer sees first.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILMS.iter().map(|(name, _)| *name)
}

/// Opens a sample film.
///
/// # Errors
/// When there is none of that name.
pub fn open(name: &str) -> Result<Radiograph> {
    Radiograph::from_bytes(Path::new(name), bytes(name)?)
}

/// The PNG file of a sample film.
///
/// # Errors
/// When there is none of that name.
pub fn bytes(name: &str) -> Result<&'static [u8]> {
    let found = FILMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, bytes)| *bytes).ok_or_else(|| Error::unknown("sample film", name, names()))
}
