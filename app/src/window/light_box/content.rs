//! What each viewport shows. In: film, reconstruction, the picture of an edit, a shift's frame. Out: the plane to draw,
//! where it lies, and the difference to lay over it.

use std::sync::Arc;

use fluoro_core::difference;
use fluoro_core::display::{Extent, Outline, OverlayLook, value_at};
use fluoro_core::plane::Plane;
use fluoro_core::render::GREY_LEVELS;
use fluoro_core::shift::Shift;

use super::rgb;
use super::sheet::{Content, Heat, Kind, Pixels, Sheet};
use crate::window::app::{App, Source};
use crate::window::state::edits::OnDevice;

/// Least end of the colour scale, in grey levels of 2048: smaller changes are nothing that an eye should be led to.
const LEAST_LIMIT: f32 = 40.0;
/// From the model's grey levels to percent of all of them: what a change is told in, for films of any depth.
pub const PERCENT: f32 = 100.0 / (GREY_LEVELS[1] - GREY_LEVELS[0]);
/// What a value of a picture made by a model is told in.
const MODEL_UNIT: &str = "of −1024 to 1024, made by the model";

/// What a newcomer should know of the counterfactual where it is shown on the film.
pub const ON_FILM_HINT: &str = "Partly made by a model: the original with the model's change laid on it, which is the \
     counterfactual minus the reconstruction, enlarged to the film. Everything else is the film itself.";

/// A viewport's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// Another film.
    Prior,
}

impl Pane {
    /// How many there are.
    pub const COUNT: usize = 7;
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
            Self::Prior => "film beside",
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
            Self::Prior => {
                "Another film of the study, with its own window. It moves with the current one unless it is freed."
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
    map: Option<Arc<Plane>>,
    /// The end of the colour scale.
    pub limit: f32,
    /// How often a viewport was drawn.
    pub draws: u64,
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
        (cache.key, cache.map) = (key, map.map(Arc::new));
    }

    /// Finds what is laid on the film where the counterfactual is shown so, unless it is known.
    pub(super) fn find_change(&mut self) {
        if !self.shows_change_on_film() {
            return;
        }
        if !self.shows_whole_shift() {
            self.find_difference();
            let cache = &self.light_box.difference;
            (self.light_box.change.key, self.light_box.change.map) = (cache.key, cache.map.clone());
            return;
        }
        // The difference is that of the whole shift, the change that of its frame.
        let key = self.counterfactual().map(|(_, version)| version);
        if self.light_box.change.key != key {
            let map = match (self.reconstruction(), self.counterfactual()) {
                (Some((before, _)), Some((after, _))) => difference::signed(before, after).ok(),
                _ => None,
            };
            (self.light_box.change.key, self.light_box.change.map) = (key, map.map(Arc::new));
        }
    }

    /// Whether the counterfactual is shown as the film with the model's change laid on it: as chosen, else where the
    /// film is larger than the model's picture, so that anatomy stays sharp.
    pub fn shows_change_on_film(&self) -> bool {
        let (Some(film), Some((made, _))) = (&self.film, self.reconstruction()) else { return false };
        let is_larger = film.extent.width > made.width() as f32 || film.extent.height > made.height() as f32;
        self.light_box.kept.on_film.unwrap_or(is_larger)
    }

    /// Whether the difference is that of the whole shift.
    pub fn shows_whole_shift(&self) -> bool {
        self.source == Source::Shift && self.shift.whole && self.shift.job.value.is_some() && !self.light_box.before
    }

    /// What a viewport shows; none when there is nothing to show in it.
    pub(super) fn content(&self, pane: Pane, with_overlay: bool) -> Option<Content> {
        let film = self.film.as_ref()?;
        let light_box = &self.light_box;
        let mut window = light_box.window_of(pane).unwrap_or(film.default_window);
        let mut change = None;
        let sheet = match pane {
            Pane::Prior => {
                let (sheet, own) = super::prior::sheet(self, film, window)?;
                window = own;
                sheet
            }
            Pane::Counterfactual if self.shows_change_on_film() => {
                change = self.change_sheet();
                self.film_sheet()?
            }
            Pane::Original | Pane::Difference | Pane::FirstMap | Pane::SecondMap => self.film_sheet()?,
            Pane::Reconstruction | Pane::Counterfactual => {
                window = film.frame_window(window, self.model_range());
                let on_device = self.on_device().filter(|_| pane == Pane::Counterfactual);
                let on_device = on_device.map(|shown| shown.frame.picture.clone());
                let pixels = if pane == Pane::Reconstruction { self.reconstructed() } else { self.made() };
                let (pixels, version) = pixels?;
                Sheet { key: (Kind::Picture, version), pixels, on_device, pyramid: None, extent: film.extent }
            }
        };
        let overlay = match (with_overlay, pane.slot()) {
            (false, _) => None,
            (true, None) => self.overlay(),
            (true, Some(slot)) => self.map_overlay(slot),
        };
        let (invert, colours) = (light_box.kept.invert, light_box.kept.colours);
        Some(Content { film: sheet, change, window, invert, colours, overlay })
    }

    /// The values of the bundle's pictures that are black and white.
    fn model_range(&self) -> [f32; 2] {
        self.manifest().map_or([-1024.0, 1024.0], |manifest| manifest.preprocess.range)
    }

    fn film_sheet(&self) -> Option<Sheet> {
        let film = self.film.as_ref()?;
        let [width, height] = film.size();
        let pixels = Pixels::Film(Arc::clone(&film.view.radiograph));
        let extent = Extent::whole(width, height);
        let pyramid = film.shared_pyramid();
        Some(Sheet { key: (Kind::Picture, film.version), pixels, on_device: None, pyramid, extent })
    }

