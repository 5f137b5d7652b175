//! Two groups of films, ranked by one number: AUC, its variance over patients, rank sums and effect sizes.
//!
//! In: which films belong to which group and patient ([`Contrast`]), and films with their scores, the strongest first. All
//! films that are not named share one score below the others: a feature is silent on most films, and only the others cost
//! time, whatever the size of the dataset. Out: [`Separation`]. Nothing here knows a feature, a store or a column.
//!
//! The variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988, 44:837) for films of different patients, and of
//! Obuchowski (Biometrics 1997, 53:567) where patients have several films; with one film a patient the two are the same.

use super::special::normal_two_sided;
use crate::error::{Error, Result};
use crate::metrics::Estimate;
use crate::metrics::normal_quantile;

/// Films of two groups with their patients, prepared to be ranked many times.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// By film: whether it is of the first group; none where it is of neither.
    sides: Vec<Option<bool>>,
    /// By film.
    patients: Vec<u32>,
    /// Films of the first and second group of each patient.
    by_patient: Vec<[u32; 2]>,
    counts: Counts,
    /// Sums over patients of the squares of [`Self::by_patient`] and of the product.
    squares: [u64; 3],
}

/// Films and patients of the two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Films of the first group.
    pub films: usize,
    /// Films of the second group.
    pub other_films: usize,
    /// Patients with films of the first group.
    pub patients: usize,
    /// Patients with films of the second group.
    pub other_patients: usize,
    /// Patients with films of either.
    pub all_patients: usize,
}

/// Room for the sums of one ranking, to be used again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// By patient: what the listed films add to the deviations of the first and second group, and how many they are.
    sums: Vec<[f64; 2]>,
    seen: Vec<[u32; 2]>,
    touched: Vec<u32>,
    /// Deviations of the listed films.
    films: Vec<(u32, bool, f64)>,
}

/// A variance below this is rounding of 0.
const NONE: f64 = 1e-20;

/// How two groups rank against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Separation {
    /// Chance that a film of the first group scores above one of the second, ties half.
    pub auc: f64,
    /// Variance of `auc` over patients.
    pub variance: f64,
    /// Two-sided p of Mann-Whitney's U (scipy's `mannwhitneyu(method="asymptotic")`: ties and continuity corrected), films
    /// taken as independent.
    pub p_films: f64,
}

