//! An audit as one HTML file that needs nothing but itself, and as CSV tables.
//!
//! In: an [`Audit`] and the command that made it. Out: text. Films appear as small pictures without name or path; markers that
//! are burned into them stay, since they are what an audit is about, and the page says so.

mod column;
mod html;
mod markers;
mod svg;
mod tables;

use std::fmt::Write as _;

use super::removal::strongest_use;
use super::result::{Audit, Judged};
use crate::error::Result;
use crate::export::SOFTWARE;
use crate::export::page::escape;
use column::{best, of_column};
use html::{paragraph, table};
pub use tables::{detection_csv, usage_csv};

/// Rows of a table that a reader sees; the CSV has all.
const SHOWN: usize = 20;
const STYLE: &str = include_str!("style.css");

/// The page, whole.
///
/// # Errors
/// When a picture cannot be encoded.
pub fn page(audit: &Audit, command: &str) -> Result<String> {
    let columns: Vec<&str> = audit.columns.iter().map(|column| column.detection.column.as_str()).collect();
    let title = format!("Confounder audit: {}", columns.join(", "));
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    let device = audit.device.as_ref().map_or_else(String::new, |device| format!(", read on {device}"));
    body += &paragraph(&format!(
        "Bundle {}{device}; {} films of {} patients of {}. What a feature detects, a model need not use: both are measured, \
         each against controls. Not for diagnosis.",
        audit.bundle, audit.films, audit.patients, audit.dataset
    ));
    for note in &audit.notes {
        body += &format!("<p class=\"note\">{}</p>\n", escape(note));
    }
    if audit.columns.len() > 1 {
        let mut columns: Vec<_> = audit.columns.iter().map(|column| (column, strongest_use(column))).collect();
        let size = |used: &Option<&Judged>| used.and_then(|used| used.judgement.standardised).unwrap_or(0.0).abs();
        columns.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
        let rows = columns.iter().map(|(column, used)| {
            let words = used.map_or_else(
                || "-".to_owned(),
                |used| format!("{} by {:.1} standard deviations", used.label, size(&Some(used))),
            );
            vec![column.detection.column.clone(), column.verdict.headline.clone(), words, best(column)]
        });
        body += &paragraph("The columns, by how far taking their difference away moves a prediction.");
        body += &table(&["column", "verdict", "moves most", "closest feature"], &rows.collect::<Vec<_>>());
    }
    for column in &audit.columns {
        body += &of_column(column)?;
    }
    if let Some(injection) = &audit.injection {
        body += &markers::section(injection)?;
    }
    for part in &audit.not_done {
        body += &format!("<p class=\"note\">Not measured: {} ({}).</p>\n", escape(&part.part), escape(&part.reason));
    }
    body += &method(audit, command);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" content=\"{SOFTWARE}\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(&title)
    ))
}

fn method(audit: &Audit, command: &str) -> String {
    let mut text = "<section>\n<h2>Method and limits</h2>\n".to_owned();
    for words in [
        "Detection: the activation of each feature on a film (the strongest of its tokens) against the column; films of one \
         patient count together. A column that follows another one is followed by the same features: association is no cause.",
        "Use: the part of features, or the difference between the groups as other films have it, is taken out of the latent on \
         every film and predictions are read again. It counts as used where the change on films that show the column, beyond that on \
         films that do not, has an interval without 0 and is at least 0.25 standard deviations of the logit; of features 0.3, and \
         more than what others of the same activation and random directions of the same length do (p at most 0.25 by rank). Where \
         the difference was tried, it decides. It holds whatever else sets the groups apart, such as sicker patients, as far as \
         that is no label of the bundle's. Through a decoder fewer films, features and controls are looked at. Among many labels and edits \
         some pass by chance.",
        "What the SAE does not explain stays in the latent: no sign of use is no proof of disuse.",
        "Films are shown without name; what is burned into them is still there. Look at them before passing this page on. The JSON beside it names \
         films by their paths.",
        "Labels of public datasets are text-mined; a missing value is left out, not taken for absent.",
    ] {
        text += &paragraph(words);
    }
    let _ = writeln!(
        text,
        "<p>Made in {:.0} s with {SOFTWARE} by</p>\n<pre>{}</pre>\n</section>",
        audit.seconds,
        escape(command)
    );
    text
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
