//! What a pickle may ask for: this list and nothing else. Each entry is done here on plain data, or only recorded;
//! no class and no function is ever looked up. Everything else is refused by name.

use std::borrow::Cow;
use std::sync::Arc;

use super::machine::Machine;
use super::node::{Id, Node, ObjectNode};
use super::{TensorRef, limits};
use crate::Result;

/// Tensors out of a storage: `(storage, offset, size, stride, ..)`, PyTorch 0.1.12 and 0.4 onwards.
const REBUILD_TENSOR: [&str; 2] = ["torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"];

/// Parameters: the tensor comes first. Up to PyTorch 0.3 the class itself is called.
const REBUILD_PARAMETER: [&str; 4] = [
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
    "torch.autograd.variable.Variable",
];

/// A tensor with attributes of its own: `(rebuild function, class, its arguments, state)`.
const REBUILD_WITH_STATE: &str = "torch._tensor._rebuild_from_type_v2";

/// Dictionaries; the argument is a dictionary, a row of pairs, or for `defaultdict` what makes the default.
const DICTIONARIES: [&str; 3] = ["collections.OrderedDict", "collections.defaultdict", "collections.Counter"];

/// Sets out of a list; protocol 2 has no instruction for them.
const SETS: [&str; 4] = ["__builtin__.set", "__builtin__.frozenset", "builtins.set", "builtins.frozenset"];

/// Bytes as protocol 2 writes them: a text of Latin 1, or nothing at all.
const BYTES: [&str; 3] = ["_codecs.encode", "__builtin__.bytes", "builtins.bytes"];

/// An object made without its constructor: `(class, base, base's value)` or `(class, arguments)`.
const NEW: [&str; 6] = [
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "copyreg.__newobj__",
    "copy_reg.__newobj__",
    "copyreg.__newobj_ex__",
    "copy_reg.__newobj_ex__",
];

/// Plain values that modules and checkpoints carry and no importer needs: recorded, not made.
const RECORDED: [&str; 13] = [
    "torch.device",
    "torch.serialization._get_layout",
    // The functions of a module, an attribute of every one until PyTorch 1.2.
    "torch.nn.backends.thnn._get_thnn_function_backend",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.numeric._frombuffer",
    "numpy.core.numeric._frombuffer",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
];

/// Modules that hold no model's class. A recorded object of theirs could do no harm, but a file that has one is
/// hostile, and its reader should be told.
const NEVER_CLASSES: [&str; 17] = [
    "__builtin__",
    "builtins",
    "code",
    "commands",
    "ctypes",
    "importlib",
    "marshal",
    "nt",
    "os",
    "pickle",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
];

