//! How a reader has set up the light box: window presets, turn, colours, what the left button does, ruler, wipe. In:
//! commands and gestures. Out: state that the viewports are drawn from.

use fluoro_core::difference::percentile;
use fluoro_core::display::ColourMap;
use fluoro_core::radiograph::{Radiograph, Window};
use serde::{Deserialize, Serialize};

use super::content::Pane;
use super::{LightBox, OverlaySettings};

/// Samples that percentiles are taken of, at most; a film has up to a hundred times as many.
const MOST_SAMPLES: usize = 1 << 18;
/// Percentiles between which the presets lie: nearly everything, the dense half, and the half full of air.
const NEARLY_ALL: [f32; 2] = [1.0, 99.0];
const DENSE: [f32; 2] = [50.0, 99.5];
const AIR: [f32; 2] = [0.5, 65.0];
/// One press of a bracket, in opacity.
const OPACITY_STEP: f32 = 0.1;

/// What dragging with the left button does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftHand {
    /// Changes window width and level.
    #[default]
    Window,
    /// Moves the film.
    Pan,
    /// Measures a length.
    Measure,
}

/// A window that can be chosen by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// As the file says.
    Own,
    /// Every value that the file can hold.
    Range,
    /// The 1st to the 99th percentile.
    Percentiles,
    /// The denser half of the film: mediastinum and bones.
    Dense,
    /// The half of the film with air: lungs.
    Lungs,
}

impl Preset {
    /// The window of a film. Where the film has no values there, its own.
    pub fn window(self, film: &Radiograph) -> Window {
        let between = |[low, high]: [f32; 2]| {
            let values = spread(film);
            match (percentile(&values, low), percentile(&values, high)) {
                (black, white) if white > black => Window::covering(black, white),
                _ => film.default_window(),
            }
        };
        match self {
            Self::Own => film.default_window(),
            Self::Range => Window::covering(film.range[0], film.range[1]),
            Self::Percentiles => between(NEARLY_ALL),
            Self::Dense => between(DENSE),
            Self::Lungs => between(AIR),
        }
    }
}

/// Samples from all over a film, without the darkest value: collimated borders and padding are no tissue.
fn spread(film: &Radiograph) -> Vec<f32> {
    let data = film.pixels.data();
    let (lowest, _) = film.pixels.min_max();
    let step = data.len().div_ceil(MOST_SAMPLES).max(1);
    data.iter().step_by(step).copied().filter(|&v| v.is_finite() && v > lowest).collect()
}

/// How a map is drawn over the film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverlayStyle {
    /// In colour.
    #[default]
    Heat,
    /// A line round what is above the threshold.
    Outline,
    /// Both.
    Both,
}

impl OverlayStyle {
    /// In the order of the menus.
    pub const ALL: [Self; 3] = [Self::Heat, Self::Outline, Self::Both];

    /// What menus call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heat => "heat",
            Self::Outline => "outline",
            Self::Both => "heat and outline",
        }
    }

    /// Whether there is heat.
    pub fn has_heat(self) -> bool {
        self != Self::Outline
    }

    /// Whether there is a line.
    pub fn has_outline(self) -> bool {
        self != Self::Heat
    }
}

/// Two pictures side by side in the counterfactual's viewport.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wipe {
    /// Whether it is on.
    pub on: bool,
    /// Where the line is, 0 (left edge) to 1.
    pub at: f32,
    /// What is left of it.
    pub with: Pane,
}

impl Default for Wipe {
    fn default() -> Self {
        Self { on: false, at: 0.5, with: Pane::Original }
    }
}

/// A length on the film.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruler {
    /// Where it starts, in film pixels.
    pub from: [f32; 2],
    /// Where it ends.
    pub to: [f32; 2],
}

impl Ruler {
    /// Its length: in millimetres where the distance between rows and between columns is known, else in pixels.
    pub fn length(&self, spacing_mm: Option<[f32; 2]>) -> Length {
        let [rows, columns] = spacing_mm.unwrap_or([1.0; 2]);
        let length = ((self.to[0] - self.from[0]) * columns).hypot((self.to[1] - self.from[1]) * rows);
        if spacing_mm.is_some() { Length::Millimetres(length) } else { Length::Pixels(length) }
    }
}

