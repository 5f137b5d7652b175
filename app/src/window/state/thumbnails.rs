//! Small pictures of the study's films, made on a thread of their own, so that neither the window nor the engine waits.
//!
//! In: where the films are, and which rows are on screen. Out: a [`Small`] for each film, the ones nearest to those rows
//! first. Each film is decoded once; what is kept of it is a few thousand bytes, and textures are made only for rows near
//! those on screen.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use fluoro_core::display::{Extent, Placed, View, ViewTransform};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::worker::FilmSource;
use fluoro_core::{Error, samples};
use parking_lot::{Condvar, Mutex};

use super::films::{Film, facts};
use super::problem::Problem;

/// Pictures that may wait for the window; the thread waits for it then.
const WAITING: usize = 16;
/// Rows above and below those on screen whose textures are kept.
const NEAR: usize = 64;

/// A small picture and the line about its film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small {
    /// Pixels in a row, and rows.
    pub size: [usize; 2],
    /// One byte a pixel.
    pub grey: Vec<u8>,
    /// View and size.
    pub facts: String,
}

impl Small {
    /// The whole film at its own window, its longer side `side` pixels.
    pub fn of(film: &Radiograph, side: usize) -> Self {
        let whole = [film.pixels.width(), film.pixels.height()];
        let longer = whole[0].max(whole[1]).max(1);
        let size = whole.map(|length| (length * side).div_ceil(longer).clamp(1, side.max(1)));
        let placed = Placed { plane: &film.pixels, pyramid: None, extent: Extent::whole(whole[0], whole[1]) };
        let view = View::new(placed, film.default_window(), ViewTransform::fit(whole, size), [0; 3]);
        let grey = view.draw(size[0], size[1]).chunks_exact(4).map(|pixel| pixel[0]).collect();
        Self { size, grey, facts: facts(film) }
    }
}

type Made = (usize, Result<Small, Problem>);

/// What the thread is to do.
#[derive(Default)]
struct Orders {
    todo: BTreeMap<usize, FilmSource>,
    /// The first row on screen.
    first: usize,
    /// A film is on its way to the light box: that comes first.
    is_paused: bool,
    is_over: bool,
}

impl Orders {
    /// The film nearest to the rows on screen, those on screen and below before those above.
    fn next(&mut self) -> Option<(usize, FilmSource)> {
        let below = self.todo.range(self.first..).next().map(|(&index, _)| index);
        let above = self.todo.range(..self.first).next_back().map(|(&index, _)| index);
        self.todo.remove_entry(&below.or(above)?)
    }
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
}

/// The small pictures of one study.
#[derive(Default)]
pub struct Thumbnails {
    running: Option<(Arc<Shared>, Receiver<Made>)>,
    /// Films that were told to the thread.
    known: usize,
    /// Films that are being made or wait.
    left: usize,
    /// Rows on screen.
    shown: Range<usize>,
}

impl Thumbnails {
    /// Tells the thread of films that joined the study; starts it with the first. `side` is in physical pixels. While
    /// `is_paused`, it leaves the machine to the film on its way to the light box.
    pub fn follow(&mut self, films: &[Film], side: usize, is_paused: bool, wake: impl Fn() + Send + 'static) {
        self.pause(is_paused);
        if films.len() <= self.known {
            return;
        }
        let (shared, _) = self.running.get_or_insert_with(|| {
            let (sender, receiver) = bounded(WAITING);
            let shared = Arc::new(Shared::default());
            let theirs = Arc::clone(&shared);
            let work = move || make(&theirs, &sender, side, &wake);
            if let Err(error) = std::thread::Builder::new().name("fluoro-thumbnails".to_owned()).spawn(work) {
                tracing::warn!(%error, "no thread for thumbnails");
            }
            (shared, receiver)
        });
        let mut orders = shared.orders.lock();
        orders.is_paused = is_paused;
        for (index, film) in films.iter().enumerate().skip(self.known) {
            if film.small.is_none() && film.problem.is_none() {
                orders.todo.insert(index, film.source.clone());
                self.left += 1;
            }
        }
        self.known = films.len();
        shared.changed.notify_one();
    }

    /// Takes what is done.
    pub fn take(&mut self, films: &mut [Film]) {
        let Some((_, results)) = &self.running else { return };
        while let Ok((index, made)) = results.try_recv() {
            self.left = self.left.saturating_sub(1);
            let Some(film) = films.get_mut(index) else { continue };
            match made {
                Ok(small) => {
                    film.facts.get_or_insert_with(|| small.facts.clone());
                    film.small.get_or_insert_with(|| Arc::new(small));
                }
                Err(problem) => drop(film.problem.get_or_insert(problem)),
            }
        }
    }

