//! How fast things were. In: times. Out: the last ones and their middle.

use std::collections::VecDeque;

/// Times kept of each kind.
const KEPT: usize = 64;

/// The last times of one kind, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Times(VecDeque<f32>);

impl Times {
    /// Another one.
    pub fn push(&mut self, milliseconds: f32) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(milliseconds);
    }

    /// The newest.
    pub fn last(&self) -> Option<f32> {
        self.0.back().copied()
    }

    /// The value that `share` of them do not exceed.
    pub fn quantile(&self, share: f32) -> Option<f32> {
        let mut sorted: Vec<f32> = self.0.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last as f32 * share.clamp(0.0, 1.0)).round() as usize).copied()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = f32> + '_ {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Everything that is timed.
#[derive(Debug, Default)]
pub struct Performance {
    /// From a slider's value to its picture, as the hand sees it.
    pub slider: Times,
    /// The part of that in which the model worked.
    pub model: Times,
    /// From a film's pixels to its features, scores and reconstruction.
    pub analysis: Times,
    /// From a click on a film to its picture.
    pub open: Times,
    /// Drawing the light box's pictures on the CPU.
    pub light_box: Times,
    /// Laying out and painting one frame of the window.
    pub window: Times,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_last_times() {
        let mut times = Times::default();
        assert_eq!(times.quantile(0.5), None);
        for i in 0..200 {
            times.push(i as f32);
        }
        assert_eq!(
            (times.len(), times.last(), times.quantile(0.0), times.quantile(1.0)),
            (64, Some(199.0), Some(136.0), Some(199.0))
        );
    }
}
