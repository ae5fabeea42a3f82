//! The `receivers:` section: who can be told, and by which integrations.
//!
//! Alertmanager's own integrations are checked by their table; any other `<name>_configs` belongs to a plugin of that
//! name, which looks at its settings itself.

use std::collections::BTreeMap;

use bellwether_model::yaml::{Location, YamlError, did_you_mean};
use serde_json::{Map, Value as Json};

pub(super) use self::details::check_global_slack;
use super::Note;
use super::kinds::{self, KINDS, KindSpec, Rule};
use super::node::{Entry, Node, Source};
use super::read::{Section, boolean, list, plain_map, text};
use super::schema::take_fields;

mod details;

/// What ends the key of an integration's list.
const CONFIGS_SUFFIX: &str = "_configs";

/// Somebody who can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverConfig {
    /// What routes call it.
    pub name: String,
    /// Labels of the receiver itself (Alertmanager 0.33), for filters of the API.
    pub labels: BTreeMap<String, String>,
    /// Who is told instead what does not get there; none of Alertmanager's settings.
    pub fallback: Option<String>,
    /// By which ways, in the order of the file; an integration is known by its index here.
    pub integrations: Vec<Integration>,
}

/// One way to tell a receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// `slack` for `slack_configs`: one of Alertmanager's, or a plugin's name.
    pub kind: String,
    /// Whether it tells about the end of alerts.
    pub send_resolved: bool,
    /// Its settings without `send_resolved`, with what comes from `global:` filled in.
    pub settings: Map<String, Json>,
    /// Where the settings begin, for messages.
    pub place: Location,
    /// Where each setting stands that is written down here.
    places: BTreeMap<String, Location>,
}

impl Integration {
    /// Whether the kind is one that Alertmanager knows too.
    pub fn is_upstream_kind(&self) -> bool {
        kinds::find(&self.kind).is_some()
    }

    /// Where a setting stands, under its own name or as a file; else where all of them begin.
    pub fn place_of(&self, setting: &str) -> Location {
        let own = self.places.get(setting).or_else(|| self.places.get(&format!("{setting}_file")));
        own.copied().unwrap_or(self.place)
    }

    /// How many alerts one message holds at most; none where there is no limit.
    pub fn max_alerts(&self) -> Option<usize> {
        let max = self.settings.get("max_alerts")?.as_u64()?;
        usize::try_from(max).ok().filter(|max| *max > 0)
    }
}

/// What the receivers' readers share.
#[derive(Debug)]
pub(super) struct Context<'s, 'g> {
    pub(super) source: Source<'s>,
    pub(super) global: &'g Map<String, Json>,
    pub(super) notes: &'g mut Vec<Note>,
    /// Where fallbacks are named, in order of the receivers that have one.
    pub(super) fallbacks: Vec<Location>,
}

/// Reads one receiver.
pub(super) fn read(context: &mut Context<'_, '_>, node: Node) -> Result<ReceiverConfig, YamlError> {
    let source = context.source;
    let mut section = Section::new(source, "receiver", node)?;
    let place = section.place();
    let name = section.text("name")?.map(|name| name.value).unwrap_or_default();
    if name.is_empty() {
        return Err(source.error(&place, "missing name in receiver").with_hint("add `name: NAME`"));
    }
    let labels = plain_map(section.text_map("labels")?);
    let fallback = section.text("fallback")?.map(|fallback| {
        context.fallbacks.push(fallback.place);
        fallback.value
    });
    section.also_known(KNOWN_KEYS.iter().copied());
    let lists = section.take_where(|key| key.len() > CONFIGS_SUFFIX.len() && key.ends_with(CONFIGS_SUFFIX));
    section.finish()?;
    let mut integrations = Vec::new();
    for entry in lists {
        read_list(context, entry, &mut integrations)?;
    }
    Ok(ReceiverConfig { name, labels, fallback, integrations })
}

