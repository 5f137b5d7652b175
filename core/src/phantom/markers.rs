//! Text burned into the film: the word PORTABLE and the letters L and R, in two stroke fonts of our own.

use super::factors::{Factor, Settings, Side};
use super::random::Stream;

const PORTABLE: u64 = 96;
const LATERALITY: u64 = 97;
/// Grey level of the ink.
const INK: f32 = 252.0;

/// A polyline in a box of 1 x 1, y downwards.
type Stroke = &'static [(f32, f32)];

/// Text of one size at one place, in shares of the film's side.
#[derive(Clone, Debug)]
pub struct Label {
    text: &'static [char],
    font: Font,
    /// Left edge.
    pub left: f32,
    /// Upper edge.
    pub top: f32,
    /// Height of the letters.
    pub height: f32,
    circle: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Font {
    /// Round, with a thin line: the home hospital's.
    Round,
    /// Angular, narrow and slanted, with a thick line: the other hospital's.
    Angular,
}

/// The words on a film: PORTABLE, then the letter, where present.
#[must_use]
pub fn labels(seed: u64, settings: &Settings) -> Vec<Label> {
    let font = if settings.get(Factor::Site).present { Font::Angular } else { Font::Round };
    let mut labels = Vec::new();
    let word = settings.get(Factor::Portable);
    if word.present {
        labels.push(portable(seed, word.strength, font));
    }
    let letter = settings.get(Factor::Laterality);
    if letter.present {
        labels.push(laterality(seed, letter.side == Side::Right, letter.strength, font));
    }
    labels
}

/// The word lies in the upper or lower tenth of the film, the letter never does, so they cannot meet.
fn portable(seed: u64, strength: f32, font: Font) -> Label {
    let mut stream = Stream::new(seed, PORTABLE);
    let place = stream.unit();
    let (dx, dy) = (stream.between(0.0, 0.03), stream.between(0.0, 0.008));
    let height = 0.0425 + 0.014 * strength;
    let mut label = Label {
        text: &['P', 'O', 'R', 'T', 'A', 'B', 'L', 'E'],
        font,
        left: 0.0,
        top: 0.04 + dy,
        height,
        circle: false,
    };
    let width = label.width();
    label.left = match place {
        p if p < 0.3 => 0.045 + dx,
        p if p < 0.6 => 0.955 - dx - width,
        // Beside the neck.
        p if p < 0.7 => 0.10 + dx,
        p if p < 0.85 => 0.045 + dx,
        _ => 0.955 - dx - width,
    };
    if place >= 0.7 {
        label.top = 0.96 - dy - height;
    }
    label
}

fn laterality(seed: u64, right: bool, strength: f32, font: Font) -> Label {
    let mut stream = Stream::new(seed, LATERALITY);
    let (dx, top) = (stream.between(0.0, 0.03), stream.between(0.15, 0.26));
    let circle = stream.chance(0.35);
    let height = 0.055 + 0.035 * strength;
    let text: &[char] = if right { &['R'] } else { &['L'] };
    let mut label = Label { text, font, left: 0.0, top, height, circle };
    let inset = if circle { 0.045 + 0.55 * height } else { 0.06 } + dx;
    label.left = if right { inset } else { 1.0 - inset - label.width() };
    label
}

/// Burns the labels into a film of `side` x `side` grey levels.
pub fn burn(seed: u64, settings: &Settings, side: usize, grey: &mut [f32]) {
    for label in labels(seed, settings) {
        label.burn(side, grey);
    }
}

impl Label {
    /// Width of the text as a share of the film's side.
    #[must_use]
    pub fn width(&self) -> f32 {
        self.height * (self.text.len() as f32 * self.font.advance() - (self.font.advance() - self.font.letter()))
    }

