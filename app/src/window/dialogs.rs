//! File dialogs of the system, on a thread of their own, and what is done with their answers.

use std::path::PathBuf;
use std::sync::Arc;

use fluoro_core::audit::AuditFiles;
use fluoro_core::bundle::BundleSource;
use fluoro_core::export::atomic::write_atomic;
use fluoro_core::export::job::{ExportJob, ExportKind};
use fluoro_core::export::look::{Format, Look};
use fluoro_core::export::recipe::{Action, Recipe};
use fluoro_core::export::report::ReportFile;
use fluoro_core::gallery::Gallery;
use poll_promise::Promise;

use super::app::App;
use super::events::title;
use super::state::problem::Problem;

/// Extensions of films, for the dialog's filter; other files can be chosen too.
const FILMS: [&str; 9] = ["dcm", "dicom", "dic", "png", "jpg", "jpeg", "tif", "tiff", "bmp"];

/// What a dialog asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session to open.
    OpenSession,
    /// Where the session goes.
    SaveSession,
    /// Where a film of the session is now.
    LocateFilm,
    /// Where its films are now.
    LocateFolder,
    /// Films to open.
    OpenFilms,
    /// A folder of films.
    OpenFolder,
    /// A bundle's folder.
    OpenBundle,
    /// Where the counterfactual goes.
    ExportPicture,
    /// Where the moving picture goes.
    ExportGif,
    /// Where the sheet goes.
    ExportSheet,
    /// Where the frames go.
    ExportFrames,
    /// A store's folder.
    OpenStore,
    /// Where the report goes.
    ExportReport,
    /// A table of metadata.
    OpenMetadata,
    /// Where the audit goes.
    ExportAudit,
    /// Where the sheet of a store's feature goes.
    ExportFeatureSheet,
    /// Where the DICOM object goes.
    ExportDicom,
    /// Where the film goes as a picture.
    ExportFilm,
    /// Where the picture of the light box goes.
    SaveView,
    /// Where a remembered edit goes.
    ExportEdit,
    /// A recipe of a remembered edit.
    ImportEdit,
    /// A bundle that is being trained.
    WatchTraining,
}

/// The dialog that is open; the system shows one at a time.
#[derive(Default)]
pub struct Dialogs {
    open: Option<(Purpose, Promise<Vec<PathBuf>>)>,
    /// Number of the film that was on the light box when it opened.
    film: Option<u64>,
}

impl Dialogs {
    /// No dialog is open.
    pub fn is_free(&self) -> bool {
        self.open.is_none()
    }
}

impl App {
    /// Opens a dialog.
    pub fn ask(&mut self, purpose: Purpose) {
        if !self.dialogs.is_free() || !self.host.dialogs {
            return;
        }
        let name = self.proposed_name(purpose);
        let wake = self.ctx.clone();
        let show = move || {
            let paths = dialog(purpose, &name);
            wake.request_repaint();
            paths
        };
        // macOS opens dialogs from the main thread only.
        #[cfg(target_os = "macos")]
        let promise = Promise::from_ready(show());
        #[cfg(not(target_os = "macos"))]
        let promise = Promise::spawn_thread("fluoro-dialog", show);
        self.dialogs.open = Some((purpose, promise));
        self.dialogs.film = self.film.as_ref().map(|film| film.version);
    }

    fn proposed_name(&self, purpose: Purpose) -> String {
        let film = self.film.as_ref().map(title).unwrap_or_default();
        let stem = film.rsplit_once('.').map_or(film.as_str(), |(stem, _)| stem).to_owned();
        let target = self.shift.job.value.as_ref().map(|done| self.target_name(done.request.target));
        let target = target.unwrap_or_default().to_lowercase().replace(|c: char| !c.is_alphanumeric(), "-");
        match purpose {
            Purpose::ExportPicture => format!("{stem}-counterfactual.png"),
            Purpose::ExportGif => format!("{stem}-{target}.gif"),
            Purpose::ExportSheet => format!("{stem}-{target}.png"),
            Purpose::ExportFrames => format!("{stem}-{target}"),
            Purpose::ExportAudit => "audit.html".to_owned(),
            Purpose::ExportReport => format!("{stem}-report.txt"),
            Purpose::ExportDicom => "fluoro.dcm".to_owned(),
            // Not the film's own name: it may be the patient's.
            Purpose::ExportFilm => "film.png".to_owned(),
            Purpose::SaveView => "view.png".to_owned(),
            Purpose::ExportFeatureSheet => format!("feature-{}.png", self.store.feature),
            Purpose::ExportEdit => format!("{}.recipe.ron", self.named_edits.exporting.as_deref().unwrap_or("edit")),
            Purpose::SaveSession => format!("{stem}{}", super::session::ENDING),
            Purpose::OpenSession
            | Purpose::LocateFilm
            | Purpose::LocateFolder
            | Purpose::OpenFilms
            | Purpose::ImportEdit
            | Purpose::OpenFolder
            | Purpose::OpenBundle
            | Purpose::OpenStore
            | Purpose::OpenMetadata
            | Purpose::WatchTraining => String::new(),
        }
    }

