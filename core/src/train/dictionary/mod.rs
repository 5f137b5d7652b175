//! Training of sparse dictionaries on the latents of an encoder.
//!
//! In: a matrix of latents ([`Latents`]) and [`DictionaryOptions`]. Out: a [`TrainedDictionary`], the config and weights
//! that `models::dictionary` runs, with its curves and its results on held-out latents. Nothing here knows films, bundles
//! or the window. A new kind is one variant of [`Objective`], one file with its loss beside `gated.rs`, and its dense
//! twin in `tensors.rs`; `tests/parity/sae_training_reference.py` makes the numbers that both must give.

mod adam;
mod checkpoint;
mod curve;
mod dead;
mod evaluation;
mod files;
mod gated;
mod job;
mod jump;
mod latents;
mod learner;
mod nested;
mod options;
mod order;
mod parameters;
mod pass;
mod sae_lens;
mod select;
mod sparse;
mod sweep;
mod tensors;

pub use curve::CurvePoint;
pub use evaluation::{DictionaryQuality, evaluate};
pub use job::{DictionaryJob, TrainedDictionary};
pub use latents::{Centring, Latents, LatentsInMemory};
pub use learner::Compute;
pub use options::{DictionaryOptions, L0Penalty, Objective};
pub use sae_lens::save_sae_lens;
pub use sweep::{DictionarySweep, SweepResult, best_for, pareto, table};

#[cfg(test)]
mod tests;
