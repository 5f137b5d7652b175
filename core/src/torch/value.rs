//! The values of a PyTorch file: a tree of plain data, cheap to clone.

use std::collections::HashMap;
use std::sync::Arc;

use super::TensorRef;

/// A value out of the file. No value is ever a cycle, and a plain recursive walk is short (see `limits`).
#[derive(Debug, Clone)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Text(Arc<str>),
    /// `bytes` or a `bytearray`.
    Bytes(Arc<[u8]>),
    /// A `list`.
    List(Arc<[Value]>),
    /// A `tuple` or `torch.Size`.
    Tuple(Arc<[Value]>),
    /// A `set` or `frozenset`, in the file's order.
    Set(Arc<[Value]>),
    /// A `dict`, `OrderedDict`, `defaultdict` or `Counter`.
    Dict(Arc<Dict>),
    /// A tensor, parameter or storage.
    Tensor(Arc<TensorRef>),
    /// A class or function that the file names (`torch.float32`, `torch.nn.modules.conv.Conv2d`); a name, no more.
    Name(Arc<str>),
    /// An object of any other class: what the file says about it.
    Object(Arc<Object>),
}

/// A dictionary in the file's order.
#[derive(Debug, Clone, Default)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    by_text: HashMap<Arc<str>, usize>,
}

/// An object that was recorded, not made.
#[derive(Debug, Clone)]
pub struct Object {
    /// Dotted name of the class or, for numpy's values and the like, of the function that would make it.
    pub class: Arc<str>,
    /// What it would be made from.
    pub args: Vec<Value>,
    /// Its `__dict__`, or whatever the class saved as its state.
    pub state: Value,
    /// What a subclass of `list` holds.
    pub items: Vec<Value>,
    /// What a subclass of `dict` holds.
    pub entries: Arc<Dict>,
}

impl Value {
    /// The value under `key` of a dictionary, or the attribute `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Dict(dict) => dict.get(key),
            Self::Object(object) => object.attribute(key).or_else(|| object.entries.get(key)),
            _ => None,
        }
    }

    /// The text of a `str`.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { i64::try_from(*number).ok() } else { None }
    }

    /// A `float` or `int`.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Int(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// A `bool`.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The items of a list, tuple or set.
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => Some(items),
            _ => None,
        }
    }

    /// A dictionary, also of a subclass of `dict`.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            Self::Object(object) if !object.entries.entries.is_empty() => Some(&object.entries),
            _ => None,
        }
    }

    /// A tensor.
    pub fn as_tensor(&self) -> Option<&TensorRef> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    /// The object, when the file says which class it is and not what it does.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }
}

impl Dict {
    /// The value under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(*self.by_text.get(key)?).map(|(_, value)| value)
    }

    /// Keys and values in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// As Python sets an item: a known text key keeps its place and takes the new value.
    pub(super) fn set(&mut self, key: Value, value: Value) {
        if let Value::Text(text) = &key {
            if let Some(&at) = self.by_text.get(text) {
                self.entries[at].1 = value;
                return;
            }
            self.by_text.insert(text.clone(), self.entries.len());
        }
        self.entries.push((key, value));
    }
}

impl Object {
    /// An attribute: an entry of the state, which is a dictionary or, for a class with `__slots__`, a pair of them.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        match &self.state {
            Value::Dict(dict) => dict.get(name),
            Value::Tuple(parts) => {
                parts.iter().find_map(|part| if let Value::Dict(d) = part { d.get(name) } else { None })
            }
            _ => None,
        }
    }
}
