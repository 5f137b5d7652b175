//! Progress of long work on standard error: one line that is rewritten on a terminal, a line now and then in a log.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use fluoro_core::engine::Step;
use parking_lot::Mutex;

/// Least time between two lines of one stage.
const ON_A_TERMINAL: Duration = Duration::from_millis(500);
const IN_A_LOG: Duration = Duration::from_secs(5);

/// Prints progress; dropped, it clears its line.
pub struct Meter {
    is_terminal: bool,
    is_silent: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: String,
    /// When this stage began, and how much of it was already done then: a resumed run starts in the middle.
    began: Option<(Instant, usize)>,
    printed: Option<Instant>,
}

impl Meter {
    /// For work of seconds: shown on a terminal only.
    pub fn short() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, is_silent: !is_terminal, state: Mutex::default() }
    }

    /// For work of minutes and hours: always shown.
    pub fn long() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), is_silent: false, state: Mutex::default() }
    }

    /// Takes one report.
    pub fn report(&self, step: Step<'_>) {
        if self.is_silent {
            return;
        }
        let now = Instant::now();
        let mut state = self.state.lock();
        // What follows the comma changes all the time: a loss.
        let stage = step.stage.split(',').next().unwrap_or_default();
        let known = state.began.filter(|&(_, first)| state.stage == stage && step.done >= first);
        let (began, first) = known.unwrap_or((now, step.done));
        state.began = Some((began, first));
        stage.clone_into(&mut state.stage);
        let pause = if self.is_terminal { ON_A_TERMINAL } else { IN_A_LOG };
        if known.is_some() && state.printed.is_some_and(|at| now.duration_since(at) < pause) {
            return;
        }
        state.printed = Some(now);
        let line = line(step, now.duration_since(began), first);
        let (start, end) = if self.is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // Without a standard error there is nobody to tell.
        let _ = write!(io::stderr(), "{start}{line}{end}").and_then(|()| io::stderr().flush());
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.is_terminal && self.state.lock().printed.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// `decoding frames 8/21, 0:03 left`.
fn line(step: Step<'_>, elapsed: Duration, first: usize) -> String {
    let Step { stage, done, total } = step;
    if total == 0 {
        return format!("{stage} {done}");
    }
    let (here, left) = (done.saturating_sub(first), total.saturating_sub(done));
    let rest = if here > 0 { clock(elapsed.as_secs_f64() * left as f64 / here as f64) } else { String::new() };
    format!("{stage} {done}/{total}{rest}")
}

fn clock(seconds: f64) -> String {
    let all = seconds.round() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 {
        format!(", {hours}:{minutes:02}:{seconds:02} left")
    } else {
        format!(", {minutes}:{seconds:02} left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_long_it_takes() {
        let step = |done| Step { stage: "epoch 1", done, total: 100 };
        assert_eq!(line(step(0), Duration::ZERO, 0), "epoch 1 0/100");
        assert_eq!(line(step(20), Duration::from_secs(10), 0), "epoch 1 20/100, 0:40 left");
        assert_eq!(line(step(60), Duration::from_secs(1000), 50), "epoch 1 60/100, 1:06:40 left");
    }
}
