//! What a model makes of markers drawn onto clean films. In: films, markers, a [`Reader`]. Out: for every marker and label the
//! change of logit and score, the decisions that flipped, the same for neutral words and for a bar, and what features did.

use serde::Serialize;

use super::control::Control;
use super::draw::{Drawn, Levels};
use super::marker::Marker;
use super::measure::{BrokenFilm, Measured, all_drawn, each_film};
use super::reading::{Reader, Reading};
use super::statistics::mean_by_patient;
use crate::dataset::FilmRecord;
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::metrics::{Estimate, Flips, flips, share_wilson};
use crate::radiograph::Radiograph;

/// Where scores are cut: they are normalised so that every label's operating point lies there.
const OPERATING_POINT: f32 = 0.5;

/// Answers of a model to markers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InjectionReport {
    /// Films that were measured.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Films left out.
    pub broken: Vec<BrokenFilm>,
    /// One entry a marker, in the order asked.
    pub markers: Vec<MarkerResponse>,
}

/// The answer to one marker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MarkerResponse {
    /// The marker in words.
    pub marker: String,
    /// The neutral words of the first film; every film has its own.
    pub neutral: Option<String>,
    /// One entry a label.
    pub labels: Vec<LabelResponse>,
    /// One entry a chosen feature.
    pub features: Vec<FeatureResponse>,
}

/// What one label did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelResponse {
    /// Label.
    pub label: String,
    /// Change of the logit.
    pub logit: Contrast,
    /// Change of the score, which is 0 to 1 with the operating point at 0.5.
    pub score: Contrast,
    /// Decisions that the marker flipped.
    pub flips: Flipped,
    /// Decisions that the neutral words flipped.
    pub neutral_flips: Option<Flipped>,
    /// Decisions that the bar flipped.
    pub bar_flips: Option<Flipped>,
}

/// Mean changes against the clean film and against controls; intervals of 95 % resample patients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// Marked film minus clean film.
    pub marker: Estimate,
    /// Film with neutral words minus clean film; none where the marker is no word.
    pub neutral: Option<Estimate>,
    /// Film with a bar minus clean film; none where the marker changes the whole film.
    pub bar: Option<Estimate>,
    /// Marked film minus film with neutral words: what the meaning of the word does.
    pub over_neutral: Option<Estimate>,
    /// Marked film minus film with a bar.
    pub over_bar: Option<Estimate>,
}

/// Decisions at the operating point (score 0.5) that differ from the clean film's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Flipped {
    /// Films.
    pub films: usize,
    /// Those that crossed it, by way.
    #[serde(flatten)]
    pub flips: Flips,
    /// Share of films that flipped, with Wilson's interval, for which films are independent.
    pub share: Estimate,
}

/// What one feature did. Activations are film activations: the maximum over tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureResponse {
    /// Feature.
    pub feature: usize,
    /// Mean activation on clean films.
    pub clean: Estimate,
    /// Change of the activation.
    pub change: Contrast,
    /// Clean films on which it fires.
    pub fires_clean: usize,
    /// Marked films on which it fires.
    pub fires_marked: usize,
    /// Films with neutral words on which it fires.
    pub fires_neutral: Option<usize>,
    /// Films with a bar on which it fires.
    pub fires_bar: Option<usize>,
    /// Marked films on which it fires at a token under the marker and did not fire at that token before; none where tokens
    /// have no place.
    pub fires_on_marker: Option<usize>,
    /// Mean change of the activation at tokens under the marker.
    pub at_marker: Option<Estimate>,
    /// Mean change at all other tokens.
    pub elsewhere: Option<Estimate>,
}

/// Readings of one film, clean and with every marker.
struct Film {
    clean: Reading,
    markers: Vec<Marked>,
}

/// Readings of one film with one marker and its controls.
struct Marked {
    marker: Reading,
    neutral: Option<Reading>,
    bar: Option<Reading>,
    neutral_words: Option<String>,
    /// Tokens under the marker.
    under: Option<Vec<bool>>,
}

