//! From the nodes of a finished pickle to its tree: without recursion, each node once, and an error for a value that
//! contains itself, lies too deep, or would be endless to walk.

use std::sync::Arc;

use super::cursor::Cursor;
use super::node::{Id, Node};
use super::value::{Dict, Object};
use super::{Value, limits};
use crate::Result;

/// How far a node has come.
enum State {
    Fresh,
    /// Its parts are being built.
    Open,
    Built(Value, Size),
}

/// Size of a built value.
#[derive(Clone, Copy)]
struct Size {
    depth: u32,
    /// Values in the tree below it, each counted as often as it is reached.
    walk: u64,
}

/// The tree under `root`.
pub(super) fn build(mut nodes: Vec<Node<'_>>, root: Id, cursor: &Cursor<'_>) -> Result<Value> {
    let mut states: Vec<State> = nodes.iter().map(|_| State::Fresh).collect();
    let mut open = vec![root];
    while let Some(&id) = open.last() {
        let at = id as usize;
        match states[at] {
            State::Built(..) => drop(open.pop()),
            State::Fresh => {
                states[at] = State::Open;
                let mut cyclic = false;
                parts(&nodes[at], |part| match states[part as usize] {
                    State::Fresh => open.push(part),
                    State::Open => cyclic = true,
                    State::Built(..) => {}
                });
                if cyclic {
                    return Err(cursor.excessive(format_args!("{} contains itself", nodes[at].kind())));
                }
            }
            // Everything above it is built by now.
            State::Open => {
                open.pop();
                let size = size(&nodes[at], &states);
                if size.depth > limits::DEPTH {
                    return Err(cursor.excessive(format_args!("values lie {} levels deep", limits::DEPTH + 1)));
                }
                if size.walk > limits::TREE {
                    return Err(
                        cursor.excessive(format_args!("values are shared until they are over {}", limits::TREE))
                    );
                }
                let node = std::mem::take(&mut nodes[at]);
                states[at] = State::Built(finished(node, &states), size);
            }
        }
    }
    Ok(built(&states, root))
}

/// Every node that `node` names.
fn parts(node: &Node<'_>, mut visit: impl FnMut(Id)) {
    match node {
        Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.iter().copied().for_each(visit),
        Node::Dict(entries) => entries.iter().flat_map(|&(key, value)| [key, value]).for_each(visit),
        Node::Object(object) => {
            object.args.iter().chain(&object.state).chain(&object.items).copied().for_each(&mut visit);
            object.entries.iter().flat_map(|&(key, value)| [key, value]).for_each(visit);
        }
        _ => {}
    }
}

fn size(node: &Node<'_>, states: &[State]) -> Size {
    let text = match node {
        Node::Text(text) => text.len(),
        Node::Bytes(bytes) => bytes.len(),
        Node::Name(name) => name.len(),
        _ => 0,
    };
    let mut size = Size { depth: 0, walk: 1 + (text / 64) as u64 };
    parts(node, |part| {
        if let State::Built(_, below) = states[part as usize] {
            size = Size { depth: size.depth.max(below.depth), walk: size.walk.saturating_add(below.walk) };
        }
    });
    Size { depth: size.depth + 1, ..size }
}

/// A part that is built; None stands for one that is not, which does not happen.
fn built(states: &[State], id: Id) -> Value {
    if let State::Built(value, _) = &states[id as usize] { value.clone() } else { Value::None }
}

fn finished(node: Node<'_>, states: &[State]) -> Value {
    let all = |ids: Vec<Id>| ids.into_iter().map(|id| built(states, id));
    let dict = |entries: Vec<(Id, Id)>| {
        let mut dict = Dict::default();
        entries.into_iter().for_each(|(key, value)| dict.set(built(states, key), built(states, value)));
        Arc::new(dict)
    };
    match node {
        Node::None => Value::None,
        Node::Bool(truth) => Value::Bool(truth),
        Node::Int(number) => Value::Int(number),
        Node::Float(number) => Value::Float(number),
        Node::Text(text) => Value::Text(text.into()),
        Node::Bytes(bytes) => Value::Bytes(bytes.into()),
        Node::List(items) => Value::List(all(items).collect()),
        Node::Tuple(items) => Value::Tuple(all(items).collect()),
        Node::Set(items) => Value::Set(all(items).collect()),
        Node::Dict(entries) => Value::Dict(dict(entries)),
        Node::Name(name) => Value::Name(name),
        // A bare storage is recorded by name; its elements belong to tensors.
        Node::Storage(_) => Value::Name("torch.Storage".into()),
        Node::Tensor(tensor) => Value::Tensor(tensor),
        Node::Object(object) => Value::Object(Arc::new(Object {
            class: object.class,
            args: all(object.args).collect(),
            state: object.state.map_or(Value::None, |state| built(states, state)),
            items: all(object.items).collect(),
            entries: dict(object.entries),
        })),
    }
}
