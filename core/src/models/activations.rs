//! Softmax over rows and the two kinds of GELU, as transformers use them.
//!
//! A tensor enters and one of the same shape leaves; nothing here knows models. burn 0.22 computes these on the CPU one
//! number at a time with the C library's `exp` and `erf`, which takes a vision transformer as long as its products. So on the
//! CPU, outside a gradient, this file works in place on all cores, with polynomials that the compiler turns into vector
//! code. Everywhere else it calls burn.

use burn::prelude::*;
use burn::tensor::activation;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Numbers that one task of the thread pool takes.
const TASK: usize = 16 * 1024;

/// Numbers computed side by side; what is left of a row is computed one by one.
const LANES: usize = 8;

/// The function between a transformer's two wide layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `x * Phi(x)` with the normal distribution function, PyTorch's `gelu`.
    #[default]
    Gelu,
    /// `x * sigmoid(1.702 x)`, OpenAI's approximation, transformers' `quick_gelu`.
    QuickGelu,
}

impl Activation {
    /// The function of every number. Differentiable.
    pub fn apply(self, x: Tensor<3>) -> Tensor<3> {
        match (self, is_plain_cpu(&x)) {
            (Self::Gelu, true) => in_place(x, TASK, |task| map(task, gelu)),
            (Self::QuickGelu, true) => in_place(x, TASK, |task| map(task, quick_gelu)),
            (Self::Gelu, false) => activation::gelu(x),
            (Self::QuickGelu, false) => activation::sigmoid(x.clone().mul_scalar(QUICK)) * x,
        }
    }
}

/// `softmax(scale * scores)` over the last dimension; `scale` is positive. Differentiable.
pub fn softmax(scores: Tensor<4>, scale: f32) -> Tensor<4> {
    let columns = scores.dims()[3];
    if columns == 0 || !is_plain_cpu(&scores) {
        return activation::softmax(scores.mul_scalar(scale), 3);
    }
    let rows = (TASK / columns).max(1);
    in_place(scores, rows * columns, |task| task.chunks_exact_mut(columns).for_each(|row| softmax_row(row, scale)))
}

/// Whether a tensor lies in the memory of the CPU backend, outside any gradient.
pub fn is_plain_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device();
    !device.is_autodiff() && device == Device::flex()
}

/// Applies `work` to pieces of `length` numbers on all cores; copies nothing where nobody else holds the tensor.
fn in_place<const D: usize>(tensor: Tensor<D>, length: usize, work: impl Fn(&mut [f32]) + Sync + Send) -> Tensor<D> {
    let device = tensor.device();
    let mut data = tensor.into_data();
    #[expect(clippy::expect_used, reason = "every tensor of this program holds f32")]
    let numbers = data.as_mut_slice::<f32>().expect("f32");
    numbers.par_chunks_mut(length).for_each(work);
    Tensor::from_data(data, &device)
}

/// Applies `function` to every number.
fn map(numbers: &mut [f32], function: impl Fn(f32) -> f32) {
    let mut blocks = numbers.chunks_exact_mut(LANES);
    for block in &mut blocks {
        block.iter_mut().for_each(|x| *x = function(*x));
    }
    blocks.into_remainder().iter_mut().for_each(|x| *x = function(*x));
}

fn softmax_row(row: &mut [f32], scale: f32) {
    let largest = largest(row);
    // The scale, the change to powers of two and the shift are one multiplication and one subtraction.
    let slope = scale * std::f32::consts::LOG2_E;
    let shift = largest * slope;
    let mut sums = [0.0_f32; LANES];
    let mut blocks = row.chunks_exact_mut(LANES);
    for block in &mut blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            *x = exp2(*x * slope - shift);
            *sum += *x;
        }
    }
    let mut total: f32 = sums.iter().sum();
    for x in blocks.into_remainder() {
        *x = exp2(*x * slope - shift);
        total += *x;
    }
    let share = 1.0 / total;
    row.iter_mut().for_each(|x| *x *= share);
}

fn largest(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let blocks = row.chunks_exact(LANES);
    let rest = blocks.remainder().iter().fold(f32::NEG_INFINITY, |a, &b| larger(a, b));
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, &x)| *lane = larger(*lane, x));
    }
    lanes.iter().fold(rest, |a, &b| larger(a, b))
}

/// `2^x` up to 127, relative error below 2e-7; `2^-126` for everything below.
#[inline]
fn exp2(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number; 127 more leaves the exponent of the result in the lowest bits.
    const ROUND: f32 = 12_583_039.0;
    let x = if x < -126.0 { -126.0 } else { x };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    // Smallest largest relative error of degree 5 on [-0.5, 0.5] that is 1 at 0: 9.2e-8.
    let p = 1.326_472_7e-3;
    let p = p * r + 9.671_513e-3;
    let p = p * r + 5.550_733_6e-2;
    let p = p * r + 0.240_222_42;
    #[expect(clippy::approx_constant, reason = "a coefficient that was fitted, near ln 2")]
    let p = p * r + 0.693_147;
    let p = p * r + 1.0;
    p * f32::from_bits(shifted.to_bits() << 23)
}

