//! Where lungs are on a film, as far as anybody knows. In: a film. Out: the share of lung of every cell of a map, with a plain
//! word on where it comes from. No segmentation network comes with Fluoro.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::dataset::FilmRecord;
use crate::error::{Error, Result};
use crate::phantom::{self, Phantom};
use crate::plane::Plane;
use crate::preprocess::{Preprocess, Resize};
use crate::radiograph::Radiograph;

/// Left, top, right and bottom of the central field, shares of the film.
pub const CENTRAL_FIELD: [f32; 4] = [0.12, 0.10, 0.88, 0.82];

/// What says where lungs are.
pub enum Lungs<'a> {
    /// Nothing does: only the share of evidence in the border is given.
    Unknown,
    /// A fixed rectangle, [`CENTRAL_FIELD`], instead of lungs: an approximation that knows nothing of the film.
    CentralField,
    /// A mask of each film.
    Masks {
        /// Where the masks come from, in words, such as "drawn with the phantom".
        source: String,
        /// Mask of a film in its own pixels, 1 in the lungs and 0 outside; none where the film has none.
        mask: &'a Mask<'a>,
    },
}

/// Mask of a film.
pub type Mask<'a> = dyn Fn(&FilmRecord, &Radiograph) -> Result<Option<Plane>> + 'a;

/// How the share outside the lungs came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LungSource {
    /// It did not; only the border's share is known.
    Unknown,
    /// Outside a fixed rectangle.
    CentralField,
    /// Outside masks.
    Masks {
        /// Where they come from.
        source: String,
    },
}

impl Lungs<'_> {
    pub(super) fn source(&self) -> LungSource {
        match self {
            Self::Unknown => LungSource::Unknown,
            Self::CentralField => LungSource::CentralField,
            Self::Masks { source, .. } => LungSource::Masks { source: source.clone() },
        }
    }

    /// The share of lung of each cell, row by row; none where nothing knows.
    pub(super) fn of_cells(
        &self,
        record: &FilmRecord,
        film: &Radiograph,
        preprocess: &Preprocess,
        [rows, columns]: [usize; 2],
    ) -> Result<Option<Vec<f64>>> {
        let (width, height) = (film.pixels.width(), film.pixels.height());
        let mask = match self {
            Self::Unknown => return Ok(None),
            Self::CentralField => {
                let [left, top, right, bottom] = CENTRAL_FIELD;
                let inside = |share: f32, low: f32, high: f32| share >= low && share < high;
                Plane::from_fn(width, height, |x, y| {
                    let (x, y) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
                    f32::from(u8::from(inside(x, left, right) && inside(y, top, bottom)))
                })
            }
            Self::Masks { mask, .. } => match mask(record, film)? {
                Some(mask) if (mask.width(), mask.height()) == (width, height) => mask,
                Some(mask) => {
                    let found = format!("{} x {}", mask.width(), mask.height());
                    return Err(Error::Shape {
                        what: "lung mask".into(),
                        expected: format!("{width} x {height}"),
                        found,
                    });
                }
                None => return Ok(None),
            },
        };
        // The mask goes the film's own way, so that a crop cuts both alike.
        let way = Preprocess { resize: Resize::BilinearAntialias, range: [0.0, 1.0], ..preprocess.clone() };
        let seen = way.apply_unit(&mask);
        Ok(Some(cell_means(&seen, [rows, columns])))
    }
}

/// Mean of a plane over each cell of a grid, row by row.
fn cell_means(plane: &Plane, [rows, columns]: [usize; 2]) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; rows * columns], vec![0.0_f64; rows * columns]);
    for y in 0..plane.height() {
        for x in 0..plane.width() {
            let cell = y * rows / plane.height() * columns + x * columns / plane.width();
            sums[cell] += f64::from(plane.get(x, y));
            counts[cell] += 1.0;
        }
    }
    sums.iter().zip(&counts).map(|(sum, count)| sum / count.max(1.0)).collect()
}

/// The phantoms of a folder, which know their lungs.
pub struct PhantomLungs(BTreeMap<PathBuf, Phantom>);

impl PhantomLungs {
    /// Reads a folder that `fluoro phantom` wrote.
    ///
    /// # Errors
    /// When the folder holds no phantoms, or its table cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self(phantom::folder::read(folder)?.into_iter().collect()))
    }

    /// The mask of a film of the folder; none of another film.
    ///
    /// # Errors
    /// Never on its own; the type is that of [`Mask`].
    pub fn mask(&self, record: &FilmRecord, film: &Radiograph) -> Result<Option<Plane>> {
        let Some(phantom) = self.0.get(&record.path) else { return Ok(None) };
        let side = film.pixels.width();
        if side != film.pixels.height() {
            return Ok(None);
        }
        let lungs = phantom.lungs(side).into_iter().map(|inside| f32::from(u8::from(inside))).collect();
        Plane::new(side, side, lungs).map(Some)
    }
}
