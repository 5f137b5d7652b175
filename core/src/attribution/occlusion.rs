//! Occlusion: how much the score falls when a square of the film is greyed out.

use burn::prelude::*;

use super::{Attributor, Map, Subject};
use crate::error::Result;
use crate::plane::Plane;

/// The square's side and its step, as shares of the film's side.
const WINDOW: usize = 8;
const STRIDE: usize = 16;
/// Grey level of the square: the middle of the range.
pub(crate) const GREY: f32 = 0.0;
const BATCH: usize = 16;

/// Greying out squares.
pub(super) struct Occlusion;

impl Attributor for Occlusion {
    fn name(&self) -> &'static str {
        "occlusion"
    }

    fn about(&self) -> &'static str {
        "fall of the score when a square of an eighth of the side is greyed out, mean over the squares on each pixel (Zeiler \
         and Fergus 2014)"
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let side = subject.analysis.input.width();
        let plane = occlusion(subject, (side / WINDOW).max(1), (side / STRIDE).max(1))?;
        Ok(Map { plane, cells: None })
    }
}

/// Occlusion by squares of `window` pixels every `stride` pixels; the last of a row or column reaches beyond the film where
/// they do not fit, as captum's do.
///
/// # Errors
/// When the device fails, or it was cancelled.
pub fn occlusion(subject: &Subject<'_>, window: usize, stride: usize) -> Result<Plane> {
    let input = &subject.analysis.input;
    let (width, height) = (input.width(), input.height());
    let starts = |length: usize| (0..=length.saturating_sub(window).div_ceil(stride)).map(move |i| i * stride);
    let squares: Vec<(usize, usize)> = starts(height).flat_map(|y| starts(width).map(move |x| (x, y))).collect();
    let initial = subject.scores(subject.film())?[0];
    let mut sums = vec![0.0_f64; width * height];
    let mut counts = vec![0.0_f64; width * height];
    for (done, batch) in squares.chunks(BATCH).enumerate() {
        subject.progress.step("occluding", done * BATCH, squares.len())?;
        let films: Vec<Tensor<4>> = batch
            .iter()
            .map(|&(left, top)| {
                let mut film = input.clone();
                let row = film.width();
                for y in top..(top + window).min(height) {
                    film.data_mut()[y * row + left..y * row + (left + window).min(width)].fill(GREY);
                }
                subject.engine.film_tensor(&film)
            })
            .collect();
        for (&(left, top), score) in batch.iter().zip(subject.scores(Tensor::cat(films, 0))?) {
            for y in top..(top + window).min(height) {
                for x in left..(left + window).min(width) {
                    sums[y * width + x] += f64::from(initial - score);
                    counts[y * width + x] += 1.0;
                }
            }
        }
    }
    let means = sums.iter().zip(&counts).map(|(sum, count)| (sum / f64::max(*count, 1.0)) as f32).collect();
    Plane::new(width, height, means)
}
