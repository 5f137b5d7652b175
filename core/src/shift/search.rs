//! How far to walk: the searches of the published programs and our own, and the lambdas of the sweep that follows.
//!
//! Constants and their order are those of the programs (`latent-shift.md` 1.2 names the commits); a search sees scores and
//! picture changes only, never a tensor.

use serde::{Deserialize, Serialize};

use super::preset::Preset;
use crate::error::Result;

/// Lambdas asked for at once; the networks are faster in batches, and at most this many frames are decoded in vain.
const LOOK_AHEAD: usize = 8;
/// Score at which our own search has removed enough, and at which it has added enough.
const ENOUGH: [f32; 2] = [0.05, 0.95];
/// How far the score may come back from its best before our own search calls it turned.
const TURNED: f32 = 0.02;
/// Mean change of a pixel, as a share of the grey range, that our own search does not go beyond.
const MOST_CHANGE: f32 = 0.02;
/// Gain of the score over two doublings of lambda below which it is said to have stopped, once it has moved by as much. (A
/// score just above its operating point hardly moves until it has passed it: `op_norm` has a kink there.)
const STOPPED: f32 = 0.01;
/// Standard deviations that our own search tries at first on each side; the last is its bound.
const REACHES: [f32; 8] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// Lambdas between two of those that place the end.
const FINER: usize = 4;
/// How far our own search goes, at least, where the score is at its limit already.
const AT_LIMIT: f32 = 1.0;

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
    /// The range was given, or the preset does not search this side.
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

/// What a search sees at one lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// The score, as the preset reads it.
    pub score: f32,
    /// Sum of absolute changes against lambda 0, as a share of the sum of absolute grey levels at lambda 0.
    pub share: f32,
    /// Mean absolute change against lambda 0, as a share of the grey range.
    pub change: f32,
}

/// Result of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub low: f32,
    pub high: f32,
    pub stopped: Stopped,
}

/// Searches both ends as the preset does.
pub(super) fn search(preset: Preset, mut see: impl FnMut(&[f32]) -> Result<Vec<Seen>>) -> Result<Found> {
    let initial = see(&[0.0])?[0].score;
    match preset {
        Preset::Fluoro => own(initial, &mut see),
        Preset::Paper => {
            let rules = Rules { drop: 0.5, bound: 1000.0, ..Rules::default() };
            let (low, low_rule) = rules.walk(-1.0, initial, &mut see)?;
            let rules = Rules { drop: 0.05, bound: 1000.0, ..Rules::default() };
            let (high, high_rule) = rules.walk(1.0, initial, &mut see)?;
            Ok(Found { low, high, stopped: Stopped { low: low_rule, high: high_rule } })
        }
        Preset::Repo => Rules { drop: 0.15, bound: 1000.0, ..Rules::default() }.left(initial, &mut see),
        Preset::Package => Rules { drop: 0.8, bound: 3000.0, grows: true, floor: Some(0.05), pixels: Some(0.05) }
            .left(initial, &mut see),
    }
}

/// When a published search ends. The lambda that ends it is its bound, also when the prediction turned back there.
#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    /// Change of the score that is enough.
    drop: f32,
    /// Largest |lambda|.
    bound: f32,
    /// Whether steps grow by a tenth; they are 1 while |lambda| < 10, then 10, otherwise.
    grows: bool,
    /// Score below which the left side has gone far enough.
    floor: Option<f32>,
    /// Share of the picture that may change.
    pixels: Option<f32>,
}

impl Rules {
    fn next(&self, lambda: f32) -> f32 {
        if self.grows {
            // Downwards: lambda - 10 + floor(lambda / 10), here without the sign.
            lambda + 10.0 + (lambda / 10.0).ceil()
        } else {
            lambda + if lambda < 10.0 { 1.0 } else { 10.0 }
        }
    }