    /// What is added to the film in the counterfactual viewport; nothing while nothing is changed.
    fn change_sheet(&self) -> Option<(Sheet, f32)> {
        let (film, cache) = (self.film.as_ref()?, &self.light_box.change);
        let sheet = self.map_sheet(cache)?;
        let (_, key) = sheet.key;
        if self.light_box.before || self.reconstruction().is_some_and(|(_, version)| version == key) {
            return None;
        }
        Some((sheet, film.change_gain(self.model_range())))
    }

    /// The difference of a cache, or the newer one on the graphics device.
    fn map_sheet(&self, cache: &DifferenceCache) -> Option<Sheet> {
        let extent = self.film.as_ref()?.extent;
        let shown = self.on_device();
        let known = cache.map.as_ref().zip(cache.key);
        let known = known.filter(|(_, key)| shown.is_none_or(|shown| shown.version == *key));
        let on_device = shown.map(|shown| shown.frame.change.clone());
        let (pixels, version) = match (known, shown) {
            (Some((map, key)), _) => (Pixels::Map(Arc::clone(map)), key),
            (None, Some(shown)) => (Pixels::Device, shown.version),
            (None, None) => return None,
        };
        Some(Sheet { key: (Kind::Difference, version), pixels, on_device, pyramid: None, extent })
    }

    /// The picture of the newest edit on the graphics device, while it is what the light box shows.
    fn on_device(&self) -> Option<&OnDevice> {
        let is_shown = self.source == Source::Edit && !self.light_box.before;
        self.pictures.on_device.as_ref().filter(|_| is_shown)
    }

    fn reconstructed(&self) -> Option<(Pixels, u64)> {
        let (_, version) = self.reconstruction()?;
        Some((Pixels::Reconstruction(Arc::clone(self.analysis()?)), version))
    }

    /// The pixels of [`Self::counterfactual`].
    fn made(&self) -> Option<(Pixels, u64)> {
        if self.light_box.before {
            return self.reconstructed();
        }
        if let Some((_, frame, version)) = self.shift_frame() {
            let shift = Arc::clone(&self.shift.job.value.as_ref()?.shift);
            return Some((Pixels::Shift(shift, frame), version));
        }
        let made = self.pictures.made.as_ref();
        match (self.on_device(), made) {
            (Some(shown), made) if made.is_none_or(|made| made.version != shown.version) => {
                Some((Pixels::Device, shown.version))
            }
            (_, Some(made)) => Some((Pixels::Frame(Arc::clone(&made.frame)), made.version)),
            (_, None) => self.reconstructed(),
        }
    }

    /// The line round what is above the threshold, in screen pixels.
    fn outline_look(&self) -> Option<Outline> {
        let (colour, width) = (&self.look.colour, self.look.size.outline * self.ctx.pixels_per_point());
        let outline = Outline { width, line: rgb(colour.outline), halo: rgb(colour.halo) };
        self.light_box.kept.overlay.style.has_outline().then_some(outline)
    }

    fn opacity(&self) -> f32 {
        if self.light_box.kept.overlay.style.has_heat() { self.light_box.kept.overlay.opacity } else { 0.0 }
    }

    /// An attribution over the film; all share one scale, from zero to each map's own largest values.
    fn map_overlay(&self, slot: usize) -> Option<Heat> {
        let (film, shown) = (self.film.as_ref()?, self.attribution.jobs[slot].value.as_ref()?);
        let colour = &self.look.colour;
        let pixels = Pixels::Map(Arc::clone(&shown.relative));
        let key = (Kind::Attribution(slot), shown.version);
        let look = OverlayLook {
            limit: 1.0,
            threshold: self.light_box.kept.overlay.threshold,
            opacity: self.opacity(),
            added: rgb(if shown.attribution.is_signed { colour.added } else { colour.changed }),
            removed: rgb(colour.removed),
            outline: self.outline_look(),
        };
        Some(Heat { map: Sheet { key, pixels, on_device: None, pyramid: None, extent: film.extent }, look })
    }

    fn overlay(&self) -> Option<Heat> {
        let cache = &self.light_box.difference;
        let map = self.map_sheet(cache)?;
        let whole = self.shows_whole_shift();
        let colour = &self.look.colour;
        let look = OverlayLook {
            limit: cache.limit,
            threshold: self.light_box.kept.overlay.threshold * cache.limit,
            opacity: self.opacity(),
            added: rgb(if whole { colour.changed } else { colour.added }),
            removed: rgb(colour.removed),
            outline: self.outline_look(),
        };
        Some(Heat { map, look })
    }

    /// The value of a viewport's picture at a film point, and its unit.
    pub(super) fn value_under(&self, pane: Pane, point: [f32; 2]) -> Option<(f32, &'static str)> {
        let film = self.film.as_ref()?;
        if matches!(pane, Pane::Counterfactual | Pane::Difference)
            && self.on_device().is_some()
            && !self.pictures.is_read()
        {
            return None;
        }
        match pane {
            Pane::Reconstruction => value_at(self.reconstruction()?.0, film.extent, point).map(|v| (v, MODEL_UNIT)),
            Pane::Counterfactual if self.shows_change_on_film() => {
                let change = self.light_box.change.map.as_ref().filter(|_| !self.light_box.before)?;
                value_at(change, film.extent, point).map(|v| (v * PERCENT, "% of grey range, change"))
            }
            Pane::Counterfactual => value_at(self.counterfactual()?.0, film.extent, point).map(|v| (v, MODEL_UNIT)),
            Pane::Difference => {
                let map = self.light_box.difference.map.as_ref()?;
                value_at(map, film.extent, point).map(|v| (v * PERCENT, "% of grey range, change"))
            }
            Pane::Original | Pane::FirstMap | Pane::SecondMap | Pane::Prior => None,
        }
    }
}
