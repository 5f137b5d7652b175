//! Sizes in points to shares of egui_tiles. In a container on the way to the light box, every other child keeps its size
//! and the light box's side takes the rest; elsewhere sizes are shares of what there is.

use egui::Rect;
use egui_tiles::{Container, LinearDir, Tile, TileId};

use super::{Dock, Part};
use crate::window::tokens::Sizes;

/// Least share of the window that the light box's side keeps where parts of fixed size meet.
const LEAST: f32 = 0.3;
/// Between parts.
pub const GAP: f32 = 1.0;

/// Sets the shares of every linear container.
pub fn share(dock: &mut Dock, rect: Rect, sizes: &Sizes) {
    if let Some(root) = dock.tree.root() {
        share_tile(dock, root, rect.size(), sizes);
    }
}

/// Shares of one container and those below it.
fn share_tile(dock: &mut Dock, tile: TileId, size: egui::Vec2, sizes: &Sizes) {
    let Some(Tile::Container(container)) = dock.tree.tiles.get(tile) else { return };
    let (children, dir) = match container {
        Container::Linear(linear) => (linear.children.clone(), Some(linear.dir)),
        other => (other.children_vec(), None),
    };
    let Some(dir) = dir else {
        children.into_iter().for_each(|child| share_tile(dock, child, size, sizes));
        return;
    };
    let shown: Vec<TileId> = children.iter().copied().filter(|child| dock.tree.is_visible_in_layout(*child)).collect();
    let along = if dir == LinearDir::Horizontal { size.x } else { size.y };
    let free = (along - GAP * shown.len().saturating_sub(1) as f32).max(1.0);
    let main = shown.iter().position(|child| holds(dock, *child, Part::LightBox));
    let mut lengths: Vec<f32> = shown.iter().map(|child| wanted(dock, *child, dir, sizes)).collect();
    match main {
        Some(main) => {
            lengths[main] = 0.0;
            let others: f32 = lengths.iter().sum();
            let most = free * (1.0 - LEAST);
            if others > most {
                lengths.iter_mut().for_each(|length| *length *= most / others);
            }
            lengths[main] = free - lengths.iter().sum::<f32>();
        }
        None => even_out(dock, &shown, &mut lengths, free),
    }
    if let Some(Tile::Container(Container::Linear(linear))) = dock.tree.tiles.get_mut(tile) {
        for (child, length) in shown.iter().zip(&lengths) {
            linear.shares.set_share(*child, length.max(1.0));
        }
    }
    for (child, length) in shown.into_iter().zip(lengths) {
        let size = match dir {
            LinearDir::Horizontal => egui::vec2(length, size.y),
            LinearDir::Vertical => egui::vec2(size.x, length),
        };
        share_tile(dock, child, size, sizes);
    }
}

/// Lengths where the light box is elsewhere: the findings get what they need, the rest is shared.
fn even_out(dock: &Dock, shown: &[TileId], lengths: &mut [f32], free: f32) {
    let given: Vec<Option<f32>> = shown.iter().map(|child| dock.given.get(child).copied()).collect();
    if given.iter().all(Option::is_none)
        && let Some(findings) = shown.iter().position(|child| only_findings(dock, *child))
        && shown.len() > 1
    {
        let own = dock.findings_height.clamp(1.0, free * 0.6);
        let rest = (free - own) / (shown.len() - 1) as f32;
        lengths.iter_mut().enumerate().for_each(|(i, length)| *length = if i == findings { own } else { rest });
        return;
    }
    let known: Vec<f32> = given.iter().flatten().copied().collect();
    let usual = if known.is_empty() { 1.0 } else { known.iter().sum::<f32>() / known.len() as f32 };
    let wanted: Vec<f32> = given.iter().map(|length| length.unwrap_or(usual)).collect();
    let sum: f32 = wanted.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    lengths.iter_mut().zip(wanted).for_each(|(length, wanted)| *length = wanted / sum * free);
}

