//! What the program said, kept for the log panel: the newest lines of level info and above, from every thread.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Instant;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Who says what the user was told in the window: the panel keeps it, the terminal does not need it again.
pub const WINDOW: &str = "window";
/// Lines kept.
const MOST: usize = 2000;
/// Bytes of one line at most; a driver can say a lot.
const LONGEST: usize = 4000;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number since the start.
    pub number: u64,
    /// Milliseconds since the first line.
    pub milliseconds: u128,
    /// How grave.
    pub level: Level,
    /// Which part of the program.
    pub target: String,
    /// What it said.
    pub text: String,
}

impl Line {
    /// As it is copied.
    pub fn words(&self) -> String {
        let seconds = self.milliseconds as f64 / 1e3;
        format!("{seconds:9.3} {:5} {}: {}", self.level, self.target, self.text)
    }
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<Line>,
    said: u64,
}

static RING: LazyLock<Mutex<Ring>> = LazyLock::new(Mutex::default);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The lines of this level and graver, oldest first.
pub fn lines(least: Level) -> Vec<Line> {
    // Graver levels are smaller.
    RING.lock().lines.iter().filter(|line| line.level <= least).cloned().collect()
}

/// Milliseconds since the program began to log.
pub fn milliseconds() -> u128 {
    START.elapsed().as_millis()
}

/// Empties the panel.
pub fn clear() {
    RING.lock().lines.clear();
}

/// Tests that look at the whole log do it one at a time: it is one for all threads.
#[cfg(test)]
pub static ALONE: Mutex<()> = Mutex::new(());

/// Makes these the lines of the log.
#[cfg(test)]
pub fn replace(lines: Vec<Line>) {
    RING.lock().lines = lines.into();
}

/// Catches what is said through `tracing`.
pub struct Catcher;

impl<S: Subscriber> Layer<S> for Catcher {
    fn on_layer(&mut self, _subscriber: &mut S) {
        // Times count from here.
        LazyLock::force(&START);
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let mut text = text.message + &text.rest;
        if text.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        let mut ring = RING.lock();
        ring.said += 1;
        let line = Line {
            number: ring.said,
            milliseconds: milliseconds(),
            level: *metadata.level(),
            target: metadata.target().split("::").next().unwrap_or_default().to_owned(),
            text,
        };
        ring.lines.push_back(line);
        while ring.lines.len() > MOST {
            ring.lines.pop_front();
        }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    rest: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.rest, " {}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value}")
        } else {
            write!(self.rest, " {}={value}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn grave_lines_are_kept_and_chatter_is_not() {
        let _alone = ALONE.lock();
        let subscriber = tracing_subscriber::registry().with(Catcher);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("log test: chatter");
            tracing::info!("log test: news");
            tracing::error!(why = "full", "log test: disk");
            tracing::warn!("log test: {}", "é".repeat(LONGEST));
        });
        let own = |least| -> Vec<Line> {
            lines(least).into_iter().filter(|line| line.text.starts_with("log test")).collect()
        };
        let all = own(Level::INFO);
        assert_eq!(all.iter().map(|line| line.level).collect::<Vec<_>>(), [Level::INFO, Level::ERROR, Level::WARN]);
        assert!(all[1].text == "log test: disk why=full" && all[2].text.len() < LONGEST + 8);
        assert_eq!(own(Level::ERROR).len(), 1);
        for _ in 0..MOST + 10 {
            tracing::subscriber::with_default(tracing_subscriber::registry().with(Catcher), || tracing::info!("many"));
        }
        assert!(lines(Level::INFO).len() <= MOST);
    }
}
