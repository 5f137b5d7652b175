//! Which features tell a column of metadata.
//!
//! In: activations, read feature by feature, and columns by film. Out: a [`DetectionTable`] for each column. A feature is
//! read once for all columns and forgotten again; what is held grows with films and with rows of results, never with the
//! store. A film's activation is the strongest of its tokens, 0 where the feature is silent, as on a feature's page.

use rayon::prelude::*;

use super::column::{Column, ColumnKind};
use super::films::AuditedFilms;
use super::outcome::{DetectionRow, DetectionTable, FindingCounts};
use super::prepared::{Against, Prepared, Room};
use super::statistics::benjamini_hochberg;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::store::Store;

/// Features between two reports of progress.
const PIECE: u32 = 64;

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct DetectionOptions {
    /// Strongest films of a feature that are looked at for the share of each group.
    pub top: usize,
    /// Coverage of intervals.
    pub level: f64,
    /// Resamples of a bootstrap over patients for the intervals of AUC and rho; none for those in closed form.
    pub resamples: Option<usize>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for DetectionOptions {
    fn default() -> Self {
        Self { top: 50, level: 0.95, resamples: None, seed: 1 }
    }
}

/// Film activations by feature.
pub trait Activations: Sync {
    /// How many features there are.
    fn features(&self) -> u32;

    /// Films on which a feature fires with its film activation, strongest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn strongest(&self, feature: u32) -> Result<Vec<(u32, f32)>>;
}

impl Activations for Store {
    fn features(&self) -> u32 {
        self.info().features
    }

    fn strongest(&self, feature: u32) -> Result<Vec<(u32, f32)>> {
        Store::strongest(self, feature)
    }
}

/// Holds every feature of the films' store against each column, and against a finding where one is named.
///
/// # Errors
/// As [`detect_in`].
pub fn detect(
    films: &AuditedFilms<'_>,
    columns: &[Column],
    finding: Option<&Column>,
    options: &DetectionOptions,
    progress: &Progress<'_>,
) -> Result<Vec<DetectionTable>> {
    let mut tables = detect_in(films.store(), films.films(), films.patients(), columns, finding, options, progress)?;
    tables.iter_mut().for_each(|table| {
        table.notes.splice(0..0, films.notes().iter().cloned());
    });
    Ok(tables)
}

/// [`detect`] for activations from anywhere: `films` are the numbers that activations name films by, ascending; `patients`
/// and the columns follow them.
///
/// # Errors
/// When a column is not of these films, a group has fewer than two patients, `finding` is no column of two groups, the
/// options make no sense, activations cannot be read or are not numbers, or the work is cancelled.
pub fn detect_in(
    activations: &impl Activations,
    films: &[u32],
    patients: &[u32],
    columns: &[Column],
    finding: Option<&Column>,
    options: &DetectionOptions,
    progress: &Progress<'_>,
) -> Result<Vec<DetectionTable>> {
    if !(options.level > 0.0 && options.level < 1.0) || options.top == 0 || options.resamples == Some(0) {
        return Err(Error::Invalid("an audit needs a level between 0 and 1, such as 0.95, and counts above 0".into()));
    }
    if !films.is_sorted() || films.len() != patients.len() {
        return Err(Error::Invalid("the films of an audit must ascend, with a patient each".into()));
    }
    let against = finding.map(|finding| Against::new(finding, patients)).transpose()?;
    let prepared: Vec<Prepared<'_>> =
        columns.iter().map(|column| Prepared::new(column, patients, against.as_ref())).collect::<Result<_>>()?;
    let count = activations.features();
    let mut rows: Vec<Vec<DetectionRow>> = vec![Vec::new(); columns.len()];
    for start in (0..count).step_by(PIECE as usize) {
        progress.step("features against metadata", start as usize, count as usize)?;
        let features = start..start.saturating_add(PIECE).min(count);
        let found: Vec<Vec<Option<DetectionRow>>> = features
            .into_par_iter()
            .map_init(Room::default, |room, feature| {
                let strongest = placed(&activations.strongest(feature)?, films, feature)?;
                prepared.iter().map(|column| column.row(feature, &strongest, options, room)).collect()
            })
            .collect::<Result<_>>()?;
        for of_feature in found {
            rows.iter_mut().zip(of_feature).for_each(|(rows, row)| rows.extend(row));
        }
    }
    progress.step("features against metadata", count as usize, count as usize)?;
    let tables = columns.iter().zip(&prepared).zip(rows);
    Ok(tables.map(|((column, prepared), rows)| table(column, prepared, rows, count, finding, options)).collect())
}

/// Films by their place in the audit instead of their number; those that are not audited are left out.
fn placed(strongest: &[(u32, f32)], films: &[u32], feature: u32) -> Result<Vec<(u32, f64)>> {
    let place = |&(film, value): &(u32, f32)| match films.binary_search(&film) {
        _ if !value.is_finite() => {
            Some(Err(Error::Invalid(format!("feature {feature} is not a number on film {film}; encode again"))))
        }
        Ok(place) if value > 0.0 => Some(Ok((place as u32, f64::from(value)))),
        _ => None,
    };
    strongest.iter().filter_map(place).collect()
}

fn table(
    column: &Column,
    prepared: &Prepared<'_>,
    mut rows: Vec<DetectionRow>,
    features: u32,
    finding: Option<&Column>,
    options: &DetectionOptions,
) -> DetectionTable {
    let p: Vec<f64> = rows.iter().map(|row| row.p).collect();
    rows.iter_mut().zip(benjamini_hochberg(&p)).for_each(|(row, q)| row.q = q);
    let strength = |row: &DetectionRow| {
        let auc = row.comparison.as_ref().map(|found| (found.auc.value - 0.5).abs());
        auc.or(row.correlation.map(|rho| rho.value.abs())).unwrap_or_default()
    };
    rows.sort_by(|a, b| strength(b).total_cmp(&strength(a)).then(a.p.total_cmp(&b.p)).then(a.feature.cmp(&b.feature)));
    let silent = features as usize - rows.len();
    let mut notes = column.notes.clone();
    if silent > 0 {
        notes.push(format!("{silent} of {features} features fire on none of these films and are left out."));
    }
    DetectionTable {
        column: column.name.clone(),
        kind: column.kind(),
        groups: prepared.groups(),
        films: prepared.films(),
        patients: prepared.patients(),
        missing: column.missing,
        features: rows.len(),
        silent,
        method: method(column.kind(), prepared.has_repeats(), options),
        level: options.level,
        top: options.top,
        finding: finding.map(|finding| {
            let [with, without, missing] = prepared.strata_films();
            FindingCounts { name: finding.name.clone(), with, without, missing }
        }),
        notes,
        rows,
    }
}

/// What was computed, in a sentence.
fn method(kind: ColumnKind, has_repeats: bool, options: &DetectionOptions) -> String {
    let interval = match (options.resamples, kind, has_repeats) {
        (Some(resamples), ..) => format!("bootstrap over patients ({resamples} resamples, seed {})", options.seed),
        (None, ColumnKind::Numbers, false) => "Fisher's z".into(),
        (None, ColumnKind::Numbers, true) => "Fisher's z with each patient counted once".into(),
        (None, _, false) => "DeLong 1988 (Newcombe 2006 where its variance is 0)".into(),
        (None, _, true) => {
            "DeLong clustered by patient (Obuchowski 1997; Newcombe 2006 where its variance is 0)".into()
        }
    };
    let p = match (kind, has_repeats) {
        (ColumnKind::Binary, false) => "Mann-Whitney U, two-sided",
        (ColumnKind::Binary, true) => {
            "the larger of Mann-Whitney U and a Wald test with the clustered variance, two-sided"
        }
        (ColumnKind::Groups, false) => "Kruskal-Wallis over all groups",
        (ColumnKind::Groups, true) => "Kruskal-Wallis over all groups, H scaled to each patient counted once",
        (ColumnKind::Numbers, false) => "Spearman, two-sided",
        (ColumnKind::Numbers, true) => "Spearman with each patient counted once, two-sided",
    };
    let percent = options.level * 100.0;
    format!("{percent} % intervals: {interval}. p: {p}. q: Benjamini-Hochberg over the features.")
}
