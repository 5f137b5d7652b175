//! Evaluation: how good an explanation is, as a number that can be wrong.
//!
//! In: a dataset whose truth is known and an engine. Out: rows of measures with their intervals.

pub mod faithfulness;
