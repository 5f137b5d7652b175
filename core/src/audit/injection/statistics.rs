//! Means with intervals that resample patients.

use crate::metrics::{Estimate, ratio_bootstrap};

/// Films' patients as numbers, in the order in which they first appear.
pub(crate) fn numbered<'a>(patients: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut known = std::collections::BTreeMap::new();
    let mut next = 0;
    let number = |patient: &'a str| {
        *known.entry(patient).or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    patients.into_iter().map(number).collect()
}

/// How many patients there are.
pub(crate) fn count(patients: &[usize]) -> usize {
    let mut known = patients.to_vec();
    known.sort_unstable();
    known.dedup();
    known.len()
}

/// Mean over films with a 95 % percentile bootstrap interval that resamples whole patients; values that are not finite are
/// left out. None of nothing; with one patient the interval is the mean itself.
pub(crate) fn mean_by_patient(values: &[f64], patients: &[usize]) -> Option<Estimate> {
    let pairs: Vec<[f64; 2]> = values.iter().map(|&value| [value, 1.0]).collect();
    ratio_by_patient(&pairs, patients)
}

/// Sum of the first entries over sum of the second ones, resampling whole patients; pairs that are not finite are left out.
pub(crate) fn ratio_by_patient(pairs: &[[f64; 2]], patients: &[usize]) -> Option<Estimate> {
    let mut sums: Vec<[f64; 2]> = Vec::new();
    for (pair, &patient) in pairs.iter().zip(patients).filter(|(pair, _)| pair.iter().all(|v| v.is_finite())) {
        if sums.len() <= patient {
            sums.resize(patient + 1, [0.0; 2]);
        }
        sums[patient][0] += pair[0];
        sums[patient][1] += pair[1];
    }
    sums.retain(|sum| sum[1] > 0.0);
    ratio_bootstrap(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_of_one_patient_are_drawn_together() {
        // Twenty films of two patients say no more than two films do.
        let values: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        let patients: Vec<usize> = (0..20).map(|i| i % 2).collect();
        let together = mean_by_patient(&values, &patients).expect("values");
        assert_eq!((together.value, together.low, together.high), (0.5, 0.0, 1.0));
        let apart = mean_by_patient(&values, &(0..20).collect::<Vec<_>>()).expect("values");
        assert!(apart.low > 0.2 && apart.high < 0.8, "{apart:?}");
        assert!(mean_by_patient(&[], &[]).is_none());
        let one = mean_by_patient(&[1.0, f64::NAN], &[0, 1]).expect("one value");
        assert_eq!((one.value, one.low, one.high), (1.0, 1.0, 1.0));
        assert_eq!(numbered(["b", "a", "b"]), [0, 1, 0]);
    }
}