    /// Takes a dialog's answer, when there is one; none was chosen when it is empty.
    pub(super) fn take_dialogs(&mut self) {
        match self.dialogs.open.take().map(|(purpose, promise)| (purpose, promise.try_take())) {
            Some((purpose, Ok(paths))) => self.answered(purpose, paths),
            Some((purpose, Err(waiting))) => self.dialogs.open = Some((purpose, waiting)),
            None => {}
        }
    }

    fn answered(&mut self, purpose: Purpose, mut paths: Vec<PathBuf>) {
        let Some(first) = paths.first().cloned() else { return };
        let is_of_film = matches!(
            purpose,
            Purpose::ExportPicture
                | Purpose::ExportGif
                | Purpose::ExportSheet
                | Purpose::ExportFrames
                | Purpose::ExportDicom
                | Purpose::ExportFilm
                | Purpose::SaveView
                | Purpose::ExportReport
        );
        if is_of_film && self.dialogs.film != self.film.as_ref().map(|film| film.version) {
            // What was asked and answered of one film does not hold for the next.
            return self.toasts.warn("Nothing was written", "Another film is on the light box now. Export it again.");
        }
        match purpose {
            Purpose::OpenFilms | Purpose::OpenFolder => self.open_paths(std::mem::take(&mut paths)),
            Purpose::OpenSession => self.open_paths(vec![first]),
            Purpose::SaveSession => self.save_session_to(first),
            Purpose::LocateFilm => self.locate_film(first),
            Purpose::LocateFolder => self.locate_folder(first),
            Purpose::OpenBundle => self.open_bundle(BundleSource::Folder(first)),
            Purpose::OpenStore => self.open_store(first),
            Purpose::WatchTraining => self.watch_training(first),
            Purpose::ExportReport => self.export_report(first),
            Purpose::OpenMetadata => self.audit.metadata = Some(first),
            Purpose::ExportAudit => self.export_audit(first),
            Purpose::ExportFeatureSheet => self.export_feature_sheet(first),
            Purpose::ExportEdit => self.export_edit(&first),
            Purpose::ImportEdit => self.import_edit(&first),
            Purpose::ExportPicture => self.export_picture(first),
            Purpose::ExportDicom => self.export_dicom(first),
            Purpose::ExportFilm => self.export_film(first),
            Purpose::SaveView => self.save_view(first),
            Purpose::ExportGif | Purpose::ExportSheet | Purpose::ExportFrames => self.export_shift(purpose, first),
        }
    }

    /// Writes the counterfactual of the sliders.
    pub fn export_picture(&mut self, path: PathBuf) {
        if !self.is_read_for_export() {
            return;
        }
        let (Some(made), Some(film)) = (&self.pictures.made, &self.film) else { return };
        let frame = match self.choice().on_frame(&made.frame.pixels, &film.extent) {
            Ok(frame) => frame,
            Err(error) => return self.toasts.problem(&Problem::new("Nothing was written", &error)),
        };
        let action = Action::Edit(made.edit.clone());
        self.export(ExportKind::Picture { frame }, path, action);
    }

    /// Writes the report.
    pub fn export_report(&mut self, path: PathBuf) {
        let (Some(shown), Some(film), Some(manifest)) = (&self.report.job.value, &self.film, self.manifest()) else {
            return;
        };
        let (worded, manifest) = (Arc::clone(&shown.worded), Arc::clone(manifest));
        let radiograph = Arc::clone(&film.view.radiograph);
        let wake = self.ctx.clone();
        self.writing.start(
            "Report written",
            move || wake.request_repaint(),
            move || ReportFile::new(&worded, &manifest, &radiograph).write(&path).map(|()| vec![path]),
        );
    }

    /// Writes the audit.
    pub fn export_audit(&mut self, path: PathBuf) {
        let Some(audit) = self.audit.job.value.clone() else { return };
        let (command, wake) = (self.audit.command.clone(), self.ctx.clone());
        self.writing.start(
            "Audit written",
            move || wake.request_repaint(),
            move || AuditFiles::beside(&path)?.write(&audit, &command),
        );
    }

    /// Draws and writes the sheet of the store's feature.
    pub fn export_feature_sheet(&mut self, path: PathBuf) {
        let (Some(open), Some(page)) = (&self.store.open, self.store.shown_page()) else { return };
        let (store, page) = (Arc::clone(&open.store), page.page.clone());
        let manifest = self.manifest().filter(|it| it.encoding_hash() == store.info().bundle_hash).cloned();
        let name = self.label_in(open, page.statistics.feature);
        let wake = self.ctx.clone();
        self.writing.start(
            "Feature sheet written",
            move || wake.request_repaint(),
            move || {
                let gallery = Gallery::new(&store, manifest.as_deref(), None)?;
                let png = gallery.sheet(&page, name.as_deref())?.png()?;
                write_atomic(&path, |out| out.write_all(&png)).map(|()| vec![path])
            },
        );
    }

