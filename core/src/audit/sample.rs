//! Parts of columns: two groups of any column, and films of them that networks can read in good time.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::column::{Column, Values};

/// A column as two groups: it itself, one of its groups against the others (the first where `group` names none), or numbers
/// above their median against the rest.
pub(super) fn as_two_groups(column: &Column, group: Option<&str>) -> Column {
    match &column.values {
        Values::Groups { names, .. } if names.len() == 2 => column.clone(),
        Values::Groups { names, .. } => {
            let asked = group.filter(|group| names.iter().any(|name| name == group));
            let asked = asked.or(names.first().map(String::as_str)).unwrap_or_default();
            column.against_rest(asked).unwrap_or_else(|_| column.clone())
        }
        Values::Numbers(values) => {
            let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let Some(&middle) = sorted.get(sorted.len().saturating_sub(1) / 2) else { return column.clone() };
            let of = values.iter().map(|value| value.map(|value| usize::from(value <= middle))).collect();
            let names = vec![format!("above {middle}"), format!("at most {middle}")];
            Column { values: Values::Groups { names, of }, ..column.clone() }
        }
    }
}

/// Places of at most `most` films with a value, ascending: as many of each of the two groups as there can be, since effects
/// are compared between them. A patient's films are drawn together, so that intervals by patient stay meaningful.
pub(super) fn balanced(two: &Column, patients: &[u32], most: usize, seed: u64) -> Vec<usize> {
    let Values::Groups { of, .. } = &two.values else { return Vec::new() };
    let mut order: Vec<u32> = patients.to_vec();
    order.sort_unstable();
    order.dedup();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut rank = vec![0_usize; order.iter().copied().max().map_or(0, |last| last as usize + 1)];
    order.iter().enumerate().for_each(|(place, &patient)| rank[patient as usize] = place);
    let mut sides: [Vec<usize>; 2] = [0, 1].map(|side| {
        let mut films: Vec<usize> = (0..of.len()).filter(|&film| of[film] == Some(side)).collect();
        films.sort_by_key(|&film| rank[patients[film] as usize]);
        films
    });
    let half = most / 2;
    let fewer = sides[0].len().min(sides[1].len());
    let each = if fewer < half { [fewer, most - fewer] } else { [most - half, half] };
    // The rarer group is taken whole.
    let [small, large] = if sides[0].len() <= sides[1].len() { [0, 1] } else { [1, 0] };
    sides[small].truncate(each[0].max(half.min(fewer)));
    sides[large].truncate(most - sides[small].len());
    let mut films = sides.concat();
    films.sort_unstable();
    films
}

/// A column for the films at `places`.
pub(super) fn subset(column: &Column, places: &[usize]) -> Column {
    let values = match &column.values {
        Values::Groups { names, of } => {
            Values::Groups { names: names.clone(), of: places.iter().map(|&place| of[place]).collect() }
        }
        Values::Numbers(values) => Values::Numbers(places.iter().map(|&place| values[place]).collect()),
    };
    let missing = match &values {
        Values::Groups { of, .. } => of.iter().filter(|of| of.is_none()).count(),
        Values::Numbers(values) => values.iter().filter(|value| value.is_none()).count(),
    };
    Column { values, missing, ..column.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(column: &Column) -> Vec<Option<usize>> {
        match &column.values {
            Values::Groups { of, .. } => of.clone(),
            Values::Numbers(_) => Vec::new(),
        }
    }

    #[test]
    fn any_column_has_two_groups() {
        let read = |cells: &[&str]| {
            Column::read("c", &cells.iter().map(|cell| Some(*cell)).collect::<Vec<_>>()).expect("a column")
        };
        let three = as_two_groups(&read(&["AP", "L", "PA", "AP"]), Some("L"));
        assert_eq!(groups(&three), [Some(1), Some(0), Some(1), Some(1)]);
        let numbers = as_two_groups(&read(&["1", "5", "9", "2"]), None);
        assert_eq!(groups(&numbers), [Some(1), Some(0), Some(0), Some(1)]);
        assert_eq!(groups(&as_two_groups(&read(&["a", "b"]), Some("b"))), [Some(0), Some(1)]);
    }

    #[test]
    fn a_sample_takes_the_rarer_group_whole() {
        let of: Vec<Option<usize>> = (0..100).map(|film| Some(usize::from(film % 10 != 0))).collect();
        let values = Values::Groups { names: vec!["yes".into(), "no".into()], of };
        let column = Column { name: "c".into(), values, missing: 0, notes: Vec::new() };
        let patients: Vec<u32> = (0..100).map(|film| film / 2).collect();
        let places = balanced(&column, &patients, 40, 1);
        let yes = places.iter().filter(|place| *place % 10 == 0).count();
        assert_eq!((places.len(), yes), (40, 10));
        assert!(places.is_sorted() && places == balanced(&column, &patients, 40, 1));
        assert_eq!(balanced(&column, &patients, 400, 1).len(), 100);
        let own = subset(&column, &places);
        assert_eq!(groups(&own).iter().filter(|of| **of == Some(0)).count(), 10);
    }
}
