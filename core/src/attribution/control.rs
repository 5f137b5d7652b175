//! What the others are compared with: the map of a shift, and a map of chance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Attributor, Map, Subject};
use crate::difference::gaussian_blur;
use crate::error::Result;
use crate::plane::Plane;
use crate::shift::{ShiftRequest, Target};

/// Blur of the random map, in pixels: patches, as other maps have.
const PATCH: f32 = 8.0;

/// The difference map of a shift with the default preset.
pub(super) struct LatentShift;

impl Attributor for LatentShift {
    fn name(&self) -> &'static str {
        "shift"
    }

    fn about(&self) -> &'static str {
        "what changes in the film when it is shifted along the label (Latent Shift, Cohen et al. 2021; fluoro preset)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let request = ShiftRequest::of(Target::Label(subject.label));
        let shift = subject.engine.shift(subject.analysis, &request, subject.progress)?;
        Ok(Map { plane: shift.map, cells: None })
    }
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
        let noise = Plane::from_fn(input.width(), input.height(), |_, _| rng.random::<f32>());
        let blurred = gaussian_blur(&noise, PATCH);
        let least = blurred.min_max().0;
        Ok(Map { plane: blurred.map(|v| v - least), cells: None })
    }
}
