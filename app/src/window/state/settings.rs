//! What the user set for good, kept in the configuration folder. In: a RON file, perhaps damaged. Out: settings, and the
//! file written anew whenever they change. A file that cannot be read is put aside, never overwritten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fluoro_core::export::atomic::write_atomic;
use poll_promise::Promise;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::window::dock::Plan;
use crate::window::light_box::LeftHand;

/// The newest version of the file that this program writes.
pub const NEWEST: u32 = 1;
/// Interface scales that can be reached, in shares of the usual size.
pub const SCALES: [f32; 2] = [0.5, 3.0];
const FILE: &str = "settings.ron";

/// The settings. Patients' names are hidden at every start, whatever was chosen before: that is not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Version of the file.
    pub version: u32,
    /// Light panels.
    pub light: bool,
    /// Size of the interface, 1 the usual.
    pub scale: f32,
    /// What a drag with the left button does on a film.
    pub left_drag: LeftHand,
    /// Keys of the user's own, by a command's name, such as `"Invert": ["Ctrl+I"]`; an empty list is no key.
    pub keys: BTreeMap<String, Vec<String>>,
    /// How the panels share the window; the usual way when none.
    pub layout: Option<Plan>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: NEWEST,
            light: false,
            scale: 1.0,
            left_drag: LeftHand::default(),
            keys: BTreeMap::new(),
            layout: None,
        }
    }
}

/// The settings and their file.
#[derive(Default)]
pub struct SettingsFile {
    /// As they are now.
    pub now: Settings,
    written: Settings,
    file: Option<PathBuf>,
    writing: Option<Promise<Result<(), Problem>>>,
}

impl SettingsFile {
    /// Reads the file of this user, and says what was wrong with it.
    pub fn load() -> (Self, Option<Problem>) {
        match config_folder() {
            Some(folder) => Self::at(folder.join("fluoro").join(FILE)),
            None => (Self::default(), None),
        }
    }

    /// Reads a file, and says what was wrong with it.
    pub fn at(file: PathBuf) -> (Self, Option<Problem>) {
        let (now, problem) = match std::fs::read_to_string(&file) {
            Ok(text) => match parse(&text) {
                Ok(settings) => (settings, None),
                Err(why) => (Settings::default(), Some(put_aside(&file, &why))),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Settings::default(), None),
            Err(error) => (Settings::default(), Some(put_aside(&file, &error.to_string()))),
        };
        (Self { written: now.clone(), now, file: Some(file), writing: None }, problem)
    }

    /// Writes the file where something changed, on a thread of its own; why the last time failed.
    pub fn keep(&mut self) -> Option<Problem> {
        let problem = match self.writing.take().map(Promise::try_take) {
            Some(Ok(outcome)) => outcome.err(),
            Some(Err(waiting)) => {
                self.writing = Some(waiting);
                return None;
            }
            None => None,
        };
        let Some(file) = self.file.clone().filter(|_| self.now != self.written) else { return problem };
        self.written = self.now.clone();
        let settings = self.now.clone();
        self.writing = Some(Promise::spawn_thread("fluoro-settings", move || write(&file, &settings)));
        problem
    }

    /// Waits for the file, and writes what was changed since.
    pub fn finish(&mut self) {
        if let Some(writing) = self.writing.take() {
            let _told_at_the_next_start = writing.block_and_take();
        }
        if let Some(file) = self.file.as_ref().filter(|_| self.now != self.written)
            && let Err(problem) = write(file, &self.now)
        {
            tracing::warn!(why = problem.why, "settings were not kept");
        }
    }
}

fn parse(text: &str) -> Result<Settings, String> {
    let settings: Settings = ron::from_str(text).map_err(|e| e.to_string())?;
    if settings.version > NEWEST {
        return Err(format!("it is of version {}, and this program reads {NEWEST}", settings.version));
    }
    if !settings.scale.is_finite() {
        return Err("the scale is no number".to_owned());
    }
    Ok(Settings { scale: settings.scale.clamp(SCALES[0], SCALES[1]), ..settings })
}

fn write(file: &Path, settings: &Settings) -> Result<(), Problem> {
    let why = |reason: String| Problem {
        what: "Settings were not kept".to_owned(),
        why: format!("{reason}: {}", file.display()),
        todo: "They hold until Fluoro ends. Check the folder's rights and the disk's space.".to_owned(),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| why(e.to_string()))?;
    }
    let pretty = ron::ser::PrettyConfig::default();
    let text = ron::ser::to_string_pretty(settings, pretty).map_err(|e| why(e.to_string()))?;
    write_atomic(file, |out| out.write_all(text.as_bytes())).map_err(|e| why(e.to_string()))
}

/// Renames a file that cannot be read, so that writing settings does not lose it.
fn put_aside(file: &Path, why: &str) -> Problem {
    let free = (1..1000).map(|i| file.with_extension(format!("damaged-{i}.ron"))).find(|path| !path.exists());
    let moved = free.filter(|path| std::fs::rename(file, path).is_ok());
    let todo = match moved {
        Some(path) => format!("Fluoro starts with the usual settings. The file was kept as {}.", path.display()),
        None => "Fluoro starts with the usual settings.".to_owned(),
    };
    Problem { what: "The settings could not be read".to_owned(), why: format!("{why}: {}", file.display()), todo }
}

fn config_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "windows") {
        std::env::var_os("APPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        let own = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| home().map(|home| home.join(".config")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_and_a_damaged_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join(FILE);
        let (mut settings, problem) = SettingsFile::at(file.clone());
        assert!(problem.is_none() && settings.now == Settings::default());
        (settings.now.light, settings.now.scale) = (true, 1.5);
        settings.now.keys.insert("Invert".into(), vec!["Ctrl+I".into()]);
        settings.finish();
        let (again, problem) = SettingsFile::at(file.clone());
        assert!(problem.is_none() && again.now == settings.now);

        for damaged in ["not ron", "(version: 99)", "(scale: \"wide\")"] {
            std::fs::write(&file, damaged).unwrap();
            let (usual, problem) = SettingsFile::at(file.clone());
            assert!(problem.is_some_and(|problem| problem.todo.contains("damaged-")) && !file.exists(), "{damaged}");
            assert_eq!(usual.now, Settings::default());
        }
        let kept = std::fs::read_to_string(file.with_extension("damaged-1.ron")).unwrap();
        assert_eq!(kept, "not ron");
        assert!(file.with_extension("damaged-3.ron").exists(), "each is kept");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fluoro"), "a file").unwrap();
        let (mut settings, _) = SettingsFile::at(folder.path().join("fluoro").join(FILE));
        settings.now.light = true;
        assert!(settings.keep().is_none());
        while settings.writing.as_ref().is_some_and(|writing| writing.ready().is_none()) {
            std::thread::yield_now();
        }
        assert!(settings.keep().is_some_and(|problem| problem.what.contains("not kept")));
    }
}