/// Every fallback is a receiver, and none comes back to where it began. `places` are those of the fallbacks.
pub(super) fn check_fallbacks(
    source: Source<'_>,
    receivers: &[ReceiverConfig],
    places: &[Location],
) -> Result<(), YamlError> {
    let find = |name: &str| receivers.iter().find(|receiver| receiver.name == name);
    let with_fallback = receivers.iter().filter(|receiver| receiver.fallback.is_some());
    for (receiver, place) in with_fallback.zip(places) {
        let (mut next, mut steps) = (receiver.fallback.as_deref(), 0);
        while let Some(name) = next {
            let Some(found) = find(name) else {
                let message = format!("fallback {name:?} is no receiver");
                let hint = match did_you_mean(name, receivers.iter().map(|own| own.name.as_str())) {
                    Some(close) => format!("did you mean {close:?}?"),
                    None => "name one of the receivers of this file".to_owned(),
                };
                return Err(source.error(place, message).with_hint(hint));
            };
            steps += 1;
            if found.name == receiver.name || steps > receivers.len() {
                let message = format!("the fallbacks of receiver {:?} go round in a circle", receiver.name);
                return Err(source.error(place, message).with_hint("take one of them out"));
            }
            next = found.fallback.as_deref();
        }
    }
    Ok(())
}

/// Keys that a typo may have been meant for.
const KNOWN_KEYS: &[&str] = &[
    "webhook_configs",
    "email_configs",
    "slack_configs",
    "pagerduty_configs",
    "opsgenie_configs",
    "victorops_configs",
    "pushover_configs",
    "wechat_configs",
    "sns_configs",
    "telegram_configs",
    "discord_configs",
    "webex_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "jira_configs",
    "rocketchat_configs",
    "mattermost_configs",
    "incidentio_configs",
];

fn read_list(
    context: &mut Context<'_, '_>,
    entry: Entry,
    integrations: &mut Vec<Integration>,
) -> Result<(), YamlError> {
    let kind = entry.key.strip_suffix(CONFIGS_SUFFIX).unwrap_or(&entry.key).to_owned();
    let spec = kinds::find(&kind);
    if spec.is_none() {
        note_plugin(context, &kind, &entry.place);
    }
    for item in list(context.source, &entry.key, entry.node)? {
        let integration = match spec {
            Some(spec) => read_upstream(context, spec, item)?,
            None => read_plugin(context, &kind, item)?,
        };
        integrations.push(integration);
    }
    Ok(())
}

fn note_plugin(context: &mut Context<'_, '_>, kind: &str, place: &Location) {
    let Some(close) = did_you_mean(kind, KINDS.iter().map(|kind| kind.name)) else { return };
    let message = format!(
        "`{kind}{CONFIGS_SUFFIX}` is taken for a plugin called {kind}; was `{close}{CONFIGS_SUFFIX}` meant?"
    );
    context.notes.push(Note { line: place.line(), message });
}

/// Settings of a plugin are taken as they are, but for those of the requests that the host sends for it.
fn read_plugin(context: &Context<'_, '_>, kind: &str, node: Node) -> Result<Integration, YamlError> {
    let source = context.source;
    let place = node.place;
    let mut section = Section::new(source, "plugin settings", node)?;
    let places = section.places();
    let send_resolved = section.bool("send_resolved")?.unwrap_or(true);
    let mut settings = take_fields(source, &[kinds::HTTP_CONFIG], &mut section)?;
    let rest = section.take_where(|_| true);
    settings.extend(rest.into_iter().map(|entry| (entry.key, super::schema::to_json(entry.node))));
    fill_http_from_global(context.global, &mut settings);
    Ok(Integration { kind: kind.to_owned(), send_resolved, settings, place, places })
}

fn read_upstream(
    context: &mut Context<'_, '_>,
    spec: &'static KindSpec,
    node: Node,
) -> Result<Integration, YamlError> {
    let source = context.source;
    let place = node.place;
    let mut section = Section::new(source, spec.name, node)?;
    let places = section.places();
    let send_resolved =
        section.take("send_resolved").map(|node| boolean(source, "send_resolved", &node)).transpose()?;
    let aliases =
        if spec.name == "email" { take_email_aliases(context, &mut section)? } else { Aliases::default() };
    let mut settings = take_fields(source, spec.fields, &mut section)?;
    section.finish()?;
    aliases.apply(&mut settings);
    fill_from_global(spec, context.global, &mut settings);
    if spec.name == "slack" {
        details::slack_address(source, &place, context.global, &mut settings)?;
    }
    check_rules(source, &place, spec.rules, &settings)?;
    details::check(source, &place, spec.name, &settings)?;
    Ok(Integration {
        kind: spec.name.to_owned(),
        send_resolved: send_resolved.unwrap_or(spec.send_resolved),
        settings,
        place,
        places,
    })
}

/// `subject` and `body`, which many files have although Alertmanager knows only `headers: {Subject: ..}` and `text`.
#[derive(Debug, Default)]
struct Aliases {
    subject: Option<String>,
    body: Option<String>,
}

