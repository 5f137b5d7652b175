//! Files that are being written on threads of their own: what is large, or lies on a slow disk, must not hold a frame up.

use std::path::PathBuf;

use poll_promise::Promise;

use super::problem::Problem;

/// What was written, for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it is: "Audit written".
    pub title: &'static str,
    /// Where.
    pub paths: Vec<PathBuf>,
}

/// Writing that goes on.
#[derive(Default)]
pub struct Writing {
    open: Vec<Promise<Result<Written, Problem>>>,
}

impl Writing {
    /// Whether something is being written.
    pub fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Runs `work` on a thread and calls `wake` after it.
    pub fn start(
        &mut self,
        title: &'static str,
        wake: impl Fn() + Send + 'static,
        work: impl FnOnce() -> fluoro_core::Result<Vec<PathBuf>> + Send + 'static,
    ) {
        self.open.push(Promise::spawn_thread("fluoro-writing", move || {
            let written = work();
            wake();
            written.map(|paths| Written { title, paths }).map_err(|error| Problem::new("Nothing was written", &error))
        }));
    }

    /// What has been written or failed since the last call.
    pub fn take(&mut self) -> Vec<Result<Written, Problem>> {
        let mut done = Vec::new();
        for promise in std::mem::take(&mut self.open) {
            match promise.try_take() {
                Ok(result) => done.push(result),
                Err(waiting) => self.open.push(waiting),
            }
        }
        done
    }
}
