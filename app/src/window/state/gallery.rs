//! Small pictures of the open bundle's gallery, made on a thread of their own when they are first looked at.

use fluoro_core::bundle::BundleSource;
use fluoro_core::bundle::manifest::GalleryFilm;
use fluoro_core::display::{Extent, Placed, View, ViewTransform};
use fluoro_core::radiograph::Radiograph;
use poll_promise::Promise;

use super::problem::Problem;

/// Whose pictures they are, and how large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The bundle.
    pub bundle: BundleSource,
    /// Pixels on a side.
    pub side: usize,
    /// Around films that are not square.
    pub ground: [u8; 3],
}

type Picture = Result<egui::ColorImage, Problem>;

/// Pictures of one gallery, in its order.
#[derive(Default)]
pub struct Gallery {
    /// What was asked for last.
    wanted: Option<Wanted>,
    /// The pictures that there are, or why one is missing.
    pub pictures: Vec<Result<egui::TextureHandle, Problem>>,
    making: Option<Promise<Vec<Picture>>>,
}

impl Gallery {
    /// Whether pictures are being made.
    pub fn is_busy(&self) -> bool {
        self.making.is_some()
    }

    /// Makes pictures of `films`, unless the same ones are there or on their way.
    pub fn want(&mut self, wanted: Wanted, films: &[GalleryFilm], wake: impl Fn() + Send + 'static) {
        if self.wanted.as_ref() == Some(&wanted) {
            return;
        }
        if self.wanted.as_ref().is_none_or(|old| old.bundle != wanted.bundle) {
            self.pictures.clear();
        }
        let files: Vec<String> = films.iter().map(|film| film.file.clone()).collect();
        self.wanted = Some(wanted.clone());
        self.making = Some(Promise::spawn_thread("fluoro-gallery", move || {
            let pictures = files.iter().map(|file| picture(&wanted, file)).collect();
            wake();
            pictures
        }));
    }

    /// Takes the pictures once they are there.
    pub fn take(&mut self, ctx: &egui::Context) {
        match self.making.take().map(Promise::try_take) {
            Some(Ok(pictures)) => {
                let options = egui::TextureOptions::LINEAR;
                let load = |picture: Picture| picture.map(|image| ctx.load_texture("gallery", image, options));
                self.pictures = pictures.into_iter().map(load).collect();
            }
            Some(Err(waiting)) => self.making = Some(waiting),
            None => {}
        }
    }
}

fn picture(wanted: &Wanted, file: &str) -> Picture {
    let Wanted { bundle, side, ground } = wanted;
    let film = bundle.gallery_film(file).map_err(|error| Problem::new("This film could not be opened", &error))?;
    Ok(egui::ColorImage::from_rgba_premultiplied([*side, *side], &draw(&film, *side, *ground)))
}

/// The whole film in a square, at its own window.
pub fn draw(film: &Radiograph, side: usize, ground: [u8; 3]) -> Vec<u8> {
    let size = [film.pixels.width(), film.pixels.height()];
    let placed = Placed { plane: &film.pixels, pyramid: None, extent: Extent::whole(size[0], size[1]) };
    let view = View::new(placed, film.default_window(), ViewTransform::fit(size, [side, side]), ground);
    view.draw(side, side)
}
