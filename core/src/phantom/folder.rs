//! A folder of phantoms: films, the tables that say what is on them, and, where asked for, the truth of every factor.
//!
//! ```text
//! images/00000001_000.png          films, 8-bit grey
//! Data_Entry_2017.csv              NIH ChestX-ray14's table, its columns and its words
//! markers.csv                      what is burned into the films
//! factors.csv                      seed, and presence, strength and side of every factor
//! reports.csv                      findings and impression
//! phantom.ron                      the request, so that a run can be resumed
//! BBox_List_2017.csv               with truth: boxes of the findings, in NIH's 1024 x 1024 pixels
//! truth/00000001_000/KEY.png       with truth: the film with that factor switched
//! truth/00000001_000/KEY.mask.png  with truth: white where it differs by a grey level or more
//! truth/00000001_000/KEY.changed.png, KEY.changed.mask.png   a present factor that has a strength at another one
//! ```
//!
//! Films are drawn beside the folder's own files in portions; a portion is renamed into place and the tables follow, so
//! that an interrupted run leaves whole films and tables that name no film that is not there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::factors::{FACTORS, Factor, Settings};
use super::prevalence::Prevalence;
use super::tables::{self, Row};
use super::{Film, Phantom, difference_mask};
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::export::atomic::Staged;

const REQUEST_FILE: &str = "phantom.ron";
/// Films, relative to the folder.
pub const IMAGES: &str = "images";
/// Counterfactuals and masks, relative to the folder.
pub const TRUTH: &str = "truth";
/// Smallest portion; portions grow with what is done, so that the tables are not written too often.
const PORTION: usize = 64;
const LARGEST_PORTION: usize = 2048;
/// Around the random part of the name of the folder that a portion is drawn in.
const ASIDE: [&str; 2] = [".fluoro-", ".part"];

/// Sides that a phantom can be drawn at, in pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 32..=2048;

/// Which phantoms to draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhantomRequest {
    /// Films.
    pub count: usize,
    /// Film `i` of a seed is the same whatever the count.
    pub seed: u64,
    /// Width and height in pixels, [`SIDES`].
    pub side: usize,
    /// How often each factor is present.
    pub prevalence: Prevalence,
    /// Also write every factor's counterfactual and mask.
    pub truth: bool,
}

impl PhantomRequest {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=10_000_000).contains(&self.count) {
            return Err(Error::Invalid(format!("{} films; draw between 1 and 10000000", self.count)));
        }
        if !SIDES.contains(&self.side) {
            let (low, high) = (SIDES.start(), SIDES.end());
            return Err(Error::Invalid(format!("{} pixels a side; draw between {low} and {high}", self.side)));
        }
        self.prevalence.draw(0).map(drop)
    }

    /// Phantom number `index`, from 1.
    ///
    /// # Errors
    /// When factors depend on each other in a circle.
    pub fn phantom(&self, index: usize) -> Result<Phantom> {
        let seed = film_seed(self.seed, index as u64);
        Ok(Phantom { seed, settings: self.prevalence.draw(seed)? })
    }
}

/// What a run has written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhantomReport {
    /// The folder.
    pub output: String,
    /// Films in it.
    pub films: usize,
    /// Films on which each factor is present, by its label.
    pub factors: BTreeMap<String, usize>,
    /// Films drawn in this run, a second.
    pub films_per_second: f64,
    /// Wall time of this run.
    pub seconds: f64,
}

/// Draws what is asked for into `folder`. With `resume`, goes on where an earlier run of the same request ended.
///
/// # Errors
/// When the request makes no sense, the folder holds anything else, a file cannot be written, or the run was cancelled;
/// what is then in the folder is whole.
pub fn write(folder: &Path, request: &PhantomRequest, resume: bool, progress: &Progress<'_>) -> Result<PhantomReport> {
    request.check()?;
    let start = Instant::now();
    let mut rows = begin(folder, request, resume)?;
    let first = rows.len();
    while rows.len() < request.count {
        progress.step("drawing phantoms", rows.len(), request.count)?;
        let portion = (rows.len() / 2).clamp(PORTION, LARGEST_PORTION).min(request.count - rows.len());
        // Truth is forty films for one: smaller portions, or much would be lost with a killed run.
        let portion = if request.truth { portion.min(LARGEST_PORTION / 8) } else { portion };
        let begun = rows.len();
        rows.extend(draw_portion(folder, request, begun..begun + portion, progress)?);
        tables::write(folder, &rows, request.side, request.truth)?;
    }
    progress.step("drawing phantoms", rows.len(), request.count)?;
    let seconds = start.elapsed().as_secs_f64();
    let present = |factor: Factor| rows.iter().filter(|row| row.phantom.settings.get(factor).present).count();
    Ok(PhantomReport {
        output: folder.display().to_string(),
        films: rows.len(),
        factors: FACTORS.into_iter().map(|factor| (factor.label().to_owned(), present(factor))).collect(),
        films_per_second: (rows.len() - first) as f64 / seconds.max(1e-9),
        seconds,
    })
}

