//! Short messages in the corner: news go by themselves, problems stay until they are closed.

use super::log::WINDOW;
use super::problem::Problem;

/// Seconds that news stay.
const NEWS_SECONDS: f64 = 6.0;
/// Messages kept at most.
const MOST: usize = 5;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was done.
    News,
    /// The user should know.
    Warning,
    /// Something went wrong.
    Error,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Toast {
    /// Number, for its widgets.
    pub id: u64,
    /// How much it matters.
    pub kind: Kind,
    /// First line.
    pub title: String,
    /// The rest.
    pub text: String,
    until: Option<f64>,
}

/// The messages on screen.
#[derive(Default)]
pub struct Toasts {
    list: Vec<Toast>,
    next: u64,
}

impl Toasts {
    /// Something was done.
    pub fn news(&mut self, now: f64, title: impl Into<String>, text: impl Into<String>) {
        let (title, text) = (title.into(), text.into());
        tracing::info!(target: WINDOW, "{title}: {text}");
        self.add(Kind::News, title, text, Some(now + NEWS_SECONDS));
    }

    /// The user should know.
    pub fn warn(&mut self, title: impl Into<String>, text: impl Into<String>) {
        let (title, text) = (title.into(), text.into());
        tracing::warn!(target: WINDOW, "{title}: {text}");
        self.add(Kind::Warning, title, text, None);
    }

    /// Something went wrong.
    pub fn problem(&mut self, problem: &Problem) {
        tracing::error!(target: WINDOW, "{}: {}", problem.what, problem.why);
        self.add(Kind::Error, problem.what.clone(), format!("{}\n{}", problem.why, problem.todo), None);
    }

    fn add(&mut self, kind: Kind, title: String, text: String, until: Option<f64>) {
        // The same message twice (a driver's error in every frame) is one message.
        self.list.retain(|toast| (toast.kind, &toast.title, &toast.text) != (kind, &title, &text));
        self.next += 1;
        self.list.push(Toast { id: self.next, kind, title, text, until });
        if self.list.len() > MOST {
            self.list.remove(0);
        }
    }

    /// Takes one away.
    pub fn close(&mut self, id: u64) {
        self.list.retain(|toast| toast.id != id);
    }

    /// What is on screen at `now`, and in how many seconds that changes by itself.
    pub fn current(&mut self, now: f64) -> (&[Toast], Option<f64>) {
        self.list.retain(|toast| toast.until.is_none_or(|until| until > now));
        let next = self.list.iter().filter_map(|toast| toast.until).min_by(f64::total_cmp);
        (&self.list, next.map(|until| until - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_go_and_problems_stay() {
        let mut toasts = Toasts::default();
        toasts.news(0.0, "Written", "a.gif");
        toasts.warn("Slow", "the CPU computes");
        toasts.warn("Slow", "the CPU computes");
        assert_eq!(toasts.current(1.0).0.len(), 2);
        let (left, next) = toasts.current(10.0);
        assert_eq!((left.len(), left[0].kind, next), (1, Kind::Warning, None));
    }
}
