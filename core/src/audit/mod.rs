//! The confounder audit: does a model read anatomy or the sticker.
//!
//! In: an activation store, a metadata table, and the store's bundle. Out: an [`Audit`], its [`page`] and tables.
//!
//! - [`audit()`] audits columns from end to end; [`words`] says what that shows, [`page`] writes it down;
//! - detection, on data alone: [`table`] reads the metadata, [`films`] joins it with a store's films, [`mod@column`] says what a
//!   column is, [`detection`] which features follow it, by [`ranking`] and [`statistics`]; [`baseline`] says how far trivial
//!   signals get, [`domain`] and [`gap`] what latents, features and predictions give away and lose between groups;
//! - [`usage`]: what taking features out of the latent does to predictions, against controls;
//! - [`injection`]: what drawn markers do, and what taking them away does; [`maps`]: where evidence lies, by group.

pub mod baseline;
pub mod bootstrap;
pub mod column;
pub mod detection;
pub mod domain;
mod drawn;
mod files;
pub mod films;
pub mod folds;
pub mod gap;
pub mod injection;
pub mod logistic;
pub mod maps;
pub mod outcome;
pub mod page;
mod prepared;
pub mod probe;
pub mod ranking;
mod removal;
mod request;
mod result;
mod run;
mod sample;
pub mod special;
pub mod statistics;
pub mod table;
pub mod usage;
pub mod words;

pub use drawn::DrawnMarkers;
pub use files::AuditFiles;
pub use removal::carriers;
pub use request::AuditRequest;
pub use result::{Audit, ColumnAudit, EXAMPLE_SIDE, Example, Judged, LabelBaseline, NotDone};
pub use run::audit;
