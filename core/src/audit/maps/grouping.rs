//! Films in groups by a column of the table, such as AP against PA.

use crate::dataset::FilmRecord;
use crate::error::{Error, Result};

/// Films in groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// The column.
    pub column: String,
    /// Names of the groups; where there are two, differences are the first minus the second.
    pub names: Vec<String>,
    /// Group of each film, in the films' order; none where the table does not know.
    pub of: Vec<Option<usize>>,
}

impl Grouping {
    /// Films with the column (1) against films without it (0); films of which it is not known are in no group.
    ///
    /// # Errors
    /// When no film knows the column (with the nearest names), or all are in one group.
    pub fn of_column(films: &[FilmRecord], column: &str) -> Result<Self> {
        let wanted = column.trim();
        let known: std::collections::BTreeSet<&str> =
            films.iter().flat_map(|film| film.columns.keys().map(String::as_str)).collect();
        let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(wanted)) else {
            return Err(Error::unknown("column", wanted, known));
        };
        let of: Vec<Option<usize>> =
            films.iter().map(|film| film.columns.get(*name).map(|&value| usize::from(value < 0.5))).collect();
        for (group, words) in [(0, "with"), (1, "without")] {
            if !of.contains(&Some(group)) {
                return Err(Error::Invalid(format!(
                    "no film is known to be {words} \"{name}\"; maps compare two groups"
                )));
            }
        }
        Ok(Self { column: (*name).to_owned(), names: vec![(*name).to_owned(), format!("not {name}")], of })
    }
}
