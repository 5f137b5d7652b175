//! The study: films opened together, which one is shown, and what is known about each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::BundleSource;
use fluoro_core::bundle::manifest::{GalleryFilm, Manifest};
use fluoro_core::display::{Extent, Pyramid};
use fluoro_core::engine::RelativeEdit;
use fluoro_core::radiograph::{Place, Radiograph, Window};
use fluoro_core::samples;
use fluoro_core::worker::{FilmSource, FilmView, RequestId};
use poll_promise::Promise;

use super::edits::History;
use super::problem::Problem;
use super::thumbnails::{Small, Thumbnails};

/// One film of the study.
pub struct Film {
    /// Where its bytes are.
    pub source: FilmSource,
    /// What the list calls it.
    pub name: String,
    /// View, size and the like, once it was opened.
    pub facts: Option<String>,
    /// Where it stands among others, as its header says.
    pub place: Place,
    /// A small picture, once one was made.
    pub small: Option<Arc<Small>>,
    /// The same on the screen's side, while its row is near.
    pub thumbnail: Option<egui::TextureHandle>,
    /// Why it cannot be shown.
    pub problem: Option<Problem>,
    /// Its edit.
    pub history: History,
    /// Edits that were asked for on all films, until it is opened.
    pub waiting: Vec<Arc<RelativeEdit>>,
}

impl Film {
    fn new(source: FilmSource) -> Self {
        let name = match &source {
            FilmSource::File(path) => file_name(path),
            FilmSource::Sample(name) => (*name).to_owned(),
            FilmSource::Gallery { file, .. } => file_name(Path::new(file)),
        };
        Self {
            source,
            name,
            facts: None,
            place: Place::default(),
            small: None,
            thumbnail: None,
            problem: None,
            history: History::default(),
            waiting: Vec::new(),
        }
    }
}

impl Film {
    /// A film that nothing is known of yet.
    pub fn of_source(source: FilmSource) -> Self {
        Self::new(source)
    }

    /// A film of a bundle's gallery, called by its caption.
    pub fn of_gallery(bundle: &BundleSource, film: &GalleryFilm) -> Self {
        let source = FilmSource::Gallery { bundle: bundle.clone(), file: film.file.clone() };
        let mut new = Self::new(source);
        if !film.caption.is_empty() {
            new.name.clone_from(&film.caption);
        }
        new
    }
}

/// One line about a film for the list.
pub fn facts(film: &Radiograph) -> String {
    let view = film.metadata.view.as_ref().map(|view| format!("{view} · ")).unwrap_or_default();
    format!("{view}{} × {}", film.pixels.width(), film.pixels.height())
}

/// A path's last part.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Files that were found, in reading order, with what their headers say.
pub type Found = Result<Vec<(PathBuf, Place)>, Problem>;

/// The films opened together.
#[derive(Default)]
pub struct Study {
    /// Films, in order.
    pub films: Vec<Film>,
    /// The film chosen: shown, or on its way.
    pub current: usize,
    /// The film on the light box.
    pub shown: Option<usize>,
    /// The request for a film that is being opened, and its place.
    pub pending: Option<(RequestId, usize)>,
    /// Files and folders being looked through.
    pub searching: Option<Promise<Found>>,
    /// Small pictures of the films.
    pub thumbnails: Thumbnails,
    /// The film that the list was last scrolled to.
    pub scrolled_to: usize,
    /// Where the parts of the list begin, and of how many films that is known.
    pub known_parts: (usize, Arc<Vec<usize>>),
    /// No films were asked for: those that come with the bundle follow once it is open.
    pub waits_for_bundle: bool,
    /// Why the last files or folder gave no film.
    pub problem: Option<Problem>,
}

impl Study {
    /// The sample films.
    pub fn samples() -> Vec<Film> {
        samples::names().map(|name| Film::new(FilmSource::Sample(name))).collect()
    }

    /// The films of a bundle's gallery.
    pub fn gallery(bundle: &BundleSource, films: &[GalleryFilm]) -> Vec<Film> {
        films.iter().map(|film| Film::of_gallery(bundle, film)).collect()
    }

    /// Films of files.
    pub fn files(paths: Vec<PathBuf>) -> Vec<Film> {
        paths.into_iter().map(|path| Film::new(FilmSource::File(path))).collect()
    }

    /// Films of files, in their order, with what their headers say.
    pub fn placed(films: Vec<(PathBuf, Place)>) -> Vec<Film> {
        let film = |(path, place)| Film { place, ..Film::new(FilmSource::File(path)) };
        films.into_iter().map(film).collect()
    }

    /// The first film of each part of the list: films of one series.
    pub fn parts(&mut self) -> Arc<Vec<usize>> {
        if self.known_parts.0 != self.films.len() {
            let begins = |index: &usize| {
                let before = index.checked_sub(1).and_then(|before| self.films.get(before));
                before.is_none_or(|before| !before.place.is_with(&self.films[*index].place))
            };
            self.known_parts = (self.films.len(), Arc::new((0..self.films.len()).filter(begins).collect()));
        }
        Arc::clone(&self.known_parts.1)
    }

