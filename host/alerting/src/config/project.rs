//! Printing a configuration the way Alertmanager does, so that `amtool` can read it back.
//!
//! YAML is written by hand here because only mappings, lists and quoted texts are needed, and every text is quoted in
//! the one way that both YAML libraries read alike.

use std::fmt::Write;

use bellwether_model::Matcher;
use bellwether_model::duration::PrometheusDuration;
use serde_json::{Map, Value as Json, json};

use super::intervals::{MONTHS, WEEKDAYS};
use super::schema::Field;
use super::{Config, InhibitRuleConfig, ReceiverConfig, RouteConfig, kinds, schema};
use super::{DEFAULT_GROUP_INTERVAL, DEFAULT_GROUP_WAIT, DEFAULT_REPEAT_INTERVAL};
use crate::intervals::{NamedIntervals, TimeInterval};
use crate::matchers::Printed;

pub(super) fn to_yaml(config: &Config) -> String {
    let mut out = String::new();
    write_map(&mut out, 0, &document(config));
    out
}

fn document(config: &Config) -> Map<String, Json> {
    let mut global = Map::new();
    let timeout = PrometheusDuration(config.resolve_timeout).to_string();
    global.insert("resolve_timeout".to_owned(), Json::String(timeout));
    global.extend(printed(kinds::GLOBAL, &config.global));
    global.retain(|key, value| !is_default(key, value));
    let mut top = Map::new();
    top.insert("global".to_owned(), Json::Object(global));
    top.insert("route".to_owned(), Json::Object(route(&config.route, true)));
    let rules = config.inhibit_rules.iter().map(inhibit_rule).collect::<Vec<_>>();
    if !rules.is_empty() {
        top.insert("inhibit_rules".to_owned(), Json::Array(rules));
    }
    top.insert("receivers".to_owned(), config.receivers.iter().map(receiver).collect());
    top.insert("templates".to_owned(), json!(config.templates));
    if !config.time_intervals.is_empty() {
        top.insert("time_intervals".to_owned(), config.time_intervals.iter().map(intervals).collect());
    }
    for (key, fields, part) in [
        ("tracing", kinds::TRACING, &config.tracing),
        ("event_recorder", kinds::EVENT_RECORDER, &config.event_recorder),
    ] {
        if let Some(part) = part {
            top.insert(key.to_owned(), Json::Object(printed(fields, part)));
        }
    }
    top
}

/// Whether a setting of `global:` is only the default that every Alertmanager fills in by itself. These are left out:
/// an `amtool` that is older than the setting would refuse its key.
fn is_default(key: &str, value: &Json) -> bool {
    kinds::GLOBAL_DEFAULTS.iter().any(|(name, default)| *name == key && value == default)
}

/// Settings in the order of their table, secrets masked.
fn printed(fields: &[Field], settings: &Map<String, Json>) -> Map<String, Json> {
    let value = |field: &Field| Some((field.name.to_owned(), settings.get(field.name)?.clone()));
    let mut ordered: Map<String, Json> = fields.iter().filter_map(value).collect();
    schema::mask(fields, &mut ordered);
    ordered
}

fn route(config: &RouteConfig, is_root: bool) -> Map<String, Json> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    let texts = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    let duration = |found: Option<std::time::Duration>, default| {
        let found = found.or_else(|| is_root.then_some(default));
        found.map(|found| Json::String(PrometheusDuration(found).to_string()))
    };
    put("receiver", config.receiver.clone().map(Json::String));
    put("group_by", config.group_by.as_ref().map(|labels| json!(labels)));
    put("matchers", matcher_list(&config.matchers));
    put("mute_time_intervals", texts(&config.mute_time_intervals));
    put("active_time_intervals", texts(&config.active_time_intervals));
    put("continue", Some(Json::Bool(config.continues)));
    put("group_wait", duration(config.group_wait, DEFAULT_GROUP_WAIT));
    put("group_interval", duration(config.group_interval, DEFAULT_GROUP_INTERVAL));
    put("repeat_interval", duration(config.repeat_interval, DEFAULT_REPEAT_INTERVAL));
    put("labels", (!config.labels.is_empty()).then(|| json!(config.labels)));
    let children: Vec<Json> = config.routes.iter().map(|child| Json::Object(route(child, false))).collect();
    put("routes", (!children.is_empty()).then_some(Json::Array(children)));
    map
}

/// Matchers as texts. Those that came from `match_re` keep the anchors that they got when they were read: printing
/// them so means the same, and gives the same group keys.
fn matcher_list(matchers: &[Matcher]) -> Option<Json> {
    let texts = matchers.iter().map(|matcher| Json::String(Printed(matcher).to_string()));
    (!matchers.is_empty()).then(|| texts.collect())
}

