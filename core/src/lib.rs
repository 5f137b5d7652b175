//! Fluoro's engine.
//!
//! The folders follow the flow of the data: file -> [`radiograph`] -> [`preprocess`] -> encoder ([`models`], opened from
//! a [`bundle`]) -> latent -> SAE -> activations -> edit ([`engine`]) -> latent' -> decoder -> frame -> [`difference`]
//! map -> overlay -> screen ([`display`]) or [`export`]. [`shift`] walks a direction, [`train`] makes bundles from a
//! [`dataset`], [`phantom`] draws one, [`worker`] runs it all on one thread for the window. Nothing here knows egui.

pub mod attribution;
pub mod audit;
pub mod bench;
pub mod bundle;
pub mod catalogue;
pub mod dataset;
pub mod device;
pub mod difference;
pub mod display;
pub mod encode;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod export;
mod fence;
pub mod fingerprint;
pub mod flow;
pub mod gallery;
pub mod import;
pub mod label;
pub mod metrics;
pub mod models;
pub mod phantom;
pub mod plane;
pub mod preprocess;
pub mod probe;
pub mod radiograph;
pub mod render;
pub mod report;
pub mod samples;
pub mod segmentation;
pub mod shift;
pub mod store;
pub mod tokenizer;
pub mod torch;
pub mod train;
pub mod worker;

pub use error::{Error, Result};
pub use plane::Plane;
