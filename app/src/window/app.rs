//! The application: everything the window knows, and what a user's wish changes in it. Drawing is elsewhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use fluoro_core::bundle::manifest::{Feature, Manifest};
use fluoro_core::device::{DeviceChoice, WgpuSetup};
use fluoro_core::engine::{Analysis, Edit};
use fluoro_core::shift::Target;
use fluoro_core::worker::{BundleView, RequestId, Worker, WorkerOptions};

use super::command::Keymap;
use super::dialogs::Dialogs;
use super::dock::Dock;
use super::light_box::LightBox;
use super::native::Lost;
use super::panels::key_editor::KeyEditor;
use super::panels::palette::Palette;
use super::session::SessionState;
use super::session::keeper::Keeper;
use super::state::attribution::AttributionState;
use super::state::audit::AuditState;
use super::state::brush::Brush;
use super::state::edits::Pictures;
use super::state::exports::{Exports, Leaving};
use super::state::features::FeatureList;
use super::state::films::{OpenFilm, Study};
use super::state::findings::FindingSettings;
use super::state::gallery::Gallery;
use super::state::job::Job;
use super::state::named_edits::NamedEdits;
use super::state::notice::{Notice, Notices};
use super::state::performance::Performance;
use super::state::prior::Prior;
use super::state::problem::Problem;
use super::state::recent::Recent;
use super::state::region::RegionSearch;
use super::state::report::ReportState;
use super::state::settings::SettingsFile;
use super::state::shift::ShiftState;
use super::state::steps::Steps;
use super::state::store::{OpenStore, StoreState};
use super::state::tags::Tags;
use super::state::toasts::Toasts;
use super::state::training::Watch;
use super::state::writing::Writing;
use super::tokens::{Look, Tokens};
use super::{WindowError, WindowOptions, style};

/// What the surroundings allow.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// File dialogs can open.
    pub dialogs: bool,
    /// Recent files are kept.
    pub remembers: bool,
    /// What paints the window.
    pub drawn_by: DrawnBy,
}

/// What paints the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawnBy {
    /// A GPU, or a driver that plays one.
    Adapter,
    /// The program itself, into a picture.
    Raster,
}

/// What the counterfactual viewport shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The edit of the sliders.
    #[default]
    Edit,
    /// A frame of the shift.
    Shift,
}

/// Tabs below the light box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Latent shift.
    #[default]
    Shift,
    /// Where the classifier looks.
    Attribution,
    /// Films that come with the bundle, or a store's features.
    Gallery,
    /// The film in words.
    Report,
    /// A column of metadata against features and predictions.
    Audit,
    /// Times.
    Performance,
    /// What the program said.
    Log,
}

/// What lies over the window.
#[derive(Default)]
pub enum Cover {
    /// Nothing.
    #[default]
    Nothing,
    /// The command palette.
    Palette(Palette),
    /// The list of keys.
    Keys,
    /// What the user set for good.
    Settings,
    /// What the bundle is.
    Bundle,
    /// What Fluoro is.
    About,
    /// Everything that the film's file says.
    Tags(Tags),
    /// The curves of a training.
    Training(Watch),
    /// What is in the film's pixels, before they leave.
    Leaving(Leaving),
}

/// Which parts of the window are open.
pub struct Layout {
    /// The study panel.
    pub study: bool,
    /// The features panel.
    pub features: bool,
    /// The tabs' content.
    pub bottom: bool,
    /// Which of them.
    pub tab: Tab,
}

/// The bundle, or why there is none.
#[derive(Default)]
pub struct Model {
    /// What is open.
    pub view: Option<BundleView>,
    /// What is being opened.
    pub pending: Option<RequestId>,
    /// Why the last one could not be opened.
    pub problem: Option<Problem>,
}

