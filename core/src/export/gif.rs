//! A shift as a GIF: plays everywhere, in 256 colours.
//!
//! Enter the frames of a shift with their lambdas and predictions; leaves the bytes of a GIF that runs for ever. All
//! frames share one palette. What it shows is that of every [`moving`](super::moving) picture.

use super::COMMENT;
use super::moving::{Moving, changed_area, cut};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::render::{Canvas, colour};
use gif::{AnyExtension, DisposalMethod, Encoder, EncodingError, Extension, Frame, Repeat};
use rayon::prelude::*;
use std::borrow::Cow;

pub use super::moving::MovingOptions as GifOptions;

/// The colours that every palette holds besides greys.
const COLOURS: [colour::Rgb; 3] = [colour::BACKGROUND, colour::LINE, colour::ACCENT];
/// Shades of an outline from its soft edge to its middle, for palettes that need them.
const SHADES: u16 = 8;

/// Encodes a shift. `frames` (-1024 to 1024, ascending lambda) play there and back, each turning point once, so `n` frames
/// become `2 n - 2` pictures, or one way ([`GifOptions::ping_pong`]). `label`
/// names what `predictions` (0 to 1) predict; the bar's tick stands at the prediction of the frame nearest to lambda 0.
///
/// # Errors
/// When there is no frame, sizes or counts differ, or the picture is too large (65535 pixels a side).
pub fn encode_gif(
    frames: &[Plane],
    predictions: &[f32],
    lambdas: &[f32],
    original: Option<&Plane>,
    label: &str,
    options: &GifOptions,
) -> Result<Vec<u8>> {
    let moving = Moving::new(frames, predictions, lambdas, original, label, options)?;
    let (palette, size, order) = (Palette::new(options.outline.is_some()), moving.size(), moving.order());
    let pictures: Vec<Vec<u8>> = moving.pictures(0..frames.len(), |canvas| palette.indexed(canvas));
    let delay = options.delay_ms().saturating_add(5) / 10;
    let parts: Vec<Frame> = (0..order.len())
        .into_par_iter()
        .map(|at| {
            let before = at.checked_sub(1).map(|b| pictures[order[b]].as_slice());
            let mut part = changed_part(before, &pictures[order[at]], size);
            part.delay = delay;
            part.make_lzw_pre_encoded();
            part
        })
        .collect();
    assemble(&parts, size, &palette).map_err(|e| Error::Invalid(format!("the shift cannot become a GIF ({e})")))
}

/// The file around the compressed frames.
fn assemble(parts: &[Frame], (width, height): (u16, u16), palette: &Palette) -> Result<Vec<u8>, EncodingError> {
    let mut encoder = Encoder::new(Vec::new(), width, height, &palette.bytes())?;
    encoder.set_repeat(Repeat::Infinite)?;
    encoder.write_raw_extension(AnyExtension(Extension::Comment as u8), &[COMMENT.as_bytes()])?;
    parts.iter().try_for_each(|part| encoder.write_lzw_pre_encoded_frame(part))?;
    encoder.into_inner()
}

/// Greys, evenly from black to white, then colours.
struct Palette {
    greys: usize,
    shades: Vec<colour::Rgb>,
}

impl Palette {
    fn new(outline: bool) -> Self {
        // An outline lies on its halo, so its soft edge is mixed with dark grey.
        let mix = |part: u16| colour::OUTLINE.map(|c| ((u16::from(c) * part + 48 * (SHADES - part)) / SHADES) as u8);
        let shades: Vec<colour::Rgb> = if outline { (1..=SHADES).map(mix).collect() } else { Vec::new() };
        Self { greys: 256 - COLOURS.len() - shades.len(), shades }
    }

    fn grey(&self, place: usize) -> u8 {
        ((place * 255 * 2 + self.greys - 1) / (2 * (self.greys - 1))) as u8
    }

    fn bytes(&self) -> Vec<u8> {
        let greys = (0..self.greys).map(|place| [self.grey(place); 3]);
        greys.chain(COLOURS).chain(self.shades.iter().copied()).flatten().collect()
    }

    /// The place in the palette of each pixel. Edges of letters, which mix two colours, take the grey of their
    /// lightness; edges of an outline the shade or the grey that is nearer.
    fn indexed(&self, canvas: &Canvas) -> Vec<u8> {
        canvas.rgba().chunks_exact(4).map(|p| self.index([p[0], p[1], p[2]])).collect()
    }

