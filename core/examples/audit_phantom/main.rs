//! The proof of `audit::usage` on phantoms, whose factors are independent and whose truth is known.
//!
//! For six confounders and eight findings, heads are fitted on latents of films that are selected so that the confounder goes
//! with the finding (`P(confounder | finding) = s`, `1 - s` without it), and heads on films where it does not: at `s = 0.5`,
//! and on films that never show it. Then the rule of `audit::usage::verdict` says of every head whether it uses the
//! confounder, and is held against what was planted and against the true effect: test films redrawn without the confounder.
//! Nothing is drawn anew but these, so the same folders give the same table.
//!
//! Run: `cargo run --release --example audit_phantom -- BUNDLE STORE TRAIN TEST [OUT.json]` with a bundle whose encoder is a
//! classifier's trunk with an SAE (`fluoro import CLASSIFIER --trunk`, `fluoro train sae`), the store of the latents of TRAIN
//! (`fluoro encode TRAIN --latents`), and two folders of `fluoro phantom`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use films::{Known, Plan, redraw, select, stored};
use fluoro_core::audit::usage::{
    AskedLabel, AuditedFilm, Direction, FilmSource, Operation, SaeView, Target, UsageEdit, UsageModel, UsageRequest,
    VerdictRule, is_used, measure,
};
use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::metrics::{Estimate, auc, auc_bootstrap};
use fluoro_core::phantom::Factor;
use fluoro_core::probe::TokenProbe;
use head::Head;
use rayon::prelude::*;
use serde_json::Value;
use table::Outcome;

mod films;
mod head;
mod table;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONFOUNDERS: [Factor; 6] = [
    Factor::Portable,
    Factor::Laterality,
    Factor::ApView,
    Factor::Inversion,
    Factor::SternotomyWires,
    Factor::Rotation,
];
/// On the first four the limits of the rule were settled; the others were looked at afterwards, once.
const FINDINGS: [Factor; 8] = [
    Factor::Cardiomegaly,
    Factor::Effusion,
    Factor::Nodule,
    Factor::Atelectasis,
    Factor::Consolidation,
    Factor::Edema,
    Factor::Pneumothorax,
    Factor::Pacemaker,
];
const SETTLED: usize = 4;
const STRENGTHS: [f64; 5] = [0.6, 0.7, 0.8, 0.9, 0.95];
/// Films of TRAIN that heads are fitted on; the others are audited.
const FITTED: usize = 14_000;
/// Films of a kind that a head is fitted on, and audited on, at most.
const MOST: [usize; 2] = [1500, 500];
/// Group of features: at most so many, each with at least this AUC for the confounder.
const GROUP: (usize, f64) = (5, 0.65);

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, store, train, test, rest @ ..] = &arguments[..] else {
        return Err("name a bundle, a store, and two folders of phantoms; see the head of this file".into());
    };
    let engine = Engine::open(&BundleSource::parse(bundle)?, ComputeDevice::cpu())?;
    let sae = SaeView::of(&engine)?.ok_or("the bundle has no SAE")?;
    let films = stored(&engine, Path::new(store), Path::new(train))?;
    eprintln!("{} films of the store", films.len());
    let mut redrawn = BTreeMap::new();
    for confounder in CONFOUNDERS {
        redrawn.insert(confounder, redraw(&engine, Path::new(test), confounder)?);
    }
    eprintln!("test films redrawn");
    let (fitted, audited) = films.split_at(FITTED);
    let mut models = Vec::new();
    for confounder in CONFOUNDERS {
        for finding in FINDINGS {
            let plans = STRENGTHS.into_iter().map(Plan::Planted).chain([Plan::Balanced, Plan::Never]);
            models.extend(plans.map(|plan| (confounder, finding, plan)));
        }
    }
    let results: Vec<Vec<Outcome>> = models
        .par_iter()
        .map(|&(confounder, finding, plan)| {
            one(&sae, fitted, audited, &redrawn[&confounder], confounder, finding, plan)
        })
        .collect::<Fallible<_>>()?;
    let outcomes: Vec<Outcome> = results.into_iter().flatten().collect();
    table::print(&outcomes);
    if let Some(path) = rest.first() {
        let all: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
    }
    Ok(())
}

