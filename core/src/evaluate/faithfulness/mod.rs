//! Faithfulness: does an explanation method do to a film what the truth does?
//!
//! Phantoms have a truth: the same film without the factor. For every factor, every method removes it from films that
//! show it, and is held against that film. Factors are only removed, never added: where a nodule would grow on a film
//! without one is not in the film, so no method could know it.
//!
//! One half of the folder's patients fits what has to be fitted (which feature stands for a factor, probes, sizes of
//! steps), the other half is measured on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::attribution::{self, AttributionRequest};
use crate::dataset::{Part, PatientSplit};
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::metrics::{self, Estimate};
use crate::phantom::{self, Factor, Phantom};

mod case;
mod fit;
mod method;
mod sheet;

pub use method::Method;

use case::{Case, Edited, Opened, Outcome};
use fit::Fitted;

/// Films of the fitted half that the size of each method's step is chosen on.
const STEP_FILMS: usize = 8;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct FaithfulnessRequest {
    /// Folder of phantoms.
    pub dataset: PathBuf,
    /// Factors; every one that the classifier knows when empty.
    pub factors: Vec<Factor>,
    /// Most films measured for a factor.
    pub films: usize,
    /// Most films fitted on.
    pub fit: usize,
    /// Attribution methods whose maps are held against the true mask, by name; `evaluate iou` has them all.
    pub attributions: Vec<String>,
}

/// One factor and method.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FaithfulnessRow {
    /// The factor's label.
    pub factor: String,
    /// The method's name.
    pub method: String,
    /// Films measured: those that show the factor and on which the classifier sees it.
    pub films: usize,
    /// Films that show the factor and were passed over because the classifier does not see it on them.
    pub unseen: usize,
    /// Films measured on whose reconstruction the factor is lost already; no edit of the latent is valid there.
    pub lost: usize,
    /// What the method moves: a feature's number, a latent unit.
    pub detail: String,
    /// Share of films whose prediction falls below the operating point (Wilson's interval).
    pub validity: Option<Estimate>,
    /// 1 - sum of errors / sum of errors of doing nothing, where an error is the mean absolute difference between the true
    /// counterfactual and the film with the decoded change. 1 is the truth, 0 no better than nothing, below 0 worse.
    pub agreement: Option<Estimate>,
    /// Mean of those errors in grey levels (range 2048).
    pub error: Option<Estimate>,
    /// Error of doing nothing, in grey levels.
    pub nothing_error: Option<Estimate>,
    /// Intersection over union of the difference map, cut to the area of the true mask, with that mask.
    pub iou: Option<Estimate>,
    /// What a random map would reach: near 1 where the mask covers most of the film.
    pub iou_by_chance: Option<Estimate>,
    /// Average precision of the difference map against the true mask; by chance it is `mask_area`.
    pub average_precision: Option<Estimate>,
    /// Share of the film that the true mask covers.
    pub mask_area: Option<Estimate>,
    /// cause / (cause + isolation): the fall of the factor's prediction against the mean change of all others (H.3).
    pub selectivity: Option<Estimate>,
    /// Mean absolute change of the other predictions.
    pub off_target: Option<Estimate>,
    /// Accuracy of the other predictions after the edit less that before it.
    pub off_target_accuracy: Option<Estimate>,
    /// R = 1 - |f(edited) - f(clean)| / |f(film) - f(clean)| (H.3), over films where the denominator is 0.1 or more.
    pub recovery: Option<Estimate>,
    /// Spearman correlation between the size of the step and the prediction's fall.
    pub monotonicity: Option<Estimate>,
    /// Change of every prediction, by label.
    pub effects: BTreeMap<String, Effect>,
}

/// How a prediction changed over films.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Effect {
    /// Mean change.
    pub mean: f64,
    /// Mean absolute change.
    pub absolute: f64,
}

/// All rows, and what they rest on.
#[derive(Clone, Debug, Serialize)]
pub struct Faithfulness {
    /// Always `faithfulness`.
    pub kind: &'static str,
    /// The folder.
    pub dataset: String,
    /// The bundle.
    pub bundle: String,
    /// Films fitted on.
    pub fitted: usize,
    /// Factors that nobody asked for by name and that too few films show to be measured.
    pub skipped: Vec<String>,
    /// One for each factor and method.
    pub rows: Vec<FaithfulnessRow>,
    /// Best single feature of each factor, chosen on the fitted half, with its AUC on the other half.
    pub features: Vec<FeatureOfFactor>,
}

/// The feature that stands for a factor.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureOfFactor {
    /// The factor's label.
    pub factor: String,
    /// Feature number.
    pub feature: usize,
    /// AUC of its film activation for the factor on films that it was not chosen on.
    pub auc: Estimate,
    /// AUC of the classifier's score on the same films.
    pub classifier_auc: Option<Estimate>,
}

/// A finished evaluation and its pictures.
pub struct Evaluated {
    /// Numbers.
    pub faithfulness: Faithfulness,
    /// Best and worst film of the best method of every factor, as a PNG.
    pub sheet: Vec<u8>,
}

