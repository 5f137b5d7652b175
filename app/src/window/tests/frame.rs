//! The frame of the window: sessions, undo of everything, settings and keys, panels that move, the log, scripts.

use super::*;
use crate::window::app::{Cover, Tab};
use crate::window::command::{Command, chord};
use crate::window::dock::Part;
use crate::window::headless::Headless;
use crate::window::script::Step;
use crate::window::session::keeper::Keeper;
use crate::window::state::settings::SettingsFile;
use crate::window::{Picture, Script};

const SIZE: [u32; 2] = [1280, 720];

fn film_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/films/drawn_normal_pa.png"), &path)
        .expect("a film");
    path
}

/// The picture between the bars, whose times differ from run to run.
fn between_bars(window: &mut Headless) -> Picture {
    let size = window.app.look.size;
    let Picture { width, height, rgba } = window.picture();
    let (top, bottom) = (size.top_bar as u32 + 2, height - size.status_bar as u32 - 2);
    let row = width as usize * 4;
    Picture { width, height: bottom - top, rgba: rgba[top as usize * row..bottom as usize * row].to_vec() }
}

fn headless(films: Vec<PathBuf>) -> Headless {
    let mut window = Headless::new(options(films), SIZE).expect("the window starts");
    window.settle().expect("it settles");
    window
}

fn play(window: &mut Headless, steps: Vec<Step>) {
    window.play(&Script { steps }).expect("every step can be done");
}

