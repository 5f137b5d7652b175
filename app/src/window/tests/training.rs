//! A training that is watched: a log that grows, ends, is half-written, broken or missing.

use std::io::Write as _;

use fluoro_core::train::dictionary::{CurvePoint, DictionaryOptions, Objective};
use fluoro_core::train::log::{LOG_FILE, TrainingLog};

use super::*;
use crate::window::app::Cover;

/// Frames until these words are on screen: the log is read by a thread that frames do not wait for.
fn until(window: &mut Harness<'_, App>, words: &str) {
    let start = Instant::now();
    while window.query_by_label_contains(words).is_none() {
        window.step();
        assert!(start.elapsed() < PATIENCE, "\"{words}\" does not appear");
        std::thread::sleep(Duration::from_millis(10));
    }
    window.run_steps(2);
    window.check_accessibility();
}

fn options_of_a_run() -> DictionaryOptions {
    DictionaryOptions::new(Objective::TopK { k: 16 }, 512, 200)
}

fn point(step: usize) -> CurvePoint {
    CurvePoint { step, loss: 2.5, active: 16.0, explained_variance: 0.75, alive_share: 0.9, learning_rate: 1e-3 }
}

#[test]
fn a_growing_log_is_followed_to_its_end() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    window.state_mut().watch_training(folder.path().to_path_buf());
    settle(&mut window);
    until(&mut window, "waiting for the training's first line");
    let log = TrainingLog::new(folder.path());
    log.start(&[options_of_a_run()]);
    until(&mut window, "No point of the curves yet");
    log.point(0, &point(50));
    until(&mut window, "running: step 50 of 200");
    window.get_by_label("explained variance: 0.75");
    window.get_by_label("active features of a token: 16.0");
    log.point(0, &point(100));
    until(&mut window, "running: step 100 of 200");
    // The next line is half there: nothing is said of it until it is whole.
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.path().join(LOG_FILE)).expect("the log");
    file.write_all(b"{\"point\":{\"run\":0,\"step\":1").expect("written");
    std::thread::sleep(Duration::from_millis(600));
    until(&mut window, "running: step 100 of 200");
    assert!(window.query_by_label_contains("cannot be read").is_none());
    file.write_all(b"5x}}\n").expect("written");
    until(&mut window, "log lines that cannot be read, left out: 1");
    log.end(Err(&fluoro_core::Error::Invalid("the loss left the finite numbers at step 150".into())));
    until(&mut window, "stopped at step 100: the loss left the finite numbers");
    window.get_by_label("Close").click();
    window.run_steps(2);
    assert!(matches!(window.state().cover, Cover::Nothing));
}

#[test]
fn what_is_no_training_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join(LOG_FILE), b"step,loss\n1,2\n").expect("written");
    let watch = Some(folder.path().to_path_buf());
    let mut window = open(WindowOptions { watch, ..options(Vec::new()) });
    until(&mut window, "not a log of a training");
    window.get_by_label_contains("Choose the folder of the bundle");
    window.state_mut().watch_training(folder.path().join("gone"));
    settle(&mut window);
    until(&mut window, "there is no such folder");
    // What a folder becomes is noticed too.
    std::fs::create_dir(folder.path().join("gone")).expect("a folder");
    until(&mut window, "waiting for the training's first line");
}
