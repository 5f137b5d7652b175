//! An audit as one HTML file that needs nothing but itself, and as CSV tables.
//!
//! In: an [`Audit`] and the command that made it. Out: text. Films appear as small pictures without name or path; markers that
//! are burned into them stay, since they are what an audit is about, and the page says so.

mod html;
mod svg;

use std::fmt::Write as _;

use super::gap::Lean;
use super::injection::InjectionReport;
use super::maps::maps_png;
use super::outcome::DetectionRow;
use super::run::{Audit, ColumnAudit, EXAMPLE_SIDE, Example};
use super::usage::{ControlKind, UsageRow};
use super::words::{chance, interval};
use crate::error::{Error, Result};
use crate::export::{Made, SOFTWARE, encode_rgba};
use html::{escape, folded, paragraph, picture, table};
use svg::{Row, intervals};

/// Rows of a table that a reader sees; the CSV has all.
const SHOWN: usize = 20;
/// Labels whose maps are shown.
const MAPS: usize = 3;
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
        let rows = audit
            .columns
            .iter()
            .map(|column| vec![column.detection.column.clone(), column.verdict.headline.clone(), best(column)]);
        body += &table(&["column", "verdict", "closest feature"], &rows.collect::<Vec<_>>());
    }
    for column in &audit.columns {
        body += &of_column(column)?;
    }
    if let Some(injection) = &audit.injection {
        body += &injected(injection);
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

fn best(column: &ColumnAudit) -> String {
    let Some(row) = column.detection.rows.first() else { return "none fires".into() };
    let number = match (&row.comparison, &row.correlation) {
        (Some(found), _) => format!("AUC {}", interval(&found.auc)),
        (None, Some(rho)) => format!("rho {}", interval(rho)),
        (None, None) => String::new(),
    };
    format!("{}, {number}", named(column, row.feature))
}

fn named(column: &ColumnAudit, feature: u32) -> String {
    column.names.get(&feature).map_or_else(|| format!("feature {feature}"), |name| format!("{feature} {name}"))
}

fn of_column(column: &ColumnAudit) -> Result<String> {
    let detection = &column.detection;
    let mut text = format!("<section>\n<h2>{}</h2>\n", escape(&detection.column));
    let _ = writeln!(text, "<p class=\"verdict\">{}.</p>\n<ul class=\"evidence\">", escape(&column.verdict.headline));
    for sentence in &column.verdict.sentences {
        let _ = writeln!(text, "<li>{}</li>", escape(sentence));
    }
    text.push_str("</ul>\n");
    let groups = detection.groups.iter().map(|group| {
        vec![
            group.name.clone(),
            group.share.present.to_string(),
            group.patients.to_string(),
            percent(group.share.share),
        ]
    });
    if !detection.groups.is_empty() {
        text += &table(&["group", "films", "patients", "share"], &groups.collect::<Vec<_>>());
    }
    for note in &detection.notes {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", escape(note));
    }
    text += &examples(column)?;
    text += "<h3>Detected: which features follow it</h3>\n";
    text += &detected(column);
    text += &baselines(column);
    text += &used(column);
    text += &predictions(column);
    text += &maps(column)?;
    text.push_str("</section>\n");
    Ok(text)
}

fn examples(column: &ColumnAudit) -> Result<String> {
    if column.examples.iter().all(|example| example.picture.is_none()) {
        return Ok(String::new());
    }
    let feature = column.detection.rows.first().map_or(0, |row| row.feature);
    let mut text = String::new();
    for shows in [true, false] {
        let of: Vec<&Example> = column.examples.iter().filter(|example| example.shows == shows).collect();
        if of.is_empty() {
            continue;
        }
        let asked = column.detection.rows.first().and_then(|row| row.comparison.as_ref()).map(|found| &found.group);
        let group = match (asked, shows) {
            (Some(group), true) => format!("films of \"{group}\""),
            (Some(_), false) => "other films".to_owned(),
            (None, true) => "films above the median".to_owned(),
            (None, false) => "films at or below the median".to_owned(),
        };
        let _ = writeln!(text, "<figure class=\"strip\"><div>");
        for example in of {
            if let Some(pixels) = &example.picture {
                let png = encode_rgba(pixels, EXAMPLE_SIDE, EXAMPLE_SIDE, Made::ByXray)?;
                let words = format!("film on which the feature has activation {:.2}", example.value);
                let _ = writeln!(text, "{}", picture(&png, &words));
            }
        }
        let _ = writeln!(
            text,
            "</div><figcaption>Where {} fires most among {}; the outline is where it fires, where the model has places.\
             </figcaption></figure>",
            escape(&named(column, feature)),
            escape(&group)
        );
    }
    Ok(text)
}

fn detected(column: &ColumnAudit) -> String {
    let detection = &column.detection;
    let rows: Vec<&DetectionRow> = detection.rows.iter().take(SHOWN).collect();
    let is_numbers = rows.iter().all(|row| row.comparison.is_none());
    let points: Vec<Row> = rows
        .iter()
        .take(12)
        .filter_map(|row| {
            let found = row.comparison.as_ref().map(|found| found.auc).or(row.correlation)?;
            let value = [found.value, found.low, found.high];
            Some(Row { name: named(column, row.feature), value, control: None, is_marked: row.q < 0.05 })
        })
        .collect();
    let (nothing, axis) = if is_numbers {
        (0.0, "Spearman's rho, 95 % interval")
    } else {
        (0.5, "AUC, 95 % interval; grey line: chance")
    };
    let mut text = format!("<figure>{}</figure>\n", intervals(&points, nothing, axis));
    let mut head = vec!["feature", if is_numbers { "rho" } else { "AUC" }, "q", "effect size", "fires"];
    let shares: Vec<String> = detection
        .groups
        .iter()
        .flat_map(|group| [format!("fires, {}", group.name), format!("top {}, {}", detection.top, group.name)])
        .collect();
    head.extend(shares.iter().map(String::as_str));
    let strata: Vec<String> = detection
        .finding
        .iter()
        .flat_map(|finding| [format!("AUC with {}", finding.name), format!("AUC without {}", finding.name)])
        .collect();
    head.extend(strata.iter().map(String::as_str));
    let cells = rows.iter().map(|row| {
        let found = row.comparison.as_ref().map(|found| found.auc).or(row.correlation);
        let effect = row.comparison.as_ref().map(|found| number(found.cohens_d));
        let mut cells = vec![
            named(column, row.feature),
            found.as_ref().map_or("-".into(), interval),
            chance(row.q),
            effect.unwrap_or_else(|| "-".into()),
            percent(row.fires.share),
        ];
        for group in &row.groups {
            cells.extend([percent(group.fires.share), percent(group.top.share)]);
        }
        for stratum in &row.strata {
            let found = stratum.comparison.as_ref().map(|found| found.auc).or(stratum.correlation);
            cells.push(found.as_ref().map_or("-".into(), interval));
        }
        cells
    });
    text += &folded(&format!("Table of the first {}", rows.len()), &table(&head, &cells.collect::<Vec<_>>()));
    text += &format!(
        "<p class=\"note\">{} features fire on these films, {} never do and are left out. {} Effect size: Cohen's d. q: \
         Benjamini-Hochberg over all of them.</p>\n",
        detection.features,
        detection.silent,
        escape(&detection.method)
    );
    text
}

fn baselines(column: &ColumnAudit) -> String {
    let probe = |of: &super::probe::Probe| {
        vec![
            of.signal.clone(),
            interval(&of.auc),
            of.numbers.to_string(),
            format!("{} + {}", of.counts.films, of.counts.other_films),
        ]
    };
    let mut rows: Vec<Vec<String>> = column.pixels.iter().map(probe).collect();
    rows.extend(column.domain.iter().flat_map(|domain| domain.probes.iter().map(probe)));
    let mut text = String::new();
    if !rows.is_empty() {
        text += "<h3>How far simple signals get, and what gives it away</h3>\n";
        text += &table(&["a linear probe on", "AUC out of fold", "numbers", "films"], &rows);
    }
    let of_labels: Vec<Vec<String>> = column
        .metadata
        .iter()
        .filter_map(|baseline| {
            let best = baseline.probes.iter().max_by(|a, b| a.auc.value.total_cmp(&b.auc.value))?;
            let films = format!("{} + {}", best.counts.films, best.counts.other_films);
            Some(vec![baseline.label.clone(), best.signal.clone(), interval(&best.auc), films])
        })
        .collect();
    if !of_labels.is_empty() {
        let content = table(&["label", "metadata", "AUC out of fold", "films"], &of_labels);
        text += &folded("How well metadata alone predicts each label", &content);
    }
    text
}

fn used(column: &ColumnAudit) -> String {
    let Some(usage) = &column.usage else { return String::new() };
    let mut text = "<h3>Used: what taking it out of the latent does to predictions</h3>\n".to_owned();
    let effect = |row: &UsageRow| row.contrast.as_ref().map(|contrast| contrast.logit).or(row.overall.logit);
    let mut rows: Vec<&UsageRow> = usage.rows.iter().collect();
    let size = |row: &UsageRow| effect(row).map_or(0.0, |effect| effect.value.abs());
    rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let is_used = |row: &UsageRow| {
        let same = |judged: &&super::run::Judged| judged.edit == row.edit && judged.label == row.label;
        column.judgements.iter().find(same).is_some_and(|judged| judged.stands)
    };
    let control = |row: &UsageRow, kind: ControlKind| {
        let controls = row.controls.iter().find(|controls| controls.kind == kind)?;
        if row.contrast.is_some() { controls.contrast } else { controls.mean }
    };
    let points: Vec<Row> = rows
        .iter()
        .take(14)
        .filter_map(|row| {
            let found = effect(row)?;
            let place = control(row, ControlKind::Directions).or_else(|| control(row, ControlKind::Features));
            Some(Row {
                name: format!("{}: {}", row.label, row.edit),
                value: [found.value, found.low, found.high],
                control: place.map(|place| [place.mean, 2.0 * place.deviation]),
                is_marked: is_used(row),
            })
        })
        .collect();
    let axis = if rows.first().is_some_and(|row| row.contrast.is_some()) {
        "change of the logit on films that show it, less that on films that do not; band: random directions of the same length"
    } else {
        "mean change of the logit; band: random directions of the same length"
    };
    text += &format!("<figure>{}</figure>\n", intervals(&points, 0.0, axis));
    let head = [
        "edit",
        "label",
        "used",
        "effect, logits",
        "other features",
        "p",
        "random directions",
        "p",
        "flips",
        "AUC before",
        "AUC after",
        "length of edit",
    ];
    let cells = rows.iter().take(2 * SHOWN).map(|row| {
        let place = |kind| match control(row, kind) {
            Some(place) => [format!("{:.2} ± {:.2}", place.mean, place.deviation), chance(place.p)],
            None => ["-".to_owned(), "-".to_owned()],
        };
        let [features, p_features] = place(ControlKind::Features);
        let [directions, p_directions] = place(ControlKind::Directions);
        let auc = |after: bool| {
            let performance = row.performance.as_ref()?;
            let scores = if after { &performance.after } else { &performance.before };
            scores.auc.as_ref().map(|auc| format!("{:.2}", auc.value))
        };
        vec![
            row.edit.clone(),
            row.label.clone(),
            if is_used(row) { "yes" } else { "no" }.to_owned(),
            effect(row).as_ref().map_or("-".into(), interval),
            features,
            p_features,
            directions,
            p_directions,
            row.overall.flip_rate.map_or("-".into(), |rate| percent(rate.value)),
            auc(false).unwrap_or_else(|| "-".into()),
            auc(true).unwrap_or_else(|| "-".into()),
            percent(row.size.relative_norm),
        ]
    });
    text += &folded("Table of the largest effects", &table(&head, &cells.collect::<Vec<_>>()));
    let residual = usage.residual.map_or_else(String::new, |residual| {
        format!(" The SAE leaves {:.0} % of a latent's length unexplained.", 100.0 * residual.relative_norm)
    });
    text += &format!(
        "<p class=\"note\">{} films of {} patients measured, {} left out. Intervals: bootstrap of patients. p: rank among {} \
         controls.{residual}</p>\n",
        usage.measured,
        usage.patients,
        usage.left_out.len(),
        usage.rows.first().and_then(|row| row.controls.first()).map_or(0, |controls| controls.count)
    );
    text
}

fn predictions(column: &ColumnAudit) -> String {
    let mut text = String::new();
    let cell = |ranked: Option<&super::gap::Ranked>| {
        ranked.map_or_else(
            || "-".to_owned(),
            |ranked| format!("{}; {} + {}", interval(&ranked.auc), ranked.counts.films, ranked.counts.other_films),
        )
    };
    if let Some(first) = column.leans.first() {
        text += "<h3>How predictions differ between the groups</h3>\n";
        let words =
            format!("chance that a film of {} has the higher prediction than one of {}", first.group, first.against);
        let row = |lean: &Lean| {
            vec![lean.label.clone(), cell(lean.without.as_ref()), cell(lean.with.as_ref()), cell(lean.all.as_ref())]
        };
        let rows: Vec<Vec<String>> = column.leans.iter().map(row).collect();
        text += &paragraph(&format!(
            "AUC: {words}. Among films without the label, anything but 0.5 follows the group alone."
        ));
        text += &table(&["prediction", "films without the label", "films with it", "all films"], &rows);
    }
    if !column.gaps.is_empty() {
        let rows = column.gaps.iter().map(|gap| {
            vec![
                gap.label.clone(),
                format!("{}: {}", gap.internal, interval(&gap.inside.auc)),
                format!("{}: {}", gap.external, interval(&gap.outside.auc)),
                interval(&gap.difference),
                if gap.is_flagged() {
                    "large and sure"
                } else if gap.is_large {
                    "large, not sure"
                } else {
                    ""
                }
                .to_owned(),
            ]
        });
        let content = table(&["label", "AUC", "AUC", "difference", "above 0.05"], &rows.collect::<Vec<_>>());
        text += &folded("How well each label is predicted in each group", &content);
    }
    text
}

fn maps(column: &ColumnAudit) -> Result<String> {
    let Some(maps) = &column.maps else { return Ok(String::new()) };
    let mut text = "<h3>Where the classifier finds evidence</h3>\n".to_owned();
    let difference = |label: usize| {
        let cells = maps.labels[label].difference.iter().flatten();
        cells.map(|cell| cell.value.abs()).fold(0.0, f64::max)
    };
    let mut order: Vec<usize> = (0..maps.labels.len()).collect();
    order.sort_by(|&a, &b| difference(b).total_cmp(&difference(a)));
    for label in order.into_iter().take(MAPS) {
        let words = format!("evidence for {} by group", maps.labels[label].label);
        let _ = writeln!(text, "<figure>{}</figure>", picture(&maps_png(maps, label)?, &words));
    }
    let rows = maps.labels.iter().map(|label| {
        let mut cells = vec![label.label.clone()];
        for group in &label.groups {
            let share = group.in_border.share.as_ref().map_or("-".into(), interval);
            cells.push(share);
        }
        cells
    });
    let mut head = vec!["label".to_owned()];
    head.extend(maps.groups.iter().map(|group| format!("in the border, {}", group.name)));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    text += &folded("Share of positive evidence in the outer cells", &table(&head, &rows.collect::<Vec<_>>()));
    text += &format!(
        "<p class=\"note\">Cells: ln(probability of the cell / base rate), after Zech. Evenly spread evidence would have {} in \
         the border.</p>\n",
        percent(maps.border_area)
    );
    Ok(text)
}

fn injected(report: &InjectionReport) -> String {
    let mut text = "<section>\n<h2>Markers drawn onto films</h2>\n".to_owned();
    text += &paragraph(&format!(
        "{} films of {} patients, each read clean, with the marker, with meaningless words of the same size and brightness in \
         the same place, and with a plain bar there.",
        report.films, report.patients
    ));
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
            let optional = |of: Option<&crate::metrics::Estimate>| of.map_or("-".into(), interval);
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
    let rows: Vec<Vec<String>> = rows.into_iter().take(2 * SHOWN).map(|(_, row)| row).collect();
    text += &table(&head, &rows);
    let features: Vec<Vec<String>> = report
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
    if !features.is_empty() {
        let head = ["marker", "feature", "change of the activation", "over neutral words", "films on which it fires"];
        text += &folded("What the features that follow the columns do", &table(&head, &features));
    }
    text.push_str("</section>\n");
    text
}

fn method(audit: &Audit, command: &str) -> String {
    let mut text = "<section>\n<h2>Method and limits</h2>\n".to_owned();
    for words in [
        "Detection: the activation of each feature on a film (the strongest of its tokens) against the column; films of one \
         patient count together. A column that follows another one is followed by the same features: association is no cause.",
        "Use: the feature's part is taken out of the latent on every film and predictions are read again. It counts as used \
         where the change on films that show the column, beyond that on films that do not, has an interval without 0, is at least \
         0.3 standard deviations of the logit, and exceeds what every random direction of the same length and every other \
         feature of the same activation does. Where edits go through a decoder, fewer films, features and controls are looked \
         at. Among many labels and edits some pass by chance.",
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

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// All features against all columns, as CSV.
///
/// # Errors
/// Never with the types of this version.
pub fn detection_csv(audit: &Audit) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let head = [
        "column", "feature", "label", "group", "against", "auc", "low", "high", "cohens_d", "rho", "rho_low",
        "rho_high", "p", "q", "fires", "films",
    ];
    out.write_record(head).map_err(broken)?;
    let float = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for column in &audit.columns {
        for row in &column.detection.rows {
            let found = row.comparison.as_ref();
            let auc = found.map(|found| found.auc);
            out.write_record([
                column.detection.column.clone(),
                row.feature.to_string(),
                column.names.get(&row.feature).cloned().unwrap_or_default(),
                found.map(|found| found.group.clone()).unwrap_or_default(),
                found.map(|found| found.against.clone()).unwrap_or_default(),
                float(auc.map(|auc| auc.value)),
                float(auc.map(|auc| auc.low)),
                float(auc.map(|auc| auc.high)),
                float(found.and_then(|found| found.cohens_d)),
                float(row.correlation.map(|rho| rho.value)),
                float(row.correlation.map(|rho| rho.low)),
                float(row.correlation.map(|rho| rho.high)),
                row.p.to_string(),
                row.q.to_string(),
                row.fires.present.to_string(),
                row.fires.known.to_string(),
            ])
            .map_err(broken)?;
        }
    }
    out.into_inner().map_err(|e| broken(e.into_error()))
}

/// All edits and labels of all columns, as CSV.
///
/// # Errors
/// Never with the types of this version.
pub fn usage_csv(audit: &Audit) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let head = [
        "column",
        "edit",
        "label",
        "used",
        "effect_logits",
        "low",
        "high",
        "standardised",
        "p_features",
        "p_directions",
        "mean_change_logits",
        "flip_rate",
        "auc_before",
        "auc_after",
        "brier_before",
        "brier_after",
        "edit_length",
        "residual_length",
        "films",
    ];
    out.write_record(head).map_err(broken)?;
    let float = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for column in &audit.columns {
        let rows = column.usage.iter().flat_map(|usage| &usage.rows);
        for row in rows {
            let same = |judged: &&super::run::Judged| judged.edit == row.edit && judged.label == row.label;
            let Some(judged) = column.judgements.iter().find(same) else { continue };
            let judgement = &judged.judgement;
            let scores = row.performance.as_ref();
            out.write_record([
                column.detection.column.clone(),
                row.edit.clone(),
                row.label.clone(),
                judged.stands.to_string(),
                float(judgement.effect.map(|effect| effect.value)),
                float(judgement.effect.map(|effect| effect.low)),
                float(judgement.effect.map(|effect| effect.high)),
                float(judgement.standardised),
                float(judgement.among_features.map(|place| place.p)),
                float(judgement.among_directions.map(|place| place.p)),
                float(row.overall.logit.map(|change| change.value)),
                float(row.overall.flip_rate.map(|rate| rate.value)),
                float(scores.and_then(|scores| scores.before.auc).map(|auc| auc.value)),
                float(scores.and_then(|scores| scores.after.auc).map(|auc| auc.value)),
                float(scores.and_then(|scores| scores.before.brier)),
                float(scores.and_then(|scores| scores.after.brier)),
                row.size.relative_norm.to_string(),
                float(row.residual.map(|residual| residual.relative_norm)),
                row.overall.films.to_string(),
            ])
            .map_err(broken)?;
        }
    }
    out.into_inner().map_err(|e| broken(e.into_error()))
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("a table cannot be written ({error})"))
}
