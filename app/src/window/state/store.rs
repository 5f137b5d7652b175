//! An open activation store and the page of one of its features. Both are read on threads of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};
use fluoro_core::bundle::Manifest;
use fluoro_core::export::feature_sheet::ProfileBar;
use fluoro_core::gallery::{Gallery, facts};
use fluoro_core::label::{FeatureLabel, Labels};
use fluoro_core::store::{FeaturePage, Notes, Store};
use poll_promise::Promise;

use super::kept::Kept;
use super::problem::Problem;

/// A store with what people and programs said of its features.
pub struct OpenStore {
    /// The tables.
    pub store: Arc<Store>,
    /// Labels, where it was labelled.
    pub labels: Option<Arc<Labels>>,
    /// Why labels that are there cannot be used; the store is looked at without them.
    pub label_problem: Option<Problem>,
    /// Notes, to be changed.
    pub notes: Notes,
    /// A note was changed and not yet written.
    pub is_noted: bool,
    /// Why the notes could not be written.
    pub note_problem: Option<Problem>,
}

impl OpenStore {
    /// Writes the notes into the store.
    pub fn write_notes(&mut self) {
        let written = self.notes.write(self.store.folder());
        self.note_problem = written.err().map(|error| Problem::new("The note could not be kept", &error));
        self.is_noted = false;
    }
}

/// A feature's page with its pictures.
pub struct Page {
    /// Numbers, films, neighbours.
    pub page: FeaturePage,
    /// Its numbers in words.
    pub facts: Vec<(String, String)>,
    /// Columns in which its strongest films differ most.
    pub profile: Vec<ProfileBar>,
    /// Pictures in the order of [`FeaturePage::films`]; none of a film that cannot be read.
    pub pictures: Vec<Option<TextureHandle>>,
}

struct Made {
    page: FeaturePage,
    facts: Vec<(String, String)>,
    profile: Vec<ProfileBar>,
    pictures: Vec<Option<ColorImage>>,
}

/// What is shown, and what is on its way.
#[derive(Default)]
pub struct StoreState {
    /// The store.
    pub open: Option<OpenStore>,
    /// Why the last one could not be opened.
    pub problem: Option<Problem>,
    /// The feature whose page is wanted.
    pub feature: u32,
    /// Its page, or the one before while it is made.
    pub page: Option<Page>,
    /// Why its page could not be made.
    pub page_problem: Option<Problem>,
    /// Whether the open bundle made the open store.
    pub is_own: bool,
    /// What the list of features is searched for.
    pub search: String,
    /// The list of features, found once for each search, film and store.
    pub listed: Kept<(String, u64), (Vec<u32>, &'static str)>,
    /// The films of the bundle are shown, though a store is open.
    pub is_hidden: bool,
    /// The feature to show once the store is open.
    pub wanted_first: Option<u32>,
    opening: Option<Promise<Result<OpenStore, Problem>>>,
    making: Option<(u32, Promise<Result<Made, Problem>>)>,
    /// Side of the pictures in pixels.
    wanted_side: usize,
}

impl StoreState {
    /// Whether something is being read.
    pub fn is_busy(&self) -> bool {
        self.opening.is_some() || self.making.is_some()
    }

    /// Whether a store is being opened.
    pub fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Opens a store.
    pub fn open(&mut self, folder: PathBuf, wake: impl Fn() + Send + 'static) {
        self.problem = None;
        self.opening = Some(Promise::spawn_thread("fluoro-store", move || {
            let found = open(&folder);
            wake();
            found.map_err(|error| Problem::new("The store could not be opened", &error))
        }));
    }

    /// Makes the page of the wanted feature, unless it is there or on its way. Pictures have `side` pixels.
    pub fn want_page(
        &mut self,
        open: &OpenStore,
        manifest: Option<Arc<Manifest>>,
        side: usize,
        wake: impl Fn() + Send + 'static,
    ) {
        let known = self.page.as_ref().is_some_and(|page| page.page.statistics.feature == self.feature);
        let same_side = self.wanted_side == side;
        if self.making.is_some() || (known && same_side) || (self.page_problem.is_some() && same_side) {
            return;
        }
        let (store, feature) = (Arc::clone(&open.store), self.feature);
        let manifest = manifest.filter(|manifest| manifest.encoding_hash() == store.info().bundle_hash);
        self.wanted_side = side;
        let make = move || {
            let made = make(&store, feature, manifest.as_deref(), side);
            wake();
            made.map_err(|error| Problem::new("The page of this feature could not be read", &error))
        };
        self.making = Some((feature, Promise::spawn_thread("fluoro-page", make)));
    }

