//! The log of an SAE's training, for whoever watches it. In: points of the curves, and how it ended. Out: a file of JSON
//! lines in the bundle's folder that grows while the training runs and stays when it is over; and the file read again,
//! whole or half-written.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::dictionary::{CurvePoint, DictionaryOptions, DictionaryQuality};
use crate::error::{Error, Result};

/// Its name in the bundle's folder.
pub const LOG_FILE: &str = "sae-training.jsonl";
/// Bytes of a log at most; a point has about 200.
const LARGEST: u64 = 64 << 20;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first line: the runs that follow each other, one alone where nothing is swept.
    Started(Vec<Run>),
    /// A point of one run.
    Point {
        /// Which run, from 0.
        run: usize,
        /// Where it stands.
        #[serde(flatten)]
        point: CurvePoint,
    },
    /// The last line of a training that came to its end, with what the kept dictionary does on patients held out.
    Finished(DictionaryQuality),
    /// The last line of one that did not: why.
    Stopped(String),
}

/// One run of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its kind: gated, topk and so on.
    pub kind: String,
    /// Features that it learns.
    pub features: usize,
    /// Steps that it takes.
    pub steps: usize,
}

impl Run {
    fn of(options: &DictionaryOptions) -> Self {
        Self { kind: options.objective.name().to_owned(), features: options.features, steps: options.steps }
    }
}

/// Writes a log. A log that cannot be written never stops the training: the first failure is told in the program's own log.
pub struct TrainingLog {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl TrainingLog {
    /// The log of a bundle's folder; nothing is written yet.
    pub fn new(bundle: &Path) -> Self {
        Self { path: bundle.join(LOG_FILE), file: Mutex::new(None) }
    }

    /// Begins the file anew; a resumed training tells its earlier points once more.
    pub fn start(&self, runs: &[DictionaryOptions]) {
        match File::create(&self.path) {
            Ok(file) => *self.file.lock() = Some(file),
            Err(error) => tracing::warn!(path = %self.path.display(), "no log of the training is kept: {error}"),
        }
        self.write(&Line::Started(runs.iter().map(Run::of).collect()));
    }

    /// Adds a point.
    pub fn point(&self, run: usize, point: &CurvePoint) {
        self.write(&Line::Point { run, point: *point });
    }

    /// Says how it ended, if it began.
    pub fn end(&self, quality: Result<&DictionaryQuality, &Error>) {
        self.write(&match quality {
            Ok(quality) => Line::Finished(*quality),
            Err(error) => Line::Stopped(error.to_string()),
        });
    }

    fn write(&self, line: &Line) {
        let mut file = self.file.lock();
        let Some(open) = file.as_mut() else { return };
        let written = serde_json::to_string(line).map_err(std::io::Error::other);
        // One write for the line and its end, so that a reader seldom sees half of one.
        if let Err(error) = written.and_then(|text| open.write_all((text + "\n").as_bytes())) {
            tracing::warn!(path = %self.path.display(), "the log of the training ends early: {error}");
            *file = None;
        }
    }
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With a dictionary, and what that does on patients held out.
    Finished(DictionaryQuality),
    /// Without one: why.
    Stopped(String),
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// The runs, in their order.
    pub runs: Vec<Run>,
    /// Points of each run that began, in order of their steps.
    pub points: Vec<Vec<CurvePoint>>,
    /// How it ended; none while it runs, or after it was killed.
    pub ending: Option<Ending>,
    /// Whole lines that make no sense. The last line does not count while its end is missing.
    pub broken: usize,
    /// How long ago the file last grew, in whole minutes.
    pub silence: Duration,
}

impl Curves {
    /// Reads the log in a bundle's folder; none where no training has written there yet.
    ///
    /// # Errors
    /// When there is no such folder, the file cannot be read, is too large, or holds nothing of a training.
    pub fn read(bundle: &Path) -> Result<Option<Self>> {
        let path = bundle.join(LOG_FILE);
        let unreadable = |e: std::io::Error| Error::bundle(&path, format!("the training's log cannot be read ({e})"));
        if !bundle.is_dir() {
            return Err(Error::bundle(bundle, "there is no such folder; name the bundle that is being trained"));
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.len() > LARGEST {
            return Err(Error::bundle(&path, "too large for a log of a training"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
        let silence = metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        // What is read again and again is the same as long as nothing happens.
        let silence = Duration::from_secs(silence.as_secs() / 60 * 60);
        let curves = Self { silence, ..Self::parse(&bytes) };
        if curves.runs.is_empty() && curves.points.is_empty() && curves.broken > 0 {
            return Err(Error::bundle(&path, "not a log of a training; train again to begin a new one"));
        }
        Ok(Some(curves))
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut curves = Self::default();
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        // Behind the last line's end there is nothing, or a line that is still being written.
        lines.pop();
        for line in lines.into_iter().filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Started(runs)) => curves = Self { runs, broken: curves.broken, ..Self::default() },
                Ok(Line::Point { run, point }) if run < curves.runs.len() => {
                    curves.points.resize(curves.points.len().max(run + 1), Vec::new());
                    curves.points[run].push(point);
                }
                Ok(Line::Finished(quality)) => curves.ending = Some(Ending::Finished(quality)),
                Ok(Line::Stopped(why)) => curves.ending = Some(Ending::Stopped(why)),
                Ok(Line::Point { .. }) | Err(_) => curves.broken += 1,
            }
        }
        for points in &mut curves.points {
            points.sort_by_key(|point| point.step);
        }
        curves
    }
}

#[cfg(test)]
mod tests {
    use super::super::dictionary::Objective;
    use super::*;

