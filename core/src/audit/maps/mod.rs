//! Zech's maps of a whole dataset: where a classifier finds evidence, by group of a column.
//!
//! In: films in groups and a bundle whose classifier has class activation maps. Out: for every label the mean grid of
//! log-ratios `ln(sigmoid(cell) / base rate)` (Zech 2018) of each group, their difference cell by cell with an interval, the
//! share of positive evidence outside the lungs and in the film's border, and films ranked by the latter. Evidence is the
//! positive part of the log-ratio: what speaks for the label more than the label's share of the training films does.

mod difference;
mod grouping;
mod lungs;
mod picture;
#[cfg(test)]
mod tests;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use grouping::Grouping;
pub use lungs::{CENTRAL_FIELD, LungSource, Lungs, Mask, PhantomLungs};
pub use picture::maps_png;

use super::injection::BrokenFilm;
use crate::attribution::{BaseRate, Cells, cells_of_labels};
use crate::audit::injection::{mean_by_patient, numbered, patient_count};
use crate::dataset::FilmRecord;
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// The outer part of a film.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Border {
    /// The outermost ring of cells.
    OuterCells,
    /// A frame of this share of the sides, such as 0.1; a cell counts by the part of it that lies there.
    Share(f64),
}

/// What is asked.
pub struct MapsRequest<'a> {
    /// Groups of the films.
    pub grouping: &'a Grouping,
    /// What counts as border.
    pub border: Border,
    /// What knows the lungs.
    pub lungs: Lungs<'a>,
    /// Films in each ranking.
    pub top: usize,
}

/// Maps of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetMaps {
    /// The column.
    pub column: String,
    /// The groups, in the order of the grouping.
    pub groups: Vec<Group>,
    /// Films that are in no group.
    pub ungrouped: usize,
    /// Films that could not be used.
    pub broken: Vec<BrokenFilm>,
    /// Rows and columns of a map.
    pub grid: [usize; 2],
    /// What counts as border.
    pub border: Border,
    /// Share of a film's area that is border: the share of evidence there if it were spread evenly.
    pub border_area: f64,
    /// What knew the lungs; where it is unknown, only the border's share is given.
    pub lungs: LungSource,
    /// One entry a label.
    pub labels: Vec<LabelMaps>,
}

/// Films of one group.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Films.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// Mean of the films as the classifier sees them, in grey levels.
    #[serde(skip)]
    pub mean_film: Option<Plane>,
}

/// One label's maps.
#[derive(Clone, Debug, Serialize)]
pub struct LabelMaps {
    /// Label.
    pub label: String,
    /// The share that log-ratios are relative to.
    pub base_rate: f32,
    /// Where it comes from.
    pub base_rate_source: BaseRate,
    /// One entry a group.
    pub groups: Vec<GroupMap>,
    /// First group minus second, cell by cell, with intervals of 95 % that resample patients; none unless there are two groups.
    pub difference: Option<Vec<Estimate>>,
    /// Films by share of evidence in the border, largest first, those with the label (score of at least 0.5) before the others.
    pub ranked: Vec<RankedFilm>,
}

/// One label's map of one group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupMap {
    /// Mean log-ratio of each cell, row by row.
    pub log_ratios: Vec<f64>,
    /// Mean share of a film's evidence that lies in the border.
    pub in_border: EvidenceShare,
    /// Mean share that lies outside the lungs; none where nothing knows them.
    pub outside_lungs: Option<EvidenceShare>,
}

/// A mean share over films.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EvidenceShare {
    /// Mean over films that have evidence, with an interval of 95 % that resamples patients; none where no film has.
    pub share: Option<Estimate>,
    /// Films with evidence.
    pub films: usize,
    /// Films without any: no cell above the base rate, or without a mask.
    pub without: usize,
    /// Mean share of those films' area: what evenly spread evidence would give.
    pub area: Option<f64>,
}

/// A film in a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedFilm {
    /// Its path.
    pub path: String,
    /// Group; none where the table does not know.
    pub group: Option<usize>,
    /// Logit of the label: the mean of its cells.
    pub logit: f32,
    /// Whether the label is present at the operating point.
    pub is_present: bool,
    /// Mean evidence of a cell, in units of the log-ratio.
    pub evidence: f64,
    /// Share of it in the border.
    pub in_border: f64,
    /// Share of it outside the lungs, where they are known.
    pub outside_lungs: Option<f64>,
}

/// What is kept of one film.
struct Film {
    path: String,
    patient: usize,
    group: Option<usize>,
    /// Log-ratios, label by label, cell by cell.
    ratios: Vec<f32>,
    logits: Vec<f32>,
    /// Share of lung of each cell.
    lungs: Option<Vec<f64>>,
}