fn inhibit_rule(rule: &InhibitRuleConfig) -> Json {
    let mut map = Map::new();
    if !rule.name.is_empty() {
        map.insert("name".to_owned(), Json::String(rule.name.clone()));
    }
    for (key, list) in [("source_matchers", &rule.source), ("target_matchers", &rule.target)] {
        if let Some(list) = matcher_list(list) {
            map.insert(key.to_owned(), list);
        }
    }
    if !rule.equal.is_empty() {
        map.insert("equal".to_owned(), json!(rule.equal));
    }
    Json::Object(map)
}

/// A receiver with those of its integrations that Alertmanager knows.
fn receiver(config: &ReceiverConfig) -> Json {
    let mut map = Map::new();
    map.insert("name".to_owned(), Json::String(config.name.clone()));
    if !config.labels.is_empty() {
        map.insert("labels".to_owned(), json!(config.labels));
    }
    for integration in &config.integrations {
        let Some(spec) = kinds::find(&integration.kind) else {
            continue;
        };
        let mut settings = Map::new();
        settings.insert("send_resolved".to_owned(), Json::Bool(integration.send_resolved));
        settings.extend(printed(spec.fields, &integration.settings));
        settings.retain(|key, value| !is_default(&format!("{}_{key}", spec.name), value));
        let list = map.entry(format!("{}_configs", spec.name)).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(Json::Object(settings));
        }
    }
    Json::Object(map)
}

fn intervals(named: &NamedIntervals) -> Json {
    let list: Vec<Json> = named.intervals.iter().map(interval).collect();
    json!({"name": named.name, "time_intervals": list})
}

fn interval(interval: &TimeInterval) -> Json {
    let mut map = Map::new();
    let mut put = |key: &str, list: Vec<Json>| {
        if !list.is_empty() {
            map.insert(key.to_owned(), Json::Array(list));
        }
    };
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let times = interval.times.iter();
    put(
        "times",
        times.map(|(from, to)| json!({"start_time": clock(*from), "end_time": clock(*to)})).collect(),
    );
    let named = |names: &'static [&'static str], number: i8, first: i8| {
        usize::try_from(number - first).ok().and_then(|at| names.get(at)).map_or("", |name| *name).to_owned()
    };
    let weekday = |day: &i8| named(&WEEKDAYS, *day, 0);
    let month = |month: &i8| named(&MONTHS, *month, 1);
    put(
        "weekdays",
        interval.weekdays.iter().map(|r| range(&weekday(r.start()), &weekday(r.end()))).collect(),
    );
    put("days_of_month", interval.days_of_month.iter().map(|(first, last)| range(first, last)).collect());
    put("months", interval.months.iter().map(|r| range(&month(r.start()), &month(r.end()))).collect());
    put("years", interval.years.iter().map(|r| range(r.start(), r.end())).collect());
    if !interval.zone_name.is_empty() {
        map.insert("location".to_owned(), Json::String(interval.zone_name.clone()));
    }
    Json::Object(map)
}

fn range(from: &impl ToString, to: &impl ToString) -> Json {
    let (from, to) = (from.to_string(), to.to_string());
    Json::String(if from == to { from } else { format!("{from}:{to}") })
}

fn write_map(out: &mut String, indent: usize, map: &Map<String, Json>) {
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            let _ = write!(out, "{:indent$}", "");
        }
        write_text(out, key);
        out.push(':');
        write_value(out, indent, value);
    }
}

/// Writes a value after a key or a dash, with the line break after it.
fn write_value(out: &mut String, indent: usize, value: &Json) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            let _ = write!(out, "\n{:1$}", "", indent + 2);
            write_map(out, indent + 2, map);
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|item| write_item(out, indent, item));
        }
        Json::String(text) => {
            out.push(' ');
            write_text(out, text);
            out.push('\n');
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

fn write_item(out: &mut String, indent: usize, item: &Json) {
    let _ = write!(out, "{:indent$}-", "");
    match item {
        Json::Object(map) if !map.is_empty() => {
            out.push(' ');
            write_map(out, indent + 2, map);
        }
        item => write_value(out, indent + 2, item),
    }
}

/// A text as it is where nobody can take it for something else, in double quotes as in JSON otherwise.
fn write_text(out: &mut String, text: &str) {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./@<>".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '<');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if starts_well && text.chars().all(harmless) && !is_word {
        out.push_str(text);
    } else {
        out.push_str(&Json::String(text.to_owned()).to_string());
    }
}
