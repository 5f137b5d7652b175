//! `fluoro view`, and `fluoro` alone where there is a screen: the window, or a picture of it.

use std::path::{Path, PathBuf};

use clap::Args;
use fluoro_core::Error;
use fluoro_core::bundle::{BundleFiles, BundleSource};
use fluoro_core::export::atomic::write_atomic;
use fluoro_core::export::picture_png;
use fluoro_core::radiograph::Study;
use fluoro_core::store::Store;
use serde::Serialize;

use super::failure::Failure;
use super::{Global, output};
use crate::window::{self, Picture, Scene, Script, WindowError, WindowOptions};

/// Size of a picture of the window.
pub const SIZE: [u32; 2] = [1600, 1000];

/// What to look at.
#[derive(Args, Default)]
pub struct ViewArgs {
    /// Films, folders of films, or one session (a file that ends in .fluoro.ron); when none is named, those that come with the bundle, or else the sample films
    files: Vec<PathBuf>,
    /// Open this activation store in the Gallery tab
    #[arg(long, value_name = "STORE")]
    store: Option<PathBuf>,
    /// The feature of the store whose page is shown
    #[arg(long, value_name = "N", requires = "store")]
    feature: Option<u32>,
    /// Show the curves of the SAE that `fluoro train sae STORE -o FOLDER` is training, or has trained
    #[arg(long, value_name = "FOLDER")]
    watch: Option<PathBuf>,
    /// Write a picture of the window instead of opening it; needs no display
    #[arg(long, value_name = "OUT.png")]
    screenshot: Option<PathBuf>,
    /// What the picture shows: review, edit, shift, attribution, gallery, report, audit, error, palette, keys or light
    #[arg(long, value_name = "SCENE", default_value = "review", requires = "screenshot", value_parser = parse_scene)]
    scene: Option<Scene>,
    /// What a hand does before the picture is taken: a RON list of steps, such as
    /// [Key("Ctrl+K"), Text("invert"), Key("Enter"), Click("Overlay"), Set("Cardiomegaly", -12.0), Run("Four viewports"),
    /// Film(2), SaveSession("a.fluoro.ron"), Wait(0.5)]; controls are named as a screen reader names them
    #[arg(long, value_name = "KEYS.ron", requires = "screenshot", verbatim_doc_comment)]
    script: Option<PathBuf>,
    /// Size of the picture in pixels
    #[arg(long, value_name = "WxH", default_value = "1600x1000", requires = "screenshot", value_parser = parse_size)]
    size: Option<[u32; 2]>,
}

#[derive(Serialize)]
struct Report {
    scene: &'static str,
    outputs: Vec<String>,
}

/// Opens the window and returns when it is closed, or writes a picture of it.
///
/// # Errors
/// When there is no screen, a path does not exist, or the window cannot be drawn.
pub fn run(args: &ViewArgs, global: &Global) -> Result<(), Failure> {
    if args.screenshot.is_none() && !window::has_display() {
        return Err(WindowError::NoDisplay.into());
    }
    let session = match args.files.as_slice() {
        [file] if window::is_session(file) => window::bundle_of_session(file)?,
        [] => None,
        files => {
            Study::open(files)?;
            None
        }
    };
    if let Some(folder) = &args.store {
        let features = Store::open(folder)?.info().features;
        if let Some(feature) = args.feature.filter(|feature| *feature >= features) {
            let reason = format!("there is no feature {feature}; the store has {features}, from 0");
            return Err(Error::Invalid(reason).into());
        }
    }
    let usual = if args.files.is_empty() { BundleSource::showcase() } else { BundleSource::default() };
    // A session brings its bundle along; should that be missing, the window says so.
    let of_session = session.filter(|source| BundleFiles::open(source).is_ok());
    let bundle = global.source_or(of_session.unwrap_or(usual))?;
    let store = args.store.clone().map(|store| (store, args.feature));
    let options =
        WindowOptions { films: args.files.clone(), bundle, device: global.device, store, watch: args.watch.clone() };
    match &args.screenshot {
        Some(path) => picture(args, options, path, global),
        None => Ok(window::run(options)?),
    }
}

fn picture(args: &ViewArgs, options: WindowOptions, path: &Path, global: &Global) -> Result<(), Failure> {
    output::check_png(path)?;
    let scene = args.scene.unwrap_or(Scene::Review);
    let size = args.size.unwrap_or(SIZE);
    let Picture { width, height, rgba } = match &args.script {
        Some(script) => window::screenshot_of_script(options, size, scene, &Script::read(script)?)?,
        None => window::screenshot(options, size, scene)?,
    };
    let png = picture_png(&rgba, width, height)?;
    write_atomic(path, |out| out.write_all(&png))?;
    let report = Report { scene: scene.name(), outputs: vec![output::shown(path)] };
    output::answer(global, &report, &output::written(&report.outputs))
}

fn parse_scene(text: &str) -> Result<Scene, String> {
    let names = || Scene::ALL.map(Scene::name).join(", ");
    Scene::ALL.into_iter().find(|scene| scene.name() == text).ok_or_else(|| format!("a scene is one of {}", names()))
}

fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let sides: Vec<u32> = text.split('x').filter_map(|side| side.parse().ok()).collect();
    match sides[..] {
        [width, height] if (320..=8192).contains(&width) && (240..=8192).contains(&height) => Ok([width, height]),
        _ => Err("a size is WIDTHxHEIGHT, from 320x240 to 8192x8192".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_scenes_are_read() {
        assert_eq!(parse_size("1600x1000"), Ok(SIZE));
        assert!(["1600", "0x0", "1x2x3", "99999x400"].into_iter().all(|size| parse_size(size).is_err()));
        assert!(Scene::ALL.into_iter().all(|scene| parse_scene(scene.name()) == Ok(scene)));
        assert!(parse_scene("nothing").is_err());
    }
}
