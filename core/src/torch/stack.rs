//! The pickle machine's stack, marks and memo, and the instructions that read a value or fill one.

use std::borrow::Cow;
use std::sync::Arc;

use super::cursor::{Cursor, shown};
use super::limits;
use super::machine::Machine;
use super::node::{Id, Node, ObjectNode};
use crate::Result;

/// A place of the memo that nothing was put in.
const MISSING: Id = Id::MAX;

impl<'a> Machine<'a, '_> {
    /// Counts what is held, and ends a pickle that holds too much.
    pub fn hold(&mut self, bytes: usize) -> Result<()> {
        self.outside.held = self.outside.held.saturating_add(bytes);
        if self.outside.held > limits::MEMORY {
            let at = self.at;
            return Err(self
                .cursor
                .excessive(format_args!("the values until byte {at} fill {} MB", limits::MEMORY >> 20)));
        }
        Ok(())
    }

    /// A new node.
    pub fn add(&mut self, node: Node<'a>) -> Result<Id> {
        let boxed = matches!(node, Node::Tensor(_) | Node::Object(_));
        self.hold(limits::VALUE_COST + if boxed { limits::BOX_COST } else { 0 })?;
        self.nodes.push(node);
        // Fits: `limits::MEMORY` ends long before.
        Ok((self.nodes.len() - 1) as Id)
    }

    pub fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    /// The items of a tuple or list.
    pub fn items(&mut self, id: Id) -> Result<&[Id]> {
        // Whoever asks is about to copy them.
        if let Node::Tuple(items) | Node::List(items) = self.node(id) {
            self.hold(items.len() * size_of::<Id>())?;
        }
        match self.node(id) {
            Node::Tuple(items) | Node::List(items) => Ok(items),
            other => Err(self.cursor.damaged(format_args!("{} stands where a tuple belongs", other.kind()))),
        }
    }

    pub fn push(&mut self, node: Node<'a>) -> Result<()> {
        let id = self.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    pub fn pop(&mut self) -> Result<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The value on top, which must lie above the last MARK.
    pub fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(|above| above.last());
        top.copied().ok_or_else(|| self.cursor.damaged("an instruction finds no value"))
    }

    pub fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        let mark = mark.ok_or_else(|| self.cursor.damaged("an instruction finds no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    pub fn remember(&mut self, place: usize) -> Result<()> {
        let top = self.top()?;
        if place >= self.memo.len() {
            let missing = place - self.memo.len();
            self.hold(missing.saturating_add(1).saturating_mul(limits::MEMO_COST))?;
            self.memo.resize(place + 1, MISSING);
        }
        self.memo[place] = top;
        Ok(())
    }

    pub fn recall(&mut self, place: usize) -> Result<()> {
        let known = self.memo.get(place).copied().filter(|&known| known != MISSING);
        self.stack.push(known.ok_or_else(|| self.cursor.damaged(format_args!("value {place} was never remembered")))?);
        Ok(())
    }

    pub fn line_number(&mut self) -> Result<usize> {
        let line = self.cursor.line()?;
        let number = std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok());
        number.ok_or_else(|| self.cursor.damaged("a place to remember is no number"))
    }

    /// Module and name on a line each, joined by a dot.
    pub fn name_lines(&mut self) -> Result<Arc<str>> {
        let (module, name) = (self.cursor.line()?, self.cursor.line()?);
        self.hold(module.len() + name.len())?;
        match (std::str::from_utf8(module), std::str::from_utf8(name)) {
            (Ok(module), Ok(name)) => Ok(format!("{module}.{name}").into()),
            _ => Err(self.cursor.damaged("a class has a name that is not UTF-8")),
        }
    }

    pub fn int(&mut self, read: impl FnOnce(&mut Cursor<'a>) -> Result<i128>) -> Result<()> {
        let number = read(&mut self.cursor)?;
        self.push(Node::Int(number))
    }

    /// A little endian number in two's complement of any length.
    pub fn long(&mut self, length: impl FnOnce(&mut Cursor<'a>) -> Result<usize>) -> Result<()> {
        let length = length(&mut self.cursor)?;
        let bytes = self.cursor.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xFF } else { 0 }; 16];
        if let Some(low) = wide.get_mut(..length) {
            low.copy_from_slice(bytes);
            return self.push(Node::Int(i128::from_le_bytes(wide)));
        }
        // Seeds of random generators can be longer; no importer needs them as numbers.
        self.hold(length)?;
        let bytes = self.add(Node::Bytes(Cow::Borrowed(bytes)))?;
        self.push(Node::Object(Box::new(ObjectNode::new("int".into(), vec![bytes]))))
    }

    pub fn text(&mut self, length: impl FnOnce(&mut Cursor<'a>) -> Result<u64>) -> Result<()> {
        let length = length(&mut self.cursor)?;
        let bytes = self.cursor.take_long(length)?;
        self.hold(bytes.len())?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.cursor.damaged("a text is not UTF-8"))?;
        self.push(Node::Text(Cow::Borrowed(text)))
    }

    pub fn bytes(&mut self, maybe_text: bool, length: impl FnOnce(&mut Cursor<'a>) -> Result<u64>) -> Result<()> {
        let length = length(&mut self.cursor)?;
        let bytes = self.cursor.take_long(length)?;
        self.hold(bytes.len())?;
        let text = std::str::from_utf8(bytes).ok().filter(|_| maybe_text);
        self.push(text.map_or(Node::Bytes(Cow::Borrowed(bytes)), |text| Node::Text(Cow::Borrowed(text))))
    }

    pub fn new_object(&mut self, class: Id, args: Vec<Id>) -> Result<()> {
        let object = self.object(class, args)?;
        self.stack.push(object);
        Ok(())
    }

    /// Items for the list, set or object on top.
    pub fn extend(&mut self, items: &[Id]) -> Result<()> {
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::List(held) | Node::Set(held) => held.extend_from_slice(items),
            Node::Object(object) => object.items.extend_from_slice(items),
            other => return Err(self.cursor.damaged(format_args!("items are added to {}", other.kind()))),
        }
        Ok(())
    }

    /// Keys and values in turn for the dictionary or object on top.
    pub fn update(&mut self, items: &[Id]) -> Result<()> {
        let (pairs, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err(self.cursor.damaged("a key has no value"));
        }
        let entries = pairs.iter().map(|&[key, value]| (key, value));
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::Dict(held) => held.extend(entries),
            Node::Object(object) => object.entries.extend(entries),
            other => return Err(self.cursor.damaged(format_args!("entries are set in {}", other.kind()))),
        }
        Ok(())
    }

    /// State for the object on top. A dictionary's is metadata (`_metadata` of a state dict), a tensor's its flags.
    pub fn set_state(&mut self, state: Id) -> Result<()> {
        let target = self.top()?;
        match &mut self.nodes[target as usize] {
            Node::Dict(_) | Node::Tensor(_) => {}
            Node::Object(object) => object.state = Some(state),
            Node::Name(name) => {
                let name = shown(name);
                return Err(self.cursor.refused(&format!("{name}.__setstate__"), self.at));
            }
            other => return Err(self.cursor.damaged(format_args!("a state is set on {}", other.kind()))),
        }
        Ok(())
    }
}
