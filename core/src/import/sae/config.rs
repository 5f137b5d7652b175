//! Reading a library's JSON config: values by key with one clear reason where one is not what it should be.

use serde_json::Value;

/// JSON text to a config.
///
/// # Errors
/// When it is no JSON object.
pub fn parse(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| format!("the SAE's config is no JSON ({e}); download it again"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("the SAE's config is JSON but no object of keys and values".to_owned())
    }
}

/// A config, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Config<'a>(Option<&'a Value>);

impl<'a> Config<'a> {
    pub fn new(value: Option<&'a Value>) -> Self {
        Self(value)
    }

    /// The value under a key; `null` counts as none.
    pub fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|value| !value.is_null())
    }

    pub fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The object under a key; empty where there is none.
    pub fn part(self, key: &str) -> Self {
        Self(self.get(key))
    }

    pub fn keys(self) -> impl Iterator<Item = &'a str> {
        self.0.and_then(Value::as_object).into_iter().flat_map(|object| object.keys().map(String::as_str))
    }

    pub fn text(self, key: &str) -> Result<Option<&'a str>, String> {
        self.get(key).map(|value| value.as_str().ok_or_else(|| odd(key, "a text", value))).transpose()
    }

    pub fn truth(self, key: &str) -> Result<Option<bool>, String> {
        self.get(key).map(|value| value.as_bool().ok_or_else(|| odd(key, "true or false", value))).transpose()
    }

    pub fn number(self, key: &str) -> Result<Option<f64>, String> {
        self.get(key).map(|value| value.as_f64().ok_or_else(|| odd(key, "a number", value))).transpose()
    }

    /// A whole number, not negative; also one that is written `64.0`.
    pub fn count(self, key: &str) -> Result<Option<usize>, String> {
        let whole = |value: &Value| match value.as_u64() {
            Some(whole) => usize::try_from(whole).ok(),
            None => value.as_f64().and_then(|number| as_count(number as f32).filter(|&n| n as f64 == number)),
        };
        self.get(key).map(|value| whole(value).ok_or_else(|| odd(key, "a whole number", value))).transpose()
    }

    pub fn whole(self, key: &str) -> Result<Option<i64>, String> {
        self.get(key).map(|value| value.as_i64().ok_or_else(|| odd(key, "a whole number", value))).transpose()
    }

    /// Refuses a size that contradicts the tensors'.
    pub fn agrees(self, key: &str, found: usize) -> Result<(), String> {
        match self.count(key)? {
            Some(said) if said != found => Err(format!(
                "the config says {key} = {said}, but the tensors have {found}: they do not belong together"
            )),
            _ => Ok(()),
        }
    }
}

/// A float that stands for a count, as every tensor is read as floats.
pub(super) fn as_count(number: f32) -> Option<usize> {
    ((0.0..16_777_216.0).contains(&number) && number.fract() == 0.0).then_some(number as usize)
}

fn odd(key: &str, wanted: &str, found: &Value) -> String {
    let mut shown: String = found.to_string().chars().take(40).collect();
    if shown.len() < found.to_string().len() {
        shown.push_str("..");
    }
    format!("the config's {key} must be {wanted}, it is {shown}")
}
