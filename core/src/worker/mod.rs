//! The compute worker: one named thread that owns device, bundle and tensors; the window talks to it in messages.
//!
//! In: [`Command`]s over a bounded channel, and edits through a slot in which the newest replaces the older. Out:
//! [`Event`]s over a bounded channel. Errors are events. Work that newer work made useless is dropped between stages.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use parking_lot::Mutex;

use crate::attribution::{Attribution, AttributionRequest};
use crate::audit::{Audit, AuditRequest};
use crate::bundle::{BundleSource, FeatureStatistics, Manifest};
use crate::device::{DeviceChoice, DeviceFrame, WgpuSetup};
use crate::engine::{Analysis, Edit, FilmReport, Frame, RegionFeatures};
use crate::error::{Error, Result};
use crate::export::ExportJob;
use crate::label::Labels;
use crate::radiograph::Radiograph;
use crate::shift::{Shift, ShiftRequest};

mod latest;
mod thread;

pub use latest::Latest;

/// Number of a request; every answer carries its own.
pub type RequestId = u64;

/// Commands waiting at most; the window asks for few things at a time.
const COMMANDS: usize = 64;
/// Events waiting at most; the worker pauses when the window has stopped reading.
const EVENTS: usize = 256;

/// Where a film's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilmSource {
    /// A file.
    File(PathBuf),
    /// A film compiled into the binary, by its name in [`crate::samples`].
    Sample(&'static str),
    /// A film of a bundle's gallery; the bundle need not be the one that is open.
    Gallery {
        /// The bundle.
        bundle: BundleSource,
        /// The film's path inside it.
        file: String,
    },
}

/// What the window asks for.
pub enum Command {
    /// Open another bundle; open films are analysed again.
    OpenBundle(RequestId, BundleSource),
    /// Read a film and analyse it; it becomes the current film.
    OpenFilm(RequestId, FilmSource),
    /// Compute a shift of the current film.
    Shift(RequestId, ShiftRequest),
    /// Compute an attribution of the current film.
    Attribute(RequestId, AttributionRequest),
    /// Word the current film by these labels.
    Report(RequestId, Arc<Labels>),
    /// Find the features most tied to a rectangle of the current film, `[x, y, width, height]` in film pixels.
    SearchRegion(RequestId, [f64; 4]),
    /// Audit the store that the bundle made.
    Audit(RequestId, Box<AuditRequest>),
    /// Write files.
    Export(RequestId, Box<ExportJob>),
}

/// An edit of the current film.
#[derive(Clone, Debug)]
pub(crate) struct EditRequest {
    pub(crate) id: RequestId,
    pub(crate) edit: Edit,
}

/// What the window shows of the compute side.
#[derive(Clone, Debug)]
pub struct BundleView {
    /// Where it comes from.
    pub source: BundleSource,
    /// What the bundle says it is.
    pub manifest: Arc<Manifest>,
    /// Activation statistics.
    pub statistics: Arc<FeatureStatistics>,
    /// What its features stand for, where the bundle brings that along.
    pub labels: Option<Arc<Labels>>,
    /// Device name.
    pub device: String,
    /// Whether a GPU computes.
    pub is_gpu: bool,
}

/// A film that was opened and analysed.
#[derive(Clone)]
pub struct FilmView {
    /// The film at full size with its metadata.
    pub radiograph: Arc<Radiograph>,
    /// What the bundle reads in it; none when the bundle cannot (the film is then still shown).
    pub analysis: Option<Arc<Analysis>>,
}

/// What the worker answers.
pub enum Event {
    /// A bundle is open.
    BundleOpened(RequestId, BundleView),
    /// A film is open; it is the current film now.
    FilmOpened(RequestId, FilmView),
    /// An edit's picture is on the window's own device; its numbers follow unless a newer edit waits.
    Shown {
        /// Request.
        id: RequestId,
        /// The edit that made it.
        edit: Edit,
        /// Counterfactual and change.
        frame: DeviceFrame,
    },
    /// An edit's picture is ready.
    Edited {
        /// Request.
        id: RequestId,
        /// The edit that made it.
        edit: Edit,
        /// Counterfactual.
        frame: Arc<Frame>,
        /// From the moment the worker took the edit to the picture.
        milliseconds: f32,
    },
    /// Long work goes on.
    Progress {
        /// Request.
        id: RequestId,
        /// What is being done.
        stage: String,
        /// Units done.
        done: usize,
        /// Units in all.
        total: usize,
    },
    /// A shift is ready.
    Shifted(RequestId, Arc<Shift>),
    /// An attribution is ready.
    Attributed(RequestId, Arc<Attribution>),
    /// A film was put into words.
    Reported(RequestId, Arc<FilmReport>),
    /// Features of a region were found.
    RegionSearched(RequestId, Arc<RegionFeatures>),
    /// A store was audited.
    Audited(RequestId, Arc<Audit>),
    /// Files were written.
    Exported(RequestId, Vec<PathBuf>),
    /// A request failed; nothing changed.
    Failed(RequestId, Arc<Error>),
    /// Something the user should know, such as the CPU taking over.
    Warning(String),
}

