//! How far trivial signals get: metadata alone, the border of the picture, its histogram, or a small copy of it.
//!
//! In: films as brightness, columns of metadata, and what is to be told. Out: [`Probe`]s out of fold. A feature or a
//! classifier that tells no more than these may have read nothing else (Zech et al. 2018 rank pneumonia by the hospital alone
//! at AUC 0.861). Nothing here knows a model.

use rayon::prelude::*;
use serde::Serialize;

use super::column::{Column, Values};
use super::folds::CrossValidation;
use super::probe::{FilmRows, Probe, probe};
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::preprocess::{Resize, resize};

/// Side that films are brought to first, in pixels.
const SIDE: usize = 256;
/// Width of the border, in pixels of that side.
const BORDER: usize = 4;
/// Bins of the histogram over brightness 0 to 1.
const BINS: usize = 64;
/// Side of the small copy, in pixels.
const SMALL: usize = 32;
/// Films between two reports of progress.
const PIECE: usize = 32;

/// Trivial signals of films.
#[derive(Clone, Debug)]
pub struct PixelSignals {
    /// Places of the films that were read, ascending.
    films: Vec<usize>,
    /// Name and numbers of each signal.
    signals: Vec<(&'static str, FilmRows)>,
    /// Films that could not be read.
    pub failed: Vec<UnreadFilm>,
}

/// A film that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadFilm {
    /// Its place among the audited films.
    pub place: usize,
    /// Why.
    pub reason: String,
}

impl PixelSignals {
    /// Reads films by their places. `read` gives a film as brightness, 0 (black) to 1 (white), at any size:
    /// `Radiograph::open(path)?.to_unit()`. A film is forgotten once its 5,120 numbers are taken.
    ///
    /// # Errors
    /// When no film can be read, or the work is cancelled.
    pub fn read(
        places: &[usize],
        read: &(dyn Fn(usize) -> Result<Plane> + Sync),
        progress: &Progress<'_>,
    ) -> Result<Self> {
        let mut films = Vec::with_capacity(places.len());
        let mut values: [Vec<f32>; 3] = Default::default();
        let mut failed = Vec::new();
        for (done, piece) in places.chunks(PIECE).enumerate() {
            progress.step("reading films", done * PIECE, places.len())?;
            let found: Vec<Result<[Vec<f32>; 3]>> =
                piece.par_iter().map(|&place| read(place).map(|film| signals(&film))).collect();
            for (&place, found) in piece.iter().zip(found) {
                match found {
                    Ok(found) => {
                        films.push(place);
                        values.iter_mut().zip(found).for_each(|(all, own)| all.extend(own));
                    }
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(error) => failed.push(UnreadFilm { place, reason: error.to_string() }),
                }
            }
        }
        if films.is_empty() {
            let reason = failed.first().map_or("there are none", |film| film.reason.as_str());
            return Err(Error::Invalid(format!("no film can be read for the pixel baselines ({reason})")));
        }
        let [border, histogram, small] = values;
        let rows = |values: Vec<f32>| FilmRows::Dense { dim: values.len() / films.len(), values };
        let signals = vec![
            ("border of 4 pixels at 256 x 256", rows(border)),
            ("histogram of 64 bins", rows(histogram)),
            ("32 x 32 pixels", rows(small)),
        ];
        Ok(Self { films, signals, failed })
    }

    /// A probe on each signal. `labels` and `patients` are of all films, not only of those that were read.
    ///
    /// # Errors
    /// As [`probe`].
    pub fn baselines(
        &self,
        labels: &[Option<bool>],
        patients: &[u32],
        cross_validation: &CrossValidation,
        progress: &Progress<'_>,
    ) -> Result<Vec<Probe>> {
        if labels.len() != patients.len() || self.films.last().is_some_and(|&last| last >= labels.len()) {
            return Err(Error::Invalid("the labels are not of the films whose pixels were read".into()));
        }
        let own: Vec<Option<bool>> = self.films.iter().map(|&film| labels[film]).collect();
        let of: Vec<u32> = self.films.iter().map(|&film| patients[film]).collect();
        let of_signal = |(name, rows): &(&'static str, FilmRows)| {
            let found = probe(name, rows, &own, &of, cross_validation, progress)?;
            Ok(Probe { left_out: labels.len() - self.films.len() + found.left_out, ..found })
        };
        self.signals.iter().map(of_signal).collect()
    }
}

