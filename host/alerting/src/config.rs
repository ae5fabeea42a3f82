//! Alertmanager's configuration file, 0.34, as far as routing needs it, read strictly.
//!
//! Everything that can be known to be wrong is said when the file is read: unknown keys with what was probably meant,
//! receivers and time intervals that do not exist, values that cannot work, each with file, line and remedy.
//! Two things go beyond Alertmanager: `subject` and `body` of e-mails, and `<plugin>_configs` for integrations that
//! plugins bring. Variables in texts, templates and files of secrets are not looked at here.

use std::collections::BTreeSet;
use std::time::Duration;

use bellwether_model::yaml::YamlError;
use serde_json::{Map, Value as Json};

use crate::intervals::NamedIntervals;

pub use self::inhibit::InhibitRuleConfig;
pub use self::kinds::upstream_kinds;
pub use self::receiver::{Integration, ReceiverConfig};
pub use self::route::RouteConfig;

mod http;
mod inhibit;
mod intervals;
mod kinds;
mod node;
mod project;
mod read;
mod receiver;
mod route;
mod schema;
#[cfg(test)]
mod tests;

use self::node::Source;
use self::read::{Located, Section};

/// Why a configuration cannot be used; says file, line, what and remedy.
pub type ConfigError = YamlError;

/// How long a new group collects before it is told, where no route says.
pub const DEFAULT_GROUP_WAIT: Duration = Duration::from_secs(30);
/// How often a group is looked at afterwards, where no route says.
pub const DEFAULT_GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// After how long the same is told again, where no route says.
pub const DEFAULT_REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3600);
/// How long an alert without an end lasts after it was last heard of, where `global:` does not say.
pub const DEFAULT_RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Something that a reader of the file should know, though it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Line of the file, from 1.
    pub line: u64,
    /// What, in one sentence.
    pub message: String,
}

/// A configuration that has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How long an alert without an end lasts after it was last heard of.
    pub resolve_timeout: Duration,
    /// All other settings of `global:`, defaults filled in.
    pub global: Map<String, Json>,
    /// The routing tree.
    pub route: RouteConfig,
    /// What keeps what from being told.
    pub inhibit_rules: Vec<InhibitRuleConfig>,
    /// Who can be told.
    pub receivers: Vec<ReceiverConfig>,
    /// Globs of template files, as they are written.
    pub templates: Vec<String>,
    /// Those of `time_intervals:` and of `mute_time_intervals:`.
    pub time_intervals: Vec<NamedIntervals>,
    tracing: Option<Map<String, Json>>,
    event_recorder: Option<Map<String, Json>>,
}

impl Config {
    /// Reads and checks a file; `file_name` is only for messages.
    pub fn parse(file_name: &str, text: &str) -> Result<(Self, Vec<Note>), ConfigError> {
        let source = Source { file: file_name, text };
        let mut notes = Vec::new();
        let mut section = Section::new(source, "the configuration", node::read(source)?)?;
        let (resolve_timeout, global) = read_global(source, &mut section)?;
        let Some(root) = section.take("route") else {
            let error = YamlError::of_file(file_name, "no route provided in config");
            return Err(error.with_hint("add `route: {receiver: NAME}` and a receiver of that name"));
        };
        let mut uses = route::Uses::default();
        let route = route::read_root(source, root, &mut uses)?;
        let receivers = read_receivers(source, &mut section, &global, &mut notes)?;
        let inhibit_rules = section.list("inhibit_rules")?;
        let inhibit_rules = inhibit_rules.into_iter().map(|node| inhibit::read(source, node));
        let inhibit_rules = inhibit_rules.collect::<Result<_, _>>()?;
        let templates = section.texts("templates")?.unwrap_or_default();
        let time_intervals = read_intervals(source, &mut section)?;
        let tracing = read_tracing(source, &mut section)?;
        let event_recorder = section.take("event_recorder");
        let event_recorder = event_recorder
            .map(|node| schema::read_object(source, "event_recorder", kinds::EVENT_RECORDER, node))
            .transpose()?;
        section.finish()?;
        check_uses(source, &uses, &receivers, &time_intervals)?;
        let config = Self {
            resolve_timeout,
            global,
            route,
            inhibit_rules,
            receivers,
            templates: templates.into_iter().map(|glob| glob.value).collect(),
            time_intervals,
            tracing,
            event_recorder,
        };
        Ok((config, notes))
    }

    /// The receiver of that name.
    pub fn receiver(&self, name: &str) -> Option<&ReceiverConfig> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// The kinds of all integrations, each once: what has to be built in or brought by a plugin.
    pub fn integration_kinds(&self) -> BTreeSet<&str> {
        let integrations = self.receivers.iter().flat_map(|receiver| &receiver.integrations);
        integrations.map(|integration| integration.kind.as_str()).collect()
    }