impl Contrast {
    /// `sides` says of each film whether it is of the first group, the second, or neither; `patients` numbers its patient
    /// from 0.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn new(sides: Vec<Option<bool>>, patients: &[u32]) -> Result<Self> {
        if sides.len() != patients.len() {
            let (expected, found) = (format!("{} films", sides.len()), patients.len().to_string());
            return Err(Error::Shape { what: "patient list".into(), expected, found });
        }
        let most = patients.iter().max().map_or(0, |&last| last as usize + 1);
        let mut by_patient = vec![[0_u32; 2]; most];
        for (side, &patient) in sides.iter().zip(patients) {
            if let Some(is_first) = side {
                by_patient[patient as usize][usize::from(!is_first)] += 1;
            }
        }
        let sum = |f: &dyn Fn(&[u32; 2]) -> u64| by_patient.iter().map(f).sum::<u64>();
        let count = |f: &dyn Fn(&[u32; 2]) -> bool| by_patient.iter().filter(|of| f(of)).count();
        let counts = Counts {
            films: sum(&|of| of[0].into()) as usize,
            other_films: sum(&|of| of[1].into()) as usize,
            patients: count(&|of| of[0] > 0),
            other_patients: count(&|of| of[1] > 0),
            all_patients: count(&|of| of[0] + of[1] > 0),
        };
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        let squares =
            [sum(&|of| product(of[0], of[0])), sum(&|of| product(of[1], of[1])), sum(&|of| product(of[0], of[1]))];
        Ok(Self { sides, patients: patients.to_vec(), by_patient, counts, squares })
    }

    /// Films and patients.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether a film is of the first group, the second, or neither.
    #[must_use]
    pub fn side(&self, film: usize) -> Option<bool> {
        self.sides.get(film).copied().flatten()
    }

    /// Whether a patient has more than one film.
    #[must_use]
    pub fn has_repeats(&self) -> bool {
        self.counts.all_patients < self.counts.films + self.counts.other_films
    }

    /// Whether both groups have what an interval needs: two patients each.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.counts.patients > 1 && self.counts.other_patients > 1
    }

    /// Ranks the films; `strongest` lists films and scores, the highest first, and those that it does not name share one
    /// lower score. Nothing where a group has fewer than two patients.
    pub fn rank(&self, strongest: &[(u32, f64)], scratch: &mut Scratch) -> Option<Separation> {
        if !self.is_enough() {
            return None;
        }
        let (first, second) = (self.counts.films as f64, self.counts.other_films as f64);
        scratch.films.clear();
        let mut above = [0_u64; 2];
        let mut ties = 0.0;
        let mut wins = 0.0;
        for tied in strongest.chunk_by(|a, b| a.1 == b.1) {
            let sides = tied.iter().filter_map(|&(film, _)| Some((film, self.side(film as usize)?)));
            let here = sides.clone().fold([0_u64; 2], |mut here, (_, is_first)| {
                here[usize::from(!is_first)] += 1;
                here
            });
            // Shares of the other group that lie below a film of the first, and above one of the second.
            let below = (second - above[1] as f64 - here[1] as f64 / 2.0) / second;
            let over = (above[0] as f64 + here[0] as f64 / 2.0) / first;
            scratch.films.extend(sides.map(|(film, is_first)| (film, is_first, if is_first { below } else { over })));
            wins += here[0] as f64 * (second - above[1] as f64 - here[1] as f64 / 2.0);
            ties += cubed_less((here[0] + here[1]) as f64);
            above = [above[0] + here[0], above[1] + here[1]];
        }
        let silent = [first - above[0] as f64, second - above[1] as f64];
        wins += silent[0] * silent[1] / 2.0;
        ties += cubed_less(silent[0] + silent[1]);
        let auc = wins / (first * second);
        let rest = [silent[1] / 2.0 / second - auc, (above[0] as f64 + silent[0] / 2.0) / first - auc];
        let variance = self.variance(auc, rest, scratch);
        Some(Separation { auc, variance, p_films: mann_whitney(wins, first, second, ties) })
    }

    /// Obuchowski's variance; `rest` are the deviations of silent films of either group.
    ///
    /// Leaves the room clean for the next ranking.
    fn variance(&self, auc: f64, rest: [f64; 2], scratch: &mut Scratch) -> f64 {
        scratch.sums.resize(self.by_patient.len().max(scratch.sums.len()), [0.0; 2]);
        scratch.seen.resize(self.by_patient.len().max(scratch.seen.len()), [0; 2]);
        scratch.touched.clear();
        for &(film, is_first, share) in &scratch.films {
            let (patient, side) = (self.patients[film as usize], usize::from(!is_first));
            if scratch.seen[patient as usize] == [0, 0] {
                scratch.touched.push(patient);
            }
            scratch.seen[patient as usize][side] += 1;
            scratch.sums[patient as usize][side] += share - auc;
        }
        let [mut first, mut second, mut both] = [0.0; 3];
        let mut left = self.squares;
        for &patient in &scratch.touched {
            let of = self.by_patient[patient as usize];
            let (sums, seen) = (&mut scratch.sums[patient as usize], &mut scratch.seen[patient as usize]);
            let [a, b] = [0, 1].map(|side| sums[side] + f64::from(of[side] - seen[side]) * rest[side]);
            first += a * a;
            second += b * b;
            both += a * b;
            let [a, b] = of.map(u64::from);
            left = [left[0] - a * a, left[1] - b * b, left[2] - a * b];
            (*sums, *seen) = ([0.0; 2], [0; 2]);
        }
        first += left[0] as f64 * rest[0] * rest[0];
        second += left[1] as f64 * rest[1] * rest[1];
        both += left[2] as f64 * rest[0] * rest[1];
        let Counts { films, other_films, patients, other_patients, all_patients } = self.counts;
        let (films, other_films) = (films as f64, other_films as f64);
        let unbiased = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
        let of_first = unbiased(patients) * first / (films * films);
        let of_second = unbiased(other_patients) * second / (other_films * other_films);
        (of_first + of_second + 2.0 * unbiased(all_patients) * both / (films * other_films)).max(0.0)
    }

    /// Whether a patient has films of either group.
    #[must_use]
    pub fn has(&self, patient: usize) -> bool {
        self.by_patient.get(patient).is_some_and(|of| *of != [0, 0])
    }

    /// What each patient adds to a ranking's AUC beyond its mean. The sum of squares is the variance but for the factors that
    /// make that unbiased; sums of products over patients that two rankings share are their covariance.
    #[must_use]
    pub fn influence(&self, strongest: &[(u32, f64)], separation: &Separation) -> Vec<f64> {
        let sizes = [self.counts.films as f64, self.counts.other_films as f64];
        let mut shifts = vec![0.0; self.by_patient.len()];
        let mut left = self.by_patient.clone();
        let mut above = [0.0; 2];
        let share = |side: usize, above: [f64; 2], here: [f64; 2]| {
            let over = (above[1 - side] + here[1 - side] / 2.0) / sizes[1 - side];
            (if side == 0 { 1.0 - over } else { over } - separation.auc) / sizes[side]
        };
        for tied in strongest.chunk_by(|a, b| a.1 == b.1) {
            let sides = tied.iter().filter_map(|&(film, _)| Some((film, usize::from(!self.side(film as usize)?))));
            let mut here = [0.0; 2];
            sides.clone().for_each(|(_, side)| here[side] += 1.0);
            for (film, side) in sides {
                let patient = self.patients[film as usize] as usize;
                shifts[patient] += share(side, above, here);
                left[patient][side] -= 1;
            }
            above = [above[0] + here[0], above[1] + here[1]];
        }
        let silent = [sizes[0] - above[0], sizes[1] - above[1]];
        for (shift, left) in shifts.iter_mut().zip(left) {
            *shift += [0, 1].map(|side| f64::from(left[side]) * share(side, above, silent)).iter().sum::<f64>();
        }
        shifts
    }

    /// The interval of an AUC: normal with its variance over patients, cut to 0 to 1.
    ///
    /// Where all films of a group score alike against the other the variance is 0, which would say that the next film must
    /// do so too; then it is the interval of Newcombe (Statistics in Medicine 2006, 25:559, method 5), with each patient
    /// counted once.
    #[must_use]
    pub fn interval(&self, separation: &Separation, level: f64) -> Estimate {
        let z = normal_quantile(0.5 + level / 2.0);
        let auc = separation.auc;
        if separation.variance > NONE {
            let reach = z * separation.variance.sqrt();
            return Estimate { value: auc, low: (auc - reach).max(0.0), high: (auc + reach).min(1.0) };
        }
        let (low, high) = newcombe(auc, self.counts.patients as f64, self.counts.other_patients as f64, z);
        Estimate { value: auc, low, high }
    }

    /// Two-sided p. With one film a patient Mann-Whitney's. Else the larger of that and the normal p of the AUC's distance
    /// from 1/2 by its variance over patients: many films of few patients prove little, however far they lie apart.
    #[must_use]
    pub fn p(&self, separation: &Separation) -> f64 {
        if !self.has_repeats() {
            return separation.p_films;
        }
        let by_patient = if separation.variance > NONE {
            normal_two_sided((separation.auc - 0.5) / separation.variance.sqrt())
        } else {
            // As many films as patients, ranked as far apart as these.
            let (first, second) = (self.counts.patients as f64, self.counts.other_patients as f64);
            mann_whitney(separation.auc * first * second, first, second, 0.0)
        };
        separation.p_films.max(by_patient)
    }
}

