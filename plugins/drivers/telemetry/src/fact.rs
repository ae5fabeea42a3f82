//! A line of telemetry as keys and values.

use std::borrow::Cow;

/// What a device said about one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<'a> {
    /// In `snake_case`, see [`normalized`]; the keys of nested objects are joined by `_`.
    pub key: Cow<'a, str>,
    /// What it said.
    pub value: Value<'a>,
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Finite.
    Number(f64),
    /// Anything else.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// A number where the text is a finite one.
    pub fn parse(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(text),
        }
    }
}

/// `heapFree`, `Heap Free`, `heap-free` and `HEAP_FREE` are all `heap_free`.
pub fn normalized(key: &str) -> Cow<'_, str> {
    if is_normal(key) {
        return Cow::Borrowed(key);
    }
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
    Cow::Owned(name)
}

fn is_normal(key: &str) -> bool {
    let mut after_gap = true;
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => after_gap = false,
            b'_' if !after_gap => after_gap = true,
            _ => return false,
        }
    }
    !after_gap
}
