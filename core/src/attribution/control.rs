//! What the others are compared with: the map of a shift, and a map of chance.

use burn::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Attributor, Map, Subject};
use crate::difference::gaussian_blur;
use crate::error::Result;
use crate::plane::Plane;
use crate::shift::{ShiftRequest, Target};

/// Blur of the random map, in pixels: patches, as other maps have.
const PATCH: f32 = 8.0;

/// What a shift along the label changes, against what the decoder changes anyway.
pub(super) struct LatentShift;

/// Random steps that say what the decoder changes anyway.
const RANDOM_STEPS: usize = 8;
/// Blur of that, in pixels: eight steps alone are rough.
const SMOOTH: f32 = 4.0;
/// Share of its mean that is added to it, so that still places do not make small changes look large.
const FLOOR: f32 = 0.1;

impl Attributor for LatentShift {
    fn name(&self) -> &'static str {
        "shift"
    }

    fn about(&self) -> &'static str {
        "what changes in the film when it is shifted along the label (Latent Shift, Cohen et al. 2021; fluoro preset), as a \
         multiple of what random steps of the same length change there"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let request = ShiftRequest::of(Target::Label(subject.label));
        let shift = subject.engine.shift(subject.analysis, &request, subject.progress)?;
        let reach = shift.lambdas.iter().fold(0.0_f32, |most, lambda| most.max(lambda.abs()));
        let plane = match random_change(subject, &shift.reference, reach)? {
            Some(usual) => shift.map.zip(&usual, |own, usual| own / usual)?,
            None => shift.map,
        };
        Ok(Map { plane, cells: None })
    }
}

/// Mean absolute change of each pixel over random steps of `reach` standard deviations, smoothed; none where a latent has no
/// spread to draw from.
fn random_change(subject: &Subject<'_>, reference: &Plane, reach: f32) -> Result<Option<Plane>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let steps: Vec<_> =
        (0..RANDOM_STEPS).filter_map(|_| subject.engine.random_direction(subject.analysis, &mut rng)).collect();
    if steps.is_empty() || reach <= 0.0 {
        return Ok(None);
    }
    subject.progress.step("random steps", 0, 1)?;
    let latent = subject.engine.latent(subject.analysis)?;
    let latents = steps.into_iter().map(|step| latent.clone() + step.mul_scalar(reach)).collect();
    let mut sum = reference.map(|_| 0.0);
    for frame in subject.engine.decode(Tensor::cat(latents, 0))? {
        let change = reference.zip(&frame.pixels, |a, b| (a - b).abs() / RANDOM_STEPS as f32)?;
        sum = sum.zip(&change, |sum, change| sum + change)?;
    }
    let smooth = gaussian_blur(&sum, SMOOTH);
    let mean = smooth.data().iter().map(|&v| f64::from(v)).sum::<f64>() / smooth.data().len().max(1) as f64;
    let floor = (mean as f32 * FLOOR).max(f32::MIN_POSITIVE);
    Ok(Some(smooth.map(|v| v + floor)))
}

/// A random map: what no information looks like.
pub(super) struct Random;

impl Attributor for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn about(&self) -> &'static str {
        "a map of chance, the same for every model; a method that is no better says nothing"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let input = &subject.analysis.input;
        // Another map for another film and label.
        let seed = input
            .data()
            .iter()
            .fold(subject.label as u64, |seed, v| (seed ^ u64::from(v.to_bits())).wrapping_mul(0x0100_0000_01b3));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Of mean zero: what the blur finds beyond the border is then like what it finds inside.
        let noise = Plane::from_fn(input.width(), input.height(), |_, _| rng.random_range(-1.0..1.0));
        let blurred = gaussian_blur(&noise, PATCH);
        let least = blurred.min_max().0;
        Ok(Map { plane: blurred.map(|v| v - least), cells: None })
    }
}