    /// The configuration as Alertmanager would print it: defaults filled in, secrets masked, without what only this
    /// host knows. `amtool` reads it with Alertmanager's own strict schema.
    pub fn to_alertmanager_yaml(&self) -> String {
        project::to_yaml(self)
    }
}

fn read_global(
    source: Source<'_>,
    section: &mut Section<'_>,
) -> Result<(Duration, Map<String, Json>), YamlError> {
    let mut global = Map::new();
    let mut resolve_timeout = DEFAULT_RESOLVE_TIMEOUT;
    if let Some(node) = section.take("global") {
        let place = node.place;
        let mut inner = Section::new(source, "global", node)?;
        resolve_timeout = inner.duration("resolve_timeout")?.map_or(resolve_timeout, |found| found.value);
        global = schema::take_fields(source, kinds::GLOBAL, &mut inner)?;
        inner.finish()?;
        receiver::check_rules(source, &place, kinds::GLOBAL_RULES, &global)?;
        receiver::check_global_slack(source, &place, &global)?;
    }
    for (name, value) in kinds::GLOBAL_DEFAULTS {
        global.entry(*name).or_insert_with(|| Json::String((*value).to_owned()));
    }
    global.entry("smtp_require_tls").or_insert(Json::Bool(true));
    Ok((resolve_timeout, global))
}

fn read_receivers(
    source: Source<'_>,
    section: &mut Section<'_>,
    global: &Map<String, Json>,
    notes: &mut Vec<Note>,
) -> Result<Vec<ReceiverConfig>, YamlError> {
    let mut receivers: Vec<ReceiverConfig> = Vec::new();
    let mut context = receiver::Context { source, global, notes, fallbacks: Vec::new() };
    for node in section.list("receivers")? {
        let place = node.place;
        let receiver = receiver::read(&mut context, node)?;
        if receivers.iter().any(|known| known.name == receiver.name) {
            let message = format!("notification config name {:?} is not unique", receiver.name);
            return Err(source.error(&place, message).with_hint("give each receiver its own name"));
        }
        receivers.push(receiver);
    }
    receiver::check_fallbacks(source, &receivers, &context.fallbacks)?;
    Ok(receivers)
}

fn read_intervals(source: Source<'_>, section: &mut Section<'_>) -> Result<Vec<NamedIntervals>, YamlError> {
    let mut all: Vec<NamedIntervals> = Vec::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        let node = section.take(key);
        for Located { value, place } in intervals::read_all(source, key, node)? {
            if all.iter().any(|known| known.name == value.name) {
                let message = format!("time interval {:?} is not unique", value.name);
                return Err(source.error(&place, message).with_hint("give each time interval its own name"));
            }
            all.push(value);
        }
    }
    Ok(all)
}

fn read_tracing(
    source: Source<'_>,
    section: &mut Section<'_>,
) -> Result<Option<Map<String, Json>>, YamlError> {
    let Some(node) = section.take("tracing") else {
        return Ok(None);
    };
    let place = node.place;
    let tracing = schema::read_object(source, "tracing", kinds::TRACING, node)?;
    if !receiver::is_set(&tracing, "endpoint") {
        return Err(source
            .error(&place, "tracing endpoint must be set")
            .with_hint("add `endpoint: HOST:PORT`"));
    }
    Ok(Some(tracing))
}

fn check_uses(
    source: Source<'_>,
    uses: &route::Uses,
    receivers: &[ReceiverConfig],
    intervals: &[NamedIntervals],
) -> Result<(), YamlError> {
    let receivers: Vec<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let intervals: Vec<&str> = intervals.iter().map(|interval| interval.name.as_str()).collect();
    check_names(source, "receiver", &uses.receivers, &receivers)?;
    check_names(source, "time interval", &uses.intervals, &intervals)
}

fn check_names(
    source: Source<'_>,
    what: &str,
    used: &[Located<String>],
    known: &[&str],
) -> Result<(), YamlError> {
    let Some(missing) = used.iter().find(|used| !known.contains(&used.value.as_str())) else {
        return Ok(());
    };
    let error = source.error(&missing.place, format!("undefined {what} {:?} used in route", missing.value));
    let hint = match bellwether_model::yaml::did_you_mean(&missing.value, known.iter().copied()) {
        Some(close) => format!("did you mean {close:?}?"),
        None if known.is_empty() => format!("the file defines no {what}"),
        None => format!("defined are: {}", known.join(", ")),
    };
    Err(error.with_hint(hint))
}
