//! The whole audit: every asked column from detection to verdict.
//!
//! In: an activation store, a metadata table if there is one, and the bundle's engine if it can be opened. Out: an [`Audit`].
//! A part that cannot be done (a bundle without a way from latent to prediction, a column of numbers where groups are needed)
//! leaves the others and says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;

use super::baseline::{PixelSignals, metadata_baselines};
use super::column::{Column, Values};
use super::detection::{DetectionOptions, detect};
use super::domain::{Predictions, domain_test};
use super::drawn;
use super::films::AuditedFilms;
use super::folds::CrossValidation;
use super::gap::{Lean, gap, lean};
use super::injection::{EngineReader, Reader as _};
use super::maps::{Border, Grouping, Lungs, MapsRequest, maps};
use super::outcome::DetectionTable;
use super::probe::{FilmRows, probe};
use super::removal::judged;
use super::request::AuditRequest;
use super::result::{Audit, ColumnAudit, EXAMPLE_SIDE, Example, LabelBaseline, NotDone};
use super::sample::{as_two_groups, subset};
use super::table::MetadataTable;
use super::words::verdict;
use crate::bundle::Manifest;
use crate::dataset::FilmRecord;
use crate::engine::{Engine, Progress};
use crate::error::{Error, Result};
use crate::gallery::Gallery;
use crate::label::Labels;
use crate::radiograph::Radiograph;
use crate::store::{PageFilm, Store};

/// Films read by a network at a time.
const PIECE: usize = 64;
/// Examples for and against, each.
const EXAMPLES: usize = 6;
/// Most films that maps are taken of: a map costs a pass of the classifier.
const MAPPED: usize = 200;
/// Films that markers are drawn on: every marker costs three passes of the model.
const MARKED: usize = 60;
/// Films in a ranking of maps.
const RANKED: usize = 10;

