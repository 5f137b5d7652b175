//! The window on a screen: eframe, and one GPU device for drawing and computing where there is real hardware.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui_wgpu::{RenderState, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu;
use fluoro_core::device::{WgpuSetup as ComputeSetup, is_real_gpu};
use parking_lot::Mutex;

use super::app::{App, DrawnBy, Host};
use super::{WindowError, WindowOptions, light_box, panels};

/// First size of the window, in points.
const SIZE: [f32; 2] = [1600.0, 1000.0];
/// How often the window opens again after its graphics device was lost.
const MOST_LOSSES: usize = 3;

/// A graphics device that is gone: a driver that was reset or updated, a card that was unplugged.
#[derive(Debug, Default)]
pub struct Loss {
    /// What the driver says.
    why: String,
    /// The session, for the window that opens next.
    session: Option<PathBuf>,
    /// The file that Save writes to.
    file: Option<PathBuf>,
}

/// The loss of a window's device, once it is lost.
pub type Lost = Arc<Mutex<Option<Loss>>>;

/// Smallest size in which everything can be reached.
const SMALLEST: [f32; 2] = [960.0, 600.0];

/// Whether there is a screen to open a window on.
pub fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When there is no screen, nothing that can draw, or no thread to compute on.
pub fn run(options: WindowOptions) -> Result<(), WindowError> {
    if !has_display() {
        return Err(WindowError::NoDisplay);
    }
    let lost = Lost::default();
    let mut result = open(options.clone(), &lost, None);
    for _ in 0..MOST_LOSSES {
        let Some(loss) = lost.lock().take() else { return result };
        tracing::warn!(why = loss.why, "the graphics device was lost; the window opens again on a new one");
        result = open(options.clone(), &lost, Some(loss));
    }
    match lost.lock().take() {
        Some(loss) => Err(lost_for_good(&loss)),
        None => result,
    }
}

fn lost_for_good(loss: &Loss) -> WindowError {
    WindowError::Window(format!("the graphics device was lost: {}; the session is offered at the next start", loss.why))
}

/// Opens the window; after a loss, with the session that was handed over.
fn open(options: WindowOptions, lost: &Lost, after: Option<Loss>) -> Result<(), WindowError> {
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Fluoro")
            .with_app_id("fluoro")
            .with_inner_size(SIZE)
            .with_min_inner_size(SMALLEST)
            .with_icon(egui::IconData::default()),
        wgpu_options: WgpuConfiguration {
            wgpu_setup: WgpuSetup::CreateNew(device_setup()),
            ..WgpuConfiguration::default()
        },
        // A grey level on screen is the film's own; noise against banding would change it, and costs a software adapter.
        dithering: false,
        // Pictures of the window must not depend on the machine's fonts.
        system_font_fallback: false,
        ..eframe::NativeOptions::default()
    };
    let (is_lost, lost) = (lost, Lost::clone(lost));
    let create = |cc: &eframe::CreationContext<'_>| {
        let session = after.as_ref().and_then(|loss| loss.session.clone());
        let films = if session.is_some() { Vec::new() } else { options.films.clone() };
        let mut app = create(cc, WindowOptions { films, ..options })?;
        app.lost_device = lost;
        if let Some(loss) = after {
            let text = match session {
                Some(_) => "The window was opened again, with the session as it was.",
                None => "The window was opened again; its session could not be kept.",
            };
            app.toasts.warn("The graphics device was lost", text);
            if session.is_some() {
                app.session.keeper.left = session;
                app.session.handed_file = loss.file;
                app.restore_left_session();
            }
        }
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    let ran = catch_unwind(AssertUnwindSafe(|| eframe::run_native("Fluoro", native, Box::new(create))));
    let ended = match ran {
        Ok(ended) => ended,
        Err(panic) => {
            // Losing its device in the middle of a frame, egui's painter panics, and after a panic no window can be opened
            // in this process. The running session is kept every few seconds.
            return match is_lost.lock().take() {
                Some(loss) => Err(lost_for_good(&loss)),
                None => resume_unwind(panic),
            };
        }
    };
    ended.map_err(|error| match error {
        eframe::Error::Wgpu(error) => WindowError::NoGraphics(error.to_string()),
        eframe::Error::AppCreation(error) => WindowError::Window(error.to_string()),
        other => WindowError::Window(other.to_string()),
    })
}

