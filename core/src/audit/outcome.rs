//! What an audit found, as plain numbers with their counts.
//!
//! Filled by [`super::detection`]; read by reports, windows and JSON. Nothing here computes.

use serde::Serialize;

use super::column::ColumnKind;
use super::ranking::Counts;
use crate::metrics::Estimate;
use crate::store::Share;

/// Which features follow a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionTable {
    /// The column.
    pub column: String,
    /// What kind it is.
    pub kind: ColumnKind,
    /// Its groups, the one that is asked for first; none of a column of numbers.
    pub groups: Vec<GroupCount>,
    /// Films with a value.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Films without a value, left out.
    pub missing: usize,
    /// Features that fire on at least one of the films: the rows, and the tests that q is over.
    pub features: usize,
    /// Features that fire on none of them, left out.
    pub silent: usize,
    /// How intervals and p are computed, in a sentence.
    pub method: String,
    /// Coverage of the intervals, such as 0.95.
    pub level: f64,
    /// Strongest films of a feature that [`GroupRow::top`] looks at.
    pub top: usize,
    /// The finding whose strata are shown, if one was asked for.
    pub finding: Option<FindingCounts>,
    /// What a reader should know, in sentences.
    pub notes: Vec<String>,
    /// Features, those that follow the column most closely first: by |AUC - 1/2|, or |rho| of numbers.
    pub rows: Vec<DetectionRow>,
}

/// A group of films.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupCount {
    /// Its name.
    pub name: String,
    /// Its patients.
    pub patients: usize,
    /// Its films among all with a value: the base rate.
    pub share: Share,
}

/// Films with a value in both the column and a finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingCounts {
    /// The finding's column.
    pub name: String,
    /// Films with the finding.
    pub with: usize,
    /// Films without.
    pub without: usize,
    /// Films for which the finding is not known.
    pub missing: usize,
}

/// A feature against a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionRow {
    /// The feature.
    pub feature: u32,
    /// Two-sided p that the table's `method` describes: of all groups together, or of the correlation.
    pub p: f64,
    /// The same p with films taken as independent: Mann-Whitney's, Kruskal-Wallis's, or Spearman's.
    pub p_films: f64,
    /// Benjamini and Hochberg's q over the table's features.
    pub q: f64,
    /// Films on which it fires.
    pub fires: Share,
    /// By group, in the table's order; none of a column of numbers.
    pub groups: Vec<GroupRow>,
    /// The first of two groups against the second; of more groups, that one against the rest whose AUC is farthest from 1/2.
    pub comparison: Option<Comparison>,
    /// Of more than two groups, each against the rest.
    pub each: Vec<Comparison>,
    /// Kruskal and Wallis's H over more than two groups; none where the feature does not vary.
    pub kruskal_h: Option<f64>,
    /// Spearman's rho with a column of numbers.
    pub correlation: Option<Estimate>,
    /// A column of numbers among the strongest films.
    pub top_mean: Option<TopMean>,
    /// The same comparison among films with the finding, then among films without.
    pub strata: Vec<Stratum>,
    /// The feature against the finding itself: films with it against films without.
    pub finding: Option<Comparison>,
}

/// A feature on the films of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRow {
    /// The group.
    pub name: String,
    /// Films of the group on which the feature fires: the firing rate.
    pub fires: Share,
    /// Films of the group among the feature's strongest films: to be held against [`GroupCount::share`].
    pub top: Share,
}

/// Two groups of films by one number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The group whose films should score higher.
    pub group: String,
    /// The group it is held against.
    pub against: String,
    /// Chance that a film of `group` scores above one of `against`, ties half.
    pub auc: Estimate,
    /// Films and patients of the two.
    pub counts: Counts,
    /// Cohen's d, pooled standard deviation; none where scores do not vary within the groups.
    pub cohens_d: Option<f64>,
    /// Rank-biserial correlation, which is Cliff's delta: 2 AUC - 1.
    pub rank_biserial: f64,
    /// Two-sided p.
    pub p: f64,
    /// Mann-Whitney's p with films taken as independent.
    pub p_films: f64,
}

/// A comparison among films with a finding, or without.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stratum {
    /// Whether the films have the finding.
    pub present: bool,
    /// Films of it.
    pub films: usize,
    /// Groups compared; none where one of them has fewer than two patients, or the column holds numbers.
    pub comparison: Option<Comparison>,
    /// Spearman's rho with a column of numbers; none for fewer than four films.
    pub correlation: Option<Estimate>,
}

/// A column of numbers among a feature's strongest films.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TopMean {
    /// Its mean there.
    pub top: f64,
    /// Films there.
    pub films: usize,
    /// Its mean over all films with a value.
    pub base: f64,
}
