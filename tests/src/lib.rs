//! Shared helpers of the cross-crate tests: where the films are, and how to run the program.

pub mod reference;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use burn::prelude::Device;
use fluoro_core::bundle::{FilmKind, save};
use fluoro_core::device::ComputeDevice;
use fluoro_core::samples;
use serde_json::Value;

/// The folder of real films: `FLUORO_DATA`, or `shared/data` beside the repository. `None`, after [`not_run`], where
/// there is none.
pub fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FLUORO_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if folder.join("dicom/manifest.csv").is_file() {
        return Some(folder);
    }
    not_run(&format!("{test} (no folder of real films; name one in FLUORO_DATA)"));
    None
}

/// Says that a test, or a part of it, did not run: on standard output, and in the file that `FLUORO_NOT_RUN` names.
pub fn not_run(test: &str) {
    println!("NOT RUN: {test}");
    if let Some(list) = std::env::var_os("FLUORO_NOT_RUN") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
        file.and_then(|mut file| writeln!(file, "NOT RUN: {test}")).expect("the list of tests that did not run");
    }
}

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A sample film, drawn and part of the repository.
#[must_use]
pub fn sample(name: &str) -> PathBuf {
    repository().join("assets/films").join(name)
}

/// The bundle whose labels, features and quality the tests speak of, whichever bundle is the default.
pub const BUNDLE: &str = "nih-small";

/// Copies [`BUNDLE`] into a new folder.
pub fn copy_bundle(folder: &Path) {
    let from = repository().join("models").join(BUNDLE);
    std::fs::create_dir(folder).expect("a new folder");
    for name in names_in(&from) {
        std::fs::copy(from.join(&name), folder.join(&name)).expect("a copy");
    }
}

/// Copies [`BUNDLE`] into a new folder, with the sample films as its gallery, as if it was trained on films of a kind.
pub fn bundle_with_gallery(folder: &Path, films: FilmKind) {
    copy_bundle(folder);
    let mut manifest = save::existing_manifest(folder).expect("a manifest").expect("a bundle");
    manifest.films = films;
    let film = |name: &'static str| (format!("drawn: {name}"), samples::bytes(name).expect("a sample").to_vec());
    save::gallery(folder, &mut manifest, &samples::names().map(film).collect::<Vec<_>>()).expect("a gallery");
}

/// The program, from the profile and target folder of the running test. `cargo test --workspace` builds it, because the
/// app has an integration test of its own; it is built here only where that has not happened.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.parent().and_then(Path::parent).expect("target/release/deps/test");
        let program = profile.join("fluoro").with_extension(std::env::consts::EXE_EXTENSION);
        if !program.is_file() {
            // All of the workspace: choosing one package would change features and compile everything again.
            let built = Command::new(env!("CARGO"))
                .args(["build", "--release", "--locked", "--workspace", "--bin", "fluoro"])
                .current_dir(repository())
                .status();
            assert!(built.is_ok_and(|status| status.success()), "the program cannot be built");
        }
        program
    })
}

/// wgpu on the adapter that there is, a software one in CI; a process opens it once, however many tests share it.
///
/// # Panics
/// Without any adapter: tests that need one do not skip.
#[must_use]
pub fn wgpu() -> Device {
    static DEVICE: OnceLock<ComputeDevice> = OnceLock::new();
    let open = || ComputeDevice::any_wgpu().expect("a Vulkan adapter, hardware or software, is there for tests");
    DEVICE.get_or_init(open).tensor_device().clone()
}

/// What the program said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The JSON object on standard output of a run that ended well.
    #[must_use]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.out.trim_end().lines().count(), 1, "one line of JSON: {self:?}");
        let value: Value = serde_json::from_str(&self.out).expect("JSON on standard output");
        assert!(value.is_object());
        value
    }

    /// The one line on standard error of a run that failed, without the program's name.
    #[must_use]
    pub fn complaint(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        let line = self.err.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n') && !line.contains("panicked") && line.len() < 400, "one clear line: {line}");
        line.strip_prefix("fluoro: ").expect("the program's name first")
    }
}

/// Runs the program on the CPU, without a display, in `folder`.
pub fn fluoro_in<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Said {
    fluoro_to(folder, arguments, Stdio::piped())
}

/// As [`fluoro_in`], with standard output to somewhere else.
pub fn fluoro_to<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>, out: Stdio) -> Said {
    let run = Command::new(program())
        .args(arguments)
        .args(["--device", "cpu"])
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the program starts");
    Said {
        code: run.status.code().unwrap_or(-1),
        out: String::from_utf8(run.stdout).expect("text"),
        err: String::from_utf8(run.stderr).expect("text"),
    }
}

/// Names in a folder, sorted; hidden ones too.
#[must_use]
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
