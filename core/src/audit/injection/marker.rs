//! Markers in words: what is drawn onto a film, where, and how large. In: text such as `portable@0.1,0.08:0.03`, or serde.
//! Out: [`Marker`]s, checked. Knows nothing of pixels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most letters of a text.
const LONGEST: usize = 24;
/// Height of capitals that is usual for burned-in words: 20 to 25 of 1024 pixels on films of NIH ChestX-ray14.
const WORD_HEIGHT: f32 = 0.022;
/// Height of a lead letter: 33 to 41 of 1024 pixels there.
const LETTER_HEIGHT: f32 = 0.037;
/// Height of the arrow that says which way is up: 54 of 1024 pixels there.
const ARROW_HEIGHT: f32 = 0.053;

/// Something that is on a film and is not the patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// Words or a letter.
    Text(Text),
    /// An arrow that points up.
    Arrow(Spot),
    /// A frame of one shade along all four sides: collimation.
    Border {
        /// What it is filled with.
        shade: Shade,
        /// Its width as a share of the film's shorter side, 0.005 to 0.45.
        width: f32,
    },
    /// Black and white swapped.
    Inversion,
    /// Another contrast curve: brightness to this power, 0.1 to 10; above 1 is darker.
    Gamma(f32),
    /// Another contrast curve: logistic round the middle grey, scaled to keep black and white; the gain, 0.5 to 20, is its
    /// steepness.
    Sigmoid(f32),
}

/// Words on a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Letters, digits, spaces and signs of ASCII.
    pub words: String,
    /// How they are written.
    pub lettering: Lettering,
    /// Where, and how large.
    pub at: Spot,
    /// Letters are stretched until the words are as wide as this one: for control words, which fill the box of the word that
    /// they stand in for.
    #[serde(default)]
    pub as_wide_as: Option<String>,
}

/// Where a marker is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Middle, as a share of the film's width from the left, 0 to 1. A marker that would leave the film is moved inwards.
    pub x: f32,
    /// Middle, as a share of the film's height from the top, 0 to 1.
    pub y: f32,
    /// Height of the capitals, or of the arrow, as a share of the film's height, 0.005 to 0.5.
    pub height: f32,
}

/// How letters get onto a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lettering {
    /// Burned in by the console: white with a thin dark shadow below and to the right.
    Screen,
    /// Burned in, bold and narrow with a dark rim.
    Bold,
    /// Lead letters that lay on the cassette: thick, soft at the edge, about as bright as the brightest tissue.
    Lead,
    /// Burned in within a ring.
    Ring,
}

/// Shade of a border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shade {
    /// As an exposed film beside the collimator.
    Black,
    /// As a film that nothing reached.
    White,
}

impl Lettering {
    const ALL: [Self; 4] = [Self::Screen, Self::Bold, Self::Lead, Self::Ring];

    /// The name in markers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Bold => "bold",
            Self::Lead => "lead",
            Self::Ring => "ring",
        }
    }
}

/// Words that have a name of their own.
const WORDS: [&str; 7] = ["PORTABLE", "PORT", "SUPINE", "UPRIGHT", "AP", "ERECT", "SEMI-ERECT"];
const FORM: &str = "NAME@X,Y:HEIGHT/LETTERING with shares of the film, such as portable@0.1,0.08:0.03/screen; all but the \
                    name can be left out";

impl Marker {
    /// A word at its usual place and size.
    #[must_use]
    pub fn word(words: &str) -> Self {
        let at = Spot { x: 0.13, y: 0.09, height: WORD_HEIGHT };
        Self::Text(Text { words: words.to_owned(), lettering: Lettering::Screen, at, as_wide_as: None })
    }

    /// A lead letter at its usual place: the patient's right is at the film's left.
    #[must_use]
    pub fn letter(is_left: bool) -> Self {
        let at = Spot { x: if is_left { 0.90 } else { 0.10 }, y: 0.17, height: LETTER_HEIGHT };
        let words = if is_left { "L" } else { "R" }.to_owned();
        Self::Text(Text { words, lettering: Lettering::Lead, at, as_wide_as: None })
    }

