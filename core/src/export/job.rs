//! One export as a value: what to write and where; runs on the compute thread or in a command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::animation::{encode_apng, encode_still};
use super::atomic::write_atomic;
use super::capture::Capture;
use super::frames::{grey_png, write_frames};
use super::gif::encode_gif;
use super::look::{Format, Look};
use super::moving::short_number;
use super::recipe::Recipe;
use super::sheet::Sheet;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::segmentation::{Threshold, segment};
use crate::shift::Shift;

/// Black and white of an exported counterfactual: the whole grey range, the same for every frame.
const GREY_LEVELS: [f32; 2] = [-1024.0, 1024.0];
/// What counts as changed when nothing else is asked for: the paper's 95th percentile.
pub const SHIFT_THRESHOLD: Threshold = Threshold::Percentile(95.0);

/// What to write.
#[derive(Clone)]
pub enum ExportKind {
    /// A shift as a moving picture that loops for ever.
    Moving {
        /// Frames.
        shift: Arc<Shift>,
        /// Film as the model sees it.
        original: Plane,
        /// How it looks.
        look: Look,
        /// File format.
        format: Format,
    },
    /// A shift as one picture: original, reconstruction, minus, plus, segmentation.
    Sheet {
        /// Frames.
        shift: Arc<Shift>,
        /// Film as the model sees it.
        original: Plane,
    },
    /// A shift as a folder of PNG frames with a table.
    Frames {
        /// Frames.
        shift: Arc<Shift>,
    },
    /// An edit or a shift as a DICOM Secondary Capture.
    Capture(Arc<Capture>),
    /// One counterfactual.
    Picture {
        /// Grey levels.
        frame: Plane,
    },
}

/// An export to carry out.
#[derive(Clone)]
pub struct ExportJob {
    /// What to write.
    pub kind: ExportKind,
    /// File, or folder for frames.
    pub path: PathBuf,
    /// How to make it again; written beside it.
    pub recipe: Recipe,
}

impl ExportJob {
    /// Writes the export and its recipe; returns what was written.
    ///
    /// # Errors
    /// When a picture cannot be encoded or a file cannot be written; then nothing of it remains.
    pub fn run(&self, progress: &Progress<'_>) -> Result<Vec<PathBuf>> {
        progress.step("writing", 0, 1)?;
        let recipe = recipe_path(&self.path);
        // Its recipe lies ready before the export comes into sight, so that a full disk leaves neither.
        let staged = match &self.kind {
            // A file's name is often the patient's: beside a film of nobody it would tell whose it is.
            ExportKind::Capture(capture) if capture.origin.is_none() => {
                Recipe { film: String::new(), ..self.recipe.clone() }.stage(&recipe)?
            }
            _ => self.recipe.stage(&recipe)?,
        };
        self.kind.write(&self.path)?;
        staged.finish()?;
        progress.step("writing", 1, 1)?;
        Ok(vec![self.path.clone(), recipe])
    }
}

impl ExportKind {
    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When a picture cannot be encoded or a file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = match self {
            Self::Moving { shift, original, look, format } => moving(shift, original, look, *format)?,
            Self::Sheet { shift, original } => sheet_png(shift, original)?,
            Self::Frames { shift } => {
                return write_frames(path, &shift.frames, &shift.lambdas, &shift.predictions).map(|_| ());
            }
            Self::Capture(capture) => capture.dicom()?,
            Self::Picture { frame } => grey_png(frame, GREY_LEVELS)?,
        };
        write_atomic(path, |out| out.write_all(&bytes))
    }
}

/// A shift as a moving picture.
///
/// # Errors
/// When the picture would be too large.
pub fn moving(shift: &Shift, original: &Plane, look: &Look, format: Format) -> Result<Vec<u8>> {
    let options = look.options(shift)?;
    let encode = match format {
        Format::Gif => encode_gif,
        Format::Apng => encode_apng,
    };
    encode(&shift.frames, &shift.predictions, &shift.lambdas, Some(original), &shift.target, &options)
}

/// The frame of a shift that differs most from the film, as a PNG: what stands for the moving picture where nothing may
/// move.
///
/// # Errors
/// When the picture would be too large.
pub fn still(shift: &Shift, original: &Plane, look: &Look) -> Result<Vec<u8>> {
    let options = look.options(shift)?;
    encode_still(&shift.frames, &shift.predictions, &shift.lambdas, Some(original), &shift.target, &options)
}

/// Original, reconstruction, the two ends of the shift, and the outline of its map.
///
/// # Errors
/// When the shift has no frames.
pub fn sheet_png(shift: &Shift, original: &Plane) -> Result<Vec<u8>> {
    let (Some(minus), Some(plus)) = (shift.frames.first(), shift.frames.last()) else {
        return Err(Error::Invalid("a shift without frames has no sheet".into()));
    };
    let segmentation = segment(&shift.map.map(f32::abs), SHIFT_THRESHOLD);
    let mut sheet = Sheet::new([original, &shift.reference, minus, plus], &shift.map, &segmentation, &shift.target);
    let words = |lambda: Option<&f32>| lambda.map(|&l| format!("λ {}", short_number(l))).unwrap_or_default();
    let (low, high) = (words(shift.lambdas.first()), words(shift.lambdas.last()));
    sheet.notes = ["", "", &low, &high];
    if shift.predictions.iter().all(|p| (0.0..=1.0).contains(p)) {
        let unmoved = shift.lambdas.iter().position(|&l| l == 0.0).map(|at| shift.predictions[at]);
        sheet.predictions = [None, unmoved, shift.predictions.first().copied(), shift.predictions.last().copied()];
    }
    sheet.png()
}

/// `out.gif` to `out.gif.recipe.ron`.
#[must_use]
pub fn recipe_path(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_os_string();
    name.push(".recipe.ron");
    output.with_file_name(name)
}
