//! The gallery of a bundle in the window, and the notice about films of another kind than it was trained on.

use fluoro_core::bundle::{FilmKind, save};
use fluoro_core::radiograph::with_png_text;
use fluoro_core::samples;

use super::*;
use crate::window::app::Tab;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A copy of nih-small with the sample films as its gallery, as if it was trained on films of a kind.
fn bundle_with_gallery(films: FilmKind) -> (tempfile::TempDir, BundleSource) {
    let folder = tempfile::tempdir().expect("folder");
    for entry in std::fs::read_dir(Path::new(REPOSITORY).join("models/nih-small")).expect("the bundle") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    let mut manifest = save::existing_manifest(folder.path()).expect("readable").expect("a bundle");
    (manifest.films, manifest.name) = (films, "copy".to_owned());
    let film = |name: &'static str| (format!("drawn: {name}"), samples::bytes(name).expect("it is there").to_vec());
    save::gallery(folder.path(), &mut manifest, &samples::names().map(film).collect::<Vec<_>>()).expect("a gallery");
    let source = BundleSource::Folder(folder.path().to_path_buf());
    (folder, source)
}

/// A file with a sample film; marked as a phantom or not.
fn film(folder: &Path, name: &str, is_phantom: bool) -> PathBuf {
    let drawn = samples::bytes(samples::names().next().expect("a sample")).expect("it is there");
    let path = folder.join(name);
    let marked = with_png_text(drawn, "Software", "fluoro phantom 0.1.0; seed 7; film 12");
    std::fs::write(&path, if is_phantom { &marked } else { drawn }).expect("a file");
    path
}

fn names(window: &Harness<'_, App>) -> Vec<String> {
    window.state().study.films.iter().map(|film| film.name.clone()).collect()
}

fn bundle_name(window: &Harness<'_, App>) -> String {
    window.state().manifest().expect("a bundle").name.clone()
}

#[test]
fn opens_with_the_gallery_of_the_bundle() {
    let (_folder, bundle) = bundle_with_gallery(FilmKind::Patients);
    let window = open(WindowOptions { bundle, ..options(Vec::new()) });
    let captions: Vec<String> = samples::names().map(|name| format!("drawn: {name}")).collect();
    assert_eq!(names(&window), captions);
    assert!(window.state().analysis().is_some() && window.state().notice().is_none());
}

#[test]
fn the_default_bundle_brings_films_that_fit_it() {
    let window = open(WindowOptions { bundle: BundleSource::default(), ..options(Vec::new()) });
    let app = window.state();
    assert!(!app.study.films.is_empty() && app.analysis().is_some());
    assert!(app.notice().is_none() && app.model.problem.is_none());
}

#[test]
fn a_folder_that_is_a_bundle_brings_its_films_into_an_empty_study() {
    let (folder, _) = bundle_with_gallery(FilmKind::Patients);
    let window = open(options(vec![folder.path().to_path_buf()]));
    assert_eq!((bundle_name(&window).as_str(), window.state().study.films.len()), ("copy", 4));
}

#[test]
fn a_click_in_the_gallery_opens_the_film() {
    let (folder, bundle) = bundle_with_gallery(FilmKind::Patients);
    let own = film(folder.path(), "own.png", false);
    let mut window = open(WindowOptions { bundle, ..options(vec![own]) });
    press(&mut window, Modifiers::NONE, Key::F5);
    settle(&mut window);
    assert_eq!(window.state().layout.tab, Tab::Gallery);
    assert!(window.state().gallery.pictures.iter().all(Result::is_ok) && window.state().gallery.pictures.len() == 4);
    let third = format!("gallery film 3: drawn: {}", samples::names().nth(2).expect("three"));
    window.get_by_label(&third).click();
    window.run_steps(2);
    settle(&mut window);
    let last = format!("drawn: {}", samples::names().nth(2).expect("three"));
    assert_eq!(names(&window), ["own.png".to_owned(), last], "it joined the study");
    assert!(window.state().study.shown == Some(1) && window.state().is_gallery_film(2));
    window.state_mut().show_film(0);
    settle(&mut window);
    window.get_by_label(&third).click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!((window.state().study.films.len(), window.state().study.shown), (2, Some(1)), "it joins once");
    window.get_by_label("Open all").click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(window.state().study.films.len(), 4);
    window.set_size([960.0, 640.0].into());
    window.run_steps(2);
    settle(&mut window);
}