/// Maps of all films.
///
/// # Errors
/// When the bundle's classifier has no class activation maps, the grouping is of other films, no film can be used, the device fails, or
/// it was cancelled.
pub fn maps(
    engine: &Engine,
    films: &[FilmRecord],
    request: &MapsRequest<'_>,
    progress: &Progress<'_>,
) -> Result<DatasetMaps> {
    let grouping = request.grouping;
    if grouping.of.len() != films.len() {
        let (expected, found) = (format!("{} films", films.len()), format!("{}", grouping.of.len()));
        return Err(Error::Shape { what: "grouping".into(), expected, found });
    }
    let mut shape: Option<Vec<Cells>> = None;
    let mut means: Vec<Option<Mean>> = grouping.names.iter().map(|_| None).collect();
    let (mut kept, mut patients, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (record, &group)) in films.iter().zip(&grouping.of).enumerate() {
        progress.step("mapping", index, films.len())?;
        let film = match Radiograph::open(&record.path) {
            Ok(film) => film,
            Err(error) => {
                broken.push(BrokenFilm { path: record.path.display().to_string(), reason: error.to_string() });
                continue;
            }
        };
        let inputs = engine.inputs(&film);
        let input = inputs.classifier.unwrap_or(inputs.frame);
        let cells = cells_of_labels(engine, &input)?;
        let first = cells.first().ok_or_else(|| Error::Invalid("the classifier has no labels".into()))?;
        let manifest = engine.manifest();
        let own = manifest.classifier.as_ref().and_then(|part| part.preprocess.as_ref());
        let lungs =
            request.lungs.of_cells(record, &film, own.unwrap_or(&manifest.preprocess), [first.height, first.width])?;
        if let Some(mean) = group.and_then(|group| means.get_mut(group)) {
            mean.get_or_insert_with(|| Mean::new(&input)).add(&input);
        }
        kept.push(Film {
            path: record.path.display().to_string(),
            patient: 0,
            group,
            ratios: cells.iter().flat_map(|cells| cells.log_ratios.iter().copied()).collect(),
            logits: cells.iter().map(|c| c.logits.iter().sum::<f32>() / c.logits.len().max(1) as f32).collect(),
            lungs,
        });
        patients.push(record.patient.as_str());
        shape.get_or_insert(cells);
    }
    let shape = shape.ok_or_else(|| {
        let first = broken.first().map_or("the list is empty", |film| film.reason.as_str());
        Error::Invalid(format!("none of {} films can be used: {first}", films.len()))
    })?;
    for (film, patient) in kept.iter_mut().zip(numbered(patients)) {
        film.patient = patient;
    }
    progress.step("comparing groups", 0, shape.len())?;
    let grid = shape.first().map_or([1, 1], |cells| [cells.height, cells.width]);
    let border = border_cells(grid, request.border);
    let group = |(index, name): (usize, &String)| {
        let own: Vec<usize> = kept.iter().filter(|film| film.group == Some(index)).map(|film| film.patient).collect();
        let mean_film = means[index].take().and_then(Mean::plane);
        Group { name: name.clone(), films: own.len(), patients: patient_count(&own), mean_film }
    };
    let groups = grouping.names.iter().enumerate().map(group).collect();
    let labels: Vec<String> = engine.bundle().labels().map(str::to_owned).collect();
    let points: Vec<f32> =
        engine.manifest().classifier.iter().flat_map(|part| &part.labels).map(|l| l.operating_point).collect();
    let of_label = |index: usize| {
        let view = LabelView { films: &kept, label: index, cells: grid[0] * grid[1], border: &border };
        let point = points.get(index).copied().unwrap_or(0.5);
        let maps = view.maps(grouping.names.len(), (point / (1.0 - point)).ln(), request.top);
        progress.silenced().step("comparing groups", index, shape.len())?;
        Ok(LabelMaps {
            label: labels.get(index).cloned().unwrap_or_default(),
            base_rate: shape[index].base_rate,
            base_rate_source: shape[index].base_rate_source,
            ..maps
        })
    };
    let labels = (0..shape.len()).map(of_label).collect::<Result<_>>()?;
    Ok(DatasetMaps {
        column: grouping.column.clone(),
        groups,
        ungrouped: kept.iter().filter(|film| film.group.is_none()).count(),
        broken,
        grid,
        border: request.border,
        border_area: border.iter().sum::<f64>() / border.len().max(1) as f64,
        lungs: request.lungs.source(),
        labels,
    })
}

/// How much of each cell is border, 0 to 1.
fn border_cells([rows, columns]: [usize; 2], border: Border) -> Vec<f64> {
    // How much of a cell's side lies between the borders.
    let inner = |index: usize, count: usize| match border {
        Border::OuterCells => f64::from(u8::from(index > 0 && index + 1 < count)),
        Border::Share(share) => {
            let share = share.clamp(0.0, 0.5);
            let (low, high) = (index as f64 / count as f64, (index + 1) as f64 / count as f64);
            (high.min(1.0 - share) - low.max(share)).max(0.0) * count as f64
        }
    };
    (0..rows * columns).map(|i| 1.0 - inner(i / columns, rows) * inner(i % columns, columns)).collect()
}