    /// One side (`sign`): the lambda that ended it, and why.
    fn walk(
        &self,
        sign: f32,
        initial: f32,
        see: &mut impl FnMut(&[f32]) -> Result<Vec<Seen>>,
    ) -> Result<(f32, StopRule)> {
        let (turned, enough) =
            if sign < 0.0 { (StopRule::Rise, StopRule::Drop) } else { (StopRule::Drop, StopRule::Rise) };
        let mut last = initial;
        let mut next = 0.0_f32;
        loop {
            let mut lambdas = Vec::with_capacity(LOOK_AHEAD);
            while lambdas.len() < LOOK_AHEAD {
                // Not `sign * next`: a negative zero would be another lambda than the zero of the start.
                lambdas.push(if next == 0.0 { 0.0 } else { sign * next });
                if next >= self.bound {
                    break;
                }
                next = self.next(next);
            }
            for (&lambda, seen) in lambdas.iter().zip(see(&lambdas)?) {
                let gain = sign * (seen.score - last);
                if gain < 0.0 {
                    return Ok((lambda, turned));
                }
                if self.floor.is_some_and(|floor| seen.score < floor) {
                    return Ok((lambda, StopRule::Floor));
                }
                let is_enough =
                    if sign < 0.0 { seen.score < initial - self.drop } else { seen.score > initial + self.drop };
                if is_enough {
                    return Ok((lambda, enough));
                }
                if lambda.abs() >= self.bound {
                    return Ok((lambda, StopRule::Bound));
                }
                if self.pixels.is_some_and(|most| seen.share > most) {
                    return Ok((lambda, StopRule::Pixels));
                }
                last = seen.score;
            }
        }
    }

    /// The left side alone.
    fn left(&self, initial: f32, see: &mut impl FnMut(&[f32]) -> Result<Vec<Seen>>) -> Result<Found> {
        let (low, rule) = self.walk(-1.0, initial, see)?;
        Ok(Found { low, high: 0.0, stopped: Stopped { low: rule, high: StopRule::Fixed } })
    }
}

/// Our own search: both sides at once on doubling lambdas, then between the last two.
fn own(initial: f32, see: &mut impl FnMut(&[f32]) -> Result<Vec<Seen>>) -> Result<Found> {
    let mut side = |sign: f32| -> Result<(f32, StopRule)> {
        let lambdas: Vec<f32> = REACHES.iter().map(|reach| sign * reach).collect();
        let mut curve = Curve::new(sign, initial);
        // Half of them are enough more often than not.
        let (near, far) = lambdas.split_at(REACHES.len() / 2);
        for part in [near, far] {
            for (&lambda, seen) in part.iter().zip(see(part)?) {
                let before = curve.clone();
                if curve.has_stopped(lambda, seen) {
                    return Ok((curve.best_or(lambda), curve.turned()));
                }
                let Some(rule) = curve.end(lambda, seen) else { continue };
                if rule == StopRule::Bound || curve.is_at_limit() {
                    return Ok((lambda, rule));
                }
                let step = (lambda - before.reached) / (FINER + 1) as f32;
                let between: Vec<f32> = (1..=FINER).map(|i| before.reached + step * i as f32).collect();
                let mut finer = before;
                for (&lambda, seen) in between.iter().zip(see(&between)?) {
                    if let Some(rule) = finer.end(lambda, seen) {
                        return Ok((finer.place(lambda, rule), rule));
                    }
                }
                return Ok((finer.place(lambda, rule), rule));
            }
        }
        Ok((curve.reached, StopRule::Bound))
    };
    let (low, low_rule) = side(-1.0)?;
    let (high, high_rule) = side(1.0)?;
    Ok(Found { low, high, stopped: Stopped { low: low_rule, high: high_rule } })
}

/// A score followed away from lambda 0 to one side.
#[derive(Clone)]
struct Curve {
    sign: f32,
    initial: f32,
    /// Farthest that the score came, in the direction of the side, and where.
    best: f32,
    best_at: f32,
    reached: f32,
    /// The score two doublings ago, and one.
    before: f32,
    last: f32,
}

impl Curve {
    fn new(sign: f32, initial: f32) -> Self {
        Self { sign, initial, best: initial, best_at: 0.0, reached: 0.0, before: initial, last: initial }
    }

    /// Whether the score needs no shift to be as low, or as high, as is asked for.
    fn is_at_limit(&self) -> bool {
        self.is_enough(self.initial)
    }

    fn is_enough(&self, score: f32) -> bool {
        if self.sign < 0.0 { score <= ENOUGH[0] } else { score >= ENOUGH[1] }
    }

    /// The rule of a score that goes no further.
    fn turned(&self) -> StopRule {
        if self.sign < 0.0 { StopRule::Rise } else { StopRule::Drop }
    }

