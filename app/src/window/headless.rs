//! The window without a screen: the same application, driven until nothing is under way, painted by [`Raster`].

use std::time::{Duration, Instant};

use egui::{Pos2, RawInput, Rect, Vec2};
use fluoro_core::shift::Target;

use super::app::{App, Cover, DrawnBy, Host, Tab};
use super::command::Command;
use super::panels::palette::Palette;
use super::raster::Raster;
use super::state::films::Study;
use super::{WindowError, WindowOptions, panels};

/// A slow machine may need this long for a shift.
const PATIENCE_SECONDS: u64 = 600;
/// Frames after the last change, for layouts that need a second look.
const SETTLE: usize = 3;
/// A column that most audits ask about.
const OFTEN_ASKED: &str = "PORTABLE";
/// A label whose shift most readers understand.
const WELL_KNOWN: &str = "Cardiomegaly";

/// A picture of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pixels, four bytes each, opaque.
    pub rgba: Vec<u8>,
}

/// What a picture of the window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A film was opened.
    Review,
    /// A feature and a finding were dragged.
    Edit,
    /// A shift was computed; its timeline is open.
    Shift,
    /// Two attributions were computed; their panel is open.
    Attribution,
    /// The gallery of the bundle is open.
    Gallery,
    /// The film is worded; a sentence is outlined.
    Report,
    /// A column of the open store is audited.
    Audit,
    /// One of the films is damaged.
    Error,
    /// The command palette is open.
    Palette,
    /// The list of keys is open.
    Keys,
    /// Features in groups, one of them edited under a brush; findings by their change.
    Features,
    /// Edits that were given a name.
    Remembered,
    /// As [`Scene::Edit`], with light panels and two viewports.
    Light,
}

impl Scene {
    /// Every scene.
    pub const ALL: [Self; 13] = [
        Self::Review,
        Self::Edit,
        Self::Shift,
        Self::Attribution,
        Self::Gallery,
        Self::Report,
        Self::Audit,
        Self::Error,
        Self::Palette,
        Self::Keys,
        Self::Features,
        Self::Remembered,
        Self::Light,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Edit => "edit",
            Self::Shift => "shift",
            Self::Attribution => "attribution",
            Self::Gallery => "gallery",
            Self::Report => "report",
            Self::Audit => "audit",
            Self::Error => "error",
            Self::Palette => "palette",
            Self::Keys => "keys",
            Self::Features => "features",
            Self::Remembered => "remembered",
            Self::Light => "light",
        }
    }
}

/// A picture of the window of `size` pixels.
///
/// # Errors
/// When the engine does not start, or the scene is not ready in time.
pub fn screenshot(options: WindowOptions, size: [u32; 2], scene: Scene) -> Result<Picture, WindowError> {
    let mut window = Headless::new(options, size)?;
    window.settle()?;
    // Lives until the picture is painted.
    let _damaged = window.stage(scene)?;
    window.settle()?;
    Ok(window.picture())
}

/// The application and what a screen would be to it.
pub struct Headless {
    pub(super) ctx: egui::Context,
    /// The application.
    pub app: App,
    raster: Raster,
    size: [u32; 2],
    start: Instant,
    pub(super) output: Option<egui::FullOutput>,
    /// What a hand does in the next frame.
    pub(super) events: Vec<egui::Event>,
}

