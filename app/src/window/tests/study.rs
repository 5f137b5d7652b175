//! The study, what its files say, and what leaves the window: driven by names and keys.

use std::path::PathBuf;

use egui::accesskit::Role;
use egui::{Key, Modifiers, OutputCommand};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use fluoro_core::audit::injection::PixelBox;
use fluoro_core::display::Extent;
use fluoro_core::export::capture::{Capture, MadeFrame};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::{Radiograph, TagRow, tags};
use fluoro_core::samples;

use super::{open, options, press, settle, type_text, window};
use crate::window::app::{App, Cover};
use crate::window::command::Command;
use crate::window::dialogs::Purpose;
use crate::window::headless::Headless;
use crate::window::light_box::{Arrangement, Pane};
use crate::window::state::exports::Leaving;

/// A film as a DICOM file: what Fluoro itself writes, which has every attribute of a study. With words beside it where
/// `patient` is given: `(name, id, date, study, series, number)`.
fn dicom(path: &std::path::Path, patient: [&str; 6]) {
    use std::io::Write as _;
    // Explicit VR little endian by hand, PS3.5 7.1: so that the reader is tested against something that it did not write.
    let [name, id, date, study, series, number] = patient;
    let element = |tag: [u8; 4], vr: &[u8; 2], value: &[u8], pad: u8| {
        let mut bytes = vec![tag[1], tag[0], tag[3], tag[2]];
        bytes.extend_from_slice(vr);
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(pad);
        }
        if matches!(vr, b"OW" | b"OB") {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        } else {
            bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
        }
        bytes.extend(value);
        bytes
    };
    let text = |tag, vr: &[u8; 2], value: &str| element(tag, vr, value.as_bytes(), if vr == b"UI" { 0 } else { b' ' });
    let short = |tag, value: u16| element(tag, b"US", &value.to_le_bytes(), 0);
    let film = samples::open("drawn_normal_pa.png").expect("a sample");
    let pixels: Vec<u8> = film.pixels.data().iter().map(|&value| value as u8).collect();
    let series_uid = format!("{study}.{series}");
    let body: Vec<u8> = [
        text([0, 8, 0, 0x16], b"UI", "1.2.840.10008.5.1.4.1.1.1.1"),
        text([0, 8, 0, 0x18], b"UI", &format!("{series_uid}.{number}")),
        text([0, 8, 0, 0x20], b"DA", date),
        text([0, 8, 0, 0x60], b"CS", "DX"),
        text([0, 0x10, 0, 0x10], b"PN", name),
        text([0, 0x10, 0, 0x20], b"LO", id),
        text([0, 0x18, 0x51, 1], b"CS", "PA"),
        text([0, 0x20, 0, 0x0D], b"UI", study),
        text([0, 0x20, 0, 0x0E], b"UI", &series_uid),
        text([0, 0x20, 0, 0x11], b"IS", series),
        text([0, 0x20, 0, 0x13], b"IS", number),
        short([0, 0x28, 0, 2], 1),
        text([0, 0x28, 0, 4], b"CS", "MONOCHROME2"),
        short([0, 0x28, 0, 0x10], film.pixels.height() as u16),
        short([0, 0x28, 0, 0x11], film.pixels.width() as u16),
        short([0, 0x28, 1, 0], 8),
        short([0, 0x28, 1, 1], 8),
        short([0, 0x28, 1, 2], 7),
        short([0, 0x28, 1, 3], 0),
        text([0, 0x28, 3, 1], b"CS", "YES"),
        element([0x7F, 0xE0, 0, 0x10], b"OW", &pixels, 0),
    ]
    .concat();
    let syntax = text([0, 2, 0, 0x10], b"UI", "1.2.840.10008.1.2.1");
    let mut file = std::fs::File::create(path).expect("a file");
    file.write_all(&[&[0_u8; 128][..], b"DICM", &syntax, &body].concat()).expect("written");
}

