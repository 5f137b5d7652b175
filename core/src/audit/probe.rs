//! How well a linear probe tells two groups of films from numbers, on patients that it was not fitted on.
//!
//! In: [`FilmRows`], a label and a patient each. Out: [`Probe`]: an AUC out of fold with its interval. Each number is
//! standardised by the films that the probe is fitted on, as scikit-learn's `StandardScaler` before a `LogisticRegression`.
//! Nothing here knows what the numbers are: pixels, latents, features, metadata or predictions.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::Serialize;

use super::folds::CrossValidation;
use super::logistic::{Square, dot, fit_by_columns, fit_by_rows};
use super::ranking::{Counts, auc_by_patient};
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::metrics::Estimate;

/// Numbers of films.
#[derive(Clone, Debug, PartialEq)]
pub enum FilmRows {
    /// All numbers of each film.
    Dense {
        /// Numbers of a film.
        dim: usize,
        /// `[films, dim]`.
        values: Vec<f32>,
    },
    /// Those that are not 0, by index and ascending.
    Sparse {
        /// Numbers of a film, zeros counted.
        dim: usize,
        /// Of each film.
        films: Vec<Vec<(u32, f32)>>,
    },
}

/// What a probe reaches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// What it sees: "border", "latents" and so on.
    pub signal: String,
    /// Numbers of a film that it sees.
    pub numbers: usize,
    /// AUC out of fold, all folds together, with an interval over patients.
    pub auc: Estimate,
    /// Films and patients with the label, and without.
    pub counts: Counts,
    /// Films that were not used: no label, not readable, or beyond the most that are fitted.
    pub left_out: usize,
    /// How films were divided.
    pub cross_validation: CrossValidation,
}

impl FilmRows {
    /// How many films there are.
    #[must_use]
    pub fn films(&self) -> usize {
        match self {
            Self::Dense { dim, values } => values.len().checked_div(*dim).unwrap_or(0),
            Self::Sparse { films, .. } => films.len(),
        }
    }

    /// Numbers of a film.
    #[must_use]
    pub fn dim(&self) -> usize {
        match self {
            Self::Dense { dim, .. } | Self::Sparse { dim, .. } => *dim,
        }
    }

    /// Refuses rows that are not whole, or numbers that are not finite.
    fn check(&self) -> Result<()> {
        let (is_whole, is_finite) = match self {
            Self::Dense { dim, values } => {
                (*dim > 0 && values.len().is_multiple_of(*dim), values.iter().all(|value| value.is_finite()))
            }
            Self::Sparse { dim, films } => (
                films.iter().all(|film| {
                    film.is_sorted_by(|a, b| a.0 < b.0) && film.last().is_none_or(|last| (last.0 as usize) < *dim)
                }),
                films.iter().flatten().all(|(_, value)| value.is_finite()),
            ),
        };
        if !is_whole {
            return Err(Error::Invalid("the numbers of films are not whole rows, or not in order".into()));
        }
        if is_finite { Ok(()) } else { Err(Error::Invalid("a number of a film is not finite".into())) }
    }

    /// Calls `tell` with each number of a film that is not 0, or with all.
    fn each(&self, film: usize, mut tell: impl FnMut(usize, f64)) {
        match self {
            Self::Dense { dim, values } => {
                values[film * dim..(film + 1) * dim].iter().enumerate().for_each(|(i, &v)| tell(i, f64::from(v)));
            }
            Self::Sparse { films, .. } => films[film].iter().for_each(|&(i, v)| tell(i as usize, f64::from(v))),
        }
    }

