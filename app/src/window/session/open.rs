//! Saving the session, and bringing the application to where one was: first its bundle, then its films with their edits,
//! then the view, each once the one before is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::BundleSource;
use fluoro_core::fingerprint;
use fluoro_core::worker::FilmSource;
use poll_promise::Promise;

use super::file::{self, Found};
use super::{ENDING, FilmEntry, FilmPlace, Missing};
use crate::window::app::App;
use crate::window::dialogs::Purpose;
use crate::window::dock::Plan;
use crate::window::light_box::Kept;
use crate::window::state::edits::History;
use crate::window::state::films::{Film, Study, file_name};
use crate::window::state::problem::Problem;
use crate::window::state::steps::Steps;

/// Names that a message tells.
const MOST_NAMES: usize = 5;

/// How far the opening of a session is.
pub enum Stage {
    /// Its bundle is being opened.
    Bundle(Box<Found>),
    /// Its films are listed, and one of them is being opened; the view waits for it.
    Film(Box<Kept>, Option<Plan>),
}

impl App {
    /// Saves the session where it was saved or opened before, else asks where.
    pub fn save_session(&mut self) {
        match self.session.file.clone() {
            Some(path) => self.save_session_to(path),
            None => self.ask(Purpose::SaveSession),
        }
    }

    /// Saves the session; the name gets the ending of sessions where it has none.
    pub fn save_session_to(&mut self, path: PathBuf) {
        if self.session.saving.is_some() {
            return;
        }
        let path = if file::is_session(&path) || path.is_dir() { path } else { with_ending(&path) };
        let (session, hashes, wake) = (self.capture(), Arc::clone(&self.session.hashes), self.ctx.clone());
        self.session.saving = Some(Promise::spawn_thread("fluoro-save", move || {
            let written = file::write(&path, session, &hashes);
            wake.request_repaint();
            written.map(|()| path).map_err(|error| Problem {
                todo: "Save it in another place. The session goes on, and an older file is untouched.".to_owned(),
                ..Problem::new("The session was not saved", &error)
            })
        }));
    }

    /// Opens a session.
    pub fn open_session(&mut self, path: PathBuf) {
        self.study.waits_for_bundle = false;
        let (hashes, wake) = (Arc::clone(&self.session.hashes), self.ctx.clone());
        self.session.opening = Some(Promise::spawn_thread("fluoro-session", move || {
            let found = file::find(&path, &hashes);
            wake.request_repaint();
            found.map_err(|error| Problem {
                todo: "Choose another file. What is open stays open.".to_owned(),
                ..Problem::new("The session could not be opened", &error)
            })
        }));
    }

    /// Takes what threads have done, and goes on with a session that is being opened.
    pub(in crate::window) fn take_session(&mut self) {
        match self.session.saving.take().map(Promise::try_take) {
            Some(Ok(Ok(path))) => {
                self.toasts.news(self.now, "Session saved", path.display().to_string());
                self.recent.add(&path);
                self.session.file = Some(path);
            }
            Some(Ok(Err(problem))) => self.toasts.problem(&problem),
            Some(Err(waiting)) => self.session.saving = Some(waiting),
            None => {}
        }
        match self.session.opening.take().map(Promise::try_take) {
            Some(Ok(Ok(found))) => self.begin_session(found),
            Some(Ok(Err(problem))) => {
                self.toasts.problem(&problem);
                if self.study.films.is_empty() && self.film.is_none() {
                    self.study.problem = Some(problem);
                }
            }
            Some(Err(waiting)) => self.session.opening = Some(waiting),
            None => {}
        }
        match self.session.stage.take() {
            Some(Stage::Bundle(found)) if self.model.pending.is_some() => {
                self.session.stage = Some(Stage::Bundle(found));
            }
            Some(Stage::Bundle(found)) => self.open_films_of_session(*found),
            Some(Stage::Film(view, plan)) if self.study.pending.is_some() || self.store.is_opening() => {
                self.session.stage = Some(Stage::Film(view, plan));
            }
            Some(Stage::Film(view, plan)) => {
                self.light_box.restore(&view);
                if let Some(plan) = plan {
                    self.dock.follow(&plan, &mut self.layout);
                }
                self.steps.forget_seen();
            }
            None => {}
        }
        self.take_located();
    }

    fn begin_session(&mut self, found: Found) {
        let wanted = found.session.bundle.as_ref().map(|bundle| BundleSource::from(&bundle.place));
        let is_open = self.model.view.as_ref().map(|view| &view.source) == wanted.as_ref();
        if let Some(source) = wanted.filter(|_| !is_open || self.model.pending.is_some()) {
            self.open_bundle(source);
        }
        self.session.stage = Some(Stage::Bundle(Box::new(found)));
    }