/// Makes the folder, or takes up what an earlier run left.
fn begin(folder: &Path, request: &PhantomRequest, resume: bool) -> Result<Vec<Row>> {
    let failed = |e: std::io::Error| Error::write(folder, &e);
    let note = folder.join(REQUEST_FILE);
    if resume && note.is_file() {
        let text = fs::read_to_string(&note).map_err(|e| Error::dataset(&note, format!("cannot be read ({e})")))?;
        let earlier: PhantomRequest =
            ron::from_str(&text).map_err(|e| Error::dataset(&note, format!("not a readable request ({e})")))?;
        // The count may grow: a film does not depend on it.
        if (PhantomRequest { count: request.count, ..earlier }) != *request {
            let reason = "this folder was begun with another seed, size, probabilities or truth; resume with the same";
            return Err(Error::dataset(&note, reason));
        }
        let mut rows = tables::read(folder)?;
        if rows.len() > request.count {
            let reason = format!("{} phantoms are here already, more than the {} asked for", rows.len(), request.count);
            return Err(Error::dataset(folder, reason));
        }
        for (index, row) in rows.iter_mut().enumerate() {
            if row.image != image_name(index + 1) || row.phantom != request.phantom(index + 1)? {
                let reason = format!("line {} of factors.csv is not what this run wrote there; draw anew", index + 2);
                return Err(Error::dataset(folder, reason));
            }
            if request.truth {
                row.boxes = boxes_of(folder, row, request.side)?;
            }
        }
        remove_leftovers(folder, rows.len())?;
        write_request(folder, request)?;
        fs::create_dir_all(folder.join(IMAGES)).map_err(failed)?;
        // A run that was killed between two tables left one of them behind the other.
        if !rows.is_empty() {
            tables::write(folder, &rows, request.side, request.truth)?;
        }
        return Ok(rows);
    }
    if folder.exists() {
        let is_empty = folder.is_dir() && fs::read_dir(folder).map_err(failed)?.next().is_none();
        if !is_empty {
            let reason = if note.is_file() {
                "phantoms are here already; go on with --resume or choose another folder"
            } else {
                "this is not an empty folder; choose another"
            };
            return Err(Error::Write { path: folder.to_path_buf(), reason: reason.into() });
        }
    }
    fs::create_dir_all(folder).map_err(failed)?;
    write_request(folder, request)?;
    fs::create_dir_all(folder.join(IMAGES)).map_err(failed)?;
    Ok(Vec::new())
}