/// Scores of films as [`Contrast::rank`] takes them, the highest first.
///
/// # Errors
/// When a score is not a number.
pub fn ranked(scores: &[f64]) -> Result<Vec<(u32, f64)>> {
    if let Some(film) = scores.iter().position(|score| score.is_nan()) {
        return Err(Error::Invalid(format!("the score of film {film} is not a number")));
    }
    let mut films: Vec<(u32, f64)> = (0..).zip(scores.iter().copied()).collect();
    films.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(films)
}

/// AUC of scores with an interval over patients: DeLong's, clustered where patients have several films.
///
/// # Errors
/// When lengths differ, a score is not a number, or either class has fewer than two patients.
pub fn auc_by_patient(scores: &[f64], labels: &[bool], patients: &[u32], level: f64) -> Result<(Estimate, Counts)> {
    if scores.len() != labels.len() {
        let (expected, found) = (format!("{} scores", labels.len()), scores.len().to_string());
        return Err(Error::Shape { what: "score list".into(), expected, found });
    }
    let contrast = Contrast::new(labels.iter().map(|&label| Some(label)).collect(), patients)?;
    let found = contrast.rank(&ranked(scores)?, &mut Scratch::default());
    let found = found.ok_or_else(|| {
        Error::Invalid("an AUC with an interval needs films of at least two patients in each group".into())
    })?;
    Ok((contrast.interval(&found, level), contrast.counts()))
}

