//! Downloading an entry: its files enter by address, and leave in a folder of this machine, complete and pinned.
//!
//! A dropped connection is taken up where it ended, in this call or a later one. Nothing from a server becomes a path,
//! and a file appears under its name only when its size and its hash are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use serde::Serialize;
use ureq::Agent;

use super::lock::Lock;
use super::options::{ACCEPT_FLAG, Options};
use super::part::{Origin, Part, sha256_of};
use super::pins::{Pin, Pins};
use super::request::{self, Event, Head, Limits, Wanted};
use super::trouble::Trouble;
use super::{Entry, RemoteFile, folder};
use crate::engine::Progress;
use crate::error::{Error, Result};

/// Longest time between two looks at whether the user wants to stop.
const TICK: Duration = Duration::from_millis(100);
/// Largest file that is taken when nobody says how large it is, in bytes.
const MOST_BYTES: u64 = 1 << 36;

/// A file that is here now.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// How it came.
    pub how: How,
}

/// How a file came.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// From its first byte.
    Downloaded,
    /// The rest of what an earlier call left.
    Resumed,
    /// It was here already.
    AlreadyHere,
}

/// Brings every file of `entry` into `folder`, as `ENTRY/FILE`. Progress is counted in bytes, file by file.
///
/// # Errors
/// [`Error::Download`] when the host cannot be reached, has no such file, sends something else, or a file whose hash is
/// not the pinned one; [`Error::Write`] when the disk is full or another Fluoro is at it; [`Error::Cancelled`]. What has
/// come of a file stays for the next call, but for a file with the wrong hash.
pub fn fetch(entry: &Entry, folder: &Path, options: &Options, progress: &Progress<'_>) -> Result<Vec<Fetched>> {
    let mirror = options.mirror.as_deref().map(folder::checked_mirror).transpose()?;
    let home = folder.join(entry.name);
    fs::create_dir_all(&home).map_err(|e| Error::write(&home, &e))?;
    let pins = Pins::read(folder)?;
    let _lock = Lock::try_take(&home)?;
    let count = entry.files.len();
    let fetched = entry.files.iter().enumerate().map(|(index, file)| {
        let address = folder::address(file.url, mirror.as_deref());
        let limits = Limits {
            connect: options.patience.connect,
            silence: options.patience.silence,
            is_proxied: options.is_proxied,
        };
        let download = Download {
            entry,
            file,
            folder,
            options,
            progress,
            pins: &pins,
            agent: request::agent(&limits, address.starts_with("https://")),
            stage: format!("downloading {} ({} of {count})", entry.name, index + 1),
            address,
        };
        download.run()
    });
    fetched.collect()
}

/// One file's way.
struct Download<'a> {
    entry: &'a Entry,
    file: &'a RemoteFile,
    folder: &'a Path,
    options: &'a Options,
    progress: &'a Progress<'a>,
    pins: &'a Pins,
    agent: Agent,
    address: String,
    stage: String,
}

/// Why a try ended before the file was complete.
enum Stop {
    /// The host's or the network's doing.
    Trouble(Trouble),
    /// Ours: the disk, or the user.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Download<'_> {
    fn run(&self) -> Result<Fetched> {
        let place = folder::place(self.folder, self.entry, self.file);
        if place.is_file() {
            return self.check(place);
        }
        let reading = format!("reading what is here of {}", self.entry.name);
        let mut part = Part::open(&place, self.file.url, |done, total| self.tell(&reading, done, total))?;
        self.complete(&mut part)?;
        let how = if part.received() < part.length() { How::Resumed } else { How::Downloaded };
        self.keep(part, place, how)
    }

    /// A file that is here: pinned, or to be pinned.
    fn check(&self, path: PathBuf) -> Result<Fetched> {
        let stage = format!("checking {}", self.entry.name);
        let (sha256, bytes) = sha256_of(&path, |done, total| self.tell(&stage, done, total))?;
        if let Err(why) = self.compare(&sha256, bytes) {
            return Err(Error::Invalid(format!(
                "{why}; delete the file to download it again, or keep it with {ACCEPT_FLAG}: {}",
                path.display()
            )));
        }
        self.pin(&sha256, bytes)?;
        Ok(Fetched { path, bytes, sha256, how: How::AlreadyHere })
    }

