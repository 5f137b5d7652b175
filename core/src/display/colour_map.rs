//! Colour maps for the grey picture itself. In: a brightness. Out: a colour.

use serde::{Deserialize, Serialize};

/// How brightness becomes colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColourMap {
    /// Black to white: how films are read.
    #[default]
    Grey,
    /// Dark blue over green to yellow, even in lightness (Smith and van der Walt 2015, matplotlib).
    Viridis,
    /// Black over purple to pale yellow, even in lightness (Smith and van der Walt 2015, matplotlib).
    Magma,
    /// Blue over white to red, for values round a middle (ColorBrewer `RdBu`, Harrower and Brewer 2003).
    BlueRed,
}

impl ColourMap {
    /// Every map, in the order in which menus show them.
    pub const ALL: [Self; 4] = [Self::Grey, Self::Viridis, Self::Magma, Self::BlueRed];

    /// What menus call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::BlueRed => "blue to red",
        }
    }

    /// The colour of each of the 256 brightnesses of a screen. The published tables are those of the crate `colorous`.
    #[must_use]
    pub fn table(self) -> [[u8; 3]; 256] {
        std::array::from_fn(|level| {
            let share = level as f64 / 255.0;
            let colorous::Color { r, g, b } = match self {
                Self::Grey => return [level as u8; 3],
                Self::Viridis => colorous::VIRIDIS.eval_continuous(share),
                Self::Magma => colorous::MAGMA.eval_continuous(share),
                Self::BlueRed => colorous::RED_BLUE.eval_continuous(1.0 - share),
            };
            [r, g, b]
        })
    }
}
