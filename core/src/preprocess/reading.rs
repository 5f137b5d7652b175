//! Fields of the JSON files that come with published weights. In: a parsed object. Out: numbers within sane bounds, or
//! a reason in words that names the field.

use serde_json::{Map, Value};

use super::Preprocess;

/// Preprocessing as a file states it, with mean and deviation of each channel (one or three) on brightness 0 to 1: the
/// network is fed `(brightness - mean) / deviation`.
pub type Published = (Preprocess, Vec<f32>, Vec<f32>);

/// Largest side that a file may ask for; what is made of it is checked more closely.
const MAX_SIDE: u64 = 1 << 16;

pub(super) type Fields = Map<String, Value>;

/// An object's fields.
pub(super) fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Fields, String> {
    value.as_object().ok_or_else(|| format!("{what} is {}, not an object", kind(value)))
}

/// A field; `null` counts as absent, as in the libraries.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A switch, or what it is when absent.
pub(super) fn flag(fields: &Fields, name: &str, absent: bool) -> Result<bool, String> {
    match field(fields, name) {
        None => Ok(absent),
        Some(Value::Bool(on)) => Ok(*on),
        Some(other) => Err(format!("{name} is {}, not true or false", kind(other))),
    }
}

/// A name.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, String> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{name} is {}, not a name", kind(other))),
    }
}

/// A number of pixels, above zero.
pub(super) fn pixels(value: &Value, name: &str) -> Result<usize, String> {
    let whole = value.as_u64().filter(|pixels| (1..=MAX_SIDE).contains(pixels));
    whole.map(|pixels| pixels as usize).ok_or_else(|| format!("{name} is {value}, not a number of pixels"))
}

/// Height and width that must be one number.
pub(super) fn square(height: &Value, width: &Value, name: &str) -> Result<usize, String> {
    let (height, width) = (pixels(height, name)?, pixels(width, name)?);
    if height == width { Ok(height) } else { Err(format!("{name} is {height} x {width}; only square inputs are read")) }
}

/// A finite number.
pub(super) fn number(fields: &Fields, name: &str, absent: f64) -> Result<f64, String> {
    match field(fields, name) {
        None => Ok(absent),
        Some(value) => finite(value).ok_or_else(|| format!("{name} is {}, not a finite number", kind(value))),
    }
}

/// One number for each channel, one or three; a single number stands for all.
pub(super) fn channels(fields: &Fields, name: &str, absent: &[f32]) -> Result<Vec<f64>, String> {
    let wrong = || format!("{name} is not one or three finite numbers");
    match field(fields, name) {
        None => Ok(absent.iter().copied().map(f64::from).collect()),
        Some(Value::Array(values)) if [1, 3].contains(&values.len()) => {
            values.iter().map(|value| finite(value).ok_or_else(wrong)).collect()
        }
        Some(value) => finite(value).map(|value| vec![value]).ok_or_else(wrong),
    }
}

/// Mean and deviation of brightness 0 to 1, of those of `scale` times the brightness: one list's single number stands
/// for all of the other's.
pub(super) fn normalisation(mean: Vec<f64>, std: Vec<f64>, scale: f64) -> Result<(Vec<f32>, Vec<f32>), String> {
    let channels = mean.len().max(std.len());
    let spread = |values: Vec<f64>| -> Vec<f32> {
        let last = values.last().copied();
        values
            .into_iter()
            .chain(std::iter::repeat_n(last, channels).flatten())
            .take(channels)
            .map(|value| (value / scale) as f32)
            .collect()
    };
    let (mean, std) = (spread(mean), spread(std));
    if std.iter().any(|&deviation| !(deviation.is_finite() && deviation > 0.0)) || mean.iter().any(|m| !m.is_finite()) {
        return Err("a deviation is not greater than zero, or a mean is too large".into());
    }
    Ok((mean, std))
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
