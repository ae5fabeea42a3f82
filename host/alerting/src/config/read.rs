//! Taking typed values out of the tree, each with an error that says what stands there instead.

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_model::duration::{parse_go, parse_prometheus};
use bellwether_model::yaml::{Location, YamlError, did_you_mean};

use super::node::{Entry, Node, Plain, Source, Value};

/// A mapping out of which the known keys are taken; what is left at the end is an error.
#[derive(Debug)]
pub(crate) struct Section<'s> {
    source: Source<'s>,
    what: &'static str,
    place: Location,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

impl<'s> Section<'s> {
    /// A mapping, or an empty one where nothing is written. `what` names it in messages.
    pub(crate) fn new(source: Source<'s>, what: &'static str, node: Node) -> Result<Self, YamlError> {
        let place = node.place;
        let entries = match node.value {
            Value::Null => Vec::new(),
            Value::Map(entries) => entries,
            Value::Scalar { .. } | Value::List(_) => {
                return Err(wrong_shape(source, &node, what, "a mapping of keys to values"));
            }
        };
        Ok(Self { source, what, place, entries, known: Vec::new() })
    }

    /// Where the mapping begins.
    pub(crate) fn place(&self) -> Location {
        self.place
    }

    /// Where each key stands that nobody has taken yet.
    pub(crate) fn places(&self) -> BTreeMap<String, Location> {
        self.entries.iter().map(|entry| (entry.key.clone(), entry.place)).collect()
    }

    /// The line of a key; that of the mapping where it is absent.
    pub(crate) fn line_of(&self, key: &str) -> u64 {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map_or(self.place, |entry| entry.place).line()
    }

    /// Takes a key's value; none where it is absent or null.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let node = self.entries.remove(at).node;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// Takes all keys that pass.
    pub(crate) fn take_where(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
        let (taken, rest) =
            std::mem::take(&mut self.entries).into_iter().partition(|entry| wanted(&entry.key));
        self.entries = rest;
        taken
    }

    /// Adds names that a typo may have been meant for.
    pub(crate) fn also_known(&mut self, names: impl IntoIterator<Item = &'static str>) {
        self.known.extend(names);
    }

    /// Refuses keys that nobody took.
    pub(crate) fn finish(self) -> Result<(), YamlError> {
        let Some(entry) = self.entries.first() else {
            return Ok(());
        };
        let message = format!("unknown key `{}` in {}", entry.key, self.what);
        let hint = match did_you_mean(&entry.key, self.known.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("known here: {}", self.known.join(", ")),
        };
        Err(self.source.error(&entry.place, message).with_hint(hint))
    }

    /// A text; any scalar is one.
    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<Located<String>>, YamlError> {
        let source = self.source;
        self.take(key).map(|node| text(source, key, node)).transpose()
    }

    /// A truth value.
    pub(crate) fn bool(&mut self, key: &'static str) -> Result<Option<bool>, YamlError> {
        let source = self.source;
        self.take(key).map(|node| boolean(source, key, &node)).transpose()
    }

