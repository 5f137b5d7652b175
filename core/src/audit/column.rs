//! What a column of metadata is: groups of films, or numbers.
//!
//! In: a film's cell each, as text. Out: [`Column`], or a reason in words why the column cannot be audited. Nothing here
//! knows where the cells came from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Most groups that a column of text may have; more are an identifier or free text.
pub const MOST_GROUPS: usize = 20;
/// Cells that say nothing, in lower case.
const MISSING: [&str; 8] = ["", "na", "n/a", "#n/a", "nan", "null", "-", "?"];
const YES: [&str; 4] = ["1", "yes", "true", "y"];
const NO: [&str; 4] = ["0", "no", "false", "n"];

/// A column of metadata for the films of an audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub values: Values,
    /// Films without a value; they are left out.
    pub missing: usize,
    /// What a reader should know of it, in sentences.
    pub notes: Vec<String>,
}

/// What stands in a column, by film; `None` where nothing does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Values {
    /// Groups of films.
    Groups {
        /// Names. Of two, the first is the one that is asked for: "yes" before "no", the larger number, else the first in the
        /// alphabet, so that it does not depend on the films.
        names: Vec<String>,
        /// Group of each film.
        of: Vec<Option<usize>>,
    },
    /// Numbers.
    Numbers(Vec<Option<f64>>),
}

/// Kinds of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Two groups.
    Binary,
    /// More than two groups, each compared with all others.
    Groups,
    /// Numbers.
    Numbers,
}