/// Sum of films of one size.
struct Mean {
    sum: Vec<f64>,
    size: (usize, usize),
    count: f64,
}

impl Mean {
    fn new(first: &Plane) -> Self {
        Self { sum: vec![0.0; first.data().len()], size: (first.width(), first.height()), count: 0.0 }
    }

    fn add(&mut self, film: &Plane) {
        self.sum.iter_mut().zip(film.data()).for_each(|(sum, &value)| *sum += f64::from(value));
        self.count += 1.0;
    }

    fn plane(self) -> Option<Plane> {
        let count = self.count.max(1.0);
        Plane::new(self.size.0, self.size.1, self.sum.iter().map(|sum| (sum / count) as f32).collect()).ok()
    }
}

/// All films' cells of one label.
struct LabelView<'a> {
    films: &'a [Film],
    label: usize,
    cells: usize,
    border: &'a [f64],
}

impl LabelView<'_> {
    fn ratios<'a>(&self, film: &'a Film) -> &'a [f32] {
        film.ratios.get(self.label * self.cells..(self.label + 1) * self.cells).unwrap_or_default()
    }

    /// Share of a film's evidence in cells by weight; none without evidence.
    fn share(&self, film: &Film, weights: &[f64]) -> Option<f64> {
        let evidence = self.ratios(film).iter().map(|&v| f64::from(v.max(0.0)));
        let (part, whole) = evidence.zip(weights).fold((0.0, 0.0), |(p, w), (e, weight)| (p + e * weight, w + e));
        (whole > 0.0).then_some(part / whole)
    }

    fn outside(&self, film: &Film) -> Option<f64> {
        let outside: Vec<f64> = film.lungs.as_ref()?.iter().map(|inside| 1.0 - inside).collect();
        self.share(film, &outside)
    }

    fn maps(&self, groups: usize, point: f32, top: usize) -> LabelMaps {
        let of_group = |group: usize| {
            let own: Vec<&Film> = self.films.iter().filter(|film| film.group == Some(group)).collect();
            let mean = |cell: usize| {
                own.iter().map(|film| f64::from(self.ratios(film)[cell])).sum::<f64>() / own.len().max(1) as f64
            };
            let border_area = self.border.iter().sum::<f64>() / self.cells as f64;
            let outside_area =
                |film: &Film| film.lungs.as_ref().map(|inside| 1.0 - inside.iter().sum::<f64>() / self.cells as f64);
            let knows_lungs = own.iter().any(|film| film.lungs.is_some());
            GroupMap {
                log_ratios: (0..self.cells).map(mean).collect(),
                in_border: over_films(&own, |film| self.share(film, self.border), |_| Some(border_area)),
                outside_lungs: knows_lungs.then(|| over_films(&own, |film| self.outside(film), outside_area)),
            }
        };
        let mut ranked: Vec<RankedFilm> = self.films.iter().filter_map(|film| self.ranked(film, point)).collect();
        ranked.sort_by(|a, b| {
            b.is_present
                .cmp(&a.is_present)
                .then(b.in_border.total_cmp(&a.in_border))
                .then(b.evidence.total_cmp(&a.evidence))
                .then(a.path.cmp(&b.path))
        });
        ranked.truncate(top);
        let difference = (groups == 2).then(|| {
            let rows = self.films.iter().filter_map(|film| Some((film.patient, film.group?, self.ratios(film))));
            difference::of_groups(&rows.collect::<Vec<_>>(), self.cells)
        });
        LabelMaps {
            label: String::new(),
            base_rate: 0.0,
            base_rate_source: BaseRate::Bundle,
            groups: (0..groups).into_par_iter().map(of_group).collect(),
            difference: difference.flatten(),
            ranked,
        }
    }

    fn ranked(&self, film: &Film, point: f32) -> Option<RankedFilm> {
        let logit = film.logits.get(self.label).copied()?;
        Some(RankedFilm {
            path: film.path.clone(),
            group: film.group,
            logit,
            is_present: logit >= point,
            evidence: self.ratios(film).iter().map(|&v| f64::from(v.max(0.0))).sum::<f64>() / self.cells as f64,
            in_border: self.share(film, self.border)?,
            outside_lungs: self.outside(film),
        })
    }
}

fn over_films(
    films: &[&Film],
    share: impl Fn(&Film) -> Option<f64>,
    area: impl Fn(&Film) -> Option<f64>,
) -> EvidenceShare {
    let shares: Vec<f64> = films.iter().map(|film| share(film).unwrap_or(f64::NAN)).collect();
    let patients: Vec<usize> = films.iter().map(|film| film.patient).collect();
    let with = shares.iter().filter(|v| v.is_finite()).count();
    let areas: Vec<f64> =
        films.iter().zip(&shares).filter(|(_, share)| share.is_finite()).filter_map(|(film, _)| area(film)).collect();
    EvidenceShare {
        share: mean_by_patient(&shares, &patients),
        films: with,
        without: films.len() - with,
        area: (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64),
    }
}
