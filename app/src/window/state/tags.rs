//! The table of everything that a film's file says, read on a thread of its own when it is asked for.

use fluoro_core::radiograph::{TagRow, tags, tags_of};
use fluoro_core::worker::FilmSource;
use fluoro_core::{Error, samples};
use poll_promise::Promise;

use super::films::Film;
use super::problem::Problem;

/// What is shown of a value that privacy hides.
pub const HIDDEN: &str = "hidden";

/// The table and what is searched in it.
pub struct Tags {
    /// Whose table it is.
    pub name: String,
    /// What is typed in the search field.
    pub search: String,
    rows: Promise<Result<Vec<TagRow>, Problem>>,
}

impl Tags {
    /// Reads the file of a film.
    pub fn new(film: &Film, wake: impl Fn() + Send + 'static) -> Self {
        let source = film.source.clone();
        let rows = Promise::spawn_thread("fluoro-tags", move || {
            let rows = read(&source).map_err(|error| Problem::new("The file's tags could not be read", &error));
            wake();
            rows
        });
        Self { name: film.name.clone(), search: String::new(), rows }
    }

    /// The rows, once they are there.
    pub fn rows(&self) -> Option<&Result<Vec<TagRow>, Problem>> {
        self.rows.ready()
    }

    /// The rows that match what is typed, their values as they may be shown. What is hidden is not searched either.
    pub fn found<'a>(&'a self, rows: &'a [TagRow], privacy: bool) -> Vec<(&'a TagRow, &'a str)> {
        let wanted = self.search.trim().to_lowercase();
        let shown =
            rows.iter().map(|row| (row, if privacy && row.is_identifying { HIDDEN } else { row.value.as_str() }));
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        shown.filter(|(row, value)| has(&row.tag) || has(&row.keyword) || *value != HIDDEN && has(value)).collect()
    }
}

fn read(source: &FilmSource) -> Result<Vec<TagRow>, Error> {
    match source {
        FilmSource::File(path) => tags(path),
        FilmSource::Sample(name) => tags_of(std::path::Path::new(name), samples::bytes(name)?),
        // Films of a gallery are pictures without texts; what they say stands in the bundle.
        FilmSource::Gallery { .. } => Ok(Vec::new()),
    }
}
