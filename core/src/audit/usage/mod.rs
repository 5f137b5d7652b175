//! Use: what features and directions do to predictions.
//!
//! A feature that tells a confounder shows that the latent knows of it, not that predictions rest on it. Here features are
//! removed, set or added to on every audited film, predictions are read again, and the change is held against what other
//! features of the same activation and random directions of the same length do.
//!
//! In: latents of films with patients, a group each and the truth where it is known; a [`UsageModel`]; [`UsageEdit`]s. Out:
//! a [`UsageTable`]. [`verdict`] says from one row whether the model uses what was edited. Nothing here knows a window or a
//! command line. The same films, edits and seed give the same numbers on any number of threads, also after an interruption.

mod edit;
mod films;
mod measure;
mod model;
mod performance;
mod rows;
mod state;
mod survey;
mod table;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use edit::{Direction, Operation, Target, UsageEdit};
pub use films::{AuditedFilm, FilmSource, LeftOut};
pub use measure::{UsageRequest, measure};
pub use model::{AskedLabel, LatentReader, SaeView, UsageModel};
pub use table::{
    Change, Contrast, ControlKind, Controls, EditSize, Gaps, GroupChange, GroupScores, Performance, Place, Residual,
    Scores, UsageRow, UsageTable,
};
pub use verdict::{Judgement, Verdict, VerdictRule, is_used};
