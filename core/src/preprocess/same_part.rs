//! The same part of a film at another size: what a decoder draws for an encoder, and whether two networks look at the same.

use super::{Fit, Preprocess, Resize};

impl Preprocess {
    /// The same part of the film at `size` pixels squared, averaged. Two preparations show the same part where these are
    /// equal.
    #[must_use]
    pub fn resized(&self, size: usize) -> Self {
        let fit = match self.fit {
            // Nothing is cut off but what makes it square.
            Fit::ShortestEdge { edge, .. } if edge == self.size => Fit::CentreCrop,
            Fit::ShortestEdge { edge, crop } => {
                Fit::ShortestEdge { edge: edge.saturating_mul(size).div_ceil(self.size.max(1)).max(size), crop }
            }
            other => other,
        };
        Self { size, fit, resize: Resize::BilinearAntialias, range: self.range }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_squares_are_the_same_part_and_the_whole_film_is_another() {
        let at = |preprocess: Preprocess| preprocess.resized(224).fit;
        assert_eq!(at(Preprocess::rad_dino()), at(Preprocess::torchxrayvision(512)));
        assert_eq!(at(Preprocess::clip(224)), Fit::CentreCrop);
        assert_ne!(at(Preprocess::rad_dino()), at(Preprocess::default()));
    }

    #[test]
    fn a_closer_crop_stays_one() {
        let close = Preprocess { size: 224, ..Preprocess::arnoweng_chexnet() };
        let [before, after] = [&close, &close.resized(448)].map(|how| how.seen(1000, 1000).width.round());
        assert_eq!((before, after), (875.0, 875.0));
    }
}