    fn burn(&self, side: usize, grey: &mut [f32]) {
        let scale = side as f32;
        let height = self.height * scale;
        let pen = (height * self.font.pen()).max(0.55);
        let mut lines: Vec<[f32; 4]> = Vec::new();
        for (k, &letter) in self.text.iter().enumerate() {
            let left = self.left * scale + k as f32 * self.font.advance() * height;
            let at = |p: (f32, f32)| {
                let x = p.0 * self.font.letter() + (1.0 - p.1) * self.font.slant();
                (left + x * height, self.top * scale + p.1 * height)
            };
            for stroke in glyph(self.font, letter) {
                for pair in stroke.windows(2) {
                    let (a, b) = (at(pair[0]), at(pair[1]));
                    lines.push([a.0, a.1, b.0, b.1]);
                }
            }
        }
        let middle = ((self.left + self.width() / 2.0) * scale, (self.top + self.height / 2.0) * scale);
        let ring = height * 0.86;
        // How far ink and rim go beyond the box of the letters.
        let beyond = |half: f32| if self.circle { ring + pen + 2.0 - half } else { pen + 2.0 + 0.2 * height };
        let (over, aside) = (beyond(height / 2.0), beyond(self.width() * scale / 2.0));
        let clip = |v: f32| v.clamp(0.0, scale) as usize;
        for y in clip(self.top * scale - over)..clip((self.top + self.height) * scale + over + 1.0) {
            for x in clip(self.left * scale - aside)..clip((self.left + self.width()) * scale + aside + 1.0) {
                let p = (x as f32 + 0.5, y as f32 + 0.5);
                let mut near = lines.iter().map(|l| distance(l, p)).fold(f32::MAX, f32::min);
                if self.circle {
                    let (dx, dy) = (p.0 - middle.0, p.1 - middle.1);
                    near = near.min(((dx * dx + dy * dy).sqrt() - ring).abs() + 0.25 * pen);
                }
                let cell = &mut grey[y * side + x];
                // A thin dark rim keeps the letters legible over bright parts.
                let rim = (pen + 1.5 - near).clamp(0.0, 1.0) * 0.7;
                *cell *= 1.0 - rim;
                let ink = (pen + 0.5 - near).clamp(0.0, 1.0);
                *cell += (INK - *cell) * ink;
            }
        }
    }
}

impl Font {
    /// Width of a letter as a share of its height.
    fn letter(self) -> f32 {
        if self == Self::Round { 0.62 } else { 0.50 }
    }

    /// From one letter to the next.
    fn advance(self) -> f32 {
        if self == Self::Round { 0.86 } else { 0.76 }
    }

    /// Half the line's width.
    fn pen(self) -> f32 {
        if self == Self::Round { 0.065 } else { 0.085 }
    }

    fn slant(self) -> f32 {
        if self == Self::Round { 0.0 } else { 0.14 }
    }
}

fn distance(line: &[f32; 4], p: (f32, f32)) -> f32 {
    let (dx, dy) = (line[2] - line[0], line[3] - line[1]);
    let (px, py) = (p.0 - line[0], p.1 - line[1]);
    let t = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
    let (ex, ey) = (px - t * dx, py - t * dy);
    (ex * ex + ey * ey).sqrt()
}

fn glyph(font: Font, letter: char) -> &'static [Stroke] {
    match (font, letter) {
        (Font::Round, 'O') => &[&[
            (0.5, 0.0),
            (0.85, 0.12),
            (1.0, 0.5),
            (0.85, 0.88),
            (0.5, 1.0),
            (0.15, 0.88),
            (0.0, 0.5),
            (0.15, 0.12),
            (0.5, 0.0),
        ]],
        (Font::Angular, 'O') => &[&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]],
        (Font::Round, 'P') => {
            &[&[(0.0, 1.0), (0.0, 0.0), (0.6, 0.0), (0.92, 0.08), (1.0, 0.27), (0.92, 0.46), (0.6, 0.54), (0.0, 0.54)]]
        }
        (Font::Angular, 'P') => &[&[(0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 0.52), (0.0, 0.52)]],
        (Font::Round, 'R') => &[
            &[(0.0, 1.0), (0.0, 0.0), (0.6, 0.0), (0.92, 0.08), (1.0, 0.27), (0.92, 0.46), (0.6, 0.54), (0.0, 0.54)],
            &[(0.55, 0.54), (1.0, 1.0)],
        ],
        (Font::Angular, 'R') => {
            &[&[(0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5)], &[(0.4, 0.5), (1.0, 1.0)]]
        }
        (Font::Round, 'B') => &[
            &[(0.0, 0.0), (0.6, 0.0), (0.9, 0.07), (0.95, 0.24), (0.9, 0.42), (0.6, 0.48), (0.0, 0.48)],
            &[(0.6, 0.48), (0.94, 0.56), (1.0, 0.74), (0.94, 0.93), (0.6, 1.0), (0.0, 1.0), (0.0, 0.0)],
        ],
        (Font::Angular, 'B') => {
            &[&[(0.0, 0.0), (0.9, 0.0), (0.9, 0.46), (0.0, 0.46), (1.0, 0.46), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]]
        }
        (Font::Round, 'A') => &[&[(0.0, 1.0), (0.5, 0.0), (1.0, 1.0)], &[(0.2, 0.64), (0.8, 0.64)]],
        (Font::Angular, 'A') => &[&[(0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], &[(0.0, 0.55), (1.0, 0.55)]],
        (_, 'T') => &[&[(0.0, 0.0), (1.0, 0.0)], &[(0.5, 0.0), (0.5, 1.0)]],
        (_, 'L') => &[&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]],
        (_, 'E') => &[&[(1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 1.0)], &[(0.0, 0.5), (0.8, 0.5)]],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::FACTORS;

