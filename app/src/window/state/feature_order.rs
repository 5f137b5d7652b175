//! Which features the panel lists, and in which order. In: activations, labels, quantiles, a search, groups. Out: rows.
//! Knows no widget; with fifty thousand features it runs beside the frame.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fluoro_core::bundle::FeatureStatistics;
use fluoro_core::bundle::manifest::Feature;
use fluoro_core::engine::Analysis;
use serde::{Deserialize, Serialize};

use super::features::FeatureSettings;

/// What the list can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    /// Number.
    Index,
    /// Label; features without one last.
    Label,
    /// Activation on this film.
    Activation,
    /// Where that lies among the training films.
    Quantile,
}

impl Column {
    /// Every column, from left to right.
    pub const ALL: [Self; 4] = [Self::Index, Self::Label, Self::Activation, Self::Quantile];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Label => "label",
            Self::Activation => "activation",
            Self::Quantile => "quantile",
        }
    }

    /// Its key when it is first asked for: names and numbers from the low end, strengths from the high one.
    pub fn first_key(self) -> SortKey {
        SortKey { column: self, falling: matches!(self, Self::Activation | Self::Quantile) }
    }
}

/// One column that decides, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// Column.
    pub column: Column,
    /// Largest first.
    pub falling: bool,
}

/// Which groups the list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grouping {
    /// None: one list.
    #[default]
    Nothing,
    /// Groups that the user made.
    Own,
    /// Features that share a label.
    Labels,
}

impl Grouping {
    /// Every kind, as the menu shows them.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Own, Self::Labels];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no groups",
            Self::Own => "own groups",
            Self::Labels => "groups by label",
        }
    }
}

/// Features that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its features.
    pub members: BTreeSet<usize>,
}

/// One row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The head of a group, by its place among [`Shown::groups`].
    Group(usize),
    /// A feature.
    Feature(usize),
    /// A feature below the head of a group.
    Member(usize, usize),
}

impl Item {
    /// The feature of a row.
    pub fn feature(self) -> Option<usize> {
        match self {
            Self::Group(_) => None,
            Self::Feature(index) | Self::Member(index, _) => Some(index),
        }
    }
}

/// A group as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownGroup {
    /// Its name.
    pub name: String,
    /// All its features, listed or not.
    pub members: Vec<usize>,
    /// How many of them fire on the film.
    pub firing: usize,
    /// Its rows are folded away.
    pub is_folded: bool,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Rows from the top.
    pub items: Vec<Item>,
    /// Groups among them.
    pub groups: Vec<ShownGroup>,
    /// Features that match, whether their group is folded or not.
    pub matches: usize,
}

/// Labels in lower case, made once for each set of labels.
pub struct Names {
    labels: Vec<Option<String>>,
}

impl Names {
    /// Of these features.
    pub fn new(features: &[Feature]) -> Self {
        Self { labels: features.iter().map(|feature| feature.label.as_deref().map(str::to_lowercase)).collect() }
    }

    fn of(&self, index: usize) -> Option<&str> {
        self.labels.get(index).and_then(Option::as_deref)
    }
}

/// Everything that decides the list beside its settings, to be shared with a thread.
#[derive(Clone)]
pub struct Sources {
    /// The film.
    pub analysis: Arc<Analysis>,
    /// Features with their labels.
    pub named: Arc<Vec<Feature>>,
    /// Their statistics.
    pub statistics: Arc<FeatureStatistics>,
    /// Features that are edited: the filter for firing ones keeps them.
    pub edited: BTreeSet<usize>,
}

impl Sources {
    /// The same, to read.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            activations: &self.analysis.activations,
            named: &self.named,
            statistics: &self.statistics,
            edited: &self.edited,
        }
    }
}

/// Everything that decides the list beside its settings.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// Of the film.
    pub activations: &'a [f32],
    /// Features with their labels.
    pub named: &'a [Feature],
    /// Their statistics.
    pub statistics: &'a FeatureStatistics,
    /// Features that are edited: the filter for firing ones keeps them.
    pub edited: &'a BTreeSet<usize>,
}

/// One word of a search.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// The start of a number, or a part of a label.
    Text(String),
    /// This number.
    Number(usize),
    /// Activation within these ends, each with whether it belongs.
    Activation(Bound),
    /// Quantile, 0 to 1, likewise.
    Quantile(Bound),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    above: bool,
    or_equal: bool,
    value: f32,
}

