//! The study: films opened together, which one is shown, and what is known about each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::BundleSource;
use fluoro_core::bundle::manifest::{GalleryFilm, Manifest};
use fluoro_core::display::{Extent, Pyramid};
use fluoro_core::radiograph::Window;
use fluoro_core::samples;
use fluoro_core::worker::{FilmSource, FilmView, RequestId};
use poll_promise::Promise;

use super::edits::History;
use super::problem::Problem;

/// One film of the study.
pub struct Film {
    /// Where its bytes are.
    pub source: FilmSource,
    /// What the list calls it.
    pub name: String,
    /// View, size and the like, once it was opened.
    pub facts: Option<String>,
    /// A small picture, once it was opened.
    pub thumbnail: Option<egui::TextureHandle>,
    /// Why it cannot be shown.
    pub problem: Option<Problem>,
    /// Its edit.
    pub history: History,
}

impl Film {
    fn new(source: FilmSource) -> Self {
        let name = match &source {
            FilmSource::File(path) => file_name(path),
            FilmSource::Sample(name) => (*name).to_owned(),
            FilmSource::Gallery { file, .. } => file_name(Path::new(file)),
        };
        Self { source, name, facts: None, thumbnail: None, problem: None, history: History::default() }
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

/// A path's last part.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

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
    pub searching: Option<Promise<Result<Vec<PathBuf>, Problem>>>,
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

    /// The bundle's window for frames that looks as `window` does on the film.
    pub fn frame_window(&self, window: Window, range: [f32; 2]) -> Window {
        let ([lo, hi], [own_lo, own_hi]) = (edges(&self.default_window), edges(&window));
        let unit = |v: f32| (v - lo) / (hi - lo).max(f32::MIN_POSITIVE);
        let level = |v: f32| range[0] + unit(v) * (range[1] - range[0]);
        Window::covering(level(own_lo), level(own_hi))
    }
}

/// The values that a window shows black and white.
fn edges(window: &Window) -> [f32; 2] {
    use fluoro_core::radiograph::VoiFunction;
    let (center, width) = match window.function {
        VoiFunction::Linear => (window.center - 0.5, (window.width - 1.0).max(f32::MIN_POSITIVE)),
        VoiFunction::LinearExact | VoiFunction::Sigmoid => (window.center, window.width),
    };
    [center - width / 2.0, center + width / 2.0]
}
