//! The recipe beside every export: enough to make the same bytes again.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::atomic::Staged;
use super::look::Look;
use crate::attribution::AttributionRequest;
use crate::engine::{Edit, Engine, RelativeEdit};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::segmentation::Threshold;
use crate::shift::{ShiftRequest, Target};

/// What was made, from what, with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Version of Fluoro.
    pub fluoro: String,
    /// File name of the film, without its folder; empty beside an output that names nobody.
    pub film: String,
    /// SHA-256 of the model input that the film became.
    pub input_sha256: String,
    /// Bundle name.
    pub bundle: String,
    /// SHA-256 over the hashes of the bundle's weight files.
    pub bundle_sha256: String,
    /// Device that computed; another one may differ in the last digits.
    pub device: String,
    /// What was changed, by name: indices alone would mean something else in another bundle.
    pub target: String,
    /// What was done.
    pub action: Action,
    /// Always the same sentence.
    pub notice: String,
}

/// What an export shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// A shift.
    Shift {
        /// What was asked for.
        request: ShiftRequest,
        /// How a moving picture of it looks.
        #[serde(default)]
        look: Look,
    },
    /// An edit.
    Edit(Edit),
    /// An edit for any film, relative to its own activations; the recipe names no film.
    Relative(RelativeEdit),
    /// Attribution maps side by side.
    Attribute(Vec<AttributionRequest>),
    /// A mask of where a shift changed the film.
    Segment {
        /// What was asked for.
        request: ShiftRequest,
        /// Which part of the shift's map is the mask.
        threshold: Threshold,
    },
}

impl Recipe {
    /// A recipe for something made from `input` by `engine`.
    #[must_use]
    pub fn new(engine: &Engine, film: &Path, input: &Plane, action: Action) -> Self {
        Self::from_parts(engine.manifest(), engine.device().name(), film, input, action)
    }

    /// A recipe from what a window knows.
    #[must_use]
    pub fn from_parts(
        manifest: &crate::bundle::Manifest,
        device: &str,
        film: &Path,
        input: &Plane,
        action: Action,
    ) -> Self {
        let pixels: Vec<u8> = input.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        // The films of its gallery are no part of what the bundle computes.
        let computes = |name: &String| !manifest.gallery.iter().any(|film| film.file == *name);
        let weights = manifest.files.iter().filter(|(name, _)| computes(name));
        let bundle: String = weights.map(|(name, hash)| format!("{name} {hash}\n")).collect();
        Self {
            fluoro: env!("CARGO_PKG_VERSION").to_owned(),
            film: film.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            input_sha256: sha256(&pixels),
            bundle: manifest.name.clone(),
            bundle_sha256: sha256(bundle.as_bytes()),
            device: device.to_owned(),
            target: target_name(manifest, &action),
            action,
            notice: super::COMMENT.to_owned(),
        }
    }

    /// A recipe of an edit for any film.
    #[must_use]
    pub fn of_relative(manifest: &crate::bundle::Manifest, device: &str, edit: RelativeEdit) -> Self {
        let nothing = Plane::filled(1, 1, 0.0);
        let recipe = Self::from_parts(manifest, device, Path::new(""), &nothing, Action::Relative(edit));
        Self { input_sha256: String::new(), ..recipe }
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// When it cannot be read or is no recipe.
    pub fn read(path: &Path) -> Result<Self> {
        let invalid = |reason: String| Error::Invalid(format!("{reason}: {}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| invalid(format!("cannot read the recipe ({e})")))?;
        ron::from_str(&text).map_err(|e| invalid(format!("not a Fluoro recipe ({e})")))
    }

    /// Writes the recipe out of sight; [`Staged::finish`] puts it at `path`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn stage(&self, path: &Path) -> Result<Staged> {
        let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .map_err(|e| Error::Invalid(format!("the recipe cannot be written ({e})")))?;
        Staged::new(path, |out| out.write_all(text.as_bytes()))
    }

    /// Writes the recipe.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.stage(path)?.finish()
    }

    /// What differs between this recipe's origins and another's, in words; empty when the same bytes must come out.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        // An edit for any film promises no bytes, and refuses a bundle in which it means nothing.
        if [self, other].iter().any(|recipe| matches!(recipe.action, Action::Relative(_))) {
            return Vec::new();
        }
        let mut differences = Vec::new();
        for (what, a, b) in [
            ("film pixels", &self.input_sha256, &other.input_sha256),
            ("bundle", &self.bundle_sha256, &other.bundle_sha256),
            ("target", &self.target, &other.target),
            ("device", &self.device, &other.device),
            ("Fluoro version", &self.fluoro, &other.fluoro),
        ] {
            if a != b {
                differences.push(format!("{what} differs from the recipe ({a}, now {b})"));
            }
        }
        differences
    }
}

/// The labels and features that an action names, in words.
fn target_name(manifest: &crate::bundle::Manifest, action: &Action) -> String {
    let label = |index: usize| {
        let part = manifest.classifier.as_ref();
        part.and_then(|part| part.labels.get(index)).map_or_else(|| format!("label {index}"), |l| l.name.clone())
    };
    match action {
        Action::Shift { request, .. } | Action::Segment { request, .. } => match request.target {
            Target::Label(index) => label(index),
            Target::Feature(index) => format!("feature:{index}"),
            Target::Probe(index) => {
                format!("probe:{}", manifest.probes.get(index).map_or("?", |probe| probe.name.as_str()))
            }
            Target::Text(concept) => format!("text:{concept}"),
        },
        Action::Attribute(requests) => requests.first().map_or_else(String::new, |request| label(request.label)),
        Action::Relative(edit) => edit.words(),
        Action::Edit(edit) => {
            let features = edit.features.keys().map(|index| format!("feature:{index}"));
            let names: Vec<String> = features.chain(edit.findings.keys().map(|&index| label(index))).collect();
            names.join(", ")
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