/// A length and its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// On the patient or the detector, whichever the file gives.
    Millimetres(f32),
    /// The file gives no spacing.
    Pixels(f32),
}

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Millimetres(length) => write!(f, "{length:.1} mm"),
            Self::Pixels(length) => write!(f, "{length:.0} px (no spacing in the file)"),
        }
    }
}

impl LightBox {
    /// A viewport's window; none when it is the film's own.
    pub fn window_of(&self, pane: Pane) -> Option<Window> {
        if self.kept.linked { self.kept.window } else { self.kept.windows[pane.index()] }
    }

    /// Sets a viewport's window, or that of all.
    pub fn set_window(&mut self, pane: Pane, window: Option<Window>) {
        if self.kept.linked {
            self.kept.window = window;
        } else {
            self.kept.windows[pane.index()] = window;
        }
    }

    /// Sets the window of the viewport under the pointer where each has its own, else of all.
    pub fn set_window_here(&mut self, window: Option<Window>) {
        match self.pointer {
            Some((pane, _)) if !self.kept.linked => self.set_window(pane, window),
            _ => {
                self.kept.window = window;
                self.kept.windows = [window; Pane::COUNT];
            }
        }
    }

    /// Links the viewports' windows, or lets each go its own way from where they are.
    pub fn toggle_link(&mut self) {
        let kept = &mut self.kept;
        if kept.linked {
            kept.windows = [kept.window; Pane::COUNT];
        } else {
            let leader = self.pointer.map_or(Pane::Original, |(pane, _)| pane);
            kept.window = kept.windows[leader.index()];
        }
        kept.linked = !kept.linked;
    }

    /// Makes the overlay stronger or weaker by steps.
    pub fn change_opacity(&mut self, steps: f32) {
        self.kept.overlay.opacity =
            ((self.kept.overlay.opacity + steps * OPACITY_STEP) * 100.0).round().clamp(0.0, 100.0) / 100.0;
    }

    /// Everything that a reader changed: place, zoom, window, colours, turn, ruler, strength of the overlay.
    pub fn reset_all(&mut self) {
        self.reset();
        self.kept.colours = ColourMap::Grey;
        let OverlaySettings { on, on_made, style, .. } = self.kept.overlay;
        self.kept.overlay = OverlaySettings { on, on_made, style, ..OverlaySettings::default() };
    }

    /// Shows two pictures side by side in the counterfactual's viewport, or no longer.
    pub fn toggle_wipe(&mut self) {
        self.kept.wipe.on = !self.kept.wipe.on;
        if self.kept.wipe.on && !self.panes().contains(&Pane::Counterfactual) {
            self.kept.single = Pane::Counterfactual;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_in_millimetres_only_where_the_file_says_so() {
        let ruler = Ruler { from: [10.0, 10.0], to: [40.0, 50.0] };
        assert_eq!(ruler.length(None), Length::Pixels(50.0));
        // Rows are 0.2 mm apart, columns 0.1 mm.
        let Length::Millimetres(length) = ruler.length(Some([0.2, 0.1])) else { panic!("known spacing") };
        assert!((length - (3.0_f32 * 3.0 + 8.0 * 8.0).sqrt()).abs() < 1e-4);
        assert!(ruler.length(None).to_string().contains("px") && ruler.length(Some([1.0; 2])).to_string() == "50.0 mm");
    }

    #[test]
    fn viewports_share_a_window_until_they_are_unlinked() {
        let mut light_box = LightBox::default();
        let [first, second] = [100.0, 200.0].map(|hi| Some(Window::covering(0.0, hi)));
        light_box.set_window(Pane::Reconstruction, first);
        assert_eq!(light_box.window_of(Pane::Original), first);
        light_box.toggle_link();
        light_box.set_window(Pane::Original, second);
        assert_eq!((light_box.window_of(Pane::Original), light_box.window_of(Pane::Difference)), (second, first));
        light_box.toggle_link();
        assert_eq!(light_box.window_of(Pane::Difference), second, "the original leads");
        light_box.kept.colours = ColourMap::Magma;
        light_box.change_opacity(-3.0);
        assert_eq!(light_box.kept.overlay.opacity, 0.45);
        light_box.reset_all();
        assert_eq!(
            (light_box.kept.window, light_box.kept.colours, light_box.kept.overlay.opacity),
            (None, ColourMap::Grey, 0.75)
        );
    }
}
