//! The proof of `audit::usage` on phantoms, whose factors are independent and whose truth is known.
//!
//! For six confounders and two findings, heads are fitted on latents of films that are selected so that the confounder goes
//! with the finding (`P(confounder | finding) = s`, `1 - s` without it), and heads on films where it does not: at `s = 0.5`,
//! and on films that never show it. Then the rule of `audit::usage::verdict` says of every head whether it uses the
//! confounder, and is held against what was planted and against the true effect: test films redrawn without the confounder.
//! Nothing is drawn anew but these, so the same folders give the same table.
//!
//! Run: `cargo run --release --example audit_phantom -- BUNDLE STORE TRAIN TEST [OUT.json]` with a bundle whose encoder is a
//! classifier's trunk with an SAE, the store of the latents of TRAIN, and two folders of `fluoro phantom`; for example
//! `/work/scratch/p7/cls2 /work/scratch/p7/store_lat /work/scratch/p7/train /work/scratch/p7/test`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::audit::usage::{
    AskedLabel, AuditedFilm, Direction, FilmSource, Judgement, LatentReader, Operation, Place, SaeView, Target,
    UsageEdit, UsageModel, UsageRequest, VerdictRule, is_used, measure,
};
use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::metrics::{Estimate, auc, auc_bootstrap};
use fluoro_core::phantom::{self, Factor, Phantom};
use fluoro_core::probe::TokenProbe;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::store::Store;
use rayon::prelude::*;
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONFOUNDERS: [Factor; 6] = [
    Factor::Portable,
    Factor::Laterality,
    Factor::ApView,
    Factor::Inversion,
    Factor::SternotomyWires,
    Factor::Rotation,
];
/// On the first two the limits of the rule were settled; the other two were looked at afterwards, once.
const FINDINGS: [Factor; 4] = [Factor::Cardiomegaly, Factor::Effusion, Factor::Nodule, Factor::Atelectasis];
const SETTLED: usize = 2;
const STRENGTHS: [f64; 5] = [0.6, 0.7, 0.8, 0.9, 0.95];
/// Films of TRAIN that heads are fitted on; the others are audited.
const FITTED: usize = 14_000;
/// Films of a kind that a head is fitted on, and audited on, at most.
const MOST: [usize; 2] = [1500, 500];
/// Test films redrawn for each confounder.
const REDRAWN: usize = 100;
/// Weight decay of a head on latents whose numbers have a variance of 1 on average.
const DECAY: f64 = 1e-3;
/// Group of features: at most so many, each with at least this AUC for the confounder.
const GROUP: (usize, f64) = (5, 0.65);
/// Least true effect, in standard deviations of the logit, that counts as use.
const TRUE_EFFECT: f64 = 0.3;

/// A film that is known.
struct Known {
    phantom: Phantom,
    latent: Vec<f32>,
    activations: Vec<f32>,
}

impl Known {
    fn has(&self, factor: Factor) -> bool {
        self.phantom.settings.get(factor).present
    }
}

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
    print(&outcomes);
    if let Some(path) = rest.first() {
        let all: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
    }
    Ok(())
}

/// Films with their truth, latents and activations.
fn stored(engine: &Engine, store: &Path, folder: &Path) -> Fallible<Vec<Known>> {
    let store = Store::open(store)?;
    let phantoms: BTreeMap<PathBuf, Phantom> = phantom::folder::read(folder)?.into_iter().collect();
    let numbers: Vec<u32> = (0..u32::try_from(store.films_len())?).collect();
    let entries = store.films(&numbers)?;
    let latents: Vec<Vec<f32>> = entries
        .par_iter()
        .map(|entry| Ok(store.latent(entry.film)?.ok_or("a film without latent")?))
        .collect::<Fallible<_>>()?;
    let activations = activations(engine, &latents)?;
    entries
        .iter()
        .zip(latents)
        .zip(activations)
        .map(|((entry, latent), activations)| {
            let phantom = *phantoms.get(&folder.join(&entry.path)).ok_or("a film without truth")?;
            Ok(Known { phantom, latent, activations })
        })
        .collect()
}

