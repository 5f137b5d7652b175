//! What the compute thread does: waits, works, answers, and survives a device that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};

use super::{BundleView, Command, EditRequest, Event, FilmSource, FilmView, Latest, RequestId, Running, WorkerOptions};
use crate::audit::audit;
use crate::bundle::BundleSource;
use crate::device::{ComputeDevice, DeviceChoice, DeviceFrame};
use crate::engine::{Analysis, Engine, Progress, Staleness, Step};
use crate::error::{Error, Result};
use crate::label::Labels;
use crate::radiograph::Radiograph;
use crate::report::labeler::Labeler;
use crate::samples;

pub(super) struct Inbox {
    pub commands: Receiver<Command>,
    pub edit_tokens: Receiver<()>,
    pub edits: Arc<Latest<EditRequest>>,
}

pub(super) struct Outbox {
    pub events: Sender<Event>,
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    fn send(&self, event: Event) {
        // The window is gone when this fails, and the command channel will say so too.
        let _window_gone = self.events.send(event);
        (self.wake)();
    }
}

/// What the thread holds between requests.
struct State<'a> {
    engine: Option<Engine>,
    bundle: BundleSource,
    device: ComputeDevice,
    film: Option<FilmView>,
    /// The request that made the current film current.
    film_request: RequestId,
    /// When the numbers of an edit were last read back.
    read: Instant,
    outbox: &'a Outbox,
}

/// While newer edits keep coming and pictures need not be read back, numbers are read this often.
const SCORES_EVERY: Duration = Duration::from_millis(100);

