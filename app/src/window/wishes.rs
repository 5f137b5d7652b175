//! What a user asks for, as changes of the application: films, bundles, edits, shifts. Answers come in
//! [`events`](super::events).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fluoro_core::audit::AuditRequest;
use fluoro_core::bundle::manifest::GalleryFilm;
use fluoro_core::bundle::{BundleSource, embedded};
use fluoro_core::engine::Edit;
use fluoro_core::radiograph::{Study as FilmFiles, arranged};
use fluoro_core::store::Store as StoreTables;
use fluoro_core::worker::{FilmSource, RequestId};

use super::app::{App, Source, Tab};
use super::state::attribution::SLOTS;
use super::state::audit::AuditState;
use super::state::edits::{Handle, History, Pictures};
use super::state::films::{Film, Study};
use super::state::problem::Problem;
use super::state::region::RegionSearch;
use super::state::report::ReportState;
use super::state::shift::ShiftState;
use super::state::steps::Steps;

impl App {
    /// Opens files and folders; a folder that is a bundle is opened as one.
    pub fn open_paths(&mut self, paths: Vec<PathBuf>) {
        if let [file] = paths.as_slice()
            && super::session::is_session(file)
        {
            self.recent.add(file);
            return self.open_session(file.clone());
        }
        if let [folder] = paths.as_slice()
            && is_bundle(folder)
        {
            return self.open_bundle(BundleSource::Folder(folder.clone()));
        }
        if let [folder] = paths.as_slice()
            && StoreTables::is_at(folder)
        {
            return self.open_store(folder.clone());
        }
        for path in &paths {
            self.recent.add(path);
        }
        self.study.waits_for_bundle = false;
        let wake = self.ctx.clone();
        // A folder on a network drive can take long to walk through.
        self.study.searching = Some(poll_promise::Promise::spawn_thread("fluoro-search", move || {
            let found = FilmFiles::open(&paths).map(|study| arranged(study.films));
            wake.request_repaint();
            found.map_err(|error| Problem::new("No films were opened", &error))
        }));
    }

    /// Opens the sample films.
    pub fn open_samples(&mut self) {
        self.set_films(Study::samples());
    }

    /// Opens the films that come with the bundle; the sample films where there are none.
    pub fn open_gallery(&mut self) {
        let view = self.model.view.as_ref();
        let films = view.map(|view| Study::gallery(&view.source, &view.manifest.gallery)).unwrap_or_default();
        self.set_films(if films.is_empty() { Study::samples() } else { films });
    }

    /// Shows a film of a gallery; it joins the study where it is not in it yet.
    pub fn show_gallery_film(&mut self, bundle: &BundleSource, film: &GalleryFilm) {
        self.show_source(Film::of_gallery(bundle, film));
    }

    /// Shows a film; it joins the study where it is not in it yet.
    fn show_source(&mut self, new: Film) {
        let known = self.study.films.iter().position(|known| known.source == new.source);
        let index = known.unwrap_or_else(|| {
            self.study.films.push(new);
            self.study.films.len() - 1
        });
        self.show_film(index);
    }

    /// Whether the film chosen is this one of the open bundle's gallery.
    pub fn is_gallery_film(&self, index: usize) -> bool {
        let (Some(view), Some(film)) = (&self.model.view, self.study.film()) else { return false };
        let Some(listed) = view.manifest.gallery.get(index) else { return false };
        matches!(&film.source, FilmSource::Gallery { bundle, file } if *bundle == view.source && *file == listed.file)
    }

    /// Opens the built-in bundle that fits the film; the study stays.
    pub fn open_proposal(&mut self) {
        if let Some(name) = self.notice().and_then(|notice| notice.proposal()) {
            self.open_bundle(BundleSource::Embedded(name.to_owned()));
        }
    }

    /// Closes the notice above the light box.
    pub fn close_notice(&mut self) {
        if let Some(notice) = self.notice() {
            self.notices.close(&notice);
        }
    }

    /// Replaces the study's films and shows the first.
    pub fn set_films(&mut self, films: Vec<Film>) {
        self.study = Study { films, ..Study::default() };
        self.close_prior();
        self.session.missing.clear();
        // Save asks where: these are not the films of the session that was open.
        self.session.file = None;
        self.steps = Steps::default();
        self.clear_light_box();
        self.show_film(0);
    }

    /// Takes the film and everything made of it off the light box.
    pub(super) fn clear_light_box(&mut self) {
        self.film = None;
        self.study.shown = None;
        self.pictures = Pictures::default();
        let settings = std::mem::take(&mut self.shift.settings);
        self.attribution = self.attribution.cleared();
        self.report = self.report.cleared();
        self.region = self.region.cleared();
        self.shift = ShiftState { settings, speed: self.shift.speed, ..ShiftState::default() };
        self.source = Source::Edit;
    }

    /// Opens a bundle; films are analysed again.
    pub fn open_bundle(&mut self, source: BundleSource) {
        let Some(worker) = &self.worker else { return };
        self.model.problem = None;
        self.model.pending = Some(worker.open_bundle(source));
    }

