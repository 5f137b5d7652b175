//! The methods that are compared, the ceiling and the floors among them.

use burn::prelude::*;

/// One way to take a factor away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The true counterfactual film itself: what a perfect method would give.
    Truth,
    /// The true counterfactual film through encoder and decoder: the best that an edit of this latent can give.
    Reencoded,
    /// The SAE feature that tells the factor best, set to zero.
    Feature,
    /// The eight SAE features that tell it best, set to zero.
    Features,
    /// A linear probe on tokens: those that show the factor are moved along its pattern.
    Probe,
    /// The difference between the mean latents of films with and without the factor.
    Means,
    /// Latent Shift, as our own preset walks: the step that lowers the label's logit most for its length in standard
    /// deviations of the film's latent.
    Shift,
    /// The one unit of the token that tells the factor best.
    Unit,
    /// A random direction, as long as the difference of the means.
    Random,
    /// The film as it is.
    Nothing,
}

impl Method {
    /// Every method, best first as one would hope.
    pub const ALL: [Self; 10] = [
        Self::Truth,
        Self::Reencoded,
        Self::Feature,
        Self::Features,
        Self::Probe,
        Self::Means,
        Self::Shift,
        Self::Unit,
        Self::Random,
        Self::Nothing,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth",
            Self::Reencoded => "truth, re-encoded",
            Self::Feature => "feature",
            Self::Features => "8 features",
            Self::Probe => "probe",
            Self::Means => "class means",
            Self::Shift => "latent shift",
            Self::Unit => "latent unit",
            Self::Random => "random direction",
            Self::Nothing => "nothing",
        }
    }

    /// Whether it is a method that a user could have, not a ceiling or a floor.
    #[must_use]
    pub fn is_real(self) -> bool {
        matches!(self, Self::Feature | Self::Features | Self::Probe | Self::Means | Self::Shift)
    }
}

/// Where a method goes on one film.
pub(super) enum Walk {
    /// Latents at growing steps, `[k, n, d]`.
    Latents(Box<Tensor<3>>),
    /// The true counterfactual, as it is or through the autoencoder.
    True {
        /// Through the autoencoder.
        reencoded: bool,
    },
    /// Nowhere.
    Stay,
}