    /// The page of the wanted feature, once it is there.
    pub fn shown_page(&self) -> Option<&Page> {
        self.page.as_ref().filter(|page| page.page.statistics.feature == self.feature)
    }

    /// Writes notes that were not written yet.
    pub fn keep_notes(&mut self) {
        if let Some(open) = self.open.as_mut().filter(|open| open.is_noted) {
            open.write_notes();
        }
    }

    /// Shows the page of another feature.
    pub fn show_feature(&mut self, feature: u32) {
        (self.feature, self.page_problem, self.is_hidden) = (feature, None, false);
    }

    /// The pages are to be made again: another bundle is open.
    pub fn forget_pages(&mut self) {
        (self.page, self.page_problem, self.making) = (None, None, None);
        self.listed = Kept::default();
    }

    /// Takes what was read. True when a store was opened.
    pub fn take(&mut self, ctx: &egui::Context) -> bool {
        let mut opened = false;
        match self.opening.take().map(Promise::try_take) {
            Some(Ok(Ok(open))) => {
                self.keep_notes();
                let wanted = self.wanted_first.filter(|feature| *feature < open.store.info().features);
                *self = Self { open: Some(open), ..Self::default() };
                self.feature = wanted.unwrap_or_else(|| self.first_feature());
                opened = true;
            }
            Some(Ok(Err(problem))) => self.problem = Some(problem),
            Some(Err(waiting)) => self.opening = Some(waiting),
            None => {}
        }
        match self.making.take().map(|(feature, making)| (feature, making.try_take())) {
            Some((feature, Ok(made))) if feature == self.feature => match made {
                Ok(made) => self.page = Some(page(ctx, made)),
                Err(problem) => self.page_problem = Some(problem),
            },
            Some((_, Ok(_))) | None => {}
            Some((feature, Err(waiting))) => self.making = Some((feature, waiting)),
        }
        opened
    }

    /// The feature that fires on half of the films or fewer and whose label is best, else the one that fires on most films without firing on all.
    fn first_feature(&self) -> u32 {
        let Some(open) = &self.open else { return 0 };
        let best = open.labels.as_ref().and_then(|labels| {
            let auc = |label: &FeatureLabel| label.detection.auc.value.unwrap_or(0.0);
            let summaries = open.store.summaries().unwrap_or_default();
            let is_selective = |label: &&FeatureLabel| {
                summaries.get(label.feature as usize).is_some_and(|summary| 2 * summary.films <= open.store.films_len())
            };
            labels.iter().filter(is_selective).max_by(|a, b| auc(a).total_cmp(&auc(b))).map(|label| label.feature)
        });
        let films = open.store.films_len();
        let commonest = || {
            let summaries = open.store.summaries().unwrap_or_default();
            let half = summaries.iter().enumerate().filter(|(_, summary)| 2 * summary.films <= films);
            half.max_by_key(|(_, summary)| summary.films).map_or(0, |(feature, _)| feature as u32)
        };
        best.unwrap_or_else(commonest)
    }
}

fn open(folder: &Path) -> fluoro_core::Result<OpenStore> {
    let store = Store::open(folder)?;
    let (labels, label_problem) = match Labels::of_store(&store) {
        Ok(labels) => (labels.map(Arc::new), None),
        Err(error) => (None, Some(Problem::new("The labels of the store cannot be used", &error))),
    };
    let notes = Notes::read(folder)?;
    store.summaries()?;
    Ok(OpenStore { store: Arc::new(store), labels, label_problem, notes, is_noted: false, note_problem: None })
}

fn make(store: &Store, feature: u32, manifest: Option<&Manifest>, side: usize) -> fluoro_core::Result<Made> {
    let page = FeaturePage::read(store, feature)?;
    let gallery = Gallery::new(store, manifest, None)?;
    let image = |rgba: Vec<u8>| ColorImage::from_rgba_premultiplied([side, side], &rgba);
    let pictures = gallery.pictures(&page)?.iter().map(|film| film.tile(side as u32).map(image)).collect();
    Ok(Made { facts: facts(&page, store), profile: Gallery::profile(&page), pictures, page })
}

fn page(ctx: &egui::Context, made: Made) -> Page {
    let load = |picture: ColorImage| ctx.load_texture("feature page", picture, TextureOptions::LINEAR);
    let pictures = made.pictures.into_iter().map(|picture| picture.map(load)).collect();
    Page { page: made.page, facts: made.facts, profile: made.profile, pictures }
}
