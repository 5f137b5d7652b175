//! A column's verdict in words, with the evidence.
//!
//! In: all that was measured of a column. Out: detected, used, both or neither, and the sentences that say why. A part that
//! was not measured is never taken for a negative answer.

use std::collections::BTreeMap;

use serde::Serialize;

use super::gap::{Gap, Lean};
use super::outcome::DetectionTable;
use super::probe::Probe;
use super::removal::DIFFERENCE;
use super::result::{Judged, NotDone};
use super::usage::{UsageTable, Verdict, VerdictRule};
use crate::metrics::Estimate;

/// A lean of a prediction that is worth a sentence: AUC of the group among films without the label.
const LEANS: f64 = 0.6;
/// Share of the latents' length that the SAE leaves out from which on removals are to be read with care.
const LARGE_RESIDUAL: f64 = 0.3;
/// AUC that a trivial signal surely exceeds where it is worth a sentence.
const TOLD_BY_PIXELS: f64 = 0.6;
/// Labels that are named.
const NAMED: usize = 4;

/// What is said of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnVerdict {
    /// Detected, used, both or neither; none where use could not be measured and nothing was detected.
    pub verdict: Verdict,
    /// Whether use was measured at all.
    pub is_use_measured: bool,
    /// One line for a list.
    pub headline: String,
    /// The evidence.
    pub sentences: Vec<String>,
}

/// A number with its interval, two digits.
pub(super) fn interval(of: &Estimate) -> String {
    format!("{:.2} ({:.2} to {:.2})", of.value, of.low, of.high)
}

/// A probability as people write it; one too small for a double is not zero.
pub(super) fn chance(p: f64) -> String {
    match p {
        0.0 => "1e-300 or less".to_owned(),
        p if p < 0.01 => format!("{p:.0e}"),
        p => format!("{p:.2}"),
    }
}

/// `predictions` names the table that predictions by group are of; empty where they are the bundle's.
pub(super) fn verdict(
    detection: &DetectionTable,
    names: &BTreeMap<u32, String>,
    pixels: &[Probe],
    (leans, gaps, predictions): (&[Lean], &[Gap], &str),
    usage: Option<&UsageTable>,
    judgements: &[Judged],
    not_done: &[NotDone],
) -> ColumnVerdict {
    let rule = VerdictRule::default();
    let mut sentences = Vec::new();
    let detected = detected(detection, names, &rule, &mut sentences);
    trivial(detection, pixels, &mut sentences);
    let used = used(usage, judgements, &mut sentences);
    if let Some(lean) = leans.first().filter(|lean| lean.label != detection.column)
        && let Some(without) = &lean.without
        && (without.auc.value - 0.5).abs() >= LEANS - 0.5
    {
        let (films, others) = (without.counts.films, without.counts.other_films);
        let source = if predictions.is_empty() { String::new() } else { format!(" in {predictions}") };
        sentences.push(format!(
            "Among films without {}, its prediction{source} alone tells {} {} from {} at AUC {} ({films} and {others} films).",
            lean.label,
            detection.column,
            lean.group,
            lean.against,
            interval(&without.auc)
        ));
    }
    for gap in gaps.iter().filter(|gap| gap.is_flagged()) {
        sentences.push(format!(
            "{} is predicted {} in {} than in {}: AUC {:.2} (of {} films with it) against {:.2} (of {}), difference {}.",
            gap.label,
            if gap.difference.value > 0.0 { "better" } else { "worse" },
            gap.internal,
            gap.external,
            gap.inside.auc.value,
            gap.inside.counts.films,
            gap.outside.auc.value,
            gap.outside.counts.films,
            interval(&gap.difference)
        ));
    }
    for part in not_done {
        sentences.push(format!("Not measured: {} ({}).", part.part, part.reason));
    }
    let verdict = match (detected, used) {
        (true, Some(true)) => Verdict::Both,
        (true, _) => Verdict::Detected,
        (false, Some(true)) => Verdict::Used,
        (false, _) => Verdict::Neither,
    };
    let headline = match (detected, used) {
        (true, Some(true)) => "Detected and used",
        (true, Some(false)) => "Detected; no sign of use",
        (true, None) => "Detected; use not measured",
        (false, Some(true)) => "Used, though no single feature tells it well",
        (false, Some(false)) => "Neither detected nor used",
        (false, None) => "Not detected; use not measured",
    };
    ColumnVerdict { verdict, is_use_measured: used.is_some(), headline: headline.to_owned(), sentences }
}

