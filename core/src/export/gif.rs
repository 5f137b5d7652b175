//! A shift as a moving picture.
//!
//! Enter the frames of a shift with their lambdas and predictions; leaves the bytes of a GIF that runs there and back
//! for ever. All frames share one grey range and one palette, so brightness never flickers, and a strip below the film
//! carries the prediction, the lambda and the mark, so that nothing covers the film.

use super::frames::check_counts;
use super::{COMMENT, MARK};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Resample, colour};
use gif::{AnyExtension, DisposalMethod, Encoder, EncodingError, Extension, Frame, Repeat};
use rayon::prelude::*;
use std::borrow::Cow;

/// How a shift becomes a GIF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GifOptions {
    /// Time of one frame in milliseconds. GIF counts in hundredths of a second, and viewers take less than 20 for 100.
    pub delay_ms: u32,
    /// Whether the strip shows the prediction as label, number and bar.
    pub bar: bool,
    /// Whether the original, when one is given, stands on the left.
    pub beside_original: bool,
    /// Pixels of the GIF for each pixel of a frame, at least 1; words grow with it.
    pub scale: u32,
    /// Words for the strip, such as the film's name and the recipe; three lines at most.
    pub caption: Option<String>,
}

impl Default for GifOptions {
    fn default() -> Self {
        Self { delay_ms: 80, bar: true, beside_original: true, scale: 1, caption: None }
    }
}

/// The colours that the palette holds besides greys.
const COLOURS: [colour::Rgb; 3] = [colour::BACKGROUND, colour::LINE, colour::ACCENT];
/// Greys in the palette, evenly from black to white.
const GREYS: usize = 256 - COLOURS.len();

/// Encodes a shift. `frames` (-1024 to 1024, ascending lambda) play forth and back, each turning point once, so `n`
/// frames become `2 n - 2` pictures. `label` names what `predictions` (0 to 1) predict; the bar's tick stands at the
/// prediction of the frame nearest to lambda 0.
///
/// # Errors
/// When there is no frame, sizes or counts differ, or the picture is too large for a GIF (65535 pixels a side).
pub fn encode_gif(
    frames: &[Plane],
    predictions: &[f32],
    lambdas: &[f32],
    original: Option<&Plane>,
    label: &str,
    options: &GifOptions,
) -> Result<Vec<u8>> {
    let Some(first) = frames.first() else {
        return Err(Error::Invalid("a GIF needs at least one frame".into()));
    };
    check_counts(frames.len(), lambdas, predictions)?;
    if let Some(odd) = frames.iter().find(|f| (f.width(), f.height()) != (first.width(), first.height())) {
        let size = |p: &Plane| format!("{} x {}", p.width(), p.height());
        return Err(Error::Shape { what: "frame of a GIF".into(), expected: size(first), found: size(odd) });
    }
    let font = Font::inter()?;
    let original = original.filter(|_| options.beside_original);
    let layout = Layout::new(first, original.is_some(), options, &font);
    let (Ok(width), Ok(height)) = (u16::try_from(layout.width), u16::try_from(layout.height)) else {
        let size = format!("{} x {} pixels", layout.width, layout.height);
        return Err(Error::Invalid(format!("{size} are too many for a GIF; use a smaller scale")));
    };
    let nearest = lambdas.iter().zip(predictions).min_by(|a, b| a.0.abs().total_cmp(&b.0.abs())).map(|(_, &p)| p);
    let ground = layout.ground(original, label, &font);
    let pictures: Vec<Vec<u8>> = (0..frames.len())
        .into_par_iter()
        .map(|i| {
            let mut canvas = ground.clone();
            canvas.grey(&frames[i], layout.film, GREY_LEVELS, Resample::Smooth);
            if options.bar {
                layout.numbers(&mut canvas, &font, predictions[i], nearest, lambdas[i]);
            }
            indexed(&canvas)
        })
        .collect();
    let order: Vec<usize> = (0..frames.len()).chain((1..frames.len().saturating_sub(1)).rev()).collect();
    let delay = (options.delay_ms.saturating_add(5) / 10).clamp(2, u32::from(u16::MAX)) as u16;
    let parts: Vec<Frame> = (0..order.len())
        .into_par_iter()
        .map(|at| {
            let before = at.checked_sub(1).map(|b| pictures[order[b]].as_slice());
            let mut part = changed_part(before, &pictures[order[at]], width, height);
            part.delay = delay;
            part.make_lzw_pre_encoded();
            part
        })
        .collect();
    assemble(&parts, width, height).map_err(|e| Error::Invalid(format!("the shift cannot become a GIF ({e})")))
}

