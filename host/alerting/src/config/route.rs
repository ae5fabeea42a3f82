//! The `route:` section: the tree as it is written, before inheritance.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bellwether_model::labels::is_classic_label_name;
use bellwether_model::yaml::{Location, YamlError};
use bellwether_model::{MatchOp, Matcher};

use super::node::{Node, Source};
use super::read::{Located, Section, plain_map};
use crate::matchers;

/// The longest chain of routes within routes.
pub(crate) const MAX_ROUTE_DEPTH: usize = 16;

/// One node of the routing tree. What is `None` comes from the parent.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteConfig {
    /// Who is told.
    pub receiver: Option<String>,
    /// By which labels alerts are put together; `...` alone means by all.
    pub group_by: Option<Vec<String>>,
    /// How long a new group collects before it is told.
    pub group_wait: Option<Duration>,
    /// How often a group is looked at afterwards.
    pub group_interval: Option<Duration>,
    /// After how long the same is told again.
    pub repeat_interval: Option<Duration>,
    /// All must match; those of `match`, `match_re` and `matchers` together, ordered.
    pub matchers: Vec<Matcher>,
    /// Whether siblings further down see the alert too.
    pub continues: bool,
    /// Time intervals in which nothing is told. Not inherited.
    pub mute_time_intervals: Vec<String>,
    /// Time intervals outside of which nothing is told. Not inherited.
    pub active_time_intervals: Vec<String>,
    /// Labels of the route, templates allowed; merged with those of the parent.
    pub labels: BTreeMap<String, String>,
    /// Tried in order.
    pub routes: Vec<Self>,
}

/// Names that the tree uses, to be looked up when all sections are read.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) receivers: Vec<Located<String>>,
    pub(super) intervals: Vec<Located<String>>,
}

/// Reads the root of the tree.
pub(super) fn read_root(source: Source<'_>, node: Node, uses: &mut Uses) -> Result<RouteConfig, YamlError> {
    let place = node.place;
    let has = |key: &str| match &node.value {
        super::node::Value::Map(entries) => {
            entries.iter().find(|entry| entry.key == key).map(|entry| entry.place)
        }
        _ => None,
    };
    for key in ["match", "match_re", "matchers"] {
        if let Some(at) = has(key).filter(|_| !is_empty_value(&node, key)) {
            let message = format!("the root route must not have `{key}`: it takes every alert");
            return Err(source.error(&at, message).with_hint("move it to a route under `routes:`"));
        }
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        if let Some(at) = has(key).filter(|_| !is_empty_value(&node, key)) {
            let message = format!("the root route must not have `{key}`");
            return Err(source.error(&at, message).with_hint("move it to a route under `routes:`"));
        }
    }
    let continue_place = has("continue");
    let root = read(source, node, uses, 1)?;
    if root.continues {
        let at = continue_place.unwrap_or(place);
        return Err(source.error(&at, "cannot have `continue` in the root route").with_hint("remove it"));
    }
    if root.receiver.as_deref().unwrap_or("").is_empty() {
        let error = source.error(&place, "root route must specify a default receiver");
        return Err(error.with_hint("add `receiver: NAME` to `route:`"));
    }
    Ok(root)
}

fn is_empty_value(node: &Node, key: &str) -> bool {
    use super::node::Value;
    let Value::Map(entries) = &node.value else {
        return true;
    };
    entries.iter().filter(|entry| entry.key == key).all(|entry| match &entry.node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Scalar { .. } => false,
    })
}

