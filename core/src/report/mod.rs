//! Reports: the text that belongs to a film, and the text that Fluoro writes about one.
//!
//! Enters prose; leave its words and sentences ([`prose`]), what is affirmed, doubted and denied in it ([`scope`]), labels
//! ([`labeler`]), scores of one report against another ([`metrics`], [`mod@evaluate`]), and the wording of a report from
//! active features ([`compose`]) and its rewriting by a model that the user names ([`rewrite`]). Nothing here knows films, models or files.

pub mod compare;
pub mod compose;

pub mod evaluate;
pub mod labeler;
pub mod metrics;
pub mod phrase;
pub mod prose;
pub mod rewrite;
pub mod scope;
mod triggers;

pub use evaluate::{ReportScores, evaluate};
pub use labeler::{Label, Labeler, Mention, Vocabulary};
