//! What the worker says, and what that changes. Answers to requests that are no longer wanted are dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluoro_core::Error;
use fluoro_core::device::DeviceFrame;
use fluoro_core::engine::{Edit, Frame};
use fluoro_core::worker::{BundleView, Event, FilmView, RequestId};

use super::app::{App, Source, Tab};
use super::light_box;
use super::state::attribution::{AttributionState, SLOTS, Shown};
use super::state::audit::AuditState;
use super::state::edits::{History, Made, OnDevice, Pictures};
use super::state::films::{OpenFilm, Study, facts, file_name};
use super::state::job::Step;
use super::state::log::WINDOW;
use super::state::problem::Problem;
use super::state::report::{ReportState, Shown as ReportShown};
use super::state::shift::{Done, ShiftState};
use super::state::thumbnails::Small;

/// Time in one frame of the window for news from the worker; the rest waits for the next frame.
const BUDGET: Duration = Duration::from_millis(4);

impl App {
    /// Everything that happens outside of drawing, once a frame.
    pub fn logic(&mut self) {
        let (now, seconds) = self.ctx.input(|input| (input.time, input.stable_dt));
        self.now = now;
        self.drain();
        self.take_search();
        self.gallery.take(&self.ctx);
        let ctx = self.ctx.clone();
        if self.store.take(&ctx) {
            (self.layout.bottom, self.layout.tab) = (true, Tab::Gallery);
            self.audit = AuditState::default();
            self.find_labels();
            if let Some(problem) = self.store.open.as_ref().and_then(|open| open.label_problem.clone()) {
                self.toasts.problem(&problem);
            }
        }
        self.take_written();
        self.take_dialogs();
        self.take_thumbnails();
        while let Ok(error) = self.driver_errors.try_recv() {
            self.toasts.warn("The graphics driver reported an error", error);
        }
        self.take_session();
        self.observe_view();
        self.keep();
        self.tell_start();
        if self.shift.playing {
            self.shift.advance(seconds.min(0.25));
            self.ctx.request_repaint();
        }
        // A hand that let go of a slider has finished one step of undo.
        if self.ctx.input(|input| input.pointer.any_released())
            && let Some(history) = self.study.history_mut()
        {
            history.end_gesture();
        }
    }

    fn drain(&mut self) {
        let start = Instant::now();
        loop {
            let Some(worker) = &self.worker else { return };
            match worker.poll() {
                Ok(Some(event)) => self.take(event),
                Ok(None) => return,
                Err(error) => return self.worker_died(&error),
            }
            if start.elapsed() > BUDGET {
                return self.ctx.request_repaint();
            }
        }
    }