    fn both(seed: u64, strength: f32, site: bool) -> Settings {
        let mut settings = Settings::draw(seed, &FACTORS, |_, _, _| false);
        for factor in [Factor::Portable, Factor::Laterality] {
            let mut setting = settings.get(factor);
            (setting.present, setting.strength) = (true, strength);
            settings.set(factor, setting);
        }
        settings.with(Factor::Site, site)
    }

    #[test]
    fn labels_lie_inside_the_film_and_apart() {
        for seed in 0..200 {
            for strength in [0.0, 1.0] {
                let labels = labels(seed, &both(seed, strength, seed % 2 == 0));
                for label in &labels {
                    let ring = label.height * 0.93;
                    let beyond = |size: f32| if label.circle { ring - size / 2.0 } else { 0.0 };
                    let (reach, over) = (beyond(label.width()), beyond(label.height));
                    assert!(label.left - reach > 0.03 && label.left + label.width() + reach < 0.97, "{label:?}");
                    assert!(label.top - over > 0.03 && label.top + label.height + over < 0.97);
                }
                let [word, letter] = &labels[..] else { panic!("two labels") };
                let apart = letter.top - letter.height * 0.5 > word.top + word.height || word.top > 0.5;
                assert!(apart, "{labels:?}");
            }
        }
    }

    #[test]
    fn the_smallest_word_is_legible() {
        for seed in 0..40 {
            let mut settings = both(seed, 0.0, seed % 2 == 0).with(Factor::Laterality, false);
            let label = labels(seed, &settings);
            assert!(label[0].height * 224.0 >= 9.0);
            let mut film = vec![120.0; 224 * 224];
            burn(seed, &settings, 224, &mut film);
            let ink = film.iter().filter(|v| **v > 200.0).count();
            assert!((110..600).contains(&ink), "{ink}");
            settings = settings.with(Factor::Portable, false);
            let mut film = vec![120.0; 224 * 224];
            burn(seed, &settings, 224, &mut film);
            assert!(film.iter().all(|v| *v == 120.0));
        }
    }

    #[test]
    fn the_letter_is_on_the_patients_side() {
        for seed in 0..40 {
            let mut settings = both(seed, 0.5, false).with(Factor::Portable, false);
            let mut letter = settings.get(Factor::Laterality);
            for (side, expected) in [(Side::Right, 'R'), (Side::Left, 'L')] {
                letter.side = side;
                settings.set(Factor::Laterality, letter);
                let label = &labels(seed, &settings)[0];
                assert_eq!(label.text, [expected]);
                // The patient's right is at the film's left.
                assert_eq!(label.left < 0.5, side == Side::Right);
            }
        }
    }
}
