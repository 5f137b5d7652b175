//! Cross-validation by patient.
//!
//! In: labels and patients of films. Out: a fold for each film, the same on every machine; no patient is in two folds.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::error::{Error, Result};

/// How films are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CrossValidation {
    /// Parts; a model is fitted on all but one and scores that one.
    pub folds: usize,
    /// Changes the draw.
    pub seed: u64,
    /// Most films used, a random part of the patients of larger data: what a fit costs grows with their cube.
    pub most_films: usize,
}

impl Default for CrossValidation {
    fn default() -> Self {
        Self { folds: 5, seed: 1, most_films: 2000 }
    }
}

impl CrossValidation {
    /// The fold of each film. Patients with a film of the rarer kind are dealt out first, so that each fold has its share.
    ///
    /// # Errors
    /// When the lengths differ, there are fewer than two folds, or fewer patients than folds with films of either group.
    pub fn folds(&self, labels: &[bool], patients: &[u32]) -> Result<Vec<usize>> {
        if labels.len() != patients.len() {
            let (expected, found) = (format!("{} films", labels.len()), patients.len().to_string());
            return Err(Error::Shape { what: "patient list".into(), expected, found });
        }
        if self.folds < 2 {
            return Err(Error::Invalid("cross-validation needs at least two folds".into()));
        }
        let rare = labels.iter().filter(|label| **label).count() * 2 <= labels.len();
        let mut has_rare = vec![None; patients.iter().max().map_or(0, |&last| last as usize + 1)];
        let mut has_other = 0;
        let mut counted = vec![false; has_rare.len()];
        for (&label, &patient) in labels.iter().zip(patients) {
            let own = has_rare[patient as usize].get_or_insert(false);
            *own |= label == rare;
            if label != rare && !std::mem::replace(&mut counted[patient as usize], true) {
                has_other += 1;
            }
        }
        let mut order: Vec<usize> = (0..has_rare.len()).filter(|&patient| has_rare[patient].is_some()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
        let (with, without): (Vec<usize>, Vec<usize>) =
            order.into_iter().partition(|&patient| has_rare[patient] == Some(true));
        let fewest = with.len().min(has_other);
        if fewest < self.folds {
            return Err(Error::Invalid(format!(
                "cross-validation in {} folds needs films of {} patients in each group; one group has {fewest}",
                self.folds, self.folds
            )));
        }
        let mut fold_of = vec![0; has_rare.len()];
        with.into_iter().chain(without).enumerate().for_each(|(place, patient)| fold_of[patient] = place % self.folds);
        Ok(patients.iter().map(|&patient| fold_of[patient as usize]).collect())
    }

    /// Places of the films that are used: all with a label, or those of randomly drawn patients up to `most_films`. Patients
    /// with a film of the rarer kind come first, up to half of that number: an AUC does not depend on how many there are.
    #[must_use]
    pub fn sample(&self, labels: &[Option<bool>], patients: &[u32]) -> Vec<usize> {
        let known: Vec<usize> = (0..labels.len().min(patients.len())).filter(|&film| labels[film].is_some()).collect();
        if known.len() <= self.most_films {
            return known;
        }
        let rare = labels.iter().filter(|label| **label == Some(true)).count() * 2 <= known.len();
        let most = known.iter().map(|&film| patients[film]).max().map_or(0, |last| last as usize + 1);
        let mut by_patient: Vec<Vec<usize>> = vec![Vec::new(); most];
        known.iter().for_each(|&film| by_patient[patients[film] as usize].push(film));
        by_patient.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
        let (with, without): (Vec<Vec<usize>>, Vec<Vec<usize>>) =
            by_patient.into_iter().partition(|own| own.iter().any(|&film| labels[film] == Some(rare)));
        let mut films = Vec::new();
        let mut rest = Vec::new();
        for own in with {
            if films.len() + own.len() <= self.most_films / 2 {
                films.extend(own)
            } else {
                rest.push(own)
            };
        }
        for own in without.into_iter().chain(rest) {
            if films.len() + own.len() <= self.most_films {
                films.extend(own);
            }
        }
        films.sort_unstable();
        films
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_stay_together_and_rare_films_are_spread() {
        let patients: Vec<u32> = (0..300).map(|film| film / 3).collect();
        let labels: Vec<bool> = (0..300).map(|film| film % 30 == 0).collect();
        let folds = CrossValidation::default().folds(&labels, &patients).unwrap();
        for fold in 0..5 {
            let rare = (0..300).filter(|&film| folds[film] == fold && labels[film]).count();
            assert_eq!((rare, folds.iter().filter(|of| **of == fold).count()), (2, 60));
        }
        assert!((0..100).all(|patient| folds[patient * 3] == folds[patient * 3 + 2]));
        assert_eq!(folds, CrossValidation::default().folds(&labels, &patients).unwrap());
        assert_ne!(folds, CrossValidation { seed: 2, ..CrossValidation::default() }.folds(&labels, &patients).unwrap());
    }

    #[test]
    fn too_few_patients_are_refused() {
        let labels: Vec<bool> = (0..40).map(|film| film < 20).collect();
        let four: Vec<u32> = (0..40).map(|film| if film < 20 { film % 4 } else { film }).collect();
        let error = CrossValidation::default().folds(&labels, &four).expect_err("four patients").to_string();
        assert!(error.contains("5 patients in each group; one group has 4"), "{error}");
        assert!(CrossValidation::default().folds(&labels, &[0; 40]).is_err(), "one patient");
        assert!(CrossValidation { folds: 1, ..CrossValidation::default() }.folds(&labels, &four).is_err());
        assert!(CrossValidation::default().folds(&labels, &[0; 3]).is_err());
    }

    #[test]
    fn a_sample_keeps_patients_whole() {
        let patients: Vec<u32> = (0..300).map(|film| film / 3).collect();
        let labels: Vec<Option<bool>> = (0..300).map(|film| (film != 0).then_some(film >= 270)).collect();
        let cross = CrossValidation { most_films: 100, ..CrossValidation::default() };
        let films = cross.sample(&labels, &patients);
        assert!((97..=100).contains(&films.len()) && !films.contains(&0), "{films:?}");
        assert_eq!(films.iter().filter(|film| **film >= 270).count(), 30, "all of the rare ones");
        assert!(films.iter().all(|&film| film < 3 || (0..3).all(|i| films.contains(&(film / 3 * 3 + i)))));
        assert_eq!(CrossValidation::default().sample(&labels, &patients).len(), 299);
    }
}
