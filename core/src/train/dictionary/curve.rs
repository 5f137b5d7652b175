//! The curves of a run.

use serde::{Deserialize, Serialize};

use super::pass::Pass;

/// One point of the curves: means over the steps since the point before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps done.
    pub step: usize,
    /// Training loss, all terms.
    pub loss: f64,
    /// Active features of a token (L0).
    pub active: f64,
    /// Share of the tokens' variance that the reconstruction explains.
    pub explained_variance: f64,
    /// Share of features that fired within the dead window.
    pub alive_share: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
}

/// Sums since the last point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Interval {
    steps: usize,
    loss: f64,
    active: f64,
    error: f64,
    variance: f64,
}

impl Interval {
    /// Adds a step.
    pub fn add(&mut self, pass: &Pass) {
        self.steps += 1;
        self.loss += pass.loss;
        self.active += pass.active;
        self.error += pass.error;
        self.variance += pass.variance;
    }

    /// The point, after which a new interval begins.
    pub fn take(&mut self, step: usize, alive_share: f64, learning_rate: f64) -> CurvePoint {
        let Self { steps, loss, active, error, variance } = std::mem::take(self);
        let count = steps.max(1) as f64;
        let explained_variance = if variance > 0.0 { 1.0 - error / variance } else { 0.0 };
        CurvePoint { step, loss: loss / count, active: active / count, explained_variance, alive_share, learning_rate }
    }
}
