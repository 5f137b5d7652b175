//! Logistic regression with an L2 penalty, solved to the optimum.
//!
//! In: rows of standardised numbers, or their inner products alone, and a label each. Out: the scores that scikit-learn's
//! `LogisticRegression(C=1, solver="lbfgs")` reaches with a small `tol`: the minimum of |w|^2 / 2 + C sum ln(1 + exp(-y f))
//! with f = w x + b and b free. Newton's method with halved steps, in f64. With more numbers than rows it is solved for a
//! weight a row (w = X^T a, as in Rasmussen and Williams 2006, algorithm 3.1), so that 1,000 films of 1,024 or of 49,000
//! numbers cost the same. Nothing here knows what the rows are.

use rayon::prelude::*;

use crate::error::{Error, Result};

/// scikit-learn's C.
const C: f64 = 1.0;
/// Newton steps at most; about eight are taken.
const STEPS: usize = 100;
/// A step is the last when no score moves by more.
const STILL: f64 = 1e-10;

/// A symmetric matrix `[n, n]`, row by row.
#[derive(Clone, Debug)]
pub struct Square {
    /// Side.
    pub n: usize,
    /// Entries, `[n * n]`.
    pub values: Vec<f64>,
}

/// A fit by rows: the score of `x` is `sum_i weights[i] (x . row_i) + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct ByRows {
    /// A weight for each row.
    pub weights: Vec<f64>,
    /// Added to every score.
    pub bias: f64,
}

/// A fit by columns: the score of `x` is `weights . x + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct ByColumns {
    /// A weight for each column.
    pub weights: Vec<f64>,
    /// Added to every score.
    pub bias: f64,
}

/// Fits by the inner products of the rows.
///
/// # Errors
/// When sizes differ, a class is missing, or the numbers are not finite.
pub fn fit_by_rows(products: &Square, labels: &[bool]) -> Result<ByRows> {
    check(products.n, products.values.len(), products.n, labels)?;
    let n = products.n;
    let scores = |fit: &ByRows| -> Vec<f64> {
        let row = |row: &[f64]| dot(row, &fit.weights) + fit.bias;
        products.values.par_chunks_exact(n).map(row).collect()
    };
    let penalty = |fit: &ByRows, scores: &[f64]| {
        fit.weights.iter().zip(scores).map(|(a, f)| a * (f - fit.bias)).sum::<f64>() / 2.0
    };
    let start = ByRows { weights: vec![0.0; n], bias: 0.0 };
    newton(start, labels, scores, penalty, |_, scores| {
        let (slope, curve) = slopes(scores, labels);
        // B = 1 + sqrt(W) K sqrt(W) has no small eigenvalue, whatever the scores.
        let root: Vec<f64> = curve.iter().map(|w| w.sqrt()).collect();
        let mut b = vec![0.0; n * n];
        b.par_chunks_exact_mut(n).zip(products.values.par_chunks_exact(n)).enumerate().for_each(|(i, (b, k))| {
            b.iter_mut().zip(k).zip(&root).for_each(|((b, k), w)| *b = root[i] * k * w);
            b[i] += 1.0;
        });
        let factor = Factor::new(Square { n, values: b })?;
        // (1 + W K)^-1 v
        let solve = |v: &[f64]| -> Vec<f64> {
            let mut inner: Vec<f64> = products.values.par_chunks_exact(n).map(|row| dot(row, v)).collect();
            inner.iter_mut().zip(&root).for_each(|(x, w)| *x *= w);
            factor.solve(&mut inner);
            v.iter().zip(inner).zip(&root).map(|((v, x), w)| v - w * x).collect()
        };
        let target: Vec<f64> = scores.iter().zip(&curve).zip(&slope).map(|((f, w), g)| w * f - g).collect();
        let (along, ones) = (solve(&target), solve(&curve));
        let bias = along.iter().sum::<f64>() / ones.iter().sum::<f64>();
        Ok(ByRows { weights: along.iter().zip(&ones).map(|(a, one)| a - bias * one).collect(), bias })
    })
}

