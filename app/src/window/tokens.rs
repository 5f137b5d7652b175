//! Design tokens: the one place where colours and sizes have values.
//!
//! In: `theme.ron`, compiled in. Out: [`Look`], the colours and sizes of one theme, small enough to copy.

use egui::Color32;
use serde::Deserialize;

use super::WindowError;

const TOKENS: &str = include_str!("../theme.ron");

/// A colour, written `#RRGGBB` or `#RRGGBBAA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Colour(Color32);

impl TryFrom<String> for Colour {
    type Error = String;

    #[expect(clippy::disallowed_methods, reason = "the tokens themselves are read here")]
    fn try_from(text: String) -> Result<Self, String> {
        Color32::from_hex(&text).map(Self).map_err(|_| format!("\"{text}\" is not a colour like #13161B"))
    }
}

macro_rules! colours {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The colours of a theme.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Colours { $($(#[$doc])* pub $name: Color32),+ }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct RawColours { $($name: Colour),+ }

        impl From<RawColours> for Colours {
            fn from(raw: RawColours) -> Self {
                Self { $($name: raw.$name.0),+ }
            }
        }
    };
}

colours! {
    /// Around the films.
    light_box,
    /// Panels.
    panel,
    /// Fields and cards on panels.
    raised,
    /// Lines and empty tracks.
    line,
    /// Words and numbers.
    text,
    /// Words beside the matter.
    secondary,
    /// What cannot be used.
    disabled,
    /// What can be used: the only interactive colour.
    accent,
    /// Behind what is chosen.
    accent_soft,
    /// Words on the accent.
    on_accent,
    /// Needs care.
    warning,
    /// Went wrong.
    error,
    /// Brighter than before.
    added,
    /// Darker than before.
    removed,
    /// Changed, direction unknown.
    changed,
    /// Around a region on a film.
    outline,
    /// Words on a film.
    on_film,
    /// Less important words on a film.
    on_film_secondary,
    /// Around words on a film.
    halo,
    /// Over the window behind a dialog.
    backdrop,
}

/// The sizes, in points.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Headings.
    pub heading: f32,
    /// Text.
    pub body: f32,
    /// Small text.
    pub small: f32,
    /// The step of all spacing.
    pub gap: f32,
    /// Margins.
    pub pad: f32,
    /// Rows of lists.
    pub row: f32,
    /// Rounded corners.
    pub radius: f32,
    /// Lines.
    pub stroke: f32,
    /// The line around what has the keyboard.
    pub focus: f32,
    /// The line around a region on a film.
    pub outline: f32,
    /// Height of the bar at the top.
    pub top_bar: f32,
    /// Height of the bar at the bottom.
    pub status_bar: f32,
    /// Height of the light box's tools.
    pub tool_bar: f32,
    /// Height of the tabs below the light box.
    pub tab_bar: f32,
    /// Width of the study panel.
    pub left: f32,
    /// The same in a narrow window.
    pub left_narrow: f32,
    /// Width of the features panel.
    pub right: f32,
    /// The same in a narrow window.
    pub right_narrow: f32,
    /// A window below this width is narrow.
    pub narrow_below: f32,
    /// Height of the panel below the light box, with its tabs.
    pub bottom: f32,
    /// The same in a narrow window.
    pub bottom_narrow: f32,
    /// The same with a feature's page.
    pub bottom_page: f32,
    /// The same in a narrow window.
    pub bottom_page_narrow: f32,
    /// Between viewports.
    pub pane_gap: f32,
    /// Side of a thumbnail.
    pub thumbnail: f32,
    /// Rows of the study list.
    pub study_row: f32,
    /// Thickness of a slider's track.
    pub track: f32,
    /// Radius of a slider's handle.
    pub handle: f32,
    /// Height of a prediction's bar.
    pub bar: f32,
    /// Width of a tick.
    pub tick: f32,
    /// Width of a colour bar.
    pub scale_width: f32,
    /// Height of a colour bar.
    pub scale_height: f32,
    /// Side of the original's inset, as a share of the viewport.
    pub inset_share: f32,
    /// Width of the command palette.
    pub palette_width: f32,
    /// Rows of the command palette.
    pub palette_rows: usize,
    /// Width of dialogs.
    pub dialog_width: f32,
    /// Width of messages in the corner.
    pub toast_width: f32,
    /// Widest column of text.
    pub reading_width: f32,
    /// Line of the target in a plot.
    pub plot_line: f32,
    /// Lines of everything else in a plot.
    pub plot_faint: f32,
    /// Width of the menu with the light box's settings.
    pub reading_menu: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    dark: RawColours,
    light: RawColours,
    size: Sizes,
}

/// Both themes.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    dark: Colours,
    light: Colours,
    size: Sizes,
}

impl Tokens {
    /// Reads the tokens that were compiled in.
    pub fn load() -> Result<Self, WindowError> {
        let raw: Raw = ron::from_str(TOKENS).map_err(|e| WindowError::Theme(e.to_string()))?;
        Ok(Self { dark: raw.dark.into(), light: raw.light.into(), size: raw.size })
    }

    /// Colours and sizes of a theme.
    pub fn look(&self, theme: egui::Theme) -> Look {
        let colour = match theme {
            egui::Theme::Dark => self.dark,
            egui::Theme::Light => self.light,
        };
        Look { colour, size: self.size }
    }
}

/// Colours and sizes of one theme.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub colour: Colours,
    /// Sizes.
    pub size: Sizes,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.1 relative luminance.
    fn luminance(colour: Color32) -> f64 {
        let channel = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(colour.r()) + 0.7152 * channel(colour.g()) + 0.0722 * channel(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn words_can_be_read_in_both_themes() {
        let tokens = Tokens::load().unwrap();
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            let c = tokens.look(theme).colour;
            for ground in [c.panel, c.raised] {
                for (name, ink) in [
                    ("text", c.text),
                    ("secondary", c.secondary),
                    ("accent", c.accent),
                    ("warning", c.warning),
                    ("error", c.error),
                ] {
                    assert!(contrast(ink, ground) >= 4.5, "{theme:?}: {name} {:.2}", contrast(ink, ground));
                }
            }
            assert!(contrast(c.on_accent, c.accent) >= 4.5, "{theme:?}: on accent");
            assert!(contrast(c.text, c.accent_soft) >= 4.5, "{theme:?}: on what is chosen");
            assert!(contrast(c.on_film_secondary, c.light_box) >= 4.5, "{theme:?}: on film");
        }
    }

    #[test]
    fn spacing_is_in_steps_of_four() {
        let size = Tokens::load().unwrap().look(egui::Theme::Dark).size;
        for (name, value) in [("gap", size.gap), ("pad", size.pad), ("row", size.row), ("study row", size.study_row)] {
            assert_eq!(value % 4.0, 0.0, "{name}");
        }
    }
}
