//! Where on a film a feature's edit applies: cells of the latent's grid. In: brush strokes, or a rectangle on the film.
//! Out: which tokens an edit may change.

use serde::{Deserialize, Serialize};

use crate::bundle::Manifest;
use crate::bundle::manifest::LatentShape;
use crate::error::{Error, Result};

/// Most cells that a grid may have, as in a manifest.
const MOST_CELLS: usize = 65_536;
/// A cell inside, and one outside, as a recipe writes them.
const INSIDE: char = '#';
const OUTSIDE: char = '.';

/// Cells of the latent's grid, row by row from the top left one. A recipe writes it as its rows, such as `"..##.."`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct EditRegion {
    grid: [usize; 2],
    inside: Vec<bool>,
}

impl EditRegion {
    /// A region of `grid`, rows and columns, without any cell in it.
    ///
    /// # Errors
    /// When the grid has no cell, or more than any latent.
    pub fn new(grid: [usize; 2]) -> Result<Self> {
        match grid[0].checked_mul(grid[1]) {
            Some(cells @ 1..=MOST_CELLS) => Ok(Self { grid, inside: vec![false; cells] }),
            _ => Err(Error::Invalid(format!("a region of {} x {} cells is no region of a latent", grid[0], grid[1]))),
        }
    }

    /// A region of a bundle's latent without any cell in it.
    ///
    /// # Errors
    /// When the latent has no positions, such as a class token.
    pub fn of_latent(manifest: &Manifest) -> Result<Self> {
        Self::new(manifest.latent.positions(&manifest.name)?)
    }

    /// The cells whose middle lies in a rectangle `[x, y, width, height]` in pixels of a film of `film` pixels, width and
    /// height; the cell below its middle where it holds none.
    ///
    /// # Errors
    /// When the latent has no positions, the rectangle is empty or no number, or the model does not see its middle.
    pub fn of_rectangle(manifest: &Manifest, film: [usize; 2], rectangle: [f64; 4]) -> Result<Self> {
        let mut region = Self::of_latent(manifest)?;
        let [x, y, width, height] = rectangle;
        let shown = || format!("{x},{y},{width},{height}");
        if !rectangle.iter().all(|side| side.is_finite()) || width <= 0.0 || height <= 0.0 {
            return Err(Error::Invalid(format!("the region {} is empty; give X,Y,W,H in film pixels", shown())));
        }
        let [low, high] = [[x, y], [x + width, y + height]].map(|corner| manifest.latent_place(film, corner));
        let within = |value: f32, axis: usize| (low[axis]..=high[axis]).contains(&value);
        let [rows, columns] = region.grid;
        for row in 0..rows {
            for column in 0..columns {
                region.inside[row * columns + column] = within(column as f32 + 0.5, 0) && within(row as f32 + 0.5, 1);
            }
        }
        if region.is_empty() {
            let middle = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
            let cell = region.cell_at(middle);
            let cell =
                cell.ok_or_else(|| Error::Invalid(format!("the model sees nothing of the region {}", shown())))?;
            region.inside[cell] = true;
        }
        Ok(region)
    }

    /// Rows and columns.
    #[must_use]
    pub fn grid(&self) -> [usize; 2] {
        self.grid
    }

    /// Whether no cell is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.inside.contains(&true)
    }

    /// Number of cells in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inside.iter().filter(|&&inside| inside).count()
    }

    /// Whether a token, counted row by row, is in it.
    #[must_use]
    pub fn contains(&self, token: usize) -> bool {
        self.inside.get(token).copied().unwrap_or(false)
    }

    /// The token of a place in cells, `[column, row]` with `[0, 0]` at the grid's top left corner.
    #[must_use]
    pub fn cell_at(&self, place: [f32; 2]) -> Option<usize> {
        let [rows, columns] = self.grid;
        let [column, row] = place.map(f32::floor);
        let is_on = (0.0..columns as f32).contains(&column) && (0.0..rows as f32).contains(&row);
        is_on.then(|| row as usize * columns + column as usize)
    }

    /// Paints with a round brush, or takes paint away: every cell whose middle lies within `radius` cells of `place`, and
    /// the cell at `place`. Returns whether anything changed.
    pub fn paint(&mut self, place: [f32; 2], radius: f32, inside: bool) -> bool {
        let own = self.cell_at(place);
        let columns = self.grid[1];
        let mut changed = false;
        for (token, cell) in self.inside.iter_mut().enumerate() {
            let (column, row) = ((token % columns) as f32 + 0.5, (token / columns) as f32 + 0.5);
            let is_near = (column - place[0]).hypot(row - place[1]) <= radius;
            if (is_near || own == Some(token)) && *cell != inside {
                *cell = inside;
                changed = true;
            }
        }
        changed
    }
}

