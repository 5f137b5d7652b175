//! The part of the page that is about one column.

use std::fmt::Write as _;

use super::html::{folded, paragraph, picture, table};
use super::svg::{Row, intervals};
use super::{SHOWN, percent};
use crate::audit::gap::{Lean, Ranked};
use crate::audit::maps::maps_png;
use crate::audit::outcome::DetectionRow;
use crate::audit::probe::Probe;
use crate::audit::result::{ColumnAudit, EXAMPLE_SIDE, Example, Judged};
use crate::audit::usage::{ControlKind, UsageRow};
use crate::audit::words::{chance, interval};
use crate::error::Result;
use crate::export::page::escape;
use crate::export::{Made, encode_rgba};

/// Labels whose maps are shown.
const MAPS: usize = 3;

pub(super) fn best(column: &ColumnAudit) -> String {
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

pub(super) fn of_column(column: &ColumnAudit) -> Result<String> {
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
    let probe = |of: &Probe| {
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
        let same = |judged: &&Judged| judged.edit == row.edit && judged.label == row.label;
        column.judgements.iter().find(same).is_some_and(|judged| judged.judgement.used)
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
    let cell = |ranked: Option<&Ranked>| {
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

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