/// The upper tail of the normal distribution by Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7, as in PyTorch's
/// own vector code (`aten/src/ATen/cpu/vec/vec512/vec512_float.h`).
#[inline]
fn gelu(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * exp2(x * x * (-0.5 * std::f32::consts::LOG2_E));
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

const QUICK: f32 = 1.702;

#[inline]
fn quick_gelu(x: f32) -> f32 {
    let power = x * (-QUICK * std::f32::consts::LOG2_E);
    // Beyond 2^126 the quotient is nothing; further up the power would wrap.
    x / (1.0 + exp2(if power > 126.0 { 126.0 } else { power }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<f32> {
        let mut numbers: Vec<f32> = (-40_000..=40_000).map(|i| i as f32 * 1e-3).collect();
        numbers.extend([-1e30, -3e3, -126.5, 126.5, 3e3, 1e30, f32::MIN_POSITIVE, -0.0]);
        numbers
    }

    /// The largest difference, relative to `scale` of each expected value.
    fn worst(what: &str, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, scale: impl Fn(f64) -> f64) -> f64 {
        let error = |&x: &f32| {
            let wanted = exact(f64::from(x));
            (f64::from(f(x)) - wanted).abs() / scale(wanted)
        };
        let worst = numbers().iter().map(error).fold(0.0, f64::max);
        println!("{what}: {worst:.1e}");
        worst
    }

    #[test]
    fn powers_of_two_are_right_to_the_last_digits() {
        let clamped = |x: f32| exp2(x.min(127.0));
        let error = worst("2^x", clamped, |x| x.clamp(-126.0, 127.0).exp2(), |y| y);
        assert!(error < 2.5e-7, "{error}");
    }

    #[test]
    fn gelus_are_right_to_the_last_digits() {
        let exact = |x: f64| 0.5 * x * libm::erfc(-x / std::f64::consts::SQRT_2);
        let error = worst("gelu", gelu, exact, |y| y.abs().max(1.0));
        assert!(error < 3e-7, "{error}");
        let exact = |x: f64| x / (1.0 + (-f64::from(QUICK) * x).exp());
        let error = worst("quick gelu", quick_gelu, exact, |y| y.abs().max(1.0));
        assert!(error < 3e-7, "{error}");
    }

    #[test]
    fn the_fast_way_agrees_with_burns() {
        let device = Device::flex();
        let random =
            |shape: [usize; 4]| Tensor::<4>::random(shape, burn::tensor::Distribution::Normal(0.0, 3.0), &device);
        for columns in [1, 7, 8, 9, 64, 77, 1370] {
            let x = random([2, 3, 5, columns]);
            let burns = activation::softmax(x.clone().mul_scalar(0.7), 3);
            let tracked = softmax(x.clone().autodiff().require_grad(), 0.7).inner();
            let own = softmax(x, 0.7);
            for other in [burns, tracked] {
                let difference = (own.clone() - other).abs().max().into_scalar::<f32>();
                assert!(difference < 5e-7, "{columns} columns: {difference}");
            }
        }
        for kind in [Activation::Gelu, Activation::QuickGelu] {
            let x = random([1, 3, 1000, 21]).squeeze_dim::<3>(0);
            let tracked = kind.apply(x.clone().autodiff().require_grad()).inner();
            let difference = (kind.apply(x) - tracked).abs().max().into_scalar::<f32>();
            assert!(difference < 3e-6, "{kind:?}: {difference}");
        }
    }

    #[test]
    fn a_shared_tensor_is_not_changed() {
        let x = Tensor::<4>::from_floats([[[[0.0, 1.0]]]], &Device::flex());
        let _ = softmax(x.clone(), 1.0);
        assert_eq!(x.into_data().as_slice::<f32>().expect("floats"), [0.0, 1.0]);
    }

    #[test]
    fn masked_places_get_nothing() {
        let x = Tensor::<4>::from_floats([[[[0.5, -1e30, 0.5, -1e30]]]], &Device::flex());
        let shares = softmax(x, 0.125).into_data();
        assert_eq!(shares.as_slice::<f32>().expect("floats").map_to_text(), "0.500 0.000 0.500 0.000");
    }

    trait Text {
        fn map_to_text(&self) -> String;
    }

    impl Text for [f32] {
        fn map_to_text(&self) -> String {
            self.iter().map(|x| format!("{x:.3}")).collect::<Vec<_>>().join(" ")
        }
    }
}