    /// These rows are on screen; what is near them is made first, and textures far from them are let go.
    pub fn look_at(&mut self, rows: Range<usize>, films: &mut [Film]) {
        if self.shown == rows {
            return;
        }
        if let Some((shared, _)) = &self.running {
            shared.orders.lock().first = rows.start;
        }
        let near = rows.start.saturating_sub(NEAR)..rows.end.saturating_add(NEAR);
        for (index, film) in films.iter_mut().enumerate() {
            if !near.contains(&index) {
                film.thumbnail = None;
            }
        }
        self.shown = rows;
    }

    /// A film was opened, and has its picture: it need not be decoded again.
    pub fn forget(&mut self, index: usize) {
        if let Some((shared, _)) = &self.running
            && shared.orders.lock().todo.remove(&index).is_some()
        {
            self.left = self.left.saturating_sub(1);
        }
    }

    /// Stops for a while, so that the film on its way to the light box has the machine.
    fn pause(&self, is_paused: bool) {
        if let Some((shared, _)) = &self.running {
            let mut orders = shared.orders.lock();
            if orders.is_paused != is_paused {
                orders.is_paused = is_paused;
                shared.changed.notify_one();
            }
        }
    }

    /// Whether a film on screen still has none.
    pub fn is_busy(&self, films: &[Film]) -> bool {
        let rows = self.shown.start.min(films.len())..self.shown.end.min(films.len());
        self.left > 0 && films[rows].iter().any(|film| film.small.is_none() && film.problem.is_none())
    }
}

impl Drop for Thumbnails {
    fn drop(&mut self) {
        if let Some((shared, _)) = &self.running {
            shared.orders.lock().is_over = true;
            shared.changed.notify_one();
        }
    }
}

/// The thread: one film after the other, until the study is closed.
fn make(shared: &Shared, results: &Sender<Made>, side: usize, wake: &impl Fn()) {
    loop {
        let (index, source) = {
            let mut orders = shared.orders.lock();
            loop {
                if orders.is_over {
                    return;
                }
                if !orders.is_paused
                    && let Some(next) = orders.next()
                {
                    break next;
                }
                shared.changed.wait(&mut orders);
            }
        };
        let made = open(&source).map(|film| Small::of(&film, side));
        let made = made.map_err(|error| Problem::new("This film could not be opened", &error));
        if results.send((index, made)).is_err() {
            return;
        }
        wake();
    }
}

/// The film of a source, on the calling thread.
///
/// # Errors
/// When it cannot be read.
pub fn open(source: &FilmSource) -> Result<Radiograph, Error> {
    match source {
        FilmSource::File(path) => Radiograph::open(path),
        FilmSource::Sample(name) => samples::open(name),
        FilmSource::Gallery { bundle, file } => bundle.gallery_film(file),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::window::state::films::Study;

    #[test]
    fn the_rows_on_screen_come_first() {
        let source = |name| FilmSource::File(std::path::PathBuf::from(name));
        let mut orders = Orders { first: 2, ..Orders::default() };
        orders.todo = ["a", "b", "c", "d"].into_iter().map(source).enumerate().collect();
        let order: Vec<usize> = std::iter::from_fn(|| orders.next()).map(|(index, _)| index).collect();
        assert_eq!(order, [2, 3, 1, 0]);
    }

    #[test]
    fn every_film_gets_one_and_a_damaged_one_says_why() {
        let folder = tempfile::tempdir().expect("folder");
        let bad = folder.path().join("bad.png");
        std::fs::write(&bad, b"no film").expect("file");
        let mut films = Study::samples();
        films.extend(Study::files(vec![bad]));
        let mut thumbnails = Thumbnails::default();
        thumbnails.follow(&films, 40, true, || {});
        thumbnails.look_at(0..5, &mut films);
        thumbnails.forget(0);
        films[0].small = Some(Arc::new(Small::of(&open(&films[0].source).expect("a sample"), 40)));
        films[0].facts = films[0].small.as_ref().map(|small| small.facts.clone());
        assert_eq!(thumbnails.left, 4, "the opened film is not decoded again");
        thumbnails.follow(&films, 40, false, || {});
        let start = Instant::now();
        while thumbnails.is_busy(&films) {
            thumbnails.take(&mut films);
            assert!(start.elapsed() < Duration::from_secs(60), "thumbnails take too long");
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(films[..4].iter().all(|film| film.small.as_ref().is_some_and(|small| small.size == [40, 40])));
        assert!(films[4].problem.is_some() && films[4].small.is_none());
        assert!(films[0].facts.as_deref().is_some_and(|facts| facts.contains('×')));
    }
}
