//! What each viewport shows. In: film, reconstruction, the picture of an edit, a shift's frame. Out: the plane to draw,
//! where it lies, and the difference to lay over it.

use fluoro_core::difference;
use fluoro_core::display::{Overlay, Placed};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::Window;
use fluoro_core::shift::Shift;

use super::rgb;
use crate::window::app::{App, Source};

/// Least end of the colour scale, in grey levels of 2048: smaller changes are nothing that an eye should be led to.
const LEAST_LIMIT: f32 = 40.0;

/// A viewport's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The film.
    Original,
    /// Its latent, decoded.
    Reconstruction,
    /// Its edited or shifted latent, decoded.
    Counterfactual,
    /// What changed, over the film.
    Difference,
    /// The attribution on the left, over the film.
    FirstMap,
    /// The attribution on the right, over the film.
    SecondMap,
}

impl Pane {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// Every picture that can be chosen for a single viewport.
    pub const ALL: [Self; 4] = [Self::Original, Self::Counterfactual, Self::Reconstruction, Self::Difference];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Reconstruction => "reconstruction",
            Self::Counterfactual => "counterfactual",
            Self::Difference => "difference",
            Self::FirstMap => "attribution, left",
            Self::SecondMap => "attribution, right",
        }
    }

    /// The slot of an attribution.
    pub fn slot(self) -> Option<usize> {
        match self {
            Self::FirstMap => Some(0),
            Self::SecondMap => Some(1),
            _ => None,
        }
    }

    /// What a newcomer should know about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Original => "The film as it is in the file.",
            Self::Reconstruction => {
                "What the model kept of the film: its latent, decoded without any change. What differs from the original \
                 here is lost in the model and not a finding."
            }
            Self::Counterfactual => {
                "Made by a model: the film as the decoder draws it after your change. Compare it with the reconstruction."
            }
            Self::Difference => {
                "Counterfactual minus reconstruction, over the film: orange became brighter, blue became darker."
            }
            Self::FirstMap | Self::SecondMap => {
                "What the score rests on, over the film, as one method says. Methods have different units: each map is drawn \
                 relative to its own largest values."
            }
        }
    }

    /// Whether a model made it.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Reconstruction | Self::Counterfactual)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A difference map, kept while its two pictures stay the same.
#[derive(Default)]
pub struct DifferenceCache {
    key: Option<u64>,
    map: Option<Plane>,
    /// The end of the colour scale.
    pub limit: f32,
    /// How often a viewport was drawn.
    pub draws: u64,
}

/// What a viewport shows.
pub struct Content<'a> {
    /// Grey picture and its place.
    pub placed: Placed<'a>,
    /// Its number.
    pub version: u64,
    /// Its window.
    pub window: Window,
    /// What lies over it, and its number.
    pub overlay: Option<(u64, Overlay<'a>)>,
}

impl App {
    /// The shift's frame on the light box, with its number.
    pub fn shift_frame(&self) -> Option<(&Shift, usize, u64)> {
        let done = self.shift.job.value.as_ref().filter(|_| self.source == Source::Shift)?;
        let frame = self.shift.frame();
        Some((&done.shift, frame, done.version + frame as u64))
    }

    /// The counterfactual on the light box, with its number; the reconstruction while nothing is changed.
    pub fn counterfactual(&self) -> Option<(&Plane, u64)> {
        if self.light_box.before {
            return self.reconstruction();
        }
        if let Some((shift, frame, version)) = self.shift_frame() {
            return shift.frames.get(frame).map(|plane| (plane, version));
        }
        match &self.pictures.made {
            Some(made) => Some((&made.frame.pixels, made.version)),
            None => self.reconstruction(),
        }
    }

    /// The decoded, unchanged latent, with its number.
    pub fn reconstruction(&self) -> Option<(&Plane, u64)> {
        let film = self.film.as_ref()?;
        let frame = film.view.analysis.as_ref()?.reconstruction.as_ref()?;
        Some((&frame.pixels, film.version + 1))
    }

    /// Scores before: those of the reconstruction, which every counterfactual is compared with.
    pub fn scores_before(&self) -> &[f32] {
        let analysis = self.analysis();
        let frame = analysis.and_then(|analysis| analysis.reconstruction.as_ref());
        match (frame, analysis) {
            (Some(frame), _) => &frame.predictions,
            (None, Some(analysis)) => &analysis.predictions,
            (None, None) => &[],
        }
    }