    /// What stands above a part of the list; its date only where names are shown.
    pub fn heading(&self, first: usize, privacy: bool) -> String {
        let Some(place) = self.films.get(first).map(|film| &film.place) else { return String::new() };
        let Some(study) = &place.study_uid else { return "other films".to_owned() };
        let mut studies: Vec<&String> = Vec::new();
        for film in &self.films[..=first] {
            if let Some(uid) = film.place.study_uid.as_ref().filter(|uid| studies.last() != Some(uid)) {
                studies.push(uid);
            }
        }
        let number = studies.iter().position(|uid| *uid == study).unwrap_or_default() + 1;
        let name = match place.study_date.as_deref().filter(|date| !privacy && date.is_ascii() && date.len() == 8) {
            Some(date) => format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]),
            None => format!("study {number}"),
        };
        match place.series_number {
            Some(series) => format!("{name} · series {series}"),
            None => name,
        }
    }

    /// The film chosen: shown, or on its way.
    pub fn film(&self) -> Option<&Film> {
        self.films.get(self.current)
    }

    /// The same, to change.
    pub fn film_mut(&mut self) -> Option<&mut Film> {
        self.films.get_mut(self.current)
    }

    /// The edit of the film on the light box.
    pub fn history(&self) -> Option<&History> {
        self.films.get(self.shown?).map(|film| &film.history)
    }

    /// The same, to change; not while another film is on its way, because the engine may hold that one already.
    pub fn history_mut(&mut self) -> Option<&mut History> {
        let shown = self.shown.filter(|_| self.pending.is_none())?;
        self.films.get_mut(shown).map(|film| &mut film.history)
    }
}

/// The film that is on the light box.
pub struct OpenFilm {
    /// Pixels, metadata, analysis.
    pub view: FilmView,
    /// Its number among pictures.
    pub version: u64,
    /// Window at first.
    pub default_window: Window,
    /// Where on the film the model looks.
    pub extent: Extent,
    /// Halved copies, when they are ready.
    pyramid: Promise<Arc<Pyramid>>,
}

impl OpenFilm {
    /// Puts a film on the light box; its halved copies are made on another thread.
    pub fn new(view: FilmView, manifest: Option<&Manifest>, version: u64, wake: impl Fn() + Send + 'static) -> Self {
        let radiograph = Arc::clone(&view.radiograph);
        let (width, height) = (radiograph.pixels.width(), radiograph.pixels.height());
        let extent = match manifest {
            Some(manifest) => Extent::seen(&manifest.preprocess.seen(width, height)),
            None => Extent::whole(width, height),
        };
        let default_window = radiograph.default_window();
        let pyramid = Promise::spawn_thread("fluoro-pyramid", move || {
            let pyramid = Arc::new(Pyramid::new(&radiograph.pixels));
            wake();
            pyramid
        });
        Self { view, version, default_window, extent, pyramid }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [usize; 2] {
        let pixels = &self.view.radiograph.pixels;
        [pixels.width(), pixels.height()]
    }

    /// Halved copies, when they are ready.
    pub fn pyramid(&self) -> Option<&Pyramid> {
        self.pyramid.ready().map(Arc::as_ref)
    }

    /// The same, to hand on.
    pub fn shared_pyramid(&self) -> Option<Arc<Pyramid>> {
        self.pyramid.ready().cloned()
    }

    /// Film units for one unit of a picture of the bundle, where both are at their first window.
    pub fn change_gain(&self, range: [f32; 2]) -> f32 {
        let [lo, hi] = edges(&self.default_window);
        (hi - lo) / (range[1] - range[0]).max(f32::MIN_POSITIVE)
    }

    /// The bundle's window for frames that looks as `window` does on the film.
    pub fn frame_window(&self, window: Window, range: [f32; 2]) -> Window {
        let ([lo, hi], [own_lo, own_hi]) = (edges(&self.default_window), edges(&window));
        let unit = |v: f32| (v - lo) / (hi - lo).max(f32::MIN_POSITIVE);
        let level = |v: f32| range[0] + unit(v) * (range[1] - range[0]);
        Window::covering(level(own_lo), level(own_hi))
    }
}

/// The values that a window shows black and white.
pub fn edges(window: &Window) -> [f32; 2] {
    use fluoro_core::radiograph::VoiFunction;
    let (center, width) = match window.function {
        VoiFunction::Linear => (window.center - 0.5, (window.width - 1.0).max(f32::MIN_POSITIVE)),
        VoiFunction::LinearExact | VoiFunction::Sigmoid => (window.center, window.width),
    };
    [center - width / 2.0, center + width / 2.0]
}