    /// Mean and 1 / standard deviation (0 where there is none) of each number over films.
    fn moments(&self, films: &[usize]) -> (Vec<f64>, Vec<f64>) {
        let count = films.len() as f64;
        let (mut mean, mut square, mut seen) = (vec![0.0; self.dim()], vec![0.0; self.dim()], vec![0.0; self.dim()]);
        for &film in films {
            self.each(film, |i, v| mean[i] += v);
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        for &film in films {
            self.each(film, |i, v| {
                square[i] += (v - mean[i]).powi(2);
                seen[i] += 1.0;
            });
        }
        let scale = |((square, seen), mean): ((f64, f64), &f64)| {
            let variance = (square + (count - seen) * mean * mean) / count;
            // A constant has rounding for a variance (scikit-learn's _is_constant_feature).
            let least = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
            if variance > least { 1.0 / variance.sqrt() } else { 0.0 }
        };
        let scales = square.into_iter().zip(seen).zip(&mean).map(scale).collect();
        (mean, scales)
    }

    /// Standardised rows of films, `[films, dim]`.
    fn standardised(&self, films: &[usize], mean: &[f64], scale: &[f64]) -> Vec<f64> {
        let dim = self.dim();
        let silent: Vec<f64> = mean.iter().zip(scale).map(|(mean, scale)| -mean * scale).collect();
        let mut rows = vec![0.0; films.len() * dim];
        rows.par_chunks_exact_mut(dim.max(1)).zip(films).for_each(|(row, &film)| {
            row.copy_from_slice(&silent);
            self.each(film, |i, v| row[i] = (v - mean[i]) * scale[i]);
        });
        rows
    }
}

/// Score of every film by a probe fitted on the films of the other folds.
///
/// # Errors
/// When sizes differ, a fold leaves one group out, numbers are not finite, or the work is cancelled.
pub fn out_of_fold(rows: &FilmRows, labels: &[bool], folds: &[usize], progress: &Progress<'_>) -> Result<Vec<f64>> {
    rows.check()?;
    if rows.films() != labels.len() || folds.len() != labels.len() {
        let (expected, found) = (format!("{} films", labels.len()), format!("{} rows", rows.films()));
        return Err(Error::Shape { what: "numbers of films".into(), expected, found });
    }
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let done = AtomicUsize::new(0);
    let fit = |fold: usize| {
        progress.step("fitting probes", done.fetch_add(1, Ordering::Relaxed), count)?;
        let (own, others): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&film| folds[film] == fold);
        let known: Vec<bool> = others.iter().map(|&film| labels[film]).collect();
        Ok(own.iter().copied().zip(fold_scores(rows, &others, &known, &own)?).collect::<Vec<_>>())
    };
    let by_fold: Vec<Vec<(usize, f64)>> = (0..count).into_par_iter().map(fit).collect::<Result<_>>()?;
    let mut scores = vec![0.0; labels.len()];
    by_fold.into_iter().flatten().for_each(|(film, score)| scores[film] = score);
    Ok(scores)
}

/// A probe out of fold. `labels` says of each film whether it is of the group asked for, `None` to leave it out.
///
/// # Errors
/// As [`out_of_fold`] and [`CrossValidation::folds`].
pub fn probe(
    signal: &str,
    rows: &FilmRows,
    labels: &[Option<bool>],
    patients: &[u32],
    cross_validation: &CrossValidation,
    progress: &Progress<'_>,
) -> Result<Probe> {
    if rows.films() != labels.len() || labels.len() != patients.len() {
        let (expected, found) = (format!("{} films", labels.len()), format!("{} rows", rows.films()));
        return Err(Error::Shape { what: signal.into(), expected, found });
    }
    let used = cross_validation.sample(labels, patients);
    let of: Vec<u32> = used.iter().map(|&film| patients[film]).collect();
    let truth: Vec<bool> = used.iter().map(|&film| labels[film].unwrap_or_default()).collect();
    let folds = cross_validation.folds(&truth, &of)?;
    let scores = out_of_fold(&picked(rows, &used), &truth, &folds, progress)?;
    let (auc, counts) = auc_by_patient(&scores, &truth, &of, 0.95)?;
    Ok(Probe {
        signal: signal.to_owned(),
        numbers: rows.dim(),
        auc,
        counts,
        left_out: labels.len() - used.len(),
        cross_validation: *cross_validation,
    })
}

fn picked(rows: &FilmRows, films: &[usize]) -> FilmRows {
    match rows {
        FilmRows::Dense { dim, values } => FilmRows::Dense {
            dim: *dim,
            values: films.iter().flat_map(|film| &values[film * dim..(film + 1) * dim]).copied().collect(),
        },
        FilmRows::Sparse { dim, films: all } => {
            FilmRows::Sparse { dim: *dim, films: films.iter().map(|&film| all[film].clone()).collect() }
        }
    }
}

fn fold_scores(rows: &FilmRows, fitted: &[usize], labels: &[bool], scored: &[usize]) -> Result<Vec<f64>> {
    let (mean, scale) = rows.moments(fitted);
    let dim = rows.dim();
    if dim < fitted.len() {
        let fit = fit_by_columns(&rows.standardised(fitted, &mean, &scale), dim, labels)?;
        let unseen = rows.standardised(scored, &mean, &scale);
        return Ok(unseen.chunks_exact(dim).map(|row| dot(row, &fit.weights) + fit.bias).collect());
    }
    let products = Products::new(rows, &mean, &scale);
    let fit = fit_by_rows(&Square { n: fitted.len(), values: products.between(fitted, fitted) }, labels)?;
    let unseen = products.between(scored, fitted);
    Ok(unseen.chunks_exact(fitted.len()).map(|row| dot(row, &fit.weights) + fit.bias).collect())
}

/// Inner products of standardised rows, without the zeros of sparse ones.
struct Products<'a> {
    rows: &'a FilmRows,
    mean: &'a [f64],
    scale: &'a [f64],
    /// Of the row that is silent throughout with itself.
    silent: f64,
}

impl<'a> Products<'a> {
    fn new(rows: &'a FilmRows, mean: &'a [f64], scale: &'a [f64]) -> Self {
        let silent = mean.iter().zip(scale).map(|(mean, scale)| (mean * scale).powi(2)).sum();
        Self { rows, mean, scale, silent }
    }

