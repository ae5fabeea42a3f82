//! What the settings of global, of receivers and of their parts are called, and what they hold.
//!
//! One table serves four purposes: unknown keys are refused with the ones that exist at hand, values are checked and
//! brought into their type, defaults are filled in, and secrets are known when the configuration is printed.

use serde_json::{Map, Value as Json};

use bellwether_model::duration::PrometheusDuration;
use bellwether_model::yaml::{Location, YamlError};

use super::http::Check;
use super::node::{Entry, Node, Plain, Source, Value};
use super::read::{Section, boolean, go_duration, integer, list, prometheus_duration, text, text_map};

/// What a setting holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any scalar.
    Text,
    /// A text that is masked when printed.
    Secret,
    /// An `http` or `https` address.
    Url,
    /// The same, masked when printed.
    SecretUrl,
    /// An address that may hold templates, masked when printed.
    SecretTemplateUrl,
    /// `host:port`
    HostPort,
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `1h30m`
    PromDuration,
    /// `500ms`
    GoDuration,
    /// Texts.
    TextList,
    /// Names to texts.
    TextMap,
    /// Names to texts, the values masked when printed.
    SecretMap,
    /// An address with the password inside masked when printed.
    ProxyUrl,
    /// Names of HTTP headers to their values, masked when printed.
    Headers(Check),
    /// Names to anything.
    AnyMap,
    /// Anything.
    Any,
    /// A mapping with its own settings.
    Object(&'static [Field]),
    /// A mapping with its own settings, which depend on each other.
    Checked(&'static [Field], Check),
    /// A list of such mappings.
    Objects(&'static [Field]),
    /// A mapping, or a text that stands for its setting `template`.
    TextOrObject(&'static [Field]),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// The key.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
}

/// A short way to write a table.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// Reads a mapping by its table. Absent keys stay absent.
pub(crate) fn read_object(
    source: Source<'_>,
    what: &'static str,
    fields: &'static [Field],
    node: Node,
) -> Result<Map<String, Json>, YamlError> {
    let mut section = Section::new(source, what, node)?;
    let read = take_fields(source, fields, &mut section)?;
    section.finish()?;
    Ok(read)
}

/// Takes the settings of a table out of a section, whose other keys somebody else knows.
pub(crate) fn take_fields(
    source: Source<'_>,
    fields: &'static [Field],
    section: &mut Section<'_>,
) -> Result<Map<String, Json>, YamlError> {
    let mut read = Map::new();
    for field in fields {
        if let Some(node) = section.take(field.name) {
            read.insert(field.name.to_owned(), read_value(source, field.name, field.kind, node)?);
        }
    }
    Ok(read)
}

fn read_value(source: Source<'_>, name: &'static str, kind: Kind, node: Node) -> Result<Json, YamlError> {
    Ok(match kind {
        Kind::Text | Kind::Secret | Kind::ProxyUrl => Json::String(text(source, name, node)?.value),
        Kind::Url | Kind::SecretUrl => Json::String(checked_url(source, name, node)?),
        Kind::SecretTemplateUrl => Json::String(checked_template_url(source, name, node)?),
        Kind::HostPort => Json::String(checked_host_port(source, name, node)?),
        Kind::Bool => Json::Bool(boolean(source, name, &node)?),
        Kind::Int => Json::from(integer(source, name, &node)?),
        Kind::Float => float(source, name, &node)?,
        Kind::PromDuration => {
            Json::String(PrometheusDuration(prometheus_duration(source, name, node)?.value).to_string())
        }
        Kind::GoDuration => {
            let written = text(source, name, node.clone())?.value;
            go_duration(source, name, node)?;
            Json::String(written)
        }
        Kind::TextList => {
            let texts =
                list(source, name, node)?.into_iter().map(|item| Ok(text(source, name, item)?.value.into()));
            Json::Array(texts.collect::<Result<_, YamlError>>()?)
        }
        Kind::TextMap | Kind::SecretMap => {
            let pairs = text_map(source, name, node)?;
            pairs.into_iter().map(|(key, value)| (key.value, value.unwrap_or_default())).collect()
        }
        Kind::Headers(check) => {
            let place = node.place;
            let headers = read_value(source, name, Kind::AnyMap, node)?;
            checked(source, &place, headers.as_object(), check)?;
            headers
        }
        Kind::AnyMap if matches!(node.value, Value::Map(_)) => to_json(node),
        Kind::AnyMap => Json::Object(read_object(source, name, &[], node)?),
        Kind::Any => to_json(node),
        Kind::Object(fields) => Json::Object(read_object(source, name, fields, node)?),
        Kind::Checked(fields, check) => {
            let place = node.place;
            let read = read_object(source, name, fields, node)?;
            checked(source, &place, Some(&read), check)?;
            Json::Object(read)
        }
        Kind::Objects(fields) => {
            let items = list(source, name, node)?.into_iter();
            let read = items.map(|item| Ok(Json::Object(read_object(source, name, fields, item)?)));
            Json::Array(read.collect::<Result<_, YamlError>>()?)
        }
        Kind::TextOrObject(_) if matches!(node.value, Value::Scalar { .. }) => {
            let template = text(source, name, node)?.value;
            Json::Object(Map::from_iter([("template".to_owned(), Json::String(template))]))
        }
        Kind::TextOrObject(fields) => Json::Object(read_object(source, name, fields, node)?),
    })
}

fn checked(
    source: Source<'_>,
    place: &Location,
    read: Option<&Map<String, Json>>,
    check: Check,
) -> Result<(), YamlError> {
    let verdict = read.map_or(Ok(()), check);
    verdict.map_err(|wrong| source.error(place, wrong.message).with_hint(wrong.hint))
}

fn float(source: Source<'_>, name: &'static str, node: &Node) -> Result<Json, YamlError> {
    match node.value {
        Value::Scalar { plain: Plain::Float(value), .. } => Ok(Json::from(value)),
        _ => integer(source, name, node).map(Json::from),
    }
}

fn checked_url(source: Source<'_>, name: &'static str, node: Node) -> Result<String, YamlError> {
    let url = text(source, name, node)?;
    // `amtool config show` prints masked addresses, and a file made from that must load again.
    // A `${VAR}` is looked up later, by whoever knows the environment.
    if url.value == "<secret>" || url.value.contains("${") {
        return Ok(url.value);
    }
    let (scheme, rest) = url.value.split_once("://").unwrap_or(("", &url.value));
    let scheme_ok = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let problem = match (scheme_ok, host.is_empty()) {
        (false, _) => format!("unsupported scheme {scheme:?} for URL in `{name}`"),
        (true, true) => format!("missing host for URL in `{name}`"),
        (true, false) => return Ok(url.value),
    };
    Err(source.error(&url.place, problem).with_hint("write it as in `https://example.org/path`"))
}

/// As Alertmanager 0.34: of a template only the syntax can be told before it is rendered; an empty text counts as none.
fn checked_template_url(source: Source<'_>, name: &'static str, node: Node) -> Result<String, YamlError> {
    let written = text(source, name, node.clone())?;
    if written.value.is_empty() {
        return Ok(written.value);
    }
    if !written.value.contains("{{") || written.value.contains("${") {
        return checked_url(source, name, node);
    }
    match bellwether_template::alertmanager::check_syntax(&written.value) {
        Ok(()) => Ok(written.value),
        Err(error) => {
            let problem = source.error(&written.place, format!("invalid template in `{name}`: {error}"));
            Err(problem.with_hint("write it as in `https://example.org/{{ .GroupLabels.team }}`"))
        }
    }
}

fn checked_host_port(source: Source<'_>, name: &'static str, node: Node) -> Result<String, YamlError> {
    let address = text(source, name, node)?;
    let has_port = address.value.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty());
    if address.value.is_empty() || has_port || address.value.contains("${") {
        return Ok(address.value);
    }
    let message = format!("address {:?}: missing port in `{name}`", address.value);
    Err(source.error(&address.place, message).with_hint("write it as in `localhost:587`"))
}

/// The plain values of a tree.
pub(crate) fn to_json(node: Node) -> Json {
    match node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, plain } => match plain {
            Plain::Text => Json::String(text),
            Plain::Bool(value) => Json::Bool(value),
            Plain::Int(value) => Json::from(value),
            Plain::Float(value) => {
                serde_json::Number::from_f64(value).map_or(Json::String(text), Json::Number)
            }
        },
        Value::List(items) => Json::Array(items.into_iter().map(to_json).collect()),
        Value::Map(entries) => {
            let pair = |entry: Entry| (entry.key, to_json(entry.node));
            Json::Object(entries.into_iter().map(pair).collect())
        }
    }
}

