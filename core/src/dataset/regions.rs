//! Reference regions: where on a film a reader, or the truth, saw a finding.
//!
//! In: a dataset's folder. Out: for each film and label a mask of the film's own pixels. Read are NIH's boxes
//! (`BBox_List_2017.csv` or `bbox.csv`, in 1024 x 1024 pixels), RSNA's lung opacities (`rsna_boxes.csv`, same scale; they
//! count as Pneumonia, which is what that challenge called them, and as Lung Opacity), pictures of masks
//! (`masks/LABEL/FILM.png`, white inside), and the truth of phantoms.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::FilmRecord;
use crate::error::{Error, Result};
use crate::phantom::{self, Factor, Phantom};
use crate::plane::Plane;
use crate::preprocess::Preprocess;
use crate::radiograph::{Metadata, Radiograph};

/// Side of the films that published boxes are drawn on.
const BOXES_SIDE: f64 = 1024.0;
/// Grey levels (of 2048) from which on a phantom and its counterfactual differ: half a level of the 8-bit film.
const DIFFERS: f32 = 4.0;
const NIH_TABLES: [&str; 2] = ["BBox_List_2017.csv", "bbox.csv"];
const RSNA_TABLE: &str = "rsna_boxes.csv";
const MASKS: &str = "masks";

/// Where a film shows a label.
#[derive(Clone, Debug, PartialEq)]
pub enum Region {
    /// Boxes `[x, y, width, height]` on a film of 1024 x 1024 pixels.
    Boxes(Vec<[f64; 4]>),
    /// A picture, white inside.
    Mask(PathBuf),
    /// A phantom with the factor.
    Truth(Box<Phantom>, Factor),
}

/// The regions of a folder by film (file name) and label.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regions {
    by_film: BTreeMap<String, BTreeMap<String, Region>>,
}

impl Regions {
    /// Reads what a folder has.
    ///
    /// # Errors
    /// When a table cannot be read, or a box is none.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut regions = Self::default();
        if let Some(table) = NIH_TABLES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
            for row in rows(&table)? {
                let label = if &row[1] == "Infiltrate" { "Infiltration" } else { &row[1] };
                regions.add_box(&row[0], label, parse_box(&table, &row, 2)?);
            }
        }
        let table = folder.join(RSNA_TABLE);
        if table.is_file() {
            for row in rows(&table)? {
                if &row[1] == "Lung Opacity" && !row[2].trim().is_empty() {
                    let found = parse_box(&table, &row, 2)?;
                    for label in ["Pneumonia", "Lung Opacity"] {
                        regions.add_box(&row[0], label, found);
                    }
                }
            }
        }
        regions.add_masks(&folder.join(MASKS))?;
        // Boxes of phantoms are drawn around their truth, which is better.
        for (path, phantom) in phantoms(folder)? {
            let labels = phantom::FACTORS.into_iter().filter(|&factor| phantom.settings.get(factor).present);
            let truth = |factor: Factor| (factor.label().to_owned(), Region::Truth(Box::new(phantom), factor));
            regions.by_film.insert(file_name(&path), labels.map(truth).collect());
        }
        Ok(regions)
    }

    /// Labels that any film has a region of.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.by_film.values().flat_map(|film| film.keys().cloned()).collect();
        labels.sort();
        labels.dedup();
        labels
    }

    /// The region of a label on a film.
    #[must_use]
    pub fn get(&self, film: &FilmRecord, label: &str) -> Option<&Region> {
        self.by_film.get(&file_name(&film.path))?.get(label)
    }

    fn add_box(&mut self, film: &str, label: &str, found: [f64; 4]) {
        let film = self.by_film.entry(film.to_owned()).or_default();
        match film.entry(label.to_owned()).or_insert_with(|| Region::Boxes(Vec::new())) {
            Region::Boxes(boxes) => boxes.push(found),
            other => *other = Region::Boxes(vec![found]),
        }
    }

    fn add_masks(&mut self, folder: &Path) -> Result<()> {
        if !folder.is_dir() {
            return Ok(());
        }
        let list = |folder: &Path| -> Result<Vec<PathBuf>> {
            let broken = |e: std::io::Error| Error::dataset(folder, format!("cannot list the masks ({e})"));
            let mut paths = std::fs::read_dir(folder)
                .map_err(broken)?
                .map(|entry| entry.map(|e| e.path()).map_err(broken))
                .collect::<Result<Vec<_>>>()?;
            paths.sort();
            Ok(paths)
        };
        for label in list(folder)?.into_iter().filter(|path| path.is_dir()) {
            for mask in list(&label)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "png")) {
                let film = self.by_film.entry(file_name(&mask)).or_default();
                film.insert(file_name(&label), Region::Mask(mask));
            }
        }
        Ok(())
    }
}

