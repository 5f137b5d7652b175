//! The activation store: the sparse activations of a dataset on disk, in Parquet that pandas, Polars and DuckDB read.
//!
//! In: one [`FilmEncoding`] a film, in the dataset's order. Out: a folder that [`Store`] answers from by reading single
//! pages, never a whole file. Nothing here knows a tensor, a bundle or a window.
//!
//! | file | rows | columns |
//! |---|---|---|
//! | `store.ron` | | [`Manifest`]: what was encoded, counts, and the seal of each file; written last |
//! | `films.parquet` | a film without error, by film | `film`, `path`, `patient`, then each column of the dataset |
//! | `failed.parquet` | a film that could not be read | `film`, `path`, `error` |
//! | `activations.parquet` | value > 0, by feature, film, token | `feature`, `film`, `token`, `value` |
//! | `film_features.parquet` | film activation, by film, feature | `film`, `feature`, `token`, `value` |
//! | `features.parquet` | a feature, dead ones too | see [`FeatureStatistics`] |
//! | `latents.parquet` | a token, by film, token; optional | `film`, `token`, `latent` |
//! | `blocks.bin` | | digest of each 32 KiB of the files above |
//! | `labels.ron`, `notes.ron` | a feature | what it stands for, and what people wrote about it; added later |
//!
//! `film` is the film's position in the dataset's list, the same in a shard as in the whole. `film_features.parquet`
//! says nothing that `activations.parquet` does not, but in the other order: what is active on one film, which
//! co-activation and a search by the open film ask. It keeps the strongest token of each feature only, so it is the
//! smaller of the two.
//!
//! While films are encoded the folder holds `parts/`: see [`StoreWriter`]. [`merge()`] joins the stores of shards.

mod assemble;
mod blocks;
mod columns;
mod feature_page;
mod films;
mod info;
mod made_up;
mod merge;
mod merging;
mod neighbours;
mod notes;
mod reader;
#[cfg(test)]
mod resealed;
mod rows;
mod segment;
mod sources;
mod statistics;
mod table;
mod table_writer;
mod writer;

pub(crate) use blocks::read_at;
pub use feature_page::{FeaturePage, MetadataShare, PageFilm, QuantileGroup, Share};
pub use films::{FailedFilm, FilmEntry, FilmFeature};
pub use info::{ColumnSummary, FileSeal, Manifest, Shard, StoreInfo, VERSION};
pub use made_up::MadeUp;
pub use merge::merge;
pub use neighbours::Neighbour;
pub use notes::Notes;
pub use reader::{FeatureRows, FeatureSummary, Store};
pub use statistics::{BINS, FeatureStatistics, QUANTILES};
pub use writer::{FilmEncoding, StoreWriter};

/// The manifest's file; a folder that holds it is a finished store.
const MANIFEST: &str = "store.ron";
/// Digests of all blocks of all other files.
const BLOCKS: &str = "blocks.bin";
const FILMS: &str = "films.parquet";
const FAILED: &str = "failed.parquet";
const ACTIVATIONS: &str = "activations.parquet";
const FILM_FEATURES: &str = "film_features.parquet";
const FEATURES: &str = "features.parquet";
const LATENTS: &str = "latents.parquet";
/// Unfinished work.
const PARTS: &str = "parts";
