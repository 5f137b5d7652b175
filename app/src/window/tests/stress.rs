//! A thousand random drags, undos and switches of films: what is shown at the end is the newest edit's picture, nothing
//! panics, and memory does not grow. Driven by the pointer and the keys; kittest's own harness keeps every texture until a
//! picture is rendered, so frames are run here and their textures taken by [`Raster`], as the window without a screen does.

use std::process::Command as Process;
use std::sync::Arc;

use egui::{PointerButton, Pos2, RawInput, Rect, Vec2, pos2};
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::Engine;
use fluoro_core::samples;
use fluoro_core::worker::{FilmSource, Worker, WorkerOptions};

use super::*;
use crate::window::panels;
use crate::window::raster::Raster;

/// Says that this process runs one of these tests alone, so that its memory is its own.
const ALONE: &str = "FLUORO_STRESS_ALONE";
const SIZE: Vec2 = Vec2::new(1100.0, 760.0);
const ACTS: usize = 1000;
const WARM_UP: usize = 200;
/// Growth of the memory over the acts after them.
const MOST_GROWTH: f64 = 0.05;
const SEED: u64 = 20_261_123;

/// Numbers that are the same in every run (Vigna 2016, xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn share(&mut self) -> f32 {
        (self.next() % 10_000) as f32 / 10_000.0
    }
}

/// A window without a screen, with a hand.
struct Hand {
    ctx: egui::Context,
    app: App,
    raster: Raster,
    time: f64,
    frames: Vec<f32>,
}

impl Hand {
    /// A window whose compute thread rests for `pause` after every answer, as a slow model keeps it busy.
    fn new(pause: Duration) -> Self {
        let ctx = egui::Context::default();
        let host = Host { dialogs: false, remembers: false, drawn_by: DrawnBy::Raster };
        let mut app = App::new(&ctx, options(Vec::new()), None, host).expect("the window starts");
        let waker = ctx.clone();
        let wake = move || {
            waker.request_repaint();
            std::thread::sleep(pause);
        };
        let worker = WorkerOptions {
            device: DeviceChoice::Cpu,
            shared_gpu: None,
            bundle: BundleSource::Embedded("nih-small".into()),
            wake: Arc::new(wake),
        };
        app.worker = Some(Worker::start(worker).expect("a worker"));
        Self { ctx, app, raster: Raster::default(), time: 0.0, frames: Vec::new() }
    }

    fn step(&mut self, events: Vec<Event>) {
        self.time += 1.0 / 60.0;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SIZE)),
            time: Some(self.time),
            events,
            ..RawInput::default()
        };
        let (app, start) = (&mut self.app, Instant::now());
        let mut output = self.ctx.run_ui(input, |ui| {
            app.logic();
            panels::show(app, ui);
        });
        self.frames.push(start.elapsed().as_secs_f32() * 1e3);
        self.raster.update(&mut output.textures_delta);
    }

    fn settle(&mut self) {
        let start = Instant::now();
        loop {
            self.step(Vec::new());
            if self.app.is_idle() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "busy for too long");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn button(at: Pos2, pressed: bool) -> Event {
        Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        self.step(vec![event(true)]);
        self.step(vec![event(false)]);
    }

    /// Sliders on screen.
    fn sliders(&self) -> Vec<Rect> {
        let features = (0..512).map(|index| egui::Id::unique(("feature", index as usize)));
        let findings = (0..17).map(|index| egui::Id::unique(("finding", index as usize)));
        let screen = Rect::from_min_size(Pos2::ZERO, SIZE).shrink(30.0);
        let rects = features.chain(findings).filter_map(|id| self.ctx.read_response(id)).map(|response| response.rect);
        rects.filter(|rect| screen.contains_rect(*rect)).collect()
    }

    /// Drags a slider through some places.
    fn drag(&mut self, random: &mut Random) {
        let sliders = self.sliders();
        let Some(rect) = sliders.get(random.below(sliders.len())).copied() else { return };
        let mut at = pos2(rect.left() + random.share() * rect.width(), rect.center().y);
        self.step(vec![Event::PointerMoved(at), Self::button(at, true)]);
        for _ in 0..=random.below(3) {
            at.x = rect.left() + random.share() * rect.width();
            self.step(vec![Event::PointerMoved(at)]);
        }
        self.step(vec![Self::button(at, false)]);
        // So that two drags are never a double click.
        self.time += 0.5;
    }

    fn act(&mut self, random: &mut Random) {
        match random.below(20) {
            0..=12 => self.drag(random),
            13..=15 => self.key(Modifiers::COMMAND, Key::Z),
            16 => self.key(Modifiers::COMMAND, Key::Y),
            _ => {
                let film = random.below(self.app.study.films.len());
                self.app.show_film(film);
                self.step(Vec::new());
            }
        }
    }

    /// What is shown is the picture of the newest edit.
    fn check(&mut self) {
        self.settle();
        let (edit, made) = (self.app.edit(), self.app.pictures.made.clone());
        assert!(self.app.pictures.problem.is_none() && self.app.dead.is_none());
        assert_eq!(made.map(|made| made.edit).unwrap_or_default(), edit, "the newest value is the one shown");
        let shown = self.app.study.shown.expect("a film");
        assert_eq!(shown, self.app.study.current);
    }
}

