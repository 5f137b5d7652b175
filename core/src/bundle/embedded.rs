//! Bundles compiled into the binary, so that it works when copied alone to another machine.

use std::sync::OnceLock;

use super::{BundleFiles, BundleSource, FilmKind, load};

/// The bundle that reads films when none is named.
pub const DEFAULT: &str = "nih-small";
/// The bundle that opens when nothing at all is named: it brings its own films, and their truth is known.
pub const SHOWCASE: &str = "phantom";

/// One bundle: its folder under `models/`, and each of its files by its path inside it, such as `"gallery/01.png"`.
macro_rules! bundle {
    ($name:literal: $($file:literal),+ $(,)?) => {
        ($name, &[$(($file, include_bytes!(concat!("../../../models/", $name, "/", $file)))),+])
    };
}

type Files = &'static [(&'static str, &'static [u8])];

const BUNDLES: &[(&str, Files)] = &[
    bundle!("nih-small": "bundle.ron", "autoencoder.safetensors", "classifier.safetensors", "sae.safetensors"),
    bundle!(
        "phantom":
        "bundle.ron", "autoencoder.safetensors", "classifier.safetensors", "sae.safetensors", "probes.safetensors",
        "gallery/01.png", "gallery/02.png", "gallery/03.png", "gallery/04.png", "gallery/05.png", "gallery/06.png",
        "gallery/07.png", "gallery/08.png", "gallery/09.png", "gallery/10.png", "gallery/11.png", "gallery/12.png",
        "labels.ron",
    ),
];

/// Names of the embedded bundles, the default first.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = BUNDLES.iter().map(|(name, _)| *name).collect();
    names.sort_by_key(|name| *name != DEFAULT);
    names
}

/// An embedded bundle that was trained on films of a kind.
#[must_use]
pub fn trained_on(kind: FilmKind) -> Option<&'static str> {
    // The window asks in every frame; the manifests in the program do not change.
    static KINDS: OnceLock<Vec<(&'static str, FilmKind)>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let manifest = |name: &str| {
            BundleFiles::open(&BundleSource::Embedded(name.to_owned())).and_then(|files| load::manifest(&files))
        };
        names().into_iter().filter_map(|name| manifest(name).ok().map(|manifest| (name, manifest.films))).collect()
    });
    kinds.iter().find(|(_, known)| *known == kind).map(|(name, _)| *name)
}

/// One file of an embedded bundle.
pub(crate) fn file(bundle: &str, name: &str) -> Option<&'static [u8]> {
    let (_, files) = BUNDLES.iter().find(|(known, _)| *known == bundle)?;
    files.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