/// Measures every method on every factor.
///
/// # Errors
/// When the folder holds no phantoms or too few, the bundle lacks a part or knows none of the factors, a film cannot be
/// read, the device fails, or it was cancelled.
pub fn evaluate(engine: &Engine, request: &FaithfulnessRequest, progress: &Progress<'_>) -> Result<Evaluated> {
    if request.films == 0 || request.fit < 2 {
        return Err(Error::Invalid("measure at least one film for a factor and fit on at least two".into()));
    }
    request.attributions.iter().try_for_each(|name| attribution::method(name).map(drop))?;
    if engine.bundle().decoder.is_none() {
        return Err(engine.bundle().missing("decoder", "faithfulness"));
    }
    let known = known_factors(engine, &request.factors)?;
    let (fit, measured) = halves(&request.dataset)?;
    let fit: Vec<_> = fit.into_iter().take(request.fit).collect();
    let is_shown = |&(factor, _): &(Factor, usize)| {
        let shown = |films: &[Film]| films.iter().filter(|(_, phantom)| phantom.settings.get(factor).present).count();
        (fit::FEWEST..=fit.len() - fit::FEWEST).contains(&shown(&fit)) && shown(&measured) > 0
    };
    let (factors, skipped): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|known| !request.factors.is_empty() || is_shown(known));
    let fitted = Fitted::on(engine, &fit, &factors, progress)?;
    let features = fitted.features_on(engine, &measured[..measured.len().min(request.fit)], &factors, progress)?;

    let mut rows = Vec::new();
    let mut pages = Vec::new();
    for (done, &(factor, label)) in factors.iter().enumerate() {
        let stage = format!("measuring, {}", factor.label());
        let open = |films: &[Film], most: usize| {
            open_cases(engine, films, (factor, label), most, &|| progress.step(&stage, done, factors.len()))
        };
        let steps = fitted.steps(engine, &open(&fit, STEP_FILMS)?.0, factor)?;
        let (cases, unseen) = open(&measured, request.films)?;
        let mut measured_methods = BTreeMap::new();
        for method in Method::ALL {
            let mut record = Measured::default();
            for case in &cases {
                progress.step(&stage, done, factors.len())?;
                let Some(walk) = fitted.walk(engine, (&case.analysis, case.phantom.seed), method, factor)? else {
                    break;
                };
                let (outcome, edited) = case.measure(engine, method, &walk, steps[&method])?;
                record.add(case, outcome, edited);
            }
            rows.push(row(engine, factor, method, &fitted, unseen, &record.outcomes));
            measured_methods.insert(method, record);
        }
        for method in &request.attributions {
            progress.step(&stage, done, factors.len())?;
            rows.push(map_row(engine, (factor, label), method, unseen, &cases)?);
        }
        pages.extend(sheet::Page::of(factor, measured_methods));
    }
    progress.step("measuring", factors.len(), factors.len())?;
    Ok(Evaluated {
        faithfulness: Faithfulness {
            kind: "faithfulness",
            dataset: request.dataset.display().to_string(),
            bundle: engine.manifest().name.clone(),
            fitted: fit.len(),
            skipped: skipped.into_iter().map(|(factor, _)| factor.label().to_owned()).collect(),
            rows,
            features,
        },
        sheet: sheet::draw(&pages)?,
    })
}

/// The row of an attribution method, which changes no film: only where its map lies can be measured.
fn map_row(
    engine: &Engine,
    (factor, label): (Factor, usize),
    method: &str,
    unseen: usize,
    cases: &[Case],
) -> Result<FaithfulnessRow> {
    let request = AttributionRequest { method: method.to_owned(), label };
    let (mut ious, mut precisions, mut areas) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases {
        let area = case.mask.iter().filter(|&&inside| inside).count() as f64 / case.mask.len().max(1) as f64;
        areas.push(area);
        if area > 0.0 {
            let found = engine.attribute(&case.analysis, &request, &Progress::silent())?;
            let strength = found.strength();
            // A map that says nothing marks nothing.
            let is_blank = found.is_blank;
            ious.push(if is_blank { 0.0 } else { metrics::iou_at_reference_area(strength.data(), &case.mask)? });
            precisions.push(if is_blank { 0.0 } else { metrics::average_precision(strength.data(), &case.mask)? });
        }
    }
    let by_chance: Vec<f64> = areas.iter().filter(|&&area| area > 0.0).map(|area| area / (2.0 - area)).collect();
    Ok(FaithfulnessRow {
        factor: factor.label().into(),
        method: format!("map: {method}"),
        films: cases.len(),
        unseen,
        iou: metrics::mean_bootstrap(&ious),
        iou_by_chance: metrics::mean_bootstrap(&by_chance),
        average_precision: metrics::mean_bootstrap(&precisions),
        mask_area: metrics::mean_bootstrap(&areas),
        ..FaithfulnessRow::default()
    })
}

