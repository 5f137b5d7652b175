//! Bundles compiled into the binary, so that it works when copied alone to another machine.

/// The bundle that opens when none is named.
pub const DEFAULT: &str = "nih-small";

macro_rules! bundle {
    ($name:literal: $($file:literal),+ $(,)?) => {
        ($name, &[$(($file, include_bytes!(concat!("../../../models/", $name, "/", $file)))),+])
    };
}

type Files = &'static [(&'static str, &'static [u8])];

const BUNDLES: &[(&str, Files)] =
    &[bundle!("nih-small": "bundle.ron", "autoencoder.safetensors", "classifier.safetensors", "sae.safetensors")];

/// Names of the embedded bundles.
#[must_use]
pub fn names() -> Vec<&'static str> {
    BUNDLES.iter().map(|(name, _)| *name).collect()
}

/// One file of an embedded bundle.
pub(super) fn file(bundle: &str, name: &str) -> Option<&'static [u8]> {
    let (_, files) = BUNDLES.iter().find(|(known, _)| *known == bundle)?;
    files.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
