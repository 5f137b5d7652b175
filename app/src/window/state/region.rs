//! A search by example: a rectangle that is drawn on the film, and the features most tied to it. In: two film points, the
//! engine's answer. Out: the features panel's list in that order.

use std::sync::Arc;

use fluoro_core::engine::RegionFeatures;

use super::features::{Item, Shown};
use super::job::Job;

/// Sides below this many film pixels are a slip of the hand.
const SMALLEST: f32 = 2.0;

/// The rectangle and what was found.
#[derive(Default)]
pub struct RegionSearch {
    /// Left drag draws a rectangle.
    pub is_drawing: bool,
    /// Two corners of the rectangle, in film pixels.
    pub drawn: Option<[[f32; 2]; 2]>,
    /// The features tied to it.
    pub job: Job<Arc<RegionFeatures>>,
    /// The user stopped it: it starts again only when asked for.
    pub is_cancelled: bool,
    listed: Option<Listed>,
}

/// A list, and what it was made from.
struct Listed {
    from: Arc<Shown>,
    found: Arc<RegionFeatures>,
    shown: Arc<Shown>,
}

impl RegionSearch {
    /// Another film is on the light box: the hand draws on, what was drawn is gone.
    pub fn cleared(&self) -> Self {
        Self { is_drawing: self.is_drawing, ..Self::default() }
    }

    /// Whether the panel has anything to say of a region.
    pub fn is_open(&self) -> bool {
        self.is_drawing || self.drawn.is_some()
    }

    /// The rectangle `[x, y, width, height]` on a film of this size, in film pixels; none while there is none worth a search.
    pub fn rectangle(&self, film: [usize; 2]) -> Option<[f64; 4]> {
        let [from, to] = self.drawn?;
        let side = |axis: usize| {
            let most = film[axis] as f32;
            let (a, b) = (from[axis].clamp(0.0, most), to[axis].clamp(0.0, most));
            (a.min(b), (a - b).abs())
        };
        let ((x, width), (y, height)) = (side(0), side(1));
        let is_large = width >= SMALLEST && height >= SMALLEST;
        is_large.then(|| [x, y, width, height].map(f64::from))
    }

    /// Of the features that are listed, those tied to the region, the most tied first; the list itself where nothing was
    /// searched for.
    pub fn order(&mut self, listed: &Arc<Shown>) -> Arc<Shown> {
        let Some(found) = &self.job.value else { return Arc::clone(listed) };
        if let Some(known) = &self.listed
            && Arc::ptr_eq(&known.from, listed)
            && Arc::ptr_eq(&known.found, found)
        {
            return Arc::clone(&known.shown);
        }
        let wanted: std::collections::BTreeSet<usize> = listed.items.iter().filter_map(|item| item.feature()).collect();
        let tied = found.features.iter().map(|tied| tied.index).filter(|index| wanted.contains(index));
        let items: Vec<Item> = tied.map(Item::Feature).collect();
        let shown = Arc::new(Shown { matches: items.len(), items, groups: Vec::new() });
        self.listed = Some(Listed { from: Arc::clone(listed), found: Arc::clone(found), shown: Arc::clone(&shown) });
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluoro_core::engine::{RegionMethod, TiedFeature};

    #[test]
    fn a_rectangle_is_kept_to_the_film_and_a_slip_is_none() {
        let drawn = |from, to| RegionSearch { drawn: Some([from, to]), ..RegionSearch::default() };
        assert_eq!(drawn([30.0, 8.0], [10.0, -5.0]).rectangle([20, 20]), Some([10.0, 0.0, 10.0, 8.0]));
        assert_eq!(drawn([5.0, 5.0], [6.0, 15.0]).rectangle([20, 20]), None);
        assert_eq!(RegionSearch::default().rectangle([20, 20]), None);
    }

    #[test]
    fn the_list_is_in_the_order_of_the_region() {
        let items = vec![Item::Group(0), Item::Member(4, 0), Item::Feature(2), Item::Feature(7)];
        let listed = Arc::new(Shown { items, groups: Vec::new(), matches: 3 });
        let mut search = RegionSearch::default();
        assert!(Arc::ptr_eq(&search.order(&listed), &listed));
        let tied = |index| TiedFeature { index, score: 1.0, with: 1.0, without: 0.0 };
        let found = RegionFeatures {
            rectangle: [0.0; 4],
            method: RegionMethod::Tokens,
            tokens: None,
            features: vec![tied(7), tied(9), tied(4)],
        };
        search.job.start(1);
        search.job.finish(1, Arc::new(found));
        let shown = search.order(&listed);
        assert_eq!(shown.items, [Item::Feature(7), Item::Feature(4)], "feature 9 is hidden, or not searched for");
        assert!(Arc::ptr_eq(&search.order(&listed), &shown), "found once");
    }
}