    /// Writes the shift.
    pub fn export_shift(&mut self, purpose: Purpose, path: PathBuf) {
        let (Some(done), Some(analysis)) = (self.shift.job.value.clone(), self.analysis().cloned()) else { return };
        let Some((shift, original)) = self.leaving_shift(&done.shift, &analysis.input) else { return };
        let look = Look { delay_ms: self.shift.delay_ms(), ..Look::default() };
        let kind = match purpose {
            Purpose::ExportGif => ExportKind::Moving { shift, original, look, format: Format::Gif },
            Purpose::ExportSheet => ExportKind::Sheet { shift, original },
            _ => ExportKind::Frames { shift },
        };
        let request = done.request;
        let action = Action::Shift { request, look };
        self.export(kind, path, action);
    }

    pub(super) fn export(&mut self, kind: ExportKind, path: PathBuf, action: Action) {
        let Some(recipe) = self.recipe(action) else { return };
        let Some(worker) = &self.worker else { return };
        let id = worker.export(ExportJob { kind, path, recipe });
        self.export.start(id);
    }

    /// How to make again what is about to be written.
    pub(super) fn recipe(&self, action: Action) -> Option<Recipe> {
        let (model, film) = (self.model.view.as_ref()?, self.film.as_ref()?);
        let (analysis, path) = (film.view.analysis.as_ref()?, &film.view.radiograph.path);
        Some(Recipe::from_parts(&model.manifest, &model.device, path, &analysis.input, action))
    }
}

/// Shows the dialog and waits for the answer.
fn dialog(purpose: Purpose, name: &str) -> Vec<PathBuf> {
    let dialog = rfd::FileDialog::new();
    let one = |path: Option<PathBuf>| path.into_iter().collect();
    match purpose {
        Purpose::OpenFilms => {
            let dialog = dialog.set_title("Open films").add_filter("Films", &FILMS).add_filter("All files", &["*"]);
            dialog.pick_files().unwrap_or_default()
        }
        Purpose::OpenSession => {
            one(dialog.set_title("Open session").add_filter("Fluoro session", &["fluoro.ron", "ron"]).pick_file())
        }
        Purpose::SaveSession => {
            let dialog = dialog.set_title("Save session").set_file_name(name);
            one(dialog.add_filter("Fluoro session", &["fluoro.ron"]).save_file())
        }
        Purpose::LocateFilm => one(dialog.set_title("Where is this film now?").pick_file()),
        Purpose::LocateFolder => one(dialog.set_title("In which folder are the films now?").pick_folder()),
        Purpose::OpenFolder => one(dialog.set_title("Open a folder of films").pick_folder()),
        Purpose::OpenBundle => one(dialog.set_title("Open a bundle: the folder with bundle.ron").pick_folder()),
        Purpose::OpenStore => {
            one(dialog.set_title("Open an activation store: the folder with store.ron").pick_folder())
        }
        Purpose::WatchTraining => one(dialog.set_title("Watch a training: the bundle's folder").pick_folder()),
        Purpose::OpenMetadata => {
            let dialog = dialog.set_title("Open a table of metadata").add_filter("CSV", &["csv"]);
            one(dialog.add_filter("All files", &["*"]).pick_file())
        }
        Purpose::ExportAudit => {
            one(dialog.set_title("Export audit").set_file_name(name).add_filter("HTML", &["html"]).save_file())
        }
        Purpose::ExportReport => {
            let dialog = dialog.set_title("Export report: .txt, .json or .dcm.txt").set_file_name(name);
            one(dialog.add_filter("Report", &["txt", "json"]).save_file())
        }
        Purpose::ExportFeatureSheet => {
            one(dialog.set_title("Export feature sheet").set_file_name(name).add_filter("PNG", &["png"]).save_file())
        }
        Purpose::ExportEdit => {
            let dialog = dialog.set_title("Export an edit as a recipe").set_file_name(name);
            one(dialog.add_filter("Recipe", &["ron"]).save_file())
        }
        Purpose::ImportEdit => {
            let dialog = dialog.set_title("Import an edit: a recipe").add_filter("Recipe", &["ron"]);
            one(dialog.add_filter("All files", &["*"]).pick_file())
        }
        Purpose::ExportPicture => {
            one(dialog.set_title("Export picture").set_file_name(name).add_filter("PNG", &["png"]).save_file())
        }
        Purpose::ExportDicom => {
            let dialog = dialog.set_title("Export DICOM Secondary Capture").set_file_name(name);
            one(dialog.add_filter("DICOM", &["dcm"]).save_file())
        }
        Purpose::ExportFilm => {
            one(dialog.set_title("Export film").set_file_name(name).add_filter("PNG", &["png"]).save_file())
        }
        Purpose::SaveView => {
            one(dialog.set_title("Save view").set_file_name(name).add_filter("PNG", &["png"]).save_file())
        }
        Purpose::ExportGif => {
            one(dialog.set_title("Export GIF").set_file_name(name).add_filter("GIF", &["gif"]).save_file())
        }
        Purpose::ExportSheet => {
            one(dialog.set_title("Export sheet").set_file_name(name).add_filter("PNG", &["png"]).save_file())
        }
        Purpose::ExportFrames => one(dialog.set_title("Export frames: a new folder").set_file_name(name).save_file()),
    }
}
