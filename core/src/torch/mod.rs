//! Reading PyTorch files without Python: tensors and plain values out of what `torch.save` wrote, nothing executed.
//!
//! In goes a file's bytes, out comes a tree of values, and any of its tensors as `f32`. Knows nothing of models or
//! bundles. A pickle is a program; this reader runs it over plain data only, records objects of unknown classes
//! without making them, and refuses every other call by name (`calls`). Damaged and hostile files end in an error
//! within `limits`.
//!
//! Sources: `torch/serialization.py` of PyTorch 0.1.9 to 2.15 (containers), CPython's `Lib/pickle.py` (instructions).

mod calls;
mod cursor;
mod legacy;
mod limits;
mod machine;
mod names;
mod node;
mod persistent;
mod stack;
mod tar;
mod tensor;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod value;
mod zip;

use crate::{Error, Result};

pub use names::named_tensors;
use tensor::Storage;
pub use tensor::{Dtype, TensorRef};
pub use value::{Dict, Object, Value};

/// A PyTorch file that was read; tensors stay in `bytes` until they are asked for.
#[derive(Debug)]
pub struct TorchFile<'a> {
    /// What was saved.
    pub root: Value,
    storages: Vec<Storage<'a>>,
}

impl<'a> TorchFile<'a> {
    /// Reads a file in any container of PyTorch: zip (since 1.6), legacy stream, tar (before 0.1.10).
    ///
    /// # Errors
    /// For what is not a PyTorch file, is damaged, asks for a call, or is larger than weights can be; one line each.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let (root, storages) = match bytes {
            [b'P', b'K', 3, 4, ..] => zip::read(bytes)?,
            _ if bytes.get(257..262) == Some(b"ustar") => tar::read(bytes)?,
            // PROTO starts every pickle of protocol 2 on; GLOBAL and MARK start hostile ones of protocol 0.
            [0x80 | b'c' | b'(', ..] => legacy::read(bytes)?,
            _ => return Err(foreign(bytes)),
        };
        Ok(Self { root, storages })
    }

    /// Elements of a tensor of this file as `f32` in row order.
    ///
    /// # Errors
    /// When the tensor reaches past its storage, which no tensor of this file does.
    pub fn to_f32(&self, tensor: &TensorRef) -> Result<Vec<f32>> {
        let storage = self.storages.get(tensor.storage);
        let storage = storage.ok_or_else(|| Error::Invalid("the tensor is of another file".to_owned()))?;
        tensor.to_f32(storage)
    }
}

/// What a file is instead, as far as its start tells.
fn foreign(bytes: &[u8]) -> Error {
    let instead = match bytes {
        [] => "it is empty; download it again",
        [b'<', ..] => "it is a web page; download the file itself",
        [0x1F, 0x8B, ..] => "it is compressed by gzip; unpack it first",
        [b'P', b'K', ..] => "it is an empty or split zip archive; download it again",
        _ if bytes.starts_with(b"version https://git-lfs") => {
            "it is a Git LFS pointer; fetch the file itself with git lfs pull"
        }
        _ if bytes.get(8) == Some(&b'{') => "it looks like safetensors; name it *.safetensors",
        _ => "expected a file written by torch.save",
    };
    Error::Invalid(format!("not a PyTorch file: {instead}"))
}
