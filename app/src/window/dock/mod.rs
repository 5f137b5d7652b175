//! How the panels share the window: parts that can be dragged, resized, folded, closed and opened again.
//!
//! In: the switches of [`Layout`] that commands set, the user's hand (through egui_tiles), and a kept [`Plan`]. Out: the
//! tree that [`panels`](super::panels) draws, and the switches as the hand left them. The light box takes what the other
//! parts leave: those keep their sizes in points when the window grows.

use std::collections::HashMap;

use egui_tiles::{Container, Tile, TileId, Tree};

use super::app::{Layout, Tab};
use super::command::Command;
use super::tokens::Sizes;

mod part;
mod plan;
mod sizes;

pub use part::Part;
pub use plan::Plan;

/// The tree and what is known of its parts.
pub struct Dock {
    pub(super) tree: Tree<Part>,
    /// Sizes that a hand gave, in points along the container.
    given: HashMap<TileId, f32>,
    /// The tabs below the light box show their bar only.
    pub(super) folded: bool,
    /// A hand closed the findings; without a classifier they are hidden too, which is something else.
    findings_closed: bool,
    /// Height that the findings need.
    pub(super) findings_height: f32,
    /// The light box is in a narrow window.
    is_narrow: bool,
    /// The page of a store's feature needs more height.
    is_tall: bool,
    seen: Option<Switches>,
}

/// [`Layout`], to compare.
type Switches = (bool, bool, bool, Tab);

impl Default for Dock {
    fn default() -> Self {
        Self::of_tree(plan::usual(), HashMap::new(), true)
    }
}

impl Dock {
    fn of_tree(tree: Tree<Part>, given: HashMap<TileId, f32>, folded: bool) -> Self {
        Self {
            tree,
            given,
            folded,
            findings_closed: false,
            findings_height: 0.0,
            is_narrow: false,
            is_tall: false,
            seen: None,
        }
    }

    /// Holds the place while the panels are drawn.
    pub fn empty() -> Self {
        Self::of_tree(Tree::empty(egui::Id::unique("empty dock")), HashMap::new(), true)
    }

    /// Whether a hand gave the findings their size.
    pub fn findings_are_sized(&self) -> bool {
        let tabs = self.tile(Part::Findings).and_then(|tile| self.tree.tiles.parent_of(tile));
        tabs.is_some_and(|tabs| self.given.contains_key(&tabs))
    }

    /// The tile of a part.
    pub fn tile(&self, part: Part) -> Option<TileId> {
        self.tree.tiles.find_pane(&part)
    }

    /// Whether a part is open, perhaps behind another tab.
    pub fn is_open(&self, part: Part) -> bool {
        self.tile(part).is_some_and(|tile| self.tree.is_visible(tile))
    }

    /// Whether a part can be seen.
    pub fn is_shown(&self, part: Part) -> bool {
        let Some(tile) = self.tile(part).filter(|tile| self.tree.is_visible(*tile)) else { return false };
        let Some(parent) = self.tree.tiles.parent_of(tile) else { return true };
        let is_front = match self.tree.tiles.get(parent) {
            Some(Tile::Container(Container::Tabs(tabs))) => tabs.is_active(tile),
            _ => true,
        };
        is_front && !(self.folded && Some(parent) == self.folding())
    }

    /// The tabs that fold: those that hold most of the parts below the light box.
    pub fn folding(&self) -> Option<TileId> {
        let count = |tile: &Tile<Part>| match tile {
            Tile::Container(Container::Tabs(tabs)) => {
                let is_below = |child: &&TileId| self.part(**child).is_some_and(|part| part.tab().is_some());
                let below = tabs.children.iter().filter(is_below).count();
                // Beside the light box or the study, folding would hide those.
                if below == tabs.children.len() { below } else { 0 }
            }
            _ => 0,
        };
        let tabs = self.tree.tiles.iter().map(|(id, tile)| (count(tile), *id)).filter(|(below, _)| *below > 1);
        tabs.max_by_key(|(below, id)| (*below, std::cmp::Reverse(id.0))).map(|(_, id)| id)
    }

