//! One film, one factor: the truth, and how near a method comes to it.
//!
//! Predictions are read from what the decoder draws: before the edit from the reconstruction, after it from the edited
//! frame, and without the factor from the true counterfactual through the autoencoder, so that what the autoencoder
//! loses counts neither for nor against a method. Pictures are compared as the viewer shows them: the film with the
//! decoded change laid over it.

use std::path::Path;

use super::method::{Method, Walk};
use crate::engine::{Analysis, Engine, Frame};
use crate::error::{Error, Result};
use crate::metrics;
use crate::phantom::{Factor, Film, Phantom};
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// Operating point of every score (`op_norm`).
pub(super) const POINT: f32 = 0.5;
/// Least change of a prediction under the true counterfactual for a recovery to be said.
const LEAST_CHANGE: f32 = 0.1;
/// Grey levels (of 2048) from which on film and counterfactual differ: half a level of the 8-bit film.
const DIFFERS: f32 = 4.0;

/// A film that shows the factor, and the same film without it.
pub(super) struct Case {
    pub analysis: Analysis,
    pub phantom: Phantom,
    /// The film's reconstruction.
    pub reconstruction: Frame,
    /// The true counterfactual as model input.
    pub truth: Plane,
    /// Where film and counterfactual differ.
    pub mask: Vec<bool>,
    /// The true counterfactual through the autoencoder.
    pub truth_frame: Frame,
    label: usize,
    /// Scores of the true counterfactual itself.
    truth_scores: Vec<f32>,
    /// Whether each label is on the film, where the label is a factor.
    present: Vec<Option<bool>>,
}

/// What came of opening a film.
pub(super) enum Opened {
    /// It can be measured.
    Case(Box<Case>),
    /// The classifier does not see the factor on the film: there is nothing that it could stop seeing.
    Unseen,
}

/// What a method did to a film, in numbers.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub is_valid: bool,
    pub error: f64,
    pub nothing_error: f64,
    pub iou: Option<f64>,
    pub iou_by_chance: Option<f64>,
    pub average_precision: Option<f64>,
    pub mask_area: f64,
    pub selectivity: Option<f64>,
    pub off_target: f64,
    pub off_target_accuracy: f64,
    pub recovery: Option<f64>,
    pub monotonicity: Option<f64>,
    /// The reconstruction already lost the factor.
    pub is_lost: bool,
    /// Change of every prediction.
    pub effects: Vec<f32>,
}

/// What a method did to a film, to look at.
#[derive(Clone, Debug)]
pub(super) struct Edited {
    /// The film with the method's change laid over it.
    pub film: Plane,
    /// Where it changed, not negative.
    pub map: Plane,
}

impl Case {
    /// Opens a film that its folder's table says to show `factor`.
    pub fn open(engine: &Engine, path: &Path, phantom: &Phantom, factor: Factor, label: usize) -> Result<Opened> {
        let film = Radiograph::open(path)?;
        let analysis = engine.analyze(&film)?;
        if analysis.predictions.get(label).is_none_or(|&score| score < POINT) {
            return Ok(Opened::Unseen);
        }
        let own = phantom.render(film.pixels.width());
        let as_drawn = |grey: &[u8]| film.pixels.data().iter().zip(grey).all(|(&v, &g)| v == f32::from(g));
        if film.pixels.width() != film.pixels.height() || !as_drawn(&own.grey) {
            let reason =
                "the film is not what factors.csv says of it, so its truth is not known; draw the folder again";
            return Err(Error::dataset(path, reason));
        }
        let preprocess = &engine.manifest().preprocess;
        let input = |film: &Film| -> Result<Plane> {
            Ok(preprocess.apply(&Radiograph::from_bytes(path, &film.to_png(&phantom.mark())?)?))
        };
        let truth = input(&phantom.with(factor, false).render(own.side))?;
        let mask = analysis.input.zip(&truth, |a, b| (a - b).abs())?.data().iter().map(|&v| v >= DIFFERS).collect();
        let read = engine.analyze_input(truth.clone())?;
        let missing = || engine.bundle().missing("decoder", "faithfulness");
        let present = engine
            .bundle()
            .labels()
            .map(|name| Factor::parse(name).ok().map(|factor| phantom.settings.get(factor).present))
            .collect();
        Ok(Opened::Case(Box::new(Self {
            reconstruction: analysis.reconstruction.clone().ok_or_else(missing)?,
            truth_frame: read.reconstruction.ok_or_else(missing)?,
            phantom: *phantom,
            analysis,
            truth,
            mask,
            label,
            truth_scores: read.predictions,
            present,
        })))
    }

