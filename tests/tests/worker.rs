//! The compute worker as the window uses it: requests carry ids, the newest edit wins, long work can be cancelled,
//! errors are events.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::DeviceChoice;
use fluoro_core::engine::Edit;
use fluoro_core::samples;
use fluoro_core::shift::{Preset, ShiftRequest, Target};
use fluoro_core::worker::{Event, FilmSource, FilmView, RequestId, Worker, WorkerOptions};

/// Longest that any single answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn start(bundle: BundleSource) -> Worker {
    let options = WorkerOptions { device: DeviceChoice::Cpu, shared_gpu: None, bundle, wake: Arc::new(|| {}) };
    Worker::start(options).expect("the thread starts")
}

fn nih_small() -> BundleSource {
    BundleSource::Embedded("nih-small".into())
}

fn next(worker: &Worker) -> Event {
    let start = Instant::now();
    loop {
        if let Some(event) = worker.poll().expect("the worker lives") {
            return event;
        }
        assert!(start.elapsed() < PATIENCE, "no answer");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn open_sample(worker: &Worker) -> FilmView {
    let sample = samples::names().next().expect("there are samples");
    let id = worker.open_film(FilmSource::Sample(sample));
    loop {
        match next(worker) {
            Event::FilmOpened(answered, film) if answered == id => return film,
            Event::Failed(_, error) => panic!("{error}"),
            _ => {}
        }
    }
}

fn shift_request() -> ShiftRequest {
    ShiftRequest {
        preset: Preset::Paper,
        range: Some([-500.0, 500.0]),
        frames: Some(400),
        ..ShiftRequest::of(Target::Label(1))
    }
}

#[test]
fn newest_edit_wins_and_stale_ones_are_dropped() {
    let worker = start(nih_small());
    let film = open_sample(&worker);
    let analysis = film.analysis.expect("the film was analysed");
    let feature = (0..analysis.activations.len()).find(|&f| analysis.activations[f] > 0.0).expect("one fires");
    let mut last: RequestId = 0;
    for step in 1..=100 {
        let value = analysis.activations[feature] + step as f32 * 0.01;
        last = worker.edit(Edit { features: BTreeMap::from([(feature, value)]), ..Edit::default() });
    }
    let mut pictures = Vec::new();
    while pictures.last() != Some(&last) {
        if let Event::Edited { id, .. } = next(&worker) {
            pictures.push(id);
        }
    }
    assert!(pictures.len() < 100, "{} pictures for 100 slider positions", pictures.len());
    assert!(pictures.is_sorted(), "{pictures:?}");
}

#[test]
fn a_running_shift_is_cancelled_and_the_worker_goes_on() {
    let worker = start(nih_small());
    open_sample(&worker);
    let id = worker.shift(shift_request());
    let mut cancelled_at = None;
    loop {
        match next(&worker) {
            Event::Progress { id: running, .. } if running == id && cancelled_at.is_none() => {
                worker.cancel(id);
                cancelled_at = Some(Instant::now());
            }
            Event::Failed(failed, error) if failed == id => {
                assert_eq!(error.to_string(), "cancelled");
                break;
            }
            Event::Shifted(..) => panic!("the shift was not cancelled"),
            _ => {}
        }
    }
    let waited = cancelled_at.expect("progress was reported").elapsed();
    assert!(waited < Duration::from_secs(5), "{waited:?} to stop");
    assert!(open_sample(&worker).analysis.is_some());
}

#[test]
fn a_request_cancelled_before_it_starts_does_not_run() {
    let worker = start(nih_small());
    open_sample(&worker);
    let first = worker.shift(shift_request());
    let second = worker.shift(shift_request());
    worker.cancel(second);
    worker.cancel(first);
    let mut failed = Vec::new();
    while failed.len() < 2 {
        match next(&worker) {
            Event::Failed(id, error) => {
                assert_eq!(error.to_string(), "cancelled");
                failed.push(id);
            }
            Event::Shifted(..) => panic!("a cancelled shift finished"),
            _ => {}
        }
    }
    failed.sort_unstable();
    assert_eq!(failed, [first, second]);
}

#[test]
fn failures_are_events_with_the_request_they_belong_to() {
    let worker = start(BundleSource::Folder(PathBuf::from("/nowhere/at/all")));
    let mut saw_bundle_failure = false;
    let id = worker.open_film(FilmSource::File(PathBuf::from("/nowhere/film.png")));
    let mut saw_film_failure = false;
    while !(saw_bundle_failure && saw_film_failure) {
        if let Event::Failed(failed, error) = next(&worker) {
            saw_bundle_failure |= failed == 0 && error.to_string().contains("/nowhere/at/all");
            saw_film_failure |= failed == id && error.to_string().contains("film.png");
        }
    }
    // A film is shown also where no bundle is open.
    let film = open_film_without_bundle(&worker);
    assert!(film.analysis.is_none() && film.radiograph.pixels.width() > 0);
}

fn open_film_without_bundle(worker: &Worker) -> FilmView {
    let sample = samples::names().next().expect("there are samples");
    let id = worker.open_film(FilmSource::Sample(sample));
    loop {
        if let Event::FilmOpened(answered, film) = next(worker)
            && answered == id
        {
            return film;
        }
    }
}
