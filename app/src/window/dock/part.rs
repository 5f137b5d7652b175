//! The parts of the window that can be moved.

use serde::{Deserialize, Serialize};

use crate::window::app::Tab;
use crate::window::command::Command;

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// Films and what their files say.
    Study,
    /// Viewports.
    LightBox,
    /// Findings as sliders.
    Findings,
    /// Features as sliders.
    Features,
    /// Latent shift.
    Shift,
    /// Films that come with the bundle, or a store's features.
    Gallery,
    /// The film in words.
    Report,
    /// Where the classifier looks.
    Attribution,
    /// Metadata against features.
    Audit,
    /// Times.
    Performance,
    /// What the program said.
    Log,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 11] = [
        Self::Study,
        Self::LightBox,
        Self::Findings,
        Self::Features,
        Self::Shift,
        Self::Gallery,
        Self::Report,
        Self::Attribution,
        Self::Audit,
        Self::Performance,
        Self::Log,
    ];

    /// Its place among the tabs, if it is one of those below the light box at first.
    pub fn tab(self) -> Option<Tab> {
        match self {
            Self::Study | Self::LightBox | Self::Findings | Self::Features => None,
            Self::Shift => Some(Tab::Shift),
            Self::Gallery => Some(Tab::Gallery),
            Self::Report => Some(Tab::Report),
            Self::Attribution => Some(Tab::Attribution),
            Self::Audit => Some(Tab::Audit),
            Self::Performance => Some(Tab::Performance),
            Self::Log => Some(Tab::Log),
        }
    }

    /// The part of a tab.
    pub fn of_tab(tab: Tab) -> Self {
        match tab {
            Tab::Shift => Self::Shift,
            Tab::Gallery => Self::Gallery,
            Tab::Report => Self::Report,
            Tab::Attribution => Self::Attribution,
            Tab::Audit => Self::Audit,
            Tab::Performance => Self::Performance,
            Tab::Log => Self::Log,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Study => "Study",
            Self::LightBox => "Light box",
            Self::Findings => "Findings",
            Self::Features => "Features",
            _ => self.command().map_or("", Command::text),
        }
    }

    /// The command that opens it.
    pub fn command(self) -> Option<Command> {
        match self {
            Self::LightBox => None,
            Self::Study => Some(Command::ToggleStudy),
            Self::Findings | Self::Features => Some(Command::ToggleFeatures),
            _ => self.tab().map(Tab::command),
        }
    }
}