    /// A Prometheus duration.
    pub(crate) fn duration(&mut self, key: &'static str) -> Result<Option<Located<Duration>>, YamlError> {
        let source = self.source;
        self.take(key).map(|node| prometheus_duration(source, key, node)).transpose()
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<Located<String>>>, YamlError> {
        let source = self.source;
        let Some(node) = self.take(key) else {
            return Ok(None);
        };
        list(source, key, node)?
            .into_iter()
            .map(|item| text(source, key, item))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list of anything; empty where the key is absent.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<Vec<Node>, YamlError> {
        let source = self.source;
        self.take(key).map_or(Ok(Vec::new()), |node| list(source, key, node))
    }

    /// Names to texts; empty where the key is absent. A null value is kept as a null, for `match_re`.
    pub(crate) fn text_map(&mut self, key: &'static str) -> Result<Vec<NamedText>, YamlError> {
        let source = self.source;
        self.take(key).map_or(Ok(Vec::new()), |node| text_map(source, key, node))
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) place: Location,
}

/// A name with its place, and a text; none where the text is null.
pub(crate) type NamedText = (Located<String>, Option<String>);

fn wrong_shape(source: Source<'_>, node: &Node, what: &str, wanted: &str) -> YamlError {
    source.error(&node.place, format!("{what} must be {wanted}, not {}", describe(node)))
}

fn describe(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Scalar { text, .. } => {
            let short: String = text.chars().take(24).collect();
            format!("{short:?}")
        }
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// Any scalar; null is an empty text.
pub(crate) fn text(source: Source<'_>, what: &str, node: Node) -> Result<Located<String>, YamlError> {
    let place = node.place;
    match node.value {
        Value::Scalar { text, .. } => Ok(Located { value: text, place }),
        Value::Null => Ok(Located { value: String::new(), place }),
        Value::List(_) | Value::Map(_) => Err(wrong_shape(source, &node, &quoted(what), "a text")),
    }
}

/// `true`, `false` and the words that YAML 1.1 takes for them.
pub(crate) fn boolean(source: Source<'_>, what: &str, node: &Node) -> Result<bool, YamlError> {
    match &node.value {
        Value::Scalar { plain: Plain::Bool(value), .. } => Ok(*value),
        Value::Scalar { text, plain: Plain::Text } if is_word(text, "y", "yes", "on") => Ok(true),
        Value::Scalar { text, plain: Plain::Text } if is_word(text, "n", "no", "off") => Ok(false),
        _ => Err(wrong_shape(source, node, &quoted(what), "true or false")),
    }
}

fn is_word(text: &str, short: &str, word: &str, other: &str) -> bool {
    [short, word, other].iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// A whole number.
pub(crate) fn integer(source: Source<'_>, what: &str, node: &Node) -> Result<i64, YamlError> {
    match node.value {
        Value::Scalar { plain: Plain::Int(value), .. } => Ok(value),
        _ => Err(wrong_shape(source, node, &quoted(what), "a whole number")),
    }
}

/// A duration such as `1h30m`.
pub(crate) fn prometheus_duration(
    source: Source<'_>,
    what: &str,
    node: Node,
) -> Result<Located<Duration>, YamlError> {
    let Located { value, place } = text(source, what, node)?;
    let value = parse_prometheus(&value).map_err(|error| {
        source
            .error(&place, format!("{}: {error}", quoted(what)))
            .with_hint("write it as in `30s`, `5m` or `1h30m`")
    })?;
    Ok(Located { value, place })
}

/// A duration such as `500ms` or `1.5h`.
pub(crate) fn go_duration(source: Source<'_>, what: &str, node: Node) -> Result<Duration, YamlError> {
    let Located { value, place } = text(source, what, node)?;
    parse_go(&value).map_err(|error| {
        source
            .error(&place, format!("{}: {error}", quoted(what)))
            .with_hint("write it as in `500ms` or `1m30s`")
    })
}

/// A list, or an empty one for null.
pub(crate) fn list(source: Source<'_>, what: &str, node: Node) -> Result<Vec<Node>, YamlError> {
    match node.value {
        Value::List(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        Value::Scalar { .. } | Value::Map(_) => {
            let error = wrong_shape(source, &node, &quoted(what), "a list");
            Err(error.with_hint(format!("write it as in `{what}: [first, second]`")))
        }
    }
}

/// Names to texts; a null value stays one.
pub(crate) fn text_map(source: Source<'_>, what: &str, node: Node) -> Result<Vec<NamedText>, YamlError> {
    let entries = match node.value {
        Value::Map(entries) => entries,
        Value::Null => Vec::new(),
        Value::Scalar { .. } | Value::List(_) => {
            return Err(wrong_shape(source, &node, &quoted(what), "a mapping of names to texts"));
        }
    };
    let pair = |entry: Entry| {
        let is_null = matches!(entry.node.value, Value::Null);
        let value = text(source, &entry.key, entry.node)?.value;
        Ok((Located { value: entry.key, place: entry.place }, (!is_null).then_some(value)))
    };
    entries.into_iter().map(pair).collect()
}

/// As [`text_map`], for maps in which null is an empty text.
pub(crate) fn plain_map(pairs: Vec<NamedText>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.value, value.unwrap_or_default())).collect()
}

fn quoted(key: &str) -> String {
    format!("`{key}`")
}
