//! What a command says and where: the answer on standard output, everything else on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use fluoro_core::bundle::Mismatch;
use fluoro_core::engine::Prediction;
use fluoro_core::{Error, Result};
use serde::Serialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Global;
use super::failure::Failure;
use crate::window::LogCatcher;

/// What every answer in words ends with.
pub const NOTICE: &str = "Not for diagnosis.";

/// Logs go to standard error: warnings and worse, or what `RUST_LOG` asks for; beside JSON nothing unless it asks.
pub fn start_log(json: bool) {
    // Graphics libraries warn about what they try and do not find; that is no news to the user.
    let usual =
        if json { "off" } else { "warn,window=off,wgpu_core=error,wgpu_hal=off,naga=error,cubecl=error,winit=error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_filter(filter);
    // The window's log panel keeps more than standard error shows.
    let kept = EnvFilter::new("info,wgpu_core=error,wgpu_hal=off,naga=error,cubecl=error,winit=error,egui=warn");
    // Fails only when a log was started before, which nothing here does.
    let _ = tracing_subscriber::registry().with(log).with(LogCatcher.with_filter(kept)).try_init();
}

/// Prints the answer: `json` as one line when JSON was asked for, else the words.
///
/// # Errors
/// When standard output is full. A reader that has gone, such as `head`, is no error.
pub fn answer(global: &Global, json: &impl Serialize, words: &str) -> Result<(), Failure> {
    let text = if global.json {
        serde_json::to_string(json).map_err(|e| Failure::Stdout(e.into()))?
    } else {
        words.trim_end().to_owned()
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Stdout(e)),
        _ => Ok(()),
    }
}

/// One line of advice on standard error.
pub fn warn(text: &str) {
    complain(&format!("warning: {text}"));
}

/// Warns of films that are of another kind than those that the bundle was trained on: one line, however many they are.
pub fn warn_of_kind(mismatches: &[Mismatch], films: usize) {
    let Some(first) = mismatches.first() else { return };
    let many = if films > 1 { format!(" ({} of {films} films)", mismatches.len()) } else { String::new() };
    warn(&kind_warning(first, &many));
}

/// What is wrong and what to do; `which` says of which films.
pub fn kind_warning(mismatch: &Mismatch, which: &str) -> String {
    match mismatch.proposal {
        Some(name) => format!("{mismatch}{which}; try --bundle {name}"),
        None => format!("{mismatch}{which}, so its scores and features mean little"),
    }
}

/// One line on standard error.
pub fn complain(text: &str) {
    // On a terminal a line of progress may stand there.
    let clear = if io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{clear}fluoro: {}", one_line(text));
}

/// Text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A path as it is printed.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The last lines of an answer: what was written.
pub fn written(outputs: &[String]) -> String {
    outputs.iter().fold(String::new(), |text, output| text + "wrote " + output + "\n")
}

/// Paths as JSON has them.
pub fn paths(outputs: &[PathBuf]) -> Vec<String> {
    outputs.iter().map(|path| shown(path)).collect()
}

/// Refuses an output that would replace the film it is made from, or another output of the same command.
pub fn check_distinct(outputs: &[&Path], film: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    for (i, output) in outputs.iter().enumerate() {
        if real(output) == real(film) {
            let reason = "this is the film itself; choose another name".into();
            return Err(Error::Write { path: output.to_path_buf(), reason });
        }
        if outputs[..i].iter().any(|other| real(other) == real(output)) {
            let reason = "two outputs have this name; choose another for one of them".into();
            return Err(Error::Write { path: output.to_path_buf(), reason });
        }
    }
    Ok(())
}

/// The extension of an output in lower case; empty without one.
pub fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Refuses an output that is not a PNG by name, or cannot be written.
pub fn check_png(path: &Path) -> Result<()> {
    match extension(path).as_str() {
        "png" => fluoro_core::export::atomic::check_file(path),
        other => {
            let reason = format!("a picture is written as .png, not as \"{other}\"; choose a name that ends in .png");
            Err(Error::Write { path: path.to_path_buf(), reason })
        }
    }
}

/// Scores side by side: label, then one column for each list; a star where the last is at its operating point or above.
pub fn score_table(heads: &[&str], columns: &[&[Prediction]]) -> String {
    let mut text = String::new();
    let Some(labels) = columns.first() else { return text };
    let width = labels.iter().map(|p| p.label.chars().count()).max().unwrap_or(0).max(7);
    let _ = write!(text, "  {:<width$}", "finding");
    heads.iter().for_each(|head| {
        let _ = write!(text, "  {head:>8}");
    });
    text.push('\n');
    for (i, prediction) in labels.iter().enumerate() {
        let _ = write!(text, "  {:<width$}", prediction.label);
        let row: Vec<&Prediction> = columns.iter().filter_map(|column| column.get(i)).collect();
        for score in &row {
            let _ = write!(text, "  {:>8.2}", score.probability);
        }
        let is_above = row.last().is_some_and(|last| last.probability >= last.threshold);
        text.push_str(if is_above { " *\n" } else { "\n" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_one_line() {
        assert_eq!(one_line("a\nb\r\n  c\x1b[1m d "), "a b c [1m d");
    }

    #[test]
    fn an_output_never_replaces_its_film() {
        let home = tempfile::tempdir().unwrap();
        let film = home.path().join("film.png");
        std::fs::write(&film, "film").unwrap();
        let other = home.path().join("other.png");
        let detour = home.path().join(".").join("film.png");
        assert!(check_distinct(&[&detour], &film).is_err());
        assert!(check_distinct(&[&other, &other], &film).is_err());
        assert!(check_distinct(&[&other], &film).is_ok());
        assert!(check_png(&home.path().join("a.jpg")).is_err() && check_png(&other).is_ok());
    }

    #[test]
    fn tables_mark_what_is_above_its_operating_point() {
        let scores =
            |p| [Prediction { label: "Mass".into(), probability: p, threshold: 0.5, raw: p, operating_point: 0.5 }];
        let table = score_table(&["before", "after"], &[&scores(0.25), &scores(0.5)]);
        assert_eq!(table, "  finding    before     after\n  Mass         0.25      0.50 *\n");
    }
}
