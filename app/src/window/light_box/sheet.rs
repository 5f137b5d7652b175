//! A viewport's picture as something that can be handed on: shared pixels, their place, and how they are shown.
//!
//! In: what the application holds. Out: [`Content`], drawn by the program itself ([`Content::view`]) or by the shaders.

use std::sync::Arc;

use fluoro_core::device::DevicePicture;
use fluoro_core::display::{
    Change, ColourMap, Extent, Measures, Overlay, OverlayLook, Placed, Pyramid, View, ViewTransform,
};
use fluoro_core::engine::{Analysis, Frame};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::{Radiograph, Window};
use fluoro_core::shift::Shift;

/// Whose pixels they are.
#[derive(Clone)]
pub enum Pixels {
    /// A film's.
    Film(Arc<Radiograph>),
    /// A decoded picture's.
    Frame(Arc<Frame>),
    /// Those of the picture decoded without a change.
    Reconstruction(Arc<Analysis>),
    /// Those of a frame of a shift.
    Shift(Arc<Shift>, usize),
    /// A difference's or an attribution's.
    Map(Arc<Plane>),
    /// On the graphics device alone: nothing was read back yet.
    Device,
}

impl Pixels {
    /// The samples; none when the engine's answer has no such picture.
    pub fn plane(&self) -> Option<&Plane> {
        match self {
            Self::Film(film) => Some(&film.pixels),
            Self::Frame(frame) => Some(&frame.pixels),
            Self::Reconstruction(analysis) => analysis.reconstruction.as_ref().map(|frame| &frame.pixels),
            Self::Shift(shift, frame) => shift.frames.get(*frame),
            Self::Map(map) => Some(map),
            Self::Device => None,
        }
    }
}

/// What kind of picture a number belongs to: kinds count on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A film or a decoded picture.
    Picture,
    /// The film beside the current one.
    Prior,
    /// A difference.
    Difference,
    /// An attribution, of a slot.
    Attribution(usize),
}

/// Pixels and their place on the film.
#[derive(Clone)]
pub struct Sheet {
    /// Kind and number: the same pair, the same pixels.
    pub key: (Kind, u64),
    /// Samples.
    pub pixels: Pixels,
    /// The same on the graphics device, where the engine put it: then nothing is uploaded.
    pub on_device: Option<DevicePicture>,
    /// Halved copies, when there are any.
    pub pyramid: Option<Arc<Pyramid>>,
    /// Place.
    pub extent: Extent,
}

impl Sheet {
    /// What the drawing's weights rest on; known without the samples.
    pub fn measures(&self) -> Option<Measures<'_>> {
        let own = self.placed().map(|placed| placed.measures());
        let on_device = || {
            let size = self.on_device.as_ref()?.size();
            Some(Measures { size, halves: &[], extent: self.extent })
        };
        own.or_else(on_device)
    }

    /// As the drawing takes it.
    pub fn placed(&self) -> Option<Placed<'_>> {
        let plane = self.pixels.plane()?;
        Some(Placed { plane, pyramid: self.pyramid.as_deref(), extent: self.extent })
    }
}

/// A map over the picture.
#[derive(Clone)]
pub struct Heat {
    /// The map.
    pub map: Sheet,
    /// How it is coloured.
    pub look: OverlayLook,
}

/// What a viewport shows.
#[derive(Clone)]
pub struct Content {
    /// Grey picture and its place.
    pub film: Sheet,
    /// What is added to it, and film units for one of its own.
    pub change: Option<(Sheet, f32)>,
    /// Its window.
    pub window: Window,
    /// Black and white swapped.
    pub invert: bool,
    /// Colour of each brightness.
    pub colours: ColourMap,
    /// What lies over it.
    pub overlay: Option<Heat>,
}

impl Content {
    /// The picture as the program itself draws it; none while a part of it is on the graphics device alone.
    pub fn view(&self, transform: ViewTransform, background: [u8; 3]) -> Option<View<'_>> {
        let mut view = View::new(self.film.placed()?, self.window, transform, background);
        (view.invert, view.colours) = (self.invert, self.colours);
        // A picture without its change would pass for one that has none.
        if let Some((sheet, gain)) = &self.change {
            view.change = Some(Change { map: sheet.placed()?, gain: *gain });
        }
        if let Some(Heat { map, look }) = &self.overlay {
            view.overlay = Some(Overlay { map: map.placed()?, look: *look });
        }
        Some(view)
    }

    /// What its picture depends on, beside the view.
    pub fn key(&self) -> ContentKey {
        ContentKey {
            film: (self.film.key, self.film.pyramid.is_some(), self.film.extent),
            change: self.change.as_ref().map(|(sheet, gain)| (sheet.key, *gain)),
            window: self.window,
            invert: self.invert,
            colours: self.colours,
            overlay: self.overlay.as_ref().map(|heat| (heat.map.key, heat.look)),
        }
    }
}

/// What the picture of a [`Content`] depends on.
#[derive(Clone, PartialEq)]
pub struct ContentKey {
    film: ((Kind, u64), bool, Extent),
    change: Option<((Kind, u64), f32)>,
    window: Window,
    invert: bool,
    colours: ColourMap,
    overlay: Option<((Kind, u64), OverlayLook)>,
}
