//! The window driven as a user would: by names, keys and values, without a screen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use fluoro_core::bundle::BundleSource;
use fluoro_core::device::DeviceChoice;
use fluoro_core::shift::Target;

use super::app::{App, DrawnBy, Host, Source};
use super::dialogs::Purpose;
use super::light_box::Arrangement;
use super::state::problem::Problem;
use super::{Scene, WindowOptions, screenshot};

const PATIENCE: Duration = Duration::from_secs(180);

mod features;
mod frame;
mod gallery;
mod light_box;
mod region;
mod report;
mod robust;
mod snapshots;
mod stress;
mod study;
mod training;

/// The bundle that has no gallery, so that the sample films open, whichever bundle is the default.
fn options(films: Vec<PathBuf>) -> WindowOptions {
    WindowOptions {
        films,
        bundle: BundleSource::Embedded("nih-small".into()),
        device: DeviceChoice::Cpu,
        store: None,
        watch: None,
    }
}

fn window(films: Vec<PathBuf>) -> Harness<'static, App> {
    open(options(films))
}

fn open(options: WindowOptions) -> Harness<'static, App> {
    let host = Host { dialogs: false, remembers: false, drawn_by: DrawnBy::Raster };
    let mut window = Harness::builder()
        .with_size([1600.0, 1000.0])
        .build_eframe(move |cc| App::new(&cc.egui_ctx, options, None, host).expect("the window starts"));
    settle(&mut window);
    window
}

/// Frames until nothing is under way.
fn settle(window: &mut Harness<'_, App>) {
    let start = Instant::now();
    loop {
        window.step();
        if window.state().is_idle() {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the window is busy for too long");
        std::thread::sleep(Duration::from_millis(5));
    }
    window.run_steps(2);
    window.check_accessibility();
}

fn press(window: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(2);
}

fn type_text(window: &mut Harness<'_, App>, text: &str) {
    window.event(Event::Text(text.to_owned()));
    window.run_steps(2);
}

#[test]
fn opens_with_the_sample_films_analysed() {
    let window = window(Vec::new());
    let app = window.state();
    assert_eq!(app.study.films.len(), 4);
    assert!(app.model.problem.is_none() && app.dead.is_none(), "{:?}", app.model.problem);
    let analysis = app.analysis().expect("the film is analysed");
    assert!(analysis.reconstruction.is_some() && !app.labels().is_empty());
    assert!(app.privacy, "names are hidden at every start");
    for pane in ["viewport: original", "viewport: counterfactual", "viewport: reconstruction", "viewport: difference"] {
        window.get_by_label(pane);
    }
}

#[test]
fn a_slider_makes_a_picture_and_undo_takes_it_back() {
    let mut window = window(Vec::new());
    let label = window.state().labels()[0].clone();
    window.get_by_role_and_label(Role::Slider, &label).set_value_accesskit(-12.0);
    window.run_steps(2);
    assert_eq!(window.state().edit().findings.get(&0), Some(&-12.0));
    settle(&mut window);
    let made = window.state().pictures.made.clone().expect("a picture");
    assert_eq!(made.edit, window.state().edit());
    let before = window.state().reconstruction().expect("reconstruction").0.clone();
    assert_ne!(made.frame.pixels, before);

    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert!(window.state().edit().is_empty() && window.state().pictures.made.is_none());
    press(&mut window, Modifiers::COMMAND, Key::Y);
    settle(&mut window);
    assert_eq!(
        window.state().pictures.made.as_ref().expect("again").frame,
        made.frame,
        "the same edit, the same picture"
    );
    press(&mut window, Modifiers::COMMAND, Key::Z);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(window.state().edit(), made.edit, "with Shift it is made again");
    press(&mut window, Modifiers::COMMAND, Key::Backspace);
    assert!(window.state().edit().is_empty());
}

#[test]
fn a_feature_can_be_dragged_pinned_and_found() {
    let mut window = window(Vec::new());
    let activations = window.state().analysis().expect("analysis").activations.clone();
    let strongest =
        (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("features");
    let name = format!("feature {strongest}");
    let slider = |window: &Harness<'_, App>| {
        let found = window.get_all_by_role(Role::Slider).find(|node| {
            node.accesskit_node().label().is_some_and(|l| l == name || l.starts_with(&format!("{name} ")))
        });
        found.expect("the strongest feature is on top").set_value_accesskit(0.0);
    };
    slider(&window);
    settle(&mut window);
    assert_eq!(window.state().edit().features.get(&strongest), Some(&0.0));
    window.state_mut().set_feature(strongest, activations[strongest]);
    assert!(window.state().edit().is_empty(), "its own value is no edit");

    press(&mut window, Modifiers::COMMAND, Key::F);
    assert!(window.get_by_label("search features").is_focused());
    type_text(&mut window, &strongest.to_string());
    let wanted = strongest.to_string();
    let rows = window
        .get_all_by_role(Role::Slider)
        .filter_map(|node| node.accesskit_node().label())
        .filter(|l| l.starts_with("feature "))
        .count();
    assert!(rows >= 1 && rows < activations.len());
    window.get_by_label(&format!("pin feature {strongest}")).click();
    window.run_steps(2);
    assert!(window.state().features.pins.contains(&strongest));
    press(&mut window, Modifiers::COMMAND, Key::F);
    type_text(&mut window, "no such label");
    window.get_by_label_contains("No feature has this number or label");
    assert!(window.state().features.search.starts_with(&wanted));
}

#[test]
fn a_damaged_film_says_what_why_and_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    let (bad, good) = (folder.path().join("a.dcm"), folder.path().join("b.png"));
    std::fs::write(&bad, b"this is no film").expect("file");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/films/drawn_normal_pa.png"), &good)
        .expect("file");
    let mut window = window(vec![bad, good]);
    window.get_by_label_contains("This film could not be opened");
    window.get_by_label_contains("Check the file");
    window.get_by_label_contains("Copy these lines").click();
    window.step();
    window.get_by_label("Next film").click();
    settle(&mut window);
    assert!(window.state().film.is_some() && window.query_by_label_contains("could not be opened").is_none());
    assert!(window.state().study.films[0].problem.is_some());
}

