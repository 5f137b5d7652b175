//! Tensors and storages: what a tensor says about its storage, and its elements as `f32` in row order.
//!
//! Source: `torch/_utils.py` (`_rebuild_tensor_v2`), `torch/storage.py` (types), `torch/serialization.py`.

use half::{bf16, f16};

use super::limits;
use crate::{Error, Result};

/// Type of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    /// Of a storage class, on any device; an untyped storage counts bytes.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        let name = ["torch.cuda.", "torch.storage.", "torch."].iter().find_map(|module| class.strip_prefix(module))?;
        Some(match name {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" | "UntypedStorage" | "_UntypedStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// The element that starts the little endian `bytes`.
    fn convert(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Self::F64 => f64::from_le_bytes(first(bytes)?) as f32,
            Self::F32 => f32::from_le_bytes(first(bytes)?),
            Self::F16 => f16::from_le_bytes(first(bytes)?).to_f32(),
            Self::Bf16 => bf16::from_le_bytes(first(bytes)?).to_f32(),
            Self::I64 => i64::from_le_bytes(first(bytes)?) as f32,
            Self::I32 => i32::from_le_bytes(first(bytes)?) as f32,
            Self::I16 => f32::from(i16::from_le_bytes(first(bytes)?)),
            Self::I8 => f32::from(i8::from_le_bytes(first(bytes)?)),
            Self::U8 => f32::from(*bytes.first()?),
            Self::Bool => f32::from(u8::from(*bytes.first()? != 0)),
        })
    }
}

fn first<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

/// A tensor: a view into a storage of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRef {
    /// Type of its elements.
    pub dtype: Dtype,
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub strides: Vec<usize>,
    /// Element of the storage that the first index means.
    pub offset: usize,
    /// Which storage, by its place in the file's list.
    pub storage: usize,
}

/// A stretch of elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    pub dtype: Dtype,
    pub bytes: &'a [u8],
}

impl TensorRef {
    /// A tensor over a storage of `count` elements, or what is wrong with it.
    pub(super) fn new(
        dtype: Dtype,
        shape: Vec<usize>,
        strides: Vec<usize>,
        offset: usize,
        storage: usize,
        count: usize,
    ) -> Result<Self, String> {
        let tensor = Self { dtype, shape, strides, offset, storage };
        tensor.check(count)?;
        Ok(tensor)
    }

    /// Number of elements; `None` when it cannot be counted.
    pub fn element_count(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
    }

    /// Whether every element lies within a storage of `count` elements, and how many the tensor has.
    fn check(&self, count: usize) -> Result<usize, String> {
        let described = || format!("a tensor of shape {:?}, strides {:?}", self.shape, self.strides);
        if self.shape.len() != self.strides.len() {
            return Err(format!(
                "{} has {} dimensions but {} strides",
                described(),
                self.shape.len(),
                self.strides.len()
            ));
        }
        let elements = self.element_count().ok_or_else(|| format!("{} is too large to count", described()))?;
        if elements == 0 {
            return Ok(0);
        }
        let steps = self.shape.iter().zip(&self.strides);
        let last = steps
            .map(|(&size, &stride)| (size - 1).checked_mul(stride))
            .try_fold(self.offset, |sum, step| sum.checked_add(step?));
        if last.is_none_or(|last| last >= count) {
            return Err(format!("{} and offset {} reaches past its storage of {count}", described(), self.offset));
        }
        if elements > count.max(limits::REPEATED_ELEMENTS) {
            return Err(format!("{} repeats a storage of {count} too often", described()));
        }
        Ok(elements)
    }

    /// Whether the elements lie one after another in row order.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }

    /// Elements as `f32` in row order.
    pub(super) fn to_f32(&self, storage: &Storage<'_>) -> Result<Vec<f32>> {
        let size = storage.dtype.size();
        if self.dtype != storage.dtype {
            return Err(Error::Invalid(format!("a {:?} tensor names a {:?} storage", self.dtype, storage.dtype)));
        }
        let elements = self.check(storage.bytes.len() / size).map_err(Error::Invalid)?;
        if elements == 0 {
            return Ok(Vec::new());
        }
        let rest = storage.bytes.get(self.offset * size..).unwrap_or_default();
        if self.is_contiguous() {
            let bytes = rest.get(..elements * size).unwrap_or_default();
            return Ok(contiguous(self.dtype, bytes));
        }
        let mut values = Vec::with_capacity(elements);
        // A single index is never stepped over, so its stride, which nothing has checked, plays no part.
        let steps = self.shape.iter().zip(&self.strides).filter(|(size, _)| **size > 1);
        let steps: Vec<(usize, usize)> = steps.map(|(&size, &stride)| (size, stride)).collect();
        let mut index = vec![0; steps.len()];
        let mut at = 0;
        for _ in 0..elements {
            values.push(rest.get(at * size..).and_then(|bytes| self.dtype.convert(bytes)).unwrap_or_default());
            for (index, &(size, stride)) in index.iter_mut().zip(&steps).rev() {
                *index += 1;
                at += stride;
                if *index < size {
                    break;
                }
                at -= stride * size;
                *index = 0;
            }
        }
        Ok(values)
    }
}

/// Little endian elements one after another.
fn contiguous(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        // The common type by itself, so that the loop has no branch.
        Dtype::F32 => bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
        _ => bytes.chunks_exact(dtype.size()).filter_map(|element| dtype.convert(element)).collect(),
    }
}
