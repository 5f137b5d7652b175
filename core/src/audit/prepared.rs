//! A column made ready to be held against many features, and one feature held against it.
//!
//! In: a [`Column`] with the films' patients, then films and activations of one feature. Out: a [`DetectionRow`].

use super::bootstrap;
use super::column::{Column, Values};
use super::detection::DetectionOptions;
use super::outcome::{Comparison, DetectionRow, GroupCount, GroupRow, Stratum, TopMean};
use super::ranking::{Contrast, Scratch};
use super::statistics::{Trend, cohens_d, kruskal_p, kruskal_wallis};
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::store::Share;

/// Room of one thread.
#[derive(Debug, Default)]
pub(super) struct Room {
    scratch: Scratch,
}

/// A finding that features are held against too.
pub(super) struct Against {
    name: String,
    flags: Vec<Option<bool>>,
    contrast: Contrast,
}

/// A column made ready.
pub(super) struct Prepared<'a> {
    kind: Kind<'a>,
    patients: &'a [u32],
    films: usize,
    patient_count: usize,
    /// Films with the finding, without, not known.
    strata_films: [usize; 3],
    against: Option<&'a Against>,
}

enum Kind<'a> {
    Groups {
        names: &'a [String],
        of: &'a [Option<usize>],
        shares: Vec<GroupCount>,
        /// Of two groups the first against the second; of more, each against the rest.
        contrasts: Vec<Pair>,
    },
    Numbers {
        values: &'a [Option<f64>],
        trend: Trend,
        mean: f64,
        /// With the finding, without: the trend and its patients.
        strata: Vec<(Trend, usize, Vec<Option<f64>>)>,
    },
}

/// A group against another, overall and by stratum.
struct Pair {
    group: String,
    against: String,
    all: Contrast,
    /// With the finding, without.
    strata: Vec<Contrast>,
}

impl Against {
    pub(super) fn new(finding: &Column, patients: &[u32]) -> Result<Self> {
        let flags = finding.flags().map_err(Error::Invalid)?;
        let contrast = Contrast::new(flags.clone(), patients)?;
        Ok(Self { name: finding.name.clone(), flags, contrast })
    }

    /// Whether a film is in a stratum.
    fn is(&self, film: usize, present: bool) -> bool {
        self.flags.get(film).copied().flatten() == Some(present)
    }
}

impl<'a> Prepared<'a> {
    pub(super) fn new(column: &'a Column, patients: &'a [u32], against: Option<&'a Against>) -> Result<Self> {
        let known: Vec<bool> = match &column.values {
            Values::Groups { of, .. } => of.iter().map(Option::is_some).collect(),
            Values::Numbers(values) => values.iter().map(Option::is_some).collect(),
        };
        if known.len() != patients.len() {
            let (expected, found) = (format!("{} films", patients.len()), known.len().to_string());
            return Err(Error::Shape { what: format!("column \"{}\"", column.name), expected, found });
        }
        let count = |keep: &dyn Fn(usize) -> bool| (0..known.len()).filter(|&film| known[film] && keep(film)).count();
        let strata_films = against.map_or([0; 3], |against| {
            let [with, without] = [true, false].map(|present| count(&|film| against.is(film, present)));
            [with, without, count(&|_| true) - with - without]
        });
        let kind = match &column.values {
            Values::Groups { names, of } => groups(column, names, of, patients, against)?,
            Values::Numbers(values) => numbers(values, patients, against),
        };
        let films = count(&|_| true);
        Ok(Self { kind, patients, films, patient_count: distinct(patients, &known), strata_films, against })
    }

    pub(super) fn films(&self) -> usize {
        self.films
    }

    pub(super) fn patients(&self) -> usize {
        self.patient_count
    }

    pub(super) fn has_repeats(&self) -> bool {
        self.patient_count < self.films
    }

    pub(super) fn strata_films(&self) -> [usize; 3] {
        self.strata_films
    }

    pub(super) fn groups(&self) -> Vec<GroupCount> {
        match &self.kind {
            Kind::Groups { shares, .. } => shares.clone(),
            Kind::Numbers { .. } => Vec::new(),
        }
    }