#[test]
fn keys_do_what_the_list_of_keys_says() {
    let mut window = window(Vec::new());
    press(&mut window, Modifiers::NONE, Key::I);
    assert!(window.state().light_box.kept.invert);
    press(&mut window, Modifiers::NONE, Key::Space);
    assert!(!window.state().light_box.kept.invert);
    for (key, arrangement) in
        [(Key::Num1, Arrangement::One), (Key::Num2, Arrangement::Two), (Key::Num4, Arrangement::Four)]
    {
        press(&mut window, Modifiers::ALT, key);
        assert_eq!(window.state().light_box.kept.arrangement, arrangement);
    }
    let on = window.state().light_box.has_overlay();
    press(&mut window, Modifiers::NONE, Key::O);
    assert_ne!(window.state().light_box.has_overlay(), on);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    assert_eq!(window.state().study.current, 1);
    press(&mut window, Modifiers::NONE, Key::ArrowUp);
    settle(&mut window);
    assert_eq!(window.state().study.current, 0);
    type_text(&mut window, "?");
    window.get_by_label("Slider by a fiftieth");
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(window.query_by_label("Slider by a fiftieth").is_none());
}

#[test]
fn the_palette_finds_commands_and_films() {
    let mut window = window(Vec::new());
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "invert");
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Enter);
    assert!(window.state().light_box.kept.invert, "the palette ran Invert");
    press(&mut window, Modifiers::COMMAND, Key::K);
    type_text(&mut window, "portable");
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert_eq!(window.state().study.film().map(|film| film.name.as_str()), Some("drawn_portable_ap.png"));
}

#[test]
fn the_film_last_asked_for_is_the_one_shown() {
    let mut window = window(Vec::new());
    for index in [1, 2, 3, 1, 2] {
        window.state_mut().show_film(index);
    }
    settle(&mut window);
    let app = window.state();
    let shown = app.film.as_ref().expect("a film").view.radiograph.path.clone();
    assert_eq!((shown.as_path(), app.study.shown), (Path::new(&app.study.films[2].name), Some(2)));
}

#[test]
fn each_film_keeps_its_own_edit() {
    let mut window = window(Vec::new());
    window.state_mut().set_finding(0, 7.0);
    settle(&mut window);
    window.state_mut().show_film(1);
    window.state_mut().set_finding(0, 9.0);
    settle(&mut window);
    assert!(window.state().edit().is_empty(), "a slider that moves while a film is on its way changes neither film");
    window.state_mut().show_film(0);
    settle(&mut window);
    assert_eq!(window.state().edit().findings.get(&0), Some(&7.0));
    assert!(window.state().pictures.made.is_some(), "its picture is made again");
}

