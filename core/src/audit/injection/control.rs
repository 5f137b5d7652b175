//! What is drawn in a marker's place to tell its meaning from its ink. In: a marker and a film. Out: the film with words that
//! mean nothing, or with a plain bar.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::draw::{Drawn, Levels, kept};
use super::glyphs::ink_of;
use super::marker::{Marker, Text};
use crate::error::Result;
use crate::radiograph::Radiograph;

/// Letters that spell no word.
const LETTERS: &[u8] = b"QZXVKWJYGFHN";
/// Words drawn, of which the one whose ink is nearest to the marker's is taken.
const DRAWS: usize = 24;

/// What stands in for a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// As many letters of the same font, brightness, height and width, without meaning; the seed chooses them.
    Neutral(u64),
    /// A plain rectangle over the marker's box, as bright as the film with the marker is there on average.
    Bar,
}

impl Marker {
    /// The neutral words for a text; none for what is not a text.
    ///
    /// # Errors
    /// When the text cannot be drawn.
    pub fn neutral(&self, seed: u64) -> Result<Option<Self>> {
        let Self::Text(text) = self else { return Ok(None) };
        let wanted = ink_of(text)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut best: Option<(f32, Text)> = None;
        for _ in 0..DRAWS {
            let neutral = Text {
                words: nonsense(&text.words, &mut random),
                as_wide_as: Some(text.as_wide_as.clone().unwrap_or_else(|| text.words.clone())),
                ..text.clone()
            };
            let off = (ink_of(&neutral)? - wanted).abs();
            if best.as_ref().is_none_or(|(least, _)| off < *least) {
                best = Some((off, neutral));
            }
        }
        Ok(best.map(|(_, text)| Self::Text(text)))
    }

    /// The film with the control in the marker's place; none where the marker has no such control: words for an arrow, or
    /// anything for what changes the whole film.
    ///
    /// # Errors
    /// As [`Marker::draw`].
    pub fn draw_control(&self, control: Control, film: &Radiograph) -> Result<Option<Drawn>> {
        self.draw_control_with(control, film, &Levels::of(film))
    }

    /// [`Self::draw_control`] where the film's levels are known.
    pub(super) fn draw_control_with(
        &self,
        control: Control,
        film: &Radiograph,
        levels: &Levels,
    ) -> Result<Option<Drawn>> {
        match control {
            Control::Neutral(seed) => self.neutral(seed)?.map(|words| words.draw_with(film, levels)).transpose(),
            Control::Bar => Ok(bar(self.draw_with(film, levels)?, film, levels, self)),
        }
    }
}

/// As many letters as there are, none of them the word's own in that place; spaces and signs stay.
fn nonsense(words: &str, random: &mut ChaCha8Rng) -> String {
    let mut last = 0;
    let letter = |own: char| {
        if !own.is_ascii_alphanumeric() {
            return own;
        }
        loop {
            let drawn = LETTERS[random.random_range(0..LETTERS.len())];
            if drawn != last && !own.eq_ignore_ascii_case(&char::from(drawn)) {
                last = drawn;
                return char::from(drawn);
            }
        }
    };
    words.chars().map(letter).collect()
}

/// The box of the marked film filled with its mean.
fn bar(mut marked: Drawn, clean: &Radiograph, levels: &Levels, marker: &Marker) -> Option<Drawn> {
    let area = *marked.boxes.first()?;
    let width = marked.film.pixels.width();
    let rows = || area.y..area.y + area.height;
    let span = |y: usize| y * width + area.x..y * width + area.x + area.width;
    let data = marked.film.pixels.data_mut();
    let total: f64 = rows().flat_map(|y| &data[span(y)]).map(|&v| f64::from(v)).sum();
    let mean = kept((total / (area.width * area.height) as f64) as f32, levels);
    for y in rows() {
        data[span(y)].fill(mean);
    }
    marked.film.metadata.warnings.clone_from(&clean.metadata.warnings);
    marked.film.metadata.warnings.push(format!("Fluoro drew a bar onto this film, in place of a marker: {marker}."));
    Some(marked)
}
