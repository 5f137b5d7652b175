//! Which features the panel lists, in which order. In: activations, labels, a search. Out: feature indices.

use std::collections::BTreeSet;

use fluoro_core::bundle::manifest::Feature;

/// Order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Largest activation on this film first.
    #[default]
    Activation,
    /// By label; those without one last.
    Label,
    /// By number.
    Index,
}

impl Sort {
    /// Every order, as the menu shows them.
    pub const ALL: [Self; 3] = [Self::Activation, Self::Label, Self::Index];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Label => "label",
            Self::Index => "index",
        }
    }
}

/// The list's settings and its last result.
#[derive(Default)]
pub struct FeatureList {
    /// What was typed.
    pub search: String,
    /// Order.
    pub sort: Sort,
    /// Features that stay on top.
    pub pins: BTreeSet<usize>,
    /// The search field asks for the keyboard.
    pub wants_focus: bool,
    key: Option<(u64, String, Sort, BTreeSet<usize>)>,
    order: Vec<usize>,
}

impl FeatureList {
    /// Labels have changed: the order is found again.
    pub fn forget_order(&mut self) {
        self.key = None;
    }

    /// Indices to list: pinned ones first. `film` is the number of the film's picture; the order is found once for each
    /// film and setting, so that a list of fifty thousand costs nothing while it is scrolled.
    pub fn order(&mut self, film: u64, activations: &[f32], features: &[Feature]) -> &[usize] {
        let key = (film, self.search.clone(), self.sort, self.pins.clone());
        if self.key.as_ref() != Some(&key) {
            self.order = ordered(&self.search, self.sort, &self.pins, activations, features);
            self.key = Some(key);
        }
        &self.order
    }
}

fn ordered(search: &str, sort: Sort, pins: &BTreeSet<usize>, activations: &[f32], features: &[Feature]) -> Vec<usize> {
    let wanted = search.trim().to_lowercase();
    let label = |i: usize| features.get(i).and_then(|f| f.label.as_deref());
    let matches = |i: usize| {
        wanted.is_empty()
            || i.to_string().starts_with(&wanted)
            || label(i).is_some_and(|label| label.to_lowercase().contains(&wanted))
    };
    let mut order: Vec<usize> = (0..activations.len()).filter(|&i| matches(i)).collect();
    match sort {
        Sort::Activation => order.sort_by(|&a, &b| activations[b].total_cmp(&activations[a]).then(a.cmp(&b))),
        Sort::Label => order.sort_by_key(|&i| (label(i).is_none(), label(i).map(str::to_lowercase), i)),
        Sort::Index => {}
    }
    order.sort_by_key(|i| !pins.contains(i));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(labels: [Option<&str>; 4]) -> Vec<Feature> {
        labels.iter().map(|l| Feature { label: l.map(str::to_owned), ..Feature::default() }).collect()
    }

    #[test]
    fn sorts_searches_and_pins() {
        let features = features([None, Some("heart size"), Some("AP view"), None]);
        let activations = [0.5, 0.0, 2.0, 1.0];
        let mut list = FeatureList::default();
        assert_eq!(list.order(1, &activations, &features), [2, 3, 0, 1]);
        list.sort = Sort::Label;
        assert_eq!(list.order(1, &activations, &features), [2, 1, 0, 3]);
        list.sort = Sort::Index;
        list.pins.insert(3);
        assert_eq!(list.order(1, &activations, &features), [3, 0, 1, 2]);
        list.search = "HEART".into();
        assert_eq!(list.order(1, &activations, &features), [1]);
        list.search = "3".into();
        assert_eq!(list.order(1, &activations, &features), [3]);
        list.search = "lung".into();
        assert!(list.order(1, &activations, &features).is_empty());
    }
}