#[test]
fn a_shift_is_computed_scrubbed_and_exported() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    press(&mut window, Modifiers::NONE, Key::F4);
    let settings = &mut window.state_mut().shift.settings;
    settings.target = Target::Label(0);
    (settings.fixed, settings.range) = (true, [-20.0, 20.0]);
    (settings.counted, settings.frames) = (true, 3);
    window.step();
    window.get_by_label("Compute").click();
    window.run_steps(2);
    settle(&mut window);
    let app = window.state();
    let done = app.shift.job.value.clone().expect("a shift");
    assert_eq!((done.shift.frames.len(), app.source, app.shift.frame()), (3, Source::Shift, 2));
    window.get_by_label("timeline").set_value_accesskit(0.0);
    window.run_steps(2);
    assert_eq!(window.state().shift.frame(), 0);
    assert_eq!(window.state().scores_after()[0], done.shift.predictions[0]);

    for (purpose, name) in
        [(Purpose::ExportGif, "a.gif"), (Purpose::ExportSheet, "a.png"), (Purpose::ExportFrames, "frames")]
    {
        window.state_mut().export_shift(purpose, folder.path().join(name));
        settle(&mut window);
        assert!(folder.path().join(name).exists(), "{name}");
        assert!(folder.path().join(format!("{name}.recipe.ron")).exists(), "{name}");
    }
    window.state_mut().set_finding(0, 5.0);
    settle(&mut window);
    assert_eq!(window.state().source, Source::Edit, "a slider brings its own picture back");
    window.state_mut().export_picture(folder.path().join("picture.png"));
    settle(&mut window);
    assert!(folder.path().join("picture.png").exists());
    window.state_mut().export_picture(folder.path().join("no/such/folder/picture.png"));
    settle(&mut window);
    window.get_by_label_contains("Nothing was written");
}

#[test]
fn every_panel_has_names_for_its_controls() {
    let mut window = window(Vec::new());
    for key in [Key::F4, Key::F5, Key::F6] {
        press(&mut window, Modifiers::NONE, key);
        window.check_accessibility();
    }
    for key in [Key::Num2, Key::Num1] {
        press(&mut window, Modifiers::ALT, key);
        window.check_accessibility();
    }
    window.state_mut().set_theme(egui::Theme::Light);
    for size in [[1280.0, 720.0], [960.0, 600.0], [3840.0, 2160.0]] {
        window.set_size(size.into());
        window.run_steps(2);
        window.check_accessibility();
    }
}

#[test]
fn an_engine_that_ended_is_a_state_not_a_crash() {
    let mut window = window(Vec::new());
    let app = window.state_mut();
    let text = |t: &str| t.to_owned();
    app.dead = Some(Problem { what: text("The engine stopped"), why: text("it ended"), todo: text("Restart Fluoro.") });
    (app.worker, app.film) = (None, None);
    window.run_steps(2);
    assert!(window.get_all_by_label_contains("The engine stopped").count() >= 1);
    for key in [Key::PageDown, Key::P, Key::Space] {
        press(&mut window, Modifiers::NONE, key);
    }
    window.state_mut().set_feature(0, 1.0);
    window.state_mut().compute_shift();
    window.run_steps(2);
}

#[test]
fn a_bundle_that_cannot_be_opened_leaves_the_film_visible() {
    let folder = tempfile::tempdir().expect("folder");
    let bundle = BundleSource::Folder(folder.path().to_path_buf());
    let window = open(WindowOptions { bundle, ..options(Vec::new()) });
    window.get_by_label_contains("The bundle could not be opened");
    assert!(window.state().film.is_some());
}

#[test]
fn a_hand_zooms_moves_and_windows_all_viewports() {
    let mut window = window(Vec::new());
    let rect = window.get_by_label("viewport: reconstruction").rect();
    window.hover_at(rect.center());
    window.step();
    window.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 240.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    window.run_steps(4);
    let zoomed = window.state().light_box.kept.transform.expect("zoomed");
    window.drag_at(rect.center());
    window.step();
    window.hover_at(rect.center() + egui::vec2(40.0, 0.0));
    window.step();
    window.drop_at(rect.center() + egui::vec2(40.0, 0.0));
    window.run_steps(2);
    let own = window.state().film.as_ref().expect("film").default_window;
    let now = window.state().light_box.kept.window.expect("windowed");
    assert!(now.width > own.width && now.center == own.center, "{now:?} from {own:?}");
    assert_eq!(window.state().light_box.kept.transform, Some(zoomed));
    press(&mut window, Modifiers::NONE, Key::Space);
    assert!(window.state().light_box.kept.transform.is_none() && window.state().light_box.kept.window.is_none());
}

#[test]
fn every_scene_becomes_a_picture() {
    let options = WindowOptions { device: DeviceChoice::Cpu, ..WindowOptions::default() };
    for scene in Scene::ALL {
        let picture =
            screenshot(options.clone(), [1280, 720], scene).unwrap_or_else(|e| panic!("{}: {e}", scene.name()));
        assert_eq!((picture.width, picture.height, picture.rgba.len()), (1280, 720, 1280 * 720 * 4));
        let bright = picture.rgba.chunks_exact(4).filter(|p| p[0] > 128).count();
        assert!(bright > 2000, "{}: {bright} bright pixels", scene.name());
        assert!(picture.rgba.chunks_exact(4).all(|p| p[3] == 255), "{}", scene.name());
    }
}
