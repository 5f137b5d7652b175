//! The window: films on a light box, features as sliders.
//!
//! In: films, a bundle and a device, through [`WindowOptions`]. Out: a window ([`run`]) or a picture of one
//! ([`screenshot`]). It talks to the engine through [`fluoro_core::worker`] only: the window never computes and never
//! waits, and it never sees a tensor.
//!
//! [`state`] and [`app`] are what the window knows; [`wishes`] (the user, through [`command`]s) and [`events`] (the
//! worker) change it; `panels` and `light_box` draw it from design [`tokens`].

mod app;
mod command;
mod dialogs;
mod dock;
mod edit_wishes;
mod events;
mod exports;
mod headless;
mod icons;
mod keeping;
mod light_box;
mod native;
mod panels;
mod raster;
mod script;
mod session;
mod state;
mod style;
mod tokens;
mod undo;
mod widgets;
mod wishes;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::DeviceChoice;

pub use headless::{Picture, Scene, screenshot};
pub use native::{has_display, run};
pub use script::{Script, screenshot_of_script};
pub use session::{is_session, peek as bundle_of_session};
pub use state::log::Catcher as LogCatcher;

/// What the window opens with.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// Files or folders; when empty, the films that come with the bundle, or else the sample films.
    pub films: Vec<PathBuf>,
    /// Bundle.
    pub bundle: BundleSource,
    /// Device that computes.
    pub device: DeviceChoice,
    /// An activation store, and the feature whose page is shown.
    pub store: Option<(PathBuf, Option<u32>)>,
    /// A bundle's folder whose training is watched.
    pub watch: Option<PathBuf>,
}

/// Why there is no window, or no picture of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// No screen.
    #[error(
        "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; start Fluoro in a desktop session, or use its commands \
         (fluoro --help), which need none"
    )]
    NoDisplay,
    /// Nothing that can draw.
    #[error(
        "the window cannot be drawn ({0}); install a graphics driver, or a software one: mesa-vulkan-drivers on Debian \
         and Ubuntu, mesa-vulkan-drivers on Fedora, vulkan-swrast on Arch"
    )]
    NoGraphics(String),
    /// The window system said no.
    #[error("the window cannot be opened ({0})")]
    Window(String),
    /// The compute thread did not start.
    #[error(transparent)]
    Engine(#[from] fluoro_core::Error),
    /// The design tokens in the program are damaged.
    #[error("theme.ron cannot be read ({0})")]
    Theme(String),
    /// A picture of the window was not ready in time.
    #[error("the window was not ready after {0} seconds")]
    Timeout(u64),
    /// A picture of the window could not be set up.
    #[error("the scene cannot be shown ({0})")]
    Scene(String),
}
