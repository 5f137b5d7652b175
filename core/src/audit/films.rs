//! The films of an audit: those of a store, with what a metadata table and the store itself know of them.
//!
//! In: an open store and, if there is one, a [`MetadataTable`]. Out: [`AuditedFilms`]: film numbers, paths and patients, and
//! any [`Column`] by name. Cells are read for the column that is asked for; nothing else of a large store is held.

use std::collections::HashMap;

use super::column::{Column, Values, thousands};
use super::table::MetadataTable;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::store::Store;

/// Films looked up at a time.
const PIECE: usize = 4096;

/// The films of a store and their metadata.
pub struct AuditedFilms<'a> {
    store: &'a Store,
    table: Option<MetadataTable>,
    /// Rows of each film in the table.
    rows: Vec<Vec<u32>>,
    /// Position in the dataset, ascending.
    films: Vec<u32>,
    paths: Vec<String>,
    patients: Vec<u32>,
    patient_count: usize,
    notes: Vec<String>,
}

/// A column that an audit could ask for.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ColumnChoice {
    /// Its name.
    pub name: String,
    /// Where it stands: the table's file, or the store.
    pub source: String,
    /// Why it cannot be audited; none where it can.
    pub refused: Option<String>,
}

impl<'a> AuditedFilms<'a> {
    /// The films of a store with the columns of a table and of the store's own film table. Where a name is in both, the
    /// table's column is meant. Patients are the store's; where the store knows none (each film its own) and the table names
    /// them, the table's.
    ///
    /// # Errors
    /// When the store is a shard or damaged, the table names none of its films, or the work is cancelled.
    pub fn new(store: &'a Store, table: Option<MetadataTable>, progress: &Progress<'_>) -> Result<Self> {
        if store.info().shard.is_some() {
            let reason = "this store is a part of a dataset; join the parts with fluoro merge first";
            return Err(Error::store(store.folder(), reason));
        }
        let failed: Vec<u32> = store.failed()?.into_iter().map(|film| film.film).collect();
        let all = u32::try_from(store.films_len() + failed.len() as u64).unwrap_or(u32::MAX);
        let films: Vec<u32> = (0..all).filter(|film| failed.binary_search(film).is_err()).collect();
        let (mut paths, mut names) = (Vec::with_capacity(films.len()), Vec::with_capacity(films.len()));
        for piece in films.chunks(PIECE) {
            progress.step("reading films", paths.len(), films.len())?;
            for entry in store.films(piece)? {
                paths.push(entry.path);
                names.push(entry.patient);
            }
        }
        let rows = table.as_ref().map(|table| table.find(&paths)).transpose()?.unwrap_or_default();
        let mut notes = Vec::new();
        if !failed.is_empty() {
            notes.push(format!(
                "{} films of the dataset could not be read when it was encoded.",
                thousands(failed.len())
            ));
        }
        let (mut patients, mut patient_count) = numbered(&names);
        if let Some(table) = &table {
            let named = rows.iter().filter(|rows| !rows.is_empty()).count();
            if named < films.len() {
                let (left, all) = (thousands(films.len() - named), thousands(films.len()));
                notes.push(format!("{left} of the store's {all} films have no row in {}.", table.name));
            }
            if let Some(column) = table.patient_column().filter(|_| patient_count == films.len()) {
                let by_table: Vec<String> = rows
                    .iter()
                    .zip(names)
                    .map(|(rows, own)| {
                        let named =
                            rows.first().and_then(|&row| table.cell(row, column)).filter(|name| !name.is_empty());
                        named.map_or(own, str::to_owned)
                    })
                    .collect();
                (patients, patient_count) = numbered(&by_table);
                if patient_count < films.len() {
                    notes.push(format!("Patients are those of column \"{column}\" of {}.", table.name));
                }
            }
        }
        if patient_count == films.len() {
            notes.push("Each film counts as of a patient of its own: no patient is named twice.".into());
        }
        Ok(Self { store, table, rows, films, paths, patients, patient_count, notes })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.store
    }

    /// Positions of the films in the dataset, ascending; all else is in this order.
    #[must_use]
    pub fn films(&self) -> &[u32] {
        &self.films
    }

    /// Paths as the store has them: relative to the dataset's folder.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Patients, numbered from 0.
    #[must_use]
    pub fn patients(&self) -> &[u32] {
        &self.patients
    }

    /// How many patients there are.
    #[must_use]
    pub fn patient_count(&self) -> usize {
        self.patient_count
    }

