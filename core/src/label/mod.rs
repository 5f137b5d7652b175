//! What a feature stands for, in words taken from the reports of the films that it is active on.
//!
//! Enter the reports (or the table's columns) of a feature's top films and of random films; leave ranked short labels with
//! their counts ([`candidates`], [`columns`]), and for films that were not used to choose a label how well it tells where
//! the feature is active ([`detection`]). No model is asked, unless the user wants the bundle's own text tower ([`words`]) or
//! names one ([`endpoint`]). Knows no tensors.

pub mod columns;
pub mod concepts;
pub mod detection;
pub mod endpoint;
pub mod job;
mod lexicon;
mod odds;
pub mod openai;
mod rank;
pub mod stored;
mod threshold;
mod together;
pub mod words;

use serde::{Deserialize, Serialize};

pub use job::{LabelJob, LabelOptions};
pub use rank::{Limits, candidates};
pub use stored::{FeatureLabel, Labels};

/// What a label says of a film; it can be tried on any report or row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statement {
    /// The report affirms these words (in their folded form, see [`concepts`]).
    Affirms(String),
    /// The report denies these words.
    Denies(String),
    /// The labeler finds this class.
    HasClass(String),
    /// The labeler finds this class denied.
    LacksClass(String),
    /// A column that is yes or no has this value.
    Flag {
        /// The column.
        column: String,
        /// The value.
        value: bool,
    },
    /// The film lies nearer to one sentence than to another, in the space that the encoder shares with texts.
    Resembles {
        /// The sentence.
        sentence: String,
        /// The sentence that it is held against.
        neutral: String,
        /// What the difference of the two cosines is above.
        limit: f32,
    },
    /// A column of numbers is above a limit, or not.
    Above {
        /// The column.
        column: String,
        /// The limit.
        limit: f64,
        /// Whether it is above.
        value: bool,
    },
}

/// What kind of thing a label was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CandidateKind {
    /// Words that reports affirm.
    Phrase,
    /// A class of the vocabulary that reports affirm.
    Class,
    /// Words or a class that reports deny: a feature of normality.
    Absence,
    /// A column of the table.
    Column,
    /// Words that a text tower finds the films like.
    Words,
}

/// How often a statement holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Top films where it holds.
    pub top: usize,
    /// Top films that say anything (reports with words, rows with a value).
    pub top_all: usize,
    /// Random films where it holds.
    pub random: usize,
    /// Random films that say anything.
    pub random_all: usize,
}

/// One possible label of a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelCandidate {
    /// A short noun phrase, such as "right pleural effusion" or "no pneumothorax".
    pub text: String,
    /// What it was made of.
    pub kind: CandidateKind,
    /// The z-score of the log-odds of top against random films; above 0.
    pub weight: f64,
    /// Its counts.
    pub evidence: Evidence,
    /// What has to hold for the label to hold.
    pub statement: Statement,
}
