//! Maps of two groups side by side. In: [`DatasetMaps`] and a label. Out: a PNG: the grid of each group over its mean film,
//! then the difference, in viridis from -5 to 5 with the numbers in the cells (reproduce-chexnet).

use super::DatasetMaps;
use crate::error::{Error, Result};
use crate::export::attribution::{draw_cells, ratio_bar};
use crate::export::{Made, SOFTWARE, canvas_png};
use crate::plane::Plane;
use crate::render::{Area, Canvas, Font, GREY_LEVELS, Resample, colour};

const PANEL: u32 = 448;
const GAP: u32 = 16;
const MARGIN: u32 = 24;
const HEAD: u32 = 92;
const BELOW: u32 = 84;

/// One panel a group, and one for the difference where there are two groups.
///
/// # Errors
/// When there is no such label, or the font inside the program is broken.
pub fn maps_png(maps: &DatasetMaps, label: usize) -> Result<Vec<u8>> {
    let Some(own) = maps.labels.get(label) else {
        return Err(Error::Invalid(format!("label number {label} does not exist in these maps")));
    };
    let font = Font::inter()?;
    let mut panels: Vec<(String, Vec<f32>, Option<&Plane>, &str)> = Vec::new();
    for (group, map) in maps.groups.iter().zip(&own.groups) {
        let title = format!("{}, {} films of {} patients", group.name, group.films, group.patients);
        let values = map.log_ratios.iter().map(|&v| v as f32).collect();
        panels.push((title, values, group.mean_film.as_ref(), "mean ln(probability of the cell / base rate)"));
    }
    if let Some(difference) = &own.difference {
        let values = difference.iter().map(|estimate| estimate.value as f32).collect();
        let film = maps.groups.first().and_then(|group| group.mean_film.as_ref());
        panels.push(("first minus second".into(), values, film, "difference of the means"));
    }
    let count = panels.len() as u32;
    let (width, height) = (2 * MARGIN + count * PANEL + count.saturating_sub(1) * GAP, HEAD + PANEL + BELOW);
    let mut canvas = Canvas::new(width, height, colour::BACKGROUND);
    let head = format!("{} by {}", own.label, maps.column);
    canvas.text(&font, 18.0, MARGIN as f32, 32.0, colour::TEXT, &head);
    let base = format!("base rate {:.3}", own.base_rate);
    canvas.text_right(&font, 13.0, (width - MARGIN) as f32, 32.0, colour::SECONDARY, &base);
    let [rows, columns] = maps.grid;
    for (index, (title, values, film, unit)) in panels.iter().enumerate() {
        let whole = Area { x: MARGIN + index as u32 * (PANEL + GAP), y: HEAD, width: PANEL, height: PANEL };
        let title = font.elide(title, 15.0, PANEL as f32);
        canvas.text(&font, 15.0, whole.x as f32, (HEAD - 12) as f32, colour::TEXT, &title);
        let area = film.map_or(whole, |film| whole.fit(film.width(), film.height()));
        if let Some(film) = film {
            canvas.grey(film, area, GREY_LEVELS, Resample::Smooth);
        }
        draw_cells(&mut canvas, &font, values, [columns, rows], area);
        let below = Area { y: whole.y + PANEL + 12, height: 6, ..whole };
        ratio_bar(&mut canvas, &font, below, unit);
    }
    let foot = (height - 14) as f32;
    canvas.text(&font, 13.0, MARGIN as f32, foot, colour::SECONDARY, "mean films; made by a model, not for diagnosis");
    canvas.text_right(&font, 13.0, (width - MARGIN) as f32, foot, colour::SECONDARY, SOFTWARE);
    canvas_png(&canvas, Made::ByModel)
}