    /// What a reader should know of the films, in sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// All columns, the table's first, with the reason why one cannot be audited.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn choices(&self) -> Result<Vec<ColumnChoice>> {
        let choice = |(name, source): (String, String)| match self.column(&name) {
            Ok(_) => Ok(ColumnChoice { name, source, refused: None }),
            Err(Error::Invalid(reason)) => Ok(ColumnChoice { name, source, refused: Some(reason) }),
            Err(other) => Err(other),
        };
        self.names().into_iter().map(choice).collect()
    }

    /// A column of the table, or of the store. Groups with fewer than two patients are left out, with a note.
    ///
    /// # Errors
    /// With the nearest names where there is no such column; with the reason where it cannot be audited: see
    /// [`Column::read`]; when fewer than two groups have two patients.
    pub fn column(&self, name: &str) -> Result<Column> {
        if self.table.as_ref().and_then(MetadataTable::patient_column) == Some(name) {
            return Err(Error::Invalid(format!("column \"{name}\" names the patients; it is no property of a film")));
        }
        let (cells, mut notes) = match &self.table {
            Some(table) if table.columns().any(|column| column == name) => self.table_cells(table, name),
            _ if self.store.columns().iter().any(|column| column == name) => (self.store_cells(name)?, Vec::new()),
            _ => {
                let names = self.names();
                return Err(Error::unknown("column", name, names.iter().map(|(name, _)| name.as_str())));
            }
        };
        let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        let mut column = Column::read(name, &cells).map_err(Error::Invalid)?;
        if let Values::Groups { names, of } = &column.values {
            let mut patients: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
            for (of, &patient) in of.iter().zip(&self.patients) {
                if let Some(list) = of.and_then(|group| patients.get_mut(group)).filter(|list| list.len() < 2)
                    && !list.contains(&patient)
                {
                    list.push(patient);
                }
            }
            let keep: Vec<bool> = patients.iter().map(|patients| patients.len() > 1).collect();
            if keep.iter().filter(|keep| **keep).count() < 2 {
                let small = names.iter().zip(&keep).find(|(_, keep)| !**keep).map_or("", |(name, _)| name);
                return Err(Error::Invalid(format!(
                    "column \"{name}\": the films of \"{small}\" are of one patient only; two groups need two patients each"
                )));
            }
            column.retain(&keep, "films of one patient only");
        }
        if column.missing > 0 {
            let (missing, all) = (thousands(column.missing), thousands(self.films.len()));
            notes.push(format!("{missing} of {all} films have no value in column \"{name}\" and are left out."));
        }
        column.notes.splice(0..0, notes);
        Ok(column)
    }

    /// Names of all columns and where they stand.
    fn names(&self) -> Vec<(String, String)> {
        let table =
            self.table.iter().flat_map(|table| table.columns().map(|name| (name.to_owned(), table.name.clone())));
        let mut names: Vec<(String, String)> = table.collect();
        for name in self.store.columns() {
            if names.iter().all(|(other, _)| other != name) {
                names.push((name.clone(), "store".into()));
            }
        }
        names
    }

    fn table_cells(&self, table: &MetadataTable, name: &str) -> (Vec<Option<String>>, Vec<String>) {
        let mut contradicting = 0;
        let cells = self
            .rows
            .iter()
            .map(|rows| {
                let mut cells = rows.iter().filter_map(|&row| table.cell(row, name));
                let first = cells.next()?;
                if cells.all(|cell| cell == first) {
                    return Some(first.to_owned());
                }
                contradicting += 1;
                None
            })
            .collect();
        let note = format!(
            "{} films have several rows in {} that contradict each other in column \"{name}\".",
            thousands(contradicting),
            table.name
        );
        (cells, if contradicting > 0 { vec![note] } else { Vec::new() })
    }

    fn store_cells(&self, name: &str) -> Result<Vec<Option<String>>> {
        let mut cells = Vec::with_capacity(self.films.len());
        for piece in self.films.chunks(PIECE) {
            let entries = self.store.films(piece)?;
            cells.extend(entries.iter().map(|entry| entry.columns.get(name).map(f32::to_string)));
        }
        Ok(cells)
    }
}

