//! Where on the film a marker works. In: films, one marker, a [`Reader`]. Out: for every place the change of every prediction
//! against the clean film and against the control at the same place.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::control::Control;
use super::marker::Marker;
use super::measure::{BrokenFilm, all_drawn, each_film};
use super::reading::{Reader, Reading};
use super::statistics::mean_by_patient;
use crate::dataset::FilmRecord;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::plane::Plane;

/// Largest grid.
const MOST: usize = 24;

/// Where and with what seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRequest {
    /// Rows and columns of the grid; each place is the middle of a cell.
    pub grid: [usize; 2],
    /// Seed of the control's letters.
    pub seed: u64,
}

impl Default for SweepRequest {
    fn default() -> Self {
        Self { grid: [6, 6], seed: 0 }
    }
}

/// A place of a marker's middle, shares of width and height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Name of a usual place; none of a cell of the grid.
    pub name: Option<&'static str>,
    /// From the left, 0 to 1.
    pub x: f32,
    /// From the top, 0 to 1.
    pub y: f32,
}

/// Where markers usually are: `markers.csv` of the NIH films has PORTABLE at all of them.
const USUAL: [Place; 6] = [
    Place { name: Some("upper left"), x: 0.12, y: 0.10 },
    Place { name: Some("upper right"), x: 0.88, y: 0.10 },
    Place { name: Some("lower left"), x: 0.12, y: 0.93 },
    Place { name: Some("lower right"), x: 0.88, y: 0.93 },
    Place { name: Some("top centre"), x: 0.50, y: 0.05 },
    Place { name: Some("side"), x: 0.92, y: 0.47 },
];

/// The answer at every place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionSweep {
    /// The marker in words; its own place does not count.
    pub marker: String,
    /// What it is compared with at each place: neutral words, or a bar where the marker is no word.
    pub control: &'static str,
    /// Films that were measured.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Films left out.
    pub broken: Vec<BrokenFilm>,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Rows and columns of the grid.
    pub grid: [usize; 2],
    /// The grid's places row by row from the top, then the usual places.
    pub places: Vec<PlaceResponse>,
}

/// The answer at one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceResponse {
    /// Where.
    pub place: Place,
    /// One entry a label.
    pub labels: Vec<PlaceLabel>,
}

/// What one label did at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PlaceLabel {
    /// Change of the logit.
    pub logit: Effect,
    /// Change of the score.
    pub score: Effect,
}

/// Mean changes over films; intervals of 95 % resample patients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Marked film minus clean film.
    pub marker: Estimate,
    /// Film with the control minus clean film.
    pub control: Estimate,
    /// Marked film minus film with the control.
    pub difference: Estimate,
}

/// Which prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Logit.
    Logit,
    /// Score, 0 to 1.
    Score,
}

impl PositionSweep {
    /// One number of each cell of the grid, as a picture of as many pixels as there are cells; `pick` says which, such as
    /// `|effect| effect.difference.value`.
    ///
    /// # Errors
    /// When there is no such label.
    pub fn plane(&self, label: usize, quantity: Quantity, pick: impl Fn(&Effect) -> f64) -> Result<Plane> {
        if label >= self.labels.len() {
            return Err(Error::Invalid(format!("label number {label} does not exist in this sweep")));
        }
        let [rows, columns] = self.grid;
        let effect = |place: &PlaceResponse| match quantity {
            Quantity::Logit => place.labels[label].logit,
            Quantity::Score => place.labels[label].score,
        };
        let values = self.places.iter().take(rows * columns).map(|place| pick(&effect(place)) as f32).collect();
        Plane::new(columns, rows, values)
    }

    /// The usual places.
    #[must_use]
    pub fn usual(&self) -> &[PlaceResponse] {
        self.places.get(self.grid[0] * self.grid[1]..).unwrap_or_default()
    }
}

/// Readings of one film: clean, then marker and control at every place.
struct Film {
    clean: Reading,
    places: Vec<[Reading; 2]>,
}