/// Resident memory of this process in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Runs a test of this file in a process of its own; true in that process.
fn alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let test = format!("window::tests::stress::{name}");
    let program = std::env::current_exe().expect("this program");
    let said = Process::new(program).args([&test, "--exact", "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    let words = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    for line in words.lines().filter(|line| line.starts_with("stress:")) {
        println!("{line}");
    }
    assert!(said.status.success() && words.contains("1 passed"), "{words}");
    false
}

#[test]
fn a_thousand_random_acts_leave_no_stale_picture_and_no_memory() {
    if !alone("a_thousand_random_acts_leave_no_stale_picture_and_no_memory") {
        return;
    }
    let start = Instant::now();
    let mut hand = Hand::new(Duration::from_millis(5));
    hand.settle();
    assert!(hand.sliders().len() > 5, "sliders are on screen");
    let mut random = Random(SEED);
    let mut warm = None;
    for act in 0..ACTS {
        hand.act(&mut random);
        if act % 100 == 99 {
            hand.check();
        }
        if act + 1 == WARM_UP {
            warm = resident();
        }
    }
    hand.check();
    let growth = |warm: Option<u64>| {
        warm.zip(resident()).map(|(before, after)| (before, after, after as f64 / before as f64 - 1.0))
    };
    let mut grown = growth(warm);
    if grown.is_some_and(|(.., growth)| growth >= MOST_GROWTH) {
        // An allocator takes a page more now and then, and keeps it; a leak goes on as before.
        let warm = resident();
        for _ in 0..ACTS {
            hand.act(&mut random);
        }
        hand.check();
        grown = growth(warm);
    }
    // Each film's picture is that of its edit, computed afresh.
    let engine = Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu()).expect("a bundle");
    let mut edited = 0;
    for index in 0..hand.app.study.films.len() {
        hand.app.show_film(index);
        hand.check();
        let FilmSource::Sample(name) = hand.app.study.films[index].source else { panic!("a sample film") };
        assert!(samples::names().any(|known| known == name));
        let analysis = engine.analyze(&samples::open(name).expect("a film")).expect("analysed");
        let fresh = engine.edit(&analysis, &hand.app.edit()).expect("the edit");
        let shown = hand.app.counterfactual().expect("a picture").0;
        assert_eq!(*shown, fresh.pixels, "film {index} shows another edit's picture");
        edited += usize::from(!hand.app.edit().is_empty());
    }
    hand.frames.sort_by(f32::total_cmp);
    let share = |share: f32| hand.frames[((hand.frames.len() - 1) as f32 * share) as usize];
    println!(
        "stress: {ACTS} acts, {} frames in {:.1} s; frame p50 {:.1} ms, p95 {:.1} ms; {edited} films edited; memory {grown:?}",
        hand.frames.len(),
        start.elapsed().as_secs_f32(),
        share(0.5),
        share(0.95)
    );
    if let Some((before, after, growth)) = grown {
        assert!(growth < MOST_GROWTH, "memory grew from {before} to {after} KiB");
    }
}

#[test]
fn a_slow_model_shows_the_newest_value_in_the_end() {
    let mut hand = Hand::new(Duration::from_millis(200));
    hand.settle();
    let mut random = Random(SEED);
    let asked = Instant::now();
    let mut drags = 0;
    hand.frames.clear();
    let mut pictures = std::collections::BTreeSet::new();
    while asked.elapsed() < Duration::from_secs(4) {
        hand.drag(&mut random);
        drags += 1;
        pictures.extend(hand.app.pictures.made.as_ref().map(|made| made.version));
        // As a hand and a screen would.
        std::thread::sleep(Duration::from_millis(10));
    }
    let made = pictures.len();
    hand.check();
    let app = &hand.app;
    let expected = app.worker.as_ref().map(|_| app.edit());
    assert_eq!(app.pictures.made.as_ref().map(|made| made.edit.clone()), expected);
    hand.frames.sort_by(f32::total_cmp);
    let share = |share: f32| hand.frames[((hand.frames.len() - 1) as f32 * share) as usize];
    println!(
        "stress: {drags} drags over a model that is busy for 200 ms showed {made} pictures meanwhile and the newest at the end; frame p50 {:.1} ms, \
         p95 {:.1} ms",
        share(0.5),
        share(0.95)
    );
    assert!((5..drags).contains(&made), "{made} pictures of {drags} drags");
    assert!(share(0.5) < 50.0, "the window waits for the model: {} ms", share(0.5));
}