/// The file around the compressed frames.
fn assemble(parts: &[Frame], width: u16, height: u16) -> Result<Vec<u8>, EncodingError> {
    let mut encoder = Encoder::new(Vec::new(), width, height, &palette())?;
    encoder.set_repeat(Repeat::Infinite)?;
    encoder.write_raw_extension(AnyExtension(Extension::Comment as u8), &[COMMENT.as_bytes()])?;
    parts.iter().try_for_each(|part| encoder.write_lzw_pre_encoded_frame(part))?;
    encoder.into_inner()
}

/// The palette: greys, then the colours.
fn palette() -> Vec<u8> {
    let greys = (0..GREYS).map(|i| [((i * 255 * 2 + GREYS - 1) / (2 * (GREYS - 1))) as u8; 3]);
    greys.chain(COLOURS).flatten().collect()
}

/// The place in the palette of each pixel. Edges of letters, which mix two colours, take the grey of their lightness.
fn indexed(canvas: &Canvas) -> Vec<u8> {
    let index = |p: &[u8]| {
        let rgb = [p[0], p[1], p[2]];
        if rgb[0] == rgb[1] && rgb[1] == rgb[2] {
            return grey_index(u32::from(rgb[0]));
        }
        match COLOURS.iter().position(|&c| c == rgb) {
            Some(i) => (GREYS + i) as u8,
            None => grey_index((u32::from(rgb[0]) * 299 + u32::from(rgb[1]) * 587 + u32::from(rgb[2]) * 114) / 1000),
        }
    };
    canvas.rgba().chunks_exact(4).map(index).collect()
}

fn grey_index(grey: u32) -> u8 {
    ((grey * 2 * (GREYS as u32 - 1) + 255) / 510) as u8
}

/// The smallest rectangle of a picture that differs from the one before; without one before, all of it. The rest stays
/// on screen, so nothing is lost.
fn changed_part(before: Option<&[u8]>, now: &[u8], width: u16, height: u16) -> Frame<'static> {
    let row = usize::from(width);
    let (mut left, mut right, mut top, mut bottom) = (0, row, 0, usize::from(height));
    if let Some(before) = before {
        (left, right, top, bottom) = (row, 0, usize::from(height), 0);
        for (y, (a, b)) in before.chunks_exact(row).zip(now.chunks_exact(row)).enumerate() {
            let differs = |x: &usize| a[*x] != b[*x];
            if let Some(from) = (0..row).find(differs) {
                let to = (0..row).rfind(differs).unwrap_or(from);
                (left, right, top, bottom) = (left.min(from), right.max(to + 1), top.min(y), y + 1);
            }
        }
        if right == 0 {
            // Two equal pictures: a single pixel keeps the time.
            (left, right, top, bottom) = (0, 1, 0, 1);
        }
    }
    let buffer: Vec<u8> = (top..bottom).flat_map(|y| &now[y * row + left..y * row + right]).copied().collect();
    Frame {
        left: left as u16,
        top: top as u16,
        width: (right - left) as u16,
        height: (bottom - top) as u16,
        dispose: DisposalMethod::Keep,
        buffer: Cow::Owned(buffer),
        ..Frame::default()
    }
}

/// Where everything lies, in pixels of the GIF.
struct Layout {
    width: u32,
    height: u32,
    scale: u32,
    original: Option<Area>,
    film: Area,
    /// Baseline of the words above the films, when two stand side by side.
    titles: Option<u32>,
    /// Baseline of label and number, and the bar under them.
    prediction: Option<(u32, Area)>,
    /// Small lines with their baselines, the mark last.
    lines: Vec<(u32, String)>,
}

impl Layout {
    const MARGIN: u32 = 8;
    const WORDS: f32 = 12.0;
    const SMALL: f32 = 10.0;
    const LINE_HEIGHT: u32 = 14;
    const CAPTION_LINES: usize = 3;

