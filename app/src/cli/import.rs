//! `fluoro import`: published weights to a bundle.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use fluoro_core::engine::{Progress, Step};
use fluoro_core::import::{ImportJob, ImportOptions, ImportReport};
use fluoro_core::models::vit::Tokens;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// What to import.
#[derive(Args)]
#[command(after_help = AFTER)]
pub struct ImportArgs {
    /// Files of weights, folders as they are published, and bundles whose parts are wanted
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Folder of the new bundle
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
    /// Tokens of a vision transformer that make its latent [default: class, or what the SAE reads]
    #[arg(long, value_name = "TOKENS")]
    tokens: Option<TokensArg>,
    /// Block of a vision transformer whose output is its latent, from 0 [default: the last, after the final norm, or what the
    /// SAE reads]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// Published name of the weights, where labels depend on it, such as densenet121-res224-all [default: from the file's
    /// name]
    #[arg(long, value_name = "NAME")]
    weights: Option<String>,
    /// Take the classifier without its last layer as the encoder: an SAE then reads what the classifier tells apart
    #[arg(long, conflicts_with_all = ["tokens", "layer"])]
    trunk: bool,
    /// Resize films for encoders of transformers as PIL does, as transformers did before 5; torchvision otherwise
    #[arg(long)]
    pillow: bool,
    /// Films, or folders of films, on which an SAE is measured; may be repeated [default: 8 sample films]
    #[arg(long, value_name = "FILES")]
    films: Vec<PathBuf>,
}

const AFTER: &str = "\
Classifiers:  torchxrayvision DenseNet-121 and ResNet-50, jfhealthcare, reproduce-chexnet, arnoweng's CheXNet
Autoencoder:  torchxrayvision ResNetAE
Encoders:     RAD-DINO and DINOv2, CLIP (transformers, OpenAI, open_clip), BiomedCLIP, timm
SAEs:         SAELens, dictionary_learning, Sparsify, OpenAI, Prisma, PatchSAE

  fluoro import rad-dino/ my-sae/ -o explorer
  fluoro import autoencoder.pt nih-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt -o xrv

Formats: safetensors (in shards too), PyTorch zip, legacy and tar. Pickles are read as data and never executed.";

#[derive(Clone, Copy, ValueEnum)]
enum TokensArg {
    /// The class token
    Class,
    /// The patches, each with its place
    Patches,
    /// Class token and patches
    All,
}

impl TokensArg {
    fn kept(self) -> Tokens {
        match self {
            Self::Class => Tokens::Class,
            Self::Patches => Tokens::Patches,
            Self::All => Tokens::All,
        }
    }
}

/// Imports, then says what the bundle holds.
///
/// # Errors
/// When a source is not readable or not recognised, or the parts do not fit together; then nothing is written.
pub fn run(args: &ImportArgs, global: &Global) -> Result<(), Failure> {
    let meter = Meter::short();
    let report = |step: Step<'_>| meter.report(step);
    // Nothing sets it: an interrupt ends the process, and the bundle appears whole or not at all.
    let cancelled = AtomicBool::new(false);
    let job = ImportJob {
        sources: args.sources.clone(),
        output: args.output.clone(),
        options: ImportOptions {
            tokens: args.tokens.map(TokensArg::kept),
            layer: args.layer,
            pillow: args.pillow,
            weights: args.weights.clone(),
            trunk: args.trunk,
        },
        films: args.films.clone(),
        device: global.compute_device()?,
        progress: Progress::new(&report, &cancelled),
    };
    let imported = job.run()?;
    drop(meter);
    if !global.json {
        let of_sae = imported.sae.iter().filter_map(|sae| sae.warning.as_ref());
        of_sae.for_each(|warning| output::warn(warning));
    }
    output::answer(global, &imported, &words(&imported))
}

pub(super) fn words(report: &ImportReport) -> String {
    let ImportReport { bundle, parts, preprocess, latent, labels, sae, notes } = report;
    let mut text = format!("{bundle}\n");
    // Writing to a string cannot fail.
    for part in parts {
        let _ = writeln!(text, "  {:<11} {:>11} numbers  {}", part.part, part.parameters, part.source);
    }
    let _ = writeln!(text, "  films at {0} x {0} pixels", preprocess.size);
    if latent.tokens > 0 {
        let _ = writeln!(text, "  latent of {} tokens of {}", latent.tokens, latent.dim);
    }
    if !labels.is_empty() {
        let _ = writeln!(text, "  labels: {}", labels.join(", "));
    }
    if let Some(sae) = sae {
        let _ = writeln!(
            text,
            "  SAE of {} features on {} tokens of {} films: explains {:.3} of their variance with {:.1} active of a token",
            sae.features, sae.tokens, sae.films, sae.explained_variance, sae.active
        );
    }
    for note in notes {
        let _ = writeln!(text, "  note: {note}");
    }
    let _ = writeln!(text, "  fluoro info {bundle} says more");
    text
}
