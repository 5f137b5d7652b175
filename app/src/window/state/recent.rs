//! Films and folders opened lately, kept in the user's state folder: paths only, in a file that the menu can clear.

use std::path::{Path, PathBuf};

/// Entries kept.
const MOST: usize = 10;
const FILE: &str = "recent.ron";

/// The list, newest first.
#[derive(Default)]
pub struct Recent {
    paths: Vec<PathBuf>,
    file: Option<PathBuf>,
}

impl Recent {
    /// Where the running session is kept.
    pub fn state_folder() -> Option<PathBuf> {
        state_folder().map(|folder| folder.join("fluoro").join("sessions"))
    }

    /// Reads the list; a missing or damaged one is empty.
    pub fn load() -> Self {
        let Some(file) = state_folder().map(|folder| folder.join("fluoro").join(FILE)) else { return Self::default() };
        Self::at(file)
    }

    fn at(file: PathBuf) -> Self {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let paths = ron::from_str(&text).unwrap_or_default();
        Self { paths, file: Some(file) }
    }

    /// Newest first.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// A path was opened.
    pub fn add(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.paths.retain(|known| *known != path);
        self.paths.insert(0, path);
        self.paths.truncate(MOST);
        self.save();
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.paths.clear();
        self.save();
    }

    fn save(&self) {
        let Some(file) = &self.file else { return };
        let written = ron::to_string(&self.paths).map_err(std::io::Error::other).and_then(|text| {
            file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(file, text)
        });
        // A list of conveniences is not worth a message.
        if let Err(error) = written {
            tracing::debug!(%error, "recent files were not kept");
        }
    }
}

pub(super) fn state_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "windows") {
        std::env::var_os("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        let own = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| home().map(|home| home.join(".local/state")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_once_and_survives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join(FILE);
        let mut recent = Recent::at(file.clone());
        for name in ["/a", "/b", "/a"] {
            recent.add(Path::new(name));
        }
        let again = Recent::at(file.clone());
        assert_eq!(again.paths(), [Path::new("/a"), Path::new("/b")]);
        std::fs::write(&file, "not ron").unwrap();
        assert!(Recent::at(file).paths().is_empty());
    }
}
