//! The audit itself: survey, then film after film through every edit and control, with checkpoints.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::edit::{Coded, UsageEdit};
use super::films::{AuditedFilm, FilmSource, Latents};
use super::model::UsageModel;
use super::rows;
use super::state::{Checkpoint, Sizes, State, truth_place};
use super::survey::Survey;
use super::table::UsageTable;
use crate::bundle::load::hex;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::store::Store;

/// What to measure.
#[derive(Clone)]
pub struct UsageRequest<'a> {
    /// Films.
    pub films: Vec<AuditedFilm>,
    /// The store that films of [`FilmSource::Stored`] are in.
    pub store: Option<&'a Store>,
    /// Edits, each measured on its own.
    pub edits: Vec<UsageEdit>,
    /// Name of the column that films are grouped by, for the table.
    pub column: Option<String>,
    /// Its value that shows the confounder; without it there is no contrast.
    pub shown: Option<String>,
    /// Controls of each kind; 20 are usual.
    pub controls: usize,
    /// Resamples of an AUC's interval; 200 are usual.
    pub resamples: usize,
    /// Seed of controls and intervals.
    pub seed: u64,
    /// Where to keep what was found, so that an interrupted audit goes on; removed when it is finished.
    pub checkpoint: Option<PathBuf>,
}

impl UsageRequest<'_> {
    /// `films` and `edits` with usual settings.
    #[must_use]
    pub fn new(films: Vec<AuditedFilm>, edits: Vec<UsageEdit>) -> Self {
        Self {
            films,
            store: None,
            edits,
            column: None,
            shown: None,
            controls: 20,
            resamples: 200,
            seed: 1,
            checkpoint: None,
        }
    }
}

/// Measures every edit on every film.
///
/// # Errors
/// When an edit makes no sense, no film can be read, the device fails, a checkpoint is of another audit, or the user asked to
/// stop; what was found until then is in the checkpoint.
pub fn measure(model: &UsageModel<'_>, request: &UsageRequest<'_>, progress: &Progress<'_>) -> Result<UsageTable> {
    check(model, request)?;
    let groups = Groups::of(&request.films);
    if let Some(shown) = &request.shown
        && !groups.names.contains(shown)
    {
        return Err(Error::unknown("value of the audited column", shown, groups.names.iter().map(String::as_str)));
    }
    let sizes = |survey: &Survey| Sizes {
        labels: model.labels.len(),
        edits: request.edits.len(),
        controls: (0..request.edits.len()).map(|at| survey.counts(at).iter().sum::<usize>()).sum(),
        groups: groups.names.len() + 1,
    };
    let mut checkpoint = Checkpoint::new(request.checkpoint.as_deref(), fingerprint(model, request));
    let mut latents = Latents::new(model, request.store, &request.films)?;
    let mut state = match checkpoint.read(sizes, request.films.len())? {
        Some(state) => state,
        None => {
            let drawn = (request.controls, request.seed);
            let survey = Survey::of(model, &mut latents, &request.films, &request.edits, drawn, progress)?;
            State::new(sizes(&survey), survey)
        }
    };
    let batch = model.batch();
    while state.finished < request.films.len() {
        let places = state.finished..request.films.len().min(state.finished + batch);
        match one_batch(model, request, &groups, &mut latents, &state, places.clone(), progress) {
            Ok(found) => {
                state.films.extend(found.films);
                state.sums.iter_mut().zip(found.sums).for_each(|(sum, own)| *sum += own);
                state.finished = places.end;
                checkpoint.keep(&state, false)?;
            }
            Err(error) => {
                checkpoint.keep(&state, true)?;
                return Err(error);
            }
        }
    }
    let table = rows::table(model, request, &groups, &state, progress);
    match &table {
        Ok(_) => checkpoint.remove(),
        Err(_) => checkpoint.keep(&state, true)?,
    }
    table
}

fn check(model: &UsageModel<'_>, request: &UsageRequest<'_>) -> Result<()> {
    if request.films.is_empty() || request.edits.is_empty() || model.labels.is_empty() {
        return Err(Error::Invalid("an audit of use needs at least one film, one edit and one label".into()));
    }
    if request.controls == 0 || request.resamples == 0 {
        return Err(Error::Invalid("an audit of use needs at least one control and one resample".into()));
    }
    let labels = model.labels.len();
    if let Some(film) = request.films.iter().find(|film| !film.truth.is_empty() && film.truth.len() != labels) {
        return Err(Error::Shape {
            what: format!("the truth of {}", film.name),
            expected: format!("{labels} labels, or none"),
            found: format!("{} labels", film.truth.len()),
        });
    }
    let mut names = BTreeSet::new();
    for edit in &request.edits {
        edit.check(model.sae.as_ref(), model.latent[1])?;
        if !names.insert(&edit.name) {
            return Err(Error::Invalid(format!("two edits are named \"{}\"", edit.name)));
        }
    }
    Ok(())
}

/// Values of the audited column.
pub(super) struct Groups {
    /// In order.
    pub names: Vec<String>,
    /// Each film's; one more than the last for films of none.
    pub of_film: Vec<usize>,
}

