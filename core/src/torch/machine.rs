//! The pickle machine: runs the instructions of a pickle, which are a small stack language, over plain data only.
//!
//! In goes a part of the file, out comes a tree of values and where the pickle ended. It imports nothing and calls
//! nothing; what a pickle may ask for is listed in `calls`. Source: `Lib/pickle.py` and `Lib/pickletools.py` of CPython
//! 3.11, protocols 2 to 5, and the text instructions of protocol 0, so that their calls can be named.

use super::cursor::Cursor;
use super::node::{Id, Node, Outside};
use super::{Value, limits, text, tree};
use crate::Result;

/// Nodes that every machine starts with.
pub(super) const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

/// State of one running pickle.
pub(super) struct Machine<'a, 'b> {
    pub cursor: Cursor<'a>,
    pub nodes: Vec<Node<'a>>,
    pub outside: &'b mut Outside,
    /// Where the running instruction started.
    pub at: usize,
    pub stack: Vec<Id>,
    /// Heights of the stack at which a MARK was set.
    pub marks: Vec<usize>,
    /// Remembered values by place; Python numbers them one after another.
    pub memo: Vec<Id>,
}

/// Runs the pickle at `cursor`, which is left behind its end.
pub(super) fn run(cursor: &mut Cursor<'_>, outside: &mut Outside) -> Result<Value> {
    let nodes = vec![Node::None, Node::Bool(false), Node::Bool(true)];
    let (stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new());
    let mut machine = Machine { cursor: cursor.clone(), nodes, outside, at: cursor.at, stack, marks, memo };
    let root = loop {
        machine.at = machine.cursor.at;
        machine.hold(limits::OPCODE_COST)?;
        match machine.cursor.u8()? {
            b'.' => break machine.pop()?,
            opcode => machine.step(opcode)?,
        }
    };
    cursor.at = machine.cursor.at;
    tree::build(machine.nodes, root, cursor)
}

impl<'a> Machine<'a, '_> {
    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // PROTO, FRAME
            0x80 => {
                let protocol = self.cursor.u8()?;
                if protocol > 5 {
                    return Err(self.cursor.unsupported(format_args!("pickle protocol {protocol}")));
                }
            }
            0x95 => {
                let length = self.cursor.u64()?;
                self.cursor.clone().take_long(length)?;
            }
            // MARK, POP, POP_MARK, DUP
            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => {
                self.pop()?;
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // NONE, NEWTRUE, NEWFALSE
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            // BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT
            b'J' => self.int(|cursor| Ok(i32::from_le_bytes(cursor.array()?).into()))?,
            b'K' => self.int(|cursor| Ok(cursor.u8()?.into()))?,
            b'M' => self.int(|cursor| Ok(cursor.u16()?.into()))?,
            0x8a => self.long(|cursor| Ok(cursor.u8()?.into()))?,
            0x8b => self.long(Cursor::length)?,
            b'G' => {
                let number = f64::from_be_bytes(self.cursor.array()?);
                self.push(Node::Float(number))?;
            }
            // INT, LONG, FLOAT, STRING, UNICODE: text of protocol 0
            b'I' | b'L' | b'F' | b'S' | b'V' => {
                let line = self.cursor.line()?;
                self.hold(line.len())?;
                let node =
                    text::value(opcode, line).ok_or_else(|| self.cursor.damaged("a value is not written as text"))?;
                self.push(node)?;
            }
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            0x8c => self.text(|cursor| Ok(cursor.u8()?.into()))?,
            b'X' => self.text(|cursor| Ok(cursor.u32()?.into()))?,
            0x8d => self.text(Cursor::u64)?,
            // SHORT_BINSTRING, BINSTRING: the one string type of Python 2
            b'U' => self.bytes(true, |cursor| Ok(cursor.u8()?.into()))?,
            b'T' => self.bytes(true, |cursor| Ok(cursor.u32()?.into()))?,
            // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
            b'C' => self.bytes(false, |cursor| Ok(cursor.u8()?.into()))?,
            b'B' => self.bytes(false, |cursor| Ok(cursor.u32()?.into()))?,
            0x8e | 0x96 => self.bytes(false, Cursor::u64)?,
            // EMPTY_LIST, EMPTY_DICT, EMPTY_SET, EMPTY_TUPLE
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            0x8f => self.push(Node::Set(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            // TUPLE1, TUPLE2, TUPLE3, TUPLE, LIST, DICT, FROZENSET
            0x85..=0x87 => {
                let mut items = vec![NONE; usize::from(opcode - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.push(Node::Tuple(items))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()))?;
                self.update(&items)?;
            }
            0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::Set(items))?;
            }
            // APPEND, APPENDS, ADDITEMS, SETITEM, SETITEMS
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.update(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.update(&items)?;
            }
            // PUT, BINPUT, LONG_BINPUT, MEMOIZE
            b'p' => {
                let place = self.line_number()?;
                self.remember(place)?;
            }
            b'q' => {
                let place = self.cursor.u8()?.into();
                self.remember(place)?;
            }
            b'r' => {
                let place = self.cursor.length()?;
                self.remember(place)?;
            }
            0x94 => self.remember(self.memo.len())?,
            // GET, BINGET, LONG_BINGET
            b'g' => {
                let place = self.line_number()?;
                self.recall(place)?;
            }
            b'h' => {
                let place = self.cursor.u8()?.into();
                self.recall(place)?;
            }
            b'j' => {
                let place = self.cursor.length()?;
                self.recall(place)?;
            }
            // GLOBAL, STACK_GLOBAL
            b'c' => {
                let name = self.name_lines()?;
                self.push(Node::Name(name))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = match (&self.nodes[module as usize], &self.nodes[name as usize]) {
                    (Node::Text(module), Node::Text(name)) => format!("{module}.{name}"),
                    _ => return Err(self.cursor.damaged("a class is not named by text")),
                };
                self.hold(name.len())?;
                self.push(Node::Name(name.into()))?;
            }
            // BINPERSID
            b'Q' => {
                let id = self.pop()?;
                let node = self.persistent(id)?;
                self.push(node)?;
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX, BUILD
            b'R' => {
                let (args, callable) = (self.pop()?, self.pop()?);
                let result = self.reduce(callable, args)?;
                self.stack.push(result);
            }
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                let args = self.items(args)?.to_vec();
                self.new_object(class, args)?;
            }
            0x92 => {
                let (named, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let mut args = self.items(args)?.to_vec();
                args.push(named);
                self.new_object(class, args)?;
            }
            b'b' => {
                let state = self.pop()?;
                self.set_state(state)?;
            }
            // INST, OBJ: calls of protocol 0 and 1, which PyTorch never wrote
            b'i' => {
                let name = self.name_lines()?;
                return Err(self.cursor.refused(&name, self.at));
            }
            b'o' => {
                let callable = self.pop_mark()?.first().copied();
                return Err(self.refused_node(callable.unwrap_or(NONE)));
            }
            // PERSID, EXT1, EXT2, EXT4, NEXT_BUFFER, READONLY_BUFFER
            b'P' | 0x82..=0x84 | 0x97 | 0x98 => {
                return Err(self
                    .cursor
                    .refused(&format!("something outside the file (instruction {opcode:#04x})"), self.at));
            }
            _ => return Err(self.cursor.damaged(format_args!("{opcode:#04x} is no pickle instruction"))),
        }
        Ok(())
    }
}
