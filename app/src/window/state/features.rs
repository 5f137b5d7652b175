//! The features panel's list: what the user set, and its last result. In: activations, labels, a search. Out: rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use poll_promise::Promise;
use serde::{Deserialize, Serialize};

pub use super::feature_order::{Column, Group, Grouping, Item, Shown, ShownGroup, SortKey, Sources};
use super::feature_order::{Names, arrange};

/// Lists up to this length are found within the frame; longer ones beside it.
const WITHIN_THE_FRAME: usize = 4096;

/// What the user set; a session keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeatureSettings {
    /// What was typed.
    pub search: String,
    /// Columns that decide the order, the first one first.
    pub sort: Vec<SortKey>,
    /// Features that stay on top.
    pub pins: BTreeSet<usize>,
    /// Features that are not listed.
    pub hidden: BTreeSet<usize>,
    /// They are listed after all.
    pub shows_hidden: bool,
    /// Only features that fire on this film are listed.
    pub only_firing: bool,
    /// Which groups are shown.
    pub grouping: Grouping,
    /// Groups that the user made.
    pub groups: Vec<Group>,
    /// Names of groups that are folded.
    pub folded: BTreeSet<String>,
}

impl Default for FeatureSettings {
    fn default() -> Self {
        Self {
            search: String::new(),
            sort: vec![Column::Activation.first_key()],
            pins: BTreeSet::new(),
            hidden: BTreeSet::new(),
            shows_hidden: false,
            only_firing: false,
            grouping: Grouping::Nothing,
            groups: Vec::new(),
            folded: BTreeSet::new(),
        }
    }
}

impl FeatureSettings {
    /// A click on a column's head: that column alone decides; again, the other way. With `is_added` it decides among
    /// those that the columns before leave equal.
    pub fn sort_by(&mut self, column: Column, is_added: bool) {
        let place = self.sort.iter().position(|key| key.column == column);
        match (is_added, place) {
            (true, Some(place)) => self.sort[place].falling = !self.sort[place].falling,
            (true, None) => self.sort.push(column.first_key()),
            (false, Some(0)) => {
                let falling = !self.sort[0].falling;
                self.sort = vec![SortKey { column, falling }];
            }
            (false, _) => self.sort = vec![column.first_key()],
        }
    }

    /// Puts features into a group of this name, which is made where there is none.
    pub fn group(&mut self, name: &str, features: impl IntoIterator<Item = usize>) {
        let known = self.groups.iter().position(|group| group.name == name);
        let place = known.unwrap_or_else(|| {
            self.groups.push(Group { name: name.to_owned(), ..Group::default() });
            self.groups.len() - 1
        });
        self.groups[place].members.extend(features);
        self.grouping = Grouping::Own;
    }

    /// Takes features out of a group; an empty one is gone.
    pub fn ungroup(&mut self, name: &str, features: &[usize]) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.name == name) {
            group.members.retain(|member| !features.contains(member));
        }
        self.groups.retain(|group| !group.members.is_empty());
    }

    /// Names a group anew; not where another group has the name.
    pub fn rename_group(&mut self, old: &str, new: &str) {
        let new = new.trim();
        if new.is_empty() || self.groups.iter().any(|group| group.name == new) {
            return;
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.name == old) {
            group.name = new.to_owned();
        }
        if self.folded.remove(old) {
            self.folded.insert(new.to_owned());
        }
    }

    /// Folds a group, or unfolds it.
    pub fn toggle_fold(&mut self, name: &str) {
        if !self.folded.remove(name) {
            self.folded.insert(name.to_owned());
        }
    }

    /// Another bundle is open: its features are other features.
    pub fn forget_features(&mut self) {
        let sort = std::mem::take(&mut self.sort);
        *self = Self { sort, only_firing: self.only_firing, ..Self::default() };
    }
}

/// A name that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typing {
    /// A feature's activation.
    Value(usize, String),
    /// A new group for these features.
    NewGroup(Vec<usize>, String),
    /// Another name for a group.
    Rename(String, String),
}

/// What the list depends on; two that are equal give the same list.
#[derive(Clone, PartialEq)]
struct Key {
    film: u64,
    labels: usize,
    edited: BTreeSet<usize>,
    settings: FeatureSettings,
}

struct Found {
    key: Key,
    shown: Arc<Shown>,
    names: Arc<Names>,
    milliseconds: f32,
}

/// The list's settings, which it lends as its own fields, and its last result.
#[derive(Default)]
pub struct FeatureList {
    /// What the user set.
    pub settings: FeatureSettings,
    /// The search field asks for the keyboard.
    pub wants_focus: bool,
    /// Features that are chosen, for what the menu does with several.
    pub chosen: BTreeSet<usize>,
    /// The last one, from which a click with Shift reaches.
    pub anchor: Option<usize>,
    /// A number or a name that is being typed.
    pub typing: Option<Typing>,
    /// Quantiles of an open store's features, where the bundle has none.
    pub store_ticks: BTreeMap<usize, Vec<f32>>,
    /// Time that the last list took, in milliseconds, and how many features it was made from.
    pub last_time: Option<(f32, usize)>,
    shown: Arc<Shown>,
    key: Option<Key>,
    names: Option<(usize, Arc<Names>)>,
    finding: Option<Promise<Found>>,
    renamed: usize,
}