impl<'a> Machine<'a, '_> {
    /// REDUCE: the result of calling `callable` with `args`.
    pub fn reduce(&mut self, callable: Id, args: Id) -> Result<Id> {
        let Node::Name(name) = self.node(callable) else {
            return Err(self.refused_node(callable));
        };
        let name = name.clone();
        let items = self.items(args)?.to_vec();
        let first = items.first().copied();
        match name.as_ref() {
            known if REBUILD_TENSOR.contains(&known) => self.tensor(&items),
            known if REBUILD_PARAMETER.contains(&known) => match first {
                Some(first) if matches!(self.node(first), Node::Tensor(_)) => Ok(first),
                _ => Err(self.cursor.damaged("a parameter has no tensor")),
            },
            REBUILD_WITH_STATE => match items[..] {
                [function, _, inner, _] => match self.node(function) {
                    Node::Name(name) if REBUILD_TENSOR.contains(&name.as_ref()) => {
                        let inner = self.items(inner)?.to_vec();
                        self.tensor(&inner)
                    }
                    _ => Err(self.refused_node(function)),
                },
                _ => Err(self.cursor.damaged("a tensor with attributes has too few arguments")),
            },
            known if DICTIONARIES.contains(&known) => self.dictionary(first),
            known if SETS.contains(&known) => {
                let members = first.map_or(Ok(Vec::new()), |first| self.items(first).map(<[Id]>::to_vec))?;
                self.add(Node::Set(members))
            }
            known if BYTES.contains(&known) => self.latin1(first),
            "torch.Size" => first.ok_or_else(|| self.cursor.damaged("a torch.Size has no sizes")),
            known if NEW.contains(&known) => match first {
                Some(class) => self.object(class, items[1..].to_vec()),
                None => Err(self.cursor.damaged("an object has no class")),
            },
            known if RECORDED.contains(&known) => self.add(Node::Object(Box::new(ObjectNode::new(name, items)))),
            other => Err(self.cursor.refused(other, self.at)),
        }
    }

    /// A recorded object of a class.
    pub fn object(&mut self, class: Id, args: Vec<Id>) -> Result<Id> {
        let Node::Name(name) = self.node(class) else {
            return Err(self.refused_node(class));
        };
        let name = name.clone();
        if NEVER_CLASSES.contains(&name.split('.').next().unwrap_or_default()) {
            return Err(self.cursor.refused(&name, self.at));
        }
        self.add(Node::Object(Box::new(ObjectNode::new(name, args))))
    }

    /// The error for a call of `callable`.
    pub fn refused_node(&self, callable: Id) -> crate::Error {
        match self.node(callable) {
            Node::Name(name) => self.cursor.refused(name, self.at),
            Node::Object(object) => self.cursor.refused(&format!("the result of {}", object.class), self.at),
            other => self.cursor.refused(&format!("{} as a function", other.kind()), self.at),
        }
    }

    fn tensor(&mut self, args: &[Id]) -> Result<Id> {
        let [storage, offset, size, stride, ..] = args[..] else {
            return Err(self.cursor.damaged("a tensor has too few arguments"));
        };
        let Node::Storage(storage) = *self.node(storage) else {
            let found = self.node(storage).kind();
            return Err(self.cursor.damaged(format_args!("a tensor has {found} instead of a storage")));
        };
        let offset = self.count(offset)?;
        let (shape, strides) = (self.counts(size)?, self.counts(stride)?);
        self.hold((shape.len() + strides.len()) * size_of::<usize>())?;
        let declared = &self.outside.storages[storage];
        let tensor = TensorRef::new(declared.dtype, shape, strides, offset, storage, declared.count());
        let tensor = tensor.map_err(|reason| self.cursor.damaged(reason))?;
        self.add(Node::Tensor(Arc::new(tensor)))
    }

    fn dictionary(&mut self, from: Option<Id>) -> Result<Id> {
        let entries = match from.map(|id| (id, self.node(id))) {
            None | Some((_, Node::None | Node::Name(_))) => Vec::new(),
            // Nothing else can reach the dictionary that a Counter is made from.
            Some((id, Node::Dict(_))) => return Ok(id),
            Some((id, _)) => {
                let pairs = self.items(id)?.to_vec();
                let mut entries = Vec::with_capacity(pairs.len());
                for pair in pairs {
                    let &[key, value] = self.items(pair)? else {
                        return Err(self.cursor.damaged("an entry of a dict is no pair"));
                    };
                    entries.push((key, value));
                }
                entries
            }
        };
        self.add(Node::Dict(entries))
    }

    /// Text whose characters are bytes, back to bytes.
    fn latin1(&mut self, text: Option<Id>) -> Result<Id> {
        let bytes: Option<Vec<u8>> = match text.map(|text| self.node(text)) {
            None => Some(Vec::new()),
            Some(Node::Text(text)) => text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect(),
            Some(_) => None,
        };
        let bytes = bytes.ok_or_else(|| self.cursor.damaged("bytes are not written as Latin 1"))?;
        self.hold(bytes.len())?;
        self.add(Node::Bytes(Cow::Owned(bytes)))
    }

    /// A whole number that counts something.
    pub fn count(&self, id: Id) -> Result<usize> {
        let number = if let Node::Int(number) = *self.node(id) { usize::try_from(number).ok() } else { None };
        // Half of the range, so that sums of a few cannot overflow.
        number
            .filter(|&number| number <= isize::MAX as usize)
            .ok_or_else(|| self.cursor.damaged("a size is no whole number from 0 up"))
    }

    /// Sizes or strides.
    fn counts(&mut self, id: Id) -> Result<Vec<usize>> {
        let ids = self.items(id)?;
        if ids.len() > limits::DIMENSIONS {
            let found = ids.len();
            return Err(self.cursor.excessive(format_args!("a tensor of {found} dimensions")));
        }
        let ids = ids.to_vec();
        ids.into_iter().map(|id| self.count(id)).collect()
    }
}
