//! An audit's numbers as CSV.

use crate::audit::result::{Audit, Judged};
use crate::error::{Error, Result};

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
            let same = |judged: &&Judged| judged.edit == row.edit && judged.label == row.label;
            let Some(judged) = column.judgements.iter().find(same) else { continue };
            let judgement = &judged.judgement;
            let scores = row.performance.as_ref();
            out.write_record([
                column.detection.column.clone(),
                row.edit.clone(),
                row.label.clone(),
                judgement.used.to_string(),
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