    /// Whether a score that moves, or could, gained next to nothing on the way to this lambda.
    fn has_stopped(&self, lambda: f32, seen: Seen) -> bool {
        let has_moved = self.sign * (self.best - self.initial) > STOPPED;
        let gain = self.sign * (seen.score - self.before);
        lambda.abs() >= AT_LIMIT && has_moved && gain < STOPPED
    }

    /// Where the score was farthest, if it went anywhere.
    fn best_or(&self, lambda: f32) -> f32 {
        if self.best_at == 0.0 { lambda } else { self.best_at }
    }

    /// Goes on to a lambda; why the side ends there, if it does.
    fn end(&mut self, lambda: f32, seen: Seen) -> Option<StopRule> {
        self.reached = lambda;
        (self.before, self.last) = (self.last, seen.score);
        let enough = if self.sign < 0.0 { StopRule::Floor } else { StopRule::Rise };
        if seen.change > MOST_CHANGE {
            return Some(StopRule::Pixels);
        }
        if self.sign * (seen.score - self.best) < -TURNED {
            return Some(self.turned());
        }
        if self.sign * (seen.score - self.best) > 0.0 {
            (self.best, self.best_at) = (seen.score, lambda);
        }
        if self.is_enough(seen.score) && (!self.is_at_limit() || lambda.abs() >= AT_LIMIT) {
            return Some(enough);
        }
        (lambda.abs() >= REACHES[REACHES.len() - 1]).then_some(StopRule::Bound)
    }

    /// Where a side that ended at a lambda is said to end: where the score was farthest if it turned back.
    fn place(&self, lambda: f32, rule: StopRule) -> f32 {
        let is_turned = rule == self.turned() && !self.is_enough(self.best);
        if is_turned { self.best_or(lambda) } else { lambda }
    }
}

/// The lambdas of a preset's frames.
pub(super) fn sweep(preset: Preset, low: f32, high: f32) -> Vec<f32> {
    match preset {
        Preset::Fluoro => through_zero(low, high, OWN_FRAMES),
        Preset::Paper => paper_sweep(low, high),
        Preset::Repo => repo_sweep(low, high),
        Preset::Package => even_sweep(low, high, 10),
    }
}

/// Frames of our own preset.
const OWN_FRAMES: usize = 13;

/// numpy `arange(low, high + 1, (high - low) / 10)`: eleven frames once the range is at least ten, more below.
#[must_use]
pub fn paper_sweep(low: f32, high: f32) -> Vec<f32> {
    arange(low, f64::from(high) + 1.0, (f64::from(high) - f64::from(low)) / 10.0)
}

/// numpy `arange(low, high, (high - low) / 10)`: ten frames, without `high`. (Eleven where rounding makes numpy's count
/// so, as there.)
#[must_use]
pub fn repo_sweep(low: f32, high: f32) -> Vec<f32> {
    arange(low, f64::from(high), (f64::from(high) - f64::from(low)) / 10.0)
}

/// numpy's rule for the length of an `arange`; the first lambda alone where there is no range.
fn arange(low: f32, end: f64, step: f64) -> Vec<f32> {
    if step <= 0.0 {
        return vec![low];
    }
    let count = ((end - f64::from(low)) / step).ceil() as usize;
    (0..count).map(|i| (f64::from(low) + i as f64 * step) as f32).collect()
}

/// `count` lambdas from `low` to `high`, both included.
pub(super) fn even_sweep(low: f32, high: f32, count: usize) -> Vec<f32> {
    let last = count.saturating_sub(1).max(1) as f64;
    let at = |i: usize| (f64::from(low) + (f64::from(high) - f64::from(low)) * i as f64 / last) as f32;
    (0..count).map(|i| if i + 1 == count { high } else { at(i) }).collect()
}

/// `count` lambdas from `low` to `high` of which one is 0, evenly spaced on each side of it.
pub(super) fn through_zero(low: f32, high: f32, count: usize) -> Vec<f32> {
    if low >= 0.0 || high <= 0.0 || count < 3 {
        return even_sweep(low, high, count);
    }
    let share = f64::from(-low) / (f64::from(high) - f64::from(low));
    let below = ((share * (count - 1) as f64).round() as usize).clamp(1, count - 2);
    let mut lambdas = even_sweep(low, 0.0, below + 1);
    lambdas.extend(even_sweep(0.0, high, count - below).into_iter().skip(1));
    lambdas
}

#[cfg(test)]
mod tests;
