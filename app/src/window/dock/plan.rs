//! A layout of the panels as settings and sessions keep it: a tree of our own, so that files do not depend on egui_tiles.

use std::collections::{BTreeSet, HashMap};

use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use super::{Dock, Part};

/// The newest version.
const NEWEST: u32 = 1;
/// Levels of containers at most.
const DEEPEST: usize = 16;

/// A kept layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    root: Node,
    /// Parts that are closed.
    #[serde(default)]
    closed: BTreeSet<Part>,
    /// The tabs below the light box show their bar only.
    #[serde(default)]
    folded: bool,
}

/// One place of the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Node {
    /// A part.
    Part(Part),
    /// One behind the other; the number is that in front.
    Tabs(Vec<Node>, usize),
    /// Side by side, each with its width in points; zero where no hand gave one.
    Row(Vec<(Node, f32)>),
    /// One below the other, each with its height.
    Column(Vec<(Node, f32)>),
}

/// The layout at first.
pub fn usual() -> Tree<Part> {
    let mut tiles = Tiles::default();
    let alone = |tiles: &mut Tiles<Part>, parts: &[Part]| {
        let panes = parts.iter().map(|part| tiles.insert_pane(*part)).collect();
        tiles.insert_tab_tile(panes)
    };
    let study = alone(&mut tiles, &[Part::Study]);
    let light_box = alone(&mut tiles, &[Part::LightBox]);
    let below =
        [Part::Shift, Part::Gallery, Part::Report, Part::Attribution, Part::Audit, Part::Performance, Part::Log];
    let below = alone(&mut tiles, &below);
    let findings = alone(&mut tiles, &[Part::Findings]);
    let features = alone(&mut tiles, &[Part::Features]);
    let middle = tiles.insert_vertical_tile(vec![light_box, below]);
    let right = tiles.insert_vertical_tile(vec![findings, features]);
    let root = tiles.insert_horizontal_tile(vec![study, middle, right]);
    Tree::new(id(), root, tiles)
}

fn id() -> egui::Id {
    egui::Id::unique("dock")
}

impl Plan {
    /// Whether nothing was moved, sized, closed or opened.
    pub fn is_usual(&self) -> bool {
        *self == of(&Dock::default())
    }
}

/// The plan of a dock.
pub fn of(dock: &Dock) -> Plan {
    let root = dock.tree.root().and_then(|root| node(dock, root)).unwrap_or(Node::Tabs(Vec::new(), 0));
    let is_closed = |part: &Part| match part {
        Part::Findings => dock.findings_closed,
        part => !dock.is_open(*part),
    };
    let closed = Part::ALL.into_iter().filter(is_closed).collect();
    Plan { version: NEWEST, root, closed, folded: dock.folded }
}

fn node(dock: &Dock, tile: TileId) -> Option<Node> {
    let sized = |children: &[TileId]| {
        let sized = |child: &TileId| Some((node(dock, *child)?, dock.given.get(child).copied().unwrap_or(0.0).round()));
        children.iter().filter_map(sized).collect()
    };
    Some(match dock.tree.tiles.get(tile)? {
        Tile::Pane(part) => Node::Part(*part),
        Tile::Container(Container::Linear(linear)) => match linear.dir {
            LinearDir::Horizontal => Node::Row(sized(&linear.children)),
            LinearDir::Vertical => Node::Column(sized(&linear.children)),
        },
        Tile::Container(container) => {
            let children = container.children_vec();
            let active = match container {
                Container::Tabs(tabs) => children.iter().position(|child| Some(*child) == tabs.active),
                _ => None,
            };
            Node::Tabs(children.iter().filter_map(|child| node(dock, *child)).collect(), active.unwrap_or(0))
        }
    })
}

