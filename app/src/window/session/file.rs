//! Session files: read and checked, hashed and written whole. All of it takes time and runs on threads of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fluoro_core::bundle::BundleSource;
use fluoro_core::export::atomic::write_atomic;
use fluoro_core::radiograph::Place;
use fluoro_core::{Error, Result, fingerprint};
use parking_lot::Mutex;
use serde::Deserialize;

use super::{ENDING, FilmEntry, FilmPlace, NEWEST, Session, whole};

/// Bytes of a session file at most; thousands of films with long histories need a few.
const LARGEST: u64 = 64 << 20;

/// Whether a path is called like a session.
pub fn is_session(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING)) && !path.is_dir()
}

/// Reads a session.
///
/// # Errors
/// When the file cannot be read, is no session, or is of a newer version.
pub fn read(path: &Path) -> Result<Session> {
    #[derive(Deserialize)]
    #[serde(rename = "Session")]
    struct VersionOnly {
        version: u32,
    }
    let invalid = |reason: String| Error::Invalid(format!("{reason}: {}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| invalid(format!("the session cannot be read ({e})")))?.len();
    if size > LARGEST {
        return Err(invalid(format!("a session of {} MB is too large", size >> 20)));
    }
    let text = std::fs::read_to_string(path).map_err(|e| invalid(format!("the session cannot be read ({e})")))?;
    let unreadable = |e: ron::error::SpannedError| invalid(format!("not a readable session ({e})"));
    let VersionOnly { version } = ron::from_str(&text).map_err(unreadable)?;
    if version > NEWEST {
        return Err(invalid(format!(
            "session version {version} is newer than this program reads ({NEWEST}); update Fluoro"
        )));
    }
    ron::from_str(&text).map_err(unreadable)
}

/// The bundle that a session wants, if it names one.
///
/// # Errors
/// As [`read`].
pub fn peek(path: &Path) -> Result<Option<BundleSource>> {
    Ok(read(path)?.bundle.map(|bundle| BundleSource::from(&bundle.place)))
}

/// Size and time of a file when it was hashed, and the hash.
type Known = (u64, Option<SystemTime>, String);

/// Hashes of files, each known until the file's size or time changes.
#[derive(Default)]
pub struct Hashes {
    known: Mutex<HashMap<PathBuf, Known>>,
}

impl Hashes {
    /// The hash of a file; the last one known where it cannot be read any more.
    pub fn of(&self, path: &Path) -> Option<String> {
        let now = std::fs::metadata(path).ok().map(|there| (there.len(), there.modified().ok()));
        if let Some((size, time, hash)) = self.known.lock().get(path)
            && now.is_none_or(|now| now == (*size, *time))
        {
            return Some(hash.clone());
        }
        let (size, time) = now?;
        let hash = fingerprint::of_file(path).ok()?;
        self.known.lock().insert(path.to_path_buf(), (size, time, hash.clone()));
        Some(hash)
    }

    /// A hash that a session brought along, for a file that is not there.
    pub fn remember(&self, path: &Path, hash: &str) {
        self.known.lock().entry(path.to_path_buf()).or_insert_with(|| (0, None, hash.to_owned()));
    }
}

/// Fills in what takes time to find out, and writes the session.
///
/// # Errors
/// When it cannot be written; an older file is then untouched.
pub fn write(path: &Path, session: Session, hashes: &Hashes) -> Result<()> {
    write_with(path, session, |film| hashes.of(film))
}

/// Writes the session at once, with the hashes that are known already.
///
/// # Errors
/// As [`write()`].
pub fn write_now(path: &Path, session: Session, hashes: &Hashes) -> Result<()> {
    write_with(path, session, |film| hashes.known.lock().get(film).map(|(_, _, hash)| hash.clone()))
}

fn write_with(path: &Path, mut session: Session, hash: impl Fn(&Path) -> Option<String>) -> Result<()> {
    let home = whole(path).parent().map(Path::to_path_buf);
    for film in &mut session.films {
        if let FilmPlace::File { path, beside } = &mut film.place {
            film.sha256 = hash(path);
            *beside = home.as_ref().and_then(|home| path.strip_prefix(home).ok()).map(Path::to_path_buf);
        }
    }
    let pretty = ron::ser::PrettyConfig::default().struct_names(true);
    let text = ron::ser::to_string_pretty(&session, pretty)
        .map_err(|e| Error::write(path, &std::io::Error::other(e.to_string())))?;
    write_atomic(path, |out| out.write_all(text.as_bytes()))
}

/// A session that was read, and how its films are.
pub struct Found {
    /// Where it was read.
    pub path: PathBuf,
    /// The session, with every film's path as it is now.
    pub session: Session,
    /// Films that are not there, by place.
    pub missing: Vec<usize>,
    /// Films whose bytes are others, by place.
    pub changed: Vec<usize>,
    /// Where each film stands in its study.
    pub places: Vec<Place>,
}

/// Reads a session and looks for its films: beside the session first, so that a folder that was moved with its session
/// opens, then where they were.
///
/// # Errors
/// As [`read`].
pub fn find(path: &Path, hashes: &Hashes) -> Result<Found> {
    let mut session = read(path)?;
    let home = whole(path).parent().map(Path::to_path_buf).unwrap_or_default();
    let (mut missing, mut changed) = (Vec::new(), Vec::new());
    for (index, film) in session.films.iter_mut().enumerate() {
        let FilmPlace::File { path, beside } = &mut film.place else { continue };
        let near = beside.as_ref().map(|beside| home.join(beside)).filter(|near| near.is_file());
        let is_same = |path: &Path| film.sha256.is_none() || hashes.of(path) == film.sha256;
        match near {
            Some(near) if is_same(&near) || !path.is_file() => *path = near,
            _ => {}
        }
        if !path.is_file() {
            missing.push(index);
            if let Some(hash) = &film.sha256 {
                hashes.remember(path, hash);
            }
        } else if film.sha256.is_some() && hashes.of(path) != film.sha256 {
            changed.push(index);
        }
    }
    let place = |film: &FilmEntry| match &film.place {
        FilmPlace::File { path, .. } => Place::of(path),
        FilmPlace::Sample(_) | FilmPlace::Gallery { .. } => Place::default(),
    };
    let places = session.films.iter().map(place).collect();
    Ok(Found { path: path.to_path_buf(), session, missing, changed, places })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session_of(path: &Path) -> Session {
        Session::of_place(FilmPlace::File { path: path.to_path_buf(), beside: None }, "a")
    }

    #[test]
    fn a_session_that_moved_with_its_films_opens_and_changes_are_told() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        std::fs::create_dir_all(old.join("films")).unwrap();
        std::fs::write(old.join("films/a.png"), "film").unwrap();
        let name = format!("s{ENDING}");
        write(&old.join(&name), session_of(&old.join("films/a.png")), &Hashes::default()).unwrap();
        let found = find(&old.join(&name), &Hashes::default()).unwrap();
        assert!(found.missing.is_empty() && found.changed.is_empty() && found.session.films[0].sha256.is_some());

        std::fs::rename(&old, &new).unwrap();
        let found = find(&new.join(&name), &Hashes::default()).unwrap();
        assert!(found.missing.is_empty() && found.changed.is_empty());
        let there = FilmPlace::File { path: new.join("films/a.png"), beside: Some("films/a.png".into()) };
        assert_eq!(found.session.films[0].place, there);

        std::fs::write(new.join("films/a.png"), "another").unwrap();
        assert_eq!(find(&new.join(&name), &Hashes::default()).unwrap().changed, [0]);
        std::fs::remove_dir_all(new.join("films")).unwrap();
        let hashes = Hashes::default();
        let found = find(&new.join(&name), &hashes).unwrap();
        assert_eq!(found.missing, [0]);
        // Saved again, the hash of the film that is not there is still known.
        write(&new.join(&name), found.session, &hashes).unwrap();
        assert!(read(&new.join(&name)).unwrap().films[0].sha256.is_some());
    }

    #[test]
    fn what_is_no_session_is_said_in_one_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(format!("s{ENDING}"));
        for (text, reason) in [
            ("", "not a readable session"),
            ("(version: 99, films: 3)", "update Fluoro"),
            ("(version: 1, films: 3)", "not a readable session"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\n'), "{error}");
        }
        // Fields that a later program leaves out, or adds, do not matter within one version.
        std::fs::write(&path, "(version: 1, hat: Some(\"red\"))").unwrap();
        assert!(read(&path).unwrap().films.is_empty());
        assert!(is_session(&path) && !is_session(home.path()) && !is_session(Path::new("bundle.ron")));
    }
}
