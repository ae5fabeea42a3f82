//! A YAML document as a tree in which every value knows its place and every scalar its text.
//!
//! The sections of the configuration are read from this tree instead of straight into structs, because the Go tools
//! take any scalar for a text (`match: {test: 2.50}` means `2.50`), accept `null` nearly everywhere, and because an
//! error found late, such as a receiver that does not exist, must still name its line.

use std::fmt;

use bellwether_model::yaml::{self, Location, Spanned, YamlError};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it stands.
    pub(crate) place: Location,
    /// What it is.
    pub(crate) value: Value,
}

/// The kinds of values.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `null`, `~`, or nothing.
    Null,
    /// Any scalar as it was written, without its quotes.
    Scalar {
        /// The text.
        text: String,
        /// What YAML makes of it where no text is asked for.
        plain: Plain,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<Entry>),
}

/// What a scalar is by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    /// A text.
    Text,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) place: Location,
    /// The value.
    pub(crate) node: Node,
}

/// The file that a tree was read from, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// As the user named it.
    pub(crate) file: &'a str,
    /// All of it.
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// An error at a place of this file.
    pub(crate) fn error(&self, place: &Location, message: impl Into<String>) -> YamlError {
        YamlError::at(self.file, self.text, place, message)
    }
}

/// Reads a whole file; an empty one is a null.
pub(crate) fn read(source: Source<'_>) -> Result<Node, YamlError> {
    let raw: Option<Spanned<Raw>> = yaml::parse(source.file, source.text)?;
    match raw {
        Some(raw) => node_of(source, raw),
        None => Ok(Node { place: Location::UNKNOWN, value: Value::Null }),
    }
}

/// The tree as the YAML library gives it: scalars that look like numbers have lost their text.
enum Raw {
    Null,
    Text(String),
    Plain(Plain, String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

fn node_of(source: Source<'_>, raw: Spanned<Raw>) -> Result<Node, YamlError> {
    let written = written_text(source.text, &raw.defined);
    let place = raw.referenced;
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Scalar { text, plain: Plain::Text },
        Raw::Plain(plain, canonical) => {
            let text = written.filter(|text| !text.is_empty()).map_or(canonical, str::to_owned);
            Value::Scalar { text, plain }
        }
        Raw::List(items) => {
            Value::List(items.into_iter().map(|item| node_of(source, item)).collect::<Result<_, _>>()?)
        }
        Raw::Map(pairs) => Value::Map(entries_of(source, pairs)?),
    };
    Ok(Node { place, value })
}

fn entries_of(
    source: Source<'_>,
    pairs: Vec<(Spanned<String>, Spanned<Raw>)>,
) -> Result<Vec<Entry>, YamlError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let place = key.referenced;
        entries.push(Entry { key: key.value, place, node: node_of(source, value)? });
    }
    Ok(entries)
}

/// The scalar as the file has it.
fn written_text<'a>(text: &'a str, place: &Location) -> Option<&'a str> {
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let len = usize::try_from(place.span().byte_len()?).ok()?;
    text.get(start..start.checked_add(len)?).map(str::trim)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(Plain::Bool(value), value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(Plain::Int(value), value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        let plain = i64::try_from(value).map_or(Plain::Float(value as f64), Plain::Int);
        Ok(Raw::Plain(plain, value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(Plain::Float(value), value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Map(pairs))
    }
}