/// The window's state.
pub struct App {
    /// Colours and sizes of the theme in use.
    pub look: Look,
    tokens: Tokens,
    /// What the surroundings allow.
    pub host: Host,
    /// The engine; none once it is gone.
    pub worker: Option<Worker>,
    /// Why it is gone.
    pub dead: Option<Problem>,
    /// The bundle.
    pub model: Model,
    /// Films opened together.
    pub study: Study,
    /// The film on the light box.
    pub film: Option<OpenFilm>,
    /// Pictures of its edits.
    pub pictures: Pictures,
    /// What the counterfactual viewport shows.
    pub source: Source,
    /// Its shift.
    pub shift: ShiftState,
    /// What its scores rest on.
    pub attribution: AttributionState,
    /// The bundle's features, with the labels that were found for them where there are some.
    pub named: Arc<Vec<Feature>>,
    /// The film in words.
    pub report: ReportState,
    /// The audit of the open store.
    pub audit: AuditState,
    /// Small pictures of the bundle's gallery.
    pub gallery: Gallery,
    /// The activation store that is open.
    pub store: StoreState,
    /// The film beside the current one.
    pub prior: Option<Prior>,
    /// What leaves the window with the film's own pixels.
    pub exports: Exports,
    /// Viewports.
    pub light_box: LightBox,
    /// The features panel's list.
    pub features: FeatureList,
    /// The findings panel's list.
    pub findings: FindingSettings,
    /// Edits that were given a name.
    pub named_edits: NamedEdits,
    /// The brush.
    pub brush: Brush,
    /// The search of features by a region of the film.
    pub region: RegionSearch,
    /// Which parts are open.
    pub layout: Layout,
    /// What lies over the window.
    pub cover: Cover,
    /// Patients' names are hidden.
    pub privacy: bool,
    /// Notices that were closed.
    pub notices: Notices,
    /// Messages.
    pub toasts: Toasts,
    /// File dialogs.
    pub dialogs: Dialogs,
    /// The export in progress.
    pub export: Job<Vec<PathBuf>>,
    /// Files that are being written without the engine.
    pub writing: Writing,
    /// Times.
    pub performance: Performance,
    /// Recent files.
    pub recent: Recent,
    /// How the panels share the window.
    pub dock: Dock,
    /// The panels go back to their first places with the next frame.
    pub wants_usual_layout: bool,
    /// The session: its file, films that are missing, what is kept of it.
    pub session: SessionState,
    /// What the user set for good.
    pub settings: SettingsFile,
    /// The keys of every command.
    pub keymap: Keymap,
    /// The key that is being changed.
    pub key_editor: KeyEditor,
    /// Steps of undo that change the view.
    pub steps: Steps,
    /// The lines that the log panel shows.
    pub log_level: tracing::Level,
    /// How much of the start was told: the first frame, the first film.
    pub(super) told_start: u8,
    /// Seconds since the start, as of this frame.
    pub now: f64,
    /// When the film on its way was asked for.
    pub film_asked: Instant,
    /// The window's device, where it draws on one.
    pub graphics: Option<eframe::wgpu::Device>,
    /// Why the graphics device is gone, once it is.
    pub lost_device: Lost,
    /// Its errors come to the window.
    pub is_watched: bool,
    /// The window closes, because its device is gone.
    pub is_over: bool,
    pub(super) ctx: egui::Context,
    pub(super) driver_errors: crossbeam_channel::Receiver<String>,
    driver_error_sender: crossbeam_channel::Sender<String>,
    versions: u64,
}

/// Driver errors that may wait; more of them say nothing new.
const DRIVER_ERRORS: usize = 16;
/// Pictures are numbered in steps, so that frames of a shift can count on from theirs.
const VERSION_STEP: u64 = 1 << 20;

