//! Exports of what the window shows, and the question that comes before the film's own pixels leave. In: the film, what was
//! made of it, and the user's choice. Out: files and the clipboard. No picture and no DICOM object names anybody unless the user
//! asks for it; a recipe names its film's file, but for the one beside an object that names nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::engine::{Edit, Frame, Progress};
use fluoro_core::export::atomic::write_atomic;
use fluoro_core::export::capture::{Capture, MadeFrame, derivation};
use fluoro_core::export::frames::plane_png;
use fluoro_core::export::job::{ExportJob, ExportKind};
use fluoro_core::export::look::Look;
use fluoro_core::export::recipe::Action;
use fluoro_core::export::{Made, canvas_png};
use fluoro_core::plane::Plane;
use fluoro_core::shift::Shift;

use super::app::{App, Cover, Source};
use super::dialogs::Purpose;
use super::light_box;
use super::state::exports::{Choice, Leaving};
use super::state::films::Film;
use super::state::prior::{self, Prior};
use super::state::problem::Problem;
use super::state::tags::Tags;
use super::state::training::Watch;
use super::widgets::number;

/// What a capture shows.
enum Shown {
    /// A shift, and the words of its frames.
    Shift(Arc<Shift>, Vec<String>),
    /// An edit: its picture, the film as the model gives it back, and words.
    Edit(Arc<Frame>, Plane, String),
}

impl App {
    /// Something is about to leave with the film's own pixels: words in them are pointed out first.
    pub fn leave(&mut self, what: Leaving) {
        let Some(choice) = self.find_words() else { return };
        let asks_whose = what == Leaving::File(Purpose::ExportDicom);
        if asks_whose || choice.has_words() {
            self.cover = Cover::Leaving(what);
        } else {
            self.go_on(what);
        }
    }

    /// What was found in the film on the light box; it is looked through once.
    pub fn find_words(&mut self) -> Option<&mut Choice> {
        let film = self.film.as_ref()?;
        let known = self.exports.choice.as_ref().is_some_and(|choice| choice.version == film.version);
        if !known {
            self.exports.choice = Some(Choice::of(&film.view.radiograph, film.version));
        }
        self.exports.choice.as_mut()
    }

    /// The user has chosen: the dialog follows, or the picture is on the clipboard.
    pub fn go_on(&mut self, what: Leaving) {
        match what {
            Leaving::File(purpose) => self.ask(purpose),
            Leaving::Clipboard => self.copy_view(),
        }
    }

    /// The choice for the film on the light box; nothing is painted where it was not asked for.
    pub(super) fn choice(&self) -> Choice {
        let version = self.film.as_ref().map(|film| film.version);
        let made = self.exports.choice.clone().filter(|choice| Some(choice.version) == version);
        made.unwrap_or_default()
    }

    /// What is on the light box as a DICOM Secondary Capture: the edit, or all frames of the shift. A large film takes
    /// its time: it is painted over and written on a thread of its own.
    pub fn export_dicom(&mut self, path: PathBuf) {
        if !self.is_read_for_export() {
            return;
        }
        let Some((action, capture)) = self.made_capture() else { return };
        let Some(recipe) = self.recipe(action) else { return };
        self.write_by("DICOM written", move || {
            let kind = ExportKind::Capture(Arc::new(capture()?));
            ExportJob { kind, path, recipe }.run(&Progress::silent())
        });
    }

    /// Whether what is on screen can be written down; says so where its numbers are still on their way.
    pub(super) fn is_read_for_export(&mut self) -> bool {
        let is_read = self.source == Source::Shift || self.pictures.is_read();
        if !is_read {
            let text = "The numbers of the newest picture are still being read. Try again in a moment.";
            self.toasts.warn("Nothing was written", text);
        }
        is_read
    }

