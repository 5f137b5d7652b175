//! Labels of a report, by rules.
//!
//! Enter a [`Vocabulary`] and reports, leaves for each class whether the report affirms, doubts or denies it, or does not
//! name it. With [`chexpert()`] the classes and the merging are those of CheXpert's labeler (Irvin et al. 2019: positive wins
//! over uncertain, uncertain over negative), but that one reads a parser's dependency graphs and only the impression; this
//! one reads triggers and scopes ([`super::scope`]) in all the text it gets. Its labels differ from CheXpert's and from
//! CheXbert's, and must be printed under the vocabulary's own name, never as theirs.
//!
//! It differs on purpose where a film's label is better for it: a stable silhouette is not "uncertain" but not named, and
//! a heart that is only mentioned is not "enlarged".

mod chexpert;
mod part;
mod phantom;
mod vocabulary;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use chexpert::{CHEXPERT, chexpert};
pub use phantom::phantom;
pub use vocabulary::{Class, Nothing, Part, Vocabulary};

use super::phrase::Phrases;
use super::prose::Prose;
use super::scope::{Assertion, Judged, Scopes};
use crate::error::{Error, Result};

/// What a report says of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Label {
    /// It is there.
    Positive,
    /// It may be there.
    Uncertain,
    /// It is not there.
    Negative,
    /// Nothing.
    NotMentioned,
}

impl Label {
    /// Positive, or uncertain where `uncertain_counts`.
    #[must_use]
    pub fn is_present(self, uncertain_counts: bool) -> bool {
        self == Self::Positive || (uncertain_counts && self == Self::Uncertain)
    }

    /// CheXpert's merging of two mentions.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let rank = |label: Self| match label {
            Self::Positive => 3,
            Self::Uncertain => 2,
            Self::Negative => 1,
            Self::NotMentioned => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// A place where a report names a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Index of the class.
    pub class: usize,
    /// What it says.
    pub label: Label,
    /// Bytes of the report.
    pub bytes: Range<usize>,
    /// Index of the sentence.
    pub sentence: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Names,
    Excludes,
    Hints,
    Contradicts,
    Part,
    Abnormal,
    Normal,
}

/// A vocabulary, ready to read reports.
#[derive(Clone, Debug)]
pub struct Labeler {
    vocabulary: Vocabulary,
    phrases: Phrases<(usize, Role)>,
    anatomy: Phrases<()>,
    scopes: Scopes,
    nothing: Option<(usize, Vec<usize>)>,
}

impl Labeler {
    /// Compiles `vocabulary`.
    ///
    /// # Errors
    /// When a phrase cannot be read, a name is given twice, or the class for nothing is not one of the classes.
    pub fn new(vocabulary: Vocabulary) -> Result<Self> {
        let bad = |reason: String| Error::Invalid(format!("vocabulary \"{}\": {reason}", vocabulary.name));
        let mut all = Vec::new();
        for (index, class) in vocabulary.classes.iter().enumerate() {
            if vocabulary.classes[..index].iter().any(|other| other.name == class.name) {
                return Err(bad(format!("the class \"{}\" is there twice", class.name)));
            }
            let mut add =
                |list: &'_ [String], role| all.extend(list.iter().map(|phrase| (phrase.clone(), (index, role))));
            add(&class.phrases, Role::Names);
            add(&class.excluded, Role::Excludes);
            add(&class.hints, Role::Hints);
            add(&class.contrary, Role::Contradicts);
            if let Some(part) = &class.part {
                add(&part.names, Role::Part);
                add(&part.abnormal, Role::Abnormal);
                add(&part.normal, Role::Normal);
            }
        }
        let position = |name: &str| {
            let names = || vocabulary.classes.iter().map(|class| class.name.as_str());
            names().position(|other| other == name).ok_or_else(|| Error::unknown("class", name, names()))
        };
        let nothing = match &vocabulary.nothing {
            Some(nothing) => {
                let ignoring = nothing.ignoring.iter().map(|name| position(name)).collect::<Result<_>>()?;
                Some((position(&nothing.class)?, ignoring))
            }
            None => None,
        };
        let phrases = Phrases::new(all.iter().map(|(text, value)| (text.as_str(), *value))).map_err(bad)?;
        let anatomy = Phrases::new(vocabulary.anatomy_words.iter().map(|word| (word.as_str(), ()))).map_err(bad)?;
        Ok(Self { phrases, anatomy, scopes: Scopes::new()?, nothing, vocabulary })
    }

