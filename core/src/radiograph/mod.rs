//! Films. In: files (DICOM, PNG, JPEG, TIFF, BMP). Out: [`Radiograph`]s: grey pixels with their photometric meaning
//! resolved, and metadata. Knows nothing of models, bundles or the screen.

mod codec;
mod dicom;
mod grey;
mod guard;
mod identifying;
mod lengths;
mod metadata;
mod order;
mod origin;
pub mod png_text;
mod raster;
mod study;
mod tags;
#[cfg(test)]
mod tests;
mod voi;

use std::path::{Path, PathBuf};

pub use metadata::{Laterality, Metadata, PHANTOM_MARK, PatientName, Sex, View};
pub use order::{Place, arranged, natural};
pub use origin::Origin;
pub use png_text::with_png_text;
pub use study::Study;
pub use tags::{TagRow, tags, tags_of};
pub use voi::{VoiFunction, Window};

use crate::error::{Error, Result};
use crate::plane::Plane;

/// Pixels of one film and what it says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Radiograph {
    /// The file it came from, or the name it is shown under.
    pub path: PathBuf,
    /// Samples in modality units (DICOM PS3.3 C.11.1) or, where a VOI LUT was baked in, in that table's output. Bright
    /// is dense tissue, whatever the file's Photometric Interpretation: films stored the other way are mirrored within
    /// `range`.
    pub pixels: Plane,
    /// Smallest and largest value that the stored bits can stand for: `[0, 255]` for 8-bit pictures, from Bits Stored
    /// and rescale for DICOM.
    pub range: [f32; 2],
    /// What the file says about the film.
    pub metadata: Metadata,
}

/// Decoded samples as the file stores them, before look-up tables and polarity; for checks against other decoders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSamples {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bits of one sample in `data`, 8 or 16.
    pub bits_allocated: u16,
    /// Samples in row order, little endian.
    pub data: Vec<u8>,
}

impl Radiograph {
    /// Opens a film.
    ///
    /// # Errors
    /// When the file cannot be read, is no film, or is damaged, truncated or unreasonably large.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_bytes(path, &read(path)?)
    }

    /// A film from a file's bytes; `path` is only the name it is shown under.
    ///
    /// # Errors
    /// When the bytes are no film, or damaged, truncated or unreasonably large.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        match sniff(path, bytes)? {
            Kind::Dicom => dicom::open(path, bytes),
            Kind::Raster => raster::open(path, bytes),
        }
    }

    /// The decoded samples of a file, untouched.
    ///
    /// # Errors
    /// As [`Radiograph::open`].
    pub fn stored(path: &Path) -> Result<StoredSamples> {
        let bytes = read(path)?;
        match sniff(path, &bytes)? {
            Kind::Dicom => dicom::stored(path, &bytes),
            Kind::Raster => raster::stored(path, &bytes),
        }
    }

    /// Whether the film is a phantom: made by Fluoro, not taken of anybody.
    #[must_use]
    pub fn is_phantom(&self) -> bool {
        self.metadata.is_phantom()
    }

    /// The window the film is shown with at first: the file's first one, else all of `range`.
    #[must_use]
    pub fn default_window(&self) -> Window {
        let [lo, hi] = self.range;
        self.metadata.windows.first().copied().unwrap_or_else(|| Window::covering(lo, hi))
    }

    /// The film at its default window, 0 (black) to 1 (white): what the screen shows and what a model is fed.
    #[must_use]
    pub fn to_unit(&self) -> Plane {
        self.default_window().to_unit(&self.pixels)
    }
}

enum Kind {
    Dicom,
    Raster,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| Error::film(path, format!("cannot open ({e}); check the path"));
    let about = std::fs::metadata(path).map_err(cannot)?;
    if about.is_dir() {
        return Err(Error::film(path, "this is a folder; open it as a study, or name a file in it"));
    }
    if about.len() > guard::MAX_FILE {
        return Err(Error::film(path, "the file is larger than any film; choose a single picture"));
    }
    std::fs::read(path).map_err(cannot)
}

/// What the first bytes say a file is; its extension is not trusted.
fn sniff(path: &Path, bytes: &[u8]) -> Result<Kind> {
    let reason = if bytes.is_empty() {
        "the file is empty; copy or export it again"
    } else if dicom::has_magic(bytes) {
        // Before the pictures: the preamble of a DICOM file may be a TIFF header, PS3.10 7.1.
        return Ok(Kind::Dicom);
    } else if raster::looks_like(bytes) {
        return Ok(Kind::Raster);
    } else if dicom::looks_like(bytes) {
        return Ok(Kind::Dicom);
    } else if is_text(&bytes[..bytes.len().min(512)]) {
        "this is a text file, not a film; open DICOM, PNG, JPEG, TIFF or BMP"
    } else {
        "not a film that Fluoro reads; open DICOM, PNG, JPEG, TIFF or BMP"
    };
    Err(Error::film(path, reason))
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.valid_up_to() + 4 > head.len() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || c.is_whitespace())
}
