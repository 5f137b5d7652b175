//! Reports of a dataset: a CSV table with a column that names the film and columns of text.
//!
//! In: the table's path. Out: [`Reports`], by film. Phantoms' `reports.csv`, CheXpert Plus, Open-i and plain tables are
//! read by their column names, upper and lower case alike; which columns were taken is said.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};

/// Columns that name the film, the first that is there is taken.
pub(crate) const FILM: [&str; 11] = [
    "image index",
    "path_to_image",
    "image",
    "imageid",
    "filename",
    "file",
    "film",
    "path",
    "dicom_id",
    "image_ids",
    "study_id",
];
/// Columns of the findings; in all lists the first that is there is taken.
const FINDINGS: [&str; 3] = ["findings", "section_findings", "finding"];
/// Columns of the impression.
const IMPRESSION: [&str; 3] = ["impression", "section_impression", "impressions"];
/// Columns of an undivided report; read where neither findings nor impression is there.
const WHOLE: [&str; 3] = ["report", "text", "caption"];

/// What a radiologist wrote of a film.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenReport {
    /// What was seen, or the whole report where it is not divided.
    pub findings: String,
    /// What it means; may be empty.
    pub impression: String,
}

impl WrittenReport {
    /// Findings and impression as one text.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.findings.is_empty(), self.impression.is_empty()) {
            (false, false) => format!("{}\n{}", self.findings, self.impression),
            (false, true) => self.findings.clone(),
            _ => self.impression.clone(),
        }
    }
}

/// What a table may call a film: its path, the ends of it, the file's name, and that without its ending.
pub(crate) fn names_of(film: &Path) -> Vec<String> {
    let text = film.to_string_lossy().replace('\\', "/");
    let tails = text.char_indices().filter(|&(_, c)| c == '/').map(|(at, _)| text[at + 1..].to_owned());
    let tails: Vec<String> = tails.collect();
    let stem = film.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    std::iter::once(text).chain(tails).chain([stem]).collect()
}

/// Reports by film.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// By the film column's text.
    by_name: HashMap<String, WrittenReport>,
    /// The columns that were read, the film's first.
    pub columns: Vec<String>,
}

impl Reports {
    /// Reads a table.
    ///
    /// # Errors
    /// When it is no CSV table, or lacks a column for the film or the text.
    pub fn read(table: &Path) -> Result<Self> {
        let broken = |e: csv::Error| Error::dataset(table, format!("not a readable CSV table of reports ({e})"));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(table).map_err(broken)?;
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        let find = |names: &[&str]| {
            names.iter().find_map(|name| header.iter().position(|head| head.trim().eq_ignore_ascii_case(name)))
        };
        let missing = |what: &str, names: &[&str]| {
            Error::dataset(
                table,
                format!("the table has no column for the {what}; one of these is read: {}", names.join(", ")),
            )
        };
        let film = find(&FILM).ok_or_else(|| missing("film", &FILM))?;
        let (findings, impression) = (find(&FINDINGS), find(&IMPRESSION));
        let findings = match (findings, impression) {
            (None, None) => Some(find(&WHOLE).ok_or_else(|| missing("text", &[FINDINGS, IMPRESSION, WHOLE].concat()))?),
            (findings, _) => findings,
        };
        let mut by_name = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let text = |column: Option<usize>| {
                column.and_then(|column| record.get(column)).map(str::trim).unwrap_or_default().to_owned()
            };
            let report = WrittenReport { findings: text(findings), impression: text(impression) };
            if report == WrittenReport::default() {
                continue;
            }
            // Open-i names all films of a report, divided by semicolons.
            for name in text(Some(film)).split(';').filter(|name| !name.is_empty()) {
                by_name.insert(name.to_owned(), report.clone());
            }
        }
        if by_name.is_empty() {
            return Err(Error::dataset(table, "no row of the table has a film and a text"));
        }
        let columns = [Some(film), findings, impression].into_iter().flatten().map(|column| header[column].clone());
        Ok(Self { by_name, columns: columns.collect() })
    }

    /// The report of a film by its path: the table may name it by that path, by the end of it, by the file's name, or by
    /// that without its ending.
    #[must_use]
    pub fn of(&self, film: &Path) -> Option<&WrittenReport> {
        names_of(film).iter().find_map(|name| self.by_name.get(name))
    }

    /// Films with a report.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("reports.csv");
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    #[test]
    fn films_are_found_by_path_name_and_stem() {
        let (_folder, path) = table(
            "Image Index,findings,IMPRESSION\na.png,Clear lungs.,Normal.\nx/b.png,\"Effusion, left.\",\nc,,No change.\n",
        );
        let reports = Reports::read(&path).expect("readable");
        assert_eq!((reports.len(), reports.columns.join(" ")), (3, "Image Index findings IMPRESSION".into()));
        let text = |film: &str| reports.of(Path::new(film)).map(WrittenReport::text);
        assert_eq!(text("/data/images/a.png").as_deref(), Some("Clear lungs.\nNormal."));
        assert_eq!(text("/data/x/b.png").as_deref(), Some("Effusion, left."));
        assert_eq!(text("images/c.dcm").as_deref(), Some("No change."));
        assert_eq!(text("y/d.png"), None);
    }

    #[test]
    fn an_undivided_report_and_missing_columns() {
        let (_folder, path) = table("file,report\na.png,Heart enlarged.\n");
        assert_eq!(
            Reports::read(&path).expect("readable").of(Path::new("a.png")).expect("there").findings,
            "Heart enlarged."
        );
        for (text, part) in
            [("image,words\na,b\n", "for the text"), ("x,report\na,b\n", "for the film"), ("file,report\n", "no row")]
        {
            let (_folder, path) = table(text);
            let error = Reports::read(&path).expect_err(text).to_string();
            assert!(error.contains(part) && error.contains("reports.csv"), "{error}");
        }
    }
}
