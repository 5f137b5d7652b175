//! Parts of columns: two groups of any column, and some of its films.

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
    fn a_part_of_a_column_keeps_its_groups() {
        let cells: Vec<String> = (0..9).map(|film| if film % 3 == 0 { "yes".into() } else { String::new() }).collect();
        let mut cells: Vec<Option<&str>> = cells.iter().map(|cell| Some(cell.as_str())).collect();
        cells[1] = Some("no");
        let column = Column::read("c", &cells).expect("a column");
        let own = subset(&column, &[0, 1, 2]);
        assert_eq!((groups(&own), own.missing, column.missing), (vec![Some(0), Some(1), None], 1, 5));
    }
}
