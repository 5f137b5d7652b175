//! Labelling a whole store: for each feature the statement that its strongest films make and others do not, with a score on
//! films that did not choose it.
//!
//! In: a store and, where there are any, its dataset's reports; columns of the film table are always read. A bundle's text tower
//! names what neither reports nor columns do, where it is asked. Out: [`Labels`].
//! Patients are divided once: one side chooses labels and thresholds, the other scores them.

use std::collections::BTreeMap;
use std::path::Path;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::concepts::{Concepts, read, spoken};
use super::detection::{Case, detection, holds_in_column};
use super::endpoint::{Ask, interpret};
use super::rank::{candidates_of, made_by};
use super::stored::{FeatureLabel, Labels};
use super::threshold::speaking_threshold;
use super::words::{self, Resemblance, Words};
use super::{CandidateKind, Evidence, LabelCandidate, Limits, Statement, columns, together};
use crate::dataset::reports::Reports;
use crate::dataset::{Part, PatientSplit};
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::report::compose::{LabelKind, kind_of};
use crate::report::labeler::{Label, Labeler};
use crate::report::prose::Prose;
use crate::store::{FilmEntry, Store};

/// Proposals that are compared for a feature: one sentence of a report makes a dozen of them.
const PROPOSALS: usize = 40;
/// Area under the ROC curve that a known name may cost against an unknown phrase.
const KNOWN_NAME: f64 = 0.03;

/// How to label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelOptions {
    /// Strongest films that propose labels.
    pub top: usize,
    /// Random films that they are held against.
    pub random: usize,
    /// Films on which proposals are compared, and as many on which the choice is scored, at most.
    pub films: usize,
    /// Share of the patients that score.
    pub held_out: f64,
    /// Fewest films on which a feature must fire to be labelled.
    pub fewest: usize,
    /// Smallest area under the ROC curve, on the choosing side, of a label that is kept.
    pub auc: f64,
    /// Seed of the division and of the random films.
    pub seed: u64,
}

impl Default for LabelOptions {
    fn default() -> Self {
        Self { top: 40, random: 400, films: 4000, held_out: 0.3, fewest: 10, auc: 0.55, seed: 1 }
    }
}

/// A labelling.
pub struct LabelJob<'a> {
    /// The store.
    pub store: &'a Store,
    /// Reports of its films.
    pub reports: Option<&'a Reports>,
    /// What reads them.
    pub labeler: &'a Labeler,
    /// How to label.
    pub options: LabelOptions,
    /// The text tower's reading of the films: it names features for which neither reports nor columns stand out.
    pub words: Option<&'a Words<'a>>,
    /// Who names features in other words; nobody is asked unless there is one.
    pub endpoint: Option<&'a dyn Ask>,
}

/// A film that chooses or scores.
struct Film {
    film: u32,
    is_held_out: bool,
    columns: BTreeMap<String, f32>,
    report: Option<String>,
    concepts: Option<Concepts>,
    /// How much each concept is resembled; empty where no text tower was asked.
    margins: Vec<f32>,
}