/// The first films that show a factor and on which the classifier sees it, and how many were passed over on the way.
fn open_cases(
    engine: &Engine,
    films: &[Film],
    (factor, label): (Factor, usize),
    most: usize,
    step: &dyn Fn() -> Result<()>,
) -> Result<(Vec<Case>, usize)> {
    let (mut cases, mut unseen) = (Vec::new(), 0);
    for (path, phantom) in films.iter().filter(|(_, phantom)| phantom.settings.get(factor).present) {
        if cases.len() == most {
            break;
        }
        step()?;
        match Case::open(engine, path, phantom, factor, label)? {
            Opened::Case(case) => cases.push(*case),
            Opened::Unseen => unseen += 1,
        }
    }
    Ok((cases, unseen))
}

/// One method on the films of one factor: the numbers of all, the pictures of the best and the worst.
#[derive(Default)]
struct Measured {
    outcomes: Vec<Outcome>,
    best: Option<sheet::Shown>,
    worst: Option<sheet::Shown>,
}

impl Measured {
    fn add(&mut self, case: &Case, outcome: Outcome, edited: Edited) {
        let shown = sheet::Shown::of(case, &outcome, edited);
        if self.best.as_ref().is_none_or(|best| shown.agreement > best.agreement) {
            self.best = Some(shown.clone());
        }
        if self.worst.as_ref().is_none_or(|worst| shown.agreement < worst.agreement) {
            self.worst = Some(shown);
        }
        self.outcomes.push(outcome);
    }
}

type Film = (PathBuf, Phantom);

/// The folder's phantoms, half to fit on and half to measure on.
fn halves(folder: &Path) -> Result<(Vec<Film>, Vec<Film>)> {
    let films = phantom::folder::read(folder)?;
    if films.is_empty() {
        let reason = "no phantoms here; faithfulness needs films whose truth is known: draw some with fluoro phantom";
        return Err(Error::dataset(folder, reason));
    }
    let split = PatientSplit { seed: 1, held_out: 0.5 };
    let (fit, measured): (Vec<Film>, Vec<Film>) =
        films.into_iter().partition(|(_, phantom)| split.part(&phantom.seed.to_string()) == Part::Training);
    if fit.len() < 2 || measured.is_empty() {
        return Err(Error::dataset(folder, "too few phantoms to fit on one half and measure on the other; draw more"));
    }
    Ok((fit, measured))
}

/// Factors with the index of their label in the classifier.
fn known_factors(engine: &Engine, wanted: &[Factor]) -> Result<Vec<(Factor, usize)>> {
    let labels: Vec<&str> = engine.bundle().labels().collect();
    let index = |factor: Factor| labels.iter().position(|&label| label == factor.label());
    let known: Vec<(Factor, usize)> = if wanted.is_empty() {
        phantom::FACTORS.into_iter().filter_map(|factor| Some((factor, index(factor)?))).collect()
    } else {
        let find = |&factor: &Factor| {
            index(factor)
                .map(|label| (factor, label))
                .ok_or_else(|| Error::unknown("label", factor.label(), labels.iter().copied()))
        };
        wanted.iter().map(find).collect::<Result<_>>()?
    };
    if known.is_empty() {
        return Err(engine.bundle().missing("classifier that knows a phantom's factors", "faithfulness"));
    }
    Ok(known)
}

fn row(
    engine: &Engine,
    factor: Factor,
    method: Method,
    fitted: &Fitted,
    unseen: usize,
    films: &[Outcome],
) -> FaithfulnessRow {
    let mean = |of: &dyn Fn(&Outcome) -> Option<f64>| {
        metrics::mean_bootstrap(&films.iter().filter_map(of).collect::<Vec<_>>())
    };
    let count = |of: &dyn Fn(&Outcome) -> bool| films.iter().filter(|film| of(film)).count();
    let pairs: Vec<[f64; 2]> = films.iter().map(|o| [o.nothing_error - o.error, o.nothing_error]).collect();
    let share = 1.0 / films.len().max(1) as f64;
    let effects = engine.bundle().labels().enumerate().map(|(label, name)| {
        let sum = |of: &dyn Fn(f32) -> f32| films.iter().map(|film| f64::from(of(film.effects[label]))).sum::<f64>();
        (name.to_owned(), Effect { mean: sum(&|v| v) * share, absolute: sum(&f32::abs) * share })
    });
    FaithfulnessRow {
        factor: factor.label().into(),
        method: method.name().into(),
        films: films.len(),
        unseen,
        lost: count(&|o| o.is_lost),
        detail: fitted.detail(method, factor),
        validity: metrics::share_wilson(count(&|o| o.is_valid), films.len()),
        agreement: metrics::ratio_bootstrap(&pairs),
        error: mean(&|o| Some(o.error)),
        nothing_error: mean(&|o| Some(o.nothing_error)),
        iou: mean(&|o| o.iou),
        iou_by_chance: mean(&|o| o.iou_by_chance),
        average_precision: mean(&|o| o.average_precision),
        mask_area: mean(&|o| Some(o.mask_area)),
        selectivity: mean(&|o| o.selectivity),
        off_target: mean(&|o| Some(o.off_target)),
        off_target_accuracy: mean(&|o| Some(o.off_target_accuracy)),
        recovery: mean(&|o| o.recovery),
        monotonicity: mean(&|o| o.monotonicity),
        effects: effects.collect(),
    }
}
