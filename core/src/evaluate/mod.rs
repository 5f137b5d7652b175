//! Evaluation: how good an explanation is, as a number that can be wrong.
//!
//! In: a dataset whose truth is known and an engine. Out: rows of measures with their intervals.

use std::path::PathBuf;

use crate::attribution::{self, Attributor};
use crate::error::Result;

pub mod chart;
pub mod faithfulness;
pub mod iou;
pub mod report;
pub mod sanity;
mod spread;

pub use spread::Spread;

/// The attribution methods of these names; all of none.
fn methods(names: &[String]) -> Result<Vec<&'static dyn Attributor>> {
    if names.is_empty() {
        return Ok(attribution::METHODS.to_vec());
    }
    names.iter().map(|name| attribution::method(name)).collect()
}

fn folder_names(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}
