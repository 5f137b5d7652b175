//! The features of one finding speak together: a report says the finding where any of them is above its threshold, so what a
//! threshold is worth depends on the others.

/// Films that lowering one threshold must be worth, in F1, to be done.
const WORTH: f64 = 1e-3;

/// Lowers the thresholds of features that stand for the same finding as long as that raises the F1 of "any of them speaks"
/// against the films on which the finding is. Greedily: in each round the one step, of one feature, that raises it most.
///
/// `activations` are those of each feature on all films, `present` says where the finding is. A threshold lies in the middle
/// between two films, and never at or below zero, where a feature does not fire.
pub(super) fn lower(activations: &[Vec<f32>], present: &[bool], thresholds: &mut [f32]) {
    let positives = present.iter().filter(|present| **present).count() as f64;
    let mut said: Vec<bool> = (0..present.len())
        .map(|film| activations.iter().zip(&*thresholds).any(|(own, threshold)| own[film] > *threshold))
        .collect();
    let f1 = |hits: f64, spoken: f64| 2.0 * hits / (spoken + positives).max(1.0);
    loop {
        let spoken = said.iter().filter(|said| **said).count() as f64;
        let hits = said.iter().zip(present).filter(|(said, present)| **said && **present).count() as f64;
        let mut best: Option<(f64, usize, f32)> = None;
        for (feature, own) in activations.iter().enumerate() {
            let mut silent: Vec<usize> = (0..present.len()).filter(|&film| !said[film] && own[film] > 0.0).collect();
            silent.sort_by(|&a, &b| own[b].total_cmp(&own[a]));
            let (mut hits, mut spoken) = (hits, spoken);
            for (place, &film) in silent.iter().enumerate() {
                hits += f64::from(u8::from(present[film]));
                spoken += 1.0;
                let next = silent.get(place + 1).map_or(0.0, |&next| own[next]);
                let found = f1(hits, spoken);
                if next < own[film] && best.is_none_or(|(known, ..)| found > known) {
                    best = Some((found, feature, f32::midpoint(own[film], next)));
                }
            }
        }
        match best.filter(|(found, ..)| *found > f1(hits, spoken) + WORTH) {
            Some((_, feature, threshold)) => {
                thresholds[feature] = threshold.min(thresholds[feature]);
                for (film, said) in said.iter_mut().enumerate() {
                    *said |= activations[feature][film] > threshold;
                }
            }
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_speaks_earlier_where_no_other_does() {
        // The first feature tells films 0 and 1 and, weakly, 4; the second tells 2 and 3; film 5 has nothing.
        let activations = vec![vec![5.0, 4.0, 0.0, 0.0, 1.0, 0.5], vec![0.0, 0.0, 3.0, 2.0, 0.0, 0.0]];
        let present = [true, true, true, true, true, false];
        let mut thresholds = [3.5, 2.5];
        lower(&activations, &present, &mut thresholds);
        assert_eq!(thresholds, [0.75, 1.0]);
        // Where it would say more wrong than right, a threshold stays.
        let mut thresholds = [3.5, 2.5];
        lower(&activations, &[true, true, true, false, false, false], &mut thresholds);
        assert_eq!(thresholds, [3.5, 2.5]);
        let mut none: [f32; 0] = [];
        lower(&[], &present, &mut none);
    }
}
