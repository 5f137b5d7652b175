//! How far to walk: the searches of the published programs, and the lambdas of the sweep that follows.

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Lambdas asked for at once; the networks are faster in batches, and at most this many frames are decoded in vain.
const LOOK_AHEAD: usize = 8;
const PAPER_DROP: f32 = 0.5;
const PAPER_RISE: f32 = 0.05;
const PAPER_BOUND: f32 = 1000.0;

/// Why one side of a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopRule {
    /// The prediction fell far enough (left side), or turned back (right side).
    Drop,
    /// The prediction turned back (left side), or rose far enough (right side).
    Rise,
    /// Lambda reached its limit.
    Bound,
    /// The picture changed too much.
    Pixels,
    /// The prediction is as low as is asked for.
    Floor,
    /// The range was given.
    Fixed,
}

/// Why each side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Left side, lambda below zero.
    pub low: StopRule,
    /// Right side, lambda above zero.
    pub high: StopRule,
}

impl Stopped {
    /// Nothing was searched.
    #[must_use]
    pub fn fixed() -> Self {
        Self { low: StopRule::Fixed, high: StopRule::Fixed }
    }
}

/// Result of a search.
pub(super) struct Found {
    pub low: f32,
    pub high: f32,
    pub stopped: Stopped,
}

/// The paper-time search (gifsplanation 3369bae). From 0, steps of 1 while |lambda| < 10, then of 10. The left side ends
/// when the prediction rises against the last one, has fallen by more than 0.5, or lambda reached -1000; the right side
/// is its mirror with a rise of 0.05. The lambda that ends a side is its bound, also when the prediction turned back.
pub(super) fn paper(mut predict: impl FnMut(&[f32]) -> Result<Vec<f32>>) -> Result<Found> {
    let initial = predict(&[0.0])?[0];
    let mut side = |sign: f32| -> Result<(f32, StopRule)> {
        let mut last = initial;
        let mut next = 0.0_f32;
        loop {
            let mut lambdas = Vec::with_capacity(LOOK_AHEAD);
            for _ in 0..LOOK_AHEAD {
                // Not `sign * next`: a negative zero would be another lambda than the zero of the start.
                lambdas.push(if next == 0.0 { 0.0 } else { sign * next });
                next += if next < 10.0 { 1.0 } else { 10.0 };
            }
            lambdas.retain(|lambda| lambda.abs() <= PAPER_BOUND);
            for (&lambda, current) in lambdas.iter().zip(predict(&lambdas)?) {
                let gain = sign * (current - last);
                if gain < 0.0 {
                    return Ok((lambda, if sign < 0.0 { StopRule::Rise } else { StopRule::Drop }));
                }
                if sign < 0.0 && current < initial - PAPER_DROP {
                    return Ok((lambda, StopRule::Drop));
                }
                if sign > 0.0 && current > initial + PAPER_RISE {
                    return Ok((lambda, StopRule::Rise));
                }
                if lambda.abs() >= PAPER_BOUND {
                    return Ok((lambda, StopRule::Bound));
                }
                last = current;
            }
        }
    };
    let (low, low_rule) = side(-1.0)?;
    let (high, high_rule) = side(1.0)?;
    Ok(Found { low, high, stopped: Stopped { low: low_rule, high: high_rule } })
}

/// numpy `arange(low, high + 1, (high - low) / 10)`: eleven frames once the range is at least ten, more below.
#[must_use]
pub fn paper_sweep(low: f32, high: f32) -> Vec<f32> {
    let step = (f64::from(high) - f64::from(low)) / 10.0;
    if step <= 0.0 {
        return vec![low];
    }
    let count = ((f64::from(high) + 1.0 - f64::from(low)) / step).ceil() as usize;
    (0..count).map(|i| (f64::from(low) + i as f64 * step) as f32).collect()
}

/// `count` lambdas from `low` to `high`, both included.
pub(super) fn even_sweep(low: f32, high: f32, count: usize) -> Vec<f32> {
    let last = count.saturating_sub(1).max(1) as f32;
    (0..count).map(|i| if i + 1 == count { high } else { low + (high - low) * i as f32 / last }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(curve: impl Fn(f32) -> f32) -> Found {
        paper(|lambdas| Ok(lambdas.iter().map(|&l| curve(l)).collect())).expect("curve never fails")
    }

    #[test]
    fn steep_curve_stops_on_the_fine_steps() {
        let found = search(|l| (0.6 + 0.1 * l).clamp(0.0, 1.0));
        assert_eq!((found.low, found.stopped.low), (-6.0, StopRule::Drop));
        assert_eq!((found.high, found.stopped.high), (1.0, StopRule::Rise));
    }

    #[test]
    fn shallow_curve_goes_on_in_tens_and_ends_at_the_bound() {
        let found = search(|l| 0.5 + 1e-5 * l);
        assert_eq!((found.low, found.stopped.low), (-1000.0, StopRule::Bound));
        assert_eq!((found.high, found.stopped.high), (1000.0, StopRule::Bound));
    }

    #[test]
    fn a_curve_that_turns_back_stops_where_it_turned() {
        let found = search(|l| 0.4 + 0.001 * (l + 20.0).abs());
        assert_eq!((found.low, found.stopped.low), (-30.0, StopRule::Rise));
        let found = search(|l| 0.4 - 0.0001 * (l - 5.0).abs());
        assert_eq!((found.high, found.stopped.high), (6.0, StopRule::Drop));
    }

    #[test]
    fn no_lambda_is_negative_zero() {
        let seen = std::cell::RefCell::new(Vec::new());
        paper(|lambdas| {
            seen.borrow_mut().extend_from_slice(lambdas);
            Ok(lambdas.iter().map(|&l| (0.6 + 0.1 * l).clamp(0.0, 1.0)).collect())
        })
        .expect("curve never fails");
        assert!(seen.borrow().iter().all(|l| l.to_bits() != (-0.0_f32).to_bits()));
    }

    #[test]
    fn sweep_lengths_follow_numpy() {
        for (range, expected) in [(10.0, 11), (100.0, 11), (3.0, 14), (2.0, 15)] {
            assert_eq!(paper_sweep(-range, 0.0).len(), expected, "range {range}");
        }
        let sweep = paper_sweep(-40.0, 10.0);
        assert_eq!((sweep[0], sweep[10]), (-40.0, 10.0));
    }
}