impl Bound {
    fn holds(self, value: f32) -> bool {
        (if self.above { value > self.value } else { value < self.value }) || self.or_equal && value == self.value
    }
}

/// Reads a search: words, `#41`, `activation>2` or `a>2`, `quantile>90%` or `q>0.9`; all of them must hold.
fn terms(search: &str) -> Vec<Term> {
    let mut tight = String::with_capacity(search.len());
    for word in search.split_whitespace() {
        let is_joined = word.starts_with(['<', '>', '=']) || tight.ends_with(['<', '>', '=']);
        if !is_joined && !tight.is_empty() {
            tight.push(' ');
        }
        tight.push_str(&word.to_lowercase());
    }
    tight.split(' ').filter(|word| !word.is_empty()).map(term).collect()
}

fn term(word: &str) -> Term {
    if let Some(index) = word.strip_prefix('#').and_then(|digits| digits.parse().ok()) {
        return Term::Number(index);
    }
    let bound = |name: &str| {
        let rest = word.strip_prefix(name)?;
        let (above, rest) =
            rest.strip_prefix('>').map(|r| (true, r)).or_else(|| Some((false, rest.strip_prefix('<')?)))?;
        let (or_equal, rest) = rest.strip_prefix('=').map_or((false, rest), |rest| (true, rest));
        let (percent, digits) = rest.strip_suffix('%').map_or((false, rest), |rest| (true, rest));
        let value: f32 = digits.replace(',', ".").parse().ok()?;
        Some((Bound { above, or_equal, value }, percent))
    };
    if let Some((bound, _)) = bound("activation").or_else(|| bound("a")) {
        return Term::Activation(bound);
    }
    if let Some((bound, percent)) = bound("quantile").or_else(|| bound("q")) {
        let scale = if percent || bound.value > 1.0 { 0.01 } else { 1.0 };
        return Term::Quantile(Bound { value: bound.value * scale, ..bound });
    }
    Term::Text(word.to_owned())
}

impl Inputs<'_> {
    fn activation(&self, index: usize) -> f32 {
        self.activations.get(index).copied().unwrap_or(0.0)
    }

    fn quantile(&self, index: usize) -> Option<f32> {
        self.statistics.quantile(index, self.activation(index))
    }

    fn holds(&self, names: &Names, index: usize, term: &Term) -> bool {
        match term {
            Term::Text(text) => {
                names.of(index).is_some_and(|label| label.contains(text.as_str()))
                    || text.starts_with(|first: char| first.is_ascii_digit()) && index.to_string().starts_with(text)
            }
            Term::Number(number) => *number == index,
            Term::Activation(bound) => bound.holds(self.activation(index)),
            Term::Quantile(bound) => self.quantile(index).is_some_and(|quantile| bound.holds(quantile)),
        }
    }
}

/// Finds the list.
pub fn arrange(settings: &FeatureSettings, inputs: &Inputs<'_>, names: &Names) -> Shown {
    let terms = terms(&settings.search);
    let is_listed = |index: usize| {
        (settings.shows_hidden || !settings.hidden.contains(&index))
            && (!settings.only_firing
                || inputs.activation(index) > 0.0
                || inputs.edited.contains(&index)
                || settings.pins.contains(&index))
            && terms.iter().all(|term| inputs.holds(names, index, term))
    };
    let mut order: Vec<usize> = (0..inputs.activations.len()).filter(|&index| is_listed(index)).collect();
    sort(&mut order, &settings.sort, inputs, names);
    let matches = order.len();
    let (pinned, rest): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|index| settings.pins.contains(index));
    let mut shown = Shown { items: pinned.into_iter().map(Item::Feature).collect(), groups: Vec::new(), matches };
    let groups = match settings.grouping {
        Grouping::Nothing => Vec::new(),
        Grouping::Own => settings.groups.clone(),
        Grouping::Labels => by_label(inputs),
    };
    let mut groups_of: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, group) in groups.iter().enumerate() {
        group.members.iter().for_each(|&index| groups_of.entry(index).or_default().push(place));
    }
    let mut listed_in = vec![Vec::new(); groups.len()];
    let mut ungrouped = Vec::new();
    for index in rest {
        match groups_of.get(&index) {
            Some(places) => places.iter().for_each(|&place| listed_in[place].push(index)),
            None => ungrouped.push(index),
        }
    }
    for (group, listed) in groups.into_iter().zip(listed_in) {
        // A search leaves the groups in which it finds something; an own group that is empty can still be filled.
        if listed.is_empty() && (!terms.is_empty() || !group.members.is_empty() && settings.only_firing) {
            continue;
        }
        let is_folded = settings.folded.contains(&group.name);
        let place = shown.groups.len();
        shown.items.push(Item::Group(place));
        if !is_folded {
            shown.items.extend(listed.iter().map(|&index| Item::Member(index, place)));
        }
        let firing = group.members.iter().filter(|&&index| inputs.activation(index) > 0.0).count();
        let members = group.members.into_iter().collect();
        shown.groups.push(ShownGroup { name: group.name, members, firing, is_folded });
    }
    shown.items.extend(ungrouped.into_iter().map(Item::Feature));
    shown
}

