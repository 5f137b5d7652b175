//! What a dictionary's training can be told: its kind with the loss that belongs to it, and how long and how fast.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most numbers in each of the two matrices; the same bound as `DictionarySaeConfig::check` has.
const MOST_WEIGHTS: usize = 1 << 30;

/// The kind of dictionary and its loss. All losses are sums over dimensions and features and means over tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    /// Gated (Rajamanoharan et al. 2024a) with free decoder norms that weight the sparsity, as SAE-Rad has it:
    /// `|x - x_hat|^2 + sparsity * sum_i relu(pi_i) |W_dec,i| + |x - x_hat_gate|^2`, the decoder of the last held still.
    Gated {
        /// Weight of the sparsity term.
        sparsity: f32,
    },
    /// The `k` largest activations of each token (Gao et al. 2024): `|x - x_hat|^2` and the auxiliary loss of dead
    /// features; unit decoder rows.
    TopK {
        /// Active features of a token.
        k: usize,
    },
    /// The `batch * k` largest activations of the whole batch (Bussmann et al. 2024), the rest as [`Self::TopK`].
    BatchTopK {
        /// Active features of a token, on average.
        k: usize,
    },
    /// A threshold for each feature, learned through a rectangle kernel (Rajamanoharan et al. 2024b):
    /// `|x - x_hat|^2` and a penalty on the number of active features; unit decoder rows.
    JumpRelu {
        /// The penalty.
        penalty: L0Penalty,
        /// Width of the kernel, in pre-activation of scaled tokens.
        bandwidth: f32,
        /// Threshold that all features begin with.
        threshold: f32,
    },
    /// [`Self::BatchTopK`] whose first features must reconstruct alone (Bussmann et al. 2025): the mean, over nested
    /// groups, of the error of the features up to the group's end.
    Matryoshka {
        /// Active features of a token, on average.
        k: usize,
        /// Sizes of the groups; their sum is the number of features.
        groups: Vec<usize>,
    },
}

/// What a [`Objective::JumpRelu`] pays for active features; `L0` is their mean number over the tokens of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum L0Penalty {
    /// `weight * L0`, the paper's.
    Weight(f32),
    /// `weight * (L0 / target - 1)^2`, as `dictionary_learning` has it (`trainers/jumprelu.py`).
    Target {
        /// Wanted active features of a token.
        target: f32,
        /// Weight of the square.
        weight: f32,
    },
}

impl Objective {
    /// Its name, as it appears in tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gated { .. } => "gated",
            Self::TopK { .. } => "topk",
            Self::BatchTopK { .. } => "batchtopk",
            Self::JumpRelu { .. } => "jumprelu",
            Self::Matryoshka { .. } => "matryoshka",
        }
    }

    /// Whether decoder rows are kept at length 1.
    #[must_use]
    pub fn has_unit_rows(&self) -> bool {
        !matches!(self, Self::Gated { .. })
    }

    /// Active features of a token that the kind fixes.
    #[must_use]
    pub fn k(&self) -> Option<usize> {
        match self {
            Self::TopK { k } | Self::BatchTopK { k } | Self::Matryoshka { k, .. } => Some(*k),
            Self::Gated { .. } | Self::JumpRelu { .. } => None,
        }
    }

    /// Whether the kept activations are chosen over the batch, so that inference needs a threshold.
    #[must_use]
    pub fn has_batch_threshold(&self) -> bool {
        matches!(self, Self::BatchTopK { .. } | Self::Matryoshka { .. })
    }

    /// Adam's first decay: none for JumpReLU (paper, appendix I), else the usual.
    pub(super) fn first_decay(&self) -> f32 {
        if matches!(self, Self::JumpRelu { .. }) { 0.0 } else { 0.9 }
    }
}

/// Everything that a run is told; the same options and latents give the same weights on the same machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DictionaryOptions {
    /// Kind and loss.
    pub objective: Objective,
    /// Features `m`.
    pub features: usize,
    /// Tokens in a step.
    pub batch: usize,
    /// Steps.
    pub steps: usize,
    /// Largest learning rate of the warm-up and cosine schedule.
    pub learning_rate: f64,
    /// Seed of weights and order.
    pub seed: u64,
    /// A feature that did not fire for this many tokens is dead.
    pub dead_window: u64,
    /// Weight of the auxiliary loss by which dead features of TopK kinds learn (Gao et al. 2024, appendix A.2).
    pub auxiliary_weight: f32,
    /// Dead features of a token in that loss; half of `d` to the nearest power of two when none, as in the paper.
    pub auxiliary_features: Option<usize>,
    /// Steps after which dead features of gated and JumpReLU dictionaries are started anew, again and again over the
    /// first four fifths of the run; never when none.
    pub resample_every: Option<usize>,
    /// Steps over which the sparsity of gated and JumpReLU dictionaries grows to its weight.
    pub sparsity_ramp: usize,
    /// Largest norm of all gradients together; without bound when none.
    pub clip: Option<f32>,
    /// Active features of a token that a gated dictionary ends with, at most: its gates are tightened alike after
    /// training. As it was trained when none.
    pub at_most_active: Option<f64>,
    /// Steps between points of the curves.
    pub report_every: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

