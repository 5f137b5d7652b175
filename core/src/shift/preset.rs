//! Whose rules a shift follows: three published programs, exactly as they behave, and our own.

use serde::{Deserialize, Serialize};

use crate::difference::MapMethod;
use crate::error::{Error, Result};

/// Which program's behaviour a shift follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Fluoro's own: steps in standard deviations of the latent, both sides, lambda 0 among the frames.
    #[default]
    Fluoro,
    /// The paper-time code (gifsplanation 3369bae, February 2021): raw gradient, search by steps of 1 then 10 down to a
    /// drop of 0.5 and up to a rise of 0.05, eleven frames.
    Paper,
    /// The repository since June 2021 (gifsplanation 5a8f7f4): the score once more through a sigmoid, down to a drop of
    /// 0.15 of that, ten frames without lambda 0.
    Repo,
    /// The Python package (latentshift 0.0.6, with `apply_sigmoid=False`, as for every score that is one already): growing
    /// steps down to a drop of 0.8, a score of 0.05 or a change of 5 % of the picture, ten frames.
    Package,
}

impl Preset {
    /// Every preset, in the order in which menus show them.
    pub const ALL: [Self; 4] = [Self::Fluoro, Self::Paper, Self::Repo, Self::Package];

    /// The name on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fluoro => "fluoro",
            Self::Paper => "paper",
            Self::Repo => "repo",
            Self::Package => "package",
        }
    }

    /// What it does, in a line.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Fluoro => {
                "our own: steps in standard deviations of the latent, both ways, until the score is low or high enough, turns \
                 back, or the picture changes too much"
            }
            Self::Paper => {
                "gifsplanation at the time of the paper: down to a drop of 0.5, up to a rise of 0.05, eleven frames"
            }
            Self::Repo => {
                "gifsplanation today: down to a drop of 0.15 of the score put through one more sigmoid, ten frames"
            }
            Self::Package => {
                "the latentshift package: growing steps down to a drop of 0.8, a score of 0.05 or 5 % of the picture, ten frames"
            }
        }
    }

    /// The map it makes when nothing else is asked for.
    #[must_use]
    pub fn map(self) -> MapMethod {
        match self {
            Self::Fluoro | Self::Paper | Self::Repo => MapMethod::Max,
            Self::Package => MapMethod::Interval,
        }
    }

    /// Whether its `max` and `mean` maps are those of the published slip ([`crate::difference::slip_map`]).
    #[must_use]
    pub fn slips(self) -> bool {
        matches!(self, Self::Paper | Self::Repo)
    }

    /// Whether its lambdas are multiples of the raw gradient, and so have no unit.
    #[must_use]
    pub fn is_published(self) -> bool {
        self != Self::Fluoro
    }

    /// The score as the program saw it.
    pub(super) fn squash(self, score: f32) -> f32 {
        match self {
            Self::Repo => 1.0 / (1.0 + (-score).exp()),
            _ => score,
        }
    }

    /// Slope of [`Self::squash`] at a score.
    pub(super) fn squash_slope(self, score: f32) -> f32 {
        match self {
            Self::Repo => {
                let s = self.squash(score);
                s * (1.0 - s)
            }
            _ => 1.0,
        }
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| Error::unknown("preset", text, Self::ALL.map(Self::name)))
    }
}