fn create(cc: &eframe::CreationContext<'_>, options: WindowOptions) -> Result<App, WindowError> {
    let state = cc.wgpu_render_state.as_ref();
    let shared = state.filter(|state| is_real_gpu(&state.adapter.get_info())).map(compute_setup);
    let host = Host { dialogs: true, remembers: true, drawn_by: DrawnBy::Adapter };
    let mut app = App::new(&cc.egui_ctx, options, shared, host)?;
    app.graphics = state.map(|state| state.device.clone());
    // A software adapter would sample every film again in every frame; what the CPU drew is kept until it changes.
    let painter = state.filter(|state| is_real_gpu(&state.adapter.get_info()));
    app.light_box.by_shader = painter.is_some_and(light_box::gpu::install);
    Ok(app)
}

/// The window's device as the engine takes it over.
fn compute_setup(state: &RenderState) -> ComputeSetup {
    ComputeSetup {
        instance: state.instance.clone(),
        adapter: state.adapter.clone(),
        device: state.device.clone(),
        queue: state.queue.clone(),
        backend: state.adapter.get_info().backend,
    }
}

/// How the window's device is made. The engine decides what it may use by what the adapter offers, so on real hardware
/// the device is asked for all of that (except mapping of primary buffers, which is slow on discrete cards).
fn device_setup() -> WgpuSetupCreateNew {
    let plain = WgpuSetupCreateNew::without_display_handle();
    let software = Arc::clone(&plain.device_descriptor);
    WgpuSetupCreateNew {
        device_descriptor: Arc::new(move |adapter: &wgpu::Adapter| {
            if !is_real_gpu(&adapter.get_info()) {
                return software(adapter);
            }
            whole_device(adapter)
        }),
        ..plain
    }
}

/// A device with all that its adapter offers, which the engine takes for granted.
pub(super) fn whole_device(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    wgpu::DeviceDescriptor {
        label: Some("fluoro"),
        required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        required_limits: adapter.limits(),
        experimental_features: experimental_features(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
    }
}

#[expect(
    unsafe_code,
    reason = "wgpu asks for unsafe to enable experimental features; burn decides by the adapter which it uses"
)]
fn experimental_features() -> wgpu::ExperimentalFeatures {
    // SAFETY: the token only says that such features may have bugs. The engine's kernels are checked against the CPU.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

impl eframe::App for App {
    fn logic(&mut self, _ctx: &egui::Context, _frame: &mut eframe::Frame) {
        App::logic(self);
        self.watch_driver();
        // What the driver has to say of a lost device, it says when it is asked.
        if let Some(device) = &self.graphics {
            let _said_elsewhere = device.poll(wgpu::PollType::Poll);
        }
        if self.lost_device.lock().is_some() && !self.is_over {
            self.end_for_lost_device();
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        // On a lost device nothing can be drawn, and egui's painter falls over when it tries.
        if !self.is_over {
            panels::show(self, ui);
        }
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        self.look.colour.light_box.to_normalized_gamma_f32()
    }
}

impl App {
    /// Nothing can be drawn or computed on this device any more: the session is written down, and the window closes, to
    /// be opened again by [`run`].
    pub(super) fn end_for_lost_device(&mut self) {
        self.is_over = true;
        let session = (!self.session.is_opening()).then(|| self.capture());
        let hashes = Arc::clone(&self.session.hashes);
        let handed = self.session.keeper.hand_over(session, &hashes);
        let handed = handed.inspect_err(|why| tracing::error!(why, "the session could not be kept"));
        let file = self.session.file.take().or(self.session.handed_file.take());
        if let Some(loss) = self.lost_device.lock().as_mut() {
            (loss.session, loss.file) = (handed.ok(), file);
        }
        self.ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }

    /// Routes errors of the shared device to the window. The engine installs a handler of its own when it takes the
    /// device over, which panics; it has done so once it sent its first news.
    fn watch_driver(&mut self) {
        if self.model.view.is_none() && self.model.problem.is_none() {
            return;
        }
        let Some(device) = self.graphics.clone().filter(|_| !self.is_watched) else { return };
        self.is_watched = true;
        let (lost, wake) = (Lost::clone(&self.lost_device), self.ctx.clone());
        device.set_device_lost_callback(move |kind, message| {
            lost.lock().get_or_insert_default().why = format!("{kind:?} {message}").trim().to_owned();
            wake.request_repaint();
        });
        let (sender, wake) = (self.driver_error_sender(), self.ctx.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            tracing::error!(%error, "graphics device");
            // A full channel holds enough errors to read.
            let _full = sender.try_send(error.to_string());
            wake.request_repaint();
        }));
    }
}