    fn worker_died(&mut self, error: &Error) {
        let problem = Problem {
            todo: "Restart Fluoro. Films and bundles on disk are untouched.".to_owned(),
            ..Problem::new("The engine stopped", error)
        };
        self.toasts.problem(&problem);
        self.dead = Some(problem);
        self.worker = None;
        self.model.pending = None;
        self.study.pending = None;
        self.study.waits_for_bundle = false;
        self.pictures.pending = None;
        // Its numbers will never come.
        self.pictures.on_device = None;
        self.shift.job.working = None;
        self.attribution.jobs.iter_mut().for_each(|job| job.working = None);
        self.report.job.working = None;
        self.region.job.working = None;
        self.audit.job.working = None;
        self.export.working = None;
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::BundleOpened(id, view) => self.bundle_opened(id, view),
            Event::FilmOpened(id, view) => self.film_opened(id, view),
            Event::Shown { id, edit, frame } => self.shown(id, edit, frame),
            Event::Edited { id, edit, frame, milliseconds } => self.edited(id, edit, frame, milliseconds),
            Event::Progress { id, stage, done, total } => {
                let step = Step { stage, done, total };
                let _for_one = self.shift.job.advance(id, step.clone())
                    || self.attribution.jobs.iter_mut().any(|job| job.advance(id, step.clone()))
                    || self.report.job.advance(id, step.clone())
                    || self.region.job.advance(id, step.clone())
                    || self.audit.job.advance(id, step.clone())
                    || self.export.advance(id, step);
            }
            Event::Shifted(id, shift) => {
                let (Some(request), version) = (self.shift.asked.clone(), self.next_version()) else { return };
                if self.shift.job.awaits(id) {
                    let last = shift.frames.len().saturating_sub(1);
                    self.shift.job.finish(id, Done::new(shift, request, version));
                    self.source = Source::Shift;
                    self.shift.go_to(last as f32);
                }
            }
            Event::Attributed(id, found) => {
                let version = self.next_version();
                for slot in 0..SLOTS {
                    let request = self.attribution.asked[slot].clone();
                    if let (true, Some(request)) = (self.attribution.jobs[slot].awaits(id), request) {
                        self.attribution.jobs[slot].finish(id, Shown::new(Arc::clone(&found), request, version));
                    }
                }
            }
            Event::Reported(id, worded) => {
                self.report.job.finish(id, ReportShown::new(worded));
            }
            Event::RegionSearched(id, found) => {
                self.region.job.finish(id, found);
            }
            Event::Audited(id, audit) => {
                self.audit.job.finish(id, audit);
            }
            Event::Exported(id, paths) => self.exported(id, paths),
            Event::Failed(id, error) => self.failed(id, &error),
            Event::Warning(text) => self.toasts.warn("Please note", text),
        }
    }

    fn bundle_opened(&mut self, id: RequestId, view: BundleView) {
        if self.model.pending == Some(id) {
            self.model.pending = None;
        }
        self.model.problem = None;
        tracing::info!("bundle {} is open on {}", view.manifest.name, view.device);
        let is_same = self.model.view.as_ref().is_some_and(|old| old.manifest == view.manifest);
        self.light_box.without_decoder = view.manifest.decoder.is_none();
        self.model.view = Some(view);
        if is_same {
            // Another device took over; the edits still mean the same.
            return;
        }
        // Features and labels of another bundle are other features and labels.
        self.shift = ShiftState::default();
        self.attribution = AttributionState::default();
        self.report = ReportState::default();
        self.audit = AuditState::default();
        self.store.forget_pages();
        self.find_labels();
        self.source = Source::Edit;
        self.pictures = Pictures::default();
        for film in &mut self.study.films {
            film.history = History::default();
            film.waiting.clear();
            film.problem = None;
        }
        self.features.forget_features();
        self.brush.feature = None;
        self.open_films_of_bundle();
    }

    /// Fills an empty study with what the bundle brings, once the newest bundle asked for is the open one.
    fn open_films_of_bundle(&mut self) {
        let has_gallery = self.manifest().is_some_and(|manifest| !manifest.gallery.is_empty());
        let is_empty = self.study.films.is_empty() && self.study.searching.is_none();
        if self.model.pending.is_none() && (self.study.waits_for_bundle || is_empty && has_gallery) {
            self.open_gallery();
        }
    }

    fn film_opened(&mut self, id: RequestId, view: FilmView) {
        let awaited = self.study.pending.filter(|(own, _)| *own == id);
        let again = self.film.as_ref().is_some_and(|film| film.view.radiograph.path == view.radiograph.path);
        match awaited {
            Some((_, index)) => {
                self.study.pending = None;
                self.performance.open.push(self.film_asked.elapsed().as_secs_f32() * 1e3);
                if index != self.study.current {
                    // The user went on meanwhile.
                    return self.ask_for_film();
                }
                if !again {
                    self.light_box.reset();
                    // Views of its last time on the light box are gone.
                    if let Some(film) = self.study.films.get(index) {
                        self.steps.forget(&film.source);
                    }
                }
            }
            // The same film, read again by another bundle or device.
            None if again && self.study.pending.is_none() => {}
            None => return,
        }
        if let Some(analysis) = &view.analysis {
            self.performance.analysis.push(analysis.milliseconds);
        }
        let version = self.next_version();
        let wake = self.ctx.clone();
        let film = OpenFilm::new(view, self.manifest().map(Arc::as_ref), version, move || wake.request_repaint());
        let thumbnail = light_box::thumbnail(&self.ctx, &film, &self.look);
        let facts = facts(&film.view.radiograph);
        let small = Arc::new(Small::of(&film.view.radiograph, self.thumbnail_side()));
        self.study.thumbnails.forget(self.study.current);
        if let Some(entry) = self.study.film_mut() {
            entry.thumbnail = Some(thumbnail);
            entry.facts = Some(facts);
            entry.small = Some(small);
            entry.problem = None;
        }
        self.clear_light_box();
        self.film = Some(film);
        self.study.shown = Some(self.study.current);
        self.apply_waiting();
        self.ask_for_picture();
    }

    /// The picture of an edit is on the graphics device; its numbers follow.
    fn shown(&mut self, id: RequestId, edit: Edit, frame: DeviceFrame) {
        let is_awaited = self.pictures.pending.is_some_and(|(newest, _)| id <= newest);
        if is_awaited && self.analysis().is_some() && self.light_box.by_shader {
            if let Some((_, asked)) = self.pictures.pending.filter(|(newest, _)| *newest == id) {
                self.performance.slider.push(asked.elapsed().as_secs_f32() * 1e3);
            }
            let version = self.next_version();
            self.pictures.on_device = Some(OnDevice { frame: Arc::new(frame), edit, id, version });
        }
    }

    fn edited(&mut self, id: RequestId, edit: Edit, frame: Arc<Frame>, milliseconds: f32) {
        // An answer to an edit of the film before has no request any more.
        let Some((newest, asked)) = self.pictures.pending else { return };
        if id > newest || self.analysis().is_none() {
            return;
        }
        if id == newest {
            self.pictures.pending = None;
            if self.pictures.on_device.as_ref().is_none_or(|shown| shown.id != id) {
                self.performance.slider.push(asked.elapsed().as_secs_f32() * 1e3);
            }
            self.performance.model.push(milliseconds);
        }
        // What is on the device already is not brought there again.
        let version = match self.pictures.on_device.as_ref().filter(|shown| shown.id == id) {
            Some(shown) => shown.version,
            None => {
                self.pictures.on_device = None;
                self.next_version()
            }
        };
        self.pictures.made = Some(Made { frame, edit, version });
    }

    fn exported(&mut self, id: RequestId, paths: Vec<PathBuf>) {
        let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n");
        if self.export.finish(id, paths) {
            self.toasts.news(self.now, "Written, with its recipe", names);
        }
    }

    fn failed(&mut self, id: RequestId, error: &Arc<Error>) {
        let cancelled = matches!(**error, Error::Cancelled);
        if self.model.pending == Some(id) {
            self.model.pending = None;
            let problem = Problem::new("The bundle could not be opened", error);
            match self.model.view {
                Some(_) => self.toasts.problem(&problem),
                None => self.model.problem = Some(problem),
            }
            if self.study.waits_for_bundle {
                self.open_samples();
            }
        } else if let Some((_, index)) = self.study.pending.filter(|(own, _)| *own == id) {
            self.study.pending = None;
            self.film_failed(index, Problem::new("This film could not be opened", error));
        } else if self.shift.job.awaits(id) {
            let problem = Problem::new("The shift could not be computed", error);
            self.shift.job.fail(id, (!cancelled).then_some(problem));
        } else if let Some(job) = self.attribution.jobs.iter_mut().find(|job| job.awaits(id)) {
            let problem = Problem::new("The attribution could not be computed", error);
            job.fail(id, (!cancelled).then_some(problem));
        } else if self.report.job.awaits(id) {
            let problem = Problem::new("The report could not be written", error);
            self.report.is_cancelled = cancelled;
            self.report.job.fail(id, (!cancelled).then_some(problem));
        } else if self.region.job.awaits(id) {
            let problem = Problem::new("The region could not be searched", error);
            self.region.is_cancelled = cancelled;
            self.region.job.fail(id, (!cancelled).then_some(problem));
        } else if self.audit.job.awaits(id) {
            let problem = Problem::new("The audit could not be done", error);
            self.audit.job.fail(id, (!cancelled).then_some(problem));
        } else if self.export.awaits(id) {
            let problem = Problem::new("Nothing was written", error);
            if !cancelled {
                self.toasts.problem(&problem);
            }
            self.export.fail(id, None);
        } else if self.pictures.pending.is_some_and(|(newest, _)| newest == id) {
            self.pictures.pending = None;
            if !cancelled {
                // The picture of an older edit would pass for that of this one.
                self.pictures.forget();
                self.pictures.problem = Some(Problem::new("The edit could not be computed", error));
            }
        } else if self.film.as_ref().is_some_and(|film| film.view.analysis.is_none()) && self.study.pending.is_none() {
            // The film is on the light box, but the bundle cannot read it.
            let problem = Problem::new("The bundle cannot read this film", error);
            if let Some(film) = self.study.film_mut() {
                film.problem = Some(problem);
            }
        }
    }

    fn take_written(&mut self) {
        for result in self.writing.take() {
            match result {
                Ok(written) => {
                    let names = written.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
                    self.toasts.news(self.now, written.title, names.join("\n"));
                }
                Err(problem) => self.toasts.problem(&problem),
            }
        }
    }

    fn film_failed(&mut self, index: usize, problem: Problem) {
        if let Some(film) = self.study.films.get_mut(index) {
            tracing::warn!(target: WINDOW, "{}: {}", problem.what, problem.why);
            film.problem = Some(problem);
            film.facts = Some("cannot be opened".to_owned());
        }
        if index != self.study.current {
            return self.ask_for_film();
        }
        self.clear_light_box();
    }

    fn take_search(&mut self) {
        match self.study.searching.take().map(poll_promise::Promise::try_take) {
            Some(Ok(Ok(paths))) => self.set_films(Study::placed(paths)),
            Some(Ok(Err(problem))) => {
                if self.study.films.is_empty() {
                    self.study.problem = Some(problem);
                } else {
                    self.toasts.problem(&problem);
                }
            }
            Some(Err(waiting)) => self.study.searching = Some(waiting),
            None => {}
        }
    }
}

/// What to call a film where its whole path is too long.
pub fn title(film: &OpenFilm) -> String {
    file_name(&film.view.radiograph.path)
}