/// Names as numbers from 0, in the order of their first film.
fn numbered(names: &[String]) -> (Vec<u32>, usize) {
    let mut by_name: HashMap<&str, u32> = HashMap::with_capacity(names.len());
    let numbers = names
        .iter()
        .map(|name| {
            let next = by_name.len() as u32;
            *by_name.entry(name).or_insert(next)
        })
        .collect();
    (numbers, by_name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MadeUp;

    fn store(films: u32) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("folder");
        MadeUp::new(films, 20, 4, 1)
            .write(&folder.path().join("s"), None, false, &Progress::silent())
            .expect("a store");
        let store = Store::open(&folder.path().join("s")).expect("opens");
        (folder, store)
    }

    fn table(folder: &tempfile::TempDir, text: &str) -> MetadataTable {
        let path = folder.path().join("m.csv");
        std::fs::write(&path, text).expect("written");
        MetadataTable::read(&path).expect("a table")
    }

    fn refusal<T>(found: Result<T>) -> String {
        found.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn columns_of_the_store_alone() {
        let (_folder, store) = store(600);
        let films = AuditedFilms::new(&store, None, &Progress::silent()).unwrap();
        // Film 498 cannot be read; three films are of one patient.
        assert_eq!((films.films().len(), films.patient_count(), films.films()[498]), (599, 200, 499));
        assert_eq!(films.paths()[498], "images/00000499.png");
        assert!(films.notes()[0].starts_with("1 films of the dataset could not be read"), "{:?}", films.notes());
        let column = films.column("AP view").unwrap();
        assert!((30..90).contains(&column.missing), "{}", column.missing);
        assert!(column.notes[0].contains("of 599 films have no value in column \"AP view\""), "{:?}", column.notes);
        assert_eq!(films.column("Age").unwrap().kind(), crate::audit::column::ColumnKind::Numbers);
        assert!(refusal(films.column("AP viw")).contains("unknown column \"AP viw\"; nearest: AP view"));
    }

    #[test]
    fn columns_of_a_table_come_first() {
        let (folder, store) = store(30);
        let row = |i: u32| {
            let site = ["A", "B", "C"][if i == 7 { 2 } else { (i % 2) as usize }];
            format!("{i:08}.png,{site},{},{},one\n", f64::from(i) / 2.0, if i < 15 { "" } else { "x" })
        };
        let rows: String = (0..28).map(row).collect();
        let text = format!("file,Site,Male,Few,Only\n{rows}00000003.png,A,1.5,,one\n");
        let films = AuditedFilms::new(&store, Some(table(&folder, &text)), &Progress::silent()).unwrap();
        assert!(films.notes().iter().any(|note| note.starts_with("2 of the store's 30 films have no row in m.csv")));
        let site = films.column("Site").unwrap();
        let notes = site.notes.join(" ");
        assert!(notes.contains("1 films have several rows in m.csv that contradict each other"), "{notes}");
        assert!(notes.contains("Left out of column \"Site\": \"C\" (films of one patient only)"), "{notes}");
        assert_eq!((site.missing, site.flags().unwrap()[0]), (4, Some(true)));
        assert_eq!(films.column("Male").unwrap().kind(), crate::audit::column::ColumnKind::Numbers, "the table's");
        let choices = films.choices().unwrap();
        let only = choices.iter().find(|choice| choice.name == "Only").expect("listed");
        assert!(only.refused.as_ref().is_some_and(|reason| reason.contains("one value only")), "{only:?}");
        assert!(choices.iter().any(|choice| choice.name == "Effusion" && choice.source == "store"));
        assert_eq!(choices.iter().filter(|choice| choice.name == "Male").count(), 1);
    }

    #[test]
    fn patients_and_groups_of_one_patient() {
        let (folder, store) = store(9);
        let rows: String = (0..9).map(|i| format!("images/{i:08}.png,p{i},{}\n", i / 3)).collect();
        let films = AuditedFilms::new(
            &store,
            Some(table(&folder, &format!("path,Patient ID,Site\n{rows}"))),
            &Progress::silent(),
        );
        let films = films.unwrap();
        assert_eq!(films.patient_count(), 3, "the store knows its patients");
        assert!(refusal(films.column("Patient ID")).contains("names the patients"));
        let text =
            "path,Site\nimages/00000000.png,A\nimages/00000001.png,A\nimages/00000003.png,B\nimages/00000006.png,B\n";
        let films = AuditedFilms::new(&store, Some(table(&folder, text)), &Progress::silent()).unwrap();
        let reason = refusal(films.column("Site"));
        assert!(reason.contains("the films of \"A\" are of one patient only"), "{reason}");
        let error =
            refusal(AuditedFilms::new(&store, Some(table(&folder, "path,Site\nq.png,A\n")), &Progress::silent()));
        assert!(error.contains("none of the films in column \"path\" is in the store"), "{error}");
    }
}
