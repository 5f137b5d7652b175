//! The window on a screen: eframe, and one GPU device for drawing and computing where there is real hardware.

use std::sync::Arc;

use eframe::egui_wgpu::{RenderState, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu;
use fluoro_core::device::{WgpuSetup as ComputeSetup, is_real_gpu};

use super::app::{App, DrawnBy, Host};
use super::{WindowError, WindowOptions, light_box, panels};

/// First size of the window, in points.
const SIZE: [f32; 2] = [1600.0, 1000.0];
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
        // Pictures of the window must not depend on the machine's fonts.
        system_font_fallback: false,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native("Fluoro", native, Box::new(|cc| Ok(Box::new(create(cc, options)?)))).map_err(|error| match error
    {
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
    app.light_box.by_shader = state.is_some_and(light_box::gpu::install);
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
            wgpu::DeviceDescriptor {
                label: Some("fluoro"),
                required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
                required_limits: adapter.limits(),
                experimental_features: experimental_features(),
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                trace: wgpu::Trace::Off,
            }
        }),
        ..plain
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
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        panels::show(self, ui);
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        self.look.colour.light_box.to_normalized_gamma_f32()
    }
}

impl App {
    /// Routes errors of the shared device to the window. The engine installs a handler of its own when it takes the
    /// device over, which panics; it has done so once it sent its first news.
    fn watch_driver(&mut self) {
        if self.model.view.is_none() && self.model.problem.is_none() {
            return;
        }
        let Some(device) = self.graphics.take() else { return };
        let (sender, wake) = (self.driver_error_sender(), self.ctx.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            tracing::error!(%error, "graphics device");
            // A full channel holds enough errors to read.
            let _full = sender.try_send(error.to_string());
            wake.request_repaint();
        }));
    }
}