/// Newcombe's method 5: the AUCs whose own score interval just reaches `auc`, by bisection.
fn newcombe(auc: f64, first: f64, second: f64, z: f64) -> (f64, f64) {
    let pairs = (first + second) / 2.0 - 1.0;
    let reach = |a: f64| {
        z * (a * (1.0 - a) * (1.0 + pairs * (1.0 - a) / (2.0 - a) + pairs * a / (1.0 + a)) / (first * second)).sqrt()
    };
    let find = |mut outside: f64, mut inside: f64| {
        for _ in 0..60 {
            let middle = f64::midpoint(outside, inside);
            if (middle - auc).abs() > reach(middle) { outside = middle } else { inside = middle }
        }
        inside
    };
    (if auc > 0.0 { find(0.0, auc) } else { 0.0 }, if auc < 1.0 { find(1.0, auc) } else { 1.0 })
}

/// Two-sided p of U = `wins` of groups of `first` and `second` films, `ties` the sum of t^3 - t over ties.
fn mann_whitney(wins: f64, first: f64, second: f64, ties: f64) -> f64 {
    let all = first + second;
    let larger = wins.max(first * second - wins);
    let spread = (first * second / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).max(0.0).sqrt();
    let distance = larger - first * second / 2.0 - 0.5;
    if spread <= 0.0 {
        return 1.0;
    }
    // Below 0 the continuity correction has gone too far.
    if distance <= 0.0 { 1.0 } else { normal_two_sided(distance / spread) }
}

