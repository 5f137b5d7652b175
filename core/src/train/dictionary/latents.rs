//! The matrix of latents that a dictionary is learned from, and its centring.
//!
//! In: rows by number. Out: batches of rows, and the mean and scale that training works in. Where the rows lie (memory,
//! a mapped file) is the implementation's own business.

use crate::error::{Error, Result};

/// Rows read at a time when all are looked at.
const CHUNK: usize = 4096;

/// Latents `[n, d]` that can be read row by row in any order.
pub trait Latents: Sync {
    /// Rows `n`.
    fn len(&self) -> usize;

    /// Numbers in a row, `d`.
    fn dim(&self) -> usize;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts the named rows into `out`, one after the other, instead of what was in it.
    ///
    /// # Errors
    /// When a row does not exist or cannot be read.
    fn fill(&self, rows: &[usize], out: &mut Vec<f32>) -> Result<()>;
}

/// Latents in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentsInMemory {
    values: Vec<f32>,
    dim: usize,
}

impl LatentsInMemory {
    /// Rows of `dim` numbers, one after the other.
    ///
    /// # Errors
    /// When `values` do not fill whole rows.
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(Error::Shape {
                what: "a matrix of latents".into(),
                expected: format!("rows of {dim} numbers"),
                found: format!("{} numbers", values.len()),
            });
        }
        Ok(Self { values, dim })
    }
}

impl Latents for LatentsInMemory {
    fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn fill(&self, rows: &[usize], out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.reserve(rows.len() * self.dim);
        for &row in rows {
            let start = row.saturating_mul(self.dim);
            let values = self.values.get(start..start.saturating_add(self.dim));
            let missing = || Error::Invalid(format!("latent {row} does not exist, there are {}", self.len()));
            out.extend_from_slice(values.ok_or_else(missing)?);
        }
        Ok(())
    }
}

/// How latents are brought to the size that training works in: `(x - mean) / scale`.
///
/// Centring removes what makes features die (arXiv 2605.31518); the common scale makes learning rates and sparsity
/// weights mean the same for every encoder. Both are folded into the weights after training, exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Centring {
    /// Mean of the rows, `[d]`.
    pub mean: Vec<f32>,
    /// Divisor that gives centred rows a mean squared entry of 1.
    pub scale: f32,
}

impl Centring {
    /// Mean and scale of all rows, read once in order, in double precision.
    ///
    /// # Errors
    /// When there are no rows, one cannot be read, or one holds something that is no finite number.
    pub fn mean_and_scale(latents: &dyn Latents) -> Result<Self> {
        let (rows, dim) = (latents.len(), latents.dim());
        if rows == 0 || dim == 0 {
            return Err(Error::Invalid("there are no latents to train on".into()));
        }
        let mut mean = vec![0.0_f64; dim];
        // Sum over rows and entries of squared deviations, merged chunk by chunk (Chan, Golub, LeVeque 1979).
        let (mut deviations, mut seen) = (0.0_f64, 0.0_f64);
        let mut chunk = Vec::new();
        for start in (0..rows).step_by(CHUNK) {
            let end = (start + CHUNK).min(rows);
            latents.fill(&(start..end).collect::<Vec<_>>(), &mut chunk)?;
            let count = (end - start) as f64;
            let mut chunk_mean = vec![0.0_f64; dim];
            for row in chunk.chunks_exact(dim) {
                chunk_mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / count);
            }
            for row in chunk.chunks_exact(dim) {
                deviations += row.iter().zip(&chunk_mean).map(|(&v, m)| (f64::from(v) - m).powi(2)).sum::<f64>();
            }
            let share = count / (seen + count);
            for (m, c) in mean.iter_mut().zip(&chunk_mean) {
                deviations += (c - *m).powi(2) * seen * share;
                *m += (c - *m) * share;
            }
            seen += count;
        }
        if !deviations.is_finite() {
            return Err(Error::Invalid(
                "the latents hold something that is no finite number; write the store again".into(),
            ));
        }
        let scale = (deviations / (seen * dim as f64)).sqrt().max(1e-6) as f32;
        Ok(Self { mean: mean.into_iter().map(|m| m as f32).collect(), scale })
    }

    /// Centres and scales rows in place.
    pub fn apply(&self, rows: &mut [f32]) {
        let factor = 1.0 / self.scale;
        for row in rows.chunks_exact_mut(self.mean.len()) {
            row.iter_mut().zip(&self.mean).for_each(|(v, m)| *v = (*v - m) * factor);
        }
    }

    /// Text that other latents will hardly share.
    #[must_use]
    pub fn fingerprint(&self, rows: usize) -> String {
        let bits = self.mean.iter().chain([&self.scale]).fold(0xcbf2_9ce4_8422_2325_u64, |hash, value| {
            (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{rows} x {} {bits:016x}", self.mean.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centred_rows_have_no_mean_and_unit_entries() {
        let values: Vec<f32> = (0..10_000 * 3).map(|i| ((i * 7919) % 101) as f32 + (i % 3) as f32 * 500.0).collect();
        let latents = LatentsInMemory::new(values.clone(), 3).unwrap();
        let centring = Centring::mean_and_scale(&latents).unwrap();
        let mut rows = values;
        centring.apply(&mut rows);
        let mean: f64 = rows.iter().map(|&v| f64::from(v)).sum::<f64>() / 30_000.0;
        let square: f64 = rows.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 30_000.0;
        assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5, "{mean} {square}");
        assert!((centring.mean[2] - centring.mean[0] - 1000.0).abs() < 1.0);
    }

    #[test]
    fn bad_rows_are_named() {
        assert!(LatentsInMemory::new(vec![0.0; 7], 3).is_err());
        let latents = LatentsInMemory::new(vec![1.0, f32::NAN], 1).unwrap();
        assert!(Centring::mean_and_scale(&latents).unwrap_err().to_string().contains("no finite number"));
        assert!(latents.fill(&[2], &mut Vec::new()).unwrap_err().to_string().contains("latent 2 does not exist"));
        assert!(Centring::mean_and_scale(&LatentsInMemory::new(Vec::new(), 4).unwrap()).is_err());
    }
}
