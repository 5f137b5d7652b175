//! NIH ChestX-ray14 (Wang et al., CVPR 2017): `Data_Entry_2017*.csv` or `metadata.csv`, films in `images/` or beside it.
//!
//! `markers.csv` (what is burned into the film) and `chexnet_preds.csv` (a published network's probabilities) are read
//! where they are. Folders of phantoms have the same table; what it cannot say is read from their `factors.csv`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::columns::{AP_VIEW, MALE, NIH_FINDINGS, PORTABLE_MARKER};
use super::{Dataset, FilmRecord, Missing, Source, TRAINED_LABELS};
use crate::error::{Error, Result};
use crate::phantom::{self, FACTORS, Settings};

pub(super) const DESCRIPTION: &str = "NIH (Data_Entry_2017.csv or metadata.csv with columns \"Image Index\", \
                                      \"Finding Labels\", \"Patient ID\", \"Patient Gender\", \"View Position\")";

const TABLES: [&str; 3] = ["metadata.csv", "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"];
const IMAGE: &str = "Image Index";

type Row = HashMap<String, String>;

/// The dataset in `folder` if it has an NIH table.
pub(super) fn open(folder: &Path, missing: Missing) -> Result<Option<Dataset>> {
    let Some(table) = TABLES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
        return Ok(None);
    };
    let rows = read_table(&table)?;
    for column in [IMAGE, "Finding Labels", "Patient ID", "Patient Gender", "View Position"] {
        if rows.first().is_some_and(|row| !row.contains_key(column)) {
            return Err(Error::dataset(
                &table,
                format!("the table has no column \"{column}\"; it needs {DESCRIPTION}"),
            ));
        }
    }
    let portable = by_image(&folder.join("markers.csv"))?;
    let teacher = by_image(&folder.join("chexnet_preds.csv"))?;
    let factors = phantom::folder::settings(folder)?;
    let images = image_folder(folder);
    let mut films = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = &row[IMAGE];
        let path = images.join(name);
        if missing == Missing::Refused && !path.is_file() {
            return Err(Error::dataset(
                &table,
                format!("the table names {name}, which is not in {}", images.display()),
            ));
        }
        let mut columns = columns(row, portable.get(name));
        if let Some(factors) = &factors {
            let settings = factors
                .get(name)
                .ok_or_else(|| Error::dataset(&table, format!("the table names {name}, which factors.csv does not")))?;
            columns.extend(factor_columns(settings));
        }
        films.push(FilmRecord {
            path,
            patient: row["Patient ID"].clone(),
            columns,
            teacher: teacher.get(name).map(teacher_probabilities).unwrap_or_default(),
        });
    }
    let (labels, source) = match factors {
        Some(_) => (FACTORS.map(|factor| factor.label().to_owned()).to_vec(), Source::Phantoms),
        None => (TRAINED_LABELS.map(str::to_owned).to_vec(), Source::Nih),
    };
    Ok(Some(Dataset { films, labels, sources: vec![source] }))
}

fn factor_columns(settings: &Settings) -> impl Iterator<Item = (String, f32)> {
    let settings = *settings;
    FACTORS
        .into_iter()
        .map(move |factor| (factor.label().to_owned(), f32::from(u8::from(settings.get(factor).present))))
}

fn columns(row: &Row, markers: Option<&Row>) -> BTreeMap<String, f32> {
    let found: Vec<&str> = row["Finding Labels"].split('|').map(str::trim).collect();
    let mut columns: BTreeMap<String, f32> = NIH_FINDINGS
        .iter()
        .map(|&finding| (finding.to_owned(), f32::from(u8::from(found.contains(&finding)))))
        .collect();
    match row["View Position"].as_str() {
        "AP" => columns.insert(AP_VIEW.to_owned(), 1.0),
        "PA" => columns.insert(AP_VIEW.to_owned(), 0.0),
        _ => None,
    };
    match row["Patient Gender"].as_str() {
        "M" => columns.insert(MALE.to_owned(), 1.0),
        "F" => columns.insert(MALE.to_owned(), 0.0),
        _ => None,
    };
    if let Some(value) = markers.and_then(|m| m.get("portable_text")).and_then(|text| text.parse::<f32>().ok()) {
        columns.insert(PORTABLE_MARKER.to_owned(), value);
    }
    columns
}

