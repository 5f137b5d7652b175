//! One export as a value: what to write and where; runs on the compute thread or in a command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::atomic::write_atomic;
use super::frames::{grey_png, write_frames};
use super::gif::{GifOptions, encode_gif, short_number};
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
    /// A shift as a GIF that loops for ever.
    Gif {
        /// Frames.
        shift: Arc<Shift>,
        /// Film as the model sees it, shown beside the frames when given.
        original: Option<Plane>,
        /// Whether a bar shows the prediction.
        bar: bool,
        /// Time for each frame.
        delay_ms: u32,
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
        let staged = self.recipe.stage(&recipe)?;
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
            Self::Gif { shift, original, bar, delay_ms } => {
                let options = GifOptions {
                    bar: *bar,
                    delay_ms: *delay_ms,
                    beside_original: original.is_some(),
                    ..GifOptions::default()
                };
                encode_gif(
                    &shift.frames,
                    &shift.predictions,
                    &shift.lambdas,
                    original.as_ref(),
                    &shift.target,
                    &options,
                )?
            }
            Self::Sheet { shift, original } => sheet_png(shift, original)?,
            Self::Frames { shift } => {
                return write_frames(path, &shift.frames, &shift.lambdas, &shift.predictions).map(|_| ());
            }
            Self::Picture { frame } => grey_png(frame, GREY_LEVELS)?,
        };
        write_atomic(path, |out| out.write_all(&bytes))
    }
}

/// Original, reconstruction, the two ends of the shift, and the outline of its map.
fn sheet_png(shift: &Shift, original: &Plane) -> Result<Vec<u8>> {
    let (Some(minus), Some(plus)) = (shift.frames.first(), shift.frames.last()) else {
        return Err(Error::Invalid("a shift without frames has no sheet".into()));
    };
    let segmentation = segment(&shift.map, SHIFT_THRESHOLD);
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
