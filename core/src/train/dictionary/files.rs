//! Safetensors files of float tensors, written as they lie in memory: a dictionary of 49,152 features with its moments
//! is 0.9 GB, which need not stand there twice.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

/// A tensor to write: name, shape, numbers.
pub(super) type Named<'a> = (String, Vec<usize>, &'a [f32]);

/// Writes `tensors` beside `path` and renames them into place.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, tensors: &[Named<'_>]) -> Result<()> {
    let mut header = serde_json::Map::new();
    let mut end = 0_usize;
    for (name, shape, values) in tensors {
        let begin = end;
        end += values.len() * 4;
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, end] });
        header.insert(name.clone(), entry);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // The format wants the data to begin at a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    write_atomic(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|(_, _, values)| write_floats(out, values))
    })
}

fn write_floats(out: &mut dyn Write, values: &[f32]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(1 << 16);
    for piece in values.chunks(1 << 14) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Shape and numbers of a tensor.
pub(super) type Shaped = (Vec<usize>, Vec<f32>);

/// Reads a file of float tensors.
///
/// # Errors
/// When it cannot be read, or holds something else.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Shaped>> {
    let failed = |reason: String| Error::bundle(path, format!("cannot read the weights ({reason})"));
    let bytes = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| failed(e.to_string()))?;
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(failed(format!("tensor {name} is no float32")));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((name, (view.shape().to_vec(), values)))
        })
        .collect()
}
