//! The page's part on drawn markers: what predictions do, where on the film, and what taking features away undoes.

use std::fmt::Write as _;

use super::html::{folded, paragraph, table};
use super::percent;
use crate::audit::drawn::DrawnMarkers;
use crate::audit::injection::{InjectionReport, PositionSweep, Quantity};
use crate::audit::words::interval;
use crate::error::Result;
use crate::export::page::escape;
use crate::metrics::Estimate;

/// Rows of a table.
const SHOWN: usize = 24;
/// Labels whose sweep is drawn: those that change most.
const SWEPT: usize = 3;
/// Side of a cell of a sweep, in pixels.
const CELL: usize = 34;

/// The whole part.
///
/// # Errors
/// Never for what an audit made.
pub(super) fn section(drawn: &DrawnMarkers) -> Result<String> {
    let report = &drawn.response;
    let mut text = "<section>\n<h2>Markers drawn onto films</h2>\n".to_owned();
    text += &paragraph(&format!(
        "{} films of {} patients, each read clean, with the marker, with meaningless words of the same size and brightness in \
         the same place, and with a plain bar there.",
        report.films, report.patients
    ));
    text += &predictions(report);
    text += &features(report);
    for sweep in &drawn.sweeps {
        text += &by_place(sweep)?;
    }
    text += &undone(drawn);
    for part in &drawn.not_done {
        text += &paragraph(&format!("Not done: {} ({}).", part.part, part.reason));
    }
    text.push_str("</section>\n");
    Ok(text)
}

fn predictions(report: &InjectionReport) -> String {
    let head = [
        "marker",
        "prediction",
        "change of the score",
        "with neutral words",
        "over neutral words",
        "decisions flipped",
    ];
    let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
    for marker in &report.markers {
        for label in &marker.labels {
            let score = &label.score;
            let optional = |of: Option<&Estimate>| of.map_or("-".into(), interval);
            rows.push((
                score.over_neutral.as_ref().unwrap_or(&score.marker).value.abs(),
                vec![
                    marker.marker.clone(),
                    label.label.clone(),
                    interval(&score.marker),
                    optional(score.neutral.as_ref()),
                    optional(score.over_neutral.as_ref()),
                    percent(label.flips.share.value),
                ],
            ));
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rows: Vec<Vec<String>> = rows.into_iter().take(SHOWN).map(|(_, row)| row).collect();
    table(&head, &rows)
}

fn features(report: &InjectionReport) -> String {
    let rows: Vec<Vec<String>> = report
        .markers
        .iter()
        .flat_map(|marker| {
            marker.features.iter().map(move |feature| {
                vec![
                    marker.marker.clone(),
                    format!("feature {}", feature.feature),
                    interval(&feature.change.marker),
                    feature.change.over_neutral.as_ref().map_or("-".into(), interval),
                    format!("{} to {} of {}", feature.fires_clean, feature.fires_marked, report.films),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["marker", "feature", "change of the activation", "over neutral words", "films on which it fires"];
    folded("What the features that follow the columns do", &table(&head, &rows))
}

/// Grids of the labels that change most with the marker's place.
fn by_place(sweep: &PositionSweep) -> Result<String> {
    let mut text = format!("<h3>{} moved over the film</h3>\n", escape(&sweep.marker));
    text += &paragraph(&format!(
        "Change of the logit with the marker's middle in each cell, less that with {} in the same place; {} films of {} patients. \
         Orange: more, blue: less.",
        sweep.control, sweep.films, sweep.patients
    ));
    let [rows, columns] = sweep.grid;
    let mut grids = Vec::new();
    for (number, label) in sweep.labels.iter().enumerate() {
        let plane = sweep.plane(number, Quantity::Logit, |effect| effect.difference.value)?;
        let most = plane.data().iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        grids.push((most, label, plane));
    }
    grids.sort_by(|a, b| b.0.total_cmp(&a.0));
    text += "<div class=\"row\">";
    for (most, label, plane) in grids.iter().take(SWEPT) {
        let (width, height) = (columns * CELL, rows * CELL);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "<figure><svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
             xmlns=\"http://www.w3.org/2000/svg\">",
            escape(label)
        );
        for (place, value) in plane.data().iter().enumerate() {
            let colour = if *value >= 0.0 { "#ff8a3d" } else { "#4da3ff" };
            let _ = write!(
                text,
                "<rect x=\"{}\" y=\"{}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{colour}\" fill-opacity=\"{:.2}\"><title>{value:+.2}\
                 </title></rect>",
                place % columns * CELL,
                place / columns * CELL,
                value.abs() / most.max(f32::MIN_POSITIVE)
            );
        }
        let _ = write!(text, "</svg><figcaption>{}: at most {most:.2} logits</figcaption></figure>", escape(label));
    }
    text += "</div>\n";
    Ok(text)
}

/// Recoveries, one row a marker.
fn undone(drawn: &DrawnMarkers) -> String {
    if drawn.recoveries.is_empty() {
        return String::new();
    }
    let head = [
        "marker",
        "label it moves most",
        "logits",
        "recovered by the edit",
        "by filling its box",
        "selectivity",
        "films (too little moved)",
    ];
    let optional = |of: Option<&Estimate>| of.map_or("-".into(), interval);
    let rows: Vec<Vec<String>> = drawn
        .recoveries
        .iter()
        .map(|row| {
            vec![
                row.marker.clone(),
                row.label.clone(),
                interval(&row.effect),
                optional(row.pooled_recovery.as_ref()),
                optional(row.inpainted_recovery.as_ref()),
                optional(row.selectivity.as_ref()),
                format!("{} ({})", row.films, row.left_out),
            ]
        })
        .collect();
    let words = "Taking the features that follow the columns away: 1 brings back the prediction of the clean film, 0 does nothing, \
                 below 0 does harm. Selectivity: the share of all that the edit moves that falls on this label.";
    format!("<h3>Undoing markers</h3>\n{}{}", paragraph(words), table(&head, &rows))
}
