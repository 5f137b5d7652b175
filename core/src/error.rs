//! The one error type of the engine. Every message says what went wrong, where, and what to do, in one line.

use std::path::{Path, PathBuf};

/// Result with the engine's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, one variant for each action that can fail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A film could not be read or is not a film.
    #[error("{reason}: {}", path.display())]
    Film {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A bundle could not be used.
    #[error("{reason}: {}", path.display())]
    Bundle {
        /// The bundle's folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A dataset's table or folder could not be used.
    #[error("{reason}: {}", path.display())]
    Dataset {
        /// The folder or table.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// An activation store could not be used.
    #[error("{reason}: {}", path.display())]
    Store {
        /// The store's folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// An output could not be written; nothing was left behind.
    #[error("cannot write ({reason}): {}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A published file could not be fetched.
    #[error("cannot download ({reason}): {url}")]
    Download {
        /// The address asked: the authors' host, or the mirror.
        url: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A name that the bundle does not know.
    #[error("unknown {kind} \"{name}\"; nearest: {}", nearest.join(", "))]
    Unknown {
        /// What kind of thing was named: label, feature, bundle.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The closest known names, best first.
        nearest: Vec<String>,
    },
    /// A value that makes no sense where it was given.
    #[error("{0}")]
    Invalid(String),
    /// Two things whose sizes do not fit together.
    #[error("{what} has the wrong size: expected {expected}, found {found}")]
    Shape {
        /// What was looked at.
        what: String,
        /// The size it needs.
        expected: String,
        /// The size it has.
        found: String,
    },
    /// The bundle lacks a part that the request needs.
    #[error("bundle \"{bundle}\" has no {part}, which {needed_for} needs; choose another with --bundle")]
    MissingPart {
        /// The bundle's name.
        bundle: String,
        /// The part: decoder, SAE, classifier.
        part: &'static str,
        /// What was asked for.
        needed_for: &'static str,
    },
    /// The compute device failed at start or during work.
    #[error("compute device {device} failed ({reason})")]
    Device {
        /// The device's name.
        device: String,
        /// What it said.
        reason: String,
    },
    /// The work was cancelled by the user or made stale by newer work.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// An [`Error::Film`].
    pub fn film(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Film { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An [`Error::Bundle`].
    pub fn bundle(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Bundle { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An [`Error::Dataset`].
    pub fn dataset(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Dataset { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An [`Error::Store`].
    pub fn store(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Store { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An [`Error::Download`].
    pub fn download(url: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Download { url: url.into(), reason: reason.into() }
    }

    /// An [`Error::Write`] from an I/O error, with advice for the common causes.
    pub fn write(path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.as_ref();
        let folder_exists = path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir());
        let advice = match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; choose a folder you may write to",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space or choose another disk",
            ErrorKind::NotFound if folder_exists => "; this folder takes no files, choose another",
            ErrorKind::NotFound => "; the folder does not exist",
            ErrorKind::NotADirectory => "; a file stands where its folder should be",
            _ => "",
        };
        // The system's own words, without the temporary name that tempfile puts behind them.
        let words = source.to_string();
        let words = words.split(" at path ").next().unwrap_or_default();
        Self::Write { path: path.to_path_buf(), reason: format!("{words}{advice}") }
    }

    /// An [`Error::Unknown`] with the names of `known` closest to `name`.
    pub fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let wanted = name.to_lowercase();
        let mut scored: Vec<(f64, &str)> =
            known.into_iter().map(|k| (strsim::jaro_winkler(&wanted, &k.to_lowercase()), k)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest = scored.into_iter().take(3).map(|(_, k)| k.to_owned()).collect();
        Self::Unknown { kind, name: name.to_owned(), nearest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_the_nearest_first() {
        let error = Error::unknown("label", "cardiomegly", ["Effusion", "Cardiomegaly", "Mass", "Hernia"]);
        assert!(error.to_string().starts_with("unknown label \"cardiomegly\"; nearest: Cardiomegaly,"), "{error}");
    }

    #[test]
    fn temporary_names_are_not_told() {
        let home = tempfile::tempdir().expect("folder");
        let failed = tempfile::Builder::new().tempfile_in(home.path().join("no")).expect_err("no folder");
        let text = Error::write(home.path().join("no/a.gif"), &failed).to_string();
        assert!(text.contains("the folder does not exist") && !text.contains("at path"), "{text}");
    }

    #[test]
    fn errors_cross_threads() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
    }
}