impl LatentShape {
    /// Rows and columns of the grid that tokens lie on; `bundle` is named in the error.
    ///
    /// # Errors
    /// When tokens have no positions.
    pub fn positions(&self, bundle: &str) -> Result<[usize; 2]> {
        self.grid.ok_or_else(|| {
            Error::Invalid(format!(
                "the latent of bundle \"{bundle}\" has no positions, so an edit cannot be kept to a region"
            ))
        })
    }
}

impl Manifest {
    /// Where a place on a film, `[x, y]` in film pixels, lies on the latent's grid, `[column, row]` in cells; outside of
    /// the grid where the encoder does not see it.
    #[must_use]
    pub fn latent_place(&self, film: [usize; 2], [x, y]: [f64; 2]) -> [f32; 2] {
        let seen = self.encoder_input().seen(film[0], film[1]);
        let [rows, columns] = self.latent.grid.unwrap_or([1, 1]);
        let column = (x - seen.x) / seen.width * columns as f64;
        let row = (y - seen.y) / seen.height * rows as f64;
        [column as f32, row as f32]
    }
}

impl From<EditRegion> for Vec<String> {
    fn from(region: EditRegion) -> Self {
        let row = |cells: &[bool]| cells.iter().map(|&inside| if inside { INSIDE } else { OUTSIDE }).collect();
        region.inside.chunks(region.grid[1]).map(row).collect()
    }
}

impl TryFrom<Vec<String>> for EditRegion {
    type Error = String;

    fn try_from(rows: Vec<String>) -> std::result::Result<Self, String> {
        let columns = rows.first().map_or(0, String::len);
        let mut region = Self::new([rows.len(), columns]).map_err(|error| error.to_string())?;
        for (cells, row) in region.inside.chunks_mut(columns).zip(&rows) {
            if row.len() != columns || !row.chars().all(|cell| cell == INSIDE || cell == OUTSIDE) {
                return Err(format!("\"{row}\" is no row of {columns} cells, each {INSIDE} or {OUTSIDE}"));
            }
            cells.iter_mut().zip(row.chars()).for_each(|(inside, cell)| *inside = cell == INSIDE);
        }
        Ok(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::load::embedded_manifest as manifest;

    #[test]
    fn a_brush_paints_a_disc_and_takes_it_away() {
        let mut region = EditRegion::new([4, 6]).expect("a grid");
        assert!(region.is_empty() && region.paint([2.5, 1.5], 1.0, true) && !region.paint([2.5, 1.5], 1.0, true));
        assert_eq!(Vec::<String>::from(region.clone()), ["..#...", ".###..", "..#...", "......"]);
        assert!(region.paint([2.1, 1.9], 0.0, false) && !region.contains(8) && region.len() == 4);
        assert!(!region.paint([-3.0, 90.0], 0.5, true), "beside the film nothing is painted");
        assert!(EditRegion::new([0, 4]).is_err() && EditRegion::new([usize::MAX, 2]).is_err());
    }

    #[test]
    fn a_recipe_holds_its_rows() {
        let mut region = EditRegion::new([2, 3]).expect("a grid");
        region.paint([0.5, 0.5], 0.0, true);
        let text = ron::to_string(&region).expect("text");
        assert_eq!(text, r##"["#..","..."]"##);
        assert_eq!(ron::from_str::<EditRegion>(&text).expect("read"), region);
        for bad in [r##"["#..","."]"##, r##"["a"]"##, "[]", r##"["é.","..."]"##] {
            assert!(ron::from_str::<EditRegion>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rectangle_on_the_film_is_cells_of_the_grid() {
        // 7 x 7 cells over the whole film: 100 film pixels each.
        let manifest = manifest();
        let region = |rectangle| EditRegion::of_rectangle(&manifest, [700, 700], rectangle);
        let rows = |rectangle| Vec::<String>::from(region(rectangle).expect("a region"));
        assert_eq!(rows([100.0, 0.0, 200.0, 100.0])[0], ".##....");
        assert_eq!(region([0.0, 0.0, 700.0, 700.0]).expect("all").len(), 49);
        assert_eq!(region([601.0, 301.0, 3.0, 3.0]).expect("one").cell_at([6.0, 3.0]), Some(27));
        assert!(region([601.0, 301.0, 3.0, 3.0]).expect("one").contains(27));
        for bad in [[0.0, 0.0, 0.0, 5.0], [900.0, 0.0, 10.0, 10.0], [0.0, f64::NAN, 1.0, 1.0]] {
            assert!(region(bad).is_err(), "{bad:?}");
        }
        let class_token = Manifest { latent: LatentShape { grid: None, ..manifest.latent }, ..manifest.clone() };
        let error = EditRegion::of_latent(&class_token).expect_err("no positions").to_string();
        assert!(error.contains("has no positions"), "{error}");
    }
}
