//! The light box: viewports with linked zoom, pan and window. In: the film and what was made of it. Out: pictures at the
//! viewport's own pixels, drawn by the shaders ([`gpu`]) where a graphics driver paints the window, else by
//! [`fluoro_core::display`] into textures, only when something in them changed.

use egui::{Rect, TextureHandle, TextureOptions, Ui, vec2};
use fluoro_core::display::ViewTransform;

use super::app::App;
use super::state::films::OpenFilm;
use super::state::gallery;
use super::tokens::Look;

mod brush;
mod content;
mod corners;
pub mod gpu;
mod hand;
mod kept;
mod pane;
mod prior;
mod reading;
mod region;
mod ruler;
mod sheet;
mod snapshot;
mod tools;
mod wipe;

pub use content::Pane;
pub use kept::{Aspect, Kept};
pub use reading::{LeftHand, OverlayStyle, Preset};
use sheet::ContentKey;
pub use snapshot::snapshot;

/// How many viewports there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Arrangement {
    /// Two by two.
    #[default]
    Four,
    /// Side by side.
    Two,
    /// One.
    One,
}

/// How the difference lies over a film.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OverlaySettings {
    /// Whether it lies over the film in the difference viewport.
    pub on: bool,
    /// Whether it lies over the counterfactual where no difference viewport is on screen.
    pub on_made: bool,
    /// Strength at the end of the scale, 0 to 1.
    pub opacity: f32,
    /// Changes up to this share of the scale are not shown.
    pub threshold: f32,
    /// In colour, as an outline, or both.
    pub style: OverlayStyle,
}

impl Default for OverlaySettings {
    fn default() -> Self {
        Self { on: true, on_made: false, opacity: 0.75, threshold: 0.08, style: OverlayStyle::Heat }
    }
}

/// State of all viewports; they share it, so that they always show the same place.
#[derive(Default)]
pub struct LightBox {
    /// What a session keeps and undo takes back.
    pub kept: Kept,
    /// What dragging with the left button does.
    pub left: LeftHand,
    /// The viewport under the pointer, and the film point there.
    pub pointer: Option<(Pane, [f32; 2])>,
    /// The unedited picture is shown where the edited one would be, while a key is held.
    pub before: bool,
    /// The attribution panel is open: its two maps are on the light box.
    pub attribution: bool,
    /// The report panel is open: the sentence that is pointed at is outlined.
    pub report: bool,
    /// A hand is moving something.
    pub dragging: bool,
    /// The shaders draw the pictures.
    pub by_shader: bool,
    /// The bundle cannot draw: one viewport says so instead of three.
    pub without_decoder: bool,
    /// Another film is beside the current one, while two viewports are on screen.
    pub prior: bool,
    /// Physical pixels of a viewport, as last shown.
    pub viewport: Option<[usize; 2]>,
    pub(super) difference: content::DifferenceCache,
    pub(super) change: content::DifferenceCache,
    drawn: [Option<Drawn>; Pane::COUNT + 1],
}

impl LightBox {
    /// Whole film, its own window, not inverted, not turned, nothing measured: how another film begins.
    pub fn reset(&mut self) {
        let usual = Kept::default();
        for aspect in [Aspect::Place, Aspect::Invert, Aspect::Turn, Aspect::Ruler] {
            self.kept.take(&usual, aspect);
        }
        (self.kept.window, self.kept.windows) = (usual.window, usual.windows);
    }

    /// Whether the difference is shown.
    pub fn has_overlay(&self) -> bool {
        if self.shows_difference() { self.kept.overlay.on } else { self.kept.overlay.on_made }
    }

    /// Shows the difference, or no longer.
    pub fn toggle_overlay(&mut self) {
        let on = if self.shows_difference() { &mut self.kept.overlay.on } else { &mut self.kept.overlay.on_made };
        *on = !*on;
    }

    /// Whether a difference viewport is on screen.
    fn shows_difference(&self) -> bool {
        self.panes().iter().any(|pane| matches!(pane, Pane::Difference | Pane::FirstMap))
    }