/// A label without the number that tells it from others of its kind, such as `AP view` of `AP view 11`.
fn stem(label: &str) -> &str {
    match label.trim().rsplit_once(' ') {
        Some((stem, number)) if number.bytes().all(|digit| digit.is_ascii_digit()) => stem,
        _ => label.trim(),
    }
}

/// Labels that two features or more share, but for a number at their end.
fn by_label(inputs: &Inputs<'_>) -> Vec<Group> {
    let mut found: BTreeMap<String, Group> = BTreeMap::new();
    for (index, feature) in inputs.named.iter().enumerate().take(inputs.activations.len()) {
        if let Some(label) = &feature.label {
            let group = found.entry(stem(label).to_lowercase());
            let group = group.or_insert_with(|| Group { name: stem(label).to_owned(), ..Group::default() });
            group.members.insert(index);
        }
    }
    found.into_values().filter(|group| group.members.len() > 1).collect()
}

/// Sorts by the keys in their order, and by number in the end.
fn sort(order: &mut [usize], keys: &[SortKey], inputs: &Inputs<'_>, names: &Names) {
    let needs_quantiles = keys.iter().any(|key| key.column == Column::Quantile);
    let count = if needs_quantiles { inputs.activations.len() } else { 0 };
    // Each is found once, not in every comparison.
    let quantiles: Vec<f32> = (0..count).map(|index| inputs.quantile(index).unwrap_or(-1.0)).collect();
    let quantile = |index: usize| quantiles.get(index).copied().unwrap_or(-1.0);
    order.sort_unstable_by(|&a, &b| {
        let mut ordering = std::cmp::Ordering::Equal;
        for key in keys {
            ordering = match key.column {
                Column::Index => a.cmp(&b),
                Column::Activation => inputs.activation(a).total_cmp(&inputs.activation(b)),
                Column::Quantile => quantile(a).total_cmp(&quantile(b)),
                Column::Label => match (names.of(a), names.of(b)) {
                    (Some(a), Some(b)) => a.cmp(b),
                    // Without a label is last both ways.
                    (Some(_), None) => return std::cmp::Ordering::Less,
                    (None, Some(_)) => return std::cmp::Ordering::Greater,
                    (None, None) => std::cmp::Ordering::Equal,
                },
            };
            if key.falling {
                ordering = ordering.reverse();
            }
            if ordering.is_ne() {
                break;
            }
        }
        ordering.then(a.cmp(&b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(settings: &FeatureSettings) -> String {
        let labels = [None, Some("heart size"), Some("AP view"), None, Some("ap VIEW"), Some("Pacemaker")];
        let feature = |label: &Option<&str>| Feature { label: label.map(str::to_owned), ..Feature::default() };
        let named: Vec<Feature> = labels.iter().map(feature).collect();
        // Quantiles fall as the number grows: feature 0 is seldom that strong, feature 5 often.
        let table = |index: usize| (0..21).map(move |step| step as f32 * (index + 1) as f32 * 0.1);
        let statistics =
            FeatureStatistics { quantiles: (0..6).flat_map(table).collect(), ..FeatureStatistics::default() };
        let inputs = Inputs {
            activations: &[0.5, 0.0, 2.0, 1.0, 2.0, 0.0],
            named: &named,
            statistics: &statistics,
            edited: &BTreeSet::from([5]),
        };
        let shown = arrange(settings, &inputs, &Names::new(&named));
        let word = |item: &Item| match item {
            Item::Feature(index) | Item::Member(index, _) => index.to_string(),
            Item::Group(place) => {
                let group = &shown.groups[*place];
                format!("[{} {}/{}]", group.name, group.firing, group.members.len())
            }
        };
        shown.items.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sorts_by_every_column_and_by_several() {
        let mut settings = FeatureSettings::default();
        assert_eq!(listed(&settings), "2 4 3 0 1 5");
        settings.sort_by(Column::Activation, false);
        assert_eq!(listed(&settings), "1 5 0 3 2 4", "again, the other way");
        settings.sort_by(Column::Label, false);
        assert_eq!(listed(&settings), "2 4 1 5 0 3");
        settings.sort_by(Column::Label, false);
        assert_eq!(listed(&settings), "5 1 2 4 0 3", "without a label is last both ways");
        settings.sort_by(Column::Index, true);
        settings.sort_by(Column::Index, true);
        assert_eq!(listed(&settings), "5 1 4 2 3 0");
        settings.sort_by(Column::Quantile, false);
        assert_eq!(listed(&settings), "2 0 4 3 1 5");
        settings.pins.insert(1);
        assert_eq!(listed(&settings), "1 2 0 4 3 5", "pinned ones stay on top");
    }

    #[test]
    fn searches_hides_and_filters() {
        let search = |words: &str| listed(&FeatureSettings { search: words.into(), ..FeatureSettings::default() });
        assert_eq!(search("HEART"), "1");
        assert_eq!(search("view ap"), "2 4");
        assert_eq!((search("3"), search("#3"), search("lung")), ("3".into(), "3".into(), String::new()));
        assert_eq!((search("a>=1"), search("ap a>1.9 #4")), ("2 4 3".into(), "4".into()));
        assert_eq!(search("quantile > 30%"), "2");
        let mut settings = FeatureSettings { only_firing: true, ..FeatureSettings::default() };
        assert_eq!(listed(&settings), "2 4 3 0 5", "an edited one stays");
        settings.hidden.extend([3, 4]);
        assert_eq!(listed(&settings), "2 0 5");
        settings.shows_hidden = true;
        assert_eq!(listed(&settings), "2 4 3 0 5");
    }

    #[test]
    fn groups_are_found_or_made() {
        let mut settings = FeatureSettings { grouping: Grouping::Labels, ..FeatureSettings::default() };
        assert_eq!(listed(&settings), "[AP view 2/2] 2 4 3 0 1 5");
        settings.toggle_fold("AP view");
        assert_eq!(listed(&settings), "[AP view 2/2] 3 0 1 5");
        settings.group("devices", [5, 3]);
        settings.group("heart", [1]);
        settings.pins.insert(5);
        assert_eq!(listed(&settings), "5 [devices 1/2] 3 [heart 0/1] 1 2 4 0");
        settings.search = "size".into();
        assert_eq!(listed(&settings), "[heart 0/1] 1", "a search leaves the groups in which it finds something");
        settings.rename_group("heart", "devices");
        settings.rename_group("heart", " cardiac ");
        settings.ungroup("devices", &[3, 5]);
        assert_eq!(settings.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["cardiac"]);
    }

    #[test]
    fn a_number_at_the_end_is_no_part_of_a_label() {
        assert_eq!(
            ["AP view 11", "AP view", " T4 2", "11", "view a2"].map(stem),
            ["AP view", "AP view", "T4", "11", "view a2"]
        );
    }

    #[test]
    fn settings_survive_a_session() {
        let mut settings = FeatureSettings { search: "a>1".into(), only_firing: true, ..FeatureSettings::default() };
        settings.group("devices", [5, 3]);
        settings.sort_by(Column::Quantile, true);
        let text = ron::to_string(&settings).unwrap();
        assert_eq!(ron::from_str::<FeatureSettings>(&text).unwrap(), settings);
        assert_eq!(
            ron::from_str::<FeatureSettings>("()").unwrap(),
            FeatureSettings::default(),
            "what is missing is as at first"
        );
    }

    #[test]
    fn a_search_is_words_numbers_and_bounds() {
        let bound = |above, or_equal, value| Bound { above, or_equal, value };
        assert_eq!(terms("  Heart  size "), [Term::Text("heart".into()), Term::Text("size".into())]);
        assert_eq!(terms("#41 4"), [Term::Number(41), Term::Text("4".into())]);
        assert_eq!(terms("a > 1,5"), [Term::Activation(bound(true, false, 1.5))]);
        assert_eq!(terms("activation<=2"), [Term::Activation(bound(false, true, 2.0))]);
        let quantiles = ["q>90", "quantile > 90%", "q>0.9"].map(|search| terms(search).remove(0));
        for quantile in quantiles {
            let Term::Quantile(found) = quantile else { panic!("{quantile:?}") };
            assert!(found.above && (found.value - 0.9).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(terms("a>b"), [Term::Text("a>b".into())], "what is no number is a word");
    }
}