impl LabelJob<'_> {
    /// Labels every feature that fires on enough films; those for which nothing stands out stay without.
    ///
    /// # Errors
    /// When the store is damaged, no report is of its films, the endpoint fails, or the user asked to stop.
    pub fn run(&self, progress: &Progress<'_>) -> Result<Labels> {
        let mut films = self.films()?;
        if let Some(words) = self.words {
            let wanted: Vec<u32> = films.iter().map(|film| film.film).collect();
            let margins = words.margins(&wanted, progress)?;
            films.iter_mut().zip(margins).for_each(|(film, margins)| film.margins = margins);
        }
        let films = films;
        if let Some(reports) = self.reports
            && films.iter().all(|film| film.report.is_none())
        {
            return Err(Error::store(
                self.store.folder(),
                format!(
                    "none of the {} reports is of a film in the store; the column \"{}\" must name the films",
                    reports.len(),
                    reports.columns.first().map_or("", String::as_str)
                ),
            ));
        }
        let (scoring, choosing): (Vec<&Film>, Vec<&Film>) = films.iter().partition(|film| film.is_held_out);
        let summaries = self.store.summaries()?;
        let alive: Vec<u32> = (0..self.store.info().features)
            .filter(|&feature| summaries.get(feature as usize).is_some_and(|s| s.films >= self.options.fewest as u64))
            .collect();
        let mut labels = Vec::new();
        for (done, features) in alive.chunks(16).enumerate() {
            progress.step("labelling features", done * 16, alive.len())?;
            let found: Vec<Option<FeatureLabel>> =
                features.par_iter().map(|&feature| self.label(feature, &choosing, &scoring)).collect::<Result<_>>()?;
            labels.extend(found.into_iter().flatten());
        }
        self.speak_together(&mut labels, &choosing, &scoring, progress)?;
        if let Some(endpoint) = self.endpoint {
            for done in 0..labels.len() {
                progress.step("asking the endpoint", done, labels.len())?;
                self.rename(&mut labels[done], endpoint, &choosing)?;
            }
        }
        let method = format!(
            "fluoro label; {} of {} features fire on at least {} films; reports: {}; text tower: {}; vocabulary: {}; options {}",
            alive.len(),
            self.store.info().features,
            self.options.fewest,
            self.reports.map_or("none".into(), |reports| reports.columns.join(", ")),
            self.words.map_or("not asked".into(), |_| format!("of {}", self.store.info().bundle)),
            self.labeler.vocabulary().name,
            ron::to_string(&self.options).unwrap_or_default()
        );
        let vocabulary = self.labeler.vocabulary().clone();
        Ok(Labels::new(&self.store.info().bundle_hash, method, vocabulary, labels))
    }

    /// A random part of the store's films with what is known of them, by film.
    fn films(&self) -> Result<Vec<Film>> {
        let failed: Vec<u32> = self.store.failed()?.into_iter().map(|film| film.film).collect();
        let all = self.store.films_len() as u32 + failed.len() as u32;
        if self.store.info().shard.is_some() {
            let reason = "this store is a part of a dataset; join the parts with fluoro merge first";
            return Err(Error::store(self.store.folder(), reason));
        }
        let mut films: Vec<u32> = (0..all).filter(|film| failed.binary_search(film).is_err()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(self.options.seed);
        films.shuffle(&mut random);
        films.truncate(2 * self.options.films);
        films.sort_unstable();
        let entries = self.store.films(&films)?;
        Ok(entries.into_par_iter().map(|entry| self.read(entry)).collect())
    }

    fn read(&self, entry: FilmEntry) -> Film {
        let report = self.reports.and_then(|reports| reports.of(Path::new(&entry.path))).map(|report| report.text());
        let concepts = report.as_ref().map(|report| read(report, self.labeler)).filter(|concepts| concepts.has_words);
        let is_held_out = self.split().part(&entry.patient) == Part::HeldOut;
        Film { film: entry.film, is_held_out, columns: entry.columns, report, concepts, margins: Vec::new() }
    }

    /// Lowers the thresholds of features that name the same class, together, and scores the labels at them.
    fn speak_together(
        &self,
        labels: &mut [FeatureLabel],
        choosing: &[&Film],
        scoring: &[&Film],
        progress: &Progress<'_>,
    ) -> Result<()> {
        let choosing: Vec<&Film> = choosing.iter().copied().filter(|film| film.concepts.is_some()).collect();
        let classes = self.labeler.vocabulary().classes.len();
        for class in 0..classes {
            progress.step("weighing features against each other", class, classes)?;
            let names = |label: &FeatureLabel| {
                label.kind != LabelKind::Normal && self.labeler.label(&label.text).get(class) == Some(&Label::Positive)
            };
            let members: Vec<usize> = (0..labels.len()).filter(|&place| names(&labels[place])).collect();
            let activations = |films: &[&Film], feature: u32| -> Result<Vec<f32>> {
                let known: BTreeMap<u32, f32> = self.store.strongest(feature)?.into_iter().collect();
                Ok(films.iter().map(|film| known.get(&film.film).copied().unwrap_or(0.0)).collect())
            };
            let own = members.iter().map(|&place| activations(&choosing, labels[place].feature));
            let own = own.collect::<Result<Vec<_>>>()?;
            let has = |film: &&Film| film.concepts.as_ref().is_some_and(|concepts| concepts.has.contains(&class));
            let present: Vec<bool> = choosing.iter().map(has).collect();
            let mut thresholds: Vec<f32> = members.iter().map(|&place| labels[place].threshold).collect();
            together::lower(&own, &present, &mut thresholds);
            for (place, threshold) in members.into_iter().zip(thresholds) {
                let label = &mut labels[place];
                if threshold < label.threshold {
                    label.threshold = threshold;
                    let values: BTreeMap<u32, f32> = self.store.strongest(label.feature)?.into_iter().collect();
                    let of = |film: &Film| values.get(&film.film).copied().unwrap_or(0.0);
                    label.detection = detection(&self.cases(&label.statement, scoring, of), threshold)?;
                }
            }
        }
        Ok(())
    }

    fn split(&self) -> PatientSplit {
        PatientSplit { seed: self.options.seed, held_out: self.options.held_out }
    }

    /// The films of choosing patients on which a feature fires most, whether or not they are in the sample.
    fn strongest(&self, strongest: &[(u32, f32)]) -> Result<Vec<Film>> {
        let mut top = Vec::new();
        for films in strongest.chunks(self.options.top.max(1)) {
            let missing = self.options.top - top.len();
            let films: Vec<u32> = films.iter().map(|&(film, _)| film).collect();
            let entries = self.store.films(&films)?.into_iter();
            let choosing = entries.filter(|entry| self.split().part(&entry.patient) == Part::Training);
            top.extend(choosing.take(missing).map(|entry| self.read(entry)));
            if top.len() == self.options.top {
                break;
            }
        }
        Ok(top)
    }

    fn label(&self, feature: u32, choosing: &[&Film], scoring: &[&Film]) -> Result<Option<FeatureLabel>> {
        let strongest = self.store.strongest(feature)?;
        let activation: BTreeMap<u32, f32> = strongest.iter().copied().collect();
        let of = |film: &Film| activation.get(&film.film).copied().unwrap_or(0.0);
        let top = self.strongest(&strongest)?;
        let top: Vec<&Film> = top.iter().collect();
        // The very strongest films of a large store may be odd ones, such as inverted films, on which half of all features
        // fire hard; those of the sample reach further down.
        let mut ranked: Vec<&Film> = choosing.iter().copied().filter(|film| of(film) > 0.0).collect();
        ranked.sort_by(|a, b| of(b).total_cmp(&of(a)).then(a.film.cmp(&b.film)));
        ranked.truncate(self.options.top);
        let random = self.random(choosing);
        let mut candidates = self.propose(&top, &random);
        candidates.extend(self.propose(&ranked, &random));
        let mut best: Option<(f64, LabelCandidate)> = None;
        for candidate in candidates {
            let cases = self.cases(&candidate.statement, choosing, of);
            let Some(auc) = detection(&cases, 0.0)?.auc.value.filter(|auc| *auc >= self.options.auc) else { continue };
            let worth = auc + self.clarity(&candidate);
            if best.as_ref().is_none_or(|(known, _)| worth > *known + 1e-9) {
                best = Some((worth, candidate));
            }
        }
        let resemblance = self.resemblance(&activation, &top, choosing)?;
        let best = match (best, &resemblance) {
            (Some((_, candidate)), _) => Some(candidate),
            (None, Some((place, found))) => self.of_words(*place, found, [&ranked, &random, choosing], of)?,
            (None, None) => None,
        };
        let Some(candidate) = best else { return Ok(None) };
        let sure = speaking_threshold(&self.cases(&candidate.statement, choosing, of));
        let LabelCandidate { text, kind: _, evidence, statement, .. } = candidate;
        Ok(Some(FeatureLabel {
            feature,
            kind: self.kind(&statement, &text),
            sentence: top.iter().find_map(|film| self.sentence(&statement, film.report.as_deref()?)),
            threshold: sure,
            sure,
            detection: detection(&self.cases(&statement, scoring, of), sure)?,
            evidence,
            source: source(&statement).to_owned(),
            text,
            statement,
            interpretation: None,
            resemblance: resemblance.map(|(_, found)| found),
        }))
    }

    /// The concept that the films of a feature resemble more than others do, by the choosing films and the strongest of them
    /// all.
    fn resemblance(
        &self,
        activation: &BTreeMap<u32, f32>,
        top: &[&Film],
        choosing: &[&Film],
    ) -> Result<Option<(usize, Resemblance)>> {
        let Some(words) = self.words else { return Ok(None) };
        let known: BTreeMap<u32, &[f32]> = choosing.iter().map(|film| (film.film, film.margins.as_slice())).collect();
        // A rare feature may fire on no film of the sample.
        let missing: Vec<u32> = top.iter().map(|film| film.film).filter(|film| !known.contains_key(film)).collect();
        let more = words.margins(&missing, &Progress::silent())?;
        let more = missing.into_iter().zip(more.iter().map(Vec::as_slice));
        let (films, margins): (Vec<u32>, Vec<&[f32]>) = known.into_iter().chain(more).unzip();
        let activations: Vec<f32> = films.iter().map(|film| activation.get(film).copied().unwrap_or(0.0)).collect();
        let firing = activations.iter().filter(|&&activation| activation > 0.0).count();
        Ok(words::resemblance(words.sentences(), &words::scores(&margins, &activations), firing))
    }

    /// The label that a resemblance makes, where the feature tells on which choosing films the text tower sees it. The films
    /// are the strongest of the sample, random ones, and all that choose.
    fn of_words(
        &self,
        place: usize,
        found: &Resemblance,
        [top, random, choosing]: [&[&Film]; 3],
        activation: impl Fn(&Film) -> f32,
    ) -> Result<Option<LabelCandidate>> {
        let margins: Vec<f32> = choosing.iter().filter_map(|film| film.margins.get(place).copied()).collect();
        let firing = choosing.iter().filter(|film| activation(film) > 0.0).count();
        let limit = words::limit(&margins, firing, self.options.fewest);
        let (sentence, neutral) = (found.sentence.clone(), found.neutral.clone());
        let statement = Statement::Resembles { sentence, neutral, limit };
        let cases = self.cases(&statement, choosing, activation);
        if detection(&cases, 0.0)?.auc.value.is_none_or(|auc| auc < self.options.auc) {
            return Ok(None);
        }
        let count = |films: &[&Film]| {
            let cases = self.cases(&statement, films, |_| 0.0);
            (cases.iter().filter(|case| case.holds).count(), cases.len())
        };
        let ((top, top_all), (random, random_all)) = (count(top), count(random));
        let evidence = Evidence { top, top_all, random, random_all };
        let text = spoken(&found.class);
        Ok(Some(LabelCandidate { text, kind: CandidateKind::Words, weight: found.score, evidence, statement }))
    }

    /// The films that the strongest ones are held against.
    fn random<'a>(&self, choosing: &[&'a Film]) -> Vec<&'a Film> {
        let step = (choosing.len() / self.options.random.max(1)).max(1);
        choosing.iter().copied().step_by(step).collect()
    }

    /// What kind of thing a statement is about: a denied finding is normal, and a column that no reader of films would call
    /// a finding tells how the film was made.
    fn kind(&self, statement: &Statement, text: &str) -> LabelKind {
        let is_known = |column: &str| kind_of(column, self.labeler) == LabelKind::Device || self.names_a_class(column);
        let nothing = self.labeler.vocabulary().nothing.as_ref().map(|nothing| spoken(&nothing.class));
        match statement {
            Statement::Resembles { .. } if nothing.is_some_and(|nothing| nothing == text) => LabelKind::Normal,
            Statement::Denies(_) | Statement::LacksClass(_) => {
                match kind_of(text.strip_prefix("no ").unwrap_or(text), self.labeler) {
                    LabelKind::Acquisition => LabelKind::Acquisition,
                    _ => LabelKind::Normal,
                }
            }
            Statement::Flag { column, .. } | Statement::Above { column, .. } if !is_known(column) => {
                LabelKind::Acquisition
            }
            Statement::Flag { value: false, .. } => LabelKind::Normal,
            _ => kind_of(text, self.labeler),
        }
    }

    /// Whether words affirm a class by name; that they name nothing is no class, though it is a label of a whole report.
    fn names_a_class(&self, text: &str) -> bool {
        self.labeler.mentions(text).iter().any(|mention| mention.label == Label::Positive)
    }

    /// What a name that readers know is worth in area under the curve: the reports of a pacemaker speak of its leads just as
    /// often, and of edema's septal lines, but the finding is what they mean.
    fn clarity(&self, candidate: &LabelCandidate) -> f64 {
        match candidate.statement {
            Statement::HasClass(_) | Statement::Flag { .. } => KNOWN_NAME,
            Statement::Affirms(_) if self.names_a_class(&candidate.text) => KNOWN_NAME,
            _ => 0.0,
        }
    }

    /// Statements that stand out among the strongest films.
    fn propose(&self, top: &[&Film], random: &[&Film]) -> Vec<LabelCandidate> {
        let limits = Limits { count: PROPOSALS, ..Limits::default() };
        let concepts =
            |films: &[&Film]| films.iter().filter_map(|film| film.concepts.as_ref()).cloned().collect::<Vec<_>>();
        let mut found = candidates_of(&concepts(top), &concepts(random), self.labeler, &limits);
        let flags = |films: &[&Film], column: &str| {
            let value = |film: &&Film| film.columns.get(column).copied();
            let known: Vec<Option<f32>> = films.iter().map(value).collect();
            let is_flag = known.iter().flatten().all(|value| [0.0, 1.0].contains(value));
            (is_flag, known)
        };
        let names = random.iter().flat_map(|film| film.columns.keys()).collect::<std::collections::BTreeSet<_>>();
        for column in names {
            let ((a, top), (b, random)) = (flags(top, column), flags(random, column));
            let values = |known: Vec<Option<f32>>| {
                if a && b {
                    columns::Values::Flags(known.into_iter().map(|value| value.map(|value| value == 1.0)).collect())
                } else {
                    columns::Values::Numbers(known.into_iter().map(|value| value.map(f64::from)).collect())
                }
            };
            found.extend(columns::candidate(column, &values(top), &values(random), &limits));
        }
        found
    }

    /// For each film that says anything about the statement, whether it holds, and the activation there.
    fn cases(&self, statement: &Statement, films: &[&Film], activation: impl Fn(&Film) -> f32) -> Vec<Case> {
        let sentence = |sentence: &str| {
            self.words.and_then(|words| words.sentences().iter().position(|other| other.text == sentence))
        };
        let holds = |film: &Film| match statement {
            Statement::Resembles { sentence: text, limit, .. } => Some(*film.margins.get(sentence(text)?)? > *limit),
            Statement::Flag { column, .. } | Statement::Above { column, .. } => {
                holds_in_column(statement, f64::from(*film.columns.get(column)?))
            }
            _ => made_by(statement, film.concepts.as_ref()?, self.labeler),
        };
        films.iter().filter_map(|film| Some(Case { holds: holds(film)?, activation: activation(film) })).collect()
    }

    /// The first sentence of a report that makes the statement by itself.
    fn sentence(&self, statement: &Statement, report: &str) -> Option<String> {
        let prose = Prose::new(report);
        let sentences = prose.sentences().iter().map(|tokens| &report[prose.bytes(tokens)]);
        let mut said =
            sentences.filter(|text| made_by(statement, &read(text, self.labeler), self.labeler) == Some(true));
        said.next().map(|text| format!("{}.", text.trim().trim_end_matches('.')))
    }

    /// Lets the endpoint put a label into other words; the statement, and so the score, stays.
    fn rename(&self, label: &mut FeatureLabel, endpoint: &dyn Ask, choosing: &[&Film]) -> Result<()> {
        let top = self.strongest(&self.store.strongest(label.feature)?)?;
        let top: Vec<&str> = top.iter().filter_map(|film| film.report.as_deref()).collect();
        let random: Vec<&str> = self.random(choosing).into_iter().filter_map(|film| film.report.as_deref()).collect();
        if top.is_empty() {
            return Ok(());
        }
        let found = interpret(endpoint, &top, &random)?;
        label.text.clone_from(&found.text);
        label.source = format!("named by {}", found.place);
        label.interpretation = Some(found);
        Ok(())
    }
}

fn source(statement: &Statement) -> &'static str {
    match statement {
        Statement::Affirms(_) | Statement::HasClass(_) => "affirmed in reports",
        Statement::Denies(_) | Statement::LacksClass(_) => "denied in reports",
        Statement::Flag { .. } | Statement::Above { .. } => "a column of the film table",
        Statement::Resembles { .. } => "seen by the text tower",
    }
}
