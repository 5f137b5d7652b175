//! The running session on disk, so that a crash does not lose it. In: the session, now and then. Out: a file of this run
//! in the state folder, gone after a clean end; what an earlier run left behind is offered at the start.
//!
//! Each run holds a lock on its file's neighbour. A file whose lock is free belongs to a run that ended without cleaning
//! up.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use poll_promise::Promise;

use super::file::{self, Hashes};
use super::{ENDING, Session};

/// Seconds between two looks at whether something changed.
const EVERY_SECONDS: f64 = 4.0;
const LOCK: &str = ".lock";
/// Time for an older session to be written before a newer one takes its place.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sessions of crashed runs that are kept.
const MOST_LEFT: usize = 8;

/// Keeps the running session.
#[derive(Default)]
pub struct Keeper {
    file: Option<PathBuf>,
    lock: Option<File>,
    looked: f64,
    kept: Option<Session>,
    writing: Option<Promise<Result<(), String>>>,
    /// A session that an earlier run left behind.
    pub left: Option<PathBuf>,
    /// What was restored; it stays until this run's own file holds it.
    restored: Option<PathBuf>,
    /// What the file being written takes the place of.
    replaced: Option<PathBuf>,
}

impl Keeper {
    /// Starts keeping in a folder, and looks for what earlier runs left behind.
    pub fn start(folder: &Path) -> Self {
        let started = std::fs::create_dir_all(folder).and_then(|()| claim(folder));
        let Ok((file, lock)) = started.inspect_err(|error| tracing::info!(%error, "the session is not kept")) else {
            return Self::default();
        };
        let left = newest_left(folder, &file);
        Self { file: Some(file), lock: Some(lock), left, ..Self::default() }
    }

    /// Whether it is time to look at the session.
    pub fn is_due(&self, now: f64) -> bool {
        self.file.is_some() && self.writing.is_none() && now - self.looked >= EVERY_SECONDS
    }

    /// Seconds until the next look; none when it is due, so that a window at rest does not wake itself for ever.
    pub fn next(&self, now: f64) -> Option<f64> {
        self.file.as_ref().filter(|_| now - self.looked < EVERY_SECONDS)?;
        Some(self.looked + EVERY_SECONDS - now)
    }

    /// Writes the session if it changed, on a thread of its own.
    pub fn look(&mut self, now: f64, session: Session, hashes: &Arc<Hashes>) {
        self.looked = now;
        let Some(path) = self.file.clone().filter(|_| !session.films.is_empty()) else { return };
        if self.kept.as_ref() == Some(&session) && self.restored.is_none() {
            return;
        }
        self.kept = Some(session.clone());
        self.replaced = self.restored.take();
        let hashes = Arc::clone(hashes);
        self.writing = Some(Promise::spawn_thread("fluoro-keeper", move || {
            file::write(&path, session, &hashes).map_err(|error| error.to_string())
        }));
    }

    /// Takes the outcome of the last writing.
    pub fn take(&mut self) {
        match self.writing.take().map(Promise::try_take) {
            // It is tried again after the next change; a full disk is no news every few seconds.
            Some(Ok(Err(why))) => {
                tracing::warn!(why, "the running session was not kept");
                self.restored = self.replaced.take();
            }
            Some(Ok(Ok(()))) => {
                if let Some(replaced) = self.replaced.take() {
                    remove(&replaced);
                }
            }
            Some(Err(waiting)) => self.writing = Some(waiting),
            None => {}
        }
    }

    /// What an earlier run left behind is open again. Its file goes once this run's own holds it, or at a clean end.
    pub fn restored_left(&mut self) {
        self.restored = self.left.take();
    }

    /// Removes what an earlier run left behind: nobody wants it.
    pub fn forget_left(&mut self) {
        if let Some(left) = self.left.take() {
            remove(&left);
        }
    }

    /// Writes the session now, and leaves it to the window that opens next: this one cannot go on. None for a session that
    /// is still being opened: then the one that it comes from is the next window's.
    ///
    /// # Errors
    /// When nothing is kept, or the file cannot be written; what was kept before is still there.
    pub fn hand_over(&mut self, session: Option<Session>, hashes: &Hashes) -> Result<PathBuf, String> {
        let older = [self.restored.take(), self.replaced.take()];
        let (file, left) = (self.file.take(), self.left.take());
        self.lock = None;
        let Some(session) = session.filter(|session| !session.films.is_empty()) else {
            return older.into_iter().flatten().next().or(left).ok_or_else(|| "nothing was open".to_owned());
        };
        let path = file.ok_or("this computer keeps no sessions")?;
        // An older one on its way must not come after it; a slow disk must not hold the next window up.
        let (mut writing, start) = (self.writing.take(), Instant::now());
        while let Some(older) = writing.take().filter(|_| start.elapsed() < PATIENCE) {
            writing = older.try_take().err();
            std::thread::sleep(Duration::from_millis(5));
        }
        file::write_now(&path, session, hashes).map_err(|error| error.to_string())?;
        // This run's own file holds what was restored.
        older.iter().flatten().for_each(|old| remove(old));
        Ok(path)
    }

    /// A clean end: nothing is left behind.
    pub fn end(&mut self) {
        if let Some(writing) = self.writing.take() {
            let _unneeded = writing.block_and_take();
        }
        drop(self.lock.take());
        for file in [self.file.take(), self.restored.take(), self.replaced.take()].into_iter().flatten() {
            remove(&file);
        }
    }

