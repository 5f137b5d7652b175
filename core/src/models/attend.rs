//! Scaled dot-product attention, a piece of it at a time, so that scores never fill the memory.
//!
//! In: queries, keys and values of all heads, `[b, h, n, size]`. Out: what each query gathered, heads side by side,
//! `[b, n, h * size]`. On the CPU each piece (some queries of one head) is made by one thread from product to product, while
//! its scores stay in that core's cache: that is faster than burn 0.22's own attention and needs next to no memory. Elsewhere,
//! and under a gradient, a piece is some queries of all heads.

use burn::prelude::*;
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::activations::{is_plain_cpu, softmax};

/// Scores of a piece on the CPU: 256 KiB of them.
const SCORES_ON_CPU: usize = 1 << 16;

/// Scores of a piece elsewhere: 64 MiB, because software Vulkan binds no more than 128 MiB.
const SCORES_ELSEWHERE: usize = 1 << 24;

/// `softmax(q k^T / sqrt(size) + mask) v`. `mask` broadcasts to the scores `[b, h, queries, keys]`. Differentiable.
pub fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: Option<&Tensor<4>>) -> Tensor<3> {
    let [b, h, n, size] = q.dims();
    let job = Job { scale: 1.0 / (size as f32).sqrt(), q, k: k.swap_dims(2, 3), v, mask };
    if is_plain_cpu(&job.q) {
        return job.on_cpu();
    }
    let rows = (SCORES_ELSEWHERE / (b * h * job.keys()).max(1)).clamp(1, n.max(1));
    let piece = |from: usize| job.piece([0..b, 0..h, from..n.min(from + rows)]);
    let pieces: Vec<Tensor<4>> = (0..n).step_by(rows).map(piece).collect();
    Tensor::cat(pieces, 2).swap_dims(1, 2).reshape([b, n, h * size])
}

struct Job<'a> {
    q: Tensor<4>,
    /// Turned over, `[b, h, size, keys]`.
    k: Tensor<4>,
    v: Tensor<4>,
    mask: Option<&'a Tensor<4>>,
    scale: f32,
}

impl Job<'_> {
    fn keys(&self) -> usize {
        self.k.dims()[3]
    }

    /// What some queries `[batches, heads, rows]` gather.
    fn piece(&self, [batches, heads, rows]: [std::ops::Range<usize>; 3]) -> Tensor<4> {
        let pairs = [batches, heads];
        let own = |tensor: &Tensor<4>| cut(cut(tensor.clone(), 0, &pairs[0]), 1, &pairs[1]);
        let scores = cut(own(&self.q), 2, &rows).matmul(own(&self.k));
        let scores = match self.mask {
            // The softmax multiplies by the scale, so the mask is divided by it first.
            Some(mask) => scores + cut(own(mask), 2, &rows).div_scalar(self.scale),
            None => scores,
        };
        softmax(scores, self.scale).matmul(own(&self.v))
    }

    fn on_cpu(&self) -> Tensor<3> {
        let [b, h, n, size] = self.q.dims();
        let rows = (SCORES_ON_CPU / self.keys().max(1)).clamp(1, n.max(1));
        let spans: Vec<_> = (0..n).step_by(rows).map(|from| from..n.min(from + rows)).collect();
        let gathered = |task: usize| {
            let (pair, span) = (task / spans.len(), &spans[task % spans.len()]);
            let (batch, head) = (pair / h, pair % h);
            self.piece([batch..batch + 1, head..head + 1, span.clone()]).into_data()
        };
        let pieces: Vec<TensorData> = (0..b * h * spans.len()).into_par_iter().map(gathered).collect();

        let mut side_by_side = vec![0.0_f32; b * n * h * size];
        for (task, piece) in pieces.iter().enumerate() {
            let (pair, span) = (task / spans.len(), &spans[task % spans.len()]);
            let (batch, head) = (pair / h, pair % h);
            #[expect(clippy::expect_used, reason = "every tensor of this program holds f32")]
            let numbers = piece.as_slice::<f32>().expect("f32");
            for (row, numbers) in span.clone().zip(numbers.chunks_exact(size)) {
                let at = ((batch * n + row) * h + head) * size;
                side_by_side[at..at + size].copy_from_slice(numbers);
            }
        }
        Tensor::from_data(TensorData::new(side_by_side, [b, n, h * size]), &self.q.device())
    }
}

/// A range of one dimension; all of it where the tensor's is 1, which broadcasts.
fn cut(tensor: Tensor<4>, dimension: usize, range: &std::ops::Range<usize>) -> Tensor<4> {
    match tensor.dims()[dimension] {
        1 => tensor,
        length if length == range.len() => tensor,
        _ => tensor.narrow(dimension, range.start, range.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;
    use burn::tensor::module::attention_fallback;

    fn random(shape: [usize; 4]) -> Tensor<4> {
        Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
    }

    #[test]
    fn pieces_make_the_whole() {
        // Fewer queries than keys, one piece and many, with and without masks.
        for (queries, keys) in [(1, 9), (5, 5), (70, 3000)] {
            let (q, k, v) = (random([2, 3, queries, 4]), random([2, 3, keys, 4]), random([2, 3, keys, 4]));
            let mask = (random([2, 1, 1, keys]) - 0.5).sign().clamp_max(0.0).mul_scalar(1e30);
            let masks = [None, Some(random([1, 1, queries, keys])), Some(mask)];
            for mask in masks {
                let whole = mask.clone().map(|mask| mask.expand([2, 3, queries, keys]));
                let burns = attention_fallback(q.clone(), k.clone(), v.clone(), None, whole, Default::default());
                let burns = burns.swap_dims(1, 2).reshape([2, queries, 12]);
                let own = attend(q.clone(), k.clone(), v.clone(), mask.as_ref());
                let tracked = attend(q.clone().autodiff().require_grad(), k.clone(), v.clone(), mask.as_ref());
                for found in [own, tracked.inner()] {
                    let difference = (found - burns.clone()).abs().max().into_scalar::<f32>();
                    assert!(difference < 1e-5, "{queries} of {keys}: {difference}");
                }
            }
        }
    }
}
