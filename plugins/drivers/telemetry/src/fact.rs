//! A line of telemetry as keys and values.

/// Most facts of one line; the rest of a longer line is left out.
const MAX_FACTS: usize = 256;

/// Keys that only wrap the rest: `{"telemetry":{"temp":41}}` says the same as `{"temp":41}`.
const WRAPPERS: [&str; 7] = ["data", "metrics", "payload", "readings", "sensors", "telemetry", "values"];

/// What a device said about one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// In `snake_case`, see [`normalized`]; the keys of nested objects are joined by `_`.
    pub key: String,
    /// What it said.
    pub value: Value,
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Finite.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl Fact {
    /// From a key and a value as they stand in a line of text; numbers are recognised.
    pub fn parse(key: &str, value: &str) -> Self {
        Self { key: normalized(key), value: Value::parse(value) }
    }
}

impl Value {
    /// A number where the text is a finite one.
    pub fn parse(text: &str) -> Self {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// All the values inside a JSON object. Booleans count as 0 and 1, texts that hold a number as that number.
pub fn flatten(object: &serde_json::Map<String, serde_json::Value>) -> Vec<Fact> {
    let mut facts = Vec::new();
    flatten_object("", object, &mut facts);
    facts
}

fn flatten_object(prefix: &str, object: &serde_json::Map<String, serde_json::Value>, facts: &mut Vec<Fact>) {
    for (key, value) in object {
        let key = normalized(key);
        let key = if prefix.is_empty() { key } else { format!("{prefix}_{key}") };
        match value {
            serde_json::Value::Object(inner) if WRAPPERS.contains(&key.as_str()) => {
                flatten_object("", inner, facts);
            }
            _ => flatten_value(key, value, facts),
        }
    }
}

/// Recursion is bounded by the JSON parser's own limit on nesting.
fn flatten_value(key: String, value: &serde_json::Value, facts: &mut Vec<Fact>) {
    use serde_json::Value as Json;
    if facts.len() >= MAX_FACTS {
        return;
    }
    let value = match value {
        Json::Null => return,
        Json::Bool(yes) => Value::Number(f64::from(u8::from(*yes))),
        Json::Number(number) => match number.as_f64() {
            Some(number) => Value::Number(number),
            None => return,
        },
        Json::String(text) => Value::parse(text),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten_value(format!("{key}_{index}"), item, facts);
            }
            return;
        }
        Json::Object(object) => return flatten_object(&key, object, facts),
    };
    facts.push(Fact { key, value });
}

/// `heapFree`, `Heap Free`, `heap-free` and `HEAP_FREE` are all `heap_free`.
pub fn normalized(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut after_lower = false;
    for c in key.trim().chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && after_lower {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
            after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
            after_lower = false;
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}