fn take_email_aliases(
    context: &mut Context<'_, '_>,
    section: &mut Section<'_>,
) -> Result<Aliases, YamlError> {
    let mut take = |key: &'static str, means: &str| -> Result<Option<String>, YamlError> {
        let line = section.line_of(key);
        let Some(node) = section.take(key) else {
            return Ok(None);
        };
        let message =
            format!("`{key}` in email_configs is taken for `{means}`; Alertmanager itself refuses it");
        context.notes.push(Note { line, message });
        Ok(Some(text(context.source, key, node)?.value))
    };
    Ok(Aliases { subject: take("subject", "headers.Subject")?, body: take("body", "text")? })
}

impl Aliases {
    fn apply(self, settings: &mut Map<String, Json>) {
        if let Some(body) = self.body {
            settings.entry("text").or_insert(Json::String(body));
        }
        let Some(subject) = self.subject else { return };
        let headers = settings.entry("headers").or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(headers) = headers
            && !headers.keys().any(|name| name.eq_ignore_ascii_case("subject"))
        {
            headers.insert("Subject".to_owned(), Json::String(subject));
        }
    }
}

fn fill_from_global(spec: &KindSpec, global: &Map<String, Json>, settings: &mut Map<String, Json>) {
    let has_http = spec.fields.iter().any(|field| field.name == "http_config");
    if has_http {
        fill_http_from_global(global, settings);
    }
    if spec.name == "msteamsv2" {
        fill_proxy_from_global(global, settings);
    }
    for group in spec.from_global {
        // A `false` that is written down is an answer.
        let says = |own: &str| is_set(settings, own) || settings.get(own) == Some(&Json::Bool(false));
        if group.iter().any(|(own, _)| says(own)) {
            continue;
        }
        for (own, from) in *group {
            if let Some(value) = global.get(*from) {
                settings.insert((*own).to_owned(), value.clone());
            }
        }
    }
}

/// An integration's own `http_config` replaces the global one whole.
fn fill_http_from_global(global: &Map<String, Json>, settings: &mut Map<String, Json>) {
    if let Some(http) = global.get("http_config") {
        settings.entry("http_config").or_insert_with(|| http.clone());
    }
}

/// The one kind whose own `http_config` leaves the global proxy in place.
fn fill_proxy_from_global(global: &Map<String, Json>, settings: &mut Map<String, Json>) {
    let proxy = global.get("http_config").and_then(|http| http.get("proxy_url"));
    if let (Some(proxy), Some(Json::Object(own))) = (proxy, settings.get_mut("http_config"))
        && !is_set(own, "proxy_from_environment")
    {
        own.entry("proxy_url").or_insert_with(|| proxy.clone());
    }
}

/// Whether a setting says something: neither absent nor empty, and not `false`.
pub(super) fn is_set(settings: &Map<String, Json>, key: &str) -> bool {
    match settings.get(key) {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Number(number)) => number.as_i64() != Some(0),
        Some(_) => true,
    }
}

/// What must hold for a set of settings.
pub(super) fn check_rules(
    source: Source<'_>,
    place: &Location,
    rules: &[Rule],
    settings: &Map<String, Json>,
) -> Result<(), YamlError> {
    for rule in rules {
        match *rule {
            Rule::AtMostOne(a, b) if is_set(settings, a) && is_set(settings, b) => {
                let message = format!("at most one of {a} & {b} must be configured");
                return Err(source.error(place, message).with_hint(format!("remove `{a}` or `{b}`")));
            }
            Rule::AnyOf(keys, missing) if !keys.iter().any(|key| is_set(settings, key)) => {
                return Err(source.error(place, missing).with_hint(format!("set {}", keys.join(" or "))));
            }
            Rule::Word(key, words) => check_word(source, place, key, words, settings)?,
            Rule::AtMostOne(..) | Rule::AnyOf(..) => {}
        }
    }
    Ok(())
}

fn check_word(
    source: Source<'_>,
    place: &Location,
    key: &str,
    words: &[&str],
    settings: &Map<String, Json>,
) -> Result<(), YamlError> {
    match settings.get(key) {
        Some(Json::String(word)) if !word.is_empty() && !words.contains(&word.as_str()) => {
            let message = format!("unknown {key} {word:?}");
            Err(source.error(place, message).with_hint(format!("use one of {}", words.join(", "))))
        }
        _ => Ok(()),
    }
}
