//! Latent Shift (Cohen et al., MIDL 2021): a latent walked along a direction, the films on the way and their scores.
//!
//! In: an analysis and a target. Out: lambdas, frames, predictions, a difference map, the rules that ended the search,
//! and what is odd about it. Presets reproduce published programs; see [`Preset`].

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::difference::{self, MapMethod};
use crate::engine::{Analysis, Engine, Frame, IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::metrics;
use crate::plane::Plane;

mod alignment;
mod concept;
mod direction;
mod frames;
mod note;
mod preset;
mod search;

pub use alignment::{Alignment, LEAST_BASE_CHANGE};
pub use concept::Concept;
pub use note::Note;
pub use preset::Preset;
pub use search::{StopRule, Stopped, paper_sweep, repo_sweep};

/// What a shift changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A classifier label, by output index: along the gradient of its score.
    Label(usize),
    /// An SAE feature: along its decoder row; lambda is its film activation.
    Feature(usize),
    /// A linear probe: along its pattern at the tokens that show it; lambda is in standard deviations of the latent. It
    /// follows the score of the label of the same name, where the classifier has one.
    Probe(usize),
    /// Words, in a bundle with a text tower: along the gradient of the latent's cosine with them; lambda as for a probe, and
    /// no score is followed.
    Text(Concept),
}

/// What to compute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftRequest {
    /// What to change.
    pub target: Target,
    /// Whose rules to follow.
    pub preset: Preset,
    /// Fixed first and last lambda; skips the search.
    pub range: Option<[f32; 2]>,
    /// Number of frames, evenly spaced; the preset's own when none.
    pub frames: Option<usize>,
    /// How the difference map is made; as the preset does when none.
    #[serde(default)]
    pub map: Option<MapMethod>,
    /// Whether the map keeps its sign: positive where the film becomes brighter as the target grows.
    #[serde(default)]
    pub signed: bool,
    /// Standard deviation in pixels of a blur of the map.
    #[serde(default)]
    pub smooth: Option<f32>,
    /// Percentile (0 to 100) of the map's magnitude; what does not lie above becomes zero.
    #[serde(default)]
    pub keep_above: Option<f32>,
}

impl ShiftRequest {
    /// A shift of `target` as the default preset does it.
    #[must_use]
    pub fn of(target: Target) -> Self {
        Self {
            target,
            preset: Preset::default(),
            range: None,
            frames: None,
            map: None,
            signed: false,
            smooth: None,
            keep_above: None,
        }
    }

    /// The method of the map.
    #[must_use]
    pub fn map_method(&self) -> MapMethod {
        self.map.unwrap_or(self.preset.map())
    }
}

/// A finished shift.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// The target's name: a label, or `feature:N`.
    pub target: String,
    /// Preset followed; that of a feature or a probe is always our own.
    pub preset: Preset,
    /// The label whose score `predictions` are; none along a feature, and along a probe of no label's name.
    pub follows: Option<String>,
    /// Lambda of each frame, ascending.
    pub lambdas: Vec<f32>,
    /// Films, in the order of `lambdas`.
    pub frames: Vec<Plane>,
    /// The target's score in each frame (a label, or a probe of that name), the probe's probability, or the feature's film
    /// activation.
    pub predictions: Vec<f32>,
    /// Every other label's score in each frame.
    pub others: Vec<(String, Vec<f32>)>,
    /// Why each side of the search ended.
    pub stopped: Stopped,
    /// Decoded unshifted latent.
    pub reference: Plane,
    /// Scores of every label in the frame where the target's score is farthest from that of the reconstruction, less those
    /// of the reconstruction; see [`Shift::alignment`].
    pub alignment: Vec<Alignment>,
    /// Difference map in grey levels; not negative unless a signed one was asked for.
    pub map: Plane,
    /// How the map was made.
    pub map_method: MapMethod,
    /// What a reader must know of this shift.
    pub notes: Vec<Note>,
}