impl App {
    /// Starts the engine and asks for the films.
    pub fn new(
        ctx: &egui::Context,
        options: WindowOptions,
        gpu: Option<WgpuSetup>,
        host: Host,
    ) -> Result<Self, WindowError> {
        let tokens = Tokens::load()?;
        style::apply(ctx, &tokens);
        ctx.set_theme(egui::Theme::Dark);
        let waker = ctx.clone();
        let worker = Worker::start(WorkerOptions {
            device: options.device,
            shared_gpu: gpu.filter(|_| options.device != DeviceChoice::Cpu),
            bundle: options.bundle,
            wake: Arc::new(move || waker.request_repaint()),
        })?;
        let (driver_error_sender, driver_errors) = crossbeam_channel::bounded(DRIVER_ERRORS);
        let mut app = Self {
            look: tokens.look(egui::Theme::Dark),
            tokens,
            host,
            worker: Some(worker),
            dead: None,
            model: Model { pending: Some(0), ..Model::default() },
            study: Study::default(),
            film: None,
            pictures: Pictures::default(),
            source: Source::Edit,
            shift: ShiftState::default(),
            attribution: AttributionState::default(),
            named: Arc::default(),
            report: ReportState::default(),
            audit: AuditState::default(),
            gallery: Gallery::default(),
            store: StoreState::default(),
            prior: None,
            exports: Exports::default(),
            light_box: LightBox::default(),
            features: FeatureList::default(),
            findings: FindingSettings::default(),
            named_edits: if host.remembers { NamedEdits::load() } else { NamedEdits::default() },
            brush: Brush::default(),
            region: RegionSearch::default(),
            layout: Layout { study: true, features: true, bottom: false, tab: Tab::Shift },
            cover: Cover::Nothing,
            privacy: true,
            notices: Notices::default(),
            toasts: Toasts::default(),
            dialogs: Dialogs::default(),
            export: Job::default(),
            writing: Writing::default(),
            performance: Performance::default(),
            recent: if host.remembers { Recent::load() } else { Recent::default() },
            dock: Dock::default(),
            wants_usual_layout: false,
            session: SessionState::default(),
            settings: SettingsFile::default(),
            keymap: Keymap::default(),
            key_editor: KeyEditor::default(),
            steps: Steps::default(),
            log_level: tracing::Level::INFO,
            told_start: 0,
            now: 0.0,
            film_asked: Instant::now(),
            graphics: None,
            lost_device: Lost::default(),
            is_watched: false,
            is_over: false,
            ctx: ctx.clone(),
            driver_errors,
            driver_error_sender,
            versions: 0,
        };
        if host.remembers {
            let (settings, problem) = SettingsFile::load();
            app.take_settings(settings, problem);
            app.session.keeper = Recent::state_folder().map(|folder| Keeper::start(&folder)).unwrap_or_default();
        }
        if options.films.is_empty() {
            // Which films those are stands in the bundle.
            app.study.waits_for_bundle = true;
        } else {
            app.open_paths(options.films);
        }
        if let Some((folder, feature)) = options.store {
            app.open_store(folder);
            app.store.wanted_first = feature;
        }
        if let Some(folder) = options.watch {
            app.watch_training(folder);
        }
        Ok(app)
    }

    /// Where errors of the graphics driver go.
    pub fn driver_error_sender(&self) -> crossbeam_channel::Sender<String> {
        self.driver_error_sender.clone()
    }

    /// The next number of a picture.
    pub fn next_version(&mut self) -> u64 {
        self.versions += VERSION_STEP;
        self.versions
    }

    /// Switches the theme.
    pub fn set_theme(&mut self, theme: egui::Theme) {
        self.ctx.set_theme(theme);
        self.look = self.tokens.look(theme);
    }

    /// What the bundle says it is.
    pub fn manifest(&self) -> Option<&Arc<Manifest>> {
        self.model.view.as_ref().map(|view| &view.manifest)
    }