/// Waits for threads that frames do not wait for.
fn frames_until(window: &mut Harness<'_, App>, done: impl Fn(&App) -> bool) {
    let start = Instant::now();
    while !done(window.state()) {
        window.step();
        assert!(start.elapsed() < PATIENCE, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn open_search_drag_undo_save_reopen_gives_the_same_picture() {
    let folder = tempfile::tempdir().expect("folder");
    let film = film_file(folder.path(), "films/a.png");
    let session = folder.path().join("review.fluoro.ron");
    let mut window = headless(vec![film]);
    let untouched = between_bars(&mut window);
    let activations = window.app.analysis().expect("analysis").activations.clone();
    let strongest = (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("one");

    play(&mut window, vec![Step::Key("Ctrl+F".into()), Step::Text(strongest.to_string())]);
    let slider = format!("feature {strongest}");
    let slider = match window.app.feature_name(strongest) {
        name if name == slider => name,
        name => format!("{slider} {name}"),
    };
    play(&mut window, vec![Step::Set(slider, 0.0), Step::Key("Escape".into())]);
    assert_eq!(window.app.edit().features.get(&strongest), Some(&0.0), "the slider was found by its name");
    let edited = window.app.pictures.made.clone().expect("a picture");
    window.app.light_box.kept.invert = true;
    play(&mut window, vec![Step::Run("Two viewports".into())]);
    window.app.features.pins.insert(3);
    window.app.features.only_firing = true;
    window.app.light_box.kept.colours = fluoro_core::display::ColourMap::Magma;
    window.app.shift.settings.frames = 23;
    play(&mut window, vec![Step::Run("Performance".into()), Step::Run("Shift".into())]);
    let before = between_bars(&mut window);
    assert_ne!(before, untouched);

    play(&mut window, vec![Step::SaveSession(session.clone())]);
    assert!(session.exists());
    let mut again = headless(vec![session]);
    let app = &again.app;
    assert_eq!(app.pictures.made.as_ref().map(|made| &made.frame), Some(&edited.frame), "the same picture");
    assert_eq!(app.light_box.kept.clone(), window.app.light_box.kept.clone());
    assert!(app.features.pins.contains(&3) && app.shift.settings.frames == 23);
    assert!(app.features.only_firing && app.light_box.kept.colours == fluoro_core::display::ColourMap::Magma);
    assert!(app.layout.bottom && app.layout.tab == Tab::Shift);
    let after = between_bars(&mut again);
    // Letters lie elsewhere in the font's texture, which rounds a few of their edges by one level.
    let differences = before.rgba.chunks(4).zip(after.rgba.chunks(4)).enumerate().filter(|(_, (a, b))| a != b);
    let differences: Vec<_> = differences
        .map(|(i, (a, b))| {
            let most = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
            (i % before.width as usize, i / before.width as usize, most.unwrap_or(0))
        })
        .collect();
    assert!(differences.len() < 200 && differences.iter().all(|(.., most)| *most <= 1), "{differences:?}");
    // The history of the edit came along.
    play(&mut again, vec![Step::Key("Ctrl+Z".into())]);
    assert!(again.app.edit().is_empty() && again.app.pictures.made.is_none());
}

#[test]
fn films_that_are_gone_are_asked_for_and_keep_their_edits() {
    let folder = tempfile::tempdir().expect("folder");
    let films = ["a.png", "b.png", "c.png"].map(|name| film_file(folder.path(), &format!("here/{name}")));
    let mut window = window(films.to_vec());
    window.state_mut().set_finding(0, 7.0);
    settle(&mut window);
    let session = folder.path().join("s.fluoro.ron");
    window.state_mut().save_session_to(folder.path().join("s"));
    settle(&mut window);
    assert_eq!(window.state().session.file, Some(session.clone()), "the ending is added");

    std::fs::create_dir(folder.path().join("there")).expect("folder");
    std::fs::rename(&films[0], folder.path().join("there/a.png")).expect("moved");
    std::fs::rename(&films[1], folder.path().join("there/b.png")).expect("moved");
    let mut other = std::fs::read(&films[2]).expect("bytes");
    other.extend_from_slice(b"more");
    std::fs::write(&films[2], other).expect("changed");
    let mut again = open(options(vec![session.clone()]));
    assert_eq!(again.state().study.films.len(), 3);
    again.get_by_label_contains("a.png and 1 more films are not where they were");
    again.get_by_label_contains("Films have changed since the session was saved");
    again.get_by_label_contains("This film could not be opened");
    assert!(again.state().can(Command::NextFilm));

    // Saved as it is, nothing is lost.
    again.state_mut().save_session();
    settle(&mut again);
    again.state_mut().locate_film(folder.path().join("there/a.png"));
    settle(&mut again);
    let app = again.state();
    assert!(app.session.missing.is_empty(), "the other was found beside it: {:?}", app.session.missing);
    assert!(app.film.is_some() && app.edit().findings.get(&0) == Some(&7.0) && app.pictures.made.is_some());
    assert!(again.query_by_label_contains("not where they were").is_none());
    again.state_mut().save_session();
    settle(&mut again);
    let last = open(options(vec![session]));
    assert!(last.state().session.missing.is_empty() && last.state().film.is_some());
}

#[test]
fn a_session_brings_its_bundle_and_tells_when_that_has_changed() {
    let folder = tempfile::tempdir().expect("folder");
    let session = folder.path().join("s.fluoro.ron");
    let bundle = BundleSource::Embedded("phantom".into());
    let mut window = open(WindowOptions { bundle: bundle.clone(), ..options(Vec::new()) });
    let films = window.state().study.films.len();
    window.state_mut().save_session_to(session.clone());
    settle(&mut window);
    // Another bundle is open; the session opens its own.
    let mut other = open(options(Vec::new()));
    other.state_mut().open_paths(vec![session.clone()]);
    settle(&mut other);
    let app = other.state();
    assert_eq!(app.model.view.as_ref().map(|view| &view.source), Some(&bundle));
    assert_eq!(app.study.films.len(), films);
    assert!(other.query_by_label_contains("The bundle has changed").is_none());

    let text = std::fs::read_to_string(&session).expect("text");
    let hash = text.split("sha256: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a hash").to_owned();
    std::fs::write(&session, text.replacen(&hash, &"0".repeat(64), 1)).expect("file");
    other.state_mut().open_paths(vec![session.clone()]);
    settle(&mut other);
    other.get_by_label_contains("The bundle has changed");

    // A bundle that is gone: the films open, without edits that would mean something else, and the file stays as it is.
    let gone = text.replacen("BuiltIn(\"phantom\")", "Folder(\"/no/such/bundle\")", 1);
    std::fs::write(&session, &gone).expect("file");
    other.state_mut().open_paths(vec![session.clone()]);
    settle(&mut other);
    other.get_by_label_contains("opened without its edits");
    assert!(other.state().session.file.is_none() && other.state().film.is_some());

    std::fs::write(&session, "nonsense").expect("file");
    other.state_mut().open_paths(vec![session]);
    settle(&mut other);
    other.get_by_label_contains("The session could not be opened");
    assert_eq!(other.state().study.films.len(), films, "what is open stays open");
}

#[test]
fn everything_that_changes_the_picture_can_be_taken_back_in_order() {
    let mut window = window(Vec::new());
    let undo = |window: &Harness<'_, App>| window.state().words_of(Command::Undo);
    assert!(!window.state().can(Command::Undo));
    press(&mut window, Modifiers::NONE, Key::I);
    let label = window.state().labels()[0].clone();
    window.get_by_role_and_label(Role::Slider, &label).set_value_accesskit(-12.0);
    settle(&mut window);
    press(&mut window, Modifiers::ALT, Key::Num2);
    let rect = window.get_by_label("viewport: original").rect();
    window.drag_at(rect.center());
    window.step();
    for by in [10.0, 20.0, 40.0] {
        window.hover_at(rect.center() + egui::vec2(by, 0.0));
        window.step();
    }
    window.drop_at(rect.center() + egui::vec2(40.0, 0.0));
    window.run_steps(2);
    assert_eq!(undo(&window), "Undo window");
    let ctrl = |window: &mut Harness<'_, App>, key| press(window, Modifiers::COMMAND, key);
    ctrl(&mut window, Key::Z);
    assert!(window.state().light_box.kept.window.is_none(), "one drag is one step");
    assert_eq!(undo(&window), "Undo viewports");
    ctrl(&mut window, Key::Z);
    assert_eq!(window.state().light_box.kept.arrangement, Arrangement::Four);
    assert_eq!(undo(&window), format!("Undo {label}"));
    ctrl(&mut window, Key::Z);
    assert!(window.state().edit().is_empty() && window.state().light_box.kept.invert);
    assert_eq!(undo(&window), "Undo invert");
    ctrl(&mut window, Key::Z);
    assert!(!window.state().light_box.kept.invert && !window.state().can(Command::Undo));
    for expected in ["Redo invert".to_owned(), format!("Redo {label}"), "Redo viewports".into(), "Redo window".into()] {
        assert_eq!(window.state().words_of(Command::Redo), expected);
        ctrl(&mut window, Key::Y);
    }
    settle(&mut window);
    let app = window.state();
    assert!(
        app.light_box.kept.invert
            && app.light_box.kept.window.is_some()
            && app.light_box.kept.arrangement == Arrangement::Two
    );
    assert!(app.pictures.made.is_some() && !app.can(Command::Redo));
    // Another film has its own history, and resetting its view is one step.
    ctrl(&mut window, Key::Z);
    window.state_mut().show_film(1);
    settle(&mut window);
    assert!(!window.state().can(Command::Undo));
    press(&mut window, Modifiers::NONE, Key::I);
    press(&mut window, Modifiers::NONE, Key::Space);
    ctrl(&mut window, Key::Z);
    assert!(window.state().light_box.kept.invert);
}

#[test]
fn keys_and_settings_are_changed_in_the_window_and_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("settings.ron");
    let mut window = window(Vec::new());
    let (settings, problem) = SettingsFile::at(file.clone());
    window.state_mut().take_settings(settings, problem);
    type_text(&mut window, "?");
    window.get_by_label("keys of Invert").click();
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::O);
    window.get_by_label_contains("O is Overlay");
    window.check_accessibility();
    window.get_by_label("Leave it").click();
    window.run_steps(2);
    window.get_by_label("keys of Invert").click();
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(matches!(window.state().cover, Cover::Keys), "Escape leaves the key, not the list");
    window.get_by_label("keys of Invert").click();
    window.run_steps(2);
    press(&mut window, Modifiers::COMMAND | Modifiers::ALT, Key::I);
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(matches!(window.state().cover, Cover::Nothing));
    press(&mut window, Modifiers::NONE, Key::I);
    assert!(!window.state().light_box.kept.invert, "the usual key is free now");
    press(&mut window, Modifiers::COMMAND | Modifiers::ALT, Key::I);
    assert!(window.state().light_box.kept.invert);

    press(&mut window, Modifiers::COMMAND, Key::Comma);
    window.get_by_label("light").click();
    window.run_steps(2);
    window.check_accessibility();
    window.get_by_label("125 %").click();
    window.run_steps(3);
    assert_eq!(window.ctx.zoom_factor(), 1.25);
    drop(window);

    let (again, problem) = SettingsFile::at(file);
    assert!(problem.is_none() && again.now.light && again.now.scale == 1.25, "{:?}", again.now);
    assert_eq!(again.now.keys["Invert"], ["Ctrl+Alt+I"]);
    let mut window = open(options(Vec::new()));
    window.state_mut().take_settings(again, problem);
    window.run_steps(2);
    let app = window.state();
    assert_eq!(app.keymap.of(Command::Invert), [chord("Ctrl+Alt+I").expect("keys")]);
    assert!(app.privacy && app.ctx.theme() == egui::Theme::Light);
}

#[test]
fn panels_are_as_before_at_first_and_never_overlap() {
    let mut window = window(Vec::new());
    for (size, least) in [([1600.0, 1000.0], 0.6), ([1280.0, 720.0], 0.58), ([960.0, 640.0], 0.45)] {
        window.set_size(size.into());
        window.run_steps(3);
        let whole = egui::Vec2::from(size);
        let dock = &window.state().dock;
        let rect = |part| dock.tile(part).and_then(|tile| dock.tree.tiles.rect(tile));
        let parts =
            [Part::Study, Part::LightBox, Part::Findings, Part::Features].map(|part| rect(part).expect("shown"));
        let share = parts[1].width() / whole.x;
        assert!(share >= least, "{size:?}: the light box has {share} of the window");
        for (i, a) in parts.iter().enumerate() {
            for b in &parts[i + 1..] {
                assert!(!a.shrink(1.0).intersects(b.shrink(1.0)), "{size:?}: {a:?} over {b:?}");
            }
            assert!(a.width() > 100.0 && a.height() > 60.0, "{size:?}: {a:?}");
        }
        window.check_accessibility();
    }
}

#[test]
fn a_panel_is_dragged_out_closed_opened_and_put_back() {
    let mut window = window(Vec::new());
    assert!(window.state().dock.plan().is_usual(), "{:?}", window.state().dock.plan());
    press(&mut window, Modifiers::NONE, Key::F5);
    assert!(window.state().dock.is_shown(Part::Gallery) && window.state().layout.tab == Tab::Gallery);
    let usual = window.state().dock.plan();
    // The tab, to the right edge of the light box.
    let tab = window.get_by_role_and_label(Role::Button, "Gallery").rect().center();
    let goal = {
        let dock = &window.state().dock;
        let tile = dock.tile(Part::LightBox).expect("a tile");
        let rect = dock.tree.tiles.rect(tile).expect("shown");
        egui::pos2(rect.right() - 30.0, rect.center().y)
    };
    window.drag_at(tab);
    window.step();
    for i in 1..=8 {
        window.hover_at(tab.lerp(goal, i as f32 / 8.0));
        window.step();
    }
    window.drop_at(goal);
    window.run_steps(3);
    let moved = window.state().dock.plan();
    assert_ne!(moved, usual);
    let app = window.state();
    let rect = |part| app.dock.tile(part).and_then(|tile| app.dock.tree.tiles.rect(tile)).expect("shown");
    assert!(rect(Part::Gallery).left() >= rect(Part::LightBox).right(), "it stands at the right of the films");
    assert!(app.dock.is_shown(Part::Gallery));
    window.check_accessibility();

    press(&mut window, Modifiers::NONE, Key::F5);
    assert!(!window.state().dock.is_open(Part::Gallery), "alone, it is closed and not folded");
    press(&mut window, Modifiers::NONE, Key::F5);
    assert!(window.state().dock.is_shown(Part::Gallery));
    window.state_mut().run(Command::ShowAudit);
    window.run_steps(2);
    assert!(window.state().dock.is_shown(Part::Audit) && window.state().dock.is_shown(Part::Gallery), "both at once");
    window.state_mut().run(Command::ResetLayout);
    window.run_steps(2);
    let plan = window.state().dock.plan();
    assert!(plan.is_usual(), "{plan:?}");
}

#[test]
fn the_line_between_panels_is_dragged_and_the_size_stays() {
    let mut window = window(Vec::new());
    let width = |window: &Harness<'_, App>| {
        let dock = &window.state().dock;
        dock.tile(Part::Study).and_then(|tile| dock.tree.tiles.rect(tile)).expect("shown").width()
    };
    let first = width(&window);
    let line = egui::pos2(first + 0.5, 500.0);
    window.drag_at(line);
    window.step();
    for by in [20.0, 40.0, 60.0] {
        window.hover_at(line + egui::vec2(by, 0.0));
        window.step();
    }
    window.drop_at(line + egui::vec2(60.0, 0.0));
    window.run_steps(2);
    assert!((width(&window) - first - 60.0).abs() < 2.0, "{} from {first}", width(&window));
    window.set_size(egui::vec2(2000.0, 1000.0));
    window.run_steps(2);
    assert!((width(&window) - first - 60.0).abs() < 2.0, "a wider window is for the films");
}

#[test]
fn a_crash_leaves_the_session_to_be_restored() {
    let folder = tempfile::tempdir().expect("folder");
    let mut first = window(Vec::new());
    first.state_mut().session.keeper = Keeper::start(folder.path());
    first.state_mut().set_finding(0, 9.0);
    settle(&mut first);
    let start = Instant::now();
    while folder.path().read_dir().expect("folder").flatten().all(|e| !crate::window::is_session(&e.path())) {
        first.step();
        assert!(start.elapsed() < PATIENCE, "the session is kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    first.state_mut().session.keeper.crash();
    drop(first);

    let mut next = window(Vec::new());
    next.state_mut().session.keeper = Keeper::start(folder.path());
    next.run_steps(2);
    next.get_by_label_contains("Fluoro ended without closing");
    next.check_accessibility();
    next.get_by_label("Restore the last session").click();
    next.run_steps(2);
    settle(&mut next);
    let app = next.state();
    assert_eq!(app.edit().findings.get(&0), Some(&9.0));
    assert!(app.session.file.is_none(), "it was never saved by a hand");
    assert!(next.query_by_label_contains("Fluoro ended without closing").is_none());
}

#[test]
fn the_log_panel_shows_what_was_said() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let subscriber = tracing_subscriber::registry().with(crate::window::LogCatcher);
    tracing::subscriber::with_default(subscriber, || {
        let mut window = window(Vec::new());
        press(&mut window, Modifiers::NONE, Key::F10);
        window.state_mut().toasts.warn("A warning of this test", "of no weight");
        window.run_steps(2);
        window.get_by_label_contains("window: A warning of this test: of no weight");
        window.check_accessibility();
        window.state_mut().log_level = tracing::Level::ERROR;
        window.run_steps(2);
        assert!(window.query_by_label_contains("window: A warning of this test").is_none());
    });
}

#[test]
fn a_script_does_what_a_hand_would() {
    let mut window = headless(Vec::new());
    let label = window.app.labels()[0].clone();
    let steps = vec![
        Step::Key("Ctrl+K".into()),
        Step::Text("invert".into()),
        Step::Key("Enter".into()),
        Step::Set(label, -9.0),
        Step::Click("Overlay".into()),
        Step::Film(2),
        Step::Key("PageUp".into()),
        Step::Wait(0.05),
    ];
    let overlay = window.app.light_box.has_overlay();
    play(&mut window, steps);
    let app = &window.app;
    assert_eq!((app.edit().findings.get(&0), app.study.current), (Some(&-9.0), 0));
    assert_ne!(app.light_box.has_overlay(), overlay);
    for (step, reason) in [
        (Step::Click("No such control".into()), "step 1 of the script: no control is called"),
        (Step::Film(99), "there is no film 99; the study has 4"),
        (Step::Run("Next frame".into()), "cannot be done now"),
    ] {
        let error = window.play(&Script { steps: vec![step] }).expect_err("it cannot be done").to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_kept_session_waits_for_its_threads() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    window.state_mut().save_session_to(folder.path().join("a.fluoro.ron"));
    assert!(!window.state().can(Command::SaveSession), "one at a time");
    frames_until(&mut window, |app| app.session.file.is_some());
    assert!(window.state().can(Command::SaveSession));
}
