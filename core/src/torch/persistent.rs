//! What pickles name from outside by a persistent id: storages, classes with their source text, and in the tar
//! container numbered tensors.
//!
//! Source: `persistent_id` and `persistent_load` in `torch/serialization.py`, now and at 0.1.9.

use std::sync::Arc;

use super::cursor::shown;
use super::machine::Machine;
use super::node::{Declared, Id, Node, Numbered};
use super::{Dtype, limits};
use crate::Result;

/// Counted for one storage: its entry, its key in the index.
const STORAGE_COST: usize = 192;

impl<'a> Machine<'a, '_> {
    /// The node for a persistent id.
    pub fn persistent(&mut self, id: Id) -> Result<Node<'a>> {
        if let Node::Int(number) = self.node(id) {
            return match self.outside.numbered.get(number) {
                Some(Numbered::Storage(storage)) => Ok(Node::Storage(*storage)),
                Some(Numbered::Tensor(tensor)) => Ok(Node::Tensor(Arc::clone(tensor))),
                None => Err(self.cursor.damaged(format_args!("tensor {number} is not in the file"))),
            };
        }
        let items = self.items(id)?.to_vec();
        let (Some(&first), second) = (items.first(), items.get(1)) else {
            return Err(self.cursor.damaged("a persistent id is empty"));
        };
        match (self.node(first), second.map(|&second| self.node(second))) {
            (Node::Text(kind), Some(Node::Name(class))) if kind == "storage" => {
                let class = class.clone();
                self.storage(&class, &items[2..])
            }
            // The legacy container names a module's class with the source text, which is not looked at. The tar
            // container leaves out the word.
            (Node::Text(kind), Some(Node::Name(class))) if kind == "module" => Ok(Node::Name(Arc::clone(class))),
            (Node::Name(class), _) => Ok(Node::Name(Arc::clone(class))),
            _ => Err(self.cursor.damaged("a persistent id names neither a storage nor a class")),
        }
    }

    /// `(key, location, elements)` and, in the legacy container, None or `(view's key, first element, elements)`.
    fn storage(&mut self, class: &str, args: &[Id]) -> Result<Node<'a>> {
        let Some(dtype) = Dtype::of_storage(class) else {
            return Err(self.cursor.unsupported(format_args!("tensors kept in {}", shown(class))));
        };
        let [key, _location, whole, ref view @ ..] = *args else {
            return Err(self.cursor.damaged("a storage has too few arguments"));
        };
        let whole = self.count(whole)?;
        let key = self.key(key)?;
        let view = match view.first().map(|&view| (view, self.node(view))) {
            None | Some((_, Node::None)) => None,
            Some((view, _)) => match *self.items(view)? {
                [_, start, count] => Some((self.count(start)?, self.count(count)?)),
                _ => return Err(self.cursor.damaged("a view of a storage is not written as three values")),
            },
        };
        self.hold(STORAGE_COST + 2 * key.len())?;
        let declared = self.outside.declare(Declared { key, dtype, whole, view });
        declared.map(Node::Storage).map_err(|reason| self.cursor.damaged(reason))
    }

    /// A storage's key: text, or a number in very old files.
    fn key(&self, id: Id) -> Result<String> {
        match self.node(id) {
            Node::Text(key) if key.len() <= limits::NAME_BYTES => Ok(key.to_string()),
            Node::Int(key) => Ok(key.to_string()),
            _ => Err(self.cursor.damaged("a storage has no key")),
        }
    }
}