/// Audits columns.
///
/// # Errors
/// When the store, the table, a column or the predictions cannot be used, the engine is of another bundle than the store's,
/// or the user asked to stop.
pub fn audit(engine: Option<&Engine>, request: &AuditRequest, progress: &Progress<'_>) -> Result<Audit> {
    let start = Instant::now();
    let store = Store::open(&request.store)?;
    if let Some(engine) = engine
        && engine.manifest().encoding_hash() != store.info().bundle_hash
    {
        let reason = format!(
            "the store was made by another bundle ({}) than \"{}\"; name that one with --bundle, or encode again",
            store.info().bundle,
            engine.manifest().name
        );
        return Err(Error::store(&request.store, reason));
    }
    if request.columns.is_empty() {
        return Err(Error::Invalid("name a column to audit".into()));
    }
    let table = request.metadata.as_deref().map(MetadataTable::read).transpose()?;
    let films = AuditedFilms::new(&store, table, progress)?;
    let columns = request.columns.iter().map(|name| films.column(name)).collect::<Result<Vec<_>>>()?;
    let finding = request.finding.as_deref().map(|name| films.column(name)).transpose()?;
    if let Some(finding) = finding.as_ref().filter(|finding| present(finding).is_none()) {
        let reason =
            format!("column \"{}\" does not say yes or no of a finding; write 1 and 0, or yes and no", finding.name);
        return Err(Error::Invalid(reason));
    }
    let tables = detect(&films, &columns, finding.as_ref(), &DetectionOptions::default(), progress)?;
    let given = request.predictions.as_deref().map(|path| predictions_of(path, &films)).transpose()?;
    let work = Work { engine, request, store: &store, films: &films, given: given.as_ref(), columns: &columns };
    let mut audited = Vec::with_capacity(columns.len());
    for (column, detection) in columns.iter().zip(tables) {
        audited.push(work.column(column, detection, progress)?);
    }
    let mut not_done = Vec::new();
    let injection = match (engine, request.markers.is_empty()) {
        (_, true) => None,
        (None, false) => {
            not_done.push(NotDone::new("markers drawn onto films", "the store's bundle is not at hand"));
            None
        }
        (Some(engine), false) => kept(&mut not_done, "markers drawn onto films", || {
            let places = work.sample(&as_two_groups(&columns[0], None), MARKED)?;
            let labels = engine.manifest().classifier.iter().flat_map(|part| &part.labels);
            let own = labels.map(|label| label.name.clone());
            let own: Vec<String> =
                own.filter(|label| columns.iter().any(|column| work.is_column(label, column))).collect();
            let asked = drawn::Asked {
                markers: &request.markers,
                features: &work.followers(&audited),
                own: &own,
                grid: request.sweep,
                seed: request.seed,
            };
            drawn::draw(engine, &work.records(&places)?, &asked, progress)
        })?,
    };
    if let Some(drawn) = &injection {
        audited.iter_mut().for_each(|column| drawn::weigh(column, drawn));
    }
    let info = store.info();
    Ok(Audit {
        store: request.store.display().to_string(),
        dataset: info.dataset.clone(),
        bundle: info.bundle.clone(),
        device: engine.map(|engine| engine.device().name().to_owned()),
        films: films.films().len(),
        patients: films.patient_count(),
        columns: audited,
        injection,
        not_done,
        notes: films.notes().to_vec(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Does a part; where it cannot be done, says so and goes on. The user's wish to stop and a device that fails end all.
pub(super) fn kept<T>(not_done: &mut Vec<NotDone>, part: &str, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    match work() {
        Ok(found) => Ok(Some(found)),
        Err(error @ (Error::Cancelled | Error::Device { .. })) => Err(error),
        Err(error) => {
            not_done.push(NotDone::new(part, &error.to_string()));
            Ok(None)
        }
    }
}

/// Predictions from a table: columns of numbers, called by their label or `prob_` and that.
fn predictions_of(path: &Path, films: &AuditedFilms<'_>) -> Result<(Vec<usize>, Predictions)> {
    let table = MetadataTable::read(path)?;
    let rows = table.find(films.paths())?;
    let number = |row: u32, column: &str| table.cell(row, column).and_then(|cell| cell.parse::<f32>().ok());
    let columns: Vec<&str> = table
        .columns()
        .filter(|column| {
            let mut known = rows.iter().filter_map(|rows| rows.first());
            known.all(|&row| number(row, column).is_some_and(|value| (0.0..=1.0).contains(&value)))
        })
        .collect();
    // A table of truth and predictions tells them apart by this prefix.
    let named: Vec<&str> = columns.iter().copied().filter(|column| column.starts_with("prob_")).collect();
    let columns = if named.is_empty() { columns } else { named };
    if columns.is_empty() {
        return Err(Error::dataset(path, "no column holds a probability from 0 to 1 for every film"));
    }
    let (mut places, mut values) = (Vec::new(), Vec::new());
    for (place, row) in rows.iter().enumerate().filter_map(|(place, rows)| Some((place, *rows.first()?))) {
        places.push(place);
        values.extend(columns.iter().map(|column| number(row, column).unwrap_or(f32::NAN)));
    }
    let labels = columns.iter().map(|column| column.strip_prefix("prob_").unwrap_or(column).to_owned()).collect();
    Ok((places, Predictions { labels, values }))
}

/// What every column's audit shares.
pub(super) struct Work<'a> {
    pub(super) engine: Option<&'a Engine>,
    pub(super) request: &'a AuditRequest,
    pub(super) store: &'a Store,
    pub(super) films: &'a AuditedFilms<'a>,
    given: Option<&'a (Vec<usize>, Predictions)>,
    columns: &'a [Column],
}

impl Work<'_> {
    fn column(&self, column: &Column, detection: DetectionTable, progress: &Progress<'_>) -> Result<ColumnAudit> {
        let mut not_done = Vec::new();
        let names = self.names(&detection)?;
        let group = detection.rows.first().and_then(|row| row.comparison.as_ref()).map(|found| found.group.clone());
        let two = as_two_groups(column, group.as_deref());
        let places = self.sample(&two, self.request.films)?;
        let folds = CrossValidation { seed: self.request.seed, ..CrossValidation::default() };

        let pixels = kept(&mut not_done, "pixels alone", || {
            let read = |place: usize| Ok(Radiograph::open(&self.path(place))?.to_unit());
            let signals = PixelSignals::read(&places, &read, progress)?;
            signals.baselines(&flags(&two)?, self.films.patients(), &folds, progress)
        })?;
        let metadata = kept(&mut not_done, "metadata alone against labels", || self.metadata(&folds, progress))?;
        let mut domain = kept(&mut not_done, "domain test", || domain_test(self.films, &two, None, &folds, progress))?;
        let predictions =
            kept(&mut not_done, "predictions by group", || self.predictions(&places, progress))?.flatten();
        if let Some(unread) =
            predictions.as_ref().map(|(own, _)| places.len().saturating_sub(own.len())).filter(|n| *n > 0)
            && self.given.is_none()
        {
            not_done.push(NotDone::new(&format!("predictions of {unread} films"), "they cannot be read"));
        }
        let (mut leans, mut gaps) = (Vec::new(), Vec::new());
        if let Some((own, predictions)) = &predictions {
            let of_own = subset(&two, own);
            let patients: Vec<u32> = own.iter().map(|&place| self.films.patients()[place]).collect();
            for (index, label) in predictions.labels.iter().enumerate() {
                let count = predictions.labels.len();
                let scores: Vec<f32> = predictions.values.chunks_exact(count).map(|film| film[index]).collect();
                let truth = self.truth(label, own);
                leans.push(lean(label, &scores, &truth, &of_own, &patients)?);
                // Too few films with the label on one side are no failure of the audit.
                gaps.extend(gap(label, &scores, &truth, &of_own, &patients).ok());
            }
            let rows = FilmRows::Dense { dim: predictions.labels.len(), values: predictions.values.clone() };
            let told = kept(&mut not_done, "domain test of predictions", || {
                probe("predictions", &rows, &flags(&of_own)?, &patients, &folds, progress)
            })?;
            if let (Some(domain), Some(told)) = (&mut domain, told) {
                domain.probes.push(told);
            }
        }
        leans.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
        let usage = kept(&mut not_done, "use", || self.usage(&detection, &two, &places, progress))?;
        let mut judgements = usage.as_ref().map(|usage| judged(usage, &detection)).unwrap_or_default();
        // That the prediction of a column follows what tells the column is no confounding.
        judgements.retain(|judged| !self.is_column(&judged.label, &two));
        leans.retain(|lean| !self.is_column(&lean.label, &two));
        let maps = match self.engine {
            Some(engine) => kept(&mut not_done, "maps of evidence", || {
                let places = self.sample(&two, MAPPED.min(self.request.films))?;
                let of_maps = subset(&two, &places);
                let Values::Groups { names, of } = of_maps.values else {
                    return Err(Error::Invalid("maps compare groups".into()));
                };
                let grouping = Grouping { column: column.name.clone(), names, of };
                let border = Border::OuterCells;
                let request = MapsRequest { grouping: &grouping, border, lungs: Lungs::Unknown, top: RANKED };
                maps(engine, &self.records(&places)?, &request, progress)
            })?,
            None => None,
        };
        let examples = self.examples(&detection, &two)?;
        let pixels = pixels.unwrap_or_default();
        let verdict = verdict(
            &detection,
            &names,
            &pixels,
            (&leans, &gaps, &self.source_of_predictions()),
            usage.as_ref(),
            &judgements,
            &not_done,
        );
        Ok(ColumnAudit {
            verdict,
            detection,
            names,
            pixels,
            metadata: metadata.unwrap_or_default(),
            domain,
            leans,
            gaps,
            usage,
            judgements,
            maps,
            examples,
            not_done,
        })
    }

    /// The table that predictions are of; empty where they are the bundle's.
    fn source_of_predictions(&self) -> String {
        let path = self.request.predictions.as_ref();
        let name = path.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_default()
    }

    /// Places of at most `most` films with a value in a column of two groups; the rarer group comes first, up to half of them.
    pub(super) fn sample(&self, two: &Column, most: usize) -> Result<Vec<usize>> {
        let drawn = CrossValidation { most_films: most, seed: self.request.seed, ..CrossValidation::default() };
        Ok(drawn.sample(&flags(two)?, self.films.patients()))
    }

    pub(super) fn path(&self, place: usize) -> PathBuf {
        Path::new(&self.store.info().dataset).join(&self.films.paths()[place])
    }

    /// Films as datasets list them, with the store's columns.
    fn records(&self, places: &[usize]) -> Result<Vec<FilmRecord>> {
        let films: Vec<u32> = places.iter().map(|&place| self.films.films()[place]).collect();
        let entries = self.store.films(&films)?;
        Ok(places
            .iter()
            .zip(entries)
            .map(|(&place, entry)| FilmRecord {
                path: self.path(place),
                patient: self.films.patients()[place].to_string(),
                columns: entry.columns,
                teacher: BTreeMap::new(),
            })
            .collect())
    }

    /// Names of the features of a table: found labels, else the bundle's.
    fn names(&self, detection: &DetectionTable) -> Result<BTreeMap<u32, String>> {
        let labels = Labels::of_store(self.store)?;
        let own = |feature: u32| {
            let part = self.engine.and_then(|engine| engine.manifest().sae.as_ref())?;
            part.features.get(feature as usize)?.label.clone()
        };
        let name = |feature: u32| {
            labels
                .as_ref()
                .and_then(|labels| labels.of(feature))
                .map(|label| label.text.clone())
                .or_else(|| own(feature))
        };
        Ok(detection.rows.iter().filter_map(|row| Some((row.feature, name(row.feature)?))).collect())
    }

    /// Labels whose truth is a column: how far the audited columns alone get.
    fn metadata(&self, folds: &CrossValidation, progress: &Progress<'_>) -> Result<Vec<LabelBaseline>> {
        let mut found = Vec::new();
        for label in self.labels() {
            let Ok(truth) = self.films.column(&label) else { continue };
            let Some(truth) = present(&truth) else { continue };
            let others: Vec<Column> =
                self.columns.iter().filter(|column| !column.name.eq_ignore_ascii_case(&label)).cloned().collect();
            if others.is_empty() {
                continue;
            }
            if let Ok(probes) = metadata_baselines(&others, &truth, self.films.patients(), folds, progress) {
                found.push(LabelBaseline { label, probes });
            }
            progress.step("metadata against labels", 0, 1)?;
        }
        let best = |of: &LabelBaseline| of.probes.iter().map(|probe| probe.auc.value).fold(0.0, f64::max);
        found.sort_by(|a, b| best(b).total_cmp(&best(a)));
        Ok(found)
    }

    fn labels(&self) -> Vec<String> {
        match (self.given, self.engine) {
            (Some((_, given)), _) => given.labels.clone(),
            (None, Some(engine)) => engine.bundle().labels().map(str::to_owned).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// Predictions with the films they are of: the given ones, else the bundle's on the sample.
    fn predictions(&self, places: &[usize], progress: &Progress<'_>) -> Result<Option<(Vec<usize>, Predictions)>> {
        if let Some(given) = self.given {
            return Ok(Some(given.clone()));
        }
        let Some(engine) = self.engine.filter(|engine| engine.bundle().classifier.is_some()) else { return Ok(None) };
        let reader = EngineReader::new(engine, &[])?;
        let (mut read, mut values) = (Vec::new(), Vec::new());
        for (done, piece) in places.chunks(PIECE).enumerate() {
            progress.step("reading predictions", done * PIECE, places.len())?;
            let films: Vec<(usize, Radiograph)> = piece
                .par_iter()
                .filter_map(|&place| Some((place, Radiograph::open(&self.path(place)).ok()?)))
                .collect();
            let readings = reader.read(&films.iter().map(|(_, film)| film).collect::<Vec<_>>())?;
            for ((place, _), reading) in films.iter().zip(readings) {
                read.push(*place);
                values.extend(reading.logits);
            }
        }
        Ok(Some((read, Predictions { labels: reader.labels(), values })))
    }

    /// What is known of a label on films.
    pub(super) fn truth(&self, label: &str, places: &[usize]) -> Vec<Option<bool>> {
        let column = self.films.column(label).ok().and_then(|column| present(&column));
        places.iter().map(|&place| column.as_ref().and_then(|flags| flags[place])).collect()
    }

    /// Whether a label says what the column says: they bear one name, or agree on nearly all films of either kind.
    fn is_column(&self, label: &str, two: &Column) -> bool {
        const AGREE: f64 = 0.9;
        if label.eq_ignore_ascii_case(&two.name) {
            return true;
        }
        let (Ok(label), Ok(column)) = (self.films.column(label), two.flags()) else { return false };
        let Ok(label) = label.flags() else { return false };
        // Among films of each kind, since two rare things agree on most films without being the same.
        let share = |kind: bool| {
            let of: Vec<bool> = label
                .iter()
                .zip(&column)
                .filter(|(_, own)| **own == Some(kind))
                .filter_map(|(label, _)| *label)
                .collect();
            of.iter().filter(|label| **label).count() as f64 / of.len().max(1) as f64
        };
        (share(true) - share(false)).abs() >= AGREE
    }

    /// The strongest features of all columns, to be watched while markers are drawn.
    fn followers(&self, audited: &[ColumnAudit]) -> Vec<usize> {
        let mut features: Vec<usize> = audited
            .iter()
            .flat_map(|column| column.detection.rows.iter().take(self.request.features))
            .map(|row| row.feature as usize)
            .collect();
        features.sort_unstable();
        features.dedup();
        features
    }

    /// Strongest films of the closest follower, of its group and of the others.
    fn examples(&self, detection: &DetectionTable, two: &Column) -> Result<Vec<Example>> {
        let Some(row) = detection.rows.first() else { return Ok(Vec::new()) };
        let Ok(flags) = flags(two) else { return Ok(Vec::new()) };
        let manifest: Option<&Manifest> = self.engine.map(|engine| &**engine.manifest());
        let gallery = Gallery::new(self.store, manifest, None)?;
        let strongest = self.store.strongest(row.feature)?;
        let mut chosen: Vec<(bool, u32, f32)> = Vec::new();
        for wanted in [true, false] {
            let of = strongest.iter().filter_map(|&(film, value)| {
                let place = self.films.films().binary_search(&film).ok()?;
                (flags[place] == Some(wanted)).then_some((wanted, film, value))
            });
            chosen.extend(of.take(EXAMPLES));
        }
        let films: Vec<u32> = chosen.iter().map(|&(_, film, _)| film).collect();
        let entries = self.store.films(&films)?;
        let pages: Vec<PageFilm> = entries
            .into_iter()
            .zip(&chosen)
            .map(|(entry, &(_, film, value))| PageFilm {
                film,
                path: entry.path,
                patient: entry.patient,
                token: 0,
                value,
            })
            .collect();
        let pictures = gallery.pictures_of(row.feature, &pages)?;
        Ok(chosen
            .iter()
            .zip(pictures)
            .map(|(&(shows, _, value), film)| Example { shows, value, picture: film.tile(EXAMPLE_SIDE) })
            .collect())
    }
}

/// Whether each film has what a column of yes and no is about; none of other columns, whose first group is only the first in the
/// alphabet.
fn present(column: &Column) -> Option<Vec<Option<bool>>> {
    let is_plain = matches!(&column.values, Values::Groups { names, .. } if *names == ["yes", "no"]);
    column.flags().ok().filter(|_| is_plain)
}

pub(super) fn flags(column: &Column) -> Result<Vec<Option<bool>>> {
    column.flags().map_err(Error::Invalid)
}

/// How far a prediction follows the group where the label is absent, else over all films.
fn strength(lean: &Lean) -> f64 {
    let ranked = lean.without.as_ref().or(lean.all.as_ref());
    ranked.map_or(0.0, |ranked| (ranked.auc.value - 0.5).abs())
}
