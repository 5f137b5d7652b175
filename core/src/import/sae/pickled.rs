//! The config that a PyTorch file holds beside its tensors, as JSON.

use serde_json::{Map, Number, Value as Json};

use crate::torch::{Dict, Object, TorchFile, Value};

/// Keys under which training programs save what they were run with: SAELens 2 and Prisma, PatchSAE, Lightning.
const CONFIG_KEYS: [&str; 4] = ["cfg", "config", "hyper_parameters", "hparams"];

/// The name under which an object's class stands beside its attributes.
pub(super) const CLASS: &str = "__class__";

/// What a file says about its weights: the config saved with them, or else all plain values at its root. Tensors of one
/// element are numbers, larger ones are left out. None where there is nothing.
#[must_use]
pub fn config_of_torch_file(file: &TorchFile<'_>) -> Option<Json> {
    let config = CONFIG_KEYS.iter().find_map(|key| file.root.get(key)).unwrap_or(&file.root);
    json(file, config).filter(|config| config.as_object().is_some_and(|object| !object.is_empty()))
}

/// A plain value as JSON; none for what JSON has no word for. Recursion is as deep as `torch::limits` allows.
fn json(file: &TorchFile<'_>, value: &Value) -> Option<Json> {
    let all = |items: &[Value]| Json::Array(items.iter().filter_map(|item| json(file, item)).collect());
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::Number(Number::from_i128(*number)?),
        Value::Float(number) => Json::Number(Number::from_f64(*number)?),
        Value::Text(text) | Value::Name(text) => Json::String(text.to_string()),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => all(items),
        Value::Dict(dict) => Json::Object(entries(file, dict)),
        Value::Object(object) => object_json(file, object),
        Value::Tensor(tensor) if tensor.element_count() == Some(1) => {
            let number = *file.to_f32(tensor).ok()?.first()?;
            Json::Number(Number::from_f64(f64::from(number))?)
        }
        Value::Tensor(_) | Value::Bytes(_) => return None,
    })
}

fn entries(file: &TorchFile<'_>, dict: &Dict) -> Map<String, Json> {
    let named = dict.iter().filter_map(|(key, value)| {
        let key = match key {
            Value::Text(key) => key.to_string(),
            Value::Int(key) => key.to_string(),
            _ => return None,
        };
        Some((key, json(file, value)?))
    });
    named.collect()
}

/// A dataclass, a namespace or a subclass of `dict`: attributes and entries in one object, and the class.
fn object_json(file: &TorchFile<'_>, object: &Object) -> Json {
    let mut map = entries(file, &object.entries);
    if let Value::Dict(state) = &object.state {
        map.extend(entries(file, state));
    }
    map.insert(CLASS.to_owned(), Json::String(object.class.to_string()));
    Json::Object(map)
}