    fn point(step: usize) -> CurvePoint {
        let loss = 1.0 / step as f64;
        CurvePoint { step, loss, active: 15.5, explained_variance: 0.5, alive_share: 0.9, learning_rate: 1e-3 }
    }

    fn quality() -> DictionaryQuality {
        DictionaryQuality { tokens: 49, explained_variance: 0.8, active: 15.0, alive_share: 0.7, cosine: 0.9 }
    }

    #[test]
    fn what_is_written_is_read_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Curves::read(folder.path()).unwrap();
        assert_eq!(read(), None);
        let log = TrainingLog::new(folder.path());
        // Before the start there is nothing to say.
        log.end(Err(&Error::Cancelled));
        assert_eq!(read(), None);
        let options = DictionaryOptions::new(Objective::TopK { k: 4 }, 64, 200);
        log.start(&[options.clone(), options]);
        let curves = read().unwrap();
        assert_eq!((curves.runs.len(), curves.runs[1].kind.as_str(), curves.runs[1].steps), (2, "topk", 200));
        assert!(curves.points.is_empty() && curves.ending.is_none());
        log.point(0, &point(50));
        log.point(1, &point(50));
        log.point(1, &point(100));
        assert_eq!(read().unwrap().points, [vec![point(50)], vec![point(50), point(100)]]);
        log.end(Ok(&quality()));
        assert_eq!(read().unwrap().ending, Some(Ending::Finished(quality())));
        let log = TrainingLog::new(folder.path());
        log.start(&[DictionaryOptions::new(Objective::TopK { k: 4 }, 64, 200)]);
        log.end(Err(&Error::Cancelled));
        let curves = read().unwrap();
        assert!(curves.points.is_empty(), "the log begins anew");
        assert_eq!(curves.ending, Some(Ending::Stopped(Error::Cancelled.to_string())));
    }

    #[test]
    fn half_lines_wait_and_broken_ones_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = TrainingLog::new(folder.path());
        log.start(&[DictionaryOptions::new(Objective::TopK { k: 4 }, 64, 200)]);
        log.point(0, &point(50));
        let path = folder.path().join(LOG_FILE);
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let curves = Curves::read(folder.path()).unwrap().unwrap();
            assert!(curves.broken == 0 && curves.points.is_empty(), "{end}");
        }
        let broken = [&whole[..], b"{\"point\": half\n\xff\xfe\n{\"point\":{\"run\":9,\"step\":1}}\n"].concat();
        std::fs::write(&path, broken).unwrap();
        let curves = Curves::read(folder.path()).unwrap().unwrap();
        assert_eq!((curves.broken, curves.points), (3, vec![vec![point(50)]]));
        std::fs::write(&path, "step,loss\n1,2\n").unwrap();
        let error = Curves::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a log of a training") && !error.contains('\n'), "{error}");
        let error = Curves::read(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(error.contains("no such folder"), "{error}");
    }
}
