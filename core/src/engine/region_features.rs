//! Which features are tied to a region of a film: a search by example.
//!
//! In: a film and a rectangle on it. Out: features, the most tied first. Where the tokens that the SAE reads have positions,
//! activations at the tokens inside are held against those outside. A class token, or a trunk that pools, has none: there the
//! region is greyed out, as attribution's occlusion does, and the fall of each feature that fires is told. The first says
//! where a feature fires, the second what it rests on; a search says which of both was done.

use serde::{Deserialize, Serialize};

use super::{Analysis, Engine, Progress};
use crate::attribution::GREY;
use crate::bundle::Manifest;
use crate::bundle::manifest::EncoderKind;
use crate::error::{Error, Result};
use crate::models::vit::Tokens;
use crate::plane::Plane;
use crate::preprocess::{Preprocess, SeenRegion};
use crate::radiograph::Radiograph;

/// How a feature's tie to a region was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionMethod {
    /// Activations at tokens inside against those outside.
    Tokens,
    /// The fall of the film's activation when the region is greyed out.
    Occlusion,
}

impl RegionMethod {
    /// What it does, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Tokens => "activation at the tokens inside against those outside",
            Self::Occlusion => "fall of the activation when the region is greyed out",
        }
    }
}

/// A feature and its tie to the region.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TiedFeature {
    /// Its index in the SAE.
    pub index: usize,
    /// What ranks it, above zero: `(with - without)^2 / (with + without)`, the difference times its share in the sum, so that
    /// neither a loud feature that fires everywhere wins nor a faint one that fires only here.
    pub score: f32,
    /// Mean activation at the tokens inside, each weighted by how much of its cell is; of occlusion, activation of the whole film.
    pub with: f32,
    /// The same at the tokens outside; of occlusion, activation of the film without the region.
    pub without: f32,
}

/// Features tied to a region, the most tied first. Those that are not tied at all are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionFeatures {
    /// The region, `[x, y, width, height]` in film pixels.
    pub rectangle: [f64; 4],
    /// How it was measured.
    pub method: RegionMethod,
    /// Tokens that the region touches, and in all; none of occlusion.
    pub tokens: Option<[usize; 2]>,
    /// The features.
    pub features: Vec<TiedFeature>,
}

impl Manifest {
    /// How the film is prepared that the SAE's encoder reads.
    fn sae_input(&self) -> &Preprocess {
        self.sae_encoder.as_ref().map_or(self.encoder_input(), |part| &part.preprocess)
    }

    /// Rows and columns of the tokens that the SAE reads, and the tokens before the first that has a position (a class
    /// token); none where no token has one.
    fn sae_positions(&self) -> Option<([usize; 2], usize)> {
        let latent = self.sae_latent();
        if let Some(grid) = latent.grid {
            return Some((grid, 0));
        }
        match self.sae_encoder.as_ref().map(|part| &part.architecture).or(self.encoder.as_ref()) {
            Some(EncoderKind::Vit(config)) if config.tokens == Tokens::All => {
                let side = config.grid();
                Some(([side, side], latent.tokens.checked_sub(side.checked_mul(side)?)?))
            }
            _ => None,
        }
    }

    /// How [`Engine::features_of_region`] measures with this bundle.
    #[must_use]
    pub fn region_method(&self) -> RegionMethod {
        if self.sae_positions().is_some() { RegionMethod::Tokens } else { RegionMethod::Occlusion }
    }
}

impl Engine {
    /// The features most tied to a rectangle `[x, y, width, height]` of a film, in film pixels: by tokens where they have
    /// positions, else by occlusion. `analysis` is that of the film.
    ///
    /// # Errors
    /// When the bundle has no encoder or SAE, the rectangle is empty, the model sees none of it, or nothing lies outside of
    /// it; when the device fails, or the user asked to stop.
    pub fn features_of_region(
        &self,
        film: &Radiograph,
        analysis: &Analysis,
        rectangle: [f64; 4],
        progress: &Progress<'_>,
    ) -> Result<RegionFeatures> {
        progress.step("searching the region", 0, 1)?;
        match self.bundle.manifest.sae_positions() {
            Some((grid, first)) => self.features_at_tokens(film, analysis, rectangle, grid, first),
            None => self.features_by_occlusion(film, analysis, rectangle, progress),
        }
    }

