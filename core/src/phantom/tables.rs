//! The tables of a phantom folder: NIH's for every program that reads NIH's, ours for what NIH's cannot say.

use std::path::Path;

use super::Phantom;
use super::factors::{FACTORS, Factor, Setting, Settings, Side};
use super::random::Stream;
use super::report;
use crate::error::{Error, Result};
use crate::export::atomic::Staged;

/// The table of factors.
pub(super) const FACTORS_FILE: &str = "factors.csv";
/// Stream that draws what only the tables know: the age.
const TABLE_STREAM: u64 = 1 << 20;
/// Side of NIH's films, in whose pixels boxes are given.
const NIH_SIDE: f64 = 1024.0;

/// One film of the folder.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// File name of the film.
    pub image: String,
    /// What it shows.
    pub phantom: Phantom,
    /// With truth, the box of each finding in the film's own pixels; the table of factors does not hold it.
    pub boxes: Vec<(Factor, Option<[usize; 4]>)>,
}

/// Writes every table; all are staged before the first comes into sight.
pub(super) fn write(folder: &Path, rows: &[Row], side: usize, truth: bool) -> Result<()> {
    // NIH's table comes into sight last: whatever it names is in every other table by then.
    let mut staged = vec![
        stage(folder, FACTORS_FILE, &factors(rows))?,
        stage(folder, "markers.csv", &markers(rows))?,
        stage(folder, "reports.csv", &reports(rows))?,
    ];
    if truth {
        staged.push(stage(folder, "BBox_List_2017.csv", &boxes(rows, side))?);
    }
    staged.push(stage(folder, "Data_Entry_2017.csv", &nih(rows, side))?);
    staged.into_iter().try_for_each(Staged::finish)
}

type Table = Vec<Vec<String>>;

fn stage(folder: &Path, name: &str, table: &Table) -> Result<Staged> {
    Staged::new(folder.join(name), |out| {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
        table.iter().try_for_each(|row| writer.write_record(row))?;
        writer.flush()
    })
}

fn words(row: &[&str]) -> Vec<String> {
    row.iter().map(|&word| word.to_owned()).collect()
}

/// `Data_Entry_2017_v2020.csv` of NIH ChestX-ray14: eleven columns; the last two header names hold a comma.
fn nih(rows: &[Row], side: usize) -> Table {
    let mut table = vec![words(&[
        "Image Index",
        "Finding Labels",
        "Follow-up #",
        "Patient ID",
        "Patient Age",
        "Patient Gender",
        "View Position",
        "OriginalImage[Width",
        "Height]",
        "OriginalImagePixelSpacing[x",
        "y]",
    ])];
    for (index, row) in rows.iter().enumerate() {
        let settings = &row.phantom.settings;
        let present = |factor| settings.get(factor).present;
        let found: Vec<&str> =
            FACTORS.into_iter().filter(|&f| f.is_finding() && present(f)).map(|f| nih_name(f, settings)).collect();
        let spacing = format!("{:.4}", row.phantom.pixel_spacing_mm(side));
        let age = 20.0 + 70.0 * Stream::new(row.phantom.seed, TABLE_STREAM).unit();
        table.push(vec![
            row.image.clone(),
            if found.is_empty() { "No Finding".into() } else { found.join("|") },
            "0".into(),
            (index + 1).to_string(),
            (age as u32).to_string(),
            if present(Factor::Female) { "F" } else { "M" }.into(),
            view(settings).into(),
            side.to_string(),
            side.to_string(),
            spacing.clone(),
            spacing,
        ]);
    }
    table
}

fn nih_name(factor: Factor, settings: &Settings) -> &'static str {
    match factor {
        Factor::Nodule if report::is_mass(settings.get(Factor::Nodule)) => "Mass",
        other => other.label(),
    }
}

fn view(settings: &Settings) -> &'static str {
    if settings.get(Factor::ApView).present { "AP" } else { "PA" }
}