    /// What the reader should know of film and bundle together, until it was closed; the graver first.
    pub fn notice(&self) -> Option<Notice> {
        let (film, manifest) = (&self.film.as_ref()?.view.radiograph, self.manifest()?);
        let kind = manifest.mismatch(film).map(Notice::Kind);
        let cut = manifest.cut_off(film.pixels.width(), film.pixels.height());
        let cut = cut.map(|(part, cut)| Notice::Cut(manifest.name.clone(), part, cut));
        [kind, cut].into_iter().flatten().find(|notice| self.notices.is_open(notice))
    }

    /// Names of the classifier's labels.
    pub fn labels(&self) -> Vec<String> {
        let classifier = self.manifest().and_then(|manifest| manifest.classifier.as_ref());
        classifier.map(|part| part.labels.iter().map(|label| label.name.clone()).collect()).unwrap_or_default()
    }

    /// A feature's name: its number, and its label if it has one.
    pub fn feature_name(&self, index: usize) -> String {
        match self.named.get(index).and_then(|feature| feature.label.as_deref()) {
            Some(label) => label.to_owned(),
            None => format!("feature {index}"),
        }
    }

    /// The label of a feature of a store: what was found for the store, else the bundle's own where it made the store.
    pub fn label_in(&self, open: &OpenStore, feature: u32) -> Option<String> {
        let found = open.labels.as_ref().and_then(|labels| labels.of(feature)).map(|label| label.text.clone());
        let own = || {
            let manifest = self.manifest().filter(|_| self.store.is_own)?;
            manifest.sae.as_ref()?.features.get(feature as usize)?.label.clone()
        };
        found.or_else(own)
    }

    /// What the bundle reads in the film on the light box.
    pub fn analysis(&self) -> Option<&Arc<Analysis>> {
        self.film.as_ref().and_then(|film| film.view.analysis.as_ref())
    }

    /// The edit of the film on the light box.
    pub fn edit(&self) -> Edit {
        self.study.history().map(|history| history.current().clone()).unwrap_or_default()
    }

    /// Whether sliders answer: the engine lives, and no other film is on its way.
    pub fn can_edit(&self) -> bool {
        self.worker.is_some() && self.study.pending.is_none()
    }

    /// A shift's target in words.
    pub fn target_name(&self, target: Target) -> String {
        match target {
            Target::Label(index) => self.labels().get(index).cloned().unwrap_or_else(|| format!("label {index}")),
            Target::Feature(index) => self.feature_name(index),
            Target::Probe(index) => {
                let probes = self.manifest().map(|manifest| manifest.probes.as_slice()).unwrap_or_default();
                format!("probe: {}", probes.get(index).map_or("?", |probe| probe.name.as_str()))
            }
            Target::Text(concept) => concept.to_string(),
        }
    }

    /// Nothing is under way: what is on screen is what was asked for.
    pub fn is_idle(&self) -> bool {
        self.model.pending.is_none()
            && self.study.pending.is_none()
            && self.study.searching.is_none()
            && self.pictures.pending.is_none()
            && self.shift.job.working.is_none()
            && !self.attribution.is_working()
            && self.export.working.is_none()
            && !self.writing.is_busy()
            && !matches!(&self.cover, Cover::Tags(tags) if tags.rows().is_none())
            && !matches!(&self.cover, Cover::Training(watch) if watch.seen().is_none())
            && !self.gallery.is_busy()
            && !self.features.is_busy()
            && !self.store.is_busy()
            && self.report.job.working.is_none()
            && self.region.job.working.is_none()
            && self.audit.job.working.is_none()
            && self.prior.as_ref().is_none_or(|prior| !prior.is_busy())
            && !self.study.thumbnails.is_busy(&self.study.films)
            && !self.session.is_busy()
            && self.film.as_ref().is_none_or(|film| film.pyramid().is_some())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A note that is being typed when the window closes is not lost.
        self.store.keep_notes();
        self.settings.finish();
        // After a panic the session stays, to be offered at the next start.
        if !std::thread::panicking() {
            self.session.keeper.end();
        }
    }
}