    /// What was done, and what makes the capture of it.
    fn made_capture(&self) -> Option<(Action, impl FnOnce() -> fluoro_core::Result<Capture> + Send + use<>)> {
        let (film, manifest) = (self.film.as_ref()?, self.manifest()?);
        let done = self.shift.job.value.as_ref().filter(|_| self.source == Source::Shift);
        let (what, shown, delay_ms, action) = match (done, &self.pictures.made, self.reconstruction()) {
            (Some(done), ..) => {
                let target = self.target_name(done.request.target);
                let numbers = done.shift.lambdas.iter().zip(&done.shift.predictions);
                let words = |(lambda, score): (&f32, &f32)| {
                    format!("{target}: λ {}, {}", number::short(*lambda), number::score(*score))
                };
                let (shift, words) = (Arc::clone(&done.shift), numbers.map(words).collect());
                let what = format!("latent shift along {target}, preset {}", done.shift.preset);
                let look = Look { delay_ms: self.shift.delay_ms(), ..Look::default() };
                let action = Action::Shift { request: done.request.clone(), look };
                (what, Shown::Shift(shift, words), look.delay_ms, action)
            }
            (None, Some(made), Some((reference, _))) => {
                let what = format!("edit: {}", self.whole_edit_words(&made.edit));
                let shown = Shown::Edit(Arc::clone(&made.frame), reference.clone(), what.clone());
                (what, shown, Look::default().delay_ms, Action::Edit(made.edit.clone()))
            }
            _ => return None,
        };
        let choice = self.choice();
        let derivation = derivation(&manifest.name, &what, choice.counts());
        let (radiograph, extent, window) = (Arc::clone(&film.view.radiograph), film.extent, film.default_window);
        let capture = move || {
            let on_frame = |plane: &Plane| choice.on_frame(plane, &extent);
            let frame = |(pixels, words): (&Plane, String)| on_frame(pixels).map(|pixels| MadeFrame { pixels, words });
            let (reference, frames) = match shown {
                Shown::Shift(shift, words) => {
                    let frames = shift.frames.iter().zip(words).map(frame).collect::<fluoro_core::Result<_>>()?;
                    (on_frame(&shift.reference)?, frames)
                }
                Shown::Edit(made, reference, words) => (on_frame(&reference)?, vec![frame((&made.pixels, words))?]),
            };
            let metadata = &radiograph.metadata;
            Ok(Capture {
                film: window.to_unit(&choice.pixels(&radiograph)?),
                extent,
                reference,
                frames,
                delay_ms,
                derivation,
                origin: metadata.origin.clone().filter(|_| choice.keeps_patient),
                is_lossy: metadata.is_lossy(),
                keeps_words: choice.keeps_words(),
            })
        };
        Some((action, capture))
    }

    /// An edit on one line.
    fn whole_edit_words(&self, edit: &Edit) -> String {
        let labels = self.labels();
        let own = |index: usize| self.analysis().and_then(|it| it.activations.get(index).copied()).unwrap_or_default();
        let findings = edit.findings.iter().map(|(label, percent)| {
            let name = labels.get(*label).cloned().unwrap_or_else(|| format!("label {label}"));
            format!("{name} {} %", number::signed(*percent))
        });
        let features = edit.features.iter().map(|(index, to)| {
            let place = edit.regions.get(index).map_or("", |_| " in a painted region");
            let (own, to) = (number::short(own(*index)), number::short(*to));
            format!("{} {own} to {to}{place}", self.feature_name(*index))
        });
        findings.chain(features).collect::<Vec<_>>().join(", ")
    }

    /// A shift and the film beside it as they leave: painted over where that was chosen. Says so where it cannot be done.
    pub fn leaving_shift(&mut self, shift: &Arc<Shift>, input: &Plane) -> Option<(Arc<Shift>, Plane)> {
        let choice = self.choice();
        if choice.painted().is_empty() {
            return Some((Arc::clone(shift), input.clone()));
        }
        let extent = self.film.as_ref()?.extent;
        let painted = || -> fluoro_core::Result<_> {
            let on_frame = |plane: &Plane| choice.on_frame(plane, &extent);
            let frames = shift.frames.iter().map(on_frame).collect::<fluoro_core::Result<_>>()?;
            let shift = Shift { frames, reference: on_frame(&shift.reference)?, ..Shift::clone(shift) };
            Ok((Arc::new(shift), on_frame(input)?))
        };
        painted().map_err(|error| self.toasts.problem(&Problem::new("Nothing was written", &error))).ok()
    }

    /// The film at its own pixels, in the window on screen, as a PNG that says nothing about anybody.
    pub fn export_film(&mut self, path: PathBuf) {
        let Some(film) = &self.film else { return };
        let (radiograph, choice) = (Arc::clone(&film.view.radiograph), self.choice());
        let window = self.light_box.window_of(light_box::Pane::Original).unwrap_or(film.default_window);
        let write = move |path: &Path| {
            let unit = window.to_unit(&choice.pixels(&radiograph)?);
            let png = plane_png(&unit, [0.0, 1.0], Made::ByXray)?;
            write_atomic(path, |out| out.write_all(&png))
        };
        self.write(path, write);
    }

    /// The light box as it is on screen, with its words, as a PNG.
    pub fn save_view(&mut self, path: PathBuf) {
        if !self.is_read_for_export() {
            return;
        }
        let choice = self.choice();
        match light_box::snapshot(self, &choice) {
            Ok((canvas, made)) => self.write(path, move |path| {
                let png = canvas_png(&canvas, made)?;
                write_atomic(path, |out| out.write_all(&png))
            }),
            Err(error) => self.toasts.problem(&Problem::new("Nothing was written", &error)),
        }
    }