/// Films of two patients in three examinations, their names in another order than their dates.
fn studies() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("folder");
    let folder = home.path().join("films");
    std::fs::create_dir(&folder).expect("folder");
    for (file, patient) in [
        ("a.dcm", ["Curie^Marie", "MRN7", "20210301", "1.2.3", "2", "1"]),
        ("b.dcm", ["Curie^Marie", "MRN7", "20181201", "1.2.1", "1", "10"]),
        ("c.dcm", ["Curie^Marie", "MRN7", "20181201", "1.2.1", "1", "9"]),
        ("d.dcm", ["Bohr^Niels", "MRN8", "20200101", "1.2.2", "1", "1"]),
    ] {
        dicom(&folder.join(file), patient);
    }
    (home, folder)
}

fn names(window: &Harness<'_, App>) -> Vec<String> {
    window.state().study.films.iter().map(|film| film.name.clone()).collect()
}

fn value(rows: &[TagRow], keyword: &str) -> String {
    rows.iter().find(|row| row.keyword == keyword).map(|row| row.value.clone()).unwrap_or_default()
}

#[test]
fn a_folder_is_read_in_the_order_of_its_examinations_with_thumbnails_and_no_names() {
    let (_home, folder) = studies();
    let mut window = open(options(vec![folder]));
    assert_eq!(names(&window), ["c.dcm", "b.dcm", "d.dcm", "a.dcm"]);
    let app = window.state_mut();
    assert!(app.study.films.iter().all(|film| film.small.is_some() && film.facts.is_some()), "not opened, but seen");
    assert_eq!(app.study.parts().as_slice(), [0, 2, 3]);
    assert_eq!(app.study.heading(3, true), "study 3 · series 2");
    assert_eq!(app.study.heading(3, false), "2021-03-01 · series 2");
    window.get_by_role_and_label(Role::Button, "film a.dcm").click();
    settle(&mut window);
    assert_eq!(window.state().study.current, 3);
    assert!(window.query_by_label_contains("Curie").is_none(), "names are hidden");
    window.get_by_label("hide patient names").click();
    window.run_steps(2);
    window.get_by_label_contains("Curie Marie");
}

#[test]
fn the_earlier_film_of_the_same_patient_comes_beside_and_moves_along_or_by_itself() {
    let (_home, folder) = studies();
    let mut window = open(options(vec![folder]));
    window.state_mut().show_film(3);
    settle(&mut window);
    press(&mut window, Modifiers::COMMAND, Key::P);
    settle(&mut window);
    window.get_by_label("viewport: film beside");
    let app = window.state();
    assert!(app.shows_prior() && app.light_box.kept.arrangement == Arrangement::Two);
    let place = &app.prior.as_ref().expect("a film beside").place;
    assert_eq!(place.study_date.as_deref(), Some("20181201"));
    assert!(app.study.films.iter().any(|film| app.is_prior(film)));
    let content = |app: &App| app.prior.as_ref().map(|prior| (prior.offset, prior.is_linked)).expect("a film beside");
    assert_eq!(content(app), ([0.0; 2], true));

    let rect = window.get_by_label("viewport: film beside").rect();
    let drag = |window: &mut Harness<'_, App>| {
        let button = |pos, pressed| egui::Event::PointerButton {
            pos,
            button: egui::PointerButton::Middle,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let end = rect.center() + egui::vec2(30.0, 10.0);
        window.hover_at(rect.center());
        window.event(button(rect.center(), true));
        window.step();
        window.hover_at(end);
        window.step();
        window.event(button(end, false));
        window.run_steps(2);
    };
    drag(&mut window);
    let both = window.state().light_box.kept.transform.expect("both moved");
    assert_eq!(content(window.state()).0, [0.0; 2]);
    window.state_mut().run(Command::LinkPrior);
    drag(&mut window);
    assert_eq!(window.state().light_box.kept.transform, Some(both), "the current film stays");
    assert_ne!(content(window.state()).0, [0.0; 2]);
    window.state_mut().run(Command::LinkPrior);
    assert_eq!(content(window.state()), ([0.0; 2], true), "linked, it is back in place");

    press(&mut window, Modifiers::COMMAND, Key::P);
    assert!(window.query_by_label("viewport: film beside").is_none());
    // Another patient's film can be chosen, and says so.
    window.state_mut().show_prior(2);
    settle(&mut window);
    assert!(crate::window::light_box::snapshot(window.state(), &Default::default()).is_ok());
    window.state_mut().open_samples();
    settle(&mut window);
    assert!(window.state().prior.is_none(), "another study has no film beside");
    window.state_mut().run(Command::TogglePrior);
    window.run_steps(2);
    window.get_by_label_contains("No other film of this patient is open");
}

