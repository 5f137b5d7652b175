//! The application as a session. In: what is open. Out: a [`Session`] without hashes of films, which take time.

use fluoro_core::engine::RelativeEdit;
use fluoro_core::fingerprint;
use fluoro_core::worker::FilmSource;

use super::{BundleEntry, FilmEntry, FilmPlace, NEWEST, Session, whole};
use crate::window::app::App;
use crate::window::state::films::Film;

impl App {
    /// The session as it is now.
    pub fn capture(&self) -> Session {
        let bundle = self
            .model
            .view
            .as_ref()
            .map(|view| BundleEntry { place: (&view.source).into(), sha256: fingerprint::of_bundle(&view.manifest) });
        let store = self.store.open.as_ref().map(|open| (whole(open.store.folder()), self.store.feature));
        Session {
            version: NEWEST,
            fluoro: env!("CARGO_PKG_VERSION").to_owned(),
            bundle,
            films: self.study.films.iter().map(entry).collect(),
            current: self.study.current,
            view: self.light_box.kept.clone(),
            features: self.features.settings.clone(),
            findings: self.findings.clone(),
            shift: self.shift.settings.clone(),
            store,
            layout: Some(self.dock.plan()),
        }
    }
}

fn entry(film: &Film) -> FilmEntry {
    let place = match &film.source {
        FilmSource::File(path) => FilmPlace::File { path: whole(path), beside: None },
        FilmSource::Sample(name) => FilmPlace::Sample((*name).to_owned()),
        FilmSource::Gallery { bundle, file } => FilmPlace::Gallery { bundle: bundle.into(), file: file.clone() },
    };
    let (edit, past, undone) = film.history.parts();
    FilmEntry {
        place,
        name: film.name.clone(),
        sha256: None,
        edit: edit.clone(),
        past: past.to_vec(),
        undone: undone.to_vec(),
        waiting: film.waiting.iter().map(|edit| RelativeEdit::clone(edit)).collect(),
    }
}