    /// The part of a tile, if it is one.
    pub fn part(&self, tile: TileId) -> Option<Part> {
        match self.tree.tiles.get(tile) {
            Some(Tile::Pane(part)) => Some(*part),
            _ => None,
        }
    }

    /// Brings a part to the front, opened and unfolded.
    pub fn show(&mut self, part: Part) {
        let Some(tile) = self.tile(part) else { return };
        self.tree.set_visible(tile, true);
        self.tree.make_active(|id, _| id == tile);
        if self.tree.tiles.parent_of(tile) == self.folding() {
            self.folded = false;
        }
    }

    /// Folds the tabs that a part is in, or closes it where it stands elsewhere.
    pub fn hide(&mut self, part: Part) {
        let Some(tile) = self.tile(part) else { return };
        match self.tree.tiles.parent_of(tile) {
            Some(parent) if Some(parent) == self.folding() => self.folded = true,
            _ => self.tree.set_visible(tile, false),
        }
    }

    /// Closes a part; the light box stays.
    pub fn close(&mut self, part: Part) {
        if let Some(tile) = self.tile(part).filter(|_| part != Part::LightBox) {
            self.tree.set_visible(tile, false);
            self.findings_closed |= part == Part::Findings;
        }
    }

    /// Carries switches that commands have set over to the tree.
    pub fn obey(&mut self, layout: &Layout, has_findings: bool) {
        let now = switches(layout);
        let (study, features, bottom, tab) = match self.seen {
            Some((study, features, ..)) if (study, features) == (now.0, now.1) => (None, None, now.2, now.3),
            _ => (Some(now.0), Some(now.1), now.2, now.3),
        };
        if let (Some(on), Some(tile)) = (study, self.tile(Part::Study)) {
            self.tree.set_visible(tile, on);
        }
        if let (Some(on), Some(tile)) = (features, self.tile(Part::Features)) {
            self.tree.set_visible(tile, on);
        }
        if let Some(tile) = self.tile(Part::Findings) {
            // A bundle without a classifier has no findings to show.
            self.findings_closed &= features.is_none() || self.seen.is_none();
            self.tree.set_visible(tile, layout.features && has_findings && !self.findings_closed);
        }
        if self.seen.is_none_or(|seen| (seen.2, seen.3) != (bottom, tab)) {
            let part = Part::of_tab(tab);
            if bottom {
                self.show(part);
            } else if let Some(tile) = self.tile(part) {
                if self.tree.tiles.parent_of(tile) == self.folding() {
                    self.tree.make_active(|id, _| id == tile);
                }
                self.hide(part);
            }
        }
        self.seen = Some(now);
    }

    /// Sets the switches as the hand left the tree.
    pub fn report(&mut self, layout: &mut Layout) {
        layout.study = self.is_open(Part::Study);
        layout.features = self.is_open(Part::Features) || self.is_open(Part::Findings);
        if let Some(Tile::Container(Container::Tabs(tabs))) = self.folding().and_then(|id| self.tree.tiles.get(id)) {
            layout.bottom = !self.folded;
            if let Some(tab) = tabs.active.and_then(|tile| self.part(tile)).and_then(Part::tab) {
                layout.tab = tab;
            }
        } else {
            let front = Part::ALL.into_iter().filter(|part| self.is_shown(*part)).filter_map(Part::tab);
            let front: Vec<Tab> = front.collect();
            layout.bottom = !front.is_empty();
            if let Some(first) = front.first().filter(|_| !front.contains(&layout.tab)) {
                layout.tab = *first;
            }
        }
        self.seen = Some(switches(layout));
    }

    /// The panels as they are at first.
    pub fn reset(&mut self, layout: &mut Layout) {
        *self = Self { findings_height: self.findings_height, ..Self::default() };
        (layout.study, layout.features, layout.bottom, layout.tab) = (true, true, false, Tab::Shift);
    }

    /// The plan to keep.
    pub fn plan(&self) -> Plan {
        plan::of(self)
    }