/// Border, histogram and small copy of a film given as brightness.
fn signals(film: &Plane) -> [Vec<f32>; 3] {
    let film = resize(film, SIDE, SIDE, Resize::BilinearAntialias);
    let inside = BORDER..SIDE - BORDER;
    let pixels = film.data().iter().enumerate();
    let border = pixels.filter(|(at, _)| !(inside.contains(&(at / SIDE)) && inside.contains(&(at % SIDE))));
    let border = border.map(|(_, v)| *v).collect();
    let mut histogram = vec![0.0; BINS];
    for v in film.data() {
        // What is not a number counts as black.
        histogram[((v * BINS as f32) as usize).min(BINS - 1)] += 1.0 / (SIDE * SIDE) as f32;
    }
    [border, histogram, resize(&film, SMALL, SMALL, Resize::BilinearAntialias).into_data()]
}

/// Probes on metadata: each column alone, then all together where there are several. `labels` says what is to be told; its own
/// column should not be among `columns`.
///
/// # Errors
/// When there is no column, one is not of these films, or as [`probe`].
pub fn metadata_baselines(
    columns: &[Column],
    labels: &[Option<bool>],
    patients: &[u32],
    cross_validation: &CrossValidation,
    progress: &Progress<'_>,
) -> Result<Vec<Probe>> {
    if columns.is_empty() {
        return Err(Error::Invalid("a metadata baseline needs a column".into()));
    }
    let parts: Vec<Vec<Vec<f32>>> =
        columns.iter().map(|column| numbers(column, labels.len())).collect::<Result<_>>()?;
    let run = |name: &str, parts: &[Vec<Vec<f32>>]| {
        let values: Vec<f32> =
            (0..labels.len()).flat_map(|film| parts.iter().flatten().map(move |numbers| numbers[film])).collect();
        let rows = FilmRows::Dense { dim: parts.iter().map(Vec::len).sum(), values };
        probe(name, &rows, labels, patients, cross_validation, progress)
    };
    let mut probes = Vec::new();
    for (column, part) in columns.iter().zip(&parts) {
        probes.push(run(&column.name, std::slice::from_ref(part))?);
    }
    if columns.len() > 1 {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        probes.push(run(&names.join(" + "), &parts)?);
    }
    Ok(probes)
}

