//! A feature's gallery: its page in an activation store, with the pictures of its films.
//!
//! In: a store, the folder of its films and, where there is one, the manifest of its bundle, which knows how the films were
//! seen and where tokens lie. Out: a [`FeatureSheet`]. Films that cannot be read any more leave an empty place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::bundle::Manifest;
use crate::error::{Error, Result};
use crate::export::feature_sheet::{FeatureSheet, ProfileBar, SheetFilm, shown};
use crate::plane::Plane;
use crate::preprocess::Preprocess;
use crate::radiograph::Radiograph;
use crate::render::{Resample, resize};
use crate::store::{FeaturePage, FeatureRows, PageFilm, Store};

/// Where a gallery's pictures come from.
pub struct Gallery<'a> {
    /// The store.
    pub store: &'a Store,
    /// The bundle that made it.
    pub manifest: Option<&'a Manifest>,
    /// The dataset's folder.
    pub films: PathBuf,
}

impl<'a> Gallery<'a> {
    /// A gallery of the films where they were when they were encoded, or in `films`.
    ///
    /// # Errors
    /// When the bundle did not make the store.
    pub fn new(store: &'a Store, manifest: Option<&'a Manifest>, films: Option<&Path>) -> Result<Self> {
        if let Some(manifest) = manifest
            && manifest.encoding_hash() != store.info().bundle_hash
        {
            let reason = format!(
                "the store was made by another bundle ({}) than \"{}\"; name that one with --bundle, or encode again",
                store.info().bundle,
                manifest.name
            );
            return Err(Error::store(store.folder(), reason));
        }
        let films = films.map_or_else(|| PathBuf::from(&store.info().dataset), Path::to_path_buf);
        Ok(Self { store, manifest, films })
    }

    /// The sheet of a feature.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged.
    pub fn sheet(&self, page: &FeaturePage, label: Option<&str>) -> Result<FeatureSheet> {
        let feature = page.statistics.feature;
        let mut pictures = self.pictures(page)?.into_iter();
        let top = pictures.by_ref().take(page.top.len()).collect();
        let groups = page
            .groups
            .iter()
            .map(|group| {
                let title = format!("{} to {}", shown(group.from), shown(group.to));
                (title, pictures.by_ref().take(group.films.len()).collect())
            })
            .collect();
        let info = self.store.info();
        let bars = Self::profile(page);
        Ok(FeatureSheet {
            heading: label.map_or_else(|| format!("feature {feature}"), |label| format!("feature {feature}, {label}")),
            caption: format!("{} films of {}, bundle {}", self.store.films_len(), info.dataset, info.bundle),
            facts: facts(page, self.store),
            histogram: page.statistics.histogram.clone(),
            max: page.statistics.max,
            top,
            groups,
            profile: bars,
            neighbours: page.neighbours.iter().map(|other| self.neighbour(other.feature, other.cosine)).collect(),
        })
    }

    /// The page's films as the SAE's encoder saw them: the strongest, then those of each group.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged; a film that cannot be read is an empty place.
    pub fn pictures(&self, page: &FeaturePage) -> Result<Vec<SheetFilm>> {
        self.pictures_of(page.statistics.feature, &page.films().cloned().collect::<Vec<_>>())
    }

    /// Any films as the SAE's encoder saw them, with the places where a feature fires on them.
    ///
    /// # Errors
    /// When there is no such feature, or the store is damaged; a film that cannot be read is an empty place.
    pub fn pictures_of(&self, feature: u32, films: &[PageFilm]) -> Result<Vec<SheetFilm>> {
        let is_placed = self.manifest.is_some_and(|manifest| manifest.sae_latent().grid.is_some());
        let rows = is_placed.then(|| self.store.feature(feature)).transpose()?;
        Ok(films.par_iter().map(|film| self.film(film, rows.as_ref())).collect())
    }

    /// A film as the SAE's encoder saw it and, given the feature's rows, where it fires on it.
    fn film(&self, film: &PageFilm, rows: Option<&FeatureRows>) -> SheetFilm {
        let how = self.manifest.map_or_else(Preprocess::default, |manifest| {
            manifest.sae_encoder.as_ref().map_or(manifest.encoder_input(), |part| &part.preprocess).clone()
        });
        let picture = Radiograph::open(&self.films.join(&film.path)).ok().map(|film| how.apply(&film));
        let grid = self.manifest.and_then(|manifest| manifest.sae_latent().grid);
        let places = picture.as_ref().zip(grid).zip(rows).map(|((picture, [height, width]), rows)| {
            let own = rows.of(film.film);
            let cells: BTreeMap<usize, f32> = own.map(|(token, value)| (token as usize, value)).collect();
            let map = Plane::from_fn(width, height, |x, y| cells.get(&(y * width + x)).copied().unwrap_or(0.0));
            resize(&map, picture.width(), picture.height(), Resample::Smooth).map(|value| value.max(0.0))
        });
        SheetFilm { picture, places, value: film.value }
    }

    /// The columns that differ most between the strongest films and all, in units of the interval's width.
    #[must_use]
    pub fn profile(page: &FeaturePage) -> Vec<ProfileBar> {
        let mut bars: Vec<(f64, ProfileBar)> = page
            .profile
            .iter()
            .filter(|column| column.top.known > 0 && column.base.known > 0)
            .map(|column| {
                let (top, base) = (column.top, column.base);
                let lift = (top.share - base.share).abs() / (top.high - top.low).max(1e-6);
                let interval = [top.low, top.high];
                (lift, ProfileBar { column: column.column.clone(), top: top.share, interval, base: base.share })
            })
            .collect();
        bars.sort_by(|a, b| b.0.total_cmp(&a.0));
        bars.into_iter().map(|(_, bar)| bar).collect()
    }

    /// A feature that fires with the page's, in words.
    fn neighbour(&self, feature: u32, cosine: f64) -> String {
        let known = self.manifest.and_then(|manifest| manifest.sae.as_ref());
        let label = known.and_then(|sae| sae.features.get(feature as usize)).and_then(|feature| feature.label.as_ref());
        let label = label.map_or_else(String::new, |label| format!(" {label}"));
        format!("{feature}{label}, cosine {cosine:.2}")
    }
}

/// A page's numbers, each with its name.
#[must_use]
pub fn facts(page: &FeaturePage, store: &Store) -> Vec<(String, String)> {
    let of = &page.statistics;
    let mut facts = vec![
        (
            "fires on".to_owned(),
            format!("{} of {} films, {:.1} %", of.films, store.films_len(), 100.0 * of.firing_rate),
        ),
        ("strongest".to_owned(), shown(of.max)),
        ("mean where it fires".to_owned(), shown(of.mean as f32)),
    ];
    if of.films > 0 && store.info().tokens > 1 {
        facts.push(("tokens on such a film".to_owned(), format!("{:.1}", of.rows as f64 / of.films as f64)));
    }
    facts
}