    /// One feature; none where it fires on no film with a value.
    pub(super) fn row(
        &self,
        feature: u32,
        strongest: &[(u32, f64)],
        options: &DetectionOptions,
        room: &mut Room,
    ) -> Result<Option<DetectionRow>> {
        let fires = strongest.iter().filter(|film| self.is_known(film.0 as usize)).count();
        if fires == 0 {
            return Ok(None);
        }
        let finding = match self.against {
            Some(finding) => {
                let (name, rest) = (finding.name.clone(), format!("no {}", finding.name));
                compare(name, rest, &finding.contrast, strongest, self.patients, options, room)?
            }
            None => None,
        };
        let mut row = DetectionRow {
            feature,
            p: 1.0,
            p_films: 1.0,
            q: 1.0,
            fires: Share::new(fires as u64, self.films as u64),
            groups: Vec::new(),
            comparison: None,
            each: Vec::new(),
            kruskal_h: None,
            correlation: None,
            top_mean: None,
            strata: Vec::new(),
            finding,
        };
        match &self.kind {
            Kind::Groups { .. } => self.fill_groups(&mut row, strongest, options, room)?,
            Kind::Numbers { .. } => self.fill_numbers(&mut row, strongest, options)?,
        }
        Ok(Some(row))
    }

    fn is_known(&self, film: usize) -> bool {
        match &self.kind {
            Kind::Groups { of, .. } => of.get(film).copied().flatten().is_some(),
            Kind::Numbers { values, .. } => values.get(film).copied().flatten().is_some(),
        }
    }

    fn fill_groups(
        &self,
        row: &mut DetectionRow,
        strongest: &[(u32, f64)],
        options: &DetectionOptions,
        room: &mut Room,
    ) -> Result<()> {
        let Kind::Groups { names, of, shares, contrasts } = &self.kind else { return Ok(()) };
        let group = |film: &(u32, f64)| of.get(film.0 as usize).copied().flatten();
        let (mut fires, mut top) = (vec![0_u64; names.len()], vec![0_u64; names.len()]);
        strongest.iter().filter_map(group).for_each(|group| fires[group] += 1);
        strongest.iter().filter_map(group).take(options.top).for_each(|group| top[group] += 1);
        let shown: u64 = top.iter().sum();
        let counts = shares.iter().zip(fires).zip(top);
        row.groups = counts
            .map(|((count, fires), top)| GroupRow {
                name: count.name.clone(),
                fires: Share::new(fires, count.share.present),
                top: Share::new(top, shown),
            })
            .collect();
        let mut each = Vec::with_capacity(contrasts.len());
        for pair in contrasts {
            let (group, rest) = (pair.group.clone(), pair.against.clone());
            each.extend(compare(group, rest, &pair.all, strongest, self.patients, options, room)?);
        }
        let farthest =
            |a: &&Comparison, b: &&Comparison| (a.auc.value - 0.5).abs().total_cmp(&(b.auc.value - 0.5).abs());
        // Of equals the first.
        let best = each.iter().rev().max_by(farthest).cloned();
        if let Some(best) = &best {
            (row.p, row.p_films) = (best.p, best.p_films);
            if let Some(pair) = contrasts.iter().find(|pair| pair.group == best.group) {
                for (contrast, present) in pair.strata.iter().zip([true, false]) {
                    let counts = contrast.counts();
                    let (group, rest) = (pair.group.clone(), pair.against.clone());
                    row.strata.push(Stratum {
                        present,
                        films: counts.films + counts.other_films,
                        comparison: compare(group, rest, contrast, strongest, self.patients, options, room)?,
                        correlation: None,
                    });
                }
            }
        }
        if names.len() > 2 {
            row.kruskal_h = kruskal_wallis(of, names.len(), strongest);
            let h = row.kruskal_h.unwrap_or(0.0);
            row.p_films = kruskal_p(h, names.len());
            row.p = kruskal_p(h * self.patient_count as f64 / self.films as f64, names.len());
            row.each = each;
        }
        row.comparison = best;
        Ok(())
    }

    fn fill_numbers(&self, row: &mut DetectionRow, strongest: &[(u32, f64)], options: &DetectionOptions) -> Result<()> {
        let Kind::Numbers { values, trend, mean, strata } = &self.kind else { return Ok(()) };
        let found = trend.correlate(strongest);
        (row.p, row.p_films) = (found.p(self.patient_count), found.p(self.films));
        row.correlation = Some(self.trend_interval(trend, self.patient_count, values, strongest, options)?);
        let top = strongest.iter().filter_map(|film| values[film.0 as usize]).take(options.top);
        let (sum, films) = top.fold((0.0, 0), |(sum, films), value| (sum + value, films + 1));
        row.top_mean = Some(TopMean { top: sum / f64::from(films.max(1)), films: films as usize, base: *mean });
        for ((trend, patients, values), present) in strata.iter().zip([true, false]) {
            let correlation = match trend.films() {
                0..4 => None,
                _ => Some(self.trend_interval(trend, *patients, values, strongest, options)?),
            };
            row.strata.push(Stratum { present, films: trend.films(), comparison: None, correlation });
        }
        Ok(())
    }

