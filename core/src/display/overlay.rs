//! What lies over the grey picture: a difference map as heat, and the outline of the map above its threshold.
//!
//! Enter values of the map at screen pixels; leave colours and strengths.

use super::sample::{Field, Placed};

/// A difference map laid over the film; no change is transparent.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// The map, in any unit.
    pub map: Placed<'a>,
    /// How it is coloured.
    pub look: OverlayLook,
}

/// How a map is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OverlayLook {
    /// The change that is drawn in full strength, in the map's unit; zero draws nothing.
    pub limit: f32,
    /// Changes up to this are not drawn.
    pub threshold: f32,
    /// Strength at the limit, 0 to 1; 0 draws no heat.
    pub opacity: f32,
    /// Colour of positive values.
    pub added: [u8; 3],
    /// Colour of negative values.
    pub removed: [u8; 3],
    /// The line round what is above the threshold.
    pub outline: Option<Outline>,
}

/// A line where the map's magnitude crosses its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    /// Screen pixels; its dark halo is twice as wide.
    pub width: f32,
    /// Colour of the line.
    pub line: [u8; 3],
    /// Colour of the halo.
    pub halo: [u8; 3],
}

impl OverlayLook {
    /// Colour and strength of one value.
    #[must_use]
    pub fn shade(&self, value: f32) -> ([u8; 3], f32) {
        let colour = if value < 0.0 { self.removed } else { self.added };
        let above = value.abs() - self.threshold.max(0.0);
        // Strength grows from the threshold on, so that the border of what is shown is no edge. What is not a number
        // fails the comparison and stays transparent.
        if self.limit > 0.0 && above > 0.0 {
            let room = (self.limit - self.threshold).max(f32::MIN_POSITIVE);
            (colour, (above / room).min(1.0) * self.opacity.clamp(0.0, 1.0))
        } else {
            (colour, 0.0)
        }
    }
}

impl Outline {
    /// Strengths of the halo and of the line at one pixel, 0 to 1: `above` is the magnitude less the threshold, `slope`
    /// its change from one pixel to the next. Their ratio is the distance to the crossing in pixels.
    #[must_use]
    pub fn strengths(&self, above: f32, slope: f32) -> [f32; 2] {
        // What is not a number, and a flat map, fail the comparison.
        if slope > 0.0 {
            let distance = above.abs() / slope;
            [self.width, self.width / 2.0].map(|half| (half + 0.5 - distance).clamp(0.0, 1.0))
        } else {
            [0.0; 2]
        }
    }

    /// The strengths at place `x` of screen row `y`, counted from the field's left edge.
    pub(super) fn at(&self, field: &Field, x: usize, y: usize, threshold: f32) -> [f32; 2] {
        let Some(row) = field.row(y) else { return [0.0; 2] };
        // At the map's border the nearest pixel stands for the one that is missing.
        let (upper, lower) = (field.row(y.wrapping_sub(1)).unwrap_or(row), field.row(y + 1).unwrap_or(row));
        let magnitude = |row: &[f32], x: usize| row.get(x).map_or(0.0, |v| v.abs());
        let right = magnitude(row, (x + 1).min(row.len().saturating_sub(1)));
        let across = (right - magnitude(row, x.saturating_sub(1))) / 2.0;
        let down = (magnitude(lower, x) - magnitude(upper, x)) / 2.0;
        self.strengths(magnitude(row, x) - threshold, (across * across + down * down).sqrt())
    }
}
