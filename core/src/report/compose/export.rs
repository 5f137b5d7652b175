//! A grounded report as text, as JSON, and as text that a DICOM element may hold.

use std::fmt::Write as _;

use super::{Certainty, GroundedReport, Sentence};
use crate::error::{Error, Result};

/// The last sentence of every report.
pub const NOT_FOR_DIAGNOSIS: &str =
    "Written by software from learned features of one image. Not for diagnosis or treatment.";
/// Longest line of the DICOM text, in characters: what screens and old printers show.
pub const LONGEST_LINE: usize = 72;
/// Most characters of the DICOM text: the limit of VR LT (DICOM PS3.5, table 6.2-1).
pub const MOST_CHARACTERS: usize = 10_240;
const CUT: &str = "(The rest was left out: the text would be too long.)";

impl GroundedReport {
    /// The report under headings, each sentence with the numbers of its features.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (heading, sentences) in self.parts() {
            text.push_str(heading);
            text.push('\n');
            for sentence in sentences {
                text.push_str(&line(sentence));
                text.push('\n');
            }
            text.push('\n');
        }
        text.push_str(NOT_FOR_DIAGNOSIS);
        text.push('\n');
        text
    }

    /// The words alone, under headings.
    #[must_use]
    pub fn to_prose(&self) -> String {
        let part = |(heading, sentences): (&str, &[Sentence])| {
            let said: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
            format!("{heading}\n{}", said.join(" "))
        };
        self.parts().map(part).collect::<Vec<_>>().join("\n\n")
    }

    /// The report as JSON, with its last sentence under "note".
    ///
    /// # Errors
    /// Never with the types of this version.
    pub fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| Error::Invalid(format!("the report is no JSON ({error})"));
        let mut value = serde_json::to_value(self).map_err(failed)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("note".into(), NOT_FOR_DIAGNOSIS.into());
        }
        serde_json::to_string_pretty(&value).map_err(failed)
    }

    /// The report for an element of VR LT or UT (DICOM PS3.5, section 6.2): characters of the default repertoire only
    /// (ISO 646), no control characters but CR LF, lines of at most [`LONGEST_LINE`], [`MOST_CHARACTERS`] in all.
    #[must_use]
    pub fn to_dicom_text(&self) -> String {
        let note = wrapped(NOT_FOR_DIAGNOSIS);
        let room = MOST_CHARACTERS - note.len() - CUT.len() - 6;
        let mut text = String::new();
        'all: for (heading, sentences) in self.parts() {
            let lines = sentences.iter().map(|sentence| wrapped(&line(sentence)));
            for part in std::iter::once(wrapped(heading)).chain(lines).chain(std::iter::once("\r\n".to_owned())) {
                if text.len() + part.len() > room {
                    let _ = write!(text, "{CUT}\r\n\r\n");
                    break 'all;
                }
                text.push_str(&part);
            }
        }
        text + &note
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &[Sentence])> {
        let parts: [(&str, &[Sentence]); 3] =
            [("ACQUISITION:", &self.acquisition), ("FINDINGS:", &self.findings), ("IMPRESSION:", &self.impression)];
        parts.into_iter().filter(|(_, sentences)| !sentences.is_empty())
    }
}

/// Any text, line by line, for an element of VR LT or UT: see [`GroundedReport::to_dicom_text`]. What is too long loses its
/// end but for the note.
#[must_use]
pub fn dicom_lines(text: &str) -> String {
    let note = wrapped(NOT_FOR_DIAGNOSIS);
    let room = MOST_CHARACTERS - note.len() - CUT.len() - 6;
    let mut lines = String::new();
    for line in text.lines() {
        let line = if line.trim().is_empty() { "\r\n".to_owned() } else { wrapped(line) };
        if lines.len() + line.len() > room {
            let _ = write!(lines, "{CUT}\r\n\r\n");
            return lines + &note;
        }
        lines.push_str(&line);
    }
    lines
}

fn line(sentence: &Sentence) -> String {
    let mut line = sentence.text.clone();
    match (sentence.features.as_slice(), sentence.certainty) {
        ([], Certainty::Negative) => {}
        ([], _) => line.push_str(" [no feature]"),
        (features, _) => {
            let shown: Vec<String> = features.iter().take(8).map(ToString::to_string).collect();
            let more = if features.len() > 8 { ", .." } else { "" };
            let word = if features.len() == 1 { "feature" } else { "features" };
            let _ = write!(line, " [{word} {}{more}", shown.join(", "));
            if let Some(region) = &sentence.region {
                let _ = write!(line, "; {region}");
            }
            line.push(']');
        }
    }
    line
}

/// `text` in lines that end with CR LF, broken at spaces, or within a word that is longer than a line.
fn wrapped(text: &str) -> String {
    let plain: String = text.chars().flat_map(basic).collect();
    let mut lines = vec![String::new()];
    for word in plain.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let last = lines.last().map_or(0, String::len);
            let gap = usize::from(last > 0);
            let room = if last + gap + rest.len() <= LONGEST_LINE {
                rest.len()
            } else if last == 0 {
                LONGEST_LINE
            } else {
                lines.push(String::new());
                continue;
            };
            // Every character is one byte by now.
            let (now, later) = rest.split_at(room.min(rest.len()));
            if let Some(line) = lines.last_mut() {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(now);
            }
            rest = later;
        }
    }
    lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect()
}

/// A character in those of the default repertoire: letters lose their accents, what has no likeness becomes a question
/// mark, control characters become spaces.
fn basic(letter: char) -> impl Iterator<Item = char> {
    let text: &'static str = match letter {
        '\u{c0}'..='\u{c5}' => "A",
        '\u{c6}' => "AE",
        '\u{c7}' => "C",
        '\u{c8}'..='\u{cb}' => "E",
        '\u{cc}'..='\u{cf}' => "I",
        '\u{d1}' => "N",
        '\u{d2}'..='\u{d6}' | '\u{d8}' => "O",
        '\u{d9}'..='\u{dc}' => "U",
        '\u{df}' => "ss",
        '\u{e0}'..='\u{e5}' => "a",
        '\u{e6}' => "ae",
        '\u{e7}' => "c",
        '\u{e8}'..='\u{eb}' => "e",
        '\u{ec}'..='\u{ef}' => "i",
        '\u{f1}' => "n",
        '\u{f2}'..='\u{f6}' | '\u{f8}' => "o",
        '\u{f9}'..='\u{fc}' => "u",
        '\u{b0}' => " degrees",
        '\u{b5}' | '\u{3bc}' => "u",
        '\u{d7}' => "x",
        '\u{2010}'..='\u{2015}' => "-",
        '\u{2018}' | '\u{2019}' => "'",
        '\u{201c}' | '\u{201d}' => "\"",
        '\u{2026}' => "...",
        _ => "",
    };
    let own = match letter {
        ' '..='~' => Some(letter),
        _ if letter.is_control() || letter.is_whitespace() => Some(' '),
        _ if text.is_empty() => Some('?'),
        _ => None,
    };
    text.chars().chain(own)
}
