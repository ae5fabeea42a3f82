//! The values that templates work on: Go's basic kinds, and lists, maps and structs that know their Go type.
//!
//! A Go type matters here because templates can see it: `%T`, error messages, methods, whether a missing key of a map is
//! an empty string or nothing, and how the value prints.

use std::fmt;
use std::sync::Arc;

use crate::functions::Function;
use crate::time::Time;

/// How deep lists and maps may nest. A loop that wraps a value again and again would otherwise overflow the stack when
/// the value is printed or dropped.
pub(crate) const MAX_VALUE_DEPTH: u16 = 64;

/// Anything that a template can hold.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Go's untyped nil.
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int` and its relatives.
    Int(i64, IntType),
    /// `float64`.
    Float(f64),
    /// `string`.
    String(Arc<str>),
    /// Text that needs no more escaping in HTML.
    Safe(Arc<str>, Markup),
    /// `time.Time`.
    Time(Time),
    /// A slice.
    List(List),
    /// A map with text for keys.
    Map(Map),
    /// A struct.
    Struct(Struct),
    /// A pointer to a value, never nil.
    Pointer(Arc<Self>),
}

/// Which of Go's integer types a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntType {
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint8`, a byte of a string.
    Byte,
    /// `time.Duration`, nanoseconds.
    Duration,
    /// `time.Month`, from 1.
    Month,
    /// `time.Weekday`, 0 is Sunday.
    Weekday,
}

/// Kinds of safe text, as `html/template` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    /// `template.HTML`.
    Html,
    /// `template.URL`.
    Url,
}

/// What the entries of a list or map are, which says what a missing one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// Anything: nil when missing.
    Any,
    /// Text: empty when missing.
    String,
    /// A struct of some type.
    Struct,
}

/// A Go type with a name: its fields, its methods, how it prints.
pub(crate) struct Type {
    pub(crate) name: &'static str,
    pub(crate) element: Element,
    /// Names of the fields of a struct. Those in lower case print but cannot be read, as in Go.
    pub(crate) fields: &'static [&'static str],
    /// Names of their members in JSON, in the same order; an empty one is left out.
    pub(crate) json_names: &'static [&'static str],
    /// How many of the fields print; the rest are ours and only to be read.
    pub(crate) printed: usize,
    /// The functions take the value as their first argument.
    pub(crate) methods: &'static [Function],
    /// Its `String` method, if it has one.
    pub(crate) stringer: Option<fn(&Value) -> String>,
}

impl Type {
    /// A type without fields, methods or a text of its own.
    pub(crate) const fn plain(name: &'static str, element: Element) -> Self {
        Self { name, element, fields: &[], json_names: &[], printed: 0, methods: &[], stringer: None }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// `[]interface {}`.
pub(crate) static ANY_LIST: Type = Type::plain("[]interface {}", Element::Any);
/// `[]string`.
pub(crate) static STRING_LIST: Type = Type::plain("[]string", Element::String);
/// `map[string]interface {}`.
pub(crate) static ANY_MAP: Type = Type::plain("map[string]interface {}", Element::Any);
/// `map[string]string`.
pub(crate) static STRING_MAP: Type = Type::plain("map[string]string", Element::String);

/// A slice of values.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) ty: &'static Type,
    pub(crate) items: Arc<[Value]>,
    depth: u16,
}

impl List {
    pub(crate) fn new(ty: &'static Type, items: impl Into<Arc<[Value]>>) -> Self {
        let items = items.into();
        let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
        Self { ty, items, depth }
    }
}

/// A map, sorted by key.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) ty: &'static Type,
    pub(crate) entries: Arc<[(Arc<str>, Value)]>,
    depth: u16,
}

