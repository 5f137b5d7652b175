//! Decoded frames by lambda: computed in batches, each lambda once.

use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::TensorData;

use super::Path;
use crate::engine::{Engine, Frame, Progress};
use crate::error::Result;

/// Frames decoded in one pass through the networks.
const BATCH: usize = 8;

pub(super) struct FrameCache<'a> {
    engine: &'a Engine,
    path: Path,
    progress: &'a Progress<'a>,
    frames: BTreeMap<u32, Frame>,
}

impl<'a> FrameCache<'a> {
    pub(super) fn new(engine: &'a Engine, path: Path, progress: &'a Progress<'a>) -> Self {
        Self { engine, path, progress, frames: BTreeMap::new() }
    }

    /// Takes a frame that is known already.
    pub(super) fn insert(&mut self, lambda: f32, frame: Frame) {
        self.frames.insert(lambda.to_bits(), frame);
    }

    /// Frames at `lambdas`, in their order.
    pub(super) fn frames(&mut self, lambdas: &[f32]) -> Result<Vec<Frame>> {
        let mut missing: Vec<f32> = Vec::new();
        for &lambda in lambdas {
            if !self.frames.contains_key(&lambda.to_bits()) && !missing.contains(&lambda) {
                missing.push(lambda);
            }
        }
        for (done, batch) in missing.chunks(BATCH).enumerate() {
            self.progress.step("decoding frames", done * BATCH, missing.len())?;
            let decoded = self.engine.decode(self.path.at(batch))?;
            self.frames.extend(batch.iter().map(|lambda| lambda.to_bits()).zip(decoded));
        }
        lambdas
            .iter()
            .map(|lambda| {
                let frame = self.frames.get(&lambda.to_bits()).cloned();
                frame.ok_or_else(|| self.engine.failure(format!("no frame came back for lambda {lambda}")))
            })
            .collect()
    }
}

impl Path {
    /// Tokens at each lambda, `[k, n, d]`.
    pub(super) fn at(&self, lambdas: &[f32]) -> Tensor<3> {
        let Self::Straight { origin, direction } = self;
        let device = origin.device();
        let steps = Tensor::<3>::from_data(TensorData::new(lambdas.to_vec(), [lambdas.len(), 1, 1]), &device);
        origin.clone() + direction.clone() * steps
    }
}
