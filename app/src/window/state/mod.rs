//! What the window knows, apart from how it is drawn: films, edits, shifts, problems. No egui widget in here.

pub mod attribution;
pub mod audit;
pub mod edits;
pub mod features;
pub mod films;
pub mod gallery;
pub mod job;
pub mod kept;
pub mod notice;
pub mod performance;
pub mod problem;
pub mod recent;
pub mod report;
pub mod shift;
pub mod store;
pub mod toasts;
pub mod writing;
