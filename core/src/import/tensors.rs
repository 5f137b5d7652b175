//! Taking tensors out of a source under the names that their authors gave them.
//!
//! Errors are reasons in words; whoever knows the file puts its path to them.

use burn::tensor::TensorData;

use crate::models::weights::Weights;

/// Takes a tensor of a known shape out of `source`.
///
/// # Errors
/// When it is missing, or has another shape.
pub fn take(source: &mut Weights, name: &str, shape: &[usize]) -> Result<TensorData, String> {
    let data = source.remove(name).ok_or_else(|| format!("tensor \"{name}\" is missing"))?;
    if data.shape().as_slice() == shape {
        Ok(data)
    } else {
        Err(format!("tensor \"{name}\" has shape {:?}, the model needs {shape:?}", data.shape().as_slice()))
    }
}

/// Shape of a tensor, if it is there.
pub fn shape<'a>(source: &'a Weights, name: &str) -> Option<&'a [usize]> {
    source.get(name).map(|data| data.shape().as_slice())
}

/// Number of consecutive indices from 0 for which `name(index)` is a tensor of `source`.
pub fn count(source: &Weights, name: impl Fn(usize) -> String) -> usize {
    (0..).take_while(|&index| source.contains_key(&name(index))).count()
}

/// The elements in row order.
///
/// # Errors
/// When they are not `f32`, which a source's always are.
pub fn values(data: &TensorData) -> Result<&[f32], String> {
    data.as_slice::<f32>().map_err(|e| e.to_string())
}

/// A matrix turned over: PyTorch's linear weights are `[out, in]`, burn's `[in, out]`.
///
/// # Errors
/// When it is no matrix.
pub fn transposed(data: &TensorData) -> Result<TensorData, String> {
    let [rows, columns] = data.shape().as_slice() else {
        return Err(format!("a tensor of shape {:?} is no matrix", data.shape().as_slice()));
    };
    let (rows, columns, from) = (*rows, *columns, values(data)?);
    let mut turned = vec![0.0_f32; from.len()];
    // In squares that stay in the cache: the largest matrices have millions of numbers.
    const SIDE: usize = 32;
    for row in (0..rows).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE) {
            for r in row..(row + SIDE).min(rows) {
                for c in column..(column + SIDE).min(columns) {
                    turned[c * rows + r] = from[r * columns + c];
                }
            }
        }
    }
    Ok(TensorData::new(turned, [columns, rows]))
}
