//! What every moving picture of a shift shows, whatever its file format.
//!
//! Enter the frames of a shift with their lambdas and predictions; leave canvases and the order in which they play. All
//! frames share one grey range, so brightness never flickers, and a strip below the film carries the prediction, the
//! lambda and the mark, so that no words cover the film.

use super::MARK;
use super::frames::check_counts;
use crate::error::{Error, Result};
use crate::flow::{ARROW_STRETCH, Arrow};
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Resample, colour};
use crate::segmentation::Segmentation;
use crate::shift::Preset;
use rayon::prelude::*;
use std::ops::Range;

/// How a shift becomes a moving picture.
#[derive(Clone, Debug, PartialEq)]
pub struct MovingOptions {
    /// Time of one frame in milliseconds, at least 20, since viewers take less for 100. GIF counts in hundredths of a
    /// second.
    pub delay_ms: u32,
    /// Whether the strip shows the prediction as label, number and bar.
    pub bar: bool,
    /// Whether the original, when one is given, stands on the left.
    pub beside_original: bool,
    /// Pixels of the picture for each pixel of a frame, at least 1; words grow with it.
    pub scale: u32,
    /// Words for the strip, such as the film's name and the recipe; three lines at most.
    pub caption: Option<String>,
    /// Whether the frames play there and back, each turning point once; else they start again after the last.
    pub ping_pong: bool,
    /// Whose outline is drawn on every frame, though not on the original; of any size, with the frames' proportions.
    pub outline: Option<Segmentation>,
    /// Arrows of the optical flow, in pixels of the frames.
    pub arrows: Vec<Arrow>,
    /// Whose greys and order.
    pub style: Style,
    /// The value that fills the bar: 1 for a score, the largest activation for a feature.
    pub full: f32,
}

/// Whose greys and order a moving picture has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Fluoro's: the whole grey range for all frames, from the first frame on.
    #[default]
    Own,
    /// Those of a preset's program (`latent-shift.md` 1.6), which plays its turning points twice; for our own preset,
    /// Fluoro's.
    Published(Preset),
}

impl Default for MovingOptions {
    fn default() -> Self {
        Self {
            delay_ms: 80,
            bar: true,
            beside_original: true,
            scale: 1,
            caption: None,
            ping_pong: true,
            outline: None,
            arrows: Vec::new(),
            style: Style::Own,
            full: 1.0,
        }
    }
}

impl MovingOptions {
    /// The time of a frame as it is kept: neither too short for viewers nor too long for the files.
    pub(super) fn delay_ms(&self) -> u16 {
        self.delay_ms.clamp(20, u32::from(u16::MAX)) as u16
    }
}

/// Longest side of a picture: what a GIF can hold.
const MOST_SIDE: u32 = 65535;
/// Most pixels of a picture, so that drawing one fits into memory.
const MOST_PIXELS: u64 = 1 << 26;
/// Most pixels of all pictures together, three bytes each.
const MOST_IN_ALL: u64 = 1 << 29;

/// A shift, ready to be drawn.
pub(super) struct Moving<'a> {
    frames: &'a [Plane],
    predictions: &'a [f32],
    lambdas: &'a [f32],
    original: Option<&'a Plane>,
    label: &'a str,
    options: &'a MovingOptions,
    font: Font<'static>,
    layout: Layout,
}

impl<'a> Moving<'a> {
    /// Checks that all fits together and lays the picture out.
    ///
    /// # Errors
    /// When there is no frame, sizes or counts differ, or the picture is too large.
    pub(super) fn new(
        frames: &'a [Plane],
        predictions: &'a [f32],
        lambdas: &'a [f32],
        original: Option<&'a Plane>,
        label: &'a str,
        options: &'a MovingOptions,
    ) -> Result<Self> {
        let Some(first) = frames.first() else {
            return Err(Error::Invalid("a moving picture needs at least one frame".into()));
        };
        check_counts(frames.len(), lambdas, predictions)?;
        if let Some(odd) = frames.iter().find(|f| (f.width(), f.height()) != (first.width(), first.height())) {
            let size = |p: &Plane| format!("{} x {}", p.width(), p.height());
            return Err(Error::Shape { what: "frame of a shift".into(), expected: size(first), found: size(odd) });
        }
        if let Some(Segmentation { mask, width, height, .. }) = &options.outline
            && mask.len() != width * height
        {
            let (expected, found) = (format!("{width} x {height} pixels"), format!("{}", mask.len()));
            return Err(Error::Shape { what: "segmentation to outline".into(), expected, found });
        }
        let font = Font::inter()?;
        let original = original.filter(|_| options.beside_original);
        let layout = Layout::new(first, original.is_some(), options, &font);
        let (width, height) = (layout.width, layout.height);
        if width.max(height) > MOST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
            let reason = format!("{width} x {height} pixels are too many for a moving picture; use a smaller scale");
            return Err(Error::Invalid(reason));
        }
        if u64::from(width) * u64::from(height) * frames.len() as u64 > MOST_IN_ALL {
            let count = frames.len();
            let reason =
                format!("{count} pictures of {width} x {height} pixels are too many; use fewer, or a smaller scale");
            return Err(Error::Invalid(reason));
        }
        Ok(Self { frames, predictions, lambdas, original, label, options, font, layout })
    }

    /// Width and height of the picture in pixels.
    pub(super) fn size(&self) -> (u16, u16) {
        (self.layout.width as u16, self.layout.height as u16)
    }

    /// What `keep` makes of the pictures of some frames, in their order.
    pub(super) fn pictures<T: Send>(&self, which: Range<usize>, keep: impl Fn(&Canvas) -> T + Sync) -> Vec<T> {
        let ground = self.layout.ground(self.original, self.label, &self.font);
        let outline = self.options.outline.as_ref().map(|o| (o.outline(), (o.width, o.height)));
        let ranges = self.ranges();
        let by_distance = |a: &(&f32, &f32), b: &(&f32, &f32)| a.0.abs().total_cmp(&b.0.abs());
        let nearest = self.lambdas.iter().zip(self.predictions).min_by(by_distance).map(|(_, &p)| p);
        which
            .into_par_iter()
            .map(|i| {
                let mut canvas = ground.clone();
                let film = self.layout.film;
                canvas.grey(&self.frames[i], film, ranges[i], Resample::Smooth);
                if let Some((lines, size)) = &outline {
                    canvas.outline(lines, *size, film, 1.5 * self.layout.scale as f32);
                }
                self.options.arrows.iter().for_each(|arrow| draw_arrow(&mut canvas, arrow, film, &self.frames[i]));
                if self.options.bar {
                    let share = |value: f32| value / self.options.full;
                    let values = (self.predictions[i], share(self.predictions[i]), nearest.map(share));
                    self.layout.numbers(&mut canvas, &self.font, values, self.lambdas[i]);
                }
                keep(&canvas)
            })
            .collect()
    }

    /// The frames in the order in which they play before all begins again.
    pub(super) fn order(&self) -> Vec<usize> {
        let count = self.frames.len();
        match self.options.style {
            Style::Published(Preset::Paper) => (0..count).chain((0..count).rev()).collect(),
            Style::Published(Preset::Repo | Preset::Package) => (0..count).rev().chain(0..count).collect(),
            _ => {
                let back = if self.options.ping_pong { count.saturating_sub(1) } else { 0 };
                (0..count).chain((1..back).rev()).collect()
            }
        }
    }

    /// Black and white of each frame.
    fn ranges(&self) -> Vec<[f32; 2]> {
        let own = |frame: &Plane| <[f32; 2]>::from(frame.min_max());
        match self.options.style {
            Style::Published(Preset::Paper | Preset::Repo) => self.frames.iter().map(own).collect(),
            Style::Published(Preset::Package) => {
                let all = self.frames.iter().map(own).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
                vec![all.unwrap_or(GREY_LEVELS); self.frames.len()]
            }
            _ => vec![GREY_LEVELS; self.frames.len()],
        }
    }
}

