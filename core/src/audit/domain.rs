//! Whether a model knows where a film came from.
//!
//! In: latents, features and predictions of films, and a column of two groups (a hospital, a view). Out: [`DomainTest`], how
//! well a probe tells the group from each. After Zech et al., PLoS Medicine 2018, whose model told hospitals apart at 99.9 %.
//! A group that can be told is not yet a shortcut (Brown et al. 2023): [`super::gap`] says what a classifier makes of it.

use serde::Serialize;

use super::column::Column;
use super::films::AuditedFilms;
use super::folds::CrossValidation;
use super::gap::two;
use super::probe::{FilmRows, Probe, probe};
use crate::engine::Progress;
use crate::error::{Error, Result};

/// Predictions of films.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Labels.
    pub labels: Vec<String>,
    /// Probabilities or logits, `[films, labels]`.
    pub values: Vec<f32>,
}

/// Probes that tell a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainTest {
    /// The column.
    pub column: String,
    /// The group that is told.
    pub group: String,
    /// What it is told from.
    pub against: String,
    /// By what: latents (the mean over tokens), features, predictions; those that there are.
    pub probes: Vec<Probe>,
}

/// Probes for the first group of a column of two from latents, features and, where given, predictions.
///
/// # Errors
/// When the column has not two groups, sizes differ, the store is damaged, groups have too few patients, or the work is
/// cancelled.
pub fn domain_test(
    films: &AuditedFilms<'_>,
    column: &Column,
    predictions: Option<&Predictions>,
    cross_validation: &CrossValidation,
    progress: &Progress<'_>,
) -> Result<DomainTest> {
    let flags = column.flags().map_err(Error::Invalid)?;
    let [group, against] = two(column)?;
    let used = cross_validation.sample(&flags, films.patients());
    let labels: Vec<Option<bool>> = used.iter().map(|&film| flags[film]).collect();
    let patients: Vec<u32> = used.iter().map(|&film| films.patients()[film]).collect();
    let mut signals = Vec::new();
    signals.extend(latents(films, &used, progress)?.map(|rows| ("latents", rows)));
    signals.push(("features", features(films, &used, progress)?));
    if let Some(predictions) = predictions {
        let dim = predictions.labels.len();
        if dim == 0 || predictions.values.len() != dim * flags.len() {
            return Err(Error::Invalid(format!("the predictions are not of these {} films", flags.len())));
        }
        let values = used.iter().flat_map(|film| &predictions.values[film * dim..(film + 1) * dim]).copied().collect();
        signals.push(("predictions", FilmRows::Dense { dim, values }));
    }
    let left_out = flags.len() - used.len();
    let run = |(name, rows): (&str, FilmRows)| {
        let found = probe(name, &rows, &labels, &patients, cross_validation, progress)?;
        Ok(Probe { left_out: left_out + found.left_out, ..found })
    };
    let probes = signals.into_iter().map(run).collect::<Result<_>>()?;
    Ok(DomainTest { column: column.name.clone(), group, against, probes })
}

/// Latents of films, the mean over tokens; none where the store keeps none.
///
/// # Errors
/// When the store is damaged, or the work is cancelled.
pub fn latents(films: &AuditedFilms<'_>, places: &[usize], progress: &Progress<'_>) -> Result<Option<FilmRows>> {
    let dim = films.store().info().latent_dim as usize;
    if !films.store().info().latents || dim == 0 {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(places.len() * dim);
    for (done, &place) in places.iter().enumerate() {
        if done.is_multiple_of(64) {
            progress.step("reading latents", done, places.len())?;
        }
        let latent = films.store().latent(films.films()[place])?.unwrap_or_default();
        let tokens = (latent.len() / dim).max(1) as f64;
        let mut mean = vec![0.0_f64; dim];
        latent.chunks_exact(dim).for_each(|token| mean.iter_mut().zip(token).for_each(|(m, v)| *m += f64::from(*v)));
        values.extend(mean.into_iter().map(|sum| (sum / tokens) as f32));
    }
    Ok(Some(FilmRows::Dense { dim, values }))
}

/// Film activations of films.
///
/// # Errors
/// When the store is damaged, or the work is cancelled.
pub fn features(films: &AuditedFilms<'_>, places: &[usize], progress: &Progress<'_>) -> Result<FilmRows> {
    let mut rows = Vec::with_capacity(places.len());
    for (done, &place) in places.iter().enumerate() {
        if done.is_multiple_of(64) {
            progress.step("reading features", done, places.len())?;
        }
        let active = films.store().film_activations(films.films()[place])?;
        rows.push(active.into_iter().map(|of| (of.feature, of.value)).collect());
    }
    Ok(FilmRows::Sparse { dim: films.store().info().features as usize, films: rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MadeUp, Store};

    #[test]
    fn a_store_is_probed_by_latents_features_and_predictions() {
        let folder = tempfile::tempdir().expect("folder");
        let made = MadeUp { latent_dim: 3, tokens: 2, ..MadeUp::new(200, 40, 8, 1) };
        made.write(&folder.path().join("s"), None, false, &Progress::silent()).expect("a store");
        let store = Store::open(&folder.path().join("s")).expect("opens");
        let films = AuditedFilms::new(&store, None, &Progress::silent()).unwrap();
        let column = films.column("Male").unwrap();
        let flags = column.flags().unwrap();
        let values = flags.iter().map(|flag| if *flag == Some(true) { 0.9 } else { 0.1 }).collect();
        let predictions = Predictions { labels: vec!["Leaks".into()], values };
        let cross = CrossValidation::default();
        let found = domain_test(&films, &column, Some(&predictions), &cross, &Progress::silent()).unwrap();
        let said: Vec<(&str, usize)> = found.probes.iter().map(|p| (p.signal.as_str(), p.numbers)).collect();
        assert_eq!(said, [("latents", 3), ("features", 40), ("predictions", 1)]);
        assert_eq!((found.group.as_str(), found.probes[2].auc.value), ("yes", 1.0));
        assert_eq!(found.probes[0].left_out, column.missing);
        assert!(found.probes[0].auc.low < 0.5 && found.probes[0].auc.high > 0.45, "noise: {found:?}");
        let short = Predictions { labels: vec!["x".into()], values: vec![0.0; 3] };
        assert!(domain_test(&films, &column, Some(&short), &cross, &Progress::silent()).is_err());
    }
}
