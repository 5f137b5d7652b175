//! What a session keeps of the light box, and what undo takes back. Whatever changes the picture without changing the
//! film's edit belongs here: one field, one [`Aspect`].

use fluoro_core::display::{ColourMap, Turn, ViewTransform};
use fluoro_core::radiograph::Window;
use serde::{Deserialize, Serialize};

use super::reading::{Ruler, Wipe};
use super::{Arrangement, LightBox, OverlaySettings, Pane};

/// The light box as it looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// How many viewports.
    pub arrangement: Arrangement,
    /// Which picture the single viewport shows.
    pub single: Pane,
    /// Place and size.
    pub transform: Option<ViewTransform>,
    /// The user's window.
    pub window: Option<Window>,
    /// Black and white swapped.
    pub invert: bool,
    /// Difference overlay.
    pub overlay: OverlaySettings,
    /// Flips and quarter turns.
    pub turn: Turn,
    /// Colour of each brightness.
    pub colours: ColourMap,
    /// All viewports share one window.
    pub linked: bool,
    /// Each viewport's own window, while they are not linked.
    #[serde(with = "windows")]
    pub windows: [Option<Window>; Pane::COUNT],
    /// A length that was measured.
    pub ruler: Option<Ruler>,
    /// Two pictures in one viewport.
    pub wipe: Wipe,
    /// The counterfactual is the film with the model's change laid on it; by the film's size when none.
    pub on_film: Option<bool>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            arrangement: Arrangement::Four,
            single: Pane::Original,
            transform: None,
            window: None,
            invert: false,
            overlay: OverlaySettings::default(),
            turn: Turn::NONE,
            colours: ColourMap::Grey,
            linked: true,
            windows: [None; Pane::COUNT],
            ruler: None,
            wipe: Wipe::default(),
            on_film: None,
        }
    }
}

/// A part of the view that is taken back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Window width and level.
    Window,
    /// Zoom and place.
    Place,
    /// Black and white.
    Invert,
    /// Viewports.
    Arrangement,
    /// The overlay and its settings.
    Overlay,
    /// Flips and quarter turns.
    Turn,
    /// Colour map.
    Colours,
    /// The ruler.
    Ruler,
    /// Two pictures in one viewport.
    Wipe,
    /// The change on the film, or the decoded picture.
    OnFilm,
}

impl Aspect {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Window,
        Self::Place,
        Self::Invert,
        Self::Arrangement,
        Self::Overlay,
        Self::Turn,
        Self::Colours,
        Self::Ruler,
        Self::Wipe,
        Self::OnFilm,
    ];

    /// Its name, after "Undo".
    pub fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Place => "zoom and place",
            Self::Invert => "invert",
            Self::Arrangement => "viewports",
            Self::Overlay => "overlay",
            Self::Turn => "turn",
            Self::Colours => "colours",
            Self::Ruler => "ruler",
            Self::Wipe => "wipe",
            Self::OnFilm => "change on the film",
        }
    }

    /// Whether a hand changes it bit by bit, so that many changes are one step.
    pub fn is_gradual(self) -> bool {
        matches!(self, Self::Window | Self::Place | Self::Overlay | Self::Ruler | Self::Wipe)
    }
}

impl Kept {
    /// What is not as it was.
    pub fn changed_from(&self, before: &Self) -> Vec<Aspect> {
        let differs = |aspect: &Aspect| {
            let mut probe = before.clone();
            probe.take(self, *aspect);
            probe != *before
        };
        Aspect::ALL.into_iter().filter(differs).collect()
    }

    /// Takes one aspect from another view.
    pub fn take(&mut self, from: &Self, aspect: Aspect) {
        match aspect {
            Aspect::Window => {
                (self.window, self.linked, self.windows) = (from.window, from.linked, from.windows);
            }
            Aspect::Place => self.transform = from.transform,
            Aspect::Invert => self.invert = from.invert,
            Aspect::Arrangement => (self.arrangement, self.single) = (from.arrangement, from.single),
            Aspect::Overlay => self.overlay = from.overlay,
            Aspect::Turn => self.turn = from.turn,
            Aspect::Colours => self.colours = from.colours,
            Aspect::Ruler => self.ruler = from.ruler,
            Aspect::Wipe => self.wipe = from.wipe,
            Aspect::OnFilm => self.on_film = from.on_film,
        }
    }
}

impl LightBox {
    /// Looks as it did; a file can say anything.
    pub fn restore(&mut self, kept: &Kept) {
        let is_lost = kept.single == Pane::Prior && !self.prior;
        self.kept = Kept {
            // The film beside is not in a session.
            single: if is_lost { Pane::Original } else { kept.single },
            transform: kept.transform.filter(|view| view.zoom.is_finite() && view.center.iter().all(|v| v.is_finite())),
            window: usable(kept.window),
            windows: kept.windows.map(usable),
            // Any number of quarters is one of four.
            turn: kept.turn.rotated(0),
            ruler: kept.ruler.filter(|ruler| ruler.from.iter().chain(&ruler.to).all(|number| number.is_finite())),
            wipe: Wipe { at: kept.wipe.at.clamp(0.0, 1.0), ..kept.wipe },
            ..kept.clone()
        };
    }
}

/// Windows of the viewports as a list, so that a session of a version with fewer or more viewports opens.
mod windows {
    use super::{Pane, Window};
    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(windows: &[Option<Window>; Pane::COUNT], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(windows)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[Option<Window>; Pane::COUNT], D::Error> {
        // The first sessions had a tuple.
        let list = from.deserialize_any(List)?;
        Ok(std::array::from_fn(|pane| list.get(pane).copied().flatten()))
    }

    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<Option<Window>>;

        fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("a list of windows")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(window) = from.next_element()? {
                list.push(window);
            }
            Ok(list)
        }
    }
}

/// A window that can be drawn with; a file can say anything.
fn usable(window: Option<Window>) -> Option<Window> {
    window.filter(|window| window.center.is_finite() && window.width > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_a_list_of_any_length_and_as_the_tuple_of_before() {
        let mut kept = Kept::default();
        kept.windows[1] = Some(Window::covering(0.0, 100.0));
        let text = ron::to_string(&kept).unwrap();
        assert_eq!(ron::from_str::<Kept>(&text).unwrap(), kept);
        let window = ron::to_string(&kept.windows[1]).unwrap();
        for windows in [
            format!("(None,{window},None,None,None,None,None)"),
            format!("[None,{window}]"),
            format!("[None,{window},None,None,None,None,None,None,None]"),
        ] {
            let found: Kept = ron::from_str(&format!("(windows:{windows})")).unwrap();
            assert_eq!(found.windows, kept.windows, "{windows}");
        }
    }
}