impl Shift {
    /// Whether `predictions` are scores between 0 and 1, not a feature's activations.
    #[must_use]
    pub fn is_score(&self) -> bool {
        !self.target.starts_with(FEATURE)
    }
}

/// What a feature's target begins with.
const FEATURE: &str = "feature:";
/// What a concept's begins with.
const TEXT: &str = "text:";

impl Engine {
    /// Reads `LABEL`, `feature:N|LABEL` or `probe:NAME` as a target.
    ///
    /// # Errors
    /// When no such label, feature or probe exists, with the nearest names.
    pub fn parse_target(&self, text: &str) -> Result<Target> {
        if let Some(feature) = text.strip_prefix(FEATURE) {
            return self.bundle.feature_index(feature).map(Target::Feature);
        }
        if let Some(probe) = text.strip_prefix("probe:") {
            return self.bundle.probe_index(probe).map(Target::Probe);
        }
        if let Some(words) = text.strip_prefix(TEXT) {
            if self.bundle.text.is_none() {
                return Err(Error::Invalid(format!(
                    "bundle \"{}\" has no text encoder for \"{text}\"; use a label, feature:N or probe:NAME",
                    self.bundle.manifest.name
                )));
            }
            let concept = Concept::new(words);
            let few = || Error::Invalid("text: needs a few words, such as text:\"enlarged heart\"".into());
            return concept.map(Target::Text).ok_or_else(few);
        }
        self.bundle.label_index(text).map(Target::Label)
    }

    /// The name of a target, as [`Engine::parse_target`] reads it.
    #[must_use]
    pub fn target_name(&self, target: Target) -> String {
        match target {
            Target::Label(index) => self.bundle.labels().nth(index).unwrap_or("?").to_owned(),
            Target::Feature(index) => format!("{FEATURE}{index}"),
            Target::Probe(index) => {
                format!("probe:{}", self.bundle.manifest.probes.get(index).map_or("?", |probe| probe.name.as_str()))
            }
            Target::Text(concept) => format!("{TEXT}{concept}"),
        }
    }