impl Groups {
    fn of(films: &[AuditedFilm]) -> Self {
        let names: Vec<String> =
            films.iter().filter_map(|film| film.group.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let place = |film: &AuditedFilm| film.group.as_ref().and_then(|group| names.binary_search(group).ok());
        let of_film = films.iter().map(|film| place(film).unwrap_or(names.len())).collect();
        Self { names, of_film }
    }
}

/// What a batch of films leaves behind.
struct Found {
    films: Vec<f32>,
    sums: Vec<f64>,
}

fn one_batch(
    model: &UsageModel<'_>,
    request: &UsageRequest<'_>,
    groups: &Groups,
    latents: &mut Latents<'_>,
    state: &State,
    places: Range<usize>,
    progress: &Progress<'_>,
) -> Result<Found> {
    let (start, total, sizes) = (places.start, request.films.len(), state.sizes);
    progress.step("measuring use", start, total)?;
    let mut measured = Vec::new();
    let mut read = Vec::new();
    for (at, latent) in places.clone().zip(latents.of(places.clone())?) {
        if let Ok(latent) = latent {
            measured.push(at);
            read.push(latent);
        }
    }
    let mut found = Found { films: vec![f32::NAN; places.len() * sizes.per_film()], sums: vec![0.0; state.sums.len()] };
    if measured.is_empty() {
        return Ok(found);
    }
    let coded = model.code(read)?;
    let tokens: Vec<f32> = coded.iter().flat_map(|film| film.tokens.iter().copied()).collect();
    let before = model.logits(&tokens, coded.len())?;
    drop(tokens);
    let labels = sizes.labels;
    let mut first_control = 0;
    let keep = |found: &mut Found, film: usize, from: usize, values: &[f32]| {
        let place = (measured[film] - start) * sizes.per_film() + from;
        found.films[place..place + values.len()].copy_from_slice(values);
    };
    for film in 0..coded.len() {
        keep(&mut found, film, 0, &before[film * labels..(film + 1) * labels]);
    }
    for (at, edit) in request.edits.iter().enumerate() {
        let controls: usize = state.survey.counts(at).iter().sum();
        for variant in 0..=controls {
            progress.step("measuring use", start, total)?;
            let (after, lengths) = asked(model, state, &coded, (at, edit), variant, &before)?;
            for (film, &place) in measured.iter().enumerate() {
                let own = film * labels..(film + 1) * labels;
                let Some(control) = variant.checked_sub(1) else {
                    keep(&mut found, film, labels * (1 + at), &after[own]);
                    keep(&mut found, film, labels * (1 + sizes.edits) + at, &[lengths[film]]);
                    continue;
                };
                for (label, (after, before)) in after[own.clone()].iter().zip(&before[own]).enumerate() {
                    let truth = truth_place(request.films[place].truth(label));
                    let sum = state.place(first_control + control, label, groups.of_film[place], truth);
                    found.sums[sum] += f64::from(*after) - f64::from(*before);
                }
            }
        }
        first_control += controls;
    }
    Ok(found)
}

/// Logits after a variant of an edit, and its lengths relative to the latents'; -1 for a film that it does not change.
fn asked(
    model: &UsageModel<'_>,
    state: &State,
    coded: &[Coded],
    edit: (usize, &UsageEdit),
    variant: usize,
    before: &[f32],
) -> Result<(Vec<f32>, Vec<f32>)> {
    let labels = state.sizes.labels;
    let changed: Vec<Option<(Vec<f32>, f64)>> =
        coded.par_iter().map(|film| state.survey.variant(film, model.sae.as_ref(), edit, variant)).collect();
    let mut after = before.to_vec();
    let films: Vec<usize> = (0..coded.len()).filter(|&film| changed[film].is_some()).collect();
    if !films.is_empty() {
        let tokens: Vec<f32> = changed.iter().flatten().flat_map(|(tokens, _)| tokens.iter().copied()).collect();
        let logits = model.logits(&tokens, films.len())?;
        for (own, film) in logits.chunks_exact(labels).zip(films) {
            after[film * labels..(film + 1) * labels].copy_from_slice(own);
        }
    }
    let lengths = changed.into_iter().map(|change| change.map_or(-1.0, |(_, length)| length as f32)).collect();
    Ok((after, lengths))
}

/// A digest of all that the audit's numbers depend on.
fn fingerprint(model: &UsageModel<'_>, request: &UsageRequest<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {:?} {:?} ", model.identity, model.latent, model.labels));
    hash.update(format!("{:?} {} {} ", request.edits, request.controls, request.seed));
    hash.update(request.store.map_or("", |store| store.info().dataset_fingerprint.as_str()));
    for film in &request.films {
        hash.update(format!("{}\n{}\n{:?} {:?} ", film.name, film.patient, film.group, film.truth));
        match &film.source {
            FilmSource::File(path) => hash.update(format!("{}\n", path.display())),
            FilmSource::Stored(number) => hash.update(format!("{number}\n")),
            FilmSource::Latent(values) => values.iter().for_each(|value| hash.update(value.to_le_bytes())),
        }
    }
    hex(&hash.finalize())
}
