//! How a shift's moving picture looks: one value for the command line, the window and the recipe.

use serde::{Deserialize, Serialize};

use super::job::SHIFT_THRESHOLD;
use super::moving::{MovingOptions, Style};
use crate::error::Result;
use crate::flow::{ARROWS_PER_SIDE, arrows, shift_flow};
use crate::segmentation::segment;
use crate::shift::Shift;

/// File format of a moving picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GIF: at most 256 colours, opens everywhere.
    Gif,
    /// Animated PNG: every grey.
    Apng,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Whether a bar shows the prediction.
    pub bar: bool,
    /// Whether the original stands beside the frames.
    pub beside_original: bool,
    /// Time of a frame.
    pub delay_ms: u32,
    /// Pixels of the picture for each of the model's.
    pub scale: u32,
    /// Whether it plays there and back.
    pub ping_pong: bool,
    /// Whether what changed most is outlined.
    pub outline: bool,
    /// Whether arrows show which way things move.
    pub arrows: bool,
    /// Whether greys and order are those of the preset's own program, which plays turning points twice and, but for the
    /// package, stretches the greys of every frame by itself.
    pub as_published: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            bar: true,
            beside_original: true,
            delay_ms: 80,
            scale: 1,
            ping_pong: true,
            outline: false,
            arrows: false,
            as_published: false,
        }
    }
}

impl Look {
    /// What the encoders need of it for a shift.
    ///
    /// # Errors
    /// When arrows are wanted of fewer than two frames.
    pub(super) fn options(&self, shift: &Shift) -> Result<MovingOptions> {
        let changed = || segment(&shift.map.map(f32::abs), SHIFT_THRESHOLD);
        let arrows = if self.arrows { arrows(&shift_flow(&shift.frames)?, ARROWS_PER_SIDE) } else { Vec::new() };
        Ok(MovingOptions {
            delay_ms: self.delay_ms,
            bar: self.bar,
            beside_original: self.beside_original,
            scale: self.scale,
            caption: None,
            ping_pong: self.ping_pong,
            outline: self.outline.then(changed),
            arrows,
            full: if shift.is_score() {
                1.0
            } else {
                shift.predictions.iter().copied().fold(f32::MIN_POSITIVE, f32::max)
            },
            style: if self.as_published { Style::Published(shift.preset) } else { Style::Own },
        })
    }
}