    /// Computes a shift.
    ///
    /// # Errors
    /// When a part is missing, the range or number of frames makes no sense, the device fails, or it was cancelled.
    pub fn shift(&self, analysis: &Analysis, request: &ShiftRequest, progress: &Progress<'_>) -> Result<Shift> {
        check(request)?;
        // The published programs know labels alone.
        let preset = if matches!(request.target, Target::Label(_)) { request.preset } else { Preset::Fluoro };
        let request = &ShiftRequest { preset, ..request.clone() };
        let reference = analysis.reconstruction.as_ref().ok_or(self.bundle.missing("decoder", "a shift"))?;
        let walk = self.walk(analysis, request)?;
        let path = walk.path.clone();
        let mut cache = frames::FrameCache::new(self, walk.path, progress);
        if !matches!(request.target, Target::Feature(_)) {
            cache.insert(0.0, reference.clone());
        }
        let (low, high, stopped) = match (request.range, request.target) {
            (Some([low, high]), _) => (low, high, Stopped::fixed()),
            (None, Target::Feature(feature)) => (0.0, self.feature_range_end(analysis, feature), Stopped::fixed()),
            (None, Target::Probe(_) | Target::Text(_)) if walk.label.is_none() => {
                (-PROBE_REACH, PROBE_REACH, Stopped::fixed())
            }
            (None, Target::Label(_) | Target::Probe(_) | Target::Text(_)) => {
                let label = walk.label.unwrap_or_default();
                let found = search::search(preset, |lambdas| {
                    let seen = |frame: &Frame| see(preset, label, &reference.pixels, frame);
                    cache.frames(lambdas)?.iter().map(seen).collect()
                })?;
                (found.low, found.high, found.stopped)
            }
        };
        let is_searched = request.range.is_none() && walk.label.is_some();
        let lambdas = match (request.frames, preset) {
            (Some(count), Preset::Fluoro) => search::through_zero(low, high, count),
            (Some(count), _) => search::even_sweep(low, high, count),
            (None, preset) if !matches!(request.target, Target::Feature(_)) => search::sweep(preset, low, high),
            (None, _) => search::even_sweep(low, high, 11),
        };
        let shifted = cache.frames(&lambdas)?;
        let frames: Vec<Plane> = shifted.iter().map(|frame| frame.pixels.clone()).collect();
        let predictions = match walk.label {
            Some(label) => shifted.iter().map(|frame| frame.predictions[label]).collect(),
            None => match request.target {
                Target::Probe(probe) => self.probe_scores(&path, probe, &lambdas)?,
                Target::Text(concept) => self.concept_scores(&path, concept, &lambdas)?,
                Target::Label(_) | Target::Feature(_) => lambdas.clone(),
            },
        };
        let others = self
            .bundle
            .labels()
            .enumerate()
            .filter(|(index, _)| Some(*index) != walk.label)
            .map(|(index, name)| (name.to_owned(), shifted.iter().map(|frame| frame.predictions[index]).collect()))
            .collect();
        let notes = walk.label.map_or_else(Vec::new, |label| {
            note::of(&note::Facts {
                is_flat: walk.is_flat,
                is_defined: self.operating_point(label).is_some_and(f32::is_finite),
                preset,
                is_searched,
                initial: reference.predictions[label],
                lambdas: &lambdas,
                predictions: &predictions,
                stopped,
            })
        });
        let map = shift_map(request, &reference.pixels, walk.origin, &frames, &lambdas)?;
        Ok(Shift {
            target: self.target_name(request.target),
            preset,
            follows: walk.label.and_then(|label| self.bundle.labels().nth(label)).map(str::to_owned),
            alignment: alignment::of(self.bundle.labels(), walk.label, reference, &shifted),
            lambdas,
            frames,
            predictions,
            others,
            stopped,
            reference: reference.pixels.clone(),
            map,
            map_method: request.map_method(),
            notes,
        })
    }

    /// A probe's probability at each lambda.
    fn probe_scores(&self, path: &Path, probe: usize, lambdas: &[f32]) -> Result<Vec<f32>> {
        let Some(probe) = self.bundle.probes.get(probe) else { return Ok(Vec::new()) };
        let latents = path.at(lambdas);
        let [_, tokens, dim] = latents.dims();
        let latents = self.read(latents.into_floats())?;
        Ok(latents.chunks_exact(tokens * dim).map(|film| 1.0 / (1.0 + (-probe.film_logit(film)).exp())).collect())
    }

    /// Cosine of each lambda's latent with a concept.
    fn concept_scores(&self, path: &Path, concept: Concept, lambdas: &[f32]) -> Result<Vec<f32>> {
        let latents = path.at(lambdas);
        let cosines = self.concept_cosines(latents, concept)?;
        self.read(cosines.into_floats())
    }

    /// Path of a request, and the label whose score it follows.
    fn walk(&self, analysis: &Analysis, request: &ShiftRequest) -> Result<Walk> {
        let label = match request.target {
            Target::Label(label) => label,
            Target::Feature(feature) => {
                let own = analysis.activations.get(feature).copied().unwrap_or(0.0);
                return Ok(Walk {
                    path: self.feature_path(analysis, feature)?,
                    label: None,
                    is_flat: false,
                    origin: own,
                });
            }
            Target::Probe(probe) => {
                let label = self.bundle.manifest.probes.get(probe).and_then(|p| self.bundle.label_index(&p.name).ok());
                return Ok(Walk { path: self.probe_path(analysis, probe)?, label, is_flat: false, origin: 0.0 });
            }
            Target::Text(concept) => {
                return Ok(Walk {
                    path: self.concept_path(analysis, concept)?,
                    label: None,
                    is_flat: false,
                    origin: 0.0,
                });
            }
        };
        let direction = if request.preset.is_published() {
            let score = analysis.reconstruction.as_ref().and_then(|frame| frame.predictions.get(label)).copied();
            let slope = request.preset.squash_slope(score.unwrap_or_default());
            self.score_gradient(analysis, label)?.mul_scalar(slope)
        } else {
            self.unit_direction(analysis, label)?
        };
        let largest = self.read(direction.clone().abs().max().into_floats())?[0];
        let path = Path::Straight { origin: self.latent(analysis)?.clone(), direction };
        Ok(Walk { path, label: Some(label), is_flat: largest == 0.0, origin: 0.0 })
    }