    fn features_at_tokens(
        &self,
        film: &Radiograph,
        analysis: &Analysis,
        rectangle: [f64; 4],
        grid: [usize; 2],
        first: usize,
    ) -> Result<RegionFeatures> {
        let features = self.searched(analysis)?;
        let shares = covered(grid, self.seen_by_sae(film), rectangle)?;
        let inside = shares.iter().filter(|share| **share > 0.0).count();
        let mut sums = vec![[0.0_f64; 2]; features];
        let tokens = analysis.token_activations.chunks_exact(features).skip(first);
        for (share, activations) in shares.iter().zip(tokens) {
            for (sum, &activation) in sums.iter_mut().zip(activations) {
                sum[0] += share * f64::from(activation);
                sum[1] += (1.0 - share) * f64::from(activation);
            }
        }
        let with: f64 = shares.iter().sum();
        let without = shares.len() as f64 - with;
        let tied = sums.iter().map(|sum| [sum[0] / with, sum[1] / without]);
        let tokens = Some([inside, shares.len()]);
        Ok(RegionFeatures { rectangle, method: RegionMethod::Tokens, tokens, features: ranked(tied) })
    }

    /// [`Self::features_of_region`] by occlusion, whether tokens have positions or not.
    ///
    /// # Errors
    /// As there.
    pub fn features_by_occlusion(
        &self,
        film: &Radiograph,
        analysis: &Analysis,
        rectangle: [f64; 4],
        progress: &Progress<'_>,
    ) -> Result<RegionFeatures> {
        self.searched(analysis)?;
        progress.step("greying out the region", 0, 1)?;
        let mut input = self.bundle.manifest.sae_input().apply(film);
        grey_out(&mut input, self.seen_by_sae(film), rectangle)?;
        progress.step("reading the film without it", 0, 1)?;
        let without = self.sparse_activations(&input)?;
        let tied = analysis.activations.iter().zip(&without);
        let tied = tied.map(|(&with, &without)| [f64::from(with), f64::from(without)]);
        Ok(RegionFeatures { rectangle, method: RegionMethod::Occlusion, tokens: None, features: ranked(tied) })
    }

    /// Features of an analysis that can be searched.
    fn searched(&self, analysis: &Analysis) -> Result<usize> {
        let part = if self.bundle.sae.is_none() { "SAE" } else { "encoder" };
        match analysis.activations.len() {
            0 => Err(self.bundle.missing(part, "searching features by a region")),
            features => Ok(features),
        }
    }

    fn seen_by_sae(&self, film: &Radiograph) -> SeenRegion {
        self.bundle.manifest.sae_input().seen(film.pixels.width(), film.pixels.height())
    }
}

/// Where a rectangle of the film lies on `columns` and `rows` of equal cells over what is seen of it: first and last edge
/// across and down, in cells, cut to what is seen.
fn placed(seen: SeenRegion, rectangle: [f64; 4], [columns, rows]: [usize; 2]) -> Result<[[f64; 2]; 2]> {
    let [x, y, width, height] = rectangle;
    let refused = |what: &str| {
        Err(Error::Invalid(format!("{what}the region {x},{y},{width},{height}; give X,Y,W,H in film pixels")))
    };
    if !rectangle.iter().all(|side| side.is_finite()) || width <= 0.0 || height <= 0.0 {
        return refused("there is nothing in ");
    }
    let along = |start: f64, length: f64, first: f64, all: f64, cells: usize| {
        [start, start + length].map(|at| ((at - first) / all * cells as f64).clamp(0.0, cells as f64))
    };
    let across = along(x, width, seen.x, seen.width, columns);
    let down = along(y, height, seen.y, seen.height, rows);
    if across[1] <= across[0] || down[1] <= down[0] {
        return refused("the model sees nothing of ");
    }
    if across == [0.0, columns as f64] && down == [0.0, rows as f64] {
        return refused("nothing that the model sees is outside of ");
    }
    Ok([across, down])
}