    fn index(&self, rgb: colour::Rgb) -> u8 {
        let [r, g, b] = rgb.map(u32::from);
        if r == g && g == b {
            return self.grey_index(r);
        }
        if let Some(i) = COLOURS.iter().position(|&c| c == rgb) {
            return (self.greys + i) as u8;
        }
        let lightness = (r * 299 + g * 587 + b * 114) / 1000;
        let away = |c: colour::Rgb| c.iter().zip(rgb).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
        let nearest = self.shades.iter().enumerate().min_by_key(|(_, shade)| away(**shade));
        match nearest.filter(|(_, shade)| away(**shade) < away([lightness as u8; 3])) {
            Some((i, _)) => (self.greys + COLOURS.len() + i) as u8,
            None => self.grey_index(lightness),
        }
    }

    fn grey_index(&self, grey: u32) -> u8 {
        ((grey * 2 * (self.greys as u32 - 1) + 255) / 510) as u8
    }
}

/// What differs from the picture before. The rest stays on screen, so nothing is lost.
fn changed_part(before: Option<&[u8]>, now: &[u8], size: (u16, u16)) -> Frame<'static> {
    let area = changed_area(before, now, size, 1);
    Frame {
        left: area.x as u16,
        top: area.y as u16,
        width: area.width as u16,
        height: area.height as u16,
        dispose: DisposalMethod::Keep,
        buffer: Cow::Owned(cut(now, size.0, area, 1)),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmentation::{Threshold, segment};
    use gif::{ColorOutput, DecodeOptions};

    fn shift(count: usize, side: usize) -> (Vec<Plane>, Vec<f32>, Vec<f32>) {
        let frame = |i: usize| {
            let wave = |x: usize, y: usize| ((x * 7 + y * 13 + i * 3) % 200) as f32 * 10.0 - 1000.0;
            Plane::from_fn(side, side, |x, y| if x > side / 2 { wave(x, y) } else { -300.0 })
        };
        let part = |i: usize| i as f32 / (count.max(2) - 1) as f32;
        (
            (0..count).map(frame).collect(),
            (0..count).map(part).collect(),
            (0..count).map(|i| part(i) * 80.0 - 60.0).collect(),
        )
    }

    /// Decodes a GIF into whole pictures (palette places), with delays; checks repeat.
    fn play(bytes: &[u8]) -> (usize, Vec<Vec<u8>>, Vec<u16>) {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        let mut decoder = options.read_info(bytes).unwrap();
        let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
        let mut screen = vec![0; width * height];
        let (mut pictures, mut delays) = (Vec::new(), Vec::new());
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            let (left, top, w) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
            for (y, row) in frame.buffer.chunks_exact(w).enumerate() {
                screen[(top + y) * width + left..][..w].copy_from_slice(row);
            }
            pictures.push(screen.clone());
            delays.push(frame.delay);
        }
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        (width, pictures, delays)
    }

    #[test]
    fn plays_there_and_back_with_each_turning_point_once() {
        let (frames, predictions, lambdas) = shift(5, 24);
        let options = GifOptions { scale: 1, delay_ms: 83, ..GifOptions::default() };
        let bytes = encode_gif(&frames, &predictions, &lambdas, None, "Effusion", &options).unwrap();
        let (width, pictures, delays) = play(&bytes);
        assert_eq!((width, pictures.len()), (24, 8));
        assert!(delays.iter().all(|&d| d == 8));
        for (a, b) in [(1, 7), (2, 6), (3, 5)] {
            assert_eq!(pictures[a], pictures[b]);
        }
        assert!((0..4).all(|i| pictures[i] != pictures[i + 1]));
        assert!(bytes.windows(COMMENT.len()).any(|w| w == COMMENT.as_bytes()));
    }

    #[test]
    fn one_range_for_all_frames_and_exact_greys() {
        let (mut frames, predictions, lambdas) = shift(3, 32);
        frames[1] = frames[1].map(|v| v * 0.1);
        let options = GifOptions { scale: 1, ..GifOptions::default() };
        let bytes = encode_gif(&frames, &predictions, &lambdas, None, "x", &options).unwrap();
        let (width, pictures, _) = play(&bytes);
        let palette = Palette::new(false).bytes();
        for (frame, picture) in frames.iter().zip(&pictures) {
            for y in 0..32 {
                for x in 0..32 {
                    let shown = f32::from(palette[usize::from(picture[y * width + x]) * 3]);
                    let wanted = (frame.get(x, y) + 1024.0) / 2048.0 * 255.0;
                    assert!((shown - wanted).abs() <= 1.5, "{shown} {wanted}");
                }
            }
        }
    }

    #[test]
    fn the_original_stands_beside_and_does_not_move() {
        let (frames, predictions, lambdas) = shift(3, 40);
        let original = Plane::filled(80, 40, 1024.0);
        let options = GifOptions { scale: 1, caption: Some("film 12".into()), ..GifOptions::default() };
        let bytes = encode_gif(&frames, &predictions, &lambdas, Some(&original), "x", &options).unwrap();
        let (width, pictures, _) = play(&bytes);
        assert_eq!(width, 84);
        let left = |p: &Vec<u8>| (20..60).flat_map(|y| p[y * width..y * width + 40].to_vec()).collect::<Vec<_>>();
        assert!(pictures.iter().all(|p| left(p) == left(&pictures[0])));
        assert_eq!(
            left(&pictures[0]).iter().filter(|&&v| v == Palette::new(false).greys as u8 - 1).count(),
            40 * 20,
            "fitted, not stretched"
        );
        let alone = GifOptions { beside_original: false, ..options };
        let bytes = encode_gif(&frames, &predictions, &lambdas, Some(&original), "x", &alone).unwrap();
        assert_eq!(play(&bytes).0, 40);
    }

    #[test]
    fn same_input_same_bytes_and_odd_input_is_refused() {
        let (frames, mut predictions, lambdas) = shift(4, 16);
        let options = GifOptions::default();
        let encode = |p: &[f32], o: &GifOptions| encode_gif(&frames, p, &lambdas, None, "x", o);
        assert_eq!(encode(&predictions, &options).unwrap(), encode(&predictions, &options).unwrap());
        assert!(encode(&predictions[1..], &options).is_err());
        assert!(encode(&predictions, &GifOptions { scale: u32::MAX, ..options.clone() }).is_err());
        predictions[0] = f32::NAN;
        assert!(encode(&predictions, &options).is_ok());
        assert!(encode_gif(&[], &[], &[], None, "x", &options).is_err());
        let odd = [frames[0].clone(), Plane::filled(3, 3, 0.0)];
        assert!(encode_gif(&odd, &[0.0; 2], &[0.0; 2], None, "x", &options).is_err());
        let one = encode_gif(&frames[..1], &[0.5], &[0.0], None, "x", &options).unwrap();
        assert_eq!(play(&one).1.len(), 1);
    }

    #[test]
    fn palette_covers_black_to_white() {
        for palette in [Palette::new(false), Palette::new(true)] {
            assert_eq!(palette.bytes().len(), 768);
            for grey in 0..=255_u32 {
                let shown = u32::from(palette.grey(usize::from(palette.grey_index(grey))));
                assert!(shown.abs_diff(grey) <= 1, "{grey}");
            }
        }
    }

    #[test]
    fn an_outline_keeps_its_colour_and_the_film_its_greys() {
        let (frames, predictions, lambdas) = shift(3, 40);
        let map = Plane::from_fn(40, 40, |x, y| if x > 24 && y > 24 && x < 36 && y < 36 { 9.0 } else { 0.0 });
        let outline = Some(segment(&map, Threshold::Value(5.0)));
        let options = GifOptions { outline, ping_pong: false, ..GifOptions::default() };
        let bytes = encode_gif(&frames, &predictions, &lambdas, None, "x", &options).unwrap();
        let (width, pictures, _) = play(&bytes);
        assert_eq!(pictures.len(), 3, "no way back");
        let palette = Palette::new(true);
        let colour = |x: usize, y: usize| {
            let place = usize::from(pictures[1][y * width + x]) * 3;
            palette.bytes()[place..place + 3].to_vec()
        };
        let edge = colour(30, 25);
        assert!(edge[1] > edge[2] + 60, "on the outline: {edge:?}");
        let wanted = (frames[1].get(30, 30) + 1024.0) / 2048.0 * 255.0;
        assert!((f32::from(colour(30, 30)[0]) - wanted).abs() <= 1.5, "inside it");
        let mut broken = options.clone();
        broken.outline.iter_mut().for_each(|o| o.width += 1);
        assert!(encode_gif(&frames, &predictions, &lambdas, None, "x", &broken).is_err());
    }
}
