//! Films that come with a bundle, and films of another kind than those that it was trained on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluoro_core::bundle::{BundleSource, FilmKind};
use fluoro_core::device::{ComputeDevice, DeviceChoice};
use fluoro_core::engine::Engine;
use fluoro_core::radiograph::{PHANTOM_MARK, with_png_text};
use fluoro_core::samples;
use fluoro_core::worker::{Event, FilmSource, Worker, WorkerOptions};
use fluoro_tests::{BUNDLE, bundle_with_gallery, fluoro_in, names_in, sample};

const FILM: &str = "drawn_large_heart_pa.png";

/// A folder with a bundle that has a gallery.
fn place(films: FilmKind) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let bundle = home.path().join("bundle");
    bundle_with_gallery(&bundle, films);
    (home, bundle)
}

/// Writes a phantom into a folder: a sample film with the mark.
fn phantom(folder: &Path) -> String {
    let bytes =
        with_png_text(&std::fs::read(sample(FILM)).unwrap(), "Software", &format!("{PHANTOM_MARK} 0.1.0; seed 7"));
    std::fs::write(folder.join("phantom.png"), bytes).unwrap();
    "phantom.png".to_owned()
}

fn film() -> String {
    sample(FILM).canonicalize().unwrap().display().to_string()
}

#[test]
fn info_lists_the_gallery_and_refuses_a_damaged_one() {
    let (home, bundle) = place(FilmKind::Phantoms);
    let report = fluoro_in(home.path(), ["info", "bundle", "--json"]).json();
    assert_eq!(report["films"], "phantoms");
    let gallery = report["gallery"].as_array().unwrap();
    assert_eq!(gallery.len(), 4);
    assert_eq!(
        (&gallery[0]["file"], &gallery[0]["caption"]),
        (&"gallery/01.png".into(), &format!("drawn: {FILM}").into())
    );
    let words = fluoro_in(home.path(), ["info", "bundle"]);
    assert!(words.out.contains("gallery of 4 films") && words.out.contains("gallery/04.png  drawn: "), "{words:?}");

    std::fs::copy(sample("drawn_normal_pa.png"), bundle.join("gallery/03.png")).unwrap();
    let said = fluoro_in(home.path(), ["info", "bundle"]);
    let complaint = said.complaint();
    assert!(complaint.contains("damaged or was changed") && complaint.contains("03.png"), "{complaint}");
    // The model itself is whole.
    assert_eq!(fluoro_in(home.path(), ["analyze", &film(), "--bundle", "bundle", "--json"]).code, 0);
    std::fs::remove_file(bundle.join("gallery/03.png")).unwrap();
    assert!(fluoro_in(home.path(), ["info", "bundle"]).complaint().contains("03.png"));
}

#[test]
fn the_demo_shows_the_first_film_of_the_gallery() {
    let (home, _) = place(FilmKind::Phantoms);
    let report = fluoro_in(home.path(), ["--bundle", "bundle", "--json"]).json();
    assert_eq!(report["film"], "gallery/01.png");
    assert!(names_in(&home.path().join("fluoro-demo")).contains(&"shift.gif".to_owned()));
}

#[test]
fn a_film_of_the_other_kind_is_warned_of_once() {
    let (home, _) = place(FilmKind::Phantoms);
    let (film, phantom) = (film(), phantom(home.path()));
    let run = |words: &[&str]| fluoro_in(home.path(), words);
    for (bundle, other, own, clue) in [
        (BUNDLE, &phantom, &film, "nih-small was trained on films of patients; this film is a phantom"),
        ("bundle", &film, &phantom, "was trained on phantoms; this film is not one; try --bundle nih-small"),
    ] {
        for command in ["info", "analyze"] {
            let said = run(&[command, other, "--bundle", bundle]);
            assert_eq!(said.code, 0, "{said:?}");
            assert!(said.err.starts_with("fluoro: warning: ") && said.err.contains(clue), "{said:?}");
            assert_eq!(said.err.lines().count(), 1, "{said:?}");
            let said = run(&[command, own, "--bundle", bundle]);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{command} {own} with {bundle}");
        }
        let about = run(&["info", other, "--bundle", bundle, "--json"]).json();
        assert!(about["warning"].as_str().unwrap().contains(clue) && about["phantom"] == (*other == phantom));
        let said = run(&["analyze", own, other, other, own, "--bundle", bundle, "--json"]);
        let report = said.json();
        assert!(report["films"][0]["warning"].is_null());
        assert!(report["films"][1]["warning"].as_str().unwrap().contains(clue));
        // One file that is named twice is one film.
        assert!(said.err.contains("(1 of 2 films)") && said.err.lines().count() == 1, "{said:?}");
    }
    let words = run(&["info", &phantom]);
    assert!(words.out.contains("by Fluoro: a phantom"), "{words:?}");
}

#[test]
fn a_gallery_changes_nothing_that_a_recipe_depends_on() {
    let (home, _) = place(FilmKind::Patients);
    for (bundle, name) in [(BUNDLE, "a.png"), ("bundle", "b.png")] {
        let words = ["edit", &film(), "--finding", "Mass=4", "--bundle", bundle, "-o", name];
        assert_eq!(fluoro_in(home.path(), words).code, 0);
    }
    let read = |name: &str| std::fs::read(home.path().join(name)).unwrap();
    assert_eq!(read("a.png"), read("b.png"));
    assert_eq!(read("a.png.recipe.ron"), read("b.png.recipe.ron"));
}

#[test]
fn an_open_bundle_opens_its_films() {
    let (_home, bundle) = place(FilmKind::Phantoms);
    let engine = Engine::open(&BundleSource::Folder(bundle), ComputeDevice::cpu()).unwrap();
    let files: Vec<&str> = engine.bundle().gallery().collect();
    assert_eq!(files.len(), 4);
    for (file, name) in files.into_iter().zip(samples::names()) {
        assert_eq!(engine.bundle().gallery_film(file).unwrap().pixels, samples::open(name).unwrap().pixels);
    }
    assert!(engine.bundle().gallery_film("bundle.ron").is_err());
}

#[test]
fn the_worker_opens_films_of_any_bundle() {
    let (_home, bundle) = place(FilmKind::Phantoms);
    let open = BundleSource::Embedded(BUNDLE.into());
    let options =
        WorkerOptions { device: DeviceChoice::Cpu, shared_gpu: None, bundle: open.clone(), wake: Arc::new(|| {}) };
    let worker = Worker::start(options).unwrap();
    let source =
        |file: &str| FilmSource::Gallery { bundle: BundleSource::Folder(bundle.clone()), file: file.to_owned() };
    let good = worker.open_film(source("gallery/02.png"));
    let bad = worker.open_film(source("../02.png"));
    let (mut opened, mut failed) = (false, false);
    while !(opened && failed) {
        match worker.wait().unwrap() {
            Event::BundleOpened(_, view) => assert_eq!(view.source, open),
            Event::FilmOpened(id, film) if id == good => {
                assert!(film.radiograph.path.ends_with("gallery/02.png") && film.analysis.is_some());
                opened = true;
            }
            Event::Failed(id, error) if id == bad => {
                assert!(error.to_string().contains("unknown gallery film"), "{error}");
                failed = true;
            }
            _ => {}
        }
    }
}
