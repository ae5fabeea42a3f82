//! Label sets: what a series, an alert or a target is called.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds an alert's name.
pub const ALERT_NAME: &str = "alertname";
/// The label that holds the upper bound of a classic histogram's bucket.
pub const BUCKET_LABEL: &str = "le";

/// One name and its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Any UTF-8 text but the empty one.
    pub name: Arc<str>,
    /// Never empty inside [`Labels`]: an empty value is the same as no label.
    pub value: Arc<str>,
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name, self.value)
    }
}

/// Identity of a label set as Alertmanager prints it: 16 hex digits of FNV-1a over names and values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// An immutable set of labels, sorted by name, each name once, no empty values. Cheap to clone and to compare.
#[derive(Clone)]
pub struct Labels(Arc<Inner>);

struct Inner {
    fingerprint: u64,
    pairs: Box<[Label]>,
}

impl Labels {
    /// The set without labels.
    pub fn empty() -> Self {
        Self::from_sorted(Vec::new())
    }

    /// From names and values in any order; of a repeated name the last value counts, empty values are left out.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    fn from_sorted(pairs: Vec<Label>) -> Self {
        let fingerprint = fnv1a(&pairs);
        Self(Arc::new(Inner { fingerprint, pairs: pairs.into_boxed_slice() }))
    }

    /// The value of a label; none where the label is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.pairs.binary_search_by(|label| label.name.as_ref().cmp(name)).ok()?;
        Some(&self.0.pairs[at].value)
    }

    /// The value of a label; empty where the label is absent, as matchers see it.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// The metric's name; none for results of operations that drop it.
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// All labels, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.pairs.iter()
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.pairs.is_empty()
    }

    /// FNV-1a of names and values, as Prometheus and Alertmanager compute it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.fingerprint)
    }

    /// A builder that starts with these labels.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder { pairs: self.0.pairs.to_vec() }
    }

    /// Without the metric's name.
    pub fn without_metric_name(&self) -> Self {
        self.filtered(|name| name != METRIC_NAME)
    }

    /// The same labels made of other copies of their texts, for keeping equal texts once. `copy` returns an equal text.
    pub fn with_texts(&self, mut copy: impl FnMut(&Arc<str>) -> Arc<str>) -> Self {
        let pairs = self.iter().map(|label| Label { name: copy(&label.name), value: copy(&label.value) });
        Self(Arc::new(Inner { fingerprint: self.0.fingerprint, pairs: pairs.collect() }))
    }

    /// Only the labels whose name passes.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.iter().filter(|label| keep(&label.name)).count();
        if kept == self.len() {
            return self.clone();
        }
        let mut pairs = Vec::with_capacity(kept);
        pairs.extend(self.iter().filter(|label| keep(&label.name)).cloned());
        Self::from_sorted(pairs)
    }
}

fn fnv1a(pairs: &[Label]) -> u64 {
    const OFFSET: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    const SEPARATOR: [u8; 1] = [0xff];
    let bytes = |text: &str, hash: u64| {
        text.bytes().chain(SEPARATOR).fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    };
    pairs.iter().fold(OFFSET, |hash, label| bytes(&label.value, bytes(&label.name, hash)))
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.fingerprint == other.0.fingerprint && self.0.pairs == other.0.pairs
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.fingerprint);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    /// By name and value, label after label, as Prometheus sorts series.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.pairs.cmp(&other.0.pairs)
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a Label;
    type IntoIter = std::slice::Iter<'a, Label>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Labels {
    /// As a PromQL selector: `up{job="node"}`, `{a="b"}`, `{}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain_name = self.metric_name().filter(|name| is_classic_metric_name(name));
        f.write_str(plain_name.unwrap_or(""))?;
        if plain_name.is_some() && self.len() == 1 {
            return Ok(());
        }
        f.write_str("{")?;
        let mut comma = "";
        for label in self.iter().filter(|label| plain_name.is_none() || &*label.name != METRIC_NAME) {
            f.write_str(comma)?;
            comma = ", ";
            if &*label.name == METRIC_NAME {
                write!(f, "{}", Quoted(&label.value))?;
            } else if is_classic_label_name(&label.name) {
                write!(f, "{}={}", label.name, Quoted(&label.value))?;
            } else {
                write!(f, "{}={}", Quoted(&label.name), Quoted(&label.value))?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text in double quotes with Go's escapes, as `strconv.Quote` writes it for printable text.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0b' => f.write_str("\\v")?,
                '\x0c' => f.write_str("\\f")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Whether a label name needs no quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_classic_label_name(name: &str) -> bool {
    let rest_ok = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    rest_ok && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Whether a metric name needs no quotes: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_classic_metric_name(name: &str) -> bool {
    let rest_ok = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    rest_ok && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Collects labels; keeps them sorted and unique.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<Label>,
}

impl LabelsBuilder {
    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> &mut Self {
        let label = Label { name: name.into(), value: value.into() };
        match self.pairs.binary_search_by(|have| have.name.cmp(&label.name)) {
            Ok(at) if label.value.is_empty() => drop(self.pairs.remove(at)),
            Ok(at) => self.pairs[at] = label,
            Err(_) if label.value.is_empty() => {}
            Err(at) => self.pairs.insert(at, label),
        }
        self
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|label| &*label.name != name);
        self
    }

    /// The value of a label so far.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|label| &*label.name == name).map(|label| &*label.value)
    }

    /// The finished set.
    pub fn build(self) -> Labels {
        Labels::from_sorted(self.pairs)
    }
}

impl Serialize for Labels {
    /// As a JSON object, sorted by name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for label in self {
            map.serialize_entry(&*label.name, &*label.value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelsVisitor;
        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of label names to values")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut builder = LabelsBuilder::default();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    builder.set(name, value);
                }
                Ok(builder.build())
            }
            fn visit_unit<E>(self) -> Result<Labels, E> {
                Ok(Labels::empty())
            }
        }
        deserializer.deserialize_map(LabelsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_overwrites_and_drops_empty_values() {
        let labels = Labels::from_pairs([("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="2", b="3"}"#);
        assert_eq!(labels, Labels::from_pairs([("a", "2"), ("b", "3")]));
        assert_eq!(labels.value("c"), "");
    }

    #[test]
    fn fingerprint_is_alertmanagers() {
        // As Alertmanager 0.25 printed it for these labels.
        let labels = Labels::from_pairs([
            ("severity", "critical"),
            ("alertname", "T2"),
            ("instance", "a"),
            ("component", "device"),
        ]);
        assert_eq!(labels.fingerprint().to_string(), "9d371679ad31a059");
    }

    #[test]
    fn prints_as_a_selector_with_quotes_where_needed() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().map(|&(n, v)| (n, v))).to_string();
        assert_eq!(of(&[("__name__", "up")]), "up");
        assert_eq!(of(&[("__name__", "up"), ("job", "a\"b\n")]), r#"up{job="a\"b\n"}"#);
        assert_eq!(of(&[("__name__", "my.metric"), ("x.y", "1")]), r#"{"my.metric", "x.y"="1"}"#);
    }
}