#[test]
fn all_tags_are_listed_searched_and_hidden() {
    let (_home, folder) = studies();
    let mut window = open(options(vec![folder.join("a.dcm")]));
    press(&mut window, Modifiers::COMMAND, Key::T);
    for _ in 0..200 {
        window.step();
        if matches!(&window.state().cover, Cover::Tags(tags) if tags.rows().is_some()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    window.run_steps(2);
    window.check_accessibility();
    window.get_by_label("(0010,0010) PatientName: hidden");
    window.get_by_label("search tags").focus();
    window.run_steps(2);
    type_text(&mut window, "curie");
    window.get_by_label_contains("No tag, keyword or value has these letters");
    window.get_by_label_contains("names are hidden").click();
    window.run_steps(2);
    window.get_by_label("(0010,0010) PatientName: Curie^Marie");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(matches!(window.state().cover, Cover::Nothing));
}

#[test]
fn words_in_the_film_are_pointed_out_before_a_picture_leaves() {
    let mut window = window(Vec::new());
    let portable = window.state().study.films.iter().position(|film| film.name.contains("portable")).expect("one");
    window.state_mut().show_film(portable);
    settle(&mut window);
    window.state_mut().run(Command::CopyPicture);
    window.run_steps(2);
    assert!(matches!(window.state().cover, Cover::Leaving(Leaving::Clipboard)));
    window.get_by_label_contains("Burned-in words");
    window.get_by_role_and_label(Role::CheckBox, "burned-in place 1");
    window.check_accessibility();
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    assert!(matches!(window.state().cover, Cover::Nothing), "nothing was copied");

    let copied = |window: &Harness<'_, App>| {
        let commands = &window.output().platform_output.commands;
        commands.iter().find_map(|command| match command {
            OutputCommand::CopyImage(image) => Some(image.clone()),
            _ => None,
        })
    };
    let copy = |window: &mut Harness<'_, App>, button: &str| {
        window.state_mut().run(Command::CopyPicture);
        window.run_steps(2);
        window.get_by_label(button).click();
        for _ in 0..4 {
            window.step();
            if let Some(image) = copied(window) {
                return image;
            }
        }
        panic!("{button}: nothing was copied");
    };
    let kept = copy(&mut window, "Keep them");
    let painted = copy(&mut window, "Paint over all");
    assert_eq!(kept.size, painted.size);
    assert_ne!(kept.pixels, painted.pixels, "the sticker is gone");
}