/// How to start the worker.
pub struct WorkerOptions {
    /// Device asked for.
    pub device: DeviceChoice,
    /// The window's own wgpu device, to compute on. The window hands over real hardware only.
    pub shared_gpu: Option<WgpuSetup>,
    /// Bundle to open first.
    pub bundle: BundleSource,
    /// Called after every event, from the worker's thread: wakes the window.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Handle to the worker; dropping it stops the thread after its current stage.
pub struct Worker {
    commands: Sender<Command>,
    edits: Arc<Latest<EditRequest>>,
    events: Receiver<Event>,
    running: Arc<Running>,
    next_id: AtomicU64,
    /// Failures of requests that could not even be sent, answered before anything else.
    refused: Mutex<Vec<(RequestId, Arc<Error>)>>,
}

/// The long job in progress, so that it can be cancelled by number.
#[derive(Default)]
pub(crate) struct Running {
    job: Mutex<Option<(RequestId, Arc<AtomicBool>)>>,
    cancelled_early: Mutex<Vec<RequestId>>,
    stopping: AtomicBool,
}

impl Worker {
    /// Starts the thread and asks it to open the first bundle (request 0).
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(options: WorkerOptions) -> Result<Self> {
        let (commands, command_queue) = bounded(COMMANDS);
        let (event_sender, events) = bounded(EVENTS);
        let (edits, edit_tokens) = Latest::new();
        let edits = Arc::new(edits);
        let running = Arc::new(Running::default());
        let inbox = thread::Inbox { commands: command_queue, edit_tokens, edits: Arc::clone(&edits) };
        let outbox = thread::Outbox { events: event_sender, wake: Arc::clone(&options.wake) };
        let shared = Arc::clone(&running);
        std::thread::Builder::new()
            .name("fluoro-compute".into())
            .spawn(move || thread::run(options, &inbox, &outbox, &shared))
            .map_err(|e| Error::Device { device: "compute thread".into(), reason: e.to_string() })?;
        Ok(Self { commands, edits, events, running, next_id: AtomicU64::new(1), refused: Mutex::default() })
    }

    /// Opens another bundle.
    pub fn open_bundle(&self, source: BundleSource) -> RequestId {
        self.send(|id| Command::OpenBundle(id, source))
    }

    /// Opens a film, which becomes the current one.
    pub fn open_film(&self, source: FilmSource) -> RequestId {
        self.send(|id| Command::OpenFilm(id, source))
    }

    /// Asks for the picture of an edit of the current film; replaces an edit that is still waiting.
    pub fn edit(&self, edit: Edit) -> RequestId {
        let id = self.take_id();
        self.edits.put(EditRequest { id, edit });
        id
    }

    /// Computes a shift of the current film.
    pub fn shift(&self, request: ShiftRequest) -> RequestId {
        self.send(|id| Command::Shift(id, request))
    }

    /// Computes an attribution of the current film.
    pub fn attribute(&self, request: AttributionRequest) -> RequestId {
        self.send(|id| Command::Attribute(id, request))
    }

    /// Words the current film by these labels, each sentence with its region.
    pub fn report(&self, labels: Arc<Labels>) -> RequestId {
        self.send(|id| Command::Report(id, labels))
    }

    /// Finds the features most tied to a rectangle of the current film, `[x, y, width, height]` in film pixels.
    pub fn search_region(&self, rectangle: [f64; 4]) -> RequestId {
        self.send(|id| Command::SearchRegion(id, rectangle))
    }

    /// Audits a store that the open bundle made.
    pub fn audit(&self, request: AuditRequest) -> RequestId {
        self.send(|id| Command::Audit(id, Box::new(request)))
    }

    /// Writes files.
    pub fn export(&self, job: ExportJob) -> RequestId {
        self.send(|id| Command::Export(id, Box::new(job)))
    }

    /// Stops a long job, or keeps it from starting; it answers with [`Error::Cancelled`].
    pub fn cancel(&self, id: RequestId) {
        match &*self.running.job.lock() {
            Some((running, flag)) if *running == id => flag.store(true, Ordering::Relaxed),
            _ => self.running.cancelled_early.lock().push(id),
        }
    }

    /// The next event, if one waits. `Err` means that the worker is gone.
    ///
    /// # Errors
    /// When the compute thread ended.
    pub fn poll(&self) -> Result<Option<Event>> {
        if let Some((id, error)) = self.refused.lock().pop() {
            return Ok(Some(Event::Failed(id, error)));
        }
        match self.events.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => {
                Err(Error::Device { device: "compute thread".into(), reason: "it ended; restart Fluoro".into() })
            }
        }
    }

    /// Waits for the next event; for programs without a window, and tests.
    ///
    /// # Errors
    /// When the compute thread ended.
    pub fn wait(&self) -> Result<Event> {
        if let Some((id, error)) = self.refused.lock().pop() {
            return Ok(Event::Failed(id, error));
        }
        self.events
            .recv()
            .map_err(|_| Error::Device { device: "compute thread".into(), reason: "it ended; restart Fluoro".into() })
    }

    fn send(&self, make: impl FnOnce(RequestId) -> Command) -> RequestId {
        let id = self.take_id();
        // A full queue means that the worker is far behind; a closed one that it is gone, which `poll` reports.
        if self.commands.try_send(make(id)).is_err() {
            let error = Error::Invalid("too many requests are waiting; try again in a moment".into());
            self.refused.lock().push((id, Arc::new(error)));
        }
        id
    }

    fn take_id(&self) -> RequestId {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.running.stopping.store(true, Ordering::Relaxed);
        if let Some((_, flag)) = &*self.running.job.lock() {
            flag.store(true, Ordering::Relaxed);
        }
    }
}
