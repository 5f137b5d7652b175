//! The brush: which feature's edit is kept to a painted region, and how a hand paints. The region itself is part of the
//! film's edit, so that undo takes strokes back.

/// Radii in cells of the latent's grid.
pub const RADII: [f32; 2] = [0.25, 4.0];

/// The brush.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brush {
    /// The feature that is painted; none while the brush is put away.
    pub feature: Option<usize>,
    /// Radius in cells of the latent's grid.
    pub radius: f32,
    /// Takes paint away.
    pub erases: bool,
}

impl Default for Brush {
    fn default() -> Self {
        Self { feature: None, radius: 1.0, erases: false }
    }
}