    /// One of every kind, at the usual places.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let words = ["PORTABLE", "PORT", "SUPINE", "UPRIGHT", "AP"].map(Self::word);
        let others = [
            Self::letter(true),
            Self::letter(false),
            Self::Arrow(Spot { x: 0.13, y: 0.05, height: ARROW_HEIGHT }),
            Self::Border { shade: Shade::Black, width: 0.04 },
            Self::Border { shade: Shade::White, width: 0.04 },
            Self::Inversion,
            Self::Gamma(0.7),
            Self::Gamma(1.4),
            Self::Sigmoid(6.0),
        ];
        words.into_iter().chain(others).collect()
    }

    /// Where it is; none of what changes the whole film.
    #[must_use]
    pub fn spot(&self) -> Option<Spot> {
        match self {
            Self::Text(text) => Some(text.at),
            Self::Arrow(spot) => Some(*spot),
            _ => None,
        }
    }

    /// The same with its middle elsewhere; what changes the whole film stays as it is.
    #[must_use]
    pub fn moved(&self, x: f32, y: f32) -> Self {
        let mut marker = self.clone();
        match &mut marker {
            Self::Text(Text { at, .. }) | Self::Arrow(at) => (at.x, at.y) = (x, y),
            _ => {}
        }
        marker
    }

    /// Refuses sizes and words that mean nothing.
    ///
    /// # Errors
    /// With the value and its bounds.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::Invalid(format!("{what} {value} of a marker is not between {low} and {high}")))
        };
        if let Some(Spot { x, y, height }) = self.spot() {
            within("place", x, 0.0, 1.0)?;
            within("place", y, 0.0, 1.0)?;
            within("height", height, 0.005, 0.5)?;
        }
        match self {
            Self::Text(text) => text.check(),
            Self::Border { width, .. } => within("width", *width, 0.005, 0.45),
            Self::Gamma(power) => within("gamma", *power, 0.1, 10.0),
            Self::Sigmoid(gain) => within("gain", *gain, 0.5, 20.0),
            Self::Arrow(_) | Self::Inversion => Ok(()),
        }
    }
}

impl Text {
    fn check(&self) -> Result<()> {
        for words in std::iter::once(&self.words).chain(&self.as_wide_as) {
            let known = |c: char| c == ' ' || (c.is_ascii_graphic() && !"@:/~".contains(c));
            let blank = words.trim().is_empty();
            if blank || words.chars().count() > LONGEST || !words.chars().all(known) {
                return Err(Error::Invalid(format!(
                    "\"{words}\" cannot be drawn; write 1 to {LONGEST} letters, digits or signs of ASCII other than @ : / ~"
                )));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Marker {
    /// The form that [`Marker::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let name = text.words.to_lowercase();
                let own = WORDS.contains(&text.words.as_str()) && text.as_wide_as.is_none();
                match (&text.as_wide_as, text.words.as_str()) {
                    (None, "L" | "R") => write!(f, "{}", text.words)?,
                    _ if own => write!(f, "{name}")?,
                    (None, words) => write!(f, "text={words}")?,
                    (Some(other), words) => write!(f, "text={words}~{other}")?,
                }
                write!(f, "@{},{}:{}/{}", text.at.x, text.at.y, text.at.height, text.lettering.name())
            }
            Self::Arrow(spot) => write!(f, "arrow@{},{}:{}", spot.x, spot.y, spot.height),
            Self::Border { shade: Shade::Black, width } => write!(f, "black-border:{width}"),
            Self::Border { shade: Shade::White, width } => write!(f, "white-border:{width}"),
            Self::Inversion => f.write_str("inverted"),
            Self::Gamma(power) => write!(f, "gamma:{power}"),
            Self::Sigmoid(gain) => write!(f, "sigmoid:{gain}"),
        }
    }
}

/// A marker's text in parts.
struct Parts<'a> {
    name: &'a str,
    place: Option<[f32; 2]>,
    size: Option<f32>,
    lettering: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self> {
        let bad = |why: &str| Error::Invalid(format!("\"{text}\" is no marker: {why}; write {FORM}"));
        let number = |digits: &str| digits.trim().parse::<f32>().ok().filter(|v| v.is_finite());
        let cut = |text: &'a str, sign: char| text.split_once(sign).map_or((text, None), |(a, b)| (a, Some(b)));
        let (rest, lettering) = cut(text.trim(), '/');
        let (rest, size) = cut(rest, ':');
        let (name, place) = cut(rest, '@');
        let size = size.map(|size| number(size).ok_or_else(|| bad("its size is no number"))).transpose()?;
        let place = place.map(|place| {
            let pair = place.split_once(',').and_then(|(x, y)| Some([number(x)?, number(y)?]));
            pair.ok_or_else(|| bad("its place is not two numbers with a comma between"))
        });
        Ok(Self { name: name.trim(), place: place.transpose()?, size, lettering: lettering.map(str::trim) })
    }
}

impl FromStr for Marker {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = Parts::of(text)?;
        let lower = parts.name.to_lowercase();
        let mut marker = match (parts.name, lower.as_str()) {
            ("L" | "l", _) | (_, "left") => Self::letter(true),
            ("R" | "r", _) | (_, "right") => Self::letter(false),
            (_, "arrow") => Self::Arrow(Spot { x: 0.13, y: 0.05, height: ARROW_HEIGHT }),
            (_, "black-border") => Self::Border { shade: Shade::Black, width: 0.04 },
            (_, "white-border") => Self::Border { shade: Shade::White, width: 0.04 },
            (_, "inverted") => Self::Inversion,
            (_, "gamma") => Self::Gamma(0.7),
            (_, "sigmoid") => Self::Sigmoid(6.0),
            (name, lower) => match (name.get(..5), WORDS.iter().find(|word| word.eq_ignore_ascii_case(lower))) {
                (_, Some(word)) => Self::word(word),
                (Some(prefix), None) if prefix.eq_ignore_ascii_case("text=") => Self::word(&name[5..]),
                _ => return Err(unknown(name)),
            },
        };
        marker.apply(text, &parts)?;
        marker.check()?;
        Ok(marker)
    }
}