impl DictionaryOptions {
    /// The defaults of a kind.
    #[must_use]
    pub fn new(objective: Objective, features: usize, steps: usize) -> Self {
        let sparse_by_choice = objective.k().is_some();
        Self {
            clip: objective.has_unit_rows().then_some(1.0),
            objective,
            features,
            batch: 1024,
            steps,
            // Gao et al. 2024, figure 3: 1 / sqrt(m), here with the scale of latents that have unit entries.
            learning_rate: 1e-3 / (features as f64 / 4096.0).max(1.0).sqrt(),
            seed: 20_261_122,
            dead_window: 250_000,
            auxiliary_weight: 1.0 / 32.0,
            auxiliary_features: None,
            resample_every: (!sparse_by_choice).then_some((steps / 8).max(1)),
            sparsity_ramp: if sparse_by_choice { 0 } else { (steps / 10).max(1) },
            at_most_active: None,
            report_every: 50,
            checkpoint_every: 1000,
        }
    }

    /// Dead features of a token in the auxiliary loss, for tokens of `dim` numbers.
    #[must_use]
    pub fn auxiliary_count(&self, dim: usize) -> usize {
        self.auxiliary_features.unwrap_or_else(|| 1 << (dim as f64 / 2.0).max(1.0).log2().round() as u32)
    }

    /// Share of the sparsity's weight at a step.
    #[must_use]
    pub fn sparsity_share(&self, step: usize) -> f32 {
        if self.sparsity_ramp == 0 { 1.0 } else { (step as f32 / self.sparsity_ramp as f32).min(1.0) }
    }

    /// Whether the options make sense for tokens of `dim` numbers.
    ///
    /// # Errors
    /// What does not, in one line.
    pub fn check(&self, dim: usize) -> Result<()> {
        let refuse = |reason: String| Err(Error::Invalid(reason));
        let m = self.features;
        if dim == 0 || m == 0 || dim.checked_mul(m).is_none_or(|weights| weights > MOST_WEIGHTS) {
            return refuse(format!("a dictionary of {m} features of {dim} numbers cannot be trained; choose fewer"));
        }
        if self.batch == 0 || self.batch > 1 << 16 || self.steps == 0 {
            return refuse(format!("{} steps of {} tokens make no sense", self.steps, self.batch));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return refuse(format!("a learning rate of {} makes no sense; choose about 0.001", self.learning_rate));
        }
        if self.objective.k().is_some_and(|k| k == 0 || k > m) {
            return refuse(format!("k must be 1 to {m}, the number of features"));
        }
        // Entries are counted in 32 bits.
        let most = self.objective.k().unwrap_or(0).max(self.auxiliary_count(dim).min(m));
        if self.batch.checked_mul(most).is_none_or(|entries| entries > 1 << 31) {
            return refuse(format!(
                "{most} active features of {} tokens are too many; take a smaller batch",
                self.batch
            ));
        }
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let sensible = match &self.objective {
            Objective::Gated { sparsity } => sparsity.is_finite() && *sparsity >= 0.0,
            Objective::JumpRelu { penalty, bandwidth, threshold } => {
                let penalty = match *penalty {
                    L0Penalty::Weight(weight) => weight.is_finite() && weight >= 0.0,
                    L0Penalty::Target { target, weight } => positive(target) && weight.is_finite() && weight >= 0.0,
                };
                penalty && positive(*bandwidth) && positive(*threshold)
            }
            Objective::Matryoshka { groups, .. } => {
                let sum = groups.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
                sum == Some(m) && groups.iter().all(|&size| size > 0) && groups.len() <= 64
            }
            Objective::TopK { .. } | Objective::BatchTopK { .. } => true,
        };
        let is_gated = matches!(self.objective, Objective::Gated { .. });
        let extras = self.auxiliary_weight.is_finite()
            && self.auxiliary_weight >= 0.0
            && self.auxiliary_features != Some(0)
            && self.clip.is_none_or(positive)
            && self.resample_every != Some(0)
            && self.dead_window > 0
            && self.report_every > 0
            && self.checkpoint_every > 0
            && self.at_most_active.is_none_or(|active| active.is_finite() && active > 0.0 && is_gated);
        if sensible && extras { Ok(()) } else { refuse(format!("dictionary options make no sense: {self:?}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_auxiliary_count_is_a_power_of_two_near_half_the_size() {
        let options = DictionaryOptions::new(Objective::TopK { k: 4 }, 64, 10);
        assert_eq!([768, 64, 1024, 1].map(|dim| options.auxiliary_count(dim)), [512, 32, 512, 1]);
    }

    #[test]
    fn nonsense_is_refused() {
        let good = DictionaryOptions::new(Objective::TopK { k: 4 }, 64, 10);
        assert!(good.check(16).is_ok());
        let bad = [
            DictionaryOptions { features: 0, ..good.clone() },
            DictionaryOptions { features: usize::MAX, ..good.clone() },
            DictionaryOptions { batch: 0, ..good.clone() },
            DictionaryOptions { learning_rate: f64::NAN, ..good.clone() },
            DictionaryOptions { objective: Objective::TopK { k: 65 }, ..good.clone() },
            DictionaryOptions { objective: Objective::Matryoshka { k: 2, groups: vec![32, 31] }, ..good.clone() },
            DictionaryOptions { objective: Objective::Gated { sparsity: f32::NAN }, ..good.clone() },
            DictionaryOptions { clip: Some(0.0), ..good },
        ];
        assert!(bad.iter().all(|options| options.check(16).is_err()));
    }
}