impl Region {
    /// The region in the model's own pixels, as the film is prepared for the model: every pixel that it touches is inside
    /// (gifsplanation resizes masks with the film and takes all that is not zero).
    ///
    /// # Errors
    /// When a mask cannot be read, or a phantom's film is not what its table says.
    pub fn mask(&self, film: &FilmRecord, input: &Plane, preprocess: &Preprocess) -> Result<Vec<bool>> {
        match self {
            Self::Boxes(boxes) => {
                let pixels = Radiograph::open(&film.path)?.pixels;
                Ok(prepared(box_mask(boxes, pixels.width(), pixels.height()), preprocess))
            }
            Self::Mask(path) => {
                let unit = Radiograph::open(path)?.to_unit();
                Ok(prepared(unit.map(|v| if v > 0.5 { 1.0 } else { 0.0 }), preprocess))
            }
            Self::Truth(phantom, factor) => {
                let side = Radiograph::open(&film.path)?.pixels.width();
                let without = phantom.with(*factor, false).render(side).to_png(&phantom.mark())?;
                let truth = preprocess.apply(&Radiograph::from_bytes(&film.path, &without)?);
                let change = input.zip(&truth, |film, truth| (film - truth).abs())?;
                Ok(change.data().iter().map(|&v| v >= DIFFERS).collect())
            }
        }
    }
}

/// Boxes on a film of another size. Place and size are each cut to whole pixels, as torchxrayvision does; of several boxes
/// all count, where it takes the last.
fn box_mask(boxes: &[[f64; 4]], width: usize, height: usize) -> Plane {
    let scaled = |v: f64, side: usize| ((v * side as f64 / BOXES_SIDE).max(0.0) as usize).min(side);
    let mut mask = Plane::filled(width, height, 0.0);
    for &[x, y, w, h] in boxes {
        let (left, top) = (scaled(x, width), scaled(y, height));
        let (right, bottom) = ((left + scaled(w, width)).min(width), (top + scaled(h, height)).min(height));
        for row in top..bottom {
            mask.data_mut()[row * width + left..row * width + right].fill(1.0);
        }
    }
    mask
}

/// A mask on its way to the model, as its film goes.
fn prepared(mask: Plane, preprocess: &Preprocess) -> Vec<bool> {
    let film = Radiograph { path: PathBuf::new(), pixels: mask, range: [0.0, 1.0], metadata: Metadata::default() };
    let least = preprocess.range[0] + 1e-3;
    preprocess.for_masks().apply(&film).data().iter().map(|&v| v > least).collect()
}

fn phantoms(folder: &Path) -> Result<Vec<(PathBuf, Phantom)>> {
    if phantom::folder::settings(folder)?.is_some() { phantom::folder::read(folder) } else { Ok(Vec::new()) }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn rows(table: &Path) -> Result<Vec<csv::StringRecord>> {
    let broken = |e: csv::Error| Error::dataset(table, format!("not a readable CSV table ({e})"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(table).map_err(broken)?;
    let rows = reader.records().collect::<csv::Result<Vec<_>>>().map_err(broken)?;
    match rows.iter().position(|row| row.len() < 6) {
        Some(row) => Err(Error::dataset(table, format!("row {} has fewer than six fields", row + 2))),
        None => Ok(rows),
    }
}

fn parse_box(table: &Path, row: &csv::StringRecord, first: usize) -> Result<[f64; 4]> {
    let number = |field: usize| row[field].trim().parse::<f64>().ok().filter(|v| v.is_finite());
    match [0, 1, 2, 3].map(|i| number(first + i)) {
        [Some(x), Some(y), Some(w), Some(h)] if w >= 0.0 && h >= 0.0 => Ok([x, y, w, h]),
        _ => {
            let line = row.position().map_or(0, csv::Position::line);
            Err(Error::dataset(table, format!("line {line} holds no box x, y, width, height")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::default_preprocess;

    fn film(name: &str) -> FilmRecord {
        FilmRecord { path: name.into(), patient: "1".into(), columns: BTreeMap::new(), teacher: BTreeMap::new() }
    }

    #[test]
    fn boxes_of_both_tables_and_masks_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("bbox.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Infiltrate,0,512,512,512,,,\n");
        write(
            "rsna_boxes.csv",
            "Image Index,rsna_class,x,y,width,height,rsna_id,match_mse\nb.png,Lung Opacity,1,2,3,4,q,0\nb.png,Normal,,,,,q,0\n",
        );
        std::fs::create_dir_all(folder.path().join("masks/Mass")).expect("a folder");
        write("masks/Mass/a.png", "not read before it is needed");
        let regions = Regions::read(folder.path()).expect("regions");
        assert_eq!(regions.labels(), ["Infiltration", "Lung Opacity", "Mass", "Pneumonia"]);
        assert_eq!(regions.get(&film("a.png"), "Infiltration"), Some(&Region::Boxes(vec![[0.0, 512.0, 512.0, 512.0]])));
        assert!(matches!(regions.get(&film("x/a.png"), "Mass"), Some(Region::Mask(_))));
        assert_eq!(regions.get(&film("b.png"), "Mass"), None);
        write("bbox.csv", "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,0,abc,512,512,,,\n");
        let error = Regions::read(folder.path()).expect_err("no number").to_string();
        assert!(error.contains("line 2") && error.contains("bbox.csv"), "{error}");
    }

    #[test]
    fn a_box_covers_its_share_of_the_model_input() {
        let mask = box_mask(&[[0.0, 512.0, 512.0, 512.0]], 64, 64);
        assert_eq!(mask.data().iter().sum::<f32>(), 32.0 * 32.0);
        assert_eq!(mask.get(0, 32) + mask.get(31, 63) + mask.get(32, 63) + mask.get(0, 31), 2.0);
        let inside = prepared(mask, &default_preprocess());
        assert_eq!(inside.len(), 224 * 224);
        let share = inside.iter().filter(|&&m| m).count() as f64 / inside.len() as f64;
        assert!((0.25..0.27).contains(&share), "{share}");
    }
}