    fn trend_interval(
        &self,
        trend: &Trend,
        independent: usize,
        values: &[Option<f64>],
        strongest: &[(u32, f64)],
        options: &DetectionOptions,
    ) -> Result<Estimate> {
        let found = trend.correlate(strongest);
        let Some(resamples) = options.resamples else { return Ok(found.interval(independent, options.level)) };
        let interval = bootstrap::spearman(values, strongest, self.patients, resamples, options.level, options.seed)?;
        Ok(Estimate { value: found.rho, ..interval })
    }
}

/// Two groups by one feature; none where one has fewer than two patients.
fn compare(
    group: String,
    against: String,
    contrast: &Contrast,
    strongest: &[(u32, f64)],
    patients: &[u32],
    options: &DetectionOptions,
    room: &mut Room,
) -> Result<Option<Comparison>> {
    let Some(found) = contrast.rank(strongest, &mut room.scratch) else { return Ok(None) };
    let auc = match options.resamples {
        None => contrast.interval(&found, options.level),
        Some(resamples) => bootstrap::auc(contrast, strongest, patients, resamples, options.level, options.seed)?,
    };
    Ok(Some(Comparison {
        group,
        against,
        auc,
        counts: contrast.counts(),
        cohens_d: cohens_d(contrast, strongest),
        rank_biserial: 2.0 * found.auc - 1.0,
        p: contrast.p(&found),
        p_films: found.p_films,
    }))
}

fn groups<'a>(
    column: &Column,
    names: &'a [String],
    of: &'a [Option<usize>],
    patients: &[u32],
    against: Option<&Against>,
) -> Result<Kind<'a>> {
    let asked = if names.len() == 2 { 1 } else { names.len() };
    let mut contrasts = Vec::with_capacity(asked);
    for (group, name) in names.iter().enumerate().take(asked) {
        let contrast = |keep: &dyn Fn(usize) -> bool| {
            let side = |(film, of): (usize, &Option<usize>)| of.filter(|_| keep(film)).map(|of| of == group);
            Contrast::new(of.iter().enumerate().map(side).collect(), patients)
        };
        let all = contrast(&|_| true)?;
        if !all.is_enough() {
            return Err(Error::Invalid(format!(
                "column \"{}\": \"{name}\" and the films it is held against need films of two patients each",
                column.name
            )));
        }
        let strata = against
            .iter()
            .flat_map(|against| [true, false].map(|present| contrast(&|film| against.is(film, present))))
            .collect::<Result<_>>()?;
        let rest = if asked == 1 { names[1].clone() } else { "others".into() };
        contrasts.push(Pair { group: name.clone(), against: rest, all, strata });
    }
    let all = of.iter().flatten().count() as u64;
    let count = |(group, name): (usize, &String)| {
        let here: Vec<bool> = of.iter().map(|of| *of == Some(group)).collect();
        let films = here.iter().filter(|here| **here).count() as u64;
        GroupCount { name: name.clone(), patients: distinct(patients, &here), share: Share::new(films, all) }
    };
    let shares = names.iter().enumerate().map(count).collect();
    Ok(Kind::Groups { names, of, shares, contrasts })
}

fn numbers<'a>(values: &'a [Option<f64>], patients: &[u32], against: Option<&Against>) -> Kind<'a> {
    let strata = against.iter().flat_map(|against| {
        [true, false].map(|present| {
            let of = |(film, value): (usize, &Option<f64>)| value.filter(|_| against.is(film, present));
            let values: Vec<Option<f64>> = values.iter().enumerate().map(of).collect();
            let known: Vec<bool> = values.iter().map(Option::is_some).collect();
            (Trend::new(&values), distinct(patients, &known), values)
        })
    });
    let known = values.iter().flatten().count().max(1) as f64;
    let mean = values.iter().flatten().sum::<f64>() / known;
    Kind::Numbers { values, trend: Trend::new(values), mean, strata: strata.collect() }
}

/// Patients of the films that are kept.
fn distinct(patients: &[u32], keep: &[bool]) -> usize {
    let mut kept: Vec<u32> =
        patients.iter().zip(keep).filter(|(_, keep)| **keep).map(|(patient, _)| *patient).collect();
    kept.sort_unstable();
    kept.dedup();
    kept.len()
}
