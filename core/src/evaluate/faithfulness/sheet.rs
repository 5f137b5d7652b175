//! Pictures of what went well and what did not: for the best method of every factor, its best and its worst film.

use std::collections::BTreeMap;

use super::Measured;
use super::case::{Case, Edited, Outcome};
use super::method::Method;
use crate::error::Result;
use crate::export::{MARK, Made, SOFTWARE, canvas_png};
use crate::phantom::Factor;
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Heat, Resample, colour};
use crate::segmentation::{Threshold, segment_with};

const PANEL: u32 = 168;
const GAP: u32 = 4;
const MARGIN: u32 = 16;
const NAME: u32 = 132;
const HEAD: u32 = 64;
const ROW: u32 = PANEL + 24;
/// Between the success and the failure of a factor.
const GUTTER: u32 = 24;
const TITLES: [&str; 4] = ["film", "true counterfactual", "edited", "changed; true outline"];

/// One factor's line of the sheet.
pub(super) struct Page {
    factor: Factor,
    method: Method,
    best: Shown,
    worst: Shown,
}

/// One film of it.
#[derive(Clone)]
pub(super) struct Shown {
    /// As in the table, of this film alone; minus infinity where the truth changes nothing.
    pub agreement: f64,
    film: Plane,
    truth: Plane,
    edited: Plane,
    map: Plane,
    mask: Plane,
    words: String,
}

impl Page {
    /// The page of a factor: its method with the best agreement among those that a user could have; none where nothing
    /// was measured.
    pub fn of(factor: Factor, methods: BTreeMap<Method, Measured>) -> Option<Self> {
        let agreement = |measured: &Measured| {
            let sum = |of: &dyn Fn(&Outcome) -> f64| measured.outcomes.iter().map(of).sum::<f64>();
            1.0 - sum(&|o| o.error) / sum(&|o| o.nothing_error)
        };
        let (method, measured) = methods
            .into_iter()
            .filter(|(method, _)| method.is_real())
            .max_by(|a, b| agreement(&a.1).total_cmp(&agreement(&b.1)))?;
        Some(Self { factor, method, best: measured.best?, worst: measured.worst? })
    }
}

impl Shown {
    pub fn of(case: &Case, outcome: &Outcome, edited: Edited) -> Self {
        let film = &case.analysis.input;
        let changes = outcome.nothing_error > 0.0;
        let agreement = if changes { 1.0 - outcome.error / outcome.nothing_error } else { f64::NEG_INFINITY };
        let overlap = outcome.iou.map_or(String::new(), |iou| format!(", IoU {iou:.2}"));
        Self {
            agreement,
            film: film.clone(),
            truth: case.truth.clone(),
            edited: edited.film,
            map: edited.map,
            mask: Plane::from_fn(film.width(), film.height(), |x, y| {
                f32::from(u8::from(case.mask[y * film.width() + x]))
            }),
            words: format!("agreement {agreement:.2}{overlap}"),
        }
    }
}

/// All pages as one PNG.
pub(super) fn draw(pages: &[Page]) -> Result<Vec<u8>> {
    let font = Font::inter()?;
    let group = 4 * PANEL + 3 * GAP;
    let width = 2 * MARGIN + NAME + 2 * group + GUTTER;
    let height = HEAD + pages.len() as u32 * ROW + 32;
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    let starts = [MARGIN + NAME, MARGIN + NAME + group + GUTTER];
    for (start, head) in starts.into_iter().zip(["Best film", "Worst film"]) {
        canvas.text(&font, 15.0, start as f32, 26.0, colour::TEXT, head);
        for (i, title) in TITLES.into_iter().enumerate() {
            let x = start + i as u32 * (PANEL + GAP);
            canvas.text(&font, 11.0, x as f32, HEAD as f32 - 10.0, colour::SECONDARY, title);
        }
    }
    for (i, page) in pages.iter().enumerate() {
        let top = HEAD + i as u32 * ROW;
        canvas.text(&font, 13.0, MARGIN as f32, (top + 16) as f32, colour::TEXT, page.factor.label());
        canvas.text(&font, 11.0, MARGIN as f32, (top + 34) as f32, colour::SECONDARY, page.method.name());
        for (start, shown) in starts.into_iter().zip([&page.best, &page.worst]) {
            films(&mut canvas, shown, start, top);
            let baseline = (top + PANEL + 15) as f32;
            canvas.text(&font, 11.0, start as f32, baseline, colour::SECONDARY, &shown.words);
        }
    }
    let foot = height as f32 - 12.0;
    canvas.text(&font, 11.0, MARGIN as f32, foot, colour::SECONDARY, MARK);
    canvas.text_right(&font, 11.0, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByModel)
}

fn films(canvas: &mut Canvas, shown: &Shown, start: u32, top: u32) {
    for (i, film) in [&shown.film, &shown.truth, &shown.edited, &shown.film].into_iter().enumerate() {
        let area = Area { x: start + i as u32 * (PANEL + GAP), y: top, width: PANEL, height: PANEL };
        canvas.grey(film, area, GREY_LEVELS, Resample::Smooth);
        if i == 3 {
            canvas.heat(&shown.map, area, Heat::of(&shown.map, 0.7));
            let mask = segment_with(&shown.mask, Threshold::Value(0.5), 1);
            canvas.outline(&mask.outline(), (mask.width, mask.height), area, 1.0);
        }
    }
}
