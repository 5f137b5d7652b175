//! What a shift is asked for: the options that `shift` and `segment` share.

use std::path::PathBuf;

use clap::Args;
use fluoro_core::difference::MapMethod;
use fluoro_core::engine::Engine;
use fluoro_core::shift::{Preset, ShiftRequest};
use fluoro_core::{Error, Result};

/// Direction and way of a shift.
#[derive(Args)]
pub struct ShiftOptions {
    /// What to change: a label (Cardiomegaly), a feature by index or label (feature:41), a linear probe (probe:AP view), or, in a
    /// bundle with a text tower, words (text:"enlarged heart")
    #[arg(long, value_name = "LABEL|feature:N|probe:NAME|text:WORDS", required_unless_present = "recipe")]
    target: Option<String>,
    /// Whose rules the search for both ends follows: fluoro, or one of three published programs: paper, repo, package
    #[arg(long, default_value = "fluoro")]
    preset: Preset,
    /// First and last lambda instead of a search: in standard deviations of the latent (fluoro), in multiples of the raw
    /// gradient (the published presets); for a feature, its activations
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true, value_parser = parse_range)]
    range: Option<[f32; 2]>,
    /// Number of frames, evenly spaced [default: the preset's]
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// How the frames become one difference map: max, mean, minmax or interval [default: the preset's]
    #[arg(long, value_name = "METHOD")]
    map: Option<MapMethod>,
    /// Keep the sign of the map: positive where the film becomes brighter as the target grows
    #[arg(long)]
    signed: bool,
    /// Blur the map by a Gaussian of this many pixels
    #[arg(long, value_name = "SIGMA")]
    smooth: Option<f32>,
    /// Of the map, keep what lies above this percentile of its magnitudes
    #[arg(long, value_name = "PERCENTILE")]
    keep_above: Option<f32>,
    /// Repeat what a recipe says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "preset", "range", "frames", "map", "signed", "smooth", "keep_above"])]
    pub recipe: Option<PathBuf>,
}

impl ShiftOptions {
    /// The request that the options mean on a bundle.
    pub fn request(&self, engine: &Engine) -> Result<ShiftRequest> {
        let target =
            self.target.as_deref().ok_or_else(|| Error::Invalid("no target; name one with --target".into()))?;
        Ok(ShiftRequest {
            target: engine.parse_target(target)?,
            preset: self.preset,
            range: self.range,
            frames: self.frames,
            map: self.map,
            signed: self.signed,
            smooth: self.smooth,
            keep_above: self.keep_above,
        })
    }
}

fn parse_range(text: &str) -> Result<[f32; 2], String> {
    let ends: Vec<f32> = text.split(',').filter_map(|end| end.trim().parse().ok()).collect();
    match ends[..] {
        [lo, hi] if lo < hi && lo.is_finite() && hi.is_finite() && text.matches(',').count() == 1 => Ok([lo, hi]),
        _ => Err("a range is LO,HI with LO below HI, such as -40,10".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_go_up() {
        assert_eq!(parse_range("-40,10.5"), Ok([-40.0, 10.5]));
        for wrong in ["10,-40", "4", "1,2,3", "a,1,2", "0,inf", "1,1", "nan,1"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