    /// Follows a kept plan; one that does not hold every part once is left alone.
    pub fn follow(&mut self, plan: &Plan, layout: &mut Layout) {
        if let Some(dock) = plan::read(plan) {
            *self = Self { findings_height: self.findings_height, ..dock };
            self.report(layout);
        }
    }

    /// Gives every container its shares in `rect`, from sizes in points.
    pub fn share(&mut self, rect: egui::Rect, sizes: &Sizes, is_narrow: bool, is_tall: bool) {
        (self.is_narrow, self.is_tall) = (is_narrow, is_tall);
        sizes::share(self, rect, sizes);
    }

    /// Keeps the sizes that a hand has given.
    pub fn keep_sizes(&mut self) {
        sizes::keep(self);
    }
}

fn switches(layout: &Layout) -> Switches {
    (layout.study, layout.features, layout.bottom, layout.tab)
}

impl Tab {
    /// The command that shows it.
    pub fn command(self) -> Command {
        match self {
            Self::Shift => Command::ShowShift,
            Self::Attribution => Command::ShowAttribution,
            Self::Gallery => Command::ShowGallery,
            Self::Report => Command::ShowReport,
            Self::Audit => Command::ShowAudit,
            Self::Performance => Command::ShowPerformance,
            Self::Log => Command::ShowLog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout { study: true, features: true, bottom: false, tab: Tab::Shift }
    }

    #[test]
    fn switches_and_tree_follow_each_other() {
        let (mut dock, mut layout) = (Dock::default(), layout());
        dock.obey(&layout, true);
        assert!(dock.is_shown(Part::Study) && dock.is_shown(Part::Findings) && !dock.is_shown(Part::Shift));
        (layout.bottom, layout.tab) = (true, Tab::Gallery);
        dock.obey(&layout, true);
        assert!(dock.is_shown(Part::Gallery) && !dock.is_shown(Part::Shift));
        layout.bottom = false;
        dock.obey(&layout, false);
        assert!(!dock.is_shown(Part::Gallery) && !dock.is_shown(Part::Findings) && dock.is_shown(Part::Features));
        dock.show(Part::Audit);
        dock.close(Part::Study);
        dock.close(Part::LightBox);
        dock.report(&mut layout);
        assert!(layout.bottom && layout.tab == Tab::Audit && !layout.study && dock.is_shown(Part::LightBox));
        layout.study = true;
        dock.obey(&layout, true);
        assert!(dock.is_shown(Part::Study), "closed parts open again");
    }

    #[test]
    fn findings_close_by_hand_and_open_with_the_features() {
        let (mut dock, mut layout) = (Dock::default(), layout());
        dock.obey(&layout, true);
        dock.close(Part::Findings);
        dock.report(&mut layout);
        dock.obey(&layout, true);
        assert!(!dock.is_open(Part::Findings) && dock.is_open(Part::Features) && layout.features);
        let mut other = Dock::default();
        other.follow(&dock.plan(), &mut layout);
        other.obey(&layout, true);
        assert!(!other.is_open(Part::Findings), "that is kept");
        for on in [false, true] {
            layout.features = on;
            dock.obey(&layout, true);
        }
        assert!(dock.is_open(Part::Findings));
    }

    #[test]
    fn a_part_that_stands_alone_is_shown_and_hidden_by_itself() {
        let (mut dock, mut layout) = (Dock::default(), layout());
        let (gallery, root) = (dock.tile(Part::Gallery).unwrap(), dock.tree.root().unwrap());
        dock.tree.move_tile_to_container(gallery, root, 9, false);
        dock.obey(&layout, true);
        assert!(dock.is_shown(Part::Gallery));
        dock.hide(Part::Gallery);
        assert!(!dock.is_shown(Part::Gallery) && dock.folded);
        dock.show(Part::Gallery);
        dock.report(&mut layout);
        assert!(dock.is_shown(Part::Gallery) && !layout.bottom, "the tabs stay folded");
        dock.reset(&mut layout);
        assert!(dock.plan() == Dock::default().plan());
    }
}
