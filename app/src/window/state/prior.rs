//! Another film beside the current one: an earlier one of the same patient, or one that the user chose. In: films of the
//! study and what their headers say. Out: its picture, where it lies beside the current film, and the time between them.

use std::sync::Arc;

use fluoro_core::display::{Extent, Pyramid};
use fluoro_core::radiograph::{Place, Radiograph};
use fluoro_core::worker::FilmSource;
use poll_promise::Promise;

use super::films::Film;
use super::problem::Problem;
use super::thumbnails;

/// A film and its halved copies.
pub type Loaded = (Arc<Radiograph>, Arc<Pyramid>);

/// The film beside the current one.
pub struct Prior {
    /// Which it is.
    pub source: FilmSource,
    /// What its header says.
    pub place: Place,
    /// Its number among pictures.
    pub version: u64,
    /// It moves and zooms with the current film.
    pub is_linked: bool,
    /// Where a hand has put it, in pixels of the current film, while it is not linked.
    pub offset: [f32; 2],
    /// How large a hand has made it, while it is not linked.
    pub scale: f32,
    loading: Promise<Result<Loaded, Problem>>,
}

impl Prior {
    /// Reads a film on a thread of its own.
    pub fn new(film: &Film, version: u64, wake: impl Fn() + Send + 'static) -> Self {
        let source = film.source.clone();
        let loading = Promise::spawn_thread("fluoro-prior", move || {
            let film = thumbnails::open(&source).map(|film| {
                let pyramid = Arc::new(Pyramid::new(&film.pixels));
                (Arc::new(film), pyramid)
            });
            wake();
            film.map_err(|error| Problem::new("The film beside this one could not be opened", &error))
        });
        Self {
            source: film.source.clone(),
            place: film.place.clone(),
            version,
            is_linked: true,
            offset: [0.0; 2],
            scale: 1.0,
            loading,
        }
    }

    /// Whether it is another film of the same patient.
    pub fn is_beside(&self, film: &Film) -> bool {
        film.source != self.source && film.place.patient_id == self.place.patient_id
    }

    /// The film, when it is there.
    pub fn film(&self) -> Option<&Loaded> {
        self.loading.ready().and_then(|loaded| loaded.as_ref().ok())
    }

    /// Why it is not there.
    pub fn problem(&self) -> Option<&Problem> {
        self.loading.ready().and_then(|loaded| loaded.as_ref().err())
    }

    /// Whether it is being read.
    pub fn is_busy(&self) -> bool {
        self.loading.ready().is_none()
    }

    /// Links or frees it; linked, it is where it was at first.
    pub fn link(&mut self, is_linked: bool) {
        (self.is_linked, self.offset, self.scale) = (is_linked, [0.0; 2], 1.0);
    }

    /// Where it lies in pixels of the current film: middle on middle, and in the same scale of millimetres where both films
    /// say theirs, else as large as the current film allows.
    pub fn extent(&self, prior: &Radiograph, current: &Radiograph) -> Extent {
        let size = |film: &Radiograph| [film.pixels.width() as f32, film.pixels.height() as f32];
        let ([width, height], [own_width, own_height]) = (size(current), size(prior));
        let millimetres = match (prior.metadata.spacing_mm, current.metadata.spacing_mm) {
            (Some([row, column]), Some([own_row, own_column])) => Some([column / own_column, row / own_row]),
            _ => None,
        };
        let fit = (width / own_width).min(height / own_height);
        let [across, down] = millimetres.unwrap_or([fit, fit]);
        let [wide, tall] = [own_width * across * self.scale, own_height * down * self.scale];
        Extent {
            x: (width - wide) / 2.0 + self.offset[0],
            y: (height - tall) / 2.0 + self.offset[1],
            width: wide,
            height: tall,
        }
    }
}

/// The film that was taken before this one, of the same patient: the latest of those that are earlier, else the nearest of
/// the others in the list.
pub fn earlier(films: &[Film], current: usize) -> Option<usize> {
    let own = films.get(current)?;
    let patient = own.place.patient_id.as_ref()?;
    let same = || {
        let others = films.iter().enumerate().filter(|(index, _)| *index != current);
        others.filter(|(_, film)| film.place.patient_id.as_ref() == Some(patient))
    };
    let when = |film: &Film| film.place.study_date.clone().map(|date| (date, film.place.study_time.clone()));
    let before = same().filter(|(_, film)| when(film).is_some() && when(film) < when(own));
    let like = |film: &Film| film.place.view == own.place.view;
    let latest = before.max_by_key(|(index, film)| (like(film), when(film), std::cmp::Reverse(*index)));
    latest.or_else(|| same().min_by_key(|(index, _)| index.abs_diff(current))).map(|(index, _)| index)
}

/// Days since 1 March of the year 0 in the Gregorian calendar; `None` when it is no date.
fn days(date: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if date.len() != 8 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The year begins in March, so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day)
}

/// How far a date is from another, in words: `2 years 3 months earlier`. It tells no date.
pub fn apart(current: Option<&str>, other: Option<&str>) -> String {
    let Some(difference) = current.and_then(days).zip(other.and_then(days)).map(|(now, then)| now - then) else {
        return "time between unknown".to_owned();
    };
    let count = |number: i64, unit: &str| match number {
        0 => None,
        1 => Some(format!("1 {unit}")),
        _ => Some(format!("{number} {unit}s")),
    };
    let length = difference.abs();
    let words = match length {
        0 => return "the same day".to_owned(),
        1..60 => count(length, "day"),
        60..730 => count((length as f64 / 30.44).round() as i64, "month"),
        _ => {
            let months = (length as f64 / 30.44).round() as i64;
            Some(
                [count(months / 12, "year"), count(months % 12, "month")]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        }
    };
    format!("{} {}", words.unwrap_or_default(), if difference > 0 { "earlier" } else { "later" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::films::Study;

    fn film(patient: &str, date: &str) -> Film {
        let mut film = Study::samples().remove(0);
        film.place = Place {
            patient_id: Some(patient.to_owned()),
            study_date: (!date.is_empty()).then(|| date.to_owned()),
            ..Place::default()
        };
        film
    }

    #[test]
    fn the_latest_earlier_film_of_the_same_patient_is_the_prior() {
        let films = [
            film("a", "20200101"),
            film("b", "20201231"),
            film("a", "20200601"),
            film("a", "20210101"),
            film("a", "20220101"),
            film("c", ""),
        ];
        assert_eq!(earlier(&films, 3), Some(2));
        assert_eq!(earlier(&films, 0), Some(2), "none is earlier: the nearest in the list");
        assert_eq!((earlier(&films, 1), earlier(&films, 5), earlier(&films, 9)), (None, None, None));
    }

    #[test]
    fn time_between_is_told_without_dates() {
        let words = |then| apart(Some("20200301"), Some(then));
        assert_eq!(words("20200301"), "the same day");
        assert_eq!(words("20200229"), "1 day earlier");
        assert_eq!(words("20200316"), "15 days later");
        assert_eq!(words("20191101"), "4 months earlier");
        assert_eq!(words("20171201"), "2 years 3 months earlier");
        assert_eq!(words("20180301"), "2 years earlier");
        assert_eq!(words("2018"), "time between unknown");
        assert_eq!(apart(None, Some("20200101")), "time between unknown");
    }
}