impl Deref for FeatureList {
    type Target = FeatureSettings;

    fn deref(&self) -> &FeatureSettings {
        &self.settings
    }
}

impl DerefMut for FeatureList {
    fn deref_mut(&mut self) -> &mut FeatureSettings {
        &mut self.settings
    }
}

impl FeatureList {
    /// Labels have changed: the order is found again.
    pub fn forget_order(&mut self) {
        self.renamed += 1;
        self.store_ticks.clear();
    }

    /// Another bundle is open: nothing that names a feature holds any more.
    pub fn forget_features(&mut self) {
        self.settings.forget_features();
        self.chosen.clear();
        (self.anchor, self.typing, self.finding, self.key) = (None, None, None, None);
        self.shown = Arc::default();
        self.forget_order();
    }

    /// The list is being found beside the frame.
    pub fn is_busy(&self) -> bool {
        self.finding.is_some()
    }

    /// The list: found once for each film and setting, so that fifty thousand features cost nothing while they are
    /// scrolled. A long one is found beside the frame, and the one before stays until then. `film` is the number of the
    /// film's picture.
    pub fn update(&mut self, film: u64, sources: &Sources, wake: impl Fn() + Send + 'static) -> Arc<Shown> {
        let count = sources.analysis.activations.len();
        match self.finding.take().map(Promise::try_take) {
            Some(Ok(found)) => self.take(found, count),
            Some(Err(waiting)) => self.finding = Some(waiting),
            None => {}
        }
        let is_known = self.key.as_ref().is_some_and(|key| {
            key.film == film
                && key.labels == self.renamed
                && key.edited == sources.edited
                && key.settings == self.settings
        });
        if is_known || self.finding.is_some() {
            return Arc::clone(&self.shown);
        }
        let key = Key { film, labels: self.renamed, edited: sources.edited.clone(), settings: self.settings.clone() };
        let names =
            self.names.as_ref().filter(|(renamed, _)| *renamed == self.renamed).map(|(_, names)| Arc::clone(names));
        let (sources, is_first) = (sources.clone(), self.key.as_ref().is_none_or(|old| old.labels != key.labels));
        let find = move || {
            let start = Instant::now();
            let names = names.unwrap_or_else(|| Arc::new(Names::new(&sources.named)));
            let shown = Arc::new(arrange(&key.settings, &sources.inputs(), &names));
            Found { key, shown, names, milliseconds: start.elapsed().as_secs_f32() * 1e3 }
        };
        if count <= WITHIN_THE_FRAME {
            let found = find();
            self.take(found, count);
        } else {
            if is_first {
                // The rows before may be of features that this bundle does not have.
                self.shown = Arc::default();
            }
            self.finding = Some(Promise::spawn_thread("fluoro-features", move || {
                let found = find();
                wake();
                found
            }));
        }
        Arc::clone(&self.shown)
    }

    fn take(&mut self, found: Found, count: usize) {
        self.names = Some((found.key.labels, found.names));
        self.last_time = Some((found.milliseconds, count));
        (self.shown, self.key) = (found.shown, Some(found.key));
    }

    /// The features listed, each once.
    pub fn listed(&self) -> Vec<usize> {
        let listed: BTreeSet<usize> = self.shown.items.iter().filter_map(|item| item.feature()).collect();
        listed.into_iter().collect()
    }

    /// A click on a feature's name: it alone is chosen; with `is_added` it joins or leaves; with `reaches` all from the
    /// one before to this one are.
    pub fn choose(&mut self, index: usize, is_added: bool, reaches: bool) {
        let place = |wanted: usize| self.shown.items.iter().position(|item| item.feature() == Some(wanted));
        match (reaches, self.anchor.and_then(place), place(index)) {
            (true, Some(from), Some(to)) => {
                let items = &self.shown.items[from.min(to)..=from.max(to)];
                self.chosen.extend(items.iter().filter_map(|item| item.feature()));
            }
            _ if is_added => {
                if !self.chosen.remove(&index) {
                    self.chosen.insert(index);
                }
                self.anchor = Some(index);
            }
            _ => {
                let is_only = self.chosen.len() == 1 && self.chosen.contains(&index);
                self.chosen.clear();
                if !is_only {
                    self.chosen.insert(index);
                }
                self.anchor = Some(index);
            }
        }
    }

    /// The features that a menu of this one acts on: those chosen where it is among them, else it alone.
    pub fn acted_on(&self, index: usize) -> Vec<usize> {
        if self.chosen.contains(&index) { self.chosen.iter().copied().collect() } else { vec![index] }
    }
}
