//! Checkpoints: weights, optimiser state and position of a run, written beside the bundle after every epoch.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainOptions;
use crate::bundle::{load, save};
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;
use crate::models::weights;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished.
    pub epochs_done: usize,
    /// Options of the run; resuming with others is refused.
    pub options: TrainOptions,
    /// What the run learns from, as [`super::films::Films::fingerprint`] says it; resuming with other films, labels or
    /// networks is refused.
    pub inputs: String,
    /// Loss and results after each epoch.
    pub history: Vec<Vec<f64>>,
}

/// A folder of checkpoints of one run.
pub struct Checkpoints {
    folder: PathBuf,
}

const POSITION: &str = "position.ron";

impl Checkpoints {
    /// Checkpoints in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes the state after an epoch. Files carry the epoch in their name and the position is written last, so a run
    /// that is killed while writing resumes from the checkpoint before.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write<M: Module>(&self, module: &M, optimizer: &ModuleOptimizer, position: &Position) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::write(&self.folder, &e))?;
        let epoch = position.epochs_done;
        let bytes = save::to_safetensors(&weights::collect(module))?;
        write_atomic(self.weights_path(epoch), |out| out.write_all(&bytes))?;
        let state = optimizer
            .into_bytes()
            .map_err(|e| Error::Invalid(format!("the optimiser's state cannot be saved ({e:?})")))?;
        write_atomic(self.optimizer_path(epoch), |out| out.write_all(&state))?;
        let text = ron::to_string(position).map_err(|e| Error::Invalid(format!("position cannot be saved ({e})")))?;
        write_atomic(self.folder.join(POSITION), |out| out.write_all(text.as_bytes()))?;
        if epoch > 0 {
            // The one before is not needed any more; if it cannot be removed it does no harm.
            let _removed = std::fs::remove_file(self.weights_path(epoch - 1));
            let _removed = std::fs::remove_file(self.optimizer_path(epoch - 1));
        }
        Ok(())
    }

    /// Where a run starts: at its last checkpoint when it is to be resumed and there is one, else at `start`; checkpoints
    /// of a run that is not resumed are removed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn begin<M: Module>(
        &self,
        resume: bool,
        module: M,
        optimizer: ModuleOptimizer,
        start: Position,
        device: &Device,
    ) -> Result<(M, ModuleOptimizer, Position)> {
        if !resume {
            self.remove();
            return Ok((module, optimizer, start));
        }
        let saved = self.read(module.clone(), optimizer.clone(), &start, device)?;
        Ok(saved.unwrap_or((module, optimizer, start)))
    }

    /// The state to go on from; `None` when there is no checkpoint.
    ///
    /// # Errors
    /// When the checkpoint cannot be read or was made with other options.
    pub fn read<M: Module>(
        &self,
        module: M,
        optimizer: ModuleOptimizer,
        start: &Position,
        device: &Device,
    ) -> Result<Option<(M, ModuleOptimizer, Position)>> {
        let path = self.folder.join(POSITION);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let position: Position =
            ron::from_str(&text).map_err(|e| Error::bundle(&path, format!("not a readable checkpoint ({e})")))?;
        if position.options != start.options {
            let reason = "the checkpoint was made with other options; use those, or start without --resume";
            return Err(Error::bundle(&path, reason));
        }
        if position.inputs != start.inputs {
            let reason = "the checkpoint was made from other films, labels or networks; start without --resume";
            return Err(Error::bundle(&path, reason));
        }
        let weights_path = self.weights_path(position.epochs_done);
        let bytes = read(&weights_path)?;
        let mut tensors = load::weights_from_bytes(&bytes).map_err(|e| Error::bundle(&weights_path, e))?;
        let module = weights::apply(module, &mut tensors, device).map_err(|e| Error::bundle(&weights_path, e))?;
        let optimizer_path = self.optimizer_path(position.epochs_done);
        let state = burn::tensor::Bytes::from_bytes_vec(read(&optimizer_path)?);
        let optimizer = optimizer
            .from_bytes(state)
            .map_err(|e| Error::bundle(&optimizer_path, format!("not a readable optimiser state ({e:?})")))?;
        Ok(Some((module, optimizer, position)))
    }

    /// Removes the checkpoints: of a finished run, or of one that is not to be resumed.
    pub fn remove(&self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, folder = %self.folder.display(), "checkpoints could not be removed");
        }
    }

    fn weights_path(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("weights-{epoch:04}.safetensors"))
    }

    fn optimizer_path(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("optimizer-{epoch:04}.bpk"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::bundle(path, format!("cannot read the checkpoint ({e})")))
}
