//! Why a command ends with exit code 1, in one line.

use std::io;

use parking_lot::Mutex;

use crate::window::WindowError;

/// What a panic said, kept for [`Failure::panic`].
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Everything that stops a command.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine cannot do it.
    #[error(transparent)]
    Engine(#[from] fluoro_core::Error),
    /// The window cannot open.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// The answer cannot be printed.
    #[error("cannot write to standard output ({0})")]
    Stdout(io::Error),
    /// A fault in Fluoro itself.
    #[error("internal error, please report it: {0}")]
    Panic(String),
}

impl Failure {
    /// The failure after a panic.
    pub fn panic() -> Self {
        Self::Panic(LAST_PANIC.lock().take().unwrap_or_else(|| "no message".into()))
    }
}

/// Keeps the text of panics for [`Failure::panic`] instead of printing it. `RUST_BACKTRACE=full` brings the usual
/// text back.
pub fn keep_panics_quiet() {
    let usual = std::panic::take_hook();
    let is_loud = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full");
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        *LAST_PANIC.lock() = Some(format!("{}{place}", info.payload_as_str().unwrap_or("no message")));
        if is_loud {
            usual(info);
        }
    }));
}