/// The share of each cell of a grid, row by row, that a rectangle of the film covers.
fn covered([rows, columns]: [usize; 2], seen: SeenRegion, rectangle: [f64; 4]) -> Result<Vec<f64>> {
    let [across, down] = placed(seen, rectangle, [columns, rows])?;
    let share = |[low, high]: [f64; 2], cell: usize| (high.min(cell as f64 + 1.0) - low.max(cell as f64)).max(0.0);
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    Ok(cells.map(|(row, column)| share(down, row) * share(across, column)).collect())
}

/// Fills the part of a model's input that a rectangle of the film covers; every pixel that it touches.
fn grey_out(input: &mut Plane, seen: SeenRegion, rectangle: [f64; 4]) -> Result<()> {
    let stride = input.width();
    let touched = |[low, high]: [f64; 2]| low.floor() as usize..high.ceil() as usize;
    let [columns, rows] = placed(seen, rectangle, [stride, input.height()])?.map(touched);
    for row in rows {
        input.data_mut()[row * stride + columns.start..row * stride + columns.end].fill(GREY);
    }
    Ok(())
}

/// Those that are stronger with the region than without, by score, largest first.
fn ranked(tied: impl Iterator<Item = [f64; 2]>) -> Vec<TiedFeature> {
    let mut features = Vec::new();
    for (index, [with, without]) in tied.enumerate() {
        let difference = with - without;
        if difference > 0.0 {
            let score = (difference * difference / (with + without)) as f32;
            features.push(TiedFeature { index, score, with: with as f32, without: without as f32 });
        }
    }
    features.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> SeenRegion {
        SeenRegion { x: 50.0, y: 0.0, width: 100.0, height: 100.0, film: [200, 100] }
    }

    #[test]
    fn what_a_rectangle_touches_is_greyed_out() {
        let mut input = Plane::new(10, 10, vec![7.0; 100]).expect("a plane");
        // Film 61 to 79 across is 1.1 to 2.9 of the input, film 20 to 40 down is 2 to 4.
        grey_out(&mut input, seen(), [61.0, 20.0, 18.0, 20.0]).expect("it is seen");
        let grey: Vec<usize> = (0..100).filter(|&i| input.data()[i] == GREY).collect();
        assert_eq!(grey, [21, 22, 31, 32]);
        let mut input = Plane::new(10, 10, vec![7.0; 100]).expect("a plane");
        for bad in [[0.0, 0.0, 40.0, 50.0], [0.0, 0.0, 200.0, 100.0], [60.0, 5.0, 0.0, 5.0], [f64::NAN, 0.0, 1.0, 1.0]]
        {
            assert!(grey_out(&mut input, seen(), bad).is_err(), "{bad:?}");
        }
        assert!(input.data().iter().all(|&level| level == 7.0), "a refused region changes nothing");
    }

    #[test]
    fn a_cell_counts_as_far_as_it_is_covered() {
        // Cells of 50 x 25 film pixels; the rectangle covers the right half of the first and a fifth of the one below.
        let shares = covered([4, 2], seen(), [75.0, 0.0, 25.0, 35.0]).expect("it is seen");
        assert_eq!(shares.len(), 8);
        assert!((shares[0] - 0.5).abs() < 1e-12 && (shares[2] - 0.2).abs() < 1e-12, "{shares:?}");
        assert!(shares.iter().sum::<f64>() < 0.7 + 1e-12);
        assert!(covered([4, 2], seen(), [0.0, 0.0, 200.0, 100.0]).is_err());
    }

    #[test]
    fn ties_go_to_the_first_and_what_is_not_tied_is_left_out() {
        let found = ranked([[2.0, 1.0], [1.0, 1.0], [3.0, 0.0], [2.0, 1.0], [0.0, 2.0]].into_iter());
        assert_eq!(found.iter().map(|tied| tied.index).collect::<Vec<_>>(), [2, 0, 3]);
    }
}
