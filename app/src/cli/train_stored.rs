//! `fluoro train sae STORE`: an SAE from the latents of an activation store.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fluoro_core::engine::Progress;
use fluoro_core::train::TrainOptions;
use fluoro_core::train::dictionary::{DictionaryOptions, L0Penalty, Objective};
use fluoro_core::train::stored::{StoredSaeJob, StoredSaeReport};

use super::failure::Failure;
use super::{Global, output};

/// Options of an SAE that is trained on a store.
#[derive(Args)]
#[command(next_help_heading = "SAE from a store")]
pub struct StoredArgs {
    /// Kind of SAE
    #[arg(long, value_name = "KIND", default_value = "gated")]
    kind: Kind,
    /// Features [default: 8 for each number of a token, 512 at least]
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Weight of the sparsity of a gated SAE
    #[arg(long, value_name = "WEIGHT", default_value_t = 3.0)]
    sparsity: f32,
    /// Train one SAE for each of these numbers of active features (for gated ones: weights of the sparsity), print how they
    /// trade sparsity for variance, and keep the one nearest to --active
    #[arg(long, value_name = "N,N..", value_delimiter = ',')]
    sweep: Vec<f32>,
    /// Also write the SAE in SAELens's format into this new folder
    #[arg(long, value_name = "DIR")]
    sae_lens: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Gated, decoder norms free (SAE-Rad)
    Gated,
    /// The k largest of each token
    Topk,
    /// The k largest of each token on average over a batch
    Batchtopk,
    /// A learned threshold for each feature
    Jumprelu,
    /// BatchTopK in nested groups
    Matryoshka,
}

/// Smallest part of a Matryoshka SAE, as a share of its features; each next one is twice as large.
const FIRST_GROUP: usize = 16;
/// Width of the kernel and first threshold of JumpReLU, for tokens of unit entries.
const BANDWIDTH: f32 = 0.03;
const THRESHOLD: f32 = 0.03;
/// Weight of the penalty that holds JumpReLU at its wanted active features.
const TARGET_WEIGHT: f32 = 1.0;

impl StoredArgs {
    /// The options of each run.
    fn runs(&self, dim: usize, options: &TrainOptions) -> Vec<DictionaryOptions> {
        let features = self.features.unwrap_or((dim * 8).max(512));
        let wanted = options.active as f32;
        let of = |value: Option<f32>| {
            let active = value.unwrap_or(wanted);
            let k = (active.round() as usize).max(1);
            let objective = match self.kind {
                Kind::Gated => Objective::Gated { sparsity: value.unwrap_or(self.sparsity) },
                Kind::Topk => Objective::TopK { k },
                Kind::Batchtopk => Objective::BatchTopK { k },
                Kind::Jumprelu => Objective::JumpRelu {
                    penalty: L0Penalty::Target { target: active, weight: TARGET_WEIGHT },
                    bandwidth: BANDWIDTH,
                    threshold: THRESHOLD,
                },
                Kind::Matryoshka => Objective::Matryoshka { k, groups: groups(features) },
            };
            DictionaryOptions {
                batch: options.batch,
                learning_rate: options.learning_rate,
                seed: options.seed,
                // A sweep over the sparsity shows what each weight gives by itself.
                at_most_active: (matches!(self.kind, Kind::Gated) && value.is_none()).then_some(options.active),
                ..DictionaryOptions::new(objective, features, options.epochs * 1000)
            }
        };
        if self.sweep.is_empty() { vec![of(None)] } else { self.sweep.iter().map(|&value| of(Some(value))).collect() }
    }
}

/// Groups that double from a sixteenth of the features on and end with all of them.
fn groups(features: usize) -> Vec<usize> {
    let mut groups = Vec::new();
    let (mut size, mut left) = ((features / FIRST_GROUP).max(1), features);
    while left > 0 {
        let group = if left < 2 * size { left } else { size };
        groups.push(group);
        left -= group;
        size *= 2;
    }
    groups
}

/// Trains, and says how well it does on patients held out.
///
/// # Errors
/// See [`StoredSaeJob::run`].
pub fn run(
    args: &StoredArgs,
    [store, bundle]: [&PathBuf; 2],
    options: &TrainOptions,
    resume: bool,
    progress: Progress<'_>,
    global: &Global,
) -> Result<StoredSaeReport, Failure> {
    let dim = fluoro_core::store::Store::open(store)?.info().latent_dim as usize;
    let job = StoredSaeJob {
        store: store.clone(),
        output: bundle.clone(),
        runs: args.runs(dim, options),
        wanted: options.active,
        held_out: options.held_out,
        sae_lens: args.sae_lens.clone(),
        resume,
        device: global.compute_device()?,
        progress,
    };
    Ok(job.run()?)
}

/// The answer.
///
/// # Errors
/// When standard output is full.
pub fn answer(report: &StoredSaeReport, global: &Global) -> Result<(), Failure> {
    output::answer(global, report, &words(report))
}

fn words(report: &StoredSaeReport) -> String {
    let quality = &report.quality;
    let mut text = format!(
        "SAE of {}: {}, {} features, {:.0} s\n  trained on {} tokens of {} films, held out {} of {}\n",
        report.bundle,
        report.kind,
        report.features,
        report.seconds,
        report.tokens[0],
        report.films[0],
        report.tokens[1],
        report.films[1]
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  held out: explained variance {:.4}, {:.1} active of a token, {:.1} % of features alive, cosine {:.4}",
        quality.explained_variance,
        quality.active,
        100.0 * quality.alive_share,
        quality.cosine
    );
    for run in &report.sweep {
        let mark = if run.unbeaten { "*" } else { " " };
        let _ = writeln!(
            text,
            "  {mark} {:<10} {:>6} features {:>7.1} active {:>7.4} explained {:>6.1} % alive",
            run.kind,
            run.features,
            run.quality.active,
            run.quality.explained_variance,
            100.0 * run.quality.alive_share
        );
    }
    if !report.sweep.is_empty() {
        text += "  * no other run explains more with as few active features\n";
    }
    text + &output::written(&report.outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_double_and_add_up() {
        for features in [1, 7, 16, 512, 1000, 49_152] {
            let groups = groups(features);
            assert_eq!(groups.iter().sum::<usize>(), features, "{groups:?}");
            assert!(groups.iter().all(|&group| group > 0), "{groups:?}");
        }
        assert_eq!(groups(512), [32, 64, 128, 288]);
    }
}