impl Map {
    /// From entries in any order; of a repeated key the last entry counts.
    pub(crate) fn new(ty: &'static Type, mut entries: Vec<(Arc<str>, Value)>) -> Self {
        entries.reverse();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, kept| later.0 == kept.0);
        Self::from_sorted(ty, entries)
    }

    fn from_sorted(ty: &'static Type, entries: Vec<(Arc<str>, Value)>) -> Self {
        let depth = 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
        Self { ty, entries: entries.into(), depth }
    }

    /// A label set as a map from text to text.
    pub(crate) fn of_labels(ty: &'static Type, labels: &bellwether_model::Labels) -> Self {
        let entries = labels.iter().map(|l| (Arc::clone(&l.name), Value::String(Arc::clone(&l.value))));
        Self::from_sorted(ty, entries.collect())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        let at = self.entries.binary_search_by(|(name, _)| name.as_ref().cmp(key)).ok()?;
        Some(&self.entries[at].1)
    }

    /// The value of a key, or what Go has in its place: an empty string or nil.
    pub(crate) fn get_or_zero(&self, key: &str) -> Value {
        self.get(key).cloned().unwrap_or_else(|| match self.ty.element {
            Element::String => Value::text(""),
            Element::Any | Element::Struct => Value::Nil,
        })
    }
}

/// A struct: a type that names its fields, and their values in the same order.
#[derive(Debug, Clone)]
pub(crate) struct Struct {
    pub(crate) ty: &'static Type,
    pub(crate) values: Arc<[Value]>,
}

impl Struct {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        let at = self.ty.fields.iter().position(|&field| field == name)?;
        self.values.get(at).filter(|_| name.starts_with(|c: char| c.is_uppercase()))
    }
}

impl Value {
    /// A `string`.
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An `int`.
    pub(crate) const fn int(value: i64) -> Self {
        Self::Int(value, IntType::Int)
    }

    /// A `time.Duration` of so many nanoseconds.
    pub(crate) const fn duration(nanos: i64) -> Self {
        Self::Int(nanos, IntType::Duration)
    }

    pub(crate) fn list(ty: &'static Type, items: impl Into<Arc<[Self]>>) -> Self {
        Self::List(List::new(ty, items))
    }

    pub(crate) fn new_struct(ty: &'static Type, values: Vec<Self>) -> Self {
        debug_assert_eq!(ty.fields.len(), values.len(), "a value for each field");
        Self::Struct(Struct { ty, values: values.into() })
    }

    /// How many lists and maps lie within each other here.
    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::List(list) => list.depth,
            Self::Map(map) => map.depth,
            Self::Pointer(target) => target.depth(),
            // The structs of this crate hold label maps and lists of such structs.
            Self::Struct(_) => 4,
            Self::Nil
            | Self::Bool(_)
            | Self::Int(..)
            | Self::Float(_)
            | Self::String(_)
            | Self::Safe(..)
            | Self::Time(_) => 0,
        }
    }

    /// The value behind a pointer, or itself.
    pub(crate) fn indirect(&self) -> &Self {
        match self {
            Self::Pointer(target) => target.indirect(),
            other => other,
        }
    }

    /// The name of its Go type.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Self::Nil => "nil".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(_, ty) => ty.name().to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::String(_) => "string".to_owned(),
            Self::Safe(_, Markup::Html) => "template.HTML".to_owned(),
            Self::Safe(_, Markup::Url) => "template.URL".to_owned(),
            Self::Time(_) => "time.Time".to_owned(),
            Self::List(List { ty, .. }) | Self::Map(Map { ty, .. }) | Self::Struct(Struct { ty, .. }) => {
                ty.name.to_owned()
            }
            Self::Pointer(target) => format!("*{}", target.type_name()),
        }
    }

    /// Its named type, if it is a composite.
    pub(crate) fn composite_type(&self) -> Option<&'static Type> {
        match self {
            Self::List(List { ty, .. }) | Self::Map(Map { ty, .. }) | Self::Struct(Struct { ty, .. }) => {
                Some(ty)
            }
            _ => None,
        }
    }

    /// Whether `if` takes it for true.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value, _) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) | Self::Safe(text, _) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Time(_) | Self::Struct(_) | Self::Pointer(_) => true,
        }
    }

    /// Its text, if its kind is a string, whatever its type.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Safe(text, _) => Some(text),
            _ => None,
        }
    }
}

impl IntType {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Byte => "uint8",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }

    /// Whether Go counts it among the unsigned ones.
    pub(crate) const fn is_unsigned(self) -> bool {
        matches!(self, Self::Byte)
    }
}

/// Text made of bytes that need not be UTF-8: as when Go writes such a string as JSON, each stray byte becomes U+FFFD.
pub(crate) fn text_of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n('\u{fffd}', chunk.invalid().len()));
    }
    text
}