fn read(source: Source<'_>, node: Node, uses: &mut Uses, depth: usize) -> Result<RouteConfig, YamlError> {
    if depth > MAX_ROUTE_DEPTH {
        return Err(source.error(&node.place, format!("routes are nested deeper than {MAX_ROUTE_DEPTH}")));
    }
    let mut section = Section::new(source, "route", node)?;
    let receiver = section.text("receiver")?;
    let group_by = section.texts("group_by")?;
    let matchers = matchers_of(source, &mut section, "match", "match_re", "matchers")?;
    let mute = section.texts("mute_time_intervals")?.unwrap_or_default();
    let active = section.texts("active_time_intervals")?.unwrap_or_default();
    let continues = section.bool("continue")?.unwrap_or(false);
    let group_wait = section.duration("group_wait")?.map(|found| found.value);
    let group_interval = not_zero(source, "group_interval", section.duration("group_interval")?)?;
    let repeat_interval = not_zero(source, "repeat_interval", section.duration("repeat_interval")?)?;
    let labels = plain_map(section.text_map("labels")?);
    let children = section.list("routes")?;
    section.finish()?;
    let routes = children
        .into_iter()
        .map(|child| read(source, child, uses, depth + 1))
        .collect::<Result<Vec<_>, _>>()?;
    uses.intervals.extend(mute.iter().chain(&active).cloned());
    uses.receivers.extend(receiver.iter().filter(|name| !name.value.is_empty()).cloned());
    let names = |list: Vec<Located<String>>| list.into_iter().map(|name| name.value).collect();
    Ok(RouteConfig {
        receiver: receiver.map(|name| name.value).filter(|name| !name.is_empty()),
        group_by: group_by.map(|labels| checked_group_by(source, labels)).transpose()?,
        group_wait,
        group_interval,
        repeat_interval,
        matchers,
        continues,
        mute_time_intervals: names(mute),
        active_time_intervals: names(active),
        labels,
        routes,
    })
}

fn not_zero(
    source: Source<'_>,
    key: &str,
    found: Option<Located<Duration>>,
) -> Result<Option<Duration>, YamlError> {
    match found {
        Some(Located { value: Duration::ZERO, place }) => {
            let error = source.error(&place, format!("{key} cannot be zero"));
            Err(error.with_hint("leave it out to inherit it, or give a time such as `5m`"))
        }
        found => Ok(found.map(|found| found.value)),
    }
}

fn checked_group_by(source: Source<'_>, labels: Vec<Located<String>>) -> Result<Vec<String>, YamlError> {
    let mut seen = HashSet::new();
    let by_all = labels.iter().any(|label| label.value == "...");
    for label in &labels {
        if by_all && labels.len() > 1 {
            let error = source.error(
                &label.place,
                "cannot have wildcard group_by (`...`) and other labels at the same time",
            );
            return Err(error.with_hint("use `group_by: ['...']` alone, or list the labels"));
        }
        if label.value.is_empty() {
            return Err(source.error(&label.place, "an empty text is no label name in group_by"));
        }
        if !seen.insert(label.value.as_str()) {
            let message = format!("duplicated label {:?} in group_by", label.value);
            return Err(source.error(&label.place, message).with_hint("name each label once"));
        }
    }
    Ok(labels.into_iter().map(|label| label.value).collect())
}

/// The matchers of a route or of one side of an inhibition, from the three ways to write them, ordered.
pub(super) fn matchers_of(
    source: Source<'_>,
    section: &mut Section<'_>,
    equal_key: &'static str,
    regex_key: &'static str,
    list_key: &'static str,
) -> Result<Vec<Matcher>, YamlError> {
    let mut all = Vec::new();
    for (name, value) in section.text_map(equal_key)? {
        check_classic_name(source, equal_key, &name)?;
        all.push(Matcher::equal(name.value, value.unwrap_or_default()));
    }
    for (name, value) in section.text_map(regex_key)? {
        check_classic_name(source, regex_key, &name)?;
        let Some(pattern) = value else {
            let message = format!("invalid regexp value for {:?}", name.value);
            return Err(source
                .error(&name.place, message)
                .with_hint("give a regular expression, or remove the key"));
        };
        // As Alertmanager prints it in group keys: the anchors belong to the pattern.
        let anchored = format!("^(?:{pattern})$");
        let matcher = matchers::compile(&name.value, MatchOp::Regex, &anchored);
        all.push(matcher.map_err(|error| matcher_error(source, &name.place, &error))?);
    }
    for text in section.texts(list_key)?.unwrap_or_default() {
        let list =
            matchers::parse_list(&text.value).map_err(|error| matcher_error(source, &text.place, &error))?;
        all.extend(list);
    }
    matchers::sort(&mut all);
    Ok(all)
}

fn check_classic_name(source: Source<'_>, key: &str, name: &Located<String>) -> Result<(), YamlError> {
    if is_classic_label_name(&name.value) {
        return Ok(());
    }
    let error = source.error(&name.place, format!("invalid label name {:?} in `{key}`", name.value));
    Err(error.with_hint("names with other characters can be matched under `matchers:`, in double quotes"))
}

fn matcher_error(source: Source<'_>, place: &Location, error: &matchers::MatcherError) -> YamlError {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    let message = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    source.error(place, message).with_hint("write it as in `severity=\"critical\"` or `service=~\"api|web\"`")
}
