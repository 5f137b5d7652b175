//! Whether each kind finds the directions that the data was made of.

use super::super::{Compute, DictionaryJob, DictionaryOptions, L0Penalty, Objective, TrainedDictionary};
use super::{Synthetic, synthetic};
use crate::engine::Progress;

pub(super) fn train(data: &Synthetic, options: DictionaryOptions) -> TrainedDictionary {
    let job = DictionaryJob {
        options,
        training: &data.latents,
        held_out: &data.held_out,
        compute: Compute::Processor,
        checkpoints: None,
        resume: false,
        progress: &Progress::silent(),
        on_point: &|_| {},
    };
    job.run().unwrap()
}

pub(super) fn kinds(features: usize, active: usize) -> [Objective; 5] {
    let groups = vec![features / 4, features / 4, features - 2 * (features / 4)];
    [
        Objective::TopK { k: active },
        Objective::BatchTopK { k: active },
        Objective::Matryoshka { k: active, groups },
        Objective::JumpRelu {
            penalty: L0Penalty::Target { target: active as f32, weight: 20.0 },
            bandwidth: 0.5,
            threshold: 0.5,
        },
        Objective::Gated { sparsity: 5.0 },
    ]
}

fn row(data: &Synthetic, options: DictionaryOptions) -> (String, f64, f64) {
    let name = options.objective.name();
    let trained = train(data, options);
    let rows = trained.weights["w_dec"].as_slice::<f32>().unwrap();
    let (mean, share) = data.recovered(rows);
    let q = trained.quality;
    let text = format!(
        "{name:<11} mean max cosine {mean:.3}, above 0.9 {share:.3}, EV {:.3}, L0 {:.1}, alive {:.2}, cosine {:.3}, {:.1} s, {:.0} steps/s",
        q.explained_variance, q.active, q.alive_share, q.cosine, trained.seconds, trained.steps_per_second
    );
    (text, mean, share)
}

#[test]
fn every_kind_finds_the_directions() {
    let data = synthetic(32, 64, 3, 20_000, 5);
    for objective in kinds(64, 3) {
        let options = DictionaryOptions {
            batch: 256,
            learning_rate: 3e-3,
            dead_window: 10_000,
            ..DictionaryOptions::new(objective, 96, 1500)
        };
        let options = match options.objective {
            Objective::Matryoshka { k, .. } => {
                DictionaryOptions { objective: Objective::Matryoshka { k, groups: vec![32, 64] }, ..options }
            }
            _ => options,
        };
        let (text, mean, _) = row(&data, options);
        println!("{text}");
        assert!(mean > 0.9, "{text}");
    }
}

/// 64 dimensions, 256 directions, 5 active, as one table. `STEPS`, `FEATURES` and `SPARSITY` (of the gated kind, several
/// with commas) change it.
#[test]
#[ignore = "minutes"]
fn every_kind_finds_256_directions() {
    let text = |name: &str, or: &str| std::env::var(name).unwrap_or_else(|_| or.to_owned());
    let number = |name: &str, or: &str| text(name, or).parse::<usize>().unwrap();
    let (steps, features) = (number("STEPS", "6000"), number("FEATURES", "384"));
    let data = synthetic(64, 256, 5, 100_000, 7);
    let mut objectives: Vec<Objective> = kinds(features, 5)[..4].to_vec();
    objectives.extend(text("SPARSITY", "6").split(',').map(|s| Objective::Gated { sparsity: s.parse().unwrap() }));
    let only = text("KIND", "");
    for objective in objectives.into_iter().filter(|o| only.is_empty() || o.name() == only) {
        let options = DictionaryOptions {
            batch: 1024,
            learning_rate: text("RATE", "2e-3").parse().unwrap(),
            dead_window: 50_000,
            ..DictionaryOptions::new(objective.clone(), features, steps)
        };
        println!("{} {objective:?}", row(&data, options).0);
    }
}