/// Fits by columns; `rows` is `[n, dim]`.
///
/// # Errors
/// As [`fit_by_rows`].
pub fn fit_by_columns(rows: &[f64], dim: usize, labels: &[bool]) -> Result<ByColumns> {
    check(labels.len(), rows.len(), dim, labels)?;
    let side = dim + 1;
    let scores = |fit: &ByColumns| -> Vec<f64> {
        if dim == 0 {
            return vec![fit.bias; labels.len()];
        }
        rows.par_chunks_exact(dim).map(|row| dot(row, &fit.weights) + fit.bias).collect()
    };
    let penalty = |fit: &ByColumns, _: &[f64]| dot(&fit.weights, &fit.weights) / 2.0;
    let start = ByColumns { weights: vec![0.0; dim], bias: 0.0 };
    newton(start, labels, scores, penalty, |fit, scores| {
        let (slope, curve) = slopes(scores, labels);
        // Rows of the lower triangle of X^T W X with a column of ones behind, each summed over films in their order.
        let mut hessian = vec![0.0; side * side];
        hessian.par_chunks_exact_mut(side).enumerate().for_each(|(i, line)| {
            for (film, weight) in curve.iter().enumerate() {
                let row = &rows[film * dim..(film + 1) * dim];
                let own = weight * row.get(i).copied().unwrap_or(1.0);
                line[..=i].iter_mut().zip(row.iter().chain(&[1.0])).for_each(|(sum, x)| *sum += own * x);
            }
            if i < dim {
                line[i] += 1.0;
            }
        });
        let mut gradient = vec![0.0; side];
        for (film, slope) in slope.iter().enumerate() {
            let row = rows[film * dim..(film + 1) * dim].iter().chain(&[1.0]);
            gradient.iter_mut().zip(row).for_each(|(sum, x)| *sum += slope * x);
        }
        gradient.iter_mut().zip(&fit.weights).for_each(|(sum, w)| *sum += w);
        Factor::new(Square { n: side, values: hessian })?.solve(&mut gradient);
        let weights = fit.weights.iter().zip(&gradient).map(|(w, step)| w - step).collect();
        Ok(ByColumns { weights, bias: fit.bias - gradient[dim] })
    })
}

/// Values that a step of Newton's method moves.
trait Point: Clone {
    fn towards(&self, other: &Self, share: f64) -> Self;
}

fn between(a: &[f64], b: &[f64], share: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect()
}

impl Point for ByRows {
    fn towards(&self, other: &Self, share: f64) -> Self {
        let bias = self.bias + share * (other.bias - self.bias);
        Self { weights: between(&self.weights, &other.weights, share), bias }
    }
}

impl Point for ByColumns {
    fn towards(&self, other: &Self, share: f64) -> Self {
        let bias = self.bias + share * (other.bias - self.bias);
        Self { weights: between(&self.weights, &other.weights, share), bias }
    }
}

fn newton<P: Point>(
    start: P,
    labels: &[bool],
    scores: impl Fn(&P) -> Vec<f64>,
    penalty: impl Fn(&P, &[f64]) -> f64,
    next: impl Fn(&P, &[f64]) -> Result<P>,
) -> Result<P> {
    let cost = |point: &P, scores: &[f64]| {
        let loss: f64 = scores.iter().zip(labels).map(|(&f, &label)| softplus(if label { -f } else { f })).sum();
        penalty(point, scores) + C * loss
    };
    let mut point = start;
    let mut here = scores(&point);
    let mut least = cost(&point, &here);
    for _ in 0..STEPS {
        let aim = next(&point, &here)?;
        let mut share = 1.0;
        let (step, there, lower) = loop {
            let step = point.towards(&aim, share);
            let there = scores(&step);
            let lower = cost(&step, &there);
            if !lower.is_finite() && share < 1e-9 {
                return Err(Error::Invalid("a logistic regression met numbers that are not finite".into()));
            }
            // Rounding may raise the cost at the optimum itself.
            if lower <= least + 1e-12 * least.abs() || share < 1e-9 {
                break (step, there, lower);
            }
            share /= 2.0;
        };
        let moved = here.iter().zip(&there).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        (point, here, least) = (step, there, lower);
        if moved < STILL {
            break;
        }
    }
    Ok(point)
}

/// Derivatives of the loss by each score.
fn slopes(scores: &[f64], labels: &[bool]) -> (Vec<f64>, Vec<f64>) {
    let of = |(&f, &label): (&f64, &bool)| {
        let p = 1.0 / (1.0 + (-f).exp());
        let other = 1.0 / (1.0 + f.exp());
        (C * if label { -other } else { p }, C * p * other)
    };
    scores.iter().zip(labels).map(of).unzip()
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Sum of products in eight strands, which the processor adds side by side.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut strands = [0.0; 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for (strand, (a, b)) in strands.iter_mut().zip(a.iter().zip(b)) {
            *strand += a * b;
        }
    }
    strands.iter().sum::<f64>() + rest
}

fn check(n: usize, values: usize, width: usize, labels: &[bool]) -> Result<()> {
    if n != labels.len() || n.checked_mul(width) != Some(values) {
        let expected = format!("{n} labels of rows of {width} numbers");
        let found = format!("{} labels, {values} numbers", labels.len());
        return Err(Error::Shape { what: "rows of a logistic regression".into(), expected, found });
    }
    if !labels.contains(&true) || !labels.contains(&false) {
        return Err(Error::Invalid("a logistic regression needs films of both groups".into()));
    }
    Ok(())
}

