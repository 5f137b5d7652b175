//! Pictures of evaluations: means with their intervals, and lines over depth. The numbers are in the tables beside them.

use std::collections::BTreeMap;

use super::Spread;
use super::iou::IouTable;
use super::sanity::SanityTable;
use crate::error::Result;
use crate::export::{Made, SOFTWARE, canvas_png};
use crate::render::colour::Rgb;
use crate::render::{Area, Canvas, Font, colour};

const MARGIN: u32 = 24;
const NAMES: u32 = 120;
const ROW: u32 = 20;
const HEAD: u32 = 60;
const FOOT: u32 = 56;
const PLOT: u32 = 520;
const TEXT: f32 = 13.0;
const SMALL: f32 = 11.0;

/// Colours of lines that can be told apart, also by colour-blind eyes (Okabe and Ito 2008, on dark ground).
const LINES: [Rgb; 8] = [
    [0xE6, 0x9F, 0x00],
    [0x56, 0xB4, 0xE9],
    [0x00, 0x9E, 0x73],
    [0xF0, 0xE4, 0x42],
    [0x4C, 0x8F, 0xD6],
    [0xD5, 0x5E, 0x00],
    [0xCC, 0x79, 0xA7],
    [0xBB, 0xBB, 0xBB],
];

/// Mean IoU of every method with its interval, a block for each label; a tick marks chance.
///
/// # Errors
/// When the font inside the program is broken.
pub fn iou_png(table: &IouTable) -> Result<Vec<u8>> {
    let font = Font::inter()?;
    let mut blocks: Vec<(&str, Vec<&super::iou::IouRow>)> = Vec::new();
    for row in &table.rows {
        match blocks.last_mut().filter(|(label, _)| *label == row.label) {
            Some((_, rows)) => rows.push(row),
            None => blocks.push((&row.label, vec![row])),
        }
    }
    let lines = table.rows.len() as u32 + 2 * blocks.len() as u32;
    let (width, height) = (2 * MARGIN + NAMES + PLOT + 180, HEAD + lines * ROW + FOOT);
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    let most = table.rows.iter().map(|row| row.iou.ci[1]).fold(0.1, f64::max);
    let end = (most * 10.0).ceil() / 10.0;
    let left = MARGIN + NAMES;
    let x = |value: f64| left as f32 + (value / end) as f32 * PLOT as f32;
    let title = format!("IoU at the region's area: {} on {}", table.bundle, table.dataset);
    canvas.text(&font, 15.0, MARGIN as f32, 28.0, colour::TEXT, &font.elide(&title, 15.0, (width - 2 * MARGIN) as f32));
    let legend = "mean, 95 % interval (bootstrap over films); tick: chance";
    canvas.text(&font, SMALL, MARGIN as f32, 48.0, colour::SECONDARY, legend);
    let bottom = HEAD + lines * ROW;
    for tick in 0..=(end * 10.0).round() as u32 {
        let at = x(f64::from(tick) / 10.0);
        canvas.fill(Area { x: at as u32, y: HEAD, width: 1, height: bottom - HEAD }, colour::LINE);
        canvas.text(
            &font,
            SMALL,
            at - 8.0,
            (bottom + 16) as f32,
            colour::SECONDARY,
            &format!("{:.1}", f64::from(tick) / 10.0),
        );
    }
    let mut top = HEAD;
    for (label, rows) in blocks {
        let heading = format!("{label}, {} films", rows.iter().map(|row| row.films).max().unwrap_or(0));
        canvas.text(&font, TEXT, MARGIN as f32, (top + ROW) as f32, colour::TEXT, &heading);
        top += ROW + ROW / 2;
        for row in rows {
            let middle = top + ROW / 2;
            canvas.text(&font, SMALL, MARGIN as f32, (middle + 4) as f32, colour::SECONDARY, &row.method);
            let (from, to) = (x(row.iou.ci[0]) as u32, x(row.iou.ci[1]) as u32);
            canvas.fill(Area { x: from, y: middle - 1, width: (to - from).max(1), height: 2 }, colour::SECONDARY);
            let chance = x(row.by_chance) as u32;
            canvas.fill(Area { x: chance, y: middle - 6, width: 2, height: 12 }, colour::REMOVED);
            let mean = x(row.iou.mean) as u32;
            canvas.fill(Area { x: mean.saturating_sub(3), y: middle - 3, width: 6, height: 6 }, colour::ACCENT);
            let words = format!("{:.2} ± {:.2}", row.iou.mean, row.iou.sd);
            canvas.text_right(&font, SMALL, (width - MARGIN) as f32, (middle + 4) as f32, colour::TEXT, &words);
            top += ROW;
        }
        top += ROW / 2;
    }
    let foot = (height - 14) as f32;
    canvas.text(&font, SMALL, MARGIN as f32, foot, colour::SECONDARY, "number: mean ± standard deviation over films");
    canvas.text_right(&font, SMALL, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByModel)
}