fn activations(engine: &Engine, latents: &[Vec<f32>]) -> Fallible<Vec<Vec<f32>>> {
    let sae = engine.bundle().sae.as_ref().ok_or("the bundle has no SAE")?;
    let mut all = Vec::with_capacity(latents.len());
    for batch in latents.chunks(1024) {
        let shape = [batch.len(), batch[0].len()];
        let rows = Tensor::<2>::from_data(TensorData::new(batch.concat(), shape), engine.device().tensor_device());
        let values = sae.activations(rows).into_data().try_into_vec::<f32>().map_err(|e| e.to_string())?;
        all.extend(values.chunks_exact(values.len() / batch.len()).map(<[f32]>::to_vec));
    }
    Ok(all)
}

/// Latents of test films that show a factor, and of the same films drawn without it.
fn redraw(engine: &Engine, folder: &Path, factor: Factor) -> Fallible<Vec<[Vec<f32>; 2]>> {
    let films: Vec<(PathBuf, Phantom)> = phantom::folder::read(folder)?
        .into_iter()
        .filter(|(_, phantom)| phantom.settings.get(factor).present)
        .take(REDRAWN)
        .collect();
    let how = engine.manifest().encoder_input();
    let planes: Vec<[fluoro_core::Plane; 2]> = films
        .par_iter()
        .map(|(path, phantom)| {
            let film = Radiograph::open(path)?;
            let own = phantom.render(film.pixels.width());
            if film.pixels.data().iter().zip(&own.grey).any(|(&v, &g)| v != f32::from(g)) {
                return Err("a test film is not what its table says; draw the folder again".into());
            }
            let without = phantom.with(factor, false);
            let drawn = without.render(own.side).to_png(&without.mark())?;
            Ok([how.apply(&film), how.apply(&Radiograph::from_bytes(path, &drawn)?)])
        })
        .collect::<Fallible<_>>()?;
    let encoder = engine.bundle().encoder.as_ref().ok_or("the bundle has no encoder")?;
    let encode = |plane: &fluoro_core::Plane| -> Fallible<Vec<f32>> {
        let data = TensorData::new(plane.data().to_vec(), [1, 1, plane.height(), plane.width()]);
        let latent = encoder.encode(Tensor::<4>::from_data(data, engine.device().tensor_device()));
        Ok(latent.into_data().try_into_vec::<f32>().map_err(|e| e.to_string())?)
    };
    planes.iter().map(|[with, without]| Ok([encode(with)?, encode(without)?])).collect()
}

/// How films are selected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// The confounder goes with the finding.
    Planted(f64),
    /// It does not.
    Balanced,
    /// No film shows it.
    Never,
}

impl Plan {
    fn name(self) -> String {
        match self {
            Self::Planted(strength) => format!("{strength}"),
            Self::Balanced => "none".into(),
            Self::Never => "never".into(),
        }
    }

    /// Share of the films with (1) and without (0) the finding that show the confounder.
    fn shares(self) -> [f64; 2] {
        match self {
            Self::Planted(strength) => [1.0 - strength, strength],
            Self::Balanced => [0.5, 0.5],
            Self::Never => [0.0, 0.0],
        }
    }
}

/// Films, as many with the finding as without, of which the given shares show the confounder.
fn select<'a>(
    films: &'a [Known],
    finding: Factor,
    confounder: Factor,
    shares: [f64; 2],
    most: usize,
) -> Vec<&'a Known> {
    let of = |y: bool, c: bool| -> Vec<&'a Known> {
        films.iter().filter(|film| film.has(finding) == y && film.has(confounder) == c).collect()
    };
    let cells: Vec<(Vec<&Known>, f64)> = [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(y, c)| {
            let share = shares[usize::from(y)];
            (of(y, c), if c { share } else { 1.0 - share })
        })
        .collect();
    let enough =
        cells.iter().filter(|(_, share)| *share > 0.0).map(|(cell, share)| (cell.len() as f64 / share) as usize);
    let count = enough.min().unwrap_or(0).min(most);
    cells.into_iter().flat_map(|(cell, share)| cell.into_iter().take((share * count as f64).round() as usize)).collect()
}

/// A logistic head on latents.
struct Head {
    weight: Vec<f64>,
    bias: f64,
}