    /// Shows a film of the study. While one is being opened, only the newest wish is kept.
    pub fn show_film(&mut self, index: usize) {
        if index >= self.study.films.len() {
            return;
        }
        if let Some(history) = self.study.history_mut() {
            history.end_gesture();
        }
        self.study.current = index;
        self.cancel_of_film();
        if self.study.pending.is_none() {
            self.ask_for_film();
        }
    }

    /// Sends the request for the current film.
    pub(super) fn ask_for_film(&mut self) {
        let (Some(film), Some(worker)) = (self.study.film(), &self.worker) else { return };
        let id = worker.open_film(film.source.clone());
        self.study.pending = Some((id, self.study.current));
        self.film_asked = Instant::now();
    }

    /// Steps through the study.
    pub fn step_film(&mut self, by: isize) {
        let last = self.study.films.len().saturating_sub(1);
        let next = self.study.current.saturating_add_signed(by).min(last);
        if next != self.study.current {
            self.show_film(next);
        }
    }

    /// A slider moved.
    pub fn change_edit(&mut self, handle: Handle, change: impl FnOnce(&mut Edit)) {
        let now = self.now;
        let changed = self.study.history_mut().is_some_and(|history| history.change(handle, now, change));
        if changed {
            self.edit_changed();
            self.source = Source::Edit;
            self.shift.playing = false;
            self.ask_for_picture();
        }
    }

    /// Sets a feature's film activation; its own value takes the edit away.
    pub fn set_feature(&mut self, index: usize, value: f32) {
        let own = self.analysis().and_then(|analysis| analysis.activations.get(index).copied());
        self.change_edit(Handle::Feature(index), |edit| match own {
            Some(own) if own == value => drop(edit.features.remove(&index)),
            _ => drop(edit.features.insert(index, value)),
        });
    }

    /// Sets a finding's step in percent of the latent's length; zero takes the edit away.
    pub fn set_finding(&mut self, label: usize, percent: f32) {
        self.change_edit(Handle::Finding(label), |edit| {
            if percent == 0.0 {
                edit.findings.remove(&label);
            } else {
                edit.findings.insert(label, percent);
            }
        });
    }

    /// One step back.
    pub fn undo(&mut self) {
        if self.study.history_mut().is_some_and(History::undo) {
            self.source = Source::Edit;
            self.ask_for_picture();
        }
    }

    /// One step forward.
    pub fn redo(&mut self) {
        if self.study.history_mut().is_some_and(History::redo) {
            self.source = Source::Edit;
            self.ask_for_picture();
        }
    }

    /// Asks for the picture of the current edit; the newest value wins in the worker.
    pub(super) fn ask_for_picture(&mut self) {
        let edit = self.edit();
        self.pictures.problem = None;
        if edit.is_empty() {
            // The unedited picture is the reconstruction, which is there.
            self.pictures.forget();
            self.pictures.pending = None;
            return;
        }
        if self.analysis().is_none() {
            return;
        }
        let Some(worker) = &self.worker else { return };
        self.pictures.pending = Some((worker.edit(edit), Instant::now()));
    }

    /// Computes the shift that the panel describes.
    pub fn compute_shift(&mut self) {
        if self.analysis().is_none() {
            return;
        }
        let Some(worker) = &self.worker else { return };
        let request = self.shift.settings.request();
        self.shift.job.start(worker.shift(request.clone()));
        self.shift.asked = Some(request);
    }

    /// Asks for both attributions.
    pub fn compute_attribution(&mut self) {
        let Some(worker) = self.worker.as_ref().filter(|_| self.analysis().is_some()) else { return };
        let state = &mut self.attribution;
        for slot in 0..SLOTS {
            let request = state.request(slot);
            state.jobs[slot].start(worker.attribute(request.clone()));
            state.asked[slot] = Some(request);
        }
    }

    /// Asks for the film in words.
    pub fn compute_report(&mut self) {
        let (Some(worker), Some((labels, _))) = (&self.worker, &self.report.labels) else { return };
        if self.analysis().is_some() {
            let id = worker.report(Arc::clone(labels));
            self.report.job.start(id);
        }
    }

    /// Asks for the features most tied to the rectangle that was drawn.
    pub fn search_region(&mut self) {
        self.region.is_cancelled = false;
        let (Some(worker), Some(film)) = (&self.worker, &self.film) else { return };
        if film.view.analysis.is_none() || self.study.pending.is_some() {
            return;
        }
        let Some(rectangle) = self.region.rectangle(film.size()) else {
            // A click, or a slip of the hand: nothing is searched for.
            self.region.drawn = None;
            self.region.job.value = None;
            return;
        };
        if let Some((id, _)) = &self.region.job.working {
            worker.cancel(*id);
        }
        self.region.job.start(worker.search_region(rectangle));
    }

    /// Draws a rectangle to search features by.
    pub fn draw_region(&mut self) {
        self.brush.feature = None;
        self.region.is_drawing = true;
        self.layout.features = true;
    }

