//! Tensors of a reference file, and films made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::TensorData;
use fluoro_core::bundle::load::weights_from_bytes;
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::{Metadata, Radiograph};

/// Named tensors of a safetensors file.
pub struct Tensors(BTreeMap<String, TensorData>);

impl Tensors {
    /// Reads a file's bytes.
    ///
    /// # Panics
    /// When it is no safetensors file.
    #[must_use]
    pub fn open(bytes: &[u8]) -> Self {
        Self(weights_from_bytes(bytes).expect("the reference file is readable"))
    }

    /// Whether there is such a tensor.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A tensor's values in row order.
    ///
    /// # Panics
    /// When there is no such tensor.
    #[must_use]
    pub fn get(&self, name: &str) -> Vec<f32> {
        let data = self.0.get(name).unwrap_or_else(|| panic!("the reference has no {name}"));
        data.as_slice::<f32>().expect("floats").to_vec()
    }

    /// Fails where `found` differs from `expected` by more than `tolerance` of the largest expected magnitude.
    ///
    /// # Panics
    /// That way.
    pub fn assert_close(&self, what: &str, expected: &[f32], found: &[f32], tolerance: f32) {
        assert_eq!(expected.len(), found.len(), "{what}");
        let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let worst = expected.iter().zip(found).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(worst <= tolerance * scale.max(f32::MIN_POSITIVE), "{what}: off by {worst}, largest value {scale}");
        println!("{what}: relative difference {:.1e}", worst / scale.max(f32::MIN_POSITIVE));
    }
}

/// Film number `index` of `shift_reference`: 64 x 64 pixels in model grey levels.
///
/// # Panics
/// When the reference has no such film.
#[must_use]
pub fn film(tensors: &Tensors, index: usize) -> Radiograph {
    let pixels = Plane::new(64, 64, tensors.get(&format!("film.{index}"))).expect("a square film");
    Radiograph {
        path: PathBuf::from(format!("film {index}")),
        pixels,
        range: [-1024.0, 1024.0],
        metadata: Metadata::default(),
    }
}