/// The dock of a plan; none where the plan does not make sense. Parts that a plan of an older program does not know stand
/// among the tabs below.
pub fn read(plan: &Plan) -> Option<Dock> {
    if plan.version > NEWEST {
        return None;
    }
    let (mut tiles, mut given, mut seen) = (Tiles::default(), HashMap::new(), BTreeSet::new());
    let root = build(&plan.root, &mut tiles, &mut given, &mut seen, 0)?;
    if !seen.contains(&Part::LightBox) {
        return None;
    }
    let mut dock = Dock::of_tree(Tree::new(id(), root, tiles), given, plan.folded);
    for part in Part::ALL.into_iter().filter(|part| !seen.contains(part)) {
        let pane = dock.tree.tiles.insert_pane(part);
        let home = dock.folding().unwrap_or(root);
        dock.tree.move_tile_to_container(pane, home, usize::MAX, false);
    }
    plan.closed.iter().for_each(|part| dock.close(*part));
    Some(dock)
}

fn build(
    node: &Node,
    tiles: &mut Tiles<Part>,
    given: &mut HashMap<TileId, f32>,
    seen: &mut BTreeSet<Part>,
    depth: usize,
) -> Option<TileId> {
    if depth > DEEPEST {
        return None;
    }
    match node {
        Node::Part(part) => seen.insert(*part).then(|| tiles.insert_pane(*part)),
        Node::Tabs(nodes, active) => {
            let children: Vec<TileId> =
                nodes.iter().map(|node| build(node, tiles, given, seen, depth + 1)).collect::<Option<_>>()?;
            let active = children.get(*active).or(children.first()).copied();
            Some(tiles.insert_container(Tabs { active, children }))
        }
        Node::Row(nodes) | Node::Column(nodes) => {
            let mut children = Vec::new();
            for (node, size) in nodes {
                let child = build(node, tiles, given, seen, depth + 1)?;
                if *size > 0.0 && size.is_finite() {
                    given.insert(child, *size);
                }
                children.push(child);
            }
            let is_row = matches!(node, Node::Row(_));
            let dir = if is_row { LinearDir::Horizontal } else { LinearDir::Vertical };
            Some(tiles.insert_container(Linear::new(dir, children)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::app::{Layout, Tab};

    #[test]
    fn a_plan_is_kept_and_followed() {
        let mut dock = Dock::default();
        let (report, root) = (dock.tile(Part::Report).unwrap(), dock.tree.root().unwrap());
        dock.tree.move_tile_to_container(report, root, 0, false);
        dock.given.insert(report, 300.0);
        dock.close(Part::Study);
        dock.show(Part::Audit);
        let plan = dock.plan();
        let text = ron::to_string(&plan).unwrap();
        let mut other = Dock::default();
        let mut layout = Layout { study: true, features: true, bottom: false, tab: Tab::Shift };
        other.follow(&ron::from_str(&text).unwrap(), &mut layout);
        assert_eq!(other.plan(), plan);
        assert!(!layout.study && layout.bottom && layout.tab == Tab::Audit && other.is_shown(Part::Report));
    }

    #[test]
    fn plans_without_sense_are_left_alone() {
        let usual = Dock::default().plan();
        let twice = Node::Row(vec![(usual.root.clone(), 0.0), (Node::Part(Part::Study), 0.0)]);
        let deep = (0..40).fold(Node::Part(Part::LightBox), |node, _| Node::Tabs(vec![node], 0));
        for root in [twice, deep, Node::Part(Part::Study), Node::Tabs(Vec::new(), 3)] {
            let mut dock = Dock::default();
            let mut layout = Layout { study: true, features: true, bottom: false, tab: Tab::Shift };
            dock.follow(&Plan { root, ..usual.clone() }, &mut layout);
            assert_eq!(dock.plan(), usual);
        }
        // A plan that does not know a part yet still opens, with that part in it.
        let old = Plan { root: Node::Tabs(vec![Node::Part(Part::LightBox)], 7), ..usual.clone() };
        let dock = read(&old).unwrap();
        assert!(Part::ALL.into_iter().all(|part| dock.tile(part).is_some()));
    }
}
