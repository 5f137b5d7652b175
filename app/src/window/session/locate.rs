//! Films of a session that are not where they were: found again where the user points, by name and hash.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::radiograph::{Place, Study as FilmFiles};
use fluoro_core::worker::FilmSource;
use poll_promise::Promise;

use super::{Hashes, Missing};
use crate::window::app::App;
use crate::window::state::films::file_name;

impl App {
    /// The missing film to ask for: the one chosen, else the first.
    pub fn missing_film(&self) -> Option<&Missing> {
        let chosen = match self.study.film().map(|film| &film.source) {
            Some(FilmSource::File(path)) => self.session.missing.iter().find(|missing| missing.path == *path),
            _ => None,
        };
        chosen.or_else(|| self.session.missing.first())
    }

    /// The missing film is this file; others that are missing are looked for around it.
    pub fn locate_film(&mut self, file: PathBuf) {
        let Some(wanted) = self.missing_film().cloned() else { return };
        let rest = self.session.missing.iter().filter(|missing| missing.path != wanted.path).cloned().collect();
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        if self.session.is_locating() {
            let text = "Films are being looked for already. Choose again when that is done.";
            return self.toasts.warn("The film was not taken", text);
        }
        // It opens at once; its neighbours are looked for afterwards.
        let hashes = Arc::clone(&self.session.hashes);
        self.locate(move || Answer { found: vec![Located::new(&wanted, file, &hashes)], next: Some((folder, rest)) });
    }

    /// Looks for every missing film in a folder and below it.
    pub fn locate_folder(&mut self, folder: PathBuf) {
        let wanted = self.session.missing.clone();
        self.look_for(folder, wanted);
    }

    fn look_for(&mut self, folder: PathBuf, wanted: Vec<Missing>) {
        if wanted.is_empty() || self.session.is_locating() {
            return;
        }
        let hashes = Arc::clone(&self.session.hashes);
        self.locate(move || Answer { found: found(&folder, &wanted, &hashes), next: None });
    }

    fn locate(&mut self, work: impl FnOnce() -> Answer + Send + 'static) {
        let wake = self.ctx.clone();
        self.session.locating = Some(Promise::spawn_thread("fluoro-locate", move || {
            let answer = work();
            wake.request_repaint();
            answer
        }));
    }

    pub(super) fn take_located(&mut self) {
        match self.session.locating.take().map(Promise::try_take) {
            Some(Ok(Answer { found, next: Some((folder, rest)) })) => {
                self.take_found(found);
                self.look_for(folder, rest);
            }
            Some(Ok(Answer { found, next: None })) => {
                let left = self.session.missing.len() - found.len().min(self.session.missing.len());
                if found.is_empty() {
                    let text = "No file there has the name or the bytes of a missing film.";
                    self.toasts.warn("Nothing was found", text);
                } else {
                    let text = if left == 0 { "none is missing".to_owned() } else { format!("{left} still missing") };
                    self.toasts.news(self.now, format!("Found {}", films(found.len())), text);
                }
                self.take_found(found);
            }
            Some(Err(waiting)) => self.session.locating = Some(waiting),
            None => {}
        }
    }

    /// Points films to where they are now; edits stay. The chosen one is opened.
    fn take_found(&mut self, found: Vec<Located>) {
        let mut reopen = false;
        let changed: Vec<String> = found.iter().filter(|it| !it.is_same).map(|it| file_name(&it.file)).collect();
        for Located { wanted, file, place, .. } in found {
            self.session.missing.retain(|missing| missing.path != wanted);
            for (index, film) in self.study.films.iter_mut().enumerate() {
                if matches!(&film.source, FilmSource::File(path) if *path == wanted) {
                    (film.source, film.place) = (FilmSource::File(file.clone()), place.clone());
                    (film.problem, film.facts) = (None, None);
                    reopen |= index == self.study.current;
                }
            }
        }
        self.warn_of_changed(&changed);
        if reopen {
            self.show_film(self.study.current);
        }
    }
}

fn films(count: usize) -> String {
    if count == 1 { "1 film".to_owned() } else { format!("{count} films") }
}

/// What a search found, and where the next one goes.
pub(super) struct Answer {
    found: Vec<Located>,
    next: Option<(PathBuf, Vec<Missing>)>,
}

/// A film that was missing.
pub(super) struct Located {
    /// Where the session has it.
    wanted: PathBuf,
    /// Where it is.
    file: PathBuf,
    /// Where it stands in its study.
    place: Place,
    /// Its bytes are those that the session was saved with, as far as is known.
    is_same: bool,
}

impl Located {
    fn new(missing: &Missing, file: PathBuf, hashes: &Hashes) -> Self {
        let is_same = missing.sha256.is_none() || hashes.of(&file) == missing.sha256;
        Self { wanted: missing.path.clone(), place: Place::of(&file), file, is_same }
    }
}

/// Where missing films are now. Names are tried first: hashing a whole archive would take hours.
fn found(folder: &Path, wanted: &[Missing], hashes: &Hashes) -> Vec<Located> {
    let files = FilmFiles::open(&[folder.to_path_buf()]).map(|study| study.films).unwrap_or_default();
    let mut by_name: HashMap<String, Vec<&PathBuf>> = HashMap::new();
    files.iter().for_each(|file| by_name.entry(file_name(file)).or_default().push(file));
    let of_missing = |missing: &Missing| {
        let same_name = by_name.get(&file_name(&missing.path)).map(Vec::as_slice).unwrap_or_default();
        let same_bytes = |file: &&&PathBuf| missing.sha256.is_some() && hashes.of(file) == missing.sha256;
        // Where there is one file of the name, it is the film, even if it was written anew: that is told when it opens.
        let only = if let [only] = same_name { Some(only) } else { None };
        let renamed = || files.iter().filter(|_| files.len() <= 200).find(|file| same_bytes(&file));
        let file = same_name.iter().find(same_bytes).or(only).copied().or_else(renamed)?;
        Some(Located::new(missing, file.clone(), hashes))
    };
    wanted.iter().filter_map(of_missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluoro_core::fingerprint;

    #[test]
    fn films_are_found_by_name_and_told_apart_by_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let film = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let (right, _wrong) = (film("x/a.png", "right"), film("y/a.png", "wrong"));
        let (only, renamed) = (film("b.png", "new bytes"), film("other.png", "renamed"));
        let missing = |name: &str, of: Option<&Path>| Missing {
            path: Path::new("/gone").join(name),
            sha256: of.map(|of| fingerprint::of_file(of).unwrap()),
        };
        let wanted = [
            missing("a.png", Some(&right)),
            missing("b.png", Some(&right)),
            missing("c.png", Some(&renamed)),
            missing("d.png", None),
        ];
        let found = found(folder.path(), &wanted, &Hashes::default());
        let places: Vec<(PathBuf, bool)> = found.into_iter().map(|it| (it.file, it.is_same)).collect();
        assert_eq!(places, [(right, true), (only, false), (renamed, true)]);
    }
}