/// The length that a child asks for.
fn wanted(dock: &Dock, tile: TileId, dir: LinearDir, sizes: &Sizes) -> f32 {
    let pick = |wide: f32, tight: f32| if dock.is_narrow { tight } else { wide };
    if dock.folded && dock.folding() == Some(tile) && dir == LinearDir::Vertical {
        return sizes.tab_bar;
    }
    let usual = if dir == LinearDir::Vertical {
        if dock.is_tall && holds(dock, tile, Part::Gallery) {
            pick(sizes.bottom_page, sizes.bottom_page_narrow)
        } else {
            pick(sizes.bottom, sizes.bottom_narrow)
        }
    } else if holds(dock, tile, Part::Features) || holds(dock, tile, Part::Findings) {
        pick(sizes.right, sizes.right_narrow)
    } else if holds(dock, tile, Part::Study) {
        pick(sizes.left, sizes.left_narrow)
    } else {
        pick(sizes.right, sizes.right_narrow)
    };
    dock.given.get(&tile).copied().unwrap_or(usual)
}

fn holds(dock: &Dock, tile: TileId, wanted: Part) -> bool {
    match dock.tree.tiles.get(tile) {
        Some(Tile::Pane(part)) => *part == wanted,
        Some(Tile::Container(container)) => container.children().any(|child| holds(dock, *child, wanted)),
        None => false,
    }
}

fn only_findings(dock: &Dock, tile: TileId) -> bool {
    match dock.tree.tiles.get(tile) {
        Some(Tile::Pane(part)) => *part == Part::Findings,
        Some(Tile::Container(container)) => container.only_child().is_some_and(|child| only_findings(dock, child)),
        None => false,
    }
}

/// After a hand has moved a line between parts: the shares are the sizes from now on.
pub fn keep(dock: &mut Dock) {
    let mut given = Vec::new();
    for (_, tile) in dock.tree.tiles.iter() {
        let Tile::Container(Container::Linear(linear)) = tile else { continue };
        let shown = || linear.children.iter().filter(|child| dock.tree.is_visible_in_layout(**child));
        for child in shown().filter(|child| !holds(dock, **child, Part::LightBox)) {
            let (share, rect) = (linear.shares[*child], dock.tree.tiles.rect(*child));
            let length = rect
                .map_or(share, |rect| if linear.dir == LinearDir::Horizontal { rect.width() } else { rect.height() });
            // Shares are points; where they are no longer those that were drawn, a hand has moved the line.
            if (share - length).abs() > 0.5 && !(dock.folded && dock.folding() == Some(*child)) {
                given.push((*child, share));
            }
        }
    }
    dock.given.extend(given);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::app::{Layout, Tab};
    use crate::window::tokens::Tokens;

    fn widths(dock: &Dock) -> Vec<f32> {
        let Some(Tile::Container(Container::Linear(root))) = dock.tree.root().and_then(|id| dock.tree.tiles.get(id))
        else {
            panic!("a row")
        };
        root.children.iter().map(|child| root.shares[*child]).collect()
    }

    #[test]
    fn sides_keep_their_size_and_the_light_box_takes_the_rest() {
        let sizes = Tokens::load().unwrap().look(egui::Theme::Dark).size;
        let mut dock = Dock::default();
        dock.obey(&Layout { study: true, features: true, bottom: false, tab: Tab::Shift }, true);
        for width in [1600.0, 2400.0] {
            let rect = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, 900.0));
            dock.share(rect, &sizes, false, false);
            assert_eq!(widths(&dock), [sizes.left, width - 2.0 - sizes.left - sizes.right, sizes.right]);
        }
        // In a window that is far too small everything still has a place.
        let rect = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(400.0, 300.0));
        dock.share(rect, &sizes, true, false);
        let found = widths(&dock);
        assert!(found.iter().sum::<f32>() < 400.0 && found.iter().all(|width| *width > 20.0), "{found:?}");
    }
}
