//! A failure as the window shows it: what happened, why, what to do. Everything in it can be copied.

use fluoro_core::Error;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What did not work.
    pub what: String,
    /// Why, in the engine's words.
    pub why: String,
    /// What to do about it.
    pub todo: String,
}

impl Problem {
    /// From an engine error; `what` says what was tried.
    pub fn new(what: impl Into<String>, error: &Error) -> Self {
        let todo = match error {
            Error::Film { .. } => {
                "Check the file, or choose another film in the list. The other films are not affected."
            }
            Error::Bundle { .. } => "Choose another bundle under Model, or get this one again.",
            Error::Write { .. } => "Choose another place and export again. Nothing was left behind.",
            Error::MissingPart { .. } => "Choose a bundle that has this part, under Model.",
            Error::Device { .. } => {
                "Try again. If it happens again, start Fluoro with --device cpu and report these lines."
            }
            Error::Cancelled => "Start it again when you want it.",
            _ => "Change the request and try again.",
        };
        Self { what: what.into(), why: sentence(error), todo: todo.to_owned() }
    }

    /// All of it, for the clipboard.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\nFluoro {}", self.what, self.why, self.todo, env!("CARGO_PKG_VERSION"))
    }
}

/// An error and its causes on one line.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