/// Puts `<secret>` where the table knows one.
pub(crate) fn mask(fields: &[Field], settings: &mut Map<String, Json>) {
    for field in fields {
        let Some(value) = settings.get_mut(field.name) else {
            continue;
        };
        mask_value(field.kind, value);
    }
}

fn mask_value(kind: Kind, value: &mut Json) {
    match (kind, value) {
        (Kind::Secret | Kind::SecretUrl, Json::String(text)) if !text.is_empty() => {
            "<secret>".clone_into(text);
        }
        (Kind::SecretTemplateUrl, Json::String(text)) if !text.is_empty() => *text = masked_url(text),
        (Kind::SecretMap, Json::Object(map)) => {
            map.values_mut().for_each(|value| *value = Json::String("<secret>".to_owned()));
        }
        (Kind::ProxyUrl, Json::String(text)) => *text = without_password(text),
        (Kind::Headers(_), Json::Object(headers)) => headers.values_mut().for_each(mask_header),
        (Kind::Object(fields) | Kind::Checked(fields, _) | Kind::TextOrObject(fields), Json::Object(map)) => {
            mask(fields, map);
        }
        (Kind::Objects(fields), Json::Array(items)) => {
            items.iter_mut().filter_map(Json::as_object_mut).for_each(|map| mask(fields, map));
        }
        _ => {}
    }
}

/// The origin of a URL with its path hidden: before 0.26 `amtool` reads this setting as a plain URL, and refuses
/// `<secret>` alone.
fn masked_url(url: &str) -> String {
    let origin = url
        .split_once("://")
        .map(|(scheme, rest)| (scheme, rest.split(['/', '?', '#']).next().unwrap_or("")));
    match origin {
        Some((scheme @ ("http" | "https"), host)) if !host.is_empty() && !host.contains(['{', '@', '$']) => {
            format!("{scheme}://{host}/<secret>")
        }
        _ => "<secret>".to_owned(),
    }
}

/// A URL whose password is replaced in the way of Alertmanager, which has to be able to read it again.
fn without_password(url: &str) -> String {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (user_info, host) = rest[..end].rsplit_once('@')?;
        let (user, _) = user_info.split_once(':')?;
        Some(format!("{scheme}://{user}:xxxxx@{host}{}", &rest[end..]))
    };
    parts().unwrap_or_else(|| url.to_owned())
}

/// A header is a list of secrets, or a mapping that has one beside values and files.
fn mask_header(header: &mut Json) {
    let secrets = match header {
        Json::Object(parts) => parts.get_mut("secrets").and_then(Json::as_array_mut),
        Json::Array(secrets) => Some(secrets),
        _ => None,
    };
    secrets.into_iter().flatten().for_each(|secret| *secret = Json::String("<secret>".to_owned()));
}