/// An arrow of the optical flow over a frame, four times as long as the motion, as published.
fn draw_arrow(canvas: &mut Canvas, arrow: &Arrow, film: Area, frame: &Plane) {
    const HEAD: f32 = 0.35;
    let (sx, sy) = (film.width as f32 / frame.width() as f32, film.height as f32 / frame.height() as f32);
    let from = [film.x as f32 + (arrow.x as f32 + 0.5) * sx, film.y as f32 + (arrow.y as f32 + 0.5) * sy];
    let way = [arrow.u * ARROW_STRETCH * sx, arrow.v * ARROW_STRETCH * sy];
    let to = [from[0] + way[0], from[1] + way[1]];
    let side = |turn: f32| [to[0] - HEAD * (way[0] - turn * way[1]), to[1] - HEAD * (way[1] + turn * way[0])];
    for segment in [[from, to], [to, side(0.6)], [to, side(-0.6)]] {
        canvas.line(segment, sx.max(1.0), colour::ADDED, 1.0);
    }
}

/// The smallest area in which a picture of `depth` bytes a pixel differs from the one before; without one before, all of
/// it. The rest can stay on screen. Two equal pictures differ in one pixel, which keeps the time.
pub(super) fn changed_area(before: Option<&[u8]>, now: &[u8], (width, height): (u16, u16), depth: usize) -> Area {
    let (row, whole) = (usize::from(width), Area { x: 0, y: 0, width: width.into(), height: height.into() });
    let Some(before) = before else { return whole };
    let (mut left, mut right, mut top, mut bottom) = (row, 0, usize::from(height), 0);
    for (y, (a, b)) in before.chunks_exact(row * depth).zip(now.chunks_exact(row * depth)).enumerate() {
        let differs = |x: &usize| a[x * depth..][..depth] != b[x * depth..][..depth];
        if let Some(from) = (0..row).find(differs) {
            let to = (0..row).rfind(differs).unwrap_or(from);
            (left, right, top, bottom) = (left.min(from), right.max(to + 1), top.min(y), y + 1);
        }
    }
    if right == 0 {
        return Area { width: 1, height: 1, ..whole };
    }
    Area { x: left as u32, y: top as u32, width: (right - left) as u32, height: (bottom - top) as u32 }
}

/// The pixels of an area, row by row.
pub(super) fn cut(picture: &[u8], width: u16, area: Area, depth: usize) -> Vec<u8> {
    let (x, wide) = (area.x as usize * depth, area.width as usize * depth);
    let rows = area.y as usize..(area.y + area.height) as usize;
    rows.flat_map(|y| &picture[y * usize::from(width) * depth + x..][..wide]).copied().collect()
}

/// Where everything lies, in pixels of the picture.
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

    fn new(frame: &Plane, beside: bool, options: &MovingOptions, font: &Font) -> Self {
        // A scale that no file can hold still has to fit the arithmetic here; the size check comes after.
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
    fn numbers(
        &self,
        canvas: &mut Canvas,
        font: &Font,
        (prediction, share, reference): (f32, f32, Option<f32>),
        lambda: f32,
    ) {
        let Some((baseline, bar)) = self.prediction else { return };
        let right = (bar.x + bar.width) as f32;
        let (words, small) = (Self::WORDS * self.scale as f32, Self::SMALL * self.scale as f32);
        canvas.text_right(font, words, right, baseline as f32, colour::TEXT, &two_digits(prediction));
        canvas.bar(bar, share, reference);
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