#[test]
fn a_bundle_without_a_gallery_says_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = open(options(vec![film(folder.path(), "own.png", false)]));
    press(&mut window, Modifiers::NONE, Key::F5);
    window.get_by_label_contains("nih-small brings no films of its own");
    window.get_by_label("Open sample films").click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(names(&window), samples::names().collect::<Vec<_>>());
}

#[test]
fn a_damaged_film_of_the_gallery_leaves_the_others() {
    let (folder, bundle) = bundle_with_gallery(FilmKind::Patients);
    std::fs::write(folder.path().join("gallery/01.png"), b"no film").expect("damaged");
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    window.get_by_label_contains("This film could not be opened");
    window.get_by_label_contains("damaged or was changed");
    press(&mut window, Modifiers::NONE, Key::F5);
    settle(&mut window);
    let pictures = &window.state().gallery.pictures;
    assert!(pictures[0].is_err() && pictures[1..].iter().all(Result::is_ok));
}

#[test]
fn a_film_that_is_no_phantom_is_noticed_and_the_bundle_switched() {
    let (_folder, bundle) = bundle_with_gallery(FilmKind::Phantoms);
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    window.state_mut().show_film(1);
    settle(&mut window);
    let study = names(&window);
    window.get_by_label_contains(
        "This bundle was trained on phantoms; this film is not one. Bundle nih-small was trained on",
    );
    window.get_by_label("Open nih-small").click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!((bundle_name(&window).as_str(), names(&window)), ("nih-small", study));
    assert_eq!((window.state().study.shown, window.state().notice()), (Some(1), None));
    assert!(window.state().analysis().is_some() && window.query_by_label("close notice").is_none());
}

#[test]
fn the_notice_answers_to_keys_and_stays_closed() {
    let (folder, bundle) = bundle_with_gallery(FilmKind::Phantoms);
    let files = vec![film(folder.path(), "a.png", true), film(folder.path(), "b.png", false)];
    let mut window = open(WindowOptions { bundle, ..options(files) });
    assert!(window.query_by_label("close notice").is_none(), "a phantom fits");
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    window.get_by_label("close notice");
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::B);
    settle(&mut window);
    assert_eq!(bundle_name(&window), "nih-small");
    assert!(window.query_by_label("close notice").is_none(), "the film fits now");

    // The phantom does not; through the palette, without a hand.
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    window.get_by_label_contains("This bundle was trained on films of patients; this film is a phantom");
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "close the notice");
    press(&mut window, Modifiers::NONE, Key::Enter);
    assert!(window.state().notice().is_none());
    for key in [Key::PageDown, Key::PageUp] {
        press(&mut window, Modifiers::NONE, key);
        settle(&mut window);
        assert!(window.query_by_label("close notice").is_none(), "it stays closed");
    }
}

#[test]
fn the_palette_opens_a_built_in_bundle() {
    let (_folder, bundle) = bundle_with_gallery(FilmKind::Patients);
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "nih-small");
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert_eq!((bundle_name(&window).as_str(), window.state().study.films.len()), ("nih-small", 4));
}

#[test]
fn a_notice_fits_every_window() {
    let (_folder, bundle) = bundle_with_gallery(FilmKind::Phantoms);
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    for size in [[960.0, 600.0], [1600.0, 1000.0]] {
        window.set_size(size.into());
        window.run_steps(3);
        settle(&mut window);
        let notice = window.get_by_label("close notice").rect();
        let light_box = window.get_by_label("viewport: original").rect();
        assert!(notice.bottom() <= light_box.top(), "{notice:?} lies above {light_box:?}");
        assert!(light_box.top() < 0.25 * size[1], "the films keep their room: {light_box:?}");
    }
}
