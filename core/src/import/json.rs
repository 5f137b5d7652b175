//! Reading the settings that come with published weights: JSON objects of any origin, whose numbers are not trusted.

use serde_json::Value;

/// Largest number that is taken for a size.
const LARGEST: u64 = 1 << 20;

/// A member of an object, along a path of names; `null` counts as not there.
#[must_use]
pub fn find<'a>(value: Option<&'a Value>, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value?, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// A size: a whole number, or the one number of a square's sides (`[224, 224]`, `{"height": 224, "width": 224}`).
///
/// # Errors
/// When it is something else, or too large.
pub fn size(value: Option<&Value>, path: &[&str]) -> Result<Option<usize>, String> {
    let Some(found) = find(value, path) else { return Ok(None) };
    let sides: Vec<&Value> = match found {
        Value::Array(sides) => sides.iter().collect(),
        Value::Object(sides) => sides.values().collect(),
        number => vec![number],
    };
    let first = sides.first().and_then(|side| side.as_u64()).filter(|&number| number <= LARGEST);
    match first {
        Some(number) if sides.iter().all(|side| side.as_u64() == Some(number)) => Ok(usize::try_from(number).ok()),
        _ => Err(wrong(path, found, "a size")),
    }
}

/// A number.
///
/// # Errors
/// When it is something else.
pub fn number(value: Option<&Value>, path: &[&str]) -> Result<Option<f64>, String> {
    let Some(found) = find(value, path) else { return Ok(None) };
    found.as_f64().map(Some).ok_or_else(|| wrong(path, found, "a number"))
}

/// A text.
#[must_use]
pub fn text<'a>(value: Option<&'a Value>, path: &[&str]) -> Option<&'a str> {
    find(value, path).and_then(Value::as_str)
}

/// Whether a switch is on; off where it is not there.
#[must_use]
pub fn switch(value: Option<&Value>, path: &[&str]) -> bool {
    find(value, path).and_then(Value::as_bool).unwrap_or(false)
}

/// Some numbers, or one.
///
/// # Errors
/// When it is something else.
pub fn numbers(value: Option<&Value>, path: &[&str]) -> Result<Option<Vec<f32>>, String> {
    let Some(found) = find(value, path) else { return Ok(None) };
    let one = |value: &Value| value.as_f64().map(|number| number as f32);
    let all: Option<Vec<f32>> = match found {
        Value::Array(values) => values.iter().map(one).collect(),
        number => one(number).map(|number| vec![number]),
    };
    all.map(Some).ok_or_else(|| wrong(path, found, "numbers"))
}

/// An error where a stated size is not that of the tensors.
///
/// # Errors
/// Both sizes.
pub fn agree(value: Option<&Value>, path: &[&str], found: usize) -> Result<(), String> {
    match size(value, path)? {
        Some(stated) if stated != found => {
            Err(format!("the configuration says {} {stated}, the tensors say {found}", path.join(".")))
        }
        _ => Ok(()),
    }
}

fn wrong(path: &[&str], found: &Value, wanted: &str) -> String {
    let mut shown = found.to_string();
    if shown.chars().count() > 40 {
        shown = shown.chars().take(40).chain("...".chars()).collect();
    }
    format!("the configuration's {} is {shown}, not {wanted}", path.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_read_in_every_form_and_checked() {
        let config = json!({"a": 14, "b": [224, 224], "c": {"height": 28, "width": 28}, "d": [1, 2], "e": -1, "f": 1e30,
            "g": null, "h": [], "i": "14"});
        let read = |name: &str| size(Some(&config), &[name]);
        assert_eq!((read("a"), read("b"), read("c")), (Ok(Some(14)), Ok(Some(224)), Ok(Some(28))));
        assert_eq!((read("g"), read("z")), (Ok(None), Ok(None)));
        for name in ["d", "e", "f", "h", "i"] {
            assert!(read(name).expect_err(name).ends_with("not a size"), "{name}");
        }
        assert!(agree(Some(&config), &["a"], 16).expect_err("two sizes").contains("says a 14, the tensors say 16"));
    }
}
