//! One rule that says whether a confounder is detected, used, both or neither.
//!
//! Detected: features tell it. Used: taking what tells it out of the latent changes predictions more between films with it
//! and without it than chance and controls do. The rule reads one [`UsageRow`] and knows no truth about the model.

use serde::{Deserialize, Serialize};

use super::table::{ControlKind, Place, UsageRow};
use crate::metrics::Estimate;

/// Limits of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRule {
    /// Detected: the lower end of the interval of the AUC for the confounder is at least this (or the upper end at most one
    /// less this, for a feature that is silent where the confounder is).
    pub auc: f64,
    /// Used, of features: empirical p against controls at most this. A control is no proof of disuse, since a model may well
    /// use what was edited instead; it says whether the edit does more than an edit of that size usually does.
    pub p: f64,
    /// Used, of features: effect on the logit of at least this many of the logit's standard deviations.
    pub effect: f64,
    /// Used, of a direction: the same. Lower, because a direction holds about 0.83 of the effect of what it stands for (slope
    /// on phantoms drawn again, `tests/benchmarks.md`).
    pub effect_of_direction: f64,
}

impl Default for VerdictRule {
    fn default() -> Self {
        Self { auc: 0.7, p: 0.25, effect: 0.3, effect_of_direction: 0.25 }
    }
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Told by features and used by predictions.
    Both,
    /// Told by features; predictions do not rest on them.
    Detected,
    /// Predictions rest on what was edited, which does not tell the confounder.
    Used,
    /// Neither.
    Neither,
}

/// The verdict and the numbers behind it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// What is said.
    pub verdict: Verdict,
    /// Whether it is detected.
    pub detected: bool,
    /// Whether it is used.
    pub used: bool,
    /// AUC of what was edited for the confounder.
    pub auc: Option<Estimate>,
    /// The effect judged, in logits: the contrast where there is one, else the mean change.
    pub effect: Option<Estimate>,
    /// The same in the logit's standard deviations; none where no contrast gives one.
    pub standardised: Option<f64>,
    /// Place among features of matched activation.
    pub among_features: Option<Place>,
    /// Place among random directions of matched length.
    pub among_directions: Option<Place>,
    /// What the rule asked for and did not find; empty where it is used.
    pub unmet: Vec<&'static str>,
}

/// Whether what was edited is used: all of these hold.
///
/// 1. There is an effect: the 95 % interval of the contrast's logit does not hold 0.
/// 2. It is not small: at least [`VerdictRule::effect`], or [`VerdictRule::effect_of_direction`], standard deviations of the
///    logit within films of one kind.
/// 3. Where features were edited: it is not what any edit of that size does, p at most [`VerdictRule::p`] against random
///    directions and against features. A direction is not asked for this. The contrast between films with and without the
///    confounder is its control: a direction found on other patients that has nothing to do with the confounder moves both
///    kinds alike, while random directions in a model that reads many things move predictions widely, whatever it uses.
///
/// Without a contrast (no column, or no value of it that shows the confounder) the mean change over all films takes its
/// place in 1 and 3, and 2 cannot be asked.
#[must_use]
pub fn is_used(row: &UsageRow, auc: Option<Estimate>, rule: &VerdictRule) -> Judgement {
    let contrast = row.contrast.as_ref();
    let effect = contrast.map(|contrast| contrast.logit).or(row.overall.logit);
    let place = |kind: ControlKind| {
        let controls = row.controls.iter().find(|controls| controls.kind == kind)?;
        if contrast.is_some() { controls.contrast } else { controls.mean }
    };
    let [among_features, among_directions] = [ControlKind::Features, ControlKind::Directions].map(place);
    let standardised = contrast
        .filter(|contrast| contrast.logit_deviation > 0.0)
        .map(|contrast| contrast.logit.value / contrast.logit_deviation);
    let mut unmet = Vec::new();
    if effect.is_none_or(|effect| effect.low <= 0.0 && effect.high >= 0.0) {
        unmet.push("an effect whose interval leaves out 0");
    }
    let of_features = !row.features.is_empty();
    let least = if of_features { rule.effect } else { rule.effect_of_direction };
    if standardised.is_some_and(|size| size.abs() < least) {
        unmet.push("an effect of the least size");
    }
    // Without a contrast nothing but the controls holds a direction's change against anything.
    let is_asked = of_features || contrast.is_none();
    for (is_asked, place, words) in [
        (of_features, among_features, "more than other features do"),
        (is_asked, among_directions, "more than random directions do"),
    ] {
        if is_asked && place.is_none_or(|place| place.p > rule.p) {
            unmet.push(words);
        }
    }
    let detected = auc.is_some_and(|auc| auc.low >= rule.auc || auc.high <= 1.0 - rule.auc);
    let used = unmet.is_empty();
    let verdict = match (detected, used) {
        (true, true) => Verdict::Both,
        (true, false) => Verdict::Detected,
        (false, true) => Verdict::Used,
        (false, false) => Verdict::Neither,
    };
    Judgement { verdict, detected, used, auc, effect, standardised, among_features, among_directions, unmet }
}