impl Column {
    /// Reads a column: 0 and 1, yes and no, true and false, and any two numbers or texts are two groups, more texts (up to
    /// [`MOST_GROUPS`]) more groups, more numbers are numbers. DICOM ages ("058Y") are numbers of years. Where only -1, 0 and 1
    /// stand, -1 is the "uncertain" of CheXpert and MIMIC-CXR and is left out.
    ///
    /// # Errors
    /// A reason in words, with the column's name: nothing is known, there is one value only, or too many texts.
    pub fn read(name: &str, cells: &[Option<&str>]) -> Result<Self, String> {
        let known = |cell: &Option<&str>| cell.map(str::trim).filter(|text| is_known(text)).map(str::to_owned);
        let cells: Vec<Option<String>> = cells.iter().map(known).collect();
        let distinct: BTreeSet<&str> = cells.iter().flatten().map(String::as_str).collect();
        let mut notes = Vec::new();
        let values = match distinct.len() {
            0 => return Err(format!("column \"{name}\" is empty for all {} films", thousands(cells.len()))),
            1 => {
                let only = distinct.first().copied().unwrap_or_default();
                return Err(format!(
                    "column \"{name}\" has one value only (\"{only}\"), so there is nothing to compare"
                ));
            }
            _ => match numbers(&cells, &distinct) {
                Some(numbers) => of_numbers(name, numbers, &mut notes)?,
                None => of_texts(name, &cells, &distinct)?,
            },
        };
        let mut column = Self { name: name.to_owned(), values, missing: 0, notes };
        column.count_missing();
        Ok(column)
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> ColumnKind {
        match &self.values {
            Values::Groups { names, .. } if names.len() == 2 => ColumnKind::Binary,
            Values::Groups { .. } => ColumnKind::Groups,
            Values::Numbers(_) => ColumnKind::Numbers,
        }
    }

    /// Whether each film is in the first of two groups.
    ///
    /// # Errors
    /// A reason in words, unless there are two groups.
    pub fn flags(&self) -> Result<Vec<Option<bool>>, String> {
        match &self.values {
            Values::Groups { names, of } if names.len() == 2 => {
                Ok(of.iter().map(|of| of.map(|group| group == 0)).collect())
            }
            Values::Groups { names, .. } => {
                Err(format!("column \"{}\" has {} groups; two are needed here", self.name, names.len()))
            }
            Values::Numbers(_) => Err(format!("column \"{}\" holds numbers; two groups are needed here", self.name)),
        }
    }

    /// The films of one group against all others as a column of two groups.
    ///
    /// # Errors
    /// A reason in words, if there is no such group.
    pub fn against_rest(&self, group: &str) -> Result<Self, String> {
        let Values::Groups { names, of } = &self.values else {
            return Err(format!("column \"{}\" holds numbers, not groups", self.name));
        };
        let Some(wanted) = names.iter().position(|name| name == group) else {
            return Err(format!("column \"{}\" has no group \"{group}\"; it has {}", self.name, names.join(", ")));
        };
        let rest = match names.len() {
            2 => names[1 - wanted].clone(),
            _ if names.iter().any(|name| name == "others") => "all others".into(),
            _ => "others".into(),
        };
        let of = of.iter().map(|of| of.map(|group| usize::from(group != wanted))).collect();
        Ok(Self { values: Values::Groups { names: vec![group.to_owned(), rest], of }, ..self.clone() })
    }

    /// Leaves out the groups of which `keep` is false, and says so.
    pub(super) fn retain(&mut self, keep: &[bool], why: &str) {
        let Values::Groups { names, of } = &mut self.values else { return };
        let mut kept = 0..;
        let places: Vec<Option<usize>> = keep.iter().map(|&keep| if keep { kept.next() } else { None }).collect();
        let gone: Vec<String> =
            names.iter().zip(keep).filter(|(_, keep)| !**keep).map(|(name, _)| format!("\"{name}\"")).collect();
        if gone.is_empty() {
            return;
        }
        of.iter_mut().for_each(|of| *of = of.and_then(|group| places.get(group).copied().flatten()));
        let mut kept = keep.iter();
        names.retain(|_| kept.next().copied().unwrap_or(true));
        self.notes.push(format!("Left out of column \"{}\": {} ({why}).", self.name, gone.join(", ")));
        self.count_missing();
    }

    fn count_missing(&mut self) {
        self.missing = match &self.values {
            Values::Groups { of, .. } => of.iter().filter(|of| of.is_none()).count(),
            Values::Numbers(numbers) => numbers.iter().filter(|number| number.is_none()).count(),
        };
    }
}

fn is_known(text: &str) -> bool {
    !MISSING.contains(&text.to_lowercase().as_str())
}

/// The cells as numbers, if all that are known are.
fn numbers(cells: &[Option<String>], distinct: &BTreeSet<&str>) -> Option<Vec<Option<f64>>> {
    let parsed: BTreeMap<&str, f64> =
        distinct.iter().map(|&text| Some((text, number(text).or_else(|| years(text))?))).collect::<Option<_>>()?;
    Some(cells.iter().map(|cell| cell.as_ref().and_then(|text| parsed.get(text.as_str()).copied())).collect())
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A DICOM age (PS3.5, Age String): three digits and Y, M, W or D.
fn years(text: &str) -> Option<f64> {
    let digits = text.get(..3).filter(|digits| text.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let in_a_year = match &text[3..] {
        "Y" => 1.0,
        "M" => 12.0,
        "W" => 52.178_5,
        "D" => 365.25,
        _ => return None,
    };
    digits.parse::<f64>().ok().map(|count| count / in_a_year)
}

fn of_numbers(name: &str, mut numbers: Vec<Option<f64>>, notes: &mut Vec<String>) -> Result<Values, String> {
    let distinct = |numbers: &[Option<f64>]| {
        let mut values: Vec<f64> = numbers.iter().flatten().copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values
    };
    let mut values = distinct(&numbers);
    if values.iter().all(|value| [-1.0, 0.0, 1.0].contains(value)) && values.contains(&-1.0) && values.contains(&1.0) {
        let uncertain = numbers.iter().filter(|number| **number == Some(-1.0)).count();
        numbers.iter_mut().for_each(|number| *number = number.filter(|&value| value != -1.0));
        notes.push(format!(
            "{} films have -1 in column \"{name}\", \"uncertain\" in CheXpert and MIMIC-CXR tables; they are left out.",
            thousands(uncertain)
        ));
        values = distinct(&numbers);
    }
    match values[..] {
        [low, high] => {
            let label = |value: f64| match (low, high) {
                (0.0, 1.0) => if value == 1.0 { "yes" } else { "no" }.to_owned(),
                _ => value.to_string(),
            };
            let of = numbers.iter().map(|number| number.map(|value| usize::from(value == low))).collect();
            Ok(Values::Groups { names: vec![label(high), label(low)], of })
        }
        [] | [_] => {
            let only = values.first().map(f64::to_string).unwrap_or_default();
            Err(format!("column \"{name}\" has one value only (\"{only}\"), so there is nothing to compare"))
        }
        _ => {
            if values.len() == numbers.iter().flatten().count() && values.iter().all(|value| value.fract() == 0.0) {
                notes.push(format!(
                    "No two films have the same whole number in column \"{name}\"; if it is an identifier, ignore this table."
                ));
            }
            Ok(Values::Numbers(numbers))
        }
    }
}

fn of_texts(name: &str, cells: &[Option<String>], distinct: &BTreeSet<&str>) -> Result<Values, String> {
    let lower = |text: &str| text.to_lowercase();
    if distinct.iter().all(|text| YES.contains(&lower(text).as_str()) || NO.contains(&lower(text).as_str())) {
        let of: Vec<Option<usize>> = cells
            .iter()
            .map(|cell| cell.as_ref().map(|text| usize::from(!YES.contains(&lower(text).as_str()))))
            .collect();
        let sides: BTreeSet<usize> = of.iter().flatten().copied().collect();
        if sides.len() < 2 {
            return Err(format!("column \"{name}\" has one value only, so there is nothing to compare"));
        }
        return Ok(Values::Groups { names: vec!["yes".into(), "no".into()], of });
    }
    if distinct.len() > MOST_GROUPS {
        let what =
            if distinct.len() * 2 > cells.iter().flatten().count() { "an identifier" } else { "free text or lists" };
        let example = distinct.first().copied().unwrap_or_default();
        let example: String = example.chars().take(40).collect();
        return Err(format!(
            "column \"{name}\" has {} different values, such as \"{example}\": looks like {what}; numbers or 2 to \
             {MOST_GROUPS} groups can be audited",
            thousands(distinct.len())
        ));
    }
    let names: Vec<String> = distinct.iter().map(|&text| text.to_owned()).collect();
    let of = cells.iter().map(|cell| cell.as_ref().and_then(|text| names.binary_search(text).ok())).collect();
    Ok(Values::Groups { names, of })
}

/// A count with commas: 1,000.
pub(super) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cells: &[&str]) -> Result<Column, String> {
        Column::read("c", &cells.iter().map(|cell| Some(*cell)).collect::<Vec<_>>())
    }

    fn names(column: &Column) -> String {
        match &column.values {
            Values::Groups { names, .. } => names.join(" "),
            Values::Numbers(_) => panic!("numbers: {column:?}"),
        }
    }

    #[test]
    fn groups_and_their_order() {
        for (cells, wanted) in [
            (["PA", "AP", "PA"], "AP PA"),
            (["no", "Yes", "TRUE"], "yes no"),
            (["1", "0", "0.0"], "yes no"),
            (["2", "1", "1"], "2 1"),
            (["L", "PA", "AP"], "AP L PA"),
        ] {
            assert_eq!(names(&read(&cells).unwrap()), wanted);
        }
        assert_eq!(read(&["PA", "AP", "PA"]).unwrap().flags().unwrap(), [Some(false), Some(true), Some(false)]);
        let three = read(&["L", "PA", "AP"]).unwrap();
        assert!(three.kind() == ColumnKind::Groups && three.flags().is_err() && three.against_rest("X").is_err());
        let one = three.against_rest("PA").unwrap();
        assert_eq!(
            (names(&one).as_str(), one.flags().unwrap()),
            ("PA others", vec![Some(false), Some(true), Some(false)])
        );
    }

    #[test]
    fn numbers_ages_and_uncertain() {
        let ages = read(&["058Y", "006M", "12", "na"]).unwrap();
        assert_eq!(ages.values, Values::Numbers(vec![Some(58.0), Some(0.5), Some(12.0), None]));
        assert_eq!((ages.kind(), ages.missing), (ColumnKind::Numbers, 1));
        let chexpert = read(&["1.0", "-1.0", "", "0.0"]).unwrap();
        assert_eq!((names(&chexpert).as_str(), chexpert.missing), ("yes no", 2));
        assert!(chexpert.notes[0].contains("1 films have -1"), "{:?}", chexpert.notes);
        assert!(read(&["3", "1", "2"]).unwrap().notes[0].contains("identifier"));
        assert_eq!(read(&["3", "inf", "2", "3"]).unwrap().kind(), ColumnKind::Groups, "not all are numbers");
    }

    #[test]
    fn refusals_say_why() {
        let many: Vec<String> = (0..1000).map(|i| format!("film{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let lists: Vec<&str> = many[..21].iter().copied().cycle().take(1000).collect();
        for (cells, part) in [
            (&many[..], "1,000 different values, such as \"film0\": looks like an identifier"),
            (&lists[..], "21 different values, such as \"film0\": looks like free text or lists"),
            (&["PA", "PA", "NA"], "one value only (\"PA\")"),
            (&["", "nan", "?"], "is empty for all 3 films"),
            (&["yes", "true"], "one value only"),
            (&["1", "1.0"], "one value only"),
            (&["1", "-1"], "one value only"),
        ] {
            let reason = read(cells).expect_err(part);
            assert!(reason.contains(part) && reason.contains("column \"c\""), "{reason}");
        }
        assert!(read(&many[..20]).is_ok());
    }

    #[test]
    fn groups_can_be_left_out() {
        let mut column = read(&["L", "PA", "AP", "PA"]).unwrap();
        column.retain(&[true, false, true], "fewer than two patients");
        assert_eq!((names(&column).as_str(), column.missing, column.kind()), ("AP PA", 1, ColumnKind::Binary));
        assert_eq!(column.flags().unwrap(), [None, Some(false), Some(true), Some(false)]);
        assert!(column.notes[0].contains("\"L\" (fewer than two patients)"), "{:?}", column.notes);
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