pub(super) fn run(options: WorkerOptions, inbox: &Inbox, outbox: &Outbox, running: &Running) {
    let device = open_device(options.device, options.shared_gpu, outbox);
    let mut state = State {
        engine: None,
        bundle: options.bundle.clone(),
        device,
        film: None,
        film_request: 0,
        read: Instant::now(),
        outbox,
    };
    state.answer(0, |state| state.open_bundle(0, options.bundle));
    while !running.stopping.load(Ordering::Relaxed) {
        select! {
            recv(inbox.commands) -> command => match command {
                Ok(command) => state.obey(command, running),
                Err(_) => return,
            },
            recv(inbox.edit_tokens) -> _ => {
                // A film that waits to be opened makes an edit of the film before it useless.
                while let Ok(command) = inbox.commands.try_recv() {
                    state.obey(command, running);
                    if running.stopping.load(Ordering::Relaxed) {
                        return;
                    }
                }
                // An edit asked for before the film changed was of the film before.
                if let Some(request) = inbox.edits.take().filter(|request| request.id > state.film_request) {
                    state.answer(request.id, |state| state.edit(request, &inbox.edits));
                }
            }
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("unknown failure").to_owned()
}

fn open_device(choice: DeviceChoice, shared: Option<crate::device::WgpuSetup>, outbox: &Outbox) -> ComputeDevice {
    let shared = shared.filter(|_| choice != DeviceChoice::Cpu);
    let opened = match shared {
        Some(setup) => ComputeDevice::adopt(setup).map(|device| (device, None)),
        None => ComputeDevice::open(choice),
    };
    match opened {
        Ok((device, warning)) => {
            if let Some(warning) = warning {
                outbox.send(Event::Warning(warning));
            }
            device
        }
        Err(error) => {
            outbox.send(Event::Warning(format!("{error}; computing on the CPU instead")));
            ComputeDevice::cpu()
        }
    }
}

impl State<'_> {
    fn obey(&mut self, command: Command, running: &Running) {
        match command {
            Command::OpenBundle(id, source) => self.answer(id, |state| state.open_bundle(id, source)),
            Command::OpenFilm(id, source) => self.answer(id, |state| state.open_film(id, &source)),
            Command::Shift(id, request) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let shift = state.engine()?.shift(state.analysis()?, &request, progress)?;
                    state.outbox.send(Event::Shifted(id, Arc::new(shift)));
                    Ok(())
                })
            }),
            Command::Attribute(id, request) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let found = state.engine()?.attribute(state.analysis()?, &request, progress)?;
                    state.outbox.send(Event::Attributed(id, Arc::new(found)));
                    Ok(())
                })
            }),
            Command::Report(id, labels) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let labeler = Labeler::new(labels.vocabulary.clone())?;
                    let worded = state.engine()?.report(state.analysis()?, &labels, &labeler, Some(progress))?;
                    state.outbox.send(Event::Reported(id, Arc::new(worded)));
                    Ok(())
                })
            }),
            Command::SearchRegion(id, rectangle) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let (engine, analysis) = (state.engine()?, state.analysis()?);
                    let film = state.film.as_ref().ok_or(Error::Cancelled)?;
                    let found = engine.features_of_region(&film.radiograph, analysis, rectangle, progress)?;
                    state.outbox.send(Event::RegionSearched(id, Arc::new(found)));
                    Ok(())
                })
            }),
            Command::Audit(id, request) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let found = audit(Some(state.engine()?), &request, progress)?;
                    state.outbox.send(Event::Audited(id, Arc::new(found)));
                    Ok(())
                })
            }),
            Command::Export(id, job) => self.answer(id, |state| {
                state.cancellable(id, running, |state, progress| {
                    let written = job.run(progress)?;
                    state.outbox.send(Event::Exported(id, written));
                    Ok(())
                })
            }),
        }
    }

    /// Runs one request; a failure becomes an event, a device failure moves the work to the CPU.
    fn answer(&mut self, id: RequestId, work: impl FnOnce(&mut Self) -> Result<()>) {
        let result = catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            Err(Error::Device { device: self.device.name().to_owned(), reason: words(&panic) })
        });
        let Err(error) = result else { return };
        let device_failed = matches!(error, Error::Device { .. }) && self.device.is_gpu();
        self.outbox.send(Event::Failed(id, Arc::new(error)));
        if device_failed {
            self.fall_back_to_cpu(id);
        }
    }

    fn fall_back_to_cpu(&mut self, id: RequestId) {
        let lost = self.device.name().to_owned();
        self.outbox.send(Event::Warning(format!("{lost} failed; computing on the CPU from now on")));
        self.device = ComputeDevice::cpu();
        self.engine = None;
        let bundle = self.bundle.clone();
        self.answer(id, |state| state.open_bundle(id, bundle));
    }

    fn open_bundle(&mut self, id: RequestId, source: BundleSource) -> Result<()> {
        let engine = Engine::open(&source, self.device.clone())?;
        // Labels that cannot be read take nothing away from the bundle.
        let labels = Labels::of_bundle(&source).unwrap_or_else(|error| {
            self.outbox.send(Event::Warning(error.to_string()));
            None
        });
        let view = BundleView {
            source: source.clone(),
            manifest: Arc::clone(engine.manifest()),
            statistics: Arc::new(engine.bundle().statistics.clone()),
            labels: labels.filter(|labels| labels.bundle_hash == engine.manifest().encoding_hash()).map(Arc::new),
            device: self.device.name().to_owned(),
            is_gpu: self.device.is_gpu(),
        };
        self.engine = Some(engine);
        self.bundle = source;
        self.outbox.send(Event::BundleOpened(id, view));
        match self.film.take() {
            Some(film) => self.analyse(id, film.radiograph),
            None => Ok(()),
        }
    }

    fn open_film(&mut self, id: RequestId, source: &FilmSource) -> Result<()> {
        let read = || match source {
            FilmSource::File(path) => Radiograph::open(path),
            FilmSource::Sample(name) => samples::open(name),
            FilmSource::Gallery { bundle, file } => bundle.gallery_film(file),
        };
        // A decoder that gives up on a film says nothing about the compute device.
        let radiograph = catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|panic| Err(Error::Invalid(format!("the film cannot be read ({})", words(&panic)))))?;
        self.analyse(id, Arc::new(radiograph))
    }

    fn analyse(&mut self, id: RequestId, radiograph: Arc<Radiograph>) -> Result<()> {
        let mut film = FilmView { radiograph, analysis: None };
        let analysed = self.engine().and_then(|engine| engine.analyze(&film.radiograph));
        // A film that cannot be analysed is still worth looking at.
        let outcome = match analysed {
            Ok(analysis) => {
                film.analysis = Some(Arc::new(analysis));
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.film = Some(film.clone());
        self.film_request = id;
        self.outbox.send(Event::FilmOpened(id, film));
        outcome
    }

    fn edit(&mut self, request: EditRequest, edits: &Latest<EditRequest>) -> Result<()> {
        let start = Instant::now();
        let engine = self.engine()?;
        let Some(analysis) = self.film.as_ref().and_then(|film| film.analysis.as_ref()) else { return Ok(()) };
        let newer = || edits.is_waiting();
        let (outbox, read) = (self.outbox, self.read);
        let show = |frame: DeviceFrame| {
            outbox.send(Event::Shown { id: request.id, edit: request.edit.clone(), frame });
            // While a hand drags, pictures are enough; its scores are read now and then.
            !edits.is_waiting() || read.elapsed() >= SCORES_EVERY
        };
        match engine.edit_shown(analysis, &request.edit, &Staleness::new(&newer), &show) {
            Ok(frame) => {
                let milliseconds = start.elapsed().as_secs_f32() * 1e3;
                let EditRequest { id, edit } = request;
                self.read = Instant::now();
                self.outbox.send(Event::Edited { id, edit, frame: Arc::new(frame), milliseconds });
                Ok(())
            }
            // The newer value is next; nobody waits for this one.
            Err(Error::Cancelled) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn cancellable(
        &mut self,
        id: RequestId,
        running: &Running,
        work: impl FnOnce(&mut Self, &Progress<'_>) -> Result<()>,
    ) -> Result<()> {
        let flag = Arc::new(AtomicBool::new(false));
        *running.job.lock() = Some((id, Arc::clone(&flag)));
        let mut early = running.cancelled_early.lock();
        if early.contains(&id) {
            flag.store(true, Ordering::Relaxed);
        }
        early.retain(|&other| other > id);
        drop(early);
        if running.stopping.load(Ordering::Relaxed) {
            flag.store(true, Ordering::Relaxed);
        }
        let outbox = self.outbox;
        let report = |step: Step<'_>| {
            let Step { stage, done, total } = step;
            outbox.send(Event::Progress { id, stage: stage.to_owned(), done, total });
        };
        let result = work(self, &Progress::new(&report, &flag));
        *running.job.lock() = None;
        result
    }

    fn analysis(&self) -> Result<&Analysis> {
        let analysis = self.film.as_ref().and_then(|film| film.analysis.as_deref());
        analysis.ok_or_else(|| Error::Invalid("open a film first".into()))
    }

    fn engine(&self) -> Result<&Engine> {
        self.engine.as_ref().ok_or_else(|| Error::Invalid("no bundle is open; open one first".into()))
    }
}
