//! Latent Shift (Cohen et al., MIDL 2021): a latent walked along a direction, the films on the way and their scores.
//!
//! In: an analysis and a target. Out: lambdas, frames, predictions, a difference map and the rules that ended the
//! search. Presets reproduce published programs; see [`Preset`].

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::difference::{self, MapMethod};
use crate::engine::{Analysis, Engine, Progress};
use crate::error::{Error, Result};
use crate::plane::Plane;

mod direction;
mod frames;
mod search;

pub use search::{StopRule, Stopped, paper_sweep};

/// Which published program's behaviour a shift follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The paper-time code (gifsplanation 3369bae, February 2021): raw gradient, search by steps of 1 then 10 down to a
    /// drop of 0.5 and up to a rise of 0.05, eleven frames.
    #[default]
    Paper,
}

impl std::str::FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "paper" => Ok(Self::Paper),
            _ => Err(Error::unknown("preset", text, ["paper"])),
        }
    }
}

/// What a shift changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A classifier label, by output index: along the gradient of its score.
    Label(usize),
    /// An SAE feature: along its decoder row; lambda is its film activation.
    Feature(usize),
}

/// What to compute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftRequest {
    /// What to change.
    pub target: Target,
    /// Whose rules to follow.
    pub preset: Preset,
    /// Fixed first and last lambda; skips the search.
    pub range: Option<[f32; 2]>,
    /// Number of frames, evenly spaced; the preset's own when none.
    pub frames: Option<usize>,
    /// How the difference map is made.
    pub map: MapMethod,
}

/// A finished shift.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// The target's name: a label, or `feature:N`.
    pub target: String,
    /// Preset followed.
    pub preset: Preset,
    /// Lambda of each frame, ascending.
    pub lambdas: Vec<f32>,
    /// Films, in the order of `lambdas`.
    pub frames: Vec<Plane>,
    /// The target's score in each frame (a label), or the feature's film activation at each frame.
    pub predictions: Vec<f32>,
    /// Every other label's score in each frame.
    pub others: Vec<(String, Vec<f32>)>,
    /// Why each side of the search ended.
    pub stopped: Stopped,
    /// Decoded unshifted latent.
    pub reference: Plane,
    /// Difference map in grey levels, not negative.
    pub map: Plane,
    /// How the map was made.
    pub map_method: MapMethod,
}

impl Shift {
    /// Whether a search walked to its bounds on both sides and the score hardly moved: it is at its limit, where its
    /// gradient is next to nothing.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        const HARDLY: f32 = 0.02;
        let bounds = Stopped { low: StopRule::Bound, high: StopRule::Bound };
        let (low, high) = self.predictions.iter().fold((f32::MAX, f32::MIN), |(l, h), &p| (l.min(p), h.max(p)));
        self.stopped == bounds && high - low < HARDLY
    }
}

impl Engine {
    /// Reads `LABEL` or `feature:N|LABEL` as a target.
    ///
    /// # Errors
    /// When no such label or feature exists, with the nearest names.
    pub fn parse_target(&self, text: &str) -> Result<Target> {
        if let Some(feature) = text.strip_prefix("feature:") {
            return self.bundle.feature_index(feature).map(Target::Feature);
        }
        for unavailable in ["probe:", "text:"] {
            if text.starts_with(unavailable) {
                return Err(Error::Invalid(format!(
                    "bundle \"{}\" holds nothing for \"{text}\"; use a label or feature:N",
                    self.bundle.manifest.name
                )));
            }
        }
        self.bundle.label_index(text).map(Target::Label)
    }

    /// The name of a target, as [`Engine::parse_target`] reads it.
    #[must_use]
    pub fn target_name(&self, target: Target) -> String {
        match target {
            Target::Label(index) => self.bundle.labels().nth(index).unwrap_or("?").to_owned(),
            Target::Feature(index) => format!("feature:{index}"),
        }
    }

    /// Computes a shift.
    ///
    /// # Errors
    /// When a part is missing, the range or number of frames makes no sense, the device fails, or it was cancelled.
    pub fn shift(&self, analysis: &Analysis, request: &ShiftRequest, progress: &Progress<'_>) -> Result<Shift> {
        check(request)?;
        let reference = analysis.reconstruction.as_ref().ok_or(self.bundle.missing("decoder", "a shift"))?;
        let (path, target_label) = self.path(analysis, request.target)?;
        let mut cache = frames::FrameCache::new(self, path, progress);
        let (lambdas, stopped) = match (request.range, request.target) {
            (Some([lo, hi]), _) => (search::even_sweep(lo, hi, request.frames.unwrap_or(11)), Stopped::fixed()),
            (None, Target::Feature(feature)) => {
                let top = self.feature_range_end(analysis, feature);
                (search::even_sweep(0.0, top, request.frames.unwrap_or(11)), Stopped::fixed())
            }
            (None, Target::Label(label)) => {
                let found = search::paper(|lambdas| cache.scores(lambdas, label))?;
                let sweep = match request.frames {
                    Some(count) => search::even_sweep(found.low, found.high, count),
                    None => paper_sweep(found.low, found.high),
                };
                (sweep, found.stopped)
            }
        };
        let shifted = cache.frames(&lambdas)?;
        let frames: Vec<Plane> = shifted.iter().map(|frame| frame.pixels.clone()).collect();
        let predictions = match target_label {
            Some(label) => shifted.iter().map(|frame| frame.predictions[label]).collect(),
            None => lambdas.clone(),
        };
        let others = self
            .bundle
            .labels()
            .enumerate()
            .filter(|(index, _)| Some(*index) != target_label)
            .map(|(index, name)| (name.to_owned(), shifted.iter().map(|frame| frame.predictions[index]).collect()))
            .collect();
        let map = difference::shift_map(&reference.pixels, &frames, request.map)?;
        Ok(Shift {
            target: self.target_name(request.target),
            preset: request.preset,
            lambdas,
            frames,
            predictions,
            others,
            stopped,
            reference: reference.pixels.clone(),
            map,
            map_method: request.map,
        })
    }

    /// Top of a feature's default range: twice what the film has, or the largest activation ever seen.
    fn feature_range_end(&self, analysis: &Analysis, feature: usize) -> f32 {
        let own = analysis.activations.get(feature).copied().unwrap_or(0.0);
        let seen = self.largest_seen(feature).unwrap_or(0.0);
        let end = (own * 2.0).max(seen);
        if end > 0.0 { end } else { 1.0 }
    }
}

fn check(request: &ShiftRequest) -> Result<()> {
    const MOST_FRAMES: usize = 400;
    if let Some([lo, hi]) = request.range
        && !(lo.is_finite() && hi.is_finite() && lo < hi)
    {
        return Err(Error::Invalid(format!("range {lo},{hi} is not LO,HI with LO below HI")));
    }
    match request.frames {
        Some(count) if !(2..=MOST_FRAMES).contains(&count) => {
            Err(Error::Invalid(format!("{count} frames; a shift has 2 to {MOST_FRAMES}")))
        }
        _ => Ok(()),
    }
}

/// Where a shift walks: `lambda` to tokens `[1, n, d]`.
pub(crate) enum Path {
    /// `z + lambda * g`.
    Straight {
        /// Start, `[1, n, d]`.
        origin: Tensor<3>,
        /// Direction, `[1, n, d]`.
        direction: Tensor<3>,
    },
}
