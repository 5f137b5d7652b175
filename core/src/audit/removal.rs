//! What is taken out of the latents for a column, and what that shows: the features that follow it, each and together, and the
//! difference between its groups.
//!
//! In: a column's detection and the films of the audit. Out: a [`UsageTable`], and a judgement of each of its rows.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::column::{Column, Values};
use super::files::KEPT;
use super::folds::CrossValidation;
use super::outcome::DetectionTable;
use super::result::{ColumnAudit, Judged};
use super::run::Work;
use super::sample::subset;
use super::usage::{
    AuditedFilm, Direction, FilmSource, Operation, Target, UsageEdit, UsageModel, UsageRequest, UsageTable,
    VerdictRule, is_used, measure,
};
use crate::bundle::Route;
use crate::bundle::load::hex;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::metrics::Estimate;

/// Other features, and random directions, that an edit is held against.
const CONTROLS: usize = 20;
/// Through a decoder every edit, and every control of it, costs a picture and a pass of the classifier: fewer films, features
/// and controls are then looked at.
const DECODED_FILMS: usize = 64;
const DECODED_FEATURES: usize = 2;
const DECODED_CONTROLS: usize = 8;
/// Films that a difference of groups is found on, and fewest of each group.
const FITTED: usize = 2000;
const LEAST_FITTED: usize = 20;
/// False discovery rate under which a feature counts as following a column.
const FALSE_DISCOVERIES: f64 = 0.05;
/// What the edit along the difference between the groups is called.
pub(super) const DIFFERENCE: &str = "the groups' difference";

impl Work<'_> {
    /// Takes out of the latents what follows the column, and sees what predictions do.
    ///
    /// # Errors
    /// When nothing leads from the bundle's latent to a prediction, nothing follows the column, or the device fails.
    pub(super) fn usage(
        &self,
        detection: &DetectionTable,
        two: &Column,
        places: &[usize],
        progress: &Progress<'_>,
    ) -> Result<UsageTable> {
        let engine = self
            .engine
            .ok_or_else(|| Error::Invalid("the store's bundle is not at hand; name its folder with --bundle".into()))?;
        let model = UsageModel::of(engine)?;
        let is_decoded = model.route == Some(Route::Decoder);
        let fewer = self.sample(two, DECODED_FILMS)?;
        let places = if is_decoded && fewer.len() < places.len() { &fewer } else { places };
        let sampled = &subset(two, places);
        let Values::Groups { names, of } = &sampled.values else {
            return Err(Error::Invalid("a column of numbers without two halves".into()));
        };
        let truths: Vec<Vec<Option<bool>>> = model.labels.iter().map(|label| self.truth(&label.name, places)).collect();
        let has_latents = self.store.info().latents;
        let films: Vec<AuditedFilm> = places
            .iter()
            .enumerate()
            .map(|(at, &place)| AuditedFilm {
                name: self.films.paths()[place].clone(),
                source: if has_latents {
                    FilmSource::Stored(self.films.films()[place])
                } else {
                    FilmSource::File(self.path(place))
                },
                patient: self.films.patients()[place].to_string(),
                group: of[at].map(|group| names[group].clone()),
                truth: truths.iter().map(|truth| truth[at]).collect(),
            })
            .collect();
        let most = if is_decoded { self.request.features.min(DECODED_FEATURES) } else { self.request.features };
        let mut edits = edits_of(detection, most);
        // A suppressed bundle's latents are not the store's any more.
        if has_latents && engine.manifest().suppressed().is_empty() {
            edits.extend(self.direction(two, places, model.latent[1])?);
        }
        if edits.is_empty() {
            return Err(Error::Invalid("no feature follows the column, so there is nothing to take away".into()));
        }
        let request = UsageRequest {
            store: Some(self.store),
            column: Some(detection.column.clone()),
            shown: names.first().cloned(),
            seed: self.request.seed,
            controls: if is_decoded { DECODED_CONTROLS } else { CONTROLS },
            checkpoint: self.request.checkpoint.as_ref().map(|folder| {
                let safe = |letter: char| if letter.is_alphanumeric() { letter } else { '-' };
                let name = detection.column.chars().map(safe).collect::<String>();
                // Another audit that is written to the same place begins on its own.
                let whole = Sha256::digest(format!("{:?} {}", self.request, engine.manifest().encoding_hash()));
                folder.join(format!("{name}-{}.{KEPT}", &hex(&whole)[..8]))
            }),
            ..UsageRequest::new(films, edits)
        };
        measure(&model, &request, progress)
    }

    /// The difference between the latents of the two groups, found on films of other patients than those that it is tried on:
    /// on its own films it separates any two groups. None where too few are left.
    fn direction(&self, two: &Column, tried: &[usize], dim: usize) -> Result<Option<UsageEdit>> {
        let flags = super::run::flags(two)?;
        let patients = self.films.patients();
        let known: BTreeSet<u32> = tried.iter().map(|&place| patients[place]).collect();
        let others: Vec<usize> =
            (0..flags.len()).filter(|&place| flags[place].is_some() && !known.contains(&patients[place])).collect();
        let rest = subset(two, &others);
        let own: Vec<u32> = others.iter().map(|&place| patients[place]).collect();
        let (mut latents, mut shown) = (Vec::new(), Vec::new());
        let fitted = CrossValidation { most_films: FITTED, seed: self.request.seed, ..CrossValidation::default() };
        for at in fitted.sample(&super::run::flags(&rest)?, &own) {
            let place = others[at];
            if let (Some(latent), Some(flag)) = (self.store.latent(self.films.films()[place])?, flags[place]) {
                latents.push(latent);
                shown.push(flag);
            }
        }
        let fewest = [true, false].map(|kind| shown.iter().filter(|flag| **flag == kind).count());
        if fewest.iter().any(|count| *count < LEAST_FITTED) {
            return Ok(None);
        }
        let latents: Vec<&[f32]> = latents.iter().map(Vec::as_slice).collect();
        let direction = Direction::between(&latents, &shown, dim).ok();
        Ok(direction.map(|direction| UsageEdit {
            name: DIFFERENCE.into(),
            target: Target::Direction(direction),
            operation: Operation::Remove,
        }))
    }
}

