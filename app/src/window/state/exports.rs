//! What leaves the window with the film's own pixels: what was found in them, what the user chose, and where the writing
//! stands. Nothing here draws.

use crate::window::dialogs::Purpose;
use fluoro_core::audit::injection::PixelBox;
use fluoro_core::export::burned_in;
use fluoro_core::export::capture::BurnedIn;
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::Radiograph;

/// What is about to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// A file whose place a dialog asks for.
    File(Purpose),
    /// A picture on the clipboard.
    Clipboard,
}

/// A place of the film that looks like burned-in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Find {
    /// Where it is.
    pub place: PixelBox,
    /// It is painted over in what leaves.
    pub is_painted: bool,
}

/// What was found in one film, and what the user chose for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The picture number of the film.
    pub version: u64,
    /// What looks like burned-in words.
    pub finds: Vec<Find>,
    /// What the file says about burned-in words.
    pub says: Option<bool>,
    /// A DICOM export tells whose film it is.
    pub keeps_patient: bool,
}

impl Choice {
    /// Looks for words in a film. A phantom is nobody's.
    pub fn of(film: &Radiograph, version: u64) -> Self {
        let places = if film.is_phantom() { Vec::new() } else { burned_in::find(film) };
        let finds = places.into_iter().map(|place| Find { place, is_painted: false }).collect();
        let says = film.metadata.origin.as_ref().and_then(|origin| origin.says_burned_in());
        Self { version, finds, says, ..Self::default() }
    }

    /// Whether there is something to point out.
    pub fn has_words(&self) -> bool {
        !self.finds.is_empty() || self.says == Some(true)
    }

    /// Whether words stay in what leaves, as far as is known.
    pub fn keeps_words(&self) -> bool {
        self.says == Some(true) || self.finds.iter().any(|find| !find.is_painted)
    }

    /// Paints over all, or keeps all.
    pub fn paint_all(&mut self, is_painted: bool) {
        self.finds.iter_mut().for_each(|find| find.is_painted = is_painted);
    }

    /// Places that are painted over.
    pub fn painted(&self) -> Vec<PixelBox> {
        self.finds.iter().filter(|find| find.is_painted).map(|find| find.place).collect()
    }

    /// The film with the chosen places painted over.
    ///
    /// # Errors
    /// When a place cannot be filled.
    pub fn pixels(&self, film: &Radiograph) -> fluoro_core::Result<Plane> {
        match self.painted() {
            none if none.is_empty() => Ok(film.pixels.clone()),
            boxes => burned_in::paint_over(&film.pixels, &boxes),
        }
    }

    /// The same places on a picture of the part of the film that a model sees.
    ///
    /// # Errors
    /// When a place cannot be filled.
    pub fn on_frame(&self, frame: &Plane, extent: &fluoro_core::display::Extent) -> fluoro_core::Result<Plane> {
        burned_in::paint_over_frame(frame, extent, &self.painted())
    }

    /// Both numbers, for an export's own words.
    pub fn counts(&self) -> BurnedIn {
        BurnedIn { found: self.finds.len(), painted: self.painted().len() }
    }
}

/// Exports of the window's own.
#[derive(Default)]
pub struct Exports {
    /// What was found and chosen for the film on the light box.
    pub choice: Option<Choice>,
}