/// Whether a feature tells the column well, with its sentence.
fn detected(
    detection: &DetectionTable,
    names: &BTreeMap<u32, String>,
    rule: &VerdictRule,
    sentences: &mut Vec<String>,
) -> bool {
    let following = detection.rows.iter().filter(|row| row.q < 0.05).count();
    let Some(row) = detection.rows.first() else {
        sentences.push(format!("No feature fires on the {} audited films.", detection.films));
        return false;
    };
    let name = names.get(&row.feature).map_or_else(String::new, |name| format!(" ({name})"));
    let counts = format!("{following} of {} features follow the column (q < 0.05).", detection.features);
    // Any sure follower counts: the first in the list may owe its place to chance.
    let is_told = detection.rows.iter().any(|row| {
        let far = |of: &Estimate, limit: f64, middle: f64| of.low >= middle + limit || of.high <= middle - limit;
        let by_group = row.comparison.as_ref().is_some_and(|found| far(&found.auc, rule.auc - 0.5, 0.5));
        // An AUC of 0.7 between halves is about a rho of 0.35.
        let by_number = row.correlation.as_ref().is_some_and(|rho| far(rho, 2.0 * (rule.auc - 0.5) * 0.87, 0.0));
        row.q < 0.05 && (by_group || by_number)
    });
    if let Some(found) = &row.comparison {
        let auc = &found.auc;
        let how = if auc.value >= 0.5 { "tells" } else { "tells, by its silence," };
        sentences.push(format!(
            "Feature {}{name} {how} {} {} from {}: AUC {}, q = {}, {} and {} films. {counts}",
            row.feature,
            detection.column,
            found.group,
            found.against,
            interval(auc),
            chance(row.q),
            found.counts.films,
            found.counts.other_films
        ));
        return is_told;
    }
    if let Some(rho) = &row.correlation {
        sentences.push(format!(
            "Feature {}{name} goes with the column: Spearman's rho {}, q = {}. {counts}",
            row.feature,
            interval(rho),
            chance(row.q)
        ));
        return is_told;
    }
    false
}

/// Whether pixels alone tell the column as well.
fn trivial(detection: &DetectionTable, pixels: &[Probe], sentences: &mut Vec<String>) {
    let Some(best) = pixels.iter().max_by(|a, b| a.auc.value.total_cmp(&b.auc.value)) else { return };
    if best.auc.low <= TOLD_BY_PIXELS {
        return;
    }
    let own = detection.rows.first().and_then(|row| row.comparison.as_ref()).map(|found| found.auc.value);
    let words = match own {
        Some(own) if best.auc.low > 0.5 + (own - 0.5).abs() => {
            "better than any feature: a feature that follows it says little"
        }
        _ => "without any model",
    };
    sentences.push(format!(
        "The signal is in the pixels themselves: {} tell it at AUC {}, {words}.",
        best.signal,
        interval(&best.auc)
    ));
}

/// Whether taking features away shows use, with its sentences; none where it was not measured.
fn used(usage: Option<&UsageTable>, judgements: &[Judged], sentences: &mut Vec<String>) -> Option<bool> {
    let usage = usage?;
    if judgements.is_empty() {
        return None;
    }
    let mut hits: Vec<&Judged> = judgements.iter().filter(|judged| judged.judgement.used).collect();
    // A feature holds more than the column that it follows: on phantoms whose predictions do not rest on it, taking features
    // away moved them all the same, taking the difference between the groups away did not.
    let is_decided_by_difference = judgements.iter().any(|judged| judged.edit == DIFFERENCE);
    let size = |judged: &Judged| judged.judgement.standardised.unwrap_or(0.0).abs();
    hits.sort_by(|a, b| (b.edit == DIFFERENCE).cmp(&(a.edit == DIFFERENCE)).then(size(b).total_cmp(&size(a))));
    for hit in hits.iter().take(NAMED) {
        let Some(effect) = &hit.judgement.effect else { continue };
        let controls = [
            ("other features", hit.judgement.among_features.filter(|_| !hit.features.is_empty())),
            ("random directions", hit.judgement.among_directions),
        ];
        let controls: Vec<String> = controls
            .iter()
            .filter_map(|(what, place)| place.map(|place| format!("{what} at most {:.2}", place.largest.abs())))
            .collect();
        sentences.push(format!(
            "Taking {} away moves {} by {} logits more on films that show it, {:.1} standard deviations of its logit ({}).",
            hit.edit,
            hit.label,
            interval(effect),
            size(hit),
            controls.join(", ")
        ));
    }
    if hits.is_empty() {
        sentences.push(format!(
            "Taking away what follows it moves no prediction of {} films by as much as would count.",
            usage.measured
        ));
    }
    if let Some(residual) = usage.residual.filter(|residual| residual.relative_norm > LARGE_RESIDUAL) {
        sentences.push(format!(
            "The SAE leaves {:.0} % of a latent's length unexplained: what rests on that part, no removal of features shows.",
            100.0 * residual.relative_norm
        ));
    }
    let is_used = hits.iter().any(|hit| !is_decided_by_difference || hit.edit == DIFFERENCE);
    match (is_decided_by_difference, hits.is_empty()) {
        (true, false) if !is_used => sentences.push(
            "Only single features' removal moves predictions, not that of the difference between the groups: what else these \
             features hold may do it. It is not called use."
                .to_owned(),
        ),
        (false, false) => sentences.push(
            "This rests on features alone, which hold more than the column; a store with latents and more films lets the \
             difference between the groups decide."
                .to_owned(),
        ),
        _ => {}
    }
    Some(is_used)
}