    /// `[films, others]`.
    fn between(&self, films: &[usize], others: &[usize]) -> Vec<f64> {
        let mut products = vec![0.0; films.len() * others.len()];
        if let FilmRows::Dense { .. } = self.rows {
            let other_rows = self.rows.standardised(others, self.mean, self.scale);
            let rows = self.rows.standardised(films, self.mean, self.scale);
            let dim = self.rows.dim();
            products.par_chunks_exact_mut(others.len()).zip(rows.par_chunks_exact(dim)).for_each(|(line, row)| {
                line.iter_mut()
                    .zip(other_rows.chunks_exact(dim))
                    .for_each(|(product, other)| *product = dot(row, other));
            });
            return products;
        }
        // (x - m) s . (y - m) s = x s . y s - x s . m s - y s . m s + m s . m s, where only the last has all columns.
        let scaled = |film: usize| {
            let mut list = Vec::new();
            let mut with_mean = 0.0;
            self.rows.each(film, |i, v| {
                list.push((i, v * self.scale[i]));
                with_mean += v * self.mean[i] * self.scale[i] * self.scale[i];
            });
            (list, with_mean)
        };
        let others: Vec<(Vec<(usize, f64)>, f64)> = others.iter().map(|&film| scaled(film)).collect();
        products.par_chunks_exact_mut(others.len().max(1)).zip(films).for_each_init(
            || vec![0.0; self.rows.dim()],
            |dense, (line, &film)| {
                let (list, with_mean) = scaled(film);
                list.iter().for_each(|&(i, v)| dense[i] = v);
                for (product, (other, other_mean)) in line.iter_mut().zip(&others) {
                    let sum: f64 = other.iter().map(|&(i, v)| v * dense[i]).sum();
                    *product = sum - with_mean - other_mean + self.silent;
                }
                list.iter().for_each(|&(i, _)| dense[i] = 0.0);
            },
        );
        products
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 90 films of 30 patients with 120 numbers, most of them 0; the fifth follows the label.
    fn films() -> (FilmRows, FilmRows, Vec<Option<bool>>, Vec<u32>) {
        let labels: Vec<bool> = (0..90).map(|i| i * 7 % 5 < 2).collect();
        let value = |film: usize, i: usize| {
            let noise = (film * 31 + i * 17) * 7919 % 1009;
            if i == 5 { if labels[film] { 2.0 } else { (noise % 3) as f32 } } else { noise.saturating_sub(900) as f32 }
        };
        let values: Vec<f32> = (0..90 * 120).map(|at| value(at / 120, at % 120)).collect();
        let sparse = values
            .chunks_exact(120)
            .map(|film| film.iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| (i as u32, *v)).collect());
        let sparse = FilmRows::Sparse { dim: 120, films: sparse.collect() };
        let patients = (0..90).map(|i| i / 3).collect();
        (FilmRows::Dense { dim: 120, values }, sparse, labels.into_iter().map(Some).collect(), patients)
    }

    #[test]
    fn sparse_and_dense_rows_give_the_same_probe() {
        let (dense, sparse, mut labels, patients) = films();
        labels[3] = None;
        let cross = CrossValidation::default();
        let run = |rows| probe("made up", rows, &labels, &patients, &cross, &Progress::silent()).unwrap();
        let (a, b) = (run(&dense), run(&sparse));
        assert!((a.auc.value - b.auc.value).abs() < 1e-9 && (a.auc.low - b.auc.low).abs() < 1e-9, "{a:?} {b:?}");
        assert_eq!((a.left_out, a.numbers, a.counts.all_patients), (1, 120, 30));
        assert!(a.auc.value > 0.6, "{a:?}");
        let few = CrossValidation { most_films: 60, ..cross };
        let few = probe("made up", &dense, &labels, &patients, &few, &Progress::silent()).unwrap();
        assert!(few.left_out >= 30, "{few:?}");
    }

    #[test]
    fn a_constant_tells_nothing_and_bad_rows_are_refused() {
        let labels: Vec<Option<bool>> = (0..40).map(|i| Some(i % 2 == 0)).collect();
        let patients: Vec<u32> = (0..40).collect();
        let run =
            |rows: FilmRows| probe("c", &rows, &labels, &patients, &CrossValidation::default(), &Progress::silent());
        let constant = run(FilmRows::Dense { dim: 1, values: vec![0.3; 40] }).unwrap();
        assert!((constant.auc.value - 0.5).abs() < 0.15, "{constant:?}");
        assert!(run(FilmRows::Dense { dim: 1, values: vec![f32::NAN; 40] }).is_err());
        assert!(run(FilmRows::Dense { dim: 3, values: vec![1.0; 40] }).is_err());
        assert!(run(FilmRows::Sparse { dim: 2, films: vec![vec![(2, 1.0)]; 40] }).is_err());
        assert!(run(FilmRows::Sparse { dim: 2, films: vec![vec![]; 39] }).is_err());
    }
}