    /// Ends the search by a region: all features are listed again.
    pub fn leave_region(&mut self) {
        if let (Some(worker), Some((id, _))) = (&self.worker, &self.region.job.working) {
            worker.cancel(*id);
        }
        self.region = RegionSearch::default();
    }

    /// Audits the column that the panel names.
    pub fn compute_audit(&mut self) {
        let (Some(worker), Some(open), Some(view)) = (&self.worker, &self.store.open, &self.model.view) else { return };
        let request = AuditRequest {
            metadata: self.audit.metadata.clone(),
            ..AuditRequest::new(open.store.folder(), self.audit.column.trim())
        };
        self.audit.command = AuditState::command_of(&request, &view.manifest.name);
        let id = worker.audit(request);
        self.audit.job.start(id);
    }

    /// Takes the labels of the store that is open where they are of the bundle's features, else the bundle's own.
    pub(super) fn find_labels(&mut self) {
        let Some(view) = &self.model.view else { return };
        let hash = view.manifest.encoding_hash();
        self.store.is_own = self.store.open.as_ref().is_some_and(|open| open.store.info().bundle_hash == hash);
        let of_store = self.store.open.as_ref().and_then(|open| {
            let labels = open.labels.as_ref().filter(|labels| labels.bundle_hash == view.manifest.encoding_hash())?;
            Some((Arc::clone(labels), open.store.folder().display().to_string()))
        });
        let own = || view.labels.as_ref().map(|labels| (Arc::clone(labels), format!("bundle {}", view.manifest.name)));
        let is_of_store = of_store.is_some();
        let labels = of_store.or_else(own);
        let mut features = view.manifest.sae.as_ref().map(|sae| sae.features.clone()).unwrap_or_default();
        for (index, feature) in features.iter_mut().enumerate() {
            // The bundle's names are one for each feature; several labels may be the same sentence.
            if !is_of_store && feature.label.is_some() {
                continue;
            }
            if let Some(found) = labels.as_ref().and_then(|(labels, _)| labels.of(index as u32)) {
                feature.label = Some(found.text.clone());
            }
        }
        self.named = Arc::new(features);
        self.features.forget_order();
        self.report = ReportState { labels, ..ReportState::default() };
    }

    /// Opens an activation store.
    pub fn open_store(&mut self, folder: PathBuf) {
        let wake = self.ctx.clone();
        self.store.open(folder, move || wake.request_repaint());
        (self.layout.bottom, self.layout.tab) = (true, Tab::Gallery);
    }

    /// Puts the command that opens the page of this feature on the clipboard.
    pub fn copy_feature_link(&mut self) {
        let Some(open) = &self.store.open else { return };
        let folder = std::path::absolute(open.store.folder()).unwrap_or_else(|_| open.store.folder().to_path_buf());
        let link = format!("fluoro view --store '{}' --feature {}", folder.display(), self.store.feature);
        self.ctx.copy_text(link.clone());
        self.toasts.news(self.now, "Copied: this command opens the page again", link);
    }

    /// Shows a film of the store, with the feature of its page pinned where the bundle has that feature.
    pub fn show_store_film(&mut self, path: &str) {
        let Some(open) = &self.store.open else { return };
        let info = open.store.info();
        let source = FilmSource::File(Path::new(&info.dataset).join(path));
        let is_own = self.manifest().is_some_and(|manifest| manifest.encoding_hash() == info.bundle_hash);
        if is_own {
            self.features.pins.insert(self.store.feature as usize);
        }
        self.show_source(Film::of_source(source));
    }

    /// Stops work on a film that is no longer wanted.
    fn cancel_of_film(&mut self) {
        let attributions = self.attribution.jobs.iter().map(|job| job.working.as_ref());
        let of_film = attributions.chain([self.report.job.working.as_ref(), self.region.job.working.as_ref()]);
        let ids: Vec<RequestId> = of_film.flatten().map(|(id, _)| *id).collect();
        if let Some(worker) = &self.worker {
            ids.into_iter().for_each(|id| worker.cancel(id));
        }
    }

    /// Stops the long work in progress.
    pub fn cancel(&mut self) {
        let region = &self.region.job.working;
        let jobs =
            [&self.shift.job.working, &self.report.job.working, region, &self.audit.job.working, &self.export.working]
                .map(Option::as_ref);
        let both = self.attribution.jobs.iter().map(|job| job.working.as_ref());
        let ids: Vec<RequestId> = jobs.into_iter().chain(both).flatten().map(|(id, _)| *id).collect();
        if let Some(worker) = &self.worker {
            ids.into_iter().for_each(|id| worker.cancel(id));
        }
    }
}

/// The built-in bundles, and whether each is the one that is open.
pub fn built_in(app: &App) -> impl Iterator<Item = (&'static str, bool)> {
    let open = app.model.view.as_ref().map(|view| &view.source);
    let is_open = move |name: &str| matches!(open, Some(BundleSource::Embedded(open)) if open == name);
    embedded::names().into_iter().map(move |name| (name, is_open(name)))
}

fn is_bundle(path: &Path) -> bool {
    path.join(fluoro_core::bundle::manifest::FILE).is_file()
}