    /// Scores before anything is done, and scores without the factor, of what a method changes.
    fn ends(&self, method: Method) -> (&[f32], &[f32]) {
        if method == Method::Truth {
            (&self.analysis.predictions, &self.truth_scores)
        } else {
            (&self.reconstruction.predictions, &self.truth_frame.predictions)
        }
    }

    /// The factor's score at each step of a walk, less what it would be without the factor, absolute.
    pub fn distances(&self, engine: &Engine, walk: &Walk) -> Result<Vec<f32>> {
        let Walk::Latents(latents) = walk else { return Ok(Vec::new()) };
        let clean = self.truth_frame.predictions[self.label];
        let frames = engine.decode((**latents).clone())?;
        Ok(frames.iter().map(|frame| (frame.predictions[self.label] - clean).abs()).collect())
    }

    /// Carries out a method, taking step number `step` of its walk, and measures it.
    pub fn measure(&self, engine: &Engine, method: Method, walk: &Walk, step: usize) -> Result<(Outcome, Edited)> {
        let input = &self.analysis.input;
        let (before, clean) = self.ends(method);
        let over = |frame: &Plane| -> Result<Plane> {
            let change = frame.zip(&self.reconstruction.pixels, |after, before| after - before)?;
            input.zip(&change, |film, change| film + change)
        };
        let (film, after, monotonicity) = match walk {
            Walk::True { reencoded: false } => (self.truth.clone(), self.truth_scores.clone(), None),
            Walk::True { reencoded: true } => {
                (over(&self.truth_frame.pixels)?, self.truth_frame.predictions.clone(), None)
            }
            Walk::Stay => (input.clone(), before.to_vec(), None),
            Walk::Latents(latents) => {
                let frames = engine.decode((**latents).clone())?;
                let scores = frames.iter().map(|frame| frame.predictions[self.label]);
                let path: Vec<f32> = std::iter::once(before[self.label]).chain(scores).collect();
                let steps: Vec<f32> = (0..path.len()).map(|step| step as f32).collect();
                let taken = &frames[step.min(frames.len() - 1)];
                let falls = -f64::from(metrics::spearman(&steps, &path));
                (over(&taken.pixels)?, taken.predictions.clone(), Some(falls))
            }
        };
        let map = film.zip(input, |after, before| (after - before).abs())?;
        let outcome = self.compare(&film, &map, [before, &after, clean], monotonicity)?;
        Ok((outcome, Edited { film, map }))
    }

    /// Numbers of an edited film, its map, and the scores before, after and without the factor.
    fn compare(
        &self,
        film: &Plane,
        map: &Plane,
        [before, after, clean]: [&[f32]; 3],
        monotonicity: Option<f64>,
    ) -> Result<Outcome> {
        let own = self.label;
        let effects: Vec<f32> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let others = || (0..effects.len()).filter(|&label| label != own);
        let count = others().count().max(1) as f64;
        let isolation = others().map(|label| f64::from(effects[label].abs())).sum::<f64>() / count;
        let cause = f64::from(-effects[own]).max(0.0);
        let accuracy = |scores: &[f32]| {
            let right = |label: usize| self.present[label].is_some_and(|present| present == (scores[label] >= POINT));
            others().filter(|&label| right(label)).count() as f64 / count
        };
        let (left, whole) = ((after[own] - clean[own]).abs(), (before[own] - clean[own]).abs());
        let area = self.mask.iter().filter(|&&inside| inside).count() as f64 / self.mask.len().max(1) as f64;
        let is_blank = map.data().iter().all(|&v| v == 0.0);
        let is_lost = before[own] < POINT;
        let of_mask = |value: Result<f64>| -> Result<Option<f64>> {
            match (area > 0.0, is_blank) {
                (false, _) => Ok(None),
                // A map that says nothing marks nothing.
                (true, true) => Ok(Some(0.0)),
                (true, false) => value.map(Some),
            }
        };
        Ok(Outcome {
            is_valid: !is_lost && after[own] < POINT,
            error: metrics::mae(film, &self.truth)?,
            nothing_error: metrics::mae(&self.analysis.input, &self.truth)?,
            iou: of_mask(metrics::iou_at_reference_area(map.data(), &self.mask))?,
            // Two random sets that each cover a share a of the film.
            iou_by_chance: (area > 0.0).then(|| area / (2.0 - area)),
            average_precision: of_mask(metrics::average_precision(map.data(), &self.mask))?,
            mask_area: area,
            selectivity: (cause + isolation > 0.0).then(|| cause / (cause + isolation)),
            off_target: isolation,
            off_target_accuracy: accuracy(after) - accuracy(before),
            recovery: (whole >= LEAST_CHANGE).then(|| 1.0 - f64::from(left / whole)),
            monotonicity,
            is_lost,
            effects,
        })
    }
}