fn markers(rows: &[Row]) -> Table {
    let mut table = vec![words(&["Image Index", "View Position", "portable_text", "laterality_text", "inverted"])];
    for row in rows {
        let settings = &row.phantom.settings;
        let flag = |factor| u8::from(settings.get(factor).present).to_string();
        let letter = settings.get(Factor::Laterality);
        let letter = match letter.side {
            _ if !letter.present => "",
            Side::Left => "L",
            Side::Right | Side::Both => "R",
        };
        table.push(vec![
            row.image.clone(),
            view(settings).into(),
            flag(Factor::Portable),
            letter.into(),
            flag(Factor::Inversion),
        ]);
    }
    table
}

fn reports(rows: &[Row]) -> Table {
    let mut table = vec![words(&["Image Index", "findings", "impression"])];
    for row in rows {
        let report = report::report(&row.phantom);
        table.push(vec![row.image.clone(), report.findings, report.impression]);
    }
    table
}

/// `BBox_List_2017.csv` of NIH ChestX-ray14.
fn boxes(rows: &[Row], side: usize) -> Table {
    let mut table = vec![words(&["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"])];
    let scale = NIH_SIDE / side as f64;
    for row in rows {
        let settings = &row.phantom.settings;
        for &(factor, found) in &row.boxes {
            let Some(found) = found else { continue };
            let mut line = words(&[&row.image, nih_name(factor, settings)]);
            line.extend(found.map(|pixels| format!("{:.3}", pixels as f64 * scale)));
            table.push(line);
        }
    }
    table
}

fn factors_header() -> Vec<String> {
    let mut header = words(&["Image Index", "seed"]);
    for factor in FACTORS {
        header.extend(["", " strength", " side"].map(|what| format!("{}{what}", factor.label())));
    }
    header
}

fn factors(rows: &[Row]) -> Table {
    let mut table = vec![factors_header()];
    for row in rows {
        let mut line = vec![row.image.clone(), row.phantom.seed.to_string()];
        for factor in FACTORS {
            let Setting { present, strength, side } = row.phantom.settings.get(factor);
            // The shortest text that reads back as the same number.
            line.extend([u8::from(present).to_string(), strength.to_string(), side.key().to_owned()]);
        }
        table.push(line);
    }
    table
}

/// Reads `factors.csv` back.
pub(super) fn read(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(FACTORS_FILE);
    if !path.is_file() {
        // Nothing was drawn before the run ended.
        return Ok(Vec::new());
    }
    let broken = |reason: String| Error::dataset(&path, reason);
    let mut reader =
        csv::Reader::from_path(&path).map_err(|e| broken(format!("the table of factors cannot be read ({e})")))?;
    let header = reader.headers().map_err(|e| broken(format!("the table of factors cannot be read ({e})")))?;
    if header.iter().ne(factors_header().iter().map(String::as_str)) {
        return Err(broken("the header is not that of a table of factors; draw the folder again".into()));
    }
    let mut rows = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|e| broken(format!("the table of factors cannot be read ({e})")))?;
        let row = parse(&record).ok_or_else(|| {
            broken(format!("line {} is not a phantom's: image, seed, then three fields a factor", number + 2))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

fn parse(record: &csv::StringRecord) -> Option<Row> {
    let image = record.get(0)?.to_owned();
    let seed = record.get(1)?.parse().ok()?;
    let mut settings = Settings::draw(seed, &[], |_, _, _| false);
    for (index, factor) in FACTORS.into_iter().enumerate() {
        let field = |offset: usize| record.get(2 + 3 * index + offset);
        let present = match field(0)? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let strength = field(1)?.parse::<f32>().ok().filter(|s| (0.0..=1.0).contains(s))?;
        let side = Side::parse(field(2)?).filter(|&side| factor.can_be_on(side))?;
        settings.set(factor, Setting { present, strength, side });
    }
    Some(Row { image, phantom: Phantom { seed, settings }, boxes: Vec::new() })
}