    /// Scores now, of the picture in the counterfactual viewport.
    pub fn scores_after(&self) -> Vec<f32> {
        if let Some((shift, frame, _)) = self.shift_frame() {
            let score = |label: &String| {
                let own = (shift.follows.as_ref() == Some(label)).then_some(&shift.predictions);
                let other = || shift.others.iter().find(|(name, _)| name == label).map(|(_, scores)| scores);
                own.or_else(other).and_then(|scores| scores.get(frame)).copied().unwrap_or(f32::NAN)
            };
            return self.labels().iter().map(score).collect();
        }
        match &self.pictures.made {
            Some(made) => made.frame.predictions.clone(),
            None => self.scores_before().to_vec(),
        }
    }

    /// Finds the difference map of what is on the light box, unless it is known.
    pub fn find_difference(&mut self) {
        let whole = self.shows_whole_shift();
        let key = match (whole, self.counterfactual()) {
            (true, _) => self.shift.job.value.as_ref().map(|done| done.version + (1 << 19)),
            (false, Some((_, version))) => Some(version),
            (false, None) => None,
        };
        if self.light_box.difference.key == key && key.is_some() {
            return;
        }
        let shift = self.shift.job.value.as_ref();
        let map = match (whole, shift, self.reconstruction(), self.counterfactual()) {
            (true, Some(done), ..) => Some(done.shift.map.clone()),
            (_, _, Some((before, _)), Some((after, _))) => difference::signed(before, after).ok(),
            _ => None,
        };
        let own = map.as_ref().map_or(0.0, |map| {
            let (low, high) = map.min_max();
            high.max(-low)
        });
        let shared = shift.filter(|_| self.source == Source::Shift && !whole).map_or(0.0, |done| done.limit);
        let cache = &mut self.light_box.difference;
        cache.limit = own.max(shared).max(LEAST_LIMIT);
        (cache.key, cache.map) = (key, map);
    }

    /// Whether the difference is that of the whole shift.
    pub fn shows_whole_shift(&self) -> bool {
        self.source == Source::Shift && self.shift.whole && self.shift.job.value.is_some() && !self.light_box.before
    }

    /// What a viewport shows; none when there is nothing to show in it.
    pub(super) fn content(&self, pane: Pane, with_overlay: bool) -> Option<Content<'_>> {
        let film = self.film.as_ref()?;
        let window = self.light_box.window.unwrap_or(film.default_window);
        let range = self.manifest().map_or([-1024.0, 1024.0], |manifest| manifest.preprocess.range);
        let (placed, version, window) = match pane {
            Pane::Original | Pane::Difference | Pane::FirstMap | Pane::SecondMap => {
                let [width, height] = film.size();
                let extent = fluoro_core::display::Extent::whole(width, height);
                (Placed { plane: &film.view.radiograph.pixels, pyramid: film.pyramid(), extent }, film.version, window)
            }
            Pane::Reconstruction | Pane::Counterfactual => {
                let picture = if pane == Pane::Reconstruction { self.reconstruction() } else { self.counterfactual() };
                let (plane, version) = picture?;
                (Placed { plane, pyramid: None, extent: film.extent }, version, film.frame_window(window, range))
            }
        };
        let overlay = match (with_overlay, pane.slot()) {
            (false, _) => None,
            (true, None) => self.overlay(),
            (true, Some(slot)) => self.map_overlay(slot),
        };
        Some(Content { placed, version, window, overlay })
    }

    /// An attribution over the film; all share one scale, from zero to each map's own largest values.
    fn map_overlay(&self, slot: usize) -> Option<(u64, Overlay<'_>)> {
        let (film, shown) = (self.film.as_ref()?, self.attribution.jobs[slot].value.as_ref()?);
        let (settings, colour) = (self.light_box.overlay, &self.look.colour);
        let overlay = Overlay {
            map: Placed { plane: &shown.relative, pyramid: None, extent: film.extent },
            limit: 1.0,
            threshold: settings.threshold,
            opacity: settings.opacity,
            added: rgb(if shown.attribution.is_signed { colour.added } else { colour.changed }),
            removed: rgb(colour.removed),
        };
        Some((shown.version, overlay))
    }

    fn overlay(&self) -> Option<(u64, Overlay<'_>)> {
        let (film, cache) = (self.film.as_ref()?, &self.light_box.difference);
        let (map, key) = (cache.map.as_ref()?, cache.key?);
        let settings = self.light_box.overlay;
        let whole = self.shows_whole_shift();
        let colour = &self.look.colour;
        let overlay = Overlay {
            map: Placed { plane: map, pyramid: None, extent: film.extent },
            limit: cache.limit,
            threshold: settings.threshold * cache.limit,
            opacity: settings.opacity,
            added: rgb(if whole { colour.changed } else { colour.added }),
            removed: rgb(colour.removed),
        };
        Some((key, overlay))
    }
}
