//! Values while a pickle runs: nodes that name each other by number, so that sharing costs nothing and a cycle can be
//! written down; and the storages and tensors that pickles name from outside.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Dtype, Storage, TensorRef};

/// Number of a node.
pub(super) type Id = u32;

/// A value under construction.
#[derive(Default)]
pub(super) enum Node<'a> {
    #[default]
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function by its dotted name, never looked up.
    Name(Arc<str>),
    /// By its number among the declared.
    Storage(usize),
    Tensor(Arc<TensorRef>),
    Object(Box<ObjectNode>),
}

/// An object under construction.
pub(super) struct ObjectNode {
    pub class: Arc<str>,
    pub args: Vec<Id>,
    pub state: Option<Id>,
    pub items: Vec<Id>,
    pub entries: Vec<(Id, Id)>,
}

impl ObjectNode {
    pub fn new(class: Arc<str>, args: Vec<Id>) -> Self {
        Self { class, args, state: None, items: Vec::new(), entries: Vec::new() }
    }
}

impl Node<'_> {
    /// What it is called in errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Text(_) => "a str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Set(_) => "a set",
            Self::Dict(_) => "a dict",
            Self::Name(_) => "a class or function",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
            Self::Object(_) => "an object",
        }
    }
}

/// A storage that a pickle has named; its bytes come later.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub key: String,
    pub dtype: Dtype,
    /// Elements of the whole storage.
    pub whole: usize,
    /// First element and number of elements, when only a stretch is meant.
    pub view: Option<(usize, usize)>,
}

impl Declared {
    /// Elements that tensors may reach.
    pub fn count(&self) -> usize {
        self.view.map_or(self.whole, |(_, count)| count)
    }
}

/// What the pickles of a file share: the storages and tensors they name by persistent ids, and one allowance.
#[derive(Default)]
pub(super) struct Outside {
    pub storages: Vec<Declared>,
    by_key: HashMap<(String, Option<(usize, usize)>), usize>,
    /// The tar container gives every storage and tensor a number beforehand.
    pub numbered: HashMap<i128, Numbered>,
    /// What counts towards `limits::MEMORY`.
    pub held: usize,
}

/// What a number means in the tar container.
pub(super) enum Numbered {
    Storage(usize),
    Tensor(Arc<TensorRef>),
}

impl Outside {
    /// Place of a storage in the list, the same for the same key and view.
    pub fn declare(&mut self, new: Declared) -> Result<usize, String> {
        if let Some((start, count)) = new.view
            && start.checked_add(count).is_none_or(|end| end > new.whole)
        {
            return Err(format!("a view of storage \"{}\" reaches past its end", super::cursor::shown(&new.key)));
        }
        let slot = (new.key.clone(), new.view);
        match self.by_key.get(&slot) {
            Some(&known) if self.storages[known] == new => Ok(known),
            Some(_) => Err(format!("storage \"{}\" is named with two sizes or types", super::cursor::shown(&new.key))),
            None => {
                self.by_key.insert(slot, self.storages.len());
                self.storages.push(new);
                Ok(self.storages.len() - 1)
            }
        }
    }

    /// Every declared storage with its bytes, cut out of `whole(storage)`, whose length must be that of the whole.
    pub fn resolve<'a, E>(
        &self,
        mut whole: impl FnMut(&Declared) -> Result<&'a [u8], E>,
    ) -> Result<Vec<Storage<'a>>, E> {
        let resolved = self.storages.iter().map(|declared| {
            let bytes = whole(declared)?;
            let size = declared.dtype.size();
            let (start, count) = declared.view.unwrap_or((0, declared.whole));
            let bytes = bytes.get(start * size..(start + count) * size).unwrap_or_default();
            Ok(Storage { dtype: declared.dtype, bytes })
        });
        resolved.collect()
    }
}