    /// What it looks for.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Names of the classes, in the order of the labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.classes.iter().map(|class| class.name.as_str())
    }

    /// A label for each class.
    #[must_use]
    pub fn label(&self, report: &str) -> Vec<Label> {
        self.merge(&self.mentions(report))
    }

    /// The labels that `mentions` add up to.
    #[must_use]
    pub fn merge(&self, mentions: &[Mention]) -> Vec<Label> {
        let mut labels = vec![Label::NotMentioned; self.vocabulary.classes.len()];
        for mention in mentions {
            labels[mention.class] = labels[mention.class].merge(mention.label);
        }
        if let Some((class, ignoring)) = &self.nothing {
            let is_there = |&(index, label): &(usize, &Label)| {
                index != *class && !ignoring.contains(&index) && label.is_present(true)
            };
            let is_clear = labels.iter().enumerate().all(|entry| !is_there(&entry));
            labels[*class] = if is_clear { Label::Positive } else { Label::NotMentioned };
        }
        labels
    }

    /// Every place where the report names a class, in its order.
    #[must_use]
    pub fn mentions(&self, report: &str) -> Vec<Mention> {
        let prose = Prose::new(report);
        let mut mentions = Vec::new();
        for (index, sentence) in prose.sentences().iter().enumerate() {
            let judged = self.scopes.judge(&prose, sentence);
            self.read(&prose, sentence, &judged, &mut |class, label, tokens| {
                mentions.push(Mention { class, label, bytes: prose.bytes(&tokens), sentence: index });
            });
        }
        mentions
    }

    /// Reads one judged sentence and tells every mention.
    pub(crate) fn read(
        &self,
        prose: &Prose,
        sentence: &Range<usize>,
        judged: &Judged,
        tell: &mut dyn FnMut(usize, Label, Range<usize>),
    ) {
        let hits = self.phrases.find(prose, sentence);
        let mut excluded: Vec<(usize, Range<usize>)> = Vec::new();
        for hit in hits.iter().filter(|hit| hit.value.1 == Role::Excludes) {
            excluded.push((hit.value.0, hit.tokens.clone()));
        }
        let mut far = vec![0; self.vocabulary.classes.len()];
        let mut covers = excluded.iter().peekable();
        for hit in &hits {
            let (class, role) = hit.value;
            // Both lists run from left to right, so the farthest excluded end so far is enough.
            while let Some((of, tokens)) = covers.next_if(|(_, tokens)| tokens.start <= hit.tokens.start) {
                far[*of] = tokens.end.max(far[*of]);
            }
            if matches!(role, Role::Names | Role::Hints) && hit.tokens.end <= far[class] {
                continue;
            }
            let label = match (role, judged.assertion(&hit.tokens)) {
                (_, Assertion::Past) => None,
                (Role::Names, Assertion::Affirmed) => Some(Label::Positive),
                (Role::Names, Assertion::Uncertain) => Some(Label::Uncertain),
                (Role::Names, Assertion::Negated) => Some(Label::Negative),
                (Role::Hints, Assertion::Affirmed | Assertion::Uncertain) => Some(Label::Uncertain),
                (Role::Contradicts, Assertion::Affirmed) => Some(Label::Negative),
                _ => None,
            };
            if let Some(label) = label {
                tell(class, label, hit.tokens.clone());
            }
        }
        part::read(self, prose, judged, &hits, tell);
    }
}

/// The scope rules of the labeler, for phrases that no vocabulary knows.
impl AsRef<Scopes> for Labeler {
    fn as_ref(&self) -> &Scopes {
        &self.scopes
    }
}

#[cfg(test)]
mod tests;