    /// The same on the clipboard.
    fn copy_view(&mut self) {
        if !self.is_read_for_export() {
            return;
        }
        let choice = self.choice();
        match light_box::snapshot(self, &choice) {
            Ok((canvas, _)) => {
                let size = [canvas.width() as usize, canvas.height() as usize];
                self.ctx.copy_image(egui::ColorImage::from_rgba_unmultiplied(size, canvas.rgba()));
                self.toasts.news(self.now, "Picture copied", format!("{} × {} pixels", size[0], size[1]));
            }
            Err(error) => self.toasts.problem(&Problem::new("Nothing was copied", &error)),
        }
    }

    /// Writes a file on a thread of its own.
    fn write(&mut self, path: PathBuf, write: impl FnOnce(&Path) -> fluoro_core::Result<()> + Send + 'static) {
        self.write_by("Written", move || write(&path).map(|()| vec![path]));
    }

    fn write_by(
        &mut self,
        title: &'static str,
        work: impl FnOnce() -> fluoro_core::Result<Vec<PathBuf>> + Send + 'static,
    ) {
        let wake = self.ctx.clone();
        self.writing.start(title, move || wake.request_repaint(), work);
    }

    /// Pixels of a small picture's longer side.
    pub(super) fn thumbnail_side(&self) -> usize {
        (self.look.size.thumbnail * self.ctx.pixels_per_point()).round().max(1.0) as usize
    }

    pub(super) fn take_thumbnails(&mut self) {
        let (side, wake) = (self.thumbnail_side(), self.ctx.clone());
        let is_paused = self.study.pending.is_some() || self.model.pending.is_some();
        let study = &mut self.study;
        study.thumbnails.follow(&study.films, side, is_paused, move || wake.request_repaint());
        study.thumbnails.take(&mut study.films);
    }

    /// Puts an earlier film of the same patient beside the current one, or takes it away.
    pub fn toggle_prior(&mut self) {
        if self.shows_prior() {
            return self.close_prior();
        }
        match (&self.prior, prior::earlier(&self.study.films, self.study.current)) {
            // Chosen by hand before, and only out of sight.
            (Some(prior), _) if self.study.film().is_some_and(|film| prior.is_beside(film)) => self.bring_prior(),
            (_, Some(index)) => self.show_prior(index),
            (_, None) => self.toasts.warn(
                "No other film of this patient is open",
                "Open its folder, or click with the right button on any film of the list to put it beside this one.",
            ),
        }
    }

    /// Puts a film of the study beside the current one.
    pub fn show_prior(&mut self, index: usize) {
        let version = self.next_version();
        let Some(film) = self.study.films.get(index) else { return };
        let wake = self.ctx.clone();
        self.prior = Some(Prior::new(film, version, move || wake.request_repaint()));
        self.bring_prior();
    }

    fn bring_prior(&mut self) {
        self.light_box.prior = true;
        self.light_box.kept.arrangement = light_box::Arrangement::Two;
    }

    /// Whether a film is beside the current one.
    pub fn shows_prior(&self) -> bool {
        self.light_box.prior && self.prior.is_some() && self.light_box.kept.arrangement == light_box::Arrangement::Two
    }

    /// Takes the film beside the current one away.
    pub fn close_prior(&mut self) {
        (self.prior, self.light_box.prior) = (None, false);
        if self.light_box.kept.single == light_box::Pane::Prior {
            self.light_box.kept.single = light_box::Pane::Original;
        }
    }

    /// Lets the film beside the current one move by itself, or with it.
    pub fn toggle_link(&mut self) {
        if let Some(prior) = &mut self.prior {
            prior.link(!prior.is_linked);
        }
    }

    /// Opens the table of everything that the film's file says.
    pub fn show_tags(&mut self) {
        let wake = self.ctx.clone();
        if let Some(film) = self.study.film() {
            self.cover = Cover::Tags(Tags::new(film, move || wake.request_repaint()));
        }
    }

    /// Shows the curves of the SAE that is trained into a bundle's folder.
    pub fn watch_training(&mut self, folder: PathBuf) {
        let wake = self.ctx.clone();
        self.cover = Cover::Training(Watch::start(folder, move || wake.request_repaint()));
    }

    /// Whether a film of the list is the one beside the current one.
    pub fn is_prior(&self, film: &Film) -> bool {
        self.light_box.prior && self.prior.as_ref().is_some_and(|prior| prior.source == film.source)
    }
}