/// t^3 - t.
pub(super) fn cubed_less(count: f64) -> f64 {
    count * (count * count - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    /// Scores of 60 films with many zeros.
    fn films() -> (Vec<f32>, Vec<bool>, Vec<(u32, f64)>) {
        let scores: Vec<f32> = (0..60_u32).map(|i| if i % 3 == 0 { (i * 7 % 11) as f32 } else { 0.0 }).collect();
        let labels: Vec<bool> = (0..60).map(|i| i % 5 < 2).collect();
        let mut listed: Vec<(u32, f64)> =
            (0..60_u32).map(|i| (i, f64::from(scores[i as usize]))).filter(|film| film.1 > 0.0).collect();
        listed.sort_by(|a, b| b.1.total_cmp(&a.1));
        (scores, labels, listed)
    }

    #[test]
    fn one_film_a_patient_is_delong() {
        let (scores, labels, listed) = films();
        let sides = labels.iter().map(|&label| Some(label)).collect();
        let contrast = Contrast::new(sides, &(0..60).collect::<Vec<_>>()).unwrap();
        let mut scratch = Scratch::default();
        let found = contrast.rank(&listed, &mut scratch).unwrap();
        let wanted = metrics::auc_delong(&scores, &labels, 0.95).unwrap();
        let interval = contrast.interval(&found, 0.95);
        for (found, wanted) in
            [(interval.value, wanted.value), (interval.low, wanted.low), (interval.high, wanted.high)]
        {
            assert!((found - wanted).abs() < 1e-14, "{interval:?} {wanted:?}");
        }
        assert_eq!(contrast.p(&found), found.p_films);
        assert_eq!(contrast.rank(&listed, &mut scratch).unwrap(), found, "the room is clean again");
    }

    #[test]
    fn copied_films_add_nothing() {
        let (_, labels, listed) = films();
        let sides: Vec<Option<bool>> = labels.iter().map(|&label| Some(label)).collect();
        let once = Contrast::new(sides.clone(), &(0..60).collect::<Vec<_>>()).unwrap();
        let thrice = Contrast::new(sides.repeat(3), &(0..180).map(|i| i % 60).collect::<Vec<_>>()).unwrap();
        let copies: Vec<(u32, f64)> =
            listed.iter().flat_map(|&(film, score)| [0, 60, 120].map(|copy| (film + copy, score))).collect();
        let mut scratch = Scratch::default();
        let (a, b) = (once.rank(&listed, &mut scratch).unwrap(), thrice.rank(&copies, &mut scratch).unwrap());
        assert!((a.auc - b.auc).abs() < 1e-15 && (a.variance - b.variance).abs() < 1e-15, "{a:?} {b:?}");
        assert!(b.p_films < a.p_films && thrice.p(&b) > b.p_films, "films are not taken for patients");
    }

    #[test]
    fn films_of_neither_group_do_not_count() {
        let (_, labels, listed) = films();
        let sides: Vec<Option<bool>> = labels.iter().map(|&label| Some(label)).collect();
        let patients: Vec<u32> = (0..60).collect();
        let few = Contrast::new(sides[..40].to_vec(), &patients[..40]).unwrap();
        let rest =
            Contrast::new(sides.iter().enumerate().map(|(i, side)| side.filter(|_| i < 40)).collect(), &patients)
                .unwrap();
        let mut scratch = Scratch::default();
        let listed_few: Vec<(u32, f64)> = listed.iter().copied().filter(|film| film.0 < 40).collect();
        assert_eq!(few.rank(&listed_few, &mut scratch), rest.rank(&listed, &mut scratch));
        assert_eq!(few.counts(), rest.counts());
    }

    #[test]
    fn perfect_separation_is_not_certain() {
        let sides = (0..30).map(|i| Some(i < 10)).collect();
        let contrast = Contrast::new(sides, &(0..30).collect::<Vec<_>>()).unwrap();
        let listed: Vec<(u32, f64)> = (0..10).map(|i| (i, 1.0)).collect();
        let found = contrast.rank(&listed, &mut Scratch::default()).unwrap();
        let interval = contrast.interval(&found, 0.95);
        assert_eq!((found.auc, found.variance, interval.high), (1.0, 0.0, 1.0));
        assert!((0.75..0.95).contains(&interval.low), "{interval:?}");
        let nothing = contrast.rank(&[], &mut Scratch::default()).unwrap();
        assert_eq!((nothing.auc, nothing.p_films), (0.5, 1.0));
    }

    #[test]
    fn one_patient_is_not_enough() {
        let contrast = Contrast::new(vec![Some(true), Some(true), Some(false), Some(false)], &[0, 0, 1, 2]).unwrap();
        assert!(!contrast.is_enough() && contrast.rank(&[], &mut Scratch::default()).is_none());
        assert!(Contrast::new(vec![None], &[0, 1]).is_err());
    }
}