/// Draws every marker onto every film, with its controls, and reads all of them. The controls' letters come from `seed` and
/// differ from film to film, so that no single meaningless word decides.
///
/// # Errors
/// When no film can be used, a marker means nothing, the model fails, or it was cancelled.
pub fn respond(
    films: &[FilmRecord],
    markers: &[Marker],
    reader: &dyn Reader,
    seed: u64,
    progress: &Progress<'_>,
) -> Result<InjectionReport> {
    if markers.is_empty() {
        return Err(Error::Invalid("no markers to draw; name at least one, such as portable".into()));
    }
    markers.iter().try_for_each(Marker::check)?;
    let measured = each_film(films, "drawing markers", progress, |index, _, film, levels| {
        read_film(film, levels, markers, reader, seed.wrapping_add(index as u64))
    })?;
    let labels = reader.labels();
    let each = markers.iter().enumerate().map(|(number, marker)| {
        progress.step("comparing", number, markers.len())?;
        Ok(summarise(marker, &Rows { measured: &measured, number }, &labels, reader.features()))
    });
    let markers = each.collect::<Result<Vec<_>>>()?;
    Ok(InjectionReport {
        films: measured.films.len(),
        patients: measured.patient_count(),
        broken: measured.broken,
        markers,
    })
}

fn read_film(film: &Radiograph, levels: &Levels, markers: &[Marker], reader: &dyn Reader, seed: u64) -> Result<Film> {
    /// A marker, its neutral words, its bar.
    type Sheets = (Drawn, Option<(Marker, Drawn)>, Option<Drawn>);
    let sheets: Vec<Sheets> = all_drawn(markers, |marker| {
        let neutral = marker.neutral(seed)?;
        let neutral =
            neutral.map(|words| Ok::<_, Error>((words.clone(), words.draw_with(film, levels)?))).transpose()?;
        let bar = marker.draw_control_with(Control::Bar, film, levels)?;
        Ok((marker.draw_with(film, levels)?, neutral, bar))
    })?;
    let mut pictures = vec![film];
    for (marked, neutral, bar) in &sheets {
        pictures.push(&marked.film);
        pictures.extend(neutral.iter().map(|(_, drawn)| &drawn.film));
        pictures.extend(bar.iter().map(|drawn| &drawn.film));
    }
    let mut readings = reader.read(&pictures)?.into_iter();
    let mut next = || readings.next().ok_or_else(|| Error::Invalid("the model returned too few readings".into()));
    let places = reader.places();
    let clean = next()?;
    let markers = sheets
        .iter()
        .map(|(marked, neutral, bar)| {
            let size = (film.pixels.width(), film.pixels.height());
            Ok(Marked {
                marker: next()?,
                neutral: neutral.as_ref().map(|_| next()).transpose()?,
                bar: bar.as_ref().map(|_| next()).transpose()?,
                neutral_words: neutral.as_ref().map(|(words, _)| words.to_string()),
                under: places
                    .as_ref()
                    .filter(|_| !marked.boxes.is_empty())
                    .map(|places| places.under(&marked.boxes, size.0, size.1)),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Film { clean, markers })
}

/// All films with one marker.
struct Rows<'a> {
    measured: &'a Measured<Film>,
    number: usize,
}

impl Rows<'_> {
    fn films(&self) -> impl Iterator<Item = (&Reading, &Marked)> {
        self.measured.films.iter().map(|film| (&film.clean, &film.markers[self.number]))
    }

    /// Mean of a number of every film; where a film has none, of the others.
    fn mean(&self, value: impl Fn(&Reading, &Marked) -> Option<f64>) -> Option<Estimate> {
        let values: Vec<f64> = self.films().map(|(clean, marked)| value(clean, marked).unwrap_or(f64::NAN)).collect();
        mean_by_patient(&values, &self.measured.patients)
    }

    /// The changes of one number of a reading.
    fn contrast(&self, value: impl Fn(&Reading) -> f64) -> Contrast {
        let nothing = Estimate { value: f64::NAN, low: f64::NAN, high: f64::NAN };
        Contrast {
            marker: self.mean(|clean, m| Some(value(&m.marker) - value(clean))).unwrap_or(nothing),
            neutral: self.mean(|clean, m| Some(value(m.neutral.as_ref()?) - value(clean))),
            bar: self.mean(|clean, m| Some(value(m.bar.as_ref()?) - value(clean))),
            over_neutral: self.mean(|_, m| Some(value(&m.marker) - value(m.neutral.as_ref()?))),
            over_bar: self.mean(|_, m| Some(value(&m.marker) - value(m.bar.as_ref()?))),
        }
    }

    /// Flipped decisions of one label between clean films and those that `other` names.
    fn flips(&self, label: usize, other: impl Fn(&Marked) -> Option<&Reading>) -> Option<Flipped> {
        let score = |reading: &Reading| reading.scores.get(label).copied().unwrap_or(f32::NAN);
        let pairs: Vec<(f32, f32)> =
            self.films().filter_map(|(clean, m)| Some((score(clean), score(other(m)?)))).collect();
        let found = flips(OPERATING_POINT, pairs.iter().copied());
        Some(Flipped { films: pairs.len(), flips: found, share: share_wilson(found.all(), pairs.len())? })
    }
}

fn summarise(marker: &Marker, rows: &Rows<'_>, labels: &[String], features: &[usize]) -> MarkerResponse {
    let of_label = |(label, name): (usize, &String)| {
        let number = |values: &[f32]| values.get(label).map_or(f64::NAN, |&v| f64::from(v));
        Some(LabelResponse {
            label: name.clone(),
            logit: rows.contrast(|reading| number(&reading.logits)),
            score: rows.contrast(|reading| number(&reading.scores)),
            flips: rows.flips(label, |m| Some(&m.marker))?,
            neutral_flips: rows.flips(label, |m| m.neutral.as_ref()),
            bar_flips: rows.flips(label, |m| m.bar.as_ref()),
        })
    };
    MarkerResponse {
        marker: marker.to_string(),
        neutral: rows.films().next().and_then(|(_, marked)| marked.neutral_words.clone()),
        labels: labels.iter().enumerate().filter_map(of_label).collect(),
        features: (0..features.len()).filter_map(|index| of_feature(rows, index, features)).collect(),
    }
}

fn of_feature(rows: &Rows<'_>, index: usize, features: &[usize]) -> Option<FeatureResponse> {
    let tokens = |reading: &'_ Reading| reading.feature(index, features.len()).to_vec();
    let most = |reading: &Reading| tokens(reading).into_iter().fold(0.0, f32::max);
    let fires = |other: &dyn Fn(&Marked) -> Option<f32>| {
        let known: Vec<f32> = rows.films().filter_map(|(_, m)| other(m)).collect();
        (!known.is_empty()).then(|| known.iter().filter(|&&v| v > 0.0).count())
    };
    // Mean change at the tokens under the marker, or at the others.
    let change = |is_under: bool| {
        rows.mean(|clean, m| {
            let (before, after) = (tokens(clean), tokens(&m.marker));
            let under = m.under.as_ref()?;
            let pairs: Vec<f64> = (0..before.len().min(under.len()))
                .filter(|&n| under[n] == is_under)
                .map(|n| f64::from(after[n] - before[n]))
                .collect();
            (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
        })
    };
    let newly = |clean: &Reading, m: &Marked| -> Option<bool> {
        let (before, after) = (tokens(clean), tokens(&m.marker));
        let under = m.under.as_ref()?;
        Some((0..before.len().min(under.len())).any(|n| under[n] && before[n] <= 0.0 && after[n] > 0.0))
    };
    let on_marker: Vec<bool> = rows.films().filter_map(|(clean, m)| newly(clean, m)).collect();
    Some(FeatureResponse {
        feature: features[index],
        clean: rows.mean(|clean, _| Some(f64::from(most(clean))))?,
        change: rows.contrast(|reading| f64::from(most(reading))),
        fires_clean: rows.films().filter(|(clean, _)| most(clean) > 0.0).count(),
        fires_marked: fires(&|m| Some(most(&m.marker)))?,
        fires_neutral: fires(&|m| m.neutral.as_ref().map(most)),
        fires_bar: fires(&|m| m.bar.as_ref().map(most)),
        fires_on_marker: (!on_marker.is_empty()).then(|| on_marker.iter().filter(|hit| **hit).count()),
        at_marker: change(true),
        elsewhere: change(false),
    })
}
