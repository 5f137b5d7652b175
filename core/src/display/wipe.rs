//! Two pictures in one viewport: one left of a line, the other right of it.

use super::View;

/// The first screen column right of the line; `at` is the line's place, 0 (left edge) to 1 (right edge).
#[must_use]
pub fn wipe_column(at: f32, width: usize) -> usize {
    (at.clamp(0.0, 1.0) * width as f32).round() as usize
}

/// Draws `width` x `height` pixels: `left` up to the line, `right` from there on. The line is in screen coordinates,
/// however the film is turned.
#[must_use]
pub fn wipe(left: &View<'_>, right: &View<'_>, at: f32, width: usize, height: usize) -> Vec<u8> {
    let (mut pixels, other) = (left.draw(width, height), right.draw(width, height));
    let from = wipe_column(at, width) * 4;
    for (line, other) in pixels.chunks_exact_mut((width * 4).max(1)).zip(other.chunks_exact((width * 4).max(1))) {
        line[from..].copy_from_slice(&other[from..]);
    }
    pixels
}