    /// The bundle is there, or it cannot be had: the films follow.
    fn open_films_of_session(&mut self, found: Found) {
        let Found { path, mut session, missing, changed, places } = found;
        let wanted = session.bundle.take();
        let open = self.model.view.as_ref();
        let is_open = match &wanted {
            Some(entry) => open.is_some_and(|view| view.source == BundleSource::from(&entry.place)),
            None => true,
        };
        let is_left = self.session.keeper.left.as_ref() == Some(&path);
        // What a crash left behind was never saved by the user; what a lost device left behind may have been.
        self.session.file = if is_left { self.session.handed_file.take() } else { Some(path) };
        if is_left && is_open {
            self.session.keeper.restored_left();
        }
        if !is_open {
            // Its edits mean nothing in another bundle. The file stays as it is, so Save asks for another name.
            self.session.file = None;
            for film in &mut session.films {
                (film.edit, film.past, film.undone) = Default::default();
                film.waiting.clear();
            }
            let why = match wanted.as_ref().map(|entry| BundleSource::from(&entry.place)) {
                Some(BundleSource::Folder(folder)) => format!("its bundle is missing or damaged: {}", folder.display()),
                Some(BundleSource::Embedded(name)) => format!("this program has no bundle \"{name}\""),
                None => String::new(),
            };
            self.toasts.problem(&Problem {
                what: "The session was opened without its edits".to_owned(),
                why,
                todo: "Bring the bundle back to its place and open the session again; its file is untouched."
                    .to_owned(),
            });
        } else if let (Some(entry), Some(view)) = (&wanted, open)
            && !entry.sha256.is_empty()
            && entry.sha256 != fingerprint::of_bundle(&view.manifest)
        {
            let text = format!(
                "The weights of {} are not those that this session was saved with. Its edits may show something else.",
                view.manifest.name
            );
            self.toasts.warn("The bundle has changed", text);
        }
        let changed = changed.iter().filter_map(|place| session.films.get(*place));
        let changed: Vec<String> = changed.map(|film| film.name.clone()).collect();
        self.warn_of_changed(&changed);
        let lost = |index: &usize| {
            let film = session.films.get(*index)?;
            let FilmPlace::File { path, .. } = &film.place else { return None };
            Some(Missing { path: path.clone(), sha256: film.sha256.clone() })
        };
        self.session.missing = missing.iter().filter_map(lost).collect();
        self.features.settings = std::mem::take(&mut session.features);
        self.findings = std::mem::take(&mut session.findings);
        let films = session.films.into_iter().zip(places).map(|(entry, place)| Film { place, ..film(entry) });
        let films: Vec<Film> = films.collect();
        let chosen = session.current.min(films.len().saturating_sub(1));
        self.study = Study { films, current: chosen, ..Study::default() };
        self.close_prior();
        self.steps = Steps::default();
        self.clear_light_box();
        self.shift.settings = std::mem::take(&mut session.shift);
        if let Some((folder, feature)) = session.store {
            let is_open = self.store.open.as_ref().is_some_and(|open| open.store.folder() == folder);
            if is_open {
                self.store.show_feature(feature);
            } else {
                self.open_store(folder);
                self.store.wanted_first = Some(feature);
            }
        }
        self.session.stage = Some(Stage::Film(Box::new(session.view), session.layout));
        self.show_film(chosen);
    }

    /// Says which films are not the bytes that their session was saved with.
    pub(super) fn warn_of_changed(&mut self, films: &[String]) {
        if !films.is_empty() {
            let text = format!("{}: not the bytes that the session was saved with.", some_of(films));
            self.toasts.warn("Films have changed since the session was saved", text);
        }
    }
}

/// A film of a session.
fn film(entry: FilmEntry) -> Film {
    let FilmEntry { place, name, edit, past, undone, waiting, .. } = entry;
    let source = match place {
        FilmPlace::File { path, .. } => FilmSource::File(path),
        FilmPlace::Sample(name) => match fluoro_core::samples::names().find(|known| *known == name) {
            Some(known) => FilmSource::Sample(known),
            // Another program's sample: opening it says that there is no such file.
            None => FilmSource::File(PathBuf::from(name)),
        },
        FilmPlace::Gallery { bundle, file } => FilmSource::Gallery { bundle: (&bundle).into(), file },
    };
    let mut film = Film::of_source(source);
    if !name.is_empty() {
        film.name = name;
    }
    film.history = History::from_parts(edit, past, undone);
    film.waiting = waiting.into_iter().map(Arc::new).collect();
    film
}

/// Some of the names, for a message.
fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names[..names.len().min(MOST_NAMES)].join(", "))
}

fn with_ending(path: &Path) -> PathBuf {
    let name = file_name(path);
    let stem = name.strip_suffix(".ron").unwrap_or(&name);
    let stem = stem.strip_suffix(".fluoro").unwrap_or(stem);
    path.with_file_name(format!("{stem}{ENDING}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_name_gets_its_ending_once() {
        for name in ["a", "a.ron", "a.fluoro", "a.fluoro.ron"] {
            assert_eq!(with_ending(Path::new("/x").join(name).as_path()), Path::new("/x/a.fluoro.ron"), "{name}");
        }
        assert_eq!(with_ending(Path::new("/x/a.b")), Path::new("/x/a.b.fluoro.ron"));
    }
}