/// Cholesky factor of a positive definite matrix, of which the lower triangle is read.
struct Factor {
    lower: Square,
}

impl Factor {
    fn new(mut matrix: Square) -> Result<Self> {
        let n = matrix.n;
        for column in 0..n {
            let (above, below) = matrix.values.split_at_mut((column + 1) * n);
            let own = &mut above[column * n..];
            let pivot = own[column] - dot(&own[..column], &own[..column]);
            if pivot.is_nan() || pivot <= 0.0 {
                return Err(Error::Invalid("a logistic regression met numbers that are not finite".into()));
            }
            own[column] = pivot.sqrt();
            let own = &own[..=column];
            let update =
                |row: &mut [f64]| row[column] = (row[column] - dot(&row[..column], &own[..column])) / own[column];
            below.par_chunks_exact_mut(n).with_min_len(64).for_each(update);
        }
        Ok(Self { lower: matrix })
    }

    /// Replaces `b` by the solution of A x = b.
    fn solve(&self, b: &mut [f64]) {
        let n = self.lower.n;
        let row = |i: usize| &self.lower.values[i * n..=i * n + i];
        for i in 0..n {
            let known = dot(&row(i)[..i], &b[..i]);
            b[i] = (b[i] - known) / row(i)[i];
        }
        for i in (0..n).rev() {
            b[i] /= row(i)[i];
            let value = b[i];
            b[..i].iter_mut().zip(row(i)).for_each(|(b, l)| *b -= value * l);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 rows of 6 numbers, and labels that they predict in part.
    fn data() -> (Vec<f64>, Vec<bool>) {
        let value = |i: usize| ((i * 7919 % 101) as f64 - 50.0) / 25.0;
        let rows: Vec<f64> = (0..240).map(value).collect();
        let labels =
            rows.chunks_exact(6).enumerate().map(|(i, row)| row[0] - row[3] + value(i * 13 + 5) > 0.4).collect();
        (rows, labels)
    }

    fn products(rows: &[f64], dim: usize) -> Square {
        let n = rows.len() / dim;
        let values = (0..n * n).map(|i| dot(&rows[i / n * dim..][..dim], &rows[i % n * dim..][..dim])).collect();
        Square { n, values }
    }

    #[test]
    fn rows_and_columns_agree_and_the_slope_is_zero() {
        let (rows, labels) = data();
        let by_columns = fit_by_columns(&rows, 6, &labels).unwrap();
        let by_rows = fit_by_rows(&products(&rows, 6), &labels).unwrap();
        let mut gradient = by_columns.weights.clone();
        let mut sum = 0.0;
        for ((row, label), a) in rows.chunks_exact(6).zip(&labels).zip(&by_rows.weights) {
            let score = dot(row, &by_columns.weights) + by_columns.bias;
            let slope = 1.0 / (1.0 + (-score).exp()) - f64::from(u8::from(*label));
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g += slope * x);
            sum += slope;
            assert!((a + slope).abs() < 1e-10, "a row's weight is minus its slope");
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-9) && sum.abs() < 1e-9, "{gradient:?} {sum}");
        assert!((by_rows.bias - by_columns.bias).abs() < 1e-10);
    }

    #[test]
    fn separable_rows_have_an_optimum() {
        let rows = [100.0, 90.0, -100.0, -80.0];
        let fit = fit_by_columns(&rows, 1, &[true, true, false, false]).unwrap();
        assert!(fit.weights[0] > 0.0 && fit.weights[0].is_finite());
        let same = fit_by_rows(&products(&rows, 1), &[true, true, false, false]).unwrap();
        let weight: f64 = same.weights.iter().zip(rows).map(|(a, x)| a * x).sum();
        assert!((weight - fit.weights[0]).abs() < 1e-9, "{weight} {fit:?}");
    }

    #[test]
    fn what_cannot_be_fitted() {
        assert!(fit_by_columns(&[1.0, 2.0], 1, &[true, true]).is_err());
        assert!(fit_by_columns(&[], 1, &[]).is_err());
        assert!(fit_by_rows(&Square { n: 2, values: vec![1.0; 4] }, &[true]).is_err());
        assert!(fit_by_columns(&[f64::NAN, 1.0], 1, &[true, false]).is_err());
        let nothing = fit_by_columns(&[], 0, &[true, false, false]).unwrap();
        assert!((nothing.bias - 0.5_f64.ln()).abs() < 1e-9, "only the base rate: {nothing:?}");
    }
}
