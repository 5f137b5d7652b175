//! Counterfactual alignment (Cohen et al. 2023, arXiv 2312.02186): which other outputs move when one is moved.
//!
//! Between the reconstruction and the frame where the target's score is farthest from it, the change of every other score
//! is set against the target's own. It says what the classifier ties together, not what the body does.

use serde::{Deserialize, Serialize};

use crate::engine::Frame;

/// Least change of the target's score for a ratio to mean something (section 3 of the paper).
pub const LEAST_BASE_CHANGE: f32 = 0.3;

/// One output beside the target's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// The output's label.
    pub label: String,
    /// Change of its score, -1 to 1.
    pub change: f32,
    /// That over the change of the target's score; none where the latter is below [`LEAST_BASE_CHANGE`], and along a
    /// feature.
    pub relative: Option<f32>,
}

/// Every output but the target's, by falling change.
pub(super) fn of<'a>(
    labels: impl Iterator<Item = &'a str>,
    target: Option<usize>,
    reference: &Frame,
    frames: &[Frame],
) -> Vec<Alignment> {
    let moved = |frame: &Frame, label: usize| frame.predictions[label] - reference.predictions[label];
    let far = |frame: &&Frame| match target {
        Some(label) => moved(frame, label).abs(),
        None => (0..reference.predictions.len()).map(|label| moved(frame, label).abs()).fold(0.0, f32::max),
    };
    let Some(farthest) = frames.iter().max_by(|a, b| far(a).total_cmp(&far(b))) else { return Vec::new() };
    let base = target.map(|label| moved(farthest, label)).filter(|base| base.abs() >= LEAST_BASE_CHANGE);
    let mut all: Vec<Alignment> = labels
        .enumerate()
        .filter(|(label, _)| Some(*label) != target)
        .map(|(label, name)| {
            let change = moved(farthest, label);
            Alignment { label: name.to_owned(), change, relative: base.map(|base| change / base) }
        })
        .collect();
    all.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    fn frame(predictions: [f32; 3]) -> Frame {
        Frame { pixels: Plane::filled(1, 1, 0.0), predictions: predictions.to_vec() }
    }

    #[test]
    fn changes_are_relative_to_the_target_in_its_farthest_frame() {
        let reference = frame([0.9, 0.5, 0.2]);
        let frames = [frame([0.1, 0.1, 0.3]), reference.clone(), frame([0.95, 0.9, 0.2])];
        let all = of(["a", "b", "c"].into_iter(), Some(0), &reference, &frames);
        assert_eq!(all.iter().map(|a| a.label.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!((all[0].change + 0.4).abs() < 1e-6 && (all[0].relative.expect("a ratio") - 0.5).abs() < 1e-6);
        assert!((all[1].relative.expect("a ratio") + 0.125).abs() < 1e-6);
        let little = of(["a", "b", "c"].into_iter(), Some(0), &reference, &frames[1..]);
        assert!(little.iter().all(|a| a.relative.is_none()));
        let feature = of(["a", "b", "c"].into_iter(), None, &reference, &frames);
        assert_eq!((feature[0].label.as_str(), feature.len()), ("a", 3));
    }
}
