//! Tails of the normal, Student's and chi-squared distributions.
//!
//! In: a statistic. Out: a probability. Relative error about 1e-12 against scipy, which the tests of this file and
//! `tests/parity/audit_reference.py` check. Nothing here knows what is tested.
//!
//! Sources: continued fractions of NIST DLMF 8.17.22 and 8.9.2 by the modified method of Lentz (Thompson and Barnett
//! 1986); Stirling's series for the beta function of large arguments (DLMF 5.11.1).

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Most terms of a series or a fraction; far more than any argument here takes.
const TERMS: usize = 200_000;
/// From here on Stirling's series is exact to rounding.
const LARGE: f64 = 20.0;

/// Two-sided p of a standard normal statistic: `scipy.stats.norm.sf(abs(z)) * 2`.
#[must_use]
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() * FRAC_1_SQRT_2)
}

/// Two-sided p of Student's `t` with `degrees` of freedom above 0: `scipy.stats.t.sf(abs(t), degrees) * 2`.
#[must_use]
pub fn student_two_sided(t: f64, degrees: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    let square = t * t;
    // 1 - x is given as well: near t = 0 it would be lost in the subtraction.
    beta_fraction(degrees / 2.0, 0.5, degrees / (degrees + square), square / (degrees + square))
}

/// Upper tail of the chi-squared distribution: `scipy.stats.chi2.sf(x, degrees)`.
#[must_use]
pub fn chi_squared_above(x: f64, degrees: f64) -> f64 {
    gamma_above(degrees / 2.0, x / 2.0)
}

/// Regularised incomplete beta function I_x(a, b), `scipy.special.betainc`; `rest` is 1 - x.
fn beta_fraction(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast on this side; the other is its complement.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_lentz(b, a, rest, x);
    }
    beta_lentz(a, b, x, rest)
}

fn beta_lentz(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    let log = |value: f64, other: f64| if value < 0.5 { value.ln() } else { (-other).ln_1p() };
    let front = (a * log(x, rest) + b * log(rest, x) - log_beta(a, b)).exp() / a;
    let numerator = |n: usize| {
        let m = (n / 2) as f64;
        if n.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        }
    };
    front / lentz(1.0, |n| (numerator(n), 1.0))
}

/// Regularised upper incomplete gamma function Q(a, x), `scipy.special.gammaincc`.
fn gamma_above(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * f64::EPSILON / 4.0 {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let first = x + 1.0 - a;
    front / lentz(first, |n| (-(n as f64) * (n as f64 - a), first + 2.0 * n as f64))
}

/// `first + a1 / (b1 + a2 / (b2 + ..))` for `terms(n) = (an, bn)`.
fn lentz(first: f64, terms: impl Fn(usize) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut value = guard(first);
    let (mut c, mut d) = (value, 0.0);
    for n in 1..TERMS {
        let (a, b) = terms(n);
        d = 1.0 / guard(b + a * d);
        c = guard(b + a / c);
        value *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

/// ln B(a, b) without the loss of digits that three large ln Gamma have between them.
fn log_beta(a: f64, b: f64) -> f64 {
    let (small, large) = (a.min(b), a.max(b));
    let sum = a + b;
    if large < LARGE {
        return libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(sum);
    }
    if small < LARGE {
        let ratio =
            -(large - 0.5) * (small / large).ln_1p() - small * sum.ln() + small + stirling(large) - stirling(sum);
        return libm::lgamma(small) + ratio;
    }
    -small * (large / small).ln_1p() - large * (small / large).ln_1p()
        + 0.5 * (TAU * sum / (small * large)).ln()
        + stirling(small)
        + stirling(large)
        - stirling(sum)
}

/// ln Gamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2).
fn stirling(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)))) / x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-12 * wanted.abs(), "{found:e} instead of {wanted:e}");
    }

    #[test]
    fn edges() {
        assert_eq!((normal_two_sided(0.0), student_two_sided(0.0, 5.0), chi_squared_above(0.0, 3.0)), (1.0, 1.0, 1.0));
        assert_eq!(student_two_sided(f64::INFINITY, 5.0), 0.0);
        assert_eq!(normal_two_sided(-1.0), normal_two_sided(1.0));
    }

    #[test]
    #[expect(clippy::excessive_precision, reason = "as the reference prints them")]
    fn tails_are_those_of_scipy() {
        // scipy.stats.norm.sf(z) * 2, t.sf(t, v) * 2 and chi2.sf(x, k) of scipy 1.17.1, digits by mpmath of 60 digits.
        let normal = [
            (0.1, 0.92034432544594203),
            (1.96, 0.049995790296440872),
            (5.0, 5.7330314375838782e-7),
            (12.0, 3.552964224155358e-33),
            (37.0, 1.1451142445049154e-299),
        ];
        normal.into_iter().for_each(|(z, wanted)| close(normal_two_sided(z), wanted));
        let student = [
            (0.001, 3.0, 0.99926489496946094),
            (0.5, 1.0, 0.70483276469913345),
            (2.0, 5.0, 0.10193947882985836),
            (2.0, 39.0, 0.052499015343854756),
            (2.0, 41.0, 0.052154362786918928),
            (3.3, 998.0, 0.0010010658710382703),
            (30.0, 998.0, 1.8203079011544076e-141),
            (1.0, 100000.0, 0.31731292756411002),
            (4.5, 1000000.0, 6.7961105049538986e-6),
            (0.01, 1000000.0, 0.99202128936554767),
            (30.0, 112118.0, 5.9398688531528656e-197),
            (5000.0, 4.0, 9.5999974400005376e-15),
        ];
        student.into_iter().for_each(|(t, v, wanted)| close(student_two_sided(t, v), wanted));
        let chi = [
            (0.3, 1.0, 0.58388242077036518),
            (3.84, 1.0, 0.050043521248705103),
            (50.0, 2.0, 1.3887943864964021e-11),
            (1.0, 3.0, 0.8012519569012008),
            (900.0, 4.0, 1.6659412638877526e-193),
            (19.0, 19.0, 0.45683612559196238),
            (200.0, 19.0, 3.4047651393116419e-32),
            (15.0, 19.0, 0.72259732714366736),
        ];
        chi.into_iter().for_each(|(x, k, wanted)| close(chi_squared_above(x, k), wanted));
    }
}