/// Draws a marker at every place of every film, and its control, and reads all of them.
///
/// # Errors
/// When the marker changes the whole film, the grid has no cell or more than 24 a side, no film can be used, the model fails, or it was
/// cancelled.
pub fn sweep(
    films: &[FilmRecord],
    marker: &Marker,
    reader: &dyn Reader,
    request: SweepRequest,
    progress: &Progress<'_>,
) -> Result<PositionSweep> {
    marker.check()?;
    if marker.spot().is_none() {
        return Err(Error::Invalid(format!("{marker} changes the whole film and has no place to sweep")));
    }
    let [rows, columns] = request.grid;
    if !(1..=MOST).contains(&rows) || !(1..=MOST).contains(&columns) {
        return Err(Error::Invalid(format!("a grid of {rows} x {columns} places; choose 1 to {MOST} a side")));
    }
    let cell = |i: usize| Place {
        name: None,
        x: ((i % columns) as f32 + 0.5) / columns as f32,
        y: ((i / columns) as f32 + 0.5) / rows as f32,
    };
    let places: Vec<Place> = (0..rows * columns).map(cell).chain(USUAL).collect();
    let measured = each_film(films, "moving the marker", progress, |index, _, film, levels| {
        let neutral = marker.neutral(request.seed.wrapping_add(index as u64))?;
        let clean = reader.read(&[film])?.pop().ok_or_else(too_few)?;
        let mut found = Vec::with_capacity(places.len());
        // A row of places at a time: large films are copied for each of them.
        for some in places.chunks(8) {
            let drawn = all_drawn(some, |place| {
                let own = marker.moved(place.x, place.y);
                let control = match &neutral {
                    Some(words) => words.moved(place.x, place.y).draw_with(film, levels)?,
                    None => own.draw_control_with(Control::Bar, film, levels)?.ok_or_else(too_few)?,
                };
                Ok([own.draw_with(film, levels)?, control])
            })?;
            let pictures: Vec<_> = drawn.iter().flatten().map(|drawn| &drawn.film).collect();
            let mut readings = reader.read(&pictures)?.into_iter();
            while let (Some(own), Some(control)) = (readings.next(), readings.next()) {
                found.push([own, control]);
            }
            progress.step("moving the marker", index, films.len())?;
        }
        if found.len() < places.len() { Err(too_few()) } else { Ok(Film { clean, places: found }) }
    })?;
    let labels = reader.labels();
    let effect = |place: usize, pick: &(dyn Fn(&Reading) -> f64 + Sync)| {
        let mean = |of: &dyn Fn(&Film) -> f64| {
            let values: Vec<f64> = measured.films.iter().map(of).collect();
            let nothing = Estimate { value: f64::NAN, low: f64::NAN, high: f64::NAN };
            mean_by_patient(&values, &measured.patients).unwrap_or(nothing)
        };
        Effect {
            marker: mean(&|film| pick(&film.places[place][0]) - pick(&film.clean)),
            control: mean(&|film| pick(&film.places[place][1]) - pick(&film.clean)),
            difference: mean(&|film| pick(&film.places[place][0]) - pick(&film.places[place][1])),
        }
    };
    let number = |values: &[f32], label: usize| values.get(label).map_or(f64::NAN, |&v| f64::from(v));
    let of_place = |(index, &place): (usize, &Place)| PlaceResponse {
        place,
        labels: (0..labels.len())
            .map(|label| PlaceLabel {
                logit: effect(index, &|reading| number(&reading.logits, label)),
                score: effect(index, &|reading| number(&reading.scores, label)),
            })
            .collect(),
    };
    let found = places.par_iter().enumerate().map(of_place).collect();
    Ok(PositionSweep {
        marker: marker.to_string(),
        control: if matches!(marker, Marker::Text(_)) { "neutral words" } else { "bar" },
        films: measured.films.len(),
        patients: measured.patient_count(),
        broken: measured.broken,
        labels,
        grid: request.grid,
        places: found,
    })
}

fn too_few() -> Error {
    Error::Invalid("the model returned too few readings".into())
}
