//! Gradients of a label's score: plain, guided, integrated, smoothed.

use burn::prelude::*;
use burn::tensor::TensorData;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::quadrature::gauss_legendre;
use super::{Attributor, Map, Subject};
use crate::error::Result;
use crate::plane::Plane;

/// Steps of the integral (gifsplanation uses 100).
const STEPS: usize = 100;
/// Films in one pass.
const BATCH: usize = 10;
/// Noisy films of SmoothGrad, and the standard deviation of their noise in grey levels: 10 % of the range, as in the paper.
const NOISY: usize = 25;
const NOISE: f32 = 204.8;
const SEED: u64 = 1;

/// Two independent normal deviates (Box and Muller 1958).
fn normal_pair(rng: &mut impl Rng) -> [f32; 2] {
    let (u, v): (f64, f64) = (rng.random::<f64>().max(f64::MIN_POSITIVE), rng.random());
    let (radius, angle) = ((-2.0 * u.ln()).sqrt(), std::f64::consts::TAU * v);
    [(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]
}

/// The absolute gradient of the score.
pub(super) struct Gradient;

impl Attributor for Gradient {
    fn name(&self) -> &'static str {
        "grad"
    }

    fn about(&self) -> &'static str {
        "absolute gradient of the score with respect to each pixel (Simonyan et al. 2014)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let plane = subject.plane(subject.gradients(subject.film())?.abs())?;
        Ok(Map { plane, cells: None })
    }
}

/// Guided backpropagation: negative gradients are dropped at every ReLU on the way back.
pub(super) struct Guided;

impl Attributor for Guided {
    fn name(&self) -> &'static str {
        "guided"
    }

    fn about(&self) -> &'static str {
        "guided backpropagation: a gradient that keeps only what is positive at every ReLU (Springenberg et al. 2015); \
         known to show edges also of an untrained network"
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let film = subject.film();
        let classifier = subject.classifier()?;
        let slope = subject.slope(classifier.logits(film.clone()))?;
        let gradient = classifier.guided_gradient(film, slope).ok_or_else(|| subject.unable("guided"))?;
        Ok(Map { plane: subject.plane(gradient)?, cells: None })
    }
}

/// Integrated gradients from a flat film.
pub(super) struct Integrated {
    name: &'static str,
    about: &'static str,
    baseline: f32,
}

impl Integrated {
    /// From the middle of the range, as in the published comparison: what is darker or brighter than that counts.
    pub(super) const FROM_GREY: Self = Self {
        name: "integrated",
        about: "gradient averaged on the way from a mid-grey film, times the film less mid-grey (Sundararajan et al. 2017)",
        baseline: 0.0,
    };
    /// From black: what is bright counts.
    pub(super) const FROM_BLACK: Self = Self {
        name: "integrated-black",
        about: "gradient averaged on the way from a black film, times the film less black (Sundararajan et al. 2017)",
        baseline: -1024.0,
    };
}

impl Attributor for Integrated {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        Ok(Map { plane: integrated(subject, self.baseline)?, cells: None })
    }
}

/// Integrated gradients with 100 Gauss-Legendre nodes from a flat film of grey level `baseline`.
///
/// # Errors
/// When the device fails, or it was cancelled.
pub fn integrated(subject: &Subject<'_>, baseline: f32) -> Result<Plane> {
    let film = subject.film();
    let change = film.clone() - baseline;
    let mut sum = film.zeros_like();
    let nodes = gauss_legendre(STEPS);
    for (done, batch) in nodes.chunks(BATCH).enumerate() {
        subject.progress.step("integrating gradients", done * BATCH, STEPS)?;
        let column = |of: fn(&[f64; 2]) -> f64| {
            let values: Vec<f32> = batch.iter().map(|node| of(node) as f32).collect();
            let shape = [values.len(), 1, 1, 1];
            Tensor::<4>::from_data(TensorData::new(values, shape), subject.engine.device().tensor_device())
        };
        let gradients = subject.gradients(change.clone() * column(|node| node[0]) + baseline)?;
        sum = sum + (gradients * column(|node| node[1])).sum_dim(0);
    }
    subject.plane(sum * change)
}

/// The gradient's mean over noisy copies of the film.
pub(super) struct SmoothGrad;

impl Attributor for SmoothGrad {
    fn name(&self) -> &'static str {
        "smoothgrad"
    }

    fn about(&self) -> &'static str {
        "absolute mean gradient of 25 copies of the film with noise of 10 % of the grey range (Smilkov et al. 2017)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let input = &subject.analysis.input;
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let noises: Vec<Plane> = (0..NOISY)
            .map(|_| {
                let mut waiting = None;
                Plane::from_fn(input.width(), input.height(), |_, _| {
                    NOISE
                        * waiting.take().unwrap_or_else(|| {
                            let [now, next] = normal_pair(&mut rng);
                            waiting = Some(next);
                            now
                        })
                })
            })
            .collect();
        Ok(Map { plane: smooth_gradient(subject, &noises)?.map(f32::abs), cells: None })
    }
}

/// Mean gradient over the film with each of `noises` added.
///
/// # Errors
/// When a noise has another size than the film, the device fails, or it was cancelled.
pub fn smooth_gradient(subject: &Subject<'_>, noises: &[Plane]) -> Result<Plane> {
    let input = &subject.analysis.input;
    let mut sum = subject.film().zeros_like();
    for (done, batch) in noises.chunks(BATCH).enumerate() {
        subject.progress.step("smoothing gradients", done * BATCH, noises.len())?;
        let films = batch
            .iter()
            .map(|noise| Ok(subject.engine.film_tensor(&input.zip(noise, |film, noise| film + noise)?)))
            .collect::<Result<Vec<_>>>()?;
        sum = sum + subject.gradients(Tensor::cat(films, 0))?.sum_dim(0);
    }
    subject.plane(sum.div_scalar(noises.len().max(1) as f32))
}
