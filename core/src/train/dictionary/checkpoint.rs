//! Checkpoints of a run: parameters, moments and position, so that a resumed run goes on bit for bit.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::adam::Moments;
use super::curve::{CurvePoint, Interval};
use super::files;
use super::options::DictionaryOptions;
use super::parameters::{NAMES, Parameters};
use crate::error::{Error, Result};
use crate::export::atomic::write_atomic;

const POSITION: &str = "position.ron";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Steps finished.
    pub step: usize,
    /// Options of the run; resuming with others is refused.
    pub options: DictionaryOptions,
    /// What the run learns from; resuming with other latents is refused.
    pub inputs: String,
    /// Running mean of the smallest activation that a batch kept.
    pub threshold: Option<f32>,
    /// Tokens since each feature fired.
    pub silence: Vec<u64>,
    /// Curves so far.
    pub history: Vec<CurvePoint>,
    /// Steps since the last point.
    pub interval: Interval,
}

/// A folder of checkpoints of one run.
pub(super) struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// Writes the state. The file carries its step in its name and the position is written last, so that a run that is
    /// killed while writing resumes from the checkpoint before.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, parameters: &Parameters, moments: &Moments, position: &Position) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::write(&self.folder, &e))?;
        let sets = [("weights", parameters), ("first", &moments.first), ("second", &moments.second)];
        let mut tensors = Vec::new();
        for (prefix, set) in sets {
            for (name, values) in NAMES.into_iter().zip(set.tensors()).filter(|(_, values)| !values.is_empty()) {
                tensors.push((format!("{prefix}.{name}"), set.shape(name), values.as_slice()));
            }
        }
        let state = self.state_path(position.step);
        files::write(&state, &tensors)?;
        let text = ron::to_string(position).map_err(|e| Error::Invalid(format!("position cannot be saved ({e})")))?;
        write_atomic(self.folder.join(POSITION), |out| out.write_all(text.as_bytes()))?;
        self.remove_states_but(&state);
        Ok(())
    }

    /// The state to go on from; none when there is no checkpoint.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is of other options or latents than `start`.
    pub fn read(
        &self,
        start: &Position,
        mut parameters: Parameters,
    ) -> Result<Option<(Position, Parameters, Moments)>> {
        let path = self.folder.join(POSITION);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let position: Position =
            ron::from_str(&text).map_err(|e| Error::bundle(&path, format!("not a readable checkpoint ({e})")))?;
        if position.options != start.options {
            let reason = "the checkpoint was made with other options; use those, or start anew";
            return Err(Error::bundle(&path, reason));
        }
        if position.inputs != start.inputs {
            return Err(Error::bundle(&path, "the checkpoint was made from other latents; start anew"));
        }
        let state = self.state_path(position.step);
        let mut read = files::read(&state)?;
        let mut moments = Moments { first: parameters.clone(), second: parameters.clone() };
        let sets = [("weights", &mut parameters), ("first", &mut moments.first), ("second", &mut moments.second)];
        for (prefix, set) in sets {
            for (name, values) in NAMES.into_iter().zip(set.tensors_mut()).filter(|(_, values)| !values.is_empty()) {
                let found = read.remove(&format!("{prefix}.{name}")).map(|(_, found)| found);
                *values = found.filter(|found| found.len() == values.len()).ok_or_else(|| {
                    Error::bundle(&state, format!("tensor {prefix}.{name} is missing or has another size; start anew"))
                })?;
            }
        }
        if position.silence.len() != parameters.features || position.step > position.options.steps {
            return Err(Error::bundle(&path, "the checkpoint does not fit its own options; start anew"));
        }
        Ok(Some((position, parameters, moments)))
    }

    /// Removes the checkpoints: of a finished run, or of one that is not to be resumed.
    pub fn remove(&self) {
        // The position goes first: without it nothing is resumed. What cannot be removed does no harm.
        let _removed = std::fs::remove_file(self.folder.join(POSITION));
        self.remove_states_but(Path::new(""));
        let _removed = std::fs::remove_dir(&self.folder);
    }

    fn remove_states_but(&self, keep: &Path) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("state-") && name.ends_with(".safetensors") && entry.path() != keep {
                let _removed = std::fs::remove_file(entry.path());
            }
        }
    }

    fn state_path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("state-{step:08}.safetensors"))
    }
}
