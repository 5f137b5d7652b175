//! Tensors by the names that `state_dict()` gives them.
//!
//! Source: `torch/nn/modules/module.py` (`state_dict`, `_save_to_state_dict`).

use std::borrow::Cow;
use std::collections::HashSet;

use super::value::{Dict, Object};
use super::{TensorRef, Value, limits};
use crate::{Error, Result};

/// Keys under which a checkpoint keeps its weights, the surest first.
const WEIGHTS_KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model_state", "model"];

/// Every named tensor of a state dict, of a whole module, or of a checkpoint that holds one of them under one of the
/// usual keys. In a checkpoint without such a key, tensors of dictionaries within are named by the path of keys.
/// Empty when there is none.
///
/// # Errors
/// When there are more or longer names than a model has.
pub fn named_tensors(root: &Value) -> Result<Vec<(String, TensorRef)>> {
    let mut walk = Walk { path: String::new(), found: Vec::new() };
    walk.inside(weights(root))?;
    Ok(walk.found)
}

/// The weights within a checkpoint.
fn weights(root: &Value) -> &Value {
    let mut weights = root;
    // As deep as checkpoints go: {"model": {"state_dict": ..}}.
    for _ in 0..2 {
        if module(weights).is_some() {
            break;
        }
        let inner = WEIGHTS_KEYS.iter().filter_map(|key| weights.get(key)).find(|inner| has_tensors(inner));
        let Some(inner) = inner else { break };
        weights = inner;
    }
    weights
}

/// Whether a value is a module, or a dictionary with tensors anywhere within.
fn has_tensors(value: &Value) -> bool {
    let within = |(_, value): (&Value, &Value)| value.as_tensor().is_some() || has_tensors(value);
    module(value).is_some() || value.as_dict().is_some_and(|dict| dict.iter().any(within))
}

/// The object, when it is an `nn.Module` of any class.
fn module(value: &Value) -> Option<&Object> {
    let has = |object: &Object, part| object.attribute(part).is_some_and(|part| matches!(part, Value::Dict(_)));
    value.as_object().filter(|object| has(object, "_modules") && has(object, "_parameters"))
}

struct Walk {
    /// Keys from the root, each followed by a dot.
    path: String,
    found: Vec<(String, TensorRef)>,
}

impl Walk {
    /// What lies within a module or dictionary.
    fn inside(&mut self, value: &Value) -> Result<()> {
        if let Some(module) = module(value) {
            return self.module(module);
        }
        for (key, value) in value.as_dict().into_iter().flat_map(Dict::iter) {
            let key = match key {
                Value::Text(key) => Cow::Borrowed(key.as_ref()),
                Value::Int(key) => Cow::Owned(key.to_string()),
                _ => continue,
            };
            self.entry(&key, value)?;
        }
        Ok(())
    }

    /// In the order of `state_dict()`: its own parameters, its own buffers, then the modules within.
    fn module(&mut self, module: &Object) -> Result<()> {
        let unsaved = module.attribute("_non_persistent_buffers_set").and_then(Value::as_items).unwrap_or_default();
        let unsaved: HashSet<&str> = unsaved.iter().filter_map(Value::as_str).collect();
        for part in ["_parameters", "_buffers", "_modules"] {
            for (key, value) in module.attribute(part).and_then(Value::as_dict).into_iter().flat_map(Dict::iter) {
                if let Some(key) = key.as_str().filter(|key| part != "_buffers" || !unsaved.contains(key)) {
                    self.entry(key, value)?;
                }
            }
        }
        Ok(())
    }

    /// A tensor under its name, or what lies within; anything else has no tensors.
    fn entry(&mut self, key: &str, value: &Value) -> Result<()> {
        let tensor = value.as_tensor();
        if tensor.is_none() && module(value).is_none() && value.as_dict().is_none() {
            return Ok(());
        }
        let before = self.path.len();
        if before + key.len() > limits::NAME_BYTES || self.found.len() >= limits::NAMES {
            return Err(Error::Invalid(format!(
                "refused: the file names more than {} tensors or one by more than {} characters; check that it holds \
                 a model's weights",
                limits::NAMES,
                limits::NAME_BYTES
            )));
        }
        self.path.push_str(key);
        if let Some(tensor) = tensor {
            self.found.push((self.path.clone(), tensor.clone()));
        } else {
            self.path.push('.');
            self.inside(value)?;
        }
        self.path.truncate(before);
        Ok(())
    }
}