/// A column as numbers by film: a flag for each group (one for two), numbers as they are with the mean where there is none,
/// and a flag for what is missing if anything is.
fn numbers(column: &Column, films: usize) -> Result<Vec<Vec<f32>>> {
    let flag = |is: bool| f32::from(u8::from(is));
    let (mut numbers, known): (Vec<Vec<f32>>, Vec<bool>) = match &column.values {
        Values::Groups { names, of } => {
            let asked = if names.len() == 2 { 1 } else { names.len() };
            let group = |group| of.iter().map(|of| flag(*of == Some(group))).collect();
            ((0..asked).map(group).collect(), of.iter().map(Option::is_some).collect())
        }
        Values::Numbers(values) => {
            let mean = values.iter().flatten().sum::<f64>() / values.iter().flatten().count().max(1) as f64;
            let numbers = values.iter().map(|value| value.unwrap_or(mean) as f32).collect();
            (vec![numbers], values.iter().map(Option::is_some).collect())
        }
    };
    if known.len() != films {
        let (expected, found) = (format!("{films} films"), known.len().to_string());
        return Err(Error::Shape { what: format!("column \"{}\"", column.name), expected, found });
    }
    if known.contains(&false) {
        numbers.push(known.iter().map(|known| flag(!known)).collect());
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_sizes() {
        let film = Plane::from_fn(300, 200, |x, y| if x == 0 || y == 0 { 1.0 } else { 0.25 });
        let [border, histogram, small] = signals(&film);
        assert_eq!((border.len(), histogram.len(), small.len()), (256 * 256 - 248 * 248, 64, 1024));
        assert!((histogram.iter().sum::<f32>() - 1.0).abs() < 1e-3 && histogram[16] > 0.9, "{histogram:?}");
        assert!(border[0] > 0.9 && border[4031] < 0.3 && small[1023] < 0.3);
    }

    #[test]
    fn the_border_gives_a_frame_away_and_unread_films_are_counted() {
        // Odd films have a bright frame under noise; film 7 cannot be read.
        let read = |place: usize| {
            if place == 7 {
                return Err(Error::Invalid("broken".into()));
            }
            Ok(Plane::from_fn(256, 256, |x, y| {
                let noise = ((x * 31 + y * 17 + place * 101) * 7919 % 997) as f32 / 2000.0;
                if place % 2 == 1 && (x < 4 || y < 4) { noise + 0.3 } else { noise }
            }))
        };
        let labels: Vec<Option<bool>> = (0..60).map(|place| (place != 9).then_some(place % 2 == 1)).collect();
        let patients: Vec<u32> = (0..60).collect();
        let places: Vec<usize> = (0..50).collect();
        let signals = PixelSignals::read(&places, &read, &Progress::silent()).unwrap();
        assert_eq!((signals.failed.len(), signals.failed[0].place), (1, 7));
        let cross = CrossValidation::default();
        let probes = signals.baselines(&labels, &patients, &cross, &Progress::silent()).unwrap();
        assert!(probes[0].auc.value > 0.95, "{probes:?}");
        assert_eq!((probes[0].left_out, probes[0].numbers, probes[1].numbers), (12, 4032, 64));
        assert!(signals.baselines(&labels[..20], &patients[..20], &cross, &Progress::silent()).is_err());
        let none = PixelSignals::read(&[7], &read, &Progress::silent()).expect_err("no film").to_string();
        assert!(none.contains("no film can be read") && none.contains("broken"), "{none}");
    }

    #[test]
    fn metadata_alone_ranks_a_label() {
        let site: Vec<String> = (0..90).map(|i| ["A", "B", "C"][i % 3].to_owned()).collect();
        let age: Vec<String> = (0..90).map(|i| if i == 4 { String::new() } else { (i * 7 % 50).to_string() }).collect();
        let column = |name: &str, cells: &[String]| {
            Column::read(name, &cells.iter().map(|cell| Some(cell.as_str())).collect::<Vec<_>>()).unwrap()
        };
        let columns = [column("Site", &site), column("Age", &age)];
        let labels: Vec<Option<bool>> = (0..90).map(|i| Some(i % 3 == 0 || i % 10 == 1)).collect();
        let patients: Vec<u32> = (0..90).collect();
        let cross = CrossValidation::default();
        let probes = metadata_baselines(&columns, &labels, &patients, &cross, &Progress::silent()).unwrap();
        let said: Vec<(&str, usize)> = probes.iter().map(|probe| (probe.signal.as_str(), probe.numbers)).collect();
        assert_eq!(said, [("Site", 3), ("Age", 2), ("Site + Age", 5)]);
        assert!(probes[0].auc.value > 0.85 && probes[1].auc.value < 0.7, "{probes:?}");
        assert!(metadata_baselines(&[], &labels, &patients, &cross, &Progress::silent()).is_err());
        assert!(metadata_baselines(&columns, &labels[..9], &patients[..9], &cross, &Progress::silent()).is_err());
    }
}
