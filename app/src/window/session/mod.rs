//! Sessions: what is open and how it looks, in one RON file that opens again.
//!
//! In: the application ([`capture`]) or a file ([`mod@file`]). Out: the other. [`open`] brings the application to where a
//! session was, and asks for what is missing; [`keeper`] keeps the running session, so that a crash does not lose it.
//! Films and weights stay where they are: a session names them, with the hashes of their bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::BundleSource;
use fluoro_core::engine::{Edit, RelativeEdit};
use poll_promise::Promise;
use serde::{Deserialize, Serialize};

use super::dock::Plan;
use super::light_box::Kept;
use super::state::features::FeatureSettings;
use super::state::findings::FindingSettings;
use super::state::problem::Problem;
use super::state::shift::Settings as ShiftSettings;

mod capture;
mod file;
pub mod keeper;
mod locate;
mod open;

pub use file::{Hashes, is_session, peek};

/// The newest version of the format.
pub const NEWEST: u32 = 1;
/// How the names of session files end.
pub const ENDING: &str = ".fluoro.ron";

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Version of the format.
    pub version: u32,
    /// Version of Fluoro that wrote it.
    pub fluoro: String,
    /// The bundle.
    pub bundle: Option<BundleEntry>,
    /// The films, in order.
    pub films: Vec<FilmEntry>,
    /// The film chosen.
    pub current: usize,
    /// The light box.
    pub view: Kept,
    /// Which features are listed, and how.
    pub features: FeatureSettings,
    /// Which findings are listed, and how.
    pub findings: FindingSettings,
    /// What the shift panel asks for.
    pub shift: ShiftSettings,
    /// The activation store, and the feature whose page is shown.
    pub store: Option<(PathBuf, u32)>,
    /// How the panels share the window.
    pub layout: Option<Plan>,
}

/// A bundle, by name or path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleEntry {
    /// Where it is.
    pub place: BundlePlace,
    /// SHA-256 over the hashes of the files that it computes with.
    #[serde(default)]
    pub sha256: String,
}

/// Where a bundle is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BundlePlace {
    /// In the program.
    BuiltIn(String),
    /// In a folder.
    Folder(PathBuf),
}

impl From<&BundleSource> for BundlePlace {
    fn from(source: &BundleSource) -> Self {
        match source {
            BundleSource::Embedded(name) => Self::BuiltIn(name.clone()),
            BundleSource::Folder(folder) => Self::Folder(whole(folder)),
        }
    }
}

impl From<&BundlePlace> for BundleSource {
    fn from(place: &BundlePlace) -> Self {
        match place {
            BundlePlace::BuiltIn(name) => Self::Embedded(name.clone()),
            BundlePlace::Folder(folder) => Self::Folder(folder.clone()),
        }
    }
}

/// A film and its edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilmEntry {
    /// Where it is.
    pub place: FilmPlace,
    /// What the list calls it.
    #[serde(default)]
    pub name: String,
    /// SHA-256 of a file's bytes; none for films of the program or a bundle, and for files that could not be read.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Its edit.
    #[serde(default)]
    pub edit: Edit,
    /// Edits that undo goes back to, oldest first.
    #[serde(default)]
    pub past: Vec<Edit>,
    /// Edits that redo goes on to, the next one last.
    #[serde(default)]
    pub undone: Vec<Edit>,
    /// Edits for all films that it gets once it is opened.
    #[serde(default)]
    pub waiting: Vec<RelativeEdit>,
}

/// Where a film is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FilmPlace {
    /// A file; `beside` is its path from the session's folder, where it lies in or below it.
    File {
        /// Its whole path.
        path: PathBuf,
        /// Its path from the session's folder.
        #[serde(default)]
        beside: Option<PathBuf>,
    },
    /// A sample film of the program.
    Sample(String),
    /// A film of a bundle's gallery.
    Gallery {
        /// The bundle.
        bundle: BundlePlace,
        /// The film's path inside it.
        file: String,
    },
}

/// A file of the session that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where it was.
    pub path: PathBuf,
    /// Its hash then.
    pub sha256: Option<String>,
}

/// What the application knows of its session.
#[derive(Default)]
pub struct SessionState {
    /// The file that Save writes to.
    pub file: Option<PathBuf>,
    /// The same of a window before, whose graphics device was lost.
    pub handed_file: Option<PathBuf>,
    /// Films that are not where they were.
    pub missing: Vec<Missing>,
    /// Hashes of files that were read.
    pub hashes: Arc<Hashes>,
    /// The running session, kept on disk.
    pub keeper: keeper::Keeper,
    saving: Option<Promise<Result<PathBuf, Problem>>>,
    opening: Option<Promise<Result<file::Found, Problem>>>,
    stage: Option<open::Stage>,
    locating: Option<Promise<locate::Answer>>,
}

impl SessionState {
    /// Whether a session is being opened or saved, or films are being looked for.
    pub fn is_busy(&self) -> bool {
        self.saving.is_some() || self.is_opening() || self.locating.is_some()
    }

    /// Whether films are being looked for.
    pub fn is_locating(&self) -> bool {
        self.locating.is_some()
    }

    /// Whether a session is being opened.
    pub fn is_opening(&self) -> bool {
        self.opening.is_some() || self.stage.is_some()
    }
}

/// A path that means the same from every folder.
fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
impl Session {
    /// A session of one film.
    fn of_place(place: FilmPlace, name: &str) -> Self {
        let film = FilmEntry {
            place,
            name: name.into(),
            sha256: None,
            edit: Edit::default(),
            past: Vec::new(),
            undone: Vec::new(),
            waiting: Vec::new(),
        };
        Self { version: NEWEST, films: vec![film], ..Self::default() }
    }
}
