//! What of a film reaches the model: sides and fit enter, a rectangle on the film and what is cut off leave. Markers
//! such as PORTABLE or a laterality letter live at a film's edge, so a crop is worth a warning.

use std::fmt;

use super::fit::{Along, Fit};
use crate::render::Area;

/// The rectangle of a film that reaches the model, in film pixels from the top left corner. After a resize its sides
/// may fall between two pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeenRegion {
    /// Left side.
    pub x: f64,
    /// Upper side.
    pub y: f64,
    /// Width, greater than zero.
    pub width: f64,
    /// Height, greater than zero.
    pub height: f64,
    /// Width and height of the whole film.
    pub film: [usize; 2],
}

impl SeenRegion {
    /// The same in whole pixels, inside the film.
    #[must_use]
    pub fn area(&self) -> Area {
        let place = |start: f64, length: f64, film: usize| {
            let first = (start.round() as u32).min((film as u32).saturating_sub(1));
            (first, (length.round() as u32).clamp(1, (film as u32 - first).max(1)))
        };
        let [film_width, film_height] = self.film;
        let ((x, width), (y, height)) =
            (place(self.x, self.width, film_width), place(self.y, self.height, film_height));
        Area { x, y, width, height }
    }
}

/// How much of a film is not seen, in film pixels; each is zero or more, and one is more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutOff {
    /// Off the left side.
    pub left: f64,
    /// Off the upper side.
    pub top: f64,
    /// Off the right side.
    pub right: f64,
    /// Off the lower side.
    pub bottom: f64,
    /// Of the film's area, 0 to 1.
    pub share: f64,
}

impl SeenRegion {
    pub(super) fn new(fit: Fit, size: usize, width: usize, height: usize) -> Self {
        let [columns, rows] = fit.along(width, height, size);
        let [(x, width_seen), (y, height_seen)] = [columns, rows].map(span);
        Self { x, y, width: width_seen, height: height_seen, film: [width, height] }
    }

    /// What is cut off, or nothing where the whole film is seen.
    #[must_use]
    pub fn cut(&self) -> Option<CutOff> {
        let [width, height] = self.film.map(|side| side as f64);
        let share = 1.0 - (self.width / width) * (self.height / height);
        let (right, bottom) = (width - self.x - self.width, height - self.y - self.height);
        let cut = CutOff { left: self.x, top: self.y, right: right.max(0.0), bottom: bottom.max(0.0), share };
        // Sides that differ from the border by rounding only are not cut.
        ([cut.left, cut.top, cut.right, cut.bottom].iter().any(|&side| side > 1e-6)).then_some(cut)
    }
}

/// First film pixel and film pixels of what is kept of one axis.
fn span(along: Along) -> (f64, f64) {
    let pixels = along.length as f64 / along.resized as f64;
    (along.start as f64 + along.first as f64 * pixels, along.count as f64 * pixels)
}

impl fmt::Display for CutOff {
    /// Such as `128 pixels left, 128 right (11 % of the film)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [(self.left, "left"), (self.right, "right"), (self.top, "top"), (self.bottom, "bottom")];
        let mut first = true;
        for (pixels, side) in sides.into_iter().filter(|&(pixels, _)| pixels >= 0.5) {
            let (comma, unit) = if first { ("", " pixels") } else { (", ", "") };
            write!(f, "{comma}{pixels:.0}{unit} {side}")?;
            first = false;
        }
        if first {
            return write!(f, "less than a pixel");
        }
        let percent = 100.0 * self.share;
        if percent < 1.0 { write!(f, " (under 1 % of the film)") } else { write!(f, " ({percent:.0} % of the film)") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{CropStart, Preprocess};

    #[test]
    fn a_stretched_film_and_a_square_one_are_seen_whole() {
        assert_eq!(Preprocess::default().seen(900, 700).cut(), None);
        assert_eq!(Preprocess::rad_dino().seen(1024, 1024).cut(), None);
        assert_eq!(Preprocess::torchxrayvision(224).seen(1024, 1024).cut(), None);
    }

    #[test]
    fn a_crop_says_what_it_cuts() {
        let seen = Preprocess::torchxrayvision(224).seen(1000, 800);
        assert_eq!((seen.x, seen.y, seen.width, seen.height), (100.0, 0.0, 800.0, 800.0));
        let cut = seen.cut().unwrap();
        assert_eq!((cut.left, cut.top, cut.right, cut.bottom), (100.0, 0.0, 100.0, 0.0));
        assert_eq!(cut.to_string(), "100 pixels left, 100 right (20 % of the film)");
    }

    #[test]
    fn a_resized_crop_is_told_in_film_pixels() {
        // 2000 x 1036 to 1000 x 518, of which the middle 518 are kept: 241 of 1000, twice as many on the film.
        let seen = Preprocess::rad_dino().seen(2000, 1036);
        assert_eq!((seen.x, seen.width, seen.height), (482.0, 1036.0, 1036.0));
        assert_eq!(seen.cut().unwrap().to_string(), "482 pixels left, 482 right (48 % of the film)");
        // arnoweng's edge is longer than the crop elsewhere: here all four sides are cut.
        let fit = Fit::ShortestEdge { edge: 256, crop: CropStart::HalfEven };
        let cut = Preprocess { fit, ..Preprocess::default() }.seen(512, 512).cut().unwrap();
        assert_eq!((cut.left, cut.top, cut.right, cut.bottom), (32.0, 32.0, 32.0, 32.0));
        assert_eq!(cut.to_string(), "32 pixels left, 32 right, 32 top, 32 bottom (23 % of the film)");
    }
}