/// Removes what a killed run was drawing: its folder aside, staged tables, and films beyond the `done` first, which no
/// table names.
fn remove_leftovers(folder: &Path, done: usize) -> Result<()> {
    let remove = |path: &Path| {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(|e| Error::write(path, &e))
    };
    for inside in [folder.to_path_buf(), folder.join(IMAGES), folder.join(TRUTH)] {
        if !inside.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&inside).map_err(|e| Error::write(&inside, &e))? {
            let path = entry.map_err(|e| Error::write(&inside, &e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_aside = name.starts_with(ASIDE[0]) && name.ends_with(ASIDE[1]);
            let number = stem(&name).strip_suffix("_000").and_then(|digits| digits.parse::<usize>().ok());
            if is_aside || (inside != folder && number.is_some_and(|number| number > done)) {
                remove(&path)?;
            }
        }
    }
    Ok(())
}

/// Name of film `number`, from 1, as NIH's: patient and follow-up.
fn image_name(number: usize) -> String {
    format!("{number:08}_000.png")
}

fn write_request(folder: &Path, request: &PhantomRequest) -> Result<()> {
    let path = folder.join(REQUEST_FILE);
    let text = ron::ser::to_string_pretty(request, ron::ser::PrettyConfig::default())
        .map_err(|e| Error::Invalid(format!("the request cannot be written ({e})")))?;
    Staged::new(path, |out| out.write_all(text.as_bytes()))?.finish()
}

/// Draws films `range` (from 0) into a folder aside, then renames them into place.
fn draw_portion(
    folder: &Path,
    request: &PhantomRequest,
    range: std::ops::Range<usize>,
    progress: &Progress<'_>,
) -> Result<Vec<Row>> {
    let failed = |e: std::io::Error| Error::write(folder, &e);
    let aside = tempfile::Builder::new().prefix(ASIDE[0]).suffix(ASIDE[1]).tempdir_in(folder).map_err(failed)?;
    let rows = range
        .clone()
        .into_par_iter()
        .map(|index| {
            // Cancelled between films, not only between portions.
            progress.step("drawing phantoms", index, request.count)?;
            draw(aside.path(), request, index + 1)
        })
        .collect::<Result<Vec<Row>>>()?;
    let truth = folder.join(TRUTH);
    if request.truth {
        fs::create_dir_all(&truth).map_err(failed)?;
    }
    for row in &rows {
        let from = aside.path().join(&row.image);
        if request.truth {
            let (stem, target) = (stem(&row.image), truth.join(stem(&row.image)));
            // A run killed between here and its tables may have left it.
            if target.exists() {
                fs::remove_dir_all(&target).map_err(failed)?;
            }
            fs::rename(aside.path().join(stem), target).map_err(failed)?;
        }
        fs::rename(from, folder.join(IMAGES).join(&row.image)).map_err(failed)?;
    }
    Ok(rows)
}

/// One film, with its truth if wanted, in `aside`.
fn draw(aside: &Path, request: &PhantomRequest, number: usize) -> Result<Row> {
    let phantom = request.phantom(number)?;
    let image = image_name(number);
    let film = phantom.render(request.side);
    let mark = phantom.mark();
    put(&aside.join(&image), &film.to_png(&mark)?)?;
    let mut boxes = Vec::new();
    if request.truth {
        let truth = aside.join(stem(&image));
        fs::create_dir(&truth).map_err(|e| Error::write(&truth, &e))?;
        for factor in FACTORS {
            let setting = phantom.settings.get(factor);
            let switched = phantom.with(factor, !setting.present).render(request.side);
            let mask = difference_mask(&film, &switched);
            put(&truth.join(format!("{}.png", factor.key())), &switched.to_png(&mark)?)?;
            put(&truth.join(format!("{}.mask.png", factor.key())), &mask_png(&mask, request.side)?)?;
            if setting.present {
                if factor.is_finding() {
                    boxes.push((factor, mask_box(&mask, request.side)));
                }
                if factor.has_no_strength() {
                    continue;
                }
                let changed = phantom.with_strength(factor, (setting.strength + 0.5) % 1.0).render(request.side);
                let mask = difference_mask(&film, &changed);
                put(&truth.join(format!("{}.changed.png", factor.key())), &changed.to_png(&mark)?)?;
                put(&truth.join(format!("{}.changed.mask.png", factor.key())), &mask_png(&mask, request.side)?)?;
            }
        }
    }
    Ok(Row { image, phantom, boxes })
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|e| Error::write(path, &e))
}

fn mask_png(mask: &[bool], side: usize) -> Result<Vec<u8>> {
    Film { side, grey: mask.iter().map(|&inside| if inside { 255 } else { 0 }).collect() }.to_png("fluoro phantom mask")
}

/// Smallest box around a mask as x, y, width, height in pixels; none around nothing.
fn mask_box(mask: &[bool], side: usize) -> Option<[usize; 4]> {
    let inside = || mask.iter().enumerate().filter(|&(_, &m)| m).map(|(i, _)| (i % side, i / side));
    let (left, right) = (inside().map(|p| p.0).min()?, inside().map(|p| p.0).max()?);
    let (top, bottom) = (inside().map(|p| p.1).min()?, inside().map(|p| p.1).max()?);
    Some([left, top, right - left + 1, bottom - top + 1])
}

/// Boxes of a film of an earlier run, from its masks.
fn boxes_of(folder: &Path, row: &Row, side: usize) -> Result<Vec<(Factor, Option<[usize; 4]>)>> {
    let present = FACTORS.into_iter().filter(|&f| f.is_finding() && row.phantom.settings.get(f).present);
    present
        .map(|factor| {
            let path = folder.join(TRUTH).join(stem(&row.image)).join(format!("{}.mask.png", factor.key()));
            let mask = image::open(&path).map_err(|e| Error::film(&path, format!("the mask cannot be read ({e})")))?;
            let mask: Vec<bool> = mask.to_luma8().into_raw().into_iter().map(|level| level > 127).collect();
            Ok((factor, mask_box(&mask, side)))
        })
        .collect()
}

fn stem(image: &str) -> &str {
    image.trim_end_matches(".png")
}

/// Seed of one film: SplitMix64 (Steele, Lea, Flood 2014) of the run's seed and the film's number.
fn film_seed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The phantoms of a folder that [`write()`] made, with the path of each film.
///
/// # Errors
/// When the folder holds no phantoms, or its table cannot be read.
pub fn read(folder: &Path) -> Result<Vec<(PathBuf, Phantom)>> {
    let rows = tables::read(folder)?;
    Ok(rows.into_iter().map(|row| (folder.join(IMAGES).join(&row.image), row.phantom)).collect())
}

/// Factors of the films of a folder by image name, if it holds phantoms.
pub(crate) fn settings(folder: &Path) -> Result<Option<BTreeMap<String, Settings>>> {
    if !folder.join(tables::FACTORS_FILE).is_file() {
        return Ok(None);
    }
    Ok(Some(tables::read(folder)?.into_iter().map(|row| (row.image, row.phantom.settings)).collect()))
}
