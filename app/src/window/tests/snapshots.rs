//! Pictures of every panel in each of its states, painted by a graphics adapter (software Vulkan in CI) and held against
//! those in `tests/snapshots`. What moves by itself is held still: the clock, the caret, times, the device's name.
//! In each state every control has a name that a screen reader can say.

use egui::{Id, Rect};
use fluoro_core::engine::Engine;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::samples;
use fluoro_core::store::Store;
use fluoro_core::train::log::{Curves, Run};

use super::report::{labelled_bundle, store};
use super::*;
use crate::window::app::{Cover, Tab};
use crate::window::dialogs::Purpose;
use crate::window::dock::Part;
use crate::window::light_box::gpu;
use crate::window::panels::palette::Palette;
use crate::window::state::exports::Leaving;
use crate::window::state::films::{Film, Study};
use crate::window::state::job::{Job, Step};
use crate::window::state::log;
use crate::window::state::performance::{Performance, Times};
use crate::window::state::tags::Tags;
use crate::window::state::training::Watch;

mod picture;

/// Size of the window: that of a usual laptop.
const SIZE: [f32; 2] = [1440.0, 900.0];
/// The time of every picture, in seconds; toasts are gone by then, and the bar of a progress is in sight.
const NOW: f64 = 10_000.5;
/// Frames before a picture: layouts need a second look.
const FRAMES: usize = 4;
/// A picture.
const SEEN: &str = "";

/// What every panel has a picture of: empty, loading, failed, full. Where there is none, why.
const TABLE: [(&str, [&str; 4]); 19] = [
    ("study", [SEEN; 4]),
    ("light_box", [SEEN; 4]),
    ("features", [SEEN; 4]),
    ("findings", [SEEN, SEEN, SEEN, SEEN]),
    ("shift", [SEEN; 4]),
    ("attribution", [SEEN; 4]),
    ("report", [SEEN; 4]),
    ("gallery", [SEEN; 4]),
    ("feature_page", [SEEN; 4]),
    ("audit", [SEEN; 4]),
    ("performance", [SEEN, "times are there or not", "measuring does not fail", SEEN]),
    ("log", [SEEN, "lines are there or not", "it is where failures are told", SEEN]),
    ("tags", [SEEN; 4]),
    ("training", [SEEN; 4]),
    ("palette", [SEEN, "commands are built in", "commands are built in", SEEN]),
    ("leaving", [SEEN, "words are found at once", "without a film it does not open", SEEN]),
    ("keys", ["keys are built in", "keys are built in", "keys are built in", SEEN]),
    ("settings", ["every setting has a value", "they are read at the start", "a toast tells of it", SEEN]),
    ("bundle", ["without a bundle it does not open", "it opens when the bundle is there", "as empty", SEEN]),
];
const STATES: [&str; 4] = ["empty", "loading", "failed", "full"];

/// A window and what was wrong with its pictures.
struct Camera {
    window: Harness<'static, App>,
    wrong: Vec<String>,
}