#[test]
fn films_and_views_are_written_without_names() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    let portable = window.state().study.films.iter().position(|film| film.name.contains("portable")).expect("one");
    window.state_mut().show_film(portable);
    settle(&mut window);
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    let at = |name: &str| folder.path().join(name);
    let own = window.state().film.as_ref().expect("a film").view.radiograph.pixels.clone();
    window.state_mut().export_film(at("film.png"));
    settle(&mut window);
    let film = Radiograph::open(&at("film.png")).expect("a film");
    assert_eq!((film.pixels.width(), film.pixels.height()), (own.width(), own.height()));
    let rows = tags(&at("film.png")).expect("rows");
    assert!(rows.iter().all(|row| row.keyword == "Software"), "{rows:?}");

    window.state_mut().find_words().expect("a choice").paint_all(true);
    let places: Vec<PixelBox> = window.state().exports.choice.as_ref().expect("a choice").painted();
    assert!(!places.is_empty());
    window.state_mut().export_film(at("painted.png"));
    settle(&mut window);
    let painted = Radiograph::open(&at("painted.png")).expect("a film");
    for y in 0..own.height() {
        for x in 0..own.width() {
            let is_in = |it: &PixelBox| (it.x..it.x + it.width).contains(&x) && (it.y..it.y + it.height).contains(&y);
            if !places.iter().any(is_in) {
                assert_eq!(painted.pixels.get(x, y), film.pixels.get(x, y), "{x} {y}");
            }
        }
    }
    assert_ne!(painted.pixels, film.pixels);

    window.state_mut().save_view(at("view.png"));
    settle(&mut window);
    let view = std::fs::read(at("view.png")).expect("a view");
    assert!(view.windows(7).any(|part| part == b"Comment"), "it shows what a model made");
    // With the wipe's line, both pictures are in it.
    let app = window.state_mut();
    app.light_box.kept.arrangement = Arrangement::One;
    app.light_box.kept.single = Pane::Counterfactual;
    app.save_view(at("plain.png"));
    settle(&mut window);
    let app = window.state_mut();
    (app.light_box.kept.wipe.on, app.light_box.kept.wipe.at) = (true, 0.5);
    app.save_view(at("wiped.png"));
    settle(&mut window);
    let [plain, wiped] = ["plain.png", "wiped.png"].map(|name| Radiograph::open(&at(name)).expect("a picture").pixels);
    let differ = |from: usize, to: usize| {
        let rows = 100..plain.height() - 100;
        rows.flat_map(|y| (from..to).map(move |x| (x, y))).any(|(x, y)| plain.get(x, y) != wiped.get(x, y))
    };
    let middle = plain.width() / 2;
    assert!(differ(100, middle - 60) && !differ(middle + 200, plain.width() - 100));

    window.state_mut().save_view(at("no/such/folder.png"));
    settle(&mut window);
    window.get_by_label_contains("Nothing was written");
}

#[test]
fn an_edit_and_a_shift_become_dicom_objects_that_name_nobody_unless_asked() {
    let (home, folder) = studies();
    let mut window = open(options(vec![folder.join("a.dcm")]));
    assert!(!window.state().can(Command::ExportDicom), "nothing was made yet");
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    let at = |name: &str| home.path().join(name);
    window.state_mut().leave(Leaving::File(Purpose::ExportDicom));
    window.run_steps(2);
    window.get_by_label("Copy patient and study");
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.state_mut().find_words().expect("a choice").paint_all(true);
    window.state_mut().export_dicom(at("edit.dcm"));
    settle(&mut window);
    let rows = tags(&at("edit.dcm")).expect("rows");
    assert_eq!(value(&rows, "ImageType"), "DERIVED\\SECONDARY");
    assert_eq!(
        (value(&rows, "PatientName"), value(&rows, "PatientIdentityRemoved")),
        ("ANONYMOUS".into(), "NO".into()),
        "its file says that words are burned in, and nobody knows whether all of them were found"
    );
    assert!(value(&rows, "DerivationDescription").contains("bundle nih-small: edit: "), "{rows:?}");
    let recipe = fluoro_core::export::Recipe::read(&at("edit.dcm.recipe.ron")).expect("a recipe");
    assert_eq!(recipe.film, "", "a file's name can be the patient's");
    Radiograph::open(&at("edit.dcm")).expect("it opens as a film");

    window.state_mut().find_words().expect("a choice").keeps_patient = true;
    window.state_mut().export_dicom(at("named.dcm"));
    settle(&mut window);
    let rows = tags(&at("named.dcm")).expect("rows");
    assert_eq!((value(&rows, "PatientName"), value(&rows, "StudyInstanceUID")), ("Curie^Marie".into(), "1.2.3".into()));
    assert_ne!(value(&rows, "SeriesInstanceUID"), "1.2.3.2", "in a series of its own");
    let recipe = fluoro_core::export::Recipe::read(&at("named.dcm.recipe.ron")).expect("a recipe");
    assert_eq!(recipe.film, "a.dcm");

    let settings = &mut window.state_mut().shift.settings;
    settings.target = fluoro_core::shift::Target::Label(0);
    (settings.fixed, settings.range) = (true, [-20.0, 20.0]);
    (settings.counted, settings.frames) = (true, 3);
    window.state_mut().compute_shift();
    settle(&mut window);
    window.state_mut().find_words().expect("a choice").keeps_patient = false;
    window.state_mut().export_dicom(at("shift.dcm"));
    settle(&mut window);
    let rows = tags(&at("shift.dcm")).expect("rows");
    assert_eq!((value(&rows, "NumberOfFrames"), value(&rows, "PatientName")), ("3".into(), "ANONYMOUS".into()));
}