impl Head {
    /// Nesterov's gradient descent with weight decay, in f64, on latents that are centred and divided by one number: as a
    /// network's last layer is trained, which knows no scale of single dimensions.
    fn fit(films: &[&Known], finding: Factor) -> Self {
        let dim = films[0].latent.len();
        let count = films.len() as f64;
        let mut mean = vec![0.0; dim];
        let mut deviation = vec![0.0; dim];
        for film in films {
            mean.iter_mut().zip(&film.latent).for_each(|(m, &v)| *m += f64::from(v) / count);
        }
        for film in films {
            let squares = film.latent.iter().zip(&mean).map(|(&v, m)| (f64::from(v) - m).powi(2) / count);
            deviation.iter_mut().zip(squares).for_each(|(d, square)| *d += square);
        }
        let scale = (deviation.iter().sum::<f64>() / dim as f64).sqrt().max(1e-12);
        deviation.fill(scale);
        let standard = |film: &&Known| -> Vec<f64> {
            (0..dim).map(|i| (f64::from(film.latent[i]) - mean[i]) / deviation[i]).chain([1.0]).collect()
        };
        let rows: Vec<Vec<f64>> = films.iter().map(standard).collect();
        let product = |values: &[f64]| -> Vec<f64> { rows.iter().map(|row| dot(row, values)).collect() };
        let back = |errors: &[f64]| -> Vec<f64> {
            let mut sum = vec![0.0; dim + 1];
            for (row, error) in rows.iter().zip(errors) {
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += error * v / count);
            }
            sum
        };
        // The largest curvature, by the power method.
        let mut way = vec![1.0; dim + 1];
        let mut largest = 1.0;
        for _ in 0..20 {
            way = back(&product(&way));
            largest = dot(&way, &way).sqrt();
            way.iter_mut().for_each(|w| *w /= largest);
        }
        let rate = 1.0 / (0.25 * largest * 1.05 + DECAY);
        let (mut values, mut ahead) = (vec![0.0; dim + 1], vec![0.0; dim + 1]);
        for step in 0..400 {
            let logits = product(&ahead);
            let errors: Vec<f64> = logits
                .iter()
                .zip(films)
                .map(|(logit, film)| 1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(film.has(finding))))
                .collect();
            let slope = back(&errors);
            let next: Vec<f64> = (0..=dim)
                .map(|i| ahead[i] - rate * (slope[i] + if i < dim { DECAY * ahead[i] } else { 0.0 }))
                .collect();
            let momentum = f64::from(step) / (f64::from(step) + 3.0);
            ahead = (0..=dim).map(|i| next[i] + momentum * (next[i] - values[i])).collect();
            values = next;
        }
        let weight: Vec<f64> = (0..dim).map(|i| values[i] / deviation[i]).collect();
        let bias = values[dim] - dot(&weight, &mean);
        Self { weight, bias }
    }

    fn logit(&self, latent: &[f32]) -> f64 {
        self.bias + latent.iter().zip(&self.weight).map(|(&v, w)| f64::from(v) * w).sum::<f64>()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl LatentReader for &Head {
    fn logits(&self, latents: &[f32], films: usize) -> fluoro_core::Result<Vec<f32>> {
        Ok(latents.chunks_exact(latents.len() / films).map(|latent| self.logit(latent) as f32).collect())
    }
}

/// One head and one way of editing.
struct Outcome {
    confounder: Factor,
    finding: Factor,
    plan: Plan,
    way: &'static str,
    /// Features of the edit.
    features: usize,
    head_auc: f64,
    films: [usize; 2],
    judgement: Judgement,
    deviation: f64,
    /// Mean change of the logit on test films when they are redrawn without the confounder, and when they are edited.
    truth: f64,
    edited: f64,
    relative_norm: f64,
}

impl Outcome {
    /// Whether the redrawn films say that the head uses the confounder.
    fn truly(&self) -> bool {
        self.truth.abs() >= TRUE_EFFECT * self.deviation
    }

    fn head(&self) -> (&'static str, &'static str, String) {
        (self.confounder.label(), self.finding.label(), self.plan.name())
    }

    fn json(&self) -> Value {
        json!({
            "confounder": self.confounder.label(), "finding": self.finding.label(), "planted": self.plan.name(),
            "way": self.way, "features": self.features, "head_auc": self.head_auc, "fitted": self.films[0], "audited": self.films[1],
            "judgement": self.judgement, "logit_deviation": self.deviation, "true_effect": self.truth,
            "edited_effect": self.edited, "relative_norm": self.relative_norm,
            "truly_used": self.truly(),
        })
    }
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

fn print(outcomes: &[Outcome]) {
    println!("effects in standard deviations of the logit within films of one kind; sd is that deviation in logits");
    println!(
        "true: test films redrawn; then for each way: the edit on the same films, the contrast, p among features, p among"
    );
    println!("directions, U where said to be used, d where detected");
    for of_head in outcomes.chunk_by(|a, b| a.head() == b.head()) {
        let first = &of_head[0];
        let (confounder, finding, plan) = first.head();
        let [auc, sd, truth] = [first.head_auc, first.deviation, first.truth / first.deviation];
        print!("{confounder:<17} {finding:<13} {plan:<6} AUC {auc:.3} sd {sd:.2} true {truth:+.2}");
        for outcome in of_head {
            let p = |place: Option<Place>| place.map_or(f64::NAN, |place| place.p);
            let judged = &outcome.judgement;
            let [edit, contrast] = [outcome.edited / sd, judged.standardised.unwrap_or(f64::NAN)];
            let [features, directions] = [judged.among_features, judged.among_directions].map(p);
            let [used, detected] =
                [(judged.used, "U"), (judged.detected, "d")].map(|(is, mark)| if is { mark } else { "-" });
            print!(" | {} {edit:+.2} {contrast:+.2} {features:.2} {directions:.2} {used}{detected}", outcome.way);
        }
        println!();
    }
    for (name, findings) in [("settled on", &FINDINGS[..SETTLED]), ("looked at once", &FINDINGS[SETTLED..])] {
        println!("\nfindings that the rule was {name}");
        for way in ["feature", "group", "probe", "difference"] {
            let all: Vec<&Outcome> =
                outcomes.iter().filter(|o| o.way == way && findings.contains(&o.finding)).collect();
            summary(way, &all);
        }
    }
}

fn summary(way: &str, all: &[&Outcome]) {
    let detected: Vec<&&Outcome> = all.iter().filter(|outcome| outcome.judgement.detected).collect();
    let pairs: Vec<[f64; 2]> =
        detected.iter().map(|o| [o.truth / o.deviation, o.judgement.standardised.unwrap_or(0.0)]).collect();
    let mean = |at: usize| pairs.iter().map(|pair| pair[at]).sum::<f64>() / pairs.len().max(1) as f64;
    let product = |a: usize, b: usize| pairs.iter().map(|pair| (pair[a] - mean(a)) * (pair[b] - mean(b))).sum::<f64>();
    let correlation = product(0, 1) / (product(0, 0) * product(1, 1)).sqrt();
    println!(
        "{way}: detected {} of {}; contrast against true effect: correlation {correlation:.2}, slope {:.2}",
        detected.len(),
        all.len(),
        product(0, 1) / product(0, 0)
    );
    let against = |name: &str, truth: &dyn Fn(&Outcome) -> bool| {
        let count = |is_so: bool, said: bool| {
            detected.iter().filter(|outcome| truth(outcome) == is_so && outcome.judgement.used == said).count()
        };
        let [hit, miss, alarm, quiet] =
            [(true, true), (true, false), (false, true), (false, false)].map(|(a, b)| count(a, b));
        let precision = hit as f64 / (hit + alarm).max(1) as f64;
        println!(
            "   {name}: found {hit} of {}, alarms {alarm} of {}, precision {precision:.2}",
            hit + miss,
            alarm + quiet
        );
    };
    against("planted", &|outcome| matches!(outcome.plan, Plan::Planted(_)));
    against("truly used", &Outcome::truly);
    for plan in STRENGTHS.into_iter().map(Plan::Planted).chain([Plan::Balanced, Plan::Never]) {
        let own: Vec<&&&Outcome> = detected.iter().filter(|outcome| outcome.plan == plan).collect();
        let used = own.iter().filter(|outcome| outcome.judgement.used).count();
        let truly = own.iter().filter(|outcome| outcome.truly()).count();
        println!("   s {:<6} said used {used} of {} detected; truly used {truly}", plan.name(), own.len());
    }
}
