//! Counterfactuals and deletions in pixel space: the rivals that change the film without a decoder.

use super::{Attributor, Map, Subject};
use crate::difference::percentile;
use crate::engine::IntoFloats;
use crate::error::Result;
use crate::plane::Plane;

/// Rounds of the deletion, and the percentile of the gradient that each keeps.
const ROUNDS: usize = 20;
const KEPT_PERCENTILE: f32 = 98.0;

/// Iterative deletion of gifsplanation (March 2021).
pub(super) struct Delete;

impl Attributor for Delete {
    fn name(&self) -> &'static str {
        "delete"
    }

    fn about(&self) -> &'static str {
        "mean gradient over 20 rounds that each keep only the 2 % of pixels with the largest gradient (gifsplanation, 2021)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        Ok(Map { plane: iterative_delete(subject)?, cells: None })
    }
}

/// The published loop: each round takes the signed gradient of the score and multiplies the film by the mask of the pixels
/// whose gradient is positive and lies above its 98th percentile; the map is the absolute mean of the gradients.
///
/// # Errors
/// When the device fails, or it was cancelled.
pub fn iterative_delete(subject: &Subject<'_>) -> Result<Plane> {
    let input = &subject.analysis.input;
    let mut film = input.clone();
    let mut sum = Plane::filled(input.width(), input.height(), 0.0);
    for round in 0..ROUNDS {
        subject.progress.step("deleting", round, ROUNDS)?;
        let gradient = subject.plane(subject.gradients(subject.engine.film_tensor(&film))?)?;
        let least = percentile(gradient.data(), KEPT_PERCENTILE);
        film = film.zip(&gradient, |v, g| if g > least.max(0.0) { v } else { 0.0 })?;
        sum = sum.zip(&gradient, |s, g| s + g)?;
    }
    Ok(sum.map(|s| (s / ROUNDS as f32).abs()))
}

/// Wachter's counterfactual (Wachter et al. 2018) as the latentshift package optimises it: pixels are moved by Adam to bring
/// the score to a wanted value while staying near the film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wachter {
    /// Step of Adam; films count in units of 1024 grey levels.
    pub rate: f32,
    /// Steps.
    pub steps: usize,
    /// Weight of the distance to the film (L2).
    pub nearness: f32,
    /// Score that is wanted.
    pub wanted: f32,
}

impl Wachter {
    /// The package's settings, which were made for pictures of about unit range: in grey levels of 2048 nothing would move.
    pub const PUBLISHED: Self = Self { rate: 0.005, steps: 100, nearness: 1.0, wanted: 0.0 };

    /// The counterfactual film.
    ///
    /// # Errors
    /// When the device fails, or it was cancelled.
    pub fn counterfactual(&self, subject: &Subject<'_>) -> Result<Plane> {
        // Adam's usual constants (Kingma and Ba 2015), which torch.optim.Adam has too.
        const BETAS: [f32; 2] = [0.9, 0.999];
        const EPSILON: f32 = 1e-8;
        const UNIT: f32 = 1024.0;
        let film = subject.film().div_scalar(UNIT);
        let mut moved = film.clone();
        let (mut first, mut second) = (film.zeros_like(), film.zeros_like());
        for step in 0..self.steps {
            subject.progress.step("moving pixels", step, self.steps)?;
            let frame = moved.clone().mul_scalar(UNIT);
            let score = subject.scores(frame.clone())?[0];
            let away = moved.clone() - film.clone();
            let distance = subject.engine.read(away.clone().powi_scalar(2).sum().sqrt().into_floats())?[0];
            let mut gradient = subject.gradients(frame)?.mul_scalar(UNIT * 2.0 * (score - self.wanted));
            // The distance has no slope where it is zero.
            if distance > 0.0 {
                gradient = gradient + away.mul_scalar(self.nearness / distance);
            }
            first = first.mul_scalar(BETAS[0]) + gradient.clone().mul_scalar(1.0 - BETAS[0]);
            second = second.mul_scalar(BETAS[1]) + gradient.powi_scalar(2).mul_scalar(1.0 - BETAS[1]);
            let unbias = |beta: f32| 1.0 / (1.0 - beta.powi(step as i32 + 1));
            let (mean, spread) =
                (first.clone().mul_scalar(unbias(BETAS[0])), second.clone().mul_scalar(unbias(BETAS[1])));
            moved = moved - (mean / (spread.sqrt() + EPSILON)).mul_scalar(self.rate);
        }
        subject.plane(moved.mul_scalar(UNIT))
    }
}

impl Attributor for Wachter {
    fn name(&self) -> &'static str {
        "wachter"
    }

    fn about(&self) -> &'static str {
        "change of the pixels that brings the score towards zero while staying near the film (Wachter et al. 2018)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let plane =
            self.counterfactual(subject)?.zip(&subject.analysis.input, |after, before| (after - before).abs())?;
        Ok(Map { plane, cells: None })
    }
}
