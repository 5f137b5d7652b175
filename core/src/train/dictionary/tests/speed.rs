//! Steps a second, beside `tests/parity/sae_speed.py`.

use std::time::Instant;

use super::super::adam::Moments;
use super::super::learner::{Compute, Learner};
use super::super::options::{DictionaryOptions, Objective};
use super::super::parameters::Parameters;
use super::super::pass::Batch;
use super::normal;
use rand::SeedableRng;

/// `FEATURES=6144 STEPS=20 KIND=topk cargo test --release --workspace --offline --lib steps_a_second -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn steps_a_second() {
    let number = |name: &str, or: usize| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let (features, steps, batch, dim) = (number("FEATURES", 6144), number("STEPS", 20), number("BATCH", 1024), 768);
    let k = number("K", 16);
    let objective = match std::env::var("KIND").as_deref() {
        Ok("batchtopk") => Objective::BatchTopK { k },
        Ok("gated") => Objective::Gated { sparsity: 2.0 },
        Ok("matryoshka") => {
            Objective::Matryoshka { k, groups: vec![features / 8, features / 8, features / 4, features / 2] }
        }
        _ => Objective::TopK { k },
    };
    let options = DictionaryOptions { batch, ..DictionaryOptions::new(objective, features, 1000) };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let rows: Vec<f32> = (0..8 * batch * dim).map(|_| normal(&mut rng)).collect();
    let dead = vec![false; features];
    let parameters = Parameters::untrained(&options, dim);
    let moments = Moments::new(&parameters);
    let mut learner = Learner::new(&Compute::Processor, parameters, moments);
    let mut times = Vec::new();
    for step in 0..steps + 2 {
        let at = (step % 8) * batch * dim;
        let tokens = &rows[at..at + batch * dim];
        let clock = Instant::now();
        let pass = learner.step(&options, &Batch { tokens, dead: &dead, sparsity_share: 1.0 }, 1e-4, step).unwrap();
        // The first two warm up.
        if step >= 2 {
            times.push(clock.elapsed().as_secs_f64());
        }
        assert!(pass.loss.is_finite());
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM ?");
    times.sort_by(f64::total_cmp);
    let (mean, median) = (times.iter().sum::<f64>() / times.len() as f64, times[times.len() / 2]);
    println!(
        "fluoro {} m={features} d={dim} batch={batch}: {:.3} steps/s (mean), {:.3} (median), {peak}",
        options.objective.name(),
        1.0 / mean,
        1.0 / median
    );
}