    /// Top of a feature's default range: twice what the film has, or the largest activation ever seen.
    fn feature_range_end(&self, analysis: &Analysis, feature: usize) -> f32 {
        let own = analysis.activations.get(feature).copied().unwrap_or(0.0);
        let seen = self.largest_seen(feature).unwrap_or(0.0);
        let end = (own * 2.0).max(seen);
        if end > 0.0 { end } else { 1.0 }
    }
}

/// Standard deviations that a shift along a probe reaches on each side, where no label says how far is enough.
const PROBE_REACH: f32 = 4.0;

/// Where a shift walks.
struct Walk {
    path: Path,
    /// The label that it follows; none along a feature.
    label: Option<usize>,
    /// The direction is zero.
    is_flat: bool,
    /// Lambda of the reconstruction.
    origin: f32,
}

/// What a search sees of a frame.
fn see(preset: Preset, label: usize, reference: &Plane, frame: &Frame) -> Result<search::Seen> {
    let moved = metrics::mae(reference, &frame.pixels)?;
    let sum: f64 = reference.data().iter().map(|v| f64::from(v.abs())).sum();
    Ok(search::Seen {
        score: preset.squash(frame.predictions[label]),
        share: (moved * reference.data().len() as f64 / sum.max(f64::MIN_POSITIVE)) as f32,
        change: (moved / metrics::GREY_RANGE) as f32,
    })
}

/// The map that a request means.
fn shift_map(
    request: &ShiftRequest,
    reference: &Plane,
    origin: f32,
    frames: &[Plane],
    lambdas: &[f32],
) -> Result<Plane> {
    let method = request.map_method();
    let map = if request.signed {
        difference::signed_shift_map(reference, origin, frames, lambdas, method)?
    } else if request.preset.slips() && matches!(method, MapMethod::Max | MapMethod::Mean) {
        difference::slip_map(reference, frames)?
    } else {
        difference::shift_map(reference, frames, method)?
    };
    Ok(difference::clean_signed(&map, request.smooth, request.keep_above))
}

fn check(request: &ShiftRequest) -> Result<()> {
    const MOST_FRAMES: usize = 400;
    if let Some([lo, hi]) = request.range
        && !(lo.is_finite() && hi.is_finite() && lo < hi)
    {
        return Err(Error::Invalid(format!("range {lo},{hi} is not LO,HI with LO below HI")));
    }
    if request.smooth.is_some_and(|sigma| !(0.0..=64.0).contains(&sigma)) {
        return Err(Error::Invalid("a map is smoothed by 0 to 64 pixels".into()));
    }
    if request.keep_above.is_some_and(|percentile| !(0.0..100.0).contains(&percentile)) {
        return Err(Error::Invalid("a percentile is from 0 to below 100".into()));
    }
    match request.frames {
        Some(count) if !(2..=MOST_FRAMES).contains(&count) => {
            Err(Error::Invalid(format!("{count} frames; a shift has 2 to {MOST_FRAMES}")))
        }
        _ => Ok(()),
    }
}

/// Where a shift walks: `lambda` to tokens `[1, n, d]`.
#[derive(Clone)]
pub(crate) enum Path {
    /// `z + lambda * g`.
    Straight {
        /// Start, `[1, n, d]`.
        origin: Tensor<3>,
        /// Direction, `[1, n, d]`.
        direction: Tensor<3>,
    },
}
