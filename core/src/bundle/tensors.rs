//! The tensors of a bundle's safetensors files on their way into networks: each file read once, checked against its hash,
//! and used to the last tensor.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::prelude::*;
use burn::tensor::TensorData;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::load::check_hash;
use super::{BundleFiles, Manifest};
use crate::error::{Error, Result};
use crate::models::weights::{self, Weights};

/// A bundle's files while its parts are opened.
pub(super) struct Opened<'a> {
    files: &'a BundleFiles,
    manifest: &'a Manifest,
    /// Where the networks go.
    pub device: &'a Device,
    read: BTreeMap<&'static str, Weights>,
}

impl<'a> Opened<'a> {
    pub fn new(files: &'a BundleFiles, manifest: &'a Manifest, device: &'a Device) -> Self {
        Self { files, manifest, device, read: BTreeMap::new() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.files.path(file)
    }

    /// The tensors of a file that nobody has taken yet.
    fn tensors(&mut self, file: &'static str) -> Result<&mut Weights> {
        if !self.read.contains_key(file) {
            let bytes = self.files.read(file)?;
            let weights = parse(&bytes).map_err(|reason| Error::bundle(self.path(file), reason))?;
            check_hash(self.files, self.manifest, file, &bytes)?;
            self.read.insert(file, weights);
        }
        Ok(self.read.entry(file).or_default())
    }

    /// `module` with its parameters from the tensors under `prefix.` of a file.
    pub fn fill<M: burn::module::Module>(&mut self, file: &'static str, prefix: &str, module: M) -> Result<M> {
        let dotted = format!("{prefix}.");
        let device = self.device;
        let tensors = self.tensors(file)?;
        let of_part = tensors.extract_if(.., |name, _| name.starts_with(&dotted));
        let mut own: Weights = of_part.map(|(name, data)| (name[dotted.len()..].to_owned(), data)).collect();
        let filled = weights::apply(module, &mut own, device);
        tensors.extend(own.into_iter().map(|(name, data)| (format!("{dotted}{name}"), data)));
        filled.map_err(|reason| Error::bundle(self.path(file), reason))
    }

    /// Whether two files hold the same tensors, each under its own prefix and nobody's taken yet.
    pub fn same(&mut self, parts: [(&'static str, &str); 2]) -> Result<bool> {
        for (file, _) in parts {
            self.tensors(file)?;
        }
        let [first, second] = parts.map(|(file, prefix)| -> BTreeMap<&str, &TensorData> {
            let dotted = format!("{prefix}.");
            let all = self.read.get(file).into_iter().flatten();
            all.filter_map(|(name, data)| Some((name.strip_prefix(&dotted)?, data))).collect()
        });
        Ok(first == second)
    }

    /// A table of a known shape.
    pub fn table(&mut self, file: &'static str, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        let found = self.optional_table(file, name, shape)?;
        found.ok_or_else(|| Error::bundle(self.path(file), format!("tensor \"{name}\" is missing")))
    }

    /// A table of a known shape, if the file has it.
    pub fn optional_table(&mut self, file: &'static str, name: &str, shape: [usize; 2]) -> Result<Option<Vec<f32>>> {
        let Some(data) = self.tensors(file)?.remove(name) else { return Ok(None) };
        if data.shape().as_slice() != shape {
            let reason =
                format!("tensor \"{name}\" has shape {:?}, the model needs {shape:?}", data.shape().as_slice());
            return Err(Error::bundle(self.path(file), reason));
        }
        let values = data.try_into_vec::<f32>();
        values.map(Some).map_err(|e| Error::bundle(self.path(file), format!("tensor \"{name}\": {e}")))
    }

    /// Refuses tensors that no part used.
    pub fn finish(self) -> Result<()> {
        let Some((file, left)) = self.read.iter().find(|(_, left)| !left.is_empty()) else { return Ok(()) };
        let names: Vec<&str> = left.keys().map(String::as_str).collect();
        Err(Error::bundle(self.path(file), format!("tensors that no part uses: {}", names.join(", "))))
    }
}

/// Reads a safetensors file into `f32` tensors and refuses values that are not finite. Whole numbers become `f32` too.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Weights, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("not a readable safetensors file ({e})"))?;
    let mut weights = Weights::new();
    for (name, view) in file.tensors() {
        let values = floats(&name, &view)?;
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("tensor \"{name}\" holds a value that is not finite at position {position}"));
        }
        weights.insert(name, TensorData::new(values, view.shape().to_vec()));
    }
    Ok(weights)
}

fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| convert(chunk)).collect()
    }
    let bytes = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32()),
        Dtype::I64 => each(bytes, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => each(bytes, |b| i32::from_le_bytes(b) as f32),
        Dtype::U8 | Dtype::BOOL => each(bytes, |[b]| f32::from(b)),
        other => return Err(format!("tensor \"{name}\" holds {other:?}, which no model here uses; save it as F32")),
    })
}
