//! What an audit of use finds, as plain numbers with the counts that they rest on.

use serde::{Deserialize, Serialize};

use super::films::LeftOut;
use crate::metrics::{Confusion, Estimate, Flips};

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct UsageTable {
    /// Always `usage`.
    pub kind: &'static str,
    /// How edited latents became predictions; none of a reader without a bundle.
    pub route: Option<crate::bundle::Route>,
    /// The audited column, if films are grouped.
    pub column: Option<String>,
    /// The value of that column that shows the confounder.
    pub shown: Option<String>,
    /// Films asked for.
    pub films: usize,
    /// Films measured.
    pub measured: usize,
    /// Their patients.
    pub patients: usize,
    /// Films that could not be read.
    pub left_out: Vec<LeftOut>,
    /// What the SAE does not explain of the audited latents; none without an SAE.
    pub residual: Option<Residual>,
    /// Seed of the controls and the intervals.
    pub seed: u64,
    /// One for each edit and label.
    pub rows: Vec<UsageRow>,
}

/// The part of latents that the SAE does not explain. Edits of features leave it alone; where it is large, a prediction may
/// rest on it, and removing features cannot show that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Films that it was measured on.
    pub films: usize,
    /// Mean over films of the length of `latent - restored` over that of the latent.
    pub relative_norm: f64,
    /// Share of the tokens' variance about their mean over all films that the SAE explains; none where there is no variance.
    pub explained_variance: Option<f64>,
}

/// One edit and one label.
#[derive(Clone, Debug, Serialize)]
pub struct UsageRow {
    /// The edit's name.
    pub edit: String,
    /// Features that it changes; empty for a direction.
    pub features: Vec<usize>,
    /// The label.
    pub label: String,
    /// Operating point on the label's probability.
    pub operating_point: f32,
    /// Over all films.
    pub overall: Change,
    /// Over the films of each group, by its value; films of no known group are in none.
    pub groups: Vec<GroupChange>,
    /// Between films that show the confounder and those that do not; none without both.
    pub contrast: Option<Contrast>,
    /// What other edits of the same films do, and where this one stands among them.
    pub controls: Vec<Controls>,
    /// Against the truth of the label; none where it is not known.
    pub performance: Option<Performance>,
    /// How large the edit is.
    pub size: EditSize,
    /// What the SAE does not explain, the same in every row.
    pub residual: Option<Residual>,
}

/// How far an edit moves latents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EditSize {
    /// Mean over all films of the length of the change over that of the latent.
    pub relative_norm: f64,
    /// The same over the films whose latent changes.
    pub relative_norm_where_changed: Option<f64>,
    /// Films whose latent changes.
    pub changed: usize,
    /// Films in all.
    pub films: usize,
}

/// How a label's output changes over films: after the edit less before it.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Films.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Films whose latent the edit changes.
    pub changed: usize,
    /// Their share, with Wilson's interval.
    pub share_changed: Option<Estimate>,
    /// Mean change of the logit, with its 95 % interval by paired bootstrap of patients.
    pub logit: Option<Estimate>,
    /// The same of the probability, the sigmoid of the logit.
    pub probability: Option<Estimate>,
    /// Quantiles 5, 25, 50, 75, 95 % of the logit's change.
    pub logit_quantiles: [f64; 5],
    /// The same of the probability's.
    pub probability_quantiles: [f64; 5],
    /// Films that cross the operating point.
    pub flips: Flips,
    /// Their share, with Wilson's interval.
    pub flip_rate: Option<Estimate>,
}

/// [`Change`] over the films of one group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupChange {
    /// The column's value.
    pub group: String,
    /// Over its films.
    pub change: Change,
}

/// How much more the edit changes films that show the confounder than films that do not.
///
/// Where the label's truth is known both kinds are compared among films with the label and among films without it, and the
/// two differences are averaged with weights `a b / (a + b)` of their counts (as Mantel and Haenszel do): what a feature of
/// the label itself does then counts for nothing, however the confounder goes with the label.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Contrast {
    /// Films that show it.
    pub shown: usize,
    /// Films that do not.
    pub others: usize,
    /// Whether films are compared within the label's truth.
    pub within_truth: bool,
    /// Difference of the mean changes of the logit, with its 95 % interval by paired bootstrap of patients.
    pub logit: Estimate,
    /// Difference of the mean changes of the probability, likewise.
    pub probability: Estimate,
    /// Difference of the mean logits before the edit: all that sets the two kinds apart for the model.
    pub logit_before: f64,
    /// Standard deviation of the logit before the edit within the compared kinds.
    pub logit_deviation: f64,
}

/// What is edited instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlKind {
    /// For features: others that fire as often and as strongly, changed in the same way. For a direction: the same lengths
    /// along the decoder rows of random features.
    Features,
    /// The same lengths of every film's change along random directions.
    Directions,
}

/// An edit's place among its controls.
#[derive(Clone, Debug, Serialize)]
pub struct Controls {
    /// Which.
    pub kind: ControlKind,
    /// How many there were.
    pub count: usize,
    /// By mean change of the logit over all films.
    pub mean: Option<Place>,
    /// By [`Contrast::logit`]; none where there is no contrast.
    pub contrast: Option<Place>,
}

/// A number's place among those of controls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// The edit's own.
    pub value: f64,
    /// Mean of the controls.
    pub mean: f64,
    /// Their standard deviation (`n - 1`); 0 of one control.
    pub deviation: f64,
    /// The largest of them without regard to sign.
    pub largest: f64,
    /// `(value - mean) / deviation`; none where they do not differ.
    pub z: Option<f64>,
    /// Controls at least as large as the edit, without regard to sign.
    pub as_large: usize,
    /// `(1 + as_large) / (1 + controls)`.
    pub p: f64,
}

/// A label against its truth, before and after the edit.
#[derive(Clone, Debug, Serialize)]
pub struct Performance {
    /// Films with the label.
    pub positives: usize,
    /// Films without it.
    pub negatives: usize,
    /// Before.
    pub before: Scores,
    /// After.
    pub after: Scores,
    /// By group: value, scores before, scores after.
    pub groups: Vec<GroupScores>,
    /// Between groups, before.
    pub gaps_before: Gaps,
    /// Between groups, after.
    pub gaps_after: Gaps,
}

/// One group's scores.
#[derive(Clone, Debug, Serialize)]
pub struct GroupScores {
    /// The column's value.
    pub group: String,
    /// Before.
    pub before: Scores,
    /// After.
    pub after: Scores,
}

/// How well probabilities tell a label.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Scores {
    /// Films at the operating point, by truth and decision.
    pub decisions: Confusion,
    /// Area under the ROC curve with its 95 % interval by bootstrap of patients; none without both kinds of film.
    pub auc: Option<Estimate>,
    /// Brier score.
    pub brier: Option<f64>,
    /// Expected calibration error over 15 bins of equal width.
    pub calibration_error: Option<f64>,
    /// At the operating point.
    pub true_positive_rate: Option<f64>,
    /// At the operating point.
    pub false_positive_rate: Option<f64>,
    /// At the operating point.
    pub accuracy: Option<f64>,
}

/// Differences between groups; none where fewer than two groups have the number.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Gaps {
    /// Largest less smallest true positive rate.
    pub true_positive_rate: Option<f64>,
    /// Largest less smallest false positive rate.
    pub false_positive_rate: Option<f64>,
    /// The group with the smallest AUC, and that.
    pub worst_auc: Option<(String, f64)>,
    /// The group with the smallest accuracy, and that.
    pub worst_accuracy: Option<(String, f64)>,
}
