//! Features that say the same thing become one sentence.
//!
//! Enter features, leave groups in the order of the report. Two features say the same when their labels name the same
//! classes on the same side; a label without a side joins the one side there is.

use super::{AFFIRMED_DETECTION, AFFIRMED_QUANTILE, ActiveFeature, Certainty, LabelKind, MOST_TEXT, Sentence};
use crate::label::concepts::fold;
use crate::label::endpoint::clean;
use crate::report::labeler::{Label, Labeler};

/// Side that a label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    None,
    Left,
    Right,
    Both,
}

impl Side {
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let has = |wanted: &str| lower.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == wanted);
        match (has("left"), has("right"), has("bilateral") || has("both") || has("bibasilar") || has("biapical")) {
            (true, true, _) | (_, _, true) => Self::Both,
            (true, false, _) => Self::Left,
            (false, true, _) => Self::Right,
            _ => Self::None,
        }
    }
}

/// Features that become one sentence, strongest first.
pub(super) struct Group<'a> {
    pub(super) kind: LabelKind,
    /// Classes that the label names, or denies if the kind is [`LabelKind::Normal`].
    pub(super) classes: Vec<usize>,
    side: Side,
    /// The folded label, where it names no class.
    words: String,
    features: Vec<&'a ActiveFeature>,
}

impl Group<'_> {
    fn certainty(&self) -> Certainty {
        if self.kind == LabelKind::Normal {
            return Certainty::Negative;
        }
        let is_sure = |feature: &&ActiveFeature| {
            feature.quantile >= AFFIRMED_QUANTILE && feature.detection.is_some_and(|d| d >= AFFIRMED_DETECTION)
        };
        if self.features.iter().any(is_sure) { Certainty::Affirmed } else { Certainty::Uncertain }
    }

    /// The strongest feature, of those that name the side if one does.
    fn speaker(&self) -> Option<&ActiveFeature> {
        let sided = self.features.iter().find(|feature| Side::of(&feature.text) == self.side);
        sided.or(self.features.first()).copied()
    }

    pub(super) fn sentence(&self) -> Sentence {
        let statement = self.speaker().and_then(|feature| feature.statement.as_deref());
        let statement = statement.map(|text| clean(text, MOST_TEXT * 2, false)).filter(|text| !text.is_empty());
        match statement {
            Some(text) if self.certainty() != Certainty::Uncertain => self.with(finished(&text)),
            _ => self.impression(),
        }
    }

    /// The label alone as a sentence.
    pub(super) fn impression(&self) -> Sentence {
        let text = self.speaker().map(|feature| label(&feature.text)).unwrap_or_default();
        let text = if self.certainty() == Certainty::Uncertain {
            let bare =
                ["possible ", "probable ", "suspected "].iter().find_map(|word| strip(&text, word)).unwrap_or(&text);
            format!("Possible {}", small(bare))
        } else {
            text
        };
        self.with(finished(&text))
    }

    fn with(&self, text: String) -> Sentence {
        Sentence {
            text,
            features: self.features.iter().map(|feature| feature.index).collect(),
            certainty: self.certainty(),
            region: self.features.iter().find_map(|f| f.region.as_deref()).map(|r| clean(r, MOST_TEXT, false)),
        }
    }
}

/// The groups of `features`: findings first, then devices, acquisition, normal; each strongest first.
pub(super) fn groups<'a>(features: &[&'a ActiveFeature], labeler: &Labeler) -> Vec<Group<'a>> {
    let mut sorted: Vec<&ActiveFeature> = features.to_vec();
    sorted.sort_by(|a, b| {
        let by_strength = b.quantile.total_cmp(&a.quantile).then_with(|| b.activation.total_cmp(&a.activation));
        a.kind.cmp(&b.kind).then(by_strength).then_with(|| a.index.cmp(&b.index))
    });
    let mut groups: Vec<Group<'a>> = Vec::new();
    // Labels with a side make the groups; those without join afterwards.
    let (sided, plain): (Vec<_>, Vec<_>) =
        sorted.into_iter().partition(|feature| Side::of(&feature.text) != Side::None);
    for feature in sided.into_iter().chain(plain) {
        let group = group_of(feature, labeler);
        let same = |other: &&mut Group<'_>| {
            let is_side = group.side == other.side || group.side == Side::None;
            other.kind == group.kind && other.classes == group.classes && other.words == group.words && is_side
        };
        match groups.iter_mut().find(same) {
            Some(other) => other.features.push(feature),
            None => groups.push(group),
        }
    }
    for group in &mut groups {
        group.features.sort_by(|a, b| strength(b, a));
    }
    groups.sort_by(|a, b| match (a.features.first(), b.features.first()) {
        (Some(x), Some(y)) => a.kind.cmp(&b.kind).then_with(|| strength(y, x)).then_with(|| x.index.cmp(&y.index)),
        _ => std::cmp::Ordering::Equal,
    });
    groups
}

fn strength(a: &ActiveFeature, b: &ActiveFeature) -> std::cmp::Ordering {
    a.quantile.total_cmp(&b.quantile).then_with(|| a.activation.total_cmp(&b.activation))
}

fn group_of<'a>(feature: &'a ActiveFeature, labeler: &Labeler) -> Group<'a> {
    let text = label(&feature.text);
    let nothing = labeler.vocabulary().nothing.as_ref().map(|nothing| nothing.class.as_str());
    let is_normal = feature.kind == LabelKind::Normal;
    let names_it = |label: Label| if is_normal { label == Label::Negative } else { label.is_present(true) };
    let labels = labeler.label(&text).into_iter().zip(labeler.names()).enumerate();
    let classes: Vec<usize> = labels
        .filter(|(_, (label, name))| names_it(*label) && nothing != Some(*name))
        .map(|(index, _)| index)
        .collect();
    let side = Side::of(&text);
    let words = if classes.is_empty() {
        let unsided = |word: &&str| !matches!(*word, "left" | "right" | "bilateral" | "both");
        fold(&text).split(' ').filter(unsided).collect::<Vec<_>>().join(" ")
    } else {
        String::new()
    };
    Group { kind: feature.kind, classes, side, words, features: vec![feature] }
}

/// A label without its full stop.
fn label(text: &str) -> String {
    clean(text, MOST_TEXT, false).trim_end_matches(['.', ' ']).to_owned()
}

/// `text` without a beginning, whatever its case.
fn strip<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let head = text.get(..beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then(|| &text[beginning.len()..])
}

/// A capital at the beginning, a full stop at the end.
fn finished(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// A small letter at the beginning, unless the first word is all capitals.
fn small(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    if word.chars().skip(1).any(char::is_uppercase) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// A class's name within a sentence.
pub(super) fn spoken(name: &str) -> String {
    name.split(' ').map(small).collect::<Vec<_>>().join(" ")
}
