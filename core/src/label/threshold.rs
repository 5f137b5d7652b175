//! From which activation on a feature speaks.
//!
//! In: films that chose the label, each with whether its statement holds and the activation. Out: an activation.

use super::detection::Case;

/// Share of the films above a feature's threshold on which its statement is to hold, and fewest films to see that on.
const PURE: f64 = 0.9;
const FEWEST: usize = 10;

/// The activation above which a feature speaks. A statement is often divided among several features, none of which fires on
/// all of its films: the lowest activation above which the statement holds on [`PURE`] of the films, where that are [`FEWEST`]
/// or more; otherwise the one with the largest F1. Middle between two films.
pub(super) fn speaking_threshold(cases: &[Case]) -> f32 {
    let mut sorted: Vec<Case> = cases.to_vec();
    sorted.sort_unstable_by(|a, b| b.activation.total_cmp(&a.activation));
    let positives = sorted.iter().filter(|case| case.holds).count() as f64;
    let (mut hits, mut best, mut threshold) = (0.0, -1.0, 0.0);
    let mut pure = None;
    for (place, case) in sorted.iter().enumerate() {
        hits += f64::from(u8::from(case.holds));
        let next = sorted.get(place + 1).map_or(0.0, |next| next.activation);
        if next == case.activation {
            continue;
        }
        if place + 1 >= FEWEST && case.activation > 0.0 && hits / (place + 1) as f64 >= PURE {
            pure = Some(f32::midpoint(case.activation, next));
        }
        let f1 = 2.0 * hits / ((place + 1) as f64 + positives).max(1.0);
        if f1 > best && case.activation > 0.0 {
            (best, threshold) = (f1, f32::midpoint(case.activation, next));
        }
    }
    pure.unwrap_or(threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_lies_between_the_films_that_it_separates() {
        let cases =
            |of: &[(bool, f32)]| of.iter().map(|&(holds, activation)| Case { holds, activation }).collect::<Vec<_>>();
        let clear = cases(&[(true, 4.0), (true, 3.0), (false, 1.0), (false, 0.0)]);
        assert_eq!(speaking_threshold(&clear), 2.0);
        // Missing one of three costs less than two false alarms.
        let mixed =
            cases(&[(true, 4.0), (true, 3.0), (false, 2.0), (false, 1.9), (false, 1.8), (true, 1.0), (false, 0.0)]);
        assert_eq!(speaking_threshold(&mixed), 2.5);
        assert_eq!(speaking_threshold(&cases(&[(true, 0.0), (false, 0.0)])), 0.0);
        // A feature that tells a third of the films of its statement, and those surely, speaks on them.
        let third = (0..60)
            .map(|i| Case { holds: i < 30, activation: if (10..58).contains(&i) { 0.0 } else { 60.0 - i as f32 } });
        assert_eq!(speaking_threshold(&third.collect::<Vec<_>>()), 1.5);
    }
}
