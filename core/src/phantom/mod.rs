//! A procedural chest radiograph: analytic anatomy, projected by rays from a point source on to a detector, with known
//! truth.
//!
//! In: a seed and the state of every [`Factor`], alone ([`Phantom`]) or drawn for a whole dataset ([`folder`]) with
//! planted confounders ([`Prevalence`]). Out: grey films, their exact counterfactuals, tables and reports. Drawing is
//! pure and the same on every machine: no clock, no threads, no transcendental function but those of `libm`. Lengths are
//! millimetres in the patient's own frame: x towards the patient's left (the film's right), y towards the feet, z towards
//! the breastbone.

mod anatomy;
mod body;
mod canvas;
mod change;
mod detector;
mod devices;
pub mod factors;
mod film;
mod findings;
pub mod folder;
pub mod gallery;
mod markers;
mod prevalence;
mod projection;
mod random;
mod report;
mod skeleton;
mod solids;
mod tables;
mod vessels;

pub use factors::{FACTORS, Factor, Setting, Settings, Side};
pub use film::{Film, Phantom, difference_mask};
pub use folder::{PhantomReport, PhantomRequest};
pub use prevalence::Prevalence;
pub use report::{Report, report};