    /// Tries until the part is complete.
    fn complete(&self, part: &mut Part) -> Result<()> {
        let (mut most, mut failures) = (part.length(), 0);
        self.report(part)?;
        while !part.is_complete() {
            let reason = match self.attempt(part) {
                Ok(()) => break,
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::Trouble(Trouble::Final(reason))) => return Err(Error::download(&self.address, reason)),
                Err(Stop::Trouble(Trouble::Unreachable(reason))) if part.received() == 0 => {
                    return Err(Error::download(&self.address, reason));
                }
                Err(Stop::Trouble(Trouble::Unreachable(reason) | Trouble::Again(reason))) => reason,
            };
            if part.length() > most {
                (most, failures) = (part.length(), 0);
            }
            let Some(&pause) = self.options.patience.pauses.get(failures) else {
                let kept = if part.rest().is_some() { ", what has come is kept" } else { "" };
                let reason = format!("{reason}; tried {} times{kept}; run it again later", failures + 1);
                return Err(Error::download(&self.address, reason));
            };
            failures += 1;
            tracing::debug!(%reason, failures, address = self.address, "download interrupted");
            self.wait(pause, part)?;
        }
        Ok(())
    }

    /// One request, to its end.
    fn attempt(&self, part: &mut Part) -> Result<(), Stop> {
        let rest = part.rest();
        let wanted = Wanted { address: self.address.clone(), rest: rest.clone() };
        let events = request::start(&self.agent, wanted)?;
        loop {
            match events.recv_timeout(TICK) {
                Ok(Event::Head(head)) => {
                    self.begin(part, &head, rest.is_some())?;
                    if part.is_complete() {
                        return Ok(());
                    }
                }
                Ok(Event::Bytes(bytes)) => {
                    let most = part.origin().total.or(self.known_bytes()).unwrap_or(MOST_BYTES);
                    if part.length().saturating_add(bytes.len() as u64) > most {
                        part.empty()?;
                        return Err(Trouble::Final(format!("more than the {most} bytes of this file came")).into());
                    }
                    part.append(&bytes)?;
                    self.report(part)?;
                }
                Ok(Event::End) => return end(part),
                Ok(Event::Failed(trouble)) => return Err(trouble.into()),
                Err(RecvTimeoutError::Timeout) => self.report(part)?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Trouble::Again("the connection ended".to_owned()).into());
                }
            }
        }
    }

    /// Takes the head of an answer: the part is then ready for the bytes that follow.
    fn begin(&self, part: &mut Part, head: &Head, is_rest_wanted: bool) -> Result<(), Stop> {
        let host = request::host(&self.address);
        let is_same = match (&part.origin().etag, &head.etag) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        match head.status {
            200 | 206 if head.is_page => Err(Trouble::Final(format!(
                "{host} sent a web page instead of the file: it wants a sign-in, or the file was moved"
            ))
            .into()),
            200 | 206 if head.is_encoded => {
                Err(Trouble::Final(format!("{host} sent the file compressed, which was not asked for")).into())
            }
            // The whole: nothing was here, the file changed, or the host knows no ranges.
            200 => {
                self.check_size(head.length)?;
                part.restart(Origin::of(head, self.file.url))?;
                Ok(())
            }
            206 if is_rest_wanted => {
                let range = head.range.filter(|range| range.span.is_some_and(|(first, _)| first == part.length()));
                let total = range.and_then(|range| range.total).or(part.origin().total);
                let is_rest = range.is_some() && (part.origin().total.is_none() || total == part.origin().total);
                if !(is_same && is_rest) {
                    part.empty()?;
                    return Err(Trouble::Again(format!("the file changed at {host} during the download")).into());
                }
                self.check_size(total)?;
                if let Some(total) = total {
                    part.set_total(total);
                }
                Ok(())
            }
            // Nothing lies behind what is here: it is complete, or it is of another file.
            416 if is_rest_wanted => {
                let total = head.range.and_then(|range| range.total);
                if is_same && total == Some(part.length()) && part.origin().total.is_none_or(|all| Some(all) == total) {
                    part.set_total(part.length());
                    return Ok(());
                }
                part.empty()?;
                Err(Trouble::Again(format!("the file changed at {host} during the download")).into())
            }
            status => Err(Trouble::of_status(status, host).into()),
        }
    }

    /// A complete part becomes the file, when its hash is right.
    fn keep(&self, mut part: Part, path: PathBuf, how: How) -> Result<Fetched> {
        let (sha256, bytes) = (part.sha256(), part.length());
        let refused = if part.is_pointer()? {
            Err("a note of Git came instead of the file, which its authors keep elsewhere".to_owned())
        } else {
            self.compare(&sha256, bytes).map_err(|why| {
                format!("{why}; nothing was kept; if its authors announced a new version, {ACCEPT_FLAG} takes it")
            })
        };
        if let Err(why) = refused {
            part.discard()?;
            return Err(Error::download(&self.address, why));
        }
        part.sync()?;
        self.pin(&sha256, bytes)?;
        part.finish()?;
        Ok(Fetched { path, bytes, sha256, how })
    }

    /// Compares a file with its pin, or before there is one with what the list knows.
    fn compare(&self, sha256: &str, bytes: u64) -> Result<(), String> {
        if self.options.accepts_changed {
            return Ok(());
        }
        let pin = self.pins.get(self.entry.name, self.file.name);
        let (known, whence) = match (pin, self.file.sha256) {
            (Some(pin), _) => (Some(pin.sha256.as_str()), "pinned when it first came"),
            (None, listed) => (listed, "that Fluoro's list knows"),
        };
        match (known, self.known_bytes()) {
            (Some(known), _) if known != sha256 => {
                Err(format!("this is not the file {whence}: its SHA-256 is {sha256}, not {known}"))
            }
            (None, Some(known)) if known != bytes => {
                Err(format!("this is not the file {whence}: it has {bytes} bytes, not {known}"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a file of another size before its bytes come.
    fn check_size(&self, announced: Option<u64>) -> Result<(), Trouble> {
        match (announced, self.known_bytes()) {
            (Some(announced), Some(known)) if announced != known => Err(Trouble::Final(format!(
                "{} offers {announced} bytes, but the file has {known}; if its authors announced a new version, \
                 {ACCEPT_FLAG} takes it",
                request::host(&self.address)
            ))),
            _ => Ok(()),
        }
    }

    /// The size that the file must have: that of its pin, or of the list.
    fn known_bytes(&self) -> Option<u64> {
        let pin = self.pins.get(self.entry.name, self.file.name);
        pin.map(|pin| pin.bytes).or(self.file.bytes).filter(|_| !self.options.accepts_changed)
    }

    fn pin(&self, sha256: &str, bytes: u64) -> Result<()> {
        let pin = Pin { sha256: sha256.to_owned(), bytes, url: self.file.url.to_owned() };
        Pins::set(self.folder, self.entry.name, self.file.name, pin)
    }

    /// Waits, unless the user stops it.
    fn wait(&self, pause: Duration, part: &Part) -> Result<()> {
        let end = Instant::now() + pause;
        loop {
            self.report(part)?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn report(&self, part: &Part) -> Result<()> {
        let total = part.origin().total.or(self.known_bytes()).or(self.file.about_bytes).unwrap_or_default();
        self.tell(&self.stage, part.length(), total)
    }

    fn tell(&self, stage: &str, done: u64, total: u64) -> Result<()> {
        let count = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        self.progress.step(stage, count(done), count(total))
    }
}

/// The body ended: with all bytes, or too early.
fn end(part: &mut Part) -> Result<(), Stop> {
    let length = part.length();
    match part.origin().total {
        _ if length == 0 => Err(Trouble::Final("the file is empty".to_owned()).into()),
        Some(total) if total != length => {
            Err(Trouble::Again(format!("the connection ended after {length} of {total} bytes")).into())
        }
        // A body without an announced length is complete when it ends in order.
        _ => {
            part.set_total(length);
            Ok(())
        }
    }
}