impl Camera {
    fn new(options: WindowOptions) -> Self {
        let host = Host { dialogs: true, remembers: false, drawn_by: DrawnBy::Adapter };
        let mut window = Harness::builder().with_size(SIZE).with_render_cursor(false).wgpu().build_eframe(move |cc| {
            let mut app = App::new(&cc.egui_ctx, options, None, host).expect("the window starts");
            let state = cc.wgpu_render_state.as_ref();
            let state = state.expect("an adapter; install mesa-vulkan-drivers for a software one");
            app.light_box.by_shader = gpu::install(state);
            cc.egui_ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = false);
            app
        });
        settle(&mut window);
        Self { window, wrong: Vec::new() }
    }

    fn app(&mut self) -> &mut App {
        self.window.state_mut()
    }

    /// A tab below the light box.
    fn open(&mut self, tab: Tab) {
        let app = self.app();
        (app.layout.bottom, app.layout.tab) = (true, tab);
        self.window.run_steps(2);
        settle(&mut self.window);
    }

    fn settle(&mut self) {
        settle(&mut self.window);
    }

    /// A picture of a part of the window.
    fn part(&mut self, part: Part, name: &str) {
        self.held_part(part, name, |_| {});
    }

    /// The same; `hold` puts back what moves, before every frame.
    fn held_part(&mut self, part: Part, name: &str, hold: impl Fn(&mut App)) {
        self.still(hold);
        let app = self.window.state();
        let tile = app.dock.tile(part).expect("the part is open");
        let place = app.dock.tree.tiles.rect(tile).expect("the part is shown");
        self.take(place, name);
    }

    /// A picture of what lies over the window.
    fn cover(&mut self, cover: Cover, id: &'static str, name: &str) {
        self.app().cover = cover;
        self.window.run_steps(2);
        self.still(|_| {});
        let place = self.window.ctx.memory(|memory| memory.area_rect(Id::unique(id))).expect("the cover is open");
        self.take(place, name);
    }

    fn still(&mut self, hold: impl Fn(&mut App)) {
        for _ in 0..FRAMES {
            hold(self.window.state_mut());
            self.window.input_mut().time = Some(NOW);
            self.window.step();
        }
        self.window.check_accessibility();
    }

    fn take(&mut self, place: Rect, name: &str) {
        let image = self.window.render().expect("the window is painted");
        let place = place.intersect(Rect::from_min_size(egui::Pos2::ZERO, SIZE.into()));
        let [left, top] = [place.left(), place.top()].map(|edge| edge.round() as usize);
        let [right, bottom] = [place.right(), place.bottom()].map(|edge| edge.round() as usize);
        let row = image.width() as usize * 4;
        let rows = image.as_raw().chunks(row).take(bottom).skip(top);
        let rgba = rows.flat_map(|row| row[left * 4..right * 4].to_vec()).collect();
        let pixels = picture::Pixels { width: right - left, rgba };
        self.wrong.extend(picture::check(name, &pixels).err());
    }

    /// Says what was wrong, all of it.
    fn finish(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

fn phantoms() -> WindowOptions {
    WindowOptions { bundle: BundleSource::showcase(), ..options(Vec::new()) }
}

/// A failure as it happens, without a path of this machine.
fn film_problem() -> Problem {
    let error = Radiograph::open(Path::new("films/gone.dcm")).expect_err("there is no such film");
    Problem::new("This film could not be opened", &error)
}

fn bundle_problem() -> Problem {
    let source = BundleSource::Folder("bundles/gone".into());
    let error =
        Engine::open(&source, fluoro_core::device::ComputeDevice::cpu()).err().expect("there is no such bundle");
    Problem::new("The bundle could not be opened", &error)
}

fn job_problem(what: &str, why: &str) -> Problem {
    Problem::new(what, &fluoro_core::Error::Invalid(why.to_owned()))
}

fn at<T>(job: &mut Job<T>, stage: &str, done: usize, total: usize) {
    job.start(99);
    job.advance(99, Step { stage: stage.to_owned(), done, total });
}

#[test]
fn every_panel_has_its_pictures_and_no_picture_is_left_over() {
    if picture::updates() {
        // The other tests are writing them.
        return;
    }
    let mut wanted: Vec<String> = Vec::new();
    for (panel, states) in TABLE {
        let seen = states.iter().zip(STATES).filter(|(why, _)| **why == SEEN);
        wanted.extend(seen.map(|(_, state)| format!("{panel}_{state}.png")));
    }
    wanted.extend(EXTRA.map(|name| format!("{name}.png")));
    let files: Vec<_> = std::fs::read_dir(picture::folder()).expect("the folder").flatten().collect();
    let names = files.iter().map(|file| file.file_name().to_string_lossy().into_owned());
    let mut kept: Vec<String> = names
        .filter(|name| name.ends_with(".png") && !name.ends_with(".new.png") && !name.ends_with(".diff.png"))
        .collect();
    let bytes: u64 = files.iter().map(|file| file.metadata().expect("a file").len()).sum();
    wanted.sort();
    kept.sort();
    assert_eq!(kept, wanted);
    assert!(bytes < 1_500_000, "{bytes} bytes of pictures");
}

/// Pictures besides those of the table.
const EXTRA: [&str; 2] = ["about_full", "features_no_sae"];

#[test]
fn study_light_box_features_and_findings() {
    let mut camera = Camera::new(phantoms());
    let app = camera.app();
    app.set_finding(0, -12.0);
    let activations = app.analysis().expect("an analysis").activations.clone();
    let strongest = (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("one");
    app.set_feature(strongest, activations[strongest] * 0.4);
    app.layout.bottom = true;
    camera.settle();
    let parts = [
        (Part::Study, "study"),
        (Part::LightBox, "light_box"),
        (Part::Features, "features"),
        (Part::Findings, "findings"),
    ];
    for (part, name) in parts {
        camera.part(part, &format!("{name}_full"));
    }

    let app = camera.app();
    app.film = None;
    app.study.pending = Some((99, 0));
    for (part, name) in &parts[1..] {
        camera.part(*part, &format!("{name}_loading"));
    }

    let app = camera.app();
    app.study.pending = None;
    app.study.films[0].problem = Some(film_problem());
    (app.study.films[0].thumbnail, app.study.films[0].small, app.study.films[0].facts) = (None, None, None);
    for (part, name) in [parts[0], parts[1], parts[3]] {
        camera.part(part, &format!("{name}_failed"));
    }
    camera.app().findings.search = "nothing of the kind".to_owned();
    camera.part(Part::Findings, "findings_empty");
    camera.app().findings.search.clear();
    camera.app().model.problem = Some(bundle_problem());
    camera.part(Part::Features, "features_failed");

    let app = camera.app();
    app.model.problem = None;
    app.study = Study::default();
    for (part, name) in &parts[..3] {
        camera.part(*part, &format!("{name}_empty"));
    }
    let (_searching, promise) = poll_promise::Promise::new();
    camera.app().study.searching = Some(promise);
    camera.part(Part::Study, "study_loading");
    camera.finish();
}

#[test]
fn features_of_a_bundle_without_an_sae() {
    let mut camera = Camera::new(options(Vec::new()));
    let view = camera.app().model.view.as_mut().expect("a bundle");
    std::sync::Arc::make_mut(&mut view.manifest).sae = None;
    camera.part(Part::Features, "features_no_sae");
    camera.finish();
}

#[test]
fn shift_and_attribution() {
    let mut camera = Camera::new(phantoms());
    camera.open(Tab::Shift);
    camera.part(Part::Shift, "shift_empty");
    at(&mut camera.app().shift.job, "searching where the score rises", 4, 13);
    camera.part(Part::Shift, "shift_loading");
    let why = "the gradient of this target is zero everywhere";
    camera.app().shift.job.fail(99, Some(job_problem("The shift could not be computed", why)));
    camera.part(Part::Shift, "shift_failed");
    camera.app().shift.settings.target = Target::Label(0);
    camera.app().compute_shift();
    camera.settle();
    camera.part(Part::Shift, "shift_full");

    camera.open(Tab::Attribution);
    camera.part(Part::Attribution, "attribution_empty");
    let jobs = &mut camera.app().attribution.jobs;
    at(&mut jobs[0], "occlusion", 24, 196);
    at(&mut jobs[1], "waiting for the model", 0, 0);
    camera.part(Part::Attribution, "attribution_loading");
    let jobs = &mut camera.app().attribution.jobs;
    jobs[0].fail(99, Some(job_problem("The map could not be computed", "this classifier has no last convolution")));
    jobs[1].fail(99, None);
    camera.part(Part::Attribution, "attribution_failed");
    let place = |name: &str| fluoro_core::attribution::METHODS.iter().position(|method| method.name() == name);
    let app = camera.app();
    app.attribution.jobs = Default::default();
    app.attribution.methods = ["grad", "gradcam"].map(|name| place(name).expect("the method"));
    app.compute_attribution();
    camera.settle();
    camera.part(Part::Attribution, "attribution_full");
    camera.finish();
}

#[test]
fn report_feature_page_and_audit() {
    let folder = tempfile::tempdir().expect("folder");
    let (bundle, strongest) = labelled_bundle(folder.path());
    let store = store(folder.path(), &bundle);
    let mut camera = Camera::new(WindowOptions { bundle, ..options(Vec::new()) });
    camera.open(Tab::Report);
    camera.part(Part::Report, "report_full");
    at(&mut camera.app().report.job, "regions of the sentences", 2, 5);
    camera.part(Part::Report, "report_loading");
    let why = "the labels were made for another bundle";
    camera.app().report.job.fail(99, Some(job_problem("The report could not be written", why)));
    camera.part(Part::Report, "report_failed");
    camera.app().report.labels = None;
    camera.part(Part::Report, "report_empty");

    camera.open(Tab::Audit);
    camera.part(Part::Audit, "audit_empty");
    let (go_on, wait) = crossbeam_channel::bounded::<()>(1);
    camera.app().store.open(store.clone(), move || wait.recv().unwrap_or_default());
    camera.app().store.wanted_first = Some(strongest as u32);
    camera.app().layout.tab = Tab::Gallery;
    camera.part(Part::Gallery, "feature_page_loading");
    go_on.send(()).expect("the store waits");
    camera.settle();
    camera.app().layout.tab = Tab::Gallery;
    camera.part(Part::Gallery, "feature_page_full");
    let known = Store::open(&store).expect("a store");
    let dead = (0..known.info().features).find(|&it| known.statistics(it).is_ok_and(|it| it.films == 0));
    camera.app().store.show_feature(dead.expect("a dead feature"));
    camera.window.run_steps(2);
    camera.settle();
    camera.part(Part::Gallery, "feature_page_empty");
    let why = "activations.parquet ends in the middle of a row group";
    let page = Some(job_problem("The page of this feature could not be read", why));
    camera.held_part(Part::Gallery, "feature_page_failed", |app| app.store.page_problem.clone_from(&page));

    let table = folder.path().join("metadata.csv");
    let rows: String = samples::names().enumerate().map(|(at, name)| format!("{name}.png,{}\n", at % 2)).collect();
    std::fs::write(&table, format!("file,Portable\n{rows}")).expect("a table");
    let app = camera.app();
    (app.audit.metadata, app.audit.column, app.layout.tab) = (Some(table), "Portable".to_owned(), Tab::Audit);
    at(&mut app.audit.job, "asking the classifier without the features", 31, 96);
    camera.part(Part::Audit, "audit_loading");
    let why = "there is no column Portble; nearest: Portable";
    camera.app().audit.job.fail(99, Some(job_problem("The audit could not be done", why)));
    camera.part(Part::Audit, "audit_failed");
    camera.app().audit.job.problem = None;
    camera.app().compute_audit();
    camera.settle();
    camera.part(Part::Audit, "audit_full");
    camera.finish();
}

#[test]
fn gallery() {
    let mut camera = Camera::new(phantoms());
    camera.open(Tab::Gallery);
    camera.part(Part::Gallery, "gallery_full");
    let app = camera.app();
    app.store.problem = Some(job_problem("The store could not be opened", "shelf/store: there is no store.ron"));
    camera.part(Part::Gallery, "gallery_failed");
    let app = camera.app();
    app.store.problem = None;
    (app.model.view, app.model.pending) = (None, Some(99));
    camera.part(Part::Gallery, "gallery_loading");
    camera.finish();
    let mut camera = Camera::new(options(Vec::new()));
    camera.open(Tab::Gallery);
    camera.part(Part::Gallery, "gallery_empty");
    camera.finish();
}

#[test]
fn performance_and_log() {
    let mut camera = Camera::new(options(Vec::new()));
    camera.open(Tab::Performance);
    let hold = |app: &mut App| {
        let view = app.model.view.as_mut().expect("a bundle");
        (view.device, view.is_gpu) = ("CPU, 8 threads".to_owned(), false);
    };
    camera.held_part(Part::Performance, "performance_empty", |app| {
        hold(app);
        app.performance = Performance::default();
    });
    camera.held_part(Part::Performance, "performance_full", |app| {
        hold(app);
        let performance = &mut app.performance;
        let times = [
            &mut performance.slider,
            &mut performance.model,
            &mut performance.analysis,
            &mut performance.open,
            &mut performance.light_box,
            &mut performance.window,
        ];
        for (row, times) in times.into_iter().enumerate() {
            *times = Times::default();
            (0..64).for_each(|at| times.push((row as f32 + 1.0) * (20.0 + (at * (7 + row) % 23) as f32)));
        }
    });

    camera.open(Tab::Log);
    // Other tests write into the same log.
    let _alone = log::ALONE.lock();
    camera.held_part(Part::Log, "log_empty", |_| log::replace(Vec::new()));
    let line = |number: u64, level, target: &str, text: &str| log::Line {
        number,
        milliseconds: u128::from(number) * 1234,
        level,
        target: target.to_owned(),
        text: text.to_owned(),
    };
    let lines = vec![
        line(1, tracing::Level::INFO, "fluoro_core", "opened bundle nih-small in 41 ms"),
        line(2, tracing::Level::INFO, "fluoro", "first frame after 112 ms"),
        line(3, tracing::Level::WARN, "fluoro_core", "film 7: the header says MONOCHROME1, the pixels say otherwise"),
        line(4, tracing::Level::ERROR, "window", "This film could not be opened: films/gone.dcm: no such file"),
        line(5, tracing::Level::INFO, "fluoro_core", "shift of Cardiomegaly: 13 frames in 1.9 s"),
    ];
    camera.held_part(Part::Log, "log_full", |_| log::replace(lines.clone()));
    camera.finish();
}

#[test]
fn covers() {
    let mut camera = Camera::new(options(Vec::new()));
    camera.cover(Cover::Keys, "keys", "keys_full");
    camera.cover(Cover::Settings, "settings", "settings_full");
    camera.cover(Cover::Bundle, "bundle", "bundle_full");
    camera.cover(Cover::About, "about", "about_full");
    camera.cover(Cover::Palette(Palette::default()), "palette", "palette_full");
    type_text(&mut camera.window, "no command is called so");
    let Cover::Palette(palette) = std::mem::take(&mut camera.app().cover) else { panic!("the palette stays") };
    camera.cover(Cover::Palette(palette), "palette", "palette_empty");

    camera.cover(Cover::Leaving(Leaving::File(Purpose::ExportDicom)), "leaving", "leaving_full");
    let app = camera.app();
    app.find_words().expect("a film is open").finds.clear();
    camera.cover(Cover::Leaving(Leaving::File(Purpose::ExportDicom)), "leaving", "leaving_empty");
    camera.finish();
}

#[test]
fn curves_of_a_training() {
    use fluoro_core::train::dictionary::CurvePoint;
    let mut camera = Camera::new(options(Vec::new()));
    let run = |kind: &str| Run { kind: kind.to_owned(), features: 512, steps: 4000 };
    let point = |step: usize, active: f64| {
        let left = (-(step as f64) / 800.0).exp();
        CurvePoint {
            step,
            loss: 0.4 + 6.0 * left,
            active: active + 90.0 * left,
            explained_variance: 0.9 - 0.7 * left,
            alive_share: 0.97 - 0.1 * (1.0 - left),
            learning_rate: 1e-3,
        }
    };
    let curve = |steps: usize, active: f64| (1..=steps / 50).map(|at| point(at * 50, active)).collect();
    let mut curves = Curves { runs: vec![run("topk"), run("topk")], ..Curves::default() };
    let mut take = |seen, name: &str| {
        camera.cover(Cover::Training(Watch::held("bundles/mine", seen)), "training", &format!("training_{name}"));
    };
    take(Some(Ok(None)), "loading");
    take(Some(Ok(Some(curves.clone()))), "empty");
    take(Some(Err(bundle_problem())), "failed");
    curves.points = vec![curve(4000, 8.0), curve(2650, 16.0)];
    curves.broken = 2;
    take(Some(Ok(Some(curves))), "full");
    camera.finish();
}

#[test]
fn tags_of_a_file() {
    let mut camera = Camera::new(options(Vec::new()));
    let folder = tempfile::tempdir().expect("folder");
    let source = fluoro_core::worker::FilmSource::File(folder.path().join("film.png"));
    let drawn = samples::bytes(samples::names().next().expect("a sample")).expect("it is there");
    let texts = [("Software", "fluoro phantom 0.1.0; seed 7; film 12"), ("Description", "Chest, PA, erect")];
    let film =
        texts.iter().fold(drawn.to_vec(), |png, (key, text)| fluoro_core::radiograph::with_png_text(&png, key, text));
    std::fs::write(folder.path().join("film.png"), film).expect("a film");
    camera.window.state_mut().cover = Cover::Tags(Tags::new(&Film::of_source(source), || {}));
    camera.settle();
    let Cover::Tags(mut tags) = std::mem::take(&mut camera.app().cover) else { panic!("the table stays") };
    camera.app().cover = Cover::Nothing;
    tags.search.clear();
    camera.cover(Cover::Tags(tags), "tags", "tags_full");

    let sample = Film::of_source(fluoro_core::worker::FilmSource::File("films/gone.dcm".into()));
    camera.app().cover = Cover::Tags(Tags::new(&sample, || {}));
    camera.settle();
    let cover = std::mem::take(&mut camera.app().cover);
    camera.cover(cover, "tags", "tags_failed");

    let (go_on, wait) = crossbeam_channel::bounded::<()>(1);
    let gallery = fluoro_core::worker::FilmSource::Gallery {
        bundle: BundleSource::showcase(),
        file: "gallery/01.png".to_owned(),
    };
    let film = Film::of_source(gallery);
    camera.cover(Cover::Tags(Tags::new(&film, move || wait.recv().unwrap_or_default())), "tags", "tags_loading");
    go_on.send(()).expect("the table waits");
    camera.settle();
    let cover = std::mem::take(&mut camera.app().cover);
    camera.cover(cover, "tags", "tags_empty");
    camera.finish();
}