fn teacher_probabilities(row: &Row) -> BTreeMap<String, f32> {
    NIH_FINDINGS
        .iter()
        .filter_map(|&finding| {
            let value = row.get(&format!("prob_{finding}"))?.parse::<f32>().ok()?;
            (0.0..=1.0).contains(&value).then(|| (finding.to_owned(), value))
        })
        .collect()
}

fn image_folder(folder: &Path) -> PathBuf {
    let inside = folder.join("images");
    if inside.is_dir() { inside } else { folder.to_path_buf() }
}

fn by_image(table: &Path) -> Result<HashMap<String, Row>> {
    if !table.is_file() {
        return Ok(HashMap::new());
    }
    let rows = read_table(table)?;
    if rows.first().is_some_and(|row| !row.contains_key(IMAGE)) {
        return Err(Error::dataset(table, format!("the table has no column \"{IMAGE}\"")));
    }
    Ok(rows.into_iter().map(|row| (row[IMAGE].clone(), row)).collect())
}

fn read_table(table: &Path) -> Result<Vec<Row>> {
    let broken = |e: csv::Error| Error::dataset(table, format!("not a readable CSV table ({e})"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(table).map_err(broken)?;
    let headers = reader.headers().map_err(broken)?.clone();
    reader
        .records()
        .map(|record| {
            let record = record.map_err(broken)?;
            if record.len() < headers.len() {
                let line = record.position().map_or(0, csv::Position::line);
                let reason = format!("line {line} has {} fields, the header {}", record.len(), headers.len());
                return Err(Error::dataset(table, reason));
            }
            Ok(headers.iter().zip(record.iter()).map(|(h, v)| (h.to_owned(), v.to_owned())).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
                         OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n\
                         a.png,Cardiomegaly|Effusion,0,1,55,F,PA,2048,2500,0.171,0.171\n\
                         b.png,No Finding,0,2,31,M,AP,2986,2991,0.143,0.143\n";

    #[test]
    fn reads_labels_view_sex_and_markers() {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("metadata.csv"), TABLE).expect("table");
        for name in ["a.png", "b.png"] {
            std::fs::write(folder.path().join(name), b"film").expect("film");
        }
        let markers = "Image Index,View Position,portable_text\nb.png,AP,1\n";
        std::fs::write(folder.path().join("markers.csv"), markers).expect("markers");
        let dataset = open(folder.path(), Missing::Refused).expect("readable").expect("an NIH table");
        let [a, b] = &dataset.films[..] else { panic!("two films") };
        assert_eq!((a.columns["Cardiomegaly"], a.columns["Effusion"], a.columns["Mass"]), (1.0, 1.0, 0.0));
        assert_eq!((a.columns[AP_VIEW], a.columns[MALE], a.columns.get(PORTABLE_MARKER)), (0.0, 0.0, None));
        assert_eq!((b.columns[AP_VIEW], b.columns[MALE], b.columns[PORTABLE_MARKER]), (1.0, 1.0, 1.0));
        assert_eq!(b.patient, "2");
    }

    #[test]
    fn a_missing_film_and_a_missing_column_are_named() {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("metadata.csv"), TABLE).expect("table");
        let error = open(folder.path(), Missing::Refused).expect_err("films are missing").to_string();
        assert!(error.contains("a.png"), "{error}");
        std::fs::write(folder.path().join("metadata.csv"), "Image Index,View Position\na.png,PA\n").expect("table");
        let error = open(folder.path(), Missing::Refused).expect_err("a column is missing").to_string();
        assert!(error.contains("Finding Labels"), "{error}");
    }
}
