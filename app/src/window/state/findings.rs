//! Which findings the panel lists, in which order and in which unit. In: labels and their scores. Out: label indices.

use fluoro_core::bundle::manifest::Label;
use fluoro_core::engine::raw_score;
use serde::{Deserialize, Serialize};

/// What findings can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindingSort {
    /// As the classifier lists them.
    #[default]
    Bundle,
    /// By name.
    Name,
    /// Largest score first.
    Score,
    /// Largest change first, whichever way.
    Change,
}

impl FindingSort {
    /// Every order, as the menu shows them.
    pub const ALL: [Self; 4] = [Self::Bundle, Self::Name, Self::Score, Self::Change];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundle => "as in the bundle",
            Self::Name => "by name",
            Self::Score => "by score",
            Self::Change => "by change",
        }
    }
}

/// What the user set; a session keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingSettings {
    /// What was typed.
    pub search: String,
    /// Order.
    pub sort: FindingSort,
    /// Scores as the network gives them, each with its own operating point; otherwise moved so that it lies at 0.5.
    pub raw: bool,
}

/// A label's scores as the panel shows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// Before the change.
    pub before: f32,
    /// Now.
    pub after: f32,
    /// The label's operating point on the same scale.
    pub point: f32,
}

impl FindingSettings {
    /// Scores of one label, given with the operating point at 0.5.
    pub fn shown(&self, label: &Label, [before, after]: [f32; 2]) -> Shown {
        if self.raw {
            let raw = |score: f32| raw_score(score, label.operating_point);
            Shown { before: raw(before), after: raw(after), point: label.operating_point }
        } else {
            Shown { before, after, point: 0.5 }
        }
    }

    /// Labels to list. `scores` are before and now, with the operating points at 0.5, as their order goes by.
    pub fn order(&self, labels: &[Label], scores: impl Fn(usize) -> [f32; 2]) -> Vec<usize> {
        let wanted = self.search.trim().to_lowercase();
        let matches = |&index: &usize| labels[index].name.to_lowercase().contains(&wanted);
        let mut order: Vec<usize> = (0..labels.len()).filter(matches).collect();
        // What has no score is last.
        let known = |value: f32| if value.is_finite() { value } else { -1.0 };
        match self.sort {
            FindingSort::Bundle => {}
            FindingSort::Name => order.sort_by_key(|&index| labels[index].name.to_lowercase()),
            FindingSort::Score => order.sort_by(|&a, &b| known(scores(b)[1]).total_cmp(&known(scores(a)[1]))),
            FindingSort::Change => {
                let change = |index: usize| known(scores(index).iter().fold(0.0, |sum, v| v - sum).abs());
                order.sort_by(|&a, &b| change(b).total_cmp(&change(a)));
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, operating_point: f32) -> Label {
        Label { name: name.into(), operating_point, positives: 0, base_rate: None, auc: None }
    }

    #[test]
    fn sorts_and_searches() {
        let labels = ["Mass", "Edema", "AP view", "Hernia"].map(|name| label(name, 0.2));
        let scores = |index: usize| [[0.9, 0.9], [0.2, 0.6], [0.7, 0.1], [0.3, f32::NAN]][index];
        let order = |sort| FindingSettings { sort, ..FindingSettings::default() }.order(&labels, scores);
        assert_eq!(order(FindingSort::Bundle), [0, 1, 2, 3]);
        assert_eq!(order(FindingSort::Name), [2, 1, 3, 0]);
        assert_eq!(order(FindingSort::Score), [0, 1, 2, 3]);
        assert_eq!(order(FindingSort::Change), [2, 1, 0, 3]);
        let search = FindingSettings { search: " VIEW".into(), ..FindingSettings::default() };
        assert_eq!(search.order(&labels, scores), [2]);
    }

    #[test]
    fn a_raw_score_has_its_own_operating_point() {
        let settings = FindingSettings { raw: true, ..FindingSettings::default() };
        let shown = settings.shown(&label("Mass", 0.05), [0.5, 0.25]);
        assert!((shown.before - 0.05).abs() < 1e-6 && (shown.after - 0.025).abs() < 1e-6 && shown.point == 0.05);
        let normalised = FindingSettings::default().shown(&label("Mass", 0.05), [0.5, 0.25]);
        assert_eq!(normalised, Shown { before: 0.5, after: 0.25, point: 0.5 });
    }
}