/// Removals of the features that follow a column: each, and all of them together.
fn edits_of(detection: &DetectionTable, most: usize) -> Vec<UsageEdit> {
    let followers: Vec<u32> =
        detection.rows.iter().filter(|row| row.q < FALSE_DISCOVERIES).take(most).map(|row| row.feature).collect();
    let remove = |name: String, features: Vec<usize>| UsageEdit {
        name,
        target: Target::Features(features),
        operation: Operation::Remove,
    };
    let mut edits: Vec<UsageEdit> = Vec::new();
    if followers.len() > 1 {
        let all = followers.iter().map(|&feature| feature as usize).collect();
        edits.push(remove(format!("the {} features together", followers.len()), all));
    }
    edits.extend(followers.iter().map(|&feature| remove(format!("feature {feature}"), vec![feature as usize])));
    edits
}

/// What each row of a table shows.
pub(super) fn judged(usage: &UsageTable, detection: &DetectionTable) -> Vec<Judged> {
    let auc = |features: &[usize]| -> Option<Estimate> {
        // Of several together the closest follower tells the column at least as well as it does alone.
        let rows = detection.rows.iter().filter(|row| features.contains(&(row.feature as usize)));
        let estimates = rows.filter_map(|row| row.comparison.as_ref().map(|found| found.auc));
        estimates.max_by(|a, b| (a.value - 0.5).abs().total_cmp(&(b.value - 0.5).abs()))
    };
    let rule = VerdictRule::default();
    usage
        .rows
        .iter()
        .map(|row| Judged {
            edit: row.edit.clone(),
            features: row.features.clone(),
            label: row.label.clone(),
            judgement: is_used(row, auc(&row.features), &rule),
        })
        .collect()
}

/// Features that carry what a model uses of a column, strongest first: those whose removal alone moves the label that is used
/// most as the removal of the groups' difference does, by an effect whose 95 % interval leaves out 0. Where the difference could
/// not be tried, what moves the label most takes its place. Only features whose use was measured can be among them
/// ([`AuditRequest::features`](super::AuditRequest)). Empty where nothing is used.
#[must_use]
pub fn carriers(column: &ColumnAudit) -> Vec<usize> {
    let Some(most) = strongest_use(column) else { return Vec::new() };
    let Some(way) = most.judgement.effect.map(|effect| effect.value.signum()) else { return Vec::new() };
    // Effects along that way: the lower end is above 0.
    let along = |judged: &Judged| {
        let effect = judged.judgement.effect.filter(|_| judged.label == most.label && judged.features.len() == 1)?;
        let sure = if way > 0.0 { effect.low } else { -effect.high };
        (sure > 0.0).then_some((judged.features[0], effect.value.abs()))
    };
    let mut found: Vec<(usize, f64)> = column.judgements.iter().filter_map(along).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(feature, _)| feature).collect()
}

/// The largest use of a column: of the removal of the groups' difference where that counts as use of any label, else of any
/// removal.
pub(super) fn strongest_use(column: &ColumnAudit) -> Option<&Judged> {
    let size = |judged: &&Judged| judged.judgement.standardised.unwrap_or(0.0).abs();
    let used = || column.judgements.iter().filter(|judged| judged.judgement.used);
    let of_difference = used().filter(|judged| judged.edit == DIFFERENCE).max_by(|a, b| size(a).total_cmp(&size(b)));
    of_difference.or_else(|| used().max_by(|a, b| size(a).total_cmp(&size(b))))
}