    /// The program falls over: the file stays for the next start.
    #[cfg(test)]
    pub fn crash(&mut self) {
        if let Some(writing) = self.writing.take() {
            writing.block_and_take().expect("the session is kept");
        }
        let _ = (self.file.take(), self.lock.take(), self.restored.take(), self.replaced.take());
    }
}

/// A file of this run alone, and the lock that says so.
fn claim(folder: &Path) -> std::io::Result<(PathBuf, File)> {
    let run = std::process::id();
    for turn in 0..1000 {
        let file = folder.join(format!("run-{run}-{turn}{ENDING}"));
        let lock = File::options().create(true).append(true).open(lock_of(&file))?;
        // A file that is there already belongs to another run of the same number.
        if !file.exists() && lock.try_lock().is_ok() {
            return Ok((file, lock));
        }
    }
    Err(std::io::Error::other("no name is free"))
}

fn lock_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(LOCK);
    PathBuf::from(name)
}

/// The newest session whose run is over. Older ones wait for the next start; of more than [`MOST_LEFT`], the oldest go.
fn newest_left(folder: &Path, own: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let of_dead_run = |path: &PathBuf| {
        *path != *own
            && file::is_session(path)
            && File::options().create(true).append(true).open(lock_of(path)).is_ok_and(|lock| lock.try_lock().is_ok())
    };
    let written =
        |path: &PathBuf| std::fs::metadata(path).and_then(|there| there.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut left: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(of_dead_run).collect();
    left.sort_by_key(written);
    let newest = left.pop();
    let old = left.len().saturating_sub(MOST_LEFT - 1);
    left[..old].iter().for_each(|old| remove(old));
    newest
}

fn remove(file: &Path) {
    for path in [file.to_path_buf(), lock_of(file)] {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, path = %path.display(), "a kept session was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::session::FilmPlace;

    fn session(name: &str) -> Session {
        Session::of_place(FilmPlace::Sample(name.into()), name)
    }

    #[test]
    fn a_crash_leaves_the_session_and_a_clean_end_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let hashes = Arc::default();
        let mut first = Keeper::start(folder.path());
        assert!(first.left.is_none() && first.is_due(5.0));
        first.look(5.0, session("a"), &hashes);
        // While it lives, its session is nobody else's.
        assert!(Keeper::start(folder.path()).left.is_none());
        first.crash();

        let mut second = Keeper::start(folder.path());
        let left = second.left.clone().expect("the crashed run left its session");
        assert_eq!(file::read(&left).unwrap().films[0].name, "a");
        second.look(5.0, session("b"), &hashes);
        second.end();
        let mut third = Keeper::start(folder.path());
        assert_eq!(third.left, Some(left), "it is offered until it was restored or refused");
        third.forget_left();
        third.end();
        assert!(Keeper::start(folder.path()).left.is_none());
        let sessions = std::fs::read_dir(folder.path()).unwrap().flatten().filter(|e| file::is_session(&e.path()));
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn what_was_restored_stays_until_it_is_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let hashes = Arc::default();
        for name in ["old", "new"] {
            let mut run = Keeper::start(folder.path());
            run.look(5.0, session(name), &hashes);
            run.crash();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let name_of = |left: &Option<PathBuf>| file::read(left.as_ref().unwrap()).unwrap().films[0].name.clone();
        let mut second = Keeper::start(folder.path());
        assert_eq!(name_of(&second.left), "new");
        second.restored_left();
        second.crash();
        let mut third = Keeper::start(folder.path());
        assert_eq!(name_of(&third.left), "new", "a crash while it opens does not lose it");
        let left = third.left.clone().unwrap();
        third.restored_left();
        third.look(5.0, session("new"), &hashes);
        while third.writing.is_some() {
            third.take();
        }
        assert!(!left.exists(), "this run's own file holds it now");
        third.end();
        assert_eq!(name_of(&Keeper::start(folder.path()).left), "old", "an older one is offered in its turn");
    }

    #[test]
    fn a_session_that_is_handed_over_is_the_next_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Keeper::start(folder.path());
        let path = run.hand_over(Some(session("mine")), &Hashes::default()).unwrap();
        // The end that follows takes nothing away.
        run.end();
        let mut next = Keeper::start(folder.path());
        assert_eq!(next.left.as_ref(), Some(&path));
        assert_eq!(file::read(&path).unwrap().films[0].name, "mine");

        // Lost again while that is being opened: it is not written over with what is there so far.
        next.restored_left();
        assert_eq!(next.hand_over(None, &Hashes::default()), Ok(path.clone()));
        next.end();
        assert_eq!(file::read(&path).unwrap().films[0].name, "mine");
        let mut third = Keeper::start(folder.path());
        assert_eq!(third.hand_over(Some(Session::default()), &Hashes::default()), Ok(path), "nothing is open yet");
        assert!(Keeper::default().hand_over(Some(session("a")), &Hashes::default()).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_written_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        std::fs::write(&file, "").unwrap();
        let mut keeper = Keeper::start(&file.join("deep"));
        assert!(!keeper.is_due(100.0));
        keeper.look(0.0, session("a"), &Arc::default());
        keeper.end();
    }
}
