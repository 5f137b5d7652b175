//! Where downloaded files lie and which host is asked: environment variables enter, a folder and an address leave.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Entry, RemoteFile};
use crate::error::{Error, Result};

/// Names the folder, in place of the usual one.
pub const FOLDER_VARIABLE: &str = "FLUORO_MODELS";
/// Names a host that stands in for all others: `http://host:port`.
pub const MIRROR_VARIABLE: &str = "FLUORO_MODELS_MIRROR";

/// The folder of this user: `$FLUORO_MODELS`, else `fluoro/models` where the platform keeps a program's data
/// (`$XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`, `%LOCALAPPDATA%`). It need not exist.
///
/// # Errors
/// When none of the variables is set.
pub fn default_folder() -> Result<PathBuf> {
    folder_from(|name| std::env::var_os(name))
}

/// [`default_folder`] with the environment as an argument.
pub(super) fn folder_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = path(FOLDER_VARIABLE) {
        return Ok(own);
    }
    let data = if cfg!(target_os = "windows") {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        path("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        // The base directory specification: a relative path is to be ignored.
        let own = path("XDG_DATA_HOME").filter(|path| path.is_absolute());
        own.or_else(|| path("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("fluoro").join("models")).ok_or_else(|| {
        Error::Invalid(format!("no home folder is known for downloaded models; set {FOLDER_VARIABLE} to a folder"))
    })
}

/// The mirror that the environment names.
///
/// # Errors
/// When it is not an address.
pub fn mirror() -> Result<Option<String>> {
    match std::env::var(MIRROR_VARIABLE) {
        Ok(mirror) if !mirror.is_empty() => checked_mirror(&mirror).map(Some),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(e) => Err(Error::Invalid(format!("{MIRROR_VARIABLE}: {e}"))),
    }
}

/// A mirror's address without its last slashes.
///
/// # Errors
/// When it does not begin with `http://` or `https://` and a host.
pub(super) fn checked_mirror(mirror: &str) -> Result<String> {
    let mirror = mirror.trim_end_matches('/');
    let host = mirror.strip_prefix("http://").or_else(|| mirror.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(mirror.to_owned()),
        _ => Err(Error::Invalid(format!("{MIRROR_VARIABLE} is \"{mirror}\", not an address such as http://host:port"))),
    }
}

/// The address to ask for a file: its own, or `MIRROR/HOST/PATH`.
pub(super) fn address(url: &str, mirror: Option<&str>) -> String {
    match (mirror, url.split_once("://")) {
        (Some(mirror), Some((_, rest))) => format!("{mirror}/{rest}"),
        _ => url.to_owned(),
    }
}

/// Where a file of an entry lies inside `folder`. Both names are constants of this program.
#[must_use]
pub fn place(folder: &Path, entry: &Entry, file: &RemoteFile) -> PathBuf {
    folder.join(entry.name).join(file.name)
}

/// Whether every file of an entry is in `folder`. Their content is not looked at.
#[must_use]
pub fn is_here(folder: &Path, entry: &Entry) -> bool {
    entry.files.iter().all(|file| place(folder, entry, file).is_file())
}