/// Pictures to look at: `FLUORO_PICTURES=DIR cargo test .. pictures_of_the_study`. It also checks that each cover and the two
/// films side by side become a picture without a screen.
#[test]
fn pictures_of_the_study() {
    let (home, folder) = studies();
    let keep = std::env::var_os("FLUORO_PICTURES").map(PathBuf::from);
    let shot = |size: [u32; 2], name: &str, stage: &dyn Fn(&mut App)| {
        let films = if name.starts_with("words") { Vec::new() } else { vec![folder.clone()] };
        let mut window = Headless::new(options(films), size).expect("the window starts");
        window.settle().expect("in time");
        stage(&mut window.app);
        window.settle().expect("in time");
        let picture = window.picture();
        let bright = picture.rgba.chunks_exact(4).filter(|pixel| pixel[0] > 128).count();
        assert!(bright > 2000, "{name}: {bright}");
        if let Some(keep) = &keep {
            let png =
                fluoro_core::export::picture_png(&picture.rgba, picture.width, picture.height).expect("a picture");
            std::fs::write(keep.join(format!("{name}.png")), png).expect("written");
        }
    };
    shot([1600, 1000], "prior", &|app| {
        app.show_film(3);
        app.show_prior(0);
    });
    shot([1280, 720], "tags", &|app| app.show_tags());
    shot([1600, 1000], "words", &|app| {
        app.show_film(app.study.films.iter().position(|film| film.name.contains("portable")).unwrap_or(0));
        app.cover = Cover::Leaving(Leaving::File(Purpose::ExportFilm));
    });
    shot([1280, 720], "dicom", &|app| app.cover = Cover::Leaving(Leaving::File(Purpose::ExportDicom)));
    if let Some(keep) = &keep {
        let film = samples::open("drawn_portable_ap.png").expect("a sample");
        let reference = Plane::from_fn(224, 224, |x, y| (x + y) as f32 * 3.0 - 700.0);
        let changed = |x: usize, y: usize| (x as f32 - 110.0).hypot(y as f32 - 140.0) < 40.0;
        let made = Plane::from_fn(224, 224, |x, y| reference.get(x, y) + if changed(x, y) { 200.0 } else { 0.0 });
        let capture = Capture {
            film: film.to_unit(),
            extent: Extent::whole(film.pixels.width(), film.pixels.height()),
            reference,
            frames: vec![MadeFrame { pixels: made, words: "edit: Cardiomegaly +12 %".into() }],
            delay_ms: 80,
            derivation: String::new(),
            origin: None,
            is_lossy: false,
            keeps_words: false,
        };
        let canvas = &capture.pictures().expect("a picture")[0];
        let png = fluoro_core::export::canvas_png(canvas, fluoro_core::export::Made::ByModel).expect("a picture");
        std::fs::write(keep.join("capture.png"), png).expect("written");
    }
    assert!(home.path().exists());
    assert_eq!(Pane::COUNT, 7);
}
