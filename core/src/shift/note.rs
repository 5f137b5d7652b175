//! What a reader must know of a shift that did not go as shifts go.

use serde::{Deserialize, Serialize};

use super::preset::Preset;
use super::search::{StopRule, Stopped};

/// Score from which on, and below one minus which, a score is at its limit.
const LIMIT: f32 = 0.995;
/// Least movement of a score that counts as one.
const HARDLY: f32 = 0.02;

/// One thing to know.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The bundle has no operating point for the label: its score is always 0.5.
    NoOperatingPoint,
    /// The gradient is zero.
    ZeroGradient,
    /// The score was at its limit to begin with.
    Saturated {
        /// The score of the reconstruction.
        score: f32,
    },
    /// The score rose as the target was taken away.
    OnlyRises,
    /// The score fell as the target was added.
    OnlyFalls,
    /// The search went as far as it may.
    BoundReached {
        /// Lambda there.
        lambda: f32,
    },
    /// The score hardly moved within the range.
    HardlyMoved {
        /// Largest score less smallest.
        by: f32,
        /// Whether another preset would do better.
        is_published: bool,
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoOperatingPoint => {
                write!(f, "the bundle has no operating point for this label: its score is always 0.5")
            }
            Self::ZeroGradient => write!(f, "the score's gradient is zero here: no step along it changes the film"),
            Self::Saturated { score } => write!(f, "the score is at its limit ({score:.4}) before anything is shifted"),
            Self::OnlyRises => {
                write!(f, "the score rises in both directions: taking the target away does not lower it")
            }
            Self::OnlyFalls => write!(f, "the score falls in both directions: adding the target does not raise it"),
            Self::BoundReached { lambda } => {
                write!(f, "the search reached its bound at lambda {lambda:.0} without the score changing enough")
            }
            Self::HardlyMoved { by, is_published: true } => {
                write!(
                    f,
                    "the score moved by {by:.3} only; the fluoro preset, whose steps have a unit, reaches further"
                )
            }
            Self::HardlyMoved { by, is_published: false } => write!(f, "the score moved by {by:.3} only"),
        }
    }
}

/// What notes are drawn from.
pub(super) struct Facts<'a> {
    pub is_flat: bool,
    pub is_defined: bool,
    pub preset: Preset,
    pub is_searched: bool,
    /// Score of the reconstruction.
    pub initial: f32,
    pub lambdas: &'a [f32],
    pub predictions: &'a [f32],
    pub stopped: Stopped,
}

/// The notes of a shift along a label.
pub(super) fn of(facts: &Facts<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if !facts.is_defined {
        notes.push(Note::NoOperatingPoint);
        return notes;
    }
    if facts.is_flat {
        notes.push(Note::ZeroGradient);
        return notes;
    }
    if !(1.0 - LIMIT..=LIMIT).contains(&facts.initial) {
        notes.push(Note::Saturated { score: facts.initial });
    }
    let (low, high) = (facts.lambdas.first().copied(), facts.lambdas.last().copied());
    let at_ends = [facts.predictions.first(), facts.predictions.last()].map(|p| p.copied().unwrap_or(facts.initial));
    if facts.is_searched {
        if facts.stopped.low == StopRule::Rise && at_ends[0] >= facts.initial {
            notes.push(Note::OnlyRises);
        }
        if facts.stopped.high == StopRule::Drop && at_ends[1] <= facts.initial {
            notes.push(Note::OnlyFalls);
        }
        for (rule, lambda) in [(facts.stopped.low, low), (facts.stopped.high, high)] {
            if let (StopRule::Bound, Some(lambda)) = (rule, lambda) {
                notes.push(Note::BoundReached { lambda });
            }
        }
    }
    let (least, most) = facts.predictions.iter().fold((f32::MAX, f32::MIN), |(l, h), &p| (l.min(p), h.max(p)));
    if most - least < HARDLY {
        notes.push(Note::HardlyMoved { by: most - least, is_published: facts.preset.is_published() });
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(lambdas: &'a [f32], predictions: &'a [f32], low: StopRule, high: StopRule) -> Facts<'a> {
        let middle = predictions[predictions.len() / 2];
        let stopped = Stopped { low, high };
        Facts {
            is_flat: false,
            is_defined: true,
            preset: Preset::Paper,
            is_searched: true,
            initial: middle,
            lambdas,
            predictions,
            stopped,
        }
    }

    #[test]
    fn an_ordinary_shift_has_no_notes() {
        assert!(of(&facts(&[-6.0, 0.0, 1.0], &[0.05, 0.6, 0.7], StopRule::Drop, StopRule::Rise)).is_empty());
    }

    #[test]
    fn odd_shifts_say_what_is_odd() {
        let rises = facts(&[-1.0, 0.0, 1.0], &[0.65, 0.6, 0.7], StopRule::Rise, StopRule::Rise);
        assert_eq!(of(&rises), [Note::OnlyRises]);
        let falls = facts(&[-1.0, 0.0, 1.0], &[0.05, 0.6, 0.5], StopRule::Drop, StopRule::Drop);
        assert_eq!(of(&falls), [Note::OnlyFalls]);
        let bound = facts(&[-1000.0, 0.0, 1000.0], &[0.999, 0.9991, 0.9992], StopRule::Bound, StopRule::Bound);
        let said: Vec<String> = of(&bound).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(
            said[0].contains("limit (0.9991)") && said[1].contains("-1000") && said[3].contains("fluoro"),
            "{said:?}"
        );
        let fixed = Facts {
            is_searched: false,
            ..facts(&[-1.0, 0.0, 1.0], &[0.9, 0.5, 0.9], StopRule::Fixed, StopRule::Fixed)
        };
        assert!(of(&fixed).is_empty());
        assert_eq!(of(&Facts { is_flat: true, ..fixed }), [Note::ZeroGradient]);
        let nan = Facts { is_defined: false, ..facts(&[0.0], &[0.5], StopRule::Rise, StopRule::Drop) };
        assert_eq!(of(&nan), [Note::NoOperatingPoint]);
    }
}