fn one(
    sae: &SaeView,
    fitted: &[Known],
    audited: &[Known],
    redrawn: &[[Vec<f32>; 2]],
    confounder: Factor,
    finding: Factor,
    plan: Plan,
) -> Fallible<Vec<Outcome>> {
    let training = select(fitted, finding, confounder, plan.shares(), MOST[0]);
    let head = Head::fit(&training, finding);
    // What the auditor has: other films that were collected in the same way; where none shows the confounder, films of
    // elsewhere.
    let collected = if plan == Plan::Never { Plan::Balanced } else { plan };
    let films = select(audited, finding, confounder, collected.shares(), MOST[1]);
    let to_fit = select(fitted, finding, confounder, collected.shares(), MOST[0]);
    // The auditor knows the finding, and compares films within it: as many of each kind.
    let even = |films: &[&Known]| -> Vec<usize> {
        let mut cells: [Vec<usize>; 4] = Default::default();
        for (at, film) in films.iter().enumerate() {
            cells[usize::from(film.has(finding)) * 2 + usize::from(film.has(confounder))].push(at);
        }
        let count = cells.iter().map(Vec::len).min().unwrap_or(0);
        cells.into_iter().flat_map(|cell| cell.into_iter().take(count)).collect()
    };
    let learning: Vec<&Known> = even(&to_fit).into_iter().map(|at| to_fit[at]).collect();
    let shows: Vec<bool> = learning.iter().map(|film| film.has(confounder)).collect();
    let mut ranked: Vec<(usize, f64)> = (0..sae.features)
        .map(|feature| {
            let values: Vec<f32> = learning.iter().map(|film| film.activations[feature]).collect();
            Ok((feature, auc(&values, &shows)?))
        })
        .collect::<Fallible<_>>()?;
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let group: Vec<usize> = ranked.iter().take(GROUP.0).filter(|(_, auc)| *auc >= GROUP.1).map(|(f, _)| *f).collect();
    let group = if group.is_empty() { vec![ranked[0].0] } else { group };
    let latents: Vec<Vec<f32>> = learning.iter().map(|film| film.latent.clone()).collect();
    let probe = TokenProbe::fit(&latents, &shows, sae.dim);
    let tokens: Vec<&[f32]> = latents.iter().map(Vec::as_slice).collect();
    let difference = Direction::between(&tokens, &shows, sae.dim)?;
    let ways = [
        ("feature", Target::Features(vec![ranked[0].0])),
        ("group", Target::Features(group.clone())),
        ("probe", Target::Direction(Direction::of_probe(&probe))),
        ("difference", Target::Direction(difference.clone())),
    ];
    let edits: Vec<UsageEdit> = ways
        .iter()
        .map(|(name, target)| UsageEdit { name: (*name).into(), target: target.clone(), operation: Operation::Remove })
        .collect();
    let film = |(at, film): (usize, &&Known)| AuditedFilm {
        name: format!("{at}"),
        source: FilmSource::Latent(film.latent.clone()),
        patient: format!("{}", film.phantom.seed),
        group: Some(if film.has(confounder) { "1" } else { "0" }.into()),
        truth: vec![Some(film.has(finding))],
    };
    let label = AskedLabel { name: finding.label().into(), operating_point: 0.5 };
    let model = UsageModel::with_reader([1, sae.dim], vec![label], Some(sae.clone()), String::new(), Box::new(&head));
    let mut request = UsageRequest::new(films.iter().enumerate().map(film).collect(), edits);
    (request.shown, request.column) = (Some("1".into()), Some(confounder.label().into()));
    let table = measure(&model, &request, &Progress::silent())?;

    let test = |(at, [with, _]): (usize, &[Vec<f32>; 2])| AuditedFilm {
        name: format!("{at}"),
        source: FilmSource::Latent(with.clone()),
        patient: format!("{at}"),
        group: None,
        truth: Vec::new(),
    };
    let of_test = UsageRequest {
        films: redrawn.iter().enumerate().map(test).collect(),
        shown: None,
        column: None,
        controls: 1,
        ..request.clone()
    };
    let of_test = measure(&model, &of_test, &Progress::silent())?;
    let effects: Vec<f64> = redrawn.iter().map(|[with, without]| head.logit(without) - head.logit(with)).collect();
    let truth = effects.iter().sum::<f64>() / effects.len() as f64;

    let checked: Vec<&Known> = even(&films).into_iter().map(|at| films[at]).collect();
    let shown: Vec<bool> = checked.iter().map(|film| film.has(confounder)).collect();
    let people: Vec<u64> = checked.iter().map(|film| film.phantom.seed).collect();
    let detection =
        |scores: Vec<f32>| -> Option<Estimate> { auc_bootstrap(&scores, &shown, &people, 200, 0.95, 1).ok() };
    let told = |way: &str| {
        detection(match way {
            "feature" => checked.iter().map(|film| film.activations[ranked[0].0]).collect(),
            "group" => checked.iter().map(|film| group.iter().map(|&f| film.activations[f]).sum()).collect(),
            "probe" => checked.iter().map(|film| probe.film_logit(&film.latent)).collect(),
            _ => checked.iter().map(|film| difference.value(&film.latent)).collect(),
        })
    };
    let truths: Vec<bool> = films.iter().map(|film| film.has(finding)).collect();
    let logits: Vec<f32> = films.iter().map(|film| head.logit(&film.latent) as f32).collect();
    let head_auc = auc(&logits, &truths)?;
    Ok(table
        .rows
        .iter()
        .zip(&of_test.rows)
        .zip(ways)
        .map(|((row, test), (way, _))| Outcome {
            confounder,
            finding,
            plan,
            way,
            features: row.features.len(),
            head_auc,
            films: [training.len(), films.len()],
            judgement: is_used(row, told(way), &VerdictRule::default()),
            deviation: row.contrast.map_or(f64::NAN, |contrast| contrast.logit_deviation),
            truth,
            edited: test.overall.logit.map_or(f64::NAN, |logit| logit.value),
            relative_norm: row.size.relative_norm,
        })
        .collect())
}