impl Marker {
    /// Sets what the text says beside the name.
    fn apply(&mut self, text: &str, parts: &Parts<'_>) -> Result<()> {
        let bad = |why: &str| Error::Invalid(format!("\"{text}\" is no marker: {why}"));
        let whole = "it changes the whole film and has no place";
        match self {
            Self::Text(Text { at, .. }) | Self::Arrow(at) => {
                [at.x, at.y] = parts.place.unwrap_or([at.x, at.y]);
                at.height = parts.size.unwrap_or(at.height);
            }
            _ if parts.place.is_some() => return Err(bad(whole)),
            Self::Border { width: size, .. } | Self::Gamma(size) | Self::Sigmoid(size) => {
                *size = parts.size.unwrap_or(*size);
            }
            Self::Inversion if parts.size.is_some() => return Err(bad("an inversion has no size")),
            Self::Inversion => {}
        }
        match (self, parts.lettering) {
            (Self::Text(own), lettering) => {
                if let Some((words, other)) = own.words.clone().split_once('~') {
                    (own.words, own.as_wide_as) = (words.to_owned(), Some(other.to_owned()));
                }
                if let Some(name) = lettering {
                    let known = Lettering::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
                    own.lettering =
                        known.ok_or_else(|| Error::unknown("lettering", name, Lettering::ALL.map(Lettering::name)))?;
                }
                Ok(())
            }
            (_, Some(_)) => Err(bad("only words have a lettering")),
            (_, None) => Ok(()),
        }
    }
}

fn unknown(name: &str) -> Error {
    let lower: Vec<String> = WORDS.iter().map(|word| word.to_lowercase()).collect();
    let others = ["L", "R", "arrow", "black-border", "white-border", "inverted", "gamma", "sigmoid", "text=WORDS"];
    Error::unknown("marker", name, lower.iter().map(String::as_str).chain(others))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_is_read_back_from_its_own_words() {
        let mut markers = Marker::usual();
        let at = Spot { x: 0.5, y: 0.25, height: 0.03 };
        for lettering in Lettering::ALL {
            for (words, other) in [("Q X-1", None), ("QZXVKWJY", Some("PORTABLE".to_owned())), ("PORTABLE", None)] {
                markers.push(Marker::Text(Text { words: words.into(), lettering, at, as_wide_as: other }));
            }
        }
        for marker in markers {
            let read: Marker = marker.to_string().parse().unwrap_or_else(|e| panic!("{marker}: {e}"));
            assert_eq!(read, marker);
            let json = serde_json::to_string(&marker).expect("JSON");
            assert_eq!(serde_json::from_str::<Marker>(&json).expect("a marker"), marker);
        }
    }

    #[test]
    fn short_forms_have_the_usual_place() {
        let read = |text: &str| text.parse::<Marker>().unwrap_or_else(|e| panic!("{text}: {e}"));
        let Marker::Text(text) = read("portable@0.1,0.08:0.03") else { panic!("words") };
        assert_eq!((text.words.as_str(), text.lettering), ("PORTABLE", Lettering::Screen));
        assert_eq!(text.at, Spot { x: 0.1, y: 0.08, height: 0.03 });
        assert_eq!(read("Portable"), Marker::word("PORTABLE"));
        assert_eq!(read(" left "), Marker::letter(true));
        assert_eq!(read("gamma:1.4"), Marker::Gamma(1.4));
        assert_eq!(read("black-border:0.1"), Marker::Border { shade: Shade::Black, width: 0.1 });
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, words) in [
            ("portabel", "nearest: portable"),
            ("", "unknown marker"),
            ("portable@0.1", "two numbers"),
            ("portable@0.1,x", "two numbers"),
            ("portable@1.2,0.1", "place 1.2 of a marker is not between 0 and 1"),
            ("portable:2", "height 2 of a marker is not between 0.005 and 0.5"),
            ("portable:inf", "no number"),
            ("portable/comic", "unknown lettering"),
            ("arrow/lead", "only words"),
            ("inverted:3", "no size"),
            ("gamma@0.1,0.1", "whole film"),
            ("gamma:0", "gamma 0 of a marker"),
            ("white-border:0.6", "width 0.6"),
            ("text=", "cannot be drawn"),
            ("text=\u{e9}", "cannot be drawn"),
            ("text=ABCDEFGHIJKLMNOPQRSTUVWXYZ", "cannot be drawn"),
        ] {
            let error = text.parse::<Marker>().expect_err(text).to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{text}: {error}");
        }
    }
}