    fn new(frame: &Plane, beside: bool, options: &GifOptions, font: &Font) -> Self {
        // A scale that no GIF can hold still has to fit the arithmetic here; the size check comes after.
        let scale = options.scale.clamp(1, 1 << 12);
        let [film_width, film_height] = [frame.width(), frame.height()].map(|v| (v as u32).saturating_mul(scale));
        let top = if beside { 20 * scale } else { 0 };
        let film_x = if beside { film_width.saturating_add(4 * scale) } else { 0 };
        let width = film_x.saturating_add(film_width);
        let film = Area { x: film_x, y: top, width: film_width, height: film_height };
        let mut y = top.saturating_add(film_height);
        let room = width.saturating_sub(2 * Self::MARGIN * scale);
        let prediction = options.bar.then(|| {
            let area =
                Area { x: Self::MARGIN * scale, y: y.saturating_add(24 * scale), width: room, height: 4 * scale };
            (y.saturating_add(18 * scale), area)
        });
        y = y.saturating_add(if options.bar { 32 * scale } else { 4 * scale });
        let small = Self::SMALL * scale as f32;
        let wrap = |text: &str| font.wrap(text, small, room as f32);
        let caption = options.caption.iter().flat_map(|c| wrap(c)).take(Self::CAPTION_LINES);
        // On two lines the mark breaks at its comma, not in the middle of a phrase.
        let mark = if wrap(MARK).len() == 1 { wrap(MARK) } else { MARK.split_inclusive(", ").flat_map(wrap).collect() };
        let mut lines = Vec::new();
        for line in caption.chain(mark).map(|line| font.elide(&line, small, room as f32)) {
            lines.push((y.saturating_add(10 * scale), line));
            y = y.saturating_add(Self::LINE_HEIGHT * scale);
        }
        let original = beside.then_some(Area { x: 0, ..film });
        let titles = beside.then_some(14 * scale);
        Self { width, height: y.saturating_add(4 * scale), scale, original, film, titles, prediction, lines }
    }

    /// All that is the same in every frame.
    fn ground(&self, original: Option<&Plane>, label: &str, font: &Font) -> Canvas {
        let mut canvas = Canvas::new(self.width, self.height, colour::BACKGROUND);
        let (words, small) = (Self::WORDS * self.scale as f32, Self::SMALL * self.scale as f32);
        let left = (Self::MARGIN * self.scale) as f32;
        if let (Some(original), Some(area)) = (original, self.original) {
            canvas.grey(original, area.fit(original.width(), original.height()), GREY_LEVELS, Resample::Smooth);
        }
        if let Some(baseline) = self.titles {
            canvas.text(font, small, left, baseline as f32, colour::SECONDARY, "original");
            let x = (self.film.x + Self::MARGIN * self.scale) as f32;
            canvas.text(font, small, x, baseline as f32, colour::SECONDARY, "counterfactual");
        }
        if let Some((baseline, bar)) = self.prediction {
            let room = bar.width as f32 - font.width("0.00", words) - left;
            canvas.text(font, words, left, baseline as f32, colour::TEXT, &font.elide(label, words, room));
        }
        for (baseline, line) in &self.lines {
            canvas.text(font, small, left, *baseline as f32, colour::SECONDARY, line);
        }
        canvas
    }

    /// What changes with the frame: number, bar, lambda.
    fn numbers(&self, canvas: &mut Canvas, font: &Font, prediction: f32, reference: Option<f32>, lambda: f32) {
        let Some((baseline, bar)) = self.prediction else { return };
        let right = (bar.x + bar.width) as f32;
        let (words, small) = (Self::WORDS * self.scale as f32, Self::SMALL * self.scale as f32);
        canvas.text_right(font, words, right, baseline as f32, colour::TEXT, &two_digits(prediction));
        canvas.bar(bar, prediction, reference);
        let lambda = format!("λ {}", short_number(lambda));
        if let Some((baseline, line)) = self.lines.last()
            && font.width(line, small) + font.width(&lambda, small) + small < bar.width as f32
        {
            canvas.text_right(font, small, right, *baseline as f32, colour::SECONDARY, &lambda);
        }
    }
}

/// A probability with two digits; a dash for what is not a number.
pub(super) fn two_digits(value: f32) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "–".into() }
}

/// A number with about two digits and a true minus sign.
pub(super) fn short_number(value: f32) -> String {
    let text = if value.abs() < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    if text == "-0.0" { "0.0".into() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let palette = palette();
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
            left(&pictures[0]).iter().filter(|&&v| v == GREYS as u8 - 1).count(),
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
        let palette = palette();
        assert_eq!(palette.len(), 768);
        for grey in 0..=255_u32 {
            let shown = u32::from(palette[usize::from(grey_index(grey)) * 3]);
            assert!(shown.abs_diff(grey) <= 1, "{grey}");
        }
    }
}
