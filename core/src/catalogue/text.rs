//! The list in words: entries enter, lines of at most [`WIDTH`] characters leave. Knows nothing of files or networks;
//! whether an entry is already here is asked of the caller.

use super::fetch::{Fetched, How};
use super::{Citation, Entry};

/// Longest line, in characters. An address alone may be longer, because it is there to be copied.
pub const WIDTH: usize = 100;
/// What stands in for a licence or a size that nobody states.
const NOT_STATED: &str = "not stated";
/// Between columns.
const GAP: &str = "  ";
/// Width of the names before the fields of [`describe`].
const FIELD: usize = 9;

/// The table of `fluoro models`: name, size, licence and what it is, with a star before those that are here.
pub fn list<'a>(entries: impl IntoIterator<Item = &'a Entry>, is_here: impl Fn(&Entry) -> bool) -> String {
    let head = ["", "name", "size", "licence"].map(str::to_owned);
    let rows: Vec<([String; 4], &str)> = std::iter::once((head, "what it is"))
        .chain(entries.into_iter().map(|entry| {
            let mark = if is_here(entry) { "*" } else { "" };
            let licence = entry.licence.unwrap_or(NOT_STATED);
            ([mark.to_owned(), entry.name.to_owned(), size(entry), licence.to_owned()], entry.what)
        }))
        .collect();
    let width = |column: usize| rows.iter().map(|(cells, _)| cells[column].chars().count()).max().unwrap_or_default();
    let (first, second, third) = (width(1), width(2), width(3));
    let left = 2 + first + second + third + 3 * GAP.len();
    let mut lines = String::new();
    for ([mark, name, size, licence], what) in &rows {
        let before = format!("{mark:2}{name:first$}{GAP}{size:>second$}{GAP}{licence:third$}{GAP}");
        push_wrapped(&mut lines, &before, left, what);
    }
    if rows.iter().any(|(cells, _)| cells[0] == "*") {
        lines.push_str("* its files are on this machine\n");
    }
    lines
}

/// Everything that is known of one entry.
#[must_use]
pub fn describe(entry: &Entry) -> String {
    let mut lines = String::new();
    let mut field = |name: &str, value: &str| push_wrapped(&mut lines, &format!("{name:FIELD$}"), FIELD, value);
    field("name", entry.name);
    field("what", entry.what);
    field("gives", &entry.gives.iter().map(|part| part.word()).collect::<Vec<_>>().join(", "));
    if let Some(labels) = entry.labels {
        field("labels", labels);
    }
    if let Some(encoder) = entry.encoder {
        field("reads", encoder);
    }
    terms(entry, &mut field);
    for file in entry.files {
        let size = size_words(file.bytes.or(file.about_bytes), file.bytes.is_some());
        // The address ends with the file's name.
        field("file", &size);
        field("", file.url);
    }
    lines
}

/// What `fluoro models get` says at its end: each file with its hash, then the terms.
#[must_use]
pub fn fetched(entry: &Entry, files: &[Fetched]) -> String {
    let mut lines = String::new();
    for file in files {
        let how = match file.how {
            How::Downloaded => "downloaded",
            How::Resumed => "resumed",
            How::AlreadyHere => "was here",
        };
        let (size, place) = (bytes(file.bytes), file.path.display());
        lines.push_str(&format!("{how}, {size}, SHA-256 {}\n  {place}\n", file.sha256));
    }
    let mut field = |name: &str, value: &str| push_wrapped(&mut lines, &format!("{name:FIELD$}"), FIELD, value);
    terms(entry, &mut field);
    lines
}

/// Licence, citation and notes.
fn terms(entry: &Entry, mut field: impl FnMut(&str, &str)) {
    field("licence", entry.licence.unwrap_or("not stated by the authors"));
    field("cite", &citation(&entry.citation));
    for (row, note) in entry.notes.iter().enumerate() {
        field(if row == 0 { "notes" } else { "" }, note);
    }
}

/// Authors, title, venue and year in one line.
#[must_use]
pub fn citation(citation: &Citation) -> String {
    let Citation { authors, title, venue, year } = citation;
    let year = year.map(|year| format!(", {year}")).unwrap_or_default();
    format!("{authors}: {title}. {venue}{year}")
}

/// `28.4 MB`: decimal units, as hosts count, to three digits.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let size = bytes as f64;
    let Some((unit, word)) = UNITS.into_iter().find(|(unit, _)| size >= unit * 0.9995) else {
        return format!("{bytes} B");
    };
    let value = size / unit;
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {word}")
}

/// Size of all files of an entry.
fn size(entry: &Entry) -> String {
    match entry.bytes() {
        Some((bytes, is_exact)) => size_words(Some(bytes), is_exact),
        None => size_words(None, false),
    }
}

fn size_words(size: Option<u64>, is_exact: bool) -> String {
    match size {
        None => NOT_STATED.to_owned(),
        Some(size) if is_exact => bytes(size),
        Some(size) => format!("~{}", bytes(size)),
    }
}

/// Adds `text` behind `before`, which is `indent` wide, broken between words so that no line is longer than [`WIDTH`].
fn push_wrapped(lines: &mut String, before: &str, indent: usize, text: &str) {
    let mut line = before.to_owned();
    let mut width = indent;
    let mut is_first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_first && width + 1 + length > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(indent);
            width = indent;
            is_first = true;
        }
        if !is_first {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += length;
        is_first = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
}