    /// The panes on screen, in reading order.
    fn panes(&self) -> Vec<Pane> {
        if self.attribution {
            return vec![Pane::FirstMap, Pane::SecondMap];
        }
        match self.kept.arrangement {
            Arrangement::Four if self.without_decoder => vec![Pane::Original, Pane::Counterfactual],
            Arrangement::Four => vec![Pane::Original, Pane::Counterfactual, Pane::Reconstruction, Pane::Difference],
            Arrangement::Two if self.prior => vec![Pane::Original, Pane::Prior],
            Arrangement::Two => vec![Pane::Original, Pane::Counterfactual],
            Arrangement::One => vec![self.kept.single],
        }
    }
}

/// The last picture of a viewport, and everything it depended on.
struct Drawn {
    key: Key,
    texture: TextureHandle,
}

/// What a viewport's picture depends on.
#[derive(Clone, PartialEq)]
struct Key {
    content: ContentKey,
    /// What is left of the wipe's line, and its column.
    left: Option<(ContentKey, usize)>,
    transform: ViewTransform,
    size: [usize; 2],
    background: egui::Color32,
}

/// Shows tools and viewports.
pub fn show(app: &mut App, ui: &mut Ui) {
    let look = app.look;
    let whole = ui.available_rect_before_wrap();
    let tools = Rect::from_min_size(whole.min, vec2(whole.width(), look.size.tool_bar));
    ui.painter().rect_filled(tools, 0.0, look.colour.panel);
    ui.scope_builder(egui::UiBuilder::new().max_rect(tools.shrink2(vec2(look.size.pad, look.size.gap))), |ui| {
        tools::show(app, ui);
    });
    let area = whole.with_min_y(tools.bottom());
    ui.painter().rect_filled(area, 0.0, look.colour.light_box);
    ui.advance_cursor_after_rect(whole);
    if app.film.is_none() {
        ui.scope_builder(egui::UiBuilder::new().max_rect(area), |ui| pane::without_film(app, ui));
        return;
    }
    let start = std::time::Instant::now();
    let drawn_before = app.light_box.drawn_count();
    app.light_box.dragging = false;
    app.light_box.pointer = None;
    let panes = app.light_box.panes();
    let columns = if panes.len() > 1 { 2 } else { 1 };
    let rows = panes.len().div_ceil(columns);
    let gap = look.size.pane_gap;
    // Whole physical pixels, so that a texture's pixels are the screen's.
    let pixels = ui.pixels_per_point();
    let snap = |v: f32| (v * pixels).floor() / pixels;
    let side = |length: f32, count: usize| snap((length - gap * (count as f32 - 1.0)) / count as f32);
    let size = vec2(side(area.width(), columns), side(area.height(), rows));
    for (i, pane) in panes.into_iter().enumerate() {
        let step = vec2((i % columns) as f32 * (size.x + gap), (i / columns) as f32 * (size.y + gap));
        let at = area.min + step;
        let rect = Rect::from_min_size(egui::pos2(snap(at.x), snap(at.y)), size);
        pane::show(app, ui, rect, pane);
    }
    if app.light_box.drawn_count() != drawn_before {
        app.performance.light_box.push(start.elapsed().as_secs_f32() * 1e3);
    }
}

impl LightBox {
    /// Changes whenever a viewport is drawn again.
    fn drawn_count(&self) -> u64 {
        self.difference.draws
    }
}

/// A small picture of a film for the list.
pub fn thumbnail(ctx: &egui::Context, film: &OpenFilm, look: &Look) -> TextureHandle {
    let side = (look.size.thumbnail * ctx.pixels_per_point()).round() as usize;
    let pixels = gallery::draw(&film.view.radiograph, side, rgb(look.colour.light_box));
    let image = egui::ColorImage::from_rgba_premultiplied([side, side], &pixels);
    ctx.load_texture("thumbnail", image, TextureOptions::LINEAR)
}

/// A colour without its opacity.
pub fn rgb(colour: egui::Color32) -> [u8; 3] {
    [colour.r(), colour.g(), colour.b()]
}
