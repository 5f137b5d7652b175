//! A training that is watched: its log, read again on a thread of its own as it grows. In: a bundle's folder. Out: the
//! newest curves, or why there are none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fluoro_core::train::log::Curves;
use parking_lot::Mutex;

use super::problem::Problem;

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(400);

/// What the last look found: nothing yet, no log yet, curves.
pub type Seen = Option<Result<Option<Curves>, Problem>>;

/// A folder that is watched until this is dropped.
pub struct Watch {
    /// The bundle that is being trained.
    pub folder: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

impl Watch {
    /// Watches a bundle's folder; `wake` is called when there is news.
    pub fn start(folder: PathBuf, wake: impl Fn() + Send + 'static) -> Self {
        let seen = Arc::new(Mutex::new(None));
        let (weak, path) = (Arc::downgrade(&seen), folder.clone());
        let thread = std::thread::Builder::new().name("fluoro-watch".to_owned());
        if let Err(error) = thread.spawn(move || watch(&path, &weak, wake)) {
            let error = fluoro_core::Error::Invalid(format!("no thread can be started ({error})"));
            *seen.lock() = Some(Err(problem(&error)));
        }
        Self { folder, seen }
    }

    /// What the last look found.
    pub fn seen(&self) -> Seen {
        self.seen.lock().clone()
    }

    /// A watch that has seen this and looks no more.
    #[cfg(test)]
    pub fn held(folder: &str, seen: Seen) -> Self {
        Self { folder: folder.into(), seen: Arc::new(Mutex::new(seen)) }
    }
}

/// Looks again and again, until nobody wants to know.
fn watch(folder: &Path, seen: &Weak<Mutex<Seen>>, wake: impl Fn()) {
    loop {
        let new = Some(Curves::read(folder).map_err(|error| problem(&error)));
        // Between two looks nothing is held, so that the end of the watch is noticed.
        let Some(seen) = seen.upgrade() else { return };
        let mut old = seen.lock();
        if *old != new {
            *old = new;
            drop(old);
            wake();
        } else {
            drop(old);
        }
        drop(seen);
        std::thread::sleep(PAUSE);
    }
}

fn problem(error: &fluoro_core::Error) -> Problem {
    Problem {
        todo: "Choose the folder of the bundle that fluoro train sae STORE -o BUNDLE is training.".to_owned(),
        ..Problem::new("The training cannot be watched", error)
    }
}