/// Rank correlation of every method over the depth of randomisation, standard deviations as bars.
///
/// # Errors
/// When the font inside the program is broken.
pub fn sanity_png(table: &SanityTable) -> Result<Vec<u8>> {
    const TALL: u32 = 360;
    let font = Font::inter()?;
    let mut methods: Vec<&str> = Vec::new();
    let mut layers: BTreeMap<usize, &str> = BTreeMap::new();
    for row in &table.rows {
        if !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
        layers.insert(row.depth, if row.depth == 0 { "trained" } else { &row.layer });
    }
    let deepest = layers.keys().copied().max().unwrap_or(1).max(1);
    let (width, height) = (2 * MARGIN + 40 + PLOT + 200, HEAD + TALL + FOOT + 24);
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    let title = format!("Maps of a network that forgets: {} on {}, {}", table.bundle, table.dataset, table.label);
    canvas.text(&font, 15.0, MARGIN as f32, 28.0, colour::TEXT, &font.elide(&title, 15.0, (width - 2 * MARGIN) as f32));
    let legend = "Spearman correlation of |map| with that of the trained network; bars: standard deviation over films";
    canvas.text(&font, SMALL, MARGIN as f32, 48.0, colour::SECONDARY, legend);
    let left = (MARGIN + 40) as f32;
    let x = |depth: usize| left + PLOT as f32 * depth as f32 / deepest as f32;
    // From -0.2, so that no likeness is not at the floor.
    let y = |value: f64| HEAD as f32 + TALL as f32 * (1.0 - (value.clamp(-0.2, 1.0) as f32 + 0.2) / 1.2);
    for step in 0..=6 {
        let value = -0.2 + 0.2 * f64::from(step);
        let at = y(value);
        canvas.fill(Area { x: left as u32, y: at as u32, width: PLOT, height: 1 }, colour::LINE);
        canvas.text_right(&font, SMALL, left - 8.0, at + 4.0, colour::SECONDARY, &format!("{value:.1}"));
    }
    for (&depth, &layer) in &layers {
        let words = font.elide(layer, SMALL, PLOT as f32 / deepest as f32 - 4.0);
        let at = x(depth) - font.width(&words, SMALL) / 2.0;
        canvas.text(&font, SMALL, at, (HEAD + TALL + 18) as f32, colour::SECONDARY, &words);
    }
    for (index, method) in methods.iter().enumerate() {
        let ink = LINES[index % LINES.len()];
        // Past the colours, lines are thinner.
        let thick = if index < LINES.len() { 3.0 } else { 1.5 };
        let points: Vec<(usize, Spread)> =
            table.rows.iter().filter(|r| r.method == *method).filter_map(|r| Some((r.depth, r.correlation?))).collect();
        for pair in points.windows(2) {
            let at = |(depth, spread): (usize, Spread)| [x(depth), y(spread.mean)];
            canvas.line([at(pair[0]), at(pair[1])], thick, ink, 1.0);
        }
        for &(depth, spread) in points.iter().filter(|(depth, _)| *depth > 0) {
            let offset = (index as f32 - methods.len() as f32 / 2.0) * 2.0;
            let at = x(depth) + offset;
            canvas.line([[at, y(spread.mean - spread.sd)], [at, y(spread.mean + spread.sd)]], 1.0, ink, 0.7);
        }
        let row = HEAD + index as u32 * ROW;
        let key = width - MARGIN - 160;
        canvas.line([[key as f32, row as f32 + 8.0], [key as f32 + 20.0, row as f32 + 8.0]], thick, ink, 1.0);
        canvas.text(&font, SMALL, (key + 28) as f32, row as f32 + 12.0, colour::TEXT, method);
        if let Some((_, last)) = points.last() {
            let words = format!("{:.2}", last.mean);
            canvas.text_right(&font, SMALL, (width - MARGIN) as f32, row as f32 + 12.0, colour::SECONDARY, &words);
        }
    }
    let foot = (height - 14) as f32;
    canvas.text(&font, SMALL, MARGIN as f32, foot, colour::SECONDARY, "layers randomised so far, from the output down");
    canvas.text_right(&font, SMALL, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByModel)
}
