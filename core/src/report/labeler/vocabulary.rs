//! What a labeler looks for: classes, each with the phrases that name it.
//!
//! Enters and leaves a file (RON or JSON by serde); phrases are in the language of [`crate::report::phrase`]. A new set of
//! labels is a new vocabulary, no new code.

use serde::{Deserialize, Serialize};

/// Classes and their phrases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// Name that goes with every label that comes of it.
    pub name: String,
    /// The classes, in the order of the labels.
    pub classes: Vec<Class>,
    /// The class that stands for the absence of the others, if there is one.
    #[serde(default)]
    pub nothing: Option<Nothing>,
    /// Words that may stand between "normal" and a part of the body in "normal heart size and mediastinal contours".
    #[serde(default)]
    pub anatomy_words: Vec<String>,
}

/// One class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Phrases that say it is there, unless they are denied or doubted.
    #[serde(default)]
    pub phrases: Vec<String>,
    /// Longer phrases that hold one of the above and mean something else.
    #[serde(default)]
    pub excluded: Vec<String>,
    /// Phrases that make it uncertain at best, as "heart failure" does with cardiomegaly.
    #[serde(default)]
    pub hints: Vec<String>,
    /// Phrases that say by themselves that it is not there.
    #[serde(default)]
    pub contrary: Vec<String>,
    /// A part of the body that is there on every film, and what can be said of it.
    #[serde(default)]
    pub part: Option<Part>,
}

/// A part of the body that is normal or not; its name alone says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its names.
    pub names: Vec<String>,
    /// Words that make the class positive when they are said of it.
    pub abnormal: Vec<String>,
    /// Words that make the class negative when they are said of it.
    pub normal: Vec<String>,
}

/// The class that is positive when no other is positive or uncertain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {
    /// Its name, one of the classes.
    pub class: String,
    /// Classes that do not count.
    #[serde(default)]
    pub ignoring: Vec<String>,
}