impl Headless {
    /// Starts it.
    pub fn new(options: WindowOptions, size: [u32; 2]) -> Result<Self, WindowError> {
        let ctx = egui::Context::default();
        let host = Host { dialogs: true, remembers: false, drawn_by: DrawnBy::Raster };
        let app = App::new(&ctx, options, None, host)?;
        ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = false);
        Ok(Self { ctx, app, raster: Raster::default(), size, start: Instant::now(), output: None, events: Vec::new() })
    }

    /// One frame.
    pub fn step(&mut self) {
        let size = Vec2::new(self.size[0] as f32, self.size[1] as f32);
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            time: Some(self.start.elapsed().as_secs_f64()),
            events: std::mem::take(&mut self.events),
            ..RawInput::default()
        };
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| {
            app.logic();
            panels::show(app, ui);
        });
        self.raster.update(&mut output.textures_delta);
        self.output = Some(output);
    }

    /// Frames until nothing is under way.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn settle(&mut self) -> Result<(), WindowError> {
        let start = Instant::now();
        loop {
            self.step();
            if self.app.is_idle() || self.app.dead.is_some() {
                (0..SETTLE).for_each(|_| self.step());
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(PATIENCE_SECONDS) {
                return Err(WindowError::Timeout(PATIENCE_SECONDS));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The last frame, painted.
    pub fn picture(&mut self) -> Picture {
        let [width, height] = self.size;
        let Some(output) = &self.output else { return Picture { width: 0, height: 0, rgba: Vec::new() } };
        let meshes = self.ctx.tessellate(output.shapes.clone(), output.pixels_per_point);
        let size = [width as usize, height as usize];
        let ground = self.app.look.colour.light_box;
        let rgba = self.raster.paint(&meshes, size, output.pixels_per_point, ground);
        Picture { width, height, rgba }
    }

    /// Brings the application to where a scene begins; what it returns must live as long as the scene.
    pub(super) fn stage(&mut self, scene: Scene) -> Result<Option<tempfile::TempDir>, WindowError> {
        match scene {
            Scene::Review => {}
            Scene::Edit | Scene::Light => self.stage_edit(scene == Scene::Light),
            Scene::Features => self.stage_features(),
            Scene::Remembered => self.stage_remembered()?,
            Scene::Shift => {
                let label = self.well_known();
                self.app.shift.settings.target = Target::Label(label);
                (self.app.layout.bottom, self.app.layout.tab) = (true, Tab::Shift);
                self.app.compute_shift();
            }
            Scene::Attribution => {
                self.app.attribution.label = self.well_known();
                self.app.run(Command::ComputeAttribution);
            }
            Scene::Gallery => (self.app.layout.bottom, self.app.layout.tab) = (true, Tab::Gallery),
            Scene::Report => {
                (self.app.layout.bottom, self.app.layout.tab) = (true, Tab::Report);
                self.step();
                self.settle()?;
                if let Some(shown) = &self.app.report.job.value {
                    let first = shown.worded.report.acquisition.len();
                    let outlined = |place: &usize| shown.outlines.get(*place).is_some_and(|lines| !lines.is_empty());
                    self.app.report.chosen = (first..shown.outlines.len()).chain(0..first).find(outlined);
                }
            }
            Scene::Audit => {
                (self.app.layout.bottom, self.app.layout.tab) = (true, Tab::Audit);
                self.step();
                let columns =
                    self.app.store.open.as_ref().map(|open| open.store.columns().to_vec()).unwrap_or_default();
                if let Some(column) = columns.iter().find(|name| name.contains(OFTEN_ASKED)).or(columns.first()) {
                    self.app.audit.column.clone_from(column);
                }
                self.app.run(Command::ComputeAudit);
            }
            Scene::Error => return self.stage_error().map(Some).map_err(|e| WindowError::Scene(e.to_string())),
            Scene::Palette => self.app.cover = Cover::Palette(Palette::default()),
            Scene::Keys => self.app.cover = Cover::Keys,
        }
        Ok(None)
    }

    fn well_known(&self) -> usize {
        self.app.labels().iter().position(|label| label == WELL_KNOWN).unwrap_or(0)
    }

    fn stage_edit(&mut self, light: bool) {
        let label = self.well_known();
        if label < self.app.labels().len() {
            self.app.set_finding(label, -12.0);
        }
        let activations = self.app.analysis().map(|analysis| analysis.activations.clone()).unwrap_or_default();
        let strongest = activations.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        if let Some((index, own)) = strongest {
            self.app.set_feature(index, own * 0.4);
        }
        if light {
            self.app.set_theme(egui::Theme::Light);
            self.app.light_box.kept.arrangement = super::light_box::Arrangement::Two;
        }
    }

    fn stage_features(&mut self) {
        self.stage_edit(false);
        let Some(index) = self.app.edited_features().first().copied() else { return };
        self.app.features.grouping = super::state::features::Grouping::Labels;
        self.app.features.pins.insert(index);
        self.app.findings.sort = super::state::findings::FindingSort::Change;
        self.app.take_brush(Some(index));
        let Some([width, height]) = self.app.film.as_ref().map(|film| film.size().map(|side| side as f32)) else {
            return;
        };
        for (x, y) in [(0.42, 0.62), (0.55, 0.66), (0.66, 0.7)] {
            self.app.paint([x * width, y * height], false);
        }
    }

    fn stage_remembered(&mut self) -> Result<(), WindowError> {
        for (name, label, percent) in
            [("smaller heart", self.well_known(), -12.0), ("first finding, more of it", 0, 10.0)]
        {
            self.app.run(Command::ResetEdits);
            self.app.set_finding(label, percent);
            if let Some(edit) = self.app.relative_edit() {
                self.app.named_edits.remember(name, edit).map_err(|error| WindowError::Scene(error.to_string()))?;
            }
        }
        self.stage_edit(false);
        self.app.named_edits.name = "heart and view".to_owned();
        self.app.named_edits.is_open = true;
        Ok(())
    }

    fn stage_error(&mut self) -> std::io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("damaged.dcm");
        // The first bytes of a DICOM file, and then nothing.
        let mut bytes = vec![0_u8; 128];
        bytes.extend_from_slice(b"DICM\x02\x00\x00\x00UL\x04\x00");
        std::fs::write(&path, bytes)?;
        self.app.study.films.extend(Study::files(vec![path]));
        self.app.show_film(self.app.study.films.len() - 1);
        Ok(folder)
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        // egui insists that changed textures are taken, also by a screen that goes away.
        if let Some(mut output) = self.output.take() {
            output.textures_delta.clear();
        }
    }
}
