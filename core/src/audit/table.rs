//! A metadata table: a CSV file with a row for each film.
//!
//! In: its path. Out: [`MetadataTable`], which finds the rows of a film by the film's path, the ends of it, its file's name,
//! or that without its ending. Knows nothing of stores.

use std::collections::HashMap;
use std::path::Path;

use crate::dataset::reports::{FILM, names_of};
use crate::error::{Error, Result};

/// Columns that name the patient, the first that is there is taken.
const PATIENT: [&str; 6] = ["patient id", "patient", "patient_id", "patientid", "subject_id", "deid_patient_id"];

/// A table of metadata, read.
#[derive(Clone, Debug)]
pub struct MetadataTable {
    /// The file's name, without its folder.
    pub name: String,
    header: Vec<String>,
    film: usize,
    rows: Vec<csv::StringRecord>,
    by_name: HashMap<String, Vec<u32>>,
}

impl MetadataTable {
    /// Reads a table. Films are named by the first of the columns that tables of films use ("Image Index", "path", "film",
    /// "file" and so on, upper and lower case alike), else by the first column.
    ///
    /// # Errors
    /// When it is no CSV table, has no row, no second column, or two columns of one name.
    pub fn read(path: &Path) -> Result<Self> {
        let broken = |e: csv::Error| Error::dataset(path, format!("not a readable CSV table of metadata ({e})"));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(broken)?;
        let header: Vec<String> = reader
            .headers()
            .map_err(broken)?
            .iter()
            .map(|name| name.trim().trim_start_matches('\u{feff}').to_owned())
            .collect();
        if header.len() < 2 {
            let reason = "the table needs a column that names the film and one more; is it divided by commas?";
            return Err(Error::dataset(path, reason));
        }
        if let Some(twice) =
            header.iter().enumerate().find(|(place, name)| !name.is_empty() && header[..*place].contains(name))
        {
            return Err(Error::dataset(path, format!("two columns of the table are called \"{}\"", twice.1)));
        }
        let film =
            FILM.iter().find_map(|name| header.iter().position(|head| head.eq_ignore_ascii_case(name))).unwrap_or(0);
        let mut by_name: HashMap<String, Vec<u32>> = HashMap::new();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(broken)?;
            let row = u32::try_from(rows.len()).map_err(|_| Error::dataset(path, "the table has too many rows"))?;
            // Open-i names all films of a report, divided by semicolons.
            for name in record.get(film).unwrap_or_default().split(';').map(str::trim).filter(|name| !name.is_empty()) {
                by_name.entry(name.replace('\\', "/")).or_default().push(row);
            }
            rows.push(record);
        }
        if by_name.is_empty() {
            let reason = format!("no row of the table names a film in column \"{}\"", header[film]);
            return Err(Error::dataset(path, reason));
        }
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, header, film, rows, by_name })
    }

    /// The column that names the films.
    #[must_use]
    pub fn film_column(&self) -> &str {
        &self.header[self.film]
    }

    /// The other columns, in the file's order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let others = self.header.iter().enumerate().filter(|(place, name)| *place != self.film && !name.is_empty());
        others.map(|(_, name)| name.as_str())
    }

    /// The column that names the patient, if there is one.
    #[must_use]
    pub fn patient_column(&self) -> Option<&str> {
        PATIENT.iter().find_map(|name| self.columns().find(|head| head.eq_ignore_ascii_case(name)))
    }

    /// Films that the table names.
    #[must_use]
    pub fn films(&self) -> usize {
        self.by_name.len()
    }

    /// Rows of each film, by its path; none for films that the table does not name.
    ///
    /// # Errors
    /// When it names none of them.
    pub fn find(&self, films: &[String]) -> Result<Vec<Vec<u32>>> {
        let mut found: Vec<Vec<u32>> = films.iter().map(|film| self.by_path(film)).collect();
        if found.iter().all(Vec::is_empty) {
            found = self.by_end(films);
        }
        if found.iter().all(Vec::is_empty) {
            let example = self.rows.iter().find_map(|row| row.get(self.film).filter(|name| !name.trim().is_empty()));
            return Err(Error::Invalid(format!(
                "{}: none of the films in column \"{}\" is in the store; the table says \"{}\", the store \"{}\"",
                self.name,
                self.film_column(),
                example.unwrap_or_default(),
                films.first().map_or("", String::as_str)
            )));
        }
        Ok(found)
    }

    /// The cell of a row; none where the row ends before it.
    pub(super) fn cell(&self, row: u32, column: &str) -> Option<&str> {
        let place = self.header.iter().position(|name| name == column)?;
        self.rows.get(row as usize)?.get(place).map(str::trim)
    }

    fn by_path(&self, film: &str) -> Vec<u32> {
        names_of(Path::new(film)).iter().find_map(|name| self.by_name.get(name)).cloned().unwrap_or_default()
    }

    /// For tables that name films by longer paths than the store, as CheXpert's do: a film is found where its path is the
    /// end of one name only.
    fn by_end(&self, films: &[String]) -> Vec<Vec<u32>> {
        let mut ends: HashMap<&str, Option<&Vec<u32>>> = HashMap::new();
        for (name, rows) in &self.by_name {
            for end in name.char_indices().filter(|&(_, c)| c == '/').map(|(at, _)| &name[at + 1..]) {
                ends.entry(end).and_modify(|rows| *rows = None).or_insert(Some(rows));
            }
        }
        let find = |film: &String| ends.get(film.replace('\\', "/").as_str()).copied().flatten();
        films.iter().map(|film| find(film).cloned().unwrap_or_default()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn table(text: &str) -> Result<MetadataTable> {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("metadata.csv");
        std::fs::write(&path, text).expect("written");
        MetadataTable::read(&path)
    }

    fn films(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn films_are_found_by_path_name_stem_and_end() {
        let by_name = table("View,Image Index\nAP,a.png\nPA,x/b.png\nLL,c\nAP,c\n").unwrap();
        assert_eq!((by_name.film_column(), by_name.films()), ("Image Index", 3));
        let found = by_name.find(&films(&["images/a.png", "x/b.png", "y/c.dcm", "d.png"])).unwrap();
        assert_eq!(found, [vec![0], vec![1], vec![2, 3], vec![]]);
        assert_eq!((by_name.cell(1, "View"), by_name.cell(1, "Age")), (Some("PA"), None));
        let chexpert = table("Path,Sex\nCheX/train/p1/v.jpg,F\nCheX/train/p2/v.jpg,M\n").unwrap();
        assert_eq!(chexpert.find(&films(&["train/p2/v.jpg", "v.jpg"])).unwrap(), [vec![1], vec![]]);
        let first = table("\u{feff}name,Patient ID\na.png,7\n").unwrap();
        assert_eq!((first.film_column(), first.patient_column()), ("name", Some("Patient ID")));
    }

    #[test]
    fn tables_that_cannot_be_used() {
        for (text, part) in [
            ("name\na.png\n", "divided by commas"),
            ("name,x,x\na.png,1,2\n", "two columns of the table are called \"x\""),
            ("name,x\n", "no row of the table names a film in column \"name\""),
            ("name,x\n,1\n", "no row of the table names a film"),
        ] {
            let error = table(text).expect_err(part).to_string();
            assert!(error.contains(part) && error.contains("metadata.csv"), "{error}");
        }
        assert!(MetadataTable::read(Path::new("/no/such.csv")).is_err());
        let error =
            table("name,x\na.png,1\n").unwrap().find(&films(&["images/b.png"])).expect_err("no film").to_string();
        assert!(
            error.contains("\"name\"") && error.contains("\"a.png\"") && error.contains("\"images/b.png\""),
            "{error}"
        );
    }
}
