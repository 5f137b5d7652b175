//! Which part of a film becomes the square input. In: the film's sides and the input's. Out: for each axis, the film's
//! pixels that are resized, to how many, and which of those are kept. Knows nothing of grey levels.

use serde::{Deserialize, Serialize};

use super::taps::Axis;

/// Longest edge that [`Fit::ShortestEdge`] may ask for, in pixels; a longer one acts as this one.
pub const MAX_EDGE: usize = 4096;

/// How a film that is not square becomes square.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// The whole film, its sides stretched to the square.
    #[default]
    Stretch,
    /// The largest square in the middle of the film, as torchxrayvision's `XRayCenterCrop`.
    CentreCrop,
    /// The film is resized until its shorter side has `edge` pixels and its longer one `edge * long / short`, cut to
    /// whole pixels; then the middle square of the input's size is kept. What lies outside does not reach the model.
    ShortestEdge {
        /// The shorter side after resizing, in pixels; at least the input's size.
        edge: usize,
        /// Where the square starts.
        crop: CropStart,
    },
}

/// First pixel of a centre crop where an odd number of pixels is cut off. The libraries differ by one pixel.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CropStart {
    /// Half of what is cut off, rounded down: the image processors of transformers, on PIL (`image_transforms.py`,
    /// `center_crop`) and on torchvision (`image_processing_backends.py`) alike.
    #[default]
    Down,
    /// Half of what is cut off, a half rounded to the even number: torchvision's `CenterCrop`
    /// (`transforms/functional.py`), and so reproduce-chexnet, arnoweng's CheXNet and open_clip.
    HalfEven,
}

impl CropStart {
    fn of(self, cut: usize) -> usize {
        match self {
            Self::Down => cut / 2,
            Self::HalfEven => cut / 2 + usize::from(cut % 4 == 3),
        }
    }
}

/// One axis of the way from film to input, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along {
    /// First film pixel that takes part in the resize.
    pub start: usize,
    /// Film pixels that do.
    pub length: usize,
    /// Length after the resize.
    pub resized: usize,
    /// First resized pixel that is kept.
    pub first: usize,
    /// How many are.
    pub count: usize,
    /// Black pixels of the input before them, where the resized film is too short.
    pub before: usize,
}

impl Along {
    /// All pixels from `start`, resized to `size`.
    fn all(start: usize, length: usize, size: usize) -> Self {
        Self { start, length, resized: size, first: 0, count: size, before: 0 }
    }

    /// `length` pixels resized to `resized`, of which the middle `size` are kept.
    fn middle(length: usize, resized: usize, size: usize, crop: CropStart) -> Self {
        let first = crop.of(resized.saturating_sub(size));
        let before = size.saturating_sub(resized) / 2;
        Self { start: 0, length, resized, first, count: resized.min(size), before }
    }

    /// The resize of this axis.
    pub fn axis(self) -> Axis {
        Axis { input: self.length, output: self.resized, first: self.first, count: self.count }
    }
}

impl Fit {
    /// Columns and rows of a film of `width` x `height` pixels on their way to an input of `size` pixels; none is zero.
    pub(super) fn along(self, width: usize, height: usize, size: usize) -> [Along; 2] {
        match self {
            Self::Stretch => [Along::all(0, width, size), Along::all(0, height, size)],
            Self::CentreCrop => {
                let side = width.min(height);
                [width, height].map(|length| Along::all(length / 2 - side / 2, side, size))
            }
            Self::ShortestEdge { edge, crop } => {
                let short = width.min(height) as u64;
                let edge = edge.clamp(1, MAX_EDGE) as u64;
                // int(edge * long / short) of the libraries; their division in floating point rounds to no other
                // number.
                let resized = |length: usize| (edge.saturating_mul(length as u64) / short) as usize;
                [width, height].map(|length| Along::middle(length, resized(length), size, crop))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_starts_follow_the_libraries() {
        // Python: [d // 2 for d in range(9)] and [int(round(d / 2.0)) for d in range(9)]
        let starts = |crop: CropStart| (0..9).map(|cut| crop.of(cut)).collect::<Vec<_>>();
        assert_eq!(starts(CropStart::Down), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(starts(CropStart::HalfEven), [0, 0, 1, 2, 2, 2, 3, 4, 4]);
    }

    #[test]
    fn the_shorter_edge_is_met_and_the_longer_is_cut_to_whole_pixels() {
        let [x, y] = Fit::ShortestEdge { edge: 224, crop: CropStart::Down }.along(900, 700, 224);
        assert_eq!((x.resized, x.first, x.count), (288, 32, 224));
        assert_eq!((y.resized, y.first, y.count), (224, 0, 224));
        let [x, y] = Fit::ShortestEdge { edge: 256, crop: CropStart::HalfEven }.along(333, 1000, 224);
        assert_eq!((x.resized, x.first), (256, 16));
        // int(256 * 1000 / 333) = 768; (768 - 224) / 2
        assert_eq!((y.resized, y.first), (768, 272));
    }

    #[test]
    fn a_film_shorter_than_the_input_is_set_in_its_middle() {
        let [x, _] = Fit::ShortestEdge { edge: 50, crop: CropStart::Down }.along(100, 100, 61);
        assert_eq!((x.resized, x.first, x.count, x.before), (50, 0, 50, 5));
    }

    #[test]
    fn a_crop_takes_the_middle() {
        let [x, y] = Fit::CentreCrop.along(6, 3, 32);
        assert_eq!((x.start, x.length, y.start, y.length), (2, 3, 0, 3));
        // dim // 2 - crop // 2: 7 // 2 - 4 // 2 = 1
        let [x, _] = Fit::CentreCrop.along(7, 4, 32);
        assert_eq!((x.start, x.length), (1, 4));
    }
}
